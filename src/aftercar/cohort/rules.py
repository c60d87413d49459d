"""What counts as the outcome, where the clock starts and what ends observation: stated once, printed with every figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reinfusion = Literal["continue", "restart", "censor", "compete"]

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
    allograft: Literal["continue", "censor", "compete"] = "continue"
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
