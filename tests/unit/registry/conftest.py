"""A registry in a temporary folder, and somebody who may do everything."""

import pytest

from aftercar.actions.permissions import local_actor
from aftercar.store import create_store


@pytest.fixture
def store(tmp_path):
    opened = create_store(f"sqlite:///{tmp_path / 'registry.db'}")
    yield opened
    opened.close()


@pytest.fixture
def me():
    return local_actor("Dr Example")
