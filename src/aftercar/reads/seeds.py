"""Tables in which the kernels look a 16-mer up: two bitmaps that say "never" fast, and an exact hash table behind them.

A 16-mer of a read in text is two eight-byte words; a 16-mer of a BAM record is one, at four bits a base. Both are hashed
as they lie, without packing; two bits in one word of a bitmap say whether any vector 16-mer has that hash. What passes is
packed to 32 bits and looked up exactly. A bitmap has about 64 bits for each key and stays within 128 KiB to 2 MiB, so that
it lives in a core's cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aftercar.reads.vector_index import SEED, VectorIndex

#: Odd constants of the multiplicative hashes (golden ratio and two primes' fractions; any odd numbers would do).
TEXT_1 = np.uint64(0x9E3779B97F4A7C15)
TEXT_2 = np.uint64(0xC2B2AE3D27D4EB4F)
NIBBLE = np.uint64(0x9E3779B97F4A7C15)
SLOT = np.uint32(0x9E3779B1)
EMPTY = -1
#: Place in a hash of the six bits that choose the second bit of a word.
SECOND = 20
_LETTERS = np.frombuffer(b"ACTG", np.uint8)
_NIBBLES = np.array([1, 2, 8, 4], np.uint64)


@dataclass(frozen=True)
class Seeds:
    """What the kernels need of a :class:`~aftercar.reads.vector_index.VectorIndex`.

    Attributes:
        text: codes of all targets, see the index.
        shift: 64 minus the number of bits of a bitmap's address.
        text_bits, nibble_bits: bitmaps, 64 bits a word, for text and for BAM's four-bit bases.
        slot_shift: 32 minus the number of bits of a slot's number.
        slot_keys, slot_rows: open addressing: key, and first row in ``places`` (-1 for an empty slot).
        places: places in ``text``; the rows of one key stand together, the last one is marked in ``last``.
        last: whether a row is the last of its key.
    """

    text: NDArray[np.uint8]
    shift: np.uint64
    text_bits: NDArray[np.uint64]
    nibble_bits: NDArray[np.uint64]
    slot_shift: np.uint32
    slot_keys: NDArray[np.uint32]
    slot_rows: NDArray[np.int32]
    places: NDArray[np.int32]
    last: NDArray[np.bool_]

    @classmethod
    def of(cls, index: VectorIndex) -> Seeds:
        """The tables of an index."""
        keys = index.keys
        last = np.ones(len(keys), np.bool_)
        last[:-1] = keys[1:] != keys[:-1]
        firsts = np.flatnonzero(np.concatenate(([True], last[:-1])))
        unique = keys[firsts]
        bits = min(24, max(20, int(np.ceil(np.log2(64 * len(unique))))))
        shift = np.uint64(64 - bits)
        codes = ((unique[:, None] >> (2 * np.arange(SEED - 1, -1, -1, dtype=np.uint32))) & np.uint32(3)).astype(np.intp)
        letters: NDArray[np.uint64] = np.ascontiguousarray(_LETTERS[codes]).view(np.uint64)
        text_hash = letters[:, 0] * TEXT_1 + letters[:, 1] * TEXT_2
        nibble_hash = nibble_words(codes) * NIBBLE
        size = 1 << max(4, int(np.ceil(np.log2(2 * len(unique)))))
        slot_shift = np.uint32(32 - (size.bit_length() - 1))
        slot_keys, slot_rows = _fill(unique, firsts, size, slot_shift)
        return cls(
            index.text, shift, _bitmap(text_hash, bits), _bitmap(nibble_hash, bits), slot_shift, slot_keys, slot_rows,
            index.places, last,
        )  # fmt: skip


def nibble_words(codes: NDArray[np.intp]) -> NDArray[np.uint64]:
    """The eight bytes of 16 bases as BAM packs them (first base in the high half of the first byte), as one number.

    Args:
        codes: codes 0-3, shape (n, 16).
    """
    nibbles = _NIBBLES[codes]
    words = np.zeros(len(codes), np.uint64)
    for i in range(SEED):
        byte, high = divmod(i, 2)
        words |= nibbles[:, i] << np.uint64(8 * byte + (0 if high else 4))
    return words


def _bitmap(hashes: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    bitmap = np.zeros(1 << (bits - 6), np.uint64)
    words = (hashes >> np.uint64(64 - bits + 6)).astype(np.intp)
    for place in (64 - bits, SECOND):
        np.bitwise_or.at(bitmap, words, np.uint64(1) << ((hashes >> np.uint64(place)) & np.uint64(63)))
    return bitmap


def _fill(
    keys: NDArray[np.uint32], firsts: NDArray[np.intp], size: int, shift: np.uint32
) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Open addressing with linear steps, filled in rounds: whoever finds its slot taken goes one further."""
    slot_keys = np.zeros(size, np.uint32)
    slot_rows = np.full(size, EMPTY, np.int32)
    waiting = np.arange(len(keys))
    slots = ((keys * SLOT) >> shift).astype(np.intp) if len(keys) else np.empty(0, np.intp)
    while len(waiting):
        free = slot_rows[slots] == EMPTY
        chosen, first = np.unique(slots[free], return_index=True)
        lucky = np.flatnonzero(free)[first]
        slot_keys[chosen] = keys[waiting[lucky]]
        slot_rows[chosen] = firsts[waiting[lucky]].astype(np.int32)
        left = np.ones(len(waiting), np.bool_)
        left[lucky] = False
        waiting = waiting[left]
        slots = (slots[left] + 1) % size
    return slot_keys, slot_rows
