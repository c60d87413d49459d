"""The fast screen of FASTQ: one file or two are inflated in threads, one kernel walks them in step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aftercar.edges.fastq import STDIN, FastqError, base_name
from aftercar.edges.screen_simple import Found
from aftercar.edges.streams import Flow, Piece, flow_of
from aftercar.reads import forms, walk_fastq
from aftercar.reads.batch import Pair
from aftercar.reads.gathering import from_fastq
from aftercar.reads.kernels import arguments
from aftercar.reads.seeds import Seeds
from aftercar.reads.tally import Tally

_HITS = 4096
_REASONS = {
    walk_fastq.NO_AT: "the record does not begin with @",
    walk_fastq.NO_PLUS: "the third line does not begin with +",
    walk_fastq.UNEQUAL: "bases and qualities differ in number",
    walk_fastq.NAMES_DIFFER: "the two reads have different names",
}


class _Side:
    """One file's flow of pieces, with what is not yet taken."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self._pieces: Iterator[Piece] = iter(flow)
        self._whole: Piece | None = None
        self.piece = Piece(np.zeros(walk_fastq.PAD, np.uint8), 0, 0)
        self.at = 0
        self.done = False

    @property
    def left(self) -> int:
        """Bytes not yet taken."""
        return self.piece.end - self.at

    def more(self) -> bool:
        """Join the next piece to what is left; at the end of the file a missing last line end is added."""
        if self.done:
            return False
        rest = self.piece.array[self.at : self.piece.end].copy()
        if self._whole is not None:
            self.flow.release(self._whole)
        self._whole = next(self._pieces, None)
        if self._whole is not None:
            self.piece = self._whole.with_before(rest)
        else:
            self.done = True
            if len(rest) and rest[-1] != 10:
                rest = np.append(rest, np.uint8(10))
            self.piece = Piece(np.concatenate((rest, np.zeros(walk_fastq.PAD, np.uint8))), 0, len(rest))
        self.at = self.piece.start
        return True

    def blank(self) -> bool:
        """Whether what is left is nothing but line ends."""
        rest = self.piece.array[self.at : self.piece.end]
        return bool(((rest == 10) | (rest == 13)).all())


def screen_fastq_fast(
    first: Path, second: Path | None, seeds: Seeds, progress: Callable[[float], None] = lambda done: None, threads: int = 1
) -> Found:
    """Screen one FASTQ file (single-end or interleaved) or two in step.

    Args:
        first, second: plain, gzip or bgzip files, or ``-``.
        seeds: the vector's tables.
        progress: told the inflated bytes done.
        threads: inflating threads a file; more than one helps only with bgzip.

    Raises:
        FastqError, DamagedFile: never a short count.
    """
    tables = arguments(seeds, nibbles=False)
    tally = Tally({})
    state = np.zeros(16, np.int64)
    state[walk_fastq.GUESS] = 150
    hits = np.empty((_HITS, 4), np.int64)
    pairs: list[Pair] = []
    names = str(first) if second is None else f"{first} and {second.name}"
    one = _Side(flow_of(first, threads))
    two = _Side(flow_of(second, threads)) if second is not None else one
    done = 0.0
    mode = -1
    try:
        one.more()
        if second is not None:
            two.more()
        while True:
            if mode < 0:
                mode = walk_fastq.TWO if second is not None else _mode(one)
            state[walk_fastq.HITS] = 0
            state[walk_fastq.SECOND_AT] = two.at if second is not None else 0
            before = one.at
            after = int(
                forms.fastq(
                    one.piece.array, one.at, one.piece.end, two.piece.array, two.piece.end, mode, state, hits,
                    tally.counts, tally.lengths, tally.qualities, *tables,
                )
            )  # fmt: skip
            for row in hits[: state[walk_fastq.HITS]]:
                pairs.append(_pair(one.piece.array, two.piece.array if mode == walk_fastq.TWO else one.piece.array, row))
            one.at = after
            if second is not None:
                two.at = int(state[walk_fastq.SECOND_AT])
            done += after - before
            if state[walk_fastq.ERROR] and not _only_blank(one, two, state):
                number = int(state[walk_fastq.RECORDS]) + 1
                raise FastqError(
                    _REASONS[int(state[walk_fastq.ERROR])],
                    where=f"{names}, record {number:,}" + (" of the pairs" if mode != walk_fastq.SINGLE else ""),
                    fix="check that it is FASTQ with four lines a read, and that two files are the ends of one run in one order",
                )
            state[walk_fastq.ERROR] = 0
            if state[walk_fastq.HITS] >= _HITS:
                continue
            progress(done)
            grown = _grow(one, two)
            if not grown:
                break
    finally:
        one.flow.close()
        two.flow.close()
    _check_ends(one, two, first, second, mode, int(state[walk_fastq.RECORDS]))
    return Found(pairs, 0, tally)


