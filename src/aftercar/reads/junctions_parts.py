"""From candidate pairs to evidence: one split read, or one pair with an end on each side, at a time.

For each end: its vector segments, the host part beside them, and where that host part stands, from the file's own alignment,
from the mate's window, or from the streamed reference. What comes out is a list of :class:`Support`, each a fragment
that joins one host coordinate to one vector position in a stated orientation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from aftercar.reads.batch import Pair
from aftercar.reads.junctions_align import Segment, VectorAligner
from aftercar.reads.junctions_ends import (
    UNIQUE_MAPQ,
    Aligned,
    End,
    Spot,
    chance_match,
    ends_of,
    host_parts,
    identity,
    stream_unplaced,
    usable,
)
from aftercar.reads.junctions_target import Target, flip
from aftercar.reads.junctions_types import Evidence, Library, Loose, Other, Rearrangement, Side, Support, VectorFragment
from aftercar.reads.placement import STREAMED_FROM, HostSequence, Place, allowed_mismatches, in_window

MIN_HOST = 10  #: least host bases beside a known provirus end, found in the mate's window
MIN_HOST_FREE = 20  #: least host bases where no end is known
MIN_UNSHARED = 10  #: least vector bases that are not human, in the read or its mate
SURE_ALONE = 30  #: a part placed by streaming alone makes a junction from this many bases on, each mismatch counting eight
OVERRUN = 12  #: an aligner may extend a host read by so many bases into the vector
EFFECTIVE_UNIQUE = 20  #: a part placed by itself must have this many bases, each mismatch counting three


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
        contigs: lengths of the file's host contigs; alignments to others (the vector in a hybrid genome) place nothing.
        aligner: made for ``target``, to be reused over calls.
    """
    aligner = aligner or VectorAligner(target)
    kept, flagged = usable(pairs)
    ends = [ends_of(pair, contigs or {}) for pair in kept]
    flat = [end for both in ends for end in both]
    for end, segments in zip(flat, aligner.align([end.codes for end in flat]), strict=True):
        end.segments = tuple(segment for segment in segments if not chance_match(end, segment))
    ends = [both for both in ends if any(end.segments for end in both)]
    if host is not None:
        stream_unplaced(ends, host)
    reader = _Reader(target, library, host)
    seen: set[tuple[object, ...]] = set()
    supports: list[Support] = []
    fragments: list[VectorFragment] = []
    rearranged: list[Rearrangement] = []
    copies = flagged
    for both in ends:
        key = identity(both)
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


def _best(spots: list[Spot]) -> list[Spot]:
    """Those within one mismatch of the best, unique when there is one."""
    if not spots:
        return []
    least = min(spot.mismatches for spot in spots)
    near = list({(s.contig, s.strand, s.first): s for s in spots if s.mismatches <= least + 1}.values())
    return [replace(spot, unique=len(near) == 1, weak=False) for spot in sorted(near, key=lambda s: s.mismatches)]


