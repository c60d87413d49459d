"""Versions of product information in the registry, on both databases; every text is invented."""

import datetime as dt
import json

import pytest

from aftercar.actions.labels import Described, compare, import_labels, labels, touches
from aftercar.actions.permissions import Actor, local_actor
from aftercar.edges.labels import BadLabel
from aftercar.errors import InputError, NotPermitted, UsageError
from aftercar.registry.labels import touched_plans
from aftercar.registry.plan import plan_set
from aftercar.reports.authored import Authored
from aftercar.reports.product_information import PARAGRAPHS, touched_authored

ME = local_actor("Dr Example")
BOX = "WARNING: FEVER This may be severe."
OLD = "5.8 Second Malignancies These may occur. Monitor for 15 years."
NEW = "5.8 Second Malignancies These may occur. T-cell lymphoma was seen. Monitor life-long."


def record(version, text, box=BOX, **more):
    names = {"brand_name": ["YESCARTA"], "generic_name": ["AXICABTAGENE CILOLEUCEL"]}
    base = {
        "set_id": "set-1",
        "id": f"doc-{version}",
        "version": version,
        "effective_time": f"20240{version}01",
        "openfda": names,
    }
    return {**base, "boxed_warning": [box], "warnings_and_cautions": [f"5 WARNINGS {text}"], **more}


@pytest.fixture
def write(tmp_path):
    def made(*records, name="label.json"):
        path = tmp_path / name
        path.write_text(json.dumps({"meta": {}, "results": list(records)}))
        return path

    return made


def test_a_new_version_is_held_against_the_one_before(store, write):
    done, others = import_labels(store, ME, write(record("1", OLD)), Described(), why="test")
    assert [(item.label.key, item.is_new, item.previous) for item in done] == [("axi-cel.US.1", True, "")]
    assert others == []
    first = done[0].label
    assert (first["monitoring"], first["monitoring_years"], first["boxed_warning"]) == ("years", 15, "no")
    assert first["effective_on"] == "2024-01-01"
    done, _ = import_labels(store, ME, write(record("2", NEW, "WARNING: SECOND MALIGNANCIES")), Described(), why="test")
    told = [(change.what, change.before, change.after) for change in done[0].changes]
    assert told[:2] == [("boxed_warning", "no", "yes"), ("monitoring", "15 years", "lifelong")]
    assert ("warnings_and_cautions_5.8", "", "T-cell lymphoma was seen.") in told
    assert ("warnings_and_cautions_5.8", "Monitor for 15 years.", "") in told
    assert done[0].previous == "axi-cel.US.1"
    assert [item.key for item in labels(store, ME)] == ["axi-cel.US.1", "axi-cel.US.2"]
    assert [entry.who for entry in store.history("labels", "axi-cel.US.2")] == ["Dr Example"]
    assert store.verify().holds


def test_the_same_file_again_changes_nothing_and_another_text_is_refused(store, write):
    path = write(record("1", OLD))
    import_labels(store, ME, path, Described(), why="test")
    head = store.head()
    assert import_labels(store, ME, path, Described(), why="test")[0][0].changes == ()
    assert store.head().seq == head.seq
    with pytest.raises(InputError, match="another text"):
        import_labels(store, ME, write(record("2", NEW), record("1", NEW)), Described(), why="test")
    assert store.count("labels") == 1


def test_an_older_version_that_arrives_late_is_put_in_its_place(store, write):
    import_labels(store, ME, write(record("2", NEW)), Described(), why="test")
    done, _ = import_labels(store, ME, write(record("1", OLD)), Described(), why="test")
    assert done[0].previous == ""
    assert compare(store, ME, "axi-cel.US.1", "axi-cel.US.2")


def test_names_come_from_the_product_elements_when_openfda_is_empty(store, write):
    other = {"openfda": {"brand_name": ["ASPIRIN"]}, "version": "1", "effective_time": "20200101"}
    elements = ["Carvykti ciltacabtagene autoleucel DIMETHYL SULFOXIDE"]
    ours = record("3", OLD, openfda={}, spl_product_data_elements=elements)
    done, others = import_labels(store, ME, write(other, ours), Described(), why="test")
    assert [item.label["product"] for item in done] == ["cilta-cel"]
    assert others == ["ASPIRIN"]
    with pytest.raises(InputError, match="no record"):
        import_labels(store, ME, write(other), Described(), why="test")


