"""Accuracy of sites, copies, cell fractions and detection limits on simulated samples in real human sequence.

Run ``python -m benchmarks.accuracy`` for the table beside the published peers' figures, or name parts:
``table grid spread bias limit negatives lengths repeats forms speed peers``. Truth comes from the shipped simulator; seeds are
printed. The host is 7 Mb of GRCh37/GRCh38 (chr1:1-3.4 Mb with its segmental duplications, chr16, chr20), the vector a
lentiviral CAR plasmid. Rows of really aligned reads need bwa and samtools.
"""

from __future__ import annotations

import dataclasses
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pysam

from aftercar.actions import test_sample as action
from aftercar.edges.constructs import read_constructs
from aftercar.edges.host import FastaHost
from aftercar.evidence.settings import Settings
from aftercar.testing.simulate import Population, Sample, as_text, plant
from aftercar.testing.simulate_files import write_bam
from aftercar.vocab.vectors import Construct
from benchmarks._accuracy import (
    BASE,
    CASSETTE,
    DATA,
    GAMMA,
    TISA,
    Bench,
    Score,
    as_cram,
    bwa_aligned,
    score,
    write_fasta,
    written,
)
from benchmarks._cost import measured
from benchmarks.accuracy_peers import peers


def table(bench: Bench) -> None:
    """The table of the peers, our rows: all cells, 10% of cells, no vector, plasmid only."""
    print("\n== table: 60 heterozygous insertions, 30x, 2x150, insert 400+-80; whole path on its own process ==")
    plasmid = {"plasmid": bench.constructs[0].sequence, "plasmid_depth": 30.0}
    for seed in (BASE + 11, BASE + 12, BASE + 13):
        sites = plant(bench.host, bench.provirus.sequence, sites=60, seed=seed)
        for name, fraction in (("all cells", 1.0), ("10% of cells", 0.1)):
            sample = Sample(bench.host, (Population("tumour", fraction, sites),), depth=30, seed=seed)
            _rows(bench, sample, f"seed {seed} {name}", aligned=seed == BASE + 11)
    for name, extra in (("no vector", {}), ("plasmid only", plasmid)):
        _rows(bench, Sample(bench.host, (), depth=30, seed=BASE + 11, **extra), f"seed {BASE + 11} {name}", aligned=False)


def _rows(bench: Bench, sample: Sample, name: str, *, aligned: bool) -> None:
    """One sample as BAM with true alignments and as FASTQ; if ``aligned`` also as bwa leaves it, as BAM and CRAM."""
    path = bench.folder / "whole.bam"
    write_bam(sample, path)
    print(f"{name:20s} true BAM {_whole(bench, sample, [path])}", flush=True)
    ends = written(bench, sample)
    print(f"{name:20s} FASTQ    {_whole(bench, sample, ends)}", flush=True)
    if aligned and shutil.which("bwa"):
        bwa_aligned(bench, ends, path)
        for kind, file in (("bwa BAM ", path), ("bwa CRAM", as_cram(bench, path))):
            print(f"{name:20s} {kind} {_whole(bench, sample, [file])}", flush=True)


def _whole(bench: Bench, sample: Sample, files: list[Path]) -> str:
    """One full run through the command, timed on its own process, and the score of the same run in this one."""
    out = bench.folder / "whole"
    shutil.rmtree(out, ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "aftercar",
        "sample",
        "test",
        *files,
        "--vector",
        DATA / TISA,
        "--reference",
        bench.reference,
    ]
    cost = measured([*command, "--out", out], bench.folder / "cost.json")
    verdict = action.examine(files, bench.constructs, host=bench.fasta, shared=bench.shared, reference=bench.reference)[2]
    result, _ = score(sample, verdict.sites)
    limit = verdict.limit.presence if verdict.limit else float("nan")
    shown = result.row() if sample.insertions else f"false {result.false}"
    return f"{shown}  {verdict.call}  limit {100 * limit:.2g}%  {cost.words()}"


