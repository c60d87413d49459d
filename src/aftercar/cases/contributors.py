"""Axis C: what else may have contributed? Each contributor is present, absent or unknown, from stated fields.

"Absent" needs a sample and a depth, or a complete record: a missing row is unknown. "Before the infusion" needs
a sample from before it: 0 of 58 reads still allows a clone in 6% of alleles.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from aftercar.cases.genes import CLONAL_HAEMATOPOIESIS_GENES
from aftercar.cases.laboratory import TUMOUR_MATERIALS
from aftercar.cases.model import CaseFile, Row, as_date
from aftercar.cases.settings import CausalitySettings
from aftercar.cases.statements import Evidence, Missing, cite
from aftercar.vocab.estimates import proportion

LABELS = {
    "clone_before_infusion": "tumour's clone before the infusion",
    "clonal_haematopoiesis": "clonal haematopoiesis",
    "tumour_mutation": "mutations of the tumour",
    "germline_variant": "germline variant",
    "ebv": "EBV",
    "htlv": "HTLV-1",
    "prior_lines": "earlier lines of treatment",
    "alkylator": "alkylating agent",
    "other_mutagen": "other mutagenic agent",
    "radiation": "radiation",
    "transplant": "transplant",
    "therapy_after_car_t": "treatment after CAR-T",
}
STATES = ("present", "absent", "unknown")
_CH_WORDS = re.compile(r"clonal ha?ematopoiesis|\bCHIP\b", re.I)
_DOUBT = re.compile(r"suspect|possible|likely|assumed", re.I)
_NON_TUMOUR = ("blood", "apheresis", "product", "car_negative_cells")


@dataclass(frozen=True, slots=True)
class Contributor:
    """One other possible contributor.

    Attributes:
        name: which; one of :data:`CONTRIBUTORS`.
        state: ``present``, ``absent`` or ``unknown``.
        because: the deciding reason in one sentence.
        reasons: evidence with field references.
        missing: what is not known, and what would settle it.
    """

    name: str
    state: str
    because: str
    reasons: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()


def contributors(case: CaseFile, settings: CausalitySettings) -> tuple[Contributor, ...]:
    """Every contributor of :data:`CONTRIBUTORS`, in that order."""
    return tuple(look(case, settings) for look in CONTRIBUTORS.values())


def _clonal_haematopoiesis(case: CaseFile, settings: CausalitySettings) -> Contributor:
    """Variants of clonal-haematopoiesis genes outside the tumour; a variant only seen in the tumour is another contributor."""
    name = "clonal_haematopoiesis"
    rows = [row for row in case.findings if row["kind"] == "variant" and _is_ch(row)]
    found = [
        row for row in rows if _is_found(row) and (row["found_in"] in _NON_TUMOUR or _CH_WORDS.search(row["description"] or ""))
    ]
    sure = [row for row in found if not _DOUBT.search(row["description"] or "")]
    negatives = [row for row in rows if row["found_in"] in _NON_TUMOUR and row["alt_reads"] == 0 and row["depth"]]
    reasons = [cite("findings", row, "gene", _variant_words(row), "for") for row in found]
    reasons += [cite("findings", row, "alt_reads", _negative_words(row), "neutral") for row in negatives]
    ask = Missing(
        "deep sequencing of blood or apheresis from before the infusion",
        "a panel of clonal-haematopoiesis genes at known depth on a sample from before the infusion",
        "findings (found_in apheresis or blood, timing before)",
    )
    if sure:
        early = [row for row in sure if row["timing"] == "before" or row["found_in"] in ("apheresis", "product")]
        genes = " and ".join(dict.fromkeys(str(row["gene"]) for row in sure))
        if early:
            return Contributor(name, "present", f"{genes} found in a sample from before the infusion", tuple(reasons))
        doubt = f"; {_negative_words(negatives[0])}" if negatives else "; no sample from before the infusion is known"
        return Contributor(name, "present", f"{genes} found outside the tumour after the infusion{doubt}", tuple(reasons), (ask,))
    if found:
        return Contributor(name, "unknown", "suspected, not shown", tuple(reasons), (ask,))
    before = [row for row in negatives if row["timing"] == "before" or row["found_in"] in ("apheresis", "product")]
    tested = {str(row["gene"]) for row in before if _upper(row) < settings.absent_below}
    if {"DNMT3A", "TET2"} <= tested:
        worst = max(_upper(row) for row in before)
        because = f"{', '.join(sorted(tested))} not found before the infusion, each excluded above {worst:.1%} of alleles"
        return Contributor(name, "absent", because, tuple(reasons))
    if negatives:
        return Contributor(name, "unknown", _negative_words(negatives[0]), tuple(reasons), (ask,))
    return Contributor(name, "unknown", "no test outside the tumour is known", tuple(reasons), (ask,))


def _tumour_mutation(case: CaseFile, settings: CausalitySettings) -> Contributor:
    name = "tumour_mutation"
    rows = [
        row
        for row in case.findings
        if row["kind"] in ("variant", "copy_number")
        and row["origin"] != "germline"
        and (
            row["found_in"] in TUMOUR_MATERIALS
            or (row["found_in"] in (None, "unknown") and not _CH_WORDS.search(row["description"] or ""))
        )
        and _is_found(row)
    ]
    if rows:
        reasons = tuple(cite("findings", row, "gene", _variant_words(row), "for") for row in rows)
        genes = ", ".join(dict.fromkeys(str(row["gene"] or row["description"] or row["kind"]) for row in rows))
        return Contributor(name, "present", f"mutations of the tumour besides the insertion: {genes}", reasons)
    ask = Missing(
        "mutations of the tumour", "exome, genome or panel sequencing of tumour and germline", "findings (kind variant)"
    )
    return Contributor(name, "unknown", "no sequencing of the tumour's own mutations is known", (), (ask,))


def _germline(case: CaseFile, settings: CausalitySettings) -> Contributor:
    rows = [row for row in case.findings if row["kind"] == "variant" and row["origin"] == "germline" and _is_found(row)]
    if rows:
        reasons = tuple(cite("findings", row, "gene", _variant_words(row), "for") for row in rows)
        return Contributor("germline_variant", "present", "germline: " + ", ".join(str(row["gene"]) for row in rows), reasons)
    ask = Missing("germline variants", "germline sample (skin, hair, saliva with care) sequenced", "findings.origin")
    return Contributor("germline_variant", "unknown", "no germline finding is known", (), (ask,))


def _virus(column: str, label: str) -> Callable[[CaseFile, CausalitySettings], Contributor]:
    def look(case: CaseFile, settings: CausalitySettings) -> Contributor:
        value = case.case[column]
        if value in ("positive", "negative"):
            state = "present" if value == "positive" else "absent"
            reason = cite("cases", case.case, column, f"{label} in the tumour", "for" if state == "present" else "against")
            return Contributor(column, state, f"{label} {value}", (reason,))
        rows = [
            row for row in case.findings if row["kind"] == "virus" and label[:3].lower() in str(row["description"] or "").lower()
        ]
        if rows and _is_found(rows[0]):
            return Contributor(
                column, "present", f"{label} found", (cite("findings", rows[0], "description", f"{label} found", "for"),)
            )
        ask = Missing(
            f"{label} in the tumour",
            "EBER in-situ hybridisation" if column == "ebv" else "HTLV-1 serology and PCR",
            f"cases.{column}",
        )
        return Contributor(
            column, "unknown", f"{label} was not tested" if value == "not_tested" else f"{label} is not known", (), (ask,)
        )

    return look


def _before(row: Row, case: CaseFile) -> bool | None:
    """Whether a treatment lay before the suspected infusion; None when not known."""
    if row["timing"] in ("before", "bridging", "lymphodepletion"):
        return True
    if row["timing"] == "after":
        return False
    infusion = case.suspected_infusion
    start, infused = as_date(row["started_on"]), as_date(infusion["infused_on"]) if infusion is not None else None
    if start is not None and infused is not None:
        if start.certainly_before(infused):
            return True
        if infused.certainly_before(start):
            return False
    if infusion is None or infusion["line_of_therapy"] is None or row["line_of_therapy"] is None:
        return None
    return bool(row["line_of_therapy"] < infusion["line_of_therapy"])


def _history_is_complete(case: CaseFile) -> bool:
    """Whether the rows cover every line before the infusion, so that what is not among them was not given."""
    infusion = case.suspected_infusion
    if infusion is None or infusion["line_of_therapy"] is None:
        return False
    lines = {row["line_of_therapy"] for row in case.prior_therapy if row["kind"] != "other"}
    return set(range(1, infusion["line_of_therapy"])) <= lines


def _history(name: str, label: str, wanted: Callable[[Row], bool]) -> Callable[[CaseFile, CausalitySettings], Contributor]:
    def look(case: CaseFile, settings: CausalitySettings) -> Contributor:
        rows = [row for row in case.prior_therapy if wanted(row) and _before(row, case) is not False]
        if rows:
            reasons = tuple(cite("prior_therapy", row, "agent" if row["agent"] else "kind", label, "for") for row in rows)
            words = ", ".join(dict.fromkeys(str(row["agent"] or row["kind"]).replace("_", " ") for row in rows))
            return Contributor(name, "present", f"{label}: {words}", reasons)
        unknown_class = any(
            row["kind"] == "chemotherapy" and row["mutagenic_class"] in (None, "unknown") for row in case.prior_therapy
        )
        if _history_is_complete(case) and not unknown_class:
            return Contributor(name, "absent", f"every line before the infusion is recorded, none is {label.lower()}")
        ask = Missing(f"{label.lower()} before the infusion", "a complete list of earlier lines, agent by agent", "prior_therapy")
        return Contributor(name, "unknown", f"whether {label.lower()} was given is not known", (), (ask,))

    return look


def _prior_lines(case: CaseFile, settings: CausalitySettings) -> Contributor:
    name, infusion = "prior_lines", case.suspected_infusion
    if infusion is not None and infusion["line_of_therapy"] is not None:
        lines = infusion["line_of_therapy"] - 1
        reason = cite(
            "infusions", infusion, "line_of_therapy", f"{lines} line(s) before the infusion", "for" if lines else "against"
        )
        return Contributor(name, "present" if lines else "absent", f"{lines} earlier line(s) of treatment", (reason,))
    rows = [row for row in case.prior_therapy if _before(row, case)]
    if rows:
        reasons = tuple(cite("prior_therapy", row, "kind", "Earlier treatment", "for") for row in rows)
        return Contributor(name, "present", f"at least {len(rows)} earlier treatment(s)", reasons)
    ask = Missing("number of earlier lines", "treatment history", "infusions.line_of_therapy")
    return Contributor(name, "unknown", "earlier lines are not known", (), (ask,))


def _therapy_after(case: CaseFile, settings: CausalitySettings) -> Contributor:
    """Treatment between the infusion and the diagnosis, such as a bispecific antibody."""
    name = "therapy_after_car_t"
    diagnosed = as_date(case.case["diagnosed_on"])
    rows = [
        row
        for row in case.prior_therapy
        if _before(row, case) is False
        and not (
            diagnosed is not None and (start := as_date(row["started_on"])) is not None and diagnosed.certainly_before(start)
        )
    ]
    if rows:
        reasons = tuple(
            cite("prior_therapy", row, "agent" if row["agent"] else "kind", "Given after the infusion", "for") for row in rows
        )
        return Contributor(
            name, "present", ", ".join(str(row["agent"] or row["kind"]) for row in rows) + " after the infusion", reasons
        )
    ask = Missing("treatment between infusion and diagnosis", "medication list", "prior_therapy.timing")
    return Contributor(name, "unknown", "treatment after the infusion is not known", (), (ask,))


def _clone_before(case: CaseFile, settings: CausalitySettings) -> Contributor:
    name, value = "clone_before_infusion", case.case["clone_before_infusion"]
    rows = [
        row
        for row in case.findings
        if row["kind"] == "tcr_clone" and (row["timing"] == "before" or row["found_in"] == "apheresis")
    ]
    found = [row for row in rows if _is_found(row)]
    ask = Missing(
        "the tumour's T-cell receptor in a sample from before the infusion",
        "T-cell receptor sequencing of apheresis or stored blood, with the number of cells looked at",
        "cases.clone_before_infusion, findings (kind tcr_clone)",
    )
    if value == "found" or found:
        reasons = [cite("cases", case.case, "clone_before_infusion", "The tumour's clone was there before the infusion", "for")]
        reasons += [
            cite("findings", row, "found_in", "The tumour's clone in a sample from before the infusion", "for") for row in found
        ]
        return Contributor(name, "present", "the tumour's clone was found in a sample from before the infusion", tuple(reasons))
    negative = [row for row in rows if row["alt_reads"] == 0 and row["depth"]]
    if negative:
        row = min(negative, key=_upper)
        reason = cite("findings", row, "alt_reads", _negative_words(row), "against")
        state = "absent" if _upper(row) < settings.absent_below else "unknown"
        return Contributor(name, state, _negative_words(row), (reason,), () if state == "absent" else (ask,))
    if value == "not_found":
        reason = cite("cases", case.case, "clone_before_infusion", "Looked for and not found; no depth is given")
        return Contributor(name, "unknown", "looked for and not found, but no depth is given", (reason,), (ask,))
    return Contributor(name, "unknown", "no sample from before the infusion was looked at", (), (ask,))


def _is_ch(row: Row) -> bool:
    return row["gene"] in CLONAL_HAEMATOPOIESIS_GENES and row["origin"] != "germline"


def _is_found(row: Row) -> bool:
    return row["alt_reads"] != 0 and row["vaf"] != 0


def _upper(row: Row) -> float:
    """Upper 95% limit of the allele fraction (two-sided Clopper-Pearson) from reads with the finding and depth."""
    return proportion(row["alt_reads"], row["depth"]).high if row["depth"] and row["alt_reads"] is not None else 1.0


def _variant_words(row: Row) -> str:
    reads = f", {row['alt_reads']} of {row['depth']} reads" if row["alt_reads"] is not None and row["depth"] else ""
    vaf = f", allele fraction {row['vaf']:.1%}" if row["vaf"] is not None else ""
    place = f" in {row['found_in'].replace('_', ' ')}" if row["found_in"] not in (None, "unknown") else ""
    return " ".join(str(part) for part in (row["gene"], row["description"]) if part) + place + reads + vaf


def _negative_words(row: Row) -> str:
    place = str(row["found_in"] or "the sample").replace("_", " ")
    what = row["gene"] or "the tumour's clone"
    return f"{what} in {row['alt_reads']} of {row['depth']} reads of {place}, which still allows {_upper(row):.1%}"


#: Every contributor looked for, in the order shown.
CONTRIBUTORS: dict[str, Callable[[CaseFile, CausalitySettings], Contributor]] = {
    "clone_before_infusion": _clone_before,
    "clonal_haematopoiesis": _clonal_haematopoiesis,
    "tumour_mutation": _tumour_mutation,
    "germline_variant": _germline,
    "ebv": _virus("ebv", "EBV"),
    "htlv": _virus("htlv", "HTLV-1"),
    "prior_lines": _prior_lines,
    "alkylator": _history("alkylator", "An alkylating agent", lambda row: row["mutagenic_class"] == "alkylator"),
    "other_mutagen": _history(
        "other_mutagen",
        "Another mutagenic agent",
        lambda row: row["mutagenic_class"] in ("platinum", "topoisomerase_ii", "nucleoside_analogue", "imid"),
    ),
    "radiation": _history(
        "radiation", "Radiation", lambda row: row["kind"] == "radiation" or row["mutagenic_class"] == "radiation"
    ),
    "transplant": _history(
        "transplant", "A transplant", lambda row: row["kind"] in ("autologous_transplant", "allogeneic_transplant")
    ),
    "therapy_after_car_t": _therapy_after,
}
