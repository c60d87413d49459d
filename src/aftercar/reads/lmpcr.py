"""LM-PCR reads: from index, LTR and linker reads to trimmed host ends of known sample.

Three reads belong together: the index (which amplification), the LTR read (primer, LTR end, host) and the linker read
(linker with its UMI, then host from the other end of the fragment). A pair is kept when its index is nearest to one sample,
its LTR read shows the primer and the LTR to its last base, its linker read shows the sample's own linker, neither is
vector, and enough host is left on both. Everything dropped is counted under its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from aftercar.reads import trim

Ints = npt.NDArray[np.int64]
Control = Literal["sample", "negative_control", "positive_control"]

_WORD = 10
STAGES = (
    "reads", "primed", "ltr_complete", "linkered", "paired", "ltr_not_continued", "vector", "too_short", "kept"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One amplification of the run, as on its sample sheet (sequences upper case)."""

    sample: str
    barcode: bytes
    linker: bytes
    primer: bytes
    ltr_end: bytes
    ltr_in_host: bytes = b""
    ltr_side: Literal["U5", "U3"] = "U5"
    vector: bytes = b""
    specimen: str = ""
    person: str = ""
    timepoint: str = ""
    cell_type: str = ""
    control: Control = "sample"

    @property
    def umi(self) -> slice | None:
        """Columns of the UMI on the linker read; None when the linker has no N."""
        start = self.linker.find(b"N")
        return slice(start, self.linker.rfind(b"N") + 1) if start >= 0 else None


@dataclass(frozen=True, slots=True)
class Settings:
    """How reads are judged.

    Attributes:
        barcode_mismatches: on the index read; -1 takes as many as the barcodes' distance allows, at most 2.
        ltr_mismatches: in primer and LTR end together; the last three bases before the host must be exact.
        linker_mismatches: in each fixed part of the linker.
        quality, window, bad: a read ends where ``bad`` of ``window`` bases are below ``quality``.
        host_bases: fewest host bases on each read.
        read_through_overlap, read_through_error: for finding the far adapter on short fragments.
        vector_share: a host part is vector when at least this share of its 10-mers stand in the vector (either strand); one
            differing base in 30 leaves half of them, human sequence has about 2% by chance.
    """

    barcode_mismatches: int = -1
    ltr_mismatches: int = 2
    linker_mismatches: int = 3
    quality: int = 20
    window: int = 10
    bad: int = 5
    host_bases: int = 30
    read_through_overlap: int = 8
    read_through_error: float = 0.15
    vector_share: float = 0.45


@dataclass(slots=True)
class Trimmed:
    """Collapsed host ends of a run: ``(sample number, UMI, LTR-side host, linker-side host) -> reads``."""

    molecules: Counter[tuple[int, bytes, bytes, bytes]] = field(default_factory=Counter)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    linker_seen: Counter[tuple[int, int]] = field(default_factory=Counter)
    unassigned: Counter[bytes] = field(default_factory=Counter)
    ambiguous: int = 0
    total: int = 0

    def add(self, sample: str, stage: str, number: int) -> None:
        """Count ``number`` reads of a sample at a stage."""
        self.counts.setdefault(sample, Counter())[stage] += number


