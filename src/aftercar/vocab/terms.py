"""Diagnoses as ICD-O-3 and ICD-10 facts with their source, our own free-text synonyms, and terms that say too little.

Codes of licensed terminologies (MedDRA) are not here; they come from the user's own files. A text is recognised by
the most specific diagnosis whose synonym it holds. "Second primary malignancy" and "lymphoma" say neither lineage
nor whether it is new, and a relapse of the treated disease is no new malignancy: such texts are asked about.

    >>> find_diagnosis("Angioimmunoblastic T cell lymphoma").icd_o
    ('9705/3',)
    >>> is_unspecific("Second primary malignancy"), is_unspecific("Peripheral T-cell lymphoma, NOS")
    (True, False)
    >>> relapse_of("diffuse large B-cell lymphoma recurrent", "DLBCL").certain
    True
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from aftercar.vocab.sources import Source

Lineage = Literal["T_cell", "B_cell", "plasma_cell", "NK_cell", "myeloid", "solid", "skin_non_melanoma", "unknown"]
Behaviour = Literal["malignant", "lymphoproliferative", "premalignant"]

_SEER = Source("SEER site/histology validation list", "seen")
_ICD = Source("ICD-10 browser, icd.who.int", "seen")
_KNOWN = Source("ICD-O-3 and ICD-10, from general knowledge; check against the current lists", "recalled")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One entity.

    Attributes:
        key: our own name for it.
        name: in words.
        lineage, behaviour: cell lineage; a lymphoproliferation that is not (yet) lymphoma has its own behaviour.
        icd_o: ICD-O-3 morphology codes.
        icd_10: ICD-10 categories.
        source: where the codes come from, with its mark.
        synonyms: lower-case texts that name it, our own.
        icd_10_needs_histology: ICD-10 alone does not tell it from a B-cell entity.
    """

    key: str
    name: str
    lineage: Lineage
    behaviour: Behaviour
    icd_o: tuple[str, ...]
    icd_10: tuple[str, ...]
    source: Source
    synonyms: tuple[str, ...]
    icd_10_needs_histology: bool = False


def _t(key: str, name: str, icd_o: str, icd_10: str, *synonyms: str, source: Source = _KNOWN, needs: bool = False) -> Diagnosis:
    return Diagnosis(key, name, "T_cell", "malignant", tuple(icd_o.split()), tuple(icd_10.split()), source, synonyms, needs)


