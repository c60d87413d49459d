"""What reads are compared with: the provirus with its exact ends, then the rest of the construct as given.

Laboratories give a plasmid map, a provirus, one LTR or a cassette. All are brought to one form here, so that the same
reads give the same answer: the integrated form first (both LTRs in full), a spacer, and, when the construct holds bases
that do not integrate, the construct as given (its reads are plasmid, not provirus).

    >>> from aftercar.vocab.vectors import Construct
    >>> target = target_of([Construct("cassette", "ACGTTGCA" * 10)])
    >>> target.proviruses[0].kind, target.left_ends, target.right_ends
    ('none', (), ())
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from aftercar.vocab.vectors import Construct, Provirus, ProvirusKind, Segment, reverse_complement

Codes = npt.NDArray[np.uint8]

UNKNOWN_BASE = 4
SPACER = 60
_WRAP = 400
_CODES = np.full(256, UNKNOWN_BASE, np.uint8)
_CODES[np.frombuffer(b"ACGTacgt", np.uint8)] = [0, 1, 2, 3, 0, 1, 2, 3]
_BASES = np.frombuffer(b"ACGTN", np.uint8)
_OTHER = np.array([3, 2, 1, 0, 4], np.uint8)


def encode(sequence: str | bytes) -> Codes:
    """Bases as 0 to 3, anything else as 4."""
    raw = sequence.encode("ascii") if isinstance(sequence, str) else sequence
    return _CODES[np.frombuffer(raw, np.uint8)]


def decode(codes: Codes) -> str:
    """Text of encoded bases."""
    return _BASES[codes].tobytes().decode("ascii")


def flip(codes: Codes) -> Codes:
    """Reverse complement of encoded bases."""
    return _OTHER[codes[::-1]]


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of the target: ``provirus`` or ``given`` (the construct as the file has it), of construct ``name``."""

    name: str
    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Target:
    """The searched sequence.

    Attributes:
        codes: shape (n,), encoded bases: parts with spacers of unknown bases between them.
        parts: what stands where.
        proviruses: integrated form of each construct, in the order of the constructs.
        left_ends: target positions of first provirus bases (both LTR copies).
        right_ends: target positions one past last provirus bases (both LTR copies).
        shared: shape (n,), bases that also occur in the human genome; they are no evidence.
        backbone: shape (n,), bases of the construct as given that do not integrate.
        multiplicity: shape (n,), how often a base occurs in one provirus (2 inside the LTRs); 0 outside the first parts.
        tsd: expected target-site duplication (0 when not known).
    """

    codes: Codes = field(repr=False)
    parts: tuple[Part, ...]
    proviruses: tuple[Provirus, ...] = field(repr=False)
    left_ends: tuple[int, ...]
    right_ends: tuple[int, ...]
    shared: npt.NDArray[np.bool_] = field(repr=False)
    backbone: npt.NDArray[np.bool_] = field(repr=False)
    multiplicity: npt.NDArray[np.int8] = field(repr=False)
    tsd: int

    @property
    def has_ends(self) -> bool:
        """Whether the outer ends of a provirus are known to the base."""
        return bool(self.left_ends)

    @property
    def proviral(self) -> npt.NDArray[np.bool_]:
        """Shape (n,): bases of the integrated form."""
        return self.multiplicity > 0

    def outermost(self, position: int, end: str) -> int:
        """Target position of the ``left`` or ``right`` end of the provirus, whichever LTR copy a read was drawn to."""
        part = self.part_at(position)
        return part.start if end == "left" else part.end if end == "right" else position

    def part_at(self, position: int) -> Part:
        """The part that holds a target position (the nearest before it when inside a spacer)."""
        return next(part for part in reversed(self.parts) if part.start <= position or part is self.parts[0])


