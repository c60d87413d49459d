"""Where cases are read from: a study folder (nothing can be written) or the registry (within the actor's reach)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from aftercar.actions.permissions import Actor, Right
from aftercar.actions.registry_due import plans_in_force
from aftercar.cases.causality import Causality, recurrent_genes, suggest
from aftercar.cases.model import CaseFile, Row, case_files
from aftercar.cases.settings import DEFAULTS, CausalitySettings
from aftercar.edges.study import Study
from aftercar.errors import InputError, UsageError
from aftercar.store import Record, Store

#: Tables that stand around a case and are kept by the registry only.
AROUND = ("case_reports", "event_codes", "testing_requests", "assessments", "narratives")
_OF_PERSON = ("infusions", "prior_therapy", "samples", "assay_results")


@dataclass(frozen=True)
class Desk:
    """Every case within reach, what surrounds them, and where changes go.

    Attributes:
        files: case_id -> case file.
        around: table -> rows, of the tables in :data:`AROUND`, ``sample_checks`` and ``duplicate_links``.
        settings: working values of the suggestions.
        store, actor: where changes go and who makes them; None for a study folder.
    """

    files: Mapping[str, CaseFile]
    around: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    settings: CausalitySettings = DEFAULTS
    store: Store | None = None
    actor: Actor | None = None

    def file(self, case_id: str) -> CaseFile:
        """One case.

        Raises:
            InputError: when there is none within reach.
        """
        if case_id not in self.files:
            raise InputError(f"there is no case {case_id!r} within reach", fix="see the cases with: aftercar case list")
        return self.files[case_id]

    def rows(self, table: str, case_id: str) -> list[Row]:
        """Rows of a table around one case, oldest first where they carry a day."""
        own = [row for row in self.around.get(table, ()) if row["case_id"] == case_id]
        day = {"case_reports": "received_on", "assessments": "assessed_on", "narratives": "written_on"}.get(table)
        return sorted(own, key=lambda row: str(row[day] or "")) if day else own

    def causality(self, case_id: str) -> Causality:
        """The suggestion for one case, with the sites of every other case within reach."""
        return suggest(self.file(case_id), self.settings, other_tumours=self._others.get(case_id))

    @cached_property
    def _others(self) -> dict[str, dict[str, int]]:
        return recurrent_genes(list(self.files.values()))

    def writer(self, right: Right, case_id: str | None = None) -> tuple[Store, Actor]:
        """The registry and the actor, when the actor may do ``right`` (to this case).

        Raises:
            UsageError: when the cases come from a study folder.
            NotPermitted: when the actor may not.
        """
        if self.store is None or self.actor is None:
            raise UsageError("a study folder is only read", fix="import it into a registry, then work there")
        centre = None if case_id is None else self.file(case_id).person["centre"]
        self.actor.check(right, centre=centre)
        return self.store, self.actor


def desk_of_study(study: Study, verdicts: Mapping[str, Row] | None = None) -> Desk:
    """The cases of a study folder; its settings apply where they mean the same."""
    files = case_files({name: study.rows(name) for name in study.frames}, verdicts)
    settings = CausalitySettings(
        valid_negative_below=study.settings.valid_negative_below, near_gene_bases=study.settings.near_gene_bases
    )
    return Desk({file.case_id: file for file in files}, settings=settings)


def desk_of_store(store: Store, actor: Actor) -> Desk:
    """The cases of the registry within the actor's reach."""
    actor.check("read")
    every = store.list("cases")
    concerned = store.list("people", {"person_id": {record["person_id"] for record in every}})
    people = [record.row for record in concerned if actor.sees(record["centre"])]
    reachable = {row["person_id"] for row in people}
    cases = [record.row for record in every if record["person_id"] in reachable]
    ids = {row["case_id"] for row in cases}
    own = {row["person_id"] for row in cases}
    tables: dict[str, Sequence[Row]] = {"people": people, "cases": cases}
    for name in _OF_PERSON:
        tables[name] = [record.row for record in store.list(name, {"person_id": own})]
    tables["findings"] = [record.row for record in store.list("findings") if record["case_id"] in ids]
    files = case_files(tables, kept_verdicts(store, "case_id", ids))
    around: dict[str, Sequence[Row]] = {
        name: [_versioned(record) for record in store.list(name) if record["case_id"] in ids] for name in AROUND
    }
    around["sample_checks"] = [record.row for record in store.list("sample_checks") if record["person_id"] in own]
    around["duplicate_links"] = [
        _versioned(record) for record in store.list("duplicate_links") if {record["case_a"], record["case_b"]} <= ids
    ]
    kept = plans_in_force(store).settings
    settings = CausalitySettings(valid_negative_below=kept.valid_negative_below, near_gene_bases=kept.near_gene_bases)
    return Desk({file.case_id: file for file in files}, around, settings, store, actor)


def _versioned(record: Record) -> dict[str, Any]:
    return {**record.row, "row_version": record.version}


def plain(row: Row) -> dict[str, Any]:
    """A row without the store's own columns, ready to be saved."""
    return {name: value for name, value in row.items() if not name.startswith("row_")}


def kept_verdicts(store: Store, by: str, keys: Collection[str]) -> dict[str, Row]:
    """The latest sequencing verdict kept for each of these cases (``by`` is ``case_id``) or samples (``sample_id``)."""
    found: dict[str, tuple[str, Row]] = {}
    for record in store.list("result_documents", {"kind": "transgene_verdict"}):
        key = record[by]
        if key not in keys or not record["document"]:
            continue
        try:
            content = json.loads(record["document"])
        except ValueError:
            continue  # kept as text by another program; it is no verdict of ours
        day = str(record["produced_on"] or "")
        if isinstance(content, dict) and "call" in content and (key not in found or day >= found[key][0]):
            found[key] = (day, content)
    return {key: content for key, (_, content) in found.items()}
