"""Vector copies from depth: per diploid genome, per cell of the sample, per tumour cell.

With host depth H spread over D chromosome copies per cell (D = purity x ploidy + (1 - purity) x 2) one copy has depth
H / D, so vector depth V means V x D / H copies per cell. If only tumour cells carry the vector, a tumour cell has
that number divided by the purity. The interval is that of the fragment count (compound Poisson through the effective
number of fragments, Jeffreys), widened by the spread of the local density; it leaves out error in purity and ploidy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from aftercar.evidence.presence import Presence
from aftercar.evidence.quantity import Quantity, poisson_mean
from aftercar.reads.batch import HostDepth


@dataclass(frozen=True, slots=True)
class Copies:
    """Vector copies in three units; ``per_tumour_cell`` is None without a purity."""

    per_diploid_genome: Quantity
    per_cell: Quantity
    per_tumour_cell: Quantity | None


def mean_ploidy(purity: float | None, ploidy: float) -> float:
    """Chromosome copies of a mean cell; without a purity all cells are taken as diploid."""
    return 2.0 if purity is None else purity * ploidy + (1 - purity) * 2.0


def copies(
    seen: Presence,
    host: HostDepth,
    *,
    purity: float | None,
    ploidy: float = 2.0,
    level: float = 0.95,
    gc_factor: float = 1.0,
    spread: float = 0.0,
    place: float = 400.0,
) -> Copies | None:
    """Copies from vector and host depth; None when the host depth is not known.

    Args:
        seen: vector depth.
        host: host depth.
        purity: share of tumour cells, None when not known.
        ploidy: chromosome copies of a tumour cell.
        level: of the intervals.
        gc_factor: depth of host bases with the vector's GC content over the mean depth.
        spread: squared coefficient of variation of the local fragment density.
        place: bases over which that density holds, about a template: the vector has as many densities as such places.
    """
    if math.isnan(host.mean) or host.mean <= 0 or math.isnan(seen.depth):
        return None
    ratio = seen.depth / (host.mean * gc_factor)
    effective = seen.effective / (1 + seen.effective * spread * min(1.0, place / max(1, seen.bases)))
    low, high = poisson_mean(effective, level)
    if effective > 0:
        low, high = ratio * low / effective, ratio * high / effective
    else:
        # Nothing seen: the upper limit is that of one read's worth of bases.
        low, high = 0.0, high * 100.0 / max(seen.bases, 1) / host.mean
    unit = Quantity(ratio, low, high, "copies per chromosome copy", "compound Poisson, Jeffreys")
    per_cell = unit.scaled(mean_ploidy(purity, ploidy), "copies per cell")
    tumour = per_cell.scaled(1 / purity, "copies per tumour cell") if purity else None
    return Copies(unit.scaled(2.0, "copies per diploid genome"), per_cell, tumour)
