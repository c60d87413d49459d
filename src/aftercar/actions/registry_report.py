"""A report of the registry as the web app gives it: built from everything within reach, and recorded when it leaves."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Mapping, Sequence

from aftercar.actions.permissions import Actor
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
from aftercar.store import Record, Store

KINDS: Mapping[str, str] = {
    "assessment": "Assessment: every figure of the registry",
    "signal": "Signal assessment, for a regulator",
    "periodic": "Periodic report tables",
    "study": "Post-authorisation study tables",
    "centre": "Feedback to the centre",
}


def registry_report(store: Store, actor: Actor, kind: str, on: dt.date, *, small_counts: bool = False) -> Document:
    """One report, with ``on`` as its data lock; masked unless small counts are asked for.

    Feedback to a centre is about its people one by one and cannot be masked.

    Raises:
        NotPermitted: small counts and feedback need the right ``export``, the others ``aggregate``.
        InputError: for an unknown kind.
    """
    if kind not in KINDS:
        raise InputError(f"there is no report {kind!r}", fix=f"the reports are {', '.join(KINDS)}")
    is_masked = not (small_counts or kind == "centre")
    actor.check("aggregate" if is_masked else "export")
    below = plans_in_force(store).settings.small_cell
    words = f"counts from 1 to {below - 1} masked" if is_masked else ""
    provenance = {**registry_provenance(store, on), "author": actor.name, "filters": words}
    document = with_provenance(_made(store, actor, kind, on, provenance))
    return masked(document, below) if is_masked else document


def taken(store: Store, actor: Actor, kind: str, ending: str, on: dt.date, *, small_counts: bool = False) -> tuple[bytes, Record]:
    """One report as a file, and the record that it left.

    Raises:
        NotPermitted, InputError: as :func:`registry_report`; for an unknown format too.
    """
    if ending not in FORMATS:
        raise InputError(f"there is no format {ending!r}", fix=f"the formats are {', '.join(FORMATS)}")
    content = RENDER[ending](registry_report(store, actor, kind, on, small_counts=small_counts))
    row = {
        "report_id": f"R-{on.isoformat()}-{secrets.token_hex(4)}",
        "kind": kind,
        "format": ending,
        "built_on": on.isoformat(),
        "built_by": actor.name,
        "centres": None if actor.centres is None else ";".join(sorted(actor.centres)),
        "masked": "no" if small_counts or kind == "centre" else "yes",
        "rests_on": store.head().hash,
        "digest": hashlib.sha256(content).hexdigest(),
    }
    return content, store.save("reports_built", row, who=actor.name, why=f"report {kind} taken as {ending}")


def reports_taken(store: Store, actor: Actor, most: int = 100) -> Sequence[Record]:
    """Reports that left, newest first: one's own, or everybody's for who may audit all centres."""
    actor.check("aggregate")
    everybody = actor.may("audit") and actor.centres is None
    found = store.list("reports_built", None if everybody else {"built_by": actor.name})
    return sorted(found, key=lambda record: record.changed_at, reverse=True)[:most]


def _made(store: Store, actor: Actor, kind: str, on: dt.date, provenance: Mapping[str, object]) -> Document:
    if kind == "centre":
        return centre_feedback("Registry", on, registry_frames(store, actor), plans_in_force(store), provenance)
    found = registry_findings(store, actor, on)
    if kind == "signal":
        return signal_assessment(found, provenance, {})
    if kind == "periodic":
        return periodic(found, provenance, None)
    return post_authorisation(found, provenance) if kind == "study" else assessment(found, provenance)
