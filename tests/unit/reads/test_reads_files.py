"""Constructs, references and compressed files: read right, or refused with words that help."""

import gzip
import os
import zlib

import numpy as np
import pytest

from aftercar.edges.bgzf import END_BLOCK, BlockTable, DamagedFile, check_end, inflate, is_bgzf
from aftercar.edges.constructs import ConstructError, read_constructs
from aftercar.edges.fasta import FastaError, FastaFile
from aftercar.testing.raw_files import bgzf, block, random_bases

GENBANK = """LOCUS       pToy                      60 bp    DNA     circular SYN 01-JAN-2025
DEFINITION  toy.
FEATURES             Location/Qualifiers
     source          1..60
                     /organism="synthetic"
     LTR             1..20
                     /label="5' LTR"
     promoter        complement(21..30)
                     /label=EF1a promoter
     misc_feature    join(51..60,1..5)
                     /label="across
                     the start"
     CDS             31..45
                     /gene="BlaR"
                     /product="beta-lactamase"
ORIGIN
        1 acgtacgtac gtacgtacgt ttttttttgg cccccccccc nnacgtacgt acgtacgtac
//
"""


def test_genbank_gives_shape_and_elements(tmp_path):
    path = tmp_path / "p.gb"
    path.write_text(GENBANK)
    construct = read_constructs(path)[0]
    assert (construct.name, len(construct), construct.circular) == ("pToy", 60, True)
    found = [(e.name, e.kind, e.start, e.end, e.strand) for e in construct.elements]
    assert found == [
        ("5' LTR", "ltr", 0, 20, 1),
        ("EF1a promoter", "promoter", 20, 30, -1),
        ("BlaR", "resistance", 30, 45, 1),
        ("across the start", "other", 50, 65, 1),
    ]
    assert construct.piece(50, 65) == construct.sequence[50:] + construct.sequence[:5]


def test_genbank_cut_short_is_refused(tmp_path):
    path = tmp_path / "p.gb"
    path.write_text(GENBANK.replace(" nnacgtacgt", ""))
    with pytest.raises(ConstructError, match="LOCUS says 60 bases, the sequence has 50"):
        read_constructs(path)


def test_fasta_takes_annotation_from_beside(tmp_path):
    (tmp_path / "v.fa").write_text(">v circular\n" + "ACGT" * 10 + "\n")
    (tmp_path / "v.gtf").write_text(
        'x\ts\tgene\t38\t4\t.\t+\t.\tgene_name "round";\nx\ts\tprimer\t20\t11\t.\t-\t.\tgene_id "p1";\n'
    )
    construct = read_constructs(tmp_path / "v.fa")[0]
    assert construct.circular
    assert [(e.name, e.start, e.end) for e in construct.elements] == [("p1", 10, 20), ("round", 37, 44)]


def test_bed_and_gzip_and_several_records(tmp_path):
    path = tmp_path / "v.fa.gz"
    path.write_bytes(gzip.compress(b">a first\nACGTRYACGT\n>b\nAC GT\n10 acgu\n"))
    bed = tmp_path / "e.bed"
    bed.write_text("a\t0\t4\tWPRE\t0\t-\n")
    one, two = read_constructs(path, annotation=bed)
    assert (one.sequence, two.sequence) == ("ACGTNNACGT", "ACGTACGT")
    assert [(e.kind, e.strand) for e in one.elements] == [("wpre", -1)]
    assert two.elements == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "neither FASTA nor GenBank"),
        ("", "neither FASTA nor GenBank"),
        (">p\nMALPVTALLLPLALLLHAARPDIVLTQ\n", "looks like a protein"),
        (">p\n\n", "no bases"),
        (">p\nACGT\n>p\nACGT\n", "two records are called p"),
        (">p\nACG!\n", "characters that are not bases"),
        (">p\n" + "ACGT" * 600_000, "is no vector"),
    ],
)
def test_what_is_no_construct_is_refused(tmp_path, text, words):
    path = tmp_path / "v.txt"
    path.write_text(text)
    with pytest.raises(ConstructError, match=words):
        read_constructs(path)


def test_a_binary_snapgene_file_says_what_to_do(tmp_path):
    path = tmp_path / "v.dna"
    path.write_bytes(b"\x09\0\0\0\x0eSnapGene\0\1\0\x0f\0\x14")
    with pytest.raises(ConstructError, match="GenBank"):
        read_constructs(path)


