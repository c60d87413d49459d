"""How deep did we look? "Not called" below depth is missing, never negative.

>>> round(chance_of_seeing(0.02, 100, 3), 2), round(chance_of_seeing(0.02, 500, 3), 3)
(0.32, 0.997)
>>> f"{highest_possible(0, 58):.3f}"      # 0 of 58 reads still allows 6 percent
'0.062'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from scipy import optimize, stats

from aftercar.biomarkers.clonal import SampleCalls
from aftercar.biomarkers.rule_sets import RuleSet
from aftercar.errors import InputError
from aftercar.vocab.estimates import proportion

Status = Literal["positive", "unconfirmed", "negative", "below_depth", "depth_unknown"]


def chance_of_seeing(fraction: float, depth: int, min_alt_reads: int) -> float:
    """Chance of at least ``min_alt_reads`` reads with an allele of true fraction ``fraction`` at ``depth``."""
    return float(stats.binom.sf(min_alt_reads - 1, depth, fraction))


def detection_limit(depth: int, min_alt_reads: int, *, confidence: float = 0.95) -> float:
    """Smallest allele fraction seen with ``confidence``, in (0, 1]; 1 when the depth can never show enough reads.

    The fraction limit of the rules is a second floor, not in this number.
    """
    if depth < min_alt_reads:
        return 1.0
    gap = chance_of_seeing(1.0, depth, min_alt_reads) - confidence
    if gap < 0:
        return 1.0
    return float(optimize.brentq(lambda f: chance_of_seeing(f, depth, min_alt_reads) - confidence, 0.0, 1.0, xtol=1e-12))


def highest_possible(alt_reads: int, depth: int, *, level: float = 0.95) -> float:
    """Upper limit of the allele fraction given the reads (exact two-sided interval); 1 at depth 0.

    With two-sided 95% limits 0 of 58 reads gives 6.2%.
    """
    return proportion(alt_reads, depth, level=level, unit="reads").high


@dataclass(frozen=True)
class GeneStatus:
    """What one sample says about one gene.

    Attributes:
        sample, gene: which.
        status: ``positive`` (a driver), ``unconfirmed``, ``negative`` (down to ``limit``), or missing:
            ``below_depth`` (the limit is above the wanted fraction) and ``depth_unknown``.
        depth: reads over the gene (the user's figure), None when not given.
        limit: smallest allele fraction that would have been seen, None when the depth is not known.
        largest: largest allele fraction of a driver, None without one.
    """

    sample: str
    gene: str
    status: Status
    depth: int | None
    limit: float | None
    largest: float | None

    @property
    def value(self) -> float | None:
        """1 for positive, 0 for negative, None (missing) for everything else: what a model may use."""
        return {"positive": 1.0, "negative": 0.0}.get(self.status)


def gene_statuses(
    calls: SampleCalls, depths: Mapping[str, int], rules: RuleSet, *, genes: Iterable[str] | None = None, confidence: float = 0.95
) -> list[GeneStatus]:
    """The status of each gene of the rule set in one sample.

    Args:
        calls: the judged variants.
        depths: reads by gene in this sample; a gene left out is not known.
        rules: gives the wanted fraction and reads.
        genes: genes wanted; all of the rule set when None.
        confidence: of the detection limit.
    """
    statuses = []
    for gene in genes if genes is not None else rules.genes:
        if gene not in rules.genes:
            raise InputError(f"{gene} is not a gene of the rule set {rules.label}", fix="check the symbol, or add the gene")
        drivers = [j.variant.fraction or 0.0 for j in calls.drivers if j.gene == gene]
        unconfirmed = any(j.gene == gene and j.verdict == "unconfirmed" for j in calls.judged)
        depth = depths.get(gene)
        limit = None if depth is None else detection_limit(depth, rules.filters.min_alt_reads, confidence=confidence)
        status: Status
        if drivers:
            status = "positive"
        elif unconfirmed:
            status = "unconfirmed"
        elif limit is None:
            status = "depth_unknown"
        elif limit > rules.filters.min_fraction or (depth or 0) < rules.filters.min_depth:
            status = "below_depth"
        else:
            status = "negative"
        statuses.append(GeneStatus(calls.sample, gene, status, depth, limit, max(drivers) if drivers else None))
    return statuses


def any_status(statuses: Iterable[GeneStatus]) -> Status:
    """One status over several genes: positive if any is, negative only if all are, else missing."""
    seen = {status.status for status in statuses}
    order: tuple[Status, ...] = ("positive", "unconfirmed", "depth_unknown", "below_depth", "negative")
    return next((status for status in order if status in seen), "depth_unknown")
