"""One variant in one sample, whatever caller and annotator wrote it; and the words of its consequence.

>>> short_protein("ENSP00000324375.5:p.Arg882His"), residue("R882H")
('R882H', 882)
>>> short_protein("p.(Gly646TrpfsTer12)"), consequence_class("frameshift_variant&splice_region_variant")
('G646Wfs*12', 'frameshift')
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Class = Literal[
    "frameshift", "stop_gained", "splice_site", "missense", "inframe", "start_lost", "stop_lost", "synonymous", "other", "unknown"
]
TRUNCATING: frozenset[Class] = frozenset({"frameshift", "stop_gained", "splice_site"})


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one transcript makes of a variant.

    Attributes:
        gene: symbol.
        kind: class of the consequence.
        protein: change in one-letter form without ``p.`` ("" when none is given).
        transcript: identifier as written, "" when not given.
        exon: number of the exon, 0 when not given.
        preferred: whether the annotator marks the transcript as the one to report (MANE, PICK, CANONICAL).
    """

    gene: str
    kind: Class
    protein: str = ""
    transcript: str = ""
    exon: int = 0
    preferred: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """One alternative allele in one sample; None is "the file does not say".

    Attributes:
        sample: name of the sample.
        chrom: contig without ``chr``.
        pos: 1-based position as in the file.
        ref, alt: alleles.
        filters: the caller's filters; ``("PASS",)`` when it passed, empty when the caller says nothing.
        depth: reads at the place that the caller counted.
        alt_reads: reads with the allele.
        reported_fraction: the caller's own allele fraction, in [0, 1].
        forward, reverse: reads with the allele on each strand.
        population: highest frequency in the population resources of the file, in [0, 1]; 0 when looked up and not listed.
        homopolymer: length of the run of one base that an indel lengthens or shortens; 0 for none.
        annotations: one for each transcript.
        normal_depth, normal_alt_reads: the same counts in a matched normal sample.
        line: line (or record) in the file.
    """

    sample: str
    chrom: str
    pos: int
    ref: str
    alt: str
    filters: tuple[str, ...] = ()
    depth: int | None = None
    alt_reads: int | None = None
    reported_fraction: float | None = None
    forward: int | None = None
    reverse: int | None = None
    population: float | None = None
    homopolymer: int | None = None
    annotations: tuple[Annotation, ...] = ()
    normal_depth: int | None = None
    normal_alt_reads: int | None = None
    line: int = 0

    @property
    def fraction(self) -> float | None:
        """Allele fraction: reads with the allele over depth, else what the caller reported."""
        if self.alt_reads is not None and self.depth:
            return self.alt_reads / self.depth
        return self.reported_fraction

    @property
    def is_indel(self) -> bool:
        """Whether the alleles differ in length (MAF writes ``-`` for nothing)."""
        return len(self.ref) != len(self.alt) or "-" in (self.ref, self.alt)

    @property
    def key(self) -> tuple[str, int, str, str]:
        """Place and alleles after the shared ends are cut off: equal for the same change written differently."""
        return trimmed(self.chrom, self.pos, self.ref, self.alt)


def trimmed(chrom: str, pos: int, ref: str, alt: str) -> tuple[str, int, str, str]:
    """Alleles without shared last and first bases (one base is kept), position moved along."""
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        ref, alt, pos = ref[1:], alt[1:], pos + 1
    return chrom, pos, ref, alt


def homopolymer_run(before: str, after: str, ref: str, alt: str) -> int:
    """Length of the run that an indel lengthens or shortens: 0 unless the inserted or deleted bases are all one base.

    Args:
        before: reference sequence that ends at the first base of ``ref`` (that base included).
        after: reference sequence that begins after the first base of ``ref``.
        ref, alt: alleles with one shared first base.
    """
    longer, shorter = (ref, alt) if len(ref) > len(alt) else (alt, ref)
    changed = longer[len(shorter) :]
    if not changed or len(set(changed)) != 1 or not longer.startswith(shorter):
        return 0
    base = changed[0].upper()
    right = len(after) - len(after.upper().lstrip(base))
    left = len(before) - len(before.upper().rstrip(base))
    return right + left


