"""In and out: nothing lost on the round trip, nothing taken over that is not CAR-T, nothing left unsaid."""

import csv
import io
import json
import shutil
import zipfile

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from aftercar.actions.permissions import Actor
from aftercar.actions.registry_export import export_registry
from aftercar.actions.registry_import import guess_format, import_rows, study_rows, workbook_rows
from aftercar.actions.registry_import_records import record_rows
from aftercar.actions.registry_people import withdraw_consent
from aftercar.edges.fhir import BadFhir, read_fhir
from aftercar.edges.omop import BadOmop, read_omop
from aftercar.edges.study import read_study
from aftercar.errors import InputError, NotPermitted, UsageError
from aftercar.registry.codes import BadCodes, code_table
from aftercar.registry.mapping import Defaults
from aftercar.registry.pseudonyms import Key, Pseudonyms
from aftercar.store import StaleVersion
from aftercar.vocab.tables.study import TABLES

KEY = Key(bytes(range(32)))
TODAY = __import__("datetime").date(2026, 11, 23)


@pytest.fixture
def published(project, tmp_path):
    folder = tmp_path / "published"
    shutil.copytree(project / "examples" / "published", folder)
    return folder


def same(first, second):
    for table in TABLES:
        a, b = first[table.name], second[table.name]
        assert_frame_equal(a.sort(table.key), b.sort(table.key))


def bring_in(store, me, folder, **how):
    return import_rows(store, me, study_rows(folder), why="test", **{"commit": True, **how})


def test_a_study_goes_in_and_comes_out_equal(store, me, published, tmp_path):
    result = bring_in(store, me, published)
    study = read_study(published)
    assert result.touched == sum(frame.height for frame in study.frames.values()) + 1
    export_registry(store, me, tmp_path / "out", "study", today=TODAY)
    again = read_study(tmp_path / "out")
    same(study.frames, again.frames)
    assert (again.title, again.data_lock, again.settings) == (study.title, study.data_lock, study.settings)
    assert (tmp_path / "out" / "study.toml").read_bytes() == (published / "study.toml").read_bytes()


def test_a_study_goes_through_a_workbook_equal(store, me, published, tmp_path):
    bring_in(store, me, published)
    book = tmp_path / "book.xlsx"
    export_registry(store, me, book, "workbook", today=TODAY)
    incoming = workbook_rows(book)
    result = import_rows(store, me, incoming, why="again", commit=True)
    assert result.touched == 0
    study = read_study(published)
    for table in TABLES:
        frame = pl.DataFrame(incoming.rows[table.name], schema=study.frames[table.name].schema)
        assert_frame_equal(frame.sort(table.key), study.frames[table.name].sort(table.key))


def test_a_second_import_changes_nothing(store, me, published):
    bring_in(store, me, published)
    head = store.head()
    assert bring_in(store, me, published).touched == 0
    assert store.head().hash == head.hash
    assert store.count("imports") == 1


def test_a_rehearsal_reports_and_keeps_nothing(store, me, published):
    result = bring_in(store, me, published, commit=False)
    assert not result.committed
    assert result.touched > 0
    assert store.head().seq == 0


def test_an_import_does_not_overwrite_what_somebody_corrected(store, me, published):
    bring_in(store, me, published)
    person = store.list("people", limit=1)[0]
    store.save("people", {**person.row, "centre": "corrected"}, who="Anna", why="corrected", expected_version=1)
    with pytest.raises(StaleVersion, match="centre"):
        bring_in(store, me, published)
    rehearsed = bring_in(store, me, published, commit=False)
    assert rehearsed.differences() == [{"table": "people", "record": person.key, "columns": "centre"}]
    assert bring_in(store, me, published, on_change="keep").touched == 0
    assert store.get("people", person.key)["centre"] == "corrected"
    assert bring_in(store, me, published, on_change="update").touched == 1
    assert store.get("people", person.key).version == 3


def test_people_who_withdrew_are_left_out(store, me, published, tmp_path):
    bring_in(store, me, published)
    person = store.list("people", limit=1)[0].key
    withdraw_consent(store, me, person, on=TODAY, scopes=["data_use"])
    done = export_registry(store, me, tmp_path / "out", "study", today=TODAY)
    assert done.withdrawn == 1
    again = read_study(tmp_path / "out")
    assert person not in again.frames["people"]["person_id"].to_list()
    assert person not in again.frames["cases"]["person_id"].to_list()
    whole = export_registry(store, me, tmp_path / "all", "study", today=TODAY, include_withdrawn=True)
    assert whole.rows["people"] == done.rows["people"] + 1


