"""The screen's searches as whole-array NumPy: what does the work where numba is missing, and a second oracle of the kernels.

Every tested place of a block is hashed at once; the few that pass both bits of the bitmap are looked up exactly, and only
those are followed base by base in Python. Arguments and results are those of the compiled forms, see
:mod:`aftercar.reads.kernels`, :mod:`aftercar.reads.walk_text` and :func:`aftercar.reads.shared.mark`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aftercar.reads.kernels import NIBBLE_CODES
from aftercar.reads.seeds import EMPTY, NIBBLE, SECOND, SLOT, TEXT_1, TEXT_2
from aftercar.reads.vector_index import CODES, MIN_SCORE, SEED, STRIDE, extend, is_simple
from aftercar.reads.walk_text import LOOSE_SCORE

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
_UPPER = np.uint64(0xDFDFDFDFDFDFDFDF)
_LOW_HALVES = np.uint64(0x0F0F0F0F0F0F0F0F)
#: Tested places at a time, so that memory stays bounded on long text.
_CHUNK = 1 << 18


class Tables(NamedTuple):
    """The tables of :class:`~aftercar.reads.seeds.Seeds` in the order in which the kernels take them."""

    shift: np.uint64
    bitmap: NDArray[np.uint64]
    slot_shift: np.uint32
    slot_keys: NDArray[np.uint32]
    slot_rows: NDArray[np.int32]
    places: NDArray[np.int32]
    last: NDArray[np.bool_]
    text: Bytes


def words_of(data: Bytes, size: int = 8) -> NDArray[np.uint64]:
    """The little-endian number of ``size`` bytes that begins at each byte, as a view."""
    count = max(0, len(data) - size + 1)
    view: NDArray[np.uint64] = np.ndarray((count,), np.dtype(f"<u{size}"), np.ascontiguousarray(data), strides=(1,))
    return view


def maybe(mixed: NDArray[np.uint64], tables: Tables) -> NDArray[np.bool_]:
    """Which hashes have both their bits set in the bitmap."""
    low = np.uint64(63)
    address = mixed >> tables.shift
    word = tables.bitmap[(address >> np.uint64(6)).astype(np.intp)]
    both = (word >> (address & low)) & (word >> ((mixed >> np.uint64(SECOND)) & low))
    return (both & np.uint64(1)).astype(np.bool_)


def rows_of(keys: NDArray[np.uint32], tables: Tables) -> Places:
    """First row of each key in the places, -1 for keys that the vector does not have."""
    rows = np.full(len(keys), -1, np.int64)
    slots = ((keys * np.uint32(SLOT)) >> tables.slot_shift).astype(np.int64)
    left = np.arange(len(keys))
    while len(left):
        here = tables.slot_rows[slots[left]]
        same = (here != EMPTY) & (tables.slot_keys[slots[left]] == keys[left])
        rows[left[same]] = here[same]
        left = left[(here != EMPTY) & ~same]
        slots[left] = (slots[left] + 1) % len(tables.slot_keys)
    return rows


def packed(codes: Bytes) -> NDArray[np.uint32]:
    """Rows of 16 codes as 32-bit keys, the first base highest."""
    keys = np.zeros(len(codes), np.uint32)
    for i in range(SEED):
        keys = (keys << np.uint32(2)) | (codes[:, i] & 3).astype(np.uint32)
    return keys


def text_seeds(data: Bytes, at: Places, tables: Tables) -> tuple[Places, Places]:
    """Which of the tested places ``at`` of a text begin a vector 16-mer, and the first row of each."""
    words = words_of(data)
    mixed = (words[at] & _UPPER) * TEXT_1 + (words[at + 8] & _UPPER) * TEXT_2
    passed = np.flatnonzero(maybe(mixed, tables))
    letters = data[at[passed][:, None] + np.arange(SEED)] & 0xDF
    rows = rows_of(packed((letters >> 1) & 3), tables)
    return passed[rows >= 0], rows[rows >= 0]


def nibble_seeds(data: Bytes, start: Places, offset: Places, tables: Tables) -> tuple[Places, Places]:
    """The same for packed bases: ``start`` is the read's first byte, ``offset`` the base where the 16-mer begins."""
    byte = start + (offset >> 1)
    words = words_of(data)[byte]
    odd = np.flatnonzero(offset & 1)
    if len(odd):
        # Every byte takes its low half from the next one's high half.
        whole, after = words[odd], data[byte[odd] + 8].astype(np.uint64)
        shifted = ((whole >> np.uint64(12)) & np.uint64(0x000F0F0F0F0F0F0F)) | ((after >> np.uint64(4)) << np.uint64(56))
        words[odd] = ((whole & _LOW_HALVES) << np.uint64(4)) | shifted
    passed = np.flatnonzero(maybe(words * NIBBLE, tables))
    pairs = np.ascontiguousarray(words[passed]).astype("<u8").view(np.uint8).reshape(-1, 8)
    codes = np.empty((len(passed), SEED), np.uint8)
    codes[:, ::2], codes[:, 1::2] = NIBBLE_CODES[pairs >> 4], NIBBLE_CODES[pairs & 15]
    rows = rows_of(packed(codes), tables)
    return passed[rows >= 0], rows[rows >= 0]


