"""Sign-in, invitation, reset, one's own account, users."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from aftercar.actions import accounts as act
from aftercar.actions.permissions import ROLES
from aftercar.errors import AfterCarError
from aftercar.store import Record
from aftercar.store import web as kept
from aftercar.vocab.tables.accounts import ACCOUNTS
from aftercar.web.access import COOKIE, Desk, Form, Here, OpenForm, Who
from aftercar.web.rendering import page

router = APIRouter()
KINDS = ACCOUNTS["organisation_type"].choices


@dataclass(frozen=True)
class SignIn:
    """The sign-in form; ``message`` says what did not fit, ``email`` is kept, ``organisation`` names another way in."""

    message: str
    email: str
    organisation: str


@dataclass(frozen=True)
class Password:
    """A form that sets a password by a link; with ``details`` it also asks who the first administrator is."""

    title: str
    action: str
    details: bool
    message: str
    kinds: Sequence[str] = KINDS


@dataclass(frozen=True)
class Ask:
    """The form that asks for a reset link; ``sent`` says that a message is on its way if the address has an account."""

    sent: bool


@dataclass(frozen=True)
class Account:
    """One's own account: who, whether a second factor is set, a fresh secret to set one, an API token just made."""

    account: Record
    has_code: bool
    secret: str
    api_token: str
    message: str


@dataclass(frozen=True)
class Users:
    """All accounts, roles to choose from, what an invitation led to."""

    accounts: Sequence[Record]
    roles: Sequence[str]
    kinds: Sequence[str]
    message: str


@router.get("/sign-in")
def sign_in_form(request: Request, here: Here) -> Response:
    """The sign-in form."""
    return sign_in_page(request, here, "", status=200)


@router.post("/sign-in")
def sign_in(request: Request, here: Here, fields: OpenForm) -> Response:
    """Sign in; a fresh session every time, so that a planted one is worth nothing."""
    try:
        token = act.sign_in(here.store, fields.get("email", ""), fields.get("password", ""), fields.get("code", ""), here.clock())
    except act.SignInRefused as error:
        return sign_in_page(request, here, str(error), fields.get("email", ""))
    return signed_in(request, here, token)


@router.post("/sign-out")
def sign_out(here: Here, who: Who, fields: Form) -> Response:
    """Sign out here, or everywhere."""
    if fields.get("everywhere"):
        kept.close_sessions(here.store, who.actor.name)
    else:
        kept.close_session(here.store, who.token)
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/first/{token}")
def first_form(request: Request, token: str) -> Response:
    """The form for the first administrator."""
    return page(request, "password.html", Password("First administrator", f"/first/{token}", True, ""), None)


@router.post("/first/{token}")
def first(request: Request, token: str, here: Here, fields: OpenForm) -> Response:
    """Make the first administrator."""
    return _with_password(
        request,
        Password("First administrator", f"/first/{token}", True, ""),
        lambda: act.make_first(here.store, token, fields, fields.get("password", ""), here.clock()),
    )


@router.get("/invitation/{token}")
def invitation_form(request: Request, token: str) -> Response:
    """The form that accepts an invitation."""
    return page(request, "password.html", Password("Welcome: choose a password", f"/invitation/{token}", False, ""), None)


@router.post("/invitation/{token}")
def invitation(request: Request, token: str, here: Here, fields: OpenForm) -> Response:
    """Accept an invitation."""
    return _with_password(
        request,
        Password("Welcome: choose a password", f"/invitation/{token}", False, ""),
        lambda: act.accept(here.store, token, fields.get("password", ""), here.clock()),
    )


@router.get("/reset")
def ask_form(request: Request) -> Response:
    """The form that asks for a reset link."""
    return page(request, "ask.html", Ask(False), None)


@router.post("/reset")
def ask(request: Request, here: Here, fields: OpenForm) -> Response:
    """Send a reset link; the answer is the same whether the address has an account or not."""
    found = act.ask_reset(here.store, fields.get("email", ""), here.clock())
    if found is not None:
        record, token = found
        words = f"{base_of(request)}/reset/{token}\nThe link is good for one hour."
        here.send(record["email"], "AfterCAR: choose a new password", words)
    return page(request, "ask.html", Ask(True), None)


