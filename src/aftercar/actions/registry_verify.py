"""Prove the audit trail; keep its end elsewhere; keys for pseudonyms."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from aftercar.actions.permissions import Actor
from aftercar.edges.files import existing_file
from aftercar.errors import InputError, UsageError
from aftercar.registry.pseudonyms import BadKey, Key
from aftercar.store import Anchor, AuditBroken, Store
from aftercar.store.verify import Verification


def verify(store: Store, actor: Actor, anchor_files: Sequence[Path] = ()) -> Verification:
    """Prove the trail, held against anchors taken earlier.

    Raises:
        AuditBroken: with the first problem and how many there are.
    """
    actor.check("audit")
    found = store.verify([anchor for path in anchor_files for anchor in read_anchors(path)])
    if not found.holds:
        raise AuditBroken(
            f"{len(found.problems)} problem(s): " + "; ".join(found.problems[:10]),
            fix="stop writing, keep a copy of the database, and compare it with a backup",
        )
    return found


def keep_anchor(store: Store, actor: Actor, path: Path) -> Anchor:
    """Add the end of the chain now as a line to a file, which should lie where the database's administrator cannot write."""
    actor.check("audit")
    anchor = store.head()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(anchor.line() + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    return anchor


def read_anchors(path: Path) -> list[Anchor]:
    """Every anchor of a file.

    Raises:
        InputError: naming the line that is none.
    """
    anchors = []
    for number, line in enumerate(existing_file(path).read_text(encoding="utf-8").splitlines(), 1):
        try:
            anchors.append(Anchor.read(line))
        except ValueError as error:
            raise InputError(str(error), where=f"{path} line {number}") from None
    return anchors


def new_key(path: Path) -> None:
    """Write a fresh key of 32 random bytes as hex, readable by its owner only.

    Raises:
        UsageError: when the file exists: a key that is overwritten cannot be had back.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} exists", fix="keys are never overwritten; name a new file") from None
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(32) + "\n")


def read_key(path: Path) -> Key:
    """A key from its file.

    Raises:
        BadKey: when the file holds no hex key of 32 bytes or more.
    """
    try:
        return Key(bytes.fromhex(existing_file(path).read_text(encoding="ascii").strip()))
    except (ValueError, UnicodeDecodeError) as error:
        if isinstance(error, BadKey):
            raise
        raise BadKey("the file holds no key", where=str(path), fix="make one with: aftercar registry key FILE") from None
