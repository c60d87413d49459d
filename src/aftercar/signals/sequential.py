"""Looking again and again without crying wolf: Poisson MaxSPRT for repeated looks at a rate.

Events are counted as they come and compared with the number expected by then. The maximised sequential probability
ratio test (Kulldorff et al., Sequential Analysis 2011;30:58) signals when the log likelihood ratio

    LLR(c, m) = m - c + c log(c / m)    for c > m, else 0

of ``c`` events against ``m`` expected reaches a critical value that keeps the chance of any false signal, over all looks
up to a stated end, at ``alpha``. :func:`critical_value` gives it for continuous looking, :func:`group_critical_value`
for looks at data locks. A minimum of four events is the authors' rule of thumb (Kulldorff and Silva 2015).

Everything is exact: the count is a Poisson process, absorbed at the boundary.

    >>> round(critical_value(10, minimum=1), 6)
    3.467952
    >>> verdict = look(events=9, expected=2.4, critical=critical_value(10))
    >>> verdict.signal, round(verdict.llr, 3)
    (True, 5.296)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from aftercar.errors import InputError

Array = NDArray[np.float64]

#: Largest end of surveillance in expected events; beyond it the exact recursion is slow and asymptotics serve.
LARGEST = 5000.0


class SequentialDesignError(InputError):
    """A monitoring plan that no critical value can satisfy, or that is put together wrongly."""

    code = "sequential-design"


@dataclass(frozen=True, slots=True)
class Performance:
    """What a plan does when the true rate is ``rate_ratio`` times the expected one.

    Attributes:
        rate_ratio: true rate over expected rate.
        power: chance of a signal by the end (the type-I error when ``rate_ratio`` is 1).
        time_to_signal: mean expected-event time of the signal, given one comes; NaN when none can.
        time_under_watch: mean expected-event time until a signal or the end.
    """

    rate_ratio: float
    power: float
    time_to_signal: float
    time_under_watch: float


@dataclass(frozen=True, slots=True)
class Look:
    """One look: counts so far, the test statistic and the decision.

    Attributes:
        events: events so far.
        expected: events expected so far.
        rate_ratio: events over expected.
        llr: log likelihood ratio, 0 when not above expectation.
        critical: critical value.
        signal: whether the boundary is reached with at least the minimum number of events.
    """

    events: int
    expected: float
    rate_ratio: float
    llr: float
    critical: float
    signal: bool


def log_likelihood_ratio(events: Any, expected: Any) -> Array:
    """LLR of ``events`` against ``expected`` (arrays allowed), 0 where there is no excess."""
    c, m = np.broadcast_arrays(np.asarray(events, dtype=float), np.asarray(expected, dtype=float))
    above = c > m
    safe_c, safe_m = np.where(above, c, 1.0), np.where(above & (m > 0), m, 1.0)
    with np.errstate(divide="ignore"):
        value = np.where(above & (m <= 0), np.inf, safe_m - safe_c + safe_c * np.log(safe_c / safe_m))
    return np.where(above, value, 0.0)


def boundary(critical: float, end: float, minimum: int = 1) -> Array:
    """Expected-event times before which the 1st, 2nd, 3rd ... event gives a signal, up to ``end``.

    Element ``k`` belongs to event ``k + 1``; it is 0 for events below ``minimum``. The last element is ``end``: with that
    many events a signal is given at any time up to the end.
    """
    times: list[float] = []
    count = 1
    while True:
        at = 0.0 if count < minimum else min(_boundary_time(count, critical), end)
        times.append(at)
        if at >= end:
            return np.array(times)
        count += 1


def _boundary_time(count: int, critical: float) -> float:
    """The ``m < count`` with LLR(count, m) = critical, by Lambert's W of x exp(x) = -exp(-1 - critical / count)."""
    from scipy.special import lambertw

    return float(-count * np.real(lambertw(-np.exp(-1 - critical / count))))


