"""The audit trail, and the proof that it is whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from aftercar.store import Entry
from aftercar.web.access import Here, Who
from aftercar.web.rendering import page

router = APIRouter()
PAGE = 100


@dataclass(frozen=True)
class Audit:
    """A page of the trail, newest last; ``proof`` says whether the chain holds when it was asked for."""

    entries: Sequence[Entry]
    table: str
    number: int
    proof: str


@router.get("/audit")
@router.get("/audit.json")
def audit(
    request: Request,
    here: Here,
    who: Who,
    table: str = Query("", max_length=40),
    number: int = Query(1, ge=1, le=1_000_000),
    prove: bool = False,
) -> Response:
    """A page of the trail."""
    who.actor.check_everywhere("audit")
    entries = here.store.trail(table=table or None, limit=PAGE, offset=(number - 1) * PAGE)
    proof = ""
    if prove:
        found = here.store.verify()
        proof = "The trail is whole." if found.holds else "The trail does not hold: see aftercar registry verify."
    return page(request, "audit.html", Audit(entries, table, number, proof), who)
