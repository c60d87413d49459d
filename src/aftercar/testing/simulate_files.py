"""Writes a simulated sample as FASTQ, as a host-aligned BAM, and its truth as a table.

The BAM is written from the truth, as ``bwa mem`` against the host alone would leave it: host parts of 30 bases and more are
placed with the rest soft-clipped, 20 to 29 bases only beside a placed mate, chance matches into the provirus are
aligned on, a second host part becomes a supplementary record, and unmapped ends stand beside their mate or, when both
are unmapped, at the end of the file. Every mapping quality is 60 (repeats are not modelled): use a real aligner on
the FASTQ where that matters.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pysam

from aftercar.edges.files import written_beside
from aftercar.testing.simulate import Bases, Copy, Fragments, Sample, complement

_NIBBLE = np.full(256, 15, np.uint8)
_NIBBLE[np.frombuffer(b"ACGT", np.uint8)] = [1, 2, 4, 8]
_NAME_DIGITS = 9
MIN_PLACED, MIN_RESCUED = 30, 20

Alignment = tuple[int, int, int, int]  # host position, first and end base of the read (in copy order), length placed


def write_fastq(sample: Sample, first: Path, second: Path | None = None) -> int:
    """Write the reads, gzip-compressed when the names end in ``.gz``; returns the number of templates."""
    total = 0
    paths = [first] if second is None else [first, second]
    with _opened(paths) as streams:
        for batch in sample.fragments():
            ends = [(batch.first, batch.first_quality), (batch.second, batch.second_quality)]
            for stream, (bases, quality) in zip(streams, ends, strict=False):
                stream.write(_fastq_block(batch.serial, bases, quality))
            total += len(batch.start)
    return total


class _opened:
    """Streams that replace their files together on success."""

    def __init__(self, paths: list[Path]) -> None:
        self._beside = [written_beside(path) for path in paths]
        self._zipped = [path.suffix == ".gz" for path in paths]
        self._streams: list[Any] = []

    def __enter__(self) -> list[Any]:
        for beside, zipped in zip(self._beside, self._zipped, strict=True):
            temporary = beside.__enter__()
            self._streams.append(gzip.open(temporary, "wb", compresslevel=1) if zipped else temporary.open("wb"))
        return self._streams

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        for stream in self._streams:
            stream.close()
        for beside in self._beside:
            beside.__exit__(kind, value, traceback)


def _names(serial: int, number: int) -> npt.NDArray[np.uint8]:
    digits = (np.arange(serial, serial + number)[:, None] // 10 ** np.arange(_NAME_DIGITS - 1, -1, -1)) % 10 + ord("0")
    return np.concatenate([np.full((number, 1), ord("s")), digits], axis=1).astype(np.uint8)


def _fastq_block(serial: int, bases: Bases, quality: Bases) -> bytes:
    number = len(bases)

    def fixed(text: bytes) -> npt.NDArray[np.uint8]:
        return np.broadcast_to(np.frombuffer(text, np.uint8), (number, len(text)))

    return np.concatenate(
        [fixed(b"@"), _names(serial, number), fixed(b"\n"), bases, fixed(b"\n+\n"), quality + 33, fixed(b"\n")], axis=1
    ).tobytes()


def write_bam(sample: Sample, path: Path, *, mark_duplicates: bool = True) -> int:
    """Write a sorted, indexed BAM; returns the number of records. Memory grows with the largest contig."""
    names = list(sample.host)
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": name, "LN": len(bases)} for name, bases in sample.host.items()],
            "PG": [{"ID": "aftercar-simulate", "PN": "aftercar"}],
        }
    )
    records: dict[int, list[tuple[npt.NDArray[np.int64], list[bytes] | npt.NDArray[np.uint8]]]] = {}
    for batch in sample.fragments():
        index = -1 if batch.copy.foreign else names.index(batch.copy.contig)
        inside = _within_one_block(batch)
        _plain_records(batch, inside, index, sample.single_end, mark_duplicates, records)
        host = batch.copy.bases if batch.copy.foreign else sample.host[batch.copy.contig]
        _special_records(batch, host, np.flatnonzero(inside < 0), index, sample.single_end, mark_duplicates, records)
    total = 0
    with written_beside(path) as temporary:
        with pysam.BGZFile(str(temporary), "wb") as stream:
            text = str(header).encode()
            stream.write(b"BAM\1" + struct.pack("<i", len(text)) + text + struct.pack("<i", len(names)))
            for name, bases in sample.host.items():
                stream.write(struct.pack("<i", len(name) + 1) + name.encode() + b"\0" + struct.pack("<i", len(bases)))
            for index in [*range(len(names)), -1]:
                parts = records.pop(index, [])
                positions = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, np.int64)
                owner = np.concatenate([np.full(len(part[0]), i) for i, part in enumerate(parts)]) if parts else positions
                row = np.concatenate([np.arange(len(part[0])) for part in parts]) if parts else positions
                pending: list[bytes] = []
                for at in np.argsort(positions, kind="stable"):
                    pending.append(bytes(parts[owner[at]][1][row[at]]))
                    if len(pending) == 20_000:
                        stream.write(b"".join(pending))
                        pending = []
                stream.write(b"".join(pending))
                total += len(positions)
        path.parent.mkdir(parents=True, exist_ok=True)
    pysam.index(str(path))
    return total


def _within_one_block(batch: Fragments) -> npt.NDArray[np.int64]:
    """Number of the host block that holds the whole fragment, -1 when it touches provirus or a junction."""
    blocks = batch.copy.blocks
    if not len(blocks):
        return np.full(len(batch.start), -1, np.int64)
    number = np.clip(np.searchsorted(blocks[:, 0], batch.start, side="right") - 1, 0, None)
    outside = batch.start + batch.length > blocks[number, 0] + blocks[number, 2]
    return np.where(outside, -1, number)


def _plain_records(batch: Fragments, inside: Any, index: int, single: bool, mark: bool, records: Any) -> None:
    chosen = np.flatnonzero(inside >= 0)
    if not len(chosen):
        return
    block = batch.copy.blocks[inside[chosen]]
    size = batch.first.shape[1]
    left = batch.start[chosen] - block[:, 0] + block[:, 1]
    right = left + batch.length[chosen] - size
    names = _names(batch.serial, len(batch.start))[chosen]
    flipped = batch.flipped[chosen]
    for is_first in (True, False):
        if single and not is_first:
            continue
        reverse = flipped if is_first else ~flipped
        bases = (batch.first if is_first else batch.second)[chosen]
        quality = (batch.first_quality if is_first else batch.second_quality)[chosen]
        position = np.where(reverse, right, left)
        mate = np.where(reverse, left, right)
        flag = np.where(reverse, 0x10, 0).astype(np.int64)
        if not single:
            flag = flag + 0x3 + np.where(reverse, 0, 0x20) + (0x40 if is_first else 0x80)
        if mark:
            flag = flag + np.where(batch.duplicate[chosen], 0x400, 0)
        length = np.where(reverse, -1, 1) * batch.length[chosen]
        stored = np.where(reverse[:, None], complement(bases), bases)
        scores = np.where(reverse[:, None], quality[:, ::-1], quality)
        rows = _fixed_records(names, flag, index, position, mate, 0 * length if single else length, stored, scores, single)
        records.setdefault(index, []).append((position, rows))


def _fixed_records(
    names: Any, flag: Any, index: int, position: Any, mate: Any, length: Any, bases: Bases, quality: Bases, single: bool
) -> npt.NDArray[np.uint8]:
    """BAM records of one shape, one a row."""
    number, size = bases.shape
    half = (size + 1) // 2
    total = 36 + names.shape[1] + 1 + 4 + half + size
    out = np.zeros((number, total), np.uint8)
    head = np.zeros(number, np.dtype("<i4,<i4,<i4,u1,u1,<u2,<u2,<u2,<i4,<i4,<i4,<i4"))
    values = (
        total - 4, index, position, names.shape[1] + 1, 60, _bin(position, position + size), 1, flag, size,
        -1 if single else index, -1 if single else mate, length,
    )  # fmt: skip
    for field, value in zip(head.dtype.names or (), values, strict=True):
        head[field] = value
    out[:, :36] = head.view(np.uint8).reshape(number, 36)
    at = 36
    out[:, at : at + names.shape[1]] = names
    at += names.shape[1] + 1
    out[:, at : at + 4] = np.frombuffer(struct.pack("<I", size << 4), np.uint8)
    at += 4
    nibbles = _NIBBLE[bases]
    if size % 2:
        nibbles = np.concatenate([nibbles, np.zeros((number, 1), np.uint8)], axis=1)
    out[:, at : at + half] = nibbles[:, ::2] << 4 | nibbles[:, 1::2]
    out[:, at + half :] = quality
    return out


def _bin(start: Any, end: Any) -> Any:
    """Bin of the BAI scheme (SAM specification, section 5.3)."""
    last = end - 1
    result = np.zeros(len(start), np.int64)
    done = np.zeros(len(start), bool)
    for shift, offset in ((14, 4681), (17, 585), (20, 73), (23, 9), (26, 1)):
        same = (start >> shift == last >> shift) & ~done
        result[same] = offset + (start[same] >> shift)
        done |= same
    return result


def _special_records(batch: Fragments, host: Bases, chosen: Any, index: int, single: bool, mark: bool, records: Any) -> None:
    """Fragments that touch provirus, a junction or the plasmid: each record written by itself."""
    size = batch.first.shape[1]
    names = _names(batch.serial, len(batch.start))
    for at in chosen:
        name = names[at].tobytes().decode()
        start, end = int(batch.start[at]), int(batch.start[at] + batch.length[at])
        windows = [(start, start + size), (end - size, end)]
        placed = [list(_host_parts(batch.copy, host, *window)) for window in windows]
        anchored = [any(part[3] >= MIN_PLACED for part in parts) for parts in placed]
        kept = [
            [part for part in parts if part[3] >= (MIN_RESCUED if anchored[1 - side] and not single else MIN_PLACED)]
            for side, parts in enumerate(placed)
        ]
        kept = [sorted(parts, key=lambda part: -part[3]) for parts in kept]
        for is_first in (True, False):
            if single and not is_first:
                continue
            side = int(batch.flipped[at]) if is_first else 1 - int(batch.flipped[at])
            bases = (batch.first if is_first else batch.second)[at]
            quality = (batch.first_quality if is_first else batch.second_quality)[at]
            if side == 1:
                bases, quality = complement(bases), quality[::-1]
            flags = (0 if single else 0x1 | (0x40 if is_first else 0x80)) | (0x400 if mark and batch.duplicate[at] else 0)
            mates = [] if single else kept[1 - side]
            for record in _one_end(name, flags, side, index, bases, quality, kept[side], mates, single):
                reference, position, data = record
                records.setdefault(reference, []).append((np.array([position]), [data]))


def _host_parts(copy: Copy, host: Bases, start: int, end: int) -> Iterator[Alignment]:
    """Host parts of a read's interval, extended over chance matches as an aligner extends them."""
    for at, host_at, size in copy.blocks.tolist():
        left, right = max(start, at), min(end, at + size)
        if left >= right:
            continue
        shift = host_at - at
        while right < end and right + shift < len(host) and copy.bases[right] == host[right + shift]:
            right += 1
        while left > start and left + shift > 0 and copy.bases[left - 1] == host[left - 1 + shift]:
            left -= 1
        yield left + shift, left - start, right - start, right - left


