"""What happened to the vector itself: deletions, tandem and inverted copies, truncations, by name and coordinates.

Reads that join two vector positions which are not neighbours are gathered by their breakpoints; sites whose host junction
lies inside the vector are truncations. Coordinates count the bases of the integrated form from 1. A join seen in one
fragment only may be a chimera of the library; it is listed with its support of 1 and not called confirmed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aftercar.reads.junctions import Junction, Site
from aftercar.reads.junctions_target import Part, Target
from aftercar.reads.junctions_types import Rearrangement

LEAST = 20  #: bases; shorter jumps are sequencing or alignment noise
SLACK = 12  #: bases by which breakpoints of one join may be shifted by sequence that both sides share
CONFIRMED = 2  #: fragments
TAILS, HEADS = "inverted, ends meet", "inverted, starts meet"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the vector.

    Attributes:
        kind: ``deletion``, ``tandem_copy`` (a stretch follows itself), ``end_to_end`` (right end joined to left end: tandem
            proviruses, or a circle that is not integrated), ``inverted_copy``, ``inversion``
            (both joins of a turned stretch are seen), ``truncated_left``, ``truncated_right``.
        construct: name of the construct.
        start, end: 1-based first and last base of the integrated form that are lost, repeated or turned; for ``inverted_copy``
            the two bases that meet.
        fragments: different fragments that show it.
        elements: annotated elements that the stretch touches.
        site: contig and 1-based position for a truncation, else None.
    """

    kind: str
    construct: str
    start: int
    end: int
    fragments: int
    elements: tuple[str, ...]
    site: tuple[str, int] | None = None

    @property
    def bases(self) -> int:
        """Length of the stretch."""
        return self.end - self.start + 1

    @property
    def confirmed(self) -> bool:
        """Whether several fragments show it."""
        return self.fragments >= CONFIRMED


def changes(
    joins: Sequence[Rearrangement], sites: Sequence[Site], target: Target, elements: Sequence[tuple[str, str, int, int]] = ()
) -> tuple[Change, ...]:
    """Every change of the vector in one sample, those with most fragments first.

    Args:
        joins: reads that join two vector positions.
        sites: from :func:`aftercar.reads.junctions.pair_junctions`.
        target: what the reads were compared with.
        elements: name, kind, start and end of each element in target coordinates.
    """
    found = [*_within(joins, target, elements), *_truncated(sites, target, elements)]
    return tuple(sorted(found, key=lambda change: (-change.fragments, change.kind, change.start, change.end)))


def _within(joins: Sequence[Rearrangement], target: Target, elements: Sequence[tuple[str, str, int, int]]) -> Iterator[Change]:
    named = []
    for join in joins:
        part = _part_of(join, target)
        if part is not None:
            kind, start, end = _named(join, part, target)
            if end - start >= LEAST:
                named.append((kind, part, start, end, join.template))
    named.sort(key=lambda row: (row[0], row[1].start, row[2], row[3]))
    groups: list[list[_Row]] = []
    for row in named:
        last = groups[-1][-1] if groups else None
        alike = last is not None and last[:2] == row[:2] and row[2] - last[2] <= SLACK and abs(row[3] - last[3]) <= SLACK
        if alike:
            groups[-1].append(row)
        else:
            groups.append([row])
    for group in _inversions(groups):
        kind, part, start, end, _ = group[len(group) // 2]
        yield Change(
            kind,
            part.name,
            start - part.start + 1,
            end - part.start,
            len({row[4] for row in group}),
            _touched(start, end, elements),
        )


_Row = tuple[str, Part, int, int, str]


def _inversions(groups: Sequence[list[_Row]]) -> Iterator[list[_Row]]:
    """Groups with inverted joins named: two of opposite kind at the same bases are an inversion, one alone an inverted copy."""
    tails = [group for group in groups if group[0][0] == TAILS]
    heads = [group for group in groups if group[0][0] == HEADS]
    yield from (group for group in groups if group[0][0] not in (TAILS, HEADS))
    for group in tails:
        match = next((h for h in heads if _close(h[0], group[0])), None)
        if match is not None:
            heads.remove(match)
        name = "inverted_copy" if match is None else "inversion"
        yield [(name, *row[1:]) for row in (*group, *(match or ()))]
    for group in heads:
        yield [("inverted_copy", *row[1:]) for row in group]


def _close(one: _Row, two: _Row) -> bool:
    return abs(one[2] - two[2]) <= 2 * SLACK and abs(one[3] - two[3]) <= 2 * SLACK


def _part_of(join: Rearrangement, target: Target) -> Part | None:
    """The integrated form that holds both breakpoints; None for joins with plasmid sequence."""
    for part in target.parts:
        if part.kind == "provirus" and all(part.start <= position <= part.end for position in (join.before, join.after)):
            return part
    return None


def _named(join: Rearrangement, part: Part, target: Target) -> tuple[str, int, int]:
    """Kind and stretch; reads in an LTR may be drawn to either copy, so ends are compared by their place in the LTR."""
    if join.inverted:
        return TAILS if join.tails else HEADS, join.before, join.after
    if _is_end(join.before, target.right_ends) and _is_end(join.after, target.left_ends):
        return "end_to_end", part.start, part.end
    if join.after >= join.before:
        return "deletion", join.before, join.after
    return "tandem_copy", join.after, join.before


def _is_end(position: int, ends: Sequence[int]) -> bool:
    return any(abs(position - end) <= 3 for end in ends)


def _touched(start: int, end: int, elements: Sequence[tuple[str, str, int, int]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name, _, low, high in elements if low < end and start < high))


def _truncated(sites: Sequence[Site], target: Target, elements: Sequence[tuple[str, str, int, int]]) -> Iterator[Change]:
    """Sites whose junction lies inside the vector although its ends are known."""
    if not target.has_ends:
        return
    for site in sites:
        for junction in site.junctions:
            if junction.end or junction.vector < 0 or not junction.exact:
                continue
            part = target.part_at(junction.vector)
            if part.kind != "provirus":
                continue
            kind = _lost_side(junction)
            start, end = (part.start, junction.vector) if kind == "truncated_left" else (junction.vector, part.end)
            if end - start < LEAST:
                continue
            yield Change(
                kind, part.name, start - part.start + 1, end - part.start, junction.fragments, _touched(start, end, elements),
                (site.contig, site.position + 1),
            )  # fmt: skip


def _lost_side(junction: Junction) -> str:
    """Which end of the provirus is missing: the one that would have stood at this host side."""
    return "truncated_left" if (junction.side == "left") == (junction.orientation == "+") else "truncated_right"


def change_json(change: Change) -> dict[str, Any]:
    """One change as it stands in ``verdict.json``."""
    return {
        "kind": change.kind,
        "construct": change.construct,
        "start": change.start,
        "end": change.end,
        "bases": change.bases,
        "fragments": change.fragments,
        "confirmed": change.confirmed,
        "elements": list(change.elements),
        "site": None if change.site is None else {"chrom": change.site[0], "pos": change.site[1]},
    }
