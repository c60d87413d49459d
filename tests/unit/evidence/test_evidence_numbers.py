"""Every number of a verdict against a slow twin."""

import math

import numpy as np
import pytest
from scipy import stats

from aftercar.evidence import clones, dispersion
from aftercar.evidence.contamination import Junctions, alternatives
from aftercar.evidence.copies import copies, mean_ploidy
from aftercar.evidence.detection_limit import RUN, limit, located, needed_mean, starts
from aftercar.evidence.presence import ElementDepth, Presence, presence
from aftercar.evidence.quantity import binomial_share, binomial_share_found, poisson_mean, poisson_mean_found
from aftercar.evidence.settings import Settings
from aftercar.reads.batch import HostDepth
from aftercar.reads.junctions_align import Segment
from aftercar.reads.junctions_target import target_of
from aftercar.reads.junctions_types import Library, VectorFragment
from aftercar.testing.simulate import random_bases
from aftercar.vocab.vectors import Construct

LTR = "TGGAAGGGCTAATTCACTCCC" + random_bases(180, seed=11) + "AGTGTGGAAAATCTCTAGCA"
PROVIRUS = LTR + "GTGGCGCCCGAACAGGGAC" + random_bases(800, seed=12) + "AAAAGAAAAGGGGGGAC" + LTR
TARGET = target_of([Construct("v", PROVIRUS)])


def test_depth_equals_counting_base_by_base():
    rng = np.random.default_rng(1)
    fragments, depth = [], np.zeros(len(PROVIRUS))
    for number in range(80):
        start = int(rng.integers(0, len(PROVIRUS) - 100))
        segment = Segment(0, 100, start, start + 100, 1, 0)
        fragments.append(VectorFragment(f"f{number}", ((segment,), ()), 100, number % 10 == 0))
        if number % 10:
            depth[start : start + 100] += 1
    seen = presence(fragments, TARGET)
    assert seen.fragments == 72
    assert seen.host_like == 8
    assert seen.depth == pytest.approx(depth.mean())
    assert seen.bases == len(PROVIRUS)


def test_copies_follow_depth_purity_and_ploidy():
    seen = Presence(500, 0, 12.0, 1_000, 1_000, 1_000, 400.0, float("nan"), 0)
    amount = copies(seen, HostDepth(30.0, 1e6), purity=0.5, ploidy=4.0)
    # 3 copies of a chromosome in a mean cell; one copy has depth 10; 12 / 10 copies a cell, twice that a tumour cell.
    assert mean_ploidy(0.5, 4.0) == 3.0
    assert amount.per_cell.value == pytest.approx(1.2)
    assert amount.per_tumour_cell.value == pytest.approx(2.4)
    assert amount.per_diploid_genome.value == pytest.approx(0.8)
    low, high = stats.gamma.ppf([0.025, 0.975], 400.5)
    assert (amount.per_cell.low, amount.per_cell.high) == pytest.approx((1.2 * low / 400, 1.2 * high / 400))
    assert copies(seen, HostDepth(float("nan"), 0.0), purity=None) is None


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
@pytest.mark.parametrize("ends", [1, 2])
def test_allele_share_interval_covers(share, ends):
    rng = np.random.default_rng(7)
    hits, runs, spanning = 0, 4_000, 25.0
    for _ in range(runs):
        junction, reference = rng.poisson(ends * share * spanning), rng.poisson((1 - share) * spanning)
        _, low, high = clones.allele_share(int(junction), int(reference), ends=ends)
        hits += low <= share <= high
    assert 0.93 <= hits / runs <= 0.985


def test_allele_share_is_the_likeliest_value():
    junction, reference = 17, 21
    grid = np.linspace(0.001, 0.999, 5_000)
    best = []
    for f in grid:
        mean = (junction + reference) / (2 * f + 1 - f)
        best.append(stats.poisson.logpmf(junction, 2 * f * mean) + stats.poisson.logpmf(reference, (1 - f) * mean))
    assert clones.allele_share(junction, reference, ends=2)[0] == pytest.approx(grid[int(np.argmax(best))], abs=0.001)


