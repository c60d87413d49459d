"""From placed host ends to fragments and sites: pairs joined, ends standardised, repeats kept as groups.

A fragment is one sheared piece of one cell's genome: its site (beside the LTR) and its break (beside the linker). Positions are
1-based; the site is the last host base before the provirus in reference orientation, so both ends of one provirus give the
same number when the target-site duplication is given.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from aftercar.reads.lmpcr import Row, Trimmed
from aftercar.reads.lmpcr_place import Places

Place = tuple[str, int, str, int]  # contig, site, orientation of the provirus, break


@dataclass(frozen=True, slots=True)
class Fragment:
    """One molecule of one amplification at one place.

    Attributes:
        sample: number on the sample sheet.
        contig, site, orientation: of the provirus; ``cut`` the break; ``length`` bases between site and break.
        umi: empty without UMIs.
        reads: copies of it that were read.
        places: how many places fit as well; above 1 it belongs to ``group``.
        group: name of the multi-hit group.
        others: the other places.
    """

    sample: int
    contig: str
    site: int
    orientation: str
    cut: int
    length: int
    umi: bytes
    reads: int
    places: int = 1
    group: str = ""
    others: tuple[Place, ...] = ()


@dataclass(slots=True)
class Joined:
    """Fragments of a run, with counts of what could not be joined by sample name."""

    fragments: list[Fragment] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)


def queries(trimmed: Trimmed) -> list[bytes]:
    """The distinct host ends of a run, of both sides, sorted."""
    return sorted({end for _, _, host, far in trimmed.molecules for end in (host, far)})


def join(
    trimmed: Trimmed,
    rows: Sequence[Row],
    ends: Sequence[bytes],
    places: Places,
    *,
    longest: int = 2500,
    within: int = 3,
    duplication: int = 5,
) -> Joined:
    """Join the two ends of every molecule.

    Args:
        trimmed: what trimming kept.
        rows: the sample sheet.
        ends: the distinct host ends (:func:`queries`), and ``places`` where they fit.
        longest: longest fragment in bases.
        within: joint places whose score is at most so much below the best fit as well.
        duplication: bases of the target-site duplication (5 for HIV-based vectors, 4 for gamma-retroviral ones).
    """
    out = Joined()
    at = _by_query(places)
    number = {sequence: i for i, sequence in enumerate(ends)}
    known: dict[tuple[int, int, str], tuple[str, tuple[Place, ...]]] = {}
    for (sample, umi, host, far), reads in trimmed.molecules.items():
        row = rows[sample]
        key = (number[host], number[far], row.ltr_side)
        if key not in known:
            known[key] = _joint(at.get(key[0], []), at.get(key[1], []), row.ltr_side, longest, within, duplication)
        word, found = known[key]
        if not found and not places.crowded.isdisjoint(key[:2]):
            word = "too_many_places"
        out.counts.setdefault(row.sample, Counter())[word] += reads
        if found:
            contig, site, orientation, cut = found[0]
            length = _length(found[0], row.ltr_side, duplication)
            out.fragments.append(Fragment(sample, contig, site, orientation, cut, length, umi, reads, len(found), "", found[1:]))
    return out


def _by_query(places: Places) -> dict[int, list[tuple[str, int, bool, int]]]:
    found: dict[int, list[tuple[str, int, bool, int]]] = defaultdict(list)
    for query, contig, position, forward, score in zip(
        places.query.tolist(),
        places.contig.tolist(),
        places.position.tolist(),
        places.forward.tolist(),
        places.score.tolist(),
        strict=True,
    ):
        found[query].append((places.contigs[contig], position, forward, score))
    return found


def _joint(
    near: Sequence[tuple[str, int, bool, int]],
    far: Sequence[tuple[str, int, bool, int]],
    side: str,
    longest: int,
    within: int,
    duplication: int,
) -> tuple[str, tuple[Place, ...]]:
    """All best joint places of one molecule: (what happened, places)."""
    if not near or not far:
        return ("host_end_not_placed" if not near else "linker_end_not_placed"), ()
    ends: dict[tuple[str, bool], list[tuple[int, int]]] = defaultdict(list)
    for contig, position, forward, score in far:
        ends[(contig, forward)].append((position, score))
    pairs: list[tuple[int, Place]] = []
    for contig, position, forward, score in near:
        for end, other in ends.get((contig, not forward), ()):
            length = (end - position if forward else position - end) + 1
            if 0 < length <= longest:
                pairs.append((score + other, _placed(contig, position, forward, end, side, duplication)))
    if not pairs:
        return "ends_apart", ()
    top = max(score for score, _ in pairs)
    best = sorted({place for score, place in pairs if score >= top - within}, key=lambda p: (p[0], p[1], p[2], p[3]))
    leading = max(pairs, key=lambda pair: (pair[0], pair[1]))[1]
    best.remove(leading)
    return ("placed" if not best else "several_places"), (leading, *best)


def _placed(contig: str, first: int, forward: bool, end: int, side: str, duplication: int) -> Place:
    """Site and break, 1-based, from the 0-based first host bases beside LTR and linker."""
    orientation = "+" if forward == (side == "U5") else "-"
    # Reading up the contig, the host lies after the provirus and begins with the duplicated bases.
    site = first + duplication if forward else first + 1
    return contig, site, orientation, end + 1


def _length(place: Place, side: str, duplication: int) -> int:
    """Bases from the LTR to the break."""
    _, site, orientation, cut = place
    upwards = (orientation == "+") == (side == "U5")
    return cut - site + duplication if upwards else site - cut + 1


def standardised(fragments: Sequence[Fragment], groups: Mapping[int, str], window: int = 5) -> list[Fragment]:
    """Fragments whose sites lie within ``window`` bases of a commoner site of the same person moved onto it.

    Alignment and PCR move an end by a base or so. Within a chain of neighbouring positions the one with the most fragments
    (then reads) takes its neighbours within ``window``; what is left is looked at again.

    Args:
        fragments: of the run.
        groups: sample number to the person (or specimen) that its sites may be compared within.
        window: bases.
    """
    weight: dict[tuple[str, str, str], dict[int, tuple[int, int]]] = defaultdict(dict)
    for f in fragments:
        if f.places == 1:
            count, reads = weight[(groups[f.sample], f.contig, f.orientation)].get(f.site, (0, 0))
            weight[(groups[f.sample], f.contig, f.orientation)][f.site] = (count + 1, reads + f.reads)
    moved: dict[tuple[str, str, str, int], int] = {}
    for key, sites in weight.items():
        left = dict(sites)
        for site in sorted(sites, key=lambda s: (-sites[s][0], -sites[s][1], s)):
            if site not in left:
                continue
            for near in range(site - window, site + window + 1):
                if near in left:
                    moved[(*key, near)] = site
                    del left[near]
    return [
        f if f.places > 1 else replace(f, site=moved.get((groups[f.sample], f.contig, f.orientation, f.site), f.site))
        for f in fragments
    ]


def grouped(fragments: Sequence[Fragment], groups: Mapping[int, str], window: int = 5) -> list[Fragment]:
    """Multi-hit fragments rescued onto a unique site of the same person, or joined into groups that share a place.

    A fragment of which exactly one place is a site that longer fragments placed uniquely belongs there. Others are united
    whenever they share a place; the group shows the place that most of its fragments have, and keeps the number of all places.
    """
    unique: set[tuple[str, str, str, int]] = {
        (groups[f.sample], f.contig, f.orientation, f.site) for f in fragments if f.places == 1
    }
    out: list[Fragment] = []
    pending: dict[str, list[Fragment]] = defaultdict(list)
    for f in fragments:
        if f.places == 1:
            out.append(f)
            continue
        person = groups[f.sample]
        hits = {
            (near, place)
            for place in _all_places(f)
            for near in range(place[1] - window, place[1] + window + 1)
            if (person, place[0], place[2], near) in unique
        }
        if len({near for near, _ in hits}) == 1:
            near, place = next(iter(hits))
            out.append(replace(f, contig=place[0], site=near, orientation=place[2], cut=place[3], places=1, others=()))
        else:
            pending[person].append(f)
    for person, multi in sorted(pending.items()):
        out.extend(_united(person, multi))
    return out


def _all_places(f: Fragment) -> tuple[Place, ...]:
    return ((f.contig, f.site, f.orientation, f.cut), *f.others)


def _united(person: str, multi: Sequence[Fragment]) -> list[Fragment]:
    parent = list(range(len(multi)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    owner: dict[tuple[str, int, str], int] = {}
    for i, f in enumerate(multi):
        for contig, site, orientation, _ in _all_places(f):
            first = owner.setdefault((contig, site, orientation), i)
            parent[root(i)] = root(first)
    members: dict[int, list[int]] = defaultdict(list)
    for i in range(len(multi)):
        members[root(i)].append(i)
    out: list[Fragment] = []
    for number, group in enumerate(sorted(members.values(), key=lambda g: -len(g)), start=1):
        votes = Counter(place[:3] for i in group for place in set(_all_places(multi[i])))
        contig, site, orientation = min(votes, key=lambda p: (-votes[p], p))
        name = f"M{number}.{person}" if person else f"M{number}"
        for i in group:
            f = multi[i]
            cut = next((p[3] for p in _all_places(f) if p[:3] == (contig, site, orientation)), f.cut)
            others = tuple(p for p in _all_places(f) if p[:3] != (contig, site, orientation))
            out.append(
                replace(
                    f, contig=contig, site=site, orientation=orientation, cut=cut, places=len(votes), group=name, others=others
                )
            )
    return out
