"""Unfinished entries: kept for who typed them, within the rights and centres of now, gone when saved or discarded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from aftercar.actions.permissions import TABLE_RIGHTS, Actor
from aftercar.actions.registry_people import reach
from aftercar.errors import InputError, NotPermitted
from aftercar.store import Store, web_drafts
from aftercar.store.web_drafts import Draft

#: The form of a draft that enrols a person; others are named for their table.
ENROL = "enrol"


def keep(
    store: Store, actor: Actor, form: str, person_id: str, fields: Mapping[str, str], now: dt.datetime, draft_id: str = ""
) -> str:
    """Keep an unfinished entry; nothing of it is checked but the right to make it.

    Args:
        store, actor, now: where, who and when.
        form: :data:`ENROL`, or a table's name.
        person_id: about whom; "" for an enrolment.
        fields: what was typed.
        draft_id: one's own draft to replace; anything else makes a new one.

    Raises:
        NotPermitted, InputError: when the person may not enter this, or not for that centre.
    """
    typed = {name: text for name, text in fields.items() if text}
    _check(store, actor, form, person_id, typed)
    return web_drafts.keep_draft(store, draft_id, actor.name, form, person_id, typed, now)


def mine(store: Store, actor: Actor) -> list[Draft]:
    """One's own drafts that are still within reach, newest first."""
    found = []
    for draft in web_drafts.drafts_of(store, actor.name):
        try:
            _check(store, actor, draft.form, draft.person_id, draft.fields)
        except (NotPermitted, InputError):
            continue
        found.append(draft)
    return found


def one(store: Store, actor: Actor, draft_id: str) -> Draft:
    """One's own draft.

    Raises:
        InputError: when there is none within reach.
    """
    found = next((draft for draft in mine(store, actor) if draft.draft_id == draft_id), None)
    if found is None:
        raise InputError("there is no such draft of yours")
    return found


def _check(store: Store, actor: Actor, form: str, person_id: str, fields: Mapping[str, str]) -> None:
    if form == ENROL:
        actor.check("edit", centre=fields.get("centre") or None)
    else:
        reach(store, actor, person_id, TABLE_RIGHTS.get(form, "edit"))
