"""MaxSPRT against the published tables and against simulation."""

import numpy as np
import pytest

from aftercar.signals.sequential import critical_value, group_performance, performance

# Kulldorff et al. 2011 (Sequential Analysis 30:58), table 1: critical values, at least 1 event.
TABLE_1 = [
    (0.1, 0.05, 2.044069), (0.5, 0.05, 2.637928), (1, 0.05, 2.853937), (2, 0.05, 3.046977), (5, 0.05, 3.297183),
    (10, 0.05, 3.467952), (20, 0.05, 3.628123), (50, 0.05, 3.819903), (100, 0.05, 3.952321), (200, 0.05, 4.074828),
    (0.1, 0.01, 4.119293), (1, 0.01, 4.670428), (10, 0.01, 5.260513), (100, 0.01, 5.738974),
    (0.1, 0.001, 6.579669), (1, 0.001, 7.172614),
]  # fmt: skip
# Kulldorff and Silva 2015 and the R package Sequential: minimum number of events, alpha 0.05.
MINIMUM = [
    (1, 2, 2.366638), (1, 3, 1.774218), (1.5, 4, 1.683209), (2, 2, 2.689354), (2, 3, 2.349679), (2, 4, 2.000158),
    (5, 4, 2.623668), (5, 6, 2.267595), (8, 4, 2.829259),
]  # fmt: skip
DELAY = [(1.5, 1, 1.683209), (10, 1, 2.799333), (10, 2, 2.591675), (10, 3, 2.484834), (20, 1, 3.082511)]


@pytest.mark.parametrize(("end", "alpha", "published"), TABLE_1)
def test_critical_values_of_the_paper_to_six_decimals(end, alpha, published):
    assert critical_value(end, alpha, minimum=1) == pytest.approx(published, abs=1.0e-6)


@pytest.mark.parametrize(("end", "minimum", "published"), MINIMUM)
def test_critical_values_with_a_minimum_of_events(end, minimum, published):
    assert critical_value(end, minimum=minimum) == pytest.approx(published, abs=1.0e-6)


@pytest.mark.parametrize(("end", "delay", "published"), DELAY)
def test_critical_values_with_a_delayed_start(end, delay, published):
    assert critical_value(end, minimum=1, delay=delay) == pytest.approx(published, abs=2.0e-6)


@pytest.mark.parametrize(
    ("minimum", "power", "to_signal", "watched"), [(1, 0.6850634, 4.130985, 5.979353), (3, 0.7329625, 4.071636, 5.654732)]
)
def test_power_and_times_printed_by_the_r_package(minimum, power, to_signal, watched):
    got = performance(critical_value(10, minimum=minimum), 10, 2.0, minimum=minimum)
    assert (got.power, got.time_to_signal, got.time_under_watch) == pytest.approx((power, to_signal, watched), abs=1e-6)


def test_published_power_at_other_ends():
    assert performance(2.044069, 0.1, 1.2).power == pytest.approx(0.060, abs=5e-4)
    assert performance(3.628123, 20, 1.5).time_to_signal == pytest.approx(8.68, abs=0.005)
    assert performance(3.628123, 20, 1.5).time_under_watch == pytest.approx(14.91, abs=0.005)


@pytest.mark.parametrize(("minimum", "delay"), [(1, 0.0), (4, 0.0), (1, 2.0)])
@pytest.mark.parametrize("rate_ratio", [1.0, 2.5])
def test_exact_recursion_equals_simulated_monitoring(minimum, delay, rate_ratio):
    end, runs = 8.0, 40_000
    critical = critical_value(end, minimum=minimum, delay=delay)
    exact = performance(critical, end, rate_ratio, minimum=minimum, delay=delay)
    signalled, when = simulate(critical, end, rate_ratio, minimum, delay, runs, np.random.default_rng(20240611))
    assert signalled.mean() == pytest.approx(exact.power, abs=4 * (exact.power * (1 - exact.power) / runs) ** 0.5)
    spread = when[signalled].std() / signalled.sum() ** 0.5
    assert when[signalled].mean() == pytest.approx(exact.time_to_signal, abs=4 * spread)
    assert when.mean() == pytest.approx(exact.time_under_watch, abs=4 * when.std() / runs**0.5)


def simulate(critical, end, rate_ratio, minimum, delay, runs, generator):
    """Arrival by arrival, straight from the definition (also looked at when a delay ends)."""
    arrivals = generator.exponential(1 / rate_ratio, size=(runs, 80)).cumsum(axis=1)
    assert (arrivals[:, -1] > end).all()
    signalled, when = np.zeros(runs, dtype=bool), np.full(runs, end)
    for i in range(runs):
        times = arrivals[i][arrivals[i] <= end]
        looks = [(t, n) for n, t in enumerate(times, 1) if t >= delay]
        if delay:
            looks.insert(0, (delay, int((times < delay).sum())))
        for at, count in looks:
            if count >= minimum and count > at and at - count + count * np.log(count / at) >= critical:
                signalled[i], when[i] = True, at
                break
    return signalled, when


def test_frequent_group_looks_approach_continuous_looking_from_below():
    critical = critical_value(5, minimum=1)
    coarse = group_performance(critical, np.arange(1, 6) * 1.0).power
    fine = group_performance(critical, np.arange(1, 2001) * 5 / 2000).power
    assert coarse < fine < 0.05
    assert fine == pytest.approx(0.05, abs=1.5e-3)
