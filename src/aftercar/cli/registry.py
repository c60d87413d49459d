"""``aftercar registry``: every treated person, followed for life.

Example::

    $ aftercar registry init
    $ aftercar registry import my-study --commit
    $ aftercar registry due
"""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from aftercar.cli.days import day_of

if TYPE_CHECKING:
    from aftercar.actions.permissions import Actor
    from aftercar.registry.plan import PlanSet
    from aftercar.registry.pseudonyms import Key
    from aftercar.store import Store

app = typer.Typer()

_DATABASE = typer.Option(
    None, "--database", envvar="AFTERCAR_DATABASE", help="sqlite:///FILE, a path, or postgresql://...; default aftercar.db here."
)
_WHO = typer.Option("", "--as", help="Name for the audit trail; your login name when not given.")
_WHY = typer.Option("", "--why", help="Reason for the audit trail.")
_ON = typer.Option("", "--on", help="The day, YYYY-MM-DD; today when not given.")
_JSON = typer.Option(False, "--json", help="As JSON.")
_PLANS = typer.Option([], "--plan-file", help="A site's plan (TOML), besides those kept in the registry.")
_KEY = typer.Option(None, "--key", help="File with the site's key for pseudonyms.")
_CENTRE = typer.Option("", "--centre", help="This centre only.")


@app.command()
def init(database: str = _DATABASE) -> None:
    """Make a registry, or bring an older one up to date. Safe to repeat."""
    from aftercar.cli.output import say
    from aftercar.store import create_store

    store = create_store(database)
    print(store.url)
    say(f"ready: {store.count('people')} people")


@app.command("import")
def import_(
    source: Path = typer.Argument(
        help="A study folder, a workbook (.xlsx), FHIR JSON (file or folder), or OMOP tables (folder or zip)."
    ),
    format: str = typer.Option("auto", "--format", help="study, workbook, fhir, omop, or auto."),
    commit: bool = typer.Option(False, "--commit", help="Keep it. Without this the import is rehearsed and reported."),
    update: bool = typer.Option(False, "--update", help="Records that are there with other values get a new version."),
    keep: bool = typer.Option(False, "--keep", help="Records that are there with other values stay as they are."),
    centre: str = typer.Option("", "--centre", help="FHIR, OMOP: the centre of all people."),
    jurisdiction: str = typer.Option("unknown", "--jurisdiction", help="FHIR, OMOP: whose follow-up rules apply."),
    setting: str = typer.Option("unknown", "--setting", help="FHIR, OMOP: commercial, trial, ..."),
    key: Path | None = _KEY,
    codes: list[Path] = typer.Option([], "--codes", help="FHIR, OMOP: TOML file with further codes."),
    study_id: str = typer.Option("study", "--study", help="Study folder, workbook: name to keep its head under."),
    database: str = _DATABASE,
    who: str = _WHO,
    why: str = _WHY,
    as_json: bool = _JSON,
) -> None:
    """Bring people in. The first run is a rehearsal: it reports what maps, what does not and why, and keeps nothing."""
    from aftercar.actions.registry_import import import_rows
    from aftercar.cli.output import print_json, print_table, say
    from aftercar.errors import UsageError

    if update and keep:
        raise UsageError("--update and --keep exclude each other")
    if centre:
        _identifier(centre, "--centre")
    incoming = _incoming(source, format, commit, centre, jurisdiction, setting, _key(key), codes, study_id)
    store, actor = _open(database, who)
    on_change: Literal["stop", "update", "keep"] = "update" if update else "keep" if keep else "stop"
    result = import_rows(store, actor, incoming, why=why or f"import of {source.name}", commit=commit, on_change=on_change)
    if as_json:
        print_json(
            {
                "committed": result.committed,
                "tables": result.summary(),
                "differences": result.differences(),
                "mapping": [dict(item) for item in result.findings],
            }
        )
    else:
        if result.findings:
            print_table(result.findings, columns=("kind", "what", "count", "mapped_to", "why"))
        print_table(result.summary(), columns=("table", "added", "changed", "kept", "unchanged", "erased_before"))
        print_table(result.differences(), columns=("table", "record", "columns")) if result.differences() else None
    if result.committed:
        say(f"kept: {result.touched} record(s) added or changed")
    elif result.differences() and not (update or keep):
        say(f"rehearsed, nothing was kept. {len(result.differences())} record(s) differ: add --update or --keep, then --commit")
    else:
        say("rehearsed, nothing was kept. Add --commit to keep it")


