"""The vector as the screen sees it: every 16-mer of every form of every construct, on both strands.

Each construct enters as it was given and, where its ends are known, as the provirus that integrates. All of it is laid
out in one text, forward and reverse-complemented, so that a 16-mer found in a read leads to places in the text and a
match can be extended there without a thought about strands.

The rule for a candidate read (offsets 0, 8, 16, ... and the last 16 bases are tested):

- a tested 16-mer of the read occurs in the vector, and either stands at an end of the read, or extends along the vector
  to a score of at least 23 (a match counts 1, a mismatch -3);
- the matched stretch is not of low complexity (fewer than 6 different three-base words).

By the q-gram lemma this finds every exact run of 23 vector bases anywhere in a read and of 16 at its ends.

    >>> from aftercar.vocab.vectors import Construct
    >>> index = VectorIndex.build([Construct("toy", "ACGTTGCATGCCATTAGACCGATTACAGGCTTAACGGATC")])
    >>> [(m.start, m.end, m.read_start, m.strand) for m in index.matches("GGGGG" + "TGCATGCCATTAGACCGATTACAGG")]
    [(4, 29, 5, 1)]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aftercar.vocab.vectors import Construct, Provirus, reverse_complement

SEED = 16
STRIDE = 8
MIN_SCORE = 23
MISMATCH = 3
DROP = 12
MIN_WORDS = 6
_FLANK = 600

#: ASCII to 0-3 for A, C, T, G (either case, U as T), 4 for anything else. The order is that of bits 1 and 2 of the
#: letters in ASCII, which lets the kernels pack text into words without a table.
CODES = np.full(256, 4, np.uint8)
for _base, _code in zip("ACTGU", (0, 1, 2, 3, 2), strict=True):
    CODES[ord(_base)] = CODES[ord(_base.lower())] = _code


@dataclass(frozen=True, slots=True)
class Target:
    """One sequence that reads are compared with.

    Attributes:
        name: the construct's name, with ``/provirus`` behind it for the integrated form.
        construct: place of its construct in :attr:`VectorIndex.constructs`.
        form: ``given`` or ``provirus``.
        sequence: upper-case bases.
        circular: whether matches may cross the origin.
    """

    name: str
    construct: int
    form: Literal["given", "provirus"]
    sequence: str
    circular: bool


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """An ungapped match of a read with a target.

    Attributes:
        score: matches minus three times mismatches.
        target: place in :attr:`VectorIndex.targets`.
        start, end: 0-based half-open on the target's forward strand; ``start`` may be negative and ``end`` pass the
            length where a match crosses the origin of a circular target.
        read_start, read_end: 0-based half-open on the read as given.
        strand: 1 when the read runs along the target, -1 when its reverse complement does.
        mismatches: differing bases inside.
    """

    score: int
    target: int
    start: int
    end: int
    read_start: int
    read_end: int
    strand: int
    mismatches: int


@dataclass(frozen=True)
class VectorIndex:
    """See the module's opening; made by :meth:`build`.

    Attributes:
        constructs: as given.
        proviruses: the integrated form of each.
        targets: what reads are compared with.
        text: codes (0-3, 4 for unknown and between the parts) of all targets, both strands.
        keys: the 16-mers, ascending, two bits a base.
        places: start in ``text`` of each key, same order; a 16-mer that occurs more than once has as many rows.
        parts: rows of the text's parts: place of the first base, target, strand, bases of the flank before it.
    """

    constructs: tuple[Construct, ...]
    proviruses: tuple[Provirus, ...]
    targets: tuple[Target, ...]
    text: NDArray[np.uint8]
    keys: NDArray[np.uint32]
    places: NDArray[np.int32]
    parts: NDArray[np.int64]

    @classmethod
    def build(cls, constructs: Iterable[Construct]) -> VectorIndex:
        """The index of one or many constructs.

        Raises:
            ValueError: without any construct, or when none has 16 known bases in a row.
        """
        constructs = tuple(constructs)
        if not constructs:
            raise ValueError("no construct given")
        proviruses = tuple(construct.provirus() for construct in constructs)
        targets = tuple(_targets(constructs, proviruses))
        text, parts, seeds = _lay_out(targets)
        keys, valid = kmers(text)
        places = np.flatnonzero(valid & seeds[: len(valid)])
        if not len(places):
            raise ValueError("no construct has 16 known bases in a row")
        chosen = keys[places]
        order = np.argsort(chosen, kind="stable")
        return cls(constructs, proviruses, targets, text, chosen[order], places[order].astype(np.int32), parts)

    @cached_property
    def by_name(self) -> Mapping[str, int]:
        """Place of each target by its name."""
        return {target.name: i for i, target in enumerate(self.targets)}

    def matches(self, sequence: str) -> list[Match]:
        """All maximal ungapped matches of a read with every target, best first.

        Every offset of the read is tried here (the screen itself skips), so short matches inside a read are listed
        too, as long as they score 16. Matches of low complexity are left out.
        """
        codes = CODES[np.frombuffer(sequence.encode("ascii", "replace"), np.uint8)]
        keys, valid = kmers(codes)
        found: list[Match] = []
        seen: dict[int, int] = {}
        at = np.flatnonzero(valid)
        low = np.searchsorted(self.keys, keys[at], "left")
        high = np.searchsorted(self.keys, keys[at], "right")
        for i in np.flatnonzero(high > low):
            offset = int(at[i])
            for row in range(int(low[i]), int(high[i])):
                place = int(self.places[row])
                diagonal = place - offset
                if seen.get(diagonal, -1) >= offset + SEED:
                    continue
                start, end, score, wrong = extend(codes, self.text, offset, place)
                seen[diagonal] = end
                if is_simple(codes[start:end]):
                    continue
                found.append(self._match(start, end, diagonal, score, wrong))
        return sorted(found, key=lambda m: (-m.score, m.target, m.start, m.read_start, -m.strand))

    def is_candidate(self, sequence: str) -> bool:
        """Whether a read is a candidate by the rule above; plain and slow, the oracle of the kernels."""
        codes = CODES[np.frombuffer(sequence.encode("ascii", "replace"), np.uint8)]
        length = len(codes)
        if length < SEED:
            return False
        for offset in sorted({*range(0, length - SEED + 1, STRIDE), length - SEED}):
            for place in self._seed_places(codes[offset : offset + SEED]):
                start, end, score, _ = extend(codes, self.text, offset, place)
                at_end = offset == 0 or offset == length - SEED
                if (at_end or score >= MIN_SCORE) and not is_simple(codes[start:end]):
                    return True
        return False

    def _seed_places(self, codes: NDArray[np.uint8]) -> list[int]:
        return self._dictionary.get(codes.tobytes(), [])

    @cached_property
    def _dictionary(self) -> dict[bytes, list[int]]:
        words: dict[bytes, list[int]] = {}
        for place in sorted(self.places.tolist()):
            words.setdefault(self.text[place : place + SEED].tobytes(), []).append(place)
        return words

    def locate(self, place: int) -> tuple[int, int, int]:
        """Target, strand and forward-strand position of a place in the text (the base itself)."""
        part = int(np.searchsorted(self.parts[:, 0] - self.parts[:, 3], place, "right")) - 1
        first, target, strand, _ = (int(value) for value in self.parts[part])
        inside = place - first
        return target, strand, inside if strand == 1 else len(self.targets[target].sequence) - 1 - inside

    def _match(self, start: int, end: int, diagonal: int, score: int, wrong: int) -> Match:
        target, strand, first = self.locate(diagonal + start)
        length = end - start
        low = first if strand == 1 else first - length + 1
        return Match(score, target, low, low + length, start, end, strand, wrong)


def _targets(constructs: Sequence[Construct], proviruses: Sequence[Provirus]) -> Iterable[Target]:
    for i, (construct, provirus) in enumerate(zip(constructs, proviruses, strict=True)):
        same = provirus.sequence == construct.sequence
        if not (same and provirus.has_ends):
            yield Target(construct.name, i, "given", construct.sequence, construct.circular)
        if provirus.has_ends:
            yield Target(f"{construct.name}/provirus", i, "provirus", provirus.sequence, False)


def _lay_out(targets: Sequence[Target]) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
    """One text of all targets on both strands; circular ones get a flank round the origin on each side."""
    pieces: list[NDArray[np.uint8]] = []
    seeds: list[NDArray[np.bool_]] = []
    rows: list[tuple[int, int, int, int]] = []
    gap = np.full(1, 4, np.uint8)
    at = 0
    for i, target in enumerate(targets):
        for strand in (1, -1):
            sequence = target.sequence if strand == 1 else reverse_complement(target.sequence)
            flank = min(_FLANK, len(sequence)) if target.circular else 0
            whole = sequence[len(sequence) - flank :] + sequence + sequence[:flank]
            codes = CODES[np.frombuffer(whole.encode("ascii"), np.uint8)]
            own = np.zeros(len(codes) + 1, np.bool_)
            own[flank : flank + len(sequence)] = True
            pieces += [codes, gap]
            seeds.append(own)
            rows.append((at + flank, i, strand, flank))
            at += len(codes) + 1
    return np.concatenate(pieces), np.array(rows, np.int64).reshape(-1, 4), np.concatenate(seeds)


def kmers(codes: NDArray[np.uint8], size: int = SEED) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """The word that begins at each base (two bits a base, the first base highest) and whether it has only known bases."""
    count = len(codes) - size + 1
    if count <= 0:
        return np.empty(0, np.uint32), np.empty(0, np.bool_)
    keys = np.zeros(count, np.uint32)
    for i in range(size):
        keys = (keys << np.uint32(2)) | (codes[i : i + count] & 3).astype(np.uint32)
    unknown = np.concatenate(([0], np.cumsum(codes > 3)))
    return keys, unknown[size:] == unknown[:count]


def extend(read: NDArray[np.uint8], text: NDArray[np.uint8], offset: int, place: int) -> tuple[int, int, int, int]:
    """The best ungapped extension of a 16-mer: start and end in the read, score, mismatches.

    Stops where the score falls 12 below its best, at the read's end and between the parts of the text.
    """
    score = best = SEED
    end = right = offset + SEED
    wrong = wrong_best = 0
    while right < len(read):
        other = place + right - offset
        if text[other] > 3 or score <= best - DROP:
            break
        same = read[right] == text[other]
        score += 1 if same else -MISMATCH
        wrong += not same
        right += 1
        if score > best:
            best, end, wrong_best = score, right, wrong
    score, wrong = best, wrong_best
    start = left = offset
    while left > 0:
        other = place + left - 1 - offset
        if other < 0 or text[other] > 3 or score <= best - DROP:
            break
        same = read[left - 1] == text[other]
        score += 1 if same else -MISMATCH
        wrong += not same
        left -= 1
        if score > best:
            best, start, wrong_best = score, left, wrong
    return start, end, best, wrong_best


def is_simple(codes: NDArray[np.uint8]) -> bool:
    """Whether a stretch holds fewer than six different three-base words (runs and short repeats)."""
    words = {bytes(codes[i : i + 3]) for i in range(len(codes) - 2)}
    return len(words) < MIN_WORDS
