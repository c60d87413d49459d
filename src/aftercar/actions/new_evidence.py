"""Evidence that came in lately, within somebody's reach."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from aftercar.actions.permissions import Actor
from aftercar.store import Store

DAYS, MOST = 30, 50
_COLUMNS = ("document_id", "person_id", "sample_id", "case_id", "kind", "produced_on", "statement")


def new_evidence(store: Store, actor: Actor, on: dt.date) -> list[dict[str, Any]]:
    """Result documents of the last :data:`DAYS` days, newest first, at most :data:`MOST`.

    Raises:
        NotPermitted: when the actor may not read.
    """
    actor.check("read")
    since = (on - dt.timedelta(days=DAYS)).isoformat()
    found = store.frame("result_documents", columns=_COLUMNS).filter(pl.col("produced_on") >= since)
    if actor.centres is not None and found.height:
        mine = store.list("people", {"person_id": found["person_id"].unique().to_list(), "centre": actor.centres})
        found = found.filter(pl.col("person_id").is_in([record.key for record in mine]))
    return found.sort("produced_on", "document_id", descending=True).head(MOST).to_dicts()
