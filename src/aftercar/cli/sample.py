"""``aftercar sample``: test one sample for the transgene."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer()


@app.callback()
def _noun() -> None:
    """Test one sample for the transgene: verdict, sites, copies, detection limit."""


@app.command("test")
def sample_test(
    reads: list[Path] = typer.Argument(..., help="BAM, CRAM or FASTQ (one or two files) of one sample."),
    vector: Path = typer.Option(..., "--vector", help="The construct: FASTA or GenBank; plasmid map, provirus or part of it."),
    out: Path = typer.Option(..., "--out", help="New folder for the results."),
    reference: Path | None = typer.Option(
        None, "--reference", help="Host FASTA the reads were aligned to (FASTQ: needed for sites)."
    ),
    genes: Path | None = typer.Option(None, "--genes", help="GTF or UCSC refGene table."),
    purity: float | None = typer.Option(None, "--purity", help="Share of tumour cells in the sample, 0 to 1."),
    ploidy: float = typer.Option(2.0, "--ploidy", help="Chromosome copies of a tumour cell."),
    normal: list[Path] = typer.Option([], "--normal", help="Reads of a normal sample of the same person; may be repeated."),
    gene_list: list[Path] = typer.Option([], "--gene-list", help="File of gene symbols to be marked; may be repeated."),
    regions: Path | None = typer.Option(None, "--regions", help="BED of regions to be flagged, such as a blacklist."),
    valid_limit: float = typer.Option(
        0.20, "--valid-limit", help="A negative is valid when a clone in this share of tumour cells shows."
    ),
    neighbour_copies: float = typer.Option(10.0, "--neighbour-copies", help="Copies per cell of the run's most positive sample."),
    host_depth: float | None = typer.Option(
        None, "--host-depth", help="Mean host depth, where the file cannot tell it (vector capture)."
    ),
    quick: bool = typer.Option(
        False, "--quick", help="Only the unmapped reads of an indexed BAM: a negative stays inconclusive."
    ),
    sample: str = typer.Option("", "--sample", help="Name of the sample."),
    threads: int | None = typer.Option(None, "--threads", min=1, max=64, help="Inflating threads."),
    as_json: bool = typer.Option(False, "--json", help="Print the whole verdict as JSON."),
) -> None:
    """Is the CAR in this sample, where, and in how many cells?

    Example: aftercar sample test tumour.bam --vector car.fa --reference hg38.fa --genes hg38.gtf --purity 0.6 --out result
    """
    from aftercar.actions.test_sample import test_sample
    from aftercar.cli.output import print_json, progress, say
    from aftercar.evidence.settings import Settings
    from aftercar.evidence.verdict import verdict_json

    settings = Settings(valid_limit=valid_limit, neighbour_copies=neighbour_copies)
    with progress() as tell:
        verdict = test_sample(
            reads,
            vector=vector,
            reference=reference,
            out=out,
            genes=genes,
            purity=purity,
            ploidy=ploidy,
            normal=normal,
            gene_lists=gene_list,
            regions=regions,
            settings=settings,
            quick=quick,
            host_depth=host_depth,
            sample=sample,
            threads=threads,
            progress=tell,
        )
    if as_json:
        print_json(verdict_json(verdict))
    else:
        print(verdict.call)
        for reason in verdict.reasons:
            print(f"- {reason}")
        if verdict.limit is not None:
            print(f"- detection limit: {verdict.limit.words}")
        for call in [site for site in verdict.sites if site.filter != "weak"][:20]:
            site = call.site
            gene = f"  {call.annotation.words()}" if call.annotation is not None else ""
            tsd = "?" if site.tsd is None else str(site.tsd)
            print(
                f"  {site.contig}:{site.position + 1} {site.orientation} TSD {tsd} {call.filter} "
                f"{call.clone.cell_fraction.percent()} {call.clone.clonality}{gene}"
            )
        if len(verdict.sites) > 20:
            print(f"  and {len(verdict.sites) - 20} more in sites.tsv")
        for note in verdict.notes:
            print(f"- note: {note}")
    say(f"written: {out}")
