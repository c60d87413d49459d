"""Values between the reads and the junctions: what one fragment says, and all of them together."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from aftercar.reads.junctions_align import Segment
from aftercar.reads.junctions_target import Codes

Side = Literal["left", "right"]
#: A place of a host part: contig, coordinate beside the vector, side, orientation of the provirus, mismatches.
Other = tuple[str, int, Side, str, int]


@dataclass(frozen=True, slots=True)
class Library:
    """What the fragments look like: read length, and template length (NaN for single-end reads), in bases."""

    read_length: int
    insert_mean: float
    insert_sd: float

    @property
    def longest(self) -> int:
        """Longest template worth believing (mean and four standard deviations; 1,000 when not known)."""
        if math.isnan(self.insert_mean):
            return 1_000
        spread = 0.0 if math.isnan(self.insert_sd) else self.insert_sd
        return int(self.insert_mean + 4 * max(spread, 0.1 * self.insert_mean))

    @property
    def typical(self) -> float:
        """Mean template length (500 when not known)."""
        return 500.0 if math.isnan(self.insert_mean) else self.insert_mean


@dataclass(frozen=True, slots=True)
class Support:
    """One fragment that joins host to vector.

    Attributes:
        template: read name.
        kind: ``split`` (a read crosses the junction) or ``spanning`` (the junction lies between the ends).
        contig: host sequence.
        side: which side of the provirus the host part is on, in reference orientation.
        orientation: ``+`` when the provirus reads with the reference.
        end: ``left`` or ``right`` end of the provirus, empty where the break is elsewhere in the vector.
        vector: target position of the boundary (first base of a left break, one past the last of a right break); -1
            when not known.
        adjacent: 0-based coordinate of the host base beside the vector; an estimate for spanning fragments.
        low, high: limits of ``adjacent`` (equal for split reads).
        host_outer: coordinate of the fragment's host end.
        vector_outer: target position of the fragment's vector end.
        host_bases, vector_bases: length of the two sides within the fragment, as far as sequenced.
        mismatches: of the host part and of a host mate.
        unique: whether the host part has one place only.
        others: other places that fit as well (:data:`Other`).
        unshared: vector bases of the fragment that are not human.
        reverse: whether the vector lies against the read (strand balance).
        weak: placed by a short or mismatched part alone; it joins a junction but does not make one by itself.
        part: encoded host bases of a split read, read away from the vector; None where no read crosses the junction.
    """

    template: str
    kind: Literal["split", "spanning"]
    contig: str
    side: Side
    orientation: str
    end: str
    vector: int
    adjacent: int
    low: int
    high: int
    host_outer: int
    vector_outer: int
    host_bases: int
    vector_bases: int
    mismatches: int
    unique: bool
    others: tuple[Other, ...]
    unshared: int
    reverse: bool
    weak: bool = False
    part: Codes | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Loose:
    """A split read whose host part is too short or too repeated to be placed by itself.

    Attributes:
        template: read name.
        end: ``left`` or ``right`` end of the provirus.
        part: encoded host bases, read away from the vector.
        vector: target position of the boundary.
        vector_outer: target position of the fragment's vector end.
        unshared, reverse: as in :class:`Support`.
    """

    template: str
    end: str
    part: Codes
    vector: int
    vector_outer: int
    unshared: int
    reverse: bool


@dataclass(frozen=True, slots=True)
class VectorFragment:
    """A fragment with vector bases: which target bases each end covers, and whether it is evidence of the vector."""

    template: str
    segments: tuple[tuple[Segment, ...], tuple[Segment, ...]]
    unshared: int
    host_like: bool


@dataclass(frozen=True, slots=True)
class Rearrangement:
    """A read that joins two vector positions that are not neighbours (deletion, inversion, tandem copy).

    Attributes:
        template: read name.
        before, after: target positions (between bases) left and met again, read along the vector; in ascending order
            when ``inverted``, where no direction is the vector's own.
        inverted: whether the two parts lie on opposite strands.
        tails: of an inverted join, whether both parts end there in vector direction (else both begin there).
    """

    template: str
    before: int
    after: int
    inverted: bool
    tails: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the candidate pairs say.

    Attributes:
        supports: fragments that join host and vector.
        fragments: fragments with vector bases (duplicates removed).
        rearrangements: reads that join two vector positions.
        loose: split reads at a provirus end whose host part has no place of its own.
        unplaced: split reads with 23 host bases and more that have no place (foreign DNA, unknown vector parts).
        duplicates: fragments dropped as copies of another.
    """

    supports: tuple[Support, ...]
    fragments: tuple[VectorFragment, ...]
    rearrangements: tuple[Rearrangement, ...]
    loose: tuple[Loose, ...]
    unplaced: int
    duplicates: int