@router.get("/reset/{token}")
def reset_form(request: Request, token: str) -> Response:
    """The form that sets a new password."""
    return page(request, "password.html", Password("Choose a new password", f"/reset/{token}", False, ""), None)


@router.post("/reset/{token}")
def reset(request: Request, token: str, here: Here, fields: OpenForm) -> Response:
    """Set a new password."""
    return _with_password(
        request,
        Password("Choose a new password", f"/reset/{token}", False, ""),
        lambda: act.reset(here.store, token, fields.get("password", ""), here.clock()),
    )


@router.get("/account")
def account(request: Request, here: Here, who: Who) -> Response:
    """One's own account."""
    return _account_page(request, here, who)


@router.post("/account/password")
def new_password(here: Here, who: Who, fields: Form) -> Response:
    """Change one's password; every session ends."""
    act.change_password(here.store, who.actor.name, fields.get("old", ""), fields.get("new", ""))
    return RedirectResponse("/sign-in", status_code=303)


@router.post("/account/code")
def second_factor(request: Request, here: Here, who: Who, fields: Form) -> Response:
    """Set the second factor."""
    try:
        act.set_second_factor(here.store, who.actor.name, fields.get("secret", ""), fields.get("code", ""), here.clock())
    except act.SignInRefused as error:
        return _account_page(request, here, who, message=str(error), secret=fields.get("secret", ""))
    return RedirectResponse("/account", status_code=303)


@router.post("/account/token")
def api_token(request: Request, here: Here, who: Who, fields: Form) -> Response:
    """Make a token for programs; shown once."""
    token = act.api_token(here.store, who.actor.name, fields.get("label", "")[:80], here.clock())
    return _account_page(request, here, who, api_token=token)


@router.get("/users")
def users(request: Request, here: Here, who: Who) -> Response:
    """All accounts."""
    return _users_page(request, here, who, "")


@router.post("/users")
def invite(request: Request, here: Here, who: Who, fields: Form) -> Response:
    """Invite somebody."""
    record, token = act.invite(here.store, who.actor, fields, here.clock())
    here.send(record["email"], "AfterCAR: invitation", f"{base_of(request)}/invitation/{token}\nThe link is good for seven days.")
    return _users_page(request, here, who, f"An invitation is on its way to {record['email']}.")


@router.post("/users/{account_id}/close")
def close(request: Request, account_id: str, here: Here, who: Who, fields: Form) -> Response:
    """Close an account."""
    act.close(here.store, who.actor, account_id)
    return _users_page(request, here, who, f"{account_id} is closed.")


def _users_page(request: Request, here: Desk, who: Who, message: str) -> Response:
    who.actor.check_everywhere("configure")
    return page(request, "users.html", Users(here.store.list("accounts"), list(ROLES), KINDS, message), who)


def _account_page(
    request: Request, here: Desk, who: Who, *, message: str = "", secret: str = "", api_token: str = ""
) -> Response:
    record = here.store.get("accounts", who.actor.name)
    assert record is not None
    context = Account(record, bool(record["totp_secret"]), secret or act.start_second_factor(), api_token, message)
    return page(request, "account.html", context, who)


def _with_password(request: Request, form: Password, do: Callable[[], object]) -> Response:
    try:
        do()
    except AfterCarError as error:
        return page(request, "password.html", replace(form, message=str(error)), None, status=422)
    return RedirectResponse("/sign-in", status_code=303)


def sign_in_page(request: Request, here: Desk, message: str, email: str = "", *, status: int = 403) -> Response:
    """The sign-in form, with what did not fit."""
    label = here.provider.settings.label if here.provider is not None else ""
    return page(request, "sign_in.html", SignIn(message, email, label), None, status=status)


def signed_in(request: Request, here: Desk, token: str) -> Response:
    """To the first page with a new session; the one that the browser had ends."""
    old = request.cookies.get(COOKIE)
    if old:
        kept.close_session(here.store, old)
    answer = RedirectResponse("/", status_code=303)
    answer.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=here.secure, max_age=int(kept.LONGEST.total_seconds()))
    return answer


def base_of(request: Request) -> str:
    """The address that the browser asked, without a path."""
    return f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"