def performance(critical: float, end: float, rate_ratio: float = 1.0, *, minimum: int = 1, delay: float = 0.0) -> Performance:
    """Exact power, mean time to signal and mean time under watch of continuous monitoring.

    Args:
        critical: critical value on the LLR scale.
        end: end of surveillance in expected events.
        rate_ratio: true rate over expected rate.
        minimum: fewest events that may signal.
        delay: no signal before this many expected events.

    Raises:
        SequentialDesignError: for an end outside (0, 5000], a delay beyond the end, or a minimum below 1.
    """
    _check(end, minimum, delay)
    times = np.maximum(boundary(critical, end, minimum), 0.0)
    states = len(times)
    weight = np.zeros(states)
    weight[0] = 1.0  # no event yet
    now = 0.0
    power = signal_time = 0.0
    first = int(np.searchsorted(times, delay, side="right")) if delay > 0 else 0
    if delay > 0:
        # All states with at least `first + 1` events at the delay signal there; below, the process goes on.
        law = stats.poisson.pmf(np.arange(states), rate_ratio * delay)
        power = float(stats.poisson.sf(first, rate_ratio * delay))
        signal_time = power * delay
        weight = np.where(np.arange(states) <= first, law, 0.0)
        now = delay
    for k in range(first, states):
        # Until times[k], event number k + 1 signals; states 0..k are alive (k events may be held without a signal).
        gap = times[k] - now
        if gap <= 0:
            continue
        hit, mean_time, weight = _advance(weight, k, gap, rate_ratio)
        power += hit
        signal_time += now * hit + mean_time
        now = float(times[k])
    return Performance(
        rate_ratio=rate_ratio,
        power=power,
        time_to_signal=signal_time / power if power > 0 else float("nan"),
        time_under_watch=signal_time + end * (1 - power),
    )


def _advance(weight: Array, k: int, gap: float, rate_ratio: float) -> tuple[float, float, Array]:
    """Let ``gap`` expected events pass with absorption at ``k + 1`` events.

    Returns the chance of absorption, the sum of chance times time from the start of the gap, and the weights after it.
    """
    mean = rate_ratio * gap
    alive = weight[: k + 1]
    jumps = stats.poisson.pmf(np.arange(k + 1), mean)
    after = np.zeros_like(weight)
    after[: k + 1] = np.convolve(alive, jumps)[: k + 1]
    needed = k + 1 - np.arange(k + 1)  # events needed to be absorbed
    chance = stats.poisson.sf(needed - 1, mean)
    # The n-th event of a Poisson process has an Erlang time: E[T; T < gap] = n / rate * P(N(gap) > n).
    time = needed / rate_ratio * stats.poisson.sf(needed, mean)
    return float(alive @ chance), float(alive @ time), after


@cache
def critical_value(end: float, alpha: float = 0.05, *, minimum: int = 4, delay: float = 0.0) -> float:
    """Critical value for continuous looking until ``end`` expected events.

    With a delay the attainable error jumps; the value returned is the smallest whose error does not exceed ``alpha``.

    Raises:
        SequentialDesignError: when even without a threshold the error stays below ``alpha`` (too short a
            surveillance for the minimum number of events), or for parameters out of range.
    """
    _check(end, minimum, delay)
    if not 0 < alpha <= 0.5:
        raise SequentialDesignError(f"alpha {alpha} is not in (0, 0.5]")

    def excess(value: float) -> float:
        return performance(value, end, minimum=minimum, delay=delay).power - alpha

    low, high = 1e-9, 8.0
    if excess(low) < 0:
        raise SequentialDesignError(
            f"no critical value reaches alpha {alpha}: until {end:g} expected events, {minimum} or more events come by chance "
            f"with probability {excess(low) + alpha:.3g} only",
            fix="lengthen the surveillance or lower the minimum number of events",
        )
    while excess(high) > 0:
        high *= 2
    root = float(optimize.brentq(excess, low, high, xtol=1e-11, rtol=1e-13))
    if delay > 0 and excess(root) > 1e-9:  # a jump: stand on its conservative side
        root = _above_jump(excess, root, high)
    return root


