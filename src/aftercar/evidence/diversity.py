"""How many clones there are and how evenly they share the cells.

The formulae are the field's: Shannon with the natural logarithm (as ``vegan::diversity``), Gini over the relative
abundances without a small-sample correction (as ``reldist::gini``), Chao1 in its bias-corrected form (Chao 1984,
as ``vegan::estimateR``), and UC50 in both definitions that are in use, each under its own name.

    >>> d = diversity([4, 3, 2, 1])
    >>> round(d.shannon, 4), round(d.gini, 4), d.chao1, d.uc50_ascending, d.uc50_fewest
    (1.2799, 0.25, 4.0, 2, 2)
    >>> twenty = diversity([1] * 20)
    >>> twenty.uc50_ascending, twenty.uc50_fewest
    (11, 10)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Diversity:
    """Measures of one population of clones.

    Attributes:
        sites: clones with an abundance above zero.
        total: sum of the abundances (cells, fragments or reads; ``column`` says which).
        shannon: entropy in nats, ``-sum p ln p``.
        simpson: Gini-Simpson index ``1 - sum p^2``; ``concentration`` is ``sum p^2``.
        gini: Gini coefficient of the abundances, 0 equal, towards 1 dominated by one; no correction for size.
        chao1: bias-corrected lower bound of the number of clones, ``S + f1 (f1 - 1) / (2 (f2 + 1))`` on abundances
            rounded to whole numbers (f1, f2: clones with abundance one and two).
        uc50_ascending: clones in the ascending cumulative sum at or above one half (the code of the INSPIIRED reports).
        uc50_fewest: fewest clones that together hold at least one half; differs only where one half is hit exactly.
        top_share: share of the largest clone.
        column: which column the abundances came from.
    """

    sites: int
    total: float
    shannon: float
    simpson: float
    concentration: float
    gini: float
    chao1: float
    uc50_ascending: int
    uc50_fewest: int
    top_share: float
    column: str = ""

    def as_row(self) -> dict[str, float | int | str]:
        """The measures by name, for a table."""
        return asdict(self)


def diversity(abundance: Sequence[float] | npt.NDArray[np.generic], column: str = "") -> Diversity:
    """All measures of one population.

    Args:
        abundance: shape (clones,), not negative; zeros are dropped. An empty population has NaN measures and zero clones.
        column: name of the column it came from, kept for the reader.

    Raises:
        ValueError: for a negative or non-finite abundance.
    """
    x = np.asarray(abundance, dtype=np.float64)
    if x.size and (not np.isfinite(x).all() or x.min() < 0):
        raise ValueError("an abundance is negative or not a number")
    x = np.sort(x[x > 0])
    if not x.size:
        nan = float("nan")
        return Diversity(0, 0.0, nan, nan, nan, nan, nan, 0, 0, nan, column)
    p = x / x.sum()
    concentration = float((p * p).sum())
    return Diversity(
        sites=int(x.size),
        total=float(x.sum()),
        shannon=shannon(x),
        simpson=1 - concentration,
        concentration=concentration,
        gini=gini(x),
        chao1=chao1(x),
        uc50_ascending=uc50_ascending(x),
        uc50_fewest=uc50_fewest(x),
        top_share=float(p[-1]),
        column=column,
    )


def shannon(x: Floats) -> float:
    """Entropy in nats of positive abundances, shape (clones,)."""
    p = x / x.sum()
    return max(0.0, float(-(p * np.log(p)).sum()))


def gini(x: Floats) -> float:
    """Gini coefficient of positive abundances, shape (clones,): twice the area between the Lorenz curve and the diagonal."""
    x = np.sort(x)
    n = x.size
    rank = np.arange(1, n + 1)
    return max(0.0, float(((2 * rank - n - 1) * x).sum() / (n * x.sum())))


def chao1(x: Floats) -> float:
    """Bias-corrected Chao1 of positive abundances, shape (clones,), rounded to whole numbers first."""
    counts = np.rint(x)
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return float(x.size + once * (once - 1) / (2 * (twice + 1)))


def uc50_ascending(x: Floats) -> int:
    """Clones whose ascending cumulative sum is at least half of all (INSPIIRED's UC50)."""
    x = np.sort(x)
    return int((np.cumsum(x) >= x.sum() / 2).sum())


def uc50_fewest(x: Floats) -> int:
    """The smallest number of clones that together hold at least half of all."""
    x = np.sort(x)[::-1]
    return int(np.searchsorted(np.cumsum(x), x.sum() / 2 * (1 - 1e-12)) + 1)
