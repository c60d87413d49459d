"""FHIR R4 and R5 in and out: bundles, single resources and NDJSON, as files or folders.

Only Patient, Procedure, MedicationAdministration, BiologicallyDerivedProduct, Condition and Observation are read (and
Medication, for what an administration refers to); every other resource is counted. Where R4 and R5 name an element
differently both names are read, so a folder may hold either. Names, addresses and hospital numbers are never read.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from aftercar.edges.files import existing_file
from aftercar.errors import InputError
from aftercar.registry.codes import OWN_SYSTEM
from aftercar.registry.mapping import Codes, Item, Person, Source
from aftercar.vocab.dates import PartialDate

Release = Literal["R4", "R5"]
Resource = Mapping[str, Any]

_READ = (
    "Patient",
    "Procedure",
    "MedicationAdministration",
    "Condition",
    "Observation",
    "BiologicallyDerivedProduct",
    "Medication",
)

_SEX = {"male": "male", "female": "female", "other": "other", "unknown": "unknown"}

#: UCUM and plain units of tests, in the registry's words.
_UNITS = {
    "{copies}/ug": "copies/ug",
    "copies/ug": "copies/ug",
    "{copies}/{cell}": "copies/cell",
    "copies/cell": "copies/cell",
    "%": "percent_cells",
    "{copies}/ul": "copies/ul",
    "copies/ul": "copies/ul",
    "1": "fraction",
}
_UCUM = {
    "copies/ug": "{copies}/ug",
    "copies/cell": "{copies}/{cell}",
    "percent_cells": "%",
    "copies/ul": "{copies}/uL",
    "count": "{#}",
}

_NOT_DONE = {"not-done", "entered-in-error", "preparation", "cancelled", "stopped-before-start"}

#: When a treatment was given, by any of its names; R5 misspells one of them.
_DONE_ON = (
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "occurenceDateTime",
    "occurencePeriod",
    "effectiveDateTime",
    "effectivePeriod",
)

_RESULTS = {"detected": "detected", "positive": "detected", "not detected": "not_detected", "negative": "not_detected"}


class BadFhir(InputError):
    """A file that is not FHIR JSON."""

    code = "bad-fhir"


def fhir_files(path: Path) -> list[Path]:
    """The files to read: one file, or every ``.json`` and ``.ndjson`` of a folder, by name."""
    if path.is_dir():
        found = sorted(item for item in path.iterdir() if item.suffix in (".json", ".ndjson"))
        if not found:
            raise BadFhir("no .json or .ndjson file in the folder", where=str(path))
        return found
    return [existing_file(path)]


def read_fhir(path: Path) -> Source:
    """Everything that a file or folder says of people, treatments, conditions and tests.

    Raises:
        BadFhir: naming the file, and the line or byte where it breaks.
    """
    resources: list[Resource] = []
    by_reference: dict[str, Resource] = {}
    for file in fhir_files(path):
        for url, resource in _resources(file):
            resources.append(resource)
            by_reference[f"{resource['resourceType']}/{resource.get('id', '')}"] = resource
            if url:
                by_reference[url] = resource
    products = [item for item in resources if item["resourceType"] == "BiologicallyDerivedProduct"]
    treatments, conditions, tests, people = [], [], [], []
    last_seen: dict[str, str] = {}
    for resource in resources:
        kind = resource["resourceType"]
        if kind == "Patient":
            people.append(_patient(resource))
            continue
        person = _person_of(resource, by_reference)
        _note_date(last_seen, person, resource)
        if kind in ("Procedure", "MedicationAdministration"):
            treatments.append(_treatment(resource, person, by_reference, products))
        elif kind == "Condition":
            conditions.append(_condition(resource, person))
        elif kind == "Observation":
            tests.append(_observation(resource, person))
    other = Counter(item["resourceType"] for item in resources if item["resourceType"] not in _READ)
    for helper in ("BiologicallyDerivedProduct", "Medication"):
        number = sum(item["resourceType"] == helper for item in resources)
        if number:
            other[f"{helper} (read only where a treatment refers to it)"] = number
    return Source(people, treatments, conditions, tests, dict(other), last_seen)


def _resources(file: Path) -> Iterator[tuple[str, Resource]]:
    """(fullUrl, resource) of a file; bundles are opened, nested ones too."""
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix == ".ndjson":
        documents = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                documents.append(_parse(line, f"{file.name} line {number}"))
    else:
        documents = [_parse(text, file.name)]
    for document in documents:
        yield from _opened("", document, file.name)


def _opened(url: str, document: Any, where: str) -> Iterator[tuple[str, Resource]]:
    if not isinstance(document, dict) or not isinstance(document.get("resourceType"), str):
        raise BadFhir("not a FHIR resource: it has no resourceType", where=where)
    if document["resourceType"] != "Bundle":
        yield url, document
        return
    for number, entry in enumerate(document.get("entry", []), 1):
        if not isinstance(entry, dict) or "resource" not in entry:
            continue  # an entry of a transaction may hold a request only
        yield from _opened(str(entry.get("fullUrl", "")), entry["resource"], f"{where} entry {number}")


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadFhir(f"not JSON: {error.msg} at line {error.lineno}", where=where, fix="is the file complete?") from None
    except RecursionError:
        raise BadFhir("nested deeper than any FHIR resource", where=where) from None


def _patient(resource: Resource) -> Person:
    death = _date(resource.get("deceasedDateTime"))
    born = _date(resource.get("birthDate"))
    address: Mapping[str, Any] = next(iter(resource.get("address", [])), {})
    country = str(address.get("country", ""))
    return Person(
        str(resource.get("id", "")),
        _SEX.get(str(resource.get("gender", ""))),
        int(born[:4]) if born else None,
        death,
        bool(resource.get("deceasedBoolean", False)) or death is not None,
        country if re.fullmatch("[A-Z]{2}", country) else None,
    )


def _treatment(resource: Resource, person: str | None, known: Mapping[str, Resource], products: Sequence[Resource]) -> Item:
    kind = resource["resourceType"]
    concepts = _concepts(resource, ("code",) if kind == "Procedure" else ("medicationCodeableConcept", "medication"))
    linked: list[Resource] = []
    for reference in _references(
        resource, ("medicationReference", "medication", "usedReference", "used", "focalDevice", "supportingInformation")
    ):
        target = known.get(reference)
        if target is not None and target["resourceType"] in ("Medication", "BiologicallyDerivedProduct"):
            linked.append(target)
            concepts += _concepts(target, ("code", "productCode"))
    if not linked and len(products) == 1 and kind == "Procedure":
        candidate = products[0]  # R4 has no link from a procedure to a cell product; one product in the source is no guess
        if _concepts(candidate, ("productCode",)):
            linked.append(candidate)
            concepts += _concepts(candidate, ("productCode",))
    details: dict[str, Any] = {}
    for target in linked:
        details.update(_product_details(target))
    details.update(_dose(resource))
    reasons = _concepts(resource, ("reasonCode", "reason"))
    if reasons:
        details["indication"] = next((text for text in _texts(reasons) if text), None)
    status = str(resource.get("status", ""))
    return Item(
        kind,
        str(resource.get("id", "")),
        person,
        _codings(concepts),
        _texts(concepts),
        _first_date(resource, _DONE_ON),
        f"its status is {status}" if status in _NOT_DONE else "",
        {key: value for key, value in details.items() if value is not None},
    )


def _condition(resource: Resource, person: str | None) -> Item:
    concepts = _concepts(resource, ("code",))
    verification = {code for _, code in _codings(_concepts(resource, ("verificationStatus",)))}
    clinical = {code for _, code in _codings(_concepts(resource, ("clinicalStatus",)))}
    doubt = verification & {"refuted", "entered-in-error"}
    ignore = f"its verification status is {doubt.pop()}" if doubt else ""
    if not ignore and "remission" in clinical:
        ignore = "in remission: not a new malignancy"
    on = _first_date(resource, ("onsetDateTime", "onsetPeriod", "recordedDate"))
    return Item("Condition", str(resource.get("id", "")), person, _codings(concepts), _texts(concepts), on, ignore)


def _observation(resource: Resource, person: str | None) -> Item:
    concepts = _concepts(resource, ("code",))
    details: dict[str, Any] = {}
    quantity = resource.get("valueQuantity")
    if isinstance(quantity, dict):
        unit = str(quantity.get("code") or quantity.get("unit") or "")
        details = {"value": quantity.get("value"), "unit": _UNITS.get(unit.lower(), unit)}
        if quantity.get("comparator") in ("<", "<="):
            details = {"unit": details["unit"], "lod": quantity.get("value"), "result": "not_detected"}
    for text in _texts(_concepts(resource, ("valueCodeableConcept", "interpretation"))):
        if text.casefold() in _RESULTS:
            details.setdefault("result", _RESULTS[text.casefold()])
    status = str(resource.get("status", ""))
    return Item(
        "Observation",
        str(resource.get("id", "")),
        person,
        _codings(concepts),
        _texts(concepts),
        _first_date(resource, ("effectiveDateTime", "effectivePeriod", "issued")),
        f"its status is {status}" if status in ("entered-in-error", "cancelled", "registered", "preliminary") else "",
        details,
    )


def _product_details(target: Resource) -> dict[str, Any]:
    """Batch, chain of identity and copies per cell of a Medication or a cell product."""
    batch = target.get("batch", {})
    details: dict[str, Any] = {"batch": batch.get("lotNumber") if isinstance(batch, dict) else None}
    if target["resourceType"] == "BiologicallyDerivedProduct":
        identifiers = [str(item.get("value")) for item in target.get("identifier", []) if item.get("value")]
        source = target.get("biologicalSourceEvent")
        details["batch"] = target.get("division") or (identifiers[0] if identifiers else None)
        details["chain_of_identity"] = source.get("value") if isinstance(source, dict) else None
        for item in target.get("property", []):
            name = " ".join(_texts([item.get("type", {})])).casefold()
            value = item.get("valueQuantity", {}).get("value")
            if "copies" in name or "vcn" in name:
                details["product_vcn"] = value
    return details


def _dose(resource: Resource) -> dict[str, Any]:
    """A dose in cells, in millions; other doses are not cells and are left out."""
    dosage = resource.get("dosage")
    quantity = dosage.get("dose", {}) if isinstance(dosage, dict) else {}
    unit = str(quantity.get("unit") or quantity.get("code") or "").casefold()
    value = quantity.get("value")
    if value is None or "cell" not in unit:
        return {}
    millions = any(sign in unit for sign in ("10*6", "10^6", "million", "x10e6", "10e6"))
    return {"dose_million_cells": float(value) if millions else float(value) / 1e6}


def _concepts(resource: Resource, names: Iterable[str]) -> list[Mapping[str, Any]]:
    """CodeableConcepts under any of the names; R5's CodeableReference holds one in ``concept``."""
    found: list[Mapping[str, Any]] = []
    for name in names:
        values = resource.get(name)
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, dict):
                concept = value.get("concept", value)
                if isinstance(concept, dict) and ("coding" in concept or "text" in concept):
                    found.append(concept)
                elif isinstance(concept, dict) and "code" in concept:
                    found.append({"coding": [concept]})
    return found


