"""Sections that a person writes, kept apart from computed ones; a recomputed table never touches them.

They come from ``authored.toml`` in the study folder, one table a section, with who wrote it and when::

    [discussion]
    author = "A. Assessor"
    date = 2026-03-01
    text = '''
    First paragraph.

    Second paragraph.
    '''
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aftercar.reports.blocks import Block, Heading, Prose

#: The authored sections of a signal assessment, in the order in which regulators read (GVP module IX).
SECTIONS: Mapping[str, str] = {
    "background": "Background",
    "literature": "Evidence from the literature",
    "mechanism": "Mechanism",
    "discussion": "Discussion",
    "conclusion": "Conclusion",
    "product_information": "Recommendation: product information",
    "risk_management": "Recommendation: risk-management plan",
    "monitoring": "Recommendation: monitoring",
}


@dataclass(frozen=True, slots=True)
class Authored:
    """One authored section: key of :data:`SECTIONS`, text in paragraphs, author, day of writing."""

    key: str
    paragraphs: Sequence[str]
    author: str
    date: dt.date


def blocks(key: str, authored: Mapping[str, Authored], *, level: int = 1) -> list[Block]:
    """The section as blocks; an empty one says who has to write it, so that nobody takes silence for agreement."""
    heading = Heading(SECTIONS[key], level, key)
    section = authored.get(key)
    if section is None:
        return [heading, Prose(["Not written yet: this section is for the assessor."], key=f"authored-{key}", general=True)]
    signature = f"{section.author}, {section.date.isoformat()}"
    return [heading, Prose([*section.paragraphs, signature], hand="authored", key=f"authored-{key}")]
