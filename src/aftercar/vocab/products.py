"""CAR-T products: one name for each, however it was written, and the properties that signals are contrasted by.

Reports name a product by INN, brand, code or a misspelling of one of them. :func:`find_product` answers with the
product or with None when nothing is near enough or two products are equally near: a wrong product is worse than none.

    >>> find_product("YESCARTA (axicabtagene ciloleucel) susp. for infusion").key
    'axi-cel'
    >>> find_product("Tisagenlecleucal").key
    'tisa-cel'
    >>> find_product("sipuleucel-T") is None
    True
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from aftercar.vocab.dates import PartialDate
from aftercar.vocab.sources import Source

Vector = Literal["lentiviral", "gamma-retroviral", "transposon", "unknown"]
Target = Literal["CD19", "BCMA", "CLDN18.2", "other", "unknown"]
Costimulation = Literal["CD28", "4-1BB", "other", "unknown"]

#: Name of the class when a report says "CAR-T" and no product.
UNSPECIFIED = "CAR-T, product not stated"


@dataclass(frozen=True, slots=True)
class Authorisation:
    """A marketing authorisation (or hospital exemption) in one region.

    Attributes:
        region: ``EU``, ``UK`` or ISO 3166-1 alpha-2.
        on: date, as precise as the source.
        kind: ``full``, ``conditional``, ``accelerated`` or ``hospital exemption``; general knowledge, not checked with the date.
        source: where the date comes from.
        note: disagreement between sources, or what part of the date was seen.
    """

    region: str
    on: PartialDate
    kind: str
    source: Source
    note: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """One CAR-T product.

    Attributes:
        key: the short name that AfterCAR uses everywhere (``axi-cel``).
        inn: international non-proprietary name.
        brands: brand names.
        synonyms: codes and further names.
        target: antigen.
        vector: how the transgene was brought in.
        costimulation: co-stimulatory domain.
        holder: marketing-authorisation holder.
        authorisations: by region.
        sources: where ``target``, ``vector``, ``costimulation`` and ``names`` come from.
    """

    key: str
    inn: str
    brands: tuple[str, ...]
    synonyms: tuple[str, ...]
    target: Target
    vector: Vector
    costimulation: Costimulation
    holder: str
    authorisations: tuple[Authorisation, ...]
    sources: Mapping[str, Source]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name it is known by, the key first."""
        return (self.key, self.inn, *self.brands, *self.synonyms)

    def first_authorised(self, region: str) -> Authorisation | None:
        """Its first authorisation in ``region``, or None."""
        found = [item for item in self.authorisations if item.region == region]
        return min(found, key=lambda item: item.on.earliest) if found else None


def products() -> tuple[Product, ...]:
    """Every product of the table."""
    from aftercar.vocab.product_facts import PRODUCTS

    return PRODUCTS


def product(key: str) -> Product:
    """The product with this key.

    Raises:
        KeyError: naming the keys there are.
    """
    found = {item.key: item for item in products()}
    if key not in found:
        raise KeyError(f"no product {key!r}; known: {', '.join(found)}")
    return found[key]


def find_product(text: str) -> Product | None:
    """The one product that ``text`` names, or None when it names none or more than one.

    Case, accents, punctuation, trademark signs and dose words do not matter. A name may stand anywhere in the text. One
    typing error is forgiven in names of 6 letters, two from 9 letters, when the first two letters are right and no other
    known name is as near.
    """
    found = find_products(text)
    return found[0] if len(found) == 1 else None


def find_products(text: str) -> tuple[Product, ...]:
    """Every product that ``text`` names, in the order of the table; a co-reported second product is not lost."""
    keys = _find_keys(text)
    return tuple(item for item in products() if item.key in keys)


def is_cart(text: str) -> bool:
    """Whether ``text`` names a product or the class in general ("CAR-T", "chimeric antigen receptor T cells")."""
    return bool(_find_keys(text)) or _CLASS.search(_words(text)) is not None


