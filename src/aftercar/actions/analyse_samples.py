"""Analyse every sample of a study that has reads, redoing only what changed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aftercar.actions.kept_results import keep_or_make
from aftercar.actions.progress import Progress
from aftercar.edges.digests import Digests
from aftercar.edges.study import Study
from aftercar.errors import AfterCarError, InputError

#: Assays that enrich chosen parts: the host's depth says nothing of the vector's, so a negative has no limit.
CAPTURED = ("capture", "amplicon")


@dataclass(frozen=True)
class SampleJob:
    """One sample to analyse: its row, and its files made absolute."""

    sample_id: str
    row: Mapping[str, Any]
    reads: tuple[Path, ...]
    normal: tuple[Path, ...]
    vector: Path
    reference: Path | None
    genes: Path | None

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is read for this sample."""
        return (*self.reads, *self.normal, self.vector, *(path for path in (self.reference, self.genes) if path is not None))

    def inputs(self, digests: Digests) -> dict[str, Any]:
        """What the result depends on."""
        return {
            "reads": [[path.name, digests.sha256(path)] for path in self.reads],
            "normal": [[path.name, digests.sha256(path)] for path in self.normal],
            "vector": digests.sha256(self.vector),
            "reference": digests.sha256(self.reference) if self.reference is not None else "",
            "genes": digests.sha256(self.genes) if self.genes is not None else "",
            "assay": self.row["assay"],
            "purity": self.row["purity"],
            "ploidy": self.row["ploidy"],
        }


def jobs(study: Study) -> list[SampleJob]:
    """The samples of a study whose reads can be tested for the vector.

    Raises:
        InputError: when a sample with reads has no vector.
    """
    found = []
    for row in study.rows("samples"):
        if not row["reads"] or row["assay"] not in (None, "wgs", "capture", "amplicon", "long_read"):
            continue
        vector = study.file(row["vector"]) if row["vector"] else study.vector
        if vector is None:
            raise InputError(
                "a sample has reads but no vector",
                where=f"samples.csv, sample_id {row['sample_id']}",
                fix="fill in its column vector, or vector in study.toml",
            )
        found.append(
            SampleJob(
                sample_id=row["sample_id"],
                row=row,
                vector=vector,
                genes=study.genes,
                reads=tuple(study.file(name) for name in row["reads"].split(";")),
                normal=tuple(study.file(name) for name in (row["normal_reads"] or "").split(";") if name),
                reference=study.file(row["reference"]) if row["reference"] else study.reference,
            )
        )
    return found


def analyse(
    study: Study, work: Path, earlier: Path, tell: Progress, *, digests: Digests | None = None, only: str | None = None
) -> dict[str, dict[str, Any]]:
    """The verdict of each sample with reads (content of ``verdict.json``), by ``sample_id``.

    Args:
        study: the study.
        work: folder that receives one folder a sample; those finished in an interrupted run are taken over.
        earlier: the sample folders of an earlier run, taken over where nothing changed.
        tell: progress.
        digests: remembered hashes of the files.
        only: look at this sample alone.
    """
    known = digests or Digests()
    todo = [job for job in jobs(study) if only is None or job.sample_id == only]
    verdicts = {}
    for number, job in enumerate(todo):
        tell(number, len(todo), f"sample {job.sample_id}")
        verdicts[job.sample_id] = _one(study, job, work / job.sample_id, earlier / job.sample_id, known, tell)
    return verdicts


def _one(study: Study, job: SampleJob, place: Path, earlier: Path, digests: Digests, tell: Progress) -> dict[str, Any]:
    inputs = {**job.inputs(digests), "settings": str(study.settings)}
    keep_or_make(place, earlier, inputs, lambda out: _test(study, job, out, tell))
    content: dict[str, Any] = json.loads((place / "verdict.json").read_text(encoding="utf-8"))
    return content


def _test(study: Study, job: SampleJob, out: Path, tell: Progress) -> None:
    from aftercar.actions.test_sample import test_sample
    from aftercar.evidence.settings import Settings

    try:
        test_sample(
            job.reads,
            vector=job.vector,
            reference=job.reference,
            out=out,
            genes=job.genes,
            purity=job.row["purity"],
            ploidy=job.row["ploidy"] or 2.0,
            normal=job.normal,
            host_depth=math.nan if job.row["assay"] in CAPTURED else None,
            sample=job.sample_id,
            settings=Settings(valid_limit=study.settings.valid_negative_below),
            progress=tell,
        )
    except AfterCarError as error:
        error.where = f"sample {job.sample_id}, {error.where}" if error.where else f"sample {job.sample_id}"
        raise


def by_case(study: Study, verdicts: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """One verdict for each case: that of its tumour sample, the most telling where there are several."""
    order: Sequence[str] = ("present_clonal", "present_subclonal", "contamination_suspected", "not_detected", "inconclusive")
    chosen: dict[str, Mapping[str, Any]] = {}
    for row in study.rows("samples"):
        case, verdict = row["case_id"], verdicts.get(row["sample_id"])
        if case is None or verdict is None or row["material"] not in ("tumour", "car_positive_cells"):
            continue
        if case not in chosen or order.index(verdict["call"]) < order.index(chosen[case]["call"]):
            chosen[case] = verdict
    return chosen
