"""Pages of people and their cases, found by the database: the web's lists stay quick with a hundred thousand people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from aftercar.store.schema import conditions, sql_table, table_of
from aftercar.store.store import Store


@dataclass(frozen=True, slots=True)
class PersonLine:
    """One line of the list."""

    person_id: str
    centre: str | None
    vital_status: str | None
    last_seen_on: str | None
    birth_year: int | None


def find_people(
    store: Store, centres: frozenset[str] | None, search: str, centre: str, vital_status: str, *, limit: int, offset: int
) -> tuple[list[PersonLine], int]:
    """A page of people within ``centres`` (None: all) and how many there are in all.

    Args:
        store: the registry.
        centres: centres within reach.
        search: beginning of the pseudonym, as it stands or in capitals; "" for any.
        centre, vital_status: exact values; "" for any.
        limit, offset: the page.
    """
    people = sql_table("people")
    clauses = conditions(people)
    if centres is not None:
        clauses.append(people.c.centre.in_(sorted(centres)))
    if search:
        clauses.append(sa.or_(*(_begins(people.c.person_id, text) for text in {search, search.upper()})))
    if centre:
        clauses.append(people.c.centre == centre)
    if vital_status:
        clauses.append(people.c.vital_status == vital_status)
    names = ("person_id", "centre", "vital_status", "last_seen_on", "birth_year")
    query = (
        sa.select(*(people.c[name] for name in names)).where(*clauses).order_by(people.c.person_id).limit(limit).offset(offset)
    )
    with store.snapshot() as connection:
        found = [PersonLine(*row) for row in connection.execute(query)]
        in_all = connection.execute(sa.select(sa.func.count()).select_from(people).where(*clauses)).scalar_one()
    return found, in_all


def find_cases(store: Store, centres: frozenset[str] | None) -> list[dict[str, Any]]:
    """Rows of cases whose person is within ``centres`` (None: all), by identifier."""
    cases, people = sql_table("cases"), sql_table("people")
    clauses = conditions(cases)
    if centres is not None:
        within = people.c.centre.in_(sorted(centres))
        clauses.append(sa.exists().where(people.c.person_id == cases.c.person_id, within, *conditions(people)))
    query = sa.select(*(cases.c[name] for name in table_of("cases").names)).where(*clauses).order_by(cases.c.case_id)
    with store.snapshot() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _begins(column: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
    """Whether an identifier begins so, as a range: an index answers it, and both engines mean the same."""
    return (column >= text) & (column < text + "\U0010ffff")


def count_treated(store: Store, centres: frozenset[str] | None) -> int:
    """How many people within ``centres`` (None: all) have an infusion."""
    infusions, people = sql_table("infusions"), sql_table("people")
    if centres is None:
        query = sa.select(sa.func.count(sa.distinct(infusions.c.person_id))).where(*conditions(infusions))
    else:  # from the people's side: a centre's are few, everybody's infusions are not
        treated = sa.exists().where(infusions.c.person_id == people.c.person_id, *conditions(infusions))
        within = people.c.centre.in_(sorted(centres))
        query = sa.select(sa.func.count()).select_from(people).where(*conditions(people), within, treated)
    with store.snapshot() as connection:
        return connection.execute(query).scalar_one()
