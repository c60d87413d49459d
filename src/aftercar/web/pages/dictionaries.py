"""Dictionaries: which versions are in use, and the MedDRA of the site's licence; coding a case with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile

from aftercar.actions import kept_meddra as act
from aftercar.actions.case_record import code_event
from aftercar.actions.registry_due import plans_in_force
from aftercar.edges.meddra import Term
from aftercar.edges.variants import read_rules
from aftercar.errors import AfterCarError, InputError
from aftercar.reports.dictionaries import dictionaries as in_use
from aftercar.store import Record
from aftercar.web.access import Form, Here, Who, check_token
from aftercar.web.pages.cases import case_desk
from aftercar.web.rendering import page

router = APIRouter()
#: Fields of the uploading form, for the OpenAPI document.
FIELDS = {"csrf": "Token of the form; programs leave it out.", "meddra": "File: a zip of the *.asc files of your MedDRA."}


@dataclass(frozen=True)
class Dictionaries:
    """Versions in use by name; kept MedDRA versions, newest first; whether the visitor may load one; what did not fit."""

    in_use: Mapping[str, str]
    versions: Sequence[str]
    may_change: bool
    message: str


@dataclass(frozen=True)
class Codes:
    """Coding one case: its codes so far, what was searched, the terms found, the MedDRA version ("" without one)."""

    case_id: str
    diagnosis: str
    codes: Sequence[Record]
    search: str
    terms: Sequence[Term]
    version: str
    may_assess: bool


@router.get("/settings/dictionaries")
@router.get("/settings/dictionaries.json")
def dictionaries(request: Request, here: Here, who: Who) -> Response:
    """Which versions of which dictionaries are in use."""
    return _page(request, here, who, "", 200)


@router.post("/settings/dictionaries")
async def load(request: Request, here: Here, who: Who) -> Response:
    """Load the MedDRA of the site's licence."""
    who.actor.check_everywhere("configure")
    async with request.form(max_files=1, max_fields=5) as data:
        check_token(who, str(data.get("csrf", "")))
        given = data.get("meddra")
        try:
            if not isinstance(given, UploadFile) or not given.filename:
                raise InputError("there is no archive", where="meddra", fix="choose the zip of your MedDRA")
            await run_in_threadpool(act.keep_meddra, here.store, who.actor, here.bench, given.file, here.clock())
        except AfterCarError as error:
            return await run_in_threadpool(_page, request, here, who, str(error), 422)
    return RedirectResponse("/settings/dictionaries", status_code=303)


@router.get("/cases/{case_id}/codes")
def codes(request: Request, case_id: str, here: Here, who: Who, search: str = Query("", max_length=200)) -> Response:
    """Look a term up for a case."""
    desk = case_desk(case_id, here, who)
    meddra = act.meddra_in_force(here.bench)
    diagnosis = str(desk.file(case_id).case["diagnosis"] or "")
    terms = meddra.find(search or diagnosis) if meddra is not None else ()
    known = here.store.list("event_codes", {"case_id": case_id})
    version = meddra.version if meddra is not None else ""
    context = Codes(case_id, diagnosis, known, search or diagnosis, terms, version, who.actor.may("assess"))
    return page(request, "codes.html", context, who)


@router.post("/cases/{case_id}/codes")
def give_code(case_id: str, here: Here, who: Who, fields: Form) -> Response:
    """Give a case a code of the MedDRA in force; its version is kept."""
    desk = case_desk(case_id, here, who)
    desk.writer("assess", case_id)
    meddra = act.meddra_in_force(here.bench)
    if meddra is None:
        raise InputError("no MedDRA is loaded", fix="an administrator loads it under Settings, Dictionaries")
    code_event(desk, case_id, meddra, fields.get("code", ""))
    return RedirectResponse(f"/cases/{case_id}/codes", status_code=303)


def _page(request: Request, here: Here, who: Who, message: str, status: int) -> Response:
    who.actor.check("read")
    versions = act.meddra_versions(here.bench)
    found = {**in_use(plans_in_force(here.store), read_rules(None).label), "MedDRA": versions[0] if versions else "not loaded"}
    may = who.actor.may("configure") and who.actor.centres is None
    return page(request, "dictionaries.html", Dictionaries(found, versions, may, message), who, status=status)
