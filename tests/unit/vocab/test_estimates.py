import math

import pytest

from aftercar.vocab.estimates import proportion, rate

# R 4.2.2: binom.test(x, n)$conf.int and poisson.test(x, T)$conf.int
R_BINOM = {
    (38, 42500): (0.0006328061355, 0.001227041891),
    (7, 19): (0.1628858722, 0.6164220767),
    (0, 3336): (0.0, 0.001105168064),
    (13, 17578): (0.0003938418825, 0.001264339471),
}
R_POISSON = {(38, 42.5): (0.6327308622, 1.227246328), (0, 10.0): (0.0, 0.3688879454), (5, 1.0): (1.62348639, 11.66833208)}


@pytest.mark.parametrize(("counts", "limits"), R_BINOM.items())
def test_proportion_agrees_with_r(counts, limits):
    found = proportion(*counts)
    assert (found.low, found.high) == pytest.approx(limits, rel=1e-8)


@pytest.mark.parametrize(("counts", "limits"), R_POISSON.items())
def test_rate_agrees_with_r(counts, limits):
    found = rate(*counts)
    assert (found.low, found.high) == pytest.approx(limits, rel=1e-8)


def test_mid_p_rate_of_the_regulators_review():
    found = rate(38, 42.5, method="mid-p")
    assert (found.low, found.high) == pytest.approx((0.642, 1.215), abs=5e-4)


def test_zero_events_have_an_upper_limit_only():
    assert proportion(0, 3336).percent(2) == "0.00% (0.00-0.11)"
    one_sided = rate(0, 100.0, side="upper")
    assert one_sided.low == 0
    assert one_sided.high == pytest.approx(-math.log(0.05) / 100)


def test_nothing_observed_says_nothing():
    found = proportion(0, 0)
    assert math.isnan(found.value)
    assert (found.low, found.high) == (0.0, 1.0)
    assert rate(0, 0.0).high == math.inf


@pytest.mark.parametrize(("events", "trials"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(events, trials):
    with pytest.raises(ValueError, match="event"):
        proportion(events, trials)
