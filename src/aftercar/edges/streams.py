"""Compressed files as a flow of large byte buffers, inflated ahead in threads, memory bounded.

A :class:`Piece` is a numpy buffer with room before its content, into which the user copies what the piece before left over
(half a record), and some readable bytes behind it, so that kernels may load eight bytes at a time. Buffers go round: the
user gives one back with :meth:`Flow.release` and the flow fills it again.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aftercar.edges import bgzf, bgzf_kernel
from aftercar.edges.fastq import STDIN
from aftercar.edges.files import existing_file

#: Room before the content of a buffer, content of a buffer (a megabyte stays in the caches), readable bytes behind it.
HEAD, BODY, PAD = 1 << 18, 1 << 20, 64
_RAW = 1 << 20


@dataclass(slots=True)
class Piece:
    """Content ``array[start:end]``; ``file_start`` is the place in the compressed file where it begins (BGZF only)."""

    array: NDArray[np.uint8]
    start: int
    end: int
    file_start: int = -1
    file_end: int = -1

    def with_before(self, rest: NDArray[np.uint8]) -> Piece:
        """The same piece with ``rest`` put before its content."""
        if len(rest) <= self.start:
            self.array[self.start - len(rest) : self.start] = rest
            return Piece(self.array, self.start - len(rest), self.end, self.file_start, self.file_end)
        room = np.zeros(len(rest) + self.end - self.start + PAD, np.uint8)
        room[: len(rest)] = rest
        room[len(rest) : len(rest) + self.end - self.start] = self.array[self.start : self.end]
        return Piece(room, 0, len(rest) + self.end - self.start, self.file_start, self.file_end)


class _Pool:
    """Buffers of one size that go round."""

    def __init__(self) -> None:
        self._free: deque[NDArray[np.uint8]] = deque()

    def take(self) -> NDArray[np.uint8]:
        try:
            return self._free.pop()
        except IndexError:
            return np.zeros(HEAD + BODY + PAD, np.uint8)

    def give(self, array: NDArray[np.uint8]) -> None:
        if len(array) == HEAD + BODY + PAD and len(self._free) < 64:
            self._free.append(array)


class Flow:
    """Pieces of one file, made ahead in a thread; iterate, release, close.

    Args:
        make: called with the pool, yields pieces; runs in a thread of its own when ``ahead`` is true.
        ahead: whether to work ahead.
    """

    def __init__(self, make: Callable[[_Pool], Iterator[Piece]], *, ahead: bool = True) -> None:
        self._pool = _Pool()
        self._pieces = make(self._pool)
        self._stop = threading.Event()
        self._queue: queue.Queue[Any] | None = None
        if ahead:
            self._queue = queue.Queue(3)
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def __enter__(self) -> Flow:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[Piece]:
        if self._queue is None:
            yield from self._pieces
            return
        while True:
            item = self._queue.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def release(self, piece: Piece) -> None:
        """Give a piece's buffer back once nothing of it is needed."""
        self._pool.give(piece.array)

    def close(self) -> None:
        """Stop working ahead and let go of the file."""
        self._stop.set()
        if self._queue is not None:
            while self._thread.is_alive():
                try:
                    self._queue.get(timeout=0.05)
                except queue.Empty:
                    continue
        elif hasattr(self._pieces, "close"):
            self._pieces.close()

    def _work(self) -> None:
        try:
            for piece in self._pieces:
                if not self._put(piece):
                    break
            else:
                self._put(None)
        except BaseException as error:
            self._put(error)
        finally:
            if hasattr(self._pieces, "close"):
                self._pieces.close()

    def _put(self, item: object) -> bool:
        assert self._queue is not None
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False


def flow_of(path: Path, threads: int = 1) -> Flow:
    """The content of a plain, gzip or bgzip file, or of stdin for ``-``, inflated in a thread ahead of the reader."""
    if path == STDIN:
        from aftercar.edges.fastq import open_bytes

        return Flow(lambda pool: _cut(open_bytes(path), pool))
    existing_file(path)
    with path.open("rb") as stream:
        first = stream.read(64)
    if bgzf.is_bgzf(first):
        bgzf.check_end(path)
        return Flow(lambda pool: bgzf_pieces(path, pool, threads))
    if first[:2] == b"\x1f\x8b":
        return Flow(lambda pool: _gzip_pieces(path, pool))
    return Flow(lambda pool: _plain_pieces(path, pool))


def bgzf_flow(path: Path, threads: int, start: int = 0, end: int | None = None) -> Flow:
    """The content of a BGZF file from one block's start to another's; ``threads`` inflate at a time."""
    return Flow(lambda pool: bgzf_pieces(path, pool, threads, start, end), ahead=False)


