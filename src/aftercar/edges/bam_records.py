"""Decodes raw BAM records into our values, without htslib (SAM specification, section 4.2)."""

from __future__ import annotations

import struct
from binascii import hexlify
from collections.abc import Sequence
from dataclasses import dataclass

from aftercar.reads.batch import UNMAPPED, Read
from aftercar.reads.walk_bam import place_key

_HEAD = struct.Struct("<iiBBHHHiiii")
#: From a hexadecimal digit, as which a four-bit base prints, to its letter.
_LETTERS = bytes.maketrans(b"0123456789abcdef", b"=ACMGRSVTWYHKDBN")
_OPERATIONS = "MIDNSHP=X"
_SIZES = {"A": 1, "c": 1, "C": 1, "s": 2, "S": 2, "i": 4, "I": 4, "f": 4}
_NUMBERS = {"c": "<b", "C": "<B", "s": "<h", "S": "<H", "i": "<i", "I": "<I", "f": "<f"}
#: Tags that junctions, clones and UMIs may need; the rest stays in the input file.
KEPT = frozenset({"SA", "MC", "RX", "BX", "CB", "UB", "RG", "NM", "XA", "MQ"})


@dataclass(frozen=True, slots=True)
class Record:
    """A decoded record, and where its relatives stand.

    Attributes:
        read: our value.
        mate_key: place key of the mate, -1 for single-end reads.
        others: place keys of the records that its ``SA`` tag names.
    """

    read: Read
    mate_key: int
    others: tuple[int, ...]


def decode(raw: bytes, contigs: Sequence[str], number_of: dict[str, int]) -> Record:
    """Decode one record (without its leading size), whose sizes the walk has checked."""
    contig, position, name_length, quality, _, operations, flag, length, mate, mate_position, _ = _HEAD.unpack_from(raw)
    at = _HEAD.size
    name = raw[at : at + name_length - 1].decode("ascii", "replace")
    at += name_length
    cigar = "".join(
        f"{word >> 4}{_OPERATIONS[word & 15]}" for word in struct.unpack_from(f"<{operations}I", raw, at) if word & 15 < 9
    )
    at += 4 * operations
    sequence = hexlify(raw[at : at + (length + 1) // 2]).translate(_LETTERS)[:length].decode("ascii")
    at += (length + 1) // 2
    scores = raw[at : at + length]
    if scores[:1] == b"\xff":
        scores = b""
    tags = _tags(raw, at + length)
    unmapped = bool(flag & UNMAPPED)
    read = Read(
        name=name,
        sequence=sequence,
        qualities=scores,
        flag=flag,
        contig=None if unmapped or contig < 0 else contigs[contig],
        position=-1 if unmapped else position,
        mapping_quality=quality,
        cigar="" if unmapped else cigar,
        tags=tags,
    )
    others = tuple(_supplementary_keys(tags.get("SA", ""), number_of))
    return Record(read, place_key(mate, mate_position) if flag & 1 else -1, others)


def _supplementary_keys(text: str, number_of: dict[str, int]) -> list[int]:
    keys = []
    for part in text.split(";"):
        fields = part.split(",")
        if len(fields) >= 2 and fields[0] in number_of and fields[1].isdigit():
            keys.append(place_key(number_of[fields[0]], int(fields[1]) - 1))
    return keys


def _tags(raw: bytes, at: int) -> dict[str, str]:
    """The kept tags as text; stops at anything that is not a tag."""
    found: dict[str, str] = {}
    while at + 3 <= len(raw):
        name, kind = raw[at : at + 2].decode("ascii", "replace"), chr(raw[at + 2])
        at += 3
        if kind in "ZH":
            end = raw.find(b"\0", at)
            if end < 0:
                return found
            if name in KEPT:
                found[name] = raw[at:end].decode("utf-8", "replace")
            at = end + 1
        elif kind in _SIZES:
            size = _SIZES[kind]
            if at + size > len(raw):
                return found
            if name in KEPT:
                value = raw[at : at + 1].decode() if kind == "A" else str(struct.unpack_from(_NUMBERS[kind], raw, at)[0])
                found[name] = value
            at += size
        elif kind == "B" and at + 5 <= len(raw):
            size = _SIZES.get(chr(raw[at]), 0)
            at += 5 + size * int.from_bytes(raw[at + 1 : at + 5], "little")
        else:
            return found
    return found
