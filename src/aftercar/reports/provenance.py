"""The last section of every report: author, signatures, settings, versions, dictionaries and inputs by hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from aftercar.reports.blocks import Block, Document, Field, Heading, TableBlock

SETTINGS, INPUTS = "settings-table", "inputs-table"
_NAMES = (
    Field("setting", "Name", about="What is set, or whose version it is."),
    Field("value", "Value", about="Its value in this report."),
)
_SIGNED = (
    Field("name", "Name", about="Printed name of the person who signed."),
    Field("role", "Role", about="In which role the person signed."),
    Field("meaning", "Meaning", about="What the signature says."),
    Field("signed_at", "Day and time", about="When it was signed, with the offset to UTC."),
    Field("public_key", "Key", about="Beginning of the Ed25519 public key; the whole key is in the machine-readable twin."),
)


def with_provenance(document: Document) -> Document:
    """The document with its provenance as the last section."""
    return replace(document, blocks=[*document.blocks, *provenance_section(document.provenance)])


def with_signatures(document: Document) -> Document:
    """The document with a table of its signatures; they stand in the twin beside the parts, because they sign the parts."""
    if not document.signatures:
        return document
    rows = [
        {**{field.name: getattr(signature, field.name) for field in _SIGNED}, "public_key": f"{signature.public_key[:16]}..."}
        for signature in document.signatures
    ]
    return replace(document, blocks=[*document.blocks, TableBlock("signatures", "Electronic signatures", _SIGNED, rows)])


def provenance_section(provenance: Mapping[str, Any]) -> Iterator[Block]:
    """Heading, settings and versions, inputs."""
    yield Heading("Provenance", key="provenance")
    rows: list[dict[str, Any]] = [
        {"setting": "author", "value": provenance.get("author") or None},
        {"setting": "filters", "value": provenance.get("filters") or "none"},
        *_named("", provenance.get("settings", {})),
        *_named("dictionary: ", provenance.get("dictionaries", {})),
        *_named("software: ", provenance.get("software", {})),
    ]
    yield TableBlock(SETTINGS, "Author, filters, settings, dictionaries and versions", _NAMES, rows)
    inputs = [{"file": name, "sha256": digest} for name, digest in sorted(provenance.get("inputs", {}).items())]
    fields = (
        Field("file", "File", about="An input of the report."),
        Field("sha256", "SHA-256", about="The hash of its content."),
    )
    yield TableBlock(INPUTS, "Inputs", fields, inputs)


def _named(prefix: str, values: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"setting": f"{prefix}{name.replace('_', ' ')}", "value": str(value)} for name, value in values.items()]
