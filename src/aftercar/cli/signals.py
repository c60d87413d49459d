"""``aftercar signals``: is it more than expected, for whom, and is it a class effect?

Example::

    $ aftercar signals rate my-study
    $ aftercar signals onset my-study --json
    $ aftercar signals homogeneity my-study --ordering pearson
    $ aftercar signals expected my-study --background rates.csv --export for-the-agency
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from aftercar.cli import signals_faers

if TYPE_CHECKING:
    from aftercar.actions.signals_input import Answer, Input
    from aftercar.cohort.rules import Rules

app = typer.Typer(no_args_is_help=True)
signals_faers.register(app)

_STUDY = typer.Argument(help="The study folder.")
_JSON = typer.Option(False, "--json", help="As JSON: tables, words, data lock.")
_EXPORT = typer.Option(None, "--export", help="New folder for the tables as CSV, small counts masked.")
_LINEAGE = typer.Option("T_cell", "--lineage", help="Lineages of the outcome, separated by commas.")
_REINFUSION = typer.Option("continue", "--reinfusion", help="continue, restart, censor or compete.")
_ALLOGRAFT = typer.Option("continue", "--allograft", help="continue, censor or compete.")
_BACKGROUND = typer.Option(
    None, "--background", help="CSV: name,age_low,age_high,sex,year_low,year_high,rate_per_100000,source,evidence_mark."
)


@app.command()
def rate(
    study: Path = _STUDY,
    mid_p: bool = typer.Option(False, "--mid-p", help="Mid-P intervals instead of exact ones."),
    upper: bool = typer.Option(False, "--upper", help="One-sided upper limits."),
    lineage: str = _LINEAGE,
    reinfusion: str = _REINFUSION,
    allograft: str = _ALLOGRAFT,
    as_json: bool = _JSON,
    export: Path | None = _EXPORT,
) -> None:
    """Rates by product and time since infusion, reporting proportions, and who was left out."""
    from aftercar.actions.signals_rate import rate as compute

    rules = _rules(lineage, reinfusion, allograft)
    _answer(
        study, lambda given: compute(given, rules=rules, method="mid-p" if mid_p else "exact", side="upper" if upper else "two"),
        as_json, export,
    )  # fmt: skip


@app.command()
def incidence(
    study: Path = _STUDY,
    years: str = typer.Option("1,2,5", "--years", help="When, separated by commas."),
    landmark: float = typer.Option(0.0, "--landmark", help="Start the clock this many years after infusion."),
    covariates: str = typer.Option("", "--covariates", help="Some of age,male,line_of_therapy: hazard ratios of each."),
    lineage: str = _LINEAGE,
    reinfusion: str = _REINFUSION,
    allograft: str = _ALLOGRAFT,
    as_json: bool = _JSON,
    export: Path | None = _EXPORT,
) -> None:
    """Cumulative incidence with death competing (Aalen-Johansen), by product; Gray's test; regression on request."""
    from aftercar.actions.signals_incidence import incidence as compute

    rules = _rules(lineage, reinfusion, allograft)
    names = [name.strip() for name in covariates.split(",") if name.strip()]
    _answer(
        study, lambda given: compute(given, rules=rules, years=_numbers(years), landmark_years=landmark, covariates=names),
        as_json, export,
    )  # fmt: skip


@app.command()
def onset(study: Path = _STUDY, lineage: str = _LINEAGE, as_json: bool = _JSON, export: Path | None = _EXPORT) -> None:
    """Onset of the cases found: median, share within 12 months, by transgene; naive and right-truncated Weibull."""
    from aftercar.actions.signals_onset import onset as compute

    rules = _rules(lineage)
    _answer(study, lambda given: compute(given, rules=rules), as_json, export)


@app.command()
def expected(
    study: Path = _STUDY,
    background: Path | None = _BACKGROUND,
    controls: Path | None = typer.Option(None, "--negative-controls", help="CSV name,ratio,low,high: calibrates the ratios."),
    follow_up: str = typer.Option("0.5,1,1.5,2,2.5,3,5", "--follow-up", help="Assumed mean follow-up in years, for the surface."),
    lineage: str = _LINEAGE,
    reinfusion: str = _REINFUSION,
    allograft: str = _ALLOGRAFT,
    as_json: bool = _JSON,
    export: Path | None = _EXPORT,
) -> None:
    """Observed over expected with your background rates side by side, and the surface where follow-up is not known."""
    from aftercar.actions.signals_expected import expected as compute
    from aftercar.actions.signals_expected import read_backgrounds, read_controls

    rules = _rules(lineage, reinfusion, allograft)
    tables = read_backgrounds(background) if background is not None else ()
    known = read_controls(controls) if controls is not None else ()
    _answer(
        study, lambda given: compute(given, tables, rules=rules, follow_up_years=_numbers(follow_up), controls=known),
        as_json, export,
    )  # fmt: skip


@app.command()
def untested(study: Path = _STUDY, lineage: str = _LINEAGE, as_json: bool = _JSON, export: Path | None = _EXPORT) -> None:
    """What the untested tumours allow: bounds, prediction if like the tested ones, odds tilt, reasons."""
    from aftercar.actions.signals_untested import untested as compute

    rules = _rules(lineage)
    _answer(study, lambda given: compute(given, rules=rules), as_json, export)


