"""The compiled core of the screen: looks seeds up, extends them, and walks FASTQ text.

Every function here has a plain twin (``VectorIndex.is_candidate``, ``edges.fastq``, ``edges.screen_simple``) that the tests
hold it to. Arrays come in, numbers go out, nothing is allocated per read unless a seed was found.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aftercar.reads.native import compiled, load64, signed
from aftercar.reads.seeds import EMPTY, NIBBLE, SECOND, SLOT, TEXT_1, TEXT_2
from aftercar.reads.vector_index import CODES, DROP, MIN_SCORE, MIN_WORDS, MISMATCH, SEED

_UPPER = np.uint64(0xDFDFDFDFDFDFDFDF)
_LOW_BITS = np.uint64(0x0303030303030303)
_CODES = CODES
_SECOND = np.uint64(SECOND)
_ONE, _SIX, _SIXTY_THREE = np.uint64(1), np.uint64(6), np.uint64(63)
#: BAM's four-bit bases to our codes.
NIBBLE_CODES = np.full(16, 4, np.uint8)
for _i, _code in ((1, 0), (2, 1), (4, 3), (8, 2)):
    NIBBLE_CODES[_i] = _code


@compiled
def pack_text(first: np.uint64, second: np.uint64) -> np.uint32:
    """16 upper-case letters (two words) as a 32-bit key, the first base highest; other letters give some key."""
    key = np.uint32(0)
    word = (first >> np.uint64(1)) & _LOW_BITS
    for _ in range(8):
        key = np.uint32((key << np.uint32(2)) | np.uint32(word & np.uint64(3)))
        word >>= np.uint64(8)
    word = (second >> np.uint64(1)) & _LOW_BITS
    for _ in range(8):
        key = np.uint32((key << np.uint32(2)) | np.uint32(word & np.uint64(3)))
        word >>= np.uint64(8)
    return key


@compiled
def find_slot(key: np.uint32, keys: NDArray[np.uint32], rows: NDArray[np.int32], shift: np.uint32) -> int:
    """First row of a key in the places, -1 when the vector does not have it."""
    slot = signed(np.uint32(key * SLOT) >> shift)
    mask = len(keys) - 1
    while rows[slot] != EMPTY:
        if keys[slot] == key:
            return signed(rows[slot])
        slot = (slot + 1) & mask
    return -1


@compiled
def accepted(
    codes: NDArray[np.uint8], offset: int, row: int, places: NDArray[np.int32], last: NDArray[np.bool_], text: NDArray[np.uint8]
) -> bool:
    """Whether the seed at ``offset`` of a read makes it a candidate at any of the seed's places."""
    length = len(codes)
    at_end = offset == 0 or offset == length - SEED
    while True:
        place = signed(places[row])
        same = True
        for i in range(SEED):
            if codes[offset + i] != text[place + i]:
                same = False
                break
        if same:
            start, end, score = stretched(codes, text, offset, place)
            if (at_end or score >= MIN_SCORE) and not simple(codes, start, end):
                return True
        if last[row]:
            return False
        row += 1


@compiled
def stretched(codes: NDArray[np.uint8], text: NDArray[np.uint8], offset: int, place: int) -> tuple[int, int, int]:
    """Start, end and score of the best ungapped extension of a seed."""
    length = len(codes)
    score = best = SEED
    end = right = offset + SEED
    while right < length:
        other = text[place + right - offset]
        if other > 3 or score <= best - DROP:
            break
        score += 1 if codes[right] == other else -MISMATCH
        right += 1
        if score > best:
            best, end = score, right
    score = best
    start = left = offset
    while left > 0 and place + left - 1 - offset >= 0:
        other = text[place + left - 1 - offset]
        if other > 3 or score <= best - DROP:
            break
        score += 1 if codes[left - 1] == other else -MISMATCH
        left -= 1
        if score > best:
            best, start = score, left
    return start, end, best


