"""How small a CAR-positive clone this sample would have shown: for presence, and for a located site.

A cell fraction c with one copy a cell sends a Poisson number of evident fragments, of mean c x E x H / (D x b): E is the number
of fragment starts on one provirus that give evidence, H the host depth, D the chromosome copies of a mean cell, b the bases
sequenced per fragment. E is counted over every start, so read length, template length, shared bases and vector length
all enter. The limit is the c at which the rule of the verdict is met with the wanted probability.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from aftercar.reads.junctions_target import Target
from aftercar.reads.junctions_types import Library

RUN = 23  #: unshared vector bases in one end that the screen is sure to see
HOST = 20  #: host bases in one end that can be placed


@dataclass(frozen=True, slots=True)
class Limit:
    """Lowest cell fraction found with the wanted probability.

    Attributes:
        presence: for vector DNA being seen, as a share of all cells (above 1: no fraction would do).
        site: for a site being located; None where the ends of the vector are not known.
        power: that probability.
        evident_starts: fragment starts on one provirus that show vector DNA.
        split_starts, spanning_starts: fragment starts with a read across a junction, and with the junction between the ends.
        fragments_per_start: fragments expected per start if every cell carried one copy.
        words: in words.
    """

    presence: float
    site: float | None
    power: float
    evident_starts: float
    split_starts: float
    spanning_starts: float
    fragments_per_start: float
    words: str


def limit(
    target: Target,
    library: Library,
    host_depth: float,
    *,
    mean_copies: float = 2.0,
    fragments: int = 3,
    site_fragments: int = 2,
    power: float = 0.95,
    paired: bool = True,
) -> Limit | None:
    """The detection limit of a sample; None when the host depth is not known or zero.

    Args:
        target: the vector; of several constructs the first counts.
        library: read and template length.
        host_depth: mean depth of the host in bases.
        mean_copies: chromosome copies of a mean cell.
        fragments: fragments that make vector DNA seen.
        site_fragments: fragments that make a site located, one of them split.
        power: wanted probability.
        paired: whether fragments have two ends.
    """
    if math.isnan(host_depth) or host_depth <= 0 or library.read_length <= 0:
        return None
    ends = 2 if paired else 1
    per_start = host_depth / mean_copies / (ends * library.read_length)
    evident, split, spanning = starts(target, library, paired=paired)
    seen = needed_mean(fragments, power) / (evident * per_start) if evident else math.inf
    site = None
    if target.has_ends and split:
        site = _site_limit(split * per_start, spanning * per_start, site_fragments, power)
    words = (
        f"a clone in {_percent(seen)} of all cells would have shown at least {fragments} vector fragments with "
        f"{100 * power:.0f}% probability"
        + (
            f", and its site from {_percent(site)} of the cells"
            if site is not None
            else "; no site can be located with this sequence"
        )
    )
    return Limit(seen, site, power, evident, split, spanning, per_start, words)


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%" if share <= 1 else "more than 100%"


def needed_mean(count: int, power: float) -> float:
    """Poisson mean at which at least ``count`` events come with probability ``power`` (3 events, 95%: 6.30)."""
    return float(stats.gamma.ppf(power, count))


def _site_limit(split: float, spanning: float, count: int, power: float) -> float:
    """Cell fraction at which a site has ``count`` fragments, one of them split, with probability ``power``."""

    def missing(c: float) -> float:
        return located(c * split, c * spanning, count) - power

    top = 1.0
    while missing(top) < 0:
        top *= 2
        if top > 1e9:
            return math.inf
    return float(optimize.brentq(missing, 0.0, top, xtol=1e-12))


def located(split: float, spanning: float, count: int) -> float:
    """Probability of at least ``count`` fragments, at least one of them split, for Poisson means of the two kinds."""
    short = sum(stats.poisson.pmf(s, split) * stats.poisson.cdf(count - s - 1, spanning) for s in range(1, count))
    return float(1 - stats.poisson.pmf(0, split) - short)


def starts(target: Target, library: Library, *, paired: bool = True) -> tuple[float, float, float]:
    """Fragment starts on one provirus that give evidence, split reads, and spanning pairs (both ends of the provirus)."""
    part = target.parts[0]
    length = part.end - part.start
    read = library.read_length
    sizes, weights = _sizes(library, paired)
    unshared = (target.multiplicity[part.start : part.end] > 0) & ~target.shared[part.start : part.end]
    runs = _longest_run_windows(unshared, read)
    evident = split = spanning = 0.0
    for size, weight in zip(sizes, weights, strict=True):
        first = np.arange(-size + 1, length)  # start of the fragment relative to the provirus
        second = first + size - read
        shown = _evident(runs, first, read, length) | (_evident(runs, second, read, length) if paired else False)
        evident += weight * float(shown.sum())
        if target.has_ends:
            crossing, around = _at_one_end(size, read, paired)
            split += 2 * weight * crossing
            spanning += 2 * weight * around
    return evident, split, spanning


def _sizes(library: Library, paired: bool) -> tuple[list[int], list[float]]:
    """Template lengths at the middle of eight equal shares of a normal distribution; the read itself when single-end."""
    if not paired or math.isnan(library.insert_mean):
        return [library.read_length], [1.0]
    spread = 0.0 if math.isnan(library.insert_sd) else library.insert_sd
    points = stats.norm.ppf((np.arange(8) + 0.5) / 8) * spread + library.insert_mean
    return [max(library.read_length, round(float(p))) for p in points], [1 / 8] * 8


def _longest_run_windows(unshared: npt.NDArray[np.bool_], read: int) -> npt.NDArray[np.int64]:
    """Running count of starts of unshared runs of RUN bases: entry i counts starts before i."""
    if len(unshared) < RUN:
        return np.zeros(2, np.int64)
    sums = np.concatenate([[0], np.cumsum(unshared)])
    full = (sums[RUN:] - sums[:-RUN]) == RUN
    return np.concatenate([[0], np.cumsum(full)])


def _evident(runs: npt.NDArray[np.int64], start: npt.NDArray[np.int64], read: int, length: int) -> npt.NDArray[np.bool_]:
    """Whether a read at ``start`` holds a whole run of unshared vector bases."""
    low = np.clip(start, 0, len(runs) - 1)
    high = np.clip(start + read - RUN + 1, 0, len(runs) - 1)
    return np.asarray(runs[np.maximum(high, low)] - runs[low] > 0)


def _at_one_end(size: int, read: int, paired: bool) -> tuple[float, float]:
    """Starts with a read across one junction, and with the junction in the gap, that can be placed and recognised."""
    vector = np.arange(1, size)  # vector bases of the fragment
    host = size - vector
    if not paired:
        return float(((vector >= RUN) & (host >= HOST)).sum()), 0.0
    near = (vector < read) & (vector >= RUN) & ((host >= HOST) | (size - read >= vector))  # the vector-side read crosses
    far = (host < read) & (host >= HOST) & (vector >= RUN)  # the host-side read crosses
    gap = (vector >= read) & (host >= read)
    return float((near | far).sum()), float(gap.sum())
