"""The work of today, kept for each centre and brought along with the audit trail, so that it is never stale and seldom computed.

The lists of everybody cost seconds at a hundred thousand people, and many look at them at once. Every change leaves its entry
in the trail, in the same transaction: the entries since the last look name the people whose tasks may differ, and only theirs
are computed again, from the same snapshot. A change of plans, an erasure, a large import or a new day computes everything.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import polars as pl
import sqlalchemy as sa

from aftercar.actions.permissions import Actor
from aftercar.actions.registry_due import plans_in_force
from aftercar.registry.plan import PlanSet
from aftercar.registry.worklists import work
from aftercar.store import Store
from aftercar.store.due import load_cohort
from aftercar.store.trail import End, end_of_trail, entries_since

#: Tasks that are named; of the others only the number is told.
SHOWN = 100
#: Tables whose records decide what is due; each names its person.
_OF_PEOPLE = ("people", "infusions", "consents", "follow_up", "assay_results")
#: The state falls ("overdue" before "due"), the rest rises; no two tasks are equal in all.
_ORDER = ("state", "due_on", "person_id", "plan", "rule", "infusion_id")


@dataclass(frozen=True)
class WorkOfDay:
    """What is to do within somebody's reach.

    Attributes:
        states: number of people in each state that occurs.
        tasks: the first :data:`SHOWN` open tasks, overdue first, then by the day they are due; columns as in
            :class:`aftercar.registry.worklists.Work`.
        tasks_in_all: how many are open.
    """

    states: Mapping[str, int]
    tasks: Sequence[Mapping[str, Any]]
    tasks_in_all: int


@dataclass(frozen=True)
class _Centre:
    """A centre's people and open tasks, the tasks in order, and people by state."""

    people: pl.DataFrame
    tasks: pl.DataFrame
    states: Mapping[str, int]

    @classmethod
    def of(cls, people: pl.DataFrame, tasks: pl.DataFrame) -> _Centre:
        return cls(people, _in_order(tasks), dict(people.group_by("state").len().iter_rows()))

    def changed(self, ids: Sequence[str], people: pl.DataFrame, tasks: pl.DataFrame) -> _Centre:
        """With the rows of some people replaced."""
        others = ~pl.col("person_id").is_in(ids)
        return _Centre.of(pl.concat([self.people.filter(others), people]), pl.concat([self.tasks.filter(others), tasks]))


class TodayLists:
    """The work of the day, as new as the registry; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._on: dt.date | None = None
        self._head: End = (0, "")
        self._plans: PlanSet | None = None
        self._centres: dict[str | None, _Centre] = {}
        self._centre_of: dict[str, str | None] = {}
        self._found: dict[frozenset[str] | None, WorkOfDay] = {}

    def of(self, store: Store, actor: Actor, on: dt.date) -> WorkOfDay:
        """The work within the actor's reach, on a day.

        Raises:
            NotPermitted: when the actor may not read.
        """
        actor.check("read")
        with self._lock:  # of many who ask at once, one computes
            self._bring_along(store, on)
            if actor.centres not in self._found:
                reach = self._centres if actor.centres is None else sorted(actor.centres)
                self._found[actor.centres] = _together([self._centres[name] for name in reach if name in self._centres])
            return self._found[actor.centres]

    def _bring_along(self, store: Store, on: dt.date) -> None:
        plans = None
        with store.snapshot() as connection:
            head = end_of_trail(connection)
            if (head, on) == (self._head, self._on):
                return
            changed = _changed_since(connection, self._head, head) if on == self._on else None
            if changed is None or self._plans is None:
                plans = plans_in_force(store)  # newer than the snapshot at most: then the trail brings us here again
                self._compute(connection, plans, on)
            elif changed:
                self._compute_again(connection, self._plans, on, sorted(changed))
        self._head, self._on, self._plans = head, on, plans or self._plans
        self._found = {}

    def _compute(self, connection: sa.Connection, plans: PlanSet, on: dt.date) -> None:
        found = work(load_cohort(connection, plans, on), plans, on)
        tasks = _by_centre(found.tasks)
        self._centres = {
            name: _Centre.of(rows, tasks.get(name, found.tasks.clear())) for name, rows in _by_centre(found.people).items()
        }
        self._centre_of = dict(found.people.select("person_id", "centre").iter_rows())

    def _compute_again(self, connection: sa.Connection, plans: PlanSet, on: dt.date, ids: Sequence[str]) -> None:
        found = work(load_cohort(connection, plans, on, people=ids), plans, on)
        people, tasks = _by_centre(found.people), _by_centre(found.tasks)
        nobody = _Centre.of(found.people.clear(), found.tasks.clear())
        for name in {self._centre_of.pop(person) for person in ids if person in self._centre_of} | set(people):
            new = people.get(name, nobody.people), tasks.get(name, nobody.tasks)
            self._centres[name] = self._centres.get(name, nobody).changed(ids, *new)
        self._centre_of |= dict(found.people.select("person_id", "centre").iter_rows())


def _changed_since(connection: sa.Connection, then: End, now: End) -> set[str] | None:
    """People whose records changed between two ends of the trail; None when that is not known, or they are too many."""
    entries = entries_since(connection, then, now)
    found: set[str] = set()
    for table, *contents in entries or ():
        if table in _OF_PEOPLE:
            people = {json.loads(text)["person_id"] for text in contents if text}
            if not people:  # it was erased
                return None
            found |= people
        elif table == "site_plans":
            return None
    return None if entries is None else found


def _by_centre(frame: pl.DataFrame) -> dict[str | None, pl.DataFrame]:
    return {name: rows for (name,), rows in frame.partition_by("centre", as_dict=True).items()}


def _in_order(tasks: pl.DataFrame) -> pl.DataFrame:
    return tasks.sort(_ORDER, descending=[True, *[False] * (len(_ORDER) - 1)])


def _together(centres: Iterable[_Centre]) -> WorkOfDay:
    states: dict[str, int] = {}
    heads, in_all = [], 0
    for centre in centres:
        heads.append(centre.tasks.head(SHOWN))
        in_all += centre.tasks.height
        for state, number in centre.states.items():
            states[state] = states.get(state, 0) + number
    tasks = _in_order(pl.concat(heads)).head(SHOWN).to_dicts() if heads else []
    return WorkOfDay(states, tasks, in_all)
