"""What a reader sees: figures for what the reader asks, colours, references, archive format, definitions, print."""

import colorsys
import io
import json
import re
import shutil
import subprocess
import zipfile
from importlib import resources

import docx
import openpyxl
import polars as pl
import pytest

from aftercar.actions.progress import silent
from aftercar.actions.report import Wanted, build, document_of
from aftercar.edges.study import read_study
from aftercar.reports import excel, html
from aftercar.reports.blocks import Figure, TableBlock
from aftercar.reports.charts import PALETTE
from aftercar.reports.definitions import definition
from aftercar.reports.figures_samples import clone_stream, coverage, karyogram, pile_up
from aftercar.vocab.genomes import find_genome
from aftercar.vocab.tables.evidence import COVERAGE, JUNCTION_FRAGMENTS

#: Okabe and Ito's colours, and the tints of two of them that areas behind lines use.
ALLOWED = {colour.lower() for colour in PALETTE} | {"#b9cbd8"}


@pytest.fixture(scope="module")
def documents(centre):
    """Every kind of report of the simulated centre."""
    study, result = read_study(centre[0]), centre[1]
    wanted = [Wanted(kind) for kind in ("assessment", "signal", "periodic", "study", "centre")]
    wanted += [Wanted("dossier", case="CASE-1"), Wanted("laboratory", sample="S-CASE-1")]
    return {one.kind: document_of(study, one, result, result, silent) for one in wanted}


def figures(document):
    return {block.key: block for block in document.blocks if isinstance(block, Figure)}


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("signal", {"tested-chart", "onset-curve", "attrition-chart", "incidence-curve", "swimmer"}),
        ("periodic", {"tested-chart", "swimmer"}),
        ("dossier", {"timeline-chart", "persistence", "pile-up", "coverage"}),
        ("laboratory", {"pile-up", "coverage", "elements-chart"}),
        ("study", {"attrition-chart", "incidence-curve", "product-chart", "tested-chart", "onset-curve"}),
    ],
)
def test_each_reader_gets_the_figures_to_the_question(documents, kind, wanted):
    assert wanted <= figures(documents[kind]).keys()


def test_every_figure_says_in_words_what_it_shows(documents):
    for document in documents.values():
        for figure in figures(document).values():
            assert re.search(r"\d", figure.alt), figure.key
            assert figure.table == "" or isinstance(document.find(figure.table), TableBlock), figure.key


def test_colours_are_those_of_one_palette_or_grey():
    for path in resources.files("aftercar.reports.charts").iterdir():
        if path.name.endswith(".json"):
            for colour in re.findall(r"#[0-9a-fA-F]{3,6}\b", path.read_text(encoding="utf-8")):
                whole = colour.lower() if len(colour) == 7 else "#" + "".join(2 * c for c in colour[1:].lower())
                red, green, blue = (int(whole[i : i + 2], 16) / 255 for i in (1, 3, 5))
                assert whole in ALLOWED or colorsys.rgb_to_hsv(red, green, blue)[1] < 0.06, (path.name, colour)


def test_every_column_is_defined(documents):
    missing = [
        (kind, block.key, field.name)
        for kind, document in documents.items()
        for block in document.blocks
        if isinstance(block, TableBlock)
        for field in block.fields
        if not definition(block, field)
    ]
    assert missing == []


def test_the_waterfall_ends_at_the_cases_with_the_car(documents):
    rows = figures(documents["signal"])["tested-chart"].rows
    steps = {row["step"]: (row["from"], row["to"]) for row in rows if row["group"] == "cases listed in this study"}
    low, high = steps["CAR found"]
    assert low == 0
    assert steps["tested, CAR not found"][0] == high
    assert steps["not tested or unknown"] == (steps["tested, CAR not found"][1], steps["all cases"][1])


def test_the_band_before_the_first_case_is_no_hundred_percent(documents):
    rows = figures(documents["study"])["incidence-curve"].rows
    assert rows[0]["years"] == rows[0]["value"] == 0
    assert 0 < rows[0]["high"] < 0.1


