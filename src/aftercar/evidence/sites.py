"""Sites with what is known of each: filter, cell fraction, gene, flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from scipy import stats

from aftercar.evidence import clones
from aftercar.evidence.annotation import Annotation
from aftercar.evidence.clones import Clone
from aftercar.evidence.copies import Copies
from aftercar.evidence.quantity import Quantity
from aftercar.evidence.settings import Settings
from aftercar.reads.junctions import Junction, Site
from aftercar.reads.junctions_types import Support


@dataclass(frozen=True, slots=True)
class LocalCount:
    """Host fragments across an empty site, and how they were counted; ``reference`` is None when they cannot be."""

    reference: int | None
    how: str


@dataclass(frozen=True, slots=True)
class LocalCounts:
    """What the sample's own file tells of the places of the sites.

    Attributes:
        sites: host fragments across each empty site, by contig and 0-based position.
        controls: counts at pairs of neighbouring places of the host (:mod:`aftercar.evidence.dispersion`).
    """

    sites: Mapping[tuple[str, int], LocalCount] = field(default_factory=dict)
    controls: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class SiteCall:
    """One site of the verdict.

    Attributes:
        site: as found.
        filter: ``PASS``, ``single_fragment`` (one fragment), ``approximate`` (no read crosses the junction),
            ``repeat`` (several places fit), or ``weak`` (a break inside the vector with too
            little support, or a repeat whose places the file does not name).
        clone: share of cells.
        annotation: gene and flags, None without a gene file.
        flags: further remarks by name.
    """

    site: Site
    filter: str
    clone: Clone
    annotation: Annotation | None
    flags: tuple[str, ...] = ()

    @property
    def located(self) -> bool:
        """Whether several fragments, one of them with a read across the junction, place it uniquely."""
        return self.filter == "PASS"


def independent(junction: Junction | None) -> int:
    """Fragments of a junction that differ at an end."""
    if junction is None:
        return 0
    return len({(s.host_outer, s.vector_outer) for s in junction.supports})


def site_filter(site: Site, settings: Settings) -> str:
    """The filter of a site."""
    total = sum(independent(junction) for junction in site.junctions)
    split = sum(junction.split for junction in site.junctions)
    if not site.unique:
        return "repeat" if site.places else "weak"
    if not site.canonical and (split == 0 or total < settings.free_fragments):
        return "weak"
    if split == 0:
        return "approximate"
    return "PASS" if total >= settings.site_fragments else "single_fragment"


def anchored(junction: Junction | None, anchor: int) -> int:
    """Fragments of a junction with at least ``anchor`` bases on both sides."""
    if junction is None:
        return 0

    def wide(support: Support) -> bool:
        vector = abs(support.vector - support.vector_outer) if support.vector >= 0 else support.vector_bases
        return abs(junction.adjacent - support.host_outer) + 1 >= anchor and max(vector, support.vector_bases) >= anchor

    return sum(wide(support) for support in junction.supports)


def clone_of(
    site: Site,
    count: LocalCount | None,
    *,
    expected_per_end: float,
    mean_copies: float,
    purity: float | None,
    settings: Settings,
    spread: float = 0.0,
) -> Clone:
    """The share of cells with one insertion.

    Args:
        site: both or one of its ends.
        count: host fragments across the empty site, None when the file cannot tell.
        expected_per_end: fragments across one end if every cell carried one copy (from the mean depth).
        mean_copies: chromosome copies of a mean cell.
        purity: share of tumour cells, None when not known.
        settings: thresholds.
        spread: squared coefficient of variation of the local fragment density.
    """
    left, right = anchored(site.left, settings.anchor), anchored(site.right, settings.anchor)
    ends = 2 if site.canonical or (site.left is not None and site.right is not None) else 1
    least = _least(site, left + right, settings)
    if count is not None and count.reference is not None:
        fraction = clones.from_reference(
            left + right, count.reference, ends=ends, mean_copies=mean_copies, level=settings.level, least=least, spread=spread,
        )  # fmt: skip
        reference, how = float(count.reference), count.how
    elif expected_per_end > 0:
        fraction = clones.from_depth(
            left + right, ends=ends, expected_per_end=expected_per_end, level=settings.level, least=least, spread=spread
        )
        reference, how = expected_per_end, "mean host depth"
    else:
        fraction = Quantity(float("nan"), 0.0, 1.0, "of all cells", "host depth not known")
        reference, how = float("nan"), "not known"
    tumour = fraction.scaled(1 / purity, "of tumour cells").capped(1.0) if purity else None
    compared = tumour if tumour is not None else fraction
    kind = clones.clonality(compared, settings.clonal_from, settings.bystander_to)
    return Clone(fraction, tumour, kind, left, right, reference, how)


def _least(site: Site, counted: int, settings: Settings) -> int:
    """Counted fragments without which the site would not be reported as what it is.

    The fragments of a site that are not counted (too few bases on one side) helped it to be reported.
    """
    every = sum(independent(junction) for junction in site.junctions)
    wanted = settings.site_fragments if every >= settings.site_fragments else 1
    return max(0, min(counted, wanted - max(0, every - counted)))


def call_sites(
    sites: Sequence[Site],
    counts: Mapping[tuple[str, int], LocalCount],
    annotations: Mapping[tuple[str, int], Annotation],
    *,
    expected_per_end: float,
    mean_copies: float,
    purity: float | None,
    settings: Settings,
    spread: float = 0.0,
) -> tuple[SiteCall, ...]:
    """Every site with its filter, clone and annotation, those with most cells first.

    ``counts`` and ``annotations`` are by contig and 0-based position; the rest as of :func:`clone_of`.
    """
    called = []
    for site in sites:
        key = (site.contig, site.position)
        clone = clone_of(
            site, counts.get(key), expected_per_end=expected_per_end, mean_copies=mean_copies, purity=purity, settings=settings,
            spread=spread,
        )  # fmt: skip
        called.append(SiteCall(site, site_filter(site, settings), clone, annotations.get(key), _flags(site)))
    order = {"PASS": 0, "repeat": 1, "single_fragment": 2, "approximate": 3, "weak": 4}
    return tuple(sorted(called, key=lambda c: (order[c.filter], -c.site.fragments, c.site.contig, c.site.position)))


#: With surely fewer junction fragments than this share of those due at the vector depth, they do not stand for all insertions.
MOST_JUNCTIONS = 0.7


def weigh_with_copies(
    sites: Sequence[SiteCall], amount: Copies | None, expected: float, settings: Settings, spread: float = 0.0
) -> tuple[SiteCall, ...]:
    """Located sites judged by their share of all vector copies as well.

    Args:
        sites: every site, the weak ones too: their fragments are part of all insertions.
        amount: vector copies; without them the sites stay as they are.
        expected: junction fragments due if all vector DNA is integrated (NaN when not known).
        settings: thresholds.
        spread: squared coefficient of variation of the local fragment density.
    """
    every = sum(call.site.fragments for call in sites)
    if amount is None or amount.per_cell.value <= 0 or not expected > 0 or every == 0:
        return tuple(sites)
    if stats.poisson.cdf(every, MOST_JUNCTIONS * expected) < 0.05:
        return tuple(sites)
    per_cell = amount.per_tumour_cell or amount.per_cell

    def one(call: SiteCall) -> SiteCall:
        if not call.located:
            return call
        other = clones.by_copies(call.site.fragments, every, per_cell, level=settings.level, spread=spread)
        return replace(call, clone=clones.weighed(call.clone, other, settings.clonal_from, settings.bystander_to))

    return tuple(one(call) for call in sites)


def _flags(site: Site) -> tuple[str, ...]:
    flags = []
    if site.left is None or site.right is None:
        flags.append("one_end")
    if site.inferred:
        flags.append("position_inferred")
    if not site.canonical:
        flags.append("break_inside_vector")
    if not site.unique:
        flags.append("several_places")
    return tuple(flags)
