"""Firth logistic regression, and its two forms that predict rare risks without bias (FLIC and FLAC).

Firth's estimate (Heinze & Schemper, Stat Med 2002;21:2409) pulls predicted probabilities towards one half, so a
rare risk is over-predicted. FLIC refits the intercept alone; FLAC gives the pseudo-observations a covariate of
their own (Puhr et al., Stat Med 2017;36:2302). Both make the mean predicted risk equal the observed one.

    >>> import numpy as np
    >>> fit = fit_firth_logistic([0, 0, 0, 0, 1, 1], [[0], [0], [0], [0], [1], [1]])   # perfect separation
    >>> bool(np.isfinite(fit.coefficients).all())
    True
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from aftercar.cohort.survival import Array, BadSurvivalData, FirthFit, Penalised, fit_penalised

Form = Literal["firth", "flic", "flac"]


def fit_firth_logistic(y: ArrayLike, x: ArrayLike, *, level: float = 0.95, limits: bool = True) -> FirthFit:
    """Firth logistic regression with profile limits and penalised likelihood-ratio p values.

    Args:
        y: 0 or 1, shape (people,).
        x: covariates without the intercept, shape (people, p); the intercept is coefficient 0 of the result.

    Raises:
        BadSurvivalData: for unequal shapes, values that are not finite, an outcome that never varies, or collinearity.
    """
    outcome, design = _checked(y, x)
    return fit_penalised(
        penalised_logistic(outcome, design, np.ones(len(outcome))),
        design.shape[1],
        rows=len(outcome),
        events=int(outcome.sum()),
        level=level,
        limits=limits,
    )


def predict_logistic(y: ArrayLike, x: ArrayLike, *, form: Form = "flic", weights: ArrayLike | None = None) -> Array:
    """Coefficients for prediction, intercept first, shape (p + 1,).

    Args:
        y, x: as in :func:`fit_firth_logistic`.
        form: ``firth``, ``flic`` or ``flac``.
        weights: case weights (censoring weights), shape (people,).
    """
    outcome, design = _checked(y, x)
    case = np.ones(len(outcome)) if weights is None else np.asarray(weights, dtype=np.float64)
    at = penalised_logistic(outcome, design, case)
    beta = fit_penalised(at, design.shape[1], rows=len(outcome), events=int(outcome.sum()), limits=False).coefficients
    if form == "firth":
        return beta
    if form == "flic":
        return np.concatenate([[_intercept(outcome, design[:, 1:] @ beta[1:], case)], beta[1:]])
    half = _leverage(design, beta, case) / 2
    n = len(outcome)
    stacked = np.vstack([np.column_stack([design, np.zeros(n)]), *[np.column_stack([design, np.ones(n)])] * 2])
    answers = np.concatenate([outcome, outcome, 1 - outcome])
    return fit_weighted_logistic(answers, stacked, np.concatenate([case, half, half]))[:-1]


def _checked(y: ArrayLike, x: ArrayLike) -> tuple[Array, Array]:
    outcome = np.asarray(y, dtype=np.float64)
    covariates = np.asarray(x, dtype=np.float64).reshape(len(outcome), -1)
    if not (np.isfinite(outcome).all() and np.isfinite(covariates).all()):
        raise BadSurvivalData("an outcome or covariate is missing or not finite", fix="leave such rows out by name")
    if not np.isin(outcome, (0, 1)).all():
        raise BadSurvivalData("an outcome is neither 0 nor 1")
    if outcome.min(initial=1) == outcome.max(initial=0):
        raise BadSurvivalData("the outcome never varies", fix="report exact counts and bounds instead of a model")
    return outcome, np.column_stack([np.ones(len(outcome)), covariates])


def penalised_logistic(y: Array, z: Array, case: Array) -> Penalised:
    """Weighted logistic likelihood with half the log determinant of its information added; ``z`` holds the intercept."""

    def at(beta: Array) -> tuple[float, Array, Array]:
        eta = z @ beta
        mu = expit(eta)
        weight = case * mu * (1 - mu)
        information = z.T @ (z * weight[:, None])
        sign, logdet = np.linalg.slogdet(information)
        score = z.T @ (case * (y - mu))
        if sign <= 0 or not np.isfinite(logdet):
            return -np.inf, score, information
        leverage = weight * np.einsum("ij,ij->i", z, np.linalg.solve(information, z.T).T)
        gradient = score + z.T @ (leverage * (0.5 - mu))
        value = float(case @ (y * eta - np.logaddexp(0, eta))) + 0.5 * float(logdet)
        return value, gradient, information

    return at


def _leverage(z: Array, beta: Array, case: Array) -> Array:
    mu = expit(z @ beta)
    weight = case * mu * (1 - mu)
    return np.asarray(weight * np.einsum("ij,ij->i", z, np.linalg.solve(z.T @ (z * weight[:, None]), z.T).T))


def _intercept(y: Array, offset: Array, case: Array) -> float:
    """The intercept at which predicted and observed events are equal, by Newton's method."""
    observed = float(case @ y / case.sum())
    a = float(np.log(observed / (1 - observed)) - offset.mean())
    for _ in range(100):
        mu = expit(a + offset)
        step = float(case @ (y - mu) / (case @ (mu * (1 - mu))))
        a += max(-2.0, min(2.0, step))
        if abs(step) < 1e-13:
            break
    return a


def fit_weighted_logistic(y: Array, z: Array, weights: Array, ridge: float = 0.0) -> Array:
    """Weighted maximum likelihood with a ridge penalty on all but the first column, shape (columns,)."""
    beta = np.zeros(z.shape[1])
    penalty = np.full(z.shape[1], ridge)
    penalty[0] = 0.0
    for _ in range(200):
        mu = expit(z @ beta)
        information = z.T @ (z * (weights * mu * (1 - mu))[:, None]) + np.diag(penalty)
        step = np.linalg.solve(information, z.T @ (weights * (y - mu)) - penalty * beta)
        largest = float(np.abs(step).max())
        beta = beta + step * min(1.0, 2.0 / largest if largest > 0 else 1.0)
        if largest < 1e-12:
            break
    return beta
