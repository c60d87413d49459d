"""Connections to SQLite and PostgreSQL with one behaviour: snapshots for readers, one writer at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from aftercar.errors import InputError, MissingEngine, UsageError
from aftercar.store.errors import DatabaseAway, NoStore, StoreBusy

#: How long a writer waits for another writer, in seconds.
WAIT_SECONDS = 60.0

DEFAULT_URL = "sqlite:///aftercar.db"


def full_url(url: str | None) -> str:
    """The database address: as given, from ``AFTERCAR_DATABASE``, or ``aftercar.db`` in the current folder.

    A plain path means a SQLite file, ``postgresql://`` means psycopg.

    Raises:
        UsageError: for an address of another kind.
    """
    text = url or os.environ.get("AFTERCAR_DATABASE") or DEFAULT_URL
    if "://" not in text:
        text = f"sqlite:///{text}"
    if text.startswith(("postgresql://", "postgres://")):
        text = "postgresql+psycopg://" + text.split("://", 1)[1]
    if not text.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise UsageError(
            "not a database address this program knows", where=hidden(text), fix="give sqlite:///FILE or postgresql://HOST/NAME"
        )
    return text


def hidden(url: str) -> str:
    """The address without its password."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return url.split("@")[-1]


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite address; None for PostgreSQL."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def make_engine(url: str, *, create: bool, wait: float = WAIT_SECONDS) -> sa.Engine:
    """An engine for a full address.

    Raises:
        NoStore: when the SQLite file is missing and ``create`` is false.
        MissingEngine: when psycopg is not installed.
    """
    file = sqlite_file(url)
    if file is None:
        return _postgres(url, wait)
    if not create and not file.exists():
        raise NoStore("there is no registry here", where=str(file), fix="make one with: aftercar registry init")
    if create:
        file.parent.mkdir(parents=True, exist_ok=True)
    return _sqlite(url, wait)


def _sqlite(url: str, wait: float) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": wait}, pool_size=16, max_overflow=16)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the driver's own rules break DDL in transactions
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, not only unlinked
        cursor.execute("PRAGMA cache_size = -65536")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres(url: str, wait: float) -> sa.Engine:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise MissingEngine(
            "PostgreSQL needs the library psycopg", fix="install it with: pip install 'aftercar[postgres]'"
        ) from None
    options = f"-c lock_timeout={int(wait * 1000)} -c timezone=UTC"
    return sa.create_engine(
        url, connect_args={"options": options, "connect_timeout": 10}, pool_size=16, max_overflow=16, pool_pre_ping=True
    )


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that sees one consistent snapshot for its whole length."""
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with translated(), engine.connect() as raw:
        connection = raw.execution_options(**options) if options else raw
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection whose changes are kept together, or not at all."""
    with translated(), engine.connect() as raw:
        connection = raw.execution_options(writes=True)
        with connection.begin():
            yield connection


@contextmanager
def translated() -> Iterator[None]:
    """Database errors in our words."""
    try:
        yield
    except OperationalError as error:
        text = str(error.orig)
        if "locked" in text or "lock timeout" in text or "busy" in text:
            raise StoreBusy(
                "somebody else is writing to the registry (a long import?)",
                fix="try again in a minute; nothing of yours was saved",
            ) from error
        if "unable to open" in text or "not a database" in text or "readonly" in text or "disk" in text:
            raise InputError(
                f"the database file cannot be used: {text}", fix="check the path, its permissions, free space"
            ) from error
        if "FATAL" in text and "does not exist" in text:
            raise NoStore(
                f"the database server has none such: {_last(text)}", fix="check the address, or make it there: createdb NAME"
            ) from error
        if "FATAL" in text and ("authentication" in text or "password" in text):
            raise InputError(f"the database server refuses the sign-in: {_last(text)}", fix="check name and password") from error
        if "connect" in text or "terminat" in text or "server closed" in text:
            raise DatabaseAway(
                f"the database server does not answer: {text.strip()}", fix="check that it runs and the address"
            ) from error
        raise
    except sa.exc.DatabaseError as error:
        if isinstance(error, IntegrityError) and "foreign key" in str(error.orig).lower():
            raise InputError(
                "a record refers to another record that is not in the registry",
                where=_first_line(error),
                fix="add that record first, or in the same import",
            ) from error
        if "not a database" in str(error.orig):
            raise InputError("the file is not a registry database", fix="check the path") from error
        raise


def _last(text: str) -> str:
    """What the server said, without the driver's words before it."""
    return text.strip().splitlines()[-1].rsplit("FATAL:", 1)[-1].strip()


def _first_line(error: IntegrityError) -> str:
    return str(error.orig).strip().splitlines()[-1]
