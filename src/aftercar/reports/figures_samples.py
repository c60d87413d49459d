"""Charts of samples and clones: karyogram, coverage of the vector's elements, persistence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aftercar.reports.blocks import Figure
from aftercar.reports.charts import chart
from aftercar.reports.wording import counted
from aftercar.vocab.genomes import Genome, bare_contig

Row = Mapping[str, Any]


def karyogram(sites: Sequence[Row], genome: Genome) -> Figure | None:
    """Integration sites on the chromosomes of a build; None when no site lies on a primary chromosome.

    Args:
        sites: rows with ``chrom``, ``pos`` (1-based) and ``gene``.
        genome: the build.
    """
    placed = [row for row in sites if bare_contig(str(row["chrom"])) in genome.lengths]
    if not placed:
        return None
    rows: list[dict[str, Any]] = [
        {"kind": "chromosome", "chromosome": name, "megabases": length / 1e6, "label": ""}
        for name, length in genome.lengths.items()
    ]
    rows += [
        {"kind": "site", "chromosome": bare_contig(row["chrom"]), "megabases": row["pos"] / 1e6, "label": row.get("gene") or ""}
        for row in placed
    ]
    places = "; ".join(f"{row['chrom']}:{row['pos']:,} {row.get('gene') or ''}".strip() for row in placed)
    alt = f"{counted(len(placed), 'site')} on {genome.name}: {places}."
    return Figure("karyogram", "Integration sites", chart("karyogram", rows), rows, alt)


def elements(verdict: Mapping[str, Any]) -> Figure | None:
    """Depth over the construct's elements; None when the verdict has none. Uneven depth tells a plasmid from a provirus."""
    found = [e for e in (verdict.get("vector") or {}).get("elements", []) if e.get("depth") is not None]
    if not found:
        return None
    rows = [{"name": e["name"], "depth": e["depth"], "covered_words": f"{e['covered']:,} of {e['bases']:,} bases"} for e in found]
    alt = "; ".join(f"{row['name']}: depth {row['depth']:.1f}, {row['covered_words']}" for row in rows)
    return Figure(
        "elements-chart",
        "Coverage of the construct",
        chart("elements", rows),
        rows,
        alt,
        "A provirus covers all parts evenly; backbone without junctions speaks for plasmid.",
    )


def persistence(results: Sequence[Row], line: float) -> Figure | None:
    """Vector-positive cells over time with the line that asks for integration-site analysis; None without a number.

    Args:
        results: rows with ``months``, ``value`` (percent, None below the limit) and ``lod`` (percent).
        line: percent of cells of that line (a setting).
    """
    rows = []
    for row in results:
        if row["value"]:
            rows.append({"months": row["months"], "percent": row["value"], "result": "measured"})
        elif row["lod"]:
            rows.append({"months": row["months"], "percent": row["lod"], "result": "below the limit (limit shown)"})
    if not rows:
        return None
    alt = "; ".join(f"month {row['months']:.1f}: {row['percent']:.3g}% ({row['result']})" for row in rows)
    caption = f"Dashed: {line:g}% of cells, which asks for integration-site analysis. Open: below the limit of detection."
    return Figure("persistence", "Persistence of the vector", chart("persistence", rows, line=f"{line:g}"), rows, alt, caption)
