"""Several writers and readers at once, in processes of their own: no update is lost, nobody sees a locked database."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aftercar.store import StaleVersion, StoreBusy, create_store, open_store

WRITER = Path(__file__).with_name("writer.py")


def race(url, seconds, writers=2, readers=10):
    """Run writers and readers; (records added by each writer with conflicts, reads of each reader)."""
    store = create_store(url)
    store.save("people", {"person_id": "counter", "birth_year": 1900}, who="me", why="test")
    commands = [("count", url, seconds, f"writer{i}") for i in range(writers)] + [("read", url, seconds) for _ in range(readers)]
    processes = [
        subprocess.Popen([sys.executable, str(WRITER), *map(str, c)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for c in commands
    ]
    outputs = [process.communicate(timeout=seconds + 120) for process in processes]
    errors = [error for _, error in outputs if error]
    assert errors == []
    lines = [out.split("\n")[1] for out, _ in outputs]
    added = [tuple(map(int, line.split())) for line in lines[:writers]]
    reads = [int(line) for line in lines[writers:]]
    found = store.verify()
    assert found.holds, found.problems
    record = store.get("people", "counter")
    assert record.version == 1 + sum(a for a, _ in added)
    assert record["birth_year"] == 1900 + sum(a for a, _ in added) % 200
    store.close()
    return added, reads


def test_two_writers_and_readers_lose_no_update(url):
    added, reads = race(url, 1.0, readers=2)
    assert all(count > 0 for count, _ in added)
    assert all(count > 0 for count in reads)


def test_a_reader_sees_one_moment(store):
    store.save("people", {"person_id": "P1"}, who="me", why="test")
    with store.snapshot() as connection:
        from aftercar.store.frames import read_frame

        before = read_frame(connection, "people").height
        writer = threading.Thread(target=lambda: store.save("people", {"person_id": "P2"}, who="me", why="test"))
        writer.start()
        writer.join()
        assert read_frame(connection, "people").height == before
    assert store.count("people") == 2


def test_a_writer_that_waits_too_long_is_told_so_in_words(url):
    create_store(url).close()
    first, second = open_store(url), open_store(url, wait=0.3)
    with first.transaction("me", "a long import") as change:
        change.save("people", {"person_id": "P1"})
        with pytest.raises(StoreBusy, match="somebody else is writing") as caught:
            second.save("people", {"person_id": "P2"}, who="you", why="test")
    assert caught.value.exit_status == 5
    assert "locked" not in str(caught.value)
    second.save("people", {"person_id": "P2"}, who="you", why="test")
    assert first.count("people") == 2
    first.close()
    second.close()


def test_threads_that_edit_one_record_get_one_winner(store):
    store.save("people", {"person_id": "P1", "centre": "A"}, who="me", why="test")
    results = []

    def edit(name):
        try:
            store.save("people", {"person_id": "P1", "centre": name}, who=name, why="test", expected_version=1)
            results.append("saved")
        except StaleVersion:
            results.append("conflict")

    threads = [threading.Thread(target=edit, args=(f"T{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["conflict"] * 7 + ["saved"]