def test_a_section_as_text(store, tmp_path):
    path = tmp_path / "smpc.txt"
    path.write_text("Secondary malignancies may occur. Patients are to be monitored life-long.")
    described = Described("Kymriah", "EU", "R12", "2024-07-12", "Invented SmPC, section 4.4")
    done, _ = import_labels(store, ME, path, described, why="test")
    assert (done[0].label.key, done[0].label["monitoring"]) == ("tisa-cel.EU.R12", "lifelong")
    assert {touch.what: touch.state for touch in touches(store, ME, "tisa-cel.EU.R12")} == {
        "ebmt_registry@2026-11": "agrees",
        "eu_lifelong@2024-06": "agrees",
    }
    with pytest.raises(UsageError, match="--source"):
        import_labels(store, ME, path, Described("Kymriah", "EU", "R12", "2024-07-12"), why="test")
    with pytest.raises(UsageError, match="jurisdiction"):
        import_labels(store, ME, path, Described("Kymriah", "XX", "R12", "2024-07-12", "x"), why="test")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not a JSON"),
        ('{"results": 3}', "no label records"),
        (json.dumps([record("1", OLD, effective_time="soon")]), "no date"),
        (json.dumps([record("", OLD)]), "version"),
    ],
)
def test_bad_files_are_refused_whole(store, tmp_path, text, words):
    path = tmp_path / "label.json"
    path.write_text(text)
    with pytest.raises(BadLabel, match=words):
        import_labels(store, ME, path, Described(), why="test")
    assert store.count("labels") == 0


def test_only_who_may_configure_imports(store, write):
    with pytest.raises(NotPermitted):
        import_labels(store, Actor("nurse", frozenset({"registrar"})), write(record("1", OLD)), Described(), why="test")


def test_other_words_in_the_box_are_not_another_statement(store, write):
    boxes = "WARNING: FEVER This may be severe.", "WARNING: FEVER Give it in hospital."
    import_labels(store, ME, write(record("1", OLD, boxes[0]), record("2", OLD, boxes[1])), Described(), why="test")
    found = compare(store, ME, "axi-cel.US.1", "axi-cel.US.2")
    assert {change.fact for change in found} == {"text"}
    touched = {touch.what for touch in touches(store, ME, "axi-cel.US.2") if touch.kind == "paragraph"}
    assert touched == {"signal: authored-product_information", "dossier: cioms-table"}


LABEL = {"product": "axi-cel", "jurisdiction": "US", "monitoring": "lifelong", "monitoring_years": None}


def states(label, plans=None):
    return {touch.what: touch.state for touch in touched_plans(label, plans or plan_set())}


def test_plans_are_held_to_the_label():
    assert states(LABEL) == {
        "cibmtr_15_years@2026-11": "agrees",
        "us_15_years@2020-01": "agrees",
        "us_label_lifelong@2024-01": "agrees",
    }
    without = plan_set(['name = "x"\nomit = [{ plan = "us_label_lifelong", reason = "test" }]'])
    assert set(states(LABEL, without).values()) == {"shorter"}
    assert states(LABEL, without)["all plans together"] == "shorter"
    fifteen = {**LABEL, "monitoring": "years", "monitoring_years": 15.0}
    assert states(fifteen)["us_15_years@2020-01"] == "agrees"
    assert states(fifteen)["us_label_lifelong@2024-01"] == "longer"
    assert set(states({**LABEL, "monitoring": "unclear"}).values()) == {"cannot_tell"}


def test_paragraphs_that_rest_on_a_label_are_in_the_documents(project):
    from aftercar.actions.assess import Results, findings_of
    from aftercar.edges.study import read_study
    from aftercar.reports.centre import centre_feedback
    from aftercar.reports.dossier import dossier
    from aftercar.reports.signal import signal_assessment

    study = read_study(project / "examples" / "published")
    findings = findings_of(study, Results())
    made = {
        "signal": signal_assessment(findings, {}, {}),
        "dossier": dossier(findings, findings.cases[0].case_id, {}),
        "centre": centre_feedback("x", findings.data_lock, study.frames, plan_set(), {}),
    }
    keys = {kind: {block.key for block in document.blocks if hasattr(block, "key")} for kind, document in made.items()}
    for item in PARAGRAPHS:
        assert item.block in keys[item.report], item


def test_authored_sections_written_before_the_label_are_named(store, write):
    done, _ = import_labels(store, ME, write(record("1", OLD), record("2", NEW)), Described(), why="test")
    sections = {
        "monitoring": Authored("monitoring", ["x"], "A. Assessor", dt.date(2024, 1, 15)),
        "product_information": Authored("product_information", ["x"], "A. Assessor", dt.date(2024, 3, 1)),
        "mechanism": Authored("mechanism", ["x"], "A. Assessor", dt.date(2020, 1, 1)),
    }
    found = list(touched_authored(sections, done[1].changes, "2024-02-01"))
    assert [(touch.kind, touch.what) for touch in found] == [("authored", "Recommendation: monitoring")]
