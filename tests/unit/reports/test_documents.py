"""Every kind of report in every format: same content, equal bytes, readable by other libraries, nothing lost."""

import io
import json
import re
import shutil
import subprocess
import zipfile

import openpyxl
import pytest

from aftercar.actions.report import KINDS, Wanted, build
from aftercar.actions.report_check import NotAReport, ReportStale, compare, read_twin, verify
from aftercar.edges.authored import BadAuthored
from aftercar.errors import MissingEngine, UsageError
from aftercar.reports import excel, html, pdf, word
from aftercar.reports.blocks import Document, Fact, Facts, Field, Heading, Prose, TableBlock, twin
from aftercar.reports.masking import masked


@pytest.fixture(scope="module")
def study(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("reports") / "published"
    shutil.copytree(request.config.rootpath / "examples" / "published", folder)
    return folder


def wanted(kind):
    return Wanted(kind, case="COLOGNE-2025-01" if kind == "dossier" else "")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "laboratory"])
def test_every_kind_says_the_same_in_every_format(study, tmp_path, kind):
    import docx

    build(study, tmp_path / "a", wanted(kind), ["html", "pdf", "docx", "xlsx"])
    content = json.loads((tmp_path / "a" / "report.json").read_text(encoding="utf-8"))
    tables = {key: part for key, part in content["parts"].items() if "fields" in part}
    document = docx.Document(str(tmp_path / "a" / "report.docx"))
    assert len(document.tables) >= len(tables)
    book = openpyxl.load_workbook(tmp_path / "a" / "report.xlsx")
    assert {"report", "columns"} <= set(book.sheetnames)
    for key, part in tables.items():
        sheet = book[next(name for name in book.sheetnames if key.startswith(name.rstrip("-0123456789")) or name == key[:31])]
        assert sheet.max_row >= min(1, len(part["rows"]))
    assert (tmp_path / "a" / "report.pdf").read_bytes().startswith(b"%PDF-1.7")
    page = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    assert all(f'id="{key}"' in page for key in tables)


def test_equal_input_gives_equal_bytes_in_every_format(study, tmp_path):
    for name in ("a", "b"):
        build(study, tmp_path / name, wanted("signal"), ["html", "pdf", "docx", "xlsx"])
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_pdf_claims_archival_conformance_and_carries_alternative_texts(study, tmp_path):
    build(study, tmp_path / "a", wanted("assessment"), ["pdf"])
    data = (tmp_path / "a" / "report.pdf").read_bytes()
    assert b"<pdfaid:part>2</pdfaid:part>" in data
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in data
    if shutil.which("pdftotext"):
        text = subprocess.run(
            ["pdftotext", "-layout", tmp_path / "a" / "report.pdf", "-"], capture_output=True, text=True, check=True
        ).stdout
        assert "38/42,500" in text
        assert text.count("data lock 2025-12-22") > 3


def test_excel_cells_are_typed_and_text_is_never_run():
    rows = [{"name": "=HYPERLINK(1)", "count": 1234, "share": 0.25, "gone": None}]
    fields = (
        Field("name", "Name"),
        Field("count", "N", "count"),
        Field("share", "Share", "percent"),
        Field("gone", "Gone", "number"),
    )
    document = _document([TableBlock("t", "T", fields, rows)])
    sheet = openpyxl.load_workbook(io.BytesIO(excel.render(document)))["t"]
    cells = [cell.value for cell in sheet[2]]
    assert cells == ["=HYPERLINK(1)", 1234, 0.25, None]
    assert sheet["A2"].data_type == "s"
    assert sheet.freeze_panes == "A2"


def test_word_has_native_headings_captions_and_repeated_header_rows(study, tmp_path):
    build(study, tmp_path / "a", wanted("assessment"), ["docx"])
    with zipfile.ZipFile(tmp_path / "a" / "report.docx") as archive:
        body = archive.read("word/document.xml").decode()
    assert 'w:val="Heading1"' in body
    assert "w:tblHeader" in body
    assert re.search(r'w:instr="SEQ Table', body)
    assert re.search(r'descr="[^"]{20,}"', body)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_word_survives_conversion(study, tmp_path):
    build(study, tmp_path / "a", wanted("assessment"), ["docx"])
    subprocess.run(
        [
            "soffice",
            "--headless",
            f"-env:UserInstallation=file://{tmp_path}/profile",
            "--convert-to",
            "txt:Text",
            "--outdir",
            tmp_path,
            tmp_path / "a" / "report.docx",
        ],
        capture_output=True,
        check=True,
        timeout=120,
    )
    text = (tmp_path / "report.txt").read_text(encoding="utf-8", errors="replace")
    assert "38/42,500" in text
    assert "COLOGNE-2025-01" in text


