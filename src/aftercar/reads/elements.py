"""Which parts of a construct the candidate reads touch: counts and depth by element, evidence kept apart from shared parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aftercar.reads.batch import DUPLICATE, Pair
from aftercar.reads.shared import merged, unshared_bases
from aftercar.reads.vector_index import MIN_SCORE, Match, VectorIndex
from aftercar.vocab.vectors import Element

#: Bases of an element that a read must cover to be counted for it.
LEAST = 16


@dataclass(frozen=True, slots=True)
class ElementCount:
    """Reads on one element of one target.

    Attributes:
        target: name in the vector index (the construct, or its provirus).
        element: the element; ``whole`` for the whole target.
        shared_bases: bases of it that the host shares.
        reads, pairs: reads and templates with at least 16 matching bases on it.
        evidence_pairs: templates with a match of at least 23 bases outside all shared parts, on it; duplicates left out.
        mean_depth: mean depth of matching bases, duplicates left out.
        covered: fraction of its bases with any read.
    """

    target: str
    element: Element
    shared_bases: int
    reads: int
    pairs: int
    evidence_pairs: int
    mean_depth: float
    covered: float


def element_table(index: VectorIndex) -> dict[str, list[Element]]:
    """The elements of each target: the whole, what the file annotates, and on a plasmid what does not integrate."""
    table: dict[str, list[Element]] = {}
    for target in index.targets:
        construct, provirus = index.constructs[target.construct], index.proviruses[target.construct]
        elements = [Element("whole", "other", 0, len(target.sequence))]
        if target.form == "provirus":
            elements += construct.provirus_elements(provirus)
        else:
            elements += construct.elements
            elements += [
                Element(f"outside the provirus {i}", "backbone", start, end)
                for i, (start, end) in enumerate(_outside(index, target.construct), 1)
            ]
        table[target.name] = elements
    return table


def _outside(index: VectorIndex, construct: int) -> list[tuple[int, int]]:
    """Parts of a construct as given that its provirus does not hold."""
    provirus, size = index.proviruses[construct], len(index.constructs[construct].sequence)
    if not provirus.has_ends:
        return []
    held: list[tuple[int, int]] = []
    for segment in provirus.segments:
        length = segment.end - segment.start
        low = segment.given if segment.strand == 1 else segment.given - length + 1
        held += [(max(0, low + turn), min(size, low + length + turn)) for turn in (-size, 0, size)]
    outside, at = [], 0
    for start, end in merged([part for part in held if part[1] > part[0]], 0):
        if start > at:
            outside.append((at, start))
        at = max(at, end)
    if at < size:
        outside.append((at, size))
    return outside


def count_elements(
    index: VectorIndex, pairs: Iterable[Pair], shared: Mapping[str, Sequence[tuple[int, int]]]
) -> list[ElementCount]:
    """Counts for every element of every target.

    Args:
        index: the vector.
        pairs: candidates.
        shared: shared parts by target name.
    """
    table = element_table(index)
    depth = [np.zeros(len(target.sequence) + 1) for target in index.targets]
    numbers = {name: np.zeros((len(elements), 3), np.int64) for name, elements in table.items()}
    for pair in pairs:
        reads = [read for read in (pair.first, pair.second) if read is not None]
        touched: dict[tuple[str, int], int] = {}
        for read in reads:
            matches = _best(index.matches(read.sequence))
            duplicate = bool(read.flag & DUPLICATE)
            on: set[tuple[str, int]] = set()
            for match in matches:
                name = index.targets[match.target].name
                if not duplicate:
                    _add_depth(depth[match.target], match)
                evidence = int(not duplicate and unshared_bases(match, shared.get(name, ())) >= MIN_SCORE)
                for i, element in enumerate(table[name]):
                    if _overlap(match, element, len(depth[match.target]) - 1) >= LEAST:
                        on.add((name, i))
                        touched[name, i] = touched.get((name, i), 0) | evidence
            for name, i in on:
                numbers[name][i, 0] += 1
        for (name, i), evidence in touched.items():
            numbers[name][i, 1] += 1
            numbers[name][i, 2] += evidence
    return [
        _row(name, element, numbers[name][i], depth[index.by_name[name]], shared.get(name, ()))
        for name, elements in table.items()
        for i, element in enumerate(elements)
    ]


def evidence_pairs(index: VectorIndex, pairs: Iterable[Pair], shared: Mapping[str, Sequence[tuple[int, int]]]) -> int:
    """Templates, duplicates left out, with at least 23 matching vector bases outside all shared parts in one read."""
    count = 0
    for pair in pairs:
        count += any(
            unshared_bases(match, shared.get(index.targets[match.target].name, ())) >= MIN_SCORE
            for read in (pair.first, pair.second)
            if read is not None and not read.flag & DUPLICATE
            for match in _best(index.matches(read.sequence))
        )
    return count


def _best(matches: Sequence[Match]) -> list[Match]:
    """Matches of score 23 or more that no better match of the read with that target overlaps much."""
    kept: list[Match] = []
    for match in matches:
        if match.score < MIN_SCORE:
            continue
        rivals = (k for k in kept if k.target == match.target and k.score > match.score)
        if any(min(k.read_end, match.read_end) - max(k.read_start, match.read_start) > LEAST for k in rivals):
            continue
        kept.append(match)
    return kept


def _add_depth(depth: NDArray[np.float64], match: Match) -> None:
    size = len(depth) - 1
    for turn in (-size, 0, size):
        start, end = max(0, match.start + turn), min(size, match.end + turn)
        if end > start:
            depth[start] += 1
            depth[end] -= 1


def _overlap(match: Match, element: Element, size: int) -> int:
    return max(min(match.end + turn, element.end) - max(match.start + turn, element.start) for turn in (-size, 0, size))


def _row(
    name: str,
    element: Element,
    counts: NDArray[np.int64],
    steps: NDArray[np.float64],
    shared: Sequence[tuple[int, int]],
) -> ElementCount:
    size = len(steps) - 1
    depth = np.cumsum(steps[:-1])
    places = np.arange(element.start, element.end) % size
    inside = np.zeros(size, np.bool_)
    for start, end in shared:
        inside[start:end] = True
    return ElementCount(
        name,
        element,
        int(inside[places].sum()),
        int(counts[0]),
        int(counts[1]),
        int(counts[2]),
        float(depth[places].mean()),
        float((depth[places] > 0.5).mean()),
    )
