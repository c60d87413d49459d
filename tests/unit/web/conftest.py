"""A registry with a centre's people, accounts of every role, and a browser without scripts."""

import datetime as dt
import re
import shutil

import pytest
from fastapi.testclient import TestClient

from aftercar.actions import accounts
from aftercar.actions.permissions import ROLES, local_actor
from aftercar.actions.sample_analyses import Bench
from aftercar.store import create_store, open_store
from aftercar.testing.centre import centre_frames
from aftercar.vocab.tables.study import TABLES
from aftercar.web.app import create_app

NOW = dt.datetime(2024, 7, 1, 9, 0, tzinfo=dt.UTC)
PASSWORD = "a long and calm phrase"


def fill(store):
    """40 people of centre C01, three cases, one person of C02, and an account of each role."""
    frames = centre_frames(people=40)
    with store.transaction("setup", "test registry") as change:
        for table in TABLES:
            change.save_many(table.name, frames[table.name].to_dicts())
        change.save("people", {"person_id": "C02-0001", "centre": "C02"})
    details = {"name": "Root", "email": "root@example.org", "organisation": "O", "organisation_type": "registry", "country": "DE"}
    token = accounts.first_link(store, NOW)
    accounts.make_first(store, token, details, PASSWORD, NOW)
    for role in ROLES:
        for centre in ("", "C01", "C02"):
            row = {**details, "name": role, "email": f"{role}{centre.lower()}@example.org", "roles": role, "centres": centre}
            _, invitation = accounts.invite(store, local_actor("setup"), row, NOW)
            accounts.accept(store, invitation, PASSWORD, NOW)
    store.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A SQLite file of a filled registry, to be copied."""
    path = tmp_path_factory.mktemp("web") / "registry.db"
    fill(create_store(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def template_database(postgres):
    """The name of a PostgreSQL database with a filled registry, to be copied."""
    import psycopg

    with psycopg.connect(postgres.address("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE web")
    fill(create_store(postgres.address("web")))
    return "web"


#: Runs a test, or a module's tests, on both engines: where accounts, jobs, conflicts or the trail are at stake.
BOTH_ENGINES = pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)


class Browser(TestClient):
    """A client that reads the hidden token of the page it is on, as a person's browser sends it along."""

    def sign_in(self, email, password=PASSWORD, code=""):
        return self.post("/sign-in", data={"email": email, "password": password, "code": code}, follow_redirects=False)

    def csrf(self, path="/account"):
        return re.search(r'name="csrf" value="([^"]+)"', self.get(path).text)[1]

    def submit(self, path, _page="/account", **fields):
        return self.post(path, data={**fields, "csrf": self.csrf(_page)}, follow_redirects=False)


@pytest.fixture
def url(request, tmp_path):
    """The address of a filled registry of the test's own: SQLite, unless the test asks for PostgreSQL."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return request.getfixturevalue("postgres").copy_of(request.getfixturevalue("template_database"))
    shutil.copy(request.getfixturevalue("template"), tmp_path / "registry.db")
    return f"sqlite:///{tmp_path / 'registry.db'}"


@pytest.fixture
def world(url, tmp_path):
    """The store, its address, the outbox, the clock, and a maker of browsers."""
    store = open_store(url)

    class World:
        now = NOW

        def browser(self, email=None):
            found = Browser(self.app, base_url="http://testserver")
            if email:
                assert found.sign_in(email).status_code == 303
            return found

    world = World()
    world.store, world.url, world.sent = store, url, []
    world.bench = Bench(tmp_path / "files")
    world.start = lambda: create_app(
        world.store, send=lambda *message: world.sent.append(message), bench=world.bench, clock=lambda: world.now
    )
    world.app = world.start()
    yield world
    store.close()


@pytest.fixture
def password():
    """The password of every account."""
    return PASSWORD
