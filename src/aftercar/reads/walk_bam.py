"""The compiled walk over BAM records in inflated blocks: counts every read, finds the candidates.

The walk trusts nothing: a record's stated sizes must fit into the record and the record into the buffer before a base is
looked at (SAM specification, section 4.2). The probing loops are written into the walk, since a call for every read
would cost more than the probing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aftercar.reads.kernels import accepted_nibbles, any_nibbles, last_nibbles, last_probe, nibble_row, probe_nibbles
from aftercar.reads.native import compiled, load64, signed
from aftercar.reads.tally import (
    BASES,
    CLIPPED,
    DUPLICATES,
    LONGEST,
    PROPERS,
    QC_FAILS,
    READS,
    SECONDARIES,
    SUPPLEMENTARIES,
    SURE,
    UNMAPPEDS,
    WIDOWED,
    WINDOW,
)

#: Why a walk stopped, in ``state[ERROR]``.
FINE, BAD_SIZE, BAD_NAME, BAD_PARTS, BAD_CONTIG = range(5)
#: Places of ``state``: records so far, hits so far, error, lowest and highest place key of this call.
RECORDS, HITS, ERROR, LOWEST, HIGHEST = range(5)
#: Bytes that must be readable behind the last byte of a buffer.
PAD = 16
_FIXED = 32
_HUGE = 1 << 29
_LOW32 = np.uint64(0xFFFFFFFF)


@compiled
def place_key(contig: int, position: int) -> int:
    """Contig and position as one number that sorts as a sorted BAM does (unplaced reads last)."""
    return ((contig if contig >= 0 else 0x7FFFFFF) << 32) + position + 1


@compiled
def count_depth(
    data: NDArray[np.uint8], cigar: int, operations: int, contig: int, position: int,
    windows: NDArray[np.int64], offsets: NDArray[np.int64],
) -> bool:  # fmt: skip
    """Add a record's aligned bases to the depth windows; returns whether it has a soft clip of 16 or more bases."""
    clipped = False
    offset, final = offsets[contig], offsets[contig + 1] - 1
    for i in range(operations):
        word = load64(data, cigar + 4 * i) & _LOW32
        operation, size = signed(word & np.uint64(15)), signed(word >> np.uint64(4))
        if operation in (0, 7, 8):
            stop = position + size
            while position < stop:
                window = position // WINDOW
                edge = (window + 1) * WINDOW
                if edge > stop:
                    edge = stop
                row = offset + window
                windows[final if row > final else (offset if row < offset else row)] += edge - position
                position = edge
        elif operation in (2, 3):
            position += size
        elif operation == 4 and size >= 16:
            clipped = True
    return clipped


@compiled
def has_clip(data: NDArray[np.uint8], cigar: int, operations: int) -> bool:
    """Whether a record has a soft clip of 16 or more bases."""
    for i in range(operations):
        word = load64(data, cigar + 4 * i) & _LOW32
        if word & np.uint64(15) == np.uint64(4) and word >> np.uint64(4) >= np.uint64(16):
            return True
    return False


@compiled
def sample_read(data: NDArray[np.uint8], bases: int, length: int, qualities: NDArray[np.int64]) -> None:
    """Base qualities of one read of the sample.

    Args:
        qualities: four rows to be added up; neighbours count in different ones, since neighbours are mostly equal and a
            count that waits for the one before is slow.
    """
    quality = bases + ((length + 1) >> 1)
    if length and data[quality] != 255:
        for i in range(length):
            qualities[i & 3, data[quality + i]] += 1


