"""MultiQC reads our sections: the tables it makes hold our figures, and what is not known is empty there."""

import csv
import json
import os
import shutil
import subprocess

import pytest

from aftercar.actions.screen_sample import screen_sample


@pytest.fixture(scope="module")
def report(study, single, tmp_path_factory):
    program = shutil.which(os.environ.get("AFTERCAR_MULTIQC", "multiqc"))
    if program is None:
        pytest.skip("multiqc is not installed (it stays in an environment of its own; AFTERCAR_MULTIQC names it)")
    folder = tmp_path_factory.mktemp("multiqc")
    screen_sample([study / "S02" / "tumour.bam"], [study / "S01" / "vector.fa"], folder / "screen", sample="S02")
    command = [program, "--no-version-check", "--quiet", "--outdir", "report", str(single), "screen"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "HOME": str(folder)})
    assert done.returncode == 0, done.stderr
    return folder / "report" / "multiqc_data"


def rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["Sample"]: row for row in csv.DictReader(stream, delimiter="\t")}


def test_each_sample_stands_in_one_table_with_its_figures(report, single):
    found = rows(report / "multiqc_aftercar_transgene_tests_table.txt")
    assert sorted(found) == ["S01", "S02", "S03"]
    for sample, row in found.items():
        verdict = json.loads((single / "samples" / sample / "verdict.json").read_text())
        assert row["call"] == verdict["call"].replace("_", " ")
        assert int(row["sites"]) == len(verdict["sites"])
        assert float(row["detection_limit"]) == verdict["detection_limit"]["value"]
        assert float(row["copies"]) == verdict["copies_per_tumour_cell"]["value"]


def test_variants_and_screens_have_sections_of_their_own(report):
    clonal = rows(report / "multiqc_aftercar_clonal_haematopoiesis_table.txt")
    assert {sample: (row["status"], row["unconfirmed"]) for sample, row in clonal.items()} == {"S01": ("unconfirmed", "1")}
    (general,) = rows(report / "multiqc_general_stats.txt").values()
    assert general["Sample"] == "S02"
    assert float(next(value for key, value in general.items() if key.endswith("evidence_pairs"))) > 50


def test_what_is_not_known_is_left_out(tmp_path):
    from aftercar.edges.multiqc import write_verdict_section

    verdict = {
        "call": "inconclusive",
        "copies_per_tumour_cell": None,
        "copies_per_cell": None,
        "sites": [],
        "detection_limit": None,
        "facts": {"reads": 10, "host_depth": None},
        "vector": {"fragments": 0},
    }
    write_verdict_section(tmp_path, "S", verdict)
    content = json.loads((tmp_path / "aftercar_sample_mqc.json").read_text())
    assert content["data"] == {"S": {"call": "inconclusive", "sites": 0, "reads": 10, "vector_fragments": 0}}
