"""From a safety report to rows of our tables, and what could not be carried over.

A report says less than our tables hold: whether the tumour was tested stays unknown unless a test says so, and a
reported negative is the laboratory's statement, not a verdict. Identifiers are ours and are given by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aftercar.cases.e2b.message import Batch, Group, Null
from aftercar.vocab.dates import PartialDate, years_between
from aftercar.vocab.products import is_cart
from aftercar.vocab.terms import find_diagnosis

_QUALIFICATION = {"1": "physician", "2": "pharmacist", "3": "other_health_professional", "4": "lawyer", "5": "consumer"}
_OUTCOME = {
    "0": "unknown",
    "1": "recovered",
    "2": "recovering",
    "3": "not_recovered",
    "4": "recovered_with_sequelae",
    "5": "fatal",
}
_TYPE = {"1": "spontaneous", "2": "study", "3": "other", "4": "unknown"}
_SERIOUS = {
    "E.i.3.2a": "death",
    "E.i.3.2b": "life_threatening",
    "E.i.3.2c": "hospitalisation",
    "E.i.3.2d": "disability",
    "E.i.3.2e": "congenital_anomaly",
    "E.i.3.2f": "other_important",
}
_TRANSGENE = re.compile(r"transgene|vector|car[ -]?(?:t|\+|pcr|construct|dna)|lentivir", re.I)
_RESULT = {"1": "detected", "2": "not_detected", "3": "detected_low", "4": "inconclusive"}
_YEARS = {"a": 1.0, "mo": 1 / 12, "wk": 7 / 365.25, "d": 1 / 365.25, "h": 1 / 8766, "10.a": 10.0}


@dataclass(frozen=True, slots=True)
class Imported:
    """Rows of a report by table, and notes on what has no place in them."""

    tables: dict[str, list[dict[str, Any]]]
    notes: tuple[str, ...]


def rows_of(report: Group, batch: Batch, *, person_id: str, case_id: str, sha256: str, origin: str) -> Imported:
    """Rows of one report.

    Args:
        report: the report.
        batch: its batch.
        person_id, case_id: identifiers to give; infusions, therapies and the rest get identifiers made from ``case_id``.
        sha256: of the message, kept with the report.
        origin: ``e2b_r3`` or ``e2b_r2``.
    """
    notes: list[str] = []
    events, drugs = report.all("E.i"), report.all("G.k")
    cars = [drug for drug in drugs if drug.text("G.k.1") in ("1", "3") and is_cart(drug.text("G.k.2.2") or "")]
    suspects = cars or [drug for drug in drugs if drug.text("G.k.1") in ("1", "3")]
    if not cars:
        notes.append("no suspect drug looks like a CAR-T product: the first suspect is taken")
    if len(events) > 1:
        terms = ", ".join(_term(event) for event in events[1:])
        notes.append(
            f"the report has {len(events)} events; the case is the first that names a malignancy, the others are: {terms}"
        )
    event = _event(events)
    tables: dict[str, list[dict[str, Any]]] = {
        "people": [_person(report, person_id, event)],
        "infusions": [_infusion(drug, event, report, person_id, f"{case_id}-I{i}") for i, drug in enumerate(suspects[:5], 1)],
        "prior_therapy": list(_therapy(report, suspects, person_id, case_id)),
        "cases": [_case(report, event, person_id, case_id)],
        "case_reports": [_report(report, event, case_id, sha256, origin)],
        "event_codes": _codes(event, case_id, origin),
    }
    if narrative := report.text("H.1"):
        tables["narratives"] = [
            {
                "narrative_id": f"{case_id}-H1",
                "case_id": case_id,
                "section": "received",
                "text": narrative,
                "place": "after",
                "written_by": report.text("C.3.2") or "sender",
                "written_on": _iso(report.text("C.1.5")) or _iso(report.text("C.1.2")),
            }
        ]
    judged = [given for drug in drugs for pair in drug.all("G.k.9.i") for given in pair.all("G.k.9.i.2.r")]
    if report.text("D.2.2a") and all(row["age_at_infusion"] is None for row in tables["infusions"]):
        notes.append(f"age at the event not carried over: {report.text('D.2.2a')} {report.text('D.2.2b') or ''}".rstrip())
    for given in judged:
        said = [text for code in ("G.k.9.i.2.r.1", "G.k.9.i.2.r.2", "G.k.9.i.2.r.3") if (text := given.text(code))]
        notes.append("an assessment came with the report: " + ", ".join(said or ["coded (EU)"]))
    for test in report.all("F.r"):
        if not _TRANSGENE.search(test.text("F.r.2.1") or ""):
            notes.append(f"test not carried over: {_test_words(test)}")
    return Imported({name: rows for name, rows in tables.items() if rows}, tuple(notes))


def _event(events: tuple[Group, ...]) -> Group:
    named = [event for event in events if find_diagnosis(_term(event)) is not None]
    return named[0] if named else next(iter(events), Group())


def _term(event: Group) -> str:
    return (
        event.text("E.i.1.2")
        or event.text("E.i.1.1a")
        or (f"MedDRA {event.text('E.i.2.1b')}" if event.text("E.i.2.1b") else "not named")
    )


def _person(report: Group, person_id: str, event: Group) -> dict[str, Any]:
    born, died = _iso(report.text("D.2.1")), _iso(report.text("D.9.1"))
    fatal = event.text("E.i.3.2a") == "true" or event.text("E.i.7") == "5" or died is not None
    causes = [text for cause in report.all("D.9.2.r") if (text := cause.text("D.9.2.r.2"))]
    return {
        "person_id": person_id,
        "country": event.text("E.i.9") or report.first("C.2.r").text("C.2.r.3"),
        "sex": {"1": "male", "2": "female"}.get(report.text("D.5") or "", "unknown"),
        "birth_year": int(born[:4]) if born else None,
        "vital_status": "dead" if fatal else "unknown",
        "death_date": died,
        "death_cause": "; ".join(causes) or None,
        "consent": "unknown",
        "source": report.text("C.1.8.1"),
    }


def _infusion(drug: Group, event: Group, report: Group, person_id: str, infusion_id: str) -> dict[str, Any]:
    doses = drug.all("G.k.4.r")
    started = next((day for dose in doses if (day := _iso(dose.text("G.k.4.r.4")))), None)
    batch = next((text for dose in doses if (text := dose.text("G.k.4.r.7"))), None)
    indication = next((text for item in drug.all("G.k.7.r") if (text := item.text("G.k.7.r.1"))), None)
    return {
        "infusion_id": infusion_id,
        "person_id": person_id,
        "infused_on": started,
        "product": drug.text("G.k.2.2") or "not stated",
        "batch": batch,
        "indication": indication,
        "age_at_infusion": _age_at(started, event, report),
        "setting": "trial" if report.text("C.5.4") == "1" else "unknown",
        "trial": report.text("C.5.3"),
    }


def _age_at(started: str | None, event: Group, report: Group) -> float | None:
    """Age at the infusion from the report's age at the event; only where both dates are known."""
    age, unit, ended = report.text("D.2.2a"), report.text("D.2.2b") or "a", _iso(event.text("E.i.4"))
    if not started or not ended or age is None or unit not in _YEARS:
        return None
    between = years_between(PartialDate.parse(started).middle, PartialDate.parse(ended).middle)
    return round(max(0.0, float(age) * _YEARS[unit] - max(0.0, between)), 1)


