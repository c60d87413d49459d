"""Out of the registry: a study folder, pseudonymised and without those who withdrew, as asked."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from aftercar.actions.permissions import Actor
from aftercar.edges.files import write_text
from aftercar.edges.study import write_study
from aftercar.edges.tables import write_table
from aftercar.errors import InputError
from aftercar.registry.pseudonyms import DateRule, Pseudonyms, protect
from aftercar.registry.subject import subjects
from aftercar.registry.summary import counts_by_product
from aftercar.store import Store
from aftercar.vocab.tables.study import SAMPLE_FILES, TABLES

Format = Literal["study", "workbook", "fhir-r4", "fhir-r5"]


@dataclass(frozen=True)
class Exported:
    """What was written: rows by table, people left out because they withdrew, files that samples name."""

    rows: Mapping[str, int]
    withdrawn: int
    files: tuple[str, ...]


def study_frames(store: Store, actor: Actor, *, include_withdrawn: bool = False) -> tuple[dict[str, pl.DataFrame], int]:
    """The study tables within the actor's reach, and how many people were left out because they withdrew consent.

    People without a standing consent to ``data_use`` who withdrew one are left out with all their rows.
    """
    actor.check("export")
    with store.snapshot():
        frames = {table.name: store.frame(table.name) for table in TABLES}
        consents = store.frame("consents", {"scope": "data_use"})
    people = frames["people"]
    if actor.centres is not None:
        people = people.filter(pl.col("centre").is_in(sorted(actor.centres)))
        frames["exposure"] = frames["exposure"].clear()
    stands = set(consents.filter(pl.col("withdrawn_on").is_null())["person_id"])
    ended = set(consents.filter(pl.col("withdrawn_on").is_not_null())["person_id"]) - stands
    ended |= set(people.filter(pl.col("consent") == "withdrawn")["person_id"]) - stands
    left_out = 0
    if not include_withdrawn:
        kept = people.filter(~pl.col("person_id").is_in(sorted(ended)))
        left_out = people.height - kept.height
        people = kept
    return _only(frames, people), left_out


def export_registry(
    store: Store,
    actor: Actor,
    target: Path,
    format: Format,
    *,
    today: dt.date,
    study_id: str = "",
    include_withdrawn: bool = False,
    pseudonyms: Pseudonyms | None = None,
    dates: DateRule = "keep",
) -> Exported:
    """Write a study folder that ``aftercar assess`` can read, a workbook, or a FHIR bundle.

    Args:
        store: the registry.
        actor: needs ``export``; a person limited to centres exports their people only.
        target: a new or empty folder (study), or a file.
        format: ``study``, ``workbook``, ``fhir-r4`` or ``fhir-r5``.
        today: the data lock when the registry holds no study head.
        study_id: which imported study's title, data lock and settings to write; the only one when empty.
        include_withdrawn: also people who withdrew consent to the use of their data.
        pseudonyms: replaces every identifier, by the site's key.
        dates: ``keep``, or make dates coarser (``month``, ``year``) or move them by person (``shift``).
    """
    frames, left_out = study_frames(store, actor, include_withdrawn=include_withdrawn)
    if pseudonyms is not None or dates != "keep":
        frames = protect(frames, pseudonyms, dates)
    studies = store.list("studies", {"study_id": study_id} if study_id else None)
    if study_id and not studies:
        raise InputError(f"the registry holds no study {study_id!r}", fix="leave out --study")
    head = studies[0]["head"] or "" if len(studies) == 1 else ""
    if format == "study":
        write_study(target, title="Registry export", data_lock=today, frames=frames, head=head)
    elif format == "workbook":
        from aftercar.edges.workbook import write_workbook

        write_workbook(target, frames, head or f'format = 1\ntitle = "Registry export"\ndata_lock = {today}\n')
    else:
        _write_fhir(target, frames, "R5" if format == "fhir-r5" else "R4")
    files = sorted(
        {name for column in SAMPLE_FILES for cell in frames["samples"][column].drop_nulls() for name in cell.split(";")}
    )
    return Exported({name: frame.height for name, frame in frames.items()}, left_out, tuple(files))


def export_counts(store: Store, actor: Actor, path: Path, closing: dt.date, *, below: int) -> int:
    """Write masked counts by product as CSV; see :func:`aftercar.registry.summary.counts_by_product`.

    People who withdrew consent to the use of their data are left out.

    Returns:
        How many rows were written.
    """
    frames, _ = study_frames(store, actor)
    rows = {name: frames[name].to_dicts() for name in ("people", "infusions", "follow_up", "assay_results", "cases")}
    consents = [record.row for record in store.list("consents")]
    everybody = subjects(rows["people"], rows["infusions"], rows["follow_up"], rows["assay_results"], consents)
    counts = counts_by_product(everybody, rows["cases"], closing, below=below)
    write_table(path, counts)
    return counts.height


def _write_fhir(target: Path, frames: Mapping[str, pl.DataFrame], release: Literal["R4", "R5"]) -> None:
    from aftercar.edges.fhir import bundle

    rows = [frames[name].to_dicts() for name in ("people", "infusions", "cases", "assay_results")]
    made = bundle(rows[0], rows[1], rows[2], rows[3], release=release, made=dt.datetime.now(dt.UTC))
    write_text(target, json.dumps(made, ensure_ascii=False, indent=1) + "\n")


def _only(frames: dict[str, pl.DataFrame], people: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The frames with the rows of these people only."""
    ids = people.select("person_id")
    kept = {"people": people, "exposure": frames["exposure"]}
    for name, frame in frames.items():
        if name not in kept and "person_id" in frame.columns:
            kept[name] = frame.join(ids, on="person_id", how="semi", maintain_order="left")
    kept["findings"] = frames["findings"].join(kept["cases"].select("case_id"), on="case_id", how="semi", maintain_order="left")
    other = pl.when(pl.col("possible_same_as").is_in(ids["person_id"].to_list())).then(pl.col("possible_same_as"))
    kept["people"] = people.with_columns(possible_same_as=other)
    return kept
