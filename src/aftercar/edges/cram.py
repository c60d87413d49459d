"""The fast screen of a CRAM file: only clipped and unmapped bases are read, only containers with a hit are decoded.

Clipped bases (series SC) and bases of unmapped reads (BA) lie in blocks of their own, a few percent of the file. Bases that
match the reference are not in the file at all, and a read that aligns wholly to the host shows no vector base that the
host does not have. So a container can only hold a candidate that matters if its SC or BA block does; those containers
are copied into a small CRAM, decoded by htslib, and screened as a BAM. Flags (BF) give the counts, container headers the
depth. Contigs that are not the host's are decoded in full, since reads align to a vector there.

Where the layout does not allow it (CRAM 2, bit-packed or mixed series), the whole file is decoded instead, and a note says so.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pysam
from numpy.typing import NDArray

from aftercar.edges import alignments, bgzf
from aftercar.edges.bam import BamScreen
from aftercar.edges.cram_blocks import (
    Compression,
    Container,
    CramFile,
    Encoding,
    NoShortcut,
    is_compression_header,
    is_external,
    itf8_array,
    parse_compression,
)
from aftercar.edges.screen_simple import Found
from aftercar.reads import forms
from aftercar.reads import tally as counting
from aftercar.reads.kernels import arguments
from aftercar.reads.seeds import Seeds
from aftercar.reads.shared import foreign_contigs
from aftercar.reads.tally import SURE, WINDOW, Tally
from aftercar.reads.walk_bam import place_key

_SHORT = 300_000
_SAMPLED = 4
_UNKNOWN = np.iinfo(np.int64).max


@dataclass(slots=True)
class _Walk:
    """What the walk over the containers gives."""

    containers: list[Container] = field(default_factory=list)
    hits: list[int] = field(default_factory=list)
    tally: Tally = field(default_factory=lambda: Tally({}))
    bytes_read: int = 0


def screen_cram(
    path: Path,
    seeds: Seeds,
    reference: Path | None,
    threads: int = 1,
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> tuple[Found, list[str]]:
    """Screen a CRAM file; returns what was found and notes on how.

    Raises:
        AlignmentError: when decoding needs the reference and it is missing or another one.
        DamagedFile: cut short or damaged.
    """
    alignments.check_whole(path)
    notes: list[str] = []
    try:
        walk = _walk(path, seeds, progress)
    except NoShortcut as reason:
        notes.append(f"The whole CRAM was decoded, since {reason}.")
        return _decode_all(path, seeds, reference, threads), notes
    share = 100 * walk.bytes_read / max(1, path.stat().st_size)
    notes.append(
        f"CRAM shortcut: only clipped and unmapped bases were searched ({share:.1f}% of the file); reads that align wholly to "
        "the host were counted by their flags."
    )
    found = _candidates(path, walk, seeds, reference, threads)
    return found, notes


def _walk(path: Path, seeds: Seeds, progress: Callable[[float, float], None]) -> _Walk:
    tables = arguments(seeds, nibbles=False)
    walk = _Walk()
    with alignments.header_only(path) as handle:
        walk.tally = Tally(alignments.contigs_of(handle))
    names = list(walk.tally.contigs)
    foreign = {i for i, name in enumerate(names) if walk.tally.contigs[name] < _SHORT and name in set(foreign_contigs([name]))}
    with CramFile(path) as cram:
        for number, container in enumerate(cram.containers()):
            walk.containers.append(container)
            special = container.reference in foreign or (container.reference == -2 and bool(foreign))
            if _look(cram, container, tables, walk) or special:
                walk.hits.append(number)
            progress(float(container.end), float(cram.size))
    return walk


def _look(cram: CramFile, container: Container, tables: tuple[Any, ...], walk: _Walk) -> bool:
    """Count a container's reads and search its clips and unmapped bases."""
    compression: Compression | None = None
    wanted: dict[int, str] = {}
    clips = bases = lengths = flags = qualities = None
    hit = False
    held: dict[str, bytes] = {}
    found: list[NDArray[np.int64]] = []
    for block in cram.blocks(container):
        if is_compression_header(block):
            compression = parse_compression(cram.content(block))
            clips, bases, lengths = (compression.alone(name) for name in ("SC", "BA", "RL"))
            flags = compression.series.get("BF")
            qualities = _unmixed(compression, "MQ")
            wanted = {
                e.content: name
                for name, e in (("SC", clips), ("BA", bases), ("RL", lengths), ("BF", flags), ("MQ", qualities))
                if e and e.content >= 0
            }
            if clips is not None and clips.codec == 4:
                wanted[clips.lengths] = "SC lengths"
            continue
        name = wanted.get(block.content) if is_external(block) else None
        if name is None or (name == "RL" and container.reference != -1):
            continue
        data = cram.content(block)
        walk.bytes_read += block.end - block.start
        if name == "BF":
            found.append(itf8_array(data))
        else:
            held[name] = held.get(name, b"") + data
        if name == "SC" and clips is not None and clips.stop >= 0:
            codes = np.frombuffer(data, np.uint8)
            hit = hit or bool(forms.any_candidate(codes, _stopped(codes, clips.stop), *tables))
    if compression is None:
        raise NoShortcut("a container has no compression header")
    if flags is None or (flags.content < 0 and flags.constant is None):
        raise NoShortcut("its flags are bit-packed")
    if flags.constant is not None:
        found.append(np.full(container.records, flags.constant, np.int64))
    doubt = _doubt(held, qualities)
    for values in found:
        _count(walk.tally, container, values, doubt)
    return hit or _late(held, clips, lengths, container, tables)


