"""Long reads from a host-aligned BAM: vector pieces, host flanks (split alignments and long insertions), methylation calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pysam

from aftercar.edges.alignments import opened
from aftercar.evidence.long_reads import Flank, LongRead, Piece
from aftercar.reads.vector_index import VectorIndex
from aftercar.vocab.vectors import reverse_complement

_CIGAR = re.compile(r"(\d+)([MIDNSHP=X])")
_INSERTION = 150  # an insertion in the alignment at least this long may be a provirus


def long_reads(path: Path, vector: VectorIndex, reference: Path | None = None, *, fewest: int = 100) -> Iterator[LongRead]:
    """Every read with at least ``fewest`` bases of vector, in the read's own direction.

    Only primary records are read: they hold the whole sequence, and their ``SA`` tag the other alignments.
    """
    target = next((t for t in vector.targets if t.form == "provirus"), vector.targets[0])
    number = vector.by_name[target.name]
    with opened(path, reference) as handle:
        for record in handle.fetch(until_eof=True):
            if record.flag & 0x900 or record.query_sequence is None:
                continue
            sequence = record.query_sequence.upper()
            if record.is_reverse:
                sequence = reverse_complement(sequence)
            pieces = tuple(
                Piece(m.read_start, m.read_end, m.start, m.end, m.strand) for m in vector.matches(sequence) if m.target == number
            )
            if sum(p.read_end - p.read_start for p in pieces) < fewest:
                continue
            yield LongRead(
                record.query_name or "", len(sequence), pieces, tuple(_flanks(record, len(sequence))), _methylation(record)
            )


def _flanks(record: pysam.AlignedSegment, length: int) -> Iterator[Flank]:
    if not record.is_unmapped and record.cigarstring:
        strand = -1 if record.is_reverse else 1
        yield from _parts(
            str(record.reference_name), record.reference_start, strand, record.cigarstring, record.mapping_quality, length
        )
    if record.has_tag("SA"):
        for entry in str(record.get_tag("SA")).rstrip(";").split(";"):
            contig, start, sign, cigar, quality, _ = entry.split(",")
            yield from _parts(contig, int(start) - 1, 1 if sign == "+" else -1, cigar, int(quality), length)


def _parts(contig: str, start: int, strand: int, cigar: str, quality: int, length: int) -> Iterator[Flank]:
    """An alignment as flanks, split at long insertions, with read bases in the read's own direction."""
    read, place = 0, start
    first_read, first_place = 0, start
    for size, kind in ((int(n), k) for n, k in _CIGAR.findall(cigar)):
        if kind in "SH" or (kind == "I" and size >= _INSERTION):
            if place > first_place:
                yield _flank(contig, first_read, read, first_place, place, strand, quality, length)
            read += size
            first_read, first_place = read, place
        elif kind in "M=X":
            read, place = read + size, place + size
        elif kind == "I":
            read += size
        elif kind in "DN":
            place += size
    if place > first_place:
        yield _flank(contig, first_read, read, first_place, place, strand, quality, length)


def _flank(contig: str, read: int, read_end: int, start: int, end: int, strand: int, quality: int, length: int) -> Flank:
    low, high = (read, read_end) if strand == 1 else (length - read_end, length - read)
    return Flank(contig, low, high, start, end, strand, quality)


def _methylation(record: pysam.AlignedSegment) -> tuple[tuple[int, float], ...]:
    """5mC calls of the read as (base in the read's direction, probability); empty without MM and ML tags."""
    if not (record.has_tag("MM") or record.has_tag("Mm")):
        return ()
    calls: list[tuple[int, float]] = []
    for (_, _, code), found in (record.modified_bases_forward or {}).items():
        if code == "m":
            calls += [(int(at), value / 255) for at, value in found if value >= 0]
    return tuple(sorted(calls))
