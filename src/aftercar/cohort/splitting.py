"""Person-time split by time since infusion, age and calendar year (Lexis diagram), in days and exactly additive.

>>> bands = split([0.0], [800.0], [365.25, 730.5])
>>> bands.band.tolist(), bands.days.tolist()
([0, 1, 2], [365.25, 365.25, 69.5])
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from aftercar.cohort.rules import EVENT
from aftercar.errors import InputError
from aftercar.vocab.dates import DAYS_PER_YEAR


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces of person-time. Arrays of equal length: ``row`` of the input, ``band`` number, ``days`` at risk."""

    row: NDArray[np.int64]
    band: NDArray[np.int64]
    days: NDArray[np.float64]


def split(entry: ArrayLike, leave: ArrayLike, cuts: Sequence[float]) -> Pieces:
    """Split each (entry, leave] at the cuts; band 0 ends at the first cut, the last band is open.

    Args:
        entry, leave: days, shape (N,), leave >= entry.
        cuts: ascending days, shape (K,); there are K+1 bands.

    Raises:
        InputError: when the cuts do not ascend.
    """
    start, stop = np.asarray(entry, dtype=float), np.asarray(leave, dtype=float)
    edges = np.asarray(cuts, dtype=float)
    if (np.diff(edges) <= 0).any():
        raise InputError("the cuts do not ascend", where=str(list(cuts)))
    bounds = np.concatenate([[-np.inf], edges, [np.inf]])
    days = np.minimum(stop[:, None], bounds[None, 1:]) - np.maximum(start[:, None], bounds[None, :-1])
    row, band = np.nonzero(days > 0)
    return Pieces(row.astype(np.int64), band.astype(np.int64), days[row, band])


def by_time_since_infusion(episodes: pl.DataFrame, cut_days: Sequence[float]) -> pl.DataFrame:
    """Events and person-years in bands of time since infusion: ``low_days``, ``high_days``, ``events``, ``person_years``.

    An event on a cut belongs to the band that the cut closes, as its person-time does.
    """
    entry, leave = episodes["entry_days"].to_numpy(), episodes["exit_days"].to_numpy()
    pieces = split(entry, leave, cut_days)
    bands = len(cut_days) + 1
    years = np.bincount(pieces.band, weights=pieces.days, minlength=bands) / DAYS_PER_YEAR
    happened = leave[episodes["status"].to_numpy() == EVENT]
    events = np.bincount(np.searchsorted(np.asarray(cut_days, dtype=float), happened, side="left"), minlength=bands)
    return pl.DataFrame(
        {
            "low_days": [0.0, *map(float, cut_days)],
            "high_days": [*map(float, cut_days), float("inf")],
            "events": events.astype(np.int64),
            "person_years": years,
        }
    )


def lexis(episodes: pl.DataFrame, age_cuts: Sequence[float], *, cut_days: Sequence[float] = ()) -> pl.DataFrame:
    """Person-years and events by age band, calendar year, sex and time since infusion.

    Args:
        episodes: frame of a cohort.
        age_cuts: ascending ages in years at which age bands begin; the first band starts at age 0.
        cut_days: days since infusion that end the time bands; none makes one band.

    Returns:
        One row for each non-empty cell: ``age_band`` (0-based), ``age_low``, ``year``, ``sex``, ``time_band``,
        ``person_years``, ``events``. Rows whose age is unknown have a null ``age_band``; nothing is dropped.
    """
    rows: list[tuple[int | None, int, str, int, float, int]] = []
    edges = np.asarray(age_cuts, dtype=float)
    for episode in episodes.iter_rows(named=True):
        start: dt.date = episode["start"]
        entry, leave = episode["entry_days"], episode["exit_days"]
        cuts = set(cut_days) | _new_years(start, entry, leave)
        age = episode["age_at_start"]
        if age is not None:
            cuts |= {(edge - age) * DAYS_PER_YEAR for edge in age_cuts}
        inner = sorted(cut for cut in cuts if entry < cut < leave)
        points = [entry, *inner, leave]
        for i, (low, high) in enumerate(itertools.pairwise(points)):
            middle = (low + high) / 2
            band = None if age is None else int(np.searchsorted(edges, age + middle / DAYS_PER_YEAR, side="right"))
            year = (start + dt.timedelta(days=middle)).year
            time_band = int(np.searchsorted(np.asarray(cut_days, dtype=float), middle, side="left"))
            event = int(episode["status"] == EVENT and i == len(points) - 2)
            rows.append((band, year, episode["sex"] or "unknown", time_band, (high - low) / DAYS_PER_YEAR, event))
    schema = {
        "age_band": pl.Int64,
        "year": pl.Int64,
        "sex": pl.String,
        "time_band": pl.Int64,
        "person_years": pl.Float64,
        "events": pl.Int64,
    }
    pieces = pl.DataFrame(rows, schema=schema, orient="row")
    cells = pieces.group_by("age_band", "year", "sex", "time_band").agg(pl.col("person_years").sum(), pl.col("events").sum())
    lows = [0.0, *map(float, age_cuts)]
    names = pl.DataFrame(
        {"age_band": list(range(len(lows))), "age_low": lows}, schema={"age_band": pl.Int64, "age_low": pl.Float64}
    )
    return cells.join(names, on="age_band", how="left").sort("time_band", "sex", "year", "age_band", nulls_last=True)


def _new_years(start: dt.date, entry: float, leave: float) -> set[float]:
    """Days since ``start`` of each 1 January within the stretch."""
    first, last = (start + dt.timedelta(days=entry)).year, (start + dt.timedelta(days=leave)).year
    return {float((dt.date(year, 1, 1) - start).days) for year in range(first + 1, last + 1)}
