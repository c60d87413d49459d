"""Integration sites with known truth: calling, abundance, growth without growth, hopping and contamination.

Run ``python -m benchmarks.sites_simulated [part ...]``; the parts are the functions named in ``PARTS``. Reads are simulated from
real GRCh38 windows, found by ``AFTERCAR_TEST_DATA``.
"""

import math
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from aftercar.actions.sites_call import call_sites
from aftercar.edges.fasta import FastaFile
from aftercar.evidence import tracking
from aftercar.evidence.abundance import KNOTS, fit_sonic
from aftercar.reads.placement import genome_place
from aftercar.testing.simulate_lmpcr import Amplification, TrueSite, simulate_run
from benchmarks._parts import run_parts
from benchmarks.sites import SEED, data


def windows():
    """The GRCh38 windows as one reference: path, and sequence by contig with the place of its first base."""
    path = data("reference/hg38_windows/hmftools_hg38_windows.fa.gz")
    pieces = []
    with FastaFile(path) as fasta:
        for name, length in fasta.lengths.items():
            contig, start = genome_place(name, length)
            pieces.append((contig, start, fasta.fetch(name, 0, length)))
    return path, pieces


def draw(rng, pieces, count, cells):
    weights = np.array([len(p[2]) for p in pieces], dtype=float)
    sites = []
    while len(sites) < count:
        contig, start, sequence = pieces[int(rng.choice(len(pieces), p=weights / weights.sum()))]
        at = int(rng.integers(1500, len(sequence) - 1500))
        if "N" not in sequence[at - 1200 : at + 1200]:
            sites.append((contig, start, TrueSite(f"{contig}:{start}", at, "+-"[int(rng.integers(2))], cells(rng))))
    return sites


def calling():
    path, pieces = windows()
    genome = {f"{contig}:{start}": sequence for contig, start, sequence in pieces}
    rng = np.random.default_rng(SEED)
    print(
        "reads of 2x150, 0.2% error, 5 PCR copies a molecule, on GRCh38 windows of",
        f"{sum(map(len, genome.values())) / 1e6:.1f} Mb",
    )
    for seed in (1, 2, 3):
        drawn = draw(rng, pieces, 400, lambda r: int(r.integers(1, 8)))
        amplifications = [Amplification(f"S-{i}", [s for _, _, s in drawn], "S", "P") for i in (1, 2)]
        run = simulate_run(genome, amplifications, seed=seed)
        offsets = {f"{contig}:{start}": (contig, start) for contig, start, _ in pieces}
        truth = {(offsets[s.contig][0], offsets[s.contig][1] + s.position, s.orientation): s.cells for _, _, s in drawn}
        with tempfile.TemporaryDirectory() as folder:
            sheet, index, ltr, linker = run.write(Path(folder))
            start = time.process_time()
            called = call_sites(sheet, ltr, linker, path, index=index)
            spent = time.process_time() - start
        unique = called.sites.filter(pl.col("places") == 1)
        found = {(r["chrom"], r["position"], r["orientation"]): r for r in unique.to_dicts()}
        multi = called.sites.filter(pl.col("places") > 1).to_dicts()
        in_groups = {(r["chrom"], r["position"], r["orientation"]) for r in multi} | {
            _parsed(p) for r in multi for p in (r["other_places"] or "").split(";") if p
        }
        near = sum(any((c, p + d, o) in truth for d in range(-5, 6)) for c, p, o in found if (c, p, o) not in truth)
        exact, grouped = sum(site in found for site in truth), sum(site in in_groups for site in truth if site not in found)
        lengths = {(r["chrom"], r["position"], r["orientation"]): r["fragments"] for r in unique.to_dicts()}
        right = [
            lengths[s] / len({(m.sample, m.length) for m in run.truth if _key(m, offsets) == s and m.length >= 30})
            for s in truth
            if s in lengths
        ]
        print(f"seed {seed}: {len(truth)} sites, {exact} found at their base and unique, {grouped} in groups that hold them, "
              f"{len(truth) - exact - grouped} missed, {len(found) - exact - near} false, {near} within 5 bases; "
              f"distinct lengths found / true {np.mean(right):.3f}; {len(run.index)} pairs, {spent:.1f} CPU s")  # fmt: skip


def _key(molecule, offsets):
    contig, start = offsets[molecule.site.contig]
    return contig, start + molecule.site.position, molecule.site.orientation


def _parsed(text):
    contig, rest = text.rsplit(":", 1)
    return contig, int(rest[:-3]), rest[-2]


def abundance(rounds=200):
    print("cells\tplain count\testimate\tbias %\tSD %\t95% interval holds\tsonicLength knots: bias %\theld")
    for background_sites in (300, 3000):
        print(f"with {background_sites} other sites of 1 to 3 cells, lengths 30 + gamma(3.5, 45)")
        for cells in (10, 30, 100, 300, 800, 2000, 5000):
            rng = np.random.default_rng(SEED + cells)
            plain, ours, fixed, held, held_fixed = [], [], [], 0, 0
            for _ in range(rounds):
                site = np.concatenate(
                    [np.arange(background_sites).repeat(rng.integers(1, 4, background_sites)), np.full(cells, background_sites)]
                )
                length = 30 + rng.gamma(3.5, 45, site.size).astype(int)
                fit, old = fit_sonic(site, length), fit_sonic(site, length, knots=KNOTS)
                plain.append(fit.distinct[-1])
                ours.append(fit.cells[-1])
                fixed.append(old.cells[-1])
                held += fit.low[-1] <= cells <= fit.high[-1]
                held_fixed += old.low[-1] <= cells <= old.high[-1]
            bias, spread = 100 * (np.mean(ours) / cells - 1), 100 * np.std(ours) / cells
            print(f"{cells}\t{np.mean(plain):.1f}\t{np.mean(ours):.1f}\t{bias:+.1f}\t{spread:.1f}\t{held / rounds:.3f}\t"
                  f"{100 * (np.mean(fixed) / cells - 1):+.1f}\t{held_fixed / rounds:.3f}")  # fmt: skip


