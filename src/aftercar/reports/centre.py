"""Feedback to a centre: who is due, how complete follow-up is, which entries are missing."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from aftercar.registry.plan import PlanSet
from aftercar.registry.schedule import PERSON_STATES, person_state, schedule
from aftercar.registry.subject import Subject, subjects
from aftercar.reports.blocks import Block, Document, Field, Heading, Prose, TableBlock
from aftercar.reports.findings import Frames, Row
from aftercar.reports.wording import counted

_STATES = (
    Field("state", "State", about="Where the person stands in follow-up."),
    Field("people", "People", "count", about="People in that state."),
)
_TASKS = (
    Field("person_id", "Person", about="Pseudonym of the person."),
    Field("rule", "Plan and rule", about="Which plan asks for it, and by which rule."),
    Field("due", "Due on", "date", about="Day on which it is due."),
    Field("state", "State", about="Due, or overdue."),
)
#: Cells whose absence weakens an analysis, and what they are needed for.
WANTED = (
    ("people", "birth_year", "expected numbers by age"),
    ("people", "sex", "expected numbers by sex"),
    ("people", "last_seen_on", "person-time"),
    ("infusions", "infused_on", "every figure over time"),
    ("infusions", "batch", "traceability to the lot"),
    ("infusions", "product_vcn", "copies to cells"),
    ("infusions", "indication", "who is compared with whom"),
    ("cases", "histology_confirmed", "what is counted as a case"),
)


def centre_feedback(title: str, on: dt.date, frames: Frames, plans: PlanSet, provenance: Mapping[str, Any]) -> Document:
    """The feedback of one study's people.

    Args:
        title: of the study.
        on: the day for which tasks are listed, usually the data lock.
        frames: tables of the study.
        plans: follow-up plans in force.
        provenance: of the study.
    """
    rows = {name: frames[name].to_dicts() for name in ("people", "infusions", "follow_up", "assay_results")}
    everybody = subjects(rows["people"], rows["infusions"], rows["follow_up"], rows["assay_results"], [])
    blocks: list[Block] = [
        Heading("Where people stand", key="states"),
        _states(everybody, plans, on),
        Heading("Due and overdue", key="tasks"),
        *_tasks(everybody, plans, on),
        Heading("Entries that are missing", key="quality"),
        _quality(frames),
    ]
    return Document(title, f"Feedback to the centre on {on.isoformat()}", on, blocks, provenance)


def _states(everybody: Sequence[Subject], plans: PlanSet, on: dt.date) -> TableBlock:
    counts = Counter(person_state(subject, plans, on) for subject in everybody)
    rows = [{"state": state.replace("_", " "), "people": counts[state]} for state in PERSON_STATES]
    return TableBlock("states-table", "People by state", _STATES, rows)


def _tasks(everybody: Sequence[Subject], plans: PlanSet, on: dt.date) -> list[Block]:
    rows: list[Row] = []
    for subject in everybody:
        for task in schedule(subject, plans, on):
            newest = on <= task.late_until or task.is_last
            if task.state in ("due", "overdue") and newest:
                place = f"{task.plan}: {task.rule.id}"
                rows.append({"person_id": task.person_id, "rule": place, "due": task.due.isoformat(), "state": task.state})
    rows.sort(key=lambda row: (row["state"] != "overdue", row["due"], row["person_id"]))
    words = f"{counted(sum(row['state'] == 'overdue' for row in rows), 'task')} overdue, {len(rows)} open in all."
    return [Prose([words], key="task-words"), TableBlock("tasks-table", "Open tasks", _TASKS, rows)]


def _quality(frames: Frames) -> TableBlock:
    rows = []
    for table, column, purpose in WANTED:
        series = frames[table][column]
        unknown = int((series.is_null() | (series.cast(pl.String) == "unknown")).sum())
        share = unknown / len(series) if len(series) else None
        rows.append({"what": f"{table}.{column}", "missing": unknown, "of": len(series), "share": share, "for": purpose})
    fields = (
        Field("what", "Column", about="Table and column."),
        Field("missing", "Missing", "count", about="Rows without a value."),
        Field("of", "Of", "count", about="Rows in all."),
        Field("share", "Share", "percent", about="Missing over all."),
        Field("for", "Needed for", about="What the value is needed for."),
    )
    return TableBlock("quality-table", "Missing entries", fields, rows)
