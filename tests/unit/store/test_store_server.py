"""What a person is told when the PostgreSQL server is away, or has no such database."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from aftercar.store import DatabaseAway, NoStore, create_store, open_store


def test_a_database_that_is_not_there_is_said(postgres):
    with pytest.raises(NoStore, match=r'database "nowhere" does not exist.*createdb') as caught:
        create_store(postgres.address("nowhere"))
    assert caught.value.exit_status == 3


def test_a_server_that_is_away_is_said():
    with pytest.raises(DatabaseAway, match="does not answer") as caught:
        create_store("postgresql://nobody@127.0.0.1:1/registry")
    assert caught.value.exit_status == 4


def test_connections_that_the_server_ended_are_made_anew(postgres):
    import psycopg

    address = postgres.new_database()
    create_store(address).close()
    store = open_store(address)
    assert store.count("people") == 0
    with psycopg.connect(postgres.address("postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert store.count("people") == 0
    store.close()


def test_several_programs_may_make_one_registry_at_once(postgres):
    """The pages and their workers are started together, on an empty database."""
    for _ in range(3):
        address = postgres.new_database()
        with ThreadPoolExecutor(6) as pool:
            stores = list(pool.map(lambda _: create_store(address), range(6)))  # noqa: B023  the pool ends with the turn
        for store in stores:
            assert store.count("people") == 0
            store.close()
