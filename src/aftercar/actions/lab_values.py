"""Laboratory values of a study: conversions with their assumptions, and each person's curve against the 1% line."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from aftercar.edges.study import Study
from aftercar.evidence import laboratory
from aftercar.evidence.laboratory import BadLabValue, Bound, Value
from aftercar.evidence.persistence import LINE, Curve, Point, curve
from aftercar.vocab.dates import PartialDate

_COUNTED = ("qpcr", "ddpcr", "flow")


def lab_values(study: Study, *, cells_per_ul: float | None = None) -> list[dict[str, Any]]:
    """Every countable laboratory value of a study per cell: one row a value, with assumptions or why it cannot be converted.

    Args:
        study: with ``assay_results``, ``infusions``.
        cells_per_ul: nucleated cells per microlitre, for values per microlitre of blood.
    """
    infusions = _infusions(study)
    rows: list[dict[str, Any]] = []
    for record in study.rows("assay_results"):
        if record["method"] not in _COUNTED:
            continue
        before = _last_before(infusions.get(record["person_id"], []), record["measured_on"])
        vcn = before["product_vcn"] if before else None
        row: dict[str, Any] = {
            "result_id": record["result_id"],
            "person_id": record["person_id"],
            "day": _days(before, record["measured_on"]),
            "method": record["method"],
            "matrix": record["matrix"],
            "given": record["value"],
            "unit": record["unit"],
            "denominator": record["denominator"] or "unknown",
        }
        try:
            found = laboratory.in_cells(_value(record, cells_per_ul), vcn if vcn is not None and vcn >= 1 else None)
        except BadLabValue as error:
            rows.append(row | {"state": "not_convertible", "words": str(error)})
            continue
        words = "; ".join(found.assumptions)
        if vcn is not None and vcn < 1:
            words += f"; product VCN {vcn:g} is below 1 a transduced cell and was not used"
        rows.append(
            row
            | {
                "state": found.state,
                **_shown("copies_per_cell", found.copies_per_cell),
                **_shown("fraction", found.fraction),
                "words": words,
            }
        )
    return rows


def persistence(study: Study, *, line: float = LINE, cells_per_ul: float | None = None) -> dict[tuple[str, str], Curve]:
    """Curves of vector-positive cells in blood against the line, from values with a day, by person and denominator.

    A share of T cells and a share of nucleated cells are different things; they make two curves and are never joined.
    """
    points: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for row in lab_values(study, cells_per_ul=cells_per_ul):
        if (
            row["day"] is None
            or row["day"] < 0
            or "fraction_high" not in row
            or row["matrix"] not in (None, "whole_blood", "pbmc")
        ):
            continue
        bound = Bound(row["fraction"], row["fraction_low"], row["fraction_high"])
        points[(row["person_id"], row["denominator"])].append(Point(row["day"], bound, row["result_id"]))
    return {key: curve(mine, line=line) for key, mine in sorted(points.items())}


def _value(record: Mapping[str, Any], cells_per_ul: float | None) -> Value:
    low = high = None
    if record["unit"] == "copies/ul" and record["positive_droplets"] is not None and record["total_droplets"] is not None:
        counted = laboratory.droplets(record["positive_droplets"], record["total_droplets"])
        if record["value"] and counted.per_partition:
            low, high = (record["value"] * limit / counted.per_partition for limit in (counted.low, counted.high))
    elif record["positive_droplets"] and record["total_droplets"] and record["value"]:
        counted = laboratory.droplets(record["positive_droplets"], record["total_droplets"])
        low, high = (record["value"] * limit / counted.per_partition for limit in (counted.low, counted.high))
    return Value(
        record["value"],
        record["unit"],
        record["result"] or "unknown",
        record["lod"],
        record["loq"],
        low,
        high,
        cells_per_ul=cells_per_ul,
        denominator=record["denominator"] or "unknown",
    )


def _infusions(study: Study) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in study.rows("infusions"):
        found[row["person_id"]].append(row)
    return found


def _middle(text: str | None) -> dt.date | None:
    return PartialDate.parse(text).middle if text else None


def _last_before(infusions: list[Mapping[str, Any]], measured: str | None) -> Mapping[str, Any] | None:
    """The last infusion on or before the sample; the only one when its day is not known."""
    day = _middle(measured)
    known = [
        (when, row) for row in infusions if (when := _middle(row["infused_on"])) is not None and day is not None and when <= day
    ]
    if known:
        return max(known, key=lambda pair: pair[0])[1]
    return infusions[0] if len(infusions) == 1 else None


def _days(infusion: Mapping[str, Any] | None, measured: str | None) -> int | None:
    start, day = _middle(infusion["infused_on"]) if infusion else None, _middle(measured)
    return (day - start).days if start is not None and day is not None else None


def _shown(name: str, bound: Bound | None) -> dict[str, float | None]:
    if bound is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: bound.value, f"{name}_low": bound.low, f"{name}_high": bound.high}
