"""Junctions and integration sites from the fragments that join host and vector.

Fragments that agree in place, side and orientation make a junction; a left and a right junction that face each other
over a target-site duplication make one integrated provirus. Split reads fix the base; pairs that only span the junction are
counted with it, and alone give an interval that is labelled as such. Host parts with several equal places are
resolved by the other fragments of the same junction, or kept as a group with all its places.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from aftercar.reads.junctions_shadows import flank_of, likeliest, moved, shadows
from aftercar.reads.junctions_target import UNKNOWN_BASE, Codes, Target, flip
from aftercar.reads.junctions_types import Evidence, Loose, Side, Support
from aftercar.reads.placement import HostSequence, allowed_mismatches

Place4 = tuple[str, int, Side, str]  #: contig, coordinate beside the vector, side, orientation

SLACK = 3  #: bases by which exact fragments of one junction may differ (an indel near the boundary)
FREE_SLACK = 12  #: the same where the break in the vector is not at a known end
OUTLIER = 150  #: bases by which a template may be longer than the longest and still join an exact junction
LARGEST_TSD, LARGEST_LOSS = 40, 60  #: host bases that two ends of one provirus may overlap, or lack


@dataclass(frozen=True, slots=True)
class Junction:
    """One place where host and vector meet.

    Attributes:
        contig, side, orientation, end: as in :class:`aftercar.reads.junctions_parts.Support`.
        vector: target position of the boundary.
        adjacent: 0-based host base beside the vector.
        low, high: limits of ``adjacent``.
        exact: whether a split read fixes the base.
        supports: the fragments, one entry a fragment.
        unique: whether at least one fragment has one place only.
        places: all places of the host part (contig, adjacent, side, orientation) when it is not unique.
        microhomology: bases by which the boundary could be shifted without changing the sequence; -1 when not known.
    """

    contig: str
    side: Side
    orientation: str
    end: str
    vector: int
    adjacent: int
    low: int
    high: int
    exact: bool
    supports: tuple[Support, ...] = field(repr=False)
    unique: bool = True
    places: tuple[Place4, ...] = ()
    microhomology: int = -1

    @property
    def fragments(self) -> int:
        """Fragments that support it."""
        return len(self.supports)

    @property
    def split(self) -> int:
        """Of those, fragments with a read across the junction."""
        return sum(support.kind == "split" for support in self.supports)


@dataclass(frozen=True, slots=True)
class Site:
    """One integrated provirus, seen from one or both sides.

    Attributes:
        contig: host sequence.
        position: 0-based coordinate of the last host base before the provirus, in reference orientation.
        low, high: limits of ``position``.
        exact: whether the base is fixed by a split read.
        inferred: position taken from the right end and the expected duplication, no left end was seen.
        orientation: ``+`` when the provirus reads with the reference.
        tsd: host bases present on both sides (negative: bases lost); None when not both ends are exact.
        left, right: the junctions in reference orientation.
        places: all places of a site in repeated sequence as (contig, position), the first being this one.
    """

    contig: str
    position: int
    low: int
    high: int
    exact: bool
    inferred: bool
    orientation: str
    tsd: int | None
    left: Junction | None
    right: Junction | None
    places: tuple[tuple[str, int], ...] = ()

    @property
    def junctions(self) -> tuple[Junction, ...]:
        """The junctions seen."""
        return tuple(junction for junction in (self.left, self.right) if junction is not None)

    @property
    def fragments(self) -> int:
        """Fragments at both ends."""
        return sum(junction.fragments for junction in self.junctions)

    @property
    def canonical(self) -> bool:
        """Whether every end seen is at a known provirus end."""
        return all(junction.end for junction in self.junctions)

    @property
    def unique(self) -> bool:
        """Whether the place is the only one."""
        return any(junction.unique for junction in self.junctions)


def call_junctions(evidence: Evidence, target: Target, host: HostSequence | None = None) -> list[Junction]:
    """Junctions from fragments: exact ones first, then spanning pairs joined to them or, alone, as intervals."""
    split = [support for support in evidence.supports if support.kind == "split"]
    split = [replace(s, vector=_first_copy(s.vector, target)) if not s.end else s for s in split]
    junctions = _without_shadows(_exact(s for s in split if s.unique and not s.weak), host)
    doubtful = _assign(junctions, (s for s in split if not s.unique or s.weak))
    junctions, doubtful = _dissolved(junctions, doubtful)
    if host is not None:
        doubtful = _assign_by_flank(junctions, doubtful, host)
    alone = [s for s in doubtful if s.unique and s.weak]
    junctions += [junction for junction in _exact(alone) if junction.fragments > 1]
    junctions += _groups([s for s in doubtful if not (s.unique and s.weak)])
    junctions = _without_shadows(junctions, host)
    loose = _assign_spanning(junctions, [s for s in evidence.supports if s.kind == "spanning"])
    junctions += _intervals(loose)
    if host is not None:
        _assign_loose(junctions, evidence.loose, host)
    return [
        replace(j, microhomology=_microhomology(j, target, host)) for j in sorted(junctions, key=lambda j: (j.contig, j.adjacent))
    ]


def _without_shadows(junctions: list[Junction], host: HostSequence | None) -> list[Junction]:
    """Junctions of one provirus end with one and the same flank made one: see :mod:`aftercar.reads.junctions_shadows`."""
    size = max((len(s.part) for j in junctions for s in j.supports if s.part is not None), default=0)

    def flank(number: int) -> Codes:
        one = junctions[number]
        return _outward(one, host, size) if host is not None else flank_of(one.supports)

    result: list[Junction | None] = list(junctions)
    pairs = shadows([((j.contig, j.adjacent, j.end), j.supports) for j in junctions], flank)
    for weak, strong, joins in pairs:
        shadow, home = result[weak], result[strong]
        if shadow is None or home is None:
            continue
        here: Place4 = (home.contig, home.adjacent, home.side, home.orientation)
        supports = (*home.supports, *(moved(s, *here) for s in shadow.supports))
        if joins:
            result[strong] = replace(home, supports=supports)
        else:
            every = dict.fromkeys([*_places(home), *_places(shadow)])
            result[strong] = replace(home, supports=supports, unique=False, places=tuple(sorted(every)))
        result[weak] = None
    return [junction for junction in result if junction is not None]


def _dissolved(junctions: list[Junction], doubtful: list[Support]) -> tuple[list[Junction], list[Support]]:
    """Takes back junctions that rest on one or two fragments and drew many that fit elsewhere too: all are weighed together."""
    kept = []
    for junction in junctions:
        own = [s for s in junction.supports if s.unique and not s.weak]
        drawn = [s for s in junction.supports if not s.unique]
        if len(own) <= 2 and len(drawn) > 2 * len(own):
            doubtful = [*doubtful, *junction.supports]
        else:
            kept.append(junction)
    return kept, doubtful


def _outer_moved(support: Support, home: Junction) -> int:
    """The fragment's host end beside another place of its host part."""
    if (support.contig, support.side) == (home.contig, home.side) and abs(support.adjacent - home.adjacent) <= SLACK:
        return support.host_outer
    reach = support.host_bases - 1
    return home.adjacent - reach if home.side == "left" else home.adjacent + reach


