"""Is it a class effect: do the products' rates differ by more than chance?

With few events the asymptotic tests mislead, so the test is exact: given the total, events fall on products
in proportion to exposure (multinomial), and the p-value sums the outcomes at least as extreme as the one seen.
What "extreme" means must be fixed before looking, and is named with every p-value.

    >>> axi_brexu = dict(events=[13, 0], exposure=[17_578, 3_336])
    >>> {name: round(exact_test(**axi_brexu, ordering=name).p, 2) for name in ORDERINGS}
    {'probability': 0.24, 'likelihood_ratio': 0.11, 'pearson': 0.15}
    >>> round(asymptotic_p(**axi_brexu), 2)
    0.03

"Not significant" is not "equal": :func:`smallest_detectable_ratio` says which difference could have been seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from aftercar.errors import InputError

Ordering = Literal["probability", "likelihood_ratio", "pearson"]
ORDERINGS: tuple[Ordering, ...] = get_args(Ordering)

#: Outcomes enumerated at most; above this the p-value is simulated.
MAX_OUTCOMES = 2_000_000
_TIES = 1e-9


@dataclass(frozen=True, slots=True)
class Homogeneity:
    """Result of the exact test of equal rates.

    Attributes:
        p: p-value.
        ordering: statistic that orders the outcomes.
        method: ``enumeration`` or ``simulation``.
        outcomes: outcomes enumerated, or draws simulated.
        monte_carlo_error: standard error of a simulated p, else 0.
        events, exposure, expected: per product; expected under equal rates.
        names: names of the products, in order.
    """

    p: float
    ordering: Ordering
    method: Literal["enumeration", "simulation"]
    outcomes: int
    monte_carlo_error: float
    events: tuple[int, ...]
    exposure: tuple[float, ...]
    expected: tuple[float, ...]
    names: tuple[str, ...]


def exact_test(
    events: Sequence[int],
    exposure: Sequence[float],
    *,
    ordering: Ordering = "probability",
    names: Sequence[str] | None = None,
    draws: int = 200_000,
    seed: int = 1,
) -> Homogeneity:
    """Exact conditional test that K products share one rate.

    Args:
        events: events for each product, shape (K,).
        exposure: persons or person-years for each product, shape (K,), positive; the same unit throughout.
        ordering: ``probability`` (outcomes no more probable than the one seen), ``likelihood_ratio`` or ``pearson``.
        names: names of the products.
        draws, seed: for the simulation that replaces enumeration above ``MAX_OUTCOMES`` outcomes;
            p = (1 + extreme draws) / (1 + draws).

    Raises:
        InputError: for fewer than two products, unequal lengths, negative counts or exposure that is not positive.
    """
    counts, share = _checked(events, exposure)
    total = int(counts.sum())
    expected = total * share
    labels = tuple(names) if names is not None else tuple(f"product {i + 1}" for i in range(len(counts)))
    statistic = _statistic(ordering, total, share)
    seen = float(statistic(counts[None, :].astype(float))[0])
    size = math.comb(total + len(counts) - 1, len(counts) - 1)
    if size <= MAX_OUTCOMES:
        outcomes = compositions(total, len(counts))
        extreme = statistic(outcomes.astype(float)) >= seen - _TIES * max(1.0, abs(seen))
        p = float(np.exp(log_multinomial(outcomes[extreme], share)).sum())
        return Homogeneity(min(1.0, p), ordering, "enumeration", size, 0.0, *_carried(counts, exposure, expected), labels)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(total, share, size=draws)
    hits = int((statistic(drawn.astype(float)) >= seen - _TIES * max(1.0, abs(seen))).sum())
    p = (1 + hits) / (1 + draws)
    error = math.sqrt(p * (1 - p) / draws)
    return Homogeneity(p, ordering, "simulation", draws, error, *_carried(counts, exposure, expected), labels)


def asymptotic_p(events: Sequence[int], exposure: Sequence[float]) -> float:
    """The likelihood-ratio (G) test's chi-square p-value. Shown beside the exact one; misleading with few events."""
    counts, share = _checked(events, exposure)
    statistic = _statistic("likelihood_ratio", int(counts.sum()), share)(counts[None, :].astype(float))[0]
    return float(stats.chi2.sf(statistic, len(counts) - 1))


