"""The main job: a study goes in; a report, its tables and their provenance come out.

The output folder appears whole or not at all. While the work goes on, finished samples stand in ``OUT.partial`` beside
it, so that an interrupted run goes on where it stopped; a second run takes over every sample whose inputs did not change.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from aftercar import __version__
from aftercar.actions.analyse_samples import analyse, by_case
from aftercar.actions.progress import Progress, silent
from aftercar.edges.files import folder_beside, sha256, write_text
from aftercar.edges.study import Study, read_study
from aftercar.edges.tables import polars_type, write_table
from aftercar.errors import UsageError
from aftercar.reports.assessment import assessment
from aftercar.reports.blocks import twin
from aftercar.reports.findings import Findings, find
from aftercar.reports.html import render
from aftercar.vocab.columns import Column
from aftercar.vocab.tables.reports import TABLES
from aftercar.vocab.tables.study import SAMPLE_FILES

REPORT = "report.html"
_PROVENANCE = "provenance.json"


def assess(folder: Path, out: Path, tell: Progress = silent) -> Findings:
    """Assess a study folder into ``out``.

    Args:
        folder: the study.
        out: folder to write; an earlier result of this action may stand there and is replaced on success.
        tell: progress.

    Raises:
        InvalidTables: when the study has problems; nothing is written.
        UsageError: when ``out`` holds something else.
        InputError: when a file of a sample cannot be used; nothing is written to ``out``.
    """
    _may_replace(out)
    study = read_study(folder)
    work = out.with_name(out.name + ".partial")
    work.mkdir(parents=True, exist_ok=True)
    try:
        verdicts = analyse(study, work, out / "samples", tell)
        tell(0, None, "figures and report")
        found = findings_of(study, verdicts)
        with folder_beside(out, replace=True) as inside:
            write_results(inside, study, found)
            _keep_samples(work, inside / "samples", verdicts)
    finally:
        if not any(work.iterdir()):
            work.rmdir()
    shutil.rmtree(work, ignore_errors=True)
    return found


def findings_of(study: Study, verdicts: Mapping[str, Mapping[str, Any]]) -> Findings:
    """Every figure of a study, given the verdicts of its samples."""
    return find(
        study.title,
        study.data_lock,
        study.frames,
        level=study.settings.level,
        valid_negative_below=study.settings.valid_negative_below,
        near_gene_bases=study.settings.near_gene_bases,
        verdicts=verdicts,
        verdict_of_case=by_case(study, verdicts),
        genome=study.genome,
        base_rates=_base_rates(study.background),
    )


def _base_rates(path: Path | None) -> dict[str, tuple[int, int]] | None:
    """Gene -> (ordinary products with a site in it, products looked at); None takes the published values."""
    if path is None:
        return None
    from aftercar.actions.sites_tables import read_background

    found = read_background(path)
    return {gene: (count, found.products) for gene, count in found.table.select("gene", "products_in").iter_rows()}


def write_results(folder: Path, study: Study, found: Findings) -> None:
    """Write report, tables (CSV and Parquet), machine-readable twin and provenance into an empty folder."""
    provenance = provenance_of(study)
    document = assessment(found, provenance)
    write_text(folder / REPORT, render(document))
    write_text(folder / "report.json", _json(twin(document)))
    write_text(folder / _PROVENANCE, _json(provenance))
    for table in TABLES:
        frame = pl.DataFrame(
            [{column.name: row.get(column.name) for column in table.columns} for row in found.tables[table.name]],
            schema={column.name: _type(column) for column in table.columns},
        )
        write_table(folder / "tables" / f"{table.name}.parquet", frame)
        write_table(folder / "tables" / f"{table.name}.csv", frame)


def provenance_of(study: Study) -> dict[str, Any]:
    """Inputs with their hashes, versions, settings and data lock; no clock, so that equal input gives equal output."""
    used: dict[str, Path] = {path.name: path for path in study.files.values()}
    for row in study.rows("samples"):
        for column in SAMPLE_FILES:
            used |= {name: study.file(name) for name in (row[column] or "").split(";") if name}
    used |= {path.name: path for path in (study.reference, study.genes, study.vector, study.background) if path is not None}
    return {
        "title": study.title,
        "data_lock": study.data_lock.isoformat(),
        "genome": study.genome,
        "jurisdictions": list(study.jurisdictions),
        "settings": asdict(study.settings),
        "inputs": {name: sha256(path) for name, path in sorted(used.items())},
        "software": {
            "aftercar": __version__,
            "python": ".".join(str(part) for part in sys.version_info[:3]),
            **{name: importlib.metadata.version(name) for name in ("numpy", "scipy", "polars", "pysam")},
        },
    }


def _type(column: Column) -> Any:
    return pl.List(pl.String) if column.kind == "list" else polars_type(column)


def _may_replace(out: Path) -> None:
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / _PROVENANCE).is_file())):
        raise UsageError(f"{out} exists and was not made by this command", fix="name another folder with --out")


def _keep_samples(work: Path, place: Path, verdicts: Mapping[str, Any]) -> None:
    for sample in verdicts:
        shutil.copytree(work / sample, place / sample)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True, default=str) + "\n"
