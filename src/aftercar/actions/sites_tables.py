"""Site tables: bring foreign ones in, measure diversity, keep a background, put sites into context."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from aftercar.edges.fasta import FastaFile
from aftercar.edges.files import existing_file
from aftercar.edges.gene_lists import GeneList, read_gene_list
from aftercar.edges.genes import read_genes, read_regions
from aftercar.edges.site_tables import read_sites
from aftercar.edges.tables import write_table
from aftercar.errors import InputError, UsageError
from aftercar.evidence import base_rates, common_sites, context
from aftercar.evidence.annotation import GeneIndex
from aftercar.evidence.diversity import Diversity
from aftercar.evidence.site_abundance import MEASURES, POPULATION, best_column, populations
from aftercar.reads.placement import genome_place
from aftercar.vocab.genes import built_in
from aftercar.vocab.genomes import NAMES, Genome, bare_contig, find_genome

Places = tuple[npt.NDArray[np.str_], npt.NDArray[np.int64]]


class BadBackground(InputError):
    """A background table that cannot be used."""

    code = "bad-background"


def import_sites(
    paths: Sequence[Path],
    out: Path | None,
    *,
    sample: str = "",
    genome: str = "",
    matrix_holds: str = "reads",
    association: Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Read site tables of any known format into one, and write it when ``out`` is given (CSV, or Parquet by its ending)."""
    if not paths:
        raise UsageError("no site table given")
    parts = [
        read_sites(p, sample=sample, genome=genome, matrix_holds=matrix_holds, association=association, columns=columns)
        for p in paths
    ]
    table = pl.concat(parts)
    if out is not None:
        write_table(out, table)
    return table


def load_sites(path: Path) -> pl.DataFrame:
    """A site table: our own Parquet or CSV, or any format that can be imported."""
    if path.suffix == ".parquet":
        return pl.read_parquet(existing_file(path))
    return read_sites(path)


def measure(
    table: pl.DataFrame, *, by: Sequence[str] = POPULATION[:4], column: str = "", pool: bool = True
) -> list[tuple[dict[str, object], Diversity]]:
    """Diversity of every population.

    Raises:
        UsageError: for an unknown column, or one that holds nothing.
    """
    unknown = [name for name in by if name not in table.columns]
    if unknown:
        raise UsageError(f"no column {', '.join(unknown)} to tell populations by", fix=f"use some of {', '.join(POPULATION)}")
    if column and column not in MEASURES:
        raise UsageError(f"{column!r} is no abundance", fix=f"use one of {', '.join(MEASURES)}")
    if not (column or best_column(table)):
        raise UsageError("the table holds neither cells, fragments, UMIs nor reads")
    used = [name for name in by if table[name].is_not_null().any()] or ["sample_id"]
    return populations(table, used, column, pool=pool)


def genome_of(table: pl.DataFrame, named: str = "") -> Genome:
    """The build of a table.

    Raises:
        UsageError: when neither the table nor the caller names one build that is known.
    """
    names = {named} if named else set(table["genome"].drop_nulls().unique().to_list())
    builds = [find_genome(name) for name in sorted(names)]
    first = builds[0] if builds else None
    if first is None or any(build is not first for build in builds):
        shown = ", ".join(sorted(names)) or "none"
        raise UsageError(f"the build of the sites is not clear (named: {shown})", fix=f"give --genome, one of {NAMES}")
    return first


def build_background(
    tables: Sequence[Path],
    genes: Path,
    out: Path | None,
    *,
    near: int = context.NEAR,
    product: str = "person_id",
    genome: str = "",
) -> base_rates.Background:
    """Count what ordinary products carry in every gene, from site tables of products; write it when ``out`` is given."""
    sites = pl.concat([load_sites(path) for path in tables])
    build = genome_of(sites, genome)
    spans = context.GeneSpans.of(read_genes(genes))
    background = base_rates.build_background(sites, spans, sum(build.lengths.values()), product=product, near=near)
    if out is not None:
        write_table(out, background.table)
    return background


def read_background(path: Path) -> base_rates.Background:
    """A background table as written before.

    Raises:
        BadBackground: when it is something else.
    """
    existing_file(path)
    try:
        table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, schema_overrides={"chrom": pl.String})
        return base_rates.from_table(table)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise BadBackground(
            f"not a background table: {error}", where=str(path), fix="make one with aftercar sites background build"
        ) from error


