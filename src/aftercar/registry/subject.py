"""One treated person as the schedule sees them: infusions, events, entry and stop, from the study tables' rows."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aftercar.registry.plan import UNSPECIFIED_KIND
from aftercar.vocab.dates import PartialDate
from aftercar.vocab.products import find_product

Row = Mapping[str, Any]
StopReason = Literal["death", "withdrawal"]

#: A stop without any date stops everything from the infusion on.
_FROM_THE_START = dt.date(1, 1, 1)


@dataclass(frozen=True, slots=True)
class Infusion:
    """One infusion with what decides which plans apply; unknown values are the text ``unknown``."""

    infusion_id: str
    infused_on: PartialDate
    jurisdiction: str
    setting: str
    product: str
    trial: str
    vector: str


@dataclass(frozen=True, slots=True)
class Event:
    """A contact or a test.

    Attributes:
        kind: kind of contact, or ``assay:METHOD``.
        on: its day; a partial date counts from its first possible day, so that nobody is taken for seen too early.
        id: row it comes from.
        negative: for tests, whether the result was negative; None for no statement.
    """

    kind: str
    on: PartialDate
    id: str
    negative: bool | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """One person.

    Attributes:
        person_id, centre: who and where.
        infusions: those with a known date, oldest first.
        undated: how many infusions have no date.
        events: contacts and tests, oldest first.
        enrolled_on: first day of observation; None when it is the infusion.
        last_seen_on: last day the person was known to be under observation.
        stopped_on, stop_reason: death or withdrawal, from its first possible day; None while neither is known.
    """

    person_id: str
    centre: str | None
    infusions: tuple[Infusion, ...]
    undated: int
    events: tuple[Event, ...]
    enrolled_on: dt.date | None
    last_seen_on: dt.date | None
    stopped_on: dt.date | None
    stop_reason: StopReason | None

    @property
    def first_infusion(self) -> dt.date | None:
        """First possible day of the first infusion."""
        return min((item.infused_on.earliest for item in self.infusions), default=None)


def subjects(
    people: Iterable[Row],
    infusions: Iterable[Row],
    follow_up: Iterable[Row],
    assay_results: Iterable[Row],
    consents: Iterable[Row],
) -> list[Subject]:
    """Everybody, in the order of ``people``, from rows of the tables of those names."""
    by_person: dict[str, list[Row]] = defaultdict(list)
    for row in infusions:
        by_person[row["person_id"]].append(row)
    events: dict[str, list[Event]] = defaultdict(list)
    for row in follow_up:
        kind = row["kind"] or UNSPECIFIED_KIND
        events[row["person_id"]].append(Event(kind, PartialDate.parse(row["contact_on"]), row["contact_id"]))
    for row in assay_results:
        measured = PartialDate.parse(row["measured_on"])
        events[row["person_id"]].append(Event(f"assay:{row['method']}", measured, row["result_id"], is_negative(row)))
    signed: dict[str, list[Row]] = defaultdict(list)
    for row in consents:
        if row["scope"] == "follow_up":
            signed[row["person_id"]].append(row)
    return [
        _subject(person, by_person[person["person_id"]], events[person["person_id"]], signed[person["person_id"]])
        for person in people
    ]


def infusion(row: Row) -> Infusion:
    """An infusion from its row; the date must be known."""
    product = find_product(row["product"] or "")
    return Infusion(
        row["infusion_id"],
        PartialDate.parse(row["infused_on"]),
        row["jurisdiction"] or "unknown",
        row["setting"] or "unknown",
        product.key if product else "unknown",
        row["trial"] or "unknown",
        product.vector if product else "unknown",
    )


def is_negative(row: Row) -> bool | None:
    """Whether a test found nothing; None when the laboratory did not say. Below the limit of quantification is not negative."""
    if row["result"] in (None, "unknown", "inconclusive"):
        return None
    return row["result"] == "not_detected"


def stop_of(person: Row, consents: Sequence[Row]) -> tuple[dt.date, StopReason] | None:
    """When and why follow-up of a person ends, from the earliest of death and withdrawal; None while it goes on.

    A death or withdrawal without a date counts from the day the person was last seen, or from the start.
    Consent to follow-up counts as withdrawn when one was withdrawn and none stands.
    """
    last_seen = PartialDate.parse(person["last_seen_on"]).latest if person["last_seen_on"] else _FROM_THE_START
    stops: list[tuple[dt.date, StopReason]] = []
    if person["death_date"]:
        stops.append((PartialDate.parse(person["death_date"]).earliest, "death"))
    elif person["vital_status"] == "dead":
        stops.append((last_seen, "death"))
    withdrawn = [PartialDate.parse(row["withdrawn_on"]).earliest for row in consents if row["withdrawn_on"]]
    stands = any(row["withdrawn_on"] is None for row in consents)
    if withdrawn and not stands:
        stops.append((max(withdrawn), "withdrawal"))
    elif person["consent"] == "withdrawn" and not stands:
        stops.append((last_seen, "withdrawal"))
    return min(stops, default=None)


def _subject(person: Row, infusions: Sequence[Row], events: list[Event], consents: Sequence[Row]) -> Subject:
    dated = sorted(
        (infusion(row) for row in infusions if row["infused_on"]), key=lambda item: (item.infused_on.earliest, item.infusion_id)
    )
    stop = stop_of(person, consents)
    return Subject(
        person["person_id"],
        person["centre"],
        tuple(dated),
        sum(1 for row in infusions if not row["infused_on"]),
        tuple(sorted(events, key=lambda event: (event.on.earliest, event.id))),
        PartialDate.parse(person["enrolled_on"]).earliest if person["enrolled_on"] else None,
        PartialDate.parse(person["last_seen_on"]).earliest if person["last_seen_on"] else None,
        stop[0] if stop else None,
        stop[1] if stop else None,
    )