def _above_jump(excess: Any, low: float, high: float) -> float:
    for _ in range(60):
        middle = (low + high) / 2
        if excess(middle) > 0:
            low = middle
        else:
            high = middle
    return high


def look(events: int, expected: float, critical: float, *, minimum: int = 4) -> Look:
    """Judge the counts so far.

    Raises:
        SequentialDesignError: for negative counts or an expectation of 0 or less.
    """
    if events < 0 or expected <= 0:
        raise SequentialDesignError(f"{events} events against {expected} expected", fix="both must be counts up to this look")
    llr = float(log_likelihood_ratio(events, expected))
    return Look(events, expected, events / expected, llr, critical, bool(llr >= critical and events >= minimum))


def group_performance(critical: float, looks: Sequence[float], rate_ratio: float = 1.0, *, minimum: int = 1) -> Performance:
    """Exact power and times when the data are looked at only at the cumulative expected counts ``looks``.

    Args:
        critical: critical value on the LLR scale.
        looks: cumulative expected events at each look, rising.
        rate_ratio: true rate over expected rate.
        minimum: fewest events that may signal.
    """
    times = _check_looks(looks)
    power = signal_time = 0.0
    alive: Array = np.array([1.0])
    before = 0.0
    for at in times:
        alive = _grown(alive, rate_ratio * (at - before))
        limit = group_boundary(critical, at, minimum)
        hit = float(alive[limit:].sum())
        # What lies beyond the grown array is certain to be at or above the limit.
        hit += max(0.0, 1.0 - power - float(alive.sum()))
        power += hit
        signal_time += hit * at
        alive = alive[:limit]
        before = at
    return Performance(
        rate_ratio, power, signal_time / power if power > 0 else float("nan"), signal_time + times[-1] * (1 - power)
    )


def _grown(alive: Array, mean: float) -> Array:
    """The law of the count after ``mean`` more events are expected; the tail (below 1e-16) is cut."""
    top = int(mean + 12 * np.sqrt(mean) + 30)
    return np.convolve(alive, stats.poisson.pmf(np.arange(top + 1), mean))


def group_boundary(critical: float, expected: float, minimum: int = 1) -> int:
    """Fewest events that signal at a look with ``expected`` events expected."""
    count = max(minimum, int(np.floor(expected)) + 1)
    while log_likelihood_ratio(count, expected) < critical:
        count += 1
    return count


@cache
def _group_critical(looks: tuple[float, ...], alpha: float, minimum: int) -> float:
    def excess(value: float) -> float:
        return group_performance(value, looks, minimum=minimum).power - alpha

    low, high = 0.0, 8.0
    if excess(low) <= 0:
        return 0.0
    while excess(high) > 0:
        high *= 2
    return _above_jump(excess, low, high)


def group_critical_value(looks: Sequence[float], alpha: float = 0.05, *, minimum: int = 1) -> float:
    """Smallest critical value whose chance of a false signal over the given looks does not exceed ``alpha``.

    Counts are whole numbers, so the attained error lies below ``alpha``; :func:`group_performance` tells it.
    """
    return _group_critical(tuple(_check_looks(looks)), alpha, minimum)


def _check(end: float, minimum: int, delay: float) -> None:
    if not 0 < end <= LARGEST:
        raise SequentialDesignError(f"the end of surveillance, {end} expected events, is not in (0, {LARGEST:g}]")
    if minimum < 1:
        raise SequentialDesignError(f"a minimum of {minimum} events: it must be at least 1")
    if not 0 <= delay <= end:
        raise SequentialDesignError(f"a delay of {delay} expected events does not lie within the surveillance of {end}")


def _check_looks(looks: Sequence[float]) -> list[float]:
    times = [float(value) for value in looks]
    if not times or times[0] <= 0 or any(b <= a for a, b in pairwise(times)):
        raise SequentialDesignError(
            f"looks at {', '.join(f'{value:g}' for value in times) or 'nothing'}",
            fix="give cumulative expected events, above 0 and rising from look to look",
        )
    return times
