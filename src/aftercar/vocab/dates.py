"""Partial dates and day counts.

Clinical dates are often known to the month or the year only. A :class:`PartialDate` keeps that
precision instead of inventing a day, and answers comparisons with "certainly" or "possibly".

    >>> d = PartialDate.parse("2023-05")
    >>> d.earliest.isoformat(), d.latest.isoformat()
    ('2023-05-01', '2023-05-31')
    >>> d.certainly_before(PartialDate.parse("2023-05-20")), d.possibly_before(PartialDate.parse("2023-05-20"))
    (False, True)
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass

DAYS_PER_YEAR = 365.25
DAYS_PER_MONTH = DAYS_PER_YEAR / 12

_SHAPE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date known to the day, the month or the year (ISO 8601: ``2023-05-04``, ``2023-05``, ``2023``)."""

    year: int
    month: int | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        if self.day is not None and self.month is None:
            raise ValueError("a day needs a month")
        dt.date(self.year, self.month or 1, self.day or 1)

    @classmethod
    def parse(cls, text: str) -> PartialDate:
        """Read ISO 8601 text; raises ``ValueError`` for any other form or an impossible date."""
        found = _SHAPE.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is not a date of the form YYYY-MM-DD, YYYY-MM or YYYY")
        year, month, day = found.groups()
        return cls(int(year), int(month) if month else None, int(day) if day else None)

    @classmethod
    def of(cls, date: dt.date) -> PartialDate:
        """The exact calendar date as a partial date."""
        return cls(date.year, date.month, date.day)

    @property
    def earliest(self) -> dt.date:
        """The first calendar day it can be."""
        return dt.date(self.year, self.month or 1, self.day or 1)

    @property
    def latest(self) -> dt.date:
        """The last calendar day it can be."""
        month = self.month or 12
        return dt.date(self.year, month, self.day or calendar.monthrange(self.year, month)[1])

    @property
    def is_exact(self) -> bool:
        """Whether the day is known."""
        return self.day is not None

    @property
    def middle(self) -> dt.date:
        """The middle of what it can be, for intervals in days."""
        return self.earliest + (self.latest - self.earliest) // 2

    def certainly_before(self, other: PartialDate) -> bool:
        """True when every day it can be lies before every day ``other`` can be."""
        return self.latest < other.earliest

    def possibly_before(self, other: PartialDate) -> bool:
        """True when some reading of both puts it before ``other``."""
        return self.earliest < other.latest

    def __str__(self) -> str:
        text = f"{self.year:04d}"
        if self.month is not None:
            text += f"-{self.month:02d}"
        if self.day is not None:
            text += f"-{self.day:02d}"
        return text


def months_between(start: dt.date, end: dt.date) -> float:
    """Months from ``start`` to ``end`` at 30.4375 days a month (the convention of the published case series)."""
    return (end - start).days / DAYS_PER_MONTH


def years_between(start: dt.date, end: dt.date) -> float:
    """Years from ``start`` to ``end`` at 365.25 days a year."""
    return (end - start).days / DAYS_PER_YEAR


def add_months(start: dt.date, months: int) -> dt.date:
    """The same day ``months`` later, or the last day of that month where it has no such day."""
    month0 = start.month - 1 + months
    year, month = start.year + month0 // 12, month0 % 12 + 1
    return dt.date(year, month, min(start.day, calendar.monthrange(year, month)[1]))
