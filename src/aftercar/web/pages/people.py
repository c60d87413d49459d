"""People: list with search and filters kept in the address, one person, and the forms that record a contact or a value."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from aftercar.actions import drafts
from aftercar.actions.permissions import TABLE_RIGHTS, Right
from aftercar.actions.person_clones import insertions
from aftercar.actions.registry_due import person_schedule, plans_in_force
from aftercar.actions.registry_people import enrol, reach, save_record
from aftercar.errors import AfterCarError, InputError, InvalidTables
from aftercar.store import Record, web_drafts
from aftercar.store.people import PersonLine, find_people
from aftercar.vocab.columns import Column, Table
from aftercar.vocab.tables.study import ASSAY_RESULTS, CASES, FOLLOW_UP, INFUSIONS, PEOPLE, SAMPLE_FILES, SAMPLES
from aftercar.web.access import Form, Here, Plain, Who
from aftercar.web.openapi import columns_of
from aftercar.web.pages.person_pictures import pictures
from aftercar.web.rendering import page

router = APIRouter()
PAGE = 50
_TABLES = ("infusions", "prior_therapy", "follow_up", "assay_results", "samples", "cases")


@dataclass(frozen=True)
class _Form:
    """A form about a person: the table, the column that we number (with a letter), the words above it, columns left out."""

    table: Table
    key: str
    letter: str
    words: str
    hidden: tuple[str, ...] = ()


_FORMS = {
    "follow_up": _Form(FOLLOW_UP, "contact_id", "F", "Record a contact"),
    "assay_results": _Form(ASSAY_RESULTS, "result_id", "Q", "Record a laboratory value", ("sample_id",)),
    "cases": _Form(CASES, "case_id", "K", "Open a case"),
    "samples": _Form(SAMPLES, "sample_id", "S", "Record a specimen", SAMPLE_FILES),
}

#: Fields that every entry form has beside its columns.
DRAFT_FIELDS = {
    "do": "draft: keep what was typed, unfinished and unchecked; else save it.",
    "draft": "One's draft it goes on from.",
}
#: Fields of the forms about a person, for the OpenAPI document.
FIELDS = columns_of(*(form.table for form in _FORMS.values())) | DRAFT_FIELDS


@dataclass(frozen=True)
class People:
    """A page of people; the filters stand in the address, so that a list can be bookmarked.

    Attributes:
        people, in_all: the page, and how many fit in all.
        search: beginning of the pseudonym.
        centre, vital_status: exact values, "" for any.
        number, pages: which page, of how many.
    """

    people: Sequence[PersonLine]
    in_all: int
    search: str
    centre: str
    vital_status: str
    number: int
    pages: int


@dataclass(frozen=True)
class Person:
    """One person.

    Attributes:
        record, state, tasks: the record, where the person stands, and what is asked.
        tables: the rows of every table about them, newest first.
        insertions: each insertion in each tested sample.
        pictures: events in time, persistence, insertions over time; those there are rows for.
        may_edit, may_test, may_assess: what the visitor may enter.
    """

    record: Record
    state: str
    tasks: Sequence[Plain]
    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    insertions: Sequence[Plain]
    pictures: Sequence[Plain]
    may_edit: bool
    may_test: bool
    may_assess: bool


@dataclass(frozen=True)
class Entry:
    """A form for a row of a table: its columns, what was typed, what does not fit by column, the draft it goes on from."""

    title: str
    action: str
    columns: Sequence[Column]
    values: Mapping[str, str]
    problems: Mapping[str, str]
    back: str
    draft: str


@router.get("/people")
@router.get("/people.json")
def people(
    request: Request,
    here: Here,
    who: Who,
    search: str = Query("", max_length=64),
    centre: str = Query("", max_length=64),
    vital_status: str = Query("", max_length=10),
    number: int = Query(1, ge=1, le=1_000_000),
) -> Response:
    """People within reach."""
    who.actor.check("read")
    found, in_all = find_people(
        here.store, who.actor.centres, search, centre, vital_status, limit=PAGE, offset=(number - 1) * PAGE
    )
    pages = max(1, -(-in_all // PAGE))
    return page(request, "people.html", People(found, in_all, search, centre, vital_status, number, pages), who)


@router.get("/people/new")
def new_form(request: Request, here: Here, who: Who, draft: str = Query("", max_length=32)) -> Response:
    """The form that enrols a person with the first infusion."""
    who.actor.check("edit")
    values = _begun(here, who, draft, drafts.ENROL, "")
    return page(request, "entry.html", _enrolment(values, {}), who)


@router.post("/people/new")
def new(request: Request, here: Here, who: Who, fields: Form) -> Response:
    """Enrol a person with the first infusion, or keep what was typed so far."""
    if fields.get("do") == "draft":
        return _kept(here, who, drafts.ENROL, "", fields)
    person = {c.name: fields.get(c.name, "") for c in PEOPLE.columns if c.name in fields}
    infusion = {c.name: fields.get(c.name, "") for c in INFUSIONS.columns if c.name in fields and c.name != "note"}
    infusion["infusion_id"] = f"{person.get('person_id', '')[:50]}-I1"
    try:
        record = enrol(here.store, who.actor, person, [infusion])
    except InvalidTables as error:
        return page(request, "entry.html", _enrolment(fields, _by_column(error)), who, status=422)
    web_drafts.drop_draft(here.store, who.actor.name, fields.get("draft", ""))
    return RedirectResponse(f"/people/{record.key}", status_code=303)


@router.get("/people/{person_id}")
@router.get("/people/{person_id}.json")
def person(request: Request, person_id: str, here: Here, who: Who) -> Response:
    """One person."""
    record = reach(here.store, who.actor, person_id, "read")
    plans = plans_in_force(here.store)
    _, state, tasks = person_schedule(here.store, who.actor, person_id, here.today, plans)
    rows = {name: [r.row for r in here.store.list(name, {"person_id": person_id})] for name in _TABLES}
    newest = {name: sorted(found, key=_latest, reverse=True) for name, found in rows.items()}
    shown = [
        {"due": task.due, "state": task.state, "plan": task.plan, "task": task.rule.id, "done_on": task.done_on}
        for task in reversed(tasks)
    ]
    rights: tuple[Right, ...] = ("edit", "test", "assess")
    may = [who.actor.may(right) for right in rights]
    found = insertions(here.store, who.actor, person_id)
    drawn = (
        [] if request.url.path.endswith(".json") else pictures(record.row, rows, found, 100 * plans.settings.persistence_fraction)
    )
    context = Person(record, state, shown, newest, found, drawn, *may)
    return page(request, "person.html", context, who)


@router.get("/people/{person_id}/{table}/new")
def entry_form(
    request: Request, person_id: str, table: str, here: Here, who: Who, draft: str = Query("", max_length=32)
) -> Response:
    """The form for a contact, a laboratory value, a case or a specimen."""
    reach(here.store, who.actor, person_id, TABLE_RIGHTS.get(table, "edit"))
    values = _begun(here, who, draft, table, person_id)
    return page(request, "entry.html", _entry(person_id, table, values, {}), who)


@router.post("/people/{person_id}/{table}/new")
def entry(request: Request, person_id: str, table: str, here: Here, who: Who, fields: Form) -> Response:
    """Record a contact, a laboratory value, a case or a specimen, or keep what was typed so far."""
    form = _entry(person_id, table, fields, {})
    if fields.get("do") == "draft":
        return _kept(here, who, table, person_id, fields)
    kind = _FORMS[table]
    row: dict[str, Any] = {c.name: fields.get(c.name, "") for c in form.columns}
    row |= {"person_id": person_id, kind.key: f"{person_id[:40]}-{kind.letter}{secrets.token_hex(4)}"}
    try:
        save_record(here.store, who.actor, table, row, why="entered in the web app")
    except InvalidTables as error:
        return page(request, "entry.html", _entry(person_id, table, fields, _by_column(error)), who, status=422)
    web_drafts.drop_draft(here.store, who.actor.name, fields.get("draft", ""))
    return RedirectResponse(form.back, status_code=303)


@router.post("/drafts/{draft_id}/discard")
def discard(draft_id: str, here: Here, who: Who, fields: Form) -> Response:
    """Forget one's own draft."""
    web_drafts.drop_draft(here.store, who.actor.name, draft_id)
    return RedirectResponse("/", status_code=303)


