"""The signal ledger: what became of each signal, who decided, why, and what changed since the last data lock.

A signal goes from *detected* over *validated*, *confirmed* and *assessed* to *closed* (the steps of GVP module IX); it may be
closed from any step as refuted or not prioritised, and reopened. The ledger is a list of entries that is only ever added
to; the state of a signal is what its entries say. Evidence entries keep the figures of one data lock, so that two locks
can be compared: :func:`changes`.

    >>> import datetime as dt
    >>> book = Ledger().add("TCL-1", "detect", "m.curie", dt.date(2024, 1, 5), "19 reports", topic="T-cell lymphoma")
    >>> book.state("TCL-1")
    'detected'
    >>> book.add("TCL-1", "assess", "m.curie", dt.date(2024, 2, 1), "looks real")
    Traceback (most recent call last):
    ...
    aftercar.signals.ledger.LedgerError: a detected signal cannot be assessed (TCL-1). Next: first validate and confirm it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from aftercar.errors import InputError
from aftercar.vocab.ids import is_id

State = Literal["detected", "validated", "confirmed", "assessed", "closed"]
Step = Literal["detect", "validate", "confirm", "assess", "close", "reopen", "evidence", "note"]
Outcome = Literal["refuted", "not_prioritised", "monitoring", "label_change", "risk_minimisation", "no_action", "other"]
STATES: tuple[State, ...] = get_args(State)
STEPS: tuple[Step, ...] = get_args(Step)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

#: From which states each step may be taken, and where it leads (None: it stays).
MOVES: Mapping[Step, tuple[tuple[State, ...], State | None]] = {
    "detect": ((), "detected"),
    "validate": (("detected",), "validated"),
    "confirm": (("validated",), "confirmed"),
    "assess": (("confirmed",), "assessed"),
    "close": (("detected", "validated", "confirmed", "assessed"), "closed"),
    "reopen": (("closed",), "detected"),
    "evidence": (("detected", "validated", "confirmed", "assessed", "closed"), None),
    "note": (("detected", "validated", "confirmed", "assessed", "closed"), None),
}
#: What to do before, for the error message.
_BEFORE: Mapping[Step, str] = {
    "validate": "it is validated already, or must be reopened",
    "confirm": "it is confirmed already, or must be reopened",
    "assess": "it is assessed already, or must be reopened",
    "close": "it is closed already",
    "reopen": "only a closed signal is reopened",
}
#: Relative change of a figure that is called a change, and figures whose sign or threshold matters.
WORTH_SAYING = 0.10


class LedgerError(InputError):
    """A step that the signal's state does not allow, or an entry that is incomplete."""

    code = "signal-ledger"


class LedgerDamaged(InputError):
    """The ledger's entries do not follow from each other: something was changed or taken out."""

    code = "signal-ledger-damaged"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger.

    Attributes:
        signal: identifier of the signal.
        number: of the entry within the ledger, from 1.
        step: what was done.
        state: state of the signal after it.
        who: who did or decided it.
        on: day.
        why: reason in words.
        topic: event and product in words (with ``detect``).
        outcome: with ``close``.
        data_lock: day that the figures cover (with ``detect`` and ``evidence``).
        figures: numbers with their names (with ``detect`` and ``evidence``).
        query: how the figures were made, so that they can be made again.
        version: version of the software that made them.
        before: checksum of the entry before, so that a change shows.
    """

    signal: str
    number: int
    step: Step
    state: State
    who: str
    on: dt.date
    why: str
    topic: str = ""
    outcome: Outcome | None = None
    data_lock: dt.date | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    query: str = ""
    version: str = ""
    before: str = ""

    def as_json(self) -> str:
        """One line of JSON with keys in a fixed order."""
        values = asdict(self)
        values["figures"] = dict(sorted(self.figures.items()))
        return json.dumps(values, ensure_ascii=False, default=str, sort_keys=True)

    @property
    def checksum(self) -> str:
        """SHA-256 of the line."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()


