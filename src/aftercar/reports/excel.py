"""Blocks to Excel: one sheet a table with typed cells and a frozen header, and a sheet that defines the columns.

Text is always written as text: a cell that begins with ``=``, ``+``, ``-`` or ``@`` stays what it says and is never run.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

from aftercar.errors import MissingEngine
from aftercar.reports.blocks import Caveat, Document, Facts, Field, Prose, TableBlock, shown
from aftercar.reports.definitions import definition
from aftercar.reports.plain_zip import rewritten
from aftercar.reports.provenance import with_signatures
from aftercar.reports.stamp import stamp

_WHOLE_DAY = re.compile(r"(19|20)\d\d-\d\d-\d\d")
_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def render(document: Document) -> bytes:
    """The document's tables as ``.xlsx`` bytes.

    Raises:
        MissingEngine: when XlsxWriter is not installed.
    """
    try:
        import xlsxwriter
    except ImportError:
        raise MissingEngine("Excel needs the library XlsxWriter", fix="pip install 'aftercar[documents]'") from None
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": document.title, "author": "AfterCAR", "created": _EPOCH})
    formats = {
        "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
        "text": book.add_format({"text_wrap": True, "valign": "top"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd", "valign": "top", "align": "left"}),
        "count": book.add_format({"num_format": "#,##0", "valign": "top"}),
        "percent": book.add_format({"num_format": "0.0%", "valign": "top"}),
        "number": book.add_format({"num_format": "0.0###", "valign": "top"}),
    }
    _front(book, document, formats)
    tables = [block for block in with_signatures(document).blocks if isinstance(block, TableBlock)]
    used: set[str] = {"report", "columns"}
    for block in tables:
        _sheet(book, block, _sheet_name(block.key, used), formats)
    _columns(book, tables, formats)
    for sheet in book.worksheets():
        _page(sheet, document)
    book.close()
    return rewritten(buffer.getvalue())


def _front(book: Any, document: Document, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet("report")
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 2, 60)
    lines = [("title", document.title, ""), ("about", document.subtitle, "")]
    lines += [("provenance", line, "") for line in stamp(document)]
    for block in document.blocks:
        if isinstance(block, Facts):
            lines += [(fact.label, fact.value, fact.detail) for fact in block.facts]
        elif isinstance(block, Prose):
            lines += [(block.key.replace("-", " "), text, block.hand) for text in block.paragraphs]
        elif isinstance(block, Caveat):
            lines.append(("read with care", block.text, "computed"))
    for row, cells in enumerate(lines):
        for column, text in enumerate(cells):
            sheet.write_string(row, column, text, formats["text"])


def _page(sheet: Any, document: Document) -> None:
    """The stamp at the head and foot of each printed page; Excel takes 255 characters of either, and ``&`` twice."""
    first, second = (line.replace("&", "&&") for line in stamp(document))
    sheet.set_header("&L&7" + second[:240])
    sheet.set_footer("&L&7" + first[:230] + "&R&8&P / &N")
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)


def _sheet(book: Any, block: TableBlock, name: str, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet(name)
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    for column, field in enumerate(block.fields):
        sheet.write_string(0, column, field.label, formats["head"])
        sheet.set_column(column, column, 14 if field.kind in ("count", "number", "percent", "date") else 30)
        for row, values in enumerate(block.rows, 1):
            _cell(sheet, row, column, values.get(field.name), field, formats)
    if block.rows:
        sheet.autofilter(0, 0, len(block.rows), len(block.fields) - 1)


def _cell(sheet: Any, row: int, column: int, value: Any, field: Field, formats: dict[str, Any]) -> None:
    if value is None or (isinstance(value, float) and value != value):
        sheet.write_blank(row, column, None, formats["text"])
    elif field.kind in ("count", "percent", "number") and isinstance(value, (int, float)) and abs(value) != float("inf"):
        sheet.write_number(row, column, value, formats[field.kind])
    elif field.kind == "date" and _WHOLE_DAY.fullmatch(str(value)):
        sheet.write_datetime(row, column, dt.date.fromisoformat(str(value)), formats["date"])
    else:
        sheet.write_string(row, column, shown(value, field)[:32_767], formats["text"])


def _columns(book: Any, tables: list[TableBlock], formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet("columns")
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, 1, 34)
    sheet.set_column(2, 2, 10)
    sheet.set_column(3, 4, 60)
    for column, head in enumerate(("table", "column", "kind", "definition", "note on the table")):
        sheet.write_string(0, column, head, formats["head"])
    lines = [
        (block.title, field.label, field.kind, definition(block, field), block.note) for block in tables for field in block.fields
    ]
    for row, cells in enumerate(lines, 1):
        for column, text in enumerate(cells):
            sheet.write_string(row, column, text, formats["text"])


def _sheet_name(key: str, used: set[str]) -> str:
    """A name Excel accepts: at most 31 characters, none of those it forbids, unique."""
    base = re.sub(r"[\[\]:*?/\\]", "-", key)[:31]
    name, number = base, 1
    while name.lower() in used:
        number += 1
        name = f"{base[: 30 - len(str(number))]}-{number}"
    used.add(name.lower())
    return name
