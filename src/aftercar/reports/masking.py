"""The masked variant of a document: small counts hidden, and with them whatever would give them away.

Rows about single persons or cases are left out whole. In a row whose count is masked, every computed cell is masked too.
Figures are redrawn from nothing: they are left out, because a picture shows what a table hides. Summary sentences carry
counts and are left out for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aftercar.cohort.disclosure import is_small
from aftercar.reports.blocks import Block, Caveat, Document, Facts, Field, Figure, Heading, Prose, TableBlock

_PERSONAL = ("person_id", "case_id", "sample_id", "batch", "diagnosed_on", "infused_on")


def masked(document: Document, below: int) -> Document:
    """The document with counts from 1 to below ``below`` masked, and nothing about single persons."""
    kept = [part for block in document.blocks if (part := _masked(block, below)) is not None]
    words = (
        f"Masked variant: counts from 1 to {below - 1} are hidden, single cases, pictures and sentences with counts are left out."
    )
    return replace(document, blocks=[Caveat(words), *_without_empty_sections(kept)])


def _masked(block: Block, below: int) -> Block | None:
    if isinstance(block, (Facts, Figure)):
        return None
    if isinstance(block, Prose):
        return None if block.key else block
    if isinstance(block, Heading):
        return None if block.key.startswith("case-") else block
    if not isinstance(block, TableBlock):
        return block
    if any(field.name in _PERSONAL for field in block.fields) or block.key.startswith(("evidence-", "onset-")):
        return None
    return replace(block, rows=[_row(row, block, below) for row in block.rows])


def _row(row: Mapping[str, Any], block: TableBlock, below: int) -> dict[str, Any]:
    counts = [field for field in block.fields if field.kind == "count"]
    numbers = [row.get(field.name) for field in counts]
    if not any(isinstance(number, (int, float)) and is_small(number, below) for number in numbers):
        return {field.name: row.get(field.name) for field in block.fields}
    return {field.name: None if _is_computed(field) else row.get(field.name) for field in block.fields}


def _is_computed(field: Field) -> bool:
    return field.kind != "text"


def _without_empty_sections(blocks: list[Block]) -> list[Block]:
    """Headings that have lost everything under them go too."""
    kept: list[Block] = []
    for number, block in enumerate(blocks):
        following = next(
            (b for b in blocks[number + 1 :] if not isinstance(b, Heading) or b.level <= getattr(block, "level", 9)), None
        )
        if isinstance(block, Heading) and (following is None or isinstance(following, Heading)):
            continue
        kept.append(block)
    return kept
