"""Makes the input of the screening benchmarks: real human sequence, a real CAR vector in known sites, reads as text.

Host pieces come from the shared test data; reads are 2x150 with an insert of 400 +- 80 and four-level qualities. The BAM is
written with the true host alignments (soft clips at junctions, reads inside the vector unmapped), as an aligner that knows
only the host would leave it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aftercar.edges.constructs import read_constructs
from aftercar.edges.fasta import FastaFile
from aftercar.vocab.vectors import reverse_complement

LENGTH, INSERT, SPREAD = 150, 400, 80
_COMPLEMENT = np.zeros(256, np.uint8)
for _a, _b in zip(b"ACGTN", b"TGCAN", strict=True):
    _COMPLEMENT[_a] = _b
LEVELS = np.frombuffer(b"#,:F", np.uint8)


@dataclass(frozen=True)
class Input:
    """Files of one simulated sample, and what was planted: bases of the vector in each planted pair's reads."""

    folder: Path
    reference: Path
    bam: Path
    cram: Path
    one: Path
    two: Path
    vector: Path
    planted: dict[str, tuple[int, int]]
    pairs: int


def host(data: Path) -> dict[str, NDArray[np.uint8]]:
    """Contigs of real human sequence, without runs of N."""
    found: dict[str, NDArray[np.uint8]] = {}
    for file in ("hg38_windows/hmftools_hg38_windows.fa.gz", "b37_chr1_1_3400000/somalier_b37_chr1_1-3400000.fa"):
        with FastaFile(data / "reference" / file) as fasta:
            for name, length in fasta.lengths.items():
                bases = fasta.fetch_array(name, 0, length)
                kept = bases[np.isin(bases, np.frombuffer(b"ACGT", np.uint8))]
                found[f"chr{len(found) + 1}"] = kept
    return found


