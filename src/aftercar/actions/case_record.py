"""What a person does to a case in the registry: take it in, code it, ask for tests, assess and sign, write, link."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from aftercar.actions.case_desk import Desk, plain
from aftercar.actions.permissions import Actor
from aftercar.cases.assessment import new_assessment, sign
from aftercar.cases.duplicates import DuplicateSettings, Found, find_duplicates, report_of
from aftercar.cases.intake import Validity, validity
from aftercar.cases.model import build_case_file
from aftercar.cases.narrative import SECTIONS, narrate
from aftercar.cases.testing import STATES
from aftercar.edges.meddra import Meddra
from aftercar.errors import InputError, UsageError
from aftercar.store import Record, Store
from aftercar.vocab.columns import UNKNOWN
from aftercar.vocab.tables.cases import TESTS


def take_in(
    store: Store,
    actor: Actor,
    case: Mapping[str, Any],
    *,
    person: Mapping[str, Any] | None = None,
    infusions: Sequence[Mapping[str, Any]] = (),
    report: Mapping[str, Any],
    why: str = "new case",
) -> Validity:
    """Add a case with the report that brought it; the person and infusions are added when they are new.

    A report that is not (yet) a valid case is kept all the same: what is missing is returned, to be asked for.

    Args:
        store: the registry.
        actor: needs ``assess`` for the person's centre, and ``edit`` to add a person.
        case: row of ``cases``; whether the tumour was tested is unknown when it is not said.
        person, infusions: rows, where the registry does not hold them yet.
        report: row of ``case_reports``.
        why: reason for the audit trail.
    """
    person_id = str(case["person_id"])
    known = store.get("people", person_id)
    who = known.row if known is not None else person
    if who is None:
        raise InputError(f"there is no person {person_id!r}", fix="enrol the person, or give the row of people")
    actor.check("assess", centre=who.get("centre"))
    if known is None:
        actor.check("edit", centre=who.get("centre"))
    rows = [record.row for record in store.list("infusions", {"person_id": person_id})]
    new = [row for row in infusions if row["infusion_id"] not in {item["infusion_id"] for item in rows}]
    case = {**case, "tested": case.get("tested") or UNKNOWN}
    file = build_case_file(case, person=who, infusions=[*rows, *new])
    with store.transaction(actor.name, why) as change:
        if known is None:
            change.save("people", file.person)
        for row in new:
            change.save("infusions", row)
        change.save("cases", file.case)
        saved = change.save("case_reports", report)
    return validity(file, saved.row)


def add_report(desk: Desk, row: Mapping[str, Any], *, why: str = "further report") -> Record:
    """Add a follow-up, amendment or nullification to a case."""
    store, actor = desk.writer("assess", str(row["case_id"]))
    return store.save("case_reports", row, who=actor.name, why=why)


def code_event(desk: Desk, case_id: str, meddra: Meddra, code: str) -> Record:
    """Give a case a code of the user's licensed MedDRA; its version is kept.

    Raises:
        InputError: when that version has no such current term.
    """
    store, actor = desk.writer("assess", case_id)
    term = meddra.terms.get(code)
    if term is None or not term.current:
        raise InputError(f"MedDRA {meddra.version} has no current term {code}", fix="look the term up again")
    row = {
        "code_id": f"{case_id}-meddra-{code}",
        "case_id": case_id,
        "system": "meddra",
        "version": term.version,
        "level": "llt",
        "code": code,
        "coded_by": actor.name,
    }
    return store.save("event_codes", row, who=actor.name, why=f"coded with MedDRA {meddra.version}")


def ask_for_test(
    desk: Desk,
    case_id: str,
    test: str,
    *,
    on: dt.date,
    laboratory: str = "",
    sample_id: str | None = None,
    state: str = "requested",
    reason: str = "",
) -> Record:
    """Record that a test was asked for, or why it is not possible or was refused.

    Raises:
        UsageError: for an unknown test or state, or a refusal without its reason.
    """
    if test not in TESTS:
        raise UsageError(f"{test!r} is not a test", fix=f"the tests are {', '.join(TESTS)}")
    if state not in STATES:
        raise UsageError(f"{state!r} is not a state", fix=f"the states are {', '.join(STATES)}")
    if state in ("not_possible", "refused", "cancelled") and not reason:
        raise UsageError(f"a test that is {state.replace('_', ' ')} needs a reason", fix="give --reason")
    store, actor = desk.writer("test", case_id)
    number = len(desk.rows("testing_requests", case_id)) + 1
    row = {
        "request_id": f"{case_id}-q{number}-{test}"[:64],
        "case_id": case_id,
        "test": test,
        "sample_id": sample_id,
        "laboratory": laboratory or None,
        "state": state,
        "requested_on": on.isoformat(),
        "reason": reason or None,
    }
    return store.save("testing_requests", row, who=actor.name, why=f"test {state.replace('_', ' ')}")


def move_test(desk: Desk, request_id: str, state: str, *, on: dt.date, reason: str = "", result_id: str | None = None) -> Record:
    """Move a request on: received, resulted, not possible, refused, cancelled.

    Raises:
        InputError: when there is no such request within reach.
        UsageError: for a day before the request, or a refusal without its reason.
    """
    row = next((item for item in desk.around.get("testing_requests", ()) if item["request_id"] == request_id), None)
    if row is None:
        raise InputError(f"there is no request {request_id!r} within reach", fix="see them with: aftercar case checklist")
    if state not in STATES:
        raise UsageError(f"{state!r} is not a state", fix=f"the states are {', '.join(STATES)}")
    if state in ("not_possible", "refused", "cancelled") and not reason:
        raise UsageError(f"a test that is {state.replace('_', ' ')} needs a reason", fix="give --reason")
    if row["requested_on"] and on.isoformat() < str(row["requested_on"]):
        raise UsageError(f"{on} lies before the request of {row['requested_on']}")
    store, actor = desk.writer("test", str(row["case_id"]))
    changed = {**plain(row), "state": state, "reason": reason or row["reason"], "result_id": result_id or row["result_id"]}
    if state in ("received", "resulted"):
        changed[f"{state}_on"] = on.isoformat()
    return store.save("testing_requests", changed, who=actor.name, why=f"test {state}", expected_version=row["row_version"])


def check_sample(
    desk: Desk,
    sample_id: str,
    *,
    on: dt.date,
    form: str = "unknown",
    quantity: float | None = None,
    unit: str | None = None,
    tumour_content: float | None = None,
    suitable: str = "unknown",
    suitable_for: Sequence[str] = (),
    reason: str = "",
) -> Record:
    """Record what is left of a specimen and which tests it can still serve.

    Raises:
        InputError: when the registry holds no such sample within reach.
        UsageError: for a quantity without unit, an unknown test, or an unsuitable sample without its reason.
    """
    file = next((item for item in desk.files.values() if any(row["sample_id"] == sample_id for row in item.samples)), None)
    if file is None:
        raise InputError(f"there is no sample {sample_id!r} of a case within reach", fix="record the sample first")
    if quantity is not None and not unit:
        raise UsageError("a quantity needs its unit", fix="ug_dna, million_cells, ml, blocks, slides or mg")
    if unknown := [name for name in suitable_for if name not in TESTS]:
        raise UsageError(f"{unknown[0]!r} is not a test", fix=f"the tests are {', '.join(TESTS)}")
    if suitable == "no" and not reason.strip():
        raise UsageError("an unsuitable sample needs a reason", fix="give --reason")
    store, actor = desk.writer("test", file.case_id)
    number = sum(1 for row in desk.around.get("sample_checks", ()) if row["sample_id"] == sample_id) + 1
    row = {
        "check_id": f"{sample_id[:56]}-k{number}",
        "person_id": file.case["person_id"],
        "sample_id": sample_id,
        "checked_on": on.isoformat(),
        "form": form,
        "quantity": quantity,
        "quantity_unit": unit,
        "tumour_content": tumour_content,
        "suitable": suitable,
        "suitable_for": ";".join(suitable_for) or None,
        "unsuitable_reason": reason or None,
    }
    return store.save("sample_checks", row, who=actor.name, why="sample checked")


def assess_case(
    desk: Desk,
    case_id: str,
    *,
    grade: str,
    reasons: str,
    on: dt.date,
    organisation: str = "",
    origin: str | None = None,
    insertion_role: str | None = None,
    signed_at: dt.datetime | None = None,
) -> Record:
    """Record the acting person's assessment, signed when ``signed_at`` is given. Nobody assesses for somebody else."""
    store, actor = desk.writer("assess", case_id)
    if signed_at is not None:
        actor.check("sign")
    number = len(desk.rows("assessments", case_id)) + 1
    row = new_assessment(
        desk.file(case_id),
        desk.causality(case_id),
        assessment_id=f"{case_id}-a{number}"[:64],
        assessor=actor.name,
        organisation=organisation,
        assessed_on=on.isoformat(),
        grade=grade,
        reasons=reasons,
        origin=origin,
        insertion_role=insertion_role,
    )
    if signed_at is not None:
        row = sign(row, account=actor.name, signed_on=signed_at.isoformat(timespec="seconds"))
    return store.save("assessments", row, who=actor.name, why=f"assessment: {grade}")


