"""Reference FASTA: any stretch of any contig, or all contigs one after another.

Plain, bgzip and gzip files are read alike. An index (``.fai``) beside the file is used when it fits; otherwise one is
made in memory, so that a reference in a read-only folder works. Bases come back upper case, soft masking is dropped.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from aftercar.edges import bgzf
from aftercar.edges.files import existing_file
from aftercar.errors import InputError

_CHUNK = 8 << 20


class FastaError(InputError):
    """A reference FASTA that cannot be read."""

    code = "fasta"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of a FASTA index: bases, offset of the first base, bases a line, bytes a line."""

    length: int
    offset: int
    line_bases: int
    line_bytes: int

    def place(self, position: int) -> int:
        """Byte offset of a base."""
        return self.offset + position // self.line_bases * self.line_bytes + position % self.line_bases


class FastaFile:
    """A FASTA open for random access; safe to read from several threads.

    Args:
        path: plain, bgzip or gzip FASTA. A gzip that is not bgzip cannot be jumped in, so it is inflated once into a
            temporary file.

    Raises:
        FastaError: not FASTA, lines of unequal length inside a contig, or a damaged file.
    """

    def __init__(self, path: Path) -> None:
        self.path = existing_file(Path(path))
        with self.path.open("rb") as stream:
            first = stream.read(18)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._blocks: bgzf.BlockTable | None = None
        bytes_from = self.path
        if bgzf.is_bgzf(first):
            self._blocks = bgzf.BlockTable(self.path)
        elif first[:2] == b"\x1f\x8b":
            self._temporary = tempfile.TemporaryDirectory(prefix="aftercar-")
            bytes_from = Path(self._temporary.name) / "reference.fa"
            with bytes_from.open("wb") as out:
                for chunk in bgzf.gunzip_chunks(self.path):
                    out.write(chunk)
        self._handle = os.open(bytes_from, os.O_RDONLY)
        self._size = self._blocks.size if self._blocks else os.fstat(self._handle).st_size
        try:
            self._entries = self._read_index() or self._make_index()
        except BaseException:
            self.close()
            raise
        if not self._entries:
            self.close()
            raise FastaError("no contig in the file", where=str(self.path), fix="give a FASTA; its first line begins with >")

    def __enter__(self) -> FastaFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and remove what was inflated."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    @property
    def lengths(self) -> Mapping[str, int]:
        """Contig lengths in the order of the file."""
        return {name: entry.length for name, entry in self._entries.items()}

    def __contains__(self, contig: str) -> bool:
        return contig in self._entries

    def name_of(self, contig: str) -> str | None:
        """This file's name of a contig that another file may call with or without ``chr``, or None."""
        if contig in self._entries:
            return contig
        bare = contig[3:] if contig.startswith("chr") else contig
        others = [bare, f"chr{bare}"] + (["chrM", "MT"] if bare in ("M", "MT") else [])
        return next((name for name in others if name in self._entries), None)

    def fetch(self, contig: str, start: int, end: int) -> str:
        """Bases ``start`` to ``end`` (0-based half-open), upper case; what lies outside the contig is left out.

        Raises:
            FastaError: for a contig that is not in the file.
        """
        return self.fetch_array(contig, start, end).tobytes().decode("ascii")

    def fetch_array(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        """As :meth:`fetch`, as upper-case ASCII codes."""
        entry = self._entries.get(contig)
        if entry is None:
            shown = ", ".join(list(self._entries)[:4])
            raise FastaError(
                f"no contig {contig}", where=f"{self.path} has {shown}, ...", fix="give the reference the reads were aligned to"
            )
        start, end = max(0, start), min(end, entry.length)
        if end <= start:
            return np.empty(0, np.uint8)
        first, last = entry.place(start), entry.place(end - 1) + 1
        raw = np.frombuffer(self._bytes(first, last), np.uint8)
        if len(raw) != last - first:
            raise FastaError("the file ends before its index says", where=str(self.path), fix="make the index again")
        if entry.line_bytes > entry.line_bases:
            raw = raw[raw > 32]
        return raw & np.uint8(0xDF)

    def stream(self, step: int = _CHUNK, overlap: int = 0) -> Iterator[tuple[str, int, NDArray[np.uint8]]]:
        """Every contig in pieces: name, position of the first base, upper-case ASCII codes.

        Args:
            step: bases of one piece.
            overlap: bases that a piece shares with the one before it.
        """
        for name, entry in self._entries.items():
            for start in range(0, entry.length, step):
                low = max(0, start - overlap)
                yield name, low, self.fetch_array(name, low, start + step)

    def _bytes(self, start: int, end: int) -> bytes:
        if self._blocks is not None:
            return self._blocks.read(start, end)
        parts = []
        while start < end:
            part = os.pread(self._handle, end - start, start)
            if not part:
                break
            parts.append(part)
            start += len(part)
        return b"".join(parts)

    def _read_index(self) -> dict[str, _Entry] | None:
        """The ``.fai`` beside the file, if it is there, not older than the file, and within its size."""
        index = self.path.with_name(self.path.name + ".fai")
        if not index.is_file() or index.stat().st_mtime < self.path.stat().st_mtime:
            return None
        entries: dict[str, _Entry] = {}
        try:
            for line in index.read_text().splitlines():
                name, *numbers = line.split("\t")
                entries[name] = _Entry(*(int(number) for number in numbers[:4]))
        except (ValueError, TypeError):
            return None
        fits = all(e.length == 0 or (e.line_bases > 0 and e.place(e.length - 1) < self._size) for e in entries.values())
        return entries if fits else None

    def _make_index(self) -> dict[str, _Entry]:
        maker = _IndexMaker(str(self.path))
        at = 0
        while at < self._size:
            part = self._bytes(at, min(at + _CHUNK, self._size))
            if not part:
                break
            maker.feed(part)
            at += len(part)
        return maker.finish()


class _IndexMaker:
    """Makes FASTA index entries from the file's bytes, fed piece by piece."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._rest = b""
        self._at = 0
        self._entries: dict[str, _Entry] = {}
        self._name: str | None = None
        self._offset = self._bases = self._line_bases = self._line_bytes = 0
        self._short = False

    def feed(self, part: bytes) -> None:
        data = self._rest + part
        cut = data.rfind(b"\n") + 1
        self._rest = data[cut:]
        self._lines(data[:cut])

    def finish(self) -> dict[str, _Entry]:
        if self._rest:
            self._lines(self._rest + b"\n")
        self._close()
        return self._entries

    def _lines(self, data: bytes) -> None:
        codes = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(codes == 10)
        starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
        heads = np.flatnonzero(codes[starts] == 62)
        bounds = [*heads.tolist(), len(starts)]
        self._sequence(codes, starts[: bounds[0]], ends[: bounds[0]])
        for head, after in pairwise(bounds):
            self._close()
            words = data[starts[head] + 1 : ends[head]].split()
            self._name = words[0].decode("utf-8", "replace") if words else ""
            if self._name in self._entries:
                raise FastaError(f"two contigs are called {self._name}", where=self._where)
            self._offset = self._at + int(ends[head]) + 1
            self._bases = self._line_bases = self._line_bytes = 0
            self._short = False
            self._sequence(codes, starts[head + 1 : after], ends[head + 1 : after])
        self._at += len(data)

    def _sequence(self, codes: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        if not len(starts):
            return
        carriage = (ends > starts) & (codes[ends - 1] == 13)
        bases = ends - starts - carriage
        if self._name is None:
            if bases.any():
                raise FastaError(
                    "bases before the first header", where=self._where, fix="give a FASTA; its first line begins with >"
                )
            return
        if not self._line_bases:
            self._line_bases, self._line_bytes = int(bases[0]), int(ends[0] - starts[0] + 1)
        # Every line but the last of a contig must be of one length, or places cannot be computed.
        uneven = (bases[:-1] != self._line_bases).any() or bases[-1] > self._line_bases
        if bases.any() and (self._short or uneven):
            raise FastaError(
                f"lines of unequal length in contig {self._name}", where=self._where, fix="rewrite it, e.g. with samtools faidx"
            )
        self._short = bool(bases[-1] < self._line_bases)
        self._bases += int(bases.sum())

    def _close(self) -> None:
        if self._name is not None:
            self._entries[self._name] = _Entry(self._bases, self._offset, max(1, self._line_bases), max(1, self._line_bytes))
