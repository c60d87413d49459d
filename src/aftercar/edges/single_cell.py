"""Single-cell BAM files (10x, STARsolo): CAR molecules of each barcode, and the table of barcodes."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aftercar.edges.alignments import opened
from aftercar.edges.site_tables import read_text
from aftercar.errors import InputError
from aftercar.evidence.rna import Join, count_joins

_COUNTED = 8  # bit of Cell Ranger's xf tag: this read stands for a molecule in the count matrix
_BARCODE = ("barcode", "Barcode", "cell", "cell_id", "CB", "")
_GROUP = ("group", "cluster", "clonotype", "clonotype_id", "raw_clonotype_id", "seurat_clusters", "cell_type")
_TOTAL = ("n_umi", "nCount_RNA", "total_counts", "umis")


class BadBarcodes(InputError):
    """A barcode table, or a BAM without the tags of single cells."""

    code = "bad-barcodes"


@dataclass(frozen=True, slots=True)
class Barcodes:
    """Cells: group of each barcode, and all UMIs of it where the table says so."""

    group_of: dict[str, str]
    totals: dict[str, int]


@dataclass(frozen=True, slots=True)
class Molecules:
    """What a BAM holds: CAR UMIs and counted UMIs by barcode; ``unit`` of the totals (``UMIs`` with xf tags, else ``reads``)."""

    car: dict[str, int]
    totals: dict[str, int]
    unit: str
    records: int


def read_barcodes(path: Path, group: str = "") -> Barcodes:
    """The table of cells: a column of barcodes and one of groups (cluster, clonotype); all UMIs in ``nCount_RNA`` or the like.

    Raises:
        BadBarcodes: for missing columns or a barcode twice.
    """
    text = read_text(path)
    first = text.split("\n", 1)[0]
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t" if "\t" in first else ","))
    names = list(rows[0]) if rows else []
    barcode = next((n for n in _BARCODE if n in names), None)
    chosen = group or next((n for n in _GROUP if n in names), "")
    if barcode is None or chosen not in names:
        raise BadBarcodes(
            "no column of barcodes and groups", where=str(path), fix="name them barcode and group, or give --group COLUMN"
        )
    total = next((n for n in _TOTAL if n in names), None)
    group_of: dict[str, str] = {}
    totals: dict[str, int] = {}
    for number, row in enumerate(rows, start=2):
        cell = row[barcode].strip()
        if cell in group_of:
            raise BadBarcodes(f"barcode {cell} is there twice", where=f"{path} line {number}")
        group_of[cell] = row[chosen].strip() or "ungrouped"
        if total:
            try:
                totals[cell] = round(float(row[total]))
            except ValueError as error:
                raise BadBarcodes(f"{row[total]!r} is not a number of UMIs", where=f"{path} line {number}") from error
    return Barcodes(group_of, totals)


def count_molecules(path: Path, joins: Sequence[Join], vector_contigs: Sequence[str] = ()) -> Molecules:
    """Count CAR molecules by barcode: reads on a vector contig, or across a CAR join, one for each UMI.

    Memory holds CAR molecules and one number a barcode, whatever the size of the file. Secondary, supplementary and QC-failed
    records are left out; duplicates are not (they share their UMI).

    Raises:
        BadBarcodes: when no record has a cell barcode and a UMI.
    """
    wanted = set(vector_contigs)
    car: dict[str, set[str]] = defaultdict(set)
    umis: Counter[str] = Counter()
    reads: Counter[str] = Counter()
    marked, records = False, 0
    with opened(path) as handle:
        missing = wanted - set(handle.references)
        if missing:
            raise BadBarcodes(
                f"no contig {', '.join(sorted(missing))} in the BAM", where=str(path), fix="see its header with samtools view -H"
            )
        for record in handle.fetch(until_eof=True):
            if record.flag & 0xB00 or not (record.has_tag("CB") and record.has_tag("UB")):
                continue
            records += 1
            cell, umi = str(record.get_tag("CB")), str(record.get_tag("UB"))
            reads[cell] += 1
            if record.has_tag("xf"):
                marked = True
                umis[cell] += bool(int(record.get_tag("xf")) & _COUNTED)
            on_vector = not record.is_unmapped and record.reference_name in wanted
            if on_vector or (joins and count_joins([("r", record.query_sequence or "")], joins).positive):
                car[cell].add(umi)
    if not records:
        raise BadBarcodes(
            "no record has both a cell barcode (CB) and a UMI (UB)",
            where=str(path),
            fix="give the BAM of Cell Ranger or STARsolo",
        )
    counts = {cell: len(found) for cell, found in car.items()}
    totals = {cell: max(number, counts.get(cell, 0)) for cell, number in (umis if marked else reads).items()}
    return Molecules(counts, totals, "UMIs" if marked else "reads", records)
