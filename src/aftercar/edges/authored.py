"""Read the authored sections of a report from ``authored.toml`` in the study folder."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from pathlib import Path

from aftercar.errors import InputError
from aftercar.reports.authored import SECTIONS, Authored

NAME = "authored.toml"


class BadAuthored(InputError):
    """``authored.toml`` has an unknown section, or one without text, author or date."""

    code = "bad-authored"


def read_authored(folder: Path) -> dict[str, Authored]:
    """The authored sections by key; empty when the folder has no such file.

    Raises:
        BadAuthored: naming the section and what is wrong with it.
    """
    path = folder / NAME
    if not path.exists():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadAuthored(f"not valid TOML: {error}", where=str(path)) from None
    return {key: _section(key, value, path) for key, value in content.items()}


def _section(key: str, value: object, path: Path) -> Authored:
    where = f"{path.name}, section {key}"
    if key not in SECTIONS:
        raise BadAuthored("unknown section", where=where, fix=f"the sections are {', '.join(SECTIONS)}")
    if not isinstance(value, dict):
        raise BadAuthored("not a section with author, date and text", where=where)
    author, date, text = value.get("author"), value.get("date"), value.get("text")
    if not isinstance(author, str) or not author.strip():
        raise BadAuthored("the author is missing", where=where, fix='author = "name or role of the person"')
    if isinstance(date, dt.datetime) or not isinstance(date, dt.date):
        raise BadAuthored("the date is missing or is not a date", where=where, fix="date = 2026-03-01, without quotes")
    if not isinstance(text, str) or not text.strip():
        raise BadAuthored("the text is missing", where=where)
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]
    return Authored(key, paragraphs, author, date)
