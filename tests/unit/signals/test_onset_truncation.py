import math

import numpy as np
import pytest

from aftercar.errors import InputError
from aftercar.signals import onset, truncation


def test_unknown_onsets_are_counted_not_used():
    found = onset.summary([1, None, 30, float("nan")])
    assert (found.n, found.unknown, found.within_12.numerator) == (2, 2, 1)


def test_no_known_onset():
    found = onset.summary([None])
    assert found.n == 0
    assert math.isnan(found.median)


def test_twelve_months_to_the_day_is_within():
    assert onset.summary([12.0, 12.01]).within_12.numerator == 1


def test_median_limits_are_the_tabled_order_statistics():
    assert onset.quantile_limits(range(1, 21), 0.5)[:2] == (6, 15)
    assert onset.quantile_limits(range(1, 11), 0.5)[:2] == (2, 9)
    assert all(math.isnan(value) for value in onset.quantile_limits([1, 2, 3], 0.5))


def test_median_limits_cover(rng):
    hits = sum(
        low <= math.log(2) <= high for low, high, _ in (onset.quantile_limits(rng.exponential(size=9), 0.5) for _ in range(2000))
    )
    assert hits / 2000 > 0.94


def test_the_curve_ends_at_one():
    found = onset.curve([3, 1, 3])
    assert found.months.tolist() == [1, 3]
    assert found.share.tolist() == pytest.approx([1 / 3, 1])
    assert found.rows()[0]["share"] == 0


def test_groups_keep_their_order():
    assert list(onset.by_group([1, 2, 3], ["b", "a", "b"])) == ["b", "a"]


def test_negative_onsets_are_errors():
    with pytest.raises(InputError, match="negative"):
        onset.summary([-1])


def test_a_window_far_beyond_the_onsets_changes_nothing(rng):
    x = 10 * rng.weibull(1.5, 50)
    both = truncation.weibull_reports(x, np.full(50, 1e4))
    assert both.corrected.median == pytest.approx(both.naive.median, rel=1e-5)


def test_short_windows_leave_the_median_without_upper_limit(rng):
    window = rng.uniform(5, 8, 12)
    both = truncation.weibull_reports(window * rng.uniform(0.2, 0.99, 12), window)
    assert both.corrected.median_high == math.inf
    assert not both.corrected.is_limited
    assert both.corrected.median_low > 0


def test_the_planted_median_comes_back_and_the_naive_one_does_not(rng):
    window = 84 * rng.random(4000) ** 1.4
    onsets = 24 / math.log(2) ** (1 / 1.3) * rng.weibull(1.3, 4000)
    seen = onsets < window
    both = truncation.weibull_reports(onsets[seen], window[seen])
    assert both.corrected.median_low < 24 < both.corrected.median_high
    assert both.naive.median_high < 24


def test_reverse_time_curve_without_truncation_is_the_empirical_one(rng):
    x = np.sort(rng.exponential(10, 40))
    found = truncation.reverse_time_curve(x, np.full(40, 1e3))
    np.testing.assert_allclose(found.share, np.arange(1, 41) / 40)
    assert truncation.median_of_curve(found) == x[19]


def test_an_onset_after_the_lock_is_an_error():
    with pytest.raises(truncation.BadWindow, match="after the data lock"):
        truncation.weibull_reports([1, 2, 9], [5, 5, 5])


def test_a_falling_hazard_has_a_shape_below_one(rng):
    fit = truncation.weibull_cohort(20 * rng.weibull(0.6, 400), np.ones(400, bool))
    assert fit.shape_low < 0.6 < fit.shape_high < 1


def test_cohort_needs_three_events():
    with pytest.raises(truncation.BadWindow, match="2 events"):
        truncation.weibull_cohort([1, 2, 3], [True, True, False])


def test_known_windows_leave_out_and_count():
    x, tau, left = truncation.known_windows([0.0, None, 5.0], [10.0, 10.0, None])
    assert (len(x), left) == (1, 2)
    assert 0 < x[0] < 0.1 < tau[0]
