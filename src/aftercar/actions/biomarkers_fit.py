"""Fit the standard models for one marker, on everybody or on a drawn sample; power is computed before any p value."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aftercar.actions.biomarkers_cohort import ModelInput, read_exposed_since, read_hypotheses
from aftercar.actions.biomarkers_design import read_picks
from aftercar.biomarkers.case_cohort import DesignFit, Variant, fit_case_cohort
from aftercar.biomarkers.designs import Pick
from aftercar.biomarkers.features import Late, ModelTable, assemble, landmark, time_dependent
from aftercar.biomarkers.hypotheses import Run, judge_runs
from aftercar.biomarkers.models import Plan, TooFewEvents, run_plan
from aftercar.biomarkers.nested import fit_matched_firth, fit_weighted, inclusion_probability
from aftercar.biomarkers.power import Design, efficiency, events_needed, exact_power, power_of
from aftercar.biomarkers.power import detectable_ratio as detectable
from aftercar.cohort.survival import Incidence, aalen_johansen
from aftercar.errors import InputError, UsageError


@dataclass(frozen=True)
class FitReport:
    """A fit as it is shown: power first, then every run.

    Attributes:
        power: one line for each marker, in the words of the power table.
        runs: every run in order.
        left_out: number of people left out, by marker and reason.
        notes: in words.
        curves: by marker, cumulative incidence of the outcome (for a marker of yes and no, on the whole cohort).
    """

    power: tuple[dict[str, Any], ...]
    runs: tuple[Run, ...]
    left_out: dict[str, dict[str, int]]
    notes: tuple[str, ...]
    curves: dict[str, dict[str, Incidence]]


@dataclass(frozen=True)
class Options:
    """How a fit is made.

    Attributes:
        late: what happens to people whose covariate came after infusion.
        picks_file: a drawn sample; then only its design's analysis is run.
        method: case-cohort method.
        exposed_file: days on which the marker, then an exposure after infusion, began; time before counts as unexposed.
        landmark_day: class people by the exposure up to this day instead, among those still under observation.
    """

    late: Late = "exclude"
    picks_file: Path | None = None
    method: Variant = "prentice"
    exposed_file: Path | None = None
    landmark_day: float | None = None


def fit(
    data: ModelInput,
    plans: Sequence[Plan],
    options: Options | None = None,
    *,
    hypotheses_file: Path | None = None,
    data_lock: dt.date | None = None,
) -> FitReport:
    """Run the plans, one for each marker.

    Args:
        data: people and covariates.
        plans: marker, adjustment, mediators. With several markers one that cannot be fitted is listed with the reason.
        options: see :class:`Options`.
        hypotheses_file: pre-registered hypotheses.
        data_lock: needed with hypotheses when the data have none of their own.

    Raises:
        TooFewEvents: when there is no event among the people who can be analysed (for a single marker).
        UsageError: when nobody can be analysed (for a single marker), or hypotheses come without a data lock.
    """
    options = options or Options()
    _check(options)
    lock = data_lock or data.data_lock
    if hypotheses_file and lock is None:
        raise UsageError("hypotheses need a data lock", fix="give --data-lock YYYY-MM-DD")
    hypotheses = read_hypotheses(hypotheses_file) if hypotheses_file else []
    picks = read_picks(options.picks_file) if options.picks_file else []
    power: list[dict[str, Any]] = []
    runs: list[Run] = []
    left_out: dict[str, dict[str, int]] = {}
    curves: dict[str, dict[str, Incidence]] = {}
    for plan in plans:
        try:
            table = _table(data, plan, options, picks)
            left_out[plan.marker] = _counted(table)
            line, own = _run_one(data, table, plan, options, picks)
        except (InputError, UsageError) as error:
            if len(plans) == 1:
                raise
            nothing = float("nan")
            runs.append(
                Run("not run", plan.marker, plan.outcome, 0, 0, 0, nothing, nothing, nothing, nothing, "", note=str(error))
            )
            continue
        power.append({"marker": plan.marker, **line})
        runs += own
        if not picks and options.exposed_file is None:
            curves[plan.marker] = _curves(table, plan)
    judged = judge_runs(runs, hypotheses, data_lock=lock or dt.date.max)
    return FitReport(tuple(power), tuple(judged), left_out, data.notes, curves)


def _check(options: Options) -> None:
    if options.exposed_file is not None and options.picks_file is not None:
        raise UsageError("an exposure after infusion is not analysed on a drawn sample", fix="leave --picks out")
    if options.landmark_day is not None and options.exposed_file is None:
        raise UsageError("a landmark needs the days on which the exposure began", fix="give --exposed-since")


def _table(data: ModelInput, plan: Plan, options: Options, picks: Sequence[Pick]) -> ModelTable:
    """Complete cases for one plan."""
    names = tuple(dict.fromkeys((plan.marker, *plan.adjust, *plan.mediators)))
    if options.exposed_file is not None:
        names = tuple(name for name in names if name != plan.marker)
    chosen = {pick.person_id for pick in picks}
    people = [p for p in data.people if not picks or p.person_id in chosen]
    table = assemble(people, data.known, names, late=options.late)
    if options.exposed_file is not None and table.people:
        since = read_exposed_since(options.exposed_file)
        if options.landmark_day is not None:
            table = landmark(table, options.landmark_day, since, plan.marker)
        else:
            table, _ = time_dependent(table, since, plan.marker)
    if not table.people:
        reasons = _counted(table)
        worst = max(reasons, key=lambda r: reasons[r]) if reasons else "there are no people"
        raise UsageError(f"nobody can be analysed: {worst}", fix="check the names of the covariates and when they became known")
    return table


def _run_one(
    data: ModelInput, table: ModelTable, plan: Plan, options: Options, picks: Sequence[Pick]
) -> tuple[dict[str, Any], list[Run]]:
    """Power, then the models, of one plan."""
    design: Design = "cohort" if not picks else "nested" if picks[0].matched_set else "case-cohort"
    line = _power(table, plan, design, len(data.people), picks)
    if not picks:
        return line, run_plan(table, plan)
    if design == "nested":
        return line, _nested(data, table, plan, picks)
    return line, _case_cohort(data, table, plan, picks, options.method)


def _curves(table: ModelTable, plan: Plan) -> dict[str, Incidence]:
    """Aalen-Johansen curves of carriers and others; empty for a marker that is not of yes and no."""
    marker = table.column(plan.marker)
    if set(np.unique(marker).tolist()) != {0.0, 1.0}:
        return {}
    delayed = bool((table.start > 0).any())
    found = {}
    for label, rows in ((f"with {plan.marker}", marker == 1), (f"without {plan.marker}", marker == 0)):
        start = table.start[rows] if delayed else None
        found[label] = aalen_johansen(stop=table.stop[rows], cause=table.cause[rows], start=start)
    return found


def _counted(table: ModelTable) -> dict[str, int]:
    """People left out by reason, days taken out of the words so that reasons add up."""
    counts: dict[str, int] = {}
    for reason in table.left_out.values():
        words = " ".join("N" if part.strip(",()").lstrip("-").replace(".", "").isdigit() else part for part in reason.split())
        counts[words] = counts.get(words, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _power(table: ModelTable, plan: Plan, design: Design, cohort: int, picks: Sequence[Pick]) -> dict[str, Any]:
    """What these data can show, before they are asked."""
    carriers = table.column(plan.marker) > 0
    events = table.events
    base = carriers[table.cause != 1] if (table.cause != 1).any() else carriers
    prevalence = float(base.mean())
    if events == 0:
        raise TooFewEvents(
            f"no {plan.outcome} among the {len(table.people)} people who can be analysed",
            fix="report the exact upper limit of the rate; look at the reasons people are left out",
        )
    row: dict[str, Any] = {"design": design, "people": len(set(table.people)), "events": events, "prevalence": prevalence}
    row |= dict.fromkeys(("detectable_ratio", "power_at_2", "exact_power_at_2", "events_needed_for_2", "note"))
    if not 0 < prevalence < 1 or set(np.unique(table.column(plan.marker)).tolist()) - {0.0, 1.0}:
        row["note"] = "power is computed for markers of yes and no that some have and some lack"
        return row
    members = sum("subcohort" in p.reason for p in picks)
    controls = max(1, round(sum(p.reason == "control" for p in picks) / max(1, sum(p.reason == "case" for p in picks))))
    kept = efficiency(
        design,
        event_fraction=min(0.99, events / cohort),
        subcohort_fraction=members / cohort if design == "case-cohort" else 1.0,
        controls=controls,
    )
    ratio = detectable(events, prevalence, kept=kept)
    return row | {
        "detectable_ratio": ratio if math.isfinite(ratio) else None,
        "power_at_2": power_of(events, 2.0, prevalence, kept=kept),
        "exact_power_at_2": exact_power(events, 2.0, prevalence),
        "events_needed_for_2": events_needed(2.0, prevalence, kept=kept),
    }


def _names(plan: Plan) -> list[tuple[tuple[str, ...], str]]:
    base = (plan.marker, *plan.adjust)
    if not plan.mediators:
        return [(base, "")]
    words = ", ".join(plan.mediators)
    return [(base, f", without {words}"), ((*base, *plan.mediators), f", with {words}")]


def _case_cohort(data: ModelInput, table: ModelTable, plan: Plan, picks: Sequence[Pick], method: Variant) -> list[Run]:
    by_person = {pick.person_id: pick for pick in picks}
    strata = {m.person_id: m.stratum for m in data.members}
    sizes: dict[str, int] = {}
    for m in data.members:
        sizes[m.stratum] = sizes.get(m.stratum, 0) + 1
    runs = []
    for names, words in _names(plan):
        found = fit_case_cohort(
            stop=table.stop,
            event=table.cause == 1,
            subcohort=[by_person[p].reason != "case" for p in table.people],
            x=np.column_stack([table.column(name) for name in names]),
            cohort_size=sizes,
            method=method,
            start=table.start,
            stratum=[strata[p] for p in table.people],
            level=plan.level,
        )
        runs.append(_run(table, plan, found, f"case-cohort, {method}{words}"))
    return runs


def _nested(data: ModelInput, table: ModelTable, plan: Plan, picks: Sequence[Pick]) -> list[Run]:
    place = {person: row for row, person in enumerate(table.people)}
    usable = [pick for pick in picks if pick.person_id in place]
    whole = {pick.matched_set for pick in usable if pick.reason == "case"}
    paired = {pick.matched_set for pick in usable if pick.reason == "control"}
    usable = [pick for pick in usable if pick.matched_set in whole & paired]
    if not usable:
        raise InputError("no matched set has both its case and a control with all covariates known")
    rows = np.array([place[pick.person_id] for pick in usable])
    controls = max(1, round(sum(p.reason == "control" for p in picks) / max(1, sum(p.reason == "case" for p in picks))))
    chance = inclusion_probability(
        start=[m.entry for m in data.members],
        stop=[m.exit for m in data.members],
        event=[m.case for m in data.members],
        controls=controls,
        match=[m.stratum for m in data.members],
    )
    by_person = {m.person_id: float(c) for m, c in zip(data.members, chance, strict=True)}
    runs = []
    for names, words in _names(plan):
        x = np.column_stack([table.column(name) for name in names])
        matched = fit_matched_firth(
            matched_set=[p.matched_set for p in usable], case=[p.reason == "case" for p in usable], x=x[rows], level=plan.level
        )
        ratio, low, high = (float(np.exp(v[0])) for v in (matched.coefficients, matched.low, matched.high))
        carriers = int(((table.column(plan.marker) > 0) & (table.cause == 1)).sum())
        runs.append(
            Run(
                f"nested case-control, Firth conditional{words}",
                plan.marker,
                plan.outcome,
                len(set(rows.tolist())),
                matched.events,
                carriers,
                ratio,
                low,
                high,
                float(matched.p_values[0]),
                "profile",
            )
        )
        weighted = fit_weighted(
            stop=table.stop,
            event=table.cause == 1,
            start=table.start,
            x=x,
            probability=[by_person[p] for p in table.people],
            level=plan.level,
        )
        runs.append(_run(table, plan, weighted, f"nested case-control, Samuelsen weights{words}"))
    return runs


def _run(table: ModelTable, plan: Plan, found: DesignFit, model: str) -> Run:
    low, high = (float(v) for v in np.exp(found.limits[0]))
    carriers = int(((table.column(plan.marker) > 0) & (table.cause == 1)).sum())
    return Run(
        model,
        plan.marker,
        plan.outcome,
        found.sampled,
        found.cases,
        carriers,
        float(np.exp(found.coefficients[0])),
        low,
        high,
        float(found.p_values[0]),
        "Wald, design variance",
    )
