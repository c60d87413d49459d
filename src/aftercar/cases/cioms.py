"""CIOMS I form and CIOMS II line listing as data: the fields of the form with their contents, for the report pages."""

from __future__ import annotations

from collections.abc import Sequence

from aftercar.cases.causality import WORDS, Causality
from aftercar.cases.contributors import LABELS
from aftercar.cases.intake import seriousness
from aftercar.cases.model import CaseFile, Row, as_date

LINE_COLUMNS = (
    "case_id",
    "country",
    "source",
    "age",
    "sex",
    "product",
    "batch",
    "infused_on",
    "onset",
    "event",
    "serious",
    "outcome",
    "tested",
    "transgene",
    "cell_of_origin",
    "role_of_insertion",
    "other_contributors",
    "assessments",
)


def cioms_i(
    case: CaseFile, causality: Causality, narrative: str, reports: Sequence[Row] = (), assessments: Sequence[Row] = ()
) -> list[tuple[str, str, str]]:
    """The CIOMS I form as (number of the box, its heading in our words, content); unknown is an empty content."""
    person, row, infusion = case.person, case.case, case.suspected_infusion
    first, last = (reports[0], reports[-1]) if reports else (None, None)
    serious = seriousness(case, last)

    def infused(name: str) -> str:
        return "" if infusion is None or infusion[name] is None else str(infusion[name])

    given = "; ".join(f"{item['assessor']}: {item['grade']} ({item['method']})" for item in assessments)
    history = "; ".join(str(item["agent"] or item["kind"]).replace("_", " ") for item in case.prior_therapy)
    return [
        ("1", "patient (pseudonym)", str(person["person_id"])),
        ("1a", "country", str(person["country"] or "")),
        ("2", "year of birth", str(person["birth_year"] or "")),
        ("2a", "age at infusion", infused("age_at_infusion")),
        ("3", "sex", str(person["sex"] or "")),
        ("4-6", "onset", str(row["diagnosed_on"] or (case.onset_months.text() + " after infusion" if case.onset_months else ""))),
        ("7+13", "reaction, with test results", f"{row['diagnosis']}. {narrative}"),
        ("8-12", "seriousness", ", ".join(name.replace("_", " ") for name in serious)),
        (
            "14",
            "suspect product and batch",
            " ".join(part for part in (infused("product"), f"batch {infused('batch')}" if infused("batch") else "") if part),
        ),
        ("15", "dose (million CAR-positive cells)", infused("dose_million_cells")),
        ("16", "route", "intravenous"),
        ("17", "indication", infused("indication")),
        ("18", "day of infusion", infused("infused_on")),
        ("19", "duration", "single infusion"),
        ("20", "abated on stopping", "not applicable: a living product given once"),
        ("21", "reappeared on giving again", "not applicable: a living product given once"),
        ("22-23", "other treatment and history", history),
        ("24a", "sender", str((last or {}).get("sender_organisation") or "")),
        ("24b", "sender's case number", str((last or {}).get("safety_report_id") or case.case_id)),
        ("24c", "first received", str((first or {}).get("received_on") or row["reported_on"] or "")),
        ("24d", "report source", str((last or {}).get("report_type") or "")),
        ("25a", "report type", str((last or {}).get("kind") or "")),
        ("A", "cell of origin (suggested)", f"{WORDS[causality.origin.value]}: {causality.origin.because}"),
        ("B", "role of the insertion (suggested)", f"{WORDS[causality.role.value]}: {causality.role.because}"),
        ("C", "other contributors (suggested)", ", ".join(LABELS[name] for name in causality.present)),
        ("D", "overall grades, each by a named person", given),
    ]


def cioms_ii_line(
    case: CaseFile, causality: Causality, reports: Sequence[Row] = (), assessments: Sequence[Row] = ()
) -> dict[str, str]:
    """One line of a CIOMS II listing; the keys are :data:`LINE_COLUMNS`."""
    person, row, infusion = case.person, case.case, case.suspected_infusion
    onset = case.onset_months
    last = reports[-1] if reports else None

    def text(value: object) -> str:
        return "" if value is None else str(value)

    return {
        "case_id": case.case_id,
        "country": text(person["country"]),
        "source": text((last or {}).get("report_type") or row["source"]),
        "age": _age(case),
        "sex": text(person["sex"]),
        "product": text(infusion["product"]) if infusion is not None else "",
        "batch": text(infusion["batch"]) if infusion is not None else "",
        "infused_on": text(infusion["infused_on"]) if infusion is not None else "",
        "onset": text(row["diagnosed_on"]) or (onset.text() if onset is not None else ""),
        "event": text(row["diagnosis"]),
        "serious": ", ".join(name.replace("_", " ") for name in seriousness(case, last)),
        "outcome": text(row["outcome"]),
        "tested": text(row["tested"]).replace("_", " "),
        "transgene": text(row["car_result"]).replace("_", " "),
        "cell_of_origin": WORDS[causality.origin.value],
        "role_of_insertion": WORDS[causality.role.value],
        "other_contributors": ", ".join(LABELS[name] for name in causality.present),
        "assessments": "; ".join(f"{item['assessor']}: {item['grade']}" for item in assessments),
    }


def _age(case: CaseFile) -> str:
    """Age at the suspected infusion in years: as stated, else the two that the year of birth allows, else empty."""
    infusion, born = case.suspected_infusion, case.person["birth_year"]
    if infusion is None or infusion["age_at_infusion"] is not None:
        return "" if infusion is None else str(infusion["age_at_infusion"])
    day = as_date(infusion["infused_on"])
    if day is None or born is None or day.earliest.year != day.latest.year:
        return ""
    years = day.earliest.year - int(born)
    return f"{years - 1}-{years}"
