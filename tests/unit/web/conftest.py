"""A registry with a centre's people, accounts of every role, and a browser without scripts."""

import datetime as dt
import re

import pytest
from fastapi.testclient import TestClient

from aftercar.actions import accounts
from aftercar.actions.permissions import ROLES, local_actor
from aftercar.store import create_store
from aftercar.testing.centre import centre_frames
from aftercar.vocab.tables.study import TABLES
from aftercar.web.app import create_app

NOW = dt.datetime(2024, 7, 1, 9, 0, tzinfo=dt.UTC)
PASSWORD = "a long and calm phrase"


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A database with 40 people of centre C01, three cases, one person of C02, and an account of each role."""
    path = tmp_path_factory.mktemp("web") / "registry.db"
    store = create_store(f"sqlite:///{path}")
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
    return path


class Browser(TestClient):
    """A client that reads the hidden token of the page it is on, as a person's browser sends it along."""

    def sign_in(self, email, password=PASSWORD, code=""):
        return self.post("/sign-in", data={"email": email, "password": password, "code": code}, follow_redirects=False)

    def csrf(self, path="/account"):
        return re.search(r'name="csrf" value="([^"]+)"', self.get(path).text)[1]

    def submit(self, path, _page="/account", **fields):
        return self.post(path, data={**fields, "csrf": self.csrf(_page)}, follow_redirects=False)


@pytest.fixture
def world(template, tmp_path):
    """The store, the outbox, the clock, and a maker of browsers."""
    import shutil

    from aftercar.store import open_store

    shutil.copy(template, tmp_path / "registry.db")
    store = open_store(f"sqlite:///{tmp_path / 'registry.db'}")

    class World:
        now = NOW

        def browser(self, email=None):
            found = Browser(self.app, base_url="http://testserver")
            if email:
                assert found.sign_in(email).status_code == 303
            return found

    world = World()
    world.store, world.sent = store, []
    world.app = create_app(store, send=lambda *message: world.sent.append(message), clock=lambda: world.now)
    yield world
    store.close()


@pytest.fixture
def password():
    """The password of every account."""
    return PASSWORD
