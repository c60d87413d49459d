"""Today: what is due and overdue, where people stand, cases waiting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from aftercar.actions import drafts, signal_review
from aftercar.actions.new_evidence import new_evidence
from aftercar.actions.today_lists import SHOWN
from aftercar.registry.schedule import PERSON_STATES
from aftercar.store.people import find_cases
from aftercar.web.access import Here, Plain, Who
from aftercar.web.pages.people import address_of, title_of
from aftercar.web.rendering import page

router = APIRouter()
_UNTESTED = ("no", "pending", "unknown")
#: What the news rests on, but for the visitor's own drafts.
NEWS_OF = ("people", "infusions", "cases", "assessments", "result_documents", "signal_reviews")


@dataclass(frozen=True)
class News:
    """What came in, and what waits for somebody.

    Attributes:
        drafts: what the visitor began, newest first: ``address``, ``title``, ``saved_at``, ``draft_id``.
        evidence: result documents of the last month, newest first.
        unsigned: cases without a signed assessment.
        changes, words: counts that differ from the latest review of the signals, and what each is called.
    """

    drafts: Sequence[Plain]
    evidence: Sequence[Plain]
    unsigned: Sequence[Plain]
    changes: Sequence[signal_review.SignalChange]
    words: Mapping[str, str]


@dataclass(frozen=True)
class Today:
    """The work of the day.

    Attributes:
        on: the day.
        states: people by state, in the order of urgency.
        tasks: open tasks, overdue first, at most 100.
        tasks_in_all: how many there are.
        untested: cases whose tumour was not tested, within reach.
        news: what came in and what waits.
        reads: whether the visitor may see records; else only the page's name is left.
    """

    on: dt.date
    states: Sequence[tuple[str, int]]
    tasks: Sequence[Mapping[str, Any]]
    tasks_in_all: int
    untested: Sequence[Plain]
    news: News
    reads: bool


@router.get("/")
@router.get("/today.json")
def today(request: Request, here: Here, who: Who) -> Response:
    """What is to do today; nothing for who sees aggregates only."""
    who.actor.check("aggregate")
    if not who.actor.may("read"):
        return page(request, "today.html", Today(here.today, (), (), 0, (), News((), (), (), (), {}), False), who)
    found = here.lists.of(here.store, who.actor, here.today)
    kept = here.news.of(here.store, (who.actor.centres, here.today), lambda: _kept(here, who))
    context = Today(
        on=here.today,
        states=[(state.replace("_", " "), found.states.get(state, 0)) for state in PERSON_STATES],
        tasks=found.tasks,
        tasks_in_all=found.tasks_in_all,
        untested=kept.untested,
        news=News(_begun(here, who), kept.evidence, kept.unsigned, kept.changes, signal_review.COUNTED),
        reads=True,
    )
    return page(request, "today.html", context, who)


@dataclass(frozen=True)
class _Kept:
    """The parts of :class:`Today` and :class:`News` that are the same for everybody with the same centres."""

    untested: Sequence[Plain]
    evidence: Sequence[Plain]
    unsigned: Sequence[Plain]
    changes: Sequence[signal_review.SignalChange]


def _kept(here: Here, who: Who) -> _Kept:
    signed = {
        record["case_id"] for record in here.store.list("assessments") if record["signed_on"] and not record["withdrawn_on"]
    }
    cases = find_cases(here.store, who.actor.centres)
    return _Kept(
        untested=[row for row in cases if row["tested"] in _UNTESTED][:SHOWN],
        evidence=new_evidence(here.store, who.actor, here.today),
        unsigned=[row for row in cases if row["case_id"] not in signed][:SHOWN],
        changes=signal_review.changes(here.store, who.actor),
    )


def _begun(here: Here, who: Who) -> list[Plain]:
    return [
        {
            "address": address_of(draft.form, draft.person_id) + f"?draft={draft.draft_id}",
            "title": title_of(draft.form, draft.person_id),
            "saved_at": draft.saved_at,
            "draft_id": draft.draft_id,
        }
        for draft in drafts.mine(here.store, who.actor)
    ]
