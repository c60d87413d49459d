"""From candidate pairs to evidence: one split read, or one pair with an end on each side, at a time.

For each end: its vector segments, the host part beside them, and where that host part stands, from the file's own alignment,
from the mate's window, or from the streamed reference. What comes out is a list of :class:`Support`, each a fragment
that joins one host coordinate to one vector position in a stated orientation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from aftercar.reads.batch import DUPLICATE, FIRST, QC_FAIL, SECOND, Pair, Read
from aftercar.reads.junctions_align import Segment, VectorAligner
from aftercar.reads.junctions_target import Codes, Target, encode, flip
from aftercar.reads.placement import STREAMED_FROM, HostSequence, Place, allowed_mismatches, genome_place, in_window, stream

Side = Literal["left", "right"]
_CIGAR = re.compile(r"(\d+)([MIDNSHP=X])")

MIN_HOST = 10  #: least host bases beside a known provirus end, found in the mate's window
MIN_HOST_FREE = 20  #: least host bases where no end is known
MIN_UNSHARED = 10  #: least vector bases that are not human, in the read or its mate
UNIQUE_MAPQ = 10
SURE_ALONE = 30  #: a part placed by streaming alone makes a junction from this many bases on, each mismatch counting eight
OVERRUN = 12  #: an aligner may extend a host read by so many bases into the vector
EFFECTIVE_UNIQUE = 20  #: a part placed by itself must have this many bases, each mismatch counting three


@dataclass(frozen=True, slots=True)
class Library:
    """What the fragments look like: read length, and template length (NaN for single-end reads), in bases."""

    read_length: int
    insert_mean: float
    insert_sd: float

    @property
    def longest(self) -> int:
        """Longest template worth believing (mean and four standard deviations; 1,000 when not known)."""
        if math.isnan(self.insert_mean):
            return 1_000
        spread = 0.0 if math.isnan(self.insert_sd) else self.insert_sd
        return int(self.insert_mean + 4 * max(spread, 0.1 * self.insert_mean))

    @property
    def typical(self) -> float:
        """Mean template length (500 when not known)."""
        return 500.0 if math.isnan(self.insert_mean) else self.insert_mean


@dataclass(frozen=True, slots=True)
class Support:
    """One fragment that joins host to vector.

    Attributes:
        template: read name.
        kind: ``split`` (a read crosses the junction) or ``spanning`` (the junction lies between the ends).
        contig: host sequence.
        side: which side of the provirus the host part is on, in reference orientation.
        orientation: ``+`` when the provirus reads with the reference.
        end: ``left`` or ``right`` end of the provirus, empty where the break is elsewhere in the vector.
        vector: target position of the boundary (first base of a left break, one past the last of a right break); -1
            when not known.
        adjacent: 0-based coordinate of the host base beside the vector; an estimate for spanning fragments.
        low, high: limits of ``adjacent`` (equal for split reads).
        host_outer: coordinate of the fragment's host end.
        vector_outer: target position of the fragment's vector end.
        host_bases, vector_bases: length of the two sides within the fragment, as far as sequenced.
        mismatches: of the host part.
        unique: whether the host part has one place only.
        others: other places that fit as well: contig, adjacent, side, orientation.
        unshared: vector bases of the fragment that are not human.
        reverse: whether the vector lies against the read (strand balance).
        weak: placed by a short or mismatched part alone; it joins a junction but does not make one by itself.
    """

    template: str
    kind: Literal["split", "spanning"]
    contig: str
    side: Side
    orientation: str
    end: str
    vector: int
    adjacent: int
    low: int
    high: int
    host_outer: int
    vector_outer: int
    host_bases: int
    vector_bases: int
    mismatches: int
    unique: bool
    others: tuple[tuple[str, int, Side, str], ...]
    unshared: int
    reverse: bool
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Loose:
    """A split read whose host part is too short or too repeated to be placed by itself.

    Attributes:
        template: read name.
        end: ``left`` or ``right`` end of the provirus.
        part: encoded host bases, read away from the vector.
        vector: target position of the boundary.
        vector_outer: target position of the fragment's vector end.
        unshared, reverse: as in :class:`Support`.
    """

    template: str
    end: str
    part: Codes
    vector: int
    vector_outer: int
    unshared: int
    reverse: bool


@dataclass(frozen=True, slots=True)
class VectorFragment:
    """A fragment with vector bases: which target bases each end covers, and whether it is evidence of the vector."""

    template: str
    segments: tuple[tuple[Segment, ...], tuple[Segment, ...]]
    unshared: int
    host_like: bool


@dataclass(frozen=True, slots=True)
class Rearrangement:
    """A read that joins two vector positions that are not neighbours (deletion, inversion, tandem copy)."""

    template: str
    before: int
    after: int
    inverted: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the candidate pairs say.

    Attributes:
        supports: fragments that join host and vector.
        fragments: fragments with vector bases (duplicates removed).
        rearrangements: reads that join two vector positions.
        loose: split reads at a provirus end whose host part has no place of its own.
        unplaced: split reads with 23 host bases and more that have no place (foreign DNA, unknown vector parts).
        duplicates: fragments dropped as copies of another.
    """

    supports: tuple[Support, ...]
    fragments: tuple[VectorFragment, ...]
    rearrangements: tuple[Rearrangement, ...]
    loose: tuple[Loose, ...]
    unplaced: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class _Aligned:
    """An alignment of the file, blocks in the order of the stored sequence: read start, read end, reference start."""

    contig: str
    strand: str
    size: int
    blocks: tuple[tuple[int, int, int], ...]
    quality: int
    mismatches: int = 0

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
class _End:
    """One end of a template with all that is known of it."""

    read: Read
    codes: Codes
    aligned: list[_Aligned]
    segments: tuple[Segment, ...] = ()
    places: list[Place] | None = None
    part: tuple[int, int] = (0, 0)

    @property
    def size(self) -> int:
        return len(self.codes)


