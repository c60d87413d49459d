"""Disproportionality: margins, zero cells, masking, strata, shrinkage."""

import numpy as np
import pytest
from scipy import stats

from aftercar.signals import disproportionality as dp
from aftercar.signals import shrinkage
from aftercar.vocab.estimates import proportion


def test_published_share_of_second_cancers_among_faers_reports():
    """536 of 12,394 CAR-T reports (Blood 2024;143:2099), with the exact interval."""
    share = proportion(536, 12_394, unit="reports")
    assert share.percent() == "4.3% (4.0-4.7)"
    assert stats.binom.sf(535, 12_394, share.low) == pytest.approx(0.025, rel=1e-9)
    assert stats.binom.cdf(536, 12_394, share.high) == pytest.approx(0.025, rel=1e-9)


def test_margins_are_reports_and_cells_follow():
    table = dp.fourfold(3, 10, 20, 100)
    assert (float(table.a), float(table.b), float(table.c), float(table.d)) == (3, 7, 17, 73)
    assert float(table.total) == 100
    assert float(table.expected) == 2


@pytest.mark.parametrize("counts", [(5, 3, 9, 100), (5, 9, 3, 100), (-1, 3, 3, 10), (0, 60, 60, 100), (np.nan, 1, 1, 1)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(dp.CountsError, match="give report counts"):
        dp.fourfold(*counts)


def test_the_error_names_the_row():
    with pytest.raises(dp.CountsError, match="position 1"):
        dp.fourfold([1, 5], [3, 3], [9, 9], 100)


def test_zero_cells_give_nan_intervals_and_never_a_signal():
    table = dp.fourfold([0, 2], [10, 10], [20, 2], 1000)
    ror = dp.ror(table)
    assert ror.value[0] == 0
    assert np.isnan(ror.low[0])
    assert ror.value[1] == np.inf
    assert np.isnan(ror.high[1])
    assert not dp.signalled(table, dp.ROR_RULE).any()
    ic = dp.information_component(table)
    assert np.isfinite([ic.value, ic.low, ic.high]).all()


def test_exact_interval_with_zero_and_full_cells():
    none = dp.exact_ror(0, 10, 20, 1000)
    assert (float(none.value), float(none.low)) == (0, 0)
    assert np.isfinite(none.high)
    every = dp.exact_ror(2, 10, 2, 1000)
    assert float(every.high) == np.inf
    assert 0 < every.low < np.inf
    assert np.isnan(dp.exact_ror(0, 0, 20, 1000).value)


def test_information_component_without_any_report_is_zero_and_wide():
    ic = dp.information_component_of(0, 0)
    assert float(ic.value) == 0
    assert ic.low < -8
    assert ic.high > 1


def test_rules_apply_their_minimum_of_reports():
    table = dp.fourfold([2, 3], 10, 20, 10_000)
    assert dp.signalled(table, dp.EVANS).tolist() == [False, True]
    assert dp.signalled(table, dp.ROR_RULE).tolist() == [False, True]
    assert dp.signalled(table, dp.IC_RULE).tolist() == [False, True]
    assert dp.signalled(table, dp.EB_RULE, eb05=np.array([2.5, 1.0])).tolist() == [True, False]
    with pytest.raises(ValueError, match="eb05"):
        dp.signalled(table, dp.EB_RULE)


def test_taking_a_masker_away_uncovers_the_event():
    # 5,000 reports of a masker hold 900 of the 1,000 events; product A has 10 events in 500 reports of the rest.
    whole = dp.fourfold(10, 500, 1_000, 100_000)
    bare = dp.without_masker(whole, masker=5_000, masker_event=900, masker_drug=0, masker_both=0)
    assert float(bare.total) == 95_000
    assert float(bare.a) == 10
    assert dp.masking_ratio(whole, bare) > 9
    with pytest.raises(dp.CountsError):
        dp.without_masker(whole, 5_000, 900, 0, 20)


def test_one_stratum_changes_nothing_and_empty_strata_add_nothing():
    table = dp.fourfold([[12], [0]], [[400], [0]], [[900], [0]], [[215_000], [0]])
    pooled = dp.mantel_haenszel_ror(table)
    assert float(pooled.value[0]) == pytest.approx(float(dp.ror(dp.fourfold(12, 400, 900, 215_000)).value))
    expected = dp.stratified_expected(np.array([[400.0], [0]]), np.array([[900.0], [0]]), np.array([[215_000.0], [0]]))
    assert float(expected[0]) == pytest.approx(400 * 900 / 215_000)


def test_strata_remove_confounding_by_age():
    # Within each stratum product and event are independent; the old use the product and have the event.
    drug, event, total = np.array([900.0, 100.0]), np.array([1000.0, 100.0]), np.array([10_000.0, 90_000.0])
    a = np.round(drug * event / total)
    crude = dp.ror(dp.fourfold(a.sum(), drug.sum(), event.sum(), total.sum()))
    pooled = dp.mantel_haenszel_ror(dp.fourfold(a, drug, event, total))
    assert crude.value > 8
    assert float(pooled.value) == pytest.approx(1.0, abs=0.02)
    assert float(dp.stratified_expected(drug, event, total)) == pytest.approx(a.sum(), abs=1)


def test_planted_prior_is_recovered_and_its_log_likelihood_beaten():
    generator = np.random.default_rng(11)
    truth = shrinkage.GammaMixture(0.6, 0.08, 4.0, 5.0, 0.1)
    expected = generator.gamma(0.5, 6, size=30_000) + 0.01
    first = generator.random(30_000) < truth.share
    ratio = np.where(first, generator.gamma(0.6, 1 / 0.08, 30_000), generator.gamma(4.0, 1 / 5.0, 30_000))
    observed = generator.poisson(ratio * expected)
    found = shrinkage.fit(observed, expected)
    keep = observed >= 1
    planted = shrinkage._log_marginal(truth, observed[keep].astype(float), expected[keep], 1).sum()
    got = shrinkage._log_marginal(found.prior, observed[keep].astype(float), expected[keep], 1).sum()
    assert got >= planted - 3
    assert found.prior.mean == pytest.approx(truth.mean, rel=0.15)
    assert found.combinations == keep.sum()
    shrunk = shrinkage.shrink(found.prior, observed[keep], expected[keep])
    covered = ((shrunk.low <= ratio[keep]) & (ratio[keep] <= shrunk.high)).mean()
    assert covered == pytest.approx(0.90, abs=0.03)


def test_gradient_equals_finite_differences():
    generator = np.random.default_rng(2)
    e = generator.gamma(1, 2, 200) + 0.01
    n = generator.poisson(e * 1.5).astype(float)
    weight = generator.random(200)
    at = np.array([-0.3, 0.2, 1.1, 0.7, -1.5])
    for least in (0, 1, 2):
        keep = n >= least
        value, slope = shrinkage._loss(at, n[keep], e[keep], weight[keep], least)
        for i in range(5):
            step = np.zeros(5)
            step[i] = 1e-6
            up = shrinkage._loss(at + step, n[keep], e[keep], weight[keep], least)[0]
            down = shrinkage._loss(at - step, n[keep], e[keep], weight[keep], least)[0]
            assert slope[i] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-5)
        assert value == pytest.approx(
            -weight[keep] @ shrinkage._log_marginal(shrinkage._decode(at), n[keep], e[keep], least), rel=1e-12
        )


def test_squashing_keeps_counts_and_sums():
    generator = np.random.default_rng(5)
    expected = generator.gamma(0.5, 4, size=50_000) + 0.01
    observed = generator.poisson(expected).astype(float)
    n, e, weight = shrinkage.squash(observed, expected)
    assert len(n) < 5_000
    assert weight.sum() == 50_000
    assert (weight * n).sum() == observed.sum()
    assert (weight * e).sum() == pytest.approx(expected.sum())
    prior = shrinkage.GammaMixture(0.6, 0.3, 4, 5, 0.1)
    whole = shrinkage._log_marginal(prior, observed, expected, 0).sum()
    assert weight @ shrinkage._log_marginal(prior, n, e, 0) == pytest.approx(whole, rel=1e-3)


def test_truncated_probabilities_sum_to_one():
    prior, e = shrinkage.GammaMixture(0.6, 0.3, 4, 5, 0.1), np.full(4000, 3.0)
    for least in (0, 1, 2):
        n = np.arange(least, least + 4000, dtype=float)
        assert np.exp(shrinkage._log_marginal(prior, n, e, least)).sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("call", [
    lambda: shrinkage.fit([1] * 5, [1.0] * 5),
    lambda: shrinkage.fit([1] * 20, [0.0] * 20),
    lambda: shrinkage.fit([1] * 20, [1.0] * 19),
    lambda: shrinkage.GammaMixture(0, 1, 1, 1, 0.5),
    lambda: shrinkage.GammaMixture(1, 1, 1, 1, 1.5),
    lambda: shrinkage.shrink(shrinkage.GammaMixture(1, 1, 1, 1, 0.5), 1, 1, level=1),
])  # fmt: skip
def test_what_cannot_be_shrunk_is_refused(call):
    with pytest.raises(shrinkage.ShrinkageError):
        call()


def test_shrinkage_pulls_small_counts_and_leaves_large_ones():
    prior = shrinkage.GammaMixture(0.7, 0.4, 3.1, 2.2, 0.15)
    small, large = shrinkage.shrink(prior, 2, 0.1), shrinkage.shrink(prior, 2_000, 100.0)
    assert small.ebgm < 20
    assert float(large.ebgm) == pytest.approx(20, rel=0.02)
    assert (small.low < small.ebgm) & (small.ebgm < small.high)
