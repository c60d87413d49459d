"""Background rates given by the user: how often the outcome happens to people like these without the product.

There is no single right background. The general population answers another question than survivors of B-cell
lymphoma (whose risk of T-cell lymphoma is raised without any CAR T cells), or people in the same line of therapy.
So several tables stand side by side, each with its source and how well that was checked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aftercar.errors import InputError
from aftercar.vocab.sources import Source

COLUMNS = ("age_low", "age_high", "sex", "year_low", "year_high", "rate_per_100000")


class BadRateTable(InputError):
    """A background rate table is incomplete or contradicts itself."""

    code = "rate-table"


@dataclass(frozen=True, slots=True)
class Band:
    """One rate: for ages from ``age_low`` up to but not including ``age_high``, one sex or ``all``, calendar years inclusive."""

    age_low: float
    age_high: float
    sex: str
    year_low: int
    year_high: int
    rate: float


@dataclass(frozen=True)
class RateTable:
    """Rates of one background population, events per person-year.

    Attributes:
        name: whom it is about ("general population", "B-cell lymphoma survivors").
        source: where the rates come from, with its mark.
        bands: the rates.
    """

    name: str
    source: Source
    bands: tuple[Band, ...]

    def age_cuts(self) -> tuple[float, ...]:
        """Ages at which the rate may change, for splitting person-time."""
        edges = {band.age_low for band in self.bands} | {band.age_high for band in self.bands}
        return tuple(sorted(edge for edge in edges if 0 < edge < math.inf))

    def rates(self, age: NDArray[np.float64], sex: Sequence[str], year: NDArray[np.int64]) -> NDArray[np.float64]:
        """The rate of each cell, NaN where the table has none; years outside the table take its nearest year.

        Args:
            age: age in years, NaN when unknown, shape (N,).
            sex: ``female``, ``male`` or other, shape (N,). A table with sexes gives no rate for the others.
            year: calendar year, shape (N,).
        """
        first, last = min(band.year_low for band in self.bands), max(band.year_high for band in self.bands)
        at = np.clip(year, first, last)
        sexes = np.asarray(sex, dtype=object)
        whole = all(band.age_low <= 0 and band.age_high == math.inf for band in self.bands)
        found = np.full(len(at), np.nan)
        for band in self.bands:
            inside = (at >= band.year_low) & (at <= band.year_high)
            inside &= (age >= band.age_low) & (age < band.age_high) | (np.isnan(age) & whole)
            if band.sex != "all":
                inside &= sexes == band.sex
            found[inside] = band.rate
        return found


def constant(name: str, rate_per_100000: float, source: Source) -> RateTable:
    """A background of one rate for everybody, per 100,000 person-years."""
    return rate_table(name, source, [(0, math.inf, "all", 1900, 2200, rate_per_100000)])


def rate_table(name: str, source: Source, rows: Sequence[tuple[float, float, str, int, int, float]]) -> RateTable:
    """A table from rows of ``COLUMNS``.

    Raises:
        BadRateTable: when it is empty, a rate is negative, a band is empty, or two bands overlap.
    """
    if not rows:
        raise BadRateTable("the rate table has no row", where=name)
    bands = tuple(Band(float(a), float(b), sex, int(y), int(z), float(r) / 1e5) for a, b, sex, y, z, r in rows)
    for number, band in enumerate(bands, 1):
        if not (band.rate >= 0 and math.isfinite(band.rate)):
            raise BadRateTable("a rate is negative or not a number", where=f"{name}, row {number}")
        if band.age_low >= band.age_high or band.year_low > band.year_high:
            raise BadRateTable("a band of ages or years is empty", where=f"{name}, row {number}")
        if band.sex not in ("all", "female", "male"):
            raise BadRateTable(f"unknown sex {band.sex!r}", where=f"{name}, row {number}", fix="all, female or male")
    _no_overlap(name, bands)
    return RateTable(name, source, bands)


def from_frame(name: str, source: Source, frame: pl.DataFrame) -> RateTable:
    """A table from a frame with ``COLUMNS``; an empty ``age_high`` is open, an empty sex is ``all``, empty years are all years.

    Raises:
        BadRateTable: for missing columns, and as :func:`rate_table`.
    """
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise BadRateTable(f"columns are missing: {', '.join(missing)}", where=name, fix=f"the columns are {', '.join(COLUMNS)}")
    if frame["rate_per_100000"].null_count():
        raise BadRateTable("a rate is empty", where=name, fix="leave out the row; an unknown rate is not zero")
    return rate_table(
        name,
        source,
        [
            (
                0 if row["age_low"] is None else row["age_low"],
                math.inf if row["age_high"] is None else row["age_high"],
                row["sex"] or "all",
                1900 if row["year_low"] is None else row["year_low"],
                2200 if row["year_high"] is None else row["year_high"],
                row["rate_per_100000"],
            )
            for row in frame.iter_rows(named=True)
        ],
    )


def _no_overlap(name: str, bands: tuple[Band, ...]) -> None:
    for i, a in enumerate(bands):
        for j, b in enumerate(bands[:i]):
            same_sex = a.sex == b.sex or "all" in (a.sex, b.sex)
            ages = a.age_low < b.age_high and b.age_low < a.age_high
            years = a.year_low <= b.year_high and b.year_low <= a.year_high
            if same_sex and ages and years:
                raise BadRateTable("two rows give a rate for the same people", where=f"{name}, rows {j + 1} and {i + 1}")
