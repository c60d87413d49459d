import numpy as np
import pysam
import pytest

from aftercar.errors import UsageError
from aftercar.testing.simulate import (
    Population,
    Sample,
    as_bases,
    as_text,
    complement,
    plant,
    provirus_from,
    random_bases,
    random_host,
)
from aftercar.testing.simulate_files import write_bam, write_fastq

PROVIRUS = provirus_from(ltr="TG" + random_bases(120, seed=1) + "CA", internal=random_bases(900, seed=2))


@pytest.fixture(scope="module")
def host():
    return random_host({"chr1": 40_000, "chr2": 20_000}, seed=3)


def sample_of(host, **changes):
    sites = plant(host, PROVIRUS, sites=4, seed=5, tsd=changes.pop("tsd", 5))
    fraction = changes.pop("fraction", 1.0)
    return Sample(host, (Population("tumour", fraction, sites),), **{"depth": 20, "seed": 7, **changes})


def test_same_seed_same_reads(host):
    one, two = ([batch.first for batch in sample_of(host).fragments()] for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("tsd", [4, 5])
def test_chromosome_copy_holds_host_provirus_host_with_the_duplication(host, tsd):
    sample = sample_of(host, tsd=tsd)
    for copy in sample.copies():
        for i, site in enumerate(copy.sites):
            start, end = int(copy.blocks[i, 0] + copy.blocks[i, 2]), int(copy.blocks[i + 1, 0])
            inserted = as_text(copy.bases[start:end])
            wanted = PROVIRUS if site.orientation == "+" else as_text(complement(as_bases(PROVIRUS)))
            assert inserted == wanted
            bases = host[site.contig]
            assert (copy.bases[start - 50 : start] == bases[site.position - 49 : site.position + 1]).all()
            assert (copy.bases[end : end + 50] == bases[site.right : site.right + 50]).all()
            # The duplicated bases stand on both sides.
            assert (copy.bases[start - tsd : start] == copy.bases[end : end + tsd]).all()


def test_reads_without_errors_stand_in_their_copy(host):
    for batch in sample_of(host, error_rate=0.0).fragments():
        for i in range(0, len(batch.start), 97):
            start, end = batch.start[i], batch.start[i] + batch.length[i]
            left, right = batch.copy.bases[start : start + 150], complement(batch.copy.bases[end - 150 : end])
            first, second = (right, left) if batch.flipped[i] else (left, right)
            assert (batch.first[i] == first).all()
            assert (batch.second[i] == second).all()


def test_depth_errors_and_duplicates_are_as_asked(host):
    sample = sample_of(host, depth=40, error_rate=0.02, duplicates=0.25)
    pairs = bases = wrong = copies = 0
    for batch in sample.fragments():
        offsets = np.arange(150)
        left = batch.copy.bases[batch.start[:, None] + offsets]
        seen = np.where(batch.flipped[:, None], batch.second, batch.first)
        wrong += int((seen != left).sum())
        bases += seen.size
        pairs += len(batch.start)
        copies += int(batch.duplicate.sum())
    assert wrong / bases == pytest.approx(0.02, rel=0.1)
    assert copies / (pairs - copies) == pytest.approx(0.25, rel=0.1)
    assert (pairs - copies) * 300 / 60_000 == pytest.approx(40, rel=0.12)


def test_bam_is_sorted_indexed_and_tells_the_truth(host, tmp_path):
    sample = sample_of(host, error_rate=0.0)
    records = write_bam(sample, tmp_path / "s.bam")
    with pysam.AlignmentFile(tmp_path / "s.bam") as bam:
        reads = list(bam.fetch(until_eof=True))
        assert len(reads) == records
        assert bam.has_index()
    mapped = [read for read in reads if not read.is_unmapped]
    keys = [(read.reference_id, read.reference_start) for read in mapped]
    assert keys == sorted(keys)
    for read in mapped[::50]:
        for query, reference in read.get_aligned_pairs(matches_only=True):
            assert read.query_sequence[query] == chr(host[read.reference_name][reference])


def test_bam_and_fastq_hold_the_same_reads(host, tmp_path):
    sample = sample_of(host)
    write_bam(sample, tmp_path / "s.bam")
    number = write_fastq(sample, tmp_path / "1.fastq", tmp_path / "2.fastq.gz")
    with pysam.FastxFile(str(tmp_path / "2.fastq.gz")) as fastq:
        second = {record.name: record.sequence for record in fastq}
    assert len(second) == number
    with pysam.AlignmentFile(tmp_path / "s.bam") as bam:
        for read in bam.fetch(until_eof=True):
            if read.is_read2 and not read.is_supplementary:
                assert read.get_forward_sequence() == second[read.query_name]


def test_impossible_samples_are_refused(host):
    with pytest.raises(UsageError, match="more than all cells"):
        Sample(host, (Population("a", 0.7), Population("b", 0.5)), depth=10)
    with pytest.raises(UsageError, match="no room"):
        plant(host, PROVIRUS, sites=500, seed=1)
