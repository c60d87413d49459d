"""LM-PCR runs with known truth: sites, cells, shear lengths, PCR copies, UMIs, errors, hopping, swaps, dirty controls.

>>> import numpy as np
>>> genome = {"chr1": "".join(np.random.default_rng(0).choice(list("ACGT"), 20_000))}
>>> run = simulate_run(genome, [Amplification("S1-1", sites=[TrueSite("chr1", 5000, "+", 3)])], seed=1)
>>> len(run.truth), len(run.index) == len(run.ltr) == len(run.linker)
(3, True)
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aftercar.reads.trim import reverse_complement

PRIMER, LTR_END = b"GAAAATC", b"TCTAGCA"
LTR_BEFORE = b"AGTAGTGTGTGCCCGTCTGTTGTGTGACTCTGGTAACTAGAGATCCCTCAGACCCTTTTAGTCAGTGTG"
LINKER_TAIL = b"CTCCGCTTAAGGGACT"
VECTOR_INSIDE = (
    b"GTGGCGCCCGAACAGGGACTTGAAAGCGAAAGGGAAACCAGAGGAGCTCTCTCGACGCAGGACTCGGCTTGCTGAAGCGCGCACGGCAAGAGGCGAGGGGCGGCGACTGGTGAGTACGCC"
)
_BASES = np.frombuffer(b"ACGT", np.uint8)


@dataclass(frozen=True, slots=True)
class TrueSite:
    """A provirus: contig, 1-based last host base before it in reference orientation, strand, cells in the sample."""

    contig: str
    position: int
    orientation: str
    cells: int


@dataclass(frozen=True, slots=True)
class Amplification:
    """One barcoded amplification: its sites, and what it is."""

    sample: str
    sites: Sequence[TrueSite] = ()
    specimen: str = ""
    person: str = ""
    control: str = "sample"


@dataclass(frozen=True, slots=True)
class Molecule:
    """One sheared fragment of one cell: where it is from, its length, its UMI and how often it was read."""

    sample: str
    site: TrueSite
    length: int
    umi: bytes
    reads: int


@dataclass(slots=True)
class Run:
    """A simulated run: reads in step, the sample sheet as text, and the truth."""

    index: list[bytes] = field(default_factory=list)
    ltr: list[bytes] = field(default_factory=list)
    linker: list[bytes] = field(default_factory=list)
    truth: list[Molecule] = field(default_factory=list)
    sheet: str = ""

    def write(self, folder: Path) -> tuple[Path, Path, Path, Path]:
        """Sample sheet, index, LTR and linker FASTQ files in ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        sheet = folder / "sheet.tsv"
        sheet.write_text(self.sheet)
        paths = []
        for name, reads in (("I1", self.index), ("R2", self.ltr), ("R1", self.linker)):
            path = folder / f"run_{name}.fastq.gz"
            with gzip.open(path, "wb", compresslevel=1) as out:
                out.write(b"".join(b"@r%d\n%s\n+\n%s\n" % (i, read, b"I" * len(read)) for i, read in enumerate(reads)))
            paths.append(path)
        return sheet, paths[0], paths[1], paths[2]


def simulate_run(
    genome: Mapping[str, str],
    amplifications: Sequence[Amplification],
    *,
    seed: int,
    duplication: int = 5,
    copies: float = 5.0,
    error: float = 0.002,
    hopping: float = 0.0,
    vector_share: float = 0.1,
    ltr_read: int = 150,
    linker_read: int = 150,
    shear: tuple[float, float, float] = (40.0, 3.5, 45.0),
    swapped: tuple[int, int] | None = None,
    common_linker: bool = False,
    contaminated: tuple[int, int, float] | None = None,
) -> Run:
    """A run of U5-primed, sheared LM-PCR.

    Args:
        genome: contig sequences, upper case.
        amplifications: samples of the run; each gets its own barcode and linker.
        seed: of the generator.
        duplication: target-site duplication in bases.
        copies: mean reads of a molecule (geometric, at least one).
        error: substitutions for each base read.
        hopping: share of reads that carry another sample's index.
        vector_share: reads from inside the vector, as a share of all.
        ltr_read, linker_read: read lengths.
        shear: shift, shape and scale of the gamma distribution of fragment lengths.
        swapped: two rows whose barcodes are exchanged on the sheet, not in the reads.
        common_linker: one linker for all samples, so that hopping shows only in shared fragments.
        contaminated: source row, target row, share of the source's molecules that are also amplified in the target.
    """
    rng = np.random.default_rng(seed)
    barcodes = _barcodes(rng, len(amplifications), 12)
    heads = _barcodes(rng, 1, 19) * len(amplifications) if common_linker else _barcodes(rng, len(amplifications), 19)
    run = Run()
    for number, amplification in enumerate(amplifications):
        made = 0
        for site in amplification.sites:
            for length in (shear[0] + rng.gamma(shear[1], shear[2], site.cells)).astype(int):
                umi = _random(rng, 12)
                reads = int(rng.geometric(1 / copies))
                insert = _insert(genome[site.contig], site, int(length), duplication)
                run.truth.append(Molecule(amplification.sample, site, len(insert), umi, reads))
                _read(run, rng, insert, umi, heads[number], barcodes, number, reads, error, hopping, (ltr_read, linker_read))
                made += reads
                if contaminated and number == contaminated[0] and rng.random() < contaminated[2]:
                    other = contaminated[1]
                    again = int(rng.geometric(1 / copies))
                    _read(run, rng, insert, umi, heads[other], barcodes, other, again, error, hopping, (ltr_read, linker_read))
        for _ in range(int(made * vector_share)):
            size = int(rng.integers(50, len(VECTOR_INSIDE)))
            _read(
                run,
                rng,
                VECTOR_INSIDE[:size],
                _random(rng, 12),
                heads[number],
                barcodes,
                number,
                1,
                error,
                hopping,
                (ltr_read, linker_read),
            )
    run.sheet = _sheet(amplifications, barcodes, heads, swapped)
    return run


