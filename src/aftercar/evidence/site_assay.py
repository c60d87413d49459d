"""What the integration sites of one sample say: its clones with their shares, their diversity, the clonality trigger.

The assay sees vector-positive cells alone, so every share is one of the vector-positive cells, never of all cells or of the
tumour's: a large clone may still be a trace of a CAR-negative tumour. Reads count PCR copies and give no share at all.

    >>> import polars as pl
    >>> from aftercar.evidence.site_abundance import schema
    >>> rows = [{"sample_id": "T1", "chrom": "chr4", "position": 100 * i, "orientation": "+", "cells": c}
    ...         for i, c in ((1, 90.0), (2, 10.0))]
    >>> found = site_assay(pl.DataFrame(rows, schema=schema()), source="sites.csv")
    >>> found.clones, found.trigger.judgement, round(found.largest[0].share, 2)
    (2, 'above', 0.9)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl

from aftercar.evidence.abundance import Share, shares
from aftercar.evidence.annotation import GeneIndex, annotate
from aftercar.evidence.diversity import Diversity, diversity
from aftercar.evidence.site_abundance import best_column, usable_rows
from aftercar.evidence.tracking import CLONALITY_SHARE, Trigger, clonality_trigger, link

State = Literal["sites", "no_sites", "vetoed"]
#: Largest clones that are listed one by one; the measures count all of them.
LISTED = 20
_COUNTED = ("cells", "fragments", "umis")


@dataclass(frozen=True, slots=True)
class Clone:
    """One site as the mark of a clone.

    Attributes:
        chrom, position, orientation: as the assay gives them (1-based); the place of most cells where several were joined.
        cells: abundance in the assay's unit; None when it only says that the site is there.
        share, low, high: of the sample's vector-positive cells; None when they cannot be counted.
        gene: gene hit or nearest; ``distance`` in bases (0 inside, None when not known); ``feature`` of it.
        places: places on the genome that fit equally well; a gene is named only where there is one.
    """

    chrom: str
    position: int
    orientation: str
    cells: float | None
    share: float | None
    low: float | None
    high: float | None
    gene: str | None
    distance: int | None
    feature: str | None
    places: int


@dataclass(frozen=True, slots=True)
class SiteAssay:
    """An integration-site assay of one sample.

    Attributes:
        state: ``sites``, ``no_sites`` (none found: no negative, because what would have been found is not known), or
            ``vetoed`` (a control or swapped indexes forbid its use; nothing is listed).
        source: run or table that it was read from.
        unit: what the abundance counts; empty when there is none.
        clones: distinct sites used; ``set_aside``: rows left out for their flags.
        cells: sum of the abundance.
        largest: the largest clones, at most ``LISTED``.
        measures: diversity of all clones; None without a count of cells.
        trigger: the largest clone against the clonality setting; None without a count of cells.
        problems: what a person must look at.
    """

    state: State
    source: str
    unit: str
    clones: int
    set_aside: int
    cells: float | None
    largest: tuple[Clone, ...]
    measures: Diversity | None
    trigger: Trigger | None
    problems: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As plain values for JSON; what is not a number becomes None."""
        plain: dict[str, Any] = _finite(asdict(self))
        return plain


def site_assay(
    table: pl.DataFrame,
    *,
    source: str,
    genes: GeneIndex | None = None,
    threshold: float = CLONALITY_SHARE,
    problems: Sequence[str] = (),
    vetoed: bool = False,
) -> SiteAssay:
    """Judge the sites of one sample.

    Args:
        table: its rows of ``integration_sites``; rows within a few bases of each other are one clone.
        source: run or table, in words.
        genes: gene model of the same build; None keeps the genes that the table names, without a distance.
        threshold: clonality setting.
        problems: what the run said.
        vetoed: whether the run may not be used.
    """
    if vetoed:
        return SiteAssay("vetoed", source, "", 0, table.height, None, (), None, None, tuple(problems))
    unit = best_column(table)
    used = usable_rows(table, unit) if unit else table
    if not used.height:
        return SiteAssay("no_sites", source, unit, 0, table.height, None, (), None, None, tuple(problems))
    pooled = _pooled(used, unit)
    counted = unit in _COUNTED
    share = _shares(pooled, used, unit) if counted else None
    clones = [_clone(row, number, share, genes) for number, row in enumerate(pooled.head(LISTED).iter_rows(named=True))]
    return SiteAssay(
        "sites",
        source,
        unit,
        pooled.height,
        table.height - used.height,
        float(pooled["amount"].sum()) if counted else None,
        tuple(clones),
        diversity(pooled["amount"].to_numpy(), unit) if counted else None,
        _trigger(share, threshold),
        (*problems, *_remarks(unit, genes)),
    )


def _pooled(used: pl.DataFrame, unit: str) -> pl.DataFrame:
    """One row for each clone, largest first."""
    clone = link(used["chrom"].to_list(), used["position"].to_numpy(), used["orientation"].to_list())
    amount = pl.col(unit).cast(pl.Float64) if unit else pl.lit(None, dtype=pl.Float64)
    return (
        used.with_columns(pl.Series("clone", clone), amount.alias("amount"))
        .sort("amount", descending=True, nulls_last=True, maintain_order=True)
        .group_by("clone", "group", maintain_order=True)
        .agg(
            pl.col("amount").sum(),
            pl.col("chrom", "position", "orientation", "gene", "share", "share_low", "share_high").first(),
            pl.col("places").max(),
        )
        .sort(["amount", "chrom", "position"], descending=[True, False, False])
    )


def _shares(pooled: pl.DataFrame, used: pl.DataFrame, unit: str) -> Share:
    """The table's own limits, which know the saturation of lengths, where no rows were joined; else from the counts."""
    own = ("share", "share_low", "share_high")
    if unit == "cells" and pooled.height == used.height and not any(pooled[name].null_count() for name in own):
        value, low, high = (pooled[name].to_numpy() for name in own)
        return Share(value, low, high, 0.95)
    return shares(pooled["amount"].to_numpy())


def _trigger(share: Share | None, threshold: float) -> Trigger | None:
    if share is None:
        return None
    return clonality_trigger(float(share.value[0]), float(share.low[0]), float(share.high[0]), threshold)


def _clone(row: Mapping[str, Any], number: int, share: Share | None, genes: GeneIndex | None) -> Clone:
    several = (row["places"] or 1) > 1
    gene, distance, feature = (None if several else row["gene"]), None, None
    if genes is not None and not several:
        found = annotate(row["chrom"], row["position"] - 1, row["orientation"], genes.near(row["chrom"], row["position"] - 1))
        gene, distance, feature = found.gene or None, found.distance, found.feature or None
    return Clone(
        row["chrom"],
        row["position"],
        row["orientation"],
        row["amount"] if share is not None else None,
        float(share.value[number]) if share is not None else None,
        float(share.low[number]) if share is not None else None,
        float(share.high[number]) if share is not None else None,
        gene,
        distance,
        feature,
        row["places"] or 1,
    )


def _remarks(unit: str, genes: GeneIndex | None) -> list[str]:
    said = []
    if unit not in _COUNTED:
        held = "reads, which count PCR copies" if unit else "no abundance"
        said.append(f"the table holds {held}: how large each clone is cannot be said")
    if genes is None:
        said.append("genes are as the table names them, and how far they lie is not known: name a gene model in study.toml")
    return said


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
