"""Transposons, AAV-like donors and nuclease knock-ins: what is called for each, and what cannot be."""

import pytest

from aftercar.actions.test_sample import examine
from aftercar.edges.host import FastaHost
from aftercar.testing.simulate import Insertion, Population, Sample, as_bases, as_text, random_bases, random_host
from aftercar.testing.simulate_files import write_bam
from aftercar.vocab.vectors import Construct

CARGO = random_bases(3_000, seed=5)
PIGGYBAC = "CCCTAGAAAGATA" + random_bases(250, seed=6) + CARGO + random_bases(220, seed=7) + "TATCTTTCTAGGG"
#: Terminal repeat of an AAV-like donor; it stands inverted at the other end.
ITR = random_bases(145, seed=9)
KNOCK_IN_AT = 30_000
ARM = 400


def host_with(changes=()):
    host = random_host({"chr1": 60_000}, seed=8)
    bases = host["chr1"].copy()
    for position, text in changes:
        bases[position : position + len(text)] = as_bases(text)
    return {"chr1": bases}


def verdict_of(folder, host, construct, insertion, *, fraction=0.6, kind="bam"):
    (folder / "host.fa").write_text(f">chr1\n{as_text(host['chr1'])}\n")
    write_bam(Sample(host, (Population("t", fraction, (insertion,)),), depth=40, seed=5), folder / "t.bam")
    from aftercar.evidence.sample import shared_with_host

    with FastaHost(folder / "host.fa") as reference:
        shared = shared_with_host([construct], reference)
        return examine([folder / "t.bam"], [construct], host=reference, shared=shared, purity=fraction)[2]


@pytest.mark.parametrize("orientation", ["+", "-"])
def test_piggybac_is_found_to_the_base_beside_its_target(tmp_path, orientation):
    """The transposon doubles its target TTAA: both ends are exact and the duplication is 4."""
    host = host_with([(20_000, "TTAA")])
    given = random_bases(200, seed=21) + "TTAA" + PIGGYBAC + "TTAA" + random_bases(300, seed=22)
    insertion = Insertion("chr1", 20_003, orientation, 4, PIGGYBAC)
    verdict = verdict_of(tmp_path, host, Construct("transposon plasmid", given, True), insertion)
    (call,) = verdict.located
    assert (call.site.position, call.site.orientation, call.site.tsd) == (20_003, orientation, 4)
    assert call.site.canonical
    assert verdict.call == "present_clonal"


def test_transposon_elsewhere_than_at_its_target_is_still_placed(tmp_path):
    host = host_with([(20_000, "GCGC")])
    given = random_bases(200, seed=21) + "TTAA" + PIGGYBAC + "TTAA" + random_bases(300, seed=22)
    verdict = verdict_of(tmp_path, host, Construct("p", given, True), Insertion("chr1", 20_003, "+", 4, PIGGYBAC))
    assert [call.site.position for call in verdict.located] == [20_003]


@pytest.mark.parametrize("lost", [0, 30])
def test_donor_with_inverted_repeats_is_placed_without_a_duplication(tmp_path, lost):
    """Ends are not known, so breaks are called where the host stops; repeats at both ends leave the side of the donor open."""
    from aftercar.vocab.vectors import reverse_complement

    donor = ITR + CARGO + reverse_complement(ITR)
    inserted = donor[lost : len(donor) - lost]
    verdict = verdict_of(tmp_path, host_with(), Construct("donor", donor), Insertion("chr1", 20_000, "+", 0, inserted))
    (call,) = verdict.located
    assert (call.site.contig, call.site.orientation) == ("chr1", "+")
    assert abs(call.site.position - 20_000) <= 3
    assert call.site.left is not None
    assert call.site.right is not None
    assert "break_inside_vector" in call.flags
    assert verdict.call == "present_clonal"


def arms_of(host):
    bases = as_text(host["chr1"])
    return bases[KNOCK_IN_AT + 1 - ARM : KNOCK_IN_AT + 1], bases[KNOCK_IN_AT + 1 : KNOCK_IN_AT + 1 + ARM]


def test_knock_in_with_homology_arms_says_that_the_arms_hide_its_place(tmp_path):
    """The arms are host sequence: no read joins the host to a base that is not there anyway."""
    host = host_with()
    left, right = arms_of(host)
    donor = Construct("donor", left + CARGO + right)
    verdict = verdict_of(tmp_path, host, donor, Insertion("chr1", KNOCK_IN_AT, "+", 0, CARGO))
    assert verdict.vector_dna == "detected"
    assert verdict.located == ()
    assert verdict.call == "inconclusive"
    assert any("homology arms" in note for note in verdict.notes)


@pytest.mark.parametrize("orientation", ["+", "-"])
def test_knock_in_is_placed_when_the_donor_is_given_without_its_arms(tmp_path, orientation):
    insertion = Insertion("chr1", KNOCK_IN_AT, orientation, 0, CARGO)
    verdict = verdict_of(tmp_path, host_with(), Construct("cargo", CARGO), insertion)
    (call,) = verdict.located
    assert call.site.left is not None
    assert call.site.right is not None
    assert abs(call.site.position - KNOCK_IN_AT) <= 3
    assert (call.site.orientation, verdict.call) == (orientation, "present_clonal")
    assert not any("homology arms" in note for note in verdict.notes)


def test_random_insertion_of_a_donor_with_arms_is_detected_but_not_located(tmp_path):
    """The whole donor, arms too, elsewhere: its breaks lie in human bases, which are no evidence, and the note says so."""
    host = host_with()
    left, right = arms_of(host)
    donor = left + CARGO + right
    verdict = verdict_of(tmp_path, host, Construct("donor", donor), Insertion("chr1", 10_000, "+", 0, donor))
    assert verdict.vector_dna == "detected"
    assert verdict.located == ()
    assert any("not located" in note for note in verdict.notes)
