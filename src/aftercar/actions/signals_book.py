"""Where the signal ledger is kept: in a file of JSON lines, or in the registry beside the cases that it speaks of.

Both give the same ledger with the same checks. In the registry each entry is also a record with its line in the audit trail, and
two people who decide at once come one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aftercar.edges.files import existing_file
from aftercar.edges.ledger import changing as changing_file
from aftercar.edges.ledger import read_ledger
from aftercar.signals.ledger import Entry, Ledger, LedgerDamaged, entry_of
from aftercar.store import Store, open_store

Place = Path | Store
_TABLE = "signal_entries"
#: Ours to the names of the store's columns, where they differ.
_COLUMNS = {"who": "decided_by", "on": "decided_on", "version": "software", "before": "previous"}
_SQLITE = b"SQLite format 3\x00"


def place_of(text: str, *, there: bool = False) -> Place:
    """The place that a person names: a registry (``sqlite:///FILE``, ``postgresql://...``, its file), else a file of JSON lines.

    Args:
        text: file or address.
        there: whether the ledger must exist already.

    Raises:
        InputError: when it must be there and is not.
        NoStore: when the address holds no registry.
    """
    if "://" in text:
        return open_store(text)
    path = Path(text)
    if path.is_file():
        with path.open("rb") as stream:
            if stream.read(len(_SQLITE)) == _SQLITE:
                return open_store(text)
    return existing_file(path) if there else path


def read_book(place: Place) -> Ledger:
    """The ledger of a place; empty when nothing was entered yet.

    Raises:
        LedgerDamaged: when an entry was changed, taken out or cut.
    """
    if isinstance(place, Path):
        return read_ledger(place)
    return Ledger(tuple(_entry(record.row) for record in place.list(_TABLE)))


@contextmanager
def changing(place: Place, who: str, why: str) -> Iterator[list[Ledger]]:
    """Read the ledger, let the caller put a longer one in its place, and keep what was added; nobody else adds meanwhile.

    Raises:
        LedgerBusy: when somebody else holds the file.
        StoreBusy: when somebody else writes to the registry for longer than a minute.
    """
    if isinstance(place, Path):
        with changing_file(place) as held:
            yield held
        return
    with place.transaction(who, why) as change:
        held = [read_book(place)]
        known = len(held[0].entries)
        yield held
        for entry in held[0].entries[known:]:
            change.save(_TABLE, _row(entry))


def _row(entry: Entry) -> dict[str, Any]:
    values = json.loads(entry.as_json())
    number, figures = values.pop("number"), values.pop("figures")
    row = {_COLUMNS.get(name, name): value for name, value in values.items()}
    return {**row, "entry_id": f"{number:06d}", "figures": json.dumps(figures) if figures else None}


def _entry(row: Mapping[str, Any]) -> Entry:
    ours = {theirs: name for name, theirs in _COLUMNS.items()}
    values = {ours.get(name, name): value for name, value in row.items() if name not in ("entry_id", "figures")}
    optional = {name: None if name in ("outcome", "data_lock") else "" for name in values}
    try:
        figures = json.loads(row["figures"] or "{}")
        number = int(row["entry_id"])
    except ValueError as error:
        raise LedgerDamaged(
            f"entry {row['entry_id']} cannot be read: {error}", fix="restore the registry from a backup"
        ) from error
    return entry_of(
        {name: optional[name] if value is None else value for name, value in values.items()}
        | {"number": number, "figures": figures}
    )