def _plain_pieces(path: Path, pool: _Pool) -> Iterator[Piece]:
    with path.open("rb", buffering=0) as stream:
        while True:
            array = pool.take()
            got = stream.readinto(array.data[HEAD : HEAD + BODY])
            if not got:
                return
            yield Piece(array, HEAD, HEAD + got)


def _gzip_pieces(path: Path, pool: _Pool) -> Iterator[Piece]:
    """A gzip file of any number of members; the inflater checks each one's CRC."""
    from isal import igzip

    try:
        with igzip.open(path, "rb") as stream:
            while True:
                array = pool.take()
                view = array.data
                filled = HEAD
                while filled < HEAD + BODY:
                    got = stream.readinto(view[filled : HEAD + BODY])
                    if not got:
                        break
                    filled += got
                if filled == HEAD:
                    return
                yield Piece(array, HEAD, filled)
    except _inflate_errors() as error:
        raise bgzf.DamagedFile(f"the gzip file is damaged: {error}", where=str(path), fix=bgzf.AGAIN) from error


def _inflate_errors() -> Any:
    from isal import isal_zlib

    return EOFError, OSError, isal_zlib.error


def _cut(parts: Iterator[bytes], pool: _Pool) -> Iterator[Piece]:
    for part in parts:
        for low in range(0, len(part), BODY):
            array = pool.take()
            cut = np.frombuffer(part, np.uint8)[low : low + BODY]
            array[HEAD : HEAD + len(cut)] = cut
            yield Piece(array, HEAD, HEAD + len(cut))


def bgzf_pieces(path: Path, pool: _Pool, threads: int, start: int = 0, end: int | None = None) -> Iterator[Piece]:
    """Groups of whole BGZF blocks, inflated and checked, in order."""
    groups = _groups(path, start, end)
    if threads <= 1:
        for group in groups:
            yield _inflate_group(path, *group, pool.take())
        return
    waiting: deque[Future[Piece]] = deque()
    with ThreadPoolExecutor(threads) as workers:
        try:
            for group in groups:
                waiting.append(workers.submit(_inflate_group, path, *group, pool.take()))
                if len(waiting) > threads + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


#: Compressed bytes, first and last place of a run of whole blocks in them, place of the first byte in the file.
_Group = tuple[NDArray[np.uint8], int, int, int]


def _groups(path: Path, start: int, end: int | None) -> Iterator[_Group]:
    """Runs of whole blocks that inflate to at most :data:`BODY` bytes."""
    size = path.stat().st_size if end is None else end
    with path.open("rb", buffering=0) as stream:
        place = start
        while place < size:
            stream.seek(place)
            data = np.frombuffer(stream.read(min(_RAW, size - place)), np.uint8)
            at, why = 0, bgzf_kernel.FULL
            while why == bgzf_kernel.FULL:
                stop, why = bgzf_kernel.chain(data, at, len(data), BODY)
                if stop > at:
                    yield data, at, stop, place
                at = stop
            # A block that is cut by the end of what was read is read again from its start.
            if why == bgzf_kernel.BROKEN or not at or (place + len(data) >= size and at < len(data)):
                raise _broken(path, place + at)
            place += at


def _broken(path: Path, place: int) -> bgzf.DamagedFile:
    where = f"{path} at byte {place:,}"
    return bgzf.DamagedFile("the chain of BGZF blocks is broken or cut short", where=where, fix=bgzf.AGAIN)


_OF_THREAD = threading.local()


def _inflate_group(path: Path, data: NDArray[np.uint8], first: int, last: int, place: int, array: NDArray[np.uint8]) -> Piece:
    inflater: bgzf.Inflater | None = getattr(_OF_THREAD, "inflater", None)
    if inflater is None:
        inflater = _OF_THREAD.inflater = bgzf.Inflater()
    end, bad = inflater.run(data, first, last, array, HEAD)
    if bad >= 0:
        where = f"{path} at byte {place + bad:,}"
        bgzf.inflate(data[bad : bad + bgzf_kernel.block_bytes(data, bad, last)].tobytes(), where)
        raise bgzf.DamagedFile("a BGZF block is too large", where=where, fix=bgzf.AGAIN)
    return Piece(array, HEAD, end, place + first, place + last)


def sane_threads(asked: int | None) -> int:
    """Threads to use: as asked, else the cores there are, at most eight (beyond that Python's lock is the limit)."""
    if asked is not None:
        return max(1, asked)
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(8, cores))
