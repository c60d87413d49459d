"""``aftercar report``: build, verify and compare reports.

Example::

    $ aftercar report build my-study --kind signal --format pdf --format docx --out signal
    $ aftercar report verify signal/report.json --study my-study
    $ aftercar report diff march/report.json june/report.json --out changes
"""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer()

_STUDY = typer.Argument(help="The study folder.")
_EARLIER = typer.Option(None, "--samples", help="Result of `aftercar assess` whose samples are taken over.")


@app.command()
def build(
    study: Path = _STUDY,
    out: Path = typer.Option(..., "--out", "-o", help="Folder to write; new or empty."),
    kind: str = typer.Option("assessment", help="assessment, signal, periodic, dossier, laboratory, centre or study."),
    formats: list[str] = typer.Option(["html"], "--format", "-f", help="html, pdf, docx, xlsx; may be given several times."),
    case: str = typer.Option("", help="The case of a dossier."),
    sample: str = typer.Option("", help="The sample of a laboratory report."),
    since: str = typer.Option("", help="First day of the interval of a periodic report, YYYY-MM-DD."),
    masked: bool = typer.Option(False, "--masked", help="Hide small counts and everything about single persons."),
    earlier: Path | None = _EARLIER,
) -> None:
    """Build one report of a study."""
    import datetime as dt

    from aftercar.actions.report import Wanted
    from aftercar.actions.report import build as build_report
    from aftercar.cli.output import progress
    from aftercar.errors import UsageError

    try:
        first = dt.date.fromisoformat(since) if since else None
    except ValueError:
        raise UsageError(f"--since {since!r} is not a date", fix="write YYYY-MM-DD") from None
    with progress() as tell:
        written = build_report(study, out, Wanted(kind, case, sample, first, masked), formats, earlier=earlier, tell=tell)
    for path in written:
        print(path)


@app.command()
def verify(
    file: Path = typer.Argument(help="report.html or report.json."),
    study: Path = typer.Option(..., "--study", help="The study folder it was made from."),
    earlier: Path | None = _EARLIER,
) -> None:
    """Recompute a report and say whether its figures still follow from the data; exit status 3 when they do not."""
    from aftercar.actions.report import verify as verify_report
    from aftercar.cli.output import print_table, progress

    with progress() as tell:
        reasons = verify_report(file, study, earlier=earlier, tell=tell)
    print(f"{file}: every computed figure follows from {study}")
    if reasons:
        print_table(reasons)


@app.command()
def diff(
    old: Path = typer.Argument(help="The earlier report (HTML or JSON)."),
    new: Path = typer.Argument(help="The later report."),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for the comparison; new or empty."),
    as_json: bool = typer.Option(False, "--json", help="As JSON."),
) -> None:
    """What changed between two reports: rows, figures, and what they rest on."""
    from aftercar.actions.report import compare
    from aftercar.cli.output import print_table, say

    found = compare(old, new, out)
    print_table(found, as_json=as_json, columns=("part", "row", "change", "column", "before", "after"))
    say(f"{len(found)} difference(s); {out / 'difference.html'}")