def test_a_pseudonymised_export_is_a_valid_study_without_the_old_names(store, me, published, tmp_path):
    bring_in(store, me, published)
    export_registry(store, me, tmp_path / "out", "study", today=TODAY, pseudonyms=Pseudonyms(KEY), dates="year")
    again = read_study(tmp_path / "out")
    old = set(store.frame("people")["person_id"])
    assert not old & set(again.frames["people"]["person_id"])
    assert again.frames["cases"].height == store.count("cases")
    assert max((len(day) for day in again.frames["infusions"]["infused_on"].drop_nulls()), default=4) == 4


def test_a_person_limited_to_a_centre_imports_and_exports_only_it(store, me, published, tmp_path):
    bring_in(store, me, published)
    nurse = Actor("nurse", frozenset({"registrar"}), frozenset({"elsewhere"}))
    with pytest.raises(NotPermitted):
        bring_in(store, nurse, published)
    with pytest.raises(NotPermitted):
        import_rows(store, Actor("r", frozenset({"reader"})), study_rows(published), why="x", commit=True)
    assert export_registry(store, nurse, tmp_path / "out", "study", today=TODAY).rows["people"] == 0


def test_formats_are_told_by_their_contents(published, tmp_path, test_data):
    assert guess_format(published) == "study"
    assert guess_format(test_data / "registry" / "synthea_fhir") == "fhir"
    assert guess_format(test_data / "registry" / "eunomia" / "Synthea27Nj_5.4.zip") == "omop"
    with pytest.raises(InputError):
        guess_format(tmp_path / "nothing")
    with pytest.raises(UsageError):
        guess_format(tmp_path)


def records(kind, path, **changes):
    given = {"key": KEY, "commit": True, "defaults": Defaults("A", "US", "commercial"), **changes}
    return record_rows(kind, path, **given)


@pytest.mark.parametrize(
    ("kind", "name", "people"),
    [("fhir", "synthea_fhir", 11), ("fhir", "cibmtr_fhir", 6), ("omop", "eunomia/Synthea27Nj_5.4.zip", 28)],
)
def test_records_without_car_t_bring_nobody_in_and_say_why(store, me, test_data, kind, name, people):
    incoming = records(kind, test_data / "registry" / name)
    result = import_rows(store, me, incoming, why="test", commit=True)
    assert result.touched == 0
    assert store.head().seq == 0
    said = {(row["kind"], row["what"]): row for row in incoming.findings}
    assert said["person", "without a CAR-T infusion"]["count"] == people
    assert all(row["why"] for row in incoming.findings if row["mapped_to"] == "nothing")


def treated(folder, test_data, version):
    """A Synthea bundle in which the person is given a CAR-T product (as R4 or as R5 names it), and falls ill later."""
    source = sorted((test_data / "registry" / "synthea_fhir").iterdir())[0]
    bundle = json.loads(source.read_text())
    subject = {"reference": bundle["entry"][0]["fullUrl"]}
    when = "occurrenceDateTime" if version == "R5" else "performedDateTime"
    code = {"coding": [{"system": "http://www.cms.gov/Medicare/Coding/ICD10", "code": "XW033H7"}]}
    icd = "http://hl7.org/fhir/sid/icd-10-cm"

    def condition(name, code, on, text):
        concept = {"coding": [{"system": icd, "code": code, "display": text}]}
        return {"resourceType": "Condition", "id": name, "code": concept, "subject": subject, "onsetDateTime": on}

    def procedure(name, status, on):
        return {"resourceType": "Procedure", "id": name, "status": status, "code": code, "subject": subject, when: on}

    test = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": "urn:aftercar:assay", "code": "ddpcr"}], "text": "CAR"},
        "subject": subject,
        "effectiveDateTime": "2018-06-01",
        "valueQuantity": {"value": 2.5, "unit": "%", "code": "%"},
    }
    new = [
        procedure("p1", "completed", "2018-03-04T10:00:00Z"),
        procedure("p2", "not-done", "2018-05-04"),
        condition("c1", "C84.40", "2019-02-01", "PTCL"),
        condition("c2", "C84.0", "2017-02-01", "mycosis fungoides"),
        condition("c3", "C84.4A", "2020-02-01", "PTCL, in remission"),
        test,
    ]
    if version == "R5":
        new[0]["used"] = [{"reference": {"reference": "BiologicallyDerivedProduct/b1"}}]
        new.append(
            {
                "resourceType": "BiologicallyDerivedProduct",
                "id": "b1",
                "identifier": [{"value": "LOT9"}],
                "biologicalSourceEvent": {"value": "COI7"},
            }
        )
    else:
        drug = {"coding": [{"display": "axicabtagene ciloleucel"}]}
        medication = {"resourceType": "Medication", "id": "m1", "code": drug, "batch": {"lotNumber": "LOT9"}}
        dose = {"dose": {"value": 150, "unit": "10*6 cells"}}
        given = {
            "resourceType": "MedicationAdministration",
            "id": "a1",
            "status": "completed",
            "medicationReference": {"reference": "Medication/m1"},
            "subject": subject,
            "effectiveDateTime": "2018-03-04",
            "dosage": dose,
        }
        new += [medication, given]
    bundle["entry"] += [{"fullUrl": f"urn:x:{item['id']}", "resource": item} for item in new]
    folder.mkdir()
    (folder / source.name).write_text(json.dumps(bundle))
    return folder


