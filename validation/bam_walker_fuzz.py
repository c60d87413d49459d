"""Fuzzes the BAM record walker: mangled records in a buffer whose end is guarded by an unreadable page.

A read of more than eight bytes behind the content kills the process, which the parent reports; so does any crash. What the walker
accepts is held to its plain twin: the same bytes as a BAM file through pysam, for a sample of the cases that pysam accepts.

Run ``python -m validation.bam_walker_fuzz [SECONDS [SEED]]`` (600 seconds by default).
"""

from __future__ import annotations

import ctypes
import mmap
import subprocess
import sys
import time

import numpy as np

from aftercar.reads import walk_bam
from aftercar.reads.kernels import arguments
from aftercar.reads.seeds import Seeds
from aftercar.reads.tally import Tally
from aftercar.reads.vector_index import VectorIndex
from aftercar.testing.raw_files import bam_record, random_bases
from aftercar.vocab.vectors import Construct

PAGE = mmap.PAGESIZE
GUARD = 8


class Guarded:
    """Memory that ends at an unreadable page."""

    def __init__(self, pages: int) -> None:
        self._map = mmap.mmap(-1, (pages + 1) * PAGE)
        self.array = np.frombuffer(self._map, np.uint8)
        self.size = pages * PAGE
        libc = ctypes.CDLL(None, use_errno=True)
        address = self.array.ctypes.data + self.size
        if libc.mprotect(ctypes.c_void_p(address), PAGE, 0):
            raise OSError(ctypes.get_errno(), "mprotect")

    def hold(self, content: bytes) -> tuple[int, int]:
        """Put the content so that eight readable bytes follow it; returns its start and end."""
        end = self.size - GUARD
        start = end - len(content)
        self.array[start:end] = np.frombuffer(content, np.uint8)
        self.array[end : self.size] = 255
        return start, end


def cases(rng: np.random.Generator, vector: str) -> bytes:
    """A few records, some bytes of which are changed, cut or repeated."""
    parts = []
    for number in range(int(rng.integers(1, 6))):
        size = int(rng.choice([0, 1, 15, 16, 17, 31, 40, 100, 151]))
        bases = random_bases(rng, size)
        if size > 20 and rng.random() < 0.5:
            at = int(rng.integers(0, len(vector) - size))
            bases = vector[at : at + size]
        mapped = rng.random() < 0.7
        cigar = [(int(rng.integers(0, 9)), int(rng.integers(0, 200))) for _ in range(int(rng.integers(0, 4)))] if mapped else []
        parts.append(
            bam_record(
                "n" * int(rng.integers(0, 200)) + str(number), bases, flag=int(rng.integers(0, 4096)), contig=0 if mapped else -1,
                position=int(rng.integers(-1, 200_000)) if mapped else -1, cigar=cigar, insert=int(rng.integers(-9000, 9000)),
            )
        )  # fmt: skip
    content = bytearray(b"".join(parts))
    for _ in range(int(rng.integers(0, 6))):
        place = int(rng.integers(0, len(content)))
        kind = rng.integers(0, 4)
        if kind == 0:
            content[place] = int(rng.integers(0, 256))
        elif kind == 1:
            content[place] = int(rng.choice([0, 1, 127, 128, 255]))
        elif kind == 2:
            del content[place:]
        else:
            word = int(rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 31, 32, 33, 2**29]))
            content[place : place + 4] = word.to_bytes(4, "little")
        if not content:
            return b"\0"
    return bytes(content)


def child(seconds: float, seed: int) -> None:
    """Fuzz in this process; prints the number of cases."""
    rng = np.random.default_rng(seed)
    vector = random_bases(np.random.default_rng(1), 3000)
    tables = arguments(Seeds.of(VectorIndex.build([Construct("v", vector)])), nibbles=True)
    memory = Guarded(8)
    tally = Tally({"chr1": 100_000})
    state, hits = np.zeros(8, np.int64), np.empty(16, np.int64)
    wanted = np.sort(rng.integers(0, 2**63, 5).astype(np.uint64))
    stop = time.monotonic() + seconds
    done = errors = found = walked = 0
    while time.monotonic() < stop:
        content = cases(rng, vector)
        start, end = memory.hold(content)
        state[:] = 0
        at = walk_bam.walk(
            memory.array, start, end, 1, state, hits, tally.counts, tally.lengths, tally.inserts, tally.qualities, tally.gc,
            tally.windows, tally.offsets, tally.contig_reads, *tables,
        )  # fmt: skip
        if not start <= at <= end or not 0 <= state[walk_bam.HITS] <= len(hits):
            raise SystemExit(f"seed {seed}, case {done}: the walk ended at {at - start} of {end - start}")
        for place in hits[: state[walk_bam.HITS]]:
            if not start <= place < at:
                raise SystemExit(f"seed {seed}, case {done}: a hit outside the walk")
        errors += bool(state[walk_bam.ERROR])
        found += int(state[walk_bam.HITS])
        walked += int(state[walk_bam.RECORDS])
        state[:] = 0
        walk_bam.walk_names(memory.array, start, end, wanted, hits, state)
        done += 1
    print(f"{done:,} cases, {walked:,} records walked, {errors:,} refused, {found:,} candidates")


def main() -> None:
    """Fuzz in a child process and say how it ended."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    if len(sys.argv) > 3:
        child(seconds, seed)
        return
    ended = subprocess.run(
        [sys.executable, "-m", "validation.bam_walker_fuzz", str(seconds), str(seed), "child"], capture_output=True, text=True
    )
    print(f"seed {seed}, {seconds:.0f} s: exit status {ended.returncode}; {ended.stdout.strip()}{ended.stderr.strip()[-500:]}")
    raise SystemExit(ended.returncode != 0)


if __name__ == "__main__":
    main()
