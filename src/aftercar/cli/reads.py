"""``aftercar reads``: screen the reads of a sample for a vector.

Example::

    $ aftercar reads screen tumour.bam --vector tisa-cel.gb --reference GRCh38.fa --out tumour-screen
    $ zcat lane*.fastq.gz | aftercar reads screen - --vector tisa-cel.gb --out tumour-screen
"""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer()


@app.callback()
def _reads() -> None:
    """Screen reads for the vector."""


@app.command()
def screen(
    reads: list[Path] = typer.Argument(help="BAM, CRAM or FASTQ of one sample; - is FASTQ on stdin."),
    vector: list[Path] = typer.Option(..., "--vector", help="Construct, FASTA or GenBank; may be given several times."),
    out: Path = typer.Option(..., "--out", help="The folder to make."),
    reference: Path | None = typer.Option(None, "--reference", help="Host genome (FASTA)."),
    annotation: Path | None = typer.Option(None, "--annotation", help="GTF, GFF or BED of the elements of a FASTA."),
    quick: bool = typer.Option(False, "--quick", help="Only the unplaced reads of an indexed BAM; a negative proves nothing."),
    sample: str = typer.Option("", "--sample", help="Name of the sample."),
    threads: int | None = typer.Option(None, "--threads", min=1, max=64, help="Inflating threads."),
    as_json: bool = typer.Option(False, "--json", help="All figures as JSON on stdout."),
) -> None:
    """Find every read that touches the vector; write evidence BAM, counts and quality figures."""
    from aftercar.actions.screen_sample import screen_sample
    from aftercar.cli.output import print_json, print_table, progress, say

    with progress() as show:
        figures = screen_sample(
            reads,
            vector,
            out,
            reference=reference,
            annotation=annotation,
            quick=quick,
            sample=sample,
            threads=threads,
            progress=show,
        )
    if as_json:
        print_json(figures)
        return
    print_table([{**target, "human_shared": len(target["human_shared"])} for target in figures["targets"]])
    say(f"{figures['answer']}: {figures['evidence_pairs']:,} of {figures['candidate_pairs']:,} candidate templates carry bases")
    say("that only the vector has.")
    for note in figures["notes"]:
        say(f"note: {note}")
    say(f"written: {out}")
