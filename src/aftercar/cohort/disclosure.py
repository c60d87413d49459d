"""Small counts are masked before a table leaves: counts from 1 to below the threshold, and what would give them away.

Masking a cell is not enough when its row of other cells and a total stand beside it: the difference is the masked
count. So when exactly one count of a group adds up to a shown total, the next smallest is masked too. Figures
computed from a masked count (its rate, its interval) are masked with it.

    >>> masked = mask_counts([38, 3, 0, 12], below=5, total_shown=True)
    >>> masked
    (38, None, 0, None)
    >>> shown(None, below=5)
    '<5'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from aftercar.errors import UsageError
from aftercar.vocab.columns import Table

DEFAULT_BELOW = 5


def is_small(count: float | None, below: int = DEFAULT_BELOW) -> bool:
    """Whether a count must be masked: from 1 to below the threshold. Zero says nothing about a person."""
    return count is not None and 0 < count < below


def mask_counts(counts: Sequence[int | None], *, below: int = DEFAULT_BELOW, total_shown: bool = False) -> tuple[int | None, ...]:
    """Small counts become None; with a shown total a single masked count takes the next smallest with it.

    Args:
        counts: counts of parts, shape (N,); None is unknown and stays so.
        below: counts from 1 to below this are masked; 0 or 1 masks nothing.
        total_shown: whether the parts' sum is published beside them.
    """
    hide = {i for i, count in enumerate(counts) if is_small(count, below)}
    known = [i for i, count in enumerate(counts) if count is not None]
    if total_shown and hide and len(known) == len(counts):
        hidden = sum(counts[i] or 0 for i in hide)
        # The total minus the shown parts gives the sum of the hidden ones away: it must not be small or unique.
        while len(hide) == 1 or hidden < below:
            rest = [i for i in known if i not in hide and counts[i]] or [i for i in known if i not in hide]
            if not rest:
                break
            extra = min(rest, key=lambda i: (counts[i] or 0, i))
            hide.add(extra)
            hidden += counts[extra] or 0
    return tuple(None if i in hide else count for i, count in enumerate(counts))


def shown(count: int | None, *, below: int = DEFAULT_BELOW) -> str:
    """A masked count in words; a shown one as it is."""
    return f"<{below}" if count is None else str(count)


def mask_frame(
    frame: pl.DataFrame,
    counts: Sequence[str],
    *,
    derived: Mapping[str, Sequence[str]] | None = None,
    below: int = DEFAULT_BELOW,
    totals: Sequence[str] = (),
) -> pl.DataFrame:
    """A frame with small counts masked (null) and a column ``masked`` that names what was masked in each row.

    Args:
        frame: aggregate rows.
        counts: count columns.
        derived: for each count column, the columns computed from it, masked with it.
        below: threshold.
        totals: count columns whose sum over the rows is published beside the frame (secondary masking).

    Raises:
        UsageError: when a named column is not there.
    """
    derived = derived or {}
    needed = {*counts, *totals, *(name for names in derived.values() for name in names)}
    missing = sorted(needed - set(frame.columns))
    if missing:
        raise UsageError(f"columns to mask are missing: {', '.join(missing)}")
    hidden: dict[str, list[bool]] = {}
    for name in counts:
        values = frame[name].to_list()
        kept = mask_counts(values, below=below, total_shown=name in totals)
        hidden[name] = [before is not None and after is None for before, after in zip(values, kept, strict=True)]
    masked = frame
    for name in counts:
        for column in (name, *derived.get(name, ())):
            masked = masked.with_columns(pl.when(~pl.Series(hidden[name], dtype=pl.Boolean)).then(pl.col(column)).alias(column))
    words = [";".join(name for name in counts if hidden[name][row]) for row in range(frame.height)]
    return masked.with_columns(pl.Series("masked", words, dtype=pl.String))


def mask_table(
    frame: pl.DataFrame,
    table: Table,
    *,
    below: int = DEFAULT_BELOW,
    derived: Mapping[str, Sequence[str]] | None = None,
    total_shown: bool = False,
) -> pl.DataFrame:
    """Mask by the table's own definition (columns with ``mask=True``); personal columns and person tables never pass.

    ``total_shown`` says that the sums of the counts over the rows are known to the reader (secondary masking).

    Raises:
        UsageError: for a table of persons, or one with personal columns.
    """
    if table.level == "person" or any(column.personal for column in table.columns):
        raise UsageError(
            f"the table {table.name} is about single persons and is never exported in aggregate",
            fix="export a result or exposure table",
        )
    counts = [column.name for column in table.columns if column.mask and column.name in frame.columns]
    return mask_frame(frame, counts, derived=derived, below=below, totals=counts if total_shown else ())
