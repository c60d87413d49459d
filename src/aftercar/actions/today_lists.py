"""The work lists of today, computed once for each state of the registry and then cut to each person's reach.

The lists of everybody cost seconds at a hundred thousand people, and many look at them at once. The end of the audit chain
stands for the state of every record and of the plans: while it is the same, so are the lists.
"""

from __future__ import annotations

import datetime as dt
from threading import Lock

import polars as pl

from aftercar.actions.permissions import Actor, local_actor
from aftercar.actions.registry_due import plans_in_force, work_lists
from aftercar.registry.worklists import Work
from aftercar.store import Store


class TodayLists:
    """Work lists that are computed again only after a change; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._state: tuple[str, dt.date] | None = None
        self._found: Work | None = None

    def of(self, store: Store, actor: Actor, on: dt.date) -> Work:
        """As :func:`aftercar.actions.registry_due.work_lists`.

        Raises:
            NotPermitted: when the actor may not read.
        """
        actor.check("read")
        found = self._everybody(store, on)
        if actor.centres is None:
            return found
        mine = pl.col("centre").is_in(sorted(actor.centres))
        return Work(found.on, found.tasks.filter(mine), found.people.filter(mine))

    def _everybody(self, store: Store, on: dt.date) -> Work:
        with self._lock:  # of many who ask at once, one computes
            state = (store.head().hash, on)  # read before the records: a change in between only makes it compute again
            if self._found is None or state != self._state:
                self._found = work_lists(store, local_actor("today's lists"), on, plans_in_force(store))
                self._state = state
            return self._found
