"""Periodic report tables: exposure, interval and cumulative summary tabulations, line listing, follow-up completeness.

The interval runs from the first day given to the data lock. A case is of the interval when its first report (else its
diagnosis) certainly lies in it; one that cannot be placed is counted apart, never as outside.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import polars as pl

from aftercar.cases.cioms import LINE_COLUMNS, cioms_ii_line
from aftercar.cases.model import CaseFile, as_date
from aftercar.cohort.follow_up import completeness
from aftercar.cohort.person_time import by_product
from aftercar.reports import figures
from aftercar.reports.blocks import Block, Caveat, Document, Field, Heading, Kind, Prose, TableBlock
from aftercar.reports.figures_people import swimmer
from aftercar.reports.findings import Findings, Row
from aftercar.vocab.dates import DAYS_PER_YEAR
from aftercar.vocab.products import product_label

When = Literal["interval", "earlier", "not known"]

_LABELS = {"infused_on": "Infused", "event": "Reaction", "product": "Suspect product", "serious": "Seriousness criteria"}
_ABOUT = {
    "case_id": "Identifier of the case.",
    "country": "Country of the centre.",
    "source": "Where the report comes from.",
    "age": "Age at infusion in years; two numbers where only the year of birth is known.",
    "sex": "Sex as recorded.",
    "product": "Product of the suspected infusion.",
    "batch": "Its batch number.",
    "infused_on": "Day of the suspected infusion.",
    "onset": "Day of diagnosis, else the onset after infusion.",
    "event": "Diagnosis as reported.",
    "serious": "Seriousness criteria that are met.",
    "outcome": "Outcome at last information.",
    "tested": "Whether the tumour was tested for the transgene.",
    "transgene": "What the laboratory said.",
    "cell_of_origin": "Suggested cell of origin.",
    "role_of_insertion": "Suggested role of the insertion.",
    "other_contributors": "Other contributors present.",
    "assessments": "Overall grades by named persons.",
}
_DATES = ("infused_on", "onset")
_WHEN = Field("when", "Received", about="Whether the case was received in the interval, earlier, or on a day not known.")
LISTING = tuple(
    Field(
        name,
        _LABELS.get(name, name.replace("_", " ").capitalize()),
        "date" if name in _DATES else "text",
        about=_ABOUT[name],
    )
    for name in LINE_COLUMNS
)


def periodic(findings: Findings, provenance: Mapping[str, Any], since: dt.date | None) -> Document:
    """Exposure, summary tabulations, line listing, completeness.

    Args:
        findings: of the study.
        provenance: of the study.
        since: first day of the interval; None takes no interval, and interval columns are left out.
    """
    words = f"interval {since.isoformat()} to {findings.data_lock}" if since else f"cumulative to {findings.data_lock}"
    listed = (*LISTING, _WHEN) if since else LISTING
    blocks: list[Block] = [
        Heading("Exposure", key="exposure"),
        *_exposure(findings, since),
        Heading("Summary tabulations", key="tabulation"),
        *_undated(findings, since),
        *_tabulations(findings, since),
        *_tested(findings),
        Heading("Line listing", key="listing"),
        TableBlock("line-listing", "Cases", listed, listing(findings, since)),
        *_swimmer(findings),
        Heading("Completeness of follow-up", key="completeness"),
        *_completeness(findings),
    ]
    return Document(findings.title, f"Periodic report tables, {words}", findings.data_lock, blocks, provenance)


def listing(findings: Findings, since: dt.date | None = None) -> list[Row]:
    """One row for each case, in the columns of a CIOMS II line listing; unknown is empty and shown as such."""
    lines = [(file, cioms_ii_line(file, findings.causality[file.case_id])) for file in findings.cases]
    return [
        {**{name: value or None for name, value in line.items()}, **({"when": _when(file, since)} if since else {})}
        for file, line in lines
    ]


def _swimmer(findings: Findings) -> list[Block]:
    picture = swimmer(findings.cases, findings.contacts, findings.data_lock)
    return [picture] if picture is not None else []


def _exposure(findings: Findings, since: dt.date | None) -> Iterator[Block]:
    if findings.cohort is not None:
        rows = [_exposed(product, part, since, findings.data_lock) for product, part in by_product(findings.cohort).items()]
        fields = (
            Field("product", "Product", about="Product of the infusion that starts the clock."),
            *_pair("people", "People infused", since, about="People whose clock started"),
            *_pair("years", "Person-years", since, "number", about="Person-years at risk observed"),
        )
        yield TableBlock("exposure-products", "People of this study by product", fields, rows)
    shown = (
        Field("group", "Group"),
        Field("cases", "Cases", "count"),
        Field("denominator", "Denominator", "count"),
        Field("unit", "Unit"),
        Field("measure", "What the figure is"),
        Field("data_lock", "Data lock", "date"),
    )
    yield TableBlock("exposure-table", "Exposure and cases by source", shown, findings.tables["rates"], of=("rates",))


def _exposed(product: str, part: pl.DataFrame, since: dt.date | None, lock: dt.date) -> Row:
    """People and person-years of one product, in all and within the interval."""
    years = (part["exit_days"] - part["entry_days"]) / DAYS_PER_YEAR
    row: Row = {"product": product, "people_all": part["person_id"].n_unique(), "years_all": float(years.sum())}
    if since is not None:
        before = pl.Series([(since - start).days for start in part["start"]], dtype=pl.Float64)
        inside = part["exit_days"] - pl.select(pl.max_horizontal(part["entry_days"], before)).to_series()
        started = part.filter(pl.col("start").is_between(since, lock))["person_id"].n_unique()
        row |= {"people_interval": started, "years_interval": float(inside.clip(0).sum()) / DAYS_PER_YEAR}
    return row


def _undated(findings: Findings, since: dt.date | None) -> Iterator[Block]:
    undated = sum(_when(file, since) == "not known" for file in findings.cases) if since else 0
    if undated:
        yield Caveat(f"{undated} case(s) cannot be placed in time by report or diagnosis and are in no interval count.")


def _tabulations(findings: Findings, since: dt.date | None) -> Iterator[Block]:
    """Cases by product and neoplasm, by reaction and seriousness, and by transgene test."""
    yield _tabulated(
        findings,
        since,
        "tabulation-table",
        "Cases by product and neoplasm",
        (
            Field("product", "Product", about="Suspected product."),
            Field("lineage", "Neoplasm", about="Cell lineage and behaviour."),
        ),
        lambda file: (_product(file), _lineage(file)),
    )
    yield _tabulated(
        findings,
        since,
        "reactions-table",
        "Cases by reaction and seriousness",
        (
            Field("reaction", "Reaction", about="Diagnosis as reported."),
            Field("serious", "Serious", about="Whether a seriousness criterion is met."),
        ),
        lambda file: (str(file.case["diagnosis"]), str(file.case["serious"] or "unknown")),
    )
    words = {"car_derived": "CAR found", "not_car_derived": "tested, CAR not found"}
    yield _tabulated(
        findings,
        since,
        "transgene-table",
        "Cases by transgene test of the tumour",
        (Field("test", "Transgene test", about="What the evidence says of the tumour's cell of origin."),),
        lambda file: (words.get(findings.causality[file.case_id].origin.value, "not tested or unknown"),),
    )


def _tabulated(
    findings: Findings,
    since: dt.date | None,
    key: str,
    title: str,
    by: Sequence[Field],
    cell: Callable[[CaseFile], tuple[str, ...]],
) -> TableBlock:
    """Counts by the values of ``cell``, within the interval and cumulatively, with their totals."""
    cells = [(cell(file), _when(file, since)) for file in findings.cases]
    rows: list[Row] = []
    for values in sorted({values for values, _ in cells}):
        own = [when for other, when in cells if other == values]
        rows.append({**dict(zip((f.name for f in by), values, strict=True)), **_counted(own, since)})
    total = {**dict.fromkeys(f.name for f in by[1:]), by[0].name: "all", **_counted([when for _, when in cells], since)}
    fields = (*by, *_pair("cases", "Cases", since, about="Cases"))
    return TableBlock(key, title, fields, [*rows, total] if len(rows) > 1 else rows)


def _counted(cases: Sequence[When], since: dt.date | None) -> Row:
    return {"cases_all": len(cases), **({"cases_interval": cases.count("interval")} if since else {})}


def _pair(name: str, label: str, since: dt.date | None, kind: Kind = "count", *, about: str) -> Iterator[Field]:
    """The interval and the cumulative column of one figure; the interval only where there is one."""
    if since is not None:
        yield Field(f"{name}_interval", f"{label}, interval", kind, about=f"{about}, within the interval.")
    yield Field(f"{name}_all", f"{label}, cumulative", kind, about=f"{about}, up to the data lock.")


def _tested(findings: Findings) -> Iterator[Block]:
    rows = [row for row in findings.tables["tested"] if row["exposure_id"] == "this-study"]
    if rows:
        yield figures.waterfall(rows, "transgene-table")


def _product(file: CaseFile) -> str:
    infusion = file.suspected_infusion
    product = str(infusion["product"]) if infusion is not None else "not known"
    return product_label(product) or product


def _lineage(file: CaseFile) -> str:
    behaviour = file.case["behaviour"] or "unknown"
    lineage = str(file.case["lineage"] or "unknown").replace("_", " ")
    return lineage if behaviour == "malignant" else f"{lineage}, {behaviour}"


def _when(file: CaseFile, since: dt.date | None) -> When:
    day = as_date(file.case["reported_on"]) or as_date(file.case["diagnosed_on"])
    if day is None or since is None:
        return "not known"
    if day.earliest >= since:
        return "interval"
    return "earlier" if day.latest < since else "not known"


def _completeness(findings: Findings) -> Iterator[Block]:
    if findings.cohort is None:
        yield Prose(["No person-level follow-up in this study."], general=True)
        return
    yield Prose([completeness(findings.cohort.episodes).in_words(), *findings.cohort.notes], key="completeness-words")
    rows = []
    for product, part in by_product(findings.cohort).items():
        found = completeness(part)
        years = {"observed": found.observed_years, "potential": found.potential_years, "share": found.share}
        rows.append({"product": product, "people": found.persons, "lost": found.lost, **years})
    fields = (
        Field("product", "Product", about="Product of the infusion that starts the clock."),
        Field("people", "People", "count", about="People at risk."),
        Field(
            "lost",
            "Lost before the data lock",
            "count",
            about="People last seen before the data lock, alive and without the outcome.",
        ),
        Field("observed", "Person-years observed", "number", about="Person-years observed."),
        Field("potential", "Person-years possible", "number", about="Person-years had nobody been lost."),
        Field("share", "Complete", "percent", 0, about="Observed over possible person-years."),
    )
    yield TableBlock("completeness-table", "Follow-up by product", fields, rows)
