"""Names survive what reporting systems do to them."""

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from aftercar.vocab.products import edit_distance, find_product, find_products, products

LATIN = [(item.key, name) for item in products() for name in item.names if name.isascii()]
LONG_WORDS = [(item.key, item.inn.split()[0]) for item in products()]


@given(st.sampled_from(LATIN), st.sampled_from(["", " ", "  ", "®", " (unknown)", " susp.", "\t"]), st.booleans())
def test_case_and_trailing_words_do_not_matter(known, tail, upper):
    key, name = known
    text = (name.upper() if upper else name) + tail
    found = find_product(unicodedata.normalize("NFD", text))
    assert found is not None
    assert found.key == key


@given(st.sampled_from(LONG_WORDS), st.data())
def test_one_wrong_letter_in_the_stem_of_an_inn_never_gives_another_product(known, data):
    key, word = known
    at = data.draw(st.integers(min_value=2, max_value=len(word) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    found = find_products(word[:at] + letter + word[at + 1 :])
    assert {item.key for item in found} <= {key}


@settings(max_examples=300)
@given(st.text(max_size=30))
def test_any_text_is_answered(text):
    assert len(find_products(text)) <= len(products())


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_edit_distance_equals_the_plain_recursion(first, second):
    def slow(a, b):
        if not a or not b:
            return len(a) + len(b)
        options = [slow(a[:-1], b) + 1, slow(a, b[:-1]) + 1, slow(a[:-1], b[:-1]) + (a[-1] != b[-1])]
        if len(a) > 1 and len(b) > 1 and a[-1] == b[-2] and a[-2] == b[-1]:
            options.append(slow(a[:-2], b[:-2]) + 1)
        return min(options)

    assert edit_distance(first, second, 12) == slow(first, second)
