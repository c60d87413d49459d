"""A small list of genes that matter in T-cell gene therapy, as facts with sources, and the other names of genes.

It is no cancer-gene census: users bring their own lists. A fact says what was seen, not that the gene caused anything.

    >>> canonical("RARRES3"), same_gene("EVI1", "MECOM")
    ('PLAAT4', True)
    >>> find_fact("rarres3").about
    'provirus in a CAR-positive cutaneous T-cell lymphoproliferation'
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from aftercar.vocab.sources import Source

Kind = Literal["car_t_case", "car_t_clone", "gene_therapy_event", "t_cell_driver"]


@dataclass(frozen=True, slots=True)
class GeneFact:
    """One gene: current symbol, why it is on the list, what was seen, where that is written."""

    gene: str
    kind: Kind
    about: str
    source: Source


_REVIEW = Source("Nat Commun 2025, doi 10.1038/s41467-025-62709-7, introduction", "secondary")
_COLOGNE = Source("Braun et al., Nat Med 2025, doi 10.1038/s41591-025-03499-9 (published digest)", "secondary")
_DRIVERS = Source("reviews of T-cell lymphoma genomics", "recalled")

FACTS: tuple[GeneFact, ...] = (
    GeneFact("PBX2", "car_t_case", "provirus in the 3' UTR in a CAR-positive T-cell lymphoma after ciltacabtagene", _REVIEW),
    GeneFact("SSU72", "car_t_case", "provirus in an indolent intestinal CAR-positive lymphoma after ciltacabtagene", _REVIEW),
    GeneFact("ZGPAT", "car_t_case", "provirus in a leukaemic CAR-positive T-cell lymphoma after ciltacabtagene", _COLOGNE),
    GeneFact("KPNA4", "car_t_case", "provirus in a leukaemic CAR-positive T-cell lymphoma after ciltacabtagene", _COLOGNE),
    GeneFact(
        "PLAAT4",
        "car_t_case",
        "provirus in a CAR-positive cutaneous T-cell lymphoproliferation",
        Source("Dulery et al., Nat Med 2025;31:1130, doi 10.1038/s41591-024-03458-w (abstract)", "seen"),
    ),
    GeneFact(
        "BACH2",
        "car_t_case",
        "transposon insertion in CAR-positive lymphomas after piggyBac CAR T cells",
        Source("Micklethwaite et al., Blood 2021;138:1391", "recalled"),
    ),
    GeneFact(
        "TET2",
        "car_t_clone",
        "disrupted by the provirus in a CAR T clone that expanded with complete remission, without malignancy",
        Source("Fraietta et al., Nature 2018;558:307", "recalled"),
    ),
    GeneFact(
        "CBL",
        "car_t_clone",
        "provirus in a CAR T clone that expanded and contracted, without malignancy",
        Source("Shah et al., Blood Adv 2019;3:2317", "recalled"),
    ),
    GeneFact(
        "LMO2",
        "gene_therapy_event",
        "activated in T-cell leukaemias after gamma-retroviral gene therapy of SCID-X1",
        Source("Hacein-Bey-Abina et al., Science 2003;302:415", "recalled"),
    ),
    GeneFact(
        "CCND2",
        "gene_therapy_event",
        "activated in a T-cell leukaemia after gene therapy of SCID-X1",
        Source("Hacein-Bey-Abina et al., J Clin Invest 2008;118:3132", "recalled"),
    ),
    GeneFact(
        "BMI1",
        "gene_therapy_event",
        "activated in a T-cell leukaemia after gene therapy of SCID-X1",
        Source("Hacein-Bey-Abina et al., J Clin Invest 2008;118:3132", "recalled"),
    ),
    GeneFact(
        "MECOM",
        "gene_therapy_event",
        "activated in myelodysplasia after gene therapy of CGD and of cerebral adrenoleukodystrophy",
        Source("Stein et al., Nat Med 2010;16:198; Duncan et al., NEJM 2024;391:1287", "recalled"),
    ),
    GeneFact(
        "HMGA2",
        "gene_therapy_event",
        "provirus in a dominant, benign clone after gene therapy of beta-thalassaemia",
        Source("Cavazzana-Calvo et al., Nature 2010;467:318", "recalled"),
    ),
    GeneFact("DNMT3A", "t_cell_driver", "mutated in T-cell lymphoma and clonal haematopoiesis", _DRIVERS),
    GeneFact("RHOA", "t_cell_driver", "mutated in T-follicular-helper lymphoma", _DRIVERS),
    GeneFact("IDH2", "t_cell_driver", "mutated in T-follicular-helper lymphoma", _DRIVERS),
    GeneFact("JAK1", "t_cell_driver", "mutated in T-cell lymphoma", _DRIVERS),
    GeneFact("JAK3", "t_cell_driver", "mutated in T-cell lymphoma, and in two CAR-T-associated cases", _REVIEW),
    GeneFact("STAT3", "t_cell_driver", "mutated in large granular lymphocyte leukaemia and T-cell lymphoma", _DRIVERS),
    GeneFact("STAT5B", "t_cell_driver", "mutated in gamma-delta and intestinal T-cell lymphoma", _DRIVERS),
    GeneFact("NOTCH1", "t_cell_driver", "activated in T-lymphoblastic leukaemia", _DRIVERS),
    GeneFact("FBXW7", "t_cell_driver", "lost in T-lymphoblastic leukaemia", _DRIVERS),
    GeneFact("PTEN", "t_cell_driver", "lost in T-lymphoblastic leukaemia", _DRIVERS),
    GeneFact("TP53", "t_cell_driver", "mutated in therapy-related neoplasms and T-cell lymphoma", _DRIVERS),
    GeneFact("CDKN2A", "t_cell_driver", "deleted in T-cell leukaemia and lymphoma", _DRIVERS),
    GeneFact("SH2B3", "t_cell_driver", "lost in lymphoid neoplasms", _DRIVERS),
    GeneFact("NFKB2", "t_cell_driver", "truncated in cutaneous T-cell lymphoma", _DRIVERS),
    GeneFact("IKZF1", "t_cell_driver", "lost in lymphoid leukaemia; frequent provirus target", _DRIVERS),
    GeneFact("PRDM1", "t_cell_driver", "deleted in T-cell lymphoma", _DRIVERS),
    GeneFact("TNFRSF1B", "t_cell_driver", "mutated in mycosis fungoides", _DRIVERS),
    GeneFact("PDCD1", "t_cell_driver", "haploinsufficient suppressor of T-cell lymphoma", _DRIVERS),
    GeneFact("FOXP1", "t_cell_driver", "frequent provirus target; fused in lymphoma", _DRIVERS),
)

#: Earlier and other names of genes that gene models and publications use side by side (HGNC; recalled).
ALIASES: Mapping[str, tuple[str, ...]] = {
    "PLAAT4": ("RARRES3", "TIG3", "HRASLS4"),
    "MECOM": ("EVI1", "MDS1", "PRDM3"),
    "KMT2A": ("MLL", "MLL1", "HRX"),
    "KMT2C": ("MLL3",),
    "KMT2D": ("MLL2", "ALR"),
    "KMT2B": ("MLL4",),
    "NSD2": ("WHSC1", "MMSET"),
    "NSD3": ("WHSC1L1",),
    "SEPTIN9": ("SEPT9", "MSF"),
    "SEPTIN6": ("SEPT6",),
    "PRKCB": ("PRKCB1",),
    "GRK2": ("ADRBK1",),
    "VSIR": ("C10orf54", "VISTA"),
    "MIDEAS": ("C14orf43", "ELMSAN1"),
    "XXYLT1": ("C3orf21",),
    "IKZF1": ("IKAROS", "ZNFN1A1"),
    "PDCD1": ("PD1", "PD-1"),
    "CDKN2A": ("P16", "INK4A", "ARF"),
    "BMI1": ("PCGF4",),
    "ZGPAT": ("ZIP", "GPATC6", "KIAA1847"),
    "TENT5C": ("FAM46C",),
    "AFDN": ("MLLT4", "AF6"),
    "TCIM": ("C8orf4",),
    "H1-4": ("HIST1H1E",),
    "STK26": ("MST4",),
    "PHB1": ("PHB",),
    "CIP2A": ("KIAA1524",),
}
_CURRENT: dict[str, str] = {name.upper(): gene for gene, names in ALIASES.items() for name in (gene, *names)}


def canonical(symbol: str, more: Mapping[str, str] | None = None) -> str:
    """The current symbol of a gene called ``symbol``; the symbol itself where no other name is known.

    Args:
        symbol: any case.
        more: further names (upper case) to current symbols, for example from an HGNC table.
    """
    key = symbol.strip().upper()
    if more and key in more:
        return more[key]
    return _CURRENT.get(key, symbol.strip())


def same_gene(one: str, other: str, more: Mapping[str, str] | None = None) -> bool:
    """Whether two symbols name one gene."""
    return canonical(one, more).upper() == canonical(other, more).upper()


def names_of(symbol: str, more: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Every known name of a gene, the current one first."""
    gene = canonical(symbol, more)
    extra = tuple(name for name, current in (more or {}).items() if current.upper() == gene.upper() and name != gene.upper())
    return tuple(dict.fromkeys((gene, *ALIASES.get(gene, ()), *extra)))


def among(symbol: str, known: Collection[str], more: Mapping[str, str] | None = None) -> str | None:
    """The name under which ``known`` (a gene model's symbols) holds the gene, or None."""
    if symbol in known:
        return symbol
    upper = {name.upper(): name for name in known}
    return next((upper[name.upper()] for name in (symbol, *names_of(symbol, more)) if name.upper() in upper), None)


def find_fact(symbol: str) -> GeneFact | None:
    """The fact on a gene by any of its names, or None."""
    return next((fact for fact in FACTS if same_gene(fact.gene, symbol)), None)


def built_in(kinds: Iterable[Kind] = ("car_t_case", "car_t_clone", "gene_therapy_event", "t_cell_driver")) -> frozenset[str]:
    """Symbols of the built-in list."""
    wanted = set(kinds)
    return frozenset(fact.gene for fact in FACTS if fact.kind in wanted)
