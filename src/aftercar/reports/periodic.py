"""Periodic report tables: line listing, cumulative and interval summary tabulations, exposure, follow-up completeness."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from aftercar.cases.cioms import LINE_COLUMNS, cioms_ii_line
from aftercar.cases.model import CaseFile, as_date
from aftercar.cohort.follow_up import completeness
from aftercar.reports.blocks import Block, Caveat, Document, Field, Heading, Prose, TableBlock
from aftercar.reports.figures_people import swimmer
from aftercar.reports.findings import Findings, Row
from aftercar.vocab.products import product_label

_LABELS = {"infused_on": "Infused", "event": "Reaction", "product": "Suspect product", "serious": "Seriousness criteria"}
LISTING = tuple(Field(name, _LABELS.get(name, name.replace("_", " ").capitalize())) for name in LINE_COLUMNS)


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
    """One row for each case, in the columns of a CIOMS II line listing; unknown is empty and shown as such."""
    lines = [cioms_ii_line(file, findings.causality[file.case_id]) for file in findings.cases]
    return [{name: value or None for name, value in line.items()} for line in lines]


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
