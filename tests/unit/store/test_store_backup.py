"""Written by an older program, upgraded, copied, lost and brought back: every record and the trail hold, on both databases."""

import sqlite3
import threading

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from aftercar.actions.permissions import Actor, local_actor
from aftercar.actions.registry_backup import backup, restore
from aftercar.errors import NotPermitted, UsageError
from aftercar.store import NoStore, StoreVersion, create_store, migrate, open_store
from aftercar.store.audit import GENESIS, Chain, canonical
from aftercar.store.backup import BadBackup
from aftercar.store.database import full_url, make_engine, writing

ME = local_actor("Dr Example")
REVISIONS = [script.revision for script in ScriptDirectory.from_config(migrate.config()).walk_revisions()][::-1]
ROWS = {
    "people": {"person_id": "P1", "centre": "A", "birth_year": 1960, "note": "café"},
    "infusions": {
        "infusion_id": "I1",
        "person_id": "P1",
        "infused_on": "2020-05",
        "product": "Kymriah",
        "dose_million_cells": 250.0,
    },
    "follow_up": {"contact_id": "F1", "person_id": "P1", "contact_on": "2021-05-02", "kind": "telephone"},
    "cases": {
        "case_id": "C1",
        "person_id": "P1",
        "diagnosis": "T-cell lymphoma",
        "behaviour": "malignant",
        "tested": "no",
        "car_result": "not_tested",
    },
}


def at(url, revision):
    """A database as the program of that revision left it: no code of today's tables writes it."""
    engine = make_engine(full_url(url), create=True)
    made = migrate.config()
    with writing(engine) as connection:
        made.attributes["connection"] = connection
        command.upgrade(made, revision)
    return engine


def fill(engine):
    """Records and their trail by plain SQL over the tables that are there."""
    meta = sa.MetaData()
    meta.reflect(engine)
    with writing(engine) as connection:
        chain = Chain(0, GENESIS, at="2020-01-01T00:00:00.000000+00:00", who="an older program", why="as it was")
        for name, row in ROWS.items():
            table = meta.tables[name]
            own = {"row_version": 1, "row_withdrawn": False, "row_changed_at": chain.at, "row_changed_by": chain.who}
            connection.execute(table.insert().values(**row, **own))
            key = next(iter(row.values()))
            entry = chain.append("save", name, key, 1, None, canonical(row))
            connection.execute(meta.tables["audit"].insert().values(entry))
        connection.execute(meta.tables["audit_head"].update().values(seq=chain.seq, hash=chain.last))


def check(store):
    for name, row in ROWS.items():
        record = store.get(name, next(iter(row.values())))
        assert record is not None
        assert {key: record[key] for key in row} == row
    found = store.verify()
    assert found.holds, found.problems
    assert found.entries == found.records == len(ROWS)


def test_the_first_revision_holds_no_data_and_is_upgraded(url):
    at(url, REVISIONS[0]).dispose()
    with pytest.raises(StoreVersion):
        open_store(url)
    store = create_store(url)
    assert store.verify().entries == 0
    store.save("people", ROWS["people"], who="me", why="test")
    assert store.verify().holds
    store.close()


@pytest.mark.parametrize("revision", REVISIONS[1:])
def test_what_an_older_program_wrote_is_upgraded_copied_and_brought_back(url, revision, tmp_path, request):
    engine = at(url, revision)
    fill(engine)
    engine.dispose()
    store = create_store(url)
    check(store)
    head = store.head()
    if store.engine.dialect.name == "sqlite":
        backup(store, ME, tmp_path / "copy.db")
        store.close()
        new = f"sqlite:///{tmp_path / 'elsewhere' / 'registry.db'}"
        restore(tmp_path / "copy.db", new)
    else:
        with pytest.raises(UsageError, match="pg_dump"):
            backup(store, ME, tmp_path / "copy.db")
        store.close()
        new = _through_pg_dump(request.getfixturevalue("postgres"), url)
    again = open_store(new)
    check(again)
    assert again.verify([head]).holds
    again.save("people", {"person_id": "P2"}, who="me", why="life goes on")
    assert again.verify().holds
    again.close()


