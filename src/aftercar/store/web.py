"""Short-lived rows of the web app: sessions, one-time and API tokens, failed sign-ins. Tokens are kept as hashes only."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from aftercar.store.database import reading, writing
from aftercar.store.schema import sql_table
from aftercar.store.store import Store

IDLE = dt.timedelta(hours=2)
LONGEST = dt.timedelta(hours=12)
_FREE_FAILURES = 5


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser: whose, and the token that its forms must carry."""

    account_id: str
    csrf: str


def open_session(store: Store, account_id: str, now: dt.datetime) -> str:
    """A new session; returns its token, which is kept nowhere else."""
    token = secrets.token_urlsafe(32)
    row = {
        "token_hash": _hash(token),
        "account_id": account_id,
        "csrf": secrets.token_urlsafe(32),
        "created_at": _text(now),
        "seen_at": _text(now),
    }
    with writing(store.engine) as connection:
        connection.execute(sa.insert(sql_table("web_sessions")).values(row))
    return token


def session_of(store: Store, token: str, now: dt.datetime) -> Session | None:
    """The session of a token, unless it is unknown, idle for too long or too old."""
    table = sql_table("web_sessions")
    with reading(store.engine) as connection:
        row = connection.execute(sa.select(table).where(table.c.token_hash == _hash(token))).one_or_none()
    if row is None or row.created_at < _text(now - LONGEST) or row.seen_at < _text(now - IDLE):
        return None
    if row.seen_at < _text(now - dt.timedelta(minutes=5)):
        with writing(store.engine) as connection:
            connection.execute(sa.update(table).where(table.c.token_hash == row.token_hash).values(seen_at=_text(now)))
    return Session(row.account_id, row.csrf)


def close_session(store: Store, token: str) -> None:
    """End one session."""
    table = sql_table("web_sessions")
    with writing(store.engine) as connection:
        connection.execute(sa.delete(table).where(table.c.token_hash == _hash(token)))


def close_sessions(store: Store, account_id: str) -> None:
    """End every session of an account."""
    table = sql_table("web_sessions")
    with writing(store.engine) as connection:
        connection.execute(sa.delete(table).where(table.c.account_id == account_id))


def make_token(store: Store, account_id: str, purpose: str, expires: dt.datetime, label: str = "") -> str:
    """A token for one purpose (``invite``, ``reset``, ``api``); returns it, only its hash is kept."""
    token = secrets.token_urlsafe(32)
    row = {"token_hash": _hash(token), "account_id": account_id, "purpose": purpose, "label": label, "expires_at": _text(expires)}
    with writing(store.engine) as connection:
        connection.execute(sa.insert(sql_table("web_tokens")).values(row))
    return token


def owner_of(store: Store, token: str, purpose: str, now: dt.datetime) -> str | None:
    """Whose token it is, for this purpose and still valid; None otherwise."""
    table = sql_table("web_tokens")
    clause = (table.c.token_hash == _hash(token)) & (table.c.purpose == purpose) & (table.c.expires_at > _text(now))
    with reading(store.engine) as connection:
        return connection.execute(sa.select(table.c.account_id).where(clause)).scalar_one_or_none()


def use_up(store: Store, token: str, purpose: str, now: dt.datetime) -> str | None:
    """As :func:`owner_of`, and the token is gone afterwards: of two at once, in any process, only one gets it."""
    table = sql_table("web_tokens")
    this = (table.c.token_hash == _hash(token)) & (table.c.purpose == purpose)
    with writing(store.engine) as connection:
        gone = connection.execute(sa.delete(table).where(this).returning(table.c.account_id, table.c.expires_at)).one_or_none()
    return gone.account_id if gone is not None and gone.expires_at > _text(now) else None


def drop_tokens(store: Store, account_id: str, purpose: str) -> None:
    """Forget every token of an account for one purpose."""
    table = sql_table("web_tokens")
    with writing(store.engine) as connection:
        connection.execute(sa.delete(table).where(table.c.account_id == account_id, table.c.purpose == purpose))


def count_try(store: Store, email: str, now: dt.datetime) -> dt.datetime | None:
    """Count a try to sign in as failed before the password is looked at, so that many at once get no more tries than one by one.

    From the fifth on each doubles the wait, up to a day; :func:`forget_failures` takes the tries back after a good one.

    Returns:
        Until when tries for this address are refused, and this one with them (uncounted); None when it may go on.
    """
    table = sql_table("web_failures")
    known = {"email": email, "count": 0, "locked_until": _text(now)}
    with writing(store.engine) as connection:
        connection.execute(_insert(store)(table).values(known).on_conflict_do_nothing())
        mine = table.c.email == email
        tries, locked = connection.execute(sa.select(table.c.count, table.c.locked_until).where(mine).with_for_update()).one()
        if locked > _text(now):
            return dt.datetime.fromisoformat(locked)
        wait = min(86_400, 30 * 2 ** (tries + 1 - _FREE_FAILURES)) if tries + 1 >= _FREE_FAILURES else 0
        until = _text(now + dt.timedelta(seconds=wait))
        connection.execute(sa.update(table).where(mine).values(count=tries + 1, locked_until=until))
    return None


def forget_failures(store: Store, email: str) -> None:
    """After a good sign-in."""
    table = sql_table("web_failures")
    with writing(store.engine) as connection:
        connection.execute(sa.delete(table).where(table.c.email == email))


def _insert(store: Store) -> Any:
    """The engine's own INSERT, which knows ON CONFLICT."""
    return postgresql.insert if store.engine.dialect.name == "postgresql" else sqlite.insert


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds")