def _insert(sequence: str, site: TrueSite, length: int, duplication: int) -> bytes:
    """Host bases from the LTR outwards."""
    if site.orientation == "+":
        start = site.position - duplication
        return sequence[start : start + length].encode()
    return reverse_complement(sequence[max(0, site.position - length) : site.position].encode())


def _read(
    run: Run,
    rng: np.random.Generator,
    insert: bytes,
    umi: bytes,
    head: bytes,
    barcodes: Sequence[bytes],
    number: int,
    reads: int,
    error: float,
    hopping: float,
    sizes: tuple[int, int],
) -> None:
    linker = head + umi + LINKER_TAIL
    molecule = (
        PRIMER + LTR_END + insert + reverse_complement(linker) + b"AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGTAGATCTCGGTGGTCGCCGTATCATT"
    )
    other = linker + reverse_complement(LTR_BEFORE + PRIMER + LTR_END + insert) + b"AGATCGGAAGAGCACACGTCTGAACTCCAGTCAC"
    for _ in range(reads):
        run.ltr.append(_with_errors(rng, molecule[: sizes[0]], error))
        run.linker.append(_with_errors(rng, other[: sizes[1]], error))
        shown = number
        if hopping and len(barcodes) > 1 and rng.random() < hopping:
            shown = int((number + rng.integers(1, len(barcodes))) % len(barcodes))
        run.index.append(_with_errors(rng, barcodes[shown], error))


def _with_errors(rng: np.random.Generator, read: bytes, error: float) -> bytes:
    if not error:
        return read
    bases = np.frombuffer(read, np.uint8).copy()
    wrong = np.flatnonzero(rng.random(bases.size) < error)
    bases[wrong] = rng.choice(_BASES, wrong.size)
    return bases.tobytes()


def _random(rng: np.random.Generator, size: int) -> bytes:
    return rng.choice(_BASES, size).tobytes()


def _barcodes(rng: np.random.Generator, count: int, size: int) -> list[bytes]:
    """Random codes at least five bases apart."""
    codes: list[bytes] = []
    while len(codes) < count:
        code = _random(rng, size)
        if all(sum(a != b for a, b in zip(code, other, strict=True)) >= 5 for other in codes):
            codes.append(code)
    return codes


def _sheet(
    amplifications: Sequence[Amplification], barcodes: Sequence[bytes], heads: Sequence[bytes], swapped: tuple[int, int] | None
) -> str:
    order = list(range(len(barcodes)))
    if swapped:
        order[swapped[0]], order[swapped[1]] = order[swapped[1]], order[swapped[0]]
    lines = ["sample_id\tspecimen\tperson_id\tbarcode\tlinker\tprimer\tltr_end\tltr_in_host\tcontrol"]
    into = reverse_complement(LTR_BEFORE + PRIMER + LTR_END)[:34].decode()
    for number, a in enumerate(amplifications):
        linker = heads[number].decode() + "N" * 12 + LINKER_TAIL.decode()
        cells = [
            a.sample,
            a.specimen,
            a.person,
            barcodes[order[number]].decode(),
            linker,
            PRIMER.decode(),
            LTR_END.decode(),
            into,
            a.control,
        ]
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"
