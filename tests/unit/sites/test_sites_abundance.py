"""Cells behind sites: bias and coverage on simulated clones, agreement with R, edge cases."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aftercar.evidence.abundance import KNOTS, cells_interval, fit_sonic, saturation_spread, shares, umi_cells


def test_agrees_with_r_site_by_site(project):
    """Berry's equations in R (validation/sites/sonic.R, its own splines and regression) on the same fragments."""
    folder = project / "validation/sites"
    replicate, site, length = np.loadtxt(folder / "fragments.csv", delimiter=",", skiprows=1, dtype=int).T
    frozen = [line.split(",") for line in (folder / "sonic_r.csv").read_text().splitlines()[2:]]
    ours = fit_sonic(site, length, replicate, knots=KNOTS)
    assert ours.distinct.tolist() == [int(row[1]) for row in frozen]
    assert ours.cells == pytest.approx([float(row[2]) for row in frozen], rel=2e-4)


@pytest.mark.parametrize(("cells", "bias"), [(10, 0.03), (100, 0.03), (1000, 0.06), (5000, 0.10)])
def test_bias_and_coverage(cells, bias):
    rng = np.random.default_rng(cells)
    estimates, covered = [], []
    for _ in range(60):
        site = np.concatenate([np.arange(2000).repeat(rng.integers(1, 4, 2000)), np.full(cells, 2000)])
        fit = fit_sonic(site, 30 + rng.gamma(3.5, 45, site.size).astype(int))
        estimates.append(fit.cells[2000])
        covered.append(fit.low[2000] <= cells <= fit.high[2000])
    assert abs(np.mean(estimates) / cells - 1) < bias
    assert np.mean(covered) >= 0.90
    assert fit.distinct[2000] <= cells


def test_share_intervals_cover():
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(150):
        true = np.concatenate([[0.2], np.full(400, 0.8 / 400)])
        drawn = rng.multinomial(1000, true)
        site = np.arange(401).repeat(drawn)
        fit = fit_sonic(site, 30 + rng.gamma(3.5, 45, site.size).astype(int), sites=401)
        found = shares(fit.cells, saturation_spread(fit))
        covered.append(found.low[0] <= 0.2 <= found.high[0])
    assert np.mean(covered) >= 0.92


def test_pcr_copies_do_not_count():
    site, length = [0, 0, 1], [100, 150, 90]
    once = fit_sonic(site, length)
    many = fit_sonic(site * 50, length * 50)
    assert once.cells == pytest.approx(many.cells)
    assert many.distinct.tolist() == [2, 1]


def test_replicates_share_cells_and_keep_their_own_lengths():
    fit = fit_sonic([0, 0, 0, 1], [100, 100, 120, 130], [1, 2, 1, 2])
    assert fit.distinct.tolist() == [3, 1]
    assert fit.phi.sum() == pytest.approx(1)
    assert sorted(set(fit.replicate.tolist())) == [1, 2]


@settings(max_examples=40)
@example([(0, 23), (0, 91)])
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(20, 400)), min_size=1, max_size=60))
def test_estimates_never_fall_below_the_plain_count(fragments):
    site, length = zip(*fragments, strict=True)
    fit = fit_sonic(site, length, sites=6)
    assert (fit.cells >= fit.distinct - 1e-6).all()
    assert (fit.low <= fit.cells + 1e-9).all()
    assert (fit.high >= fit.cells - 1e-9).all()
    assert (fit.cells[fit.distinct == 0] == 0).all()


def test_no_fragments():
    fit = fit_sonic([], [], sites=2)
    assert fit.cells.tolist() == [0, 0]


def test_every_length_taken_has_no_upper_limit():
    low, high = cells_interval([3], np.full(3, 1 / 3))
    assert high[0] == np.inf
    assert low[0] >= 3


def test_bad_input():
    with pytest.raises(ValueError, match="shapes differ"):
        fit_sonic([0], [1, 2])
    with pytest.raises(ValueError, match="below 1"):
        fit_sonic([0], [0])
    with pytest.raises(ValueError, match="with 1 sites"):
        fit_sonic([3], [10], sites=1)


def test_umi_collisions():
    rng = np.random.default_rng(1)
    drawn = [np.unique(rng.integers(0, 4**4, 200)).size for _ in range(300)]
    assert np.mean(umi_cells(drawn, 4)) == pytest.approx(200, rel=0.03)
    assert np.isinf(umi_cells([256], 4)[0])
    assert umi_cells([10], 12)[0] == pytest.approx(10, abs=1e-4)
