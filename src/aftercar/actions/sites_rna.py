"""The CAR beyond DNA assays: bulk RNA, single cells, long reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aftercar.edges.alignments import kind_of, opened
from aftercar.edges.constructs import read_constructs
from aftercar.edges.fasta import FastaFile
from aftercar.edges.fastq import records
from aftercar.edges.genes import read_genes
from aftercar.edges.long_read_bam import long_reads
from aftercar.edges.single_cell import count_molecules, read_barcodes
from aftercar.errors import InputError
from aftercar.evidence import rna
from aftercar.evidence.long_reads import ProvirusRead, read_provirus
from aftercar.reads.batch import QC_FAIL, SECONDARY, SUPPLEMENTARY
from aftercar.reads.vector_index import VectorIndex
from aftercar.vocab.genomes import bare_contig
from aftercar.vocab.vectors import Construct

_SKIPPED = SECONDARY | SUPPLEMENTARY | QC_FAIL
_CLIP = 20  # fewest clipped bases that are looked for in the vector
_STEP = 1 << 22


class NoJoins(InputError):
    """A construct without two neighbouring CAR parts: no join can be looked for."""

    code = "no-car-joins"


@dataclass(frozen=True, slots=True)
class RnaResult:
    """Joins looked for, joins dropped because human sequence holds them, counts, fusions, what was not done."""

    joins: tuple[rna.Join, ...]
    dropped: tuple[rna.Join, ...]
    counts: rna.JoinCounts
    fusions: list[rna.Fusion]
    notes: tuple[str, ...]


def rna_reads(
    reads: Sequence[Path],
    vector: Path,
    *,
    annotation: Path | None = None,
    human: Path | None = None,
    genes: Path | None = None,
    side: int = 15,
) -> RnaResult:
    """Look for CAR transcripts and vector-host fusion transcripts in RNA reads.

    Args:
        reads: BAM, CRAM or FASTQ of one sample. Fusions need an alignment to the host (soft clips).
        vector: construct with its elements annotated; annotation: GTF, GFF or BED of them, where they lie in another file.
        human: FASTA of human transcripts or of the genome; joins found in it are dropped.
        genes: gene model, to tell spliced fusions.
        side: bases that a read must hold on either side of a join.

    Raises:
        NoJoins: when the construct has no two neighbouring CAR parts, or human sequence holds every join.
    """
    construct = read_constructs(vector, annotation=annotation)[0]
    joins = joins_of(construct, side)
    notes = (
        []
        if human
        else ["joins were not held against human sequence (no --human FASTA): a join that human RNA has would be counted"]
    )
    kept = joins
    if human is not None:
        with FastaFile(human) as fasta:
            kept = rna.not_human(
                joins, (codes.tobytes().decode("ascii", "replace") for _, _, codes in fasta.stream(_STEP, 2 * side))
            )
        if not kept:
            raise NoJoins("human sequence holds every join of the construct", where=str(human))
    aligned = [path for path in reads if kind_of(path) != "fastq"]
    index = VectorIndex.build([construct])
    chimeras: list[rna.ChimericRead] = []

    def everything() -> Iterator[tuple[str, str]]:
        for path in reads:
            if path in aligned:
                yield from _aligned(path, index, construct, chimeras)
            else:
                yield from ((record.name, record.sequence.upper()) for record in records(path))

    counts = rna.count_joins(everything(), kept)
    if not aligned:
        notes.append("FASTQ has no host alignment: fusion transcripts were not looked for")
    edges = _edges(genes) if genes is not None else None
    return RnaResult(kept, tuple(j for j in joins if j not in kept), counts, rna.fusions(chimeras, edges), tuple(notes))


def joins_of(construct: Construct, side: int = 15) -> tuple[rna.Join, ...]:
    """The construct's joins.

    Raises:
        NoJoins: when there are none.
    """
    joins = rna.car_joins(construct, side=side)
    if not joins:
        raise NoJoins(
            f"{construct.name} has no two neighbouring CAR parts annotated",
            where=construct.source,
            fix="give a GenBank file, or a GTF beside the FASTA, that names scFv, hinge, costimulation and CD3 zeta",
        )
    return joins


def _aligned(path: Path, index: VectorIndex, construct: Construct, chimeras: list[rna.ChimericRead]) -> Iterator[tuple[str, str]]:
    with opened(path) as handle:
        for record in handle.fetch(until_eof=True):
            sequence = record.query_sequence
            if record.flag & _SKIPPED or sequence is None:
                continue
            name = record.query_name or ""
            yield name, sequence
            if record.is_unmapped or not record.cigartuples:
                continue
            for side, clip in (("left", record.cigartuples[0]), ("right", record.cigartuples[-1])):
                if clip[0] == 4 and clip[1] >= _CLIP:
                    found = _chimera(
                        record, side, sequence[: clip[1]] if side == "left" else sequence[-clip[1] :], index, construct
                    )
                    if found is not None:
                        chimeras.append(found)


def _chimera(record: object, side: str, clip: str, index: VectorIndex, construct: Construct) -> rna.ChimericRead | None:
    """The clipped part on the vector, when it matches there up to the host boundary."""
    best = next(iter(index.matches(clip)), None)
    if best is None or best.score < _CLIP:
        return None
    touches = len(clip) - best.read_end <= 3 if side == "left" else best.read_start <= 3
    if not touches or index.targets[best.target].form != "given":
        best = next((m for m in index.matches(clip) if index.targets[m.target].form == "given" and m.score >= _CLIP), None)
        if best is None or not (len(clip) - best.read_end <= 3 if side == "left" else best.read_start <= 3):
            return None
    at_end = (side == "left") == (best.strand == 1)
    vector = best.end - 1 if at_end else best.start
    human = any(e.sounds_human and e.start <= best.start and best.end <= e.end for e in construct.elements)
    position = record.reference_start if side == "left" else record.reference_end - 1  # type: ignore[attr-defined]
    contig = str(record.reference_name)  # type: ignore[attr-defined]
    return rna.ChimericRead(record.query_name, contig, int(position), side, vector, best.strand, human)  # type: ignore[attr-defined]


def _edges(genes: Path) -> dict[str, frozenset[int]]:
    """First and last base of every exon by contig, with and without ``chr``."""
    found: dict[str, set[int]] = {}
    for transcript in read_genes(genes):
        edges = found.setdefault(bare_contig(transcript.contig), set())
        for start, end in transcript.exons:
            edges.update((start, end - 1))
    frozen = {name: frozenset(edges) for name, edges in found.items()}
    return frozen | {f"chr{name}": edges for name, edges in frozen.items()}


def single_cells(
    bam: Path,
    barcodes: Path,
    *,
    vector: Path | None = None,
    annotation: Path | None = None,
    contigs: Sequence[str] = (),
    group: str = "",
    ambient: float = rna.AMBIENT_SHARE,
) -> tuple[rna.CarCells, str]:
    """CAR-positive cells of each cluster or clonotype, and a note on how molecules were counted.

    Args:
        bam: 10x or STARsolo BAM with CB and UB tags.
        barcodes: table of cells with their groups.
        vector: construct, for reads across CAR joins; annotation: of it, where that is another file.
        contigs: vector contigs of the BAM's own reference.
        group: column of the table; ambient: share of a cell's UMIs assumed ambient.
    """
    joins = joins_of(read_constructs(vector, annotation=annotation)[0]) if vector is not None else ()
    if not joins and not contigs:
        raise NoJoins("neither a vector nor vector contigs are given", fix="give --vector FILE, --contig NAME, or both")
    cells = read_barcodes(barcodes, group)
    found = count_molecules(bam, joins, contigs)
    empty = [cell for cell in found.totals if cell not in cells.group_of]
    totals = {cell: cells.totals.get(cell, found.totals.get(cell, 0)) for cell in cells.group_of}
    called = rna.car_cells(
        found.car,
        {cell: max(number, found.car.get(cell, 0)) for cell, number in totals.items()},
        cells.group_of,
        empty_car=sum(found.car.get(cell, 0) for cell in empty),
        empty_total=sum(found.totals[cell] for cell in empty),
        ambient_share=ambient,
    )
    counted = f"{found.records:,} records with cell barcode and UMI; totals counted as {found.unit}"
    return called, f"{counted}; {len(empty):,} barcodes outside the table"


def long_read_proviruses(bam: Path, vector: Path, reference: Path | None = None) -> list[ProvirusRead]:
    """What every long read with vector sequence shows."""
    index = VectorIndex.build([read_constructs(vector)[0]])
    provirus = index.proviruses[0]
    return [read_provirus(read, len(provirus.sequence), ltr=provirus.ltr_length) for read in long_reads(bam, index, reference)]
