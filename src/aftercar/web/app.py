"""The web app: one function that puts the pages over a registry, with strict headers and one way to say an error."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import resources

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from aftercar import __version__
from aftercar.errors import AfterCarError
from aftercar.store import Store
from aftercar.web.access import Desk, SignInFirst
from aftercar.web.pages import accounts, audit, cases, people, reports, signals, today
from aftercar.web.rendering import page

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATUS = {2: 400, 3: 422, 4: 503, 5: 409, 6: 403, 70: 500}
_LARGEST_FORM = 1_000_000


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
    store: Store, *, send: Callable[[str, str, str], None], clock: Callable[[], dt.datetime] = utc_now, secure: bool = False
) -> FastAPI:
    """The app over a registry.

    Args:
        store: the registry.
        send: sends a message (address, subject, text).
        clock: the time now.
        secure: whether it is served over TLS, so that cookies are kept to it.
    """
    app = FastAPI(title="AfterCAR", version=__version__, docs_url=None, redoc_url=None)
    app.state.desk = Desk(store, clock, send, secure)
    for module in (accounts, today, people, cases, signals, reports, audit):
        app.include_router(module.router)
    app.middleware("http")(_guard)
    app.add_exception_handler(SignInFirst, _sign_in_first)
    app.add_exception_handler(AfterCarError, _say)
    app.add_api_route("/static/app.css", _style, include_in_schema=False)
    return app


async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse foreign posts and oversized forms before anything reads them; put the headers on every answer."""
    origin = request.headers.get("origin")
    foreign = origin is not None and origin.split("://")[-1] != request.headers.get("host")
    try:
        length = int(request.headers.get("content-length", "0"))
    except ValueError:
        length = _LARGEST_FORM + 1
    if request.method not in ("GET", "HEAD") and foreign:
        response: Response = Response("a form of another site is refused", status_code=403, media_type="text/plain")
    elif length > _LARGEST_FORM:
        response = Response("the form is larger than 1 MB", status_code=413, media_type="text/plain")
    else:
        response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _sign_in_first(request: Request, _error: Exception) -> Response:
    if request.url.path.endswith(".json") or "authorization" in request.headers:
        return page_error(request, ErrorPage("Sign in first", "sign-in", "nobody is signed in", "", "sign in"), 401)
    return RedirectResponse("/sign-in", status_code=303)


async def _say(request: Request, error: Exception) -> Response:
    assert isinstance(error, AfterCarError)
    what = str(error) if hasattr(error, "problems") else error.what
    found = ErrorPage("This did not work", error.code, what, error.where, error.fix)
    return page_error(request, found, _STATUS.get(error.exit_status, 500))


def page_error(request: Request, found: ErrorPage, status: int) -> Response:
    """An error as a page, or as JSON."""
    return page(request, "error.html", found, None, status=status)


def _style() -> Response:
    text = resources.files("aftercar.web").joinpath("static/app.css").read_text(encoding="utf-8")
    return Response(text, media_type="text/css", headers={"Cache-Control": "max-age=3600"})
