"""Make an empty study folder; check one."""

from __future__ import annotations

from pathlib import Path

from aftercar.edges.study import Study, new_study, read_study
from aftercar.vocab.tables.study import TABLES


def make_study(folder: Path) -> list[Path]:
    """Write an empty, commented study folder and return its files.

    Raises:
        UsageError: when the folder exists and is not empty.
    """
    new_study(folder)
    return sorted(folder.iterdir())


def check_study(folder: Path) -> Study:
    """Read a study folder with every check.

    Raises:
        InvalidTables: with every problem in one.
    """
    return read_study(folder)


def counts(study: Study) -> list[dict[str, object]]:
    """How many rows each table of the study holds."""
    return [{"table": table.name, "rows": study.frames[table.name].height, "about": table.about} for table in TABLES]
