"""What changed between two reports: new cases, re-classified cases with their evidence, every changed figure, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aftercar.reports.blocks import Block, Document, Field, Heading, Prose, TableBlock
from aftercar.reports.rests_on import reason
from aftercar.reports.wording import counted

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
    Field("part", "Part", about="Table, figure or text of the report."),
    Field("row", "Row", about="Which row of it."),
    Field("change", "Change", about="Added, gone or changed."),
    Field("column", "Column", about="Which column of the row."),
    Field("before", "Before", about="Value in the earlier report."),
    Field("after", "After", about="Value in the later report."),
    Field("reason", "May rest on", about="Changed inputs, settings or versions that the part is made from."),
)
_NEW = (
    Field("case_id", "Case", about="Identifier of the case."),
    Field("change", "Change", about="New in the later report, or gone from it."),
    Field("diagnosis", "Diagnosis", about="Diagnosis as reported."),
    Field("product", "Product", about="Suspected product."),
)
_RECLASSIFIED = (
    Field("case_id", "Case", about="Identifier of the case."),
    Field("what", "What", about="Which judgement changed."),
    Field("before", "Before", about="In the earlier report."),
    Field("after", "After", about="In the later report."),
    Field("because", "Because", about="Evidence of the case that came (+) or went (-)."),
)
_WHY = (
    Field("what", "What", about="Data lock, input, setting, dictionary or version."),
    Field("before", "Before", about="In the earlier report; hashes are cut short."),
    Field("after", "After", about="In the later report."),
)
#: Parts with one row for each case, and the columns of each that classify it.
_CASES = {
    "causality-table": {"origin": "cell of origin", "role": "role of the insertion", "present": "other contributors"},
    "line-listing": {
        "cell_of_origin": "cell of origin",
        "role_of_insertion": "role of the insertion",
        "other_contributors": "other contributors",
        "transgene": "transgene",
        "serious": "seriousness",
        "outcome": "outcome",
    },
}


def changes(old: Twin, new: Twin) -> list[dict[str, Any]]:
    """One row for each difference between two machine-readable twins.

    Rows of tables are matched by their identifying columns (and, among equal ones, by order).
    """
    found: list[dict[str, Any]] = []
    why = reasons(old, new)
    for part in dict.fromkeys([*old["parts"], *new["parts"]]):
        at = len(found)
        before, after = old["parts"].get(part), new["parts"].get(part)
        if before is None or after is None:
            found.append(_change(part, "", "part added" if before is None else "part gone"))
        elif "rows" in before and "rows" in after:
            found += _rows(part, before["rows"], after["rows"])
        elif before != after:
            found += _values(part, before, after)
        for row in found[at:]:
            row["reason"] = reason(part, why)
    return found


def new_cases(old: Twin, new: Twin) -> list[dict[str, Any]]:
    """Cases that one of the two reports has and the other has not."""
    before, after = _cases(old), _cases(new)
    rows = [{"change": "new", **after[case]} for case in after if case not in before]
    rows += [{"change": "gone", **before[case]} for case in before if case not in after]
    return [
        {
            "case_id": row["case_id"],
            "change": row["change"],
            "diagnosis": row.get("diagnosis", row.get("event")),
            "product": row.get("product"),
        }
        for row in rows
    ]


def reclassified(old: Twin, new: Twin) -> list[dict[str, Any]]:
    """Cases in both reports whose classification changed, with the evidence that came or went."""
    before, after = _cases(old), _cases(new)
    found = []
    for case in before.keys() & after.keys():
        for columns in _CASES.values():
            for column, what in columns.items():
                one, two = before[case].get(column), after[case].get(column)
                if column in before[case] and column in after[case] and one != two:
                    found.append(
                        {"case_id": case, "what": what, "before": one, "after": two, "because": _because(old, new, case)}
                    )
    return sorted(found, key=lambda row: (row["case_id"], row["what"]))


def _cases(twin: Twin) -> dict[str, Row]:
    return {str(row["case_id"]): row for part in _CASES if part in twin["parts"] for row in twin["parts"][part].get("rows", ())}


def _because(old: Twin, new: Twin, case: str) -> list[str]:
    """The case's evidence that came and went, as sentences; says so where the reports list none."""
    before, after = (_evidence(twin, case) for twin in (old, new))
    if before is None or after is None:
        return ["the reports list no evidence of single cases"]
    came = [f"+ {words}" for words in after if words not in before]
    return [*came, *(f"- {words}" for words in before if words not in after)] or ["the same evidence is weighed otherwise"]


def _evidence(twin: Twin, case: str) -> list[str] | None:
    part = twin["parts"].get(f"evidence-{case}")
    return None if part is None else [f"{row['axis']}: {row['says']} ({row['value']})" for row in part["rows"]]


def reasons(old: Twin, new: Twin) -> list[dict[str, Any]]:
    """What the figures rest on that differs: data lock, inputs by hash, settings, software."""
    rows = []
    if old["data_lock"] != new["data_lock"]:
        rows.append({"what": "data lock", "before": old["data_lock"], "after": new["data_lock"]})
    for group in ("inputs", "settings", "dictionaries", "software", "report"):
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
    cases, judged = new_cases(old, new), reclassified(old, new)
    blocks: list[Block] = [
        Heading("In short", key="short"),
        Prose([_short_words(found, cases, judged)], key="short-words"),
        Heading("New cases", key="new-cases"),
        TableBlock("new-cases-table", "Cases that came or went", _NEW, cases),
        Heading("Re-classified cases", key="reclassified"),
        TableBlock("reclassified-table", "Cases that are judged otherwise", _RECLASSIFIED, judged),
        Heading("Why figures may differ", key="reasons"),
        TableBlock("reasons-table", "What the two reports rest on", _WHY, why),
        Heading("Every difference", key="changes"),
        TableBlock("changes-table", "Differences", _FIELDS, found),
    ]
    lock = dt.date.fromisoformat(new["data_lock"])
    return Document(
        new["title"], f"Changes from data lock {old['data_lock']} to {new['data_lock']}", lock, blocks, new.get("provenance", {})
    )


def _short_words(found: Sequence[Row], cases: Sequence[Row], judged: Sequence[Row]) -> str:
    new = sum(row["change"] == "new" for row in cases)
    return (
        f"{counted(new, 'new case')}, {len(cases) - new} gone, {counted(len({row['case_id'] for row in judged}), 'case')} "
        f"re-classified, {counted(len(found), 'difference')} in all."
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
