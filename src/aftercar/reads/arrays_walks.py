"""The walks over BAM records and FASTQ text as whole-array NumPy; see :mod:`aftercar.reads.arrays`.

Arguments, results and everything counted are those of :func:`aftercar.reads.walk_bam.walk`,
:func:`aftercar.reads.walk_bam.walk_names` and :func:`aftercar.reads.walk_fastq.walk`.
"""

from __future__ import annotations

import re
import struct

import numpy as np
from numpy.typing import NDArray

from aftercar.reads import tally, walk_bam, walk_fastq
from aftercar.reads.arrays import Bytes, Places, Tables, candidates_nibbles, candidates_text, words_of

_HEAD = np.dtype(
    [
        ("size", "<u4"), ("contig", "<i4"), ("position", "<i4"), ("name", "u1"), ("mapping", "u1"), ("bin", "<u2"),
        ("operations", "<u2"), ("flag", "<u2"), ("length", "<i4"), ("mate", "<i4"), ("mate_position", "<i4"), ("insert", "<i4"),
    ]
)  # fmt: skip
_SIZE = struct.Struct("<I")
_FIXED, _HUGE = 32, 1 << 29
_BLANK = re.compile(rb"[ \t\r\n]")


def _records(data: Bytes, at: int, end: int) -> tuple[list[int], int, bool]:
    """Starts of the whole records in ``data[at:end]``, where the next one begins, and whether it states a bad size."""
    starts: list[int] = []
    read, view = _SIZE.unpack_from, data.data
    while at + 4 <= end:
        size = read(view, at)[0]
        if size < _FIXED or size > _HUGE:
            return starts, at, True
        if at + 4 + size > end:
            break
        starts.append(at)
        at += 4 + size
    return starts, at, False


def bam(
    data: Bytes, at: int, end: int, contigs: int, state: Places, hits: Places, counts: Places, lengths: Places,
    inserts: Places, qualities: Places, windows: Places, doubtful: Places, offsets: Places, contig_reads: Places,
    *tables: object,
) -> int:  # fmt: skip
    """:func:`aftercar.reads.walk_bam.walk`."""
    found = int(state[walk_bam.HITS])
    listed, stop, bad_size = _records(data, at, end)
    if found >= len(hits) or not listed:
        state[walk_bam.ERROR] = walk_bam.BAD_SIZE if bad_size else walk_bam.FINE
        return stop if not listed else at
    starts = np.array(listed, np.int64)
    head = np.ascontiguousarray(data[starts[:, None] + np.arange(_HEAD.itemsize)]).view(_HEAD)[:, 0]
    cigar = starts + 36 + head["name"]
    bases = cigar + 4 * head["operations"].astype(np.int64)
    length = head["length"].astype(np.int64)
    wrong = np.full(len(starts), walk_bam.FINE)
    wrong[(head["contig"] < -1) | (head["contig"] >= contigs)] = walk_bam.BAD_CONTIG
    wrong[(head["name"] < 1) | (data[np.minimum(cigar - 1, len(data) - 1)] != 0)] = walk_bam.BAD_NAME
    wrong[(length < 0) | (bases + ((length + 1) >> 1) + length > starts + 4 + head["size"])] = walk_bam.BAD_PARTS
    error = walk_bam.BAD_SIZE if bad_size else walk_bam.FINE
    count = len(starts)
    if wrong.any():
        count = int((wrong != walk_bam.FINE).argmax())
        error, stop = int(wrong[count]), listed[count]
    hit = np.flatnonzero(candidates_nibbles(data, bases[:count], length[:count], Tables(*tables)))  # type: ignore[arg-type]
    room = len(hits) - found
    if len(hit) >= room:
        hit = hit[:room]
        if hit[-1] + 1 < count:
            count, error = int(hit[-1]) + 1, walk_bam.FINE
            stop = listed[count]
    hits[found : found + len(hit)] = starts[hit]
    first = int(state[walk_bam.RECORDS])
    head, bases, length, cigar = head[:count], bases[:count], length[:count], cigar[:count]
    if count:
        contig = head["contig"].astype(np.int64)
        keys = (np.where(contig >= 0, contig, 0x7FFFFFF) << 32) + head["position"] + 1
        state[walk_bam.LOWEST] = min(int(state[walk_bam.LOWEST]), int(keys.min()))
        state[walk_bam.HIGHEST] = max(int(state[walk_bam.HIGHEST]), int(keys.max()))
    state[walk_bam.RECORDS], state[walk_bam.HITS], state[walk_bam.ERROR] = first + count, found + len(hit), error
    flag = head["flag"].astype(np.int64)
    primary = flag & 0x900 == 0
    mapped = primary & (flag & 4 == 0)
    usable = mapped & (flag & 0x604 == 0) & (head["contig"] >= 0)
    for place, chosen in (
        (tally.READS, primary), (tally.DUPLICATES, primary & (flag & 0x400 > 0)), (tally.QC_FAILS, primary & (flag & 0x200 > 0)),
        (tally.SECONDARIES, flag & 0x100 > 0), (tally.SUPPLEMENTARIES, flag & 0x900 == 0x800),
        (tally.UNMAPPEDS, primary & (flag & 4 > 0)), (tally.PROPERS, mapped & (flag & 2 > 0)),
        (tally.WIDOWED, mapped & (flag & 9 == 9)),
    ):  # fmt: skip
        counts[place] += np.count_nonzero(chosen)
    counts[tally.BASES] += length[primary].sum()
    np.add.at(lengths, np.minimum(length[primary], tally.LONGEST), 1)
    np.add.at(contig_reads, head["contig"][usable], 1)
    insert = head["insert"][usable & (flag & 2 > 0)]
    np.add.at(inserts, insert[(insert > 0) & (insert < len(inserts))], 1)
    counts[tally.CLIPPED] += _cigars(data, cigar, head, mapped, usable, windows, offsets)
    _cigars(data, cigar, head, mapped, usable & (head["mapping"] < tally.SURE), doubtful, offsets)
    for i in np.flatnonzero(primary & ((first + np.arange(count)) & 63 == 0)).tolist():
        _sample(data, int(bases[i]), int(length[i]), qualities)
    return stop