def test_clonality_words():
    def kind(count, reference):
        return clones.clonality(clones.from_reference(count, reference, ends=2, mean_copies=2.0), 0.7, 0.1)

    assert kind(60, 30) == "clonal"
    assert kind(20, 90) == "subclonal"
    assert kind(1, 400) == "bystander"
    assert clones.clonality(None, 0.7, 0.1) == "indeterminate"


@pytest.mark.parametrize("paired", [True, False])
def test_evident_starts_equal_a_loop_over_every_start(paired):
    library = Library(75, 200.0, 0.0)
    shared = np.zeros(len(PROVIRUS), bool)
    shared[400:600] = True
    target = target_of([Construct("v", PROVIRUS)], [shared])
    evident, split, spanning = starts(target, library, paired=paired)
    own = ~target.shared
    size = 200 if paired else 75
    slow = cut = gap = 0
    for start in range(-size + 1, len(PROVIRUS)):
        reads = [(start, start + 75)] + ([(start + size - 75, start + size)] if paired else [])
        shown = False
        for low, high in reads:
            run = 0
            for base in range(max(low, 0), min(high, len(PROVIRUS))):
                run = run + 1 if own[base] else 0
                shown = shown or run >= RUN
        slow += shown
    for vector in range(1, size):
        host = size - vector
        if not paired:
            cut += vector >= RUN and host >= 20
        elif vector >= RUN and host >= 20:
            cut += min(vector, host) < 75
            gap += min(vector, host) >= 75
    assert evident == slow
    assert (split, spanning) == (2 * cut, 2 * gap)


def test_limit_is_where_the_wanted_share_of_samples_shows_the_clone():
    library = Library(100, 300.0, 40.0)
    stated = limit(TARGET, library, 30.0)
    rng = np.random.default_rng(3)
    seen = rng.poisson(stated.presence * stated.evident_starts * stated.fragments_per_start, 40_000)
    assert (seen >= 3).mean() == pytest.approx(0.95, abs=0.005)
    split = rng.poisson(stated.site * stated.split_starts * stated.fragments_per_start, 40_000)
    spanning = rng.poisson(stated.site * stated.spanning_starts * stated.fragments_per_start, 40_000)
    assert ((split >= 1) & (split + spanning >= 2)).mean() == pytest.approx(0.95, abs=0.005)
    assert limit(TARGET, library, float("nan")) is None


def test_needed_mean_and_located():
    assert needed_mean(1, 0.95) == pytest.approx(-math.log(0.05))
    assert stats.poisson.sf(2, needed_mean(3, 0.95)) == pytest.approx(0.95)
    assert located(2.0, 1.0, 1) == pytest.approx(1 - math.exp(-2))
    assert located(1.0, 0.0, 2) == pytest.approx(1 - 2 * math.exp(-1))


@pytest.mark.parametrize("mean", [3.0, 12.0, 80.0])
def test_poisson_interval_covers(mean):
    counts = np.arange(0, 300)
    inside = [poisson_mean(float(k))[0] <= mean <= poisson_mean(float(k))[1] for k in counts]
    assert 0.91 <= float(stats.poisson.pmf(counts, mean)[inside].sum()) <= 0.985


def test_binomial_interval_at_the_edges():
    assert binomial_share(0, 10)[0] == 0.0
    assert binomial_share(10, 10)[1] == 1.0


def seen_of(**changes):
    values = {
        "fragments": 900, "host_like": 0, "depth": 30.0, "bases": 5_000, "covered": 5_000, "expected_covered": 5_000.0,
        "effective": 800.0, "backbone_depth": float("nan"), "backbone_bases": 0,
    }  # fmt: skip
    return Presence(**{**values, **changes})


def finding(seen, junctions, copies_per_cell=2.0, located_sites=0):
    found = alternatives(
        seen, junctions, copies_per_cell=copies_per_cell, located=located_sites, complete=True, settings=Settings()
    )
    return {one.name.split()[0]: one for one in found}