DIAGNOSES: tuple[Diagnosis, ...] = (
    _t(
        "ptcl_nos",
        "peripheral T-cell lymphoma, not otherwise specified",
        "9702/3",
        "C84.4",
        "peripheral t-cell lymphoma",
        "ptcl",
        "mature t-cell lymphoma",
        source=_SEER,
    ),
    _t("mycosis_fungoides", "mycosis fungoides", "9700/3", "C84.0", "mycosis fungoides"),
    _t("sezary", "Sézary syndrome", "9701/3", "C84.1", "sezary", "sézary"),
    _t(
        "aitl",
        "angioimmunoblastic T-cell lymphoma, nodal TFH lymphoma",
        "9705/3",
        "C86.5",
        "angioimmunoblastic",
        "aitl",
        "follicular helper t-cell lymphoma",
        "tfh lymphoma",
    ),
    _t(
        "alcl_alk_pos",
        "anaplastic large-cell lymphoma, ALK-positive",
        "9714/3",
        "C84.6",
        "alk-positive anaplastic",
        "alk+ anaplastic",
    ),
    _t(
        "alcl_alk_neg",
        "anaplastic large-cell lymphoma, ALK-negative",
        "9715/3",
        "C84.7",
        "anaplastic large-cell lymphoma",
        "anaplastic large cell lymphoma",
        "alcl",
    ),
    _t("sptcl", "subcutaneous panniculitis-like T-cell lymphoma", "9708/3", "C86.3", "panniculitis-like", "sptcl"),
    _t("cutaneous_gd", "primary cutaneous gamma-delta T-cell lymphoma", "9726/3", "C84.A", "gamma-delta", "gamma delta"),
    _t("ctcl_nos", "cutaneous T-cell lymphoma, not otherwise specified", "9709/3", "C84.A", "cutaneous t-cell lymphoma", "ctcl"),
    _t("hepatosplenic", "hepatosplenic T-cell lymphoma", "9716/3", "C86.1", "hepatosplenic"),
    _t(
        "eatl",
        "enteropathy-associated T-cell lymphoma",
        "9717/3",
        "C86.2",
        "enteropathy-associated",
        "eatl",
        "meitl",
        "epitheliotropic intestinal",
    ),
    _t(
        "enktl",
        "extranodal NK/T-cell lymphoma, nasal type",
        "9719/3",
        "C86.0",
        "nk/t-cell lymphoma",
        "nk-t cell lymphoma",
        "enktl",
    ),
    _t(
        "atll",
        "adult T-cell leukaemia/lymphoma",
        "9827/3",
        "C91.5",
        "adult t-cell leuk",
        "adult t-cell lymphoma",
        "atll",
        source=_ICD,
    ),
    _t("tpll", "T-cell prolymphocytic leukaemia", "9834/3", "C91.6", "t-cell prolymphocytic", "t-pll"),
    _t(
        "tlgl",
        "T-cell large granular lymphocytic leukaemia",
        "9831/3",
        "C91.Z",
        "large granular lymphocytic leuk",
        "large-granular-lymphocyte",
        "t-lgl",
        "lgl leuk",
    ),
    _t(
        "tall",
        "T-lymphoblastic leukaemia/lymphoma",
        "9837/3",
        "C91.0 C83.5",
        "t-lymphoblastic",
        "t lymphoblastic",
        "t-cell acute lymphoblastic",
        "t-all",
        "t-cell acute leuk",
        needs=True,
    ),
    _t(
        "t_lymphoma",
        "T-cell lymphoma, type not stated",
        "9702/3",
        "C84.9 C84.Z",
        "t-cell lymphoma",
        "t-cell non-hodgkin",
        "t-cell tumour",
        "t-cell tumor",
        "t-cell malignan",
        "t-cell neoplasm",
        "t-cell leuk",
        source=_ICD,
    ),
    Diagnosis(
        "cd30_lpd",
        "primary cutaneous CD30+ T-cell lymphoproliferative disorder",
        "T_cell",
        "lymphoproliferative",
        ("9718/3",),
        ("C86.6",),
        _KNOWN,
        ("cd30+ t-cell lymphoproliferat", "cd30-positive lymphoproliferat", "cd30+ lymphoproliferat", "lymphomatoid papulosis"),
    ),
    Diagnosis(
        "t_lpd",
        "T-cell lymphoproliferation that is not (yet) lymphoma",
        "T_cell",
        "lymphoproliferative",
        (),
        ("D47.9",),
        _KNOWN,
        ("t-cell lymphoproliferat", "t-cell clonal expansion", "large granular lymphocytosis"),
    ),
    Diagnosis(
        "mds",
        "myelodysplastic syndrome",
        "myeloid",
        "malignant",
        ("9989/3", "9920/3"),
        ("D46",),
        _KNOWN,
        ("myelodysplas", "mds", "myelodysplastic neoplasm"),
    ),
    Diagnosis(
        "aml",
        "acute myeloid leukaemia",
        "myeloid",
        "malignant",
        ("9861/3", "9920/3"),
        ("C92.0",),
        _KNOWN,
        ("acute myeloid leuk", "aml"),
    ),
    Diagnosis(
        "dlbcl",
        "diffuse large B-cell lymphoma",
        "B_cell",
        "malignant",
        ("9680/3",),
        ("C83.3",),
        _KNOWN,
        ("diffuse large b-cell", "diffuse large b cell", "dlbcl", "large b-cell lymphoma"),
    ),
    Diagnosis(
        "pcnsl", "primary CNS lymphoma", "B_cell", "malignant", ("9680/3",), ("C83.3",), _KNOWN, ("primary cns lymphoma", "pcnsl")
    ),
    Diagnosis("fl", "follicular lymphoma", "B_cell", "malignant", ("9690/3",), ("C82",), _KNOWN, ("follicular lymphoma",)),
    Diagnosis(
        "mcl", "mantle-cell lymphoma", "B_cell", "malignant", ("9673/3",), ("C83.1",), _KNOWN, ("mantle-cell", "mantle cell")
    ),
    Diagnosis(
        "ball",
        "B-lymphoblastic leukaemia/lymphoma",
        "B_cell",
        "malignant",
        ("9836/3", "9811/3"),
        ("C91.0", "C83.5"),
        _KNOWN,
        ("b-lymphoblastic", "b-cell acute lymphoblastic", "b-all", "acute lymphoblastic leuk"),
        True,
    ),
    Diagnosis(
        "cll",
        "chronic lymphocytic leukaemia",
        "B_cell",
        "malignant",
        ("9823/3",),
        ("C91.1",),
        _KNOWN,
        ("chronic lymphocytic", "cll"),
    ),
    Diagnosis(
        "b_lymphoma",
        "B-cell lymphoma, type not stated",
        "B_cell",
        "malignant",
        ("9591/3",),
        ("C85.1",),
        _KNOWN,
        ("b-cell lymphoma", "b-cell malignan", "b-cell non-hodgkin"),
    ),
    Diagnosis(
        "myeloma",
        "multiple myeloma",
        "plasma_cell",
        "malignant",
        ("9732/3",),
        ("C90.0",),
        _KNOWN,
        ("myeloma", "plasma cell leuk", "plasma-cell leuk"),
    ),
    Diagnosis(
        "nmsc",
        "non-melanoma skin cancer",
        "skin_non_melanoma",
        "malignant",
        ("8070/3", "8090/3"),
        ("C44",),
        _KNOWN,
        ("basal cell carcinoma", "squamous cell carcinoma of skin", "non-melanoma skin"),
    ),
)
#: Entities that a more specific one beside them replaces.
_GENERIC = frozenset({"t_lymphoma", "b_lymphoma", "ptcl_nos", "t_lpd"})
_BY_KEY = {item.key: item for item in DIAGNOSES}

