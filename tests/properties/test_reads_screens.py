"""Fast screens and their slow twins agree on whatever a file may hold; nothing broken is read as a short count."""

import gzip
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercar.edges import streams
from aftercar.edges.bam import screen_bam
from aftercar.edges.fastq_screen import screen_fastq_fast
from aftercar.edges.screen_simple import screen_alignments, screen_fastq
from aftercar.errors import AfterCarError
from aftercar.reads.seeds import Seeds
from aftercar.reads.vector_index import MIN_SCORE, SEED, VectorIndex
from aftercar.testing.raw_files import bam_header, bam_record, bgzf, fastq, random_bases
from aftercar.vocab.vectors import Construct, reverse_complement

VECTOR = random_bases(np.random.default_rng(5), 900)
INDEX = VectorIndex.build([Construct("toy", VECTOR, circular=True), Construct("other", VECTOR[300:500] + "ACGTACGGTCA" * 9)])
SEEDS = Seeds.of(INDEX)
TALLY = ("counts", "lengths", "inserts", "qualities", "windows", "doubtful", "contig_reads")


def differing(one, two, names=TALLY):
    return [name for name in names if not np.array_equal(getattr(one, name), getattr(two, name))]


@st.composite
def reads(draw, longest=400):
    """A read: random or rich in vector, with errors, N, lower case, repeats, of any length."""
    size = draw(st.one_of(st.integers(0, 40), st.integers(0, longest)))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    bases = random_bases(rng, size)
    if draw(st.booleans()) and size:
        length = min(size, draw(st.integers(10, 60)))
        start = int(rng.integers(0, len(VECTOR)))
        piece = (VECTOR + VECTOR)[start : start + length]
        piece = reverse_complement(piece) if rng.random() < 0.5 else piece
        at = [0, size - length, int(rng.integers(0, size - length + 1))][draw(st.integers(0, 2))]
        bases = bases[:at] + piece + bases[at + length :]
    wrong = draw(st.integers(0, 3))
    for place in rng.integers(0, max(1, size), wrong if size else 0):
        bases = bases[:place] + draw(st.sampled_from("ACGTN")) + bases[place + 1 :]
    if draw(st.integers(0, 9)) == 0:
        bases = draw(st.sampled_from(["A" * size, "AC" * (size // 2), "N" * size]))
    return bases


def slow(sequence):
    """The rule once more, by string search only: independent of codes, words and tables."""
    texts = []
    for construct in INDEX.constructs:
        text = construct.sequence + (construct.sequence[:600] if construct.circular else "")
        texts += [text, reverse_complement(text)]
    runs = [sequence[i : i + 23] for i in range(len(sequence) - 22)]
    ends = [sequence[:SEED], sequence[-SEED:]] if len(sequence) >= SEED else []
    return any(run in text and len({run[i : i + 3] for i in range(len(run) - 2)}) >= 6 for text in texts for run in runs + ends)


@given(reads())
@settings(max_examples=300)
def test_an_exact_run_of_23_or_16_at_an_end_is_always_found(sequence):
    if slow(sequence):
        assert INDEX.is_candidate(sequence)


@given(reads())
def test_what_is_found_has_a_match_that_says_so(sequence):
    if INDEX.is_candidate(sequence):
        best = INDEX.matches(sequence)
        assert any(m.score >= MIN_SCORE or m.read_start == 0 or m.read_end == len(sequence) for m in best)
        for match in best:
            target = INDEX.targets[match.target].sequence
            piece = "".join(target[i % len(target)] for i in range(match.start, match.end))
            piece = piece if match.strand == 1 else reverse_complement(piece)
            mine = sequence[match.read_start : match.read_end]
            wrong = sum(a != b for a, b in zip(mine, piece, strict=True))
            assert wrong == match.mismatches
            assert match.score == len(mine) - 4 * wrong


def screened_bam(content, cuts):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.bam"
        path.write_bytes(bgzf(content, cuts))
        return screen_alignments(path, INDEX), screen_bam(path, SEEDS), screen_bam(path, SEEDS, threads=3)


CIGARS = st.lists(st.tuples(st.sampled_from([0, 1, 2, 3, 4, 5, 7, 8]), st.integers(1, 40)), max_size=5)


@given(
    st.lists(st.tuples(reads(), CIGARS, st.integers(0, 4095), st.integers(0, 6000), st.integers(1, 200)), max_size=12), st.data()
)
@settings(max_examples=120)
def test_bam_kernel_and_pysam_agree(rows, data):
    content = bam_header([("chr1", 5000), ("chr2", 7000)])
    for number, (bases, cigar, flag, position, name) in enumerate(rows):
        query = sum(size for operation, size in cigar if operation in (0, 1, 4, 7, 8))
        if bases and query != len(bases):
            cigar = [(0, len(bases))]
        mapped = not flag & 4
        content += bam_record(
            "n" * name + str(number // 2), bases, flag=flag, contig=number % 2 if mapped else -1,
            position=min(position, 4000) if mapped else -1, cigar=cigar if mapped and bases else (),
            mapping=7 * name % 61, insert=position - 3000,
            mate=number % 2, mate_position=position, tags=b"NMC\x02SAZchr1,5,+,10M,60,0;\0",
        )  # fmt: skip
    cuts = data.draw(st.lists(st.integers(1, max(1, len(content) - 1)), max_size=8))
    twin, one, many = screened_bam(content, cuts)
    assert differing(twin.tally, one.tally) == []
    assert one.pairs == twin.pairs
    assert many.pairs == one.pairs
    assert differing(one.tally, many.tally) == []


def test_a_block_boundary_at_every_offset_changes_nothing(rng):
    content = bam_header()
    for number in range(3):
        bases = random_bases(rng, 30) + VECTOR[50 + number : 100 + number]
        content += bam_record(f"r{number}", bases, flag=0, contig=0, position=10 * number, cigar=[(0, 30), (4, 50)])
    for cut in range(1, len(content)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.bam"
            path.write_bytes(bgzf(content, [cut]))
            found = screen_bam(path, SEEDS)
        assert [pair.first.name for pair in found.pairs] == ["r0", "r1", "r2"]
        assert found.tally.counts[0] == 3


@pytest.mark.parametrize("body", [64, 300, 4096])
def test_pieces_of_any_size_give_the_same(monkeypatch, rng, body):
    records = [(f"r{i}/1 x", random_bases(rng, int(rng.integers(0, 400)))) for i in range(200)]
    records[7] = ("r7", VECTOR[:60])
    records[150] = ("r150", "G" * 100 + VECTOR[40:63])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.fq"
        path.write_bytes(fastq(records))
        whole = screen_fastq_fast(path, None, SEEDS)
        monkeypatch.setattr(streams, "BODY", body)
        monkeypatch.setattr(streams, "HEAD", 128)
        small = screen_fastq_fast(path, None, SEEDS)
        packed = Path(folder) / "x.fq.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()[:5000]) + gzip.compress(path.read_bytes()[5000:]))
        members = screen_fastq_fast(packed, None, SEEDS)
    assert [pair.first.name for pair in whole.pairs] == ["r7", "r150"]
    assert small.pairs == whole.pairs == members.pairs
    assert differing(whole.tally, small.tally) == differing(whole.tally, members.tally) == []


@given(
    st.lists(st.tuples(reads(), reads()), max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["+", "+again"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["two", "single", "interleaved"]),
)
@settings(max_examples=150)
def test_fastq_kernel_and_plain_reader_agree(pairs, line_end, plus, lower, cut_end, mode):
    first = [(f"read{i}/1", a.lower() if lower else a) for i, (a, _) in enumerate(pairs)]
    second = [(f"read{i}/2", b) for i, (_, b) in enumerate(pairs)]
    mixed = [record for both in zip(first, second, strict=True) for record in both]
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, records in enumerate((first, second) if mode == "two" else (first,) if mode == "single" else (mixed,)):
            data = fastq(records, line_end=line_end, plus=plus)
            if cut_end and records and records[-1][1]:
                data = data[: -len(line_end)]
            paths.append(Path(folder) / f"x_R{number + 1}.fq")
            paths[-1].write_bytes(data)
        one, two = paths[0], paths[1] if mode == "two" else None
        twin, fast = screen_fastq(one, two, INDEX), screen_fastq_fast(one, two, SEEDS)
    assert fast.pairs == twin.pairs
    assert differing(twin.tally, fast.tally, ("counts", "lengths", "qualities")) == []


def test_long_reads_and_long_names(rng):
    records = [("n" * 5000, random_bases(rng, 10_000) + VECTOR[100:123] + random_bases(rng, 9_977)), ("short", "A")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.fq"
        path.write_bytes(fastq(records))
        found = screen_fastq_fast(path, None, SEEDS)
        assert [len(pair.first.name) for pair in found.pairs] == [5000]
        assert found.pairs == screen_fastq(path, None, INDEX).pairs


def outcome(call):
    """The result, or the house's error; anything else is a fault."""
    try:
        return call()
    except AfterCarError as error:
        return type(error).__name__


@pytest.mark.parametrize("seed", range(4))
def test_mangled_bam_content_is_an_error_or_the_same_as_before(seed):
    """Bytes of the inflated content are changed: the walk must not crash nor read beyond its buffer (short seeded fuzz)."""
    rng = np.random.default_rng(seed)
    content = bam_header() + b"".join(
        bam_record(f"r{i}", random_bases(rng, 80) + VECTOR[i : i + 40], flag=0, contig=0, position=i, cigar=[(0, 80), (4, 40)])
        for i in range(20)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.bam"
        for _ in range(150):
            bad = bytearray(content)
            for place in rng.integers(0, len(bad), int(rng.integers(1, 5))):
                bad[place] = int(rng.integers(0, 256))
            path.write_bytes(bgzf(bytes(bad), rng.integers(1, len(bad), 2).tolist()))
            outcome(lambda: screen_bam(path, SEEDS))


@pytest.mark.parametrize("step", [1, 7])
def test_a_bam_cut_anywhere_is_an_error(rng, step):
    content = bam_header() + b"".join(bam_record(f"r{i}", random_bases(rng, 40)) for i in range(6))
    whole = bgzf(content, [len(content) // 2])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.bam"
        for size in range(step, len(whole) - 1, step):
            path.write_bytes(whole[:size])
            assert isinstance(outcome(lambda: screen_bam(path, SEEDS)), str), size
        for size in range(len(bam_header()) + 1, len(content), step):
            path.write_bytes(bgzf(content[:size]))
            result = outcome(lambda: screen_bam(path, SEEDS))
            begins = [len(bam_header()) + i * (len(content) - len(bam_header())) // 6 for i in range(7)]
            assert isinstance(result, str) == (size not in begins), size
