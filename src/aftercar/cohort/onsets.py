"""Onset and transgene status of each case, from the study tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from aftercar.cohort.rules import Rules
from aftercar.vocab.dates import DAYS_PER_MONTH, PartialDate
from aftercar.vocab.products import product_label

CarStatus = Literal["positive", "low", "negative", "inconclusive", "untested", "unknown"]


@dataclass(frozen=True, slots=True)
class CaseOnset:
    """One case.

    Attributes:
        case_id, person_id: identifiers.
        product: of the suspected infusion; None when not stated.
        indication: of the suspected infusion.
        months: infusion to diagnosis; None when unknown.
        window_months: infusion to data lock: the longest onset that could have been seen; None when unknown.
        car: the laboratory's statement on the transgene; ``untested`` and ``unknown`` are never negative.
        untested_reason: why there is no result.
    """

    case_id: str
    person_id: str
    product: str | None
    indication: str | None
    months: float | None
    window_months: float | None
    car: CarStatus
    untested_reason: str


def case_onsets(frames: Mapping[str, pl.DataFrame], data_lock: dt.date, rules: Rules | None = None) -> tuple[CaseOnset, ...]:
    """Every case of the outcome with its onset; the suspected infusion is the one named, else the last one before onset.

    A published ``onset_months`` is used where it stands, otherwise the two dates (a partial date in its middle).
    """
    from aftercar.cohort.person_time import is_outcome

    rules = rules or Rules()
    infusions: dict[str, list[Mapping[str, Any]]] = {}
    for row in frames["infusions"].iter_rows(named=True):
        infusions.setdefault(row["person_id"], []).append(row)
    return tuple(
        _one(case, infusions.get(case["person_id"], []), data_lock)
        for case in frames["cases"].iter_rows(named=True)
        if is_outcome(case, rules)
    )


def car_status(case: Mapping[str, Any]) -> CarStatus:
    """What is known of the transgene in the tumour, from ``tested`` and ``car_result``."""
    stated: dict[str, CarStatus] = {
        "detected": "positive",
        "detected_low": "low",
        "not_detected": "negative",
        "inconclusive": "inconclusive",
    }
    result = stated.get(case.get("car_result") or "")
    if result is not None:
        return result
    return "untested" if case.get("tested") in ("no", "not_possible", "refused", "pending") else "unknown"


def _one(case: Mapping[str, Any], infusions: list[Mapping[str, Any]], data_lock: dt.date) -> CaseOnset:
    diagnosed = _middle(case.get("diagnosed_on"))
    infusion = _suspected(case, infusions, diagnosed)
    start = _middle(infusion.get("infused_on")) if infusion else None
    months = case.get("onset_months")
    if months is None and diagnosed is not None and start is not None:
        # Never negative: a month or year that contains the infusion reads as the day of infusion.
        months = max(0.0, (diagnosed - start).days / DAYS_PER_MONTH)
    product = infusion.get("product") if infusion else None
    return CaseOnset(
        case_id=case["case_id"],
        person_id=case["person_id"],
        product=(product_label(product) or product) if product else None,
        indication=infusion.get("indication") if infusion else None,
        months=None if months is None else float(months),
        window_months=None if start is None else (data_lock - start).days / DAYS_PER_MONTH,
        car=car_status(case),
        untested_reason=case.get("untested_reason") or "",
    )


def _suspected(
    case: Mapping[str, Any], infusions: list[Mapping[str, Any]], diagnosed: dt.date | None
) -> Mapping[str, Any] | None:
    named = [row for row in infusions if row["infusion_id"] == case.get("infusion_id")]
    if named:
        return named[0]
    if len(infusions) <= 1:
        return infusions[0] if infusions else None
    dated = sorted(
        ((on, row["infusion_id"], row) for row in infusions if (on := _middle(row.get("infused_on")))), key=lambda x: x[:2]
    )
    before = [row for on, _, row in dated if diagnosed is None or on <= diagnosed]
    return before[-1] if before and diagnosed is not None else None


def _middle(text: str | None) -> dt.date | None:
    return PartialDate.parse(text).middle if text else None
