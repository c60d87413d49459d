"""Tables of sites with their abundance: from fragments of an LM-PCR run, or from an imported table.

Replicates of one specimen are pooled as Berry's model does it: each has its own distribution of lengths, all share the cells of
a site. Fragments that speak of another sample (hopped, shared, in a negative control) are never counted as cells; a site with
none left keeps its row, its flags and its reads, and has no abundance.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from aftercar.evidence.abundance import fit_sonic, saturation_spread, shares, umi_cells
from aftercar.evidence.diversity import Diversity, diversity
from aftercar.reads.lmpcr import Row
from aftercar.reads.lmpcr_sites import Fragment
from aftercar.reads.umi import merged, usable
from aftercar.vocab.columns import Table
from aftercar.vocab.tables.sites import INTEGRATION_SITES

_TYPES: Mapping[str, type[pl.DataType]] = {"integer": pl.Int64, "number": pl.Float64}
POPULATION = ("person_id", "day", "timepoint", "cell_type", "sample_id")
MEASURES = ("cells", "fragments", "umis", "reads")


def schema(table: Table = INTEGRATION_SITES) -> dict[str, type[pl.DataType]]:
    """Column types of a table as a polars schema."""
    return {column.name: _TYPES.get(column.kind, pl.String) for column in table.columns}


def site_table(
    fragments: Sequence[Fragment],
    flags: Mapping[int, tuple[str, ...]],
    counted: Sequence[bool],
    rows: Sequence[Row],
    *,
    genome: str = "",
    sheared: bool = True,
    level: float = 0.95,
) -> pl.DataFrame:
    """One row for each site of each specimen, replicates pooled.

    Args:
        fragments: standardised and grouped fragments of the run.
        flags: fragment number to flags; ``counted``: whether it may count as a cell.
        rows: the sample sheet.
        genome: build of the positions.
        sheared: False for restriction-cut libraries: all fragments of a site then have one length, which counts nothing; cells
            come from UMIs, and are unknown without them.
        level: of the intervals.
    """
    specimens: dict[str, list[int]] = defaultdict(list)
    for number, f in enumerate(fragments):
        specimens[rows[f.sample].specimen].append(number)
    parts = [
        _specimen(name, numbers, fragments, flags, counted, rows, genome, sheared, level)
        for name, numbers in sorted(specimens.items())
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=schema())


def _specimen(
    name: str,
    numbers: Sequence[int],
    fragments: Sequence[Fragment],
    flags: Mapping[int, tuple[str, ...]],
    counted: Sequence[bool],
    rows: Sequence[Row],
    genome: str,
    sheared: bool,
    level: float,
) -> pl.DataFrame:
    sites: dict[tuple[str, int, str, str], list[int]] = defaultdict(list)
    for number in numbers:
        f = fragments[number]
        sites[(f.contig, f.site, f.orientation, f.group)].append(number)
    keys = sorted(sites)
    good = [(i, n) for i, key in enumerate(keys) for n in sites[key] if counted[n]]
    fit = fit_sonic(
        [i for i, _ in good],
        [fragments[n].length for _, n in good],
        [fragments[n].sample for _, n in good],
        sites=len(keys),
        level=level,
    )
    share = shares(fit.cells, saturation_spread(fit), level=level)
    row = rows[fragments[numbers[0]].sample]
    umi_bases = (row.umi.stop - row.umi.start) if row.umi else 0
    table = []
    for i, key in enumerate(keys):
        mine = sites[key]
        clean = [n for n in mine if counted[n]]
        seen = bool(clean)
        table.append(
            {
                "sample_id": name,
                "person_id": row.person or None,
                "timepoint": row.timepoint or None,
                "cell_type": row.cell_type or None,
                "chrom": key[0],
                "position": key[1],
                "orientation": key[2],
                "genome": genome or None,
                "reads": sum(fragments[n].reads for n in mine),
                "fragments": int(fit.distinct[i]),
                "umis": molecules([fragments[n] for n in clean], umi_bases) if umi_bases else None,
                "cells": float(fit.cells[i]) if seen else None,
                "cells_low": float(fit.low[i]) if seen else None,
                "cells_high": float(fit.high[i]) if seen and np.isfinite(fit.high[i]) else None,
                "share": float(share.value[i]) if seen else None,
                "share_low": float(share.low[i]) if seen else None,
                "share_high": float(share.high[i]) if seen else None,
                "places": max(fragments[n].places for n in mine),
                "group": key[3] or None,
                "other_places": other_places([fragments[n] for n in mine]),
                "flags": ";".join(sorted({flag for n in mine for flag in flags.get(n, ())})) or None,
                "came_from": "lm_pcr",
            }
        )
    made = pl.DataFrame(table, schema=schema())
    return made if sheared else _by_umi(made, level)


def _by_umi(table: pl.DataFrame, level: float) -> pl.DataFrame:
    """Cells and shares from UMIs alone; without UMIs there are none, because reads count PCR copies."""
    umis = table["umis"].to_list()
    seen = [float(u) if u is not None and c is not None else None for u, c in zip(umis, table["cells"].to_list(), strict=True)]
    share = shares([u or 0.0 for u in seen], level=level)
    known = [u is not None for u in seen]

    def held(values: Sequence[float]) -> pl.Series:
        return pl.Series([float(v) if k else None for v, k in zip(values, known, strict=True)], dtype=pl.Float64)

    empty = pl.lit(None, dtype=pl.Float64)
    return table.with_columns(
        pl.lit(None, dtype=pl.Int64).alias("fragments"),
        pl.Series("cells", seen, dtype=pl.Float64),
        empty.alias("cells_low"),
        empty.alias("cells_high"),
        held(share.value.tolist()).alias("share"),
        held(share.low.tolist()).alias("share_low"),
        held(share.high.tolist()).alias("share_high"),
    )


def molecules(fragments: Sequence[Fragment], umi_bases: int) -> int:
    """Molecules of one site by UMI, errors merged within each amplification and break, collisions corrected."""
    by_end: dict[tuple[int, int], dict[bytes, int]] = defaultdict(lambda: defaultdict(int))
    for f in fragments:
        if usable(f.umi):
            by_end[(f.sample, f.cut)][f.umi] += f.reads
    distinct = sum(len(merged(counts)) for counts in by_end.values())
    return round(float(umi_cells(distinct, umi_bases)))


def other_places(fragments: Sequence[Fragment], most: int = 20) -> str | None:
    """The other places of a multi-hit group, commonest first."""
    votes = Counter((contig, site, strand) for f in fragments for contig, site, strand in {place[:3] for place in f.others})
    named = [f"{contig}:{site}({strand})" for (contig, site, strand), _ in sorted(votes.items(), key=lambda v: (-v[1], v[0]))]
    return ";".join(named[:most]) or None


def usable_rows(table: pl.DataFrame, column: str) -> pl.DataFrame:
    """Rows with an abundance above zero in ``column`` and no flag of contamination."""
    flagged = (
        pl.col("flags").fill_null("").str.contains("hopped_from|in_negative_control|shared_with") & pl.col("cells").is_null()
    )
    return table.filter(~flagged & pl.col(column).is_not_null() & (pl.col(column) > 0))


def best_column(table: pl.DataFrame) -> str:
    """The best abundance a table has: cells, then fragments, UMIs, and reads only where nothing else is there."""
    for name in MEASURES:
        if table[name].is_not_null().any():
            return name
    return ""


def populations(
    table: pl.DataFrame, by: Sequence[str] = POPULATION, column: str = "", *, pool: bool = True
) -> list[tuple[dict[str, object], Diversity]]:
    """Diversity of every population of a site table.

    Args:
        table: ``integration_sites``.
        by: columns that name a population.
        column: abundance column; default the best there is.
        pool: add up rows of one site within a population (a site found in two specimens of it is one clone). False takes every
            row as a clone, as some published tables do.

    Returns:
        Name of each population (its values of ``by``) with its measures, ordered by the values.
    """
    column = column or best_column(table)
    if not column:
        return []
    rows = usable_rows(table, column)
    names = [name for name in by if name in rows.columns]
    if pool:
        rows = rows.group_by([*names, "chrom", "position", "orientation", "group"]).agg(pl.col(column).sum())
    out = [
        (dict(zip(names, key, strict=True)), diversity(part[column].to_numpy(), column))
        for key, part in rows.group_by(names, maintain_order=True)
    ]
    return sorted(out, key=lambda item: [(value is not None, str(type(value)), value) for value in item[0].values()])
