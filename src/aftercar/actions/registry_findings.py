"""Every figure of a registry: the same findings that a study folder gives, straight from the store."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any

import polars as pl

from aftercar.actions.case_desk import kept_verdicts
from aftercar.actions.permissions import Actor
from aftercar.actions.registry_due import plans_in_force
from aftercar.edges.variants.rules import builtin_rules
from aftercar.reports.dictionaries import dictionaries
from aftercar.reports.findings import Findings, find
from aftercar.store import Store
from aftercar.vocab.tables.study import TABLES


def registry_frames(store: Store, actor: Actor) -> dict[str, pl.DataFrame]:
    """The study tables of everything within the actor's reach."""
    actor.check("read")
    return _frames(store, actor)


def _frames(store: Store, actor: Actor) -> dict[str, pl.DataFrame]:
    frames = {table.name: store.frame(table.name).select(table.names) for table in TABLES}
    if actor.centres is None:
        return frames
    frames["people"] = frames["people"].filter(pl.col("centre").is_in(sorted(actor.centres)))
    for name, frame in frames.items():
        if "person_id" in frame.columns and name != "people":
            frames[name] = frame.join(frames["people"].select("person_id"), on="person_id", how="semi")
    frames["findings"] = frames["findings"].join(frames["cases"].select("case_id"), on="case_id", how="semi")
    return frames


def registry_findings(store: Store, actor: Actor, on: dt.date) -> Findings:
    """Every figure of the registry within the actor's reach, with ``on`` as the data lock and the registry's settings.

    Who may not read records must be shown a masked document of it only.
    """
    actor.check("aggregate")
    settings, frames = plans_in_force(store).settings, _frames(store, actor)
    return find(
        "Registry",
        on,
        frames,
        level=settings.level,
        valid_negative_below=settings.valid_negative_below,
        near_gene_bases=settings.near_gene_bases,
        verdicts=kept_verdicts(store, "sample_id", set(frames["samples"]["sample_id"])),
        verdict_of_case=kept_verdicts(store, "case_id", set(frames["cases"]["case_id"])),
    )


def registry_provenance(store: Store, on: dt.date) -> dict[str, Any]:
    """What the figures rest on: the end of the audit chain stands for the state of every record."""
    from aftercar import __version__

    head, plans = store.head(), plans_in_force(store)
    inputs = {f"registry, audit entry {head.seq}": head.hash}
    software = {"aftercar": __version__}
    return {
        "title": "Registry",
        "data_lock": on.isoformat(),
        "settings": asdict(plans.settings),
        "dictionaries": dictionaries(plans, builtin_rules().label),
        "inputs": inputs,
        "software": software,
    }
