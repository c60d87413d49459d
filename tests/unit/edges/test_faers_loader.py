"""Quarterly files of every layout, healthy and damaged."""

import csv
import gzip
import io
import zipfile

import polars as pl
import pytest

from aftercar.edges import faers
from aftercar.edges.faers import ReportFileError, load_quarter, load_table, manifest, parse

MODERN = {
    "DEMO": "primaryid$caseid$caseversion$i_f_code$event_dt$init_fda_dt$fda_dt$rept_cod$mfr_num$mfr_sndr$lit_ref$age$age_cod"
    "$sex$wt$wt_cod$occp_cod$reporter_country$occr_country",
    "DRUG": "primaryid$caseid$drug_seq$role_cod$drugname$prod_ai$lot_num",
    "REAC": "primaryid$caseid$pt$drug_rec_act",
    "OUTC": "primaryid$caseid$outc_cod",
    "THER": "primaryid$caseid$dsg_drug_seq$start_dt$end_dt",
    "INDI": "primaryid$caseid$indi_drug_seq$indi_pt",
}
ROWS = {
    "DEMO": [
        "1001$100$1$I$20230504$20230601$20230601$EXP$N1$KITE$$61$YR$M$80$KG$MD$US$US",
        "1002$100$2$F$20230504$20230601$20230901$EXP$N1$KITE$$61$YR$M$80$KG$MD$US$",
        "2001$200$1$I$202305$$20230610$EXP$N2$NOVARTIS$Lancet 2023$18$MON$F$22$LBS$PH$$FR",
        "3001$300$1$I$2023$$20230611$DIR$$$$7$DEC$$$$CN$DE$",
    ],
    "DRUG": [
        "1001$100$1$PS$YESCARTA$$L1",
        "1002$100$1$PS$YESCARTA$AXICABTAGENE CILOLEUCEL$L1",
        "1002$100$2$C$ASPIRIN$ASPIRIN$",
        "2001$200$1$PS$CAR-T CELLS$$",
        "3001$300$1$SS$Kymrah$$",
    ],
    "REAC": [
        "1001$100$T-cell lymphoma$",
        "1002$100$T-cell lymphoma$",
        "1002$100$Pyrexia$",
        "2001$200$Pyrexia$",
        "3001$300$Death$",
    ],
    "OUTC": ["1002$100$OT", "3001$300$DE"],
    "THER": ["1002$100$1$20230101$", "2001$200$1$202301$20231301"],
    "INDI": ["1002$100$1$Diffuse large B-cell lymphoma"],
}


