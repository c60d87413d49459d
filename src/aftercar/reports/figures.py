"""Charts of the findings: each function makes a figure from rows, with the text for those who do not see it."""

from __future__ import annotations

from collections.abc import Sequence

from aftercar.reports import texts
from aftercar.reports.blocks import Figure
from aftercar.reports.charts import chart
from aftercar.reports.findings import Row
from aftercar.reports.wording import counted


def forest(
    key: str, title: str, rows: Sequence[Row], axis: str, caption: str = "", *, scale: float = 1000, table: str = ""
) -> Figure:
    """Values with intervals, one line each; rows have ``group``, ``value``, ``low``, ``high``."""
    points = [
        {"label": row["group"], "value": scale * row["value"], "low": scale * row["low"], "high": scale * row["high"]}
        for row in rows
    ]
    alt = f"{axis}. " + "; ".join(f"{p['label']}: {p['value']:.2f} ({p['low']:.2f} to {p['high']:.2f})" for p in points)
    return Figure(key, title, chart("forest", points, axis=axis), points, alt, caption, table)


def onset(curve: Sequence[Row], cases: int) -> Figure:
    """Share of cases with onset up to each month, with exact pointwise limits."""
    points = [dict(row) for row in curve]
    year = max((row["share"] for row in curve if row["months"] <= 12), default=0.0)
    return Figure(
        "onset-curve",
        "Onset among the cases found",
        chart("onset", points),
        points,
        f"Step curve over {counted(cases, 'case')}: {100 * year:.0f}% had onset within 12 months, the longest onset is "
        f"{points[-1]['months']:.1f} months.",
        texts.TRUNCATED_CURVE,
        "onset-table",
    )


def waterfall(rows: Sequence[Row], table: str = "tested-table") -> Figure:
    """A waterfall a group: all cases, less those not tested, less those without the CAR, leaves those with it."""
    points: list[Row] = []
    for number, row in enumerate(rows):
        cases, positive = row["cases"], row["positive"]
        steps = (
            ("all cases", 0, cases),
            ("not tested or unknown", row["tested"], cases),
            ("tested, CAR not found", positive, row["tested"]),
            ("CAR found", 0, positive),
        )
        points += [
            {"group": row["group"], "order": number, "step": step, "from": low, "to": high, "cases": high - low}
            for step, low, high in steps
        ]
    alt = "; ".join(
        f"{row['group']}: of {row['cases']} cases {row['cases'] - row['tested']} not tested or unknown, "
        f"{row['tested'] - row['positive']} tested without CAR, CAR found in {row['positive']}"
        for row in rows
    )
    return Figure("tested-chart", "What was tested", chart("waterfall", points), points, alt, texts.UNTESTED, table)


def surface(rows: Sequence[Row]) -> Figure:
    """Observed over expected for each assumed follow-up and background."""
    points = [{**row, "text": f"{row['ratio']:.1f} ({row['low']:.1f}-{row['high']:.1f})"} for row in rows]
    low, high = min(rows, key=lambda r: r["ratio"]), max(rows, key=lambda r: r["ratio"])
    ends = (
        f"{row['ratio']:.2f} (follow-up {row['years']:g} years, background {row['background']:g} per 100,000 person-years)"
        for row in (low, high)
    )
    alt = "Observed over expected ranges from " + " to ".join(ends) + "."
    return Figure(
        "surface-chart",
        "Observed over expected, by what is assumed",
        chart("surface", points),
        points,
        alt,
        texts.ONE_NUMBER,
    )