def make(folder: Path, data: Path, pairs: int, seed: int = 1, vector_depth: float = 4.0, sites: int = 30) -> Input:
    """Simulate and write everything; 24 Mb of host, so two million pairs are about 25x."""
    rng = np.random.default_rng(seed)
    contigs = host(data)
    vector_file = data / "vectors/livingdrugs/Vector_systems/Sequences/lentiviral_vector_tisacel.fasta"
    provirus = np.frombuffer(read_constructs(vector_file)[0].provirus().sequence.encode(), np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    reference = folder / "host.fa"
    with reference.open("wb") as out:
        for name, bases in contigs.items():
            out.write(b">" + name.encode() + b"\n")
            for at in range(0, len(bases), 60):
                out.write(bases[at : at + 60].tobytes() + b"\n")
    plain_one, plain_two, sam = folder / "r1.fq", folder / "r2.fq", folder / "reads.sam"
    with plain_one.open("wb") as one, plain_two.open("wb") as two, sam.open("wb") as text:
        text.write(b"@HD\tVN:1.6\tSO:unsorted\n")
        for name, bases in contigs.items():
            text.write(b"@SQ\tSN:%s\tLN:%d\n" % (name.encode(), len(bases)))
        number = 0
        total = sum(len(bases) for bases in contigs.values())
        for name, bases in contigs.items():
            count = int(pairs * len(bases) / total)
            for low in range(0, count, 100_000):
                size = min(100_000, count - low)
                _host_pairs(rng, name, bases, size, number, one, two, text)
                number += size
        planted = _planted(rng, contigs, provirus, sites, vector_depth, number, one, two, text)
    for plain in (plain_one, plain_two):
        subprocess.run(["gzip", "-6", "-f", str(plain)], check=True)
    bam, cram = folder / "reads.bam", folder / "reads.cram"
    subprocess.run(["samtools", "sort", "-@", "2", "-o", str(bam), str(sam)], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["samtools", "index", str(bam)], check=True)
    subprocess.run(["samtools", "view", "-C", "-T", str(reference), "-o", str(cram), str(bam)], check=True)
    sam.unlink()
    return Input(
        folder, reference, bam, cram, folder / "r1.fq.gz", folder / "r2.fq.gz", vector_file, planted, number + len(planted)
    )


def _qualities(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Mostly the highest level, worse towards the end, in runs."""
    bad = rng.random((size, LENGTH // 5)) < np.linspace(0.03, 0.25, LENGTH // 5)
    level = np.where(bad, rng.integers(0, 3, bad.shape), 3)
    return np.repeat(LEVELS[level], 5, axis=1)


def _errors(rng: np.random.Generator, reads: NDArray[np.uint8], rate: float = 0.003) -> NDArray[np.uint8]:
    wrong = rng.random(reads.shape) < rate
    reads = reads.copy()
    reads[wrong] = rng.choice(np.frombuffer(b"ACGT", np.uint8), int(wrong.sum()))
    return reads


def _digits(values: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    powers = 10 ** np.arange(width - 1, -1, -1)
    return (values[:, None] // powers % 10 + 48).astype(np.uint8)


def _columns(size: int, *parts: bytes | NDArray[np.uint8]) -> bytes:
    arrays = [np.tile(np.frombuffer(p, np.uint8), (size, 1)) if isinstance(p, bytes) else p for p in parts]
    return np.concatenate(arrays, axis=1).tobytes()


def _host_pairs(rng, name, bases, size, number, one, two, text) -> None:
    insert = np.clip(rng.normal(INSERT, SPREAD, size).astype(np.int64), LENGTH, 900)
    start = rng.integers(0, len(bases) - 1000, size)
    places = np.arange(LENGTH)
    left = bases[start[:, None] + places]
    right_start = start + insert - LENGTH
    right = bases[right_start[:, None] + places]
    left, right = _errors(rng, left), _errors(rng, right)
    quality = _qualities(rng, size), _qualities(rng, size)
    flip = rng.random(size) < 0.5
    ids = _digits(number + np.arange(size), 9)
    head = b"A00123:45:HXXXXDSXX:1:1101:"
    tail = _COMPLEMENT[right[:, ::-1]]
    first = np.where(flip[:, None], tail, left)
    second = np.where(flip[:, None], left, tail)
    one.write(_columns(size, b"@" + head, ids, b" 1:N:0:ACGTACGT\n", first, b"\n+\n", quality[0], b"\n"))
    two.write(_columns(size, b"@" + head, ids, b" 2:N:0:ACGTACGT\n", second, b"\n+\n", quality[1], b"\n"))
    contig = name.encode()
    flags = np.where(flip[:, None], np.frombuffer(b"0xa3", np.uint8), np.frombuffer(b"0x63", np.uint8))
    mates = np.where(flip[:, None], np.frombuffer(b"0x53", np.uint8), np.frombuffer(b"0x93", np.uint8))
    quality_left = np.where(flip[:, None], quality[1], quality[0])
    quality_right = np.where(flip[:, None], quality[0][:, ::-1], quality[1][:, ::-1])
    position, mate, length = _digits(start + 1, 9), _digits(right_start + 1, 9), _digits(insert, 4)
    middle = b"\t" + contig + b"\t"
    rest = b"\t60\t150M\t=\t"
    text.write(
        _columns(
            size,
            head,
            ids,
            b"\t",
            flags,
            middle,
            position,
            rest,
            mate,
            b"\t",
            length,
            b"\t",
            left,
            b"\t",
            quality_left,
            b"\tNM:i:0\n",
        )
    )
    text.write(
        _columns(
            size,
            head,
            ids,
            b"\t",
            mates,
            middle,
            mate,
            rest,
            position,
            b"\t-",
            length,
            b"\t",
            right,
            b"\t",
            quality_right,
            b"\tNM:i:0\n",
        )
    )


def _planted(rng, contigs, provirus, sites, depth, number, one, two, text) -> dict[str, tuple[int, int]]:
    """Pairs that touch the vector in a provirus at each of the sites, and how many vector bases each read has."""
    planted: dict[str, tuple[int, int]] = {}
    names = list(contigs)
    flank = 800
    for _ in range(sites):
        name = names[rng.integers(len(names))]
        bases = contigs[name]
        at = int(rng.integers(5000, len(bases) - 5000))
        strand = rng.random() < 0.5
        inner = provirus if strand else _COMPLEMENT[provirus[::-1]]
        whole = np.concatenate((bases[at - flank : at + 5], inner, bases[at : at + flank]))
        begin, end = flank + 5, flank + 5 + len(inner)
        for _ in range(rng.poisson(depth * (len(whole) - INSERT) / (2 * LENGTH))):
            size = int(np.clip(rng.normal(INSERT, SPREAD), LENGTH, 900))
            start = int(rng.integers(0, len(whole) - size))
            spans = [(start, start + LENGTH), (start + size - LENGTH, start + size)]
            inside = [max(0, min(b, end) - max(a, begin)) for a, b in spans]
            if not any(inside):
                continue
            title = f"A00123:45:HXXXXDSXX:1:1102:{number:09d}"
            number += 1
            reads = [_errors(rng, whole[a:b][None])[0] for a, b in spans]
            quality = [_qualities(rng, 1)[0] for _ in spans]
            flip = rng.random() < 0.5
            planted[title] = (inside[1], inside[0]) if flip else (inside[0], inside[1])
            _write_fastq(title, reads, quality, flip, one, two)
            text.write(_sam(title, name, at, flank, begin, end, spans, inside, reads, quality, flip))
    return planted


def _write_fastq(title, reads, quality, flip, one, two) -> None:
    ends = [(reads[0].tobytes(), quality[0].tobytes()), (_COMPLEMENT[reads[1][::-1]].tobytes(), quality[1][::-1].tobytes())]
    if flip:
        ends.reverse()
    for number, (stream, (bases, scores)) in enumerate(zip((one, two), ends, strict=True), 1):
        stream.write(b"@%s %d:N:0:ACGTACGT\n%s\n+\n%s\n" % (title.encode(), number, bases, scores))


def _sam(title, name, at, flank, begin, end, spans, inside, reads, quality, flip) -> bytes:
    """Two SAM lines; host parts of 30 bases or more are aligned, the rest is clipped, everything else is unmapped."""
    placed = []
    for (a, _), vector in zip(spans, inside, strict=True):
        own = LENGTH - vector
        if own < 30:
            placed.append(None)
        elif a < begin:
            placed.append((at - flank + a, f"{own}M{vector}S" if vector else f"{LENGTH}M"))
        else:
            clipped = max(0, end - a)
            placed.append((at + a + clipped - end, f"{clipped}S{own}M" if clipped else f"{LENGTH}M"))
    lines = b""
    for i in range(2):
        mine, mate = placed[i], placed[1 - i]
        flag = 1 | (0x40 if (i == 0) != flip else 0x80)
        flag |= (0 if mine else 4) | (0 if mate else 8)
        flag |= (0x10 if i == 1 and mine else 0) | (0x20 if i == 0 and mate else 0)
        sequence, scores = reads[i].tobytes().decode(), quality[i].tobytes().decode()
        if i == 1 and not mine:
            sequence, scores = reverse_complement(sequence), scores[::-1]
        here, there = mine or mate, mate or mine
        contig, next_contig = (name if here else "*"), ("=" if there else "*")
        fields = [
            title, str(flag), contig, str(here[0] + 1 if here else 0), "60" if mine else "0", mine[1] if mine else "*",
            next_contig, str(there[0] + 1 if there else 0), "0", sequence, scores,
        ]  # fmt: skip
        lines += ("\t".join(fields) + "\n").encode()
    return lines


def main() -> None:
    """Write a sample into a folder: ``python -m benchmarks.screen_data FOLDER DATA PAIRS``."""
    import sys

    made = make(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    print(f"{made.pairs:,} pairs, {len(made.planted):,} planted, in {made.folder}")


if __name__ == "__main__":
    main()
