"""Are the tumours' insertion sites nearer to cancer genes, or in the same genes, more often than chance gives?

Chance is high: vectors prefer genes, and ordinary infusion products hit some cancer-related genes in most patients.
So sites of tumours are held against matched random sites and against the sites of infusion products, never against
the genome's length. Several insertions of one clone multiply the chance:

    >>> round(chance_of_any(0.12, 3), 2)
    0.32
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aftercar.errors import InputError
from aftercar.evidence.context import chance_of_any
from aftercar.signals.rates import RatioTest, compare_proportions
from aftercar.vocab.estimates import Estimate, proportion


@dataclass(frozen=True, slots=True)
class MatchedEnrichment:
    """Tumour sites near a listed gene against matched controls of each.

    Attributes:
        near: share of tumour sites near a gene, exact interval.
        control: share of control sites near a gene, exact interval (controls of one site are not independent).
        expected: tumour sites near a gene expected by chance.
        p: one-sided exact p-value that as many or more are near (Poisson-binomial over the matched sets).
        sets: matched sets.
    """

    near: Estimate
    control: Estimate
    expected: float
    p: float
    sets: int


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A gene hit in several cases, against how often products hit it.

    Attributes:
        gene: symbol.
        cases: cases with an insertion in it.
        of: cases with mapped insertions.
        expected: cases expected from the product sites.
        p: chance that at least as many cases hit it (Poisson-binomial).
        adjusted_p: the same for *any* gene of the product table or of the cases (Bonferroni over them).
        product_patients: share of infusion products with an insertion in it, where known.
    """

    gene: str
    cases: int
    of: int
    expected: float
    p: float
    adjusted_p: float
    product_patients: float | None


def poisson_binomial(chances: ArrayLike) -> NDArray[np.float64]:
    """Distribution of the number of successes of independent trials with these chances, shape (N+1,)."""
    found = np.array([1.0])
    for chance in np.asarray(chances, float):
        found = np.convolve(found, [1 - chance, chance])
    return found


def upper_tail(count: int, chances: ArrayLike) -> float:
    """Chance of ``count`` or more successes."""
    return float(min(1.0, poisson_binomial(chances)[count:].sum())) if count > 0 else 1.0


def matched_enrichment(near: Sequence[bool], controls_near: Sequence[int], controls: Sequence[int]) -> MatchedEnrichment:
    """Exact test of tumour sites against their own matched random controls.

    Within each set, tumour site and controls are exchangeable under chance, so the tumour site is near with probability
    (near sites of the set) / (sites of the set).

    Args:
        near: whether each tumour site is near a listed gene, shape (S,).
        controls_near: near controls of each site, shape (S,).
        controls: controls of each site, shape (S,), at least 1.

    Raises:
        InputError: when the lengths differ or a set has no control.
    """
    hit, good, size = np.asarray(near, bool), np.asarray(controls_near, np.int64), np.asarray(controls, np.int64)
    if not (hit.shape == good.shape == size.shape) or not len(hit):
        raise InputError("tumour sites and matched controls differ in number")
    if (size < 1).any() or (good < 0).any() or (good > size).any():
        raise InputError("each tumour site needs at least one control, and no more near controls than controls")
    chances = (hit + good) / (1 + size)
    return MatchedEnrichment(
        near=proportion(int(hit.sum()), len(hit), unit="tumour sites"),
        control=proportion(int(good.sum()), int(size.sum()), unit="matched random sites"),
        expected=float((good / size).sum()),
        p=upper_tail(int(hit.sum()), chances),
        sets=len(hit),
    )


def against_products(near: int, sites: int, product_near: int, product_sites: int, *, level: float = 0.95) -> RatioTest:
    """Tumour sites near listed genes against unselected infusion-product sites: odds ratio with Fisher's exact test."""
    return compare_proportions(near, sites, product_near, product_sites, level=level)


def recurrence(
    case_genes: Sequence[Sequence[str]],
    product_site_counts: Mapping[str, int],
    product_sites: int,
    *,
    insertions: Sequence[int] | None = None,
    product_patients: Mapping[str, float] | None = None,
) -> tuple[Recurrence, ...]:
    """Genes of the cases against the insertion preference seen in infusion products.

    A clone with m insertions hits a gene with chance 1-(1-q)^m, q being the gene's share of the product sites
    (with one site added, so that a gene never seen is rare and not impossible).

    Args:
        case_genes: genes hit in each case, shape (C,) of lists.
        product_site_counts: product sites in each gene.
        product_sites: all product sites.
        insertions: insertions of each case's clone; the number of its genes when None.
        product_patients: share of infusion products with a site in the gene.

    Returns:
        One row for each gene hit in any case, smallest p first.

    Raises:
        InputError: when there are no product sites, or the lengths differ.
    """
    if product_sites <= 0:
        raise InputError("there are no product sites to compare with")
    counts = list(insertions) if insertions is not None else [max(1, len(set(genes))) for genes in case_genes]
    if len(counts) != len(case_genes):
        raise InputError("insertions and cases differ in number", where=f"{len(counts)} and {len(case_genes)}")
    hit = sorted({gene for genes in case_genes for gene in genes})
    tests = len(set(hit) | set(product_site_counts))
    rows = []
    for gene in hit:
        share = (product_site_counts.get(gene, 0) + 1) / (product_sites + 1)
        chances = [chance_of_any(share, m) for m in counts]
        seen = sum(gene in genes for genes in case_genes)
        p = upper_tail(seen, chances)
        patients = (product_patients or {}).get(gene)
        rows.append(Recurrence(gene, seen, len(case_genes), float(sum(chances)), p, min(1.0, p * tests), patients))
    return tuple(sorted(rows, key=lambda row: (row.p, row.gene)))


def near_any(
    chrom: Sequence[str], position: ArrayLike, genes: Sequence[tuple[str, int, int]], distance: int = 0
) -> NDArray[np.bool_]:
    """Whether each site lies in or within ``distance`` bases of any of the genes.

    Args:
        chrom, position: of the sites, 1-based.
        genes: (chromosome, first base, last base), 1-based and inclusive.
        distance: in bases.
    """
    names, places = np.asarray(chrom, dtype=str), np.asarray(position, np.int64)
    found = np.zeros(len(places), dtype=bool)
    for name in set(names.tolist()):
        intervals = sorted((start - distance, end + distance) for where, start, end in genes if where == name)
        if not intervals:
            continue
        starts = np.array([start for start, _ in intervals])
        furthest = np.maximum.accumulate(np.array([end for _, end in intervals]))
        rows = np.flatnonzero(names == name)
        index = np.searchsorted(starts, places[rows], side="right") - 1
        found[rows] = (index >= 0) & (furthest[np.maximum(index, 0)] >= places[rows])
    return found
