"""Places host bases on the reference: in a window given by the mate, or by streaming the whole reference once.

General aligners need an index of 5 to 18 GB and are blind below 28 host bases beside a vector. The few candidates of a
sample need neither: their 16-mers go into one table and the reference flows past it, tested at every 8th base;
what hits is compared without gaps. Parts too short for that (12 bases and more) are found in the window where
the mate says they must be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aftercar.reads.junctions_target import UNKNOWN_BASE, Codes, encode, flip
from aftercar.reads.native import njit
from aftercar.vocab.genomes import bare_contig

WORD = 16
STRIDE = 8
#: Shortest part that is sure to contain a tested word.
STREAMED_FROM = WORD + STRIDE - 1
_WINDOW_NAME = re.compile(r"^(?P<contig>.+):(?P<start>[\d,]+)-(?P<end>[\d,]+)$")


class HostSequence(Protocol):
    """The host's bases by genome coordinates (0-based half-open), wherever they are kept."""

    def fetch(self, contig: str, start: int, end: int) -> Codes:
        """Encoded bases; unknown bases where the reference has none."""

    def blocks(self) -> Iterator[tuple[str, int, Codes]]:
        """Every stretch of the reference: contig, first coordinate, encoded bases."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of a read fits: first reference base, strand (``+``/``-``) and mismatches."""

    contig: str
    start: int
    strand: str
    mismatches: int


def genome_place(name: str, length: int | None = None) -> tuple[str, int]:
    """Contig and 0-based first coordinate of a reference sequence that may be a window.

    >>> genome_place("chr4:105000000-108000000", 3_000_001)
    ('chr4', 104999999)
    >>> genome_place("chr4")
    ('chr4', 0)
    """
    match = _WINDOW_NAME.match(name)
    if match is None:
        return name, 0
    start, end = (int(match[key].replace(",", "")) for key in ("start", "end"))
    half_open = length is not None and length == end - start
    return match["contig"], start if half_open else start - 1


class MemoryHost:
    """A host held in memory; names may be windows (``chr4:1,000-2,000``), with and without ``chr``."""

    def __init__(self, sequences: Mapping[str, Codes | str | npt.NDArray[np.uint8]]) -> None:
        self._stretches: dict[str, list[tuple[int, Codes]]] = {}
        self._names: dict[str, str] = {}
        for name, bases in sequences.items():
            codes = encode(bases) if isinstance(bases, str) else np.asarray(bases, np.uint8)
            contig, start = genome_place(name, len(codes))
            key = bare_contig(contig)
            self._names.setdefault(key, contig)
            self._stretches.setdefault(key, []).append((start, codes))

    def fetch(self, contig: str, start: int, end: int) -> Codes:
        """See :class:`HostSequence`."""
        out = np.full(max(0, end - start), UNKNOWN_BASE, np.uint8)
        for first, codes in self._stretches.get(bare_contig(contig), ()):
            low, high = max(start, first), min(end, first + len(codes))
            if low < high:
                out[low - start : high - start] = codes[low - first : high - first]
        return out

    def blocks(self) -> Iterator[tuple[str, int, Codes]]:
        """See :class:`HostSequence`."""
        for key, stretches in self._stretches.items():
            for first, codes in stretches:
                yield self._names[key], first, codes


def allowed_mismatches(length: int) -> int:
    """Mismatches that a placed part may have: 1 to 19 bases one, then one more for every 20 bases."""
    return 1 + length // 20


def in_window(part: Codes, host: HostSequence, contig: str, start: int, end: int, strand: str) -> list[Place]:
    """Best ungapped places of ``part`` on one strand that lie wholly in the window; ties are all given.

    A part of up to 15 bases must fit exactly; a longer one may have :func:`allowed_mismatches`.
    """
    size = len(part)
    window = host.fetch(contig, max(0, start), end)
    if len(window) < size or size == 0:
        return []
    wanted = part if strand == "+" else flip(part)
    views = np.lib.stride_tricks.sliding_window_view(window, size)
    wrong = (views != wanted).sum(axis=1)
    least = int(wrong.min())
    if least > (0 if size < 16 else allowed_mismatches(size)):
        return []
    return [Place(contig, max(0, start) + int(at), strand, least) for at in np.flatnonzero(wrong == least)]


@njit(nogil=True)
def _low_complexity(word: int) -> bool:
    """One base or two alternating bases only."""
    return word == (((word >> 4) | ((word & 15) << 28)) & 0xFFFFFFFF)


