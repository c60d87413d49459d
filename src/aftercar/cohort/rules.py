"""What counts as the outcome, where the clock starts and what ends observation: stated once, printed with every figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from aftercar.errors import UsageError
from aftercar.vocab.tables.study import CASES

Reinfusion = Literal["continue", "restart", "censor", "compete"]
Allograft = Literal["continue", "censor", "compete"]

CENSORED, EVENT, DEATH, COMPETING = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of a cohort analysis.

    Attributes:
        lineages: lineages of the outcome (values of ``cases.lineage``).
        behaviours: behaviours that count; an empty cell counts as ``unknown``.
        reinfusion: what a second infusion does. ``continue``: nothing, the clock runs from the first infusion;
            ``restart``: a new episode with its own clock and product begins (labels and trials count from the last
            infusion); ``censor``: observation ends; ``compete``: it is a competing event.
        allograft: what an allogeneic transplant after infusion does.
        minimum_day: observed time shorter than this many days (event on the day of entry) is set to it.
    """

    lineages: tuple[str, ...] = ("T_cell",)
    behaviours: tuple[str, ...] = ("malignant", "unknown")
    reinfusion: Reinfusion = "continue"
    allograft: Allograft = "continue"
    minimum_day: float = 0.5

    def in_words(self) -> str:
        """One sentence for a figure's legend."""
        words = {
            "continue": "does not stop the clock",
            "restart": "starts a new clock",
            "censor": "censors",
            "compete": "is a competing event",
        }
        return (
            f"Outcome: first neoplasm of lineage {' or '.join(self.lineages)} ({', '.join(self.behaviours)}). "
            f"Clock from infusion. A further infusion {words[self.reinfusion]}; "
            f"an allogeneic transplant {words[self.allograft]}. Death competes."
        )


def rules_from(lineages: Sequence[str], reinfusion: str = "continue", allograft: str = "continue") -> Rules:
    """Rules from words, as a command line or form gives them.

    Raises:
        UsageError: for a word that is not known, with those that are.
    """
    known = CASES["lineage"].choices
    wrong = [name for name in lineages if name not in known]
    if wrong or not lineages:
        raise UsageError(f"unknown lineage {', '.join(wrong) or 'of no name'}", fix=f"choose from {', '.join(known)}")
    again = next((word for word in get_args(Reinfusion) if word == reinfusion), None)
    graft = next((word for word in get_args(Allograft) if word == allograft), None)
    if again is None:
        raise UsageError(f"unknown rule for a further infusion {reinfusion!r}", fix=f"one of {', '.join(get_args(Reinfusion))}")
    if graft is None:
        raise UsageError(f"unknown rule for a transplant {allograft!r}", fix=f"one of {', '.join(get_args(Allograft))}")
    return Rules(lineages=tuple(lineages), reinfusion=again, allograft=graft)
