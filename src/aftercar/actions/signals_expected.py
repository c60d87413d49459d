"""Is it more than expected: O/E with the user's background tables, and the surface over what is not known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from aftercar.actions.permissions import Actor
from aftercar.actions.signals_input import Answer, Input, NoPersonTime, Row, cohort_of, cohort_words, may_read
from aftercar.cohort.background import COLUMNS, RateTable, from_frame
from aftercar.cohort.exposure import aggregates
from aftercar.cohort.rules import Rules
from aftercar.edges.tables import read_table
from aftercar.errors import InvalidTables, Problem
from aftercar.signals.calibration import Control, calibrate, e_value, fit_empirical_null, log_ratio_and_se
from aftercar.signals.expected import ObservedExpected, by_time_since_infusion, follow_up_at_which_equal, standardised, surface
from aftercar.vocab.columns import Column, Table
from aftercar.vocab.sources import MARKS, Source

#: Backgrounds of the surface when the user gives none: (name, per 100,000 person-years, source).
DEFAULT_BACKGROUNDS: tuple[tuple[str, float, Source], ...] = (
    (
        "peripheral T-cell lymphoma, general population of Europe",
        1.0,
        Source("onkodin.de: about 1 per 100,000 a year", "secondary"),
    ),
    (
        "T-cell neoplasm after treated B-cell lymphoma or leukaemia, 17 US registries 2000-2017",
        22.0,
        Source("NEJM letter on the time before CAR T; decimals not seen", "secondary"),
    ),
)
FOLLOW_UP_YEARS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0)

CONTROLS = Table(
    "negative_controls",
    "Estimates for outcomes or exposures that cannot have the effect.",
    (
        Column("name", "text", "The control.", required=True),
        Column("ratio", "number", "Its ratio.", required=True, low=0),
        Column("low", "number", "Lower 95% limit.", required=True, low=0),
        Column("high", "number", "Upper 95% limit.", required=True, low=0),
    ),
    level="aggregate",
)

BACKGROUND = Table(
    "background",
    "Background rates given by the user; rows with one name make one background.",
    (
        Column("name", "text", "Background population.", required=True),
        Column("age_low", "number", "Age from (inclusive); empty is 0.", unit="years", low=0, high=150),
        Column("age_high", "number", "Age to (exclusive); empty is open.", unit="years", low=0, high=150),
        Column("sex", "choice", "Sex; empty is all.", choices=("all", "female", "male")),
        Column("year_low", "integer", "First calendar year; empty is any.", low=1900, high=2200),
        Column("year_high", "integer", "Last calendar year; empty is any.", low=1900, high=2200),
        Column("rate_per_100000", "number", "Rate.", required=True, unit="per 100,000 person-years", low=0),
        Column("source", "text", "Where it comes from.", required=True),
        Column("evidence_mark", "choice", "How well it was checked.", required=True, choices=MARKS),
    ),
    level="aggregate",
)


def read_backgrounds(path: Path) -> tuple[RateTable, ...]:
    """Background tables from one CSV or Excel file, one for each value of ``name``.

    Raises:
        InvalidTables: with every problem of the file.
        BadRateTable: when rows of one background overlap.
    """
    problems: list[Problem] = []
    frame = read_table(path, BACKGROUND, problems).frame
    if not problems and frame.is_empty():
        problems.append(Problem(path.name, 0, "", "", "the file has no row"))
    if problems:
        raise InvalidTables(problems)
    tables = []
    for name in frame["name"].unique(maintain_order=True):
        part = frame.filter(frame["name"] == name)
        first = part.row(0, named=True)
        tables.append(from_frame(name, Source(first["source"], first["evidence_mark"]), part.select(COLUMNS)))
    return tuple(tables)


def expected(
    given: Input,
    backgrounds: Sequence[RateTable] = (),
    *,
    rules: Rules | None = None,
    follow_up_years: Sequence[float] = FOLLOW_UP_YEARS,
    cut_years: Sequence[float] = (1, 2, 5),
    controls: Sequence[Control] = (),
    actor: Actor | None = None,
) -> Answer:
    """O/E of the study's people with each background, by time since infusion, and the surface of the aggregate rows.

    Args:
        given: the study.
        backgrounds: the user's rate tables; without any only the surface with published example rates is made.
        rules: outcome, clock and what ends observation.
        follow_up_years: assumed mean follow-up of the surface.
        cut_years: bands of time since infusion.
        controls: negative controls of the same design, to calibrate the ratios with.
        actor: who asks.
    """
    may_read(actor)
    tables: dict[str, Sequence[Row]] = {}
    words: list[str] = []
    if backgrounds:
        try:
            cohort = cohort_of(given, rules)
        except NoPersonTime as error:
            words.append(f"No observed/expected of the study's own people: {error}")
        else:
            found = list(standardised(cohort.episodes, backgrounds, level=given.level))
            for table in backgrounds:
                found += by_time_since_infusion(cohort.episodes, table, cut_years, level=given.level)
            tables["signal_expected"] = [_row(item) for item in found]
            words += cohort_words(cohort)
            words += [_e_value_words(item) for item in found[: len(backgrounds)] if item.observed and item.low > 1]
            words += _calibrated(found[: len(backgrounds)], controls)
            words.append("Bands of age from the year of birth carry up to half a year of error.")
    points, more = _surface(given, backgrounds, follow_up_years)
    tables["signal_surface"] = points
    return Answer(tables, (*words, *more), given.data_lock, given.mask_below)


def _surface(given: Input, backgrounds: Sequence[RateTable], follow_up_years: Sequence[float]) -> tuple[list[Row], list[str]]:
    flat = [(table.name, table.bands[0].rate * 1e5, table.source) for table in backgrounds if len(table.bands) == 1]
    chosen = flat or list(DEFAULT_BACKGROUNDS)
    rows: list[Row] = []
    words = ["The surface assumes the mean follow-up and the background of each point; its limits hold under both."]
    words += [f"Background {name}: {rate:g} per 100,000 person-years, {source}." for name, rate, source in chosen]
    for item in aggregates(given.frames["exposure"]):
        if item.persons == 0 or item.person_years is not None:
            continue
        pairs = [(name, rate) for name, rate, _ in chosen if rate > 0]
        for point in surface(item.cases, item.persons, follow_up_years, pairs, level=given.level):
            rows.append(
                {
                    "group": item.group,
                    "background": point.background,
                    "background_per_100000": point.background_per_100000,
                    "mean_follow_up_years": point.mean_follow_up_years,
                    "observed": point.observed,
                    "expected": point.expected,
                    "value": point.ratio,
                    "low": point.low,
                    "high": point.high,
                }
            )
        words += [
            f"{item.group}: as many as expected with {name} at a mean follow-up of "
            f"{follow_up_at_which_equal(item.cases, item.persons, rate):.1f} years."
            for name, rate in pairs
            if item.cases
        ]
    return rows, words


def read_controls(path: Path) -> tuple[Control, ...]:
    """Negative controls from a CSV or Excel file; the standard error comes from the 95% limits.

    Raises:
        InvalidTables: with every problem of the file.
    """
    problems: list[Problem] = []
    read = read_table(path, CONTROLS, problems)
    rows = list(read.frame.iter_rows(named=True)) if not problems else []
    for number, row in enumerate(rows):
        if not 0 < row["low"] < row["ratio"] < row["high"]:
            problems.append(read.problem(number, "ratio", "does not satisfy 0 < low < ratio < high"))
    if problems:
        raise InvalidTables(problems)
    width = 2 * 1.959963984540054
    return tuple(Control(row["name"], math.log(row["ratio"]), math.log(row["high"] / row["low"]) / width) for row in rows)


def _calibrated(found: Sequence[ObservedExpected], controls: Sequence[Control]) -> list[str]:
    if not controls:
        return []
    null = fit_empirical_null(controls)
    words = [
        f"Negative controls: {null.controls}, mean ratio {math.exp(null.mean):.2f}, spread {null.sd:.2f} on the log scale; "
        f"{100 * null.covered:.0f}% of their own intervals contain 1. {null.caution}".strip()
    ]
    for item in found:
        if item.observed:
            value = calibrate(*log_ratio_and_se(item.observed, item.expected), null, level=item.level)
            words.append(
                f"{item.background}: calibrated ratio {value.ratio:.2f} ({value.low:.2f}-{value.high:.2f}), p {value.p:.2g} "
                f"(uncalibrated {value.uncalibrated_p:.2g})."
            )
    return words


def _e_value_words(item: ObservedExpected) -> str:
    found = e_value(item.ratio, item.low, item.high)
    return (
        f"{item.background}: an unmeasured confounder needs a risk ratio of {found.point:.1f} with both treatment and outcome "
        f"to explain the ratio, {found.limit:.1f} to move its lower limit to 1 (E-value)."
    )


def _row(item: ObservedExpected) -> Row:
    return {
        "background": item.background,
        "observed": item.observed,
        "expected": item.expected,
        "value": item.ratio,
        "low": item.low,
        "high": item.high,
        "p": item.p,
        "excess": item.excess,
        "excess_low": item.excess_low,
        "excess_high": item.excess_high,
        "person_years": item.person_years,
        "uncovered": item.uncovered,
        "level": item.level,
        "source": item.source,
        "evidence_mark": item.mark,
    }
