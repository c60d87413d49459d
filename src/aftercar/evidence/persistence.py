"""How long vector-positive cells stay: one person's series against the 1% line.

At 1% or more vector-positive cells in a blood sample, integration sites are to be analysed (FDA's long-term follow-up
guidance of 2020 asks it, as quoted by Marcucci et al., Mol Ther 2018;26:269; the guidance's own text is recalled). Nearly every
patient is above the line in the first weeks, so a result is graded by time and trend and never suppressed.

    >>> points = [Point(30, Bound(0.2, 0.18, 0.22)), Point(200, Bound(0.004, 0.003, 0.005)), Point(400, Bound(0.03, 0.025, 0.04))]
    >>> [(p.day, p.line, p.grade) for p in curve(points).points]
    [(30, 'above', 'expected_early'), (200, 'below', 'below_line'), (400, 'above', 'risen_again')]
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aftercar.evidence.laboratory import Bound
from aftercar.vocab.sources import Source

LINE = 0.01
LINE_SOURCE = Source("Marcucci et al., Mol Ther 2018;26:269 (abstract), quoting FDA-2018-D-2173", "secondary")
EARLY_DAYS = 90  # median time below the line was 1.4 months in haematological malignancy (same source); twice that, rounded up

Line = Literal["above", "below", "cannot_say"]
Grade = Literal["expected_early", "persisting", "risen_again", "rising", "below_line", "cannot_say"]


@dataclass(frozen=True, slots=True)
class Point:
    """One sample: days since infusion and the fraction of vector-positive cells with its bounds."""

    day: float
    fraction: Bound
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Graded:
    """A point with its side of the line, its grade and what to do in words."""

    day: float
    fraction: Bound
    line: Line
    grade: Grade
    words: str
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """A person's series.

    Attributes:
        points: in order of time.
        first_below: interval in days in which the fraction first fell below the line: (last day above, first day below);
            None when it never did.
        last_above: last day above the line; None when never.
        half_life_days: from the log-linear trend of the measured points after the peak; NaN with fewer than three or a rise.
        line: the setting.
    """

    points: tuple[Graded, ...]
    first_below: tuple[float, float] | None
    last_above: float | None
    half_life_days: float
    line: float


def curve(points: Sequence[Point], *, line: float = LINE, early_days: float = EARLY_DAYS, rise: float = 3.0) -> Curve:
    """Grade a person's series.

    Args:
        points: any order; days since the infusion.
        line: fraction of cells that asks for integration-site analysis.
        early_days: up to this day a value above the line is expected.
        rise: a later value above the line at least this many times an earlier one is graded ``rising``.

    Raises:
        ValueError: for a point before the infusion or a line outside (0, 1).
    """
    if not 0 < line < 1:
        raise ValueError(f"line {line} is not between 0 and 1")
    ordered = sorted(points, key=lambda p: p.day)
    if ordered and ordered[0].day < 0:
        raise ValueError(f"day {ordered[0].day:g} is before the infusion")
    graded: list[Graded] = []
    for point in ordered:
        side = side_of(point.fraction, line)
        grade = _grade(point, side, graded, early_days, rise)
        graded.append(Graded(point.day, point.fraction, side, grade, _words(grade, line), point.sample))
    return Curve(tuple(graded), _first_below(graded), _last(graded), half_life(ordered), line)


def side_of(fraction: Bound, line: float = LINE) -> Line:
    """Above when the whole interval is at or above the line, below when all of it is under, else it cannot be said."""
    if fraction.low >= line:
        return "above"
    return "below" if fraction.high < line else "cannot_say"


def half_life(points: Sequence[Point]) -> float:
    """Half-life in days of the measured values from the peak on, by least squares on their logarithms; NaN when not falling."""
    known = [(p.day, p.fraction.value) for p in points if p.fraction.value]
    if not known:
        return float("nan")
    peak = max(range(len(known)), key=lambda i: known[i][1])
    known = known[peak:]
    if len(known) < 3:
        return float("nan")
    days = [d for d, _ in known]
    logs = [math.log(v) for _, v in known]
    middle, mean = sum(days) / len(days), sum(logs) / len(logs)
    spread = sum((d - middle) ** 2 for d in days)
    slope = sum((d - middle) * (v - mean) for d, v in zip(days, logs, strict=True)) / spread if spread else 0.0
    return math.log(2) / -slope if slope < 0 else float("nan")


def _grade(point: Point, side: Line, before: Sequence[Graded], early: float, rise: float) -> Grade:
    if side != "above":
        return "below_line" if side == "below" else "cannot_say"
    if any(g.line == "below" for g in before):
        return "risen_again"
    lowest = min((g.fraction.high for g in before), default=math.inf)
    if point.day > early and point.fraction.low >= rise * lowest:
        return "rising"
    return "expected_early" if point.day <= early else "persisting"


def _words(grade: Grade, line: float) -> str:
    shown = f"{100 * line:g}% of cells"
    return {
        "expected_early": f"at or above {shown}, as in nearly every patient this early; integration sites are asked for",
        "persisting": f"still at or above {shown}: analyse integration sites",
        "risen_again": f"above {shown} again after having been below: analyse integration sites, repeat within 3 months",
        "rising": f"above {shown} and rising: analyse integration sites, repeat within 3 months",
        "below_line": f"below {shown}",
        "cannot_say": f"cannot be placed against {shown}: unit, limit of detection or copies per cell missing",
    }[grade]


def _first_below(graded: Sequence[Graded]) -> tuple[float, float] | None:
    certain = [g for g in graded if g.line != "cannot_say"]
    for earlier, later in itertools.pairwise(certain):
        if earlier.line == "above" and later.line == "below":
            return earlier.day, later.day
    return (0.0, certain[0].day) if certain and certain[0].line == "below" else None


def _last(graded: Sequence[Graded]) -> float | None:
    above = [g.day for g in graded if g.line == "above"]
    return above[-1] if above else None
