import itertools
import math

import numpy as np
import pytest

from aftercar.errors import InputError
from aftercar.signals import benefit_risk as br
from aftercar.signals import calibration, enrichment, signature
from aftercar.signals.dose import dose_response
from aftercar.signals.expected import ratio
from aftercar.signals.incidence import RateBand
from aftercar.signals.untested import bounds
from aftercar.vocab.estimates import rate


def bands(early, late, years=1000.0):
    return [RateBand(0, 1, rate(early, years)), RateBand(1, math.inf, rate(late, years))]


def test_an_early_excess_points_to_survivors():
    assert signature.time_pattern(bands(20, 3)).points == "survivor or prior treatment"
    assert signature.time_pattern(bands(3, 20)).points == "insertion"
    assert signature.time_pattern(bands(3, 4)).points == "cannot say"
    assert signature.time_pattern(bands(0, 0)).points == "cannot say"
    assert signature.time_pattern().found == "not available"


def test_the_untested_keep_the_transgene_line_open():
    assert signature.car_negative_share(bounds(19, 7, 38)).points == "cannot say"
    assert signature.car_negative_share(bounds(38, 2, 38)).points == "survivor or prior treatment"
    assert signature.car_negative_share(bounds(38, 36, 38)).points == "insertion"
    assert signature.car_negative_share(bounds(0, 0, 5)).points == "cannot say"


def test_the_same_excess_in_other_cancers():
    target = ratio(38, 10.0)
    assert signature.other_cancers(target, [ratio(40, 10.0)]).points == "survivor or prior treatment"
    assert signature.other_cancers(target, [ratio(10, 10.0)]).points == "insertion"
    assert signature.other_cancers(target).points == "cannot say"


def test_dose_response_is_found_and_its_absence_is_not_claimed(rng):
    dose = rng.gamma(4, 0.5, 3000)
    events = rng.poisson(0.005 * np.exp(0.9 * dose))
    found = dose_response(dose, np.ones(3000), events, draws=2000)
    assert found.low < math.exp(0.9) < found.high
    assert signature.dose(found).points == "insertion"
    assert signature.dose().points == "cannot say"


def test_dose_with_the_cases_at_the_top_has_no_upper_limit():
    found = dose_response([1, 1, 1, 2.0, math.nan], [1, 1, 1, 1, 1], [0, 0, 0, 2, 1], draws=500)
    assert (found.ratio, found.high, found.cases, found.unknown) == (math.inf, math.inf, 2, 1)
    assert found.low < math.inf
    turned = dose_response([1, 2, 2, 2.0], [1, 1, 1, 1], [2, 0, 0, 0], draws=500)
    assert (turned.ratio, turned.low) == (0.0, 0.0)


def test_dose_that_does_not_vary():
    with pytest.raises(InputError, match="does not vary"):
        dose_response([1, 1], [1, 1], [1, 0])


def test_poisson_binomial_against_every_outcome():
    chances = [0.1, 0.5, 0.9, 0.3]
    brute = np.zeros(5)
    for outcome in itertools.product((0, 1), repeat=4):
        brute[sum(outcome)] += math.prod(p if hit else 1 - p for p, hit in zip(chances, outcome, strict=True))
    np.testing.assert_allclose(enrichment.poisson_binomial(chances), brute)


def test_matched_sets_without_difference_have_no_small_p():
    found = enrichment.matched_enrichment([True, False], [5, 5], [10, 10])
    assert found.expected == pytest.approx(1.0)
    assert found.p > 0.5
    assert enrichment.matched_enrichment([True] * 6, [1] * 6, [10] * 6).p < 0.01


def test_a_gene_that_products_hit_often_does_not_recur_beyond_chance():
    genes = [["ZGPAT"], ["ZGPAT"], ["PBX2"]]
    often = {row.gene: row for row in enrichment.recurrence(genes, {"ZGPAT": 20_000}, 94_410)}
    rare = {row.gene: row for row in enrichment.recurrence(genes, {"ZGPAT": 2}, 94_410)}
    assert often["ZGPAT"].p > 0.05 > rare["ZGPAT"].p
    assert signature.gene_recurrence(enrichment.recurrence(genes, {"ZGPAT": 2}, 94_410)).points == "insertion"
    assert signature.gene_recurrence(enrichment.recurrence(genes, {"ZGPAT": 20_000}, 94_410)).points == "cannot say"


def test_more_insertions_make_a_hit_less_surprising():
    one = enrichment.recurrence([["A"], ["A"]], {"A": 50}, 10_000, insertions=[1, 1])[0].p
    three = enrichment.recurrence([["A"], ["A"]], {"A": 50}, 10_000, insertions=[3, 3])[0].p
    assert three > 5 * one