@app.command()
def export(
    target: Path = typer.Argument(help="A new folder (study), or a file (.xlsx workbook, .json FHIR, .csv counts)."),
    format: str = typer.Option("study", "--format", help="study, workbook, fhir-r4, fhir-r5, or counts."),
    key: Path | None = _KEY,
    dates: str = typer.Option("keep", "--dates", help="keep, month, year or shift (shift needs --key)."),
    include_withdrawn: bool = typer.Option(
        False, "--include-withdrawn", help="Also people who withdrew consent to use of their data."
    ),
    study_id: str = typer.Option("", "--study", help="Whose title, data lock and settings to write."),
    database: str = _DATABASE,
    who: str = _WHO,
) -> None:
    """Write a study folder, a workbook, a FHIR bundle, or masked counts; with --key every identifier is replaced."""
    from aftercar.actions.registry_due import plans_in_force
    from aftercar.actions.registry_export import export_counts, export_registry
    from aftercar.cli.output import print_table, say
    from aftercar.registry.pseudonyms import Pseudonyms

    store, actor = _open(database, who)
    if format == "counts":
        below = plans_in_force(store).settings.small_cell
        rows = export_counts(store, actor, target, dt.date.today(), below=below)
        say(f"{rows} product(s) written to {target}; counts from 1 to {below - 1} are masked")
        return
    secret = _key(key)
    done = export_registry(
        store,
        actor,
        target,
        _choice(format, ("study", "workbook", "fhir-r4", "fhir-r5", "counts"), "--format"),
        today=dt.date.today(),
        study_id=study_id,
        include_withdrawn=include_withdrawn,
        pseudonyms=Pseudonyms(secret) if secret else None,
        dates=_choice(dates, ("keep", "month", "year", "shift"), "--dates"),
    )
    print_table([{"table": name, "rows": rows} for name, rows in done.rows.items()])
    if done.withdrawn:
        say(f"{done.withdrawn} people were left out because they withdrew consent")
    if done.files:
        say(f"samples name {len(done.files)} file(s) that the registry does not hold; put them into {target}")


@app.command()
def due(
    on: str = _ON,
    days: int = typer.Option(31, "--days", min=0, help="Also tasks that open within so many days."),
    state: str = typer.Option("", "--state", help="due, overdue or upcoming only."),
    people: bool = typer.Option(False, "--people", help="The state of everybody instead of the open tasks."),
    centres: bool = typer.Option(False, "--by-centre", help="People of each centre by state."),
    ics: Path | None = typer.Option(None, "--ics", help="Write the tasks as an iCalendar file."),
    centre: str = _CENTRE,
    plan_file: list[Path] = _PLANS,
    database: str = _DATABASE,
    who: str = _WHO,
    as_json: bool = _JSON,
) -> None:
    """Who is due, overdue or lost."""
    import polars as pl

    from aftercar.actions.registry_due import by_centre, plans_in_force, work_lists
    from aftercar.cli.output import print_table, say

    store, actor = _open(database, who, centre)
    day = day_of(on)
    found = work_lists(store, actor, day, plans_in_force(store, plan_file), until=day + dt.timedelta(days=days))
    tasks = found.tasks
    if state:
        tasks = tasks.filter(pl.col("state") == _choice(state, ("due", "overdue", "upcoming"), "--state"))
    if ics is not None:
        from aftercar.edges.files import write_bytes
        from aftercar.edges.icalendar import calendar

        write_bytes(ics, calendar(tasks.iter_rows(named=True), made=dt.datetime.now(dt.UTC)).encode())
        say(f"{tasks.height} task(s) written to {ics}")
    if centres:
        print_table(by_centre(found).to_dicts(), as_json=as_json)
    elif people:
        print_table(found.people.to_dicts(), as_json=as_json)
    elif ics is None:
        columns = ("person_id", "centre", "state", "due_on", "closes_on", "task", "plan", "mark")
        print_table(tasks.to_dicts(), as_json=as_json, columns=columns)
    counts = dict(found.people["state"].value_counts().sort("state").iter_rows())
    say(f"{day}: " + (", ".join(f"{number} {name}" for name, number in counts.items()) or "nobody in the registry"))


