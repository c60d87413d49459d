"""Pre-registered hypotheses, multiplicity, and the list of every run.

What was not written down before the cases were seen is exploratory and says so. Adjustment is over the pre-registered
family: Holm for the family-wise error (Scand J Stat 1979;6:65), Benjamini-Hochberg for the false discovery rate
(JRSS B 1995;57:289).

    >>> [round(p, 3) for p in benjamini_hochberg([0.01, 0.04, 0.03, 0.5])]
    [0.04, 0.053, 0.053, 0.5]
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03, 0.5])]
    [0.04, 0.09, 0.09, 0.5]
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from aftercar.errors import InputError

Direction = Literal["higher", "lower", "either"]


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis written down in advance.

    Attributes:
        hypothesis_id: its name.
        marker: covariate it is about.
        outcome: outcome it is about.
        direction: expected direction; the test stays two-sided.
        family: hypotheses adjusted together.
        registered_on: day it was written down.
    """

    hypothesis_id: str
    marker: str
    outcome: str
    direction: Direction
    family: str
    registered_on: dt.date


@dataclass(frozen=True)
class Run:
    """One model run, shown or not.

    Attributes:
        model: words for the model ("Firth Cox, with clonal haematopoiesis").
        marker, outcome: what the line is about.
        people, events, carriers_with_event: counts.
        ratio, low, high: hazard (or odds) ratio and its limits.
        p_value: two-sided.
        interval: how the limits were made.
        hypothesis_id: the pre-registered hypothesis, "" when exploratory.
        adjusted_p: after adjustment in its family; NaN for an exploratory run.
        note: anything a reader must know.
    """

    model: str
    marker: str
    outcome: str
    people: int
    events: int
    carriers_with_event: int
    ratio: float
    low: float
    high: float
    p_value: float
    interval: str
    hypothesis_id: str = ""
    adjusted_p: float = float("nan")
    note: str = ""


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the order given."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)[::-1]
    # The factor is formed first, so that a factor of one leaves p as it is to the last bit.
    scaled = p[order] * (len(p) / np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(scaled))
    return [float(value) for value in adjusted]


def holm(p_values: Sequence[float]) -> list[float]:
    """Step-down Bonferroni adjusted p values, in the order given."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return [float(value) for value in adjusted]


def judge_runs(
    runs: Sequence[Run], hypotheses: Sequence[Hypothesis], *, data_lock: dt.date, rule: Literal["holm", "bh"] = "holm"
) -> list[Run]:
    """Tie each run to its hypothesis and adjust within families; the first run of a hypothesis is its test, the rest are
    sensitivity runs.

    Raises:
        InputError: when a hypothesis was registered after the data lock, or an id stands twice.
    """
    by_id = {h.hypothesis_id: h for h in hypotheses}
    if len(by_id) != len(hypotheses):
        raise InputError("a hypothesis stands twice", fix="give each its own hypothesis_id")
    late = [h for h in hypotheses if h.registered_on > data_lock]
    if late:
        raise InputError(
            f"hypothesis {late[0].hypothesis_id} was registered on {late[0].registered_on}, after the data lock {data_lock}",
            fix="leave it out: it is exploratory",
        )
    tests: dict[str, int] = {}
    judged = list(runs)
    for i, run in enumerate(runs):
        found = next((h for h in hypotheses if (h.marker, h.outcome) == (run.marker, run.outcome)), None)
        if found is None:
            judged[i] = replace(run, note=_join(run.note, "exploratory: not written down before the data were seen"))
        elif found.hypothesis_id in tests:
            judged[i] = replace(run, hypothesis_id=found.hypothesis_id, note=_join(run.note, "sensitivity run"))
        else:
            tests[found.hypothesis_id] = i
            against = found.direction != "either" and run.ratio == run.ratio and (run.ratio > 1) != (found.direction == "higher")
            note = _join(run.note, f"against the expected direction ({found.direction})") if against else run.note
            judged[i] = replace(run, hypothesis_id=found.hypothesis_id, note=note)
    adjust = holm if rule == "holm" else benjamini_hochberg
    for family in sorted({h.family for h in hypotheses}):
        # A hypothesis that was not run, or could not be, still counts: leaving it out would shrink the family afterwards.
        members = [h.hypothesis_id for h in hypotheses if h.family == family]
        raw = [runs[tests[name]].p_value if name in tests else 1.0 for name in members]
        for name, value in zip(members, adjust([1.0 if p != p else p for p in raw]), strict=True):
            if name in tests:
                i = tests[name]
                judged[i] = replace(judged[i], adjusted_p=value)
    return judged


def _join(first: str, second: str) -> str:
    return f"{first}; {second}" if first else second