def withdraw_assessment(desk: Desk, assessment_id: str, *, on: dt.date, reason: str) -> Record:
    """Withdraw one's own assessment; it stays readable.

    Raises:
        InputError: when there is no such assessment within reach.
        UsageError: when it is another person's, or without a reason.
    """
    row = next((item for item in desk.around.get("assessments", ()) if item["assessment_id"] == assessment_id), None)
    if row is None:
        raise InputError(f"there is no assessment {assessment_id!r} within reach")
    store, actor = desk.writer("assess", str(row["case_id"]))
    if row["assessor"] != actor.name:
        raise UsageError(f"the assessment is {row['assessor']}'s", fix="each person withdraws only what that person assessed")
    if not reason.strip():
        raise UsageError("a withdrawal needs a reason", fix="give --reasons")
    changed = {**plain(row), "withdrawn_on": on.isoformat(), "withdrawn_reason": reason}
    return store.save("assessments", changed, who=actor.name, why=reason, expected_version=row["row_version"])


def write_narrative(desk: Desk, case_id: str, section: str, text: str, *, on: dt.date, instead: bool = False) -> Record:
    """Keep a person's text beside (or instead of) the generated sentences of a section.

    Raises:
        UsageError: for an unknown section or an empty text.
    """
    if section not in SECTIONS:
        raise UsageError(f"{section!r} is not a section", fix=f"the sections are {', '.join(SECTIONS)}")
    if not text.strip():
        raise UsageError("the text is empty")
    store, actor = desk.writer("assess", case_id)
    rows = desk.rows("narratives", case_id)
    row = {
        "narrative_id": f"{case_id}-n{len(rows) + 1}"[:64],
        "case_id": case_id,
        "section": section,
        "text": text.strip(),
        "place": "instead" if instead else "after",
        "written_by": actor.name,
        "written_on": on.isoformat(),
        "generated": narrate(desk.file(case_id), desk.causality(case_id)).fingerprint(section),
    }
    return store.save("narratives", row, who=actor.name, why=f"narrative: {section}")