def _codings(concepts: Iterable[Mapping[str, Any]]) -> Codes:
    return tuple(
        (str(coding.get("system", "")), str(coding["code"]))
        for concept in concepts
        for coding in concept.get("coding", [])
        if isinstance(coding, dict) and coding.get("code")
    )


def _texts(concepts: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for concept in concepts:
        for text in (
            concept.get("text"),
            *(coding.get("display") for coding in concept.get("coding", []) if isinstance(coding, dict)),
        ):
            if text:
                found[str(text)] = None
    return tuple(found)


def _references(resource: Resource, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        values = resource.get(name)
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, dict):
                reference = value.get("reference")
                if isinstance(reference, dict):  # R5 CodeableReference
                    reference = reference.get("reference")
                if isinstance(reference, str):
                    yield reference


def _person_of(resource: Resource, known: Mapping[str, Resource]) -> str | None:
    for reference in _references(resource, ("subject", "patient")):
        target = known.get(reference)
        if target is not None and target["resourceType"] == "Patient":
            return str(target.get("id", ""))
        if target is None and reference.startswith("Patient/"):
            return reference.split("/")[1]
    return None


def _date(value: object) -> str | None:
    """The date part of a FHIR date or dateTime; a time is dropped, a part that is no date is None."""
    if not isinstance(value, str):
        return None
    found = re.match(r"\d{4}(-\d{2}(-\d{2})?)?", value)
    try:
        return str(PartialDate.parse(found.group())) if found else None
    except ValueError:
        return None


def _first_date(resource: Resource, names: Iterable[str]) -> str | None:
    for name in names:
        value = resource.get(name)
        if isinstance(value, dict):
            value = value.get("start")
        found = _date(value)
        if found:
            return found
    return None


_DATES = (
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "effectiveDateTime",
    "period",
    "recordedDate",
)


def _note_date(last_seen: dict[str, str], person: str | None, resource: Resource) -> None:
    """Keep the newest day on which something was done to a person."""
    if person is None or resource["resourceType"] in ("Claim", "ExplanationOfBenefit", "CarePlan", "Goal"):
        return
    day = _first_date(resource, _DATES)
    if day and day > last_seen.get(person, ""):
        last_seen[person] = day


# --- out ---


def bundle(
    people: Iterable[Mapping[str, Any]],
    infusions: Iterable[Mapping[str, Any]],
    cases: Iterable[Mapping[str, Any]],
    assay_results: Iterable[Mapping[str, Any]],
    *,
    release: Release,
    made: dt.datetime,
) -> dict[str, Any]:
    """A collection bundle of registry rows: Patient, BiologicallyDerivedProduct, Procedure, Condition, Observation.

    Unknown values are left out; nothing is said that the registry does not hold.
    """
    entries = [_out_patient(row) for row in people]
    for row in infusions:
        entries += _out_infusion(row, release)
    entries += [_out_condition(row) for row in cases]
    entries += [_out_observation(row) for row in assay_results]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": made.astimezone(dt.UTC).isoformat(timespec="seconds"),
        "entry": [{"fullUrl": f"{item['resourceType']}/{item['id']}", "resource": _lean(item)} for item in entries],
    }


