"""What a centre does with one person: enrol, record, correct, withdraw consent, erase."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from aftercar.actions.permissions import TABLE_RIGHTS, Actor, Right
from aftercar.errors import InputError
from aftercar.store import Entry, Record, Store, web_drafts
from aftercar.store.schema import table_of
from aftercar.vocab.tables.registry import CONSENT_SCOPES


def reach(store: Store, actor: Actor, person_id: str, right: Right) -> Record:
    """The person's record, when the actor may do ``right`` to it.

    Raises:
        InputError: when there is no such person.
        NotPermitted: when the actor may not.
    """
    actor.check(right)
    person = store.get("people", person_id)
    if person is None or (actor.centres is not None and person["centre"] not in actor.centres):
        # The answer to a stranger is the same whether the person exists or not.
        where = "" if actor.centres is None else f" within the reach of {actor.name}"
        raise InputError(f"there is no person {person_id!r}{where}", fix="check the pseudonym")
    return person


def enrol(
    store: Store, actor: Actor, person: Mapping[str, Any], infusions: Sequence[Mapping[str, Any]], *, why: str = "enrolment"
) -> Record:
    """Add a person and their infusions in one step.

    Args:
        store: the registry.
        actor: needs ``edit`` for the person's centre.
        person: a row of ``people``.
        infusions: rows of ``infusions``; ``person_id`` may be left out.
        why: the reason, for the audit trail.
    """
    actor.check("edit", centre=person.get("centre") or "not recorded")
    with store.transaction(actor.name, why) as change:
        record = change.save("people", person)
        for infusion in infusions:
            change.save("infusions", {**infusion, "person_id": record.key})
    return record


def save_record(
    store: Store, actor: Actor, table: str, row: Mapping[str, Any], *, why: str, expected_version: int | None = None
) -> Record:
    """Add or change one record of a person, held to the rights and centres of the actor.

    Both the person the row names now and the one it named before must be within reach.

    Raises:
        NotPermitted, InvalidTables, StaleVersion: as the permission and the store say.
    """
    right = TABLE_RIGHTS.get(table, "edit")
    actor.check(right)
    definition = table_of(table)
    key = "|".join(str(row.get(name, "")) for name in definition.key)
    old = store.get(table, key)
    for values in (row, old.row if old else None):
        if values is not None:
            _check_reach(store, actor, right, table, values)
    return store.save(table, row, who=actor.name, why=why, expected_version=expected_version)


def withdraw_record(store: Store, actor: Actor, table: str, key: str, *, why: str, expected_version: int) -> Record:
    """Withdraw a record that should not count; it stays readable with its history."""
    old = store.get(table, key)
    if old is None:
        raise InputError(f"there is no {table} {key!r}", fix="check the identifier")
    right = TABLE_RIGHTS.get(table, "edit")
    actor.check(right)
    _check_reach(store, actor, right, table, old.row)
    return store.withdraw(table, key, who=actor.name, why=why, expected_version=expected_version)


def withdraw_consent(
    store: Store, actor: Actor, person_id: str, *, on: dt.date, scopes: Sequence[str] = (), why: str = "consent withdrawn"
) -> list[Record]:
    """Record that a person withdrew consent; nothing is deleted (erasure is :func:`erase`).

    Args:
        store: the registry.
        actor: needs ``edit`` for the person's centre.
        person_id: who.
        on: the day of the withdrawal.
        scopes: of :data:`CONSENT_SCOPES`; all when empty. Only withdrawing all of them marks the person as withdrawn.
        why: the reason, for the audit trail.

    Returns:
        The consent records as they stand now; a scope that was never recorded gets a record with the withdrawal.
    """
    person = reach(store, actor, person_id, "edit")
    wanted = tuple(scopes) or CONSENT_SCOPES
    for scope in wanted:
        if scope not in CONSENT_SCOPES:
            raise InputError(f"there is no scope {scope!r}", fix=f"the scopes are {', '.join(CONSENT_SCOPES)}")
    standing = [record for record in store.list("consents", {"person_id": person_id}) if record["withdrawn_on"] is None]
    saved = []
    with store.transaction(actor.name, why) as change:
        for scope in wanted:
            mine = [record for record in standing if record["scope"] == scope]
            for record in mine:
                row = {**record.row, "withdrawn_on": on.isoformat()}
                saved.append(change.save("consents", row, expected_version=record.version))
            if not mine:
                row = {
                    "consent_id": f"{person_id[:40]}-{scope}-{on.isoformat()}",
                    "person_id": person_id,
                    "scope": scope,
                    "version": "not recorded",
                    "withdrawn_on": on.isoformat(),
                }
                saved.append(change.save("consents", row))
        if set(wanted) == set(CONSENT_SCOPES) and person["consent"] != "withdrawn":
            change.save("people", {**person.row, "consent": "withdrawn"}, expected_version=person.version)
    return saved


def erase(store: Store, actor: Actor, person_id: str, *, why: str) -> int:
    """Lawful erasure of everything about a person; returns how many records were removed. Cannot be undone.

    Raises:
        NotPermitted: when the actor may not erase, or not at that centre.
    """
    reach(store, actor, person_id, "erase")
    web_drafts.drop_drafts_about(store, person_id)
    return store.erase_person(person_id, who=actor.name, why=why)


def history(store: Store, actor: Actor, table: str, key: str) -> Sequence[Entry]:
    """The audit entries of one record within the actor's reach."""
    record = store.get(table, key)
    if record is not None:
        _check_reach(store, actor, "read", table, record.row)
    elif actor.centres is not None:
        actor.check_everywhere("audit")
    return store.history(table, key)


def _check_reach(store: Store, actor: Actor, right: Right, table: str, row: Mapping[str, Any]) -> None:
    if table == "people":
        actor.check(right, centre=row.get("centre") or "not recorded")
    elif row.get("person_id"):
        reach(store, actor, row["person_id"], right)
    elif row.get("case_id"):
        case = store.get("cases", row["case_id"])
        if case is not None:
            reach(store, actor, case["person_id"], right)
    else:
        actor.check_everywhere(right)
