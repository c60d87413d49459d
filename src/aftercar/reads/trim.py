"""Known sequence at the ends of reads: primers, LTR ends, linkers, read-through, bad quality. Many reads at a time.

Reads are rows of a byte matrix, padded with zeros on the right; a pattern may hold ``N`` for any base.

    >>> rows, lengths = as_matrix([b"GAAAATCTCTAGCAACGT", b"GAAATTCTCTAGCATTTT", b"CCCCCCCCCCCCCCCCCC"])
    >>> starts_with(rows, b"GAAAATC", mismatches=1).tolist()
    [True, True, False]
    >>> runs_into(rows, lengths, b"AGCAAC", overlap=4, error=0.0).tolist()
    [10, 18, 18]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_COMPLEMENT = bytes.maketrans(b"ACGTNacgtn", b"TGCANtgcan")
_ANY = ord("N")


def reverse_complement(sequence: bytes) -> bytes:
    """The other strand, read from its own start."""
    return sequence.translate(_COMPLEMENT)[::-1]


def as_matrix(reads: Sequence[bytes]) -> tuple[Bytes, Ints]:
    """Reads as a byte matrix of shape (reads, longest), zero-padded, with their lengths."""
    lengths = np.array([len(read) for read in reads], dtype=np.int64)
    width = int(lengths.max(initial=0))
    joined = b"".join(read.ljust(width, b"\0") for read in reads)
    return np.frombuffer(joined, np.uint8).reshape(len(reads), width), lengths


def mismatches_at(rows: Bytes, pattern: bytes, at: int = 0) -> Ints:
    """Mismatches of ``pattern`` laid on every row from column ``at``; bases beyond the read count as mismatches."""
    codes = np.frombuffer(pattern, np.uint8)
    known = codes != _ANY
    window = rows[:, at : at + codes.size]
    short = codes.size - window.shape[1]
    count = (window[:, known[: window.shape[1]]] != codes[: window.shape[1]][known[: window.shape[1]]]).sum(axis=1)
    return np.asarray(count + int(known[codes.size - short :].sum() if short > 0 else 0), dtype=np.int64)


def starts_with(rows: Bytes, pattern: bytes, *, mismatches: int, at: int = 0) -> Bools:
    """Whether ``pattern`` stands at column ``at`` with at most ``mismatches`` differing bases."""
    return mismatches_at(rows, pattern, at) <= mismatches


def runs_into(rows: Bytes, lengths: Ints, pattern: bytes, *, overlap: int, error: float, start: int = 0) -> Ints:
    """Where each read runs into ``pattern``: the first column from which the read agrees with it to its end or the pattern's.

    Args:
        rows, lengths: reads.
        pattern: what may follow the insert, as it stands on the read.
        overlap: fewest agreeing columns at the read's end.
        error: allowed share of differing bases in the overlap.
        start: first column looked at.

    Returns:
        Shape (reads,); the read's length where it never runs into the pattern.
    """
    found = lengths.copy()
    open_rows = np.ones(rows.shape[0], dtype=bool)
    codes = np.frombuffer(pattern, np.uint8)
    for at in range(start, rows.shape[1] - overlap + 1):
        left = np.clip(lengths - at, 0, codes.size)
        candidates = np.flatnonzero(open_rows & (left >= overlap))
        if not candidates.size:
            break
        first = rows[candidates, at] == codes[0] if codes[0] != _ANY else np.ones(candidates.size, dtype=bool)
        second = rows[candidates, at + 1] == codes[1] if codes[1] != _ANY else np.ones(candidates.size, dtype=bool)
        candidates = candidates[first | second]
        if not candidates.size:
            continue
        window = rows[candidates, at : at + codes.size]
        wide = codes[: window.shape[1]]
        inside = np.arange(window.shape[1]) < left[candidates, None]
        differ = ((window != wide) & (wide != _ANY) & inside).sum(axis=1)
        hit = candidates[differ <= error * left[candidates]]
        found[hit] = at
        open_rows[hit] = False
    return found


def quality_ends(qualities: Bytes, lengths: Ints, *, threshold: int, window: int, bad: int) -> Ints:
    """Where each read turns bad: start of the first window of ``window`` bases with at least ``bad`` below ``threshold``.

    Args:
        qualities: Phred scores with the ASCII offset 33, shape (reads, longest).
        lengths: read lengths.
        threshold: Phred score below which a base is bad.
        window, bad: bases of the window, and how many bad ones end the read.

    Returns:
        Shape (reads,): number of bases to keep.
    """
    columns = np.arange(qualities.shape[1])
    poor = (qualities < threshold + 33) & (columns < lengths[:, None])
    sums = np.cumsum(np.pad(poor, ((0, 0), (1, 0))), axis=1)
    if sums.shape[1] <= window:
        return lengths.copy()
    over: Bools = np.asarray(sums[:, window:] - sums[:, :-window] >= bad)
    over &= columns[: over.shape[1]] < lengths[:, None]
    return np.where(over.any(axis=1), over.argmax(axis=1), lengths)


def cut(row: Bytes, start: int, end: int) -> bytes:
    """Bases ``start`` to ``end`` of one row."""
    return row[start:end].tobytes()
