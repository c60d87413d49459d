"""The screen as a whole: every kind of input, mates and supplementary records, shared parts, depth, errors, outputs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pysam
import pytest

from aftercar.actions.describe_vector import describe_vector
from aftercar.actions.screen_reads import NO_READS, screen_reads
from aftercar.actions.screen_sample import screen_sample
from aftercar.cli.main import main
from aftercar.edges.alignments import AlignmentError
from aftercar.edges.bam_index import NoIndex
from aftercar.edges.bgzf import DamagedFile
from aftercar.edges.fastq import FastqError, pair_up
from aftercar.errors import UsageError
from aftercar.reads.vector_index import VectorIndex
from aftercar.testing.raw_files import bam_header, bam_record, bgzf, fastq, random_bases
from aftercar.vocab.vectors import Construct, reverse_complement

RNG = np.random.default_rng(11)
HOST = random_bases(RNG, 60_000)
# A vector with 200 bases of the host in its middle, as a CAR has human parts.
VECTOR = random_bases(RNG, 700) + HOST[20_000:20_200] + random_bases(RNG, 700)
INDEX = VectorIndex.build([Construct("toy", VECTOR)])
SITE = 40_000


def sample(folder: Path, depth: int = 20, vector: bool = True, order: str = "coordinate") -> dict[str, Path]:
    """A sample of 2x100 reads of HOST, with VECTOR inserted at SITE: BAM, CRAM, FASTQ and the reference."""
    rng = np.random.default_rng(3)
    genome = HOST[:SITE] + (VECTOR if vector else "") + HOST[SITE:]
    header = {"HD": {"VN": "1.6", "SO": order}, "SQ": [{"SN": "chr1", "LN": len(HOST)}], "PG": [{"ID": "t"}]}
    reference = folder / "host.fa"
    reference.write_text(">chr1\n" + "\n".join(HOST[i : i + 50] for i in range(0, len(HOST), 50)) + "\n")
    one, two, records = [], [], []
    for number in range(depth * len(genome) // 200):
        size = int(rng.integers(200, 500))
        start = int(rng.integers(0, len(genome) - size))
        left, right = genome[start : start + 100], genome[start + size - 100 : start + size]
        one.append((f"r{number}/1", left))
        two.append((f"r{number}/2", reverse_complement(right)))
        records += aligned(f"r{number}", [(start, left), (start + size - 100, right)], vector)
    records.sort(key=lambda r: (r["tid"] if r["tid"] >= 0 else 9, r["pos"]) if order == "coordinate" else r["name"])
    bam = folder / "s.bam"
    with pysam.AlignmentFile(str(bam), "wb", header=header) as out:
        for fields in records:
            out.write(segment(fields, out.header))
    if order == "coordinate":
        pysam.index(str(bam))
    cram = folder / "s.cram"
    pysam.samtools.view(
        "-C", "-T", str(reference), "--output-fmt-option", "seqs_per_slice=200", "-o", str(cram), str(bam), catch_stdout=False
    )
    first, second = folder / "s_R1.fastq.gz", folder / "s_R2.fastq.gz"
    first.write_bytes(bgzf(fastq(one)))
    second.write_bytes(bgzf(fastq(two)))
    return {"bam": bam, "cram": cram, "one": first, "two": second, "reference": reference}


def aligned(name, ends, vector):
    placed = []
    for start, _ in ends:
        stop = start + 100
        if not vector or stop <= SITE:
            placed.append((start, "100M"))
        elif start >= SITE + len(VECTOR):
            placed.append((start - len(VECTOR), "100M"))
        elif SITE - start >= 30:
            placed.append((start, f"{SITE - start}M{100 - SITE + start}S"))
        elif stop - SITE - len(VECTOR) >= 30:
            own = stop - SITE - len(VECTOR)
            placed.append((SITE, f"{100 - own}S{own}M"))
        elif start >= SITE + 700 and stop <= SITE + 900:
            placed.append((20_000 + start - SITE - 700, "100M"))  # wholly inside the shared part: the host's own locus
        else:
            placed.append(None)
    rows = []
    for i in (0, 1):
        mine, mate = placed[i], placed[1 - i]
        here, there = mine or mate, mate or mine
        flag = 1 | (0x40, 0x80)[i] | (0 if mine else 4) | (0 if mate else 8) | (2 if mine and mate else 0)
        flag |= (0x10 if i and mine else 0) | (0x20 if not i and mate else 0)
        bases = ends[i][1] if mine or not i else reverse_complement(ends[i][1])
        insert = 0
        if mine and mate and abs(mine[0] - mate[0]) < 1000:
            insert = (mate[0] + 100 - mine[0]) if not i else -(mine[0] + 100 - mate[0])
        row = {"name": name, "flag": flag, "tid": 0 if here else -1, "pos": here[0] if here else -1, "bases": bases}
        row |= {"cigar": mine[1] if mine else None, "next": 0 if there else -1, "next_pos": there[0] if there else -1}
        rows.append(row | {"insert": insert})
    return rows


def segment(fields, header):
    read = pysam.AlignedSegment(header)
    read.query_name, read.flag, read.query_sequence = fields["name"], fields["flag"], fields["bases"]
    read.query_qualities = pysam.qualitystring_to_array("F" * len(fields["bases"]))
    read.reference_id, read.reference_start, read.cigarstring = fields["tid"], fields["pos"], fields["cigar"]
    read.mapping_quality = 60 if fields["cigar"] else 0
    read.next_reference_id, read.next_reference_start, read.template_length = fields["next"], fields["next_pos"], fields["insert"]
    if fields["cigar"]:
        read.set_tag("NM", 0)
    return read


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return sample(tmp_path_factory.mktemp("mit Leer und é"))


def names(screened):
    return {pair.first.name for pair in screened.pairs}


def test_bam_cram_and_fastq_give_the_same_templates(files):
    bam = screen_reads([files["bam"]], INDEX, reference=files["reference"])
    cram = screen_reads([files["cram"]], INDEX, reference=files["reference"])
    fastq_ = screen_reads([files["one"], files["two"]], INDEX, reference=files["reference"])
    assert names(bam) == names(fastq_)
    assert all(pair.second is not None for pair in bam.pairs)
    # The shortcut leaves out only templates that align wholly to the host: those of the shared part's own locus.
    shared = bam.human_shared["toy"]
    left_out = [pair for pair in bam.pairs if pair.first.name in names(bam) - names(cram)]
    assert len(cram.pairs) > 100
    assert all(read.cigar == "100M" for pair in left_out for read in (pair.first, pair.second))
    assert len(shared) == 1
    assert shared[0] == (700, 900) or abs(shared[0][0] - 700) + abs(shared[0][1] - 900) < 10
    mine = {pair.first.name: pair for pair in bam.pairs}
    assert all(mine[pair.first.name] == pair for pair in cram.pairs)
    assert (
        (bam.reads, bam.duplicates, bam.read_length) == (cram.reads, cram.duplicates, cram.read_length) == (fastq_.reads, 0, 100)
    )
    assert bam.host.mean == pytest.approx(20, rel=0.1)
    assert cram.host.mean == pytest.approx(bam.host.mean, rel=0.05)
    assert fastq_.host.mean == pytest.approx(20, rel=0.1)
    assert bam.insert_mean == pytest.approx(350, rel=0.1)


def test_without_a_reference_the_sample_tells_what_is_shared(files):
    found = screen_reads([files["bam"]], INDEX)
    assert found.shared_known
    assert len(found.human_shared["toy"]) == 1
    start, end = found.human_shared["toy"][0]
    assert abs(start - 700) <= 25
    assert abs(end - 900) <= 25


def test_a_sample_without_vector_has_candidates_but_no_evidence(tmp_path):
    files = sample(tmp_path, vector=False)
    for reads in ([files["bam"]], [files["one"], files["two"]]):
        out = tmp_path / f"out{len(reads)}"
        vector = tmp_path / "v.fa"
        vector.write_text(f">toy\n{VECTOR}\n")
        figures = screen_sample(reads, [vector], out, reference=files["reference"])
        assert figures["candidate_pairs"] > 10
        assert figures["evidence_pairs"] == 0
        assert figures["answer"] == "no vector reads found"


def test_mates_are_found_in_a_file_of_any_order(tmp_path):
    by_place = screen_reads([sample(tmp_path, depth=5)["bam"]], INDEX)
    other = tmp_path / "other"
    other.mkdir()
    by_name = screen_reads([sample(other, depth=5, order="queryname")["bam"]], INDEX)
    assert by_name.pairs == by_place.pairs


def test_a_far_mate_and_supplementary_records_come_along(tmp_path, rng):
    content = bam_header([("chr1", 500_000), ("chr2", 500_000)])
    far = bam_record(
        "far", HOST[:100], flag=0x81 | 0x10, contig=1, position=400_000, cigar=[(0, 100)], mate=0, mate_position=1000
    )
    clip = bam_record(
        "far", HOST[100:150] + VECTOR[:50], flag=0x41 | 0x20, contig=0, position=1000, cigar=[(0, 50), (4, 50)], mate=1,
        mate_position=400_000, tags=b"SAZchr2,200001,+,50H50M,60,0;\0",
    )  # fmt: skip
    extra = bam_record(
        "far", VECTOR[:50], flag=0x841, contig=1, position=200_000, cigar=[(5, 50), (0, 50)], mate=1, mate_position=400_000,
        tags=b"SAZchr1,1001,+,50M50S,60,0;\0",
    )  # fmt: skip
    filler = [
        bam_record(f"x{i}", random_bases(rng, 100), flag=0, contig=i // 20_000, position=20 * (i % 20_000), cigar=[(0, 100)])
        for i in range(40_000)
    ]
    records = sorted([far, clip, extra, *filler], key=lambda r: (r[4:8], int.from_bytes(r[8:12], "little")))
    path = tmp_path / "x.bam"
    path.write_bytes(bgzf(content + b"".join(records)))
    found = screen_reads([path], INDEX)
    assert [pair.first.name for pair in found.pairs] == ["far"]
    pair = found.pairs[0]
    assert pair.second is not None
    assert (pair.first.cigar, pair.second.position, len(pair.supplementary)) == ("50M50S", 400_000, 1)


def test_quick_look_reads_the_unplaced_tail(files, tmp_path):
    found = screen_reads([files["bam"]], INDEX, quick=True)
    assert not found.complete
    assert 10 < len(found.pairs) < len(screen_reads([files["bam"]], INDEX).pairs)
    assert any("full pass" in note for note in found.notes)
    copy = tmp_path / "c.bam"
    copy.write_bytes(files["bam"].read_bytes())
    with pytest.raises(NoIndex, match="no index"):
        screen_reads([copy], INDEX, quick=True)
    with pytest.raises(UsageError, match="indexed BAM"):
        screen_reads([files["cram"]], INDEX, quick=True)
    clean = sample(tmp_path, vector=False)
    nothing = screen_reads([clean["bam"]], INDEX, quick=True)
    assert (nothing.pairs, nothing.complete) == ([], False)


def test_a_vector_contig_in_the_reference_is_noticed(tmp_path):
    content = bam_header([("chr1", 60_000), ("pVector", len(VECTOR))])
    for i in range(50):
        content += bam_record(f"h{i}", HOST[i * 100 : i * 100 + 100], flag=0, contig=0, position=i * 100, cigar=[(0, 100)])
    for i in range(40):
        content += bam_record(f"v{i}", VECTOR[i * 10 : i * 10 + 100], flag=0, contig=1, position=i * 10, cigar=[(0, 100)])
    path = tmp_path / "hybrid.bam"
    path.write_bytes(bgzf(content))
    found = screen_reads([path], INDEX)
    assert len(found.pairs) == 40
    assert found.vector_contigs == ("pVector",)
    assert found.human_shared["toy"] == ()


@pytest.mark.parametrize("kind", ["fastq", "fastq.gz", "bam"])
def test_no_reads_is_not_a_negative(tmp_path, kind):
    path = tmp_path / f"x.{kind}"
    path.write_bytes({"fastq": b"", "fastq.gz": bgzf(b""), "bam": bgzf(bam_header())}[kind])
    found = screen_reads([path], INDEX)
    assert (found.reads, found.pairs) == (0, [])
    assert NO_READS in found.notes
    assert np.isnan(found.host.mean)


# A changed byte in the middle of a CRAM may lie in a block that the shortcut never opens; the chain and the end are checked.
@pytest.mark.parametrize(
    ("kind", "place"),
    [
        (kind, place)
        for kind in ("bam", "one", "cram")
        for place in ("middle", "crc", "end", "cut")
        if (kind, place) != ("cram", "middle")
    ],
)
def test_damaged_files_are_refused(files, tmp_path, kind, place):
    data = bytearray(files[kind].read_bytes())
    if place == "middle":
        data[len(data) // 2] ^= 0x10
    elif place == "crc":
        data[len(data) - 28 - (10 if kind == "cram" else 5) - (10 if kind == "cram" else 0)] ^= 1
    elif place == "end":
        del data[-38 if kind == "cram" else -28 :]
    else:
        del data[len(data) // 3 :]
    path = tmp_path / files[kind].name
    path.write_bytes(data)
    with pytest.raises((DamagedFile, AlignmentError, FastqError)):
        screen_reads([path], INDEX, reference=files["reference"])


def test_a_cram_without_its_reference_is_refused(files, tmp_path, monkeypatch):
    moved = tmp_path / "m.cram"
    moved.write_bytes(files["cram"].read_bytes())
    hidden = files["reference"].with_name("hidden.fa")
    files["reference"].rename(hidden)
    try:
        monkeypatch.setenv("REF_PATH", os.devnull)
        with pytest.raises(AlignmentError, match="cannot be decoded without its reference"):
            screen_reads([moved], INDEX)
    finally:
        hidden.rename(files["reference"])


def test_a_cram_laid_out_otherwise_is_decoded_whole(files, tmp_path):
    old = tmp_path / "old.cram"
    pysam.samtools.view(
        "-C",
        "-T",
        str(files["reference"]),
        "--output-fmt-option",
        "version=2.1",
        "-o",
        str(old),
        str(files["bam"]),
        catch_stdout=False,
    )
    found = screen_reads([old], INDEX, reference=files["reference"])
    assert any("whole CRAM was decoded" in note for note in found.notes)
    assert names(found) == names(screen_reads([files["bam"]], INDEX))


def test_unequal_and_mixed_files_are_refused(files, tmp_path):
    short = tmp_path / "s_R2.fq"
    short.write_bytes(fastq([("r0/2", "ACGT")]))
    long = tmp_path / "s_R1.fq"
    long.write_bytes(fastq([("r0/1", "ACGT"), ("r1/1", "ACGT")]))
    with pytest.raises(FastqError, match=r"s_R2\.fq ends after 1 reads"):
        screen_reads([long, short], INDEX)
    short.write_bytes(fastq([("r0/2", "ACGT"), ("r9/2", "ACGT")]))
    with pytest.raises(FastqError, match="different names"):
        screen_reads([long, short], INDEX)
    with pytest.raises(UsageError, match="different kinds"):
        screen_reads([files["bam"], long], INDEX)
    with pytest.raises(UsageError, match="no reads given"):
        screen_reads([], INDEX)
    for text, words in (
        ("@r\nACGT\n+\nFFF\n", "differ in number"),
        ("@r\nACGT\nFFFF\n@r\n", "begin with \\+"),
        ("@r\nACGT\n", "inside a record"),
    ):
        long.write_text(text)
        with pytest.raises(FastqError, match=words):
            screen_reads([long], INDEX)


def test_lanes_are_paired_by_their_names(tmp_path):
    paths = []
    for name in (
        "a_S1_L001_R1_001.fastq.gz",
        "a_S1_L001_R2_001.fastq.gz",
        "a_S1_L002_R1_001.fastq.gz",
        "a_S1_L002_R2_001.fastq.gz",
        "b.fq",
    ):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(bgzf(fastq([("x", "ACGT")])))
    assert pair_up(paths) == [(paths[4], None), (paths[0], paths[1]), (paths[2], paths[3])]
    with pytest.raises(UsageError, match="named twice"):
        pair_up([paths[0], paths[0]])


def test_the_command_writes_what_it_promises(files, tmp_path, capsys):
    vector = tmp_path / "v.gb"
    vector.write_text(f">toy\n{VECTOR}\n")
    (tmp_path / "v.bed").write_text("toy\t0\t300\tpsi\ntoy\t700\t900\tEF1a promoter\n")
    out = tmp_path / "out"
    main_ok(
        [
            "reads",
            "screen",
            str(files["bam"]),
            "--vector",
            str(vector),
            "--out",
            str(out),
            "--reference",
            str(files["reference"]),
            "--json",
        ]
    )
    figures = json.loads(capsys.readouterr().out)
    assert figures == json.loads((out / "screen.json").read_text())
    assert figures["answer"] == "vector reads found"
    table = pl.read_parquet(out / "elements.parquet")
    rows = {row["element"]: row for row in table.iter_rows(named=True)}
    assert rows["whole"]["evidence_pairs"] == figures["evidence_pairs"]
    assert rows["EF1a promoter"]["shared_bases"] == pytest.approx(200, abs=10)
    assert rows["psi"]["mean_depth"] == pytest.approx(20, rel=0.4)
    assert rows["EF1a promoter"]["mean_depth"] > 1.5 * rows["psi"]["mean_depth"]
    with pysam.AlignmentFile(str(out / "evidence.bam")) as evidence:
        assert evidence.has_index()
        assert sum(1 for _ in evidence.fetch(until_eof=True)) == 2 * figures["candidate_pairs"]
    assert json.loads((out / "aftercar_screen_mqc.json").read_text())["plot_type"] == "generalstats"
    with pytest.raises(SystemExit) as stopped:
        main(["reads", "screen", str(files["bam"]), "--vector", str(vector), "--out", str(out)])
    assert stopped.value.code == 2
    assert "not empty" in capsys.readouterr().err


def main_ok(arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert not stopped.value.code


def test_describe_shows_forms_elements_and_shared_parts(files, tmp_path, capsys):
    vector = tmp_path / "v.fa"
    vector.write_text(f">toy\n{VECTOR}\n")
    described = describe_vector(vector, reference=files["reference"])
    assert described[0]["human_shared"] == [[701, 900]] or abs(described[0]["shared_bases"] - 200) < 10
    assert described[0]["kmers"] == len(
        {VECTOR[i : i + 16] for i in range(len(VECTOR) - 15)}
        | {reverse_complement(VECTOR)[i : i + 16] for i in range(len(VECTOR) - 15)}
    )
    main_ok(["vector", "describe", str(vector), "--json"])
    assert json.loads(capsys.readouterr().out)[0]["target"] == "toy"


def test_stopping_leaves_nothing_behind(tmp_path):
    """Ctrl-C while reading: exit status 130, no folder, no temporary folder."""
    vector = tmp_path / "v.fa"
    vector.write_text(f">toy\n{VECTOR}\n")
    out = tmp_path / "out"
    work = subprocess.Popen(
        [sys.executable, "-m", "aftercar", "reads", "screen", "-", "--vector", str(vector), "--out", str(out)],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
    )  # fmt: skip
    work.stdin.write(fastq([("x", "ACGT" * 20)] * 1000))
    work.stdin.flush()
    for _ in range(200):
        if list(tmp_path.glob(".out.*")):
            break
        time.sleep(0.05)
    time.sleep(0.3)
    work.send_signal(signal.SIGINT)
    time.sleep(0.2)
    work.stdin.close()
    assert work.wait(20) == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v.fa"]


def test_real_negatives_have_no_evidence(test_data, tmp_path):
    """Real human BAMs against two real CAR vectors: no template carries bases that only the vector has."""
    vectors = [
        test_data / f"vectors/livingdrugs/Vector_systems/Sequences/lentiviral_vector_{name}.fasta"
        for name in ("tisacel", "idecel")
    ]
    folder = test_data / "reads/negatives_wgs"
    for number, name in enumerate(
        ("COLO829T", "COLO829R", "NA12878_S1.chr20.10_10p1mb", "manta_HCC1954", "NA12878.20.21.unmapped.orig")
    ):
        figures = screen_sample([folder / f"{name}.bam"], vectors, tmp_path / str(number))
        assert figures["evidence_pairs"] <= 3, name


def test_hepatitis_b_is_named_when_only_the_wpre_is_hit(test_data, tmp_path):
    vector = test_data / "vectors/livingdrugs/Vector_systems/Sequences/lentiviral_vector_tisacel.fasta"
    figures = screen_sample([test_data / "reads/gridss_hbv_sim/hbv_sim.bam"], [vector], tmp_path / "o")
    assert figures["evidence_pairs"] > 0
    assert any("hepatitis B" in note for note in figures["notes"])
