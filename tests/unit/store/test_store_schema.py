"""The migrations make exactly the schema that the definitions ask for."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from aftercar.store import migrate
from aftercar.store.schema import STORED, metadata, sql_table, table_of


def ours(name, kind, _parents):
    """Tables of the job library keep themselves."""
    return not (kind == "table" and name.startswith("procrastinate_"))


def test_migrations_make_the_schema_of_the_definitions(store):
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": ours})
        assert compare_metadata(context, metadata()) == []


def test_the_stated_head_is_the_newest_migration():
    assert ScriptDirectory.from_config(migrate.config()).get_heads() == [migrate.HEAD]


def test_every_column_of_a_stored_table_is_there():
    for name in STORED:
        table = sql_table(name)
        assert set(table_of(name).names) <= set(table.c.keys())
        assert [column.name for column in table.primary_key] == list(table_of(name).key)
        for column in table_of(name).columns:
            assert bool(table.c[column.name].foreign_keys) == bool(column.refers_to)


def test_parents_come_before_children():
    for number, name in enumerate(STORED):
        for column in table_of(name).columns:
            if column.refers_to:
                assert column.refers_to.split(".")[0] in STORED[: number + 1]


def test_sqlite_is_opened_safely(tmp_path):
    from aftercar.store import create_store

    store = create_store(f"sqlite:///{tmp_path / 'x.db'}")
    with store.engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(sa.text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == 2
    store.close()
