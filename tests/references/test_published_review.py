"""The published example reproduces the regulator's review (figures: PRAC 2024; intervals: R 4.2.2 binom.test)."""

import pytest

from aftercar.actions.assess import Results, findings_of
from aftercar.edges.study import read_study
from aftercar.reports.summary import lines


@pytest.fixture(scope="module")
def found(request):
    return findings_of(read_study(request.config.rootpath / "examples" / "published"), Results())


def test_the_summary_says_the_figures_as_published(found):
    text = "\n".join(lines(found))
    assert "38/42,500 = 0.0894% (0.0633-0.1227)" in text
    assert "7/19 tested = 36.8% (16.3-61.6)" in text
    assert "bounds over all 38: 18.4%-68.4%" in text
    assert "brexucabtagene autoleucel: 0/3,336 = 0.00% (0.00-0.11)" in text
    assert "axicabtagene ciloleucel: 13/17,578 = 0.0740% (0.0394-0.1264)" in text
    assert "DESCAR-T registry, France: 1/3,066 = 0.0326% (0.0008-0.1816)" in text


def test_a_reporting_proportion_is_never_called_an_incidence(found):
    kinds = {row["exposure_id"]: row["measure"] for row in found.tables["rates"]}
    assert kinds["EMA-2024"] == kinds["SPONSOR-AXI"] == "reporting proportion"
    assert kinds["BAYLOR-SPM"] == "incidence rate"
    assert "incidence rate" not in {kinds[name] for name in ("EMA-2024", "FDA-2024", "SPONSOR-BREXU")}


def test_untested_tumours_are_predicted_with_their_spread(found):
    row = found.row("tested", "exposure_id", "EMA-2024")
    assert row["expected_positive"] == pytest.approx(14.1, abs=0.1)
    assert (row["predicted_low"], row["predicted_high"]) == (9, 20)


def test_products_are_compared_exactly_with_the_ordering_named(found):
    p = {row["ordering"]: row["p"] for row in found.tables["homogeneity"]}
    assert min(p.values()) == pytest.approx(0.11, abs=0.005)
    assert max(p.values()) == pytest.approx(0.24, abs=0.01)
    assert found.tables["homogeneity"][0]["asymptotic_p"] == pytest.approx(0.03, abs=0.005)


@pytest.mark.parametrize(("years", "ratio", "low", "high"), [(0.5, 8.1, 5.8, 11.2), (1.0, 4.1, 2.9, 5.6), (2.5, 1.6, 1.2, 2.2)])
def test_observed_over_expected_is_a_surface(found, years, ratio, low, high):
    cell = next(row for row in found.tables["surface"] if row["years"] == years and row["background"] == 22)
    assert (cell["ratio"], cell["low"], cell["high"]) == pytest.approx((ratio, low, high), abs=0.05)


def test_every_published_case_has_axes_and_what_is_missing(found):
    assert len(found.tables["causality"]) == 12
    origin = {row["case_id"]: row["origin"] for row in found.tables["causality"]}
    assert origin["STANFORD-2024-01"] == "not_car_derived"
    assert origin["PENN-2024-01"] == "indeterminate"
    assert origin["CARTITUDE4-P1"] == "car_derived"
    assert {row["case_id"] for row in found.tables["causality_missing"]} == set(origin)


def test_overlapping_cases_are_named(found):
    assert any("P-PENN-2024-01 may be the same person as P-PENN-2025-TCL" in note for note in found.notes)
