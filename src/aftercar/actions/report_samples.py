"""What a report draws of one sample or person: coverage, fragments at the junctions, clones over time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from aftercar.actions.sites_tables import load_sites
from aftercar.actions.sites_track import UNIT, NothingToTrack, track
from aftercar.cases.model import as_date
from aftercar.edges.study import Study
from aftercar.evidence.stream import stream_rows
from aftercar.reports.laboratory import Clones, Drawn
from aftercar.vocab.columns import Table
from aftercar.vocab.tables.evidence import COVERAGE, JUNCTION_FRAGMENTS

#: Clones shown by name in a report: as many as the palette has colours that nobody confuses.
_CLONES_SHOWN = 6
_NUMBERS = {"integer": pl.Int64, "number": pl.Float64}


def drawn_of(folder: Path) -> Drawn:
    """The rows behind the pictures in the result folder of a tested sample; nothing where an older version left none."""
    return Drawn(_rows(folder, COVERAGE), _rows(folder, JUNCTION_FRAGMENTS))


def _rows(folder: Path, table: Table) -> list[dict[str, Any]]:
    path = folder / f"{table.name}.tsv"
    if not path.is_file():
        return []
    schema = {column.name: _NUMBERS.get(column.kind, pl.String) for column in table.columns}
    return pl.read_csv(path, separator="\t", schema=schema).to_dicts()


def clones_of(study: Study, folder: Path, person_id: str) -> Clones | None:
    """A person's clones over the samples with integration sites; None with fewer than two that may be used.

    Args:
        study: the study.
        folder: one folder a sample with ``sites.csv`` and ``site_assay.json``.
        person_id: the person.
    """
    start = _first_infusion(study, person_id)
    parts = []
    for row in study.rows("samples"):
        path = folder / row["sample_id"] / "sites.csv"
        if row["person_id"] != person_id or not path.is_file() or _is_vetoed(path):
            continue
        taken = as_date(row["collected_on"])
        day = float((taken.middle - start).days) if taken is not None and start is not None else None
        own = [pl.lit(row["sample_id"]).alias("timepoint"), pl.lit(person_id).alias("person_id")]
        own += [pl.lit(day, dtype=pl.Float64).alias("day")] if day is not None else []
        parts.append(load_sites(path).with_columns(own))
    if len(parts) < 2:
        return None
    try:
        found = track(pl.concat(parts), person=person_id, threshold=study.settings.clone_share)
    except NothingToTrack:
        return None
    panels = {row["sample"]: row["panel"] for row in found.rows}
    rows = stream_rows(found.tracks.select("sample", "day", "label", "share").to_dicts(), panels, largest=_CLONES_SHOWN)
    return Clones(rows, found.samples, UNIT[found.column], study.settings.clone_share)


def _first_infusion(study: Study, person_id: str) -> Any:
    days = [as_date(row["infused_on"]) for row in study.rows("infusions") if row["person_id"] == person_id]
    return min((day.middle for day in days if day is not None), default=None)


def _is_vetoed(path: Path) -> bool:
    said: Mapping[str, Any] = json.loads(path.with_name("site_assay.json").read_text(encoding="utf-8"))
    return said["state"] == "vetoed"
