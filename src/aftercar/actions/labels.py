"""Product information in the registry: import a version, list, compare, and say what rests on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aftercar.actions.permissions import Actor
from aftercar.actions.registry_due import plans_in_force
from aftercar.edges.authored import read_authored
from aftercar.edges.files import sha256
from aftercar.edges.labels import Document, read_openfda, read_text
from aftercar.errors import InputError, UsageError
from aftercar.registry.label_text import facts_of, passages_of
from aftercar.registry.labels import Change, Touch, changes, touched_plans
from aftercar.reports.product_information import touched_authored, touched_paragraphs
from aftercar.store import Record, Store
from aftercar.vocab.columns import UNKNOWN
from aftercar.vocab.tables.study import INFUSIONS


@dataclass(frozen=True, slots=True)
class Described:
    """What a text file is of; all empty for an openFDA file, which says so itself."""

    product: str = ""
    jurisdiction: str = ""
    version: str = ""
    effective_on: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """One version as it stands in the registry, whether it is new there, and what changed since the version before it."""

    label: Record
    is_new: bool
    previous: str
    changes: tuple[Change, ...]


def import_labels(store: Store, actor: Actor, path: Path, described: Described, *, why: str) -> tuple[list[Imported], list[str]]:
    """Keep every CAR-T version of a file, all or none; a version that is there already changes nothing.

    Returns:
        What became of each version, and the names of records of other products, which are left out.

    Raises:
        BadLabel: naming the record.
        InputError: when a version is there with another text.
    """
    actor.check_everywhere("configure")
    documents, others = _read(path, described)
    digest = sha256(path)
    known = {document.label_id for document in documents if store.get("labels", document.label_id) is not None}
    with store.transaction(actor.name, why) as change:
        for document in documents:
            label, sections = _rows(document, digest)
            if document.label_id in known:
                _same_text(store, label)
                continue
            change.save("labels", label)
            for section in sections:
                change.save("label_sections", section)
            known.add(document.label_id)
    done = []
    for document in documents:
        record = one_label(store, actor, document.label_id)
        previous = previous_of(store, record)
        found = compare(store, actor, previous.key, record.key) if previous else []
        done.append(Imported(record, record["file_digest"] == digest, previous.key if previous else "", tuple(found)))
    return done, others


def labels(store: Store, actor: Actor, *, product: str = "") -> list[Record]:
    """Every version, by product, jurisdiction and day."""
    actor.check("read")
    return sorted(store.list("labels", {"product": product} if product else None), key=_order)


def one_label(store: Store, actor: Actor, label_id: str) -> Record:
    """One version.

    Raises:
        InputError: when the registry holds no such version.
    """
    actor.check("read")
    found = store.get("labels", label_id)
    if found is None or found.withdrawn:
        raise InputError(f"the registry holds no product information {label_id!r}", fix="see: aftercar label list")
    return found


def previous_of(store: Store, label: Record) -> Record | None:
    """The version before this one, of the same product and jurisdiction."""
    same = {"product": label["product"], "jurisdiction": label["jurisdiction"]}
    earlier = [other for other in store.list("labels", same) if _order(other) < _order(label)]
    return max(earlier, key=_order, default=None)


def compare(store: Store, actor: Actor, older: str, newer: str) -> list[Change]:
    """What changed from one version to another.

    Raises:
        InputError: when a version is not there.
        UsageError: when they are of different products.
    """
    old, new = one_label(store, actor, older), one_label(store, actor, newer)
    if old["product"] != new["product"]:
        raise UsageError(f"{older} and {newer} are of different products", fix="compare versions of one product")
    return changes(old.row, _sections(store, older), new.row, _sections(store, newer))


def touches(
    store: Store, actor: Actor, label_id: str, *, plan_files: Sequence[Path] = (), study: Path | None = None
) -> list[Touch]:
    """What rests on a version: plans by their duration, report paragraphs by what changed, and a study's authored sections.

    Args:
        store: the registry, whose site plans count too.
        actor: needs ``read``.
        label_id: the version; it is held against the one before it.
        plan_files: further plans of the site.
        study: study folder whose ``authored.toml`` is read.
    """
    label = one_label(store, actor, label_id)
    previous = previous_of(store, label)
    changed = compare(store, actor, previous.key, label_id) if previous else []
    found = [*touched_plans(label.row, plans_in_force(store, plan_files)), *touched_paragraphs(changed)]
    if study is not None:
        found += touched_authored(read_authored(study), changed, label["effective_on"])
    return found


def _read(path: Path, described: Described) -> tuple[list[Document], list[str]]:
    given = {name: getattr(described, name) for name in Described.__slots__}
    if path.suffix.lower() == ".json":
        if any(given.values()):
            raise UsageError("an openFDA file says itself what it is of", fix="leave out the options that describe a text file")
        documents, others = read_openfda(path)
        if not documents:
            raise InputError("no record is of a CAR-T product", where=str(path), fix="; ".join(others[:5]))
        return documents, others
    missing = [f"--{name.replace('effective_on', 'on')}" for name, value in given.items() if not value]
    if missing:
        raise UsageError(f"a text file needs {', '.join(missing)}", fix="say what the text is of, or give openFDA's .json")
    allowed = [choice for choice in INFUSIONS["jurisdiction"].choices if choice != UNKNOWN]
    if described.jurisdiction not in allowed:
        raise UsageError(f"--jurisdiction is {described.jurisdiction!r}", fix=f"use one of {', '.join(allowed)}")
    return [read_text(path, **given)], []


def _rows(document: Document, file_digest: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    passages = passages_of(document.sections)
    facts = facts_of(passages)
    label = {
        "label_id": document.label_id,
        **{name: getattr(document, name) for name in ("product", "jurisdiction", "version", "effective_on", "source")},
        **{name: getattr(document, name) for name in ("set_id", "document_id", "brand")},
        "boxed_warning": facts.boxed_warning,
        "monitoring": facts.monitoring,
        "monitoring_years": facts.years,
        "digest": facts.digest,
        "file_digest": file_digest,
    }
    sections = [
        {
            "label_section_id": f"{document.label_id}.{passage.place}",
            "label_id": document.label_id,
            "section": passage.place,
            "heading": passage.heading,
            "text": passage.text,
            "digest": passage.digest,
        }
        for passage in passages
    ]
    return label, sections


def _same_text(store: Store, label: dict[str, Any]) -> None:
    there = store.get("labels", label["label_id"])
    if there is None or there["digest"] == label["digest"]:
        return
    raise InputError(
        f"{label['label_id']} is in the registry with another text",
        where=f"imported from a file with SHA-256 {there['file_digest'][:12]}",
        fix="a version never changes its text: check version and product of the file",
    )


def _sections(store: Store, label_id: str) -> list[Mapping[str, Any]]:
    return [record.row for record in store.list("label_sections", {"label_id": label_id})]


def _order(label: Record) -> tuple[str, str, str, int, str]:
    number = int(label["version"]) if label["version"].isdigit() else 0
    return label["product"], label["jurisdiction"], label["effective_on"], number, label["version"]
