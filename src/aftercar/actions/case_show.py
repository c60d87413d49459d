"""What a person sees of a case: validity, what is missing, causality, tests, deadlines, assessments, narrative."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from aftercar.actions.case_desk import Desk
from aftercar.cases.assessment import Standing, disagreement, standings
from aftercar.cases.causality import WORDS, Causality
from aftercar.cases.completeness import Completeness, completeness
from aftercar.cases.deadlines import Deadline, deadlines
from aftercar.cases.intake import Validity, seriousness, validity
from aftercar.cases.model import CaseFile, as_date
from aftercar.cases.narrative import Narrative, narrate
from aftercar.cases.testing import Checklist, checklist
from aftercar.vocab.products import find_product


@dataclass(frozen=True)
class CaseView:
    """Everything derived of one case on one day."""

    file: CaseFile
    validity: Validity
    completeness: Completeness
    seriousness: tuple[str, ...]
    causality: Causality
    checklist: Checklist
    deadlines: tuple[Deadline, ...]
    assessments: tuple[Standing, ...]
    disagreement: str
    narrative: Narrative

    def as_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {
            "case_id": self.file.case_id,
            "case": dict(self.file.case),
            "valid": self.validity.valid,
            "countable": self.validity.countable,
            "criteria": [asdict(item) for item in self.validity.criteria],
            "questions": [asdict(item) for item in self.validity.questions],
            "completeness": {"score": self.completeness.score, "missing": [asdict(item) for item in self.completeness.missing]},
            "seriousness": list(self.seriousness),
            "causality": self.causality.as_dict(),
            "checklist": asdict(self.checklist),
            "deadlines": [
                {"region": item.rule.region, "to": item.rule.to, "due_on": item.due_on, "days_left": item.days_left,
                 "source": str(item.rule.source)}
                for item in self.deadlines
            ],
            "assessments": [{"state": item.state, "changed": list(item.changed), **dict(item.row)} for item in self.assessments],
            "disagreement": self.disagreement,
            "narrative": self.narrative.text(),
        }  # fmt: skip


def show_case(desk: Desk, case_id: str, today: dt.date) -> CaseView:
    """One case as it stands on ``today``."""
    file = desk.file(case_id)
    reports = desk.rows("case_reports", case_id)
    last = reports[-1] if reports else None
    causality = desk.causality(case_id)
    found = standings(file, desk.rows("assessments", case_id))
    infusion = file.suspected_infusion
    product = find_product(infusion["product"]) if infusion is not None else None
    tests = checklist(
        file,
        causality,
        desk.rows("testing_requests", case_id),
        desk.around.get("sample_checks", ()),
        manufacturer=product.holder if product is not None else "",
    )
    return CaseView(
        file,
        validity(file, last),
        completeness(file),
        seriousness(file, last),
        causality,
        tests,
        _deadlines(file, last, today),
        tuple(found),
        disagreement(found),
        narrate(file, causality, desk.rows("narratives", case_id)),
    )


def list_cases(desk: Desk) -> list[dict[str, Any]]:
    """One line for each case: what it is, whether it counts, what the rules suggest, what is missing most."""
    lines = []
    for case_id, file in sorted(desk.files.items()):
        causality, complete, valid = desk.causality(case_id), completeness(file), validity(file)
        infusion = file.suspected_infusion
        lines.append(
            {
                "case_id": case_id,
                "diagnosis": file.case["diagnosis"],
                "product": infusion["product"] if infusion is not None else "",
                "onset": file.onset_months.text() if file.onset_months else "",
                "tested": file.case["tested"],
                "origin": WORDS[causality.origin.value],
                "role": WORDS[causality.role.value],
                "counts": "yes" if valid.countable else "ask" if valid.valid else "not valid",
                "complete": round(complete.score, 2),
                "missing_most": complete.missing[0].name if complete.missing else "",
            }
        )
    return lines


def _deadlines(file: CaseFile, report: Any, today: dt.date) -> tuple[Deadline, ...]:
    """Deadlines from the day the report was received; none when that day is not known exactly."""
    received = as_date(report["received_on"] if report is not None else file.case["reported_on"])
    infusion = file.suspected_infusion
    region = infusion["jurisdiction"] if infusion is not None else None
    if received is None or not received.is_exact or region in (None, "unknown"):
        return ()
    expected = {"yes": True, "no": False}.get(report["expected"] or "") if report is not None else None
    setting = "trial" if infusion is not None and infusion["setting"] == "trial" else "marketed"
    return tuple(
        deadlines(
            received.earliest,
            today,
            regions=(str(region),),
            setting=setting,  # type: ignore[arg-type]
            seriousness=seriousness(file, report),
            expected=expected,
        )
    )