def test_near_any_against_the_slow_way(rng):
    genes = [("chr1", int(s), int(s + rng.integers(1, 400))) for s in rng.integers(1, 20_000, 60)] + [("chr2", 5, 10)]
    chrom = rng.choice(["chr1", "chr2", "chr3"], 300)
    place = rng.integers(1, 20_500, 300)
    slow = [any(c == g and s - 50 <= p <= e + 50 for g, s, e in genes) for c, p in zip(chrom, place, strict=True)]
    assert enrichment.near_any(chrom.tolist(), place, genes, 50).tolist() == slow


def test_pre_existing_clones():
    assert signature.clone_before_infusion(9, 10).points == "survivor or prior treatment"
    assert "depth" in signature.clone_before_infusion(0, 10).why
    assert signature.clone_before_infusion().points == "cannot say"


def test_the_summary_counts_and_never_adds_up():
    words = signature.summary([signature.time_pattern(bands(20, 3)), signature.dose()])
    assert words.startswith("0 of 2 lines point to insertion, 1 to survivors")


def test_calibration_takes_the_systematic_error_off(rng):
    controls = [calibration.Control(str(i), float(rng.normal(0.4, math.hypot(0.2, 0.1))), 0.1) for i in range(200)]
    null = calibration.fit_empirical_null(controls)
    assert null.mean == pytest.approx(0.4, abs=0.06)
    assert null.sd == pytest.approx(0.2, abs=0.05)
    assert null.covered < 0.5
    found = calibration.calibrate(0.4, 0.1, null)
    assert found.p > 0.5
    assert found.uncalibrated_p < 1e-3


def test_clean_controls_have_no_spread():
    null = calibration.fit_empirical_null([calibration.Control(str(i), 0.01 * (-1) ** i, 0.5) for i in range(6)])
    assert null.sd == pytest.approx(0, abs=1e-3)
    assert "Only 6" in null.caution


def test_few_controls_are_not_fitted():
    with pytest.raises(InputError, match="too few"):
        calibration.fit_empirical_null([calibration.Control("a", 0.1, 0.1)])


def test_e_values():
    assert calibration.e_value(1.0).point == 1
    assert calibration.e_value(2.0, 0.9, 4.0).limit == 1
    assert calibration.bounding_factor(7.67, 7.67) == pytest.approx(4.1, abs=0.01)


def test_benefit_risk_against_small_steps():
    pieces = [br.Piece(0, 0.004, 0.002, 0.008), br.Piece(1, 0.001, 0.0005, 0.002)]
    deaths = [(0, 0.5), (2, 0.1)]
    alive, cases, step = 1.0, 0.0, 1e-4
    for i in range(round(5 / step)):
        t = (i + 0.5) * step
        h, d = (0.004 if t < 1 else 0.001), (0.5 if t < 2 else 0.1)
        cases += alive * h * step
        alive *= 1 - (h + d) * step
    found = br.expected_per_1000(pieces, deaths, years=5, observed_years=2)
    assert found.cases == pytest.approx(1000 * cases, rel=1e-3)
    assert found.low < found.cases < found.high
    assert found.beyond_follow_up


def test_nobody_dies_twice():
    found = br.expected_per_1000([br.Piece(0, 0.1, 0.1, 0.1)], [(0, 0.3)], years=200)
    assert found.cases + found.deaths == pytest.approx(1000)
    assert found.cases == pytest.approx(250)


def test_assumptions_are_labelled_in_the_figure():
    rows = br.figure_rows(
        br.table([br.Piece(0, 1e-3, 5e-4, 2e-3)], [(0, 0.2)], observed_years=3),
        [br.Benefit("in remission at 1 year", 400, math.nan, math.nan, "trial")],
    )
    assert [row.side for row in rows] == ["benefit", "risk", "risk, assumed", "risk, assumed"]
    assert "assumption" in rows[-1].words
    assert "within 1 year;" in rows[1].words


def test_pieces_must_begin_at_zero():
    with pytest.raises(InputError, match="begin at 0"):
        br.expected_per_1000([br.Piece(1, 1, 1, 1)], [(0, 0.1)], years=2)


def test_benefits_for_each_case():
    risk = br.expected_per_1000([br.Piece(0, 1e-3, 0.0, 2e-3)], [(0, 0.0)], years=1)
    value, low, high = br.benefits_for_each_case(risk, br.Benefit("b", 100, 80, 120, "s"))
    assert low < value < high == math.inf
