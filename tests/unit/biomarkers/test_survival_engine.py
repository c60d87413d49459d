"""The Cox engine against a slow twin that writes the likelihood out, and its refusals."""

import numpy as np
import pytest
from scipy import optimize

from aftercar.cohort import survival


def slow_loglik(beta, start, stop, event, x, weights, strata, offset, ties):
    """The partial log likelihood, one risk set at a time."""
    total = 0.0
    eta = x @ beta + offset
    risk = weights * np.exp(eta)
    for s in np.unique(strata):
        for t in np.unique(stop[(event == 1) & (strata == s)]):
            at_risk = (start < t) & (stop >= t) & (strata == s)
            dead = (event == 1) & (stop == t) & (strata == s)
            d = int(dead.sum())
            total += float(weights[dead] @ eta[dead])
            for j in range(d):
                part = j / d if ties == "efron" else 0.0
                total -= weights[dead].mean() * np.log(risk[at_risk].sum() - part * risk[dead].sum())
    return total


def data(rng, n=60):
    start = rng.integers(0, 4, n).astype(float)
    stop = start + rng.integers(1, 8, n)
    event = (rng.random(n) < 0.5).astype(float)
    x = np.column_stack([rng.integers(0, 2, n), rng.normal(size=n)]).astype(float)
    return start, stop, event, x, rng.uniform(0.5, 2, n), rng.integers(0, 3, n), rng.normal(0, 0.2, n)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_value_score_and_information_equal_the_slow_twin(rng, ties):
    start, stop, event, x, w, s, o = data(rng)
    sets = survival.arrange(start=start, stop=stop, event=event, x=x, weights=w, strata=s, offset=o, ties=ties)
    beta = np.array([0.3, -0.4])

    def slow(b):
        return slow_loglik(b, start, stop, event, x, w, s, o, ties)

    found = survival.likelihood(sets, beta, third=True)
    # The engine subtracts the covariates' means, which shifts nothing within a stratum.
    assert found.value == pytest.approx(slow(beta), abs=1e-9)
    assert found.score == pytest.approx(optimize.approx_fprime(beta, slow, 1e-6), abs=1e-4)
    for j in range(2):
        step = np.eye(2)[j] * 1e-5
        above, below = (survival.likelihood(sets, beta + sign * step) for sign in (1, -1))
        assert found.information[j] == pytest.approx((below.score - above.score) / 2e-5, abs=1e-5)
        assert found.third[j] == pytest.approx((above.information - below.information) / 2e-5, abs=1e-4)


def test_score_residuals_add_up_to_the_score(rng):
    start, stop, event, x, w, s, o = data(rng)
    fit = survival.fit_cox(start=start, stop=stop, event=event, x=x, weights=w, strata=s, offset=o)
    assert np.abs(w @ survival.score_residuals(fit)).max() < 1e-8
    elsewhere = survival.fit_cox(
        start=start, stop=stop, event=event, x=x, weights=w, strata=s, offset=o, initial=[0.2, 0.1], iterations=0
    )
    score = survival.likelihood(elsewhere.risk_sets, elsewhere.coefficients).score
    assert w @ survival.score_residuals(elsewhere) == pytest.approx(score, abs=1e-8)


def test_grouping_changes_nothing(rng):
    n = 3000
    stop, event = rng.exponential(1, n), rng.random(n) < 0.02
    marker = (rng.random(n) < 0.3).astype(float)
    grouped = survival.fit_cox(stop=stop, event=event, x=marker)
    jittered = survival.fit_cox(stop=stop, event=event, x=marker + rng.normal(0, 1e-13, n))
    assert len(grouped.risk_sets.group[0]) < 300 < len(jittered.risk_sets.group[0])
    assert grouped.coefficients == pytest.approx(jittered.coefficients, abs=1e-9)


def test_firth_is_finite_where_the_estimate_is_not(rng):
    n = 200
    stop = rng.exponential(1, n)
    marker = (rng.random(n) < 0.2).astype(float)
    event = (rng.random(n) < 0.2) & (marker == 0)
    plain = survival.fit_cox(stop=stop, event=event, x=marker)
    assert plain.runaway == (0,)
    assert not plain.converged
    fit = survival.fit_firth_cox(stop=stop, event=event, x=marker)
    assert np.isfinite(fit.coefficients[0])
    assert fit.low[0] < fit.coefficients[0] < fit.high[0]
    assert fit.high[0] < 1
    with_limit_at = survival.profile(
        survival.penalised_cox(survival.arrange(stop=stop, event=event, x=marker)), fit.coefficients, 0, fit.high[0]
    )
    assert 2 * (fit.value - with_limit_at[0]) == pytest.approx(3.841459, abs=1e-5)


@pytest.mark.parametrize(("change", "words"), [
    ({"event": [0, 0, 0]}, "no event"),
    ({"start": [0, 5, 0]}, "row 2"),
    ({"x": [1.0, np.nan, 2]}, "missing or not finite"),
    ({"weights": [1, -1, 1]}, "negative"),
    ({"event": [1, 0]}, "shape"),
])  # fmt: skip
def test_bad_data_are_refused(change, words):
    with pytest.raises(survival.BadSurvivalData, match=words):
        survival.fit_cox(**{"stop": [3.0, 4.0, 5.0], "event": [1, 0, 1], "x": [0.0, 1.0, 2.0], **change})


def test_collinear_covariates_are_refused():
    x = np.column_stack([[0, 1, 0, 1.0], [0, 2, 0, 2.0]])
    with pytest.raises(survival.BadSurvivalData, match="collinear"):
        survival.fit_firth_cox(stop=[1, 2, 3, 4.0], event=[1, 1, 1, 0], x=x)


def test_aalen_johansen_without_competing_is_one_minus_kaplan_meier(rng):
    stop, event = np.ceil(rng.exponential(5, 80)), (rng.random(80) < 0.6).astype(int)
    curve = survival.aalen_johansen(stop=stop, cause=event)
    km, expected = 1.0, {}
    for t in np.unique(stop):
        km *= 1 - ((stop == t) & (event == 1)).sum() / (stop >= t).sum()
        expected[t] = 1 - km
    assert [curve.at(t) for t in expected] == pytest.approx(list(expected.values()))
    last = curve.times[np.flatnonzero(curve.at_risk > curve.events)[-1]]
    low, high = curve.interval(last)
    assert low < curve.at(last) < high
    assert curve.at(0.0) == 0.0
    assert curve.interval(0.0) == (0.0, 0.0)


def test_causes_add_up(rng):
    stop, cause = rng.exponential(5, 200), rng.integers(0, 3, 200)
    start = np.minimum(rng.uniform(0, 2, 200), stop * 0.5)
    one, two, both = (
        survival.aalen_johansen(stop=stop, cause=c, start=start)
        for c in (cause, np.where(cause == 0, 0, 3 - cause), (cause > 0).astype(int))
    )
    for t in (0.5, 2, 5, 9):
        assert one.at(t) + two.at(t) == pytest.approx(both.at(t))
