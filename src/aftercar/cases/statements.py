"""What a judgement is made of: a value, the evidence for and against it, what is missing, what would settle it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Speaks = Literal["for", "against", "neutral"]
Basis = Literal["measured", "reported", "none"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One statement, traceable to the field it rests on.

    Attributes:
        field: ``table.column`` (or ``verdict.key``).
        row: identifier of the row.
        value: the value as text.
        says: what it says about the question, one sentence.
        speaks: for or against the value given, or neither.
    """

    field: str
    row: str
    value: str
    says: str
    speaks: Speaks = "neutral"

    def __str__(self) -> str:
        return f"{self.says} [{self.field}{' ' + self.row if self.row else ''} = {self.value}]"


@dataclass(frozen=True, slots=True)
class Missing:
    """Something not known that matters, where it would be entered, and what it would settle."""

    what: str
    settles: str
    field: str

    def __str__(self) -> str:
        return f"{self.what}: {self.settles} [{self.field}]"


@dataclass(frozen=True, slots=True)
class Axis:
    """The suggestion on one question.

    Attributes:
        value: the suggested value; the allowed ones are named by the function that makes it.
        because: the deciding reason in one sentence.
        basis: ``measured`` (numbers or reads), ``reported`` (somebody's statement without them), ``none``.
        reasons: every piece of evidence considered.
        missing: what is not known, and what would settle it.
    """

    value: str
    because: str
    basis: Basis
    reasons: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()

    @property
    def settle(self) -> tuple[str, ...]:
        """What would settle it, each once."""
        return tuple(dict.fromkeys(item.settles for item in self.missing))


def cite(table: str, row: Mapping[str, Any], column: str, says: str, speaks: Speaks = "neutral") -> Evidence:
    """Evidence from one cell of one row; the row's identifier is its table's own."""
    key = {
        "cases": "case_id",
        "people": "person_id",
        "infusions": "infusion_id",
        "prior_therapy": "therapy_id",
        "findings": "finding_id",
        "samples": "sample_id",
        "assay_results": "result_id",
    }[table]
    value = row[column]
    text = f"{value:g}" if isinstance(value, float) else "unknown" if value is None else str(value)
    return Evidence(f"{table}.{column}", str(row[key]), text, says, speaks)
