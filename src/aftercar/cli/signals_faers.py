"""``aftercar signals faers|disproportionality|sequential|ledger``: spontaneous reports, repeated looks, the ledger.

Example::

    $ aftercar signals faers load faers_ascii_2023q4.zip --lake reports
    $ aftercar signals disproportionality --lake reports --event @t_cell --strata sex,age_band
    $ aftercar signals sequential --end 20 --events 9 --expected 6.1
    $ aftercar signals ledger list signals.jsonl
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import typer

faers = typer.Typer(no_args_is_help=True, help="Spontaneous reports (FAERS/AEMS): load quarters, what they hold.")
ledger = typer.Typer(
    no_args_is_help=True, help="The signal ledger: detected, validated, confirmed, assessed, closed; who and why."
)

_LAKE = typer.Option(None, "--lake", help="Folder of loaded reports.")
_ENGINE = typer.Option("duckdb", "--engine", help="duckdb, postgresql://user@host/database or spark.")
_MEMORY = typer.Option(None, "--memory", help="Memory limit of the engine in GB.")
_ROLES = typer.Option("PS,SS,I,unstated", "--roles", help="Roles that make a drug suspected.")
_JSON = typer.Option(False, "--json", help="As JSON.")


def register(app: typer.Typer) -> None:
    """Put the commands of this module under ``aftercar signals``."""
    app.add_typer(faers, name="faers")
    app.add_typer(ledger, name="ledger")
    app.command()(disproportionality)
    app.command()(sequential)


@faers.command()
def load(
    sources: list[Path] = typer.Argument(help="Quarterly ASCII ZIP files or the folders they unpack to."),
    lake: Path = typer.Option(help="Folder to keep the reports in; made when missing."),
    allow_broken: int = typer.Option(0, help="Lines of a quarter that may be left out; each is named in the manifest."),
) -> None:
    """Read quarters of any layout since 2004Q1 into a folder of Parquet files; a quarter read again is replaced."""
    from aftercar.actions.signals_faers import load as load_quarters
    from aftercar.cli.output import print_table, progress, say

    with progress() as shown:
        loaded = load_quarters(sources, lake, allow_broken=allow_broken, progress=shown)
    print_table([_loaded_row(item) for item in loaded])
    for item in loaded:
        for note in item.notes:
            say(f"{item.quarter}: {note}")


@faers.command("load-table")
def load_table(
    source: Path = typer.Argument(help="CSV with one row for each drug-event pair of a case; may be gzipped."),
    lake: Path = typer.Option(help="Folder to keep the reports in."),
    quarter: str = typer.Option(help="Name of the part, as 2022Q3."),
    case: str = typer.Option("CASEID", help="Column of the case number."),
    drug: str = typer.Option("DRUG", help="Column of the drug."),
    event: str = typer.Option("AE", help="Column of the event."),
) -> None:
    """Read a plain table of case, drug and event."""
    from aftercar.cli.output import print_table, say
    from aftercar.edges.faers import load_table as load_pairs

    loaded = load_pairs(source, lake, quarter, case=case, drug=drug, event=event)
    print_table([_loaded_row(loaded)])
    for note in loaded.notes:
        say(f"{loaded.quarter}: {note}")


def _loaded_row(item: Any) -> dict[str, Any]:
    rows = item.rows
    return {
        "quarter": item.quarter,
        "source": item.source,
        "reports": rows["faers_reports"],
        "drugs": rows["faers_drugs"],
        "reactions": rows["faers_reactions"],
        "deleted_cases": rows["faers_deleted"],
        "notes": len(item.notes),
    }


@faers.command("products")
def list_products(as_json: bool = _JSON) -> None:
    """The CAR-T products that names are matched to; each fact with how well it was checked."""
    from aftercar.actions.signals_faers import product_table
    from aftercar.cli.output import print_table

    print_table(product_table(), as_json=as_json)


@faers.command()
def summary(
    event: list[str] = typer.Option(help="Reaction term, or @t_cell, @b_cell, @myeloid, @solid; repeat for several."),
    lake: Path = _LAKE,
    engine: str = _ENGINE,
    roles: str = _ROLES,
    level: float = typer.Option(0.95, help="Confidence level."),
    memory: float = _MEMORY,
    as_json: bool = _JSON,
) -> None:
    """Reports of each CAR-T product and the share that names the event, with exact intervals."""
    from aftercar.actions.signals_faers import summarise
    from aftercar.cli.output import print_json, print_table, say

    found = summarise(_lake(lake, engine), event, engine_url=engine, level=level, roles=_list(roles), memory_gb=memory)
    if as_json:
        print_json(
            {
                "rows": found.rows,
                "by_year": found.by_year,
                "terms": found.terms,
                "duplicates": found.duplicates,
                "notes": found.notes,
            }
        )
        return
    print_table(found.rows)
    say(f"taken as the event: {', '.join(found.terms)}")
    if found.duplicates:
        say(f"{len(found.duplicates)} group(s) of reports tell of what may be one person; see --json")
    for note in found.notes:
        say(note)


def disproportionality(
    event: list[str] = typer.Option(help="Reaction term, or @t_cell, @b_cell, @myeloid, @solid; repeat for several."),
    lake: Path = _LAKE,
    drug: list[str] = typer.Option(
        ["CAR-T"], "--drug", help="Product by any of its names, another drug, or CAR-T for the class."
    ),
    comparator: list[str] = typer.Option([], "--comparator", help="Compare with reports of these drugs only."),
    comparators: Path = typer.Option(None, "--comparators", help="The same, one drug on a line of a file."),
    exclude: list[str] = typer.Option([], "--exclude", help="Leave out reports that name this drug."),
    strata: str = typer.Option("", help="Stratify by sex, age_band, year, country (several with commas)."),
    maskers: int = typer.Option(0, help="Show the drugs that hide the event most."),
    shrink: bool = typer.Option(False, "--ebgm", help="Fit the shrinkage prior to every pair; adds EBGM and EB05."),
    pairs: Path = typer.Option(None, "--pairs", help="Also write every drug-event pair to this Parquet or CSV file."),
    book: str = typer.Option(
        None, "--ledger", help="Keep the result as evidence in this signal ledger, file or registry (with --signal, --who)."
    ),
    signal: str = typer.Option("", "--signal", help="Signal of the ledger."),
    who: str = typer.Option("", "--who", help="Who ran it."),
    row: str = typer.Option("", "--row", help="Drug of the row to keep; default the drugs together."),
    level: float = typer.Option(0.95, help="Confidence level."),
    roles: str = _ROLES,
    engine: str = _ENGINE,
    memory: float = _MEMORY,
    as_json: bool = _JSON,
) -> None:
    """Whether the event is reported more often with the product than with others: PRR, ROR, IC, EBGM on report counts.

    \b
    aftercar signals disproportionality --lake reports --event "T-cell lymphoma" --event @t_cell --ebgm
    aftercar signals disproportionality --lake reports --event @t_cell --comparators myeloma_drugs.txt --strata sex,age_band
    """
    from aftercar.actions.signals_disproportionality import Request, pair_table, run
    from aftercar.cli.output import print_json, print_table, say
    from aftercar.edges.files import existing_file

    listed = [line.strip() for line in existing_file(comparators).read_text().splitlines() if line.strip()] if comparators else []
    request = Request(
        events=tuple(event),
        drugs=tuple(drug),
        comparators=(*comparator, *listed),
        exclude=tuple(exclude),
        strata=tuple(_list(strata)),
        roles=tuple(_list(roles)),
        level=level,
        shrink=shrink,
        maskers=maskers,
    )
    place = _lake(lake, engine)
    found = run(place, request, engine_url=engine, memory_gb=memory)
    if as_json:
        print_json(
            {
                "data_lock": found.data_lock,
                "rows": found.rows,
                "maskers": found.maskers,
                "terms": found.terms,
                "notes": found.notes,
            }
        )
    else:
        print_table(found.rows)
        if found.maskers:
            say("drugs whose reports hide the event:")
            print_table(found.maskers)
        say(f"taken as the event: {', '.join(found.terms)}")
        for note in found.notes:
            say(note)
    if book is not None:
        from aftercar.actions.signals_book import place_of
        from aftercar.actions.signals_ledger import remember

        kept = remember(place_of(book), signal, request, found, row=row, who=who, on=dt.datetime.now(tz=dt.UTC).date())
        say(f"{signal}: evidence of data lock {kept.of(signal)[-1].data_lock} kept in {book}")
    if pairs is not None:
        count, _ = pair_table(place, pairs, engine_url=engine, roles=_list(roles), memory_gb=memory)
        say(f"{count:,} pairs written to {pairs}")


def sequential(
    end: float = typer.Option(None, help="End of surveillance in expected events (continuous looking)."),
    looks: Path = typer.Option(None, help="CSV with look, events, expected (cumulative): the looks taken so far."),
    planned: str = typer.Option("", help="Cumulative expected events of planned looks, with commas (looking at data locks)."),
    events: int = typer.Option(None, help="Events so far, for one look."),
    expected: float = typer.Option(None, help="Events expected so far, for one look."),
    alpha: float = typer.Option(0.05, help="Chance of any false signal until the end."),
    minimum: int = typer.Option(4, help="Fewest events that may signal."),
    as_json: bool = _JSON,
) -> None:
    """Repeated looks without too many false signals: Poisson MaxSPRT and its Bayesian companion.

    \b
    aftercar signals sequential --end 20 --events 9 --expected 6.1
    aftercar signals sequential --planned 2,5,10 --looks looks.csv
    """
    from aftercar.actions.signals_sequential import judge, plan, read_looks
    from aftercar.cli.output import print_json, print_table, say
    from aftercar.errors import UsageError

    if (events is None) != (expected is None):
        raise UsageError("events and expected belong together", fix="give both --events and --expected")
    chosen = plan(end, alpha=alpha, minimum=minimum, looks=_numbers(planned))
    seen = read_looks(looks) if looks is not None else []
    if events is not None:
        seen.append(("now", events, expected))
    rows = judge(chosen, seen)
    design = {
        "end": chosen.end,
        "alpha": chosen.alpha,
        "attained_alpha": chosen.attained,
        "minimum": chosen.minimum,
        "critical_value": chosen.critical,
    }
    if as_json:
        print_json({"plan": design, "power": chosen.power, "rows": rows})
        return
    print_table([design])
    print_table(chosen.power)
    if rows:
        print_table(rows)
    say("Expected counts must come from a background that fits the people treated; see `aftercar signals expected`.")


@ledger.command("open")
def open_signal(
    file: str = typer.Argument(help="The ledger: a file of JSON lines, made when missing, or a registry (sqlite:///FILE)."),
    signal: str = typer.Argument(help="Name of the signal, as TCL-1."),
    topic: str = typer.Option(help="Event and product."),
    who: str = typer.Option(help="Who detected it."),
    why: str = typer.Option(help="Reason."),
    on: dt.datetime = typer.Option(None, formats=["%Y-%m-%d"], help="Day; default today."),
) -> None:
    """Enter a detected signal."""
    _record(file, signal, "detect", who, why, on, topic=topic)


@ledger.command()
def move(
    file: str = typer.Argument(help="The ledger: file or registry."),
    signal: str = typer.Argument(help="Name of the signal."),
    step: str = typer.Argument(help="validate, confirm, assess, close, reopen or note."),
    who: str = typer.Option(help="Who decided."),
    why: str = typer.Option(help="Reason."),
    outcome: str = typer.Option(
        None, help="With close: refuted, not_prioritised, monitoring, label_change, risk_minimisation, no_action, other."
    ),
    on: dt.datetime = typer.Option(None, formats=["%Y-%m-%d"], help="Day; default today."),
) -> None:
    """Take the next step with a signal; a step that its state does not allow is refused."""
    _record(file, signal, step, who, why, on, outcome=outcome)


@ledger.command()
def evidence(
    file: str = typer.Argument(help="The ledger: file or registry."),
    signal: str = typer.Argument(help="Name of the signal."),
    figures: Path = typer.Option(help="Result of a command run with --json."),
    data_lock: dt.datetime = typer.Option(formats=["%Y-%m-%d"], help="Last day that the data cover."),
    who: str = typer.Option(help="Who ran it."),
    row: str = typer.Option("", help="Row of the result, by its first column."),
    why: str = typer.Option("figures of a data lock", help="Reason."),
    query: str = typer.Option("", help="The command that made the figures."),
    on: dt.datetime = typer.Option(None, formats=["%Y-%m-%d"], help="Day; default today."),
) -> None:
    """Keep the figures of a data lock, and say what changed since the last one."""
    from aftercar.actions.signals_book import place_of
    from aftercar.actions.signals_ledger import compare, figures_from
    from aftercar.cli.output import print_table

    numbers = figures_from(figures, row)
    _record(file, signal, "evidence", who, why, on, data_lock=data_lock.date(), figures=numbers, query=query)
    print_table(compare(place_of(file), signal))


@ledger.command()
def rerun(
    file: str = typer.Argument(help="The ledger: file or registry."),
    lake: Path = typer.Option(help="Folder of loaded reports, with the new quarter."),
    who: str = typer.Option(help="Who ran it."),
    engine: str = _ENGINE,
    memory: float = _MEMORY,
    as_json: bool = _JSON,
) -> None:
    """Ask at the new data lock what every open signal was asked before, and say what changed."""
    from aftercar.actions.signals_book import place_of
    from aftercar.actions.signals_ledger import rerun as run_again
    from aftercar.cli.output import print_table

    today = dt.datetime.now(tz=dt.UTC).date()
    rows = run_again(place_of(file, there=True), lake, who=who, on=today, engine_url=engine, memory_gb=memory)
    print_table(rows, as_json=as_json, columns=None if as_json else ("signal", "state", "before", "now", "changed"))


@ledger.command("list")
def list_signals(file: str = typer.Argument(help="The ledger: file or registry."), as_json: bool = _JSON) -> None:
    """Every signal: state, since when, by whom, what changed since the last data lock."""
    from aftercar.actions.signals_book import place_of
    from aftercar.actions.signals_ledger import overview
    from aftercar.cli.output import print_table

    print_table(overview(place_of(file, there=True)), as_json=as_json)


@ledger.command()
def show(
    file: str = typer.Argument(help="The ledger: file or registry."),
    signal: str = typer.Argument(help="Name of the signal."),
    as_json: bool = _JSON,
) -> None:
    """Every entry of one signal."""
    from aftercar.actions.signals_book import place_of
    from aftercar.actions.signals_ledger import history
    from aftercar.cli.output import print_table

    rows = history(place_of(file, there=True), signal)
    columns = None if as_json else ("number", "on", "step", "state", "who", "why", "outcome", "data_lock")
    print_table(rows, as_json=as_json, columns=columns)


@ledger.command()
def changes(
    file: str = typer.Argument(help="The ledger: file or registry."),
    signal: str = typer.Argument(help="Name of the signal."),
    as_json: bool = _JSON,
) -> None:
    """The figures of the last two data locks side by side."""
    from aftercar.actions.signals_book import place_of
    from aftercar.actions.signals_ledger import compare
    from aftercar.cli.output import print_table, say

    rows = compare(place_of(file, there=True), signal)
    print_table(rows, as_json=as_json)
    if not rows:
        say("figures of two data locks are needed; add them with `aftercar signals ledger evidence`")


def _record(file: str, signal: str, step: Any, who: str, why: str, on: dt.datetime | None, **more: Any) -> None:
    from aftercar.actions.signals_book import place_of
    from aftercar.actions.signals_ledger import record
    from aftercar.cli.output import say

    day = on.date() if on is not None else dt.datetime.now(tz=dt.UTC).date()
    book = record(place_of(file), signal, step, who=who, on=day, why=why, **more)
    say(f"{signal}: {book.state(signal)} ({len(book.of(signal))} entries)")


def _lake(lake: Path | None, engine: str) -> Path | None:
    from aftercar.errors import UsageError

    if lake is None and engine == "duckdb":
        raise UsageError("no reports named", fix="give --lake FOLDER, or --engine with a database that holds them")
    return lake


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str) -> list[float]:
    from aftercar.errors import UsageError

    try:
        return [float(part) for part in _list(text)]
    except ValueError as error:
        raise UsageError(f"{text!r} is not a list of numbers", fix="give them with commas, as 2,5,10") from error
