"""A measured quantity with its interval, as it stands in a verdict."""

from __future__ import annotations

from dataclasses import dataclass

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
