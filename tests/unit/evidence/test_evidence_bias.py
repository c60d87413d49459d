"""Libraries that are not even: depth that falls with GC, and density that differs from place to place."""

import numpy as np
import pytest

from aftercar.actions.test_sample import examine
from aftercar.edges.host import FastaHost
from aftercar.reads.tally import GC_WINDOWS, relative_gc
from aftercar.testing.simulate import Population, Sample, as_bases, as_text, plant, provirus_from, random_bases
from aftercar.testing.simulate_files import write_bam
from aftercar.vocab.vectors import Construct

LTR = "TGGAAGGGCTAATTCACTCCC" + random_bases(180, seed=11) + "AGTGTGGAAAATCTCTAGCA"
RICH = provirus_from(ltr=LTR, internal="GTGGCGCCCGAACAGGGAC" + random_bases(4_000, seed=12, gc=0.56) + "AAAAGAAAAGGGGGGAC")


def uneven_host(length, seed):
    shares = np.random.default_rng(seed).uniform(0.32, 0.6, length // 4_000)
    return {"chr1": as_bases("".join(random_bases(4_000, seed=1_000 * seed + i, gc=gc) for i, gc in enumerate(shares)))}


def verdict_of(folder, host, reference=True, **changes):
    (folder / "host.fa").write_text(f">chr1\n{as_text(host['chr1'])}\n")
    sites = plant(host, RICH, sites=12, seed=4)
    write_bam(Sample(host, (Population("t", 0.5, sites),), depth=30, seed=6, **changes), folder / "t.bam")
    path = folder / "host.fa" if reference else None
    with FastaHost(folder / "host.fa") as bases:
        return examine([folder / "t.bam"], [Construct("v", RICH)], host=bases if reference else None, reference=path)[2]


def test_copies_are_right_although_the_depth_falls_with_gc(tmp_path):
    host = uneven_host(600_000, seed=2)
    corrected = verdict_of(tmp_path, host, gc_bias=4.0)
    assert corrected.copies.per_cell.value == pytest.approx(6.0, rel=0.1)
    assert corrected.copies.per_cell.low < 6.0 < corrected.copies.per_cell.high
    plain = verdict_of(tmp_path, host, reference=False, gc_bias=4.0)
    assert plain.copies.per_cell.value < 5.0
    # A vector that is hard to sequence is also harder to find: the limit rises as the copies would fall.
    assert corrected.limit.presence == pytest.approx(plain.limit.presence * 6.0 / plain.copies.per_cell.value, rel=0.1)


def test_even_library_is_left_as_it_is(tmp_path):
    verdict = verdict_of(tmp_path, uneven_host(600_000, seed=2))
    assert verdict.copies.per_cell.value == pytest.approx(6.0, rel=0.07)
    assert verdict.facts["overdispersion"] < 0.02
    assert verdict.facts["overdispersion_how"].startswith("measured")


def test_spread_of_the_library_is_measured_and_widens_the_intervals(tmp_path):
    host = uneven_host(600_000, seed=3)
    even, rough = verdict_of(tmp_path, host), verdict_of(tmp_path, host, spread=0.15)
    assert 0.05 < rough.facts["overdispersion"] < 0.25

    def width(verdict):
        found = [site.clone.cell_fraction for site in verdict.located]
        return np.mean([(one.high - one.low) / one.value for one in found])

    assert width(rough) > 1.2 * width(even)
    amounts = [verdict.copies.per_cell for verdict in (even, rough)]
    assert (amounts[1].high - amounts[1].low) / amounts[1].value > 1.5 * (amounts[0].high - amounts[0].low) / amounts[0].value


def test_gc_curve_equals_a_weighted_mean_window_by_window():
    rng = np.random.default_rng(3)
    percent = rng.normal(42, 5, 2_000).clip(20, 70)
    depth = rng.gamma(50, 1 / 50, 2_000) * np.exp(-0.03 * (percent - 42))
    curve = relative_gc(percent, depth)
    for at in (38, 42, 47):
        weights = np.exp(-0.5 * ((np.rint(percent) - at) / 2.0) ** 2)
        assert curve[at] == pytest.approx(float((weights * depth).sum() / weights.sum()))
    assert curve[5] == curve[0]
    assert curve[95] == curve[100]
    assert relative_gc(percent[: GC_WINDOWS - 1], depth[: GC_WINDOWS - 1]) == ()
