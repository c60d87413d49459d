"""A number with its denominator and interval, and the exact intervals that every station uses.

A figure never travels alone: an :class:`Estimate` keeps numerator, denominator, interval, level and
the name of the method. Exact intervals are the default for counts (Clopper-Pearson 1934 for
proportions, Garwood 1936 for Poisson rates); the mid-P forms are options. With zero events the lower
limit is 0 and the upper limit is two-sided unless ``side="upper"`` is asked for.

    >>> e = proportion(38, 42_500)
    >>> f"{e.value:.6f} {e.low:.6f} {e.high:.6f}"
    '0.000894 0.000633 0.001227'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scipy import optimize, stats

Method = Literal["exact", "mid-p"]
Side = Literal["two", "upper"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A count over a denominator with its interval.

    Attributes:
        value: numerator / denominator (per unit of the denominator); NaN when the denominator is 0.
        low, high: limits of the interval on the same scale.
        numerator: events.
        denominator: persons, tumours or person-years, named by ``unit``.
        unit: what one unit of the denominator is ("persons", "tumours tested", "person-years").
        level: confidence level in (0, 1).
        method: name of the interval ("Clopper-Pearson", "Garwood", "mid-P binomial", ...).
    """

    value: float
    low: float
    high: float
    numerator: float
    denominator: float
    unit: str
    level: float
    method: str

    def percent(self, digits: int = 1) -> str:
        """As text in percent: ``36.8% (16.3-61.6)``."""
        return f"{100 * self.value:.{digits}f}% ({100 * self.low:.{digits}f}-{100 * self.high:.{digits}f})"

    def per(self, scale: float, digits: int = 2) -> str:
        """As text per ``scale`` units of the denominator: ``0.89 (0.63-1.23)`` for ``scale=1000``."""
        return f"{scale * self.value:.{digits}f} ({scale * self.low:.{digits}f}-{scale * self.high:.{digits}f})"


def proportion(
    events: int, trials: int, *, level: float = 0.95, method: Method = "exact", side: Side = "two", unit: str = "persons"
) -> Estimate:
    """Binomial proportion with the Clopper-Pearson (Biometrika 1934;26:404) or mid-P interval.

    Args:
        events: successes, 0 <= events <= trials.
        trials: number of trials; 0 gives value NaN and the interval 0 to 1.
        level: confidence level in (0, 1).
        method: ``exact`` or ``mid-p``.
        side: ``two`` for a central interval, ``upper`` for a one-sided upper limit (lower limit 0).
        unit: name of one trial.

    Raises:
        ValueError: for negative counts, more events than trials, or a level outside (0, 1).
    """
    _check(events, level)
    if events > trials:
        raise ValueError(f"{events} events among {trials} trials")
    name = "Clopper-Pearson" if method == "exact" else "mid-P binomial"
    if trials == 0:
        return Estimate(float("nan"), 0.0, 1.0, events, trials, unit, level, name)
    tail = (1 - level) / (2 if side == "two" else 1)
    if method == "exact":
        low = float(stats.beta.ppf(tail, events, trials - events + 1)) if events else 0.0
        high = float(stats.beta.ppf(1 - tail, events + 1, trials - events)) if events < trials else 1.0
    else:

        def below(p: float) -> float:
            return float(stats.binom.cdf(events, trials, p) - 0.5 * stats.binom.pmf(events, trials, p))

        low = 0.0 if events == 0 else optimize.brentq(lambda p: 1 - below(p) - tail, 0.0, 1.0, xtol=1e-15)
        high = 1.0 if events == trials else optimize.brentq(lambda p: below(p) - tail, 0.0, 1.0, xtol=1e-15)
    if side == "upper":
        low = 0.0
    return Estimate(events / trials, low, high, events, trials, unit, level, _sided(name, side))


def rate(
    events: int, exposure: float, *, level: float = 0.95, method: Method = "exact", side: Side = "two", unit: str = "person-years"
) -> Estimate:
    """Poisson rate with the Garwood (Biometrika 1936;28:437) or mid-P interval.

    Args:
        events: count of events, at least 0.
        exposure: person-time (or persons) in ``unit``; 0 gives value NaN and the interval 0 to infinity.
        level, method, side, unit: as in :func:`proportion`.

    Raises:
        ValueError: for a negative count or exposure, or a level outside (0, 1).
    """
    _check(events, level)
    if exposure < 0:
        raise ValueError(f"exposure {exposure} is negative")
    name = "Garwood" if method == "exact" else "mid-P Poisson"
    if exposure == 0:
        return Estimate(float("nan"), 0.0, float("inf"), events, exposure, unit, level, name)
    tail = (1 - level) / (2 if side == "two" else 1)
    if method == "exact":
        low = float(stats.gamma.ppf(tail, events)) if events else 0.0
        high = float(stats.gamma.ppf(1 - tail, events + 1))
    else:

        def below(mean: float) -> float:
            return float(stats.poisson.cdf(events, mean) - 0.5 * stats.poisson.pmf(events, mean))

        top = float(stats.gamma.ppf(1 - tail / 100, events + 1)) + 1
        low = 0.0 if events == 0 else optimize.brentq(lambda m: 1 - below(m) - tail, 0.0, top, xtol=1e-13)
        high = optimize.brentq(lambda m: below(m) - tail, 0.0, top, xtol=1e-13)
    if side == "upper":
        low = 0.0
    return Estimate(events / exposure, low / exposure, high / exposure, events, exposure, unit, level, _sided(name, side))


def _check(events: int, level: float) -> None:
    if events < 0:
        raise ValueError(f"{events} events: a count cannot be negative")
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1")


def _sided(name: str, side: Side) -> str:
    return name if side == "two" else f"{name}, one-sided upper"
