"""The proof: the chain is whole, nothing was cut off, and every record is what its last entry says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from aftercar.store.audit import GENESIS, Anchor, Entry, canonical, content_hash, entry_hash
from aftercar.store.rows import told
from aftercar.store.schema import STORED, sql_table, table_of
from aftercar.store.transaction import as_record

#: No report lists more than this many problems.
MOST = 100


@dataclass(frozen=True, slots=True)
class Verification:
    """What the proof found.

    Attributes:
        entries: audit entries read.
        records: records held against their last entry.
        erased: entries whose contents were lawfully erased.
        anchors: anchors that the chain was held against.
        problems: in words, empty when all is well; at most :data:`MOST`.
        head: number and hash of the last entry.
    """

    entries: int
    records: int
    erased: int
    anchors: int
    problems: tuple[str, ...]
    head: tuple[int, str]

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems


def verify(connection: sa.Connection, anchors: Sequence[Anchor] = ()) -> Verification:
    """Walk the trail once and every record once; memory does not grow with either."""
    problems: list[str] = []
    entries, erased, last = 0, 0, GENESIS
    wanted = {anchor.seq: anchor.hash for anchor in anchors}
    erasures = _erasures(connection)
    for entry in _entries(connection):
        if len(problems) >= MOST:
            break
        if entry.seq != entries + 1:
            problems.append(f"entry {entries + 1} is missing or out of order (found {entry.seq})")
        problems += _entry_problems(entry, last, erasures)
        if entry.seq in wanted and wanted.pop(entry.seq) != entry.hash:
            problems.append(f"entry {entry.seq} is not the one that the anchor was taken of: the trail was rewritten")
        erased += entry.salt is None
        entries, last = entry.seq, entry.hash
    else:
        problems += _end_problems(connection, entries, last)
        problems += [f"the anchor at entry {seq} is beyond the end of the trail: the end was cut off" for seq in wanted if seq]
    records = 0
    for name in STORED:
        if len(problems) >= MOST:
            break
        count, found = _record_problems(connection, name)
        records += count
        problems += found
    return Verification(entries, records, erased, len(anchors), tuple(problems[:MOST]), (entries, last))


def _entries(connection: sa.Connection) -> Iterator[Entry]:
    audit = sql_table("audit")
    rows = connection.execution_options(yield_per=5_000).execute(sa.select(audit).order_by(audit.c.seq))
    for row in rows:
        yield Entry(*row)


def _erasures(connection: sa.Connection) -> dict[tuple[str, str], int]:
    erased = sql_table("erased")
    return {(row.table_name, row.record): row.seq for row in connection.execute(sa.select(erased))}


def _entry_problems(entry: Entry, last: str, erasures: dict[tuple[str, str], int]) -> Iterator[str]:
    place = f"entry {entry.seq} ({entry.table} {entry.record} version {entry.version})"
    if entry.previous != last:
        yield f"{place} does not follow the entry before it: an entry was changed, removed or moved"
    content, previous = entry.content_hash, entry.previous
    own = entry_hash(
        entry.seq, entry.at, entry.who, entry.action, entry.table, entry.record, entry.version, entry.why, content, previous
    )
    if own != entry.hash:
        yield f"{place} was changed: its hash does not match"
    if entry.salt is not None:
        if content_hash(entry.salt, entry.before, entry.after) != content:
            yield f"{place} was changed: its values do not match their hash"
    elif entry.before is not None or entry.after is not None:
        yield f"{place} was changed: it has values without their salt"
    elif erasures.get((entry.table, entry.record), 0) <= entry.seq:
        yield f"{place} lost its values without a lawful erasure"


def _end_problems(connection: sa.Connection, entries: int, last: str) -> Iterator[str]:
    head = sql_table("audit_head")
    row = connection.execute(sa.select(head.c.seq, head.c.hash)).one_or_none()
    if row is None or (row.seq, row.hash) != (entries, last):
        stated = "missing" if row is None else f"at entry {row.seq}"
        yield f"the trail ends at entry {entries}, its head is {stated}: the end was cut off or added to"
    audit, erased = sql_table("audit"), sql_table("erased")
    match = (
        (audit.c.seq == erased.c.seq)
        & (audit.c.action == "erase")
        & (audit.c.table_name == erased.c.table_name)
        & (audit.c.record == erased.c.record)
    )
    query = sa.select(erased.c.table_name, erased.c.record).outerjoin(audit, match).where(audit.c.seq.is_(None))
    for name, record in connection.execute(query.limit(MOST)):
        yield f"{name} {record} is listed as erased, but the trail knows of no erasure"


def _record_problems(connection: sa.Connection, name: str) -> tuple[int, list[str]]:
    """Records that are not what their last entry says, and entries whose record is gone."""
    definition, table, audit = table_of(name), sql_table(name), sql_table("audit")
    key: sa.ColumnElement[str] = table.c[definition.key[0]]
    for part in definition.key[1:]:
        key = key + "|" + table.c[part]
    joined = table.outerjoin(
        audit, (audit.c.table_name == name) & (audit.c.record == key) & (audit.c.version == table.c.row_version)
    )
    query = sa.select(table, audit.c.action.label("audit_action"), audit.c.after.label("audit_after")).select_from(joined)
    problems: list[str] = []
    count = 0
    for row in connection.execution_options(yield_per=5_000).execute(query).mappings():
        record = as_record(definition, row)
        count += 1
        if row["audit_after"] is None:
            problems.append(f"{name} {record.key} version {record.version} has no entry in the trail")
        elif canonical(told(record.row)) != row["audit_after"]:
            problems.append(f"{name} {record.key} was changed outside the program: it is not what the trail says")
        elif record.withdrawn != (row["audit_action"] == "withdraw"):
            problems.append(f"{name} {record.key} is not withdrawn or standing as the trail says")
        if len(problems) >= MOST:
            return count, problems
    newest = (
        sa.select(audit.c.record, sa.func.max(audit.c.version).label("version"))
        .where(audit.c.table_name == name)
        .group_by(audit.c.record)
        .subquery()
    )
    last = sa.select(newest.c.record, newest.c.version, audit.c.action, table.c.row_version).select_from(
        newest.join(
            audit, (audit.c.table_name == name) & (audit.c.record == newest.c.record) & (audit.c.version == newest.c.version)
        ).outerjoin(table, key == newest.c.record)
    )
    gone = last.where(
        ((audit.c.action != "erase") & table.c.row_version.is_(None))
        | ((audit.c.action == "erase") & table.c.row_version.is_not(None))
        | (table.c.row_version != newest.c.version)
    )
    for record_key, version, action, stands in connection.execute(gone.limit(MOST)):
        if stands is None:
            problems.append(f"{name} {record_key} was removed outside the program: the trail knows version {version}")
        elif action == "erase":
            problems.append(f"{name} {record_key} is there although the trail says it was erased")
        else:
            problems.append(f"{name} {record_key} is at version {stands}, the trail at {version}")
    return count, problems
