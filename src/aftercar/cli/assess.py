"""``aftercar assess``: the main job.

Example::

    $ aftercar assess examples/published --out published
"""

from __future__ import annotations

from pathlib import Path

import typer


def command(
    study: Path = typer.Argument(help="The study folder."),
    out: Path | None = typer.Option(None, "--out", "-o", help="Folder for the report and its tables."),
    cluster: str | None = typer.Option(
        None, "--cluster", help="One job a sample, run by Snakemake: laptop, slurm, or a folder with a profile."
    ),
    work: Path | None = typer.Option(None, "--work", help="Keep finished samples in this folder for later runs."),
    only: str | None = typer.Option(None, "--only", help="Analyse this sample alone into --work, and stop."),
    as_json: bool = typer.Option(False, "--json", help="Print the report's machine-readable twin instead of the summary."),
) -> None:
    """The main job: study in, report and tables out.

    \b
    aftercar assess my-study --out result
    aftercar assess my-study --out result --cluster slurm
    """
    from aftercar.actions.assess import REPORT, assess, assess_sample
    from aftercar.cli.output import progress, say
    from aftercar.errors import UsageError

    if only is not None:
        if work is None or out is not None or cluster is not None:
            raise UsageError("--only goes with --work and nothing else", fix="aftercar assess STUDY --only SAMPLE --work DIR")
        with progress() as tell:
            assess_sample(study, only, work, tell)
        say(f"sample {only} is ready in {work}")
        return
    if out is None or (cluster is not None and work is not None):
        raise UsageError("give --out, and --cluster or --work but not both", fix="aftercar assess STUDY --out DIR")
    if cluster is not None:
        from aftercar.actions.assess_cluster import assess_on_cluster

        summary = assess_on_cluster(study, out, cluster)
    else:
        from aftercar.reports.summary import lines

        with progress() as tell:
            summary = "\n".join(lines(assess(study, out, tell, work=work))) + "\n"
    print((out / "report.json").read_text(encoding="utf-8") if as_json else summary, end="")
    say(f"report: {out / REPORT}")
