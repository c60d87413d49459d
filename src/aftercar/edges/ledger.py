"""The signal ledger as a file: one line of JSON for each entry, only ever added to, checked when read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aftercar.edges.files import existing_file, write_text
from aftercar.errors import Conflict
from aftercar.signals.ledger import Ledger, LedgerDamaged, entry_of


class LedgerBusy(Conflict):
    """Somebody else is writing to the ledger."""

    code = "ledger-busy"


def read_ledger(path: Path) -> Ledger:
    """The ledger of ``path``; an empty one when the file does not exist yet.

    Raises:
        LedgerDamaged: with the line, when an entry was changed, taken out or cut.
    """
    if not path.exists():
        return Ledger()
    text = existing_file(path).read_text()
    if text and not text.endswith("\n"):
        raise LedgerDamaged(
            "the last entry is cut", where=f"{path} line {text.count(chr(10)) + 1}", fix="restore it from a backup"
        )
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entries.append(entry_of(json.loads(line)))
        except json.JSONDecodeError as error:
            raise LedgerDamaged("not a line of JSON", where=f"{path} line {number}", fix="restore it from a backup") from error
    return Ledger(tuple(entries))


@contextmanager
def changing(path: Path) -> Iterator[list[Ledger]]:
    """Read the ledger, let the caller replace it, and write it in one step.

    The yielded list holds the ledger; put the new one in its place. A lock file keeps two writers apart.

    Raises:
        LedgerBusy: when another program holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(path.name + ".lock")
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError as error:
        raise LedgerBusy(
            "somebody else is writing to the ledger", where=str(lock), fix="try again; delete the lock file if its writer died"
        ) from error
    try:
        held = [read_ledger(path)]
        known = len(held[0].entries)
        yield held
        if len(held[0].entries) != known:
            write_text(path, "".join(entry.as_json() + "\n" for entry in held[0].entries))
    finally:
        lock.unlink(missing_ok=True)
