"""Cases: the list, and one case with its three axes, what is missing and the evidence behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from aftercar.actions.registry_people import reach
from aftercar.cases.causality import WORDS, Causality, suggest
from aftercar.cases.completeness import completeness
from aftercar.cases.model import CaseFile, build_case_file
from aftercar.errors import InputError
from aftercar.store import Entry
from aftercar.web.access import Here, Plain, Who
from aftercar.web.rendering import page

router = APIRouter()
_ABOUT_PERSON = ("infusions", "prior_therapy", "samples", "assay_results")


@dataclass(frozen=True)
class Cases:
    """Every case within reach."""

    cases: Sequence[Plain]


@dataclass(frozen=True)
class Case:
    """One case: the file, the suggestion on three axes, how complete it is, and what happened to its record."""

    file: CaseFile
    causality: Causality
    words: dict[str, str]
    score: float
    history: Sequence[Entry]


@router.get("/cases")
@router.get("/cases.json")
def cases(request: Request, here: Here, who: Who) -> Response:
    """Every case within reach."""
    return page(request, "cases.html", Cases(rows_within_reach(here, who)), who)


@router.get("/cases/{case_id}")
@router.get("/cases/{case_id}.json")
def case(request: Request, case_id: str, here: Here, who: Who) -> Response:
    """One case with its axes."""
    record = here.store.get("cases", case_id)
    if record is None:
        raise InputError(f"there is no case {case_id!r} within your reach", fix="check the identifier")
    person = reach(here.store, who.actor, record["person_id"], "read")
    rows = {name: [r.row for r in here.store.list(name, {"person_id": record["person_id"]})] for name in _ABOUT_PERSON}
    findings = [r.row for r in here.store.list("findings", {"case_id": case_id})]
    file = build_case_file(
        record.row,
        person=person.row,
        infusions=rows["infusions"],
        prior_therapy=rows["prior_therapy"],
        findings=findings,
        samples=rows["samples"],
        assay_results=rows["assay_results"],
    )
    context = Case(file, suggest(file), WORDS, completeness(file).score, here.store.history("cases", case_id))
    return page(request, "case.html", context, who)


def rows_within_reach(here: Here, who: Who) -> list[dict[str, Any]]:
    """Rows of cases whose person is at a centre within reach."""
    who.actor.check("read")
    rows = [dict(record.row) for record in here.store.list("cases")]
    if who.actor.centres is None:
        return rows
    people = (
        here.store.list("people", {"centre": who.actor.centres, "person_id": {row["person_id"] for row in rows}}) if rows else []
    )
    mine = {record.key for record in people}
    return [row for row in rows if row["person_id"] in mine]
