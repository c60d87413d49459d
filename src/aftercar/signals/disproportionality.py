"""Is an event reported more often with a product than with the others? PRR, ROR and IC on report counts.

Every function takes the four numbers of the fourfold table as **reports**, not drug-event pairs:

    a        reports that name the product and the event
    drug     reports that name the product
    event    reports that name the event
    total    all reports of the base

Arrays of equal shape are allowed everywhere. A report that names three events counts once in ``drug`` and once in
``total``. A disproportion of reporting is not a risk: it has no denominator of treated people.

    >>> one = fourfold(12, 400, 900, 215_000)
    >>> round(float(ror(one).value), 2), round(float(ror(one).low), 2)
    (7.44, 4.17)
    >>> round(float(information_component(one).value), 2), round(float(information_component(one).low), 2)
    (2.52, 1.59)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from aftercar.errors import InputError

Array = NDArray[np.float64]


class CountsError(InputError):
    """Report counts that cannot come from one fourfold table."""

    code = "report-counts"


@dataclass(frozen=True, slots=True)
class Fourfold:
    """Report counts of product-event combinations, arrays of one shape.

    Attributes:
        a: reports with both.
        b: reports with the product and without the event.
        c: reports with the event and without the product.
        d: reports with neither.
    """

    a: Array
    b: Array
    c: Array
    d: Array

    @property
    def total(self) -> Array:
        """All reports."""
        return self.a + self.b + self.c + self.d

    @property
    def expected(self) -> Array:
        """Reports with both if product and event were independent."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.a + self.b) * (self.a + self.c) / self.total


@dataclass(frozen=True, slots=True)
class Measure:
    """A disproportionality measure with its interval, arrays of one shape.

    Attributes:
        value, low, high: on the measure's own scale; NaN where it is not defined.
        level: confidence or credibility level.
        method: name of measure and interval.
    """

    value: Array
    low: Array
    high: Array
    level: float
    method: str


def fourfold(a: Any, drug: Any, event: Any, total: Any) -> Fourfold:
    """The fourfold table from the joint count and the report margins.

    Raises:
        CountsError: when a count is negative, not a whole number, or more reports have both than have one.
    """
    n, d, e, t = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (a, drug, event, total)))
    table = Fourfold(n, d - n, e - n, t - d - e + n)
    for name, cell in (("a", n), ("drug - a", table.b), ("event - a", table.c), ("total - drug - event + a", table.d)):
        if not np.all(np.isfinite(cell)) or np.any(cell < 0):
            where = "" if cell.ndim == 0 else f"first at position {int(np.argmax(~(cell >= 0)))}"
            raise CountsError(
                f"{name} is negative or missing",
                where=where,
                fix="give report counts: reports with both, with the product, with the event, and all reports",
            )
    return table


def prr(table: Fourfold, *, level: float = 0.95) -> Measure:
    """Proportional reporting ratio (Evans et al. 2001) with the log-normal interval.

    NaN where the product or the comparator has no report; 0 or infinity with an interval of NaN where a cell is 0.
    """
    a, b, c, d = table.a, table.b, table.c, table.d
    with np.errstate(divide="ignore", invalid="ignore"):
        value = (a / (a + b)) / (c / (c + d))
        error = np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
    return _log_normal(value, error, level, "PRR, log-normal interval")


def ror(table: Fourfold, *, level: float = 0.95) -> Measure:
    """Reporting odds ratio with Woolf's interval; no continuity correction (see :func:`exact_ror` for small counts)."""
    a, b, c, d = table.a, table.b, table.c, table.d
    with np.errstate(divide="ignore", invalid="ignore"):
        value = a * d / (b * c)
        error = np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return _log_normal(value, error, level, "ROR, Woolf interval")


def _log_normal(value: Array, error: Array, level: float, method: str) -> Measure:
    _check_level(level)
    z = stats.norm.ppf((1 + level) / 2)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, high = value * np.exp(-z * error), value * np.exp(z * error)
    known = np.isfinite(error)
    return Measure(value, np.where(known, low, np.nan), np.where(known, high, np.nan), level, method)


def exact_ror(a: int, drug: int, event: int, total: int, *, level: float = 0.95) -> Measure:
    """Reporting odds ratio with the exact conditional interval (Fisher's non-central hypergeometric; Cornfield 1956).

    The value is the conditional maximum-likelihood estimate. For one table; zero cells give 0 or infinity with a
    one-sided interval that is still right.
    """
    _check_level(level)
    fourfold(a, drug, event, total)
    low_count, high_count = max(0, drug + event - total), min(drug, event)
    support = np.arange(low_count, high_count + 1)
    log_weight = stats.hypergeom.logpmf(support, total, drug, event)
    tail = (1 - level) / 2

    def law(log_odds: float) -> Array:
        shifted = log_weight + support * log_odds
        weight = np.exp(shifted - shifted.max())
        return weight / weight.sum()

    def solve(gap: Any) -> float:
        low, high = -1.0, 1.0
        while gap(low) > 0:
            low *= 2
        while gap(high) < 0:
            high *= 2
        return float(np.exp(optimize.brentq(gap, low, high, xtol=1e-12)))

    at_most, at_least = support <= a, support >= a
    value = 0.0 if a == low_count else np.inf if a == high_count else solve(lambda x: float(law(x) @ support) - a)
    low = 0.0 if a == low_count else solve(lambda x: float(law(x)[at_least].sum()) - tail)
    high = np.inf if a == high_count else solve(lambda x: tail - float(law(x)[at_most].sum()))
    if low_count == high_count:
        value = np.nan
    return Measure(np.asarray(value), np.asarray(low), np.asarray(high), level, "ROR, exact conditional interval")