@dataclass(frozen=True, slots=True)
class _Spot:
    """A placed host part: coordinate by read base as sequenced is ``first`` +- base."""

    contig: str
    strand: str
    first: int
    mismatches: int
    unique: bool
    weak: bool = False

    def at(self, base: int) -> int:
        return self.first + base if self.strand == "+" else self.first - base


def gather(
    pairs: Sequence[Pair],
    target: Target,
    library: Library,
    *,
    host: HostSequence | None = None,
    contigs: Mapping[str, int] | None = None,
    aligner: VectorAligner | None = None,
) -> Evidence:
    """Evidence of all candidate pairs.

    Args:
        pairs: candidates of one sample, from BAM/CRAM (with host alignments) or FASTQ (without).
        target: from :func:`aftercar.reads.junctions_target.target_of`.
        library: read and template length.
        host: the reference; without it only the file's own alignments place host parts.
        contigs: contig lengths of the file (to understand names that are windows).
        aligner: made for ``target``, to be reused over calls.
    """
    aligner = aligner or VectorAligner(target)
    kept, flagged = _usable(pairs)
    ends = [_ends(pair, contigs or {}) for pair in kept]
    flat = [end for both in ends for end in both]
    for end, segments in zip(flat, aligner.align([end.codes for end in flat]), strict=True):
        end.segments = segments
    ends = [both for both in ends if any(end.segments for end in both)]
    if host is not None:
        _stream_unplaced(ends, host)
    reader = _Reader(target, library, host)
    seen: set[tuple[object, ...]] = set()
    supports: list[Support] = []
    fragments: list[VectorFragment] = []
    rearranged: list[Rearrangement] = []
    copies = flagged
    for both in ends:
        key = _identity(both)
        if key in seen:
            copies += 1
            continue
        if key is not None:
            seen.add(key)
        fragment = reader.fragment(both)
        fragments.append(fragment)
        if not fragment.host_like:
            supports += reader.supports(both, fragment)
            rearranged += reader.rearrangements(both)
    return Evidence(tuple(supports), tuple(fragments), tuple(rearranged), tuple(reader.loose), reader.unplaced, copies)


def _usable(pairs: Sequence[Pair]) -> tuple[list[Pair], int]:
    kept = [pair for pair in pairs if not (pair.first.flag & (DUPLICATE | QC_FAIL))]
    return kept, len(pairs) - len(kept)


def _identity(both: list[_End]) -> tuple[object, ...] | None:
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
        elif end.places:
            key += [end.places[0].contig, end.places[0].strand, end.places[0].start]
        elif not end.segments:
            return None
    return tuple(key)


def _ends(pair: Pair, contigs: Mapping[str, int]) -> list[_End]:
    result = []
    for read, which in ((pair.first, FIRST), (pair.second, SECOND)):
        if read is None:
            continue
        codes = encode(read.sequence)
        extra = [other for other in pair.supplementary if pair.second is None or other.flag & which]
        aligned = [a for r in (read, *extra) if (a := _aligned(r, contigs)) is not None]
        result.append(_End(read, flip(codes) if read.is_reverse else codes, aligned))
    return result