def _first_copy(vector: int, target: Target) -> int:
    """A position in the LTR behind the inner part as the same base of the LTR before it."""
    provirus = target.proviruses[0]
    part = target.parts[0]
    inside = part.end - provirus.ltr_length <= vector <= part.end and provirus.ltr_length > 0
    return vector - (part.end - provirus.ltr_length - part.start) if inside else vector


def _assign_by_flank(junctions: list[Junction], supports: list[Support], host: HostSequence) -> list[Support]:
    """Joins doubtful fragments to the one junction whose flank their host part fits; returns those left over."""
    flanks = _Flanks(junctions, host, max((len(s.part) for s in supports if s.part is not None), default=0))
    left = []
    for support in supports:
        number = flanks.fit(support.part, support.end) if support.part is not None else None
        if number is None:
            left.append(support)
            continue
        home = junctions[number]
        moved = replace(
            support, contig=home.contig, adjacent=home.adjacent, low=home.adjacent, high=home.adjacent, side=home.side,
            orientation=home.orientation, host_outer=_outer_moved(support, home),
        )  # fmt: skip
        junctions[number] = replace(home, supports=(*home.supports, moved))
    return left


def _assign_loose(junctions: list[Junction], loose: Sequence[Loose], host: HostSequence) -> None:
    """Joins reads without a place to the one junction whose flank their host part fits."""
    flanks = _Flanks(junctions, host, max((len(one.part) for one in loose), default=0))
    for one in loose:
        number = flanks.fit(one.part, one.end)
        if number is None:
            continue
        home = junctions[number]
        size = len(one.part)
        step = -1 if home.side == "left" else 1
        support = Support(
            template=one.template,
            kind="split",
            contig=home.contig,
            side=home.side,
            orientation=home.orientation,
            end=one.end,
            vector=one.vector,
            adjacent=home.adjacent,
            low=home.adjacent,
            high=home.adjacent,
            host_outer=home.adjacent + step * (size - 1),
            vector_outer=one.vector_outer,
            host_bases=size,
            vector_bases=abs(one.vector - one.vector_outer),
            mismatches=0,
            unique=True,
            others=(),
            unshared=one.unshared,
            reverse=one.reverse,
            weak=True,
        )
        junctions[number] = replace(home, supports=(*home.supports, support))


