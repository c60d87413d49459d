"""Does the rate rise with a dose (vector copies per cell, transduced cells given)?

Given the cases, they fall on persons in proportion to person-time times exp(beta * dose). The likelihood of that is
exact in the number of cases; its trend test compares the cases' mean dose with what chance would give them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from aftercar.errors import InputError


@dataclass(frozen=True, slots=True)
class DoseResponse:
    """Rate ratio for one unit more of the dose.

    Attributes:
        ratio, low, high: rate ratio per unit with profile-likelihood limits; 0 or infinity where the cases have the
            lowest or highest dose of all.
        p: two-sided p-value of the simulated trend test (persons drawn in proportion to person-time).
        cases: cases with a known dose.
        unknown: persons without a dose; they are in neither side.
        mean_cases, mean_persons: mean dose of cases, and of person-time.
        draws: simulated draws behind ``p``.
    """

    ratio: float
    low: float
    high: float
    p: float
    cases: int
    unknown: int
    mean_cases: float
    mean_persons: float
    draws: int


def dose_response(
    dose: ArrayLike, person_years: ArrayLike, events: ArrayLike, *, level: float = 0.95, draws: int = 20_000, seed: int = 1
) -> DoseResponse:
    """Log-linear dose-response conditional on the number of cases.

    Args:
        dose: of each person, NaN when unknown, shape (N,).
        person_years: shape (N,).
        events: of each person, shape (N,).
        level: confidence level.
        draws, seed: of the trend test; p = (1 + extreme draws) / (1 + draws).

    Raises:
        InputError: when no case has a known dose, or the dose does not vary.
    """
    z, years, count = np.asarray(dose, float), np.asarray(person_years, float), np.asarray(events, float)
    known = ~np.isnan(z) & (years > 0)
    unknown = int(len(z) - known.sum())
    z, years, count = z[known], years[known], count[known]
    cases = int(count.sum())
    if cases == 0:
        raise InputError("no case has a known dose")
    if len(np.unique(z)) < 2:
        raise InputError("the dose does not vary", fix="nothing can be said about dose-response")
    share = years / years.sum()
    centre, spread = float(share @ z), math.sqrt(float(share @ (z - share @ z) ** 2))
    unit = (z - centre) / spread
    total = float(count @ unit)

    def loglik(beta: float) -> float:
        shift = float((beta * unit).max())
        return beta * total - cases * (shift + math.log(float(share @ np.exp(beta * unit - shift))))

    top, bottom = float(unit.max()) * cases, float(unit.min()) * cases
    if total >= top - 1e-12:
        best, peak = math.inf, -cases * math.log(float(share[unit == unit.max()].sum()))
    elif total <= bottom + 1e-12:
        best, peak = -math.inf, -cases * math.log(float(share[unit == unit.min()].sum()))
    else:
        found = optimize.minimize_scalar(lambda b: -loglik(b), bounds=(-40, 40), method="bounded", options={"xatol": 1e-10})
        best, peak = float(found.x), -float(found.fun)
    target = peak - float(stats.chi2.ppf(level, 1)) / 2
    low = _side(loglik, best, target, -1)
    high = _side(loglik, best, target, 1)
    generator = np.random.default_rng(seed)
    drawn = unit[generator.choice(len(unit), size=(draws, cases), p=share)].sum(axis=1)
    extreme = int((np.abs(drawn) >= abs(total) - 1e-9).sum())
    return DoseResponse(
        ratio=_ratio(best, spread),
        low=_ratio(low, spread),
        high=_ratio(high, spread),
        p=(1 + extreme) / (1 + draws),
        cases=cases,
        unknown=unknown,
        mean_cases=float(count @ z) / cases,
        mean_persons=centre,
        draws=draws,
    )


def _ratio(beta: float, spread: float) -> float:
    return math.inf if beta == math.inf else 0.0 if beta == -math.inf else math.exp(beta / spread)


def _side(loglik: Callable[[float], float], best: float, target: float, direction: int) -> float:
    if best == direction * math.inf:
        return best
    inside = best if math.isfinite(best) else -direction * 40.0
    edge = direction * 60.0
    if loglik(edge) > target:
        return direction * math.inf
    if loglik(inside) < target:
        inside = -direction * 60.0
    return float(optimize.brentq(lambda b: loglik(b) - target, inside, edge, xtol=1e-9))
