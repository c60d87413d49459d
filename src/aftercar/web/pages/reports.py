"""Reports of the registry: looked at here, taken as a file, and who took which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from aftercar.actions import registry_report as act
from aftercar.actions.report import FORMATS
from aftercar.store import Record
from aftercar.web.access import Here, Plain, Who
from aftercar.web.pages.signals import plain_block
from aftercar.web.rendering import page

router = APIRouter()
_TYPES = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "json": "application/json",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True)
class Reports:
    """Which reports can be made, in which formats; which were taken, newest first; whether small counts may be asked for."""

    kinds: Mapping[str, str]
    formats: Sequence[str]
    taken: Sequence[Record]
    may_export: bool


@dataclass(frozen=True)
class Preview:
    """One report as it stands now: kind, title, its parts, whether small counts are in it, and the formats to take it in."""

    kind: str
    title: str
    parts: Sequence[Plain]
    with_small_counts: bool
    formats: Sequence[str]
    may_export: bool


@router.get("/reports")
@router.get("/reports.json")
def reports(request: Request, here: Here, who: Who) -> Response:
    """Which reports can be made, and which were taken."""
    taken = act.reports_taken(here.store, who.actor)
    return page(request, "reports.html", Reports(act.KINDS, FORMATS, taken, who.actor.may("export")), who)


@router.get("/reports/{kind}/preview")
def preview(request: Request, kind: str, here: Here, who: Who, with_small_counts: bool = False) -> Response:
    """One report on the screen."""
    document = act.registry_report(here.store, who.actor, kind, here.today, small_counts=with_small_counts)
    parts = [plain_block(block) for block in document.blocks]
    context = Preview(kind, act.KINDS[kind], parts, with_small_counts, FORMATS, who.actor.may("export"))
    return page(request, "preview.html", context, who)


@router.get("/reports/{kind}.{ending}")
def report(kind: str, ending: str, here: Here, who: Who, with_small_counts: bool = False) -> Response:
    """One report as a file; masked unless small counts are asked for. That it left is recorded."""
    content, _ = act.taken(here.store, who.actor, kind, ending, here.today, small_counts=with_small_counts)
    headers = {"Content-Disposition": f'attachment; filename="aftercar-{kind}-{here.today}.{ending}"'}
    return Response(content, media_type=_TYPES[ending], headers=headers)
