"""The CAR in RNA, single cells and long reads: made files with known content."""

import numpy as np
import pysam
import pytest

from aftercar.actions.sites_rna import NoJoins, long_read_proviruses, rna_reads, single_cells
from aftercar.edges.single_cell import BadBarcodes, read_barcodes
from aftercar.evidence import rna
from aftercar.evidence.long_reads import Flank, LongRead, Piece, chained, read_provirus
from aftercar.vocab.vectors import Construct, Element, reverse_complement

RNG = np.random.default_rng(42)


def _bases(size):
    return "".join(RNG.choice(list("ACGT"), size))


SCFV, HINGE, ZETA, HOST = _bases(300), _bases(120), _bases(300), _bases(5000)
CAR = _bases(50) + SCFV + HINGE + ZETA + _bases(50)


@pytest.fixture
def vector(tmp_path):
    path = tmp_path / "car.fa"
    path.write_text(f">car\n{CAR}\n")
    rows = [("anti-CD19 scFv", 51, 350), ("CD8 hinge", 351, 470), ("CD3 zeta", 471, 770)]
    lines = [f'car\tx\texon\t{a}\t{b}\t.\t+\t.\tgene_name "{name}";' for name, a, b in rows]
    (tmp_path / "car.gtf").write_text("\n".join(lines) + "\n")
    return path


def _bam(path, records, contigs=(("chr1", 5000),)):
    header = pysam.AlignmentHeader.from_dict({"HD": {"VN": "1.6"}, "SQ": [{"SN": n, "LN": size} for n, size in contigs]})
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for fields in records:
            record = pysam.AlignedSegment(header)
            record.query_name = fields["name"]
            record.query_sequence = fields["seq"]
            record.flag = fields.get("flag", 0 if "pos" in fields else 4)
            if "pos" in fields:
                record.reference_id = fields.get("tid", 0)
                record.reference_start = fields["pos"]
                record.cigarstring = fields["cigar"]
                record.mapping_quality = 60
            for tag, value in fields.get("tags", {}).items():
                record.set_tag(tag, value)
            out.write(record)
    return path


def test_joins_and_fusions_in_rna(tmp_path, vector):
    crossing = CAR[320:420]
    clip = HOST[1000:1060] + CAR[100:140]
    human = tmp_path / "human.fa"
    human.write_text(f">h\n{HOST}\n>cd8\n{HINGE + ZETA}\n")  # a human transcript that holds hinge and zeta in a row
    records = [
        {"name": "a", "seq": crossing},
        {"name": "b", "seq": reverse_complement(crossing), "flag": 4},
        {"name": "c", "seq": SCFV[50:150]},
        *({"name": f"f{i}", "seq": clip, "pos": 1000, "cigar": "60M40S"} for i in range(3)),
        {"name": "n", "seq": HOST[2000:2100], "pos": 2000, "cigar": "100M"},
    ]
    bam = _bam(tmp_path / "rna.bam", records)
    found = rna_reads([bam], vector, human=human)
    assert found.counts.templates == {"anti-CD19 scFv|CD8 hinge": 2}
    assert [join.name for join in found.dropped] == ["CD8 hinge|CD3 zeta"]
    assert found.counts.reads == 7
    assert [(f.contig, f.position, f.vector_position, f.templates) for f in found.fusions] == [("chr1", 1059, 100, 3)]
    assert rna_reads([bam], vector).notes[0].startswith("joins were not held against human")


def test_negative_rna_says_how_negative(tmp_path, vector):
    bam = _bam(tmp_path / "n.bam", [{"name": f"n{i}", "seq": HOST[i : i + 100]} for i in range(200)])
    found = rna_reads([bam], vector)
    assert not found.counts.positive
    assert "less than" in found.counts.words()


def test_a_construct_without_parts_has_no_joins(tmp_path):
    path = tmp_path / "bare.fa"
    path.write_text(f">x\n{CAR}\n")
    with pytest.raises(NoJoins, match="no two neighbouring"):
        rna_reads([path], path)


def test_parts_inside_each_other_make_no_join():
    parts = (Element("CAR", "car", 10, 90), Element("scFv", "binder", 10, 50), Element("hinge", "hinge_tm", 53, 90))
    joins = rna.car_joins(Construct("c", _bases(100), elements=parts), side=8)
    assert [(j.name, j.position) for j in joins] == [("scFv|hinge", 50), ("scFv|hinge", 53)]


def test_fusions_group_and_need_two_templates():
    reads = [rna.ChimericRead(f"t{i}", "chr1", 500 + i % 2, "right", 77, 1) for i in range(4)]
    reads.append(rna.ChimericRead("one", "chr2", 9, "right", 77, 1))
    found = rna.fusions(reads, {"chr1": frozenset({500})})
    assert len(found) == 1
    assert found[0].templates == 4
    assert found[0].at_exon_edge


