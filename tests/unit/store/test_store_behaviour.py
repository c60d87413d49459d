"""What a store promises, on SQLite and PostgreSQL alike."""

import datetime as dt

import pytest
import sqlalchemy as sa

from aftercar.errors import InputError, InvalidTables, UsageError
from aftercar.store import Erased, NoStore, StaleVersion, StoreVersion, create_store, open_store
from aftercar.store.audit import Anchor

ME = {"who": "Dr Example", "why": "test"}
PERSON = {"person_id": "P1", "centre": "A", "birth_year": 1960, "vital_status": "alive"}
INFUSION = {"infusion_id": "I1", "person_id": "P1", "infused_on": "2020-05", "product": "Kymriah", "dose_million_cells": 250}


def test_a_new_record_comes_back_typed_and_complete(store):
    saved = store.save("people", PERSON, **ME)
    assert (saved.version, saved.withdrawn, saved.changed_by) == (1, False, "Dr Example")
    found = store.get("people", "P1")
    assert found == saved
    assert found["birth_year"] == 1960
    assert found["sex"] is None
    store.save("infusions", INFUSION, **ME)
    assert store.get("infusions", "I1")["dose_million_cells"] == 250.0
    assert isinstance(store.get("infusions", "I1")["dose_million_cells"], float)


def test_saving_the_same_values_changes_nothing(store):
    first = store.save("people", PERSON, **ME)
    again = store.save("people", PERSON, **ME, expected_version=1)
    assert again == first
    assert store.head().seq == 1
    assert store.save("people", PERSON, **ME) == first


def test_the_later_of_two_edits_gets_a_conflict_that_names_the_other(store):
    store.save("people", PERSON, **ME)
    store.save("people", {**PERSON, "centre": "B"}, who="Anna", why="moved", expected_version=1)
    with pytest.raises(StaleVersion, match=r"changed by Anna since you read it \(you have version 1, it is at 2\)") as caught:
        store.save("people", {**PERSON, "centre": "C"}, **ME, expected_version=1)
    assert caught.value.exit_status == 5
    assert store.get("people", "P1")["centre"] == "B"


def test_a_record_is_not_overwritten_without_its_version(store):
    store.save("people", PERSON, **ME)
    with pytest.raises(StaleVersion, match="is there already"):
        store.save("people", {**PERSON, "centre": "B"}, **ME)
    with pytest.raises(StaleVersion, match="not there any more"):
        store.save("people", {"person_id": "P2"}, **ME, expected_version=1)


def test_every_bad_value_is_named_and_nothing_is_kept(store):
    bad = {"person_id": "P 1", "sex": "xx", "birth_year": 1800, "death_date": "yesterday", "colour": "red"}
    with pytest.raises(InvalidTables) as caught:
        store.save("people", bad, **ME)
    assert {problem.column for problem in caught.value} == {"person_id", "sex", "birth_year", "death_date", "colour"}
    assert store.count("people") == 0
    assert store.head().seq == 0


def test_numbers_are_finite_and_whole_where_they_must_be(store):
    for value in (float("nan"), float("inf"), "12.5", True):
        with pytest.raises(InvalidTables):
            store.save("people", {**PERSON, "birth_year": value}, **ME)
    with pytest.raises(InvalidTables, match="NUL"):
        store.save("people", {**PERSON, "note": "a\x00b"}, **ME)


def test_a_reference_must_lead_somewhere(store):
    with pytest.raises(InvalidTables, match="names no row of people"):
        store.save("infusions", INFUSION, **ME)
    with pytest.raises(InputError, match=r"not in the registry|names no row"), store.transaction(**ME) as change:
        change.save_many("infusions", [INFUSION])
    assert store.count("infusions") == 0
    with store.transaction(**ME) as change:  # children may come before their parents within one transaction
        change.save("infusions", INFUSION)
        change.save("people", PERSON)
    assert store.count("infusions") == 1


def test_a_transaction_is_kept_whole_or_not_at_all(store):
    bad = {"person_id": "P2", "sex": "xx"}
    with pytest.raises(InvalidTables), store.transaction(**ME) as change:
        _ = [change.save("people", row) for row in (PERSON, bad)]
    assert store.count("people") == 0
    assert store.verify().holds


def test_a_change_needs_a_name_and_a_reason(store):
    with pytest.raises(UsageError):
        store.save("people", PERSON, who=" ", why="x")
    with pytest.raises(UsageError):
        store.save("people", PERSON, who="x", why="")


