"""Vectors whose two ends are one sequence inverted (AAV, some transposons): a read in such an end fits both ways round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aftercar.reads.junctions import SLACK, Junction, Site


def one_orientation(sites: Sequence[Site]) -> list[Site]:
    """Sites with two of opposite orientation at one place made one, in the orientation of most fragments.

    Only sites without a known provirus end are joined: reads that end inside an inverted terminal repeat do not tell
    in which direction the vector goes on. Two insertions at one base are not to be expected.
    """
    kept: list[Site] = []
    for site in sorted(sites, key=lambda s: -s.fragments):
        match = next((n for n, other in enumerate(kept) if _same_place(site, other)), None)
        if match is None:
            kept.append(site)
        else:
            kept[match] = _together(kept[match], site)
    return sorted(kept, key=lambda site: (site.contig, site.position))


def _same_place(one: Site, two: Site) -> bool:
    if one.contig != two.contig or one.orientation == two.orientation:
        return False
    if any(j.end or not j.exact or not j.unique for site in (one, two) for j in site.junctions):
        return False
    return any(
        a is not None and b is not None and abs(a.adjacent - b.adjacent) <= SLACK
        for a, b in ((one.left, two.left), (one.right, two.right))
    )


def _together(home: Site, other: Site) -> Site:
    left, right = _both(home.left, other.left), _both(home.right, other.right)
    tsd = left.adjacent - right.adjacent + 1 if left is not None and right is not None else home.tsd
    return replace(home, left=left, right=right, tsd=tsd)


def _both(home: Junction | None, other: Junction | None) -> Junction | None:
    """One side's fragments of both; the coordinate is that of the first."""
    if home is None or other is None:
        return home if home is not None else _turned(other)
    return replace(home, supports=(*home.supports, *other.supports))


def _turned(other: Junction | None) -> Junction | None:
    if other is None:
        return None
    return replace(other, orientation="-" if other.orientation == "+" else "+")
