"""Runs of BGZF blocks found and inflated in compiled code, so that a block costs no Python.

libdeflate's functions are called by their addresses; the caller vouches for them. Without numba, or where the functions are
hidden, :class:`~aftercar.edges.bgzf.Inflater` does the same block by block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aftercar.reads.native import HAVE_NUMBA, compiled, signed

#: What :func:`chain` says of the block that it stopped at.
MORE, FULL, BROKEN = range(3)
_HEADER = 18
_LARGEST = 65536

if HAVE_NUMBA:
    from llvmlite import ir  # type: ignore[import-untyped]
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def call_inflate(context: Any, function: Any, state: Any, source: Any, size: Any, target: Any, length: Any) -> Any:
        """``libdeflate_deflate_decompress`` at an address; 0 when exactly ``length`` bytes came out."""
        signature = types.int32(*[types.int64] * 6)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer, word = ir.PointerType(ir.IntType(8)), ir.IntType(64)
            kind = ir.FunctionType(ir.IntType(32), [pointer, pointer, word, pointer, word, pointer])
            place, state, source, size, target, length = arguments
            state, source, target = (builder.inttoptr(value, pointer) for value in (state, source, target))
            called = builder.inttoptr(place, ir.PointerType(kind))
            return builder.call(called, [state, source, size, target, length, ir.Constant(pointer, None)])

        return signature, generate

    @intrinsic
    def call_crc(context: Any, function: Any, source: Any, size: Any) -> Any:
        """``libdeflate_crc32`` at an address, from 0 on."""
        signature = types.uint32(*[types.int64] * 3)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer, word, half = ir.PointerType(ir.IntType(8)), ir.IntType(64), ir.IntType(32)
            called = builder.inttoptr(arguments[0], ir.PointerType(ir.FunctionType(half, [half, pointer, word])))
            return builder.call(called, [ir.Constant(half, 0), builder.inttoptr(arguments[1], pointer), arguments[2]])

        return signature, generate

else:

    def call_inflate(function: int, state: int, source: int, size: int, target: int, length: int) -> int:
        """Not there without numba."""
        raise RuntimeError("numba is not there")

    def call_crc(function: int, source: int, size: int) -> int:
        """Not there without numba."""
        raise RuntimeError("numba is not there")


@compiled
def little(data: NDArray[np.uint8], at: int, size: int) -> int:
    """``size`` bytes as a number."""
    value = signed(0)
    for i in range(size):
        value |= signed(data[at + i]) << (8 * i)
    return value


@compiled
def block_bytes(data: NDArray[np.uint8], at: int, end: int) -> int:
    """Bytes of the block at ``at``, 0 when no BGZF header is there, -1 when its header is not whole before ``end``."""
    if at + _HEADER > end:
        return -1
    if little(data, at, 4) != 0x04088B1F:
        return 0
    place, stop = at + 12, at + 12 + little(data, at + 10, 2)
    if stop > end:
        return -1
    while place + 4 <= stop:
        length = little(data, place + 2, 2)
        if data[place] == 66 and data[place + 1] == 67 and length == 2 and place + 6 <= stop:
            return little(data, place + 4, 2) + 1
        place += 4 + length
    return 0


@compiled
def chain(data: NDArray[np.uint8], at: int, end: int, most: int) -> tuple[int, int]:
    """Where the run of whole blocks from ``at`` on ends that inflates to at most ``most`` bytes (but one block at least).

    Returns:
        The place, and why it ends there: :data:`MORE` bytes are needed, :data:`FULL`, or :data:`BROKEN`.
    """
    first, total = at, 0
    while True:
        length = block_bytes(data, at, end)
        if length == 0 or 0 < length < _HEADER + 8:
            return at, BROKEN
        if length < 0 or at + length > end:
            return at, MORE
        inflated = little(data, at + length - 4, 4)
        if at > first and total + inflated > most:
            return at, FULL
        total += inflated
        at += length


@compiled
def inflate_run(
    data: NDArray[np.uint8], source: int, at: int, end: int, array: NDArray[np.uint8], target: int, to: int,
    state: int, inflate: int, crc: int,
) -> tuple[int, int]:  # fmt: skip
    """Inflate the whole blocks ``data[at:end]`` (which :func:`chain` has found) to ``array[to:]`` and check them.

    Args:
        data, source: the blocks, and their address in memory.
        at, end: from the first to behind the last.
        array, target: where the content goes, and its address.
        to: place of the first byte in ``array``.
        state, inflate, crc: libdeflate's decompressor and addresses of its functions.

    Returns:
        Place behind the last byte of content, and place of the block that is damaged or too large (-1 for none).
    """
    while at < end:
        length = block_bytes(data, at, end)
        inflated = little(data, at + length - 4, 4)
        head = at + 12 + little(data, at + 10, 2)
        if inflated > _LARGEST or head > at + length - 8 or to + inflated > len(array):
            return to, at
        if call_inflate(inflate, state, source + head, at + length - 8 - head, target + to, inflated) != 0:
            return to, at
        if signed(call_crc(crc, target + to, inflated)) != little(data, at + length - 8, 4):
            return to, at
        to += inflated
        at += length
    return to, -1
