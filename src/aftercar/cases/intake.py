"""Is a report a valid case, is it the event it seems to be, and what must be asked?

A valid case has an identifiable patient, a reporter, an event and a suspect product (ICH E2D). For cell products
the batch is asked for always, since it links patient, product and retained material; its absence does not make the
case invalid. Terms without histology and relapses of the treated disease are asked about, not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aftercar.cases.model import CaseFile, Row, items
from aftercar.cases.statements import Evidence, cite
from aftercar.vocab.sources import Source
from aftercar.vocab.terms import find_by_code, find_diagnosis, is_in_remission, is_unspecific, relapse_of

E2D = Source("ICH E2D and E2B(R3), four minimum criteria", "secondary")
BATCH = Source("EMA letter to health professionals, July 2024, as reported", "secondary")

SERIOUSNESS = ("death", "life_threatening", "hospitalisation", "disability", "congenital_anomaly", "other_important")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion: met or not, whether the case stands or falls with it, and the evidence."""

    name: str
    met: bool
    decisive: bool
    says: str
    source: Source
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """Something a person must be asked before the case is counted.

    ``kind`` is ``unspecific_term``, ``no_histology``, ``possible_relapse``, ``relapse``, ``prevalent``,
    ``lymphoproliferation``, ``not_after_infusion`` or ``contradiction``. ``blocks`` says that the case must not be
    counted as a new T-cell malignancy until it is answered.
    """

    kind: str
    text: str
    field: str
    blocks: bool


@dataclass(frozen=True, slots=True)
class Validity:
    """Whether a report is a valid case, and what to ask.

    Attributes:
        criteria: patient, reporter, event, product, batch.
        questions: what to ask.
    """

    criteria: tuple[Criterion, ...]
    questions: tuple[Question, ...]

    @property
    def valid(self) -> bool:
        """All decisive criteria are met."""
        return all(item.met for item in self.criteria if item.decisive)

    @property
    def countable(self) -> bool:
        """Valid, and nothing open that could make it another event."""
        return self.valid and not any(question.blocks for question in self.questions)

    @property
    def unmet(self) -> tuple[str, ...]:
        """Names of the criteria not met, decisive or not."""
        return tuple(item.name for item in self.criteria if not item.met)


def validity(case: CaseFile, report: Row | None = None) -> Validity:
    """Check the minimum criteria and collect the questions.

    Args:
        case: the case.
        report: row of ``case_reports`` that brought it; without one the centre or the source counts as reporter.
    """
    criteria = (_patient(case), _reporter(case, report), _event(case), _product(case), _batch(case))
    return Validity(criteria, tuple(questions(case)))


def questions(case: CaseFile) -> list[Question]:
    """What must be asked about the event itself."""
    row, text = case.case, str(case.case["diagnosis"])
    infusion = case.suspected_infusion
    found = find_diagnosis(text) or find_by_code(row["icd_o_morphology"], row["icd_10"])
    asked: list[Question] = []
    coded = row["icd_o_morphology"] is not None
    if is_unspecific(text) and not (coded and row["lineage"] not in (None, "unknown")):
        asked.append(
            Question("unspecific_term", f"{text!r} names no lineage: which histology and lineage?", "cases.diagnosis", True)
        )
    elif row["lineage"] in (None, "unknown") and found is None:
        asked.append(Question("unspecific_term", f"{text!r} is not a term we know: which lineage?", "cases.lineage", True))
    if row["histology_confirmed"] == "no" or (row["histology_confirmed"] in (None, "unknown") and is_unspecific(text)):
        asked.append(
            Question(
                "no_histology",
                "No histology is known: was tissue (or blood, for a leukaemia) examined?",
                "cases.histology_confirmed",
                True,
            )
        )
    if found is not None and found.icd_10_needs_histology and row["icd_o_morphology"] is None and find_diagnosis(text) is None:
        asked.append(
            Question("no_histology", "ICD-10 does not tell T from B lymphoblastic: which lineage?", "cases.icd_10", True)
        )
    relapse = relapse_of(text, infusion["indication"] if infusion is not None else None)
    if relapse.possible and row["lineage"] not in ("T_cell", "NK_cell", "myeloid", "solid", "skin_non_melanoma"):
        kind = "relapse" if relapse.certain else "possible_relapse"
        asked.append(Question(kind, f"Is this a relapse of the treated disease? It {relapse.because}.", "cases.diagnosis", True))
    if is_in_remission(text):
        asked.append(
            Question("prevalent", "A malignancy in remission is not new: when was it diagnosed?", "cases.diagnosed_on", True)
        )
    if row["behaviour"] == "lymphoproliferative" or (
        found is not None and found.behaviour == "lymphoproliferative" and row["behaviour"] is None
    ):
        asked.append(
            Question(
                "lymphoproliferation",
                "A lymphoproliferation that is not lymphoma: it is kept with that value and counted apart. Has it progressed?",
                "cases.behaviour",
                False,
            )
        )
    onset = case.onset_months
    if onset is not None and onset.low < 0:
        words = "precedes" if onset.high < 0 else "may precede"
        asked.append(Question("not_after_infusion", f"The diagnosis {words} the suspected infusion.", "cases.diagnosed_on", True))
    if row["tested"] in ("no", "not_possible", "refused") and row["car_result"] not in (None, "unknown"):
        asked.append(Question("contradiction", "The tumour was not tested, yet a result is given.", "cases.tested", False))
    if row["tested"] in ("not_possible", "refused") and row["untested_reason"] is None:
        asked.append(Question("contradiction", "Why was the tumour not tested?", "cases.untested_reason", False))
    return asked


