"""The web app under load on loopback: simultaneous users on a registry at size; p50 and p95 of each page.

Run with ``python -m benchmarks.web_load [--people 100000] [--users 50] [--seconds 60] [--think 1.0] [--database URL]``. Every
user is signed in, asks for one page after another (those below, in their shares) and waits about ``--think`` seconds between
two, as a person who works quickly does. The server runs in a process of its own, with an idle worker.
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.registry import simulate

_SERVE = """
import sys, uvicorn
from aftercar.store import open_store
from aftercar.web.app import create_app
uvicorn.run(create_app(open_store(sys.argv[1]), send=lambda *_: None), port=int(sys.argv[2]), log_level="warning")
"""


def pages(people, draw):
    """Page name to an address; drawn anew each time."""
    person = f"P{draw.randrange(people):06d}"
    return {
        "people, a page of the list": (f"/people?number={draw.randrange(1, people // 50)}", 4),
        "people, searched": (f"/people?search={person[:5]}", 3),
        "people, one centre": (f"/people?centre=C{draw.randrange(60):02d}", 2),
        "one person": (f"/people/{person}", 6),
        "cases": ("/cases", 1),
        "form of a contact": (f"/people/{person}/follow_up/new", 2),
        "today (one centre)": ("/", 2),
    }


def fill(people, database):
    """A registry with that many people, an account and a session for each user."""
    from aftercar.actions.permissions import local_actor
    from aftercar.actions.registry_import import import_rows, study_rows
    from aftercar.store import create_store

    with tempfile.TemporaryDirectory() as folder:
        simulate(people, Path(folder) / "study")
        store = create_store(database)
        import_rows(store, local_actor("benchmark"), study_rows(Path(folder) / "study"), why="benchmark", commit=True)
    return store


def sessions(store, users):
    """A signed-in session for each user, each of a centre of their own."""
    from aftercar.actions import accounts
    from aftercar.actions.permissions import local_actor
    from aftercar.store import web as kept
    from aftercar.web.app import utc_now

    details = {"organisation": "O", "organisation_type": "registry", "country": "DE", "roles": "registrar"}
    tokens = []
    for number in range(users):
        row = {**details, "name": f"User {number}", "email": f"user{number}@example.org", "centres": f"C{number:02d}"}
        record, invitation = accounts.invite(store, local_actor("benchmark"), row, utc_now())
        if number == 0:
            accounts.accept(store, invitation, "a long and calm phrase", utc_now())
        else:
            store.save(
                "accounts", {**record.row, "state": "active"}, who="benchmark", why="load", expected_version=record.version
            )
        tokens.append(kept.open_session(store, record.key, utc_now()))
    return tokens


async def user(number, base, token, people, until, think, times, wrong):
    import httpx

    draw = random.Random(number)
    mine = [f"P{i:06d}" for i in range(number % 60, people, 60)]
    async with httpx.AsyncClient(base_url=base, cookies={"aftercar_session": token}, timeout=60) as client:
        await asyncio.sleep(draw.random() * think)
        while time.monotonic() < until:
            choice = pages(people, draw)
            name = draw.choices(list(choice), [share for _, share in choice.values()])[0]
            address = choice[name][0]
            if "/P" in address:  # within this user's centre
                address = "/".join(draw.choice(mine) if part.startswith("P0") else part for part in address.split("/"))
            start = time.perf_counter()
            try:
                status = (await client.get(address)).status_code
            except httpx.TransportError as error:
                status = type(error).__name__
            times.setdefault(name, []).append(time.perf_counter() - start)
            if status != 200:
                wrong.append((address, status))
            await asyncio.sleep(draw.random() * 2 * think)


async def load(base, tokens, people, seconds, think):
    times, wrong = {}, []
    until = time.monotonic() + seconds
    await asyncio.gather(*(user(i, base, token, people, until, think, times, wrong) for i, token in enumerate(tokens)))
    return times, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("people", 100_000), ("users", 50), ("port", 8799)):
        parser.add_argument(f"--{name}", type=int, default=value)
    for name, value in (("seconds", 60.0), ("think", 1.0)):
        parser.add_argument(f"--{name}", type=float, default=value)
    parser.add_argument("--database", default="")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = asked.database or f"sqlite:///{folder}/registry.db"
        start = time.perf_counter()
        store = fill(asked.people, database)
        tokens = sessions(store, asked.users)
        store.close()
        print(f"{asked.people:,} people in {database.split(':')[0]}, filled in {time.perf_counter() - start:.0f} s")
        print("load", os.getloadavg(), flush=True)
        server = subprocess.Popen([sys.executable, "-c", _SERVE, database, str(asked.port)])
        try:
            base = f"http://127.0.0.1:{asked.port}"
            _wait(base)
            times, wrong = asyncio.run(load(base, tokens, asked.people, asked.seconds, asked.think))
        finally:
            server.terminate()
            server.wait()
    print(
        f"{asked.users} users for {asked.seconds:g} s, {2 * asked.think:g} s at most between pages, {os.cpu_count()} processors"
    )
    print(f"{'page':30} {'asked':>7} {'p50 (ms)':>9} {'p95 (ms)':>9} {'worst':>9}")
    for name, values in sorted(times.items()):
        p50, p95 = np.percentile(values, [50, 95]) * 1000
        print(f"{name:30} {len(values):7} {p50:9.0f} {p95:9.0f} {max(values) * 1000:9.0f}")
    print(f"answers other than 200: {len(wrong)} {wrong[:3] or ''}")


def _wait(base):
    import httpx

    for _ in range(100):
        try:
            httpx.get(f"{base}/sign-in", timeout=5)
            return
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main()
