"""Tumour against a normal sample of the same person: which sites are the tumour's own, how much CAR is everywhere.

The normal may be an apheresis (nothing expected), CAR-negative cells, or blood (bystander CAR T cells expected).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aftercar.evidence.sites import SiteCall
from aftercar.evidence.verdict import Verdict, quantity_json

NEAR = 3


def compare(tumour: Verdict, normal: Verdict) -> dict[str, Any]:
    """Sites private to the tumour or shared, and the copies per cell of both.

    Returns:
        ``call`` and ``copies_per_cell`` of the normal, ``ratio`` of copies tumour over normal (None without a
        denominator), ``sites`` with ``status`` ``private`` or ``shared`` and both cell fractions, and ``words``.
    """
    rows = [_row(site, normal.sites) for site in tumour.sites]
    shared = sum(row["status"] == "shared" for row in rows)
    here = tumour.copies.per_cell.value if tumour.copies else None
    there = normal.copies.per_cell.value if normal.copies else None
    ratio = here / there if here is not None and there else None
    words = f"{shared} of {len(rows)} sites are also in the normal sample ({normal.call.replace('_', ' ')})"
    if ratio is not None and here is not None:
        words += f"; the tumour sample has {ratio:.1f} times the copies per cell of the normal"
    if normal.limit is not None:
        words += f"; the normal would have shown a clone in {100 * normal.limit.presence:.2g}% of its cells"
    return {
        "call": normal.call,
        "copies_per_cell": quantity_json(normal.copies.per_cell) if normal.copies else None,
        "ratio": None if ratio is None else round(ratio, 4),
        "sites": rows,
        "words": words,
    }


def _row(call: SiteCall, others: Sequence[SiteCall]) -> dict[str, Any]:
    site = call.site
    match = next(
        (
            other
            for other in others
            if other.site.contig == site.contig
            and other.site.orientation == site.orientation
            and other.site.low - NEAR <= site.high
            and site.low <= other.site.high + NEAR
        ),
        None,
    )
    return {
        "chrom": site.contig,
        "pos": site.position + 1,
        "status": "shared" if match is not None else "private",
        "tumour_cell_fraction_of_sample": quantity_json(call.clone.cell_fraction),
        "normal_cell_fraction": quantity_json(match.clone.cell_fraction) if match is not None else None,
    }
