"""``aftercar biomarkers``: who is at higher risk before the infusion.

Example::

    $ aftercar biomarkers power --cohort 42500 --events 38 --prevalence 0.35 --subcohort 400
    $ aftercar biomarkers ch blood.vcf.gz --depths depths.csv --out ch
    $ aftercar biomarkers fit cohort.csv --covariates known.csv --marker ch --adjust lines
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from aftercar.actions.biomarkers_fit import FitReport
    from aftercar.biomarkers.features import Late

app = typer.Typer()

_JSON = typer.Option(False, "--json", help="As JSON.")
_COHORT = typer.Argument(help="A study folder, or a CSV with person_id,start,stop,cause (days since infusion).")
_KNOWN = typer.Option([], "--covariates", help="CSV with person_id,name,value,known_day; may be given several times.")
_GENES = typer.Option(None, "--genes", help="genes.csv of 'aftercar biomarkers ch --study'.")
_LATE = typer.Option(False, "--late-entry", help="People whose covariate became known after infusion enter on that day.")


@app.command()
def ch(
    files: list[str] | None = typer.Argument(
        None, help="VCF, BCF or MAF files (MAF by its ending .maf, .maf.gz, .tsv or .txt); NAME=FILE gives the sample a name."
    ),
    out: Path | None = typer.Option(None, "--out", help="New folder for variants.csv, genes.csv, samples.csv."),
    study: Path | None = typer.Option(None, "--study", help="Take the variant files from a study's samples.csv instead."),
    rules: Path | None = typer.Option(None, "--rules", help="Rule set (TOML); the built-in default when not given."),
    panel: str = typer.Option(
        "", "--panel", help="Genes that were sequenced, separated by commas; all of the rule set otherwise."
    ),
    depths: Path | None = typer.Option(
        None, "--depths", help="CSV with sample_id,gene,depth: without it, 'not called' stays missing."
    ),
    sample: str | None = typer.Option(None, "--sample", help="Sample column to read, where the header leaves it open."),
    normal: str | None = typer.Option(None, "--normal", help="Column of the matched normal."),
    reference: Path | None = typer.Option(None, "--reference", help="Indexed FASTA, for the homopolymer check."),
    show_rules: bool = typer.Option(False, "--show-rules", help="Print the built-in rule set and stop."),
    as_json: bool = _JSON,
) -> None:
    """Call clonal haematopoiesis: every variant with every check, each gene positive, negative down to a limit, or missing."""
    from aftercar.actions.biomarkers_ch import Source, call, call_study
    from aftercar.cli.output import print_table, say
    from aftercar.errors import UsageError

    if show_rules:
        from aftercar.edges.variants.rules import builtin_text

        print(builtin_text(), end="")
        return
    if bool(files) == (study is not None) or out is None:
        raise UsageError("give variant files or --study, and --out", fix="aftercar biomarkers ch blood.vcf.gz --out ch")
    if study is not None:
        found = call_study(study, out, rules_file=rules, depths_file=depths, reference_file=reference, panel=_words(panel))
    else:
        sources = [Source(path, name, sample, normal) for name, path in map(_named, files or [])]
        found = call(sources, out, rules_file=rules, depths_file=depths, reference_file=reference, panel=_words(panel))
    rows = [{"status": status, "samples": n} for status, n in sorted(found.statuses.items())]
    print_table(rows, as_json=as_json, columns=("status", "samples"))
    say(
        f"{found.samples} samples of {found.files} files, {found.variants} variants, {found.drivers} drivers; rules {found.rules}"
    )
    say(f"tables in {found.folder}")


@app.command()
def power(
    cohort: int = typer.Option(..., "--cohort", help="People treated."),
    events: int = typer.Option(..., "--events", help="Events among them, seen or expected."),
    prevalence: list[float] = typer.Option(
        [0.35, 0.1, 0.02], "--prevalence", help="Share of carriers; may be given several times."
    ),
    ratio: float = typer.Option(2.0, "--ratio", help="Hazard ratio asked about."),
    subcohort: int | None = typer.Option(None, "--subcohort", help="People in a case-cohort's subcohort."),
    controls: int | None = typer.Option(None, "--controls", help="Controls for each case of a nested design."),
    wanted: float = typer.Option(0.8, "--power", help="Power wanted."),
    alpha: float = typer.Option(0.05, "--alpha", help="Two-sided level."),
    correlation: float = typer.Option(0.0, "--correlation", help="Multiple correlation of the marker with other covariates."),
    figure: Path | None = typer.Option(None, "--figure", help="Also write the power curves (Vega-Lite) here."),
    as_json: bool = _JSON,
) -> None:
    """Detectable hazard ratio, events and treated people needed, for a cohort, a case-cohort and a nested design."""
    from dataclasses import asdict

    from aftercar.biomarkers.power import power_table
    from aftercar.cli.output import print_table

    rows = power_table(
        cohort=cohort,
        events=events,
        prevalences=prevalence,
        ratio=ratio,
        subcohort=subcohort,
        controls=controls,
        power=wanted,
        alpha=alpha,
        correlation=correlation,
    )
    print_table([asdict(row) for row in rows], as_json=as_json)
    if figure is not None:
        import json

        from aftercar.biomarkers.figures import power_curves
        from aftercar.edges.files import write_text

        spec = power_curves(range(5, max(4 * events, 101), 5), prevalence, power=wanted, alpha=alpha)
        write_text(figure, json.dumps(spec, indent=1) + "\n")


@app.command()
def design(
    cohort: Path = _COHORT,
    subcohort: str | None = typer.Option(
        None, "--subcohort", help="People to draw: 400, or by stratum: axi-cel=200,tisa-cel=200."
    ),
    controls: int | None = typer.Option(None, "--controls", help="Controls for each case (nested case-control)."),
    seed: int = typer.Option(..., "--seed", help="Seed of the draw; the same seed and people give the same list."),
    stratum: str = typer.Option("product", "--stratum", help="Column of a study's cohort that is the stratum."),
    out: Path | None = typer.Option(None, "--out", help="Pick list (CSV); on stdout when not given."),
    as_json: bool = _JSON,
) -> None:
    """Draw the pick list for the biobank: all cases, and a random subcohort or controls."""
    from aftercar.actions.biomarkers_cohort import read_input
    from aftercar.actions.biomarkers_design import draw, pick_frame, write_picks
    from aftercar.cli.output import print_table, say

    data = read_input(cohort, stratum=stratum)
    found = draw(data, subcohort=_sizes(subcohort), controls=controls, seed=seed)
    if out is None:
        print_table(pick_frame(found).to_dicts(), as_json=as_json)
    else:
        write_picks(out, found)
        say(f"wrote {out}")
    people = len({pick.person_id for pick in found.picks})
    say(f"{len(found.picks)} lines, {people} people; cohort {dict(found.cohort_sizes)}, seed {seed}")
    for note in (*data.notes, *found.notes):
        say(note)


@app.command()
def fit(
    cohort: Path = _COHORT,
    known: list[Path] = _KNOWN,
    genes: Path | None = _GENES,
    marker: list[str] = typer.Option(..., "--marker", help="Covariate of interest; several are tested as one family."),
    adjust: str = typer.Option("", "--adjust", help="Covariates in every model, separated by commas."),
    mediators: str = typer.Option("", "--mediators", help="Covariates on the path: every model is run without and with them."),
    outcome: str = typer.Option("t_cell_malignancy", "--outcome", help="Word for the outcome."),
    late: bool = _LATE,
    by_centre: bool = typer.Option(False, "--by-centre", help="Each centre has its own baseline."),
    exposed_since: Path | None = typer.Option(
        None, "--exposed-since", help="The marker is an exposure after infusion: CSV with person_id,day on which it began."
    ),
    landmark: float | None = typer.Option(None, "--landmark", help="Class people by the exposure up to this day instead."),
    picks: Path | None = typer.Option(None, "--picks", help="Pick list of a drawn sample: its design's analysis is run."),
    method: str = typer.Option("prentice", "--method", help="Case-cohort method."),
    hypotheses: Path | None = typer.Option(None, "--hypotheses", help="CSV of pre-registered hypotheses."),
    data_lock: str | None = typer.Option(None, "--data-lock", help="YYYY-MM-DD, where the cohort is a plain file."),
    level: float = typer.Option(0.95, "--level", help="Confidence level."),
    out: Path | None = typer.Option(None, "--out", help="Also write runs.csv and figures (Vega-Lite) into this new folder."),
    as_json: bool = _JSON,
) -> None:
    """Power first, then every model of the plan for one marker."""
    from dataclasses import asdict

    from aftercar.actions.biomarkers_cohort import read_input
    from aftercar.actions.biomarkers_fit import Options
    from aftercar.actions.biomarkers_fit import fit as run_models
    from aftercar.biomarkers.case_cohort import VARIANTS
    from aftercar.biomarkers.models import Plan
    from aftercar.cli.output import print_json, print_table, say
    from aftercar.errors import UsageError

    chosen = next((variant for variant in VARIANTS if variant == method), None)
    if chosen is None:
        raise UsageError(f"method {method} is not known", fix=f"use one of {', '.join(VARIANTS)}")
    if not 0 < level < 1:
        raise UsageError(f"level {level} is not between 0 and 1")
    plans = [Plan(name, _words(adjust), _words(mediators), outcome, level, by_centre) for name in marker]
    options = Options("enter" if late else "exclude", picks, chosen, exposed_since, landmark)
    data = read_input(cohort, known, genes=genes)
    found = run_models(data, plans, options, hypotheses_file=hypotheses, data_lock=_date(data_lock))
    runs = [asdict(line) for line in found.runs]
    if as_json:
        print_json({"power": found.power, "runs": runs, "left_out": found.left_out, "notes": found.notes})
    else:
        print_table(found.power)
        print()
        print_table([{name: None if value != value else value for name, value in run.items()} for run in runs])
    for name, reasons in found.left_out.items():
        for reason, n in reasons.items():
            say(f"{name}: {n} people left out ({reason})")
    for note in found.notes:
        say(note)
    if out is not None:
        _write_runs(out, found)
        say(f"tables in {out}")


@app.command()
def predict(
    cohort: Path = _COHORT,
    known: list[Path] = _KNOWN,
    genes: Path | None = _GENES,
    use: str = typer.Option(..., "--use", help="Covariates of the prediction, separated by commas."),
    horizon_years: float = typer.Option(3.0, "--horizon-years", help="Predict the outcome within this time."),
    form: str = typer.Option("ridge", "--form", help="ridge, flic or flac."),
    seed: int = typer.Option(1, "--seed", help="Seed of the resampling."),
    as_json: bool = _JSON,
) -> None:
    """A prediction model with nested resampling and transport across centres; refuses when events are too few."""
    from aftercar.actions.biomarkers_cohort import read_input
    from aftercar.actions.biomarkers_predict import lines, make
    from aftercar.biomarkers.prediction import Form
    from aftercar.cli.output import print_table, say
    from aftercar.errors import UsageError

    forms: dict[str, Form] = {"ridge": "ridge", "flic": "flic", "flac": "flac"}
    if form not in forms:
        raise UsageError(f"form {form} is not known", fix="use ridge, flic or flac")
    data = read_input(cohort, known, genes=genes)
    found = make(data, _words(use), horizon_days=horizon_years * 365.25, form=forms[form], seed=seed)
    print_table(lines(found), as_json=as_json)
    say(f"risk within {horizon_years:g} years; {found.apparent.events} events, {found.needed_events} needed")


@app.command()
def share(
    round_file: Path = typer.Argument(help="The round from the coordinator."),
    cohort: Path = _COHORT,
    known: list[Path] = _KNOWN,
    genes: Path | None = _GENES,
    centre: str = typer.Option(..., "--centre", help="Name of this centre."),
    key: Path = typer.Option(..., "--key", help="This centre's key file (at least 16 bytes)."),
    out: Path = typer.Option(..., "--out", help="The signed answer (JSON)."),
    pair_keys: Path | None = typer.Option(
        None, "--pair-keys", help="Folder with OTHER.key for each other centre: nobody sees a part, only the sum over all."
    ),
    commit: bool = typer.Option(False, "--commit", help="Write it. Without this it is shown, and nothing is written."),
    late: bool = _LATE,
    allow_few_events: bool = typer.Option(False, "--allow-few-events", help="In the clear although there are very few events."),
) -> None:
    """Answer a round: sums over this centre's people, signed; no row of a person leaves. Shown first, written with --commit."""
    from aftercar.actions.biomarkers_cohort import read_input
    from aftercar.actions.biomarkers_share import answer, send
    from aftercar.cli.output import say

    data = read_input(cohort, known, genes=genes)
    timing: Late = "enter" if late else "exclude"
    found = answer(round_file, data, centre=centre, key_file=key, pair_keys=pair_keys, late=timing, allow_few=allow_few_events)
    print(found.text, end="")
    say(f"this is all that leaves: {found.words}")
    if commit:
        send(found, out)
        say(f"wrote {out}, signed as {centre}")
    else:
        say(f"nothing was written. Add --commit to write {out}")


