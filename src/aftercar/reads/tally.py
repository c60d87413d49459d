"""What is counted while the reads pass: reads, lengths, qualities, insert sizes, depth of the host by windows.

The arrays are plain so that the kernels fill the same ones as the slow forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aftercar.reads.batch import HostDepth
from aftercar.vocab.genomes import bare_contig

Counts = NDArray[np.int64]

#: Bases of a depth window.
WINDOW = 1024
#: A mapping quality below this leaves the place in doubt (255 means not known, and is none).
SURE = 20
#: Windows with a larger share of bases in doubt are left out of the host's depth.
MOST_DOUBTFUL = 0.1
#: A sample with this share of its bases at over three times the usual depth, and reads on so many windows, was captured or
#: transcribed: the depth of what was sequenced says nothing of a vector's.
PILED, PILED_WINDOWS = 0.2, 2_000
#: Least windows of a GC curve, and the standard deviation of its smoothing in percents.
GC_WINDOWS, GC_STEP = 200, 2.0
LONGEST = 65536
LARGEST_INSERT = 8192

# Places in Tally.counts.
READS, DUPLICATES, QC_FAILS, SECONDARIES, SUPPLEMENTARIES, UNMAPPEDS, BASES, PROPERS, CLIPPED, WIDOWED = range(10)
COUNTS = (
    "reads",
    "duplicates",
    "qc_fail",
    "secondary",
    "supplementary",
    "unmapped",
    "bases",
    "proper_pairs",
    "clipped",
    "mate_unmapped",
)
_GENOME_SIZE = 3.1e9


@dataclass(slots=True)
class Tally:
    """Running counts of one screen.

    Attributes:
        counts: by :data:`COUNTS`; ``reads``, ``bases`` and the rest are of primary records, ``secondary`` and
            ``supplementary`` count the others; ``proper_pairs``, ``clipped`` and ``mate_unmapped`` are
            mapped reads.
        lengths: primary reads by length (longer ones in the last bin).
        inserts: proper pairs by template length (0 to 8191).
        qualities: bases by Phred score, of every 64th record.
        windows: aligned bases by window of 1,024 reference bases, all contigs one behind another.
        doubtful: of those, bases of reads with a mapping quality below 20.
        contig_reads: primary aligned reads by contig.
        contigs: contig lengths in the order of the header.
    """

    contigs: Mapping[str, int]
    counts: Counts = field(default_factory=lambda: np.zeros(len(COUNTS), np.int64))
    lengths: Counts = field(default_factory=lambda: np.zeros(LONGEST + 1, np.int64))
    inserts: Counts = field(default_factory=lambda: np.zeros(LARGEST_INSERT, np.int64))
    qualities: Counts = field(default_factory=lambda: np.zeros(256, np.int64))
    windows: Counts = field(init=False)
    doubtful: Counts = field(init=False)
    offsets: Counts = field(init=False)
    contig_reads: Counts = field(init=False)

    def __post_init__(self) -> None:
        sizes = np.array([length // WINDOW + 1 for length in self.contigs.values()], np.int64)
        self.offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
        self.windows = np.zeros(int(self.offsets[-1]), np.int64)
        self.doubtful = np.zeros_like(self.windows)
        self.contig_reads = np.zeros(len(self.contigs), np.int64)

    def add(self, other: Tally) -> None:
        """Add the counts of another part of the same sample."""
        for name in ("counts", "lengths", "inserts", "qualities", "windows", "doubtful", "contig_reads"):
            mine = getattr(self, name)
            mine += getattr(other, name)

    def read_length(self) -> int:
        """Most common read length; 0 without reads. Reads too long for the table give their mean length."""
        if not self.lengths.any():
            return 0
        mode = int(self.lengths.argmax())
        return mode if mode < LONGEST else int(self.counts[BASES] / max(1, self.counts[READS]))

    def insert_size(self) -> tuple[float, float]:
        """Mean and standard deviation of the template length, without the far tail (10 MADs); NaN without pairs."""
        total = int(self.inserts.sum())
        if total < 2:
            return float("nan"), float("nan")
        sizes = np.arange(len(self.inserts))
        median = int(np.searchsorted(np.cumsum(self.inserts), total / 2))
        away = np.abs(sizes - median)
        by_distance = np.bincount(away, weights=self.inserts)
        spread = max(1, int(np.searchsorted(np.cumsum(by_distance), total / 2)))
        weights = np.where(away <= 10 * spread, self.inserts, 0)
        mean = float(np.average(sizes, weights=weights))
        return mean, float(np.sqrt(np.average((sizes - mean) ** 2, weights=weights)))

    def mean_quality(self) -> float:
        """Mean Phred score of the sampled bases; NaN when the file has none."""
        known = self.qualities[:94]
        return float(np.average(np.arange(94), weights=known)) if known.any() else float("nan")


def aligned_depth(tally: Tally, leave_out: frozenset[str] = frozenset()) -> HostDepth:
    """Mean depth over the covered host where reads have one place, from the windows.

    A window counts as covered from a fifth of the median of the windows with any read on, so a slice of a genome
    gives the depth of what was sequenced. Windows are joined until they hold 20 reads or a depth of 5 on average. Windows
    with more than a tenth of their bases in doubt (repeats, where reads of other places pile up or are missing) are left out,
    unless all are. The mitochondrion and the contigs in ``leave_out`` (vectors, viruses) are not host here. Of a capture panel,
    an exome or RNA no depth is given: whether the vector was caught is not known.
    """
    parts = []
    for i, (contig, length) in enumerate(tally.contigs.items()):
        if contig in leave_out or bare_contig(contig) in ("MT", "M"):
            continue
        low, high = int(tally.offsets[i]), int(tally.offsets[i + 1])
        sizes = np.full(high - low, WINDOW, np.int64)
        sizes[-1] = length % WINDOW
        parts.append((tally.windows[low:high], tally.doubtful[low:high], sizes))
    if not any(bases.any() for bases, _, _ in parts):
        return HostDepth(float("nan"), 0.0, how="no aligned host read")
    length = max(1, tally.read_length())
    joined = 1
    bases, doubtful, sizes = _joined(parts, joined)
    while joined < 1024 and bases[bases > 0].mean() < min(20 * length, 5 * WINDOW * joined):
        joined *= 2
        bases, doubtful, sizes = _joined(parts, joined)
    depth = bases / np.maximum(1, sizes)
    repeats = doubtful > MOST_DOUBTFUL * bases
    usual = np.median(depth[bases > 0])
    if np.count_nonzero(bases) >= PILED_WINDOWS and bases[(depth > 3 * usual) & ~repeats].sum() > PILED * bases[~repeats].sum():
        return HostDepth(float("nan"), 0.0, how="not known: the reads are piled up as in a capture panel, an exome or RNA")
    covered = (sizes > 0) & (depth >= 0.2 * usual)
    sure = covered & ~repeats
    chosen = sure if sure.any() else covered
    total = float(sizes[chosen].sum())
    how = f"aligned bases over the covered windows of {WINDOW * joined:,} bases"
    how += (
        f", {int(covered.sum() - chosen.sum()):,} of {int(covered.sum()):,} left out as repeats"
        if (covered & ~chosen).any()
        else ""
    )
    return HostDepth(float(bases[chosen].sum() / total), total, how=how)


def assumed_depth(tally: Tally, genome_size: float | None) -> HostDepth:
    """Depth of the host when nothing is aligned: all bases over the reference's (or an assumed) length."""
    bases = float(tally.counts[BASES])
    size = genome_size or _GENOME_SIZE
    how = f"all bases over {'the reference of' if genome_size else 'an assumed genome of'} {size:,.0f} bases"
    return HostDepth(bases / size if bases else float("nan"), size, how=how)


