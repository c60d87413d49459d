"""Sign in with an organisation's own account (OpenID Connect): matched to an account here, whose roles stay ours.

One secret stays in the person's browser while they are at the provider; state, nonce and PKCE verifier follow from it, so that
an answer fits this browser and this try only, and nothing is kept here for people who never come back.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from aftercar.actions.accounts import code_fits, find, new_account
from aftercar.actions.permissions import ROLES
from aftercar.edges.oidc import Identity, OidcRefused, Provider, Register
from aftercar.errors import InputError
from aftercar.store import Record, Store
from aftercar.store import web as kept

#: How long a person may be at the provider, and then with the second factor.
TIME = dt.timedelta(minutes=10)
_CODE = "oidc-code"
_BY = "sign-in by the organisation"


@dataclass(frozen=True)
class Leaving:
    """A person on the way to the provider: the secret for the browser, and where to go."""

    secret: str
    address: str


@dataclass(frozen=True)
class Arrived:
    """A person who came back: a session, or (with a second factor) a ticket to give the code with."""

    session: str
    ticket: str


def leave(provider: Provider, back: str, now: dt.datetime) -> Leaving:
    """Begin a sign-in.

    Raises:
        MissingEngine: when the provider cannot be reached.
    """
    secret = secrets.token_urlsafe(32)
    address = provider.address(
        state=_part(secret, "state"), nonce=_part(secret, "nonce"), verifier=_part(secret, "verifier"), back=back, now=now
    )
    return Leaving(secret, address)


def arrive(store: Store, provider: Provider, secret: str, state: str, code: str, back: str, now: dt.datetime) -> Arrived:
    """End a sign-in with what the browser brought back.

    Raises:
        OidcRefused: when the answer is not to a question of this browser, does not hold, or no account fits.
    """
    if not secret or not hmac.compare_digest(_part(secret, "state").encode(), state.encode()):
        raise OidcRefused("this answer is not to a sign-in that this browser began", fix="sign in again")
    identity = provider.identity(code=code, nonce=_part(secret, "nonce"), verifier=_part(secret, "verifier"), back=back, now=now)
    account = matched(store, identity, provider.settings.register, now)
    if account["totp_secret"]:
        return Arrived("", kept.make_token(store, account.key, _CODE, now + TIME))
    return Arrived(kept.open_session(store, account.key, now), "")


def give_code(store: Store, ticket: str, code: str, now: dt.datetime) -> str:
    """A session for the second factor of a person who came back from the provider; a ticket is good for one try.

    Raises:
        OidcRefused: when the ticket is used or old, or the code does not fit.
    """
    owner = kept.use_up(store, ticket, _CODE, now)
    account = store.get("accounts", owner) if owner else None
    if account is None or account["state"] != "active":
        raise OidcRefused("this sign-in took too long, or was used before", fix="sign in again")
    if kept.count_try(store, account["email"], now) is not None or not code_fits(account["totp_secret"], code, now):
        raise OidcRefused("the code does not fit", fix="sign in again")
    kept.forget_failures(store, account["email"])
    return kept.open_session(store, account.key, now)


def matched(store: Store, identity: Identity, register: Register | None, now: dt.datetime) -> Record:
    """The account of an identity: the one it signed in to before; at first the one of its e-mail, from then on bound to it.

    Args:
        store: the registry.
        identity: from the provider, checked.
        register: what people without an invitation get; None refuses them.
        now: the time; the day of the latest sign-in is kept.

    Raises:
        OidcRefused: when there is no account, it is closed, or it is bound to another identity.
    """
    today = now.astimezone(dt.UTC).date().isoformat()
    bound = store.list("accounts", {"oidc_subject": identity.key})
    account = bound[0] if bound else find(store, identity.email)
    if account is None:
        return _registered(store, identity, register, today)
    if account["state"] == "closed" or account["oidc_subject"] not in (None, identity.key):
        raise OidcRefused("the account of this address cannot be used with this sign-in", fix="ask an administrator")
    changed: dict[str, Any] = {"oidc_subject": identity.key, "oidc_seen_on": today, "state": "active"}
    if all(account[name] == value for name, value in changed.items()):
        return account
    why = _BY if account["oidc_subject"] else f"{_BY}: bound to {identity.issuer}"
    kept.drop_tokens(store, account.key, "invite")
    return store.save("accounts", {**account.row, **changed}, who=account.key, why=why, expected_version=account.version)


def _registered(store: Store, identity: Identity, register: Register | None, today: str) -> Record:
    if register is None or not store.count("accounts"):
        raise OidcRefused(f"there is no account for {identity.email}", fix="ask an administrator for an invitation")
    if register.role not in ROLES or register.role == "administrator":
        raise InputError(f"[register] names the role {register.role!r}", fix="name another role in the settings of the sign-in")
    details = {
        "name": identity.name,
        "email": identity.email,
        "organisation": register.organisation,
        "organisation_type": register.organisation_type,
        "country": register.country,
    }
    row = {
        **new_account(details),
        "roles": register.role,
        "centres": ";".join(register.centres),
        "state": "active",
        "oidc_subject": identity.key,
        "oidc_seen_on": today,
    }
    return store.save("accounts", row, who=row["account_id"], why=f"{_BY}: registered by {identity.issuer}")


def _part(secret: str, name: str) -> str:
    """State, nonce or verifier of a secret: nobody who sees one can tell another."""
    found = hmac.new(secret.encode(), name.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(found).decode().rstrip("=")
