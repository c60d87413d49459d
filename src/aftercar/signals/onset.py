"""When do the cases appear? Onset among cases: median, share within 12 months, distribution with limits, Weibull shape.

Everything here describes *cases that were found*. In a cohort, onset is the timing of an event and belongs to
``incidence``; among spontaneous reports only cases that already happened are seen, so long onsets are missing
and these plain figures are too short: put them beside ``right_truncated`` (see ``truncation``).

    >>> s = summary([1.8, 3, 5, 9, 12.5, 36])
    >>> s.n, s.median, s.within_12.percent()
    (6, 7.0, '66.7% (22.3-95.7)')
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from aftercar.errors import InputError
from aftercar.vocab.estimates import Estimate, proportion


@dataclass(frozen=True, slots=True)
class OnsetSummary:
    """Onset of the cases with known onset, in months.

    Attributes:
        n: cases with a known onset.
        unknown: cases without one; they are in no figure.
        median: middle value.
        median_low, median_high: limits of the median from order statistics; NaN when too few cases to give any.
        coverage: coverage that those limits really have, at least the level asked for; NaN when there are none.
        quartile_low, quartile_high: 25th and 75th percentile (R type 7).
        shortest, longest: range.
        within_12: share with onset of at most 12 months, exact interval.
    """

    n: int
    unknown: int
    median: float
    median_low: float
    median_high: float
    coverage: float
    quartile_low: float
    quartile_high: float
    shortest: float
    longest: float
    within_12: Estimate


@dataclass(frozen=True, slots=True)
class OnsetCurve:
    """Share of cases with onset up to each time, with exact pointwise limits.

    Attributes:
        months: distinct onsets in ascending order, shape (T,).
        share: share of cases with onset up to that month, shape (T,).
        low, high: Clopper-Pearson limits of ``share``, shape (T,).
        n: cases.
        level: of each pointwise interval.
    """

    months: NDArray[np.float64]
    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n: int
    level: float

    def rows(self) -> list[dict[str, float]]:
        """The points as rows of a table or chart, beginning with 0 at month 0."""
        start = {"months": 0.0, "share": 0.0, "low": 0.0, "high": float(proportion(0, self.n, level=self.level).high)}
        points = zip(self.months, self.share, self.low, self.high, strict=True)
        return [start, *({"months": float(m), "share": float(s), "low": float(a), "high": float(b)} for m, s, a, b in points)]


def summary(months: Sequence[float | None], *, level: float = 0.95) -> OnsetSummary:
    """Median with order-statistic limits (Conover 1999), quartiles, range and the share within 12 months.

    Args:
        months: onset of each case in months; None or NaN is unknown and only counted.
        level: confidence level.

    Raises:
        InputError: for a negative onset.
    """
    known, unknown = _known(months)
    n = len(known)
    within = proportion(int((known <= 12).sum()), n, level=level, unit="cases with known onset")
    if n == 0:
        nan = math.nan
        return OnsetSummary(0, unknown, nan, nan, nan, nan, nan, nan, nan, nan, within)
    low, high, coverage = quantile_limits(known, 0.5, level=level)
    quartiles = np.quantile(known, [0.25, 0.5, 0.75])
    return OnsetSummary(
        n=n,
        unknown=unknown,
        median=float(quartiles[1]),
        median_low=low,
        median_high=high,
        coverage=coverage,
        quartile_low=float(quartiles[0]),
        quartile_high=float(quartiles[2]),
        shortest=float(known[0]),
        longest=float(known[-1]),
        within_12=within,
    )


def by_group(months: Sequence[float | None], groups: Sequence[str], *, level: float = 0.95) -> Mapping[str, OnsetSummary]:
    """One summary for each group (CAR status, product, indication), in order of first appearance.

    Raises:
        InputError: when the two differ in length.
    """
    if len(months) != len(groups):
        raise InputError("onsets and groups differ in length", where=f"{len(months)} and {len(groups)}")
    parts: dict[str, list[float | None]] = {}
    for value, group in zip(months, groups, strict=True):
        parts.setdefault(group, []).append(value)
    return {group: summary(values, level=level) for group, values in parts.items()}


def curve(months: Sequence[float | None], *, level: float = 0.95) -> OnsetCurve:
    """The empirical distribution of onset among the cases found, with exact pointwise limits.

    Raises:
        InputError: when no onset is known.
    """
    known, _ = _known(months)
    if not len(known):
        raise InputError("no case has a known onset", fix="give diagnosed_on and the infusion's date, or onset_months")
    times, counts = np.unique(known, return_counts=True)
    up_to = np.cumsum(counts)
    points = [proportion(int(count), len(known), level=level) for count in up_to]
    return OnsetCurve(
        months=times,
        share=up_to / len(known),
        low=np.array([point.low for point in points]),
        high=np.array([point.high for point in points]),
        n=len(known),
        level=level,
    )


def quantile_limits(
    values: Sequence[float] | NDArray[np.float64], q: float, *, level: float = 0.95
) -> tuple[float, float, float]:
    """Distribution-free limits of a quantile from order statistics: low, high, and the coverage they really have.

    Each tail has at most (1-level)/2. NaN for all three when the sample is too small for two limits.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    tail = (1 - level) / 2
    below = int(stats.binom.ppf(tail, n, q))
    if stats.binom.cdf(below, n, q) > tail:
        below -= 1
    above = int(stats.binom.isf(tail, n, q))
    if below < 0 or above > n - 1:
        return math.nan, math.nan, math.nan
    coverage = float(stats.binom.cdf(above, n, q) - stats.binom.cdf(below, n, q))
    return float(ordered[below]), float(ordered[above]), coverage


def _known(months: Sequence[float | None]) -> tuple[NDArray[np.float64], int]:
    """Known onsets in ascending order, and how many are unknown."""
    values = np.array([math.nan if value is None else float(value) for value in months], dtype=float)
    known = np.sort(values[~np.isnan(values)])
    if len(known) and (known[0] < 0 or not np.isfinite(known[-1])):
        raise InputError("an onset is negative or infinite", where=f"{known[0]} months", fix="check infusion and diagnosis dates")
    return known, len(values) - len(known)
