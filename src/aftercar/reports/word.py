"""Blocks to Word: native headings, tables with repeated header rows, captions with fields, pictures with alternative text."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING, Any

from aftercar.errors import MissingEngine
from aftercar.reports.blocks import Caveat, Document, Facts, Figure, Heading, Picture, Prose, TableBlock, shown
from aftercar.reports.pictures import png
from aftercar.reports.plain_zip import rewritten
from aftercar.reports.stamp import stamp
from aftercar.reports.widths import is_wide, weights

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from docx.text.paragraph import Paragraph

_EPOCH = dt.datetime(2000, 1, 1)
_WIDTH_CM = 16.5
_PIXELS_PER_CM = 37.8


def render(document: Document) -> bytes:
    """The document as ``.docx`` bytes.

    Raises:
        MissingEngine: when python-docx is not installed.
    """
    try:
        import docx
    except ImportError:
        raise MissingEngine("Word needs the library python-docx", fix="pip install 'aftercar[documents]'") from None
    word = docx.Document()
    _set_up(word, document)
    word.add_heading(document.title, 0)
    word.add_paragraph(document.subtitle, style="Subtitle")
    numbers = {"Table": 0, "Figure": 0}
    for block in document.blocks:
        if isinstance(block, Heading):
            word.add_heading(block.text, block.level)
        elif isinstance(block, Prose):
            for paragraph in block.paragraphs:
                word.add_paragraph(paragraph, style="Intense Quote" if block.hand == "authored" else None)
        elif isinstance(block, Caveat):
            paragraph = word.add_paragraph(style="Quote")
            paragraph.add_run("Read with care. ").bold = True
            paragraph.add_run(block.text)
        elif isinstance(block, Facts):
            _facts(word, block)
        elif isinstance(block, TableBlock):
            _table(word, block, numbers)
        else:
            _figure(word, block, numbers)
    buffer = io.BytesIO()
    word.save(buffer)
    return rewritten(buffer.getvalue())


def _set_up(word: WordDocument, document: Document) -> None:
    from docx.enum.section import WD_ORIENT
    from docx.shared import Cm, Pt

    section = word.sections[0]
    section.page_width, section.page_height = (Cm(29.7), Cm(21)) if is_wide(document) else (Cm(21), Cm(29.7))
    if is_wide(document):
        section.orientation = WD_ORIENT.LANDSCAPE
    section.left_margin = section.right_margin = Cm(2.2)
    word.styles["Normal"].font.name = "Calibri"
    word.styles["Normal"].font.size = Pt(10.5)
    section.footer.paragraphs[0].text = stamp(document)
    properties = word.core_properties
    properties.title, properties.subject, properties.author = document.title, document.subtitle, "AfterCAR"
    properties.created = properties.modified = _EPOCH
    properties.revision = 1


def _facts(word: WordDocument, block: Facts) -> None:
    table = word.add_table(rows=0, cols=3, style="Light Shading Accent 1")
    for fact in block.facts:
        for cell, text in zip(table.add_row().cells, (fact.label, fact.value, fact.detail), strict=True):
            cell.text = text


def _table(word: WordDocument, block: TableBlock, numbers: dict[str, int]) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    _caption(word, "Table", block.title, numbers).paragraph_format.keep_with_next = True
    table = word.add_table(rows=1, cols=len(block.fields), style="Light Shading Accent 1")
    lines = [[field.label for field in block.fields]]
    lines += [[shown(row.get(field.name), field) for field in block.fields] for row in block.rows]
    for _ in block.rows:
        table.add_row()
    for row, texts in zip(table.rows, lines, strict=True):
        for cell, text, field in zip(row.cells, texts, block.fields, strict=True):
            paragraph = cell.paragraphs[0]
            paragraph.add_run(text).font.size = Pt(8.5)
            if field.kind != "text":
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    _repeat_header(table.rows[0])
    _set_widths(word, table, weights(block))
    if block.note:
        word.add_paragraph().add_run(block.note).italic = True


def _set_widths(word: WordDocument, table: Any, shares: list[float]) -> None:
    from docx.shared import Emu

    section = word.sections[0]
    room = (section.page_width or 0) - (section.left_margin or 0) - (section.right_margin or 0)
    table.autofit = False
    for column, share in zip(table.columns, shares, strict=True):
        width = Emu(int(room * share / sum(shares)))
        column.width = width
        for cell in column.cells:
            cell.width = width


def _figure(word: WordDocument, block: Figure | Picture, numbers: dict[str, int]) -> None:
    from docx.shared import Cm

    data = png(block)
    width = min(_WIDTH_CM, int.from_bytes(data[16:20], "big") / 2.5 / _PIXELS_PER_CM)
    word.add_picture(io.BytesIO(data), width=Cm(width))
    picture = word.inline_shapes[len(word.inline_shapes) - 1]
    picture._inline.docPr.set("descr", block.alt)  # python-docx has no door of its own to the alternative text
    _caption(word, "Figure", f"{block.title}. {block.caption}".strip(), numbers)


def _caption(word: WordDocument, kind: str, text: str, numbers: dict[str, int]) -> Paragraph:
    """A caption whose number is a field, so that Word renumbers it and can refer to it."""
    numbers[kind] += 1
    paragraph = word.add_paragraph(style="Caption")
    paragraph.add_run(f"{kind} ")
    _field(paragraph, f"SEQ {kind} \\* ARABIC", str(numbers[kind]))
    paragraph.add_run(f". {text}")
    return paragraph


def _field(paragraph: Any, code: str, shown_text: str) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), code)
    run, text = OxmlElement("w:r"), OxmlElement("w:t")
    text.text = shown_text
    run.append(text)
    field.append(run)
    paragraph._p.append(field)


def _repeat_header(row: Any) -> None:
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
