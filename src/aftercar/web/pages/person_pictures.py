"""The pictures of one person's page: events in time, persistence with the line that asks for more, insertions over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aftercar.cases.model import as_date
from aftercar.reports.blocks import Figure
from aftercar.reports.charts import chart
from aftercar.reports.figures_clones import insertions_over_time
from aftercar.reports.figures_samples import persistence
from aftercar.reports.wording import counted
from aftercar.vocab.dates import months_between
from aftercar.web.access import Plain
from aftercar.web.pages.signals import plain_block

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
#: Table, its day, what happened.
_EVENTS = (
    ("prior_therapy", "started_on", "earlier treatment"),
    ("infusions", "infused_on", "infusion"),
    ("follow_up", "contact_on", "contact"),
    ("assay_results", "measured_on", "laboratory value"),
    ("samples", "collected_on", "specimen"),
    ("cases", "diagnosed_on", "diagnosis"),
)


def pictures(person: Mapping[str, Any], rows: Rows, found: Sequence[Mapping[str, Any]], line: float) -> list[Plain]:
    """Every picture that there is something to draw for.

    Args:
        person: the row of ``people``.
        rows: rows about the person by table.
        found: of :func:`aftercar.actions.person_clones.insertions`.
        line: percent of vector-positive cells that asks for integration-site analysis.
    """
    drawn = (_timeline(person, rows), _persistence(rows, line), insertions_over_time(found))
    return [plain_block(figure) for figure in drawn if figure is not None]


def _timeline(person: Mapping[str, Any], rows: Rows) -> Figure | None:
    events = [
        {"day": day.middle.isoformat(), "what": what}
        for table, column, what in _EVENTS
        for row in rows[table]
        if (day := as_date(row[column])) is not None
    ]
    died = as_date(person["death_date"])
    events += [{"day": died.middle.isoformat(), "what": "death"}] if died is not None else []
    if len(events) < 2:
        return None
    days = sorted(event["day"] for event in events)
    alt = f"{counted(len(events), 'dated event')} from {days[0]} to {days[-1]}; the tables below name each."
    return Figure("timeline", "Events in time", chart("timeline", events), events, alt)


def _persistence(rows: Rows, line: float) -> Figure | None:
    starts = [day.middle for row in rows["infusions"] if (day := as_date(row["infused_on"])) is not None]
    if not starts:
        return None
    series = [
        {"months": months_between(min(starts), day.middle), "value": row["value"], "lod": row["lod"]}
        for row in rows["assay_results"]
        if row["unit"] == "percent_cells" and (day := as_date(row["measured_on"])) is not None
    ]
    return persistence(sorted(series, key=lambda row: row["months"]), line)
