"""What people do to a case in a registry, and who may not; and the command line as a user meets it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from aftercar.actions.case_desk import Desk, desk_of_store
from aftercar.actions.case_messages import keep, receive, send, write_batch
from aftercar.actions.case_record import (
    add_report,
    ask_for_test,
    assess_case,
    check_sample,
    code_event,
    decide_duplicate,
    duplicate_candidates,
    move_test,
    take_in,
    undo_duplicate,
    withdraw_assessment,
    write_narrative,
)
from aftercar.actions.case_show import show_case
from aftercar.actions.permissions import Actor
from aftercar.cases.e2b.build import Sender
from aftercar.cases.e2b.rules import NotSendable
from aftercar.cli.main import main
from aftercar.edges.meddra import Meddra, Term
from aftercar.errors import InputError, NotPermitted, UsageError
from aftercar.store import Store, create_store

DAY = dt.date(2025, 2, 1)
DOCTOR = Actor("Dr A", frozenset({"registrar", "assessor", "laboratory"}), frozenset({"A"}))
OTHER = Actor("Dr B", frozenset({"assessor"}), frozenset({"B"}))
READER = Actor("Reader", frozenset({"reader"}))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = create_store(f"sqlite:///{tmp_path / 'registry.db'}")
    for case_id, person in (("C1", "P1"), ("C2", "P2")):
        take_in(
            store,
            DOCTOR,
            {
                "case_id": case_id,
                "person_id": person,
                "diagnosis": "peripheral T-cell lymphoma",
                "tested": "no",
                "lineage": "T_cell",
                "diagnosed_on": "2024-06-20",
                "histology_confirmed": "yes",
            },
            person={"person_id": person, "centre": "A", "sex": "male", "birth_year": 1960, "country": "DE"},
            infusions=[
                {
                    "infusion_id": f"I-{person}",
                    "person_id": person,
                    "product": "Yescarta",
                    "batch": "LOT1",
                    "infused_on": "2024-01-10",
                    "jurisdiction": "EU",
                }
            ],
            report={
                "report_id": f"{case_id}-r1",
                "case_id": case_id,
                "kind": "initial",
                "received_on": "2025-01-20",
                "reporter_qualification": "physician",
                "worldwide_id": f"DE-X-{case_id}",
            },
        )
    return store


def desk(store: Store, actor: Actor = DOCTOR) -> Desk:
    return desk_of_store(store, actor)


def test_a_person_sees_only_cases_within_reach(store: Store) -> None:
    assert set(desk(store).files) == {"C1", "C2"}
    assert set(desk(store, OTHER).files) == set()
    with pytest.raises(InputError, match="within reach"):
        show_case(desk(store, OTHER), "C1", DAY)


def test_readers_do_not_assess_and_nobody_signs_for_another(store: Store) -> None:
    with pytest.raises(NotPermitted):
        assess_case(desk(store, READER), "C1", grade="possible", reasons="x", on=DAY)
    first = assess_case(
        desk(store), "C1", grade="possible", reasons="x", on=DAY, signed_at=dt.datetime(2025, 2, 1, tzinfo=dt.UTC)
    )
    assert first["assessor"] == "Dr A"
    second = Actor("Dr C", frozenset({"assessor"}))
    assess_case(
        desk(store, second), "C1", grade="unlikely", reasons="y", on=DAY, signed_at=dt.datetime(2025, 2, 2, tzinfo=dt.UTC)
    )
    view = show_case(desk(store), "C1", DAY)
    assert view.disagreement == "assessors differ: Dr A possible; Dr C unlikely"
    with pytest.raises(UsageError, match="Dr A's"):
        withdraw_assessment(desk(store, second), first.key, on=DAY, reason="not mine")
    withdraw_assessment(desk(store), first.key, on=DAY, reason="slip")
    assert [item.state for item in show_case(desk(store), "C1", DAY).assessments] == ["withdrawn", "signed"]


def test_evidence_that_arrives_later_reopens_the_assessment(store: Store) -> None:
    assess_case(desk(store), "C1", grade="possible", reasons="x", on=DAY, signed_at=dt.datetime(2025, 2, 1, tzinfo=dt.UTC))
    case = store.get("cases", "C1")
    assert case is not None
    store.save(
        "cases", {**case.row, "tested": "yes", "car_result": "detected"}, who="lab", why="result", expected_version=case.version
    )
    standing = show_case(desk(store), "C1", DAY).assessments[0]
    assert (standing.state, standing.changed) == ("reopened", ("cases",))


def test_a_verdict_kept_in_the_registry_is_read(store: Store) -> None:
    verdict = {"call": "present_clonal", "reasons": [], "sites": []}
    row = {"document_id": "D1", "person_id": "P1", "case_id": "C1", "kind": "transgene_verdict", "document": json.dumps(verdict)}
    store.save("result_documents", row, who="lab", why="verdict")
    assert desk(store).causality("C1").origin.value == "car_derived"


def test_tests_are_asked_for_moved_on_and_refused_with_a_reason(store: Store) -> None:
    request = ask_for_test(desk(store), "C1", "transgene", on=DAY, laboratory="Lab")
    move_test(desk(store), request.key, "received", on=DAY + dt.timedelta(days=3))
    move_test(desk(store), request.key, "resulted", on=DAY + dt.timedelta(days=20))
    item = next(item for item in show_case(desk(store), "C1", DAY).checklist.tests if item.test == "transgene")
    assert (item.state, item.turnaround_days) == ("resulted", 20)
    with pytest.raises(UsageError, match="needs a reason"):
        ask_for_test(desk(store), "C1", "ebv", on=DAY, state="refused")
    with pytest.raises(UsageError, match="before the request"):
        move_test(desk(store), request.key, "resulted", on=DAY - dt.timedelta(days=1))


def test_samples_are_checked_and_the_last_check_counts(store: Store) -> None:
    store.save("samples", {"sample_id": "S1", "person_id": "P1", "case_id": "C1", "material": "tumour"}, who="lab", why="taken")
    check_sample(desk(store), "S1", on=DAY, form="ffpe", quantity=2, unit="blocks", suitable="yes", suitable_for=["transgene"])

    def samples_for(test: str) -> tuple[str, ...]:
        return next(item.samples for item in show_case(desk(store), "C1", DAY).checklist.tests if item.test == test)

    assert (samples_for("transgene"), samples_for("ebv")) == (("S1",), ())
    check_sample(desk(store), "S1", on=DAY + dt.timedelta(days=9), suitable="no", reason="used up")
    assert samples_for("transgene") == ()
    with pytest.raises(UsageError, match="needs its unit"):
        check_sample(desk(store), "S1", on=DAY, quantity=2)
    with pytest.raises(UsageError, match="needs a reason"):
        check_sample(desk(store), "S1", on=DAY, suitable="no")
    with pytest.raises(InputError):
        check_sample(desk(store), "S9", on=DAY)


def test_duplicates_are_linked_not_merged_and_undone(store: Store) -> None:
    assert [(item.first, item.second) for item in duplicate_candidates(desk(store)).candidates] == [("C1", "C2")]
    link = decide_duplicate(desk(store), "C2", "C1", "same_event", on=DAY, reason="same batch")
    assert duplicate_candidates(desk(store)).candidates == ()
    assert set(desk(store).files) == {"C1", "C2"}
    undo_duplicate(desk(store), link.key, on=DAY, reason="two people")
    assert len(duplicate_candidates(desk(store)).candidates) == 1
    with pytest.raises(UsageError):
        decide_duplicate(desk(store), "C1", "C1", "same_event", on=DAY)


def test_a_persons_words_stay_when_the_data_change(store: Store) -> None:
    write_narrative(desk(store), "C1", "event", "Seen by the board.", on=DAY)
    case = store.get("cases", "C1")
    assert case is not None
    store.save("cases", {**case.row, "diagnosed_on": "2024-07-01"}, who="x", why="corrected", expected_version=case.version)
    text = show_case(desk(store), "C1", DAY).narrative.text()
    assert "Seen by the board." in text
    assert "changed after it was written" in text


def test_deadlines_run_from_the_first_valid_report(store: Store) -> None:
    found = show_case(desk(store), "C1", DAY).deadlines
    assert [(item.due_on, item.days_left) for item in found] == [(dt.date(2025, 2, 4), 3)]


SENDER = Sender("Example", "EX", "DE", "EVHUMAN")
MEDDRA = Meddra("99.1", {"90000011": Term("90000011", "Invented", "llt", "90000001", "99.1")}, {})


def test_out_and_in_again(store: Store, tmp_path: Path) -> None:
    now = dt.datetime(2025, 2, 1, 10, tzinfo=dt.UTC)
    exporter = Actor("Dr A", frozenset({"registrar", "assessor"}))
    with pytest.raises(NotSendable):
        send(desk(store, exporter), "C1", SENDER, now=now)
    code_event(desk(store), "C1", MEDDRA, "90000011")
    with pytest.raises(InputError, match="no current term"):
        code_event(desk(store), "C1", MEDDRA, "1")
    decide_duplicate(desk(store), "C1", "C2", "same_event", on=DAY)
    batch, _, problems = send(desk(store, exporter), "C1", SENDER, now=now, profile="eu", attach=True)
    assert problems == []
    assert batch.reports[0].first("C.1.10.r").text("C.1.10.r") == "DE-X-C2"
    path = tmp_path / "out.xml"
    write_batch(path, batch)
    known = receive(path, desk=desk(store))[0]
    assert known.known_as == "C1"
    other = create_store(f"sqlite:///{tmp_path / 'other.db'}")
    importer = Actor("Importer", frozenset({"registrar", "assessor"}))
    message = receive(path, centre="A", desk=desk_of_store(other, importer))[0]
    assert message.known_as == ""
    assert keep(other, importer, message) > 3
    assert keep(other, importer, message) == 0
    assert show_case(desk_of_store(other, importer), message.case_id, DAY).file.case["diagnosis"] == "peripheral T-cell lymphoma"
    assert other.verify().problems == ()


def test_a_nullification_travels(store: Store) -> None:
    add_report(
        desk(store),
        {
            "report_id": "C1-r2",
            "case_id": "C1",
            "kind": "nullification",
            "received_on": "2025-01-25",
            "reason": "entered twice",
            "reporter_qualification": "physician",
        },
    )
    batch, _, _ = send(
        desk(store, Actor("Dr A", frozenset({"registrar"}))),
        "C1",
        SENDER,
        now=dt.datetime(2025, 2, 1, tzinfo=dt.UTC),
        allow_unfit=True,
    )
    assert (batch.reports[0].text("C.1.11.1"), batch.reports[0].text("C.1.11.2")) == ("1", "entered twice")


def test_erasing_a_person_takes_everything_around_the_case(store: Store) -> None:
    assess_case(desk(store), "C1", grade="possible", reasons="x", on=DAY)
    decide_duplicate(desk(store), "C1", "C2", "undecided", on=DAY)
    store.erase_person("P1", who="admin", why="request")
    for table in ("cases", "case_reports", "assessments", "duplicate_links"):
        assert all("C1" not in str(record.row) for record in store.list(table))
    assert store.verify().problems == ()


# --- the command line ---


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = 0
    try:
        main(words)
    except SystemExit as left:
        status = int(left.code or 0)
    told = capsys.readouterr()
    return status, told.out, told.err


@pytest.fixture
def published(project: Path) -> str:
    return str(project / "examples" / "published")


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("show", "PENN-2024-01"),
        ("assess", "COLOGNE-2025-01"),
        ("checklist", "PENN-2024-01"),
        ("narrative", "GI-2025-01"),
        ("narrative", "GI-2025-01", "--sources"),
        ("duplicates",),
    ],
)
def test_every_reading_command_works_on_a_study_folder(capsys: Any, published: str, words: tuple[str, ...]) -> None:
    status, out, _ = run(capsys, "case", *words, "--study", published)
    assert status == 0
    assert out
    status, out, _ = run(capsys, "case", *words, "--study", published, "--json")
    assert status == 0
    assert json.loads(out) is not None


def test_errors_are_told_plainly(capsys: Any, published: str, tmp_path: Path) -> None:
    status, _, err = run(capsys, "case", "show", "NOPE", "--study", published)
    assert (status, "no case 'NOPE'" in err) == (3, True)
    status, _, err = run(capsys, "case", "assess", "GI-2025-01", "--study", published, "--grade", "possible", "--reasons", "x")
    assert (status, "a study folder is only read" in err) == (2, True)
    bad = tmp_path / "bad.xml"
    bad.write_text("<a>")
    status, _, err = run(capsys, "case", "import-e2b", str(bad))
    assert (status, "bad.xml" in err) == (3, True)
    status, _, err = run(capsys, "case", "list", "--database", str(tmp_path / "none.db"))
    assert status == 3


def test_a_case_from_intake_to_message(capsys: Any, tmp_path: Path) -> None:
    database = ("--database", str(tmp_path / "r.db"))
    assert run(capsys, "registry", "init", *database)[0] == 0
    values = [
        "case_id=C1",
        "person_id=P1",
        "diagnosis=T-cell lymphoma",
        "tested=no",
        "product=Yescarta",
        "infusion_id=I1",
        "infused_on=2024-01-10",
        "diagnosed_on=2024-06-01",
        "country=DE",
        "batch=L1",
    ]
    status, out, _ = run(capsys, "case", "new", *values, "--reporter", "physician", *database, "--as", "Dr A", "--json")
    assert (status, json.loads(out)[0]["valid"]) == (0, True)
    assert (
        run(capsys, "case", "assess", "C1", "--grade", "unassessable", "--reasons", "not tested", *database, "--as", "Dr A")[0]
        == 0
    )
    out_file = tmp_path / "c1.xml"
    send_words = (
        "case",
        "export-e2b",
        "C1",
        "-o",
        str(out_file),
        "--organisation",
        "X",
        "--sender",
        "X",
        "--receiver",
        "R",
        "--country",
        "DE",
    )
    status, _, err = run(capsys, *send_words, *database)
    assert (status, "E.i.2.1b" in err) == (3, True)
    status, _, _ = run(capsys, *send_words, *database, "--meddra-code", "90000001", "--meddra-version", "99.1")
    assert (status, out_file.exists()) == (0, True)
    status, out, _ = run(capsys, "case", "import-e2b", str(out_file), *database)
    assert (status, "T-cell lymphoma" in out) == (0, True)
    fhir = tmp_path / "c1.json"
    assert run(capsys, "case", "export-fhir", "C1", "-o", str(fhir), *database)[0] == 0
    assert json.loads(fhir.read_text())["entry"][0]["resource"]["resourceType"] == "AdverseEvent"


def test_samples_and_codes_at_the_command_line(capsys: Any, store: Store, tmp_path: Path) -> None:
    database = ("--database", str(tmp_path / "registry.db"), "--as", "Dr A")
    store.save("samples", {"sample_id": "S1", "person_id": "P1", "case_id": "C1", "material": "tumour"}, who="lab", why="taken")
    status, out, _ = run(
        capsys, "case", "sample", "S1", "--form", "ffpe", "--suitable", "yes", "--for", "transgene,ebv", *database
    )
    assert (status, out.strip()) == (0, "S1-k1")
    (tmp_path / "pt.asc").write_text("90000001$Invented lymphoma$$\n")
    (tmp_path / "llt.asc").write_text("90000011$Invented lymphoma of gut$90000001$\n")
    meddra = ("--meddra", str(tmp_path), "--meddra-version", "99.1")
    status, out, _ = run(capsys, "case", "code", "C1", *meddra, "--term", "gut", *database, "--json")
    assert (status, json.loads(out)[0]["code"]) == (0, "90000011")
    assert run(capsys, "case", "code", "C1", *meddra, "--give", "90000011", *database)[0] == 0
    assert store.list("event_codes")[0]["version"] == "99.1"


def test_a_report_that_says_nothing_of_tests_leaves_them_unknown(store: Store) -> None:
    report = {"report_id": "C3-r1", "case_id": "C3", "kind": "initial", "received_on": "2025-02-01"}
    take_in(store, DOCTOR, {"case_id": "C3", "person_id": "P1", "diagnosis": "T-cell lymphoma"}, report=report)
    assert store.get("cases", "C3")["tested"] == "unknown"
    with pytest.raises(InputError, match=r"column diagnosis.*Next: Diagnosis in words"):
        take_in(store, DOCTOR, {"case_id": "C4", "person_id": "P1"}, report={**report, "case_id": "C4"})
