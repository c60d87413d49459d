"""Accounts of the web app: the first administrator, invitation, sign-in, second factor, reset, closing.

Passwords are hashed with argon2id. A wrong address and a wrong password get the same answer in about the same time. Every change
of an account is in the audit trail; secrets stand there as digests.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Mapping
from typing import Any

from aftercar.actions.permissions import ROLES, Actor
from aftercar.errors import InputError, NotPermitted, UsageError
from aftercar.store import Record, Store
from aftercar.store import web as kept

INVITATION = dt.timedelta(days=7)
RESET = dt.timedelta(hours=1)
API_TOKEN = dt.timedelta(days=365)
SHORTEST_PASSWORD = 12
_SECRET = re.compile(r"[A-Z2-7]{32,64}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s.]{2,}")


class SignInRefused(NotPermitted):
    """Address, password or second factor do not fit, or there were too many tries."""

    code = "sign-in-refused"


class WeakPassword(InputError):
    """The password is too short or too common."""

    code = "weak-password"


def first_link(store: Store, now: dt.datetime) -> str | None:
    """A one-time token that makes the first administrator; None when there is an account already."""
    if store.count("accounts", withdrawn=True):
        return None
    kept.drop_tokens(store, "first", "first")
    return kept.make_token(store, "first", "first", now + dt.timedelta(days=1))


def make_first(store: Store, token: str, details: Mapping[str, str], password: str, now: dt.datetime) -> Record:
    """The first administrator, by the one-time link.

    Raises:
        NotPermitted: when the link is used, old or wrong.
        WeakPassword, InvalidTables: naming what is wrong with the fields.
    """
    row = {**new_account(details), "roles": "administrator", "state": "active", "password_hash": _hashed(password)}
    with store.transaction(row["account_id"], "first administrator") as change:  # of two at once, the second waits here
        if kept.owner_of(store, token, "first", now) is None or store.count("accounts", withdrawn=True):
            raise NotPermitted("this link is no longer valid", fix="start the program again for a new one")
        record = change.save("accounts", row)
    kept.use_up(store, token, "first", now)
    return record


def invite(store: Store, actor: Actor, details: Mapping[str, str], now: dt.datetime) -> tuple[Record, str]:
    """A new account and the token of its invitation.

    Raises:
        NotPermitted: when the actor may not configure.
        InputError: for an unknown role, or an address that has an account.
    """
    actor.check_everywhere("configure")
    roles = [role for role in details.get("roles", "").split(";") if role]
    if not roles or not set(roles) <= set(ROLES):
        raise InputError("choose at least one role", where=", ".join(roles), fix=f"the roles are {', '.join(ROLES)}")
    row = {**new_account(details), "roles": ";".join(roles), "centres": details.get("centres") or None, "state": "invited"}
    with store.transaction(actor.name, "invitation") as change:  # of two at once for one address, the second waits here
        if find(store, row["email"]) is not None:
            raise InputError("this address has an account", where=row["email"])
        record = change.save("accounts", row)
    return record, kept.make_token(store, record.key, "invite", now + INVITATION)


def accept(store: Store, token: str, password: str, now: dt.datetime) -> Record:
    """Set the first password by an invitation."""
    return _set_by_token(store, token, "invite", password, "invitation accepted", now)


def ask_reset(store: Store, email: str, now: dt.datetime) -> tuple[Record, str] | None:
    """A token to set a new password; None for an unknown address (which the caller must not tell)."""
    record = find(store, email)
    if record is None or record["state"] != "active":
        return None
    kept.drop_tokens(store, record.key, "reset")
    return record, kept.make_token(store, record.key, "reset", now + RESET)


def reset(store: Store, token: str, password: str, now: dt.datetime) -> Record:
    """Set a new password by a reset link; every session of the account ends."""
    return _set_by_token(store, token, "reset", password, "password reset", now)


def change_password(store: Store, account_id: str, old: str, new: str) -> None:
    """Change the password of a signed-in person; every session of the account ends.

    Raises:
        SignInRefused: when the old password is wrong.
        WeakPassword: when the new one is.
    """
    record = _active(store, account_id)
    if not _fits(record["password_hash"], old):
        raise SignInRefused("the present password is not right")
    _save(store, record, {"password_hash": _hashed(new)}, account_id, "password changed")
    kept.close_sessions(store, account_id)


def sign_in(store: Store, email: str, password: str, code: str, now: dt.datetime) -> str:
    """A session token.

    Raises:
        SignInRefused: with one wording for every reason but the lock.
    """
    address = email.strip().lower()
    until = kept.count_try(store, address, now)
    if until is not None:
        minutes = max(1, round((until - now).total_seconds() / 60))
        raise SignInRefused(f"too many failed tries; wait {minutes} minute(s)", fix="or ask for a new password")
    record = find(store, address)
    good = _fits(record["password_hash"] if record is not None else None, password)
    if record is None or not good or record["state"] != "active" or not code_fits(record["totp_secret"], code, now):
        raise SignInRefused("address, password or code do not fit", fix="try again or ask for a new password")
    kept.forget_failures(store, address)
    return kept.open_session(store, record.key, now)


def confirm(store: Store, account_id: str, password: str, code: str, now: dt.datetime) -> Record:
    """Re-authentication for an electronic signature (21 CFR 11.200): the account, when password and code fit.

    Raises:
        SignInRefused: otherwise; it counts as a failed sign-in.
    """
    record = _active(store, account_id)
    if kept.count_try(store, record["email"], now) or not (
        _fits(record["password_hash"], password) and code_fits(record["totp_secret"], code, now)
    ):
        raise SignInRefused("password or code do not fit: not signed")
    kept.forget_failures(store, record["email"])
    return record


def start_second_factor() -> str:
    """A new secret for an authenticator app."""
    import pyotp

    return str(pyotp.random_base32())


def set_second_factor(store: Store, account_id: str, secret: str, code: str, now: dt.datetime) -> None:
    """Keep the secret once a code shows that the authenticator has it.

    Raises:
        SignInRefused: when the code does not fit.
    """
    if not _SECRET.fullmatch(secret) or not code_fits(secret, code, now):
        raise SignInRefused("the code does not fit", fix="check the clock of the device and try the next code")
    _save(store, _active(store, account_id), {"totp_secret": secret}, account_id, "second factor set")


def close(store: Store, actor: Actor, account_id: str) -> None:
    """Close an account: it can no longer sign in, its name stays in the trail."""
    actor.check_everywhere("configure")
    record = store.get("accounts", account_id)
    if record is None:
        raise InputError(f"there is no account {account_id!r}")
    if account_id == actor.name:
        raise UsageError("nobody closes their own account", fix="ask another administrator")
    _save(store, record, {"state": "closed"}, actor.name, "account closed")
    kept.close_sessions(store, account_id)
    kept.drop_tokens(store, account_id, "api")


def api_token(store: Store, account_id: str, label: str, now: dt.datetime) -> str:
    """A token for programs, with the rights of the account; shown once."""
    return kept.make_token(store, account_id, "api", now + API_TOKEN, label)


def actor_of(store: Store, account_id: str) -> Actor | None:
    """What an account may do now; None when it is not active."""
    record = store.get("accounts", account_id)
    if record is None or record["state"] != "active" or record.withdrawn:
        return None
    roles = frozenset(record["roles"].split(";"))
    centres = frozenset(record["centres"].split(";")) if record["centres"] else None
    return Actor(account_id, roles, centres)


def find(store: Store, email: str) -> Record | None:
    """The account of an address."""
    found = store.list("accounts", {"email": email.strip().lower()})
    return found[0] if found else None


def new_account(details: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a new account from what was typed, under an identifier of our own.

    Raises:
        InputError: when the address is none.
    """
    email = details.get("email", "").strip().lower()
    if not _EMAIL.fullmatch(email):
        raise InputError("this is not an e-mail address", where=email)
    stem = re.sub(r"[^a-z0-9]+", ".", email.split("@")[0]).strip(".") or "user"
    fields = {name: details.get(name, "").strip() for name in ("name", "organisation", "organisation_type", "country")}
    return {"account_id": f"{stem}.{secrets.token_hex(2)}", "email": email, **fields}


