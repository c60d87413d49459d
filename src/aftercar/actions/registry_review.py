"""What a registry must look at: alerts, missing specimens, completeness of follow-up."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from aftercar.actions.permissions import Actor
from aftercar.actions.registry_people import reach
from aftercar.errors import InputError
from aftercar.registry.completeness import Completeness, completeness
from aftercar.registry.settings import Settings
from aftercar.registry.specimens import Needed, case_checklist, missing_specimens
from aftercar.registry.subject import subjects
from aftercar.registry.triggers import Alert, alerts
from aftercar.store import Record, Store

Row = Mapping[str, Any]


def all_alerts(store: Store, actor: Actor, on: dt.date, settings: Settings, *, open_only: bool = False) -> list[Alert]:
    """The alerts of everybody within the actor's reach, the gravest first.

    Args:
        store: the registry.
        actor: needs ``read``.
        on: nothing after this day counts.
        settings: thresholds.
        open_only: leave out those that are done.
    """
    tables = ("infusions", "assay_results", "follow_up", "cases")
    frames = _frames(store, actor, ("people", *tables))
    contacts = frames["follow_up"].filter(pl.col("new_malignancy") == "yes")
    rows = {name: _by_person(frames[name] if name != "follow_up" else contacts) for name in tables}
    found: list[Alert] = []
    for person in sorted(set(rows["assay_results"]) | set(rows["follow_up"])):
        mine = [rows[name].get(person, []) for name in tables]
        found += alerts(person, mine[0], mine[1], mine[2], mine[3], on=on, settings=settings)
    if open_only:
        found = [alert for alert in found if alert.done_on is None]
    order = {"act": 0, "review": 1, "note": 2}
    return sorted(found, key=lambda alert: (order[alert.grade], -alert.on.toordinal(), alert.person_id))


def specimens(store: Store, actor: Actor) -> list[dict[str, Any]]:
    """Missing specimens of everybody within the actor's reach; see :func:`missing_specimens`."""
    frames = _frames(store, actor, ("people", "infusions", "cases", "samples"))
    return missing_specimens(*(frames[name].to_dicts() for name in ("people", "infusions", "cases", "samples")))


def checklist(store: Store, actor: Actor, case_id: str) -> list[Needed]:
    """The sampling checklist of one case.

    Raises:
        InputError: when there is no such case within reach.
    """
    case = store.get("cases", case_id)
    if case is None:
        raise InputError(f"there is no case {case_id!r}", fix="check the identifier")
    reach(store, actor, case["person_id"], "read")
    mine = {name: [r.row for r in store.list(name, {"person_id": case["person_id"]})] for name in ("infusions", "samples")}
    return case_checklist(case.row, mine["infusions"], mine["samples"])


def open_case(
    store: Store, actor: Actor, case: Mapping[str, Any], *, contact_id: str = "", why: str = ""
) -> tuple[Record, list[Needed]]:
    """Open a case for a suspected new malignancy, and answer with its sampling checklist.

    Args:
        store: the registry.
        actor: needs ``assess`` for the person's centre.
        case: a row of ``cases``; ``tested`` is ``pending`` when left out.
        contact_id: the contact that reported it, for the reason in the audit trail.
        why: further reason.
    """
    reach(store, actor, str(case.get("person_id", "")), "assess")
    reason = "; ".join(part for part in (f"new malignancy reported at contact {contact_id}" if contact_id else "", why) if part)
    row = {"tested": "pending", **case}
    record = store.save("cases", row, who=actor.name, why=reason or "new malignancy suspected")
    return record, checklist(store, actor, record.key)


def follow_up_completeness(store: Store, actor: Actor, closing: dt.date) -> list[Completeness]:
    """Clark's index of each centre within the actor's reach, on a closing date."""
    tables = ("people", "infusions", "follow_up", "assay_results", "consents")
    frames = _frames(store, actor, tables)
    return completeness(subjects(*(frames[name].to_dicts() for name in tables)), closing)


def _frames(store: Store, actor: Actor, names: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Frames of the people within reach."""
    actor.check("read")
    frames = {name: store.frame(name) for name in names}
    if actor.centres is None:
        return frames
    frames["people"] = frames["people"].filter(pl.col("centre").is_in(sorted(actor.centres)))
    ids = frames["people"].select("person_id")
    return {name: frame.join(ids, on="person_id", how="semi", maintain_order="left") for name, frame in frames.items()}


def _by_person(frame: pl.DataFrame) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in frame.iter_rows(named=True):
        found[row["person_id"]].append(row)
    return found
