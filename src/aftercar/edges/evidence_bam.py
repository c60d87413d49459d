"""The reads behind a verdict as a small BAM, and the host fragments across empty sites from the sample's own file."""

from __future__ import annotations

import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pysam

from aftercar.edges.files import written_beside
from aftercar.evidence.dispersion import WANTED, control_cuts
from aftercar.evidence.sites import LocalCount, LocalCounts, SiteCall
from aftercar.reads.batch import Pair, Read
from aftercar.reads.junctions import Site
from aftercar.reads.junctions_types import Library
from aftercar.reads.placement import genome_place
from aftercar.vocab.genomes import bare_contig

_SKIP = 0x4 | 0x100 | 0x200 | 0x400 | 0x800
_MOST = 1_000_000


def write_evidence_bam(
    path: Path, pairs: Sequence[Pair], calls: Sequence[SiteCall], contigs: Mapping[str, int], tags: Mapping[str, str]
) -> int:
    """Write the candidate reads with their own alignments; ``XS`` names the site they support, ``XV`` what they show.

    Args:
        path: BAM to be written, sorted and indexed.
        pairs: candidate pairs.
        calls: sites; their fragments are tagged ``XS:Z:chrom:pos``.
        contigs: contig lengths of the file's own reference (empty for FASTQ: all reads stay unmapped).
        tags: for each template what it shows.
    """
    owner = {
        support.template: f"{call.site.contig}:{call.site.position + 1}"
        for call in calls
        for junction in call.site.junctions
        for support in junction.supports
    }
    header = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": name, "LN": length} for name, length in contigs.items()]}
    )
    records = []
    for pair in pairs:
        reads = [read for read in (pair.first, pair.second, *pair.supplementary) if read is not None]
        for read in reads:
            mate = pair.second if read is pair.first else pair.first if read is pair.second else None
            records.append(_segment(read, mate, header, owner, tags))
    records.sort(key=lambda r: (r.reference_id if r.reference_id >= 0 else 1 << 30, r.reference_start, r.query_name))
    with written_beside(path) as temporary, pysam.AlignmentFile(str(temporary), "wb", header=header) as out:
        for record in records:
            out.write(record)
    pysam.index(str(path))
    return len(records)


def _segment(
    read: Read, mate: Read | None, header: pysam.AlignmentHeader, owner: Mapping[str, str], tags: Mapping[str, str]
) -> pysam.AlignedSegment:
    segment = pysam.AlignedSegment(header)
    segment.query_name = read.name
    segment.flag = read.flag
    segment.query_sequence = read.sequence or None
    if read.qualities and read.sequence:
        segment.query_qualities = pysam.qualitystring_to_array("".join(chr(min(q, 93) + 33) for q in read.qualities))
    segment.reference_id = header.get_tid(read.contig) if read.contig is not None else -1
    segment.reference_start = read.position if read.contig is not None else -1
    segment.mapping_quality = read.mapping_quality
    if read.cigar:
        segment.cigarstring = read.cigar
    if mate is not None:
        segment.next_reference_id = header.get_tid(mate.contig) if mate.contig is not None else -1
        segment.next_reference_start = mate.position if mate.contig is not None else -1
    if read.name in owner:
        segment.set_tag("XS", owner[read.name])
    if read.name in tags:
        segment.set_tag("XV", tags[read.name])
    return segment


@contextmanager
def _indexed(path: Path, reference: Path | None) -> Iterator[pysam.AlignmentFile | None]:
    """The file with an index: its own, or one made in a temporary folder; None when it cannot be indexed."""
    options = {"reference_filename": str(reference)} if reference is not None else {}
    with pysam.AlignmentFile(str(path), **options) as handle:
        indexed = handle.has_index()
        by_place = handle.header.to_dict().get("HD", {}).get("SO") == "coordinate"
        if indexed:
            yield handle
    if indexed:
        return
    if not by_place:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="aftercar-") as folder:
        index = str(Path(folder) / "reads.bai")
        try:
            pysam.index("-o", index, str(path))
        except pysam.SamtoolsError:
            yield None
            return
        with pysam.AlignmentFile(str(path), index_filename=index, **options) as again:
            yield again


