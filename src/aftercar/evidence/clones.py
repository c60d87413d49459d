"""Cell fraction of one insertion, from fragments across its junctions and fragments across the empty site.

An insertion on one of D chromosome copies per cell, in a fraction c of the cells, has allele share f = c / D. Fragments with
at least `anchor` bases on both sides are counted: those across the left and the right junction (n_L, n_R) and those across
the empty site (r). All three have the same length distribution, so E[n_L] = E[n_R] = f k and E[r] = (1 - f) k, and
n_L + n_R given the total is binomial with share q = 2 f / (1 + f); f = q / (2 - q). With one end only, q = f.
Where the file has no host fragments at the site (FASTQ), k comes from the mean host depth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from aftercar.evidence.quantity import Quantity, binomial_share, binomial_share_found, poisson_mean_found


@dataclass(frozen=True, slots=True)
class Clone:
    """One insertion's share of the cells.

    Attributes:
        cell_fraction: share of all cells (one copy a cell), at most 1 in the value.
        tumour_fraction: share of tumour cells if only these carry it; None without a purity.
        clonality: ``clonal``, ``subclonal``, ``bystander`` or ``indeterminate``.
        left, right, reference: fragments counted.
        how: where the denominator comes from.
        by_copies: the site's share of all vector copies, of the cells compared; None where it cannot be given.
    """

    cell_fraction: Quantity
    tumour_fraction: Quantity | None
    clonality: str
    left: int
    right: int
    reference: float
    how: str
    by_copies: Quantity | None = None


def allele_share(
    junction: int, reference: int, *, ends: int, level: float = 0.95, least: int = 0, spread: float = 0.0
) -> tuple[float, float, float]:
    """Share of chromosome copies with the insertion, and its interval.

    Args:
        junction: fragments across the junctions seen.
        reference: fragments across the empty site.
        ends: 2 when both ends can be seen, 1 when one is.
        level: of the interval.
        least: junction fragments without which the site would not have been reported.
        spread: squared coefficient of variation of the local fragment density (:mod:`aftercar.evidence.dispersion`).
    """
    total = junction + reference
    if total == 0:
        return float("nan"), 0.0, 1.0

    def to_share(q: float) -> float:
        return q / (2 - q) if ends == 2 else q

    # Variance of the log odds: total / (junction reference) by chance, spread at each end and at the empty site beside it.
    worth = 1 / (1 + spread * (1 + 1 / ends) * junction * reference / total)
    value, low, high = binomial_share_found(junction, total, level, least=least, worth=worth)
    return to_share(value), to_share(low), to_share(high)


def from_reference(
    junction: int, reference: int, *, ends: int, mean_copies: float, level: float = 0.95, least: int = 0, spread: float = 0.0
) -> Quantity:
    """Cell fraction with the empty site as the denominator; arguments as of :func:`allele_share`."""
    share, low, high = allele_share(junction, reference, ends=ends, level=level, least=least, spread=spread)
    kind = "beta-binomial" if spread else "binomial"
    words = f"{kind} of junction against reference fragments, {_prior(least)}"
    return Quantity(
        min(1.0, share * mean_copies), min(1.0, low * mean_copies), min(1.0, high * mean_copies), "of all cells", words
    )


def _prior(least: int) -> str:
    return f"Jeffreys, given at least {least}" if least > 0 else "Jeffreys"


def from_depth(
    junction: int, *, ends: int, expected_per_end: float, level: float = 0.95, least: int = 0, spread: float = 0.0
) -> Quantity:
    """Cell fraction with the mean host depth as the denominator.

    Args:
        junction: fragments across the junctions seen.
        ends: ends that can be seen.
        expected_per_end: fragments across one end if every cell carried one copy.
        level: of the interval.
        least: junction fragments without which the site would not have been reported.
        spread: squared coefficient of variation of the local fragment density.
    """
    whole = ends * expected_per_end
    worth = 1 / (1 + spread / ends * junction)
    value, low, high = poisson_mean_found(junction, level, least=least, worth=worth)
    words = f"junction fragments over mean host depth, {_prior(least)}"
    return Quantity(min(1.0, value / whole), min(1.0, low / whole), min(1.0, high / whole), "of all cells", words)


def clonality(fraction: Quantity | None, clonal_from: float, bystander_to: float) -> str:
    """What a share of the tumour cells says of the clone.

    ``clonal`` when the value is at least ``clonal_from``; ``bystander`` when the whole interval lies below ``bystander_to``;
    ``indeterminate`` when the interval reaches from below half to ``clonal_from``; else ``subclonal``.
    """
    if fraction is None:
        return "indeterminate"
    if fraction.value >= clonal_from:
        return "clonal" if fraction.low >= clonal_from / 3 else "indeterminate"
    if fraction.high <= bystander_to:
        return "bystander"
    if fraction.high >= clonal_from + 0.1 and fraction.low < 0.5:
        return "indeterminate"
    return "subclonal"


def by_copies(fragments: int, every: int, amount: Quantity, *, level: float = 0.95, spread: float = 0.0) -> Quantity:
    """Cell fraction of a site from all vector copies: copies per cell times the site's share of all junction fragments.

    The depth over the whole vector is known far better than the fragments at one site, so this is the more precise
    measure where a few sites hold most of the vector DNA. The limits join the relative errors of both factors.

    Args:
        fragments: at the site's junctions.
        every: at all junctions of the sample.
        amount: vector copies per cell (or tumour cell).
        level: of the interval.
        spread: squared coefficient of variation of the local fragment density at either end.
    """
    share = fragments / every
    worth = 1 / (1 + spread / 2 * fragments * (1 - share))
    low, high = binomial_share(fragments * worth, every * worth, level)
    value = share * amount.value
    below = math.hypot(1 - low / share, 1 - amount.low / amount.value)
    above = math.hypot(high / share - 1, amount.high / amount.value - 1)
    words = "share of junction fragments times copies from vector depth"
    return Quantity(min(1.0, value), min(1.0, max(0.0, value * (1 - below))), min(1.0, value * (1 + above)), "of cells", words)


def weighed(clone: Clone, other: Quantity, clonal_from: float, bystander_to: float) -> Clone:
    """The clone judged by its share of all copies too.

    Where the two intervals overlap the copies decide; where they do not, copy number at the site or unseen sites
    stand between them and the clone is ``indeterminate``.
    """
    local = clone.tumour_fraction or clone.cell_fraction
    agree = local.low <= other.high and other.low <= local.high
    kind = clonality(other, clonal_from, bystander_to) if agree else "indeterminate"
    return replace(clone, by_copies=other, clonality=kind)
