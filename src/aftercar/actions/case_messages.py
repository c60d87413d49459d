"""Cases in from E2B(R3) and (R2) messages, and out as E2B(R3) and FHIR."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aftercar.actions.case_desk import Desk
from aftercar.actions.permissions import Actor
from aftercar.cases.assessment import standings
from aftercar.cases.duplicates import same_event_groups
from aftercar.cases.e2b.build import Content, Sender, build_batch
from aftercar.cases.e2b.message import Batch
from aftercar.cases.e2b.rows import rows_of
from aftercar.cases.e2b.rules import E2bProblem, Profile, check_batch, refuse_unfit
from aftercar.cases.narrative import narrate
from aftercar.edges.e2b_r2 import read_r2
from aftercar.edges.e2b_xml import Received, read_message, schema_problems, to_bytes
from aftercar.edges.files import write_bytes
from aftercar.edges.xml_safe import local, parse, read_bytes
from aftercar.errors import InputError
from aftercar.store import Store

_ORDER = ("people", "infusions", "prior_therapy", "cases", "case_reports", "event_codes", "narratives")


class SchemaBroken(InputError):
    """A message that we wrote, or one received, breaks the ICH schemas that the user supplied."""

    code = "schema-broken"


@dataclass(frozen=True)
class MessageIn:
    """One report of a message as rows, and what a person must know before it is kept.

    Attributes:
        case_id: the identifier given to it.
        tables: rows by table.
        notes: what could not be carried over.
        problems: broken rules of ICH.
        unclaimed: places of the message that hold more than we read.
        known_as: a case of the registry with the same worldwide identifier, or "".
    """

    case_id: str
    tables: dict[str, list[dict[str, Any]]]
    notes: tuple[str, ...]
    problems: tuple[E2bProblem, ...]
    unclaimed: tuple[str, ...]
    known_as: str


def read_any(path: Path) -> tuple[Received, str]:
    """A message of either kind, and which it is (``e2b_r3`` or ``e2b_r2``), by its first element."""
    root = parse(read_bytes(path), where=str(path), allow_doctype=True)
    if local(root) == "ichicsr":
        return read_r2(path), "e2b_r2"
    return read_message(path), "e2b_r3"


def receive(
    path: Path, *, prefix: str = "E2B", centre: str | None = None, today: dt.date | None = None, desk: Desk | None = None
) -> list[MessageIn]:
    """Read a message and prepare its reports as cases; nothing is kept yet.

    Args:
        path: the file.
        prefix: beginning of the identifiers given to its people and cases.
        centre: centre whose people they become.
        today: no date may lie after it.
        desk: the registry's cases, to notice a report that is there already.

    Raises:
        BadXml, NotE2b: when it is not such a message.
    """
    received, origin = read_any(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    broken = check_batch(received.batch, today=today) if origin == "e2b_r3" else []
    found = []
    for number, report in enumerate(received.batch.reports, 1):
        name = f"{prefix}-{digest[:10]}-{number}"
        imported = rows_of(report, received.batch, person_id=name, case_id=name, sha256=digest, origin=origin)
        for row in imported.tables["people"]:
            row["centre"] = centre
        known = _known_as(desk, report.text("C.1.8.1")) if desk is not None else ""
        found.append(MessageIn(name, imported.tables, imported.notes, tuple(broken), received.unclaimed, known))
    return found


def keep(store: Store, actor: Actor, message: MessageIn, *, why: str = "received as a message") -> int:
    """Keep a prepared report in the registry; keeping the same message again changes nothing. Returns the rows added."""
    centre = message.tables["people"][0]["centre"]
    actor.check("assess", centre=centre or "not recorded")
    actor.check("import")
    added = 0
    with store.transaction(actor.name, why) as change:
        for table in _ORDER:
            if rows := message.tables.get(table):
                added += change.save_many(table, rows, on_change="keep").added
    return added


def send(
    desk: Desk,
    case_id: str,
    sender: Sender,
    *,
    now: dt.datetime,
    profile: Profile = "ich",
    attach: bool = False,
    allow_unfit: bool = False,
) -> tuple[Batch, tuple[str, ...], list[E2bProblem]]:
    """A case as a batch ready to be written, with notes and the rules it breaks.

    Args:
        desk: where the case is.
        case_id: which.
        sender: who sends it, and to whom.
        now: moment of creation with its offset.
        profile: whose rules and regional elements.
        attach: attach the causality suggestion as a JSON document.
        allow_unfit: give it even when the receiver would refuse it.

    Raises:
        NotSendable: with every rule for which the receiver would refuse it.
    """
    if desk.actor is not None:
        desk.actor.check("export", centre=desk.file(case_id).person["centre"])
    file, causality = desk.file(case_id), desk.causality(case_id)
    signed = [item.row for item in standings(file, desk.rows("assessments", case_id)) if item.state in ("signed", "reopened")]
    content = Content(
        reports=desk.rows("case_reports", case_id),
        assessments=signed,
        event_codes=desk.rows("event_codes", case_id),
        narrative=narrate(file, causality, desk.rows("narratives", case_id)).text(),
        comments="\n".join(causality.lines()),
        linked=_linked(desk, case_id),
        attach=causality.as_dict() if attach else None,
    )
    batch, notes = build_batch(file, sender, content, now=now, profile=profile)
    problems = check_batch(batch, profile=profile, today=now.date())
    if not allow_unfit:
        refuse_unfit(problems)
    return batch, notes, problems


def write_batch(path: Path, batch: Batch, schemas: Path | None = None) -> None:
    """Write a batch, held to the ICH schemas when their folder is given.

    Raises:
        SchemaBroken: with the first violations; nothing is written then.
    """
    data = to_bytes(batch)
    if schemas is not None and (broken := schema_problems(data, schemas)):
        raise SchemaBroken(f"{len(broken)} violation(s) of the schema, the first: {broken[0]}", where=str(schemas))
    write_bytes(path, data)


def _linked(desk: Desk, case_id: str) -> tuple[str, ...]:
    """Identifiers of the reports that people linked with this case as one event."""
    groups = same_event_groups([dict(row) for row in desk.around.get("duplicate_links", ())])
    others = next((set(group) - {case_id} for group in groups if case_id in group), set())
    found = [
        row["worldwide_id"] or row["safety_report_id"] for other in sorted(others) for row in desk.rows("case_reports", other)
    ]
    return tuple(dict.fromkeys(str(name) for name in found if name))


def _known_as(desk: Desk, worldwide_id: str | None) -> str:
    rows = desk.around.get("case_reports", ())
    return next((str(row["case_id"]) for row in rows if worldwide_id and row["worldwide_id"] == worldwide_id), "")