def test_authored_text_is_kept_apart_and_never_overwritten(study, tmp_path):
    (study / "authored.toml").write_text(
        '[discussion]\nauthor = "A. Assessor"\ndate = 2026-01-05\ntext = """\nOne.\n\nTwo 38 of 42,500.\n"""\n'
    )
    build(study, tmp_path / "a", wanted("signal"), ["html"])
    part = json.loads((tmp_path / "a" / "report.json").read_text())["parts"]["authored-discussion"]
    assert part == {"hand": "authored", "paragraphs": ["One.", "Two 38 of 42,500.", "A. Assessor, 2026-01-05"]}
    assert "Not written yet" in (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    (study / "authored.toml").write_text('[discusion]\nauthor = "x"\ndate = 2026-01-05\ntext = "y"\n')
    with pytest.raises(BadAuthored, match="the sections are"):
        build(study, tmp_path / "b", wanted("signal"), ["html"])
    (study / "authored.toml").unlink()


def test_a_report_is_verified_and_a_changed_study_is_noticed(study, tmp_path):
    build(study, tmp_path / "a", wanted("periodic"), ["html"])
    assert verify(tmp_path / "a" / "report.html", study).reasons == []
    copy = tmp_path / "copy"
    shutil.copytree(study, copy)
    path = copy / "exposure.csv"
    path.write_text(path.read_text().replace(",17578,", ",17579,"))
    with pytest.raises(ReportStale, match="17578 became 17579"):
        verify(tmp_path / "a" / "report.html", copy)
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(NotAReport):
        verify(tmp_path / "x.json", study)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "copy", "x.json"]


def test_a_tampered_report_is_noticed(study, tmp_path):
    build(study, tmp_path / "a", wanted("assessment"), ["html"])
    page = tmp_path / "a" / "report.html"
    page.write_text(page.read_text(encoding="utf-8").replace('"cases": 38', '"cases": 8'), encoding="utf-8")
    with pytest.raises(ReportStale, match="8 became 38"):
        verify(page, study)


def test_two_locks_are_compared(study, tmp_path):
    build(study, tmp_path / "old", wanted("assessment"), ["json"])
    later = tmp_path / "later"
    shutil.copytree(study, later)
    path = later / "exposure.csv"
    path.write_text(path.read_text().replace(",42500,,,t_cell_malignancy,38,19,7,", ",42500,,,t_cell_malignancy,40,21,8,"))
    head = later / "study.toml"
    head.write_text(head.read_text().replace("2025-12-22", "2026-03-31"))
    build(later, tmp_path / "new", wanted("assessment"), ["json"])
    found = compare(tmp_path / "old" / "report.json", tmp_path / "new" / "report.json", tmp_path / "diff")
    changed = {(row["part"], row["column"], row["before"], row["after"]) for row in found}
    assert ("rates-table", "cases", 38, 40) in changed
    page = (tmp_path / "diff" / "difference.html").read_text(encoding="utf-8")
    assert "data lock" in page
    assert "2026-03-31" in page


def test_masked_variant_hides_small_counts_and_single_cases():
    fields = (Field("product", "Product"), Field("cases", "Cases", "count"), Field("rate", "Rate", "interval"))
    rows = [{"product": name, "cases": n, "rate": f"{n}"} for name, n in (("A", 38), ("B", 3), ("C", 12), ("D", 0))]
    personal = TableBlock("listing", "L", (Field("case_id", "Case"),), [{"case_id": "X"}])
    blocks = [
        Heading("One", 1, "one"),
        TableBlock("t", "T", fields, rows),
        Heading("Two", 1, "two"),
        personal,
        Facts("f", (Fact("a", "3"),)),
        Prose(["3 cases"], key="words"),
        Prose(["method"], general=True),
    ]
    found = masked(_document(blocks), 5)
    (table,) = [block for block in found.blocks if isinstance(block, TableBlock)]
    assert [row["cases"] for row in table.rows] == [38, None, None, 0]
    assert [row["rate"] for row in table.rows] == ["38", None, None, "0"]
    assert "3 cases" not in json.dumps(twin(found))
    assert [b.text for b in found.blocks if isinstance(b, Heading)] == ["One", "Two"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Wanted("dossier", case="X"), "the cases are"),
        (Wanted("novel"), "one of assessment"),
        (Wanted("laboratory", sample="S"), "tested samples are none"),
    ],
)
def test_what_is_not_there_is_said(study, tmp_path, asked, said):
    with pytest.raises(UsageError, match=said):
        build(study, tmp_path / "a", asked, ["html"])
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "a.partial").exists()


def test_the_twin_inside_the_page_equals_the_file(study, tmp_path):
    build(study, tmp_path / "a", wanted("dossier"), ["html"])
    assert read_twin(tmp_path / "a" / "report.html") == read_twin(tmp_path / "a" / "report.json")


def test_every_renderer_takes_an_empty_and_a_hostile_document():
    hostile = "<b>&\"'#$*_@[]{}\\ =1+1 ≥ é"
    table = TableBlock("t", hostile, (Field("a", hostile),), [{"a": hostile}])
    for document in (_document([]), _document([Heading(hostile, 1, "h"), Prose([hostile]), table])):
        for renderer in (html, pdf, word, excel):
            assert renderer.render(document)


def test_a_character_without_a_font_is_named_and_never_left_out():
    document = _document([Prose(["a sign of Linear A: \U00010600"])])
    with pytest.raises(MissingEngine, match="no font for a character"):
        pdf.render(document)


def _document(blocks):
    import datetime as dt

    return Document("Title", "Subtitle", dt.date(2026, 1, 1), blocks, {"inputs": {}, "software": {}, "settings": {}})


def test_tables_hold_what_the_frame_holds(study, tmp_path):
    build(study, tmp_path / "a", wanted("periodic"), ["xlsx"])
    rows = json.loads((tmp_path / "a" / "report.json").read_text())["parts"]["line-listing"]["rows"]
    book = openpyxl.load_workbook(tmp_path / "a" / "report.xlsx")["line-listing"]
    assert [book.cell(i + 2, 1).value for i in range(len(rows))] == [row["case_id"] for row in rows]
