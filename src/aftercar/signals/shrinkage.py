"""Empirical Bayes shrinkage of a whole table of report counts: the gamma-Poisson shrinker, EBGM and EB05.

The ratio of observed to expected reports of each combination is drawn from a mixture of two gamma laws that are fitted to
all combinations (DuMouchel, American Statistician 1999;53:177); small counts are pulled towards the bulk. Combinations with
no report are not in the table, so the likelihood is that of counts of at least ``least`` (DuMouchel and Pregibon 2001).

    >>> prior = GammaMixture(0.2, 0.1, 2.0, 4.0, 1 / 3)
    >>> score = shrink(prior, [1, 3, 30], [0.2, 0.2, 10.0])
    >>> [round(float(x), 2) for x in score.ebgm]
    [1.03, 8.38, 2.9]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from aftercar.errors import InputError

Array = NDArray[np.float64]

#: Starting points of the search, as spread as the surface is flat.
STARTS: tuple[tuple[float, float, float, float, float], ...] = (
    (0.2, 0.1, 2.0, 4.0, 1 / 3),
    (0.1, 0.1, 10.0, 10.0, 0.2),
    (0.5, 0.3, 3.0, 3.0, 0.1),
)


class ShrinkageError(InputError):
    """Counts to which the gamma-Poisson shrinker cannot be fitted."""

    code = "shrinkage"


@dataclass(frozen=True, slots=True)
class GammaMixture:
    """Prior of the ratio observed / expected: ``share`` of gamma(shape1, rate1) and the rest of gamma(shape2, rate2)."""

    shape1: float
    rate1: float
    shape2: float
    rate2: float
    share: float

    def __post_init__(self) -> None:
        if min(self.shape1, self.rate1, self.shape2, self.rate2) <= 0 or not 0 <= self.share <= 1:
            raise ShrinkageError(f"{self} is not a mixture of two gamma laws")

    @property
    def mean(self) -> float:
        """Prior mean of the ratio."""
        return self.share * self.shape1 / self.rate1 + (1 - self.share) * self.shape2 / self.rate2


@dataclass(frozen=True, slots=True)
class Shrunk:
    """Posterior of the ratio for every combination.

    Attributes:
        ebgm: geometric mean of the posterior.
        low, high: posterior quantiles at (1 - level) / 2 and (1 + level) / 2; at level 0.90 they are EB05 and EB95.
        share: posterior probability of the first component.
        level: of the interval.
    """

    ebgm: Array
    low: Array
    high: Array
    share: Array
    level: float


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted prior, the log likelihood and what was fitted.

    Attributes:
        prior: the two gamma laws.
        log_likelihood: at the prior.
        combinations: how many were fitted to.
        least: fewest reports of a combination that was fitted to.
        converged: whether the search ended by itself.
    """

    prior: GammaMixture
    log_likelihood: float
    combinations: int
    least: int
    converged: bool

    @property
    def at_edge(self) -> bool:
        """Whether a parameter ran to the edge of the search: then scores of few reports are hardly shrunk."""
        p = self.prior
        return any(not 1e-5 < value < 1e5 for value in (p.shape1, p.rate1, p.shape2, p.rate2))


def fit(observed: Any, expected: Any, *, least: int = 1, starts: Sequence[tuple[float, ...]] = STARTS) -> Fit:
    """Maximum-likelihood prior from all combinations with ``least`` or more reports.

    Args:
        observed: joint report counts.
        expected: expected counts under independence, above 0, same shape.
        least: combinations below it are left out and the likelihood is truncated accordingly (1 or more); 0 means that
            the combinations with no report are in the table.
        starts: starting points (shape1, rate1, shape2, rate2, share); the best end is kept.

    Raises:
        ShrinkageError: for fewer than ten combinations, expectations of 0 or less, or when no start converges.
    """
    n, e = np.asarray(observed, dtype=float).ravel(), np.asarray(expected, dtype=float).ravel()
    if n.shape != e.shape or not np.all(np.isfinite(e)) or np.any(e <= 0) or np.any(n < 0):
        raise ShrinkageError("counts must be 0 or more and expectations above 0, in equal numbers")
    keep = n >= least
    n, e = n[keep], e[keep]
    if len(n) < 10:
        raise ShrinkageError(f"{len(n)} combinations are too few to fit a prior to", fix="use the IC, or a larger table")
    n, e, weight = squash(n, e)

    best: tuple[float, Array, bool] | None = None
    for start in starts:
        first = np.array([*np.log(start[:4]), special.logit(start[4])])
        found = optimize.minimize(
            _loss,
            first,
            args=(n, e, weight, least),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-12.0, 12.0)] * 5,
            options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-14, "gtol": 1e-7},
        )
        if best is None or found.fun < best[0]:
            best = (float(found.fun), found.x, bool(found.success))
    if best is None or not np.isfinite(best[0]):
        raise ShrinkageError("no starting point led to a likelihood", fix="check the expected counts")
    return Fit(_decode(best[1]), -best[0], int(keep.sum()), least, best[2])


