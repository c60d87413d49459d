"""Due dates as an iCalendar file (RFC 5545), to be subscribed to or imported into any calendar.

An event spans the window of a task. Its UID stays the same for the same task, so that importing again updates it. Only
pseudonyms leave the registry.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

#: RFC 5545, 3.1: no line longer than 75 octets without its line break.
_MOST_OCTETS = 75


def calendar(tasks: Iterable[Mapping[str, Any]], *, made: dt.datetime, name: str = "AfterCAR follow-up") -> str:
    """The calendar as text with CRLF line ends.

    Args:
        tasks: mappings with ``person_id``, ``infusion_id``, ``plan``, ``rule``, ``task``, ``opens_on``, ``due_on``,
            ``closes_on`` (dates), ``state``, ``source`` and ``mark``.
        made: the moment of writing (DTSTAMP).
        name: the calendar's name.
    """
    stamp = made.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//AfterCAR//registry//EN",
        "CALSCALE:GREGORIAN",
        f"X-WR-CALNAME:{_text(name)}",
    ]
    for task in tasks:
        lines += _event(task, stamp)
    lines.append("END:VCALENDAR")
    return "".join(_folded(line) for line in lines)


def _event(task: Mapping[str, Any], stamp: str) -> list[str]:
    identity = "|".join(str(task[name]) for name in ("person_id", "infusion_id", "plan", "rule", "due_on"))
    uid = hashlib.sha256(identity.encode()).hexdigest()[:32]
    words = (
        f"Due {task['due_on']}, window {task['opens_on']} to {task['closes_on']}. State: {task['state']}. Plan {task['plan']}, "
    )
    words += f"rule {task['rule']}. Source: {task['source']} [{task['mark']}]"
    return [
        "BEGIN:VEVENT",
        f"UID:{uid}@aftercar",
        f"DTSTAMP:{stamp}",
        f"DTSTART;VALUE=DATE:{_day(task['opens_on'])}",
        f"DTEND;VALUE=DATE:{_day(task['closes_on'] + dt.timedelta(days=1))}",
        "SUMMARY:" + _text(f"{task['person_id']}: {task['task']}"),
        f"DESCRIPTION:{_text(words)}",
        f"CATEGORIES:{_text(str(task['state']))}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _day(date: dt.date) -> str:
    return date.strftime("%Y%m%d")


def _text(text: str) -> str:
    """Text as RFC 5545, 3.3.11 wants it."""
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\r\n", "\\n").replace("\n", "\\n")


def _folded(line: str) -> str:
    """A line cut into parts of at most 75 octets, never within a character; later parts begin with a space."""
    parts: list[str] = []
    part, octets, room = "", 0, _MOST_OCTETS
    for sign in line:
        size = len(sign.encode())
        if octets + size > room:
            parts.append(part)
            part, octets, room = "", 0, _MOST_OCTETS - 1
        part += sign
        octets += size
    return "\r\n ".join([*parts, part]) + "\r\n"
