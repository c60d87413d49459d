"""Who is looking: session cookie or API token to an account, and the token that every form must carry."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from aftercar.actions.accounts import actor_of
from aftercar.actions.permissions import Actor
from aftercar.actions.sample_analyses import Bench
from aftercar.actions.since_change import SinceChange
from aftercar.actions.today_lists import TodayLists
from aftercar.edges.oidc import Provider
from aftercar.errors import InputError, NotPermitted
from aftercar.store import Store
from aftercar.store import web as kept

COOKIE = "aftercar_session"


class SignInFirst(Exception):
    """Nobody is signed in."""


@dataclass(frozen=True)
class Desk:
    """What every page works with: the registry, the clock, and where messages go.

    Attributes:
        store: the registry.
        clock: the time now, with its zone.
        send: sends a message (address, subject, text).
        bench: where uploaded samples are kept and analysed.
        lists: today's work lists, kept until the registry changes.
        news: what rests on :data:`aftercar.web.pages.today.NEWS_OF`, kept until one of those tables changes.
        wake: tells the worker that there is a new analysis.
        provider: of the organisation's sign-in, where there is one.
        secure: whether cookies are only sent over TLS.
    """

    store: Store
    clock: Callable[[], dt.datetime]
    send: Callable[[str, str, str], None]
    bench: Bench
    lists: TodayLists
    news: SinceChange
    wake: Callable[[], None]
    provider: Provider | None = None
    secure: bool = False

    @property
    def today(self) -> dt.date:
        """The day now (UTC)."""
        return self.clock().astimezone(dt.UTC).date()


@dataclass(frozen=True)
class Visitor:
    """A signed-in person (or a program with their token).

    Attributes:
        actor: what they may do.
        csrf: the token that forms must carry; "" for programs, which send none.
        token: the session's token; "" for programs.
    """

    actor: Actor
    csrf: str
    token: str


def desk(request: Request) -> Desk:
    """The desk of the running app."""
    found: Desk = request.app.state.desk
    return found


def visitor(request: Request) -> Visitor:
    """The signed-in person.

    Raises:
        SignInFirst: when nobody is, or the session has ended.
    """
    here = desk(request)
    bearer = request.headers.get("authorization", "")
    if bearer.lower().startswith("bearer "):
        owner = kept.owner_of(here.store, bearer[7:].strip(), "api", here.clock())
        actor = actor_of(here.store, owner) if owner else None
        if actor is None:
            raise SignInFirst
        return Visitor(actor, "", "")
    token = request.cookies.get(COOKIE, "")
    session = kept.session_of(here.store, token, here.clock()) if token else None
    actor = actor_of(here.store, session.account_id) if session else None
    if session is None or actor is None:
        raise SignInFirst
    return Visitor(actor, session.csrf, token)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form; several values of one name are joined by ``;``.

    Raises:
        InputError: when a value holds a zero byte.
    """
    data = await request.form(max_files=0, max_fields=200)
    fields = {name: ";".join(str(value) for value in data.getlist(name) if str(value)) for name in data}
    for name, value in fields.items():
        if "\x00" in value:
            raise InputError("the text holds a zero byte, which no record can keep", where=name[:40])
    return fields


async def checked_form(request: Request, who: Annotated[Visitor, Depends(visitor)]) -> dict[str, str]:
    """A form posted by a signed-in person from one of our own pages.

    Raises:
        NotPermitted: when the form does not carry the session's token.
    """
    fields = await form_of(request)
    check_token(who, fields.pop("csrf", ""))
    return fields


def check_token(who: Visitor, given: str) -> None:
    """Let a form pass that carries the session's token.

    Raises:
        NotPermitted: otherwise.
    """
    if who.csrf and not hmac.compare_digest(given.encode(), who.csrf.encode()):
        raise NotPermitted("this form is not from a page of yours, or your session has changed", fix="load the page again")


Here = Annotated[Desk, Depends(desk)]
Who = Annotated[Visitor, Depends(visitor)]
Form = Annotated[dict[str, str], Depends(checked_form)]
OpenForm = Annotated[dict[str, str], Depends(form_of)]
Plain = dict[str, Any]
