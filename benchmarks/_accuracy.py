"""The bench of the accuracy benchmarks: a host and a vector, the way from a simulated sample to a verdict, and its score."""

from __future__ import annotations

import dataclasses
import gzip
import os
import subprocess
from pathlib import Path

import numpy as np
import pysam

from aftercar.actions import test_sample as action
from aftercar.edges.constructs import read_constructs
from aftercar.edges.host import FastaHost
from aftercar.evidence.sample import shared_with_host
from aftercar.testing.simulate import Insertion, Sample, as_bases, as_text
from aftercar.testing.simulate_files import write_bam, write_fastq
from aftercar.vocab.vectors import Construct

DATA = Path(os.environ.get("AFTERCAR_TEST_DATA", "."))
#: Added to every seed: figures on truth that no code has seen (``AFTERCAR_BENCH_SEED``).
BASE = int(os.environ.get("AFTERCAR_BENCH_SEED", "0"))
TISA = "vectors/livingdrugs/Vector_systems/Sequences/lentiviral_vector_tisacel.fasta"
GAMMA = "vectors/chiarle_gammaRV_CAR_provirus.fasta"
CASSETTE = "vectors/livingdrugs/CAR_constructs/Sequences/Axicel_HM852952.fasta"
PIECES = (
    ("chr1", "reference/b37_chr1_1_3400000/somalier_b37_chr1_1-3400000.fa", "1:1-3400000"),
    ("chr16", "reference/extra/paraphase_chr16s.fa", "chr16"),
    ("chr20", "reference/extra/truvari_chr20.fa", "chr20"),
)


def fasta(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, list[str]] = {}
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
        for line in stream:
            if line.startswith(">"):
                name = line[1:].split()[0]
                found[name] = []
            else:
                found[name].append(line.strip())
    return {name: as_bases("".join(lines)) for name, lines in found.items()}


def write_fasta(path: Path, sequences: dict[str, np.ndarray]) -> Path:
    with path.open("w") as stream:
        for name, bases in sequences.items():
            text = as_text(bases)
            stream.write(f">{name}\n" + "\n".join(text[i : i + 60] for i in range(0, len(text), 60)) + "\n")
    return path


class Bench:
    """A host on disk and in memory, a vector, and the way from a simulated sample to a verdict."""

    def __init__(self, folder: Path, vector: Path | None = None, constructs: list[Construct] | None = None) -> None:
        self.folder = folder
        self.host = {name: fasta(DATA / path)[record] for name, path, record in PIECES}
        self.reference = write_fasta(folder / "host.fa", self.host)
        self.fasta = FastaHost(self.reference)
        self.use(constructs or read_constructs(vector or DATA / TISA))

    def use(self, constructs: list[Construct]) -> None:
        self.constructs = constructs
        self.provirus = constructs[0].provirus()
        self.shared = shared_with_host(constructs, self.fasta)

    def windows(self, sites: tuple[Insertion, ...], reach: int = 1_500) -> tuple[tuple[str, int, int], ...]:
        return tuple((site.contig, site.position - reach, site.position + reach) for site in sites)

    def verdict(self, sample: Sample, *, purity=None, kind="bam", settings=None, ploidy=2.0):
        """Verdict of a sample written out and read back; windowed samples are told their host depth."""
        path = self.folder / "sample.bam"
        if kind == "fastq":
            files = [self.folder / "s_1.fastq", self.folder / "s_2.fastq"][: 1 if sample.single_end else 2]
            write_fastq(sample, *files)
        else:
            write_bam(sample, path)
            files = [path]
        return action.examine(
            files,
            self.constructs,
            host=self.fasta,
            shared=self.shared,
            reference=self.reference,
            purity=purity,
            ploidy=ploidy,
            settings=settings,
            host_depth=sample.depth * (1 + sample.duplicates * (kind == "fastq")) if sample.windows or kind == "fastq" else None,
        )[2]


