"""Placing short host ends on a genome that is streamed past them once: no aligner, no genome index.

The queries are indexed instead of the genome: non-overlapping 16-mers of both strands go into one hash table, every genome
position is looked up, and each hit is laid along its diagonal at once. The alignment has no gaps and starts at the query's
first base (the base beside the LTR, or beside the linker), so the junction is exact by construction; it ends where the score
(one for a match, minus three for a mismatch) is best. All places with a score within ``within`` of the best are kept, so
repeats come out as groups of places and not as one place by luck.

Cost: one pass over the genome whatever the number of reads, and memory for the queries only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aftercar.reads.native import njit
from aftercar.reads.trim import reverse_complement

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Piece = tuple[str, int, Bytes]

SEED = 16
MISMATCH = 3
_BITS = 24

_CODE = np.full(256, 4, dtype=np.uint8)
for _letter, _value in zip(b"ACGTacgt", (0, 1, 2, 3, 0, 1, 2, 3), strict=True):
    _CODE[_letter] = _value


@dataclass(frozen=True, slots=True)
class Places:
    """Where the queries fit; one row a place, sorted by query and falling score.

    Attributes:
        query: number of the query.
        contig: number in ``contigs``; position: 0-based place of the query's first base; forward: whether the query reads
            up the contig from there.
        score: matches minus three times mismatches of the best prefix; aligned: bases of that prefix.
        contigs: names in the order met.
        crowded: queries with more places than were kept.
    """

    query: Ints
    contig: Ints
    position: Ints
    forward: npt.NDArray[np.bool_]
    score: Ints
    aligned: Ints
    contigs: tuple[str, ...]
    crowded: frozenset[int]


def reach(queries: Sequence[bytes]) -> int:
    """Bases that genome pieces must overlap by: the longest query, twice."""
    return 2 * max((len(query) for query in queries), default=0) + SEED


def place(
    queries: Sequence[bytes],
    pieces: Iterable[Piece],
    *,
    within: int = 3,
    shortest: int = 25,
    identity: float = 0.95,
    most: int = 500,
    capacity: int = 1 << 20,
) -> Places:
    """Place every query.

    Args:
        queries: upper-case host ends of at least ``SEED`` bases, first base beside the junction or the break.
        pieces: genome as ``(contig, position of the first base, ASCII codes)``, in order, each overlapping the one before it by
            :func:`reach` bases (whole contigs are fine too).
        within: places whose score is at most so much below the best are kept.
        shortest: fewest aligned bases.
        identity: lowest share of matches among the aligned bases.
        most: places kept for one query; more make it ``crowded``.
        capacity: hits of one piece before their table is grown.

    Raises:
        ValueError: for a query shorter than ``SEED``.
    """
    if any(len(query) < SEED for query in queries):
        raise ValueError(f"a query is shorter than {SEED} bases")
    index = _Index.of(queries)
    found: list[npt.NDArray[np.int64]] = []
    counts = np.zeros(len(queries), dtype=np.int64)
    top = np.zeros(len(queries), dtype=np.int64)
    names: dict[str, int] = {}
    for name, start, codes, goes_on in _with_next(pieces):
        number = names.setdefault(name, len(names))
        # What the edge of a piece cuts short is whole in the neighbouring piece.
        edges = (start > 0, goes_on)
        hits = index.scan(codes, edges, shortest, identity, within, top, counts, most * 40, capacity)
        if hits.shape[0]:
            hits = hits.copy()
            hits[:, 1] += start
            found.append(np.column_stack([hits, np.full(hits.shape[0], number)]))
    table = np.unique(np.concatenate(found), axis=0) if found else np.zeros((0, 6), dtype=np.int64)
    table = table[table[:, 3] >= top[table[:, 0]] - within]
    table = _longest(table)
    table = table[np.lexsort((table[:, 1], table[:, 5], -table[:, 3], table[:, 0]))]
    kept, crowded = _at_most(table, most)
    crowded |= {int(q) for q in np.flatnonzero(counts >= most * 40)}
    return Places(
        kept[:, 0], kept[:, 5], kept[:, 1], kept[:, 2].astype(bool), kept[:, 3], kept[:, 4], tuple(names), frozenset(crowded)
    )


def _with_next(pieces: Iterable[Piece]) -> Iterator[tuple[str, int, Bytes, bool]]:
    """Each piece, and whether its contig goes on in the next one."""
    before: Piece | None = None
    for piece in pieces:
        if before is not None:
            yield *before, before[0] == piece[0] and piece[1] > before[1]
        before = piece
    if before is not None:
        yield *before, False


def _longest(table: Ints) -> Ints:
    """One row a place, although two pieces may have met it."""
    if not table.shape[0]:
        return table
    order = np.lexsort((-table[:, 3], table[:, 2], table[:, 1], table[:, 5], table[:, 0]))
    table = table[order]
    key = table[:, [0, 5, 1, 2]]
    first = np.ones(table.shape[0], dtype=bool)
    first[1:] = (key[1:] != key[:-1]).any(axis=1)
    return table[first]


def _at_most(table: Ints, most: int) -> tuple[Ints, set[int]]:
    if not table.shape[0]:
        return table, set()
    queries, starts, sizes = np.unique(table[:, 0], return_index=True, return_counts=True)
    rank = np.arange(table.shape[0]) - np.repeat(starts, sizes)
    return table[rank < most], {int(q) for q in queries[sizes > most]}


@dataclass(frozen=True, slots=True)
class _Index:
    """Seeds of all queries in an open-addressed table of chains, with a bit filter before it."""

    text: Bytes
    begin: Ints
    size: Ints
    filter: Bytes
    slot_key: Ints
    slot_head: Ints
    next: Ints
    entry_query: Ints
    entry_offset: Ints
    entry_forward: Bytes

    @classmethod
    def of(cls, queries: Sequence[bytes]) -> _Index:
        forward = [_CODE[np.frombuffer(query, np.uint8)] for query in queries]
        backward = [_CODE[np.frombuffer(reverse_complement(query), np.uint8)] for query in queries]
        sizes = np.array([len(query) for query in queries], dtype=np.int64)
        begin = np.zeros(2 * sizes.size, dtype=np.int64)
        begin[1:] = np.cumsum(np.concatenate([sizes, sizes]))[:-1]
        text = np.concatenate([*forward, *backward]) if queries else np.zeros(0, np.uint8)
        keys, owner = _seeds(text, begin, sizes)
        slots = 1 << max(4, int(np.ceil(np.log2(max(1, keys.size) * 2.5))))
        slot_key = np.full(slots, -1, dtype=np.int64)
        slot_head = np.full(slots, -1, dtype=np.int64)
        chain = np.full(max(1, keys.size), -1, dtype=np.int64)
        bits = np.zeros(1 << (_BITS - 3), dtype=np.uint8)
        _fill(keys, slot_key, slot_head, chain, bits)
        return cls(
            text,
            begin,
            sizes,
            bits,
            slot_key,
            slot_head,
            chain,
            owner[:, 0].copy(),
            owner[:, 1].copy(),
            owner[:, 2].astype(np.uint8),
        )

    def scan(
        self,
        codes: Bytes,
        edges: tuple[bool, bool],
        shortest: int,
        identity: float,
        within: int,
        top: Ints,
        counts: Ints,
        most: int,
        capacity: int,
    ) -> Ints:
        if not self.size.size or codes.size < SEED:
            return np.zeros((0, 5), dtype=np.int64)
        genome = _CODE[codes]
        parts: list[Ints] = []
        at = 0
        while at < genome.size:
            out = np.empty((capacity, 5), dtype=np.int64)
            at, used = _scan(
                genome,
                at,
                *(self.text, self.begin, self.size, self.filter, self.slot_key, self.slot_head, self.next),
                *(self.entry_query, self.entry_offset, self.entry_forward),
                *(*edges, shortest, identity, within, top, counts, most, out),
            )
            parts.append(out[:used])
        return np.concatenate(parts)


def _offsets(size: int, *, from_end: bool) -> list[int]:
    """Starts of up to five seeds spread over the first 80 bases of a query (the last 80 of its reverse complement)."""
    span = min(size, 80)
    count = max(2, min(5, span // SEED)) if span > SEED else 1
    spread = [round(i * (span - SEED) / max(1, count - 1)) for i in range(count)]
    return [size - SEED - o for o in spread] if from_end else spread


def _seeds(text: Bytes, begin: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """Packed seeds of both strands of every query, and their owners: query, offset, 1 for the forward strand."""
    rows: list[Ints] = []
    for size in np.unique(sizes).tolist():
        mine = np.flatnonzero(sizes == size)
        for strand in (0, 1):
            for offset in _offsets(size, from_end=strand == 1):
                where = begin[mine + strand * sizes.size] + offset
                rows.append(np.column_stack([mine, np.full(mine.size, offset), np.full(mine.size, 1 - strand), where]))
    table = np.concatenate(rows) if rows else np.zeros((0, 4), dtype=np.int64)
    keys = np.zeros(table.shape[0], dtype=np.int64)
    known = np.ones(table.shape[0], dtype=bool)
    for i in range(SEED):
        base = text[table[:, 3] + i]
        known &= base < 4
        keys = keys << 2 | (base & 3)
    return keys[known], table[known, :3]


@njit(inline="always")
def _hash(key: int) -> int:
    mixed = (key ^ (key >> 15)) * 0x9E3779B1 & 0xFFFFFFFF
    return (mixed ^ (mixed >> 13)) & 0xFFFFFFFF


@njit()
def _fill(keys: Ints, slot_key: Ints, slot_head: Ints, chain: Ints, bits: Bytes) -> None:
    mask = slot_key.size - 1
    for i in range(keys.size):
        key = keys[i]
        mixed = _hash(key)
        bit = mixed & ((1 << _BITS) - 1)
        bits[bit >> 3] |= np.uint8(1 << (bit & 7))
        slot = mixed & mask
        while slot_key[slot] != -1 and slot_key[slot] != key:
            slot = (slot + 1) & mask
        slot_key[slot] = key
        chain[i] = slot_head[slot]
        slot_head[slot] = i


@njit(nogil=True)
def _scan(
    genome: Bytes,
    start: int,
    text: Bytes,
    begin: Ints,
    size: Ints,
    bits: Bytes,
    slot_key: Ints,
    slot_head: Ints,
    chain: Ints,
    entry_query: Ints,
    entry_offset: Ints,
    entry_forward: Bytes,
    open_left: bool,
    open_right: bool,
    shortest: int,
    identity: float,
    within: int,
    top: Ints,
    counts: Ints,
    most: int,
    out: Ints,
) -> tuple[int, int]:
    """Look every 16-mer of ``genome`` up from base ``start`` on; stops early when ``out`` is full. Returns (next start, rows)."""
    n, queries, used = genome.size, size.size, 0
    mask = slot_key.size - 1
    code, run = 0, 0
    full = (1 << (2 * SEED)) - 1
    for end in range(start, n):
        base = genome[end]
        if base > 3:
            run, code = 0, 0
            continue
        code = ((code << 2) | base) & full
        run += 1
        if run < SEED:
            continue
        mixed = _hash(code)
        bit = mixed & ((1 << _BITS) - 1)
        if not bits[bit >> 3] >> (bit & 7) & 1:
            continue
        slot = mixed & mask
        while slot_key[slot] != -1 and slot_key[slot] != code:
            slot = (slot + 1) & mask
        if slot_key[slot] == -1:
            continue
        entry = slot_head[slot]
        while entry != -1:
            query = entry_query[entry]
            forward = entry_forward[entry]
            left = end - SEED + 1 - entry_offset[entry]
            length = size[query]
            entry = chain[entry]
            if counts[query] >= most:
                continue
            # Walk from the query's first base outwards; the score is best over prefixes.
            score, best, best_at, wrong, best_wrong = 0, 0, 0, 0, 0
            whole = True
            for i in range(length):
                where = left + i if forward else left + length - 1 - i
                if where < 0 or where >= n:
                    whole = not (open_left if where < 0 else open_right)
                    break
                if forward:
                    same = text[begin[query] + i] == genome[where] and genome[where] < 4
                else:
                    same = text[begin[queries + query] + length - 1 - i] == genome[where] and genome[where] < 4
                if same:
                    score += 1
                    if score > best:
                        best, best_at, best_wrong = score, i + 1, wrong
                else:
                    score -= MISMATCH
                    wrong += 1
                    if score < best - 20:
                        break
            if not whole or best_at < shortest or best_wrong > (1 - identity) * best_at or best < top[query] - within:
                continue
            if best > top[query]:
                top[query] = best
            if used == out.shape[0]:
                return end - SEED + 1, used
            counts[query] += 1
            out[used, 0] = query
            out[used, 1] = left if forward else left + length - 1
            out[used, 2] = forward
            out[used, 3] = best
            out[used, 4] = best_at
            used += 1
    return n, used