_THREE = {
    "Ala": "A", "Arg": "R", "Asn": "N", "Asp": "D", "Cys": "C", "Gln": "Q", "Glu": "E", "Gly": "G", "His": "H", "Ile": "I",
    "Leu": "L", "Lys": "K", "Met": "M", "Phe": "F", "Pro": "P", "Ser": "S", "Thr": "T", "Trp": "W", "Tyr": "Y", "Val": "V",
    "Sec": "U", "Ter": "*",
}  # fmt: skip
_THREE_LETTERS = re.compile("|".join(_THREE))
_RESIDUE = re.compile(r"[A-Z*]?(\d+)")


@lru_cache(maxsize=8192)
def short_protein(text: str) -> str:
    """A protein change in one-letter form without ``p.``, brackets and reference: "" when there is none."""
    change = text.rpartition(":")[2].strip()
    change = change.removeprefix("p.").strip("()").replace("%3D", "=")
    if change in ("", ".", "?", "-"):
        return ""
    change = _THREE_LETTERS.sub(lambda found: _THREE[found.group()], change)
    return re.sub(r"(?<=\d)X\b|(?<=fs)X", "*", change)


def residue(protein: str) -> int | None:
    """The (first) residue number of a change in one-letter form."""
    found = _RESIDUE.match(protein)
    return int(found.group(1)) if found else None


#: Words of VEP, SnpEff (sequence ontology), ANNOVAR, Funcotator and MAF, by class. The first that fits wins.
_WORDS: Mapping[str, Class] = {
    "frameshift_variant": "frameshift",
    "frame_shift": "frameshift",
    "frame_shift_del": "frameshift",
    "frame_shift_ins": "frameshift",
    "frameshift_deletion": "frameshift",
    "frameshift_insertion": "frameshift",
    "frameshift_substitution": "frameshift",
    "frameshift_block_substitution": "frameshift",
    "stop_gained": "stop_gained",
    "stopgain": "stop_gained",
    "stopgain_snv": "stop_gained",
    "nonsense": "stop_gained",
    "nonsense_mutation": "stop_gained",
    "splice_acceptor_variant": "splice_site",
    "splice_donor_variant": "splice_site",
    "splice_site": "splice_site",
    "splicing": "splice_site",
    "exonic;splicing": "splice_site",
    "start_lost": "start_lost",
    "startloss": "start_lost",
    "start_codon_snp": "start_lost",
    "translation_start_site": "start_lost",
    "stop_lost": "stop_lost",
    "stoploss": "stop_lost",
    "nonstop": "stop_lost",
    "nonstop_mutation": "stop_lost",
    "missense_variant": "missense",
    "missense": "missense",
    "missense_mutation": "missense",
    "nonsynonymous_snv": "missense",
    "inframe_insertion": "inframe",
    "inframe_deletion": "inframe",
    "conservative_inframe_insertion": "inframe",
    "conservative_inframe_deletion": "inframe",
    "disruptive_inframe_insertion": "inframe",
    "disruptive_inframe_deletion": "inframe",
    "protein_altering_variant": "inframe",
    "in_frame_ins": "inframe",
    "in_frame_del": "inframe",
    "nonframeshift_deletion": "inframe",
    "nonframeshift_insertion": "inframe",
    "nonframeshift_substitution": "inframe",
    "synonymous_variant": "synonymous",
    "synonymous_snv": "synonymous",
    "silent": "synonymous",
    "stop_retained_variant": "synonymous",
}
_ORDER: tuple[Class, ...] = (
    "frameshift", "stop_gained", "splice_site", "start_lost", "stop_lost", "missense", "inframe", "synonymous", "other",
)  # fmt: skip


@lru_cache(maxsize=8192)
def consequence_class(text: str) -> Class:
    """The gravest class among the consequence words of any annotator; ``unknown`` for none."""
    words = [word for word in re.split(r"[&,+]", text.strip().lower().replace(" ", "_")) if word not in ("", ".", "unknown")]
    if not words:
        return "unknown"
    classes = {_WORDS.get(word, "other") for word in words}
    return next(kind for kind in _ORDER if kind in classes)
