"""Cox regression for counting-process data.

One row is one interval of observation ``(start, stop]``; a person may have several. Ties follow Efron
(JASA 1977;72:557) or Breslow (Biometrics 1974;30:89). Case weights, strata, offsets and delayed entry are
part of the likelihood; score residuals and the robust variance follow Lin & Wei (JASA 1989;84:1074).

    >>> import numpy as np
    >>> fit = fit_cox(stop=[4.0, 3, 1, 1, 2, 2, 3], event=[1, 1, 1, 0, 1, 1, 0], x=[[0], [2], [1], [1], [1], [0], [0]])
    >>> round(float(fit.coefficients[0]), 4)
    0.4608
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aftercar.errors import InputError

Array = NDArray[np.float64]
Integers = NDArray[np.intp]
Ties = Literal["efron", "breslow"]

#: A coefficient that moves the log hazard this far over one standard deviation has no finite estimate.
RUNAWAY = 12.0


class BadSurvivalData(InputError):
    """Survival data that no model can be fitted to: shapes, order of times, no events."""

    code = "survival-data"


@dataclass(frozen=True)
class RiskSets:
    """Intervals arranged by event time, ready for likelihood sums.

    Attributes:
        x: covariates less their means, shape (rows, p).
        weights, offset: shape (rows,).
        first, last: each row is at risk at event times ``first <= k < last``, shape (rows,).
        event_rows: rows with an event, sorted by event time, shape (events,).
        event_time: index of the event time of each event, shape (events,).
        part: Efron's fraction of the tied events already gone, shape (events,).
        step_weight: mean weight of the events tied at that time, shape (events,).
        times: event times by index (increasing within a stratum), shape (k,).
        stratum: stratum of each event time, shape (k,).
        means: what was subtracted from the covariates, shape (p,).
        group: rows with equal risk interval, covariates and offset as one; see ``_grouped``.
    """

    x: Array
    weights: Array
    offset: Array
    first: Integers
    last: Integers
    event_rows: Integers
    event_time: Integers
    part: Array
    step_weight: Array
    times: Array
    stratum: Integers
    means: Array
    group: tuple[Array, Array, Array, Integers, Integers]

    @property
    def parameters(self) -> int:
        """Number of covariates."""
        return int(self.x.shape[1])

    @cached_property
    def products(self) -> dict[tuple[int, int], Array]:
        """Products of two covariates over the grouped rows, formed once for all evaluations."""
        x, p = self.group[0], self.parameters
        return {(i, j): x[:, i] * x[:, j] for i in range(p) for j in range(i, p)}

    @cached_property
    def triples(self) -> dict[tuple[int, int, int], Array]:
        """Products of three covariates over the grouped rows."""
        x, p = self.group[0], self.parameters
        return {(i, j, m): self.products[i, j] * x[:, m] for i in range(p) for j in range(i, p) for m in range(j, p)}


@dataclass(frozen=True)
class Likelihood:
    """Log partial likelihood and its derivatives at one point (``third`` only when asked for)."""

    value: float
    score: Array
    information: Array
    third: Array | None = None


@dataclass(frozen=True)
class CoxFit:
    """A fitted Cox model.

    Attributes:
        coefficients: log hazard ratios, shape (p,).
        covariance: inverse information, shape (p, p).
        value, null_value: log partial likelihood at the estimate and at zero.
        rows, events: intervals and events in the fit.
        converged: whether the score is zero to working accuracy.
        runaway: covariates whose estimate goes to infinity (no event, or only events, on one side).
    """

    coefficients: Array
    covariance: Array
    value: float
    null_value: float
    rows: int
    events: int
    converged: bool
    runaway: tuple[int, ...]
    risk_sets: RiskSets = field(repr=False, compare=False)

    @property
    def standard_errors(self) -> Array:
        """Square roots of the covariance's diagonal, shape (p,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def arrange(
    *,
    stop: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    start: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    ties: Ties = "efron",
) -> RiskSets:
    """Arrange intervals by event time.

    Args:
        stop: end of each interval, shape (rows,).
        event: 1 where the interval ends with the event, shape (rows,).
        x: covariates, shape (rows, p) or (rows,).
        start: beginning of each interval (exclusive); ``-inf`` when None.
        weights: case weights, at least 0; rows of weight 0 are left out of every sum.
        strata: labels; each stratum has its own baseline.
        offset: added to the linear predictor.
        ties: ``efron`` or ``breslow``.

    Raises:
        BadSurvivalData: for unequal lengths, values that are not finite, intervals that end before they begin,
            negative weights or no event at all.
    """
    ends = np.asarray(stop, dtype=np.float64)
    n = ends.shape[0]
    design = np.asarray(x, dtype=np.float64).reshape(n, -1) if n else np.empty((0, 1))
    happened = np.asarray(event).astype(bool)
    begins = np.full(n, -np.inf) if start is None else np.asarray(start, dtype=np.float64)
    case = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    shift = np.zeros(n) if offset is None else np.asarray(offset, dtype=np.float64)
    label = (
        np.zeros(n, dtype=np.intp) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1].astype(np.intp)
    )
    _check_intervals(ends, begins, happened, design, case, shift, label)
    happened = happened & (case > 0)
    if not happened.any():
        raise BadSurvivalData("no event among the rows", fix="report exact counts and bounds instead of a model")
    means = np.asarray(np.average(design, axis=0, weights=case), dtype=np.float64)
    design = design - means

    event_rows = np.flatnonzero(happened)
    event_rows = event_rows[np.lexsort((ends[event_rows], label[event_rows]))]
    keys = np.column_stack([label[event_rows], ends[event_rows]])
    new = np.ones(len(event_rows), dtype=bool)
    new[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    event_time = np.asarray(np.cumsum(new) - 1, dtype=np.intp)
    times, stratum = keys[new, 1], keys[new, 0].astype(np.intp)
    tied = np.bincount(event_time)
    begin_of = np.flatnonzero(new)
    rank = np.arange(len(event_rows)) - begin_of[event_time]
    part = rank / tied[event_time] if ties == "efron" else np.zeros(len(event_rows))
    step_weight = (np.bincount(event_time, weights=case[event_rows]) / tied)[event_time]

    first, last = _positions(begins, ends, label, times, stratum)
    group = _grouped(design, case, shift, first, last)
    return RiskSets(design, case, shift, first, last, event_rows, event_time, part, step_weight, times, stratum, means, group)


def _check_intervals(
    ends: Array, begins: Array, happened: NDArray[np.bool_], design: Array, case: Array, shift: Array, label: Integers
) -> None:
    n = len(ends)
    for name, array in (("event", happened), ("start", begins), ("weights", case), ("offset", shift), ("strata", label)):
        if array.shape != (n,):
            raise BadSurvivalData(f"{name} has shape {array.shape}, stop has {n} rows")
    if not (np.isfinite(ends).all() and np.isfinite(design).all() and np.isfinite(case).all() and np.isfinite(shift).all()):
        raise BadSurvivalData("a time, covariate, weight or offset is missing or not finite", fix="leave such rows out by name")
    if np.isnan(begins).any() or (begins >= ends).any():
        row = int(np.flatnonzero(np.isnan(begins) | (begins >= ends))[0])
        raise BadSurvivalData(
            f"an interval does not end after it begins ({begins[row]:g} to {ends[row]:g})", where=f"row {row + 1}"
        )
    if (case < 0).any():
        raise BadSurvivalData("a weight is negative", where=f"row {int(np.flatnonzero(case < 0)[0]) + 1}")


def _positions(begins: Array, ends: Array, label: Integers, times: Array, stratum: Integers) -> tuple[Integers, Integers]:
    """Index of the first event time after ``begins`` and one past the last not after ``ends``, in the row's own stratum."""
    low = np.searchsorted(stratum, np.arange(label.max() + 1), side="left")
    high = np.searchsorted(stratum, np.arange(label.max() + 1), side="right")
    if len(low) == 1:
        return (
            np.asarray(np.searchsorted(times, begins, side="right"), dtype=np.intp),
            np.asarray(np.searchsorted(times, ends, side="right"), dtype=np.intp),
        )
    first = np.empty(len(ends), dtype=np.intp)
    last = np.empty(len(ends), dtype=np.intp)
    order = np.argsort(label, kind="stable")
    cuts = np.searchsorted(label[order], np.arange(label.max() + 2))
    for s in range(len(low)):
        rows, own = order[cuts[s] : cuts[s + 1]], times[low[s] : high[s]]
        first[rows] = low[s] + np.searchsorted(own, begins[rows], side="right")
        last[rows] = low[s] + np.searchsorted(own, ends[rows], side="right")
    return first, last


def _grouped(
    x: Array, weights: Array, offset: Array, first: Integers, last: Integers
) -> tuple[Array, Array, Array, Integers, Integers]:
    """Rows at risk somewhere, equal ones added up: 42,500 people with a binary marker become a few dozen rows."""
    used = np.flatnonzero((last > first) & (weights > 0))
    x, weights, offset, first, last = x[used], weights[used], offset[used], first[used], last[used]
    code, size = np.zeros(len(used), dtype=np.int64), 1
    for column in (first, last, offset, *x.T):
        values, inverse = np.unique(column, return_inverse=True)
        size *= max(1, len(values))
        if size > 4 * len(used) or len(values) > 1000:
            return x, weights, offset, first, last
        code = code * len(values) + inverse
    _, chosen, inverse = np.unique(code, return_index=True, return_inverse=True)
    added = np.asarray(np.bincount(inverse, weights=weights), dtype=np.float64)
    return x[chosen], added, offset[chosen], first[chosen], last[chosen]


def likelihood(sets: RiskSets, beta: Array, *, third: bool = False) -> Likelihood:
    """Log partial likelihood, score, information and (``third``) the derivative of the information, shape (p, p, p)."""
    p = sets.parameters
    x, weights, offset, first, last = sets.group
    eta = x @ beta + offset
    top = float(eta.max()) if len(eta) else 0.0
    risk = weights * np.exp(eta - top)
    event_x = sets.x[sets.event_rows]
    event_eta = event_x @ beta + sets.offset[sets.event_rows] - top
    event_weight = sets.weights[sets.event_rows]
    event_risk = event_weight * np.exp(event_eta)
    k, late = len(sets.times), bool(first.any())

    def at_risk(values: Array, event_values: Array) -> Array:
        """Sum over the risk set of each event, Efron's part of the tied events taken off."""
        change: Array = np.asarray(np.bincount(last, weights=values, minlength=k + 1), dtype=np.float64)
        if late:
            change = change - np.bincount(first, weights=values, minlength=k + 1)
        total = np.cumsum(change[::-1])[::-1][1:]
        per_event = total[sets.event_time]
        if sets.part.any():
            tied = np.bincount(sets.event_time, weights=event_values, minlength=k)
            per_event = per_event - sets.part * tied[sets.event_time]
        return np.asarray(per_event)

    s0 = at_risk(risk, event_risk)
    mean = np.column_stack([at_risk(risk * x[:, j], event_risk * event_x[:, j]) for j in range(p)]) / s0[:, None]
    second = np.empty((len(s0), p, p))
    for i in range(p):
        for j in range(i, p):
            product = at_risk(risk * sets.products[i, j], event_risk * event_x[:, i] * event_x[:, j]) / s0
            second[:, i, j] = second[:, j, i] = product
    w = sets.step_weight
    value = float(event_weight @ event_eta - w @ np.log(s0))
    score = event_weight @ event_x - w @ mean
    information = np.einsum("e,eij->ij", w, second) - np.einsum("e,ei,ej->ij", w, mean, mean)
    cubic = None
    if third:
        cubic = np.empty((p, p, p))
        for i in range(p):
            for j in range(i, p):
                for m in range(j, p):
                    raw = (
                        at_risk(risk * x[:, i] * x[:, j] * x[:, m], event_risk * event_x[:, i] * event_x[:, j] * event_x[:, m])
                        / s0
                    )
                    crossed = mean[:, i] * second[:, j, m] + mean[:, j] * second[:, i, m] + mean[:, m] * second[:, i, j]
                    total = float(w @ (raw - crossed + 2 * mean[:, i] * mean[:, j] * mean[:, m]))
                    for a, b, c in ((i, j, m), (i, m, j), (j, i, m), (j, m, i), (m, i, j), (m, j, i)):
                        cubic[a, b, c] = total
    return Likelihood(value, score, information, cubic)


def fit_cox(
    *,
    stop: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    start: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    ties: Ties = "efron",
    initial: ArrayLike | None = None,
    iterations: int = 60,
) -> CoxFit:
    """Fit a Cox model by Newton's method; arguments as in :func:`arrange`, ``iterations=0`` keeps ``initial``."""
    sets = arrange(stop=stop, event=event, x=x, start=start, weights=weights, strata=strata, offset=offset, ties=ties)
    return fit_arranged(sets, initial=initial, iterations=iterations)


def fit_arranged(sets: RiskSets, *, initial: ArrayLike | None = None, iterations: int = 60) -> CoxFit:
    """Newton's method with step halving on arranged data."""
    beta = np.zeros(sets.parameters) if initial is None else np.array(initial, dtype=np.float64)
    null = likelihood(sets, np.zeros(sets.parameters)).value
    at = likelihood(sets, beta)
    spread = np.sqrt(np.maximum(np.average(sets.x**2, axis=0, weights=sets.weights), 1e-300))
    converged = iterations == 0
    runaway: tuple[int, ...] = ()
    for _ in range(iterations):
        step = solve(at.information, at.score)
        if float(step @ at.score) < 1e-18 * max(1.0, abs(at.value)):
            converged = True
            break
        size, moved = 1.0, likelihood(sets, beta + step)
        while not moved.value >= at.value - 1e-12 * abs(at.value) and size > 1e-6:
            size /= 2
            moved = likelihood(sets, beta + size * step)
        beta, at = beta + size * step, moved
        runaway = tuple(int(j) for j in np.flatnonzero(np.abs(beta) * spread > RUNAWAY))
        if runaway and abs(float(step @ at.score)) < 1e-3:
            break
    if not converged:
        converged = bool(float(solve(at.information, at.score) @ at.score) < 1e-9) and not runaway
    covariance = np.asarray(np.linalg.pinv(at.information), dtype=np.float64)
    return CoxFit(beta, covariance, at.value, null, len(sets.weights), len(sets.event_rows), converged, runaway, sets)


def solve(matrix: Array, vector: Array) -> Array:
    """The Newton step, by least squares where the matrix is singular."""
    try:
        return np.asarray(np.linalg.solve(matrix, vector))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(matrix, vector, rcond=None)[0])


