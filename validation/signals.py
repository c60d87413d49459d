"""Rates, incidence, onset, expected and pooling against R: frozen figures in ``signals/reference.tsv``.

``python -m validation.signals`` prints the agreement; the rows on real data need AFTERCAR_TEST_DATA.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from aftercar.cohort.background import rate_table
from aftercar.cohort.follow_up import completeness
from aftercar.cohort.person_time import EPISODE_SCHEMA
from aftercar.cohort.splitting import lexis
from aftercar.signals import calibration, dose, expected, homogeneity, incidence, pooling, rates, truncation, untested
from aftercar.signals.competing import gray_test
from aftercar.signals.regression import regress
from aftercar.vocab.dates import DAYS_PER_MONTH, DAYS_PER_YEAR
from aftercar.vocab.estimates import proportion, rate
from aftercar.vocab.sources import Source
from validation import agreement
from validation.agreement import Figure, Row, compare, show

HERE = Path(__file__).resolve().parent / "signals"

EXACT = 1e-7
#: Our Aalen-Johansen variance is the delta method's, cmprsk's is Gray's; they differ where times are tied.
VARIANCE = 3e-4


def reference() -> dict[str, list[float]]:
    """R's figures by name."""
    return agreement.reference(HERE / "reference.tsv")


def columns(path: Path) -> dict[str, list[str]]:
    """A CSV as columns of text."""
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {name: [row[name] for row in rows] for name in rows[0]}


def numbers(values: Sequence[str]) -> np.ndarray:
    return np.array([float("nan") if value in ("NA", "") else float(value) for value in values])


def episodes() -> pl.DataFrame:
    """The simulated people as a cohort's episodes."""
    people = columns(HERE / "people.csv")
    count = len(people["start"])
    start = [dt.date.fromisoformat(text) for text in people["start"]]
    age = [(day - dt.date(int(year), 7, 1)).days / DAYS_PER_YEAR for day, year in zip(start, people["birth_year"], strict=True)]
    known = {
        "person_id": [f"P{i}" for i in range(count)],
        "sex": people["sex"],
        "age_at_start": age,
        "start": start,
        "entry_days": numbers(people["entry"]),
        "exit_days": numbers(people["exit"]),
        "status": [int(value) for value in people["status"]],
        "ended_by": ["last seen" if value == "0" else "outcome" for value in people["status"]],
        "potential_days": numbers(people["exit"]),
    }
    return pl.DataFrame({name: known.get(name, [None] * count) for name in EPISODE_SCHEMA}, schema=EPISODE_SCHEMA)


def counts() -> Iterator[Figure]:
    """Exact rates, comparisons, homogeneity, untested."""
    for events in (0, 1, 5, 38):
        share, per = proportion(events, 42_500), rate(events, 42_500)
        yield f"proportion.{events}", (share.low, share.high), 1e-10
        yield f"rate.{events}", (per.low, per.high), 1e-10
    for a, t, b, u in ((13, 17_578, 0, 3_336), (7, 1200.5, 3, 2100), (2, 10, 9, 11)):
        found = rates.rate_ratio(a, t, b, u)
        shown = [value if math.isfinite(value) else -1.0 for value in (found.value, found.low, found.high)]
        yield f"rate_ratio.{a}.{b}", (*shown, found.p), EXACT
    for a, n, b, m in ((19, 42, 18, 72), (3, 10, 1, 20)):
        found = rates.compare_proportions(a, n, b, m)
        yield f"fisher.{a}.{b}", (found.p,), EXACT
        yield f"odds_ratio.{a}.{b}", (found.value, found.low, found.high), EXACT
    sets = {
        "axi_brexu": ([13, 0], [17578, 3336]),
        "three": ([9, 1, 4], [5000, 3000, 2500]),
        "four": ([6, 0, 2, 3], [900, 700, 300, 100]),
    }
    for name, (events, exposure) in sets.items():
        p = [homogeneity.exact_test(events, exposure, ordering=ordering).p for ordering in homogeneity.ORDERINGS]
        yield f"homogeneity.{name}", p, 1e-10
    guess = untested.missing_at_random(19, 7, 38)
    yield "beta_binomial", (guess.expected_positive, guess.low, guess.high), EXACT