class _Flanks:
    """Host bases beside exact junctions at provirus ends, to be compared with host parts."""

    def __init__(self, junctions: Sequence[Junction], host: HostSequence, size: int) -> None:
        self._flanks = [(n, j.end, _outward(j, host, size)) for n, j in enumerate(junctions) if j.exact and j.end]

    def fit(self, part: Codes, end: str) -> int | None:
        """Number of the only junction of that end that fits best; None when none or several do."""
        size = len(part)
        most = 0 if size < 16 else allowed_mismatches(size)
        wrong = [(int((flank[:size] != part).sum()), n) for n, kind, flank in self._flanks if kind == end]
        fits = sorted(pair for pair in wrong if pair[0] <= most)
        if not fits or (len(fits) > 1 and fits[1][0] == fits[0][0]):
            return None
        return fits[0][1]


def _outward(junction: Junction, host: HostSequence, size: int) -> Codes:
    """Host bases read away from the vector."""
    if junction.side == "left":
        return flip(host.fetch(junction.contig, junction.adjacent - size + 1, junction.adjacent + 1))
    return host.fetch(junction.contig, junction.adjacent, junction.adjacent + size)


def _key(support: Support) -> tuple[str, str, str, str]:
    return support.contig, support.side, support.orientation, support.end


def _exact(supports: Iterable[Support]) -> list[Junction]:
    by_key: dict[tuple[str, str, str, str], list[Support]] = defaultdict(list)
    for support in supports:
        by_key[_key(support)].append(support)
    junctions = []
    for key, group in by_key.items():
        slack = SLACK if key[3] else FREE_SLACK
        group.sort(key=lambda s: (s.adjacent, s.vector))
        at = 0
        while at < len(group):
            run = [group[at]]
            at += 1
            while at < len(group) and group[at].adjacent - run[-1].adjacent <= slack:
                run.append(group[at])
                at += 1
            junctions += [_junction(part) for part in _by_vector(run, slack)]
    return junctions


def _by_vector(run: list[Support], slack: int) -> list[list[Support]]:
    """Fragments at one host place, split where they break in different places of the vector (known ends never split)."""
    if run[0].end:
        return [run]
    parts: list[list[Support]] = []
    for support in sorted(run, key=lambda s: s.vector):
        if parts and support.vector - parts[-1][-1].vector <= slack:
            parts[-1].append(support)
        else:
            parts.append([support])
    return parts


