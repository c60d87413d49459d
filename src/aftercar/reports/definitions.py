"""What each column of a report's tables means, in one sentence: as the vocabulary of tables says it, or the field itself."""

from __future__ import annotations

from aftercar.reports.blocks import Field, TableBlock
from aftercar.vocab.tables import all_tables


def definition(block: TableBlock, field: Field) -> str:
    """The sentence for one column; "" when neither the field nor a table that the block is made of defines it."""
    if field.about:
        return field.about
    for name in block.of:
        table = all_tables()[name]
        if field.name in table:
            column = table[field.name]
            return f"{column.about} In {column.unit}." if column.unit else column.about
    return ""
