import math

import pytest

from aftercar.errors import InputError
from aftercar.signals.rates import MixedMeasures, binomial_p, compare, compare_proportions, measure, rate_ratio, zero_event_limit


@pytest.mark.parametrize(
    ("kind", "years", "name"),
    [
        ("spontaneous_reports", None, "reporting proportion"),
        ("safety_database", 100.0, "reporting proportion"),
        ("registry", 100.0, "incidence rate"),
        ("trial", None, "risk over mixed follow-up"),
    ],
)
def test_the_source_decides_what_a_figure_is(kind, years, name):
    assert measure(3, persons=500, person_years=years, kind=kind).name == name


def test_a_figure_without_denominator_is_an_error():
    with pytest.raises(InputError, match="no denominator"):
        measure(3, kind="registry")


def test_an_incidence_is_never_compared_with_a_reporting_proportion():
    a = measure(3, person_years=500, kind="registry", comparison="x")
    b = measure(3, persons=500, kind="spontaneous_reports", comparison="x")
    with pytest.raises(MixedMeasures, match="incidence rate and reporting proportion are different kinds"):
        compare(a, b)


def test_sources_not_marked_as_comparable_are_not_compared():
    a = measure(3, persons=500, kind="trial", group="A")
    with pytest.raises(MixedMeasures, match="not marked"):
        compare(a, measure(3, persons=600, kind="trial", group="B"))
    b = measure(3, persons=500, kind="trial", group="A", comparison="x")
    assert compare(b, measure(3, persons=600, kind="trial", comparison="x")).value == pytest.approx(1.2)


def test_no_event_anywhere_says_nothing():
    found = rate_ratio(0, 10, 0, 20)
    assert math.isnan(found.value)
    assert (found.low, found.high, found.p) == (0.0, math.inf, 1.0)


def test_central_test_and_interval_agree():
    for counts in ((8, 1), (5, 5), (0, 6), (12, 3)):
        assert rate_ratio(counts[0], 10, counts[1], 10, ordering="central").agrees


def test_zero_events_have_the_rule_of_three():
    assert zero_event_limit(3336).high == pytest.approx(-math.log(0.05) / 3336)


def test_orderings_differ_and_are_named():
    p = {ordering: binomial_p(1, 12, 0.3, ordering) for ordering in ("minlike", "central", "mid-p")}
    assert len(set(p.values())) == 3
    assert rate_ratio(1, 3, 11, 7, ordering="mid-p").ordering == "mid-p"


def test_fisher_at_the_edges():
    found = compare_proportions(0, 10, 5, 10)
    assert (found.value, found.low) == (0.0, 0.0)
    assert compare_proportions(10, 10, 5, 5).p == 1.0
    assert compare_proportions(5, 5, 0, 5).high == math.inf


@pytest.mark.parametrize("bad", [(-1, 1, 1, 1), (1, 0, 1, 1), (1, 1, -1, 1)])
def test_bad_counts_are_errors(bad):
    with pytest.raises(InputError):
        rate_ratio(*bad)
