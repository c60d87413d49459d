"""Completeness of follow-up: person-time observed over the person-time that could have been observed.

Clark's index (Clark, Altman, De Stavola, Lancet 2002;359:1309): observed time runs from infusion to the last news or the
end of follow-up; potential time runs to the closing date, or to death (or withdrawal) when that came first. A registry
that hears of everybody on the closing date has an index of 1.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from aftercar.registry.schedule import last_news
from aftercar.registry.subject import Subject
from aftercar.vocab.dates import DAYS_PER_YEAR


@dataclass(frozen=True, slots=True)
class Completeness:
    """Completeness of a group of people.

    Attributes:
        group: centre, or ``all``.
        people: persons with a dated infusion by the closing date.
        observed_years, potential_years: person-years.
        closing: the closing date.
    """

    group: str
    people: int
    observed_years: float
    potential_years: float
    closing: dt.date

    @property
    def index(self) -> float:
        """Observed over potential person-time; NaN without any."""
        return self.observed_years / self.potential_years if self.potential_years else float("nan")


def person_time(subject: Subject, closing: dt.date) -> tuple[int, int] | None:
    """Observed and potential days of one person; None without a dated infusion by the closing date.

    With delayed entry, time before it is neither observed nor potential. A person lost to follow-up is observed to the
    last news only. A person who died is observed to the death, because the death is news of them.
    """
    starts = [item.infused_on.latest for item in subject.infusions if item.infused_on.latest <= closing]
    if not starts:
        return None
    start = max(min(starts), subject.enrolled_on or dt.date.min)
    end = closing if subject.stopped_on is None else min(closing, subject.stopped_on)
    if end <= start:
        return 0, 0
    seen = end if subject.stopped_on is not None and subject.stopped_on <= closing else last_news(subject, closing)
    return max(0, (min(seen, end) - start).days), (end - start).days


def completeness(subjects: Iterable[Subject], closing: dt.date) -> list[Completeness]:
    """The index of each centre and of all, on a closing date; centres in order, ``all`` last."""
    sums: dict[str, list[int]] = {}
    for subject in subjects:
        time = person_time(subject, closing)
        if time is None:
            continue
        for group in (subject.centre or "(no centre)", "all"):
            total = sums.setdefault(group, [0, 0, 0])
            total[0] += 1
            total[1] += time[0]
            total[2] += time[1]
    order = sorted(group for group in sums if group != "all") + (["all"] if sums else [])
    return [
        Completeness(group, sums[group][0], sums[group][1] / DAYS_PER_YEAR, sums[group][2] / DAYS_PER_YEAR, closing)
        for group in order
    ]
