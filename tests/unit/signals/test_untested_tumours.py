import math

import pytest
from scipy import stats

from aftercar.errors import InputError
from aftercar.signals.untested import bounds, corrected_share, missing_at_random, odds_ratio_needed, tilt, why_untested


def test_untested_are_never_negative():
    assert bounds(0, 0, 5).low == 0.0
    assert bounds(0, 0, 5).high == 1.0
    assert math.isnan(bounds(0, 0, 5).tested_share.value)


def test_everything_tested_leaves_no_width():
    found = bounds(10, 4, 10)
    assert found.low == found.high == 0.4
    guess = missing_at_random(10, 4, 10)
    assert (guess.expected_positive, guess.low, guess.high) == (4.0, 4, 4)


def test_prediction_is_the_beta_binomial():
    guess = missing_at_random(19, 7, 38, prior=(1, 1))
    twin = stats.betabinom(19, 8, 13)
    assert guess.expected_positive == pytest.approx(7 + twin.mean())
    assert twin.cdf(guess.low - 7 - 1) < 0.025 <= twin.cdf(guess.low - 7)


def test_tilt_of_one_is_missing_at_random_and_the_extremes_are_the_bounds():
    found = {row.odds_ratio: row for row in tilt(19, 7, 38, odds_ratios=(1e-9, 1, 1e9))}
    limits = bounds(19, 7, 38)
    assert found[1].share == pytest.approx(7 / 19)
    assert found[1e-9].share == pytest.approx(limits.low, abs=1e-6)
    assert found[1e9].share == pytest.approx(limits.high, abs=1e-6)


def test_the_odds_ratio_that_is_needed():
    needed = odds_ratio_needed(19, 7, 38, 0.5)
    assert tilt(19, 7, 38, odds_ratios=(needed,))[0].share == pytest.approx(0.5)
    assert math.isnan(odds_ratio_needed(19, 7, 38, 0.9))


def test_reasons_are_counted_and_an_empty_one_is_said():
    rows = why_untested(["no tissue", None, "no tissue", ""])
    assert [(row.reason, row.cases) for row in rows] == [("no tissue", 2), ("not stated", 2)]


def test_assay_errors_are_corrected():
    assert corrected_share(100, 40, sensitivity=0.8, specificity=0.95) == pytest.approx((0.4 - 0.05) / 0.75)
    with pytest.raises(InputError):
        corrected_share(100, 40, sensitivity=0.5, specificity=0.5)


@pytest.mark.parametrize("bad", [(5, 6, 10), (11, 1, 10), (3, -1, 10)])
def test_counts_that_cannot_be(bad):
    with pytest.raises(InputError, match="positive <= tested <= cases"):
        bounds(*bad)
