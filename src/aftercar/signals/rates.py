"""Rates and reporting proportions: exact intervals, ratios with exact tests, and which of the two a figure is.

The count and its denominator decide what may be said. Cases over person-years of observed follow-up are an
*incidence rate*; cases over persons in a registry, trial or cohort are a *risk over mixed follow-up*; cases
over persons treated where cases came in by report are a *reporting proportion*. The three are never compared
with each other: :func:`compare` refuses.

    >>> ema = measure(38, persons=42_500, kind="spontaneous_reports", group="all products")
    >>> ema.name, ema.estimate.per(1000)
    ('reporting proportion', '0.89 (0.63-1.23)')
    >>> round(rate_ratio(13, 17_578, 0, 3_336).p, 3)
    0.245
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from scipy import optimize, stats

from aftercar.errors import InputError
from aftercar.vocab.estimates import Estimate, Method, Side, proportion, rate

Ordering = Literal["minlike", "central", "mid-p"]
MeasureName = Literal["incidence rate", "risk over mixed follow-up", "reporting proportion"]
SourceKind = Literal["spontaneous_reports", "safety_database", "registry", "trial", "cohort", "claims"]
ORDERINGS: tuple[Ordering, ...] = get_args(Ordering)

_TIES = 1 + 1e-7
_CAVEATS: dict[MeasureName, str] = {
    "incidence rate": "Assumes that every case in the observed person-time was found.",
    "risk over mixed follow-up": (
        "Persons were followed for different times and some died: neither a rate nor a cumulative incidence."
    ),
    "reporting proportion": (
        "Reported cases over persons treated: delay and under-reporting lower it, follow-up is not in it. Not an incidence."
    ),
}


class MixedMeasures(InputError):
    """Figures of different kinds, or of sources that may not be compared, were put side by side."""

    code = "mixed-measures"


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure that knows what it is.

    Attributes:
        name: ``incidence rate``, ``risk over mixed follow-up`` or ``reporting proportion``.
        group: what was counted (a product, a class).
        estimate: the figure with its denominator and interval.
        kind: how the cases came in (the ``kind`` column of the exposure table).
        comparison: rows with equal, non-empty values may be compared; "" with none.
        caveat: the sentence that travels with the figure.
    """

    name: MeasureName
    group: str
    estimate: Estimate
    kind: SourceKind
    comparison: str
    caveat: str


@dataclass(frozen=True, slots=True)
class RatioTest:
    """A ratio of two rates (or odds) with its exact interval and test.

    Attributes:
        value, low, high: ratio of the first to the second and its interval; ``inf`` where the second has no event.
        p: two-sided p-value.
        ordering: which outcomes count as at least as extreme (see :func:`rate_ratio`).
        level: confidence level of the interval.
        method: names the test and the interval.
    """

    value: float
    low: float
    high: float
    p: float
    ordering: Ordering
    level: float
    method: str

    @property
    def agrees(self) -> bool:
        """Whether interval and test say the same (they need not when the ordering is ``minlike``)."""
        return (self.p < 1 - self.level) == (not self.low <= 1 <= self.high)


def measure(
    cases: int,
    *,
    persons: int | None = None,
    person_years: float | None = None,
    kind: SourceKind,
    group: str = "",
    comparison: str = "",
    level: float = 0.95,
    method: Method = "exact",
    side: Side = "two",
) -> Measure:
    """The figure that cases over this denominator allow.

    Person-years make an incidence rate where the cases came from observed people (registry, trial, cohort,
    claims). Spontaneous reports and sponsor safety databases give a reporting proportion whatever the denominator.

    Args:
        cases: number of cases.
        persons: persons treated or observed.
        person_years: person-years observed; None when not known.
        kind: how the cases came in.
        group, comparison: carried along.
        level, method, side: of the interval (see ``vocab.estimates``).

    Raises:
        InputError: when no denominator is given.
    """
    reported = kind in ("spontaneous_reports", "safety_database")
    if person_years is not None and not reported:
        name: MeasureName = "incidence rate"
        found = rate(cases, person_years, level=level, method=method, side=side, unit="person-years")
    elif persons is not None:
        name = "reporting proportion" if reported else "risk over mixed follow-up"
        found = proportion(cases, persons, level=level, method=method, side=side, unit="persons treated")
    elif person_years is not None:
        name = "reporting proportion"
        found = rate(cases, person_years, level=level, method=method, side=side, unit="person-years of estimated exposure")
    else:
        raise InputError("no denominator", where=group, fix="give persons or person-years")
    return Measure(name, group, found, kind, comparison, _CAVEATS[name])