def relative_gc(percent: NDArray[np.float64], depth: NDArray[np.float64]) -> tuple[float, ...]:
    """Relative depth by GC percent, smoothed over neighbouring percents.

    Args:
        percent: GC of windows of the covered host, 0 to 100.
        depth: their depth over the mean.

    Returns:
        101 values, those beyond the windows' GC as at its edge; none from fewer than 200 windows.
    """
    if len(percent) < GC_WINDOWS:
        return ()
    number = np.bincount(np.rint(percent).astype(int), minlength=101)
    total = np.bincount(np.rint(percent).astype(int), weights=depth, minlength=101)
    away = np.arange(101)[:, None] - np.arange(101)
    weight = np.exp(-0.5 * (away / GC_STEP) ** 2)
    known = np.flatnonzero(weight @ number >= GC_WINDOWS / 10)
    curve = (weight @ total)[known] / (weight @ number)[known]
    return tuple(float(value) for value in np.interp(np.arange(101), known, curve))


def _joined(parts: Sequence[tuple[Counts, ...]], count: int) -> tuple[Counts, ...]:
    """Each kind of window joined ``count`` by ``count`` within its contig, all contigs one behind another."""
    return tuple(np.concatenate([_join(values, count) for values in kind]) for kind in zip(*parts, strict=True))


def _join(values: Counts, count: int) -> Counts:
    if count == 1:
        return values
    padded = np.concatenate((values, np.zeros(-len(values) % count, np.int64)))
    return padded.reshape(-1, count).sum(axis=1)
