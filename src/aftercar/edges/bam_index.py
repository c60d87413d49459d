"""Where the unplaced reads of an indexed BAM begin: behind the last chunk of any contig (SAM specification, section 5)."""

from __future__ import annotations

import struct
from pathlib import Path

from aftercar.edges import bgzf
from aftercar.errors import InputError


class NoIndex(InputError):
    """A quick look needs an index beside the BAM."""

    code = "no-index"


def unplaced_start(path: Path) -> tuple[int, int]:
    """Start of the block and offset in its content where the reads without a place begin.

    Raises:
        NoIndex: when there is no usable ``.bai`` or ``.csi``, or it is older than the BAM.
    """
    for index in (path.with_name(path.name + ".bai"), path.with_suffix(".bai"), path.with_name(path.name + ".csi")):
        if index.is_file():
            if index.stat().st_mtime < path.stat().st_mtime:
                raise NoIndex("the index is older than the BAM", where=str(index), fix="index it again: samtools index")
            place = _last_end(index)
            return place >> 16, place & 0xFFFF
    raise NoIndex("no index beside the BAM", where=str(path), fix="index it (samtools index), or leave --quick away")


def _last_end(index: Path) -> int:
    data = index.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = b"".join(bgzf.gunzip_chunks(index))
    try:
        if data[:4] == b"BAI\x01":
            return _bins(data, 4, 0)
        if data[:4] == b"CSI\x01":
            depth, extra = struct.unpack_from("<ii", data, 8)
            return _bins(data, 16 + extra, ((1 << (3 * (depth + 1))) - 1) // 7 + 1)
    except struct.error as error:
        raise NoIndex("the index is cut short", where=str(index), fix="index it again: samtools index") from error
    raise NoIndex("not a BAI or CSI index", where=str(index), fix="index it again: samtools index")


def _bins(data: bytes, at: int, csi: int) -> int:
    """The greatest chunk end of all bins; ``csi`` is the number of a CSI's counting bin, 0 for a BAI."""
    counting = csi or 37450
    end = 0
    contigs = struct.unpack_from("<i", data, at)[0]
    at += 4
    for _ in range(contigs):
        bins = struct.unpack_from("<i", data, at)[0]
        at += 4
        for _ in range(bins):
            number = struct.unpack_from("<I", data, at)[0]
            at += 12 if csi else 4
            chunks = struct.unpack_from("<i", data, at)[0]
            at += 4
            for chunk in range(chunks):
                # The second pair of the counting bin holds read counts, not places.
                if not (number == counting and chunk == 1):
                    end = max(end, struct.unpack_from("<Q", data, at + 8)[0])
                at += 16
        if not csi:
            at += 4 + 8 * struct.unpack_from("<i", data, at)[0]
    return end
