"""``aftercar simulate``: simulated tumour reads with known truth."""

from __future__ import annotations

from pathlib import Path

import typer


def command(
    out: Path = typer.Option(..., "--out", help="New folder: tumour.bam, reference.fa, vector.fa, truth.tsv, truth.json."),
    reference: Path | None = typer.Option(None, "--reference", help="Host FASTA (up to 300 Mb); invented without it."),
    vector: Path | None = typer.Option(None, "--vector", help="Construct to plant; an invented lentiviral one without it."),
    sites: int = typer.Option(1, "--sites", min=0, help="Insertions in the tumour clone."),
    purity: float = typer.Option(0.6, "--purity", min=0, max=1, help="Share of tumour cells."),
    ploidy: int = typer.Option(2, "--ploidy", min=1, help="Chromosome copies of a tumour cell."),
    bystanders: int = typer.Option(0, "--bystanders", min=0, help="Bystander clones with one insertion each."),
    bystander_fraction: float = typer.Option(0.05, "--bystander-fraction", min=0, max=1, help="Share of all cells they make up."),
    depth: float = typer.Option(30.0, "--depth", min=0, help="Mean host depth."),
    read_length: int = typer.Option(150, "--read-length", min=30, help="Bases of a read."),
    insert: float = typer.Option(400.0, "--insert", help="Mean template length."),
    errors: float = typer.Option(0.002, "--errors", min=0, max=0.5, help="Substitutions per base."),
    duplicates: float = typer.Option(0.0, "--duplicates", min=0, max=1, help="Share of fragments sequenced twice."),
    plasmid_depth: float = typer.Option(0.0, "--plasmid-depth", min=0, help="Depth of plasmid DNA spiked in."),
    truncate: float = typer.Option(0.0, "--truncate", min=0, max=1, help="Chance that a provirus lost part of an end."),
    host_length: int = typer.Option(1_000_000, "--host-length", min=20_000, help="Bases of the invented host."),
    seed: int = typer.Option(1, "--seed", help="Equal seeds give equal reads."),
    fastq: bool = typer.Option(False, "--fastq", help="Write FASTQ beside the BAM."),
    as_json: bool = typer.Option(False, "--json", help="Print the truth as JSON."),
) -> None:
    """Make simulated tumour reads with known truth.

    Example: aftercar simulate --out sim --sites 2 --purity 0.5 --seed 7
    """
    from aftercar.actions.simulate_sample import Recipe, simulate_sample
    from aftercar.cli.output import print_json, print_table, progress, say

    recipe = Recipe(
        sites=sites,
        purity=purity,
        ploidy=ploidy,
        bystanders=bystanders,
        bystander_fraction=bystander_fraction,
        depth=depth,
        read_length=read_length,
        insert_mean=insert,
        insert_sd=insert / 5,
        error_rate=errors,
        duplicates=duplicates,
        plasmid_depth=plasmid_depth,
        truncate=truncate,
        host_length=host_length,
        seed=seed,
    )
    with progress() as tell:
        truth = simulate_sample(out, recipe, reference=reference, vector=vector, fastq=fastq, progress=tell)
    if as_json:
        print_json(truth)
    else:
        print_table(truth["sites"])
    say(f"written: {out}")
