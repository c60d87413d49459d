"""A registry in counts: persons, person-years and cases by product, fit to leave the site after masking.

The rows have the columns of the ``exposure`` table, so that several centres' summaries can be put side by side in one
study. There are no totals over products, so that a masked count cannot be had back by subtraction.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from aftercar.registry.completeness import person_time
from aftercar.registry.pseudonyms import mask_columns
from aftercar.registry.subject import Subject
from aftercar.vocab.dates import DAYS_PER_YEAR, PartialDate
from aftercar.vocab.products import UNSPECIFIED
from aftercar.vocab.tables.study import EXPOSURE

Row = Mapping[str, Any]

#: A person's products when there are several: cases and time cannot be given to one of them here.
SEVERAL = "several products"

_COUNTS = tuple(column.name for column in EXPOSURE.columns if column.mask)


def counts_by_product(
    people: Iterable[Subject], cases: Iterable[Row], closing: dt.date, *, below: int, source: str = ""
) -> pl.DataFrame:
    """Masked counts by product on a closing date.

    Args:
        people: everybody; those without an infusion by the closing date are left out.
        cases: rows of ``cases``; a case counts when it was diagnosed (or reported, or neither is known) by then.
        closing: the closing date.
        below: counts from 1 to below this are masked, and the person-years of so few persons with them.
        source: what to name as the source.

    Returns:
        The columns of ``exposure`` and ``masked``, which names what was emptied in each row. ``cases`` are persons with a
        suspected T-cell malignancy; ``car_positive`` those whose laboratory reported the transgene detected.
    """
    own: dict[str, list[Row]] = defaultdict(list)
    for case in cases:
        known = case["diagnosed_on"] or case["reported_on"]
        if case["lineage"] == "T_cell" and (known is None or PartialDate.parse(known).earliest <= closing):
            own[case["person_id"]].append(case)
    sums: dict[str, dict[str, float]] = defaultdict(
        lambda: dict.fromkeys(("persons", "days", "cases", "tested", "car_positive"), 0.0)
    )
    for person in people:
        time = person_time(person, closing)
        if time is None:
            continue
        named = {item.product for item in person.infusions if item.infused_on.earliest <= closing}
        group = SEVERAL if len(named) > 1 else UNSPECIFIED if named == {"unknown"} else named.pop()
        total = sums[group]
        mine = own.get(person.person_id, [])
        total["persons"] += 1
        total["days"] += time[0]
        total["cases"] += bool(mine)
        total["tested"] += any(case["tested"] == "yes" for case in mine)
        total["car_positive"] += any(case["car_result"] in ("detected", "detected_low") for case in mine)
    rows = [_row(group, total, closing, source) for group, total in sorted(sums.items())]
    schema = {column.name: _kind(column.kind) for column in EXPOSURE.columns}
    masked = mask_columns(pl.DataFrame(rows, schema=schema), list(_COUNTS), below)
    hide = pl.col("persons").is_null()
    return masked.with_columns(
        person_years=pl.when(hide).then(None).otherwise(pl.col("person_years")),
        masked=pl.when(hide).then(pl.col("masked") + pl.lit(", person_years")).otherwise(pl.col("masked")),
    )


def _row(group: str, total: Mapping[str, float], closing: dt.date, source: str) -> dict[str, Any]:
    name = "".join(sign if sign.isalnum() else "-" for sign in group)
    return {
        **dict.fromkeys(EXPOSURE.names),
        "exposure_id": f"registry-{name}-{closing}",
        "group": group,
        "product": None if group in (SEVERAL, UNSPECIFIED) else group,
        "comparison": "registry",
        "persons": int(total["persons"]),
        "person_years": round(total["days"] / DAYS_PER_YEAR, 1),
        "outcome": "t_cell_malignancy",
        "cases": int(total["cases"]),
        "tested": int(total["tested"]),
        "car_positive": int(total["car_positive"]),
        "kind": "registry",
        "data_lock": closing.isoformat(),
        "source": source or None,
    }


def _kind(kind: str) -> type[pl.DataType]:
    return {"integer": pl.Int64, "number": pl.Float64}.get(kind, pl.String)
