"""The entry point: finds the noun, imports only its module, turns errors into messages and exit statuses."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import typer

from aftercar import __version__
from aftercar.errors import AfterCarError

#: Nouns with subcommands (module has ``app``), and single commands (module has ``command``).
NOUNS = {
    "study": "The study folder: make an empty one, or check one.",
    "vector": "Vector constructs: elements, human-shared parts, k-mers.",
    "reads": "Screen reads for the vector.",
    "sample": "Test one sample for the transgene: verdict, sites, copies, detection limit.",
    "sites": "Integration sites: import, abundance, tracking, background, context.",
    "registry": "Treated people: initialise, import, export, who is due, verify, plans.",
    "label": "Product information on second malignancies: versions, differences, what rests on them.",
    "case": "Suspected cases: intake, duplicates, causality, E2B.",
    "signals": "Rates, incidence, onset, expected, homogeneity, disproportionality, sequential.",
    "biomarkers": "Clonal haematopoiesis, models, sampling designs, power, federated summaries.",
    "report": "Build, sign, verify and compare reports.",
}
COMMANDS = {
    "assess": "The main job: study in, report and tables out.",
    "simulate": "Make simulated tumour reads with known truth.",
    "web": "Serve the web app.",
    "doctor": "Show engines, versions and what is missing.",
}


def build(wanted: str | None) -> typer.Typer:
    """The command tree in which only ``wanted`` is loaded; the others are known by name and sentence."""
    app = typer.Typer(
        name="aftercar",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Watch over people treated with CAR T cells, for as long as they live.",
    )

    @app.callback()
    def _root(
        version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True, callback=_print_version),
    ) -> None:
        pass

    for noun, words in NOUNS.items():
        group = importlib.import_module(f"aftercar.cli.{noun}").app if noun == wanted else typer.Typer()
        app.add_typer(group, name=noun, help=words, no_args_is_help=True)
    for name, words in COMMANDS.items():
        function = importlib.import_module(f"aftercar.cli.{name}").command if name == wanted else _placeholder
        app.command(name, help=None if name == wanted else words)(function)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit status: the error's own, 130 when stopped, 70 when the fault is ours."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    wanted = next((word for word in words if not word.startswith("-")), None)
    try:
        build(wanted)(args=words, prog_name="aftercar")
    except AfterCarError as error:
        print(f"error [{error.code}]: {error}", file=sys.stderr)
        raise SystemExit(error.exit_status) from None
    except KeyboardInterrupt:
        print("stopped; nothing half-written was left", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(0) from None
    except Exception as error:  # the last resort: one line for the user, the traceback on request
        import os
        import traceback

        if os.environ.get("AFTERCAR_TRACEBACK"):
            traceback.print_exc()
        print(
            f"error [internal]: {type(error).__name__}: {error}. This is our fault. "
            "Next: run again with AFTERCAR_TRACEBACK=1 and report what it prints.",
            file=sys.stderr,
        )
        raise SystemExit(70) from None


def _placeholder() -> None:
    """Stands for a command that was not asked for."""


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


if __name__ == "__main__":
    main()
