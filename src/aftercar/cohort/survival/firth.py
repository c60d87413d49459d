"""Firth's penalised likelihood for Cox models, and the profiling that any penalised likelihood shares.

With a few dozen events the maximum partial likelihood estimate is biased away from zero and infinite where a
marker has no event, or only events, on one side. Half the log determinant of the information as penalty
(Firth, Biometrika 1993;80:27; Heinze & Schemper, Biometrics 2001;57:114) mends both. Limits are profile limits, tests are
penalised likelihood-ratio tests with the full model's penalty; Wald limits mislead here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from aftercar.cohort.survival.cox import Array, BadSurvivalData, RiskSets, Ties, arrange, likelihood, solve


@dataclass(frozen=True)
class FirthFit:
    """A Firth-penalised fit with profile limits and penalised likelihood-ratio p values.

    Attributes:
        coefficients: shape (p,).
        covariance: inverse information at the estimate, shape (p, p); for orientation only, the limits are profile limits.
        low, high: profile penalised-likelihood limits, shape (p,); infinite where the profile does not close.
        p_values: penalised likelihood-ratio test of each coefficient, shape (p,).
        value: penalised log likelihood.
        level: confidence level.
        rows, events: rows and events in the fit.
    """

    coefficients: Array
    covariance: Array
    low: Array
    high: Array
    p_values: Array
    value: float
    level: float
    rows: int
    events: int

    @property
    def standard_errors(self) -> Array:
        """Square roots of the covariance's diagonal, shape (p,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


#: A penalised likelihood: at a point, its value, gradient and information.
Penalised = Callable[[Array], tuple[float, Array, Array]]


def penalised_cox(sets: RiskSets) -> Penalised:
    """The Cox partial likelihood with half the log determinant of its information added."""

    def at(beta: Array) -> tuple[float, Array, Array]:
        found = likelihood(sets, beta, third=True)
        sign, logdet = np.linalg.slogdet(found.information)
        if sign <= 0 or not np.isfinite(logdet):
            return -np.inf, found.score, found.information
        third = found.third
        assert third is not None
        gradient = found.score + 0.5 * np.einsum("ij,ijr->r", np.linalg.inv(found.information), third)
        return found.value + 0.5 * float(logdet), gradient, found.information

    return at


def fit_firth_cox(
    *,
    stop: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    start: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    ties: Ties = "efron",
    level: float = 0.95,
    limits: bool = True,
) -> FirthFit:
    """Firth Cox regression; arguments as in :func:`arrange`. Delayed entry, weights and strata are part of the likelihood.

    Raises:
        BadSurvivalData: as :func:`arrange`, or when the covariates are collinear in the risk sets.
    """
    sets = arrange(stop=stop, event=event, x=x, start=start, weights=weights, strata=strata, offset=offset, ties=ties)
    return fit_penalised(
        penalised_cox(sets), sets.parameters, rows=len(sets.weights), events=len(sets.event_rows), level=level, limits=limits
    )


def fit_penalised(
    at: Penalised, parameters: int, *, rows: int, events: int, level: float = 0.95, limits: bool = True
) -> FirthFit:
    """Maximise a penalised likelihood, profile every coefficient, test each against zero."""
    if not np.isfinite(at(np.zeros(parameters))[0]):
        raise BadSurvivalData("the covariates are collinear or constant among people at risk", fix="leave one of them out")
    beta, value, information = maximise(at, np.zeros(parameters))
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    low, high, p_values = (np.full(parameters, np.nan) for _ in range(3))
    if limits:
        errors = np.sqrt(np.diag(covariance))
        for j in range(parameters):
            null = profile(at, beta, j, 0.0)[0]
            p_values[j] = float(stats.chi2.sf(max(0.0, 2 * (value - null)), 1))
            low[j] = profile_limit(at, beta, value, j, -1, float(errors[j]), level)
            high[j] = profile_limit(at, beta, value, j, +1, float(errors[j]), level)
    return FirthFit(beta, covariance, low, high, p_values, value, level, rows, events)


def maximise(at: Penalised, beta: Array, fixed: int | None = None, tolerance: float = 1e-10) -> tuple[Array, float, Array]:
    """Newton-like steps with the information as curvature; coefficient ``fixed`` stays where it is."""
    free = np.array([j for j in range(len(beta)) if j != fixed], dtype=np.intp)
    beta = beta.copy()
    value, gradient, information = at(beta)
    for _ in range(200):
        if len(free) == 0:
            break
        step = np.zeros(len(beta))
        step[free] = solve(information[np.ix_(free, free)], gradient[free])
        largest = float(np.abs(step).max())
        if largest > 2.0:
            step *= 2.0 / largest
        size = 1.0
        while True:
            moved = at(beta + size * step)
            if moved[0] >= value - 1e-13 * abs(value) or size < 1e-8:
                break
            size /= 2
        beta, (value, gradient, information) = beta + size * step, moved
        if size * largest < tolerance:
            break
    return beta, value, information


def profile(at: Penalised, beta: Array, j: int, at_value: float) -> tuple[float, Array]:
    """The likelihood maximised over all coefficients but ``j``, which is held at ``at_value``; and where."""
    begin = beta.copy()
    begin[j] = at_value
    if not np.isfinite(at(begin)[0]):
        return -np.inf, begin
    where, value, _ = maximise(at, begin, fixed=j, tolerance=1e-8)
    return value, where


def profile_limit(at: Penalised, beta: Array, value: float, j: int, side: int, error: float, level: float) -> float:
    """Where the profile has fallen by half the chi-square quantile; infinite when it never does."""
    target = value - 0.5 * float(stats.chi2.ppf(level, 1))
    state = {"beta": beta}

    def gap(b: float) -> float:
        found, state["beta"] = profile(at, state["beta"], j, b)
        return found - target

    inner, width = float(beta[j]), 1.6 * error
    for _ in range(40):
        outer = inner + side * width
        drop = gap(outer)
        if drop < 0:
            break
        inner, width = outer, width * 1.5
        if abs(outer) > 500:
            return side * float("inf")
    if not np.isfinite(drop):
        return side * float("inf")
    return float(optimize.brentq(gap, inner, outer, xtol=1e-9, rtol=1e-12))
