"""What was computed from some tables, kept until one of them changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

from aftercar.store import Store
from aftercar.store.trail import End, end_of_trail, entries_since

Value = TypeVar("Value")


class SinceChange:
    """Values that rest on certain stored tables only; safe to share between threads.

    Args:
        tables: what the values rest on.
    """

    def __init__(self, *tables: str) -> None:
        self._tables = frozenset(tables)
        self._lock = Lock()
        self._end: End = (0, "")
        self._values: dict[Hashable, Any] = {}

    def of(self, store: Store, key: Hashable, compute: Callable[[], Value]) -> Value:
        """The value of a key: kept, or computed now when one of the tables changed since it was."""
        with self._lock:
            with store.snapshot() as connection:
                end = end_of_trail(connection)
                if end != self._end:
                    entries = entries_since(connection, self._end, end)
                    if entries is None or any(table in self._tables for table, *_ in entries):
                        self._values = {}
            self._end = end
            if key in self._values:
                found: Value = self._values[key]
                return found
        value = compute()  # at least as new as the end that was read
        with self._lock:
            if self._end == end:
                self._values[key] = value
        return value