def _begun(here: Here, who: Who, draft_id: str, form: str, person_id: str) -> Mapping[str, str]:
    """What was typed in a draft of this form; nothing without one."""
    if not draft_id:
        return {}
    found = drafts.one(here.store, who.actor, draft_id)
    if (found.form, found.person_id) != (form, person_id):
        raise InputError("this draft is of another form")
    return {**found.fields, "draft": draft_id}


def _kept(here: Here, who: Who, form: str, person_id: str, fields: Mapping[str, str]) -> Response:
    typed = {name: text for name, text in fields.items() if name not in DRAFT_FIELDS}
    draft_id = drafts.keep(here.store, who.actor, form, person_id, typed, here.clock(), fields.get("draft", ""))
    return RedirectResponse(f"{address_of(form, person_id)}?draft={draft_id}", status_code=303)


def address_of(form: str, person_id: str) -> str:
    """Where a form stands."""
    return "/people/new" if form == drafts.ENROL else f"/people/{person_id}/{form}/new"


def title_of(form: str, person_id: str) -> str:
    """What a form is for, in words."""
    return "Enrol a person" if form == drafts.ENROL else f"{_FORMS[form].words} of {person_id}"


def _entry(person_id: str, table: str, values: Mapping[str, str], problems: Mapping[str, str]) -> Entry:
    if table not in _FORMS:
        raise InputError(f"there is no form for {table!r}", fix=f"one of {', '.join(_FORMS)}")
    form = _FORMS[table]
    columns = [c for c in form.table.columns if c.name not in (form.key, "person_id", *form.hidden)]
    action, back = address_of(table, person_id), f"/people/{person_id}"
    return Entry(title_of(table, person_id), action, columns, values, problems, back, values.get("draft", ""))


def _enrolment(values: Mapping[str, str], problems: Mapping[str, str]) -> Entry:
    hidden = ("infusion_id", "possible_same_as", "death_date", "death_cause", "source", "age_at_infusion", "trial", "response")
    wanted = [*PEOPLE.columns, *(c for c in INFUSIONS.columns if c.name not in ("person_id", "note"))]
    return Entry(
        title_of(drafts.ENROL, ""),
        "/people/new",
        [c for c in wanted if c.name not in hidden],
        values,
        problems,
        "/people",
        values.get("draft", ""),
    )


def _by_column(error: AfterCarError) -> dict[str, str]:
    assert isinstance(error, InvalidTables)
    return {problem.column: f"{problem.value!r} {problem.rule}" if problem.value else problem.rule for problem in error}


def _latest(row: Mapping[str, Any]) -> str:
    return str(
        next(
            (row[name] for name in ("contact_on", "measured_on", "infused_on", "diagnosed_on", "collected_on") if row.get(name)),
            "",
        )
    )
