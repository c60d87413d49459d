"""The ends of a template with all that is known of each: file alignments, vector segments, streamed places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aftercar.reads.batch import DUPLICATE, FIRST, QC_FAIL, SECOND, Pair, Read
from aftercar.reads.junctions_align import Segment
from aftercar.reads.junctions_target import Codes, encode, flip
from aftercar.reads.placement import HostSequence, Places, genome_place, stream

_CIGAR = re.compile(r"(\d+)([MIDNSHP=X])")
UNIQUE_MAPQ = 10


@dataclass(frozen=True, slots=True)
class Aligned:
    """An alignment of the file, blocks in the order of the stored sequence: read start, read end, reference start."""

    contig: str
    strand: str
    size: int
    blocks: tuple[tuple[int, int, int], ...]
    quality: int

    @property
    def span(self) -> tuple[int, int]:
        """First and last-plus-one read base as sequenced."""
        start, stop = self.blocks[0][0], self.blocks[-1][1]
        return (start, stop) if self.strand == "+" else (self.size - stop, self.size - start)

    def diagonals(self) -> list[int]:
        """Reference coordinate of the first stored base by each block."""
        return [ref - start for start, _, ref in self.blocks]

    def at(self, base: int) -> int:
        """Reference coordinate of a read base as sequenced, by the nearest block."""
        stored = base if self.strand == "+" else self.size - 1 - base
        solid = [block for block in self.blocks if block[1] - block[0] >= 8] or list(self.blocks)
        start, _, ref = min(solid, key=lambda b: max(b[0] - stored, stored - (b[1] - 1), 0))
        return ref + stored - start


@dataclass(slots=True)
class End:
    """One end of a template with all that is known of it."""

    read: Read
    codes: Codes
    aligned: list[Aligned]
    segments: tuple[Segment, ...] = ()
    places: Places | None = None
    part: tuple[int, int] = (0, 0)

    @property
    def size(self) -> int:
        """Bases of the read."""
        return len(self.codes)


@dataclass(frozen=True, slots=True)
class Spot:
    """A placed host part: coordinate by read base as sequenced is ``first`` +- base."""

    contig: str
    strand: str
    first: int
    mismatches: int
    unique: bool
    weak: bool = False

    def at(self, base: int) -> int:
        """Reference coordinate of a read base as sequenced."""
        return self.first + base if self.strand == "+" else self.first - base


def usable(pairs: Sequence[Pair]) -> tuple[list[Pair], int]:
    """Pairs that are neither flagged duplicates nor failed, and how many were left out."""
    kept = [pair for pair in pairs if not (pair.first.flag & (DUPLICATE | QC_FAIL))]
    return kept, len(pairs) - len(kept)


def identity(both: list[End]) -> tuple[object, ...] | None:
    """What two copies of one molecule share: for every end, where its first sequenced base lies."""
    key: list[object] = []
    for end in both:
        if end.segments:
            segment = end.segments[0]
            origin = segment.target_start - segment.start if segment.strand == 1 else segment.target_stop + segment.start
            key += ["vector", segment.strand, origin, segment.start]
        if end.aligned:
            aligned = end.aligned[0]
            key += [aligned.contig, aligned.strand, aligned.at(0)]
        elif end.places and end.places.found:
            best = min(end.places.near_best(0), key=lambda place: (place.contig, place.start))
            key += [best.contig, best.strand, best.start]
        elif not end.segments:
            return None
    return tuple(key)


def ends_of(pair: Pair, contigs: Mapping[str, int]) -> list[End]:
    """The ends of a template, as sequenced, each with its own alignments to the host's contigs (to all when none is named)."""
    result = []
    for read, which in ((pair.first, FIRST), (pair.second, SECOND)):
        if read is None:
            continue
        codes = encode(read.sequence)
        extra = [other for other in pair.supplementary if pair.second is None or other.flag & which]
        aligned = [a for r in (read, *extra) if (a := _aligned(r, contigs)) is not None]
        if aligned and aligned[0].quality < UNIQUE_MAPQ and "XA" in read.tags:
            aligned += _alternatives(read.tags["XA"], contigs)
        result.append(End(read, flip(codes) if read.is_reverse else codes, aligned))
    return result


def _aligned(read: Read, contigs: Mapping[str, int]) -> Aligned | None:
    if not read.is_mapped or read.contig is None or not read.cigar:
        return None
    strand = "-" if read.is_reverse else "+"
    return _placed(read.contig, read.position, strand, read.cigar, read.mapping_quality, contigs)


def _alternatives(tag: str, contigs: Mapping[str, int]) -> list[Aligned]:
    """Other places of a read from bwa's ``XA`` tag: ``contig,+position,CIGAR,edits;``."""
    found = []
    for entry in tag.split(";"):
        cells = entry.rsplit(",", 3)
        if len(cells) == 4 and cells[1][1:].isdigit():
            placed = _placed(cells[0], int(cells[1][1:]) - 1, cells[1][0], cells[2], 0, contigs)
            found += [placed] if placed is not None else []
    return found


def _placed(name: str, position: int, strand: str, cigar: str, quality: int, contigs: Mapping[str, int]) -> Aligned | None:
    if contigs and name not in contigs:
        return None
    contig, offset = genome_place(name, contigs.get(name))
    blocks = []
    at, ref = 0, position + offset
    for count, kind in _CIGAR.findall(cigar):
        length = int(count)
        if kind in "M=X":
            blocks.append((at, at + length, ref))
            at += length
            ref += length
        elif kind in "ISH":
            at += length
        elif kind in "DN":
            ref += length
    return Aligned(contig, strand, at, tuple(blocks), quality) if blocks else None


CHANCE = 30  #: a vector match shorter than this is chance where the file aligns the same bases to the host


def chance_match(end: End, segment: Segment) -> bool:
    """Whether a short vector match lies within a sure host alignment of the same bases."""
    if segment.length >= CHANCE or not end.aligned or end.aligned[0].quality < UNIQUE_MAPQ:
        return False
    low, high = end.aligned[0].span
    return low <= segment.start + 2 and segment.stop - 2 <= high


def host_parts(end: End) -> Iterator[tuple[int, int, Segment, bool]]:
    """Read intervals beside the vector: start, stop, the neighbouring segment, whether the host part comes first."""
    if end.segments:
        first, last = end.segments[0], end.segments[-1]
        if first.start > 0:
            yield 0, first.start, first, True
        if last.stop < end.size:
            yield last.stop, end.size, last, False


def stream_unplaced(ends: list[list[End]], host: HostSequence) -> None:
    """One pass over the host for parts and mates that the file did not place, or placed with doubt."""
    wanted: list[tuple[End, tuple[int, int]]] = []
    for both in ends:
        for end in both:
            if any(aligned.quality >= UNIQUE_MAPQ for aligned in end.aligned):
                continue
            spans = [(start, stop) for start, stop, _, _ in host_parts(end)] if end.segments else [(0, end.size)]
            span = max(spans, key=lambda s: s[1] - s[0], default=(0, 0))
            if span[1] - span[0] >= 20:
                wanted.append((end, span))
    for (end, span), places in zip(wanted, stream([end.codes[slice(*span)] for end, span in wanted], host), strict=True):
        end.places, end.part = places, span
