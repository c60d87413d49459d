"""Where reads match the vector: ungapped segments from 11-base seeds, both strands, cut at the LTR ends.

A chimeric read is host bases beside vector bases. General aligners extend the host part into the vector wherever
bases agree by chance; here the vector part is found first and cut at the known end of the LTR, so the boundary
is exact by construction. Where no end is near, the boundary is where the match stops, and the bases that fit both
sides are the junction's microhomology (worked out later, where the host sequence is known).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aftercar.reads.junctions_target import Codes, Target, flip
from aftercar.reads.native import njit

SEED = 11
MIN_SCORE = 14
_MAX_HITS = 48
_KEEP = 3
#: Bases by which a match may stop short of an LTR end (an error near the end) or run past it (chance), and still be cut there.
SNAP_SHORT, SNAP_PAST = 20, 8


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a read that matches the target without gaps.

    Attributes:
        start, end: in the read as sequenced, half-open.
        target_start, target_end: in the target, half-open.
        strand: 1 when the read runs with the target, -1 when against it.
        mismatches: within the stretch.
        end: ``left`` or ``right`` when the stretch was cut at a provirus end, else empty.
    """

    start: int
    stop: int
    target_start: int
    target_stop: int
    strand: int
    mismatches: int
    end: str = ""

    @property
    def length(self) -> int:
        """Bases."""
        return self.stop - self.start


