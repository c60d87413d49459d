"""Bad reads in a study: each is one clear error with status 3, and nothing of the result is left behind."""

import gzip
import shutil
import subprocess
import sys

import numpy as np
import pysam
import pytest

from aftercar.testing.simulate import Sample, as_text, provirus_from, random_bases, random_host
from aftercar.testing.simulate_files import write_bam, write_fastq


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    """A sample without the vector as BAM and FASTQ, with its reference and vector."""
    folder = tmp_path_factory.mktemp("reads")
    host = random_host({"sim1": 30_000}, seed=1)
    sample = Sample(host, (), depth=20, seed=2)
    (folder / "ref.fa").write_text(f">sim1\n{as_text(host['sim1'])}\n")
    vector = provirus_from(ltr="TG" + random_bases(200, seed=3) + "CA", internal=random_bases(2_000, seed=4))
    (folder / "vector.fa").write_text(f">vector\n{vector}\n")
    write_bam(sample, folder / "good.bam")
    write_fastq(sample, folder / "good_1.fastq.gz", folder / "good_2.fastq.gz")
    return folder


def truncated_bam(folder):
    data = (folder / "good.bam").read_bytes()
    (folder / "bad.bam").write_bytes(data[: len(data) * 2 // 3])
    return "bad.bam"


def without_end_block(folder):
    (folder / "bad.bam").write_bytes((folder / "good.bam").read_bytes()[:-28])
    return "bad.bam"


def damaged_block(folder):
    data = bytearray((folder / "good.bam").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (folder / "bad.bam").write_bytes(bytes(data))
    return "bad.bam"


def truncated_gzip(folder):
    data = (folder / "good_1.fastq.gz").read_bytes()
    (folder / "bad_1.fastq.gz").write_bytes(data[: len(data) // 2])
    shutil.copy(folder / "good_2.fastq.gz", folder / "bad_2.fastq.gz")
    return "bad_1.fastq.gz;bad_2.fastq.gz"


def unequal_pairs(folder):
    lines = gzip.decompress((folder / "good_2.fastq.gz").read_bytes()).splitlines(keepends=True)
    (folder / "bad_2.fastq.gz").write_bytes(gzip.compress(b"".join(lines[:-8])))
    shutil.copy(folder / "good_1.fastq.gz", folder / "bad_1.fastq.gz")
    return "bad_1.fastq.gz;bad_2.fastq.gz"


def not_reads(folder):
    (folder / "bad.bam").write_text("this is a letter\n")
    return "bad.bam"


def empty_fastq(folder):
    for name in ("bad_1.fastq.gz", "bad_2.fastq.gz"):
        (folder / name).write_bytes(gzip.compress(b""))
    return "bad_1.fastq.gz;bad_2.fastq.gz"


def unsorted_bam(folder):
    with pysam.AlignmentFile(folder / "good.bam") as given:
        records = list(given)
        with pysam.AlignmentFile(folder / "bad.bam", "wb", header=given.header) as out:
            for i in np.random.default_rng(5).permutation(len(records)):
                out.write(records[i])
    return "bad.bam"


def another_build(folder):
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "chr4", "LN": 191_154_276}]}
    with pysam.AlignmentFile(folder / "bad.bam", "wb", header=header) as out:
        for i in range(200):
            read = pysam.AlignedSegment(out.header)
            read.query_name, read.query_sequence, read.flag, read.reference_id = f"r{i}", "ACGT" * 30, 0, 0
            read.reference_start, read.mapping_quality, read.cigarstring = 10_000 + i, 60, "120M"
            read.query_qualities = pysam.qualitystring_to_array("I" * 120)
            out.write(read)
    (folder / "grch38.fa").write_text(">chr4\n" + "ACGT" * 100 + "\n")
    (folder / "grch38.fa.fai").write_text("chr4\t190214555\t6\t400\t401\n")
    return "bad.bam"


def study(folder, files, reference="ref.fa"):
    place = folder / "study"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for path in folder.iterdir():
        if path.is_file():
            shutil.copy(path, place)
    (place / "study.toml").write_text(
        f'format = 1\ntitle = "t"\ndata_lock = 2024-01-01\nreference = "{reference}"\nvector = "vector.fa"\n'
    )
    (place / "people.csv").write_text("person_id\nP\n")
    (place / "infusions.csv").write_text("infusion_id,person_id,product\nI,P,axi-cel\n")
    (place / "cases.csv").write_text("case_id,person_id,diagnosis,tested\nC,P,PTCL,yes\n")
    (place / "samples.csv").write_text(f"sample_id,person_id,case_id,material,assay,reads\nS,P,C,tumour,wgs,{files}\n")
    return place


def assess(place, out):
    command = [sys.executable, "-m", "aftercar", "assess", str(place), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


DAMAGES = (
    truncated_bam,
    without_end_block,
    damaged_block,
    truncated_gzip,
    empty_fastq,
    unequal_pairs,
    unsorted_bam,
    not_reads,
    another_build,
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__)
def test_one_clear_error_and_nothing_left(reads, tmp_path, damage):
    folder = tmp_path / "in"
    shutil.copytree(reads, folder)
    files = damage(folder)
    place = study(folder, files, "grch38.fa" if damage is another_build else "ref.fa")
    found = assess(place, tmp_path / "out")
    assert found.returncode == 3, found.stderr
    assert found.stdout == ""
    assert found.stderr.count("error [") == 1
    assert "sample S" in found.stderr
    assert "Traceback" not in found.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_a_second_run_redoes_only_what_changed(reads, tmp_path):
    place = study_copy = study(shutil.copytree(reads, tmp_path / "in"), "good.bam")
    assert assess(place, tmp_path / "out").returncode == 0
    marker = tmp_path / "out" / "samples" / "S" / "marker"
    marker.write_text("kept")
    assert assess(place, tmp_path / "out").returncode == 0
    assert marker.exists()
    text = (study_copy / "samples.csv").read_text()
    (study_copy / "samples.csv").write_text(text.replace("reads\n", "reads,purity\n").replace("good.bam\n", "good.bam,0.5\n"))
    assert assess(place, tmp_path / "out").returncode == 0
    assert not marker.exists()
