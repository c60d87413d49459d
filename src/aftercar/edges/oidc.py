"""OpenID Connect: ask an organisation's provider who somebody is (authorization code with PKCE), and check its answer.

OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7; RFC 7636 for PKCE; discovery by ``.well-known/openid-configuration``.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aftercar.edges.files import existing_file
from aftercar.errors import InputError, MissingEngine, NotPermitted

#: Signatures that only the provider can make; a shared secret ("HS256") or none is never accepted.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: Names in the environment that stand over the settings file.
VARIABLES = {
    "issuer": "AFTERCAR_OIDC_ISSUER",
    "client_id": "AFTERCAR_OIDC_CLIENT_ID",
    "client_secret": "AFTERCAR_OIDC_CLIENT_SECRET",
    "label": "AFTERCAR_OIDC_LABEL",
    "address": "AFTERCAR_OIDC_ADDRESS",
}
_LEEWAY, _KEPT, _PATIENCE = 60, dt.timedelta(hours=1), 15.0


class BadOidcSettings(InputError):
    """The settings of the organisation's sign-in are not usable."""

    code = "bad-oidc-settings"


class OidcRefused(NotPermitted):
    """The provider's answer does not hold, or its account may not sign in here."""

    code = "organisation-sign-in-refused"


@dataclass(frozen=True)
class Register:
    """Who signs in without an invitation gets an account like this; without it nobody does."""

    role: str
    centres: tuple[str, ...]
    organisation: str
    organisation_type: str
    country: str


