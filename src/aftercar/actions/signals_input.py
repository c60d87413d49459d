"""What every signal action starts from and gives back: frames with their data lock in, named tables with words out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from aftercar.actions.permissions import Actor
from aftercar.cohort.disclosure import mask_table
from aftercar.cohort.follow_up import completeness
from aftercar.cohort.person_time import Cohort, build
from aftercar.cohort.rules import Rules
from aftercar.edges.files import folder_beside
from aftercar.edges.study import read_study
from aftercar.edges.tables import polars_type, write_table
from aftercar.errors import InputError
from aftercar.vocab.columns import Table
from aftercar.vocab.tables.signals import DERIVED, TABLES

Row = Mapping[str, Any]

#: Name of the group that everybody belongs to.
EVERYBODY = "all people of this study"


class NoPersonTime(InputError):
    """The question needs dated infusions and follow-up, and the study has none."""

    code = "no-person-time"


@dataclass(frozen=True)
class Input:
    """A study's tables.

    Attributes:
        frames: by table name, as the study folder gives them.
        data_lock: last day that the data cover.
        level: confidence level.
        mask_below: counts from 1 to below this are masked on export.
        title: of the study.
    """

    frames: Mapping[str, pl.DataFrame]
    data_lock: dt.date
    level: float = 0.95
    mask_below: int = 5
    title: str = ""


@dataclass(frozen=True)
class Answer:
    """Tables by name (see ``vocab/tables/signals.py``) and what must be read with them."""

    tables: Mapping[str, Sequence[Row]]
    words: tuple[str, ...]
    data_lock: dt.date
    mask_below: int = 5


def from_folder(folder: Path) -> Input:
    """Read and check a study folder.

    Raises:
        NotAStudy, InvalidTables: as ``read_study``.
    """
    study = read_study(folder)
    return Input(study.frames, study.data_lock, study.settings.level, study.settings.mask_below, study.title)


def may_read(actor: Actor | None) -> None:
    """Figures over all centres need the right to read everywhere; None is the owner of the folder.

    Raises:
        NotPermitted: when the actor may not.
    """
    if actor is not None:
        actor.check_everywhere("read")


def cohort_of(given: Input, rules: Rules | None = None, *, product: str = "") -> Cohort:
    """The cohort, optionally of one product.

    Raises:
        NoPersonTime: when nobody has person-time.
    """
    cohort = build(given.frames, given.data_lock, rules)
    if product:
        part = cohort.episodes.filter(pl.col("product") == product)
        cohort = Cohort(part, cohort.attrition, cohort.rules, cohort.data_lock, cohort.notes)
    if not cohort.persons:
        raise NoPersonTime(
            f"nobody{' with ' + product if product else ''} has person-time",
            fix="infusions need infused_on, people last_seen_on or death_date; aftercar signals rate shows who was left out",
        )
    return cohort


def cohort_words(cohort: Cohort) -> tuple[str, ...]:
    """Rules, completeness and notes of a cohort, for the reader."""
    found = [cohort.rules.in_words()]
    if cohort.persons:
        found.append(completeness(cohort.episodes).in_words())
    return (*found, *cohort.notes)


def export(answer: Answer, folder: Path) -> list[Path]:
    """Write every table as CSV with small counts masked; the folder must be new or empty.

    Raises:
        UsageError: when the folder is not empty.
    """
    defined = {table.name: table for table in TABLES}
    ready = {
        name: masked(frame_of(rows, defined[name]), defined[name], answer.mask_below) for name, rows in answer.tables.items()
    }
    if "signal_products" in ready and "signal_pooling_priors" in ready:
        # A pooled rate gives its product's masked count away under every prior.
        hidden = ready["signal_products"].filter(pl.col("masked") != "")["product"]
        ready["signal_pooling_priors"] = ready["signal_pooling_priors"].filter(~pl.col("product").is_in(hidden.to_list()))
    with folder_beside(folder) as inside:
        for name, frame in ready.items():
            write_table(inside / f"{name}.csv", frame)
    return sorted(folder.iterdir())


def masked(frame: pl.DataFrame, table: Table, below: int) -> pl.DataFrame:
    """A result table as it may leave: small counts, what would give them away, and text that quotes counts."""
    if table.name == "signal_signature":
        return frame.with_columns(pl.lit(None, dtype=pl.String).alias("found"))
    derived = DERIVED.get(table.name, {})
    if table.name in ("signal_onset", "signal_onset_weibull"):
        return _masked_onset(frame, table, below, derived)
    if "group" in table and (frame["group"] == EVERYBODY).any():
        # Parts beside their total: a single masked part could be subtracted.
        whole, parts = frame.filter(pl.col("group") == EVERYBODY), frame.filter(pl.col("group") != EVERYBODY)
        return pl.concat([mask_table(part, table, below=below, derived=derived, total_shown=True) for part in (parts, whole)])
    found = mask_table(frame, table, below=below, derived=derived, total_shown=True)
    if table.name == "signal_attrition" and (found["masked"] != "").any():
        first = pl.int_range(pl.len()) == 0
        found = found.with_columns(pl.when(first).then(pl.col("remaining")).alias("remaining"))
    return found


def _masked_onset(frame: pl.DataFrame, table: Table, below: int, derived: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """All cases, cases by transgene and cases by product are three partitions; extremes are single persons' values."""
    kind = pl.col("group").str.split(" ").list.first()
    parts = [part for _, part in frame.group_by(kind, maintain_order=True)]
    found = pl.concat([mask_table(part, table, below=below, derived=derived, total_shown=True) for part in parts])
    extremes = [name for name in ("shortest", "longest") if name in table]
    return found.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in extremes) if below > 1 else found


def columns(name: str, rows: Sequence[Row]) -> list[str]:
    """The columns of a table that any of the rows fills, in their defined order."""
    table = next(table for table in TABLES if table.name == name)
    return [column for column in table.names if any(row.get(column) is not None for row in rows)]


def frame_of(rows: Sequence[Row], table: Table) -> pl.DataFrame:
    """Rows as a frame with the table's columns and types."""
    schema = {column.name: polars_type(column) for column in table.columns}
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)
