"""Unfinished entries of forms, one person's own. They are no records: no count, list or trail knows them."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from aftercar.store.database import reading, writing
from aftercar.store.schema import sql_table
from aftercar.store.store import Store

#: An account keeps at most this many; the oldest makes room.
MOST = 100


@dataclass(frozen=True, slots=True)
class Draft:
    """One unfinished entry.

    Attributes:
        draft_id, account_id: which, and whose.
        form: ``enrol``, or the table that a row was begun for.
        person_id: about whom; "" for an enrolment.
        fields: what was typed so far.
        saved_at: UTC, ISO 8601.
    """

    draft_id: str
    account_id: str
    form: str
    person_id: str
    fields: Mapping[str, str]
    saved_at: str


def keep_draft(
    store: Store, draft_id: str, account_id: str, form: str, person_id: str, fields: Mapping[str, str], now: dt.datetime
) -> str:
    """Keep an entry: in place of the account's draft of that identifier, or as a new one; returns the identifier."""
    table = sql_table("web_drafts")
    mine = (table.c.account_id == account_id) & (table.c.draft_id == draft_id)
    values = {"form": form, "person_id": person_id, "fields": json.dumps(fields), "saved_at": _text(now)}
    with writing(store.engine) as connection:
        if not connection.execute(sa.update(table).where(mine).values(**values)).rowcount:
            draft_id = secrets.token_hex(8)
            connection.execute(sa.insert(table).values(draft_id=draft_id, account_id=account_id, **values))
        newest = sa.select(table.c.draft_id).where(table.c.account_id == account_id).order_by(table.c.saved_at.desc()).limit(MOST)
        kept = connection.execute(newest).scalars().all()
        connection.execute(sa.delete(table).where(table.c.account_id == account_id, table.c.draft_id.not_in(kept)))
    return draft_id


def drafts_of(store: Store, account_id: str) -> list[Draft]:
    """Everything that an account has begun, newest first."""
    table = sql_table("web_drafts")
    query = sa.select(table).where(table.c.account_id == account_id).order_by(table.c.saved_at.desc(), table.c.draft_id)
    with reading(store.engine) as connection:
        return [_draft(row) for row in connection.execute(query)]


def drop_draft(store: Store, account_id: str, draft_id: str) -> None:
    """Forget one draft of an account."""
    table = sql_table("web_drafts")
    with writing(store.engine) as connection:
        connection.execute(sa.delete(table).where(table.c.account_id == account_id, table.c.draft_id == draft_id))


def drop_drafts_about(store: Store, person_id: str) -> None:
    """Forget every draft about a person, of whomever: erasure reaches them too."""
    table = sql_table("web_drafts")
    with writing(store.engine) as connection:
        named = [
            row.draft_id
            for row in connection.execute(sa.select(table.c.draft_id, table.c.person_id, table.c.fields))
            if person_id in (row.person_id, json.loads(row.fields).get("person_id"))
        ]
        connection.execute(sa.delete(table).where(table.c.draft_id.in_(named)))


def _draft(row: Any) -> Draft:
    return Draft(**{**row._mapping, "fields": json.loads(row.fields)})


def _text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")