def product_label(text: str) -> str | None:
    """The product key, :data:`UNSPECIFIED` when only the class (or several products) is named, None when neither is."""
    found = find_product(text)
    if found is not None:
        return found.key
    return UNSPECIFIED if is_cart(text) else None


# "cART" alone is antiretroviral therapy, so the hyphen (or "cells", "19") is needed.
_CLASS = re.compile(
    r"\b(?:car t|cart (?:t|cells?|19|therapy)|cart19|carts?cells?|chimeric antigen receptors?"
    r"|anti (?:cd ?19|bcma) (?:car|chimeric))\b"
)
_MARKS = re.compile(r"[®™©]|\((?:r|tm|c)\)", re.IGNORECASE)
_NOT_WORD = re.compile(r"[^\w+]+|_")
_SPLIT = re.compile(r"[\\;|/]| and | with |\+ ")


def _words(text: str) -> str:
    """Lower case without accents, marks and punctuation; single spaces; ``+`` spelled out."""
    plain = unicodedata.normalize("NFKD", _MARKS.sub(" ", text)).casefold()
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign)).replace("+", " positive ")
    return " ".join(_NOT_WORD.sub(" ", plain).split())


def _compact(text: str) -> str:
    return _words(text).replace(" ", "")


@cache
def _names() -> dict[str, str]:
    """Compact name to product key; names of other products map to the empty text."""
    from aftercar.vocab.product_facts import OTHERS

    table: dict[str, str] = {}
    for other in OTHERS:
        table[_compact(other)] = ""
        table[_compact(other.split()[0])] = ""
    for item in products():
        for name in item.names:
            table[_compact(name)] = item.key
    return table


@cache
def _phrase() -> re.Pattern[str]:
    """Any known name standing in the middle of a text, its parts apart or together."""
    parts = {r" ?".join(map(re.escape, _words(name).split())) for item in products() for name in item.names}
    asian = {part for part in parts if not part.isascii()}
    latin = sorted(parts - asian, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(latin)})\b|{'|'.join(sorted(asian, key=len, reverse=True))}")


@cache
def _find_keys(text: str) -> frozenset[str]:
    """Keys of the products named in ``text``; cached, because report tables repeat their names."""
    names = _names()
    exact = names.get(_compact(text))
    if exact is not None:
        return frozenset({exact} - {""})
    words = _words(text)
    inside = {names[_compact(match.group())] for match in _phrase().finditer(words)}
    if inside:
        return frozenset(inside)
    near = {key for part in _SPLIT.split(text.casefold()) for key in _nearest(part)}
    return frozenset(near - {""})


def _nearest(part: str) -> frozenset[str]:
    """Keys of the known names nearest to any word or pair of words of ``part``; empty when ambiguous."""
    words = _words(part).split()
    tries = {*words, *(first + second for first, second in itertools.pairwise(words)), "".join(words)}
    best: dict[int, set[str]] = {}
    for attempt in tries:
        for name, key in _names().items():
            allowed = 2 if len(name) >= 9 else 1 if len(name) >= 6 else 0
            if not allowed or abs(len(attempt) - len(name)) > allowed or attempt[:2] != name[:2] or not attempt.isalpha():
                continue
            distance = edit_distance(attempt, name, allowed)
            if distance <= allowed:
                best.setdefault(distance, set()).add(key)
    if not best:
        return frozenset()
    keys = best[min(best)]
    return frozenset(keys) if len(keys) == 1 else frozenset()


def edit_distance(first: str, second: str, limit: int) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours between two words (optimal string alignment).

    Returns ``limit + 1`` as soon as it must be above ``limit``.
    """
    if abs(len(first) - len(second)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        now = [i]
        for j, b in enumerate(second, 1):
            cost = min(row[j] + 1, now[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and first[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            now.append(cost)
        if min(now) > limit:
            return limit + 1
        before, row = row, now
    return row[-1]
