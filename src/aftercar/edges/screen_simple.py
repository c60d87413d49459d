"""The screen in its plainest form: pysam and Python, record by record.

It is the oracle of the fast screens in the tests, reads SAM text and CRAM that the shortcut cannot take, and costs about a
hundred times more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aftercar.edges import alignments
from aftercar.edges.fastq import FastqRecord, paired_records
from aftercar.reads import tally as counting
from aftercar.reads.batch import Pair, Read
from aftercar.reads.gathering import from_fastq, pairs_of
from aftercar.reads.tally import LARGEST_INSERT, LONGEST, SURE, WINDOW, Tally
from aftercar.reads.vector_index import VectorIndex


@dataclass(frozen=True, slots=True)
class Found:
    """What one file gave: candidate pairs, how many lack their mate, and the counts."""

    pairs: list[Pair]
    without_mate: int
    tally: Tally


def screen_alignments(path: Path, index: VectorIndex, reference: Path | None = None) -> Found:
    """Screen a BAM, CRAM or SAM file in two passes: find the templates, then gather all their records."""
    names: set[str] = set()
    with alignments.opened(path, reference) as handle:
        tally = Tally(alignments.contigs_of(handle))
        for number, record in enumerate(handle.fetch(until_eof=True)):
            sequence = record.query_sequence or ""
            _count(tally, record, sequence, number)
            if index.is_candidate(sequence):
                names.add(record.query_name or "")
    kept: list[Read] = []
    if names:
        with alignments.opened(path, reference) as handle:
            kept = [alignments.read_of(r) for r in handle.fetch(until_eof=True) if (r.query_name or "") in names]
    pairs, lonely = pairs_of(kept)
    return Found(pairs, lonely, tally)


def screen_fastq(first: Path, second: Path | None, index: VectorIndex) -> Found:
    """Screen one FASTQ file (single-end or interleaved) or two in step."""
    tally = Tally({})
    pairs: list[Pair] = []
    for number, (one, two) in enumerate(paired_records(first, second)):
        for end in (one, two):
            if end is not None:
                _count_fastq(tally, end, number)
        if index.is_candidate(one.sequence) or (two is not None and index.is_candidate(two.sequence)):
            pairs.append(from_fastq(one.name, (one.sequence, one.qualities), (two.sequence, two.qualities) if two else None))
    return Found(pairs, 0, tally)


def _count(tally: Tally, record: object, sequence: str, number: int) -> None:
    import pysam

    assert isinstance(record, pysam.AlignedSegment)
    counts = tally.counts
    if record.is_secondary:
        counts[counting.SECONDARIES] += 1
        return
    if record.is_supplementary:
        counts[counting.SUPPLEMENTARIES] += 1
        return
    length = len(sequence)
    counts[counting.READS] += 1
    counts[counting.BASES] += length
    tally.lengths[min(length, LONGEST)] += 1
    counts[counting.DUPLICATES] += record.is_duplicate
    counts[counting.QC_FAILS] += record.is_qcfail
    sampled = number % 64 == 0
    if sampled and record.query_qualities is not None:
        for quality in record.query_qualities:
            tally.qualities[quality] += 1
    if record.is_unmapped:
        counts[counting.UNMAPPEDS] += 1
        return
    counts[counting.PROPERS] += record.is_proper_pair
    counts[counting.WIDOWED] += record.is_paired and record.mate_is_unmapped
    if record.cigartuples and any(op == 4 and size >= 16 for op, size in record.cigartuples):
        counts[counting.CLIPPED] += 1
    if record.is_duplicate or record.is_qcfail:
        return
    tally.contig_reads[record.reference_id] += 1
    if record.is_proper_pair and 0 < record.template_length < LARGEST_INSERT:
        tally.inserts[record.template_length] += 1
    for start, end in record.get_blocks():
        _depth(tally, tally.windows, record.reference_id, start, end)
        if record.mapping_quality < SURE:
            _depth(tally, tally.doubtful, record.reference_id, start, end)


def _depth(tally: Tally, windows: NDArray[np.int64], contig: int, start: int, end: int) -> None:
    offset, last = int(tally.offsets[contig]), int(tally.offsets[contig + 1]) - 1
    while start < end:
        stop = min(end, (start // WINDOW + 1) * WINDOW)
        windows[min(offset + start // WINDOW, last)] += stop - start
        start = stop


def _count_fastq(tally: Tally, end: FastqRecord, number: int) -> None:
    tally.counts[counting.READS] += 1
    tally.counts[counting.BASES] += len(end.sequence)
    tally.counts[counting.UNMAPPEDS] += 1
    tally.lengths[min(len(end.sequence), LONGEST)] += 1
    if number % 64 == 0:
        for quality in end.qualities:
            tally.qualities[quality] += 1


def records(path: Path, reference: Path | None = None) -> Iterator[Read]:
    """Every record of a BAM, CRAM or SAM file as our value."""
    with alignments.opened(path, reference) as handle:
        for record in handle.fetch(until_eof=True):
            yield alignments.read_of(record)