def _sample(data: Bytes, bases: int, length: int, qualities: Places) -> None:
    at = bases + (length + 1) // 2
    if length and data[at] != 255:
        qualities += np.bincount(data[at : at + length], minlength=256)


def _cigars(
    data: Bytes, cigar: Places, head: NDArray[np.void], mapped: NDArray[np.bool_], usable: NDArray[np.bool_],
    windows: Places, offsets: Places,
) -> int:  # fmt: skip
    """Add the aligned bases of usable records to the windows; returns how many mapped ones have a soft clip of 16 bases."""
    sizes = np.where(mapped, head["operations"], 0).astype(np.int64)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    if not len(owner):
        return 0
    before = np.cumsum(sizes) - sizes
    word = words_of(data, 4)[cigar[owner] + 4 * (np.arange(len(owner)) - before[owner])].astype(np.int64)
    kind, size = word & 15, word >> 4
    clipped = np.unique(owner[(kind == 4) & (size >= 16)])
    consumed = np.where(np.isin(kind, (0, 2, 3, 7, 8)), size, 0)
    along = np.cumsum(consumed) - consumed
    start = head["position"][owner] + along - along[before[owner]]
    chosen = np.flatnonzero(np.isin(kind, (0, 7, 8)) & (size > 0) & usable[owner])
    start, stop, contig = start[chosen], (start + size)[chosen], head["contig"][owner[chosen]]
    low = start // tally.WINDOW
    pieces = (stop - 1) // tally.WINDOW - low + 1
    part = np.repeat(np.arange(len(start)), pieces)
    window = low[part] + np.arange(len(part)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    covered = np.minimum(stop[part], (window + 1) * tally.WINDOW) - np.maximum(start[part], window * tally.WINDOW)
    rows = np.clip(offsets[contig[part]] + window, offsets[contig[part]], offsets[contig[part] + 1] - 1)
    np.add.at(windows, rows, covered)
    return len(clipped)


def name_hash(data: Bytes, start: int, length: int) -> int:
    """:func:`aftercar.reads.walk_bam.name_hash`."""
    value = 0xCBF29CE484222325
    for letter in data[start : start + length].tolist():
        value = ((value ^ letter) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def names(data: Bytes, at: int, end: int, wanted: NDArray[np.uint64], hits: Places, state: Places) -> int:
    """:func:`aftercar.reads.walk_bam.walk_names`."""
    found = int(state[walk_bam.HITS])
    listed, stop, bad_size = _records(data, at, end)
    error = walk_bam.BAD_SIZE if bad_size else walk_bam.FINE
    starts = np.array(listed, np.int64)
    size = data[starts + 12].astype(np.int64)
    total = words_of(data, 4)[starts].astype(np.int64)
    wrong = np.flatnonzero((size < 1) | (_FIXED + size > total))
    if len(wrong):
        error, stop = walk_bam.BAD_NAME, listed[wrong[0]]
        starts, size = starts[: wrong[0]], size[: wrong[0]]
    value = np.full(len(starts), 0xCBF29CE484222325, np.uint64)
    for i in range(int(size.max(initial=1)) - 1):
        longer = np.flatnonzero(size - 1 > i)
        value[longer] = (value[longer] ^ data[starts[longer] + 36 + i]) * np.uint64(0x100000001B3)
    hit = np.flatnonzero(np.isin(value, wanted))
    room = len(hits) - found
    if len(hit) >= room:
        hit = hit[:room]
        after = int(hit[-1]) + 1 if room else 0
        if after < len(starts):
            error, stop = walk_bam.FINE, int(starts[after])
    hits[found : found + len(hit)] = starts[hit]
    state[walk_bam.HITS] = found + len(hit)
    if error:
        state[walk_bam.ERROR] = error
    return stop


class _Lines:
    """The whole records of a FASTQ text: where their parts stand, and what is wrong with each."""

    def __init__(self, data: Bytes, at: int, end: int) -> None:
        line_ends = at + np.flatnonzero(data[at:end] == 10)
        ends = line_ends[: len(line_ends) // 4 * 4].reshape(-1, 4)
        self.data = data
        self.head = np.concatenate(([at], ends[:, 3] + 1))[: len(ends)].astype(np.int64)
        self.next = ends[:, 3] + 1
        self.bases, plus, self.quality = ends[:, 0] + 1, ends[:, 1] + 1, ends[:, 2] + 1
        self.length = self._size(self.bases, ends[:, 1])
        self.wrong = np.full(len(ends), walk_fastq.FINE)
        self.wrong[self._size(self.quality, ends[:, 3]) != self.length] = walk_fastq.UNEQUAL
        self.wrong[data[plus] != 43] = walk_fastq.NO_PLUS
        self.wrong[data[self.head] != 64] = walk_fastq.NO_AT
        self.rest = int(self.next[-1]) if len(ends) else at
        self.rest_wrong = walk_fastq.NO_AT if self.rest < end and data[self.rest] != 64 else walk_fastq.FINE

    def __len__(self) -> int:
        return len(self.head)

    def _size(self, start: Places, end: Places) -> Places:
        """Lengths of lines without the carriage return before their end."""
        return end - start - ((end > start) & (self.data[end - 1] == 13))

    def take(self, chosen: slice) -> _Lines:
        """Some of the records."""
        part = object.__new__(_Lines)
        part.data = self.data
        for name in ("head", "next", "bases", "quality", "length", "wrong"):
            setattr(part, name, getattr(self, name)[chosen])
        part.rest, part.rest_wrong = self.rest, self.rest_wrong
        return part


def fastq(
    one: Bytes, at: int, end: int, two: Bytes, second_end: int, mode: int, state: Places, hits: Places,
    counts: Places, lengths: Places, qualities: Places, *tables: object,
) -> int:  # fmt: skip
    """:func:`aftercar.reads.walk_fastq.walk`."""
    found = int(state[walk_fastq.HITS])
    if found >= len(hits):
        return at
    sides = [_Lines(one, at, end)]
    if mode == walk_fastq.TWO:
        sides.append(_Lines(two, int(state[walk_fastq.SECOND_AT]), second_end))
    elif mode == walk_fastq.INTERLEAVED:
        whole = sides[0]
        sides = [whole.take(slice(0, 2 * (len(whole) // 2), 2)), whole.take(slice(1, None, 2))]
        if len(whole) % 2:
            sides[0].rest = int(whole.head[-1])
            sides[0].rest_wrong = int(whole.wrong[-1]) or whole.rest_wrong
    count = min(len(side) for side in sides)
    wrong = sides[0].wrong[:count]
    error = sides[0].rest_wrong if count == len(sides[0]) else int(sides[0].wrong[count])
    if len(sides) > 1:
        if mode == walk_fastq.TWO and not error and count < len(sides[0]):
            error = sides[1].rest_wrong
        other = np.where(sides[1].wrong[:count] != 0, sides[1].wrong[:count], _different(sides[0], sides[1], count))
        wrong = np.where(wrong != 0, wrong, other)
    if wrong.any():
        count = int((wrong != walk_fastq.FINE).argmax())
        error = int(wrong[count])
    hit = np.zeros(count, np.bool_)
    for side in sides:
        hit |= candidates_text(side.data, side.bases[:count], side.length[:count], Tables(*tables))  # type: ignore[arg-type]
    rows = np.flatnonzero(hit)
    room = len(hits) - found
    if len(rows) >= room:
        rows = rows[:room]
        count, error = int(rows[-1]) + 1, walk_fastq.FINE
    for number, side in enumerate(sides):
        hits[found : found + len(rows), 2 * number] = side.head[rows]
        hits[found : found + len(rows), 2 * number + 1] = side.next[rows]
        _count(side, count, int(state[walk_fastq.RECORDS]), counts, lengths, qualities)
    if len(sides) == 1:
        hits[found : found + len(rows), 2:] = -1
    state[walk_fastq.RECORDS] += count
    state[walk_fastq.HITS], state[walk_fastq.ERROR] = found + len(rows), error
    if mode == walk_fastq.TWO and count:
        state[walk_fastq.SECOND_AT] = sides[1].next[count - 1]
    return int(sides[-1 if mode == walk_fastq.INTERLEAVED else 0].next[count - 1]) if count else at


def _count(side: _Lines, count: int, first: int, counts: Places, lengths: Places, qualities: Places) -> None:
    size = side.length[:count]
    counts[tally.READS] += count
    counts[tally.UNMAPPEDS] += count
    counts[tally.BASES] += size.sum()
    np.add.at(lengths, np.minimum(size, tally.LONGEST), 1)
    for i in range(-first % 64, count, 64):
        at = int(side.quality[i])
        scores = side.data[at : at + int(size[i])].astype(np.int64) - 33
        qualities += np.bincount(np.maximum(scores, 0), minlength=256)


def _different(one: _Lines, two: _Lines, count: int) -> Places:
    """``NAMES_DIFFER`` where two records are not of one template, else 0."""
    columns = np.arange(64)
    a = one.data[np.minimum(one.head[:count, None] + columns, len(one.data) - 1)]
    b = two.data[np.minimum(two.head[:count, None] + columns, len(two.data) - 1)]
    blank = (a == 32) | (a == 10) | (a == 9) | (a == 13)
    differ = a != b
    # Equal up to and with the first blank: one name. All else is looked at letter by letter.
    sure = blank.any(axis=1) & (np.where(differ.any(axis=1), differ.argmax(axis=1), 64) > blank.argmax(axis=1))
    result = np.zeros(count, np.int64)
    for i in np.flatnonzero(~sure).tolist():
        first = _name(one.data, int(one.head[i]), int(one.bases[i]))
        second = _name(two.data, int(two.head[i]), int(two.bases[i]))
        mates = first[:-1] == second[:-1] and first[-2:] in (b"/1", b"/2") and second[-2:] in (b"/1", b"/2")
        result[i] = 0 if first == second or mates else walk_fastq.NAMES_DIFFER
    return result


def _name(data: Bytes, start: int, end: int) -> bytes:
    return _BLANK.split(data[start:end].tobytes(), maxsplit=1)[0]