def _unmixed(compression: Compression, name: str) -> Encoding | None:
    """The encoding of a series that may be missing: None too when it cannot be read by itself."""
    try:
        return compression.alone(name)
    except NoShortcut:
        return None


def _doubt(held: dict[str, bytes], qualities: Encoding | None) -> float:
    """Share of a container's mapping qualities that leave the place in doubt; 0 where the file does not tell."""
    if qualities is not None and qualities.constant is not None:
        return float(qualities.constant < SURE)
    values = itf8_array(held.get("MQ", b""))
    return float((values < SURE).mean()) if len(values) else 0.0


def _late(
    held: dict[str, bytes], clips: Encoding | None, lengths: Encoding | None, container: Container, tables: tuple[Any, ...]
) -> bool:
    """Search what could only be cut into reads once all blocks were there."""
    if "SC" in held and clips is not None and clips.stop < 0:
        sizes = itf8_array(held.get("SC lengths", b""))
        codes = np.frombuffer(held["SC"], np.uint8)
        if sizes.sum() != len(codes):
            raise NoShortcut("its clip lengths are bit-packed")
        if forms.any_candidate(codes, _bounds(sizes), *tables):
            return True
    if "BA" not in held:
        return False
    codes = np.frombuffer(held["BA"], np.uint8)
    cut = _read_sizes(held, lengths, container)
    if cut is not None and cut.sum() == len(codes):
        return bool(forms.any_candidate(codes, _bounds(cut), *tables))
    return bool(forms.any_match(codes, *tables))


def _read_sizes(held: dict[str, bytes], lengths: Encoding | None, container: Container) -> NDArray[np.int64] | None:
    """Read lengths of a container without mapped reads, so that their bases can be cut apart."""
    if container.reference != -1 or lengths is None:
        return None
    if lengths.constant is not None:
        return np.full(container.records, lengths.constant, np.int64)
    return itf8_array(held["RL"]) if "RL" in held else None


def _stopped(codes: NDArray[np.uint8], stop: int) -> NDArray[np.int64]:
    """Bounds of the pieces that each end with a stop byte."""
    ends = np.flatnonzero(codes == stop)
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1)) if len(ends) else ends
    bounds = np.stack((starts, ends), axis=1).astype(np.int64)
    return bounds[ends - starts >= 16]