def count_reference(
    paths: Sequence[Path], sites: Sequence[Site], library: Library, *, anchor: int, paired: bool, reference: Path | None = None
) -> LocalCounts:
    """Host fragments with at least ``anchor`` bases on both sides of each empty site, and of pairs of places beside it.

    Sites that the file cannot answer (unsorted, no contig of that name) are left out.
    """
    totals: dict[tuple[str, int], int] = {}
    controls: list[tuple[int, int]] = []
    placed: dict[str, list[int]] = {}
    for site in sorted(sites, key=lambda site: site.position):
        placed.setdefault(site.contig, []).append(site.position)
    for path in paths:
        with _indexed(path, reference) as handle:
            if handle is None:
                return LocalCounts()
            for number, (site, name, position) in enumerate(_placed(handle, sites)):
                key = (site.contig, site.position)
                totals[key] = totals.get(key, 0) + _across(handle, name, [position + 1], library, anchor, paired)[0]
                others = [position + other - site.position for other in placed[site.contig]]
                pairs = control_cuts(position + 1, library.longest, others, len(sites)) if number < WANTED else []
                cuts = sorted({cut for pair in pairs for cut in pair})
                counts = dict(zip(cuts, _across(handle, name, cuts, library, anchor, paired), strict=True)) if cuts else {}
                controls += [(counts[one], counts[two]) for one, two in pairs]
    words = "fragments across the empty site"
    return LocalCounts({key: LocalCount(total, words) for key, total in totals.items()}, tuple(controls))


def _placed(handle: pysam.AlignmentFile, sites: Sequence[Site]) -> Iterator[tuple[Site, str, int]]:
    """Each site that the file has a contig for, with that contig's name and the position on it."""
    names = _names(handle)
    for site in sites:
        for name, offset, length in names.get(bare_contig(site.contig), ()):
            if 0 <= site.position - offset < length:
                yield site, name, site.position - offset
                break


def _names(handle: pysam.AlignmentFile) -> dict[str, list[tuple[str, int, int]]]:
    names: dict[str, list[tuple[str, int, int]]] = {}
    for name, length in zip(handle.references, handle.lengths, strict=True):
        contig, offset = genome_place(name, length)
        names.setdefault(bare_contig(contig), []).append((name, offset, length))
    return names


def _across(
    handle: pysam.AlignmentFile, name: str, cuts: Sequence[int], library: Library, anchor: int, paired: bool
) -> list[int]:
    """For each cut (rising) the fragments that begin at least ``anchor`` bases before it and end as far beyond it."""
    reach = library.longest if paired else library.read_length
    seen: set[tuple[int, int, bool]] = set()
    counts = [0] * len(cuts)
    for number, record in enumerate(handle.fetch(name, max(0, cuts[0] - reach), cuts[-1])):
        if number > _MOST:
            break
        span = None if record.flag & _SKIP else _span(record, library, paired)
        if span is None or span in seen:
            continue
        first = bisect_left(cuts, span[0] + anchor)
        last = bisect_right(cuts, span[1] - anchor)
        if first < last:
            seen.add(span)
            for place in range(first, last):
                counts[place] += 1
    return counts


def _span(record: pysam.AlignedSegment, library: Library, paired: bool) -> tuple[int, int, bool] | None:
    """Start, end and first-in-pair of a fragment, told by its forward read; None for the other read or without a sound mate."""
    if not paired:
        return record.reference_start, record.reference_end or record.reference_start, record.is_read1
    if record.is_reverse or not record.mate_is_reverse or record.mate_is_unmapped:
        return None
    length = record.template_length
    if record.reference_id != record.next_reference_id or not 0 < length <= library.longest:
        return None
    return record.reference_start, record.reference_start + length, record.is_read1
