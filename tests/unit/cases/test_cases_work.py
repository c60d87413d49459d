"""Intake, deadlines, tests, assessments, narrative, duplicates, forms."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from aftercar.cases.assessment import disagreement, new_assessment, sign, signature_holds, standings
from aftercar.cases.causality import suggest
from aftercar.cases.cioms import LINE_COLUMNS, cioms_i, cioms_ii_line
from aftercar.cases.completeness import ITEMS, completeness
from aftercar.cases.deadlines import RULES, deadlines
from aftercar.cases.duplicates import (
    FIELDS,
    DuplicateSettings,
    Report,
    _Columns,
    find_duplicates,
    pair_levels,
    same_event_groups,
)
from aftercar.cases.intake import from_mapping, seriousness, validity
from aftercar.cases.model import BadCase, CaseFile, build_case_file
from aftercar.cases.narrative import narrate
from aftercar.cases.testing import checklist, turnaround_days
from aftercar.errors import UsageError
from aftercar.testing.duplicates import simulate_reports
from aftercar.vocab.terms import DIAGNOSES, find_by_code, find_diagnosis, is_in_remission, is_unspecific, relapse_of

INFUSION = {
    "infusion_id": "I",
    "person_id": "P",
    "product": "Yescarta",
    "batch": "LOT1",
    "infused_on": "2023-01-10",
    "indication": "DLBCL",
    "line_of_therapy": 3,
}


def case(**more: Any) -> CaseFile:
    around = {name: more.pop(name, ()) for name in ("findings", "prior_therapy", "samples", "assay_results")}
    infusions, person = more.pop("infusions", [INFUSION]), more.pop("person", {"person_id": "P", "centre": "A"})
    row = {"case_id": "C", "person_id": "P", "diagnosis": "peripheral T-cell lymphoma", "tested": "no", **more}
    return build_case_file(row, person=person, infusions=infusions, **around)


# --- intake ---


def kinds(**more: Any) -> list[str]:
    return [question.kind for question in validity(case(**more)).questions]


@pytest.mark.parametrize(
    "term", ["second primary malignancy", "Lymphoma", "lymphoma NOS", "Neoplasm malignant", "leukaemia", "SPM"]
)
def test_terms_without_histology_are_asked_about_not_counted(term: str) -> None:
    found = validity(case(diagnosis=term))
    assert found.valid
    assert not found.countable
    assert "unspecific_term" in [question.kind for question in found.questions]


def test_a_morphology_code_answers_the_question() -> None:
    assert "unspecific_term" not in kinds(
        diagnosis="lymphoma", icd_o_morphology="9702/3", lineage="T_cell", histology_confirmed="yes"
    )


def test_relapse_of_the_treated_disease_is_recognised() -> None:
    assert kinds(diagnosis="diffuse large B-cell lymphoma recurrent", lineage="B_cell") == ["relapse"]
    assert kinds(diagnosis="diffuse large B-cell lymphoma", lineage="B_cell") == ["possible_relapse"]
    assert kinds(diagnosis="peripheral T-cell lymphoma", lineage="T_cell") == []
    assert "prevalent" in kinds(diagnosis="peripheral T-cell lymphoma in remission")


def test_lymphoproliferation_has_a_value_of_its_own_and_does_not_block() -> None:
    found = validity(case(diagnosis="T-cell lymphoproliferative disorder", lineage="T_cell", behaviour="lymphoproliferative"))
    assert [question.kind for question in found.questions] == ["lymphoproliferation"]
    assert found.countable


def test_diagnosis_before_the_infusion_is_pointed_out() -> None:
    assert "not_after_infusion" in kinds(diagnosed_on="2022-12-01", infusion_id="I")


def test_minimum_criteria() -> None:
    assert validity(case()).unmet == ()
    assert validity(case(person={"person_id": "P"})).unmet == ("reporter",)
    nobatch = validity(case(infusions=[{**INFUSION, "batch": None}]))
    assert (nobatch.unmet, nobatch.valid) == (("batch",), True)
    assert not validity(case(infusions=[])).valid
    assert not validity(case(infusions=[{**INFUSION, "product": "not stated"}])).valid


def test_seriousness_names_death_and_is_never_empty_for_a_malignancy() -> None:
    assert seriousness(case()) == ("other_important",)
    assert seriousness(case(outcome="fatal")) == ("death", "other_important")


def test_a_flat_form_becomes_rows() -> None:
    rows = from_mapping({"case_id": "C1", "person_id": "P1", "product": "axi-cel", "infusion_id": "I1", "sex": "male"})
    assert rows == (
        {"case_id": "C1", "person_id": "P1", "infusion_id": "I1"},
        {"person_id": "P1", "sex": "male"},
        {"person_id": "P1", "product": "axi-cel", "infusion_id": "I1"},
    )
    with pytest.raises(BadCase, match="colour"):
        from_mapping({"colour": "red"})


def test_completeness_rises_with_what_is_known_and_leaves_out_what_cannot_apply() -> None:
    less, more = completeness(case()), completeness(case(ebv="negative", lineage="T_cell", histology_confirmed="yes"))
    assert less.score < more.score
    assert less.of == more.of
    assert "transgene_result" not in {item.name for item in less.missing}
    assert "transgene_result" in {item.name for item in completeness(case(tested="yes")).missing}
    assert sum(item.points for item in less.missing) == less.of - less.points
    assert len({item.name for item in ITEMS}) == len(ITEMS)


# --- terms ---


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Peripheral T cell lymphoma, angioimmunoblastic type", "aitl"),
        ("T-cell lymphoma (lymph-node biopsy)", "t_lymphoma"),
        ("primary cutaneous CD30+ T-cell lymphoproliferative disorder", "cd30_lpd"),
        ("T-cell acute lymphoblastic leukemia", "tall"),
        ("diffuse large B-cell lymphoma", "dlbcl"),
        ("myelodysplastic syndrome", "mds"),
        ("Anaplastic large cell lymphoma", "alcl_alk_neg"),
        ("something else", None),
    ],
)
def test_free_text_finds_the_most_specific_entity(text: str, key: str | None) -> None:
    found = find_diagnosis(text)
    assert (found.key if found else None) == key


def test_icd10_alone_does_not_tell_lymphoblastic_lineage() -> None:
    assert find_by_code(icd_10="C91.0") is None
    assert find_by_code(icd_o="9837/3").key == "tall"  # type: ignore[union-attr]
    assert find_by_code(icd_10="C84.4").key == "ptcl_nos"  # type: ignore[union-attr]


def test_every_entity_carries_a_source_and_mark() -> None:
    assert all(item.source.cite and item.source.mark for item in DIAGNOSES)
    assert len({item.key for item in DIAGNOSES}) == len(DIAGNOSES)
    assert not is_unspecific("hepatosplenic T-cell lymphoma")
    assert is_in_remission("Follicular lymphoma, in remission")
    assert not relapse_of("T-cell lymphoma", "multiple myeloma").possible


# --- deadlines ---


def test_deadlines_follow_region_and_seriousness() -> None:
    day0, today = dt.date(2025, 1, 10), dt.date(2025, 1, 20)
    found = deadlines(day0, today, regions=("EU",), seriousness=("other_important",))
    assert [(item.due_on, item.days_left) for item in found] == [(dt.date(2025, 1, 25), 5)]
    mild = deadlines(day0, today, regions=("EU",))
    assert [item.due_on for item in mild] == [dt.date(2025, 4, 10)]
    grave = deadlines(day0, dt.date(2025, 2, 1), regions=("US",), setting="trial", seriousness=("death",))
    assert [item.rule.days for item in grave] == [7, 15]
    assert all(item.is_late for item in grave)
    assert deadlines(day0, today, regions=("US",), setting="trial", seriousness=("death",), expected=True) == []
    assert all(rule.source.mark in ("recalled", "secondary", "seen") for rule in RULES)


# --- tests ---


def test_the_checklist_names_samples_gaps_states_and_reasons() -> None:
    samples = [
        {"sample_id": "S1", "person_id": "P", "case_id": "C", "material": "tumour"},
        {"sample_id": "S2", "person_id": "P", "material": "apheresis"},
    ]
    file = case(tested="not_possible", untested_reason="block used up", samples=samples)
    request = {
        "request_id": "Q1",
        "case_id": "C",
        "test": "ebv",
        "state": "refused",
        "requested_on": "2025-01-01",
        "received_on": None,
        "resulted_on": None,
        "reason": "no consent",
    }
    check = {"sample_id": "S1", "suitable": "yes", "suitable_for": "transgene"}
    found = {item.test: item for item in checklist(file, suggest(file), [request], [check], manufacturer="Kite").tests}
    assert (found["transgene"].state, found["transgene"].reason) == ("not_possible", "block used up")
    assert found["transgene"].samples == ("S1",)
    assert (found["ebv"].state, found["ebv"].reason, found["ebv"].samples) == ("refused", "no consent", ())
    assert found["germline"].missing == ("germline",)
    assert found["clonal_haematopoiesis"].samples == ("S2",)
    assert "Kite" in checklist(file, suggest(file), manufacturer="Kite").contact
    assert "integration_sites" not in found


def test_turnaround_needs_both_days() -> None:
    row = {"requested_on": "2025-01-01", "resulted_on": "2025-01-20"}
    assert turnaround_days(row) == 19
    assert turnaround_days({**row, "resulted_on": "2025-01"}) is None


# --- assessments ---


def assessed(file: CaseFile, name: str, grade: str) -> dict[str, Any]:
    row = new_assessment(
        file, suggest(file), assessment_id=f"A-{name}", assessor=name, assessed_on="2025-01-01", grade=grade, reasons="because"
    )
    return sign(row, account=name, signed_on="2025-01-01T10:00:00+00:00")


def test_several_assessors_may_differ_and_all_are_kept() -> None:
    file = case()
    rows = [assessed(file, "Dr A", "possible"), assessed(file, "Dr B", "unlikely")]
    found = standings(file, rows)
    assert [item.state for item in found] == ["signed", "signed"]
    assert disagreement(found) == "assessors differ: Dr A possible; Dr B unlikely"
    assert disagreement(found[:1]) == ""


def test_later_evidence_reopens_visibly() -> None:
    rows = [assessed(case(), "Dr A", "possible")]
    later = case(ebv="positive", findings=[{"finding_id": "F", "case_id": "C", "kind": "virus", "description": "EBV"}])
    found = standings(later, rows)[0]
    assert (found.state, set(found.changed)) == ("reopened", {"cases", "findings"})
    assert standings(case(), rows)[0].state == "signed"


def test_signatures_hold_only_for_what_was_signed_by_whom() -> None:
    row = assessed(case(), "Dr A", "possible")
    assert signature_holds(row)
    assert not signature_holds({**row, "grade": "certain"})
    draft = new_assessment(
        case(), suggest(case()), assessment_id="A", assessor="Dr A", assessed_on="2025-01-01", grade="possible", reasons="x"
    )
    with pytest.raises(UsageError, match="cannot sign"):
        sign(draft, account="Dr B", signed_on="2025-01-01")
    with pytest.raises(UsageError, match="signed already"):
        sign(row, account="Dr A", signed_on="2025-01-01")


@pytest.mark.parametrize("wrong", [{"grade": "maybe"}, {"assessor": " "}, {"reasons": ""}])
def test_an_assessment_needs_a_person_a_grade_and_reasons(wrong: dict[str, str]) -> None:
    given = {"assessment_id": "A", "assessor": "Dr A", "assessed_on": "2025-01-01", "grade": "possible", "reasons": "x", **wrong}
    with pytest.raises(UsageError):
        new_assessment(case(), suggest(case()), **given)


# --- narrative and forms ---


def written(section: str, text: str, **more: Any) -> dict[str, Any]:
    base = {"narrative_id": "N", "case_id": "C", "section": section, "text": text, "place": "after"}
    return {**base, "written_by": "Dr A", "written_on": "2025-01-01", "generated": None, **more}


def test_every_sentence_names_its_fields_and_a_persons_text_is_kept() -> None:
    file = case(diagnosed_on="2023-06-01", ebv="positive")
    told = narrate(file, suggest(file), [written("event", "Seen by the board.")])
    assert all(item.fields for item in told.sentences)
    assert "[Dr A] Seen by the board." in told.text()
    assert "EBV was positive." in told.text()
    replaced = narrate(file, suggest(file), [written("event", "Our own words.", place="instead")])
    assert "was diagnosed" not in replaced.text()
    assert "Our own words." in replaced.text()


def test_a_text_written_beside_older_data_says_so() -> None:
    file = case(diagnosed_on="2023-06-01")
    seen = narrate(file, suggest(file)).fingerprint("event")
    later = case(diagnosed_on="2023-07-01")
    row = written("event", "Seen.", generated=seen)
    assert "changed after it was written" in narrate(later, suggest(later), [row]).text()
    assert "changed after it was written" not in narrate(file, suggest(file), [row]).text()


def test_unknown_is_said_as_unknown() -> None:
    text = narrate(case(tested="unknown"), suggest(case(tested="unknown"))).text()
    assert "not known" in text
    assert "negative" not in text


def test_forms_hold_every_box_once() -> None:
    file = case()
    boxes = cioms_i(file, suggest(file), "text")
    assert len({number for number, _, _ in boxes}) == len(boxes)
    assert tuple(cioms_ii_line(file, suggest(file))) == LINE_COLUMNS


# --- duplicates ---


def test_the_fast_levels_are_those_of_the_slow_twin() -> None:
    reports, _ = simulate_reports(150, 60, seed=3)
    columns = _Columns(reports)
    i, j = np.triu_indices(len(reports), 1)
    fast = columns.compare(i.astype(np.int64), j.astype(np.int64))
    for row in np.random.default_rng(0).choice(len(i), 3_000, replace=False):
        slow = pair_levels(reports[i[row]], reports[j[row]])
        assert [slow[name] for name in FIELDS] == fast[row].tolist()


def test_known_duplicates_are_found_among_others() -> None:
    reports, truth = simulate_reports(1_900, 100, seed=11)
    found = find_duplicates(reports)
    pairs = {tuple(sorted((item.first, item.second))) for item in found.candidates}
    assert len(pairs & truth) / len(truth) > 0.85
    assert len(pairs & truth) / len(pairs) > 0.9
    assert [item.probability for item in found.candidates] == sorted(
        (item.probability for item in found.candidates), reverse=True
    )
    assert find_duplicates(reports).candidates == found.candidates


def test_blocking_loses_few_pairs_against_all_pairs() -> None:
    reports, truth = simulate_reports(190, 40, seed=5)
    found = {tuple(sorted((item.first, item.second))) for item in find_duplicates(reports).candidates}
    everything = DuplicateSettings(threshold=0.0)
    compared = {tuple(sorted((item.first, item.second))) for item in find_duplicates(reports, everything).candidates}
    assert len(truth - compared) <= 3
    assert found <= compared


def test_unknown_fields_say_nothing() -> None:
    empty = [Report(f"R{i}") for i in range(5)]
    assert find_duplicates(empty).candidates == ()
    assert find_duplicates([]).candidates == ()


def test_a_block_too_large_is_named_not_dropped_in_silence() -> None:
    reports = [Report(f"R{i}", batch="LOT") for i in range(40)]
    assert find_duplicates(reports, DuplicateSettings(largest_block=10)).skipped == (("batch", 40),)


def test_links_group_without_merging_and_can_be_undone() -> None:
    def link(a: str, b: str, **more: Any) -> dict[str, Any]:
        return {"case_a": a, "case_b": b, "decision": "same_event", "undone_on": None, **more}

    links = [link("A", "B"), link("B", "C"), link("D", "E", decision="different"), link("F", "G", undone_on="2025-01-01")]
    assert same_event_groups(links) == [("A", "B", "C")]
