"""When: onset of the cases, by transgene status and product, with what truncation does to it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from aftercar.actions.permissions import Actor
from aftercar.actions.signals_input import Answer, Input, Row, may_read
from aftercar.cohort.onsets import CaseOnset, case_onsets
from aftercar.cohort.rules import Rules
from aftercar.signals import onset as onsets
from aftercar.signals.truncation import BadWindow, WeibullFit, known_windows, weibull_reports

ALL = "all cases"


def onset(given: Input, *, rules: Rules | None = None, actor: Actor | None = None) -> Answer:
    """Onset of all cases, by transgene status and by product; Weibull naive and right-truncated where dates allow.

    Args:
        given: the study.
        rules: outcome.
        actor: who asks.
    """
    may_read(actor)
    cases = case_onsets(given.frames, given.data_lock, rules)
    groups = _groups(cases)
    rows: list[Row] = []
    weibull: list[Row] = []
    words = ["Onset of cases that were found. Cases still to come are not in it: see the right-truncated figures."]
    for name, members in groups.items():
        found = onsets.summary([case.months for case in members], level=given.level)
        rows.append(
            {
                "group": name,
                "cases": found.n,
                "unknown": found.unknown,
                "median": found.median,
                "median_low": found.median_low,
                "median_high": found.median_high,
                "shortest": found.shortest,
                "longest": found.longest,
                "within_12": found.within_12.value,
                "within_12_low": found.within_12.low,
                "within_12_high": found.within_12.high,
                "level": given.level,
            }
        )
        try:
            weibull += _weibull(name, members, given.level)
        except BadWindow as error:
            if name == ALL:
                words.append(f"No right-truncated onset: {error}")
    tables: dict[str, Sequence[Row]] = {"signal_onset": rows}
    if weibull:
        tables["signal_onset_weibull"] = weibull
    return Answer(tables, tuple(words), given.data_lock, given.mask_below)


def _groups(cases: Sequence[CaseOnset]) -> Mapping[str, list[CaseOnset]]:
    groups: dict[str, list[CaseOnset]] = {ALL: list(cases)}
    for case in sorted(cases, key=lambda case: case.car):
        groups.setdefault(f"transgene {case.car}", []).append(case)
    for case in sorted(cases, key=lambda case: case.product or "~"):
        groups.setdefault(f"product {case.product or 'unknown'}", []).append(case)
    return groups


def _weibull(name: str, members: Sequence[CaseOnset], level: float) -> list[Row]:
    months, windows, _ = known_windows([case.months for case in members], [case.window_months for case in members])
    both = weibull_reports(months, windows, level=level)
    return [_row(name, fit) for fit in (both.naive, both.corrected)]


def _row(name: str, fit: WeibullFit) -> Row:
    return {
        "group": name,
        "method": fit.method,
        "cases": fit.events,
        "shape": fit.shape,
        "shape_low": fit.shape_low,
        "shape_high": fit.shape_high,
        "median": _finite(fit.median),
        "median_low": fit.median_low,
        "median_high": _finite(fit.median_high),
        "within_12": fit.within_12,
        "level": fit.level,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
