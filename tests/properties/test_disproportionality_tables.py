"""What must hold for every fourfold table."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import contingency

from aftercar.signals import disproportionality as dp

cells = st.tuples(*(st.integers(1, 5_000) for _ in range(4)))


@given(cells)
def test_measures_agree_with_their_definitions(four):
    a, b, c, d = four
    table = dp.fourfold(a, a + b, a + c, a + b + c + d)
    assert np.isclose(float(dp.prr(table).value), (a / (a + b)) / (c / (c + d)))
    assert np.isclose(float(dp.ror(table).value), a * d / (b * c))
    assert (
        np.isclose(float(dp.chi_square(table)), contingency.chi2_contingency([[a, b], [c, d]], correction=False)[0])
        or float(dp.chi_square(table)) <= contingency.chi2_contingency([[a, b], [c, d]], correction=False)[0]
    )
    for measure in (dp.prr(table), dp.ror(table), dp.information_component(table)):
        assert measure.low <= measure.value <= measure.high


@given(cells)
def test_product_and_event_may_change_places(four):
    a, b, c, d = four
    one = dp.fourfold(a, a + b, a + c, a + b + c + d)
    other = dp.fourfold(a, a + c, a + b, a + b + c + d)
    assert np.isclose(float(dp.ror(one).value), float(dp.ror(other).value))
    assert np.isclose(float(dp.information_component(one).low), float(dp.information_component(other).low))


@given(st.tuples(*(st.integers(0, 40) for _ in range(4))))
def test_exact_interval_equals_scipys(four):
    a, b, c, d = four
    if min(a + b, c + d, a + c, b + d) == 0:
        return
    got = dp.exact_ror(a, a + b, a + c, a + b + c + d)
    reference = contingency.odds_ratio([[a, b], [c, d]], kind="conditional")
    low, high = reference.confidence_interval(0.95)
    assert np.isclose(float(got.value), reference.statistic, rtol=1e-5)
    assert np.isclose(float(got.low), low, rtol=1e-5)
    assert np.isclose(float(got.high), high, rtol=1e-5)
