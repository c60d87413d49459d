"""What ``aftercar assess`` writes: whole or not at all, equal for equal input, every figure in the twin."""

import filecmp
import json
import re
import shutil

import polars as pl
import pytest

from aftercar.actions.assess import assess
from aftercar.errors import InvalidTables, UsageError
from aftercar.reports.blocks import Field, TableBlock, shown
from aftercar.vocab.tables.reports import TABLES


@pytest.fixture(scope="module")
def result(tmp_path_factory, request):
    out = tmp_path_factory.mktemp("published") / "out"
    assess(request.config.rootpath / "examples" / "published", out)
    return out


def test_report_tables_and_provenance_are_there(result):
    assert (result / "report.html").is_file()
    for table in TABLES:
        csv, parquet = (result / "tables" / f"{table.name}.{ending}" for ending in ("csv", "parquet"))
        assert pl.read_parquet(parquet).columns == list(table.names)
        assert csv.read_text(encoding="utf-8").splitlines()[0] == ",".join(table.names)
    provenance = json.loads((result / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["data_lock"] == "2025-12-22"
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in provenance["inputs"].values())


def test_the_page_loads_nothing_from_outside(result):
    page = (result / "report.html").read_text(encoding="utf-8")
    for attribute in re.findall(r"""(?:src|href|action)=["']([^"']+)""", page):
        assert attribute.startswith(("data:", "#")), attribute
    assert "default-src 'none'" in page


def test_equal_input_gives_equal_bytes(result, tmp_path, project):
    assess(project / "examples" / "published", tmp_path / "again")
    comparison = filecmp.dircmp(result, tmp_path / "again")
    assert comparison.left_only == comparison.right_only == comparison.diff_files == []
    again = filecmp.dircmp(result / "tables", tmp_path / "again" / "tables")
    assert again.diff_files == []


def test_every_figure_on_the_page_is_in_the_twin(result):
    page = (result / "report.html").read_text(encoding="utf-8")
    twin = (result / "report.json").read_text(encoding="utf-8")
    body = re.sub(r"<(style|script).*?</\1>", "", page[page.index("<main>") : page.index("</main>")], flags=re.S)
    body = re.sub(r'src="data:[^"]*"', "", body)
    known = {float(text.replace(",", "")) for text in re.findall(r"\d[\d,]*\.?\d*", twin)}
    rounded = {round(value * scale, digits) for value in known for scale in (1, 100, 1000) for digits in (0, 1, 2, 4)}
    for cell in re.findall(r'<td class="n">([^<]+)</td>', body):
        for number in re.findall(r"\d[\d,]*\.?\d*", cell):
            assert float(number.replace(",", "")) in known | rounded, cell


def test_a_study_with_problems_leaves_nothing(tmp_path, project):
    folder = tmp_path / "study"
    shutil.copytree(project / "examples" / "published", folder)
    (folder / "people.csv").write_text("person_id\n", encoding="utf-8")
    with pytest.raises(InvalidTables):
        assess(folder, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study"]


def test_a_folder_of_somebody_else_is_not_replaced(tmp_path, project):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="not made by this command"):
        assess(project / "examples" / "published", tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_an_earlier_result_is_replaced(tmp_path, project):
    assess(project / "examples" / "published", tmp_path / "out")
    (tmp_path / "out" / "stale.txt").write_text("old")
    assess(project / "examples" / "published", tmp_path / "out")
    assert not (tmp_path / "out" / "stale.txt").exists()


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "count", "–"),
        (float("nan"), "number", "–"),
        (0, "count", "0"),
        (0.5, "percent", "50.0%"),
        (["a", "b"], "text", "a; b"),
    ],
)
def test_unknown_is_shown_as_unknown_and_never_as_zero(value, kind, text):
    assert shown(value, Field("x", "X", kind)) == text


def test_text_from_the_study_is_escaped(tmp_path, project):
    folder = tmp_path / "study"
    shutil.copytree(project / "examples" / "published", folder)
    path = folder / "cases.csv"
    path.write_text(
        path.read_text(encoding="utf-8").replace("aggressive CAR-positive", "<script>alert(1)</script>"), encoding="utf-8"
    )
    assess(folder, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_block_is_found_by_its_key(result, project):
    from aftercar.actions.assess import Results, findings_of
    from aftercar.edges.study import read_study
    from aftercar.reports.assessment import assessment

    document = assessment(findings_of(read_study(project / "examples" / "published"), Results()), {})
    assert isinstance(document.find("rates-table"), TableBlock)
    with pytest.raises(KeyError):
        document.find("")


def test_the_base_rates_of_the_laboratory_stand_beside_the_gene(tmp_path, project):
    folder = tmp_path / "study"
    shutil.copytree(project / "examples" / "published", folder)
    (folder / "background.csv").write_text(
        "gene,chrom,length,products_in,products_near,products,sites_in,sites_near,sites,share_in,share_in_low,share_in_high,"
        "fold_over_random,near_bases\nPBX2,chr6,5000,30,31,40,100,110,9000,0.011,0.009,0.013,5.0,50000\n"
    )
    head = folder / "study.toml"
    head.write_text(head.read_text().replace("[settings]", 'background = "background.csv"\n\n[settings]'))
    assess(folder, tmp_path / "out")
    evidence = pl.read_parquet(tmp_path / "out" / "tables" / "causality_evidence.parquet")
    said = evidence.filter(pl.col("case_id") == "CARTITUDE4-P1")["says"].to_list()
    assert any("30 of 40" in words for words in said), said
