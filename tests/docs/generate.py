"""Write the pages made from code (errors, columns, commands, settings, addresses): ``python -m tests.docs.generate``."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import typer
from typer.main import get_command

import aftercar
from aftercar.cli.main import COMMANDS, NOUNS
from aftercar.edges.tables import describe
from aftercar.errors import AfterCarError
from aftercar.vocab.tables import all_tables
from tests.docs.api_page import api_page
from tests.docs.settings_page import settings_page

DOCS = Path(__file__).resolve().parents[2] / "docs"


def all_errors() -> list[type[AfterCarError]]:
    """Every error class of the package, by exit status and code."""
    for module in pkgutil.walk_packages(aftercar.__path__, "aftercar."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            importlib.import_module(module.name)

    def below(kind: type[AfterCarError]) -> set[type[AfterCarError]]:
        return {kind}.union(*(below(sub) for sub in kind.__subclasses__()))

    return sorted(below(AfterCarError) - {AfterCarError}, key=lambda e: (e.exit_status, e.code, e.__name__))


def errors_page() -> str:
    """Every error code with its meaning and exit status."""
    lines = [
        "# Errors",
        "",
        "A message says what was wrong, where, and the next step; its code stands in brackets.",
        "Exit statuses: 0 done, 2 usage, 3 input invalid, 4 engine or program missing,",
        "5 changed by somebody else, 6 not permitted, 70 our fault, 130 stopped by you.",
        "",
        "| code | exit status | meaning |",
        "|---|---|---|",
    ]
    seen = set()
    for error in all_errors():
        if error.code not in seen:
            seen.add(error.code)
            first = " ".join((error.__doc__ or "").split("\n\n")[0].split())
            lines.append(f"| `{error.code}` | {error.exit_status} | {first} |")
    return "\n".join(lines) + "\n"


def columns_page() -> str:
    """Every column of every table."""
    lines = [
        "# Columns",
        "",
        "Every column of every table is defined once in the code; this page is made from the definitions.",
        "",
    ]
    for table in all_tables().values():
        lines += [f"## {table.name}", "", table.about, "", "| column | kind | what it holds |", "|---|---|---|"]
        lines += [
            f"| `{c.name}` | {c.kind} | {describe(c).replace('|', '/')}{' Masked when small.' if c.mask else ''} |"
            for c in table.columns
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def commands_page() -> str:
    """The help of every command."""
    lines = ["# Commands", "", "The help of every command, as the program prints it.", ""]
    for name in [*COMMANDS, *NOUNS]:
        module = importlib.import_module(f"aftercar.cli.{name}")
        if name in COMMANDS:
            app = typer.Typer(rich_markup_mode=None, add_completion=False)
            app.command(name)(module.command)
            lines += _help(get_command(app), f"aftercar {name}")
        else:
            lines += [f"## aftercar {name}", "", NOUNS[name], ""]
            lines += _walk(group_of(module.app), f"aftercar {name}")
    return "\n".join(lines).rstrip() + "\n"


def group_of(app: typer.Typer) -> typer.core.TyperGroup:
    """A noun's commands; one with a single verb stays a group, as it is on the command line."""
    whole = typer.Typer()
    whole.add_typer(app, name="noun")
    return get_command(whole).commands["noun"]


def _walk(group: typer.core.TyperGroup, path: str) -> list[str]:
    found: list[str] = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found += _walk(command, f"{path} {name}")
        else:
            found += _help(command, f"{path} {name}", "###")
    return found


def _help(command: typer.core.TyperCommand, path: str, mark: str = "##") -> list[str]:
    lines = [f"{mark} {path}", "", (command.help or "").strip(), "", "| option | what |", "|---|---|"]
    for parameter in command.params:
        names = (
            ", ".join([*parameter.opts, *parameter.secondary_opts])
            if parameter.param_type_name == "option"
            else parameter.name.upper()
        )
        if names != "--help":
            lines.append(f"| `{names}` | {' '.join((getattr(parameter, 'help', '') or '').split())} |")
    return [*lines, ""]


PAGES = {
    "errors.md": errors_page,
    "columns.md": columns_page,
    "commands.md": commands_page,
    "settings.md": settings_page,
    "addresses.md": api_page,
}


def main() -> None:
    """Write the generated pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
