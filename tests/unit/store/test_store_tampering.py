"""Whoever changes, removes, moves or cuts off audit entries, or edits records behind the program's back, is found out."""

import pytest
import sqlalchemy as sa

from aftercar.store.audit import GENESIS, content_hash, entry_hash

ME = {"who": "Dr Example", "why": "test"}


@pytest.fixture
def filled(store):
    """Twelve entries on three people, and the anchor of the sixth."""
    anchors = []
    for i in range(3):
        store.save("people", {"person_id": f"P{i}", "centre": "A"}, **ME)
    for version in range(1, 4):
        for i in range(3):
            store.save("people", {"person_id": f"P{i}", "centre": f"B{version}"}, **ME, expected_version=version)
            anchors.append(store.head())
    assert store.verify([anchors[5]]).holds
    return store, anchors


def attack(store, *statements):
    """Run SQL as somebody who owns the database: the guards are taken down first."""
    with store.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            for name in ("audit_no_delete", "audit_no_update"):
                connection.execute(sa.text(f"DROP TRIGGER IF EXISTS {name}"))
        else:
            connection.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        for statement in statements:
            connection.execute(sa.text(statement))


COLUMNS = {
    "at": "'2001-01-01T00:00:00.000000+00:00'",
    "who": "'nobody'",
    "action": "'restore'",
    "table_name": "'cases'",
    "record": "'P9'",
    "version": "77",
    "why": "'another reason'",
    "salt": "'00'",
    "before": '\'{"centre":"X"}\'',
    "after": '\'{"centre":"X"}\'',
    "content_hash": f"'{'a' * 64}'",
    "previous": f"'{'b' * 64}'",
    "hash": f"'{'c' * 64}'",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_change_of_any_column_is_found(filled, column):
    store, _ = filled
    attack(store, f"UPDATE audit SET {column} = {COLUMNS[column]} WHERE seq = 5")
    assert not store.verify().holds


@pytest.mark.parametrize("seq", [1, 6, 12])
def test_a_removed_entry_is_found(filled, seq):
    store, _ = filled
    attack(store, f"DELETE FROM audit WHERE seq = {seq}")
    assert not store.verify().holds


def test_swapped_entries_are_found(filled):
    store, _ = filled
    attack(
        store,
        "UPDATE audit SET seq = 999 WHERE seq = 4",
        "UPDATE audit SET seq = 4 WHERE seq = 5",
        "UPDATE audit SET seq = 5 WHERE seq = 999",
    )
    problems = store.verify().problems
    assert any("does not follow" in problem for problem in problems)


def test_renumbered_entries_are_found(filled):
    store, _ = filled
    attack(store, "DELETE FROM audit WHERE seq = 4", *(f"UPDATE audit SET seq = {n - 1} WHERE seq = {n}" for n in range(5, 13)))
    assert not store.verify().holds


def test_a_cut_off_end_is_found_by_the_head(filled):
    store, _ = filled
    attack(store, "DELETE FROM audit WHERE seq > 9")
    assert any("cut off" in problem for problem in store.verify().problems)


def rewind(store, seq):
    """Cut the end off carefully: entries, head and the records themselves go back together."""
    with store.snapshot() as connection:
        last = connection.execute(sa.text(f"SELECT hash FROM audit WHERE seq = {seq}")).scalar_one()
    attack(
        store,
        f"DELETE FROM audit WHERE seq > {seq}",
        f"UPDATE audit_head SET seq = {seq}, hash = '{last}'",
        "UPDATE people SET centre = 'B2', row_version = 3",
    )


def test_a_careful_cut_is_found_by_an_anchor_only(filled):
    store, anchors = filled
    rewind(store, 9)
    assert store.verify().holds
    assert any("cut off" in problem for problem in store.verify([anchors[-1]]).problems)


def test_a_rewritten_chain_is_found_by_an_anchor_only(filled):
    """Somebody who can write everything computes the whole chain anew with another reason."""
    store, anchors = filled
    with store.snapshot() as connection:
        rows = connection.execute(sa.text("SELECT * FROM audit ORDER BY seq")).mappings().all()
    previous, statements = GENESIS, []
    for row in rows:
        content = content_hash(row["salt"], row["before"], row["after"])
        fixed = (row["seq"], row["at"], row["who"], row["action"], row["table_name"], row["record"], row["version"], "forged")
        new = entry_hash(*fixed, content, previous)
        statements.append(f"UPDATE audit SET why = 'forged', previous = '{previous}', hash = '{new}' WHERE seq = {row['seq']}")
        previous = new
    attack(store, *statements, f"UPDATE audit_head SET hash = '{previous}'")
    assert store.verify().holds
    assert any("rewritten" in problem for problem in store.verify([anchors[5]]).problems)


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("UPDATE people SET centre = 'Z' WHERE person_id = 'P1'", "changed outside"),
        ("DELETE FROM people WHERE person_id = 'P1'", "removed outside"),
        ("UPDATE people SET row_version = 9 WHERE person_id = 'P1'", "no entry"),
        ("UPDATE people SET row_version = 2, centre = 'B1' WHERE person_id = 'P1'", "at version 2, the trail at 4"),
    ],
)
def test_a_record_edited_behind_the_programs_back_is_found(filled, statement, word):
    store, _ = filled
    attack(store, statement)
    assert any(word in problem for problem in store.verify().problems)


def test_a_record_added_behind_the_programs_back_is_found(filled):
    store, _ = filled
    with store.engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO people (person_id, row_version, row_withdrawn, row_changed_at, row_changed_by) "
                "VALUES ('P9', 1, :no, 'x', 'x')"
            ),
            {"no": False},
        )
    assert any("no entry" in problem for problem in store.verify().problems)


def test_a_hidden_withdrawal_is_found(filled):
    store, _ = filled
    with store.engine.begin() as connection:
        connection.execute(sa.text("UPDATE people SET row_withdrawn = :yes WHERE person_id = 'P0'"), {"yes": True})
    assert any("withdrawn" in problem for problem in store.verify().problems)


def test_contents_emptied_without_a_lawful_erasure_are_found(filled):
    store, _ = filled
    with store.engine.begin() as connection:  # the guards let this through: it is what an erasure does
        connection.execute(sa.text("UPDATE audit SET salt = NULL, before = NULL, after = NULL WHERE seq = 4"))
    assert any("without a lawful erasure" in problem for problem in store.verify().problems)


def test_a_pretended_erasure_is_found(filled):
    store, _ = filled
    attack(
        store,
        "UPDATE audit SET salt = NULL, before = NULL, after = NULL WHERE record = 'P1'",
        "DELETE FROM people WHERE person_id = 'P1'",
        "INSERT INTO erased (table_name, record, seq) VALUES ('people', 'P1', 12)",
    )
    assert not store.verify().holds
