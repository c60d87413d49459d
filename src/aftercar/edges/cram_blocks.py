"""The outside of a CRAM file: containers, blocks, and which block holds which data series (CRAM 3.1, sections 6 to 10).

Container and block headers are read in Python; the content of a wanted block is uncompressed by htslib's public functions
(``cram_read_block``, ``cram_uncompress_block``) inside the library that pysam ships, which know every codec. They are not an
interface that pysam promises, so :func:`library` probes them, and the caller falls back to a full decode without them.
"""

from __future__ import annotations

import ctypes
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aftercar.edges import bgzf
from aftercar.reads import forms

_FILE_HEAD = 26
_RAW, _GZIP = 0, 1
_COMPRESSION_HEADER, _EXTERNAL_DATA = 1, 4
EXTERNAL, HUFFMAN, BYTE_ARRAY_LEN, BYTE_ARRAY_STOP = 1, 3, 4, 5
_NAMES = ("hopen", "cram_dopen", "cram_seek", "cram_read_block", "cram_uncompress_block", "cram_free_block", "cram_close")


class NoShortcut(Exception):
    """The file is laid out so that its clipped bases cannot be read by themselves; the reason is the message."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container's header.

    Attributes:
        start, end: place in the file, header included.
        body: place of its first block.
        reference: contig number; -1 unmapped, -2 several.
        position, span: 1-based first reference base and bases spanned.
        records, bases: in all its slices.
        blocks: number of blocks.
    """

    start: int
    end: int
    body: int
    reference: int
    position: int
    span: int
    records: int
    bases: int
    blocks: int


