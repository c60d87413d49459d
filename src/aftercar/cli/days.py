"""Days as people type them."""

from __future__ import annotations

import datetime as dt


def day_of(text: str) -> dt.date:
    """The day named, or today when none is.

    Raises:
        UsageError: for another form, or a year that no treated person lives in (plans reach decades beyond the day).
    """
    from aftercar.errors import UsageError

    if not text:
        return dt.date.today()
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a day", fix="write it as YYYY-MM-DD") from None
    if not 1900 <= day.year < 2200:
        raise UsageError(f"{text} lies outside 1900 to 2199", fix="correct the year")
    return day
