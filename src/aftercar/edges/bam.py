"""The fast screen of a BAM file: every record is walked once, mates and supplementary records are fetched afterwards.

While walking, the range of places of each group of blocks is kept. The mates of candidates are then looked for only in
the groups whose range holds the mate's place, which makes an index needless for a sorted file; a file in another order is
walked once more by name. Nothing is assumed of the order of the records.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aftercar.edges import bgzf
from aftercar.edges.alignments import AlignmentError
from aftercar.edges.bam_records import Record, decode
from aftercar.edges.screen_simple import Found
from aftercar.edges.streams import Piece, bgzf_flow
from aftercar.reads import forms, walk_bam
from aftercar.reads.batch import SECONDARY, SUPPLEMENTARY, Pair, Read
from aftercar.reads.gathering import pairs_of
from aftercar.reads.kernels import arguments
from aftercar.reads.seeds import Seeds
from aftercar.reads.tally import Tally

_HITS = 4096
_REASONS = {
    walk_bam.BAD_SIZE: "a record states an impossible size",
    walk_bam.BAD_NAME: "a record's name is not as it should be",
    walk_bam.BAD_PARTS: "a record's parts do not fit into it",
    walk_bam.BAD_CONTIG: "a record names a contig that the header does not have",
}
_NO_PLACE = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Header:
    """Contigs and text of a BAM header, and where the first record begins in the inflated content."""

    text: str
    contigs: dict[str, int]
    size: int


@dataclass(slots=True)
class _Groups:
    """For each group of blocks: place in the file, offset of the first record, range of place keys."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    low: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)

    def holding(self, keys: Sequence[int]) -> set[int]:
        """Groups whose range holds any of the keys."""
        low, high = np.array(self.low, np.int64), np.array(self.high, np.int64)
        filled = np.flatnonzero(low != _NO_PLACE)
        low, high = low[filled], high[filled]
        if not len(filled):
            return set()
        wanted = np.unique(np.array(keys, np.int64))
        if (low[1:] < low[:-1]).any() or (high[1:] < high[:-1]).any():
            return {
                int(filled[i])
                for i in range(len(filled))
                if np.searchsorted(wanted, low[i]) < np.searchsorted(wanted, high[i], "right")
            }
        first = np.searchsorted(high, wanted, "left")
        last = np.searchsorted(low, wanted, "right")
        return {int(filled[i]) for a, b in zip(first, last, strict=True) for i in range(int(a), int(b))}


