"""Invented cohorts with known truth: how the methods are tried before they see a patient.

Days since infusion; the tumour and death compete; early tumours dominate as in the reported cases (about two thirds in
the first year). Every function takes a seed and nothing else random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aftercar.cohort.survival import Array

YEAR = 365.25


@dataclass(frozen=True)
class SimulatedCohort:
    """One invented cohort; all arrays have shape (people,).

    Attributes:
        marker: 1 for carriers before infusion.
        lines: earlier lines of therapy, 1 to 6, more in carriers (treatment selects the clones).
        product: 0 or 1.
        entry: day of entry into observation (0, or later for delayed entry).
        stop: end of observation in days.
        cause: 0 censored, 1 T-cell malignancy, 2 death.
        sampled_on: day of the (only) blood sample; NaN when none was taken.
        sample_positive: what that sample shows; NaN when none was taken.
    """

    marker: Array
    lines: Array
    product: NDArray[np.intp]
    entry: Array
    stop: Array
    cause: NDArray[np.intp]
    sampled_on: Array
    sample_positive: Array


def cohort(
    people: int,
    events: float,
    *,
    seed: int,
    prevalence: float = 0.35,
    ratio: float = 1.0,
    lines_ratio: float = 1.2,
    death_ratio: float = 1.0,
    delayed: float = 0.0,
) -> SimulatedCohort:
    """A cohort with ``events`` tumours expected.

    Args:
        people: people treated.
        events: expected tumours.
        seed: seed of the generator.
        prevalence: share of carriers.
        ratio: tumour hazard ratio of carriers.
        lines_ratio: tumour hazard ratio for each earlier line.
        death_ratio: hazard ratio of death in carriers.
        delayed: share of people who come under observation only after infusion (within the first year).
    """
    generator = np.random.default_rng(seed)
    marker = (generator.random(people) < prevalence).astype(np.float64)
    lines = np.clip(1 + generator.poisson(1.3 + 0.5 * marker), 1, 6).astype(np.float64)
    product = (generator.random(people) < 0.3).astype(np.intp)
    relative = np.exp(np.log(ratio) * marker + np.log(lines_ratio) * (lines - 2))
    # A hazard that falls with time: Weibull with shape 0.6.
    unit = generator.exponential(size=people)
    death = generator.exponential(size=people) / (0.16 / YEAR * death_ratio**marker)
    end = generator.uniform(0.5 * YEAR, 6 * YEAR, people)
    late = generator.random(people) < delayed
    entry = np.where(late, generator.uniform(1, YEAR, people), 0.0)
    leave = np.minimum(death, end)
    scale = events / float((relative * (np.minimum(leave, 10 * YEAR) ** 0.6 - np.minimum(entry, leave) ** 0.6)).sum())
    tumour = (unit / (relative * scale)) ** (1 / 0.6)
    stop = np.ceil(np.minimum(tumour, leave))
    cause = np.where(tumour <= leave, 1, np.where(death <= end, 2, 0)).astype(np.intp)
    keep = stop > entry
    nothing = np.full(people, np.nan)
    return SimulatedCohort(
        *(a[keep] for a in (marker, lines, product, entry, stop, cause, nothing, nothing)),
    )


def sampled_survivors(people: int, events: float, *, seed: int) -> SimulatedCohort:
    """No marker matters, but blood is taken at a later research visit that only people still event-free reach."""
    base = cohort(people, events, seed=seed, prevalence=0.35, ratio=1.0)
    generator = np.random.default_rng(seed + 1)
    visit = generator.uniform(30, 2 * YEAR, len(base.stop))
    reached = visit < base.stop
    return _with_samples(base, np.where(reached, visit, np.nan), np.where(reached, base.marker, np.nan))


def sampled_at_diagnosis(people: int, events: float, *, seed: int) -> SimulatedCohort:
    """No marker matters, but clones grow with time: half the people have a sample from before infusion, and the cases
    who have none are sampled at diagnosis.
    """
    base = cohort(people, events, seed=seed, prevalence=0.15, ratio=1.0)
    generator = np.random.default_rng(seed + 1)
    acquired = generator.exponential(4 * YEAR, len(base.stop))
    case = base.cause == 1
    before = generator.random(len(base.stop)) < 0.5
    day = np.where(before, -10.0, np.where(case, base.stop, np.nan))
    late = np.where(case, np.maximum(base.marker, acquired < base.stop), np.nan)
    return _with_samples(base, day, np.where(before, base.marker, late))


def _with_samples(base: SimulatedCohort, day: Array, positive: Array) -> SimulatedCohort:
    return SimulatedCohort(base.marker, base.lines, base.product, base.entry, base.stop, base.cause, day, positive)
