"""The Bayesian companion of MaxSPRT: a gamma prior on the rate ratio, updated at every look.

With a gamma(shape, rate) prior on the rate ratio and a Poisson count, the posterior after ``c`` events against ``m``
expected is gamma(shape + c, rate + m). It does not depend on how often one looked, but a stopping rule does make false
signals, so :func:`false_signal_probability` says how many the rule would make, and :func:`calibrated_threshold` finds the
posterior probability that keeps them at ``alpha``.

    >>> now = update(Prior(), events=9, expected=2.4)
    >>> round(now.median, 2), round(now.low, 2), round(now.high, 2), round(now.probability, 4)
    (3.16, 1.54, 5.66, 0.9984)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from aftercar.signals.sequential import SequentialDesignError, _check_looks, _grown


@dataclass(frozen=True, slots=True)
class Prior:
    """Gamma prior on the rate ratio.

    Attributes:
        shape, rate: of the gamma law; the default (0.5, 0.5) has mean 1 and the weight of half an expected event.
    """

    shape: float = 0.5
    rate: float = 0.5

    def __post_init__(self) -> None:
        if not (self.shape > 0 and self.rate > 0):
            raise SequentialDesignError(f"a gamma({self.shape}, {self.rate}) prior: both must be above 0")


#: Priors shown side by side, so that a reader sees what the data say and what the prior says.
SENSITIVITY: dict[str, Prior] = {
    "weak": Prior(0.5, 0.5),
    "sceptical": Prior(5.0, 5.0),
    "enthusiastic": Prior(2.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class Posterior:
    """The rate ratio after a look.

    Attributes:
        events, expected: counts up to the look.
        median, low, high: posterior median and central interval of the rate ratio.
        level: of the interval.
        above: rate ratio that matters.
        probability: posterior probability that the rate ratio lies above ``above``.
        prior: what was assumed.
    """

    events: int
    expected: float
    median: float
    low: float
    high: float
    level: float
    above: float
    probability: float
    prior: Prior


def update(prior: Prior, events: int, expected: float, *, above: float = 1.0, level: float = 0.95) -> Posterior:
    """Posterior of the rate ratio after ``events`` against ``expected``.

    Raises:
        SequentialDesignError: for a negative count, an expectation below 0, or a level outside (0, 1).
    """
    if events < 0 or expected < 0:
        raise SequentialDesignError(f"{events} events against {expected} expected", fix="both must be counts up to this look")
    if not 0 < level < 1:
        raise SequentialDesignError(f"level {level} is not between 0 and 1")
    law = stats.gamma(prior.shape + events, scale=1 / (prior.rate + expected))
    low, median, high = (float(law.ppf(q)) for q in ((1 - level) / 2, 0.5, (1 + level) / 2))
    return Posterior(events, expected, median, low, high, level, above, float(law.sf(above)), prior)


def fewest_events(prior: Prior, expected: float, threshold: float, *, above: float = 1.0, minimum: int = 1) -> int:
    """Fewest events at which the posterior probability of a rate ratio above ``above`` reaches ``threshold``."""
    start, size = minimum, 64
    while True:
        counts = np.arange(start, start + size)
        reached = special.gammaincc(prior.shape + counts, above * (prior.rate + expected)) >= threshold
        if reached.any():
            return int(counts[int(np.argmax(reached))])
        start, size = start + size, 2 * size


def signal_probability(
    prior: Prior,
    looks: Sequence[float],
    threshold: float,
    rate_ratio: float = 1.0,
    *,
    above: float = 1.0,
    minimum: int = 1,
) -> float:
    """Exact chance that the rule ever signals over the looks when the true rate ratio is ``rate_ratio``.

    Args:
        prior: gamma prior.
        looks: cumulative expected events at each look, rising.
        threshold: posterior probability that makes a signal, in (0, 1).
        rate_ratio: the truth.
        above: rate ratio that matters.
        minimum: fewest events that may signal.
    """
    if not 0 < threshold < 1:
        raise SequentialDesignError(f"threshold {threshold} is not between 0 and 1")
    alive = np.array([1.0])
    signalled = before = 0.0
    for at in _check_looks(looks):
        alive = _grown(alive, rate_ratio * (at - before))
        limit = fewest_events(prior, at, threshold, above=above, minimum=minimum)
        signalled += float(alive[limit:].sum()) + max(0.0, 1.0 - signalled - float(alive.sum()))
        alive = alive[:limit]
        before = at
    return signalled


def false_signal_probability(
    prior: Prior, looks: Sequence[float], threshold: float, *, above: float = 1.0, minimum: int = 1
) -> float:
    """Chance of a signal when the rate is just as expected."""
    return signal_probability(prior, looks, threshold, 1.0, above=above, minimum=minimum)


def calibrated_threshold(
    prior: Prior, looks: Sequence[float], alpha: float = 0.05, *, above: float = 1.0, minimum: int = 1
) -> float:
    """Smallest posterior probability whose rule signals falsely with chance ``alpha`` or less over the looks."""
    low, high = 1e-6, 1 - 1e-12
    if false_signal_probability(prior, looks, low, above=above, minimum=minimum) <= alpha:
        return low
    for _ in range(60):
        middle = (low + high) / 2
        if false_signal_probability(prior, looks, middle, above=above, minimum=minimum) > alpha:
            low = middle
        else:
            high = middle
    return high
