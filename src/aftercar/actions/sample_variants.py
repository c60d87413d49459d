"""Variant files of a specimen: keep what was uploaded, call clonal haematopoiesis in it, keep the outcome with the person."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from aftercar.actions import biomarkers_ch
from aftercar.actions.permissions import Actor
from aftercar.actions.sample_analyses import Bench, Telling, files_of, keep_files, sample_within_reach
from aftercar.edges.files import sha256
from aftercar.errors import InputError
from aftercar.store import Store, web_jobs

KIND = "variants_ch"
#: Files of a result that can be downloaded.
DOWNLOADS = ("variants.csv", "genes.csv", "samples.csv")
_ENDINGS = (".vcf", ".vcf.gz", ".bcf", ".maf", ".maf.gz")
_JOB = re.compile(r"[0-9a-f]{32}")


def submit(
    store: Store, actor: Actor, bench: Bench, sample_id: str, variants: tuple[str, BinaryIO], column: str, now: dt.datetime
) -> str:
    """Keep an uploaded variant file and queue its calling; returns the job.

    Args:
        store, actor, bench: where, who (needs ``test`` for the person), and the folder.
        sample_id: the specimen.
        variants: name and stream: VCF, BCF or MAF.
        column: the sample column to read; "" where the file holds one sample.
        now: the time.

    Raises:
        InputError: when the file is none of these; nothing is kept then.
    """
    sample_within_reach(store, actor, sample_id, "test")
    ending = next((end for end in _ENDINGS if variants[0].lower().endswith(end)), None)
    if ending is None:
        raise InputError("the file holds no variants", where="variants", fix=f"its name ends in {', '.join(_ENDINGS)}")
    job_id, name = secrets.token_hex(16), "variants" + ending
    keep_files(bench.folder / job_id, [(name, variants[1])])
    web_jobs.add_job(store, job_id, KIND, actor.name, {"sample_id": sample_id, "variants": name, "column": column}, now)
    return job_id


def variants_job(store: Store, actor: Actor, sample_id: str, job_id: str, right: Any) -> web_jobs.Job:
    """A calling of a specimen within reach.

    Raises:
        InputError: when there is none.
    """
    sample_within_reach(store, actor, sample_id, right)
    found = web_jobs.job(store, job_id) if _JOB.fullmatch(job_id) else None
    if found is None or found.kind != KIND or found.asked["sample_id"] != sample_id:
        raise InputError("there is no such analysis of this specimen")
    return found


def variants_file(store: Store, actor: Actor, bench: Bench, sample_id: str, job_id: str, name: str) -> Path:
    """A file of a finished calling; only names in :data:`DOWNLOADS`.

    Raises:
        InputError: for any other name, or when there is no such file.
    """
    variants_job(store, actor, sample_id, job_id, "read")
    if name not in DOWNLOADS or not (bench.folder / job_id / "result" / name).is_file():
        raise InputError("there is no such file of this analysis", fix=f"one of {', '.join(DOWNLOADS)}")
    return bench.folder / job_id / "result" / name


def outcome_of(bench: Bench, job_id: str) -> Mapping[str, Any]:
    """What a finished calling found: ``sample`` (one row), ``genes`` and ``variants`` (rows of text)."""
    folder = bench.folder / job_id / "result"
    sample, genes, variants = (_rows(folder / name) for name in ("samples.csv", "genes.csv", "variants.csv"))
    return {"sample": sample[0] if sample else {}, "genes": genes, "variants": variants}


def call_variants(store: Store, bench: Bench, job: web_jobs.Job, tell: Telling, clock: Callable[[], dt.datetime]) -> str:
    """Call clonal haematopoiesis in an uploaded file and keep the outcome; safe to repeat; returns the status in words."""
    folder = files_of(bench, job.job_id)
    for left in folder.glob(".result.*"):  # of a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    if not (folder / "result").exists():
        tell(0, None, "reading the variants")
        source = biomarkers_ch.Source(folder / job.asked["variants"], job.asked["sample_id"], job.asked["column"] or None)
        biomarkers_ch.call([source], folder / "result")
    tell.last("keeping the outcome")
    found = outcome_of(bench, job.job_id)
    tell.patiently(lambda: _keep(store, bench, job, found, clock))
    return str(found["sample"].get("status", "no sample")).replace("_", " ")


def _keep(store: Store, bench: Bench, job: web_jobs.Job, found: Mapping[str, Any], clock: Callable[[], dt.datetime]) -> None:
    from aftercar import __version__

    sample = store.get("samples", job.asked["sample_id"])
    if sample is None or store.get("result_documents", job.job_id) is not None:
        return
    row = {
        "document_id": job.job_id,
        "person_id": sample["person_id"],
        "case_id": sample["case_id"],
        "sample_id": sample.key,
        "kind": "clonal_haematopoiesis",
        "produced_on": clock().astimezone(dt.UTC).date().isoformat(),
        "produced_by": f"aftercar {__version__}",
        "statement": found["sample"].get("status"),
        "document": json.dumps(found, sort_keys=True),
        "digest": sha256(bench.folder / job.job_id / job.asked["variants"]),
    }
    store.save("result_documents", row, who=job.account_id, why="variants of an uploaded file")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