def quarter(path, *, files=None, end="\r\n", deleted=None, name="23Q3", raw=None, drop=()):
    """A ZIP file of a modern quarter; ``files`` replaces lines, ``raw`` whole files as bytes."""
    lines = {kind: [MODERN[kind], *rows] for kind, rows in (ROWS | (files or {})).items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for kind, rows in lines.items():
            if kind in drop:
                continue
            data = (end.join(rows) + end).encode()
            archive.writestr(f"ASCII/{kind}{name}.txt", (raw or {}).get(kind, data))
        archive.writestr("FAQs.pdf", b"%PDF")
        if deleted is not None:
            archive.writestr(f"DELETED/DELETE{name}.txt", deleted)
    return path


def table(lake, name):
    return pl.read_parquet(lake / name / "*.parquet")


def test_a_quarter_becomes_tables_with_our_names(tmp_path):
    loaded = load_quarter(quarter(tmp_path / "q.zip"), tmp_path / "lake")
    assert loaded.quarter == "2023Q3"
    assert loaded.rows["faers_reports"] == 4
    reports = table(tmp_path / "lake", "faers_reports").sort("report_id")
    assert reports["received_on"].to_list() == ["2023-06-01", "2023-09-01", "2023-06-10", "2023-06-11"]
    assert reports["event_on"].to_list() == ["2023-05-04", "2023-05-04", "2023-05", "2023"]
    assert reports["age_years"].to_list() == [61, 61, 1.5, 70]
    assert reports["sex"].to_list() == ["male", "male", "female", "unknown"]
    assert reports["weight_kg"].to_list() == pytest.approx([80, 80, 22 * 0.45359237, None])
    assert reports["country"].to_list() == ["US", "US", "FR", "DE"]
    drugs = table(tmp_path / "lake", "faers_drugs").sort("report_id", "drug_seq")
    assert drugs["product"].to_list() == ["axi-cel", "axi-cel", None, "CAR-T, product not stated", "tisa-cel"]
    assert table(tmp_path / "lake", "faers_therapy")["ended_on"].null_count() == 2
    assert any("1 value(s) of ended_on are not dates" in note for note in loaded.notes)


def test_old_layout_is_found_by_names(tmp_path):
    folder = tmp_path / "old" / "ascii"
    folder.mkdir(parents=True)
    (folder / "DEMO05Q2.TXT").write_text(
        "ISR$CASE$I_F_COD$EVENT_DT$FDA_DT$AGE$AGE_COD$GNDR_COD$\n4500001$60001$I$200501$20050402$40$YR$F$\n"
    )
    (folder / "DRUG05Q2.TXT").write_text("ISR$DRUG_SEQ$ROLE_COD$DRUGNAME$LOT_NUM$\n4500001$99$PS$ASPIRIN$$\n")
    (folder / "REAC05Q2.TXT").write_text("ISR$PT$\n4500001$NAUSEA$\n")
    loaded = load_quarter(folder.parent, tmp_path / "lake")
    assert loaded.quarter == "2005Q2"
    row = table(tmp_path / "lake", "faers_reports").row(0, named=True)
    assert (row["report_id"], row["case_id"], row["case_version"], row["sex"], row["event_on"]) == (
        4500001,
        60001,
        None,
        "female",
        "2005-01",
    )
    assert {"no OUTC file", "no THER file", "no INDI file"} <= set(loaded.notes)


def test_a_record_broken_by_a_line_feed_is_mended(tmp_path):
    rows = {"DRUG": [*ROWS["DRUG"][:3], "2001$200$1$PS$CAR-T\r\nCELLS$$", ROWS["DRUG"][4]]}
    loaded = load_quarter(quarter(tmp_path / "q.zip", files=rows), tmp_path / "lake")
    assert table(tmp_path / "lake", "faers_drugs").filter(pl.col("report_id") == 2001)["name"].item() == "CAR-T CELLS"
    assert any("1 record(s) mended" in note for note in loaded.notes)


def test_a_broken_record_before_a_whole_one_takes_nothing_from_it(tmp_path):
    rows = {"REAC": ["1001$100", *ROWS["REAC"]]}
    with pytest.raises(ReportFileError, match=r"REAC23Q3.txt line 2: '1001\$100' has 2 fields where the header has 4") as caught:
        load_quarter(quarter(tmp_path / "q.zip", files=rows), tmp_path / "lake")
    assert "--allow-broken 1" in str(caught.value)
    loaded = load_quarter(quarter(tmp_path / "q.zip", files=rows), tmp_path / "lake", allow_broken=1)
    assert loaded.rows["faers_reactions"] == 5
    assert any(note.startswith("left out:") and "line 2" in note for note in loaded.notes)


def test_a_dollar_in_a_field_is_a_broken_line_not_a_shifted_one(tmp_path):
    rows = {"REAC": [*ROWS["REAC"], "3001$300$Pain $ and more$x$"]}
    with pytest.raises(ReportFileError, match="has 6 fields"):
        load_quarter(quarter(tmp_path / "q.zip", files=rows), tmp_path / "lake")


@pytest.mark.parametrize(
    ("data", "name", "odd"),
    [
        ("primaryid$caseid$pt$x\r\n3001$300$Sj\xf6gren\u2019s$\r\n".encode("cp1252"), "Sj\xf6gren\u2019s", 1),
        ("\ufeffprimaryid$caseid$pt$x\n3001$300$Sj\xf6gren$\n".encode(), "Sj\xf6gren", 0),
        (b"primaryid$caseid$pt$x\n3001$300$a\x81b$\n", "a\x81b", 1),
        (b'primaryid$caseid$pt$x\n3001$300$6" wound$\n', '6" wound', 0),
    ],
)
def test_odd_encodings_and_quotes_are_read(data, name, odd):
    text = parse(data, "REAC23Q3.txt")
    assert text.frame["pt"].to_list() == [name]
    assert text.redecoded == odd


def test_trailing_delimiters_and_missing_line_end():
    text = parse(b"primaryid$caseid$pt$\n1$2$Pain$\n3$4$Rash$", "REAC23Q3.txt")
    assert text.frame["pt"].to_list() == ["Pain", "Rash"]
    assert text.cut


def test_a_cut_last_line_is_an_error(tmp_path):
    raw = {"REAC": ("\n".join([MODERN["REAC"], *ROWS["REAC"]])[:-9]).encode()}
    with pytest.raises(ReportFileError, match="line 6"):
        load_quarter(quarter(tmp_path / "q.zip", raw=raw), tmp_path / "lake")


def test_demo_cut_between_lines_leaves_orphans_that_are_said(tmp_path):
    loaded = load_quarter(quarter(tmp_path / "q.zip", files={"DEMO": ROWS["DEMO"][:2]}), tmp_path / "lake")
    assert any("2 report(s) have rows here and none in DEMO" in note for note in loaded.notes)


def test_deleted_cases_with_and_without_header(tmp_path):
    loaded = load_quarter(quarter(tmp_path / "q.zip", deleted=b"caseid\r\n300\r\n200\r\n\r\n200\r\n"), tmp_path / "lake")
    assert loaded.rows["faers_deleted"] == 2
    assert table(tmp_path / "lake", "faers_deleted")["case_id"].to_list() == [200, 300]
    with pytest.raises(ReportFileError, match="line 2"):
        load_quarter(quarter(tmp_path / "r.zip", deleted=b"100\nabc\n"), tmp_path / "lake")


def test_loading_again_replaces_the_quarter(tmp_path):
    lake = tmp_path / "lake"
    load_quarter(quarter(tmp_path / "a.zip"), lake)
    load_quarter(
        quarter(
            tmp_path / "b.zip", name="23Q4", files={"DEMO": ROWS["DEMO"][2:], "DRUG": ROWS["DRUG"][3:], "REAC": ROWS["REAC"][3:]}
        ),
        lake,
    )
    load_quarter(quarter(tmp_path / "a.zip"), lake)
    assert [entry["quarter"] for entry in manifest(lake)] == ["2023Q3", "2023Q4"]
    assert len(table(lake, "faers_reports")) == 6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"drop": ("REAC",)}, "no REAC file"),
        ({"files": {"DEMO": [*ROWS["DEMO"], ROWS["DEMO"][0]]}}, r"1 report\(s\) stand twice"),
        ({"files": {"REAC": ["A1$100$Pain$"]}}, "'A1' is not a number"),
        ({"files": {"DEMO": ["1001$$1" + "$" * 16]}}, "None is not a number"),
        ({"raw": {"DRUG": b"primaryid$caseid$drug_seq$role_cod\n"}}, "no column drugname"),
        ({"raw": {"DRUG": b""}}, "not a \\$-delimited file"),
        ({"raw": {"DRUG": b"a,b,c\n1,2,3\n"}}, "not a \\$-delimited file"),
    ],
)
def test_what_would_lose_reports_is_an_error(tmp_path, change, words):
    with pytest.raises(ReportFileError, match=words):
        load_quarter(quarter(tmp_path / "q.zip", **change), tmp_path / "lake")
    assert not (tmp_path / "lake" / "manifest.json").exists()


