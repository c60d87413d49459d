"""What changed between two reports: new and gone rows, changed cells, changed text, and why (inputs, settings, versions)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aftercar.reports.blocks import Block, Document, Field, Heading, Prose, TableBlock

Twin = Mapping[str, Any]
Row = Mapping[str, Any]

_KEYS = (
    "case_id",
    "sample_id",
    "exposure_id",
    "group",
    "comparison",
    "step",
    "years",
    "setting",
    "file",
    "what",
    "axis",
    "field",
)
_FIELDS = (
    Field("part", "Part"),
    Field("row", "Row"),
    Field("change", "Change"),
    Field("column", "Column"),
    Field("before", "Before"),
    Field("after", "After"),
)


def changes(old: Twin, new: Twin) -> list[dict[str, Any]]:
    """One row for each difference between two machine-readable twins.

    Rows of tables are matched by their identifying columns (and, among equal ones, by order).
    """
    found: list[dict[str, Any]] = []
    for part in dict.fromkeys([*old["parts"], *new["parts"]]):
        before, after = old["parts"].get(part), new["parts"].get(part)
        if before is None or after is None:
            found.append(_change(part, "", "part added" if before is None else "part gone"))
        elif "rows" in before and "rows" in after:
            found += _rows(part, before["rows"], after["rows"])
        elif before != after:
            found += _values(part, before, after)
    return found


def reasons(old: Twin, new: Twin) -> list[dict[str, Any]]:
    """What the figures rest on that differs: data lock, inputs by hash, settings, software."""
    rows = []
    if old["data_lock"] != new["data_lock"]:
        rows.append({"what": "data lock", "before": old["data_lock"], "after": new["data_lock"]})
    for group in ("inputs", "settings", "software"):
        before, after = (twin.get("provenance", {}).get(group, {}) for twin in (old, new))
        rows += [
            {"what": f"{group}: {name}", "before": _short(before.get(name)), "after": _short(after.get(name))}
            for name in sorted({*before, *after})
            if before.get(name) != after.get(name)
        ]
    return rows


def difference(old: Twin, new: Twin) -> Document:
    """The two reports compared, as a document of its own."""
    found, why = changes(old, new), reasons(old, new)
    blocks: list[Block] = [
        Heading("Why figures may differ", key="reasons"),
        TableBlock(
            "reasons-table",
            "What the two reports rest on",
            (Field("what", "What"), Field("before", "Before"), Field("after", "After")),
            why,
        ),
        Heading("What changed", key="changes"),
        Prose(["Nothing changed."] if not found else [f"{len(found)} difference(s)."]),
        TableBlock("changes-table", "Differences", _FIELDS, found),
    ]
    lock = dt.date.fromisoformat(new["data_lock"])
    return Document(
        new["title"], f"Changes from data lock {old['data_lock']} to {new['data_lock']}", lock, blocks, new.get("provenance", {})
    )


def _rows(part: str, old: Sequence[Row], new: Sequence[Row]) -> Iterator[dict[str, Any]]:
    before, after = _keyed(old), _keyed(new)
    for key in dict.fromkeys([*before, *after]):
        name = " ".join(str(item) for item in key if item != 0)
        if key not in before or key not in after:
            yield _change(part, name, "row added" if key not in before else "row gone")
            continue
        for column in dict.fromkeys([*before[key], *after[key]]):
            if before[key].get(column) != after[key].get(column):
                yield _change(part, name, "changed", column, before[key].get(column), after[key].get(column))


def _keyed(rows: Sequence[Row]) -> dict[tuple[Any, ...], Row]:
    keyed: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(str(row[name]) for name in _KEYS if row.get(name) is not None)
        number = sum(other[:-1] == key for other in keyed)
        keyed[(*key, number)] = row
    return keyed


def _values(part: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("facts", "paragraphs"):
        old, new = before.get(name), after.get(name)
        if old == new or old is None or new is None:
            continue
        for number in range(max(len(old), len(new))):
            one, two = (items[number] if number < len(items) else None for items in (old, new))
            if one != two:
                yield _change(part, str(number + 1), "changed", name, _words(one), _words(two))


def _words(value: Any) -> str | None:
    if isinstance(value, Mapping):
        return " ".join(str(item) for item in value.values() if item)
    return None if value is None else str(value)


def _change(part: str, row: str, what: str, column: str = "", before: Any = None, after: Any = None) -> dict[str, Any]:
    return {"part": part, "row": row, "change": what, "column": column, "before": before, "after": after}


def _short(value: Any) -> Any:
    return value[:12] if isinstance(value, str) and len(value) == 64 else value
