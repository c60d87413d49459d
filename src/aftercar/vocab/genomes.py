"""Genome builds, their names, and contig names with and without ``chr``.

Coordinates inside AfterCAR are 0-based half-open; what people see (tables, VCF, reports) is 1-based.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_PRIMARY = (*(str(n) for n in range(1, 23)), "X", "Y")


@dataclass(frozen=True, slots=True)
class Genome:
    """A reference build: canonical name, synonyms, and primary contig lengths in bases (no ``chr``)."""

    name: str
    synonyms: tuple[str, ...]
    lengths: Mapping[str, int]


def _lengths(*values: int) -> dict[str, int]:
    return dict(zip(_PRIMARY, values, strict=True))


# Lengths of the primary contigs as in the assembly reports (GRC releases; GCA_009914755.4, whose Y is HG002's).
GRCH38 = Genome(
    "GRCh38",
    ("hg38", "grch38", "b38", "hs38", "hs38dh"),
    _lengths(
        248956422,
        242193529,
        198295559,
        190214555,
        181538259,
        170805979,
        159345973,
        145138636,
        138394717,
        133797422,
        135086622,
        133275309,
        114364328,
        107043718,
        101991189,
        90338345,
        83257441,
        80373285,
        58617616,
        64444167,
        46709983,
        50818468,
        156040895,
        57227415,
    ),
)
GRCH37 = Genome(
    "GRCh37",
    ("hg19", "grch37", "b37", "hs37d5", "hs37"),
    _lengths(
        249250621,
        243199373,
        198022430,
        191154276,
        180915260,
        171115067,
        159138663,
        146364022,
        141213431,
        135534747,
        135006516,
        133851895,
        115169878,
        107349540,
        102531392,
        90354753,
        81195210,
        78077248,
        59128983,
        63025520,
        48129895,
        51304566,
        155270560,
        59373566,
    ),
)
CHM13 = Genome(
    "T2T-CHM13v2.0",
    ("t2t-chm13v2.0", "t2t-chm13", "chm13v2.0", "chm13v2", "chm13", "t2t", "hs1"),
    _lengths(
        248387328,
        242696752,
        201105948,
        193574945,
        182045439,
        172126628,
        160567428,
        146259331,
        150617247,
        134758134,
        135127769,
        133324548,
        113566686,
        101161492,
        99753195,
        96330374,
        84276897,
        80542538,
        61707364,
        66210255,
        45090682,
        51324926,
        154259566,
        62460029,
    ),
)
GENOMES = (GRCH38, GRCH37, CHM13)
#: Their names for messages.
NAMES = ", ".join(genome.name for genome in GENOMES)


def find_genome(name: str) -> Genome | None:
    """The build called ``name`` (any synonym, any case), or None."""
    wanted = name.strip().lower()
    return next((g for g in GENOMES if wanted == g.name.lower() or wanted in g.synonyms), None)


def bare_contig(name: str) -> str:
    """A contig's name without ``chr`` and with the mitochondrion as ``MT``: ``chr4`` and ``4`` are one."""
    bare = name[3:] if name.lower().startswith("chr") else name
    return "MT" if bare == "M" else bare


def build_of(lengths: Mapping[str, int]) -> Genome | None:
    """The build whose primary contig lengths agree with a file's contig table, or None.

    A file may hold few of the contigs; at least one primary contig must be named, and all named
    primary contigs must agree in length.
    """
    named = {bare_contig(contig): length for contig, length in lengths.items() if bare_contig(contig) in _PRIMARY}
    if not named:
        return None
    return next((g for g in GENOMES if all(g.lengths[contig] == length for contig, length in named.items())), None)
