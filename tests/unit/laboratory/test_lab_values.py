"""Laboratory values: conversions say what they assume, limits are bounds, droplet counts carry exact intervals."""

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aftercar.actions.lab_values import lab_values, persistence
from aftercar.edges.study import Study
from aftercar.evidence import laboratory as lab
from aftercar.evidence.laboratory import BadLabValue, Bound, Value
from aftercar.evidence.persistence import Point, curve, half_life, side_of


def test_copies_per_microgram_become_copies_per_cell():
    # 1 microgram holds 1e6 / 6.3 diploid genomes, so as many copies are one a cell.
    found = lab.in_cells(Value(1e6 / 6.3, "copies/ug"), copies_per_positive_cell=2.0)
    assert found.copies_per_cell.value == pytest.approx(1.0)
    assert found.fraction.value == pytest.approx(0.5)
    assert found.assumptions == ("6.3 pg DNA per diploid cell", "2 copies per transduced cell")


def test_without_the_products_copies_the_fraction_is_a_range():
    found = lab.in_cells(Value(0.05, "copies/cell"))
    assert found.fraction == Bound(None, 0.01, 0.05)
    assert "product VCN not given" in found.assumptions[-1]


def test_percent_needs_no_assumption():
    found = lab.in_cells(Value(3.0, "percent_cells"))
    assert found.fraction.value == pytest.approx(0.03)
    assert found.assumptions == ()


def test_below_the_limit_is_a_bound_and_never_zero():
    found = lab.in_cells(Value(None, "copies/ug", "not_detected", lod=50.0), copies_per_positive_cell=1.0)
    assert found.state == "below_lod"
    assert found.copies_per_cell == Bound(None, 0.0, 50 * 6.3e-6)
    unknown = lab.in_cells(Value(None, "copies/ug", "not_detected"), copies_per_positive_cell=1.0)
    assert unknown.state == "unknown"
    assert unknown.fraction == Bound(None, 0.0, 1.0)
    between = lab.as_bound(Value(7.0, "copies/ug", "below_loq", lod=5.0, loq=20.0))
    assert between == (Bound(7.0, 5.0, 20.0), "below_loq")
    silent = lab.as_bound(Value(3.0, "copies/ug", "detected", lod=5.0))
    assert silent[1] == "below_lod"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Value(-1.0, "copies/ug"), "negative"),
        (Value(1.0, "furlongs"), "not known"),
        (Value(1.0, "count"), "neither vector copies nor cells"),
        (Value(1.0, "copies/ul"), "cell count"),
        (Value(1.0, "copies/ug", lod=5.0, loq=1.0), "below that of detection"),
    ],
)
def test_bad_values(value, words):
    with pytest.raises(BadLabValue, match=words):
        lab.in_cells(value)
    with pytest.raises(BadLabValue, match="at least 1"):
        lab.in_cells(Value(1.0, "copies/ug"), copies_per_positive_cell=0.4)


@given(st.integers(0, 500), st.integers(501, 20_000))
def test_droplets_carry_the_exact_interval(positive, total):
    found = lab.droplets(positive, total)
    low = stats.beta.ppf(0.025, positive, total - positive + 1) if positive else 0.0
    high = stats.beta.ppf(0.975, positive + 1, total - positive)
    assert found.per_partition == pytest.approx(-math.log(1 - positive / total))
    assert (found.low, found.high) == (pytest.approx(-math.log1p(-low)), pytest.approx(-math.log1p(-high)))


def test_droplet_intervals_cover():
    rng = np.random.default_rng(1)
    inside = [
        f.low <= 0.01 <= f.high for f in (lab.droplets(rng.binomial(12_000, -math.expm1(-0.01)), 12_000) for _ in range(2000))
    ]
    assert 0.94 <= np.mean(inside) <= 0.99


def test_ratio_intervals_cover():
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(2000):
        target = lab.droplets(rng.binomial(15_000, -math.expm1(-0.004)), 15_000)
        reference = lab.droplets(rng.binomial(15_000, -math.expm1(-0.4)), 15_000)
        found = lab.ddpcr_copies_per_cell(target, reference)
        inside.append(found.low <= 0.02 <= found.high)
    assert 0.94 <= np.mean(inside) <= 0.985


def test_droplet_faults_and_pooling():
    with pytest.raises(BadLabValue, match="too concentrated"):
        lab.droplets(100, 100)
    with pytest.raises(BadLabValue, match="no positive droplet"):
        lab.ddpcr_copies_per_cell(lab.droplets(1, 100), lab.droplets(0, 100))
    assert lab.pooled_droplets([(3, 10_000), (5, 12_000)]).positive == 8
    assert lab.wells_agree([(3, 10_000), (5, 12_000)]) > 0.1
    assert lab.wells_agree([(3, 10_000), (90, 12_000)]) < 1e-6
    none = lab.ddpcr_copies_per_cell(lab.droplets(0, 15_000), lab.droplets(5000, 15_000))
    assert none.value is None
    assert 0 < none.high < 0.002


