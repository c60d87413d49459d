"""Every figure of the agreement table with R is within its stated tolerance."""

import numpy as np
import pytest

from aftercar.biomarkers.logistic import fit_firth_logistic
from aftercar.cohort.survival import fit_firth_cox
from validation import biomarkers as agreement


def test_the_invented_cohort_agrees_with_r(monkeypatch):
    monkeypatch.delenv("AFTERCAR_TEST_DATA", raising=False)
    rows = agreement.table()
    assert len(rows) > 110
    assert [row for row in rows if not row[4]] == []


def test_the_public_data_sets_agree_with_r(test_data):
    rows = agreement.table(test_data)
    assert len(rows) > 240
    assert [row for row in rows if not row[4]] == []
    names = {row[0].partition(".coef")[0] for row in rows}
    assert {f"nwtco.{v}" for v in ("Prentice", "SelfPrentice", "LinYing", "LinYingRobust", "BorganI", "BorganII")} <= names


def test_competing_death_can_turn_a_sign():
    truth = agreement.reference()
    assert truth["mgus2.cause1.coef"][0] > 0 > truth["mgus2.crr.coef"][0]


def test_naive_time_bias_in_the_heart_data():
    truth = agreement.reference()
    assert truth["jasa.naive.coef"][0] < -1 < truth["jasa.landmark.coef"][0] < truth["jasa.time.coef"][0]


def test_firth_agrees_with_an_independent_package(rng):
    firthmodels = pytest.importorskip("firthmodels")
    x = np.column_stack([rng.random(150) < 0.2, rng.normal(size=150)]).astype(float)
    stop, event = np.round(rng.exponential(5, 150), 3) + 0.001, rng.random(150) < 0.15
    event &= x[:, 0] == 0  # nobody with the marker has the event
    theirs = firthmodels.FirthCoxPH().fit(x, np.array(list(zip(event, stop, strict=True)), dtype=[("e", bool), ("t", float)]))
    ours = fit_firth_cox(stop=stop, event=event, x=x, ties="breslow")
    assert ours.coefficients == pytest.approx(theirs.coef_, abs=1e-5)
    theirs = firthmodels.FirthLogisticRegression().fit(x, event.astype(int))
    # Their default stopping rule leaves 2e-5 here.
    assert fit_firth_logistic(event, x, limits=False).coefficients[1:] == pytest.approx(theirs.coef_, abs=1e-4)
