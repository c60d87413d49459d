"""How often: rates of the study's own people and reporting proportions of the aggregate rows, never mixed."""

from __future__ import annotations

from collections.abc import Sequence

from aftercar.actions.permissions import Actor
from aftercar.actions.signals_input import EVERYBODY, Answer, Input, Row, cohort_words, may_read
from aftercar.cohort.exposure import aggregates
from aftercar.cohort.follow_up import completeness
from aftercar.cohort.neoplasms import persons_by_number
from aftercar.cohort.person_time import Cohort, build, by_product
from aftercar.cohort.rules import EVENT, Rules
from aftercar.signals.incidence import constant_rate_p, rates_by_time
from aftercar.signals.rates import Measure, SourceKind, measure
from aftercar.vocab.dates import DAYS_PER_YEAR
from aftercar.vocab.estimates import Method, Side


def rate(
    given: Input,
    *,
    rules: Rules | None = None,
    method: Method = "exact",
    side: Side = "two",
    cut_years: Sequence[float] = (0.5, 1, 2, 5),
    actor: Actor | None = None,
) -> Answer:
    """Rates by product, by time since infusion, the attrition table, and the aggregate rows of the study.

    Args:
        given: the study.
        rules: outcome, clock and what ends observation.
        method, side: of the intervals.
        cut_years: ends of the bands of time since infusion.
        actor: who asks.
    """
    may_read(actor)
    cohort = build(given.frames, given.data_lock, rules)
    rows = _own(cohort, given.level, method, side)
    for item in aggregates(given.frames["exposure"]):
        found = measure(
            item.cases,
            persons=item.persons,
            person_years=item.person_years if item.kind not in ("spontaneous_reports", "safety_database") else None,
            kind=_kind(item.kind),
            group=item.group,
            comparison=item.comparison,
            level=given.level,
            method=method,
            side=side,
        )
        rows.append(_row(found) | {"data_lock": item.data_lock, "source": item.source})
    tables: dict[str, Sequence[Row]] = {"signal_rates": rows}
    words = list(cohort_words(cohort))
    if cohort.persons:
        bands = rates_by_time(cohort.episodes, cut_years, level=given.level, method=method)
        tables["signal_rates_by_time"] = [
            {
                "group": EVERYBODY,
                "low_years": band.low_years,
                "high_years": band.high_years,
                "cases": int(band.rate.numerator),
                "person_years": band.rate.denominator,
                "value": band.rate.value,
                "low": band.rate.low,
                "high": band.rate.high,
                "method": band.rate.method,
                "level": band.rate.level,
            }
            for band in bands
        ]
        p = constant_rate_p(bands)
        words.append(f"Equal rates in all bands of time since infusion: exact p {p:.3g} (likelihood-ratio ordering).")
    several = {number: persons for number, persons in persons_by_number(given.frames["cases"]).items() if number > 1}
    if several:
        shown = ", ".join(f"{persons} with {number}" for number, persons in several.items())
        words.append(f"Persons with several recorded neoplasms: {shown}; each person counts once for an outcome.")
    tables["signal_attrition"] = cohort.attrition.rows()
    return Answer(tables, tuple(words), given.data_lock, given.mask_below)


def _own(cohort: Cohort, level: float, method: Method, side: Side) -> list[dict[str, object]]:
    if not cohort.persons:
        return []
    rows = []
    for name, part in {EVERYBODY: cohort.episodes, **by_product(cohort)}.items():
        found = measure(
            int((part["status"] == EVENT).sum()),
            person_years=float((part["exit_days"] - part["entry_days"]).sum()) / DAYS_PER_YEAR,
            kind="registry",
            group=name,
            level=level,
            method=method,
            side=side,
        )
        more = {"completeness": completeness(part).share, "data_lock": cohort.data_lock.isoformat(), "source": "this study"}
        rows.append(_row(found) | more)
    return rows


def _row(found: Measure) -> dict[str, object]:
    estimate = found.estimate
    return {
        "group": found.group,
        "measure": found.name,
        "cases": int(estimate.numerator),
        "denominator": estimate.denominator,
        "unit": estimate.unit,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "method": estimate.method,
        "level": estimate.level,
        "caveat": found.caveat,
    }


def _kind(text: str) -> SourceKind:
    kinds: dict[str, SourceKind] = {
        "spontaneous_reports": "spontaneous_reports",
        "safety_database": "safety_database",
        "registry": "registry",
        "trial": "trial",
        "cohort": "cohort",
        "claims": "claims",
    }
    return kinds[text]
