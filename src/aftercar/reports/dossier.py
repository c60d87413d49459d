"""The case dossier: one case on a few pages: timeline, pathology, molecular evidence, causality, narrative."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from aftercar.cases.causality import WORDS
from aftercar.cases.cioms import cioms_i
from aftercar.cases.completeness import completeness
from aftercar.cases.model import CaseFile, as_date
from aftercar.cases.narrative import narrate
from aftercar.reports.blocks import Block, Document, Fact, Facts, Field, Figure, Heading, Prose, TableBlock
from aftercar.reports.charts import chart
from aftercar.reports.figures_samples import karyogram, persistence
from aftercar.reports.findings import Findings, Row
from aftercar.reports.laboratory import Clones, Drawn, clone_blocks, result_blocks
from aftercar.reports.wording import counted, listed
from aftercar.vocab.dates import PartialDate, months_between
from aftercar.vocab.genomes import find_genome

_EVENT_FIELDS = (
    Field("date", "Date", "date", about="Day, month or year of the event, as exactly as it is known."),
    Field("what", "Event", about="What happened."),
    Field("detail", "Detail", about="Agent, product, material, value or diagnosis."),
)
_REPORTED = (
    Field("what", "Item", about="What was reported."),
    Field("value", "Value", about="As reported; empty is unknown."),
)
_EVENTS = (  # table, date column, what it is, column that says more
    ("prior_therapy", "started_on", "earlier treatment", "agent"),
    ("infusions", "infused_on", "CAR-T infusion", "product"),
    ("samples", "collected_on", "sample", "material"),
    ("assay_results", "measured_on", "laboratory value", "value"),
)


def dossier(
    findings: Findings,
    case_id: str,
    provenance: Mapping[str, Any],
    *,
    marked_cells_percent: float = 1.0,
    drawn: Drawn | None = None,
    clones: Clones | None = None,
) -> Document:
    """Everything about one case.

    Args:
        findings: of the study.
        case_id: the case.
        provenance: of the study.
        marked_cells_percent: percent of vector-positive cells drawn as a line in the persistence chart.
        drawn: rows behind the pictures of the tumour sample.
        clones: the person's clones over time.

    Raises:
        KeyError: when the study has no such case.
    """
    file = next((item for item in findings.cases if item.case_id == case_id), None)
    if file is None:
        raise KeyError(case_id)
    blocks: list[Block] = [*_head(file, findings), *_timeline(file, marked_cells_percent), *_pathology(file)]
    blocks += [*_molecular(file, findings, drawn), *clone_blocks(clones)]
    blocks += [*_causality(file, findings), *_gaps(file, findings)]
    blocks += _statements(file, findings)
    return Document(f"Case {case_id}", str(file.case["diagnosis"]), findings.data_lock, blocks, provenance)


def _statements(file: CaseFile, findings: Findings) -> Iterator[Block]:
    """The narrative generated from the fields, and the CIOMS I form."""
    causality = findings.causality[file.case_id]
    words = narrate(file, causality).text()
    yield Heading("Narrative", key="narrative")
    yield Prose(words.split("\n\n"), key="narrative-text")
    yield Heading("CIOMS I", key="cioms")
    rows = [{"box": box, "what": what, "content": content or None} for box, what, content in cioms_i(file, causality, words)]
    fields = (
        Field("box", "Box", about="Number of the box on the form."),
        Field("what", "What", about="What the box asks for."),
        Field("content", "Content", about="What is entered; empty is unknown."),
    )
    yield TableBlock("cioms-table", "CIOMS I form", fields, rows)


def timeline(file: CaseFile) -> list[Row]:
    """Every dated event of the person in order, partial dates as they are; undated ones last."""
    rows = []
    for table, column, what, more in _EVENTS:
        for row in getattr(file, table):
            unit = f" {row['unit']}" if table == "assay_results" else ""
            rows.append(
                {"date": row[column], "what": what, "detail": f"{row[more] if row[more] is not None else 'unknown'}{unit}"}
            )
    rows.append({"date": file.case["diagnosed_on"], "what": "diagnosis", "detail": file.case["diagnosis"]})
    rows.append({"date": file.case["reported_on"], "what": "report received", "detail": file.case["source"]})
    if file.person["death_date"]:
        rows.append({"date": file.person["death_date"], "what": "death", "detail": file.person["death_cause"]})
    return sorted(rows, key=lambda row: (row["date"] is None, str(row["date"])))


def _head(file: CaseFile, findings: Findings) -> Iterator[Block]:
    onset, found = file.onset_months, findings.causality[file.case_id]
    score = completeness(file)
    yield Facts(
        "case-facts",
        (
            Fact("Onset", onset.text() if onset else "not known", f"from {onset.field}" if onset else ""),
            Fact("Cell of origin", WORDS[found.origin.value], found.origin.basis),
            Fact("Role of the insertion", WORDS[found.role.value], found.role.basis),
            Fact("Completeness", f"{100 * score.score:.0f}%", "of the fields that the assessment needs"),
        ),
    )


def _timeline(file: CaseFile, line: float) -> Iterator[Block]:
    rows = timeline(file)
    yield Heading("Timeline", key="timeline")
    dated = [{**row, "day": day.middle.isoformat()} for row in rows if (day := as_date(row["date"])) is not None]
    if len(dated) > 1:
        first, last = (dt.date.fromisoformat(dated[i]["day"]) for i in (0, -1))
        words = f"{counted(len(dated), 'dated event')} from {first} to {last}"
        yield Figure("timeline-chart", "Events in time", chart("timeline", dated), dated, words)
    picture = persistence(_percent_of_cells(file), line)
    if picture is not None:
        yield picture
    yield TableBlock("timeline-table", "Events", _EVENT_FIELDS, rows)


def _percent_of_cells(file: CaseFile) -> list[Row]:
    """Laboratory values in percent of cells over months since the suspected infusion."""
    infusion = file.suspected_infusion
    start = as_date(infusion["infused_on"]) if infusion is not None else None
    if start is None:
        return []
    rows = [row for row in file.assay_results if row["unit"] == "percent_cells"]
    months = [months_between(start.middle, PartialDate.parse(row["measured_on"]).middle) for row in rows]
    found = [{"months": m, "value": row["value"], "lod": row["lod"]} for m, row in zip(months, rows, strict=True)]
    return sorted(found, key=lambda row: row["months"])


def _pathology(file: CaseFile) -> Iterator[Block]:
    yield Heading("Pathology", key="pathology")
    names = (
        "diagnosis",
        "lineage",
        "behaviour",
        "histology_confirmed",
        "icd_o_morphology",
        "icd_10",
        "ebv",
        "htlv",
        "clone_before_infusion",
    )
    rows = [{"what": name.replace("_", " "), "value": file.case[name]} for name in names]
    yield TableBlock("pathology-table", "As reported", _REPORTED, rows)


def _molecular(file: CaseFile, findings: Findings, drawn: Drawn | None) -> Iterator[Block]:
    yield Heading("Molecular evidence", key="molecular")
    names = ("tested", "untested_reason", "car_result", "car_assays", "copies_per_cell", "car_positive_fraction", "tumour_purity")
    rows = [{"what": name.replace("_", " "), "value": file.case[name]} for name in names]
    yield TableBlock("transgene-table", "Transgene in the tumour, as reported", _REPORTED, rows)
    if file.verdict is not None:
        yield from result_blocks(file.verdict, findings.base_rates, drawn)
    genome = find_genome(findings.genome)
    picture = (
        karyogram(_sites(file), genome, "result-sites" if file.verdict else "findings-table") if genome is not None else None
    )
    if picture is not None:
        yield picture
    fields = (
        Field("kind", "Kind"),
        Field("gene", "Gene"),
        Field("description", "Change"),
        Field("origin", "Origin"),
        Field("found_in", "Found in"),
        Field("timing", "Infusion"),
        Field("alt_reads", "Reads with it", "count"),
        Field("depth", "Depth", "count"),
    )
    if file.findings:
        yield TableBlock("findings-table", "Findings", fields, file.findings, of=("findings",))


def _sites(file: CaseFile) -> list[Row]:
    """Places of the case's insertions: from its sequenced sample, else as entered among the findings."""
    if file.verdict is not None:
        return list(file.verdict["sites"])
    placed = [row for row in file.findings if row["kind"] == "integration" and row["chrom"] and row["position"]]
    return [{"chrom": row["chrom"], "pos": row["position"], "gene": row["gene"]} for row in placed]


def _causality(file: CaseFile, findings: Findings) -> Iterator[Block]:
    found = findings.causality[file.case_id]
    yield Heading("Causality", key="causality")
    yield Prose(found.lines(), key="causality-lines")
    rows = [row for row in findings.tables["causality_evidence"] if row["case_id"] == file.case_id]
    fields = (
        Field("axis", "Axis"),
        Field("says", "What it says"),
        Field("speaks", "Speaks"),
        Field("field", "Field"),
        Field("value", "Value"),
    )
    yield TableBlock("causality-evidence", "Evidence", fields, rows, of=("causality_evidence",))


def _gaps(file: CaseFile, findings: Findings) -> Iterator[Block]:
    rows = [row for row in findings.tables["causality_missing"] if row["case_id"] == file.case_id]
    yield Heading("What is missing", key="missing")
    yield Prose(
        [f"Would settle it: {listed(sorted({str(row['settles']) for row in rows}))}."] if rows else ["Nothing is missing."]
    )
    yield TableBlock(
        "missing-table", "Missing", (Field("what", "Missing"), Field("field", "Enter in")), rows, of=("causality_missing",)
    )