@compiled
def walk(
    data: NDArray[np.uint8],
    at: int,
    end: int,
    contigs: int,
    state: NDArray[np.int64],
    hits: NDArray[np.int64],
    counts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    inserts: NDArray[np.int64],
    qualities: NDArray[np.int64],
    windows: NDArray[np.int64],
    doubtful: NDArray[np.int64],
    offsets: NDArray[np.int64],
    contig_reads: NDArray[np.int64],
    shift: np.uint64,
    bitmap: NDArray[np.uint64],
    slot_shift: np.uint32,
    slot_keys: NDArray[np.uint32],
    slot_rows: NDArray[np.int32],
    places: NDArray[np.int32],
    last: NDArray[np.bool_],
    text: NDArray[np.uint8],
) -> int:
    """Walk the whole records in ``data[at:end]``; returns where the first one begins that is not whole.

    Candidates' places go to ``hits`` (the walk stops early when it is full; call again). ``state`` is updated in place; with
    ``state[ERROR]`` set the returned place is that of the bad record.
    """
    number, found, error = state[RECORDS], state[HITS], FINE
    lowest, highest = state[LOWEST], state[HIGHEST]
    reads = duplicates = fails = secondaries = supplementaries = unmappeds = total = propers = clips = widowed = signed(0)
    most = len(hits)
    sampled = np.zeros((4, 256), np.int64)
    while at + 4 <= end:
        size = signed(load64(data, at) & _LOW32)
        if size < _FIXED or size > _HUGE:
            error = BAD_SIZE
            break
        if at + 4 + size > end or found >= most:
            break
        word = load64(data, at + 4)
        contig = signed(np.int32(word & _LOW32))
        position = signed(np.int32(word >> np.uint64(32)))
        word = load64(data, at + 12)
        name_length = signed(word & np.uint64(255))
        operations = signed((word >> np.uint64(32)) & np.uint64(0xFFFF))
        flag = signed(word >> np.uint64(48))
        length = signed(np.int32(load64(data, at + 20) & _LOW32))
        cigar = at + 4 + _FIXED + name_length
        bases = cigar + 4 * operations
        if length < 0 or bases + ((length + 1) >> 1) + length > at + 4 + size:
            error = BAD_PARTS
            break
        if name_length < 1 or data[cigar - 1] != 0:
            error = BAD_NAME
            break
        if contig < -1 or contig >= contigs:
            error = BAD_CONTIG
            break
        key = place_key(contig, position)
        lowest = key if key < lowest else lowest
        highest = key if key > highest else highest
        number += 1
        if flag & 0x900:
            if flag & 0x100:
                secondaries += 1
            else:
                supplementaries += 1
        else:
            reads += 1
            total += length
            lengths[length if length < LONGEST else LONGEST] += 1
            duplicates += (flag >> 10) & 1
            fails += (flag >> 9) & 1
            usable = flag & 0x604 == 0 and contig >= 0
            if flag & 4:
                unmappeds += 1
            else:
                propers += (flag >> 1) & 1
                widowed += (flag >> 3) & flag & 1
                if usable:
                    contig_reads[contig] += 1
                    insert = signed(np.int32(load64(data, at + 28) >> np.uint64(32)))
                    if flag & 2 and 0 < insert < len(inserts):
                        inserts[insert] += 1
                    word = load64(data, cigar) & _LOW32
                    low = offsets[contig] + position // WINDOW
                    if (
                        operations == 1
                        and word & np.uint64(15) == np.uint64(0)
                        and position >= 0
                        and position % WINDOW + signed(word >> np.uint64(4)) <= WINDOW
                        and low < offsets[contig + 1]
                    ):
                        windows[low] += signed(word >> np.uint64(4))
                    else:
                        clips += count_depth(data, cigar, operations, contig, position, windows, offsets)
                    if data[at + 13] < SURE:
                        count_depth(data, cigar, operations, contig, position, doubtful, offsets)
                else:
                    clips += has_clip(data, cigar, operations)
            if (number - 1) & 63 == 0:
                sample_read(data, bases, length, sampled)
        if length >= 16:
            steps = ((length - 16) >> 3) + 1
            step = 0
            hit = False
            maybe = any_nibbles(data, bases, steps, shift, bitmap)
            while maybe:
                step = probe_nibbles(data, bases, step, steps, shift, bitmap)
                if step < 0:
                    break
                row = nibble_row(load64(data, bases + 4 * step), slot_shift, slot_keys, slot_rows)
                if row >= 0 and accepted_nibbles(data, bases, length, 8 * step, row, places, last, text):
                    hit = True
                    break
                step += 1
            if not hit and (length - 16) & 7 and last_probe(data, bases, length, shift, bitmap):
                row = nibble_row(last_nibbles(data, bases, length), slot_shift, slot_keys, slot_rows)
                hit = row >= 0 and accepted_nibbles(data, bases, length, length - 16, row, places, last, text)
            if hit:
                hits[found] = at
                found += 1
        at += 4 + size
    state[RECORDS], state[HITS], state[ERROR], state[LOWEST], state[HIGHEST] = number, found, error, lowest, highest
    qualities += sampled.sum(axis=0)
    counts[READS] += reads
    counts[DUPLICATES] += duplicates
    counts[QC_FAILS] += fails
    counts[SECONDARIES] += secondaries
    counts[SUPPLEMENTARIES] += supplementaries
    counts[UNMAPPEDS] += unmappeds
    counts[BASES] += total
    counts[PROPERS] += propers
    counts[CLIPPED] += clips
    counts[WIDOWED] += widowed
    return at


@compiled
def name_hash(data: NDArray[np.uint8], start: int, length: int) -> np.uint64:
    """A 64-bit hash of a read's name."""
    value = np.uint64(0xCBF29CE484222325)
    for i in range(length):
        value = (value ^ np.uint64(data[start + i])) * np.uint64(0x100000001B3)
    return value


@compiled
def walk_names(
    data: NDArray[np.uint8], at: int, end: int, wanted: NDArray[np.uint64], hits: NDArray[np.int64], state: NDArray[np.int64]
) -> int:
    """Places of the records whose name's hash is in ``wanted`` (ascending); the rest as in :func:`walk`."""
    while at + 4 <= end:
        size = signed(load64(data, at) & _LOW32)
        if size < _FIXED or size > _HUGE:
            state[ERROR] = BAD_SIZE
            return at
        if at + 4 + size > end or state[HITS] >= len(hits):
            return at
        length = signed(data[at + 12])
        if length < 1 or _FIXED + length > size:
            state[ERROR] = BAD_NAME
            return at
        value = name_hash(data, at + 36, length - 1)
        place = np.searchsorted(wanted, value)
        if place < len(wanted) and wanted[place] == value:
            hits[state[HITS]] = at
            state[HITS] += 1
        at += 4 + size
    return at
