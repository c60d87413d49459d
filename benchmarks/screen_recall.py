"""Recall of the candidate rule by vector bases in the read, where they stand, and error rate; chance hits on random reads."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from aftercar.edges.fastq_screen import screen_fastq_fast
from aftercar.reads.seeds import Seeds
from aftercar.reads.vector_index import VectorIndex
from aftercar.vocab.vectors import Construct

READS, LENGTH = 2000, 150
BASES = (10, 13, 16, 18, 20, 23, 25, 30, 35, 40)
ERRORS = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05)
LETTERS = np.frombuffer(b"ACGT", np.uint8)


def reads(rng: np.random.Generator, vector: np.ndarray, bases: int, error: float, end: bool) -> np.ndarray:
    made = rng.choice(LETTERS, (READS, LENGTH))
    at = rng.integers(0, len(vector) - bases, READS)
    piece = vector[at[:, None] + np.arange(bases)]
    wrong = rng.random(piece.shape) < error
    piece[wrong] = rng.choice(LETTERS, int(wrong.sum()))
    places = np.where(rng.random(READS) < 0.5, 0, LENGTH - bases) if end else rng.integers(1, LENGTH - bases, READS)
    np.put_along_axis(made, places[:, None] + np.arange(bases), piece, axis=1)
    return made


def found(made: np.ndarray, seeds: Seeds, folder: Path) -> int:
    path = folder / "x.fq"
    with path.open("wb") as out:
        for i, bases in enumerate(made):
            out.write(b"@r%d\n%s\n+\n%s\n" % (i, bases.tobytes(), b"F" * len(bases)))
    return len(screen_fastq_fast(path, None, seeds).pairs)


def main() -> None:
    rng = np.random.default_rng(20241122)
    vector = rng.choice(LETTERS, 9000)
    seeds = Seeds.of(VectorIndex.build([Construct("random", vector.tobytes().decode())]))
    with tempfile.TemporaryDirectory() as folder:
        for end in (True, False):
            print(f"percent found of {READS:,} reads, vector bases {'at an end' if end else 'in the middle'} of the read")
            print("bases " + "".join(f"{100 * error:8.1f}%" for error in ERRORS))
            for bases in BASES:
                shares = [100 * found(reads(rng, vector, bases, error, end), seeds, Path(folder)) / READS for error in ERRORS]
                print(f"{bases:5} " + "".join(f"{share:9.1f}" for share in shares))
        chance = found(rng.choice(LETTERS, (200_000, LENGTH)), seeds, Path(folder))
        print(f"random reads taken for candidates: {chance} of 200,000")


if __name__ == "__main__":
    main()
