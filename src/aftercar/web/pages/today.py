"""Today: what is due and overdue, where people stand, cases waiting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from aftercar.actions.today_lists import SHOWN
from aftercar.registry.schedule import PERSON_STATES
from aftercar.store.people import find_cases
from aftercar.web.access import Here, Plain, Who
from aftercar.web.rendering import page

router = APIRouter()
_UNTESTED = ("no", "pending", "unknown")


@dataclass(frozen=True)
class Today:
    """The work of the day.

    Attributes:
        on: the day.
        states: people by state, in the order of urgency.
        tasks: open tasks, overdue first, at most 100.
        tasks_in_all: how many there are.
        untested: cases whose tumour was not tested, within reach.
    """

    on: dt.date
    states: Sequence[tuple[str, int]]
    tasks: Sequence[Mapping[str, Any]]
    tasks_in_all: int
    untested: Sequence[Plain]


@router.get("/")
@router.get("/today.json")
def today(request: Request, here: Here, who: Who) -> Response:
    """What is to do today."""
    found = here.lists.of(here.store, who.actor, here.today)
    context = Today(
        on=here.today,
        states=[(state.replace("_", " "), found.states.get(state, 0)) for state in PERSON_STATES],
        tasks=found.tasks,
        tasks_in_all=found.tasks_in_all,
        untested=find_cases(here.store, who.actor.centres, tested=_UNTESTED, limit=SHOWN),
    )
    return page(request, "today.html", context, who)