def _therapy(report: Group, suspects: list[Group], person_id: str, case_id: str) -> Iterator[dict[str, Any]]:
    for i, item in enumerate(report.all("D.8.r"), 1):
        if name := item.text("D.8.r.1"):
            yield {
                "therapy_id": f"{case_id}-T{i}",
                "person_id": person_id,
                "kind": _kind(name),
                "agent": name,
                "started_on": _iso(item.text("D.8.r.4")),
                "ended_on": _iso(item.text("D.8.r.5")),
                "timing": "before",
            }
    others = [drug for drug in report.all("G.k") if drug not in suspects]
    for i, drug in enumerate(others, 1):
        if name := drug.text("G.k.2.2"):
            dose = drug.first("G.k.4.r")
            yield {
                "therapy_id": f"{case_id}-C{i}",
                "person_id": person_id,
                "kind": _kind(name),
                "agent": name,
                "started_on": _iso(dose.text("G.k.4.r.4")),
                "ended_on": _iso(dose.text("G.k.4.r.5")),
                "timing": "unknown",
                "note": "concomitant drug of the report",
            }


def _kind(name: str) -> str:
    lower = name.lower()
    for word, kind in (
        ("autologous", "autologous_transplant"),
        ("allogeneic", "allogeneic_transplant"),
        ("radi", "radiation"),
        ("tamab", "bispecific"),
    ):
        if word in lower:
            return kind
    return "other"


