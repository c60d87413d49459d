"""Long reads (ONT, HiFi): whole proviruses with both host flanks, what is missing or turned inside them, methylation.

The vector part of a read is found from exact and ungapped pieces chained along the read, so no aligner is needed for the vector;
the host flanks are the file's own alignments. A read that holds a whole provirus and both flanks shows site, orientation,
target-site duplication and structure at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Shape = Literal["whole", "truncated", "rearranged", "vector_only"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A vector piece of a read: read bases (0-based half-open), provirus bases, strand (1 along the provirus)."""

    read_start: int
    read_end: int
    start: int
    end: int
    strand: int


@dataclass(frozen=True, slots=True)
class Flank:
    """A host alignment of a read: bases in the read's own direction, reference bases (0-based half-open), strand, quality."""

    contig: str
    read_start: int
    read_end: int
    start: int
    end: int
    strand: int
    mapping_quality: int


@dataclass(frozen=True, slots=True)
class LongRead:
    """One read with what is needed of it: vector pieces, host flanks, methylation calls as (read base, probability)."""

    name: str
    length: int
    pieces: tuple[Piece, ...]
    flanks: tuple[Flank, ...]
    methylation: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ProvirusRead:
    """What one long read shows.

    Attributes:
        name: of the read.
        shape: ``whole``, ``truncated``, ``rearranged`` or ``vector_only`` (no host flank: plasmid or a short read).
        flanks: 0, 1 or 2 host flanks.
        contig, position, orientation: 1-based last host base before the provirus; None where no flank tells it.
        duplication: bases that both flanks share (target-site duplication); None with one flank; negative is a host deletion.
        covered: share of the provirus that the read holds.
        events: rearrangements in words.
        vector_methylation, flank_methylation: mean probability over methylation calls; None without calls.
        words: one sentence.
    """

    name: str
    shape: Shape
    flanks: int
    contig: str | None
    position: int | None
    orientation: str
    duplication: int | None
    covered: float
    events: tuple[str, ...]
    vector_methylation: float | None
    flank_methylation: float | None
    words: str


def chained(pieces: Sequence[Piece], *, drift: float = 0.15, slack: int = 30, gap: int = 400) -> tuple[Piece, ...]:
    """Ungapped pieces joined into segments where they run on along one diagonal, allowing for the indels of long reads.

    Args:
        pieces: in any order.
        drift: diagonal shift allowed for each base of the gap between two pieces; slack: and in all cases.
        gap: longest gap on the read.
    """
    left = sorted(pieces, key=lambda p: (p.read_start, -(p.read_end - p.read_start)))
    segments: list[Piece] = []
    for piece in left:
        if any(s.read_start <= piece.read_start and piece.read_end <= s.read_end for s in segments):
            continue
        for i in range(len(segments) - 1, -1, -1):
            s = segments[i]
            between = piece.read_start - s.read_end
            along = (piece.start - s.end) if s.strand == 1 else (s.start - piece.end)
            fits = abs(along - between) <= slack + drift * max(between, 0)
            if s.strand == piece.strand and between <= gap and fits and piece.read_end > s.read_end:
                start, end = min(s.start, piece.start), max(s.end, piece.end)
                segments[i] = Piece(s.read_start, piece.read_end, start, end, s.strand)
                break
        else:
            segments.append(piece)
    return tuple(segments)


def read_provirus(read: LongRead, provirus_length: int, *, edge: int = 60, ltr: int = 0, shortest: int = 100) -> ProvirusRead:
    """Judge one read.

    Args:
        read: with its pieces on the provirus.
        provirus_length: bases of the whole provirus.
        edge: bases by which a flank and the vector may miss each other, and by which a provirus end may be short.
        ltr: length of the repeat at each end: a piece in it fits both, so coverage counts it once at each end.
        shortest: segments shorter than this are left out.
    """
    settled = _settled(read.pieces, provirus_length, ltr)
    segments = [s for s in chained(settled) if s.read_end - s.read_start >= shortest]
    before, after = _flanks(read, segments, edge)
    forward = sum((s.end - s.start) * s.strand for s in segments) >= 0
    events = _events(segments, edge)
    covered = _covered(segments) / provirus_length if provirus_length else 0.0
    count = (before is not None) + (after is not None)
    ends = bool(segments) and min(s.start for s in segments) <= edge and max(s.end for s in segments) >= provirus_length - edge
    shape: Shape = "rearranged" if events else "whole" if ends and covered > 0.9 else "truncated"
    if not count:
        shape = "vector_only" if not events else "rearranged"
    contig, position, orientation, duplication = _site(before, after, forward)
    inside = _mean(p for at, p in read.methylation if any(s.read_start <= at < s.read_end for s in segments))
    outside = _mean(p for at, p in read.methylation if any(f.read_start <= at < f.read_end for f in read.flanks))
    held = f"{100 * min(covered, 1):.0f}% of it"
    words = f"{shape.replace('_', ' ')} provirus ({held}) with {count} host flank{'s' if count != 1 else ''}"
    if position is not None:
        words += f" at {contig}:{position} ({orientation})"
    if duplication is not None:
        words += f", {duplication} bases duplicated" if duplication >= 0 else f", {-duplication} host bases missing"
    if events:
        words += "; " + "; ".join(events)
    return ProvirusRead(
        read.name,
        shape,
        count,
        contig,
        position,
        orientation,
        duplication,
        min(covered, 1.0),
        tuple(events),
        inside,
        outside,
        words,
    )


