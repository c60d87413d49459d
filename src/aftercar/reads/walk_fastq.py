"""The compiled walk over FASTQ text: one file, two files in step, or interleaved pairs.

Lines are found eight bytes at a time; the length of the last read is tried first, and then the letters between are only
checked for a line end, so that a wrong guess can never lose step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aftercar.reads.kernels import accepted_text, probe_text, text_row
from aftercar.reads.native import compiled, load64, signed
from aftercar.reads.tally import BASES, LONGEST, READS, UNMAPPEDS

#: Why a walk stopped, in ``state[ERROR]``.
FINE, NO_AT, NO_PLUS, UNEQUAL, NAMES_DIFFER = range(5)
#: Places of ``state``: records (pairs) so far, hits so far, error, place in the second buffer, guess of the length,
#: and the five places of the record parsed last.
RECORDS, HITS, ERROR, SECOND_AT, GUESS, HEAD, BASES_AT, LENGTH, QUALITY_AT, NEXT = range(10)
SINGLE, TWO, INTERLEAVED = range(3)
PAD = 16
_NEWLINES = np.uint64(0x0A0A0A0A0A0A0A0A)
_ONES = np.uint64(0x0101010101010101)
_TOPS = np.uint64(0x8080808080808080)
_NONE = np.uint64(0)


@compiled
def find_newline(data: NDArray[np.uint8], at: int, end: int) -> int:
    """Place of the next line end in ``data[at:end]``, or -1."""
    while at < end:
        word = load64(data, at) ^ _NEWLINES
        if (word - _ONES) & ~word & _TOPS != _NONE:
            for i in range(8):
                if at + i < end and data[at + i] == 10:
                    return at + i
        at += 8
    return -1


@compiled
def no_newline(data: NDArray[np.uint8], at: int, end: int) -> bool:
    """Whether ``data[at:end]`` holds no line end."""
    seen = _NONE
    while at + 8 <= end:
        word = load64(data, at) ^ _NEWLINES
        seen |= (word - _ONES) & ~word & _TOPS
        at += 8
    while at < end:
        if data[at] == 10:
            return False
        at += 1
    return seen == _NONE


@compiled
def line_end(data: NDArray[np.uint8], at: int, end: int, guess: int) -> int:
    """Line end of a line that begins at ``at`` and is probably ``guess`` long, or -1."""
    if at + guess < end and data[at + guess] == 10 and no_newline(data, at, at + guess):
        return at + guess
    return find_newline(data, at, end)


@compiled
def parse(data: NDArray[np.uint8], at: int, end: int, state: NDArray[np.int64]) -> bool:
    """Find the parts of the record at ``at``; False when it is not whole or (``state[ERROR]``) not FASTQ."""
    if at >= end:
        return False
    if data[at] != 64:
        state[ERROR] = NO_AT
        return False
    head_end = find_newline(data, at, end)
    if head_end < 0:
        return False
    bases = head_end + 1
    bases_end = line_end(data, bases, end, state[GUESS])
    if bases_end < 0 or bases_end + 1 >= end:
        return False
    plus = bases_end + 1
    if data[plus] != 43:
        state[ERROR] = NO_PLUS
        return False
    plus_end = plus + 1 if plus + 1 < end and data[plus + 1] == 10 else find_newline(data, plus, end)
    if plus_end < 0:
        return False
    quality = plus_end + 1
    quality_end = line_end(data, quality, end, bases_end - bases)
    if quality_end < 0:
        return False
    state[GUESS] = bases_end - bases
    length = bases_end - bases
    if length and data[bases_end - 1] == 13:
        length -= 1
    scores = quality_end - quality
    if scores and data[quality_end - 1] == 13:
        scores -= 1
    if scores != length:
        state[ERROR] = UNEQUAL
        return False
    state[HEAD], state[BASES_AT], state[LENGTH], state[QUALITY_AT], state[NEXT] = at, bases, length, quality, quality_end + 1
    return True


@compiled
def blank(letter: int) -> bool:
    """Whether a letter ends a read's name."""
    return letter in (32, 9, 10, 13)


