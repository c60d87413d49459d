"""Spontaneous reports as tables: the FAERS/AEMS quarterly files under names that do not change with the layout.

A report (``report_id``) is one version of a case (``case_id``). Terms are kept as reported; no dictionary is shipped.
"""

from __future__ import annotations

from aftercar.vocab.columns import Column, Table

_REPORT = Column(
    "report_id", "integer", "Number of the report (ISR until 2012Q3, primaryid after).", required=True, personal=True
)
_QUARTER = Column("quarter", "text", "Quarterly file the row came in, as 2017Q2.", required=True)

FAERS_REPORTS = Table(
    "faers_reports",
    "One row for each version of a case.",
    (
        _REPORT,
        Column("case_id", "integer", "Number of the case, shared by its versions.", required=True, personal=True),
        Column("case_version", "integer", "Version of the case; empty in the layout until 2012Q3."),
        _QUARTER,
        Column("received_on", "date", "Day the authority received this version.", personal=True),
        Column("first_received_on", "date", "Day the authority received the first version.", personal=True),
        Column("event_on", "date", "Day the event began.", personal=True),
        Column("report_kind", "text", "Code of the kind of report (EXP, PER, DIR)."),
        Column("sender", "text", "Sender of the report."),
        Column("sender_number", "text", "The sender's own number of the case.", personal=True),
        Column("age_years", "number", "Age at the event.", unit="years", low=0, high=130, personal=True),
        Column("sex", "choice", "Sex as reported.", choices=("female", "male", "unknown"), personal=True),
        Column("weight_kg", "number", "Body weight.", unit="kg", low=0, personal=True),
        Column("country", "text", "Country where the event occurred, else of the reporter."),
        Column("reporter", "text", "Code of the reporter's occupation (MD, PH, OT, LW, CN)."),
        Column("literature", "text", "Reference to a publication."),
    ),
    key=("report_id",),
)

FAERS_DRUGS = Table(
    "faers_drugs",
    "One row for each drug named in a report.",
    (
        _REPORT,
        Column("drug_seq", "integer", "Number of the drug within the report."),
        Column("role", "text", "PS primary suspect, SS secondary suspect, C concomitant, I interacting, unstated."),
        Column("name", "text", "Name as reported."),
        Column("substance", "text", "Active substance given by the authority (from 2014Q3)."),
        Column("product", "text", "CAR-T product that the name stands for, or the class; empty for every other drug."),
        Column("lot", "text", "Batch number as reported.", personal=True),
        _QUARTER,
    ),
)

FAERS_REACTIONS = Table(
    "faers_reactions",
    "One row for each reaction term of a report.",
    (_REPORT, Column("term", "text", "Reaction term as reported.", required=True), _QUARTER),
)

FAERS_OUTCOMES = Table(
    "faers_outcomes",
    "One row for each outcome of a report.",
    (_REPORT, Column("outcome", "text", "DE death, LT life-threatening, HO hospital, DS disability, CA, RI, OT."), _QUARTER),
)

FAERS_THERAPY = Table(
    "faers_therapy",
    "One row for each course of a drug.",
    (
        _REPORT,
        Column("drug_seq", "integer", "Number of the drug within the report."),
        Column("started_on", "date", "First day of the drug.", personal=True),
        Column("ended_on", "date", "Last day of the drug.", personal=True),
        _QUARTER,
    ),
)

FAERS_INDICATIONS = Table(
    "faers_indications",
    "One row for each indication of a drug.",
    (
        _REPORT,
        Column("drug_seq", "integer", "Number of the drug within the report."),
        Column("term", "text", "Indication as reported."),
        _QUARTER,
    ),
)

FAERS_DELETED = Table(
    "faers_deleted",
    "Cases that the authority took back.",
    (Column("case_id", "integer", "Number of the case.", required=True, personal=True), _QUARTER),
)

FAERS_COUNTS = Table(
    "faers_counts",
    "Reports by drug and event, with report margins.",
    (
        Column("drug", "text", "Drug, product or class.", required=True),
        Column("event", "text", "Reaction term or set of terms.", required=True),
        Column("reports_both", "integer", "Reports with drug and event.", unit="reports", low=0, mask=True),
        Column("reports_drug", "integer", "Reports with the drug.", unit="reports", low=0, mask=True),
        Column("reports_event", "integer", "Reports with the event.", unit="reports", low=0, mask=True),
        Column("reports_total", "integer", "Reports of the base.", unit="reports", low=0),
    ),
    key=("drug", "event"),
    level="result",
)

TABLES = (
    FAERS_REPORTS,
    FAERS_DRUGS,
    FAERS_REACTIONS,
    FAERS_OUTCOMES,
    FAERS_THERAPY,
    FAERS_INDICATIONS,
    FAERS_DELETED,
    FAERS_COUNTS,
)
