"""What people do, held to their rights and centres; and the commands, as a user would run them."""

import datetime as dt
import json
import stat

import pytest

from aftercar.actions.permissions import ROLES, Actor, local_actor
from aftercar.actions.registry_due import by_centre, plans_in_force, work_lists
from aftercar.actions.registry_people import (
    enrol,
    erase,
    history,
    save_record,
    withdraw_consent,
    withdraw_record,
)
from aftercar.actions.registry_plans import keep_plan
from aftercar.actions.registry_review import all_alerts, checklist, follow_up_completeness, open_case, specimens
from aftercar.actions.registry_verify import keep_anchor, new_key, read_anchors, read_key, verify
from aftercar.cli.main import main
from aftercar.errors import InputError, NotPermitted, UsageError
from aftercar.registry.plan import BadPlan
from aftercar.registry.pseudonyms import BadKey
from aftercar.registry.settings import Settings
from aftercar.store import AuditBroken, StaleVersion

ON = dt.date(2024, 6, 1)


def actor(*roles, centres=("A",)):
    return Actor("somebody", frozenset(roles), frozenset(centres) if centres else None)


def infusion(name, day="2023-05-20"):
    return {"infusion_id": name, "infused_on": day, "product": "Yescarta", "jurisdiction": "EU", "setting": "commercial"}


@pytest.fixture
def filled(store, me):
    """Two people in centre A, one in B."""
    for name, centre in (("P1", "A"), ("P2", "A"), ("P3", "B")):
        enrol(store, me, {"person_id": name, "centre": centre}, [infusion(f"I-{name}")])
    return store


def test_enrolment_is_one_step(store):
    enrol(store, actor("registrar"), {"person_id": "P1", "centre": "A"}, [infusion("I1"), infusion("I2", "2024-01-01")])
    assert store.count("infusions") == 2
    with pytest.raises(NotPermitted):
        enrol(store, actor("registrar"), {"person_id": "P2", "centre": "B"}, [])
    with pytest.raises(NotPermitted):
        enrol(store, actor("reader"), {"person_id": "P2", "centre": "A"}, [])
    with pytest.raises(StaleVersion):
        enrol(store, actor("registrar"), {"person_id": "P3", "centre": "A"}, [infusion("I1")])
    assert store.count("people") == 1


def test_rights_follow_the_table_and_reach_follows_the_centre(filled):
    contact = {"contact_id": "C1", "person_id": "P1", "contact_on": "2024-05-20", "kind": "examination"}
    save_record(filled, actor("registrar"), "follow_up", contact, why="visit")
    with pytest.raises(InputError, match="within the reach"):
        save_record(filled, actor("registrar"), "follow_up", {**contact, "contact_id": "C2", "person_id": "P3"}, why="visit")
    with pytest.raises(NotPermitted):
        save_record(filled, actor("laboratory"), "follow_up", {**contact, "contact_id": "C2"}, why="visit")
    result = {
        "result_id": "R1",
        "person_id": "P1",
        "measured_on": "2024-05-20",
        "method": "ddpcr",
        "unit": "percent_cells",
        "value": 2,
    }
    save_record(filled, actor("laboratory"), "assay_results", result, why="result")
    with pytest.raises(NotPermitted):
        save_record(filled, actor("registrar"), "assay_results", {**result, "result_id": "R2"}, why="result")


def test_a_record_cannot_be_pulled_over_from_another_centre(filled):
    mine = {"infusion_id": "I-P3", "person_id": "P1", "product": "x"}
    with pytest.raises(InputError, match="P3"):
        save_record(filled, actor("registrar"), "infusions", mine, why="steal", expected_version=1)
    with pytest.raises(NotPermitted):
        save_record(filled, actor("registrar"), "people", {"person_id": "P1", "centre": "B"}, why="move", expected_version=1)
    with pytest.raises(NotPermitted):
        save_record(filled, actor("registrar"), "people", {"person_id": "P3", "centre": "A"}, why="move", expected_version=1)


def test_a_stranger_learns_nothing_of_who_is_there(filled):
    messages = set()
    for name in ("P3", "P99"):
        with pytest.raises(InputError) as caught:
            withdraw_consent(filled, actor("registrar"), name, on=ON)
        messages.add(str(caught.value).replace(name, "X"))
    assert len(messages) == 1