def simulated() -> Iterator[Figure]:
    """Late entry, onset, person-years, dose, pooling, calibration on simulated data."""
    frame = episodes()
    entry, leave, status = (frame[name].to_numpy() for name in ("entry_days", "exit_days", "status"))
    curve = incidence.cumulative_incidence(leave, status, start=entry)
    yield "people.aj.truncated", [curve.at(day).value for day in (365, 1095, 1825)], EXACT
    people = columns(HERE / "people.csv")
    male = np.array([float(sex == "male") for sex in people["sex"]])
    doses = numbers(people["dose"])
    untied = leave + (np.arange(1, len(leave) + 1) % 97) / 1000
    fit = regress(untied, status, np.column_stack([doses, male]), ["dose", "male"], start=entry).of("Fine-Gray")
    yield "people.finegray.truncated", [*(term.log_ratio for term in fit), *(term.se for term in fit)], 1e-4
    onsets = columns(HERE / "onsets.csv")
    both = truncation.weibull_reports(numbers(onsets["months"]), numbers(onsets["window"]))
    yield "truncated.weibull", (both.corrected.shape, both.corrected.median, both.corrected.loglik), 1e-5
    yield "truncated.median_limits", (both.corrected.median_low, both.corrected.median_high), 1e-5
    yield "truncated.shape_limits", (both.corrected.shape_low, both.corrected.shape_high), 1e-5
    yield "naive.weibull", (both.naive.shape, both.naive.median, both.naive.loglik), 1e-5
    reverse = truncation.reverse_time_curve(numbers(onsets["months"]), numbers(onsets["window"]))
    yield "truncated.reverse", [reverse.share[np.searchsorted(reverse.months, t, side="right") - 1] for t in (12, 24, 36)], EXACT
    on_time = entry == 0
    whole = truncation.weibull_cohort(leave[on_time] / DAYS_PER_MONTH, status[on_time] == 1)
    yield "cohort.weibull", (whole.shape, whole.median, whole.loglik), 1e-5
    late = truncation.weibull_cohort(leave / DAYS_PER_MONTH, status == 1, entry_months=entry / DAYS_PER_MONTH)
    yield "cohort.weibull.truncated", (late.shape, late.median, late.loglik), 1e-5
    cells = lexis(frame, (50, 65, 75))
    yield (
        "lexis.by_age",
        cells.group_by("age_band").agg(pl.col("person_years").sum()).sort("age_band")["person_years"].to_list(),
        1e-9,
    )
    yield (
        "lexis.by_year",
        cells.group_by("year").agg(pl.col("person_years").sum()).sort("year")["person_years"].to_list()[:8],
        1e-9,
    )
    yield "lexis.events", cells.group_by("age_band").agg(pl.col("events").sum()).sort("age_band")["events"].to_list(), 0.0
    bands = [
        (low, high, sex, 2017 + k, 2017 + k, 1e5 * base / 1e3 * (1 + 0.05 * k) * (1.5 if sex == "male" else 1))
        for low, high, base in ((0, 50, 1), (50, 65, 4), (65, 75, 9), (75, math.inf, 20))
        for sex in ("male", "female")
        for k in range(28)
    ]
    sir = expected.standardised(frame, [rate_table("invented", Source("invented", "derived"), bands)])[0]
    yield "sir", (sir.expected, sir.ratio, sir.low, sir.high), 1e-7
    axi = pooling.pool([13, 0], [17578, 3336])
    yield "pool.axi_brexu", [1000 * value for value in (*(row.mean for row in axi.products), axi.products[0].high)], 1e-3
    four = pooling.pool([6, 0, 2, 3], [9000, 7000, 3000, 1000])
    yield "pool.four", [1000 * value for value in (*(row.mean for row in four.products), four.products[0].high)], 1e-3
    slope = dose.dose_response(doses, (leave - entry) / DAYS_PER_YEAR, status == 1, draws=100)
    yield "dose", (slope.ratio, slope.low, slope.high), 1e-4
    y = (0.3, 0.1, 0.5, 0.2, -0.1, 0.7, 0.4, 0.0, 0.25, 0.6)
    se = (0.1, 0.2, 0.15, 0.3, 0.2, 0.25, 0.1, 0.4, 0.2, 0.15)
    null = calibration.fit_empirical_null([calibration.Control("", a, b) for a, b in zip(y, se, strict=True)])
    yield "empirical_null", (null.mean, null.sd), 1e-4
    yield "reverse_km", (completeness(frame).median_years * DAYS_PER_YEAR,), EXACT


def real(folder: Path) -> Iterator[Figure]:
    """Competing risks in R's own data sets."""
    mgus2 = columns(folder / "mgus2.csv")
    progressed = numbers(mgus2["pstat"]) == 1
    time = np.where(progressed, numbers(mgus2["ptime"]), numbers(mgus2["futime"]))
    cause = np.where(progressed, 1, 2 * numbers(mgus2["death"])).astype(int)
    curve = incidence.cumulative_incidence(time, cause)
    z = 1.959963984540054
    points = [curve.at(month) for month in (60, 120, 240)]
    yield "mgus2.aj", [point.value for point in points], EXACT
    errors = [math.log(math.log(p.low) / math.log(p.value)) / z * p.value * -math.log(p.value) for p in points]
    yield "mgus2.aj.se", errors, VARIANCE
    gray = gray_test(time, cause, mgus2["sex"])
    yield "mgus2.gray", (gray.statistic, gray.p), EXACT
    yield "mgus2.one_minus_km", (incidence.one_minus_kaplan_meier(time, cause, 240),), EXACT
    x = np.column_stack([numbers(mgus2["age"]), [float(sex == "M") for sex in mgus2["sex"]]])
    models = regress(time, cause, x, ["age", "male"])
    for number, model in ((1, "cause-specific"), (2, "cause-specific, competing")):
        terms = models.of(model)
        yield f"mgus2.cox{number}", [*(t.log_ratio for t in terms), *(t.se for t in terms)], 1e-6
    yield "mgus2.crr", [t.log_ratio for t in models.of("Fine-Gray")], 1e-3
    bmt = columns(folder / "bmtcrr.csv")
    time, cause = numbers(bmt["ftime"]), numbers(bmt["Status"]).astype(int)
    gray = gray_test(time, cause, bmt["Phase"])
    yield "bmtcrr.gray", (gray.statistic, gray.p), EXACT
    curve = incidence.cumulative_incidence(time, cause)
    points = [curve.at(month) for month in (6, 24)]
    yield "bmtcrr.aj", [point.value for point in points], EXACT
    errors = [math.log(math.log(p.low) / math.log(p.value)) / z * p.value * -math.log(p.value) for p in points]
    yield "bmtcrr.aj.se", errors, VARIANCE


def table(folder: Path | None = None) -> list[Row]:
    """Rows of (name, ours, reference, tolerance, agrees); the tolerance is relative above 1 and absolute below."""
    data = folder or (Path(os.environ["AFTERCAR_TEST_DATA"]) if os.environ.get("AFTERCAR_TEST_DATA") else None)
    figures = [*counts(), *simulated()]
    if data is not None and (data / "survival").is_dir():
        figures += list(real(data / "survival"))
    return compare(figures, reference())


def main() -> None:
    """Print the table."""
    show(table())


if __name__ == "__main__":
    main()
