"""Native Word tables, written as WordprocessingML at once: cell by cell, a long listing takes half a minute."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape

#: Characters that XML 1.0 cannot hold.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LINE = '<w:{0} w:val="single" w:sz="4" w:space="0" w:color="999999"/>'
_BORDERS = "".join(_LINE.format(side) for side in ("top", "bottom", "insideH"))


def table(
    lines: Sequence[Sequence[str]], widths: Sequence[int], *, points: float, right: Sequence[bool] = (), has_header: bool = True
) -> Any:
    """A table element with thin grey lines between its rows.

    Args:
        lines: texts of the rows, shape (rows, columns); the first is the header.
        widths: of the columns, in twentieths of a point.
        points: size of the letters.
        right: whether a column stands to the right.
        has_header: whether the first row is bold and repeated on each page.
    """
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    rows = "".join(_row(texts, widths, points, right, has_header and not number) for number, texts in enumerate(lines))
    return parse_xml(
        f'<w:tbl {nsdecls("w")}><w:tblPr><w:tblW w:w="{sum(widths)}" w:type="dxa"/><w:tblBorders>{_BORDERS}</w:tblBorders>'
        f'<w:tblLayout w:type="fixed"/></w:tblPr><w:tblGrid>{grid}</w:tblGrid>{rows}</w:tbl>'
    )


def _row(texts: Sequence[str], widths: Sequence[int], points: float, right: Sequence[bool], is_header: bool) -> str:
    cells = "".join(_cell(texts, widths, points, right, is_header))
    return f"<w:tr><w:trPr><w:cantSplit/>{'<w:tblHeader/>' if is_header else ''}</w:trPr>{cells}</w:tr>"


def _cell(texts: Sequence[str], widths: Sequence[int], points: float, right: Sequence[bool], is_bold: bool) -> Iterator[str]:
    letters = f'<w:rPr>{"<w:b/>" if is_bold else ""}<w:sz w:val="{round(2 * points)}"/></w:rPr>'
    for number, (text, width) in enumerate(zip(texts, widths, strict=True)):
        place = '<w:jc w:val="right"/>' if number < len(right) and right[number] else ""
        words = [f'<w:t xml:space="preserve">{escape(_FORBIDDEN.sub(chr(0xFFFD), line))}</w:t>' for line in text.split("\n")]
        yield (
            f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr><w:p><w:pPr><w:spacing w:after="0"/>{place}</w:pPr>'
            f"<w:r>{letters}{'<w:br/>'.join(words)}</w:r></w:p></w:tc>"
        )
