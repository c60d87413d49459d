"""Who works through the analyses: one worker for a SQLite file, one or many for a PostgreSQL database.

On SQLite the worker holds a lock beside the file, so of several servers on it only one has a worker; when that one ends,
however it ends, another takes the lock and with it what was left. On PostgreSQL the queue shares the jobs out.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from aftercar.actions.sample_analyses import Bench, run_job, run_next
from aftercar.edges.locks import file_lock
from aftercar.errors import AfterCarError
from aftercar.store import Store, job_queue, web_jobs

_log = logging.getLogger("aftercar.worker")
#: Seconds between two looks for work, and between two tries to reach a database that is away.
_LOOK = 5.0
#: Seconds that a stopping worker gets to put its analysis back; one that was cut off is taken over all the same.
_LAST_WORDS = 10.0


class Worker:
    """Takes one job after another, in a thread of its own, until it is stopped.

    Args:
        store, bench, clock: where, the folder of the files, and the time.
        heartbeat, silent: on PostgreSQL, seconds between signs of life, and after how many without one another worker takes
            over what this one had.
    """

    def __init__(
        self,
        store: Store,
        bench: Bench,
        clock: Callable[[], dt.datetime],
        *,
        heartbeat: float = 5.0,
        silent: float = 30.0,
    ) -> None:
        self._store, self._bench, self._clock = store, bench, clock
        self._heartbeat, self._silent = heartbeat, silent
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="analyses", daemon=True)

    def start(self) -> None:
        """Begin, with what an earlier worker left."""
        self._thread.start()

    def wake(self) -> None:
        """There is a new job."""
        self._wake.set()

    def stop(self) -> None:
        """End; the present job is put back at its next word, for another worker or the next start."""
        self._stop.set()
        self._wake.set()
        self._thread.join(_LAST_WORDS)

    def _work(self) -> None:
        turn = self._from_file if self._store.engine.dialect.name == "sqlite" else self._from_queue
        while not self._stop.is_set():
            try:
                turn()
            except AfterCarError as error:
                _log.warning("%s", error)
            except Exception:  # the worker must live on, whatever the database's driver or the queue says
                _log.exception("the worker begins again")
            self._rest()

    def _from_file(self) -> None:
        """One worker's life on a SQLite file, from taking the lock to the stop."""
        with file_lock(Path(f"{self._store.engine.url.database}.worker")) as mine:
            if not mine:
                return
            web_jobs.queue_again(self._store)
            while not self._stop.is_set():
                if not run_next(self._store, self._bench, self._clock, self._stop.is_set):
                    self._rest()

    def _from_queue(self) -> None:
        def look_at(job_id: str) -> None:
            run_job(self._store, self._bench, job_id, self._clock, self._stop.is_set)

        asyncio.run(job_queue.serve(self._store.engine, look_at, self._stop, heartbeat=self._heartbeat, silent=self._silent))

    def _rest(self) -> None:
        self._wake.wait(_LOOK)
        self._wake.clear()
