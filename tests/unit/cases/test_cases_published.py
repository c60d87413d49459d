"""The twelve published cases: axes that a reader of the papers would accept, each with its reason."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from aftercar.cases.causality import Causality, recurrent_genes, suggest
from aftercar.cases.model import CaseFile, case_files
from aftercar.edges.study import read_study


@pytest.fixture(scope="module")
def files(project: Path) -> dict[str, CaseFile]:
    study = read_study(project / "examples" / "published", today=dt.date(2026, 11, 23))
    return {file.case_id: file for file in case_files({name: study.rows(name) for name in study.frames})}


@pytest.fixture(scope="module")
def axes(files: dict[str, CaseFile]) -> dict[str, Causality]:
    return {case_id: suggest(file) for case_id, file in files.items()}


EXPECTED = {
    # Very low transgene is indeterminate, never negative; the clone was in blood before the infusion.
    "PENN-2024-01": ("indeterminate", {"not_assessable"}, {"clone_before_infusion", "tumour_mutation", "prior_lines"}),
    # No vector by several techniques; EBV and clonal haematopoiesis offer other causes.
    "STANFORD-2024-01": ("not_car_derived", {"not_assessable"}, {"ebv", "clonal_haematopoiesis", "tumour_mutation"}),
    # Over 90% of cells CAR-positive; the part of PBX2 is open; TET2 loss and germline JAK3 contribute.
    "CARTITUDE4-P1": ("car_derived", {"not_assessable", "plausible_contributor"}, {"tumour_mutation", "germline_variant"}),
    # CAR T-cell lymphoma with one site; SSU72 is hit in ordinary products of many patients.
    "GEORGETOWN-2024-01": ("car_derived", {"not_assessable", "plausible_contributor"}, set()),
    # The diagnosis calls the lymphoma CAR+; no site is published, so no role can be judged.
    "TISACEL-PCNSL-2024": ("car_derived", {"not_assessable"}, set()),
    # Two CAR+ clones; ZGPAT is hit in most ordinary products; TET2 is found outside the tumour, talquetamab after.
    "COLOGNE-2025-01": (
        "car_derived",
        {"not_assessable", "passenger"},
        {"clonal_haematopoiesis", "tumour_mutation", "therapy_after_car_t"},
    ),
    # The authors claim a disturbed tumour suppressor at the site.
    "DESCART-2025-01": ("car_derived", {"plausible_contributor"}, set()),
    # CAR-expressing lymphomas after transposon products, no typical oncogene; prior allogeneic transplant.
    "CARTELL-2021-P1": ("car_derived", {"not_assessable"}, {"transplant", "tumour_mutation", "prior_lines"}),
    "CARTELL-2021-P2": ("car_derived", {"not_assessable"}, {"transplant", "prior_lines"}),
    # TFCP2 in the dominant clone, claimed by the authors; SH2B3 mutated.
    "GI-2025-01": ("car_derived", {"plausible_contributor"}, {"tumour_mutation"}),
    # Copy number and site sequencing both without the vector.
    "PENN-2025-TCL": ("not_car_derived", {"not_assessable"}, set()),
    # Not known whether it was tested: neither negative nor "not tested".
    "MAYO-2025-LPD": ("indeterminate", {"not_assessable"}, set()),
}


@pytest.mark.parametrize("case_id", sorted(EXPECTED))
def test_axes_are_those_a_reader_of_the_paper_would_accept(axes: dict[str, Causality], case_id: str) -> None:
    origin, roles, present = EXPECTED[case_id]
    got = axes[case_id]
    assert got.origin.value == origin, got.lines()
    assert got.role.value in roles, got.lines()
    assert set(got.present) == present, got.lines()


def test_no_published_case_gets_an_overall_grade(axes: dict[str, Causality]) -> None:
    for causality in axes.values():
        assert "overall" not in {name.split(".")[-1] for name in causality.as_dict()}
        assert causality.lines()[-1] == "D. The overall grade is given and signed by a named person."


def test_a_reported_negative_without_a_limit_says_so(axes: dict[str, Causality]) -> None:
    origin = axes["STANFORD-2024-01"].origin
    assert origin.basis == "reported"
    assert any("limit of detection" in gap.what for gap in origin.missing)


def test_the_base_rate_stands_beside_the_gene(axes: dict[str, Causality]) -> None:
    said = " ".join(reason.says for reason in axes["COLOGNE-2025-01"].role.reasons)
    assert "43 of 58" in said
    assert "26 of 58" in " ".join(reason.says for reason in axes["GEORGETOWN-2024-01"].role.reasons)


def test_pre_existing_is_not_claimed_from_zero_of_58_reads(axes: dict[str, Causality]) -> None:
    found = axes["COLOGNE-2025-01"].contributor("clonal_haematopoiesis")
    assert "0 of 58" in found.because
    assert "6.2%" in found.because
    assert found.missing


def test_suspected_clonal_haematopoiesis_stays_unknown(axes: dict[str, Causality]) -> None:
    assert axes["TISACEL-PCNSL-2024"].contributor("clonal_haematopoiesis").state == "unknown"


def test_an_untested_virus_is_unknown_not_absent(axes: dict[str, Causality]) -> None:
    assert axes["CARTITUDE4-P1"].contributor("ebv").state == "unknown"
    assert axes["CARTITUDE4-P1"].contributor("radiation").state == "unknown"


def test_every_reason_names_a_field_of_the_tables(axes: dict[str, Causality]) -> None:
    from aftercar.vocab.tables import all_tables

    tables = all_tables()
    for causality in axes.values():
        reasons = [*causality.origin.reasons, *causality.role.reasons]
        reasons += [reason for item in causality.contributors for reason in item.reasons]
        for reason in reasons:
            table, column = reason.field.split(".", 1)
            assert column in tables[table], reason


def test_nothing_recurs_among_the_published_sites(files: dict[str, CaseFile]) -> None:
    assert not any(recurrent_genes(files).values())
