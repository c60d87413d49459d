"""The audit trail: who changed what, when, from what to what, and why, chained by hashes.

Each entry's ``hash`` covers its own fields and the hash of the entry before it, so an entry cannot be changed,
taken out or moved without breaking every later one. What stood in the record is covered through ``content_hash``, a
salted SHA-256 of the values before and after: a lawful erasure removes the salt and the values, and the chain still
holds. The end of the chain can be cut off only together with ``audit_head``; an :class:`Anchor` kept elsewhere (printed,
mailed, in another system) shows that too.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: The ``previous`` of the first entry.
GENESIS = "0" * 64

_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the trail.

    Attributes:
        seq: 1, 2, ... without gaps.
        at: UTC, ISO 8601 with microseconds.
        who: name of the person or program.
        action: ``save``, ``withdraw``, ``restore`` or ``erase``.
        table, record: which record; a key of several columns is joined by ``|``.
        version: version of the record after the change.
        why: reason given.
        before, after: the record's values as canonical JSON; None when there are none or they were lawfully erased.
        salt: random hex; None after erasure.
        content_hash, previous, hash: see the module.
    """

    seq: int
    at: str
    who: str
    action: str
    table: str
    record: str
    version: int
    why: str
    salt: str | None
    before: str | None
    after: str | None
    content_hash: str
    previous: str
    hash: str

    @property
    def values_before(self) -> dict[str, Any] | None:
        """The record before the change."""
        return json.loads(self.before) if self.before else None

    @property
    def values_after(self) -> dict[str, Any] | None:
        """The record after the change."""
        return json.loads(self.after) if self.after else None


@dataclass(frozen=True, slots=True)
class Anchor:
    """The end of the chain at one moment, to be kept where the database's administrator cannot change it."""

    seq: int
    hash: str
    at: str

    def line(self) -> str:
        """The anchor as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, line: str) -> Anchor:
        """An anchor from its line; raises ``ValueError`` when the line is none."""
        try:
            found = json.loads(line)
            return cls(int(found["seq"]), str(found["hash"]), str(found["at"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{line.strip()[:60]!r} is not an anchor of an audit trail") from error


def canonical(values: Mapping[str, Any]) -> str:
    """Values as canonical JSON: keys sorted, empty values left out, so that a new empty column changes nothing."""
    return _encode({name: value for name, value in values.items() if value is not None})


def new_salt() -> str:
    """128 random bits as hex."""
    return secrets.token_hex(16)


def content_hash(salt: str, before: str | None, after: str | None) -> str:
    """Salted commitment to what stood before and after."""
    text = f"{salt}\x1e{'-' if before is None else before}\x1e{'-' if after is None else after}"
    return hashlib.sha256(text.encode()).hexdigest()


def entry_hash(
    seq: int, at: str, who: str, action: str, table: str, record: str, version: int, why: str, content: str, previous: str
) -> str:
    """Hash of an entry over all that is never erased, and over the hash of the entry before it."""
    return hashlib.sha256(_encode([seq, at, who, action, table, record, version, why, content, previous]).encode()).hexdigest()


class Chain:
    """The growing end of the chain within one transaction.

    Args:
        seq, last: number and hash of the last entry there is (0 and :data:`GENESIS` for none).
        at, who, why: the same for every entry of the transaction.
    """

    def __init__(self, seq: int, last: str, *, at: str, who: str, why: str) -> None:
        self.seq, self.last = seq, last
        self.at, self.who, self.why = at, who, why

    def append(
        self, action: str, table: str, record: str, version: int, before: str | None, after: str | None
    ) -> tuple[int, str, str, str, str, str, int, str, str, str | None, str | None, str, str, str]:
        """The next entry, as a row of the audit table in the order of its columns."""
        salt = new_salt()
        content = content_hash(salt, before, after)
        previous, self.seq = self.last, self.seq + 1
        self.last = entry_hash(self.seq, self.at, self.who, action, table, record, version, self.why, content, previous)
        return (
            self.seq, self.at, self.who, action, table, record, version, self.why,
            salt, before, after, content, previous, self.last,
        )  # fmt: skip
