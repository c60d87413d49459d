"""Pages of people, found by the database: the web's list stays quick with a hundred thousand of them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from aftercar.store.schema import WITHDRAWN, sql_table
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
        search: beginning of the pseudonym; "" for any.
        centre, vital_status: exact values; "" for any.
        limit, offset: the page.
    """
    people = sql_table("people")
    clauses: list[sa.ColumnElement[bool]] = [people.c[WITHDRAWN].is_(sa.false())]
    if centres is not None:
        clauses.append(people.c.centre.in_(sorted(centres)))
    if search:
        clauses.append(people.c.person_id.startswith(search, autoescape=True))
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
