"""Nested case-control analysis: each case with controls drawn from its own risk set.

Matched sets need a matched analysis: conditional logistic regression, which for one case a set is the stratified Cox
likelihood (Thomas, JRSS A 1977;140:469). Or each sampled person is weighted by the inverse of the chance of ever having
been drawn (Samuelsen, Biometrika 1997;84:379), after which the sample serves other outcomes too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aftercar.biomarkers.case_cohort import DesignFit
from aftercar.cohort.survival import Array, BadSurvivalData, FirthFit, fit_cox, fit_firth_cox, robust_covariance


def fit_matched(*, matched_set: ArrayLike, case: ArrayLike, x: ArrayLike, level: float = 0.95) -> DesignFit:
    """Conditional logistic regression; one row for each person in each set.

    Args:
        matched_set: label of the set, shape (rows,).
        case: 1 for the case of the set, shape (rows,).
        x: covariates, shape (rows, p).

    Raises:
        BadSurvivalData: when a set has no case or more than one.
    """
    label, is_case = _checked_sets(matched_set, case)
    fit = fit_cox(stop=np.ones(len(label)), event=is_case, x=x, strata=label, ties="breslow")
    nothing = np.zeros_like(fit.covariance)
    return DesignFit(fit.coefficients, fit.covariance, nothing, "matched sets", int(is_case.sum()), len(label), level)


def fit_matched_firth(*, matched_set: ArrayLike, case: ArrayLike, x: ArrayLike, level: float = 0.95) -> FirthFit:
    """Firth-penalised conditional logistic regression, for few sets or a marker on one side only."""
    label, is_case = _checked_sets(matched_set, case)
    return fit_firth_cox(stop=np.ones(len(label)), event=is_case, x=x, strata=label, ties="breslow", level=level)


def _checked_sets(matched_set: ArrayLike, case: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    names, label = np.unique(np.asarray(matched_set), return_inverse=True)
    is_case = np.asarray(case).astype(bool)
    if is_case.shape != label.shape:
        raise BadSurvivalData(f"case has shape {is_case.shape}, the sets {label.shape}")
    cases = np.bincount(label, weights=is_case, minlength=len(names))
    if (cases != 1).any():
        worst = int(np.flatnonzero(cases != 1)[0])
        raise BadSurvivalData(
            f"a set has {int(cases[worst])} cases", where=f"set {names[worst]}", fix="draw one set for each case, ties too"
        )
    return label.astype(np.intp), is_case


def inclusion_probability(
    *, start: ArrayLike, stop: ArrayLike, event: ArrayLike, controls: int, match: ArrayLike | None = None
) -> Array:
    """Chance that each member of the whole cohort is ever in the sample, shape (people,); 1 for a case.

    Args:
        start, stop, event: the whole cohort, shape (people,).
        controls: controls drawn for each case, without replacement within a set.
        match: matching label (exact matching); controls come from the case's own label.

    Raises:
        BadSurvivalData: for unequal shapes.
    """
    begins, ends, case = np.asarray(start, dtype=float), np.asarray(stop, dtype=float), np.asarray(event).astype(bool)
    label = np.zeros(len(ends), dtype=np.intp) if match is None else np.unique(np.asarray(match), return_inverse=True)[1]
    if not begins.shape == ends.shape == case.shape == label.shape:
        raise BadSurvivalData("start, stop, event and match differ in length")
    never = np.zeros(len(ends))
    for group in np.unique(label):
        rows = np.flatnonzero(label == group)
        first, last = np.sort(begins[rows]), np.sort(ends[rows])
        times = np.sort(ends[rows][case[rows]])
        if not len(times):
            continue
        eligible = np.searchsorted(first, times, side="left") - np.searchsorted(last, times, side="left") - 1
        with np.errstate(divide="ignore"):
            missed = np.log1p(-np.minimum(1.0, controls / np.maximum(eligible, 1)))
        missed = np.where(eligible <= 0, 0.0, missed)
        # Adding up -inf minus -inf has no value, so certain draws are counted apart.
        certain = np.concatenate([[0], np.cumsum(np.isneginf(missed))])
        total = np.concatenate([[0.0], np.cumsum(np.where(np.isneginf(missed), 0.0, missed))])
        lo, hi = np.searchsorted(times, begins[rows], side="right"), np.searchsorted(times, ends[rows], side="right")
        never[rows] = np.where(certain[hi] > certain[lo], -np.inf, total[hi] - total[lo])
    return np.where(case, 1.0, -np.expm1(never))


def fit_weighted(
    *,
    stop: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    probability: ArrayLike,
    start: ArrayLike | None = None,
    level: float = 0.95,
) -> DesignFit:
    """Weighted Cox regression on the people sampled once each, with the robust variance (slightly conservative here).

    Args:
        stop, event, start: the sampled people, shape (people,).
        x: covariates, shape (people, p).
        probability: from :func:`inclusion_probability`, above 0.

    Raises:
        BadSurvivalData: when a sampled person had no chance of being sampled.
    """
    chance = np.asarray(probability, dtype=float)
    if (chance <= 0).any() or (chance > 1).any():
        raise BadSurvivalData(
            "a sampled person has a sampling probability outside (0, 1]",
            where=f"row {int(np.flatnonzero((chance <= 0) | (chance > 1))[0]) + 1}",
        )
    fit = fit_cox(stop=stop, event=event, x=x, start=start, weights=1 / chance)
    covariance = robust_covariance(fit)
    return DesignFit(
        fit.coefficients,
        covariance,
        covariance - fit.covariance,
        "inverse sampling probability",
        int(np.asarray(event).sum()),
        len(chance),
        level,
    )
