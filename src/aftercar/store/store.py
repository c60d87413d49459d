"""The store: records with versions, a history, and an audit trail; the same on SQLite and PostgreSQL.

>>> from aftercar.store import create_store
>>> import tempfile, pathlib
>>> folder = tempfile.TemporaryDirectory()
>>> store = create_store(f"sqlite:///{folder.name}/registry.db")
>>> record = store.save("people", {"person_id": "P1", "centre": "A"}, who="Dr Example", why="enrolment")
>>> record.version, record["centre"]
(1, 'A')
>>> store.save("people", {"person_id": "P1", "centre": "B"}, who="Dr Example", why="moved", expected_version=1).version
2
>>> [(entry.version, entry.why) for entry in store.history("people", "P1")]
[(1, 'enrolment'), (2, 'moved')]
>>> store.verify().problems
()
>>> store.close(); folder.cleanup()
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from aftercar.errors import UsageError
from aftercar.store.audit import Anchor, Entry
from aftercar.store.database import WAIT_SECONDS, full_url, hidden, make_engine, reading, translated, writing
from aftercar.store.rows import key_parts
from aftercar.store.schema import conditions, sql_table, table_of
from aftercar.store.transaction import Record, Transaction, as_record

if TYPE_CHECKING:
    import polars as pl

    from aftercar.store.verify import Verification

Clock = Callable[[], dt.datetime]


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class _Rehearsed(Exception):
    """Ends a rehearsal so that the database takes everything back."""


class Store:
    """A registry's records. Open it with :func:`open_store`; safe to share between threads."""

    def __init__(self, engine: sa.Engine, url: str, *, clock: Clock = _utc_now) -> None:
        self.engine = engine
        self.url = hidden(url)
        self._clock = clock

    # --- writing ---

    @contextmanager
    def transaction(self, who: str, why: str) -> Iterator[Transaction]:
        """Changes that are kept together, or not at all, under one name and one reason.

        Raises:
            UsageError: when ``who`` or ``why`` is empty.
            StoreBusy: when somebody else writes for longer than a minute.
        """
        if not who.strip() or not why.strip():
            raise UsageError("a change needs a name and a reason", fix="say who changes it and why")
        with writing(self.engine) as connection:
            change = Transaction(
                connection, who=who, why=why, at=self._clock().astimezone(dt.UTC).isoformat(timespec="microseconds")
            )
            yield change
            change.finish()

    @contextmanager
    def rehearsal(self, who: str, why: str) -> Iterator[Transaction]:
        """As :meth:`transaction`, but nothing is kept: what a change would do, with every check."""
        with suppress(_Rehearsed), self.transaction(who, why) as change:
            yield change
            change.check()
            raise _Rehearsed

    def save(self, table: str, row: Mapping[str, Any], *, who: str, why: str, expected_version: int | None = None) -> Record:
        """Add one record (``expected_version=None``) or change the version that was read; see :meth:`Transaction.save`."""
        with self.transaction(who, why) as change:
            return change.save(table, row, expected_version=expected_version)

    def withdraw(self, table: str, key: str, *, who: str, why: str, expected_version: int) -> Record:
        """Withdraw one record; see :meth:`Transaction.withdraw`."""
        with self.transaction(who, why) as change:
            return change.withdraw(table, key, expected_version=expected_version)

    def restore(self, table: str, key: str, *, who: str, why: str, expected_version: int) -> Record:
        """Bring one withdrawn record back; see :meth:`Transaction.restore`."""
        with self.transaction(who, why) as change:
            return change.restore(table, key, expected_version=expected_version)

    def erase_person(self, person_id: str, *, who: str, why: str) -> int:
        """Lawful erasure of a person; see :meth:`Transaction.erase_person`. In SQLite what was freed is overwritten."""
        with self.transaction(who, why) as change:
            removed = change.erase_person(person_id)
        if self.engine.dialect.name == "sqlite":
            with translated(), self.engine.connect() as connection:
                raw: Any = connection.connection.driver_connection
                # The write-ahead log still holds the old pages; while others read, it is emptied by a later checkpoint.
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return removed

    # --- reading ---

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A connection for reading that sees one moment for its whole length."""
        with reading(self.engine) as connection:
            yield connection

    def get(self, table: str, key: str) -> Record | None:
        """One record, withdrawn or not; None when there is none."""
        definition, sql = table_of(table), sql_table(table)
        if key.count("|") != len(definition.key) - 1:
            return None  # no identifier holds the sign that joins them, so no record can have this key
        clause = [sql.c[name] == value for name, value in key_parts(definition, key).items()]
        with self.snapshot() as connection:
            row = connection.execute(sa.select(sql).where(*clause)).mappings().one_or_none()
        return None if row is None else as_record(definition, row)

    def list(
        self,
        table: str,
        where: Mapping[str, Any] | None = None,
        *,
        withdrawn: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> Sequence[Record]:
        """Records in the order of their keys.

        Args:
            table: name of a stored table.
            where: column to value, or to a list or set of values; None means empty.
            withdrawn: whether withdrawn records are listed too.
            limit, offset: a page of the list.
        """
        definition, sql = table_of(table), sql_table(table)
        query = (
            sa.select(sql).where(*conditions(sql, where, withdrawn=withdrawn)).order_by(*(sql.c[name] for name in definition.key))
        )
        with self.snapshot() as connection:
            rows = connection.execute(query.limit(limit).offset(offset)).mappings().all()
        return [as_record(definition, row) for row in rows]

    def count(self, table: str, where: Mapping[str, Any] | None = None, *, withdrawn: bool = False) -> int:
        """How many records :meth:`list` would give."""
        sql = sql_table(table_of(table).name)
        with self.snapshot() as connection:
            query = sa.select(sa.func.count()).select_from(sql).where(*conditions(sql, where, withdrawn=withdrawn))
            return connection.execute(query).scalar_one()

    def frame(self, table: str, where: Mapping[str, Any] | None = None, *, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Records that are not withdrawn as a polars frame, ordered by key, typed as the study tables are."""
        from aftercar.store.frames import read_frame

        with self.snapshot() as connection:
            return read_frame(connection, table, where, columns)

    def history(self, table: str, key: str) -> Sequence[Entry]:
        """Every audit entry of one record, oldest first."""
        return self.trail(table=table, record=key)

    def trail(
        self,
        *,
        table: str | None = None,
        record: str | None = None,
        who: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Sequence[Entry]:
        """Audit entries, oldest first, of a table, a record or a person who made them."""
        audit = sql_table("audit")
        wanted = {audit.c.table_name: table, audit.c.record: record, audit.c.who: who}
        query = sa.select(audit).where(*(column == value for column, value in wanted.items() if value is not None))
        with self.snapshot() as connection:
            return [Entry(*row) for row in connection.execute(query.order_by(audit.c.seq).limit(limit).offset(offset))]

    def head(self) -> Anchor:
        """The end of the audit chain now, to be kept elsewhere."""
        head = sql_table("audit_head")
        with self.snapshot() as connection:
            row = connection.execute(sa.select(head.c.seq, head.c.hash)).one()
        return Anchor(row.seq, row.hash, self._clock().astimezone(dt.UTC).isoformat(timespec="seconds"))

    def verify(self, anchors: Sequence[Anchor] = ()) -> Verification:
        """Prove that the trail is whole and that the records are what the trail says; see :mod:`aftercar.store.verify`."""
        from aftercar.store.verify import verify

        with self.snapshot() as connection:
            return verify(connection, anchors)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_store(url: str | None = None, *, clock: Clock = _utc_now, wait: float = WAIT_SECONDS) -> Store:
    """Open an initialised registry.

    Args:
        url: ``sqlite:///FILE``, ``postgresql://...`` or a path; see :func:`aftercar.store.database.full_url`.
        clock: where the time of a change comes from.
        wait: seconds that a writer waits for another writer.

    Raises:
        NoStore: when there is none, or it was not initialised.
        StoreVersion: when its schema is older or newer than this program.
        MissingEngine: when psycopg or the server is missing.
    """
    from aftercar.store.migrate import check_revision

    address = full_url(url)
    engine = make_engine(address, create=False, wait=wait)
    try:
        check_revision(engine, address)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine, address, clock=clock)


def create_store(url: str | None = None, *, clock: Clock = _utc_now, wait: float = WAIT_SECONDS) -> Store:
    """Initialise a registry, or bring an older one to this program's schema; then open it. Safe to repeat."""
    from aftercar.store.migrate import upgrade

    address = full_url(url)
    engine = make_engine(address, create=True, wait=wait)
    try:
        upgrade(engine, address)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine, address, clock=clock)
