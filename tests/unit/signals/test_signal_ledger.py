"""The ledger: allowed steps, refused steps, tampering, what changed."""

import datetime as dt
import itertools
import json

import pytest

from aftercar.actions import signals_ledger as actions
from aftercar.actions.permissions import Actor
from aftercar.edges.ledger import LedgerBusy, changing, read_ledger
from aftercar.errors import InputError, NotPermitted
from aftercar.signals.ledger import MOVES, STATES, Ledger, LedgerDamaged, LedgerError, changes

DAY = dt.date(2024, 1, 5)


def book(*steps):
    found = Ledger().add("TCL-1", "detect", "m.curie", DAY, "19 reports", topic="T-cell lymphoma, CAR-T")
    for step in steps:
        found = found.add("TCL-1", step, "m.curie", DAY, "because", outcome="label_change" if step == "close" else None)
    return found


def test_the_whole_way_and_back():
    found = book("validate", "confirm", "assess", "close", "reopen")
    assert [entry.state for entry in found.entries] == [*STATES, "detected"]
    assert found.topic("TCL-1") == "T-cell lymphoma, CAR-T"
    assert found.entries[4].outcome == "label_change"


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ((), "detected"),
        (("validate",), "validated"),
        (("validate", "confirm"), "confirmed"),
        (("validate", "confirm", "assess"), "assessed"),
        (("close",), "closed"),
    ],
)
def test_exactly_the_listed_steps_are_allowed(path, state):
    found = book(*path)
    assert found.state("TCL-1") == state
    for step, (allowed, after) in MOVES.items():
        more = {"outcome": "refuted"} if step == "close" else {}
        if step == "evidence":
            more = {"figures": {"ic": 1.0}, "data_lock": DAY}
        if state in allowed:
            assert found.add("TCL-1", step, "x", DAY, "why", **more).state("TCL-1") == (after or state)
        else:
            with pytest.raises(LedgerError):
                found.add("TCL-1", step, "x", DAY, "why", topic="again", **more)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"who": " "}, "who and why"),
        ({"why": ""}, "who and why"),
        ({"step": "close"}, "needs an outcome"),
        ({"step": "evidence"}, "figures and their data lock"),
        ({"step": "evidence", "figures": {"a": 1.0}}, "figures and their data lock"),
        ({"signal": "TCL 1"}, "no signal"),
        ({"step": "detect", "signal": "bad name", "topic": "x"}, "cannot be a signal's name"),
        ({"step": "detect", "signal": "NEW"}, "needs a topic"),
        ({"step": "detect", "topic": "x"}, "in the ledger already"),
        ({"step": "assess"}, "first validate and confirm it"),
        ({"step": "sign"}, "no step 'sign'"),
        ({"on": DAY - dt.timedelta(1)}, "lies before"),
    ],
)
def test_incomplete_entries_are_refused(change, words):
    values = {"signal": "TCL-1", "step": "validate", "who": "x", "on": DAY, "why": "y"} | change
    with pytest.raises(LedgerError, match=words):
        book().add(**values)


def test_two_signals_keep_apart():
    found = book("validate").add("MDS-1", "detect", "x", DAY, "9 reports", topic="myelodysplasia")
    assert (found.state("TCL-1"), found.state("MDS-1")) == ("validated", "detected")
    assert found.signals == ("TCL-1", "MDS-1")


def test_changes_between_data_locks():
    found = book()
    for lock, figures in (
        (dt.date(2023, 9, 30), {"reports": 19, "ic025": -0.2, "ror_low": 1.4, "prr": 5.0}),
        (dt.date(2023, 12, 31), {"reports": 25, "ic025": 0.3, "ror_low": 0.9, "prr": 5.2, "ebgm": 4.0}),
    ):
        found = found.add("TCL-1", "evidence", "x", DAY, "lock", figures=figures, data_lock=lock)
    assert {change.figure: change.words for change in found.changes("TCL-1")} == {
        "ebgm": "new",
        "ic025": "rose above 0",
        "prr": "up by less than a tenth",
        "reports": "up from 19 to 25",
        "ror_low": "fell to or below 1",
    }


def test_a_rerun_at_the_same_lock_stands_for_it():
    found = book()
    for figure in (1.0, 2.0):
        found = found.add("TCL-1", "evidence", "x", DAY, "lock", figures={"a": figure}, data_lock=DAY)
    assert len(found.evidence("TCL-1")) == 1
    assert found.evidence("TCL-1")[0].figures == {"a": 2.0}
    assert found.changes("TCL-1") == ()


