"""Between pysam's records and our own :class:`~aftercar.reads.batch.Read`; what is wrong with a BAM or CRAM is said clearly."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pysam

from aftercar.edges import bgzf
from aftercar.edges.files import existing_file
from aftercar.errors import InputError
from aftercar.reads.batch import Read

#: End-of-file container of CRAM 3.0 and 3.1 (CRAM specification, section 9).
CRAM_END = bytes.fromhex("0f000000ffffffff0fe0454f4600000000010005bdd94f0001000606010001000100ee63014b")


class AlignmentError(InputError):
    """A BAM, CRAM or SAM file cannot be read."""

    code = "alignment"


@contextmanager
def opened(path: Path, reference: Path | None = None, threads: int = 1) -> Iterator[pysam.AlignmentFile]:
    """A BAM, CRAM or SAM open for reading; refused when it is cut short.

    Raises:
        AlignmentError, DamagedFile: naming the file.
    """
    check_whole(path)
    no_downloads()
    quiet = pysam.set_verbosity(0)
    try:
        handle = pysam.AlignmentFile(
            str(path), check_sq=False, threads=threads, reference_filename=str(reference) if reference else None
        )
    except (OSError, ValueError) as error:
        raise AlignmentError(f"cannot be read as BAM, CRAM or SAM: {error}", where=str(path)) from error
    finally:
        pysam.set_verbosity(quiet)
    try:
        with handle:
            yield handle
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise bgzf.DamagedFile(
            f"reading stopped: {error}", where=str(path), fix="for a CRAM check its --reference; else copy the file again"
        ) from error


@contextmanager
def header_only(path: Path) -> Iterator[pysam.AlignmentFile]:
    """A file open for its header alone."""
    no_downloads()
    quiet = pysam.set_verbosity(0)
    try:
        handle = pysam.AlignmentFile(str(path), check_sq=False)
    except (OSError, ValueError) as error:
        raise AlignmentError(f"cannot be read as BAM, CRAM or SAM: {error}", where=str(path)) from error
    finally:
        pysam.set_verbosity(quiet)
    with handle:
        yield handle


def no_downloads() -> None:
    """Keep htslib from asking a public server for a reference: patients' files must not cause traffic.

    A user's own ``REF_PATH`` or ``REF_CACHE`` stays in force.
    """
    if "REF_PATH" not in os.environ and "REF_CACHE" not in os.environ:
        os.environ["REF_PATH"] = os.devnull


def kind_of(path: Path) -> str:
    """``bam``, ``cram``, ``sam`` or ``fastq`` by the file's first bytes, not by its name.

    Raises:
        AlignmentError: when it is none of them.
    """
    existing_file(path)
    with path.open("rb") as stream:
        first = stream.read(65536)
    if first[:4] == b"CRAM":
        return "cram"
    if first[:2] == b"\x1f\x8b":
        import zlib

        inner = zlib.decompressobj(31)
        try:
            first = inner.decompress(first, 4096)
        except zlib.error as error:
            raise bgzf.DamagedFile(f"the gzip file is damaged: {error}", where=str(path)) from error
        if first[:4] == b"BAM\x01":
            return "bam"
    sam = first[:4] in (b"@HD\t", b"@SQ\t", b"@RG\t", b"@PG\t", b"@CO\t")
    if sam:
        return "sam"
    if not first or first[:1] == b"@":
        return "fastq"
    raise AlignmentError("neither BAM, CRAM, SAM nor FASTQ", where=str(path), fix="give sequencing reads")


def check_whole(path: Path) -> None:
    """Refuse a BAM or CRAM without its end-of-file mark."""
    with path.open("rb") as stream:
        first = stream.read(18)
    if bgzf.is_bgzf(first):
        bgzf.check_end(path)
    elif first[:4] == b"CRAM" and first[4] >= 3:
        size = path.stat().st_size
        with path.open("rb") as stream:
            stream.seek(max(0, size - len(CRAM_END)))
            tail = stream.read()
        if tail != CRAM_END:
            raise bgzf.DamagedFile(
                "the end-of-file container is missing, so the CRAM may be cut short", where=str(path), fix="copy the file again"
            )


def contigs_of(handle: pysam.AlignmentFile) -> Mapping[str, int]:
    """Contig lengths in the order of the header."""
    return dict(zip(handle.references, handle.lengths, strict=True))


def read_of(record: pysam.AlignedSegment) -> Read:
    """Our value of one record; tags other than those that junctions need are left behind."""
    qualities = record.query_qualities
    tags = {}
    for tag in ("SA", "MC", "RX", "BX", "CB", "UB", "RG", "NM", "XA", "MQ"):
        if record.has_tag(tag):
            tags[tag] = str(record.get_tag(tag))
    return Read(
        name=record.query_name or "",
        sequence=(record.query_sequence or "").upper(),
        qualities=b"" if qualities is None else bytes(qualities),
        flag=record.flag,
        contig=record.reference_name if not record.is_unmapped and record.reference_id >= 0 else None,
        position=record.reference_start if not record.is_unmapped else -1,
        mapping_quality=record.mapping_quality,
        cigar=record.cigarstring or "" if not record.is_unmapped else "",
        tags=tags,
    )


def segment_of(read: Read, mate: Read | None, header: pysam.AlignmentHeader) -> pysam.AlignedSegment:
    """A pysam record of one read, for the evidence BAM; the mate's fields are filled in."""
    segment = pysam.AlignedSegment(header)
    segment.query_name = read.name
    segment.flag = read.flag
    segment.query_sequence = read.sequence or None
    segment.query_qualities = array("B", read.qualities) if read.qualities else None
    segment.reference_id = header.get_tid(read.contig) if read.contig is not None else -1
    segment.reference_start = read.position
    segment.mapping_quality = read.mapping_quality
    segment.cigarstring = read.cigar or None
    if mate is not None:
        segment.next_reference_id = header.get_tid(mate.contig) if mate.contig is not None else -1
        segment.next_reference_start = mate.position
    for tag, value in read.tags.items():
        segment.set_tag(tag, int(value) if tag in ("NM", "MQ") else value)
    return segment
