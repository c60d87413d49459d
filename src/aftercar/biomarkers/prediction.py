"""Predicting absolute risk, and refusing to where the events do not carry it.

The outcome is the event by a horizon, death before it counting as no event; people censored earlier are replaced by
weights (inverse probability of censoring, Graf et al., Stat Med 1999;18:2529). The model is ridge logistic with its penalty
chosen inside each resampling (nested), or Firth with FLIC or FLAC. Discrimination is the weighted area under the curve,
calibration is observed over expected, intercept and slope; transport leaves one centre out at a time.

How many events are needed follows Riley et al. (Stat Med 2019;38:1276): expected shrinkage of at least 0.9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from aftercar.biomarkers.features import ModelTable
from aftercar.biomarkers.logistic import fit_weighted_logistic, predict_logistic
from aftercar.biomarkers.models import TooFewEvents
from aftercar.cohort.survival import Array
from aftercar.errors import UsageError

Form = Literal["ridge", "flic", "flac"]
PENALTIES = (0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)

#: Fewest events for any prediction model here (the authors' judgement), and fewest for each coefficient.
FEWEST_EVENTS = 20
FEWEST_PER_COEFFICIENT = 10


@dataclass(frozen=True)
class Performance:
    """How well predictions fit people who were not used to make them.

    Attributes:
        auc: chance that a case has the higher prediction than a non-case, weighted for censoring; NaN without both.
        observed_over_expected: observed risk over mean prediction.
        intercept, slope: of the outcome on the logit of the prediction (1 is ideal for the slope); NaN below ten events.
        events, people: behind it.
    """

    auc: float
    observed_over_expected: float
    intercept: float
    slope: float
    events: int
    people: int


@dataclass(frozen=True)
class Prediction:
    """A prediction model with its honest performance.

    Attributes:
        names: covariates.
        intercept, coefficients: on the log-odds scale, shape (p,).
        horizon_days: what is predicted: the event by this day since infusion.
        form: ``ridge``, ``flic`` or ``flac``.
        penalty: ridge penalty chosen on all data (0 for the Firth forms).
        apparent, resampled: performance on the same people, and by nested cross-validation.
        by_centre: performance in each centre when the model is made without it.
        needed_events: events that the sample-size rule asks for.
    """

    names: tuple[str, ...]
    intercept: float
    coefficients: Array
    horizon_days: float
    form: Form
    penalty: float
    apparent: Performance
    resampled: Performance
    by_centre: dict[str, Performance]
    needed_events: int

    def risk(self, x: Array) -> Array:
        """Predicted risk by the horizon, shape (people,)."""
        return np.asarray(expit(self.intercept + np.asarray(x) @ self.coefficients))


def events_needed(coefficients: int, risk: float, *, shrinkage: float = 0.9, share_of_r2: float = 0.15) -> int:
    """Events needed for ``coefficients`` at outcome risk ``risk``: Riley's shrinkage rule and ten for each, the larger.

    Args:
        coefficients: candidate coefficients, at least 1.
        risk: share with the outcome by the horizon, in (0, 1).
        shrinkage: expected shrinkage wanted.
        share_of_r2: share of the largest possible Cox-Snell R squared that the model is hoped to reach.
    """
    largest = 1 - math.exp(2 * (risk * math.log(risk) + (1 - risk) * math.log(1 - risk)))
    people = coefficients / ((shrinkage - 1) * math.log(1 - share_of_r2 * largest / shrinkage))
    return max(math.ceil(people * risk), FEWEST_PER_COEFFICIENT * coefficients, FEWEST_EVENTS)


def predict(
    table: ModelTable, *, horizon_days: float, form: Form = "ridge", folds: int = 5, repeats: int = 4, seed: int = 1
) -> Prediction:
    """Fit a prediction model and measure it by nested resampling and by leaving centres out.

    Args:
        table: complete cases known before infusion; delayed entry is not possible here.
        horizon_days: predicted is the event by this day.
        form: ``ridge``, ``flic`` or ``flac``.
        folds, repeats: of the outer cross-validation; the penalty is chosen inside each training part.
        seed: of the folds.

    Raises:
        TooFewEvents: with the number that would be needed.
        UsageError: for delayed entry, or a horizon that nobody reaches.
    """
    if (table.start > 0).any():
        raise UsageError(
            "a prediction starts at infusion: people with delayed entry cannot be used", fix="use their model, not a prediction"
        )
    y, weight = outcome_by(table, horizon_days)
    events, used = int(y.sum()), int((weight > 0).sum())
    if used == 0 or not (table.stop >= horizon_days).any():
        raise UsageError(f"nobody was followed to day {horizon_days:g}", fix="choose a nearer horizon")
    p = table.x.shape[1]
    risk = float((weight * y).sum() / weight.sum())
    needed = events_needed(p, min(max(risk, 1e-6), 0.5))
    if events < needed:
        people = f", about {math.ceil(needed / risk):,} people at this risk" if risk > 0 else ""
        raise TooFewEvents(
            f"{events} events by day {horizon_days:g} do not carry a prediction with {p} coefficient(s): "
            f"{needed} are needed{people}",
            fix="report the association with its interval, or join centres",
        )
    x = table.x
    penalty, beta = _fit(x, y, weight, form, seed)
    scores = _resample(x, y, weight, form, folds, repeats, seed)
    return Prediction(
        table.names,
        float(beta[0]),
        beta[1:],
        horizon_days,
        form,
        penalty,
        performance(y, weight, expit(beta[0] + x @ beta[1:])),
        scores,
        _transport(table, y, weight, form, seed),
        needed,
    )


def outcome_by(table: ModelTable, horizon_days: float) -> tuple[Array, Array]:
    """Outcome by the horizon (1 event, 0 not) and its censoring weight (0 where not known); each shape (people,)."""
    stop, cause = table.stop, table.cause
    order = np.sort(stop[cause == 0])
    times, counts = np.unique(order, return_counts=True)
    at_risk = np.array([(stop > t).sum() + ((stop == t) & (cause == 0)).sum() for t in times], dtype=float)
    steps = np.concatenate([[1.0], np.cumprod(1 - counts / np.maximum(at_risk, 1))])

    def kept(t: Array) -> Array:
        return np.asarray(steps[np.searchsorted(times, t, side="left")])

    known = (stop >= horizon_days) | (cause > 0)
    y = ((cause == 1) & (stop <= horizon_days)).astype(np.float64)
    base = kept(np.minimum(stop, horizon_days))
    return y, np.where(known, 1 / np.maximum(base, 1e-12), 0.0)


def performance(y: Array, weight: Array, risk: Array) -> Performance:
    """Discrimination and calibration of predictions, weighted for censoring."""
    used = weight > 0
    y, w, risk = y[used], weight[used], np.clip(risk[used], 1e-12, 1 - 1e-12)
    expected = float((w * risk).sum())
    ratio = float((w * y).sum() / expected) if expected > 0 else float("nan")
    linear = logit(risk)
    intercept = slope = float("nan")
    # With fewer events the two numbers are noise and are left out.
    if FEWEST_PER_COEFFICIENT <= y.sum() < len(y) and np.ptp(linear) > 1e-9:
        intercept, slope = (float(v) for v in fit_weighted_logistic(y, np.column_stack([np.ones(len(y)), linear]), w, 1e-9))
    return Performance(weighted_auc(y, w, risk), ratio, intercept, slope, int(y.sum()), len(y))


def weighted_auc(y: Array, weight: Array, risk: Array) -> float:
    """Weighted chance that a case ranks above a non-case, ties counting one half; NaN without both."""
    values, place = np.unique(risk, return_inverse=True)
    cases = np.bincount(place, weights=weight * y, minlength=len(values))
    others = np.bincount(place, weights=weight * (1 - y), minlength=len(values))
    if cases.sum() == 0 or others.sum() == 0:
        return float("nan")
    below = np.cumsum(others) - others
    return float((cases * (below + others / 2)).sum() / (cases.sum() * others.sum()))


def _fit(x: Array, y: Array, weight: Array, form: Form, seed: int) -> tuple[float, Array]:
    used = weight > 0
    x, y, weight = x[used], y[used], weight[used]
    if form != "ridge":
        return 0.0, predict_logistic(y, x, form=form, weights=weight)
    centre, spread = np.average(x, axis=0, weights=weight), np.maximum(x.std(axis=0), 1e-12)
    z = np.column_stack([np.ones(len(y)), (x - centre) / spread])
    penalty = _choose_penalty(z, y, weight, seed)
    beta = fit_weighted_logistic(y, z, weight, penalty)
    slopes = beta[1:] / spread
    return penalty, np.concatenate([[beta[0] - centre @ slopes], slopes])


def _choose_penalty(z: Array, y: Array, weight: Array, seed: int) -> float:
    fold = _folds(y, 5, np.random.default_rng(seed))
    losses = []
    for penalty in PENALTIES:
        loss = 0.0
        for k in range(5):
            train, test = fold != k, fold == k
            if y[train].sum() == 0 or not test.any():
                continue
            eta = z[test] @ fit_weighted_logistic(y[train], z[train], weight[train], penalty)
            loss += float((weight[test] * (np.logaddexp(0, eta) - y[test] * eta)).sum())
        losses.append(loss)
    return PENALTIES[int(np.argmin(losses))]


def _folds(y: Array, folds: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Random folds with the events spread evenly."""
    fold = np.empty(len(y), dtype=np.intp)
    for group in (np.flatnonzero(y == 1), np.flatnonzero(y == 0)):
        fold[generator.permutation(group)] = np.arange(len(group)) % folds
    return fold