def _out_patient(row: Mapping[str, Any]) -> dict[str, Any]:
    dead: dict[str, Any] = {}
    if row["death_date"]:
        dead = {"deceasedDateTime": row["death_date"]}
    elif row["vital_status"] in ("dead", "alive"):
        dead = {"deceasedBoolean": row["vital_status"] == "dead"}
    birth = {"birthDate": str(row["birth_year"])} if row["birth_year"] else {}
    return {"resourceType": "Patient", "id": _id(row["person_id"]), "gender": row["sex"], **birth, **dead}


def _out_infusion(row: Mapping[str, Any], release: Release) -> list[dict[str, Any]]:
    product_id = _id(f"{row['infusion_id']}-product")
    cells: dict[str, Any] = {
        "resourceType": "BiologicallyDerivedProduct",
        "id": product_id,
        "productCode": {"text": row["product"]},
        "identifier": [{"system": "urn:aftercar:batch", "value": row["batch"]}] if row["batch"] else None,
    }
    if release == "R5":
        chain = row["chain_of_identity"]
        cells["biologicalSourceEvent"] = {"system": "urn:aftercar:chain-of-identity", "value": chain} if chain else None
        if row["product_vcn"] is not None:
            quantity = {"value": row["product_vcn"], "unit": "copies/cell"}
            cells["property"] = [{"type": {"text": "vector copies per transduced cell"}, "valueQuantity": quantity}]
    performed = {("occurrenceDateTime" if release == "R5" else "performedDateTime"): row["infused_on"]}
    used: dict[str, Any] = (
        {"used": [{"reference": {"reference": f"BiologicallyDerivedProduct/{product_id}"}}]} if release == "R5" else {}
    )
    reason: dict[str, Any] = {}
    if row["indication"]:
        reason = (
            {"reason": [{"concept": {"text": row["indication"]}}]}
            if release == "R5"
            else {"reasonCode": [{"text": row["indication"]}]}
        )
    procedure = {
        "resourceType": "Procedure",
        "id": _id(row["infusion_id"]),
        "status": "completed",
        "code": {"text": f"CAR-T cell infusion: {row['product']}"},
        "subject": {"reference": f"Patient/{_id(row['person_id'])}"},
        **performed,
        **used,
        **reason,
    }
    return [cells, procedure]


