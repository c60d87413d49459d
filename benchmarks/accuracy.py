"""Accuracy of sites, copies, cell fractions and detection limits on simulated samples in real human sequence.

Run ``python -m benchmarks.accuracy`` for the table beside the published peers' figures, or name parts:
``table grid limit negatives lengths repeats forms``. Truth comes from the shipped simulator; seeds are printed. The
host is 7 Mb of GRCh37/GRCh38 (chr1:1-3.4 Mb with its segmental duplications, chr16, chr20), the vector a lentiviral CAR plasmid.
With bwa on the PATH and ``AFTERCAR_BENCH_BWA=1`` the table is made from really aligned reads.
"""

from __future__ import annotations

import dataclasses
import gzip
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from aftercar.actions import test_sample as action
from aftercar.edges.constructs import read_constructs
from aftercar.edges.host import FastaHost
from aftercar.evidence.sample import shared_with_host
from aftercar.evidence.settings import Settings
from aftercar.testing.simulate import Insertion, Population, Sample, as_bases, as_text, plant
from aftercar.testing.simulate_files import write_bam, write_fastq
from aftercar.vocab.vectors import Construct

DATA = Path(os.environ.get("AFTERCAR_TEST_DATA", "."))
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


def table(bench: Bench) -> None:
    """The table of the peers, our rows: all cells, 10% of cells, no vector, plasmid only."""
    bwa = bool(os.environ.get("AFTERCAR_BENCH_BWA")) and shutil.which("bwa")
    print(f"\n== table: 60 heterozygous insertions, 30x, 2x150, insert 400+-80, {'bwa mem' if bwa else 'truth'} alignments ==")
    for seed in (11, 12, 13):
        sites = plant(bench.host, bench.provirus.sequence, sites=60, seed=seed)
        for name, fraction in (("all cells", 1.0), ("10% of cells", 0.1)):
            sample = Sample(bench.host, (Population("tumour", fraction, sites),), depth=30, seed=seed)
            print(f"seed {seed} {name:13s} {_whole(bench, sample, bool(bwa))}")
    for name, extra in (("no vector", {}), ("plasmid only", {"plasmid": bench.constructs[0].sequence, "plasmid_depth": 30.0})):
        sample = Sample(bench.host, (), depth=30, seed=11, **extra)
        print(f"seed 11 {name:13s} {_whole(bench, sample, bool(bwa))}")


def _whole(bench: Bench, sample: Sample, bwa: bool) -> str:
    """One full run through the command's own path, timed in a process of its own."""
    path = bench.folder / "whole.bam"
    if bwa:
        _bwa(bench, sample, path)
    else:
        write_bam(sample, path)
    vector = DATA / TISA
    out = bench.folder / "whole"
    shutil.rmtree(out, ignore_errors=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "aftercar",
        "sample",
        "test",
        path,
        "--vector",
        vector,
        "--reference",
        bench.reference,
        "--out",
        out,
    ]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    wall = time.perf_counter() - start
    verdict = action.examine([path], bench.constructs, host=bench.fasta, shared=bench.shared, reference=bench.reference)[2]
    result, _ = score(sample, verdict.sites)
    limit = verdict.limit.presence if verdict.limit else float("nan")
    shown = result.row() if sample.insertions else f"false {result.false}"
    cost = f"CPU {cpu:.1f} s wall {wall:.1f} s memory {after.ru_maxrss / 1e6:.2f} GB"
    return f"{shown}  {verdict.call}  limit {100 * limit:.2g}%  {cost}"


def _bwa(bench: Bench, sample: Sample, path: Path) -> None:
    ends = [bench.folder / "w_1.fq.gz", bench.folder / "w_2.fq.gz"]
    write_fastq(sample, *ends)
    if not bench.reference.with_suffix(".fa.bwt").exists():
        subprocess.run(["bwa", "index", bench.reference], check=True, capture_output=True)
    line = f"bwa mem -t 2 {bench.reference} {ends[0]} {ends[1]} | samtools sort -o {path} - && samtools index {path}"
    subprocess.run(line, shell=True, check=True, capture_output=True)


