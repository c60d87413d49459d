"""Blocks to Word: native headings, tables with repeated header rows, captions with fields, pictures with alternative text."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aftercar.errors import MissingEngine
from aftercar.reports.blocks import Caveat, Document, Facts, Figure, Heading, Prose, TableBlock, numbers, shown
from aftercar.reports.pictures import png
from aftercar.reports.plain_zip import rewritten
from aftercar.reports.provenance import with_signatures
from aftercar.reports.stamp import stamp
from aftercar.reports.widths import is_wide, weights
from aftercar.reports.word_table import table

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
    whole = with_signatures(document)
    named = numbers(whole)
    _contents(word, whole)
    for place, block in enumerate(whole.blocks):
        if isinstance(block, Heading):
            _bookmark(word.add_heading(block.text, block.level), f"part{place}")
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
            _table(word, block, named)
        else:
            _figure(word, block, named)
    buffer = io.BytesIO()
    word.save(buffer)
    return rewritten(buffer.getvalue())


def _set_up(word: WordDocument, document: Document) -> None:
    from docx.enum.section import WD_ORIENT
    from docx.shared import Cm, Pt, RGBColor

    section = word.sections[0]
    section.page_width, section.page_height = (Cm(29.7), Cm(21)) if is_wide(document) else (Cm(21), Cm(29.7))
    if is_wide(document):
        section.orientation = WD_ORIENT.LANDSCAPE
    section.left_margin = section.right_margin = Cm(2.2)
    word.styles["Normal"].font.name = "Calibri"
    word.styles["Normal"].font.size = Pt(10.5)
    word.styles["Caption"].font.color.rgb = RGBColor(0x33, 0x33, 0x33)
    section.header.paragraphs[0].text = f"{document.title} · data lock {document.data_lock}"
    for paragraph, line in zip((section.footer.paragraphs[0], section.footer.add_paragraph()), stamp(document), strict=True):
        paragraph.text = line
    _page_number(section.footer.paragraphs[-1])
    for paragraph in (*section.header.paragraphs, *section.footer.paragraphs):
        paragraph.paragraph_format.space_after = Pt(0)
        for run in paragraph.runs:
            run.font.size = Pt(7)
    properties = word.core_properties
    properties.title, properties.subject, properties.author = document.title, document.subtitle, "AfterCAR"
    properties.created = properties.modified = _EPOCH
    properties.revision = 1


def _page_number(paragraph: Paragraph) -> None:
    paragraph.add_run(" · page ")
    _field(paragraph, "PAGE", "1", size=7)
    paragraph.add_run(" of ")
    _field(paragraph, "NUMPAGES", "1", size=7)


def _contents(word: WordDocument, document: Document) -> None:
    """The sections as links to their places; their page numbers are fields, which Word fills when it opens the file."""
    sections = [(place, b) for place, b in enumerate(document.blocks) if isinstance(b, Heading) and b.level == 1]
    if len(sections) > 3:
        for place, heading in sections:
            paragraph = word.add_paragraph()
            paragraph.paragraph_format.space_after = 0
            _field(paragraph, f"REF part{place} \\h", heading.text)


def _facts(word: WordDocument, block: Facts) -> None:
    lines = [(fact.label, fact.value, fact.detail) for fact in block.facts]
    if lines:
        _put(word, table(lines, _widths(word, [1.0] * 3), points=10.5, has_header=False))


def _table(word: WordDocument, block: TableBlock, named: Mapping[str, str]) -> None:
    _caption(word, block.key, named, block.title).paragraph_format.keep_with_next = True
    lines = [[field.label for field in block.fields]]
    lines += [[shown(row.get(field.name), field) for field in block.fields] for row in block.rows]
    points = 7 if len(block.fields) > 12 else 8 if len(block.fields) > 7 else 8.5
    right = [field.kind not in ("text", "date") for field in block.fields]
    _put(word, table(lines, _widths(word, weights(block)), points=points, right=right))
    note = word.add_paragraph()
    note.add_run(block.note).italic = True


def _put(word: WordDocument, element: Any) -> None:
    """At the end of the document, before the properties of its section."""
    word.element.body.sectPr.addprevious(element)


def _widths(word: WordDocument, shares: list[float]) -> list[int]:
    """The room between the margins shared out, in twentieths of a point."""
    section = word.sections[0]
    room = (section.page_width or 0) - (section.left_margin or 0) - (section.right_margin or 0)
    return [int(room / 635 * share / sum(shares)) for share in shares]


def _figure(word: WordDocument, block: Figure, named: Mapping[str, str]) -> None:
    from docx.shared import Cm

    data = png(block)
    width = min(_WIDTH_CM, int.from_bytes(data[16:20], "big") / 2.5 / _PIXELS_PER_CM)
    word.add_picture(io.BytesIO(data), width=Cm(width))
    word.paragraphs[-1].paragraph_format.keep_with_next = True
    picture = word.inline_shapes[len(word.inline_shapes) - 1]
    picture._inline.docPr.set("descr", block.alt)  # python-docx has no door of its own to the alternative text
    caption = _caption(word, block.key, named, f"{block.title}. {block.caption}".strip())
    if block.table in named:
        caption.add_run(" Figures: ")
        _field(caption, f"REF {_mark(block.table)} \\h", named[block.table])
        caption.add_run(".")


def _caption(word: WordDocument, key: str, named: Mapping[str, str], text: str) -> Paragraph:
    """A caption whose number is a field inside a bookmark, so that Word renumbers it and references follow."""
    kind, number = named[key].split()
    paragraph = word.add_paragraph(style="Caption")
    paragraph.add_run(f"{kind} ")
    _field(paragraph, f"SEQ {kind} \\* ARABIC", number)
    _bookmark(paragraph, _mark(key))
    paragraph.add_run(f". {text}")
    return paragraph


def _mark(key: str) -> str:
    """A bookmark's name: letters, digits and underscores, at most 40 of them, different for different keys."""
    return "at_" + hashlib.sha256(key.encode()).hexdigest()[:16]


def _bookmark(paragraph: Any, name: str) -> None:
    """Put what stands in the paragraph so far into a bookmark."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    start, end = OxmlElement("w:bookmarkStart"), OxmlElement("w:bookmarkEnd")
    number = str(int(hashlib.sha256(name.encode()).hexdigest()[:7], 16))
    for element in (start, end):
        element.set(qn("w:id"), number)
    start.set(qn("w:name"), name)
    content = [child for child in paragraph._p if child.tag != qn("w:pPr")]
    content[0].addprevious(start)
    content[-1].addnext(end)


def _field(paragraph: Any, code: str, shown_text: str, *, size: float | None = None) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Pt

    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), code)
    run = paragraph.add_run(shown_text)
    run.font.size = Pt(size) if size else None
    field.append(run._r)
    paragraph._p.append(field)
