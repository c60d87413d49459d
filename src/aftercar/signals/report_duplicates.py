"""Reports that may tell of the same person: same event date, age, sex, country, products and terms.

Several senders report one person under different case numbers (sponsor, hospital, literature). Equal case numbers are
handled by versions; this finds equal content. It is a suspicion for a person to look at, never a silent deletion: figures
are shown with and without them.

    >>> import polars as pl
    >>> frame = pl.DataFrame({
    ...     "report_id": [1, 2, 3], "event_on": ["2023-05-04"] * 3, "age_years": [61.0, 61.0, 61.0], "sex": ["male"] * 3,
    ...     "country": ["US", "US", "DE"], "drugs": ["axi-cel"] * 3, "terms": ["T-CELL LYMPHOMA"] * 3})
    >>> find_duplicates(frame).rows()
    [(1, [2])]
"""

from __future__ import annotations

import polars as pl

#: What must be equal; a report that lacks the date, the age or the sex is never called a duplicate.
KEY = ("event_on", "age_years", "sex", "country", "drugs", "terms")


def find_duplicates(reports: pl.DataFrame) -> pl.DataFrame:
    """Groups of reports with equal content.

    Args:
        reports: one row a report, with ``report_id`` and the columns of :data:`KEY`; ``drugs`` and ``terms`` are texts of
            the sorted distinct names.

    Returns:
        ``report_id`` of the first report of each group and ``same_as``, the others, in order.
    """
    known = reports.filter(
        (pl.col("event_on").cast(pl.String).str.len_chars() == 10)
        & pl.col("age_years").is_not_null()
        & pl.col("sex").is_in(["female", "male"])
    )
    groups = known.group_by(KEY).agg(pl.col("report_id").sort())
    several = groups.filter(pl.col("report_id").list.len() > 1)
    return several.select(
        pl.col("report_id").list.first().alias("report_id"), pl.col("report_id").list.slice(1).alias("same_as")
    ).sort("report_id")


def without_duplicates(reports: pl.DataFrame) -> pl.DataFrame:
    """``reports`` with the first of every group of suspected duplicates only."""
    repeated = find_duplicates(reports)["same_as"].explode().drop_nulls()
    return reports.filter(~pl.col("report_id").is_in(repeated.implode()))