def _bounds(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    ends = np.cumsum(sizes)
    return np.stack((ends - sizes, ends), axis=1)


def _count(tally: Tally, container: Container, flags: NDArray[np.int64], doubt: float) -> None:
    """Counts from the flags, depth from the header, bases shared out over the container's span, ``doubt`` of them doubtful."""
    counts = tally.counts
    secondary = (flags & 0x100) != 0
    supplementary = ~secondary & ((flags & 0x800) != 0)
    primary = ~secondary & ~supplementary
    mapped = primary & ((flags & 4) == 0)
    usable = mapped & ((flags & 0x600) == 0)
    counts[counting.SECONDARIES] += secondary.sum()
    counts[counting.SUPPLEMENTARIES] += supplementary.sum()
    counts[counting.READS] += primary.sum()
    counts[counting.UNMAPPEDS] += (primary & ((flags & 4) != 0)).sum()
    counts[counting.DUPLICATES] += (primary & ((flags & 0x400) != 0)).sum()
    counts[counting.QC_FAILS] += (primary & ((flags & 0x200) != 0)).sum()
    counts[counting.PROPERS] += (mapped & ((flags & 2) != 0)).sum()
    counts[counting.WIDOWED] += (mapped & ((flags & 9) == 9)).sum()
    share = len(flags) / max(1, container.records)
    bases = container.bases * share
    counts[counting.BASES] += int(bases * primary.sum() / max(1, len(flags)))
    if container.reference < 0 or not len(flags):
        return
    tally.contig_reads[container.reference] += int(usable.sum())
    low = int(tally.offsets[container.reference])
    first = (container.position - 1) // WINDOW
    last = max(first, (container.position - 1 + max(1, container.span) - 1) // WINDOW)
    top = int(tally.offsets[container.reference + 1]) - 1
    windows = np.arange(first, last + 1)
    edges = (
        np.maximum(container.position - 1, windows * WINDOW),
        np.minimum(container.position - 1 + container.span, (windows + 1) * WINDOW),
    )
    weights = np.maximum(0, edges[1] - edges[0]) / max(1, container.span)
    aligned = bases * usable.sum() / len(flags)
    rows = np.clip(low + windows, low, top)
    np.add.at(tally.windows, rows, np.round(weights * aligned).astype(np.int64))
    np.add.at(tally.doubtful, rows, np.round(weights * aligned * doubt).astype(np.int64))


def _candidates(path: Path, walk: _Walk, seeds: Seeds, reference: Path | None, threads: int) -> Found:
    """Decode the containers with a hit and those that hold the mates of candidates; add a sample's sizes and qualities."""
    chosen = set(walk.hits)
    with tempfile.TemporaryDirectory(prefix="aftercar-") as folder, CramFile(path) as cram:
        small = Path(folder)
        if walk.containers:
            spread = np.unique(np.linspace(0, len(walk.containers) - 1, _SAMPLED + 2).astype(int)[1:-1])
            sample = _screen_some(cram, [walk.containers[int(i)] for i in spread], small, seeds, reference, threads)
            _borrow(walk.tally, sample.tally)
        found = Found([], 0, walk.tally)
        searched: set[int] = set()
        while chosen - searched:
            screen = _screen_some(cram, [walk.containers[i] for i in sorted(chosen)], small, seeds, reference, threads)
            searched = set(chosen)
            found = Found(screen.pairs, screen.lonely, walk.tally)
            chosen |= _holding(walk.containers, screen.missing_keys())
    return found


def _holding(containers: Sequence[Container], keys: Sequence[int]) -> set[int]:
    """Containers whose span holds any of the places."""
    found: set[int] = set()
    wanted = np.unique(np.array(keys, np.int64))
    if not len(wanted):
        return found
    for i, c in enumerate(containers):
        if c.reference == -2:
            low, high = 0, _UNKNOWN
        else:
            low = place_key(c.reference, c.position - 1) if c.reference >= 0 else place_key(-1, -1)
            high = place_key(c.reference, c.position - 1 + c.span) if c.reference >= 0 else _UNKNOWN
        if np.searchsorted(wanted, low) < np.searchsorted(wanted, high, "right"):
            found.add(i)
    return found


def _screen_some(
    cram: CramFile, containers: list[Container], folder: Path, seeds: Seeds, reference: Path | None, threads: int
) -> BamScreen:
    """Screen a few containers: copied into a small CRAM, decoded into an uncompressed BAM by htslib."""
    small, plain = folder / "some.cram", folder / "some.bam"
    cram.copy(containers, small)
    decode(small, plain, reference, cram.path)
    screen = BamScreen(plain, seeds, threads)
    screen.run()
    return screen


def decode(path: Path, target: Path, reference: Path | None, named: Path) -> None:
    """Write a CRAM as BAM with little compression.

    Raises:
        AlignmentError: the reference is missing or another one.
        DamagedFile: the CRAM cannot be decoded.
    """
    alignments.no_downloads()
    options = ["--reference", str(reference)] if reference is not None else []
    try:
        pysam.samtools.view("-b", "-1", "-o", str(target), *options, str(path), catch_stdout=False)
    except pysam.SamtoolsError as error:
        if reference is None:
            raise alignments.AlignmentError(
                "the CRAM cannot be decoded without its reference",
                where=str(named),
                fix="give the FASTA it was written against with --reference",
            ) from error
        raise bgzf.DamagedFile(
            "the CRAM cannot be decoded",
            where=str(named),
            fix="check that --reference is the FASTA it was written against; else copy the file again",
        ) from error
    bgzf.check_end(target)


def _borrow(tally: Tally, sample: Tally) -> None:
    """Take over what only decoded reads tell: lengths, insert sizes, qualities and clips of the sample."""
    for name in ("lengths", "inserts", "qualities"):
        setattr(tally, name, getattr(sample, name))
    reads = max(1, int(sample.counts[counting.READS]))
    tally.counts[counting.CLIPPED] = int(tally.counts[counting.READS] * sample.counts[counting.CLIPPED] / reads)


def _decode_all(path: Path, seeds: Seeds, reference: Path | None, threads: int) -> Found:
    """Decode everything into a temporary BAM and screen that."""
    with tempfile.TemporaryDirectory(prefix="aftercar-", dir=os.environ.get("TMPDIR")) as folder:
        plain = Path(folder) / "whole.bam"
        decode(path, plain, reference, path)
        return BamScreen(plain, seeds, threads).run()
