"""Explanations of vector reads other than a provirus in the tested cells, each weighed by name.

Plasmid (bases that never integrate, or no host junction where many are due), amplicon (one stretch covered, the rest
empty), index hopping (less than a positive neighbour would leak), HIV infection (only the parts that HIV has),
hepatitis B infection (only the WPRE, which is woodchuck hepatitis virus). Each
answer is ``supported``, ``not supported`` or ``not assessable``, with the numbers behind it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from scipy import stats

from aftercar.evidence.detection_limit import Limit
from aftercar.evidence.presence import Presence
from aftercar.evidence.settings import Settings

#: Elements of a lentiviral vector that HIV-1 has as well; every other element is the vector's own.
HIV_KINDS = frozenset({"ltr", "packaging", "rre", "cppt"})
HEPATITIS_B = "hepatitis B virus infection"
UNKNOWN = "not assessable"
PART = "only chosen parts of the sample were looked at"
WHOLE = 0.8  #: share of the bases due under even coverage from which a located provirus counts as whole
REACH = 400  #: bases by which a fragment on an element may reach beyond it


@dataclass(frozen=True, slots=True)
class Alternative:
    """One named explanation, what speaks for it, and whether it would explain all of the vector DNA."""

    name: str
    finding: str
    reason: str
    explains_all: bool = False


@dataclass(frozen=True, slots=True)
class Junctions:
    """Fragments across provirus ends: seen, and expected if all vector DNA were integrated."""

    seen: int
    expected: float


def expected_junctions(seen: Presence, limit: Limit | None, library_fragment_bases: float) -> float:
    """Fragments across the two ends that a provirus at this vector depth would show; NaN without known ends."""
    if limit is None or limit.split_starts == 0:
        return float("nan")
    return (limit.split_starts + limit.spanning_starts) * seen.depth / library_fragment_bases


def alternatives(
    seen: Presence, junctions: Junctions, *, copies_per_cell: float, located: int, complete: bool, settings: Settings
) -> tuple[Alternative, ...]:
    """Every named alternative, weighed.

    Args:
        seen: vector DNA.
        junctions: fragments across provirus ends, seen and expected.
        copies_per_cell: mean copies per cell of the sample (NaN when not known).
        located: sites located by several fragments.
        complete: whether all of the sample was looked at; nothing can be weighed by what is missing otherwise.
        settings: thresholds.
    """
    weighed = (
        _not_integrated(seen, junctions, located),
        _hepatitis_b(seen),
        _amplicon(seen, located),
        _other_construct(seen, located),
        _hopping(copies_per_cell, located, settings),
        _hiv(seen),
    )
    return weighed if complete else tuple(replace(one, finding=UNKNOWN, reason=PART, explains_all=False) for one in weighed)


def _not_integrated(seen: Presence, junctions: Junctions, located: int) -> Alternative:
    name = "plasmid or other vector DNA that is not integrated"
    backbone = ""
    if seen.backbone_bases and seen.depth > 0:
        share = seen.backbone_depth / seen.depth
        backbone = f"; bases outside the provirus have {100 * share:.0f}% of its depth"
    if math.isnan(junctions.expected):
        loud = bool(seen.backbone_bases) and seen.backbone_depth > 0.5 * seen.depth
        finding = "supported" if loud and not located else UNKNOWN
        return Alternative(
            name,
            finding,
            "the ends of the vector are not known, so junctions cannot be expected" + backbone,
            loud and not located,
        )
    counts = f"{junctions.seen} fragments across a provirus end, {junctions.expected:.1f} expected if all were integrated"
    few = junctions.seen <= 0.2 * junctions.expected
    # Some junctions are lost in repeats, so seven in ten are expected before their lack means anything.
    rare = float(stats.poisson.cdf(junctions.seen, 0.7 * junctions.expected)) < 0.01
    outside = seen.backbone_depth * seen.backbone_bases if seen.backbone_bases else 0.0
    plasmid = outside > 600 and seen.backbone_depth > 0.5 * seen.depth
    if few and (rare or plasmid):
        return Alternative(name, "supported", counts + backbone, explains_all=not located)
    if rare or (outside > 1_500 and seen.backbone_depth > 0.1 * seen.depth):
        return Alternative(name, "supported", counts + backbone + "; part of the vector DNA is not integrated")
    if junctions.expected < 3:
        return Alternative(name, UNKNOWN, counts + backbone)
    return Alternative(name, "not supported", counts + backbone)


def _amplicon(seen: Presence, located: int) -> Alternative:
    name = "amplicon (PCR product) contamination"
    if seen.effective < 8 or seen.expected_covered < 100:
        return Alternative(name, UNKNOWN, f"{seen.fragments} fragments are too few to judge evenness")
    words = f"{100 * seen.evenness:.0f}% of the vector bases that even coverage would reach are covered"
    if seen.evenness < 0.4:
        return Alternative(name, "supported", words, explains_all=not located)
    return Alternative(name, "not supported", words)


def _other_construct(seen: Presence, located: int) -> Alternative:
    """An insertion without much of the vector: shortened, or another construct that shares the parts that are there."""
    name = "a shortened provirus, or another construct with parts of this one"
    if not located or seen.effective < 15 or seen.expected_covered < 100:
        return Alternative(name, UNKNOWN, "no located insertion with enough fragments to judge which parts are there")
    words = f"{100 * seen.evenness:.0f}% of the vector bases that even coverage would reach are covered"
    bare = [element.name for element in seen.elements if element.bases >= 100 and not element.covered]
    if bare:
        words += f"; none of {', '.join(dict.fromkeys(bare))}"
    if seen.evenness < WHOLE:
        return Alternative(name, "supported", words + ": test the sample with the construct that the person was given")
    return Alternative(name, "not supported", words)


def _hepatitis_b(seen: Presence) -> Alternative:
    """All vector fragments on the WPRE: it is woodchuck hepatitis virus, and human hepatitis B virus has stretches alike."""
    name = HEPATITIS_B
    parts = [element for element in seen.elements if element.kind == "wpre" and element.bases]
    rest = seen.bases - sum(element.bases for element in parts)
    if not parts or rest < 300:
        return Alternative(name, UNKNOWN, "the construct has no annotated WPRE, or hardly anything else")
    on = sum(element.covered for element in parts)
    words = (
        f"{on} of the {seen.covered} covered bases lie on the WPRE, which is woodchuck hepatitis virus and resembles human "
        "hepatitis B virus"
    )
    if seen.fragments == 0:
        return Alternative(name, UNKNOWN, "no fragment with vector bases")
    share = min(1.0, (sum(element.bases for element in parts) + REACH) / seen.bases)
    if seen.covered - on <= 20 and seen.fragments * math.log(share) < math.log(0.001):
        return Alternative(
            name,
            "supported",
            f"{words}; a whole vector would have sent {100 * (1 - share):.0f}% of its fragments elsewhere",
            True,
        )
    return Alternative(name, "not supported" if seen.covered > on + 20 else UNKNOWN, words)


def _hopping(copies_per_cell: float, located: int, settings: Settings) -> Alternative:
    name = "index hopping from a positive neighbour"
    if math.isnan(copies_per_cell):
        return Alternative(name, UNKNOWN, "the copies per cell are not known")
    words = (
        f"{copies_per_cell:.4f} copies per cell; a neighbour with {settings.neighbour_copies:g} copies per cell and a hopping "
        f"rate of {100 * settings.hopping_rate:g}% would give {settings.hopping_floor:.4f}"
    )
    if copies_per_cell <= settings.hopping_floor and not located:
        return Alternative(name, "supported", words, explains_all=True)
    return Alternative(name, "not supported", words)


def _hiv(seen: Presence) -> Alternative:
    name = "HIV-1 infection"
    shared = [element for element in seen.elements if element.kind in HIV_KINDS and element.bases >= 30]
    own = [element for element in seen.elements if element.kind not in HIV_KINDS and element.bases >= 30]
    if not shared or not own:
        return Alternative(name, UNKNOWN, "the construct has no annotated parts that tell HIV from the vector")
    hiv = sum(e.depth * e.bases for e in shared) / sum(e.bases for e in shared)
    vector = sum(e.depth * e.bases for e in own) / sum(e.bases for e in own)
    words = f"mean depth {hiv:.2f} over parts that HIV-1 has, {vector:.2f} over the vector's own parts"
    expected = hiv * sum(e.bases for e in own) / 150
    if expected >= 6 and vector < 0.1 * hiv:
        return Alternative(name, "supported", words, explains_all=True)
    return Alternative(name, "not supported" if hiv > 0 or vector > 0 else UNKNOWN, words)
