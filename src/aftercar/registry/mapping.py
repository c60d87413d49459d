"""From routine records to registry rows: who counts as treated, what is taken over, and a report of all that is not.

FHIR and OMOP readers bring their records into :class:`Source` form; :func:`map_records` decides alike for both:
only people with a CAR-T infusion are taken over, identifiers are replaced by keyed pseudonyms, a neoplasm becomes a case
only when it was certainly found after the infusion, and nothing that was left out goes unsaid.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aftercar.registry.codes import CodeTable
from aftercar.registry.pseudonyms import Pseudonyms
from aftercar.vocab.dates import PartialDate
from aftercar.vocab.products import UNSPECIFIED
from aftercar.vocab.units import ASSAY_UNITS

Codes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the source has them; dates are partial ISO dates or None."""

    id: str
    sex: str | None = None
    birth_year: int | None = None
    death_date: str | None = None
    dead: bool = False
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A record about a person.

    Attributes:
        kind: the source's own name of the record type (``Procedure``, ``drug_exposure`` ...).
        id, person: identifiers of the source.
        codes: (system, code) pairs.
        texts: names and displays.
        on: partial date.
        ignore: why it must not count (not done, entered in error); empty otherwise.
        details: ``batch``, ``chain_of_identity``, ``dose_million_cells``, ``value``, ``unit``, ``result``, ...
    """

    kind: str
    id: str
    person: str | None
    codes: Codes
    texts: tuple[str, ...]
    on: str | None
    ignore: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """What a reader found: people, treatments, conditions, tests, and everything else it saw."""

    people: Sequence[Person]
    treatments: Sequence[Item] = ()
    conditions: Sequence[Item] = ()
    tests: Sequence[Item] = ()
    other: Mapping[str, int] = field(default_factory=dict)
    last_seen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the source does not say: centre, jurisdiction, setting, country."""

    centre: str | None = None
    jurisdiction: str = "unknown"
    setting: str = "unknown"
    country: str | None = None


@dataclass(frozen=True)
class Mapped:
    """Rows for the registry, and the report.

    Attributes:
        rows: table name to rows.
        findings: ``kind``, ``what``, ``count``, ``mapped_to``, ``why``; sorted, mapped ones first.
    """

    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    findings: Sequence[Mapping[str, Any]]


class _Report:
    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, str, str]] = Counter()

    def add(self, kind: str, what: str, mapped_to: str, why: str, count: int = 1) -> None:
        self.counts[kind, what, mapped_to, why] += count

    def rows(self) -> list[dict[str, Any]]:
        ordered = sorted(self.counts.items(), key=lambda item: (not item[0][2], item[0][0], -item[1], item[0][1]))
        return [
            {"kind": kind, "what": what, "count": count, "mapped_to": mapped_to or "nothing", "why": why}
            for (kind, what, mapped_to, why), count in ordered
        ]


def map_records(source: Source, table: CodeTable, pseudonyms: Pseudonyms, defaults: Defaults) -> Mapped:
    """Rows of ``people``, ``infusions``, ``cases`` and ``assay_results`` from a source, and the full report.

    Args:
        source: what a reader found.
        table: which codes mean what.
        pseudonyms: the site's key; no identifier of the source leaves this function.
        defaults: values for what the source does not say.
    """
    report = _Report()
    known = {person.id: person for person in source.people}
    infusions = _infusions(source, table, known, report)
    rows: dict[str, list[Mapping[str, Any]]] = {"people": [], "infusions": [], "cases": [], "assay_results": []}
    for person_id, person in known.items():
        if person_id not in infusions:
            report.add("person", "without a CAR-T infusion", "", "the registry keeps treated people only")
            continue
        report.add("person", "with a CAR-T infusion", "people", "")
        rows["people"].append(_person_row(person, source, pseudonyms, defaults))
        rows["infusions"] += [_infusion_row(item, name, pseudonyms, defaults) for item, name in infusions[person_id]]
    rows["cases"] = _cases(source, table, infusions, pseudonyms, report)
    rows["assay_results"] = _tests(source, table, infusions, pseudonyms, report)
    for kind, count in source.other.items():
        report.add(kind, "all", "", "this kind of record is not read", count)
    return Mapped(rows, report.rows())


def _infusions(
    source: Source, table: CodeTable, known: Mapping[str, Person], report: _Report
) -> dict[str, list[tuple[Item, str]]]:
    """CAR-T treatments by person, one for each person, product and day (a product is often coded twice)."""
    coded: list[tuple[Item, str, str]] = []
    for item in source.treatments:
        meaning = table.infusion(item.codes, item.texts)
        if meaning is None:
            report.add(item.kind, _label(item), "", "neither a CAR-T code nor the name of a CAR-T product")
        elif item.ignore:
            report.add(item.kind, _label(item), "", item.ignore)
        elif item.person is None or item.person not in known:
            report.add(item.kind, _label(item), "", "its person is not in the source")
        else:
            coded.append((item, meaning.product, f"{meaning.how}; {meaning.source}"))
    # Named products before the bare class, and records that know the batch before those that do not.
    coded.sort(key=lambda c: (c[0].person or "", c[0].on or "", c[1] == UNSPECIFIED, not c[0].details, c[0].kind, c[0].id))
    found: dict[str, list[tuple[Item, str]]] = defaultdict(list)
    for item, name, why in coded:
        mine = found[item.person or ""]
        same = next((old for old, of in mine if old.on == item.on and name in (of, UNSPECIFIED)), None)
        if same is not None:
            report.add(item.kind, _label(item), "", f"the same infusion as a {same.kind}")
        else:
            mine.append((item, name))
            report.add(item.kind, _label(item), "infusions", why + ("" if item.on else "; no date: cannot be scheduled"))
    return found


