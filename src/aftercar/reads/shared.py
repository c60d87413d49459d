"""Parts that a vector shares with the host's genome: found by streaming the reference past the vector, or in the sample's own
host alignments, and labelled.

A CAR is made of human genes: CD8A hinge, 4-1BB, CD28, CD3 zeta, often the EF1a promoter. Reads from those parts are in
every human sample. A stretch is called shared from an ungapped match of score 25 on (chance gives about 0.05 such
matches of a 9 kb vector with 3.1 Gb). Reads that match nothing else are no evidence of presence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aftercar.reads import arrays
from aftercar.reads.batch import Pair, Read
from aftercar.reads.kernels import arguments, probe_text, simple, stretched, text_row
from aftercar.reads.native import HAVE_NUMBA, compiled, signed
from aftercar.reads.seeds import Seeds
from aftercar.reads.vector_index import CODES, Match, VectorIndex

#: Score from which a match with the host counts as shared.
SHARED_SCORE = 25
#: Bases on each side of a seed that a match with the reference is followed.
REACH = 256
_CODES = CODES
_GAP = 20
_CIGAR = re.compile(r"(\d+)([MIDNSHP=X])")

Intervals = Mapping[str, Sequence[tuple[int, int]]]

#: A contig below this length may be a vector or a virus in the reference.
SHORT_CONTIG = 300_000

_HOST_NAME = re.compile(
    r"^(chr)?(\d{1,2}|X|Y|M|MT|W|Z)(_\d+)*$|^(chr)?Un|^HLA|^hs3\dd|^(GL|KI|KN|KQ|KB|KZ|ML|JTFH|JH)\d|^N[CTW]_0000|^NT_|^NW_"
    r"|_(alt|random|fix)$|_hap\d+$|decoy",
    re.IGNORECASE,
)


def foreign_contigs(contigs: Iterable[str]) -> tuple[str, ...]:
    """Contigs whose names are not those of a host's chromosomes, patches, decoys or HLA: vectors, viruses, spike-ins."""
    return tuple(name for name in contigs if not _HOST_NAME.search(name.split(":")[0]))


def strange_contigs(contigs: Mapping[str, int]) -> frozenset[str]:
    """Short contigs of a foreign name, unless the file has no others (then its names say nothing)."""
    strange = frozenset(name for name in foreign_contigs(contigs) if contigs[name] < SHORT_CONTIG)
    return strange if len(strange) < len(contigs) else frozenset()


def carrying(index: VectorIndex, pairs: Iterable[Pair], contigs: Mapping[str, int], reads: Sequence[int]) -> tuple[str, ...]:
    """Contigs of the file's own reference that are the vector or its relative: at least half of their reads align there by
    vector bases.

    Args:
        index: the vector.
        pairs: candidates of the sample.
        contigs: contig lengths of the file.
        reads: primary reads on each contig, in that order.
    """
    short = {name for name in foreign_contigs(contigs) if contigs[name] < SHORT_CONTIG}
    seen = Counter(
        read.contig
        for pair in pairs
        for read in (pair.first, pair.second)
        if read is not None
        and read.is_mapped
        and read.contig in short
        and any(_overlaps(match, aligned_parts(read)) for match in index.matches(read.sequence))
    )
    return tuple(name for name, count in zip(contigs, reads, strict=True) if seen[name] and 2 * seen[name] >= count)


def is_vector(index: VectorIndex, seeds: Seeds, bases: NDArray[np.uint8]) -> bool:
    """Whether a contig (upper-case letters) is a vector or its relative: the vector matches a tenth of it or more.

    HIV-1, of which a lentiviral vector keeps about a fifth, is one; a piece of the host with one exon or promoter of the
    vector is not.
    """
    covered = np.zeros(len(index.text), np.bool_)
    return 8 * mark_form(bases, covered, *arguments(seeds, nibbles=False)) >= len(bases) / 10


@compiled
def mark(
    data: NDArray[np.uint8],
    covered: NDArray[np.bool_],
    shift: np.uint64,
    bitmap: NDArray[np.uint64],
    slot_shift: np.uint32,
    slot_keys: NDArray[np.uint32],
    slot_rows: NDArray[np.int32],
    places: NDArray[np.int32],
    last: NDArray[np.bool_],
    text: NDArray[np.uint8],
) -> int:
    """Mark in ``covered`` (parallel to the index's text) what a stretch of the host matches.

    Returns at how many of the tested places (every eighth base) there was a match.
    """
    found = 0
    at = 0
    final = len(data) - 16
    while True:
        at = probe_text(data, at, final, shift, bitmap)
        if at < 0:
            return found
        row = text_row(data, at, slot_shift, slot_keys, slot_rows)
        if row >= 0:
            low = max(0, at - REACH)
            codes = _CODES[data[low : min(len(data), at + 16 + REACH)]]
            matched = False
            while True:
                place = signed(places[row])
                start, end, score = stretched(codes, text, at - low, place)
                if score >= SHARED_SCORE and not simple(codes, start, end):
                    diagonal = place - (at - low)
                    covered[diagonal + start : diagonal + end] = True
                    matched = True
                if last[row]:
                    break
                row += 1
            found += matched
        at += 8


