"""Reading and writing tables as CSV or Excel, held to their definition in ``vocab/tables``.

CSV is UTF-8 (a byte-order mark, as Excel writes it, is accepted), comma-separated, with a header. A row whose
first cell begins with ``#`` is a comment. Every problem of a table is collected, none is repaired silently.
"""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from aftercar.edges.files import existing_file, written_beside
from aftercar.errors import Problem
from aftercar.vocab.columns import Column, Table
from aftercar.vocab.dates import PartialDate
from aftercar.vocab.ids import is_id

#: Characters that have no place in a table and that XML (Word, Excel) cannot hold.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
#: What a spreadsheet writes into a cell that it cannot work out.
_SHEET_ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!")
#: The time of day that programs write behind a date; a day is all that a date column holds.
_TIME = re.compile(r"(?<=\d)[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?$")
_SAVE_AS_UTF8 = "save it as 'CSV UTF-8 (comma delimited)', or as an Excel workbook (.xlsx) of the same name"


@dataclass(frozen=True)
class TableRead:
    """A table as read: the frame (all columns of its definition, typed, null where empty) and each row's line number."""

    table: Table
    file: str
    frame: pl.DataFrame
    lines: Sequence[int]

    def problem(self, row: int, column: str, rule: str, fix: str = "") -> Problem:
        """A problem in row ``row`` (0-based in the frame), told with the file's own line number."""
        value = self.frame[column][row] if column in self.frame.columns else None
        return Problem(self.file, self.lines[row], column, "" if value is None else str(value), rule, fix)


def polars_type(column: Column) -> type[pl.DataType]:
    """The type of a column in a frame; dates stay text because they may be partial."""
    return {"integer": pl.Int64, "number": pl.Float64, "boolean": pl.Boolean}.get(column.kind, pl.String)


def empty_frame(table: Table) -> pl.DataFrame:
    """A frame with the table's columns and no rows."""
    return pl.DataFrame(schema={column.name: polars_type(column) for column in table.columns})


def read_table(path: Path, table: Table, problems: list[Problem]) -> TableRead:
    """Read ``path`` (``.csv`` or ``.xlsx``) as ``table``; problems are appended, the frame holds the good cells."""
    existing_file(path)
    found = len(problems)
    rows = _excel_rows(path, problems) if path.suffix.lower() == ".xlsx" else _csv_rows(path, problems)
    if not rows:
        if len(problems) == found:
            problems.append(Problem(path.name, 0, "", "", "the file is empty", "keep at least the header"))
        return TableRead(table, path.name, empty_frame(table), [])
    (header_line, header), *body = rows
    names = _names(header, [cells for _, cells in body], table)
    _check_header(path.name, header_line, names, table, problems)
    body = [(line, cells) for line, cells in body if any(cell.strip() for cell in cells) and not _is_comment(cells[0])]
    even: list[tuple[int, list[str]]] = []
    for line, cells in body:
        if (len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :])) or len(cells) < len(names):
            problems.append(
                Problem(
                    path.name,
                    line,
                    "",
                    "",
                    f"the row has {len(cells)} cells, the header {len(names)}",
                    "quote text that contains commas",
                )
            )
        else:
            even.append((line, cells[: len(names)]))
    lines = [line for line, _ in even]
    frame = empty_frame(table)
    if even:
        cells_by_name = {name: [cells[i].strip() for _, cells in even] for i, name in enumerate(names)}
        frame = pl.DataFrame(
            [
                _read_column(path.name, column, cells_by_name.get(column.name, [""] * len(even)), lines, problems)
                for column in table.columns
            ]
        )
    read = TableRead(table, path.name, frame, lines)
    _check_key(read, problems)
    return read


def _names(header: Sequence[str], body: Sequence[Sequence[str]], table: Table) -> list[str]:
    """The columns' names whatever their case, without the empty columns that a spreadsheet leaves at the right."""
    ours = {name.lower(): name for name in table.names}
    names = [ours.get(cell.strip().lower(), cell.strip()) for cell in header]
    while names and not names[-1] and not any(cells[len(names) - 1].strip() for cells in body if len(cells) >= len(names)):
        names.pop()
    return names


