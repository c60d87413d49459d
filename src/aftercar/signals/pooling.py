"""Rates of several products, partially pooled: each product borrows from the others as far as they agree.

Events are Poisson with rate λ_i; the λ_i follow a gamma distribution whose mean and coefficient of variation (CV)
are unknown. Both are integrated out on a grid (full Bayes), because plugging in estimates makes intervals too narrow
with six products. What the prior on the CV does is shown by :func:`sensitivity`, always beside the result.

    >>> fit = pool([13, 0], [17_578, 3_336], names=["axi-cel", "brexu-cel"])
    >>> [f"{1000 * r.mean:.2f} ({1000 * r.low:.2f}-{1000 * r.high:.2f})" for r in fit.products]
    ['0.69 (0.36-1.13)', '0.25 (0.00-0.87)']
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from aftercar.errors import InputError

Array = NDArray[np.float64]
PriorShape = Literal["half-normal", "half-cauchy", "uniform"]
PRIORS: tuple[PriorShape, ...] = get_args(PriorShape)


@dataclass(frozen=True, slots=True)
class Prior:
    """Prior of the between-product coefficient of variation; the log of the mean rate is flat over ``log_mean_width``.

    Attributes:
        shape: ``half-normal``, ``half-cauchy`` or ``uniform`` (on 0 to ``scale``).
        scale: on the CV; 1 allows products to differ severalfold.
    """

    shape: PriorShape = "half-normal"
    scale: float = 1.0

    def log_density(self, cv: Array) -> Array:
        """Up to a constant."""
        if self.shape == "half-normal":
            return np.asarray(-0.5 * (cv / self.scale) ** 2)
        if self.shape == "half-cauchy":
            return np.asarray(-np.log1p((cv / self.scale) ** 2))
        return np.where(cv <= self.scale, 0.0, -np.inf)

    def __str__(self) -> str:
        return f"{self.shape}({self.scale:g}) on the CV"


@dataclass(frozen=True, slots=True)
class PooledRate:
    """Posterior of one product's rate, per unit of exposure.

    Attributes:
        name: product.
        events, exposure: its data.
        crude: events / exposure.
        mean, low, high: posterior mean and equal-tailed limits.
        chance_highest: posterior probability that it has the highest rate of all.
        weight: share of the posterior mean that comes from its own data (1 - shrinkage), averaged over the posterior.
    """

    name: str
    events: int
    exposure: float
    crude: float
    mean: float
    low: float
    high: float
    chance_highest: float
    weight: float


@dataclass(frozen=True, slots=True)
class Pooled:
    """Partial pooling of several products.

    Attributes:
        products: one entry for each product.
        overall, overall_low, overall_high: posterior median and limits of the mean rate of products like these.
        cv, cv_low, cv_high: posterior median and limits of the between-product coefficient of variation; 0 is "all equal".
        prior: used for the CV.
        level: credible level.
    """

    products: tuple[PooledRate, ...]
    overall: float
    overall_low: float
    overall_high: float
    cv: float
    cv_low: float
    cv_high: float
    prior: Prior
    level: float


def pool(
    events: Sequence[int],
    exposure: Sequence[float],
    *,
    names: Sequence[str] | None = None,
    prior: Prior | None = None,
    level: float = 0.95,
    grid: int = 80,
    log_mean_width: float = 6.0,
) -> Pooled:
    """Full-Bayes gamma-Poisson pooling by quadrature over log mean and log CV.

    Args:
        events: per product, shape (K,), not all zero.
        exposure: per product, positive, shape (K,).
        names: names of the products.
        prior: of the CV; half-normal with scale 1 when None.
        level: credible level of equal-tailed intervals.
        grid: points along each of the two axes.
        log_mean_width: half-width of the flat prior of the log mean around the pooled log rate.

    Raises:
        InputError: for unequal lengths, negative counts, exposure that is not positive, or no event at all.
    """
    x, size = np.asarray(events, float), np.asarray(exposure, float)
    if x.shape != size.shape or x.ndim != 1 or len(x) < 2:
        raise InputError("pooling needs events and exposure of the same two or more products")
    if (x < 0).any() or not (size > 0).all():
        raise InputError("events must be 0 or more and exposure positive")
    if x.sum() == 0:
        raise InputError("no event in any product", fix="give the exact upper limit of the rate instead")
    prior = prior or Prior()
    labels = tuple(names) if names is not None else tuple(f"product {i + 1}" for i in range(len(x)))
    mean, cv, weight = _posterior(x, size, prior, grid, log_mean_width)
    shape = 1 / cv**2
    a = shape[:, None] + x[None, :]
    b = (shape / mean)[:, None] + size[None, :]
    tail = (1 - level) / 2
    highest = _chance_highest(a, b, weight)
    own = 1 - (shape / mean)[:, None] / b
    products = tuple(
        PooledRate(
            name=labels[i],
            events=int(x[i]),
            exposure=float(size[i]),
            crude=float(x[i] / size[i]),
            mean=float(weight @ (a[:, i] / b[:, i])),
            low=_mixture_quantile(a[:, i], b[:, i], weight, tail),
            high=_mixture_quantile(a[:, i], b[:, i], weight, 1 - tail),
            chance_highest=float(highest[i]),
            weight=float(weight @ own[:, i]),
        )
        for i in range(len(x))
    )
    mean_low, mean_mid, mean_high = _weighted_quantiles(mean, weight, (tail, 0.5, 1 - tail))
    cv_low, cv_mid, cv_high = _weighted_quantiles(cv, weight, (tail, 0.5, 1 - tail))
    return Pooled(products, mean_mid, mean_low, mean_high, cv_mid, cv_low, cv_high, prior, level)


def sensitivity(
    events: Sequence[int], exposure: Sequence[float], *, names: Sequence[str] | None = None, level: float = 0.95
) -> tuple[Pooled, ...]:
    """The same pooling under priors from sceptical to vague: a result that moves with them is the prior's, not the data's."""
    priors = (Prior("half-normal", 0.3), Prior("half-normal", 1.0), Prior("half-cauchy", 1.0), Prior("uniform", 3.0))
    return tuple(pool(events, exposure, names=names, prior=prior, level=level) for prior in priors)


def _posterior(x: Array, size: Array, prior: Prior, grid: int, width: float) -> tuple[Array, Array, Array]:
    """Grid nodes (mean, CV) and their posterior weights, flattened, negligible nodes left out."""
    centre = math.log(x.sum() / size.sum())
    log_mean = np.linspace(centre - width, centre + width, grid * 3)
    top = prior.scale if prior.shape == "uniform" else prior.scale * (6 if prior.shape == "half-normal" else 40)
    log_cv = np.linspace(math.log(prior.scale / 300), math.log(top), grid)
    mean, cv = (values.ravel() for values in np.meshgrid(np.exp(log_mean), np.exp(log_cv)))
    shape = 1 / cv**2
    rate = shape / mean
    total = np.zeros(len(mean))
    for count, amount in zip(x, size, strict=True):
        # Negative binomial: the rate of this product integrated out; written so that large shapes lose no digits.
        total += special.gammaln(shape + count) - special.gammaln(shape)
        total += count * (math.log(amount) - np.log(rate + amount)) - shape * np.log1p(amount / rate)
    log_posterior = total + prior.log_density(cv) + np.log(cv)  # the grid is even in log CV: the last term is its Jacobian
    log_posterior -= log_posterior.max()
    weight = np.exp(log_posterior)
    keep = weight > 1e-10
    weight = weight[keep] / weight[keep].sum()
    return mean[keep], cv[keep], weight


def _mixture_quantile(a: Array, b: Array, weight: Array, q: float) -> float:
    """Quantile of a mixture of gamma distributions."""
    top = float(stats.gamma.ppf(1 - 1e-9, a.max(), scale=1 / b.min()))

    def below(value: float) -> float:
        return float(weight @ special.gammainc(a, b * value)) - q

    return float(optimize.brentq(below, 0.0, max(top, 1e-300), xtol=1e-18, rtol=1e-10))


def _chance_highest(a: Array, b: Array, weight: Array, points: int = 240, nodes: int = 400) -> Array:
    """Chance that each product's rate is the highest, on nodes drawn evenly from the posterior."""
    drawn = np.searchsorted(np.cumsum(weight), (np.arange(nodes) + 0.5) / nodes)
    chosen, times = np.unique(np.minimum(drawn, len(weight) - 1), return_counts=True)
    a, b, weight = a[chosen], b[chosen], times / nodes
    k = a.shape[1]
    found = np.zeros(k)
    level = (np.arange(points) + 0.5) / points
    for node in range(len(weight)):
        for i in range(k):
            value = special.gammaincinv(a[node, i], level) / b[node, i]
            others = np.ones(points)
            for j in range(k):
                if j != i:
                    others *= special.gammainc(a[node, j], b[node, j] * value)
            found[i] += weight[node] * others.mean()
    return np.asarray(found / found.sum())


def _weighted_quantiles(values: Array, weight: Array, levels: Sequence[float]) -> tuple[float, ...]:
    """Quantiles of grid values by their marginal weight, interpolated on the log scale between grid points."""
    points, inverse = np.unique(np.round(np.log(values), 12), return_inverse=True)
    mass = np.bincount(inverse, weights=weight)
    middle = np.cumsum(mass) - mass / 2
    return tuple(float(np.exp(np.interp(level, middle, points))) for level in levels)