def _loss(parameters: Array, n: Array, e: Array, weight: Array, least: int) -> tuple[float, Array]:
    """Negative log likelihood and its gradient on the log and logit scale."""
    prior = _decode(parameters)
    value, slope = _value_and_slope(prior, n, e)
    if least:
        below, below_slope = np.zeros_like(e), np.zeros((5, len(e)))
        for k in range(least):
            log_part, part_slope = _value_and_slope(prior, np.full_like(e, float(k)), e)
            part = np.exp(log_part)
            below += part
            below_slope += part * part_slope
        rest = np.maximum(1 - below, 1e-300)
        value = value - np.log(rest)
        slope = slope + below_slope / rest
    return -float(weight @ value), -(slope @ weight)


def _value_and_slope(prior: GammaMixture, n: Array, e: Array) -> tuple[Array, Array]:
    """Log mixture probability of each count and its derivatives, shape (5, combinations)."""
    log1 = np.log(prior.share) + _log_component(n, e, prior.shape1, prior.rate1)
    log2 = np.log1p(-prior.share) + _log_component(n, e, prior.shape2, prior.rate2)
    value = np.logaddexp(log1, log2)
    first, second = np.exp(log1 - value), np.exp(log2 - value)
    slope = np.empty((5, len(e)))
    for at, part, shape, rate in ((0, first, prior.shape1, prior.rate1), (2, second, prior.shape2, prior.rate2)):
        by_shape = _on_unique(special.digamma, shape, n) - special.digamma(shape) - np.log1p(e / rate)
        by_rate = (shape * e / rate - n) / (rate + e)
        slope[at], slope[at + 1] = part * by_shape * shape, part * by_rate * rate
    slope[4] = (1 - prior.share) * first - prior.share * second
    return value, slope


def _on_unique(function: Any, shape: float, n: Array) -> Array:
    """``function(shape + n)``, worked out once for each distinct count (report counts repeat a great deal)."""
    values, place = np.unique(n, return_inverse=True)
    return function(shape + values)[place]


def squash(observed: Array, expected: Array, *, bins: int = 200) -> tuple[Array, Array, Array]:
    """Combinations with equal counts and near-equal expectations put together (DuMouchel and Pregibon 2001).

    Counts up to 10 are binned into at most ``bins`` groups of equal size by expectation, each represented by its mean;
    the higher counts are kept as they are. Tables of fewer than 5,000 combinations are not squashed.

    Returns:
        Counts, expectations and weights.
    """
    if len(observed) < 5_000:
        return observed, expected, np.ones(len(observed))
    order = np.lexsort((expected, observed))
    n, e = observed[order], expected[order]
    counts: list[Array] = []
    means: list[Array] = []
    weights: list[Array] = []
    for value in np.unique(n[n <= 10]):
        block = e[n == value]
        parts = np.array_split(block, min(bins, len(block)))
        means.append(np.array([part.mean() for part in parts]))
        weights.append(np.array([float(len(part)) for part in parts]))
        counts.append(np.full(len(parts), value))
    high = n > 10
    return (
        np.concatenate([*counts, n[high]]),
        np.concatenate([*means, e[high]]),
        np.concatenate([*weights, np.ones(int(high.sum()))]),
    )


def _decode(parameters: Array) -> GammaMixture:
    shape1, rate1, shape2, rate2 = np.exp(np.clip(parameters[:4], -12, 12))
    return GammaMixture(float(shape1), float(rate1), float(shape2), float(rate2), float(special.expit(parameters[4])))


