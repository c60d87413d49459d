"""How much hidden confounding would it take, and how much is there? E-values, and calibration by negative controls.

A negative control is an outcome that the vector cannot cause (skin keratinocyte cancer, solid tumours of long latency)
or an exposure with the same selection but no integration (bispecific antibodies). What their estimates scatter around,
instead of one, is the systematic error of the design (Schuemie et al., Stat Med 2014;33:209).

    >>> round(e_value(4.1, 2.9).point, 2), round(e_value(4.1, 2.9).limit, 2)
    (7.67, 5.25)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from aftercar.errors import InputError

#: Fewer controls than this do not determine two parameters; below ENOUGH the fit is shown with a caution.
LEAST_CONTROLS = 5
ENOUGH_CONTROLS = 20


@dataclass(frozen=True, slots=True)
class EValue:
    """Strength (risk ratio) that an unmeasured confounder needs with both exposure and outcome to explain the estimate.

    Attributes:
        point: to move the estimate to the null value.
        limit: to move the nearer confidence limit to the null value; 1 when the interval contains it.
    """

    point: float
    limit: float


@dataclass(frozen=True, slots=True)
class Control:
    """A negative control: its log ratio with standard error."""

    name: str
    log_ratio: float
    se: float


@dataclass(frozen=True, slots=True)
class EmpiricalNull:
    """Normal distribution of systematic error, on the log scale, fitted to negative controls.

    Attributes:
        mean, sd: of the systematic error.
        controls: how many.
        covered: share of controls whose own 95% interval contains one; far below 0.95 means a biased design.
        caution: set with fewer than 20 controls.
    """

    mean: float
    sd: float
    controls: int
    covered: float
    caution: str


@dataclass(frozen=True, slots=True)
class Calibrated:
    """An estimate before and after calibration: ratio, limits, two-sided p-value."""

    ratio: float
    low: float
    high: float
    p: float
    uncalibrated_p: float
    level: float


def e_value(ratio: float, low: float | None = None, high: float | None = None, *, null: float = 1.0) -> EValue:
    """E-value of a risk or rate ratio (VanderWeele and Ding, Ann Intern Med 2017;167:268).

    Args:
        ratio: estimate; hazard and odds ratios of rare outcomes may stand for it.
        low, high: confidence limits; the one nearer to the null is used.
        null: value to explain it away to.

    Raises:
        InputError: for ratios that are not positive.
    """
    if ratio <= 0 or null <= 0:
        raise InputError("a ratio must be positive", where=f"{ratio} against {null}")
    point = _needed(ratio / null)
    nearer = low if ratio >= null else high
    if nearer is None:
        return EValue(point, math.nan)
    if nearer <= 0 or (nearer - null) * (ratio - null) <= 0:
        return EValue(point, 1.0)
    return EValue(point, _needed(nearer / null))


def bounding_factor(with_exposure: float, with_outcome: float) -> float:
    """Largest ratio that a confounder with these two risk ratios alone can produce (Ding and VanderWeele 2016).

    Raises:
        InputError: for ratios below 1 (turn them round).
    """
    if with_exposure < 1 or with_outcome < 1:
        raise InputError("both risk ratios must be 1 or more", where=f"{with_exposure}, {with_outcome}", fix="turn them round")
    return with_exposure * with_outcome / (with_exposure + with_outcome - 1)


def fit_empirical_null(controls: Sequence[Control]) -> EmpiricalNull:
    """Maximum-likelihood normal of the controls' systematic error, their sampling error taken into account.

    Raises:
        InputError: with fewer than five controls, or a standard error that is not positive.
    """
    if len(controls) < LEAST_CONTROLS:
        raise InputError(
            f"{len(controls)} negative controls are too few to fit", fix="show them as plain comparisons, with an E-value"
        )
    y = np.array([control.log_ratio for control in controls])
    v = np.array([control.se for control in controls]) ** 2
    if not (v > 0).all() or not np.isfinite(y).all():
        raise InputError("a control has no finite estimate or no standard error", fix="leave out controls without events")

    def cost(log_variance: float) -> float:
        total = v + math.exp(log_variance)
        mean = (y / total).sum() / (1 / total).sum()
        return float((np.log(total) + (y - mean) ** 2 / total).sum())

    found = optimize.minimize_scalar(cost, bounds=(-25, 6), method="bounded", options={"xatol": 1e-10})
    # The likelihood may be highest at no systematic error at all.
    variance = math.exp(float(found.x)) if found.fun < cost(-40) - 1e-9 else 0.0
    total = v + variance
    mean = float((y / total).sum() / (1 / total).sum())
    covered = float((np.abs(y) <= float(stats.norm.ppf(0.975)) * np.sqrt(v)).mean())
    caution = "" if len(controls) >= ENOUGH_CONTROLS else f"Only {len(controls)} negative controls; 20 or more are wanted."
    return EmpiricalNull(mean, math.sqrt(variance), len(controls), covered, caution)


def calibrate(log_ratio: float, se: float, null: EmpiricalNull, *, level: float = 0.95) -> Calibrated:
    """Estimate and interval with the systematic error taken off and its scatter added to the variance.

    Assumes that the error is the same for the estimate as for the controls, whatever the true ratio.

    Raises:
        InputError: for a standard error that is not positive.
    """
    if se <= 0:
        raise InputError("the standard error must be positive", where=str(se))
    whole = math.hypot(se, null.sd)
    centre = log_ratio - null.mean
    width = float(stats.norm.ppf(0.5 + level / 2)) * whole
    return Calibrated(
        ratio=math.exp(centre),
        low=math.exp(centre - width),
        high=math.exp(centre + width),
        p=float(2 * stats.norm.sf(abs(centre) / whole)),
        uncalibrated_p=float(2 * stats.norm.sf(abs(log_ratio) / se)),
        level=level,
    )


def log_ratio_and_se(observed: int, expected: float) -> tuple[float, float]:
    """Log observed/expected and its standard error for a control outcome.

    Raises:
        InputError: with no observed case, which has no finite estimate.
    """
    if observed <= 0 or expected <= 0:
        raise InputError("a control without cases has no finite ratio", where=f"{observed} observed, {expected} expected")
    return math.log(observed / expected), 1 / math.sqrt(observed)


def _needed(ratio: float) -> float:
    turned = ratio if ratio >= 1 else 1 / ratio
    return turned + math.sqrt(turned * (turned - 1))
