"""``aftercar doctor``: what is installed, what is missing and what it would be needed for.

Example::

    $ aftercar doctor
"""

from __future__ import annotations

import typer


def command(as_json: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
    """Show engines, versions and what is missing."""
    from aftercar.actions.look_around import look_around
    from aftercar.cli.output import print_table

    print_table(look_around(), as_json=as_json)
