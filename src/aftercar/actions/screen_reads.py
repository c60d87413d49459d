"""Screen the reads of one sample for a vector: every read once, candidates and counts out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from aftercar.actions.progress import Progress, silent
from aftercar.edges import alignments, screen_simple
from aftercar.edges.bam import BamScreen, open_header
from aftercar.edges.bam_index import unplaced_start
from aftercar.edges.cram import screen_cram
from aftercar.edges.fasta import FastaFile
from aftercar.edges.fastq import STDIN, pair_up
from aftercar.edges.fastq_screen import screen_fastq_fast
from aftercar.edges.screen_simple import Found
from aftercar.edges.streams import sane_threads
from aftercar.errors import UsageError
from aftercar.reads import shared as sharing
from aftercar.reads import tally as counting
from aftercar.reads.batch import HostDepth, Pair, Screened
from aftercar.reads.seeds import Seeds
from aftercar.reads.shared import Intervals
from aftercar.reads.tally import Tally, aligned_depth, assumed_depth, relative_gc
from aftercar.reads.vector_index import VectorIndex
from aftercar.vocab.vectors import Construct

UNMAPPED_LOST = (
    "{:,} reads have an unmapped mate, yet no unmapped read is in the file: they were taken out, and reads inside the vector "
    "with them. Give the file as the aligner left it, or the FASTQ."
)
NO_READS = "The input holds no reads: nothing can be said of the vector."


@dataclass(frozen=True, slots=True)
class _Job:
    """What one screen works with."""

    index: VectorIndex
    seeds: Seeds
    reference: Path | None
    threads: int
    progress: Progress


def screen_reads(
    reads: Sequence[Path],
    vectors: VectorIndex | Construct | Iterable[Construct],
    *,
    reference: Path | None = None,
    quick: bool = False,
    progress: Progress = silent,
    threads: int | None = None,
) -> Screened:
    """Find every read of a sample that touches the vector.

    Args:
        reads: the files of one sample: BAM, CRAM or FASTQ (plain, gzip, bgzip; two ends, lanes, interleaved; ``-`` is
            FASTQ on stdin). Kinds are told by content, not by name.
        vectors: an index, one construct or several.
        reference: the host's FASTA; the best source for the parts that vector and host share.
        quick: read only the unplaced reads at the end of an indexed BAM; a negative then proves nothing.
        progress: told how far it is.
        threads: inflating threads; by default one a core, at most eight.

    Raises:
        UsageError: no file, or files of different kinds.
        InputError: a file that is damaged, cut short or not what it should be; never a short count.
    """
    index = vectors if isinstance(vectors, VectorIndex) else VectorIndex.build(_constructs(vectors))
    paths = [Path(path) for path in reads]
    if not paths:
        raise UsageError("no reads given", fix="name a BAM, a CRAM or FASTQ files")
    kinds = {"fastq" if path == STDIN else alignments.kind_of(path) for path in paths}
    if len(kinds) > 1:
        raise UsageError(f"files of different kinds: {', '.join(sorted(kinds))}", fix="give one sample's files of one kind")
    kind = kinds.pop()
    if quick and kind != "bam":
        raise UsageError("a quick look needs an indexed BAM", fix="leave --quick away; the full screen of a CRAM is as quick")
    job = _Job(index, Seeds.of(index), reference, sane_threads(threads), progress)
    notes: list[str] = []
    found = list(_screen(paths, kind, quick, job, notes))
    return _screened(found, kind, quick, job, notes)


def _constructs(vectors: Construct | Iterable[Construct]) -> Iterable[Construct]:
    return [vectors] if isinstance(vectors, Construct) else vectors


def _screen(paths: Sequence[Path], kind: str, quick: bool, job: _Job, notes: list[str]) -> Iterator[Found]:
    if kind == "fastq":
        for one, two in pair_up(paths):
            yield screen_fastq_fast(
                one, two, job.seeds, lambda done: job.progress(done / 1e6, None, "MB of FASTQ"), max(1, job.threads // 2)
            )
        return
    for path in paths:
        if kind == "bam":
            yield _screen_bam(path, quick, job)
        elif kind == "cram":
            found, more = screen_cram(path, job.seeds, job.reference, job.threads, _file_progress(path, job))
            notes += more
            yield found
        else:
            yield screen_simple.screen_alignments(path, job.index, job.reference)


def _file_progress(path: Path, job: _Job) -> Callable[[float, float], None]:
    return lambda done, total: job.progress(done / 1e6, total / 1e6, f"MB of {path.name}")


def _screen_bam(path: Path, quick: bool, job: _Job) -> Found:
    screen = BamScreen(path, job.seeds, job.threads, _file_progress(path, job))
    if not quick:
        return screen.run()
    start, offset = unplaced_start(path)
    header = open_header(path)
    return screen.run_section(start, offset, header) if start else Found([], 0, Tally(header.contigs))


def _screened(found: Sequence[Found], kind: str, quick: bool, job: _Job, notes: list[str]) -> Screened:
    tally = found[0].tally
    for other in found[1:]:
        if dict(other.tally.contigs) != dict(tally.contigs):
            raise UsageError("the files were aligned to different references", fix="give one sample's files of one reference")
        tally.add(other.tally)
    pairs: list[Pair] = [pair for part in found for pair in part.pairs]
    lonely = sum(part.without_mate for part in found)
    if not tally.counts[counting.READS]:
        notes.append(NO_READS)
    if lonely:
        notes.append(f"{lonely} candidate templates lack their mate in the file.")
    if quick:
        notes.append("Quick look: only reads without a place were read. A negative needs the full pass.")
    vector_contigs = sharing.carrying(job.index, pairs, tally.contigs, tally.contig_reads.tolist())
    if vector_contigs:
        notes.append(f"The file's reference holds the vector or a relative of it: {', '.join(vector_contigs)}.")
    shared, known = _shared(pairs, tally, kind, vector_contigs, job, notes)
    robbed = kind != "fastq" and not quick and _lost_its_unmapped(tally)
    if robbed:
        notes.append(UNMAPPED_LOST.format(tally.counts[counting.WIDOWED]))
    mean, deviation = tally.insert_size()
    return Screened(
        pairs=pairs,
        reads=int(tally.counts[counting.READS]),
        duplicates=int(tally.counts[counting.DUPLICATES]),
        read_length=tally.read_length(),
        insert_mean=mean,
        insert_sd=deviation,
        host=_depth(tally, kind, quick, vector_contigs, job.reference),
        contigs=tally.contigs,
        source=_source(kind),
        complete=not (quick or robbed),
        notes=tuple(notes),
        human_shared=shared,
        shared_known=known,
        vector_contigs=vector_contigs,
        metrics=_metrics(tally, pairs, lonely),
    )


def _lost_its_unmapped(tally: Tally) -> bool:
    """Whether unmapped reads were filtered from the file: mates tell of them."""
    return bool(tally.counts[counting.WIDOWED]) and not tally.counts[counting.UNMAPPEDS]


def _source(kind: str) -> Literal["bam", "cram", "fastq"]:
    return "cram" if kind == "cram" else "fastq" if kind == "fastq" else "bam"


def _shared(
    pairs: Sequence[Pair], tally: Tally, kind: str, vector_contigs: Sequence[str], job: _Job, notes: list[str]
) -> tuple[Intervals, bool]:
    if job.reference is not None:
        job.progress(0, None, "comparing the vector with the reference")
        status = job.reference.stat()
        return _shared_with(_Key(job.index), job.reference, status.st_mtime_ns, status.st_size), True
    if kind != "fastq" and tally.counts[counting.UNMAPPEDS] < tally.counts[counting.READS]:
        away = sharing.strange_contigs(tally.contigs).union(vector_contigs)
        notes.append(
            "Parts shared with the host's genome were found in the sample's own alignments; a reference finds them surely."
        )
        return sharing.from_alignments(job.index, pairs, away), True
    notes.append("Parts shared with the host's genome are guessed from the names of the elements; give a reference to find them.")
    return sharing.from_names(job.index), False


class _Key:
    """An index as a key of a cache, equal when the sequences are."""

    def __init__(self, index: VectorIndex) -> None:
        self.index = index
        self._key = tuple((target.name, target.sequence, target.circular) for target in index.targets)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._key == other._key


@lru_cache(maxsize=8)
def _shared_with(key: _Key, reference: Path, changed: int, size: int) -> Intervals:
    """Shared parts against a reference, kept for the next sample of a study."""
    index = key.index
    with FastaFile(reference) as fasta:
        vectors = _vectors_in(fasta, index)
        pieces = (bases for name, _, bases in fasta.stream(overlap=300) if name not in vectors)
        return sharing.from_reference(index, Seeds.of(index), pieces)


def shared_with_reference(index: VectorIndex, reference: Path) -> Intervals:
    """Parts of each target that the host's genome shares, by streaming the reference once past the vector."""
    status = reference.stat()
    return _shared_with(_Key(index), reference, status.st_mtime_ns, status.st_size)


