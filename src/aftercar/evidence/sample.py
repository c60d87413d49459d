"""From one screened sample to its verdict: the stations of this package in their order, still pure.

Reading files is the caller's part: the screen's result, the host's bases, the counts at the sites and the genes come in
as values (or as functions that give them), a :class:`aftercar.evidence.verdict.Verdict` goes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from aftercar.evidence import contamination
from aftercar.evidence.annotation import Annotation
from aftercar.evidence.copies import copies, mean_ploidy
from aftercar.evidence.detection_limit import Limit, limit
from aftercar.evidence.dispersion import Spread, spread
from aftercar.evidence.presence import presence
from aftercar.evidence.rearrangements import changes
from aftercar.evidence.settings import Settings
from aftercar.evidence.sites import LocalCounts, anchored, call_sites, weigh_with_copies
from aftercar.evidence.verdict import Verdict, decide
from aftercar.reads.batch import HostDepth, Screened
from aftercar.reads.junctions import Junction, Site, call_junctions, pair_junctions
from aftercar.reads.junctions_align import VectorAligner
from aftercar.reads.junctions_inverted import one_orientation
from aftercar.reads.junctions_parts import gather
from aftercar.reads.junctions_target import Target, encode, target_of
from aftercar.reads.junctions_types import Evidence, Library
from aftercar.reads.placement import HostSequence, stream
from aftercar.reads.tally import WINDOW
from aftercar.vocab.vectors import Construct

CountSites = Callable[[Sequence[Site], Library], LocalCounts]
Annotate = Callable[[Sequence[Site]], Mapping[tuple[str, int], Annotation]]

_TILE, _TILE_STEP = 32, 8
MIN_HOST_READS = 500
GIVEN = "given by the user"
UNTOLD = "not known: chosen parts were enriched"


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything between the screen and the verdict, for those who write evidence out."""

    target: Target
    library: Library
    evidence: Evidence
    sites: tuple[Site, ...]


def shared_with_host(constructs: Sequence[Construct], host: HostSequence) -> list[npt.NDArray[np.bool_]]:
    """For each construct the bases that also stand in the host: 32-base tiles with at most two mismatches.

    Every tile is searched in the whole reference (one pass for all constructs).
    """
    tiles, owners = [], []
    for number, construct in enumerate(constructs):
        codes = encode(construct.sequence)
        for start in range(0, max(1, len(codes) - _TILE + 1), _TILE_STEP):
            tiles.append(codes[start : start + _TILE])
            owners.append((number, start))
    masks = [np.zeros(len(construct), bool) for construct in constructs]
    for (number, start), places in zip(owners, stream(tiles, host, cap=1, most_tries=2_000), strict=True):
        if places.found:
            masks[number][start : start + _TILE] = True
    return masks


def library_of(screened: Screened) -> Library:
    """Read and template length; a file without pairs or with unknown lengths keeps NaN."""
    return Library(max(1, screened.read_length), screened.insert_mean, screened.insert_sd)


def is_paired(screened: Screened) -> bool:
    """Whether templates have two ends."""
    return not math.isnan(screened.insert_mean) or any(pair.second is not None for pair in screened.pairs[:1000])


def find(
    screened: Screened,
    constructs: Sequence[Construct],
    host: HostSequence | None,
    shared: Sequence[npt.NDArray[np.bool_]] | None = None,
) -> Findings:
    """Junctions and sites of one screened sample."""
    target = target_of(constructs, shared)
    library = library_of(screened)
    if is_paired(screened) and math.isnan(library.insert_mean):
        library = _measured(screened, target, library)
    contigs = {name: length for name, length in screened.contigs.items() if name not in screened.vector_contigs}
    evidence = gather(screened.pairs, target, library, host=host, contigs=contigs)
    junctions = call_junctions(evidence, target, host)
    sites = pair_junctions(junctions, tsd=target.tsd, longest=library.longest)
    return Findings(target, library, evidence, tuple(_at_ends(site, target) for site in one_orientation(sites)))


def _at_ends(site: Site, target: Target) -> Site:
    """The site with its vector boundaries at the ends of the whole provirus."""

    def moved(junction: Junction | None) -> Junction | None:
        if junction is None or junction.vector < 0:
            return junction
        return replace(junction, vector=target.outermost(junction.vector, junction.end))

    return replace(site, left=moved(site.left), right=moved(site.right))