def barcode_limit(rows: Sequence[Row]) -> int:
    """Mismatches that the barcodes' smallest distance lets one correct without doubt, at most 2."""
    codes = [row.barcode for row in rows]
    if len(codes) < 2:
        return 2
    closest = min(_distance(a, b) for i, a in enumerate(codes) for b in codes[:i])
    return max(0, min(2, (closest - 1) // 2))


def assign(index: trim.Bytes, rows: Sequence[Row], mismatches: int) -> Ints:
    """Sample of each index read: the nearest barcode within ``mismatches``, nearer than any other; else -1 (none), -2 (tie)."""
    best = np.full(index.shape[0], 10**6, dtype=np.int64)
    second = best.copy()
    who = np.full(index.shape[0], -1, dtype=np.int64)
    for number, row in enumerate(rows):
        far = trim.mismatches_at(index, row.barcode)
        second = np.where(far < best, best, np.minimum(second, far))
        who = np.where(far < best, number, who)
        best = np.minimum(best, far)
    return np.where(best > mismatches, -1, np.where(second == best, -2, who))


def take(
    out: Trimmed,
    rows: Sequence[Row],
    index: Sequence[bytes],
    ltr: tuple[Sequence[bytes], Sequence[bytes]],
    linker: tuple[Sequence[bytes], Sequence[bytes]],
    settings: Settings,
) -> None:
    """Judge and trim one batch of reads into ``out``.

    Args:
        out: what was found so far; added to.
        rows: the sample sheet.
        index: index reads; empty when the pairs were demultiplexed before (then ``rows`` has one row).
        ltr, linker: sequences and qualities of the LTR read and of the linker read, same order.
        settings: limits.
    """
    n = len(ltr[0])
    out.total += n
    limit = settings.barcode_mismatches if settings.barcode_mismatches >= 0 else barcode_limit(rows)
    who = assign(trim.as_matrix(index)[0], rows, limit) if len(index) else np.zeros(n, dtype=np.int64)
    out.ambiguous += int((who == -2).sum())
    for i in np.flatnonzero(who == -1):
        out.unassigned[index[int(i)]] += 1
    ltr_rows, ltr_lengths = trim.as_matrix(ltr[0])
    linker_rows, linker_lengths = trim.as_matrix(linker[0])
    ltr_lengths = _kept(ltr[1], ltr_lengths, settings)
    linker_lengths = _kept(linker[1], linker_lengths, settings)
    own = _linkers(linker_rows, rows, settings)
    for number, row in enumerate(rows):
        mine = np.flatnonzero(who == number)
        out.add(row.sample, "reads", mine.size)
        if not mine.size:
            continue
        for other, matched in enumerate(own):
            out.linker_seen[(number, other)] += int(matched[mine].sum())
        _take_sample(out, number, row, mine, (ltr_rows, ltr_lengths), (linker_rows, linker_lengths), own[number], settings)


def _take_sample(
    out: Trimmed,
    number: int,
    row: Row,
    mine: Ints,
    ltr: tuple[trim.Bytes, Ints],
    linker: tuple[trim.Bytes, Ints],
    linkered: trim.Bools,
    settings: Settings,
) -> None:
    rows, lengths = ltr[0][mine], ltr[1][mine]
    front = row.primer + row.ltr_end
    primed = trim.starts_with(rows, row.primer, mismatches=max(1, settings.ltr_mismatches // 2))
    tail = (
        np.zeros(mine.size, dtype=bool)
        if rows.shape[1] < len(front)
        else trim.starts_with(rows, front[-3:], mismatches=0, at=len(front) - 3)
    )
    complete = primed & tail & trim.starts_with(rows, front, mismatches=settings.ltr_mismatches) & (lengths >= len(front))
    linkered = linkered[mine]
    both = complete & linkered
    out.add(row.sample, "primed", int(primed.sum()))
    out.add(row.sample, "ltr_complete", int(complete.sum()))
    out.add(row.sample, "ltr_not_continued", int((primed & ~complete).sum()))
    out.add(row.sample, "linkered", int(linkered.sum()))
    out.add(row.sample, "paired", int(both.sum()))
    keep = np.flatnonzero(both)
    if not keep.size:
        return
    a, a_lengths = rows[keep][:, len(front) :], lengths[keep] - len(front)
    b_rows, b_lengths = linker[0][mine[keep]], linker[1][mine[keep]]
    b, b_lengths = b_rows[:, len(row.linker) :], b_lengths - len(row.linker)
    a_end = _before(a, a_lengths, _fixed_tail(row), settings)
    into = row.ltr_in_host or trim.reverse_complement(front)
    b_end = _before(b, b_lengths, into, settings)
    for i in range(keep.size):
        host, far = trim.cut(a[i], 0, int(a_end[i])), trim.cut(b[i], 0, int(b_end[i]))
        if is_vector(host, row.vector, settings.vector_share) or is_vector(far, row.vector, settings.vector_share):
            out.add(row.sample, "vector", 1)
        elif min(len(host), len(far)) < settings.host_bases:
            out.add(row.sample, "too_short", 1)
        else:
            umi = trim.cut(b_rows[i], row.umi.start, row.umi.stop) if row.umi else b""
            out.add(row.sample, "kept", 1)
            out.molecules[(number, umi, host, far)] += 1


def is_vector(host: bytes, vector: bytes, share: float) -> bool:
    """Whether at least ``share`` of the 10-mers of a host part stand in the vector, on either strand."""
    words = _words(vector)
    total = len(host) - _WORD + 1
    if not words or total < 1:
        return False
    return sum(host[i : i + _WORD] in words for i in range(total)) >= share * total


@lru_cache(maxsize=8)
def _words(vector: bytes) -> frozenset[bytes]:
    strands = (vector, trim.reverse_complement(vector))
    return frozenset(strand[i : i + _WORD] for strand in strands for i in range(len(strand) - _WORD + 1))


def crossed_linkers(out: Trimmed, rows: Sequence[Row]) -> dict[tuple[str, str], int]:
    """Reads under one sample's index with another's linker (hopping or a swap): ``(index of, linker of) -> reads``."""
    groups: Mapping[bytes, list[int]] = _by_linker(rows)
    crossed: dict[tuple[str, str], int] = {}
    for (number, other), reads in out.linker_seen.items():
        if reads and number != other and other == groups[rows[other].linker][0] and rows[number].linker != rows[other].linker:
            crossed[(rows[number].sample, rows[other].sample)] = reads
    return crossed


def _by_linker(rows: Sequence[Row]) -> dict[bytes, list[int]]:
    groups: dict[bytes, list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(row.linker, []).append(number)
    return groups


def _linkers(rows: trim.Bytes, sheet: Sequence[Row], settings: Settings) -> list[trim.Bools]:
    """For each row of the sheet, which reads carry its linker; equal linkers are looked for once."""
    done: dict[bytes, trim.Bools] = {}
    for row in sheet:
        if row.linker in done:
            continue
        umi = row.umi
        parts = [(0, row.linker)] if umi is None else [(0, row.linker[: umi.start]), (umi.stop, row.linker[umi.stop :])]
        found = np.ones(rows.shape[0], dtype=bool)
        for at, part in parts:
            if part:
                found &= trim.starts_with(rows, part, mismatches=min(settings.linker_mismatches, len(part) // 4), at=at)
        done[row.linker] = found
    return [done[row.linker] for row in sheet]


def _fixed_tail(row: Row) -> bytes:
    """What the LTR read runs into on a short fragment: the linker from its host end, UMI as N."""
    return trim.reverse_complement(row.linker)


def _before(rows: trim.Bytes, lengths: Ints, pattern: bytes, settings: Settings) -> Ints:
    kept = np.maximum(lengths, 0)
    found = kept
    for skipped in range(3):  # a ligated dimer may have lost the pattern's first base or two
        how = {"overlap": settings.read_through_overlap, "error": settings.read_through_error}
        found = np.minimum(found, trim.runs_into(rows, kept, pattern[skipped:], **how))  # type: ignore[arg-type]
    return found


def _kept(qualities: Sequence[bytes], lengths: Ints, settings: Settings) -> Ints:
    matrix, _ = trim.as_matrix(qualities)
    return trim.quality_ends(matrix, lengths, threshold=settings.quality, window=settings.window, bad=settings.bad)


def _distance(a: bytes, b: bytes) -> int:
    return sum(x != y for x, y in zip(a, b, strict=False)) + abs(len(a) - len(b))
