import numpy as np
import pytest

from aftercar.reads.batch import Pair, Read
from aftercar.reads.junctions import call_junctions, pair_junctions
from aftercar.reads.junctions_align import VectorAligner
from aftercar.reads.junctions_parts import gather
from aftercar.reads.junctions_target import decode, encode, flip, target_of
from aftercar.reads.junctions_types import Library
from aftercar.reads.placement import MemoryHost, genome_place, in_window, stream
from aftercar.testing.simulate import random_bases
from aftercar.vocab.vectors import Construct, reverse_complement

LTR = "TGGAAGGGCTAATTCACTCCC" + random_bases(180, seed=11) + "AGTGTGGAAAATCTCTAGCA"
INNER = "GTGGCGCCCGAACAGGGAC" + random_bases(1_500, seed=12) + "AAAAGAAAAGGGGGGAC"
PROVIRUS = LTR + INNER + LTR
HOST = random_bases(20_000, seed=13)
LIBRARY = Library(100, 300.0, 30.0)


@pytest.fixture(scope="module")
def target():
    return target_of([Construct("vector", PROVIRUS)])


@pytest.fixture(scope="module")
def host():
    return MemoryHost({"chr1": HOST})


def derived(position, orientation="+", tsd=5, provirus=PROVIRUS):
    """The chromosome with a provirus behind 0-based ``position``."""
    inserted = provirus if orientation == "+" else reverse_complement(provirus)
    return HOST[: position + 1] + inserted + HOST[position + 1 - tsd :]


def pair(name, sequence, start, length, size=100):
    one, two = sequence[start : start + size], reverse_complement(sequence[start + length - size : start + length])
    return Pair(Read(name, one, flag=0x4D), Read(name, two, flag=0x8D))


def pairs_across(sequence, cuts, length=300, step=13):
    starts = [start for cut in cuts for start in range(cut - length + 10, cut - 10, step)]
    return [pair(f"r{start}", sequence, start, length) for start in starts]


def sites_of(pairs, target, host):
    evidence = gather(pairs, target, LIBRARY, host=host)
    return pair_junctions(call_junctions(evidence, target, host), tsd=target.tsd, longest=LIBRARY.longest)


@pytest.mark.parametrize("orientation", ["+", "-"])
@pytest.mark.parametrize("tsd", [0, 4, 5])
@pytest.mark.parametrize("position", [5_000, 9_999, 12_345])
def test_site_is_found_to_the_base(target, host, orientation, tsd, position):
    sequence = derived(position, orientation, tsd)
    sites = sites_of(pairs_across(sequence, (position + 1, position + 1 + len(PROVIRUS))), target, host)
    assert len(sites) == 1
    site = sites[0]
    assert (site.contig, site.position, site.orientation, site.tsd, site.exact) == ("chr1", position, orientation, tsd, True)
    assert site.canonical
    assert site.unique


def test_one_end_gives_an_inferred_position(target, host):
    sequence = derived(8_000)
    (site,) = sites_of(pairs_across(sequence, (8_001 + len(PROVIRUS),)), target, host)
    assert site.left is None
    assert site.inferred
    assert site.position == 8_000


def test_break_inside_the_vector_is_no_provirus_end(target, host):
    sequence = derived(6_000, provirus=PROVIRUS[400:])
    sites = sites_of(pairs_across(sequence, (6_001, 6_001 + len(PROVIRUS) - 400)), target, host)
    assert len(sites) == 1
    assert sites[0].left.end == ""
    assert sites[0].left.vector == pytest.approx(400, abs=8)
    assert sites[0].right.end == "right"
    assert abs(sites[0].left.adjacent - 6_000) <= sites[0].left.microhomology


def test_two_equal_places_are_a_group_that_holds_the_truth(target):
    repeat = random_bases(1_200, seed=21)
    sequence = HOST[:4_000] + repeat + HOST[4_000:9_000] + repeat + HOST[9_000:]
    host = MemoryHost({"chr1": sequence})
    position = 4_600
    changed = sequence[: position + 1] + PROVIRUS + sequence[position - 4 :]
    sites = sites_of(pairs_across(changed, (position + 1, position + 1 + len(PROVIRUS))), target, host)
    assert len(sites) == 1
    assert not sites[0].unique
    assert {("chr1", 4_600), ("chr1", 10_800)} == set(sites[0].places)


def test_plasmid_reads_make_no_site(host):
    plasmid = random_bases(500, seed=31) + PROVIRUS + random_bases(800, seed=32)
    target = target_of([Construct("plasmid", plasmid, circular=True)])
    pairs = [pair(f"p{start}", plasmid, start, 300) for start in range(0, len(plasmid) - 300, 29)]
    evidence = gather(pairs, target, LIBRARY, host=host)
    assert evidence.supports == ()
    assert len(evidence.fragments) == len(pairs)


