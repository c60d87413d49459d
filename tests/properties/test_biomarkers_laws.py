"""Laws that hold for any data: of the likelihood, of exact limits, of masking, of reading what was written."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aftercar.biomarkers import exact, federated
from aftercar.biomarkers.detection import chance_of_seeing, detection_limit
from aftercar.biomarkers.hypotheses import benjamini_hochberg, holm
from aftercar.biomarkers.variants import trimmed
from aftercar.cohort.survival import arrange, fit_firth_cox, likelihood
from aftercar.edges.federated_files import read_round, write_round

counts = st.integers(0, 40)


@st.composite
def survival_data(draw):
    n = draw(st.integers(6, 30))
    start = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), dtype=float)
    length = np.array(draw(st.lists(st.integers(1, 6), min_size=n, max_size=n)), dtype=float)
    event = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    x = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)), dtype=float)
    assume(event.any())
    return start, start + length, event, x


@given(survival_data(), st.floats(-2, 2), st.floats(-50, 50))
def test_shifting_covariates_or_time_changes_nothing(data, beta, shift):
    start, stop, event, x = data
    base = likelihood(arrange(start=start, stop=stop, event=event, x=x), np.array([beta]))
    moved = likelihood(arrange(start=start + shift, stop=stop + shift, event=event, x=x + shift), np.array([beta]))
    assert np.isclose(base.value, moved.value, atol=1e-7)
    assert np.allclose(base.information, moved.information, atol=1e-7)
    assert base.information[0, 0] >= -1e-12


@given(survival_data(), st.floats(-2, 2))
def test_a_weight_of_two_is_a_row_twice_under_breslow(data, beta):
    start, stop, event, x = data
    twice = {name: np.concatenate([v, v]) for name, v in (("start", start), ("stop", stop), ("event", event), ("x", x))}
    a = likelihood(
        arrange(start=start, stop=stop, event=event, x=x, weights=np.full(len(x), 2.0), ties="breslow"), np.array([beta])
    )
    b = likelihood(arrange(**twice, ties="breslow"), np.array([beta]))
    assert np.isclose(a.value, b.value, atol=1e-8)
    assert np.allclose(a.score, b.score, atol=1e-8)


@settings(max_examples=40)
@given(survival_data())
def test_firth_is_always_finite_and_turns_with_the_covariate(data):
    start, stop, event, x = data
    information = likelihood(arrange(start=start, stop=stop, event=event, x=x), np.zeros(1)).information
    assume(information[0, 0] > 1e-6)
    fit = fit_firth_cox(start=start, stop=stop, event=event, x=x)
    turned = fit_firth_cox(start=start, stop=stop, event=event, x=-x)
    assert np.isfinite(fit.coefficients).all()
    assert fit.low[0] <= fit.coefficients[0] <= fit.high[0]
    assert 0 <= fit.p_values[0] <= 1
    assert np.isclose(fit.coefficients[0], -turned.coefficients[0], atol=1e-5)


@given(counts, counts, counts, counts)
def test_exact_odds_ratio_limits_hold_the_estimate_and_invert(a, b, c, d):
    found = exact.odds_ratio([[a, b, c, d]])
    assert found.low <= found.high
    assert np.isnan(found.estimate) or found.low <= found.estimate <= found.high
    turned = exact.odds_ratio([[c, d, a, b]])
    if found.low > 0 and np.isfinite(turned.high):
        assert np.isclose(found.low, 1 / turned.high, rtol=1e-6)
    assert np.isclose(found.p_value, turned.p_value, rtol=1e-6)


@given(st.integers(1, 3000), st.integers(1, 6))
def test_more_depth_never_raises_the_detection_limit(depth, reads):
    limit = detection_limit(depth, reads)
    assert 0 < limit <= 1
    assert detection_limit(depth + 50, reads) <= limit + 1e-12
    if limit < 1:
        assert np.isclose(chance_of_seeing(limit, depth, reads), 0.95, atol=1e-6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_p_values_are_larger_and_keep_the_order(p):
    for adjusted in (holm(p), benjamini_hochberg(p)):
        assert all(raw <= value <= 1 for raw, value in zip(p, adjusted, strict=True))
        order = np.argsort(p, kind="stable")
        assert (np.diff(np.array(adjusted)[order]) >= -1e-12).all()


@given(st.text("ACGT", min_size=1, max_size=6), st.text("ACGT", min_size=1, max_size=6), st.text("ACGT", max_size=5))
def test_trimming_forgets_shared_ends(ref, alt, more):
    assume(ref != alt)
    assert trimmed("1", 100, ref + more, alt + more) == trimmed("1", 100, ref, alt)
    assert trimmed(*trimmed("1", 100, ref, alt)) == trimmed("1", 100, ref, alt)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4))
def test_a_round_reads_back_to_the_last_bit(tmp_path_factory, beta):
    path = tmp_path_factory.mktemp("round") / "r.json"
    names = tuple(f"x{i}" for i in range(len(beta)))
    round_ = federated.Round("s", "cox", names, "t", 3, tuple(beta))
    write_round(path, round_)
    assert read_round(path) == round_
    assert read_round(path).fingerprint == round_.fingerprint
