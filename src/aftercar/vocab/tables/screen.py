"""Tables of the screen: reads by element of a construct, and the elements themselves."""

from __future__ import annotations

from aftercar.vocab.columns import Column, Table
from aftercar.vocab.vectors import ELEMENT_KINDS

_WHERE = (
    Column("target", "text", "Construct as given, or its provirus (name ends in /provirus).", required=True),
    Column("element", "text", "Element as the construct's file names it; 'whole' is all of the target.", required=True),
    Column("kind", "choice", "Kind of element.", choices=ELEMENT_KINDS),
    Column("start", "integer", "First base, 1-based.", unit="bases", low=1),
    Column("end", "integer", "Last base, 1-based; beyond the length when the element crosses the origin.", unit="bases", low=1),
    Column("strand", "choice", "Strand of the element on the target.", choices=("+", "-")),
    Column("length", "integer", "Length of the element.", unit="bases", low=1),
    Column("shared_bases", "integer", "Bases that the host's genome shares; empty when not looked for.", unit="bases", low=0),
)

VECTOR_ELEMENTS = Table("vector_elements", "One row for each element of each form of a construct.", _WHERE, level="result")

ELEMENT_COUNTS = Table(
    "element_counts",
    "Reads of one sample by element of the construct.",
    (
        *_WHERE,
        Column("reads", "integer", "Reads with at least 16 matching bases on the element.", unit="reads", low=0),
        Column("pairs", "integer", "Templates with such a read.", unit="templates", low=0),
        Column(
            "evidence_pairs",
            "integer",
            "Templates, duplicates left out, with at least 23 matching bases outside all parts that the host shares.",
            unit="templates",
            low=0,
        ),
        Column("mean_depth", "number", "Mean depth of matching bases, duplicates left out.", unit="reads", low=0),
        Column("covered", "number", "Fraction of the element's bases with any read.", low=0, high=1),
    ),
    level="result",
)

TABLES = (VECTOR_ELEMENTS, ELEMENT_COUNTS)
