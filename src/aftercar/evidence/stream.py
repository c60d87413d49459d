"""The stream of clones over time: rows of a chart, and its Vega-Lite specification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

REST = "all other clones"
_PALETTE = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#997700", "#004488", "#bb5566", "#117733")


def stream_rows(
    tracks: Sequence[Mapping[str, Any]], panels: Mapping[str, str] | None = None, largest: int = 10
) -> list[dict[str, Any]]:
    """Rows ``panel, sample, day, clone, rank, share``: the ``largest`` clones by their greatest share, the rest together.

    Args:
        tracks: rows with ``sample``, ``day``, ``label`` and ``share`` (0 when not seen).
        panels: panel of each sample (its cell type): samples of one day are not stacked on each other.
        largest: clones shown by name.
    """
    peak: dict[str, float] = {}
    for row in tracks:
        peak[row["label"]] = max(peak.get(row["label"], 0.0), row["share"] or 0.0)
    named = sorted(peak, key=lambda label: (-peak[label], label))[:largest]
    sums: dict[tuple[str, float, str], float] = {}
    for row in tracks:
        key = (row["sample"], row["day"], row["label"] if row["label"] in named else REST)
        sums[key] = sums.get(key, 0.0) + (row["share"] or 0.0)
    samples = {(sample, day) for sample, day, _ in sums}
    return [
        {
            "panel": (panels or {}).get(sample, "all cells"),
            "sample": sample,
            "day": day,
            "clone": label,
            "rank": rank,
            "share": round(sums.get((sample, day, label), 0.0), 6),
        }
        for sample, day in sorted(samples, key=lambda s: (s[1], s[0]))
        for rank, label in enumerate([*named, REST])
    ]


def stream_spec(rows: Sequence[Mapping[str, Any]], title: str, palette: Sequence[str] = _PALETTE) -> dict[str, Any]:
    """Stacked areas of clone shares over days, one panel a cell type; a panel with a single sample is shown as a bar."""
    order = list(dict.fromkeys(row["clone"] for row in rows))
    colours = ["#cfd3d8" if clone == REST else palette[i % len(palette)] for i, clone in enumerate(order)]
    days: dict[str, set[float]] = {}
    for row in rows:
        days.setdefault(row["panel"], set()).add(row["day"])
    scale = {
        "type": "symlog",
        "constant": 30,
        "nice": False,
        "domain": [0, max((row["day"] for row in rows), default=1) * 1.02 + 1],
    }
    x = {
        "field": "day",
        "type": "quantitative",
        "title": "days since infusion",
        "scale": scale,
        "axis": {"labelOverlap": "greedy", "labelSeparation": 8},
    }
    encoding = {
        "x": x,
        "y": {"field": "share", "type": "quantitative", "stack": "zero", "title": "share of cells", "scale": {"domain": [0, 1]}},
        "color": {"field": "clone", "type": "nominal", "sort": order, "scale": {"domain": order, "range": colours}},
        "order": {"field": "rank", "type": "quantitative"},
    }
    panels = [
        {
            "title": panel,
            "width": 620,
            "height": 150,
            "data": {"values": [row for row in rows if row["panel"] == panel]},
            "mark": {"type": "area", "opacity": 0.95} if len(seen) > 1 else {"type": "bar", "size": 6},
            "encoding": encoding,
        }
        for panel, seen in days.items()
    ]
    return {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "title": title, "vconcat": panels}