@dataclass(frozen=True)
class OidcSettings:
    """An organisation's provider.

    Attributes:
        issuer: its address, ``https://`` (plain only on this machine).
        client_id, client_secret: what it knows this app by.
        label: on the sign-in page.
        address: of this app as people reach it; "" takes the one that the browser asked for.
        register: for people without an invitation; None refuses them.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    label: str = "your organisation"
    address: str = ""
    register: Register | None = None


@dataclass(frozen=True)
class Identity:
    """Who the provider says it is: issuer and subject (which never change), verified e-mail, name."""

    issuer: str
    subject: str
    email: str
    name: str

    @property
    def key(self) -> str:
        """Issuer and subject as one text."""
        return f"{self.issuer}|{self.subject}"


def read_oidc_settings(file: Path | None, environment: Mapping[str, str]) -> OidcSettings | None:
    """Settings from a TOML file and the environment, which stands over it; None when neither names an issuer.

    Raises:
        BadOidcSettings: naming the key and what is wrong.
    """
    given: dict[str, Any] = {}
    if file is not None:
        try:
            given = tomllib.loads(existing_file(file).read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadOidcSettings(f"not valid TOML: {error}", where=str(file)) from None
    given |= {key: environment[name] for key, name in VARIABLES.items() if environment.get(name)}
    if not given:
        return None
    register = given.pop("register", None)
    unknown = set(given) - set(VARIABLES)
    if unknown:
        raise BadOidcSettings(f"unknown key {sorted(unknown)[0]!r}", fix=f"the keys are {', '.join(VARIABLES)} and [register]")
    for key in ("issuer", "client_id", "client_secret"):
        if not isinstance(given.get(key), str) or not given[key].strip():
            raise BadOidcSettings(f"{key} is missing", fix=f"write it into the file, or set {VARIABLES[key]}")
    for key in ("issuer", "address"):
        if given.get(key):
            _check_address(key, given[key])
    given |= {"address": given.get("address", "").rstrip("/")}
    return OidcSettings(**given, register=_register(register))


def _register(given: object) -> Register | None:
    if given is None:
        return None
    names = [item.name for item in fields(Register)]
    if not isinstance(given, dict) or set(given) != set(names):
        raise BadOidcSettings("[register] is incomplete", fix=f"give {', '.join(names)}")
    centres = given["centres"]
    if not isinstance(centres, list) or not centres or not all(isinstance(item, str) and item for item in centres):
        raise BadOidcSettings("[register] centres names no centre", fix='such as centres = ["C01"]')
    return Register(**{**given, "centres": tuple(centres)})


def _check_address(key: str, text: str) -> None:
    parts = urlsplit(text)
    if not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))):
        raise BadOidcSettings(f"{key} {text!r} is not an https address", fix="plain http is for this machine only")


class Provider:
    """One provider; its addresses and keys are looked up when first needed and kept for an hour."""

    def __init__(self, settings: OidcSettings) -> None:
        """Of these settings.

        Raises:
            MissingEngine: when Authlib is not installed.
        """
        if importlib.util.find_spec("authlib") is None or importlib.util.find_spec("httpx") is None:
            raise MissingEngine("sign-in by the organisation needs Authlib and httpx", fix="pip install 'aftercar[oidc]'")
        self.settings = settings
        self._found: tuple[dt.datetime, Mapping[str, Any], Any] | None = None

    def address(self, *, state: str, nonce: str, verifier: str, back: str, now: dt.datetime) -> str:
        """Where to send the browser.

        Args:
            state, nonce, verifier: fresh secrets of this sign-in.
            back: our address that the provider sends the browser back to.
            now: the time.

        Raises:
            MissingEngine: when the provider cannot be reached.
        """
        metadata, _ = self._looked_up(now)
        with self._client(back) as client:
            where, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        return str(where)

    def identity(self, *, code: str, nonce: str, verifier: str, back: str, now: dt.datetime) -> Identity:
        """Change the code that the browser brought for the person's identity.

        Raises:
            OidcRefused: when the provider refuses the code, or its token does not hold: signature, issuer, audience, time,
                nonce, or an e-mail that is missing or not verified.
            MissingEngine: when the provider cannot be reached.
        """
        from authlib.common.errors import AuthlibBaseError
        from httpx import HTTPError

        metadata, _ = self._looked_up(now)
        try:
            with self._client(back) as client:
                token = client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=verifier)
        except (AuthlibBaseError, ValueError) as error:
            raise OidcRefused(f"the provider did not take the code: {error}", fix="sign in again") from None
        except HTTPError as error:
            raise _unreachable(self.settings.issuer, error) from None
        claims = self._checked(token, nonce, now)
        email = str(claims.get("email") or "").strip().lower()
        if not email or claims.get("email_verified") is not True:
            raise OidcRefused("the provider has not verified your e-mail address", fix="ask your organisation, or sign in here")
        return Identity(claims["iss"], str(claims["sub"]), email, str(claims.get("name") or email))

    def _checked(self, token: Mapping[str, Any], nonce: str, now: dt.datetime) -> Mapping[str, Any]:
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError

        metadata, keys = self._looked_up(now)
        named = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        allowed = [name for name in ALGORITHMS if name in named]
        text = token.get("id_token") or ""
        try:
            try:
                found = jwt.decode(text, keys, algorithms=allowed)
            except InvalidKeyIdError:  # the provider has changed its keys
                self._found = None
                found = jwt.decode(text, self._looked_up(now)[1], algorithms=allowed)
            options = {
                "iss": {"essential": True, "value": metadata["issuer"]},
                "aud": {"essential": True, "value": self.settings.client_id},
                "nonce": {"essential": True, "value": nonce},
            }
            params = {"nonce": nonce, "client_id": self.settings.client_id, "access_token": token.get("access_token")}
            claims = CodeIDToken(found.claims, found.header, options, params)
            claims.validate(now=int(now.timestamp()), leeway=_LEEWAY)
        except (JoseError, ValueError) as error:
            raise OidcRefused(f"the provider's token does not hold: {error}", fix="sign in again") from None
        return dict(found.claims)

    def _looked_up(self, now: dt.datetime) -> tuple[Mapping[str, Any], Any]:
        if self._found is None or now - self._found[0] > _KEPT:
            import httpx
            from joserfc.errors import JoseError
            from joserfc.jwk import KeySet

            issuer = self.settings.issuer
            try:
                with httpx.Client(timeout=_PATIENCE) as client:
                    answer = client.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration").raise_for_status()
                    metadata = answer.json()
                    if metadata.get("issuer") != issuer:
                        raise MissingEngine(f"the provider calls itself {metadata.get('issuer')!r}", where=issuer)
                    for key in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                        _check_address(key, metadata[key])
                    keys = KeySet.import_key_set(client.get(metadata["jwks_uri"]).raise_for_status().json())
            except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError, JoseError) as error:
                raise _unreachable(issuer, error) from None
            self._found = (now, metadata, keys)
        return self._found[1], self._found[2]

    def _client(self, back: str) -> Any:
        from authlib.integrations.httpx_client import OAuth2Client

        settings = self.settings
        return OAuth2Client(
            settings.client_id,
            settings.client_secret,
            scope="openid email profile",
            redirect_uri=back,
            code_challenge_method="S256",
            timeout=_PATIENCE,
        )


def _unreachable(issuer: str, error: Exception) -> MissingEngine:
    return MissingEngine(
        f"the organisation's sign-in does not answer as it should: {type(error).__name__}",
        where=issuer,
        fix="sign in with e-mail and password, or ask an administrator",
    )
