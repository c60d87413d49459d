"""Tables that leave for a spreadsheet program: no cell of them is taken for a formula."""

from __future__ import annotations

import csv
import io
from pathlib import Path

_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def without_formulas(path: Path) -> bytes:
    """A CSV or TSV file with an apostrophe before each cell that a spreadsheet program would compute.

    Numbers and lone signs (a strand) stay as they are.
    """
    mark = "\t" if path.suffix == ".tsv" else ","
    buffer = io.StringIO()
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream, delimiter=mark)
        csv.writer(buffer, delimiter=mark, lineterminator="\n").writerows([harmless(cell) for cell in row] for row in rows)
    return buffer.getvalue().encode()


def harmless(cell: str) -> str:
    """One cell as :func:`without_formulas` writes it.

    >>> harmless("=1+1"), harmless("-3.5e-2"), harmless("+"), harmless("TP53")
    ("'=1+1", '-3.5e-2', '+', 'TP53')
    """
    if len(cell) < 2 or not cell.startswith(_SIGNS):
        return cell
    try:
        float(cell)
    except ValueError:
        return "'" + cell
    return cell
