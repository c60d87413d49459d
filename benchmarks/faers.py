"""How fast are spontaneous-report counts on a database as large as FAERS?

``python -m benchmarks.faers`` makes a seeded synthetic lake of about 20 million cases (22 million versions, 66 million
drug rows, 66 million reaction rows), prepares it, and times class x event, products, strata, maskers, the full pair table
and the shrinkage fit, with the peak memory. ``--reports 200000`` makes it small.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from aftercar.edges.engines import connect
from aftercar.edges.faers import Loaded, _complete, _write
from aftercar.edges.faers_lake import star
from aftercar.signals import disproportionality as dp
from aftercar.signals import report_counts as rc
from aftercar.signals import shrinkage

PRODUCTS = ("axi-cel", "tisa-cel", "cilta-cel", "brexu-cel", "ide-cel", "liso-cel")
SHARES = np.array([0.39, 0.22, 0.23, 0.08, 0.05, 0.03])
EVENT = "PLANTED T-CELL LYMPHOMA"
DRUGS, TERMS = 2_000, 2_500


def popularity(kinds: int, power: float) -> np.ndarray:
    """Cumulative shares of a Zipf-like law."""
    weight = 1 / np.arange(1, kinds + 1) ** power
    return np.cumsum(weight / weight.sum())


def make_quarter(number: int, reports: int, first_case: int) -> dict[str, pl.DataFrame]:
    """One synthetic quarter, the same for the same arguments: 8% of rows are later versions of an earlier case."""
    rng = np.random.default_rng([20240611, number])
    year, quarter = 2004 + number // 4, number % 4 + 1
    newer = rng.random(reports) < (0.08 if number else 0.0)
    case = np.arange(first_case, first_case + reports, dtype=np.int64)
    case[newer] = rng.integers(0, max(first_case, 1), int(newer.sum()))
    version = np.where(newer, number + 1, 1)
    ids = case * 100 + version
    _, keep = np.unique(ids, return_index=True)
    case, version, ids = case[keep], version[keep], ids[keep]
    count = len(ids)
    month, day = rng.integers(1, 4, count) + 3 * (quarter - 1), rng.integers(1, 29, count)
    days = np.array([f"{year}-{m:02d}-{d:02d}" for m in range(3 * quarter - 2, 3 * quarter + 1) for d in range(1, 29)])
    age = np.round(rng.normal(58, 18, count).clip(0, 100), 0)
    known = rng.random(count) < 0.6
    reports_table = pl.DataFrame(
        {
            "report_id": ids,
            "case_id": case,
            "case_version": version,
            "received_on": days[(month - (3 * quarter - 2)) * 28 + day - 1],
            "age_years": pl.Series(np.where(known, age, np.nan)).fill_nan(None),
            "sex": np.array(["female", "male", "unknown"])[rng.choice(3, count, p=[0.52, 0.38, 0.10])],
            "country": np.array(["US", "GB", "DE", "FR", "JP"])[rng.choice(5, count, p=[0.6, 0.1, 0.1, 0.1, 0.1])],
        }
    )
    cart = (rng.random(count) < (0.0016 if year >= 2018 else 0.0)).nonzero()[0]
    per_drug, per_term = 1 + rng.poisson(2.0, count), 1 + rng.poisson(2.0, count)
    drug_report, term_report = np.repeat(ids, per_drug), np.repeat(ids, per_term)
    drug_code = np.searchsorted(popularity(DRUGS, 0.8), rng.random(len(drug_report)))
    term_code = np.searchsorted(popularity(TERMS, 0.8), rng.random(len(term_report)))
    names = np.array([f"DRUG {i:05d}" for i in range(DRUGS)])
    terms = np.array([f"Term {i:05d}" for i in range(TERMS)])
    product = pl.Series([None] * len(drug_report), dtype=pl.String)
    drugs = pl.DataFrame(
        {
            "report_id": drug_report,
            "role": np.array(["PS", "SS", "C"])[rng.choice(3, len(drug_report), p=[0.35, 0.25, 0.40])],
            "name": names[drug_code],
            "substance": names[drug_code],
            "product": product,
        }
    )
    chosen = rng.choice(6, len(cart), p=SHARES)
    own = np.array(PRODUCTS)[chosen]
    drugs = pl.concat(
        [
            drugs,
            pl.DataFrame(
                {
                    "report_id": ids[cart],
                    "role": ["PS"] * len(cart),
                    "name": np.char.upper(own),
                    "substance": pl.Series([None] * len(cart), dtype=pl.String),
                    "product": own,
                }
            ),
        ]
    )
    planted = np.concatenate([cart[rng.random(len(cart)) < 0.004], (rng.random(count) < 0.0002).nonzero()[0]])
    reactions = pl.DataFrame(
        {
            "report_id": np.concatenate([term_report, ids[planted]]),
            "term": np.concatenate([terms[term_code], [EVENT] * len(planted)]),
        }
    )
    return {"faers_reports": reports_table, "faers_drugs": drugs, "faers_reactions": reactions}


def generate(lake: Path, reports: int) -> None:
    """Write the lake: 88 quarters of equal size."""
    quarters, first = 88, 0
    size = max(1, int(reports * 1.08) // quarters)
    for number in range(quarters):
        quarter = f"{2004 + number // 4}Q{number % 4 + 1}"
        tables = make_quarter(number, size, first)
        tables["faers_deleted"] = pl.DataFrame({"case_id": [first]})
        _write(
            lake,
            {name: _complete(name, table, quarter) for name, table in tables.items()},
            Loaded(quarter, "synthetic", ""),
        )
        first += size


def main(arguments: list[str] | None = None) -> None:
    """Generate when missing, time, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faers")
    parser.add_argument("--reports", type=int, default=20_000_000)
    parser.add_argument("--lake", type=Path, default=None)
    parser.add_argument("--memory", type=float, default=5.0, help="DuckDB's limit in GB")
    parser.add_argument("--generate-only", action="store_true")
    chosen = parser.parse_args(arguments)
    lake = chosen.lake or Path(f"/tmp/aftercar-faers-{chosen.reports}")
    if chosen.generate_only:
        generate(lake, chosen.reports)
        return
    rows: list[tuple[str, float, str]] = []

    def timed(what: str, started: float, found: str) -> None:
        rows.append((what, time.perf_counter() - started, found))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{what:44s} {rows[-1][1]:8.1f} s   peak {peak:5.1f} GB   {found}", flush=True)

    if not (lake / "manifest.json").exists():
        start = time.perf_counter()
        command = [
            sys.executable,
            "-m",
            "benchmarks.faers",
            "--generate-only",
            "--reports",
            str(chosen.reports),
            "--lake",
            str(lake),
        ]
        subprocess.run(command, check=True)  # a process of its own, so that its memory does not count
        timed("generate", start, str(lake))
    with connect(memory_gb=chosen.memory, threads=2) as engine:
        start = time.perf_counter()
        text = star_of_text(engine, lake)
        counts = engine.rows(rc.fourfold_counts(text[0], rc.with_drugs(text[1], [rc.CLASS]), rc.with_terms(text[2], [EVENT])))
        timed("class x event from the raw tables", start, str(counts.row(0)))
        start = time.perf_counter()
        s = star(engine, lake)
        timed("prepare (once per data lock)", start, f"{engine.value(s.base.count()):,} reports")
        event = rc.with_terms(s.events, s.term_values([EVENT]))
        cart = rc.with_drugs(s.drugs, [rc.CLASS])
        start = time.perf_counter()
        again = engine.rows(rc.fourfold_counts(s.base, cart, event))
        timed("class x event", start, f"{again.row(0)}, ROR {float(dp.ror(dp.fourfold(*again.row(0))).value):.2f}")
        if again.row(0) != counts.row(0):
            raise SystemExit("the prepared lake and the raw tables disagree")
        start = time.perf_counter()
        found = engine.rows(rc.drug_counts(s.base, s.drugs, [rc.CLASS], event))
        timed("products x event", start, f"{len(found)} products")
        start = time.perf_counter()
        found = engine.rows(rc.fourfold_counts(s.base, cart, event, ["sex", "age_band", "year"]))
        timed("class x event by sex, age and year", start, f"{len(found)} strata")
        start = time.perf_counter()
        found = engine.rows(rc.masker_counts(s.base, s.drugs, cart, event))
        timed("maskers of the event", start, f"{len(found)} drugs")
        start = time.perf_counter()
        pairs = engine.rows(rc.pair_counts(s.base, s.drugs, s.events), by=["drug", "event"])
        timed("full pair table", start, f"{len(pairs):,} pairs")
        start = time.perf_counter()
        observed = pairs["reports_both"].to_numpy().astype(float)
        expected = (pairs["reports_drug"].cast(float) * pairs["reports_event"] / pairs["reports_total"]).to_numpy()
        fitted = shrinkage.fit(observed, expected)
        timed("EBGM: fit the prior", start, f"log likelihood {fitted.log_likelihood:.0f}, converged {fitted.converged}")
        start = time.perf_counter()
        scores = shrinkage.shrink(fitted.prior, observed, expected)
        timed("EBGM, EB05, EB95 of every pair", start, f"largest EB05 {scores.low.max():.1f}")


def star_of_text(engine, lake):
    """Base, drugs and events straight from the lake, names as text."""
    read = {name: engine.read(lake / name) for name in ("faers_reports", "faers_drugs", "faers_reactions", "faers_deleted")}
    drugs, events = read["faers_drugs"], read["faers_reactions"]
    latest = rc.latest_reports(read["faers_reports"], read["faers_deleted"])
    return rc.base_of(latest, rc.suspected_rows(drugs), events), rc.suspected(drugs), rc.terms(events)


if __name__ == "__main__":
    main()
