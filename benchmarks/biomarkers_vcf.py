"""5,000 VCFs of 300 variants: seconds and memory of a whole clonal-haematopoiesis run.

``python -m benchmarks.biomarkers_vcf [files]``. Memory is measured at the half and at the end: it must not grow.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

CSQ = "Allele|Consequence|SYMBOL|Feature|EXON|HGVSp|gnomADe_AF|PICK"
HEAD = """##fileformat=VCFv4.2
##source=Mutect2
##tumor_sample={name}
##INFO=<ID=CSQ,Number=.,Type=String,Description="Ensembl VEP. Format: {csq}">
##INFO=<ID=POPAF,Number=A,Type=Float,Description="negative log 10 population allele frequencies">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{name}
"""
GENES = ("DNMT3A", "TET2", "TP53", "PPM1D", "JAK2", "ATM", *(f"GENE{i}" for i in range(60)))


def write(path: Path, name: str, variants: int, generator: random.Random) -> None:
    rows = []
    for i in range(variants):
        gene = generator.choice(GENES)
        depth = generator.randint(50, 900)
        alt = generator.randint(0, depth // 2)
        residue = generator.randint(1, 990)
        csq = ",".join(
            f"T|missense_variant|{gene}|ENST0000000{t}|{t}/9|ENSP0000000{t}.1:p.Arg{residue}His|0.0001|{int(t == 1)}"
            for t in (1, 2, 3)
        )
        strands = f"{depth - alt},{alt // 2},{alt // 2},{alt - alt // 2}"
        rows.append(
            f"chr{1 + i % 22}\t{1000 + i}\t.\tC\tT\t.\tPASS\tDP={depth};POPAF=5.6;CSQ={csq}\tGT:AD:AF:DP:SB\t"
            f"0/1:{depth - alt},{alt}:{alt / depth:.4f}:{depth}:{strands}\n"
        )
    path.write_text(HEAD.format(name=name, csq=CSQ) + "".join(rows))


def measure(files: int) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak megabytes of a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        generator = random.Random(1)
        paths = []
        for i in range(files):
            path = base / f"s{i:05d}.vcf"
            write(path, f"s{i:05d}", 300, generator)
            paths.append(path)
        code = (
            "import sys, resource, time; from pathlib import Path; from aftercar.actions.biomarkers_ch import Source, call; "
            "paths = sorted(Path(sys.argv[1]).glob('*.vcf')); begin = time.perf_counter(); "
            "found = call([Source(p) for p in paths], Path(sys.argv[1]) / 'out'); "
            "seconds = time.perf_counter() - begin; megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024; "
            "print(seconds, time.process_time(), megabytes, found.variants)"
        )
        result = subprocess.run([sys.executable, "-c", code, folder], check=True, capture_output=True, text=True)
        seconds, cpu, megabytes, variants = result.stdout.split()
        assert int(variants) == files * 300
        return float(seconds), float(cpu), float(megabytes)


def main() -> None:
    """Print the table."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    print("files\tvariants\tseconds\tcpu_seconds\tpeak_MB")
    for n in (files // 10, files):
        seconds, cpu, megabytes = measure(n)
        print(f"{n}\t{n * 300}\t{seconds:.1f}\t{cpu:.1f}\t{megabytes:.0f}", flush=True)


if __name__ == "__main__":
    main()