def entry_of(values: Mapping[str, Any]) -> Entry:
    """An entry from the object of its JSON line.

    Raises:
        LedgerDamaged: when a field is missing, unknown or of the wrong kind.
    """
    try:
        return Entry(
            **{
                **values,
                "on": dt.date.fromisoformat(values["on"]),
                "data_lock": dt.date.fromisoformat(values["data_lock"]) if values.get("data_lock") else None,
                "figures": {str(k): float(v) for k, v in values.get("figures", {}).items()},
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerDamaged(f"an entry cannot be read: {error}", fix="restore the ledger from a backup") from error


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one figure between two data locks.

    Attributes:
        figure: its name.
        before, now: the two values; None where one lock has no such figure.
        ratio: now over before, None where that is not defined.
        words: in a sentence.
    """

    figure: str
    before: float | None
    now: float | None
    ratio: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every entry, oldest first. A value: adding gives a new ledger."""

    entries: tuple[Entry, ...] = ()

    def __post_init__(self) -> None:
        before = ""
        states: dict[str, State] = {}
        for number, entry in enumerate(self.entries, 1):
            where = f"entry {number}, signal {entry.signal}"
            if entry.number != number or (entry.before != before and not (number == 1 and not entry.before)):
                raise LedgerDamaged(
                    "the entry does not follow from the one before it", where=where, fix="restore the ledger from a backup"
                )
            _check_step(entry, states.get(entry.signal), damaged=where)
            states[entry.signal] = entry.state
            before = entry.checksum

    @property
    def signals(self) -> tuple[str, ...]:
        """Identifiers in the order of detection."""
        return tuple(dict.fromkeys(entry.signal for entry in self.entries))

    def of(self, signal: str) -> tuple[Entry, ...]:
        """The entries of one signal.

        Raises:
            LedgerError: when there is none.
        """
        found = tuple(entry for entry in self.entries if entry.signal == signal)
        if not found:
            known = ", ".join(self.signals) or "none yet"
            raise LedgerError(f"no signal {signal!r} in the ledger", fix=f"signals are: {known}")
        return found

    def state(self, signal: str) -> State:
        """The state of a signal."""
        return self.of(signal)[-1].state

    def topic(self, signal: str) -> str:
        """What the signal is about."""
        return next((entry.topic for entry in self.of(signal) if entry.topic), "")

    def add(
        self,
        signal: str,
        step: Step,
        who: str,
        on: dt.date,
        why: str,
        *,
        topic: str = "",
        outcome: Outcome | None = None,
        data_lock: dt.date | None = None,
        figures: Mapping[str, float] | None = None,
        query: str = "",
        version: str = "",
    ) -> Ledger:
        """The ledger with one entry more.

        Raises:
            LedgerError: when the step is not allowed, or who, why, topic, outcome or data lock is missing.
        """
        known = any(entry.signal == signal for entry in self.entries)
        if step not in MOVES:
            raise LedgerError(f"no step {step!r}", fix=f"steps are: {', '.join(STEPS)}")
        if step != "detect" and not known:
            self.of(signal)
        now = self.state(signal) if known else None
        entry = Entry(
            signal=signal,
            number=len(self.entries) + 1,
            step=step,
            state=MOVES[step][1] or now or "detected",
            who=who.strip(),
            on=on,
            why=why.strip(),
            topic=topic.strip(),
            outcome=outcome,
            data_lock=data_lock,
            figures=dict(figures or {}),
            query=query,
            version=version,
            before=self.entries[-1].checksum if self.entries else "",
        )
        _check_step(entry, now)
        if self.entries and known and on < self.of(signal)[-1].on:
            raise LedgerError(f"{on} lies before the signal's last entry of {self.of(signal)[-1].on}", where=signal)
        return replace(self, entries=(*self.entries, entry))

    def evidence(self, signal: str) -> tuple[Entry, ...]:
        """The entries with figures, by data lock; the last entry of a lock stands for it."""
        by_lock: dict[dt.date, Entry] = {}
        for entry in self.of(signal):
            if entry.figures and entry.data_lock is not None:
                by_lock[entry.data_lock] = entry
        return tuple(by_lock[lock] for lock in sorted(by_lock))

    def changes(self, signal: str) -> tuple[Change, ...]:
        """What changed between the last two data locks; empty with fewer than two."""
        found = self.evidence(signal)
        return () if len(found) < 2 else changes(found[-2].figures, found[-1].figures)


def _check_step(entry: Entry, now: State | None, *, damaged: str = "") -> None:
    """Whether the entry may follow when the signal is in ``now`` (None: it is new)."""
    error = LedgerDamaged if damaged else LedgerError
    where = damaged or entry.signal
    allowed, _ = MOVES.get(entry.step, ((), None))
    if not is_id(entry.signal):
        raise error(f"{entry.signal!r} cannot be a signal's name", where=where, fix="use letters, digits, '-', '_' and '.'")
    if entry.step == "detect":
        if now is not None:
            raise error("the signal is in the ledger already", where=where, fix="add evidence to it, or reopen it")
        if not entry.topic:
            raise error("a detected signal needs a topic", where=where, fix="say which event and which product")
    elif now not in allowed:
        past = {"close": "closed", "reopen": "reopened"}.get(entry.step, f"{entry.step.rstrip('e')}ed")
        raise error(f"a {now} signal cannot be {past}", where=where, fix=_before(entry.step, now))
    if not entry.who or not entry.why:
        raise error(
            f"{entry.step}: who and why must be said",
            where=where,
            fix="a decision without a name and a reason cannot be reviewed",
        )
    if entry.step == "close" and entry.outcome is None:
        raise error("a closed signal needs an outcome", where=where, fix=f"one of {', '.join(OUTCOMES)}")
    if entry.step == "evidence" and (not entry.figures or entry.data_lock is None):
        raise error("evidence needs figures and their data lock", where=where)
    expected = MOVES[entry.step][1] or now
    if entry.state != expected:
        raise error(f"after {entry.step} the state is {expected}, not {entry.state}", where=where)


def _before(step: Step, now: State | None) -> str:
    order = {"validate": 0, "confirm": 1, "assess": 2}
    if step in order and now in ("detected", "validated", "confirmed"):
        done = ("detected", "validated", "confirmed").index(now)
        missing = ["validate", "confirm"][done : order[step]]
        if missing:
            return "first " + " and ".join(missing) + " it"
    return _BEFORE.get(step, "look at its entries")


def changes(before: Mapping[str, float], now: Mapping[str, float]) -> tuple[Change, ...]:
    """Each figure of two data locks side by side, in the order of names.

    A figure that crosses 0 (as IC025 does) or 1 (as a lower limit of a ratio does) is always said, and so is one that
    moved by a tenth or more.
    """
    found = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        ratio = None
        if old is None or new is None:
            words = "new" if old is None else "no longer given"
        elif old == new or (old != old and new != new):
            words, ratio = "unchanged", 1.0
        else:
            ratio = new / old if old else None
            words = _moved(name, old, new, ratio)
        found.append(Change(name, old, new, ratio, words))
    return tuple(found)


def _moved(name: str, old: float, new: float, ratio: float | None) -> str:
    threshold = 0.0 if name.startswith("ic") else 1.0
    if name.endswith(("low", "025", "05")) and (old > threshold) != (new > threshold):
        return f"{'rose above' if new > threshold else 'fell to or below'} {threshold:g}"
    direction = "up" if new > old else "down"
    if ratio is None or abs(ratio - 1) >= WORTH_SAYING or (old < 0) != (new < 0):
        return f"{direction} from {old:g} to {new:g}"
    return f"{direction} by less than a tenth"
