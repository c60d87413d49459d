"""The neutral parts of a document: headings, prose, tables, figures, facts. Renderers turn them into HTML and others.

Blocks are values. Every number that a reader sees stands in a block's rows or facts, so that the
machine-readable twin of a document is the document itself (see :func:`twin`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["text", "count", "number", "percent", "interval"]
Hand = Literal["computed", "authored"]


@dataclass(frozen=True, slots=True)
class Heading:
    """A section's title; ``key`` is its anchor, ``level`` 1 to 3."""

    text: str
    level: int = 1
    key: str = ""


@dataclass(frozen=True, slots=True)
class Prose:
    """Paragraphs, each one string. ``hand`` says whether a person wrote it; computed text never overwrites authored text."""

    paragraphs: Sequence[str]
    hand: Hand = "computed"
    key: str = ""


@dataclass(frozen=True, slots=True)
class Caveat:
    """A caveat that must be read with what follows."""

    text: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One key figure: what, the figure in words, and what it means or where it comes from."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Key figures side by side."""

    key: str
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a table block: name in the rows, label for people, kind (decides alignment, breaking and cell type)."""

    name: str
    label: str
    kind: Kind = "text"
    digits: int = 1


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table: rows are mappings by field name; None is shown as an en dash with the word "unknown" for screen readers."""

    key: str
    title: str
    fields: Sequence[Field]
    rows: Sequence[Mapping[str, Any]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart: a Vega-Lite specification with its rows inlined, a caption, and text for those who do not see it."""

    key: str
    title: str
    spec: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    alt: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing made elsewhere, as SVG text (the pile-up of reads at a junction), with text for those who do not see it."""

    key: str
    title: str
    svg: str
    alt: str
    caption: str = ""


Block = Heading | Prose | Caveat | Facts | TableBlock | Figure | Picture


@dataclass(frozen=True)
class Document:
    """A whole document.

    Attributes:
        title, subtitle: what it is and of what.
        data_lock: last day that the data cover; shown on every page.
        blocks: the content in order.
        provenance: inputs with hashes, versions, settings (JSON-like).
    """

    title: str
    subtitle: str
    data_lock: dt.date
    blocks: Sequence[Block]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def headings(self) -> list[Heading]:
        """The headings in order, for the contents."""
        return [block for block in self.blocks if isinstance(block, Heading)]

    def find(self, key: str) -> Block:
        """The block with this key; raises ``KeyError``."""
        return next(block for block in self.blocks if getattr(block, "key", None) == key) if key else _no_key()


def _no_key() -> Block:
    raise KeyError("an empty key names no block")


def shown(value: Any, field_: Field) -> str:
    """A cell as people read it; unknown is an en dash, never a zero."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if field_.kind == "percent":
        return f"{100 * float(value):.{field_.digits}f}%"
    if field_.kind == "number":
        return f"{float(value):.{field_.digits}f}"
    if field_.kind == "count":
        return f"{int(value):,}"
    if isinstance(value, (list, tuple)):
        return "; ".join(str(item) for item in value)
    return str(value)


def twin(document: Document) -> dict[str, Any]:
    """The machine-readable twin: every figure, table and fact of the document as plain JSON values."""
    parts: dict[str, Any] = {}
    for block in document.blocks:
        if isinstance(block, TableBlock):
            parts[block.key] = {
                "title": block.title,
                "fields": [f.name for f in block.fields],
                "rows": [dict(r) for r in block.rows],
                "note": block.note,
            }
        elif isinstance(block, Figure):
            parts[block.key] = {"title": block.title, "rows": [dict(r) for r in block.rows], "alt": block.alt}
        elif isinstance(block, Picture):
            parts[block.key] = {"title": block.title, "alt": block.alt}
        elif isinstance(block, Facts):
            parts[block.key] = {"facts": [{"label": f.label, "value": f.value, "detail": f.detail} for f in block.facts]}
        elif isinstance(block, Prose) and block.key:
            parts[block.key] = {"hand": block.hand, "paragraphs": list(block.paragraphs)}
    return {
        "title": document.title,
        "subtitle": document.subtitle,
        "data_lock": document.data_lock.isoformat(),
        "provenance": dict(document.provenance),
        "parts": parts,
    }
