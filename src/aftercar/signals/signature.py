"""Insertional mutagenesis or survivor bias? Each line of evidence, what it would look like, and what it is here.

No single line decides. The table lists what the data say on each, where that points, and "cannot say" where the
data are missing or too few: an unanswered line is an answer about the data, not about the cause.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aftercar.signals.dose import DoseResponse
from aftercar.signals.enrichment import MatchedEnrichment, Recurrence
from aftercar.signals.expected import ObservedExpected
from aftercar.signals.incidence import RateBand
from aftercar.signals.rates import RatioTest, rate_ratio
from aftercar.signals.untested import Bounds
from aftercar.vocab.estimates import proportion

Points = Literal["insertion", "survivor or prior treatment", "neither", "cannot say"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of evidence.

    Attributes:
        evidence: what is looked at.
        insertion, survivor: what each explanation predicts.
        found: what the data say, with interval.
        points: where it points.
        why: the rule that led there.
    """

    evidence: str
    insertion: str
    survivor: str
    found: str
    points: Points
    why: str

    def row(self) -> dict[str, str]:
        """As a row of a table."""
        return {
            "evidence": self.evidence,
            "if insertion": self.insertion,
            "if survivor bias": self.survivor,
            "found": self.found,
            "points to": self.points,
            "why": self.why,
        }


_NOTHING = "not available"


def time_pattern(bands: Sequence[RateBand] = (), early_years: float = 1.0, *, level: float = 0.95) -> Line:
    """Rate in the first year against later: an early excess means tumours that were there, or looked for."""
    words = ("Time since infusion", "rate rises or holds after the first year", "rate is highest in the first year, then falls")
    early = [band.rate for band in bands if band.high_years <= early_years]
    late = [band.rate for band in bands if band.low_years >= early_years]
    if not early or not late or sum(item.denominator for item in late) <= 0 or sum(item.denominator for item in early) <= 0:
        return Line(*words, _NOTHING, "cannot say", "no person-time on both sides of the first year")
    counts = [int(sum(item.numerator for item in part)) for part in (early, late)]
    years = [sum(item.denominator for item in part) for part in (early, late)]
    if sum(counts) == 0:
        return Line(*words, f"no case in {sum(years):.0f} person-years", "cannot say", "no case")
    test = rate_ratio(counts[0], years[0], counts[1], years[1], ordering="central", level=level)
    found = (
        f"{counts[0]} in {years[0]:.0f} and {counts[1]} in {years[1]:.0f} person-years, "
        f"ratio early to late {_figure(test.value)} ({_figure(test.low)}-{_figure(test.high)})"
    )
    if test.low > 1:
        return Line(*words, found, "survivor or prior treatment", "the early rate is higher beyond chance")
    if test.high < 1:
        return Line(*words, found, "insertion", "the late rate is higher beyond chance")
    return Line(*words, found, "cannot say", "the interval of the ratio contains 1")


def car_negative_share(bounds: Bounds | None = None) -> Line:
    """Share of tumours without the transgene, untested ones as bounds."""
    words = ("Transgene in the tumour", "nearly every tumour carries it", "most tumours do not carry it")
    if bounds is None or bounds.tested == 0:
        return Line(*words, _NOTHING, "cannot say", "no tumour was tested")
    found = (
        f"{bounds.positive} of {bounds.tested} tested carry it; of all {bounds.cases} between {100 * bounds.low:.0f}% "
        f"and {100 * bounds.high:.0f}% (with sampling {100 * bounds.outer_low:.0f}-{100 * bounds.outer_high:.0f}%)"
    )
    if bounds.outer_high < 0.5:
        return Line(*words, found, "survivor or prior treatment", "fewer than half carry it whatever the untested are")
    if bounds.outer_low > 0.5:
        return Line(*words, found, "insertion", "more than half carry it whatever the untested are (carrying is not causing)")
    if bounds.low > 0 and bounds.tested_share.high < 1:
        why = "some carry it and some do not; the bounds span one half, so the untested decide"
        return Line(*words, found, "cannot say", why)
    return Line(*words, found, "cannot say", "the bounds span one half")


def other_cancers(target: ObservedExpected | None = None, controls: Sequence[ObservedExpected] = ()) -> Line:
    """The same excess in second cancers that the vector cannot cause means patients, not vectors."""
    words = ("Other second cancers", "excess in T-cell neoplasms only", "the same excess in other second cancers")
    if target is None or not controls or target.expected <= 0:
        return Line(*words, _NOTHING, "cannot say", "no observed/expected for T-cell and other cancers with the same background")
    observed = sum(item.observed for item in controls)
    expected = sum(item.expected for item in controls)
    if expected <= 0 or observed + target.observed == 0:
        return Line(*words, _NOTHING, "cannot say", "no case, or nothing expected")
    test = rate_ratio(target.observed, target.expected, observed, expected, ordering="central", level=target.level)
    found = (
        f"O/E {_figure(target.ratio)} ({_figure(target.low)}-{_figure(target.high)}) for T-cell, {_figure(observed / expected)} "
        f"for others; ratio {_figure(test.value)} ({_figure(test.low)}-{_figure(test.high)})"
    )
    if test.low > 1:
        return Line(*words, found, "insertion", "the T-cell excess is larger than that of other cancers beyond chance")
    if target.low > 1 and observed / expected > 1 and test.high >= 1 >= test.low:
        return Line(*words, found, "survivor or prior treatment", "both are raised and do not differ beyond chance")
    return Line(*words, found, "cannot say", "the comparison is compatible with either")


