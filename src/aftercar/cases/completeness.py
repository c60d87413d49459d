"""How complete is a case? Points for what each question needs; the missing items are the point, not the score.

The score is the share of points whose field is known. It is ours, in the spirit of the completeness scores of
spontaneous-report databases, and says nothing about cause. An item that cannot apply is left out of the sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aftercar.cases.model import CaseFile
from aftercar.cases.role import tumour_sites

QUESTIONS = ("report", "event", "origin", "role", "contributors", "samples")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing a case should hold: name, which question it serves, points, field, and why."""

    name: str
    question: str
    points: int
    field: str
    why: str


@dataclass(frozen=True, slots=True)
class Completeness:
    """What is there and what is not.

    Attributes:
        points, of: points reached and points that apply.
        missing: items not known, most points first.
        by_question: question -> (points, of).
    """

    points: int
    of: int
    missing: tuple[Item, ...]
    by_question: dict[str, tuple[int, int]]

    @property
    def score(self) -> float:
        """Share of points reached, 0 to 1."""
        return self.points / self.of if self.of else 0.0


def completeness(case: CaseFile) -> Completeness:
    """Score a case and list what is missing."""
    reached, possible = dict.fromkeys(QUESTIONS, 0), dict.fromkeys(QUESTIONS, 0)
    missing = []
    for item, (known, applies) in zip(ITEMS, (check(case) for check in _CHECKS), strict=True):
        if not applies:
            continue
        possible[item.question] += item.points
        if known:
            reached[item.question] += item.points
        else:
            missing.append(item)
    by_question = {name: (reached[name], possible[name]) for name in QUESTIONS}
    return Completeness(
        sum(reached.values()), sum(possible.values()), tuple(sorted(missing, key=lambda item: -item.points)), by_question
    )


Check = Callable[[CaseFile], tuple[bool, bool]]


def _cell(table: str, column: str) -> Check:
    """Known when the cell is neither empty nor "unknown"; always applies."""

    def check(case: CaseFile) -> tuple[bool, bool]:
        row = {"cases": case.case, "people": case.person, "infusions": case.suspected_infusion}[table]
        return row is not None and row[column] not in (None, "unknown", "not_tested"), True

    return check


def _was_tested(case: CaseFile) -> bool:
    return case.case["tested"] == "yes" or case.verdict is not None


def _if_tested(check: Callable[[CaseFile], bool]) -> Check:
    return lambda case: (check(case), _was_tested(case))


def _is_carrier(case: CaseFile) -> bool:
    found = case.case["car_result"] in ("detected", "detected_low")
    return found or (case.verdict is not None and str(case.verdict.get("call", "")).startswith("present"))


def _if_found(check: Callable[[CaseFile], bool]) -> Check:
    return lambda case: (check(case), _is_carrier(case))


def _baseline(case: CaseFile) -> bool:
    early = any(row["timing"] == "before" for row in case.findings)
    return early or any(row["material"] == "apheresis" for row in case.samples)


_TABLE: tuple[tuple[Item, Check], ...] = (
    (Item("sex", "report", 1, "people.sex", "identifies the patient"), _cell("people", "sex")),
    (
        Item("age", "report", 2, "people.birth_year or infusions.age_at_infusion", "identifies the patient, stratifies rates"),
        lambda case: (_cell("people", "birth_year")(case)[0] or _cell("infusions", "age_at_infusion")(case)[0], True),
    ),
    (Item("country", "report", 1, "people.country", "decides the reporting rules"), _cell("people", "country")),
    (Item("product", "report", 3, "infusions.product", "no case without it"), _cell("infusions", "product")),
    (Item("batch", "report", 3, "infusions.batch", "links the patient to the retained product"), _cell("infusions", "batch")),
    (
        Item("indication", "report", 2, "infusions.indication", "tells relapse from a new malignancy"),
        _cell("infusions", "indication"),
    ),
    (
        Item("onset", "event", 3, "cases.diagnosed_on and infusions.infused_on, or cases.onset_months", "time to onset"),
        lambda case: (case.onset_months is not None, True),
    ),
    (Item("lineage", "event", 3, "cases.lineage", "T cell or not"), _cell("cases", "lineage")),
    (
        Item("histology", "event", 3, "cases.histology_confirmed", "a diagnosis without it is a suspicion"),
        _cell("cases", "histology_confirmed"),
    ),
    (
        Item("morphology", "event", 1, "cases.icd_o_morphology", "a code that others can count"),
        _cell("cases", "icd_o_morphology"),
    ),
    (Item("outcome", "event", 1, "cases.outcome", "what became of the person"), _cell("cases", "outcome")),
    (Item("tested", "origin", 3, "cases.tested", "whether the tumour was tested, or why not"), _cell("cases", "tested")),
    (
        Item("transgene_result", "origin", 4, "cases.car_result", "the answer of the test"),
        _if_tested(lambda case: case.verdict is not None or case.case["car_result"] not in (None, "unknown")),
    ),
    (
        Item("method", "origin", 1, "cases.car_assays", "what the answer can show"),
        _if_tested(lambda case: bool(case.case["car_assays"]) or case.verdict is not None),
    ),
    (
        Item("purity", "origin", 2, "cases.tumour_purity", "tells a clone from bystanders"),
        _if_tested(lambda case: case.case["tumour_purity"] is not None or any(row["purity"] is not None for row in case.samples)),
    ),
    (
        Item("limit", "origin", 2, "assay_results.lod or verdict.detection_limit", "what a negative could have missed"),
        _if_tested(
            lambda case: (
                any(row["lod"] is not None for row in case.assay_results)
                or (case.verdict is not None and case.verdict.get("detection_limit") is not None)
            )
        ),
    ),
    (
        Item("sites", "role", 4, "findings (integration)", "where the vector sits"),
        _if_found(lambda case: bool(tumour_sites(case))),
    ),
    (
        Item("expression", "role", 2, "findings.effect", "whether the insertion disturbs a gene"),
        _if_found(lambda case: any(site.effect not in (None, "unknown") for site in tumour_sites(case))),
    ),
    (
        Item(
            "baseline_sample",
            "contributors",
            3,
            "samples (apheresis) or findings before infusion",
            "without it nothing is known to be pre-existing",
        ),
        lambda case: (_baseline(case), True),
    ),
    (
        Item("earlier_clone", "contributors", 2, "cases.clone_before_infusion", "whether the clone was there before"),
        _cell("cases", "clone_before_infusion"),
    ),
    (Item("ebv", "contributors", 2, "cases.ebv", "another driver of lymphoma"), _cell("cases", "ebv")),
    (Item("htlv", "contributors", 1, "cases.htlv", "another driver of T-cell malignancy"), _cell("cases", "htlv")),
    (
        Item(
            "history",
            "contributors",
            3,
            "prior_therapy or infusions.line_of_therapy",
            "mutagens and transplants before the infusion",
        ),
        lambda case: (bool(case.prior_therapy) or _cell("infusions", "line_of_therapy")(case)[0], True),
    ),
    (
        Item("tumour_sample", "samples", 2, "samples (tumour)", "what can still be tested"),
        lambda case: (any(row["material"] == "tumour" for row in case.samples), True),
    ),
)

ITEMS: tuple[Item, ...] = tuple(item for item, _ in _TABLE)
_CHECKS: tuple[Check, ...] = tuple(check for _, check in _TABLE)