def growth(rounds=1000):
    rng = np.random.default_rng(SEED)
    print("polyclonal samples without growth: share of runs that call any clone grown (nominal 0.05), mean share of false calls")
    for clones, before, after in ((500, 1000, 1000), (3000, 3000, 2000), (10_000, 3400, 500)):
        runs = calls = 0
        for _ in range(rounds):
            shares = rng.pareto(1.2, clones) + 0.1
            shares /= shares.sum()
            found = tracking.expansion(rng.multinomial(before, shares), rng.multinomial(after, shares), rate=0.05)
            runs += bool((found.call == "expanded").any())
            calls += int((found.call == "expanded").sum())
        error = math.sqrt(runs / rounds * (1 - runs / rounds) / rounds)
        print(
            f"  {clones} clones, {before} then {after} cells: {runs / rounds:.3f} (+- {1.96 * error:.3f}), "
            f"{calls / rounds:.3f} calls a run"
        )
    print("the same through fragments: cells sheared, lengths shared, cells estimated, then tested")
    runs = 0
    for _ in range(100):
        shares = rng.pareto(1.2, 1000) + 0.1
        shares /= shares.sum()
        counts = []
        for cells in (2000, 1500):
            site = np.arange(1000).repeat(rng.multinomial(cells, shares))
            counts.append(fit_sonic(site, 30 + rng.gamma(3.5, 45, site.size).astype(int), sites=1000).cells)
        runs += bool((tracking.expansion(*counts, rate=0.05).call == "expanded").any())
    print(f"  {runs} of 100 runs call any clone grown")
    found = []
    for _ in range(200):
        shares = np.full(3000, 1 / 3000)
        grown = shares.copy()
        grown[:10] *= 30
        result = tracking.expansion(rng.multinomial(3400, shares), rng.multinomial(1000, grown / grown.sum()))
        found.append((result.call[:10] == "expanded").mean())
    print(
        f"  power: clones grown 30-fold to {100 * grown[0] / grown.sum():.2f}% found in "
        f"{100 * np.mean(found):.1f}% (1,000 cells after)"
    )


def crossing():
    path, pieces = windows()
    genome = {f"{contig}:{start}": sequence for contig, start, sequence in pieces}
    rng = np.random.default_rng(SEED)
    mine = [s for _, _, s in draw(rng, pieces, 150, lambda r: int(r.integers(1, 5)))]
    big = [TrueSite(s.contig, s.position, s.orientation, 300) for _, _, s in draw(rng, pieces, 1, lambda r: 1)]
    other = [s for _, _, s in draw(rng, pieces, 150, lambda r: int(r.integers(1, 5)))]
    amplifications = [
        Amplification("A-1", mine + big, "A", "P1"),
        Amplification("A-2", mine + big, "A", "P1"),
        Amplification("B-1", other, "B", "P2"),
        Amplification("NTC-1", [], "NTC", "", "negative_control"),
    ]  # fmt: skip
    cases = {
        "clean": {},
        "hopping 1%, own linkers": {"hopping": 0.01},
        "hopping 1%, one linker": {"hopping": 0.01, "common_linker": True},
        "contamination A to B, 30%": {"contaminated": (0, 2, 0.3)}, "control with reads": {"contaminated": (0, 3, 0.1)},
        "indexes swapped": {"swapped": (0, 2)},
    }  # fmt: skip
    offsets = {f"{contig}:{start}": (contig, start) for contig, start, _ in pieces}
    own = {"A": mine + big, "B": other, "NTC": []}
    for name, how in cases.items():
        run = simulate_run(genome, amplifications, seed=SEED, **how)
        with tempfile.TemporaryDirectory() as folder:
            sheet, index, ltr, linker = run.write(Path(folder))
            called = call_sites(sheet, ltr, linker, path, index=index)
        shown = []
        for specimen, sites in own.items():
            truth = {(offsets[s.contig][0], offsets[s.contig][1] + s.position, s.orientation) for s in sites}
            rows = called.sites.filter((pl.col("sample_id") == specimen) & (pl.col("places") == 1))
            good = rows.filter(pl.col("cells").is_not_null())
            foreign = sum(key not in truth for key in good.select("chrom", "position", "orientation").rows())
            shown.append(f"{specimen}: {good.height} reported, {foreign} of them foreign, {rows.height - good.height} set aside")
        print(f"{name}: {'; '.join(shown)}; vetoed {called.vetoed}")
        for problem in called.problems:
            print(f"    {problem}")


PARTS = (calling, abundance, growth, crossing)


def main():
    run_parts(PARTS)


if __name__ == "__main__":
    main()
