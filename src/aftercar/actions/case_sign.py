"""Sign a draft assessment later: only its own assessor, and only while the evidence is what the draft rests on."""

from __future__ import annotations

import datetime as dt

from aftercar.actions.case_desk import Desk, plain
from aftercar.cases.assessment import sign, standings
from aftercar.errors import InputError, UsageError
from aftercar.store import Record


def sign_draft(desk: Desk, case_id: str, assessment_id: str, *, signed_at: dt.datetime) -> Record:
    """Sign one's own draft. Who asks must have proved who they are (:func:`aftercar.actions.accounts.confirm`).

    Raises:
        InputError: when there is no such assessment of this case within reach.
        UsageError: when it is no draft, another person's, or the evidence changed since it was written.
    """
    store, actor = desk.writer("assess", case_id)
    actor.check("sign")
    found = next(
        (item for item in standings(desk.file(case_id), desk.rows("assessments", case_id))
         if item.row["assessment_id"] == assessment_id),
        None,
    )  # fmt: skip
    if found is None:
        raise InputError(f"there is no assessment {assessment_id!r} within reach")
    if found.state != "draft":
        raise UsageError(f"{assessment_id} is {found.state}, not a draft")
    if found.changed:
        raise UsageError(
            f"the evidence changed since this draft was written: {', '.join(found.changed)}", fix="assess the case again"
        )
    row = sign(plain(found.row), account=actor.name, signed_on=signed_at.isoformat(timespec="seconds"))
    return store.save("assessments", row, who=actor.name, why="assessment signed", expected_version=found.row["row_version"])