@app.command()
def plan(
    person: str = typer.Argument("", help="A person: every task so far, and the next year's."),
    show: str = typer.Option("", "--show", help="Print a shipped plan as TOML."),
    add: Path | None = typer.Option(None, "--add", help="Keep a site's plan (TOML) in the registry."),
    on: str = _ON,
    plan_file: list[Path] = _PLANS,
    database: str = _DATABASE,
    who: str = _WHO,
    as_json: bool = _JSON,
) -> None:
    """The plans in force with their sources; or one person's schedule."""
    from aftercar.cli.output import print_table, say

    if show:
        print(_shipped(show), end="")
        return
    store, actor = _open(database, who)
    if add is not None:
        from aftercar.actions.registry_plans import keep_plan

        say(f"kept {keep_plan(store, actor, add).key}")
        return
    from aftercar.actions.registry_due import person_schedule, plans_in_force

    plans = plans_in_force(store, plan_file)
    if not person:
        print_table(_plan_rows(plans), as_json=as_json)
        for name, reason in plans.omitted:
            say(f"left out: {name}, because {reason}")
        return
    day = day_of(on)
    _, state, tasks = person_schedule(store, actor, person, day, plans, until=day + dt.timedelta(days=366))
    rows = [
        {
            "due_on": task.due,
            "state": task.state,
            "task": task.rule.task,
            "opens_on": task.opens,
            "closes_on": task.closes,
            "done_on": task.done_on,
            "infusion_id": task.infusion_id,
            "plan": task.plan,
            "source": task.rule.source,
            "mark": task.rule.mark,
        }
        for task in tasks
    ]
    print_table(rows, as_json=as_json, columns=None if as_json else ("due_on", "state", "task", "done_on", "plan", "mark"))
    say(f"{person} on {day}: {state}")


@app.command()
def alerts(
    on: str = _ON,
    everything: bool = typer.Option(False, "--all", help="Also those that are done."),
    centre: str = _CENTRE,
    plan_file: list[Path] = _PLANS,
    database: str = _DATABASE,
    who: str = _WHO,
    as_json: bool = _JSON,
) -> None:
    """Persistence, predominant clones, replication-competent virus, new malignancies: graded, none suppressed."""
    from dataclasses import asdict

    from aftercar.actions.registry_due import plans_in_force
    from aftercar.actions.registry_review import all_alerts
    from aftercar.cli.output import print_table

    store, actor = _open(database, who, centre)
    found = all_alerts(store, actor, day_of(on), plans_in_force(store, plan_file).settings, open_only=not everything)
    rows = [{**asdict(alert), "source": str(alert.source), "rows": "; ".join(alert.rows)} for alert in found]
    print_table(rows, as_json=as_json, columns=("grade", "person_id", "kind", "on", "due_by", "statement", "source"))


@app.command()
def specimens(
    case: str = typer.Option("", "--case", help="The sampling checklist of one case."),
    centre: str = _CENTRE,
    database: str = _DATABASE,
    who: str = _WHO,
    as_json: bool = _JSON,
) -> None:
    """Specimens that are missing: baseline samples, tumour tissue, product retains."""
    from dataclasses import asdict

    from aftercar.actions.registry_review import checklist
    from aftercar.actions.registry_review import specimens as missing
    from aftercar.cli.output import print_table

    store, actor = _open(database, who, centre)
    if case:
        print_table([asdict(item) for item in checklist(store, actor, case)], as_json=as_json)
    else:
        print_table(missing(store, actor), as_json=as_json, columns=("person_id", "centre", "case_id", "item", "status", "why"))


@app.command()
def completeness(on: str = _ON, centre: str = _CENTRE, database: str = _DATABASE, who: str = _WHO, as_json: bool = _JSON) -> None:
    """Completeness of follow-up: person-time observed over the person-time that could have been."""
    from aftercar.actions.registry_review import follow_up_completeness
    from aftercar.cli.output import print_table

    store, actor = _open(database, who, centre)
    rows = [
        {
            "centre": item.group,
            "people": item.people,
            "observed_years": round(item.observed_years, 2),
            "potential_years": round(item.potential_years, 2),
            "completeness": round(item.index, 4),
            "closing": item.closing,
        }
        for item in follow_up_completeness(store, actor, day_of(on))
    ]
    print_table(rows, as_json=as_json)