def test_detection_limit():
    cells = lab.cells_from_dna(200)
    assert cells == pytest.approx(200_000 / 6.3)
    limit = lab.detection_limit_cells(cells)
    assert (1 - limit) ** cells == pytest.approx(0.05, rel=1e-3)


def test_the_line():
    assert side_of(Bound(0.01, 0.01, 0.01)) == "above"
    assert side_of(Bound(None, 0.0, 0.009)) == "below"
    assert side_of(Bound(0.01, 0.005, 0.02)) == "cannot_say"


def test_curves_are_graded_by_time_and_trend():
    points = [Point(d, Bound(f, f, f)) for d, f in ((10, 0.5), (300, 0.05), (600, 0.2), (900, 0.004), (1200, 0.02))]
    found = curve(points)
    assert [p.grade for p in found.points] == ["expected_early", "persisting", "rising", "below_line", "risen_again"]
    assert found.first_below == (600, 900)
    assert found.last_above == 1200
    assert "3 months" in found.points[-1].words
    with pytest.raises(ValueError, match="before the infusion"):
        curve([Point(-3, Bound(1, 1, 1))])


def test_half_life():
    points = [Point(d, Bound(v, v, v)) for d, v in ((5, 0.1), *((t, 0.8 * 0.5 ** ((t - 10) / 30)) for t in (10, 40, 70, 100)))]
    assert half_life(points) == pytest.approx(30)
    assert math.isnan(half_life(points[:2]))


def _study(results, vcn=2.0):
    infusions = pl.DataFrame(
        [{"infusion_id": "I", "person_id": "P", "infused_on": "2022-01-01", "product": "x", "product_vcn": vcn}]
    )
    names = (
        "result_id",
        "person_id",
        "measured_on",
        "method",
        "matrix",
        "value",
        "unit",
        "result",
        "lod",
        "loq",
        "denominator",
        "positive_droplets",
        "total_droplets",
    )
    rows = [{name: row.get(name) for name in names} for row in results]
    frames = {"infusions": infusions, "assay_results": pl.DataFrame(rows, infer_schema_length=None)}
    return Study(None, "t", dt.date(2024, 1, 1), "", (), None, None, None, None, None, frames)


def test_values_of_a_study():
    base = {"person_id": "P", "method": "qpcr", "matrix": "whole_blood", "unit": "copies/ug"}
    study = _study(
        [
            base | {"result_id": "a", "measured_on": "2022-02-01", "value": 40_000.0, "result": "detected"},
            base | {"result_id": "b", "measured_on": "2022-12-01", "value": None, "result": "not_detected", "lod": 50.0},
            base | {"result_id": "c", "measured_on": "2023-01-01", "value": 5.0, "unit": "copies/ul", "result": "detected"},
            base | {"result_id": "d", "measured_on": "2023-02-01", "method": "rcl_rcr", "value": 1.0},
        ]
    )
    rows = lab_values(study)
    assert [row["result_id"] for row in rows] == ["a", "b", "c"]
    assert rows[0]["day"] == 31
    assert rows[0]["fraction"] == pytest.approx(40_000 * 6.3e-6 / 2)
    assert rows[1]["state"] == "below_lod"
    assert rows[2]["state"] == "not_convertible"
    assert "cell count" in rows[2]["words"]
    found = persistence(study)["P", "unknown"]
    assert [p.line for p in found.points] == ["above", "below"]
    assert found.first_below == (31, 334)


def test_denominators_are_never_mixed():
    base = {"person_id": "P", "matrix": "whole_blood", "result": "detected"}
    study = _study(
        [
            base
            | {
                "result_id": "a",
                "measured_on": "2022-12-01",
                "method": "qpcr",
                "value": 50.0,
                "unit": "copies/ug",
                "denominator": "nucleated_cells",
            },
            base
            | {
                "result_id": "b",
                "measured_on": "2023-12-01",
                "method": "flow",
                "value": 3.5,
                "unit": "percent_cells",
                "denominator": "t_cells",
            },
        ]
    )
    curves = persistence(study)
    assert set(curves) == {("P", "nucleated_cells"), ("P", "t_cells")}
    assert curves["P", "t_cells"].points[0].grade == "persisting"  # not "risen again" against another denominator


def test_a_product_mean_below_one_copy_is_not_used():
    base = {
        "person_id": "P",
        "method": "qpcr",
        "unit": "copies/cell",
        "result_id": "a",
        "measured_on": "2022-02-01",
        "value": 0.5,
        "result": "detected",
    }
    row = lab_values(_study([base], vcn=0.4))[0]
    assert "was not used" in row["words"]
    assert (row["fraction_low"], row["fraction_high"]) == (0.1, 0.5)
