import datetime as dt

import polars as pl
import pytest

from aftercar.edges.tables import empty_frame
from aftercar.vocab.tables.study import TABLES

LOCK = dt.date(2024, 6, 30)


def frames(**rows):
    """Frames of the study tables from lists of rows; columns not given are unknown."""
    made = {}
    for name in ("people", "infusions", "prior_therapy", "follow_up", "cases", "exposure"):
        blank = empty_frame(next(table for table in TABLES if table.name == name))
        given = rows.get(name, [])
        made[name] = (
            pl.DataFrame([{c: row.get(c) for c in blank.columns} for row in given], schema=blank.schema) if given else blank
        )
    return made


@pytest.fixture(name="frames")
def _frames():
    return frames


@pytest.fixture
def lock():
    return LOCK