def test_coverage_and_fragments_are_those_of_the_sample(centre, documents):
    folder = centre[1] / "samples" / "S-CASE-1"
    windows = pl.read_csv(folder / "coverage.tsv", separator="\t")
    fragments = pl.read_csv(folder / "junction_fragments.tsv", separator="\t")
    assert windows.columns == list(COVERAGE.names)
    assert fragments.columns == list(JUNCTION_FRAGMENTS.names)
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    lengths = (windows["end"] - windows["start"] + 1).to_numpy()
    assert lengths.sum() == verdict["facts"]["provirus"]["length"]
    mean = float((windows["depth"].to_numpy() * lengths).sum() / lengths.sum())
    assert mean == pytest.approx(verdict["vector"]["depth"], rel=0.15)
    (site,) = verdict["sites"]
    for side in ("left", "right"):
        own = fragments.filter(pl.col("side") == side)
        assert own.height == min(40, site[f"{side}_support"])
        assert own["fragments"].unique().to_list() == [site[f"{side}_support"]]
    drawn = figures(documents["laboratory"])["pile-up"].rows
    assert {row["site"] for row in drawn} == {f"{site['chrom']}:{site['pos']:,}"}


def test_the_host_lies_outside_the_provirus_at_both_ends():
    rows = [
        {"chrom": "chr1", "pos": 10, "orientation": "+", "side": side, "fragment": 1, "kind": "split", "host_bases": 90,
         "vector_bases": 60, "fragments": 3}
        for side in ("left", "right")
    ]  # fmt: skip
    figure = pile_up(rows, {("chr1", 10): "TET2"})
    ends = {(row["end"], row["part"]): row["to"] for row in figure.rows}
    assert ends == {
        ("left end", "host"): -90,
        ("left end", "vector"): 60,
        ("right end", "host"): 90,
        ("right end", "vector"): -60,
    }
    assert figure.alt == "chr1:10 TET2: 3 fragments at the left end, 3 fragments at the right end"
    assert pile_up([], {}) is None
    assert coverage([]) is None


def test_sites_are_drawn_on_the_chromosomes_of_their_build():
    sites = [{"chrom": "chr4", "pos": 105_190_000, "gene": "TET2"}, {"chrom": "chrUn_1", "pos": 5, "gene": None}]
    figure = karyogram(sites, find_genome("GRCh38"))
    assert figure.alt == "1 site on GRCh38: chr4:105,190,000 TET2."
    drawn = [(row["chromosome"], row["megabases"], row["label"]) for row in figure.rows if row["kind"] == "site"]
    assert drawn == [("4", 105.19, "TET2")]
    assert sum(row["kind"] == "chromosome" for row in figure.rows) >= 24
    assert karyogram(sites[1:], find_genome("GRCh38")) is None


def test_the_surface_of_observed_over_expected_and_the_forest_are_of_the_published_record(project, tmp_path):
    study = read_study(project / "examples" / "published")
    document = document_of(study, Wanted("signal"), tmp_path / "out", None, silent)
    drawn = figures(document)
    assert {"surface-chart", "rates-chart", "tested-chart", "onset-curve"} <= drawn.keys()
    assert len(drawn["surface-chart"].rows) == 20
    values = {row["label"]: row["value"] for row in drawn["rates-chart"].rows}
    assert values["all six BCMA- and CD19-directed products"] == pytest.approx(1000 * 38 / 42_500)


def test_the_clones_of_a_person_are_a_stream_in_the_colours_of_the_house():
    rows = [
        {"panel": "blood", "sample": s, "day": d, "clone": c, "rank": r, "share": share}
        for s, d, shares in (("S1", 30, (0.1, 0.9)), ("S2", 400, (0.6, 0.4)))
        for r, (c, share) in enumerate(zip(("TET2 chr4:5+", "all other clones"), shares, strict=True))
    ]
    figure = clone_stream(rows, "estimated cells")
    assert figure.alt == "2 samples to day 400; then TET2 chr4:5+ 60.0%; all other clones 40.0%."
    assert PALETTE[0] in json.dumps(figure.spec)
    assert "<svg" in html.svg(figure)


