"""Figures as Vega-Lite specifications with their own rows; the report station draws them.

Each function gives a complete specification (schema 5): diffable, testable, no browser needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aftercar.biomarkers.hypotheses import Run
from aftercar.biomarkers.power import detectable_ratio
from aftercar.biomarkers.serial import Track
from aftercar.cohort.survival import Incidence

Spec = dict[str, Any]
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"


def forest(runs: Sequence[Run], *, title: str = "") -> Spec:
    """Ratios with limits on a log axis, one line a run, pre-registered ones filled; limits beyond 100 are cut, and say so."""
    rows = []
    for i, run in enumerate(runs):
        low, high = max(run.low, 0.01), min(run.high, 100.0)
        rows.append(
            {
                "order": i,
                "label": f"{run.marker}: {run.model}",
                "ratio": run.ratio if 0.01 <= run.ratio <= 100 else None,
                "low": low,
                "high": high,
                "cut": run.low < 0.01 or run.high > 100,
                "text": f"{run.ratio:.2f} ({run.low:.2f}-{run.high:.2f}), {run.events} events",
                "registered": "pre-registered" if run.hypothesis_id else "exploratory",
            }
        )
    y = {"field": "label", "type": "nominal", "sort": {"field": "order"}, "title": None, "axis": {"labelLimit": 420}}
    x = {"field": "low", "type": "quantitative", "scale": {"type": "log"}, "title": "ratio (log scale)"}
    return {
        "$schema": _SCHEMA,
        "title": title,
        "data": {"values": rows},
        "layer": [
            {"mark": {"type": "rule", "strokeDash": [4, 4], "color": "#888"}, "encoding": {"x": {"datum": 1}}},
            {"mark": "rule", "encoding": {"y": y, "x": x, "x2": {"field": "high"}}},
            {
                "mark": {"type": "point", "size": 60},
                "encoding": {
                    "y": y,
                    "x": {"field": "ratio", "type": "quantitative"},
                    "shape": {"field": "registered", "type": "nominal", "title": None},
                    "tooltip": [{"field": "text", "type": "nominal"}, {"field": "cut", "type": "nominal", "title": "limit cut"}],
                },
            },
        ],
    }


def incidence(curves: Mapping[str, Incidence], *, level: float = 0.95, days: bool = True, title: str = "") -> Spec:
    """Cumulative incidence by marker with its band; death competes."""
    scale = 365.25 if days else 1.0
    rows = []
    for group, curve in curves.items():
        rows.append({"group": group, "years": 0.0, "value": 0.0, "low": 0.0, "high": 0.0})
        for time, value in zip(curve.times, curve.value, strict=True):
            low, high = curve.interval(float(time), level)
            rows.append({"group": group, "years": float(time) / scale, "value": float(value), "low": low, "high": high})
    x = {"field": "years", "type": "quantitative", "title": "years since infusion"}
    colour = {"field": "group", "type": "nominal", "title": None}
    band = {"x": x, "y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}, "color": colour}
    line = {"x": x, "y": {"field": "value", "type": "quantitative", "title": "cumulative incidence"}, "color": colour}
    return {
        "$schema": _SCHEMA,
        "title": title,
        "data": {"values": rows},
        "layer": [
            {"mark": {"type": "area", "opacity": 0.2, "interpolate": "step-after"}, "encoding": band},
            {"mark": {"type": "line", "interpolate": "step-after"}, "encoding": line},
        ],
    }


def lollipop(changes: Sequence[tuple[int, str, str]], *, gene: str, length: int | None = None) -> Spec:
    """Changes of one gene along its residues: rows of (residue, change, class), stacked by count."""
    counted: dict[tuple[int, str, str], int] = {}
    for change in changes:
        counted[change] = counted.get(change, 0) + 1
    rows = [{"residue": r, "change": c, "kind": k, "people": n} for (r, c, k), n in sorted(counted.items())]
    domain = {"domain": [1, length]} if length else {"zero": False}
    x = {"field": "residue", "type": "quantitative", "title": f"residue of {gene}", "scale": domain}
    y = {"field": "people", "type": "quantitative", "title": "variants"}
    return {
        "$schema": _SCHEMA,
        "title": gene,
        "data": {"values": rows},
        "layer": [
            {"mark": {"type": "rule", "color": "#999"}, "encoding": {"x": x, "y": {"datum": 0}, "y2": {"field": "people"}}},
            {
                "mark": {"type": "circle", "size": 80},
                "encoding": {"x": x, "y": y, "color": {"field": "kind", "type": "nominal"}, "tooltip": [{"field": "change"}]},
            },
        ],
    }


def fraction_track(tracks: Mapping[str, Track], *, infused_on: str = "") -> Spec:
    """Allele fractions over time with exact limits, infusion marked; a sample without the variant shows its upper limit."""
    rows = []
    for label, track in tracks.items():
        for point in track.points:
            found = point.fraction
            rows.append(
                {
                    "variant": label,
                    "date": point.taken_on,
                    "fraction": found.value,
                    "low": found.low,
                    "high": found.high,
                    "reads": f"{point.alt_reads} of {point.depth}",
                }
            )
    x = {"field": "date", "type": "temporal", "title": None}
    colour = {"field": "variant", "type": "nominal", "title": None}
    layers: list[Spec] = [
        {
            "mark": "rule",
            "encoding": {
                "x": x,
                "y": {"field": "low", "type": "quantitative", "title": "allele fraction"},
                "y2": {"field": "high"},
                "color": colour,
            },
        },
        {
            "mark": {"type": "line", "point": True},
            "encoding": {
                "x": x,
                "y": {"field": "fraction", "type": "quantitative"},
                "color": colour,
                "tooltip": [{"field": "reads"}],
            },
        },
    ]
    if infused_on:
        mark = {"type": "rule", "strokeDash": [4, 4]}
        layers.append({"data": {"values": [{"date": infused_on}]}, "mark": mark, "encoding": {"x": x}})
    return {"$schema": _SCHEMA, "data": {"values": rows}, "layer": layers}


def power_curves(events: Sequence[int], prevalences: Sequence[float], *, power: float = 0.8, alpha: float = 0.05) -> Spec:
    """Smallest detectable hazard ratio against events, one curve for each prevalence."""
    rows = [
        {"events": int(e), "prevalence": f"{100 * p:g}%", "ratio": detectable_ratio(int(e), p, power=power, alpha=alpha)}
        for p in prevalences
        for e in np.unique(events)
        if e > 0
    ]
    return {
        "$schema": _SCHEMA,
        "title": f"smallest hazard ratio found with power {power:g} at two-sided {alpha:g}",
        "data": {"values": [row for row in rows if float(row["ratio"]) <= 100]},  # type: ignore[arg-type]
        "mark": "line",
        "encoding": {
            "x": {"field": "events", "type": "quantitative", "title": "events"},
            "y": {"field": "ratio", "type": "quantitative", "scale": {"type": "log"}, "title": "hazard ratio"},
            "color": {"field": "prevalence", "type": "nominal"},
        },
    }