def grid(bench: Bench, spread: float = 0.0) -> None:
    """Fractions by depths: sites, cell fractions, copies, interval coverage; ``spread`` makes the local density uneven."""
    seeds = [BASE + 21, BASE + 22, BASE + 23]
    print(f"\n== grid: 80 insertions a run, seeds {seeds}, truth alignments around the sites, purity given, spread {spread} ==")
    print("cells depth   sites found/findable(planted) ... | cell fraction: error, interval coverage | copies: error, covered")
    for fraction in (1.0, 0.5, 0.1, 0.05, 0.02):
        for depth in (10, 30, 100):
            total, errors, covered, copies, measured_spread = Score(), [], [0, 0], [], []
            for seed in seeds:
                sites = plant(bench.host, bench.provirus.sequence, sites=80, seed=seed)
                sample = Sample(
                    bench.host, (Population("tumour", fraction, sites),), depth=depth, seed=seed, windows=bench.windows(sites),
                    spread=spread,
                )  # fmt: skip
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
                measured_spread.append(verdict.facts["overdispersion"])
            print(
                f"{100 * fraction:4.0f}% {depth:4d}x  {total.row()}  |  {np.median(errors) if errors else float('nan'):.4f}, "
                f"{100 * covered[0] / max(1, covered[1]):.1f}% of {covered[1]}  |  "
                f"{100 * np.mean([c[0] for c in copies]):+.1f}%, {sum(c[1] for c in copies)}/{len(seeds)}  |  "
                f"spread found {np.mean(measured_spread):.3f}",
                flush=True,
            )


def spread(bench: Bench) -> None:
    """The grid where the local density differs from place to place by 22% (squared: 0.05)."""
    grid(bench, 0.05)


def bias(bench: Bench) -> None:
    """Copies where the depth falls with GC, and where a long stretch of the host is piled up with reads of other copies."""
    print(f"\n== bias: 60 insertions in 50% of cells (30 copies per cell), 30x, seed {BASE + 61} ==")
    sites = plant(bench.host, bench.provirus.sequence, sites=60, seed=BASE + 61)
    sample = Sample(bench.host, (Population("tumour", 0.5, sites),), depth=30, seed=BASE + 61)
    path = bench.folder / "bias.bam"
    for name, steep in (("even", 0.0), ("GC bias", 4.0)):
        write_bam(dataclasses.replace(sample, gc_bias=steep), path)
        for given, reference in (("with the host's GC curve", bench.reference), ("without it", None)):
            verdict = action.examine(
                [path], bench.constructs, host=bench.fasta if reference else None, shared=bench.shared, reference=reference
            )[2]
            print(f"{name:8s} {given:26s} {verdict.copies.per_cell.words()}")
    if shutil.which("bwa") is None:
        return
    # The sample holds a 200 kb stretch of chr16 six times a chromosome, the reference twice (as collapsed repeats do).
    kept, stretch = bench.host, bench.host["chr16"][1_200_000:1_400_000]
    bench.host = {**kept, "chr20": np.concatenate([kept["chr20"], stretch])}
    truth = {**kept, "chr20": np.concatenate([kept["chr20"], *[stretch] * 5])}
    bench.reference = write_fasta(bench.folder / "twice.fa", bench.host)
    bwa_aligned(bench, written(bench, dataclasses.replace(sample, host=truth)), path)
    with FastaHost(bench.reference) as host:
        verdict = action.examine([path], bench.constructs, host=host, shared=bench.shared, reference=bench.reference)[2]
    with pysam.AlignmentFile(str(path)) as handle:
        bases = sum(read.query_alignment_length for read in handle if not read.flag & 0xF04)
    naive = bases / sum(map(len, bench.host.values()))
    print(
        f"piled up {verdict.facts['host_depth_how']}: {verdict.copies.per_cell.words()}; all "
        f"windows together would say depth {naive:.1f} instead of {verdict.facts['host_depth']:.1f}: "
        f"{verdict.copies.per_cell.value * verdict.facts['host_depth'] / naive:.1f} copies"
    )
    bench.host, bench.reference = kept, bench.folder / "host.fa"


