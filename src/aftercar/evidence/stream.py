"""The stream of clones over time: rows of a chart, and its Vega-Lite specification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

REST = "all other clones"


def stream_rows(tracks: Sequence[Mapping[str, Any]], largest: int = 15) -> list[dict[str, Any]]:
    """Rows ``sample, day, clone, share``: the ``largest`` clones by their greatest share, the rest together.

    Args:
        tracks: rows with ``sample``, ``day``, ``label`` and ``share`` (0 when not seen).
        largest: clones shown by name.
    """
    peak: dict[str, float] = {}
    for row in tracks:
        peak[row["label"]] = max(peak.get(row["label"], 0.0), row["share"] or 0.0)
    named = set(sorted(peak, key=lambda label: (-peak[label], label))[:largest])
    sums: dict[tuple[str, float, str], float] = {}
    for row in tracks:
        key = (row["sample"], row["day"], row["label"] if row["label"] in named else REST)
        sums[key] = sums.get(key, 0.0) + (row["share"] or 0.0)
    samples = {(sample, day) for sample, day, _ in sums}
    out = []
    for sample, day in sorted(samples, key=lambda s: (s[1], s[0])):
        for label in [*sorted(named, key=lambda name: (-peak[name], name)), REST]:
            out.append({"sample": sample, "day": day, "clone": label, "share": round(sums.get((sample, day, label), 0.0), 6)})
    return out


def stream_spec(rows: Sequence[Mapping[str, Any]], title: str) -> dict[str, Any]:
    """A stacked area of clone shares over days, with points where samples were taken."""
    order = list(dict.fromkeys(row["clone"] for row in rows))
    samples = [{"day": day, "sample": sample} for sample, day in dict.fromkeys((row["sample"], row["day"]) for row in rows)]
    colours = ["#cfd3d8" if clone == REST else None for clone in order]
    palette = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#997700", "#004488", "#bb5566", "#000000"]
    filled = [colour or palette[i % len(palette)] for i, colour in enumerate(colours)]
    x = {"field": "day", "type": "quantitative", "title": "days since infusion", "scale": {"type": "symlog", "constant": 30}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": title,
        "width": 640,
        "height": 320,
        "layer": [
            {
                "data": {"values": list(rows)},
                "mark": {"type": "area", "opacity": 0.9, "stroke": "white", "strokeWidth": 0.3},
                "encoding": {
                    "x": x,
                    "y": {"field": "share", "type": "quantitative", "stack": "zero", "title": "share of cells with a site"},
                    "color": {"field": "clone", "type": "nominal", "sort": order, "scale": {"domain": order, "range": filled}},
                    "order": {"field": "share", "type": "quantitative", "sort": "descending"},
                },
            },
            {"data": {"values": samples}, "mark": {"type": "tick", "color": "black", "size": 8, "y": 322}, "encoding": {"x": x}},
        ],
    }
