"""Integration-site assays of a study: read a sample's site table, or call the LM-PCR run that holds it.

Each result is a folder that appears whole or not at all (``sites.csv``, ``site_assay.json``), kept under a key of its inputs
like the tests of the reads. A run that several samples share is called once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import polars as pl

from aftercar.actions.kept_results import keep_or_make
from aftercar.actions.progress import Progress
from aftercar.actions.sites_call import Called, call_sites
from aftercar.actions.sites_tables import load_sites
from aftercar.edges.digests import Digests
from aftercar.edges.files import read_json, write_text
from aftercar.edges.genes import read_genes
from aftercar.edges.site_tables import BadSiteTable, read_sites
from aftercar.edges.study import Study
from aftercar.edges.tables import write_table
from aftercar.errors import AfterCarError, InputError
from aftercar.evidence.annotation import GeneIndex
from aftercar.evidence.site_abundance import schema
from aftercar.evidence.site_assay import SiteAssay, site_assay
from aftercar.vocab.genomes import bare_contig, find_genome
from aftercar.vocab.products import find_product

Row = Mapping[str, Any]
_RESULT = "site_assay.json"


@dataclass(frozen=True)
class SiteJob:
    """One sample with sites: its row, the table or the run, and what the run needs."""

    sample_id: str
    row: Row
    table: Path | None
    sheet: Path | None
    reads: tuple[Path, ...]
    reference: Path | None
    duplication: int

    @property
    def said(self) -> Path | None:
        """What the run said of itself, beside a table that ``aftercar sites call`` wrote."""
        return _run_report(self.table) if self.table is not None else None

    @property
    def run(self) -> tuple[Path, ...]:
        """The files of the run."""
        return tuple(path for path in (self.sheet, *self.reads, self.reference if self.sheet else None) if path is not None)

    def inputs(self, study: Study, digests: Digests) -> dict[str, Any]:
        """What the result depends on."""
        files = [path for path in (self.table, self.said, *self.run, study.genes) if path is not None]
        return {
            "files": [[path.name, digests.sha256(path)] for path in files],
            "duplication": self.duplication,
            "fragmentation": self.row["fragmentation"],
            "genome": study.genome,
            "threshold": study.settings.clone_share,
        }


def _run_report(table: Path) -> Path | None:
    path = table.with_name("run.json")
    return path if path.is_file() else None


def run_reports(study: Study) -> dict[str, Path]:
    """What the runs of the study's site tables said of themselves, by name: inputs that no column names."""
    named = [row["site_table"] for row in study.rows("samples") if row["site_table"]]
    return {str(Path(name).with_name("run.json")): path for name in named if (path := _run_report(study.file(name)))}


def site_jobs(study: Study) -> list[SiteJob]:
    """The samples of a study that name sites.

    Raises:
        InputError: when a run has no host genome.
    """
    found = []
    for row in study.rows("samples"):
        if not (row["site_table"] or row["site_sheet"]):
            continue
        reference = study.file(row["reference"]) if row["reference"] else study.reference
        if row["site_sheet"] and reference is None:
            raise InputError(
                "an LM-PCR run needs the host genome",
                where=f"samples.csv, sample_id {row['sample_id']}",
                fix="name reference in study.toml or in the row",
            )
        found.append(
            SiteJob(
                row["sample_id"],
                row,
                study.file(row["site_table"]) if row["site_table"] else None,
                study.file(row["site_sheet"]) if row["site_sheet"] else None,
                tuple(study.file(name) for name in row["reads"].split(";")) if row["site_sheet"] else (),
                reference,
                _duplication(study, row["person_id"]),
            )
        )
    return found


def _duplication(study: Study, person_id: str) -> int:
    """Target-site duplication of the person's vectors: 4 where all are gamma-retroviral, else 5."""
    products = [find_product(row["product"]) for row in study.rows("infusions") if row["person_id"] == person_id]
    return 4 if products and all(p is not None and p.vector == "gamma-retroviral" for p in products) else 5


def analyse_sites(
    study: Study, work: Path, earlier: Path, tell: Progress, *, digests: Digests | None = None, only: str | None = None
) -> dict[str, dict[str, Any]]:
    """The site assay of each sample that names sites (content of ``site_assay.json``), by ``sample_id``.

    Args:
        study: the study.
        work: folder that receives one folder a sample; those finished in an interrupted run are taken over.
        earlier: the folders of an earlier run, taken over where nothing changed.
        tell: progress.
        digests: remembered hashes of the files.
        only: look at this sample alone.

    Raises:
        InputError: when a table or a run cannot be used.
    """
    known = digests or Digests()
    jobs = [job for job in site_jobs(study) if only is None or job.sample_id == only]
    bench = _Bench(study)
    found = {}
    for number, job in enumerate(jobs):
        tell(number, len(jobs), f"integration sites of {job.sample_id}")
        place = work / job.sample_id
        keep_or_make(place, earlier / job.sample_id, job.inputs(study, known), partial(bench.write, job))
        found[job.sample_id] = json.loads((place / _RESULT).read_text(encoding="utf-8"))
    return found


