"""How complete is follow-up: printed beside every rate, because lost people hide cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from aftercar.cohort.rules import CENSORED
from aftercar.vocab.dates import DAYS_PER_YEAR


@dataclass(frozen=True, slots=True)
class Completeness:
    """Completeness of follow-up up to the data lock.

    Attributes:
        share: observed over potential person-time (Clark, Altman and De Stavola, Lancet 2002;359:1309), 0 to 1; NaN
            without anybody. Potential time runs to the data lock, but ends with death or outcome.
        observed_years, potential_years: the two person-times.
        lost: persons censored before the data lock.
        persons: persons in all.
        median_years: median follow-up by the reverse Kaplan-Meier method (Schemper and Smith 1996); NaN when not reached.
    """

    share: float
    observed_years: float
    potential_years: float
    lost: int
    persons: int
    median_years: float

    def in_words(self) -> str:
        """One sentence for a figure's legend."""
        median = "not reached" if np.isnan(self.median_years) else f"{self.median_years:.1f} years"
        return (
            f"Follow-up is {100 * self.share:.0f}% complete ({self.observed_years:.0f} of {self.potential_years:.0f} "
            f"person-years); {self.lost} of {self.persons} persons were lost before the data lock; median follow-up {median}."
        )


def completeness(episodes: pl.DataFrame, *, tolerance_days: float = 0) -> Completeness:
    """Completeness of follow-up of a cohort's episodes.

    Args:
        episodes: frame of a :class:`~aftercar.cohort.person_time.Cohort`.
        tolerance_days: a person last seen within this many days of the data lock is not lost.
    """
    entry, leave, potential = (episodes[name].to_numpy() for name in ("entry_days", "exit_days", "potential_days"))
    potential = np.maximum(potential, leave)
    observed_years = float((leave - entry).sum()) / DAYS_PER_YEAR
    potential_years = float((potential - entry).sum()) / DAYS_PER_YEAR
    lost = (episodes["ended_by"].to_numpy() == "last seen") & (potential - leave > tolerance_days)
    return Completeness(
        share=observed_years / potential_years if potential_years else float("nan"),
        observed_years=observed_years,
        potential_years=potential_years,
        lost=int(lost.sum()),
        persons=episodes["person_id"].n_unique(),
        median_years=_reverse_median(entry, leave, episodes["status"].to_numpy() == CENSORED) / DAYS_PER_YEAR,
    )


def _reverse_median(entry: np.ndarray, leave: np.ndarray, censored: np.ndarray) -> float:
    """Median time to censoring, everything else being censored (product-limit with late entry); NaN if not reached."""
    surviving = 1.0
    for time in np.unique(leave[censored]):
        at_risk = int(((entry < time) & (leave >= time)).sum())
        surviving *= 1 - int((censored & (leave == time)).sum()) / at_risk
        if surviving <= 0.5:
            return float(time)
    return float("nan")
