"""Long work on a specimen: keep what was uploaded, analyse it in a worker, keep the verdict with the person.

A job's files live in a folder of its own, named by us; nothing that a person types ever becomes part of a path.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from aftercar.actions.permissions import Actor
from aftercar.actions.registry_people import reach
from aftercar.edges.files import folder_beside
from aftercar.errors import AfterCarError, InputError
from aftercar.store import DatabaseAway, Record, Store, StoreBusy, web_jobs

KIND = "sample_test"
#: Files of a result that can be downloaded.
DOWNLOADS = (
    "verdict.json", "sites.vcf", "sites.bed", "sites.tsv", "evidence.bam", "evidence.bam.bai", "coverage.tsv",
    "junction_fragments.tsv", "junctions.svg",
)  # fmt: skip
_JOB = re.compile(r"[0-9a-f]{32}")
_READS = ((".bam", "reads.bam"), (".fastq.gz", ".fastq.gz"), (".fq.gz", ".fastq.gz"), (".fastq", ".fastq"), (".fq", ".fastq"))
_VECTORS = {".fa": ".fa", ".fasta": ".fa", ".fna": ".fa", ".gb": ".gb", ".gbk": ".gb"}


class Cancelled(Exception):
    """Somebody asked the job to stop, or another worker has it now."""


class Stopped(Exception):
    """The worker is being stopped."""


def patiently(do: Callable[[], Any], stop: Callable[[], bool]) -> Any:
    """What ``do`` gives, once the database answers: hours of work are not thrown away because it is away or busy."""
    while True:
        try:
            return do()
        except (StoreBusy, DatabaseAway):
            if stop():
                raise Stopped from None
            time.sleep(1.0)


class Telling:
    """How far a job is, as a :class:`~aftercar.actions.progress.Progress`: at most one word a second reaches the database."""

    def __init__(self, store: Store, job: web_jobs.Job, stop: Callable[[], bool]) -> None:
        self._store, self._job, self._stop, self._told = store, job, stop, 0.0

    def __call__(self, done: float, total: float | None, words: str) -> None:
        """Note it.

        Raises:
            Stopped: when the worker is being stopped.
            Cancelled: when somebody asked the job to stop, or another worker has it.
        """
        if self._stop():
            raise Stopped
        if time.monotonic() - self._told > 1.0:
            self._tell(min(1.0, done / total) if total else 0.0, words)

    def last(self, words: str) -> None:
        """Before what cannot be taken back: note it in any case, or raise as ``__call__``."""
        self._tell(1.0, words)

    def patiently(self, do: Callable[[], Any]) -> Any:
        """As :func:`patiently`."""
        return patiently(do, self._stop)

    def _tell(self, share: float, words: str) -> None:
        self._told = time.monotonic()
        if not self.patiently(lambda: web_jobs.tell(self._store, self._job, share, words)):
            raise Cancelled


@dataclass(frozen=True)
class Bench:
    """Where analyses run.

    Attributes:
        folder: holds one folder for each job.
        reference, genes: the host's FASTA and gene table, where the server has them.
        largest: bytes that one upload may have.
    """

    folder: Path
    reference: Path | None = None
    genes: Path | None = None
    largest: int = 5_000_000_000


def sample_within_reach(store: Store, actor: Actor, sample_id: str, right: Any) -> Record:
    """A specimen, when the actor may do ``right`` for its person.

    Raises:
        InputError: with the same words whether it does not exist or is out of reach.
        NotPermitted: when the actor has no such right anywhere.
    """
    actor.check(right)
    record = store.get("samples", sample_id)
    try:
        if record is not None:
            reach(store, actor, record["person_id"], right)
            return record
    except InputError:
        pass
    raise InputError(f"there is no specimen {sample_id!r} within your reach", fix="check the identifier")


def submit(
    store: Store,
    actor: Actor,
    bench: Bench,
    sample_id: str,
    reads: Sequence[tuple[str, BinaryIO]],
    vector: tuple[str, BinaryIO],
    purity: str,
    now: dt.datetime,
) -> str:
    """Keep the uploaded files and queue their analysis; returns the job.

    Args:
        store, actor, bench: where, who (needs ``test`` for the person), and the folder.
        sample_id: the specimen.
        reads: names and streams: one BAM, or one or two FASTQ.
        vector: name and stream of the construct, FASTA or GenBank.
        purity: share of tumour cells as typed, or "" to take the specimen's.
        now: the time.

    Raises:
        InputError: naming the file or the value that does not fit; nothing is kept then.
    """
    sample = sample_within_reach(store, actor, sample_id, "test")
    share = _purity(purity, sample)
    names = _names_of([name for name, _ in reads])
    ending = next((new for old, new in _VECTORS.items() if vector[0].lower().endswith(old)), None)
    if ending is None:
        raise InputError("the construct is not FASTA or GenBank", where="vector", fix=f"its name ends in {', '.join(_VECTORS)}")
    job_id = secrets.token_hex(16)
    keep_files(
        bench.folder / job_id,
        [(name, stream) for name, (_, stream) in zip((*names, "vector" + ending), (*reads, vector), strict=True)],
    )
    asked = {"sample_id": sample_id, "reads": names, "vector": "vector" + ending, "purity": share}
    web_jobs.add_job(store, job_id, KIND, actor.name, asked, now)
    return job_id


def keep_files(folder: Path, files: Sequence[tuple[str, BinaryIO]]) -> None:
    """Keep uploaded files under names of our own in a new folder, which is there with all of them or not at all.

    Raises:
        InputError: when one is empty, or the disk does not take it.
    """
    try:
        with folder_beside(folder) as beside:
            for name, stream in files:
                with (beside / name).open("wb") as target:
                    shutil.copyfileobj(stream, target, 1 << 20)
                if (beside / name).stat().st_size == 0:
                    raise InputError("the file is empty", where=name)
    except OSError as error:
        raise InputError(f"the files could not be kept: {error.strerror}", fix="ask an administrator about the disk") from error


def job_of(store: Store, actor: Actor, sample_id: str, job_id: str, right: Any) -> web_jobs.Job:
    """A job of a specimen within reach.

    Raises:
        InputError: when there is none.
    """
    sample_within_reach(store, actor, sample_id, right)
    found = web_jobs.job(store, job_id) if _JOB.fullmatch(job_id) else None
    if found is None or found.kind != KIND or found.asked["sample_id"] != sample_id:
        raise InputError("there is no such analysis of this specimen")
    return found


def result_file(store: Store, actor: Actor, bench: Bench, sample_id: str, job_id: str, name: str) -> Path:
    """A file of a finished analysis; only names in :data:`DOWNLOADS`.

    Raises:
        InputError: for any other name, or when there is no such file.
    """
    job_of(store, actor, sample_id, job_id, "read")
    if name not in DOWNLOADS or not (bench.folder / job_id / "result" / name).is_file():
        raise InputError("there is no such file of this analysis", fix=f"one of {', '.join(DOWNLOADS)}")
    return bench.folder / job_id / "result" / name


def verdict_of(bench: Bench, job_id: str) -> Mapping[str, Any]:
    """The verdict of a finished analysis."""
    found: Mapping[str, Any] = json.loads((bench.folder / job_id / "result" / "verdict.json").read_text(encoding="utf-8"))
    return found


def run_next(store: Store, bench: Bench, clock: Callable[[], dt.datetime], stop: Callable[[], bool] = lambda: False) -> bool:
    """Run the job that waited longest, as :func:`run_job`; False when none waits."""
    job_id = web_jobs.waiting(store)
    if job_id is not None:
        run_job(store, bench, job_id, clock, stop)
    return job_id is not None


def run_job(
    store: Store, bench: Bench, job_id: str, clock: Callable[[], dt.datetime], stop: Callable[[], bool] = lambda: False
) -> None:
    """Run a job to its end; nothing happens when it has ended already. Safe to repeat after a crash.

    Args:
        store, bench, clock: where, and the time.
        job_id: the job.
        stop: says that the worker is being stopped; the job then waits for another.
    """
    from aftercar.actions.long_work import WORK  # every kind of work, and they rest on this module

    job = web_jobs.begin(store, job_id, clock())
    if job is None:
        return
    try:
        state, words = "done", WORK[job.kind](store, bench, job, Telling(store, job, stop), clock)
    except Stopped:
        web_jobs.put_back(store, job)
        return
    except Cancelled:
        state, words = "cancelled", "cancelled"
    except AfterCarError as error:
        state, words = "failed", str(error)
    except Exception as error:  # the worker must live on; the job says that the fault is ours
        state, words = "failed", f"our fault: {type(error).__name__}: {error}"
    with suppress(Stopped):  # another worker ends it
        patiently(lambda: web_jobs.finish(store, job, state, words, clock()), stop)


def files_of(bench: Bench, job_id: str) -> Path:
    """The folder of a job's files.

    Raises:
        InputError: when this machine has none.
    """
    if not (bench.folder / job_id).is_dir():
        raise InputError(
            "the uploaded files are not on this machine", fix="every server and worker needs the same folder (--files)"
        )
    return bench.folder / job_id


def analyse(store: Store, bench: Bench, job: web_jobs.Job, tell: Telling, clock: Callable[[], dt.datetime]) -> str:
    """Test an uploaded sample and keep its verdict; returns the call in words."""
    from aftercar.actions import test_sample as action

    folder = files_of(bench, job.job_id)
    for left in folder.glob(".result.*"):  # of a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    if not (folder / "result").exists():
        tell(0, None, "started")
        action.test_sample(
            [folder / name for name in job.asked["reads"]],
            vector=folder / job.asked["vector"],
            reference=bench.reference,
            genes=bench.genes,
            purity=job.asked["purity"],
            out=folder / "result",
            progress=tell,
        )
    tell.last("keeping the verdict")
    verdict = verdict_of(bench, job.job_id)
    tell.patiently(lambda: _keep(store, bench, job, verdict, clock))
    return str(verdict["call"]).replace("_", " ")


def _keep(store: Store, bench: Bench, job: web_jobs.Job, verdict: Mapping[str, Any], clock: Callable[[], dt.datetime]) -> None:
    """The verdict as a document of the person: a case's axes read it from there."""
    from aftercar import __version__
    from aftercar.edges.files import sha256

    sample = store.get("samples", job.asked["sample_id"])
    if sample is None or store.get("result_documents", job.job_id) is not None:
        return
    row = {
        "document_id": job.job_id,
        "person_id": sample["person_id"],
        "case_id": sample["case_id"],
        "sample_id": sample.key,
        "kind": "transgene_verdict",
        "produced_on": clock().astimezone(dt.UTC).date().isoformat(),
        "produced_by": f"aftercar {__version__}",
        "statement": verdict["call"],
        "document": json.dumps(verdict, sort_keys=True),
        "digest": sha256(bench.folder / job.job_id / "result" / "verdict.json"),
    }
    store.save("result_documents", row, who=job.account_id, why="analysis of an uploaded sample")


def _names_of(given: Sequence[str]) -> list[str]:
    """Names of our own for the uploaded reads, by their kind."""
    kinds = [next((new for old, new in _READS if name.lower().endswith(old)), None) for name in given]
    if kinds == ["reads.bam"]:
        return ["reads.bam"]
    if 1 <= len(kinds) <= 2 and all(kind is not None and kind != "reads.bam" for kind in kinds):
        return [f"reads_{number}{kind}" for number, kind in enumerate(kinds, 1)]
    raise InputError(
        "give one BAM, or one or two FASTQ", where="reads", fix="names end in .bam, .fastq, .fq, .fastq.gz or .fq.gz"
    )


def _purity(text: str, sample: Record) -> float | None:
    if not text.strip():
        return float(sample["purity"]) if sample["purity"] else None
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise InputError(f"purity {text!r} is not above 0 and at most 1", where="purity", fix="such as 0.6")
    return share