@dataclasses.dataclass
class Score:
    """Sites of one run against the truth."""

    planted: int = 0
    findable: int = 0
    found: int = 0
    grouped: int = 0
    false: int = 0
    ends: int = 0
    exact: int = 0
    paired: int = 0
    pairable: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)))

    def row(self) -> str:
        return (
            f"{self.found + self.grouped:4d}/{self.findable}({self.planted})  false {self.false}  exact {self.exact}/{self.ends}"
            f" ({100 * self.exact / max(1, self.ends):.1f}%)  paired {self.paired}/{self.pairable}  groups {self.grouped}"
        )


def fragments_at(sample: Sample, reach: int = 20) -> dict[int, tuple[int, int]]:
    """For each insertion the fragments with ``reach`` bases on both sides of its left and right junction."""
    counts = {id(site): [0, 0] for site in sample.insertions}
    for batch in sample.fragments():
        blocks = batch.copy.blocks
        for i, site in enumerate(sorted(batch.copy.sites, key=lambda s: s.position)):
            cuts = (int(blocks[i, 0] + blocks[i, 2]), int(blocks[i + 1, 0]))
            for side, cut in enumerate(cuts):
                over = (batch.start <= cut - reach) & (batch.start + batch.length >= cut + reach) & ~batch.duplicate
                counts[id(site)][side] += int(over.sum())
    return {key: (left, right) for key, (left, right) in counts.items()}


def score(sample: Sample, sites, near: int = 500) -> tuple[Score, dict[int, object]]:
    result = Score(planted=len(sample.insertions))
    there = fragments_at(sample)
    result.findable = sum(sum(there[id(site)]) > 0 for site in sample.insertions)
    result.pairable = sum(min(there[id(site)]) > 0 for site in sample.insertions)
    matched: dict[int, object] = {}
    for call in sites:
        if call.filter == "weak":
            continue
        site = call.site
        truth = [
            t
            for t in sample.insertions
            if t.contig == site.contig and site.low - near <= t.position <= site.high + near and t.orientation == site.orientation
        ]
        if not truth:
            places = {(contig, position + d) for contig, position in site.places for d in range(-3, 4)}
            inside = [t for t in sample.insertions if (t.contig, t.position) in places]
            if inside:
                result.grouped += id(inside[0]) not in matched
                matched.setdefault(id(inside[0]), call)
            else:
                result.false += 1
            continue
        best = min(truth, key=lambda t: abs(t.position - site.position))
        if id(best) in matched:
            result.false += 1
            continue
        matched[id(best)] = call
        result.found += 1
        result.paired += site.left is not None and site.right is not None
        for junction, wanted in ((site.left, best.position), (site.right, best.right)):
            if junction is not None and junction.exact:
                result.ends += 1
                result.exact += junction.adjacent == wanted
    return result, matched


def written(bench: Bench, sample: Sample) -> list[Path]:
    """A sample as a pair of FASTQ files."""
    ends = [bench.folder / "w_1.fq.gz", bench.folder / "w_2.fq.gz"]
    write_fastq(sample, *ends)
    return ends


def bwa_aligned(bench: Bench, ends: list[Path], path: Path) -> None:
    """Align reads with bwa mem into a sorted, indexed BAM."""
    if not Path(f"{bench.reference}.bwt").exists():
        subprocess.run(["bwa", "index", bench.reference], check=True, capture_output=True)
    line = f"bwa mem -t 2 {bench.reference} {ends[0]} {ends[1]} | samtools sort -o {path} - && samtools index {path}"
    subprocess.run(line, shell=True, check=True, capture_output=True)


def as_cram(bench: Bench, bam: Path) -> Path:
    """The same reads as CRAM."""
    path = bam.with_suffix(".cram")
    pysam.samtools.view("-C", "-T", str(bench.reference), "-o", str(path), str(bam), catch_stdout=False)
    pysam.index(str(path))
    return path
