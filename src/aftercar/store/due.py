"""What the work lists need, out of the database in a handful of queries that do not grow with the length of follow-up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa

from aftercar.registry.plan import UNSPECIFIED_KIND, PlanSet
from aftercar.registry.worklists import NEEDS, Cohort, ending_methods
from aftercar.store.frames import query_frame, read_frame
from aftercar.store.schema import conditions, sql_table


def load_cohort(connection: sa.Connection, plans: PlanSet, on: dt.date, *, people: Sequence[str] | None = None) -> Cohort:
    """Everybody's infusions, consents and last events by ``on``; see :class:`aftercar.registry.worklists.Cohort`.

    Args:
        connection: from :meth:`Store.snapshot`.
        plans: the plans in force: results of tests are read only when they can end one of their rules.
        on: nothing after this day is read.
        people: only of these; of everybody when None.
    """
    frames = {
        name: read_frame(connection, name, _only(people), NEEDS[name], ordered=name == "people")
        for name in ("people", "infusions", "consents")
    }
    last = pl.concat(
        [
            _last(connection, "follow_up", "contact_on", "kind", on, people),
            _last(connection, "assay_results", "measured_on", "method", on, people),
        ]
    )
    return Cohort(frames["people"], frames["infusions"], frames["consents"], _tests(connection, plans, people), last)


def _only(people: Sequence[str] | None) -> dict[str, Sequence[str]]:
    return {} if people is None else {"person_id": people}


def _last(connection: sa.Connection, table: str, day: str, kind: str, on: dt.date, people: Sequence[str] | None) -> pl.DataFrame:
    """The newest row of each person and kind; partial dates sort by their text as by their first possible day."""
    sql = sql_table(table)
    query = (
        sa.select(sql.c.person_id, sql.c[kind], sa.func.max(sql.c[day]))
        .where(*conditions(sql, _only(people)), sql.c[day] <= on.isoformat())
        .group_by(sql.c.person_id, sql.c[kind])
    )
    frame = query_frame(connection, query, {"person_id": pl.String, "kind": pl.String, "last_on": pl.String})
    if table == "assay_results":
        return frame.with_columns(kind=pl.lit("assay:") + pl.col("kind"))
    return frame.with_columns(kind=pl.col("kind").fill_null(UNSPECIFIED_KIND))


def _tests(connection: sa.Connection, plans: PlanSet, people: Sequence[str] | None) -> pl.DataFrame:
    names = NEEDS["assay_results"]
    sql = sql_table("assay_results")
    query = sa.select(*(sql.c[name] for name in names)).where(*conditions(sql, _only(people)))
    return query_frame(connection, query.where(sql.c.method.in_(ending_methods(plans))), dict.fromkeys(names, pl.String))
