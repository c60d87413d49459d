"""Simulated reports with known duplicates: the same event told again with gaps, slips and coarser dates.

Products are autologous, so each person has a batch of their own.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from aftercar.cases.duplicates import Report

_PRODUCTS = ("axi-cel", "tisa-cel", "cilta-cel", "ide-cel", "liso-cel", "brexu-cel", "obe-cel")
_SHARES = (0.34, 0.18, 0.18, 0.12, 0.10, 0.05, 0.03)
_COUNTRIES = ("US", "DE", "FR", "GB", "ES", "IT", "JP", "CA", "NL", "AU")
_TERMS = ("t_lymphoma", "ptcl_nos", "alcl_alk_neg", "mds", "aml", "tall", "tlgl", "aitl", "nmsc", "t_lpd")
_START = dt.date(2018, 1, 1).toordinal()


def simulate_reports(events: int, duplicates: int, seed: int = 0) -> tuple[list[Report], set[tuple[str, str]]]:
    """Reports of ``events`` different events, ``duplicates`` of them told a second time, in random order.

    Returns the reports and the true pairs as (smaller identifier, larger identifier). Of first reports 10 to 60% of
    the fields are missing, as in spontaneous reports; a second report drops further fields, mistypes the year of birth,
    knows dates to the month, or gives a kindred diagnosis.
    """
    rng = np.random.default_rng(seed)
    first = [_first(rng, i) for i in range(events)]
    told_again = rng.choice(events, size=duplicates, replace=False)
    second = [_again(rng, first[i], n) for n, i in enumerate(told_again)]
    reports = first + second
    truth = {tuple(sorted((first[i].report_id, second[n].report_id))) for n, i in enumerate(told_again)}
    return [reports[i] for i in rng.permutation(len(reports))], truth


def _first(rng: np.random.Generator, i: int) -> Report:
    infused = _START + int(rng.integers(0, 2900))
    diagnosed = infused + int(rng.gamma(1.5, 280)) + 20
    died = diagnosed + int(rng.gamma(1.2, 200)) if rng.random() < 0.3 else None
    return _thinned(
        rng,
        Report(
            f"R{i:07d}",
            frozenset({f"W{i}"}),
            "female" if rng.random() < 0.42 else "male",
            int(np.clip(rng.normal(1960, 13), 1930, 2015)),
            str(rng.choice(_COUNTRIES)),
            str(rng.choice(_PRODUCTS, p=_SHARES)),
            f"LOT{i:07d}",
            (infused, infused),
            (diagnosed, diagnosed),
            None if died is None else (died, died),
            str(rng.choice(_TERMS)),
        ),
        {
            "sex": 0.05,
            "birth_year": 0.2,
            "country": 0.02,
            "product": 0.01,
            "batch": 0.6,
            "infused": 0.25,
            "diagnosed": 0.2,
            "diagnosis": 0.1,
        },
    )


def _again(rng: np.random.Generator, report: Report, n: int) -> Report:
    year, infused, diagnosed, term = report.birth_year, report.infused, report.diagnosed, report.diagnosis
    if year is not None and rng.random() < 0.15:
        year += int(rng.choice((-1, 1)))
    if diagnosed is not None:
        kind = rng.random()
        if kind < 0.25:
            diagnosed = _month(diagnosed[0])
        elif kind < 0.45:
            shift = int(rng.integers(-20, 21))
            diagnosed = (diagnosed[0] + shift, diagnosed[1] + shift)
    if infused is not None and rng.random() < 0.15:
        infused = _month(infused[0])
    if term is not None and rng.random() < 0.2:
        term = "t_lymphoma" if term in ("ptcl_nos", "alcl_alk_neg", "aitl", "tall") else term
    identifiers = report.identifiers if rng.random() < 0.25 else frozenset({f"D{n}"})
    return _thinned(
        rng,
        Report(
            f"S{n:07d}",
            identifiers,
            report.sex,
            year,
            report.country,
            report.product,
            report.batch,
            infused,
            diagnosed,
            report.died,
            term,
        ),
        {"sex": 0.03, "birth_year": 0.1, "batch": 0.3, "infused": 0.1, "diagnosed": 0.05, "died": 0.2, "diagnosis": 0.05},
    )


def _thinned(rng: np.random.Generator, report: Report, missing: dict[str, float]) -> Report:
    values = {name: getattr(report, name) for name in Report.__dataclass_fields__}
    for name, share in missing.items():
        if rng.random() < share:
            values[name] = None
    return Report(**values)


def _month(day: int) -> tuple[int, int]:
    date = dt.date.fromordinal(day)
    start = date.replace(day=1)
    end = (start + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)
    return start.toordinal(), end.toordinal()