def test_work_lists_hold_only_the_centres_people(filled, me):
    plans = plans_in_force(filled)
    assert set(work_lists(filled, me, ON, plans).people["person_id"]) == {"P1", "P2", "P3"}
    found = work_lists(filled, actor("reader"), ON, plans)
    assert set(found.people["person_id"]) == {"P1", "P2"}
    assert set(found.tasks["person_id"]) == {"P1", "P2"}
    assert by_centre(found).to_dicts() == [{"centre": "A", "overdue": 2, "people": 2}]
    assert {row["person_id"] for row in specimens(filled, actor("reader"))} == {"P1", "P2"}
    assert [item.group for item in follow_up_completeness(filled, actor("reader"), ON)] == ["A", "all"]


def test_withdrawing_consent_stops_the_plan_and_keeps_the_records(filled, me):
    withdraw_consent(filled, actor("registrar"), "P1", on=dt.date(2024, 5, 1), scopes=["follow_up"])
    states = dict(work_lists(filled, me, ON, plans_in_force(filled)).people.select("person_id", "state").iter_rows())
    assert states == {"P1": "stopped", "P2": "overdue", "P3": "overdue"}
    assert filled.get("people", "P1")["consent"] is None
    withdraw_consent(filled, actor("registrar"), "P2", on=dt.date(2024, 5, 1))
    assert filled.get("people", "P2")["consent"] == "withdrawn"
    assert filled.count("infusions") == 3
    with pytest.raises(InputError, match="scope"):
        withdraw_consent(filled, me, "P3", on=ON, scopes=["everything"])


def test_withdrawing_a_standing_consent_ends_that_consent(filled, me):
    given = {"consent_id": "K1", "person_id": "P1", "scope": "follow_up", "version": "3", "given_on": "2023-05-01"}
    save_record(filled, me, "consents", given, why="signed")
    records = withdraw_consent(filled, me, "P1", on=ON, scopes=["follow_up"])
    assert [(record.key, record["withdrawn_on"], record.version) for record in records] == [("K1", "2024-06-01", 2)]


def test_erasure_is_another_thing_and_needs_its_right(filled, me):
    with pytest.raises(NotPermitted):
        erase(filled, actor("registrar"), "P1", why="x")
    assert erase(filled, me, "P1", why="Art. 17") == 2
    assert [entry.action for entry in history(filled, me, "people", "P1")] == ["save", "erase"]
    assert verify(filled, me).holds


def test_a_withdrawn_contact_no_longer_counts(filled, me):
    contact = {"contact_id": "C1", "person_id": "P1", "contact_on": "2024-05-20", "kind": "examination"}
    save_record(filled, me, "follow_up", contact, why="visit")
    plans = plans_in_force(filled)
    assert "P1" not in set(work_lists(filled, me, ON, plans).tasks["person_id"])
    withdraw_record(filled, me, "follow_up", "C1", why="wrong person", expected_version=1)
    assert "P1" in set(work_lists(filled, me, ON, plans).tasks["person_id"])


def test_a_new_malignancy_opens_a_case_with_its_checklist(filled, me):
    contact = {"contact_id": "C1", "person_id": "P1", "contact_on": "2024-05-20", "new_malignancy": "yes"}
    save_record(filled, me, "follow_up", contact, why="visit")
    found = all_alerts(filled, me, ON, Settings(), open_only=True)
    assert [(alert.kind, alert.grade) for alert in found] == [("new_malignancy", "act")]
    case = {"case_id": "K1", "person_id": "P1", "diagnosis": "T-cell lymphoma", "diagnosed_on": "2024-05-15"}
    record, needed = open_case(filled, me, case, contact_id="C1")
    assert record["tested"] == "pending"
    assert [need.status for need in needed] == ["missing"] * 5
    assert all_alerts(filled, me, ON, Settings(), open_only=True) == []
    assert len(checklist(filled, me, "K1")) == 5
    assert "C1" in filled.history("cases", "K1")[0].why
    with pytest.raises(NotPermitted):
        open_case(filled, actor("registrar"), {**case, "case_id": "K2"})


