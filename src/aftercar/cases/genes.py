"""Genes that matter for a T-cell malignancy after CAR-T, each with where the fact comes from.

These lists start a person's reading; they decide nothing alone: an insertion in or near a cancer gene is common
by chance, so the base rate among ordinary products always stands beside it. A study may pass its own lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aftercar.vocab.sources import Source


@dataclass(frozen=True, slots=True)
class GeneFact:
    """Why a gene is listed: ``oncogene``, ``tumour_suppressor``, ``insertional`` (earlier gene therapy) or ``reported``."""

    gene: str
    kind: str
    why: str
    source: Source


@dataclass(frozen=True, slots=True)
class BaseRate:
    """How many ordinary infusion products (or patients) had an insertion at the gene."""

    gene: str
    hits: int
    products: int
    source: Source


_RECALLED = Source("known from T-cell lymphoma and leukaemia sequencing studies; to be checked for each use", "recalled")
_GENE_THERAPY = Source("insertional leukaemia in earlier gene therapy trials", "recalled")
_PENN = Source("infusion-product integration sites of CD19 CAR-T patients (CART19 collection)", "measured")


def _facts(kind: str, why: str, source: Source, genes: str) -> dict[str, GeneFact]:
    return {gene: GeneFact(gene, kind, why, source) for gene in genes.split()}


#: Genes whose disturbance is known, or was claimed in a published case, to drive T-cell malignancy.
T_CELL_CANCER_GENES: Mapping[str, GeneFact] = {
    **_facts(
        "oncogene",
        "gain of function or overexpression in T-cell lymphoma or leukaemia",
        _RECALLED,
        "NOTCH1 MYC TAL1 LYL1 LMO1 LMO2 TLX1 TLX3 HOXA9 HOXA10 NKX2-1 BCL2 BCL6 BCL11B CCND2 CCND3 CDK6 JAK1 JAK2 JAK3 "
        "STAT3 STAT5B PLCG1 CARD11 CD28 VAV1 FYN ITK SYK ALK TYK2 RHOA IRF4 TP63 MYB MECOM KIT NRAS KRAS GATA3 PRKCB "
        "IL2RA TNFRSF1B",
    ),
    **_facts(
        "tumour_suppressor",
        "loss of function in T-cell lymphoma or leukaemia",
        _RECALLED,
        "TP53 PTEN CDKN2A CDKN2B CDKN1B RB1 IKZF1 IKZF2 RUNX1 ETV6 PHF6 NR3C1 PRDM1 BACH2 CBLB PDCD1 FAS PTPN2 PTPN6 PTPRC SOCS1 "
        "DUSP22 TNFAIP3 TNFRSF14 KMT2C KMT2D SETD2 ARID1A ARID1B ZEB1 NCOR1 DDX3X ATM CD58 B2M TET2 DNMT3A SH2B3 CIITA NF1",
    ),
    **_facts(
        "insertional",
        "insertional activation in earlier gene therapy",
        _GENE_THERAPY,
        "LMO2 CCND2 BMI1 MECOM PRDM16 SETBP1 HMGA2 MN1",
    ),
    "PLAAT4": GeneFact(
        "PLAAT4",
        "reported",
        "reported as a disturbed tumour suppressor in a CAR-positive lymphoproliferation",
        Source("Dulery 2025 Nat Med 31:1130, abstract", "seen"),
    ),
    "RARRES3": GeneFact(
        "RARRES3", "reported", "earlier name of PLAAT4", Source("Dulery 2025 Nat Med 31:1130, abstract", "secondary")
    ),
    "TFCP2": GeneFact(
        "TFCP2",
        "reported",
        "reported at the dominant insertion of a gastrointestinal CAR T-cell lymphoma",
        Source("Blood 2025, doi 10.1182/blood.2025031423, abstract", "seen"),
    ),
}

#: Genes of clonal haematopoiesis.
CLONAL_HAEMATOPOIESIS_GENES: Mapping[str, Source] = {
    **dict.fromkeys(("DNMT3A", "TET2"), Source("Hamilton 2024 NEJM 390:2047", "seen")),
    **dict.fromkeys(("PPM1D", "TP53"), Source("Blood Cancer Discov, doi 10.1158/2643-3230.BCD-21-0177", "seen")),
    **dict.fromkeys(
        (
            "ASXL1",
            "JAK2",
            "SF3B1",
            "SRSF2",
            "U2AF1",
            "ZRSR2",
            "CBL",
            "GNB1",
            "GNAS",
            "IDH1",
            "IDH2",
            "BCOR",
            "BCORL1",
            "STAG2",
            "RAD21",
        ),
        Source("clonal-haematopoiesis gene sets in common use", "recalled"),
    ),
}

#: What is known of ordinary products until a study brings a table of its own.
KNOWN_BASE_RATES: Mapping[str, BaseRate] = {
    "ZGPAT": BaseRate("ZGPAT", 43, 58, _PENN),
    "SSU72": BaseRate("SSU72", 26, 58, _PENN),
}