def test_the_page_prints_its_stamp_on_every_sheet_and_hostile_titles_stay_text(documents):
    page = html.render(documents["study"])
    (rule,) = re.findall(r'@bottom-left \{ content: "([^"]*)"', page)
    assert re.sub(r"\\([0-9a-f]{6})", lambda c: chr(int(c[1], 16)), rule).count("data lock 2024-06-30") == 1
    from dataclasses import replace

    evil = html.render(replace(documents["study"], title='"} </style><script>alert(1)</script>'))
    assert "<script>alert" not in evil


@pytest.mark.skipif(shutil.which("qpdf") is None, reason="qpdf is not installed")
def test_the_pdf_keeps_what_its_archive_format_asks_for(centre, tmp_path):
    """PDF/A-2b as far as qpdf shows it: sound file, no encryption or script, embedded fonts, output intent, tags, metadata."""
    study, result = centre
    build(study, tmp_path / "out", Wanted("laboratory", sample="S-CASE-1"), ["pdf"], earlier=result)
    path = tmp_path / "out" / "report.pdf"
    said = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, check=True).stdout
    assert "No syntax or stream encoding errors" in said
    assert "not encrypted" in said
    content = json.loads(subprocess.run(["qpdf", "--json=2", path], capture_output=True, text=True, check=True).stdout)
    objects = [item for item in content["qpdf"][1].values() if isinstance(item, dict)]
    values = [item.get("value", item.get("stream", {}).get("dict")) for item in objects]
    dicts = [item for item in values if isinstance(item, dict)]
    (catalog,) = [item for item in dicts if item.get("/Type") == "/Catalog"]
    assert {"/Metadata", "/OutputIntents", "/StructTreeRoot", "/MarkInfo", "/Lang"} <= catalog.keys()
    assert not any(key in item for item in dicts for key in ("/JavaScript", "/JS", "/EmbeddedFiles", "/Launch"))
    fonts = [item for item in dicts if item.get("/Type") == "/FontDescriptor"]
    assert fonts
    assert all({"/FontFile", "/FontFile2", "/FontFile3"} & item.keys() for item in fonts)


def test_word_refers_to_its_tables_by_fields_that_follow(centre, tmp_path):
    study, result = centre
    build(study, tmp_path / "out", Wanted("study"), ["docx"], earlier=result)
    with zipfile.ZipFile(tmp_path / "out" / "report.docx") as archive:
        body = archive.read("word/document.xml").decode()
        foot = "".join(archive.read(name).decode() for name in archive.namelist() if "footer" in name)
    marks = re.findall(r'w:bookmarkStart[^>]*w:name="([^"]+)"', body)
    referred = re.findall(r'w:instr="REF (\S+) \\h"', body)
    assert len(marks) == len(set(marks))
    assert len(set(re.findall(r'w:bookmarkStart[^>]*w:id="(\d+)"', body))) == len(marks)
    assert {mark for mark in referred if mark.startswith("at_")}
    assert set(referred) <= set(marks)
    assert 'w:instr="PAGE"' in foot
    assert "data lock 2024-06-30" in foot
    document = docx.Document(str(tmp_path / "out" / "report.docx"))
    captions = ["".join(t.text or "" for t in p._p.xpath(".//w:t")) for p in document.paragraphs if p.style.name == "Caption"]
    assert [caption for caption in captions if caption.startswith("Figure 1.") and caption.endswith("Figures: Table 1.")]


def test_excel_defines_its_columns_types_its_days_and_prints_the_stamp(documents):
    book = openpyxl.load_workbook(io.BytesIO(excel.render(documents["periodic"])))
    listing = book["line-listing"]
    heads = [cell.value for cell in listing[1]]
    day = listing.cell(2, heads.index("Infused") + 1)
    assert day.is_date
    assert "data lock 2024-06-30" in listing.oddFooter.left.text
    assert "dictionaries" in listing.oddHeader.left.text
    assert listing.freeze_panes == "A2"
    defined = {(row[0].value, row[1].value): row[3].value for row in book["columns"].iter_rows(min_row=2)}
    assert defined["Cases", "Infused"] == "Day of the suspected infusion."
    assert all(defined.values())