def _grow(one: _Side, two: _Side) -> bool:
    """Read on in whichever file has less left; False when both are at their end."""
    if one is two:
        return one.more()
    sides = sorted((side for side in (one, two) if not side.done), key=lambda side: side.left)
    return sides[0].more() if sides else False


def _only_blank(one: _Side, two: _Side, state: NDArray[np.int64]) -> bool:
    """Whether what looked like a bad record is only empty lines at the end of a file."""
    if state[walk_fastq.ERROR] != walk_fastq.NO_AT:
        return False
    for side in (one, two):
        while side.blank() and not side.done:
            side.more()
    return one.blank() or two.blank()


def _mode(side: _Side) -> int:
    """Interleaved when the first two reads have one name."""
    while side.left < 1 << 16 and side.more():
        pass
    lines = side.piece.array[side.at : side.at + (1 << 20)].tobytes().split(b"\n", 8)
    if len(lines) < 6:
        return walk_fastq.SINGLE
    names = [base_name(lines[i][1:].decode("utf-8", "replace")) for i in (0, 4)]
    return walk_fastq.INTERLEAVED if names[0] and names[0] == names[1] else walk_fastq.SINGLE


def _pair(one: NDArray[np.uint8], two: NDArray[np.uint8], row: NDArray[np.int64]) -> Pair:
    name, first = _record(one, int(row[0]), int(row[1]))
    second = _record(two, int(row[2]), int(row[3]))[1] if row[2] >= 0 else None
    return from_fastq(name, first, second)


def _record(array: NDArray[np.uint8], start: int, end: int) -> tuple[str, tuple[str, bytes]]:
    header, bases, _, quality = (line.removesuffix(b"\r") for line in array[start:end].tobytes().split(b"\n")[:4])
    phred = bytes(max(0, q - 33) for q in quality)
    return base_name(header[1:].decode("utf-8", "replace")), (bases.decode("ascii", "replace"), phred)


def _check_ends(one: _Side, two: _Side, first: Path, second: Path | None, mode: int, pairs: int) -> None:
    left_one, left_two = not one.blank(), second is not None and not two.blank()
    if mode == walk_fastq.TWO and left_one != left_two:
        assert second is not None
        short, long = (second, first) if left_one else (first, second)
        raise FastqError(
            f"{short.name} ends after {pairs:,} reads, {long.name} goes on",
            where=str(short),
            fix="copy the files again; the two ends must have the same reads",
        )
    if left_one or left_two:
        if mode == walk_fastq.INTERLEAVED and first != STDIN and _last_is_whole(one):
            raise FastqError("the file began interleaved, but its last read has no mate", where=str(first), fix="check the file")
        raise FastqError("the file ends inside a record", where=f"{first}, record {pairs + 1:,}", fix="copy the file again")


def _last_is_whole(side: _Side) -> bool:
    return side.piece.array[side.at : side.piece.end].tobytes().count(b"\n") >= 4
