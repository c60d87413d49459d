"""The tumours that were not tested: bounds, prediction, sensitivity, and why."""

from __future__ import annotations

from collections.abc import Sequence

from aftercar.actions.permissions import Actor
from aftercar.actions.signals_input import Answer, Input, Row, may_read
from aftercar.cohort.exposure import aggregates
from aftercar.cohort.onsets import case_onsets
from aftercar.cohort.rules import Rules
from aftercar.signals.untested import bounds_row, tilt, why_untested


def untested(given: Input, *, rules: Rules | None = None, actor: Actor | None = None) -> Answer:
    """Bounds, beta-binomial prediction and odds tilt for the study's own cases and for each aggregate row.

    A case counts as tested when its result is conclusive: transgene found (also at a low level) or not found.

    Args:
        given: the study.
        rules: outcome.
        actor: who asks.
    """
    may_read(actor)
    cases = case_onsets(given.frames, given.data_lock, rules)
    counted: list[tuple[str, int, int, int]] = []
    if cases:
        positive = sum(case.car in ("positive", "low") for case in cases)
        tested = positive + sum(case.car == "negative" for case in cases)
        counted.append(("cases listed in this study", len(cases), tested, positive))
    for item in aggregates(given.frames["exposure"]):
        if item.cases and item.tested is not None and item.car_positive is not None:
            counted.append((item.group, item.cases, item.tested, item.car_positive))
    rows: list[Row] = []
    tilts: list[Row] = []
    for group, total, tested, positive in counted:
        rows.append({"group": group, **bounds_row(total, tested, positive, level=given.level)})
        if tested and tested < total:
            tilts += [
                {
                    "group": group,
                    "odds_ratio": row.odds_ratio,
                    "untested_share": row.untested_share,
                    "share": row.share,
                    "low": row.low,
                    "high": row.high,
                }
                for row in tilt(tested, positive, total, level=given.level)
            ]
    tables: dict[str, Sequence[Row]] = {"signal_untested": rows}
    if tilts:
        tables["signal_untested_tilt"] = tilts
    without = [case.untested_reason for case in cases if case.car not in ("positive", "low", "negative")]
    if without:
        tables["signal_untested_reasons"] = [
            {"reason": row.reason, "cases": row.cases, "share": row.share.value} for row in why_untested(without)
        ]
    words = (
        "Testing happens where tissue is at hand and suspicion is high: the tested are not a random sample. The bounds need no "
        "assumption; the prediction needs that untested tumours are like tested ones.",
    )
    return Answer(tables, words, given.data_lock, given.mask_below)