@compiled
def same_name(one: NDArray[np.uint8], a: int, two: NDArray[np.uint8], b: int) -> bool:
    """Whether two headers name one template: equal up to the first blank, or but for ``/1`` and ``/2``."""
    at = 0
    while load64(one, a + at) == load64(two, b + at):
        word = load64(one, a + at) ^ _NEWLINES
        if (word - _ONES) & ~word & _TOPS != _NONE:
            break
        at += 8
    while one[a + at] == two[b + at]:
        if blank(one[a + at]):
            return True
        at += 1
    if blank(one[a + at]) and blank(two[b + at]):
        return True
    for i in range(at):
        if blank(one[a + at - 1 - i]):
            return True
    first, second = one[a + at], two[b + at]
    digits = 49 <= first <= 50 and 49 <= second <= 50
    return digits and at > 0 and one[a + at - 1] == 47 and blank(one[a + at + 1]) and blank(two[b + at + 1])


@compiled
def count(
    data: NDArray[np.uint8], state: NDArray[np.int64], sampled: bool,
    counts: NDArray[np.int64], lengths: NDArray[np.int64], qualities: NDArray[np.int64],
) -> None:  # fmt: skip
    """Count the record parsed last."""
    length = state[LENGTH]
    counts[READS] += 1
    counts[UNMAPPEDS] += 1
    counts[BASES] += length
    lengths[length if length < LONGEST else LONGEST] += 1
    if sampled:
        quality = state[QUALITY_AT]
        for i in range(length):
            score = signed(data[quality + i]) - 33
            qualities[score if score > 0 else 0] += 1


@compiled
def walk(
    one: NDArray[np.uint8],
    at: int,
    end: int,
    two: NDArray[np.uint8],
    second_end: int,
    mode: int,
    state: NDArray[np.int64],
    hits: NDArray[np.int64],
    counts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    qualities: NDArray[np.int64],
    shift: np.uint64,
    bitmap: NDArray[np.uint64],
    slot_shift: np.uint32,
    slot_keys: NDArray[np.uint32],
    slot_rows: NDArray[np.int32],
    places: NDArray[np.int32],
    last: NDArray[np.bool_],
    text: NDArray[np.uint8],
) -> int:
    """Walk the whole records (pairs) of ``one[at:end]`` and, for two files, of ``two`` up to ``second_end``.

    Returns where the first record of ``one`` begins that was not taken; ``state[SECOND_AT]`` is the same for ``two``.
    A candidate's row in ``hits`` has start and end of its record and of its mate's (-1 without).
    """
    while True:
        if state[HITS] >= len(hits) or not parse(one, at, end, state):
            return at
        head_1, bases_1, length_1, quality_1, next_1 = state[HEAD], state[BASES_AT], state[LENGTH], state[QUALITY_AT], state[NEXT]
        sampled = state[RECORDS] & 63 == 0
        head_2 = bases_2 = length_2 = next_2 = -1
        if mode != SINGLE:
            if mode == TWO:
                if not parse(two, state[SECOND_AT], second_end, state):
                    return at
                same = same_name(one, head_1, two, state[HEAD])
            else:
                if not parse(one, next_1, end, state):
                    return at
                same = same_name(one, head_1, one, state[HEAD])
            if not same:
                state[ERROR] = NAMES_DIFFER
                return at
            head_2, bases_2, length_2, next_2 = state[HEAD], state[BASES_AT], state[LENGTH], state[NEXT]
            count(two if mode == TWO else one, state, sampled, counts, lengths, qualities)
            state[HEAD], state[BASES_AT], state[LENGTH], state[QUALITY_AT], state[NEXT] = (
                head_1,
                bases_1,
                length_1,
                quality_1,
                next_1,
            )
        count(one, state, sampled, counts, lengths, qualities)
        state[RECORDS] += 1
        hit = False
        for mate in range(2):
            start, length = (bases_1, length_1) if mate == 0 else (bases_2, length_2)
            data = two if mate == 1 and mode == TWO else one
            final = start + length - 16
            if length >= 16 and not hit:
                place = start
                ended = False
                while True:
                    found = probe_text(data, place, final, shift, bitmap)
                    if found < 0:
                        if ended or (length - 16) & 7 == 0:
                            break
                        ended = True
                        place = final
                        continue
                    row = text_row(data, found, slot_shift, slot_keys, slot_rows)
                    if row >= 0 and accepted_text(data, start, length, found - start, row, places, last, text):
                        hit = True
                        break
                    place = found + 8
        if hit:
            row = state[HITS]
            hits[row, 0], hits[row, 1], hits[row, 2], hits[row, 3] = head_1, next_1, head_2, next_2
            state[HITS] = row + 1
        at = next_1
        if mode == TWO:
            state[SECOND_AT] = next_2
        elif mode == INTERLEAVED:
            at = next_2
