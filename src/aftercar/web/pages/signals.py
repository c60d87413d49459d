"""Signals: rates, tested tumours, onset, homogeneity and incidence of the registry, as the report shows them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from aftercar.actions.registry_findings import registry_findings
from aftercar.reports import assessment
from aftercar.reports.blocks import Block, Facts, Figure, TableBlock, shown
from aftercar.reports.pictures import svg
from aftercar.reports.summary import lines
from aftercar.web.access import Here, Plain, Who
from aftercar.web.rendering import page

router = APIRouter()


@dataclass(frozen=True)
class Signals:
    """The findings of the registry: the summary and the blocks of the report that hold aggregates only."""

    summary: Sequence[str]
    parts: Sequence[Plain]


@router.get("/signals")
@router.get("/signals.json")
def signals(request: Request, here: Here, who: Who) -> Response:
    """Aggregates of everything within reach; small counts masked for those who see aggregates only."""
    found = registry_findings(here.store, who.actor, here.today)
    sections = (
        assessment.rates,
        assessment.tested,
        assessment.onset,
        assessment.homogeneity,
        assessment.surface,
        assessment.cohort,
    )
    parts = [plain_block(block) for section in sections for block in section(found)]
    return page(request, "signals.html", Signals(lines(found)[1:], parts), who)


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
