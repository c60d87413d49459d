"""A measured quantity with its interval, as it stands in a verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with its interval; None where it cannot be given.

    Attributes:
        value, low, high: on one scale.
        unit: what the value counts.
        method: how the interval was made.
    """

    value: float
    low: float
    high: float
    unit: str
    method: str

    def scaled(self, factor: float, unit: str | None = None) -> Quantity:
        """The same quantity in another unit."""
        return Quantity(factor * self.value, factor * self.low, factor * self.high, unit or self.unit, self.method)

    def capped(self, most: float) -> Quantity:
        """The same quantity with value and limits at most ``most``."""
        return Quantity(min(most, self.value), min(most, self.low), min(most, self.high), self.unit, self.method)

    def words(self, digits: int = 2) -> str:
        """``1.02 (0.85-1.20) copies per cell``."""
        return f"{self.value:.{digits}f} ({self.low:.{digits}f}-{self.high:.{digits}f}) {self.unit}".strip()

    def percent(self) -> str:
        """``12.0% (8.1-16.8)``."""
        return f"{100 * self.value:.1f}% ({100 * self.low:.1f}-{100 * self.high:.1f})"


def poisson_mean(count: float, level: float = 0.95) -> tuple[float, float]:
    """Central Jeffreys interval of a Poisson mean (Brown, Cai and DasGupta, Statistica Sinica 2003;13:19).

    ``count`` may be an effective count that is not whole. With a count of 0 the lower limit is 0.
    """
    tail = (1 - level) / 2
    low = float(stats.gamma.ppf(tail, count + 0.5)) if count > 0 else 0.0
    return low, float(stats.gamma.ppf(1 - tail, count + 0.5))


def binomial_share(events: float, trials: float, level: float = 0.95) -> tuple[float, float]:
    """Jeffreys interval of a binomial proportion (Brown, Cai and DasGupta, Statistical Science 2001;16:101).

    Its limits are set to 0 and 1 at the edges. Unlike the exact interval its coverage is near the level on average, which
    is what an estimate needs; bounds that must never fail use the exact one.
    """
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, events + 0.5, trials - events + 0.5)) if events > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, events + 0.5, trials - events + 0.5)) if events < trials else 1.0
    return low, high


def binomial_share_found(
    events: int, trials: int, level: float = 0.95, *, least: int = 0, worth: float = 1.0
) -> tuple[float, float, float]:
    """Share and its interval when it is looked at only because at least ``least`` events came.

    The likelihood is divided by the chance of being looked at (a truncated binomial); value and limits are the median and
    the quantiles under Jeffreys' prior. Without such a condition they are the observed share and :func:`binomial_share`.

    Args:
        events: of the trials.
        trials: in all.
        level: of the interval.
        least: events without which there would be no estimate.
        worth: share of an independent trial that each trial is worth (below 1 with overdispersion).
    """
    if least <= 0:
        return events / trials, *binomial_share(events * worth, trials * worth, level)
    top = float(stats.beta.ppf(1 - 1e-9, events * worth + 0.5, (trials - events) * worth + 0.5))
    # In the angle whose squared sine is the share, Jeffreys' prior is even.
    angle = np.linspace(0, np.arcsin(np.sqrt(top)), _STEPS + 1)[1:]
    share = np.sin(angle) ** 2
    with np.errstate(divide="ignore"):
        density = worth * (events * np.log(share) + (trials - events) * np.log1p(-np.minimum(share, 1 - 1e-15)))
    return _median_and_limits(share, density - stats.binom.logsf(least - 1, trials, share), level)


def poisson_mean_found(count: int, level: float = 0.95, *, least: int = 0, worth: float = 1.0) -> tuple[float, float, float]:
    """Poisson mean and its interval when it is looked at only because ``count`` is at least ``least``.

    As :func:`binomial_share_found`; without the condition value and limits are the count and :func:`poisson_mean`.
    """
    if least <= 0:
        low, high = poisson_mean(count * worth, level)
        return float(count), low / worth, high / worth
    top = float(stats.gamma.ppf(1 - 1e-9, count * worth + 0.5)) / worth
    mean = np.linspace(0, np.sqrt(top), _STEPS + 1)[1:] ** 2
    density = worth * (count * np.log(mean) - mean) - stats.poisson.logsf(least - 1, mean)
    return _median_and_limits(mean, density, level)


_STEPS = 4_000


def _median_and_limits(
    values: npt.NDArray[np.float64], log_density: npt.NDArray[np.float64], level: float
) -> tuple[float, float, float]:
    """Median and central limits of a density on even steps (of another scale) at rising values."""
    weights = np.exp(log_density - log_density.max())
    below = (np.cumsum(weights) - weights / 2) / weights.sum()
    tail = (1 - level) / 2
    middle, low, high = np.interp([0.5, tail, 1 - tail], below, values)
    return float(middle), float(low), float(high)
