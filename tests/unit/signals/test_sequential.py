"""Sequential monitoring: boundaries, errors, group looks and the Bayesian rule."""

import numpy as np
import pytest
from scipy import stats

from aftercar.signals.sequential import (
    SequentialDesignError,
    boundary,
    critical_value,
    group_boundary,
    group_critical_value,
    group_performance,
    log_likelihood_ratio,
    look,
    performance,
)
from aftercar.signals.sequential_bayes import (
    SENSITIVITY,
    Prior,
    calibrated_threshold,
    false_signal_probability,
    fewest_events,
    signal_probability,
    update,
)


def test_llr_is_zero_without_excess_and_the_poisson_ratio_with_it():
    assert log_likelihood_ratio([0, 3, 5], [1, 3, 7]).tolist() == [0, 0, 0]
    expected = stats.poisson.logpmf(9, 9) - stats.poisson.logpmf(9, 2.4)
    assert float(log_likelihood_ratio(9, 2.4)) == pytest.approx(expected)
    assert float(log_likelihood_ratio(1, 0)) == np.inf


def test_boundary_times_reach_the_critical_value_exactly():
    times = boundary(3.0, 10, minimum=2)
    assert times[0] == 0
    assert times[-1] == 10
    for count, at in list(enumerate(times, 1))[1:-1]:
        assert float(log_likelihood_ratio(count, at)) == pytest.approx(3.0, abs=1e-9)


def test_error_is_alpha_and_power_grows_with_the_rate():
    critical = critical_value(6, 0.05, minimum=4)
    assert performance(critical, 6, minimum=4).power == pytest.approx(0.05, abs=1e-9)
    powers = [performance(critical, 6, rr, minimum=4).power for rr in (1, 1.5, 2, 3, 6)]
    assert powers == sorted(powers)
    assert powers[-1] > 0.99


def test_no_critical_value_is_an_error_with_the_reason_and_a_way_out():
    with pytest.raises(SequentialDesignError, match=r"4 or more events come by chance with probability 0\.0\d+ only.*lengthen"):
        critical_value(1.0, 0.05, minimum=4)


@pytest.mark.parametrize(
    "call",
    [
        lambda: critical_value(0),
        lambda: critical_value(1e6),
        lambda: critical_value(5, 0.7),
        lambda: critical_value(5, minimum=0),
        lambda: critical_value(5, delay=6),
        lambda: look(-1, 2, 3),
        lambda: look(1, 0, 3),
        lambda: group_performance(3, []),
        lambda: group_performance(3, [1, 1]),
        lambda: Prior(0, 1),
        lambda: update(Prior(), -1, 1),
        lambda: update(Prior(), 1, 1, level=1),
        lambda: signal_probability(Prior(), [1], 1.5),
    ],
)
def test_wrong_plans_are_refused(call):
    with pytest.raises(SequentialDesignError):
        call()


def test_a_look_needs_the_minimum_of_events():
    assert not look(3, 0.1, 2.0, minimum=4).signal
    assert look(4, 0.1, 2.0, minimum=4).signal


def test_one_group_look_is_the_plain_poisson_test():
    critical = group_critical_value([3.0], 0.05)
    count = group_boundary(critical, 3.0)
    assert stats.poisson.sf(count - 1, 3.0) <= 0.05 < stats.poisson.sf(count - 2, 3.0)
    assert group_performance(critical, [3.0]).power == pytest.approx(stats.poisson.sf(count - 1, 3.0), abs=1e-12)


def test_group_error_stays_below_alpha_and_equals_enumeration():
    looks = [0.5, 1.2, 2.5]
    critical = group_critical_value(looks, 0.05, minimum=2)
    exact = group_performance(critical, looks, minimum=2)
    assert 0 < exact.power <= 0.05
    limits = [group_boundary(critical, at, 2) for at in looks]
    quiet = sum(
        stats.poisson.pmf(a, 0.5) * stats.poisson.pmf(b - a, 0.7) * stats.poisson.pmf(c - b, 1.3)
        for a in range(limits[0])
        for b in range(a, limits[1])
        for c in range(b, limits[2])
    )
    assert exact.power == pytest.approx(1 - quiet, abs=1e-12)
    assert group_performance(critical * 0.9, looks, minimum=2).power >= exact.power


def test_posterior_is_the_conjugate_gamma_and_priors_differ():
    now = update(Prior(2, 1), 5, 3.0, above=1.5)
    law = stats.gamma(7, scale=1 / 4)
    assert now.median == pytest.approx(law.median())
    assert now.probability == pytest.approx(law.sf(1.5))
    medians = {name: update(prior, 9, 2.4).median for name, prior in SENSITIVITY.items()}
    assert medians["sceptical"] < medians["enthusiastic"] < 9 / 2.4


def test_bayesian_rule_error_equals_simulation_and_is_calibrated():
    looks = [1.0, 2.0, 4.0, 8.0]
    prior = Prior()
    threshold = calibrated_threshold(prior, looks, 0.05, minimum=3)
    attained = false_signal_probability(prior, looks, threshold, minimum=3)
    assert 0.01 < attained <= 0.05
    generator = np.random.default_rng(7)
    counts = generator.poisson(np.diff([0, *looks]), size=(60_000, 4)).cumsum(axis=1)
    limits = [fewest_events(prior, at, threshold, minimum=3) for at in looks]
    simulated = (counts >= limits).any(axis=1).mean()
    assert simulated == pytest.approx(attained, abs=4 * (attained * (1 - attained) / 60_000) ** 0.5)


def test_uncalibrated_95_percent_rule_signals_too_often():
    looks = list(np.arange(1, 21) * 0.5)
    assert false_signal_probability(Prior(), looks, 0.95) > 0.08
