"""The queue of long work on PostgreSQL, kept by the library procrastinate: what is next, who has it, who fell silent.

The row in ``web_jobs`` is what people see and what decides; an entry of the queue only says that the row wants to be looked
at. So an entry too many does no harm, and the library forgets each one that was seen to.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from aftercar.errors import MissingEngine
from aftercar.store.database import reading, writing

if TYPE_CHECKING:
    from procrastinate import App

QUEUE = "aftercar"
TASK = "aftercar.look_at_job"

#: Any number, the same in every process: the library's tables are made by one at a time.
_LOCK = 46_017_002


def prepare(engine: sa.Engine) -> None:
    """Make the library's tables, or bring them to the version that is installed; safe to repeat.

    The last of the library's own migrations that they have stands in the comment of its table of jobs.

    Raises:
        MissingEngine: when the library is not installed.
    """
    names = sorted(path.name for path in _migrations().glob("*.sql"))
    with reading(engine) as connection:
        if _version(connection) == names[-1]:
            return
    with writing(engine) as connection:
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        found = _version(connection)
        raw = _psycopg(connection)  # the library's files hold many statements, which only the driver takes as they are
        if found is None:
            raw.execute((_migrations().parent / "schema.sql").read_text(encoding="utf-8"))
            for job_id in connection.execute(sa.text("SELECT job_id FROM web_jobs WHERE finished_at IS NULL")).scalars().all():
                put(connection, job_id)
        for name in names if found is not None else ():
            if name > str(found):
                raw.execute((_migrations() / name).read_text(encoding="utf-8"))
        if found is None or found < names[-1]:
            raw.execute(f"COMMENT ON TABLE procrastinate_jobs IS '{names[-1]}'")


def put(connection: sa.Connection, job_id: str) -> None:
    """Ask for a look at a job; it counts once the connection's transaction is kept, together with what else is in it."""
    procrastinate = _library()
    from procrastinate.jobs import Job

    job = Job(id=None, queue=QUEUE, lock=None, queueing_lock=None, task_name=TASK, task_kwargs={"job_id": job_id})
    manager = procrastinate.App(connector=procrastinate.SyncPsycopgConnector()).job_manager
    manager.defer_job(job, connection=_psycopg(connection))


async def serve(
    engine: sa.Engine, look_at: Callable[[str], None], stop: threading.Event, *, heartbeat: float = 5.0, silent: float = 30.0
) -> None:
    """Look at one job after another until ``stop`` is set; returns early when the connection to the database is lost.

    Args:
        engine: of the registry.
        look_at: what is done with a job's identifier, in a thread of its own.
        stop: set from any thread; the present job is waited for.
        heartbeat, silent: seconds between signs of life, and after how many without one another worker takes a job over.
    """
    procrastinate = _library()
    address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=address, min_size=1, max_size=4))
    app.task(name=TASK, queue=QUEUE)(look_at)
    async with app.open_async():
        worker = asyncio.create_task(
            app.run_worker_async(
                queues=[QUEUE],
                install_signal_handlers=False,
                delete_jobs="always",
                update_heartbeat_interval=heartbeat,
                stalled_worker_timeout=silent,
            )
        )
        others = [asyncio.create_task(_take_over(app, silent)), asyncio.create_task(_set(stop))]
        await asyncio.wait([worker, *others], return_when=asyncio.FIRST_COMPLETED)
        for task in (worker, *others):
            task.cancel()
        ended = await asyncio.gather(worker, *others, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


async def _take_over(app: App, silent: float) -> None:
    """Queue again what workers had that fell silent."""
    while True:
        for job in await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=silent):
            with suppress(_library().exceptions.ConnectorException):  # another worker was quicker
                await app.job_manager.retry_job(job)
        await asyncio.sleep(silent / 4 * random.uniform(0.5, 1.5))


async def _set(stop: threading.Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(0.2)


def _version(connection: sa.Connection) -> str | None:
    """The last of the library's migrations that the database has; None when it has none of its tables."""
    # from the catalogue itself: to_regclass may answer from before the wait for the lock
    query = (
        "SELECT obj_description(oid, 'pg_class') FROM pg_class WHERE relname = 'procrastinate_jobs' AND pg_table_is_visible(oid)"
    )
    row = connection.execute(sa.text(query)).one_or_none()
    return None if row is None else str(row[0] or "")


def _psycopg(connection: sa.Connection) -> Any:
    """The driver's own connection, in the same transaction."""
    return connection.connection.driver_connection


def _migrations() -> Path:
    return Path(_library().schema.migrations_path)


def _library() -> Any:
    try:
        import procrastinate
        import procrastinate.exceptions
        import procrastinate.schema
    except ImportError:
        raise MissingEngine(
            "the queue of analyses on PostgreSQL needs the library procrastinate",
            fix="install it with: pip install 'aftercar[postgres]'",
        ) from None
    return procrastinate
