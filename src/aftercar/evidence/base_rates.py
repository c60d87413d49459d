"""How often sites of ordinary infusion products fall in or near a gene: what a site in a case must be held against.

Ordinary products hit some genes in most patients (ZGPAT, SSU72), because lentiviral vectors like long, active, gene-dense
places. A background is built from any site table of products, with the user's gene model, and answers for one gene by any of
its names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special

from aftercar.evidence.context import NEAR, GeneSpans, place_arrays
from aftercar.vocab.estimates import Estimate, proportion
from aftercar.vocab.genes import among

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Background:
    """A background table with what it was built from.

    Attributes:
        table: ``site_background``, most products first.
        products, sites: denominators; near: bases that count as near.
    """

    table: pl.DataFrame
    products: int
    sites: int
    near: int


def build_background(
    sites: pl.DataFrame, spans: GeneSpans, genome_bases: int, *, product: str = "person_id", near: int = NEAR, level: float = 0.95
) -> Background:
    """Count sites and products in and near every gene.

    Args:
        sites: ``integration_sites`` of infusion products; one site counts once in each product.
        spans: the gene model on the same build.
        genome_bases: bases of the genome, for what length alone predicts.
        product: column that tells products apart; rows without it fall back to ``sample_id``.
        near: bases beyond a gene's ends.
        level: of the interval.

    Raises:
        ValueError: when there are no sites.
    """
    named = sites.with_columns(pl.coalesce(product, "sample_id").alias("_product"))
    distinct = named.unique(["_product", "chrom", "position", "orientation"], maintain_order=True)
    if not distinct.height:
        raise ValueError("no sites to build a background from")
    contigs, positions = place_arrays(distinct)
    names, owner = np.unique(distinct["_product"].to_numpy().astype(str), return_inverse=True)
    pairs = spans.hits(contigs, positions, near)
    symbols, gene_of = np.unique(
        np.array([f"{g}\t{c}" for g, c in zip(spans.genes, spans.contigs, strict=True)]), return_inverse=True
    )
    lengths = np.bincount(gene_of, spans.ends - spans.starts, minlength=symbols.size).astype(np.int64)
    inside = pairs[pairs[:, 2] == 0]
    counts_in, products_in = _counts(inside, gene_of, owner, symbols.size, names.size)
    counts_near, products_near = _counts(pairs, gene_of, owner, symbols.size, names.size)
    n = distinct.height
    low, high = _limits(counts_in, n, level)
    table = pl.DataFrame(
        {
            "gene": [s.split("\t")[0] for s in symbols.tolist()],
            "chrom": [s.split("\t")[1] for s in symbols.tolist()],
            "length": lengths,
            "products_in": products_in,
            "products_near": products_near,
            "products": np.full(symbols.size, names.size),
            "sites_in": counts_in,
            "sites_near": counts_near,
            "sites": np.full(symbols.size, n),
            "share_in": counts_in / n,
            "share_in_low": low,
            "share_in_high": high,
            "fold_over_random": counts_in / (n * lengths / genome_bases),
            "near_bases": np.full(symbols.size, near),
        }
    )
    ordered = table.sort(["products_in", "sites_in", "gene"], descending=[True, True, False])
    return Background(ordered, int(names.size), n, near)


def from_table(table: pl.DataFrame) -> Background:
    """A background read back from its table.

    Raises:
        ValueError: when the table is empty or mixes several backgrounds.
    """
    if not table.height:
        raise ValueError("the background table is empty")
    keys = table.select("products", "sites", "near_bases").unique()
    if keys.height != 1:
        raise ValueError("the table mixes several backgrounds (products, sites or near_bases differ)")
    products, sites, near = keys.row(0)
    return Background(table, int(products), int(sites), int(near))


@dataclass(frozen=True, slots=True)
class GeneRate:
    """What the background says of one gene.

    Attributes:
        asked, gene: the name asked for, and the gene model's name of it; empty when the model does not hold it.
        products_in, products_near: products with a site in, and in or near.
        share: chance that one site lies in the gene, with its interval.
        fold: over what the gene's length alone predicts.
        rank: place among all genes by products hit (1 is the most often hit).
        words: one sentence.
    """

    asked: str
    gene: str
    products_in: Estimate
    products_near: Estimate
    share: Estimate
    fold: float
    rank: int
    words: str

    def chance_in(self, insertions: int) -> float:
        """Chance that at least one of ``insertions`` ordinary insertions lies in the gene."""
        return 1 - (1 - self.share.value) ** insertions


def rate_of(background: Background, gene: str, more_names: Mapping[str, str] | None = None) -> GeneRate | None:
    """The base rate of a gene by any of its names; None when the gene model does not hold it (unknown, not zero)."""
    known = frozenset(background.table["gene"].to_list())
    name = among(gene, known, more_names)
    if name is None:
        return None
    rows = background.table.filter(pl.col("gene") == name)
    row = rows.row(0, named=True)
    hit = proportion(int(row["products_in"]), background.products, unit="products")
    near = proportion(int(row["products_near"]), background.products, unit="products")
    share = proportion(int(row["sites_in"]), background.sites, unit="sites")
    rank = int((background.table["products_in"] > row["products_in"]).sum()) + 1
    other = f" (asked as {gene})" if name.upper() != gene.upper() else ""
    reach = f"{row['products_near']} within {background.near // 1000} kb"
    words = (
        f"{row['products_in']} of {background.products} ordinary products have a site in {name}{other} ({hit.percent(0)}), "
        f"{reach}; rank {rank} of {background.table.height} genes"
    )
    return GeneRate(gene, name, hit, near, share, float(row["fold_over_random"]), rank, words)


def _counts(pairs: Ints, gene_of: Ints, owner: Ints, genes: int, products: int) -> tuple[Ints, Ints]:
    """Distinct sites and distinct products of each gene."""
    gene = gene_of[pairs[:, 1]]
    site = np.unique(np.column_stack([gene, pairs[:, 0]]), axis=0)
    product = np.unique(gene * products + owner[pairs[:, 0]])
    return np.bincount(site[:, 0], minlength=genes), np.bincount(product // products, minlength=genes)


def _limits(k: Ints, n: int, level: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Clopper-Pearson limits for many counts."""
    tail = (1 - level) / 2
    low = np.where(k > 0, special.betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
    high = np.where(k < n, special.betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return low, high
