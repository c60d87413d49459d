"""The NumPy form of each kernel gives what the compiled form gives, on anything a file may hold."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aftercar.edges import bgzf, streams
from aftercar.edges.bam import screen_bam
from aftercar.edges.fastq_screen import screen_fastq_fast
from aftercar.errors import AfterCarError
from aftercar.reads import arrays, arrays_walks, forms, shared, walk_bam, walk_fastq, walk_text
from aftercar.reads.kernels import arguments
from aftercar.reads.seeds import Seeds
from aftercar.reads.vector_index import VectorIndex
from aftercar.testing.raw_files import bam_header, bam_record, fastq, random_bases
from aftercar.testing.raw_files import bgzf as blocks
from aftercar.vocab.vectors import Construct, reverse_complement

VECTOR = random_bases(np.random.default_rng(5), 900)
INDEX = VectorIndex.build([Construct("toy", VECTOR, circular=True), Construct("other", VECTOR[300:500] + "ACGTACGGTCA" * 9)])
SEEDS = Seeds.of(INDEX)
TALLY = ("counts", "lengths", "inserts", "qualities", "windows", "doubtful", "contig_reads")


@contextmanager
def plain():
    """The NumPy forms do the work."""
    with pytest.MonkeyPatch.context() as patch:
        for name, (_, form) in forms.BOTH.items():
            patch.setattr(forms, name, form)
        patch.setattr(bgzf, "HAVE_NUMBA", False)
        patch.setattr(shared, "mark_form", shared.mark_plainly)
        yield


def outcome(call):
    """The result, or the words of the house's error."""
    try:
        found = call()
    except AfterCarError as error:
        return str(error)
    return found.pairs, found.without_mate, [getattr(found.tally, name).tolist() for name in TALLY]