class BamScreen:
    """One BAM file being screened.

    Args:
        path: the file.
        seeds: the vector's tables.
        threads: inflating threads; 1 does everything in the caller's thread.
        progress: told the compressed bytes done, and of how many.
    """

    def __init__(
        self, path: Path, seeds: Seeds, threads: int = 1, progress: Callable[[float, float], None] = lambda done, total: None
    ) -> None:
        self.path = path
        self._tables = arguments(seeds, nibbles=True)
        self._threads = threads
        self._progress = progress
        self._size = path.stat().st_size
        self._groups = _Groups()
        self._seen: dict[str, dict[bytes, Record]] = {}
        self.header = Header("", {}, 0)
        self.tally = Tally({})
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self.pairs: list[Pair] = []
        self.lonely = 0
        self._fresh: set[str] = set()
        self._kept: set[int] = set()

    def run(self) -> Found:
        """Walk the file, then gather mates and supplementary records.

        Raises:
            DamagedFile, AlignmentError: never a short count.
        """
        bgzf.check_end(self.path)
        homes = self._walk(0, None)
        self._gather(homes)
        reads = [record.read for group in self._seen.values() for record in group.values()]
        self.pairs, self.lonely = pairs_of(reads)
        return Found(self.pairs, self.lonely, self.tally)

    def missing_keys(self) -> list[int]:
        """Places of records that candidates point to and that the file did not give."""
        return self._missing()[1]

    def run_section(self, start: int, offset: int, header: Header) -> Found:
        """Walk only from a virtual place on (block start, offset in its content), for a quick look."""
        self._use(header)
        self._walk(start, offset)
        reads = [record.read for group in self._seen.values() for record in group.values()]
        pairs, lonely = pairs_of(reads)
        return Found(pairs, lonely, self.tally)

    def _use(self, header: Header) -> None:
        self.header = header
        self.tally = Tally(header.contigs)
        self._names = list(header.contigs)
        self._numbers = {name: i for i, name in enumerate(self._names)}

    def _walk(self, start: int, offset: int | None) -> set[int]:
        """Walk from a block on; returns the groups with candidates."""
        state = np.zeros(8, np.int64)
        hits = np.empty(_HITS, np.int64)
        rest = np.empty(0, np.uint8)
        homes: set[int] = set()
        groups = self._groups
        skip = offset
        with bgzf_flow(self.path, self._threads, start) as flow:
            for whole in flow:
                piece = whole.with_before(rest)
                at = piece.start
                if skip is None:
                    header = read_header(piece.array[piece.start : piece.end], self.path)
                    if header is None:
                        rest = piece.array[piece.start : piece.end].copy()
                        continue
                    self._use(header)
                    at += header.size
                    rest = rest[:0]
                    skip = 0
                elif offset is not None:
                    at += offset
                    offset = None
                groups.starts.append(whole.file_start)
                groups.ends.append(whole.file_end)
                state[walk_bam.LOWEST], state[walk_bam.HIGHEST] = _NO_PLACE, -1
                first = at
                while True:
                    state[walk_bam.HITS] = 0
                    at = self._step(piece, at, state, hits)
                    for place in hits[: state[walk_bam.HITS]].tolist():
                        self._fresh.add(self._keep(piece.array, place))
                        self._kept.add(place)
                        homes.add(len(groups.starts) - 1)
                    if state[walk_bam.HITS] < _HITS:
                        break
                # Offset of the first record that begins in this group; the one before may reach into it.
                groups.offsets.append(_first_record(piece, len(rest), first))
                self._mates_here(piece, first, at, homes, len(groups.starts) - 1)
                groups.low.append(int(state[walk_bam.LOWEST]))
                groups.high.append(int(state[walk_bam.HIGHEST]))
                rest = piece.array[at : piece.end].copy()
                flow.release(whole)
                self._progress(float(whole.file_end), float(self._size))
        if skip is None:
            raise bgzf.DamagedFile("the file ends inside its header", where=str(self.path), fix=bgzf.AGAIN)
        if len(rest):
            raise bgzf.DamagedFile("the file ends inside a record", where=str(self.path), fix=bgzf.AGAIN)
        return homes

    def _mates_here(self, piece: Piece, first: int, at: int, homes: set[int], group: int) -> None:
        """Look for the relatives of a group's candidates in the group itself, while it is inflated."""
        if group not in homes:
            return
        wanted = np.sort(np.array([_hash(name) for name in self._fresh], np.uint64))
        self._find(piece, first, at, wanted, self._fresh)
        self._fresh.clear()
        self._kept.clear()

    def _find(self, piece: Piece, at: int, end: int, wanted: NDArray[np.uint64], names: set[str]) -> int:
        """Keep every record of the named templates; returns where the first record begins that is not whole."""
        state = np.zeros(8, np.int64)
        hits = np.empty(_HITS, np.int64)
        while True:
            state[walk_bam.HITS] = 0
            at = int(forms.names(piece.array, at, end, wanted, hits, state))
            self._check(state)
            for place in hits[: state[walk_bam.HITS]].tolist():
                if place in self._kept:
                    continue
                start, length = place + 36, int(piece.array[place + 12])
                if piece.array[start : start + length - 1].tobytes().decode("ascii", "replace") in names:
                    self._keep(piece.array, place)
            if state[walk_bam.HITS] < _HITS:
                return at

    def _step(self, piece: Piece, at: int, state: NDArray[np.int64], hits: NDArray[np.int64]) -> int:
        t = self.tally
        at = forms.bam(
            piece.array, at, piece.end, len(self._names), state, hits,
            t.counts, t.lengths, t.inserts, t.qualities, t.windows, t.doubtful, t.offsets, t.contig_reads,
            *self._tables,
        )  # fmt: skip
        self._check(state)
        return int(at)

    def _check(self, state: NDArray[np.int64]) -> None:
        error = int(state[walk_bam.ERROR])
        if error:
            where = f"{self.path}, record {int(state[walk_bam.RECORDS]) + 1:,}"
            raise AlignmentError(
                _REASONS[error], where=where, fix="the BAM is damaged or not BAM: check it with samtools quickcheck"
            )

    def _keep(self, array: NDArray[np.uint8], place: int) -> str:
        data = array.data
        raw = bytes(data[place + 4 : place + 4 + int.from_bytes(data[place : place + 4], "little")])
        length = raw[8]
        name = raw[32 : 32 + length - 1].decode("ascii", "replace")
        records = self._seen.setdefault(name, {})
        if raw not in records:
            records[raw] = decode(raw, self._names, self._numbers)
        return name

    def _gather(self, homes: set[int]) -> None:
        """Find the missing mates, primary and supplementary records of every candidate template."""
        searched: set[int] = set()
        near = {home + step for home in homes for step in (-1, 0, 1)}
        last = len(self._groups.starts)
        while True:
            names, keys = self._missing()
            if not names:
                return
            groups = self._groups.holding(keys)
            # Where a file is not sorted by place, relatives are likeliest beside each other; look there before everywhere.
            if 2 * len(groups) > last and not searched:
                groups = {group for group in near if 0 <= group < last}
            groups -= searched
            if not groups:
                break
            self._search(groups, names)
            searched |= groups
        everywhere = set(range(len(self._groups.starts))) - searched
        lonely = self._incomplete()
        if lonely and everywhere:
            self._search(everywhere, lonely)

    def _missing(self) -> tuple[set[str], list[int]]:
        """Templates with a record that is pointed to but not yet seen, and the places pointed to."""
        names: set[str] = set()
        keys: list[int] = []
        for name, records in self._seen.items():
            have = {self._key(record.read) for record in records.values()}
            wanted = {key for record in records.values() for key in record.others} - have
            if self._is_incomplete(records):
                wanted |= {record.mate_key for record in records.values() if record.mate_key >= 0}
            if wanted:
                names.add(name)
                keys += wanted
        return names, keys

    def _incomplete(self) -> set[str]:
        return {name for name, records in self._seen.items() if self._is_incomplete(records)}

    @staticmethod
    def _is_incomplete(records: dict[bytes, Record]) -> bool:
        """Whether a primary end of the template is not there."""
        flags = [r.read.flag for r in records.values()]
        ends = {flag & 0xC0 for flag in flags if not flag & (SECONDARY | SUPPLEMENTARY)}
        return len(ends) < (2 if flags[0] & 1 else 1)

    def _key(self, read: Read) -> int:
        return walk_bam.place_key(self._numbers[read.contig] if read.contig is not None else -1, read.position)

    def _search(self, groups: set[int], names: set[str]) -> None:
        """Keep every record of the named templates in these groups."""
        wanted = np.sort(np.array([_hash(name) for name in names], np.uint64))
        for first, last in _runs(sorted(groups)):
            self._search_run(first, last, wanted, names)

    def _search_run(self, first: int, last: int, wanted: NDArray[np.uint64], names: set[str]) -> None:
        groups = self._groups
        end = groups.ends[min(last + 1, len(groups.ends) - 1)]
        rest = np.empty(0, np.uint8)
        skip = groups.offsets[first]
        with bgzf_flow(self.path, self._threads, groups.starts[first], end) as flow:
            for whole in flow:
                piece = whole.with_before(rest)
                at = self._find(piece, piece.start + skip, piece.end, wanted, names)
                skip = 0
                rest = piece.array[at : piece.end].copy()
                flow.release(whole)


