"""Cell fraction of one insertion, from fragments across its junctions and fragments across the empty site.

An insertion on one of D chromosome copies per cell, in a fraction c of the cells, has allele share f = c / D. Fragments with
at least `anchor` bases on both sides are counted: those across the left and the right junction (n_L, n_R) and those across
the empty site (r). All three have the same length distribution, so E[n_L] = E[n_R] = f k and E[r] = (1 - f) k, and
n_L + n_R given the total is binomial with share q = 2 f / (1 + f); f = q / (2 - q). With one end only, q = f.
Where the file has no host fragments at the site (FASTQ), k comes from the mean host depth.
"""

from __future__ import annotations

from dataclasses import dataclass

from aftercar.evidence.quantity import Quantity, binomial_share, poisson_mean


@dataclass(frozen=True, slots=True)
class Clone:
    """One insertion's share of the cells.

    Attributes:
        cell_fraction: share of all cells (one copy a cell), at most 1 in the value.
        tumour_fraction: share of tumour cells if only these carry it; None without a purity.
        clonality: ``clonal``, ``subclonal``, ``bystander`` or ``indeterminate``.
        left, right, reference: fragments counted.
        how: where the denominator comes from.
    """

    cell_fraction: Quantity
    tumour_fraction: Quantity | None
    clonality: str
    left: int
    right: int
    reference: float
    how: str


def allele_share(junction: int, reference: int, *, ends: int, level: float = 0.95) -> tuple[float, float, float]:
    """Share of chromosome copies with the insertion, and its interval.

    Args:
        junction: fragments across the junctions seen.
        reference: fragments across the empty site.
        ends: 2 when both ends can be seen, 1 when one is.
        level: of the interval.
    """
    total = junction + reference
    if total == 0:
        return float("nan"), 0.0, 1.0

    def to_share(q: float) -> float:
        return q / (2 - q) if ends == 2 else q

    low, high = binomial_share(junction, total, level)
    return to_share(junction / total), to_share(low), to_share(high)


def from_reference(junction: int, reference: int, *, ends: int, mean_copies: float, level: float = 0.95) -> Quantity:
    """Cell fraction with the empty site as the denominator."""
    share, low, high = allele_share(junction, reference, ends=ends, level=level)
    words = "binomial of junction against reference fragments, Jeffreys"
    return Quantity(
        min(1.0, share * mean_copies), min(1.0, low * mean_copies), min(1.0, high * mean_copies), "of all cells", words
    )


def from_depth(junction: int, *, ends: int, expected_per_end: float, level: float = 0.95) -> Quantity:
    """Cell fraction with the mean host depth as the denominator.

    Args:
        junction: fragments across the junctions seen.
        ends: ends that can be seen.
        expected_per_end: fragments across one end if every cell carried one copy.
        level: of the interval.
    """
    whole = ends * expected_per_end
    low, high = poisson_mean(junction, level)
    words = "junction fragments over mean host depth, Jeffreys"
    return Quantity(min(1.0, junction / whole), min(1.0, low / whole), min(1.0, high / whole), "of all cells", words)


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
