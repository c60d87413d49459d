"""Power as published, exact power against simulation, refusals."""

import math

import numpy as np
import pytest
from scipy import stats

from aftercar.biomarkers import power
from aftercar.errors import UsageError


def test_the_figures_of_the_review():
    assert [round(power.detectable_ratio(38, p), 1) for p in (0.35, 0.10)] == [2.6, 4.5]
    assert round(power.detectable_ratio(38, 0.02)) == 26
    assert power.events_needed(2.0, 0.35) == 72
    row = power.power_table(cohort=42_500, events=38, prevalences=[0.35])[0]
    assert row.treated_needed == pytest.approx(80_000, rel=0.02)


def test_detectable_and_needed_are_inverse():
    ratio = power.detectable_ratio(38, 0.2)
    assert power.power_of(38, ratio, 0.2) == pytest.approx(0.8)
    assert power.events_needed(ratio * 1.0001, 0.2) == 38


def test_exact_power_equals_simulation(rng):
    share = 0.1 * 6 / (0.1 * 6 + 0.9)
    draws = rng.binomial(38, share, 4000)
    hits = np.mean([min(stats.binom.sf(k - 1, 38, 0.1), stats.binom.cdf(k, 38, 0.1)) <= 0.025 for k in draws])
    assert power.exact_power(38, 6.0, 0.1) == pytest.approx(hits, abs=0.03)
    assert power.exact_power(38, 1.0, 0.1) <= 0.05
    assert power.exact_power(38, power.exact_detectable(38, 0.1), 0.1) == pytest.approx(0.8, abs=1e-6)
    assert power.exact_detectable(3, 0.35) == math.inf


def test_a_sampled_design_costs_information():
    rows = power.power_table(cohort=42_500, events=38, prevalences=[0.35], subcohort=400, controls=5)
    assert [row.design for row in rows] == ["cohort", "case-cohort", "nested"]
    assert [round(row.efficiency, 3) for row in rows] == [1.0, 0.914, 0.833]
    assert [row.assayed for row in rows] == [42_500, 438, 228]
    assert rows[0].detectable < rows[1].detectable < rows[2].detectable
    assert power.efficiency("case-cohort", event_fraction=0.001, subcohort_fraction=1.0) == 1.0


@pytest.mark.parametrize("change", [{"prevalence": 0.0}, {"prevalence": 1.0}, {"power": 1.0}, {"alpha": 0.0}])
def test_values_outside_their_range(change):
    with pytest.raises(UsageError):
        power.detectable_ratio(38, **{"prevalence": 0.3, **change})
    with pytest.raises(UsageError):
        power.events_needed(1.0, 0.3)
    with pytest.raises(UsageError):
        power.power_table(cohort=10, events=11, prevalences=[0.1])
    with pytest.raises(UsageError):
        power.efficiency("nested", controls=0)
    assert power.detectable_ratio(0, 0.3) == math.inf
