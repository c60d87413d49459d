"""What product information says of second malignancies: each version that was imported, and its sections."""

from __future__ import annotations

from aftercar.vocab.columns import Column, Table
from aftercar.vocab.tables.study import INFUSIONS

#: What a boxed warning says of a second malignancy. ``not_stated``: the document names no boxed warning.
BOXED = ("yes", "no", "not_stated", "unclear")

#: For how long the document asks for monitoring. ``not_stated``: it asks for none, or names no duration.
MONITORING = ("lifelong", "years", "not_stated", "unclear")

LABELS = Table(
    "labels",
    "One row for each imported version of a product's information: what it asks for after a second malignancy.",
    (
        Column("label_id", "id", "Product, jurisdiction and version.", required=True),
        Column("product", "id", "The product's key, for example axi-cel.", required=True),
        Column(
            "jurisdiction",
            "choice",
            "Whose product information it is.",
            required=True,
            choices=INFUSIONS["jurisdiction"].choices,
        ),
        Column("version", "id", "Version as the document states it.", required=True),
        Column("effective_on", "date", "Day from which this version applies.", required=True),
        Column("source", "text", "Where the text comes from: database and document identifiers, or a citation.", required=True),
        Column("set_id", "text", "Identifier that every version of the document shares."),
        Column("document_id", "text", "Identifier of this version of the document."),
        Column("brand", "text", "Brand name as the document states it."),
        Column("boxed_warning", "choice", "Whether a boxed warning names a second malignancy.", required=True, choices=BOXED),
        Column("monitoring", "choice", "For how long it asks to monitor for one.", required=True, choices=MONITORING),
        Column("monitoring_years", "number", "Years of monitoring, where it names them.", unit="years", low=0, high=120),
        Column("digest", "text", "SHA-256 over the sections on second malignancies.", required=True),
        Column("file_digest", "text", "SHA-256 of the imported file.", required=True),
    ),
    key=("label_id",),
    level="aggregate",
)

LABEL_SECTIONS = Table(
    "label_sections",
    "The passages of a version that speak of second malignancies, one row for each section of the document.",
    (
        Column("label_section_id", "id", "Version and section.", required=True),
        Column("label_id", "id", "The version.", required=True, refers_to="labels.label_id"),
        Column("section", "id", "Section of the document, by its field name.", required=True),
        Column("heading", "text", "Its numbered heading, where it has one."),
        Column("text", "text", "The passage, spaces made single.", required=True),
        Column("digest", "text", "SHA-256 of the passage.", required=True),
    ),
    key=("label_section_id",),
    level="aggregate",
)

LABEL_CHANGES = Table(
    "label_changes",
    "What changed between two versions: one row for each fact and each sentence that came or went. Derived, never stored.",
    (
        Column("what", "text", "boxed_warning, monitoring, or the section."),
        Column("before", "text", "The older version's value or sentence; empty when it is new."),
        Column("after", "text", "The newer version's value or sentence; empty when it went."),
    ),
    level="result",
)

LABEL_TOUCHES = Table(
    "label_touches",
    "What rests on a version of product information: follow-up plans and report paragraphs. Derived, never stored.",
    (
        Column("kind", "choice", "What is touched.", choices=("plan", "paragraph", "authored")),
        Column("what", "text", "Plan and rule, or document and block."),
        Column("state", "choice", "How it stands.", choices=("agrees", "shorter", "longer", "review", "cannot_tell")),
        Column("why", "text", "The reason in words."),
    ),
    level="result",
)

TABLES = (LABELS, LABEL_SECTIONS, LABEL_CHANGES, LABEL_TOUCHES)