@app.command()
def verify(
    anchor: list[Path] = typer.Option(
        [], "--anchor", help="File with anchors kept earlier; proves that the end was not cut off."
    ),
    keep_anchor: Path | None = typer.Option(None, "--keep-anchor", help="Add the chain's end now to this file."),
    database: str = _DATABASE,
    who: str = _WHO,
    as_json: bool = _JSON,
) -> None:
    """Prove the audit trail: nothing changed, removed, moved or cut off. Exit status 5 when it does not hold."""
    from dataclasses import asdict

    from aftercar.actions.registry_verify import keep_anchor as keep
    from aftercar.actions.registry_verify import verify as prove
    from aftercar.cli.output import print_json, say

    store, actor = _open(database, who)
    found = prove(store, actor, anchor)
    if as_json:
        print_json(asdict(found))
    else:
        counts = f"{found.entries} entries\t{found.records} records\t{found.erased} erased\t{found.anchors} anchors"
        print(f"{counts}\thead {found.head[1]}")
    if keep_anchor is not None:
        say(f"kept: {keep(store, actor, keep_anchor).line()}")
    say("the trail is whole, and every record is what it says")


@app.command()
def backup(
    file: Path = typer.Argument(help="The file to make; never overwritten."),
    database: str = _DATABASE,
    who: str = _WHO,
) -> None:
    """Copy a SQLite registry while others work, and prove the copy: the database's own check and the audit trail."""
    from aftercar.actions.registry_backup import backup as copy
    from aftercar.cli.output import say

    store, actor = _open(database, who)
    found = copy(store, actor, file)
    print(file)
    say(f"{found.records} records, {found.entries} entries of the trail, head {found.head[1]}")


@app.command()
def restore(file: Path = typer.Argument(help="A file made by backup."), database: str = _DATABASE) -> None:
    """Bring a backup to --database, where nothing may stand, and up to date with this program. The backup is not touched."""
    from aftercar.actions.registry_backup import restore as bring_back
    from aftercar.cli.output import say

    found = bring_back(file, database)
    say(f"restored: {found.records} records, {found.entries} entries of the trail, head {found.head[1]}")


@app.command()
def history(
    table: str = typer.Argument(help="people, infusions, ..."),
    record: str = typer.Argument(help="The record's identifier."),
    database: str = _DATABASE,
    who: str = _WHO,
    as_json: bool = _JSON,
) -> None:
    """Every change of one record: who, when, why, from what to what."""
    from aftercar.actions.registry_people import history as entries
    from aftercar.cli.output import print_table
    from aftercar.errors import UsageError

    store, actor = _open(database, who)
    try:
        found = entries(store, actor, table, record)
    except KeyError as error:
        raise UsageError(str(error.args[0])) from None
    rows = [
        {"version": e.version, "at": e.at, "who": e.who, "action": e.action, "why": e.why, "before": e.before, "after": e.after}
        for e in found
    ]
    print_table(rows, as_json=as_json)


@app.command("withdraw-consent")
def withdraw_consent(
    person: str = typer.Argument(help="Pseudonym."),
    on: str = _ON,
    scope: list[str] = typer.Option(
        [], "--scope", help="follow_up, data_use, data_sharing, genetic_testing, recontact; all when none."
    ),
    database: str = _DATABASE,
    who: str = _WHO,
    why: str = _WHY,
) -> None:
    """Record that a person withdrew consent. Nothing is deleted; see erase."""
    from aftercar.actions.registry_people import withdraw_consent as withdraw
    from aftercar.cli.output import print_table

    store, actor = _open(database, who)
    records = withdraw(store, actor, person, on=day_of(on), scopes=scope, why=why or "consent withdrawn")
    print_table([{name: record[name] for name in ("consent_id", "scope", "version", "withdrawn_on")} for record in records])


@app.command()
def erase(
    person: str = typer.Argument(help="Pseudonym."),
    confirm: str = typer.Option("", "--confirm", help="The pseudonym again."),
    database: str = _DATABASE,
    who: str = _WHO,
    why: str = typer.Option(..., "--why", help="The lawful ground, for the audit trail."),
) -> None:
    """Lawful erasure of everything about a person. Cannot be undone."""
    from aftercar.actions.registry_people import erase as remove
    from aftercar.cli.output import say
    from aftercar.errors import UsageError

    if confirm != person:
        raise UsageError("erasure cannot be undone", fix=f"repeat the pseudonym: --confirm {person}")
    store, actor = _open(database, who)
    say(f"{remove(store, actor, person, why=why)} record(s) erased; the trail keeps that they were there, not what they said")