def target_of(constructs: Sequence[Construct], shared: Sequence[npt.NDArray[np.bool_]] | None = None) -> Target:
    """The target of one or several constructs.

    Args:
        constructs: as read from the user's files.
        shared: for each construct a mask over its bases as given, true where the base is also human.
    """
    codes: list[Codes] = []
    masks: list[list[npt.NDArray[np.generic]]] = []
    parts: list[Part] = []
    left: list[int] = []
    right: list[int] = []
    proviruses = [_lone_ltr(construct) or construct.provirus() for construct in constructs]
    at = 0
    for number, (construct, provirus) in enumerate(zip(constructs, proviruses, strict=True)):
        given_shared = np.zeros(len(construct), bool) if shared is None else np.asarray(shared[number], bool)
        size = len(provirus.sequence)
        start = at + (SPACER if parts else 0)
        if parts:
            _spacer(codes, masks)
        encoded = encode(provirus.sequence)
        codes.append(encoded)
        times = np.where(encoded == UNKNOWN_BASE, 0, _multiplicity(provirus)).astype(np.int8)
        masks.append([_through(provirus, given_shared), np.zeros(size, bool), times])
        parts.append(Part(construct.name, "provirus", start, start + size))
        at = start + size
        if provirus.has_ends:
            left += [start] + ([start + size - provirus.ltr_length] if provirus.ltr_length else [])
            right += ([start + provirus.ltr_length] if provirus.ltr_length else []) + [start + size]
        outside = _outside(construct, provirus)
        if outside.any():
            _spacer(codes, masks)
            wrap = min(_WRAP, len(construct)) if construct.circular else 0
            start = at + SPACER
            # The construct stands on the strand of the provirus, so that a read of both is drawn to the provirus.
            whole = encode(construct.sequence)
            if any(segment.strand == -1 for segment in provirus.segments):
                whole, given_shared, outside = flip(whole), given_shared[::-1], outside[::-1]
            once_more = [np.concatenate([column, column[:wrap]]) for column in (whole, given_shared, outside)]
            codes.append(once_more[0].astype(np.uint8))
            masks.append([once_more[1], once_more[2], np.zeros(len(construct) + wrap, np.int8)])
            parts.append(Part(construct.name, "given", start, start + len(construct) + wrap))
            at = start + len(construct) + wrap
    columns = [np.concatenate([row[i] for row in masks]) for i in range(3)]
    tsd = {provirus.duplication for provirus in proviruses if provirus.has_ends}
    return Target(
        np.concatenate(codes),
        tuple(parts),
        tuple(proviruses),
        tuple(left),
        tuple(right),
        columns[0].astype(bool),
        columns[1].astype(bool),
        columns[2].astype(np.int8),
        tsd.pop() if len(tsd) == 1 else 0,
    )


#: First bases of U3, last bases of U5 and family of the LTRs in use.
_LTRS: tuple[tuple[str, str, ProvirusKind, int], ...] = (
    ("TGGAAGGGCTAATT", "AAAATCTCTAGCA", "lenti", 5),
    ("TGAAAGACCCC", "GGGGTCTTTCA", "gamma", 4),
)
_LTR_LENGTHS = range(80, 1_500)


def _lone_ltr(construct: Construct) -> Provirus | None:
    """The provirus of a construct that is hardly more than one LTR: that LTR at both ends, the inner part unknown."""
    if len(construct) > max(_LTR_LENGTHS) + 100:
        return None
    for strand, text in ((1, construct.sequence), (-1, reverse_complement(construct.sequence))):
        for first, last, kind, tsd in _LTRS:
            start = text.find(first)
            stop = text.rfind(last) + len(last)
            if text.count(first) != 1 or text.count(last) != 1:
                continue
            if stop - start not in _LTR_LENGTHS or len(text) - (stop - start) > 100:
                continue
            ltr = text[start:stop]
            size, between = len(ltr), SPACER
            given = start if strand == 1 else len(text) - 1 - start
            segments = (Segment(0, size, given, strand), Segment(size + between, 2 * size + between, given, strand))
            return Provirus(
                ltr + "N" * between + ltr,
                kind,
                size,
                tsd,
                "",
                segments,
                "one LTR only: it stands at both ends, what lies between is not known",
            )
    return None


def _spacer(codes: list[Codes], masks: list[list[npt.NDArray[np.generic]]]) -> None:
    codes.append(np.full(SPACER, UNKNOWN_BASE, np.uint8))
    masks.append([np.zeros(SPACER, bool), np.zeros(SPACER, bool), np.zeros(SPACER, np.int8)])


def _multiplicity(provirus: Provirus) -> npt.NDArray[np.int8]:
    times = np.ones(len(provirus.sequence), np.int8)
    if provirus.ltr_length:
        times[: provirus.ltr_length] = 2
        times[-provirus.ltr_length :] = 2
    return times


def _given_positions(provirus: Provirus, size: int) -> npt.NDArray[np.int64]:
    """For each provirus base its position in the construct as given."""
    where = np.zeros(len(provirus.sequence), np.int64)
    for segment in provirus.segments:
        offsets = np.arange(segment.end - segment.start)
        where[segment.start : segment.end] = (segment.given + segment.strand * offsets) % size
    return where


def _through(provirus: Provirus, shared: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return shared[_given_positions(provirus, len(shared))] if len(shared) else np.zeros(len(provirus.sequence), bool)


def _outside(construct: Construct, provirus: Provirus) -> npt.NDArray[np.bool_]:
    """Bases of the construct as given whose sequence does not occur in the provirus (12-mers of either strand)."""
    if not provirus.has_ends:
        return np.zeros(len(construct), bool)
    used = np.zeros(len(construct), bool)
    used[_given_positions(provirus, len(construct))] = True
    words = {provirus.sequence[i : i + 12] for i in range(len(provirus.sequence) - 11)}
    text = construct.sequence
    for i in range(len(text) - 11):
        if text[i : i + 12] in words:
            used[i : i + 12] = True
    return ~used
