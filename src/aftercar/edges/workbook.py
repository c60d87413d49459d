"""A study as one Excel workbook: a sheet for each table, one for the head, one that explains the columns.

Reading turns the sheets into a study folder's files and reads those, so that a workbook is held to every check of a
study folder. Cells are written as text, so that Excel turns no identifier into a number and no partial date into a day.
"""

from __future__ import annotations

import csv
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from aftercar.edges.files import existing_file, written_beside
from aftercar.edges.study import Study, read_study
from aftercar.edges.tables import cell_text, describe
from aftercar.errors import InputError
from aftercar.vocab.tables.study import TABLES

HEAD_SHEET, HELP_SHEET = "study", "columns"


class BadWorkbook(InputError):
    """A file that is not a workbook of study tables."""

    code = "bad-workbook"


def write_workbook(path: Path, frames: Mapping[str, pl.DataFrame], head: str) -> None:
    """Write study frames and the text of ``study.toml`` as ``.xlsx``, in one step."""
    import openpyxl
    from openpyxl.styles import Font

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(HEAD_SHEET)
    for line in head.splitlines():
        sheet.append([line])
    for table in TABLES:
        sheet = book.create_sheet(table.name)
        sheet.freeze_panes = "A2"
        sheet.append([_bold(sheet, name, Font(bold=True)) for name in table.names])
        for row in frames[table.name].select(table.names).iter_rows():
            sheet.append(
                [None if value is None else value if isinstance(value, (int, float)) else _as_text(sheet, value) for value in row]
            )
    sheet = book.create_sheet(HELP_SHEET)
    sheet.append(["table", "column", "kind", "what it holds"])
    for table in TABLES:
        for column in table.columns:
            sheet.append([table.name, column.name, column.kind, describe(column)])
    with written_beside(path) as temporary:
        book.save(temporary)


def read_workbook(path: Path) -> tuple[Study, str]:
    """Read and check a workbook; the study and the text of its head.

    Raises:
        BadWorkbook: when it is no workbook, or lacks the sheet ``study``.
        InvalidTables: with every problem; files are named as the sheets, line numbers are the sheets' own.
    """
    import openpyxl

    existing_file(path)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as error:
        raise BadWorkbook(f"not an Excel workbook: {error}", where=str(path), fix="save it again as .xlsx") from None
    if HEAD_SHEET not in book.sheetnames:
        raise BadWorkbook(
            "there is no sheet named study", where=str(path), fix="start from: aftercar registry export --format workbook"
        )
    head = "\n".join(cell_text(row[0]) if row else "" for row in book[HEAD_SHEET].iter_rows(values_only=True)) + "\n"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "study.toml").write_text(head, encoding="utf-8")
        for table in TABLES:
            if table.name in book.sheetnames:
                with (folder / f"{table.name}.csv").open("w", encoding="utf-8", newline="") as stream:
                    writer = csv.writer(stream, lineterminator="\n")
                    writer.writerows(_full_rows(book[table.name]))
        book.close()
        return read_study(folder), head


def _full_rows(sheet: Any) -> Iterator[list[str]]:
    """Rows as text, as wide as the header: a sheet may leave out empty cells at the end of a row."""
    width = 0
    for row in sheet.iter_rows(values_only=True):
        cells = [cell_text(value) for value in row]
        width = width or len(cells)
        yield cells + [""] * (width - len(cells))


def _as_text(sheet: Any, value: Any) -> Any:
    """A cell that Excel shows as it stands: never a formula, a date or a number."""
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, value=str(value))
    cell.data_type = "s"
    cell.number_format = "@"
    return cell


def _bold(sheet: Any, text: str, font: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, value=text)
    cell.font = font
    return cell