def _log_component(n: Array, e: Array, shape: float, rate: float) -> Array:
    """Log negative-binomial probability of ``n`` when the ratio is gamma(shape, rate) and the mean is ratio x ``e``."""
    return (
        _on_unique(special.gammaln, shape, n)
        - special.gammaln(shape)
        - special.gammaln(n + 1)
        - shape * np.log1p(e / rate)
        - n * np.log1p(rate / e)
    )


def _log_mixture(prior: GammaMixture, n: Array, e: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.logaddexp(
            np.log(prior.share) + _log_component(n, e, prior.shape1, prior.rate1),
            np.log1p(-prior.share) + _log_component(n, e, prior.shape2, prior.rate2),
        )


def _log_marginal(prior: GammaMixture, n: Array, e: Array, least: int) -> Array:
    """Log probability of each count given that it is at least ``least``."""
    value = _log_mixture(prior, n, e)
    if least == 0:
        return value
    below = np.zeros_like(e)
    for k in range(least):
        below += np.exp(_log_mixture(prior, np.full_like(e, float(k)), e))
    return value - np.log(np.maximum(1 - below, 1e-300))


def shrink(prior: GammaMixture, observed: Any, expected: Any, *, level: float = 0.90) -> Shrunk:
    """Posterior geometric mean (EBGM) and quantiles of the ratio for every combination.

    Args:
        prior: fitted or chosen.
        observed, expected: arrays of one shape.
        level: 0.90 gives EB05 and EB95.
    """
    if not 0 < level < 1:
        raise ShrinkageError(f"level {level} is not between 0 and 1")
    n, e = np.broadcast_arrays(np.asarray(observed, dtype=float), np.asarray(expected, dtype=float))
    with np.errstate(divide="ignore"):
        log1 = np.log(prior.share) + _log_component(n, e, prior.shape1, prior.rate1)
        log2 = np.log1p(-prior.share) + _log_component(n, e, prior.shape2, prior.rate2)
    share = np.exp(log1 - np.logaddexp(log1, log2))
    mean_log = share * (special.digamma(prior.shape1 + n) - np.log(prior.rate1 + e)) + (1 - share) * (
        special.digamma(prior.shape2 + n) - np.log(prior.rate2 + e)
    )
    low, high = (_quantile(prior, n, e, share, q) for q in ((1 - level) / 2, (1 + level) / 2))
    return Shrunk(np.exp(mean_log), low, high, share, level)


def _quantile(prior: GammaMixture, n: Array, e: Array, share: Array, q: float) -> Array:
    """Quantile of the posterior mixture: it lies between the components' quantiles, found by Newton steps on the log scale.

    A step that leaves the bracket is replaced by halving it.
    """
    shape = np.shape(n)
    n, e, share = (np.atleast_1d(value).ravel() for value in (n, e, share))
    shapes, rates = (prior.shape1 + n, prior.shape2 + n), (prior.rate1 + e, prior.rate2 + e)
    logs = [np.log(np.maximum(special.gammaincinv(s, q) / r, np.finfo(float).tiny)) for s, r in zip(shapes, rates, strict=True)]
    low, high = np.minimum(*logs), np.maximum(*logs)
    at = share * logs[0] + (1 - share) * logs[1]
    active = np.flatnonzero(high - low > 1e-14)
    for _ in range(100):
        if not len(active):
            break
        y, part = at[active], share[active]
        below, slope = np.zeros_like(y), np.zeros_like(y)
        for s, r, weight in zip(shapes, rates, (part, 1 - part), strict=True):
            s, x = s[active], r[active] * np.exp(y)
            below += weight * special.gammainc(s, x)
            slope += weight * np.exp(s * np.log(x) - x - special.gammaln(s))
        under = below < q
        low[active] = np.where(under, y, low[active])
        high[active] = np.where(under, high[active], y)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = y - (below - q) / slope
        inside = (step > low[active]) & (step < high[active])
        new = np.where(inside, step, (low[active] + high[active]) / 2)
        at[active] = new
        active = active[(np.abs(new - y) > 1e-13) & (high[active] - low[active] > 1e-14)]
    return np.exp(at).reshape(shape)