def test_single_cells_against_ambient(tmp_path, vector):
    car, host = CAR[320:420], HOST[100:200]
    records = []

    def add(cell, umi, seq):
        records.append({"name": f"r{len(records)}", "seq": seq, "tags": {"CB": cell, "UB": umi, "xf": 25}})

    for c in range(5):
        for u in range(4):
            add(f"POS{c}", f"CAR{u}", car)
        for u in range(400):
            add(f"POS{c}", f"U{u}", host)
    for c in range(10):
        for u in range(300):
            add(f"NEG{c}", f"U{u}", host)
    add("NEG0", "AMB", car)
    for u in range(3000):
        add(f"EMPTY{u % 500}", f"U{u}", car if u % 100 == 0 else host)
    table = tmp_path / "cells.tsv"
    rows = [f"POS{c}\tcluster1" for c in range(5)] + [f"NEG{c}\tcluster2" for c in range(10)]
    table.write_text("barcode\tcluster\n" + "\n".join(rows) + "\n")
    found, note = single_cells(_bam(tmp_path / "sc.bam", records), table, vector=vector)
    assert found.positive == {f"POS{c}" for c in range(5)}
    assert [(g.group, g.cells, g.with_umi) for g in found.groups] == [("cluster1", 5, 5), ("cluster2", 10, 1)]
    assert "counted as UMIs" in note
    assert "not shown to be CAR-negative" in found.caution or "does not show it CAR-negative" in found.caution


def test_ambient_alone_marks_at_most_the_nominal_share():
    rng = np.random.default_rng(6)
    marked = 0
    for _ in range(200):
        totals = {f"c{i}": 5000 for i in range(100)}
        seen = {cell: int(n) for cell, n in zip(totals, rng.poisson(5000 * 0.1 * 0.002, 100), strict=True)}
        found = rna.car_cells(seen, totals, dict.fromkeys(totals, "g"), empty_car=200, empty_total=100_000)
        marked += bool(found.positive)
    assert marked / 200 <= 0.08


def test_barcode_tables(tmp_path):
    path = tmp_path / "b.csv"
    path.write_text("barcode,clonotype_id,nCount_RNA\nA,c1,100\nB,,50\n")
    found = read_barcodes(path)
    assert found.group_of == {"A": "c1", "B": "ungrouped"}
    assert found.totals == {"A": 100, "B": 50}
    path.write_text("barcode,cluster\nA,1\nA,2\n")
    with pytest.raises(BadBarcodes, match="twice"):
        read_barcodes(path)
    path.write_text("x,y\n1,2\n")
    with pytest.raises(BadBarcodes, match="no column"):
        read_barcodes(path)
    with pytest.raises(ValueError, match="CAR UMIs of"):
        rna.car_cells({"a": 5}, {"a": 3}, {"a": "g"}, empty_car=0, empty_total=10)


LTR, BODY = "TG" + _bases(196) + "CA", _bases(3000)
PROVIRUS = LTR + BODY + LTR


@pytest.mark.parametrize("strand", [1, -1])
def test_a_whole_provirus_in_a_long_read(tmp_path, strand):
    path = tmp_path / "provirus.fa"
    path.write_text(f">p\n{PROVIRUS}\n")
    insert = PROVIRUS if strand == 1 else reverse_complement(PROVIRUS)
    read = HOST[:4000] + insert + HOST[3995:]
    whole = {"name": "whole", "seq": HOST[:4000] + insert + HOST[4000:], "pos": 0, "cigar": f"4000M{len(PROVIRUS)}I1000M"}
    split = {
        "name": "split",
        "seq": read,
        "pos": 0,
        "cigar": f"4000M{len(read) - 4000}S",
        "tags": {"SA": f"chr1,3996,+,{4000 + len(PROVIRUS)}S1005M,60,0;"},
    }
    found = {r.name: r for r in long_read_proviruses(_bam(tmp_path / "l.bam", [whole, split]), path)}
    for r in found.values():
        assert (r.shape, r.flanks, r.contig, r.position) == ("whole", 2, "chr1", 4000)
        assert r.orientation == ("+" if strand == 1 else "-")
        assert r.covered > 0.97
    assert found["split"].duplication == 5
    assert found["whole"].duplication == 0


def test_truncation_and_deletion(tmp_path):
    path = tmp_path / "provirus.fa"
    path.write_text(f">p\n{PROVIRUS}\n")
    short, gone = PROVIRUS[:1500], PROVIRUS[:1000] + PROVIRUS[2000:]
    turned = PROVIRUS[:1000] + reverse_complement(PROVIRUS[1000:2000]) + PROVIRUS[2000:]
    reads = [
        {"name": name, "seq": HOST[:4000] + part + HOST[4000:], "pos": 0, "cigar": f"4000M{len(part)}I1000M"}
        for name, part in (("short", short), ("gone", gone), ("turned", turned))
    ]
    reads.append({"name": "plasmid", "seq": PROVIRUS[100:2500]})
    found = {r.name: r for r in long_read_proviruses(_bam(tmp_path / "l.bam", reads), path)}
    assert found["short"].shape == "truncated"
    assert found["gone"].shape == "rearranged"
    assert "deletion of about 1000" in found["gone"].events[0]
    assert found["turned"].shape == "rearranged"
    assert "inversion" in found["turned"].events[0]
    assert (found["plasmid"].shape, found["plasmid"].position) == ("vector_only", None)


def test_pieces_chain_over_small_indels():
    pieces = [Piece(0, 100, 0, 100, 1), Piece(103, 200, 100, 197, 1), Piece(600, 700, 900, 1000, 1)]
    assert [(s.read_start, s.read_end) for s in chained(pieces)] == [(0, 200), (600, 700)]


def test_methylation_is_carried_through():
    read = LongRead(
        "r",
        3000,
        (Piece(1000, 2000, 0, 1000, 1),),
        (Flank("chr1", 0, 1000, 0, 1000, 1, 60),),
        ((500, 0.1), (1500, 0.9), (1600, 0.7)),
    )
    found = read_provirus(read, 1000)
    assert found.vector_methylation == pytest.approx(0.8)
    assert found.flank_methylation == pytest.approx(0.1)
