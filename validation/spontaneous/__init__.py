"""Spontaneous reports and sequential monitoring against R: ``python -m validation.spontaneous``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aftercar.signals import disproportionality as dp
from aftercar.signals import shrinkage
from aftercar.signals.sequential import critical_value, performance

REFERENCE = Path(__file__).with_name("reference.json")


def comparisons() -> Iterator[tuple[str, float, float, float]]:
    """Name, our value, the reference and the tolerance (relative), for every figure."""
    reference = json.loads(REFERENCE.read_text())
    for row in reference["tables"]:
        a, drug, event, total = (int(x) for x in row["counts"])
        table = dp.fourfold(a, drug, event, total)
        name = f"{a}/{drug}/{event}/{total}"
        for key, measure in (("prr", dp.prr(table)), ("ror", dp.ror(table)), ("ic", dp.information_component(table))):
            got = (measure.value, measure.low, measure.high)
            for part, value, expected in zip(("value", "low", "high"), got, row[key], strict=True):
                yield f"{key} {part} {name}", float(value), expected, 1e-12
        yield f"chi-square {name}", float(dp.chi_square(table)), row["chi_square"], 1e-10
        exact = dp.exact_ror(a, drug, event, total)
        for part, value, expected in zip(
            ("value", "low", "high"), (exact.value, exact.low, exact.high), row["exact"], strict=True
        ):
            yield f"exact ROR {part} {name}", float(value), expected, 1e-8
    cells = np.array([[5, 95, 20, 4880], [9, 41, 60, 2890], [2, 198, 11, 8789]], dtype=float)
    a, c, b, d = cells.T  # R fills matrices by column
    pooled = dp.mantel_haenszel_ror(dp.Fourfold(a, b, c, d))
    for part, value, expected in zip(
        ("value", "low", "high"), (pooled.value, pooled.low, pooled.high), reference["mantel_haenszel"], strict=True
    ):
        yield f"Mantel-Haenszel ROR {part}", float(value), expected, 1e-12
    prior = shrinkage.GammaMixture(*reference["prior"])
    for row in reference["shrunk"]:
        score = shrinkage.shrink(prior, row["observed"], row["expected"])
        name = f"n={row['observed']:g} E={row['expected']:g}"
        for part, value, expected in (
            ("EBGM", score.ebgm, row["ebgm"]),
            ("EB05", score.low, row["eb05"]),
            ("EB95", score.high, row["eb95"]),
        ):
            yield f"{part} {name}", float(value), expected, 1e-9
    yield "GPS log likelihood of the fit", fitted().log_likelihood, reference["fit_log_likelihood"], 1e-8
    for end, alpha, published in ((1, 0.05, 2.853937), (10, 0.05, 3.467952), (100, 0.05, 3.952321), (10, 0.01, 5.260513)):
        yield f"MaxSPRT critical value T={end} alpha={alpha}", critical_value(end, alpha, minimum=1), published, 1e-6
    got = performance(critical_value(10, minimum=1), 10, 2.0)
    for part, value, expected in (
        ("power", got.power, 0.6850634),
        ("time to signal", got.time_to_signal, 4.130985),
        ("time under watch", got.time_under_watch, 5.979353),
    ):
        yield f"MaxSPRT {part} T=10 RR=2", value, expected, 1e-6


def fitted() -> shrinkage.Fit:
    """The prior fitted to the fixed table that the R script fits, too."""
    n, k = np.meshgrid(np.arange(1, 13), np.arange(1, 26))
    return shrinkage.fit(n, 0.15 * k * (1 + (n * 7 + k * 3) % 5) / 3)


def table() -> Iterator[tuple[str, float, float, float, bool]]:
    """Name, our figure, the reference, the tolerance and whether they agree; the simulated error rates follow."""
    from validation.spontaneous import simulation

    for name, ours, expected, allowed in comparisons():
        yield name, ours, expected, allowed, abs(ours - expected) <= allowed * abs(expected)
    for line in simulation.lines():
        yield f"simulated: {line.name} ({line.rule})", line.share, line.promised, 4 * line.error, line.holds


def main() -> int:
    """Print the table; the result is the number of figures beyond their tolerance."""
    print(f"reference: {json.loads(REFERENCE.read_text())['software']}, Kulldorff et al. 2011, R package Sequential")
    bad = 0
    for name, ours, expected, allowed, agrees in table():
        bad += not agrees
        print(f"{name:90s} {ours:16.9g} {expected:16.9g} {allowed:8.0e}{'' if agrees else '  BEYOND'}", flush=True)
    return bad
