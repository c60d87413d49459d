"""The one place that knows Snakemake: the workflow that ships with the package, its profiles, and starting it.

Snakemake stays in an environment of its own (it asks for other versions of libraries that we use); it is found on the PATH
or by ``AFTERCAR_SNAKEMAKE``. Nothing of it is kept in the home folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from aftercar.edges.files import write_text
from aftercar.errors import Conflict, InputError, InternalError, MissingEngine, UsageError

_SHIPPED = ("laptop", "slurm")


class SnakemakeMissing(MissingEngine):
    """Snakemake is not installed, or not where it was looked for."""

    code = "snakemake-missing"


class WorkflowFailed(MissingEngine):
    """Jobs failed for a reason outside of the data: killed, out of memory or time, a cluster that does not answer."""

    code = "workflow-failed"


class WorkflowBusy(Conflict):
    """Another run of the same workflow is at work."""

    code = "workflow-busy"


def find_snakemake() -> str:
    """The program.

    Raises:
        SnakemakeMissing: with how to install it.
    """
    named = os.environ.get("AFTERCAR_SNAKEMAKE", "snakemake")
    found = shutil.which(named)
    if found is None:
        raise SnakemakeMissing(
            f"{named} is not there",
            fix="install it in an environment of its own (python3 -m venv snakemake; snakemake/bin/pip install snakemake "
            "snakemake-executor-plugin-slurm) and set AFTERCAR_SNAKEMAKE=.../snakemake/bin/snakemake",
        )
    return found


def profile_text(profile: str) -> str:
    """The ``config.yaml`` of a profile that ships (laptop, slurm), of a folder, or the file itself.

    Raises:
        UsageError: when there is none.
    """
    if profile in _SHIPPED:
        return (_workflow() / "profiles" / profile / "config.yaml").read_text(encoding="utf-8")
    path = Path(profile)
    file = path / "config.yaml" if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"no profile {profile}", fix=f"use {' or '.join(_SHIPPED)}, or a folder with a config.yaml")
    return file.read_text(encoding="utf-8")


def _workflow() -> Any:
    return resources.files("aftercar") / "workflow"


def write_workflow(folder: Path, plan: Mapping[str, Any], profile: str) -> None:
    """Write the workflow, its plan and its profile into ``folder``; marks of finished samples in it stay."""
    write_text(folder / "Snakefile", (_workflow() / "Snakefile").read_text(encoding="utf-8"))
    write_text(folder / "profile" / "config.yaml", profile)
    write_text(folder / "plan.json", json.dumps(plan, indent=1, sort_keys=True) + "\n")
    (folder / "done" / "study").unlink(missing_ok=True)


def run_workflow(program: str, folder: Path) -> None:
    """Run the workflow of ``folder`` to its end; what it says goes to standard error.

    Raises:
        WorkflowBusy: when another run is at work in the folder.
        InputError: when samples failed by their own fault, naming them with what was wrong (InternalError: by ours).
        WorkflowFailed: when it failed otherwise.
    """
    # Our lock in place of Snakemake's, which a killed run leaves behind: this one goes with the processes that hold it.
    command = [program, "--directory", str(folder), "--snakefile", str(folder / "Snakefile"), "--nolock"]
    environment = {"XDG_CACHE_HOME": str(folder / "cache"), **os.environ}
    with _locked(folder) as lock:
        done = subprocess.run(
            [*command, "--profile", str(folder / "profile")],
            check=False,
            env=environment,
            stdout=sys.stderr.fileno(),
            stdin=subprocess.DEVNULL,
            pass_fds=(lock,),
        )
    if done.returncode == 0:
        return
    said = dict(_complaints(folder))
    kept = "finished samples are kept: run the same command again"
    if said:
        words = "; ".join(f"{sample}: {error}" for sample, error in sorted(said.items())[:5])
        more = f" and {len(said) - 5} more" if len(said) > 5 else ""
        ours = any(error.startswith("error [internal]") for error in said.values())
        kind, step = (InternalError, "report it") if ours else (InputError, "mend the input")
        raise kind(f"{len(said)} job(s) failed: {words}{more}", where=str(folder / "logs"), fix=f"{step}; {kept}")
    raise WorkflowFailed(f"snakemake ended with status {done.returncode}", where=str(folder / "logs"), fix=kept)


def _complaints(folder: Path) -> Iterator[tuple[str, str]]:
    """Each unfinished job whose log ends with an error of our own, and that error."""
    for log in sorted((folder / "logs").rglob("*.log")):
        inside = log.relative_to(folder / "logs").with_suffix("")
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if not (folder / "done" / inside).exists() and lines and lines[-1].startswith("error ["):
            yield inside.name, lines[-1]


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    import fcntl

    with (folder / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WorkflowBusy("another run is at work", where=str(folder), fix="wait for it, or stop it first") from None
        yield stream.fileno()
