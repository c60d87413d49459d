"""The host's bases from a FASTA by genome coordinates, whether the file holds whole contigs or windows of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from aftercar.edges.fasta import FastaFile
from aftercar.reads.junctions_target import UNKNOWN_BASE, Codes, encode
from aftercar.reads.placement import genome_place
from aftercar.vocab.genomes import bare_contig

_PAGE = 1 << 14
_PAGES = 512
_STEP = 1 << 23
_OVERLAP = 1 << 10


class FastaHost:
    """Keeps to :class:`aftercar.reads.placement.HostSequence`; recently used pages stay in memory (8 MB).

    Args:
        path: the FASTA.
        without: contigs of it that are not host (a vector or virus in a hybrid genome).
    """

    def __init__(self, path: Path, *, without: Collection[str] = ()) -> None:
        self._fasta = FastaFile(path)
        self._lengths = {name: length for name, length in self._fasta.lengths.items() if name not in without}
        self._stretches: dict[str, list[tuple[int, int, str]]] = {}
        self.names: dict[str, str] = {}
        for name, length in self._lengths.items():
            contig, start = genome_place(name, length)
            self.names.setdefault(bare_contig(contig), contig)
            self._stretches.setdefault(bare_contig(contig), []).append((start, length, name))
        self._pages: OrderedDict[tuple[str, int], Codes] = OrderedDict()

    def __enter__(self) -> FastaHost:
        return self

    def __exit__(self, *_: object) -> None:
        self._fasta.close()

    @property
    def bases(self) -> int:
        """Bases in the file."""
        return sum(self._lengths.values())

    @property
    def lengths(self) -> dict[str, int]:
        """Lengths of whole contigs in the file; windows are left out."""
        return {name: length for name, length in self._lengths.items() if genome_place(name, length)[0] == name}

    @property
    def has_windows(self) -> bool:
        """Whether any sequence of the file is a window of a contig."""
        return len(self.lengths) < len(self._lengths)

    def covers(self, contig: str) -> bool:
        """Whether the file holds any base of the contig."""
        return bare_contig(contig) in self._stretches

    def fetch(self, contig: str, start: int, end: int) -> Codes:
        """Encoded bases; unknown where the file has none."""
        out = np.full(max(0, end - start), UNKNOWN_BASE, np.uint8)
        for first, length, name in self._stretches.get(bare_contig(contig), ()):
            low, high = max(start, first), min(end, first + length)
            while low < high:
                page, offset = divmod(low - first, _PAGE)
                codes = self._page(name, page)
                size = min(high - low, len(codes) - offset)
                out[low - start : low - start + size] = codes[offset : offset + size]
                low += size
        return out

    def blocks(self) -> Iterator[tuple[str, int, Codes]]:
        """Every stretch in pieces that overlap by 1,024 bases, so that no part of a read falls between them."""
        for name, first, bases in self._fasta.stream(_STEP, _OVERLAP):
            if name not in self._lengths:
                continue
            contig, start = genome_place(name, self._lengths[name])
            yield contig, start + first, encode(bases.tobytes())

    def _page(self, name: str, page: int) -> Codes:
        key = (name, page)
        codes = self._pages.get(key)
        if codes is None:
            codes = encode(self._fasta.fetch_array(name, page * _PAGE, (page + 1) * _PAGE).tobytes())
            self._pages[key] = codes
            if len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        else:
            self._pages.move_to_end(key)
        return codes