@dataclass(frozen=True, slots=True)
class Block:
    """One block's header: where it begins, its data, and how it is stored."""

    start: int
    data: int
    end: int
    method: int
    kind: int
    content: int
    size: int
    raw_size: int


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a data series is stored: codec, content id of its values (-1 in the core block), stop byte, constant value."""

    codec: int
    content: int = -1
    stop: int = -1
    lengths: int = -1
    constant: int | None = None


def itf8(data: bytes, at: int) -> tuple[int, int]:
    """An ITF-8 integer and the place behind it."""
    first = data[at]
    if first < 0x80:
        return first, at + 1
    if first < 0xC0:
        return (first & 0x3F) << 8 | data[at + 1], at + 2
    if first < 0xE0:
        return (first & 0x1F) << 16 | data[at + 1] << 8 | data[at + 2], at + 3
    if first < 0xF0:
        return (first & 0x0F) << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3], at + 4
    value = (first & 0x0F) << 28 | data[at + 1] << 20 | data[at + 2] << 12 | data[at + 3] << 4 | data[at + 4] & 0x0F
    return value - (1 << 32) if value & 0x80000000 else value, at + 5


def ltf8(data: bytes, at: int) -> tuple[int, int]:
    """An LTF-8 integer and the place behind it."""
    first = data[at]
    extra = 0
    while extra < 8 and first & (0x80 >> extra):
        extra += 1
    value = first & (0x7F >> extra) if extra < 8 else 0
    for i in range(extra):
        value = value << 8 | data[at + 1 + i]
    return value, at + 1 + extra


class CramFile:
    """A CRAM 3 file's containers and blocks.

    Raises:
        NoShortcut: for CRAM 2, or when htslib's functions are not there.
        DamagedFile: when the chain of containers is broken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = os.open(path, os.O_RDONLY)
        self._library = library()
        self._cram: Any = None
        self.size = os.fstat(self._handle).st_size
        head = os.pread(self._handle, _FILE_HEAD, 0)
        if head[4] != 3:
            self.close()
            raise NoShortcut(f"it is CRAM {head[4]}.{head[5]}")
        stream = self._library.hopen(os.fsencode(path), b"rb")
        self._cram = self._library.cram_dopen(stream, os.fsencode(path), b"rb") if stream else None
        if not self._cram:
            self.close()
            raise NoShortcut("htslib does not open it")

    def __enter__(self) -> CramFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._cram:
            self._library.cram_close(self._cram)
            self._cram = None
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def containers(self) -> Iterator[Container]:
        """Every data container; the header container and the end-of-file container are left out."""
        at = _FILE_HEAD
        first = True
        while at < self.size:
            container = self._container(at)
            if container.end > self.size:
                raise self._broken(at)
            if not first and container.records:
                yield container
            first = False
            at = container.end

    def prefix_end(self) -> int:
        """Where the first data container begins."""
        return self._container(_FILE_HEAD).end

    def _container(self, at: int) -> Container:
        data = os.pread(self._handle, 4096, at)
        try:
            length = int.from_bytes(data[:4], "little", signed=True)
            reference, place = itf8(data, 4)
            position, place = itf8(data, place)
            span, place = itf8(data, place)
            records, place = itf8(data, place)
            _, place = ltf8(data, place)
            bases, place = ltf8(data, place)
            blocks, place = itf8(data, place)
            marks, place = itf8(data, place)
            while marks and place < len(data):
                _, place = itf8(data, place)
                marks -= 1
            crc = int.from_bytes(data[place : place + 4], "little")
        except IndexError as error:
            raise self._broken(at) from error
        if length < 0 or place + 4 > len(data) or zlib.crc32(data[:place]) != crc:
            raise self._broken(at)
        body = at + place + 4
        return Container(at, body + length, body, reference, position, span, records, bases, blocks)

    def _broken(self, at: int) -> bgzf.DamagedFile:
        return bgzf.DamagedFile(
            "the chain of CRAM containers is broken or cut short", where=f"{self.path} at byte {at:,}", fix=bgzf.AGAIN
        )

    def blocks(self, container: Container) -> Iterator[Block]:
        """The headers of a container's blocks."""
        at = container.body
        for _ in range(container.blocks):
            data = os.pread(self._handle, 32, at)
            try:
                content, place = itf8(data, 2)
                size, place = itf8(data, place)
                raw_size, place = itf8(data, place)
            except IndexError as error:
                raise self._broken(at) from error
            end = at + place + size + 4
            if size < 0 or raw_size < 0 or end > container.end:
                raise self._broken(at)
            yield Block(at, at + place, end, data[0], data[1], content, size, raw_size)
            at = end

    def content(self, block: Block) -> bytes:
        """A block's content, uncompressed."""
        if block.method in (_RAW, _GZIP):
            data = os.pread(self._handle, block.size + 4, block.data)
            head = os.pread(self._handle, block.data - block.start, block.start)
            if len(data) != block.size + 4 or zlib.crc32(data[:-4], zlib.crc32(head)) != int.from_bytes(data[-4:], "little"):
                raise self._broken(block.start)
            if block.method == _RAW:
                return data[:-4]
            return zlib.decompress(data[:-4], 31, block.raw_size)
        lib = self._library
        if lib.cram_seek(self._cram, block.start, os.SEEK_SET):
            raise self._broken(block.start)
        pointer = lib.cram_read_block(self._cram)
        if not pointer:
            raise self._broken(block.start)
        try:
            if lib.cram_uncompress_block(pointer):
                raise self._broken(block.start)
            return ctypes.string_at(lib.cram_block_get_data(pointer), block.raw_size)
        finally:
            lib.cram_free_block(pointer)

    def copy(self, containers: list[Container], target: Path) -> None:
        """A small CRAM with the file's header and these containers."""
        from aftercar.edges.alignments import CRAM_END

        with target.open("wb") as out:
            out.write(os.pread(self._handle, self.prefix_end(), 0))
            for container in containers:
                at = container.start
                while at < container.end:
                    part = os.pread(self._handle, min(8 << 20, container.end - at), at)
                    if not part:
                        raise self._broken(at)
                    out.write(part)
                    at += len(part)
            out.write(CRAM_END)


@dataclass(frozen=True, slots=True)
class Compression:
    """What a container's compression header says: whether a reference is needed, and how each series is stored."""

    needs_reference: bool
    series: Mapping[str, Encoding]

    def alone(self, name: str) -> Encoding | None:
        """The encoding of a series whose content no other series shares; None when the container has none of it.

        Raises:
            NoShortcut: when its values are mixed with others or bit-packed.
        """
        encoding = self.series.get(name)
        if encoding is None or encoding.constant is not None:
            return encoding
        if encoding.content < 0:
            raise NoShortcut(f"its series {name} is bit-packed")
        users = [other for other, e in self.series.items() if encoding.content in (e.content, e.lengths) and other != name]
        if users:
            raise NoShortcut(f"its series {name} shares a block with {users[0]}")
        return encoding


