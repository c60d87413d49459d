"""Onset when the data are not all there: spontaneous reports see only cases that already happened.

A person infused six months before the data lock can only show an onset within six months. Among reported cases long
onsets are therefore missing, and the plain median is too short. Given the window between infusion and data lock of
each case, the likelihood of an onset is density over the chance to fall into its window (right truncation; Kalbfleisch
and Lawless, JASA 1989;84:360; Lagakos, Barraj and De Gruttola, Biometrika 1988;75:515). In a cohort, where those
without a case are known too, the same Weibull is fitted with censoring and late entry.

What truncated data cannot say: how many cases are still to come. When the windows are short against the onsets the
median has no upper limit, and the result says so with infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from aftercar.errors import InputError

Array = NDArray[np.float64]


class BadWindow(InputError):
    """An onset lies outside the window in which it could have been seen, or there are too few cases."""

    code = "onset-window"


@dataclass(frozen=True, slots=True)
class WeibullFit:
    """A Weibull distribution of onset, F(t) = 1 - exp(-(t/scale)^shape), in months.

    Attributes:
        shape, shape_low, shape_high: shape with profile-likelihood limits; below 1 early, above 1 late onsets prevail.
        scale: 63% of onsets lie below it; infinity when the data do not limit it.
        median, median_low, median_high: median onset with profile-likelihood limits; ``median_high`` may be infinity.
        within_12: fitted share of onsets within 12 months.
        loglik: maximised log-likelihood.
        events: cases.
        method: which likelihood.
        level: confidence level.
    """

    shape: float
    shape_low: float
    shape_high: float
    scale: float
    median: float
    median_low: float
    median_high: float
    within_12: float
    loglik: float
    events: int
    method: str
    level: float

    @property
    def is_limited(self) -> bool:
        """Whether the data put an upper limit to the median."""
        return math.isfinite(self.median_high)


@dataclass(frozen=True, slots=True)
class TruncatedCurve:
    """Share of onsets up to each month among all onsets within the longest window (nothing is said beyond it)."""

    months: Array
    share: Array
    longest_window: float


@dataclass(frozen=True, slots=True)
class NaiveAndCorrected:
    """The plain figure beside the corrected one; the second is the one to believe, if either."""

    naive: WeibullFit
    corrected: WeibullFit


def weibull_reports(months: ArrayLike, window_months: ArrayLike, *, level: float = 0.95) -> NaiveAndCorrected:
    """Weibull onset of reported cases: naive, and with right truncation at each case's own window.

    Args:
        months: infusion to diagnosis, positive, shape (N,).
        window_months: infusion to data lock, shape (N,), at least ``months``.
        level: confidence level of the profile-likelihood limits.

    Raises:
        BadWindow: for onsets beyond their window, onsets that are not positive, or fewer than three cases.
    """
    x, tau = _windows(months, window_months)

    def truncated(log_shape: float, log_scale: float) -> float:
        return _log_density(x, log_shape, log_scale) - _log_distribution(tau, log_shape, log_scale)

    naive = _fit(lambda a, b: _log_density(x, a, b), x, len(x), "naive: onsets of reported cases as if complete", level)
    corrected = _fit(truncated, x, len(x), "right-truncated at the data lock", level, log_limit=_power_limit(x, tau))
    return NaiveAndCorrected(naive, corrected)


def weibull_cohort(
    months: ArrayLike, event: ArrayLike, *, entry_months: ArrayLike | None = None, level: float = 0.95
) -> WeibullFit:
    """Weibull time to the outcome in a cohort: right-censored, with late entry (cause-specific; death censors).

    The median here is that of a world without death; use ``incidence`` for risks. The shape says whether the hazard
    falls (below 1) or rises (above 1) with time since infusion.

    Args:
        months: infusion to outcome or end of observation, positive, shape (N,).
        event: whether it ended with the outcome, shape (N,).
        entry_months: entry under observation, shape (N,); 0 when None.
        level: confidence level.

    Raises:
        BadWindow: for times that are not positive or fewer than three events.
    """
    x, happened = np.asarray(months, float), np.asarray(event, bool)
    entry = np.zeros(len(x)) if entry_months is None else np.asarray(entry_months, float)
    if (x <= 0).any() or (entry < 0).any() or (entry >= x).any():
        raise BadWindow("a time is not positive, or somebody leaves before entering")
    if happened.sum() < 3:
        raise BadWindow(f"only {int(happened.sum())} events", fix="a shape needs three at least; give rates by band instead")

    def loglik(log_shape: float, log_scale: float) -> float:
        shape = math.exp(log_shape)
        at_risk = (np.exp(shape * (np.log(x) - log_scale)) - _power(entry, shape, log_scale)).sum()
        hazard = log_shape - log_scale + (shape - 1) * (np.log(x[happened]) - log_scale)
        return float(hazard.sum() - at_risk)

    scale = x.sum() / max(1, int(happened.sum()))
    return _fit(loglik, x, int(happened.sum()), "cohort: censoring and late entry", level, start=(0.0, math.log(scale)))


def reverse_time_curve(months: ArrayLike, window_months: ArrayLike) -> TruncatedCurve:
    """Distribution of onset without a model, conditional on an onset within the longest window (Lagakos et al. 1988).

    Raises:
        BadWindow: as :func:`weibull_reports`.
    """
    x, tau = _windows(months, window_months, least=1)
    times = np.unique(x)
    # In reversed time a case "enters" at its window and "fails" at its onset: at risk at t are onsets <= t <= window.
    at_risk = np.array([((x <= t) & (tau >= t)).sum() for t in times])
    events = np.array([(x == t).sum() for t in times])
    factors = 1 - events / at_risk
    share = np.concatenate([np.cumprod(factors[::-1])[::-1][1:], [1.0]])
    return TruncatedCurve(times, share, float(tau.max()))


def median_of_curve(curve: TruncatedCurve) -> float:
    """First month at which the curve reaches one half."""
    return float(curve.months[np.searchsorted(curve.share, 0.5 - 1e-12, side="left")])


def _windows(months: ArrayLike, window_months: ArrayLike, *, least: int = 3) -> tuple[Array, Array]:
    x, tau = np.asarray(months, float), np.asarray(window_months, float)
    if x.shape != tau.shape or x.ndim != 1:
        raise BadWindow("onsets and windows differ in number", where=f"{x.shape} and {tau.shape}")
    if len(x) < least:
        raise BadWindow(f"only {len(x)} cases with onset and window", fix=f"at least {least} are needed; list them instead")
    if not np.isfinite(x).all() or not np.isfinite(tau).all() or (x <= 0).any():
        raise BadWindow("an onset or window is unknown or not positive", fix="leave such cases out and say how many")
    if (x > tau).any():
        row = int(np.flatnonzero(x > tau)[0])
        raise BadWindow(
            "an onset lies after the data lock", where=f"case {row + 1}: {x[row]:g} months in a window of {tau[row]:g}"
        )
    return x, tau


def _log_density(x: Array, log_shape: float, log_scale: float) -> float:
    shape = math.exp(log_shape)
    z = np.log(x) - log_scale
    return float((log_shape - log_scale + (shape - 1) * z - np.exp(shape * z)).sum())


def _log_distribution(x: Array, log_shape: float, log_scale: float) -> float:
    return float(np.log(-np.expm1(-_power(x, math.exp(log_shape), log_scale))).sum())


def _power(x: Array, shape: float, log_scale: float) -> Array:
    """(x/scale)^shape, 0 at 0."""
    return np.where(x > 0, np.exp(shape * (np.log(np.where(x > 0, x, 1.0)) - log_scale)), 0.0)


def _power_limit(x: Array, tau: Array) -> float:
    """Log-likelihood as the scale goes to infinity: F(t)/F(tau) = (t/tau)^shape."""
    spread = float(np.log(tau / x).sum())
    if spread <= 0:
        return math.inf
    shape = len(x) / spread
    return float(len(x) * math.log(shape) + (shape - 1) * np.log(x).sum() - shape * np.log(tau).sum())


def _fit(
    loglik: Callable[[float, float], float],
    x: Array,
    events: int,
    method: str,
    level: float,
    *,
    start: tuple[float, float] | None = None,
    log_limit: float = -math.inf,
) -> WeibullFit:
    """Maximise over log shape and log median, then profile each."""
    ceiling = math.log(float(x.max())) + 14.0

    def at(log_shape: float, log_median: float) -> float:
        log_scale = log_median - math.log(math.log(2)) / math.exp(log_shape)
        with np.errstate(all="ignore"):
            value = loglik(log_shape, log_scale)
        return value if math.isfinite(value) else -1e300

    first = start or (0.0, math.log(float(np.median(x))))

    def cost(point: Array) -> float:
        return -at(float(point[0]), min(float(point[1]), ceiling))

    best = optimize.minimize(
        cost, np.asarray(first, dtype=float), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4000}
    )
    log_shape, log_median, top = float(best.x[0]), min(float(best.x[1]), ceiling), -float(best.fun)
    unlimited = log_limit >= top - 1e-6
    top = max(top, log_limit)
    drop = float(stats.chi2.ppf(level, 1)) / 2

    def over_shape(log_m: float) -> float:
        return -float(
            optimize.minimize_scalar(lambda a: -at(a, log_m), bounds=(-4, 4), method="bounded", options={"xatol": 1e-10}).fun
        )

    def over_median(a: float) -> float:
        found = optimize.minimize_scalar(
            lambda m: -at(a, m), bounds=(log_median - 15, ceiling), method="bounded", options={"xatol": 1e-10}
        )
        return max(-float(found.fun), at(a, log_median))

    median_low = _cross(over_shape, log_median, top - drop, -1, log_median - 15)
    # The profile tends to log_limit as the median grows: no upper limit when that is within reach.
    median_high = math.inf if log_limit > top - drop else _cross(over_shape, log_median, top - drop, 1, ceiling)
    shape_low = _cross(over_median, log_shape, top - drop, -1, -4.0)
    shape_high = _cross(over_median, log_shape, top - drop, 1, 4.0)
    shape = math.exp(log_shape)
    scale = math.inf if unlimited else math.exp(log_median - math.log(math.log(2)) / shape)
    return WeibullFit(
        shape=shape,
        shape_low=math.exp(shape_low),
        shape_high=math.exp(shape_high),
        scale=scale,
        median=math.inf if unlimited else math.exp(log_median),
        median_low=math.exp(median_low),
        median_high=math.exp(median_high) if math.isfinite(median_high) else math.inf,
        within_12=0.0 if unlimited else -math.expm1(-((12 / scale) ** shape)),
        loglik=top,
        events=events,
        method=method,
        level=level,
    )


def _cross(profile: Callable[[float], float], centre: float, target: float, direction: int, limit: float) -> float:
    """Where the profile falls to the target on one side; the limit itself (infinite on the upper side) when it does not."""
    step, inside = 0.05, centre
    while (limit - inside) * direction > 0:
        outside = inside + direction * step
        if (outside - limit) * direction > 0:
            outside = limit
        if profile(outside) < target:
            return float(optimize.brentq(lambda v: profile(v) - target, inside, outside, xtol=1e-8))
        if outside == limit:
            break
        inside, step = outside, step * 1.6
    return math.inf if direction > 0 else limit


def known_windows(
    months: Sequence[float | None], windows: Sequence[float | None], *, half_day: float = 0.5 / 30.4375
) -> tuple[Array, Array, int]:
    """Cases with both values known, onsets on the day of infusion set to half a day; and how many cases were left out."""
    pairs = [(max(m, half_day), w) for m, w in zip(months, windows, strict=True) if m is not None and w is not None and w > 0]
    x = np.array([pair[0] for pair in pairs], dtype=float)
    tau = np.array([max(pair[1], pair[0]) if abs(pair[1] - pair[0]) < half_day * 2 else pair[1] for pair in pairs], dtype=float)
    return x, tau, len(months) - len(pairs)