@dataclass
class _Bench:
    """What the samples of one study share: the gene model, and the runs called so far."""

    study: Study
    runs: dict[tuple[Any, ...], Called] = field(default_factory=dict)

    @cached_property
    def genes(self) -> GeneIndex | None:
        return GeneIndex(read_genes(self.study.genes)) if self.study.genes is not None else None

    def write(self, job: SiteJob, folder: Path) -> None:
        try:
            table, found = self._of_table(job) if job.table is not None else self._of_run(job)
        except AfterCarError as error:
            error.where = f"sample {job.sample_id}, {error.where}" if error.where else f"sample {job.sample_id}"
            raise
        folder.mkdir()
        write_table(folder / "sites.csv", table)
        write_text(folder / _RESULT, json.dumps(found.as_dict(), indent=1, ensure_ascii=False))

    def _judge(self, table: pl.DataFrame, source: str, problems: list[str], vetoed: bool) -> SiteAssay:
        threshold = self.study.settings.clone_share
        return site_assay(table, source=source, genes=self.genes, threshold=threshold, problems=problems, vetoed=vetoed)

    def _of_table(self, job: SiteJob) -> tuple[pl.DataFrame, SiteAssay]:
        assert job.table is not None
        every = load_sites(job.table) if job.table.suffix == ".parquet" else read_sites(job.table, sample=job.sample_id)
        table = every.filter(pl.col("sample_id") == job.sample_id)
        if every.height and not table.height:
            held = sorted(every["sample_id"].unique().to_list())
            raise BadSiteTable(
                f"the table has no rows of sample {job.sample_id}; it holds {', '.join(held[:5])}",
                where=job.table.name,
                fix="call the sample as the table does",
            )
        self._check_build(table, job.table.name)
        said = read_json(job.said) if job.said is not None else {}
        if not isinstance(said, dict) or "vetoed" not in said:
            said = {}  # a run.json of another program
        problems = [str(item) for item in said.get("problems", ())]
        return table, self._judge(table, job.table.name, problems, bool(said.get("vetoed") or said.get("swaps")))

    def _check_build(self, table: pl.DataFrame, name: str) -> None:
        """Sites of another build would be given the genes of wrong places."""
        mine = find_genome(self.study.genome)
        for named in table["genome"].drop_nulls().unique().to_list():
            if mine is not None and find_genome(named) is not mine:
                raise BadSiteTable(f"sites are on {named}, the study is on {mine.name}", where=name, fix="lift the sites over")
        lengths = mine.lengths if mine is not None else {}
        for chrom, position in table.select("chrom", "position").iter_rows():
            if position > lengths.get(bare_contig(chrom), position):
                raise BadSiteTable(
                    f"{chrom}:{position:,} lies beyond the end of the chromosome in {self.study.genome}",
                    where=name,
                    fix="give sites of the study's build",
                )

    def _of_run(self, job: SiteJob) -> tuple[pl.DataFrame, SiteAssay]:
        assert job.sheet is not None
        source = f"LM-PCR run {job.sheet.name}"
        called = self._run(job)
        if job.sample_id not in called.specimens:
            raise InputError(
                f"the sample sheet has no specimen {job.sample_id}; it holds {', '.join(called.specimens[:5])}",
                where=job.sheet.name,
                fix="call the specimen as the study calls the sample",
            )
        table = called.sites.filter(pl.col("sample_id") == job.sample_id).select(list(schema()))
        return table, self._judge(table, source, list(called.problems), called.vetoed or bool(called.crossed.swaps))

    def _run(self, job: SiteJob) -> Called:
        assert job.sheet is not None
        assert job.reference is not None
        key = (*job.run, job.duplication, job.row["fragmentation"])
        if key not in self.runs:
            self.runs[key] = call_sites(
                job.sheet,
                job.reads[0],
                job.reads[1],
                job.reference,
                index=job.reads[2] if len(job.reads) == 3 else None,
                duplication=job.duplication,
                genome=self.study.genome,
                sheared=job.row["fragmentation"] != "restriction",
            )
        return self.runs[key]