def test_withdrawn_records_stay_readable_and_count_nowhere(store):
    store.save("people", PERSON, **ME)
    gone = store.withdraw("people", "P1", **ME, expected_version=1)
    assert gone.withdrawn
    assert gone.version == 2
    assert store.list("people") == []
    assert store.count("people") == 0
    assert store.frame("people").is_empty()
    assert [record.key for record in store.list("people", withdrawn=True)] == ["P1"]
    with pytest.raises(StaleVersion, match="withdrawn"):
        store.save("people", {**PERSON, "centre": "B"}, **ME, expected_version=2)
    with pytest.raises(StaleVersion):
        store.withdraw("people", "P1", **ME, expected_version=2)
    assert not store.restore("people", "P1", **ME, expected_version=2).withdrawn
    assert store.verify().holds


def test_history_tells_who_when_why_and_from_what_to_what(url):
    times = iter(dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in range(1, 20))
    store = create_store(url, clock=lambda: next(times))
    store.save("people", PERSON, who="Anna", why="enrolled")
    store.save("people", {**PERSON, "centre": "B"}, who="Bert", why="moved", expected_version=1)
    store.withdraw("people", "P1", who="Cleo", why="entered twice", expected_version=2)
    entries = store.history("people", "P1")
    assert [(e.who, e.why, e.action, e.version) for e in entries] == [
        ("Anna", "enrolled", "save", 1),
        ("Bert", "moved", "save", 2),
        ("Cleo", "entered twice", "withdraw", 3),
    ]
    assert entries[0].before is None
    assert entries[1].values_before["centre"] == "A"
    assert entries[1].values_after["centre"] == "B"
    assert entries[0].at == "2026-01-01T00:00:00.000000+00:00"
    assert [e.seq for e in store.trail(who="Bert")] == [2]
    store.close()


def test_lists_are_filtered_sorted_by_bytes_and_paged(store):
    with store.transaction(**ME) as change:
        for name in ("b", "B", "a-2", "a_1", "Z9"):
            change.save("people", {"person_id": name, "centre": name[0]})
    assert [record.key for record in store.list("people")] == ["B", "Z9", "a-2", "a_1", "b"]
    assert [record.key for record in store.list("people", limit=2, offset=1)] == ["Z9", "a-2"]
    assert [record.key for record in store.list("people", {"centre": ["a", "b"]})] == ["a-2", "a_1", "b"]
    assert store.count("people", {"centre": None}) == 0
    with pytest.raises(UsageError, match="no column"):
        store.list("people", {"colour": "red"})


def test_frames_have_the_types_of_the_study(store):
    store.save("people", PERSON, **ME)
    frame = store.frame("people", columns=("person_id", "birth_year"))
    assert frame.rows() == [("P1", 1960)]
    assert [str(kind) for kind in frame.dtypes] == ["String", "Int64"]
    assert store.frame("infusions").width == 17 or store.frame("infusions").is_empty()


def test_an_import_twice_over_changes_nothing(store):
    rows = [{"person_id": f"P{i}", "centre": "A"} for i in range(7)]
    with store.transaction(**ME) as change:
        assert change.save_many("people", rows).added == 7
    head = store.head()
    with store.transaction(**ME) as change:
        changes = change.save_many("people", rows)
    assert (changes.added, changes.changed, changes.unchanged) == (0, 0, 7)
    assert store.head().hash == head.hash


def test_an_import_over_other_values_stops_updates_or_keeps_as_asked(store):
    store.save("people", PERSON, **ME)
    other = [{**PERSON, "centre": "B"}, {"person_id": "P2"}]
    with pytest.raises(StaleVersion, match=r"P1 \(centre\)"), store.transaction(**ME) as change:
        change.save_many("people", other)
    assert store.count("people") == 1
    with store.transaction(**ME) as change:
        kept = change.save_many("people", other, on_change="keep")
    assert (kept.added, kept.kept, kept.changed) == (1, 1, 0)
    assert store.get("people", "P1")["centre"] == "A"
    with store.transaction(**ME) as change:
        assert change.save_many("people", other, on_change="update").changed == 1
    assert store.get("people", "P1").version == 2
    with pytest.raises(InputError, match="twice"), store.transaction(**ME) as change:
        change.save_many("people", [{"person_id": "P9"}, {"person_id": "P9"}])


def test_an_update_does_not_bring_back_a_withdrawn_record(store):
    store.save("people", PERSON, **ME)
    store.withdraw("people", "P1", **ME, expected_version=1)
    with store.transaction(**ME) as change:
        assert change.save_many("people", [PERSON], on_change="update").kept == 1
    assert store.get("people", "P1").withdrawn


def test_a_rehearsal_checks_everything_and_keeps_nothing(store):
    with store.rehearsal(**ME) as change:
        assert change.save_many("people", [PERSON]).added == 1
    assert store.count("people") == 0
    with pytest.raises(InputError), store.rehearsal(**ME) as change:
        change.save_many("infusions", [INFUSION])


