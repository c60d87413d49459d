"""The main job: a study goes in; a report, its tables and their provenance come out.

The output folder appears whole or not at all. While the work goes on, finished samples stand in ``OUT.partial`` beside
it, so that an interrupted run goes on where it stopped; a second run takes over every sample whose inputs did not change.
Samples may also be made one by one, each in a process of its own (:func:`assess_sample`); a last run gathers them.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from aftercar import __version__
from aftercar.actions.analyse_samples import analyse, by_case
from aftercar.actions.analyse_variants import CLONAL, analyse_variants
from aftercar.actions.biomarkers_ch import sources_of
from aftercar.actions.progress import Progress, silent
from aftercar.actions.site_assays import analyse_sites, run_reports
from aftercar.cases.site_assays import of_cases
from aftercar.edges.digests import Digests
from aftercar.edges.files import drop_empty, folder_beside, write_text
from aftercar.edges.study import Study, read_study
from aftercar.edges.tables import polars_type, write_table
from aftercar.edges.variants.rules import builtin_rules
from aftercar.errors import UsageError
from aftercar.registry.plan import plan_set
from aftercar.reports.assessment import assessment
from aftercar.reports.blocks import twin
from aftercar.reports.dictionaries import dictionaries
from aftercar.reports.findings import Findings, find
from aftercar.reports.html import render
from aftercar.reports.provenance import with_provenance
from aftercar.reports.site_assays import site_rows
from aftercar.vocab.columns import Column
from aftercar.vocab.tables.biomarkers import CLONAL_SAMPLES
from aftercar.vocab.tables.reports import TABLES
from aftercar.vocab.tables.sites import RESULTS as SITE_RESULTS
from aftercar.vocab.tables.study import SAMPLE_FILES

REPORT = "report.html"
_PROVENANCE = "provenance.json"
#: Folders of a result and of the work before it: one folder a sample in each; and the hashes of files read.
_SAMPLES, _CLONAL, _SITES, _HASHES = "samples", "clonal", "sites", "hashes"


@dataclass(frozen=True)
class Results:
    """What the samples of a study gave.

    Attributes:
        verdicts: content of ``verdict.json`` by sample.
        clonal: rows of the tables of :data:`CLONAL`.
        sites: content of ``site_assay.json`` by sample.
        place: folder that holds the samples' own files.
    """

    verdicts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clonal: Mapping[str, Sequence[dict[str, Any]]] = field(default_factory=dict)
    sites: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    place: Path = Path()


def assess(folder: Path, out: Path, tell: Progress = silent, *, work: Path | None = None) -> Findings:
    """Assess a study folder into ``out``.

    Args:
        folder: the study.
        out: folder to write; an earlier result of this action may stand there and is replaced on success.
        tell: progress.
        work: folder of finished samples and of their files' hashes, kept for the next run; ``OUT.partial`` without one,
            which is gone after success.

    Raises:
        InvalidTables: when the study has problems; nothing is written.
        UsageError: when ``out`` holds something else.
        InputError: when a file of a sample cannot be used; nothing is written to ``out``.
    """
    may_replace(out)
    study = read_study(folder)
    digests = Digests(work / _HASHES if work is not None else None)
    with samples_of(study, out, tell, digests=digests, work=work) as made:
        tell(0, None, "figures and report")
        found = findings_of(study, made)
        with folder_beside(out, replace=True) as inside:
            write_results(inside, study, found, digests)
            _keep_samples(made, inside, study)
    return found


def assess_sample(folder: Path, sample_id: str, work: Path, tell: Progress = silent) -> None:
    """Make one sample of a study ready for :func:`assess` with the same ``work``; other samples may be made at the same time.

    Raises:
        UsageError: when the study has no such sample, or it has neither reads, variants nor sites.
    """
    study = read_study(folder)
    digests = Digests(work / _HASHES)
    verdicts = analyse(study, work / _SAMPLES, work / _SAMPLES, tell, digests=digests, only=sample_id)
    clonal = analyse_variants(study, work / _CLONAL, work / _CLONAL, tell, digests=digests, only=sample_id)
    sites = analyse_sites(study, work / _SITES, work / _SITES, tell, digests=digests, only=sample_id)
    if not verdicts and not clonal[CLONAL_SAMPLES.name] and not sites:
        raise UsageError(f"no sample {sample_id} with reads, variants or sites", where=str(folder), fix="look into samples.csv")


@contextmanager
def samples_of(
    study: Study,
    out: Path,
    tell: Progress,
    *,
    earlier: Path | None = None,
    digests: Digests | None = None,
    work: Path | None = None,
) -> Iterator[Results]:
    """Every sample of a study analysed.

    Args:
        study: the study.
        out: a result folder; unchanged samples are taken over from it.
        tell: progress.
        earlier: another result folder to take them over from.
        digests: remembered hashes.
        work: folder of finished samples that stays; ``OUT.partial`` without one, which goes when the block ends well.
    """
    known = digests or Digests()
    place = work or out.with_name(out.name + ".partial")
    former = earlier or out
    try:
        verdicts = analyse(study, place / _SAMPLES, former / _SAMPLES, tell, digests=known)
        clonal = analyse_variants(study, place / _CLONAL, former / _CLONAL, tell, digests=known)
        sites = analyse_sites(study, place / _SITES, former / _SITES, tell, digests=known)
        yield Results(verdicts, clonal, sites, place)
    except BaseException:
        if work is None:
            drop_empty(place)
        raise
    if work is None:
        shutil.rmtree(place, ignore_errors=True)


def findings_of(study: Study, made: Results) -> Findings:
    """Every figure of a study, given what its samples gave."""
    base_rates = _base_rates(study.background)
    found = find(
        study.title,
        study.data_lock,
        study.frames,
        level=study.settings.level,
        valid_negative_below=study.settings.valid_negative_below,
        near_gene_bases=study.settings.near_gene_bases,
        verdicts=made.verdicts,
        verdict_of_case=by_case(study, made.verdicts),
        site_assays=of_cases(study.rows("samples"), made.sites),
        genome=study.genome,
        base_rates=base_rates,
    )
    clonal = {table.name: made.clonal.get(table.name, []) for table in CLONAL}
    return replace(found, tables={**found.tables, **clonal, **site_rows(study.rows("samples"), made.sites, base_rates)})


def _base_rates(path: Path | None) -> dict[str, tuple[int, int]] | None:
    """Gene -> (ordinary products with a site in it, products looked at); None takes the published values."""
    if path is None:
        return None
    from aftercar.actions.sites_tables import read_background

    found = read_background(path)
    return {gene: (count, found.products) for gene, count in found.table.select("gene", "products_in").iter_rows()}


def write_results(folder: Path, study: Study, found: Findings, digests: Digests) -> None:
    """Write report, tables (CSV and Parquet), machine-readable twin and provenance into an empty folder."""
    provenance = provenance_of(study, digests)
    document = with_provenance(assessment(found, provenance))
    write_text(folder / REPORT, render(document))
    write_text(folder / "report.json", _json(twin(document)))
    write_text(folder / _PROVENANCE, _json(provenance))
    for table in (*TABLES, *CLONAL, *SITE_RESULTS):
        frame = pl.DataFrame(
            [{column.name: row.get(column.name) for column in table.columns} for row in found.tables[table.name]],
            schema={column.name: _type(column) for column in table.columns},
        )
        write_table(folder / "tables" / f"{table.name}.parquet", frame)
        write_table(folder / "tables" / f"{table.name}.csv", frame)


def provenance_of(study: Study, digests: Digests | None = None) -> dict[str, Any]:
    """Inputs with their hashes, versions, settings and data lock; no clock, so that equal input gives equal output."""
    used: dict[str, Path] = {path.name: path for path in study.files.values()}
    for row in study.rows("samples"):
        for column in SAMPLE_FILES:
            used |= {name: study.file(name) for name in (row[column] or "").split(";") if name}
    used |= run_reports(study)
    used |= {path.name: path for path in study.shared_files}
    known = digests or Digests()
    return {
        "title": study.title,
        "data_lock": study.data_lock.isoformat(),
        "genome": study.genome,
        "jurisdictions": list(study.jurisdictions),
        "settings": asdict(study.settings),
        "dictionaries": dictionaries(plan_set(), builtin_rules().label),
        "inputs": {name: known.sha256(path) for name, path in sorted(used.items())},
        "software": {
            "aftercar": __version__,
            "python": ".".join(str(part) for part in sys.version_info[:3]),
            **{name: importlib.metadata.version(name) for name in ("numpy", "scipy", "polars", "pysam")},
        },
    }


def _type(column: Column) -> Any:
    return pl.List(pl.String) if column.kind == "list" else polars_type(column)


def may_replace(out: Path) -> None:
    """Stop unless ``out`` is new, empty or an earlier result of this action.

    Raises:
        UsageError: when it holds something else.
    """
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / _PROVENANCE).is_file())):
        raise UsageError(f"{out} exists and was not made by this command", fix="name another folder with --out")


def _keep_samples(made: Results, folder: Path, study: Study) -> None:
    kept = {_SAMPLES: made.verdicts, _CLONAL: [source.sample_id for source in sources_of(study)], _SITES: made.sites}
    for kind, samples in kept.items():
        for sample in samples:
            shutil.copytree(made.place / kind / sample, folder / kind / sample)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True, default=str) + "\n"
