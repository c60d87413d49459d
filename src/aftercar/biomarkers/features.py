"""Covariates that know when they were known.

Every value carries the day it became known. Nothing known after infusion enters a baseline model. A person whose marker
comes from a later sample may enter on the day of the sample (delayed entry), never before: time a person had to survive to
be sampled is not follow-up of a carrier.

    >>> people = [PersonTime("a", 0, 900, 1), PersonTime("b", 0, 800, 0), PersonTime("c", 0, 700, 0)]
    >>> known = [Known("a", "ch", 1, -20), Known("b", "ch", 0, 30), Known("c", "ch", 1, None)]
    >>> table = assemble(people, known, ["ch"])
    >>> table.people, dict(table.left_out)
    (('a',), {'b': 'ch became known on day 30, after infusion', 'c': 'the day ch became known is not given'})
    >>> assemble(people, known, ["ch"], late="enter").start.tolist()
    [0.0, 30.0]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aftercar.cohort.survival import Array
from aftercar.errors import InputError, UsageError

Late = Literal["exclude", "enter"]


class KnownTooLate(InputError):
    """A covariate that was not known when the model's clock starts."""

    code = "known-too-late"


@dataclass(frozen=True, slots=True)
class PersonTime:
    """One person's observation in days since infusion.

    Attributes:
        person_id: pseudonym.
        start: day of entry into observation (0 at infusion; later is delayed entry).
        stop: last day.
        cause: 0 censored, 1 the outcome, 2 and up competing.
        centre: for strata and transport.
    """

    person_id: str
    start: float
    stop: float
    cause: int
    centre: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """One value of one covariate and the day since infusion it became known.

    ``value`` None is missing (for a marker: not called, below depth). ``day`` None is a day nobody wrote down.
    """

    person_id: str
    name: str
    value: float | None
    day: float | None


@dataclass(frozen=True)
class ModelTable:
    """Rows ready for a model, complete cases only; everybody left out is named with the reason.

    Attributes:
        names: covariates, in the order of ``x``.
        people, centre: shape (rows,).
        start, stop: days since infusion, shape (rows,).
        cause: shape (rows,).
        x: shape (rows, p).
        left_out: person to reason.
    """

    names: tuple[str, ...]
    people: tuple[str, ...]
    centre: tuple[str, ...]
    start: Array
    stop: Array
    cause: NDArray[np.intp]
    x: Array
    left_out: Mapping[str, str]

    @property
    def events(self) -> int:
        """Rows with the outcome."""
        return int((self.cause == 1).sum())

    def column(self, name: str) -> Array:
        """One covariate, shape (rows,)."""
        return np.asarray(self.x[:, self.names.index(name)])


def assemble(
    people: Sequence[PersonTime], known: Sequence[Known], names: Sequence[str], *, late: Late = "exclude", strict: bool = False
) -> ModelTable:
    """Join covariates to person-time with the timing rule.

    Args:
        people: one row for each person.
        known: covariate values; where a covariate has several for a person, the last one known by day 0 is taken, and with
            ``late="enter"`` and none by then, the first later one.
        names: covariates wanted.
        late: ``exclude`` people whose value came after infusion, or let them ``enter`` on that day.
        strict: raise instead of leaving a late value out.

    Raises:
        KnownTooLate: with ``strict``, naming the first person.
        UsageError: when a person stands twice.
    """
    if len({p.person_id for p in people}) != len(people):
        raise UsageError("a person stands twice; split time after the covariates are joined")
    by_person: dict[tuple[str, str], list[Known]] = {}
    for k in known:
        by_person.setdefault((k.person_id, k.name), []).append(k)
    rows, left_out = [], {}
    for person in people:
        values, entry, reason = [], person.start, ""
        for name in names:
            chosen, reason = _choose(by_person.get((person.person_id, name), []), name, late)
            if chosen is None:
                break
            entry = max(entry, chosen.day or 0.0)
            values.append(float(chosen.value or 0.0))
        if not reason and entry >= person.stop:
            reason = f"observation ended on day {person.stop:g}, before everything was known (day {entry:g})"
        if reason:
            if strict and "after infusion" in reason:
                raise KnownTooLate(reason, where=f"person {person.person_id}", fix="use delayed entry, or a sample from before")
            left_out[person.person_id] = reason
        else:
            rows.append((person, entry, values))
    return ModelTable(
        tuple(names),
        tuple(p.person_id for p, _, _ in rows),
        tuple(p.centre for p, _, _ in rows),
        np.array([entry for _, entry, _ in rows], dtype=np.float64),
        np.array([p.stop for p, _, _ in rows], dtype=np.float64),
        np.array([p.cause for p, _, _ in rows], dtype=np.intp),
        np.array([values for _, _, values in rows], dtype=np.float64).reshape(len(rows), len(names)),
        left_out,
    )


