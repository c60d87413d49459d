"""Each rule of the three axes, with the reading it must not give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercar.cases.causality import ORIGIN_VALUES, ROLE_VALUES, Causality, recurrent_genes, suggest
from aftercar.cases.contributors import CONTRIBUTORS, LABELS, STATES
from aftercar.cases.model import BadCase, CaseFile, build_case_file
from aftercar.cases.settings import CausalitySettings
from aftercar.vocab.tables.study import CASES, FINDINGS


def case(findings: list[dict[str, Any]] | None = None, **more: Any) -> CaseFile:
    around = {name: more.pop(name, ()) for name in ("infusions", "prior_therapy", "samples", "assay_results")}
    verdict, person = more.pop("verdict", None), more.pop("person", None)
    row = {"case_id": "C", "person_id": "P", "diagnosis": "T-cell lymphoma", "tested": "yes", **more}
    rows = [{"finding_id": f"F{i}", "case_id": "C", **finding} for i, finding in enumerate(findings or ())]
    return build_case_file(row, person=person, findings=rows, verdict=verdict, **around)


def origin(findings: list[dict[str, Any]] | None = None, **more: Any) -> str:
    return suggest(case(findings, **more)).origin.value


def role(findings: list[dict[str, Any]], **more: Any) -> str:
    return suggest(case(findings, car_result="detected", car_positive_fraction=0.95, **more)).role.value


SITE = {"kind": "integration", "gene": "GENE1", "found_in": "tumour"}


# --- A: cell of origin ---


@pytest.mark.parametrize("tested", ["no", "not_possible", "refused", "pending"])
def test_an_untested_tumour_is_not_tested_never_negative(tested: str) -> None:
    found = suggest(case(tested=tested, untested_reason="no tissue left"))
    assert found.origin.value == "not_tested"
    assert "no tissue left" in found.origin.because
    assert found.role.value == "not_assessable"


def test_not_known_whether_tested_is_indeterminate() -> None:
    assert origin(tested="unknown") == "indeterminate"


def test_tested_without_a_result_is_indeterminate() -> None:
    assert origin(car_result="unknown") == "indeterminate"


def test_low_is_never_negative_and_never_a_clone() -> None:
    assert origin(car_result="detected_low") == "indeterminate"
    assert origin([SITE], car_result="detected_low", copies_per_cell=0.004, tumour_purity=0.8) == "indeterminate"


def test_detected_alone_could_be_bystanders() -> None:
    found = suggest(case(car_result="detected"))
    assert found.origin.value == "indeterminate"
    assert any("single-cell" in gap.settles for gap in found.origin.missing)


@pytest.mark.parametrize(("fraction", "value"), [(0.95, "car_derived"), (0.4, "indeterminate"), (0.03, "indeterminate")])
def test_the_share_of_positive_cells_decides(fraction: float, value: str) -> None:
    assert origin(car_result="detected", car_positive_fraction=fraction) == value


def test_a_clones_level_needs_a_dominant_site() -> None:
    level = {"car_result": "detected", "copies_per_cell": 0.75, "tumour_purity": 0.8}
    assert origin(**level) == "indeterminate"
    assert origin([SITE], **level) == "car_derived"


def test_a_low_level_speaks_against_a_named_site() -> None:
    assert origin([SITE], car_result="detected", copies_per_cell=0.02, tumour_purity=0.8) == "indeterminate"


def test_two_insertions_double_the_level_a_clone_must_reach() -> None:
    two = [SITE, {**SITE, "gene": "GENE2"}]
    found = suggest(case(two, car_result="detected", copies_per_cell=0.8, tumour_purity=0.8))
    assert any("2 insertion(s)" in reason.says for reason in found.origin.reasons)


def test_many_sites_are_no_clone() -> None:
    many = [{**SITE, "gene": f"G{i}"} for i in range(30)]
    assert origin(many, car_result="detected") == "indeterminate"


def test_sites_of_the_product_do_not_count() -> None:
    assert origin([{**SITE, "found_in": "product"}], car_result="detected") == "indeterminate"


@pytest.mark.parametrize(
    ("lod", "purity", "value"), [(0.005, 0.8, "not_car_derived"), (0.05, 0.8, "indeterminate"), (0.005, 0.05, "indeterminate")]
)
def test_a_negative_counts_only_when_it_could_have_found_a_clone(lod: float, purity: float, value: str) -> None:
    result = {
        "result_id": "R",
        "person_id": "P",
        "measured_on": "2024-01-01",
        "method": "ddpcr",
        "target": "CAR",
        "unit": "copies/cell",
        "result": "not_detected",
        "lod": lod,
        "matrix": "tumour",
    }
    assert origin(car_result="not_detected", tumour_purity=purity, assay_results=[result]) == value
    assert origin(tumour_purity=purity, assay_results=[result]) == value


def test_one_negative_without_a_limit_is_no_negative_two_methods_are_a_reported_one() -> None:
    assert origin(car_result="not_detected", car_assays="qPCR") == "indeterminate"
    found = suggest(case(car_result="not_detected", car_assays="qPCR;immunohistochemistry"))
    assert (found.origin.value, found.origin.basis) == ("not_car_derived", "reported")


VERDICTS = {
    "present_clonal": "car_derived",
    "present_subclonal": "indeterminate",
    "inconclusive": "indeterminate",
    "contamination_suspected": "indeterminate",
}


@pytest.mark.parametrize("call", VERDICTS)
def test_the_verdict_of_sequencing(call: str) -> None:
    assert origin(verdict={"call": call, "reasons": ["x"], "sites": []}) == VERDICTS[call]


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ({"value": 0.02, "unit": "fraction of tumour cells"}, "not_car_derived"),
        ({"value": 0.02, "unit": "fraction of all cells"}, "indeterminate"),
        ({"value": 0.3, "unit": "fraction of tumour cells"}, "indeterminate"),
        (None, "indeterminate"),
        (0.01, "not_car_derived"),
    ],
)
def test_a_negative_verdict_needs_its_detection_limit(limit: Any, value: str) -> None:
    assert origin(verdict={"call": "not_detected", "detection_limit": limit}) == value


def test_a_contradiction_is_indeterminate_and_says_so() -> None:
    found = suggest(case(car_result="not_detected", car_assays="a;b", verdict={"call": "present_clonal"})).origin
    assert found.value == "indeterminate"
    assert "contradict" in found.because


def test_a_result_on_an_untested_tumour_is_pointed_out() -> None:
    found = suggest(case(tested="no", car_result="detected", car_positive_fraction=0.9))
    assert any("not tested, yet" in reason.says for reason in found.origin.reasons)


# --- B: role of the insertion ---


def test_a_driver_needs_clone_gene_and_effect() -> None:
    full = {"kind": "integration", "gene": "LMO2", "found_in": "tumour", "cell_fraction": 0.95, "effect": "overexpression"}
    assert role([full]) == "probable_driver"
    assert role([{**full, "effect": None}]) == "plausible_contributor"
    assert role([{**full, "gene": "GENE1"}]) == "plausible_contributor"
    assert role([{**full, "cell_fraction": None}]) == "plausible_contributor"


def test_a_gene_alone_never_makes_a_driver() -> None:
    assert role([{**SITE, "gene": "LMO2"}]) == "plausible_contributor"


def test_a_common_gene_without_effect_is_not_assessable() -> None:
    assert role([{**SITE, "gene": "SSU72"}]) == "not_assessable"


def test_a_passenger_needs_evidence_against() -> None:
    assert role([{**SITE, "effect": "none_seen"}]) == "passenger"
    assert role([{**SITE, "cell_fraction": 0.1}]) == "passenger"
    assert role([SITE]) == "not_assessable"
    assert role([{**SITE, "effect": "none_seen"}, {**SITE, "gene": "GENE2"}]) == "not_assessable"


def test_the_base_rate_given_replaces_the_known_ones() -> None:
    file = case([{**SITE, "gene": "NOTCH1"}], car_result="detected", car_positive_fraction=0.9)
    assert suggest(file).role.value == "plausible_contributor"
    common = suggest(file, base_rates={"NOTCH1": (30, 60), "OTHER": (1, 60)})
    assert common.role.value == "not_assessable"
    assert any("30 of 60" in reason.says for reason in common.role.reasons)
    rare = suggest(file, base_rates={"OTHER": (1, 60)})
    assert any("0 of 60" in reason.says for reason in rare.role.reasons)


def test_recurrence_in_other_patients_counts_other_people_only() -> None:
    def named(case_id: str, person: str) -> CaseFile:
        row = {"case_id": case_id, "person_id": person, "diagnosis": "T-cell lymphoma", "tested": "yes"}
        site = {"finding_id": case_id, "case_id": case_id, "kind": "integration", "gene": "GENE9", "found_in": "tumour"}
        return build_case_file({**row, "car_result": "detected", "car_positive_fraction": 0.9}, findings=[site])

    files = [named("A", "P1"), named("B", "P1"), named("C", "P2")]
    assert recurrent_genes(files) == {"A": {"GENE9": 1}, "B": {"GENE9": 1}, "C": {"GENE9": 1}}
    assert suggest(files[0], other_tumours={"GENE9": 1}).role.value == "plausible_contributor"


def test_without_a_vector_there_is_no_insertion_to_judge() -> None:
    assert suggest(case([SITE], car_result="not_detected", car_assays="a;b")).role.value == "not_assessable"


def test_sites_of_a_verdict_are_joined_with_the_findings() -> None:
    verdict = {
        "call": "present_clonal",
        "sites": [
            {
                "chrom": "chr11",
                "pos": 100,
                "gene": "LMO2",
                "filter": "PASS",
                "tumour_cell_fraction": {"value": 0.9},
                "distance": 0,
            },
            {"chrom": "chr1", "pos": 5, "gene": "NOISE", "filter": "weak"},
        ],
    }
    file = case([{**SITE, "gene": "LMO2", "effect": "overexpression"}], verdict=verdict)
    assert suggest(file).role.value == "probable_driver"


def test_a_gene_far_away_does_not_count() -> None:
    site = {"chrom": "chr11", "pos": 100, "gene": "LMO2", "filter": "PASS", "distance": 400_000}
    assert suggest(case(verdict={"call": "present_clonal", "sites": [site]})).role.value == "not_assessable"


# --- C: contributors ---


def contributor(name: str, findings: list[dict[str, Any]] | None = None, **more: Any) -> Any:
    return suggest(case(findings, **more)).contributor(name)


def test_nothing_known_is_unknown_everywhere() -> None:
    found = suggest(case(tested="no"))
    assert {item.state for item in found.contributors} == {"unknown"}
    assert all(item.missing for item in found.contributors)
    assert set(LABELS) == set(CONTRIBUTORS)


@pytest.mark.parametrize("column", ["ebv", "htlv"])
def test_viruses(column: str) -> None:
    assert contributor(column, **{column: "positive"}).state == "present"
    assert contributor(column, **{column: "negative"}).state == "absent"
    assert contributor(column, **{column: "not_tested"}).state == "unknown"


def test_clonal_haematopoiesis_before_after_and_excluded() -> None:
    tet2 = {"kind": "variant", "gene": "TET2", "alt_reads": 12, "depth": 300}
    assert "before" in contributor("clonal_haematopoiesis", [{**tet2, "found_in": "apheresis"}]).because
    after = contributor("clonal_haematopoiesis", [{**tet2, "found_in": "blood", "timing": "after"}])
    assert after.state == "present"
    assert "no sample from before" in after.because
    assert contributor("clonal_haematopoiesis", [{**tet2, "found_in": "tumour"}]).state == "unknown"
    none = [
        {"kind": "variant", "gene": gene, "found_in": "apheresis", "alt_reads": 0, "depth": 2000} for gene in ("TET2", "DNMT3A")
    ]
    assert contributor("clonal_haematopoiesis", none).state == "absent"
    shallow = [{**row, "depth": 58} for row in none]
    assert contributor("clonal_haematopoiesis", shallow).state == "unknown"


def test_a_germline_variant_is_not_clonal_haematopoiesis() -> None:
    row = {"kind": "variant", "gene": "TP53", "origin": "germline", "found_in": "germline"}
    assert contributor("germline_variant", [row]).state == "present"
    assert contributor("clonal_haematopoiesis", [row]).state == "unknown"


def test_radiation_is_absent_only_when_every_line_is_recorded() -> None:
    line = {"therapy_id": "T1", "person_id": "P", "kind": "chemotherapy", "mutagenic_class": "alkylator", "line_of_therapy": 1}
    infusion = {"infusion_id": "I", "person_id": "P", "product": "axi-cel", "line_of_therapy": 2}
    complete = {"prior_therapy": [line], "infusions": [infusion]}
    assert contributor("radiation", **complete).state == "absent"
    assert contributor("alkylator", **complete).state == "present"
    assert contributor("radiation", prior_therapy=[line]).state == "unknown"
    assert contributor("radiation", prior_therapy=[line], infusions=[{**infusion, "line_of_therapy": 3}]).state == "unknown"


def test_treatment_after_the_infusion_is_told_by_dates_or_by_words() -> None:
    infusion = {"infusion_id": "I", "person_id": "P", "product": "cilta-cel", "infused_on": "2023-01-10"}
    later = {"therapy_id": "T", "person_id": "P", "kind": "bispecific", "agent": "talquetamab", "started_on": "2023-05-01"}
    assert (
        contributor("therapy_after_car_t", prior_therapy=[later], infusions=[infusion], diagnosed_on="2023-09").state == "present"
    )
    assert (
        contributor("therapy_after_car_t", prior_therapy=[later], infusions=[infusion], diagnosed_on="2023-02").state == "unknown"
    )


def test_a_clone_before_the_infusion_needs_a_sample_and_a_depth() -> None:
    assert contributor("clone_before_infusion", clone_before_infusion="found").state == "present"
    assert contributor("clone_before_infusion", clone_before_infusion="not_found").state == "unknown"
    deep = {"kind": "tcr_clone", "found_in": "apheresis", "timing": "before", "alt_reads": 0, "depth": 50_000}
    assert contributor("clone_before_infusion", [deep]).state == "absent"
    assert contributor("clone_before_infusion", [{**deep, "depth": 58}]).state == "unknown"


# --- whatever is given ---


def _cells(column: Any) -> st.SearchStrategy[Any]:
    if column.kind == "choice":
        return st.sampled_from((None, *column.choices))
    if column.kind in ("number", "integer"):
        high = min(column.high if column.high is not None else 5000, 5000)
        return st.one_of(st.none(), st.integers(int(column.low or 0), int(max(high, 1))))
    return st.none()


_CASE = st.fixed_dictionaries({c.name: _cells(c) for c in CASES.columns if c.kind in ("choice", "number")})
_FINDING = st.fixed_dictionaries(
    {
        **{c.name: _cells(c) for c in FINDINGS.columns if c.kind in ("choice", "number", "integer")},
        "gene": st.sampled_from((None, "TET2", "LMO2", "SSU72", "GENE1")),
    }
)


@settings(max_examples=150)
@given(_CASE, st.lists(_FINDING, max_size=4), st.sampled_from((None, *VERDICTS, "not_detected")))
def test_any_case_gives_allowed_values_reasons_and_no_grade(
    row: dict[str, Any], findings: list[dict[str, Any]], call: str | None
) -> None:
    row = {**row, "tested": row["tested"] or "unknown"}
    rows = [{**item, "kind": item["kind"] or "variant"} for item in findings]
    verdict = None if call is None else {"call": call, "sites": [], "detection_limit": 0.01}
    found = suggest(case(rows, verdict=verdict, **row))
    assert found.origin.value in ORIGIN_VALUES
    assert found.role.value in ROLE_VALUES
    assert {item.state for item in found.contributors} <= set(STATES)
    assert found.origin.because
    assert found.role.because
    if found.origin.value == "indeterminate":
        assert found.origin.missing
    if found.origin.value != "car_derived":
        assert found.role.value == "not_assessable"
    if row["car_result"] == "detected_low" and call is None and row["tested"] == "yes":
        assert found.origin.value == "indeterminate"
    _says_fields(found)


def _says_fields(found: Causality) -> None:
    for reason in (*found.origin.reasons, *found.role.reasons):
        assert "." in reason.field
        assert reason.says


def test_settings_are_held_to_sense() -> None:
    with pytest.raises(ValueError):
        CausalitySettings(bystander_ratio=0.9)
    with pytest.raises(ValueError):
        CausalitySettings(clonal_ratio=-1)


@pytest.mark.parametrize(
    "bad",
    [
        {"tumour_purity": 1.5},
        {"ebv": "perhaps"},
        {"diagnosed_on": "2024-13-01"},
        {"nonsense": 1},
        {"diagnosis": ""},
        {"copies_per_cell": "many"},
        {"infusion_id": "nowhere"},
    ],
)
def test_a_bad_row_is_refused_with_its_place(bad: dict[str, Any]) -> None:
    with pytest.raises(BadCase) as caught:
        case(**bad)
    assert next(iter(bad)) in str(caught.value) or "infusion" in str(caught.value)


def test_onset_keeps_the_precision_of_the_dates() -> None:
    infusion = {"infusion_id": "I", "person_id": "P", "product": "x", "infused_on": "2023"}
    onset = case(infusions=[infusion], diagnosed_on="2024-06-15").onset_months
    assert onset is not None
    assert onset.high - onset.low > 11
    assert case(onset_months=36).onset_months.text() == "36.0 months"  # type: ignore[union-attr]
    assert case().onset_months is None


def test_the_suspected_infusion_is_the_last_one_before_the_diagnosis() -> None:
    rows = [{"infusion_id": f"I{y}", "person_id": "P", "product": "x", "infused_on": f"{y}-01-01"} for y in (2020, 2022, 2024)]
    assert case(infusions=rows, diagnosed_on="2023-05").suspected_infusion["infusion_id"] == "I2022"  # type: ignore[index]
    assert case(infusions=rows, diagnosed_on="2023-05", infusion_id="I2020").suspected_infusion["infusion_id"] == "I2020"  # type: ignore[index]
    assert case(infusions=rows).suspected_infusion is None