def _resample(x: Array, y: Array, weight: Array, form: Form, folds: int, repeats: int, seed: int) -> Performance:
    """Mean performance over repeats; within a repeat the held-out predictions of all folds are judged together."""
    generator = np.random.default_rng(seed)
    found: list[Performance] = []
    for _ in range(repeats):
        fold, risk = _folds(y, folds, generator), np.zeros(len(y))
        for k in range(folds):
            train, test = fold != k, fold == k
            _, beta = _fit(x[train], y[train], weight[train], form, seed)
            risk[test] = expit(beta[0] + x[test] @ beta[1:])
        found.append(performance(y, weight, risk))
    return _mean(found)


def _mean(found: Sequence[Performance]) -> Performance:
    def mean(values: list[float]) -> float:
        return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")

    return Performance(
        mean([f.auc for f in found]),
        mean([f.observed_over_expected for f in found]),
        mean([f.intercept for f in found]),
        mean([f.slope for f in found]),
        found[0].events,
        found[0].people,
    )


def _transport(table: ModelTable, y: Array, weight: Array, form: Form, seed: int) -> dict[str, Performance]:
    centre = np.array(table.centre)
    names = sorted(set(table.centre) - {""})
    if len(names) < 2:
        return {}
    found = {}
    for name in names:
        train, test = centre != name, centre == name
        if y[train].sum() < FEWEST_EVENTS or not (weight[test] > 0).any():
            continue
        _, beta = _fit(table.x[train], y[train], weight[train], form, seed)
        found[name] = performance(y[test], weight[test], expit(beta[0] + table.x[test] @ beta[1:]))
    return found