def gene_lists(paths: Iterable[Path]) -> tuple[dict[str, frozenset[str]], dict[str, str]]:
    """The built-in list and the user's lists by name, and the other names of genes they bring."""
    lists: dict[str, frozenset[str]] = {"t_cell_genes": built_in()}
    names: dict[str, str] = {}
    for path in paths:
        found: GeneList = read_gene_list(path)
        if found.name in lists:
            raise UsageError(f"two gene lists are called {found.name}", fix="rename one of the files")
        lists[found.name] = found.genes
        names.update(found.other_names)
    return lists, names


@dataclass(frozen=True, slots=True)
class Contexts:
    """Sites in context: the table, chance of each list, enrichment, genes of lists that the gene model lacks, words."""

    table: pl.DataFrame
    chances: list[dict[str, Any]]
    enrichment: list[dict[str, Any]]
    common: pl.DataFrame | None
    unknown_genes: dict[str, list[str]]


def put_in_context(
    path: Path,
    genes: Path,
    *,
    lists: Sequence[Path] = (),
    background: Path | None = None,
    products: Path | None = None,
    blacklist: Path | None = None,
    reference: Path | None = None,
    cut_site: str = "",
    near: int = context.NEAR,
    genome: str = "",
    controls: int = 20_000,
    seed: int = 1,
    out: Path | None = None,
) -> Contexts:
    """Annotate every site, with the chance of each nearness beside it.

    Args:
        path: site table; genes: GTF or refGene table of the same build.
        lists: gene lists of the user, beside the built-in one.
        background: what ordinary products carry; products: their sites, for enrichment and common sites.
        blacklist: BED of regions to flag and to keep random places out of.
        reference: FASTA of the build: random places keep out of its gaps (N).
        cut_site: recognition sequence of the assay's restriction enzyme: random places are matched to the sites' distance to the
            next one (sheared libraries need none).
        near: bases that count as near; genome: build, where the table does not say.
        controls: random places; seed: of their draw.
        out: where to write the table.

    Raises:
        UsageError: for a cut site without the reference, or an unclear build.
    """
    if cut_site and reference is None:
        raise UsageError("restriction sites need the genome", fix="give --reference FASTA with --cut-site")
    sites = load_sites(path)
    build = genome_of(sites, genome)
    transcripts = read_genes(genes)
    index, spans = GeneIndex(transcripts), context.GeneSpans.of(transcripts)
    named, more = gene_lists(lists)
    regions: dict[str, list[tuple[int, int]]] = {}
    for contig, start, end, _ in read_regions(blacklist) if blacklist is not None else []:
        regions.setdefault(contig, []).append((start, end))
    blocked = context.inside_regions(sites, regions)
    flags = {int(i): ("blacklist",) for i in blocked.nonzero()[0]}
    table = context.site_context(sites, index, spans, named, near=near, flags=flags)
    if background is not None:
        table = _with_rates(table, read_background(background), more)
    ordinary = load_sites(products) if products is not None else None
    drawn = draw_controls(sites, build, controls, seed, regions, reference, cut_site)
    chances, compared = _chances(table, spans, named, build, near, drawn, ordinary)
    common = common_sites.against_products(sites, ordinary, spans) if ordinary is not None else None
    if out is not None:
        write_table(out, table)
    unknown = {name: spans.missing(listed, more) for name, listed in named.items()}
    return Contexts(table, chances, compared, common, {name: gone for name, gone in unknown.items() if gone})


def _with_rates(table: pl.DataFrame, background: base_rates.Background, more: Mapping[str, str]) -> pl.DataFrame:
    """The base rate beside each gene hit; null where no gene is hit or the background does not know it."""
    asked = {gene: base_rates.rate_of(background, gene, more) for gene in table["in_gene"].drop_nulls().unique().to_list()}
    found = [asked.get(gene) if gene else None for gene in table["in_gene"].to_list()]
    return table.with_columns(
        pl.Series("products_in_gene", [r.products_in.numerator if r else None for r in found], dtype=pl.Int64),
        pl.Series("products", [r.products_in.denominator if r else None for r in found], dtype=pl.Int64),
        pl.Series("chance_in_gene", [r.share.value if r else None for r in found], dtype=pl.Float64),
    )


