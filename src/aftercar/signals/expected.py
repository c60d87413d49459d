"""Observed against expected: standardised incidence ratios, excess risk, and the surface over what is not known.

Expected cases come from background rates by age, sex and calendar year, split over the person-time. Several
backgrounds stand side by side, because they answer different questions. Where the follow-up behind a published count
is not known, no single ratio is honest: the surface shows it over assumed mean follow-up and background.

    >>> [f"{r.ratio:.1f} ({r.low:.1f}-{r.high:.1f})" for r in surface(38, 42_500, [0.5, 2.5], [("lymphoma survivors", 22.0)])]
    ['8.1 (5.8-11.2)', '1.6 (1.2-2.2)']
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from aftercar.cohort.background import RateTable
from aftercar.cohort.splitting import lexis
from aftercar.errors import InputError
from aftercar.vocab.estimates import Method, rate


@dataclass(frozen=True, slots=True)
class ObservedExpected:
    """Observed against expected with one background.

    Attributes:
        background, source, mark: which rates, from where, and how well checked.
        observed, expected: cases.
        ratio, low, high: observed / expected (SIR) and its exact limits; infinity when nothing is expected.
        p: two-sided exact p-value (central) of observed against expected.
        excess: excess cases per 10,000 person-years (observed minus expected), with limits; NaN without person-years.
        person_years: person-years that the expectation covers.
        uncovered: person-years without a rate in the table; cases in them are not counted in ``observed``.
        level: confidence level.
    """

    background: str
    source: str
    mark: str
    observed: int
    expected: float
    ratio: float
    low: float
    high: float
    p: float
    excess: float
    excess_low: float
    excess_high: float
    person_years: float
    uncovered: float
    level: float


@dataclass(frozen=True, slots=True)
class SurfacePoint:
    """One point: observed over expected if mean follow-up and background were these."""

    background: str
    background_per_100000: float
    mean_follow_up_years: float
    observed: int
    expected: float
    ratio: float
    low: float
    high: float


def ratio(
    observed: int,
    expected: float,
    *,
    person_years: float = math.nan,
    background: str = "",
    source: str = "",
    mark: str = "",
    uncovered: float = 0.0,
    level: float = 0.95,
    method: Method = "exact",
) -> ObservedExpected:
    """Observed over expected with exact Poisson limits (the expectation is taken as known; Breslow and Day 1987, ch. 2).

    Raises:
        InputError: for negative counts.
    """
    if expected < 0:
        raise InputError("expected cases are negative", where=f"{expected}")
    found = rate(observed, expected, level=level, method=method, unit="expected cases")
    value = found.value if expected > 0 else (math.inf if observed else math.nan)
    scale = 1e4 / person_years if person_years and person_years > 0 else math.nan
    return ObservedExpected(
        background=background,
        source=source,
        mark=mark,
        observed=observed,
        expected=expected,
        ratio=value,
        low=found.low if expected > 0 else 0.0,
        high=found.high,
        p=poisson_p(observed, expected),
        excess=(observed - expected) * scale,
        excess_low=(found.low * expected - expected) * scale if expected > 0 else math.nan,
        excess_high=(found.high * expected - expected) * scale if expected > 0 else math.nan,
        person_years=person_years,
        uncovered=uncovered,
        level=level,
    )


def poisson_p(observed: int, expected: float) -> float:
    """Two-sided central exact p-value of a Poisson count against its expectation."""
    from scipy import stats

    if expected == 0:
        return 1.0 if observed == 0 else 0.0
    below, above = stats.poisson.cdf(observed, expected), stats.poisson.sf(observed - 1, expected)
    return float(min(1.0, 2 * min(below, above)))


def standardised(episodes: pl.DataFrame, tables: Sequence[RateTable], *, level: float = 0.95) -> tuple[ObservedExpected, ...]:
    """One observed/expected for each background, person-time split by that table's ages and by calendar year.

    Person-time to which a table gives no rate (unknown age or sex, age outside it) is left out of both observed
    and expected and reported as ``uncovered``.

    Args:
        episodes: frame of a cohort.
        tables: backgrounds.
        level: confidence level.
    """
    return tuple(_standardised(episodes, table, level) for table in tables)


def by_time_since_infusion(
    episodes: pl.DataFrame, table: RateTable, cut_years: Sequence[float] = (1, 2, 5), *, level: float = 0.95
) -> tuple[ObservedExpected, ...]:
    """Observed/expected in bands of time since infusion; an excess that sits in the first year points at other causes."""
    from aftercar.vocab.dates import DAYS_PER_YEAR

    cells = _with_rates(lexis(episodes, table.age_cuts(), cut_days=[cut * DAYS_PER_YEAR for cut in cut_years]), table)
    edges = [0.0, *map(float, cut_years), math.inf]
    found = []
    for band in range(len(edges) - 1):
        words = f"{edges[band]:g}-{edges[band + 1]:g} years" if edges[band + 1] < math.inf else f"{edges[band]:g} years and later"
        found.append(_total(cells.filter(pl.col("time_band") == band), table, level, suffix=f", {words}"))
    return tuple(found)


def surface(
    observed: int,
    persons: int,
    mean_follow_up_years: Sequence[float],
    backgrounds: Sequence[tuple[str, float]],
    *,
    completeness: float = 1.0,
    level: float = 0.95,
) -> tuple[SurfacePoint, ...]:
    """Observed/expected over a grid of assumed mean follow-up and background rates, never one number alone.

    Args:
        observed: cases.
        persons: persons treated.
        mean_follow_up_years: assumed mean follow-up, ascending for a chart.
        backgrounds: (name, rate per 100,000 person-years).
        completeness: assumed share of cases that were reported, in (0, 1]; expected cases are multiplied by it.
        level: confidence level of the exact limits, which hold only for the assumptions of the point.

    Raises:
        InputError: for values that are not positive.
    """
    if persons <= 0 or not 0 < completeness <= 1:
        raise InputError("persons must be positive and completeness in (0, 1]", where=f"{persons}, {completeness}")
    points = []
    for name, per_100000 in backgrounds:
        for years in mean_follow_up_years:
            if years <= 0 or per_100000 <= 0:
                raise InputError("follow-up and background must be positive", where=f"{years} years, {per_100000} per 100,000")
            expected = persons * years * per_100000 / 1e5 * completeness
            found = rate(observed, expected, level=level)
            points.append(SurfacePoint(name, per_100000, years, observed, expected, found.value, found.low, found.high))
    return tuple(points)


def follow_up_at_which_equal(observed: int, persons: int, background_per_100000: float) -> float:
    """Mean follow-up in years at which observed equals expected: above it there is no excess with this background."""
    return observed / (persons * background_per_100000 / 1e5)


def _standardised(episodes: pl.DataFrame, table: RateTable, level: float) -> ObservedExpected:
    return _total(_with_rates(lexis(episodes, table.age_cuts()), table), table, level)


def _with_rates(cells: pl.DataFrame, table: RateTable) -> pl.DataFrame:
    lows = cells["age_low"].cast(pl.Float64).fill_null(math.nan).to_numpy()
    rates = table.rates(lows, cells["sex"].to_list(), cells["year"].to_numpy().astype(np.int64))
    return cells.with_columns(pl.Series("rate", rates, dtype=pl.Float64))


def _total(cells: pl.DataFrame, table: RateTable, level: float, *, suffix: str = "") -> ObservedExpected:
    covered = cells.filter(pl.col("rate").is_not_nan())
    years = float(covered["person_years"].sum())
    return ratio(
        int(covered["events"].sum()),
        float((covered["person_years"] * covered["rate"]).sum()),
        person_years=years,
        background=table.name + suffix,
        source=table.source.cite,
        mark=table.source.mark,
        uncovered=float(cells["person_years"].sum()) - years,
        level=level,
    )