def test_an_annotation_beyond_the_sequence_is_refused(tmp_path):
    (tmp_path / "v.fa").write_text(">v\nACGTACGT\n")
    (tmp_path / "v.gff").write_text("v\ts\tgene\t5\t90\t.\t+\t.\tName=x\n")
    with pytest.raises(ConstructError, match="runs from 5 to 90"):
        read_constructs(tmp_path / "v.fa")


@pytest.fixture
def contigs(rng):
    return {"chr1": random_bases(rng, 1000), "chr2 with words": random_bases(rng, 60), "empty": "", "chr3": random_bases(rng, 61)}


def fasta_text(contigs, width=60, end="\n", last=True):
    lines = []
    for name, bases in contigs.items():
        lines += [">" + name, *(bases[i : i + width] for i in range(0, len(bases), width))]
    return end.join(lines) + (end if last else "")


@pytest.mark.parametrize("kind", ["plain", "gzip", "bgzip"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_fasta_of_any_packing_gives_every_stretch(tmp_path, rng, contigs, kind, end, last):
    data = fasta_text(contigs, end=end, last=last).lower().encode()
    path = tmp_path / "é ref.fa"
    path.write_bytes({"plain": lambda d: d, "gzip": gzip.compress, "bgzip": lambda d: bgzf(d, [100, 700])}[kind](data))
    tmp_path.chmod(0o555)
    try:
        with FastaFile(path) as fasta:
            assert dict(fasta.lengths) == {name.split()[0]: len(bases) for name, bases in contigs.items()}
            for _ in range(100):
                a, b = sorted(rng.integers(0, 1010, 2).tolist())
                assert fasta.fetch("chr1", a, b) == contigs["chr1"][a:b]
            assert fasta.fetch("chr3", -5, 100) == contigs["chr3"]
            pieces = {}
            for name, start, codes in fasta.stream(step=100, overlap=7):
                pieces.setdefault(name, []).append((start, codes.tobytes().decode()))
            assert all(contigs["chr1"][s : s + len(t)] == t for s, t in pieces["chr1"])
            assert "".join(t[min(s, 7) if s else 0 :] for s, t in pieces["chr1"]) == contigs["chr1"]
            assert fasta.name_of("3") == "chr3"
            assert fasta.name_of("chr9") is None
            with pytest.raises(FastaError, match="no contig chr9"):
                fasta.fetch("chr9", 0, 1)
    finally:
        tmp_path.chmod(0o755)


def test_an_index_beside_is_used_and_a_stale_one_is_not(tmp_path):
    path = tmp_path / "r.fa"
    path.write_text(">a\nACGT\nAC\n")
    index = tmp_path / "r.fa.fai"
    index.write_text("renamed\t6\t3\t4\t5\n")
    with FastaFile(path) as fasta:
        assert fasta.fetch("renamed", 2, 6) == "GTAC"
    os.utime(index, (1, 1))
    with FastaFile(path) as fasta:
        assert list(fasta.lengths) == ["a"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ACGT\n", "before the first header"),
        (">a\nACGT\nAC\nACGT\n", "unequal length"),
        ("", "no contig"),
        (">a\nA\n>a\nC\n", "two contigs"),
    ],
)
def test_what_is_no_reference_is_refused(tmp_path, text, words):
    path = tmp_path / "r.fa"
    path.write_text(text)
    with pytest.raises(FastaError, match=words):
        FastaFile(path)


def test_bgzf_blocks_are_checked(tmp_path, rng):
    content = rng.integers(0, 256, 3000, dtype=np.uint8).tobytes()
    good = block(content)
    assert is_bgzf(good[:18])
    assert inflate(good) == content
    for place in (len(good) - 8, len(good) - 4, 500):
        bad = bytearray(good)
        bad[place] ^= 1
        with pytest.raises(DamagedFile):
            inflate(bytes(bad))
    path = tmp_path / "x.gz"
    path.write_bytes(bgzf(content, [1000, 1001]))
    table = BlockTable(path)
    assert table.size == len(content)
    assert table.read(990, 2000) == content[990:2000]
    path.write_bytes(bgzf(content, end=False))
    with pytest.raises(DamagedFile, match="end-of-file block is missing"):
        check_end(path)


def test_the_end_block_is_an_empty_block():
    assert inflate(END_BLOCK) == b""
    assert zlib.decompress(END_BLOCK, 31) == b""
