"""Simulated error rates: ``python -m validation.spontaneous.simulation``.

Each line simulates a rule under a known truth and compares with what the method promises. A line is marked when the
simulated share leaves the promise by more than four Monte-Carlo standard errors.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aftercar.signals import disproportionality as dp
from aftercar.signals import sequential as sq
from aftercar.signals import shrinkage
from aftercar.signals.sequential_bayes import Prior, calibrated_threshold, false_signal_probability, fewest_events

SEED = 20240611
RUNS = 100_000


@dataclass(frozen=True, slots=True)
class Line:
    """One simulated share, what was promised and how the two should stand."""

    name: str
    share: float
    promised: float
    rule: str  # "equal" or "at most"
    runs: int

    @property
    def error(self) -> float:
        """Monte-Carlo standard error at the promised share."""
        return float((max(self.promised * (1 - self.promised), 1e-9) / self.runs) ** 0.5)

    @property
    def holds(self) -> bool:
        """Whether the promise is kept within four standard errors."""
        gap = self.share - self.promised
        return gap <= 4 * self.error and (self.rule == "at most" or gap >= -4 * self.error)


def maxsprt(generator: np.random.Generator) -> Iterator[Line]:
    """Continuous monitoring, event by event, under no excess and under a doubled rate."""
    for end, minimum, alpha in ((2, 1, 0.05), (5, 4, 0.05), (10, 1, 0.01), (10, 4, 0.05), (30, 4, 0.05)):
        critical = sq.critical_value(end, alpha, minimum=minimum)
        for ratio in (1.0, 2.0):
            exact = sq.performance(critical, end, ratio, minimum=minimum).power
            share = _continuous(generator, critical, end, ratio, minimum)
            what = "type-I error" if ratio == 1 else "power at RR 2"
            promised = alpha if ratio == 1 else exact
            yield Line(f"MaxSPRT {what}, end {end}, at least {minimum}, alpha {alpha}", share, promised, "equal", RUNS)


def _continuous(generator: np.random.Generator, critical: float, end: float, ratio: float, minimum: int) -> float:
    most = int(ratio * end + 10 * (ratio * end) ** 0.5 + 20)
    signals = 0
    for part in np.array_split(np.arange(RUNS), 10):
        times = generator.exponential(1 / ratio, size=(len(part), most)).cumsum(axis=1)
        count = np.arange(1, most + 1)
        llr = sq.log_likelihood_ratio(count[None, :], times)
        signals += int(((llr >= critical) & (times <= end) & (count >= minimum)).any(axis=1).sum())
    return signals / RUNS


def at_data_locks(generator: np.random.Generator) -> Iterator[Line]:
    """Looks at data locks: exact attained error, Bayesian rule calibrated, plain rules that ignore the looking."""
    looks = np.array([1.0, 2, 3, 4, 6, 8, 10, 12])
    counts = generator.poisson(np.diff(looks, prepend=0), size=(RUNS, len(looks))).cumsum(axis=1)
    critical = sq.group_critical_value(looks, minimum=3)
    attained = sq.group_performance(critical, looks, minimum=3).power
    limits = [sq.group_boundary(critical, at, 3) for at in looks]
    share = float((counts >= limits).any(axis=1).mean())
    yield Line("MaxSPRT at 8 data locks, attained type-I error", share, attained, "equal", RUNS)
    yield Line("MaxSPRT at 8 data locks, type-I error below alpha", share, 0.05, "at most", RUNS)
    threshold = calibrated_threshold(Prior(), looks, minimum=3)
    limits = [fewest_events(Prior(), at, threshold, minimum=3) for at in looks]
    share = float((counts >= limits).any(axis=1).mean())
    yield Line(f"gamma-Poisson rule, threshold {threshold:.4f}", share, 0.05, "at most", RUNS)
    plain = false_signal_probability(Prior(), looks, 0.95, minimum=3)
    limits = [fewest_events(Prior(), at, 0.95, minimum=3) for at in looks]
    yield Line("gamma-Poisson rule, uncalibrated 95% (exact)", float((counts >= limits).any(axis=1).mean()), plain, "equal", RUNS)


def disproportionality(generator: np.random.Generator) -> Iterator[Line]:
    """Reports where product and event are independent: how often is a signal called, how often is the truth covered?"""
    runs, total = 20_000, 200_000
    for drug, event, expected in ((100, 1_000, 0.5), (400, 2_500, 5), (2_000, 4_000, 40)):
        a = generator.hypergeometric(event, total - event, drug, size=runs)
        table = dp.fourfold(a, drug, event, total)
        ic = dp.information_component(table)
        name = f"independent reports, {expected:g} expected: "
        yield Line(name + "IC025 above 0", float(np.mean(ic.low > 0)), 0.025, "at most", runs)
        values, place = np.unique(a, return_inverse=True)
        exact = [dp.exact_ror(int(n), drug, event, total) for n in values]
        low, high = (np.array([float(getattr(item, end)) for item in exact])[place] for end in ("low", "high"))
        yield Line(name + "exact limits miss 1", float(np.mean((low > 1) | (high < 1))), 0.05, "at most", runs)
        yield Line(name + "lower exact limit above 1", float(np.mean(low > 1)), 0.025, "at most", runs)


def shrinkage_fit(generator: np.random.Generator) -> Iterator[Line]:
    """A planted prior: do 90% posterior intervals hold 90% of the true ratios?"""
    size = 60_000
    expected = generator.gamma(0.5, 6, size) + 0.01
    first = generator.random(size) < 0.1
    ratio = np.where(first, generator.gamma(0.6, 1 / 0.08, size), generator.gamma(4.0, 1 / 5.0, size))
    observed = generator.poisson(ratio * expected)
    fitted = shrinkage.fit(observed, expected)
    keep = observed >= 1
    score = shrinkage.shrink(fitted.prior, observed[keep], expected[keep])
    below = float(np.mean(ratio[keep] < score.low))
    above = float(np.mean(ratio[keep] > score.high))
    # The fit to a sample adds to the Monte-Carlo error; 2,000 independent pairs stand for it.
    yield Line("EBGM: true ratio below EB05", below, 0.05, "equal", 2_000)
    yield Line("EBGM: true ratio above EB95", above, 0.05, "equal", 2_000)


def lines(seed: int = SEED) -> Iterator[Line]:
    """Every simulated share."""
    generator = np.random.default_rng(seed)
    for part in (maxsprt, at_data_locks, disproportionality, shrinkage_fit):
        yield from part(generator)


def main() -> int:
    """Print the table; the result is the number of promises not kept."""
    print(f"{'simulated share':72s} {'share':>8s} {'promised':>9s} {'':8s} {'MC error':>9s}")
    bad = 0
    for line in lines():
        bad += not line.holds
        mark = "" if line.holds else "  NOT KEPT"
        print(f"{line.name:72s} {line.share:8.4f} {line.promised:9.4f} {line.rule:8s} {line.error:9.4f}{mark}", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
