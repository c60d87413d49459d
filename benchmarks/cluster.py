"""What a job of the cluster workflow takes, so that memory and time can be asked for: ``python -m benchmarks.cluster``.

Each sample is analysed by ``aftercar assess --only`` in a process of its own, as the workflow does; printed are the gigabytes of
reads, CPU seconds, wall seconds and the peak of the memory. Then a result of many samples is gathered from finished ones.
Needs AFTERCAR_TEST_DATA; AFTERCAR_BENCH_PAIRS (250000) is the size of the smallest sample, AFTERCAR_BENCH_MANY (1000) how many
samples are gathered.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import screen_data


def study(place: Path, made: screen_data.Input, reads: str, count: int = 1) -> Path:
    """A study of ``count`` samples that all name the same reads."""
    place.mkdir(parents=True)
    (place / "study.toml").write_text(
        f'format = 1\ntitle = "t"\ndata_lock = 2024-01-01\nreference = "{made.reference}"\nvector = "{made.vector}"\n'
    )
    numbers = range(count)
    lines = {
        "people": ["person_id", *(f"P{n}" for n in numbers)],
        "infusions": ["infusion_id,person_id,product", *(f"I{n},P{n},tisa-cel" for n in numbers)],
        "cases": ["case_id,person_id,diagnosis,tested,lineage", *(f"C{n},P{n},PTCL,yes,T_cell" for n in numbers)],
        "samples": [
            "sample_id,person_id,case_id,material,assay,reads,purity",
            *(f"S{n},P{n},C{n},tumour,wgs,{reads},0.6" for n in numbers),
        ],
    }
    for name, rows in lines.items():
        (place / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return place


def measured(*words: object) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak memory in MB of one command."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "aftercar", *map(str, words)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"status {status}: {words}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss / 1e3


def one_sample(folder: Path, made: screen_data.Input, title: str) -> None:
    forms = {"BAM": made.bam, "CRAM": made.cram, "FASTQ": f"{made.one};{made.two}"}
    for name, reads in forms.items():
        place = study(folder / f"{title}-{name}", made, str(reads))
        size = sum(Path(path).stat().st_size for path in str(reads).split(";")) / 1e9
        cpu, wall, peak = measured("assess", place, "--only", "S0", "--work", folder / f"{title}-{name}-work")
        cells = f"{title:34s} {name:6s} {size:7.3f} GB {2 * made.pairs / 1e6:6.1f} M reads {len(made.planted):7,} planted pairs"
        print(f"{cells}  {cpu:7.1f} CPU s {wall:7.1f} s {peak:7.0f} MB", flush=True)


def gather(folder: Path, made: screen_data.Input, count: int) -> None:
    place = study(folder / f"many-{count}", made, str(made.bam), count)
    work = folder / f"many-{count}-work"
    measured("assess", place, "--only", "S0", "--work", work)
    for number in range(1, count):
        shutil.copytree(work / "samples" / "S0", work / "samples" / f"S{number}")
    cpu, wall, peak = measured("assess", place, "--out", folder / f"many-{count}-out", "--work", work)
    print(f"gather {count:,} finished samples: {cpu:7.1f} CPU s {wall:7.1f} s {peak:7.0f} MB", flush=True)


def main() -> None:
    data = os.environ.get("AFTERCAR_TEST_DATA")
    if not data:
        print("left out: AFTERCAR_TEST_DATA is not set")
        return
    pairs = int(os.environ.get("AFTERCAR_BENCH_PAIRS", "250000"))
    with tempfile.TemporaryDirectory(prefix="aftercar-bench-") as name:
        folder = Path(name)
        for title, size, depth in (
            ("small", pairs, 4.0),
            ("four times the reads", 4 * pairs, 4.0),
            ("much vector", pairs, 400.0),
        ):
            made = screen_data.make(folder / title.replace(" ", "-"), Path(data), size, vector_depth=depth)
            one_sample(folder, made, title)
            if title == "small":
                gather(folder, made, int(os.environ.get("AFTERCAR_BENCH_MANY", "1000")))


if __name__ == "__main__":
    main()