def _settled(pieces: Sequence[Piece], length: int, ltr: int) -> list[Piece]:
    """Pieces within an LTR moved to the copy that runs on from the nearest piece outside the LTRs; equal pieces once."""
    if not ltr:
        return list(pieces)
    shift = length - ltr
    anchors = [p for p in pieces if p.end > ltr + 5 and p.start < shift - 5]
    out: list[Piece] = []
    for p in pieces:
        near = min((a for a in anchors if a.strand == p.strand), key=lambda a: _apart(a, p), default=None)
        if near is None or p in anchors:
            out.append(p)
            continue
        moves = [d for d in (0, shift, -shift) if p.start + d >= -5 and p.end + d <= length + 5]
        best = min(moves or [0], key=lambda d: abs(_diagonal(p, d) - _diagonal(near)))
        out.append(Piece(p.read_start, p.read_end, p.start + best, p.end + best, p.strand))
    return list(dict.fromkeys(out))


def _apart(one: Piece, other: Piece) -> int:
    """Read bases between two pieces."""
    return max(one.read_start - other.read_end, other.read_start - one.read_end, 0)


def _diagonal(piece: Piece, moved: int = 0) -> int:
    return piece.start + moved - piece.read_start if piece.strand == 1 else piece.end + moved + piece.read_start


def _flanks(read: LongRead, segments: Sequence[Piece], edge: int) -> tuple[Flank | None, Flank | None]:
    """The host alignments that touch the vector part before and after it on the read."""
    if not segments:
        return None, None
    first, last = min(s.read_start for s in segments), max(s.read_end for s in segments)
    before = [f for f in read.flanks if abs(f.read_end - first) <= edge and f.read_start < first - edge]
    after = [f for f in read.flanks if abs(f.read_start - last) <= edge and f.read_end > last + edge]
    return max(before, key=lambda f: f.read_end - f.read_start, default=None), max(
        after, key=lambda f: f.read_end - f.read_start, default=None
    )


def _site(before: Flank | None, after: Flank | None, forward: bool) -> tuple[str | None, int | None, str, int | None]:
    """Contig, 1-based last host base before the provirus in reference orientation, strand, duplicated bases."""
    flank = before or after
    if flank is None:
        return None, None, "unknown", None
    orientation = "+" if forward == (flank.strand == 1) else "-"
    left, right = (before, after) if flank.strand == 1 else (after, before)
    both = left is not None and right is not None and left.contig == right.contig and left.strand == right.strand
    if left is not None:
        return left.contig, left.end, orientation, (left.end - right.start if both and right is not None else None)
    assert right is not None  # one of the two is there
    return right.contig, right.start + 1, orientation, None


def _events(segments: Sequence[Piece], edge: int) -> list[str]:
    events: list[str] = []
    ordered = sorted(segments, key=lambda s: s.read_start)
    for one, two in itertools.pairwise(ordered):
        after = one.end if one.strand == 1 else one.start
        if one.strand != two.strand:
            events.append(f"inversion after provirus base {after}")
            continue
        step = (two.start - one.end) if one.strand == 1 else (one.start - two.end)
        between = two.read_start - one.read_end
        if step - between > edge:
            events.append(f"deletion of about {step - between} bases after provirus base {min(after, two.end)}")
        elif between - step > edge:
            events.append(f"duplication or inserted bases (about {between - step}) after provirus base {after}")
    return events


def _covered(segments: Sequence[Piece]) -> int:
    total, reached = 0, -1
    for s in sorted(segments, key=lambda s: s.start):
        total += max(0, s.end - max(s.start, reached))
        reached = max(reached, s.end)
    return total


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None
