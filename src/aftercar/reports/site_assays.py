"""Integration-site assays in the report: clones, diversity, the clonality setting, and the base rate beside every gene."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aftercar.cases.role import base_rate_of
from aftercar.reports.blocks import Block, Field, Heading, Prose, TableBlock
from aftercar.reports.findings import Findings, Row
from aftercar.reports.wording import percent
from aftercar.vocab.tables.sites import SITE_ASSAYS, SITE_CLONES

_MEASURES = ("shannon", "simpson", "gini", "chao1", "uc50_ascending", "uc50_fewest")
_STATES = {"sites": "sites found", "no_sites": "no site found (no negative)", "vetoed": "may not be used"}
_SETTING = {"above": "above", "not_above": "not above", "cannot_say": "cannot be told"}
#: Clones of a sample that the page shows; the table beside it holds more.
_SHOWN = 5

SHARES = (
    "The assay sees vector-positive cells alone: a share is one of those cells, not of the tumour's. Reads are copies made in "
    "the tube and give no share. Insertions in or near a cancer gene are common by chance, so each gene stands beside the "
    "number of ordinary products that carry a site there."
)


def site_rows(
    samples: Sequence[Row], assays: Mapping[str, Mapping[str, Any]], base_rates: Mapping[str, tuple[int, int]] | None
) -> dict[str, list[Row]]:
    """The rows of ``site_assays`` and ``site_clones``.

    Args:
        samples: rows of ``samples``.
        assays: content of ``site_assay.json`` by sample.
        base_rates: gene -> (ordinary products with a site in it, products looked at); None takes published values.
    """
    tested = [(row, assays[row["sample_id"]]) for row in samples if row["sample_id"] in assays]
    return {
        SITE_ASSAYS.name: [_assay(row, assay) for row, assay in tested],
        SITE_CLONES.name: [
            _clone(row["sample_id"], rank, clone, base_rates)
            for row, assay in tested
            for rank, clone in enumerate(assay["largest"], 1)
        ],
    }


def site_assays(findings: Findings) -> Iterator[Block]:
    """Integration-site assays and their largest clones."""
    rows = findings.tables.get(SITE_ASSAYS.name, ())
    if not rows:
        return
    yield Heading("Which clones carry the vector?", key="site-assays")
    yield Prose([SHARES, *(f"{row['sample_id']}: {row['words']}." for row in rows if row["words"])])
    shown = [
        {
            **row,
            "state": _STATES[row["state"]],
            "largest": percent(row, value="share") if row["share"] is not None else None,
            "above_setting": _SETTING.get(row["above_setting"] or ""),
            "problems": "; ".join(row["problems"]),
        }
        for row in rows
    ]
    yield TableBlock(
        "site-assays-table",
        "Integration-site assays",
        (
            Field("sample_id", "Sample"),
            Field("material", "Material"),
            Field("state", "Result"),
            Field("clones", "Clones", "count"),
            Field("unit", "Counted in"),
            Field("shannon", "Shannon", "number", 2),
            Field("gini", "Gini", "number", 2),
            Field("chao1", "Chao1", "number", 0),
            Field("uc50_fewest", "UC50 (fewest clones)", "count"),
            Field("largest", "Largest clone", "interval", about="Share of the largest clone, with limits."),
            Field("above_setting", "Against the setting"),
            Field("problems", "To look at"),
        ),
        shown,
        of=(SITE_ASSAYS.name,),
    )
    clones = [
        {
            **row,
            "shown": percent(row, value="share") if row["share"] is not None else None,
            "rate": f"{row['products_with_site']} of {row['products']}" if row["products"] else None,
        }
        for row in findings.tables[SITE_CLONES.name]
        if row["rank"] <= _SHOWN
    ]
    if clones:
        yield TableBlock(
            "site-clones-table",
            f"Largest clones (at most {_SHOWN} of each sample)",
            (
                Field("sample_id", "Sample"),
                Field("chrom", "Chromosome"),
                Field("position", "Position", "count"),
                Field("orientation", "Orientation"),
                Field("shown", "Share of vector-positive cells", "interval", about="Share of the clone, with limits."),
                Field("gene", "Gene"),
                Field("distance", "Bases to it", "count"),
                Field("feature", "Where"),
                Field("rate", "Ordinary products with a site there", "interval", about="Products with a site there, of all."),
            ),
            clones,
            of=(SITE_CLONES.name,),
        )


def _assay(row: Row, assay: Mapping[str, Any]) -> Row:
    measures, trigger = assay["measures"] or {}, assay["trigger"] or {}
    return {
        **{name: row[name] for name in ("sample_id", "case_id", "material")},
        **{name: assay[name] for name in ("state", "source", "unit", "clones", "set_aside", "cells", "problems")},
        **{name: measures.get(name) for name in _MEASURES},
        **{name: trigger.get(name) for name in ("share", "low", "high", "words")},
        "above_setting": trigger.get("judgement"),
    }


def _clone(sample_id: str, rank: int, clone: Mapping[str, Any], base_rates: Mapping[str, tuple[int, int]] | None) -> Row:
    rate = base_rate_of(clone["gene"], base_rates) if clone["gene"] else None
    return {
        "sample_id": sample_id,
        "rank": rank,
        **clone,
        "products_with_site": rate.hits if rate else None,
        "products": rate.products if rate else None,
    }
