"""What the web app keeps in the registry beside the records: reports that were built, and reviews of the signals."""

from __future__ import annotations

from aftercar.vocab.columns import Column, Table

REPORTS_BUILT = Table(
    "reports_built",
    "One row for each report that left the web app: which, by whom, over which state of the registry, and its digest.",
    (
        Column("report_id", "id", "Identifier of the report.", required=True),
        Column("kind", "text", "Kind of report.", required=True),
        Column("format", "text", "Format of the file.", required=True),
        Column("built_on", "date", "Day it was built, which is its data lock.", required=True),
        Column("built_by", "id", "Account that built it.", required=True, personal=True),
        Column("centres", "list", "Centres whose records it covers; empty means all."),
        Column("masked", "choice", "Whether small counts are masked.", required=True, choices=("yes", "no")),
        Column("rests_on", "text", "Hash of the end of the audit trail then; it stands for the state of every record."),
        Column("digest", "text", "SHA-256 of the file."),
    ),
    key=("report_id",),
    level="aggregate",
)

SIGNAL_REVIEWS = Table(
    "signal_reviews",
    "One row for each time that somebody looked at the signals: the counts then, and the conclusion in words.",
    (
        Column("review_id", "id", "Identifier of the review.", required=True),
        Column("reviewed_on", "date", "Day of the review.", required=True),
        Column("centres", "list", "Centres whose records were looked at; empty means all."),
        Column("people", "integer", "People treated.", unit="people", low=0, mask=True),
        Column("cases", "integer", "T-cell malignancies.", unit="cases", low=0, mask=True),
        Column("tested", "integer", "Of these, tumours that were tested for the transgene.", unit="cases", low=0, mask=True),
        Column("car_positive", "integer", "Of these, tumours with the transgene.", unit="cases", low=0, mask=True),
        Column("conclusion", "text", "What the reviewer concludes.", required=True),
    ),
    key=("review_id",),
    level="aggregate",
)

TABLES = (REPORTS_BUILT, SIGNAL_REVIEWS)
