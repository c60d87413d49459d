"""Do the intervals cover and the tests hold their level? At 0, 1, 5 and 38 expected events.

Where the sampling distribution can be summed it is summed, not simulated: rates, proportions, rate ratios,
homogeneity. Aalen-Johansen, right-truncated onset and pooling are simulated with a fixed seed.
``python -m validation.signals_coverage`` prints the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from scipy import stats

from aftercar.signals import homogeneity
from aftercar.signals.incidence import cumulative_incidence
from aftercar.signals.pooling import pool
from aftercar.signals.rates import rate_ratio
from aftercar.signals.truncation import weibull_reports
from aftercar.signals.untested import bounds
from aftercar.vocab.estimates import proportion, rate

Row = tuple[str, float, float, float, bool]

#: Expected events; with 0.05 of them nearly every study sees none.
MEANS = (0.05, 1.0, 5.0, 38.0)
PERSONS = 42_500


def at_least(name: str, value: float, nominal: float = 0.95) -> Row:
    """An exact interval: coverage may exceed its level, never fall short."""
    return name, value, nominal, 1 - nominal, value >= nominal - 1e-9


def near(name: str, value: float, nominal: float, tolerance: float) -> Row:
    """An approximate interval or a simulated figure."""
    return name, value, nominal, tolerance, abs(value - nominal) <= tolerance


def at_most(name: str, value: float, nominal: float = 0.05) -> Row:
    """The size of an exact test: never above its level."""
    return name, value, nominal, nominal, value <= nominal + 1e-9


def intervals() -> Iterator[Row]:
    """Coverage of rates and proportions, summed over all outcomes."""
    for mean in MEANS:
        outcomes = np.arange(int(stats.poisson.ppf(1 - 1e-12, mean)) + 2)
        for method, check in (("exact", at_least), ("mid-p", None)):
            found = [rate(int(x), 1.0, method=method) for x in outcomes]
            covered = np.array([r.low <= mean <= r.high for r in found])
            value = float(stats.poisson.pmf(outcomes, mean)[covered].sum())
            name = f"coverage of the {method} rate at {mean:g} expected"
            yield check(name, value) if check else near(name, value, 0.95, 0.05)
            share = mean / PERSONS
            found = [proportion(int(x), PERSONS, method=method) for x in outcomes]
            covered = np.array([r.low <= share <= r.high for r in found])
            value = float(stats.binom.pmf(outcomes, PERSONS, share)[covered].sum())
            name = f"coverage of the {method} proportion at {mean:g} expected of {PERSONS}"
            yield check(name, value) if check else near(name, value, 0.95, 0.05)


def ratios() -> Iterator[Row]:
    """Coverage and size of the rate ratio, summed over both counts."""
    for mean, other in ((1.0, 5.0), (5.0, 5.0), (38.0, 12.0)):
        a = np.arange(int(stats.poisson.ppf(1 - 1e-9, mean)) + 1)
        b = np.arange(int(stats.poisson.ppf(1 - 1e-9, other)) + 1)
        covered = rejected = 0.0
        for x in a:
            for y in b:
                chance = stats.poisson.pmf(x, mean) * stats.poisson.pmf(y, other)
                if chance < 1e-8:
                    covered += chance
                    continue
                found = rate_ratio(int(x), mean, int(y), other)
                covered += chance * (found.low <= 1 <= found.high)
                rejected += chance * (found.p <= 0.05)
        yield at_least(f"coverage of the rate ratio at {mean:g} and {other:g} expected", covered + 1e-6)
        yield at_most(f"size of the rate-ratio test at {mean:g} and {other:g} expected", rejected)


def sizes() -> Iterator[Row]:
    """Size of the homogeneity test given the total, summed over every outcome; and of the asymptotic test it replaces."""
    sets = {"two products": (17_578, 3_336), "six products": (17_578, 3_336, 12_000, 4_000, 3_500, 2_086)}
    for name, exposure in sets.items():
        share = np.array(exposure) / sum(exposure)
        for total in (1, 5, 13, 38):
            outcomes = homogeneity.compositions(total, len(share))
            log_p = homogeneity.log_multinomial(outcomes, share)
            for ordering in homogeneity.ORDERINGS:
                size = _size(homogeneity._statistic(ordering, total, share)(outcomes.astype(float)), np.exp(log_p))
                yield at_most(f"size of homogeneity, {name}, {total} events, {ordering}", size)
        statistic = homogeneity._statistic("likelihood_ratio", 13, share)
        outcomes = homogeneity.compositions(13, len(share))
        chance = np.exp(homogeneity.log_multinomial(outcomes, share))
        size = float(chance[stats.chi2.sf(statistic(outcomes.astype(float)), len(share) - 1) <= 0.05].sum())
        yield f"size of the asymptotic G test, {name}, 13 events (why it is not used)", size, 0.05, 1.0, True


def _size(statistic: np.ndarray, chance: np.ndarray) -> float:
    """Probability that the exact p-value is at most 0.05: outcomes from the most extreme on, ties together."""
    order = np.argsort(-statistic, kind="stable")
    ranked, mass = statistic[order], np.cumsum(chance[order])
    last_of_tie = np.append(np.diff(ranked) < -1e-9 * np.maximum(1, np.abs(ranked[1:])), True)
    allowed = mass[last_of_tie]
    allowed = allowed[allowed <= 0.05]
    return float(allowed[-1]) if len(allowed) else 0.0


def competing(replicates: int = 400) -> Iterator[Row]:
    """Aalen-Johansen's log(-log) interval at two years: exponential outcome and death, uniform censoring."""
    generator = np.random.default_rng(11)
    for events, persons in ((1, 300), (5, 300), (38, 1000)):
        death = 0.25
        hazard = _hazard_for(events / persons, death, 2.0)
        truth = hazard / (hazard + death) * -math.expm1(-(hazard + death) * 2)
        covered = zero = 0
        for _ in range(replicates):
            outcome, dead = generator.exponential(1 / hazard, persons), generator.exponential(1 / death, persons)
            censored = generator.uniform(1.5, 6, persons)
            stop = np.minimum(np.minimum(outcome, dead), censored)
            cause = np.where(stop == outcome, 1, np.where(stop == dead, 2, 0))
            found = cumulative_incidence(stop, cause).at(2.0)
            covered += found.low <= truth <= found.high
            zero += found.numerator == 0
        name = f"coverage of Aalen-Johansen at 2 years, about {events} events ({zero} of {replicates} without any)"
        yield near(name, covered / replicates, 0.95, 0.04)