def information_component(table: Fourfold, *, level: float = 0.95) -> Measure:
    """Information component log2((a + 1/2) / (E + 1/2)) with the gamma credibility interval (Norén et al. 2013).

    ``low`` at level 0.95 is IC025. Never NaN: with no reports at all it is 0 with a wide interval.
    """
    return information_component_of(table.a, np.nan_to_num(table.expected), level=level)


def information_component_of(observed: Any, expected: Any, *, level: float = 0.95) -> Measure:
    """The same from observed and expected report counts (expected may come from strata)."""
    _check_level(level)
    o, e = np.broadcast_arrays(np.asarray(observed, dtype=float), np.asarray(expected, dtype=float))
    low, high = (np.log2(stats.gamma.ppf(q, o + 0.5) / (e + 0.5)) for q in ((1 - level) / 2, (1 + level) / 2))
    return Measure(np.log2((o + 0.5) / (e + 0.5)), low, high, level, "IC, gamma credibility interval")


def chi_square(table: Fourfold) -> Array:
    """Pearson's chi-square with Yates' correction, as used with the PRR; 0 where a margin is empty."""
    a, b, c, d = table.a, table.b, table.c, table.d
    gap = np.maximum(np.abs(a * d - b * c) - table.total / 2, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = table.total * gap**2 / ((a + b) * (c + d) * (a + c) * (b + d))
    return np.nan_to_num(value, nan=0.0, posinf=0.0)


def stratified_expected(drug: Array, event: Array, total: Array) -> Array:
    """Expected joint reports summed over strata.

    Args:
        drug, event, total: report margins by stratum, shape (strata, combinations) or (strata,).

    Returns:
        Sum over the first axis of drug x event / total; an empty stratum adds 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.asarray(drug, dtype=float) * event / total, nan=0.0, posinf=0.0).sum(axis=0)


def mantel_haenszel_ror(table: Fourfold, *, level: float = 0.95) -> Measure:
    """Common reporting odds ratio over strata (Mantel and Haenszel 1959; interval of Robins, Breslow and Greenland 1986).

    Args:
        table: cells with strata along the first axis.
        level: confidence level.
    """
    a, b, c, d, n = table.a, table.b, table.c, table.d, table.total
    with np.errstate(divide="ignore", invalid="ignore"):
        r, s = np.nan_to_num(a * d / n), np.nan_to_num(b * c / n)
        p, q = np.nan_to_num((a + d) / n), np.nan_to_num((b + c) / n)
        top, bottom = r.sum(axis=0), s.sum(axis=0)
        value = top / bottom
        variance = (
            (p * r).sum(axis=0) / (2 * top**2)
            + (p * s + q * r).sum(axis=0) / (2 * top * bottom)
            + (q * s).sum(axis=0) / (2 * bottom**2)
        )
    return _log_normal(value, np.sqrt(variance), level, "ROR, Mantel-Haenszel over strata")


@dataclass(frozen=True, slots=True)
class Rule:
    """A convention for calling a combination a signal of disproportionate reporting; a setting, not a law.

    Attributes:
        name: how it is shown.
        source: who uses it, with the mark of how well that was checked.
        least: fewest joint reports.
    """

    name: str
    source: str
    least: int


EVANS = Rule("PRR >= 2, chi-square >= 4, 3 or more reports", "Evans et al. 2001 [recalled]", 3)
ROR_RULE = Rule("lower limit of the ROR above 1, 3 or more reports", "EVDAS convention for monitored products [recalled]", 3)
IC_RULE = Rule("IC025 above 0", "Uppsala Monitoring Centre [recalled]", 1)
EB_RULE = Rule("EB05 of 2 or more", "Szarfman et al. 2002 [recalled]", 1)


def signalled(table: Fourfold, rule: Rule, *, eb05: Array | None = None) -> NDArray[np.bool_]:
    """Which combinations ``rule`` calls a signal of disproportionate reporting.

    Raises:
        ValueError: for the EB05 rule without ``eb05``.
    """
    enough = table.a >= rule.least
    with np.errstate(invalid="ignore"):
        if rule is EVANS:
            return enough & (prr(table).value >= 2) & (chi_square(table) >= 4)
        if rule is ROR_RULE:
            return enough & (ror(table).low > 1)
        if rule is IC_RULE:
            return enough & (information_component(table).low > 0)
        if eb05 is None:
            raise ValueError("the EB05 rule needs eb05")
        return enough & (eb05 >= 2)


def without_masker(table: Fourfold, masker: Any, masker_event: Any, masker_drug: Any, masker_both: Any) -> Fourfold:
    """The table after every report that names a masking product is set aside.

    A product that is reported with the event very often raises the background, and hides the event for the others.

    Args:
        table: the whole base.
        masker: reports naming the masker.
        masker_event: of those, reports with the event.
        masker_drug: of those, reports with the product of interest.
        masker_both: of those, reports with the product and the event.

    Raises:
        CountsError: when the counts do not fit the table.
    """
    a = table.a - np.asarray(masker_both, dtype=float)
    drug = table.a + table.b - np.asarray(masker_drug, dtype=float)
    event = table.a + table.c - np.asarray(masker_event, dtype=float)
    return fourfold(a, drug, event, table.total - np.asarray(masker, dtype=float))


def masking_ratio(table: Fourfold, without: Fourfold) -> Array:
    """PRR without the masker over PRR with it (Maignen et al. 2014); above 1 the masker hides the event."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return prr(without).value / prr(table).value


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1")
