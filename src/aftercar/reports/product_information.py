"""Which paragraphs of which reports rest on product information, and which of them a new version touches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from aftercar.registry.labels import Change, Touch
from aftercar.reports.authored import SECTIONS, Authored
from aftercar.vocab.dates import PartialDate


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A block of a document that rests on facts of product information: kind of report, key of the block, which facts."""

    report: str
    block: str
    facts: tuple[str, ...]
    why: str


#: Held to the documents by a test: each block is there under that key.
PARAGRAPHS = (
    Paragraph("signal", "authored-product_information", ("boxed_warning", "monitoring", "text"), "recommends wording"),
    Paragraph("signal", "authored-risk_management", ("boxed_warning",), "rests on what is a known risk"),
    Paragraph("signal", "authored-monitoring", ("monitoring",), "states for how long people are followed"),
    Paragraph("centre", "states-table", ("monitoring",), "counts who is due by plans that follow the label"),
    Paragraph("centre", "tasks-table", ("monitoring",), "lists tasks of plans that follow the label"),
    Paragraph("dossier", "cioms-table", ("boxed_warning", "text"), "whether the event is expected decides what is reported when"),
)


def touched_paragraphs(changes: Iterable[Change]) -> list[Touch]:
    """The paragraphs that rest on a fact that changed."""
    changed = list(dict.fromkeys(change.fact for change in changes))
    return [
        Touch("paragraph", f"{item.report}: {item.block}", "review", f"{item.why}; changed: {', '.join(hit)}")
        for item in PARAGRAPHS
        if (hit := [fact.replace("_", " ") for fact in changed if fact in item.facts])
    ]


def touched_authored(sections: Mapping[str, Authored], changes: Iterable[Change], effective_on: str) -> Iterator[Touch]:
    """A study's authored sections that rest on a fact that changed and were written before the new version applied."""
    day = PartialDate.parse(effective_on).latest
    resting = {touch.what.removeprefix("signal: authored-") for touch in touched_paragraphs(changes)}
    for key, section in sections.items():
        if key in resting and section.date < day:
            why = f"written on {section.date.isoformat()} by {section.author}, before this version applied"
            yield Touch("authored", SECTIONS[key], "review", why)
