"""Everything beside ``verdict.json``: sites (VCF and its vector, BED, TSV, Parquet), evidence BAM, pile-up, rows of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from aftercar.edges.bed import write_bed
from aftercar.edges.evidence_bam import write_evidence_bam
from aftercar.edges.files import write_text
from aftercar.edges.pileup import pileup_svg
from aftercar.edges.vcf_out import write_vcf, write_vector
from aftercar.evidence.drawn import coverage_rows, junction_rows
from aftercar.evidence.sample import Findings
from aftercar.evidence.sites import SiteCall
from aftercar.evidence.verdict import Verdict, site_json
from aftercar.reads.batch import Screened
from aftercar.reads.placement import HostSequence, genome_place
from aftercar.vocab.tables.evidence import COVERAGE, JUNCTION_FRAGMENTS, SITES

_KINDS = {"integer": pl.Int64, "number": pl.Float64, "boolean": pl.Boolean}


def write_all(folder: Path, verdict: Verdict, screened: Screened, found: Findings, host: HostSequence | None) -> None:
    """Write every file of one sample into ``folder``."""
    lengths: dict[str, int] = {}
    for name, length in screened.contigs.items():
        contig, start = genome_place(name, length)
        lengths[contig] = max(lengths.get(contig, 0), start + length)
    sites = confirmed(verdict)
    write_vcf(folder / "sites.vcf", sites, found.target, lengths, host=host)
    write_bed(folder / "sites.bed", sites)
    frame = sites_frame(verdict)
    frame.write_parquet(folder / "sites.parquet")
    write_text(folder / "sites.tsv", frame.write_csv(separator="\t"))
    tags = {f.template: "host_like" if f.host_like else "vector" for f in found.evidence.fragments}
    tags |= {s.template: s.kind for s in found.evidence.supports}
    write_evidence_bam(folder / "evidence.bam", screened.pairs, verdict.sites, screened.contigs, tags)
    write_vector(folder / "vector.fa", found.target)
    write_text(folder / "junctions.svg", pileup_svg(verdict, found, host))
    windows = coverage_rows(verdict.presence.profile, found.target)
    for table, rows in ((COVERAGE, windows), (JUNCTION_FRAGMENTS, junction_rows(sites))):
        drawn = pl.DataFrame(list(rows), schema={column.name: _KINDS.get(column.kind, pl.String) for column in table.columns})
        write_text(folder / f"{table.name}.tsv", drawn.write_csv(separator="\t"))


def confirmed(verdict: Verdict) -> list[SiteCall]:
    """The sites without breaks inside the vector that too little supports (``unconfirmed`` in ``verdict.json``)."""
    return [site for site in verdict.sites if site.filter != "weak"]


def sites_frame(verdict: Verdict) -> pl.DataFrame:
    """The sites as a table with the columns of ``vocab/tables/evidence.py``."""
    rows = [_flat(site_json(site)) for site in confirmed(verdict)]
    schema = {column.name: _KINDS.get(column.kind, pl.String) for column in SITES.columns}
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def _flat(site: dict[str, Any]) -> dict[str, Any]:
    row = dict(site)
    for key in ("cell_fraction", "tumour_cell_fraction"):
        value = site[key]
        row[key] = value["value"] if value else None
        row[f"{key}_low"] = value["low"] if value else None
        row[f"{key}_high"] = value["high"] if value else None
    row["left_microhomology"], row["right_microhomology"] = site["microhomology"]
    row["left_junction_fragments"], row["right_junction_fragments"] = site["junction_fragments"]
    for key in ("flags", "genes_also", "gene_lists", "region_flags"):
        row[key] = ";".join(site[key])
    row["places"] = ";".join(f"{place['chrom']}:{place['pos']}" for place in site["places"])
    return row