def limit(bench: Bench, runs: int = 300) -> None:
    """One insertion planted at the stated limit: how often is it found; and the coverage of the copies' interval."""
    print(f"\n== detection limit: one insertion planted at the stated limit, {runs} runs each, seeds {BASE + 1000} on ==")
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
            # Seeds of their own for every row, lest all rows share their luck.
            first = BASE + 1_000 + 10_000 * (depth + (goal == "site"))
            for seed in range(first, first + runs):
                sites = plant(small, bench.provirus.sequence, sites=1, seed=seed)
                sample = Sample(
                    small, (Population("t", share, sites),), depth=depth, seed=seed, windows=bench.windows(sites, 1_000)
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
    print(f"\n== negatives: {runs} samples without vector (four human parts in it, loci at 30x), seeds {BASE + 2000} on ==")
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
        verdict = bench.verdict(Sample(bench.host, (), depth=30, seed=BASE + 2000 + run, windows=loci))
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
            inserted = plant(bench.host, bench.provirus.sequence, sites=copies, seed=BASE + 3000 + run)
            sample = Sample(
                bench.host, (Population("n", 0.001, inserted),), depth=30, seed=BASE + 3000 + run, windows=bench.windows(inserted)
            )
            call = bench.verdict(sample).call
            hopped[call] = hopped.get(call, 0) + 1
        print(f"index hopping 0.1% from a neighbour with {copies} copies per cell: {hopped}")


def lengths(bench: Bench) -> None:
    """Read lengths, insert sizes, single-end reads, FASTQ, capture, duplicates, other vectors."""
    print("\n== libraries: 40 insertions, all cells, 30x, seed 31 ==")
    sites = plant(bench.host, bench.provirus.sequence, sites=40, seed=BASE + 31)
    population = (Population("tumour", 1.0, sites),)
    base = Sample(bench.host, population, depth=30, seed=BASE + 31, windows=bench.windows(sites))
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
        other = plant(bench.host, bench.provirus.sequence, sites=40, seed=BASE + 32, tsd=tsd)
        sample = Sample(bench.host, (Population("tumour", 1.0, other),), depth=30, seed=BASE + 32, windows=bench.windows(other))
        verdict = bench.verdict(sample)
        tsds = {site.site.tsd for site in verdict.sites}
        print(f"{name:18s} bam   {score(sample, verdict.sites)[0].row()}  {verdict.call}  TSD {tsds}")
    bench.use(kept)
    cut = plant(bench.host, bench.provirus.sequence, sites=40, seed=BASE + 33, truncate=1.0)
    sample = Sample(bench.host, (Population("tumour", 1.0, cut),), depth=30, seed=BASE + 33, windows=bench.windows(cut))
    verdict = bench.verdict(sample)
    print(f"{'truncated provirus':18s} bam   {score(sample, verdict.sites)[0].row()}  {verdict.call}")
    bench.use(read_constructs(DATA / CASSETTE))
    cassette = bench.constructs[0].sequence
    carrier = kept[0].provirus().sequence
    carrier = carrier[:1_500] + cassette + carrier[5_400:]
    held = plant(bench.host, carrier, sites=1, seed=BASE + 34)
    sample = Sample(bench.host, (Population("tumour", 1.0, held),), depth=30, seed=BASE + 34, windows=bench.windows(held))
    verdict = bench.verdict(sample)
    print(f"CAR cassette only   {verdict.call}: {verdict.reasons[0]}; copies {verdict.copies.per_cell.words()}")
    bench.use(kept)


def repeats(bench: Bench) -> None:
    """Insertions inside the segmental duplications of chr1:1-3.4 Mb and of chr16, whole genome background, truth in groups."""
    print("\n== repeats: 40 insertions in duplicated sequence, seed 41, bwa alignments where bwa is there ==")
    places = _duplicated(bench)
    sites = plant(bench.host, bench.provirus.sequence, sites=40, seed=BASE + 41, places=places, spacing=1_500)
    sample = Sample(bench.host, (Population("tumour", 1.0, sites),), depth=30, seed=BASE + 41)
    path = bench.folder / "repeat.bam"
    if shutil.which("bwa"):
        bwa_aligned(bench, written(bench, sample), path)
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

    sites = plant(bench.host, bench.provirus.sequence, sites=60, seed=BASE + 51)
    sample = Sample(bench.host, (Population("tumour", 1.0, sites),), depth=90, seed=BASE + 51, windows=bench.windows(sites))
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
    "forms": forms, "spread": spread, "bias": bias, "peers": lambda bench: peers(bench, DATA / TISA),
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
