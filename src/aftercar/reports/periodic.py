"""Periodic report tables: line listing, cumulative and interval summary tabulations, exposure, follow-up completeness."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from aftercar.cases.causality import WORDS
from aftercar.cases.model import CaseFile, as_date
from aftercar.cohort.follow_up import completeness
from aftercar.reports.blocks import Block, Caveat, Document, Field, Heading, Prose, TableBlock
from aftercar.reports.figures_people import swimmer
from aftercar.reports.findings import Findings, Row
from aftercar.vocab.products import product_label

LISTING = (
    Field("case_id", "Case"),
    Field("country", "Country"),
    Field("source", "Source"),
    Field("age", "Age", "count"),
    Field("sex", "Sex"),
    Field("product", "Suspect product"),
    Field("batch", "Batch"),
    Field("infused_on", "Infused"),
    Field("diagnosis", "Reaction"),
    Field("diagnosed_on", "Diagnosed"),
    Field("onset", "Onset"),
    Field("outcome", "Outcome"),
    Field("origin", "Cell of origin"),
)


def periodic(findings: Findings, provenance: Mapping[str, Any], since: dt.date | None) -> Document:
    """Line listing and summary tabulations.

    Args:
        findings: of the study.
        provenance: of the study.
        since: first day of the interval; cases reported (else diagnosed) from it on are of the interval. None takes no interval.
    """
    words = f"interval {since.isoformat()} to {findings.data_lock}" if since else f"cumulative to {findings.data_lock}"
    blocks: list[Block] = [
        Heading("Exposure", key="exposure"),
        *_exposure(findings),
        Heading("Summary tabulation", key="tabulation"),
        *_tabulation(findings, since),
        Heading("Line listing", key="listing"),
        TableBlock("line-listing", "Cases", LISTING, listing(findings)),
        *_swimmer(findings),
        Heading("Completeness of follow-up", key="completeness"),
        *_completeness(findings),
    ]
    return Document(findings.title, f"Periodic report tables, {words}", findings.data_lock, blocks, provenance)


def _swimmer(findings: Findings) -> list[Block]:
    picture = swimmer(findings.cases, findings.contacts, findings.data_lock)
    return [picture] if picture is not None else []


def listing(findings: Findings) -> list[Row]:
    """One row for each case, in the columns of a CIOMS II line listing plus the cell of origin."""
    return [_line(file, findings) for file in findings.cases]


def _line(file: CaseFile, findings: Findings) -> Row:
    infusion = file.suspected_infusion or {}
    product = str(infusion.get("product") or "")
    onset = file.onset_months
    return {
        "case_id": file.case_id,
        "country": file.person["country"],
        "source": file.case["source"],
        "age": _age(file),
        "sex": file.person["sex"],
        "product": product_label(product) or product or None,
        "batch": infusion.get("batch"),
        "infused_on": infusion.get("infused_on"),
        "diagnosis": file.case["diagnosis"],
        "diagnosed_on": file.case["diagnosed_on"],
        "onset": onset.text() if onset else None,
        "outcome": str(file.case["outcome"] or "unknown").replace("_", " "),
        "origin": WORDS[findings.causality[file.case_id].origin.value],
    }


def _age(file: CaseFile) -> int | None:
    """Age at diagnosis in whole years, else at infusion, from the year of birth where no age is given."""
    infusion = file.suspected_infusion
    if infusion is not None and infusion["age_at_infusion"] is not None:
        return int(infusion["age_at_infusion"])
    day = as_date(file.case["diagnosed_on"]) or (as_date(infusion["infused_on"]) if infusion is not None else None)
    born = file.person["birth_year"]
    return day.year - int(born) if day is not None and born is not None else None


def _exposure(findings: Findings) -> list[Block]:
    fields = (
        Field("group", "Group"),
        Field("cases", "Cases", "count"),
        Field("denominator", "Denominator", "count"),
        Field("unit", "Unit"),
        Field("measure", "What the figure is"),
        Field("data_lock", "Data lock"),
    )
    return [TableBlock("exposure-table", "Exposure and cases by source", fields, findings.tables["rates"])]


def _tabulation(findings: Findings, since: dt.date | None) -> list[Block]:
    cumulative = Counter(_cell(file) for file in findings.cases)
    undated = [file for file in findings.cases if _received(file) is None]
    interval = Counter(_cell(file) for file in findings.cases if since and (day := _received(file)) is not None and day >= since)
    rows = [
        {"product": product, "lineage": lineage, "interval": interval[product, lineage] if since else None, "cumulative": count}
        for (product, lineage), count in sorted(cumulative.items())
    ]
    fields = (
        Field("product", "Product"),
        Field("lineage", "Neoplasm"),
        Field("interval", "Interval", "count"),
        Field("cumulative", "Cumulative", "count"),
    )
    blocks: list[Block] = [TableBlock("tabulation-table", "Cases by product and neoplasm", fields, rows)]
    if since and undated:
        blocks.insert(0, Caveat(f"{len(undated)} case(s) have no date of report or diagnosis and are in no interval count."))
    return blocks


def _cell(file: CaseFile) -> tuple[str, str]:
    infusion = file.suspected_infusion
    product = str(infusion["product"]) if infusion is not None else "not known"
    behaviour = file.case["behaviour"] or "unknown"
    lineage = str(file.case["lineage"] or "unknown").replace("_", " ")
    return product_label(product) or product, lineage if behaviour == "malignant" else f"{lineage}, {behaviour}"


def _received(file: CaseFile) -> dt.date | None:
    day = as_date(file.case["reported_on"]) or as_date(file.case["diagnosed_on"])
    return day.earliest if day is not None else None


def _completeness(findings: Findings) -> Sequence[Block]:
    if findings.cohort is None:
        return [Prose(["No person-level follow-up in this study."])]
    return [Prose([completeness(findings.cohort.episodes).in_words(), *findings.cohort.notes], key="completeness-words")]
