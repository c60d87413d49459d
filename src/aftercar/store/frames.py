"""Tables as polars frames, read through the driver without building records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa

from aftercar.store.schema import conditions, sql_table, table_of

_TYPES: dict[str, type[pl.DataType]] = {"integer": pl.Int64, "number": pl.Float64, "boolean": pl.Boolean}


def read_frame(
    connection: sa.Connection,
    table: str,
    where: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
    *,
    ordered: bool = True,
) -> pl.DataFrame:
    """Records of one table that are not withdrawn.

    Args:
        connection: from :meth:`Store.snapshot`.
        table: name of a stored table.
        where: column to value, or to several.
        columns: the columns wanted; all of the definition when None.
        ordered: by key; without it the order is the database's own.
    """
    definition, sql = table_of(table), sql_table(table)
    names = tuple(columns) if columns is not None else definition.names
    query = sa.select(*(sql.c[name] for name in names)).where(*conditions(sql, where))
    schema = {name: _TYPES.get(definition[name].kind, pl.String) for name in names}
    if ordered:
        query = query.order_by(*(sql.c[name] for name in definition.key))
    return query_frame(connection, query, schema)


def query_frame(connection: sa.Connection, query: sa.Select[Any], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """The rows of a query as a frame with the given schema."""
    cursor = connection.execute(query).cursor  # the driver's own rows: text, integers and floats need no conversion
    rows = cursor.fetchall() if cursor is not None else []
    columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
    flags = {name for name, kind in schema.items() if kind is pl.Boolean}
    return pl.DataFrame(
        [
            pl.Series(name, [None if value is None else bool(value) for value in values] if name in flags else values, dtype=kind)
            for (name, kind), values in zip(schema.items(), columns, strict=True)
        ]
    )
