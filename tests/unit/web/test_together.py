"""Several processes on one database: sign-in, expiry, lockout and one-time links hold across them, on both engines."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from aftercar.actions import accounts
from aftercar.actions.permissions import local_actor
from aftercar.errors import AfterCarError
from aftercar.store import create_store, open_store
from aftercar.store import web as kept
from aftercar.web.app import create_app
from tests.unit.web.conftest import BOTH_ENGINES, NOW, PASSWORD, Browser

pytestmark = BOTH_ENGINES
PERSON = {"name": "A", "organisation": "O", "organisation_type": "registry", "country": "DE"}


@pytest.fixture
def second(world):
    """A second process's app: it shares nothing with the first but the database."""
    store = open_store(world.url)
    yield create_app(store, send=lambda *_: None, bench=world.bench, clock=lambda: world.now)
    store.close()


def at_once(stores, do):
    """What ``do`` gives, or the words of its error, in a thread for each store."""

    def one(store):
        try:
            return do(store)
        except AfterCarError as error:
            return error.code

    with ThreadPoolExecutor(len(stores)) as pool:
        return list(pool.map(one, stores))


@pytest.fixture
def stores(url):
    """Eight stores on one database, as eight processes have them."""
    opened = [open_store(url) for _ in range(8)]
    yield opened
    for store in opened:
        store.close()


def test_a_session_holds_in_every_process_and_ends_in_all(world, second):
    first, other = world.browser("root@example.org"), Browser(second, base_url="http://testserver")
    other.cookies.set("aftercar_session", first.cookies["aftercar_session"])
    assert other.get("/people").status_code == 200
    assert other.submit("/account/token", label="from the second").status_code == 200
    assert first.submit("/sign-out", everywhere="yes").status_code == 303
    assert other.get("/people", follow_redirects=False).status_code == 303


def test_a_session_expires_in_every_process(world, second):
    first, other = world.browser("root@example.org"), Browser(second, base_url="http://testserver")
    other.cookies.set("aftercar_session", first.cookies["aftercar_session"])
    for _ in range(5):  # kept alive by either
        world.now += dt.timedelta(hours=1, minutes=50)
        assert other.get("/people", follow_redirects=False).status_code == 200
    world.now += dt.timedelta(hours=2, minutes=1)
    assert first.get("/people", follow_redirects=False).status_code == 303


def test_failures_are_counted_over_all_processes(world, second):
    browsers = [world.browser(), Browser(second, base_url="http://testserver")]
    for number in range(5):
        assert browsers[number % 2].sign_in("root@example.org", "wrong password").status_code == 403
    for browser in browsers:
        assert "too many failed tries" in browser.sign_in("root@example.org").text
    world.now += dt.timedelta(minutes=1)
    assert browsers[1].sign_in("root@example.org").status_code == 303


def test_a_change_in_one_process_is_seen_in_the_other(world, second):
    browser = Browser(second, base_url="http://testserver")
    assert browser.sign_in("registrar@example.org").status_code == 303
    before = browser.get("/today.json").json()
    assert before["tasks_in_all"] > 0
    task = before["tasks"][0]
    fields = {"contact_on": NOW.date().isoformat(), "kind": "examination"}
    assert (
        world.browser("registrar@example.org").submit(f"/people/{task['person_id']}/follow_up/new", **fields).status_code == 303
    )
    after = browser.get("/today.json").json()
    assert after["tasks_in_all"] < before["tasks_in_all"]
    assert task not in after["tasks"]


def test_many_tries_at_once_are_no_more_than_one_by_one(stores):
    def guess(store):
        accounts.sign_in(store, "root@example.org", "wrong password", "", NOW)

    for _ in range(2):
        at_once(stores, guess)
    table = "SELECT count FROM web_failures WHERE email = 'root@example.org'"
    with stores[0].snapshot() as connection:
        assert connection.exec_driver_sql(table).scalar_one() == 5  # of sixteen; the others were not looked at
    with pytest.raises(accounts.SignInRefused, match="too many failed tries"):
        accounts.sign_in(stores[0], "root@example.org", PASSWORD, "", NOW)


def test_a_one_time_link_works_once_when_used_at_once(stores):
    owner = accounts.find(stores[0], "reader@example.org").key
    token = kept.make_token(stores[0], owner, "reset", NOW + dt.timedelta(hours=1))
    found = at_once(stores, lambda store: kept.use_up(store, token, "reset", NOW))
    assert sorted(found, key=str) == [None] * 7 + [owner]
    old = kept.make_token(stores[0], owner, "reset", NOW - dt.timedelta(seconds=1))
    assert kept.use_up(stores[0], old, "reset", NOW) is None


def test_an_address_invited_by_two_at_once_gets_one_account(stores):
    row = {**PERSON, "email": "twice@example.org", "roles": "reader"}
    found = at_once(stores, lambda store: accounts.invite(store, local_actor("me"), row, NOW)[0]["email"])
    assert found.count("twice@example.org") == 1
    assert stores[0].count("accounts", {"email": "twice@example.org"}) == 1


def test_the_first_link_makes_one_administrator(url, request, tmp_path):
    sqlite = url.startswith("sqlite")
    address = f"sqlite:///{tmp_path / 'new.db'}" if sqlite else request.getfixturevalue("postgres").new_database()
    create_store(address).close()
    opened = [open_store(address) for _ in range(4)]
    token = accounts.first_link(opened[0], NOW)

    def first(store):
        return accounts.make_first(store, token, {**PERSON, "email": "a@example.org"}, PASSWORD, NOW)["roles"]

    found = at_once(opened, first)
    assert found.count("administrator") == 1
    assert opened[0].count("accounts") == 1
    for store in opened:
        store.close()
