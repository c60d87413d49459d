"""A case as an HL7 FHIR bundle: AdverseEvent, the person, the product and the tests. R5 by default, R4B on request.

FHIR has no code for a CAR transgene, vector copies or an integration site; such observations carry a text and a
code of our own system. R5 lets a suspect entity hold one assessment only, so it is repeated for each assessor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from aftercar.cases.e2b.message import Null
from aftercar.cases.e2b.tests_of_case import tests_of
from aftercar.cases.intake import seriousness
from aftercar.cases.model import CaseFile, Row

Release = Literal["R5", "R4B"]

OWN = "urn:aftercar:codes"
_UCUM = "http://unitsofmeasure.org"
_RESULT = {"1": "Positive", "2": "Negative", "3": "Borderline", "4": "Inconclusive"}
#: FHIR's value set for outcome of an adverse event.
_OUTCOME = {
    "recovered": "resolved",
    "recovering": "recovering",
    "not_recovered": "ongoing",
    "recovered_with_sequelae": "resolvedWithSequelae",
    "fatal": "fatal",
}


def adverse_event_bundle(
    case: CaseFile, assessments: Sequence[Row] = (), *, recorded_on: str, release: Release = "R5"
) -> dict[str, Any]:
    """A collection bundle for one case.

    Args:
        case: the case.
        assessments: signed rows of ``assessments``; each assessor stays apart.
        recorded_on: ISO date on which the event was recorded.
        release: FHIR release of the resources.
    """
    patient = _patient(case)
    product = _product(case, release)
    tests = [_observation(case, test, i, patient["id"]) for i, test in enumerate(tests_of(case), 1)]
    event = _event(case, assessments, recorded_on, release, patient["id"], product, [test["id"] for test in tests])
    resources = [event, patient, *([product] if product else []), *tests]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"urn:aftercar:{item['resourceType']}:{item['id']}", "resource": item} for item in resources],
    }


def _event(
    case: CaseFile,
    assessments: Sequence[Row],
    recorded_on: str,
    release: Release,
    patient: str,
    product: dict[str, Any] | None,
    tests: list[str],
) -> dict[str, Any]:
    row = case.case
    codings = [
        {"system": system, "code": row[column]}
        for system, column in (
            ("http://terminology.hl7.org/CodeSystem/icd-o-3", "icd_o_morphology"),
            ("http://hl7.org/fhir/sid/icd-10", "icd_10"),
        )
        if row[column]
    ]
    term: dict[str, Any] = {"text": row["diagnosis"], **({"coding": codings} if codings else {})}
    serious = "serious" if seriousness(case) else "non-serious"
    event: dict[str, Any] = {
        "resourceType": "AdverseEvent",
        "id": _id(case.case_id),
        "actuality": "actual",
        "subject": {"reference": f"Patient/{patient}"},
        "recordedDate": recorded_on,
        "seriousness": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/adverse-event-seriousness", "code": serious}]
        },
    }
    if row["diagnosed_on"]:
        event["detected"] = row["diagnosed_on"]
    outcome = _OUTCOME.get(row["outcome"] or "")
    coded = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/adverse-event-outcome", "code": outcome or "unknown"}]}
    suspects = _suspects(assessments, release, product)
    if release == "R5":
        event |= {"status": "completed", "code": term, "outcome": [coded]}
        if tests:
            event["supportingInfo"] = [{"itemReference": {"reference": f"Observation/{test}"}} for test in tests]
    else:
        event |= {"event": term, "outcome": coded}
    if suspects:
        event["suspectEntity"] = suspects
    return event


def _suspects(assessments: Sequence[Row], release: Release, product: dict[str, Any] | None) -> list[dict[str, Any]]:
    if product is None:
        return []
    reference = {"reference": f"{product['resourceType']}/{product['id']}"}
    if release == "R4B":
        causality = [
            {
                "assessment": {"text": str(row["grade"])},
                "method": {"text": str(row["method"])},
                "author": {"display": str(row["assessor"])},
            }
            for row in assessments
        ]
        return [{"instance": reference, **({"causality": causality} if causality else {})}]
    judged = [
        {
            "instanceReference": reference,
            "causality": {
                "assessmentMethod": {"text": str(row["method"])},
                "entityRelatedness": {"text": str(row["grade"])},
                "author": {"display": str(row["assessor"])},
            },
        }
        for row in assessments
    ]
    return judged or [{"instanceReference": reference}]


def _patient(case: CaseFile) -> dict[str, Any]:
    person = case.person
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "id": _id(str(person["person_id"])),
        "identifier": [{"system": "urn:aftercar:person", "value": str(person["person_id"])}],
        "gender": person["sex"] if person["sex"] in ("male", "female", "other") else "unknown",
    }
    if person["birth_year"]:
        patient["birthDate"] = f"{person['birth_year']:04d}"
    if person["death_date"] and len(str(person["death_date"])) == 10:
        patient["deceasedDateTime"] = person["death_date"]
    elif person["vital_status"] == "dead":
        patient["deceasedBoolean"] = True
    return patient


def _product(case: CaseFile, release: Release) -> dict[str, Any] | None:
    infusion = case.suspected_infusion
    if infusion is None:
        return None
    identifier = _id(str(infusion["infusion_id"]))
    if release == "R4B":
        medication: dict[str, Any] = {"resourceType": "Medication", "id": identifier, "code": {"text": infusion["product"]}}
        if infusion["batch"]:
            medication["batch"] = {"lotNumber": infusion["batch"]}
        return medication
    product: dict[str, Any] = {
        "resourceType": "BiologicallyDerivedProduct",
        "id": identifier,
        "productCode": {"text": infusion["product"]},
    }
    if infusion["batch"]:
        product["division"] = infusion["batch"]
    if infusion["chain_of_identity"]:
        product["biologicalSourceEvent"] = {"value": infusion["chain_of_identity"]}
    if infusion["product_vcn"] is not None:
        quantity = {"value": infusion["product_vcn"], "unit": "vector copies per transduced cell"}
        product["property"] = [{"type": {"text": "vector copy number"}, "valueQuantity": quantity}]
    return product


def _observation(case: CaseFile, test: Any, number: int, patient: str) -> dict[str, Any]:
    name = str(test["F.r.2.1"])
    observation: dict[str, Any] = {
        "resourceType": "Observation",
        "id": _id(f"{case.case_id}-test-{number}"),
        "status": "final",
        "code": {"text": name, "coding": [{"system": OWN, "code": _id(name).lower()}]},
        "subject": {"reference": f"Patient/{patient}"},
    }
    date = test["F.r.1"]
    if not isinstance(date, Null):
        parts = [date[:4], date[4:6], date[6:8]]
        observation["effectiveDateTime"] = "-".join(part for part in parts if part)
    if "F.r.3.2" in test:
        observation["valueQuantity"] = {
            "value": float(test["F.r.3.2"]),
            "unit": test["F.r.3.3"],
            "system": _UCUM,
            "code": test["F.r.3.3"],
        }
    elif "F.r.3.4" in test:
        observation["valueString"] = test["F.r.3.4"]
    if "F.r.3.1" in test:
        observation["interpretation"] = [{"text": _RESULT[test["F.r.3.1"]]}]
    if "F.r.6" in test:
        observation["note"] = [{"text": test["F.r.6"]}]
    return observation


def _id(text: str) -> str:
    """Text as a FHIR id: letters, digits, ``-`` and ``.``, at most 64."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-.") else "-" for letter in text)[:64] or "x"
