"""Import into the registry: one transaction, the same twice over, a rehearsal first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aftercar.actions.permissions import Actor
from aftercar.errors import InputError, UsageError
from aftercar.store import Changes, Store, Transaction
from aftercar.store.schema import STORED

Format = Literal["study", "workbook", "tables", "fhir", "omop"]
OnChange = Literal["stop", "update", "keep"]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Incoming:
    """What was read from outside, ready for the store.

    Attributes:
        format, name, digest: what it was.
        rows: table name to rows.
        findings: the report of the mapping, one row for each kind of thing found: ``kind``, ``what``, ``count``,
            ``mapped_to`` and ``why``.
    """

    format: Format
    name: str
    digest: str
    rows: Mapping[str, Sequence[Row]]
    findings: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class ImportResult:
    """What an import did, or (in a rehearsal) would do."""

    committed: bool
    changes: tuple[Changes, ...]
    findings: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    @property
    def touched(self) -> int:
        """Records added or changed."""
        return sum(item.added + item.changed for item in self.changes)

    def summary(self) -> list[dict[str, Any]]:
        """One row for each table."""
        return [
            {
                "table": item.table,
                "added": item.added,
                "changed": item.changed,
                "kept": item.kept,
                "unchanged": item.unchanged,
                "erased_before": item.erased,
            }
            for item in self.changes
        ]

    def differences(self) -> list[dict[str, Any]]:
        """Records that are in the registry with other values, and in which columns."""
        return [
            {"table": item.table, "record": key, "columns": ", ".join(columns)}
            for item in self.changes
            for key, columns in item.differing
        ]


def import_rows(
    store: Store, actor: Actor, incoming: Incoming, *, why: str, commit: bool, on_change: OnChange = "stop"
) -> ImportResult:
    """Bring rows into the store in one transaction.

    Args:
        store: the registry.
        actor: needs the right ``import``, and reach over every centre in the rows.
        incoming: what was read.
        why: the reason, for the audit trail.
        commit: False rehearses: everything is checked and counted, nothing is kept.
        on_change: what happens to records that are there with other values: ``stop`` refuses the whole import,
            ``update`` makes new versions, ``keep`` leaves them.

    Raises:
        NotPermitted: when the actor may not import, or not for one of the centres.
        InvalidTables: with every bad value.
        StaleVersion: with ``stop``, when a record differs.
    """
    actor.check("import")
    _check_centres(store, actor, incoming)
    unknown = set(incoming.rows) - set(STORED)
    if unknown:
        raise InputError(f"the registry keeps no table {', '.join(sorted(unknown))}")
    if not commit:
        with store.rehearsal(actor.name, why) as change:
            return ImportResult(
                False, _merge(change, incoming, "update" if on_change == "stop" else on_change), incoming.findings
            )
    with store.transaction(actor.name, why) as change:
        done = ImportResult(True, _merge(change, incoming, on_change), incoming.findings)
        if done.touched:
            change.save("imports", _import_row(change, incoming, done))
    return done


def study_rows(folder: Path, study_id: str = "study") -> Incoming:
    """A study folder, checked as ``aftercar study check`` does.

    Raises:
        InvalidTables: with every problem of the folder.
    """
    from aftercar.edges.study import read_study

    study = read_study(folder)
    head = (folder / "study.toml").read_text(encoding="utf-8-sig")
    rows: dict[str, Sequence[Row]] = {name: frame.to_dicts() for name, frame in study.frames.items()}
    rows["studies"] = [{"study_id": study_id, "title": study.title, "data_lock": study.data_lock.isoformat(), "head": head}]
    return Incoming("study", folder.name, digest_of(study.files.values()), rows)


def workbook_rows(path: Path, study_id: str = "study") -> Incoming:
    """A workbook of study tables, held to every check of a study folder."""
    from aftercar.edges.workbook import read_workbook

    study, head = read_workbook(path)
    rows: dict[str, Sequence[Row]] = {name: frame.to_dicts() for name, frame in study.frames.items()}
    rows["studies"] = [{"study_id": study_id, "title": study.title, "data_lock": study.data_lock.isoformat(), "head": head}]
    return Incoming("workbook", path.name, digest_of([path]), rows)


def guess_format(path: Path) -> Format:
    """What a path holds, by its name and contents.

    Raises:
        UsageError: when it cannot be told.
    """
    if not path.exists():
        raise InputError("no such file or folder", where=str(path), fix="check the name")
    names = {item.name.lower() for item in path.iterdir()} if path.is_dir() else set()
    if "study.toml" in names:
        return "study"
    if path.suffix == ".xlsx":
        return "workbook"
    if path.suffix == ".zip" or "person.csv" in names:
        return "omop"
    if path.suffix in (".json", ".ndjson") or any(name.endswith((".json", ".ndjson")) for name in names):
        return "fhir"
    raise UsageError(f"cannot tell what {path} holds", fix="say it: --format study, workbook, fhir or omop")


def digest_of(paths: Iterable[Path]) -> str:
    """SHA-256 over the contents of files, in the order of their names."""
    total = hashlib.sha256()
    for path in sorted(paths, key=lambda item: item.name):
        total.update(path.name.encode())
        with path.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def _merge(change: Transaction, incoming: Incoming, on_change: OnChange) -> tuple[Changes, ...]:
    return tuple(change.save_many(name, incoming.rows[name], on_change=on_change) for name in STORED if incoming.rows.get(name))


def _import_row(change: Transaction, incoming: Incoming, done: ImportResult) -> dict[str, Any]:
    report = {"tables": done.summary(), "mapping": [dict(item) for item in incoming.findings]}
    return {
        "import_id": f"{incoming.format}-{incoming.digest[:12]}-{''.join(sign for sign in change.at[:26] if sign.isdigit())}",
        "format": incoming.format,
        "name": incoming.name,
        "digest": incoming.digest,
        "added": sum(item.added for item in done.changes),
        "changed": sum(item.changed for item in done.changes),
        "unchanged": sum(item.unchanged for item in done.changes),
        "report": json.dumps(report, ensure_ascii=False),
    }


def _check_centres(store: Store, actor: Actor, incoming: Incoming) -> None:
    """A person limited to centres imports only people of those centres, and touches no others."""
    if actor.centres is None:
        return
    own = {row["person_id"]: row.get("centre") for row in incoming.rows.get("people", ())}
    for centre in set(own.values()):
        actor.check("import", centre=centre or "not recorded")
    for name, rows in incoming.rows.items():
        if name in ("studies", "imports", "exposure", "site_plans") and rows:
            actor.check_everywhere("import")
        named = {row["person_id"] for row in rows if row.get("person_id")}
        for person in store.list("people", {"person_id": sorted(named)}, withdrawn=True) if named else ():
            actor.check("import", centre=person["centre"] or "not recorded")
    cases = {row["case_id"] for row in incoming.rows.get("findings", ())} - {
        row["case_id"] for row in incoming.rows.get("cases", ())
    }
    for case in store.list("cases", {"case_id": sorted(cases)}, withdrawn=True) if cases else ():
        person_of_case = store.get("people", case["person_id"])
        actor.check("import", centre=(person_of_case["centre"] if person_of_case else None) or "not recorded")
