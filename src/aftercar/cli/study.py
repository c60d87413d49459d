"""``aftercar study``: make an empty study folder, or check one.

Example::

    $ aftercar study new my-study
    $ aftercar study check my-study
"""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer()


@app.command()
def new(folder: Path = typer.Argument(help="The folder to make; must not exist or be empty.")) -> None:
    """Write an empty, commented study folder to fill in."""
    from aftercar.actions.check_study import make_study

    for path in make_study(folder):
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
