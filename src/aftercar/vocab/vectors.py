"""Vector constructs: the sequence a laboratory gives, its elements, and the form that sits in a genome.

A plasmid map is not what integrates. A retroviral genome is reverse-transcribed from R to R, and the integrated
provirus carries at both ends the same long terminal repeat: U3 from the 3' LTR of the plasmid, U5 from its 5' LTR.
:meth:`Construct.provirus` works that form out whether the file holds a plasmid map, one LTR, two LTRs or the provirus.

    >>> construct = Construct("toy", "ACGTACGTAC", circular=True, elements=(Element("tag", "other", 8, 12),))
    >>> construct.piece(8, 12)
    'ACAC'
    >>> construct.provirus().kind
    'none'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

ElementKind = Literal[
    "ltr",
    "itr",
    "packaging",
    "rre",
    "cppt",
    "promoter",
    "signal_peptide",
    "binder",
    "hinge_tm",
    "costimulation",
    "cd3z",
    "car",
    "wpre",
    "polya",
    "marker",
    "safety_switch",
    "backbone",
    "origin",
    "resistance",
    "primer",
    "other",
]
ELEMENT_KINDS: tuple[ElementKind, ...] = get_args(ElementKind)
ProvirusKind = Literal["lenti", "gamma", "transposon", "retro", "none"]

_COMPLEMENT = str.maketrans("ACGTUNacgtunRYSWKMBDHVryswkmbdhv", "TGCAANtgcaanYRSWMKVHDByrswmkvhdb")

#: Words in a feature's name or type that give its kind; the first that fits wins, so the narrow ones come first.
_KIND_WORDS: tuple[tuple[ElementKind, tuple[str, ...]], ...] = (
    ("primer", ("primer",)),
    ("rre", ("rre", "rev response", "rev-response")),
    ("cppt", ("cppt", "u3ppt", "polypurine", "central ppt", "cts")),
    ("ltr", ("ltr", "long terminal", "delta_u3", "delta u3", "du3")),
    ("itr", ("itr", "inverted terminal", "ir/dr", "terminal repeat")),
    ("packaging", ("psi", "packaging", "ψ", "gag")),
    ("wpre", ("wpre", "posttranscriptional", "post-transcriptional", "wre")),
    (
        "resistance",
        (
            "ampicillin",
            "ampr",
            "bla",
            "blar",
            "lactamase",
            "kanr",
            "kanamycin",
            "neor",
            "zeocin",
            "bleor",
            "resistance",
            "cmr",
            "tetr",
        ),
    ),
    ("origin", ("ori", "origin", "rep_origin", "oriv", "puc ori", "f1", "pbr322", "cole1")),
    ("safety_switch", ("icasp", "caspase", "hsv-tk", "hsv tk", "egfrt", "tegfr", "rqr8")),
    ("promoter", ("promoter", "ef1", "ef-1", "pgk", "mndu3", "mnd", "cmv", "enhancer", "sffv", "regulatory_region")),
    ("polya", ("polya", "poly(a)", "terminator", "sv40_pa", "bgh")),
    ("signal_peptide", ("signal peptide", "sig_peptide", "leader", "cd8sp", "csf2ra")),
    ("cd3z", ("cd3z", "cd3 zeta", "cd3-zeta", "cd3ζ", "cd247")),
    ("costimulation", ("4-1bb", "cd137", "41bb", "cd28", "ox40", "icos", "tnfrsf9")),
    ("hinge_tm", ("hinge", "tmd", "transmembrane", "cd8h", "cd8a", "igg4", "spacer")),
    ("binder", ("scfv", "anti-", "vhh", "fmc63", "bcma", "cd19", "cd22", "linker", "variable")),
    ("car", ("car",)),
    ("marker", ("gfp", "mcherry", "luciferase", "lngfr", "dsred", "mscarlet")),
    ("backbone", ("backbone", "lacz", "lac_promoter", "plasmid")),
)
#: Elements whose names say that their bases come from the human genome.
_HUMAN_WORDS = (
    "ef1",
    "ef-1",
    "eef1a1",
    "pgk",
    "cd8",
    "cd28",
    "4-1bb",
    "41bb",
    "cd137",
    "cd3z",
    "cd3 zeta",
    "cd247",
    "csf2ra",
    "gm-csf",
    "igg4",
    "icos",
    "ox40",
    "egfrt",
    "lngfr",
    "ubc",
    "icasp",
)


def reverse_complement(sequence: str) -> str:
    """The other strand, read 5' to 3'; IUPAC codes are kept."""
    return sequence.translate(_COMPLEMENT)[::-1]


def element_kind(name: str, feature_type: str = "") -> ElementKind:
    """The kind of an element by its name, then by its feature type; ``other`` when neither tells."""
    for text in (name.lower(), feature_type.lower()):
        tokens = set(text.replace("-", " ").replace("_", " ").replace("'", " ").split())
        for kind, words in _KIND_WORDS:
            if any(word in tokens if len(word) <= 3 and word.isalnum() else word in text for word in words):
                return kind
    return "other"


@dataclass(frozen=True, slots=True)
class Element:
    """One annotated part of a construct.

    Attributes:
        name: as in the file.
        kind: one of :data:`ELEMENT_KINDS`.
        start, end: 0-based half-open; on a circular construct ``end`` may pass the length, for a part across the origin.
        strand: 1 or -1.
    """

    name: str
    kind: ElementKind
    start: int
    end: int
    strand: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"element {self.name} runs from {self.start} to {self.end}")

    @property
    def length(self) -> int:
        """Length in bases."""
        return self.end - self.start

    @property
    def sounds_human(self) -> bool:
        """Whether the name says that the bases come from the human genome (a hint, never a finding)."""
        return any(word in self.name.lower() for word in _HUMAN_WORDS)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a provirus and where it stands in the construct as given.

    Provirus bases ``start`` to ``end`` are construct bases from ``given`` on (modulo the length when circular), read
    forward when ``strand`` is 1; when it is -1 they are the other strand and ``given`` is the highest base.
    """

    start: int
    end: int
    given: int
    strand: int = 1


