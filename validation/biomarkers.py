"""Biomarker methods against R's survival and cmprsk: frozen figures in ``biomarkers/reference.tsv``.

``python -m validation.biomarkers`` prints the agreement; the rows on real data need AFTERCAR_TEST_DATA.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from aftercar.biomarkers import case_cohort, exact, logistic, nested
from aftercar.cohort import survival
from validation import agreement
from validation.agreement import Row, compare, show

HERE = Path(__file__).resolve().parent / "biomarkers"

#: crr counts an event of the same day among those at risk of censoring, survival's finegray (and we) do not; on tied
#: data R's own two tools differ by up to this. Without ties they agree to 1e-7 (sim.crr.untied).
TIED = 1e-3


def reference() -> dict[str, list[float]]:
    """R's figures by name."""
    return agreement.reference(HERE / "reference.tsv")


def read(path: Path) -> dict[str, np.ndarray]:
    """A CSV as columns; text stays text, NA becomes NaN."""
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))

    def column(name: str) -> np.ndarray:
        cells = [row[name] for row in rows]
        try:
            return np.array([float("nan") if cell in ("NA", "") else float(cell) for cell in cells])
        except ValueError:
            return np.array(cells)

    return {name: column(name) for name in rows[0]}


def simulated() -> Iterator[tuple[str, Sequence[float], float]]:
    """Our figures on the invented cohort: name, values, tolerance."""
    sim = read(HERE / "simulated.csv")
    x3 = np.column_stack([sim["marker"], sim["lines"], (sim["age"] - 60) / 10])
    base = {"stop": sim["stop"], "start": sim["entry"], "event": sim["cause"] == 1}
    for ties in ("efron", "breslow"):
        fit = survival.fit_cox(**base, x=x3, ties=ties)
        yield f"sim.cox.{ties}.coef", fit.coefficients, 1e-8
        yield f"sim.cox.{ties}.se", fit.standard_errors, 1e-8
        fit = survival.fit_cox(**base, x=x3, weights=sim["weight"], ties=ties)
        yield f"sim.cox.weighted.{ties}.coef", fit.coefficients, 1e-8
        yield f"sim.cox.weighted.{ties}.naive", fit.standard_errors, 1e-8
        yield f"sim.cox.weighted.{ties}.se", np.sqrt(np.diag(survival.robust_covariance(fit, sim["centre"]))), 1e-8
        fit = survival.fit_cox(**base, x=x3, strata=sim["centre"], ties=ties)
        yield f"sim.cox.strata.{ties}.coef", fit.coefficients, 1e-8
        yield f"sim.cox.strata.{ties}.se", fit.standard_errors, 1e-8
    fit = survival.fit_cox(**base, x=x3)
    yield "sim.cox.score", np.abs(survival.score_residuals(fit)).sum(axis=0), 1e-7
    yield "sim.cox.loglik", [fit.null_value, fit.value], 1e-8
    yield "sim.cox.hazard", [survival.baseline_hazard(fit)[1][-1]], 1e-8
    times = (3, 6, 10, 14)
    with_entry = survival.aalen_johansen(stop=sim["stop"], cause=sim["cause"], start=sim["entry"])
    without = survival.aalen_johansen(stop=sim["stop"], cause=sim["cause"])
    yield "sim.aj.entry", [with_entry.at(t) for t in times], 1e-10
    yield "sim.aj", [without.at(t) for t in times], 1e-10
    yield "sim.cuminc", [without.at(t) for t in times], 1e-10
    places = np.searchsorted(without.times, times, side="right") - 1
    yield "sim.cuminc.var", without.variance[places], 2e-5
    x2 = x3[:, :2]
    for name, start in (("sim.finegray", None), ("sim.finegray.entry", sim["entry"])):
        fit, robust = survival.fit_fine_gray(stop=sim["stop"], cause=sim["cause"], x=x2, start=start)
        yield f"{name}.coef", fit.coefficients, 1e-7
        yield f"{name}.se", np.sqrt(np.diag(robust)), 1e-6
    fit, _ = survival.fit_fine_gray(stop=sim["stop"], cause=sim["cause"], x=x2, ties="breslow")
    yield "sim.crr.coef", fit.coefficients, TIED
    fit, robust = survival.fit_fine_gray(stop=sim["stop"] + sim["id"] * 1e-5, cause=sim["cause"], x=x2)
    yield "sim.crr.untied.coef", fit.coefficients, 1e-7
    yield "sim.crr.untied.se", np.sqrt(np.diag(robust)), 5e-3
    yield from _firth("sim.firth.entry", survival.fit_firth_cox(**base, x=x2))
    yield from _firth("sim.firth.strata", survival.fit_firth_cox(**base, x=x2, strata=sim["centre"]))
    none = ((sim["centre"] == 1) & (sim["cause"] != 1)).astype(float)
    yield from _firth("sim.firth.separated", survival.fit_firth_cox(**base, x=none))
    sets = read(HERE / "simulated_sets.csv")
    place = {person: row for row, person in enumerate(sim["id"])}
    rows = np.array([place[person] for person in sets["id"]])
    matched = nested.fit_matched(matched_set=sets["set"], case=sets["case"], x=x2[rows])
    yield "sim.clogit.coef", matched.coefficients, 1e-8
    yield "sim.clogit.se", matched.standard_errors, 1e-8
    tests = (
        ("fisher", exact.odds_ratio([[4, 34, 60, 3000]])),
        ("mantel", exact.odds_ratio([[2, 5, 30, 400], [3, 9, 20, 900], [0, 4, 11, 350]])),
        ("rates", exact.rate_ratio(5, 1200, 33, 60000)),
    )
    for name, test in tests:
        yield f"{name}.p", [test.p_value], 1e-7
        yield f"{name}.estimate", [test.estimate], 1e-3  # R's uniroot stops at 1e-4 of its scale
        yield f"{name}.limits", [test.low, test.high], 1e-3


