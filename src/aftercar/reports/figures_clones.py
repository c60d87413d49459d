"""Chart of one person's insertions over the samples that were sequenced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aftercar.reports.blocks import Figure
from aftercar.reports.charts import chart
from aftercar.reports.wording import counted

SEEN, NOT_SEEN = "seen", "not seen (limit shown)"


def insertions_over_time(rows: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Share of cells with each insertion over time; None without a dated one.

    Args:
        rows: ``clone``, ``months`` since infusion (None when not dated), ``seen``, ``share`` of all cells with ``low`` and
            ``high``, and ``limit``: the share that would have been found in that sample.
    """
    drawn = []
    for row in rows:
        value = row["share"] if row["seen"] else row["limit"]
        if row["months"] is None or value is None:
            continue
        low, high = (row["low"], row["high"]) if row["seen"] else (None, None)
        drawn.append(
            {
                "clone": row["clone"],
                "months": row["months"],
                "percent": 100 * value,
                "low": None if low is None else 100 * low,
                "high": None if high is None else 100 * high,
                "result": SEEN if row["seen"] else NOT_SEEN,
            }
        )
    if not any(row["result"] == SEEN for row in drawn):
        return None
    names = {row["clone"] for row in drawn}
    alt = f"{counted(len(names), 'insertion')}: " + "; ".join(
        f"{row['clone']} month {row['months']:.1f}: {row['percent']:.3g}% ({row['result']})" for row in drawn
    )
    caption = "Share of all cells, with 95% limits. A triangle: not seen, and the share that would have been found."
    return Figure("insertions", "Insertions over time", chart("clones", drawn), drawn, alt, caption)