def _first_record(piece: Piece, carried: int, first: int) -> int:
    """Bytes of a group's own content before the first record that begins in it.

    Args:
        piece: the content, with what was carried over before it.
        carried: bytes of it that belong to the groups before.
        first: where the walk began in it.
    """
    begins = first - piece.start - carried
    if begins >= 0:
        return begins
    size = int.from_bytes(piece.array[first : first + 4].tobytes(), "little") + 4
    return max(0, begins + size)


def _hash(name: str) -> np.uint64:
    raw = np.frombuffer(name.encode("ascii", "replace"), np.uint8)
    return np.uint64(forms.name_hash(raw, 0, len(raw)))


def _runs(groups: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Consecutive numbers as (first, last)."""
    first = previous = None
    for group in groups:
        if previous is not None and group == previous + 1:
            previous = group
            continue
        if first is not None and previous is not None:
            yield first, previous
        first = previous = group
    if first is not None and previous is not None:
        yield first, previous


def read_header(data: NDArray[np.uint8], path: Path) -> Header | None:
    """The header at the beginning of the inflated content, or None when more of it is needed.

    Raises:
        AlignmentError: not a BAM.
    """
    raw = data.tobytes()
    if len(raw) < 12:
        return None
    if raw[:4] != b"BAM\x01":
        raise AlignmentError("the content is not BAM", where=str(path), fix="give a BAM, CRAM or FASTQ")
    text_length = struct.unpack_from("<i", raw, 4)[0]
    at = 8 + text_length
    if text_length < 0:
        raise AlignmentError("the header states an impossible size", where=str(path))
    if len(raw) < at + 4:
        return None
    text = raw[8:at].rstrip(b"\0").decode("utf-8", "replace")
    count = struct.unpack_from("<i", raw, at)[0]
    at += 4
    contigs: dict[str, int] = {}
    for _ in range(count):
        if len(raw) < at + 4:
            return None
        length = struct.unpack_from("<i", raw, at)[0]
        if length < 1:
            raise AlignmentError("the header states an impossible contig name", where=str(path))
        if len(raw) < at + 8 + length:
            return None
        contigs[raw[at + 4 : at + 3 + length].decode("utf-8", "replace")] = struct.unpack_from("<i", raw, at + 4 + length)[0]
        at += 8 + length
    return Header(text, contigs, at)


def screen_bam(
    path: Path, seeds: Seeds, threads: int = 1, progress: Callable[[float, float], None] = lambda done, total: None
) -> Found:
    """Screen a whole BAM file; see :class:`BamScreen`."""
    return BamScreen(path, seeds, threads, progress).run()


def open_header(path: Path) -> Header:
    """The header of a BAM file.

    Raises:
        AlignmentError, DamagedFile: not a BAM, or cut short in its header.
    """
    parts: list[NDArray[np.uint8]] = []
    with bgzf_flow(path, 1) as flow:
        for piece in flow:
            parts.append(piece.array[piece.start : piece.end].copy())
            header = read_header(np.concatenate(parts), path)
            if header is not None:
                return header
    raise bgzf.DamagedFile("the file ends inside its header", where=str(path), fix=bgzf.AGAIN)