def test_human_part_of_a_construct_is_no_evidence(host):
    piece = HOST[15_000:15_600]
    construct = Construct("car", random_bases(400, seed=41) + piece + random_bases(400, seed=42))
    mask = np.zeros(len(construct), bool)
    mask[400:1_000] = True
    target = target_of([construct], [mask])
    pairs = [pair(f"h{start}", HOST, start, 300) for start in range(14_800, 15_500, 17)]
    evidence = gather(pairs, target, LIBRARY, host=host)
    assert evidence.supports == ()
    assert all(fragment.host_like for fragment in evidence.fragments)


def test_copies_of_a_molecule_count_once(target, host):
    sequence = derived(7_000)
    one = pair("a", sequence, 6_850, 300)
    again = pair("b", sequence, 6_850, 300)
    evidence = gather([one, again], target, LIBRARY, host=host)
    assert len(evidence.fragments) == 1
    assert evidence.duplicates == 1


@pytest.mark.parametrize("form", ["provirus", "one LTR masked", "plasmid", "other strand", "LTR alone"])
def test_answer_does_not_depend_on_the_form_of_the_vector(host, form):
    plasmid = random_bases(400, seed=51) + PROVIRUS + random_bases(300, seed=52)
    given = {
        "provirus": PROVIRUS,
        "one LTR masked": PROVIRUS[: -len(LTR)] + "N" * len(LTR),
        "plasmid": plasmid,
        "other strand": reverse_complement(plasmid),
        "LTR alone": LTR,
    }[form]
    target = target_of([Construct("v", given)])
    sequence = derived(11_111, "-")
    (site,) = sites_of(pairs_across(sequence, (11_112, 11_112 + len(PROVIRUS))), target, host)
    assert (site.position, site.orientation, site.tsd) == (11_111, "-", 5)


def test_window_names_give_genome_coordinates():
    host = MemoryHost({"chr4:1,001-21,000": HOST})
    assert decode(host.fetch("4", 1_000, 1_010)) == HOST[:10]
    assert genome_place("chr4:1,001-21,000", 20_000) == ("chr4", 1_000)
    assert genome_place("HLA-A*01:01:01:01") == ("HLA-A*01:01:01:01", 0)


def test_aligner_finds_what_a_slow_search_finds(target):
    rng = np.random.default_rng(5)
    aligner = VectorAligner(target)
    reads = []
    for _ in range(60):
        length = int(rng.integers(25, 60))
        start = int(rng.integers(0, len(PROVIRUS) - length))
        piece = encode(PROVIRUS[start : start + length])
        joined = np.concatenate([encode(random_bases(int(rng.integers(30, 60)), seed=int(rng.integers(1e6)))), piece])
        reads.append(joined if rng.random() < 0.5 else flip(joined))
    for read, segments in zip(reads, aligner.align(reads), strict=True):
        assert max(segment.length - 4 * segment.mismatches for segment in segments) >= _slow_best(read, target) - 8


def _slow_best(read, target):
    """Longest exact run of the read in the target, either strand, by trying every diagonal."""
    best = 0
    codes = target.codes[: len(PROVIRUS)]
    for oriented in (read, flip(read)):
        for shift in range(-len(oriented) + 1, len(codes)):
            low, high = max(0, -shift), min(len(oriented), len(codes) - shift)
            same = oriented[low:high] == codes[low + shift : high + shift]
            run = longest = 0
            for value in same:
                run = run + 1 if value else 0
                longest = max(longest, run)
            best = max(best, longest)
    return best


def test_streamed_places_equal_those_of_a_slow_search(host):
    rng = np.random.default_rng(6)
    parts, truth = [], []
    for _ in range(40):
        length = int(rng.integers(24, 90))
        start = int(rng.integers(0, len(HOST) - length))
        piece = encode(HOST[start : start + length]).copy()
        if length > 60:
            piece[1] = (piece[1] + 1) % 4
        forward = bool(rng.random() < 0.5)
        parts.append(piece if forward else flip(piece))
        truth.append((start, "+" if forward else "-"))
    for part, places, (start, strand) in zip(parts, stream(parts, host), truth, strict=True):
        slow = {(p.start, p.strand, p.mismatches) for s in "+-" for p in in_window(part, host, "chr1", 0, len(HOST), s)}
        assert (places.found[0].start, places.found[0].strand) == (start, strand)
        assert (places.found[0].start, places.found[0].strand, places.found[0].mismatches) in slow
        assert places.complete
