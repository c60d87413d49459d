"""BGZF, the blocked gzip of BAM and bgzip: walks the blocks, inflates them, and refuses what is damaged or cut short.

Inflating uses libdeflate (``deflate``), which is about three times as fast as the zlib inside common wheels; it does
not look at the CRC of a block, so that is checked here, as is the length. A file whose last block is not the
empty end-of-file block was cut at a block's edge and is refused: a short count would look like a negative.
"""

from __future__ import annotations

import ctypes
import os
import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import deflate
import numpy as np
from numpy.typing import NDArray

from aftercar.edges import bgzf_kernel
from aftercar.errors import InputError
from aftercar.reads.native import HAVE_NUMBA

#: The empty block that ends every complete BGZF file (SAM specification, section 4.1.2).
END_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_HEADER = 18
_READ = 4 << 20


class DamagedFile(InputError):
    """A compressed file is cut short or its content does not match its checksum."""

    code = "damaged-file"


def is_bgzf(first: bytes) -> bool:
    """Whether a file that begins with these (at least 18) bytes is BGZF."""
    return len(first) >= _HEADER and first[:4] == b"\x1f\x8b\x08\x04" and block_size(first, 0) > 0


def block_size(data: bytes | memoryview, at: int) -> int:
    """Bytes of the block whose header begins at ``at``, 0 when no BGZF header is there."""
    if bytes(data[at : at + 4]) != b"\x1f\x8b\x08\x04" or len(data) < at + 12:
        return 0
    extra = int.from_bytes(data[at + 10 : at + 12], "little")
    place, end = at + 12, at + 12 + extra
    if end > len(data):
        return 0
    while place + 4 <= end:
        length = int.from_bytes(data[place + 2 : place + 4], "little")
        if bytes(data[place : place + 2]) == b"BC" and length == 2:
            return int.from_bytes(data[place + 4 : place + 6], "little") + 1
        place += 4 + length
    return 0


def inflate(block: bytes | memoryview, where: str = "") -> bytes | bytearray:
    """The content of one whole block, checked against its length and CRC.

    Raises:
        DamagedFile: when either does not fit.
    """
    crc, length = struct.unpack("<II", block[-8:])
    if length > 65536:
        raise DamagedFile("a BGZF block claims more than 64 KiB", where=where, fix=AGAIN)
    if not length:
        return b""
    head = 12 + int.from_bytes(block[10:12], "little")
    try:
        data = deflate.deflate_decompress(block[head:-8], length)
    except deflate.DeflateError as error:
        raise DamagedFile("a BGZF block cannot be inflated", where=where, fix=AGAIN) from error
    if len(data) != length or deflate.crc32(data) != crc:
        raise DamagedFile("a BGZF block does not match its checksum", where=where, fix=AGAIN)
    return data


AGAIN = "copy or download the file again and compare its checksum with the sender's"


class Inflater:
    """Inflates blocks straight into a buffer and checks them, by libdeflate's own functions where they can be reached.

    ``deflate``'s Python functions give a new bytearray for each block, which costs a copy of everything; its library has
    the plain C functions too. They release Python's lock. An object serves one thread.
    """

    def __init__(self) -> None:
        self._library = _libdeflate()
        self._state: Any = self._library.libdeflate_alloc_decompressor() if self._library is not None else None

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.libdeflate_free_decompressor(self._state)

    def run(self, data: NDArray[np.uint8], at: int, end: int, array: NDArray[np.uint8], to: int) -> tuple[int, int]:
        """Inflate the whole blocks ``data[at:end]`` to ``array[to:]`` and check each one's length and checksum.

        Returns:
            Place behind the content in ``array``, and place of the first block that is damaged or too large (-1 for none).
        """
        if HAVE_NUMBA and self._library is not None:
            inflate, crc = _addresses()
            place, bad = bgzf_kernel.inflate_run(
                data, data.ctypes.data, at, end, array, array.ctypes.data, to, self._state, inflate, crc
            )
            return int(place), int(bad)
        return self._one_by_one(data, at, end, array, to)

    @staticmethod
    def _one_by_one(data: NDArray[np.uint8], at: int, end: int, array: NDArray[np.uint8], to: int) -> tuple[int, int]:
        while at < end:
            block = data[at : at + bgzf_kernel.block_bytes(data, at, end)].tobytes()
            try:
                content = inflate(block)
            except DamagedFile:
                return to, at
            if to + len(content) > len(array):
                return to, at
            array[to : to + len(content)] = np.frombuffer(content, np.uint8)
            to += len(content)
            at += len(block)
        return to, -1


