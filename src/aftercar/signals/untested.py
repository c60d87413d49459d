"""Tumours that were not tested for the transgene: bounds, and what the tested ones say under stated assumptions.

Of 38 cases of the European review 19 were tested and 7 carried the CAR. The untested half can be anything, so the
share of positive tumours lies between 7/38 and 26/38 whatever one assumes (Manski bounds); with the assumption
that the tested are like the untested (missing at random) the rest is predicted by a beta-binomial distribution;
an odds tilt shows what it takes to move the answer.

    >>> b = bounds(tested=19, positive=7, cases=38)
    >>> f"{b.low:.3f} to {b.high:.3f}, sampling limits {b.outer_low:.3f} to {b.outer_high:.3f}"
    '0.184 to 0.684, sampling limits 0.077 to 0.825'
    >>> m = missing_at_random(19, 7, 38)
    >>> round(m.expected_positive, 1), m.low, m.high
    (14.1, 9, 20)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy import stats

from aftercar.errors import InputError
from aftercar.vocab.estimates import Estimate, proportion


@dataclass(frozen=True, slots=True)
class Bounds:
    """Worst-case limits of the positive share of all cases, without any assumption on the untested.

    Attributes:
        low, high: share when every untested case is negative, or positive.
        outer_low, outer_high: lower exact limit of ``low`` and upper exact limit of ``high`` (sampling and missingness).
        tested_share: positive among tested, with its exact interval (an answer only if the tested are like the rest).
        cases, tested, positive: the counts.
        level: confidence level.
    """

    low: float
    high: float
    outer_low: float
    outer_high: float
    tested_share: Estimate
    cases: int
    tested: int
    positive: int
    level: float

    @property
    def untested(self) -> int:
        """Cases without a result."""
        return self.cases - self.tested


@dataclass(frozen=True, slots=True)
class MarPrediction:
    """What missing-at-random predicts for all cases.

    Attributes:
        expected_positive: expected number of positive among all cases.
        low, high: equal-tailed predictive limits of that number (beta-binomial).
        prior: parameters of the beta prior.
        level: predictive level.
        assumption: in words.
    """

    expected_positive: float
    low: int
    high: int
    prior: tuple[float, float]
    level: float
    assumption: str = "untested tumours are like tested ones (missing at random)"


@dataclass(frozen=True, slots=True)
class Tilt:
    """One row of the sensitivity analysis: odds of being positive in untested against tested tumours."""

    odds_ratio: float
    untested_share: float
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class WhyUntested:
    """How many cases have no result for one reason."""

    reason: str
    cases: int
    share: Estimate


@dataclass(frozen=True, slots=True)
class RateBounds:
    """CAR-positive cases over a denominator, between the worst cases of the untested."""

    low: Estimate
    high: Estimate


def bounds(tested: int, positive: int, cases: int, *, level: float = 0.95) -> Bounds:
    """Worst-case bounds (Manski 1989) of the positive share of all cases.

    Args:
        tested: cases with a conclusive result.
        positive: of those, transgene found.
        cases: all cases.
        level: confidence level of the exact limits.

    Raises:
        InputError: unless 0 <= positive <= tested <= cases.
    """
    _check(tested, positive, cases)
    untested = cases - tested
    lowest = proportion(positive, cases, level=level, unit="cases")
    highest = proportion(positive + untested, cases, level=level, unit="cases")
    return Bounds(
        low=lowest.value,
        high=highest.value,
        outer_low=lowest.low,
        outer_high=highest.high,
        tested_share=proportion(positive, tested, level=level, unit="tumours tested"),
        cases=cases,
        tested=tested,
        positive=positive,
        level=level,
    )


def rate_bounds(tested: int, positive: int, cases: int, persons: int, *, level: float = 0.95) -> RateBounds:
    """CAR-positive cases over persons treated, at both worst cases, each with its exact interval."""
    _check(tested, positive, cases)
    return RateBounds(
        proportion(positive, persons, level=level, unit="persons treated"),
        proportion(positive + cases - tested, persons, level=level, unit="persons treated"),
    )


def missing_at_random(
    tested: int, positive: int, cases: int, *, prior: tuple[float, float] = (0.5, 0.5), level: float = 0.95
) -> MarPrediction:
    """Predicted positives among all cases if the untested are like the tested (beta-binomial).

    ``expected_positive`` is the posterior predictive mean; the default prior is Jeffreys'.
    """
    _check(tested, positive, cases)
    a, b = prior[0] + positive, prior[1] + tested - positive
    untested = cases - tested
    tail = (1 - level) / 2
    if untested == 0:
        return MarPrediction(float(positive), positive, positive, prior, level)
    predictive = stats.betabinom(untested, a, b)
    return MarPrediction(
        expected_positive=positive + untested * a / (a + b),
        low=positive + int(predictive.ppf(tail)),
        high=positive + int(predictive.ppf(1 - tail)),
        prior=prior,
        level=level,
    )


def bounds_row(cases: int, tested: int, positive: int, *, level: float = 0.95) -> dict[str, float | None]:
    """Counts, share, bounds and prediction as one row of a table; see :func:`bounds` and :func:`missing_at_random`."""
    found = bounds(tested, positive, cases, level=level)
    guess = missing_at_random(tested, positive, cases, level=level)
    return {
        "cases": cases,
        "tested": tested,
        "positive": positive,
        "share": found.tested_share.value,
        "low": found.tested_share.low,
        "high": found.tested_share.high,
        "bound_low": found.low,
        "bound_high": found.high,
        "outer_low": found.outer_low,
        "outer_high": found.outer_high,
        "expected_positive": guess.expected_positive,
        "predicted_low": guess.low,
        "predicted_high": guess.high,
        "level": level,
    }


def tilt(
    tested: int, positive: int, cases: int, *, odds_ratios: Sequence[float] = (0.1, 0.25, 0.5, 1, 2, 4, 10), level: float = 0.95
) -> tuple[Tilt, ...]:
    """Share of all cases that is positive if the odds in the untested are a multiple of those in the tested.

    The interval carries the exact limits of the tested share through the same tilt (missing not at random).

    Raises:
        InputError: for an odds ratio that is not positive, or no tested case.
    """
    _check(tested, positive, cases)
    if tested == 0:
        raise InputError("no tumour was tested", fix="a tilt needs tested tumours; show the bounds only")
    share = proportion(positive, tested, level=level, unit="tumours tested")
    return tuple(_tilted(share, odds_ratio, tested, cases) for odds_ratio in odds_ratios)


def odds_ratio_needed(tested: int, positive: int, cases: int, share: float) -> float:
    """The odds ratio (untested to tested) at which the positive share of all cases reaches ``share``.

    NaN when no odds ratio does (the share lies outside the worst-case bounds, or all or none of the tested are positive).
    """
    limits = bounds(tested, positive, cases)
    if not limits.low < share < limits.high or positive in (0, tested) or cases == tested:
        return math.nan
    among_untested = (share * cases - positive) / (cases - tested)
    seen = positive / tested
    return (among_untested / (1 - among_untested)) / (seen / (1 - seen))


def why_untested(reasons: Iterable[str | None], *, level: float = 0.95) -> tuple[WhyUntested, ...]:
    """Reasons with their share of the untested cases, most frequent first; an empty reason is "not stated"."""
    counts: dict[str, int] = {}
    for reason in reasons:
        words = (reason or "").strip() or "not stated"
        counts[words] = counts.get(words, 0) + 1
    total = sum(counts.values())
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(WhyUntested(words, count, proportion(count, total, level=level, unit="untested cases")) for words, count in rows)


def corrected_share(tested: int, positive: int, *, sensitivity: float, specificity: float) -> float:
    """Positive share of tested tumours corrected for an imperfect assay (Rogan and Gladen 1978), cut to 0 to 1.

    Raises:
        InputError: when sensitivity + specificity is not above 1, or no case was tested.
    """
    if sensitivity + specificity <= 1:
        raise InputError("sensitivity and specificity add up to 1 or less: the assay says nothing")
    if tested == 0:
        raise InputError("no tumour was tested")
    return min(1.0, max(0.0, (positive / tested + specificity - 1) / (sensitivity + specificity - 1)))


def _tilted(share: Estimate, odds_ratio: float, tested: int, cases: int) -> Tilt:
    if odds_ratio <= 0:
        raise InputError("an odds ratio must be positive", where=f"odds ratio {odds_ratio}")

    def other(p: float) -> float:
        return p * odds_ratio / (1 - p + p * odds_ratio)

    def whole(p: float) -> float:
        return (tested * p + (cases - tested) * other(p)) / cases

    return Tilt(odds_ratio, other(share.value), whole(share.value), whole(share.low), whole(share.high))


def _check(tested: int, positive: int, cases: int) -> None:
    if not 0 <= positive <= tested <= cases:
        raise InputError(
            "the counts must satisfy positive <= tested <= cases", where=f"{positive} positive, {tested} tested, {cases} cases"
        )
