"""Cases: the list, and one case with its three axes, the evidence behind it, and the assessments people signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from aftercar.actions import accounts
from aftercar.actions.case_desk import Desk, desk_of_store
from aftercar.actions.case_record import assess_case, withdraw_assessment
from aftercar.actions.case_show import show_case
from aftercar.actions.case_sign import sign_draft
from aftercar.actions.registry_people import reach
from aftercar.cases.assessment import GRADES, SIGNATURE_MEANING, signature_holds
from aftercar.cases.causality import WORDS, Causality
from aftercar.cases.model import CaseFile
from aftercar.errors import InputError
from aftercar.store import Entry
from aftercar.store.people import find_cases
from aftercar.vocab.tables.cases import ASSESSMENTS
from aftercar.web.access import Form, Here, Plain, Who
from aftercar.web.rendering import page

router = APIRouter()
_CHOICES = {name: ASSESSMENTS[name].choices for name in ("origin", "insertion_role")}
#: Fields of the assessment form, for the OpenAPI document.
FIELDS = {
    **{name: ASSESSMENTS[name].about for name in ("grade", "origin", "insertion_role", "reasons")},
    "do": "sign, or draft.",
    "password": "Password, again, to sign.",
    "code": "Code of the second factor, to sign.",
}


@dataclass(frozen=True)
class Cases:
    """Every case within reach."""

    cases: Sequence[Plain]


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        file, causality, words: the records, the suggestion on three axes, and its terms in words.
        score: share of the needed fields that are there.
        history: what happened to its record.
        questions: what makes it not (yet) valid or countable, to be asked for.
        deadlines: reporting days.
        tests: the checklist, test by test.
        assessments: every assessment, oldest first: ``row``, ``state``, ``changed``, ``holds`` (the signature fits the content).
        disagreement: in words, whether the assessors agree.
        samples: its specimens.
        may_assess, may_sign, account: what the visitor may do here, and who they are.
        grades, choices, meaning: what the form offers, and what a signature means.
        values, problems: what was typed, and what does not fit, by field.
    """

    file: CaseFile
    causality: Causality
    words: dict[str, str]
    score: float
    history: Sequence[Entry]
    questions: Sequence[Any]
    deadlines: Sequence[Any]
    tests: Sequence[Any]
    assessments: Sequence[Plain]
    disagreement: str
    samples: Sequence[Any]
    may_assess: bool
    may_sign: bool
    account: str
    grades: Mapping[str, str]
    choices: Mapping[str, Sequence[str]]
    meaning: str
    values: Mapping[str, str]
    problems: Mapping[str, str]


@router.get("/cases")
@router.get("/cases.json")
def cases(request: Request, here: Here, who: Who) -> Response:
    """Every case within reach."""
    who.actor.check("read")
    return page(request, "cases.html", Cases(find_cases(here.store, who.actor.centres)), who)


@router.get("/cases/{case_id}")
@router.get("/cases/{case_id}.json")
def case(request: Request, case_id: str, here: Here, who: Who) -> Response:
    """One case with its axes and assessments."""
    return _case_page(request, case_id, here, who, {}, {}, 200)


@router.post("/cases/{case_id}/assessments")
def assess(request: Request, case_id: str, here: Here, who: Who, fields: Form) -> Response:
    """Assess a case: as a draft, or signed with password (and code) again."""
    signs = fields.get("do") == "sign"
    desk = case_desk(case_id, here, who)
    desk.writer("assess", case_id)
    if signs:
        who.actor.check("sign")
    problems = _problems(fields)
    if problems:
        return _case_page(request, case_id, here, who, fields, problems, 422)
    if signs and (refused := _not_confirmed(here, who, fields)):
        return _case_page(request, case_id, here, who, fields, {"password": refused}, 403)
    record = here.store.get("accounts", who.actor.name)
    assess_case(
        desk,
        case_id,
        grade=fields["grade"],
        reasons=fields["reasons"],
        on=here.today,
        organisation=record["organisation"] if record is not None else "",
        origin=fields.get("origin") or None,
        insertion_role=fields.get("insertion_role") or None,
        signed_at=here.clock() if signs else None,
    )
    return RedirectResponse(f"/cases/{case_id}#assessments", status_code=303)


