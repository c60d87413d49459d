"""The same clone in several samples: linked positions, the chance of having missed it, growth, and the clonality trigger.

A clone that is absent from a sample was not necessarily absent from the person: every row states the chance that a clone
of its size gave no fragment. Growth from product to follow-up is tested by the conditional (Fisher) test that both samples
hold the same share of the clone, with the false-discovery rate held by Benjamini and Hochberg (1995) over the clones whose
total could reach significance at all (Gilbert 2005); the totals carry no information on growth, so choosing by them is fair.

    >>> round(chance_missed(0.01, 100), 3)
    0.366
    >>> grown = expansion([2, 50, 1], [40, 50, 0], 1000, 1000)
    >>> grown.call.tolist()
    ['expanded', 'no_change_shown', 'too_few_cells']
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Some trials report a clone above this share of all clones; no regulator has set it.
CLONALITY_SHARE = 0.20
CLONALITY_SOURCE = "a convention of some trials' reports, not a regulator's threshold"


def link(chrom: Sequence[str], position: npt.ArrayLike, orientation: Sequence[str], window: int = 5) -> Ints:
    """One clone number for positions that lie within ``window`` bases of the next on the same chromosome and strand.

    Args:
        chrom, position, orientation: shape (rows,).
        window: bases between neighbours that still count as one site (alignment moves ends by a few bases).

    Returns:
        Shape (rows,), clone numbers from 0 in the order of chromosome, strand and position.
    """
    names = np.array([f"{c}\t{o}" for c, o in zip(chrom, orientation, strict=True)])
    where = np.asarray(position, dtype=np.int64)
    if names.shape != where.shape:
        raise ValueError(f"{names.size} chromosomes for {where.size} positions")
    if not where.size:
        return np.zeros(0, dtype=np.int64)
    _, strand = np.unique(names, return_inverse=True)
    order = np.lexsort((where, strand))
    new = np.ones(where.size, dtype=bool)
    new[1:] = (np.diff(strand[order]) != 0) | (np.diff(where[order]) > window)
    clones = np.empty(where.size, dtype=np.int64)
    clones[order] = np.cumsum(new) - 1
    return clones


def chance_missed(share: float, cells: float) -> float:
    """Chance that a clone with this share of the cells gives none of ``cells`` sampled cells: ``(1 - share) ** cells``."""
    if not 0 <= share <= 1 or cells < 0:
        raise ValueError(f"share {share} or cells {cells} out of range")
    return float((1 - share) ** cells) if share < 1 else float(cells == 0)


def chance_missed_again(seen: float, among: float, cells: float) -> float:
    """Chance of no cell among ``cells`` for a clone seen ``seen`` times ``among`` cells elsewhere, its share being uncertain.

    The share has the beta distribution of Jeffreys' prior after the other sample; the chance is its beta-binomial at zero.
    """
    if seen < 0 or among < seen or cells < 0:
        raise ValueError(f"{seen} of {among}, then {cells}: not possible")
    a, b = seen + 0.5, among - seen + 0.5
    return float(np.exp(special.betaln(a, b + cells) - special.betaln(a, b)))


def largest_missed(cells: float, level: float = 0.95) -> float:
    """The largest share a clone can have and still be missed with chance ``1 - level``: the detection limit of a sample."""
    if cells <= 0:
        return 1.0
    return float(1 - (1 - level) ** (1 / cells))


@dataclass(frozen=True, slots=True)
class Expansion:
    """Growth of each clone between two samples; arrays of shape (clones,).

    Attributes:
        before, after: cells of the clone.
        fold: share after over share before, with half a cell added where one is zero.
        low, high: interval of the fold (conditional, Clopper-Pearson on the split of the clone's cells).
        p: one-sided p value that the share grew.
        q: Benjamini-Hochberg value among the clones tested; NaN where the clone has too few cells to be tested.
        call: ``expanded``, ``no_change_shown`` or ``too_few_cells``.
        tested: clones in the family of tests.
        rate: nominal false-discovery rate; level: of the intervals.
    """

    before: Ints
    after: Ints
    fold: Floats
    low: Floats
    high: Floats
    p: Floats
    q: Floats
    call: npt.NDArray[np.str_]
    tested: int
    rate: float
    level: float


def expansion(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    cells_before: float | None = None,
    cells_after: float | None = None,
    *,
    rate: float = 0.05,
    fold_above: float = 1.0,
    level: float = 0.95,
) -> Expansion:
    """Test every clone for growth of its share from one sample to the next.

    Args:
        before, after: shape (clones,), cells (estimated abundance, rounded) in each sample; never reads, which count PCR copies.
        cells_before, cells_after: cells in all; default the sums.
        rate: nominal false-discovery rate.
        fold_above: growth up to this fold is not called (a settings value: 1 asks for any growth).
        level: of the intervals.

    Raises:
        ValueError: for negative counts or a sample without cells.
    """
    x = np.rint(np.asarray(before, dtype=float)).astype(np.int64)
    y = np.rint(np.asarray(after, dtype=float)).astype(np.int64)
    n = round(float(x.sum()) if cells_before is None else cells_before)
    m = round(float(y.sum()) if cells_after is None else cells_after)
    if x.shape != y.shape or x.min(initial=0) < 0 or y.min(initial=0) < 0:
        raise ValueError("cells before and after differ in shape, or one is negative")
    if n <= 0 or m <= 0:
        raise ValueError(f"a sample holds no cells ({n} before, {m} after): growth cannot be judged")
    total = x + y
    p, least = _growth_p(x, y, n, m, fold_above)
    tested = testable(least, rate)
    q = np.full(p.shape, np.nan)
    q[tested] = stats.false_discovery_control(p[tested]) if tested.any() else []
    call = np.where(~tested, "too_few_cells", np.where(np.nan_to_num(q, nan=1.0) <= rate, "expanded", "no_change_shown"))
    tail = (1 - level) / 2
    split_low = np.where(y > 0, special.betaincinv(np.maximum(y, 1e-9), x + 1.0, tail), 0.0)
    split_high = np.where(x > 0, special.betaincinv(y + 1.0, np.maximum(x, 1e-9), 1 - tail), 1.0)
    with np.errstate(divide="ignore"):
        low, high = (split / (1 - split) * n / m for split in (split_low, split_high))
    zero = (x == 0) | (y == 0)
    fold = (y + 0.5 * zero) / m / ((x + 0.5 * zero) / n)
    return Expansion(x, y, np.where(total > 0, fold, np.nan), low, high, p, q, call, int(tested.sum()), rate, level)


def _growth_p(x: Ints, y: Ints, n: int, m: int, fold: float) -> tuple[Floats, Floats]:
    """P(at least y of the clone's cells in the second sample), and the smallest value it could take given the total."""
    total = x + y
    if fold == 1.0:
        p = stats.hypergeom.sf(y - 1, n + m, m, np.minimum(total, n + m))
        least = stats.hypergeom.sf(np.minimum(total, m) - 1, n + m, m, np.minimum(total, n + m))
    else:
        odds = fold * m / (fold * m + n)
        p, least = stats.binom.sf(y - 1, total, odds), stats.binom.sf(total - 1, total, odds)
    return np.asarray(p, dtype=float), np.asarray(least, dtype=float)


def testable(least: Floats, rate: float) -> npt.NDArray[np.bool_]:
    """The largest family in which every clone could be significant after a Bonferroni step (Tarone 1990, Gilbert 2005)."""
    order = np.sort(least)
    size = 1
    while size <= order.size and int((order <= rate / size).sum()) > size:
        size += 1
    return least <= rate / size


Judgement = Literal["above", "not_above", "cannot_say"]


@dataclass(frozen=True, slots=True)
class Trigger:
    """The largest clone against the clonality setting.

    Attributes:
        judgement: ``above`` when the interval's lower limit is above the setting, ``not_above`` when the upper limit is
            not, ``cannot_say`` otherwise.
        share, low, high: of the largest clone.
        threshold: the setting.
        words: one sentence for a report.
    """

    judgement: Judgement
    share: float
    low: float
    high: float
    threshold: float
    words: str


def clonality_trigger(share: float, low: float, high: float, threshold: float = CLONALITY_SHARE) -> Trigger:
    """Judge the largest clone against ``threshold`` by its interval."""
    if not 0 < threshold < 1:
        raise ValueError(f"threshold {threshold} is not between 0 and 1")
    judgement: Judgement = "above" if low > threshold else "not_above" if high <= threshold else "cannot_say"
    shown = f"largest clone {100 * share:.1f}% ({100 * low:.1f}-{100 * high:.1f}%) of all cells with a site"
    verb = {"above": "is above", "not_above": "is not above", "cannot_say": "cannot be told from"}[judgement]
    words = f"{shown} {verb} the setting of {100 * threshold:g}% ({CLONALITY_SOURCE})"
    return Trigger(judgement, share, low, high, threshold, words)
