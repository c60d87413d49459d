"""One unit of change: records and their audit entries are kept together, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from aftercar.errors import InputError, InvalidTables, Problem
from aftercar.store.audit import Chain, canonical
from aftercar.store.errors import Erased, StaleVersion
from aftercar.store.rows import checked, key_of, key_parts, told
from aftercar.store.schema import CHANGED_AT, CHANGED_BY, STORED, VERSION, WITHDRAWN, sql_table, table_of
from aftercar.vocab.columns import Table

_CHUNK = 5_000

OnChange = Literal["stop", "update", "keep"]


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it stands.

    Attributes:
        table, key: which; the key of several columns is joined by ``|``.
        row: every column of the table's definition, None where empty.
        version: 1 for a new record, one more with every change.
        withdrawn: withdrawn records stay readable but count nowhere.
        changed_at: UTC, ISO 8601.
        changed_by: who changed it last.
    """

    table: str
    key: str
    row: Mapping[str, Any]
    version: int
    withdrawn: bool
    changed_at: str
    changed_by: str

    def __getitem__(self, column: str) -> Any:
        return self.row[column]


@dataclass(slots=True)
class Changes:
    """What an import did, or would do, to one table.

    Attributes:
        added, changed, unchanged: records.
        kept: records that differ but were left as they are (``on_change="keep"``).
        erased: records that were lawfully erased and were not brought back.
        differing: keys of changed or kept records with the columns that differ.
    """

    table: str
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    kept: int = 0
    erased: int = 0
    differing: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


