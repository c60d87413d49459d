"""Cox, Firth, Aalen-Johansen and Fine-Gray on counting-process data: one numpy engine for the stations above the cohort.

>>> fit = fit_cox(stop=[4.0, 3, 1, 1, 2, 2, 3], event=[1, 1, 1, 0, 1, 1, 0], x=[[0], [2], [1], [1], [1], [0], [0]])
>>> round(float(fit.coefficients[0]), 4)
0.4608
"""

from aftercar.cohort.survival.cox import (
    Array,
    BadSurvivalData,
    CoxFit,
    Likelihood,
    RiskSets,
    Ties,
    arrange,
    baseline_hazard,
    fit_arranged,
    fit_cox,
    likelihood,
    robust_covariance,
    score_residuals,
)
from aftercar.cohort.survival.firth import FirthFit, Penalised, fit_firth_cox, fit_penalised, maximise, penalised_cox, profile
from aftercar.cohort.survival.incidence import (
    Incidence,
    SubdistributionRows,
    aalen_johansen,
    fine_gray_rows,
    fit_fine_gray,
)

__all__ = [
    "Array",
    "BadSurvivalData",
    "CoxFit",
    "FirthFit",
    "Incidence",
    "Likelihood",
    "Penalised",
    "RiskSets",
    "SubdistributionRows",
    "Ties",
    "aalen_johansen",
    "arrange",
    "baseline_hazard",
    "fine_gray_rows",
    "fit_arranged",
    "fit_cox",
    "fit_fine_gray",
    "fit_firth_cox",
    "fit_penalised",
    "likelihood",
    "maximise",
    "penalised_cox",
    "profile",
    "robust_covariance",
    "score_residuals",
]