@pytest.mark.parametrize("version", ["R4", "R5"])
def test_a_treated_person_in_fhir_is_found_once_with_batch_case_and_test(store, me, tmp_path, test_data, version):
    incoming = records("fhir", treated(tmp_path / "fhir", test_data, version))
    assert import_rows(store, me, incoming, why="test", commit=True).touched == 4
    infusion = store.list("infusions")[0]
    assert (infusion["product"], infusion["infused_on"], infusion["batch"]) == ("axi-cel", "2018-03-04", "LOT9")
    assert infusion["jurisdiction"] == "US"
    assert infusion["dose_million_cells"] == (150 if version == "R4" else None)
    assert infusion["chain_of_identity"] == ("COI7" if version == "R5" else None)
    case = store.list("cases")[0]
    assert (case["icd_10"], case["diagnosed_on"], case["tested"], case["lineage"]) == (
        "C84.40",
        "2019-02-01",
        "unknown",
        "T_cell",
    )
    assert store.count("cases") == 1
    result = store.list("assay_results")[0]
    assert (result["method"], result["value"], result["unit"]) == ("ddpcr", 2.5, "percent_cells")
    why = {
        row["what"].split()[0]: row["why"]
        for row in incoming.findings
        if row["kind"] == "Condition" and row["mapped_to"] == "nothing"
    }
    assert "not certainly after" in why["C84.0"]
    assert "remission" in why["C84.4A"]
    again = import_rows(store, me, records("fhir", tmp_path / "fhir"), why="test", commit=True)
    assert again.touched == 0
    person = store.list("people")[0]
    assert "018f428e" not in json.dumps([dict(record.row) for t in ("people", "infusions", "cases") for record in store.list(t)])
    assert person["last_seen_on"] >= "2018-03-04"


def test_identifiers_of_a_hospital_need_a_key(test_data):
    with pytest.raises(UsageError, match="registry key"):
        records("fhir", test_data / "registry" / "cibmtr_fhir", key=None)
    records("fhir", test_data / "registry" / "cibmtr_fhir", key=None, commit=False)


def omop(folder, drug_concept="0", source_value="Q2041"):
    def write(name, *rows):
        with (folder / name).open("w", newline="") as stream:
            csv.writer(stream).writerows(rows)

    folder.mkdir()
    write("PERSON.csv", ("person_id", "gender_concept_id", "year_of_birth"), ("1", "8507", "1950"), ("2", "8532", "1960"))
    write("DEATH.csv", ("person_id", "death_date"), ("1", "2021-05-01"))
    write(
        "DRUG_EXPOSURE.csv",
        (
            "drug_exposure_id",
            "person_id",
            "drug_concept_id",
            "drug_exposure_start_date",
            "lot_number",
            "drug_source_value",
            "drug_source_concept_id",
        ),
        ("11", "1", drug_concept, "2020-01-02", "L1", source_value, "0"),
        ("12", "2", "1125315", "2020-01-02", "", "161", "0"),
    )
    write(
        "CONDITION_OCCURRENCE.csv",
        (
            "condition_occurrence_id",
            "person_id",
            "condition_concept_id",
            "condition_start_date",
            "condition_source_value",
            "condition_source_concept_id",
        ),
        ("21", "1", "0", "2020-09-01", "C84.4", "0"),
    )
    write(
        "CONCEPT.csv",
        ("concept_id", "concept_name", "vocabulary_id", "concept_code"),
        ("43531976", "von Willebrand factor", "RxNorm", "11248"),
    )
    return folder