def compare(first: Measure, second: Measure, *, ordering: Ordering = "minlike") -> RatioTest:
    """The ratio of two measures that may be compared.

    Raises:
        MixedMeasures: when they are figures of different kinds, or of sources not marked as comparable.
    """
    where = f"{first.group} and {second.group}"
    if first.name != second.name:
        raise MixedMeasures(f"{first.name} and {second.name} are different kinds of figure and cannot be compared", where=where)
    if first.comparison != second.comparison or not first.comparison:
        raise MixedMeasures(
            "the two figures come from sources that are not marked as comparable",
            where=where,
            fix="give both rows the same value in the column comparison if source and case definition agree",
        )
    a, b = first.estimate, second.estimate
    return rate_ratio(int(a.numerator), a.denominator, int(b.numerator), b.denominator, ordering=ordering, level=a.level)


def rate_ratio(
    events: int,
    exposure: float,
    other_events: int,
    other_exposure: float,
    *,
    ordering: Ordering = "minlike",
    level: float = 0.95,
) -> RatioTest:
    """Ratio of two Poisson rates, given their total (conditional binomial; Przyborowski and Wilenski 1940).

    The interval is the Clopper-Pearson one of the conditional binomial (mid-P limits with ``ordering="mid-p"``).
    The p-value depends on what counts as extreme, so the ordering is always named:

    - ``minlike``: outcomes no more probable than the one seen (as R's ``poisson.test``);
    - ``central``: twice the smaller tail, at most 1 (agrees with the interval);
    - ``mid-p``: as central with half the probability of the outcome seen; not guaranteed to hold its level.

    Args:
        events, exposure: first group (exposure in any unit, the same for both).
        other_events, other_exposure: second group.
        ordering: as above.
        level: confidence level.

    Raises:
        InputError: for negative counts or exposures that are not positive.
    """
    if events < 0 or other_events < 0:
        raise InputError("a count is negative", where=f"{events} and {other_events} events")
    if exposure <= 0 or other_exposure <= 0:
        raise InputError("an exposure is not positive", where=f"{exposure} and {other_exposure}")
    total = events + other_events
    share = exposure / (exposure + other_exposure)
    conditional = proportion(events, total, level=level, method="mid-p" if ordering == "mid-p" else "exact")
    value = math.nan
    if total:
        value = (events / exposure) / (other_events / other_exposure) if other_events else math.inf
    scale = other_exposure / exposure
    return RatioTest(
        value=value,
        low=_odds(conditional.low) * scale,
        high=_odds(conditional.high) * scale,
        p=binomial_p(events, total, share, ordering) if total else 1.0,
        ordering=ordering,
        level=level,
        method=f"conditional binomial, {ordering} p, {conditional.method} limits",
    )


def binomial_p(events: int, total: int, share: float, ordering: Ordering = "minlike") -> float:
    """Two-sided exact p-value of ``events`` of ``total`` against the probability ``share``."""
    distribution = stats.binom(total, share)
    if ordering == "minlike":
        outcomes = distribution.pmf(range(total + 1))
        return float(min(1.0, outcomes[outcomes <= outcomes[events] * _TIES].sum()))
    lower, upper = float(distribution.cdf(events)), float(distribution.sf(events - 1))
    if ordering == "mid-p":
        half = 0.5 * float(distribution.pmf(events))
        lower, upper = lower - half, upper - half
    return min(1.0, 2 * min(lower, upper))


