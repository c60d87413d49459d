"""``aftercar case import-e2b``, ``export-e2b`` and ``export-fhir``: cases in and out as messages.

Example::

    $ aftercar case import-e2b message.xml
    $ aftercar case export-fhir PENN-2024-01 --study examples/published --out case.json
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from aftercar.cli.case_common import CASE, DATABASE, JSON, ON, STUDY, WHO, desk_of, registry
from aftercar.cli.days import day_of

if TYPE_CHECKING:
    from aftercar.actions.case_desk import Desk


def register(app: typer.Typer) -> None:
    """Add the commands to ``aftercar case``."""
    app.command("import-e2b")(import_e2b)
    app.command("export-e2b")(export_e2b)
    app.command("export-fhir")(export_fhir)


def import_e2b(
    message: Path = typer.Argument(help="An E2B(R3) or E2B(R2) message."),
    commit: bool = typer.Option(False, "--commit", help="Keep it. Without this it is only read and reported."),
    prefix: str = typer.Option("E2B", "--prefix", help="Beginning of the identifiers given to its people and cases."),
    centre: str = typer.Option("", "--centre", help="Centre whose people they become."),
    database: str | None = DATABASE,
    who: str = WHO,
    as_json: bool = JSON,
) -> None:
    """Read a safety report. Says what it holds, what breaks the rules and what could not be carried over."""
    from aftercar.actions.case_messages import keep, receive
    from aftercar.cli.output import print_json, say

    store = actor = desk = None
    if commit:
        from aftercar.actions.case_desk import desk_of_store

        store, actor = registry(database, who)
        desk = desk_of_store(store, actor)
    found = receive(message, prefix=prefix, centre=centre or None, today=day_of(""), desk=desk)
    if as_json:
        print_json(
            [
                {"case_id": item.case_id, "known_as": item.known_as, "tables": item.tables, "notes": item.notes,
                 "problems": [str(problem) for problem in item.problems], "unclaimed": item.unclaimed}
                for item in found
            ]
        )  # fmt: skip
    for item in found:
        if not as_json:
            case = item.tables["cases"][0]
            print(f"{item.case_id}\t{case['diagnosis']}\t{sum(len(rows) for rows in item.tables.values())} rows")
        for note in item.notes:
            say(f"  note: {note}")
        for problem in item.problems:
            say(f"  rule: {problem}")
        for place in item.unclaimed:
            say(f"  not read: {place}")
        if item.known_as:
            say(f"  {item.known_as} has the same worldwide identifier: not kept; add it there as a follow-up")
        elif store is not None and actor is not None:
            say(f"  kept: {keep(store, actor, item)} row(s) added")
    if not commit:
        say("nothing was kept; add --commit to keep it")


def export_e2b(
    case_id: str = CASE,
    out: Path = typer.Option(..., "--out", "-o", help="File to write."),
    organisation: str = typer.Option(..., "--organisation", help="Sending organisation."),
    sender: str = typer.Option(..., "--sender", help="Sender identifier agreed with the receiver."),
    receiver: str = typer.Option(..., "--receiver", help="Batch receiver (FDA: ZZFDA, ZZFDA_PREMKT)."),
    message_receiver: str = typer.Option("", "--message-receiver", help="Message receiver (FDA: CDER, CBER_IND ...)."),
    country: str = typer.Option(..., "--country", help="Country of the sender, two letters."),
    profile: str = typer.Option("ich", "--profile", help="ich, fda, fda_premarket, eu."),
    schemas: Path | None = typer.Option(None, "--schemas", help="Folder of the ICH schemas, to check the message against."),
    meddra_version: str = typer.Option("", "--meddra-version", help="With --meddra-code: version of your licensed MedDRA."),
    meddra_code: str = typer.Option("", "--meddra-code", help="Event as a lowest level term code, when the case has none."),
    attach: bool = typer.Option(False, "--attach", help="Attach the causality suggestion as JSON."),
    unfit: bool = typer.Option(False, "--unfit", help="Write it even when the receiver would refuse it."),
    study: Path | None = STUDY,
    database: str | None = DATABASE,
    who: str = WHO,
) -> None:
    """Write a case as an E2B(R3) message, held to the rules of the receiver."""
    from aftercar.actions.case_messages import send, write_batch
    from aftercar.cases.e2b.build import Sender
    from aftercar.cases.e2b.rules import PROFILES
    from aftercar.cli.output import say
    from aftercar.errors import UsageError

    if profile not in PROFILES:
        raise UsageError(f"{profile!r} is not a profile", fix=f"the profiles are {', '.join(PROFILES)}")
    if bool(meddra_code) != bool(meddra_version):
        raise UsageError("a MedDRA code needs its version", fix="give both --meddra-code and --meddra-version")
    desk = desk_of(study, database, who)
    if meddra_code:
        desk = _with_code(desk, case_id, meddra_code, meddra_version)
    address = Sender(organisation, sender, country, receiver, message_receiver)
    batch, notes, problems = send(
        desk,
        case_id,
        address,
        now=dt.datetime.now(dt.UTC),
        profile=profile,
        attach=attach,
        allow_unfit=unfit,
    )
    write_batch(out, batch, schemas)
    for note in notes:
        say(f"note: {note}")
    for problem in problems:
        say(f"{'refused' if problem.reject else 'warning'}: {problem}")
    print(out)


def export_fhir(
    case_id: str = CASE,
    out: Path = typer.Option(..., "--out", "-o", help="File to write."),
    release: str = typer.Option("R5", "--release", help="R5 or R4B."),
    study: Path | None = STUDY,
    database: str | None = DATABASE,
    who: str = WHO,
    on: str = ON,
) -> None:
    """Write a case as a FHIR bundle around an AdverseEvent."""
    import json

    from aftercar.actions.case_show import show_case
    from aftercar.edges.fhir_adverse_event import adverse_event_bundle
    from aftercar.edges.files import write_text
    from aftercar.errors import UsageError

    if release not in ("R5", "R4B"):
        raise UsageError(f"{release!r} is not a release", fix="R5 or R4B")
    view = show_case(desk_of(study, database, who), case_id, day_of(on))
    signed = [item.row for item in view.assessments if item.state in ("signed", "reopened")]
    bundle = adverse_event_bundle(view.file, signed, recorded_on=str(day_of(on)), release=release)  # type: ignore[arg-type]
    write_text(out, json.dumps(bundle, indent=2, ensure_ascii=False) + "\n")
    print(out)


def _with_code(desk: Desk, case_id: str, code: str, version: str) -> Desk:
    from dataclasses import replace

    row: dict[str, Any] = {"case_id": case_id, "system": "meddra", "version": version, "level": "llt", "code": code}
    return replace(desk, around={**desk.around, "event_codes": [*desk.around.get("event_codes", ()), row]})
