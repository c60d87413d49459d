"""What the risk means for 1,000 people treated, beside the benefit figures that the user supplies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from aftercar.actions.permissions import Actor
from aftercar.actions.signals_input import Answer, Input, NoPersonTime, cohort_of, cohort_words, may_read
from aftercar.cohort.person_time import Cohort
from aftercar.cohort.rules import DEATH, Rules
from aftercar.cohort.splitting import split
from aftercar.edges.tables import read_table
from aftercar.errors import InvalidTables, Problem
from aftercar.signals.benefit_risk import Benefit, Piece, benefits_for_each_case, figure_rows, pieces_from_bands, table
from aftercar.signals.incidence import rates_by_time
from aftercar.vocab.columns import Column, Table
from aftercar.vocab.dates import DAYS_PER_YEAR

BENEFITS = Table(
    "benefits",
    "Benefit figures given by the user, per 1,000 people treated.",
    (
        Column("name", "text", "What is gained, for example: alive at 5 years who would have died.", required=True),
        Column("per_1000", "number", "People of 1,000 treated.", required=True, low=0, high=1000),
        Column("low", "number", "Lower limit.", low=0, high=1000),
        Column("high", "number", "Upper limit.", low=0, high=1000),
        Column("source", "text", "Where the figure comes from.", required=True),
    ),
    level="aggregate",
)


def read_benefits(path: Path) -> tuple[Benefit, ...]:
    """Benefit figures from a CSV or Excel file.

    Raises:
        InvalidTables: with every problem of the file.
    """
    problems: list[Problem] = []
    frame = read_table(path, BENEFITS, problems).frame
    if problems:
        raise InvalidTables(problems)

    def known(value: float | None) -> float:
        return math.nan if value is None else value

    return tuple(
        Benefit(row["name"], row["per_1000"], known(row["low"]), known(row["high"]), row["source"])
        for row in frame.iter_rows(named=True)
    )


def benefit_risk(
    given: Input,
    benefits: Sequence[Benefit] = (),
    *,
    horizons: Sequence[float] = (1, 5, 15),
    rules: Rules | None = None,
    rate: Piece | None = None,
    death_rate: float | None = None,
    actor: Actor | None = None,
) -> Answer:
    """Expected T-cell malignancies per 1,000 treated at each horizon, death competing, beside the benefits.

    Rates of outcome and death are those of the study's own people by time since infusion; without person-time both
    must be given and are assumptions.

    Args:
        given: the study.
        benefits: supplied benefit figures.
        horizons: years.
        rules: outcome, clock and what ends observation.
        rate: assumed rate of the outcome (constant), instead of the study's own.
        death_rate: assumed deaths per person-year, instead of the study's own.
        actor: who asks.

    Raises:
        NoPersonTime: when there is no person-time and a rate is missing.
    """
    may_read(actor)
    words: list[str] = []
    observed = 0.0
    pieces: Sequence[Piece] = (rate,) if rate is not None else ()
    deaths: Sequence[tuple[float, float]] = ((0.0, death_rate),) if death_rate is not None else ()
    if not pieces or not deaths:
        try:
            cohort = cohort_of(given, rules)
        except NoPersonTime as error:
            raise NoPersonTime(error.what, fix="give the rate of the outcome and of death (--rate, --death-rate)") from None
        observed = float(cohort.episodes["exit_days"].max()) / DAYS_PER_YEAR  # type: ignore[arg-type]
        cuts = [cut for cut in (1.0, 2.0, 5.0) if cut < observed]
        pieces = pieces or pieces_from_bands(rates_by_time(cohort.episodes, cuts, level=given.level))
        deaths = deaths or _deaths(cohort, cuts)
        words += cohort_words(cohort)
    if rate is not None:
        words.append(f"Assumed rate of the outcome: {rate.rate:g} ({rate.low:g}-{rate.high:g}) per person-year, at all times.")
    if death_rate is not None:
        words.append(f"Assumed death rate: {death_rate:g} per person-year, at all times.")
    found = table(pieces, deaths, horizons=horizons, observed_years=observed)
    for benefit in benefits:
        value, low, high = benefits_for_each_case(found[-1], benefit)
        words.append(
            f"For each T-cell malignancy within {found[-1].years:g} years, "
            f"{_round(value)} ({_round(low)}-{_round(high)}): {benefit.name}."
        )
    words.append("Limits carry the rate's exact limits; the death rate is taken as known.")
    rows = [
        {"label": r.label, "side": r.side, "per_1000": r.per_1000, "low": r.low, "high": r.high, "words": r.words}
        for r in figure_rows(found, benefits)
    ]
    return Answer({"signal_benefit_risk": rows}, tuple(words), given.data_lock, given.mask_below)


def _deaths(cohort: Cohort, cut_years: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Death rate of people without the outcome in each band; a band without person-time takes the one before it."""
    frame = cohort.episodes
    cuts = [cut * DAYS_PER_YEAR for cut in cut_years]
    pieces = split(frame["entry_days"].to_numpy(), frame["exit_days"].to_numpy(), cuts)
    died = split(
        frame.filter(frame["status"] == DEATH)["exit_days"].to_numpy() - 1e-9,
        frame.filter(frame["status"] == DEATH)["exit_days"].to_numpy(),
        cuts,
    )
    found: list[tuple[float, float]] = []
    for band, start in enumerate([0.0, *cut_years]):
        years = float(pieces.days[pieces.band == band].sum()) / DAYS_PER_YEAR
        if years > 0:
            found.append((start, int((died.band == band).sum()) / years))
    return ((0.0, found[0][1]), *found[1:])


def _round(value: float) -> str:
    return "no limit" if math.isinf(value) else f"{value:.0f}" if value >= 10 else f"{value:.1f}"
