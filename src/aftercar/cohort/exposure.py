"""Aggregate exposure and cases, where there are no person-level data: what the ``exposure`` table says, typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercar.errors import InputError
from aftercar.vocab.products import product_label


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One row of the exposure table. None is unknown, never zero.

    ``person_years`` are as published; :meth:`assumed_person_years` makes them from an assumption that must be shown.
    """

    exposure_id: str
    group: str
    product: str | None
    comparison: str
    region: str | None
    period_start: str | None
    period_end: str | None
    persons: int
    person_years: float | None
    median_follow_up_months: float | None
    outcome: str
    cases: int
    tested: int | None
    car_positive: int | None
    kind: str
    data_lock: str | None
    source: str
    evidence_mark: str | None

    def assumed_person_years(self, mean_follow_up_years: float) -> float:
        """Person-years if each person was followed this long on average: an assumption, not an observation."""
        if mean_follow_up_years <= 0:
            raise InputError("mean follow-up must be positive", where=f"{mean_follow_up_years} years")
        return self.persons * mean_follow_up_years


def aggregates(frame: pl.DataFrame, *, outcome: str = "t_cell_malignancy") -> tuple[Aggregate, ...]:
    """The rows of the exposure table with this outcome, products under their common name."""

    def one(row: dict[str, Any]) -> Aggregate:
        values: dict[str, Any] = {name: row.get(name) for name in Aggregate.__slots__}
        product = row.get("product")
        values["product"] = (product_label(product) or product) if product else None
        values["comparison"] = row.get("comparison") or ""
        values["source"] = row.get("source") or ""
        return Aggregate(**values)

    return tuple(one(row) for row in frame.iter_rows(named=True) if row["outcome"] == outcome)


def comparable(rows: Sequence[Aggregate]) -> dict[str, tuple[Aggregate, ...]]:
    """Product rows that may be compared, by their ``comparison`` value; sets of fewer than two products are left out.

    Raises:
        InputError: when one product stands twice in a set: its exposure would be counted twice.
    """
    sets: dict[str, list[Aggregate]] = {}
    for row in rows:
        if row.comparison and row.product and row.persons > 0:
            sets.setdefault(row.comparison, []).append(row)
    for name, members in sets.items():
        seen = [(member.product, member.region, member.period_start) for member in members]
        if len(set(seen)) < len(seen):
            raise InputError(
                "a product stands twice in the same region and period", where=f"comparison {name}", fix="add the rows up"
            )
    return {name: tuple(members) for name, members in sets.items() if len({m.product for m in members}) > 1}
