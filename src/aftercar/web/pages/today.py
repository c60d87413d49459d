"""Today: what is due and overdue, where people stand, cases waiting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from aftercar.registry.schedule import PERSON_STATES
from aftercar.web.access import Here, Plain, Who
from aftercar.web.rendering import page

router = APIRouter()
_SHOWN = 100


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
    tasks: Sequence[Plain]
    tasks_in_all: int
    untested: Sequence[Plain]


@router.get("/")
@router.get("/today.json")
def today(request: Request, here: Here, who: Who) -> Response:
    """What is to do today."""
    found = here.lists.of(here.store, who.actor, here.today)
    counts: dict[str, int] = dict(found.people.group_by("state").len().iter_rows())
    tasks = found.tasks.sort(["state", "due_on"], descending=[True, False]).head(_SHOWN).to_dicts()
    context = Today(
        on=here.today,
        states=[(state.replace("_", " "), counts.get(state, 0)) for state in PERSON_STATES],
        tasks=tasks,
        tasks_in_all=found.tasks.height,
        untested=_untested(here, who),
    )
    return page(request, "today.html", context, who)


def _untested(here: Here, who: Who) -> list[dict[str, Any]]:
    from aftercar.web.pages.cases import rows_within_reach

    return [row for row in rows_within_reach(here, who) if row["tested"] in ("no", "pending", "unknown")][:_SHOWN]