def _hazard_for(risk: float, death: float, years: float) -> float:
    low, high = 1e-9, 10.0
    for _ in range(200):
        middle = (low + high) / 2
        reached = middle / (middle + death) * -math.expm1(-(middle + death) * years)
        low, high = (middle, high) if reached < risk else (low, middle)
    return low


def onset(replicates: int = 120, cases: int = 60, median: float = 24.0, shape: float = 1.3) -> Iterator[Row]:
    """Reported onsets with a planted median: naive and right-truncated."""
    generator = np.random.default_rng(7)
    naive, corrected, covered, unlimited = [], [], 0, 0
    for _ in range(replicates):
        months, windows = reports(generator, cases, median, shape)
        both = weibull_reports(months, windows)
        naive.append(both.naive.median)
        corrected.append(both.corrected.median)
        covered += both.corrected.median_low <= median <= both.corrected.median_high
        unlimited += not both.corrected.is_limited
    yield near(f"right-truncated onset: median of {replicates} medians", float(np.median(corrected)), median, 0.1 * median)
    wrong = float(np.median(naive))
    yield "naive onset, same data (must miss the planted median)", wrong, median, 0.15 * median, wrong < 0.85 * median
    name = f"coverage of the right-truncated median ({unlimited} of {replicates} without upper limit)"
    yield near(name, covered / replicates, 0.95, 0.05)


def reports(generator: np.random.Generator, cases: int, median: float, shape: float) -> tuple[np.ndarray, np.ndarray]:
    """Onsets and windows of reported cases: infusions over seven years, more of them late, seen if before the data lock."""
    scale = median / math.log(2) ** (1 / shape)
    window = 84 * generator.random(cases * 40) ** 1.4
    months = scale * generator.weibull(shape, cases * 40)
    seen = np.flatnonzero(months < window)[:cases]
    return months[seen], window[seen]


def pooling(replicates: int = 40) -> Iterator[Row]:
    """Pooled intervals of six products with rates drawn around a common mean."""
    generator = np.random.default_rng(5)
    exposure = np.array([17_578, 3_336, 12_000, 4_000, 3_500, 2_086])
    covered = 0
    for _ in range(replicates):
        rates = generator.gamma(1 / 0.5**2, 0.9e-3 * 0.5**2, len(exposure))
        found = pool(generator.poisson(rates * exposure).tolist(), exposure.tolist(), grid=40)
        covered += sum(row.low <= truth <= row.high for row, truth in zip(found.products, rates, strict=True))
    value = covered / (replicates * len(exposure))
    yield near("coverage of partially pooled rates, CV 0.5 between six products", value, 0.95, 0.04)


def missing() -> Iterator[Row]:
    """The outer limits of the bounds hold whatever the untested are (all outcomes summed, worst of three mechanisms)."""
    worst = 1.0
    for share in (0.1, 0.37, 0.7):
        for tested_of_positive, tested_of_negative in ((0.5, 0.5), (0.9, 0.2), (0.1, 0.8)):
            covered = 0.0
            for positives in range(39):
                chance = stats.binom.pmf(positives, 38, share)
                if chance < 1e-9:
                    covered += chance
                    continue
                a = stats.binom.pmf(np.arange(positives + 1), positives, tested_of_positive)
                b = stats.binom.pmf(np.arange(39 - positives), 38 - positives, tested_of_negative)
                inside = [[_holds(i + j, i, share) for j in range(len(b))] for i in range(len(a))]
                covered += chance * float(a @ np.array(inside, float) @ b)
            worst = min(worst, covered)
    yield at_least("coverage of the outer bounds of the positive share, worst of nine mechanisms", worst)


@cache
def _holds(tested: int, positive: int, share: float) -> bool:
    """Whether the outer limits with these counts of 38 contain the share."""
    found = bounds(tested, positive, 38)
    return found.outer_low <= share <= found.outer_high


PARTS: tuple[Callable[[], Iterator[Row]], ...] = (intervals, ratios, sizes, competing, onset, pooling, missing)


def table() -> list[Row]:
    """All rows (name, ours, nominal or planted, tolerance, agrees)."""
    return [row for part in PARTS for row in part()]


def main() -> None:
    """Print the table."""
    rows = table()
    for name, ours, nominal, tolerance, agrees in rows:
        print(f"{name}\t{ours:.4f}\t{nominal:g}\t{tolerance:g}\t{'yes' if agrees else 'NO'}")
    print(f"# {sum(row[4] for row in rows)} of {len(rows)} as wanted")


if __name__ == "__main__":
    main()
