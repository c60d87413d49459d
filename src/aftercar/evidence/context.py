"""Where sites lie: genes, exons, direction, listed genes nearby, and how much of that is chance.

Insertion in or near a cancer gene is common by chance, so no nearness is printed without the chance of it: from the length of
the genome that the list covers, from matched random places, and from the sites of ordinary products.

    >>> spans = GeneSpans.of([Transcript("A", "t", "chr1", "+", 100, 200, 100, 200, ((100, 200),))])
    >>> spans.hits(np.array(["1"]), np.array([250]), reach=60).tolist()
    [[0, 0, 51]]
    >>> round(chance_of_any(0.125, 3), 2)
    0.33
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats
from scipy.stats import contingency

from aftercar.evidence.annotation import GeneIndex, Transcript, annotate
from aftercar.vocab.genes import among, canonical
from aftercar.vocab.genomes import bare_contig

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
NEAR = 50_000  # bases; the reporting convention of the INSPIIRED patient reports


@dataclass(frozen=True, slots=True)
class GeneSpans:
    """Genes as spans (union of their transcripts), for counting sites in and near them.

    Attributes:
        genes: symbol of each span; contigs: bare contig name; strands.
        starts, ends: 0-based half-open, shape (spans,).
    """

    genes: tuple[str, ...]
    contigs: tuple[str, ...]
    strands: tuple[str, ...]
    starts: Ints
    ends: Ints

    @classmethod
    def of(cls, transcripts: Iterable[Transcript]) -> GeneSpans:
        """Spans from transcripts; those of one symbol that do not overlap stay apart, alternate contigs are left out."""
        groups: dict[tuple[str, str], list[Transcript]] = defaultdict(list)
        for t in transcripts:
            if "_" not in t.contig and "." not in t.contig:
                groups[(bare_contig(t.contig), t.gene)].append(t)
        rows: list[tuple[str, int, int, str, str]] = []
        for (contig, gene), members in groups.items():
            members.sort(key=lambda t: (t.start, t.end))
            start, end, strand = members[0].start, members[0].end, members[0].strand
            for t in members[1:]:
                if t.start > end:
                    rows.append((contig, start, end, strand, gene))
                    start, end, strand = t.start, t.end, t.strand
                else:
                    end = max(end, t.end)
            rows.append((contig, start, end, strand, gene))
        rows.sort()
        return cls(
            tuple(r[4] for r in rows),
            tuple(r[0] for r in rows),
            tuple(r[3] for r in rows),
            np.array([r[1] for r in rows], dtype=np.int64),
            np.array([r[2] for r in rows], dtype=np.int64),
        )

    def subset(self, genes: Iterable[str]) -> GeneSpans:
        """The spans of the named genes, whatever name the list uses."""
        wanted = {canonical(gene).upper() for gene in genes}
        keep = [i for i, gene in enumerate(self.genes) if canonical(gene).upper() in wanted]
        return GeneSpans(
            tuple(self.genes[i] for i in keep),
            tuple(self.contigs[i] for i in keep),
            tuple(self.strands[i] for i in keep),
            self.starts[keep],
            self.ends[keep],
        )

    def missing(self, genes: Iterable[str], more: Mapping[str, str] | None = None) -> list[str]:
        """Named genes that the model does not hold under any known name."""
        known = frozenset(self.genes)
        return sorted(gene for gene in genes if among(gene, known, more) is None)

    def hits(self, contigs: npt.NDArray[np.str_], positions: Ints, reach: int = 0) -> Ints:
        """Every pair of a site and a span within ``reach`` bases.

        Args:
            contigs: shape (sites,), bare names; positions: shape (sites,), 0-based.
            reach: bases beyond the span's ends.

        Returns:
            Shape (pairs, 3): site number, span number, distance in bases (0 inside), sorted by site, distance, span.
        """
        mine = np.asarray(self.contigs)
        parts = []
        for contig in np.unique(contigs):
            sites = np.flatnonzero(contigs == contig)
            spans = np.flatnonzero(mine == contig)
            if not spans.size:
                continue
            order = sites[np.argsort(positions[sites], kind="stable")]
            where = positions[order]
            low = np.searchsorted(where, self.starts[spans] - reach, "left")
            high = np.searchsorted(where, self.ends[spans] + reach, "left")
            count = high - low
            span = np.repeat(spans, count)
            site = order[np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)]
            far = np.maximum(np.maximum(self.starts[span] - positions[site], positions[site] - (self.ends[span] - 1)), 0)
            parts.append(np.column_stack([site, span, far]))
        if not parts:
            return np.zeros((0, 3), dtype=np.int64)
        pairs = np.concatenate(parts)
        return pairs[np.lexsort((pairs[:, 1], pairs[:, 2], pairs[:, 0]))]

    def covered(self, lengths: Mapping[str, int], reach: int = 0) -> tuple[int, int]:
        """Bases of the genome in or within ``reach`` of a span (overlaps once), and bases of the genome."""
        total = sum(lengths.values())
        inside = 0
        sizes = {bare_contig(name): length for name, length in lengths.items()}
        for contig in set(self.contigs) & set(sizes):
            rows = [i for i, name in enumerate(self.contigs) if name == contig]
            starts = np.maximum(self.starts[rows] - reach, 0)
            ends = np.minimum(self.ends[rows] + reach, sizes[contig])
            order = np.argsort(starts)
            reached = np.maximum.accumulate(ends[order])
            before = np.concatenate([[0], reached[:-1]])
            inside += int(np.maximum(0, reached - np.maximum(starts[order], before)).sum())
        return inside, total


def place_arrays(table: pl.DataFrame) -> tuple[npt.NDArray[np.str_], Ints]:
    """Bare contigs and 0-based positions of a site table."""
    contigs = np.array([bare_contig(name) for name in table["chrom"].to_list()], dtype=np.str_)
    return contigs, table["position"].to_numpy().astype(np.int64) - 1


def site_context(
    table: pl.DataFrame,
    index: GeneIndex,
    spans: GeneSpans,
    lists: Mapping[str, frozenset[str]],
    *,
    near: int = NEAR,
    flags: Mapping[int, Sequence[str]] | None = None,
) -> pl.DataFrame:
    """The table with gene, feature, direction, distance, and the nearest listed gene within ``near`` bases of each list.

    Args:
        table: ``integration_sites``.
        index, spans: the gene model, for single sites and for counting.
        lists: gene lists by name.
        near: bases.
        flags: row number to region flags (blacklist).
    """
    rows = []
    for number, (chrom, position, orientation) in enumerate(table.select("chrom", "position", "orientation").iter_rows()):
        found = annotate(
            chrom, position - 1, orientation, index.near(chrom, position - 1), lists=lists, flags=(flags or {}).get(number, ())
        )
        rows.append(
            {
                "in_gene": found.gene if found.distance == 0 else None,
                "nearest_gene": found.gene or None,
                "gene_distance": found.distance,
                "feature": found.feature,
                "sense": found.sense or None,
                "tss_distance": found.tss_distance,
                "consequence": found.consequence or None,
                "region_flags": ";".join(found.flags) or None,
            }
        )
    kinds: dict[str, type[pl.DataType]] = dict.fromkeys(
        ("in_gene", "nearest_gene", "feature", "sense", "consequence", "region_flags"), pl.String
    )
    out = table.hstack(pl.DataFrame(rows, schema_overrides={**kinds, "gene_distance": pl.Int64, "tss_distance": pl.Int64}))
    contigs, positions = place_arrays(table)
    for name, genes in lists.items():
        listed = spans.subset(genes)
        pairs = listed.hits(contigs, positions, near)
        first = pairs[np.unique(pairs[:, 0], return_index=True)[1]] if pairs.size else pairs
        gene: list[str | None] = [None] * table.height
        far: list[int | None] = [None] * table.height
        for site, span, distance in first.tolist():
            gene[site], far[site] = listed.genes[span], distance
        out = out.with_columns(
            pl.Series(f"near_{name}", gene, dtype=pl.String), pl.Series(f"near_{name}_bases", far, dtype=pl.Int64)
        )
    return out


def chance_of_any(share: float, insertions: int) -> float:
    """Chance that at least one of ``insertions`` lies where each does with chance ``share``."""
    if not 0 <= share <= 1 or insertions < 0:
        raise ValueError(f"share {share} or {insertions} insertions out of range")
    return 1 - (1 - share) ** insertions


@dataclass(frozen=True, slots=True)
class Enrichment:
    """Sites against controls: counts, odds ratio with its exact conditional interval, two-sided p value (Fisher)."""

    hits: int
    sites: int
    control_hits: int
    controls: int
    odds_ratio: float
    low: float
    high: float
    p: float
    against: str


def enrichment(hits: int, sites: int, control_hits: int, controls: int, *, against: str, level: float = 0.95) -> Enrichment:
    """Whether sites lie somewhere more often than controls do.

    Raises:
        ValueError: for more hits than sites.
    """
    if not (0 <= hits <= sites and 0 <= control_hits <= controls):
        raise ValueError(f"{hits} of {sites} sites, {control_hits} of {controls} controls: not possible")
    table = np.array([[hits, sites - hits], [control_hits, controls - control_hits]])
    p = float(stats.fisher_exact(table).pvalue)
    if sites and controls and (hits + control_hits) and (hits + control_hits < sites + controls):
        ratio = contingency.odds_ratio(table, kind="conditional")
        limits = ratio.confidence_interval(level)
        return Enrichment(
            hits, sites, control_hits, controls, float(ratio.statistic), float(limits.low), float(limits.high), p, against
        )
    return Enrichment(hits, sites, control_hits, controls, float("nan"), 0.0, float("inf"), p, against)


def random_places(
    lengths: Mapping[str, int], count: int, seed: int, blocked: Mapping[str, Sequence[tuple[int, int]]] | None = None
) -> tuple[npt.NDArray[np.str_], Ints]:
    """Places drawn evenly over the genome outside ``blocked`` regions (unmappable, gaps): bare contigs and 0-based positions.

    Raises:
        ValueError: when nothing is left to draw from.
    """
    rng = np.random.default_rng(seed)
    names = np.array([bare_contig(name) for name in lengths], dtype=np.str_)
    sizes = np.array(list(lengths.values()), dtype=np.int64)
    edges = np.concatenate([[0], np.cumsum(sizes)])
    closed = {bare_contig(name): _merged(regions) for name, regions in (blocked or {}).items()}
    contigs: list[npt.NDArray[np.str_]] = []
    places: list[Ints] = []
    missing, tries = count, 0
    while missing > 0:
        tries += 1
        if tries > 200:
            raise ValueError("almost all of the genome is blocked; no random places can be drawn")
        draw = rng.integers(0, edges[-1], size=max(missing * 2, 64))
        which = np.searchsorted(edges, draw, "right") - 1
        where = draw - edges[which]
        free = ~_inside(names[which], where, closed)
        contigs.append(names[which][free][:missing])
        places.append(where[free][:missing])
        missing -= int(free.sum())
    return np.concatenate(contigs)[:count], np.concatenate(places)[:count]


def matched(values: npt.ArrayLike, pool: npt.ArrayLike, each: int, seed: int) -> Ints:
    """Numbers of ``each`` pool members for every site whose value (distance to a restriction site) is closest, none used twice.

    Args:
        values: shape (sites,); pool: shape (pool,), many times larger.
        each: controls for each site.
        seed: order in which sites choose.

    Raises:
        ValueError: when the pool is too small.
    """
    wanted, offered = np.asarray(values, dtype=float), np.asarray(pool, dtype=float)
    if offered.size < wanted.size * each:
        raise ValueError(f"{offered.size} candidates for {wanted.size} sites with {each} controls each")
    order = np.argsort(offered, kind="stable")
    ordered = offered[order]
    after = np.arange(ordered.size + 1)  # union-find to the next free place upwards
    below = np.arange(-1, ordered.size)  # and downwards, shifted by one
    out = np.empty((wanted.size, each), dtype=np.int64)

    def find(links: Ints, i: int) -> int:
        while links[i] != i:
            links[i] = links[links[i]]
            i = int(links[i])
        return i

    down = below + 1
    for site in np.random.default_rng(seed).permutation(wanted.size):
        at = int(np.searchsorted(ordered, wanted[site]))
        for k in range(each):
            up, low = find(after, min(at, ordered.size)), find(down, min(at, ordered.size)) - 1
            far_up = ordered[up] - wanted[site] if up < ordered.size else np.inf
            far_low = wanted[site] - ordered[low] if low >= 0 else np.inf
            pick = up if far_up <= far_low else low
            out[site, k] = order[pick]
            after[pick] = pick + 1
            down[pick + 1] = pick
    return out


def restriction_distance(cuts: Ints, position: Ints, upwards: npt.NDArray[np.bool_]) -> Ints:
    """Bases from each place to the next restriction site in its reading direction; -1 where there is none.

    Args:
        cuts: sorted 0-based starts of the recognition sequence on one contig.
        position: shape (places,), 0-based; upwards: whether the host is read up the contig from there.
    """
    after = np.searchsorted(cuts, position, "left")
    before = np.searchsorted(cuts, position, "right") - 1
    up = (
        np.where(after < cuts.size, cuts[np.minimum(after, max(cuts.size - 1, 0))] - position, -1)
        if cuts.size
        else np.full(position.size, -1)
    )
    down = np.where(before >= 0, position - cuts[np.maximum(before, 0)], -1) if cuts.size else np.full(position.size, -1)
    return np.where(upwards, up, down).astype(np.int64)


def motif_places(codes: npt.NDArray[np.uint8], motif: str) -> Ints:
    """0-based starts of a short motif in ASCII codes, ascending (both strands are one for palindromic sites)."""
    pattern = np.frombuffer(motif.upper().encode(), np.uint8)
    if not pattern.size or codes.size < pattern.size:
        return np.zeros(0, dtype=np.int64)
    hit = np.ones(codes.size - pattern.size + 1, dtype=bool)
    for i, base in enumerate(pattern):
        hit &= codes[i : i + hit.size] == base
    return np.flatnonzero(hit).astype(np.int64)


def gaps(codes: npt.NDArray[np.uint8], shortest: int = 50) -> list[tuple[int, int]]:
    """Runs of at least ``shortest`` unknown bases, 0-based half-open."""
    unknown = np.concatenate([[False], codes == ord("N"), [False]])
    edges = np.flatnonzero(np.diff(unknown.astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= shortest]


def distances(cuts: Mapping[str, Ints], contigs: npt.NDArray[np.str_], positions: Ints, upwards: npt.NDArray[np.bool_]) -> Ints:
    """Distance of each place to the next restriction site in its reading direction; -1 where there is none."""
    out = np.full(positions.size, -1, dtype=np.int64)
    for contig in np.unique(contigs):
        mine = contigs == contig
        if contig in cuts:
            out[mine] = restriction_distance(cuts[str(contig)], positions[mine], upwards[mine])
    return out


def _merged(regions: Sequence[tuple[int, int]]) -> tuple[Ints, Ints]:
    if not regions:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    ordered = np.array(sorted(regions), dtype=np.int64)
    ends = np.maximum.accumulate(ordered[:, 1])
    return ordered[:, 0], ends


def _inside(contigs: npt.NDArray[np.str_], positions: Ints, closed: Mapping[str, tuple[Ints, Ints]]) -> npt.NDArray[np.bool_]:
    out = np.zeros(positions.size, dtype=bool)
    for contig in np.unique(contigs):
        starts, ends = closed.get(str(contig), (np.zeros(0, dtype=np.int64),) * 2)
        if starts.size:
            mine = contigs == contig
            at = np.searchsorted(starts, positions[mine], "right") - 1
            out[mine] = (at >= 0) & (positions[mine] < ends[np.maximum(at, 0)])
    return out


def inside_regions(table: pl.DataFrame, regions: Mapping[str, Sequence[tuple[int, int]]]) -> npt.NDArray[np.bool_]:
    """Which sites of a table lie in the regions (0-based half-open by contig)."""
    contigs, positions = place_arrays(table)
    return _inside(contigs, positions, {bare_contig(name): _merged(parts) for name, parts in regions.items()})
