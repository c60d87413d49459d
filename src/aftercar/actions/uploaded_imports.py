"""Bring an uploaded study folder, workbook or tables into the registry: checked and rehearsed first, kept when a person says so.

Files lie in a folder named by us; what a person types never becomes part of a path. Checking and keeping are long work.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from aftercar.actions.accounts import actor_of
from aftercar.actions.permissions import Actor
from aftercar.actions.registry_import import Incoming, OnChange, digest_of, import_rows, study_rows, workbook_rows
from aftercar.actions.sample_analyses import Bench, Telling, files_of, keep_files
from aftercar.edges.files import write_text
from aftercar.edges.tables import read_table
from aftercar.edges.unzipped import inspected, unpack
from aftercar.errors import InputError, InvalidTables, NotPermitted, Problem, UsageError
from aftercar.store import Store, web_jobs
from aftercar.vocab.tables.study import TABLES

CHECK, KEEP = "import_check", "import_keep"
#: What happens to records that are in the registry with other values.
CHOICES: Mapping[str, str] = {
    "stop": "Stop: nothing is imported while a record differs",
    "update": "Take the new values, as new versions",
    "keep": "Keep the registry's values, add only what is new",
}
#: Problems and differences that a page shows; the counts are of all.
MOST_SHOWN = 500
Clock = Callable[[], dt.datetime]
_JOB = re.compile(r"[0-9a-f]{32}")
_TABLES = {table.name: table for table in TABLES}


def submit(store: Store, actor: Actor, bench: Bench, files: Sequence[tuple[str, BinaryIO]], now: dt.datetime) -> str:
    """Keep the uploaded files and queue their check; returns the job.

    Args:
        store, actor, bench: where, who (needs ``import``), and the folder.
        files: names and streams: one zip of a study folder, one workbook, or CSV files named as the tables are.
        now: the time.

    Raises:
        InputError: naming the file that does not fit; nothing is kept then.
    """
    actor.check("import")
    names = _names_of([name for name, _ in files])
    job_id = secrets.token_hex(16)
    keep_files(bench.folder / job_id, [(name, stream) for name, (_, stream) in zip(names, files, strict=True)])
    web_jobs.add_job(store, job_id, CHECK, actor.name, {"files": names}, now)
    return job_id


def import_job(store: Store, actor: Actor, job_id: str) -> web_jobs.Job:
    """One's own import.

    Raises:
        InputError: when there is none of the actor's.
    """
    actor.check("import")
    found = web_jobs.job(store, job_id) if _JOB.fullmatch(job_id) else None
    if found is None or found.kind not in (CHECK, KEEP) or found.account_id != actor.name:
        raise InputError("there is no such import of yours")
    return found


def imports_of(store: Store, actor: Actor) -> list[web_jobs.Job]:
    """One's own imports, newest first."""
    actor.check("import")
    found = [job for kind in (CHECK, KEEP) for job in web_jobs.jobs_of(store, kind) if job.account_id == actor.name]
    return sorted(found, key=lambda job: job.created_at, reverse=True)


def preview_of(bench: Bench, job_id: str) -> Mapping[str, Any]:
    """What a finished check found: ``tables``, ``differences``, ``problems`` and how many of each; {} before it is done."""
    path = bench.folder / job_id / "preview.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def may_keep(bench: Bench, job: web_jobs.Job) -> bool:
    """Whether a check is done without problems and its files are still there."""
    found = preview_of(bench, job.job_id)
    here = all((bench.folder / job.job_id / name).is_file() for name in job.asked["files"])
    return job.kind == CHECK and job.state == "done" and here and not found.get("problem_count", 1)


def keep(store: Store, actor: Actor, bench: Bench, job_id: str, on_change: str, why: str, now: dt.datetime) -> str:
    """Queue the import of what was checked; returns the job.

    Raises:
        InputError: when the check is not done or found problems, or its files are gone.
        UsageError: without a reason, or for an unknown choice.
    """
    if not may_keep(bench, import_job(store, actor, job_id)):
        raise InputError("this upload cannot be imported", fix="correct its problems and upload it again")
    if on_change not in CHOICES or not why.strip():
        raise UsageError("say what happens to records that differ, and why this is imported")
    new = secrets.token_hex(16)
    asked = {"files": preview_of(bench, job_id)["files"], "of": job_id, "on_change": on_change, "why": why}
    web_jobs.add_job(store, new, KEEP, actor.name, asked, now)
    return new


def discard(store: Store, actor: Actor, bench: Bench, job_id: str) -> None:
    """Remove the uploaded files and what was found in them; nothing of them is in the registry by that."""
    import_job(store, actor, job_id)
    shutil.rmtree(bench.folder / job_id, ignore_errors=True)