def test_erasure_removes_contents_and_leaves_the_chain_whole(store):
    store.save("people", {**PERSON, "note": "a telling note"}, **ME)
    store.save("people", {"person_id": "P2", "possible_same_as": "P1"}, **ME)
    store.save("infusions", INFUSION, **ME)
    store.save("cases", {"case_id": "C1", "person_id": "P1", "diagnosis": "lymphoma", "tested": "no"}, **ME)
    store.save("findings", {"finding_id": "F1", "case_id": "C1", "kind": "variant"}, **ME)
    assert store.erase_person("P1", who="DPO", why="Art. 17 GDPR request 7") == 4
    for table in ("infusions", "cases", "findings"):
        assert store.list(table, withdrawn=True) == []
    assert [record.key for record in store.list("people")] == ["P2"]
    assert store.get("people", "P2")["possible_same_as"] is None
    entries = store.history("people", "P1")
    assert [e.action for e in entries] == ["save", "erase"]
    assert all(e.before is None and e.after is None and e.salt is None for e in entries[:1])
    assert entries[-1].why == "Art. 17 GDPR request 7"
    found = store.verify()
    assert found.holds, found.problems
    assert found.erased >= 4
    with store.snapshot() as connection:
        texts = connection.execute(sa.text("SELECT coalesce(before,'') || coalesce(after,'') FROM audit")).scalars().all()
    assert not any("telling" in text or "lymphoma" in text for text in texts)
    with pytest.raises(Erased):
        store.save("people", PERSON, **ME)
    with store.transaction(**ME) as change:
        assert change.save_many("people", [PERSON, {"person_id": "P3"}]).erased == 1
    with pytest.raises(InputError, match="no person"):
        store.erase_person("P1", **ME)


def test_erased_text_is_not_left_in_the_file(tmp_path):
    file = tmp_path / "registry.db"
    store = create_store(f"sqlite:///{file}")
    store.save("people", {**PERSON, "note": "unmistakable-sentence"}, **ME)
    store.erase_person("P1", **ME)
    store.close()
    assert b"unmistakable-sentence" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_secrets_enter_the_trail_as_digests(store):
    from aftercar.store.rows import told

    shown = told({"password_hash": "argon2:abc", "totp_secret": None, "name": "x"})
    assert shown["password_hash"].startswith("sha256:")
    assert "abc" not in shown["password_hash"]
    assert shown["totp_secret"] is None


def test_initialising_twice_keeps_everything(url, store):
    store.save("people", PERSON, **ME)
    again = create_store(url)
    assert again.count("people") == 1
    again.close()
    opened = open_store(url)
    assert opened.get("people", "P1") is not None
    opened.close()


def test_a_database_of_another_version_is_refused_with_the_next_step(url, store):
    with store.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreVersion, match="newer program"):
        open_store(url)
    with pytest.raises(StoreVersion, match="newer program"):
        create_store(url)
    with store.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(StoreVersion, match="registry init"):
        open_store(url)


def test_a_missing_registry_says_how_to_make_one(tmp_path):
    with pytest.raises(NoStore, match="aftercar registry init"):
        open_store(f"sqlite:///{tmp_path / 'nothing.db'}")
    (tmp_path / "empty.db").touch()
    with pytest.raises(NoStore):
        open_store(f"sqlite:///{tmp_path / 'empty.db'}")
    (tmp_path / "text.db").write_text("this is not a database, it is a long enough text" * 50)
    with pytest.raises(InputError, match="not a"):
        open_store(f"sqlite:///{tmp_path / 'text.db'}")
    with pytest.raises(UsageError, match="not a database address"):
        open_store("mysql://host/x")


def test_a_password_never_shows(monkeypatch):
    from aftercar.store.database import hidden

    assert "geheim" not in hidden("postgresql+psycopg://a:geheim@host/x")


def test_the_trail_is_append_only_in_the_database_itself(store):
    store.save("people", PERSON, **ME)
    statements = (
        "UPDATE audit SET who = 'nobody'",
        "UPDATE audit SET after = '{}'",
        "UPDATE audit SET salt = NULL, before = NULL, after = NULL, why = 'x'",
        "DELETE FROM audit",
    )
    for statement in statements:
        with pytest.raises(sa.exc.DatabaseError, match="append-only"), store.engine.begin() as connection:
            connection.execute(sa.text(statement))
    assert store.verify().holds


def test_an_anchor_is_read_as_it_was_written(store):
    store.save("people", PERSON, **ME)
    anchor = store.head()
    assert Anchor.read(anchor.line()) == anchor
    with pytest.raises(ValueError, match="not an anchor"):
        Anchor.read("hello")
