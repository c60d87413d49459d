"""Is vector DNA there: fragments and depth over vector bases that the human genome does not have.

Bases that vector and human share (CD8A hinge, 4-1BB, CD28, CD3 zeta, EF1-alpha promoter) are counted nowhere. Depth is
taken over all bases of the integrated form, both LTRs included, so that a read from an LTR counts once whichever copy it is from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from aftercar.reads.junctions_target import Target
from aftercar.reads.junctions_types import VectorFragment


@dataclass(frozen=True, slots=True)
class ElementDepth:
    """Depth over one annotated element of the provirus: unshared bases, those covered, mean depth."""

    name: str
    kind: str
    bases: int
    covered: int
    depth: float


@dataclass(frozen=True, slots=True)
class Presence:
    """Vector DNA in the sample.

    Attributes:
        fragments: fragments with vector bases that are not human.
        host_like: fragments left out because the human genome explains their vector bases.
        depth: mean depth over the unshared bases of the integrated form.
        bases: those bases (both LTRs counted).
        covered: of those, bases covered at least once.
        expected_covered: bases that even coverage at this depth would reach.
        effective: effective number of independent fragments (compound Poisson), for intervals of the depth.
        backbone_depth: mean depth over bases that do not integrate; NaN when the construct has none.
        backbone_bases: those bases.
        elements: depth by element, in the order of the provirus.
    """

    fragments: int
    host_like: int
    depth: float
    bases: int
    covered: int
    expected_covered: float
    effective: float
    backbone_depth: float
    backbone_bases: int
    elements: tuple[ElementDepth, ...] = ()
    profile: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32), repr=False)

    @property
    def evenness(self) -> float:
        """Covered over expected covered bases: near 1 for a whole provirus, low for an amplicon. NaN without depth."""
        return self.covered / self.expected_covered if self.expected_covered > 0 else float("nan")


def presence(
    fragments: Sequence[VectorFragment],
    target: Target,
    *,
    duplicate_factor: float = 1.0,
    elements: Iterable[tuple[str, str, int, int]] = (),
) -> Presence:
    """Depth and breadth over the vector.

    Args:
        fragments: from :func:`aftercar.reads.junctions_parts.gather`.
        target: what they were compared with.
        duplicate_factor: fragments with their copies over fragments, for files whose host depth counts copies too.
        elements: name, kind, start and end of each element in target coordinates.
    """
    counted = [fragment for fragment in fragments if not fragment.host_like]
    steps = np.zeros(len(target.codes) + 1, np.int64)
    evidence = target.proviral & ~target.shared
    before = np.concatenate([[0], np.cumsum(evidence)])
    weights = np.zeros(len(counted))
    for number, fragment in enumerate(counted):
        for segment in (s for part in fragment.segments for s in part):
            steps[segment.target_start] += 1
            steps[segment.target_stop] -= 1
            weights[number] += before[segment.target_stop] - before[segment.target_start]
    profile = np.cumsum(steps)[:-1]
    total, squares = float(weights.sum()), float((weights**2).sum())
    # Reads from an LTR are drawn to one of its copies: breadth counts a base as covered when either copy is.
    reached_once = profile > 0
    for part, provirus in zip((p for p in target.parts if p.kind == "provirus"), target.proviruses, strict=True):
        size = provirus.ltr_length
        if size:
            either = reached_once[part.start : part.start + size] | reached_once[part.end - size : part.end]
            reached_once[part.start : part.start + size] = reached_once[part.end - size : part.end] = either
    bases = int(evidence.sum())
    depth = duplicate_factor * total / bases if bases else float("nan")
    backbone = int(target.backbone.sum())
    reached = bases * (1 - np.exp(-depth)) if bases else 0.0
    return Presence(
        fragments=len(counted),
        host_like=len(fragments) - len(counted),
        depth=depth,
        bases=bases,
        covered=int(reached_once[evidence].sum()),
        expected_covered=float(reached),
        effective=total * total / squares if squares else 0.0,
        backbone_depth=duplicate_factor * float(profile[target.backbone].sum()) / backbone if backbone else float("nan"),
        backbone_bases=backbone,
        elements=tuple(_element(profile, evidence, *element) for element in elements),
        profile=profile.astype(np.int32),
    )


def _element(
    profile: npt.NDArray[np.int64], evidence: npt.NDArray[np.bool_], name: str, kind: str, start: int, end: int
) -> ElementDepth:
    own = evidence[start:end]
    depth = profile[start:end][own]
    return ElementDepth(name, kind, int(own.sum()), int((depth > 0).sum()), float(depth.mean()) if len(depth) else float("nan"))
