"""Every number that a reader sees is found in the machine-readable twin: a walk through the page, the PDF and the Word file."""

import datetime as dt
import html
import json
import re
import shutil
import subprocess

import docx
import pytest

from aftercar.actions.progress import silent
from aftercar.actions.report import KINDS, Wanted, build, document_of
from aftercar.edges.study import read_study
from aftercar.reports.blocks import Figure, twin

WANTED = {
    **{kind: Wanted(kind, author="A. Assessor") for kind in ("assessment", "signal", "study", "centre")},
    "periodic": Wanted("periodic", since=dt.date(2023, 7, 1)),
    "dossier": Wanted("dossier", case="CASE-1"),
    "laboratory": Wanted("laboratory", sample="S-CASE-1"),
    "masked": Wanted("assessment", is_masked=True),
}
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


@pytest.fixture(scope="module", params=WANTED)
def built(request, centre, tmp_path_factory):
    study, result = centre
    out = tmp_path_factory.mktemp("walk") / "out"
    with pytest.MonkeyPatch.context() as patch:
        # The ticks on the axes of a picture are no figures of the report; what is drawn are rows of the twin (see below).
        patch.setattr("aftercar.reports.pdf.svg", lambda *_: '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
        build(study, out, WANTED[request.param], ["html", "pdf", "docx"], earlier=result)
    return out, json.loads((out / "report.json").read_text(encoding="utf-8"))


def test_every_kind_is_walked():
    assert set(KINDS) == {wanted.kind for wanted in WANTED.values()}


def test_each_cell_of_the_page_is_a_value_of_the_twin(built):
    out, twin = built
    page = (out / "report.html").read_text(encoding="utf-8")
    tables = {found[1]: found[2] for found in re.finditer(r'<table id="([^"]*)">(.*?)</table>', page, re.S)}
    assert set(tables) == {key for key, part in twin["parts"].items() if "fields" in part}
    for key, table in tables.items():
        part = twin["parts"][key]
        cells = [html.unescape(text) for text in re.findall(r"<td[^>]*>(.*?)</td>", table, re.S)]
        columns = list(zip(part["fields"], part["kinds"], part["digits"], strict=True))
        wanted = [written(row.get(name), kind, digits) for row in part["rows"] for name, kind, digits in columns]
        assert cells == (wanted or ["No rows."]), key


def written(value, kind, digits):
    """A value as the house writes it, spelt out here a second time."""
    if value is None or value != value:
        return "–"
    if value == "infinite":
        return value
    if kind == "percent":
        return format(100 * value, f".{digits}f") + "%"
    if kind == "number":
        return format(value, f".{digits}f")
    if kind == "count":
        return format(round(value), ",d")
    if kind == "counts":
        return "; ".join(format(round(item), ",d") for item in value)
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def test_each_number_of_the_page_is_in_the_twin(built):
    out, twin = built
    page = (out / "report.html").read_text(encoding="utf-8")
    body = re.sub(r"<(style|script).*?</\1>", "", page[page.index("<body>") :], flags=re.S)
    labels = " ".join(re.findall(r'alt="([^"]*)"', body))
    text = html.unescape(re.sub(r"<[^>]*>", " ", body) + labels)
    assert unknown(text, twin, stamp_of(body)) == []


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler is not installed")
def test_each_number_of_the_pdf_is_in_the_twin(built):
    out, twin = built
    text = subprocess.run(["pdftotext", "-raw", out / "report.pdf", "-"], capture_output=True, text=True, check=True).stdout
    text = re.sub(r"(?m)^\d+ / \d+$|\.{3,}\s*\d+\s*$|(?:\. ){3,}\s*\d+\s*$", "", text)
    assert unknown(text, twin, stamp_of((out / "report.html").read_text(encoding="utf-8"))) == []


def test_each_number_of_the_word_file_is_in_the_twin(built):
    out, twin = built
    document = docx.Document(str(out / "report.docx"))
    section = document.sections[0]
    text = "\n".join(
        "".join(node.text or "" for node in part.iter() if node.tag.endswith("}t"))
        for body in (document.element.body, section.header._element, section.footer._element)
        for part in body.iter()
        if part.tag.endswith("}p")
    )
    text = re.sub(r"page \d+ of \d+", "", text)
    assert unknown(text, twin, stamp_of((out / "report.html").read_text(encoding="utf-8"))) == []


def stamp_of(page):
    return html.unescape(" ".join(re.findall(r'<p class="stamp">(.*?)</p>', page)))


def unknown(text, twin, stamp):
    """Numbers of the text that the twin does not hold, as written or rounded, as they are or in percent.

    Numbers of tables and figures ("Table 3") are the document's own. A long hash may be broken over two lines.
    """
    text = re.sub(r"\b(Table|Figure)\s\d+", "", text)
    values, words = [], [stamp]
    collect(twin, values, words)
    joined = " ".join(words)
    known = {token.replace(",", "") for token in NUMBER.findall(joined)}
    hashes = re.findall(r"[0-9a-f]{8,}", joined)
    found = []
    for token in NUMBER.findall(text):
        plain = token.replace(",", "").rstrip(",")
        digits = len(plain.partition(".")[2])
        if plain in known or any(format(scale * value, f".{digits}f") == plain for value in values for scale in (1, 100)):
            continue
        if any(plain in word for word in hashes if len(plain) > 3):
            continue
        found.append(token)
    return found


def test_what_a_picture_draws_are_the_rows_of_the_twin(centre):
    study, result = centre
    drawn = 0
    for wanted in WANTED.values():
        document = document_of(read_study(study), wanted, result, result, silent)
        content = twin(document)
        for block in document.blocks:
            if isinstance(block, Figure):
                drawn += 1
                panels = block.spec.get("vconcat", [block.spec])
                assert [row for panel in panels for row in panel["data"]["values"]] == content["parts"][block.key]["rows"]
    assert drawn > 10


def collect(value, values, words):
    if isinstance(value, dict):
        for name, item in value.items():
            words.append(name)
            collect(item, values, words)
    elif isinstance(value, list):
        for item in value:
            collect(item, values, words)
    elif isinstance(value, str):
        words.append(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value == value and abs(value) != float("inf"):
        values.append(value)


def test_the_walk_finds_a_number_that_is_nowhere(centre, tmp_path):
    study, result = centre
    build(study, tmp_path / "out", WANTED["study"], ["html"], earlier=result)
    twin = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert unknown("we found 38 of 987,654 people and 12.3456%", twin, "") == ["987,654", "12.3456"]
