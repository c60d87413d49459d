"""Common insertion sites: genes hit more often than ordinary integration explains.

Windows with a fixed number of sites (two in 30 kb, and so on) are reached by chance as soon as there are enough sites: at 145,000
sites uniform chance alone gives over 100,000 of them. Three tests are offered that do not explode with the number of sites:
windows with their chance under uniform integration, a gene's frequency against all other genes (Grubbs), and, best, against the
sites of ordinary products, which removes the preference of the vector. A common site of a lentiviral vector often marks
preference and not selection.

    >>> round(expected_runs(774, 2, 30_000, 3.1e9), 1), round(expected_runs(1627, 2, 30_000, 3.1e9), 1)
    (5.8, 25.4)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special, stats

from aftercar.evidence.context import GeneSpans, place_arrays
from aftercar.evidence.tracking import testable

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def expected_runs(sites: int, order: int, window: float, genome: float) -> float:
    """Runs of at least ``order`` sites within ``window`` bases expected when sites fall evenly on ``genome`` bases.

    A site begins such a run when at least ``order - 1`` of the others fall in the window behind it (as in Abel et al., PLoS ONE
    2007;2:e570, in the Poisson limit).
    """
    if order < 2 or sites < 0 or window <= 0 or genome <= window:
        raise ValueError(f"order {order}, {sites} sites, window {window}, genome {genome}: not a test")
    return float(sites * special.pdtrc(order - 2, (sites - 1) * window / genome)) if sites else 0.0


@dataclass(frozen=True, slots=True)
class Runs:
    """Windows of a table against chance: observed and expected runs of one order, and the chance of as many."""

    order: int
    window: int
    observed: int
    expected: float
    p: float


def runs(table: pl.DataFrame, order: int, window: int, genome: int) -> Runs:
    """Count the runs of ``order`` sites within ``window`` bases, and their chance under uniform integration."""
    contigs, positions = place_arrays(table.unique(["chrom", "position", "orientation"]))
    seen = 0
    for contig in np.unique(contigs):
        where = np.sort(positions[contigs == contig])
        if where.size >= order:
            seen += int((where[order - 1 :] - where[: where.size - order + 1] <= window).sum())
    expected = expected_runs(contigs.size, order, window, genome)
    return Runs(order, window, seen, expected, float(special.pdtrc(seen - 1, expected)) if seen else 1.0)


def grubbs(table: pl.DataFrame, spans: GeneSpans, *, rate: float = 0.05, fewest: int = 3) -> pl.DataFrame:
    """Genes whose frequency of sites for each base stands out upwards from that of all genes hit (Grubbs 1950).

    Frequencies are compared on the log scale, as ISAnalytics does; the test there is symmetric, here only the upper side counts.

    Args:
        table: sites; each position once.
        spans: gene model.
        rate: chance of calling any gene when none stands out.
        fewest: genes with fewer sites are never called: one site in a very short gene is no cluster.

    Returns:
        ``gene, sites, per_mb, z, p, common`` (p corrected for the number of genes), smallest p first.
    """
    genes, counts, lengths = _gene_counts(table, spans)
    hit = counts > 0
    density = np.log2(counts[hit] / lengths[hit])
    n = int(hit.sum())
    if n < 3 or float(density.std()) == 0:
        z, p = np.zeros(n), np.ones(n)
    else:
        z = (density - density.mean()) / density.std(ddof=1)
        p = np.where(z > 0, np.minimum(1.0, n * _grubbs_tail(z, n)), 1.0)
    frame = pl.DataFrame(
        {
            "gene": [g for g, h in zip(genes, hit, strict=True) if h],
            "sites": counts[hit],
            "per_mb": counts[hit] / lengths[hit] * 1e6,
            "z": z,
            "p": p,
        }
    )
    return frame.with_columns(common=(pl.col("p") <= rate) & (pl.col("sites") >= fewest)).sort(
        ["p", "z"], descending=[False, True]
    )


def against_products(
    table: pl.DataFrame, products: pl.DataFrame, spans: GeneSpans, *, rate: float = 0.05, reach: int = 0
) -> pl.DataFrame:
    """Genes hit more often than by ordinary products: the conditional test of two counts, false-discovery rate held.

    Args:
        table: sites in question (each clone once).
        products: sites of infusion products, on the same build.
        spans: gene model.
        rate: nominal false-discovery rate (Benjamini-Hochberg over genes that could reach significance).
        reach: bases beyond a gene that still count.

    Returns:
        ``gene, sites, of, product_sites, product_of, fold, p, q, common``; genes without a site in ``table`` are left out.
    """
    genes, mine, _ = _gene_counts(table, spans, reach)
    _, theirs, _ = _gene_counts(products, spans, reach)
    n, m = _distinct(table), _distinct(products)
    if not n or not m:
        raise ValueError(f"{n} sites against {m} product sites: nothing to compare")
    hit = mine > 0
    x, y = mine[hit], theirs[hit]
    p = np.asarray(stats.hypergeom.sf(x - 1, n + m, x + y, n), dtype=float)
    least = np.asarray(stats.hypergeom.sf(np.minimum(x + y, n) - 1, n + m, x + y, n), dtype=float)
    able = testable(least, rate)
    q = np.full(p.size, np.nan)
    if able.any():
        q[able] = stats.false_discovery_control(p[able])
    return pl.DataFrame(
        {
            "gene": [g for g, h in zip(genes, hit, strict=True) if h],
            "sites": x,
            "of": np.full(x.size, n),
            "product_sites": y,
            "product_of": np.full(x.size, m),
            "fold": (x / n) / ((y + 0.5 * (y == 0)) / m),
            "p": p,
            "q": q,
            "common": np.nan_to_num(q, nan=1.0) <= rate,
        }
    ).sort("p")


def _gene_counts(table: pl.DataFrame, spans: GeneSpans, reach: int = 0) -> tuple[Sequence[str], Ints, Ints]:
    """Symbols, distinct sites and bases of every gene."""
    distinct = table.unique(["chrom", "position", "orientation"], maintain_order=True)
    contigs, positions = place_arrays(distinct)
    pairs = spans.hits(contigs, positions, reach)
    names, gene_of = np.unique(np.array(spans.genes), return_inverse=True)
    each = (
        np.unique(np.column_stack([gene_of[pairs[:, 1]], pairs[:, 0]]), axis=0)
        if pairs.size
        else np.zeros((0, 2), dtype=np.int64)
    )
    counts = np.bincount(each[:, 0], minlength=names.size).astype(np.int64)
    lengths = np.bincount(gene_of, spans.ends - spans.starts, minlength=names.size).astype(np.int64)
    return names.tolist(), counts, lengths


def _distinct(table: pl.DataFrame) -> int:
    return table.select("chrom", "position", "orientation").unique().height


def _grubbs_tail(z: Floats, n: int) -> Floats:
    """Upper tail of one value's Grubbs statistic among ``n``: Student's t with ``n - 2`` degrees of freedom."""
    room = np.maximum((n - 1) ** 2 - n * z**2, 1e-12)
    t = np.sqrt(n * (n - 2) * z**2 / room)
    return np.asarray(stats.t.sf(t, n - 2), dtype=float)
