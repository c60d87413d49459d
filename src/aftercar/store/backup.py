"""Copies of a SQLite registry, taken while others work, and brought back after proof. PostgreSQL has its own tools for that."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from aftercar.errors import InputError, UsageError
from aftercar.store.database import sqlite_file, translated
from aftercar.store.store import Store, create_store
from aftercar.store.verify import Verification


class BadBackup(InputError):
    """A copy of a registry that is damaged, or is no registry."""

    code = "bad-backup"


def copy_store(store: Store, target: Path) -> Verification:
    """Copy the registry into ``target`` as of one moment, and prove the copy.

    Raises:
        UsageError: when the registry is on PostgreSQL.
        BadBackup: when the copy does not hold.
    """
    if store.engine.dialect.name != "sqlite":
        raise UsageError(
            "a registry on PostgreSQL is copied by PostgreSQL's own tools",
            where=store.url,
            fix="pg_dump --format=custom --file=FILE DATABASE; the page Backup and restore shows both ways",
        )
    with translated(), store.engine.connect() as connection, closing(sqlite3.connect(target)) as copy:
        raw: Any = connection.connection.driver_connection
        raw.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    return prove(target)


def prove(file: Path) -> Verification:
    """Bring a copy to this program's schema and prove it: the database's own check, then the audit trail.

    Raises:
        BadBackup: with the first problems.
        StoreVersion: when it was written by a newer program.
    """
    problems = _damage(file)
    if problems:
        raise BadBackup(f"the file is damaged: {'; '.join(problems)}", where=str(file), fix="use an earlier backup")
    store = create_store(f"sqlite:///{file}")
    try:
        found = store.verify()
    finally:
        store.close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    if not found.holds:
        raise BadBackup("; ".join(found.problems[:3]), where=str(file), fix="use an earlier backup")
    return found


def free_place(url: str) -> Path:
    """The file of a SQLite address where nothing stands yet.

    Raises:
        UsageError: when it is no SQLite address, or something is there.
    """
    file = sqlite_file(url)
    if file is None:
        raise UsageError(
            "only a SQLite registry is restored by this program", fix="use pg_restore; see the page Backup and restore"
        )
    if any(file.with_name(file.name + ending).exists() for ending in ("", "-wal", "-shm")):
        raise UsageError(f"{file} exists", fix="a registry is never overwritten: move it away, or name another --database")
    return file


def _damage(file: Path) -> list[str]:
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
            if (
                not found
                and connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'audit_head'").fetchone()[0] == 0
            ):
                found = ["it holds no registry"]
            return found
    except sqlite3.DatabaseError as error:
        return [str(error)]
