"""The signal ledger in the registry: the same steps and checks as in a file, an audit trail, and one writer at a time."""

import datetime as dt
import json
import threading

import pytest
import sqlalchemy as sa

from aftercar.actions import signals_ledger as actions
from aftercar.actions.signals_book import place_of, read_book
from aftercar.cli.main import main
from aftercar.errors import InputError
from aftercar.signals.ledger import LedgerDamaged, LedgerError

DAY = dt.date(2024, 1, 5)
FIGURES = {"ic025": 0.25, "prr": 1 / 3, "n": 19.0}


def _steps(place):
    actions.record(place, "TCL-1", "detect", who="m.curie", on=DAY, why=" 19 reports ", topic="T-cell lymphoma")
    actions.record(
        place,
        "TCL-1",
        "evidence",
        who="m.curie",
        on=DAY,
        why="first lock",
        data_lock=DAY,
        figures=FIGURES,
        query='disproportionality {"request": {}}',
    )
    actions.record(place, "TCL-1", "validate", who="i.joliot", on=DAY, why="new\nlymphomas, not relapses")
    return actions.record(place, "TCL-1", "close", who="i.joliot", on=DAY, why="nothing in it", outcome="refuted")


def test_file_and_registry_hold_the_same_ledger(store, tmp_path):
    in_file, in_store = _steps(tmp_path / "signals.jsonl"), _steps(store)
    assert read_book(store) == in_store == in_file
    for ask in (actions.overview, lambda place: actions.history(place, "TCL-1"), lambda place: actions.compare(place, "TCL-1")):
        assert ask(store) == ask(tmp_path / "signals.jsonl")


def test_every_entry_has_its_line_in_the_audit_trail(store):
    _steps(store)
    trail = [(entry.who, entry.why) for entry in store.trail(table="signal_entries")]
    assert [who for who, _ in trail] == ["m.curie", "m.curie", "i.joliot", "i.joliot"]
    assert store.verify().problems == ()


def test_a_step_that_is_refused_leaves_nothing(store):
    actions.record(store, "TCL-1", "detect", who="m.curie", on=DAY, why="19 reports", topic="T-cell lymphoma")
    before = store.head()
    with pytest.raises(LedgerError, match="detected signal cannot be assessed"):
        actions.record(store, "TCL-1", "assess", who="m.curie", on=DAY, why="looks real")
    assert (store.head().seq, store.head().hash) == (before.seq, before.hash)


def test_an_entry_changed_behind_the_programs_back_is_found(store):
    _steps(store)
    with store.engine.begin() as connection:
        connection.execute(sa.text("UPDATE signal_entries SET why = 'because' WHERE entry_id = '000002'"))
    with pytest.raises(LedgerDamaged, match="does not follow"):
        read_book(store)
    assert store.verify().problems


def test_an_entry_taken_out_is_found(store):
    _steps(store)
    with store.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM signal_entries WHERE entry_id = '000003'"))
    with pytest.raises(LedgerDamaged):
        read_book(store)


def test_entries_written_at_once_all_stay(store):
    actions.record(store, "TCL-1", "detect", who="m.curie", on=DAY, why="19 reports", topic="T-cell lymphoma")
    errors = []

    def note(number):
        try:
            actions.record(store, "TCL-1", "note", who=f"w{number}", on=DAY, why=f"note {number}")
        except Exception as error:  # any failure of any thread fails the test
            errors.append(error)

    threads = [threading.Thread(target=note, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(entry.who for entry in read_book(store).entries[1:]) == [f"w{n}" for n in range(8)]


def test_the_command_line_takes_a_registry_for_a_ledger(store, url, capsys):
    for words in (["open", url, "TCL-1", "--topic", "TCL", "--who", "m.curie", "--why", "19 reports"], ["list", url, "--json"]):
        with pytest.raises(SystemExit) as stop:
            main(["signals", "ledger", *words])
        assert not stop.value.code
    assert json.loads(capsys.readouterr().out)[0]["state"] == "detected"


def test_the_file_of_a_registry_is_known_as_one(tmp_path):
    from aftercar.store import create_store

    create_store(f"sqlite:///{tmp_path / 'registry.db'}").close()
    place = place_of(str(tmp_path / "registry.db"))
    assert not hasattr(place, "exists")
    place.close()
    with pytest.raises(InputError):
        place_of(str(tmp_path / "absent.jsonl"), there=True)
