"""How many cells stand behind a site: distinct fragment lengths, corrected for saturation, and UMIs.

Each cell's genome is sheared at its own place, so distinct fragment lengths of a site count its cells, until cells
begin to share lengths. Berry et al. (Bioinformatics 2012;28:755) model a length ``j`` of site ``l`` as seen with
probability ``1 - exp(-theta_l phi_j)``: ``theta_l`` is the number of cells, ``phi`` the distribution of lengths, smooth
and common to all sites. Both are found by maximum likelihood, alternating between them; replicates have their own
``phi`` and share ``theta``. The plain count always stands beside the estimate.

    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> site = np.concatenate([np.arange(200).repeat(4), np.full(400, 200)])
    >>> fit = fit_sonic(site, 25 + rng.gamma(4, 30, site.size).astype(int))
    >>> bool(fit.distinct[200] < 240), bool(fit.low[200] < 400 < fit.high[200])
    (True, True)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import interpolate, special

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

KNOTS = (50.0, 100.0)  # of the smooth length distribution, in bases, as in the sonicLength package
ENOUGH = 1000  # distinct lengths beside the largest site, from which the knots follow the data instead
_UNKNOWN = 20.0  # log units of uncertainty from which a limit says nothing: a few fragments cannot tell a curve
_PAD = 10  # lengths beyond the longest that the smooth curve also sees as empty


@dataclass(frozen=True, slots=True)
class SonicFit:
    """Cells behind each site.

    Attributes:
        distinct: shape (sites,), distinct (replicate, length) pairs: the plain count.
        cells: shape (sites,), the estimate corrected for saturation.
        low, high: interval for the number of cells that gave a fragment: shared lengths and the fitted ``phi`` are uncertain,
            the sampling of cells from the person is not part of it (:func:`shares` has that).
        lengths: shape (lengths,), fragment lengths in bases; ``replicate`` the replicate of each.
        phi: shape (lengths,), share of fragments expected there; sums to one over all replicates.
        iterations: rounds until theta moved by less than a part in 100,000.
        converged: whether that was reached.
        knots: inner knots used, in bases.
        level: of the interval.
    """

    distinct: Ints
    cells: Floats
    low: Floats
    high: Floats
    lengths: Ints
    replicate: Ints
    phi: Floats
    iterations: int
    converged: bool
    knots: tuple[float, ...]
    level: float

    @property
    def saturation(self) -> Floats:
        """Share of cells hidden behind a length already seen, shape (sites,)."""
        return 1 - self.distinct / np.maximum(self.cells, self.distinct)


def fit_sonic(
    site: npt.ArrayLike,
    length: npt.ArrayLike,
    replicate: npt.ArrayLike | None = None,
    *,
    sites: int | None = None,
    knots: Sequence[float] | None = None,
    level: float = 0.95,
    max_rounds: int = 500,
) -> SonicFit:
    """Estimate the cells behind every site from its fragments.

    Args:
        site: shape (fragments,), site index of each fragment, 0-based.
        length: shape (fragments,), fragment length in bases, at least 1. Repeated rows (PCR copies) do not matter.
        replicate: shape (fragments,), technical replicate of each fragment, any whole numbers; None for one.
        sites: number of sites; default the highest index plus one. A site without fragments has zero cells.
        knots: inner knots in bases of the cubic log-density of lengths; ``KNOTS`` are those of the sonicLength package.
            None takes the quartiles of the seen lengths when there are at least ``ENOUGH`` beside the largest site (the fixed
            knots overestimate clones of thousands of cells by 10 to 25% there), and ``KNOTS`` otherwise.
        level: of the intervals.
        max_rounds: alternations before giving up (the result then says ``converged=False``).

    Raises:
        ValueError: for shapes that differ, lengths below 1, negative site numbers.
    """
    where, sizes, groups = _checked(site, length, replicate)
    n = int(sites if sites is not None else where.max(initial=-1) + 1)
    if where.size and where.max() >= n:
        raise ValueError(f"site number {int(where.max())} with {n} sites")
    seen = np.unique(np.column_stack([where, groups, sizes]), axis=0) if where.size else np.zeros((0, 3), dtype=np.int64)
    where, groups, sizes = seen[:, 0], seen[:, 1], seen[:, 2]
    distinct = np.bincount(where, minlength=n).astype(np.int64)
    if not where.size:
        empty = np.zeros(0)
        return SonicFit(distinct, np.zeros(n), np.zeros(n), np.zeros(n), groups, groups, empty, 0, True, (), level)
    if knots is None:
        plenty = where.size - int(distinct.max()) >= ENOUGH
        knots = [float(k) for k in np.unique(np.percentile(sizes, [25, 50, 75]))] if plenty else KNOTS
    design = _Design.of(sizes, groups, knots)
    column = design.column(sizes, groups)
    phi, theta = design.raw(column), distinct.astype(float)
    rounds, converged = 0, False
    while rounds < max_rounds and not converged:
        rounds += 1
        weights = _expected(theta[where], phi[column])
        phi = design.smooth(np.bincount(column, weights, minlength=phi.size).astype(np.float64))
        new = _cells(where, phi[column], distinct, theta)
        converged = rounds > 3 and bool(np.max(np.abs(new - theta) / np.maximum(theta, 1)) < 1e-5)
        theta = new
    low, high = cells_interval(distinct, phi, level)
    low, high = _widened(theta, np.minimum(low, theta), np.maximum(high, theta), design.curve_error(theta, phi), level)
    low = np.maximum(low, distinct)
    return SonicFit(distinct, theta, low, high, design.lengths, design.groups, phi, rounds, converged, tuple(knots), level)


def cells_interval(distinct: npt.ArrayLike, phi: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
    """Interval for the number of cells from the number of distinct lengths, by inverting its distribution.

    With ``N`` cells the number of cells hidden behind a shared length has mean ``N - sum(1 - exp(-N phi))`` and the
    occupancy variance; a binomial with the same two moments gives its tail. The interval holds every ``N`` for which
    neither tail is below ``(1 - level) / 2``. The length distribution counts as known.

    Args:
        distinct: shape (sites,), distinct lengths.
        phi: shape (lengths,), sums to one.
        level: in (0, 1).

    Returns:
        Lower and upper limits, shape (sites,); the upper limit is infinite where every length is taken.
    """
    counts = np.atleast_1d(np.asarray(distinct, dtype=np.int64))
    tail = (1 - level) / 2
    values, back = np.unique(counts, return_inverse=True)
    low = np.array([_edge(int(d), phi, tail, upper=False) for d in values])
    high = np.array([_edge(int(d), phi, tail, upper=True) for d in values])
    return low[back], high[back]


def _widened(theta: Floats, low: Floats, high: Floats, error: Floats, level: float) -> tuple[Floats, Floats]:
    """Limits with the relative error of the length curve added in quadrature on the log scale."""
    reach = float(special.ndtri(0.5 + level / 2)) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        down = np.where(theta > 0, np.log(theta / np.maximum(low, 1e-9)), 0.0)
        up = np.where((theta > 0) & np.isfinite(high), np.log(np.maximum(high, 1e-9) / np.maximum(theta, 1e-9)), 0.0)
    below, above = np.minimum(np.hypot(down, reach), _UNKNOWN), np.minimum(np.hypot(up, reach), _UNKNOWN)
    unbounded = ~np.isfinite(high) | (above >= _UNKNOWN)
    return theta * np.exp(-below), np.where(unbounded, np.inf, theta * np.exp(above))


def umi_cells(distinct: npt.ArrayLike, umi_bases: int) -> Floats:
    """Cells from distinct UMIs, corrected for two cells drawing the same one: ``-M ln(1 - u / M)`` with ``M = 4^bases``.

    Args:
        distinct: shape (sites,), distinct UMIs after errors were merged.
        umi_bases: random bases of the UMI.

    Returns:
        Shape (sites,); infinite where every possible UMI was seen.
    """
    u, m = np.asarray(distinct, dtype=np.float64), float(4**umi_bases)
    with np.errstate(divide="ignore"):
        return -m * np.log1p(-np.minimum(u / m, 1.0))


@dataclass(frozen=True, slots=True)
class Share:
    """Relative abundance of each clone with its interval; arrays of shape (clones,)."""

    value: Floats
    low: Floats
    high: Floats
    level: float


def shares(cells: npt.ArrayLike, spread: npt.ArrayLike | None = None, *, level: float = 0.95) -> Share:
    """Relative abundance with intervals for the sampling of cells and the saturation of lengths.

    The number of cells of a clone among all sampled cells is binomial; the extra variance of a saturated estimate
    lowers the number of cells that the binomial may count on, and Clopper-Pearson limits follow from that number.

    Args:
        cells: shape (clones,), estimated cells.
        spread: shape (clones,), standard error of ``cells`` from saturation alone; None for none.
        level: in (0, 1).
    """
    x = np.asarray(cells, dtype=np.float64)
    extra = np.zeros_like(x) if spread is None else np.asarray(spread, dtype=np.float64) ** 2
    total = x.sum()
    if total <= 0:
        return Share(np.full_like(x, np.nan), np.zeros_like(x), np.ones_like(x), level)
    p = x / total
    sampling = p * (1 - p) / total
    saturation = ((1 - p) ** 2 * extra + p**2 * (extra.sum() - extra)) / total**2
    n = np.where(sampling > 0, total * sampling / np.where(sampling + saturation > 0, sampling + saturation, 1), total)
    k, tail = p * n, (1 - level) / 2
    low = np.where(k > 0, special.betaincinv(np.maximum(k, 1e-12), n - k + 1, tail), 0.0)
    high = np.where(k < n * (1 - 1e-12), special.betaincinv(k + 1, np.maximum(n - k, 1e-12), 1 - tail), 1.0)
    return Share(p, low, high, level)


def saturation_spread(fit: SonicFit) -> Floats:
    """Standard error of the cells from shared lengths alone, shape (sites,), read off the interval."""
    half = (np.where(np.isfinite(fit.high), fit.high, fit.cells * 2) - fit.low) / 2
    return half / float(special.ndtri(0.5 + fit.level / 2))


@dataclass(frozen=True, slots=True)
class _Design:
    """The grid of lengths of each replicate and the smooth basis over it."""

    lengths: Ints
    groups: Ints
    group_index: Ints
    starts: dict[int, int]
    first: dict[int, int]
    bases: tuple[Floats, ...]
    observed: tuple[slice, ...]
    row_slices: tuple[slice, ...]

    @classmethod
    def of(cls, sizes: Ints, groups: Ints, knots: Sequence[float]) -> _Design:
        lengths, names, index, starts, first = [], [], [], {}, {}
        bases, observed, rows, at = [], [], [], 0
        for number, group in enumerate(np.unique(groups)):
            mine = sizes[groups == group]
            low, high = int(mine.min()), int(mine.max())
            grid = np.arange(1, high + _PAD + 1)
            bases.append(_basis(grid, knots))
            observed.append(slice(low - 1, high))
            span = np.arange(low, high + 1)
            lengths.append(span)
            names.append(np.full(span.size, group))
            index.append(np.full(span.size, number))
            starts[int(group)], first[int(group)] = at, low
            rows.append(slice(at, at + span.size))
            at += span.size
        return cls(
            np.concatenate(lengths),
            np.concatenate(names),
            np.concatenate(index),
            starts,
            first,
            tuple(bases),
            tuple(observed),
            tuple(rows),
        )

    def column(self, sizes: Ints, groups: Ints) -> Ints:
        keys = np.array(sorted(self.starts))
        shift = np.array([self.starts[int(k)] - self.first[int(k)] for k in keys])
        return sizes + shift[np.searchsorted(keys, groups)]

    def raw(self, column: Ints) -> Floats:
        counts = np.bincount(column, minlength=self.lengths.size) + 1.0 / max(1, self.lengths.size)
        return counts / counts.sum()

    def smooth(self, expected: Floats) -> Floats:
        """Poisson regression of the expected counts on the basis, per replicate; sums to one over all."""
        phi = np.empty_like(expected)
        for basis, inside, rows in zip(self.bases, self.observed, self.row_slices, strict=True):
            y = np.zeros(basis.shape[0])
            y[inside] = expected[rows]
            phi[rows] = np.exp(_poisson_fit(basis, y)[inside])
        phi += np.finfo(float).eps
        return phi / phi.sum()

    def curve_error(self, theta: Floats, phi: Floats) -> Floats:
        """Relative standard error of theta that comes from the fitted curve, shape (sites,).

        The Fisher information of the rates ``theta_l phi_j`` in blocks: the block of theta is diagonal, so the part that the
        curve adds is ``B' Q^-1 B`` over theta's own information squared (delta method; Berry et al. 2012).
        """
        width = sum(basis.shape[1] for basis in self.bases)
        change, at = np.zeros((phi.size, width)), 0
        for basis, inside, rows in zip(self.bases, self.observed, self.row_slices, strict=True):
            change[rows, at : at + basis.shape[1]] = basis[inside]
            at += basis.shape[1]
        change = phi[:, None] * (change - phi @ change)
        rounded = np.round(np.log(np.maximum(theta, 1e-9)), 2)
        values, back, sizes = np.unique(rounded[theta > 0], return_inverse=True, return_counts=True)
        level = np.exp(values)
        rate = np.outer(level, phi)
        weight = np.exp(-rate) / np.maximum(-np.expm1(-rate), 1e-300)
        own = weight @ phi**2
        cross = level[:, None] * (weight @ (phi[:, None] * change))
        both = np.einsum("l,lj,ja,jb->ab", sizes * level**2, weight, change, change, optimize=True)
        both -= np.einsum("l,la,lb->ab", sizes / own, cross, cross)
        inverse = np.linalg.pinv(both, rcond=1e-10, hermitian=True)
        added = np.einsum("la,ab,lb->l", cross, inverse, cross) / own**2
        error = np.zeros_like(theta)
        error[theta > 0] = (np.sqrt(np.maximum(added, 0)) / level)[back]
        return error


def _basis(grid: Ints, knots: Sequence[float]) -> Floats:
    low, high = float(grid[0]), float(grid[-1])
    inner = [k for k in knots if low < k < high]
    full = np.concatenate([[low] * 4, inner, [high] * 4])
    return np.asarray(interpolate.BSpline.design_matrix(grid.astype(float), full, 3).toarray())


def _poisson_fit(basis: Floats, y: Floats) -> Floats:
    """Linear predictor of a Poisson regression with log link (iteratively reweighted least squares)."""
    mean = y + 0.1
    eta = np.log(mean)
    deviance = np.inf
    ridge = 1e-9 * np.eye(basis.shape[1])
    for _ in range(60):
        work = eta + (y - mean) / mean
        weighted = basis * mean[:, None]
        beta = np.linalg.solve(weighted.T @ basis + ridge * max(1.0, mean.max()), weighted.T @ work)
        eta = np.clip(basis @ beta, -60, 60)
        mean = np.exp(eta)
        new = 2 * float((special.xlogy(y, np.where(y > 0, y, 1) / mean) - (y - mean)).sum())
        if abs(new - deviance) < 1e-10 * (abs(new) + 0.1):
            break
        deviance = new
    return eta


def _expected(theta: Floats, phi: Floats) -> Floats:
    """Expected fragments at a length that was seen: ``lambda / (1 - exp(-lambda))``."""
    rate = theta * phi
    return np.where(rate > 1e-12, rate / -np.expm1(-rate), 1.0)


def _cells(where: Ints, phi: Floats, distinct: Ints, start: Floats) -> Floats:
    """For each site the theta that solves ``sum_j phi_j / (1 - exp(-theta phi_j)) = 1`` over its seen lengths.

    The left side falls in theta, convexly, and so do its Newton steps in ``log theta`` from below.
    """
    log_theta = np.log(np.maximum(start, 1.0))
    active = distinct > 0
    for _ in range(100):
        rate = np.exp(log_theta)[where] * phi
        gone = -np.expm1(-rate)
        total = np.bincount(where, phi / gone, minlength=distinct.size)
        slope = -np.bincount(where, phi * rate * np.exp(-rate) / gone**2, minlength=distinct.size)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(active & (slope < 0), -(total * (np.log(total))) / slope, 0.0)
        step = np.clip(np.nan_to_num(step), -1.0, 1.0)
        log_theta = np.where(active, log_theta + step, log_theta)
        if float(np.max(np.abs(step), initial=0.0)) < 1e-9:
            break
    return np.where(active, np.exp(log_theta), 0.0)


def _edge(distinct: int, phi: Floats, tail: float, *, upper: bool) -> float:
    if distinct == 0:
        return 0.0
    if upper and distinct >= phi.size:
        return float("inf")

    def inside(cells: int) -> bool:
        few, many = _tails(cells, distinct, phi)
        return few > tail if upper else many > tail

    if not upper:
        low, high = distinct, distinct * 2
        if inside(low):
            return float(low)
        while not inside(high):
            low, high = high, high * 2
        return float(_first_true(low, high, inside))
    low, high = distinct, distinct * 2 + 2
    if not inside(low):
        return float(low)
    while inside(high):
        low, high = high, high * 2
        if high > 10**9:
            return float("inf")
    return float(_first_true(low, high, lambda n: not inside(n)) - 1)


def _first_true(low: int, high: int, test: Callable[[int], bool]) -> int:
    """The smallest whole number in (low, high] for which ``test`` holds; it fails at ``low`` and holds at ``high``."""
    while high - low > 1:
        middle = (low + high) // 2
        if test(middle):
            high = middle
        else:
            low = middle
    return high


def _tails(cells: int, distinct: int, phi: Floats) -> tuple[float, float]:
    """P(at most ``distinct`` lengths) and P(at least) for ``cells`` cells."""
    hidden = cells - distinct
    empty = np.exp(cells * np.log1p(-np.minimum(phi, 1 - 1e-12)))
    mean = cells - float((1 - empty).sum())
    variance = float((empty * (1 - empty)).sum()) - cells * float((phi * empty).sum()) ** 2
    if mean <= 1e-12:
        return (1.0 if hidden <= 0 else 0.0), (1.0 if hidden >= 0 else 0.0)
    variance = min(max(variance, 1e-9), mean * (1 - 1e-9))
    n = mean**2 / (mean - variance)
    p = mean / n
    at_most = _binomial_below(hidden, n, p)
    before = _binomial_below(hidden - 1, n, p)
    return 1 - before, at_most


def _binomial_below(k: float, n: float, p: float) -> float:
    """P(X <= k) of a binomial with a real number of trials."""
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    return float(special.betainc(n - k, k + 1, 1 - p))


def _checked(site: npt.ArrayLike, length: npt.ArrayLike, replicate: npt.ArrayLike | None) -> tuple[Ints, Ints, Ints]:
    where = np.asarray(site, dtype=np.int64)
    sizes = np.asarray(length, dtype=np.int64)
    groups = np.zeros_like(where) if replicate is None else np.asarray(replicate, dtype=np.int64)
    if not where.shape == sizes.shape == groups.shape or where.ndim != 1:
        raise ValueError(f"shapes differ: sites {where.shape}, lengths {sizes.shape}, replicates {groups.shape}")
    if where.size and (sizes.min() < 1 or where.min() < 0):
        raise ValueError("a fragment length is below 1 or a site number is negative")
    return where, sizes, groups
