"""Cumulative incidence with competing causes and delayed entry, and the Fine-Gray model.

Aalen-Johansen (Scand J Stat 1978;5:141) with its delta-method variance (Gaynor et al., JASA 1993;88:400), and the
subdistribution hazard (Fine & Gray, JASA 1999;94:496) with left truncation by weights (Geskus, Biometrics 2011;67:39).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from aftercar.cohort.survival.cox import Array, BadSurvivalData, CoxFit, Integers, Ties, fit_cox, robust_covariance


@dataclass(frozen=True)
class Incidence:
    """Cumulative incidence of one cause at its event times.

    Attributes:
        times, value, variance: shape (k,); steps are right-continuous, 0 before the first time.
        at_risk, events: people at risk and events of the cause at each time, shape (k,).
    """

    times: Array
    value: Array
    variance: Array
    at_risk: Array
    events: Array

    def at(self, time: float) -> float:
        """Cumulative incidence at ``time``."""
        index = int(np.searchsorted(self.times, time, side="right")) - 1
        return float(self.value[index]) if index >= 0 else 0.0

    def interval(self, time: float, level: float = 0.95) -> tuple[float, float]:
        """Log(-log) limits at ``time`` (0 to 0 before the first event)."""
        index = int(np.searchsorted(self.times, time, side="right")) - 1
        if index < 0 or self.value[index] <= 0:
            return 0.0, 0.0
        value = float(self.value[index])
        if value >= 1:
            return 1.0, 1.0
        width = float(stats.norm.ppf(0.5 + level / 2)) * float(np.sqrt(self.variance[index])) / (value * abs(np.log(value)))
        return float(value ** np.exp(width)), float(value ** np.exp(-width))


def aalen_johansen(*, stop: ArrayLike, cause: ArrayLike, of: int = 1, start: ArrayLike | None = None) -> Incidence:
    """Cumulative incidence of cause ``of`` with all other causes competing; delayed entry by ``start``.

    Args:
        stop: end of observation, shape (people,).
        cause: 0 censored, 1, 2, ... the cause, shape (people,).
        of: the cause wanted.
        start: entry; everybody from the beginning when None. A risk set may be empty early under delayed entry; times
            before the first person enters carry no information and the curve is conditional on reaching that entry.
    """
    ends = np.asarray(stop, dtype=np.float64)
    causes = np.asarray(cause, dtype=np.intp)
    begins = np.full(len(ends), -np.inf) if start is None else np.asarray(start, dtype=np.float64)
    if ends.shape != causes.shape or ends.shape != begins.shape:
        raise BadSurvivalData(f"stop, cause and start have shapes {ends.shape}, {causes.shape}, {begins.shape}")
    if (begins >= ends).any():
        raise BadSurvivalData("somebody leaves before entering", where=f"row {int(np.flatnonzero(begins >= ends)[0]) + 1}")
    times = np.unique(ends[causes > 0])
    index = np.searchsorted(times, ends)
    k = len(times)
    any_event = np.bincount(index[causes > 0], minlength=k).astype(np.float64)
    own = np.bincount(index[causes == of], minlength=k).astype(np.float64)
    at_risk = (np.searchsorted(np.sort(begins), times, side="left") - np.searchsorted(np.sort(ends), times, side="left")).astype(
        np.float64
    )
    survival = np.concatenate([[1.0], np.cumprod(1 - any_event / at_risk)])
    before = survival[:-1]
    value = np.cumsum(before * own / at_risk)
    keep = own > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.where(at_risk > any_event, any_event / (at_risk * (at_risk - any_event)), 0.0)
    b = before**2 * (at_risk - own) * own / at_risk**3
    c = before * own / at_risk**2
    # sum over s <= t of (F(t)-F(s))^2 a + b - 2 (F(t)-F(s)) c, expanded so that one pass serves every t
    a0, a1, a2 = np.cumsum(a), np.cumsum(a * value), np.cumsum(a * value**2)
    variance = value**2 * a0 - 2 * value * a1 + a2 + np.cumsum(b) - 2 * (value * np.cumsum(c) - np.cumsum(c * value))
    return Incidence(times[keep], value[keep], np.maximum(variance[keep], 0.0), at_risk[keep], own[keep])


@dataclass(frozen=True)
class SubdistributionRows:
    """Weighted intervals whose Cox fit is the Fine-Gray model: ``person`` says whose row it is."""

    person: Integers
    start: Array
    stop: Array
    event: NDArray[np.bool_]
    weight: Array


def fine_gray_rows(*, stop: ArrayLike, cause: ArrayLike, of: int = 1, start: ArrayLike | None = None) -> SubdistributionRows:
    """Rows and weights of the subdistribution hazard of cause ``of`` (Geskus 2011), censoring and entry weighted.

    People with a competing event stay at risk with weight G(t-)H(t-) over its value when they left; their rows are cut
    only at event times of the cause, the only places where the weight is looked at.
    """
    ends = np.asarray(stop, dtype=np.float64)
    causes = np.asarray(cause, dtype=np.intp)
    begins = np.zeros(len(ends)) if start is None else np.asarray(start, dtype=np.float64)
    if start is None and (ends <= 0).any():
        begins = np.full(len(ends), ends.min() - 1.0)
    if (begins >= ends).any():
        raise BadSurvivalData("somebody leaves before entering", where=f"row {int(np.flatnonzero(begins >= ends)[0]) + 1}")
    wanted = np.unique(ends[causes == of])
    if len(wanted) == 0:
        raise BadSurvivalData(f"no event of cause {of}", fix="report exact counts and bounds instead of a model")
    staying = np.flatnonzero((causes > 0) & (causes != of))
    kept = _censoring_survival(begins, ends, causes)
    entered = _entry_distribution(begins, ends) if start is not None and len(np.unique(begins)) > 1 else None

    def weight_before(t: Array) -> Array:
        value = kept(t)
        return value * entered(t) if entered is not None else value

    own_weight = weight_before(ends[staying])
    person = [np.arange(len(ends), dtype=np.intp)]
    starts, stops, weights = [begins], [ends], [np.ones(len(ends))]
    from_index = np.searchsorted(wanted, ends[staying], side="right")
    at_wanted = weight_before(wanted)
    count = len(wanted) - from_index
    who = np.repeat(np.arange(len(staying)), count)
    position = np.arange(len(who)) - np.repeat(np.cumsum(count) - count, count) + from_index[who]
    previous = np.where(position == from_index[who], ends[staying][who], wanted[np.maximum(position - 1, 0)])
    weight = at_wanted[position] / own_weight[who]
    positive = weight > 0
    person.append(staying[who][positive].astype(np.intp))
    starts.append(previous[positive])
    stops.append(wanted[position][positive])
    weights.append(weight[positive])
    event = np.concatenate([causes == of, np.zeros(int(positive.sum()), dtype=bool)])
    return SubdistributionRows(
        np.concatenate(person), np.concatenate(starts), np.concatenate(stops), event, np.concatenate(weights)
    )


def _censoring_survival(begins: Array, ends: Array, causes: Integers) -> Callable[[Array], Array]:
    """Probability of not being censored before t; events come before censorings of the same day."""
    times = np.unique(ends[causes == 0])
    censored = np.bincount(np.searchsorted(times, ends[causes == 0]), minlength=len(times))
    left_before = np.searchsorted(np.sort(ends), times, side="left")
    events_now = np.searchsorted(np.sort(ends[causes > 0]), times, side="right") - np.searchsorted(
        np.sort(ends[causes > 0]), times, side="left"
    )
    at_risk = np.searchsorted(np.sort(begins), times, side="left") - left_before - events_now
    steps = np.concatenate([[1.0], np.cumprod(1 - censored / np.maximum(at_risk, 1))])
    return lambda t: np.asarray(steps[np.searchsorted(times, t, side="left")])


def _entry_distribution(begins: Array, ends: Array) -> Callable[[Array], Array]:
    """Probability of having entered before t, estimated backwards in time from those under observation."""
    times = np.unique(begins)
    entering = np.bincount(np.searchsorted(times, begins), minlength=len(times))
    under = np.searchsorted(np.sort(begins), times, side="right") - np.searchsorted(np.sort(ends), times, side="right")
    factors = 1 - entering / np.maximum(under, 1)
    backwards = np.concatenate([np.cumprod(factors[::-1])[::-1], [1.0]])
    return lambda t: np.asarray(backwards[np.searchsorted(times, t, side="left")])


def fit_fine_gray(
    *, stop: ArrayLike, cause: ArrayLike, x: ArrayLike, of: int = 1, start: ArrayLike | None = None, ties: Ties = "efron"
) -> tuple[CoxFit, Array]:
    """Fine-Gray subdistribution hazards with delayed entry: the fit and its robust covariance (clusters are people)."""
    rows = fine_gray_rows(stop=stop, cause=cause, of=of, start=start)
    design = np.asarray(x, dtype=np.float64).reshape(len(np.asarray(stop)), -1)
    fit = fit_cox(stop=rows.stop, event=rows.event, x=design[rows.person], start=rows.start, weights=rows.weight, ties=ties)
    return fit, robust_covariance(fit, rows.person)