def _firth(name: str, fit: survival.FirthFit) -> Iterator[tuple[str, Sequence[float], float]]:
    # R's side is a general-purpose maximiser on R's own likelihood, good to about 1e-5 in the coefficients.
    yield f"{name}.value", [fit.value], 1e-8
    yield f"{name}.coef", fit.coefficients, 1e-4
    yield f"{name}.low", fit.low, 1e-4
    yield f"{name}.high", fit.high, 1e-4
    yield f"{name}.p", fit.p_values, 1e-6


def real(folder: Path) -> Iterator[tuple[str, Sequence[float], float]]:
    """Our figures on the public data sets."""
    ovarian = read(folder / "ovarian.csv")
    x = np.column_stack([ovarian["age"] / 10, ovarian["rx"], ovarian["ecog.ps"]])
    # R was given age times 0.1, the same covariate.
    yield from _firth("ovarian.firth", survival.fit_firth_cox(stop=ovarian["futime"], event=ovarian["fustat"], x=x))
    endometrial = read(folder / "endometrial.csv")
    x = np.column_stack([endometrial["NV"], endometrial["PI"] / 10, endometrial["EH"]])
    yield from _firth("endometrial.firth", logistic.fit_firth_logistic(endometrial["HG"], x))
    yield from _nwtco(read(folder / "nwtco.csv"))
    yield from _jasa(read(folder / "jasa.csv"), read(folder / "jasa1.csv"))
    yield from _mgus2(read(folder / "mgus2.csv"))
    yield from _transplants(read(folder / "transplant.csv"), read(folder / "bmtcrr.csv"))


def _nwtco(nwtco: dict[str, np.ndarray]) -> Iterator[tuple[str, Sequence[float], float]]:
    covariates = np.column_stack([*(nwtco["stage"] == s for s in (2, 3, 4)), nwtco["histol"] == 2, nwtco["age"] / 12]).astype(
        float
    )
    member = nwtco["in.subcohort"] == "TRUE"
    keep = (nwtco["rel"] == 1) | member
    names = {"prentice": "Prentice", "self-prentice": "SelfPrentice", "lin-ying": "LinYing", "lin-ying-robust": "LinYingRobust"}
    names |= {"borgan-1": "BorganI", "borgan-2": "BorganII"}
    sizes = {str(s): int((nwtco["instit"] == s).sum()) for s in (1.0, 2.0)}
    for method, name in names.items():
        fit = case_cohort.fit_case_cohort(
            stop=nwtco["edrel"][keep],
            event=nwtco["rel"][keep],
            subcohort=member[keep],
            x=covariates[keep],
            cohort_size=sizes if "borgan" in method else len(keep),
            stratum=nwtco["instit"][keep] if "borgan" in method else None,
            method=method,
        )
        yield f"nwtco.{name}.coef", fit.coefficients, 1e-8
        yield f"nwtco.{name}.se", fit.standard_errors, 1e-8
    whole = survival.fit_cox(stop=nwtco["edrel"], event=nwtco["rel"], x=covariates)
    yield "nwtco.whole.coef", whole.coefficients, 1e-8
    yield "nwtco.whole.se", whole.standard_errors, 1e-8