def _junction(supports: Sequence[Support]) -> Junction:
    """A junction at the coordinate that most fragments give (ties: the one with the longest host part)."""
    votes = Counter(s.adjacent for s in supports)
    longest = {s.adjacent: max(o.host_bases for o in supports if o.adjacent == s.adjacent) for s in supports}
    adjacent = max(votes, key=lambda a: (votes[a], longest[a]))
    model = max((s for s in supports if s.adjacent == adjacent), key=lambda s: s.host_bases)
    return Junction(
        contig=model.contig,
        side=model.side,
        orientation=model.orientation,
        end=model.end,
        vector=model.vector,
        adjacent=adjacent,
        low=adjacent,
        high=adjacent,
        exact=True,
        supports=tuple(supports),
    )


def _assign(junctions: list[Junction], supports: Iterable[Support]) -> list[Support]:
    """Joins fragments of several places to junctions that stand at one of them; returns those left over."""
    index: dict[tuple[str, str, str, str, int], int] = {}
    for number, junction in enumerate(junctions):
        for shift in range(-SLACK, SLACK + 1):
            key = (junction.contig, junction.side, junction.orientation, junction.end, junction.adjacent + shift)
            index.setdefault(key, number)
    left = []
    for support in supports:
        places = [(support.contig, support.adjacent, support.side, support.orientation, 0), *support.others]
        hits = {n for c, a, s, o, _ in places if (n := index.get((c, s, o, support.end, a))) is not None}
        if len(hits) != 1:
            left.append(support)
            continue
        number = hits.pop()
        home = junctions[number]
        wanted = (home.contig, home.side, home.orientation)
        here = next(p for p in places if (p[0], p[2], p[3]) == wanted and abs(p[1] - home.adjacent) <= SLACK)
        others = tuple((*p[:4], p[4] if p is not places[0] else support.mismatches) for p in places if p is not here)
        moved = replace(
            support, contig=home.contig, adjacent=home.adjacent, low=home.adjacent, high=home.adjacent, side=home.side,
            orientation=home.orientation, others=others, mismatches=here[4] if here is not places[0] else support.mismatches,
            host_outer=_outer_moved(support, home),
        )  # fmt: skip
        junctions[number] = replace(home, supports=(*home.supports, moved))
    return left


