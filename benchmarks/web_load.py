"""The web app under load on loopback: simultaneous users on a registry at size; p50 and p95 of each page.

Run with ``python -m benchmarks.web_load [--people 100000] [--users 50] [--seconds 60] [--think 1.0] [--processes 1]
[--database URL] [--keep]``. Every user is signed in, asks for one page after another (those below, in their shares) and waits
about ``--think`` seconds between two, as a person who works quickly does. One in five sees every centre, the others one each;
some record a contact, so that the lists of the day change all the time. The server is ``aftercar web`` in processes of its own.
With ``--keep`` a database that is filled already is used as it is.
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

CENTRES = 60
CASES = 500


def pages(mine, draw):
    """Page name to an address and its share; drawn anew each time from the people within reach."""
    person = draw.choice(mine)
    return {
        "people, a page of the list": (f"/people?number={draw.randrange(1, max(2, len(mine) // 50))}", 4),
        "people, searched": (f"/people?search={person[:5]}", 3),
        "people, one centre and alive": (f"/people?centre=C{int(person[1:]) % CENTRES:02d}&vital_status=alive", 2),
        "one person": (f"/people/{person}", 6),
        "cases": ("/cases", 1),
        "form of a contact": (f"/people/{person}/follow_up/new", 2),
        "record a contact": (f"/people/{person}/follow_up/new", 1),
        "today": ("/", 3),
    }


def fill(people, database):
    """A registry with that many people, some of them with a case, one in ten with a persistence series."""
    from aftercar.actions.permissions import local_actor
    from aftercar.actions.registry_import import import_rows, study_rows
    from aftercar.store import create_store

    with tempfile.TemporaryDirectory() as folder:
        simulate(people, Path(folder) / "study")
        store = create_store(database)
        import_rows(store, local_actor("benchmark"), study_rows(Path(folder) / "study"), why="benchmark", commit=True)
    draw = random.Random(5)
    cases = [
        {
            "case_id": f"K{number:04d}",
            "person_id": f"P{draw.randrange(people):06d}",
            "diagnosis": "peripheral T-cell lymphoma",
            "diagnosed_on": f"{draw.randrange(2012, 2024)}-05-01",
            "tested": draw.choice(["yes", "no", "unknown"]),
        }
        for number in range(CASES)
    ]
    values = [
        {
            "result_id": f"Q{number:06d}-{month:02d}",
            "person_id": f"P{number:06d}",
            "measured_on": f"2010-{month:02d}-15",
            "method": "qpcr",
            "result": "detected",
            "value": 1000.0 / month**2,
            "unit": "copies/ug",
        }
        for number in range(0, people, 10)
        for month in range(1, 13, 2)
    ]
    with store.transaction("benchmark", "benchmark") as change:
        change.save_many("cases", cases)
        change.save_many("assay_results", values)
    return store


def sessions(store, users):
    """Session token, form token and centre ("" for all) of each user."""
    from aftercar.actions import accounts
    from aftercar.actions.permissions import local_actor
    from aftercar.store import web as kept
    from aftercar.web.app import utc_now

    details = {"organisation": "O", "organisation_type": "registry", "country": "DE", "roles": "registrar"}
    stamp, found = time.monotonic_ns(), []
    for number in range(users):
        centre = "" if number % 5 == 0 else f"C{number % CENTRES:02d}"
        row = {**details, "name": f"User {number}", "email": f"user{stamp}.{number}@example.org", "centres": centre}
        record, _ = accounts.invite(store, local_actor("benchmark"), row, utc_now())
        active = {**record.row, "state": "active"}
        store.save("accounts", active, who="benchmark", why="load", expected_version=record.version)
        token = kept.open_session(store, record.key, utc_now())
        found.append((token, kept.session_of(store, token, utc_now()).csrf, centre))
    return found


async def user(number, base, session, people, until, think, times, wrong):
    import httpx

    draw = random.Random(number)
    token, csrf, centre = session
    mine = [f"P{i:06d}" for i in (range(int(centre[1:]), people, CENTRES) if centre else range(people))]
    async with httpx.AsyncClient(base_url=base, cookies={"aftercar_session": token}, timeout=60) as client:
        await asyncio.sleep(draw.random() * think)
        while time.monotonic() < until:
            choice = pages(mine, draw)
            name = draw.choices(list(choice), [share for _, share in choice.values()])[0]
            address = choice[name][0]
            start = time.perf_counter()
            try:
                if name == "record a contact":
                    day = f"2024-0{draw.randrange(1, 6)}-{draw.randrange(10, 29)}"
                    form = {"csrf": csrf, "contact_on": day, "kind": "examination"}
                    status = (await client.post(address, data=form)).status_code
                else:
                    status = (await client.get(address)).status_code
            except httpx.TransportError as error:
                status = type(error).__name__
            times.setdefault(name, []).append(time.perf_counter() - start)
            if status not in (200, 303):
                wrong.append((address, status))
            await asyncio.sleep(draw.random() * 2 * think)


async def load(base, found, people, seconds, think):
    times, wrong = {}, []
    until = time.monotonic() + seconds
    await asyncio.gather(*(user(i, base, session, people, until, think, times, wrong) for i, session in enumerate(found)))
    return times, wrong


def cpu_of(pid):
    """Seconds of processor time of a process and those it started."""
    ticks = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return ticks / os.sysconf("SC_CLK_TCK") + sum(cpu_of(child) for child in children)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("people", 100_000), ("users", 50), ("port", 8799), ("processes", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    for name, value in (("seconds", 60.0), ("think", 1.0)):
        parser.add_argument(f"--{name}", type=float, default=value)
    parser.add_argument("--database", default="")
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = asked.database or f"sqlite:///{folder}/registry.db"
        store = filled(asked, database)
        found = sessions(store, asked.users)
        store.close()
        print("load of the machine before", os.getloadavg(), flush=True)
        options = [
            "--port",
            asked.port,
            "--processes",
            asked.processes,
            "--files",
            f"{folder}/files",
            "--outbox",
            f"{folder}/outbox",
        ]
        command = [sys.executable, "-m", "aftercar", "web", "--database", database, *map(str, options)]
        server = subprocess.Popen(command, cwd=folder)
        try:
            base = f"http://127.0.0.1:{asked.port}"
            _wait(base, found[0][0])
            before = cpu_of(server.pid)
            times, wrong = asyncio.run(load(base, found, asked.people, asked.seconds, asked.think))
            cpu = cpu_of(server.pid) - before
        finally:
            server.terminate()
            server.wait()
    print("load of the machine after", os.getloadavg())
    number = sum(map(len, times.values()))
    print(
        f"{asked.users} users for {asked.seconds:g} s, {2 * asked.think:g} s at most between pages, {os.cpu_count()} processors"
    )
    print(
        f"{number} answers from {asked.processes} process(es), {1000 * cpu / number:.0f} ms of the server's processor time each"
    )
    print(f"{'page':30} {'asked':>7} {'p50 (ms)':>9} {'p95 (ms)':>9} {'worst':>9}")
    for name, values in sorted(times.items()):
        p50, p95 = np.percentile(values, [50, 95]) * 1000
        print(f"{name:30} {len(values):7} {p50:9.0f} {p95:9.0f} {max(values) * 1000:9.0f}")
    print(f"answers that were none: {len(wrong)} {wrong[:3] or ''}")


def filled(asked, database):
    """The registry, filled unless it is to be kept and is."""
    from aftercar.store import create_store

    store = create_store(database)
    if asked.keep and store.count("people"):
        return store
    store.close()
    start = time.perf_counter()
    store = fill(asked.people, database)
    print(f"{asked.people:,} people in {database.split(':')[0]}, filled in {time.perf_counter() - start:.0f} s")
    return store


def _wait(base, session):
    """Until the server answers and has computed the lists of the day, as it does once after its start."""
    import httpx

    for _ in range(300):
        try:
            httpx.get(f"{base}/", cookies={"aftercar_session": session}, timeout=120)
            return
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main()