def compare_proportions(
    events: int, trials: int, other_events: int, other_trials: int, *, ordering: Ordering = "minlike", level: float = 0.95
) -> RatioTest:
    """Odds ratio of two proportions with Fisher's exact test (``minlike``, as R's ``fisher.test``) or the central one.

    The value is the conditional maximum-likelihood odds ratio; the limits invert the two one-sided
    hypergeometric tests (Fisher 1935; Cornfield 1956).

        >>> round(compare_proportions(19, 42, 18, 72).p, 3)
        0.038

    Raises:
        InputError: for counts that cannot be.
    """
    for got, of in ((events, trials), (other_events, other_trials)):
        if not 0 <= got <= of:
            raise InputError("events are not between 0 and the number of trials", where=f"{got} of {of}")
    total = events + other_events
    central = stats.hypergeom(trials + other_trials, total, trials)
    low, high = max(0, total - other_trials), min(total, trials)
    if low == high:
        return RatioTest(math.nan, 0.0, math.inf, 1.0, ordering, level, "Fisher, uninformative margins")
    if ordering == "minlike":
        outcomes = central.pmf(range(low, high + 1))
        p = float(min(1.0, outcomes[outcomes <= outcomes[events - low] * _TIES].sum()))
    else:
        half = 0.5 * float(central.pmf(events)) if ordering == "mid-p" else 0.0
        p = min(1.0, 2 * min(float(central.cdf(events)) - half, float(central.sf(events - 1)) - half))
    weight = 0.5 if ordering == "mid-p" else 1.0
    tail = (1 - level) / 2
    return RatioTest(
        value=_conditional_odds(events, trials, other_trials, total, low, high),
        low=_odds_limit(events, trials, other_trials, total, low, high, tail, weight, upper=False),
        high=_odds_limit(events, trials, other_trials, total, low, high, tail, weight, upper=True),
        p=p,
        ordering=ordering,
        level=level,
        method=f"Fisher exact, {ordering} p, conditional odds ratio",
    )


def zero_event_limit(exposure: float, *, level: float = 0.95, unit: str = "person-years") -> Estimate:
    """One-sided upper limit of a rate with no event: -ln(1-level)/exposure (about 3/exposure at 95%)."""
    return rate(0, exposure, level=level, side="upper", unit=unit)


def _odds(p: float) -> float:
    return math.inf if p >= 1 else p / (1 - p)


def _tilted(odds: float, trials: int, other: int, total: int, low: int, high: int) -> list[float]:
    """Fisher's noncentral hypergeometric probabilities of ``low`` to ``high`` events in the first group."""
    logs = [_log_choose(trials, k) + _log_choose(other, total - k) + k * math.log(odds) for k in range(low, high + 1)]
    top = max(logs)
    weights = [math.exp(value - top) for value in logs]
    whole = sum(weights)
    return [value / whole for value in weights]


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _conditional_odds(events: int, trials: int, other: int, total: int, low: int, high: int) -> float:
    if events == low:
        return 0.0
    if events == high:
        return math.inf

    def excess(log_odds: float) -> float:
        weights = _tilted(math.exp(log_odds), trials, other, total, low, high)
        return sum(k * w for k, w in zip(range(low, high + 1), weights, strict=True)) - events

    return math.exp(optimize.brentq(excess, -60, 60, xtol=1e-12))


def _odds_limit(
    events: int, trials: int, other: int, total: int, low: int, high: int, tail: float, weight: float, *, upper: bool
) -> float:
    if upper and events == high:
        return math.inf
    if not upper and events == low:
        return 0.0

    def excess(log_odds: float) -> float:
        weights = _tilted(math.exp(log_odds), trials, other, total, low, high)
        seen = weights[events - low]
        beyond = sum(weights[: events - low]) if upper else sum(weights[events - low + 1 :])
        return beyond + weight * seen - tail

    return math.exp(optimize.brentq(excess, -60, 60, xtol=1e-12))
