"""Keep the signal ledger: open a signal, move it, add the figures of a data lock, say what changed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aftercar import __version__
from aftercar.actions.permissions import Actor
from aftercar.actions.signals_book import Place, changing, read_book
from aftercar.actions.signals_disproportionality import Request, Result, run
from aftercar.edges.faers import data_lock
from aftercar.edges.files import read_json
from aftercar.errors import InputError
from aftercar.signals.ledger import Ledger, Outcome, Step


def record(
    place: Place,
    signal: str,
    step: Step,
    *,
    who: str,
    on: dt.date,
    why: str,
    topic: str = "",
    outcome: Outcome | None = None,
    data_lock: dt.date | None = None,
    figures: Mapping[str, float] | None = None,
    query: str = "",
    actor: Actor | None = None,
) -> Ledger:
    """Add one entry and write the ledger.

    Raises:
        LedgerError: when the step is not allowed now.
        NotPermitted: when the actor may not assess signals.
    """
    if actor is not None:
        actor.check_everywhere("read" if step == "note" else "assess")
    with changing(place, who, why) as held:
        held[0] = held[0].add(
            signal,
            step,
            who,
            on,
            why,
            topic=topic,
            outcome=outcome,
            data_lock=data_lock,
            figures=figures,
            query=query,
            version=__version__ if figures else "",
        )
        return held[0]


#: How a stored query begins that :func:`rerun` can run again.
_DISPROPORTIONALITY = "disproportionality "


def remember(
    place: Place, signal: str, request: Request, found: Result, *, row: str, who: str, on: dt.date, actor: Actor | None = None
) -> Ledger:
    """Keep one row of a disproportionality result as evidence, with the request, so that it can be run again.

    Args:
        place: the ledger.
        signal: a signal of the ledger.
        request: what was asked.
        found: its result; needs a data lock.
        row: drug of the row to keep; empty for the first (the drugs together).
        who, on: who ran it and when.
        actor: who acts.

    Raises:
        InputError: when the row is not there or the result has no data lock.
    """
    rows = {str(item["drug"]): item for item in found.rows}
    name = row or (str(found.rows[0]["drug"]) if found.rows else "")
    if name not in rows:
        raise InputError(f"no row {name!r} in the result", fix=f"name one of: {', '.join(rows) or 'none'}")
    if found.data_lock is None:
        raise InputError("the result has no data lock", fix="run it on a lake, or use `aftercar signals ledger evidence`")
    figures = {key: float(value) for key, value in rows[name].items() if isinstance(value, (int, float)) and value == value}
    query = _DISPROPORTIONALITY + json.dumps({"request": asdict(request), "row": name}, ensure_ascii=False)
    why = "reports until the data lock"
    return record(
        place, signal, "evidence", who=who, on=on, why=why, data_lock=found.data_lock, figures=figures, query=query, actor=actor
    )


def rerun(
    place: Place,
    lake: Path,
    *,
    who: str,
    on: dt.date,
    engine_url: str = "duckdb",
    memory_gb: float | None = None,
    actor: Actor | None = None,
) -> list[dict[str, Any]]:
    """Ask again, at the lake's data lock, whatever the open signals were asked before; say what changed.

    A signal that is closed, has no stored request, or has evidence of this data lock or a later one is left alone and said so.

    Returns:
        One row for each signal: state, data locks before and now, what changed.
    """
    lock = data_lock(lake)
    rows = []
    for signal in read_book(place).signals:
        book = read_book(place)
        evidence = book.evidence(signal)
        last = evidence[-1] if evidence else None
        state = book.state(signal)
        row = {"signal": signal, "state": state, "before": str(last.data_lock) if last else "", "now": "", "changed": ""}
        if state == "closed":
            row["changed"] = "closed, not asked again"
        elif last is None or not last.query.startswith(_DISPROPORTIONALITY):
            row["changed"] = "no stored request"
        elif last.data_lock is not None and last.data_lock >= lock:
            row["changed"] = "has evidence of this data lock"
        else:
            stored = json.loads(last.query.removeprefix(_DISPROPORTIONALITY))
            values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in stored["request"].items()}
            request = Request(**values)
            found = run(lake, request, engine_url=engine_url, memory_gb=memory_gb, actor=actor)
            book = remember(place, signal, request, found, row=stored["row"], who=who, on=on, actor=actor)
            said = [f"{change.figure}: {change.words}" for change in book.changes(signal) if change.words != "unchanged"]
            row |= {"now": str(lock), "changed": "; ".join(said) or "nothing"}
        rows.append(row)
    return rows


def overview(place: Place, *, actor: Actor | None = None) -> list[dict[str, Any]]:
    """One row for each signal: state, since when, by whom, last data lock, what changed since the one before."""
    if actor is not None:
        actor.check_everywhere("read")
    book = read_book(place)
    rows = []
    for signal in book.signals:
        entries = book.of(signal)
        moved = next(entry for entry in reversed(entries) if entry.step not in ("note", "evidence"))
        evidence = book.evidence(signal)
        said = [f"{change.figure}: {change.words}" for change in book.changes(signal) if change.words != "unchanged"]
        rows.append(
            {
                "signal": signal,
                "topic": book.topic(signal),
                "state": entries[-1].state,
                "since": moved.on.isoformat(),
                "by": moved.who,
                "outcome": moved.outcome or "",
                "data_lock": str(evidence[-1].data_lock) if evidence else "",
                "changed_since_last_lock": "; ".join(said) if len(evidence) > 1 else "",
            }
        )
    return rows


def history(place: Place, signal: str, *, actor: Actor | None = None) -> list[dict[str, Any]]:
    """Every entry of one signal, oldest first."""
    if actor is not None:
        actor.check_everywhere("read")
    return [json.loads(entry.as_json()) for entry in read_book(place).of(signal)]


def compare(place: Place, signal: str, *, actor: Actor | None = None) -> list[dict[str, Any]]:
    """The figures of the last two data locks side by side."""
    if actor is not None:
        actor.check_everywhere("read")
    return [
        {"figure": change.figure, "before": change.before, "now": change.now, "ratio": change.ratio, "change": change.words}
        for change in read_book(place).changes(signal)
    ]


def figures_from(path: Path, row: str = "") -> dict[str, float]:
    """The numbers of a result that was printed with ``--json``: an object, or the row of a list whose name is ``row``.

    Raises:
        InputError: when the file is no JSON, or the row is not there or not unique.
    """
    found = read_json(path)
    if isinstance(found, dict) and isinstance(found.get("rows"), list):
        found = found["rows"]
    if isinstance(found, list):
        named = {str(next(iter(item.values()))): item for item in found if isinstance(item, dict) and item}
        if not row and len(found) == 1:
            row = next(iter(named))
        if row not in named:
            raise InputError(f"no row {row!r}", where=str(path), fix=f"name one of: {', '.join(named)}")
        found = named[row]
    numbers = {str(k): float(v) for k, v in found.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
    if not numbers:
        raise InputError("no number in it", where=str(path), fix="give the output of a command run with --json")
    return numbers
