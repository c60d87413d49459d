"""Timing guarantees, the fixed set of models, hypotheses, prediction that refuses, figures that are whole."""

import datetime as dt
import json

import numpy as np
import pytest

from aftercar.biomarkers import figures, simulate
from aftercar.biomarkers.features import Known, KnownTooLate, PersonTime, assemble, landmark, time_dependent
from aftercar.biomarkers.hypotheses import Hypothesis, Run, benjamini_hochberg, holm, judge_runs
from aftercar.biomarkers.logistic import fit_firth_logistic, predict_logistic
from aftercar.biomarkers.models import Plan, TooFewEvents, run_plan
from aftercar.biomarkers.prediction import events_needed, outcome_by, performance, predict, weighted_auc
from aftercar.biomarkers.serial import Measurement, follow
from aftercar.cohort.survival import aalen_johansen, fit_cox
from aftercar.errors import InputError, UsageError


def simulated(people=4000, events=150, seed=3, **options):
    c = simulate.cohort(people, events, seed=seed, **options)
    persons = [
        PersonTime(f"p{i}", e, s, int(k), f"c{i % 3}") for i, (e, s, k) in enumerate(zip(c.entry, c.stop, c.cause, strict=True))
    ]
    known = [
        Known(f"p{i}", name, float(v), -1.0)
        for name, values in (("ch", c.marker), ("lines", c.lines))
        for i, v in enumerate(values)
    ]
    return persons, known


def table(**options):
    return assemble(*simulated(**options), ["ch", "lines"])


def test_nothing_known_after_infusion_enters_a_baseline_model():
    people = [PersonTime("a", 0, 100, 1), PersonTime("b", 0, 100, 0), PersonTime("c", 50, 100, 0), PersonTime("d", 0, 20, 1)]
    known = [Known("a", "ch", 1, 0), Known("b", "ch", 1, 1), Known("c", "ch", None, -5), Known("d", "ch", 1, 30)]
    found = assemble(people, known, ["ch"])
    assert found.people == ("a",)
    assert set(found.left_out) == {"b", "c", "d"}
    assert "after infusion" in found.left_out["b"]
    assert "missing" in found.left_out["c"]
    entering = assemble(people, known, ["ch"], late="enter")
    assert entering.people == ("a", "b")
    assert entering.start.tolist() == [0.0, 1.0]
    assert "before everything was known" in entering.left_out["d"]
    with pytest.raises(KnownTooLate, match="person b"):
        assemble(people, known, ["ch"], strict=True)
    with pytest.raises(UsageError, match="twice"):
        assemble([people[0], people[0]], known, ["ch"])


def test_the_last_value_before_infusion_is_taken():
    known = [Known("a", "vaf", 0.02, -300), Known("a", "vaf", 0.05, -10), Known("a", "vaf", 0.5, 90)]
    assert assemble([PersonTime("a", 0, 10, 1)], known, ["vaf"]).x.tolist() == [[0.05]]


def test_exposure_after_infusion_splits_time():
    base = assemble([PersonTime("a", 0, 100, 1), PersonTime("b", 0, 80, 0), PersonTime("c", 0, 60, 1)], [], [])
    split, index = time_dependent(base, {"a": 40, "b": 0, "c": 60}, "second")
    assert list(zip(split.people, split.start, split.stop, split.cause, split.x[:, 0], strict=True)) == [
        ("a", 0, 40, 0, 0), ("a", 40, 100, 1, 1), ("b", 0, 80, 0, 1), ("c", 0, 60, 1, 0),
    ]  # fmt: skip
    assert (split.stop - split.start).sum() == (base.stop - base.start).sum()
    assert index.tolist() == [0, 0, 1, 2]
    at = landmark(base, 60, {"a": 40}, "second")
    assert (at.people, at.start.tolist(), at.x[:, 0].tolist()) == (("a", "b"), [60, 60], [1, 0])
    assert "landmark" in at.left_out["c"]