@router.post("/cases/{case_id}/assessments/{assessment_id}/sign")
def sign(request: Request, case_id: str, assessment_id: str, here: Here, who: Who, fields: Form) -> Response:
    """Sign one's own draft with password (and code) again."""
    desk = case_desk(case_id, here, who)
    desk.writer("assess", case_id)
    who.actor.check("sign")
    if refused := _not_confirmed(here, who, fields):
        return _case_page(request, case_id, here, who, {}, {"password": refused}, 403)
    sign_draft(desk, case_id, assessment_id, signed_at=here.clock())
    return RedirectResponse(f"/cases/{case_id}#assessments", status_code=303)


@router.post("/cases/{case_id}/assessments/{assessment_id}/withdraw")
def withdraw(case_id: str, assessment_id: str, here: Here, who: Who, fields: Form) -> Response:
    """Withdraw one's own assessment; it stays readable."""
    desk = case_desk(case_id, here, who)
    desk.writer("assess", case_id)
    withdraw_assessment(desk, assessment_id, on=here.today, reason=fields.get("reason", ""))
    return RedirectResponse(f"/cases/{case_id}#assessments", status_code=303)


def case_desk(case_id: str, here: Here, who: Who) -> Desk:
    """The desk, when the case is within the visitor's reach.

    Raises:
        InputError: with the same words whether it does not exist or is out of reach.
    """
    record = here.store.get("cases", case_id)
    if record is None:
        who.actor.check("read")
        raise InputError(f"there is no case {case_id!r} within your reach", fix="check the identifier")
    reach(here.store, who.actor, record["person_id"], "read")
    return desk_of_store(here.store, who.actor)


def _case_page(
    request: Request, case_id: str, here: Here, who: Who, values: Mapping[str, str], problems: Mapping[str, str], status: int
) -> Response:
    view = show_case(case_desk(case_id, here, who), case_id, here.today)
    kept = {name: text for name, text in values.items() if name not in ("password", "code")}
    context = Case(
        file=view.file,
        causality=view.causality,
        words=WORDS,
        score=view.completeness.score,
        history=here.store.history("cases", case_id),
        questions=view.validity.questions,
        deadlines=view.deadlines,
        tests=view.checklist.tests,
        assessments=[
            {"row": item.row, "state": item.state, "changed": item.changed, "holds": signature_holds(_bare(item.row))}
            for item in view.assessments
        ],
        disagreement=view.disagreement,
        samples=[record.row for record in here.store.list("samples", {"case_id": case_id})],
        may_assess=who.actor.may("assess"),
        may_sign=who.actor.may("sign") and who.actor.may("assess"),
        account=who.actor.name,
        grades=GRADES,
        choices=_CHOICES,
        meaning=SIGNATURE_MEANING,
        values=kept,
        problems=problems,
    )
    return page(request, "case.html", context, who, status=status)


def _bare(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("row_")}


def _problems(fields: Mapping[str, str]) -> dict[str, str]:
    """What does not fit, by field, in the words that stand at the field."""
    found = {}
    if fields.get("grade") not in GRADES:
        found["grade"] = "choose a grade"
    if not fields.get("reasons", "").strip():
        found["reasons"] = "give your reasons in your own words"
    for name, choices in _CHOICES.items():
        if fields.get(name) and fields[name] not in choices:
            found[name] = f"{fields[name]!r} is not one of the choices"
    if fields.get("do") not in ("sign", "draft"):
        found["do"] = "sign it, or keep it as a draft"
    return found


def _not_confirmed(here: Here, who: Who, fields: Mapping[str, str]) -> str:
    """Why password and code do not confirm who signs; "" when they do."""
    try:
        accounts.confirm(here.store, who.actor.name, fields.get("password", ""), fields.get("code", ""), here.clock())
    except accounts.SignInRefused as error:
        return error.what
    return ""