def _case(report: Group, event: Group, person_id: str, case_id: str) -> dict[str, Any]:
    text = _term(event)
    found = find_diagnosis(text)
    tests = [test for test in report.all("F.r") if _TRANSGENE.search(test.text("F.r.2.1") or "")]
    results = {_RESULT[result] for test in tests if (result := test.text("F.r.3.1")) in _RESULT}
    lineage = found.lineage if found is not None else "unknown"
    return {
        "case_id": case_id,
        "person_id": person_id,
        "infusion_id": f"{case_id}-I1" if any(drug.text("G.k.1") in ("1", "3") for drug in report.all("G.k")) else None,
        "diagnosis": text,
        "lineage": "B_cell" if lineage == "plasma_cell" else lineage,
        "behaviour": found.behaviour if found is not None else "unknown",
        "diagnosed_on": _iso(event.text("E.i.4")),
        "reported_on": _iso(report.text("C.1.4")),
        "serious": "yes" if any(event.text(code) == "true" for code in _SERIOUS) else "unknown",
        "outcome": _OUTCOME.get(event.text("E.i.7") or "0", "unknown"),
        "tested": "yes" if tests and results else "unknown",
        "car_result": (results.pop() if len(results) == 1 else "inconclusive") if results else "unknown",
        "car_assays": ";".join(dict.fromkeys(name for test in tests if (name := test.text("F.r.2.1")))) or None,
        "source": report.text("C.1.8.1"),
    }


def _report(report: Group, event: Group, case_id: str, sha256: str, origin: str) -> dict[str, Any]:
    source = next((item for item in report.all("C.2.r") if item.text("C.2.r.5") == "1"), report.first("C.2.r"))
    kind = {"1": "nullification", "2": "amendment"}.get(report.text("C.1.11.1") or "")
    first, latest = report.text("C.1.4"), report.text("C.1.5")
    return {
        "report_id": f"{case_id}-R1",
        "case_id": case_id,
        "kind": kind or ("follow_up" if first and latest and latest[:8] > first[:8] else "initial"),
        "received_on": _iso(latest) or _iso(first) or _iso(report.text("C.1.2")),
        "origin": origin,
        "report_type": _TYPE.get(report.text("C.1.3") or "4", "unknown"),
        "reporter_qualification": _QUALIFICATION.get(source.text("C.2.r.4") or "", "unknown"),
        "reporter_organisation": source.text("C.2.r.2.1"),
        "reporter_country": source.text("C.2.r.3"),
        "sender_organisation": report.text("C.3.2"),
        "safety_report_id": report.text("C.1.1"),
        "worldwide_id": report.text("C.1.8.1"),
        "seriousness": ";".join(name for code, name in _SERIOUS.items() if event.text(code) == "true") or None,
        "reason": report.text("C.1.11.2"),
        "message_sha256": sha256,
    }


def _codes(event: Group, case_id: str, origin: str) -> list[dict[str, Any]]:
    code, version = event.text("E.i.2.1b"), event.text("E.i.2.1a")
    if not code:
        return []
    return [
        {
            "code_id": f"{case_id}-M1",
            "case_id": case_id,
            "system": "meddra",
            "version": version or "not stated",
            "level": "llt",
            "code": code,
            "coded_by": f"message ({origin})",
        }
    ]


def _test_words(test: Group) -> str:
    parts = [test.text("F.r.2.1"), test.text("F.r.3.2"), test.text("F.r.3.3"), test.text("F.r.3.4")]
    date = test.get("F.r.1")
    shown = "" if date is None or isinstance(date, Null) else f" on {_iso(date)}"
    return " ".join(part for part in parts if part) + shown


def _iso(value: str | None) -> str | None:
    """An E2B date as a partial ISO date; the time of day is left out."""
    if not value:
        return None
    digits = re.match(r"\d+", value)
    text = digits.group(0)[:8] if digits else ""
    parts = [text[:4], text[4:6], text[6:8]]
    return "-".join(part for part in parts if len(part) in (2, 4)) if len(parts[0]) == 4 else None
