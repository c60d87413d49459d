"""Analyse every sample of a study that has reads, redoing only what changed.

Each sample's result is a folder that appears whole or not at all. A key file in it holds the hashes of its inputs,
the settings and the version; a folder with an equal key is taken over instead of being made again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aftercar import __version__
from aftercar.actions.progress import Progress
from aftercar.edges.files import folder_beside, sha256, write_text
from aftercar.edges.study import Study
from aftercar.errors import AfterCarError, InputError

_KEY = "inputs.json"


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

    def key(self) -> dict[str, Any]:
        """What the result depends on; equal keys mean equal results."""
        files = {path.name: sha256(path) for path in (*self.reads, *self.normal, self.vector)}
        for name, path in (("reference", self.reference), ("genes", self.genes)):
            files[name] = sha256(path) if path is not None else ""
        return {"version": __version__, "files": files, "purity": self.row["purity"], "ploidy": self.row["ploidy"]}


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


def analyse(study: Study, work: Path, earlier: Path, tell: Progress) -> dict[str, dict[str, Any]]:
    """The verdict of each sample with reads (content of ``verdict.json``), by ``sample_id``.

    Args:
        study: the study.
        work: folder that receives one folder a sample; those finished in an interrupted run are taken over.
        earlier: the sample folders of an earlier run, taken over where nothing changed.
        tell: progress.
    """
    todo = jobs(study)
    verdicts = {}
    for number, job in enumerate(todo):
        tell(number, len(todo), f"sample {job.sample_id}")
        verdicts[job.sample_id] = _one(study, job, work / job.sample_id, earlier / job.sample_id, tell)
    return verdicts


def _one(study: Study, job: SampleJob, place: Path, earlier: Path, tell: Progress) -> dict[str, Any]:
    key = json.dumps({**job.key(), "settings": str(study.settings)}, indent=1, sort_keys=True)
    for candidate in (place, earlier):
        if (candidate / _KEY).is_file() and (candidate / _KEY).read_text(encoding="utf-8") == key:
            if candidate != place:
                shutil.rmtree(place, ignore_errors=True)
                shutil.copytree(candidate, place)
            return _read(place)
    shutil.rmtree(place, ignore_errors=True)
    with folder_beside(place) as inside:
        _test(study, job, inside / "result", tell)
        for path in sorted((inside / "result").iterdir()):
            path.rename(inside / path.name)
        (inside / "result").rmdir()
        write_text(inside / _KEY, key)
    return _read(place)


def _read(place: Path) -> dict[str, Any]:
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
