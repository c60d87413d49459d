"""One variant over time: growth, first seen, and whether it was there before the infusion.

"Pre-existing" is a statement about a sample with a date and a depth. A sample from before infusion without the variant is
never "absent": 0 of 58 reads still allows an allele fraction of 6 percent.

    >>> before = Measurement("a", "2021-03-01", 0, 58)
    >>> after = Measurement("b", "2022-03-01", 60, 500)
    >>> track = follow([before, after], infused_on="2021-04-01")
    >>> track.pre_existing, f"{track.before_limit:.3f}", track.first_seen
    ('not_seen_before', '0.062', '2022-03-01')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit

from aftercar.biomarkers.detection import highest_possible
from aftercar.cohort.survival import Array, Penalised, fit_penalised
from aftercar.errors import InputError
from aftercar.vocab.dates import DAYS_PER_YEAR, PartialDate
from aftercar.vocab.estimates import Estimate, proportion

PreExisting = Literal["found_before", "not_seen_before", "not_assessable"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Reads of one variant in one dated sample.

    Attributes:
        sample: its name.
        taken_on: partial ISO date; "" when not known.
        alt_reads, depth: reads with the variant and in all; depth 0 means not looked at.
        material: blood, apheresis, tumour ...
    """

    sample: str
    taken_on: str
    alt_reads: int
    depth: int
    material: str = ""

    @property
    def fraction(self) -> Estimate:
        """Allele fraction with exact limits."""
        return proportion(self.alt_reads, self.depth, unit="reads")


@dataclass(frozen=True)
class Track:
    """A variant followed over dated samples.

    Attributes:
        points: the dated measurements in order of time.
        pre_existing: ``found_before`` only with a sample certainly taken before infusion; ``not_seen_before`` with the
            limit ``before_limit``; ``not_assessable`` without such a sample.
        before_limit: upper limit of the fraction before infusion, None when not assessable.
        first_seen: date of the first sample with the variant, "" when none has it.
        growth: change of the log odds of the fraction for each year, NaN with fewer than two dated samples.
        growth_low, growth_high: profile limits of the growth.
        growth_p: penalised likelihood-ratio p of no growth.
        notes: in words.
    """

    points: tuple[Measurement, ...]
    pre_existing: PreExisting
    before_limit: float | None
    first_seen: str
    growth: float
    growth_low: float
    growth_high: float
    growth_p: float
    notes: tuple[str, ...]


def follow(measurements: Sequence[Measurement], *, infused_on: str = "", least_reads: int = 2) -> Track:
    """Follow one variant.

    Args:
        measurements: the same variant in several samples.
        infused_on: partial ISO date of infusion, "" when not known.
        least_reads: reads with the variant that count as seen.

    Raises:
        InputError: for more reads with the variant than reads in all, or a date that cannot be read.
    """
    for m in measurements:
        if not 0 <= m.alt_reads <= m.depth:
            raise InputError(f"{m.alt_reads} of {m.depth} reads is not possible", where=f"sample {m.sample}")
    dated = [m for m in measurements if m.taken_on and m.depth > 0]
    dated.sort(key=lambda m: (PartialDate.parse(m.taken_on).middle, m.sample))
    notes = [f"sample {m.sample} has no date and is left out" for m in measurements if not m.taken_on]
    notes += [f"sample {m.sample} has no reads there: not looked at" for m in measurements if m.taken_on and m.depth == 0]
    seen = [m for m in dated if m.alt_reads >= least_reads]
    status, limit, words = _before(dated, infused_on, least_reads)
    growth, low, high, p = _growth(dated)
    return Track(tuple(dated), status, limit, seen[0].taken_on if seen else "", growth, low, high, p, (*notes, *words))


def _before(dated: Sequence[Measurement], infused_on: str, least_reads: int) -> tuple[PreExisting, float | None, list[str]]:
    if not infused_on:
        return "not_assessable", None, ["the date of infusion is not known"]
    infusion = PartialDate.parse(infused_on)
    before = [m for m in dated if PartialDate.parse(m.taken_on).certainly_before(infusion)]
    open_ = [m for m in dated if m not in before and PartialDate.parse(m.taken_on).possibly_before(infusion)]
    words = [f"sample {m.sample} ({m.taken_on}) may be from before or after the infusion: not used" for m in open_]
    if not before:
        return "not_assessable", None, [*words, "there is no sample certainly from before the infusion"]
    found = [m for m in before if m.alt_reads >= least_reads]
    best = max(found or before, key=lambda m: m.depth)
    limit = highest_possible(best.alt_reads, best.depth)
    if found:
        return "found_before", limit, [*words, f"{best.alt_reads} of {best.depth} reads on {best.taken_on}"]
    return (
        "not_seen_before",
        limit,
        [*words, f"{best.alt_reads} of {best.depth} reads on {best.taken_on} still allow a fraction of {100 * limit:.2g}%"],
    )


def _growth(dated: Sequence[Measurement]) -> tuple[float, float, float, float]:
    days = np.array([(PartialDate.parse(m.taken_on).middle).toordinal() for m in dated], dtype=np.float64)
    if len(dated) < 2 or np.ptp(days) == 0:
        return (float("nan"),) * 4
    years = (days - days.mean()) / DAYS_PER_YEAR
    alt = np.array([m.alt_reads for m in dated], dtype=np.float64)
    depth = np.array([m.depth for m in dated], dtype=np.float64)
    fit = fit_penalised(_grouped(alt, depth, years), 2, rows=len(dated), events=int(alt.sum()))
    return float(fit.coefficients[1]), float(fit.low[1]), float(fit.high[1]), float(fit.p_values[1])


def _grouped(alt: Array, depth: Array, years: Array) -> Penalised:
    """Firth-penalised binomial likelihood of reads on time."""
    z = np.column_stack([np.ones(len(years)), years])

    def at(beta: Array) -> tuple[float, Array, Array]:
        eta = z @ beta
        mu = expit(eta)
        weight = depth * mu * (1 - mu)
        information = z.T @ (z * weight[:, None])
        sign, logdet = np.linalg.slogdet(information)
        score = z.T @ (alt - depth * mu)
        if sign <= 0 or not np.isfinite(logdet):
            return -np.inf, score, information
        leverage = weight * np.einsum("ij,ij->i", z, np.linalg.solve(information, z.T).T)
        gradient = score + z.T @ (leverage * (0.5 - mu))
        value = float(alt @ eta - depth @ np.logaddexp(0, eta)) + 0.5 * float(logdet)
        return value, gradient, information

    return at
