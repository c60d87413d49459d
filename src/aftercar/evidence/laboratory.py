"""Laboratory values: units, conversions with their assumptions in words, droplet counts, limits.

No value changes its unit without a sentence that says what was assumed; a value below the limit of detection is a
bound, never zero.

    >>> value = in_cells(Value(1587.0, "copies/ug"), copies_per_positive_cell=2)
    >>> round(value.copies_per_cell.high, 4), value.assumptions
    (0.01, ('6.3 pg DNA per diploid cell', '2 copies per transduced cell'))
    >>> count = droplets(120, 15_000)
    >>> round(count.per_partition, 6), round(count.low, 6), round(count.high, 6)
    (0.008032, 0.006659, 0.009605)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from scipy import special, stats

from aftercar.errors import InputError
from aftercar.vocab.estimates import proportion
from aftercar.vocab.units import ASSAY_UNITS, PG_PER_DIPLOID_GENOME

DROPLET_NL = 0.85  # nominal droplet volume of the common ddPCR readers; always stated where it is used
Result = Literal["detected", "not_detected", "below_loq", "inconclusive", "unknown"]


class BadLabValue(InputError):
    """A laboratory value that cannot be used as it stands."""

    code = "bad-lab-value"


@dataclass(frozen=True, slots=True)
class Bound:
    """A number with an interval; ``low`` 0 and a finite ``high`` is an upper bound, ``value`` None is unknown."""

    value: float | None
    low: float
    high: float

    def scaled(self, factor: float) -> Bound:
        """The same in another unit."""
        return Bound(None if self.value is None else self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Value:
    """One result as the laboratory gave it.

    Attributes:
        number: the value; None when the laboratory gave none.
        unit: one of ``vocab.units.ASSAY_UNITS``.
        result: the laboratory's statement.
        lod, loq: limits in the same unit.
        low, high: interval in the same unit, where the laboratory (or droplet counts) gives one.
        pg_per_cell: DNA of one diploid cell in picograms.
        cells_per_ul: nucleated cells per microlitre of the sample, for values per microlitre.
        denominator: cells that the value counts.
    """

    number: float | None
    unit: str
    result: Result = "unknown"
    lod: float | None = None
    loq: float | None = None
    low: float | None = None
    high: float | None = None
    pg_per_cell: float = PG_PER_DIPLOID_GENOME
    cells_per_ul: float | None = None
    denominator: str = "unknown"


@dataclass(frozen=True, slots=True)
class InCells:
    """A value per diploid cell, and as the fraction of cells with the vector.

    Attributes:
        copies_per_cell: copies per diploid cell; None when the unit counts cells already.
        fraction: share of cells with at least one copy.
        state: ``measured``, ``below_loq``, ``below_lod`` (a bound), ``unknown``.
        assumptions: in words, in the order they were used.
    """

    copies_per_cell: Bound | None
    fraction: Bound
    state: Literal["measured", "below_loq", "below_lod", "unknown"]
    assumptions: tuple[str, ...] = field(default_factory=tuple)


def as_bound(value: Value) -> tuple[Bound, Literal["measured", "below_loq", "below_lod", "unknown"]]:
    """The value in its own unit as a bound.

    Not detected is 0 up to the limit of detection (unknown without one); detected below the limit of quantification is
    between the two limits; a number without an interval has none invented for it.

    Raises:
        BadLabValue: for a negative number, an unknown unit, or a limit of quantification below that of detection.
    """
    _check(value)
    number, lod, loq = value.number, value.lod, value.loq
    if value.result in ("inconclusive",):
        return Bound(None, 0.0, math.inf), "unknown"
    if value.result == "not_detected" or (number is not None and lod is not None and number < lod):
        if value.high is not None and value.result == "not_detected":
            return Bound(None, 0.0, value.high), "below_lod"
        return (Bound(None, 0.0, lod), "below_lod") if lod is not None else (Bound(None, 0.0, math.inf), "unknown")
    if value.result == "below_loq" or (number is not None and loq is not None and number < loq):
        if loq is None:
            return Bound(number, 0.0, math.inf), "unknown"
        return Bound(number, lod or 0.0, loq), "below_loq"
    if number is None:
        return Bound(None, 0.0, math.inf), "unknown"
    low = number if value.low is None else value.low
    high = number if value.high is None else value.high
    return Bound(number, low, high), "measured"


def in_cells(value: Value, copies_per_positive_cell: float | None = None) -> InCells:
    """Copies per diploid cell and the fraction of vector-positive cells.

    A copy number becomes a fraction by the copies of a transduced cell (the product's VCN). Without it the fraction is only
    bounded: at most one cell for each copy, and at least a fifth of that (products carry 1 to 5 copies a cell by release
    limits), which the assumptions say.

    Raises:
        BadLabValue: for units that count neither copies nor cells, or a product VCN below 1.
    """
    bound, state = as_bound(value)
    said: list[str] = []
    if value.unit in ("percent_cells", "fraction_cells"):
        scale = 0.01 if value.unit == "percent_cells" else 1.0
        return InCells(None, _capped(bound.scaled(scale)), state, ())
    copies = _copies_per_cell(value, bound, said)
    if copies_per_positive_cell is not None:
        if copies_per_positive_cell < 1:
            raise BadLabValue(
                f"product copies per transduced cell is {copies_per_positive_cell:g}",
                fix="give copies per transduced cell (at least 1), not copies per cell of the whole product",
            )
        said.append(f"{copies_per_positive_cell:g} copies per transduced cell")
        fraction = copies.scaled(1 / copies_per_positive_cell)
    else:
        said.append("1 to 5 copies per transduced cell (product VCN not given)")
        fraction = Bound(None, copies.low / 5, copies.high)
    return InCells(copies, _capped(fraction), state, tuple(said))


def _copies_per_cell(value: Value, bound: Bound, said: list[str]) -> Bound:
    if value.unit == "copies/cell":
        return bound
    if value.unit == "copies/ug":
        said.append(f"{value.pg_per_cell:g} pg DNA per diploid cell")
        return bound.scaled(value.pg_per_cell / 1e6)
    if value.unit == "copies/ul":
        if value.cells_per_ul is None or value.cells_per_ul <= 0:
            raise BadLabValue(
                "copies per microlitre of blood say nothing per cell without a cell count",
                fix="give the nucleated cells per microlitre of the same sample",
            )
        said.append(f"{value.cells_per_ul:g} nucleated cells per microlitre")
        return bound.scaled(1 / value.cells_per_ul)
    raise BadLabValue(
        f"unit {value.unit!r} counts neither vector copies nor cells",
        fix="use copies/ug, copies/cell, copies/ul or percent_cells",
    )


@dataclass(frozen=True, slots=True)
class Droplets:
    """Targets per partition from counts of positive partitions, ``-ln(1 - p)`` (Poisson).

    Attributes:
        positive, total: partitions.
        per_partition, low, high: mean targets per partition with the exact interval of the proportion carried through.
        per_ul: copies per microlitre of reaction, by the droplet volume.
        level: of the interval.
    """

    positive: int
    total: int
    per_partition: float
    low: float
    high: float
    per_ul: Bound
    level: float


def droplets(positive: int, total: int, *, level: float = 0.95, droplet_nl: float = DROPLET_NL) -> Droplets:
    """Concentration from droplet counts; wells of one sample are pooled by adding their counts.

    Raises:
        BadLabValue: for no droplets, more positive than accepted ones, or every droplet positive (nothing to estimate from).
    """
    if total <= 0 or not 0 <= positive <= total:
        raise BadLabValue(f"{positive} positive of {total} droplets", fix="check the droplet counts")
    if positive == total:
        raise BadLabValue(f"all {total} droplets are positive: the sample is too concentrated", fix="dilute and repeat")
    share = proportion(positive, total, level=level, unit="droplets")
    mean, low, high = (-math.log1p(-p) for p in (share.value, share.low, min(share.high, 1 - 1e-12)))
    scale = 1000 / droplet_nl
    return Droplets(positive, total, mean, low, high, Bound(mean * scale, low * scale, high * scale), level)


def pooled_droplets(wells: Sequence[tuple[int, int]], *, level: float = 0.95) -> Droplets:
    """Replicate wells as one: positives and totals are added, which is the likelihood of equal concentrations."""
    if not wells:
        raise BadLabValue("no wells to pool")
    return droplets(sum(p for p, _ in wells), sum(t for _, t in wells), level=level)


def wells_agree(wells: Sequence[tuple[int, int]]) -> float:
    """P value that replicate wells have one concentration (chi-square on positive and negative droplets)."""
    table = [[p, t - p] for p, t in wells]
    if len(table) < 2 or not any(p for p, _ in wells):
        return 1.0
    return float(stats.chi2_contingency(table, correction=False).pvalue)


def ddpcr_copies_per_cell(target: Droplets, reference: Droplets, reference_copies: float = 2.0) -> Bound:
    """Copies per cell against a reference gene with ``reference_copies`` in a diploid cell.

    The interval joins both counts on the log scale (MOVER; Zou and Donner 2008); zero positive droplets give an upper bound.

    Raises:
        BadLabValue: when the reference gene has no positive droplet: then there is no DNA to speak of.
    """
    if reference.positive == 0:
        raise BadLabValue("the reference gene has no positive droplet", fix="the DNA input failed; repeat the assay")
    ratio = reference_copies * target.per_partition / reference.per_partition
    up_reference = math.log(reference.per_partition / reference.low)
    down_reference = math.log(reference.high / reference.per_partition)
    if target.positive == 0:
        return Bound(None, 0.0, reference_copies * target.high / reference.low)
    low = ratio * math.exp(-math.hypot(math.log(target.per_partition / target.low), down_reference))
    high = ratio * math.exp(math.hypot(math.log(target.high / target.per_partition), up_reference))
    return Bound(ratio, low, high)


def detection_limit_cells(cells: float, level: float = 0.95) -> float:
    """Lowest fraction of positive cells found with chance ``level`` when DNA of ``cells`` cells enters and one copy suffices."""
    if cells <= 0:
        return 1.0
    return float(-special.expm1(math.log(1 - level) / cells))


def cells_from_dna(nanograms: float, pg_per_cell: float = PG_PER_DIPLOID_GENOME) -> float:
    """Diploid cells' worth of DNA in ``nanograms``."""
    return 1000 * nanograms / pg_per_cell


def _capped(bound: Bound) -> Bound:
    return Bound(None if bound.value is None else min(1.0, bound.value), min(1.0, bound.low), min(1.0, bound.high))


def _check(value: Value) -> None:
    if value.unit not in ASSAY_UNITS:
        raise BadLabValue(f"unit {value.unit!r} is not known", fix=f"use one of {', '.join(ASSAY_UNITS)}")
    for name in ("number", "lod", "loq", "low", "high"):
        part = getattr(value, name)
        if part is not None and not (math.isfinite(part) and part >= 0):
            raise BadLabValue(f"{name} is {part}: a laboratory value cannot be negative or infinite")
    if value.lod is not None and value.loq is not None and value.loq < value.lod:
        raise BadLabValue(f"limit of quantification {value.loq:g} is below that of detection {value.lod:g}", fix="swap them?")
