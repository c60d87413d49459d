"""The registry at size: import a study folder, the due list, the overdue list, verification; seconds and memory.

Run with ``python -m benchmarks.registry [PEOPLE ...]``; default 10,000 and 100,000 people with 15 years of contacts.
Each size runs in a process of its own so that its peak of memory is its own.
"""

import datetime as dt
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

ON = dt.date(2024, 6, 1)


def simulate(people, folder):
    """A study folder: everybody treated in 2009-10, seen about when the plans ask, one contact in ten missed."""
    from aftercar.edges.study import write_study
    from aftercar.edges.tables import empty_frame
    from aftercar.vocab.tables.study import FOLLOW_UP, INFUSIONS, PEOPLE

    rng = np.random.default_rng(11)
    ids = pl.Series([f"P{i:06d}" for i in range(people)])
    start = np.datetime64("2009-01-01") + rng.integers(0, 700, people)
    text = pl.Series(start).cast(pl.Date).dt.to_string("%Y-%m-%d")

    def frame(table, **columns):
        made = pl.DataFrame(columns)
        empty = empty_frame(table)
        rest = [pl.lit(None, kind).alias(name) for name, kind in empty.schema.items() if name not in made.columns]
        return made.with_columns(rest).select(table.names)

    everybody = frame(PEOPLE, person_id=ids, centre=pl.Series([f"C{i % 60:02d}" for i in range(people)]))
    infusions = frame(
        INFUSIONS,
        infusion_id=ids + "-1",
        person_id=ids,
        infused_on=text,
        product=pl.Series(rng.choice(["Yescarta", "Kymriah", "Carvykti"], people)),
        jurisdiction=pl.Series(rng.choice(["EU", "US"], people)),
        setting=pl.Series(["commercial"] * people),
    )
    visits = [100, 182, *(365 * year for year in range(1, 16))]
    contacts = []
    for number, day in enumerate(visits):
        seen = np.flatnonzero(rng.random(people) < 0.9)
        on = start[seen] + day + rng.integers(-20, 40, len(seen))
        seen, on = seen[on <= np.datetime64(ON)], on[on <= np.datetime64(ON)]
        who = ids.gather(seen)
        when = pl.Series(on).cast(pl.Date).dt.to_string("%Y-%m-%d")
        kind = pl.Series(["examination"] * len(seen))
        contacts.append(frame(FOLLOW_UP, contact_id=who + f"-{number:02d}", person_id=who, contact_on=when, kind=kind))
    frames = {"people": everybody, "infusions": infusions, "follow_up": pl.concat(contacts)}
    write_study(folder, title="Simulated", data_lock=ON, frames=frames)
    return frames["follow_up"].height


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def measure(people, folder, database):
    from aftercar.actions.permissions import local_actor
    from aftercar.actions.registry_import import import_rows, study_rows
    from aftercar.store import create_store

    result = {"people": people}
    clock = time.perf_counter
    me, store = local_actor("benchmark"), create_store(database)
    start, cpu = clock(), time.process_time()
    incoming = study_rows(Path(folder))
    result["read and check study (s)"], result["  of it CPU (s)"] = clock() - start, time.process_time() - cpu
    start, cpu = clock(), time.process_time()
    import_rows(store, me, incoming, why="benchmark", commit=True)
    result["import (s)"], result["  of it CPU, import (s)"] = clock() - start, time.process_time() - cpu
    result["contacts"] = store.count("follow_up")
    result["peak after import (GB)"] = peak()
    return result


def lists(people, database):
    from aftercar.actions.permissions import local_actor
    from aftercar.actions.registry_due import plans_in_force, work_lists
    from aftercar.store import open_store

    clock, me = time.perf_counter, local_actor("benchmark")
    store = open_store(database)
    plans = plans_in_force(store)
    result, times, cpus = {}, [], []
    for _ in range(6):
        start, cpu = clock(), time.process_time()
        found = work_lists(store, me, ON, plans)
        times.append(clock() - start)
        cpus.append(time.process_time() - cpu)
    result["due and overdue list, first (s)"] = times[0]
    result["due and overdue list, best of 5 more (s)"] = min(times[1:])
    result["  of it CPU, lists (s)"] = min(cpus[1:])
    result["due tasks"] = found.tasks.filter(pl.col("state") == "due").height
    result["overdue tasks"] = found.tasks.filter(pl.col("state") == "overdue").height
    result["states"] = str(dict(found.people["state"].value_counts(sort=True).iter_rows()))
    result["peak of lists (GB)"] = peak()
    start = clock()
    assert store.verify().holds
    result["verify (s)"] = clock() - start
    return result


def main():
    if sys.argv[1:2] == ["--step"]:
        _, _, step, people, folder, database = sys.argv
        print(json.dumps(measure(int(people), folder, database) if step == "import" else lists(int(people), database)))
        return
    sizes = [int(text) for text in sys.argv[1:]] or [10_000, 100_000]
    table = []
    for people in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder, database = Path(name) / "study", f"sqlite:///{name}/registry.db"
            simulate(people, folder)
            row = {}
            for step in ("import", "lists"):
                command = [sys.executable, "-m", "benchmarks.registry", "--step", step, str(people), str(folder), database]
                row |= json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            start = time.perf_counter()
            command = [sys.executable, "-m", "aftercar", "registry", "due", "--on", ON.isoformat(), "--days", "0", "--by-centre"]
            subprocess.run([*command, "--database", database], check=True, capture_output=True)
            row["command: registry due --by-centre (s)"] = time.perf_counter() - start
            row["database (MB)"] = Path(f"{name}/registry.db").stat().st_size / 1e6
            table.append(row)
    for key in table[0]:
        print(f"{key:45}", *(f"{row[key]:>14,.2f}" if isinstance(row[key], float) else f"{row[key]!s:>14}" for row in table))


if __name__ == "__main__":
    main()
