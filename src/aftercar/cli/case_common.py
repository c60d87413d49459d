"""What the commands on cases share: where cases are read from, and who acts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from aftercar.actions.case_desk import Desk
    from aftercar.actions.permissions import Actor
    from aftercar.store import Store

CASE = typer.Argument(help="The case.")
STUDY = typer.Option(None, "--study", help="Read the cases of this study folder instead of the registry.")
DATABASE = typer.Option(
    None, "--database", envvar="AFTERCAR_DATABASE", help="sqlite:///FILE, a path, or postgresql://...; default aftercar.db here."
)
WHO = typer.Option("", "--as", help="Your name, for the audit trail; your login name when not given.")
ON = typer.Option("", "--on", help="The day, YYYY-MM-DD; today when not given.")
JSON = typer.Option(False, "--json", help="As JSON.")


def desk_of(study: Path | None, database: str | None, who: str) -> Desk:
    """The cases of a study folder when one is named, else of the registry."""
    from aftercar.actions.case_desk import desk_of_store, desk_of_study

    if study is not None:
        from aftercar.edges.study import read_study

        return desk_of_study(read_study(study))
    return desk_of_store(*registry(database, who))


def registry(database: str | None, who: str) -> tuple[Store, Actor]:
    """The registry, and the person at this command line."""
    import getpass

    from aftercar.actions.permissions import local_actor
    from aftercar.store import open_store

    try:
        name = who or getpass.getuser()
    except (KeyError, OSError):
        name = "unknown login"
    return open_store(database), local_actor(name)