@app.command()
def key(file: Path = typer.Argument(help="The file to make.")) -> None:
    """Make a key for pseudonyms. Keep it at the site, and a copy in a safe: without it nobody is found again."""
    from aftercar.actions.registry_verify import new_key

    new_key(file)
    print(file)


def _open(database: str | None, who: str, centre: str = "") -> tuple[Store, Actor]:
    """The store and the person at this command line, limited to one centre when asked."""
    from dataclasses import replace

    from aftercar.cli.case_common import registry

    store, actor = registry(database, who)
    return store, replace(actor, centres=frozenset({centre})) if centre else actor


def _incoming(
    source: Path,
    format: str,
    commit: bool,
    centre: str,
    jurisdiction: str,
    setting: str,
    key: Key | None,
    codes: list[Path],
    study_id: str,
) -> Any:
    from aftercar.actions.registry_import import guess_format, study_rows, workbook_rows

    kind = _choice(format, ("auto", "study", "workbook", "fhir", "omop"), "--format")
    kind = guess_format(source) if kind == "auto" else kind
    if kind == "study":
        return study_rows(source, study_id)
    if kind == "workbook":
        return workbook_rows(source, study_id)
    from aftercar.actions.registry_import_records import record_rows
    from aftercar.registry.mapping import Defaults
    from aftercar.vocab.tables.study import INFUSIONS

    defaults = Defaults(
        centre or None,
        _choice(jurisdiction, INFUSIONS["jurisdiction"].choices, "--jurisdiction"),
        _choice(setting, INFUSIONS["setting"].choices, "--setting"),
    )
    records: Literal["fhir", "omop"] = "fhir" if kind == "fhir" else "omop"
    return record_rows(records, source, key=key, commit=commit, defaults=defaults, code_files=codes)


def _key(path: Path | None) -> Key | None:
    if path is None:
        return None
    from aftercar.actions.registry_verify import read_key

    return read_key(path)


def _choice(text: str, allowed: tuple[str, ...], option: str) -> Any:
    from aftercar.errors import UsageError

    if text not in allowed:
        raise UsageError(f"{option} is {text!r}", fix=f"use one of {', '.join(allowed)}")
    return text


def _identifier(text: str, option: str) -> None:
    from aftercar.errors import UsageError
    from aftercar.vocab.ids import is_id

    if not is_id(text):
        raise UsageError(f"{option} {text!r} is not an identifier", fix="use letters, digits, - _ and .")


def _shipped(name: str) -> str:
    from importlib import resources

    from aftercar.errors import UsageError
    from aftercar.registry.plan import shipped_plans

    known = [plan.name for plan in shipped_plans()]
    if name not in known:
        raise UsageError(f"there is no plan {name!r}", fix=f"the shipped plans are {', '.join(known)}")
    return resources.files("aftercar.registry.plans").joinpath(f"{name}.toml").read_text(encoding="utf-8")


def _plan_rows(plans: PlanSet) -> list[dict[str, Any]]:
    return [
        {
            "plan": plan.label,
            "rule": rule.id,
            "task": rule.task,
            "when": _when(rule.unit, rule.offsets),
            "window": f"-{rule.before_days}/+{rule.after_days} days",
            "jurisdictions": ", ".join(plan.applies.jurisdictions) or "any",
            "settings": ", ".join(plan.applies.settings) or "any",
            "mark": rule.mark,
            "source": rule.source,
        }
        for plan in plans.plans
        for rule in plan.rules
    ]


def _when(unit: str, offsets: tuple[int, ...]) -> str:
    if len(offsets) < 5:
        return f"{unit} {', '.join(map(str, offsets))}"
    step = offsets[1] - offsets[0]
    if all(b - a == step for a, b in pairwise(offsets)):
        end = "for life" if offsets[-1] > 100 * 12 else f"to {offsets[-1]}"
        return f"{unit} {offsets[0]}, every {step} {end}"
    return f"{unit} {', '.join(map(str, offsets))}"
