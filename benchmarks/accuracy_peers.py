"""The whole path beside the first step of every peer, on the same reads in one run, and the peers' published figures.

None of the peers (SurVirus, isling, Polyidus, VIRUSBreakend, CTAT-VIF) is packaged for Debian or PyPI. All of them begin with
the reads aligned to host and vector and the split reads listed, so that step is what runs here: bwa mem and minimap2 on host
plus vector, from FASTQ and from the same BAM. Run ``python -m benchmarks.accuracy peers``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from aftercar.testing.simulate import Population, Sample, plant
from aftercar.testing.simulate_files import write_fastq
from benchmarks._cost import Cost, measured

#: Sites of 60 (all cells), CPU seconds and GB on their own set of the same shape, as published with it.
QUOTED = (
    ("SurVirus, from BAM", 60, 12, 5.8),
    ("SurVirus, from FASTQ", 60, 100, 5.8),
    ("VIRUSBreakend, from BAM", 2, 113, 1.8),
    ("CTAT-VIF, from FASTQ", 59, 112, 1.7),
    ("isling, from FASTQ (3' LTR masked)", 58, 259, 0.5),
    ("Polyidus, from FASTQ", 42, 66, 0.5),
)
_SPLIT = "samtools view -d SA -"


def peers(bench, vector: Path) -> None:
    """Our whole path (screen and call) against realignment to host and vector with a listing of split reads."""
    print("\n== peers: table set, seed 11, all cells, 30x; same FASTQ and same BAM, one run, 2 threads each ==")
    missing = [tool for tool in ("bwa", "minimap2", "samtools") if shutil.which(tool) is None]
    if missing:
        print(f"skipped: {', '.join(missing)} not installed")
        return
    sites = plant(bench.host, bench.provirus.sequence, sites=60, seed=11)
    sample = Sample(bench.host, (Population("tumour", 1.0, sites),), depth=30, seed=11)
    ends = [bench.folder / "p_1.fq.gz", bench.folder / "p_2.fq.gz"]
    write_fastq(sample, *ends)
    bam, both = bench.folder / "p.bam", bench.folder / "host_and_vector.fa"
    both.write_text(bench.reference.read_text() + f">vector\n{bench.constructs[0].sequence}\n")
    for fasta in (bench.reference, both):
        subprocess.run(["bwa", "index", fasta], check=True, capture_output=True)
    note, listing = bench.folder / "cost.json", bench.folder / "split.sam"

    def pipeline(line: str) -> Cost:
        return measured(["bash", "-o", "pipefail", "-c", line], note)

    host = pipeline(f"bwa mem -t 2 {bench.reference} {ends[0]} {ends[1]} | samtools sort -o {bam} - && samtools index {bam}")
    print(f"bwa mem to the host, sorted (what a laboratory has done before BAM): {host.words()}")
    again = f"samtools collate -u -O {bam} {bench.folder}/c | samtools fastq -"
    for source, reads in (("BAM", [bam]), ("FASTQ", ends)):
        out = bench.folder / f"ours_{source}"
        ours = _ours(bench, reads, vector, out, sample.depth, note)
        print(f"AfterCAR sample test, from {source}: {ours.words()}")
        given = f"<({again})" if source == "BAM" else f"{ends[0]} {ends[1]}"
        flag = "-p " if source == "BAM" else ""
        for name, line in (
            ("bwa mem", f"bwa mem -t 2 {flag}{both} {given} | {_SPLIT} > {listing}"),
            ("minimap2", f"minimap2 -t 2 -ax sr {both} {given} | {_SPLIT} > {listing}"),
        ):
            cost = pipeline(line)
            print(f"{name} host+vector, split reads, from {source}: {cost.words()}")
            print(f"    = {cost.over(ours)} of ours; {_found(listing, sites)}")
        for name, found, cpu, memory in QUOTED:
            if name.split(", from ")[1].startswith(source):
                ratio = f"CPU {cpu / ours.cpu:.1f}x memory {memory / ours.memory:.1f}x of ours"
                print(f"{name} (quoted, other machine): {found} of 60 sites, CPU {cpu} s, {memory} GB = {ratio}")


def _ours(bench, reads: list[Path], vector: Path, out: Path, depth: float, note: Path) -> Cost:
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "aftercar", "sample", "test", *reads, "--vector", vector, "--reference", bench.reference]
    return measured([*command, "--out", out], note)


def _found(listing: Path, sites, near: int = 500) -> str:
    """Sites with a read split between host and vector, and split reads that are near none."""
    seen, away = set(), 0
    with listing.open() as lines:
        for line in lines:
            cells = line.split("\t")
            other = re.search(r"SA:Z:([^,]+),", line)
            if cells[2] == "vector" or other is None or other[1] != "vector" or int(cells[1]) & 0x100:
                continue
            here = [s for s in sites if s.contig == cells[2] and abs(s.position - int(cells[3])) < near]
            seen.update(id(s) for s in here)
            away += not here
    return f"{len(seen)} of {len(sites)} sites have one, {away} such reads elsewhere"