def _choose(values: Sequence[Known], name: str, late: Late) -> tuple[Known | None, str]:
    if not values:
        return None, f"{name} was never measured"
    dated = sorted((k for k in values if k.day is not None), key=lambda k: k.day or 0.0)
    if not dated:
        return None, f"the day {name} became known is not given"
    by_infusion = [k for k in dated if k.day is not None and k.day <= 0]
    if by_infusion:
        usable = [k for k in by_infusion if k.value is not None]
        return (usable[-1], "") if usable else (None, f"{name} is missing in the sample from before infusion")
    usable = [k for k in dated if k.value is not None]
    if not usable:
        return None, f"{name} is missing"
    if late == "exclude":
        return None, f"{name} became known on day {usable[0].day:g}, after infusion"
    return usable[0], ""


def time_dependent(table: ModelTable, since: Mapping[str, float], name: str) -> tuple[ModelTable, Array]:
    """Split each person at the day an exposure began (second CAR T, bridging, maintenance): unexposed before, exposed after.

    Args:
        table: the model table.
        since: day of the exposure by person; left out means never exposed.
        name: of the new covariate, put last.

    Returns:
        The split table (people repeat) and for each row the index of its person in ``table``.
    """
    rows: list[tuple[int, float, float, int, float]] = []
    for i, person in enumerate(table.people):
        day = since.get(person)
        start, stop, cause = float(table.start[i]), float(table.stop[i]), int(table.cause[i])
        if day is None or day >= stop:
            rows.append((i, start, stop, cause, 0.0))
        elif day <= start:
            rows.append((i, start, stop, cause, 1.0))
        else:
            rows.extend([(i, start, day, 0, 0.0), (i, day, stop, cause, 1.0)])
    index = np.array([row[0] for row in rows], dtype=np.intp)
    split = ModelTable(
        (*table.names, name),
        tuple(table.people[i] for i in index),
        tuple(table.centre[i] for i in index),
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows]),
        np.array([row[3] for row in rows], dtype=np.intp),
        np.column_stack([table.x[index], [row[4] for row in rows]]),
        table.left_out,
    )
    return split, index.astype(np.float64)


def landmark(table: ModelTable, day: float, since: Mapping[str, float], name: str) -> ModelTable:
    """People still under observation at ``day``, classed by what had happened by then (Anderson, J Clin Oncol 1983;1:710)."""
    keep = np.flatnonzero(table.stop > day)
    gone = {table.people[i]: f"left before the landmark on day {day:g}" for i in np.flatnonzero(table.stop <= day)}
    exposed = [float(since.get(table.people[i], np.inf) <= day) for i in keep]
    return ModelTable(
        (*table.names, name),
        tuple(table.people[i] for i in keep),
        tuple(table.centre[i] for i in keep),
        np.maximum(table.start[keep], day),
        table.stop[keep],
        table.cause[keep],
        np.column_stack([table.x[keep], exposed]),
        {**table.left_out, **gone},
    )
