"""How likely is the outcome by a given time, with death competing; and how the rate changes with time since infusion.

Cumulative incidence is Aalen-Johansen's, never one minus Kaplan-Meier: that answers a question about a world in
which nobody dies. Limits are on the log(-log F) scale; with no event the upper limit comes from the exact limit of
the rate carried through the chance to be alive. Late entry is left truncation; before the first entry nothing is known.

    >>> import numpy as np
    >>> two_of_87 = cumulative_incidence(stop=np.r_[3.0, 8.0, np.full(85, 12.0)], cause=np.r_[1, 1, np.zeros(85, int)])
    >>> two_of_87.at(12).percent()
    '2.3% (0.4-7.3)'
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from aftercar.cohort.person_time import Cohort
from aftercar.cohort.splitting import by_time_since_infusion
from aftercar.cohort.survival import Incidence, aalen_johansen
from aftercar.errors import InputError
from aftercar.vocab.dates import DAYS_PER_YEAR
from aftercar.vocab.estimates import Estimate, Method, rate

#: Below this many at risk at an event early under late entry, the curve is led by single persons.
THIN_RISK_SET = 10


class NoTimeAtRisk(InputError):
    """Nobody is at risk, or times contradict each other."""

    code = "no-time-at-risk"


@dataclass(frozen=True)
class CumulativeIncidence:
    """Cumulative incidence of one cause with the other causes competing.

    Attributes:
        curve: steps with variance, in the unit of the input times.
        persons: rows analysed.
        events, competing: of the cause, and of all other causes.
        longest: longest observed time; nothing is said beyond it.
        first_entry: earliest entry; the curve is conditional on being event-free then.
        thinnest: smallest risk set at which an event of any cause happened while people still entered; 0 without late entry.
        level: confidence level.
    """

    curve: Incidence
    persons: int
    events: int
    competing: int
    longest: float
    first_entry: float
    thinnest: int
    level: float
    _times: NDArray[np.float64]
    _entries: NDArray[np.float64]
    _survival_times: NDArray[np.float64]
    _survival: NDArray[np.float64]

    @property
    def cautions(self) -> tuple[str, ...]:
        """What a reader must know."""
        words = []
        if self.first_entry > 0:
            words.append(f"Conditional on being event-free at {self.first_entry:g}: nobody was observed earlier.")
        if 0 < self.thinnest < THIN_RISK_SET:
            words.append(f"Early under late entry only {self.thinnest} at risk at an event; begin at a landmark instead.")
        return tuple(words)

    def at(self, time: float) -> Estimate:
        """Cumulative incidence at ``time`` with its interval; ``numerator`` counts events up to then, ``denominator`` persons.

        Raises:
            NoTimeAtRisk: for a time beyond the longest observed one.
        """
        if time > self.longest:
            raise NoTimeAtRisk(f"nobody was followed to {time:g}", where=f"longest time {self.longest:g}", fix="ask for less")
        value = self.curve.at(time)
        low, high = self.curve.interval(time, self.level)
        method = "Aalen-Johansen, log(-log) limits"
        if value == 0:
            low, high, method = 0.0, self._limit_without_event(time), "no event: exact rate limit through survival"
        count = float(self.curve.events[self.curve.times <= time].sum())
        return Estimate(value, low, high, count, self.persons, "persons", self.level, method)

    def at_risk(self, time: float) -> int:
        """Persons under observation and event-free just before ``time``."""
        return int(((self._entries < time) & (self._times >= time)).sum())

    def rows(self) -> list[dict[str, float]]:
        """The steps as rows of a table or chart: ``time``, ``value``, ``low``, ``high``, ``at_risk``."""
        found = []
        for i, time in enumerate(self.curve.times):
            low, high = self.curve.interval(float(time), self.level)
            value, at_risk = float(self.curve.value[i]), float(self.curve.at_risk[i])
            found.append({"time": float(time), "value": value, "low": low, "high": high, "at_risk": at_risk})
        return found

    def _limit_without_event(self, time: float) -> float:
        exposure = float((np.minimum(self._times, time) - np.minimum(self._entries, time)).sum())
        if exposure <= 0:
            return 1.0
        upper = rate(0, exposure, level=self.level).high
        edges = np.concatenate([[self.first_entry], self._survival_times[self._survival_times < time], [time]])
        alive = np.concatenate([[1.0], self._survival])[: len(edges) - 1]
        return min(1.0, upper * float((alive * np.diff(edges)).sum()))


@dataclass(frozen=True, slots=True)
class RateBand:
    """Rate in one band of time since infusion, in years."""

    low_years: float
    high_years: float
    rate: Estimate


def cumulative_incidence(
    stop: ArrayLike, cause: ArrayLike, *, start: ArrayLike | None = None, of: int = 1, level: float = 0.95
) -> CumulativeIncidence:
    """Aalen-Johansen estimate (Scand J Stat 1978;5:141) with late entry.

    Args:
        stop: time of leaving, shape (N,), in any unit.
        cause: 0 censored, else the number of the cause, shape (N,).
        start: time of entry, shape (N,); 0 for all when None.
        of: the cause wanted.
        level: confidence level.

    Raises:
        NoTimeAtRisk: when there is nobody.
        BadSurvivalData: when somebody leaves before entering.
    """
    ends, causes = np.asarray(stop, dtype=float), np.asarray(cause, dtype=np.intp)
    if not len(ends):
        raise NoTimeAtRisk("nobody is at risk", fix="look at the attrition table")
    entries = np.zeros(len(ends)) if start is None else np.asarray(start, dtype=float)
    late = bool((entries > 0).any())
    curve = aalen_johansen(stop=ends, cause=causes, of=of, start=entries if late else None)
    times, survival, at_risk = _event_free(entries, ends, causes)
    entering = at_risk[times <= entries.max()] if late else at_risk[:0]
    return CumulativeIncidence(
        curve=curve,
        persons=len(ends),
        events=int((causes == of).sum()),
        competing=int(((causes != of) & (causes > 0)).sum()),
        longest=float(ends.max()),
        first_entry=float(entries.min()) if late else 0.0,
        thinnest=int(entering.min()) if len(entering) else 0,
        level=level,
        _times=ends,
        _entries=entries,
        _survival_times=times,
        _survival=survival,
    )


def of_cohort(cohort: Cohort, *, landmark_years: float = 0.0, level: float = 0.95) -> CumulativeIncidence:
    """Cumulative incidence of the cohort's outcome, time in years since infusion (or since the landmark).

    With a landmark only people event-free and under observation then are counted, and the clock starts there.
    """
    frame = cohort.episodes
    start, stop, cause = (frame[name].to_numpy() for name in ("entry_days", "exit_days", "status"))
    if landmark_years > 0:
        start, stop, cause = landmark(start, stop, cause, landmark_years * DAYS_PER_YEAR)
    return cumulative_incidence(stop / DAYS_PER_YEAR, cause, start=start / DAYS_PER_YEAR, level=level)


def landmark(
    start: ArrayLike, stop: ArrayLike, cause: ArrayLike, time: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Those who entered by ``time`` and are event-free after it, the clock set to 0 there (Anderson et al., JCO 1983;1:710)."""
    entries, ends, causes = np.asarray(start, float), np.asarray(stop, float), np.asarray(cause, np.intp)
    keep = (entries <= time) & (ends > time)
    return np.zeros(int(keep.sum())), ends[keep] - time, causes[keep]


