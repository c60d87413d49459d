"""Votes on the cell of origin, and what is asked for when they do not suffice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aftercar.cases.statements import Axis, Basis, Evidence, Missing

Vote = Literal["car", "not", "low", "unclear"]

ASK_LOD = Missing(
    "limit of detection of the tumour test in copies per cell, and the tumour's purity",
    "whether the negative could have found a tumour clone with one copy",
    "assay_results.lod, cases.tumour_purity",
)
ASK_CELLS = Missing(
    "which cells carry the vector",
    "single-cell, sorted-cell or in-situ test (RNAscope, FISH, CAR immunohistochemistry) tells tumour cells from bystanders",
    "cases.car_positive_fraction",
)
ASK_SITES = Missing(
    "integration sites of the tumour and their shares",
    "one dominant site in all tumour cells shows a clone that carries the vector; many small ones show bystanders",
    "findings (kind integration)",
)
ASK_TEST = Missing(
    "a transgene test of tumour tissue",
    "genetic test of tumour tissue; the manufacturer names sample and address",
    "cases.tested",
)


@dataclass
class Votes:
    """What was found so far: evidence, what is missing, and votes with their basis and reason.

    ``clones`` are texts of site assays that show one clone of vector-positive cells, ``insertions`` how many sites it has.
    """

    reasons: list[Evidence] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    votes: list[tuple[Vote, Basis, str]] = field(default_factory=list)
    clones: list[str] = field(default_factory=list)
    insertions: int = 0

    def cast(self, vote: Vote, basis: Basis, because: str) -> None:
        """Add a vote: ``car``, ``not``, ``low`` (there, but not at a clone's level) or ``unclear``."""
        self.votes.append((vote, basis, because))

    def of(self, vote: Vote) -> list[tuple[Vote, Basis, str]]:
        """The votes of one kind."""
        return [item for item in self.votes if item[0] == vote]

    def decide(self) -> Axis:
        """The axis: contradictions and low levels are indeterminate; a measured vote gives the reason before a reported one."""
        reasons, missing = tuple(self.reasons), tuple(dict.fromkeys(self.missing))
        car, negative, low, unclear = self.of("car"), self.of("not"), self.of("low"), self.of("unclear")
        if car and (negative or low):
            because = f"the tests contradict each other: {car[0][2]}; {(negative or low)[0][2]}"
            return Axis("indeterminate", because, car[0][1], reasons, tuple(dict.fromkeys((*missing, ASK_CELLS))))
        for votes, value in (
            (car, "car_derived"),
            (low, "indeterminate"),
            (negative, "not_car_derived"),
            (unclear, "indeterminate"),
        ):
            if votes:
                _, basis, because = next((vote for vote in votes if vote[1] == "measured"), votes[0])
                return Axis(value, because, basis, reasons, missing)
        return Axis("indeterminate", "nothing is known of a test of the tumour", "none", reasons, missing or (ASK_TEST,))
