"""The standard set of models for one marker, so that nobody chooses after seeing the result.

Cause-specific Firth Cox for the outcome (does the marker act?), the same for death (so that a sign flip is seen), Fine-Gray
for absolute risk only, and the exact table. Where clonal haematopoiesis lies on the path from prior therapy to the outcome,
every model is run with and without it; the adjusted coefficient of prior therapy is never a total effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from aftercar.biomarkers import exact
from aftercar.biomarkers.features import ModelTable
from aftercar.biomarkers.hypotheses import Run
from aftercar.cohort.survival import Array, FirthFit, fit_cox, fit_fine_gray, fit_firth_cox
from aftercar.errors import InputError, UsageError

#: More events than this for each coefficient, or a note says the model is too large (the authors' judgement).
EVENTS_PER_COEFFICIENT = 10


class TooFewEvents(InputError):
    """Too few events for what was asked; the message says how many would be needed."""

    code = "too-few-events"


@dataclass(frozen=True)
class Plan:
    """What is run for one marker.

    Attributes:
        marker: the covariate of interest.
        adjust: covariates in every model.
        mediators: covariates (clonal haematopoiesis for prior therapy) with which every model is run a second time.
        outcome: word for the outcome.
        level: confidence level.
        by_centre: whether each centre has its own baseline.
    """

    marker: str
    adjust: tuple[str, ...] = ()
    mediators: tuple[str, ...] = ()
    outcome: str = "t_cell_malignancy"
    level: float = 0.95
    by_centre: bool = False


def run_plan(table: ModelTable, plan: Plan) -> list[Run]:
    """Every model of the plan, in a fixed order; all are returned.

    Raises:
        UsageError: when a covariate is not in the table.
        TooFewEvents: when there is no event at all.
    """
    wanted = (plan.marker, *plan.adjust, *plan.mediators)
    missing = [name for name in wanted if name not in table.names]
    if missing:
        raise UsageError(f"{missing[0]} is not a covariate of the table", fix=f"the covariates are {', '.join(table.names)}")
    if table.events == 0:
        raise TooFewEvents(
            f"no {plan.outcome} among {len(table.people)} people",
            fix="report the exact upper limit of the rate; a model needs at least one event, an honest one about 20",
        )
    sets = [((plan.marker, *plan.adjust), "")]
    if plan.mediators:
        words = ", ".join(plan.mediators)
        sets = [
            ((plan.marker, *plan.adjust), f", without {words}"),
            ((plan.marker, *plan.adjust, *plan.mediators), f", with {words}"),
        ]
    runs = []
    for names, words in sets:
        runs += _models(table, plan, names, words)
    if set(np.unique(table.column(plan.marker)).tolist()) <= {0.0, 1.0}:
        runs.append(_table_run(table, plan))
    return runs


def _models(table: ModelTable, plan: Plan, names: Sequence[str], words: str) -> list[Run]:
    x = np.column_stack([table.column(name) for name in names])
    strata = table.centre if plan.by_centre else None
    crowded = table.events < EVENTS_PER_COEFFICIENT * len(names)
    note = f"{table.events} events for {len(names)} coefficients: too many coefficients" if crowded else ""
    own = fit_firth_cox(stop=table.stop, event=table.cause == 1, x=x, start=table.start, strata=strata, level=plan.level)
    runs = [_firth_run(table, plan, own, f"cause-specific Firth Cox{words}", plan.outcome, note)]
    if (table.cause >= 2).any():
        death = fit_cox(stop=table.stop, event=table.cause >= 2, x=x, start=table.start, strata=strata)
        deaths = int((table.cause >= 2).sum())
        model = f"cause-specific Cox of the competing event{words}"
        runs.append(_wald_run(table, plan, death.coefficients, death.covariance, model, "competing", deaths, "Wald"))
        # Split time ends rows without ending observation, which the subdistribution's censoring weights cannot know.
        if len(set(table.people)) == len(table.people):
            delayed = table.start if np.ptp(table.start) > 0 else None
            gray, robust = fit_fine_gray(stop=table.stop, cause=table.cause, x=x, start=delayed)
            model = f"Fine-Gray{words} (absolute risk only)"
            runs.append(_wald_run(table, plan, gray.coefficients, robust, model, plan.outcome, table.events, "Wald, robust"))
    return runs


def _carriers(table: ModelTable, plan: Plan) -> int:
    return int(((table.column(plan.marker) > 0) & (table.cause == 1)).sum())


def _firth_run(table: ModelTable, plan: Plan, fit: FirthFit, model: str, outcome: str, note: str) -> Run:
    ratio, low, high = (float(np.exp(values[0])) for values in (fit.coefficients, fit.low, fit.high))
    people, carriers = len(set(table.people)), _carriers(table, plan)
    return Run(
        model, plan.marker, outcome, people, fit.events, carriers, ratio, low, high, float(fit.p_values[0]), "profile", note=note
    )


def _wald_run(
    table: ModelTable, plan: Plan, beta: Array, covariance: Array, model: str, outcome: str, events: int, interval: str
) -> Run:
    error = float(np.sqrt(covariance[0, 0]))
    width = float(stats.norm.ppf(0.5 + plan.level / 2)) * error
    estimate = float(beta[0])
    p = float(2 * stats.norm.sf(abs(estimate / error))) if error > 0 else float("nan")
    low, high = float(np.exp(estimate - width)), float(np.exp(estimate + width))
    people = len(set(table.people))
    return Run(
        model, plan.marker, outcome, people, events, _carriers(table, plan), float(np.exp(estimate)), low, high, p, interval
    )


def _table_run(table: ModelTable, plan: Plan) -> Run:
    carrier, event = table.column(plan.marker) > 0, table.cause == 1
    years = (table.stop - table.start) / 365.25
    test = exact.rate_ratio(
        int((carrier & event).sum()),
        max(float(years[carrier].sum()), 1e-9),
        int((~carrier & event).sum()),
        max(float(years[~carrier].sum()), 1e-9),
        level=plan.level,
    )
    people, carriers = len(set(table.people)), _carriers(table, plan)
    model = "exact rate ratio, unadjusted"
    return Run(
        model,
        plan.marker,
        plan.outcome,
        people,
        table.events,
        carriers,
        test.estimate,
        test.low,
        test.high,
        test.p_value,
        f"exact ({test.rule} p)",
        note=test.counts,
    )
