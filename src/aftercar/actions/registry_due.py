"""Work lists: who is due, overdue or lost; what is missing; the state of everybody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from aftercar.actions.permissions import Actor
from aftercar.edges.files import existing_file
from aftercar.registry.plan import PlanSet, plan_set
from aftercar.registry.schedule import Task, person_state, schedule
from aftercar.registry.subject import Subject, subjects
from aftercar.registry.worklists import Work, work
from aftercar.store import Store
from aftercar.store.due import load_cohort


def plans_in_force(store: Store, files: Sequence[Path] = ()) -> PlanSet:
    """The shipped plans, changed by the site's plans in the registry and then by TOML files.

    Raises:
        BadPlan: naming what is wrong.
    """
    texts = [existing_file(path).read_text(encoding="utf-8-sig") for path in files]
    return plan_set([*site_plan_texts(site_plan_rows(store)), *texts])


def site_plan_rows(store: Store) -> list[Mapping[str, Any]]:
    """The site's plans, every version, the one changed last at the end."""
    kept = sorted(store.list("site_plans"), key=lambda record: (record.changed_at, record.key))
    return [record.row for record in kept]


def site_plan_texts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The plans among them that apply: of each name the last that is active."""
    return list({row["name"]: row["plan"] for row in rows if row["active"] == "yes"}.values())


def work_lists(store: Store, actor: Actor, on: dt.date, plans: PlanSet, *, until: dt.date | None = None) -> Work:
    """Open tasks and the state of everybody within the actor's reach, on a day.

    Args:
        store: the registry.
        actor: needs the right ``read``; a person limited to centres sees their people only.
        on: the day.
        plans: see :func:`plans_in_force`.
        until: tasks that open by this day are listed too, as upcoming.
    """
    actor.check("read")
    with store.snapshot() as connection:
        cohort = load_cohort(connection, plans, on)
    found = work(cohort, plans, on, until=until)
    if actor.centres is None:
        return found
    mine = pl.col("centre").is_in(sorted(actor.centres))
    return Work(found.on, found.tasks.filter(mine), found.people.filter(mine))


def by_centre(found: Work) -> pl.DataFrame:
    """People of each centre by state: columns ``centre``, one for each state that occurs, ``people``."""
    if found.people.is_empty():
        return pl.DataFrame(schema={"centre": pl.String, "people": pl.UInt32})
    counted = found.people.group_by("centre", "state").len()
    table = counted.pivot(on="state", index="centre", values="len").fill_null(0)
    states = sorted(name for name in table.columns if name != "centre")
    summed = table.with_columns(people=pl.sum_horizontal(states))
    return summed.select("centre", *states, "people").sort("centre", nulls_last=True)


def person_schedule(
    store: Store, actor: Actor, person_id: str, on: dt.date, plans: PlanSet, *, until: dt.date | None = None
) -> tuple[Subject, str, list[Task]]:
    """One person: who, the state on a day, and every task up to ``until``.

    Raises:
        InputError: when there is no such person.
    """
    subject = one_subject(store, actor, person_id)
    return subject, person_state(subject, plans, on), schedule(subject, plans, on, until=until)


def one_subject(store: Store, actor: Actor, person_id: str) -> Subject:
    """One person within the actor's reach, as the schedule sees them."""
    from aftercar.actions.registry_people import reach

    person = reach(store, actor, person_id, "read")
    tables = ("infusions", "follow_up", "assay_results", "consents")
    rows = {name: [record.row for record in store.list(name, {"person_id": person_id})] for name in tables}
    return subjects([person.row], rows["infusions"], rows["follow_up"], rows["assay_results"], rows["consents"])[0]