@dataclass(frozen=True, slots=True)
class Provirus:
    """The form of a construct that sits in a genome.

    Attributes:
        sequence: from the first inserted base (``TG`` of a retroviral LTR) to the last (``CA``), coding strand.
        kind: ``lenti``, ``gamma``, ``transposon``, ``retro`` (LTRs of another family) or ``none`` (no known ends;
            the sequence is the construct as given).
        ltr_length: bases of the repeat at each end; 0 without LTRs.
        duplication: length of the target-site duplication in bases (lentivirus 5, gamma-retrovirus 4, piggyBac 4,
            Sleeping Beauty 2); 0 when not known.
        target: target sequence of a transposon (``TTAA`` or ``TA``), empty otherwise.
        segments: where each stretch stands in the construct as given.
        how: in words, how the ends were found.
    """

    sequence: str
    kind: ProvirusKind
    ltr_length: int = 0
    duplication: int = 0
    target: str = ""
    segments: tuple[Segment, ...] = ()
    how: str = ""

    @property
    def has_ends(self) -> bool:
        """Whether the outer ends are known to the base."""
        return self.kind != "none"


@dataclass(frozen=True, slots=True)
class Construct:
    """One vector as its file gives it.

    Attributes:
        name: name of the record.
        sequence: upper case ``ACGTN`` (other IUPAC codes are ``N``).
        circular: whether the end joins the start.
        elements: annotated parts, by start.
        source: file it was read from, empty when made in memory.
    """

    name: str
    sequence: str
    circular: bool = False
    elements: Sequence[Element] = field(default_factory=tuple)
    source: str = ""

    def __len__(self) -> int:
        return len(self.sequence)

    def piece(self, start: int, end: int) -> str:
        """Bases ``start`` to ``end``; on a circular construct across the origin too."""
        if not self.circular or (start >= 0 and end <= len(self.sequence)):
            return self.sequence[max(0, start) : end]
        turn = start // len(self.sequence) * len(self.sequence)
        doubled = self.sequence * (2 + (end - start) // len(self.sequence))
        return doubled[start - turn : end - turn]

    def provirus(self) -> Provirus:
        """The integrated form with its exact outer ends; kind ``none`` when no ends are recognised.

        Reverse transcription: U3 comes from the 3' LTR, U5 from the 5' LTR (Gilboa et al., Cell 1979;18:93).
        """
        from aftercar.vocab.provirus import derive

        return derive(self)

    def provirus_elements(self, provirus: Provirus | None = None) -> tuple[Element, ...]:
        """The elements that lie wholly or partly in the provirus, in provirus coordinates, with its LTRs named."""
        from aftercar.vocab.provirus import elements_of

        return elements_of(self, provirus if provirus is not None else self.provirus())