@st.composite
def reads(draw, longest=300):
    """A read: random or with a stretch of the vector, with N and lower case, of any length."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.one_of(st.integers(0, 40), st.integers(0, longest)))
    bases = random_bases(rng, size)
    if size and draw(st.booleans()):
        length = min(size, draw(st.integers(10, 60)))
        start = int(rng.integers(0, len(VECTOR)))
        piece = (VECTOR + VECTOR)[start : start + length]
        piece = reverse_complement(piece) if rng.random() < 0.5 else piece
        at = [0, size - length, int(rng.integers(0, size - length + 1))][draw(st.integers(0, 2))]
        bases = bases[:at] + piece + bases[at + length :]
    for place in rng.integers(0, max(1, size), draw(st.integers(0, 3)) if size else 0):
        bases = bases[:place] + draw(st.sampled_from("ACGTN")) + bases[place + 1 :]
    return bases


CIGARS = st.lists(st.tuples(st.sampled_from([0, 1, 2, 3, 4, 5, 7, 8]), st.integers(1, 3000)), max_size=5)
ROWS = st.tuples(reads(), CIGARS, st.integers(0, 4095), st.integers(-1, 6000), st.integers(1, 100))


def bam_content(rows):
    content = bam_header([("chr1", 5000), ("chr2", 7000)])
    for number, (bases, cigar, flag, position, name) in enumerate(rows):
        content += bam_record(
            "n" * name + str(number // 2), bases, flag=flag, contig=number % 3 - 1, position=position, cigar=cigar,
            mapping=7 * name % 61, insert=position - 3000, mate=number % 2, mate_position=position,
            tags=b"SAZchr1,5,+,10M,60,0;\0",
        )  # fmt: skip
    return content


@given(st.lists(ROWS, max_size=12), st.lists(st.integers(1, 3000), max_size=6), st.sampled_from([1, 2, 4096]))
@settings(max_examples=150)
def test_bam(rows, cuts, room):
    content = bam_content(rows)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("aftercar.edges.bam._HITS", room)
        path = Path(folder) / "x.bam"
        path.write_bytes(blocks(content, [cut for cut in cuts if cut < len(content)]))
        compiled = outcome(lambda: screen_bam(path, SEEDS))
        with plain():
            assert outcome(lambda: screen_bam(path, SEEDS)) == compiled


@given(st.lists(ROWS, min_size=1, max_size=5), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4))
@example([("ACGTACGT", [], 0, 0, 24), ("ACGTACGTACGT", [], 0, 0, 26)], [(21, 1), (101, 2)])
@settings(max_examples=150)
def test_mangled_bam_gives_the_same_error_or_result(rows, changes):
    head = len(bam_header([("chr1", 5000), ("chr2", 7000)]))
    content = bytearray(bam_content(rows))
    for place, value in changes:
        content[head + place % (len(content) - head)] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.bam"
        path.write_bytes(blocks(bytes(content)))
        compiled = outcome(lambda: screen_bam(path, SEEDS))
        with plain():
            assert outcome(lambda: screen_bam(path, SEEDS)) == compiled


@given(
    st.lists(st.tuples(reads(), reads()), max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["two", "single", "interleaved"]),
    st.sampled_from([("/1", "/2"), (" 1:N:0", " 2:N:0"), ("", ""), ("\t1", " 2"), ("/1", "x2"), (" ", "")]),
    st.sampled_from([1, 2, 4096]),
    st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(list(b"@+\n\rAC /12"))), max_size=2),
)
@settings(max_examples=200)
def test_fastq(pairs, line_end, mode, marks, room, changes):
    first = [(f"read{i}{marks[0]}", a) for i, (a, _) in enumerate(pairs)]
    second = [(f"read{i}{marks[1]}", b) for i, (_, b) in enumerate(pairs)]
    mixed = [record for both in zip(first, second, strict=True) for record in both]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("aftercar.edges.fastq_screen._HITS", room)
        paths = []
        for number, records in enumerate((first, second) if mode == "two" else (first,) if mode == "single" else (mixed,)):
            data = bytearray(fastq(records, line_end=line_end))
            for place, value in changes[:1] if number == 0 else changes[1:]:
                if data:
                    data[place % len(data)] = value
            paths.append(Path(folder) / f"x_R{number + 1}.fq")
            paths[-1].write_bytes(bytes(data))
        two = paths[1] if mode == "two" else None
        compiled = outcome(lambda: screen_fastq_fast(paths[0], two, SEEDS))
        with plain():
            mine = outcome(lambda: screen_fastq_fast(paths[0], two, SEEDS))
    if isinstance(compiled, str):
        # Where a broken record is also cut short, the forms may name either fault.
        assert isinstance(mine, str)
    else:
        assert mine == compiled


def test_of_two_broken_records_the_first_is_named(tmp_path):
    path = tmp_path / "x.fq"
    path.write_text("@a\nACGT\n+\nIIII\n>b\nACGT\n+\nIIII\n@c\nACGT\n+\nIII\n")
    compiled = outcome(lambda: screen_fastq_fast(path, None, SEEDS))
    with plain():
        assert outcome(lambda: screen_fastq_fast(path, None, SEEDS)) == compiled
    assert "record 2" in compiled or "line 5" in compiled


@pytest.mark.parametrize("body", [64, 300, 4096])
def test_pieces_of_any_size_give_the_same(rng, body):
    records = [(f"r{i}/1 x", random_bases(rng, int(rng.integers(0, 400)))) for i in range(200)]
    records[150] = ("r150", "G" * 100 + VECTOR[40:63])
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "x.fq"
        path.write_bytes(fastq(records))
        whole = outcome(lambda: screen_fastq_fast(path, None, SEEDS))
        patch.setattr(streams, "BODY", body)
        patch.setattr(streams, "HEAD", 128)
        with plain():
            assert outcome(lambda: screen_fastq_fast(path, None, SEEDS)) == whole
    assert [pair.first.name for pair in whole[0]] == ["r150"]


@given(st.lists(reads(), min_size=1, max_size=6), st.booleans())
def test_searches_of_text(pieces, lower):
    joined = "".join(pieces)
    data = np.frombuffer((joined.lower() if lower else joined).encode() + b"\0" * 16, np.uint8)
    ends = np.cumsum([len(piece) for piece in pieces])
    bounds = np.stack((np.concatenate(([0], ends[:-1])), ends), axis=1)
    tables = arguments(SEEDS, nibbles=False)
    assert arrays.any_candidate(data, bounds, *tables) == bool(walk_text.any_candidate(data, bounds, *tables))
    assert arrays.any_candidate(data, bounds, *tables) == any(INDEX.is_candidate(piece) for piece in pieces)
    assert arrays.any_match(data, *tables) == bool(walk_text.any_match(data, *tables))
    covered, twin = (np.zeros(len(INDEX.text), np.bool_) for _ in range(2))
    assert shared.mark_plainly(data, covered, *tables) == shared.mark(data, twin, *tables)
    assert np.array_equal(covered, twin)


@given(st.binary(max_size=60))
def test_itf8(raw):
    data = np.frombuffer(raw, np.uint8)
    mine, twin = (np.zeros(len(data), np.int64) for _ in range(2))
    count = arrays.itf8_values(data, mine)
    assert count == walk_text.itf8_values(data, twin)
    if count >= 0:
        assert mine[:count].tolist() == twin[:count].tolist()


@given(st.binary(max_size=80))
def test_name_hash(raw):
    data = np.frombuffer(raw, np.uint8)
    assert arrays_walks.name_hash(data, 0, len(data)) == int(walk_bam.name_hash(data, 0, len(data)))


def test_the_compiled_forms_are_the_ones_in_use_where_numba_is():
    from aftercar.reads.native import HAVE_NUMBA

    for name, both in forms.BOTH.items():
        assert getattr(forms, name) is both[0 if HAVE_NUMBA else 1]
    assert walk_fastq.walk is forms.BOTH["fastq"][0]


@pytest.mark.parametrize("length", range(16, 60))
def test_sixteen_bases_at_the_end_of_a_read_of_any_length(rng, length):
    bases = random_bases(rng, length - 16) + VECTOR[100:116]
    data = np.frombuffer(bases.encode() + b"\0" * 16, np.uint8)
    tables = arguments(SEEDS, nibbles=False)
    assert arrays.any_candidate(data, np.array([[0, length]]), *tables)
    assert walk_text.any_candidate(data, np.array([[0, length]]), *tables)
