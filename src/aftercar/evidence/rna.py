"""The CAR in RNA: joins between CAR parts that no human transcript has, fusion transcripts, CAR-positive single cells.

CAR parts are human sequences (CD8A hinge, 4-1BB, CD3 zeta), so reads inside them prove nothing; a read across a join between two
parts does. RNA says that the CAR is expressed in the sample, not which cell carries it and not where it is integrated.

    >>> car = Construct("toy", "A" * 20 + "CGTACGTTAGCCATGGATCC" + "GATTACAGATTACACCTTGA" + "T" * 20, elements=(
    ...     Element("scFv", "binder", 20, 40), Element("CD8 hinge", "hinge_tm", 40, 60)))
    >>> joins = car_joins(car, side=10)
    >>> joins[0].name, joins[0].window
    ('scFv|CD8 hinge', 'CCATGGATCCGATTACAGAT')
    >>> count_joins([("r1", "TTTCCATGGATCCGATTACAGATCC"), ("r2", "GATTACAGATTACA")], joins).templates
    {'scFv|CD8 hinge': 1}
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from aftercar.vocab.estimates import Estimate, proportion
from aftercar.vocab.vectors import Construct, Element, reverse_complement

_TRANSGENE = frozenset(
    {"signal_peptide", "binder", "hinge_tm", "costimulation", "cd3z", "marker", "safety_switch", "wpre", "car"}
)
AMBIENT_SHARE = 0.1  # share of a cell's transcripts that may come from outside it; droplet experiments see 2 to 20%


@dataclass(frozen=True, slots=True)
class Join:
    """A join of two CAR parts: its name, the bases around it, and where they are in the construct (0-based, of the join)."""

    name: str
    window: str
    position: int


def car_joins(construct: Construct, *, side: int = 15, gap: int = 60) -> tuple[Join, ...]:
    """Joins between neighbouring transgene parts of one strand, ``side`` bases to either side of the join.

    Parts up to ``gap`` bases apart (linkers, restriction sites) are joined by windows at both edges of the gap.
    """
    parts = sorted((e for e in construct.elements if e.kind in _TRANSGENE), key=lambda e: (e.start, e.end))
    joins: dict[int, Join] = {}
    for one in parts:
        for other in parts:
            if other.start < one.end - 3 or other.start - one.end > gap or one.strand != other.strand or _within(one, other):
                continue
            for at in {one.end, other.start}:
                window = construct.piece(at - side, at + side)
                if len(window) == 2 * side and "N" not in window:
                    joins.setdefault(at, Join(f"{one.name}|{other.name}", window, at))
    return tuple(joins[at] for at in sorted(joins))


def not_human(joins: Sequence[Join], sequences: Iterable[str]) -> tuple[Join, ...]:
    """The joins of which no window, on either strand, stands in any of the human sequences (transcripts or genome)."""
    left = {join.window: join for join in joins}
    pattern = _pattern(joins)
    for sequence in sequences:
        if not left:
            break
        for found in pattern.finditer(sequence.upper()):
            text = found.group(1)
            left.pop(text, None)
            left.pop(reverse_complement(text), None)
    return tuple(join for join in joins if join.window in left)


@dataclass(frozen=True, slots=True)
class JoinCounts:
    """Templates that cross each join, and reads looked at."""

    templates: dict[str, int]
    reads: int

    @property
    def positive(self) -> bool:
        """Whether any join was crossed."""
        return any(self.templates.values())

    def words(self) -> str:
        """One sentence for a report."""
        if not self.reads:
            return "no reads were looked at"
        crossed = sum(self.templates.values())
        if not crossed:
            high = proportion(0, self.reads, side="upper", unit="reads").high
            return f"no read of {self.reads:,} crosses a CAR join: less than {1e6 * high:.2g} in a million reads (95%)"
        per_million = crossed / self.reads * 1e6
        return f"{crossed} templates cross CAR joins ({per_million:.3g} per million reads): CAR transcripts are in the sample"


def count_joins(reads: Iterable[tuple[str, str]], joins: Sequence[Join]) -> JoinCounts:
    """Count templates (by name) that hold the whole window of a join, on either strand."""
    pattern = _pattern(joins)
    named = {join.window: join.name for join in joins} | {reverse_complement(join.window): join.name for join in joins}
    seen: dict[str, set[str]] = {join.name: set() for join in joins}
    total = 0
    for name, sequence in reads:
        total += 1
        for found in pattern.finditer(sequence):
            seen[named[found.group(1)]].add(name)
    return JoinCounts({name: len(templates) for name, templates in seen.items()}, total)


@dataclass(frozen=True, slots=True)
class ChimericRead:
    """One RNA read that runs from the host into the vector: template, host place (0-based last host base), vector place."""

    template: str
    contig: str
    position: int
    clip: str
    vector_position: int
    vector_strand: int
    shared_with_human: bool = False


@dataclass(frozen=True, slots=True)
class Fusion:
    """A vector-host transcript: places, distinct templates and starts, whether the host side is a known exon edge."""

    contig: str
    position: int
    side: str
    vector_position: int
    vector_strand: int
    templates: int
    at_exon_edge: bool
    shared_with_human: bool
    words: str


def fusions(
    reads: Iterable[ChimericRead], exon_edges: Mapping[str, frozenset[int]] | None = None, *, window: int = 2, fewest: int = 2
) -> list[Fusion]:
    """Chimeric reads gathered by both places; ``fewest`` templates make a fusion, most first.

    A chimera made in the test tube joins at any base, a spliced one at exon edges: ``at_exon_edge`` says which.
    """
    groups: dict[tuple[str, str, int], list[ChimericRead]] = defaultdict(list)
    for read in reads:
        groups[(read.contig, read.clip, read.vector_strand)].append(read)
    out: list[Fusion] = []
    for (contig, side, strand), members in groups.items():
        left = sorted(members, key=lambda r: (r.position, r.vector_position))
        while left:
            votes = Counter((r.position, r.vector_position) for r in left)
            (position, vector), _ = min(votes.items(), key=lambda v: (-v[1], v[0]))
            mine = [r for r in left if abs(r.position - position) <= window and abs(r.vector_position - vector) <= window]
            left = [r for r in left if r not in mine]
            templates = len({r.template for r in mine})
            if templates < fewest:
                continue
            edges = (exon_edges or {}).get(contig, frozenset())
            edge = any(position + d in edges for d in range(-1, 2))
            human = all(r.shared_with_human for r in mine)
            words = f"{templates} templates join {contig}:{position + 1} to vector base {vector + 1}"
            words += ", at a known exon edge (spliced)" if edge else ", not at a known exon edge"
            words += "; the vector side is also human sequence and proves nothing by itself" if human else ""
            out.append(Fusion(contig, position, side, vector, strand, templates, edge, human, words))
    return sorted(out, key=lambda f: (-f.templates, f.contig, f.position))


@dataclass(frozen=True, slots=True)
class CellGroup:
    """CAR-positive cells of one cluster or clonotype, with what ambient RNA alone would give."""

    group: str
    cells: int
    with_umi: int
    positive: Estimate
    ambient_expected: float
    words: str


@dataclass(frozen=True, slots=True)
class CarCells:
    """Single cells: barcodes called positive, groups, the ambient share of CAR transcripts, and a caution."""

    positive: frozenset[str]
    groups: tuple[CellGroup, ...]
    ambient_rate: float
    caution: str


def car_cells(
    car_umis: Mapping[str, int],
    total_umis: Mapping[str, int],
    group_of: Mapping[str, str],
    *,
    empty_car: int,
    empty_total: int,
    ambient_share: float = AMBIENT_SHARE,
    rate: float = 0.05,
) -> CarCells:
    """Which cells hold more CAR transcripts than ambient RNA explains, by cluster or clonotype.

    Args:
        car_umis: CAR UMIs of each barcode; absent is none.
        total_umis: all UMIs of each cell barcode.
        group_of: cluster or clonotype of each cell barcode; these barcodes are the cells.
        empty_car, empty_total: UMIs in droplets without a cell.
        ambient_share: share of a cell's UMIs that may be ambient (assumed; stated in the caution).
        rate: false-discovery rate of the positive calls.

    Raises:
        ValueError: when a cell has more CAR UMIs than UMIs.
    """
    rate_upper = float(special.gammaincinv(empty_car + 1, 0.95)) / empty_total if empty_total else float("nan")
    cells = sorted(group_of)
    seen = np.array([car_umis.get(cell, 0) for cell in cells])
    totals = np.array([total_umis.get(cell, 0) for cell in cells])
    if (seen > totals).any():
        worst = cells[int(np.argmax(seen - totals))]
        raise ValueError(f"cell {worst} has {car_umis[worst]} CAR UMIs of {total_umis.get(worst, 0)} in all")
    expected = totals * ambient_share * (rate_upper if empty_total else 0.0)
    p = np.where(seen > 0, stats.poisson.sf(seen - 1, expected), 1.0)
    held = np.flatnonzero(seen > 0)
    q = np.ones(len(cells))
    if held.size:
        q[held] = stats.false_discovery_control(p[held]) if empty_total else 0.0
    positive = frozenset(cells[i] for i in held if q[i] <= rate)
    groups: list[CellGroup] = []
    for name in sorted(set(group_of.values())):
        mine = [i for i, cell in enumerate(cells) if group_of[cell] == name]
        hit = sum(cells[i] in positive for i in mine)
        ambient = float((1 - np.exp(-expected[mine])).sum())
        share = proportion(hit, len(mine), unit="cells")
        words = f"{name}: {hit} of {len(mine)} cells CAR-positive ({share.percent()}); ambient RNA would mark about {ambient:.1f}"
        groups.append(CellGroup(name, len(mine), int((seen[mine] > 0).sum()), share, ambient, words))
    if empty_total:
        caution = (
            f"ambient CAR share at most {rate_upper:.3g} in {empty_total:,} empty-droplet UMIs, "
            f"{100 * ambient_share:g}% of each cell assumed ambient; no CAR UMI in a cell does not show it CAR-negative (dropout)"
        )
    else:
        caution = (
            "no empty droplets were given: ambient RNA cannot be told from a CAR transcript, every UMI counts; dropout as well"
        )
    return CarCells(positive, tuple(groups), rate_upper, caution)


def _within(one: Element, other: Element) -> bool:
    return (one.start <= other.start and other.end <= one.end) or (other.start <= one.start and one.end <= other.end)


def _pattern(joins: Sequence[Join]) -> re.Pattern[str]:
    """Any window on either strand, overlapping ones included."""
    words = sorted({word for join in joins for word in (join.window, reverse_complement(join.window))})
    return re.compile("(?=(" + "|".join(words) + "))" if words else "(?!)")
