"""The integrated form of real vectors, whatever part of them the user gives."""

from pathlib import Path

import pytest

from aftercar.edges.constructs import read_constructs
from aftercar.vocab.vectors import Construct, Element, element_kind, reverse_complement

TISA = "vectors/livingdrugs/Vector_systems/Sequences/lentiviral_vector_tisacel.fasta"
IDE = "vectors/livingdrugs/Vector_systems/Sequences/lentiviral_vector_idecel.fasta"
P746 = "vectors/inspiired_p746vector.fasta"
HXB2 = "vectors/bgtd_vector_HIV_HXB2.fa"
GAMMA = "vectors/chiarle_gammaRV_CAR_provirus.fasta"

# Vector, kind, provirus length, LTR length, first bases, last bases.
REAL = [
    (TISA, "lenti", 5752, 234, "TGGAAGGGCTAATTCACTCCCAACG", "GTGTGGAAAATCTCTAGCA"),
    (IDE, "lenti", 4169, 234, "TGGAAGGGCTAATTCACTCCCAAAG", "GTGTGGAAAATCTCTAGCA"),
    (P746, "lenti", 9766, 634, "TGGAAGGGCTAATTCACTCCC", "GTGTGGAAAATCTCTAGCA"),
    (HXB2, "lenti", 9719, 634, "TGGAAGGGCTAATTCACTCCC", "GTGTGGAAAATCTCTAGCA"),
    (GAMMA, "gamma", 4121, 590, "TGAAAGACCCCACCTGTAGG", "CAGCGGGGGTCTTTCA"),
]


@pytest.mark.parametrize(("file", "kind", "length", "ltr", "first", "last"), REAL)
def test_real_vectors_give_their_provirus(test_data: Path, file, kind, length, ltr, first, last):
    construct = read_constructs(test_data / file)[0]
    provirus = construct.provirus()
    assert (provirus.kind, len(provirus.sequence), provirus.ltr_length) == (kind, length, ltr)
    assert provirus.duplication == {"lenti": 5, "gamma": 4}[kind]
    assert provirus.sequence.startswith(first)
    assert provirus.sequence.endswith(last)
    assert provirus.sequence[:ltr] == provirus.sequence[-ltr:]


@pytest.mark.parametrize("file", [row[0] for row in REAL])
def test_the_same_provirus_from_any_form_of_the_file(test_data: Path, file):
    construct = read_constructs(test_data / file)[0]
    whole, ltr = construct.provirus().sequence, construct.provirus().ltr_length
    sequence = construct.sequence
    turned = Construct("turned", sequence[4000:] + sequence[:4000], circular=True)
    forms = {
        "provirus": Construct("p", whole),
        "plasmid turned": turned,
        "other strand": Construct("r", reverse_complement(sequence)),
        "5' LTR only": Construct("5", whole[:-ltr]),
        "3' LTR only": Construct("3", whole[ltr:]),
        "3' LTR masked": Construct("m3", whole[:-ltr] + "N" * ltr),
        "5' LTR masked": Construct("m5", "N" * ltr + whole[ltr:]),
    }
    assert {name: form.provirus().sequence == whole for name, form in forms.items()} == dict.fromkeys(forms, True)


@pytest.mark.parametrize("file", [row[0] for row in REAL])
def test_segments_say_where_each_base_stands_in_the_file(test_data: Path, file):
    given = read_constructs(test_data / file)[0]
    for construct in (given, Construct("r", reverse_complement(given.sequence), circular=True)):
        provirus = construct.provirus()
        rebuilt = []
        for segment in provirus.segments:
            size = segment.end - segment.start
            if segment.strand == 1:
                rebuilt.append((construct.sequence * 2)[segment.given : segment.given + size])
            else:
                low = segment.given - size + 1
                piece = (
                    construct.sequence[low : segment.given + 1]
                    if low >= 0
                    else (construct.sequence[low:] + construct.sequence[: segment.given + 1])
                )
                rebuilt.append(reverse_complement(piece))
        assert "".join(rebuilt) == provirus.sequence


def test_a_coding_frame_has_no_ends(test_data: Path):
    construct = read_constructs(test_data / "vectors/livingdrugs/CAR_constructs/Sequences/Axicel_HM852952.fasta")[0]
    provirus = construct.provirus()
    assert provirus.kind == "none"
    assert not provirus.has_ends
    assert provirus.sequence == construct.sequence


def test_a_third_generation_plasmid_takes_u3_from_its_3_prime_ltr(test_data: Path):
    construct = read_constructs(test_data / TISA)[0]
    provirus = construct.provirus()
    names = {element.name: element for element in construct.provirus_elements(provirus)}
    # delta-U3 stands only in the 3' LTR of the map, yet the 5' LTR of the provirus begins with it.
    assert construct.sequence.count("TGGAAGGGCTAATTCACTCCC") == 1
    assert provirus.sequence.count("TGGAAGGGCTAATTCACTCCC") == 2
    psi = names["HIV-1_psi_pack"]
    assert provirus.sequence[psi.start : psi.end] == construct.sequence[3358:3403]
    assert "Ampicillin" not in names


def test_piggybac_is_cut_out_of_a_circular_plasmid(rng):
    inner = "".join(rng.choice(list("ACGT"), 2000))
    backbone = "".join(rng.choice(list("ACGT"), 1500))
    element = "CCCTAGAAAGATA" + inner + "TATCTTTCTAGGG"
    plasmid = "TTAA" + element + "TTAA" + backbone
    for turn in (0, 700, 2500):
        provirus = Construct("pb", plasmid[turn:] + plasmid[:turn], circular=True).provirus()
        assert (provirus.kind, provirus.target, provirus.duplication) == ("transposon", "TTAA", 4)
        assert provirus.sequence == element


def test_ltrs_of_an_unknown_family_are_taken_from_equal_ends(rng):
    ltr = "TG" + "".join(rng.choice(list("ACGT"), 300)) + "CA"
    sequence = ltr + "".join(rng.choice(list("ACGT"), 2000)) + ltr
    provirus = Construct("x", sequence).provirus()
    assert (provirus.kind, provirus.ltr_length, provirus.duplication) == ("retro", 304, 0)
    assert provirus.sequence == sequence


def test_random_sequence_has_no_ends(rng):
    for _ in range(20):
        assert Construct("x", "".join(rng.choice(list("ACGT"), 5000)), circular=True).provirus().kind == "none"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("EF1a_promoter", "promoter"), ("WPRE", "wpre"), ("AmpR", "resistance"), ("cPPT/CTS", "cppt"), ("5' LTR", "ltr"),
     ("HIV-1 Ψ", "packaging"), ("f1 ori", "origin"), ("CD3zSD", "cd3z"), ("CD28", "costimulation"), ("sth", "other"),
     ("CD8alphaHinge", "hinge_tm"), ("anti-CD19", "binder"), ("CAR", "car"), ("RRE", "rre"), ("M13 fwd primer", "primer")],
)  # fmt: skip
def test_elements_are_known_by_their_names(name, kind):
    assert element_kind(name) == kind


def test_an_element_must_have_length():
    with pytest.raises(ValueError, match="runs from 5 to 5"):
        Element("x", "other", 5, 5)