def _out_condition(row: Mapping[str, Any]) -> dict[str, Any]:
    code: dict[str, Any] = {"text": row["diagnosis"]}
    if row["icd_10"]:
        code["coding"] = [{"system": "http://hl7.org/fhir/sid/icd-10", "code": row["icd_10"]}]
    status = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
    return {
        "resourceType": "Condition",
        "id": _id(row["case_id"]),
        "clinicalStatus": status,
        "code": code,
        "subject": {"reference": f"Patient/{_id(row['person_id'])}"},
        "onsetDateTime": row["diagnosed_on"],
        "recordedDate": row["reported_on"],
    }


def _out_observation(row: Mapping[str, Any]) -> dict[str, Any]:
    quantity: dict[str, Any] | None = None
    if row["value"] is not None:
        quantity = {"value": row["value"], "unit": row["unit"]}
        if row["unit"] in _UCUM:
            quantity |= {"system": "http://unitsofmeasure.org", "code": _UCUM[row["unit"]]}
    words = (row["result"] or "").replace("_", " ")
    return {
        "resourceType": "Observation",
        "id": _id(row["result_id"]),
        "status": "final",
        "code": {"coding": [{"system": OWN_SYSTEM, "code": row["method"]}], "text": row["target"] or row["method"]},
        "subject": {"reference": f"Patient/{_id(row['person_id'])}"},
        "effectiveDateTime": row["measured_on"],
        "valueQuantity": quantity,
        "interpretation": [{"text": words}] if words else None,
    }


def _id(text: str) -> str:
    """A FHIR id: letters, digits, ``-`` and ``.``, at most 64 of them."""
    return text.replace("_", "-")[-64:]


def _lean(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if value is not None}