def tested(lengths: Places) -> tuple[Places, Places]:
    """Every tested 16-mer of reads of these lengths: which read, and the offset in it."""
    steps = np.maximum(0, (lengths - SEED) // STRIDE + 1)
    owner = np.repeat(np.arange(len(lengths)), steps)
    offset = STRIDE * (np.arange(len(owner)) - np.repeat(np.cumsum(steps) - steps, steps))
    ends = np.flatnonzero((lengths > SEED) & ((lengths - SEED) % STRIDE != 0))
    return np.concatenate((owner, ends)), np.concatenate((offset, lengths[ends] - SEED))


def accepted(codes: Bytes, offset: int, row: int, tables: Tables) -> bool:
    """Whether the seed at ``offset`` of a read makes it a candidate at any of the seed's places."""
    at_end = offset in (0, len(codes) - SEED)
    for place in places_of(row, tables):
        if np.array_equal(codes[offset : offset + SEED], tables.text[place : place + SEED]):
            start, end, score, _ = extend(codes, tables.text, offset, place)
            if (at_end or score >= MIN_SCORE) and not is_simple(codes[start:end]):
                return True
    return False


def places_of(row: int, tables: Tables) -> Iterator[int]:
    """Places in the text of the seed whose first row this is."""
    while True:
        yield int(tables.places[row])
        if tables.last[row]:
            return
        row += 1


def candidates_text(data: Bytes, starts: Places, lengths: Places, tables: Tables) -> NDArray[np.bool_]:
    """Which of the reads in a text are candidates."""
    owner, offset = tested(lengths)
    hit = np.zeros(len(starts), np.bool_)
    for which, row in zip(*text_seeds(data, starts[owner] + offset, tables), strict=True):
        read = owner[which]
        if not hit[read]:
            codes = CODES[data[starts[read] : starts[read] + lengths[read]]]
            hit[read] = accepted(codes, int(offset[which]), int(row), tables)
    return hit


def candidates_nibbles(data: Bytes, starts: Places, lengths: Places, tables: Tables) -> NDArray[np.bool_]:
    """Which of the reads in packed bases are candidates."""
    owner, offset = tested(lengths)
    hit = np.zeros(len(starts), np.bool_)
    for which, row in zip(*nibble_seeds(data, starts[owner], offset, tables), strict=True):
        read = owner[which]
        if not hit[read]:
            codes = nibble_codes(data, int(starts[read]), int(lengths[read]))
            hit[read] = accepted(codes, int(offset[which]), int(row), tables)
    return hit


def nibble_codes(data: Bytes, start: int, length: int) -> Bytes:
    """Codes of packed bases."""
    pairs = data[start : start + (length + 1) // 2]
    codes = np.empty(2 * len(pairs), np.uint8)
    codes[::2], codes[1::2] = NIBBLE_CODES[pairs >> 4], NIBBLE_CODES[pairs & 15]
    return codes[:length]


def any_candidate(data: Bytes, bounds: Places, *tables: object) -> bool:
    """Whether any of the pieces ``data[bounds[i, 0]:bounds[i, 1]]`` is a candidate by the rule for reads."""
    starts = bounds[:, 0].astype(np.int64)
    return bool(candidates_text(data, starts, bounds[:, 1] - starts, Tables(*tables)).any())  # type: ignore[arg-type]


def any_match(data: Bytes, *tables: object) -> bool:
    """Whether the text holds a match of score 20 anywhere; for text whose read ends are not known."""
    made = Tables(*tables)  # type: ignore[arg-type]
    for at, row in _seeds_along(data, 1, made):
        low = max(0, at - 64)
        codes = CODES[data[low : at + 80]]
        for place in places_of(row, made):
            start, end, score, _ = extend(codes, made.text, at - low, place)
            if score >= LOOSE_SCORE and not is_simple(codes[start:end]):
                return True
    return False


def mark(data: Bytes, covered: NDArray[np.bool_], *tables: object, score: int, reach: int) -> int:
    """Mark in ``covered`` what a stretch of the host matches with at least ``score``; returns at how many tested places."""
    made = Tables(*tables)  # type: ignore[arg-type]
    found = 0
    for at, row in _seeds_along(data, STRIDE, made):
        low = max(0, at - reach)
        codes = CODES[data[low : at + SEED + reach]]
        matched = False
        for place in places_of(row, made):
            start, end, best, _ = extend(codes, made.text, at - low, place)
            if best >= score and not is_simple(codes[start:end]):
                diagonal = place - (at - low)
                covered[diagonal + start : diagonal + end] = True
                matched = True
        found += matched
    return found


def _seeds_along(data: Bytes, step: int, tables: Tables) -> Iterator[tuple[int, int]]:
    """Places (every ``step`` bases) of a text that begin a vector 16-mer, and the first row of each."""
    for low in range(0, len(data) - SEED + 1, step * _CHUNK):
        at = np.arange(low, min(len(data) - SEED + 1, low + step * _CHUNK), step)
        which, rows = text_seeds(data, at, tables)
        yield from zip(at[which].tolist(), rows.tolist(), strict=True)


_EXTRA = np.array([0] * 128 + [1] * 64 + [2] * 32 + [3] * 16 + [4] * 16, np.int64)


def itf8_values(data: Bytes, values: Places) -> int:
    """Decode ITF-8 integers (CRAM specification, section 2.3) into ``values``; returns how many, -1 when the last is cut."""
    extra = _EXTRA[data]
    sizes, starts, at = extra.tolist(), [], 0
    while at < len(sizes):
        starts.append(at)
        at += sizes[at] + 1
    if at > len(sizes):
        return -1
    first = np.array(starts, np.int64)
    sort = extra[first]
    padded = np.concatenate((data, np.zeros(4, np.uint8))).astype(np.int64)
    value = np.where(sort == 4, padded[first] & 15, padded[first] & (0x7F >> sort))
    for i in range(1, 4):
        value = np.where(sort >= i, value << 8 | padded[first + i], value)
    value = np.where(sort == 4, value << 4 | (padded[first + 4] & 15), value)
    values[: len(value)] = value
    return len(value)
