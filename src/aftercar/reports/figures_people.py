"""Charts of people: swimmer plot, cumulative incidence, funnel of attrition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from aftercar.cases.model import CaseFile, as_date
from aftercar.cohort.person_time import Cohort
from aftercar.reports.blocks import Figure
from aftercar.reports.charts import chart
from aftercar.reports.wording import counted
from aftercar.signals.incidence import of_cohort
from aftercar.vocab.dates import PartialDate, months_between

Row = Mapping[str, Any]
_MOST = 60


def swimmer(files: Sequence[CaseFile], contacts: Sequence[Row], data_lock: dt.date) -> Figure | None:
    """One lane for each person with a case, from first infusion to last news; None when nobody has a dated infusion.

    Args:
        files: the cases.
        contacts: rows of ``follow_up``.
        data_lock: where a lane ends at the latest.
    """
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for file in files:
        person = str(file.person["person_id"])
        dated = [day for infusion in file.infusions if (day := as_date(infusion["infused_on"])) is not None]
        if person in seen or not dated or len(seen) == _MOST:
            continue
        seen.add(person)
        start = dated[0].middle
        events = [("infusion", day) for day in dated]
        events += [("contact", PartialDate.parse(row["contact_on"])) for row in contacts if row["person_id"] == person]
        events += [
            ("diagnosis", day)
            for other in files
            if other.person["person_id"] == person
            if (day := as_date(other.case["diagnosed_on"])) is not None
        ]
        death = as_date(file.person["death_date"])
        events += [("death", death)] if death else []
        last = as_date(file.person["last_seen_on"])
        end = min(data_lock, max(day.middle for day in [*(d for _, d in events), *([last] if last else [])]))
        rows.append({"kind": "lane", "person": person, "start": 0.0, "end": months_between(start, end)})
        rows += [
            {"kind": kind, "person": person, "start": months_between(start, day.middle), "end": None} for kind, day in events
        ]
    if not rows:
        return None
    lanes = [row for row in rows if row["kind"] == "lane"]
    alt = f"{counted(len(lanes), 'person', 'people')}; " + "; ".join(f"{row['person']}: {row['end']:.0f} months" for row in lanes)
    return Figure("swimmer", "People with a case", chart("swimmer", rows), rows, alt)


def incidence(cohort: Cohort, level: float) -> Figure:
    """Cumulative incidence of the outcome with death competing, with pointwise limits."""
    found = of_cohort(cohort, level=level)
    steps = found.rows()
    first = next((row["time"] for row in steps if row["value"] > 0), found.longest)
    # Before the first case the upper limit is that of a time without any; the curve has none of its own there.
    before = found.at(first * (1 - 1e-9)).high
    rows: list[dict[str, Any]] = [{"years": 0.0, "value": 0.0, "low": 0.0, "high": before}]
    rows += [
        {"years": row["time"], "value": row["value"], "low": row["low"], "high": row["high"]}
        for row in steps
        if row["time"] >= first
    ]
    end = found.at(found.longest)
    rows.append({"years": found.longest, "value": end.value, "low": end.low, "high": end.high})
    limits = f"{100 * end.value:.2f}% ({100 * end.low:.2f} to {100 * end.high:.2f})"
    alt = f"{limits} after {found.longest:.1f} years, {counted(cohort.events, 'event')}."
    spec = chart("incidence", rows)
    title = "Cumulative incidence of T-cell malignancy"
    return Figure("incidence-curve", title, spec, rows, alt, "Death competes.", "incidence-table")


def funnel(rows: Sequence[Row]) -> Figure:
    """From everybody to those analysed; steps at which nobody left are not drawn."""
    shown = [dict(row) for i, row in enumerate(rows) if i in (0, len(rows) - 1) or row["left_out"]]
    alt = "; ".join(f"{row['step']}: {row['remain']:,}" for row in shown)
    return Figure("attrition-chart", "From everybody to the cohort", chart("funnel", shown), shown, alt, table="attrition-table")
