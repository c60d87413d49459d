"""Reviews of the signals: who looked when, what the counts were then, and what has changed since."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from aftercar.actions.permissions import Actor
from aftercar.errors import UsageError
from aftercar.store import Record, Store
from aftercar.store.people import count_treated

#: What is counted, with its name for people.
COUNTED: Mapping[str, str] = {
    "people": "people treated",
    "cases": "T-cell malignancies",
    "tested": "tumours tested for the transgene",
    "car_positive": "tumours with the transgene",
}


@dataclass(frozen=True)
class SignalChange:
    """One count that differs from the latest review (``before`` is None when there was none yet)."""

    name: str
    before: int | None
    now: int


def counts(store: Store, actor: Actor) -> dict[str, int]:
    """The counts of :data:`COUNTED` within the actor's reach.

    Raises:
        NotPermitted: when the actor may not see aggregates.
    """
    actor.check("aggregate")
    cases = store.frame("cases", columns=("person_id", "lineage", "tested", "car_result")).filter(pl.col("lineage") == "T_cell")
    if actor.centres is not None:
        mine = store.list("people", {"person_id": cases["person_id"].to_list(), "centre": actor.centres})
        cases = cases.filter(pl.col("person_id").is_in([record.key for record in mine]))
    return {
        "people": count_treated(store, actor.centres),
        "cases": cases.height,
        "tested": cases.filter(pl.col("tested") == "yes").height,
        "car_positive": cases.filter(pl.col("car_result") == "detected").height,
    }


def latest_review(store: Store, actor: Actor) -> Record | None:
    """The latest review of just the centres that the actor reaches."""
    actor.check("aggregate")
    found = store.list("signal_reviews", {"centres": _scope(actor)})
    return max(found, key=lambda record: (record["reviewed_on"], record.changed_at), default=None)


def changes(store: Store, actor: Actor) -> list[SignalChange]:
    """What differs from the latest review."""
    last, now = latest_review(store, actor), counts(store, actor)
    before = {name: None if last is None else int(last[name]) for name in COUNTED}
    return [SignalChange(name, before[name], now[name]) for name in COUNTED if before[name] != now[name]]


def review(store: Store, actor: Actor, conclusion: str, on: dt.date) -> Record:
    """Record that the actor has looked at the signals, with the counts of now.

    Raises:
        NotPermitted: when the actor may not review.
        UsageError: without a conclusion.
    """
    actor.check("review")
    if not conclusion.strip():
        raise UsageError("a review says what it concludes", fix="write the conclusion")
    row = {
        "review_id": f"SR-{on.isoformat()}-{secrets.token_hex(3)}",
        "reviewed_on": on.isoformat(),
        "centres": _scope(actor),
        **counts(store, actor),
        "conclusion": conclusion,
    }
    return store.save("signal_reviews", row, who=actor.name, why="signals reviewed")


def _scope(actor: Actor) -> str | None:
    return None if actor.centres is None else ";".join(sorted(actor.centres))
