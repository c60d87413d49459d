"""Do groups differ in cumulative incidence, with other causes competing? Gray's test.

It compares cumulative incidence itself, so a product can look "safer" because its patients die sooner. Put the
cause-specific rates beside it (see ``regression``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aftercar.errors import InputError


class CannotCompareIncidence(InputError):
    """The data do not allow Gray's test."""

    code = "gray-test"


@dataclass(frozen=True, slots=True)
class GrayTest:
    """Gray's K-sample test (Ann Stat 1988;16:1141).

    Attributes:
        statistic, degrees: chi-square statistic and its degrees of freedom.
        p: p-value, asymptotic.
        events: events of the cause in each group.
        groups: names of the groups.
        caution: set when events are too few for the asymptotic p-value.
    """

    statistic: float
    degrees: int
    p: float
    events: tuple[int, ...]
    groups: tuple[str, ...]
    caution: str


def gray_test(
    stop: ArrayLike, cause: ArrayLike, group: Sequence[str], *, of: int = 1, start: ArrayLike | None = None
) -> GrayTest:
    """Test that all groups have the same cumulative incidence of cause ``of``.

    Args:
        stop: time, shape (N,).
        cause: 0 censored, else the cause, shape (N,).
        group: name of the group, shape (N,).
        of: cause of interest.
        start: entry; the test is not defined for late entry, so anything above 0 is refused.

    Raises:
        CannotCompareIncidence: with late entry, one group only, or no event of the cause.
    """
    causes, labels = np.asarray(cause, np.intp), np.asarray(group, dtype=str)
    if start is not None and (np.asarray(start, float) > 0).any():
        raise CannotCompareIncidence(
            "Gray's test does not allow late entry",
            fix="start at a landmark, or compare by Fine-Gray regression with left truncation",
        )
    names = sorted(set(labels.tolist()))
    if len(names) < 2:
        raise CannotCompareIncidence("there is only one group", where=", ".join(names))
    events = tuple(int(((causes == of) & (labels == name)).sum()) for name in names)
    if not sum(events):
        raise CannotCompareIncidence(f"no event of cause {of}", fix="give exact upper limits by group")
    from comprisk.gray_test import gray_test as compute

    found = compute(np.asarray(stop, float), causes, np.searchsorted(names, labels), cause=of)
    few = min(events) < 5
    caution = "A group has fewer than 5 events: use the exact homogeneity test of rates instead." if few else ""
    return GrayTest(float(found.stat), int(found.df), float(found.pvalue), events, tuple(names), caution)
