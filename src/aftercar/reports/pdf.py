"""Blocks to PDF/A-2b through typst: tagged, with alternative texts, equal bytes for equal input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from aftercar.errors import MissingEngine
from aftercar.reports.blocks import Block, Caveat, Document, Facts, Heading, Prose, TableBlock, numbers, shown
from aftercar.reports.pictures import svg
from aftercar.reports.provenance import with_signatures
from aftercar.reports.stamp import stamp
from aftercar.reports.widths import is_wide, weights

_FONT = "Libertinus Serif"


def render(document: Document) -> bytes:
    """The document as PDF/A-2b bytes.

    Raises:
        MissingEngine: when typst is not installed.
    """
    try:
        import typst
    except ImportError:
        raise MissingEngine("PDF needs the library typst", fix="pip install 'aftercar[documents]'") from None
    source = resources.files("aftercar.reports.templates").joinpath("document.typ").read_bytes()
    content = {"document": json.dumps(_plain(document))}
    # Embedded fonts first: the same bytes on every machine. Scripts they lack are looked for among the machine's own fonts.
    for own_fonts_only in (True, False):
        try:
            made = typst.compile(
                source, sys_inputs=content, format="pdf", pdf_standards=["a-2b"], ignore_system_fonts=own_fonts_only
            )
        except typst.TypstError as error:
            if "could not be displayed" not in str(error):
                raise
            missing = str(error)
        else:
            return bytes(made)
    raise MissingEngine(f"no font for a character of the report: {missing}", fix="install a font that has it, or choose HTML")


def _plain(document: Document) -> dict[str, Any]:
    whole = with_signatures(document)
    named = numbers(whole)
    return {
        "title": document.title,
        "subtitle": document.subtitle,
        "data_lock": document.data_lock.isoformat(),
        "date": [document.data_lock.year, document.data_lock.month, document.data_lock.day],
        "stamp": list(stamp(document)),
        "contents": len([h for h in document.headings() if h.level == 1]) > 3,
        "wide": is_wide(document),
        "blocks": [_block(block, named) for block in whole.blocks],
    }


def _block(block: Block, named: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(block, Heading):
        return {"kind": "heading", "text": block.text, "level": block.level}
    if isinstance(block, Prose):
        return {"kind": "prose", "paragraphs": list(block.paragraphs), "hand": block.hand}
    if isinstance(block, Caveat):
        return {"kind": "caveat", "text": block.text}
    if isinstance(block, Facts):
        return {"kind": "facts", "facts": [{"label": f.label, "value": f.value, "detail": f.detail} for f in block.facts]}
    if isinstance(block, TableBlock):
        fields = [
            {"label": field.label, "numeric": field.kind not in ("text", "date"), "weight": weight}
            for field, weight in zip(block.fields, weights(block), strict=True)
        ]
        rows = [[shown(row.get(f.name), f) for f in block.fields] for row in block.rows]
        return {"kind": "table", "key": block.key, "title": block.title, "fields": fields, "rows": rows, "note": block.note}
    refers = block.table if block.table in named else ""
    return {
        "kind": "figure",
        "title": block.title,
        "caption": block.caption,
        "alt": block.alt,
        "picture": svg(block, _FONT),
        "refers": refers,
        "refers_to": named.get(refers, ""),
    }