def one_minus_kaplan_meier(stop: ArrayLike, cause: ArrayLike, time: float, *, of: int = 1) -> float:
    """One minus Kaplan-Meier with competing events censored: too high, shown only to say by how much."""
    ends, causes = np.asarray(stop, float), np.asarray(cause, np.intp)
    times = np.unique(ends[(causes == of) & (ends <= time)])
    at_risk = np.array([(ends >= t).sum() for t in times])
    events = np.array([((ends == t) & (causes == of)).sum() for t in times])
    return float(1 - np.prod(1 - events / at_risk)) if len(times) else 0.0


def rates_by_time(
    episodes: pl.DataFrame, cut_years: Sequence[float] = (0.5, 1, 2, 5), *, level: float = 0.95, method: Method = "exact"
) -> tuple[RateBand, ...]:
    """Rates (per person-year, exact interval) in bands of time since infusion; the last band is open.

    Args:
        episodes: frame of a cohort.
        cut_years: ascending years at which a band ends.
        level, method: of the intervals.
    """
    bands = by_time_since_infusion(episodes, [cut * DAYS_PER_YEAR for cut in cut_years])
    edges = [0.0, *map(float, cut_years), math.inf]
    return tuple(
        RateBand(edges[i], edges[i + 1], rate(row["events"], row["person_years"], level=level, method=method))
        for i, row in enumerate(bands.iter_rows(named=True))
    )


def constant_rate_p(bands: Sequence[RateBand]) -> float:
    """P-value of equal rates in all bands with person-time (exact conditional, likelihood-ratio ordering)."""
    from aftercar.signals.homogeneity import exact_test

    used = [band.rate for band in bands if band.rate.denominator > 0]
    if len(used) < 2 or not sum(item.numerator for item in used):
        return 1.0
    events = [int(item.numerator) for item in used]
    return exact_test(events, [item.denominator for item in used], ordering="likelihood_ratio").p


def _event_free(
    entries: NDArray[np.float64], ends: NDArray[np.float64], causes: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Times of any event, survival without any event after each, and the number at risk."""
    times = np.unique(ends[causes > 0])
    events = np.bincount(np.searchsorted(times, ends[causes > 0]), minlength=len(times))
    at_risk = np.searchsorted(np.sort(entries), times, side="left") - np.searchsorted(np.sort(ends), times, side="left")
    survival = np.cumprod(1 - events / at_risk) if len(times) else np.empty(0)
    return times, survival, at_risk.astype(np.int64)
