"""Sign in with the organisation's own account, against a provider on loopback: what fits, and everything that is refused."""

import datetime as dt
import re

import pytest

pytest.importorskip("authlib", reason="sign-in by the organisation is an extra: pip install 'aftercar[oidc]'")

import httpx
import pyotp

from aftercar.actions import accounts
from aftercar.actions.permissions import local_actor
from aftercar.edges.oidc import BadOidcSettings, OidcSettings, Provider, Register, read_oidc_settings
from aftercar.web.app import create_app
from tests.unit.web.provider import LoopbackProvider

START, BACK = "/sign-in/organisation", "/sign-in/organisation/back"


@pytest.fixture
def provider(world):
    running = LoopbackProvider(lambda: world.now)
    yield running
    running.close()


@pytest.fixture
def open_world(world, provider):
    """The app with that provider, and an invited person."""

    def serve(**more):
        settings = OidcSettings(provider.issuer, "aftercar", "a secret", "Hospital A", **more)
        world.app = create_app(
            world.store, send=lambda *_: None, clock=lambda: world.now, provider=Provider(settings), secure=False
        )
        return world

    details = {"name": "New", "email": "new@example.org", "organisation": "O", "organisation_type": "laboratory", "country": "DE"}
    accounts.invite(world.store, local_actor("root"), {**details, "roles": "laboratory", "centres": "C01"}, world.now)
    world.serve = serve
    return serve()


def go(browser, *, change=None):
    """From our page to the provider and back, as a browser does it; ``change`` alters the address on the way back."""
    away = browser.get(START, follow_redirects=False)
    assert away.status_code == 303, away.text
    back = httpx.get(away.headers["location"], follow_redirects=False).headers["location"].removeprefix("http://testserver")
    return browser.get(change(back) if change else back, follow_redirects=False)


def account(world, email="new@example.org"):
    found = accounts.find(world.store, email)
    assert found is not None
    return found


def test_an_invited_person_signs_in_and_stays_bound(open_world, provider):
    browser = open_world.browser()
    assert "Sign in with Hospital A" in browser.get("/sign-in").text
    assert go(browser).headers["location"] == "/"
    assert "New" in browser.get("/account").text
    bound = account(open_world)
    assert (bound["state"], bound["oidc_subject"]) == ("active", f"{provider.issuer}|person-1")
    assert (bound["roles"], bound["centres"]) == ("laboratory", "C01")
    last = open_world.store.trail(table="accounts")[-1]
    assert (last.who, last.why) == (bound.key, f"sign-in by the organisation: bound to {provider.issuer}")
    provider.claims = {"email": "renamed@example.org"}
    assert go(open_world.browser()).status_code == 303
    assert account(open_world).version == bound.version
    open_world.now += dt.timedelta(days=1)
    assert go(open_world.browser()).status_code == 303
    assert open_world.store.trail(table="accounts")[-1].why == "sign-in by the organisation"


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"nonce": "another"}, "does not hold"),
        ({"nonce": None}, "does not hold"),
        ({"aud": "another app"}, "does not hold"),
        ({"aud": ["aftercar", "another"], "azp": "another"}, "does not hold"),
        ({"iss": "https://evil.example"}, "does not hold"),
        ({"exp": 1_000_000_000}, "does not hold"),
        ({"exp": None}, "does not hold"),
        ({"iat": 4_000_000_000}, "does not hold"),
        ({"email_verified": False}, "not verified your e-mail"),
        ({"email_verified": "true"}, "not verified your e-mail"),
        ({"email": None}, "not verified your e-mail"),
        ({"email": "nobody@example.org"}, "there is no account for nobody@example.org"),
    ],
)
def test_a_token_that_does_not_fit_is_refused(open_world, provider, claims, words):
    provider.claims = claims
    browser, before = open_world.browser(), open_world.store.head()
    answer = go(browser)
    assert answer.status_code == 403
    assert words in answer.text
    assert browser.get("/", follow_redirects=False).headers["location"] == "/sign-in"
    assert open_world.store.head().hash == before.hash


def test_a_signature_of_another_key_is_refused_and_a_new_key_of_the_provider_is_taken(open_world, provider):
    assert go(open_world.browser()).status_code == 303
    provider.change_key(publish=False)
    assert go(open_world.browser()).status_code == 403
    provider.change_key("three")
    assert go(open_world.browser()).status_code == 303
    provider.sign_with_the_secret("a secret")
    assert go(open_world.browser()).status_code == 403


