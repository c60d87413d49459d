"""Input that a stranger might give: one clear error with its exit status, never a fault of ours."""

import datetime as dt
import json

import pytest

from aftercar.cli.days import day_of
from aftercar.cli.main import main
from aftercar.edges.files import read_json
from aftercar.errors import InputError, UsageError
from aftercar.store import create_store


@pytest.fixture
def call(capsys):
    def called(*words):
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        return stop.value.code or 0, capsys.readouterr().err

    return called


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "31.12.2024", "2024-13-01"])
def test_a_day_no_plan_can_reach_is_a_matter_of_usage(tmp_path, call, day):
    create_store(f"sqlite:///{tmp_path / 'r.db'}").close()
    status, said = call("registry", "due", "--on", day, "--database", tmp_path / "r.db")
    assert status == 2
    assert day in said


def test_days():
    assert day_of("2024-02-29") == dt.date(2024, 2, 29)
    assert day_of("") == dt.date.today()
    with pytest.raises(UsageError, match="outside 1900 to 2199"):
        day_of("2200-01-01")


@pytest.mark.parametrize("text", ['{"a":' * 100_000 + "1" + "}" * 100_000, "", "{", "\ud800"])
def test_json_that_is_none_or_too_deep(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match="not JSON"):
        read_json(path)


def test_a_bundle_nested_without_end_is_refused(tmp_path, call):
    create_store(f"sqlite:///{tmp_path / 'r.db'}").close()
    path = tmp_path / "deep.json"
    path.write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    status, said = call("registry", "import", path, "--format", "fhir", "--database", tmp_path / "r.db")
    assert status == 3
    assert "nested deeper" in said


def test_figures_with_a_byte_order_mark_are_read(tmp_path, call):
    (tmp_path / "result.json").write_bytes(b"\xef\xbb\xbf" + json.dumps([{"drug": "a", "prr": 2.5}]).encode())
    ledger = tmp_path / "signals.jsonl"
    assert call("signals", "ledger", "open", ledger, "S1", "--topic", "t", "--who", "w", "--why", "y")[0] == 0
    words = ("--figures", tmp_path / "result.json", "--data-lock", "2023-12-31", "--who", "w")
    assert call("signals", "ledger", "evidence", ledger, "S1", *words)[0] == 0