def vectors_in_reference(vectors: Iterable[Construct], reference: Path) -> frozenset[str]:
    """Contigs of a reference that are the vector or its relative (a hybrid genome, a virus): no host."""
    with FastaFile(reference) as fasta:
        return _vectors_in(fasta, VectorIndex.build(vectors))


def _vectors_in(fasta: FastaFile, index: VectorIndex) -> frozenset[str]:
    seeds = Seeds.of(index)
    short = [name for name in sharing.foreign_contigs(fasta.lengths) if fasta.lengths[name] < sharing.SHORT_CONTIG]
    return frozenset(name for name in short if sharing.is_vector(index, seeds, fasta.fetch_array(name, 0, fasta.lengths[name])))


def _depth(tally: Tally, kind: str, quick: bool, vector_contigs: Sequence[str], reference: Path | None) -> HostDepth:
    if quick:
        return HostDepth(float("nan"), 0.0, how="not measured by a quick look")
    if kind != "fastq" and tally.windows.any():
        depth = aligned_depth(tally, sharing.strange_contigs(tally.contigs).union(vector_contigs))
        if reference is None or math.isnan(depth.mean):
            return depth
        return HostDepth(depth.mean, depth.bases, _gc_curve(tally, depth.mean, reference), depth.how)
    size = None
    if reference is not None:
        with FastaFile(reference) as fasta:
            size = float(sum(fasta.lengths.values()))
    return assumed_depth(tally, size)


