from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aftercar.vocab.estimates import proportion, rate

trials = st.integers(1, 100_000)


@given(trials.flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_exact_limits_invert_the_binomial_tails(counts, level):
    events, n = counts
    found = proportion(events, n, level=level)
    tail = (1 - level) / 2
    assert found.low <= found.value <= found.high
    if events:
        assert abs(stats.binom.sf(events - 1, n, found.low) - tail) < 1e-6
    if events < n:
        assert abs(stats.binom.cdf(events, n, found.high) - tail) < 1e-6


@given(trials.flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_mid_p_lies_within_the_exact_interval(counts):
    exact, mid = proportion(*counts), proportion(*counts, method="mid-p")
    assert exact.low - 1e-9 <= mid.low <= mid.high <= exact.high + 1e-9


@given(st.integers(0, 500), st.floats(0.01, 1e6))
def test_rate_limits_invert_the_poisson_tails(events, exposure):
    found = rate(events, exposure)
    assert found.low <= found.value <= found.high
    assert abs(stats.poisson.cdf(events, found.high * exposure) - 0.025) < 1e-6
