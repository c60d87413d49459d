"""Speed of the screens in CPU seconds per 10 million reads, beside pure inflating and the programs people use today.

Everything is measured in one run on one input, simulated by ``benchmarks.screen_data`` on real human sequence;
``AFTERCAR_TEST_DATA`` must name the test data. The slow peers get the first pairs only; all figures are per read. Peers that
are not installed are left out and named. ``AFTERCAR_BENCH_PAIRS`` sets the size (default 500,000 pairs),
``AFTERCAR_BENCH_FOLDER`` keeps the input.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from aftercar.edges.bam import screen_bam
from aftercar.edges.constructs import read_constructs
from aftercar.edges.cram import screen_cram
from aftercar.edges.fastq_screen import screen_fastq_fast
from aftercar.reads.seeds import Seeds
from aftercar.reads.vector_index import VectorIndex
from benchmarks import screen_data

SLOW_PAIRS = 25_000


def used(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def timed(work: Callable[[], object], who: int = resource.RUSAGE_SELF) -> tuple[object, float, float]:
    before, clock = used(who), time.perf_counter()
    result = work()
    return result, used(who) - before, time.perf_counter() - clock


def run(command: str) -> Callable[[], object]:
    return lambda: subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def names_in_fastq(path: Path) -> set[str]:
    with path.open() as lines:
        return {line[1:].split()[0] for number, line in enumerate(lines) if number % 4 == 0}


def main() -> None:
    data = os.environ.get("AFTERCAR_TEST_DATA")
    if not data:
        print("left out: AFTERCAR_TEST_DATA is not set")
        return
    kept = os.environ.get("AFTERCAR_BENCH_FOLDER")
    with tempfile.TemporaryDirectory(prefix="aftercar-bench-") as folder:
        made = screen_data.make(Path(kept or folder), Path(data), int(os.environ.get("AFTERCAR_BENCH_PAIRS", "500000")))
        measure(made, Path(folder))


def measure(made: screen_data.Input, scratch: Path) -> None:
    index = VectorIndex.build(read_constructs(made.vector))
    seeds = Seeds.of(index)
    start = time.process_time()
    head = scratch / "head.bam"
    subprocess.run(["bash", "-c", f"samtools view -h {made.bam} | head -2000 | samtools view -b -o {head} -"], check=True)
    screen_bam(head, seeds)
    small = scratch / "small.fq"
    small.write_text("@r\n" + "ACGT" * 20 + "\n+\n" + "F" * 80 + "\n")
    screen_fastq_fast(small, None, seeds)
    print(f"{made.pairs:,} pairs, {len(made.planted):,} planted")
    print(f"first call, compiling or loading compiled code: {time.process_time() - start:.1f} CPU s")
    millions = 2 * made.pairs / 1e7
    rows: list[tuple[str, float, float, str]] = []

    def ours(name: str, work: Callable[[], object]) -> object:
        result, cpu, wall = timed(work)
        rows.append((name, cpu / millions, wall / millions, ""))
        return result

    def other(name: str, command: str, share: float = 1.0, note: str = "") -> float:
        if shutil.which(command.split()[0]) is None:
            rows.append((name, float("nan"), float("nan"), "not installed"))
            return float("nan")
        _, cpu, wall = timed(run(command), resource.RUSAGE_CHILDREN)
        rows.append((name, cpu / millions / share, wall / millions / share, note))
        return cpu

    inflate = "import sys; from isal import igzip\nb=bytearray(1<<21)\n"
    inflate += "for p in sys.argv[1:]:\n s=igzip.open(p)\n while s.readinto(b): pass"
    other("inflate FASTQ.gz, ISA-L", f"{sys.executable} -c '{inflate}' {made.one} {made.two}")
    fastq = ours("AfterCAR, FASTQ.gz pair", lambda: screen_fastq_fast(made.one, made.two, seeds))
    other("bgzip -dc, BAM", f"bgzip -dc {made.bam}")
    one = ours("AfterCAR, BAM, 1 thread", lambda: screen_bam(made.bam, seeds, 1))
    ours("AfterCAR, BAM, 2 threads", lambda: screen_bam(made.bam, seeds, 2))
    other("samtools view -c, BAM", f"samtools view -c {made.bam}")
    other("samtools view -c, CRAM (full decode)", f"samtools view -c -T {made.reference} {made.cram}")
    cram = ours("AfterCAR, CRAM", lambda: screen_cram(made.cram, seeds, made.reference)[0])
    recall = {name: {pair.first.name for pair in found.pairs} for name, found in (("FASTQ", fastq), ("BAM", one), ("CRAM", cram))}
    peers(made, scratch, other, recall)
    floor = {row[0]: row[1] for row in rows}
    print(f"{'':42}{'CPU s/10M':>10}{'wall':>8}   ratio")
    for name, cpu, wall, note in rows:
        base = (
            floor["bgzip -dc, BAM"]
            if "BAM" in name
            else floor["samtools view -c, CRAM (full decode)"]
            if "CRAM" in name
            else floor["inflate FASTQ.gz, ISA-L"]
        )
        print(f"{name:42}{cpu:10.2f}{wall:8.2f}{cpu / base:8.3f}  {note}")
    sure = {name for name, inside in made.planted.items() if max(inside) >= 24}
    print(f"\nplanted pairs with 24 or more vector bases in a read: {len(sure):,}")
    for name, found in recall.items():
        mine = found & set(made.planted)
        text = f"found {len(found):7,}; of those sure {len(sure & found):6,}; of all planted {len(mine):6,}"
        print(f"{name:12} {text}; others {len(found - mine):6,}")


def peers(made: screen_data.Input, scratch: Path, other: Callable[..., float], recall: dict[str, set[str]]) -> None:
    """Programs of the Debian packages; filters on all reads, aligners on the first pairs."""
    plasmid = scratch / "vector.fa"
    construct = read_constructs(made.vector)[0]
    plasmid.write_text(f">vector|kraken:taxid|10\n{construct.provirus().sequence}\n")
    share = min(1.0, SLOW_PAIRS / made.pairs)
    few = [scratch / "few_1.fq", scratch / "few_2.fq"]
    for source, target in zip((made.one, made.two), few, strict=True):
        subprocess.run(["bash", "-c", f"zcat {source} | head -{4 * SLOW_PAIRS} > {target} || true"], check=True)
    if shutil.which("kraken2"):
        base = scratch / "k2"
        (base / "taxonomy").mkdir(parents=True)
        (base / "taxonomy/nodes.dmp").write_text("1\t|\t1\t|\tno rank\t|\t\n10\t|\t1\t|\tspecies\t|\t\n")
        (base / "taxonomy/names.dmp").write_text(
            "1\t|\troot\t|\t\t|\tscientific name\t|\n10\t|\tvector\t|\t\t|\tscientific name\t|\n"
        )
        run(f"kraken2-build --add-to-library {plasmid} --no-masking --db {base}")()
        run(f"kraken2-build --build --no-masking --db {base} --threads 1")()
        out = scratch / "k2#.fq"
        other(
            "kraken2, vector only",
            f"kraken2 --db {base} --threads 1 --gzip-compressed --paired --classified-out {out} --output - {made.one} {made.two}",
        )
        recall["kraken2"] = names_in_fastq(scratch / "k2_1.fq")
    if shutil.which("bbduk.sh"):
        out = scratch / "bbduk.fq"
        other("bbduk k=25", f"bbduk.sh -Xmx1g threads=1 in={made.one} in2={made.two} outm={out} ref={plasmid} k=25 hdist=0")
        recall["bbduk"] = names_in_fastq(out)
    hybrid = scratch / "hybrid.fa"
    hybrid.write_bytes(made.reference.read_bytes() + plasmid.read_bytes())
    note = f"first {SLOW_PAIRS:,} pairs, index not counted"
    if shutil.which("minimap2"):
        run(f"minimap2 -x sr -d {scratch}/h.mmi {hybrid}")()
        other("minimap2 -x sr, host and vector", f"minimap2 -t 1 -ax sr {scratch}/h.mmi {few[0]} {few[1]}", share, note)
    if shutil.which("bwa"):
        run(f"bwa index {hybrid}")()
        other("bwa mem, host and vector", f"bwa mem -t 1 {hybrid} {few[0]} {few[1]}", share, note)


if __name__ == "__main__":
    main()
