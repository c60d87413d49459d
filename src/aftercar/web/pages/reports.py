"""Reports of the registry, built on the spot and downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from fastapi.responses import Response

from aftercar.actions.registry_due import plans_in_force
from aftercar.actions.registry_findings import registry_findings, registry_frames, registry_provenance
from aftercar.actions.report import FORMATS, RENDER
from aftercar.errors import InputError
from aftercar.reports.assessment import assessment
from aftercar.reports.blocks import Document
from aftercar.reports.centre import centre_feedback
from aftercar.reports.masking import masked
from aftercar.reports.periodic import periodic
from aftercar.reports.post_authorisation import post_authorisation
from aftercar.reports.provenance import with_provenance
from aftercar.reports.signal import signal_assessment
from aftercar.web.access import Here, Who
from aftercar.web.rendering import page

router = APIRouter()
KINDS = {
    "assessment": "Assessment: every figure of the registry",
    "signal": "Signal assessment, for a regulator",
    "periodic": "Periodic report tables",
    "study": "Post-authorisation study tables",
    "centre": "Feedback to the centre",
}
_TYPES = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "json": "application/json",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_MASK_BELOW = 5


@dataclass(frozen=True)
class Reports:
    """Which reports can be made, in which formats."""

    kinds: dict[str, str]
    formats: Sequence[str]


@router.get("/reports")
def reports(request: Request, who: Who) -> Response:
    """Which reports can be made."""
    who.actor.check("export")
    return page(request, "reports.html", Reports(KINDS, FORMATS), who)


@router.get("/reports/{kind}.{ending}")
def report(kind: str, ending: str, here: Here, who: Who, with_small_counts: bool = False) -> Response:
    """One report as a file; masked unless small counts are asked for."""
    who.actor.check("export")
    if kind not in KINDS or ending not in FORMATS:
        raise InputError(f"there is no report {kind}.{ending}", fix=f"kinds {', '.join(KINDS)}; formats {', '.join(FORMATS)}")
    document = _document(kind, here, who)
    is_masked = not (with_small_counts or kind == "centre")
    words = f"counts from 1 to {_MASK_BELOW - 1} masked" if is_masked else ""
    document = with_provenance(replace(document, provenance={**document.provenance, "filters": words}))
    shown = masked(document, _MASK_BELOW) if is_masked else document
    name = f"aftercar-{kind}-{here.today}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(RENDER[ending](shown), media_type=_TYPES[ending], headers=headers)


def _document(kind: str, here: Here, who: Who) -> Document:
    provenance = {**registry_provenance(here.store, here.today), "author": who.actor.name}
    if kind == "centre":
        plans = plans_in_force(here.store)
        return centre_feedback("Registry", here.today, registry_frames(here.store, who.actor), plans, provenance)
    found = registry_findings(here.store, who.actor, here.today)
    if kind == "signal":
        return signal_assessment(found, provenance, {})
    if kind == "periodic":
        return periodic(found, provenance, None)
    return post_authorisation(found, provenance) if kind == "study" else assessment(found, provenance)
