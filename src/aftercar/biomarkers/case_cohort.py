"""Case-cohort analysis: all cases and a random subcohort are assayed, nobody else.

Five pseudo-likelihoods with their design variance: Prentice (Biometrika 1986;73:1), Self & Prentice (Ann Stat
1988;16:64), Lin & Ying (JASA 1993;88:1341), and for a subcohort stratified at the draw Borgan et al. I and II
(Lifetime Data Anal 2000;6:39). The variance is the model's plus what the draw of the subcohort adds, from score
residuals (Therneau & Li, Lifetime Data Anal 1999;5:99): the naive standard errors of a weighted fit are wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from aftercar.cohort.survival import Array, BadSurvivalData, CoxFit, fit_cox, score_residuals

Variant = Literal["prentice", "self-prentice", "lin-ying", "lin-ying-robust", "borgan-1", "borgan-2"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)

Flags = NDArray[np.bool_]

#: Shift of the linear predictor that takes a row out of every risk set but keeps its event.
_OUT_OF_RISK = -100.0


@dataclass(frozen=True)
class DesignFit:
    """A fit on a sampled design.

    Attributes:
        coefficients: log hazard ratios, shape (p,).
        covariance: with the sampling part, shape (p, p).
        sampling_covariance: the part that the draw adds; zero if everybody had been assayed, shape (p, p).
        method: name of the method.
        cases, sampled: cases, and people assayed in all.
        level: confidence level of ``limits``.
    """

    coefficients: Array
    covariance: Array
    sampling_covariance: Array
    method: str
    cases: int
    sampled: int
    level: float = 0.95

    @property
    def standard_errors(self) -> Array:
        """Square roots of the covariance's diagonal, shape (p,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def limits(self) -> Array:
        """Wald limits of the log hazard ratios, shape (p, 2)."""
        width = float(stats.norm.ppf(0.5 + self.level / 2)) * self.standard_errors
        return np.column_stack([self.coefficients - width, self.coefficients + width])

    @property
    def p_values(self) -> Array:
        """Two-sided Wald p values, shape (p,)."""
        return np.asarray(2 * stats.norm.sf(np.abs(self.coefficients / self.standard_errors)))


def fit_case_cohort(
    *,
    stop: ArrayLike,
    event: ArrayLike,
    subcohort: ArrayLike,
    x: ArrayLike,
    cohort_size: int | Mapping[str, int],
    method: Variant = "prentice",
    start: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    level: float = 0.95,
) -> DesignFit:
    """Fit a case-cohort sample: rows are the cases and the subcohort, one row for each person.

    Args:
        stop, event: end of observation and 1 for a case, shape (people,).
        subcohort: 1 where the person is in the subcohort (a case may be), shape (people,).
        x: covariates, shape (people, p).
        cohort_size: people in the whole cohort; for the Borgan forms a mapping from stratum to people.
        method: one of :data:`VARIANTS`.
        start: entry times for delayed entry.
        stratum: sampling stratum, for the Borgan forms.

    Raises:
        BadSurvivalData: when a row is neither case nor subcohort, sizes do not fit, or the data cannot be fitted.
    """
    ends = np.asarray(stop, dtype=np.float64)
    case, member = np.asarray(event).astype(bool), np.asarray(subcohort).astype(bool)
    design = np.asarray(x, dtype=np.float64).reshape(len(ends), -1)
    begins = np.full(len(ends), min(0.0, float(ends.min(initial=1.0)) - 1.0)) if start is None else np.asarray(start, dtype=float)
    if (~case & ~member).any():
        row = int(np.flatnonzero(~case & ~member)[0]) + 1
        raise BadSurvivalData("a person is neither a case nor in the subcohort", where=f"row {row}", fix="leave such rows out")
    if method in ("borgan-1", "borgan-2"):
        if stratum is None or not isinstance(cohort_size, Mapping):
            raise BadSurvivalData(f"{method} needs the sampling stratum of each person and the cohort's size in each stratum")
        return _borgan(ends, begins, case, member, design, np.asarray(stratum).astype(str), cohort_size, method, level)
    total = sum(cohort_size.values()) if isinstance(cohort_size, Mapping) else cohort_size
    if total < len(ends):
        raise BadSurvivalData(f"the cohort is said to have {total} people, the sample has {len(ends)}")
    if method in ("lin-ying", "lin-ying-robust"):
        return _lin_ying(ends, begins, case, member, design, total, method, level)
    return _pseudo(ends, begins, case, member, design, total, method, level)


def _doubled(case: Flags, member: Flags) -> tuple[NDArray[np.intp], Flags, Array]:
    """Rows of the pseudo-likelihood: the cases as events outside every risk set, then the subcohort as the risk sets."""
    rows = np.concatenate([np.flatnonzero(case), np.flatnonzero(member)])
    is_event = np.concatenate([np.ones(int(case.sum()), dtype=bool), np.zeros(int(member.sum()), dtype=bool)])
    return rows, is_event, np.where(is_event, _OUT_OF_RISK, 0.0)


