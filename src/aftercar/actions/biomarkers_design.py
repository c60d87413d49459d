"""Draw whose stored sample is assayed: a case-cohort or nested case-control pick list."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from aftercar.actions.biomarkers_cohort import ModelInput
from aftercar.biomarkers.designs import Draw, Pick, draw_controls, draw_subcohort
from aftercar.edges.tables import read_table, write_table
from aftercar.errors import InvalidTables, Problem, UsageError
from aftercar.vocab.tables.biomarkers import PICK_LIST


def draw(data: ModelInput, *, subcohort: int | Mapping[str, int] | None, controls: int | None, seed: int) -> Draw:
    """Draw one of the two designs.

    Raises:
        UsageError: unless exactly one design is asked for.
        CannotDraw: when these people cannot fill it.
    """
    if (subcohort is None) == (controls is None):
        raise UsageError("ask for one design", fix="give either --subcohort or --controls")
    if subcohort is not None:
        return draw_subcohort(data.members, subcohort, seed=seed)
    assert controls is not None
    return draw_controls(data.members, controls, seed=seed)


def pick_frame(found: Draw) -> pl.DataFrame:
    """The pick list as a table."""
    rows = [
        (p.person_id, p.reason, p.stratum, p.matched_set or None, p.at_day, p.probability, "yes" if p.available else "no")
        for p in found.picks
    ]
    schema = {
        "person_id": pl.String,
        "reason": pl.String,
        "stratum": pl.String,
        "matched_set": pl.String,
        "at_day": pl.Float64,
        "probability": pl.Float64,
        "available": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def write_picks(path: Path, found: Draw) -> None:
    """Write the pick list."""
    write_table(path, pick_frame(found))


def read_picks(path: Path) -> list[Pick]:
    """Read a pick list.

    Raises:
        InvalidTables: with every problem of the file.
    """
    problems: list[Problem] = []
    frame = read_table(path, PICK_LIST, problems).frame
    if problems:
        raise InvalidTables(problems)
    return [
        Pick(
            r["person_id"],
            r["reason"],
            r["stratum"] or "",
            r["matched_set"] or "",
            r["at_day"],
            r["probability"] or 1.0,
            r["available"] != "no",
        )
        for r in frame.iter_rows(named=True)
    ]
