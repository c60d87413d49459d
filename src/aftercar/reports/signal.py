"""The signal assessment report: computed evidence and authored sections in the order in which regulators read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aftercar.reports import assessment
from aftercar.reports.authored import Authored, blocks
from aftercar.reports.blocks import Block, Document, Field, Heading, Prose, TableBlock
from aftercar.reports.findings import Findings
from aftercar.reports.site_assays import site_assays


def signal_assessment(findings: Findings, provenance: Mapping[str, Any], authored: Mapping[str, Authored]) -> Document:
    """The whole report; sections that need a person say so until they are written."""
    parts: list[Block] = [
        *assessment.key_figures(findings),
        *blocks("background", authored),
        Heading("Evidence from cases", key="evidence-cases"),
        *_lowered(assessment.tested(findings)),
        *_lowered(assessment.onset(findings)),
        *_lowered(assessment.samples(findings)),
        *_lowered(site_assays(findings)),
        *_lowered(assessment.cases(findings)),
        Heading("Evidence from the cohort", key="evidence-cohort"),
        *_cohort(findings),
        *blocks("literature", authored),
        *_literature(findings),
        Heading("Evidence from reports and databases", key="evidence-reports"),
        *_lowered(assessment.rates(findings)),
        *_lowered(assessment.homogeneity(findings)),
        *_lowered(assessment.surface(findings)),
        *blocks("mechanism", authored),
        *_mechanism(findings),
        *(block for key in ("discussion", "conclusion") for block in blocks(key, authored)),
        Heading("Recommendations", key="recommendations"),
        *(b for key in ("product_information", "risk_management", "monitoring") for b in blocks(key, authored, level=2)),
        *assessment.missing(findings),
        *assessment.methods(findings),
    ]
    return Document(findings.title, "Signal assessment: T-cell malignancy after CAR-T", findings.data_lock, parts, provenance)


def _lowered(found: Any) -> list[Block]:
    """Blocks with their headings one level down."""
    return [Heading(b.text, min(3, b.level + 1), b.key) if isinstance(b, Heading) else b for b in found]


def _cohort(findings: Findings) -> list[Block]:
    found = _lowered(assessment.cohort(findings))
    return found or [Prose(["This study has no people with dated infusions, so it has no cohort of its own."], general=True)]


def _literature(findings: Findings) -> list[Block]:
    rows = [
        {
            "case_id": file.case_id,
            "diagnosis": file.case["diagnosis"],
            "source": file.case["source"],
            "mark": file.case["evidence_mark"],
        }
        for file in findings.cases
        if file.case["source"] and file.case["evidence_mark"]
    ]
    if not rows:
        return []
    fields = (
        Field("case_id", "Case"),
        Field("diagnosis", "Diagnosis"),
        Field("source", "Source"),
        Field("mark", "Checked", about="How well the row was checked against its source."),
    )
    return [TableBlock("literature-table", "Published cases in this study", fields, rows, of=("cases",))]


def _mechanism(findings: Findings) -> list[Block]:
    """What the cases say of the two explanations, as counts; no weight is given to either."""
    rows = findings.tables["causality"]
    if not rows:
        return []

    driver = sum(row["role"] in ("probable_driver", "plausible_contributor") for row in rows)
    host = sum(any(name in row["present"] for name in ("clonal haematopoiesis", "clone before infusion")) for row in rows)
    said = [
        (sum(row["origin"] == "car_derived" for row in rows), "CAR-derived", "the vector is in the tumour's cells"),
        (sum(row["origin"] == "not_car_derived" for row in rows), "not CAR-derived", "the insertion cannot be the cause"),
        (driver, "with an insertion that may have contributed", "read beside how often ordinary products hit the gene"),
        (host, "with a clone or clonal haematopoiesis known from elsewhere", "speaks for who the patient was"),
    ]
    fields = (
        Field("cases", "Cases", "count", about="Cases of which this is said."),
        Field("what", "Of which it is said", about="What is known of these cases; a case may stand in several lines."),
        Field("says", "What it says", about="How it bears on the two explanations."),
    )
    shown = [{"cases": number, "what": what, "says": says} for number, what, says in said]
    return [TableBlock("mechanism-table", "Insertion or survivor", fields, shown)]