def grid(bench: Bench) -> None:
    """Fractions by depths: sites, cell fractions, copies, interval coverage."""
    print("\n== grid: 40 insertions a run, seeds 21-23, truth alignments around the sites, purity given ==")
    print("cells depth   sites found/findable(planted) ... | cell fraction: error, interval coverage | copies: error, covered")
    every = [0, 0]
    for fraction in (1.0, 0.5, 0.1, 0.05, 0.02):
        for depth in (10, 30, 100):
            total, errors, covered, copies = Score(), [], [0, 0], []
            for seed in (21, 22, 23):
                sites = plant(bench.host, bench.provirus.sequence, sites=40, seed=seed)
                sample = Sample(
                    bench.host, (Population("tumour", fraction, sites),), depth=depth, seed=seed, windows=bench.windows(sites)
                )
                verdict = bench.verdict(sample, purity=fraction)
                result, matched = score(sample, verdict.sites)
                total += result
                for site in sites:
                    call = matched.get(id(site))
                    if call is None:
                        continue
                    share = call.clone.cell_fraction
                    errors.append(abs(share.value - fraction))
                    covered[0] += share.low <= fraction <= share.high
                    covered[1] += 1
                amount = verdict.copies.per_cell
                truth = sample.vector_copies()
                copies.append((amount.value / truth - 1, amount.low <= truth <= amount.high))
            every = [every[0] + covered[0], every[1] + covered[1]] if total.found >= 0.97 * total.planted else every
            print(
                f"{100 * fraction:4.0f}% {depth:4d}x  {total.row()}  |  {np.median(errors) if errors else float('nan'):.4f}, "
                f"{100 * covered[0] / max(1, covered[1]):.1f}% of {covered[1]}  |  "
                f"{100 * np.mean([c[0] for c in copies]):+.1f}%, {sum(c[1] for c in copies)}/3"
            )
    print(
        f"coverage over cells where at least 97% of the sites are found: {100 * every[0] / max(1, every[1]):.1f}% of {every[1]}"
    )


def limit(bench: Bench, runs: int = 300) -> None:
    """One insertion planted at the stated limit: how often is it found; and the coverage of the copies' interval."""
    print(f"\n== detection limit: one insertion planted at the stated limit, {runs} runs each, seeds 1000 on ==")
    small = {"chr20": bench.host["chr20"]}
    for depth in (10, 30, 100):
        probe = Sample(
            small, (Population("t", 1.0, plant(small, bench.provirus.sequence, sites=1, seed=1)),), depth=depth, seed=1
        )
        stated = bench.verdict(probe).limit
        for goal, share in (("presence", stated.presence), ("site", stated.site)):
            if share > 1:
                print(f"{depth:4d}x {goal}: limit above 100% of cells, not planted")
                continue
            hits = inside = 0
            for run in range(runs):
                sites = plant(small, bench.provirus.sequence, sites=1, seed=1000 + run)
                sample = Sample(
                    small, (Population("t", share, sites),), depth=depth, seed=1000 + run, windows=bench.windows(sites, 1_000)
                )
                verdict = bench.verdict(sample)
                if goal == "presence":
                    hits += verdict.presence.fragments >= verdict.settings.fragments
                else:
                    hits += len(verdict.located) == 1
                inside += verdict.copies.per_cell.low <= share <= verdict.copies.per_cell.high
            print(
                f"{depth:4d}x {goal:8s} limit {100 * share:.2f}% of cells: found {100 * hits / runs:.1f}% (95% +- 2 wanted); "
                f"copies interval covers {100 * inside / runs:.1f}%"
            )


def human_like(bench: Bench) -> Construct:
    """The vector with four stretches of the host's own sequence in it, as a CAR has CD8A, 4-1BB, CD28, CD3 zeta and EF1a."""
    sequence = bench.constructs[0].sequence
    cut = len(sequence) // 2
    parts = [as_text(bench.host[c][s : s + n]) for c, s, n in (
        ("chr1", 1_500_000, 1_180), ("chr16", 800_000, 207), ("chr20", 400_000, 126), ("chr1", 2_500_000, 339)
    )]  # fmt: skip
    return Construct("human-like", sequence[:cut] + "".join(parts) + sequence[cut:], bench.constructs[0].circular)


def negatives(bench: Bench, runs: int = 200) -> None:
    """Samples without a vector, with human-like parts in the construct; plasmid; index hopping from a neighbour."""
    print(f"\n== negatives: {runs} samples without vector (construct with four human parts, their loci at 30x), seeds 2000 on ==")
    kept = bench.constructs
    bench.use([human_like(bench)])
    loci = (
        ("chr1", 1_499_000, 1_502_500),
        ("chr16", 799_000, 801_500),
        ("chr20", 399_000, 401_500),
        ("chr1", 2_499_000, 2_502_000),
    )
    calls: dict[str, int] = {}
    sites = 0
    for run in range(runs):
        verdict = bench.verdict(Sample(bench.host, (), depth=30, seed=2000 + run, windows=loci))
        calls[verdict.call] = calls.get(verdict.call, 0) + 1
        sites += len(verdict.sites)
    print(f"calls {calls}, sites {sites}")
    bench.use(kept)
    print("plasmid spiked in at 0.3x, 3x, 30x:", [
        bench.verdict(Sample(bench.host, (), depth=30, seed=5, windows=loci, plasmid=kept[0].sequence, plasmid_depth=d)).call
        for d in (0.3, 3.0, 30.0)
    ])  # fmt: skip
    for copies in (1, 4, 60):
        hopped: dict[str, int] = {}
        for run in range(20):
            inserted = plant(bench.host, bench.provirus.sequence, sites=copies, seed=3000 + run)
            sample = Sample(
                bench.host, (Population("n", 0.001, inserted),), depth=30, seed=3000 + run, windows=bench.windows(inserted)
            )
            call = bench.verdict(sample).call
            hopped[call] = hopped.get(call, 0) + 1
        print(f"index hopping 0.1% from a neighbour with {copies} copies per cell: {hopped}")


