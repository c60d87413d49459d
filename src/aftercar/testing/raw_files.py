"""Builders of BGZF, BAM and FASTQ files byte by byte, for tests that need broken or odd ones that no library would write.

>>> content = bam_header() + bam_record("read", "ACGTN")
>>> len(bgzf(content, cuts=[10, 20])) > len(content)
True
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from aftercar.edges.bgzf import END_BLOCK

_NIBBLES = {base: i for i, base in enumerate("=ACMGRSVTWYHKDBN")}
_BLOCK = 60_000


def random_bases(rng: np.random.Generator, size: int) -> str:
    """A random sequence."""
    return rng.choice(np.frombuffer(b"ACGT", np.uint8), size).tobytes().decode()


def block(content: bytes) -> bytes:
    """One BGZF block of at most 64 KiB of content."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    data = packer.compress(content) + packer.flush()
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + struct.pack("<H", len(data) + 25)
    return head + data + struct.pack("<II", zlib.crc32(content), len(content))


def bgzf(content: bytes, cuts: Iterable[int] = (), *, end: bool = True) -> bytes:
    """A BGZF file with block boundaries at the given places of the content, and wherever a block would be too large."""
    edges = sorted({0, len(content), *(cut for cut in cuts if cut < len(content)), *range(0, len(content), _BLOCK)})
    return b"".join(block(content[a:b]) for a, b in pairwise(edges)) + (END_BLOCK if end else b"")


def bam_header(contigs: Sequence[tuple[str, int]] = (("chr1", 100_000),)) -> bytes:
    """The header of a BAM, not compressed."""
    text = b"@HD\tVN:1.6\n" + b"".join(b"@SQ\tSN:%s\tLN:%d\n" % (name.encode(), size) for name, size in contigs)
    data = b"BAM\x01" + struct.pack("<i", len(text)) + text + struct.pack("<i", len(contigs))
    for name, size in contigs:
        data += struct.pack("<i", len(name) + 1) + name.encode() + b"\0" + struct.pack("<i", size)
    return data


def bam_record(
    name: str,
    sequence: str,
    *,
    flag: int = 4,
    contig: int = -1,
    position: int = -1,
    cigar: Sequence[tuple[int, int]] = (),
    mate: int = -1,
    mate_position: int = -1,
    insert: int = 0,
    quality: int = 30,
    mapping: int = 60,
    tags: bytes = b"",
) -> bytes:
    """One BAM record, not compressed. ``cigar`` has (operation number, length); ``quality`` is that of every base.

    ``mapping`` is the quality of the place.
    """
    codes = [_NIBBLES[base] for base in sequence.upper()] + [0]
    packed = bytes(codes[i] << 4 | codes[i + 1] for i in range(0, len(sequence), 2))
    body = struct.pack(
        "<iiBBHHHiiii", contig, position, len(name) + 1, mapping, 0, len(cigar), flag, len(sequence), mate, mate_position, insert
    )
    body += name.encode() + b"\0" + b"".join(struct.pack("<I", size << 4 | operation) for operation, size in cigar)
    body += packed + bytes([quality]) * len(sequence) + tags
    return struct.pack("<i", len(body)) + body


def fastq(records: Iterable[tuple[str, str]], *, line_end: str = "\n", plus: str = "+", quality: str = "F") -> bytes:
    """FASTQ text of (header without @, bases)."""
    return "".join(
        line_end.join((f"@{header}", bases, plus, quality * len(bases))) + line_end for header, bases in records
    ).encode()
