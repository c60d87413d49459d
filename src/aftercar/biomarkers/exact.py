"""Exact association for markers too rare for any model.

Conditional on the margins the number of carriers among the cases follows a (non-central) hypergeometric law;
strata convolve (Gart, Biometrika 1970;57:471; Mehta, Patel & Gray, JASA 1985;80:969). For person-time the split of the
events is binomial (Przyborowski & Wilenski, Biometrika 1940;31:313). Every two-sided p value names its rule: ``minlike``
adds up all tables no likelier than the one seen, ``central`` doubles the smaller tail.

    >>> a = odds_ratio([[4, 34, 60, 3000]])
    >>> f"{a.estimate:.3f} ({a.low:.3f}-{a.high:.3f})"
    '5.874 (1.468-17.245)'
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, stats
from scipy.special import gammaln, logsumexp

from aftercar.cohort.survival import Array
from aftercar.errors import UsageError

Rule = Literal["minlike", "central"]
_WIDE = 60.0  # log odds ratio beyond which a limit counts as 0 or infinite


@dataclass(frozen=True)
class ExactAssociation:
    """An exact ratio with limits.

    Attributes:
        estimate: conditional maximum likelihood estimate (0 or infinite at the edge of what is possible).
        low, high: exact central limits.
        p_value: two-sided, by ``rule``.
        measure: ``odds ratio`` or ``rate ratio``.
        rule: how the two-sided p value was formed.
        counts: the counts it rests on, in words.
        level: confidence level.
    """

    estimate: float
    low: float
    high: float
    p_value: float
    measure: str
    rule: Rule
    counts: str
    level: float


def odds_ratio(tables: Sequence[Sequence[int]], *, level: float = 0.95, rule: Rule = "minlike") -> ExactAssociation:
    """Exact common odds ratio over one or more 2x2 tables.

    Args:
        tables: each ``(cases with, cases without, others with, others without)`` the marker.
        level: confidence level of the central interval.
        rule: rule of the two-sided p value.

    Raises:
        UsageError: for a negative count or no table.
    """
    if not tables:
        raise UsageError("no table given")
    log_weights, seen, lowest = np.zeros(1), 0, 0
    for a, b, c, d in tables:
        if min(a, b, c, d) < 0:
            raise UsageError(f"a negative count in table {(a, b, c, d)}")
        first, last = max(0, a + c - (c + d)), min(a + b, a + c)
        inside = np.arange(first, last + 1)
        own = _log_choose(a + b, inside) + _log_choose(c + d, a + c - inside)
        log_weights = _convolve(log_weights, own)
        seen, lowest = seen + a, lowest + first
    support = lowest + np.arange(len(log_weights), dtype=np.float64)
    total = np.sum(np.asarray(tables), axis=0)
    words = f"{total[0]} of {total[0] + total[1]} cases and {total[2]} of {total[2] + total[3]} others carry it"

    def law(log_ratio: float) -> Array:
        raw = log_weights + support * log_ratio
        return np.asarray(np.exp(raw - logsumexp(raw)))

    return _exact(law, support, seen, level, rule, "odds ratio", words)


def rate_ratio(
    events_with: int,
    time_with: float,
    events_without: int,
    time_without: float,
    *,
    level: float = 0.95,
    rule: Rule = "minlike",
    unit: str = "person-years",
) -> ExactAssociation:
    """Exact ratio of two Poisson rates (carriers over non-carriers).

    Raises:
        UsageError: for negative counts or person-time that is not positive.
    """
    if min(events_with, events_without) < 0 or min(time_with, time_without) <= 0:
        raise UsageError("counts must be at least 0 and person-time above 0")
    total = events_with + events_without
    support = np.arange(total + 1, dtype=np.float64)

    def law(log_ratio: float) -> Array:
        share = 1 / (1 + time_without / time_with * np.exp(-log_ratio))
        return np.asarray(stats.binom.pmf(support, total, share))

    words = f"{events_with} in {time_with:g} and {events_without} in {time_without:g} {unit}"
    return _exact(law, support, events_with, level, rule, "rate ratio", words)


def _exact(
    law: Callable[[float], Array], support: Array, seen: int, level: float, rule: Rule, measure: str, words: str
) -> ExactAssociation:
    tail = (1 - level) / 2

    def upper(log_ratio: float) -> float:
        return float(law(log_ratio)[support >= seen].sum())

    def lower(log_ratio: float) -> float:
        return float(law(log_ratio)[support <= seen].sum())

    at_bottom, at_top = seen == support[0], seen == support[-1]
    low = 0.0 if at_bottom else float(np.exp(optimize.brentq(lambda b: upper(b) - tail, -_WIDE, _WIDE, xtol=1e-13)))
    high = float("inf") if at_top else float(np.exp(optimize.brentq(lambda b: lower(b) - tail, -_WIDE, _WIDE, xtol=1e-13)))
    if at_bottom and at_top:
        estimate = float("nan")
    elif at_bottom or at_top:
        estimate = 0.0 if at_bottom else float("inf")
    else:
        mean = optimize.brentq(lambda b: float(law(b) @ support) - seen, -_WIDE, _WIDE, xtol=1e-13)
        estimate = float(np.exp(mean))
    null = law(0.0)
    own = float(null[support == seen][0])
    minlike = float(null[null <= own * (1 + 1e-7)].sum())
    p_value = minlike if rule == "minlike" else 2 * min(upper(0.0), lower(0.0))
    return ExactAssociation(estimate, low, high, min(1.0, p_value), measure, rule, words, level)


def _log_choose(n: int, k: np.ndarray) -> Array:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def _convolve(a: Array, b: Array) -> Array:
    """Log of the convolution of exp(a) and exp(b), shape (len(a) + len(b) - 1,)."""
    out = np.full(len(a) + len(b) - 1, -np.inf)
    for i, value in enumerate(a):
        out[i : i + len(b)] = np.logaddexp(out[i : i + len(b)], value + b)
    return out