def lengths(bench: Bench) -> None:
    """Read lengths, insert sizes, single-end reads, FASTQ, capture, duplicates, other vectors."""
    print("\n== libraries: 40 insertions, all cells, 30x, seed 31 ==")
    sites = plant(bench.host, bench.provirus.sequence, sites=40, seed=31)
    population = (Population("tumour", 1.0, sites),)
    base = Sample(bench.host, population, depth=30, seed=31, windows=bench.windows(sites))
    cases = [
        (f"2x{n}, insert {i}", {"read_length": n, "insert_mean": float(i), "insert_sd": i / 6})
        for n in (75, 100, 150, 250)
        for i in (200, 400, 600)
        if i >= n
    ]
    cases += [
        ("1x75", {"single_end": True, "read_length": 75}),
        ("1x150", {"single_end": True}),
        ("1x250", {"single_end": True, "read_length": 250}),
    ]
    cases += [("20% duplicates", {"duplicates": 0.2}), ("errors 1%", {"error_rate": 0.01})]
    for name, changes in cases:
        sample = dataclasses.replace(base, **changes)
        for kind in ("bam", "fastq"):
            verdict = bench.verdict(sample, kind=kind)
            result, _ = score(sample, verdict.sites)
            print(f"{name:18s} {kind:5s} {result.row()}  {verdict.call}  copies {verdict.copies.per_cell.value:.1f} of 40")
    panel = dataclasses.replace(base, windows=(("chr1", 0, 1),), depth=100)
    verdict = bench.verdict(panel)
    print(f"{'capture, vector only':18s} bam   {score(panel, verdict.sites)[0].row()}  {verdict.call}")
    kept = bench.constructs
    for name, path, tsd in (("gamma-retroviral CAR", GAMMA, 4),):
        bench.use(read_constructs(DATA / path))
        other = plant(bench.host, bench.provirus.sequence, sites=40, seed=32, tsd=tsd)
        sample = Sample(bench.host, (Population("tumour", 1.0, other),), depth=30, seed=32, windows=bench.windows(other))
        verdict = bench.verdict(sample)
        tsds = {site.site.tsd for site in verdict.sites}
        print(f"{name:18s} bam   {score(sample, verdict.sites)[0].row()}  {verdict.call}  TSD {tsds}")
    bench.use(kept)
    cut = plant(bench.host, bench.provirus.sequence, sites=40, seed=33, truncate=1.0)
    sample = Sample(bench.host, (Population("tumour", 1.0, cut),), depth=30, seed=33, windows=bench.windows(cut))
    verdict = bench.verdict(sample)
    print(f"{'truncated provirus':18s} bam   {score(sample, verdict.sites)[0].row()}  {verdict.call}")
    bench.use(read_constructs(DATA / CASSETTE))
    cassette = bench.constructs[0].sequence
    carrier = kept[0].provirus().sequence
    carrier = carrier[:1_500] + cassette + carrier[5_400:]
    held = plant(bench.host, carrier, sites=1, seed=34)
    sample = Sample(bench.host, (Population("tumour", 1.0, held),), depth=30, seed=34, windows=bench.windows(held))
    verdict = bench.verdict(sample)
    print(f"CAR cassette only   {verdict.call}: {verdict.reasons[0]}; copies {verdict.copies.per_cell.words()}")
    bench.use(kept)


def repeats(bench: Bench) -> None:
    """Insertions inside the segmental duplications of chr1:1-3.4 Mb and of chr16, whole genome background, truth in groups."""
    print("\n== repeats: 40 insertions in duplicated sequence, seed 41, bwa alignments where bwa is there ==")
    places = _duplicated(bench)
    sites = plant(bench.host, bench.provirus.sequence, sites=40, seed=41, places=places, spacing=1_500)
    sample = Sample(bench.host, (Population("tumour", 1.0, sites),), depth=30, seed=41)
    path = bench.folder / "repeat.bam"
    if shutil.which("bwa"):
        _bwa(bench, sample, path)
        verdict = action.examine([path], bench.constructs, host=bench.fasta, shared=bench.shared, reference=bench.reference)[2]
        print("bwa  ", score(sample, verdict.sites)[0].row(), verdict.call)
    verdict = bench.verdict(dataclasses.replace(sample, windows=bench.windows(sites)), kind="fastq")
    print("FASTQ", score(sample, verdict.sites)[0].row(), verdict.call)


