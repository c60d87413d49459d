"""Variants shared between tumour, CAR-positive cells, blood and apheresis of one person.

Shared means seen in both. Seen in one and not in another is a statement only where the other was deep enough: each pair
carries the limit down to which the absence holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aftercar.biomarkers.detection import highest_possible

Key = tuple[str, int, str, str]
Call = Literal["seen", "not_seen", "not_covered"]
Conclusion = Literal["shared", "private", "not_assessable"]


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads with a variant and in all, in one material."""

    alt_reads: int
    depth: int


@dataclass(frozen=True, slots=True)
class SharedVariant:
    """One variant across materials.

    Attributes:
        key: place and alleles.
        label: gene and change in words.
        calls: by material, whether it was seen.
        limits: by material, upper limit of the allele fraction (1 where not covered).
        conclusion: ``shared`` (seen in two or more), ``private`` (seen in one, all others covered down to ``below``),
            ``not_assessable``.
        below: largest of the other materials' limits; None unless private.
    """

    key: Key
    label: str
    calls: Mapping[str, Call]
    limits: Mapping[str, float]
    conclusion: Conclusion
    below: float | None


def share(
    materials: Mapping[str, Mapping[Key, Reads]],
    labels: Mapping[Key, str] | None = None,
    *,
    least_reads: int = 2,
    deep_enough: float = 0.05,
) -> list[SharedVariant]:
    """Compare every variant seen in any material with all others.

    Args:
        materials: by material, reads of each variant; a variant left out was not covered there.
        labels: words for each variant.
        least_reads: reads that count as seen.
        deep_enough: a material counts as covered for a private call when its upper limit is at most this fraction.
    """
    seen_anywhere = sorted({key for reads in materials.values() for key, r in reads.items() if r.alt_reads >= least_reads})
    return [_compare(key, materials, (labels or {}).get(key, ""), least_reads, deep_enough) for key in seen_anywhere]


def _compare(
    key: Key, materials: Mapping[str, Mapping[Key, Reads]], label: str, least_reads: int, deep_enough: float
) -> SharedVariant:
    calls: dict[str, Call] = {}
    limits: dict[str, float] = {}
    for material, reads in materials.items():
        found = reads.get(key)
        if found is None or found.depth == 0:
            calls[material], limits[material] = "not_covered", 1.0
        else:
            calls[material] = "seen" if found.alt_reads >= least_reads else "not_seen"
            limits[material] = highest_possible(found.alt_reads, found.depth)
    seen = [material for material, call in calls.items() if call == "seen"]
    if len(seen) >= 2:
        return SharedVariant(key, label, calls, limits, "shared", None)
    others = [limit for material, limit in limits.items() if material not in seen]
    if others and max(others) <= deep_enough:
        return SharedVariant(key, label, calls, limits, "private", max(others))
    return SharedVariant(key, label, calls, limits, "not_assessable", None)


@dataclass(frozen=True)
class SharingSummary:
    """How many variants of two materials are shared: ``shared`` of ``assessable``."""

    first: str
    second: str
    shared: int
    assessable: int


def summarise(variants: Sequence[SharedVariant], first: str, second: str, *, deep_enough: float = 0.05) -> SharingSummary:
    """Share of the variants seen in ``first`` or ``second`` that both have, among those that both could have shown."""
    shared = assessable = 0
    for v in variants:
        a, b = v.calls.get(first, "not_covered"), v.calls.get(second, "not_covered")
        if a == b == "seen":
            shared, assessable = shared + 1, assessable + 1
        elif "seen" in (a, b) and "not_covered" not in (a, b):
            other = second if a == "seen" else first
            assessable += v.limits[other] <= deep_enough
    return SharingSummary(first, second, shared, assessable)
