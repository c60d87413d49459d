"""Draws depend on seed and people only; their analyses refuse what does not fit."""

import numpy as np
import pytest

from aftercar.biomarkers.case_cohort import VARIANTS, fit_case_cohort
from aftercar.biomarkers.designs import CannotDraw, Member, draw_controls, draw_subcohort
from aftercar.biomarkers.nested import fit_matched, inclusion_probability
from aftercar.cohort.survival import BadSurvivalData, fit_cox


@pytest.fixture
def members(rng):
    return [
        Member(f"p{i:03d}", 0.0, float(rng.exponential(500) + 1), bool(rng.random() < 0.1), ["a", "b"][i % 2], bool(i % 7))
        for i in range(300)
    ]


def test_the_same_seed_and_people_give_the_same_list_in_any_order(members, rng):
    shuffled = [members[i] for i in rng.permutation(len(members))]
    assert draw_subcohort(members, 50, seed=4) == draw_subcohort(shuffled, 50, seed=4)
    assert draw_controls(members, 3, seed=4) == draw_controls(shuffled, 3, seed=4)
    assert draw_subcohort(members, 50, seed=4) != draw_subcohort(members, 50, seed=5)


def test_a_stratified_subcohort_has_its_sizes_and_all_cases(members):
    found = draw_subcohort(members, {"a": 20, "b": 30}, seed=1)
    in_subcohort = [p for p in found.picks if "subcohort" in p.reason]
    assert [sum(p.stratum == s for p in in_subcohort) for s in "ab"] == [20, 30]
    assert {p.person_id for p in found.picks} >= {m.person_id for m in members if m.case}
    assert found.cohort_sizes == {"a": 150, "b": 150}
    assert any("no sample in the biobank" in note for note in found.notes)


def test_controls_are_at_risk_when_their_case_falls_ill(members):
    by_id = {m.person_id: m for m in members}
    found = draw_controls(members, 3, seed=2)
    sets = {}
    for pick in found.picks:
        sets.setdefault(pick.matched_set, []).append(pick)
    for picks in sets.values():
        case = by_id[picks[0].person_id]
        assert picks[0].reason == "case"
        for control in picks[1:]:
            m = by_id[control.person_id]
            assert m.entry < case.exit <= m.exit
            assert m.stratum == case.stratum
        assert len({p.person_id for p in picks}) == len(picks)


@pytest.mark.parametrize(("action", "words"), [
    (lambda m: draw_subcohort(m, 301, seed=1), "301 people wanted from 300"),
    (lambda m: draw_subcohort(m, {"a": 5}, seed=1), "strata b"),
    (lambda m: draw_subcohort([*m, m[0]], 5, seed=1), "stands twice"),
    (lambda m: draw_controls([x for x in m if not x.case], 2, seed=1), "no case"),
])  # fmt: skip
def test_impossible_draws_are_refused(members, action, words):
    with pytest.raises(CannotDraw, match=words):
        action(members)


def test_inclusion_probability_equals_repeated_draws(members):
    chance = inclusion_probability(
        start=[m.entry for m in members],
        stop=[m.exit for m in members],
        event=[m.case for m in members],
        controls=2,
        match=[m.stratum for m in members],
    )
    drawn = np.zeros(len(members))
    place = {m.person_id: i for i, m in enumerate(members)}
    for seed in range(400):
        drawn[list({place[p.person_id] for p in draw_controls(members, 2, seed=seed).picks})] += 1
    # The probabilities add up to the mean sample size, and no person is off by more than five standard errors.
    error = np.sqrt(np.maximum(chance * (1 - chance), 1e-4) / 400)
    assert np.abs(drawn / 400 - chance).max() < 5 * error.max()
    assert drawn.sum() / 400 == pytest.approx(chance.sum(), rel=0.01)


@pytest.mark.parametrize("method", VARIANTS)
def test_sampling_everybody_gives_the_cohort_fit(rng, method):
    n = 300
    x, stop = rng.normal(size=(n, 2)), rng.exponential(1, n)
    event = rng.random(n) < 0.3
    whole = fit_cox(stop=stop, event=event, x=x)
    fit = fit_case_cohort(
        stop=stop,
        event=event,
        subcohort=np.ones(n),
        x=x,
        cohort_size={"a": n // 2, "b": n - n // 2} if "borgan" in method else n,
        stratum=["a"] * (n // 2) + ["b"] * (n - n // 2),
        method=method,
    )
    assert fit.coefficients == pytest.approx(whole.coefficients, abs=1e-6)
    assert np.abs(fit.sampling_covariance).max() < 1e-12
    if method != "lin-ying-robust":
        assert fit.standard_errors == pytest.approx(whole.standard_errors, abs=1e-6)


def test_case_cohort_refusals():
    base = {"stop": [1.0, 2, 3, 4], "event": [1, 0, 0, 1], "subcohort": [0, 1, 1, 1], "x": [0, 1, 1, 0.0]}
    with pytest.raises(BadSurvivalData, match="row 3"):
        fit_case_cohort(**{**base, "subcohort": [0, 1, 0, 1]}, cohort_size=10)
    with pytest.raises(BadSurvivalData, match="the sample has 4"):
        fit_case_cohort(**base, cohort_size=3)
    with pytest.raises(BadSurvivalData, match="sampling stratum"):
        fit_case_cohort(**base, cohort_size=10, method="borgan-2")
    with pytest.raises(BadSurvivalData, match="stratum b"):
        fit_case_cohort(**base, cohort_size={"a": 10}, stratum=["a", "b", "a", "b"], method="borgan-1")
    with pytest.raises(BadSurvivalData, match="fewer than two"):
        fit_case_cohort(**base, cohort_size={"a": 9, "b": 9}, stratum=["a", "b", "a", "a"], method="borgan-2")


def test_matched_sets_need_one_case_each():
    with pytest.raises(BadSurvivalData, match="set 2"):
        fit_matched(matched_set=[1, 1, 2, 2], case=[1, 0, 0, 0], x=[1, 0, 1, 0.0])
