"""FASTQ: which files belong together, and their records one by one (the plain way; the kernels have their own).

Four lines a record, as sequencers write them. A record that breaks the form is an error with its number: a reader that
loses step would otherwise screen quality strings.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from aftercar.edges import bgzf
from aftercar.edges.files import existing_file
from aftercar.errors import InputError, UsageError

STDIN = Path("-")
_MATE = re.compile(r"^(.*?)([_.]R?|_READ)([12])((?:_\d{3})?(?:\.[A-Za-z0-9]+)*)$")


class FastqError(InputError):
    """A FASTQ record breaks the form, or two files do not run in step."""

    code = "fastq"


@dataclass(frozen=True, slots=True)
class FastqRecord:
    """One read: name without ``/1`` or ``/2`` and comment, bases as written, Phred scores."""

    name: str
    sequence: str
    qualities: bytes


def pair_up(paths: Sequence[Path]) -> list[tuple[Path, Path | None]]:
    """Which FASTQ files are the two ends of one run.

    Two files whose first reads have one name are a pair, whatever they are called; among more, the names decide
    (``_R1``/``_R2``, ``_1``/``_2``, ``.1``/``.2``). A file alone is single-end or interleaved.

    Raises:
        UsageError: for one file given twice.
    """
    if len({*paths}) < len(paths):
        raise UsageError("a FASTQ file is named twice", fix="name each file once")
    if len(paths) == 2 and STDIN not in paths:
        names = [first_name(path) for path in paths]
        if names[0] == names[1]:
            ordered = sorted(paths, key=_end_of)
            return [(ordered[0], ordered[1])]
    groups: dict[tuple[str, str, str], dict[str, Path]] = {}
    alone: list[tuple[Path, Path | None]] = []
    for path in paths:
        match = _MATE.match(path.name)
        if match is None:
            alone.append((path, None))
        else:
            key = (str(path.parent), match.group(1), match.group(2) + match.group(4))
            groups.setdefault(key, {})[match.group(3)] = path
    for ends in groups.values():
        if len(ends) == 2:
            alone.append((ends["1"], ends["2"]))
        else:
            alone.append((next(iter(ends.values())), None))
    return alone


def _end_of(path: Path) -> str:
    match = _MATE.match(path.name)
    return match.group(3) if match else ""


def open_bytes(path: Path) -> Iterator[bytes]:
    """The content of a plain or gzip FASTQ (or stdin for ``-``) in pieces."""
    if path == STDIN:
        yield from _stream_bytes(sys.stdin.buffer)
        return
    existing_file(path)
    with path.open("rb") as stream:
        first = stream.read(2)
        stream.seek(0)
        if first == b"\x1f\x8b":
            yield from bgzf.gunzip_chunks(path)
            return
        while chunk := stream.read(4 << 20):
            yield chunk


def _stream_bytes(stream: BinaryIO) -> Iterator[bytes]:
    first = stream.read(4 << 20)
    if first[:2] != b"\x1f\x8b":
        while first:
            yield first
            first = stream.read(4 << 20)
        return
    from isal import isal_zlib

    inflater = isal_zlib.decompressobj(31)
    part = first
    while True:
        data = inflater.decompress(part)
        if data:
            yield data
        rest = inflater.unused_data
        if inflater.eof and rest:
            inflater = isal_zlib.decompressobj(31)
            part = rest
            continue
        part = stream.read(4 << 20)
        if not part:
            if not inflater.eof:
                raise bgzf.DamagedFile("the gzip stream ends early", where="stdin", fix="check the command before the pipe")
            return
        if inflater.eof:
            inflater = isal_zlib.decompressobj(31)


def first_name(path: Path) -> str:
    """Name of the first read; empty for a file without reads."""
    for record in records(path):
        return record.name
    return ""


def base_name(header: str) -> str:
    """A read's name without comment and without ``/1`` or ``/2``."""
    word = header.split(None, 1)[0] if header.strip() else ""
    return word[:-2] if word.endswith(("/1", "/2")) else word


def records(path: Path) -> Iterator[FastqRecord]:
    """Every record.

    Raises:
        FastqError: a record without its four lines, its ``@`` or ``+``, or with bases and qualities of unequal number.
        DamagedFile: a damaged gzip.
    """
    lines = _lines(path)
    for number, header in enumerate(lines, 1):
        if not header and all(not line for line in lines):
            return
        where = f"{path}, record {number:,}"
        if not header.startswith(b"@"):
            raise FastqError("the record does not begin with @", where=where, fix="check that it is FASTQ with four lines a read")
        sequence, plus, quality = next(lines, None), next(lines, None), next(lines, None)
        if sequence is None or plus is None or quality is None:
            raise FastqError("the file ends inside a record", where=where, fix="copy the file again")
        if not plus.startswith(b"+"):
            raise FastqError(
                "the third line does not begin with +", where=where, fix="check that it is FASTQ with four lines a read"
            )
        if len(sequence) != len(quality):
            raise FastqError(f"{len(sequence)} bases and {len(quality)} qualities", where=where, fix="copy the file again")
        name = base_name(header[1:].decode("utf-8", "replace"))
        phred = bytes(max(0, q - 33) for q in quality)
        yield FastqRecord(name, sequence.decode("ascii", "replace"), phred)


def _lines(path: Path) -> Iterator[bytes]:
    rest = b""
    for chunk in open_bytes(path):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r")
    if rest:
        yield rest.removesuffix(b"\r")


def paired_records(first: Path, second: Path | None) -> Iterator[tuple[FastqRecord, FastqRecord | None]]:
    """Records of two files in step, or of one file (interleaved when its first two reads have one name).

    Raises:
        FastqError: when the files differ in number of reads or in the names.
    """
    if second is None:
        yield from _interleaved(first)
        return
    ones, twos = records(first), records(second)
    number = 0
    while True:
        one, two = next(ones, None), next(twos, None)
        if one is None and two is None:
            return
        number += 1
        if one is None or two is None:
            short, long = (first, second) if one is None else (second, first)
            raise FastqError(
                f"{short.name} ends after {number - 1:,} reads, {long.name} goes on",
                where=str(short),
                fix="copy the files again; the two ends must have the same reads",
            )
        if one.name != two.name:
            raise FastqError(
                f"the reads are {one.name} and {two.name}",
                where=f"{first.name} and {second.name}, record {number:,}",
                fix="give the two files of one run, in one order",
            )
        yield one, two


def _interleaved(path: Path) -> Iterator[tuple[FastqRecord, FastqRecord | None]]:
    stream = records(path)
    one, two = next(stream, None), next(stream, None)
    if one is None:
        return
    if two is None or one.name != two.name:
        yield one, None
        if two is not None:
            yield two, None
        for record in stream:
            yield record, None
        return
    yield one, two
    number = 2
    for one in stream:
        two = next(stream, None)
        number += 2
        if two is None or one.name != two.name:
            raise FastqError(
                "the file began interleaved, but this read has no mate",
                where=f"{path}, record {number - 1:,}",
                fix="check the file",
            )
        yield one, two