@compiled
def simple(codes: NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether ``codes[start:end]`` holds fewer than six different three-base words."""
    low = high = np.uint64(0)
    words = 0
    for i in range(start, end - 2):
        word = signed(codes[i]) * 25 + signed(codes[i + 1]) * 5 + signed(codes[i + 2])
        if word < 64:
            bit = _ONE << np.uint64(word)
            if not low & bit:
                low |= bit
                words += 1
        else:
            bit = _ONE << np.uint64(word - 64)
            if not high & bit:
                high |= bit
                words += 1
        if words >= MIN_WORDS:
            return False
    return True


@compiled
def probe_text(data: NDArray[np.uint8], at: int, final: int, shift: np.uint64, bitmap: NDArray[np.uint64]) -> int:
    """First place from ``at`` in steps of eight up to ``final`` whose 16 letters hash to set bits, else -1.

    Kept apart from what follows a hit: a loop this small runs four times as fast as the same loop inside a large function.
    """
    if at > final:
        return -1
    second = load64(data, at) & _UPPER
    while at <= final:
        first = second
        second = load64(data, at + 8) & _UPPER
        mixed = first * TEXT_1 + second * TEXT_2
        address = mixed >> shift
        bits = (_ONE << (address & _SIXTY_THREE)) | (_ONE << ((mixed >> _SECOND) & _SIXTY_THREE))
        if bitmap[address >> _SIX] & bits == bits:
            return at
        at += 8
    return -1


@compiled
def text_row(
    data: NDArray[np.uint8], at: int, slot_shift: np.uint32, slot_keys: NDArray[np.uint32], slot_rows: NDArray[np.int32]
) -> int:
    """First row of the 16 letters at ``at``, -1 when they are not in the vector."""
    return find_slot(pack_text(load64(data, at) & _UPPER, load64(data, at + 8) & _UPPER), slot_keys, slot_rows, slot_shift)


@compiled
def accepted_text(
    data: NDArray[np.uint8],
    start: int,
    length: int,
    offset: int,
    row: int,
    places: NDArray[np.int32],
    last: NDArray[np.bool_],
    text: NDArray[np.uint8],
) -> bool:
    """:func:`accepted` for a read in letters."""
    return accepted(_CODES[data[start : start + length]], offset, row, places, last, text)


@compiled
def nibble_key(word: np.uint64) -> np.uint32:
    """16 bases at four bits each as a 32-bit key; ambiguous ones give some key."""
    key = np.uint32(0)
    for _ in range(8):
        key = np.uint32((key << np.uint32(2)) | np.uint32(NIBBLE_CODES[(word >> np.uint64(4)) & np.uint64(15)] & 3))
        key = np.uint32((key << np.uint32(2)) | np.uint32(NIBBLE_CODES[word & np.uint64(15)] & 3))
        word >>= np.uint64(8)
    return key


@compiled
def nibble_codes(data: NDArray[np.uint8], start: int, length: int) -> NDArray[np.uint8]:
    """Codes of a BAM record's bases."""
    codes = np.empty(length, np.uint8)
    for i in range(length):
        byte = signed(data[start + (i >> 1)])
        codes[i] = NIBBLE_CODES[(byte >> 4) if i & 1 == 0 else (byte & 15)]
    return codes


@compiled
def probe_nibbles(
    data: NDArray[np.uint8], start: int, step: int, steps: int, shift: np.uint64, bitmap: NDArray[np.uint64]
) -> int:
    """First of the steps of eight bases (four bytes) before ``steps`` whose 16 bases hash to set bits, else -1."""
    while step < steps:
        mixed = load64(data, start + 4 * step) * NIBBLE
        address = mixed >> shift
        bits = (_ONE << (address & _SIXTY_THREE)) | (_ONE << ((mixed >> _SECOND) & _SIXTY_THREE))
        if bitmap[address >> _SIX] & bits == bits:
            return step
        step += 1
    return -1


@compiled
def any_nibbles(data: NDArray[np.uint8], start: int, steps: int, shift: np.uint64, bitmap: NDArray[np.uint64]) -> bool:
    """Whether any of the first ``steps`` steps of eight bases hashes to set bits.

    Nearly every read says no; without a way out in its middle the loop costs half as much as :func:`probe_nibbles`.
    """
    seen = np.uint64(0)
    for step in range(steps):
        mixed = load64(data, start + 4 * step) * NIBBLE
        address = mixed >> shift
        word = bitmap[address >> _SIX]
        seen |= (word >> (address & _SIXTY_THREE)) & (word >> ((mixed >> _SECOND) & _SIXTY_THREE))
    return seen & _ONE != np.uint64(0)


@compiled
def last_nibbles(data: NDArray[np.uint8], start: int, length: int) -> np.uint64:
    """The last 16 of ``length`` packed bases as one word."""
    offset = length - SEED
    byte = start + (offset >> 1)
    word = load64(data, byte)
    if offset & 1:
        # They begin in the low half of a byte: every byte takes its low half from the next one's high half.
        high = np.uint64(data[byte + 8])
        shifted = ((word >> np.uint64(12)) & np.uint64(0x000F0F0F0F0F0F0F)) | ((high >> np.uint64(4)) << np.uint64(56))
        word = ((word & np.uint64(0x0F0F0F0F0F0F0F0F)) << np.uint64(4)) | shifted
    return word


@compiled
def last_probe(data: NDArray[np.uint8], start: int, length: int, shift: np.uint64, bitmap: NDArray[np.uint64]) -> bool:
    """Whether the last 16 packed bases hash to set bits."""
    mixed = last_nibbles(data, start, length) * NIBBLE
    address = mixed >> shift
    bits = (_ONE << (address & _SIXTY_THREE)) | (_ONE << ((mixed >> _SECOND) & _SIXTY_THREE))
    return bitmap[address >> _SIX] & bits == bits


@compiled
def nibble_row(word: np.uint64, slot_shift: np.uint32, slot_keys: NDArray[np.uint32], slot_rows: NDArray[np.int32]) -> int:
    """First row of 16 packed bases, -1 when they are not in the vector."""
    return find_slot(nibble_key(word), slot_keys, slot_rows, slot_shift)


@compiled
def accepted_nibbles(
    data: NDArray[np.uint8],
    start: int,
    length: int,
    offset: int,
    row: int,
    places: NDArray[np.int32],
    last: NDArray[np.bool_],
    text: NDArray[np.uint8],
) -> bool:
    """:func:`accepted` for packed bases."""
    return accepted(nibble_codes(data, start, length), offset, row, places, last, text)


def arguments(seeds: Any, nibbles: bool) -> tuple[Any, ...]:
    """The tables in the order in which the kernels take them."""
    bitmap = seeds.nibble_bits if nibbles else seeds.text_bits
    return (
        seeds.shift, bitmap, seeds.slot_shift, seeds.slot_keys, seeds.slot_rows, seeds.places, seeds.last, seeds.text,
    )  # fmt: skip
