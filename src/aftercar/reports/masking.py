"""The masked variant of a document: small counts hidden, and with them whatever would give them away.

Tables about single persons or cases are left out whole. In a row whose count is masked, every computed cell is masked
too. Pictures are left out, because they show what a table hides; sentences that carry counts go for the same reason.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aftercar.cohort.disclosure import is_small, mask_counts
from aftercar.reports.blocks import Block, Caveat, Document, Facts, Figure, Heading, Prose, TableBlock

_PERSONAL = ("person_id", "case_id", "sample_id", "batch", "diagnosed_on", "infused_on")
_WORDS = "Masked: counts from 1 to {} are hidden; single cases, pictures and sentences with counts are left out."


def masked(document: Document, below: int) -> Document:
    """The document with counts from 1 to below ``below`` masked, and nothing about single persons."""
    kept = [part for block in document.blocks if (part := _masked(block, below)) is not None]
    return replace(document, blocks=[Caveat(_WORDS.format(below - 1), general=True), *_without_empty_sections(kept)])


def _masked(block: Block, below: int) -> Block | None:
    if isinstance(block, (Facts, Figure)):
        return None
    if isinstance(block, Prose):
        return block if block.general or block.hand == "authored" else None
    if isinstance(block, Caveat):
        return block if block.general else None
    if isinstance(block, Heading):
        return None if block.key.startswith("case-") else block
    if any(field.name in _PERSONAL for field in block.fields) or block.key.startswith(("evidence-", "onset-")):
        return None
    return replace(block, rows=_rows(block, below))


def _rows(block: TableBlock, below: int) -> list[dict[str, Any]]:
    """Small counts hidden, a second one with a lone first (totals may be known), and in such rows every computed cell."""
    hidden: set[int] = set()
    for field in block.fields:
        if field.kind == "count" and field.name != block.running:
            counts = [None if row.get(field.name) is None else int(row[field.name]) for row in block.rows]
            kept = mask_counts(counts, below=below, total_shown=True)
            pairs = zip(counts, kept, strict=True)
            hidden |= {i for i, (before, after) in enumerate(pairs) if before is not None and after is None}
        elif field.kind == "counts":
            hidden |= {i for i, row in enumerate(block.rows) if any(is_small(n, below) for n in row.get(field.name) or ())}
    label = block.fields[0].name if block.fields and block.fields[0].kind == "number" else ""
    kept_names = {f.name for f in block.fields if f.kind in ("text", "date") or f.name == label}
    rows = [
        {f.name: None if i in hidden and f.name not in kept_names else row.get(f.name) for f in block.fields}
        for i, row in enumerate(block.rows)
    ]
    if hidden and block.running:
        # What accumulates over the rows shows in the totals and in everything computed from them, but for both ends.
        totals = [f.name for f in block.fields[1:] if f.name == block.running or f.kind in ("interval", "percent", "number")]
        for row in rows[1:-1]:
            row |= dict.fromkeys(totals)
    return rows


def _without_empty_sections(blocks: list[Block]) -> list[Block]:
    """Headings that have lost everything under them go too."""
    kept: list[Block] = []
    for block in reversed(blocks):
        after = kept[-1] if kept else None
        is_empty = after is None or (isinstance(after, Heading) and isinstance(block, Heading) and after.level <= block.level)
        if not (isinstance(block, Heading) and is_empty):
            kept.append(block)
    return kept[::-1]