def _is_comment(cell: str) -> bool:
    """Whether a row's first cell makes it a remark; a spreadsheet's error (``#N/A``) is none."""
    return cell.lstrip().startswith("#") and cell.strip() not in _SHEET_ERRORS


def write_table(path: Path, frame: pl.DataFrame) -> None:
    """Write a frame as CSV (UTF-8, line feeds) or, by the name's ending, as Parquet, in one step."""
    with written_beside(path) as temporary:
        if path.suffix == ".parquet":
            frame.write_parquet(temporary)
        else:
            flat = frame.with_columns(
                pl.col(name).list.eval(pl.element().cast(pl.String)).list.join(";")
                for name, kind in frame.schema.items()
                if isinstance(kind, pl.List)
            )
            flat.write_csv(temporary)


def template(table: Table) -> str:
    """An empty CSV: the header, and a comment row that says what each column holds."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.names)
    writer.writerow([f"# {describe(column)}" for column in table.columns])
    return buffer.getvalue()


def describe(column: Column) -> str:
    """One sentence on a column with its unit, limits, choices and whether it is required."""
    extras = []
    if column.required:
        extras.append("required")
    if column.unit:
        extras.append(f"in {column.unit}")
    if column.kind == "date":
        extras.append("YYYY-MM-DD, YYYY-MM or YYYY")
    if column.kind == "list":
        extras.append("several separated by ;")
    if column.choices:
        extras.append("one of " + " | ".join(column.choices))
    return column.about + (f" ({'; '.join(extras)})" if extras else "")


def _csv_rows(path: Path, problems: list[Problem]) -> list[tuple[int, list[str]]]:
    data = path.read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        problems.append(Problem(path.name, 0, "", "", "the file is UTF-16, not UTF-8", _SAVE_AS_UTF8))
        return []
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        shown = data[max(0, error.start - 10) : error.end + 10].decode("latin-1").replace("\n", " ")
        problems.append(
            Problem(path.name, line, "", shown, "not UTF-8 text (it looks like Latin-1 or Windows-1252)", _SAVE_AS_UTF8)
        )
        return []
    control = _CONTROL.search(text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        shown = repr(control[0]).strip("'")
        problems.append(Problem(path.name, line, "", shown, "holds a control character; the file is damaged", _SAVE_AS_UTF8))
        return []
    header = text.split("\n", 1)[0]
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if header.count(mark) > header.count(","):
            problems.append(
                Problem(path.name, 1, "", header.strip()[:60], f"the cells are separated by {word}, not by commas", _SAVE_AS_UTF8)
            )
            return []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for cells in reader:
            rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        problems.append(Problem(path.name, line, "", "", f"not valid CSV: {error}", "check the quotes in this row"))
        return []
    return rows


def cell_text(value: Any) -> str:
    """A workbook's cell as a CSV would hold it."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _excel_rows(path: Path, problems: list[Problem]) -> list[tuple[int, list[str]]]:
    import zipfile

    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        problems.append(Problem(path.name, 0, "", "", f"not an Excel workbook: {error}", "save it again as .xlsx"))
        return []

    found = [[cell_text(value) for value in cells] for cells in book.worksheets[0].iter_rows(values_only=True)]
    # Empty cells at the end of a row may be missing from the file.
    width = max((len(cells) for cells in found), default=0)
    rows = [(line, cells + [""] * (width - len(cells))) for line, cells in enumerate(found, 1)]
    book.close()
    return rows


