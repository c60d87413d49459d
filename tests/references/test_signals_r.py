"""Every figure of ``validation/signals.py`` agrees with R; the published anchors of the field come out."""

import math

import numpy as np
import pytest

from aftercar.signals import homogeneity, rates, untested
from aftercar.signals.calibration import e_value
from aftercar.signals.expected import surface
from aftercar.signals.incidence import cumulative_incidence
from validation import signals as validation


def test_simulated_figures_agree_with_r(tmp_path):
    rows = validation.table(tmp_path)
    assert len(rows) > 100
    assert [row for row in rows if not row[4]] == []


@pytest.mark.data
def test_real_figures_agree_with_r(test_data):
    figures = {name: (ours, tolerance) for name, ours, tolerance in validation.real(test_data / "survival")}
    truth = validation.reference()
    for name, (ours, tolerance) in figures.items():
        np.testing.assert_allclose(ours, truth[name], rtol=tolerance, atol=tolerance, err_msg=name)


def test_the_regulators_counts():
    found = rates.measure(38, persons=42_500, kind="spontaneous_reports").estimate
    assert found.per(1000, 3) == "0.894 (0.633-1.227)"
    limits = untested.bounds(19, 7, 38)
    assert limits.tested_share.percent(0) == "37% (16-62)"
    assert (round(limits.low, 2), round(limits.high, 2)) == (0.18, 0.68)
    both = untested.rate_bounds(19, 7, 38, 42_500)
    assert f"{1000 * both.low.value:.3f} {1000 * both.high.value:.3f}" == "0.165 0.612"
    assert f"{1000 * both.low.low:.3f} {1000 * both.high.high:.3f}" == "0.066 0.896"


def test_axi_cel_against_brexu_cel_depends_on_the_ordering():
    p = [homogeneity.exact_test([13, 0], [17_578, 3_336], ordering=o).p for o in homogeneity.ORDERINGS]
    assert (round(min(p), 2), round(max(p), 2)) == (0.11, 0.24)
    assert homogeneity.asymptotic_p([13, 0], [17_578, 3_336]) == pytest.approx(0.034, abs=0.001)


def test_saini():
    assert rates.compare_proportions(19, 42, 18, 72).p == pytest.approx(0.038, abs=0.0005)


def test_two_of_87_at_twelve_months():
    found = cumulative_incidence(np.r_[3.0, 8.0, np.full(85, 12.0)], np.r_[1, 1, np.zeros(85, int)])
    assert found.at(12).percent() == "2.3% (0.4-7.3)"


def test_faers_reports_of_second_cancers():
    assert rates.measure(536, persons=12_394, kind="spontaneous_reports").estimate.percent() == "4.3% (4.0-4.7)"


def test_the_surface_of_the_review():
    points = surface(38, 42_500, [0.5, 1.0, 1.5, 2.0, 2.5], [("treated B-cell lymphoma", 22.0)])
    assert [f"{p.ratio:.1f} ({p.low:.1f}-{p.high:.1f})" for p in points] == [
        "8.1 (5.8-11.2)",
        "4.1 (2.9-5.6)",
        "2.7 (1.9-3.7)",
        "2.0 (1.4-2.8)",
        "1.6 (1.2-2.2)",
    ]


def test_published_e_value():
    # VanderWeele and Ding 2017: risk ratio 3.9 (1.8 to 8.7) has E-value 7.26, and 3.0 for the limit.
    found = e_value(3.9, 1.8, 8.7)
    assert (round(found.point, 2), round(found.limit, 2)) == (7.26, 3.0)
    assert math.isclose(e_value(1 / 3.9, 1 / 8.7, 1 / 1.8).point, found.point)