def test_an_answer_fits_one_browser_and_one_try(open_world, provider):
    one, other = open_world.browser(), open_world.browser()
    other.get(START, follow_redirects=False)
    away = one.get(START, follow_redirects=False)
    back = httpx.get(away.headers["location"], follow_redirects=False).headers["location"].removeprefix("http://testserver")
    assert other.get(back, follow_redirects=False).status_code == 403
    assert one.get(re.sub("state=[^&]+", "state=guess", back), follow_redirects=False).status_code == 403
    assert open_world.browser().get(back, follow_redirects=False).status_code == 403
    fresh = open_world.browser()
    assert go(fresh).status_code == 303
    assert fresh.get(back, follow_redirects=False).status_code == 403
    assert go(open_world.browser(), change=lambda back: back.replace("code=code", "code=stolen")).status_code == 403
    assert go(open_world.browser(), change=lambda _: f"{BACK}?error=access_denied").status_code == 403


def test_closed_and_otherwise_bound_accounts_are_refused(open_world, provider):
    assert go(open_world.browser()).status_code == 303
    provider.claims = {"sub": "person-2"}
    assert "cannot be used" in go(open_world.browser()).text
    provider.claims = {}
    accounts.close(open_world.store, local_actor("root"), account(open_world).key)
    assert "cannot be used" in go(open_world.browser()).text


def test_our_second_factor_is_still_asked_for(open_world):
    assert go(open_world.browser()).status_code == 303
    secret = pyotp.random_base32()
    accounts.set_second_factor(
        open_world.store, account(open_world).key, secret, pyotp.TOTP(secret).at(open_world.now), open_world.now
    )
    browser = open_world.browser()

    def ticket():
        answer = go(browser)
        assert answer.status_code == 200
        assert browser.get("/", follow_redirects=False).headers["location"] == "/sign-in"
        return re.search(r'name="ticket" value="([^"]+)"', answer.text)[1]

    first, right = ticket(), pyotp.TOTP(secret).at(open_world.now)
    assert browser.post(f"{START}/code", data={"ticket": first, "code": "000000"}, follow_redirects=False).status_code == 403
    assert browser.post(f"{START}/code", data={"ticket": first, "code": right}, follow_redirects=False).status_code == 403
    answer = browser.post(f"{START}/code", data={"ticket": ticket(), "code": right}, follow_redirects=False)
    assert answer.headers["location"] == "/"


def test_nobody_registers_unless_the_setting_says_so(open_world, provider):
    provider.claims = {"email": "guest@example.org", "sub": "guest"}
    assert go(open_world.browser()).status_code == 403
    register = Register("reader", ("C02",), "Hospital A", "treatment_centre", "DE")
    open_world.serve(register=register)
    browser = open_world.browser()
    assert go(browser).status_code == 303
    made = account(open_world, "guest@example.org")
    assert (made["roles"], made["centres"], made["name"]) == ("reader", "C02", "New Person")
    assert browser.get("/people/C01-0003").status_code == 422
    assert open_world.store.trail(table="accounts")[-1].why.startswith("sign-in by the organisation: registered by")
    provider.claims = {"email": "boss@example.org", "sub": "boss"}
    open_world.serve(register=Register("administrator", ("C02",), "Hospital A", "treatment_centre", "DE"))
    assert go(open_world.browser()).status_code == 422


def test_a_provider_that_does_not_answer_is_said(world):
    settings = OidcSettings("http://127.0.0.1:9", "aftercar", "a secret")
    world.app = create_app(world.store, send=lambda *_: None, clock=lambda: world.now, provider=Provider(settings))
    answer = world.browser().get(START)
    assert answer.status_code == 503
    assert "sign in with e-mail and password" in answer.text


def test_without_a_provider_the_page_offers_none(world):
    assert "organisation" not in world.browser().get("/sign-in").text
    assert world.browser().get(START).status_code == 422


def test_settings_come_from_a_file_and_the_environment(tmp_path):
    file = tmp_path / "sign-in.toml"
    file.write_text('issuer = "https://id.example.org"\nclient_id = "aftercar"\nlabel = "Hospital A"\n')
    found = read_oidc_settings(file, {"AFTERCAR_OIDC_CLIENT_SECRET": "hidden"})
    assert (found.issuer, found.client_secret, found.label) == ("https://id.example.org", "hidden", "Hospital A")
    assert "hidden" not in repr(found)
    assert read_oidc_settings(None, {}) is None
    for text, words in (
        ("issuer = 1", "issuer is missing"),
        ('issuer = "http://id.example.org"\nclient_id = "a"\nclient_secret = "b"', "not an https address"),
        ('issuer = "https://x"\nclient_id = "a"\nclient_secret = "b"\ncolour = "red"', "unknown key 'colour'"),
        ('issuer = "https://x"\nclient_id = "a"\nclient_secret = "b"\n[register]\nrole = "reader"', "[register] is incomplete"),
        ("issuer = ", "not valid TOML"),
    ):
        file.write_text(text)
        with pytest.raises(BadOidcSettings, match=re.escape(words)):
            read_oidc_settings(file, {})