def test_a_wrong_concept_map_does_not_hide_a_car_t_infusion(store, me, tmp_path):
    folder = omop(tmp_path / "cdm", drug_concept="43531976")
    import_rows(store, me, records("omop", folder), why="test", commit=True)
    infusion = store.list("infusions")[0]
    assert (infusion["product"], infusion["batch"], infusion["infused_on"]) == ("axi-cel", "L1", "2020-01-02")
    person = store.list("people")[0]
    assert (person["death_date"], person["vital_status"], person["birth_year"]) == ("2021-05-01", "dead", 1950)
    assert store.list("cases")[0]["diagnosed_on"] == "2020-09-01"
    assert store.count("people") == 1


def test_a_product_named_in_words_is_found(store, me, tmp_path):
    incoming = records("omop", omop(tmp_path / "cdm", source_value="KYMRIAH susp."))
    assert [row["product"] for row in incoming.rows["infusions"]] == ["tisa-cel"]


def test_a_users_codes_are_read_too(tmp_path):
    folder = omop(tmp_path / "cdm", source_value="38228")
    assert records("omop", folder).rows["infusions"] == []
    own = tmp_path / "codes.toml"
    own.write_text('[[infusions]]\nsystem="HCPCS"\ncodes=["38228"]\nproduct=""\nsource="our list"\nmark="seen"\n')
    assert len(records("omop", folder, code_files=[own]).rows["infusions"]) == 1
    for bad in (
        "[[infusions]]\ncodes=[1]",
        '[[colours]]\ncodes=["1"]',
        '[[infusions]]\ncodes=["1"]\nproduct="x"\nsource="s"\nmark="seen"',
        "[",
    ):
        with pytest.raises(BadCodes):
            code_table([bad])


def test_truncated_records_are_errors_never_short_results(tmp_path, test_data):
    source = sorted((test_data / "registry" / "synthea_fhir").iterdir())[0]
    (tmp_path / "cut.json").write_bytes(source.read_bytes()[:100_000])
    with pytest.raises(BadFhir, match="not JSON"):
        read_fhir(tmp_path / "cut.json")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(BadFhir, match="resourceType"):
        read_fhir(tmp_path / "list.json")
    data = (test_data / "registry" / "eunomia" / "Synthea27Nj_5.4.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[: len(data) // 2])
    with pytest.raises(BadOmop):
        read_omop(tmp_path / "cut.zip")
    folder = omop(tmp_path / "cdm")
    text = (folder / "DRUG_EXPOSURE.csv").read_text()
    (folder / "DRUG_EXPOSURE.csv").write_text(text[: text.index("L1")])
    with pytest.raises(BadOmop, match="complete"):
        read_omop(folder)
    (folder / "DRUG_EXPOSURE.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadOmop, match="no column"):
        read_omop(folder)
    (folder / "PERSON.csv").unlink()
    with pytest.raises(BadOmop, match="PERSON"):
        read_omop(folder)


def test_ndjson_and_zipped_tables_read_alike(tmp_path, test_data):
    folder = omop(tmp_path / "cdm")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name.lower())
    (tmp_path / "cdm.zip").write_bytes(buffer.getvalue())
    assert read_omop(tmp_path / "cdm.zip") == read_omop(folder)
    bundle = json.loads(sorted((test_data / "registry" / "synthea_fhir").iterdir())[0].read_text())
    lines = "\n".join(json.dumps(entry["resource"]) for entry in bundle["entry"])
    (tmp_path / "x.ndjson").write_text(lines)
    assert len(read_fhir(tmp_path / "x.ndjson").people) == 1


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_an_exported_bundle_is_valid_fhir_and_reads_back(store, me, published, tmp_path, release):
    bring_in(store, me, published)
    target = tmp_path / "out.json"
    export_registry(store, me, target, f"fhir-{release.lower()}", today=TODAY)
    bundle = json.loads(target.read_text())
    if release == "R5":
        from fhir.resources.bundle import Bundle
    else:
        from fhir.resources.R4B.bundle import Bundle
    Bundle.model_validate(bundle)
    source = read_fhir(target)
    assert len(source.people) == store.count("people")
    assert sum(item.kind == "Procedure" for item in source.treatments) == store.count("infusions")
    incoming = records("fhir", target)
    assert len(incoming.rows["infusions"]) == store.count("infusions")
