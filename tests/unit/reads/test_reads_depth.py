"""The host's depth where reads have one place: against a slow twin, and on a host with a long duplication."""

import numpy as np
import pysam
import pytest

from aftercar.actions.screen_reads import screen_reads
from aftercar.edges.screen_simple import screen_alignments
from aftercar.reads.tally import MOST_DOUBTFUL, WINDOW, Tally, aligned_depth
from aftercar.reads.vector_index import VectorIndex
from aftercar.testing.simulate import Sample, random_bases, random_host
from aftercar.testing.simulate_files import write_bam
from aftercar.vocab.vectors import Construct

INDEX = VectorIndex.build([Construct("v", random_bases(600, seed=5))])
LONG, SHORT = 400_000, 30_000
REPEAT = (100_000, 160_000)


@pytest.fixture(scope="module")
def piled(tmp_path_factory):
    """30x over 400 kb; in 60 kb of it reads of two further copies that the reference does not have, all in doubt."""
    folder = tmp_path_factory.mktemp("piled")
    host = random_host({"chr1": LONG, "chr2": SHORT}, seed=3)
    write_bam(Sample(host, (), depth=30, seed=3), folder / "plain.bam")
    plain = pysam.AlignmentFile(str(folder / "plain.bam"))
    with plain, pysam.AlignmentFile(str(folder / "piled.bam"), "wb", template=plain) as out:
        for record in plain:
            inside = record.reference_id == 0 and REPEAT[0] <= record.reference_start < REPEAT[1]
            name = record.query_name
            for copy in range(3 if inside else 1):
                record.query_name = f"{name}.{copy}"
                record.mapping_quality = 0 if inside else 60
                out.write(record)
    pysam.index(str(folder / "piled.bam"))
    return folder / "piled.bam"


def slow_mean(path):
    """Depth base by base over the windows that the reads of sure place fill, read by read."""
    with pysam.AlignmentFile(str(path)) as handle:
        lengths = dict(zip(handle.references, handle.lengths, strict=True))
        bases, doubtful = ({name: np.zeros(size // WINDOW + 1) for name, size in lengths.items()} for _ in range(2))
        for record in handle:
            for place in record.get_reference_positions():
                bases[record.reference_name][place // WINDOW] += 1
                doubtful[record.reference_name][place // WINDOW] += record.mapping_quality < 20
    sizes = {name: [min(WINDOW, size - at) for at in range(0, size, WINDOW)] for name, size in lengths.items()}
    sums = [0.0, 0.0]
    for name, widths in sizes.items():
        for number, width in enumerate(widths):
            if doubtful[name][number] <= MOST_DOUBTFUL * bases[name][number]:
                sums[0] += bases[name][number]
                sums[1] += width
    return sums[0] / sums[1]


def test_duplicated_sequence_does_not_raise_the_depth(piled):
    screened = screen_reads([piled], INDEX)
    assert screened.host.mean == pytest.approx(30, rel=0.02)
    assert "left out as repeats" in screened.host.how
    everything = screen_alignments(piled, INDEX).tally
    # What all windows together would say: 60 of 430 kb at three times the depth.
    assert everything.windows.sum() / (LONG + SHORT) == pytest.approx(30 * (1 + 2 * 60 / 430), rel=0.02)


def test_depth_equals_counting_base_by_base(piled):
    fast = aligned_depth(screen_alignments(piled, INDEX).tally)
    assert fast.mean == pytest.approx(slow_mean(piled), rel=0.002)


def test_cram_leaves_the_same_windows_out(piled, tmp_path):
    host = random_host({"chr1": LONG, "chr2": SHORT}, seed=3)
    reference = tmp_path / "host.fa"
    reference.write_text("".join(f">{name}\n{bases.tobytes().decode()}\n" for name, bases in host.items()))
    cram = tmp_path / "piled.cram"
    pysam.samtools.view("-C", "-T", str(reference), "--output-fmt-option", "seqs_per_slice=1000", "-o", str(cram), str(piled),
                        catch_stdout=False)  # fmt: skip
    depth = screen_reads([cram], INDEX, reference=reference).host
    assert depth.mean == pytest.approx(30, rel=0.03)
    assert "left out as repeats" in depth.how


def test_where_every_place_is_in_doubt_all_windows_count():
    tally = Tally({"chr1": 10 * WINDOW})
    tally.windows[:10] = 30 * WINDOW
    tally.doubtful[:10] = tally.windows[:10]
    depth = aligned_depth(tally)
    assert depth.mean == pytest.approx(30)
    assert "left out" not in depth.how


def sequenced(targets, shallow, deep, *, windows=40_000, amplified=1.0):
    """Windows of a genome at ``shallow`` depth with every ``targets``-th at ``deep``, Poisson in reads of 100 bases."""
    rng = np.random.default_rng(6)
    tally = Tally({"chr1": windows * WINDOW})
    depth = np.full(windows, float(shallow))
    if targets:
        depth[::targets] = deep
    depth[:40] *= amplified
    tally.windows[:windows] = 100 * rng.poisson(depth * WINDOW / 100)
    tally.lengths[100] = 1_000
    return tally


@pytest.mark.parametrize(("targets", "shallow", "deep"), [(50, 0, 120), (50, 2, 300), (30, 0.3, 80), (100, 5, 1_000)])
def test_a_capture_panel_tells_no_depth_of_the_vector(targets, shallow, deep):
    tally = sequenced(targets, shallow, deep, windows=200_000)
    if not shallow:  # exons fill their windows by chance
        tally.windows *= np.random.default_rng(1).exponential(size=len(tally.windows)) > 0.2
        tally.windows[::100] = tally.windows[::100] // 12
        tally.windows[::150] = tally.windows[::150] * 4
    depth = aligned_depth(tally)
    assert np.isnan(depth.mean)
    assert "capture" in depth.how


@pytest.mark.parametrize(("depth", "amplified"), [(30, 1.0), (1, 1.0), (0.3, 1.0), (60, 25.0)])
def test_a_whole_genome_with_an_amplification_tells_its_depth(depth, amplified):
    assert aligned_depth(sequenced(0, depth, 0, amplified=amplified)).mean == pytest.approx(depth, rel=0.05)
