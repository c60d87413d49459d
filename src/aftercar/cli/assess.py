"""``aftercar assess``: the main job.

Example::

    $ aftercar assess examples/published --out published
"""

from __future__ import annotations

from pathlib import Path

import typer


def command(
    study: Path = typer.Argument(help="The study folder."),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for the report and its tables."),
    as_json: bool = typer.Option(False, "--json", help="Print the report's machine-readable twin instead of the summary."),
) -> None:
    """The main job: study in, report and tables out."""
    from aftercar.actions.assess import REPORT, assess
    from aftercar.cli.output import progress, say
    from aftercar.reports.summary import lines

    with progress() as tell:
        found = assess(study, out, tell)
    if as_json:
        print((out / "report.json").read_text(encoding="utf-8"), end="")
    else:
        print("\n".join(lines(found)))
    say(f"report: {out / REPORT}")
