"""Who was left out of an analysis, and why: a list of steps that adds up, or an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aftercar.errors import InternalError


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``reason`` in words, how many persons left, how many remain."""

    reason: str
    left_out: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Attrition:
    """From everybody in the tables to those analysed.

    Attributes:
        start: persons in the tables.
        steps: in the order in which they were applied; a person leaves at the first step that applies.
        analysed: persons that remain.
    """

    start: int
    steps: tuple[Step, ...]
    analysed: int

    def rows(self) -> list[dict[str, object]]:
        """As rows of a table, with the start and the end."""
        first = {"step": "persons in the study tables", "left_out": 0, "remaining": self.start}
        last = {"step": "persons analysed", "left_out": 0, "remaining": self.analysed}
        return [first, *({"step": s.reason, "left_out": s.left_out, "remaining": s.remaining} for s in self.steps), last]


def attrition(start: int, leavers: Sequence[tuple[str, int]], analysed: int) -> Attrition:
    """Chain the steps and check that they add up.

    Args:
        start: persons at the beginning.
        leavers: (reason, persons left out) in order.
        analysed: persons that were analysed, counted apart from the steps.

    Raises:
        InternalError: when start minus all that left is not ``analysed``.
    """
    remaining = start
    steps = []
    for reason, left_out in leavers:
        remaining -= left_out
        steps.append(Step(reason, left_out, remaining))
    if remaining != analysed or any(step.left_out < 0 for step in steps):
        raise InternalError(
            "the attrition table does not add up", where=f"{start} - {start - remaining} left out, {analysed} analysed"
        )
    return Attrition(start, tuple(steps), analysed)
