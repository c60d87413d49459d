"""The one small door to the engines: the same Ibis expressions on DuckDB, PostgreSQL or Spark.

DuckDB is the default and needs nothing. Expressions are kept to what all three do alike, which a contract test checks;
what was found to differ is handled here or in :func:`number`:

* Spark turns decimal literals into DECIMAL and cuts divisions to six digits: cast columns with :func:`number` first;
* Spark turns nulls into NaN when it is handed pandas or Arrow data: it is only ever handed Parquet;
* PostgreSQL sorts nulls first and takes minutes for ``create_table`` from Arrow: sort keys are coalesced, data go in by COPY;
* Spark reads times in the session's zone: it is set to UTC;
* no engine promises an order of rows: :meth:`Engine.rows` sorts what it returns.

    >>> with connect() as engine:
    ...     engine.name
    'duckdb'
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from aftercar.edges.files import written_beside
from aftercar.errors import InputError, MissingEngine, UsageError

EngineName = Literal["duckdb", "postgres", "pyspark"]


class EngineMissing(MissingEngine):
    """The engine's library, its Java or its server is not there."""

    code = "engine"


class TableMissing(InputError):
    """A table or Parquet file that the engine cannot find."""

    code = "engine-table"


@dataclass(frozen=True, slots=True)
class Engine:
    """A connected engine.

    Attributes:
        name: ``duckdb``, ``postgres`` or ``pyspark``.
        backend: the Ibis connection, for what this door does not offer.
    """

    name: EngineName
    backend: Any

    def read(self, table: str | Path) -> Any:
        """A table as an Ibis expression.

        Args:
            table: Parquet file, folder of Parquet files or pattern; for PostgreSQL a table name, as ``schema.table``.

        Raises:
            TableMissing: naming what was looked for.
        """
        if self.name == "postgres":
            return self._read_postgres(str(table))
        path = Path(table)
        found = sorted(path.glob("*.parquet")) if path.is_dir() else sorted(path.parent.glob(path.name))
        if not found:
            raise TableMissing("no Parquet file", where=str(table), fix="name a Parquet file or a folder of them")
        names = [str(item) for item in found]
        return self.backend.read_parquet(names if self.name == "duckdb" else names[0] if len(names) == 1 else self._glob(path))

    def _glob(self, path: Path) -> str:
        return str(path / "*.parquet") if path.is_dir() else str(path)

    def _read_postgres(self, name: str) -> Any:
        schema, _, table = name.rpartition(".")
        if table not in self.backend.list_tables(database=schema or None):
            raise TableMissing("no such table", where=name, fix="load it first, or give schema.table")
        return self.backend.table(table, database=schema or None)

    def rows(self, expression: Any, *, by: Sequence[str] = ()) -> pl.DataFrame:
        """Run an expression; the rows come sorted by ``by`` (default: every column)."""
        frame = pl.DataFrame(pl.from_arrow(expression.to_pyarrow()))
        return frame.sort(list(by) or frame.columns, nulls_last=True)

    def value(self, expression: Any) -> Any:
        """Run an expression that gives one value (a scalar, or a column of one row)."""
        found = expression.to_pyarrow()
        return found.as_py() if hasattr(found, "as_py") else found[0].as_py()

    def save(self, expression: Any, path: Path) -> None:
        """Run an expression and keep its rows as one Parquet file."""
        with written_beside(path) as temporary:
            if self.name == "duckdb":
                self.backend.to_parquet(expression, str(temporary), compression="zstd")
            else:
                self.rows(expression).write_parquet(temporary)

    def copy_in(self, name: str, parquet: Path) -> Any:
        """Make ``name`` on the engine from Parquet, replacing it: PostgreSQL by COPY, the others as a view."""
        if self.name != "postgres":
            return self.read(parquet)
        pattern = str(parquet / "*.parquet") if parquet.is_dir() else str(parquet)
        frame = pl.read_parquet(pattern)
        types = {pl.Int64: "bigint", pl.Int32: "integer", pl.Float64: "double precision", pl.Boolean: "boolean"}
        columns = ", ".join(f'"{column}" {types.get(type(kind), "text")}' for column, kind in frame.schema.items())
        with self.backend.begin() as cursor:
            cursor.execute(f'DROP TABLE IF EXISTS "{name}"; CREATE TABLE "{name}" ({columns})')
            with cursor.copy(f'COPY "{name}" FROM STDIN (FORMAT csv)') as copy:
                for start in range(0, len(frame), 200_000):
                    copy.write(frame[start : start + 200_000].write_csv(include_header=False, quote_style="non_numeric"))
        return self.backend.table(name)


def number(column: Any) -> Any:
    """A column as double precision; needed before any arithmetic with a fraction (Spark's decimals)."""
    return column.cast("float64")


@contextmanager
def connect(url: str = "duckdb", *, memory_gb: float | None = None, threads: int | None = None) -> Iterator[Engine]:
    """Open an engine and close it again.

    Args:
        url: ``duckdb``; ``postgresql://user:password@host:port/database``; ``spark`` or ``spark://local[4]``.
        memory_gb: memory limit of DuckDB, driver memory of Spark.
        threads: threads of DuckDB and local Spark.

    Raises:
        EngineMissing: with what to install or start.
        UsageError: for an unknown URL.
    """
    scheme = url.split(":", 1)[0].lower()
    openers = {"duckdb": _duckdb, "postgresql": _postgres, "postgres": _postgres, "spark": _spark, "pyspark": _spark}
    if scheme not in openers:
        raise UsageError(f"unknown engine {url!r}", fix="use duckdb, postgresql://user@host/database or spark")
    engine = openers[scheme](url, memory_gb, threads)
    try:
        yield engine
    finally:
        if engine.name == "pyspark":
            engine.backend._session.stop()
        else:
            engine.backend.disconnect()


def _duckdb(url: str, memory_gb: float | None, threads: int | None) -> Engine:
    import ibis

    settings: dict[str, Any] = {"preserve_insertion_order": False}
    if memory_gb is not None:
        settings["memory_limit"] = f"{memory_gb}GB"
    if threads is not None:
        settings["threads"] = threads
    return Engine("duckdb", ibis.duckdb.connect(**settings))


def _postgres(url: str, memory_gb: float | None, threads: int | None) -> Engine:
    try:
        import ibis
        import psycopg
    except ImportError as error:
        raise EngineMissing("PostgreSQL needs psycopg", fix="install aftercar[postgres]") from error
    try:
        return Engine("postgres", ibis.connect(url))
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        raise EngineMissing(f"the PostgreSQL server does not answer: {reason}", fix="start it, or check the URL") from error


def _spark(url: str, memory_gb: float | None, threads: int | None) -> Engine:
    try:
        import ibis
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise EngineMissing("Spark needs pyspark", fix="install aftercar[spark]") from error
    _, _, master = url.partition("://")
    builder = (
        SparkSession.builder.appName("aftercar")
        .master(master or f"local[{threads or '*'}]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", str(2 * (threads or 4)))
        .config("spark.driver.memory", f"{max(1, int(memory_gb or 2))}g")
    )
    try:
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        return Engine("pyspark", ibis.pyspark.connect(session))
    except Exception as error:  # py4j and the Java gateway fail in many ways
        raise EngineMissing(f"Spark does not start: {type(error).__name__}", fix="install Java 17 or newer") from error
