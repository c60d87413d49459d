"""One case and everything known about it: the person, the infusions, earlier treatment, findings, samples, results.

A :class:`CaseFile` is built from plain rows of the study tables (``vocab/tables/study.py``) and, when the
tumour was sequenced, from the content of ``verdict.json``. Empty means unknown and stays ``None``; a value that
breaks its column's definition is an error, never a guess.

    >>> file = build_case_file(
    ...     {"case_id": "C1", "person_id": "P1", "diagnosis": "T-cell lymphoma", "tested": "no", "diagnosed_on": "2024-03"},
    ...     infusions=[{"infusion_id": "I1", "person_id": "P1", "product": "axi-cel", "infused_on": "2023-09-10"}],
    ... )
    >>> file.case["ebv"] is None, file.suspected_infusion["infusion_id"], file.onset_months.text()
    (True, 'I1', '5.7 to 6.7 months')
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from aftercar.errors import InputError
from aftercar.vocab.columns import Column, Table
from aftercar.vocab.dates import PartialDate, months_between
from aftercar.vocab.tables.study import ASSAY_RESULTS, CASES, FINDINGS, INFUSIONS, PEOPLE, PRIOR_THERAPY, SAMPLES

Row = Mapping[str, Any]


class BadCase(InputError):
    """A row given for a case breaks the definition of its table, or belongs to somebody else."""

    code = "bad-case"


@dataclass(frozen=True, slots=True)
class Onset:
    """Months from the suspected infusion to diagnosis: the shortest and longest that the dates allow.

    ``field`` names where it comes from. A negative ``low`` means that the diagnosis may precede the infusion.
    """

    low: float
    high: float
    field: str

    def text(self) -> str:
        """In words: one number when both limits round to the same."""
        low, high = f"{self.low:.1f}", f"{self.high:.1f}"
        return f"{low} months" if low == high else f"{low} to {high} months"


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything about one case, frozen.

    Attributes:
        case: row of ``cases``; every column present, None where unknown.
        person: row of ``people`` (every column present; only ``person_id`` is known when no row was given).
        infusions: rows of ``infusions`` of this person, in order of date (undated last).
        prior_therapy: rows of ``prior_therapy`` of this person.
        findings: rows of ``findings`` of this case.
        samples: rows of ``samples`` of this person.
        assay_results: rows of ``assay_results`` of this person.
        verdict: content of ``verdict.json`` of the tumour sample, or None.
        site_assays: integration-site assays of the tumour material (content of ``site_assay.json`` with its ``sample_id``).
    """

    case: Row
    person: Row
    infusions: tuple[Row, ...]
    prior_therapy: tuple[Row, ...]
    findings: tuple[Row, ...]
    samples: tuple[Row, ...]
    assay_results: tuple[Row, ...]
    verdict: Row | None
    site_assays: tuple[Row, ...] = ()

    @property
    def case_id(self) -> str:
        """Identifier of the case."""
        return str(self.case["case_id"])

    @property
    def suspected_infusion(self) -> Row | None:
        """The infusion named by the case, else the last one not certainly after diagnosis, else the only one."""
        named = self.case["infusion_id"]
        if named is not None:
            return next((row for row in self.infusions if row["infusion_id"] == named), None)
        diagnosed = as_date(self.case["diagnosed_on"])
        if diagnosed is None:
            return self.infusions[0] if len(self.infusions) == 1 else None
        before = [row for row in self.infusions if (day := as_date(row["infused_on"])) and not diagnosed.certainly_before(day)]
        if before:
            return before[-1]
        return self.infusions[0] if len(self.infusions) == 1 else None

    @property
    def onset_months(self) -> Onset | None:
        """Onset from the dates where both are known, else as reported, else None."""
        infusion = self.suspected_infusion
        start = as_date(infusion["infused_on"]) if infusion is not None else None
        end = as_date(self.case["diagnosed_on"])
        if start is not None and end is not None:
            return Onset(months_between(start.latest, end.earliest), months_between(start.earliest, end.latest), "diagnosed_on")
        reported = self.case["onset_months"]
        return None if reported is None else Onset(float(reported), float(reported), "onset_months")

    def fingerprint(self) -> dict[str, str]:
        """A short hash of each part (``cases``, ``people``, ``infusions``, ...): what an assessment was based on."""
        parts: dict[str, Any] = {"cases": self.case, "people": self.person, "verdict": self.verdict}
        parts |= {name: getattr(self, name) for name in ("infusions", "prior_therapy", "findings", "samples", "assay_results")}
        if self.site_assays:  # without any, what was signed before they were known still stands
            parts["site_assays"] = self.site_assays
        return {name: _hash(part) for name, part in parts.items()}