def _jasa(jasa: dict[str, np.ndarray], jasa1: dict[str, np.ndarray]) -> Iterator[tuple[str, Sequence[float], float]]:
    keep = jasa["futime"] > 0
    fits = {"naive": survival.fit_cox(stop=jasa["futime"][keep], event=jasa["fustat"][keep], x=jasa["transplant"][keep])}
    fits["time"] = survival.fit_cox(stop=jasa1["stop"], event=jasa1["event"], x=jasa1["transplant"], start=jasa1["start"])
    late = jasa["futime"] > 30
    early = np.nan_to_num(jasa["wait.time"][late], nan=1e9) <= 30
    fits["landmark"] = survival.fit_cox(stop=jasa["futime"][late], event=jasa["fustat"][late], x=early.astype(float))
    for name, fit in fits.items():
        yield f"jasa.{name}.coef", fit.coefficients, 1e-8
        yield f"jasa.{name}.se", fit.standard_errors, 1e-8


def _mgus2(mgus2: dict[str, np.ndarray]) -> Iterator[tuple[str, Sequence[float], float]]:
    months = np.where(mgus2["pstat"] == 0, mgus2["futime"], mgus2["ptime"])
    cause = np.where(mgus2["pstat"] == 0, 2 * mgus2["death"], 1)
    x = np.column_stack([mgus2["age"], mgus2["sex"] == "M"]).astype(float)
    for of in (1, 2):
        fit = survival.fit_cox(stop=months, event=cause == of, x=x)
        yield f"mgus2.cause{of}.coef", fit.coefficients, 1e-8
        yield f"mgus2.cause{of}.se", fit.standard_errors, 1e-8
    fit, robust = survival.fit_fine_gray(stop=months, cause=cause, x=x)
    yield "mgus2.finegray.coef", fit.coefficients, 1e-7
    yield "mgus2.finegray.se", np.sqrt(np.diag(robust)), 1e-6
    fit, _ = survival.fit_fine_gray(stop=months, cause=cause, x=x, ties="breslow")
    yield "mgus2.crr.coef", fit.coefficients, TIED
    yield "mgus2.crr.se", np.sqrt(np.diag(robust)), 1e-3
    curve = survival.aalen_johansen(stop=months, cause=cause)
    yield "mgus2.aj", [curve.at(t) for t in (60, 120, 240)], 1e-10
    yield "mgus2.aj.var", curve.variance[np.searchsorted(curve.times, (60, 120, 240), side="right") - 1], 1e-6
    keep = ~np.isnan(mgus2["hgb"]) & (months > 0)
    fit = survival.fit_cox(
        stop=(mgus2["age"] + months / 12)[keep],
        start=mgus2["age"][keep],
        event=(cause == 1)[keep],
        x=np.column_stack([x[:, 1], mgus2["hgb"]])[keep],
    )
    yield "mgus2.age_scale.cause1.coef", fit.coefficients, 1e-6
    yield "mgus2.age_scale.cause1.se", fit.standard_errors, 1e-6


def _transplants(liver: dict[str, np.ndarray], bmt: dict[str, np.ndarray]) -> Iterator[tuple[str, Sequence[float], float]]:
    stop = liver["futime"] + 0.5
    cause = np.array([("censored", "death", "ltx", "withdraw").index(event) for event in liver["event"]])
    for of in (1, 2, 3):
        curve = survival.aalen_johansen(stop=stop, cause=cause, of=of)
        yield f"transplant.aj.cause{of}", [curve.at(t) for t in (90.5, 365.5, 1000.5)], 1e-10
    keep = ~np.isnan(liver["age"])
    x = np.column_stack([liver["age"], liver["abo"] == "O"]).astype(float)[keep]
    fit = survival.fit_cox(stop=stop[keep], event=(cause == 2)[keep], x=x)
    yield "transplant.ltx.coef", fit.coefficients, 1e-8
    yield "transplant.ltx.se", fit.standard_errors, 1e-8
    x = np.column_stack([bmt["Age"] / 10, bmt["Sex"] == "M", bmt["D"] == "AML"]).astype(float)
    fit, robust = survival.fit_fine_gray(stop=bmt["ftime"], cause=bmt["Status"], x=x)
    yield "bmtcrr.finegray.coef", fit.coefficients, 1e-7
    yield "bmtcrr.finegray.se", np.sqrt(np.diag(robust)), 1e-6


def table(folder: Path | None = None) -> list[Row]:
    """Rows of (name, ours, reference, tolerance, agrees); tolerance is absolute, or relative for numbers above 1."""
    data = folder or (Path(os.environ["AFTERCAR_TEST_DATA"]) if os.environ.get("AFTERCAR_TEST_DATA") else None)
    figures = list(simulated())
    if data is not None and (data / "survival").is_dir():
        figures += list(real(data / "survival"))
    return compare(figures, reference())


def main() -> None:
    """Print the table."""
    show(table())


if __name__ == "__main__":
    main()
