"""Rows of long work: asked for, waiting, running, done; kept so that nothing is lost when the program stops."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from aftercar.store.database import reading, writing
from aftercar.store.schema import sql_table
from aftercar.store.store import Store

#: States in which nothing more happens to a job.
ENDED = ("done", "failed", "cancelled")


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
        attempts: how often it was begun.
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


def claim(store: Store) -> Job | None:
    """The job that waited longest, now running; of two workers only one gets it."""
    table = sql_table("web_jobs")
    oldest = sa.select(table).where(table.c.state == "queued").order_by(table.c.created_at, table.c.job_id).limit(1)
    with writing(store.engine) as connection:
        row = connection.execute(oldest.with_for_update(skip_locked=True)).one_or_none()
        if row is None:
            return None
        connection.execute(sa.update(table).where(table.c.job_id == row.job_id).values(state="running", words="started"))
    return _job(row)


def tell(store: Store, job_id: str, progress: float, words: str) -> bool:
    """Note how far a running job is; False when somebody asked to cancel it."""
    table = sql_table("web_jobs")
    mine = (table.c.job_id == job_id) & (table.c.state == "running")
    with writing(store.engine) as connection:
        return connection.execute(sa.update(table).where(mine).values(progress=progress, words=words)).rowcount == 1


def cancel(store: Store, job_id: str, now: dt.datetime) -> None:
    """Ask a job to stop: a waiting one ends at once, a running one at its next word."""
    table = sql_table("web_jobs")
    this = table.c.job_id == job_id
    with writing(store.engine) as connection:
        waiting = {"state": "cancelled", "words": "cancelled", "finished_at": _text(now)}
        connection.execute(sa.update(table).where(this & (table.c.state == "queued")).values(**waiting))
        connection.execute(sa.update(table).where(this & (table.c.state == "running")).values(state="cancelling"))


def finish(store: Store, job_id: str, state: str, words: str, now: dt.datetime) -> None:
    """End a job."""
    table = sql_table("web_jobs")
    values = {"state": state, "words": words[:2_000], "finished_at": _text(now)} | ({"progress": 1.0} if state == "done" else {})
    with writing(store.engine) as connection:
        connection.execute(sa.update(table).where(table.c.job_id == job_id).values(**values))


def queue_again(store: Store) -> int:
    """At start-up, when no worker runs: what was running waits again, what was to be cancelled is; how many wait again."""
    table = sql_table("web_jobs")
    with writing(store.engine) as connection:
        again = sa.update(table).where(table.c.state == "running").values(state="queued", words="waiting again", progress=0.0)
        number = connection.execute(again).rowcount
        connection.execute(sa.update(table).where(table.c.state == "cancelling").values(state="cancelled", words="cancelled"))
    return number


def _job(row: Any) -> Job:
    return Job(**{**row._mapping, "asked": json.loads(row.asked)})


def _text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")
