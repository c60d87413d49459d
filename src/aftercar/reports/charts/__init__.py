"""Charts are Vega-Lite specifications in JSON files beside this module; rows are put in by :func:`chart`.

One palette for all of them (Okabe and Ito 2008, safe for colour-blind readers), one type face, no chart junk.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666")

CONFIG: dict[str, Any] = {
    "background": "white",
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": "#e6e6e6",
        "domainColor": "#888",
        "tickColor": "#888",
    },
    "legend": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "orient": "top"},
    "range": {"category": list(PALETTE)},
}


@cache
def _spec(name: str) -> str:
    return resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")


def chart(name: str, rows: Sequence[Mapping[str, Any]], **words: str) -> dict[str, Any]:
    """The specification called ``name`` with its rows inlined and the house style applied.

    ``words`` fill the ``{{name}}`` places of the specification (axis titles that depend on the data).
    """
    text = _spec(name)
    for key, value in words.items():
        text = text.replace("{{" + key + "}}", json.dumps(value)[1:-1])
    spec: dict[str, Any] = json.loads(text)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "config": CONFIG,
        **spec,
        "data": {"values": [dict(row) for row in rows]},
    }
