"""Sums over centres of which nobody sees a part: each pair of centres shares a key, and their masks cancel in the sum.

A centre writes each of its numbers in fixed point modulo 2**192 and adds, for every other centre, a number drawn by HMAC-SHA512
from their common key, the round and the place; the other centre subtracts the same number. One answer, or any set of answers
that lacks a centre, is then uniformly distributed whatever the data were; only the sum over all centres means anything
(Bonawitz et al., CCS 2017, doi 10.1145/3133956.3133982, without the part for centres that drop out: a round that lacks one is
refused).

>>> keys = {"a": {"b": b"ab" * 8, "c": b"ac" * 8}, "b": {"a": b"ab" * 8, "c": b"bc" * 8}, "c": {"a": b"ac" * 8, "b": b"bc" * 8}}
>>> shares = [mask("round", centre, [number, 1], keys[centre]) for centre, number in (("a", 2.5), ("b", -1.0), ("c", 40))]
>>> unmask("round", shares)
[41.5, 3.0]
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from aftercar.errors import Conflict, InputError

#: Numbers are whole multiples of 1/SCALE modulo MODULUS: 80 binary places, and room for sums up to 2**111.
SCALE = 1 << 80
MODULUS = 1 << 192

#: With two centres each would learn the other's numbers from the sum.
FEWEST_CENTRES = 3


class BadMask(InputError):
    """Masked answers that do not belong together."""

    code = "masked-sums"


@dataclass(frozen=True)
class MaskedShare:
    """What a centre answers under pair keys.

    Attributes:
        round: fingerprint of the round it answers.
        centre: name of the centre.
        centres: every centre of the round, in alphabetical order.
        numbers: masked numbers, 48 hex digits each.
        signature: as of a plain share; "" before signing.
    """

    round: str
    centre: str
    centres: tuple[str, ...]
    numbers: tuple[str, ...]
    signature: str = ""


def mask(fingerprint: str, centre: str, numbers: Sequence[float], pair_keys: Mapping[str, bytes]) -> MaskedShare:
    """A centre's numbers under its pair keys.

    Args:
        fingerprint: of the round; the same masks are never used for another.
        centre: name of this centre.
        numbers: what is to be summed over the centres, in the same order at each.
        pair_keys: by other centre, the key that only the two hold.

    Raises:
        BadMask: when there are too few centres, or a number is not finite or too large.
    """
    if centre in pair_keys:
        raise BadMask(f"{centre} holds a pair key with itself", fix="one key for each other centre")
    if len(pair_keys) + 1 < FEWEST_CENTRES:
        raise BadMask(f"masks need at least {FEWEST_CENTRES} centres", fix="with two, each would learn the other's numbers")
    hidden = []
    for place, number in enumerate(numbers):
        total = _fixed(number)
        for other, key in pair_keys.items():
            drawn = _drawn(key, fingerprint, centre, other, place)
            total += drawn if centre < other else -drawn
        hidden.append(f"{total % MODULUS:048x}")
    return MaskedShare(fingerprint, centre, tuple(sorted((centre, *pair_keys))), tuple(hidden))


def unmask(fingerprint: str, shares: Sequence[MaskedShare]) -> list[float]:
    """The sums over all centres.

    Raises:
        Conflict: when a share answers another round.
        BadMask: when a centre is missing, stands twice, or answers with another count of numbers.
    """
    names = tuple(sorted(share.centre for share in shares))
    for share in shares:
        if share.round != fingerprint:
            raise Conflict("the share answers another round", where=f"{share.centre}: {share.round}", fix="ask the centre again")
        if share.centres != names:
            gone = ", ".join(sorted(set(share.centres) ^ set(names))) or "a centre stands twice"
            raise BadMask("the answers are not those of one set of centres", where=gone, fix="every centre must answer the round")
        if len(share.numbers) != len(shares[0].numbers):
            raise BadMask("the answers have different lengths", where=share.centre)
    columns = zip(*(share.numbers for share in shares), strict=True)
    return [_plain(sum(int(number, 16) for number in column) % MODULUS) for column in columns]


def _drawn(key: bytes, fingerprint: str, centre: str, other: str, place: int) -> int:
    pair = "\x1f".join((fingerprint, *sorted((centre, other)), str(place)))
    return int.from_bytes(hmac.digest(key, pair.encode(), "sha512")[:24], "big")


def _fixed(number: float) -> int:
    try:
        scaled = round(Fraction(number) * SCALE)
    except (ValueError, OverflowError):
        raise BadMask(f"{number} is not a finite number") from None
    if abs(scaled) >= MODULUS >> 20:
        raise BadMask(f"{number:g} is too large to be summed under masks")
    return scaled


def _plain(total: int) -> float:
    return float(Fraction(total - MODULUS if total >= MODULUS >> 1 else total, SCALE))
