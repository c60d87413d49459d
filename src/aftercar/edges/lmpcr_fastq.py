"""The two or three FASTQ files of an LM-PCR run, read side by side and held to each other."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from isal import igzip, isal_zlib

from aftercar.edges.files import existing_file
from aftercar.errors import InputError

_ISAL = cast("type[Exception]", isal_zlib.error)  # its stub calls it an instance
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, _ISAL)

Batch = tuple[list[bytes], list[bytes]]


class BadFastq(InputError):
    """FASTQ that is damaged, cut short, or does not belong to the other files of its run."""

    code = "bad-fastq"


def batches(paths: tuple[Path, ...], size: int = 50_000) -> Iterator[tuple[Batch, ...]]:
    """Sequences and qualities of each file, ``size`` records at a time, in step.

    Raises:
        BadFastq: when a record is not FASTQ, a file ends early, or the names of the same record differ between files.
    """
    streams = [_open(path) for path in paths]
    number = 0
    try:
        while True:
            chunks = [_records(stream, path, size, number) for stream, path in zip(streams, paths, strict=True)]
            lengths = [len(chunk[0]) for chunk in chunks]
            if len(set(lengths)) > 1:
                short = paths[lengths.index(min(lengths))]
                raise BadFastq(
                    f"{short.name} ends after {number + min(lengths)} records, another file goes on",
                    where=str(short),
                    fix="copy the run again",
                )
            if not lengths[0]:
                return
            for i, names in enumerate(zip(*(chunk[0] for chunk in chunks), strict=True)):
                if len(set(names)) > 1:
                    shown = ", ".join(name.decode(errors="replace") for name in names)
                    raise BadFastq(
                        f"record {number + i + 1} has different names: {shown}", where=str(paths[0]), fix="give files of one run"
                    )
            yield tuple((chunk[1], chunk[2]) for chunk in chunks)
            number += lengths[0]
    finally:
        for stream in streams:
            stream.close()


def _open(path: Path) -> IO[bytes]:
    with existing_file(path).open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return igzip.open(path, "rb") if packed else path.open("rb")


def _records(stream: IO[bytes], path: Path, size: int, before: int) -> tuple[list[bytes], list[bytes], list[bytes]]:
    names: list[bytes] = []
    bases: list[bytes] = []
    qualities: list[bytes] = []
    try:
        for _ in range(size):
            head = stream.readline()
            if not head:
                break
            sequence, plus, quality = stream.readline().rstrip(), stream.readline(), stream.readline().rstrip()
            number = before + len(names) + 1
            if not head.startswith(b"@") or not plus.startswith(b"+"):
                raise BadFastq("not a FASTQ record", where=f"{path} record {number}", fix="check that the file is FASTQ")
            if len(sequence) != len(quality):
                raise BadFastq(
                    f"{len(sequence)} bases and {len(quality)} qualities",
                    where=f"{path} record {number}",
                    fix="the file is cut short; copy it again",
                )
            names.append(head[1:].split(None, 1)[0].removesuffix(b"/1").removesuffix(b"/2"))
            bases.append(sequence.upper())
            qualities.append(quality)
    except _DAMAGE as error:
        raise BadFastq("the compressed file is cut short or damaged", where=str(path), fix="copy it again") from error
    return names, bases, qualities