class Transaction:
    """Changes under one name and one reason; made by :meth:`Store.transaction`, never by hand."""

    def __init__(self, connection: sa.Connection, *, who: str, why: str, at: str) -> None:
        self.connection = connection
        self.who, self.why, self.at = who, why, at
        head = sql_table("audit_head")
        row = connection.execute(sa.select(head.c.seq, head.c.hash).where(head.c.id == 1).with_for_update()).one()
        self._chain = Chain(row.seq, row.hash, at=at, who=who, why=why)
        self._entries: list[tuple[Any, ...]] = []
        self._references: list[tuple[Table, dict[str, Any]]] = []

    def save(self, table: str, row: Mapping[str, Any], *, expected_version: int | None = None) -> Record:
        """Add a record, or change the version that was read.

        Args:
            table: name of a stored table.
            row: its values; missing columns are empty. Key columns must be there.
            expected_version: the version that was edited; None for a new record.

        Returns:
            The record as it stands now. A row equal to what is there changes nothing, not even the version.

        Raises:
            InvalidTables: with every value that breaks its column.
            StaleVersion: when the record is there already, was changed since, or is withdrawn.
            Erased: when the record was lawfully erased.
        """
        definition = table_of(table)
        full, problems = checked(definition, row)
        if problems:
            raise InvalidTables(problems)
        key = key_of(definition, full)
        found = self._find(definition, key)
        if found is None:
            if expected_version is not None:
                raise StaleVersion(f"{table} {key} is not there any more", fix="read the list again")
            self._refuse_erased(table, key)
            self._insert(definition, [(key, full, self._versions_used(table, key) + 1)])
            self._references.append((definition, full))
            return self._record(definition, key)
        if found.withdrawn:
            raise StaleVersion(f"{table} {key} was withdrawn", fix="restore it before changing it")
        if expected_version is None and found.row != full:
            raise StaleVersion(
                f"{table} {key} is there already (version {found.version})", fix="read it, then change that version"
            )
        if expected_version is not None and expected_version != found.version:
            raise StaleVersion(
                f"{table} {key} was changed by {found.changed_by} since you read it (you have version {expected_version}, "
                f"it is at {found.version})",
                fix="read it again and repeat your change",
            )
        if found.row == full:
            return found
        self._update(definition, [(found, full)])
        self._references.append((definition, full))
        return self._record(definition, key)

    def save_many(self, table: str, rows: Iterable[Mapping[str, Any]], *, on_change: OnChange = "stop") -> Changes:
        """Add or change many records of one table; equal ones change nothing.

        Args:
            table: name of a stored table.
            rows: rows with the values of the table.
            on_change: what happens to a record that is there with other values: ``stop`` raises, ``update`` makes a new
                version, ``keep`` leaves it.

        Raises:
            InvalidTables: with every value that breaks its column.
            StaleVersion: with ``stop``, naming the first records that differ.
        """
        definition = table_of(table)
        changes = Changes(table)
        gone = self._erased_keys(table)
        chunk: list[tuple[str, dict[str, Any]]] = []
        problems: list[Problem] = []
        for number, row in enumerate(rows, 1):
            full, wrong = checked(definition, row)
            if wrong:
                problems.extend(Problem(p.file, number, p.column, p.value, p.rule, p.fix) for p in wrong)
                continue
            chunk.append((key_of(definition, full), full))
            if len(chunk) == _CHUNK:
                self._merge(definition, chunk, gone, on_change, changes)
                chunk = []
        if problems:
            raise InvalidTables(problems)
        self._merge(definition, chunk, gone, on_change, changes)
        if on_change == "stop" and changes.differing:
            names = "; ".join(f"{key} ({', '.join(columns)})" for key, columns in changes.differing[:5])
            raise StaleVersion(
                f"{len(changes.differing)} record(s) of {table} are in the registry with other values: {names}",
                fix="look at the dry run, then import with --update (or --keep)",
            )
        return changes

    def withdraw(self, table: str, key: str, *, expected_version: int) -> Record:
        """Withdraw a record: it stays readable with its history, and counts nowhere any more."""
        return self._mark(table, key, expected_version, withdrawn=True)

    def restore(self, table: str, key: str, *, expected_version: int) -> Record:
        """Bring a withdrawn record back."""
        return self._mark(table, key, expected_version, withdrawn=False)

    def erase_person(self, person_id: str) -> int:
        """Lawful erasure: remove every record of a person and what the trail says of their contents.

        The trail keeps that the records were there, when they changed and who erased them, under the pseudonym.

        Returns:
            How many records were removed.

        Raises:
            InputError: when there is no such person.
        """
        if self._find(table_of("people"), person_id) is None:
            raise InputError(f"there is no person {person_id!r}", fix="check the pseudonym")
        self._unlink(person_id)
        removed = 0
        for table, key in self._records_of(person_id):
            self._erase(table, key)
            removed += 1
        return removed

    def check(self) -> None:
        """Every check that the end of the transaction brings, without keeping anything."""
        self._check_references()
        if self.connection.dialect.name == "sqlite":
            broken = self.connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken is not None:
                raise InputError(
                    f"a row of {broken[0]} names a row of {broken[2]} that is not there",
                    fix="add it first, or in the same import",
                )
        else:
            self.connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")

    def finish(self) -> None:
        """Check references, write the audit entries and the head; called once, just before the commit."""
        self._check_references()
        self._flush()
        head = sql_table("audit_head")
        self.connection.execute(sa.update(head).values(seq=self._chain.seq, hash=self._chain.last))

    # --- finding ---

    def _find(self, definition: Table, key: str) -> Record | None:
        table = sql_table(definition.name)
        parts = key_parts(definition, key)
        query = sa.select(table).where(*(table.c[name] == value for name, value in parts.items()))
        row = self.connection.execute(query).mappings().one_or_none()
        return None if row is None else as_record(definition, row)

    def _record(self, definition: Table, key: str) -> Record:
        found = self._find(definition, key)
        if found is None:  # it was written a moment ago
            raise InputError(f"{definition.name} {key} vanished while it was saved")
        return found

    def _found_many(self, definition: Table, keys: Sequence[str]) -> dict[str, Record]:
        table = sql_table(definition.name)
        if len(definition.key) == 1:
            clause = table.c[definition.key[0]].in_(keys)
        else:
            clause = sa.tuple_(*(table.c[name] for name in definition.key)).in_([tuple(key.split("|")) for key in keys])
        rows = self.connection.execute(sa.select(table).where(clause)).mappings()
        return {record.key: record for record in (as_record(definition, row) for row in rows)}

    def _versions_used(self, table: str, key: str) -> int:
        audit = sql_table("audit")
        query = sa.select(sa.func.max(audit.c.version)).where(audit.c.table_name == table, audit.c.record == key)
        return self.connection.execute(query).scalar() or 0

    def _erased_keys(self, table: str) -> set[str]:
        erased = sql_table("erased")
        return set(self.connection.execute(sa.select(erased.c.record).where(erased.c.table_name == table)).scalars())

    def _refuse_erased(self, table: str, key: str) -> None:
        if key in self._erased_keys(table):
            raise Erased(f"{table} {key} was lawfully erased", fix="a person who is treated again gets a new pseudonym")

    # --- writing ---

    def _merge(
        self, definition: Table, chunk: list[tuple[str, dict[str, Any]]], gone: set[str], on_change: OnChange, changes: Changes
    ) -> None:
        if not chunk:
            return
        there = self._found_many(definition, [key for key, _ in chunk])
        new: dict[str, dict[str, Any]] = {}
        updates: list[tuple[Record, dict[str, Any]]] = []
        for key, full in chunk:
            if key in gone:
                changes.erased += 1
            elif key in new:
                raise InputError(f"{definition.name} {key} stands twice in the import", fix="give each row its own identifier")
            elif key not in there:
                new[key] = full
            elif there[key].row == full and not there[key].withdrawn:
                changes.unchanged += 1
            else:
                columns = tuple(name for name in definition.names if there[key].row[name] != full[name])
                changes.differing.append((key, columns or ("withdrawn",)))
                if on_change == "update" and not there[key].withdrawn:
                    updates.append((there[key], full))
                else:
                    changes.kept += 1
        self._insert(definition, [(key, full, 1) for key, full in new.items()])
        self._update(definition, updates)
        changes.added += len(new)
        changes.changed += len(updates)

    def _insert(self, definition: Table, rows: Sequence[tuple[str, dict[str, Any], int]]) -> None:
        if not rows:
            return
        stamp = {WITHDRAWN: False, CHANGED_AT: self.at, CHANGED_BY: self.who}
        self.connection.execute(
            sa.insert(sql_table(definition.name)), [{**full, **stamp, VERSION: version} for _, full, version in rows]
        )
        for key, full, version in rows:
            self._log("save", definition.name, key, version, None, canonical(told(full)))

    def _update(self, definition: Table, updates: Sequence[tuple[Record, dict[str, Any]]]) -> None:
        table = sql_table(definition.name)
        for old, full in updates:
            clause = [table.c[name] == value for name, value in key_parts(definition, old.key).items()]
            values = {**full, VERSION: old.version + 1, CHANGED_AT: self.at, CHANGED_BY: self.who}
            self.connection.execute(sa.update(table).where(*clause).values(values))
            self._log("save", definition.name, old.key, old.version + 1, canonical(told(old.row)), canonical(told(full)))

    def _mark(self, table: str, key: str, expected_version: int, *, withdrawn: bool) -> Record:
        definition = table_of(table)
        found = self._find(definition, key)
        if found is None:
            raise InputError(f"there is no {table} {key!r}", fix="check the identifier")
        if found.version != expected_version or found.withdrawn == withdrawn:
            state = "withdrawn" if found.withdrawn else "not withdrawn"
            raise StaleVersion(f"{table} {key} is {state}, at version {found.version}", fix="read it again")
        sql = sql_table(table)
        clause = [sql.c[name] == value for name, value in key_parts(definition, key).items()]
        values = {WITHDRAWN: withdrawn, VERSION: found.version + 1, CHANGED_AT: self.at, CHANGED_BY: self.who}
        self.connection.execute(sa.update(sql).where(*clause).values(values))
        content = canonical(told(found.row))
        self._log("withdraw" if withdrawn else "restore", table, key, found.version + 1, content, content)
        return self._record(definition, key)

    # --- erasing ---

    def _records_of(self, person_id: str) -> list[tuple[Table, str]]:
        """Every record of a person, children before parents."""
        found: list[tuple[Table, str]] = []
        for name in reversed(STORED):
            definition, table = table_of(name), sql_table(name)
            direct = [c.name for c in definition.columns if c.refers_to == "people.person_id" and c.required]
            of_case = [c.name for c in definition.columns if c.refers_to == "cases.case_id" and c.required]
            if name == "people":
                clause: sa.ColumnElement[bool] = table.c.person_id == person_id
            elif direct:
                clause = table.c[direct[0]] == person_id
            elif of_case:
                cases = sql_table("cases")
                own = sa.select(cases.c.case_id).where(cases.c.person_id == person_id)
                clause = sa.or_(*(table.c[column].in_(own) for column in of_case))
            else:
                continue
            keys = self.connection.execute(sa.select(*(table.c[k] for k in definition.key)).where(clause)).all()
            found += [(definition, "|".join(map(str, key))) for key in keys]
        return found

    def _unlink(self, person_id: str) -> None:
        """Let go of other people's pointers to the person."""
        people = table_of("people")
        table = sql_table("people")
        others = self.connection.execute(sa.select(table).where(table.c.possible_same_as == person_id)).mappings().all()
        for other in others:
            record = as_record(people, other)
            self._update(people, [(record, {**record.row, "possible_same_as": None})])

    def _erase(self, definition: Table, key: str) -> None:
        self._flush()
        name, table, audit = definition.name, sql_table(definition.name), sql_table("audit")
        clause = [table.c[column] == value for column, value in key_parts(definition, key).items()]
        self.connection.execute(sa.delete(table).where(*clause))
        mine = (audit.c.table_name == name, audit.c.record == key)
        self.connection.execute(sa.update(audit).where(*mine).values(salt=None, before=None, after=None))
        self._log("erase", name, key, self._versions_used(name, key) + 1, None, None)
        self.connection.execute(sa.insert(sql_table("erased")).values(table_name=name, record=key, seq=self._chain.seq))

    # --- audit and references ---

    def _log(self, action: str, table: str, key: str, version: int, before: str | None, after: str | None) -> None:
        self._entries.append(self._chain.append(action, table, key, version, before, after))
        if len(self._entries) >= _CHUNK:
            self._flush()

    def _flush(self) -> None:
        if self._entries:
            audit = sql_table("audit")
            names = audit.c.keys()
            self.connection.execute(sa.insert(audit), [dict(zip(names, entry, strict=True)) for entry in self._entries])
            self._entries = []

    def _check_references(self) -> None:
        problems = []
        for definition, full in self._references:
            for column in definition.columns:
                value = full[column.name]
                if not column.refers_to or value is None:
                    continue
                other, key = column.refers_to.split(".")
                table = sql_table(other)
                if self.connection.execute(sa.select(table.c[key]).where(table.c[key] == value)).first() is None:
                    rule, fix = f"names no row of {other}", f"add it to {other} first"
                    problems.append(Problem(definition.name, 0, column.name, value, rule, fix))
        if problems:
            raise InvalidTables(problems)


def as_record(definition: Table, row: sa.RowMapping) -> Record:
    """A record from a row of the database."""
    values = {name: row[name] for name in definition.names}
    return Record(
        definition.name, key_of(definition, values), values, row[VERSION], bool(row[WITHDRAWN]), row[CHANGED_AT], row[CHANGED_BY]
    )