def _aligned(read: Read, contigs: Mapping[str, int]) -> _Aligned | None:
    if not read.is_mapped or read.contig is None or not read.cigar:
        return None
    contig, offset = genome_place(read.contig, contigs.get(read.contig))
    blocks = []
    at, ref = 0, read.position + offset
    for count, kind in _CIGAR.findall(read.cigar):
        length = int(count)
        if kind in "M=X":
            blocks.append((at, at + length, ref))
            at += length
            ref += length
        elif kind in "ISH":
            at += length
        elif kind in "DN":
            ref += length
    if not blocks:
        return None
    return _Aligned(contig, "-" if read.is_reverse else "+", at, tuple(blocks), read.mapping_quality)


def _host_parts(end: _End) -> Iterator[tuple[int, int, Segment, bool]]:
    """Read intervals beside the vector: start, stop, the neighbouring segment, whether the host part comes first."""
    if end.segments:
        first, last = end.segments[0], end.segments[-1]
        if first.start > 0:
            yield 0, first.start, first, True
        if last.stop < end.size:
            yield last.stop, end.size, last, False


def _stream_unplaced(ends: list[list[_End]], host: HostSequence) -> None:
    """One pass over the host for parts and mates that the file did not place, or placed with doubt."""
    wanted: list[tuple[_End, tuple[int, int]]] = []
    for both in ends:
        for end in both:
            if any(aligned.quality >= UNIQUE_MAPQ for aligned in end.aligned):
                continue
            spans = [(start, stop) for start, stop, _, _ in _host_parts(end)] if end.segments else [(0, end.size)]
            span = max(spans, key=lambda s: s[1] - s[0], default=(0, 0))
            if span[1] - span[0] >= 20:
                wanted.append((end, span))
    for (end, span), places in zip(wanted, stream([end.codes[slice(*span)] for end, span in wanted], host), strict=True):
        end.places, end.part = places, span