def _through_pg_dump(server, url):
    """The two commands of the documentation."""
    place = ["--host=127.0.0.1", f"--port={server.port}", "--username=aftercar"]
    file = server.folder / "registry.dump"
    server.run("pg_dump", *place, "--format=custom", f"--file={file}", "postgres")
    server.run("dropdb", *place, "--if-exists", "restored")
    server.run("createdb", *place, "restored")
    server.run("pg_restore", *place, "--dbname=restored", "--exit-on-error", "--single-transaction", str(file))
    return url.rsplit("/", 1)[0] + "/restored"


@pytest.mark.parametrize("revision", REVISIONS[1:-1])
def test_an_old_backup_is_brought_up_to_date(revision, tmp_path):
    engine = at(f"sqlite:///{tmp_path / 'old.db'}", revision)
    fill(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    before = (tmp_path / "old.db").read_bytes()
    restore(tmp_path / "old.db", str(tmp_path / "new.db"))
    store = open_store(str(tmp_path / "new.db"))
    check(store)
    store.close()
    assert (tmp_path / "old.db").read_bytes() == before


@pytest.fixture
def copied(tmp_path):
    store = create_store(str(tmp_path / "registry.db"))
    with store.transaction("me", "test") as change:
        change.save_many("people", [{"person_id": f"P{number}", "note": "x" * 500} for number in range(200)])
    backup(store, ME, tmp_path / "copy.db")
    store.close()
    return tmp_path


def test_a_backup_is_one_private_file_and_never_overwritten(copied):
    assert (copied / "copy.db").stat().st_mode & 0o077 == 0
    assert not list(copied.glob("copy.db-*"))
    store = open_store(str(copied / "registry.db"))
    with pytest.raises(UsageError, match="never overwritten"):
        backup(store, ME, copied / "copy.db")
    with pytest.raises(NotPermitted):
        backup(store, Actor("reader", frozenset({"auditor"})), copied / "other.db")
    store.close()


def test_a_registry_is_never_overwritten(copied):
    with pytest.raises(UsageError, match="never overwritten"):
        restore(copied / "copy.db", str(copied / "registry.db"))
    with pytest.raises(UsageError, match="pg_restore"):
        restore(copied / "copy.db", "postgresql://host/name")


@pytest.mark.parametrize("harm", ["cut", "flipped", "forged", "empty", "text"])
def test_a_damaged_backup_is_refused_and_nothing_is_left(copied, harm):
    file = copied / "copy.db"
    data = bytearray(file.read_bytes())
    if harm == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif harm == "flipped":
        for place in range(len(data) // 2, len(data) // 2 + 8192):
            data[place] ^= 0xFF
        file.write_bytes(data)
    elif harm == "forged":
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE people SET centre = 'Z' WHERE person_id = 'P7'")
    else:
        file.write_bytes(b"" if harm == "empty" else b"not a database " * 500)
    with pytest.raises(BadBackup):
        restore(file, str(copied / "new.db"))
    assert sorted(path.name for path in copied.iterdir() if path.name.startswith((".", "new"))) == []
    with pytest.raises(NoStore):
        open_store(str(copied / "new.db"))


def test_others_write_while_a_backup_is_taken(tmp_path):
    store = create_store(str(tmp_path / "registry.db"))
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            store.save("people", {"person_id": f"P{number}"}, who="me", why="test")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = [backup(store, ME, tmp_path / f"copy{number}.db") for number in range(5)]
    finally:
        stop.set()
        writer.join()
    counts = [verification.records for verification in found]
    assert counts == sorted(counts)
    assert [verification.entries for verification in found] == counts
    assert counts[-1] > 0
    store.close()
