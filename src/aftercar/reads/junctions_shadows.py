"""Shadows: one insertion that reads in repeated sequence place twice.

An aligner puts some reads of an insertion at a near copy of its place. Two insertions at the very same base of two copies
of one sequence, with the same provirus end, are not to be expected; so two junctions of one end whose host
flanks read alike are taken as one. The weaker joins a much stronger one; where neither is, they are one group with both places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from aftercar.reads.junctions_target import UNKNOWN_BASE, Codes
from aftercar.reads.junctions_types import Other, Side, Support
from aftercar.reads.placement import allowed_mismatches

STRONGER = 2  #: a junction takes in another when it has more than so many times its fragments
FAR_BASES, NEAR_BASES, NEAR = 20, 15, 2_000  #: bases a part must share with the other flank, far away and within NEAR bases


def flank_of(supports: Sequence[Support]) -> Codes:
    """The longest host part of a junction's fragments, as its flank where no reference is given."""
    parts = [s.part for s in supports if s.part is not None]
    return max(parts, key=len, default=np.zeros(0, np.uint8))


def fits(supports: Sequence[Support], flank: Codes, own: Codes, *, near: bool) -> bool:
    """Whether every fragment of a junction fits another flank about as well as its own.

    Args:
        supports: fragments of the junction that may be a shadow.
        flank, own: bases read away from the vector at the other junction and at this one.
        near: whether both stand close together, where a short part suffices.
    """
    needed = NEAR_BASES if near else FAR_BASES
    compared = 0
    for support in supports:
        if support.part is None:
            continue
        size = min(len(support.part), len(flank), len(own))
        if size < NEAR_BASES:
            continue
        part = support.part[:size]
        there, here = int((flank[:size] != part).sum()), int((own[:size] != part).sum())
        if there > min(here + 1, allowed_mismatches(size)) or (flank[:size] == UNKNOWN_BASE).any():
            return False
        compared = max(compared, size)
    return compared >= needed


def shadows(
    groups: Sequence[tuple[tuple[str, int, str], Sequence[Support]]], flank: Callable[[int], Codes]
) -> list[tuple[int, int, bool]]:
    """Pairs of junctions that are one: the weaker, the stronger, and whether the weaker simply joins.

    Args:
        groups: for each exact junction its contig, coordinate and provirus end, with its fragments.
        flank: bases beside a junction by its number, read away from the vector.
    """
    order = sorted(range(len(groups)), key=lambda n: -len(groups[n][1]))
    flanks = {n: flank(n) for n in order if groups[n][0][2]}
    order = [n for n in order if len(flanks.get(n, ())) >= NEAR_BASES]
    if len(order) < 2:
        return []
    first = np.stack([flanks[n][:NEAR_BASES] for n in order])
    found: list[tuple[int, int, bool]] = []
    gone: set[int] = set()
    for at, weak in reversed(list(enumerate(order))):
        contig, adjacent, end = groups[weak][0]
        # Parts may differ from each flank in two of these bases, so the flanks differ in four at most.
        for strong in (
            order[i] for i in np.flatnonzero((first[:at] != first[at]).sum(axis=1) <= 2 * allowed_mismatches(NEAR_BASES) + 2)
        ):
            other_contig, other, other_end = groups[strong][0]
            if strong in gone or other_end != end:
                continue
            near = other_contig == contig and abs(other - adjacent) <= NEAR
            if fits(groups[weak][1], flanks[strong], flanks[weak], near=near):
                joins = len(groups[strong][1]) > STRONGER * len(groups[weak][1])
                found.append((weak, strong, joins))
                gone.add(weak)
                break
    return found


def moved(support: Support, contig: str, adjacent: int, side: Side, orientation: str) -> Support:
    """The fragment with its host part at another place."""
    reach = support.host_bases - 1
    outer = adjacent - reach if side == "left" else adjacent + reach
    if (contig, side) == (support.contig, support.side) and abs(adjacent - support.adjacent) <= NEAR_BASES:
        outer = support.host_outer
    return replace(
        support, contig=contig, adjacent=adjacent, low=adjacent, high=adjacent, side=side, orientation=orientation,
        host_outer=outer,
    )  # fmt: skip


def likeliest(fragments: Sequence[Sequence[Other]]) -> tuple[tuple[str, int, Side, str], ...]:
    """Places that fit the fragments of a group about as well as the best does.

    A place that a fragment does not list fits it worse by two mismatches at least. One fragment alone may be misled by an
    error or an indel, so a place is given up only when it fits at least two fragments worse than the best place, net of
    those that it fits better.
    """
    listed = [{place[:4]: place[4] for place in reversed(places)} for places in fragments]
    every = sorted({place for one in listed for place in one}, key=lambda p: (p[0], p[1], p[2], p[3]))
    costs = {place: [one.get(place, min(one.values()) + 2) for one in listed] for place in every}
    best = min(every, key=lambda place: sum(costs[place]))
    needed = min(2, len(fragments))

    def net_worse(place: tuple[str, int, Side, str]) -> int:
        return sum((here > there) - (here < there) for here, there in zip(costs[place], costs[best], strict=True))

    return tuple(place for place in every if net_worse(place) < needed)
