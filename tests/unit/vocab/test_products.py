"""Product names as reports write them."""

import re

import pytest

from aftercar.vocab.products import (
    UNSPECIFIED,
    edit_distance,
    find_product,
    find_products,
    is_cart,
    product,
    product_label,
    products,
)
from aftercar.vocab.sources import MARKS

AS_REPORTED = [
    ("YESCARTA", "axi-cel"),
    ("yescarta ", "axi-cel"),
    ("Yescarta®", "axi-cel"),
    ("YESCARTA (AXICABTAGENE CILOLEUCEL)", "axi-cel"),
    ("AXICABTAGENE CILOLEUCEL SUSPENSION FOR INFUSION", "axi-cel"),
    ("Axicabtagene-ciloleucel", "axi-cel"),
    ("axicabtagen ciloleucel", "axi-cel"),
    ("KTE C19", "axi-cel"),
    ("axi cel", "axi-cel"),
    ("YESCARTRA", "axi-cel"),
    ("YECSARTA", "axi-cel"),
    ("KYMRIAH", "tisa-cel"),
    ("KYMIRAH", "tisa-cel"),
    ("KYMRIAH 0.2-5X10^6 CELLS/KG", "tisa-cel"),
    ("CTL019 [TISAGENLECLEUCEL]", "tisa-cel"),
    ("tisagenlecleucal", "tisa-cel"),
    ("TISAGENLECLEUCEL-T", "tisa-cel"),
    ("TECARTUS", "brexu-cel"),
    ("Tecartis", "brexu-cel"),
    ("AUTOLOGOUS ANTI-CD19-TRANSDUCED CD3+ CELLS", "brexu-cel"),
    ("brexucabtagene autoleucel", "brexu-cel"),
    ("BREYANZI", "liso-cel"),
    ("Breyanci", "liso-cel"),
    ("JCAR-017", "liso-cel"),
    ("LISOCABTAGENE MARALEUCEL", "liso-cel"),
    ("ABECMA", "ide-cel"),
    ("ABECMMA", "ide-cel"),
    ("bb 2121", "ide-cel"),
    ("IDECABTAGENE VICLEUCEL (IDE-CEL)", "ide-cel"),
    ("CARVYKTI", "cilta-cel"),
    ("CARVIKTI", "cilta-cel"),
    ("Ciltacabtagene autoleucel", "cilta-cel"),
    ("JNJ-68284528", "cilta-cel"),
    ("AUCATZYL", "obe-cel"),
    ("obecabtagene autoleucel", "obe-cel"),
    ("Relma-cel", "relma-cel"),
    ("倍诺达", "relma-cel"),
    ("FUCASO", "eque-cel"),
    ("Inaticabtagene", "inati-cel"),
    ("zevorcabtagene autoleucel", "zevor-cel"),
    ("NexCAR19", "tali-cel"),
    ("Actalycabtagene autoleucel", "tali-cel"),
    ("varnimcabtagene", "var-cel"),
    ("Limkato", "anbal-cel"),
    ("satri-cel", "satri-cel"),
    ("舒瑞基奥仑赛注射液", "satri-cel"),
    ("瑞基奥仑赛注射液", "relma-cel"),
    ("布瑞基奥仑赛注射液", "brexu-cel"),
    ("YESCARTA (AXICABTAGENE CILOLEUCEL) (AXICABTAGENE CILOLEUCEL)", "axi-cel"),
    ("yescarta.", "axi-cel"),
    ("KYMRIAH [TISAGENLECLEUCEL]", "tisa-cel"),
    ("TISAGENLECLEUCEL 1.2 MILLION - 600 MILLION CAR-POSITIVE VIABLE T CELLS", "tisa-cel"),
    ("Ciltacabtagene autoleucel (carvykti)", "cilta-cel"),
    ("CILTACEL", "cilta-cel"),
    ("IDECEL", "ide-cel"),
]

