"""What happened between two looks at the registry, by its audit trail: the way to keep what was computed, and never too long."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from aftercar.store.schema import sql_table

#: The end of a trail: number and hash of its last entry.
End = tuple[int, str]

#: More entries than this are not told one by one.
_FEW = 1_000


def end_of_trail(connection: sa.Connection) -> End:
    """The end of the trail, as this connection's snapshot has it."""
    head = sql_table("audit_head")
    seq, last = connection.execute(sa.select(head.c.seq, head.c.hash)).one()
    return seq, last


def entries_since(connection: sa.Connection, then: End, now: End) -> Sequence[tuple[str, str | None, str | None]] | None:
    """Table, content before and content after of each entry between two ends of the trail.

    Returns:
        None when they are too many to be told, or when ``then`` is not on this trail: a backup was restored in its place.
    """
    audit = sql_table("audit")
    there = connection.execute(sa.select(audit.c.hash).where(audit.c.seq == then[0])).scalar_one_or_none()
    if there != then[1] or not 0 <= now[0] - then[0] <= _FEW:
        return None
    query = sa.select(audit.c.table_name, audit.c.before, audit.c.after).where(audit.c.seq > then[0])
    return [(table, before, after) for table, before, after in connection.execute(query)]