def _measured(screened: Screened, target: Target, library: Library) -> Library:
    """Template length from pairs that lie wholly in the vector (FASTQ tells nothing else)."""
    aligner = VectorAligner(target)
    pairs = [pair for pair in screened.pairs if pair.second is not None][:5_000]
    ones = aligner.align([encode(pair.first.sequence) for pair in pairs])
    twos = aligner.align([encode(pair.second.sequence) for pair in pairs if pair.second is not None])
    sizes = []
    for one, two in zip(ones, twos, strict=True):
        if len(one) == 1 and len(two) == 1 and one[0].strand != two[0].strand:
            forward, backward = (one[0], two[0]) if one[0].strand == 1 else (two[0], one[0])
            size = backward.target_stop + backward.start - (forward.target_start - forward.start)
            if 0 < size < 3_000:
                sizes.append(size)
    if len(sizes) < 20:
        return library
    middle = float(np.median(sizes))
    spread = 1.4826 * float(np.median(np.abs(np.array(sizes) - middle)))
    near = np.array([size for size in sizes if abs(size - middle) <= 6 * max(spread, 10.0)], float)
    return replace(library, insert_mean=float(near.mean()), insert_sd=float(near.std()))


def judge(
    screened: Screened,
    found: Findings,
    constructs: Sequence[Construct],
    *,
    purity: float | None = None,
    ploidy: float = 2.0,
    settings: Settings | None = None,
    count_sites: CountSites | None = None,
    annotate_sites: Annotate | None = None,
    notes: Sequence[str] = (),
) -> Verdict:
    """The verdict of one sample.

    Args:
        screened: what the screen gave.
        found: from :func:`find`.
        constructs: as given by the user.
        purity: share of tumour cells, None when not known.
        ploidy: chromosome copies of a tumour cell.
        settings: thresholds.
        count_sites: gives host fragments across empty sites and neighbouring places; without it the mean depth is the
            denominator and the spread is that of the ends.
        annotate_sites: gives genes.
        notes: anything to be said with it.
    """
    settings = settings or Settings()
    screened = _with_sound_depth(screened)
    target, library = found.target, found.library
    paired = is_paired(screened)
    mean_copies = mean_ploidy(purity, ploidy)
    evidence = found.evidence
    factor = 1.0
    if screened.duplicates == 0 and evidence.fragments:
        factor = (len(evidence.fragments) + evidence.duplicates) / len(evidence.fragments)
    seen = presence(evidence.fragments, target, duplicate_factor=factor, elements=_elements(constructs, target))
    local = count_sites(found.sites, library) if count_sites is not None else LocalCounts()
    scatter = _spread(found.sites, local.controls, settings)
    gc_factor = _gc_factor(screened, target)
    amount = copies(
        seen, screened.host, purity=purity, ploidy=ploidy, level=settings.level, gc_factor=gc_factor,
        spread=scatter.value, place=library.typical,
    )  # fmt: skip
    lowest = limit(
        target, library, screened.host.mean * gc_factor, mean_copies=mean_copies, fragments=settings.fragments,
        site_fragments=settings.site_fragments, power=settings.power, paired=paired,
    )  # fmt: skip
    sites = call_sites(
        found.sites,
        local.sites,
        annotate_sites(found.sites) if annotate_sites is not None else {},
        expected_per_end=_expected_per_end(screened, library, mean_copies, settings, paired),
        mean_copies=mean_copies,
        purity=purity,
        settings=settings,
        spread=scatter.value,
    )
    crossing = sum(1 for s in evidence.supports if s.end) + len(evidence.loose)
    per_fragment = (2 if paired else 1) * library.read_length
    crossings = contamination.Junctions(crossing, contamination.expected_junctions(seen, lowest, per_fragment))
    sites = weigh_with_copies(sites, amount, crossings.expected, settings, scatter.value)
    located = [site for site in sites if site.located]
    others = contamination.alternatives(
        seen,
        crossings,
        copies_per_cell=amount.per_cell.value if amount else float("nan"),
        located=len(located),
        complete=screened.complete and screened.host.how != UNTOLD,
        settings=settings,
    )
    call, reasons, vector = decide(
        seen,
        amount,
        lowest,
        sites,
        others,
        purity=purity,
        complete=screened.complete,
        has_ends=target.has_ends,
        settings=settings,
    )
    return Verdict(
        call, reasons, vector, seen, amount, lowest, sites, others, purity, ploidy, settings,
        facts=_facts(screened, found, crossings, constructs, scatter), notes=(*screened.notes, *notes, *_arms(target)),
        rearrangements=changes(evidence.rearrangements, found.sites, target, _elements(constructs, target)),
    )  # fmt: skip


ARM = 50  #: human bases at both ends of a construct that make it a donor with homology arms


def _arms(target: Target) -> list[str]:
    """What must be said of a donor whose ends are host sequence: no read crosses from host into anything that is not there."""
    notes = []
    for part, provirus in zip((p for p in target.parts if p.kind == "provirus"), target.proviruses, strict=True):
        ends = target.shared[part.start : part.start + ARM], target.shared[part.end - ARM : part.end]
        if not provirus.has_ends and part.end - part.start > 2 * ARM and all(end.all() for end in ends):
            notes.append(
                f"Both ends of {part.name} are human sequence (homology arms): an insertion at that place has no junction of its "
                "own and is not located; give the construct without its arms to locate it."
            )
    return notes


