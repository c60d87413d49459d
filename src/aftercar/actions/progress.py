"""How long work says how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What long work is given to say how far it is."""

    def __call__(self, done: float, total: float | None, words: str) -> None:
        """``done`` of ``total`` (None when unknown), with a few words on what is being done."""


def silent(done: float, total: float | None, words: str) -> None:
    """A progress that says nothing."""
