"""``aftercar report``: build, sign, verify and compare reports.

Example::

    $ aftercar report build my-study --kind signal --format pdf --format docx --out signal
    $ aftercar report key --by "A. Assessor" --out assessor.key
    $ aftercar report sign signal --study my-study --key assessor.key --role "medical assessor" --meaning approved
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
    author: str = typer.Option("", "--author", help="Who answers for the report; stands on every page."),
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
    wanted = Wanted(kind, case, sample, first, masked, author.strip())
    with progress() as tell:
        written = build_report(study, out, wanted, formats, earlier=earlier, tell=tell)
    for path in written:
        print(path)


@app.command()
def key(
    by: str = typer.Option(..., "--by", help="Printed name of the person."),
    out: Path = typer.Option(..., "--out", "-o", help="File for the private key; the public key is written beside it."),
) -> None:
    """Make a key to sign with. It opens with a passphrase only; give the public key to those who check."""
    from aftercar.edges.signing import PUBLIC, new_key

    new_key(out, by, _passphrase(confirm=True))
    print(out)
    print(out.with_name(out.name + PUBLIC))


@app.command()
def sign(
    folder: Path = typer.Argument(help="Folder of the report, made by: aftercar report build."),
    study: Path = typer.Option(..., "--study", help="The study folder that it was made from."),
    key_file: Path = typer.Option(..., "--key", help="Your key (aftercar report key)."),
    role: str = typer.Option(..., help="In which role you sign, for example 'medical assessor'."),
    meaning: str = typer.Option(..., help="What the signature means: author, reviewed, approved or responsible."),
    earlier: Path | None = _EARLIER,
) -> None:
    """Sign a report: name, role, meaning, day and time go onto each page and over the whole content."""
    import datetime as dt

    from aftercar.actions.report_sign import sign as sign_report
    from aftercar.cli.output import progress
    from aftercar.edges.signing import SigningKey

    opened = SigningKey(key_file, _passphrase())
    now = dt.datetime.now(dt.UTC)
    with progress() as tell:
        signed = sign_report(folder, study, opened, role=role, meaning=meaning, signed_at=now, earlier=earlier, tell=tell)
    print(f"{folder}: {signed.signatures[-1].words()}")


@app.command()
def verify(
    file: Path = typer.Argument(help="The report in any format; report.json must stand beside PDF, Word and Excel."),
    study: Path = typer.Option(..., "--study", help="The study folder that it was made from."),
    signers: Path | None = typer.Option(None, help="Public keys that you trust, one line each (the .pub files)."),
    earlier: Path | None = _EARLIER,
) -> None:
    """Recompute a report and say whether its figures still follow from the data; exit status 3 when they do not."""
    from aftercar.actions.report_check import verify as verify_report
    from aftercar.cli.output import print_table, progress

    with progress() as tell:
        found = verify_report(file, study, earlier=earlier, signers=signers, tell=tell)
    print(f"{file}: every computed figure follows from {study}")
    for signature in found.signatures:
        trust = "a key that you trust" if signers else f"key {signature.public_key}: compare it with the person's own"
        print(f"signed and unchanged since; {signature.words()}; {trust}")
    if not found.signatures:
        print("not signed")
    if found.reasons:
        print_table(found.reasons)


@app.command()
def diff(
    old: Path = typer.Argument(help="The earlier report (HTML or JSON)."),
    new: Path = typer.Argument(help="The later report."),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for the comparison; new or empty."),
    as_json: bool = typer.Option(False, "--json", help="As JSON."),
) -> None:
    """What changed between two reports: new cases, re-classified cases, figures, and what they rest on."""
    from aftercar.actions.report_check import compare
    from aftercar.cli.output import print_table, say

    found = compare(old, new, out)
    print_table(found, as_json=as_json, columns=("part", "row", "change", "column", "before", "after", "reason"))
    say(f"{len(found)} difference(s); {out / 'difference.html'}")


def _passphrase(*, confirm: bool = False) -> str:
    """Asked for at the terminal without showing it; read as one line where there is none."""
    import sys

    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))