def mark_plainly(data: NDArray[np.uint8], covered: NDArray[np.bool_], *tables: object) -> int:
    """:func:`mark` in NumPy."""
    return arrays.mark(data, covered, *tables, score=SHARED_SCORE, reach=REACH)


#: The form that does the work: :func:`mark_plainly` where numba is missing.
mark_form: Callable[..., int] = mark if HAVE_NUMBA else mark_plainly


def from_reference(index: VectorIndex, seeds: Seeds, pieces: Iterable[NDArray[np.uint8]]) -> Intervals:
    """Shared parts against the host's genome.

    Args:
        index, seeds: the vector.
        pieces: the host as upper-case letters, neighbouring pieces overlapping by at least 300 bases; without contigs that
            are a vector (:func:`is_vector`).
    """
    covered = np.zeros(len(index.text), np.bool_)
    tables = arguments(seeds, nibbles=False)
    for piece in pieces:
        mark_form(piece, covered, *tables)
    found: dict[str, list[tuple[int, int]]] = {target.name: [] for target in index.targets}
    edges = np.flatnonzero(np.diff(np.concatenate(([0], covered.view(np.int8), [0]))))
    for low, high in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        target, strand, first = index.locate(low)
        start = first if strand == 1 else first - (high - low) + 1
        found[index.targets[target].name].append((start, start + high - low))
    return {target.name: merged(_inside(found[target.name], len(target.sequence)), _GAP) for target in index.targets}


def from_alignments(index: VectorIndex, pairs: Iterable[Pair], foreign: Iterable[str]) -> Intervals:
    """Shared parts from the sample itself: vector bases that stand inside a good alignment with a host contig.

    Only alignments with at most 5% differing bases count, and only matches of score 25 inside their aligned bases, so
    that an aligner's few bases of reach across a junction do not.
    """
    away = frozenset(foreign)
    found: dict[str, list[tuple[int, int]]] = {target.name: [] for target in index.targets}
    for pair in pairs:
        for read in (pair.first, pair.second, *pair.supplementary):
            if read is None or not read.is_mapped or read.contig in away:
                continue
            blocks = aligned_parts(read)
            if not blocks or _differences(read) > 0.05 * sum(end - start for start, end in blocks):
                continue
            for match in index.matches(read.sequence):
                if match.score >= SHARED_SCORE:
                    for part in _overlaps(match, blocks):
                        found[index.targets[match.target].name].append(part)
    return {t.name: merged(_inside(found[t.name], len(t.sequence)), max(_GAP, 150)) for t in index.targets}


def from_names(index: VectorIndex) -> Intervals:
    """Parts whose annotation names a human gene: a guess for when nothing better is at hand."""
    found: dict[str, Sequence[tuple[int, int]]] = {}
    for target in index.targets:
        construct, provirus = index.constructs[target.construct], index.proviruses[target.construct]
        elements = construct.provirus_elements(provirus) if target.form == "provirus" else construct.elements
        parts = [(e.start, e.end) for e in elements if e.sounds_human]
        found[target.name] = merged(_inside(parts, len(target.sequence)), _GAP)
    return found


def unshared_bases(match: Match, shared: Sequence[tuple[int, int]]) -> int:
    """Bases of a match that lie outside the shared parts of its target."""
    inside = sum(max(0, min(match.end, end) - max(match.start, start)) for start, end in shared)
    return match.end - match.start - inside


def aligned_parts(read: Read) -> list[tuple[int, int]]:
    """Stretches of the read as stored (0-based half-open) that are aligned to the reference; insertions split them."""
    parts: list[tuple[int, int]] = []
    at = 0
    for size_text, operation in _CIGAR.findall(read.cigar):
        size = int(size_text)
        if operation in "M=X":
            if parts and parts[-1][1] == at:
                parts[-1] = (parts[-1][0], at + size)
            else:
                parts.append((at, at + size))
        if operation in "MIS=X":
            at += size
    return parts


def merged(intervals: Iterable[tuple[int, int]], gap: int) -> tuple[tuple[int, int], ...]:
    """Sorted intervals, joined where at most ``gap`` bases lie between."""
    done: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if done and start <= done[-1][1] + gap:
            done[-1] = (done[-1][0], max(done[-1][1], end))
        else:
            done.append((start, end))
    return tuple(done)


def _inside(intervals: Iterable[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """Intervals within the target; what crosses the origin of a circular one comes back in two parts."""
    parts: list[tuple[int, int]] = []
    for start, end in intervals:
        for turn in (-size, 0, size):
            low, high = max(0, start + turn), min(size, end + turn)
            if high > low:
                parts.append((low, high))
    return parts


def _overlaps(match: Match, blocks: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Target parts of a match whose read bases are aligned over at least 25 bases."""
    parts = []
    for start, end in blocks:
        low, high = max(start, match.read_start), min(end, match.read_end)
        if high - low >= SHARED_SCORE:
            if match.strand == 1:
                parts.append((match.start + low - match.read_start, match.start + high - match.read_start))
            else:
                parts.append((match.start + match.read_end - high, match.start + match.read_end - low))
    return parts


def _differences(read: Read) -> int:
    text = read.tags.get("NM", "")
    return int(text) if text.isdigit() else 0
