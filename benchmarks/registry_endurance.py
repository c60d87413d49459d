"""The registry under attack: ``kill -9`` at 50 random moments, then two writers and ten readers at once for a minute.

Run with ``python -m benchmarks.registry_endurance [KILLS] [SECONDS]``; PostgreSQL is included where it is installed.
"""

import importlib.util
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aftercar.store import create_store, open_store
from aftercar.store.errors import NoStore
from tests.postgres import postgres_bin, running_server

TESTS = Path(__file__).resolve().parents[1] / "tests" / "unit" / "store"
WRITER = TESTS / "writer.py"
SIZE = 6_000


def start(*arguments):
    process = subprocess.Popen([sys.executable, str(WRITER), *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


def kill_one(url, kind, rng):
    """Kill one migration, import or save; what was found, in one word."""
    if kind == "migration":
        process, moment = start("init", url), rng.uniform(0, 0.5)
    else:
        store = create_store(url)
        if kind == "save":
            store.save("people", {"person_id": "counter", "birth_year": 1900}, who="me", why="test")
        store.close()
        process, moment = (
            start("load" if kind == "import" else "save", url, SIZE),
            rng.uniform(0, 2.5 if kind == "import" else 0.6),
        )
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    text = process.communicate()[0]
    try:
        store = open_store(url)
    except NoStore:
        store = create_store(url)
    sizes = {store.count(name) for name in ("infusions", "follow_up")}
    assert sizes in ({0}, {SIZE}), f"half-written import: {sizes}"
    assert store.verify().holds
    state = "whole" if sizes == {SIZE} else "nothing"
    if kind == "save":
        confirmed = max([int(line) for line in text.split() if line.isdigit()], default=1900)
        stands = store.get("people", "counter")["birth_year"]
        assert stands in (confirmed, confirmed + 1), f"confirmed {confirmed}, found {stands}"
        state = f"{stands - 1900} saved"
    if kind != "save":
        assert "finished" in start("load", url, SIZE).communicate(timeout=300)[0], "the next run did not complete"
        assert store.count("follow_up") == SIZE
        assert store.verify().holds
    store.close()
    return "finished before the kill" if "finished" in text else state


def endure(kills, seconds, new_url, race):
    rng = random.Random(6)
    found = {}
    for number in range(kills):
        kind = ("import", "migration", "save")[number % 3]
        result = kill_one(new_url(), kind, rng)
        key = (kind, result if kind != "save" else "all confirmed saves there")
        found[key] = found.get(key, 0) + 1
    for (kind, result), count in sorted(found.items()):
        print(f"  killed {kind:10} {count:3} x {result}")
    added, reads = race(new_url(), seconds)
    print(f"  {seconds:g} s, 2 writers: {[a for a, _ in added]} saves, {[c for _, c in added]} conflicts told, 0 lost updates")
    print(f"  10 readers: {sum(reads)} consistent reads ({min(reads)} to {max(reads)} each), 0 errors")


def load(name):
    spec = importlib.util.spec_from_file_location(name, TESTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
    race = load("test_store_together").race
    with tempfile.TemporaryDirectory() as folder:
        numbers = iter(range(10_000))
        print(f"SQLite, {kills} kills")
        endure(kills, seconds, lambda: f"sqlite:///{folder}/registry{next(numbers)}.db", race)
    binaries = postgres_bin()
    if binaries is None:
        print("PostgreSQL: not installed, not run")
        return
    with running_server(binaries) as server:
        print(f"PostgreSQL, {kills} kills")
        endure(kills, seconds, server.new_database, race)


if __name__ == "__main__":
    main()