def test_time_dependent_equals_the_start_stop_fit(rng):
    n = 400
    stop, since = rng.exponential(100, n) + 1, rng.exponential(60, n)
    people = [PersonTime(f"p{i}", 0, float(stop[i]), 1) for i in range(n)]
    split, _ = time_dependent(assemble(people, [], []), {f"p{i}": float(since[i]) for i in range(n)}, "x")
    timed = fit_cox(start=split.start, stop=split.stop, event=split.cause == 1, x=split.x)
    naive = fit_cox(stop=stop, event=np.ones(n), x=(since < stop).astype(float))
    assert abs(timed.coefficients[0]) < 3 * timed.standard_errors[0]
    assert naive.coefficients[0] < -1  # "ever exposed" needs survival until exposure


def test_every_model_of_the_plan_is_returned():
    runs = run_plan(table(ratio=3.0), Plan("lines", mediators=("ch",)))
    assert [run.model for run in runs] == [
        "cause-specific Firth Cox, without ch",
        "cause-specific Cox of the competing event, without ch",
        "Fine-Gray, without ch (absolute risk only)",
        "cause-specific Firth Cox, with ch",
        "cause-specific Cox of the competing event, with ch",
        "Fine-Gray, with ch (absolute risk only)",
    ]
    direct = run_plan(table(ratio=3.0), Plan("ch", adjust=("lines",)))
    assert direct[-1].model == "exact rate ratio, unadjusted"
    assert direct[0].low < 3 < direct[0].high
    few = run_plan(table(events=15), Plan("ch", adjust=("lines",)))
    assert "too many coefficients" in few[0].note


def test_models_refuse_with_a_reason():
    with pytest.raises(UsageError, match="vaf"):
        run_plan(table(), Plan("vaf"))
    people = [PersonTime("a", 0, 9, 0), PersonTime("b", 0, 9, 2)]
    with pytest.raises(TooFewEvents, match="no t_cell_malignancy among 2 people"):
        run_plan(assemble(people, [Known(p, "ch", 1, 0) for p in "ab"], ["ch"]), Plan("ch"))


RUN = Run("m", "ch", "t", 10, 5, 2, 2.0, 1.0, 4.0, 0.04, "profile")


def test_adjustment_against_hand_made_values():
    assert benjamini_hochberg([0.001, 0.02, 0.03, 0.9]) == pytest.approx([0.004, 0.04, 0.04, 0.9])
    assert holm([0.001, 0.02, 0.03, 0.9]) == pytest.approx([0.004, 0.06, 0.06, 0.9])


def test_hypotheses_come_before_the_data():
    early = Hypothesis("H1", "ch", "t", "higher", "F", dt.date(2020, 1, 1))
    other = Hypothesis("H2", "tp53", "t", "lower", "F", dt.date(2020, 1, 1))
    runs = [RUN, RUN, Run(**{**RUN.__dict__, "marker": "tp53", "p_value": 0.01}), Run(**{**RUN.__dict__, "marker": "new"})]
    judged = judge_runs(runs, [early, other], data_lock=dt.date(2021, 1, 1))
    assert [run.hypothesis_id for run in judged] == ["H1", "H1", "H2", ""]
    assert judged[0].adjusted_p == pytest.approx(0.04)
    assert judged[2].adjusted_p == pytest.approx(0.02)
    assert np.isnan(judged[1].adjusted_p)
    assert np.isnan(judged[3].adjusted_p)
    assert "sensitivity" in judged[1].note
    assert "against the expected direction" in judged[2].note
    assert "exploratory" in judged[3].note
    with pytest.raises(InputError, match="after the data lock"):
        judge_runs(runs, [early], data_lock=dt.date(2019, 1, 1))


def test_a_prediction_refuses_and_says_how_many_events(rng):
    with pytest.raises(TooFewEvents, match=r"\d+ events .* are needed"):
        predict(table(events=15), horizon_days=1000)
    assert events_needed(5, 0.01) == 50
    assert events_needed(10, 0.3) > 100
    with pytest.raises(UsageError, match="delayed entry"):
        predict(assemble(*simulated(delayed=0.5), ["ch"]), horizon_days=1000)
    with pytest.raises(UsageError, match="nobody was followed"):
        predict(table(), horizon_days=1e5)