@lru_cache(maxsize=1)
def _addresses() -> tuple[int, int]:
    """Addresses of libdeflate's functions that inflate and that sum up."""
    library = _libdeflate()
    first, second = (
        ctypes.cast(function, ctypes.c_void_p).value or 0
        for function in (library.libdeflate_deflate_decompress, library.libdeflate_crc32)
    )
    return first, second


@lru_cache(maxsize=1)
def _libdeflate() -> Any:
    """The C library inside the ``deflate`` package, or None where its functions are hidden."""
    try:
        library = ctypes.CDLL(deflate._deflate.__file__)
        size, pointer = ctypes.c_size_t, ctypes.c_void_p
        library.libdeflate_alloc_decompressor.restype = pointer
        library.libdeflate_free_decompressor.argtypes = [pointer]
        library.libdeflate_deflate_decompress.argtypes = [pointer, pointer, size, pointer, size, pointer]
        library.libdeflate_deflate_decompress.restype = ctypes.c_int
        library.libdeflate_crc32.argtypes = [ctypes.c_uint32, pointer, size]
        library.libdeflate_crc32.restype = ctypes.c_uint32
    except (OSError, AttributeError):
        return None
    return library


def check_end(path: Path) -> None:
    """Refuse a BGZF file without its end-of-file block.

    Raises:
        DamagedFile: the file was cut short, or a writer left the block out.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - len(END_BLOCK)))
        tail = stream.read()
    if tail != END_BLOCK:
        raise DamagedFile("the end-of-file block is missing, so the file may be cut short", where=str(path), fix=AGAIN)


def gunzip_chunks(path: Path, size: int = _READ) -> Iterator[bytes]:
    """The content of a gzip file (any number of members) piece by piece, CRC checked.

    Raises:
        DamagedFile: cut short, or not matching its checksum.
    """
    from isal import igzip

    try:
        with igzip.open(path, "rb") as stream:
            while chunk := stream.read(size):
                yield chunk
    except (EOFError, OSError, ValueError) as error:
        raise DamagedFile(f"the gzip file is damaged: {error}", where=str(path), fix=AGAIN) from error
    except Exception as error:
        if type(error).__name__ not in ("IsalError", "error"):
            raise
        raise DamagedFile(f"the gzip file is damaged: {error}", where=str(path), fix=AGAIN) from error


class BlockTable:
    """Where each block of a BGZF file stands, for reading any stretch of its content.

    Raises:
        DamagedFile: when the chain of blocks is broken or the end-of-file block is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        check_end(path)
        self._places: list[int] = []
        self._starts: list[int] = []
        at = content = 0
        size = path.stat().st_size
        with path.open("rb") as stream:
            while at < size:
                stream.seek(at)
                head = stream.read(64)
                length = block_size(head, 0)
                if not length or at + length > size:
                    raise DamagedFile("the chain of BGZF blocks is broken", where=f"{path} at byte {at:,}", fix=AGAIN)
                stream.seek(at + length - 4)
                inflated = int.from_bytes(stream.read(4), "little")
                if inflated:
                    self._places.append(at)
                    self._starts.append(content)
                    content += inflated
                at += length
        self.size = content
        self._last: tuple[int, bytes | bytearray] = (-1, b"")

    def read(self, start: int, end: int) -> bytes:
        """Content bytes ``start`` to ``end``."""
        end = min(end, self.size)
        parts: list[bytes] = []
        with self.path.open("rb") as stream:
            index = bisect_right(self._starts, start) - 1
            while start < end:
                data = self._block(stream.fileno(), index)
                low = start - self._starts[index]
                part = bytes(data[low : low + end - start])
                parts.append(part)
                start += len(part)
                index += 1
        return b"".join(parts)

    def _block(self, handle: int, index: int) -> bytes | bytearray:
        kept, data = self._last
        if kept != index:
            at = self._places[index]
            raw = os.pread(handle, 65536 + _HEADER, at)
            data = inflate(raw[: block_size(raw, 0)], f"{self.path} at byte {at:,}")
            self._last = (index, data)
        return data
