"""``aftercar study``: make an empty study folder, or check one.

Example::

    $ aftercar study new my-study
    $ aftercar study new one-tumour --reads tumour.bam --vector plasmid.fa --reference GRCh38.fa --product Kymriah
    $ aftercar study check my-study
"""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer()


@app.command()
def new(
    folder: Path = typer.Argument(help="The folder to make; must not exist or be empty."),
    reads: list[Path] = typer.Option(
        [], "--reads", help="One tumour to begin with: a BAM or CRAM, or --reads twice for two FASTQ."
    ),
    vector: Path | None = typer.Option(None, "--vector", help="With --reads: the construct, FASTA or GenBank."),
    reference: Path | None = typer.Option(None, "--reference", help="With --reads: host FASTA that the reads were aligned to."),
    product: str = typer.Option("", "--product", help="With --reads: the product."),
    diagnosis: str = typer.Option("", "--diagnosis", help="With --reads: the diagnosis in words."),
    infused: str = typer.Option("", "--infused", help="With --reads: day, month or year of the infusion."),
    diagnosed: str = typer.Option("", "--diagnosed", help="With --reads: day, month or year of the diagnosis."),
    purity: float | None = typer.Option(None, "--purity", min=0, max=1, help="With --reads: share of tumour cells."),
) -> None:
    """Write an empty, commented study folder to fill in; with --reads and --vector, one around a tumour, ready to assess."""
    import datetime as dt

    from aftercar.actions.check_study import make_study
    from aftercar.cli.output import say
    from aftercar.errors import UsageError

    if not reads:
        if vector or reference or product or diagnosis or infused or diagnosed or purity is not None:
            raise UsageError("these options describe a tumour, and its reads are missing", fix="add --reads tumour.bam")
        made = make_study(folder)
    else:
        from aftercar.actions.one_sample_study import OneSample, make_one_sample_study

        if vector is None:
            raise UsageError("a tumour's reads need the construct", fix="add --vector plasmid.fa")
        given = OneSample(reads, vector, reference, product, diagnosis, infused, diagnosed, purity)
        made = make_one_sample_study(folder, given, today=dt.date.today())
        say(
            f"one person, one case, one sample; add what else you know to the tables. Next: aftercar assess {folder} --out result"
        )
    for path in made:
        print(path)


@app.command()
def check(
    folder: Path = typer.Argument(help="The study folder."), as_json: bool = typer.Option(False, "--json", help="As JSON.")
) -> None:
    """Report every problem of a study folder at once; exit status 3 when there is one."""
    from aftercar.actions.check_study import check_study, counts
    from aftercar.cli.output import print_json, print_table, say
    from aftercar.errors import InvalidTables

    try:
        study = check_study(folder)
    except InvalidTables as error:
        if as_json:
            print_json(
                [
                    {"file": p.file, "row": p.row, "column": p.column, "value": p.value, "rule": p.rule, "next": p.fix}
                    for p in error
                ]
            )
        raise
    print_table(counts(study), as_json=as_json, columns=("table", "rows"))
    say(f"{folder}: no problem found, data lock {study.data_lock}")
