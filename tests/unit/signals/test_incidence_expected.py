import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from aftercar.cohort.background import BadRateTable, constant, from_frame, rate_table
from aftercar.cohort.person_time import EPISODE_SCHEMA
from aftercar.errors import InputError
from aftercar.signals import expected, incidence
from aftercar.signals.competing import CannotCompareIncidence, gray_test
from aftercar.signals.regression import regress
from aftercar.vocab.dates import DAYS_PER_YEAR
from aftercar.vocab.sources import Source

SOURCE = Source("invented", "derived")


def episodes(rows):
    """(start, age, sex, entry, exit, status) as a cohort's episodes."""
    names = ("start", "age_at_start", "sex", "entry_days", "exit_days", "status")
    full = [
        dict.fromkeys(EPISODE_SCHEMA) | dict(zip(names, row, strict=True)) | {"person_id": str(i)} for i, row in enumerate(rows)
    ]
    return pl.DataFrame(full, schema=EPISODE_SCHEMA)


def test_without_censoring_it_is_a_proportion():
    found = incidence.cumulative_incidence([1.0, 2, 3, 4, 5], [1, 2, 1, 2, 2])
    assert found.at(5).value == pytest.approx(0.4)
    assert found.at(0.5).value == 0
    assert found.competing == 3


def test_death_competes():
    stop, cause = [1.0, 2, 3, 4], [2, 1, 2, 1]
    assert incidence.one_minus_kaplan_meier(stop, cause, 4) == 1.0
    assert incidence.cumulative_incidence(stop, cause).at(4).value == pytest.approx(0.5)


def test_without_an_event_the_upper_limit_comes_from_the_exact_rate():
    found = incidence.cumulative_incidence(np.full(1000, 2.0), np.zeros(1000, int)).at(2)
    assert found.value == found.low == 0
    assert found.high == pytest.approx(-math.log(0.025) / 2000 * 2, rel=1e-9)


def test_nothing_is_said_beyond_follow_up():
    with pytest.raises(incidence.NoTimeAtRisk, match="nobody was followed to 6"):
        incidence.cumulative_incidence([5.0], [0]).at(6)


def test_nobody_is_an_error():
    with pytest.raises(incidence.NoTimeAtRisk):
        incidence.cumulative_incidence([], [])


def test_late_entry_is_cautioned():
    found = incidence.cumulative_incidence([2.0, 3, 9, 9], [1, 0, 0, 0], start=[1.0, 1, 4, 4])
    assert found.first_entry == 1
    assert any("event-free at 1" in words for words in found.cautions)
    assert any("only 2 at risk" in words for words in found.cautions)
    assert found.at(2).value == 0.5


def test_landmark_starts_a_new_clock():
    start, stop, cause = incidence.landmark([0, 0, 2, 0], [0.5, 3, 4, 1], [1, 1, 0, 2], 1.0)
    assert (start.tolist(), stop.tolist(), cause.tolist()) == ([0], [2], [1])


def test_rates_by_time_add_up():
    day = dt.date(2020, 1, 1)
    frame = episodes([(day, 60.0, "male", 0.0, 3 * DAYS_PER_YEAR, 1), (day, 60.0, "male", 0.0, DAYS_PER_YEAR, 1)])
    bands = incidence.rates_by_time(frame, (1, 2))
    assert [band.rate.denominator for band in bands] == pytest.approx([2, 1, 1])
    assert [band.rate.numerator for band in bands] == [1, 0, 1]  # an event on the cut belongs to the band it ends
    assert 0 < incidence.constant_rate_p(bands) <= 1


def test_gray_refuses_late_entry_and_lone_groups():
    with pytest.raises(CannotCompareIncidence, match="late entry"):
        gray_test([1.0, 2], [1, 1], ["a", "b"], start=[0, 0.5])
    with pytest.raises(CannotCompareIncidence, match="one group"):
        gray_test([1.0, 2], [1, 1], ["a", "a"])
    with pytest.raises(CannotCompareIncidence, match="no event"):
        gray_test([1.0, 2], [2, 0], ["a", "b"])