def build_case_file(
    case: Row,
    *,
    person: Row | None = None,
    infusions: Iterable[Row] = (),
    prior_therapy: Iterable[Row] = (),
    findings: Iterable[Row] = (),
    samples: Iterable[Row] = (),
    assay_results: Iterable[Row] = (),
    verdict: Row | None = None,
    site_assays: Iterable[Row] = (),
) -> CaseFile:
    """Join rows of the study tables to one case.

    Rows of other persons or other cases may be among those given and are left out. Values may be text as in the
    CSV files or already typed; empty text is unknown.

    Raises:
        BadCase: when a value breaks its column's definition, or ``case`` and ``person`` belong to different people.
    """
    whole = clean_row(case, CASES)
    person_id, case_id = whole["person_id"], whole["case_id"]
    who = clean_row(person if person is not None else {"person_id": person_id}, PEOPLE)
    if who["person_id"] != person_id:
        raise BadCase(f"case {case_id} belongs to {person_id}, the person given is {who['person_id']}", where="people.person_id")

    def of_person(rows: Iterable[Row], table: Table) -> tuple[Row, ...]:
        return tuple(clean_row(row, table) for row in rows if row.get("person_id") == person_id)

    own = of_person(infusions, INFUSIONS)
    named = whole["infusion_id"]
    if named is not None and all(row["infusion_id"] != named for row in own):
        raise BadCase(
            f"case {case_id} suspects infusion {named}, which is not among the infusions of {person_id}",
            where="cases.infusion_id",
            fix="correct the identifier or add the infusion",
        )
    return CaseFile(
        case=whole,
        person=who,
        infusions=tuple(sorted(own, key=_by_date)),
        prior_therapy=of_person(prior_therapy, PRIOR_THERAPY),
        findings=tuple(clean_row(row, FINDINGS) for row in findings if row.get("case_id") == case_id),
        samples=of_person(samples, SAMPLES),
        assay_results=of_person(assay_results, ASSAY_RESULTS),
        verdict=None if verdict is None else MappingProxyType(dict(verdict)),
        site_assays=tuple(MappingProxyType(dict(assay)) for assay in site_assays),
    )


def case_files(
    tables: Mapping[str, Sequence[Row]],
    verdicts: Mapping[str, Row] | None = None,
    site_assays: Mapping[str, Sequence[Row]] | None = None,
) -> list[CaseFile]:
    """Every case of a set of tables (name -> rows).

    ``verdicts`` maps case_id to the content of ``verdict.json``, ``site_assays`` to those of its tumour material.
    """
    by_person: dict[str, dict[str, list[Row]]] = {}
    for name in ("infusions", "prior_therapy", "samples", "assay_results"):
        for row in tables.get(name, ()):
            by_person.setdefault(row["person_id"], {}).setdefault(name, []).append(row)
    people = {row["person_id"]: row for row in tables.get("people", ())}
    findings: dict[str, list[Row]] = {}
    for row in tables.get("findings", ()):
        findings.setdefault(row["case_id"], []).append(row)
    return [
        build_case_file(
            case,
            person=people.get(case["person_id"]),
            findings=findings.get(case["case_id"], ()),
            verdict=(verdicts or {}).get(case["case_id"]),
            site_assays=(site_assays or {}).get(case["case_id"], ()),
            **by_person.get(case["person_id"], {}),
        )
        for case in tables.get("cases", ())
    ]


def clean_row(row: Row, table: Table) -> Row:
    """A row with every column of ``table`` in order and typed; None where unknown.

    Raises:
        BadCase: for an unknown column, a missing required value, or a value that breaks its column.
    """
    unknown = [name for name in row if name not in table]
    if unknown:
        raise BadCase(f"table {table.name} has no column {unknown[0]}", where=f"columns are {', '.join(table.names)}")
    name = next((str(row[key]) for key in table.key if row.get(key)), "")
    cleaned = {column.name: _clean(row.get(column.name), column, f"{table.name} {name}".strip()) for column in table.columns}
    return MappingProxyType(cleaned)


def as_date(value: object) -> PartialDate | None:
    """A date cell as a partial date; None where unknown."""
    return None if value is None else PartialDate.parse(str(value))


def items(value: object) -> tuple[str, ...]:
    """A list cell (text with ``;`` between items) as its items."""
    return tuple(part.strip() for part in str(value or "").split(";") if part.strip())


def _clean(value: Any, column: Column, where: str) -> Any:
    place = f"{where}, column {column.name}"
    if isinstance(value, (list, tuple)):
        value = ";".join(str(item) for item in value)
    if value is None or (isinstance(value, str) and not value.strip()) or (isinstance(value, float) and math.isnan(value)):
        if column.required:
            allowed = f"; one of {', '.join(column.choices)}" if column.choices else ""
            raise BadCase("a required value is missing", where=place, fix=f"{column.about.rstrip('.')}{allowed}")
        return None
    if column.kind in ("integer", "number"):
        return _clean_number(value, column, place)
    if column.kind == "boolean":
        return value if isinstance(value, bool) else str(value).strip().lower() in ("true", "yes", "1")
    text = value.isoformat() if isinstance(value, dt.date) else str(value).strip()
    if column.kind == "date":
        try:
            return str(PartialDate.parse(text))
        except ValueError as error:
            raise BadCase(str(error), where=place) from None
    if column.kind == "choice" and text not in column.choices:
        raise BadCase(f"{text!r} is not one of {', '.join(column.choices)}", where=place)
    return text


def _clean_number(value: Any, column: Column, place: str) -> float | int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadCase(f"{value!r} is not a number", where=place) from None
    if column.kind == "integer" and not number.is_integer():
        raise BadCase(f"{value!r} is not a whole number", where=place)
    if (column.low is not None and number < column.low) or (column.high is not None and number > column.high):
        raise BadCase(f"{value!r} lies outside {column.low} to {column.high}", where=place)
    return int(number) if column.kind == "integer" else number


def _by_date(row: Row) -> tuple[bool, str]:
    return row["infused_on"] is None, str(row["infused_on"])


def _hash(part: Any) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): plain(item) for key, item in sorted(value.items()) if item is not None}
        if isinstance(value, (tuple, list)):
            return [plain(item) for item in value]
        return value

    return hashlib.sha256(json.dumps(plain(part), sort_keys=True, default=str).encode()).hexdigest()[:16]