def _gc_curve(tally: Tally, mean: float, reference: Path) -> tuple[float, ...]:
    """Relative depth by GC of the reference's windows: a sample of at most 50,000 of those inside covered, unrepeated host."""
    covered = (tally.windows > 0.2 * mean * counting.WINDOW) & (tally.doubtful <= counting.MOST_DOUBTFUL * tally.windows)
    inside = np.flatnonzero(covered[1:-1] & covered[:-2] & covered[2:]) + 1
    percents, depths = [], []
    names = list(tally.contigs)
    with FastaFile(reference) as fasta:
        for window in inside[:: max(1, len(inside) // 50_000)]:
            contig = int(np.searchsorted(tally.offsets, window, "right")) - 1
            name = fasta.name_of(names[contig])
            start = (int(window) - int(tally.offsets[contig])) * counting.WINDOW
            codes = fasta.fetch_array(name, start, start + counting.WINDOW) if name is not None else np.zeros(0, np.uint8)
            if len(codes) == counting.WINDOW and not (codes == 78).any():
                percents.append(100 * float(((codes == 67) | (codes == 71)).mean()))
                depths.append(tally.windows[window] / counting.WINDOW / mean)
    return relative_gc(np.array(percents), np.array(depths))


def _metrics(tally: Tally, pairs: Sequence[Pair], lonely: int) -> dict[str, float]:
    figures = {name: float(value) for name, value in zip(counting.COUNTS, tally.counts, strict=True)}
    figures["mean_base_quality"] = tally.mean_quality()
    figures["candidate_pairs"] = float(len(pairs))
    figures["candidates_without_mate"] = float(lonely)
    reads = max(1.0, figures["reads"])
    figures["duplicate_fraction"] = figures["duplicates"] / reads
    figures["unmapped_fraction"] = figures["unmapped"] / reads
    return figures
