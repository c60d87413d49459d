"""One line of provenance for the foot of every page."""

from __future__ import annotations

import hashlib
import json

from aftercar.reports.blocks import Document


def inputs_digest(document: Document) -> str:
    """The first 12 hex digits of the hash over all input hashes: the same inputs give the same digest."""
    inputs = document.provenance.get("inputs", {})
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:12]


def stamp(document: Document) -> str:
    """Software version, data lock, filters and the digest of the inputs, for every page."""
    version = document.provenance.get("software", {}).get("aftercar", "")
    filters = document.provenance.get("filters", "")
    parts = [f"AfterCAR {version}".strip(), f"data lock {document.data_lock}", f"inputs {inputs_digest(document)}"]
    return " · ".join([*parts, *([str(filters)] if filters else [])])
