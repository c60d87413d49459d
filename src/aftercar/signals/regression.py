"""What goes with the outcome, in the presence of death: cause-specific hazards for cause, Fine-Gray for prediction.

Both are fitted and shown together with the hazard of death, because a factor that raises death lowers the cumulative
incidence of everything else: in mgus2 age *raises* the cause-specific hazard of progression and *lowers* its cumulative
incidence. Below 50 events estimates are Firth-penalised with profile limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from aftercar.cohort.survival import fit_cox, fit_fine_gray, fit_firth_cox
from aftercar.errors import InputError

#: Below this many events the penalised likelihood is used, and above a quarter of it per parameter nothing is said.
FEW_EVENTS = 50
EVENTS_PER_PARAMETER = 10

Model = Literal["cause-specific", "cause-specific, competing", "Fine-Gray"]


@dataclass(frozen=True, slots=True)
class Term:
    """One covariate in one model: hazard ratio with limits and p-value.

    Attributes:
        model: which hazard; ``cause-specific, competing`` is the hazard of all other causes together.
        name: covariate.
        log_ratio, se: coefficient and its standard error (robust in Fine-Gray).
        ratio, low, high: hazard ratio with its limits.
        p: p-value.
        events: events in the model.
        method: ``Wald``, ``Wald, robust`` or ``Firth, profile``.
    """

    model: Model
    name: str
    log_ratio: float
    se: float
    ratio: float
    low: float
    high: float
    p: float
    events: int
    method: str


@dataclass(frozen=True, slots=True)
class CompetingRegression:
    """The three models side by side.

    Attributes:
        terms: all covariates of all models.
        cautions: what a reader must know before believing a term.
    """

    terms: tuple[Term, ...]
    cautions: tuple[str, ...]

    def of(self, model: Model) -> tuple[Term, ...]:
        """The terms of one model."""
        return tuple(term for term in self.terms if term.model == model)


def regress(
    stop: ArrayLike,
    cause: ArrayLike,
    x: ArrayLike,
    names: Sequence[str],
    *,
    start: ArrayLike | None = None,
    of: int = 1,
    level: float = 0.95,
) -> CompetingRegression:
    """Cause-specific hazard of the outcome and of the competing causes, and the subdistribution hazard.

    Args:
        stop: time of leaving, shape (N,).
        cause: 0 censored, else the cause, shape (N,).
        x: covariates, shape (N, P), no missing values.
        names: of the covariates.
        start: entry (left truncation), shape (N,).
        of: cause of interest.
        level: confidence level.

    Raises:
        InputError: when the shapes differ, a covariate is missing, or there is no event of the cause.
    """
    ends, causes, design = np.asarray(stop, float), np.asarray(cause, np.intp), np.asarray(x, float)
    design = design[:, None] if design.ndim == 1 else design
    if design.shape != (len(ends), len(names)) or causes.shape != ends.shape:
        raise InputError("stop, cause, covariates and names do not fit together", where=f"{design.shape} and {len(names)} names")
    if not np.isfinite(design).all():
        raise InputError("a covariate is missing", fix="leave the person out by name; missing is not zero")
    if not (causes == of).any():
        raise InputError(f"no event of cause {of}", fix="give exact upper limits of the rate instead of a model")
    entry = None if start is None else np.asarray(start, float)
    terms = list(_cause_specific("cause-specific", ends, causes == of, design, names, entry, level))
    others = (causes > 0) & (causes != of)
    if others.any():
        terms += _cause_specific("cause-specific, competing", ends, others, design, names, entry, level)
    terms += _fine_gray(ends, causes, design, names, entry, of, level)
    return CompetingRegression(tuple(terms), _cautions(terms, int((causes == of).sum()), len(names)))


def _cause_specific(
    model: Model,
    ends: NDArray[np.float64],
    event: NDArray[np.bool_],
    design: NDArray[np.float64],
    names: Sequence[str],
    entry: NDArray[np.float64] | None,
    level: float,
) -> list[Term]:
    count = int(event.sum())
    if count < FEW_EVENTS:
        firth = fit_firth_cox(stop=ends, event=event, x=design, start=entry, level=level)
        return [
            Term(
                model,
                name,
                float(firth.coefficients[i]),
                float(firth.standard_errors[i]),
                float(np.exp(firth.coefficients[i])),
                float(np.exp(firth.low[i])),
                float(np.exp(firth.high[i])),
                float(firth.p_values[i]),
                count,
                "Firth, profile",
            )
            for i, name in enumerate(names)
        ]
    fit = fit_cox(stop=ends, event=event, x=design, start=entry)
    return [
        _wald(model, name, float(fit.coefficients[i]), float(fit.standard_errors[i]), count, "Wald", level)
        for i, name in enumerate(names)
    ]


def _fine_gray(
    ends: NDArray[np.float64],
    causes: NDArray[np.intp],
    design: NDArray[np.float64],
    names: Sequence[str],
    entry: NDArray[np.float64] | None,
    of: int,
    level: float,
) -> list[Term]:
    fit, covariance = fit_fine_gray(stop=ends, cause=causes, x=design, of=of, start=entry)
    errors = np.sqrt(np.diag(covariance))
    count = int((causes == of).sum())
    return [
        _wald("Fine-Gray", name, float(fit.coefficients[i]), float(errors[i]), count, "Wald, robust", level)
        for i, name in enumerate(names)
    ]


def _wald(model: Model, name: str, value: float, se: float, events: int, method: str, level: float) -> Term:
    width = float(stats.norm.ppf(0.5 + level / 2)) * se
    p = float(2 * stats.norm.sf(abs(value) / se)) if se > 0 else float("nan")
    return Term(
        model,
        name,
        value,
        se,
        float(np.exp(value)),
        float(np.exp(value - width)),
        float(np.exp(value + width)),
        p,
        events,
        method,
    )


def _cautions(terms: Sequence[Term], events: int, parameters: int) -> tuple[str, ...]:
    words = []
    if events < EVENTS_PER_PARAMETER * parameters:
        words.append(
            f"{events} events for {parameters} parameters: fewer than {EVENTS_PER_PARAMETER} each; at most 2 to 4 can be asked."
        )
    specific = {term.name: term for term in terms if term.model == "cause-specific"}
    for term in terms:
        other = specific.get(term.name)
        if term.model == "Fine-Gray" and other is not None and term.log_ratio * other.log_ratio < 0:
            words.append(
                f"{term.name}: cause-specific and Fine-Gray point in opposite directions; the factor also changes death. "
                "Read the cause-specific one for cause."
            )
        if term.model == "Fine-Gray" and events < FEW_EVENTS:
            words.append(f"{term.name}: the Fine-Gray limits are Wald limits, not to be trusted with {events} events.")
    return tuple(words)
