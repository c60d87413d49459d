"""The database schema, made from the column definitions in ``vocab/tables``.

Every stored table has the columns of its definition and four of the store's own: ``row_version`` (1, 2, ...),
``row_withdrawn``, ``row_changed_at`` (UTC) and ``row_changed_by``. To store a further table, add its name to
:data:`STORED` (and its module to ``_definitions``) and write its migration with
``python -m aftercar.store.migrations "why"``; a test holds the migrations to these definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from aftercar.errors import UsageError
from aftercar.vocab.columns import Column, Table
from aftercar.vocab.tables import accounts, cases, desk, labels, registry, study

#: Tables that live in the store, parents before children.
STORED: tuple[str, ...] = (
    "people",
    "infusions",
    "prior_therapy",
    "follow_up",
    "cases",
    "samples",
    "findings",
    "assay_results",
    "exposure",
    "consents",
    "result_documents",
    "studies",
    "site_plans",
    "imports",
    "accounts",
    "case_reports",
    "event_codes",
    "sample_checks",
    "testing_requests",
    "assessments",
    "narratives",
    "duplicate_links",
    "labels",
    "label_sections",
    "reports_built",
    "signal_reviews",
    "signal_entries",
)

VERSION, WITHDRAWN, CHANGED_AT, CHANGED_BY = "row_version", "row_withdrawn", "row_changed_at", "row_changed_by"

#: Values of columns that end so never enter the audit trail in clear; a digest stands for them.
SECRET_ENDINGS = ("_secret", "_hash")

#: Identifiers and dates sort by their bytes on both engines, whatever the server's language.
_BY_BYTES = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "integer": sa.BigInteger(),
    "number": sa.Double(),
    "boolean": sa.Boolean(),
    "id": _BY_BYTES,
    "date": _BY_BYTES,
}

#: Indexes beyond keys and references, each for a question that is asked of all people at once.
_INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    "people": ((WITHDRAWN, "person_id"), ("centre", WITHDRAWN, "person_id")),
    "follow_up": (("person_id", "kind", "contact_on", WITHDRAWN),),
    "assay_results": (("person_id", "method", "measured_on", WITHDRAWN),),
}


def table_of(name: str) -> Table:
    """The definition of a stored table.

    Raises:
        KeyError: when the store does not keep it.
    """
    if name not in STORED:
        raise KeyError(f"the store keeps no table {name!r}; it keeps {', '.join(STORED)}")
    return _definitions()[name]


@cache
def _definitions() -> dict[str, Table]:
    return {table.name: table for module in (study, registry, accounts, cases, labels, desk) for table in module.TABLES}


@cache
def metadata() -> sa.MetaData:
    """Every table of the database: the stored ones, the audit trail, its head, the list of erased records."""
    meta = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    for name in STORED:
        _stored_table(meta, table_of(name))
    sa.Table(
        "audit",
        meta,
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("salt", sa.Text),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Index("ix_audit_record", "table_name", "record", "version"),
    )
    sa.Table(
        "audit_head",
        meta,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.CheckConstraint("id = 1", name="ck_audit_head_one"),
    )
    sa.Table(
        "erased",
        meta,
        sa.Column("table_name", sa.Text, primary_key=True),
        sa.Column("record", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
    )
    _web_tables(meta)
    return meta


def sql_table(name: str) -> sa.Table:
    """The SQLAlchemy table of that name."""
    return metadata().tables[name]


def conditions(sql: sa.Table, where: Mapping[str, Any] | None = None, *, withdrawn: bool = False) -> list[sa.ColumnElement[bool]]:
    """Conditions on a stored table: column to a value, to several of which one must hold, or to None for empty.

    Raises:
        UsageError: when the table has no such column.
    """
    found: list[sa.ColumnElement[bool]] = [] if withdrawn else [sql.c[WITHDRAWN].is_(False)]
    for name, value in (where or {}).items():
        if name not in sql.c:
            raise UsageError(f"{sql.name} has no column {name!r}", fix=f"the columns are {', '.join(sql.c.keys())}")
        if isinstance(value, (list, tuple, set, frozenset)):
            found.append(sql.c[name].in_(list(value)))
        else:
            found.append(sql.c[name].is_(None) if value is None else sql.c[name] == value)
    return found


def _web_tables(meta: sa.MetaData) -> None:
    """Short-lived rows of the web app, outside the trail: what they lead to is in it."""
    sa.Table(
        "web_sessions",
        meta,
        sa.Column("token_hash", sa.Text, primary_key=True),
        sa.Column("account_id", sa.Text, nullable=False, index=True),
        sa.Column("csrf", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("seen_at", sa.Text, nullable=False),
    )
    sa.Table(
        "web_tokens",
        meta,
        sa.Column("token_hash", sa.Text, primary_key=True),
        sa.Column("account_id", sa.Text, nullable=False, index=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("expires_at", sa.Text, nullable=False),
    )
    sa.Table(
        "web_failures",
        meta,
        sa.Column("email", sa.Text, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("locked_until", sa.Text, nullable=False),
    )
    sa.Table(
        "web_jobs",
        meta,
        sa.Column("job_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, index=True),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("progress", sa.Double, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("finished_at", sa.Text),
        sa.Column("attempts", sa.BigInteger, nullable=False, server_default="0"),
    )
    sa.Table(
        "web_drafts",
        meta,
        sa.Column("draft_id", sa.Text, primary_key=True),
        sa.Column("account_id", sa.Text, nullable=False, index=True),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("person_id", sa.Text, nullable=False, index=True),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("saved_at", sa.Text, nullable=False),
    )


def _stored_table(meta: sa.MetaData, table: Table) -> sa.Table:
    several = _INDEXES.get(table.name, ())
    alone = {column.name for column in table.columns if column.refers_to} - {names[0] for names in several}
    return sa.Table(
        table.name,
        meta,
        *(_column(table, column) for column in table.columns),
        sa.Column(VERSION, sa.BigInteger, nullable=False),
        sa.Column(WITHDRAWN, sa.Boolean, nullable=False),
        sa.Column(CHANGED_AT, sa.Text, nullable=False),
        sa.Column(CHANGED_BY, sa.Text, nullable=False),
        *(sa.Index(f"ix_{table.name}_{'_'.join(names[:3])}", *names) for names in several),
        *(sa.Index(f"ix_{table.name}_{name}", name) for name in sorted(alone)),
    )


def _column(table: Table, column: Column) -> sa.Column[Any]:
    kind = _TYPES.get(column.kind, sa.Text())
    key = column.name in table.key
    reference = [sa.ForeignKey(column.refers_to, deferrable=True, initially="DEFERRED")] if column.refers_to else []
    return sa.Column(column.name, kind, *reference, primary_key=key, nullable=not (key or column.required))