@njit(nogil=True)
def _index(codes: Codes, k: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Chained positions by k-mer: first position of each k-mer, and for each position the next with the same k-mer."""
    head = np.full(4**k, -1, np.int32)
    following = np.full(len(codes), -1, np.int32)
    mask = 4**k - 1
    word = 0
    run = 0
    ends = np.full(len(codes), -1, np.int32)
    for i in range(len(codes)):
        if codes[i] > 3:
            run = 0
            word = 0
            continue
        word = ((word << 2) | codes[i]) & mask
        run += 1
        if run >= k:
            ends[i] = word
    for i in range(len(codes) - 1, -1, -1):  # backwards, so that chains run from low to high positions
        if ends[i] >= 0:
            at = i - k + 1
            following[at] = head[ends[i]]
            head[ends[i]] = at
    return head, following


@njit(nogil=True)
def _extend(read: Codes, target: Codes, at: int, to: int, step: int, drop: int) -> tuple[int, int]:
    """Bases of the best ungapped extension from read[at], target[to] on, and its score."""
    score = 0
    best = 0
    length = 0
    n = 0
    while 0 <= at < len(read) and 0 <= to < len(target):
        n += 1
        if read[at] == target[to] and read[at] < 4:
            score += 1
            if score > best:
                best = score
                length = n
        else:
            if target[to] > 3:
                break
            score -= 3
            if score < best - drop:
                break
        at += step
        to += step
    return length, best


@njit(nogil=True)
def _search(
    reads: Codes,
    offsets: npt.NDArray[np.int64],
    target: Codes,
    head: npt.NDArray[np.int32],
    following: npt.NDArray[np.int32],
    k: int,
    min_score: int,
    max_hits: int,
    keep: int,
    favoured: npt.NDArray[np.bool_],
    favour: int,
) -> npt.NDArray[np.int32]:
    """Best segments of each read: shape (reads, keep, 6) of start, stop, target start, target stop, strand, score."""
    number = len(offsets) - 1
    out = np.zeros((number, keep, 6), np.int32)
    hits = np.zeros((max_hits, 6), np.int32)
    mask = 4**k - 1
    for r in range(number):
        forward = reads[offsets[r] : offsets[r + 1]]
        size = len(forward)
        found = 0
        for strand in (1, -1):
            read = forward
            if strand == -1:
                read = np.empty(size, np.uint8)
                for i in range(size):
                    base = forward[size - 1 - i]
                    read[i] = 3 - base if base < 4 else 4
            first_of_strand = found
            word = 0
            run = 0
            for i in range(size):
                if read[i] > 3:
                    run = 0
                    word = 0
                    continue
                word = ((word << 2) | read[i]) & mask
                run += 1
                if run < k:
                    continue
                at = i - k + 1
                to = head[word]
                while to >= 0:
                    known = False
                    for h in range(first_of_strand, found):
                        if hits[h, 2] - hits[h, 0] == to - at and hits[h, 0] <= at < hits[h, 1]:
                            known = True
                            break
                    if not known and found < max_hits:
                        right, right_score = _extend(read, target, at + k, to + k, 1, 9)
                        left, left_score = _extend(read, target, at - 1, to - 1, -1, 9)
                        hits[found, 0] = at - left
                        hits[found, 1] = at + k + right
                        hits[found, 2] = to - left
                        hits[found, 3] = to + k + right
                        hits[found, 4] = strand
                        hits[found, 5] = k + left_score + right_score
                        found += 1
                    to = following[to]
            if strand == -1:
                for h in range(first_of_strand, found):
                    start = hits[h, 0]
                    hits[h, 0] = size - hits[h, 1]
                    hits[h, 1] = size - start
        kept = 0
        while kept < keep:
            best = -1
            best_score = 0
            for h in range(found):
                score = hits[h, 5] + (favour if favoured[hits[h, 2]] else 0)
                if hits[h, 5] >= min_score and score > best_score:
                    fresh = True
                    for j in range(kept):
                        overlap = min(hits[h, 1], out[r, j, 1]) - max(hits[h, 0], out[r, j, 0])
                        if 2 * overlap > hits[h, 1] - hits[h, 0] or hits[h, 1] - hits[h, 0] - overlap < min_score:
                            fresh = False
                            break
                    if fresh:
                        best = h
                        best_score = score
            if best < 0:
                break
            for c in range(6):
                out[r, kept, c] = hits[best, c]
            hits[best, 5] = 0
            kept += 1
    return out


class VectorAligner:
    """Aligns reads to one target; the index is made once."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._head, self._following = _index(target.codes, SEED)
        # A read that runs a few bases on into the plasmid by chance belongs to the provirus.
        self._provirus = np.zeros(len(target.codes), np.bool_)
        for part in target.parts:
            self._provirus[part.start : part.end] = part.kind == "provirus"

    def align(self, reads: Sequence[Codes]) -> list[tuple[Segment, ...]]:
        """For each read (as sequenced) its vector segments by position in the read; empty when there are none."""
        offsets = np.zeros(len(reads) + 1, np.int64)
        np.cumsum([len(read) for read in reads], out=offsets[1:])
        joined = np.concatenate(reads) if reads else np.zeros(0, np.uint8)
        raw = _search(
            joined,
            offsets,
            self.target.codes,
            self._head,
            self._following,
            SEED,
            MIN_SCORE,
            _MAX_HITS,
            _KEEP,
            self._provirus,
            SNAP_PAST,
        )
        any_hit = raw[:, 0, 5] > 0
        results: list[tuple[Segment, ...]] = [()] * len(reads)
        for r in np.flatnonzero(any_hit).tolist():
            rows = raw[r][raw[r, :, 5] > 0]
            results[r] = self._cut(reads[r], [tuple(row) for row in rows.tolist()])
        return results

    def _cut(self, read: Codes, rows: list[tuple[int, ...]]) -> tuple[Segment, ...]:
        found = [snapped(self.target, read, *row[:5]) for row in rows]
        return tuple(sorted(found, key=lambda segment: segment.start))


def snapped(target: Target, read: Codes, start: int, stop: int, to_start: int, to_stop: int, strand: int) -> Segment:
    """The match as a segment, cut at a provirus end within reach when the read goes on beyond that end.

    An error in the last vector bases stops the match early, chance agreement of the host lets it run on; in both
    cases the known end is the boundary.
    """
    size = len(read)
    oriented, at, stops = (read, start, stop) if strand == 1 else (flip(read), size - stop, size - start)
    shift = to_start - at
    ends = []
    left = _nearest(target.left_ends, to_start, -SNAP_PAST, SNAP_SHORT)
    if left is not None and left - shift > 0:
        if (left >= to_start and at > 0) or (
            left < to_start and _agree(oriented[left - shift : at], target.codes[left:to_start])
        ):
            ends.append("left")
        if ends:
            at, to_start = left - shift, left
    right = _nearest(target.right_ends, to_stop, -SNAP_SHORT, SNAP_PAST)
    if right is not None and right - shift < size:
        if (right <= to_stop and stops < size) or (
            right > to_stop and _agree(oriented[stops : right - shift], target.codes[to_stop:right])
        ):
            ends.append("right")
        if "right" in ends:
            stops, to_stop = right - shift, right
    wrong = int((oriented[at:stops] != target.codes[to_start:to_stop]).sum())
    if strand == -1:
        at, stops = size - stops, size - at
    return Segment(at, stops, to_start, to_stop, strand, wrong, "+".join(ends))


def _nearest(ends: Sequence[int], position: int, low: int, high: int) -> int | None:
    """The end nearest to ``position`` among those with ``low <= position - end <= high``."""
    near = [end for end in ends if low <= position - end <= high]
    return min(near, key=lambda end: abs(position - end), default=None)


def _agree(read: Codes, target: Codes) -> bool:
    return int((read != target).sum()) <= max(1, len(target) // 4)
