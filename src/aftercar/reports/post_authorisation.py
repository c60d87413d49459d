"""Tables of a post-authorisation safety study: population, baseline, person-time, incidence, outcomes by product."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from aftercar.cohort.follow_up import completeness
from aftercar.cohort.person_time import Cohort, by_product
from aftercar.cohort.rules import EVENT
from aftercar.reports import assessment, figures
from aftercar.reports.blocks import Block, Document, Field, Heading, Prose, TableBlock
from aftercar.reports.findings import Findings, Row
from aftercar.reports.wording import per_thousand
from aftercar.vocab.dates import DAYS_PER_YEAR
from aftercar.vocab.estimates import rate


def post_authorisation(findings: Findings, provenance: Mapping[str, Any]) -> Document:
    """The tables that a study report of a registry needs; says so when the study has no cohort."""
    cohort = findings.cohort
    if cohort is None:
        words = "This study has no people with dated infusions: post-authorisation tables need a cohort."
        blocks: list[Block] = [Prose([words], general=True)]
    else:
        blocks = [
            *assessment.cohort(findings),
            Prose([cohort.rules.in_words(), completeness(cohort.episodes).in_words()], key="rules"),
            Heading("Population at infusion", key="population"),
            _baseline(cohort),
            Heading("Rates by product", key="by-product"),
            *_by_product(cohort, findings.level),
            *assessment.tested(findings),
            *assessment.onset(findings),
        ]
    return Document(findings.title, "Post-authorisation study tables", findings.data_lock, blocks, provenance)


def _baseline(cohort: Cohort) -> TableBlock:
    people = cohort.episodes.unique("person_id", keep="first", maintain_order=True)
    rows: list[Row] = []
    for column, label in (
        ("product", "Product"),
        ("indication", "Indication"),
        ("sex", "Sex"),
        ("line_of_therapy", "Line of therapy"),
    ):
        counts = people.group_by(pl.col(column).cast(pl.String).fill_null("unknown").alias("value")).len().sort("value")
        rows += [{"what": label, "value": value, "people": n, "share": n / people.height} for value, n in counts.iter_rows()]
    ages = [float(age) for age in people["age_at_start"].drop_nulls()]
    if ages:
        words = f"median {statistics.median(ages):.0f}, range {min(ages):.0f} to {max(ages):.0f}"
        rows.append({"what": "Age in years", "value": words, "people": len(ages), "share": len(ages) / people.height})
    fields = (
        Field("what", "Item", about="What is counted."),
        Field("value", "Value", about="Which value of it."),
        Field("people", "People", "count", about="People with that value."),
        Field("share", "Share", "percent", about="Of all people."),
    )
    return TableBlock("baseline-table", "People at infusion", fields, rows)


def _by_product(cohort: Cohort, level: float) -> Iterator[Block]:
    """Rates of each product, drawn and listed."""
    rows: list[Row] = []
    for product, part in by_product(cohort).items():
        years = float((part["exit_days"] - part["entry_days"]).sum()) / DAYS_PER_YEAR
        events = int((part["status"] == EVENT).sum())
        found = rate(events, years, level=level)
        limits = {"value": found.value, "low": found.low, "high": found.high}
        rows.append(
            {
                "product": product,
                "people": part["person_id"].n_unique(),
                "events": events,
                "years": years,
                "rate": per_thousand(limits),
                **limits,
            }
        )
    fields = (
        Field("product", "Product", about="Product of the infusion that starts the clock."),
        Field("people", "People", "count", about="People at risk."),
        Field("events", "T-cell malignancies", "count", about="First T-cell malignancies during observation."),
        Field("years", "Person-years", "number", about="Person-years at risk."),
        Field("rate", "Per 1,000 person-years", "interval", about="Rate with exact limits."),
    )
    drawn = [{"group": row["product"], **row} for row in rows]
    axis = "T-cell malignancies per 1,000 person-years"
    yield figures.forest("product-chart", "Incidence rates by product", drawn, axis, table="product-rates")
    yield TableBlock("product-rates", "Incidence rates by product", fields, rows, "Exact (Garwood) intervals.")
