"""One thread beside the pages that works through the queue of analyses."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

from aftercar.actions.sample_analyses import Bench, run_next
from aftercar.store import Store, web_jobs


class Worker:
    """Takes one job after another until it is stopped; jobs that were running when the program died wait again."""

    def __init__(self, store: Store, bench: Bench, clock: Callable[[], dt.datetime]) -> None:
        self._store, self._bench, self._clock = store, bench, clock
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="analyses", daemon=True)

    def start(self) -> None:
        """Queue again what was interrupted, and begin."""
        web_jobs.queue_again(self._store)
        self._thread.start()

    def wake(self) -> None:
        """There is a new job."""
        self._wake.set()

    def stop(self) -> None:
        """End after the present job; a job cut off by the program's end is run again at the next start."""
        self._stop.set()
        self._wake.set()

    def _work(self) -> None:
        while not self._stop.is_set():
            if not run_next(self._store, self._bench, self._clock):
                self._wake.wait(5.0)
                self._wake.clear()
