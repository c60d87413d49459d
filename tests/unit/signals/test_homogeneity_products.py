import math

import numpy as np
import pytest

from aftercar.errors import InputError
from aftercar.signals import contrasts as c
from aftercar.signals import homogeneity as h
from aftercar.signals.pooling import Prior, pool, sensitivity


def test_compositions_are_complete_and_distinct():
    rows = h.compositions(7, 4)
    assert len(rows) == math.comb(10, 3) == len({tuple(row) for row in rows.tolist()})
    assert (rows.sum(axis=1) == 7).all()
    assert np.exp(h.log_multinomial(rows, np.array([0.1, 0.2, 0.3, 0.4]))).sum() == pytest.approx(1)


def test_no_event_gives_p_one():
    assert h.exact_test([0, 0], [1, 2]).p == 1.0


def test_simulation_agrees_with_enumeration(monkeypatch):
    exact = h.exact_test([6, 0, 2, 3], [9, 7, 3, 1])
    monkeypatch.setattr(h, "MAX_OUTCOMES", 1)
    drawn = h.exact_test([6, 0, 2, 3], [9, 7, 3, 1], draws=400_000)
    assert (exact.method, drawn.method) == ("enumeration", "simulation")
    assert abs(drawn.p - exact.p) < 5 * drawn.monte_carlo_error + 1e-5


@pytest.mark.parametrize("bad", [([1], [1]), ([1, 2], [1]), ([1, -2], [1, 1]), ([1, 2], [0, 1])])
def test_bad_input(bad):
    with pytest.raises(InputError):
        h.exact_test(*bad)


def test_unknown_ordering_names_the_known():
    with pytest.raises(InputError, match="likelihood_ratio"):
        h.exact_test([1, 2], [1, 1], ordering="wald")


def test_what_could_have_been_seen():
    assert h.smallest_detectable_ratio(38, [1, 1], 0) == pytest.approx(2.6, abs=0.3)
    assert h.smallest_detectable_ratio(1, [1, 9], 0) == math.inf


def test_pooling_shrinks_towards_the_others_and_keeps_zero_possible():
    fit = pool([13, 0], [17_578, 3_336], names=["axi-cel", "brexu-cel"])
    axi, brexu = fit.products
    assert brexu.crude == 0 < brexu.low < brexu.mean < fit.overall
    assert axi.mean < axi.crude
    assert axi.chance_highest + brexu.chance_highest == pytest.approx(1)


def test_a_tight_prior_pools_completely():
    fit = pool([5, 10], [1000, 1000], prior=Prior("half-normal", 0.001))
    assert fit.products[0].mean == pytest.approx(fit.products[1].mean, rel=0.01)
    assert fit.products[0].mean == pytest.approx(15 / 2000, rel=0.02)


def test_a_wide_prior_and_much_data_hardly_pool():
    fit = pool([500, 5000], [1000, 1000], prior=Prior("uniform", 3.0))
    assert fit.products[0].mean == pytest.approx(0.5, rel=0.02)
    assert fit.products[0].weight > 0.95


def test_sensitivity_shows_four_priors():
    assert len({str(fit.prior) for fit in sensitivity([3, 1], [100, 100])}) == 4


def test_pooling_without_events_points_to_the_exact_limit():
    with pytest.raises(InputError, match="exact upper limit"):
        pool([0, 0], [1, 1])


ROWS = [
    c.with_properties("axi-cel", 13, 17_578),
    c.with_properties("brexu-cel", 0, 3_336),
    c.with_properties("tisa-cel", 5, 6_000),
    c.with_properties("ide-cel", 2, 4_000),
    c.with_properties("cilta-cel", 4, 3_000),
]


def test_gamma_retroviral_and_cd28_cannot_be_told_apart():
    words = c.not_identifiable(ROWS)
    assert any("vector and costimulation cannot be told apart" in sentence for sentence in words)
    assert "costimulation" in c.contrast(ROWS, "vector").tangled_with


def test_target_can_be_told_from_vector_in_part():
    assert "vector" not in c.contrast(ROWS, "target").tangled_with or "target" in c.contrast(ROWS, "vector").tangled_with


def test_levels_add_up():
    found = c.contrast(ROWS, "target")
    assert sum(level.estimate.numerator for level in found.levels) == 24
    assert set(found.ratios) == {level.value for level in found.levels} - {found.reference}


def test_a_product_nobody_knows_has_unknown_properties():
    assert c.with_properties("nova-cel", 1, 10).properties["vector"] == "unknown"


def test_a_missing_property_is_named():
    with pytest.raises(InputError, match="indication"):
        c.contrast(ROWS, "indication")