def duplicate_candidates(desk: Desk, settings: DuplicateSettings | None = None, *, decided_too: bool = False) -> Found:
    """Pairs of cases that may be one event, without those somebody decided already (unless ``decided_too``)."""
    reports = [report_of(file, _identifiers(desk, case_id)) for case_id, file in sorted(desk.files.items())]
    found = find_duplicates(reports, settings or DuplicateSettings())
    decided = {
        frozenset((row["case_a"], row["case_b"])) for row in desk.around.get("duplicate_links", ()) if not row["undone_on"]
    }
    if decided_too or not decided:
        return found
    open_pairs = tuple(item for item in found.candidates if frozenset((item.first, item.second)) not in decided)
    return Found(open_pairs, found.compared, found.skipped)


def decide_duplicate(
    desk: Desk, one: str, other: str, decision: str, *, on: dt.date, reason: str = "", score: float | None = None
) -> Record:
    """Record a person's decision on a pair: ``same_event``, ``different`` or ``undecided``. Nothing is merged.

    Raises:
        UsageError: for a case linked to itself or an unknown decision.
    """
    if one == other:
        raise UsageError("a case cannot be a duplicate of itself")
    if decision not in ("same_event", "different", "undecided"):
        raise UsageError(f"{decision!r} is not a decision", fix="same_event, different or undecided")
    first, second = sorted((one, other))
    desk.writer("assess", first)
    store, actor = desk.writer("assess", second)
    number = sum(1 for row in desk.around.get("duplicate_links", ()) if {row["case_a"], row["case_b"]} == {first, second}) + 1
    row = {
        "link_id": f"{first[:28]}.{second[:28]}.{number}",
        "case_a": first,
        "case_b": second,
        "score": score,
        "decision": decision,
        "decided_by": actor.name,
        "decided_on": on.isoformat(),
        "reason": reason or None,
    }
    return store.save("duplicate_links", row, who=actor.name, why=f"duplicate: {decision}")


def undo_duplicate(desk: Desk, link_id: str, *, on: dt.date, reason: str) -> Record:
    """Undo a link; both cases count again as before.

    Raises:
        InputError: when there is no such link within reach.
        UsageError: without a reason.
    """
    row = next((item for item in desk.around.get("duplicate_links", ()) if item["link_id"] == link_id), None)
    if row is None:
        raise InputError(f"there is no link {link_id!r} within reach")
    if not reason.strip():
        raise UsageError("undoing a link needs a reason", fix="give --reason")
    store, actor = desk.writer("assess", str(row["case_a"]))
    changed = {**plain(row), "undone_by": actor.name, "undone_on": on.isoformat(), "undone_reason": reason}
    return store.save("duplicate_links", changed, who=actor.name, why=reason, expected_version=row["row_version"])


def _identifiers(desk: Desk, case_id: str) -> list[str]:
    rows = desk.rows("case_reports", case_id)
    return [str(row[name]) for row in rows for name in ("worldwide_id", "safety_report_id") if row[name]]
