"""Rows of long work: asked for, waiting, running, done; kept so that nothing is lost when the program stops.

One behaviour on both engines. Who looks at a row differs: on SQLite the one worker takes the row that waited longest, on
PostgreSQL the queue (:mod:`aftercar.store.job_queue`) brings it to one of several. The number of the attempt is the right to
write: a worker that was thought dead and is not finds that its attempt is over.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from aftercar.store import job_queue
from aftercar.store.database import reading, writing
from aftercar.store.schema import sql_table
from aftercar.store.store import Store

#: States in which nothing more happens to a job.
ENDED = ("done", "failed", "cancelled")

#: A job that was begun so often and never ended takes its worker down with it, and is given up.
MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of long work.

    Attributes:
        job_id, kind, account_id: which, what, and who asked.
        state: ``queued``, ``running``, ``cancelling``, ``done``, ``failed`` or ``cancelled``.
        asked: what was asked for, as plain values.
        progress: share done, 0 to 1.
        words: what is being done, or how it ended.
        created_at, finished_at: UTC, ISO 8601.
        attempts: how often it was begun; 1 while it runs for the first time.
    """

    job_id: str
    kind: str
    account_id: str
    state: str
    asked: Mapping[str, Any]
    progress: float
    words: str
    created_at: str
    finished_at: str | None
    attempts: int


def add_job(store: Store, job_id: str, kind: str, account_id: str, asked: Mapping[str, Any], now: dt.datetime) -> None:
    """Queue a job."""
    row = {
        "job_id": job_id, "kind": kind, "account_id": account_id, "state": "queued", "asked": json.dumps(asked, sort_keys=True),
        "progress": 0.0, "words": "waiting", "created_at": _text(now), "finished_at": None,
        "attempts": 0,
    }  # fmt: skip
    with writing(store.engine) as connection:
        connection.execute(sa.insert(sql_table("web_jobs")).values(row))
        _ask_for_a_look(connection, job_id)


def job(store: Store, job_id: str) -> Job | None:
    """One job."""
    table = sql_table("web_jobs")
    with reading(store.engine) as connection:
        row = connection.execute(sa.select(table).where(table.c.job_id == job_id)).one_or_none()
    return None if row is None else _job(row)


def jobs_of(store: Store, kind: str, **asked: str) -> list[Job]:
    """Jobs of a kind whose ``asked`` holds these values, newest first."""
    table = sql_table("web_jobs")
    query = sa.select(table).where(table.c.kind == kind).order_by(table.c.created_at.desc(), table.c.job_id)
    with reading(store.engine) as connection:
        found = [_job(row) for row in connection.execute(query)]
    return [item for item in found if all(item.asked.get(name) == value for name, value in asked.items())]


def waiting(store: Store) -> str | None:
    """The job that waited longest; None when none waits."""
    table = sql_table("web_jobs")
    oldest = sa.select(table.c.job_id).where(table.c.state == "queued").order_by(table.c.created_at, table.c.job_id).limit(1)
    with reading(store.engine) as connection:
        return connection.execute(oldest).scalar_one_or_none()


def begin(store: Store, job_id: str, now: dt.datetime) -> Job | None:
    """Begin a job that waits, or take one over whose worker is gone; None when nothing is to be done for it (any more)."""
    table = sql_table("web_jobs")
    this = table.c.job_id == job_id
    with writing(store.engine) as connection:
        row = connection.execute(sa.select(table).where(this).with_for_update()).one_or_none()
        if row is None or row.state in ENDED:
            return None
        values: dict[str, Any] = {"state": "running", "words": "started", "progress": 0.0, "attempts": row.attempts + 1}
        if row.state == "cancelling":
            values = {"state": "cancelled", "words": "cancelled", "finished_at": _text(now)}
        elif row.attempts >= MOST_ATTEMPTS:
            words = f"the program ended {row.attempts} times in the middle of this analysis (too little memory?); it is given up"
            values = {"state": "failed", "words": words, "finished_at": _text(now)}
        connection.execute(sa.update(table).where(this).values(**values))
    return _job(row, **values) if values["state"] == "running" else None


def tell(store: Store, mine: Job, progress: float, words: str) -> bool:
    """Note how far a running job is; False when somebody asked to cancel it, or another worker has it now."""
    table = sql_table("web_jobs")
    with writing(store.engine) as connection:
        told = sa.update(table).where(_attempt(mine), table.c.state == "running").values(progress=progress, words=words)
        return connection.execute(told).rowcount == 1


def cancel(store: Store, job_id: str, now: dt.datetime) -> None:
    """Ask a job to stop: a waiting one ends at once, a running one at its next word."""
    table = sql_table("web_jobs")
    this = table.c.job_id == job_id
    with writing(store.engine) as connection:
        waiting = {"state": "cancelled", "words": "cancelled", "finished_at": _text(now)}
        connection.execute(sa.update(table).where(this & (table.c.state == "queued")).values(**waiting))
        connection.execute(sa.update(table).where(this & (table.c.state == "running")).values(state="cancelling"))


def finish(store: Store, mine: Job, state: str, words: str, now: dt.datetime) -> None:
    """End a job, unless another worker has it now."""
    table = sql_table("web_jobs")
    values = {"state": state, "words": words[:2_000], "finished_at": _text(now)} | ({"progress": 1.0} if state == "done" else {})
    with writing(store.engine) as connection:
        connection.execute(sa.update(table).where(_attempt(mine), table.c.state.not_in(ENDED)).values(**values))


def put_back(store: Store, mine: Job) -> None:
    """Let a job wait again because its worker is being stopped; the attempt does not count."""
    table = sql_table("web_jobs")
    again = {"state": "queued", "words": "waiting again", "progress": 0.0, "attempts": mine.attempts - 1}
    with writing(store.engine) as connection:
        if connection.execute(sa.update(table).where(_attempt(mine), table.c.state == "running").values(**again)).rowcount:
            _ask_for_a_look(connection, mine.job_id)


def queue_again(store: Store) -> int:
    """On SQLite, when the one worker starts: what was running waits again, what was to be cancelled is; how many wait again."""
    table = sql_table("web_jobs")
    with writing(store.engine) as connection:
        again = sa.update(table).where(table.c.state == "running").values(state="queued", words="waiting again", progress=0.0)
        number = connection.execute(again).rowcount
        connection.execute(sa.update(table).where(table.c.state == "cancelling").values(state="cancelled", words="cancelled"))
    return number


def _ask_for_a_look(connection: sa.Connection, job_id: str) -> None:
    if connection.dialect.name == "postgresql":
        job_queue.put(connection, job_id)


def _attempt(mine: Job) -> sa.ColumnElement[bool]:
    table = sql_table("web_jobs")
    return (table.c.job_id == mine.job_id) & (table.c.attempts == mine.attempts)


def _job(row: Any, **changed: Any) -> Job:
    return Job(**{**row._mapping, **changed, "asked": json.loads(row.asked)})


def _text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")