def draw_controls(
    sites: pl.DataFrame,
    build: Genome,
    controls: int,
    seed: int,
    regions: Mapping[str, Sequence[tuple[int, int]]],
    reference: Path | None,
    cut_site: str,
) -> Places:
    """Random places matched to the assay: out of gaps and blocked regions, as far from a restriction site as the sites."""
    if reference is None:
        return context.random_places(build.lengths, controls, seed, regions)
    blocked = {bare_contig(name): list(parts) for name, parts in regions.items()}
    cuts: dict[str, Any] = {}
    lengths: dict[str, int] = {}
    with FastaFile(reference) as fasta:
        for name, length in fasta.lengths.items():
            contig, start = genome_place(name, length)
            if bare_contig(contig) not in build.lengths or start:
                continue
            codes = fasta.fetch_array(name, 0, length)
            lengths[bare_contig(contig)] = length
            blocked.setdefault(bare_contig(contig), []).extend(context.gaps(codes))
            cuts[bare_contig(contig)] = context.motif_places(codes, cut_site) if cut_site else None
    if not lengths:
        raise UsageError(f"{reference.name} holds no whole chromosome of {build.name}", fix="give the FASTA of the sites' build")
    if not cut_site:
        return context.random_places(lengths, controls, seed, blocked)
    mine = sites.unique(["chrom", "position", "orientation"], maintain_order=True)
    contigs, places = context.place_arrays(mine)
    on = np.isin(contigs, list(lengths))
    upwards = (mine["orientation"] == "+").to_numpy()
    wanted = context.distances(cuts, contigs[on], places[on], upwards[on])
    each = max(1, controls // max(1, int((wanted >= 0).sum())))
    pool_contigs, pool = context.random_places(lengths, 10 * each * wanted.size + 1000, seed, blocked)
    far = context.distances(cuts, pool_contigs, pool, np.random.default_rng(seed).random(pool.size) < 0.5)
    usable = np.flatnonzero(far >= 0)
    chosen = usable[context.matched(wanted[wanted >= 0], far[usable], each, seed).ravel()]
    return pool_contigs[chosen], pool[chosen]


def _chances(
    table: pl.DataFrame,
    spans: context.GeneSpans,
    named: Mapping[str, frozenset[str]],
    build: Genome,
    near: int,
    drawn: Places,
    ordinary: pl.DataFrame | None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    contigs, places = drawn
    controls = places.size
    distinct = table.unique(["chrom", "position", "orientation"])
    mine = context.place_arrays(distinct)
    theirs = context.place_arrays(ordinary.unique(["chrom", "position", "orientation"])) if ordinary is not None else None
    chances, compared = [], []
    for name, genes in named.items():
        listed = spans.subset(genes)
        inside, total = listed.covered(build.lengths, near)
        hits = _near(listed, mine, near)
        random_hits = _near(listed, (contigs, places), near)
        row: dict[str, Any] = {
            "list": name,
            "genes": len(set(listed.genes)),
            "sites": distinct.height,
            "near": hits,
            "share": hits / distinct.height if distinct.height else None,
            "by_length": inside / total,
            "random": random_hits / controls,
        }
        tests = [context.enrichment(hits, distinct.height, random_hits, controls, against="random places")]
        if theirs is not None:
            product_hits = _near(listed, theirs, near)
            row["products"] = product_hits / theirs[1].size
            tests.append(context.enrichment(hits, distinct.height, product_hits, theirs[1].size, against="ordinary products"))
        share = row.get("products", row["by_length"])
        row["one_of_three"] = context.chance_of_any(share, 3)
        chances.append(row)
        for test in tests:
            compared.append(
                {
                    "list": name,
                    "against": test.against,
                    "odds_ratio": test.odds_ratio,
                    "low": test.low,
                    "high": test.high,
                    "p": test.p,
                }
            )
    return chances, compared


def _near(spans: context.GeneSpans, places: tuple[Any, Any], near: int) -> int:
    pairs = spans.hits(places[0], places[1], near)
    return len(set(pairs[:, 0].tolist()))
