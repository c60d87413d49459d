"""Signals: rates, tested tumours, onset, homogeneity and incidence of the registry, as the report shows them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from aftercar.actions import signal_review
from aftercar.actions.registry_due import plans_in_force
from aftercar.actions.registry_findings import registry_findings
from aftercar.errors import UsageError
from aftercar.reports import assessment
from aftercar.reports.blocks import Block, Document, Facts, Figure, TableBlock, shown
from aftercar.reports.masking import masked
from aftercar.reports.pictures import svg
from aftercar.reports.summary import lines
from aftercar.store import Record
from aftercar.web.access import Form, Here, Plain, Who
from aftercar.web.rendering import page

router = APIRouter()


@dataclass(frozen=True)
class Signals:
    """The findings of the registry.

    Attributes:
        summary: in sentences; none for those who see masked aggregates only.
        parts: the blocks of the report that hold aggregates.
        changes: counts that differ from the latest review.
        words: what each count is called.
        last: the latest review.
        may_review: whether the visitor may record one.
        message: what a review lacks.
    """

    summary: Sequence[str]
    parts: Sequence[Plain]
    changes: Sequence[signal_review.SignalChange]
    words: Mapping[str, str]
    last: Record | None
    may_review: bool
    message: str


@router.get("/signals")
@router.get("/signals.json")
def signals(request: Request, here: Here, who: Who) -> Response:
    """Aggregates of everything within reach; small counts masked for those who see aggregates only."""
    return _signals(request, here, who, "", 200)


@router.post("/signals/reviews")
def review(request: Request, here: Here, who: Who, fields: Form) -> Response:
    """Record a review of the signals."""
    who.actor.check("review")
    try:
        signal_review.review(here.store, who.actor, fields.get("conclusion", ""), here.today)
    except UsageError as error:
        return _signals(request, here, who, str(error), 422)
    return RedirectResponse("/signals", status_code=303)


def _signals(request: Request, here: Here, who: Who, message: str, status: int) -> Response:
    found = registry_findings(here.store, who.actor, here.today)
    sections = (
        assessment.rates,
        assessment.tested,
        assessment.onset,
        assessment.homogeneity,
        assessment.surface,
        assessment.cohort,
    )
    document = Document("Signals", "", here.today, [block for section in sections for block in section(found)])
    reads = who.actor.may("read")
    if not reads:
        document = masked(document, plans_in_force(here.store).settings.small_cell)
    context = Signals(
        lines(found)[1:] if reads else (),
        [plain_block(block) for block in document.blocks],
        signal_review.changes(here.store, who.actor) if reads else (),
        signal_review.COUNTED,
        signal_review.latest_review(here.store, who.actor),
        who.actor.may("review"),
        message,
    )
    return page(request, "signals.html", context, who, status=status)


def plain_block(block: Block) -> Plain:
    """A block for the template."""
    if isinstance(block, TableBlock):
        rows = [[shown(row.get(field.name), field) for field in block.fields] for row in block.rows]
        heads = [{"label": field.label, "numeric": field.kind != "text"} for field in block.fields]
        return {"kind": "table", "title": block.title, "heads": heads, "rows": rows, "note": block.note}
    if isinstance(block, Figure):
        address = "data:image/svg+xml;base64," + base64.b64encode(svg(block).encode()).decode()
        return {"kind": "figure", "title": block.title, "alt": block.alt, "picture": address, "caption": block.caption}
    if isinstance(block, Facts):
        facts = [{"label": fact.label, "value": fact.value, "note": fact.detail} for fact in block.facts]
        return {"kind": "facts", "facts": facts}
    return {
        "kind": type(block).__name__.lower(),
        "text": getattr(block, "text", ""),
        "paragraphs": list(getattr(block, "paragraphs", ())),
    }
