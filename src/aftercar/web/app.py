"""The web app: one function that puts the pages over a registry, with strict headers and one way to say an error."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from aftercar import __version__
from aftercar.actions.permissions import local_actor
from aftercar.actions.sample_analyses import Bench
from aftercar.actions.since_change import SinceChange
from aftercar.actions.today_lists import TodayLists
from aftercar.edges.oidc import Provider
from aftercar.errors import AfterCarError
from aftercar.store import Store
from aftercar.web.access import Desk, SignInFirst
from aftercar.web.guard import Guard
from aftercar.web.openapi import ENROLMENT, document
from aftercar.web.pages import (
    accounts,
    audit,
    cases,
    dictionaries,
    imports,
    organisation,
    people,
    reports,
    samples,
    settings,
    signals,
    today,
)
from aftercar.web.rendering import page
from aftercar.web.worker import Worker

_STATUS = {2: 400, 3: 422, 4: 503, 5: 409, 6: 403, 70: 500}


@dataclass(frozen=True)
class ErrorPage:
    """What went wrong, in the words of the error: ``code``, ``what``, ``where``, ``fix``."""

    title: str
    code: str
    what: str
    where: str
    fix: str


def utc_now() -> dt.datetime:
    """The time now."""
    return dt.datetime.now(dt.UTC)


def create_app(
    store: Store,
    *,
    send: Callable[[str, str, str], None],
    bench: Bench | None = None,
    clock: Callable[[], dt.datetime] = utc_now,
    provider: Provider | None = None,
    secure: bool = False,
    works: bool = True,
) -> FastAPI:
    """The app over a registry.

    Args:
        store: the registry.
        send: sends a message (address, subject, text).
        bench: where uploaded samples are kept and analysed; by default a folder beside the database.
        clock: the time now.
        provider: of the organisation's sign-in, where there is one.
        secure: whether it is served over TLS, so that cookies are kept to it.
        works: whether analyses run in this process too.
    """
    bench = bench or Bench(beside(store))
    worker = Worker(store, bench, clock)

    @asynccontextmanager
    async def working(_app: FastAPI) -> AsyncIterator[None]:
        warm = threading.Thread(target=_warm, args=(app.state.desk,), daemon=True)
        warm.start()
        if works:
            worker.start()
        yield
        await run_in_threadpool(warm.join)
        if works:
            await run_in_threadpool(worker.stop)

    app = FastAPI(title="AfterCAR", version=__version__, docs_url=None, redoc_url=None, lifespan=working)
    app.state.desk = Desk(store, clock, send, bench, TodayLists(), SinceChange(*today.NEWS_OF), worker.wake, provider, secure)
    for module in (
        accounts,
        organisation,
        today,
        people,
        cases,
        samples,
        signals,
        reports,
        imports,
        audit,
        settings,
        dictionaries,
    ):
        app.include_router(module.router)
    app.add_middleware(Guard, largest_upload=bench.largest)
    app.add_exception_handler(SignInFirst, _sign_in_first)
    app.add_exception_handler(HTTPException, _say_status)
    app.add_exception_handler(RequestValidationError, _say_invalid)
    app.add_exception_handler(AfterCarError, _say)
    app.add_api_route("/static/app.css", _style, include_in_schema=False)
    app.openapi = lambda: document(app, forms(), uploads())  # type: ignore[method-assign]
    return app


def _warm(desk: Desk) -> None:
    """Compute today's lists before the first visitor asks for them; what fails here is said to that visitor."""
    with suppress(AfterCarError):
        desk.lists.of(desk.store, local_actor("start"), desk.today)


async def _sign_in_first(request: Request, _error: Exception) -> Response:
    if request.url.path.endswith(".json") or "authorization" in request.headers:
        return page_error(request, ErrorPage("Sign in first", "sign-in", "nobody is signed in", "", "sign in"), 401)
    return RedirectResponse("/sign-in", status_code=303)


async def _say(request: Request, error: Exception) -> Response:
    assert isinstance(error, AfterCarError)
    what = str(error) if hasattr(error, "problems") else error.what
    found = ErrorPage("This did not work", error.code, what, error.where, error.fix)
    return page_error(request, found, _STATUS.get(error.exit_status, 500))


async def _say_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {404: "there is no such address", 405: "this address does not take that"}.get(error.status_code, str(error.detail))
    return page_error(request, ErrorPage("This did not work", f"http-{error.status_code}", words, "", ""), error.status_code)


async def _say_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [f"{item['loc'][-1]}: {item['msg']}" for item in error.errors()]
    return page_error(
        request, ErrorPage("This did not work", "invalid-address", "; ".join(found), "", "correct the address"), 422
    )


def page_error(request: Request, found: ErrorPage, status: int) -> Response:
    """An error as a page, or as JSON."""
    return page(request, "error.html", found, None, status=status)


def _style() -> Response:
    text = resources.files("aftercar.web").joinpath("static/app.css").read_text(encoding="utf-8")
    return Response(text, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


def beside(store: Store) -> Path:
    """The folder for uploads beside a SQLite file; in the current folder for a server."""
    file = store.engine.url.database if store.engine.dialect.name == "sqlite" else None
    return Path(f"{file}.files") if file else Path("aftercar.files")


def uploads() -> dict[str, dict[str, str]]:
    """As :func:`forms`, for the addresses that take files."""
    return {
        "/samples/{sample_id}/analyses": samples.FIELDS,
        "/samples/{sample_id}/variants": samples.VARIANT_FIELDS,
        "/imports": imports.FIELDS,
        "/settings/dictionaries": dictionaries.FIELDS,
    }


def forms() -> dict[str, dict[str, str]]:
    """Address to the fields of its form, for the OpenAPI document."""
    person = {"name": "Name.", "email": "Address.", "organisation": "Organisation.", "organisation_type": "Kind of organisation."}
    password = {"password": "Password, at least 12 characters."}
    return {
        "/sign-in": {"email": "Address.", "password": "Password.", "code": "Code of the second factor."},
        "/sign-in/organisation/code": {"ticket": "Ticket of the page.", "code": "Code of the second factor."},
        "/sign-out": {"everywhere": "Not empty: end every session of the account."},
        "/reset": {"email": "Address."},
        "/reset/{token}": password,
        "/invitation/{token}": password,
        "/first/{token}": {**person, "country": "Two letters.", **password},
        "/users": {**person, "country": "Two letters.", "roles": "Roles, by ;.", "centres": "Centres, by ;."},
        "/account/password": {"old": "Present password.", "new": "New password."},
        "/account/code": {"secret": "Secret.", "code": "Code."},
        "/account/token": {"label": "What for."},
        "/imports/{job_id}/keep": {"on_change": "stop, update or keep.", "why": "Reason."},
        "/cases/{case_id}/codes": {"code": "Code of a current term."},
        "/signals/reviews": {"conclusion": "What the reviewer concludes."},
        "/settings": settings.FIELDS,
        "/settings/plans": {"plan": "The plan as TOML.", "why": "Reason."},
        "/settings/plans/shipped/{name}": {"do": "on, or off.", "why": "Reason."},
        "/settings/plans/own/{key}": {"do": "on, or off.", "why": "Reason."},
        "/people/new": ENROLMENT | people.DRAFT_FIELDS,
        "/cases/{case_id}/assessments": cases.FIELDS,
        "/cases/{case_id}/assessments/{assessment_id}/sign": {name: cases.FIELDS[name] for name in ("password", "code")},
        "/cases/{case_id}/assessments/{assessment_id}/withdraw": {"reason": "Why."},
        "/people/{person_id}/{table}/new": people.FIELDS,
    }