@app.command()
def combine(
    round_file: Path = typer.Argument(help="The round that the answers are to; with --new, the first round to write."),
    shares: list[Path] | None = typer.Argument(None, help="Signed answers of the centres."),
    keys: Path | None = typer.Option(None, "--keys", help="Folder with one CENTRE.key for each centre."),
    out: Path | None = typer.Option(None, "--out", help="Where the next round goes."),
    new: str | None = typer.Option(None, "--new", help="Open a joint study of this name instead."),
    model: str = typer.Option("firth-cox", "--model", help="cox, firth-cox, logistic, firth-logistic, or rate."),
    use: str = typer.Option("", "--use", help="Covariates of the joint model, separated by commas."),
    outcome: str = typer.Option("t_cell_malignancy", "--outcome", help="Word for the outcome."),
    as_json: bool = _JSON,
) -> None:
    """Open a round, or combine the centres' answers: joint fit and joint rates equal those of the pooled data."""
    from aftercar.actions.biomarkers_share import join, open_round
    from aftercar.biomarkers.federated import MODELS, Model, coefficient_names
    from aftercar.biomarkers.federated_sums import RATE
    from aftercar.cli.output import print_table, say
    from aftercar.errors import UsageError

    if new is not None:
        models: dict[str, Model] = {name: name for name in (*MODELS, RATE)}  # type: ignore[misc]
        if model not in models:
            raise UsageError(f"model {model} is not known", fix=f"use one of {', '.join(models)}")
        open_round(round_file, study=new, model=models[model], covariates=_words(use), outcome=outcome)
        say(f"wrote {round_file}: send it to the centres")
        return
    if not shares or keys is None:
        raise UsageError(
            "give the centres' answers and --keys", fix="aftercar biomarkers combine round1.json a.json b.json --keys keys"
        )
    joint = join(round_file, shares, keys_folder=keys, out=out)
    round_, found = joint.round, joint.fit
    if found is None:
        print_table(joint.rates, as_json=as_json)
        return
    if found.converged:
        print_table(found.lines(coefficient_names(round_)), as_json=as_json)
        say(f"converged in round {round_.number}: {len(found.centres)} centres")
    else:
        rows: list[dict[str, Any]] = [
            {"covariate": name, "next": float(b)} for name, b in zip(coefficient_names(round_), found.next_beta, strict=True)
        ]
        print_table(rows, as_json=as_json)
        where = f"{out} is" if out else "give --out for"
        say(f"round {round_.number} moved by {found.step:.3g}: not converged, {where} the next round")


