"""How likely by when: cumulative incidence with death competing, by product, and what goes with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from aftercar.actions.permissions import Actor
from aftercar.actions.signals_input import EVERYBODY, Answer, Input, Row, cohort_of, cohort_words, may_read
from aftercar.cohort.person_time import Cohort, by_product
from aftercar.cohort.rules import Rules
from aftercar.errors import InputError
from aftercar.signals.competing import CannotCompareIncidence, gray_test
from aftercar.signals.incidence import of_cohort
from aftercar.signals.regression import regress
from aftercar.vocab.dates import DAYS_PER_YEAR

#: Covariates that can be asked for, and how each is made from the episodes.
COVARIATES = ("age", "male", "line_of_therapy")


def incidence(
    given: Input,
    *,
    rules: Rules | None = None,
    years: Sequence[float] = (1, 2, 5),
    landmark_years: float = 0.0,
    covariates: Sequence[str] = (),
    actor: Actor | None = None,
) -> Answer:
    """Cumulative incidence at the given years (those within follow-up), by product, with Gray's test and regression.

    Args:
        given: the study.
        rules: outcome, clock and what ends observation.
        years: when.
        landmark_years: start the clock here, among those event-free.
        covariates: some of ``COVARIATES``; people with a missing value are left out and counted.
        actor: who asks.

    Raises:
        NoPersonTime: when nobody has person-time.
        InputError: for an unknown covariate.
    """
    may_read(actor)
    cohort = cohort_of(given, rules)
    words = list(cohort_words(cohort))
    rows: list[Row] = []
    for name, part in {EVERYBODY: cohort.episodes, **by_product(cohort)}.items():
        some = Cohort(part, cohort.attrition, cohort.rules, cohort.data_lock)
        found = of_cohort(some, landmark_years=landmark_years, level=given.level)
        if name == EVERYBODY:
            words += found.cautions
        for time in years:
            if time > found.longest:
                words.append(f"{name}: nobody was followed to {time:g} years (longest {found.longest:.1f}).")
                continue
            at = found.at(time)
            rows.append(
                {
                    "group": name,
                    "years": time,
                    "cases": int(at.numerator),
                    "at_risk": found.at_risk(time),
                    "value": at.value,
                    "low": at.low,
                    "high": at.high,
                    "method": at.method,
                    "level": at.level,
                }
            )
    tables: dict[str, Sequence[Row]] = {"signal_incidence": rows}
    words.append(_gray(cohort))
    if covariates:
        tables["signal_regression"], more = _regression(cohort, covariates, given.level)
        words += more
    return Answer(tables, tuple(word for word in words if word), given.data_lock, given.mask_below)


def _gray(cohort: Cohort) -> str:
    frame = cohort.episodes.with_columns(pl.col("product").fill_null("unknown"))
    if frame["product"].n_unique() < 2:
        return ""
    try:
        test = gray_test(
            frame["exit_days"].to_numpy(),
            frame["status"].to_numpy(),
            frame["product"].to_list(),
            start=frame["entry_days"].to_numpy(),
        )
    except CannotCompareIncidence as error:
        return f"Gray's test between products: not done; {error.what}."
    return (
        f"Gray's test between products: chi-square {test.statistic:.2f} on {test.degrees}, p {test.p:.3g}. {test.caution}".strip()
    )


def _regression(cohort: Cohort, covariates: Sequence[str], level: float) -> tuple[list[Row], list[str]]:
    frame = cohort.episodes
    columns = []
    for name in covariates:
        if name not in COVARIATES:
            raise InputError(f"unknown covariate {name!r}", fix=f"choose from {', '.join(COVARIATES)}")
        columns.append(_covariate(frame, name))
    design = np.column_stack(columns)
    complete = np.isfinite(design).all(axis=1)
    words = [f"Regression: {int((~complete).sum())} of {len(complete)} left out because a covariate is unknown."]
    used = frame.filter(pl.Series(complete))
    found = regress(
        used["exit_days"].to_numpy() / DAYS_PER_YEAR,
        used["status"].to_numpy(),
        design[complete],
        covariates,
        start=used["entry_days"].to_numpy() / DAYS_PER_YEAR if (used["entry_days"] > 0).any() else None,
        level=level,
    )
    rows: list[Row] = [
        {
            "model": term.model,
            "term": term.name,
            "cases": term.events,
            "value": term.ratio,
            "low": term.low,
            "high": term.high,
            "method": term.method,
            "level": level,
            "p": term.p,
        }
        for term in found.terms
    ]
    return rows, [*words, *found.cautions]


def _covariate(frame: pl.DataFrame, name: str) -> np.ndarray:
    if name == "male":
        coded = [{"male": 1.0, "female": 0.0}.get(sex or "", np.nan) for sex in frame["sex"]]
        return np.array(coded)
    column = "age_at_start" if name == "age" else name
    return frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
