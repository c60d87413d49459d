"""Rows behind the pictures of one sample: depth along the construct in windows, and the fragments at each junction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aftercar.evidence.sites import SiteCall
from aftercar.reads.junctions_target import Target

#: Windows along one construct: about one a pixel pair of a printed chart.
WINDOWS = 200
#: Fragments of one junction that are drawn; the count of all stands in the sites' table.
FRAGMENTS = 40


def coverage_rows(profile: npt.NDArray[np.int32], target: Target) -> Iterator[dict[str, Any]]:
    """Rows of the table ``coverage``: mean depth in windows of each construct.

    Args:
        profile: shape (bases of the target,), fragments over each base.
        target: what the fragments were compared with.
    """
    proviruses = iter(target.proviruses)
    for part in target.parts:
        depth = profile[part.start : part.end].astype(float)
        if part.kind == "provirus" and (size := next(proviruses).ltr_length):
            # A read from an LTR is drawn to one of its copies: both get the mean.
            depth[:size] = depth[-size:] = (depth[:size] + depth[-size:]) / 2
        width = max(1, math.ceil(len(depth) / WINDOWS))
        for start in range(0, len(depth), width):
            window = slice(start, min(start + width, len(depth)))
            human = target.shared[part.start : part.end][window]
            yield {
                "vector": part.name,
                "part": part.kind,
                "start": start + 1,
                "end": window.stop,
                "depth": round(float(depth[window].mean()), 4),
                "human": round(float(human.mean()), 4),
            }


def junction_rows(sites: Sequence[SiteCall]) -> Iterator[dict[str, Any]]:
    """Rows of the table ``junction_fragments``: the longest fragments of each junction, longest first."""
    for call in sites:
        for junction in call.site.junctions:
            longest = sorted(junction.supports, key=lambda s: (-s.host_bases - s.vector_bases, s.template))[:FRAGMENTS]
            for number, support in enumerate(longest, 1):
                yield {
                    "chrom": call.site.contig,
                    "pos": call.site.position + 1,
                    "orientation": call.site.orientation,
                    "side": junction.side,
                    "fragment": number,
                    "kind": support.kind,
                    "host_bases": support.host_bases,
                    "vector_bases": support.vector_bases,
                    "fragments": junction.fragments,
                }
