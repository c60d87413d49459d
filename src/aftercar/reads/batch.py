"""The currency between the screen and the evidence: candidate pairs with what the file said of them.

A :class:`Read` follows the SAM convention: sequence and qualities stand as in the file (reverse-complemented
when the reverse flag is set), positions are 0-based, an unmapped read has no contig. Reads from FASTQ are
unmapped reads in the orientation of the sequencer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

PAIRED, PROPER, UNMAPPED, MATE_UNMAPPED, REVERSE, MATE_REVERSE = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
FIRST, SECOND, SECONDARY, QC_FAIL, DUPLICATE, SUPPLEMENTARY = 0x40, 0x80, 0x100, 0x200, 0x400, 0x800


@dataclass(frozen=True, slots=True)
class Read:
    """One sequenced end.

    Attributes:
        name: read name without ``/1`` or ``/2``.
        sequence: bases as in the file, upper case, ``N`` for unknown.
        qualities: Phred scores, one byte a base (not ASCII-shifted); empty when the file has none.
        flag: SAM flag.
        contig: reference name, or None when unmapped.
        position: 0-based leftmost reference position, -1 when unmapped.
        mapping_quality: 0 to 255.
        cigar: SAM CIGAR text, empty when unmapped.
    """

    name: str
    sequence: str
    qualities: bytes = b""
    flag: int = UNMAPPED
    contig: str | None = None
    position: int = -1
    mapping_quality: int = 0
    cigar: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_mapped(self) -> bool:
        """Whether the file placed it on its reference."""
        return not self.flag & UNMAPPED

    @property
    def is_reverse(self) -> bool:
        """Whether the sequence is stored reverse-complemented."""
        return bool(self.flag & REVERSE)


@dataclass(frozen=True, slots=True)
class Pair:
    """All records of one template: primary ends first (``second`` is None for single-end reads)."""

    first: Read
    second: Read | None = None
    supplementary: tuple[Read, ...] = ()


@dataclass(frozen=True, slots=True)
class HostDepth:
    """Depth of the host from the same pass.

    Attributes:
        mean: mean depth over the covered host, from primary, non-duplicate, QC-passing reads; NaN when not known.
        bases: host bases that the mean is over.
        gc_depth: mean depth relative to ``mean`` by GC percent of a window of 1,024 bases (0 to 100); empty when not known.
        how: in words, how it was found ("aligned bases over contig lengths", "assumed genome size 3.1 Gb", ...).
    """

    mean: float
    bases: float
    gc_depth: Sequence[float] = ()
    how: str = ""


@dataclass(frozen=True, slots=True)
class Screened:
    """What one screen found.

    Attributes:
        pairs: candidate pairs, deduplicated by template, both mates recovered.
        reads: primary reads seen in all.
        duplicates: of those, flagged duplicates.
        read_length: most common read length in bases.
        insert_mean, insert_sd: template length of proper pairs in bases (NaN when single-end or unknown).
        host: depth of the host.
        contigs: contig lengths of the file's own reference (empty for FASTQ).
        source: ``bam``, ``cram`` or ``fastq``.
        complete: False for a quick look and for a file whose unmapped reads were taken out; its negative proves nothing.
        notes: anything a reader must know, in words.
        human_shared: parts of each target of the vector index (by target name) that the host's genome shares, 0-based
            half-open; a read that matches nothing else is no evidence of presence.
        shared_known: whether the shared parts were looked for at all (against a reference or in host alignments).
        vector_contigs: contigs of the file's own reference that look like a vector or virus.
        metrics: figures of quality control by name (reads, duplicates, mean base quality, ...).
    """

    pairs: Sequence[Pair]
    reads: int
    duplicates: int
    read_length: int
    insert_mean: float
    insert_sd: float
    host: HostDepth
    contigs: Mapping[str, int]
    source: Literal["bam", "cram", "fastq"]
    complete: bool = True
    notes: Sequence[str] = ()
    human_shared: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    shared_known: bool = False
    vector_contigs: Sequence[str] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