def _duplicated(bench: Bench, tile: int = 500) -> list[tuple[str, int, int]]:
    """Stretches of the host that stand in it more than once: 500-base tiles with at most 2% mismatches elsewhere."""
    from aftercar.reads.junctions_target import encode
    from aftercar.reads.placement import stream

    tiles, where = [], []
    for name, bases in bench.host.items():
        for start in range(0, len(bases) - tile, 4_000):
            if not (bases[start : start + tile] == ord("N")).any():
                tiles.append(encode(bases[start : start + 150].tobytes()))
                where.append((name, start))
    placed = stream(tiles, bench.fasta)
    return [(name, start, start + 150) for (name, start), found in zip(where, placed, strict=True) if len(found.found) > 1]


def forms(bench: Bench) -> None:
    """The same sample with the vector given in different forms."""
    print("\n== forms: 60 insertions in 10% of cells, seed 12, the vector given as ... ==")
    from aftercar.vocab.vectors import reverse_complement

    plasmid = bench.constructs[0]
    provirus = plasmid.provirus()
    text, ltr = provirus.sequence, provirus.ltr_length
    sites = plant(bench.host, text, sites=60, seed=12)
    sample = Sample(bench.host, (Population("tumour", 0.1, sites),), depth=30, seed=12, windows=bench.windows(sites))
    half = len(plasmid) // 2
    given = {
        "plasmid map": plasmid.sequence,
        "plasmid, other strand": reverse_complement(plasmid.sequence),
        "provirus, two LTRs": text,
        "5' LTR only, 3' masked": text[:-ltr] + "N" * ltr,
        "3' LTR only, 5' masked": "N" * ltr + text[ltr:],
        "one LTR alone": text[:ltr],
    }
    rows = [Construct(name, sequence) for name, sequence in given.items()]
    rows.append(Construct("plasmid, cut elsewhere", plasmid.sequence[half:] + plasmid.sequence[:half], circular=True))
    for construct in rows:
        bench.use([construct])
        verdict = bench.verdict(sample)
        print(f"{construct.name:24s} {score(sample, verdict.sites)[0].row()}  {verdict.call}  {verdict.copies.per_cell.words()}")
    bench.use([plasmid])


def speed(bench: Bench) -> None:
    """Candidates to verdict: time and memory for 50,000 pairs, and how it divides."""
    print("\n== speed: candidates to verdict, 60 insertions in all cells at 90x, screen not counted ==")
    from aftercar.actions.screen_reads import screen_reads
    from aftercar.edges.evidence_bam import count_reference
    from aftercar.evidence.sample import find, judge

    sites = plant(bench.host, bench.provirus.sequence, sites=60, seed=51)
    sample = Sample(bench.host, (Population("tumour", 1.0, sites),), depth=90, seed=51, windows=bench.windows(sites))
    path = bench.folder / "speed.bam"
    write_bam(sample, path)
    screened = screen_reads([path], bench.constructs, reference=bench.reference)
    find(dataclasses.replace(screened, pairs=screened.pairs[:100]), bench.constructs, bench.fasta, bench.shared)  # compiles
    pairs = screened.pairs[:50_000]
    start = time.perf_counter(), time.process_time()
    found = find(dataclasses.replace(screened, pairs=pairs), bench.constructs, bench.fasta, bench.shared)
    middle = time.perf_counter()

    def count(wanted, library):
        return count_reference([path], wanted, library, anchor=24, paired=True)

    verdict = judge(screened, found, bench.constructs, count_sites=count)
    end = time.perf_counter(), time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{len(pairs):,} pairs: junctions {middle - start[0]:.1f} s, verdict {end[0] - middle:.1f} s, "
        f"CPU {end[1] - start[1]:.1f} s, peak memory of this process {memory:.2f} GB, {len(verdict.located)} sites"
    )


PARTS = {
    "speed": speed, "table": table, "grid": grid, "limit": limit, "negatives": negatives, "lengths": lengths, "repeats": repeats,
    "forms": forms,
}  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    chosen = arguments if arguments is not None else sys.argv[1:]
    if not (DATA / TISA).is_file():
        raise SystemExit("set AFTERCAR_TEST_DATA to the folder of the shared test data")
    with tempfile.TemporaryDirectory(prefix="aftercar-bench-") as folder:
        bench = Bench(Path(folder))
        print(f"settings: {Settings()}")
        for name in chosen or ["table"]:
            start = time.perf_counter()
            PARTS[name](bench)
            print(f"({name}: {time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
