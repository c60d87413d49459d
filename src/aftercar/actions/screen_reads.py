"""Screen the reads of one sample for a vector: every read once, candidates and counts out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from aftercar.edges import alignments, screen_simple
from aftercar.edges.fasta import FastaFile
from aftercar.edges.fastq import STDIN, pair_up
from aftercar.errors import UsageError
from aftercar.reads import tally as counting
from aftercar.reads.batch import HostDepth, Pair, Screened
from aftercar.reads.tally import Tally, aligned_depth, assumed_depth
from aftercar.reads.vector_index import VectorIndex
from aftercar.vocab.vectors import Construct


class Progress(Protocol):
    """Told how far the work is."""

    def __call__(self, done: float, total: float | None, words: str) -> None:
        """``done`` of ``total``, in words."""


def silent(done: float, total: float | None, words: str) -> None:
    """A progress that says nothing."""


def screen_reads(
    reads: Sequence[Path],
    vectors: VectorIndex | Construct | Iterable[Construct],
    *,
    reference: Path | None = None,
    quick: bool = False,
    progress: Progress = silent,
) -> Screened:
    """Find every read of a sample that touches the vector.

    Args:
        reads: the files of one sample: BAM, CRAM or FASTQ (plain, gzip, bgzip; two ends, lanes, interleaved; ``-`` is
            FASTQ on stdin). Kinds are told by content, not by name.
        vectors: an index, one construct or several.
        reference: the host's FASTA; needed for CRAM, and the best source for the parts that vector and host share.
        quick: read only the unmapped reads at the end of an indexed BAM.
        progress: told how far it is.

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
    if kind == "fastq":
        found = [screen_simple.screen_fastq(one, two, index) for one, two in pair_up(paths)]
    else:
        found = [screen_simple.screen_alignments(path, index, reference) for path in paths]
    return _screened(found, "bam" if kind == "sam" else kind, reference)


def _constructs(vectors: Construct | Iterable[Construct]) -> Iterable[Construct]:
    return [vectors] if isinstance(vectors, Construct) else vectors


def _screened(found: Sequence[screen_simple.Found], source: str, reference: Path | None) -> Screened:
    tally = found[0].tally
    for other in found[1:]:
        if dict(other.tally.contigs) != dict(tally.contigs):
            raise UsageError("the files were aligned to different references", fix="give one sample's files of one reference")
        tally.add(other.tally)
    pairs: list[Pair] = [pair for part in found for pair in part.pairs]
    mean, deviation = tally.insert_size()
    notes = [] if tally.counts[counting.READS] else ["The input holds no reads: nothing can be said of the vector."]
    assert source in ("bam", "cram", "fastq")
    return Screened(
        pairs=pairs,
        reads=int(tally.counts[counting.READS]),
        duplicates=int(tally.counts[counting.DUPLICATES]),
        read_length=tally.read_length(),
        insert_mean=mean,
        insert_sd=deviation,
        host=_depth(tally, source, reference),
        contigs=tally.contigs,
        source=source,  # type: ignore[arg-type]
        notes=tuple(notes),
    )


def _depth(tally: Tally, source: str, reference: Path | None) -> HostDepth:
    if source != "fastq" and tally.windows.any():
        return aligned_depth(tally)
    size = None
    if reference is not None:
        with FastaFile(reference) as fasta:
            size = float(sum(fasta.lengths.values()))
    return assumed_depth(tally, size)
