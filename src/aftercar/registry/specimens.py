"""Which specimens a person or a case needs, and which of them are there.

Without a baseline sample "the clone was there before" is unassessable, not untrue; without tumour tissue nothing about the
tumour can be told. The list follows the questions that each specimen answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aftercar.vocab.dates import PartialDate

Row = Mapping[str, Any]
Status = Literal["there", "used_up", "missing"]

#: Amounts that mean that nothing is left.
_NOTHING_LEFT = {"0", "none", "empty", "used up", "exhausted"}


@dataclass(frozen=True, slots=True)
class Needed:
    """One specimen of a checklist.

    Attributes:
        item: what it is.
        status: ``there``, ``used_up`` (taken, nothing left) or ``missing``.
        why: the question that it answers.
        samples: identifiers of the samples that fit.
        stored_at: where they are kept.
    """

    item: str
    status: Status
    why: str
    samples: tuple[str, ...]
    stored_at: tuple[str, ...]


def baseline(infusions: Iterable[Row], samples: Iterable[Row]) -> Needed:
    """Whether a person has any sample from before the first infusion (apheresis, blood or marrow)."""
    days = [PartialDate.parse(row["infused_on"]) for row in infusions if row["infused_on"]]
    first = min(days, key=lambda day: day.earliest, default=None)
    fitting = [
        row
        for row in samples
        if row["material"] == "apheresis"
        or (
            row["material"] in ("blood", "bone_marrow", "germline")
            and row["collected_on"]
            and first is not None
            and PartialDate.parse(row["collected_on"]).earliest <= first.earliest
        )
    ]
    return _needed("baseline sample from before the infusion", "was the clone, or clonal haematopoiesis, there before?", fitting)


def case_checklist(case: Row, infusions: Sequence[Row], samples: Sequence[Row]) -> list[Needed]:
    """The sampling checklist of a case, from its person's infusions and samples."""
    own = [row for row in samples if row["case_id"] in (None, case["case_id"])]
    diagnosed = PartialDate.parse(case["diagnosed_on"]) if case["diagnosed_on"] else None
    first = min((PartialDate.parse(r["infused_on"]).earliest for r in infusions if r["infused_on"]), default=None)

    def after(row: Row) -> bool:
        return row["collected_on"] is not None and (first is None or PartialDate.parse(row["collected_on"]).earliest > first)

    tumour = [row for row in own if row["material"] == "tumour"]
    blood = [
        row
        for row in own
        if row["material"] in ("blood", "bone_marrow")
        and after(row)
        and (diagnosed is None or abs((PartialDate.parse(row["collected_on"]).middle - diagnosed.middle).days) <= 90)
    ]
    germline = [row for row in own if row["material"] in ("germline", "car_negative_cells")]
    return [
        _needed("tumour tissue (fresh or frozen; FFPE accepted)", "does the tumour carry the transgene, and where?", tumour),
        _needed(
            "blood or marrow at diagnosis (within 90 days)", "is the level in the tumour more than that of its blood?", blood
        ),
        _needed("germline or CAR-negative cells", "which variants are the tumour's own?", germline),
        baseline(infusions, samples),
        _needed(
            "retained infusion product",
            "which integration sites were infused, at which copies per cell?",
            [row for row in samples if row["material"] == "product"],
        ),
    ]


def missing_specimens(
    people: Iterable[Row], infusions: Iterable[Row], cases: Iterable[Row], samples: Iterable[Row]
) -> list[dict[str, Any]]:
    """Everybody without a baseline sample, and every case whose checklist has a gap.

    Returns:
        Rows with ``person_id``, ``centre``, ``case_id`` (None for the baseline of a person without a case), ``item``,
        ``status``, ``why``.
    """
    by_person: dict[str, tuple[list[Row], list[Row], list[Row]]] = {row["person_id"]: ([], [], []) for row in people}
    centre = {row["person_id"]: row["centre"] for row in people}
    for number, table in enumerate((infusions, cases, samples)):
        for row in table:
            if row["person_id"] in by_person:
                by_person[row["person_id"]][number].append(row)
    found = []
    for person_id, (given, own_cases, own_samples) in by_person.items():
        lists = [(case["case_id"], case_checklist(case, given, own_samples)) for case in own_cases]
        for case_id, checklist in lists or ([(None, [baseline(given, own_samples)])] if given else []):
            found += [
                {
                    "person_id": person_id,
                    "centre": centre[person_id],
                    "case_id": case_id,
                    "item": need.item,
                    "status": need.status,
                    "why": need.why,
                }
                for need in checklist
                if need.status != "there"
            ]
    return found


def _needed(item: str, why: str, fitting: Sequence[Row]) -> Needed:
    left = [row for row in fitting if str(row["amount_left"] or "").strip().lower() not in _NOTHING_LEFT]
    status: Status = "there" if left else "used_up" if fitting else "missing"
    kept = left or list(fitting)
    places = tuple(sorted({str(row["stored_at"]) for row in kept if row["stored_at"]}))
    return Needed(item, status, why, tuple(str(row["sample_id"]) for row in kept), places)