class _Reader:
    def __init__(self, target: Target, library: Library, host: HostSequence | None) -> None:
        self.target, self.library, self.host = target, library, host
        self.unplaced = 0
        self.loose: list[Loose] = []
        self._unshared = np.concatenate([[0], np.cumsum(~target.shared)])

    def _unshared_bases(self, segments: Sequence[Segment]) -> int:
        return sum(int(self._unshared[s.target_stop] - self._unshared[s.target_start]) for s in segments)

    def fragment(self, both: list[_End]) -> VectorFragment:
        """What the template says of the vector; host-like when the host explains its vector bases as well."""
        segments = tuple(end.segments for end in both) + ((),) * (2 - len(both))
        unshared = sum(self._unshared_bases(parts) for parts in segments)
        explained = [self._explained_by_host(end) for end in both if end.segments]
        host_like = unshared < MIN_UNSHARED or all(explained)
        return VectorFragment(both[0].read.name, (segments[0], segments[1]), unshared, host_like)

    def _explained_by_host(self, end: _End) -> bool:
        """Whether a host alignment covers the vector segments too (human part of the vector, or chance)."""
        for aligned in end.aligned:
            start, stop = aligned.span
            covered = sum(max(0, min(stop, s.stop) - max(start, s.start)) for s in end.segments)
            total = sum(s.length for s in end.segments)
            if covered >= total - 3 and covered >= 0.9 * total:
                return True
        if end.places and not end.aligned and end.part == (0, end.size):
            return True
        return False

    def rearrangements(self, both: list[_End]) -> Iterator[Rearrangement]:
        """Joins of two segments within a read."""
        for end in both:
            for one, two in zip(end.segments[:-1], end.segments[1:], strict=True):
                before = one.target_stop if one.strand == 1 else one.target_start
                after = two.target_start if two.strand == 1 else two.target_stop
                yield Rearrangement(end.read.name, before, after, one.strand != two.strand)

    def supports(self, both: list[_End], fragment: VectorFragment) -> list[Support]:
        """Split reads first; a spanning pair only where no read crosses the junction."""
        found: list[Support] = []
        for number, end in enumerate(both):
            mate = both[1 - number] if len(both) == 2 else None
            for start, stop, segment, host_first in _host_parts(end):
                support = self._split(end, mate, start, stop, segment, host_first, fragment)
                if support is not None:
                    found.append(support)
        if not found and len(both) == 2:
            for vector, other in ((both[0], both[1]), (both[1], both[0])):
                if vector.segments and not other.segments:
                    support = self._across(vector, other, fragment)
                    if support is not None:
                        found.append(support)
        if len(found) == 2 and (found[0].contig, found[0].side, found[0].adjacent) == (
            found[1].contig,
            found[1].side,
            found[1].adjacent,
        ):
            found = [max(found, key=lambda s: min(s.host_bases, s.vector_bases))]
        return found

    # -- split reads ------------------------------------------------------------------------------------------------

    def _split(
        self, end: _End, mate: _End | None, start: int, stop: int, segment: Segment, host_first: bool, fragment: VectorFragment
    ) -> Support | None:
        known = self._end_of(segment, host_first)
        size = stop - start
        if size < (MIN_HOST if known else MIN_HOST_FREE):
            return None
        spots = self._spots(end, mate, start, stop)
        spots = [spot for spot in spots if not self._host_goes_on(end, spot, segment)]
        vector_outer = self._vector_outer(segment, end, mate, host_first)
        boundary = (segment.target_start if segment.strand == 1 else segment.target_stop) if host_first else (
            segment.target_stop if segment.strand == 1 else segment.target_start
        )  # fmt: skip
        if not spots:
            self.unplaced += size >= STREAMED_FROM
            if known:
                part = flip(end.codes[start:stop]) if host_first else end.codes[start:stop]
                name, against = end.read.name, segment.strand == -1
                self.loose.append(Loose(name, known, part, boundary, vector_outer, fragment.unshared, against))
            return None
        best = min(spot.mismatches for spot in spots)
        equal = [spot for spot in spots if spot.mismatches <= best + (0 if len(spots) == 1 else 1)]
        chosen = equal[0]
        edge = stop - 1 if host_first else start
        outer = start if host_first else stop - 1
        described = [self._described(spot, edge, segment, host_first) for spot in equal]
        contig, adjacent, side, orientation = described[0]
        host_outer = self._host_outer(chosen, mate, outer)
        return Support(
            end.read.name, "split", contig, side, orientation, known, boundary, adjacent, adjacent, adjacent, host_outer, vector_outer,
            abs(adjacent - host_outer) + 1, abs(boundary - vector_outer), chosen.mismatches, len(equal) == 1 and chosen.unique,
            tuple(described[1:]), fragment.unshared, segment.strand == -1, chosen.weak,
        )  # fmt: skip

    def _end_of(self, segment: Segment, host_first: bool) -> str:
        """The provirus end at the boundary towards the host part, empty when the break is elsewhere."""
        wanted = "left" if host_first == (segment.strand == 1) else "right"
        return wanted if wanted in segment.end else ""

    def _described(self, spot: _Spot, edge: int, segment: Segment, host_first: bool) -> tuple[str, int, Side, str]:
        forward = spot.strand == "+"
        side: Side = "left" if host_first == forward else "right"
        return spot.contig, spot.at(edge), side, "+" if forward == (segment.strand == 1) else "-"

    def _spots(self, end: _End, mate: _End | None, start: int, stop: int) -> list[_Spot]:
        own = self._own(end, start, stop)
        if own and own[0].unique:
            return own[:1]
        mates = self._mate_spots(mate) if mate is not None and not mate.segments else []
        if own and mates:
            together = [spot for spot in own if any(self._concordant(spot, other, start, stop) for other in mates)]
            if together:
                least = min(spot.mismatches for spot in together)
                together = [spot for spot in together if spot.mismatches == least]
                return [replace(spot, unique=len(together) == 1, weak=False) for spot in together]
        if not own and mates and self.host is not None:
            own = [spot for other in mates for spot in self._near_mate(end, other, start, stop)]
            if own:
                sure = len(own) == 1 and mates[0].unique
                return [replace(spot, unique=sure) for spot in own]
        return own

    def _own(self, end: _End, start: int, stop: int) -> list[_Spot]:
        """Places of the part itself: the file's alignment (checked against the reference when there is one), or streamed."""
        spots: list[_Spot] = []
        for aligned in end.aligned:
            low, high = aligned.span
            if min(high, stop) - max(low, start) < min(12, stop - start):
                continue
            spots.append(self._from_alignment(end, aligned, start, stop))
        if spots and (spots[0].unique or not end.places):
            return [spot for spot in spots if spot.mismatches <= allowed_mismatches(stop - start) + 2] or spots[:1]
        if end.places and end.part == (start, stop):
            size = stop - start
            least = end.places[0].mismatches
            near = [place for place in end.places if place.mismatches <= least + 1]
            sure = len(near) == 1 and size - 3 * least >= EFFECTIVE_UNIQUE
            if size - 3 * least < EFFECTIVE_UNIQUE - 2:
                return []
            weak = size < SURE_ALONE or size - 8 * least < SURE_ALONE
            return [replace(self._from_place(place, start, stop, sure), weak=weak) for place in near]
        return spots

    @staticmethod
    def _from_place(place: Place, start: int, stop: int, unique: bool) -> _Spot:
        first = place.start - start if place.strand == "+" else place.start + stop - 1
        return _Spot(place.contig, place.strand, first, place.mismatches, unique)

    def _from_alignment(self, end: _End, aligned: _Aligned, start: int, stop: int) -> _Spot:
        unique = aligned.quality >= UNIQUE_MAPQ
        middle = aligned.at(stop - 1 if start == 0 else start)
        anchor = stop - 1 if start == 0 else start
        firsts = {middle - anchor if aligned.strand == "+" else middle + anchor}
        if self.host is None:
            return _Spot(aligned.contig, aligned.strand, firsts.pop(), 0, unique)
        for diagonal in aligned.diagonals():
            firsts.add(diagonal if aligned.strand == "+" else diagonal + aligned.size - 1)
        near = range(max(start, stop - 40), stop) if start == 0 else range(start, min(stop, start + 40))
        scored = [(self._wrong(end, aligned.contig, aligned.strand, first, near), first) for first in sorted(firsts)]
        wrong, first = min(scored)
        return _Spot(aligned.contig, aligned.strand, first, wrong, unique)

    def _wrong(self, end: _End, contig: str, strand: str, first: int, bases: range) -> int:
        """Mismatches of read bases as sequenced against the reference on one diagonal."""
        assert self.host is not None
        part = end.codes[bases.start : bases.stop]
        if strand == "+":
            host = self.host.fetch(contig, first + bases.start, first + bases.stop)
        else:
            host = flip(self.host.fetch(contig, first - bases.stop + 1, first - bases.start + 1))
        return int((part != host).sum()) if len(host) == len(part) else len(part)

    def _mate_spots(self, mate: _End) -> list[_Spot]:
        spots = [
            _Spot(a.contig, a.strand, a.at(0) if a.strand == "+" else a.at(0), 0, a.quality >= UNIQUE_MAPQ)
            for a in mate.aligned[:1]
        ]
        if spots and (spots[0].unique or not mate.places):
            return spots
        if mate.places:
            least = mate.places[0].mismatches
            near = [place for place in mate.places if place.mismatches <= least + 1]
            return [self._from_place(place, *mate.part, len(near) == 1) for place in near[:50]]
        return spots

    def _concordant(self, spot: _Spot, mate: _Spot, start: int, stop: int) -> bool:
        """Whether the mate faces the part from within the longest template."""
        if spot.contig != mate.contig or spot.strand == mate.strand:
            return False
        here, there = spot.at(start), mate.at(0)
        apart = there - here if spot.strand == "+" else here - there
        return -self.library.read_length <= apart <= self.library.longest

    def _near_mate(self, end: _End, mate: _Spot, start: int, stop: int) -> list[_Spot]:
        assert self.host is not None
        strand = "-" if mate.strand == "+" else "+"
        reach = self.library.longest
        low, high = (mate.first - 20, mate.first + reach) if strand == "-" else (mate.first - reach, mate.first + 20)
        places = in_window(end.codes[start:stop], self.host, mate.contig, low, high, strand)
        return [self._from_place(place, start, stop, mate.unique) for place in places]

    def _host_goes_on(self, end: _End, spot: _Spot, segment: Segment) -> bool:
        """Whether the host itself explains the vector bases at this place (a human part of the vector)."""
        if self.host is None:
            return False
        wrong = self._wrong(end, spot.contig, spot.strand, spot.first, range(segment.start, segment.stop))
        return wrong <= 0.12 * segment.length

    def _host_outer(self, spot: _Spot, mate: _End | None, outer: int) -> int:
        """The fragment's host end: the mate's first base when the mate is host too, else the read's own end."""
        if mate is not None and not mate.segments:
            for other in self._mate_spots(mate)[:3]:
                if self._concordant(spot, other, outer, outer):
                    return other.at(0)
        return spot.at(outer)

    def _vector_outer(self, segment: Segment, end: _End, mate: _End | None, host_first: bool) -> int:
        """The fragment's vector end: the mate's first vector base when it lies further in, else the read's own."""
        own = (segment.target_stop if segment.strand == 1 else segment.target_start) if host_first else (
            segment.target_start if segment.strand == 1 else segment.target_stop
        )  # fmt: skip
        if mate is not None and mate.segments and host_first:
            other = mate.segments[0]
            return other.target_stop if other.strand == 1 else other.target_start
        return own

    # -- pairs with an end on each side -------------------------------------------------------------------------------

    def _across(self, vector: _End, other: _End, fragment: VectorFragment) -> Support | None:
        segment = vector.segments[0]
        if fragment.unshared < 2 * MIN_UNSHARED or vector.size - segment.length > 12:
            return None
        spots = self._mate_spots(other)
        if not spots:
            return None
        spot = spots[0]
        forward = spot.strand == "+"
        towards = "right" if segment.strand == 1 else "left"
        origin = segment.target_start if segment.strand == 1 else segment.target_stop
        boundary, inside = self._boundary(towards, origin)
        if self.target.has_ends and (boundary < 0 or inside > self.library.longest - MIN_HOST):
            return None
        orientation = "+" if forward == (segment.strand == -1) else "-"
        side: Side = "left" if forward else "right"
        step = 1 if forward else -1
        outer = spot.at(0)
        crossing = self._short_tail(other, spot, towards, boundary) if boundary >= 0 else 0
        last = spot.at(other.size - 1 - crossing)
        if crossing:
            low = high = estimate = last
        else:
            reach = outer + step * (self.library.longest - inside - 1)
            estimate = outer + step * max(other.size - 1, int(self.library.typical - inside - 1))
            inner = last - step * OVERRUN
            low, high = (inner, max(last, reach)) if forward else (min(last, reach), inner)
            estimate = min(max(estimate, low), high)
        others = tuple((s.contig, s.at(other.size - 1), "left" if s.strand == "+" else "right",
                        "+" if (s.strand == "+") == (segment.strand == -1) else "-") for s in spots[1:20])  # fmt: skip
        return Support(
            other.read.name, "split" if crossing else "spanning", spot.contig, side, orientation, towards if boundary >= 0 else "",
            boundary, estimate, low, high, outer, origin, abs(estimate - outer) + 1, inside, spot.mismatches,
            spot.unique and len(spots) == 1, others, fragment.unshared, segment.strand == -1,
        )  # fmt: skip

    def _boundary(self, towards: str, origin: int) -> tuple[int, int]:
        """Nearest provirus end that the vector read looks at, and the vector bases up to it; (-1, 0) when none is known."""
        if towards == "right":
            ahead = [(end - origin, end) for end in self.target.right_ends if end >= origin]
        else:
            ahead = [(origin - end, end) for end in self.target.left_ends if end <= origin]
        if not ahead:
            return -1, 0
        inside, boundary = min(ahead)
        return boundary, inside

    def _short_tail(self, end: _End, spot: _Spot, towards: str, boundary: int) -> int:
        """Bases at the end of the host read that are vector: they must fit the vector and not the host.

        At least three bases must be explained better by the vector than by the host; without a reference the bases
        that the aligner clipped stand for those that do not fit the host.
        """
        most = min(25, end.size - MIN_HOST)
        ahead = (
            self.target.codes[boundary : boundary + most]
            if towards == "left"
            else flip(self.target.codes[boundary - most : boundary])
        )
        tail = end.codes[end.size - most :]
        if self.host is not None:
            bases = range(end.size - most, end.size)
            if spot.strand == "+":
                host = self.host.fetch(spot.contig, spot.first + bases.start, spot.first + bases.stop)
            else:
                host = flip(self.host.fetch(spot.contig, spot.first - bases.stop + 1, spot.first - bases.start + 1))
            unlike = (tail != host).astype(int)
        else:
            stop = max((a.span[1] for a in end.aligned), default=end.size)
            unlike = (np.arange(end.size - most, end.size) >= stop).astype(int)
        best, gain = 0, 2
        for length in range(3, len(ahead) + 1):
            wrong = int((tail[most - length :] != ahead[:length]).sum())
            better = int(unlike[most - length :].sum()) - wrong
            if wrong <= max(length >= 6, length // 8) and better > gain:
                best, gain = length, better
        return best