def test_plasmid_is_told_from_provirus():
    plasmid = finding(seen_of(backbone_depth=31.0, backbone_bases=3_000), Junctions(1, 60.0))["plasmid"]
    assert (plasmid.finding, plasmid.explains_all) == ("supported", True)
    provirus = finding(seen_of(backbone_depth=0.0, backbone_bases=3_000), Junctions(57, 60.0), located_sites=1)["plasmid"]
    assert provirus.finding == "not supported"
    both = finding(seen_of(backbone_depth=15.0, backbone_bases=3_000), Junctions(30, 60.0), located_sites=1)["plasmid"]
    assert (both.finding, both.explains_all) == ("supported", False)


def test_amplicon_and_hopping():
    amplicon = finding(seen_of(covered=300), Junctions(0, 60.0))["amplicon"]
    assert (amplicon.finding, amplicon.explains_all) == ("supported", True)
    hopped = finding(seen_of(fragments=4, depth=0.02), Junctions(0, 0.1), copies_per_cell=0.004)["index"]
    assert hopped.explains_all
    assert not finding(seen_of(), Junctions(60, 60.0), located_sites=1)["index"].explains_all


def test_fragments_on_the_wpre_alone_are_hepatitis_b():
    def elements(wpre, car):
        rows = (("WPRE", "wpre", 600, wpre), ("CAR", "car", 1_500, car))
        return tuple(ElementDepth(name, kind, bases, covered, covered / bases) for name, kind, bases, covered in rows)

    alone = finding(seen_of(fragments=6, covered=120, elements=elements(120, 0)), Junctions(0, 0.3))["hepatitis"]
    assert (alone.finding, alone.explains_all) == ("supported", True)
    few = finding(seen_of(fragments=2, covered=120, elements=elements(120, 0)), Junctions(0, 0.3))["hepatitis"]
    assert few.finding == "not assessable"
    whole = finding(seen_of(covered=5_000, elements=elements(600, 1_500)), Junctions(60, 60.0), located_sites=1)["hepatitis"]
    assert whole.finding == "not supported"


@pytest.mark.parametrize(("flags", "has_ends", "call"), [
    (("break_inside_vector",), True, "contamination_suspected"), (("break_inside_vector",), False, "contamination_suspected"),
    ((), True, "present_clonal"),
])  # fmt: skip
def test_virus_breaks_are_never_present_but_a_provirus_end_is(flags, has_ends, call):
    from types import SimpleNamespace

    from aftercar.evidence.clones import Clone
    from aftercar.evidence.contamination import HEPATITIS_B, Alternative
    from aftercar.evidence.quantity import Quantity
    from aftercar.evidence.verdict import decide

    whole = Quantity(1.0, 0.9, 1.0, "of all cells", "")
    site = SimpleNamespace(contig="chr1", position=99, fragments=9, places=())
    one = SimpleNamespace(
        located=True, flags=flags, clone=Clone(whole, None, "clonal", 4, 5, 1.0, ""), site=site, annotation=None, filter="PASS"
    )
    virus = Alternative(HEPATITIS_B, "supported", "all on the WPRE", True)
    got, reasons, _ = decide(
        seen_of(), None, None, [one], [virus], purity=None, complete=True, has_ends=has_ends, settings=Settings()
    )
    assert got == call, reasons


def test_share_of_copies_joins_both_relative_errors():
    from aftercar.evidence.clones import by_copies
    from aftercar.evidence.quantity import Quantity, binomial_share

    amount = Quantity(0.6, 0.54, 0.66, "copies per tumour cell", "")
    found = by_copies(20, 24, amount)
    low, high = binomial_share(20, 24)
    share = 20 / 24
    below = ((1 - low / share) ** 2 + 0.1**2) ** 0.5
    above = ((high / share - 1) ** 2 + 0.1**2) ** 0.5
    assert found.value == pytest.approx(0.5)
    assert (found.low, found.high) == (pytest.approx(0.5 * (1 - below)), pytest.approx(0.5 * (1 + above)))


