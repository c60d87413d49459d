"""Every fault of a sample sheet is named, with its line."""

import pytest

from aftercar.edges.lmpcr_samplesheet import BadSampleSheet, read_sheet

HEAD = "sample_id\tbarcode\tlinker\tprimer\tltr_end\tcontrol\n"
LINKER = "CGCAGACATCCCGTCCCATNNNNNNNNNNNNCTCCGCTTAAGGGACT"


def _row(sample="S1-1", barcode="AATCCGTACAGC", linker=LINKER, primer="GAAAATC", end="TCTAGCA", control=""):
    return "\t".join([sample, barcode, linker, primer, end, control]) + "\n"


def _faults(tmp_path, text):
    path = tmp_path / "sheet.tsv"
    path.write_text(text)
    with pytest.raises(BadSampleSheet) as caught:
        read_sheet(path)
    return str(caught.value)


def test_a_good_sheet(tmp_path):
    path = tmp_path / "sheet.tsv"
    path.write_text(HEAD + _row() + _row("S1-2", "ACACCTGGTGAT") + _row("NTC", "TATCGTTGACCA", control="negative_control"))
    rows = read_sheet(path)
    assert [row.specimen for row in rows] == ["S1", "S1", "NTC"]
    assert rows[0].umi == slice(19, 31)
    assert rows[2].control == "negative_control"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sample_id\tbarcode\nS1\tACGT\n", "column is missing"),
        (HEAD, "no samples"),
        (HEAD + _row() + _row(barcode="ACACCTGGTGAT"), "is also on line 2"),
        (HEAD + _row() + _row("S2-1"), "two samples cannot share an index"),
        (HEAD + _row() + _row("S2-1", "AATCCGTACAGG"), "one error would swap them"),
        (HEAD + _row() + _row("S2-1", "AATCCGTACA"), "different lengths"),
        (HEAD + _row(barcode="AATCCGTACAGX"), "is not a run of A, C, G, T"),
        (HEAD + _row(linker="CGCAGNNNACNNNT"), "one run of N"),
        (HEAD + _row(end="TCTAGAG"), "does not end in CA"),
        (HEAD + _row("bad name"), "is not a sample name"),
        (HEAD + _row(control="blank"), "is none of sample"),
        (HEAD + "S1-1\tAATCCGTACAGC\n", "cells under 6 column names"),
    ],
)
def test_faults(tmp_path, text, words):
    assert words in _faults(tmp_path, text)


def test_all_faults_come_at_once(tmp_path):
    said = _faults(tmp_path, HEAD + _row(barcode="XX") + _row("S2 1", end="TT"))
    assert "line 2" in said
    assert "line 3" in said


def test_vector_file_must_be_there(tmp_path):
    said = _faults(tmp_path, HEAD.strip() + "\tvector\n" + _row().rstrip("\n") + "\tgone.fa\n")
    assert "vector file is not beside the sheet" in said


def test_one_specimen_belongs_to_one_person(tmp_path):
    head = HEAD.strip() + "\tspecimen\tperson_id\n"
    text = head + _row().strip("\n") + "\tX\tP1\n" + _row("S2-1", "ACACCTGGTGAT").strip("\n") + "\tX\tP2\n"
    assert "belongs to P1 and to P2" in _faults(tmp_path, text)


def test_the_public_sheet_is_read(test_data):
    rows = read_sheet(test_data / "reads/inspiired_lmpcr_validation/sampleInfo.full.tsv")
    assert len(rows) == 41
    assert {len(row.vector) for row in rows} == {11738}