@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_cut_zip_is_an_error(tmp_path, part):
    data = quarter(tmp_path / "q.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[: int(len(data) * part)])
    with pytest.raises(ReportFileError, match="damaged"):
        load_quarter(tmp_path / "cut.zip", tmp_path / "lake")


def test_a_flipped_byte_inside_a_member_is_an_error(tmp_path):
    data = bytearray(quarter(tmp_path / "q.zip").read_bytes())
    data[80] ^= 0xFF
    (tmp_path / "bad.zip").write_bytes(bytes(data))
    with pytest.raises(ReportFileError):
        load_quarter(tmp_path / "bad.zip", tmp_path / "lake")


def test_two_quarters_in_one_folder_are_refused(tmp_path):
    for name in ("DEMO23Q3.txt", "DRUG23Q3.txt", "REAC23Q4.txt"):
        (tmp_path / name).write_text("primaryid$caseid\n")
    with pytest.raises(ReportFileError, match="2023Q3, 2023Q4"):
        load_quarter(tmp_path, tmp_path / "lake")


def test_no_lake_is_said(tmp_path):
    with pytest.raises(ReportFileError, match="run `aftercar signals faers load` first"):
        manifest(tmp_path)


def test_plain_table_and_its_errors(tmp_path):
    with gzip.open(tmp_path / "t.csv.gz", "wt") as stream:
        stream.write("CASEID,DRUG,AE\n1,Yescarta,Pyrexia\n1,Yescarta,Pyrexia\n1,Aspirin,Rash\n2,Aspirin,Rash\n")
    loaded = load_table(tmp_path / "t.csv.gz", tmp_path / "lake", "2022Q3")
    assert (loaded.rows["faers_reports"], loaded.rows["faers_drugs"], loaded.rows["faers_reactions"]) == (2, 3, 3)
    with pytest.raises(ReportFileError, match="no column EVENT"):
        load_table(tmp_path / "t.csv.gz", tmp_path / "lake", "2022Q3", event="EVENT")
    with pytest.raises(ReportFileError, match="not a quarter"):
        load_table(tmp_path / "t.csv.gz", tmp_path / "lake", "2022-Q3")


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "name", "ids"), [("aers_ascii_2004q1", "04Q1.TXT", "isr"), ("faers_ascii_2017q2", "17Q2.txt", "primaryid")]
)
def test_real_layouts_lose_no_row(test_data, tmp_path, file, name, ids):
    """Held to the csv module, row by row."""
    source = test_data / "pharmacovigilance/faers_samples" / f"{file}.zip"
    loaded = load_quarter(source, tmp_path / "lake")
    with zipfile.ZipFile(source) as archive:
        for kind, table_name, column, ours in (
            ("DEMO", "faers_reports", "fda_dt", "received_on"),
            ("DRUG", "faers_drugs", "drugname", "name"),
            ("REAC", "faers_reactions", "pt", "term"),
            ("INDI", "faers_indications", "indi_pt", "term"),
        ):
            text = archive.read(f"ascii/{kind}{name}").decode()
            rows = list(csv.DictReader(io.StringIO(text), delimiter="$", quoting=csv.QUOTE_NONE))
            got = table(tmp_path / "lake", table_name)
            assert got["report_id"].to_list() == [int(row[ids]) for row in rows]
            plain = [row[column].strip().replace("-", "").upper() or None for row in rows]
            assert got[ours].str.replace_all("-", "").str.to_uppercase().to_list() == plain
    assert loaded.rows["faers_reports"] == 100
    assert faers.manifest(tmp_path / "lake")[0]["sha256"] == loaded.sha256