@lru_cache(maxsize=4096)
def parse_compression(data: bytes) -> Compression:
    """Parse a compression header block's content."""
    try:
        return _parse_compression(data)
    except IndexError as error:
        raise NoShortcut("a compression header cannot be read") from error


def _parse_compression(data: bytes) -> Compression:
    _, at = itf8(data, 0)
    count, at = itf8(data, at)
    needs_reference = True
    for _ in range(count):
        key = data[at : at + 2]
        at += 2
        if key in (b"RN", b"AP", b"RR"):
            if key == b"RR":
                needs_reference = bool(data[at])
            at += 1
        elif key == b"SM":
            at += 5
        elif key == b"TD":
            size, at = itf8(data, at)
            at += size
        else:
            raise NoShortcut(f"its preservation map holds {key!r}")
    _, at = itf8(data, at)
    count, at = itf8(data, at)
    series: dict[str, Encoding] = {}
    for _ in range(count):
        name = data[at : at + 2].decode("ascii", "replace")
        encoding, at = _encoding(data, at + 2)
        series[name] = encoding
    # Tags' blocks carry content ids of their own; a shared id would mix them in.
    _, at = itf8(data, at)
    count, at = itf8(data, at)
    for number in range(count):
        _, at = itf8(data, at)
        encoding, at = _encoding(data, at)
        series[f"tag {number}"] = encoding
    return Compression(needs_reference, series)


def _encoding(data: bytes, at: int) -> tuple[Encoding, int]:
    codec, at = itf8(data, at)
    size, at = itf8(data, at)
    end = at + size
    if codec == EXTERNAL:
        return Encoding(codec, itf8(data, at)[0]), end
    if codec == BYTE_ARRAY_STOP:
        return Encoding(codec, itf8(data, at + 1)[0], stop=data[at]), end
    if codec == BYTE_ARRAY_LEN:
        lengths, place = _encoding(data, at)
        values, _ = _encoding(data, place)
        return Encoding(codec, values.content, lengths=lengths.content, constant=None), end
    if codec == HUFFMAN:
        symbols, place = itf8(data, at)
        value, _ = itf8(data, place)
        return Encoding(codec, constant=value if symbols == 1 else None), end
    return Encoding(codec), end


def itf8_array(data: bytes) -> NDArray[np.int64]:
    """All ITF-8 integers of a block of small non-negative numbers."""
    codes = np.frombuffer(data, np.uint8)
    if not (codes & 0x80).any():
        return codes.astype(np.int64)
    values = np.empty(len(codes), np.int64)
    count = int(forms.itf8_values(codes, values))
    if count < 0:
        raise NoShortcut("a block of numbers ends inside one")
    return values[:count]


@lru_cache(maxsize=1)
def library() -> Any:
    """The htslib that pysam carries, with the functions of its public ``cram.h`` that are needed.

    Raises:
        NoShortcut: when any of them is missing.
    """
    import pysam

    try:
        found = ctypes.CDLL(pysam.libchtslib.__file__)
        for name in _NAMES:
            getattr(found, name)
    except (OSError, AttributeError) as error:
        raise NoShortcut("htslib's block functions are not reachable here") from error
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "hopen": (pointer, [text, text]),
        "cram_dopen": (pointer, [pointer, text, text]),
        "cram_seek": (number, [pointer, ctypes.c_int64, number]),
        "cram_read_block": (pointer, [pointer]),
        "cram_uncompress_block": (number, [pointer]),
        "cram_block_get_data": (pointer, [pointer]),
        "cram_free_block": (None, [pointer]),
        "cram_close": (number, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found


def is_compression_header(block: Block) -> bool:
    """Whether a block is the compression header of its container."""
    return block.kind == _COMPRESSION_HEADER


def is_external(block: Block) -> bool:
    """Whether a block holds a data series."""
    return block.kind == _EXTERNAL_DATA
