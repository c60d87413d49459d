"""``aftercar case``: suspected cases, from the report to a causality statement.

Example::

    $ aftercar case list --study examples/published
    $ aftercar case show PENN-2024-01 --study examples/published
    $ aftercar case checklist CARTITUDE4-P1 --study examples/published
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from aftercar.cli import case_messages
from aftercar.cli.case_common import CASE, DATABASE, JSON, ON, STUDY, WHO, desk_of, registry
from aftercar.cli.days import day_of

if TYPE_CHECKING:
    from aftercar.actions.case_show import CaseView

app = typer.Typer(no_args_is_help=True)
case_messages.register(app)


@app.command("list")
def list_(study: Path | None = STUDY, database: str | None = DATABASE, who: str = WHO, as_json: bool = JSON) -> None:
    """Every case: what it is, whether it counts, what the rules suggest, what is missing most."""
    from aftercar.actions.case_show import list_cases
    from aftercar.cli.output import print_table

    print_table(list_cases(desk_of(study, database, who)), as_json=as_json)


@app.command()
def show(
    case_id: str = CASE,
    study: Path | None = STUDY,
    database: str | None = DATABASE,
    who: str = WHO,
    on: str = ON,
    as_json: bool = JSON,
) -> None:
    """One case: validity, questions, causality with its reasons, what is missing, deadlines, assessments."""
    from aftercar.actions.case_show import show_case
    from aftercar.cli.output import print_json

    view = show_case(desk_of(study, database, who), case_id, day_of(on))
    if as_json:
        print_json(view.as_dict())
    else:
        _print_view(view)


@app.command()
def new(
    values: list[str] = typer.Argument(
        None, help="COLUMN=VALUE of cases, people and infusions, for example diagnosis='T-cell lymphoma'."
    ),
    csv: Path | None = typer.Option(None, "--csv", help="A CSV file with such columns, one case a row, instead."),
    columns: bool = typer.Option(False, "--columns", help="List the columns and leave."),
    received: str = typer.Option("", "--received", help="Day the report was received; today when not given."),
    reporter: str = typer.Option(
        "unknown", "--reporter", help="physician, pharmacist, other_health_professional, lawyer, consumer."
    ),
    country: str = typer.Option("", "--reporter-country", help="Country of the reporter, two letters."),
    database: str | None = DATABASE,
    who: str = WHO,
    as_json: bool = JSON,
) -> None:
    """Take a case in. Says what makes it valid, what is missing and what must be asked."""
    from aftercar.actions.case_record import take_in
    from aftercar.cases.intake import from_mapping
    from aftercar.cli.output import print_json, print_table, say
    from aftercar.errors import UsageError

    if columns:
        _print_columns(as_json)
        return
    if bool(values) == bool(csv):
        raise UsageError("give the case as COLUMN=VALUE words, or a file with --csv", fix="see the columns with --columns")
    store, actor = registry(database, who)
    answers = []
    for row in _csv_rows(csv) if csv is not None else [_pairs(values)]:
        case, person, infusion = from_mapping(row)
        report = {
            "report_id": f"{case.get('case_id', '')}-r1"[:64],
            "case_id": case.get("case_id"),
            "kind": "initial",
            "received_on": str(day_of(received)),
            "origin": "csv" if csv is not None else "form",
            "reporter_qualification": reporter,
            "reporter_country": country or None,
        }
        infusions = [infusion] if infusion.get("product") else []
        found = take_in(store, actor, case, person=person, infusions=infusions, report=report)
        answers.append(
            {
                "case_id": case["case_id"],
                "valid": found.valid,
                "counts": found.countable,
                "missing": ", ".join(found.unmet),
                "ask": " ".join(question.text for question in found.questions),
            }
        )
    if as_json:
        print_json(answers)
    else:
        print_table(answers)
    say(f"kept {len(answers)} case(s)")


@app.command()
def checklist(
    case_id: str = CASE,
    study: Path | None = STUDY,
    database: str | None = DATABASE,
    who: str = WHO,
    on: str = ON,
    as_json: bool = JSON,
) -> None:
    """What to sample and test, from where, what stands, and what stays open without it."""
    from aftercar.actions.case_show import show_case
    from aftercar.cli.output import print_table, say

    found = show_case(desk_of(study, database, who), case_id, day_of(on)).checklist
    rows = [
        {
            "test": item.test,
            "state": item.state,
            "question": item.question,
            "samples": ", ".join(item.samples) or "none known; needs " + " or ".join(item.missing),
            "without_it": f"{item.without} stays open",
            "days": item.turnaround_days,
            "reason": item.reason,
        }
        for item in found.tests
    ]
    print_table(rows, as_json=as_json)
    say(found.contact)


@app.command("test")
def ask(
    case_id: str = CASE,
    name: str = typer.Argument(help="The test, as in the checklist, or the identifier of a request to move on."),
    state: str = typer.Option(
        "requested", "--state", help="planned, requested, received, resulted, not_possible, refused, cancelled."
    ),
    laboratory: str = typer.Option("", "--laboratory", help="Who is asked."),
    sample: str = typer.Option("", "--sample", help="The sample used."),
    reason: str = typer.Option("", "--reason", help="Why it is not possible, refused or cancelled."),
    database: str | None = DATABASE,
    who: str = WHO,
    on: str = ON,
) -> None:
    """Record that a test was asked for, received, resulted, or why there is none."""
    from aftercar.actions.case_record import ask_for_test, move_test
    from aftercar.cli.output import say

    desk = desk_of(None, database, who)
    known = {row["request_id"] for row in desk.rows("testing_requests", case_id)}
    if name in known:
        record = move_test(desk, name, state, on=day_of(on), reason=reason)
    else:
        record = ask_for_test(
            desk, case_id, name, on=day_of(on), laboratory=laboratory, sample_id=sample or None, state=state, reason=reason
        )
    print(record.key)
    say(f"{record['test']}: {record['state'].replace('_', ' ')}")


@app.command("sample")
def sample_(
    sample_id: str = typer.Argument(help="The sample."),
    form: str = typer.Option("unknown", "--form", help="fresh, frozen, ffpe, viable_cells, dna, rna, slides."),
    quantity: float | None = typer.Option(None, "--quantity", min=0.0, help="How much is left."),
    unit: str = typer.Option("", "--unit", help="ug_dna, million_cells, ml, blocks, slides, mg."),
    tumour: float | None = typer.Option(None, "--tumour", min=0.0, max=1.0, help="Fraction of tumour cells."),
    suitable: str = typer.Option("unknown", "--suitable", help="yes, no, unknown."),
    suitable_for: str = typer.Option("", "--for", help="Tests it can serve, separated by commas."),
    reason: str = typer.Option("", "--reason", help="Why it is not suitable."),
    database: str | None = DATABASE,
    who: str = WHO,
    on: str = ON,
) -> None:
    """Record what is left of a specimen and which tests it can still serve."""
    from aftercar.actions.case_record import check_sample
    from aftercar.cli.output import say

    tests = [name.strip() for name in suitable_for.split(",") if name.strip()]
    record = check_sample(
        desk_of(None, database, who),
        sample_id,
        on=day_of(on),
        form=form,
        quantity=quantity,
        unit=unit or None,
        tumour_content=tumour,
        suitable=suitable,
        suitable_for=tests,
        reason=reason,
    )
    print(record.key)
    say(f"{sample_id}: suitable {record['suitable']}")


@app.command()
def code(
    case_id: str = CASE,
    meddra: Path = typer.Option(..., "--meddra", help="Folder of your licensed MedDRA distribution (*.asc)."),
    term: str = typer.Option("", "--term", help="Look terms up by name or words."),
    give: str = typer.Option("", "--give", help="Give the case this code."),
    version: str = typer.Option("", "--meddra-version", help="Version, when the distribution does not say."),
    database: str | None = DATABASE,
    who: str = WHO,
    as_json: bool = JSON,
) -> None:
    """Look a term up in your MedDRA, or give the case a code of it; the version is kept."""
    from aftercar.actions.case_record import code_event
    from aftercar.cli.output import print_table, say
    from aftercar.edges.meddra import read_meddra

    terms = read_meddra(meddra, version or None)
    desk = desk_of(None, database, who)
    if give:
        record = code_event(desk, case_id, terms, give)
        print(record.key)
        say(f"{case_id}: {terms.terms[give].name} (MedDRA {terms.version})")
        return
    found = terms.find(term or desk.file(case_id).case["diagnosis"])
    rows = [
        {"code": item.code, "name": item.name, "level": item.level, "pt": item.pt_code, "soc": terms.soc_of.get(item.pt_code, "")}
        for item in found
    ]
    print_table(rows, as_json=as_json, columns=("code", "name", "level", "pt", "soc"))
    say(f"MedDRA {terms.version}: {len(rows)} term(s)")


@app.command()
def assess(
    case_id: str = CASE,
    grade: str = typer.Option(
        "", "--grade", help="certain, probable, possible, unlikely, conditional, unassessable. Without it, only the suggestion."
    ),
    reasons: str = typer.Option("", "--reasons", help="Your reasons, in your own words."),
    origin: str = typer.Option("", "--origin", help="Cell of origin as you see it; the suggestion when not given."),
    role: str = typer.Option("", "--role", help="Role of the insertion as you see it; the suggestion when not given."),
    organisation: str = typer.Option("", "--organisation", help="For whom you assess."),
    draft: bool = typer.Option(False, "--draft", help="Keep it unsigned."),
    study: Path | None = STUDY,
    database: str | None = DATABASE,
    who: str = WHO,
    on: str = ON,
    as_json: bool = JSON,
) -> None:
    """The three axes with reasons; with --grade, your signed assessment. The software never gives the grade."""
    from aftercar.actions.case_record import assess_case
    from aftercar.actions.case_show import show_case
    from aftercar.cli.output import print_json, say

    desk = desk_of(study, database, who)
    if grade:
        now = None if draft else dt.datetime.now(dt.UTC)
        record = assess_case(
            desk,
            case_id,
            grade=grade,
            reasons=reasons,
            on=day_of(on),
            organisation=organisation,
            origin=origin or None,
            insertion_role=role or None,
            signed_at=now,
        )
        say(f"{'kept as draft' if draft else 'signed'} by {record['assessor']}: {record['grade']} ({record.key})")
        desk = desk_of(study, database, who)
    view = show_case(desk, case_id, day_of(on))
    if as_json:
        print_json({name: view.as_dict()[name] for name in ("case_id", "causality", "assessments", "disagreement")})
    else:
        _print_causality(view)


@app.command()
def narrative(
    case_id: str = CASE,
    write: str = typer.Option("", "--write", help="A text of yours to keep in the section."),
    section: str = typer.Option("event", "--section", help="patient, treatment, event, tests, cause, outcome."),
    instead: bool = typer.Option(False, "--instead", help="Show your text instead of the generated sentences."),
    sources: bool = typer.Option(False, "--sources", help="One sentence a line with the fields it was made from."),
    study: Path | None = STUDY,
    database: str | None = DATABASE,
    who: str = WHO,
    on: str = ON,
    as_json: bool = JSON,
) -> None:
    """The case in sentences, each made from fields; what people wrote stays beside them."""
    from aftercar.actions.case_record import write_narrative
    from aftercar.actions.case_show import show_case
    from aftercar.cli.output import print_table

    desk = desk_of(study, database, who)
    if write:
        write_narrative(desk, case_id, section, write, on=day_of(on), instead=instead)
        desk = desk_of(study, database, who)
    told = show_case(desk, case_id, day_of(on)).narrative
    if sources or as_json:
        rows = [
            {"section": item.section, "by": item.by, "text": item.text, "fields": ", ".join(item.fields), "remark": item.remark}
            for item in told.sentences
        ]
        print_table(rows, as_json=as_json)
    else:
        print(told.text())


@app.command()
def duplicates(
    same: list[str] = typer.Option([], "--same", help="Two cases A,B that are one event: link them."),
    different: list[str] = typer.Option([], "--different", help="Two cases A,B that are not: do not show the pair again."),
    undo: str = typer.Option("", "--undo", help="Identifier of a link to undo."),
    reason: str = typer.Option("", "--reason", help="Why."),
    threshold: float = typer.Option(0.5, "--threshold", min=0.0, max=1.0, help="Probability from which a pair is shown."),
    study: Path | None = STUDY,
    database: str | None = DATABASE,
    who: str = WHO,
    on: str = ON,
    as_json: bool = JSON,
) -> None:
    """Pairs of cases that may be one event, best first. You decide; cases are linked, never merged."""
    from aftercar.actions.case_record import decide_duplicate, duplicate_candidates, undo_duplicate
    from aftercar.cases.duplicates import DuplicateSettings
    from aftercar.cli.output import print_table, say

    desk = desk_of(study, database, who)
    for decision, pairs in (("same_event", same), ("different", different)):
        for pair in pairs:
            one, other = _two(pair)
            record = decide_duplicate(desk, one, other, decision, on=day_of(on), reason=reason)
            say(f"{decision.replace('_', ' ')}: {record.key}")
    if undo:
        undo_duplicate(desk, undo, on=day_of(on), reason=reason)
        say(f"undone: {undo}")
    if same or different or undo:
        return
    found = duplicate_candidates(desk, DuplicateSettings(threshold=threshold))
    rows = [
        {
            "first": item.first,
            "second": item.second,
            "probability": round(item.probability, 4),
            "bits": round(item.weight, 1),
            "because": "; ".join(
                f"{name} {level} ({bits:+.1f})" for name, (level, bits) in item.levels.items() if level != "not comparable"
            ),
        }
        for item in found.candidates
    ]
    print_table(rows, as_json=as_json)
    say(f"{len(rows)} pair(s) at {threshold:g} or more, of {found.compared} compared")
    for name, size in found.skipped:
        say(f"not compared: {size} cases share {name}")


def _pairs(words: list[str]) -> dict[str, str]:
    from aftercar.errors import UsageError

    for word in words:
        if "=" not in word:
            raise UsageError(f"{word!r} is not COLUMN=VALUE", fix="see the columns with --columns")
    return dict(word.split("=", 1) for word in words)


def _csv_rows(path: Path) -> list[dict[str, str]]:
    import csv

    from aftercar.edges.files import existing_file

    with existing_file(path).open(encoding="utf-8-sig", newline="") as stream:
        return [{name: value or "" for name, value in row.items() if name} for row in csv.DictReader(stream)]


def _two(pair: str) -> tuple[str, str]:
    from aftercar.errors import UsageError

    names = [name.strip() for name in pair.split(",")]
    if len(names) != 2:
        raise UsageError(f"{pair!r} does not name two cases", fix="write A,B")
    return names[0], names[1]


def _print_columns(as_json: bool) -> None:
    from aftercar.cli.output import print_table
    from aftercar.edges.tables import describe
    from aftercar.vocab.tables.study import CASES, INFUSIONS, PEOPLE

    rows = [
        {"table": table.name, "column": column.name, "about": describe(column)}
        for table in (CASES, PEOPLE, INFUSIONS)
        for column in table.columns
    ]
    print_table(rows, as_json=as_json)


def _print_view(view: CaseView) -> None:
    file = view.file
    infusion = file.suspected_infusion
    print(f"{file.case_id}: {file.case['diagnosis']}")
    print(f"  product: {infusion['product'] if infusion is not None else 'not known'}")
    print(f"  onset: {file.onset_months.text() if file.onset_months else 'not known'}")
    counts = (
        "counts" if view.validity.countable else "must be asked about first" if view.validity.valid else "is not a valid case yet"
    )
    print(f"  {counts}; complete {view.completeness.score:.0%}; serious: {', '.join(view.seriousness).replace('_', ' ') or 'no'}")
    for criterion in view.validity.criteria:
        if not criterion.met:
            print(f"  missing: {criterion.says}")
    for question in view.validity.questions:
        print(f"  ask: {question.text} [{question.field}]")
    for deadline in view.deadlines:
        late = "LATE" if deadline.is_late else f"{deadline.days_left} days left"
        print(f"  due {deadline.due_on} to {deadline.rule.to} ({late}) [{deadline.rule.source}]")
    _print_causality(view)


def _print_causality(view: CaseView) -> None:
    causality = view.causality
    for line in causality.lines()[:-1]:
        print(line)
    print("Reasons:")
    reasons = [*causality.origin.reasons, *causality.role.reasons]
    for reason in [*reasons, *(item for part in causality.contributors for item in part.reasons)]:
        print(f"  {'+' if reason.speaks == 'for' else '-' if reason.speaks == 'against' else ' '} {reason}")
    print("Missing, and what would settle it:")
    for gap in causality.missing:
        print(f"  {gap}")
    print("D. Overall grade, by named persons:")
    for item in view.assessments:
        changed = f"; evidence changed since: {', '.join(item.changed)}" if item.changed else ""
        who = f"{item.row['assessor']}, {item.row['assessed_on']}, {item.state}{changed}"
        print(f"  {item.row['grade']} ({who}): {item.row['reasons']}")
    if not view.assessments:
        print("  none yet")
    if view.disagreement:
        print(f"  {view.disagreement}")