def dose(result: DoseResponse | None = None) -> Line:
    """Does the rate rise with vector copies per cell?"""
    words = ("Dose: vector copies per cell", "rate rises with copies per cell", "no relation")
    if result is None:
        return Line(*words, _NOTHING, "cannot say", "no case with known copies per cell of the product")
    found = (
        f"rate ratio per copy {_figure(result.ratio)} ({_figure(result.low)}-{_figure(result.high)}), trend p {result.p:.2g}, "
        f"{result.cases} cases, dose unknown in {result.unknown}"
    )
    if result.low > 1:
        return Line(*words, found, "insertion", "the rate rises with the dose beyond chance")
    if result.high < 1:
        return Line(*words, found, "neither", "the rate falls with the dose: look for confounding by product or indication")
    return Line(*words, found, "cannot say", "the interval contains 1; a flat relation is not shown by few cases")


def gene_recurrence(rows: Sequence[Recurrence] | None = None, *, alpha: float = 0.05) -> Line:
    """The same gene in several cases, beyond what infusion products show."""
    words = ("Genes hit", "the same genes recur beyond the vector's preference", "genes as in infusion products")
    if not rows or rows[0].of < 2:
        return Line(*words, _NOTHING, "cannot say", "fewer than two cases with mapped insertions, or no product sites")
    top = rows[0]
    found = (
        f"{top.gene} in {top.cases} of {top.of} cases, {top.expected:.2g} expected, p {top.p:.2g} (any gene {top.adjusted_p:.2g})"
    )
    recurrent = [row for row in rows if row.cases >= 2 and row.adjusted_p < alpha]
    if recurrent:
        names = ", ".join(row.gene for row in recurrent)
        return Line(*words, found, "insertion", f"recurs beyond chance after counting all genes: {names}")
    return Line(*words, found, "cannot say", "no gene recurs beyond chance after counting all genes")


def near_cancer_genes_counts(test: RatioTest, near: int, sites: int) -> Line:
    """Tumour sites near cancer genes against counted control or infusion-product sites (odds ratio, Fisher)."""
    words = ("Sites near cancer genes", "nearer than control or product sites", "as control or product sites")
    found = f"{near} of {sites} near, odds ratio {_figure(test.value)} ({_figure(test.low)}-{_figure(test.high)}), p {test.p:.2g}"
    if test.low > 1:
        return Line(*words, found, "insertion", "more near cancer genes than the sites they are held against")
    return Line(*words, found, "cannot say", "not more than the sites they are held against; few sites cannot show the contrary")


def near_cancer_genes(result: MatchedEnrichment | None = None, *, alpha: float = 0.05) -> Line:
    """Tumour sites near cancer genes against matched random controls."""
    words = ("Sites near cancer genes", "nearer than matched random sites", "as matched random sites")
    if result is None:
        return Line(*words, _NOTHING, "cannot say", "no mapped insertion with matched controls")
    found = (
        f"{int(result.near.numerator)} of {result.sets} near, {result.expected:.1f} expected from matched sites, p {result.p:.2g}"
    )
    if result.p < alpha:
        return Line(*words, found, "insertion", "more near cancer genes than matched random sites")
    return Line(*words, found, "cannot say", "not more than matched random sites; few sites cannot show the contrary")


def clone_before_infusion(found_before: int = 0, looked: int = 0, *, level: float = 0.95) -> Line:
    """Whether the tumour's clone was there before infusion, in cases where a sample was looked at."""
    words = ("Clone before infusion", "no trace of the clone before infusion", "the clone was there before infusion")
    if looked == 0:
        return Line(*words, _NOTHING, "cannot say", "no case with a sample from before infusion")
    share = proportion(found_before, looked, level=level, unit="cases looked at")
    found = f"{found_before} of {looked} found, {share.percent(0)}"
    if share.low > 0.5:
        return Line(*words, found, "survivor or prior treatment", "more than half beyond chance")
    if found_before:
        return Line(*words, found, "cannot say", "found in some: those cases are explained, the others are not")
    return Line(*words, found, "cannot say", "not found is only as good as the depth that was looked at")


def summary(lines: Sequence[Line]) -> str:
    """How many lines point where, in one sentence; never a verdict."""
    counts = {
        name: sum(line.points == name for line in lines) for name in ("insertion", "survivor or prior treatment", "cannot say")
    }
    return (
        f"{counts['insertion']} of {len(lines)} lines point to insertion, {counts['survivor or prior treatment']} to survivors "
        f"and prior treatment, {counts['cannot say']} cannot say. The lines are not independent and are not added up."
    )


def _figure(value: float) -> str:
    if math.isnan(value):
        return "not defined"
    return "infinite" if math.isinf(value) else f"{value:.3g}"
