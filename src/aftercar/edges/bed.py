"""Integration sites as BED9 (so that IGV colours them) with further columns behind, readable by bedtools and IGV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aftercar.edges.files import write_text
from aftercar.evidence.sites import SiteCall

COLUMNS = (
    "chrom", "start", "end", "name", "score", "strand", "thickStart", "thickEnd", "itemRgb", "filter", "left_fragments",
    "right_fragments", "tsd", "cell_fraction", "gene",
)  # fmt: skip


def write_bed(path: Path, calls: Sequence[SiteCall]) -> None:
    """One line a site, sorted: the duplicated target bases (or the base before the provirus), score 10 a fragment up to 1,000."""
    rows = []
    for call in calls:
        site = call.site
        start, end = site.position, site.position + 1
        if site.tsd is not None and site.tsd > 0:
            start = site.position - site.tsd + 1
        if not site.exact:
            start, end = min(site.low, start), max(site.high + 1, end)
        gene = call.annotation.gene if call.annotation is not None and call.annotation.gene else "."
        value = call.clone.cell_fraction.value
        name = f"{site.contig}:{site.position + 1}{site.orientation}"
        colour = "178,24,43" if call.located else "146,146,146"
        left, right = (0 if junction is None else junction.fragments for junction in (site.left, site.right))
        cells = (
            site.contig, max(0, start), end, name, min(1000, 10 * site.fragments), site.orientation, max(0, start), end, colour,
            call.filter, left, right, "." if site.tsd is None else site.tsd, "." if value != value else f"{value:.4f}", gene,
        )  # fmt: skip
        rows.append((site.contig, max(0, start), "\t".join(map(str, cells))))
    header = "#" + "\t".join(COLUMNS) + "\n"
    write_text(path, header + "".join(f"{text}\n" for _, _, text in sorted(rows)))
