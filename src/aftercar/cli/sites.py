"""``aftercar sites``: integration sites from any assay, laboratory values, RNA and long reads."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

app = typer.Typer(no_args_is_help=True)
background = typer.Typer(no_args_is_help=True, help="What ordinary infusion products carry: build the table, ask it.")
app.add_typer(background, name="background")

_JSON = typer.Option(False, "--json", help="Print JSON.")


@app.command("import")
def import_command(
    tables: list[Path] = typer.Argument(
        ..., help="Site tables: GenomicRanges or INSPIIRED export, ISAnalytics or VISPA2 matrix, AAVengeR, BED, TSV."
    ),
    out: Path | None = typer.Option(None, "--out", help="Where to write the table (CSV, or Parquet by its ending)."),
    sample: str = typer.Option("", "--sample", help="Sample, for tables that name none."),
    genome: str = typer.Option("", "--genome", help="Build, for tables that do not say."),
    matrix_holds: str = typer.Option(
        "reads", "--matrix-holds", help="What a one-column-a-sample matrix holds: reads, fragments, umis, cells."
    ),
    association: Path | None = typer.Option(None, "--association", help="ISAnalytics association file."),
    column: list[str] = typer.Option([], "--column", help="Ours=theirs, for other column names; may be repeated."),
    as_json: bool = _JSON,
) -> None:
    """Read site tables of other tools into one table.

    Example: aftercar sites import intSites.tsv.gz --out sites.parquet
    """
    from aftercar.actions.sites_tables import import_sites
    from aftercar.cli.output import print_table, say
    from aftercar.errors import UsageError

    wrong = [pair for pair in column if "=" not in pair]
    if wrong:
        raise UsageError(f"--column {wrong[0]} is not ours=theirs", fix="write --column position=POS")
    names = dict(pair.split("=", 1) for pair in column)
    table = import_sites(
        tables, out, sample=sample, genome=genome, matrix_holds=matrix_holds, association=association, columns=names
    )
    rows = table.group_by("sample_id", "person_id", "genome", maintain_order=True).len("sites").to_dicts()
    print_table(rows, as_json=as_json, columns=["sample_id", "person_id", "genome", "sites"])
    say(f"{table.height} rows of {len(rows)} samples" + (f" written to {out}" if out else ""))


@app.command("call")
def call_command(
    sheet: Path = typer.Option(..., "--sheet", help="Sample sheet (TSV or CSV)."),
    ltr: Path = typer.Option(..., "--ltr", help="FASTQ of the reads that begin with the LTR primer."),
    linker: Path = typer.Option(..., "--linker", help="FASTQ of the reads that begin with the linker."),
    reference: Path = typer.Option(..., "--reference", help="FASTA of the host genome."),
    out: Path = typer.Option(..., "--out", help="New folder for the results."),
    index: Path | None = typer.Option(None, "--index", help="FASTQ of the index reads; not needed for one sample."),
    genome: str = typer.Option("", "--genome", help="Name of the build, written into the table."),
    duplication: int = typer.Option(5, "--duplication", help="Target-site duplication: 5 HIV-based, 4 gamma-retroviral."),
    fragmentation: str = typer.Option("shear", "--fragmentation", help="shear, or restriction: then only UMIs count cells."),
    longest: int = typer.Option(2500, "--longest", help="Longest fragment in bases."),
    quality: int = typer.Option(20, "--quality", help="Phred score below which a base is bad."),
    hop_limit: float = typer.Option(
        0.03, "--hop-limit", help="Largest share of a source's reads that index hopping may explain."
    ),
    as_json: bool = _JSON,
) -> None:
    """LM-PCR reads and a sample sheet to integration sites.

    Example: aftercar sites call --sheet run.tsv --index I1.fq.gz --ltr R2.fq.gz --linker R1.fq.gz --reference hg38.fa --out run1
    """
    from aftercar.actions.sites_call import call_sites, refuse_vetoed, write_called
    from aftercar.cli.output import print_table, say
    from aftercar.errors import UsageError
    from aftercar.reads.lmpcr import Settings

    if fragmentation not in ("shear", "restriction"):
        raise UsageError(f"--fragmentation {fragmentation} is not known", fix="use shear or restriction")
    called = call_sites(
        sheet,
        ltr,
        linker,
        reference,
        index=index,
        settings=Settings(quality=quality),
        longest=longest,
        duplication=duplication,
        hop_limit=hop_limit,
        genome=genome,
        sheared=fragmentation == "shear",
    )
    write_called(out, called)
    print_table(called.attrition.to_dicts(), as_json=as_json)
    for problem in called.problems:
        say(f"look at this: {problem}")
    kept = called.sites["cells"].is_not_null().sum()
    say(f"{kept} sites with abundance, {called.sites.height - kept} set aside with flags; written to {out}")
    refuse_vetoed(called)


@app.command("abundance")
def abundance_command(
    table: Path = typer.Argument(..., help="Site table: ours, or any that can be imported."),
    by: list[str] = typer.Option(
        [], "--by", help="Column that tells populations apart; may be repeated. Default: person, day, time point, cell type."
    ),
    column: str = typer.Option(
        "", "--column", help="Abundance: cells, fragments, umis or reads. Default: the best there is, in this order."
    ),
    unpooled: bool = typer.Option(False, "--unpooled", help="Count every row as a clone, also when one site is listed twice."),
    as_json: bool = _JSON,
) -> None:
    """Diversity of every population: Shannon, Simpson, Gini, Chao1, both UC50, largest clone.

    Example: aftercar sites abundance sites.parquet --json
    """
    from aftercar.actions.sites_tables import load_sites, measure
    from aftercar.cli.output import print_table
    from aftercar.evidence.site_abundance import POPULATION

    found = measure(load_sites(table), by=by or POPULATION[:4], column=column, pool=not unpooled)
    print_table([{**name, **measures.as_row()} for name, measures in found], as_json=as_json)


@app.command("track")
def track_command(
    table: Path = typer.Argument(..., help="Site table with days or time points."),
    person: str = typer.Option("", "--person", help="Whose clones; needed when the table holds several persons."),
    out: Path | None = typer.Option(None, "--out", help="Folder for tracks, growth, and the stream plot."),
    threshold: float = typer.Option(
        0.20, "--threshold", help="Clonality setting (a convention of some trials, not a regulator's)."
    ),
    rate: float = typer.Option(0.05, "--rate", help="False-discovery rate of growth."),
    fold_above: float = typer.Option(1.0, "--fold-above", help="Growth up to this fold is not called."),
    window: int = typer.Option(5, "--window", help="Bases within which a site is the same."),
    cell_type: str = typer.Option("", "--cell-type", help="Only samples of this cell type."),
    column: str = typer.Option("", "--column", help="Abundance: cells, fragments, umis or reads."),
    as_json: bool = _JSON,
) -> None:
    """Follow one person's clones over time: shares, growth, the clonality setting.

    Example: aftercar sites track sites.parquet --person P1 --out clones_P1
    """
    from aftercar.actions.sites_tables import load_sites
    from aftercar.actions.sites_track import track, write_tracked
    from aftercar.cli.output import print_json, print_table, say

    found = track(
        load_sites(table),
        person=person,
        window=window,
        threshold=threshold,
        rate=rate,
        fold_above=fold_above,
        column=column,
        cell_type=cell_type,
    )
    grown = found.growth.filter(found.growth["call"] == "expanded").sort("p").to_dicts()
    if as_json:
        print_json({"person": found.person, "column": found.column, "samples": found.samples, "expanded": grown})
    else:
        columns = ["sample", "day", "cells", "clones", "largest", "share", "low", "high", "above_setting", "smallest_seen_95"]
        print_table(found.samples, columns=columns)
    for sample in found.samples:
        if sample["above_setting"] == "above":
            say(f"{sample['sample']}: {sample['words']}; repeat within 3 months")
    say(f"{len(grown)} growths found at a false-discovery rate of {rate:g}, against {found.samples[0]['sample']}")
    if out is not None:
        write_tracked(out, found)
        say(f"written to {out}")


@background.command("build")
def background_build(
    tables: list[Path] = typer.Argument(..., help="Site tables of infusion products."),
    genes: Path = typer.Option(..., "--genes", help="GTF or UCSC refGene table of the same build."),
    out: Path = typer.Option(..., "--out", help="Where to write the background (CSV, or Parquet by its ending)."),
    near: int = typer.Option(50_000, "--near", help="Bases that count as near."),
    product: str = typer.Option("person_id", "--product", help="Column that tells products apart."),
    genome: str = typer.Option("", "--genome", help="Build, where the tables do not say."),
    top: int = typer.Option(50, "--top", help="Genes printed."),
    as_json: bool = _JSON,
) -> None:
    """Count how often ordinary products have a site in or near every gene.

    Example: aftercar sites background build products.tsv.gz --genes refGene.txt.gz --out background.parquet
    """
    from aftercar.actions.sites_tables import build_background
    from aftercar.cli.output import print_table, say

    found = build_background(tables, genes, out, near=near, product=product, genome=genome)
    print_table(found.table.head(top).to_dicts(), as_json=as_json, columns=_RATES)
    say(f"{found.sites} sites of {found.products} products; {found.table.height} genes written to {out}")


_RATES = [
    "gene",
    "chrom",
    "products_in",
    "products_near",
    "products",
    "sites_in",
    "share_in",
    "share_in_low",
    "share_in_high",
    "fold_over_random",
]


@background.command("show")
def background_show(
    table: Path = typer.Argument(..., help="Background built before."),
    gene: list[str] = typer.Option([], "--gene", help="Gene by any of its names; may be repeated."),
    top: int = typer.Option(50, "--top", help="Genes printed when none is named."),
    as_json: bool = _JSON,
) -> None:
    """Ask a background for genes, or for the genes hit most.

    Example: aftercar sites background show background.parquet --gene PLAAT4 --gene ZGPAT
    """
    from aftercar.actions.sites_tables import read_background
    from aftercar.cli.output import print_table
    from aftercar.evidence.base_rates import rate_of

    found = read_background(table)
    if not gene:
        print_table(found.table.head(top).to_dicts(), as_json=as_json, columns=_RATES)
        return
    rows: list[dict[str, object]] = []
    for name in gene:
        rate = rate_of(found, name)
        if rate is None:
            rows.append(
                {
                    "asked": name,
                    "gene": None,
                    "words": f"the gene model of this background does not hold {name}: unknown, not zero",
                }
            )
        else:
            rows.append(
                {
                    "asked": name,
                    "gene": rate.gene,
                    "products_in": rate.products_in.numerator,
                    "products": rate.products_in.denominator,
                    "share_of_sites": rate.share.value,
                    "fold_over_random": rate.fold,
                    "rank": rate.rank,
                    "words": rate.words,
                }
            )
    print_table(
        rows,
        as_json=as_json,
        columns=["asked", "gene", "products_in", "products", "share_of_sites", "fold_over_random", "rank", "words"],
    )


@app.command("context")
def context_command(
    table: Path = typer.Argument(..., help="Site table."),
    genes: Path = typer.Option(..., "--genes", help="GTF or UCSC refGene table of the same build."),
    gene_list: list[Path] = typer.Option(
        [], "--gene-list", help="Your gene list; may be repeated. A small built-in list is always used."
    ),
    background_table: Path | None = typer.Option(None, "--background", help="Background of ordinary products."),
    products: Path | None = typer.Option(
        None, "--products", help="Site table of ordinary products, for enrichment and common sites."
    ),
    blacklist: Path | None = typer.Option(None, "--blacklist", help="BED of regions to flag."),
    reference: Path | None = typer.Option(
        None, "--reference", help="Host FASTA: keeps random places out of gaps, and finds --cut-site."
    ),
    cut_site: str = typer.Option(
        "", "--cut-site", help="Restriction site of the assay (TTAA): random places match its distance."
    ),
    near: int = typer.Option(50_000, "--near", help="Bases that count as near."),
    genome: str = typer.Option("", "--genome", help="Build, where the table does not say."),
    out: Path | None = typer.Option(None, "--out", help="Where to write the annotated table."),
    seed: int = typer.Option(1, "--seed", help="Seed of the random places."),
    as_json: bool = _JSON,
) -> None:
    """Genes at the sites, listed genes nearby, and how much of it is chance.

    Example: aftercar sites context sites.parquet --genes refGene.txt.gz --background background.parquet --out context.csv
    """
    from aftercar.actions.sites_tables import put_in_context
    from aftercar.cli.output import print_json, print_table, say

    found = put_in_context(
        table,
        genes,
        lists=gene_list,
        background=background_table,
        products=products,
        blacklist=blacklist,
        reference=reference,
        cut_site=cut_site,
        near=near,
        genome=genome,
        seed=seed,
        out=out,
    )
    common = found.common.filter(found.common["common"]).to_dicts() if found.common is not None else None
    if as_json:
        sites = found.table.to_dicts()
        print_json(
            {
                "lists": found.chances,
                "enrichment": found.enrichment,
                "common_sites": common,
                "not_in_gene_model": found.unknown_genes,
                "sites": sites,
            }
        )
    else:
        columns = ["list", "genes", "sites", "near", "share", "by_length", "random", "products", "one_of_three"]
        print_table(found.chances, columns=columns)
    for test in found.enrichment:
        ratio = f"{test['odds_ratio']:.2f} ({test['low']:.2f}-{test['high']:.2f})"
        say(f"{test['list']} against {test['against']}: odds ratio {ratio}, p {test['p']:.2g}")
    for name, missing in found.unknown_genes.items():
        say(f"not in the gene model, of {name}: {', '.join(missing[:8])}{' and more' if len(missing) > 8 else ''}")
    if common is not None:
        say(f"genes hit more often than by ordinary products: {len(common)}" + "".join(f", {row['gene']}" for row in common[:8]))
    if out is not None:
        say(f"{found.table.height} sites written to {out}")


@app.command("lab")
def lab_command(
    study: Path = typer.Argument(..., help="Study folder with assay_results."),
    line: float = typer.Option(0.01, "--line", help="Fraction of cells that asks for integration-site analysis."),
    cells_per_ul: float | None = typer.Option(None, "--cells-per-ul", help="Nucleated cells per microlitre, for copies/ul."),
    curves: bool = typer.Option(False, "--curves", help="Each person's curve against the line instead of the values."),
    as_json: bool = _JSON,
) -> None:
    """Laboratory values per cell with their assumptions, and persistence against the 1% line.

    Example: aftercar sites lab study --curves
    """
    from aftercar.actions.lab_values import lab_values, persistence
    from aftercar.cli.output import print_table
    from aftercar.edges.study import read_study

    read = read_study(study)
    if not curves:
        print_table(lab_values(read, cells_per_ul=cells_per_ul), as_json=as_json, columns=_LAB)
        return
    rows = []
    for (person, denominator), found in persistence(read, line=line, cells_per_ul=cells_per_ul).items():
        rows += [
            {
                "person_id": person,
                "denominator": denominator,
                "day": p.day,
                "fraction": p.fraction.value,
                "low": p.fraction.low,
                "high": p.fraction.high,
                "line": p.line,
                "grade": p.grade,
                "words": p.words,
            }
            for p in found.points
        ]
    print_table(
        rows, as_json=as_json, columns=["person_id", "denominator", "day", "fraction", "low", "high", "line", "grade", "words"]
    )


_LAB = (
    *("result_id", "person_id", "day", "method", "matrix", "given", "unit", "denominator", "state"),
    *("copies_per_cell", "copies_per_cell_low", "copies_per_cell_high", "fraction", "fraction_low", "fraction_high", "words"),
)


@app.command("rna")
def rna_command(
    reads: list[Path] = typer.Argument(..., help="BAM, CRAM or FASTQ of one RNA sample."),
    vector: Path = typer.Option(..., "--vector", help="Construct with its parts annotated."),
    annotation: Path | None = typer.Option(None, "--annotation", help="GTF, GFF or BED of the parts, for a FASTA construct."),
    human: Path | None = typer.Option(
        None, "--human", help="FASTA of human transcripts or genome: joins found there are dropped."
    ),
    genes: Path | None = typer.Option(None, "--genes", help="Gene model, to tell spliced fusions."),
    as_json: bool = _JSON,
) -> None:
    """CAR transcripts (reads across joins of CAR parts) and vector-host fusion transcripts.

    Example: aftercar sites rna tumour_rna.bam --vector car.gb --human transcripts.fa
    """
    from aftercar.actions.sites_rna import rna_reads
    from aftercar.cli.output import print_json, print_table, say

    found = rna_reads(reads, vector, annotation=annotation, human=human, genes=genes)
    if as_json:
        print_json(
            {
                "joins": found.counts.templates,
                "reads": found.counts.reads,
                "fusions": [asdict(f) for f in found.fusions],
                "notes": list(found.notes),
            }
        )
    else:
        print_table(
            [{"join": name, "templates": count} for name, count in found.counts.templates.items()], columns=["join", "templates"]
        )
    say(found.counts.words())
    for fusion in found.fusions[:20]:
        say(fusion.words)
    for join in found.dropped:
        say(f"join {join.name} was dropped: human sequence holds it")
    for note in found.notes:
        say(note)


@app.command("cells")
def cells_command(
    bam: Path = typer.Argument(..., help="10x or STARsolo BAM with CB and UB tags."),
    barcodes: Path = typer.Option(..., "--barcodes", help="Table of cells: barcode, and cluster or clonotype."),
    vector: Path | None = typer.Option(None, "--vector", help="Construct, for reads across CAR joins."),
    annotation: Path | None = typer.Option(None, "--annotation", help="GTF, GFF or BED of the parts, for a FASTA construct."),
    contig: list[str] = typer.Option([], "--contig", help="Vector contig of the BAM's reference; may be repeated."),
    group: str = typer.Option("", "--group", help="Column of the table that holds the groups."),
    ambient: float = typer.Option(0.1, "--ambient", help="Share of a cell's UMIs assumed ambient."),
    as_json: bool = _JSON,
) -> None:
    """CAR-positive single cells of each cluster or clonotype, with what ambient RNA alone would give.

    Example: aftercar sites cells possorted.bam --barcodes clusters.tsv --contig CAR
    """
    from aftercar.actions.sites_rna import single_cells
    from aftercar.cli.output import print_table, say

    found, note = single_cells(bam, barcodes, vector=vector, annotation=annotation, contigs=contig, group=group, ambient=ambient)
    rows = [
        {
            "group": g.group,
            "cells": g.cells,
            "with_umi": g.with_umi,
            "positive": g.positive.numerator,
            "share": g.positive.value,
            "low": g.positive.low,
            "high": g.positive.high,
            "ambient_expected": g.ambient_expected,
        }
        for g in found.groups
    ]
    print_table(
        rows, as_json=as_json, columns=["group", "cells", "with_umi", "positive", "share", "low", "high", "ambient_expected"]
    )
    say(note)
    say(found.caution)


@app.command("long-reads")
def long_reads_command(
    bam: Path = typer.Argument(..., help="Host-aligned BAM or CRAM of long reads."),
    vector: Path = typer.Option(..., "--vector", help="Construct or provirus."),
    reference: Path | None = typer.Option(None, "--reference", help="Host FASTA, for CRAM."),
    as_json: bool = _JSON,
) -> None:
    """Whole proviruses, truncations and rearrangements in long reads, with both host flanks and methylation.

    Example: aftercar sites long-reads hifi.bam --vector provirus.fa
    """
    from aftercar.actions.sites_rna import long_read_proviruses
    from aftercar.cli.output import print_table, say

    found = long_read_proviruses(bam, vector, reference)
    columns = [
        "name",
        "shape",
        "flanks",
        "contig",
        "position",
        "orientation",
        "duplication",
        "covered",
        "vector_methylation",
        "flank_methylation",
        "words",
    ]
    print_table([asdict(read) for read in found], as_json=as_json, columns=columns)
    say(f"{len(found)} reads with vector sequence")
