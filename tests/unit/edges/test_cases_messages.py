"""E2B from and to cases, R2, MedDRA files and FHIR."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from aftercar.cases.causality import suggest
from aftercar.cases.e2b.build import Content, Sender, build_batch
from aftercar.cases.e2b.elements import ELEMENTS, GROUPS
from aftercar.cases.e2b.message import Batch, Group, Null, made
from aftercar.cases.e2b.rows import rows_of
from aftercar.cases.e2b.rules import NotSendable, check_batch, check_report, refuse_unfit
from aftercar.cases.model import CaseFile, case_files
from aftercar.edges.e2b_paths import ASSESSMENT_PATHS, GROUP_PATHS, OIDS, PATHS, compiled
from aftercar.edges.e2b_r2 import r2_from_bytes, read_r2
from aftercar.edges.e2b_xml import from_bytes, schema_problems, to_bytes
from aftercar.edges.fhir_adverse_event import adverse_event_bundle
from aftercar.edges.meddra import BadMeddra, read_meddra
from aftercar.edges.study import read_study
from aftercar.errors import UsageError

NOW = dt.datetime(2025, 3, 1, 12, 30, tzinfo=dt.UTC)
SENDER = Sender("Example Registry", "EXREG", "DE", "ZZFDA", "CDER")
REPORT = {
    "kind": "initial",
    "received_on": "2025-02-20",
    "report_type": "spontaneous",
    "reporter_qualification": "physician",
    "reporter_country": "DE",
    "reporter_name": None,
    "reporter_organisation": "Example Clinic",
    "seriousness": "hospitalisation",
    "safety_report_id": None,
    "worldwide_id": None,
    "reason": None,
}
CODE = {"system": "meddra", "level": "llt", "version": "27.1", "code": "10012345"}
ASSESSMENT = {
    "assessor": "Dr A",
    "organisation": "Example Clinic",
    "method": "WHO-UMC",
    "grade": "possible",
    "origin": "car_derived",
    "insertion_role": "not_assessable",
}


@pytest.fixture(scope="module")
def files(project: Path) -> dict[str, CaseFile]:
    study = read_study(project / "examples" / "published", today=dt.date(2026, 11, 23))
    return {file.case_id: file for file in case_files({name: study.rows(name) for name in study.frames})}


def content(file: CaseFile, **more: Any) -> Content:
    given = {"reports": [REPORT], "assessments": [ASSESSMENT], "event_codes": [CODE], "narrative": "Narrative."}
    return Content(**{**given, "comments": "\n".join(suggest(file).lines()), **more})


def test_every_claimed_element_has_one_place_and_no_place_is_unclaimed() -> None:
    assert set(PATHS) | set(ASSESSMENT_PATHS) | {
        "G.k.9.i.1",
        "G.k.9.i.3.1a",
        "G.k.9.i.3.1b",
        "G.k.9.i.3.2a",
        "G.k.9.i.3.2b",
        "G.k.9.i.4",
    } == set(ELEMENTS)
    assert set(GROUP_PATHS) | {"G.k.9.i", "G.k.9.i.2.r"} == set(GROUPS)
    assert len(set(OIDS.values())) == len(OIDS)
    for path in [*PATHS.values(), *GROUP_PATHS.values(), *ASSESSMENT_PATHS.values()]:
        assert path.startswith("#") or compiled(path).end or compiled(path).steps


@pytest.mark.parametrize("profile", ["ich", "fda", "eu"])
def test_every_published_case_can_be_sent(files: dict[str, CaseFile], profile: Any) -> None:
    for file in files.values():
        batch, _ = build_batch(file, SENDER, content(file, attach={"a": 1}), now=NOW, profile=profile)
        assert check_batch(batch, profile=profile, today=NOW.date()) == []
        assert from_bytes(to_bytes(batch)).batch == batch


@pytest.mark.data
def test_what_is_sent_is_valid_by_the_schemas(files: dict[str, CaseFile], test_data: Path) -> None:
    for profile in ("ich", "fda", "eu"):
        file = files["COLOGNE-2025-01"]
        batch, _ = build_batch(file, SENDER, content(file, attach={"a": 1}), now=NOW, profile=profile)  # type: ignore[arg-type]
        assert schema_problems(to_bytes(batch), test_data / "e2b_r3" / "schemas") == []


def test_the_case_stands_where_the_guide_wants_it(files: dict[str, CaseFile]) -> None:
    file = files["COLOGNE-2025-01"]
    batch, _ = build_batch(file, SENDER, content(file, linked=["DE-X-2"]), now=NOW)
    report = batch.reports[0]
    tests = {(item.text("F.r.2.1"), item.text("F.r.3.1")) for item in report.all("F.r")}
    assert ("CAR transgene in tumour", "1") in tests
    assert ("Vector integration site in car positive cells", "1") in tests
    drug = report.all("G.k")[0]
    assert drug.text("G.k.2.2") == "ciltacabtagene autoleucel"
    assert drug.first("G.k.4.r").get("G.k.4.r.7") == Null("UNK")
    given = drug.first("G.k.9.i").all("G.k.9.i.2.r")
    assert [(item.text("G.k.9.i.2.r.2"), item.text("G.k.9.i.2.r.3")) for item in given] == [
        ("WHO-UMC", "possible"),
        ("cell of origin", "CAR-derived"),
        ("role of the insertion", "not assessable"),
    ]
    assert report.all("G.k")[1].text("G.k.1") == "2"  # treatment after the infusion is concomitant
    assert report.first("C.1.10.r").text("C.1.10.r") == "DE-X-2"
    assert report.get("D.1") == Null("MSK")


def test_nothing_is_cut_in_silence(files: dict[str, CaseFile]) -> None:
    from aftercar.cases.model import build_case_file

    infusion = {"infusion_id": "I", "person_id": "P", "product": "x", "batch": "L" * 50, "infused_on": "2023-01-01"}
    file = build_case_file({"case_id": "C", "person_id": "P", "diagnosis": "d" * 300, "tested": "no"}, infusions=[infusion])
    batch, notes = build_batch(file, SENDER, content(file), now=NOW)
    assert any("G.k.4.r.7" in note and "50 to 35" in note for note in notes)
    assert any("E.i.1.2" in note for note in notes)
    assert "L" * 50 in (batch.reports[0].first("G.k").first("G.k.4.r").text("G.k.4.r.8") or "")


def test_amendment_and_nullification(files: dict[str, CaseFile]) -> None:
    file = files["PENN-2024-01"]
    for kind, code in (("amendment", "2"), ("nullification", "1")):
        reports = [REPORT, {**REPORT, "kind": kind, "received_on": "2025-02-25", "reason": "entered twice"}]
        batch, _ = build_batch(file, SENDER, content(file, reports=reports), now=NOW)
        report = batch.reports[0]
        assert (report.text("C.1.11.1"), report.text("C.1.11.2")) == (code, "entered twice")
        assert (report.text("C.1.4"), report.text("C.1.5")) == ("20250220", "20250225")


def test_a_case_without_a_code_is_refused_with_the_elements_name(files: dict[str, CaseFile]) -> None:
    file = files["PENN-2024-01"]
    batch, notes = build_batch(file, SENDER, content(file, event_codes=[]), now=NOW)
    with pytest.raises(NotSendable, match=r"E\.i\.2\.1b \(event \(MedDRA\)\) in E\.i\[1\]: is missing"):
        refuse_unfit(check_batch(batch))
    assert any("licensed MedDRA" in note for note in notes)


@pytest.mark.parametrize(
    ("code", "value", "words"),
    [
        ("C.1.1", "x" * 101, "has 101 characters, 100 are allowed"),
        ("C.1.3", "9", "not one of 1, 2, 3, 4"),
        ("C.1.4", "20251340", "does not exist"),
        ("C.1.4", "2025", "known to the day"),
        ("C.1.2", "20250101", "to the second"),
        ("C.1.5", "20990101", "lies in the future"),
        ("C.1.7", Null("UNK"), "it may be NI"),
        ("C.1.6.1", "yes", "neither true nor false"),
        ("D.5", Null("NI"), "it may be MSK"),
        ("D.2.2a", "old", "not a number"),
        ("D.2.2b", "years old", "has no blank"),
        ("H.1", "a\x01b", "control character"),
    ],
)
def test_lengths_nulls_codes_and_dates_name_the_element(files: dict[str, CaseFile], code: str, value: Any, words: str) -> None:
    file = files["COLOGNE-2025-01"]
    batch, _ = build_batch(file, SENDER, content(file), now=NOW)
    broken = Group({**batch.reports[0].values, code: value}, batch.reports[0].groups)
    found = [str(problem) for problem in check_report(broken, today=NOW.date()) if problem.element == code]
    assert any(words in text and ELEMENTS[code].name in text for text in found), found


def test_fda_rules_carry_their_identifier(files: dict[str, CaseFile]) -> None:
    file = files["PENN-2024-01"]
    batch, _ = build_batch(file, SENDER, content(file), now=NOW, profile="fda")
    report = batch.reports[0]

    def broken(**changes: Any) -> set[str]:
        values = {**report.values, **{name.replace("_", "."): value for name, value in changes.items()}}
        return {problem.rule_id for problem in check_batch(Batch(batch.values, (Group(values, report.groups),)), profile="fda")}

    assert broken(FDA_C_1_7_1="2") == {"R0014"}
    assert broken(N_2_r_3="CBER") == {"R0006"}
    assert broken(C_5_4="1") == {"R0103"}
    wrong = Batch({**batch.values, "N.1.4": "SOMEWHERE"}, batch.reports)
    assert "R0004" in {problem.rule_id for problem in check_batch(wrong, profile="fda")}
    null = Batch(batch.values, (Group({**report.values, "C.1.7": Null("NI"), "FDA.C.1.7.1": "2"}, report.groups),))
    assert {problem.rule_id for problem in check_batch(null, profile="fda", initial=True)} == {"R0011"}


def test_names_that_are_no_elements_are_refused() -> None:
    with pytest.raises(UsageError):
        made({"Z.9": "x"})
    with pytest.raises(UsageError):
        made({}, {"Z.r": []})
    with pytest.raises(UsageError):
        Null("MAYBE")


def test_a_sent_case_comes_back_as_rows(files: dict[str, CaseFile]) -> None:
    file = files["COLOGNE-2025-01"]
    batch, _ = build_batch(file, SENDER, content(file), now=NOW)
    received = from_bytes(to_bytes(batch)).batch
    found = rows_of(received.reports[0], received, person_id="P1", case_id="C1", sha256="0", origin="e2b_r3")
    back = case_files(found.tables)[0]
    assert back.case["diagnosis"] == file.case["diagnosis"]
    assert back.case["car_result"] == "detected"
    assert back.case["lineage"] == "T_cell"
    assert back.suspected_infusion["product"] == "ciltacabtagene autoleucel"  # type: ignore[index]
    assert any("talquetamab" in str(row["agent"]) for row in back.prior_therapy)
    assert any("Dr A" in note for note in found.notes)


R2 = b"""<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE ichicsr SYSTEM "http://127.0.0.1:9/icsr21xml.dtd">
<ichicsr lang="en"><ichicsrmessageheader><messagenumb>M1</messagenumb><messagesenderidentifier>S</messagesenderidentifier>
<messagereceiveridentifier>R</messagereceiveridentifier><messagedate>20240102030405</messagedate></ichicsrmessageheader>
<safetyreport><safetyreportid>DE-S-1</safetyreportid><primarysourcecountry>DE</primarysourcecountry><reporttype>1</reporttype>
<seriousnessdeath>1</seriousnessdeath><receivedate>20240101</receivedate><receiptdate>20240101</receiptdate>
<companynumb>DE-S-1</companynumb><primarysource><qualification>1</qualification></primarysource>
<patient><patientonsetage>61</patientonsetage><patientonsetageunit>801</patientonsetageunit><patientsex>2</patientsex>
<medicalhistoryepisode><patientepisodename>EBV infection</patientepisodename></medicalhistoryepisode>
<reaction><primarysourcereaction>T-cell lymphoma</primarysourcereaction><reactionstartdateformat>610</reactionstartdateformat>
<reactionstartdate>202312</reactionstartdate><reactionoutcome>5</reactionoutcome></reaction>
<test><testdate>20231201</testdate><testname>CAR transgene PCR</testname><testresult>positive</testresult></test>
<drug><drugcharacterization>1</drugcharacterization><medicinalproduct>KYMRIAH</medicinalproduct><drugbatchnumb>L77</drugbatchnumb>
<drugstartdate>20230105</drugstartdate><drugreactionrelatedness><drugassessmentsource>Sponsor</drugassessmentsource>
<drugresult>Related</drugresult></drugreactionrelatedness></drug><summary><narrativeincludeclinical>Told.</narrativeincludeclinical>
</summary><unheardof>x</unheardof></patient></safetyreport></ichicsr>"""


def test_r2_is_read_into_the_elements_of_r3() -> None:
    received = r2_from_bytes(R2)
    report = received.batch.reports[0]
    event, drug = report.first("E.i"), report.first("G.k")
    assert (event.text("E.i.1.2"), event.text("E.i.4"), event.text("E.i.7"), event.text("E.i.3.2a")) == (
        "T-cell lymphoma",
        "202312",
        "5",
        "true",
    )
    assert (report.text("D.2.2a"), report.text("D.2.2b"), report.text("D.5")) == ("61", "a", "2")
    assert drug.first("G.k.4.r").text("G.k.4.r.7") == "L77"
    assert drug.first("G.k.9.i").first("G.k.9.i.2.r").text("G.k.9.i.2.r.3") == "Related"
    assert report.first("D.7.1.r").text("D.7.1.r.5") == "EBV infection"
    assert report.first("F.r").text("F.r.3.4") == "positive"
    assert any("unheardof" in place for place in received.unclaimed)
    rows = rows_of(report, received.batch, person_id="P1", case_id="C1", sha256="0", origin="e2b_r2")
    back = case_files(rows.tables)[0]
    assert back.person["vital_status"] == "dead"
    assert back.suspected_infusion["batch"] == "L77"  # type: ignore[index]
    assert back.case["tested"] == "unknown"  # "positive" stands only in words


@pytest.mark.data
@pytest.mark.parametrize("name", ["E2B_RTOG-1106", "e2b_plus_Rave_changes"])
def test_r2_messages_of_others_are_read(test_data: Path, name: str) -> None:
    received = read_r2(test_data / "e2b_r3" / "e2b_r2_caaers" / f"{name}.xml")
    assert sum(1 for report in received.batch.reports for _ in report.walk()) > 40
    assert received.unclaimed


# --- MedDRA: invented terms with invented codes ---


@pytest.fixture
def meddra(tmp_path: Path) -> Path:
    folder = tmp_path / "MedAscii"
    folder.mkdir()
    (folder / "pt.asc").write_text("90000001$Invented lymphoma$$90009$$$$$$$$\n90000002$Invented fever$$90008$$$$$$$$\n")
    (folder / "llt.asc").write_text(
        "90000001$Invented lymphoma$90000001$$$$$$$Y$$\n90000011$Invented lymphoma of gut$90000001$$$$$$$Y$$\n"
        "90000012$Old word for it$90000001$$$$$$$N$$\n90000002$Invented fever$90000002$$$$$$$Y$$\n"
    )
    (folder / "mdhier.asc").write_text("90000001$1$1$90009$Invented lymphoma$h$g$Neoplasms invented$NI$$90009$Y$\n")
    (folder / "meddra_release.asc").write_text("99.1$English$$$$\n")
    return tmp_path


def test_a_licensed_distribution_is_read_with_its_version(meddra: Path) -> None:
    found = read_meddra(meddra)
    assert found.version == "99.1"
    assert found.terms["90000011"].version == "99.1"
    assert found.preferred("90000011").name == "Invented lymphoma"  # type: ignore[union-attr]
    assert [term.code for term in found.find("invented LYMPHOMA")] == ["90000001"]
    assert [term.code for term in found.find("gut lymphoma")] == ["90000011"]
    assert found.find("Old word for it") == ()
    assert found.soc_of == {"90000001": "Neoplasms invented"}


def test_a_damaged_distribution_is_refused_with_its_line(meddra: Path) -> None:
    (meddra / "MedAscii" / "llt.asc").write_text("90000011$Orphan$90000099$\n")
    with pytest.raises(BadMeddra, match="90000099"):
        read_meddra(meddra)
    (meddra / "MedAscii" / "llt.asc").write_text("90000011\n")
    with pytest.raises(BadMeddra, match="line 1"):
        read_meddra(meddra)
    with pytest.raises(BadMeddra, match=r"llt\.asc"):
        read_meddra(meddra / "nowhere")


# --- FHIR ---


@pytest.mark.parametrize("release", ["R5", "R4B"])
def test_fhir_bundles_are_valid_and_keep_assessors_apart(files: dict[str, CaseFile], release: Any) -> None:
    if release == "R5":
        from fhir.resources.bundle import Bundle
    else:
        from fhir.resources.R4B.bundle import Bundle

    other = {**ASSESSMENT, "assessor": "Dr B", "grade": "unlikely"}
    for file in files.values():
        bundle = adverse_event_bundle(file, [ASSESSMENT, other], recorded_on="2025-03-01", release=release)
        Bundle.model_validate(json.loads(json.dumps(bundle)))
        event = bundle["entry"][0]["resource"]
        causality = (
            [item["causality"] for item in event["suspectEntity"]] if release == "R5" else event["suspectEntity"][0]["causality"]
        )
        assert [item["author"]["display"] for item in causality] == ["Dr A", "Dr B"]
