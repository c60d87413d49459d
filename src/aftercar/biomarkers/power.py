"""Power before p values: what a few dozen events can and cannot show.

The number of events carries the information (Schoenfeld, Biometrics 1983;39:499): a marker of prevalence p needs
``(z_a + z_b)^2 / (p (1 - p) log(HR)^2)`` events. A case-cohort sample with subcohort fraction q keeps
``q / (q + (1 - q) d)`` of it, d being the fraction with the event (Cai & Zeng, Biometrics 2004;60:1015); m controls a
case keep ``m / (m + 1)`` (under the null, worse for rare markers with a strong effect). The formula is a
local approximation, off for rare markers with a strong effect, so the exact conditional power stands beside it.

    >>> round(detectable_ratio(38, 0.35), 1), round(detectable_ratio(38, 0.10), 1), round(detectable_ratio(38, 0.02))
    (2.6, 4.5, 26)
    >>> events_needed(2.0, 0.35)
    72
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, stats

from aftercar.errors import UsageError

Design = Literal["cohort", "case-cohort", "nested"]


@dataclass(frozen=True)
class PowerRow:
    """One line of the power table.

    Attributes:
        design: which people are assayed.
        prevalence: share of carriers among the treated.
        events: events in the cohort.
        assayed: people to assay in all.
        efficiency: information kept relative to assaying everybody.
        detectable: smallest hazard ratio above 1 found with the wanted power.
        power: power at ``ratio`` by the formula.
        exact_power: power of the exact conditional test at ``ratio`` in the whole cohort.
        ratio: the hazard ratio asked about.
        events_needed: events needed for ``ratio`` with the wanted power.
        treated_needed: treated people for that many events at the given risk (0 when no risk was given).
    """

    design: Design
    prevalence: float
    events: int
    assayed: int
    efficiency: float
    detectable: float
    power: float
    exact_power: float
    ratio: float
    events_needed: int
    treated_needed: int


def efficiency(
    design: Design, *, event_fraction: float = 0.0, subcohort_fraction: float = 1.0, controls: int = 1, correlation: float = 0.0
) -> float:
    """Information kept relative to the whole cohort, in (0, 1].

    Args:
        design: ``cohort``, ``case-cohort`` or ``nested``.
        event_fraction: share of the cohort with the event, in (0, 1).
        subcohort_fraction: share of the cohort drawn into the subcohort, in (0, 1].
        controls: controls for each case.
        correlation: multiple correlation of the marker with the other covariates; costs ``1 - correlation^2``
            (Hsieh & Lavori, Control Clin Trials 2000;21:552).

    Raises:
        UsageError: for values outside their range.
    """
    if not 0 < subcohort_fraction <= 1 or not 0 <= event_fraction < 1 or controls < 1 or not 0 <= correlation < 1:
        raise UsageError("fractions must lie between 0 and 1, and there must be at least one control")
    kept = 1 - correlation**2
    if design == "case-cohort":
        return kept * subcohort_fraction / (subcohort_fraction + (1 - subcohort_fraction) * event_fraction)
    return kept * controls / (controls + 1) if design == "nested" else kept


def detectable_ratio(events: int, prevalence: float, *, power: float = 0.8, alpha: float = 0.05, kept: float = 1.0) -> float:
    """Smallest hazard ratio above 1 found with ``power`` at two-sided ``alpha``; infinite with no event."""
    _check(prevalence, power, alpha)
    if events <= 0:
        return math.inf
    return math.exp(_z(power, alpha) / math.sqrt(events * kept * prevalence * (1 - prevalence)))


def events_needed(ratio: float, prevalence: float, *, power: float = 0.8, alpha: float = 0.05, kept: float = 1.0) -> int:
    """Events needed to find hazard ratio ``ratio``."""
    _check(prevalence, power, alpha)
    if ratio <= 0 or ratio == 1:
        raise UsageError("the hazard ratio must be above 0 and not 1")
    return math.ceil(_z(power, alpha) ** 2 / (kept * prevalence * (1 - prevalence) * math.log(ratio) ** 2))


def power_of(events: int, ratio: float, prevalence: float, *, alpha: float = 0.05, kept: float = 1.0) -> float:
    """Power of the two-sided test by the formula (the far tail is left out)."""
    _check(prevalence, 0.5, alpha)
    shift = math.sqrt(events * kept * prevalence * (1 - prevalence)) * abs(math.log(ratio))
    return float(stats.norm.cdf(shift - stats.norm.ppf(1 - alpha / 2)))


def exact_power(events: int, ratio: float, prevalence: float, *, alpha: float = 0.05) -> float:
    """Power of the exact conditional test with everybody assayed: carriers among the cases are binomial.

    The test rejects where either tail has probability at most ``alpha / 2``; the discreteness of small counts is in.
    """
    _check(prevalence, 0.5, alpha)
    counts = np.arange(events + 1)
    null = stats.binom.pmf(counts, events, prevalence)
    upper = np.cumsum(null[::-1])[::-1]
    lower = np.cumsum(null)
    reject = (upper <= alpha / 2) | (lower <= alpha / 2)
    share = prevalence * ratio / (prevalence * ratio + 1 - prevalence)
    return float(stats.binom.pmf(counts, events, share)[reject].sum())


def exact_detectable(events: int, prevalence: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest hazard ratio above 1 that the exact test finds with ``power``; infinite when none below 10,000 is."""
    if events <= 0 or exact_power(events, 1e4, prevalence, alpha=alpha) < power:
        return math.inf
    log_ratio = optimize.brentq(lambda b: exact_power(events, math.exp(b), prevalence, alpha=alpha) - power, 0.0, math.log(1e4))
    return math.exp(log_ratio)