def smallest_detectable_ratio(
    total: int, exposure: Sequence[float], product: int, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """The rate ratio (one product against all others) that the exact test would find with the given power.

    Infinity when no ratio reaches the power, because the product's exposure or the number of events is too small.
    """
    _, share = _checked([0] * len(exposure), exposure)
    part = float(share[product])
    outcomes = np.arange(total + 1)
    upper_tail = stats.binom.sf(outcomes - 1, total, part)
    critical = outcomes[upper_tail <= alpha / 2]
    if critical.size == 0:
        return math.inf

    def reached(ratio: float) -> float:
        p = part * ratio / (part * ratio + 1 - part)
        return float(stats.binom.sf(critical[0] - 1, total, p))

    low, high = 1.0, 1e6
    if reached(high) < power:
        return math.inf
    while high / low > 1 + 1e-6:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if reached(middle) < power else (low, middle)
    return high


def compositions(total: int, parts: int) -> NDArray[np.int64]:
    """Every way to write ``total`` as ``parts`` counts in order, shape (C(total+parts-1, parts-1), parts)."""
    if parts == 1:
        return np.array([[total]], dtype=np.int64)
    rows = np.arange(total + 1, dtype=np.int64)[:, None]
    left = total - rows[:, 0]
    for _ in range(parts - 2):
        repeats = left + 1
        starts = np.repeat(np.cumsum(repeats) - repeats, repeats)
        next_part = np.arange(int(repeats.sum())) - starts
        rows = np.column_stack([np.repeat(rows, repeats, axis=0), next_part])
        left = np.repeat(left, repeats) - next_part
    return np.column_stack([rows, left])


def log_multinomial(outcomes: NDArray[np.int64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-probability of each row of counts under the shares."""
    total = outcomes.sum(axis=1)
    return np.asarray(
        special.gammaln(total + 1.0) - special.gammaln(outcomes + 1.0).sum(axis=1) + special.xlogy(outcomes, share).sum(axis=1)
    )


def _statistic(
    ordering: Ordering, total: int, share: NDArray[np.float64]
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """The function that orders outcomes, larger being more extreme."""
    expected = total * share

    def by_probability(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return -(special.xlogy(x, share).sum(axis=1) - special.gammaln(x + 1).sum(axis=1))

    def by_likelihood_ratio(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(2 * special.xlogy(x, x / np.where(expected > 0, expected, 1)).sum(axis=1))

    def by_pearson(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(((x - expected) ** 2 / np.where(expected > 0, expected, 1)).sum(axis=1))

    if ordering == "probability":
        return by_probability
    if ordering == "likelihood_ratio":
        return by_likelihood_ratio
    if ordering == "pearson":
        return by_pearson
    raise InputError(f"unknown ordering {ordering!r}", fix=f"one of {', '.join(ORDERINGS)}")


def _checked(events: Sequence[int], exposure: Sequence[float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    counts, size = np.asarray(events), np.asarray(exposure, dtype=float)
    if counts.ndim != 1 or counts.shape != size.shape or len(counts) < 2:
        raise InputError("homogeneity needs events and exposure of the same two or more products")
    if (counts < 0).any() or (counts != counts.astype(np.int64)).any():
        raise InputError("events must be counts of 0 or more", where=str(list(events)))
    if not (size > 0).all() or not np.isfinite(size).all():
        raise InputError("exposure must be positive", where=str(list(exposure)), fix="leave out products nobody received")
    return counts.astype(np.int64), size / size.sum()


def _carried(
    counts: NDArray[np.int64], exposure: Sequence[float], expected: NDArray[np.float64]
) -> tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]:
    return tuple(int(x) for x in counts), tuple(float(x) for x in exposure), tuple(float(x) for x in expected)