@pytest.mark.parametrize("form", ["ridge", "flic", "flac"])
def test_a_prediction_is_calibrated_in_the_large(form):
    found = predict(table(events=250, ratio=4.0), horizon_days=900, form=form)
    assert found.apparent.observed_over_expected == pytest.approx(1.0, abs=1e-6)
    assert 0.55 < found.resampled.auc <= found.apparent.auc + 0.02
    assert found.resampled.slope == pytest.approx(1.0, abs=0.35)
    assert set(found.by_centre) == {"c0", "c1", "c2"}
    assert found.risk(np.array([[1.0, 2.0]]))[0] > found.risk(np.array([[0.0, 2.0]]))[0]


def test_noise_does_not_predict(rng):
    persons, known = simulated(events=250, lines_ratio=1.0)
    found = predict(assemble(persons, known, ["ch", "lines"]), horizon_days=900)
    assert abs(found.resampled.auc - 0.5) < 0.06


def test_censoring_weights_recover_the_aalen_johansen_risk():
    t = table()
    y, weight = outcome_by(t, 1500)
    risk = float((weight * y).sum() / len(y))
    assert risk == pytest.approx(aalen_johansen(stop=t.stop, cause=t.cause).at(1500), abs=1e-9)


def test_auc_counts_pairs(rng):
    y, risk = rng.integers(0, 2, 60).astype(float), np.round(rng.random(60), 1)
    pairs = [(a > b) + (a == b) / 2 for a in risk[y == 1] for b in risk[y == 0]]
    assert weighted_auc(y, np.ones(60), risk) == pytest.approx(np.mean(pairs))
    assert np.isnan(performance(np.zeros(5), np.ones(5), np.full(5, 0.1)).auc)


def test_flic_and_flac_give_back_the_mean_risk(rng):
    x = rng.normal(size=(200, 2))
    y = (rng.random(200) < 0.04).astype(float)
    for form in ("flic", "flac"):
        beta = predict_logistic(y, x, form=form)
        assert (1 / (1 + np.exp(-(beta[0] + x @ beta[1:])))).mean() == pytest.approx(y.mean(), abs=1e-9)
    plain = predict_logistic(y, x, form="firth")
    assert (1 / (1 + np.exp(-(plain[0] + x @ plain[1:])))).mean() > y.mean()
    assert plain == pytest.approx(fit_firth_logistic(y, x, limits=False).coefficients)


def test_figures_are_whole_specifications():
    runs = run_plan(table(ratio=3.0), Plan("ch"))
    curve = aalen_johansen(stop=table().stop, cause=table().cause)
    track = follow([Measurement("a", "2020-01-01", 1, 100), Measurement("b", "2021-01-01", 5, 100)], infused_on="2020-06-01")
    specs = [
        figures.forest([*runs, Run(**{**RUN.__dict__, "high": float("inf")})]),
        figures.incidence({"carriers": curve}),
        figures.lollipop(
            [(882, "R882H", "missense"), (882, "R882H", "missense"), (320, "R320*", "stop_gained")], gene="DNMT3A", length=912
        ),
        figures.fraction_track({"DNMT3A R882H": track}, infused_on="2020-06-01"),
        figures.power_curves(range(10, 100, 10), [0.02, 0.35]),
    ]
    for spec in specs:
        text = json.dumps(spec, allow_nan=False)
        assert "vega-lite" in text
    assert specs[0]["data"]["values"][-1]["cut"] is True
    assert specs[2]["data"]["values"][1] == {"residue": 882, "change": "R882H", "kind": "missense", "people": 2}


def test_the_renderer_accepts_the_figures():
    convert = pytest.importorskip("vl_convert")
    for spec in (figures.power_curves(range(10, 100, 10), [0.02, 0.35]), figures.forest(run_plan(table(ratio=3.0), Plan("ch")))):
        assert convert.vegalite_to_svg(json.dumps(spec)).startswith("<svg")