def _pseudo(
    ends: Array, begins: Array, case: Flags, member: Flags, design: Array, total: int, method: str, level: float
) -> DesignFit:
    rows, is_event, shift = _doubled(case, member)
    fit = fit_cox(stop=ends[rows], event=is_event, x=design[rows], start=begins[rows], offset=shift)
    coefficients = fit.coefficients
    if method == "prentice":
        # A case outside the subcohort is at risk only at its own event time.
        distinct = np.unique(np.concatenate([ends, begins[np.isfinite(begins)]]))
        moment = float(np.diff(distinct).min()) / 2
        entry = np.where(case & ~member, ends - moment, begins)
        coefficients = fit_cox(stop=ends, event=case, x=design, start=entry, initial=fit.coefficients).coefficients
    influence = score_residuals(fit)[~is_event] @ fit.covariance
    sampling = (1 - member.sum() / total) * influence.T @ influence
    covariance = fit.covariance + sampling
    return DesignFit(coefficients, covariance, sampling, method, int(case.sum()), len(ends), level)


def _lin_ying(
    ends: Array, begins: Array, case: Flags, member: Flags, design: Array, total: int, method: str, level: float
) -> DesignFit:
    controls, others = int((member & ~case).sum()), total - int(case.sum())
    if controls == 0:
        raise BadSurvivalData("the subcohort has no person without the event")
    relative = np.where(case, 1.0, others / controls)
    fit = fit_cox(stop=ends, event=case, x=design, start=begins, offset=np.log(relative))
    influence = score_residuals(fit) @ fit.covariance
    spread = influence[~case] - influence[~case].mean(axis=0)
    sampling = (1 - controls / others) * spread.T @ spread
    model = influence.T @ (influence / relative[:, None]) if method == "lin-ying-robust" else fit.covariance
    return DesignFit(fit.coefficients, model + sampling, sampling, method, int(case.sum()), len(ends), level)


def _borgan(
    ends: Array,
    begins: Array,
    case: Flags,
    member: Flags,
    design: Array,
    stratum: NDArray[np.str_],
    sizes: Mapping[str, int],
    method: str,
    level: float,
) -> DesignFit:
    names, index = np.unique(stratum, return_inverse=True)
    known = {str(key): value for key, value in sizes.items()}
    missing = [str(name) for name in names if str(name) not in known]
    if missing:
        raise BadSurvivalData(f"the cohort's size is missing for stratum {', '.join(missing)}")
    cohort = np.array([known[str(name)] for name in names], dtype=np.float64)
    if method == "borgan-1":
        pool, chosen = cohort, np.bincount(index[member], minlength=len(names)).astype(np.float64)
    else:
        pool = cohort - np.bincount(index[case], minlength=len(names))
        chosen = np.bincount(index[member & ~case], minlength=len(names)).astype(np.float64)
    if (chosen < 2).any() or (pool < chosen).any():
        bad = str(names[int(np.flatnonzero((chosen < 2) | (pool < chosen))[0])])
        raise BadSurvivalData(
            "a stratum has fewer than two sampled people, or more than the cohort", where=f"stratum {bad}", fix="join strata"
        )
    weight = pool / chosen
    if method == "borgan-1":
        rows, is_event, shift = _doubled(case, member)
        weights = np.where(is_event, 1.0, weight[index[rows]])
        fit = fit_cox(stop=ends[rows], event=is_event, x=design[rows], start=begins[rows], offset=shift, weights=weights)
        sampled, label = ~is_event, index[rows]
    else:
        weights = np.where(case, 1.0, weight[index])
        fit = fit_cox(stop=ends, event=case, x=design, start=begins, weights=weights)
        sampled, label = ~case, index
    sampling = _stratified_part(fit, sampled, label, weight, pool, chosen)
    return DesignFit(fit.coefficients, fit.covariance + sampling, sampling, method, int(case.sum()), len(ends), level)


def _stratified_part(fit: CoxFit, sampled: Flags, label: NDArray[np.intp], weight: Array, pool: Array, chosen: Array) -> Array:
    """Variance from drawing each stratum without replacement: spread of the score residuals within strata."""
    scores = score_residuals(fit)
    inner = np.zeros((scores.shape[1],) * 2)
    for s in range(len(pool)):
        own = scores[sampled & (label == s)]
        centred = own - own.mean(axis=0)
        inner += (weight[s] - 1) * pool[s] * centred.T @ centred / (chosen[s] - 1)
    return np.asarray(fit.covariance @ inner @ fit.covariance)
