"""How wide a table's columns should be, from what stands in them; one answer for PDF and Word."""

from __future__ import annotations

from aftercar.reports.blocks import Document, TableBlock, shown

_NARROW, _WIDE = 5.0, 34.0
_PADDING = 2.0
_WIDE_FROM = 9


def weights(block: TableBlock) -> list[float]:
    """A relative width for each column: about the square root of its text, never below its longest word."""
    found = []
    for field in block.fields:
        texts = [shown(row.get(field.name), field) for row in block.rows]
        if field.kind not in ("text", "date"):
            found.append(min(_WIDE, max(_NARROW, *(len(text) for text in [*texts, *field.label.split()]))))
            continue
        mean = sum(map(len, texts)) / len(texts) if texts else 0
        word = max((len(part) for text in [*texts, field.label] for part in text.split()), default=0)
        found.append(min(_WIDE, max(_NARROW, min(word, 16), mean**0.5 * 3)))
    return [width + _PADDING for width in found]


def is_wide(document: Document) -> bool:
    """Whether a table of the document wants the page on its side."""
    return any(isinstance(block, TableBlock) and len(block.fields) >= _WIDE_FROM for block in document.blocks)
