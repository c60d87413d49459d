"""Site tables of other tools come in whole; what cannot be read is named with its line."""

import gzip

import polars as pl
import pytest

from aftercar.actions.sites_tables import import_sites, load_sites
from aftercar.edges.site_tables import BadSiteTable, read_sites
from aftercar.vocab.tables.sites import INTEGRATION_SITES


def _write(tmp_path, text, name="sites.tsv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_ranges_of_width_one(tmp_path):
    path = _write(
        tmp_path,
        "seqnames\tstart\tend\tstrand\tGTSP\tpatient\testAbund\nchr1\t100\t100\t+\tG1\tp1\t3\nchrX\t7\t7\t*\tG1\tp1\tNA\n",
    )
    table = read_sites(path)
    assert table.columns == list(INTEGRATION_SITES.names)
    assert table.select("position", "orientation", "cells").rows() == [(100, "+", 3.0), (7, "unknown", None)]


def test_ranges_of_fragments_count_lengths(tmp_path):
    rows = "chr1\t100\t180\t+\tS\nchr1\t100\t180\t+\tS\nchr1\t100\t220\t+\tS\nchr1\t60\t300\t-\tS\n"
    table = read_sites(_write(tmp_path, "seqnames\tstart\tend\tstrand\tsampleName\n" + rows))
    assert table.select("position", "orientation", "fragments").rows() == [(100, "+", 2), (300, "-", 1)]


def test_wide_matrix(tmp_path):
    path = _write(
        tmp_path, "chr\tintegration_locus\tstrand\tGeneName\tGeneStrand\tS1\tS2\n4\t106\t+\tTET2\t+\t5\tNA\n5\t9\t-\tX\t-\t0\t2\n"
    )
    table = read_sites(path, matrix_holds="fragments")
    assert sorted(table.select("sample_id", "chrom", "fragments").rows()) == [("S1", "4", 5), ("S2", "5", 2)]
    with pytest.raises(BadSiteTable, match="cannot hold"):
        read_sites(path, matrix_holds="clones")


def test_posid(tmp_path):
    table = read_sites(_write(tmp_path, "sample,posid,UMIs\nA,chr7+1234,9\nA,chrX-55.2,1\n", "a.csv"))
    assert table.select("chrom", "position", "orientation", "umis").rows() == [("chr7", 1234, "+", 9), ("chrX", 55, "-", 1)]
    with pytest.raises(BadSiteTable, match="line 2"):
        read_sites(_write(tmp_path, "sample,posid\nA,chr7:1234\n", "b.csv"))


def test_bed(tmp_path):
    table = read_sites(_write(tmp_path, "track name=x\nchr1\t99\t100\ta\t12\t-\n", "a.bed"), sample="S", genome="hg38")
    assert table.select("sample_id", "position", "orientation", "reads", "genome").rows() == [("S", 100, "-", 12, "hg38")]
    with pytest.raises(BadSiteTable, match="no strand"):
        read_sites(_write(tmp_path, "chr1\t99\t100\n", "b.bed"), sample="S")


def test_own_names_and_round_trip(tmp_path):
    path = _write(tmp_path, "CHR\tPOS\tDIR\tN\nchr2\t5\t-\t4\n")
    out = tmp_path / "out.csv"
    table = import_sites([path], out, sample="S", columns={"chrom": "CHR", "position": "POS", "orientation": "DIR", "cells": "N"})
    again = load_sites(out)
    assert again.drop("came_from").equals(table.drop("came_from"))
    import_sites([path], tmp_path / "o.parquet", sample="S", columns={"chrom": "CHR", "position": "POS"})
    assert load_sites(tmp_path / "o.parquet")["orientation"].to_list() == ["unknown"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("a\tb\n1\t2\n", "no chromosome and position"),
        ("chrom\tposition\tstrand\tsample\nchr1\tx\t+\tS\n", "line 2"),
        ("chrom\tposition\tstrand\tsample\nchr1\t0\t+\tS\n", "1-based"),
        ("chrom\tposition\tstrand\tsample\n\t5\t+\tS\n", "without a chrom"),
        ("chrom\tposition\tstrand\nchr1\t5\t+\n", "rows without a sample"),
    ],
)
def test_bad_tables(tmp_path, text, words):
    with pytest.raises(BadSiteTable, match=words):
        read_sites(_write(tmp_path, text))


def test_a_cut_short_gzip_is_an_error(tmp_path):
    whole = gzip.compress(b"chrom\tposition\tstrand\tsample\n" + b"chr1\t5\t+\tS\n" * 2000)
    path = tmp_path / "t.tsv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadSiteTable, match="cut short"):
        read_sites(path)


def test_real_tables(test_data):
    folder = test_data / "intsites"
    isa = read_sites(
        folder / "isanalytics_example/integration_matrices.tsv", association=folder / "isanalytics_example/association_file.tsv"
    )
    assert (isa.height, isa["sample_id"].n_unique(), isa["person_id"].n_unique()) == (1689, 53, 2)
    assert isa["cells"].sum() == pytest.approx(10804.3255, abs=1e-3)
    assert isa["genome"].unique().to_list() == ["hg19"]
    products = read_sites(folder / "cart19_nobles/cart19_tdn_sites.tsv.gz")
    assert (products.height, products["person_id"].n_unique()) == (94_410, 40)
    assert products["day"].null_count() == products.height
    follow_up = read_sites(folder / "cart19_nobles/gt34_intSitesCART_2pts_longitudinal_D0-Y10.tsv.gz")
    assert (follow_up.height, follow_up["cells"].sum()) == (13_066, 25_456)
    assert isinstance(follow_up, pl.DataFrame)


def test_the_case_of_a_header_does_not_matter(tmp_path):
    found = read_sites(_write(tmp_path, "Sample_ID,Chrom,Position,Strand,Cells\nS,chr1,100,+,3\n", "t.csv"))
    assert found.select("sample_id", "chrom", "position", "orientation", "cells").row(0) == ("S", "chr1", 100, "+", 3.0)


def test_samples_of_a_matrix_keep_their_spelling(tmp_path):
    text = "Chr\tIntegration_Locus\tStrand\tGeneName\tGeneStrand\tSAMPLE\tReads\n1\t100\t+\tA\t+\t5\t7\n"
    assert sorted(read_sites(_write(tmp_path, text))["sample_id"]) == ["Reads", "SAMPLE"]


@pytest.mark.parametrize(("value", "words"), [("-3", "below 0"), ("nan", "not a number"), ("inf", "not a number")])
def test_an_abundance_that_cannot_be_is_named_with_its_line(tmp_path, value, words):
    rows = f"sample_id,chrom,position,orientation,cells\nS,chr1,5,+,2\nS,chr1,90,+,{value}\n"
    with pytest.raises(BadSiteTable, match=f"{words}.*line 3"):
        read_sites(_write(tmp_path, rows, "t.csv"))
