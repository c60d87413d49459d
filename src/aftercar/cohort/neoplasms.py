"""Several neoplasms in one person: persons and neoplasms are counted apart."""

from __future__ import annotations

from collections import Counter

import polars as pl


def neoplasm_counts(cases: pl.DataFrame) -> pl.DataFrame:
    """Persons and neoplasms by lineage: ``lineage``, ``neoplasms``, ``persons``; an empty lineage is ``unknown``.

    The last row, ``any``, counts each person once.
    """
    named = cases.with_columns(pl.col("lineage").fill_null("unknown"))
    rows = named.group_by("lineage").agg(
        pl.len().cast(pl.Int64).alias("neoplasms"), pl.col("person_id").n_unique().cast(pl.Int64).alias("persons")
    )
    whole = pl.DataFrame(
        {"lineage": ["any"], "neoplasms": [named.height], "persons": [named["person_id"].n_unique()]},
        schema={"lineage": pl.String, "neoplasms": pl.Int64, "persons": pl.Int64},
    )
    return pl.concat([rows.sort("lineage"), whole])


def persons_by_number(cases: pl.DataFrame) -> dict[int, int]:
    """How many persons have one, two, three ... recorded neoplasms."""
    return dict(sorted(Counter(Counter(cases["person_id"].to_list()).values()).items()))
