"""``aftercar vector``: what a construct's file holds.

Example::

    $ aftercar vector describe tisa-cel.gb --reference GRCh38.fa
"""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer()


@app.callback()
def _vector() -> None:
    """Vector constructs: elements, human-shared parts, k-mers."""


@app.command()
def describe(
    file: Path = typer.Argument(help="FASTA or GenBank, plain or gzip."),
    reference: Path | None = typer.Option(
        None, "--reference", help="Host genome (FASTA): finds the parts that the vector shares."
    ),
    annotation: Path | None = typer.Option(None, "--annotation", help="GTF, GFF or BED of the elements of a FASTA."),
    as_json: bool = typer.Option(False, "--json", help="As JSON."),
) -> None:
    """Show elements, integrated form and parts shared with the host of every construct in FILE."""
    from aftercar.actions.describe_vector import describe_vector
    from aftercar.cli.output import print_json, print_table, progress, say

    with progress() as show:
        described = describe_vector(file, reference=reference, annotation=annotation, progress=show)
    if as_json:
        print_json(described)
        return
    for target in described:
        shape = "circular" if target["circular"] else "linear"
        say(f"{target['target']}: {target['length']:,} bases, {shape}, {target['kmers']:,} different 16-mers on both strands")
        if target["form"] == "provirus":
            say(
                f"  {target['kind']} provirus from {target['starts_with']}... to ...{target['ends_with']}, LTR of "
                f"{target['ltr_length']} bases, target-site duplication of {target['target_site_duplication']} ({target['ends']})"
            )
        elif target["kind"] == "none":
            say(f"  {target['ends']}: junctions can be anywhere in it")
        shared = ", ".join(f"{start}-{end}" for start, end in target["human_shared"]) or "none"
        say(f"  shared with the host, by {target['shared_found_by']}: {shared}")
    print_table([element for target in described for element in target["elements"]])