@app.command()
def homogeneity(
    study: Path = _STUDY,
    ordering: str = typer.Option(
        "probability",
        "--ordering",
        help="Fixed in advance: probability, likelihood_ratio or pearson; the others are shown beside.",
    ),
    lineage: str = _LINEAGE,
    reinfusion: str = _REINFUSION,
    allograft: str = _ALLOGRAFT,
    as_json: bool = _JSON,
    export: Path | None = _EXPORT,
) -> None:
    """Is it a class effect? Exact test over products, partially pooled rates, contrasts, what cannot be told apart."""
    from aftercar.actions.signals_homogeneity import homogeneity as compute
    from aftercar.errors import UsageError
    from aftercar.signals.homogeneity import ORDERINGS

    chosen = next((known for known in ORDERINGS if known == ordering), None)
    if chosen is None:
        raise UsageError(f"unknown ordering {ordering!r}", fix=f"one of {', '.join(ORDERINGS)}")
    rules = _rules(lineage, reinfusion, allograft)
    _answer(study, lambda given: compute(given, rules=rules, ordering=chosen), as_json, export)


@app.command()
def signature(
    study: Path = _STUDY,
    background: Path | None = typer.Option(None, "--background", help="Rates of the outcome (one background) as for expected."),
    controls: Path | None = typer.Option(None, "--controls", help="Rates of solid and skin cancers in the same people."),
    product_sites: Path | None = typer.Option(None, "--product-sites", help="Table of sites background, or CSV gene,sites."),
    near: str = typer.Option(
        "", "--near", help="Four counts: tumour sites near a cancer gene, of all; control sites near one, of all."
    ),
    as_json: bool = _JSON,
    export: Path | None = _EXPORT,
) -> None:
    """Insertional mutagenesis or survivor bias: each line of evidence, what it shows here, where it points."""
    from aftercar.actions.signals_expected import read_backgrounds
    from aftercar.actions.signals_signature import read_product_sites
    from aftercar.actions.signals_signature import signature as compute

    target = read_backgrounds(background)[0] if background is not None else None
    other = read_backgrounds(controls)[0] if controls is not None else None
    four = _four(near)
    counts, total = read_product_sites(product_sites) if product_sites is not None else ({}, 0)
    _answer(
        study,
        lambda given: compute(
            given, background=target, control_background=other, product_site_counts=counts, product_sites=total, near=four
        ),
        as_json, export,
    )  # fmt: skip


@app.command("benefit-risk")
def benefit_risk(
    study: Path = _STUDY,
    benefits: Path | None = typer.Option(None, "--benefits", help="CSV name,per_1000,low,high,source."),
    years: str = typer.Option("1,5,15", "--years", help="Horizons, separated by commas."),
    rate_given: str = typer.Option("", "--rate", help="Assumed rate per person-year: value,low,high."),
    death_rate: float | None = typer.Option(None, "--death-rate", help="Assumed deaths per person-year."),
    as_json: bool = _JSON,
    export: Path | None = _EXPORT,
) -> None:
    """T-cell malignancies expected per 1,000 treated, death competing, beside the benefits you give."""
    from aftercar.actions.signals_benefit_risk import benefit_risk as compute
    from aftercar.actions.signals_benefit_risk import read_benefits
    from aftercar.errors import UsageError
    from aftercar.signals.benefit_risk import Piece

    piece = None
    if rate_given:
        three = _numbers(rate_given)
        if len(three) != 3 or not three[1] <= three[0] <= three[2]:
            raise UsageError("--rate needs value,low,high with low <= value <= high", where=rate_given)
        piece = Piece(0.0, *three)
    gains = read_benefits(benefits) if benefits is not None else ()
    _answer(
        study,
        lambda given: compute(given, gains, horizons=_numbers(years), rate=piece, death_rate=death_rate),
        as_json, export,
    )  # fmt: skip


def _answer(study: Path, compute: Callable[[Input], Answer], as_json: bool, export_to: Path | None) -> None:
    from aftercar.actions.signals_input import columns, export, from_folder
    from aftercar.cli.output import print_json, print_table, say

    found = compute(from_folder(study))
    if as_json:
        print_json(
            {
                "data_lock": found.data_lock.isoformat(),
                "words": list(found.words),
                "tables": {name: [dict(row) for row in rows] for name, rows in found.tables.items()},
            }
        )
    else:
        for number, (name, rows) in enumerate((name, rows) for name, rows in found.tables.items() if rows):
            print(("\n" if number else "") + f"# {name}")
            print_table([{key: _shown(row.get(key)) for key in row} for row in rows], columns=columns(name, rows))
        for sentence in found.words:
            say(sentence)
        say(f"Data lock {found.data_lock}.")
    if export_to is not None:
        how = f"counts from 1 to below {found.mask_below} masked" if found.mask_below > 1 else "this study masks no counts"
        for path in export(found, export_to):
            say(f"wrote {path} ({how})")


def _four(text: str) -> tuple[int, int, int, int] | None:
    from aftercar.errors import UsageError

    if not text:
        return None
    found = [int(value) for value in _numbers(text)]
    if len(found) != 4:
        raise UsageError("--near needs four counts", where=text, fix="for example --near 3,8,120,1000")
    return found[0], found[1], found[2], found[3]


def _shown(value: object) -> object:
    """NaN is "not known" and stays empty."""
    return None if value != value else value


def _rules(lineage: str, reinfusion: str = "continue", allograft: str = "continue") -> Rules:
    from aftercar.cohort.rules import rules_from

    return rules_from([part.strip() for part in lineage.split(",") if part.strip()], reinfusion, allograft)


def _numbers(text: str) -> Sequence[float]:
    from aftercar.errors import UsageError

    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError("not numbers separated by commas", where=text) from None
    if any(not value >= 0 or value == float("inf") for value in found):
        raise UsageError("a number is negative or not finite", where=text)
    return found