def test_copies_and_own_fragments_that_contradict_leave_a_clone_open():
    from aftercar.evidence.clones import Clone, weighed
    from aftercar.evidence.quantity import Quantity

    local = Quantity(0.9, 0.75, 1.0, "", "")
    clone = Clone(local, local, "clonal", 9, 9, 2.0, "")
    assert weighed(clone, Quantity(0.3, 0.2, 0.4, "", ""), 0.7, 0.1).clonality == "indeterminate"
    assert weighed(clone, Quantity(0.95, 0.8, 1.0, "", ""), 0.7, 0.1).clonality == "clonal"


def test_spread_widens_the_interval_as_a_beta_binomial_would():
    plain = clones.allele_share(20, 20, ends=2)
    wide = clones.allele_share(20, 20, ends=2, spread=0.05)
    assert wide[0] == plain[0]
    assert wide[1] < plain[1] < plain[2] < wide[2]
    # The beta-binomial with correlation w (1 + 1 / ends) q (1 - q) has the variance of this many independent fragments.
    rho = 0.05 * 1.5 * 0.25
    twin = stats.betabinom(40, 0.5 * (1 / rho - 1), 0.5 * (1 / rho - 1))
    worth = 40 * 0.25 / twin.var()
    low, high = binomial_share(20 * worth, 40 * worth)
    assert wide[1:] == pytest.approx((low / (2 - low), high / (2 - high)), rel=0.01)


def _scattered(rng, mean, spread, size):
    return rng.poisson(mean * rng.gamma(1 / spread, spread, size)) if spread else rng.poisson(mean, size)


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("mean", [12.0, 35.0, 120.0])
def test_spread_is_found_in_pairs_of_places(spread, mean):
    rng = np.random.default_rng(5)
    runs = [dispersion.spread(list(zip(*_scattered(rng, mean, spread, (2, 200)), strict=True))).value for _ in range(60)]
    assert np.mean(runs) == pytest.approx(spread, abs=0.3 * spread + 0.006)


def test_spread_leaves_out_pile_ups_and_is_assumed_from_few_pairs():
    rng = np.random.default_rng(6)
    pairs = [(int(a), int(b)) for a, b in rng.poisson(35, (120, 2))]
    assert dispersion.spread([*pairs, (35, 4_000), (0, 30)]).value == dispersion.spread(pairs).value < 0.01
    assert dispersion.spread(pairs[:20]).value == dispersion.ASSUMED
    assert "assumed" in dispersion.spread([]).how


def test_control_places_are_a_template_apart_and_beside_the_site():
    pairs = dispersion.control_cuts(10_000, 700, [9_999], 100)
    assert pairs == [(9_300, 8_600), (10_700, 11_400)]
    assert len({cut for pair in dispersion.control_cuts(500_000, 700, [], 1) for cut in pair}) == 2 * dispersion.WANTED
    assert dispersion.control_cuts(100, 700, [], 100) == [(800, 1_500)]
    assert dispersion.control_cuts(10_000, 700, [8_100, 9_999], 100) == [(10_700, 11_400)]


@pytest.mark.parametrize("spread", [0.02, 0.1])
@pytest.mark.parametrize(("share", "depth"), [(0.5, 35.0), (0.25, 120.0), (0.05, 120.0)])
def test_interval_covers_with_spread_and_fails_without(share, depth, spread):
    rng = np.random.default_rng(8)
    hits = narrow = 0
    for left, right, reference in zip(
        _scattered(rng, share * depth, spread, 3_000), _scattered(rng, share * depth, spread, 3_000),
        _scattered(rng, (1 - share) * depth, spread, 3_000), strict=True,
    ):  # fmt: skip
        _, low, high = clones.allele_share(int(left + right), int(reference), ends=2, spread=spread)
        hits += low <= share <= high
        _, low, high = clones.allele_share(int(left + right), int(reference), ends=2)
        narrow += low <= share <= high
    assert 0.93 <= hits / 3_000 <= 0.98
    assert narrow < hits


