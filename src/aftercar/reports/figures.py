"""Charts of the findings: each function makes a figure from rows, with the text for those who do not see it."""

from __future__ import annotations

from collections.abc import Sequence

from aftercar.reports import texts
from aftercar.reports.blocks import Figure
from aftercar.reports.charts import chart
from aftercar.reports.findings import Row
from aftercar.reports.wording import counted


def forest(key: str, title: str, rows: Sequence[Row], axis: str, caption: str = "", *, scale: float = 1000) -> Figure:
    """Values with intervals, one line each; rows have ``group``, ``value``, ``low``, ``high``."""
    points = [
        {"label": row["group"], "value": scale * row["value"], "low": scale * row["low"], "high": scale * row["high"]}
        for row in rows
    ]
    alt = f"{axis}. " + "; ".join(f"{p['label']}: {p['value']:.2f} ({p['low']:.2f} to {p['high']:.2f})" for p in points)
    return Figure(key, title, chart("forest", points, axis=axis), points, alt, caption)


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
    )


def tested(rows: Sequence[Row]) -> Figure:
    """Cases by what is known of the transgene: found, tested and not found, not tested."""
    points = []
    for row in rows:
        states = (
            ("CAR found", row["positive"]),
            ("tested, CAR not found", row["tested"] - row["positive"]),
            ("not tested or unknown", row["cases"] - row["tested"]),
        )
        points += [{"group": row["group"], "state": state, "cases": count, "order": i} for i, (state, count) in enumerate(states)]
    alt = "; ".join(
        f"{row['group']}: CAR found in {row['positive']}, tested without CAR {row['tested'] - row['positive']}, "
        f"not tested {row['cases'] - row['tested']}"
        for row in rows
    )
    return Figure(
        "tested-chart",
        "What was tested",
        chart("tested", points),
        points,
        alt,
        texts.UNTESTED,
    )


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
