"""Charts of samples and clones: karyogram, coverage of the construct, reads at the junctions, clones over time, persistence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aftercar.evidence.stream import stream_spec
from aftercar.reports.blocks import Figure
from aftercar.reports.charts import CONFIG, PALETTE, chart
from aftercar.reports.wording import counted
from aftercar.vocab.genomes import Genome, bare_contig

Row = Mapping[str, Any]
_REACH = 500  # bases drawn on either side of a junction
_GAP = 8  # bases drawn for the unread middle of a fragment


def karyogram(sites: Sequence[Row], genome: Genome, table: str = "sites-table") -> Figure | None:
    """Integration sites on the chromosomes of a build; None when no site lies on a primary chromosome.

    Args:
        sites: rows with ``chrom``, ``pos`` (1-based) and ``gene``.
        genome: the build.
        table: key of the table of the sites.
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
    return Figure("karyogram", "Integration sites", chart("karyogram", rows), rows, alt, table=table)


def elements(verdict: Mapping[str, Any]) -> Figure | None:
    """Depth over the construct's elements; None when the verdict has none. Uneven depth tells a plasmid from a provirus."""
    found = [e for e in (verdict.get("vector") or {}).get("elements", []) if e.get("depth") is not None]
    if not found:
        return None
    repeats = [e["depth"] for e in found if e["kind"] == "ltr"]
    rows = [
        {
            "name": e["name"],
            # A read from an LTR is drawn to one of its copies: each gets the mean of both.
            "depth": sum(repeats) / len(repeats) if e["kind"] == "ltr" else e["depth"],
            "covered_words": f"{e['covered']:,} of {e['bases']:,} bases",
        }
        for e in found
    ]
    alt = "; ".join(f"{row['name']}: depth {row['depth']:.1f}, {row['covered_words']}" for row in rows)
    return Figure(
        "elements-chart",
        "Depth of the construct's parts",
        chart("elements", rows),
        rows,
        alt,
        "A provirus covers all parts evenly; backbone without junctions speaks for plasmid.",
    )


def coverage(windows: Sequence[Row]) -> Figure | None:
    """Depth along the construct; None without a window.

    Args:
        windows: rows of the table ``coverage``.
    """
    if not windows:
        return None
    names = {"provirus": "as integrated", "given": "as given, the part that does not integrate"}
    rows = [{**row, "part": f"{row['vector']}, {names[row['part']]}"} for row in windows]
    alts = []
    for part in dict.fromkeys(row["part"] for row in rows):
        own = [row for row in rows if row["part"] == part]
        reached = sum(row["depth"] > 0 for row in own)
        alts.append(
            f"{part}: {counted(own[-1]['end'], 'base')} in {counted(len(own), 'window')}, {reached} of them reached, "
            f"depth {min(row['depth'] for row in own):.1f} to {max(row['depth'] for row in own):.1f}"
        )
    caption = "Grey: bases that the human genome has too, which are no evidence. Both copies of an LTR share their reads."
    return Figure("coverage", "Depth along the construct", chart("coverage", rows), rows, "; ".join(alts), caption)


def pile_up(fragments: Sequence[Row], genes: Mapping[tuple[str, int], str]) -> Figure | None:
    """The fragments that cross from the host into the vector, at each end of each site; None without one.

    Args:
        fragments: rows of the table ``junction_fragments``.
        genes: gene by chromosome and position of a site.
    """
    rows: list[dict[str, Any]] = []
    alts: dict[str, list[str]] = {}
    for row in fragments:
        gene = genes.get((row["chrom"], row["pos"]), "")
        site = f"{row['chrom']}:{row['pos']:,} {gene}".strip()
        place = {"site": site, "end": f"{row['side']} end", "fragment": row["fragment"]}
        if row["fragment"] == 1:
            alts.setdefault(site, []).append(f"{counted(row['fragments'], 'fragment')} at the {place['end']}")
        host = -1 if row["side"] == "left" else 1
        for part, bases, sign in (("host", row["host_bases"], host), ("vector", row["vector_bases"], -host)):
            shown = min(bases, _REACH)
            rows.append({**place, "kind": row["kind"], "part": part, "bases": bases, "from": 0, "to": sign * shown})
        if row["kind"] == "spanning":
            rows.append({**place, "kind": row["kind"], "part": "not read", "bases": None, "from": -_GAP, "to": _GAP})
    if not rows:
        return None
    alt = "; ".join(f"{site}: {', '.join(ends)}" for site, ends in alts.items())
    caption = (
        f"Each line is one fragment, the longest forty an end, {_REACH} bases to either side. Grey: the junction was not read."
    )
    return Figure("pile-up", "Reads at the junctions", chart("pileup", rows), rows, alt, caption, "result-sites")


def clone_stream(rows: Sequence[Row], unit: str) -> Figure:
    """Shares of the largest clones over time.

    Args:
        rows: of :func:`aftercar.evidence.stream.stream_rows`.
        unit: what the shares count, in words.
    """
    legend = {**CONFIG["legend"], "orient": "bottom", "columns": 3, "labelLimit": 200}
    spec = {**stream_spec(rows, "", PALETTE), "config": {**CONFIG, "legend": legend}}
    last = max(row["day"] for row in rows)
    top = {row["clone"]: row["share"] for row in rows if row["day"] == last and row["share"]}
    shares = "; ".join(f"{clone} {100 * share:.1f}%" for clone, share in top.items())
    samples = counted(len({(row["sample"], row["panel"]) for row in rows}), "sample")
    caption = f"By {unit}. The samples stand on the axis; between them nothing was measured."
    alt = f"{samples} to day {last:g}; then {shares}."
    return Figure("clone-stream", "Clones over time", spec, rows, alt, caption, "clone-samples")


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
