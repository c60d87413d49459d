"""Laws that hold for every provirus, place and library."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercar.evidence.annotation import GeneIndex, Transcript, annotate
from aftercar.evidence.clones import allele_share
from aftercar.evidence.detection_limit import limit
from aftercar.reads.batch import Pair, Read
from aftercar.reads.junctions import call_junctions, pair_junctions
from aftercar.reads.junctions_parts import gather
from aftercar.reads.junctions_target import decode, encode, flip, target_of
from aftercar.reads.junctions_types import Library
from aftercar.reads.placement import MemoryHost
from aftercar.testing.simulate import random_bases
from aftercar.vocab.vectors import Construct, reverse_complement

LTR = "TGGAAGGGCTAATTCACTCCC" + random_bases(150, seed=1) + "AGTGTGGAAAATCTCTAGCA"
PROVIRUS = LTR + "GTGGCGCCCGAACAGGGAC" + random_bases(900, seed=2) + "AAAAGAAAAGGGGGGAC" + LTR
TARGET = target_of([Construct("v", PROVIRUS)])
HOST = random_bases(9_000, seed=3)


@given(st.text("ACGTN", max_size=60))
def test_codes_go_there_and_back(text):
    assert decode(encode(text)) == text
    assert decode(flip(encode(text))) == reverse_complement(text)


@settings(max_examples=40)
@given(
    st.integers(1_500, 7_000), st.sampled_from("+-"), st.integers(0, 6), st.integers(0, 2**16), st.sampled_from([75, 100, 150])
)
def test_planted_site_comes_back(position, orientation, tsd, seed, size):
    inserted = PROVIRUS if orientation == "+" else reverse_complement(PROVIRUS)
    sequence = HOST[: position + 1] + inserted + HOST[position + 1 - tsd :]
    rng = np.random.default_rng(seed)
    pairs = []
    for number, cut in enumerate([position + 1, position + 1 + len(PROVIRUS)] * 8):
        length = int(rng.integers(size + 20, 3 * size))
        start = cut - int(rng.integers(40, length - 40))
        end = start + length
        pairs.append(
            Pair(
                Read(f"r{number}", sequence[start : start + size], flag=0x4D),
                Read(f"r{number}", reverse_complement(sequence[end - size : end]), flag=0x8D),
            )
        )
    host = MemoryHost({"chr9": HOST})
    evidence = gather(pairs, TARGET, Library(size, 2.0 * size, size / 3), host=host)
    sites = pair_junctions(call_junctions(evidence, TARGET, host), tsd=TARGET.tsd)
    exact = [junction for site in sites for junction in site.junctions if junction.exact]
    assert {site.orientation for site in sites} == {orientation}
    assert all(j.adjacent == (position if j.side == "left" else position + 1 - tsd) for j in exact)
    assert all(site.low - 300 <= position <= site.high + 300 for site in sites)


@given(st.integers(0, 400), st.integers(0, 400), st.sampled_from([1, 2]))
def test_share_lies_in_its_interval(junction, reference, ends):
    value, low, high = allele_share(junction, reference, ends=ends)
    assert 0 <= low <= high <= 1
    if junction + reference:
        assert low <= value <= high


@settings(max_examples=30)
@given(st.floats(1, 300), st.floats(1.05, 5))
def test_deeper_samples_have_lower_limits(depth, times):
    library = Library(100, 300.0, 40.0)
    one, two = limit(TARGET, library, depth), limit(TARGET, library, depth * times)
    assert two.presence < one.presence
    assert two.site < one.site


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(10, 900)), min_size=1, max_size=12), st.integers(0, 6_000))
def test_gene_index_finds_what_a_slow_search_finds(spans, position):
    genes = [Transcript(f"G{i}", f"T{i}", "chr1", "+", s, s + n, s, s + n, ((s, s + n),)) for i, (s, n) in enumerate(spans)]
    found = annotate("1", position, "+", GeneIndex(genes).near("1", position))
    distance = min(max(g.start - position, position - (g.end - 1), 0) for g in genes)
    assert found.distance == distance