def _named(text: str) -> tuple[str, Path]:
    """A file, or NAME=FILE where no file has the whole text as its name."""
    name, equals, path = text.partition("=")
    return (name, Path(path)) if equals and not Path(text).exists() else ("", Path(text))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _date(text: str | None) -> dt.date | None:
    from aftercar.cli.days import day_of

    return None if text is None else day_of(text)


def _sizes(text: str | None) -> int | dict[str, int] | None:
    from aftercar.errors import UsageError

    if text is None:
        return None
    try:
        if "=" not in text:
            return int(text)
        return {name.strip(): int(number) for name, _, number in (part.rpartition("=") for part in text.split(","))}
    except ValueError:
        raise UsageError(f"{text!r} is not a number of people", fix="write 400, or axi-cel=200,tisa-cel=200") from None


def _write_runs(out: Path, found: FitReport) -> None:
    import json
    from dataclasses import asdict

    import polars as pl

    from aftercar.biomarkers.figures import forest, incidence
    from aftercar.edges.files import folder_beside, write_text
    from aftercar.edges.tables import write_table

    with folder_beside(out) as folder:
        write_table(folder / "runs.csv", pl.DataFrame([asdict(line) for line in found.runs], infer_schema_length=None))
        write_text(folder / "forest.vl.json", json.dumps(forest(found.runs), indent=1) + "\n")
        for marker, curves in found.curves.items():
            if curves:
                write_text(folder / f"incidence_{marker}.vl.json", json.dumps(incidence(curves), indent=1) + "\n")