def _hazard_steps(sets: RiskSets, beta: Array) -> tuple[Array, Array]:
    """Per event: increment of the baseline hazard (at the covariates' means), and the mean covariate of its risk set."""
    eta = sets.x @ beta + sets.offset
    risk = sets.weights * np.exp(eta)
    k = len(sets.times)
    rows = sets.event_rows

    def at_risk(values: Array) -> Array:
        leaving = np.bincount(sets.last, weights=values, minlength=k + 1)
        entering = np.bincount(sets.first, weights=values, minlength=k + 1)
        total = np.cumsum((leaving - entering)[::-1])[::-1][1:]
        tied = np.bincount(sets.event_time, weights=values[rows], minlength=k)
        return np.asarray(total[sets.event_time] - sets.part * tied[sets.event_time])

    s0 = at_risk(risk)
    mean = np.column_stack([at_risk(risk * sets.x[:, j]) for j in range(sets.parameters)]) / s0[:, None]
    return np.asarray(sets.step_weight / s0), mean


def score_residuals(fit: CoxFit) -> Array:
    """Each row's part of the score (not multiplied by its weight), shape (rows, p); with weights it adds up to the score."""
    sets, beta = fit.risk_sets, fit.coefficients
    hazard, mean = _hazard_steps(sets, beta)
    k, p = len(sets.times), sets.parameters
    cumulative = np.concatenate([[0.0], np.cumsum(np.bincount(sets.event_time, weights=hazard, minlength=k))])
    moment = np.zeros((k + 1, p))
    for j in range(p):
        moment[1:, j] = np.cumsum(np.bincount(sets.event_time, weights=hazard * mean[:, j], minlength=k))
    relative = np.exp(sets.x @ beta + sets.offset)
    at_risk_part = sets.x * (cumulative[sets.last] - cumulative[sets.first])[:, None] - (moment[sets.last] - moment[sets.first])
    residual = -relative[:, None] * at_risk_part
    rows, tied = sets.event_rows, np.bincount(sets.event_time, minlength=k)
    for j in range(p):
        average = (np.bincount(sets.event_time, weights=mean[:, j], minlength=k) / tied)[sets.event_time]
        gone = np.bincount(sets.event_time, weights=sets.part * hazard, minlength=k)[sets.event_time]
        gone_mean = np.bincount(sets.event_time, weights=sets.part * hazard * mean[:, j], minlength=k)[sets.event_time]
        residual[rows, j] += sets.x[rows, j] - average + relative[rows] * (sets.x[rows, j] * gone - gone_mean)
    return np.asarray(residual)


def robust_covariance(fit: CoxFit, cluster: ArrayLike | None = None) -> Array:
    """Sandwich covariance (Lin & Wei 1989), rows of one cluster added up first, shape (p, p)."""
    weighted = score_residuals(fit) * fit.risk_sets.weights[:, None]
    if cluster is not None:
        _, inverse = np.unique(np.asarray(cluster), return_inverse=True)
        weighted = np.column_stack([np.bincount(inverse, weights=column) for column in weighted.T])
    influence = weighted @ fit.covariance
    return np.asarray(influence.T @ influence)


def baseline_hazard(fit: CoxFit) -> tuple[Array, Array, Integers]:
    """Event times, cumulative hazard at covariates of zero, and the stratum of each time; each shape (k,)."""
    sets = fit.risk_sets
    hazard, _ = _hazard_steps(sets, fit.coefficients)
    step = np.bincount(sets.event_time, weights=hazard, minlength=len(sets.times)) * np.exp(-float(sets.means @ fit.coefficients))
    total = np.cumsum(step)
    before = np.searchsorted(sets.stratum, sets.stratum, side="left")
    return sets.times, np.asarray(total - np.where(before > 0, total[before - 1], 0.0)), sets.stratum
