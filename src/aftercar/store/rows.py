"""Rows on their way into the store: every value held to its column, one form for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aftercar.errors import Problem
from aftercar.store.schema import SECRET_ENDINGS
from aftercar.vocab.columns import Column, Table
from aftercar.vocab.dates import PartialDate
from aftercar.vocab.ids import is_id


def key_of(table: Table, row: Mapping[str, Any]) -> str:
    """The record's key as one text."""
    return "|".join(str(row[name]) for name in table.key)


def key_parts(table: Table, key: str) -> dict[str, str]:
    """The key columns of a record from its key text."""
    return dict(zip(table.key, key.split("|"), strict=True))


def checked(table: Table, row: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """A full row in the store's form (every column, None where empty) and what is wrong with it.

    Empty text is None, spaces around anything but free text go; numbers of ``number`` columns become floats; choices are compared
    without regard to case.
    """
    problems: list[Problem] = []
    full: dict[str, Any] = {}
    for name in row:
        if name not in table:
            problems.append(Problem(table.name, 0, name, "", "unknown column", f"the columns are {', '.join(table.names)}"))
    for column in table.columns:
        value = row.get(column.name)
        if isinstance(value, str):
            value = (value if column.kind == "text" and value.strip() else value.strip()) or None
        if value is None:
            full[column.name] = None
            if column.required:
                problems.append(Problem(table.name, 0, column.name, "", "may not be empty"))
            continue
        try:
            full[column.name] = _value(column, value)
        except ValueError as error:
            full[column.name] = None
            problems.append(Problem(table.name, 0, column.name, str(value)[:60], str(error)))
    return full, problems


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as the audit trail may show it: secrets as digests."""
    import hashlib

    return {
        name: "sha256:" + hashlib.sha256(str(value).encode()).hexdigest()
        if value is not None and name.endswith(SECRET_ENDINGS)
        else value
        for name, value in row.items()
    }


def _value(column: Column, value: Any) -> Any:
    if column.kind in ("integer", "number"):
        return _number(column, value)
    if column.kind == "boolean":
        if not isinstance(value, bool):
            raise ValueError("is neither true nor false")
        return value
    text = str(value)
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    if column.kind == "date":
        return str(PartialDate.parse(text))
    if column.kind == "id" and not is_id(text):
        raise ValueError("is not an identifier (letters, digits, - _ . and at most 64 of them)")
    if column.kind == "choice":
        by_lower = {choice.lower(): choice for choice in column.choices}
        if text.lower() not in by_lower:
            raise ValueError("is not one of " + ", ".join(column.choices))
        return by_lower[text.lower()]
    return text


def _number(column: Column, value: Any) -> int | float:
    if isinstance(value, bool):
        raise ValueError("is not a number")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError("is not a number") from None
    if not math.isfinite(number):
        raise ValueError("is not a finite number")
    if column.kind == "integer" and not number.is_integer():
        raise ValueError("is not a whole number")
    if column.low is not None and number < column.low:
        raise ValueError(f"is below {column.low:g}")
    if column.high is not None and number > column.high:
        raise ValueError(f"is above {column.high:g}")
    return int(number) if column.kind == "integer" else number
