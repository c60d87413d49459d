"""One insertion is one site, however many near copies of its place the host has."""

import numpy as np
import pytest

from aftercar.evidence.settings import Settings
from aftercar.evidence.sites import site_filter
from aftercar.reads.batch import Pair, Read
from aftercar.reads.junctions import Junction, call_junctions, pair_junctions
from aftercar.reads.junctions_parts import gather
from aftercar.reads.junctions_shadows import fits, shadows
from aftercar.reads.junctions_target import encode, target_of
from aftercar.reads.junctions_types import Library, Support
from aftercar.reads.placement import MemoryHost
from aftercar.testing.simulate import random_bases
from aftercar.vocab.vectors import Construct, reverse_complement

LTR = "TGGAAGGGCTAATTCACTCCC" + random_bases(180, seed=11) + "AGTGTGGAAAATCTCTAGCA"
PROVIRUS = LTR + "GTGGCGCCCGAACAGGGAC" + random_bases(1_500, seed=12) + "AAAAGAAAAGGGGGGAC" + LTR
HOST = random_bases(20_000, seed=13)
LIBRARY = Library(100, 300.0, 30.0)
TARGET = target_of([Construct("vector", PROVIRUS)])


def support(adjacent, part, name="r", contig="chr1"):
    codes = encode(part)
    return Support(
        template=name, kind="split", contig=contig, side="right", orientation="+", end="right", vector=len(PROVIRUS),
        adjacent=adjacent, low=adjacent, high=adjacent, host_outer=adjacent + len(codes) - 1, vector_outer=0,
        host_bases=len(codes), vector_bases=50, mismatches=0, unique=True, others=(), unshared=50, reverse=False, part=codes,
    )  # fmt: skip


def pair(name, sequence, start, length=300, size=100):
    one, two = sequence[start : start + size], reverse_complement(sequence[start + length - size : start + length])
    return Pair(Read(name, one, flag=0x4D), Read(name, two, flag=0x8D))


def test_a_near_copy_of_a_strong_junction_joins_it():
    flank = random_bases(80, seed=1)
    strong = [support(5_000, flank[:60], f"s{i}") for i in range(6)]
    weak = [support(9_000, flank[:45], "w")]
    flanks = [encode(flank), encode(flank[:50] + random_bases(30, seed=2))]
    groups = [(("chr1", 5_000, "right"), strong), (("chr1", 9_000, "right"), weak)]
    assert shadows(groups, lambda n: flanks[n]) == [(1, 0, True)]


def test_equal_junctions_of_one_flank_are_one_group():
    flank = random_bases(80, seed=1)
    one, two = [support(5_000, flank[:60])] * 3, [support(9_000, flank[:60])] * 2
    groups = [(("chr1", 5_000, "right"), one), (("chr1", 9_000, "right"), two)]
    assert shadows(groups, lambda _: encode(flank)) == [(1, 0, False)]


@pytest.mark.parametrize("changed", [3, 12])
def test_a_flank_that_reads_differently_is_another_insertion(changed):
    flank = random_bases(80, seed=1)
    other = np.array(encode(flank))
    other[5 : 5 + 2 * changed : 2] ^= 1
    own = "".join("ACGT"[c] for c in other)
    assert not fits([support(9_000, own[:60])], encode(flank), other, near=False)
    assert fits([support(9_000, own[:60])], other, other, near=False)


def test_a_short_part_is_a_shadow_only_close_by():
    flank = random_bases(80, seed=3)
    weak = [support(5_300, flank[:18])]
    assert fits(weak, encode(flank), encode(flank), near=True)
    assert not fits(weak, encode(flank), encode(flank), near=False)


def test_short_vector_tail_is_cut_alike_at_every_place_of_a_repeat():
    """A host read with six vector bases at its end: each of its places names the base behind them, not the read's end."""
    repeat = random_bases(1_200, seed=21)
    sequence = HOST[:4_000] + repeat + HOST[4_000:9_000] + repeat + HOST[9_000:]
    position = 4_600
    changed = sequence[: position + 1] + PROVIRUS + sequence[position - 4 :]
    cut = position + 1 + len(PROVIRUS)
    pairs = [pair(f"t{tail}", changed, cut - 200 - tail + 0, 300 + 0) for tail in (6,)]
    evidence = gather(pairs, TARGET, LIBRARY, host=MemoryHost({"chr1": sequence}))
    (found,) = evidence.supports
    places = {found.adjacent, *(other[1] for other in found.others)}
    assert places == {4_596, 10_796}


def test_insertion_in_a_copied_stretch_is_one_site_with_both_places():
    repeat = random_bases(1_200, seed=21)
    copy = repeat[:900] + ("A" if repeat[900] != "A" else "C") + repeat[901:]
    sequence = HOST[:4_000] + repeat + HOST[4_000:9_000] + copy + HOST[9_000:]
    changed = sequence[:4_601] + PROVIRUS + sequence[4_596:]
    cuts = (4_601, 4_601 + len(PROVIRUS))
    pairs = [pair(f"r{s}", changed, s) for cut in cuts for s in range(cut - 290, cut - 10, 13)]
    host = MemoryHost({"chr1": sequence})
    junctions = call_junctions(gather(pairs, TARGET, LIBRARY, host=host), TARGET, host)
    (site,) = pair_junctions(junctions, tsd=5, longest=LIBRARY.longest)
    places = set(site.places) or {(site.contig, site.position)}
    assert ("chr1", 4_600) in places
    assert site.tsd == 5


def test_ends_that_both_fit_elsewhere_too_are_a_repeat_with_its_places_not_hidden():
    def group(side, end, places):
        contig, adjacent = places[0]
        return Junction(
            contig, side, "+", end, 0, adjacent, adjacent, adjacent, True, (support(adjacent, "A" * 40),) * 4, False,
            tuple((c, a, side, "+") for c, a in places),
        )  # fmt: skip

    left = group("left", "left", [("chr1", 5_000), ("chr1", 5_400)])
    right = group("right", "right", [("chr1", 4_996), ("chr1", 6_200)])
    (site,) = pair_junctions([left, right], tsd=5, longest=400)
    assert site.position == 5_000
    assert not site.unique
    assert set(site.places) == {("chr1", 5_000), ("chr1", 5_400)}
    assert site_filter(site, Settings()) == "repeat"