def _with_sound_depth(screened: Screened) -> Screened:
    """The sample without its host depth when that says nothing of the vector's: too few host reads, or vector reads missing."""
    if not screened.complete:
        return replace(screened, host=HostDepth(float("nan"), 0.0, how="not used: only part of the reads was looked at"))
    if screened.host.how in (GIVEN, UNTOLD):
        return screened
    ends = sum(1 + (pair.second is not None) for pair in screened.pairs)
    if screened.reads - screened.duplicates - ends >= MIN_HOST_READS:
        return screened
    words = f"not known: fewer than {MIN_HOST_READS} reads are not vector candidates"
    return replace(screened, host=HostDepth(float("nan"), 0.0, how=words))


def _spread(sites: Sequence[Site], controls: Sequence[tuple[int, int]], settings: Settings) -> Spread:
    """Spread of the local fragment density: as set, else from neighbouring places and from both ends of each provirus."""
    if settings.overdispersion is not None:
        return Spread(settings.overdispersion, GIVEN)
    ends = [(anchored(site.left, settings.anchor), anchored(site.right, settings.anchor)) for site in sites if site.canonical]
    return spread([*controls, *(pair for pair in ends if min(pair) > 0)])


def _expected_per_end(screened: Screened, library: Library, mean_copies: float, settings: Settings, paired: bool) -> float:
    depth = screened.host.mean
    if math.isnan(depth):
        return 0.0
    size = library.insert_mean if paired and not math.isnan(library.insert_mean) else library.read_length
    room = max(0.0, size - 2 * settings.anchor + 1)
    return depth / mean_copies / ((2 if paired else 1) * library.read_length) * room


def _gc_factor(screened: Screened, target: Target) -> float:
    """Mean relative host depth at the GC content around each base of the vector; 1 when the screen gave none."""
    curve = np.asarray(screened.host.gc_depth, float)
    if len(curve) != 101:
        return 1.0
    codes = target.codes[target.proviral & ~target.shared]
    if not len(codes):
        return 1.0
    gc = np.concatenate([[0], np.cumsum((codes == 1) | (codes == 2))])
    at = np.arange(len(codes))
    low, high = np.maximum(at - WINDOW // 2, 0), np.minimum(at + WINDOW // 2, len(codes))
    percent = np.rint(100 * (gc[high] - gc[low]) / (high - low)).astype(int)
    factor = float(curve[percent].mean())
    return factor if 0.2 < factor < 5 else 1.0


def _elements(constructs: Sequence[Construct], target: Target) -> list[tuple[str, str, int, int]]:
    rows: list[tuple[str, str, int, int]] = []
    for part, construct, provirus in zip(
        (p for p in target.parts if p.kind == "provirus"), constructs, target.proviruses, strict=True
    ):
        for element in construct.provirus_elements(provirus):
            if element.end <= part.end - part.start and element.kind != "primer":
                rows.append((element.name, element.kind, part.start + element.start, part.start + element.end))
    return rows


def _facts(
    screened: Screened, found: Findings, crossings: contamination.Junctions, constructs: Sequence[Construct], scatter: Spread
) -> dict[str, object]:
    def plain(value: float) -> float | None:
        return None if math.isnan(value) else round(float(value), 4)

    provirus = found.target.proviruses[0]
    return {
        "source": screened.source,
        "reads": screened.reads,
        "duplicate_reads": screened.duplicates,
        "read_length": screened.read_length,
        "insert_mean": plain(found.library.insert_mean),
        "insert_sd": plain(found.library.insert_sd),
        "host_depth": plain(screened.host.mean),
        "host_depth_how": screened.host.how,
        "candidate_pairs": len(screened.pairs),
        "duplicate_candidates": found.evidence.duplicates,
        "junction_fragments": crossings.seen,
        "junction_fragments_expected": plain(crossings.expected),
        "overdispersion": plain(scatter.value),
        "overdispersion_how": scatter.how,
        "unplaced_split_reads": found.evidence.unplaced,
        "vector_rearrangements": len(found.evidence.rearrangements),
        "constructs": [construct.name for construct in constructs],
        "provirus": {
            "kind": provirus.kind,
            "length": len(provirus.sequence),
            "ltr_length": provirus.ltr_length,
            "target_site_duplication": provirus.duplication,
            "how": provirus.how,
        },
        "shared_with_human_bases": int((found.target.shared & found.target.proviral).sum()),
    }


__all__ = ["Findings", "Limit", "find", "judge", "library_of", "shared_with_host"]
