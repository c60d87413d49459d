"""One person's clones over time: shares with intervals, the chance of having missed a clone, growth, trigger, stream plot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from aftercar.edges.files import write_text
from aftercar.edges.tables import write_table
from aftercar.errors import InputError, UsageError
from aftercar.evidence import tracking
from aftercar.evidence.abundance import shares
from aftercar.evidence.site_abundance import best_column, usable_rows
from aftercar.evidence.stream import stream_rows, stream_spec

UNIT = {
    "cells": "estimated cells",
    "fragments": "distinct fragments",
    "umis": "UMIs",
    "reads": "reads (PCR copies, no cell counts)",
}


class NothingToTrack(InputError):
    """A table without two samples of one person."""

    code = "nothing-to-track"


@dataclass(frozen=True, slots=True)
class Tracked:
    """A person's clones.

    Attributes:
        person: pseudonym; column: the abundance used.
        samples: one row a sample: cells, clones, largest share with interval, trigger, smallest share that would be seen.
        tracks: one row a clone and sample: share with interval; where it was not seen, the chance that a clone of the size it
            had in its best sample was missed here.
        growth: one row a clone and later sample against the first: fold with interval, p, q, call.
        rows, spec: of the stream plot.
    """

    person: str
    column: str
    samples: list[dict[str, Any]]
    tracks: pl.DataFrame
    growth: pl.DataFrame
    rows: list[dict[str, Any]]
    spec: dict[str, Any]


def track(
    table: pl.DataFrame,
    *,
    person: str = "",
    window: int = 5,
    threshold: float = tracking.CLONALITY_SHARE,
    rate: float = 0.05,
    fold_above: float = 1.0,
    column: str = "",
    cell_type: str = "",
) -> Tracked:
    """Follow one person's clones.

    Args:
        table: ``integration_sites`` with days or time points.
        person: needed when the table holds several.
        window: bases within which a site is the same; threshold: clonality setting; rate: false-discovery rate of growth;
            fold_above: growth up to this fold is not called.
        column: abundance; default the best there is.
        cell_type: only samples of this type.

    Raises:
        UsageError: when the person is not named or not there.
        NothingToTrack: with fewer than two samples.
    """
    people = sorted(table["person_id"].drop_nulls().unique().to_list())
    chosen = person or (people[0] if len(people) == 1 else "")
    if len(people) > 1 and not person:
        raise UsageError(f"the table holds {len(people)} persons ({', '.join(people[:5])})", fix="name one with --person")
    if person and person not in people:
        raise UsageError(f"no person {person} in the table", fix=f"it holds {', '.join(people[:5]) or 'nobody'}")
    mine = table.filter(pl.col("person_id") == chosen) if chosen else table
    if cell_type:
        mine = mine.filter(pl.col("cell_type").str.to_lowercase() == cell_type.lower())
    used = column or best_column(mine)
    if not used:
        raise NothingToTrack("the table holds no abundance")
    mine = usable_rows(mine, used).with_columns(
        pl.concat_str([pl.coalesce("timepoint", "sample_id"), pl.col("cell_type").fill_null("")], separator=" ")
        .str.strip_chars()
        .alias("sample")
    )
    mine = mine.with_columns(
        pl.Series(
            "clone", tracking.link(mine["chrom"].to_list(), mine["position"].to_numpy(), mine["orientation"].to_list(), window)
        )
    )
    order = _order(mine)
    if len(order) < 2:
        raise NothingToTrack(f"{len(order)} sample(s) of {chosen or 'this table'}: clones are followed over at least two")
    counts = (
        mine.group_by(["clone", "sample"])
        .agg(pl.col(used).sum())
        .pivot(on="sample", index="clone", values=used)
        .fill_null(0)
        .sort("clone")
    )
    places = (
        mine.sort(used, descending=True)
        .group_by("clone", maintain_order=True)
        .agg(pl.col("chrom", "position", "orientation", "gene").first())
    )
    counts = counts.join(places, on="clone")
    spelt: dict[str, str] = {}  # "Whole Blood" and "Whole blood" are one panel
    panels = {
        name: spelt.setdefault((kind or "all cells").lower(), kind or "all cells")
        for name, kind in mine.select("sample", "cell_type").unique(maintain_order=True).iter_rows()
    }
    return _assembled(chosen, used, counts, order, panels, threshold, rate, fold_above)


def _order(mine: pl.DataFrame) -> list[tuple[str, float]]:
    """Samples in time: by day where given, else by name."""
    days = mine.group_by("sample").agg(pl.col("day").min()).sort(["day", "sample"])
    if days["day"].null_count():
        return [(name, float(i)) for i, name in enumerate(sorted(days["sample"].to_list()))]
    return [(name, float(day)) for name, day in days.iter_rows()]


def _assembled(
    person: str,
    column: str,
    counts: pl.DataFrame,
    order: Sequence[tuple[str, float]],
    panels: Mapping[str, str],
    threshold: float,
    rate: float,
    fold_above: float,
) -> Tracked:
    labels = [
        f"{gene or ''} {chrom}:{position}{orientation}".strip()
        for chrom, position, orientation, gene in counts.select("chrom", "position", "orientation", "gene").iter_rows()
    ]
    samples: list[dict[str, Any]] = []
    tracks: list[pl.DataFrame] = []
    growth: list[pl.DataFrame] = []
    totals = {name: float(counts[name].sum()) for name, _ in order}
    for name, total in totals.items():
        if round(total) < 1:
            raise NothingToTrack(
                f"sample {name} holds {total:g} cells: what grew or was missed cannot be judged",
                fix="leave the sample out, or name another abundance with --column",
            )
    first = order[0][0]
    ever = counts.select([name for name, _ in order]).to_numpy().astype(float)
    sums = ever.sum(axis=0)
    peak = (ever / sums).argmax(axis=1)
    for name, day in order:
        cells = counts[name].to_numpy().astype(float)
        share = shares(cells)
        top = int(share.value.argmax())
        trigger = tracking.clonality_trigger(float(share.value[top]), float(share.low[top]), float(share.high[top]), threshold)
        samples.append(
            {
                "sample": name,
                "day": day,
                "cells": totals[name],
                "clones": int((cells > 0).sum()),
                "largest": labels[top],
                "share": trigger.share,
                "low": trigger.low,
                "high": trigger.high,
                "above_setting": trigger.judgement,
                "smallest_seen_95": tracking.largest_missed(totals[name]),
                "words": trigger.words,
            }
        )
        missed = [
            None if c else tracking.chance_missed_again(float(ever[i, peak[i]]), float(sums[peak[i]]), totals[name])
            for i, c in enumerate(cells)
        ]
        tracks.append(_track_frame(counts, labels, name, day, cells, share, missed))
        if name != first:
            grown = tracking.expansion(
                counts[first].to_numpy(), cells, totals[first], totals[name], rate=rate, fold_above=fold_above
            )
            growth.append(_growth_frame(labels, counts, first, name, day, grown))
    joined = pl.concat(tracks)
    rows = stream_rows(joined.select("sample", "day", "label", "share").to_dicts(), panels)
    spec = stream_spec(rows, f"Clones of {person or 'this person'} by {UNIT[column]}")
    return Tracked(person, column, samples, joined, pl.concat(growth), rows, spec)


def _track_frame(
    counts: pl.DataFrame, labels: Sequence[str], name: str, day: float, cells: Any, share: Any, missed: Sequence[float | None]
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "clone": counts["clone"],
            "label": labels,
            "sample": name,
            "day": day,
            "cells": cells,
            "share": share.value,
            "low": share.low,
            "high": share.high,
            "seen": cells > 0,
            "chance_missed": pl.Series(missed, dtype=pl.Float64),
        }
    )


def _growth_frame(
    labels: Sequence[str], counts: pl.DataFrame, first: str, name: str, day: float, grown: tracking.Expansion
) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "clone": counts["clone"],
            "label": labels,
            "from": first,
            "to": name,
            "day": day,
            "before": grown.before,
            "after": grown.after,
            "fold": grown.fold,
            "low": grown.low,
            "high": grown.high,
            "p": grown.p,
            "q": grown.q,
            "call": grown.call,
        }
    )
    return frame.filter(pl.col("after") > 0)


def write_tracked(folder: Path, tracked: Tracked, *, picture: bool = True) -> list[Path]:
    """Write ``samples.csv``, ``tracks.csv``, ``growth.csv``, ``stream.json`` and ``stream.svg`` into a folder.

    The tracks leave out the empty cells of clones that never had more than one cell: they say nothing but that.
    """
    paths = [folder / name for name in ("samples.csv", "tracks.csv", "growth.csv", "stream.json")]
    write_table(paths[0], pl.DataFrame(tracked.samples))
    larger = tracked.tracks.group_by("clone").agg(pl.col("cells").max().alias("most")).filter(pl.col("most") > 1)["clone"]
    write_table(paths[1], tracked.tracks.filter(pl.col("seen") | pl.col("clone").is_in(larger.implode())))
    write_table(paths[2], tracked.growth)
    write_text(paths[3], json.dumps(tracked.spec, indent=1))
    if picture:
        from aftercar.reports.blocks import Figure
        from aftercar.reports.pictures import svg

        figure = Figure(
            "stream", "Clones over time", tracked.spec, tracked.rows, "Shares of the largest clones in each sample over time"
        )
        write_text(folder / "stream.svg", svg(figure))
        paths.append(folder / "stream.svg")
    return paths