def test_a_factor_of_death_turns_the_sign_between_the_models(rng):
    x = rng.normal(size=3000)
    event, dead = rng.exponential(10 * np.exp(-0.2 * x)), rng.exponential(2 * np.exp(-1.0 * x))
    stop = np.minimum(np.minimum(event, dead), 6)
    cause = np.where(stop == 6, 0, np.where(event < dead, 1, 2))
    found = regress(stop, cause, x, ["frailty"])
    assert found.of("cause-specific")[0].log_ratio > 0 > found.of("Fine-Gray")[0].log_ratio
    assert any("opposite directions" in words for words in found.cautions)


def test_few_events_are_penalised_and_cautioned(rng):
    stop, x = rng.exponential(size=60), np.r_[np.ones(30), np.zeros(30)]
    cause = np.zeros(60, int)
    cause[:4] = 1  # events on one side only
    found = regress(stop, cause, np.column_stack([x, rng.normal(size=60)]), ["marker", "other"])
    term = found.of("cause-specific")[0]
    assert term.method == "Firth, profile"
    assert math.isfinite(term.ratio)
    assert "4 events for 2 parameters" in found.cautions[0]


def test_missing_covariates_are_refused():
    with pytest.raises(InputError, match="covariate is missing"):
        regress([1.0, 2], [1, 0], [[1.0], [float("nan")]], ["x"])


def test_sir_counts_what_it_covers_and_says_what_not():
    day = dt.date(2020, 1, 1)
    frame = episodes(
        [
            (day, 60.0, "male", 0.0, 10 * DAYS_PER_YEAR, 1),
            (day, None, "male", 0.0, DAYS_PER_YEAR, 1),
            (day, 20.0, None, 0.0, DAYS_PER_YEAR, 0),
        ]
    )
    table = rate_table("b", SOURCE, [(50, 65, "male", 2000, 2100, 1e4), (65, math.inf, "male", 2000, 2100, 2e4)])
    found = expected.standardised(frame, [table])[0]
    assert found.expected == pytest.approx(5 * 0.1 + 5 * 0.2)
    assert (found.observed, found.uncovered) == (1, pytest.approx(2))
    everybody = expected.standardised(frame, [constant("c", 1000, SOURCE)])[0]
    assert (everybody.observed, everybody.uncovered, everybody.expected) == (2, pytest.approx(0), pytest.approx(0.12))


def test_sir_bands_add_up_to_the_whole():
    day = dt.date(2019, 7, 1)
    frame = episodes([(day, 60.0, "female", 0.0, 2500.0, 1), (day, 45.5, "male", 100.0, 900.0, 0)])
    table = constant("c", 500, SOURCE)
    bands = expected.by_time_since_infusion(frame, table, (1, 2, 5))
    whole = expected.standardised(frame, [table])[0]
    assert sum(b.expected for b in bands) == pytest.approx(whole.expected)
    assert sum(b.observed for b in bands) == whole.observed


def test_nothing_expected_and_something_seen():
    assert expected.ratio(1, 0.0).ratio == math.inf
    assert math.isnan(expected.ratio(0, 0.0).ratio)
    with pytest.raises(InputError):
        expected.ratio(1, -1)


def test_the_follow_up_at_which_there_is_no_excess():
    years = expected.follow_up_at_which_equal(38, 42_500, 22)
    assert expected.surface(38, 42_500, [years], [("b", 22)])[0].ratio == pytest.approx(1)


def test_rate_tables_that_contradict_themselves():
    with pytest.raises(BadRateTable, match="same people"):
        rate_table("b", SOURCE, [(0, 60, "all", 2000, 2020, 1), (50, 70, "male", 2010, 2012, 1)])
    with pytest.raises(BadRateTable, match="unknown sex"):
        rate_table("b", SOURCE, [(0, 60, "m", 2000, 2020, 1)])
    with pytest.raises(BadRateTable, match="columns are missing"):
        from_frame("b", SOURCE, pl.DataFrame({"age_low": [1]}))


def test_years_outside_the_table_take_its_nearest_year():
    table = rate_table("b", SOURCE, [(0, math.inf, "all", 2000, 2009, 1), (0, math.inf, "all", 2010, 2015, 2)])
    assert table.rates(np.array([50.0, 50.0]), ["male", "male"], np.array([1990, 2030])) * 1e5 == pytest.approx([1, 2])
