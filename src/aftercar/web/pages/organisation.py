"""Sign in with the organisation's own account: to its provider and back."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from aftercar.actions import sign_in_oidc as act
from aftercar.edges.oidc import OidcRefused, Provider
from aftercar.errors import InputError
from aftercar.web.access import Desk, Here, OpenForm
from aftercar.web.pages.accounts import base_of, sign_in_page, signed_in
from aftercar.web.rendering import page

router = APIRouter()
#: Holds the secret of a sign-in while the person is at the provider.
COOKIE = "aftercar_leaving"
_PATH = "/sign-in/organisation"


@dataclass(frozen=True)
class Code:
    """The form that asks for the second factor after the provider's answer."""

    ticket: str


@router.get("/sign-in/organisation")
def leave(request: Request, here: Here) -> Response:
    """To the organisation's provider."""
    leaving = act.leave(_provider(here), _back(request, here), here.clock())
    answer = RedirectResponse(leaving.address, status_code=303)
    seconds = int(act.TIME.total_seconds())
    answer.set_cookie(COOKIE, leaving.secret, httponly=True, samesite="lax", secure=here.secure, path=_PATH, max_age=seconds)
    return answer


@router.get("/sign-in/organisation/back")
def arrive(
    request: Request,
    here: Here,
    state: str = Query("", max_length=200),
    code: str = Query("", max_length=4_000),
    error: str = Query("", max_length=200),
) -> Response:
    """Back from the provider."""
    provider = _provider(here)
    try:
        if error or not code:
            raise OidcRefused("the provider did not sign you in", fix="sign in again")
        found = act.arrive(here.store, provider, request.cookies.get(COOKIE, ""), state, code, _back(request, here), here.clock())
    except OidcRefused as refused:
        answer = sign_in_page(request, here, str(refused))
    else:
        answer = (
            signed_in(request, here, found.session) if found.session else page(request, "code.html", Code(found.ticket), None)
        )
    answer.delete_cookie(COOKIE, path=_PATH)
    return answer


@router.post("/sign-in/organisation/code")
def code(request: Request, here: Here, fields: OpenForm) -> Response:
    """The second factor of somebody who came back from the provider."""
    try:
        session = act.give_code(here.store, fields.get("ticket", ""), fields.get("code", ""), here.clock())
    except OidcRefused as refused:
        return sign_in_page(request, here, str(refused))
    return signed_in(request, here, session)


def _provider(here: Desk) -> Provider:
    if here.provider is None:
        raise InputError("this registry has no sign-in by an organisation", fix="sign in with e-mail and password")
    return here.provider


def _back(request: Request, here: Desk) -> str:
    base = here.provider.settings.address if here.provider and here.provider.settings.address else base_of(request)
    return f"{base}{_PATH}/back"