def run_check(store: Store, bench: Bench, job: web_jobs.Job, tell: Telling, _clock: Clock) -> str:
    """Check and rehearse what was uploaded, and write down what was found; safe to repeat."""
    folder = files_of(bench, job.job_id)
    problems: Sequence[Problem] = ()
    tables: list[dict[str, Any]] = []
    differing: list[dict[str, Any]] = []
    try:
        tell(0, 3, "reading the files")
        incoming = incoming_of(folder, job.asked["files"], bench.largest)
        tell(1, 3, "comparing with the registry")
        done = import_rows(store, _actor(store, job), incoming, why="rehearsal", commit=False)
        tables = done.summary()
        tell(2, 3, "listing what would change")
        differing = done.differences()
        shown = [{**row, "values": _values(store, incoming, row)} for row in differing[:MOST_SHOWN]]
    except InvalidTables as error:
        problems, shown = error.problems, []
    found = {
        "files": job.asked["files"],
        "tables": tables,
        "difference_count": len(differing),
        "differences": shown,
        "problem_count": len(problems),
        "problems": [str(problem) for problem in problems[:MOST_SHOWN]],
    }
    write_text(folder / "preview.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return f"{len(problems):,} problem(s)" if problems else f"{_touched(tables):,} record(s) would be added or changed"


def run_keep(store: Store, bench: Bench, job: web_jobs.Job, tell: Telling, _clock: Clock) -> str:
    """Import what was checked, in one transaction; a repeated run finds everything there and changes nothing."""
    folder = files_of(bench, job.asked["of"])
    tell(0, 2, "reading the files")
    incoming = incoming_of(folder, job.asked["files"], bench.largest)
    tell.last("importing; this can no longer be cancelled")
    on_change = cast(OnChange, job.asked["on_change"])
    done = tell.patiently(
        lambda: import_rows(store, _actor(store, job), incoming, why=job.asked["why"], commit=True, on_change=on_change)
    )
    for name in job.asked["files"]:  # what is in the registry lies nowhere else
        (folder / name).unlink(missing_ok=True)
    return f"imported: {done.touched:,} record(s) added or changed"


def incoming_of(folder: Path, names: Sequence[str], largest: int) -> Incoming:
    """The rows of uploaded files.

    Raises:
        InvalidTables: with every problem, by file and line.
        BadArchive, NotAStudy, BadWorkbook: when a file is not what its name says.
    """
    if not all((folder / name).is_file() for name in names):
        raise InputError("the uploaded files are gone", fix="upload them again")
    if names == ["study.zip"]:
        inside = folder / "study"
        shutil.rmtree(inside, ignore_errors=True)
        unpack(folder / "study.zip", inside, largest)
        try:
            return study_rows(_study_folder(inside))
        finally:
            shutil.rmtree(inside, ignore_errors=True)
    if names == ["study.xlsx"]:
        inspected(folder / "study.xlsx", largest)
        return workbook_rows(folder / "study.xlsx")
    return _table_rows(folder, names)


def _table_rows(folder: Path, names: Sequence[str]) -> Incoming:
    problems: list[Problem] = []
    reads = [read_table(folder / name, _TABLES[name.removesuffix(".csv")], problems) for name in names]
    if problems:
        raise InvalidTables(problems)
    rows = {read.table.name: read.frame.to_dicts() for read in reads}
    return Incoming("tables", ", ".join(names), digest_of([folder / name for name in names]), rows)


def _study_folder(inside: Path) -> Path:
    """Where study.toml lies: at the top of the archive, or in its only folder."""
    tops = list(inside.iterdir())
    return tops[0] if not (inside / "study.toml").exists() and len(tops) == 1 and tops[0].is_dir() else inside


def _names_of(given: Sequence[str]) -> list[str]:
    """Names of our own, by kind; tables go by their file's name."""
    lower = [name.replace("\\", "/").rsplit("/", 1)[-1].lower() for name in given]
    if len(lower) == 1 and lower[0].endswith((".zip", ".xlsx")):
        return ["study" + lower[0][lower[0].rindex(".") :]]
    for name in lower:
        if not name.endswith(".csv") or name.removesuffix(".csv") not in _TABLES:
            raise InputError(
                "a file is neither a table nor a study", where=name[:60], fix=f"one .zip or .xlsx, or CSV of {', '.join(_TABLES)}"
            )
    if not lower or len(set(lower)) != len(lower):
        raise InputError("give one .zip, one .xlsx, or each table once", where="files")
    return lower


def _values(store: Store, incoming: Incoming, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Old and new value of each column of a record that differs."""
    record = store.get(row["table"], row["record"])
    key = _TABLES[row["table"]].key if row["table"] in _TABLES else ()
    new = next((item for item in incoming.rows[row["table"]] if "|".join(str(item[n]) for n in key) == row["record"]), {})
    return [
        {"column": name, "old": record[name] if record else None, "new": new.get(name)} for name in row["columns"].split(", ")
    ]


def _actor(store: Store, job: web_jobs.Job) -> Actor:
    """Who asked, with the rights of now."""
    found = actor_of(store, job.account_id)
    if found is None:
        raise NotPermitted("the account that asked is no longer active")
    return found


def _touched(tables: Sequence[Mapping[str, Any]]) -> int:
    return sum(row["added"] + row["changed"] for row in tables)