#: Whole texts that name no lineage or do not say that the malignancy is new.
UNSPECIFIC = (
    r"second(?:ary)? (?:primary )?(?:malignan\w+|cancers?|neoplasms?|tumou?rs?)",
    r"new (?:primary )?(?:malignan\w+|cancers?|neoplasms?|tumou?rs?)",
    r"(?:malignant )?lymphoma(?:s)?(?:,? nos)?",
    r"non-?hodgkin'?s? lymphoma(?:,? nos)?",
    r"leuka?emia(?:,? nos)?",
    r"(?:neoplasm|tumou?r|cancer|malignan\w+)(?: malignant)?(?:,? nos)?",
    r"malignant (?:neoplasm|tumou?r)",
    r"lymphoproliferative (?:disorder|disease|neoplasm)",
    r"ha?ematolog\w+ malignan\w+",
    r"spm|stcm",
)
_UNSPECIFIC = re.compile(rf"(?:{'|'.join(UNSPECIFIC)})", re.I)
_RELAPSE = re.compile(
    r"\b(?:relaps\w*|recurr\w*|progress\w*|refractory|disease persist\w*|residual disease|transformation)\b", re.I
)
_REMISSION = re.compile(r"in remission", re.I)


@dataclass(frozen=True, slots=True)
class Relapse:
    """Whether a diagnosis may be the treated disease coming back: certain, or worth asking, and why."""

    possible: bool
    certain: bool
    because: str


def diagnosis(key: str) -> Diagnosis:
    """The diagnosis with this key; raises ``KeyError``."""
    return _BY_KEY[key]


def find_diagnosis(text: str) -> Diagnosis | None:
    """The most specific diagnosis that a text names (specific before generic, then the longest synonym), or None."""
    plain = _plain(text)
    named = [
        (item.key not in _GENERIC, len(synonym), item)
        for item in DIAGNOSES
        for synonym in item.synonyms
        if _pattern(synonym).search(plain)
    ]
    return max(named, key=lambda found: found[:2])[2] if named else None


def find_by_code(icd_o: str | None = None, icd_10: str | None = None) -> Diagnosis | None:
    """The first diagnosis with this ICD-O-3 morphology, else with this ICD-10 category that needs no histology."""
    if icd_o and (found := next((item for item in DIAGNOSES if icd_o.strip() in item.icd_o), None)):
        return found
    if not icd_10:
        return None
    code = icd_10.strip().upper()
    return next(
        (
            item
            for item in DIAGNOSES
            if not item.icd_10_needs_histology and any(code.startswith(category) for category in item.icd_10)
        ),
        None,
    )


def is_unspecific(text: str) -> bool:
    """Whether the whole text is a term without lineage, such as "lymphoma" or "second primary malignancy"."""
    return _UNSPECIFIC.fullmatch(re.sub(r"\s+", " ", text).strip(" .;,()")) is not None


def is_in_remission(text: str) -> bool:
    """Whether a term describes a malignancy in remission (a prevalent, not a new one)."""
    return _REMISSION.search(text) is not None


def relapse_of(text: str, indication: str | None) -> Relapse:
    """Whether ``text`` may describe the return of the disease treated.

    Certain when it names the indication's own entity and uses a word of relapse; possible when it names the same
    entity or lineage, or uses a word of relapse.
    """
    word = _RELAPSE.search(text)
    found, treated = find_diagnosis(text), find_diagnosis(indication or "")
    if found is not None and found.lineage in ("T_cell", "NK_cell", "myeloid") and not (treated and treated.key == found.key):
        return Relapse(False, False, f"{found.name} is not the disease treated" if treated else "")
    if found is not None and treated is not None and found.key == treated.key:
        if word:
            return Relapse(True, True, f"names the disease treated ({treated.name}) and says {word.group(0).lower()!r}")
        return Relapse(True, False, f"names the disease treated ({treated.name})")
    if found is not None and treated is not None and found.lineage == treated.lineage:
        return Relapse(True, False, f"has the lineage of the disease treated ({treated.name})")
    if word:
        return Relapse(True, False, f"says {word.group(0).lower()!r}")
    return Relapse(False, False, "")


@cache
def _pattern(synonym: str) -> re.Pattern[str]:
    return re.compile(r"(?<![a-z0-9])" + re.escape(synonym))


def _plain(text: str) -> str:
    """Lower case, one kind of hyphen, ``T cell`` as ``t-cell``, British and American leukaemia alike."""
    plain = re.sub(r"[‐‑–]", "-", text.lower()).replace("leukemia", "leukaemia")
    return re.sub(r"\b(nk/t|nk|t|b)[ -]cells?\b", r"\1-cell", re.sub(r"\s+", " ", plain))
