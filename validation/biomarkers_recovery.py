"""Recovery: 42,500 people with 38 events expected, known truth; bias, coverage and power of each design.

``python -m validation.biomarkers_recovery [replicates]`` prints the tables (200 replicates take a few minutes).
``table()`` runs a few replicates and holds them to what the Monte Carlo error allows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from aftercar.biomarkers import designs, nested, power, simulate
from aftercar.biomarkers.case_cohort import fit_case_cohort
from aftercar.cohort import survival

PEOPLE, EVENTS = 42_500, 38
SUBCOHORT, CONTROLS = 400, 5
Found = tuple[float, float, float, float]  # estimate, low, high, p


def whole_cohort(c: simulate.SimulatedCohort, seed: int) -> Found:
    x = np.column_stack([c.marker, c.lines])
    fit = survival.fit_firth_cox(stop=c.stop, event=c.cause == 1, x=x, start=c.entry)
    return fit.coefficients[0], fit.low[0], fit.high[0], fit.p_values[0]


def _members(c: simulate.SimulatedCohort, stratum: np.ndarray | None = None) -> list[designs.Member]:
    label = np.zeros(len(c.stop), dtype=int) if stratum is None else stratum
    rows = zip(c.entry, c.stop, c.cause == 1, label, strict=True)
    return [designs.Member(f"p{i:06d}", e, s, bool(k), f"s{g}") for i, (e, s, k, g) in enumerate(rows)]


def case_cohort(method: str) -> Callable[[simulate.SimulatedCohort, int], Found]:
    def run(c: simulate.SimulatedCohort, seed: int) -> Found:
        stratified = method.startswith("borgan")
        members = _members(c, c.product if stratified else None)
        size = {"s0": SUBCOHORT // 2, "s1": SUBCOHORT // 2} if stratified else SUBCOHORT
        draw = designs.draw_subcohort(members, size, seed=seed)
        rows = np.array([int(p.person_id[1:]) for p in draw.picks])
        fit = fit_case_cohort(
            stop=c.stop[rows],
            event=c.cause[rows] == 1,
            subcohort=[p.reason != "case" for p in draw.picks],
            x=np.column_stack([c.marker, c.lines])[rows],
            cohort_size=draw.cohort_sizes,
            stratum=[p.stratum for p in draw.picks],
            start=c.entry[rows],
            method=method,
        )
        return fit.coefficients[0], fit.limits[0, 0], fit.limits[0, 1], fit.p_values[0]

    return run


def matched(c: simulate.SimulatedCohort, seed: int) -> Found:
    rows, label, case = _sets(c, seed)
    x = np.column_stack([c.marker, c.lines])[rows]
    fit = nested.fit_matched_firth(matched_set=label, case=case, x=x)
    return fit.coefficients[0], fit.low[0], fit.high[0], fit.p_values[0]


def weighted(c: simulate.SimulatedCohort, seed: int) -> Found:
    rows = np.unique(_sets(c, seed)[0])
    chance = nested.inclusion_probability(start=c.entry, stop=c.stop, event=c.cause == 1, controls=CONTROLS)
    fit = nested.fit_weighted(
        stop=c.stop[rows],
        event=c.cause[rows] == 1,
        start=c.entry[rows],
        x=np.column_stack([c.marker, c.lines])[rows],
        probability=chance[rows],
    )
    return fit.coefficients[0], fit.limits[0, 0], fit.limits[0, 1], fit.p_values[0]


def _sets(c: simulate.SimulatedCohort, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = designs.draw_controls(_members(c), CONTROLS, seed=seed)
    rows = np.array([int(p.person_id[1:]) for p in draw.picks])
    return rows, np.array([p.matched_set for p in draw.picks]), np.array([p.reason == "case" for p in draw.picks])


ANALYSES = {
    "whole cohort, Firth, profile limits": (whole_cohort, "cohort"),
    "case-cohort 400, Prentice": (case_cohort("prentice"), "case-cohort"),
    "case-cohort 400, Lin-Ying": (case_cohort("lin-ying"), "case-cohort"),
    "case-cohort 2x200 by product, Borgan II": (case_cohort("borgan-2"), "case-cohort"),
    "nested 5 controls, Firth conditional": (matched, "nested"),
    "nested 5 controls, Samuelsen weights": (weighted, "nested"),
}


def recover(ratio: float, replicates: int, seed: int = 1, prevalence: float = 0.35) -> list[dict[str, float | str]]:
    """One line for each analysis: mean and median error of the log hazard ratio, coverage, power, and the planned power."""
    found: dict[str, list[Found]] = {name: [] for name in ANALYSES}
    events = []
    for r in range(replicates):
        c = simulate.cohort(PEOPLE, EVENTS, seed=seed + r, ratio=ratio, delayed=0.2, prevalence=prevalence)
        events.append(int((c.cause == 1).sum()))
        for name, (analysis, _) in ANALYSES.items():
            found[name].append(analysis(c, seed + r))
    truth, rows = np.log(ratio), []
    for name, (_, design) in ANALYSES.items():
        estimate, low, high, p = np.array(found[name]).T
        kept = power.efficiency(design, event_fraction=EVENTS / PEOPLE, subcohort_fraction=SUBCOHORT / PEOPLE, controls=CONTROLS)
        rows.append(
            {
                "analysis": name,
                "bias": float(estimate.mean() - truth),
                "median_bias": float(np.median(estimate) - truth),
                "sd": float(estimate.std(ddof=1)),
                "coverage": float(((low <= truth) & (high >= truth)).mean()),
                "rejects": float((p < 0.05).mean()),
                "planned": power.power_of(EVENTS, ratio, prevalence, kept=kept) if ratio != 1 else 0.05,
                "events": float(np.mean(events)),
            }
        )
    return rows


def survivors(replicates: int, seed: int = 1) -> list[dict[str, float | str]]:
    """A marker that does nothing: how often a naive analysis and ours call it, and the mean log hazard ratio of each."""
    rows = []
    for name, make in (
        ("sampled at a later visit", simulate.sampled_survivors),
        ("cases sampled at diagnosis", simulate.sampled_at_diagnosis),
    ):
        naive, ours = [], []
        for r in range(replicates):
            c = make(PEOPLE, EVENTS, seed=seed + r)
            event = c.cause == 1
            # Naive: whatever sample there is, clock from infusion; at a later visit the unsampled count as negative.
            used = np.ones(len(event), dtype=bool) if name.endswith("visit") else ~np.isnan(c.sample_positive)
            fit = survival.fit_firth_cox(
                stop=c.stop[used], event=event[used], x=np.column_stack([np.nan_to_num(c.sample_positive), c.lines])[used]
            )
            naive.append((fit.coefficients[0], fit.p_values[0]))
            # Ours: known only from the day of the sample; a sample taken at or after the event tells nothing of the baseline.
            known = ~np.isnan(c.sampled_on) & (c.sampled_on < c.stop)
            entry = np.maximum(c.entry, np.maximum(c.sampled_on, 0.0))[known]
            fit = (
                survival.fit_firth_cox(
                    stop=c.stop[known], event=event[known], x=np.column_stack([c.sample_positive, c.lines])[known], start=entry
                )
                if (event[known].any())
                else None
            )
            ours.append((fit.coefficients[0], fit.p_values[0]) if fit else (np.nan, np.nan))
        for label, pairs in (("naive", naive), ("ours", ours)):
            estimate, p = np.array(pairs).T
            analysed = ~np.isnan(p)
            rows.append(
                {
                    "scenario": name,
                    "analysis": label,
                    "fitted": float(analysed.mean()),
                    "mean_log_ratio": float(estimate[analysed].mean()) if analysed.any() else float("nan"),
                    "rejects": float((p[analysed] < 0.05).mean()) if analysed.any() else 0.0,
                }
            )
    return rows


def table(replicates: int = 12) -> list[tuple[str, float, float, float, bool]]:
    """Bias and false alarms of a short run, each with the tolerance of four Monte Carlo standard errors."""
    rows = []
    for row in recover(4.0, replicates):
        tolerance = 4 * float(row["sd"]) / np.sqrt(replicates) + 0.1  # weighted and Wald analyses keep a small-sample bias
        rows.append((f"log hazard ratio: {row['analysis']}", np.log(4) + float(row["bias"]), float(np.log(4)), tolerance))
    for row in survivors(replicates):
        if row["analysis"] == "ours" and row["fitted"]:
            rows.append((f"null marker, {row['scenario']}", float(row["mean_log_ratio"]), 0.0, 4 * 0.5 / np.sqrt(replicates)))
    return [(name, ours, truth, tolerance, bool(abs(ours - truth) <= tolerance)) for name, ours, truth, tolerance in rows]


def main() -> None:
    """Print the recovery tables."""
    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for ratio in (1.0, 4.0):
        print(f"# hazard ratio {ratio:g}, {replicates} cohorts of {PEOPLE}, {EVENTS} events expected, prevalence 35%")
        for row in recover(ratio, replicates):
            print("\t".join(f"{k}={v:.3f}" if isinstance(v, float) else str(v) for k, v in row.items()), flush=True)
    print(f"# a marker that does nothing, {replicates} cohorts")
    for row in survivors(replicates):
        print("\t".join(f"{k}={v:.3f}" if isinstance(v, float) else str(v) for k, v in row.items()), flush=True)


if __name__ == "__main__":
    main()