def _groups(supports: list[Support]) -> list[Junction]:
    """Fragments without a place of their own, grouped by the places they share."""
    parent = list(range(len(supports)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    owner: dict[tuple[str, int, str, str, str], int] = {}
    every = [[(s.contig, s.adjacent, s.side, s.orientation, s.mismatches), *s.others] for s in supports]
    for i, (support, places) in enumerate(zip(supports, every, strict=True)):
        for contig, adjacent, side, orientation, _ in places:
            key = (contig, adjacent, side, orientation, support.end)
            if key in owner:
                parent[root(i)] = root(owner[key])
            else:
                owner[key] = i
    members: dict[int, list[int]] = defaultdict(list)
    for i in range(len(supports)):
        members[root(i)].append(i)
    junctions = []
    for group in members.values():
        if len(group) == 1 and supports[group[0]].weak:
            continue
        likely = likeliest([every[i] for i in group])
        contig, adjacent, side, orientation = likely[0]
        model = supports[group[0]]
        # One known place of a read that the aligner found elsewhere too says nothing of the others.
        resolved = len(likely) == 1 and any(len(every[i]) > 1 for i in group)
        junctions.append(
            Junction(
                contig=contig,
                side=side,
                orientation=orientation,
                end=model.end,
                vector=model.vector,
                adjacent=adjacent,
                low=adjacent,
                high=adjacent,
                exact=True,
                supports=tuple(supports[i] for i in group),
                unique=resolved,
                places=likely if len(likely) > 1 else (),
            )
        )  # fmt: skip
    return junctions


def _assign_spanning(junctions: list[Junction], supports: list[Support]) -> list[Support]:
    left = []
    by_key: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for number, junction in enumerate(junctions):
        by_key[(junction.contig, junction.side, junction.orientation)].append(number)
    for support in supports:
        places = [(support.contig, support.adjacent, support.side, support.orientation, 0), *support.others]
        home = None
        for contig, adjacent, side, orientation, _ in places:
            shift = adjacent - support.adjacent
            for number in by_key.get((contig, side, orientation), ()):
                junction = junctions[number]
                more = 0 if junction.end else support.vector_bases  # the vector may be cut short of the end it looks at
                more += OUTLIER
                low, high = support.low - (more if side == "right" else 0), support.high + (more if side == "left" else 0)
                fits = low + shift - SLACK <= junction.adjacent <= high + shift + SLACK
                if fits and (junction.end == support.end or not junction.end or not support.end):
                    home = number
                    break
            if home is not None:
                break
        if home is None:
            left.append(support)
        else:
            junctions[home] = replace(junctions[home], supports=(*junctions[home].supports, support))
    return left


def _intervals(supports: list[Support]) -> list[Junction]:
    """Junctions known only by pairs around them: the interval that all of them allow."""
    by_key: dict[tuple[str, str, str, str], list[Support]] = defaultdict(list)
    for support in supports:
        if support.unique:
            by_key[_key(support)].append(support)
    junctions = []
    for group in by_key.values():
        group.sort(key=lambda s: s.low)
        run: list[Support] = []
        for support in group:
            if run and support.low > min(s.high for s in run) + SLACK:
                junctions.append(_interval(run))
                run = []
            run.append(support)
        junctions.append(_interval(run))
    return junctions


def _interval(run: list[Support]) -> Junction:
    low, high = max(s.low for s in run), min(s.high for s in run)
    low, high = min(low, high), max(low, high)
    middle = sorted(s.adjacent for s in run)[len(run) // 2]
    model = run[0]
    return Junction(
        contig=model.contig,
        side=model.side,
        orientation=model.orientation,
        end=model.end,
        vector=model.vector,
        adjacent=min(max(middle, low), high),
        low=low,
        high=high,
        exact=False,
        supports=tuple(run),
    )


def _microhomology(junction: Junction, target: Target, host: HostSequence | None) -> int:
    """Bases by which an exact boundary could move: host bases that continue as the vector begins, and the other way round."""
    if host is None or not junction.exact or junction.vector < 0:
        return -1
    reach = 30
    forward = junction.side == "left"
    start = junction.adjacent + 1 if forward else junction.adjacent - reach
    onward = host.fetch(junction.contig, start, start + reach)
    back = host.fetch(junction.contig, junction.adjacent - reach + 1, junction.adjacent + 1) if forward else host.fetch(
        junction.contig, junction.adjacent, junction.adjacent + reach
    )  # fmt: skip
    # All read in the direction from the host into the vector, the right side by its other strand.
    if not forward:
        onward, back = flip(onward), flip(back)
    along = forward == (junction.orientation == "+")  # whether the vector is then read with the target
    v = junction.vector
    if along:
        into, before = target.codes[v : v + reach], target.codes[max(0, v - reach) : v]
    else:
        into, before = flip(target.codes[max(0, v - reach) : v]), flip(target.codes[v : v + reach])
    count = 0
    for one, two in zip(onward, into, strict=False):
        if one != two or one == UNKNOWN_BASE:
            break
        count += 1
    if not junction.end:
        for one, two in zip(back[::-1], before[::-1], strict=False):
            if one != two or one == UNKNOWN_BASE:
                break
            count += 1
    return count


def pair_junctions(junctions: Sequence[Junction], *, tsd: int = 0, longest: int = 1_000) -> list[Site]:
    """Sites from junctions: both ends joined where they face each other, else one end alone.

    Args:
        junctions: from :func:`call_junctions`.
        tsd: expected duplication in bases (0 when not known).
        longest: longest template, which limits how far two interval ends of one provirus may lie apart.
    """
    expanded = [(n, place) for n, junction in enumerate(junctions) for place in _places(junction)]
    lefts = [(n, place) for n, place in expanded if place[2] == "left"]
    rights: dict[tuple[str, str], list[tuple[int, tuple[str, int, Side, str]]]] = defaultdict(list)
    for n, place in expanded:
        if place[2] == "right":
            rights[(place[0], place[3])].append((n, place))
    candidates = []
    for n, here in lefts:
        for m, there in rights.get((here[0], here[3]), ()):
            one, two = junctions[n], junctions[m]
            if one.end and two.end and one.end == two.end:
                continue
            overlap = here[1] - there[1] + 1
            if one.exact and two.exact:
                if not -LARGEST_LOSS <= overlap <= LARGEST_TSD:
                    continue
            elif not (one.low - two.high <= LARGEST_TSD and two.low - one.high <= LARGEST_LOSS) or abs(overlap) > longest:
                continue
            exactness = int(not one.exact) + int(not two.exact)
            candidates.append((exactness, abs(overlap - tsd), n, m, here, there))
    used: set[int] = set()
    sites = []
    # Two ends may face each other at several places, in inverted repeats with their roles exchanged.
    rivals: dict[frozenset[int], list[tuple[str, int]]] = defaultdict(list)
    best: dict[frozenset[int], int] = {}
    for _, off, n, m, here, _ in sorted(candidates, key=lambda c: c[:4]):
        if best.setdefault(frozenset((n, m)), off) == off:
            rivals[frozenset((n, m))].append((here[0], here[1]))
    for _, _, n, m, here, there in sorted(candidates, key=lambda c: (c[0], c[1], c[2], c[3], c[4][0], c[4][1])):
        if n in used or m in used:
            continue
        used |= {n, m}
        places = tuple(rivals[frozenset((n, m))])
        if len(places) == 1 and not junctions[n].unique and not junctions[m].unique:
            # The ends face each other best here, but neither has this place alone: all places of the left end are said.
            places = tuple(dict.fromkeys([*places, *((c, a) for c, a, side, _ in _places(junctions[n]) if side == here[2])]))
        sites.append(_joined(_moved(junctions[n], here), _moved(junctions[m], there), places if len(places) > 1 else ()))
    for n, junction in enumerate(junctions):
        if n not in used:
            sites.append(_alone(junction, tsd))
    return sorted(sites, key=lambda site: (site.contig, site.position))


def _places(junction: Junction) -> Sequence[tuple[str, int, Side, str]]:
    return junction.places or ((junction.contig, junction.adjacent, junction.side, junction.orientation),)


def _moved(junction: Junction, place: tuple[str, int, Side, str]) -> Junction:
    contig, adjacent, side, orientation = place
    if (contig, adjacent) == (junction.contig, junction.adjacent):
        return junction
    return replace(junction, contig=contig, adjacent=adjacent, low=adjacent, high=adjacent, side=side, orientation=orientation)


def _joined(left: Junction, right: Junction, places: tuple[tuple[str, int], ...]) -> Site:
    exact = left.exact
    tsd = left.adjacent - right.adjacent + 1 if left.exact and right.exact else None
    return Site(left.contig, left.adjacent, left.low, left.high, exact, False, left.orientation, tsd, left, right, places)


def _alone(junction: Junction, tsd: int) -> Site:
    shift = 0 if junction.side == "left" else tsd - 1
    places = tuple((contig, adjacent + (0 if side == "left" else tsd - 1)) for contig, adjacent, side, _ in junction.places)
    left, right = (junction, None) if junction.side == "left" else (None, junction)
    return Site(
        contig=junction.contig,
        position=junction.adjacent + shift,
        low=junction.low + shift,
        high=junction.high + shift,
        exact=junction.exact,
        inferred=right is not None,
        orientation=junction.orientation,
        tsd=None,
        left=left,
        right=right,
        places=places,
    )
