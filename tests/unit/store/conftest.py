"""Every behaviour runs on SQLite and on PostgreSQL (see ``tests/postgres.py``)."""

import pytest

from aftercar.store import create_store


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.db'}"
    return request.getfixturevalue("postgres").new_database()


@pytest.fixture
def store(url):
    opened = create_store(url)
    yield opened
    opened.close()