def _cases(
    source: Source, table: CodeTable, infusions: Mapping[str, Sequence[tuple[Item, str]]], pseudonyms: Pseudonyms, report: _Report
) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    for item in source.conditions:
        found = table.malignancy(item.codes)
        if found is None:
            why = "a history of CAR-T without its date" if table.is_history(item.codes) else "not a code of a second malignancy"
            report.add(item.kind, _label(item), "", why)
            continue
        first = min(
            (PartialDate.parse(i.on) for i, _ in infusions.get(item.person or "", ()) if i.on),
            default=None,
            key=lambda d: d.earliest,
        )
        if item.ignore:
            why = item.ignore
        elif "remission" in " ".join(item.texts).casefold():
            why = "in remission: not a new malignancy"
        elif item.person not in infusions:
            why = "a person without a CAR-T infusion"
        elif first is None or item.on is None:
            why = "not dated, or the infusion is not: look at it by hand"
        elif not first.certainly_before(PartialDate.parse(item.on)):
            why = "not certainly after the infusion: the treated disease, or look at it by hand"
        else:
            lineage, code, cited = found
            report.add(item.kind, _label(item), "cases", f"{code} after the infusion; {cited}; to be confirmed")
            rows.append(
                {
                    "case_id": pseudonyms.replace("cases", f"{item.kind}/{item.id}"),
                    "person_id": pseudonyms.replace("people", item.person or ""),
                    "diagnosis": next((text for text in item.texts if text), code),
                    "lineage": lineage,
                    "icd_10": code,
                    "diagnosed_on": item.on,
                    "tested": "unknown",
                }
            )
            continue
        report.add(item.kind, _label(item), "", why)
    return rows


def _tests(
    source: Source, table: CodeTable, infusions: Mapping[str, Sequence[tuple[Item, str]]], pseudonyms: Pseudonyms, report: _Report
) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    for item in source.tests:
        test = table.test(item.codes)
        unit = item.details.get("unit") or "qualitative"
        if test is None:
            why = "not a test that the registry keeps"
        elif item.ignore:
            why = item.ignore
        elif item.person not in infusions:
            why = "a person without a CAR-T infusion"
        elif item.on is None:
            why = "no date"
        elif unit not in ASSAY_UNITS:
            why = f"unit {unit!r} is not one of {', '.join(ASSAY_UNITS)}"
        else:
            report.add(item.kind, _label(item), "assay_results", f"a test by {test[0]}")
            details = {
                key: item.details[key]
                for key in ("value", "result", "lod", "denominator", "matrix")
                if item.details.get(key) is not None
            }
            rows.append(
                {
                    "result_id": pseudonyms.replace("assay_results", f"{item.kind}/{item.id}"),
                    "person_id": pseudonyms.replace("people", item.person or ""),
                    "measured_on": item.on,
                    "method": test[0],
                    "target": item.details.get("target") or test[1] or None,
                    "unit": unit,
                    **details,
                }
            )
            continue
        report.add(item.kind, _label(item), "", why)
    return rows


def _person_row(person: Person, source: Source, pseudonyms: Pseudonyms, defaults: Defaults) -> dict[str, Any]:
    return {
        "person_id": pseudonyms.replace("people", person.id),
        "centre": defaults.centre,
        "country": person.country or defaults.country,
        "sex": person.sex,
        "birth_year": person.birth_year,
        "vital_status": "dead" if person.dead or person.death_date else None,
        "death_date": person.death_date,
        "last_seen_on": _seen(person, source),
    }


def _seen(person: Person, source: Source) -> str | None:
    seen = source.last_seen.get(person.id)
    if seen and person.death_date and PartialDate.parse(person.death_date).certainly_before(PartialDate.parse(seen)):
        return person.death_date  # certificates and bills come after the death
    return seen


def _infusion_row(item: Item, name: str, pseudonyms: Pseudonyms, defaults: Defaults) -> dict[str, Any]:
    details = {
        key: item.details[key]
        for key in ("batch", "chain_of_identity", "dose_million_cells", "product_vcn", "indication")
        if item.details.get(key) is not None
    }
    return {
        "infusion_id": pseudonyms.replace("infusions", f"{item.kind}/{item.id}"),
        "person_id": pseudonyms.replace("people", item.person or ""),
        "infused_on": item.on,
        "product": name,
        "jurisdiction": defaults.jurisdiction,
        "setting": defaults.setting,
        **details,
    }


def _label(item: Item) -> str:
    code = " ".join(f"{code}" for _, code in item.codes[:1])
    text = next((text for text in item.texts if text), "")
    return " ".join(part for part in (code, text[:60]) if part) or "(no code)"
