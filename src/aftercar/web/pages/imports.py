"""Imports: upload a study folder, a workbook or tables, see what would change and every problem, then keep it or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile

from aftercar.actions import uploaded_imports as act
from aftercar.edges.tables import template
from aftercar.errors import AfterCarError, InputError
from aftercar.store import web_jobs
from aftercar.vocab.tables.study import TABLES
from aftercar.web.access import Form, Here, Who, check_token
from aftercar.web.rendering import page

router = APIRouter()
#: Fields of the uploading form, for the OpenAPI document.
FIELDS = {
    "csrf": "Token of the form; programs leave it out.",
    "files": "File: a zip of a study folder, a workbook, or CSV files named as the tables are (the field once for each).",
}


@dataclass(frozen=True)
class Imports:
    """One's own imports, newest first; the tables there are; the size limit in words; what did not fit."""

    jobs: Sequence[web_jobs.Job]
    tables: Sequence[str]
    largest: str
    message: str


@dataclass(frozen=True)
class Import:
    """One import.

    Attributes:
        job: the job.
        found: what the check found; {} while it runs and for the import itself.
        may_keep: whether it can be imported now.
        choices: what can happen to records that differ.
        message: what did not fit.
        waiting: whether it waits or runs.
    """

    job: web_jobs.Job
    found: Mapping[str, Any]
    may_keep: bool
    choices: Mapping[str, str]
    message: str
    waiting: bool


@router.get("/imports")
@router.get("/imports.json")
def imports(request: Request, here: Here, who: Who) -> Response:
    """One's own imports."""
    return _list(request, here, who, "", 200)


@router.get("/imports/templates/{name}.csv")
def empty_table(name: str, who: Who) -> Response:
    """An empty table with a line that says what each column holds."""
    who.actor.check("import")
    found = next((table for table in TABLES if table.name == name), None)
    if found is None:
        raise InputError(f"there is no table {name!r}", fix=f"one of {', '.join(table.name for table in TABLES)}")
    headers = {"Content-Disposition": f'attachment; filename="{found.name}.csv"'}
    return Response(template(found), media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/imports")
async def upload(request: Request, here: Here, who: Who) -> Response:
    """Upload files (to disk as they come) and queue their check; rights are looked at before a byte is read."""
    who.actor.check("import")
    async with request.form(max_files=len(TABLES), max_fields=20) as data:
        check_token(who, str(data.get("csrf", "")))
        files = [item for item in data.getlist("files") if isinstance(item, UploadFile) and item.filename]
        named = [(item.filename or "", item.file) for item in files]
        try:
            job_id = await run_in_threadpool(act.submit, here.store, who.actor, here.bench, named, here.clock())
        except InputError as error:
            return await run_in_threadpool(_list, request, here, who, str(error), 422)
    here.wake()
    return RedirectResponse(f"/imports/{job_id}", status_code=303)


@router.get("/imports/{job_id}")
@router.get("/imports/{job_id}.json")
def one(request: Request, job_id: str, here: Here, who: Who) -> Response:
    """One import: how far it is, what it would change, what is wrong."""
    return _one(request, job_id, here, who, "", 200)


@router.post("/imports/{job_id}/keep")
def keep(request: Request, job_id: str, here: Here, who: Who, fields: Form) -> Response:
    """Import what was checked."""
    try:
        new = act.keep(
            here.store, who.actor, here.bench, job_id, fields.get("on_change", ""), fields.get("why", ""), here.clock()
        )
    except AfterCarError as error:
        act.import_job(here.store, who.actor, job_id)
        return _one(request, job_id, here, who, str(error), 422)
    here.wake()
    return RedirectResponse(f"/imports/{new}", status_code=303)


@router.post("/imports/{job_id}/discard")
def discard(job_id: str, here: Here, who: Who, fields: Form) -> Response:
    """Stop an import that runs and remove its files."""
    web_jobs.cancel(here.store, act.import_job(here.store, who.actor, job_id).job_id, here.clock())
    act.discard(here.store, who.actor, here.bench, job_id)
    return RedirectResponse("/imports", status_code=303)


def _list(request: Request, here: Here, who: Who, message: str, status: int) -> Response:
    names = [table.name for table in TABLES]
    context = Imports(act.imports_of(here.store, who.actor), names, f"{here.bench.largest / 1e9:g} GB", message)
    return page(request, "imports.html", context, who, status=status)


def _one(request: Request, job_id: str, here: Here, who: Who, message: str, status: int) -> Response:
    job = act.import_job(here.store, who.actor, job_id)
    found = act.preview_of(here.bench, job_id)
    waiting = job.state not in web_jobs.ENDED
    context = Import(job, found, act.may_keep(here.bench, job), act.CHOICES, message, waiting)
    return page(request, "import.html", context, who, status=status)
