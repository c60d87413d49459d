"""The neutral parts of a document: headings, prose, tables, figures, facts. Renderers turn them into HTML and others.

Blocks are values. Every number that a reader sees stands in a block's rows or facts, so that the
machine-readable twin of a document is the document itself (see :func:`twin`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import numbers as numbers_
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["text", "date", "count", "counts", "number", "percent", "interval"]
Hand = Literal["computed", "authored"]


@dataclass(frozen=True, slots=True)
class Heading:
    """A section's title; ``key`` is its anchor, ``level`` 1 to 3."""

    text: str
    level: int = 1
    key: str = ""


@dataclass(frozen=True, slots=True)
class Prose:
    """Paragraphs, each one string. ``hand`` says whether a person wrote it; computed text never overwrites authored text.

    ``general`` text is the same whatever the data are; only such text (and authored text) is kept in a masked variant.
    """

    paragraphs: Sequence[str]
    hand: Hand = "computed"
    key: str = ""
    general: bool = False


@dataclass(frozen=True, slots=True)
class Caveat:
    """A caveat that must be read with what follows; ``general`` as in :class:`Prose`."""

    text: str
    general: bool = False


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
    """A column of a table block: name in the rows, label for people, kind (decides alignment, breaking and cell type).

    ``about`` defines the column in one sentence where the vocabulary of tables does not (see ``reports/definitions.py``).
    """

    name: str
    label: str
    kind: Kind = "text"
    digits: int = 1
    about: str = ""


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table: rows are mappings by field name; None is shown as an en dash.

    ``of`` names the tables of the vocabulary that define its columns. ``running`` names the column that is a running
    total of another one: with one count masked, it would give it away.
    """

    key: str
    title: str
    fields: Sequence[Field]
    rows: Sequence[Mapping[str, Any]]
    note: str = ""
    of: tuple[str, ...] = ()
    running: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart: a Vega-Lite specification with its rows inlined, a caption, and text for those who do not see it.

    ``table`` is the key of the table that holds its figures, for a cross-reference.
    """

    key: str
    title: str
    spec: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    alt: str
    caption: str = ""
    table: str = ""


Block = Heading | Prose | Caveat | Facts | TableBlock | Figure


@dataclass(frozen=True, slots=True)
class Signature:
    """An electronic signature: who, in which role, when and what it means, over the content of one report.

    Attributes:
        name, role: of the person, as printed.
        meaning: what the signature says ("author", "reviewed", "approved", ...).
        signed_at: day and time with offset, ISO 8601.
        content: SHA-256 of the report's content (:func:`content_digest`).
        public_key, value: Ed25519 key and signature over :meth:`statement`, base64.
    """

    name: str
    role: str
    meaning: str
    signed_at: str
    content: str
    public_key: str
    value: str = ""

    def statement(self) -> bytes:
        """What is signed: everything but the signature itself, in one fixed spelling."""
        return canonical({name: getattr(self, name) for name in self.__slots__ if name != "value"})

    def words(self) -> str:
        """Printed name, role, meaning, day and time."""
        return f"{self.meaning}: {self.name}, {self.role}, {self.signed_at}"


@dataclass(frozen=True)
class Document:
    """A whole document.

    Attributes:
        title, subtitle: what it is and of what.
        data_lock: last day that the data cover; shown on every page.
        blocks: the content in order.
        provenance: inputs with hashes, dictionaries, versions, settings, filters, author (JSON-like).
        signatures: over the content, in order of signing.
    """

    title: str
    subtitle: str
    data_lock: dt.date
    blocks: Sequence[Block]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    signatures: Sequence[Signature] = ()

    def headings(self) -> list[Heading]:
        """The headings in order, for the contents."""
        return [block for block in self.blocks if isinstance(block, Heading)]

    def find(self, key: str) -> Block:
        """The block with this key; raises ``KeyError``."""
        found = next((block for block in self.blocks if key and getattr(block, "key", None) == key), None)
        if found is None:
            raise KeyError(key)
        return found


def shown(value: Any, field_: Field) -> str:
    """A cell as people read it; unknown is an en dash, never a zero."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, (int, float)) and abs(value) == float("inf"):
        return "infinite"
    if field_.kind == "percent":
        return f"{100 * float(value):.{field_.digits}f}%"
    if field_.kind == "number":
        return f"{float(value):.{field_.digits}f}"
    if field_.kind == "count":
        return f"{value:,.0f}"
    if isinstance(value, (list, tuple)):
        return "; ".join(f"{item:,.0f}" if field_.kind == "counts" else str(item) for item in value)
    return str(value)


def numbers(document: Document) -> dict[str, str]:
    """The number of each table and figure in the order of the document ("Table 1", "Figure 2"), by the key of its block."""
    found: dict[str, str] = {}
    count = {"Table": 0, "Figure": 0}
    for block in document.blocks:
        if isinstance(block, (TableBlock, Figure)):
            word = "Table" if isinstance(block, TableBlock) else "Figure"
            count[word] += 1
            found[block.key] = f"{word} {count[word]}"
    return found


def canonical(value: Any) -> bytes:
    """JSON in one fixed spelling: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def content_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 over a machine-readable twin without its signatures: what a person signs."""
    return hashlib.sha256(canonical({name: part for name, part in content.items() if name != "signatures"})).hexdigest()


def twin(document: Document) -> dict[str, Any]:
    """The machine-readable twin: every word and figure of the document as plain JSON values.

    A part without a key of its own is named after the section that it stands in.
    """
    parts: dict[str, Any] = {}
    section, unnamed = "head", 0
    for block in document.blocks:
        if isinstance(block, Heading):
            section, unnamed = block.key or block.text, 0
            continue
        unnamed += not getattr(block, "key", "")
        parts[getattr(block, "key", "") or f"{section}-text-{unnamed}"] = _part(block)
    content = {
        "title": document.title,
        "subtitle": document.subtitle,
        "data_lock": document.data_lock,
        "provenance": document.provenance,
        "headings": [heading.text for heading in document.headings()],
        "parts": parts,
        "signatures": [asdict(signature) for signature in document.signatures],
    }
    plain: dict[str, Any] = _plain(content)
    return plain


def _plain(value: Any) -> Any:
    """Values that every JSON reader takes: no NaN (null, unknown) and no infinity (a word), dates and the like as text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, numbers_.Integral):
        return int(value)
    if isinstance(value, numbers_.Real):
        number = float(value)
        return number if math.isfinite(number) else None if math.isnan(number) else shown(number, Field("", "", "number"))
    return str(value)


def _part(block: Block) -> dict[str, Any]:
    if isinstance(block, TableBlock):
        return {
            "title": block.title,
            "fields": [f.name for f in block.fields],
            "labels": [f.label for f in block.fields],
            "kinds": [f.kind for f in block.fields],
            "digits": [f.digits for f in block.fields],
            "rows": [dict(r) for r in block.rows],
            "note": block.note,
        }
    if isinstance(block, Figure):
        return {"title": block.title, "rows": [dict(r) for r in block.rows], "alt": block.alt, "caption": block.caption}
    if isinstance(block, Facts):
        return {"facts": [asdict(fact) for fact in block.facts]}
    if isinstance(block, Prose):
        return {"hand": block.hand, "paragraphs": list(block.paragraphs)}
    assert isinstance(block, Caveat)
    return {"hand": "computed", "paragraphs": [block.text]}