class _Reader:
    def __init__(self, target: Target, library: Library, host: HostSequence | None) -> None:
        self.target, self.library, self.host = target, library, host
        self.unplaced = 0
        self.loose: list[Loose] = []
        self._unshared = np.concatenate([[0], np.cumsum(~target.shared)])

    def _unshared_bases(self, segments: Sequence[Segment]) -> int:
        return sum(int(self._unshared[s.target_stop] - self._unshared[s.target_start]) for s in segments)

    def fragment(self, both: list[End]) -> VectorFragment:
        """What the template says of the vector; host-like when the host explains its vector bases as well."""
        segments = tuple(end.segments for end in both) + ((),) * (2 - len(both))
        unshared = sum(self._unshared_bases(parts) for parts in segments)
        explained = [self._explained_by_host(end) for end in both if end.segments]
        host_like = unshared < MIN_UNSHARED or all(explained)
        return VectorFragment(both[0].read.name, (segments[0], segments[1]), unshared, host_like)

    def _explained_by_host(self, end: End) -> bool:
        """Whether a host alignment covers the vector segments too (human part of the vector, or chance)."""
        for aligned in end.aligned:
            start, stop = aligned.span
            covered = sum(max(0, min(stop, s.stop) - max(start, s.start)) for s in end.segments)
            total = sum(s.length for s in end.segments)
            if covered >= total - 3 and covered >= 0.9 * total:
                return True
        return end.places is not None and bool(end.places.found) and not end.aligned and end.part == (0, end.size)

    def rearrangements(self, both: list[End]) -> Iterator[Rearrangement]:
        """Joins of two segments within a read."""
        for end in both:
            for one, two in zip(end.segments[:-1], end.segments[1:], strict=True):
                # Bases that fit both parts are counted with the first.
                both_fit = max(0, one.stop - two.start)
                before = one.target_stop if one.strand == 1 else one.target_start
                after = two.target_start + both_fit if two.strand == 1 else two.target_stop - both_fit
                inverted = one.strand != two.strand
                if (inverted and before > after) or (not inverted and one.strand == -1):
                    before, after = after, before
                yield Rearrangement(end.read.name, before, after, inverted, inverted and one.strand == 1)

    def supports(self, both: list[End], fragment: VectorFragment) -> list[Support]:
        """Split reads first; a spanning pair only where no read crosses the junction."""
        found: list[Support] = []
        for number, end in enumerate(both):
            mate = both[1 - number] if len(both) == 2 else None
            for start, stop, segment, host_first in host_parts(end):
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
        self, end: End, mate: End | None, start: int, stop: int, segment: Segment, host_first: bool, fragment: VectorFragment
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
        part = flip(end.codes[start:stop]) if host_first else end.codes[start:stop]
        if not spots:
            self.unplaced += size >= STREAMED_FROM
            if known:
                name, against = end.read.name, segment.strand == -1
                self.loose.append(Loose(name, known, part, boundary, vector_outer, fragment.unshared, against))
            return None
        best = min(spot.mismatches for spot in spots)
        equal = [spot for spot in spots if spot.mismatches <= best + (0 if len(spots) == 1 else 1)]
        chosen = equal[0]
        edge = stop - 1 if host_first else start
        if not known:
            edge = self._host_edge(end, chosen, start, stop, host_first)
        outer = start if host_first else stop - 1
        described = [self._described(spot, edge, segment, host_first) for spot in equal]
        contig, adjacent, side, orientation, _ = described[0]
        host_outer = self._host_outer(chosen, mate, outer)
        unique = len(equal) == 1 and chosen.unique
        return Support(
            template=end.read.name,
            kind="split",
            contig=contig,
            side=side,
            orientation=orientation,
            end=known,
            vector=boundary,
            adjacent=adjacent,
            low=adjacent,
            high=adjacent,
            host_outer=host_outer,
            vector_outer=vector_outer,
            host_bases=abs(adjacent - host_outer) + 1,
            vector_bases=abs(boundary - vector_outer),
            mismatches=chosen.mismatches,
            unique=unique,
            others=tuple(described[1:]),
            unshared=fragment.unshared,
            reverse=segment.strand == -1,
            weak=chosen.weak,
            part=part,
        )

    def _host_edge(self, end: End, spot: Spot, start: int, stop: int, host_first: bool) -> int:
        """Last read base that the host explains, towards a break without a known end; what is left over was inserted."""
        if self.host is None:
            spans = [a.span for a in end.aligned if a.contig == spot.contig and a.strand == spot.strand]
            reach = [min(high, stop) - 1 if host_first else max(low, start) for low, high in spans if low < stop and high > start]
            return (max(reach) if host_first else min(reach)) if reach else (stop - 1 if host_first else start)
        part = end.codes[start:stop]
        if spot.strand == "+":
            host = self.host.fetch(spot.contig, spot.first + start, spot.first + stop)
        else:
            host = flip(self.host.fetch(spot.contig, spot.first - stop + 1, spot.first - start + 1))
        score = np.where(part == host, 1, -3)
        if host_first:
            return start + int(np.argmax(np.cumsum(score)))
        return stop - 1 - int(np.argmax(np.cumsum(score[::-1])))

    def _end_of(self, segment: Segment, host_first: bool) -> str:
        """The provirus end at the boundary towards the host part, empty when the break is elsewhere."""
        wanted = "left" if host_first == (segment.strand == 1) else "right"
        return wanted if wanted in segment.end else ""

    def _described(self, spot: Spot, edge: int, segment: Segment, host_first: bool) -> Other:
        forward = spot.strand == "+"
        side: Side = "left" if host_first == forward else "right"
        return spot.contig, spot.at(edge), side, "+" if forward == (segment.strand == 1) else "-", spot.mismatches

    def _spots(self, end: End, mate: End | None, start: int, stop: int) -> list[Spot]:
        """Places of a host part, best first within one mismatch; the mate decides between equal ones."""
        own = self._own(end, start, stop)
        if own and own[0].unique and end.aligned:
            return own[:1]
        mates = self._mate_spots(mate) if mate is not None and not mate.segments else []
        if own and mates:
            together = []
            for spot in own:
                wrong = [other.mismatches for other in mates if self._concordant(spot, other, start, stop)]
                if wrong:
                    together.append(replace(spot, mismatches=spot.mismatches + min(wrong)))
            return _best(together) or [replace(spot, weak=True) for spot in own]
        if not own and mates and self.host is not None:
            near = [
                replace(spot, mismatches=spot.mismatches + other.mismatches)
                for other in mates
                for spot in self._near_mate(end, other, start, stop)
            ]
            return _best(near)
        return own

    def _own(self, end: End, start: int, stop: int) -> list[Spot]:
        """Places of the part itself: the file's alignment (checked against the reference when there is one), or streamed."""
        spots: list[Spot] = []
        for aligned in end.aligned:
            low, high = aligned.span
            if min(high, stop) - max(low, start) < min(12, stop - start):
                continue
            spots.append(self._from_alignment(end, aligned, start, stop))
        streamed = end.places is not None and bool(end.places.found) and end.part == (start, stop)
        if spots and (spots[0].unique or not streamed):
            return [spot for spot in spots if spot.mismatches <= allowed_mismatches(stop - start) + 2] or spots[:1]
        if end.places is None or not streamed or not end.places.complete:
            return []
        size = stop - start
        least = end.places.found[0].mismatches
        if size - 3 * least < EFFECTIVE_UNIQUE:
            return []
        weak = size - 8 * least < SURE_ALONE
        near = end.places.near_best()
        return [replace(self._from_place(place, start, stop, len(near) == 1), weak=weak) for place in near]

    @staticmethod
    def _from_place(place: Place, start: int, stop: int, unique: bool) -> Spot:
        first = place.start - start if place.strand == "+" else place.start + stop - 1
        return Spot(place.contig, place.strand, first, place.mismatches, unique)

    def _from_alignment(self, end: End, aligned: Aligned, start: int, stop: int) -> Spot:
        unique = aligned.quality >= UNIQUE_MAPQ
        middle = aligned.at(stop - 1 if start == 0 else start)
        anchor = stop - 1 if start == 0 else start
        firsts = {middle - anchor if aligned.strand == "+" else middle + anchor}
        if self.host is None:
            return Spot(aligned.contig, aligned.strand, firsts.pop(), 0, unique)
        for diagonal in aligned.diagonals():
            firsts.add(diagonal if aligned.strand == "+" else diagonal + aligned.size - 1)
        near = range(max(start, stop - 40), stop) if start == 0 else range(start, min(stop, start + 40))
        scored = [(self._wrong(end, aligned.contig, aligned.strand, first, near), first) for first in sorted(firsts)]
        wrong, first = min(scored)
        return Spot(aligned.contig, aligned.strand, first, wrong, unique)

    def _wrong(self, end: End, contig: str, strand: str, first: int, bases: range) -> int:
        """Mismatches of read bases as sequenced against the reference on one diagonal."""
        assert self.host is not None
        part = end.codes[bases.start : bases.stop]
        if strand == "+":
            host = self.host.fetch(contig, first + bases.start, first + bases.stop)
        else:
            host = flip(self.host.fetch(contig, first - bases.stop + 1, first - bases.start + 1))
        return int((part != host).sum()) if len(host) == len(part) else len(part)

    def _mate_spots(self, mate: End) -> list[Spot]:
        spots = [
            Spot(a.contig, a.strand, a.at(0), 0, a.quality >= UNIQUE_MAPQ)
            for a in mate.aligned[:20]
            if a is mate.aligned[0] or mate.aligned[0].quality < UNIQUE_MAPQ
        ]
        if spots and spots[0].unique:
            return spots[:1]
        if mate.places is not None and mate.places.found:
            if not mate.places.complete:
                return []
            near = mate.places.near_best(2)
            alone = len(mate.places.near_best()) == 1
            return [self._from_place(place, *mate.part, alone) for place in near[:100]]
        return spots

    def _concordant(self, spot: Spot, mate: Spot, start: int, stop: int) -> bool:
        """Whether the mate faces the part from within the longest template."""
        if spot.contig != mate.contig or spot.strand == mate.strand:
            return False
        here, there = spot.at(start), mate.at(0)
        apart = there - here if spot.strand == "+" else here - there
        return -self.library.read_length <= apart <= self.library.longest

    def _near_mate(self, end: End, mate: Spot, start: int, stop: int) -> list[Spot]:
        assert self.host is not None
        strand = "-" if mate.strand == "+" else "+"
        reach = self.library.longest
        low, high = (mate.first - 20, mate.first + reach) if strand == "-" else (mate.first - reach, mate.first + 20)
        places = in_window(end.codes[start:stop], self.host, mate.contig, low, high, strand)
        return [self._from_place(place, start, stop, mate.unique) for place in places]

    def _host_goes_on(self, end: End, spot: Spot, segment: Segment) -> bool:
        """Whether the host itself explains the vector bases at this place (a human part of the vector)."""
        if self.host is None:
            return False
        wrong = self._wrong(end, spot.contig, spot.strand, spot.first, range(segment.start, segment.stop))
        return wrong <= 0.12 * segment.length

    def _host_outer(self, spot: Spot, mate: End | None, outer: int) -> int:
        """The fragment's host end: the mate's first base when the mate is host too, else the read's own end."""
        if mate is not None and not mate.segments:
            for other in self._mate_spots(mate)[:3]:
                if self._concordant(spot, other, outer, outer):
                    return other.at(0)
        return spot.at(outer)

    def _vector_outer(self, segment: Segment, end: End, mate: End | None, host_first: bool) -> int:
        """The fragment's vector end: the mate's first vector base when it lies further in, else the read's own."""
        own = (segment.target_stop if segment.strand == 1 else segment.target_start) if host_first else (
            segment.target_start if segment.strand == 1 else segment.target_stop
        )  # fmt: skip
        if mate is not None and mate.segments and host_first:
            other = mate.segments[0]
            return other.target_stop if other.strand == 1 else other.target_start
        return own

    # -- pairs with an end on each side -------------------------------------------------------------------------------

    def _across(self, vector: End, other: End, fragment: VectorFragment) -> Support | None:
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
        others = tuple(self._beyond(one, abs(estimate - outer), segment) for one in spots[1:20])
        return Support(
            template=other.read.name,
            kind="split" if crossing else "spanning",
            contig=spot.contig,
            side=side,
            orientation=orientation,
            end=towards if boundary >= 0 else "",
            vector=boundary,
            adjacent=estimate,
            low=low,
            high=high,
            host_outer=outer,
            vector_outer=origin,
            host_bases=abs(estimate - outer) + 1,
            vector_bases=inside,
            mismatches=spot.mismatches,
            unique=spot.unique and len(spots) == 1,
            others=others,
            unshared=fragment.unshared,
            reverse=segment.strand == -1,
        )

    def _beyond(self, spot: Spot, base: int, segment: Segment) -> Other:
        forward = spot.strand == "+"
        orientation = "+" if forward == (segment.strand == -1) else "-"
        return spot.contig, spot.at(base), "left" if forward else "right", orientation, spot.mismatches

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

    def _short_tail(self, end: End, spot: Spot, towards: str, boundary: int) -> int:
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