def test_unchanged_gone_and_zero():
    assert [c.words for c in changes({"a": 1, "b": 0, "c": 1}, {"a": 1, "b": 2})] == [
        "unchanged",
        "up from 0 to 2",
        "no longer given",
    ]


def write(path, *steps):
    actions.record(path, "TCL-1", "detect", who="m.curie", on=DAY, why="19 reports", topic="T-cell lymphoma")
    for step in steps:
        actions.record(path, "TCL-1", step, who="x", on=DAY, why="because", outcome="refuted" if step == "close" else None)


def test_the_file_only_grows_and_reads_back(tmp_path):
    path = tmp_path / "signals.jsonl"
    write(path, "validate")
    first = path.read_text()
    actions.record(path, "TCL-1", "confirm", who="x", on=DAY, why="seen")
    assert path.read_text().startswith(first)
    assert read_ledger(path).state("TCL-1") == "confirmed"
    assert not (tmp_path / "signals.jsonl.lock").exists()
    rows = actions.overview(path)
    assert (rows[0]["state"], rows[0]["by"]) == ("confirmed", "x")
    assert len(actions.history(path, "TCL-1")) == 3


@pytest.mark.parametrize("damage", ["change", "remove", "swap", "cut", "garble", "field"])
def test_tampering_shows(tmp_path, damage):
    path = tmp_path / "signals.jsonl"
    write(path, "validate", "confirm", "assess")
    lines = path.read_text().splitlines(keepends=True)
    if damage == "change":
        lines[1] = lines[1].replace("because", "becauze")
    elif damage == "remove":
        del lines[1]
    elif damage == "swap":
        lines[1], lines[2] = lines[2], lines[1]
    elif damage == "cut":
        lines[-1] = lines[-1][:40]
    elif damage == "garble":
        lines[1] = "{\n"
    else:
        lines[1] = json.dumps({"signal": "TCL-1"}) + "\n"
    path.write_text("".join(lines))
    with pytest.raises(LedgerDamaged):
        read_ledger(path)


def test_a_refused_step_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "signals.jsonl"
    write(path)
    before = path.read_bytes()
    with pytest.raises(LedgerError):
        actions.record(path, "TCL-1", "assess", who="x", on=DAY, why="y")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_do_not_meet(tmp_path):
    path = tmp_path / "signals.jsonl"
    with changing(path), pytest.raises(LedgerBusy, match="try again"):
        actions.record(path, "TCL-1", "detect", who="x", on=DAY, why="y", topic="z")


def test_only_assessors_move_signals(tmp_path):
    path = tmp_path / "signals.jsonl"
    reader = Actor("r", frozenset({"reader"}))
    with pytest.raises(NotPermitted):
        actions.record(path, "TCL-1", "detect", who="r", on=DAY, why="y", topic="z", actor=reader)
    actions.record(path, "TCL-1", "detect", who="a", on=DAY, why="y", topic="z", actor=Actor("a", frozenset({"assessor"})))
    assert actions.overview(path, actor=reader)[0]["state"] == "detected"


def test_figures_come_from_json_output(tmp_path):
    file = tmp_path / "r.json"
    file.write_text(json.dumps({"rows": [{"drug": "axi-cel", "n": 3, "text": "x"}, {"drug": "all", "n": 5}]}))
    assert actions.figures_from(file, "all") == {"n": 5.0}
    with pytest.raises(InputError, match="axi-cel, all"):
        actions.figures_from(file)
    file.write_text("nonsense")
    with pytest.raises(InputError, match="not JSON"):
        actions.figures_from(file)
    file.write_text('{"a": "b"}')
    with pytest.raises(InputError, match="no number"):
        actions.figures_from(file)


def test_every_sequence_of_four_steps_keeps_the_ledger_readable(tmp_path):
    """Whatever was allowed can be written and read again."""
    for steps in itertools.product(("validate", "confirm", "assess", "close", "reopen", "note"), repeat=3):
        found = book()
        for step in steps:
            try:
                found = found.add("TCL-1", step, "x", DAY, "y", outcome="refuted" if step == "close" else None)
            except LedgerError:
                break
        assert Ledger(found.entries) == found