def power_table(
    *,
    cohort: int,
    events: int,
    prevalences: Sequence[float],
    ratio: float = 2.0,
    subcohort: int | None = None,
    controls: int | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    correlation: float = 0.0,
) -> list[PowerRow]:
    """Rows for the whole cohort and, where asked for, a case-cohort and a nested case-control sample.

    Args:
        cohort: people treated.
        events: events among them, seen or expected.
        prevalences: shares of carriers, each in (0, 1).
        ratio: hazard ratio asked about.
        subcohort: people in the subcohort; None leaves the design out.
        controls: controls for each case; None leaves the design out.
        power, alpha: wanted power and two-sided level.
        correlation: see :func:`efficiency`.

    Raises:
        UsageError: for values outside their range.
    """
    if cohort < 1 or not 0 <= events <= cohort:
        raise UsageError(f"{events} events among {cohort} people")
    if subcohort is not None and not 1 <= subcohort <= cohort:
        raise UsageError(f"a subcohort of {subcohort} from {cohort} people")
    risk = events / cohort
    designs: list[tuple[Design, float, int]] = [("cohort", efficiency("cohort", correlation=correlation), cohort)]
    if subcohort is not None:
        kept = efficiency("case-cohort", event_fraction=risk, subcohort_fraction=subcohort / cohort, correlation=correlation)
        designs.append(("case-cohort", kept, round(subcohort + events * (1 - subcohort / cohort))))
    if controls is not None:
        designs.append(("nested", efficiency("nested", controls=controls, correlation=correlation), events * (1 + controls)))
    rows = []
    for prevalence in prevalences:
        for design, kept, assayed in designs:
            needed = events_needed(ratio, prevalence, power=power, alpha=alpha, kept=kept)
            rows.append(
                PowerRow(
                    design,
                    prevalence,
                    events,
                    assayed,
                    kept,
                    detectable_ratio(events, prevalence, power=power, alpha=alpha, kept=kept),
                    power_of(events, ratio, prevalence, alpha=alpha, kept=kept),
                    exact_power(events, ratio, prevalence, alpha=alpha),
                    ratio,
                    needed,
                    math.ceil(needed / risk) if risk else 0,
                )
            )
    return rows


def _z(power: float, alpha: float) -> float:
    return float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power))


def _check(prevalence: float, power: float, alpha: float) -> None:
    if not 0 < prevalence < 1:
        raise UsageError(f"prevalence {prevalence} is not between 0 and 1")
    if not 0 < power < 1 or not 0 < alpha < 1:
        raise UsageError("power and level must lie between 0 and 1")
