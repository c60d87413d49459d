"""``aftercar label``: what product information says of second malignancies, version by version.

Example::

    $ aftercar label import label.json
    $ aftercar label diff axi-cel.US.26
    $ aftercar label touches axi-cel.US.26
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from aftercar.cli.case_common import DATABASE, JSON, WHO, registry

if TYPE_CHECKING:
    from aftercar.registry.labels import Change

app = typer.Typer()

_WHY = typer.Option("", "--why", help="Reason for the audit trail.")
_PLANS = typer.Option([], "--plan-file", help="A site's plan (TOML), besides those kept in the registry.")


@app.command("import")
def import_(
    file: Path = typer.Argument(help="openFDA drug label records (.json), or one section as text (.txt) with the options below."),
    product: str = typer.Option("", "--product", help="Text: the product, by key or name."),
    jurisdiction: str = typer.Option("", "--jurisdiction", help="Text: whose product information it is: EU, UK, CA, ..."),
    version: str = typer.Option("", "--version", help="Text: version as the document states it."),
    on: str = typer.Option("", "--on", help="Text: day from which it applies, YYYY-MM-DD."),
    source: str = typer.Option("", "--source", help="Text: citation of the document."),
    database: str = DATABASE,
    who: str = WHO,
    why: str = _WHY,
    as_json: bool = JSON,
) -> None:
    """Keep new versions of product information, and say what changed since the version before."""
    from aftercar.actions.labels import Described, import_labels
    from aftercar.cli.output import print_json, print_table, say
    from aftercar.registry.labels import monitoring_words

    store, actor = registry(database, who)
    described = Described(product, jurisdiction, version, on, source)
    done, others = import_labels(store, actor, file, described, why=why or f"product information from {file.name}")
    rows = [
        {
            "label_id": item.label.key,
            "effective_on": item.label["effective_on"],
            "boxed_warning": item.label["boxed_warning"],
            "monitoring": monitoring_words(item.label.row),
            "held_against": item.previous or None,
            "changes": len(item.changes) if item.previous else None,
        }
        for item in done
    ]
    if as_json:
        print_json([{**row, "changes": _change_rows(item.changes)} for row, item in zip(rows, done, strict=True)])
    else:
        print_table(rows)
    for other in others:
        say(f"left out, not a CAR-T product: {other}")
    for item in done:
        if item.changes:
            say(f"{item.label.key} differs from {item.previous}; what rests on it: aftercar label touches {item.label.key}")


@app.command("list")
def list_(
    product: str = typer.Option("", "--product", help="This product only, by key."),
    database: str = DATABASE,
    who: str = WHO,
    as_json: bool = JSON,
) -> None:
    """Every version in the registry with its boxed warning and duration of monitoring."""
    from aftercar.actions.labels import labels
    from aftercar.cli.output import print_table

    store, actor = registry(database, who)
    columns = ("label_id", "effective_on", "boxed_warning", "monitoring", "monitoring_years", "digest", "source")
    rows = [{name: record[name] for name in columns} for record in labels(store, actor, product=product)]
    print_table(rows, as_json=as_json, columns=columns)


@app.command()
def diff(
    newer: str = typer.Argument(help="A version, for example axi-cel.US.26."),
    older: str = typer.Argument("", help="The version to hold it against; the one before it when not given."),
    database: str = DATABASE,
    who: str = WHO,
    as_json: bool = JSON,
) -> None:
    """What changed between two versions: boxed warning, duration of monitoring, sentences that went and came."""
    from aftercar.actions.labels import compare, one_label, previous_of
    from aftercar.cli.output import print_table, say
    from aftercar.errors import UsageError

    store, actor = registry(database, who)
    if not older:
        before = previous_of(store, one_label(store, actor, newer))
        if before is None:
            raise UsageError(f"{newer} is the first version in the registry", fix="import an earlier one to compare with")
        older = before.key
    found = compare(store, actor, older, newer)
    print_table(_change_rows(found), as_json=as_json, columns=("what", "before", "after"))
    say(
        f"{older} -> {newer}: " + (f"{len(found)} difference(s)" if found else "the passages on second malignancies are the same")
    )


@app.command()
def touches(
    version: str = typer.Argument(help="A version, for example axi-cel.US.26."),
    study: Path | None = typer.Option(None, "--study", help="Study folder: which of its authored sections were written before."),
    plan_file: list[Path] = _PLANS,
    database: str = DATABASE,
    who: str = WHO,
    as_json: bool = JSON,
) -> None:
    """Follow-up plans held to the version's duration of monitoring, and report paragraphs that rest on what changed."""
    from aftercar.actions.labels import touches as rests_on
    from aftercar.cli.output import print_table

    store, actor = registry(database, who)
    found = rests_on(store, actor, version, plan_files=plan_file, study=study)
    rows = [{"kind": item.kind, "what": item.what, "state": item.state, "why": item.why} for item in found]
    print_table(rows, as_json=as_json, columns=("kind", "what", "state", "why"))


def _change_rows(changes: Any) -> list[dict[str, str]]:
    found: list[Change] = list(changes)
    return [{"what": change.what, "before": change.before, "after": change.after} for change in found]