def seriousness(case: CaseFile, report: Row | None = None) -> tuple[str, ...]:
    """Seriousness criteria met: those of the report, death where the outcome is fatal, and "other important" for any malignancy.

    A malignancy is always at least medically important (important medical event list; recalled).
    """
    named = set(items(report["seriousness"])) if report is not None else set()
    if case.case["outcome"] == "fatal":
        named.add("death")
    if case.case["behaviour"] != "premalignant":
        named.add("other_important")
    return tuple(item for item in SERIOUSNESS if item in named)


def _patient(case: CaseFile) -> Criterion:
    person, infusion = case.person, case.suspected_infusion
    found = [cite("people", person, name, name) for name in ("sex", "birth_year") if person[name] not in (None, "unknown")]
    if infusion is not None and infusion["age_at_infusion"] is not None:
        found.append(cite("infusions", infusion, "age_at_infusion", "age at infusion"))
    found.append(cite("people", person, "person_id", "pseudonym"))
    return Criterion(
        "patient", True, True, f"the patient is identifiable by {', '.join(item.says for item in found)}", E2D, tuple(found)
    )


def _reporter(case: CaseFile, report: Row | None) -> Criterion:
    if report is not None:
        named = [
            name
            for name in ("reporter_qualification", "reporter_name", "reporter_organisation", "reporter_country")
            if _known(report[name])
        ]
        says = f"the reporter is known by {', '.join(named)}" if named else "nothing is known of the reporter"
        return Criterion("reporter", bool(named), True, says, E2D)
    if _known(case.person["centre"]):
        return Criterion("reporter", True, True, "the centre reports", E2D, (cite("people", case.person, "centre", "centre"),))
    if _known(case.case["source"]):
        return Criterion(
            "reporter", True, True, "the source of the row reports", E2D, (cite("cases", case.case, "source", "source"),)
        )
    return Criterion("reporter", False, True, "no reporter, centre or source is named", E2D)


def _event(case: CaseFile) -> Criterion:
    return Criterion("event", True, True, "an event is named", E2D, (cite("cases", case.case, "diagnosis", "event"),))


def _product(case: CaseFile) -> Criterion:
    infusion = case.suspected_infusion
    if infusion is None:
        several = f"; {len(case.infusions)} infusions are known, none is named" if case.infusions else ""
        return Criterion("product", False, True, f"no suspect product{several}", E2D)
    named = infusion["product"].lower() not in ("not stated", "unknown")
    says = "a suspect product is named" if named else "the product is not stated"
    return Criterion("product", named, True, says, E2D, (cite("infusions", infusion, "product", "suspect product"),))


def _batch(case: CaseFile) -> Criterion:
    infusion = case.suspected_infusion
    if infusion is not None and infusion["batch"] is not None:
        return Criterion("batch", True, False, "the batch is known", BATCH, (cite("infusions", infusion, "batch", "batch"),))
    return Criterion("batch", False, False, "the batch is not known: ask the treating centre", BATCH)


def _known(value: Any) -> bool:
    return value not in (None, "", "unknown")


def from_mapping(values: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Rows of cases, people and infusions from one flat form or CSV row (column names as in the tables).

    Raises:
        BadCase: for a name that no table has.
    """
    from aftercar.cases.model import BadCase
    from aftercar.vocab.tables.study import CASES, INFUSIONS, PEOPLE

    rows: tuple[dict[str, Any], ...] = ({}, {}, {})
    for name, value in values.items():
        hits = [row for row, table in zip(rows, (CASES, PEOPLE, INFUSIONS), strict=True) if name in table]
        if not hits:
            raise BadCase(
                f"{name!r} is not a column of cases, people or infusions", fix="see the columns with: aftercar case new --columns"
            )
        if name in ("person_id", "infusion_id"):
            for row in hits:
                row[name] = value
        else:
            hits[0][name] = value
    return rows[0], rows[1], rows[2]
