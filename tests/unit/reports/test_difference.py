"""What changed since the last lock: new cases, re-classified cases with the evidence, changed figures and why."""

import csv
import json
import shutil

import pytest

from aftercar.actions.report import Wanted, build
from aftercar.actions.report_check import compare, read_twin
from aftercar.reports.difference import changes, new_cases, reclassified
from aftercar.reports.rests_on import reason


@pytest.fixture(scope="module")
def locks(tmp_path_factory, request):
    """The published record, and a later lock of it: one case more, one case whose tumour was tested again."""
    folder = tmp_path_factory.mktemp("locks")
    old, new = folder / "march", folder / "june"
    shutil.copytree(request.config.rootpath / "examples" / "published", old)
    shutil.copytree(old, new)
    with (old / "cases.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    tested = next(row for row in rows if row["case_id"] == "TISACEL-PCNSL-2024")
    added = {**tested, "case_id": "NEW-2026-09", "diagnosis": "T-cell lymphoma of the skin"}
    tested["car_result"] = "detected_low"
    with (new / "cases.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows([*rows, added])
    head = new / "study.toml"
    head.write_text(head.read_text(encoding="utf-8").replace("2025-12-22", "2026-03-31"), encoding="utf-8")
    for name, study in (("old", old), ("new", new)):
        for kind in ("assessment", "periodic"):
            build(study, folder / f"{name}-{kind}", Wanted(kind), ["json"])
    return folder


def twins(locks, kind):
    return [read_twin(locks / f"{name}-{kind}" / "report.json") for name in ("old", "new")]


@pytest.mark.parametrize("kind", ["assessment", "periodic"])
def test_a_new_case_is_named(locks, kind):
    (row,) = new_cases(*twins(locks, kind))
    assert (row["case_id"], row["change"], row["diagnosis"]) == ("NEW-2026-09", "new", "T-cell lymphoma of the skin")
    (gone,) = new_cases(*reversed(twins(locks, kind)))
    assert (gone["case_id"], gone["change"]) == ("NEW-2026-09", "gone")


def test_a_case_judged_otherwise_names_the_evidence_that_came_and_went(locks):
    rows = {(row["case_id"], row["what"]): row for row in reclassified(*twins(locks, "assessment"))}
    row = rows["TISACEL-PCNSL-2024", "cell of origin"]
    assert (row["before"], row["after"]) == ("CAR-derived", "indeterminate")
    assert any(words.startswith("- A origin: The laboratory detects the transgene") for words in row["because"])
    assert any(words.startswith("+ A origin: The laboratory found the transgene at a low level") for words in row["because"])
    assert {case for case, _ in rows} == {"TISACEL-PCNSL-2024"}
    periodic = {row["what"]: row["because"] for row in reclassified(*twins(locks, "periodic"))}
    assert periodic["transgene"] == ["the reports list no evidence of single cases"]


def test_each_changed_figure_names_the_changed_inputs_it_rests_on(locks):
    by_part = {}
    for row in changes(*twins(locks, "assessment")):
        by_part.setdefault(row["part"], set()).add(row["reason"])
    assert by_part["tested-table"] == {"cases.csv changed; study.toml changed"}
    assert by_part["summary-lines"] == {"later data lock; cases.csv changed; study.toml changed"}
    assert "homogeneity-table" not in by_part


@pytest.mark.parametrize(
    ("part", "what", "said"),
    [
        ("homogeneity-table", "inputs: cases.csv", "not in what the reports rest on"),
        ("homogeneity-table", "inputs: exposure.csv", "exposure.csv changed"),
        ("result-sites", "inputs: reads/S1.bam", "reads/S1.bam changed"),
        ("rates-table", "inputs: reads/S1.bam", "not in what the reports rest on"),
        ("states-table", "dictionaries: follow-up plans", "dictionaries: follow-up plans"),
        ("tested-table", "settings: level", "settings: level"),
        ("authored-discussion", "inputs: cases.csv", "a person's text"),
    ],
)
def test_only_what_a_part_rests_on_is_named(part, what, said):
    assert reason(part, [{"what": what, "before": 1, "after": 2}]) == said


def test_the_comparison_is_a_document_with_its_own_twin(locks, tmp_path):
    found = compare(locks / "old-assessment" / "report.json", locks / "new-assessment" / "report.json", tmp_path / "diff")
    twin = json.loads((tmp_path / "diff" / "difference.json").read_text(encoding="utf-8"))
    assert twin["parts"]["changes-table"]["rows"] == found
    assert [row["case_id"] for row in twin["parts"]["new-cases-table"]["rows"]] == ["NEW-2026-09"]
    (words,) = twin["parts"]["short-words"]["paragraphs"]
    assert words.startswith("1 new case, 0 gone, 1 case re-classified, ")
    assert changes(*[twins(locks, "assessment")[0]] * 2) == []