def test_a_sites_plan_is_kept_and_applies(filled, me, tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text(
        'name="ours"\nversion="1"\ntitle="t"\nomit=[{plan="ebmt_registry", reason="not a member"}]\n'
        "[settings]\nlost_after_days=100\n"
    )
    keep_plan(filled, me, file)
    plans = plans_in_force(filled)
    assert "ebmt_registry" not in {plan.name for plan in plans.plans}
    assert plans.settings.lost_after_days == 100
    file.write_text('name="ours"\nversion="1"\ntitle="other"\n')
    with pytest.raises(StaleVersion):
        keep_plan(filled, me, file)
    file.write_text('name="bad"\nversion="1"\nuse=["nothing"]\n')
    with pytest.raises(BadPlan):
        keep_plan(filled, me, file)
    with pytest.raises(NotPermitted):
        keep_plan(filled, actor("administrator"), file)


def test_anchors_prove_the_end(filled, me, tmp_path):
    file = tmp_path / "anchors" / "a.txt"
    keep_anchor(filled, me, file)
    filled.save("people", {"person_id": "P9"}, who="x", why="y")
    keep_anchor(filled, me, file)
    assert len(read_anchors(file)) == 2
    assert verify(filled, me, [file]).anchors == 2
    file.write_text(file.read_text().replace('"hash": "', '"hash": "0'))
    with pytest.raises(AuditBroken, match="anchor"):
        verify(filled, me, [file])
    file.write_text("nonsense\n")
    with pytest.raises(InputError, match="line 1"):
        read_anchors(file)


def test_keys_are_made_once_and_for_their_owner(tmp_path):
    file = tmp_path / "key"
    new_key(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(read_key(file).secret) == 32
    with pytest.raises(UsageError, match="exists"):
        new_key(file)
    (tmp_path / "no").write_text("hello")
    with pytest.raises(BadKey):
        read_key(tmp_path / "no")


def test_roles_are_known_and_limited():
    with pytest.raises(ValueError, match="no such role"):
        Actor("x", frozenset({"king"}))
    assert local_actor("x").rights == frozenset().union(*ROLES.values())
    assert not actor("auditor").may("edit")
    with pytest.raises(NotPermitted, match="all centres"):
        actor("administrator").check_everywhere("configure")


def run(capsys, *words):
    try:
        main(["registry", *map(str, words)])
        status = 0
    except SystemExit as stop:
        status = stop.code or 0
    out = capsys.readouterr()
    return status, out.out, out.err


def test_a_day_at_the_command_line(tmp_path, project, capsys, monkeypatch):
    monkeypatch.setenv("AFTERCAR_DATABASE", f"sqlite:///{tmp_path / 'r.db'}")
    study = project / "examples" / "published"
    status, _, err = run(capsys, "due")
    assert (status, "aftercar registry init" in err) == (3, True)
    assert run(capsys, "init")[0] == 0
    status, out, err = run(capsys, "import", study)
    assert status == 0
    assert "--commit" in err
    assert run(capsys, "due", "--people", "--json", "--on", "2025-01-01")[1].strip() == "[]"
    status, out, err = run(capsys, "import", study, "--commit", "--json", "--as", "Dr Example")
    assert json.loads(out)["committed"] is True
    status, out, _ = run(capsys, "due", "--json", "--on", "2025-01-01")
    assert status == 0
    assert isinstance(json.loads(out), list)
    people = json.loads(run(capsys, "due", "--people", "--json", "--on", "2025-01-01")[1])
    assert {row["state"] for row in people} <= {
        "stopped",
        "unscheduled",
        "not_started",
        "lost",
        "overdue",
        "due",
        "missed",
        "done",
    }
    assert run(capsys, "verify", "--keep-anchor", tmp_path / "a.txt")[0] == 0
    assert run(capsys, "verify", "--anchor", tmp_path / "a.txt", "--json")[0] == 0
    assert json.loads(run(capsys, "history", "people", people[0]["person_id"], "--json")[1])[0]["who"] == "Dr Example"
    assert "eu_lifelong" in run(capsys, "plan")[1]
    assert 'name = "eu_lifelong"' in run(capsys, "plan", "--show", "eu_lifelong")[1]
    assert run(capsys, "plan", people[0]["person_id"])[0] == 0
    assert run(capsys, "due", "--ics", tmp_path / "d.ics")[0] == 0
    assert (tmp_path / "d.ics").read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")
    for command in ("alerts", "specimens", "completeness"):
        status, out, _ = run(capsys, command, "--json")
        assert status == 0
        assert isinstance(json.loads(out), list)
    assert run(capsys, "erase", people[0]["person_id"], "--why", "x")[0] == 2
    assert run(capsys, "erase", people[0]["person_id"], "--why", "x", "--confirm", people[0]["person_id"])[0] == 0
    assert run(capsys, "due", "--on", "yesterday")[0] == 2
    assert run(capsys, "history", "nothing", "x")[0] == 2
    assert run(capsys, "import", tmp_path / "nothing")[0] == 3
