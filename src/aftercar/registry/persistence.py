"""Vector-positive cells from a laboratory value, with what is not known kept as a range.

The threshold of 1% counts cells, most assays count copies, and a transduced cell may carry several. So a value becomes
an interval over the copies per cell, the mass of a genome and the denominator that are not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aftercar.registry.settings import Settings


@dataclass(frozen=True, slots=True)
class Marked:
    """Fraction of cells that carry the vector, as an interval in [0, 1].

    Attributes:
        low, high: what it can be at least and at most.
        below_limit: whether nothing was found, so that ``high`` comes from the assay's limit.
        assumptions: what the ends rest on, in words.
    """

    low: float
    high: float
    below_limit: bool
    assumptions: tuple[str, ...]

    def __str__(self) -> str:
        if self.below_limit:
            return f"below {100 * self.high:.2g}%"
        if self.low == self.high:
            return f"{100 * self.low:.2g}%"
        return f"{100 * self.low:.2g} to {100 * self.high:.2g}%"


def marked_fraction(row: Mapping[str, Any], product_vcn: float | None, settings: Settings) -> Marked | str:
    """The vector-positive fraction of an ``assay_results`` row, or why it cannot be told.

    Args:
        row: the row.
        product_vcn: vector copies per transduced cell of the product; None when not known.
        settings: limits of what is assumed.

    Returns:
        An interval. With copies, the low end takes every positive cell to carry the product's mean (the setting's most
        when that is not known; a single clone may carry more), the high end a single copy. With a fraction of T cells
        only, the low end is 0, because their share of all cells is not known.
    """
    below = row["result"] in ("not_detected", "below_loq")
    value = row["value"]
    if below:
        limits = [
            limit
            for limit in (row["loq"] if row["result"] == "below_loq" else row["lod"], row["lod"], row["loq"])
            if limit is not None
        ]
        value = limits[0] if limits else None
        if value is None:
            return f"the laboratory says {row['result'].replace('_', ' ')} and gives no limit"
    if value is None:
        return "there is no value"
    if row["result"] == "inconclusive":
        return "the laboratory calls it inconclusive"
    span = _span(float(value), row["unit"], product_vcn, settings)
    if isinstance(span, str):
        return span
    low, high, assumptions = span
    if row["denominator"] == "t_cells":
        low = 0.0
        assumptions += ("a fraction of T cells, whose share of all cells is not known",)
    if below:
        low = 0.0
    return Marked(max(0.0, min(1.0, low)), max(0.0, min(1.0, high)), below, assumptions)


def _span(value: float, unit: str, product_vcn: float | None, settings: Settings) -> tuple[float, float, tuple[str, ...]] | str:
    if unit == "percent_cells":
        return value / 100, value / 100, ()
    if unit in ("fraction_cells", "fraction"):
        return value, value, ()
    if unit == "copies/ug":
        low, high = value * settings.pg_per_genome_low / 1e6, value * settings.pg_per_genome_high / 1e6
        mass: tuple[str, ...] = (f"a diploid genome of {settings.pg_per_genome_low:g} to {settings.pg_per_genome_high:g} pg",)
    elif unit == "copies/cell":
        low, high, mass = value, value, ()
    else:
        return f"{unit} cannot be turned into a fraction of cells" + (", for want of a cell count" if unit == "copies/ul" else "")
    most = max(1.0, product_vcn) if product_vcn is not None else settings.most_vcn
    known = "the product's mean" if product_vcn is not None else "assumed"
    return low / most, high, (*mass, f"1 to {most:g} copies in each positive cell ({known})")
