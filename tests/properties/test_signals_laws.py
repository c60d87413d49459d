"""Laws that hold for any counts and times."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aftercar.cohort.disclosure import mask_counts
from aftercar.cohort.splitting import split
from aftercar.signals.benefit_risk import Piece, expected_per_1000
from aftercar.signals.homogeneity import ORDERINGS, exact_test
from aftercar.signals.incidence import cumulative_incidence
from aftercar.signals.onset import curve, summary
from aftercar.signals.rates import compare_proportions, rate_ratio
from aftercar.signals.truncation import reverse_time_curve
from aftercar.signals.untested import bounds, tilt

counts = st.integers(0, 15)
sizes = st.floats(0.5, 1e5)
months = st.floats(0.1, 300)


@given(a=counts, b=counts, t=sizes, u=sizes, ordering=st.sampled_from(["minlike", "central", "mid-p"]))
def test_a_rate_ratio_turned_round_is_its_inverse(a, b, t, u, ordering):
    one, other = rate_ratio(a, t, b, u, ordering=ordering), rate_ratio(b, u, a, t, ordering=ordering)
    assert one.p == pytest.approx(other.p, rel=1e-6)
    assert one.low == pytest.approx(1 / other.high if other.high else math.inf, rel=1e-4)
    if a and b:
        assert one.low <= one.value <= one.high


@given(a=counts, b=counts, n=st.integers(15, 60), m=st.integers(15, 60))
def test_fisher_turned_round(a, b, n, m):
    one, other = compare_proportions(a, n, b, m), compare_proportions(b, m, a, n)
    assert one.p == pytest.approx(other.p, rel=1e-6)
    assert 0 < one.p <= 1


@settings(max_examples=50)
@given(
    rows=st.lists(st.tuples(st.integers(0, 6), sizes), min_size=2, max_size=4),
    ordering=st.sampled_from(ORDERINGS),
    seed=st.randoms(),
)
def test_homogeneity_does_not_depend_on_the_order_of_products(rows, ordering, seed):
    shuffled = rows[:]
    seed.shuffle(shuffled)
    p = exact_test(*zip(*rows, strict=True), ordering=ordering).p
    assert p == pytest.approx(exact_test(*zip(*shuffled, strict=True), ordering=ordering).p, rel=1e-6)
    assert 0 < p <= 1


@given(rows=st.lists(st.tuples(st.floats(0.1, 50), st.integers(0, 2)), min_size=1, max_size=30), time=st.floats(0.1, 50))
def test_outcome_death_and_event_free_add_up_to_one(rows, time):
    stop, cause = (np.array(values) for values in zip(*rows, strict=True))
    assume(time <= stop.max())
    parts = [cumulative_incidence(stop, cause, of=k).curve.at(time) for k in (1, 2)]
    free = 1.0
    for t in np.unique(stop[(cause > 0) & (stop <= time)]):
        free *= 1 - ((stop == t) & (cause > 0)).sum() / (stop >= t).sum()
    assert sum(parts) + free == pytest.approx(1)


@given(
    rows=st.lists(st.tuples(st.floats(0, 900), st.floats(0.01, 900)), min_size=1, max_size=20),
    cuts=st.sets(st.integers(1, 1500), max_size=6),
)
def test_person_time_is_never_lost_in_splitting(rows, cuts):
    entry = np.array([row[0] for row in rows])
    leave = entry + np.array([row[1] for row in rows])
    pieces = split(entry, leave, sorted(map(float, cuts)))
    np.testing.assert_allclose(np.bincount(pieces.row, weights=pieces.days, minlength=len(rows)), leave - entry, atol=1e-9)


@given(values=st.lists(st.integers(0, 40), min_size=1, max_size=8), below=st.integers(2, 11))
def test_no_small_count_can_be_read_or_subtracted(values, below):
    shown = mask_counts(values, below=below, total_shown=True)
    hidden = [value for value, kept in zip(values, shown, strict=True) if kept is None]
    assert all(kept is None or kept == 0 or kept >= below for kept in shown)
    if hidden and len(hidden) < len(values):
        assert len(hidden) >= 2
        assert sum(hidden) >= below or all(kept is None or kept == 0 for kept in shown)


@given(cases=st.integers(1, 60), data=st.data())
def test_bounds_contain_every_tilt(cases, data):
    tested = data.draw(st.integers(1, cases))
    positive = data.draw(st.integers(0, tested))
    limits = bounds(tested, positive, cases)
    assert limits.outer_low <= limits.low <= limits.high <= limits.outer_high
    for row in tilt(tested, positive, cases):
        assert limits.low - 1e-12 <= row.share <= limits.high + 1e-12


@given(values=st.lists(months, min_size=1, max_size=40))
def test_the_onset_curve_and_the_summary_agree(values):
    found, points = summary(values), curve(values)
    assert points.share[-1] == 1
    assert (np.diff(points.share) > 0).all()
    assert found.within_12.value == pytest.approx(float(points.share[points.months <= 12].max(initial=0)))
    if not math.isnan(found.median_low):
        assert found.median_low <= found.median <= found.median_high
        assert found.coverage >= 0.95


@given(values=st.lists(st.tuples(months, st.floats(0, 100)), min_size=1, max_size=30))
def test_correcting_truncation_never_makes_onsets_earlier(values):
    x = np.array([value for value, _ in values])
    tau = x + np.array([more for _, more in values])
    found = reverse_time_curve(x, tau)
    plain = np.searchsorted(np.sort(x), found.months, side="right") / len(x)
    assert (found.share <= plain + 1e-9).all()


@given(h=st.floats(0, 0.5), d=st.floats(0, 2), years=st.floats(0.1, 30), more=st.floats(0, 5))
def test_more_death_means_fewer_cases(h, d, years, more):
    piece = [Piece(0, h, h / 2, h * 2)]
    fewer, cases = expected_per_1000(piece, [(0, d + more)], years=years), expected_per_1000(piece, [(0, d)], years=years)
    assert fewer.cases <= cases.cases + 1e-9
    assert cases.low <= cases.cases + 1e-9 <= cases.high + 2e-9
    assert cases.cases + cases.deaths <= 1000 + 1e-6
