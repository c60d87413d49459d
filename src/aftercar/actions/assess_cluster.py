"""Assess a study with one job a sample, on this machine or a cluster; the result is that of ``assess``, byte for byte.

Beside the result stands ``OUT.workflow``: the Snakemake workflow, its plan, finished samples, hashes of the files, logs, and
what each job took. It may be thrown away after success; kept, the next run redoes only what changed.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aftercar import __version__
from aftercar.actions.analyse_samples import jobs
from aftercar.actions.assess import may_replace
from aftercar.actions.biomarkers_ch import sources_of
from aftercar.actions.site_assays import site_jobs
from aftercar.edges.snakemake import find_snakemake, profile_text, run_workflow, write_workflow
from aftercar.edges.study import Study, read_study

SUMMARY = "summary.txt"


def assess_on_cluster(folder: Path, out: Path, profile: str) -> str:
    """Write the workflow of a study beside ``out``, run it, and return the summary of the findings.

    Args:
        folder: the study.
        out: the result folder.
        profile: ``laptop``, ``slurm``, or a folder with a Snakemake profile.

    Raises:
        SnakemakeMissing, UsageError, InvalidTables: before anything is written.
        InputError, WorkflowFailed: when jobs failed; finished samples are kept.
    """
    program, settings = find_snakemake(), profile_text(profile)
    may_replace(out)
    study = read_study(folder)
    place = out.with_name(f"{out.name}.workflow").resolve()
    write_workflow(place, plan(study, out.resolve(), place / "work"), settings)
    run_workflow(program, place)
    return (place / SUMMARY).read_text(encoding="utf-8")


def plan(study: Study, out: Path, work: Path) -> dict[str, Any]:
    """What the Snakefile needs: for each sample its command, files, settings, memory and time; and the gathering job's."""
    command = [sys.executable, "-m", "aftercar", "assess", str(study.folder), "--work", str(work)]
    samples = {
        sample: {
            "command": shlex.join([*command, "--only", sample]),
            "files": sorted({str(path) for path in files}),
            "settings": settings,
            **needs(files),
        }
        for sample, (files, settings) in _samples(study).items()
    }
    return {
        "samples": samples,
        "tables": sorted(str(path) for path in study.files.values()),
        "gather": shlex.join([*command, "--out", str(out)]),
        "resources": {"mem_mb": 1_000 + 2 * len(samples), "runtime": 10 + len(samples) // 50},
    }


def needs(files: Iterable[Path]) -> dict[str, int]:
    """Memory (MB) and time (minutes) to ask for; from the measurements in ``docs/cluster.md``, with room to spare."""
    gigabytes = sum(path.stat().st_size for path in set(files)) / 1e9
    return {"mem_mb": round(1_500 + 100 * gigabytes), "runtime": round(10 + 3 * gigabytes)}


def _samples(study: Study) -> dict[str, tuple[list[Path], str]]:
    """Each sample to analyse: every file it depends on, and a fingerprint of everything else."""
    rows = {row["sample_id"]: row for row in study.rows("samples")}
    files: dict[str, list[Path]] = {}
    for job in jobs(study):
        files.setdefault(job.sample_id, []).extend(job.files)
    for sites in site_jobs(study):
        files.setdefault(sites.sample_id, []).extend(path for path in (sites.table, sites.said, *sites.run) if path is not None)
    for source in sources_of(study):
        shared = (study.ch_rules, study.ch_depths)
        files.setdefault(source.sample_id, []).extend([source.path, *(path for path in shared if path is not None)])
    return {sample: (found, _fingerprint(study, rows[sample])) for sample, found in files.items()}


def _fingerprint(study: Study, row: dict[str, Any]) -> str:
    text = json.dumps([__version__, str(study.settings), study.genome, row], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