@njit(nogil=True)
def _postings(
    parts: Codes, offsets: npt.NDArray[np.int64], size_bits: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Open-addressing table of all words: keys, first posting, then for each posting its part, offset and successor."""
    slots = 1 << size_bits
    keys = np.full(slots, -1, np.int64)
    first = np.full(slots, -1, np.int64)
    part_of = np.empty(len(parts), np.int64)
    offset_of = np.empty(len(parts), np.int64)
    after = np.empty(len(parts), np.int64)
    count = 0
    for p in range(len(offsets) - 1):
        word = 0
        run = 0
        for i in range(offsets[p], offsets[p + 1]):
            if parts[i] > 3:
                run = 0
                word = 0
                continue
            word = ((word << 2) | parts[i]) & 0xFFFFFFFF
            run += 1
            if run < 16 or _low_complexity(word):
                continue
            slot = (word * 0x9E3779B1 >> 7) & (slots - 1)
            while keys[slot] != -1 and keys[slot] != word:
                slot = (slot + 1) & (slots - 1)
            keys[slot] = word
            part_of[count] = p
            offset_of[count] = i - 15 - offsets[p]
            after[count] = first[slot]
            first[slot] = count
            count += 1
    return keys, first, part_of[:count], offset_of[:count], after[:count]


@njit(nogil=True)
def _stream(
    host: Codes,
    parts: Codes,
    offsets: npt.NDArray[np.int64],
    allowed: npt.NDArray[np.int64],
    keys: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    part_of: npt.NDArray[np.int64],
    offset_of: npt.NDArray[np.int64],
    after: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    cap: int,
    tries: npt.NDArray[np.int64],
    most_tries: int,
) -> list[tuple[int, int, int]]:
    """Places (part, start in this block, mismatches) of all parts in one block of the host."""
    found = [(0, 0, 0) for _ in range(0)]
    slots = len(keys)
    last = np.full(len(offsets) - 1, -(1 << 60), np.int64)
    word = 0
    run = 0
    for g in range(len(host)):
        if host[g] > 3:
            run = 0
            word = 0
            continue
        word = ((word << 2) | host[g]) & 0xFFFFFFFF
        run += 1
        if run < 16 or g & 7 != 7:
            continue
        slot = (word * 0x9E3779B1 >> 7) & (slots - 1)
        while keys[slot] != -1 and keys[slot] != word:
            slot = (slot + 1) & (slots - 1)
        if keys[slot] != word:
            continue
        posting = first[slot]
        while posting != -1:
            p = part_of[posting]
            start = g - 15 - offset_of[posting]
            posting = after[posting]
            if start == last[p] or counts[p] >= cap or tries[p] >= most_tries:
                continue
            last[p] = start
            tries[p] += 1
            size = offsets[p + 1] - offsets[p]
            if start < 0 or start + size > len(host):
                continue
            wrong = 0
            base = offsets[p]
            for i in range(size):
                if parts[base + i] != host[start + i]:
                    wrong += 1
                    if wrong > allowed[p]:
                        break
            if wrong <= allowed[p]:
                found.append((p, start, wrong))
                counts[p] += 1
    return found


@dataclass(frozen=True, slots=True)
class Places:
    """Places of one part, best first; ``complete`` is False when there are more than were kept."""

    found: tuple[Place, ...]
    complete: bool

    def near_best(self, more: int = 1) -> list[Place]:
        """Those with at most ``more`` mismatches beyond the best."""
        return [place for place in self.found if place.mismatches <= self.found[0].mismatches + more]


def stream(parts: Sequence[Codes], host: HostSequence, *, cap: int = 200, most_tries: int = 200_000) -> list[Places]:
    """All ungapped places of each part, found in one pass over the host.

    Args:
        parts: encoded host parts; those under 23 bases may be missed, those under 16 are.
        host: what to search.
        cap: places kept for one part and strand (repeats have more; the list is then long enough to say so).
        most_tries: comparisons made for one part and strand before it is given up as a repeat.
    """
    results: list[list[Place]] = [[] for _ in parts]
    if not parts:
        return []
    oriented = [codes for part in parts for codes in (part, flip(part))]
    offsets = np.zeros(len(oriented) + 1, np.int64)
    np.cumsum([len(codes) for codes in oriented], out=offsets[1:])
    joined = np.concatenate(oriented)
    allowed = np.array([allowed_mismatches(len(codes)) for codes in oriented], np.int64)
    bits = max(10, len(joined).bit_length() + 1)
    table = _postings(joined, offsets, bits)
    counts, tries = np.zeros(len(oriented), np.int64), np.zeros(len(oriented), np.int64)
    for contig, first, codes in host.blocks():
        for p, start, wrong in _stream(codes, joined, offsets, allowed, *table, counts, cap, tries, most_tries):
            results[p // 2].append(Place(contig, first + start, "+-"[p % 2], wrong))
    full = (counts >= cap) | (tries >= most_tries)
    return [
        Places(tuple(sorted(dict.fromkeys(places), key=lambda place: place.mismatches)), not full[2 * i : 2 * i + 2].any())
        for i, places in enumerate(results)
    ]
