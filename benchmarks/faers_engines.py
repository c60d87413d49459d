"""When does which engine pay for spontaneous reports? The same questions on DuckDB, PostgreSQL and Spark, by time and memory.

``python -m benchmarks.faers_engines --reports 1000000 --postgres postgresql://user@host/database`` makes the synthetic lake of
:mod:`benchmarks.faers`, asks every engine the same questions through the actions that the command line calls, compares the
answers, and prints seconds by the clock, CPU seconds and the peak of the memory of all processes at work (Linux). PostgreSQL is
left out without ``--postgres``, Spark without pyspark or Java.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from aftercar.actions.signals_disproportionality import Request, pair_table, run
from aftercar.edges.engines import connect
from benchmarks.faers import EVENT

TABLES = ("faers_reports", "faers_drugs", "faers_reactions", "faers_deleted")
CLASS_BY_EVENT = Request(events=(EVENT,))
STRATIFIED = Request(events=(EVENT,), strata=("sex", "age_band"), maskers=5)


TICK = os.sysconf("SC_CLK_TCK")


def proportional_kilobytes(pid: str) -> int:
    """Memory of one process, shared pages divided among those that share them; 0 when it has gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


def at_work() -> dict[str, float]:
    """CPU seconds so far of this process, its descendants, and every PostgreSQL process of the machine."""
    parents, spent, servers = {}, {}, set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                name, fields = (entry / "stat").read_text().rsplit(")", 1)
            except OSError:
                continue
            words = fields.split()
            parents[entry.name], spent[entry.name] = words[1], (int(words[11]) + int(words[12])) / TICK
            if name.split("(", 1)[1].startswith("postgres"):
                servers.add(entry.name)
    found = {str(os.getpid())}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return {pid: spent[pid] for pid in found | servers if pid in spent}


class Watch:
    """The largest sum of memory (GB) and the CPU seconds while the block ran; the last half second of a process is lost."""

    def __enter__(self) -> Watch:
        self.gigabytes, self._stop = 0.0, threading.Event()
        self._before = self._last = at_work()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._last = self._last | at_work()

    @property
    def cpu(self) -> float:
        return sum(seconds - self._before.get(pid, 0.0) for pid, seconds in self._last.items())

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            now = at_work()
            self._last = self._last | now
            self.gigabytes = max(self.gigabytes, sum(map(proportional_kilobytes, now)) / 1e6)


def ask(name: str, url: str, lake: Path, memory: float) -> dict[str, Any]:
    """Every question to one engine; returns the answers without floats' last digits."""
    where = None if name == "postgres" else lake
    answers: dict[str, Any] = {}

    def timed(what: str, work: Callable[[], Any]) -> Any:
        with Watch() as watch:
            start = time.perf_counter()
            found = work()
            seconds = time.perf_counter() - start
        print(f"{name:9s} {what:36s} {seconds:8.1f} s {watch.cpu:8.1f} CPU s   peak {watch.gigabytes:5.1f} GB", flush=True)
        return found

    def question(request: Request) -> list[dict[str, Any]]:
        rows = run(where, request, engine_url=url, memory_gb=memory).rows
        return [{key: float(f"{v:.9g}") if isinstance(v, float) else v for key, v in row.items()} for row in rows]

    if name == "postgres":

        def load() -> None:
            with connect(url) as engine:
                for table in TABLES:
                    engine.copy_in(table, lake / table)
                engine.backend.raw_sql("ANALYZE").close()

        timed("load (COPY, ANALYZE)", load)
    if name == "duckdb":
        shutil.rmtree(lake / "prepared", ignore_errors=True)
    answers["class"] = timed("class x event, first time", lambda: question(CLASS_BY_EVENT))
    answers["again"] = timed("class x event, again", lambda: question(CLASS_BY_EVENT))
    answers["strata"] = timed("by sex and age, five maskers", lambda: question(STRATIFIED))
    out = lake.with_name(f"{lake.name}-{name}-pairs.parquet")
    answers["pairs"], _ = timed("every pair, with EBGM", lambda: pair_table(where, out, engine_url=url, memory_gb=memory))
    counts = pl.read_parquet(out).sort("drug", "event").select("drug", "event", "reports_both", "reports_drug", "reports_event")
    answers["pair_counts"] = int(counts.hash_rows(seed=1).sum() % (1 << 52))
    return answers


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faers_engines")
    parser.add_argument("--reports", type=int, default=1_000_000)
    parser.add_argument("--memory", type=float, default=4.0, help="limit of DuckDB, driver memory of Spark, in GB")
    parser.add_argument("--postgres", default="", help="URL of a server whose tables may be replaced")
    parser.add_argument("--only", default="", help="one engine, in this process")
    chosen = parser.parse_args(arguments)
    lake = Path(f"/tmp/aftercar-faers-{chosen.reports}")
    if not (lake / "manifest.json").exists():
        command = [sys.executable, "-m", "benchmarks.faers", "--generate-only"]
        subprocess.run([*command, "--reports", str(chosen.reports), "--lake", str(lake)], check=True)
    engines = {"duckdb": "duckdb"}
    if chosen.postgres:
        engines["postgres"] = chosen.postgres
    if importlib.util.find_spec("pyspark") is not None and shutil.which("java"):
        engines["spark"] = "spark://local[2]"
    if chosen.only:
        print(json.dumps(ask(chosen.only, engines[chosen.only], lake, chosen.memory)))
        return
    answers = {}
    for name in engines:
        words = ["--reports", str(chosen.reports), "--memory", str(chosen.memory), "--postgres", chosen.postgres, "--only", name]
        command = [sys.executable, "-m", "benchmarks.faers_engines", *words]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        *lines, last = done.stdout.splitlines()
        print("\n".join(lines), flush=True)
        answers[name] = json.loads(last)
    for name, found in answers.items():
        print(f"{name} answers as DuckDB: {found == answers['duckdb']}")


if __name__ == "__main__":
    main()