def _check_header(file: str, line: int, names: list[str], table: Table, problems: list[Problem]) -> None:
    for name in names:
        if name not in table:
            close = difflib.get_close_matches(name, table.names, n=1)
            fix = f"did you mean {close[0]}?" if close else f"the columns of {table.name} are {', '.join(table.names)}"
            problems.append(Problem(file, line, name, "", "unknown column", fix))
    for name in {name for name in names if names.count(name) > 1}:
        problems.append(Problem(file, line, name, "", "the column stands twice"))
    for column in table.columns:
        if column.required and column.name not in names:
            problems.append(Problem(file, line, column.name, "", "a required column is missing", "add it to the header"))


def _read_column(file: str, column: Column, cells: list[str], lines: Sequence[int], problems: list[Problem]) -> pl.Series:
    """Check each distinct value once; a bad value is reported at every row and left empty."""
    read = _reader(column)
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for cell in set(cells):
        if cell == "":
            values[cell] = None
            if column.required:
                wrong[cell] = "may not be empty"
            continue
        try:
            values[cell] = read(cell)
        except ValueError as error:
            values[cell] = None
            wrong[cell] = str(error)
    if wrong:
        problems.extend(
            Problem(file, line, column.name, cell, wrong[cell]) for line, cell in zip(lines, cells, strict=True) if cell in wrong
        )
    return pl.Series(column.name, [values[cell] for cell in cells], dtype=polars_type(column))


def _reader(column: Column) -> Callable[[str], Any]:
    def number(cell: str) -> float | int:
        whole = column.kind == "integer"
        try:
            found: float | None = float(cell)
        except ValueError:
            found = None
        if found is not None and not math.isfinite(found):
            raise ValueError("is not a finite number")
        if found is None or "_" in cell or (whole and not found.is_integer()):
            raise ValueError("is not a whole number" if whole else "is not a number with a decimal point")
        value = found if not whole else int(cell) if cell.lstrip("+-").isdigit() else int(found)
        if whole and abs(value) >= 2**63:
            raise ValueError("is too large")
        if column.low is not None and value < column.low:
            raise ValueError(f"is below {column.low:g}")
        if column.high is not None and value > column.high:
            raise ValueError(f"is above {column.high:g}")
        return value

    def choice(cell: str) -> str:
        by_lower = {option.lower(): option for option in column.choices}
        if cell.lower() not in by_lower:
            raise ValueError("is not one of " + ", ".join(column.choices))
        return by_lower[cell.lower()]

    def date(cell: str) -> str:
        try:
            return str(PartialDate.parse(_TIME.sub("", cell)))
        except ValueError as error:
            shape = "is not a date of the form YYYY-MM-DD, YYYY-MM or YYYY"
            raise ValueError(shape if repr(cell) in str(error) else f"is no day of the calendar ({error})") from None

    def identifier(cell: str) -> str:
        if not is_id(cell):
            raise ValueError("is not an identifier (letters, digits, - _ . and at most 64 of them)")
        return cell

    def boolean(cell: str) -> bool:
        if cell.lower() in ("true", "yes", "1"):
            return True
        if cell.lower() in ("false", "no", "0"):
            return False
        raise ValueError("is neither yes nor no")

    by_kind: dict[str, Callable[[str], Any]] = {
        "integer": number,
        "number": number,
        "choice": choice,
        "date": date,
        "id": identifier,
        "boolean": boolean,
        "list": lambda cell: ";".join(part.strip() for part in cell.split(";") if part.strip()),
    }
    return by_kind.get(column.kind, lambda cell: cell)


def _check_key(read: TableRead, problems: list[Problem]) -> None:
    if not read.table.key or read.frame.is_empty():
        return
    seen: dict[tuple[Any, ...], int] = {}
    for row, key in enumerate(read.frame.select(read.table.key).iter_rows()):
        if None in key:
            continue
        if key in seen:
            problems.append(
                read.problem(row, read.table.key[0], f"stands already in line {seen[key]}", "give each row its own identifier")
            )
        else:
            seen[key] = read.lines[row]


def rows_of(frame: pl.DataFrame) -> Iterable[dict[str, Any]]:
    """The rows of a frame as mappings."""
    return frame.iter_rows(named=True)