@pytest.mark.parametrize("share", [0.01, 0.025, 0.05, 0.25])
@pytest.mark.parametrize("kind", ["reference", "depth"])
def test_interval_of_sites_seen_twice_covers_although_the_rest_is_not_reported(share, kind):
    rng = np.random.default_rng(9)
    hits = plain = runs = 0
    while runs < 1_500:
        junction, reference = int(rng.poisson(2 * share * 24)), int(rng.poisson((1 - share) * 24))
        if junction < 2:
            continue
        runs += 1
        for least in (2, 0):
            if kind == "reference":
                _, low, high = clones.allele_share(junction, reference, ends=2, least=least)
            else:
                found = clones.from_depth(junction, ends=2, expected_per_end=24.0, least=least)
                low, high = found.low, found.high
            hits, plain = hits + (low <= share <= high) * (least == 2), plain + (low <= share <= high) * (least == 0)
    assert 0.93 <= hits / runs <= 0.99
    assert share > 0.01 or plain / runs < 0.9


def test_truncated_limits_equal_a_sum_over_the_posterior():
    events, trials, least = 3, 14, 2
    shares = (np.arange(200_000) + 0.5) / 200_000
    density = shares ** (events - 0.5) * (1 - shares) ** (trials - events - 0.5) / stats.binom.sf(least - 1, trials, shares)
    below = np.cumsum(density) / density.sum()
    wanted = [shares[np.searchsorted(below, at)] for at in (0.5, 0.025, 0.975)]
    assert binomial_share_found(events, trials, least=least) == pytest.approx(wanted, abs=0.002)
    means = (np.arange(400_000) + 0.5) / 10_000
    density = means ** (events - 0.5) * np.exp(-means) / stats.poisson.sf(least - 1, means)
    below = np.cumsum(density) / density.sum()
    wanted = [means[np.searchsorted(below, at)] for at in (0.5, 0.025, 0.975)]
    assert poisson_mean_found(events, least=least) == pytest.approx(wanted, abs=0.01)


@pytest.fixture(scope="module")
def clone_host():
    from aftercar.testing.simulate import random_host

    return random_host({"chr1": 400_000}, seed=8)


@pytest.mark.parametrize(("share", "bystanders", "call"), [
    (0.2, 0, "present_subclonal"), (0.2, 30, "present_subclonal"), (0.5, 0, "present_subclonal"), (0.5, 5, "present_subclonal"),
    (0.5, 30, "present_subclonal"), (1.0, 0, "present_clonal"), (1.0, 5, "present_clonal"), (1.0, 30, "present_clonal"),
])  # fmt: skip
def test_clone_among_bystanders_is_called_by_its_share_of_the_tumour(tmp_path, clone_host, share, bystanders, call):
    from aftercar.actions.test_sample import examine
    from aftercar.edges.host import FastaHost
    from aftercar.testing.simulate import Population, Sample, as_text, plant, provirus_from, random_bases
    from aftercar.testing.simulate_files import write_bam
    from aftercar.vocab.vectors import Construct

    ltr = "TGGAAGGGCTAATTCACTCCC" + random_bases(180, seed=11) + "AGTGTGGAAAATCTCTAGCA"
    provirus = provirus_from(ltr=ltr, internal="GTGGCGCCCGAACAGGGAC" + random_bases(4_000, seed=12) + "AAAAGAAAAGGGGGGAC")
    (tmp_path / "host.fa").write_text(f">chr1\n{as_text(clone_host['chr1'])}\n")
    sites = plant(clone_host, provirus, sites=1 + bystanders, seed=3)
    clone = sites[len(sites) // 2]
    others = [Population(f"b{i}", 0.01, (site,)) for i, site in enumerate(s for s in sites if s is not clone)]
    windows = tuple(("chr1", s.position - 1_500, s.position + 1_500) for s in sites)
    populations = (Population("clone", 0.6 * share, (clone,)), *others)
    write_bam(Sample(clone_host, populations, depth=30, seed=4, windows=windows), tmp_path / "t.bam")
    with FastaHost(tmp_path / "host.fa") as host:
        verdict = examine([tmp_path / "t.bam"], [Construct("v", provirus)], host=host, purity=0.6, host_depth=30.0)[2]
    assert verdict.call == call, verdict.reasons
    assert verdict.located[0].clone.by_copies is not None
