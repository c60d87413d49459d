"""The files of the simulated centre's three tumour samples: reference, vector and reads, with their truth.

The tumours answer what their cases say: CASE-1 carries one provirus in every tumour cell, CASE-2 carries none and is
deep enough to say so, CASE-3 is too shallow to say anything.
"""

from __future__ import annotations

from pathlib import Path

from aftercar.edges.files import written_beside
from aftercar.testing.simulate import Population, Sample, as_text, plant, provirus_from, random_bases, random_host
from aftercar.testing.simulate_files import write_bam

_CONTIGS = {"sim1": 300_000, "sim2": 200_000}
_LTR_LENGTH, _INTERNAL_LENGTH = 234, 4_200


def write_reads(folder: Path, *, seed: int = 20240630) -> None:
    """Write ``reference.fa``, ``vector.fa`` and ``reads/S-CASE-*.bam`` into the folder of the centre's study.

    The host and the vector are random sequence: nobody's genome and nobody's construct.
    """
    host = random_host(_CONTIGS, seed=seed)
    ltr = "TG" + random_bases(_LTR_LENGTH - 4, seed=seed + 1) + "CA"
    vector = provirus_from(ltr=ltr, internal=random_bases(_INTERNAL_LENGTH, seed=seed + 2, gc=0.5))
    _write_fasta(folder / "reference.fa", {name: as_text(bases) for name, bases in host.items()})
    _write_fasta(folder / "vector.fa", {"simulated_lentiviral_vector": vector})
    site = plant(host, vector, sites=1, seed=seed + 3)
    tumours = {
        "S-CASE-1": Sample(host, (Population("tumour", 0.7, site),), depth=30, duplicates=0.05, seed=seed + 4),
        "S-CASE-2": Sample(host, (), depth=40, duplicates=0.05, seed=seed + 5),
        "S-CASE-3": Sample(host, (), depth=0.4, duplicates=0.05, seed=seed + 6),
    }
    (folder / "reads").mkdir(exist_ok=True)
    for name, sample in tumours.items():
        write_bam(sample, folder / "reads" / f"{name}.bam")


def _write_fasta(path: Path, sequences: dict[str, str]) -> None:
    with written_beside(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as stream:
        for name, sequence in sequences.items():
            stream.write(f">{name}\n")
            stream.writelines(sequence[start : start + 80] + "\n" for start in range(0, len(sequence), 80))
