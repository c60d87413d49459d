"""kill -9 at any moment leaves nothing half-written; the next run completes."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aftercar.store import create_store, open_store
from aftercar.store.errors import NoStore

WRITER = Path(__file__).with_name("writer.py")
SIZE = 1_500
TABLES = ("people", "infusions", "follow_up")


def start(*arguments):
    process = subprocess.Popen([sys.executable, str(WRITER), *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "ready"
    return process


def kill_after(process, seconds):
    """Kill after a while; True when it was still at work."""
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    text = process.communicate()[0]
    return "finished" not in text, text


def counts(store):
    return [store.count(table) for table in TABLES]


@pytest.mark.parametrize("seed", range(3))
def test_killed_imports_leave_all_or_nothing(url, seed):
    rng = random.Random(seed)
    create_store(url).close()
    killed, _ = kill_after(start("load", url, SIZE), rng.uniform(0.0, 0.9))
    store = open_store(url)
    assert counts(store) in ([0, 0, 0], [SIZE] * 3)
    assert killed or counts(store) == [SIZE] * 3
    assert store.verify().holds
    process = start("load", url, SIZE)
    assert "finished" in process.communicate(timeout=60)[0]
    assert counts(store) == [SIZE] * 3
    assert store.verify().holds
    store.close()


@pytest.mark.parametrize("seed", range(3))
def test_killed_migrations_leave_all_or_nothing(url, seed):
    rng = random.Random(seed)
    kill_after(start("init", url), rng.uniform(0.0, 0.6))
    try:
        opened = open_store(url)
        assert opened.verify().holds
        opened.close()
    except NoStore:
        pass
    store = create_store(url)
    store.save("people", {"person_id": "P1"}, who="me", why="test")
    assert store.verify().holds
    store.close()


@pytest.mark.parametrize("seed", range(2))
def test_killed_saves_lose_nothing_that_was_confirmed(url, seed):
    rng = random.Random(seed)
    store = create_store(url)
    store.save("people", {"person_id": "counter", "birth_year": 1900}, who="me", why="test")
    _, text = kill_after(start("save", url), rng.uniform(0.05, 0.5))
    confirmed = [int(line) for line in text.split() if line.isdigit()]
    stands = store.get("people", "counter")["birth_year"]
    assert stands in (max(confirmed, default=1900), max(confirmed, default=1900) + 1)
    found = store.verify()
    assert found.holds, found.problems
    assert found.entries == stands - 1900 + 1
    store.close()
