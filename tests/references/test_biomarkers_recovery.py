"""A short recovery run: known truth within four Monte Carlo errors; the naive analyses are fooled, ours is not."""

import pytest

from validation import biomarkers_recovery as recovery


@pytest.mark.slow
def test_every_design_recovers_the_truth():
    rows = recovery.table(3)
    assert len(rows) == 8
    assert [row for row in rows if not row[4]] == []


@pytest.mark.slow
def test_survivors_fool_the_naive_analysis_only():
    found = {(row["scenario"], row["analysis"]): row for row in recovery.survivors(12)}
    for scenario in ("sampled at a later visit", "cases sampled at diagnosis"):
        assert found[scenario, "naive"]["rejects"] >= 0.2 > found[scenario, "ours"]["rejects"]
        assert abs(found[scenario, "naive"]["mean_log_ratio"]) > 0.35 > abs(found[scenario, "ours"]["mean_log_ratio"])