NOT_OURS = [
    "", " ", "-", "SIPULEUCEL-T", "PROVENGE", "LIFILEUCEL", "TABELECLEUCEL", "CITRUCEL", "EVICEL", "CARVEDILOL",
    "TECENTRIQ", "ABELCET", "zamtocabtagene autoleucel", "rapcabtagene autoleucel",
    "autoleucel", "CELLCEPT", "IDELALISIB", "CILTA", "afamitresgene autoleucel", "cART", "CART", "ALOPECIA",
    "CYCLOPHOSPHAMIDE", "FLUDARABINE", "RITUXIMAB",
]  # fmt: skip


@pytest.mark.parametrize(("text", "key"), AS_REPORTED)
def test_a_product_is_found_as_reports_write_it(text, key):
    found = find_product(text)
    assert found is not None
    assert found.key == key


@pytest.mark.parametrize("text", NOT_OURS)
def test_other_medicines_are_not_taken_for_a_product(text):
    assert find_products(text) == ()


def test_two_products_in_one_text_are_both_kept_and_neither_is_chosen():
    text = "YESCARTA\\KYMRIAH"
    assert find_product(text) is None
    assert [item.key for item in find_products(text)] == ["tisa-cel", "axi-cel"]
    assert product_label(text) == UNSPECIFIED


def test_a_word_equally_near_two_products_is_left_alone():
    assert find_product("oxecabtagene") is None


@pytest.mark.parametrize("text", ["CAR-T", "CAR T-cell therapy", "CHIMERIC ANTIGEN RECEPTOR T CELLS", "CD19 CAR-T", "Abecma"])
def test_the_class_is_recognised_without_a_product(text):
    assert is_cart(text)


@pytest.mark.parametrize("text", ["CART", "car travel sickness pills", "CARTIA XT", "DOLUTEGRAVIR (CART)"])
def test_antiretroviral_therapy_is_not_the_class(text):
    assert not is_cart(text)


def test_label_distinguishes_product_class_and_neither():
    assert product_label("Kymriah") == "tisa-cel"
    assert product_label("CAR-T cells nos") == UNSPECIFIED
    assert product_label("aspirin") is None


@pytest.mark.parametrize("item", products(), ids=lambda item: item.key)
def test_every_product_has_its_facts_with_sources(item):
    assert set(item.sources) == {"target", "vector", "costimulation", "names"}
    assert item.authorisations
    for source in (*item.sources.values(), *(authorisation.source for authorisation in item.authorisations)):
        assert source.mark in MARKS
        assert source.cite
    for authorisation in item.authorisations:
        assert re.fullmatch(r"EU|UK|[A-Z]{2}", authorisation.region)
        assert 2017 <= authorisation.on.year <= 2026


def test_no_name_belongs_to_two_products():
    seen = {}
    for item in products():
        for name in item.names:
            assert seen.setdefault(name.casefold(), item.key) == item.key


@pytest.mark.parametrize("item", products(), ids=lambda item: item.key)
def test_every_own_name_finds_the_product_alone_and_inside_a_sentence(item):
    for name in item.names:
        for text in (name, name.upper(), name.lower(), f"inj. {name}, 1 bag"):
            found = find_product(text)
            assert found is not None, text
            assert found.key == item.key, text


def test_product_by_key_and_first_authorisation():
    axi = product("axi-cel")
    assert (axi.target, axi.vector, axi.costimulation) == ("CD19", "gamma-retroviral", "CD28")
    assert str(axi.first_authorised("US").on) == "2017-10-18"
    assert axi.first_authorised("BR") is None
    with pytest.raises(KeyError, match="known: tisa-cel"):
        product("nothing")


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("abecma", "abecma", 0), ("abcema", "abecma", 1), ("kymriah", "kymirah", 1), ("carvykti", "carvikti", 1), ("a", "abcd", 3)],
)
def test_edit_distance_counts_a_swap_once_and_stops_at_the_limit(first, second, distance):
    assert edit_distance(first, second, 3) == distance
    assert edit_distance(first, second, 0) == min(distance, 1)
