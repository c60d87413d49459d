"""MAF (Mutation Annotation Format): tab-separated, one row for each variant and sample, columns in any order.

Needed: ``Hugo_Symbol``, ``Chromosome``, ``Start_Position``, ``Variant_Classification``, ``Reference_Allele``,
``Tumor_Seq_Allele2``, ``Tumor_Sample_Barcode``. Read where present: counts, protein change, transcript, exon, filter,
gnomAD frequencies. A file without counts gives variants that stay unconfirmed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from aftercar.biomarkers.variants import Annotation, Variant, consequence_class, short_protein
from aftercar.edges.variants.text import BadVariantFile, lines
from aftercar.vocab.genomes import bare_contig

_NEEDED = (
    "Hugo_Symbol", "Chromosome", "Start_Position", "Variant_Classification", "Reference_Allele", "Tumor_Seq_Allele2",
    "Tumor_Sample_Barcode",
)  # fmt: skip
_SYNONYMS = {
    "protein": ("HGVSp_Short", "HGVSp", "Protein_Change", "AAChange", "amino_acid_change"),
    "transcript": ("Transcript_ID", "Annotation_Transcript", "i_transcript_name", "Feature"),
    "exon": ("Exon_Number", "EXON", "Transcript_Exon"),
    "depth": ("t_depth", "tumor_depth"),
    "alt_reads": ("t_alt_count", "tumor_alt_count", "t_alt_counts"),
    "ref_reads": ("t_ref_count", "tumor_ref_count"),
    "fraction": ("t_vaf", "tumor_f", "VAF", "i_TumorVAF_WU", "tumor_vaf"),
    "filter": ("FILTER",),
    "normal_depth": ("n_depth",),
    "normal_alt_reads": ("n_alt_count",),
}
_EMPTY = ("", ".", "NA", "NaN", "__UNKNOWN__")


def read_maf(path: Path, *, percent: bool | None = None) -> Iterator[Variant]:
    """The rows of a MAF as variants.

    Args:
        path: the file, plain or gzip.
        percent: whether an allele-fraction column counts in percent; None takes percent for columns that are known to
            (``i_TumorVAF_WU``) and fractions otherwise.

    Raises:
        BadVariantFile: naming line and field for a missing column, a short row, or a value of the wrong kind.
    """
    place: dict[str, int] | None = None
    names: list[str] = []
    for number, text in lines(path):
        if place is None:
            if text.startswith("#") or not text:
                continue
            names = text.split("\t")
            place = _places(path, number, names)
            populations = [i for i, name in enumerate(names) if "gnomad" in name.lower() and name.upper().endswith(("_AF", "AF"))]
            scale = _scale(names, place, percent)
            continue
        cells = text.split("\t")
        if len(cells) != len(names):
            name = names[len(cells)] if len(cells) < len(names) else "after the last column"
            raise BadVariantFile(
                f"{len(cells)} columns, the header has {len(names)}",
                where=f"{path} line {number}, field {name}",
                fix="check the tabs",
            )
        yield _Row(path, number, names, cells, place).variant(populations, scale)
    if place is None:
        raise BadVariantFile("the file has no header: it is empty or cut off", where=str(path))


def _places(path: Path, number: int, names: list[str]) -> dict[str, int]:
    by_name = {name: i for i, name in enumerate(names)}
    missing = [name for name in _NEEDED if name not in by_name]
    if missing:
        raise BadVariantFile(
            f"the column {missing[0]} is missing",
            where=f"{path} line {number}, field {missing[0]}",
            fix="give a MAF with its header",
        )
    place = {name: by_name[name] for name in _NEEDED}
    for wanted, synonyms in _SYNONYMS.items():
        found = next((by_name[name] for name in synonyms if name in by_name), None)
        if found is not None:
            place[wanted] = found
    return place


def _scale(names: list[str], place: dict[str, int], percent: bool | None) -> float:
    if "fraction" not in place:
        return 1.0
    by_habit = names[place["fraction"]] == "i_TumorVAF_WU"
    return 0.01 if (by_habit if percent is None else percent) else 1.0


class _Row:
    """One row with its place in the file."""

    def __init__(self, path: Path, number: int, names: list[str], cells: list[str], place: dict[str, int]) -> None:
        self.path, self.number, self.names, self.cells, self.place = path, number, names, cells, place

    def text(self, name: str) -> str:
        position = self.place.get(name)
        value = "" if position is None else self.cells[position].strip()
        return "" if value in _EMPTY else value

    def wrong(self, name: str, what: str) -> BadVariantFile:
        return BadVariantFile(what, where=f"{self.path} line {self.number}, field {self.names[self.place[name]]}")

    def whole(self, name: str) -> int | None:
        value = self.text(name)
        if not value:
            return None
        try:
            number = int(value)
        except ValueError:
            raise self.wrong(name, f"{value!r} is not a whole number") from None
        if number < 0:
            raise self.wrong(name, f"{number} is negative")
        return number

    def fraction(self, scale: float) -> float | None:
        value = self.text("fraction")
        if not value:
            return None
        try:
            number = float(value) * scale
        except ValueError:
            raise self.wrong("fraction", f"{value!r} is not a number") from None
        if not 0 <= number <= 1:
            raise self.wrong("fraction", f"allele fraction {value} is not between 0 and {1 / scale:g}")
        return number

    def variant(self, populations: list[int], scale: float) -> Variant:
        position = self.whole("Start_Position")
        if not position:
            raise self.wrong("Start_Position", "the position is missing")
        sample = self.text("Tumor_Sample_Barcode")
        if not sample:
            raise self.wrong("Tumor_Sample_Barcode", "the sample is missing")
        alt_reads, depth, ref_reads = self.whole("alt_reads"), self.whole("depth"), self.whole("ref_reads")
        if depth is None and alt_reads is not None and ref_reads is not None:
            depth = alt_reads + ref_reads
        ref, alt = self.text("Reference_Allele"), self.text("Tumor_Seq_Allele2")
        exon = re.match(r"\d+", self.text("exon"))
        annotation = Annotation(
            self.text("Hugo_Symbol"),
            consequence_class(self.text("Variant_Classification")),
            short_protein(self.text("protein")),
            self.text("transcript"),
            int(exon.group()) if exon else 0,
            True,
        )
        filters = self.text("filter")
        return Variant(
            sample=sample,
            chrom=bare_contig(self.text("Chromosome")),
            pos=position,
            ref=ref or "-",
            alt=alt or "-",
            filters=tuple(re.split(r"[;,]", filters)) if filters else (),
            depth=depth,
            alt_reads=alt_reads,
            reported_fraction=self.fraction(scale),
            population=self._population(populations),
            homopolymer=None if "-" in (ref, alt) or len(ref) != len(alt) else 0,
            annotations=(annotation,) if annotation.gene else (),
            normal_depth=self.whole("normal_depth"),
            normal_alt_reads=self.whole("normal_alt_reads"),
            line=self.number,
        )

    def _population(self, columns: list[int]) -> float | None:
        if not columns:
            return None
        found = [0.0]
        for i in columns:
            value = self.cells[i].strip()
            if value not in _EMPTY:
                try:
                    found.append(float(value))
                except ValueError:
                    raise BadVariantFile(
                        f"{value!r} is not a number", where=f"{self.path} line {self.number}, field {self.names[i]}"
                    ) from None
        return max(found)
