"""The compiled search of bases that stand in pieces in one text: clips and unmapped reads in the blocks of a CRAM file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aftercar.reads.kernels import accepted_text, probe_text, simple, stretched, text_row
from aftercar.reads.native import compiled, signed
from aftercar.reads.vector_index import CODES

#: Score asked of text whose read ends are not known.
LOOSE_SCORE = 20
_CODES = CODES


@compiled
def any_candidate(
    data: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    shift: np.uint64,
    bitmap: NDArray[np.uint64],
    slot_shift: np.uint32,
    slot_keys: NDArray[np.uint32],
    slot_rows: NDArray[np.int32],
    places: NDArray[np.int32],
    last: NDArray[np.bool_],
    text: NDArray[np.uint8],
) -> bool:
    """Whether any of the pieces ``data[bounds[i, 0]:bounds[i, 1]]`` is a candidate by the rule for reads."""
    for i in range(len(bounds)):
        start, length = bounds[i, 0], bounds[i, 1] - bounds[i, 0]
        if length < 16:
            continue
        final = start + length - 16
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
                return True
            place = found + 8
    return False


@compiled
def any_match(
    data: NDArray[np.uint8],
    shift: np.uint64,
    bitmap: NDArray[np.uint64],
    slot_shift: np.uint32,
    slot_keys: NDArray[np.uint32],
    slot_rows: NDArray[np.int32],
    places: NDArray[np.int32],
    last: NDArray[np.bool_],
    text: NDArray[np.uint8],
) -> bool:
    """Whether the text holds a match of score 20 anywhere; for text whose read ends are not known."""
    final = len(data) - 16
    for phase in range(8):
        at = phase
        while True:
            at = probe_text(data, at, final, shift, bitmap)
            if at < 0:
                break
            row = text_row(data, at, slot_shift, slot_keys, slot_rows)
            if row >= 0:
                low = max(0, at - 64)
                codes = _CODES[data[low : min(len(data), at + 80)]]
                while True:
                    start, end, score = stretched(codes, text, at - low, signed(places[row]))
                    if score >= LOOSE_SCORE and not simple(codes, start, end):
                        return True
                    if last[row]:
                        break
                    row += 1
            at += 8
    return False


@compiled
def itf8_values(data: NDArray[np.uint8], values: NDArray[np.int64]) -> int:
    """Decode ITF-8 integers (CRAM specification, section 2.3) into ``values``; returns how many, -1 when the last is cut."""
    at = count = 0
    end = len(data)
    while at < end:
        first = signed(data[at])
        extra = 0 if first < 0x80 else 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
        if at + extra >= end:
            return -1
        if extra == 4:
            value = (first & 15) << 28 | signed(data[at + 1]) << 20 | signed(data[at + 2]) << 12 | signed(data[at + 3]) << 4
            value |= signed(data[at + 4]) & 15
        else:
            value = first & (0x7F >> extra)
            for i in range(extra):
                value = value << 8 | signed(data[at + 1 + i])
        values[count] = value
        count += 1
        at += extra + 1
    return count
