"""A named person's assessment: the overall grade, the axes as that person sees them, signed; all are kept.

The software suggests, the person decides. An assessment remembers a fingerprint of the evidence it rests on; when any
part of the evidence changes afterwards, the assessment is reopened visibly and says which part changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aftercar.cases.causality import Causality
from aftercar.cases.model import CaseFile, Row
from aftercar.errors import UsageError
from aftercar.vocab.tables.cases import WHO_UMC

#: What the grades of the WHO-UMC scale ask for, told for a living product that is given once.
GRADES: Mapping[str, str] = {
    "certain": "no other explanation is possible; rarely applies to a product that cannot be withdrawn and given again",
    "probable": "other causes are unlikely",
    "possible": "other causes may explain it as well",
    "unlikely": "another cause is the better explanation",
    "conditional": "more data are needed, or being examined",
    "unassessable": "the information is not sufficient or contradictory and cannot be completed",
}
SIGNATURE_MEANING = "I assessed this case and stand for the grade given."


@dataclass(frozen=True, slots=True)
class Standing:
    """How an assessment stands today.

    Attributes:
        row: the assessment.
        state: ``draft``, ``signed``, ``reopened`` (evidence changed after signing) or ``withdrawn``.
        changed: parts of the evidence that changed since.
    """

    row: Row
    state: str
    changed: tuple[str, ...]


def new_assessment(
    case: CaseFile,
    causality: Causality,
    *,
    assessment_id: str,
    assessor: str,
    assessed_on: str,
    grade: str,
    reasons: str,
    organisation: str = "",
    method: str = "WHO-UMC",
    origin: str | None = None,
    insertion_role: str | None = None,
    contributors: Iterable[str] | None = None,
) -> dict[str, Any]:
    """A row of ``assessments``, not yet signed. Axes not given are those of the suggestion that the person saw.

    Raises:
        UsageError: for a grade that is not of WHO-UMC, or without a name or reasons.
    """
    if grade not in WHO_UMC:
        raise UsageError(f"{grade!r} is not a grade", fix=f"give one of {', '.join(WHO_UMC)}")
    if not assessor.strip():
        raise UsageError("an assessment needs the name of a person", fix="give --assessor")
    if not reasons.strip():
        raise UsageError("an assessment needs reasons in the person's own words", fix="give --reasons")
    return {
        "assessment_id": assessment_id,
        "case_id": case.case_id,
        "assessor": assessor.strip(),
        "organisation": organisation or None,
        "assessed_on": assessed_on,
        "method": method,
        "grade": grade,
        "origin": origin or causality.origin.value,
        "insertion_role": insertion_role or causality.role.value,
        "contributors": ";".join(causality.present if contributors is None else contributors) or None,
        "reasons": reasons.strip(),
        "rules_version": causality.rules_version,
        "evidence": json.dumps(case.fingerprint(), sort_keys=True),
    }


def sign(row: Row, *, account: str, signed_on: str, meaning: str = SIGNATURE_MEANING) -> dict[str, Any]:
    """The row signed: moment, meaning, and a hash over its content and the signer's account.

    Raises:
        UsageError: when it is signed already, or by another person than the assessor.
    """
    if row.get("signed_on"):
        raise UsageError(f"{row['assessment_id']} is signed already", fix="withdraw it and make a new one")
    if account.strip() != str(row["assessor"]).strip():
        raise UsageError(f"{account} cannot sign for {row['assessor']}", fix="each person signs what that person assessed")
    signed = {**row, "signed_on": signed_on, "signature_meaning": meaning}
    return {**signed, "signature": _digest(signed, account)}


def signature_holds(row: Row) -> bool:
    """Whether the signed content is what was signed."""
    return bool(row.get("signature")) and row["signature"] == _digest(row, str(row["assessor"]).strip())


def standings(case: CaseFile, rows: Sequence[Row]) -> list[Standing]:
    """Every assessment of the case as it stands against today's evidence, oldest first. None is left out."""
    today = case.fingerprint()
    own = sorted(
        (row for row in rows if row["case_id"] == case.case_id),
        key=lambda row: (str(row["assessed_on"]), str(row["assessment_id"])),
    )
    found = []
    for row in own:
        before = json.loads(row["evidence"]) if row.get("evidence") else {}
        changed = tuple(name for name, value in today.items() if before.get(name) != value)
        if row.get("withdrawn_on"):
            state = "withdrawn"
        elif not row.get("signed_on"):
            state = "draft"
        else:
            state = "reopened" if changed else "signed"
        found.append(Standing(row, state, changed if state != "withdrawn" else ()))
    return found


def disagreement(found: Sequence[Standing]) -> str:
    """In words, whether the assessors agree: "" when fewer than two are signed."""
    grades = {str(item.row["assessor"]): str(item.row["grade"]) for item in found if item.state in ("signed", "reopened")}
    if len(grades) < 2:
        return ""
    if len(set(grades.values())) == 1:
        return f"{len(grades)} assessors agree: {next(iter(grades.values()))}"
    return "assessors differ: " + "; ".join(f"{name} {grade}" for name, grade in grades.items())


def _digest(row: Row, account: str) -> str:
    content = {
        key: value
        for key, value in row.items()
        if key not in ("signature", "withdrawn_on", "withdrawn_reason") and value is not None
    }
    content = {key: value for key, value in content.items() if not key.startswith("row_")}
    return hashlib.sha256(json.dumps({"account": account, **content}, sort_keys=True, default=str).encode()).hexdigest()