def _one_end(
    name: str,
    flags: int,
    side: int,
    index: int,
    bases: Bases,
    quality: Bases,
    parts: list[Alignment],
    mates: list[Alignment],
    single: bool,
) -> Iterator[tuple[int, int, bytes]]:
    mate_reverse = side == 0
    common = flags | (0x20 if mate_reverse and not single else 0) | (0x10 if side == 1 else 0)
    if not single and not mates:
        common = (common | 0x8) & ~0x20
    mate_at = (index, mates[0][0]) if mates else (-1, -1)
    if not parts:
        flag = (common | 0x4) & ~0x10
        stored, scores = (complement(bases), quality[::-1]) if side == 1 else (bases, quality)
        place = mate_at
        yield place[0], place[1], _record(name, flag, *place, 0, [], stored, scores, *place)
        return
    if not mates and not single:
        mate_at = (index, parts[0][0])
    for number, (position, first, last, _) in enumerate(parts):
        cigar = [(4, first), (0, last - first), (4, len(bases) - last)]
        flag = common | (0x800 if number else 0)
        if mates and number == 0 and abs(mates[0][0] - position) < 2_000:
            flag |= 0x2
        yield (
            index,
            position,
            _record(
                name,
                flag,
                index,
                position,
                60,
                [c for c in cigar if c[1]],
                bases,
                quality,
                *(mate_at if not single else (-1, -1)),
            ),
        )


def _record(
    name: str, flag: int, reference: int, position: int, mapq: int, cigar: list[tuple[int, int]], bases: Bases, quality: Bases,
    mate_reference: int, mate_position: int,
) -> bytes:  # fmt: skip
    span = sum(length for kind, length in cigar if kind == 0) or 1
    bin_ = int(_bin(np.array([max(position, 0)]), np.array([max(position, 0) + span]))[0]) if position >= 0 else 4680
    nibbles = _NIBBLE[bases]
    if len(nibbles) % 2:
        nibbles = np.append(nibbles, np.uint8(0))
    body = struct.pack(
        "<iiBBHHHiiii",
        reference,
        position,
        len(name) + 1,
        mapq,
        bin_,
        len(cigar),
        flag,
        len(bases),
        mate_reference,
        mate_position,
        0,
    )
    body += name.encode() + b"\0" + b"".join(struct.pack("<I", length << 4 | kind) for kind, length in cigar)
    body += (nibbles[::2] << 4 | nibbles[1::2]).astype(np.uint8).tobytes() + np.ascontiguousarray(quality).tobytes()
    return struct.pack("<i", len(body)) + body
