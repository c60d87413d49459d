"""Benefit and risk on one scale: T-cell malignancies expected per 1,000 treated, beside what the treatment gives.

Expected cases over 1, 5 and 15 years follow from a rate (constant or by time since infusion) and the death rate of
such patients, death competing. The rate's exact limits are carried through. What lies beyond the observed follow-up
is an assumption and is labelled so. Benefit figures are the user's, with their source.

    >>> row = expected_per_1000([Piece(0, 1e-3, 0.5e-3, 2e-3)], [(0, 0.2)], years=5, observed_years=3)
    >>> f"{row.cases:.1f} ({row.low:.1f}-{row.high:.1f})", row.beyond_follow_up
    ('3.2 (1.6-6.3)', True)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from aftercar.errors import InputError
from aftercar.signals.incidence import RateBand


@dataclass(frozen=True, slots=True)
class Piece:
    """Rate of the outcome from ``start_years`` on, per person-year, with limits."""

    start_years: float
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ExpectedCases:
    """Expected cases per 1,000 treated over a horizon, death competing.

    Attributes:
        years: horizon.
        cases, low, high: per 1,000 treated; limits carry the rate's limits with the death rate as given.
        deaths: per 1,000 dying without the outcome within the horizon.
        beyond_follow_up: whether the horizon goes beyond what was observed.
    """

    years: float
    cases: float
    low: float
    high: float
    deaths: float
    beyond_follow_up: bool


@dataclass(frozen=True, slots=True)
class Benefit:
    """A benefit figure supplied by the user, per 1,000 treated.

    ``low`` and ``high`` may be NaN when the source gives none.
    """

    name: str
    per_1000: float
    low: float
    high: float
    source: str


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One bar of the figure: what, per 1,000 treated, limits, on which side, and a sentence for the reader."""

    label: str
    side: str
    per_1000: float
    low: float
    high: float
    words: str


def expected_per_1000(
    pieces: Sequence[Piece], deaths: Sequence[tuple[float, float]], *, years: float, observed_years: float = math.inf
) -> ExpectedCases:
    """Cumulative incidence of the outcome with death competing, from piecewise-constant hazards.

    Args:
        pieces: hazard of the outcome, ascending, the first from 0; the last holds to the end.
        deaths: (from year, death rate per person-year) of people without the outcome, ascending, the first from 0.
        years: horizon.
        observed_years: follow-up behind the pieces.

    Raises:
        InputError: when the pieces do not begin at 0, do not ascend, or a rate is negative.
    """
    if years <= 0:
        raise InputError("the horizon must be positive", where=f"{years} years")
    for what, starts in (("pieces", [p.start_years for p in pieces]), ("death rates", [start for start, _ in deaths])):
        if not starts or starts[0] != 0 or any(b <= a for a, b in itertools.pairwise(starts)):
            raise InputError(f"the {what} must begin at 0 and ascend", where=str(starts))
    if any(min(p.rate, p.low, p.high) < 0 for p in pieces) or any(rate < 0 for _, rate in deaths):
        raise InputError("a rate is negative")
    middle, died = _incidence([(p.start_years, p.rate) for p in pieces], deaths, years)
    low, _ = _incidence([(p.start_years, p.low) for p in pieces], deaths, years)
    high, _ = _incidence([(p.start_years, p.high) for p in pieces], deaths, years)
    return ExpectedCases(years, 1000 * middle, 1000 * low, 1000 * high, 1000 * died, years > observed_years)


def pieces_from_bands(bands: Sequence[RateBand], *, after: Piece | None = None) -> tuple[Piece, ...]:
    """Pieces from observed rate bands; bands without person-time take the rate before them, ``after`` replaces the rest.

    Args:
        bands: rates by time since infusion.
        after: an assumed rate beyond the observed time, for example the background.

    Raises:
        InputError: when the first band has no person-time.
    """
    pieces: list[Piece] = []
    for band in bands:
        if band.rate.denominator > 0:
            pieces.append(Piece(band.low_years, band.rate.value, band.rate.low, band.rate.high))
        elif not pieces:
            raise InputError("the first band has no person-time")
    if after is not None:
        pieces = [piece for piece in pieces if piece.start_years < after.start_years] + [after]
    return tuple(pieces)


def table(
    pieces: Sequence[Piece],
    deaths: Sequence[tuple[float, float]],
    *,
    horizons: Sequence[float] = (1, 5, 15),
    observed_years: float = math.inf,
) -> tuple[ExpectedCases, ...]:
    """Expected cases per 1,000 treated at each horizon."""
    return tuple(expected_per_1000(pieces, deaths, years=years, observed_years=observed_years) for years in horizons)


def figure_rows(expected: Sequence[ExpectedCases], benefits: Sequence[Benefit]) -> tuple[FigureRow, ...]:
    """Rows of the benefit-risk figure: benefits first, then risks, each with a sentence a clinician can read out."""
    rows = [
        FigureRow(
            item.name,
            "benefit",
            item.per_1000,
            item.low,
            item.high,
            f"Of 1,000 people treated, {_people(item.per_1000)}{_limits(item.low, item.high)}: {item.name} ({item.source}).",
        )
        for item in benefits
    ]
    for risk in expected:
        horizon = f"{risk.years:g} year{'s' if risk.years != 1 else ''}"
        beyond = (
            " This goes beyond the observed follow-up and rests on the assumption that the rate goes on."
            if risk.beyond_follow_up
            else ""
        )
        rows.append(
            FigureRow(
                f"T-cell malignancy within {horizon}",
                "risk, assumed" if risk.beyond_follow_up else "risk",
                risk.cases,
                risk.low,
                risk.high,
                f"Of 1,000 people treated, {_people(risk.cases)}{_limits(risk.low, risk.high)} would be expected to develop "
                f"a T-cell malignancy within {horizon}; {risk.deaths:.0f} would die of other causes before.{beyond}",
            )
        )
    return tuple(rows)


def benefits_for_each_case(expected: ExpectedCases, benefit: Benefit) -> tuple[float, float, float]:
    """Benefits for each T-cell malignancy: value, and the limits from the corners of both intervals (infinity at 0 cases)."""

    def over(gain: float, cases: float) -> float:
        return math.inf if cases == 0 else gain / cases

    low = benefit.low if not math.isnan(benefit.low) else benefit.per_1000
    high = benefit.high if not math.isnan(benefit.high) else benefit.per_1000
    return over(benefit.per_1000, expected.cases), over(low, expected.high), over(high, expected.low)


def _incidence(
    outcome: Sequence[tuple[float, float]], deaths: Sequence[tuple[float, float]], years: float
) -> tuple[float, float]:
    """Probability of the outcome, and of death before it, by ``years``."""
    cuts = sorted({start for start, _ in outcome} | {start for start, _ in deaths} | {years})
    alive, cases, died = 1.0, 0.0, 0.0
    for begin, end in itertools.pairwise(cuts):
        if begin >= years:
            break
        h = max((item for item in outcome if item[0] <= begin), key=lambda item: item[0])[1]
        d = max((item for item in deaths if item[0] <= begin), key=lambda item: item[0])[1]
        leaving = alive * -math.expm1(-(h + d) * (end - begin))
        if h + d > 0:
            cases += leaving * h / (h + d)
            died += leaving * d / (h + d)
        alive -= leaving
    return cases, died


def _people(per_1000: float) -> str:
    return f"{per_1000:.0f}" if per_1000 >= 10 else f"{per_1000:.2g}"


def _limits(low: float, high: float) -> str:
    return "" if math.isnan(low) or math.isnan(high) else f" (between {_people(low)} and {_people(high)})"
