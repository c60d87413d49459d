"""How much more than chance the number of fragments differs between neighbouring places: estimated from the sample itself.

Fragments across one place are Poisson with a local density of their own (sequence, amplification). With densities of mean 1
and variance w, the squared coefficient of variation, two places of equal copy number with counts a and b have
E[(a - b)^2 - (a + b)] = 2 w m^2 and E[a b] = m^2; hence w = sum((a - b)^2 - (a + b)) / (2 sum(a b)) over pairs of places.
Pairs are neighbours on the host beside the sites, one longest template apart so that no fragment counts twice, and the two
ends of each provirus. Neighbours share copy number and the sequence's GC at large, so neither counts as spread.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: What is taken where a sample cannot tell: the spread of real whole genomes (see docs/methods_detection_limit.md).
ASSUMED = 0.01
#: Pairs of places wanted in all, and least pairs and largest standard error of an estimate that is used.
WANTED, LEAST, LARGEST_ERROR = 200, 30, 0.03
_STRANGE = 6.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Squared coefficient of variation of the local fragment density, and how it was found."""

    value: float
    how: str


def control_cuts(position: int, step: int, others: Sequence[int], sites: int) -> list[tuple[int, int]]:
    """Pairs of host coordinates beside one of ``sites`` insertions, nearest first, ``step`` bases from one to the next.

    None is within a step of one of the ``others``, the positions (rising) of the insertions of that contig.
    """

    def free(cut: int) -> bool:
        return bisect_left(others, cut - step + 1) == bisect_left(others, cut + step - 1) and cut > step

    number = max(2, math.ceil(WANTED / max(1, sites)))
    sides = [(1 + i // 2, 1 if i % 2 else -1) for i in range(number)]
    pairs = [(position + side * (2 * far - 1) * step, position + side * 2 * far * step) for far, side in sides]
    return [(one, two) for one, two in pairs if free(one) and free(two)]


def spread(pairs: Sequence[tuple[int, int]]) -> Spread:
    """The estimate from pairs of counts; :data:`ASSUMED` when they are too few to tell.

    Pairs with a count more than six standard deviations from the median (no coverage, piled-up repeats) are left out.
    """
    counts = np.array(pairs, float).reshape(-1, 2)
    counts = counts[(counts > 0).all(axis=1)]
    middle = float(np.median(counts)) if len(counts) else 0.0
    usual = max(math.sqrt(middle), 1.4826 * float(np.median(np.abs(counts - middle)))) if len(counts) else 0.0
    near = counts[(np.abs(counts - middle) < _STRANGE * usual).all(axis=1)]
    product = float((near[:, 0] * near[:, 1]).sum())
    if len(near) < LEAST or math.sqrt(2 / product) > LARGEST_ERROR:
        return Spread(ASSUMED, f"assumed: {len(near)} pair(s) of places are too few to tell")
    value = float(((near[:, 0] - near[:, 1]) ** 2 - near.sum(axis=1)).sum()) / (2 * product)
    return Spread(max(0.0, value), f"measured on {len(near)} pairs of neighbouring places")
