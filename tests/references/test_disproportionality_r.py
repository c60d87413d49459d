"""Disproportionality and shrinkage against base R (frozen figures in validation/spontaneous)."""

import json
from pathlib import Path

import numpy as np
import pytest

from aftercar.signals import disproportionality as dp
from aftercar.signals import shrinkage

REFERENCE = json.loads((Path(__file__).parents[2] / "validation/spontaneous/reference.json").read_text())


@pytest.mark.parametrize("row", REFERENCE["tables"], ids=lambda row: "/".join(f"{x:g}" for x in row["counts"]))
def test_measures_of_one_table(row):
    a, drug, event, total = (int(x) for x in row["counts"])
    table = dp.fourfold(a, drug, event, total)
    for measure, key in ((dp.prr(table), "prr"), (dp.ror(table), "ror"), (dp.information_component(table), "ic")):
        assert [float(measure.value), float(measure.low), float(measure.high)] == pytest.approx(row[key], rel=1e-12)
    assert float(dp.chi_square(table)) == pytest.approx(row["chi_square"], rel=1e-10)
    exact = dp.exact_ror(a, drug, event, total)
    assert [float(exact.value), float(exact.low), float(exact.high)] == pytest.approx(row["exact"], rel=1e-8)


def test_mantel_haenszel():
    a, c, b, d = np.array([[5, 95, 20, 4880], [9, 41, 60, 2890], [2, 198, 11, 8789]], dtype=float).T
    pooled = dp.mantel_haenszel_ror(dp.Fourfold(a, b, c, d))
    assert [float(pooled.value), float(pooled.low), float(pooled.high)] == pytest.approx(REFERENCE["mantel_haenszel"], rel=1e-12)


@pytest.mark.parametrize("row", REFERENCE["shrunk"], ids=lambda row: f"{row['observed']}-{row['expected']}")
def test_shrunk_ratio_equals_numerical_integration(row):
    score = shrinkage.shrink(shrinkage.GammaMixture(*REFERENCE["prior"]), row["observed"], row["expected"])
    got = [float(score.ebgm), float(score.low), float(score.high)]
    assert got == pytest.approx([row["ebgm"], row["eb05"], row["eb95"]], rel=1e-9)


def test_fit_reaches_the_maximum_that_r_finds():
    n, k = np.meshgrid(np.arange(1, 13), np.arange(1, 26))
    found = shrinkage.fit(n, 0.15 * k * (1 + (n * 7 + k * 3) % 5) / 3)
    assert found.log_likelihood == pytest.approx(REFERENCE["fit_log_likelihood"], rel=1e-9)


def test_vigipy_agrees_on_the_shrunk_scores_of_a_given_prior():
    vigipy = pytest.importorskip("vigipy")
    pandas = pytest.importorskip("pandas")
    generator = np.random.default_rng(3)
    counts = generator.poisson(generator.gamma(0.8, 4, size=(12, 9)))
    rows = [(f"d{i}", f"e{j}", int(counts[i, j])) for i in range(12) for j in range(9) if counts[i, j]]
    data = vigipy.convert(pandas.DataFrame(rows, columns=["name", "AE", "count"]))
    prior = [0.7, 0.4, 3.1, 2.2, 0.15]
    result = vigipy.gps(data, min_events=1, prior_param=prior, decision_metric="rank", ranking_statistic="quantile")
    theirs = {(r["Product"], r["Adverse Event"]): r for _, r in result.all_signals.iterrows()}
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    ours = shrinkage.shrink(shrinkage.GammaMixture(*prior), counts, expected)
    assert len(theirs) == len(rows)
    for (drug, event), row in theirs.items():
        i, j = int(drug[1:]), int(event[1:])
        assert row["quantile"] == pytest.approx(ours.low[i, j], rel=2e-3)
