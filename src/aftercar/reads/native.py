"""Compiling with numba, and one thing that it lacks: an eight-byte load from any place of a byte array.

Compiled code is kept in ``NUMBA_CACHE_DIR`` where that is set, else beside the package, else in the user's cache folder; where
none can be written to, it is compiled anew by each process (three to ten seconds). ``AFTERCAR_NO_NUMBA=1`` switches the compiled
kernels off, and :data:`HAVE_NUMBA` says whether they are there: without them the NumPy forms do the work.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

#: A signed 64-bit number, untyped for the type checker: numba's and Python's ideas of an integer differ.
signed: Any = np.int64

F = TypeVar("F", bound=Callable[..., Any])

try:
    if os.environ.get("AFTERCAR_NO_NUMBA"):
        raise ImportError
    from numba import types
    from numba.extending import intrinsic

    HAVE_NUMBA = True
except ImportError:  # pragma: no cover - where numba has no wheel yet
    HAVE_NUMBA = False


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """As ``numba.njit``, kept in a cache where one can be written; for loops that have no other form."""
    import numba

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:
            return numba.njit(**options)(function)

    return decorate


if HAVE_NUMBA:
    from llvmlite import ir  # type: ignore[import-untyped]

    def compiled(function: F) -> F:
        """``function`` compiled, without the GIL, kept in a cache where one can be written."""
        return njit(nogil=True, boundscheck=False, error_model="numpy")(function)

    @intrinsic
    def load64(context: Any, array: Any, place: Any) -> Any:
        """Eight bytes of a uint8 array from ``place`` on, little-endian, as uint64; the caller keeps within bounds."""
        signature = types.uint64(array, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            made = context.make_array(signature.args[0])(context, builder, arguments[0])
            pointer = builder.gep(made.data, [arguments[1]])
            word = builder.bitcast(pointer, ir.PointerType(ir.IntType(64)))
            return builder.load(word, align=1)

        return signature, generate

else:

    def compiled(function: F) -> F:
        """Without numba the function stays as it is."""
        return function

    def load64(array: Any, place: int) -> int:
        """Eight bytes as a number, without numba."""
        return int.from_bytes(bytes(array[place : place + 8]), "little")