def _set_by_token(store: Store, token: str, purpose: str, password: str, why: str, now: dt.datetime) -> Record:
    hashed = _hashed(password)
    owner = kept.use_up(store, token, purpose, now)
    record = store.get("accounts", owner) if owner else None
    if record is None or record["state"] == "closed":
        raise NotPermitted("this link is no longer valid", fix="ask for a new one")
    kept.close_sessions(store, record.key)
    kept.forget_failures(store, record["email"])
    return _save(store, record, {"password_hash": hashed, "state": "active"}, record.key, why)


def _save(store: Store, record: Record, changed: Mapping[str, Any], who: str, why: str) -> Record:
    return store.save("accounts", {**record.row, **changed}, who=who, why=why, expected_version=record.version)


def _active(store: Store, account_id: str) -> Record:
    record = store.get("accounts", account_id)
    if record is None or record["state"] != "active":
        raise NotPermitted("this account is not active")
    return record


def _hashed(password: str) -> str:
    from argon2 import PasswordHasher

    if len(password) < SHORTEST_PASSWORD or len(set(password)) < 5:
        raise WeakPassword(
            f"a password has at least {SHORTEST_PASSWORD} characters, not all alike", fix="use a phrase of several words"
        )
    if len(password) > 1_000:
        raise WeakPassword("the password is longer than 1,000 characters")
    return PasswordHasher().hash(password)


def _fits(hashed: str | None, password: str) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    # An unknown address costs as much time as a known one.
    stand_in = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    try:
        return PasswordHasher().verify(hashed or stand_in, password[:1_000]) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def code_fits(secret: str | None, code: str, now: dt.datetime) -> bool:
    """Whether the code is the second factor's now; any is, where none is set."""
    if not secret:
        return True
    import pyotp

    return bool(pyotp.TOTP(secret).verify(code.replace(" ", ""), for_time=now, valid_window=1))
