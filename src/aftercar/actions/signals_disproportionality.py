"""Is the event reported more often with CAR-T than with other drugs, and does the answer survive scrutiny?

One request gives, for the class and each product: counts with report margins, PRR, ROR (Woolf and exact), IC with its
credibility interval, EBGM where a prior was fitted, the stratified ROR, and what hides the event.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from aftercar.actions.permissions import Actor
from aftercar.actions.signals_faers import CAVEATS, event_terms
from aftercar.edges.engines import connect
from aftercar.edges.faers import data_lock
from aftercar.edges.faers_lake import Star, star
from aftercar.errors import InputError, UsageError
from aftercar.signals import disproportionality as dp
from aftercar.signals import report_counts as rc
from aftercar.signals import shrinkage
from aftercar.vocab.products import find_product

STRATA = ("sex", "age_band", "year", "country")


class EmptyBase(InputError):
    """No report is left to compare with."""

    code = "no-reports-left"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked.

    Attributes:
        events: reaction terms, or event sets such as ``@t_cell``.
        drugs: products or drug names; ``CAR-T`` is the class with each of its products.
        comparators: restrict the base to reports of these drugs and of the drugs of interest.
        exclude: leave out every report that names one of these (maskers, competing causes).
        strata: columns to stratify by.
        roles: roles that make a drug suspected.
        level: confidence level.
        shrink: fit the shrinkage prior to the full pair table and give EBGM and EB05.
        maskers: how many of the strongest maskers to show.
    """

    events: tuple[str, ...]
    drugs: tuple[str, ...] = (rc.CLASS,)
    comparators: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    roles: tuple[str, ...] = rc.SUSPECT_ROLES
    level: float = 0.95
    shrink: bool = False
    maskers: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What was found.

    Attributes:
        rows: one for the drugs together and one for each: counts, measures, rules met.
        maskers: drugs that hide the event, strongest first.
        terms: reaction terms taken as the event.
        prior: the fitted shrinkage prior, None when not asked.
        data_lock: last day of the newest quarter of the lake; None for tables inside an engine.
        notes: base, caveats and notes of loading.
    """

    rows: list[dict[str, Any]]
    maskers: list[dict[str, Any]]
    terms: list[str]
    prior: shrinkage.Fit | None
    data_lock: dt.date | None = None
    notes: list[str] = field(default_factory=list)


def run(
    lake: Path | None,
    request: Request,
    *,
    engine_url: str = "duckdb",
    memory_gb: float | None = None,
    actor: Actor | None = None,
) -> Result:
    """Count and measure.

    Args:
        lake: the lake's folder; None for tables inside the engine.
        request: what is asked.
        engine_url: see :func:`aftercar.edges.engines.connect`.
        memory_gb: memory limit of the engine.
        actor: who asks.

    Raises:
        UsageError: for an unknown stratum.
        UnknownName: for a drug or event that no report names.
        EmptyBase: when the restrictions leave no report.
    """
    if actor is not None:
        actor.check_everywhere("read")
    unknown = set(request.strata) - set(STRATA)
    if unknown:
        raise UsageError(f"cannot stratify by {', '.join(sorted(unknown))}", fix=f"use {', '.join(STRATA)}")
    with connect(engine_url, memory_gb=memory_gb) as engine:
        tables = star(engine, lake, roles=request.roles)
        terms = event_terms(tables, request.events)
        names = [_drug_name(name) for name in request.drugs]
        values = tables.drug_values(names)
        base = _base(tables, request, values)
        event = rc.with_terms(tables.events, tables.term_values(terms))
        drug = rc.with_drugs(tables.drugs, values)
        together = engine.rows(rc.fourfold_counts(base, drug, event, request.strata), by=request.strata)
        if not together["reports_total"].sum():
            raise EmptyBase("no report is left", fix="restrict or exclude less")
        single = tables.name_drugs(engine.rows(rc.drug_counts(base, tables.drugs, values, event, request.strata)))
        prior = _fit(tables, base) if request.shrink else None
        maskers = _maskers(tables, base, drug, event, together, request.maskers) if request.maskers else []
    rows = _rows(names, single, together, request, prior)
    edge = "The fitted prior lies at the edge of the search: EBGM of few reports is hardly shrunk; trust EB05 and the IC."
    notes = [edge] if prior is not None and prior.at_edge else []
    lock = data_lock(lake) if lake is not None else None
    notes += [f"Data lock {lock}, the end of the newest quarter loaded."] if lock else []
    notes += [_base_words(request, int(together["reports_total"].sum())), *CAVEATS, *tables.notes]
    return Result(rows, maskers, terms, prior, lock, notes)


def _drug_name(name: str) -> str:
    """The class, a product key for any of a product's names, or the name as it is."""
    if name.upper().replace(" ", "-") in ("CAR-T", "CART"):
        return rc.CLASS
    found = find_product(name)
    return found.key if found is not None else name


def _base(tables: Star, request: Request, drugs: Sequence[str | int]) -> Any:
    base = tables.base
    if request.comparators:
        comparators = tables.drug_values(_drug_name(name) for name in request.comparators)
        base = rc.restricted(base, tables.drugs, [*drugs, *comparators])
    if request.exclude:
        base = rc.excluding(base, tables.drugs, tables.drug_values(_drug_name(name) for name in request.exclude))
    return base


def _base_words(request: Request, total: int) -> str:
    words = f"Base: {total:,} reports with a suspected drug and a reaction, newest version of each case"
    if request.comparators:
        words += f", only those naming the drugs asked about or {', '.join(request.comparators)}"
    if request.exclude:
        words += f", without those naming {', '.join(request.exclude)}"
    return words + "."


def _rows(
    names: Sequence[str], single: pl.DataFrame, together: pl.DataFrame, request: Request, prior: shrinkage.Fit | None
) -> list[dict[str, Any]]:
    label = "CAR-T (all)" if list(names) == [rc.CLASS] else " + ".join(names)
    rows = []
    groups = [(label, together)] if len(names) > 1 or rc.CLASS in names else []
    margins = together.select(*request.strata, "reports_event", "reports_total")
    for name in sorted(single["drug"].unique().to_list()):
        own = single.filter(pl.col("drug") == name).drop("drug")
        joined = margins.join(own, on=list(request.strata), how="left") if request.strata else margins.hstack(own)
        groups.append((name, joined.with_columns(pl.col("reports_drug", "reports_both").fill_null(0))))
    for name, counts in groups:
        rows.append({"drug": name} | _measures(counts, request, prior))
    return rows


def _measures(counts: pl.DataFrame, request: Request, prior: shrinkage.Fit | None) -> dict[str, Any]:
    """All measures of one drug; ``counts`` has a row for each stratum."""
    both, drug, event, total = (int(counts[f"reports_{name}"].sum()) for name in ("both", "drug", "event", "total"))
    table = dp.fourfold(both, drug, event, total)
    prr, ror, ic = (measure(table, level=request.level) for measure in (dp.prr, dp.ror, dp.information_component))
    exact = dp.exact_ror(both, drug, event, total, level=request.level)
    row: dict[str, Any] = {
        "reports_both": both,
        "reports_drug": drug,
        "reports_event": event,
        "reports_total": total,
        "expected": float(table.expected),
        "prr": float(prr.value),
        "prr_low": float(prr.low),
        "prr_high": float(prr.high),
        "chi_square": float(dp.chi_square(table)),
        "ror": float(ror.value),
        "ror_low": float(ror.low),
        "ror_high": float(ror.high),
        "ror_exact_low": float(exact.low),
        "ror_exact_high": float(exact.high),
        "ic": float(ic.value),
        "ic025" if request.level == 0.95 else "ic_low": float(ic.low),
        "ic975" if request.level == 0.95 else "ic_high": float(ic.high),
    }
    if prior is not None:
        score = shrinkage.shrink(prior.prior, both, max(float(table.expected), 1e-9))
        row |= {"ebgm": float(score.ebgm), "eb05": float(score.low), "eb95": float(score.high)}
    if request.strata:
        parts = dp.fourfold(*(counts[f"reports_{name}"].to_numpy() for name in ("both", "drug", "event", "total")))
        pooled = dp.mantel_haenszel_ror(parts, level=request.level)
        adjusted = dp.information_component_of(both, float(np.nansum(parts.expected)), level=request.level)
        row |= {
            "strata": len(counts),
            "ror_stratified": float(pooled.value),
            "ror_stratified_low": float(pooled.low),
            "ror_stratified_high": float(pooled.high),
            "ic_stratified": float(adjusted.value),
            "ic_stratified_low": float(adjusted.low),
        }
    rules = [rule for rule in (dp.EVANS, dp.ROR_RULE, dp.IC_RULE) if bool(dp.signalled(table, rule))]
    if prior is not None and row["eb05"] >= 2:
        rules.append(dp.EB_RULE)
    row["rules_met"] = "; ".join(rule.name for rule in rules)
    return row


def _fit(tables: Star, base: Any) -> shrinkage.Fit:
    pairs = tables.engine.rows(rc.pair_counts(base, tables.drugs, tables.events), by=["drug", "event"])
    expected = pairs["reports_drug"].cast(pl.Float64) * pairs["reports_event"] / pairs["reports_total"]
    return shrinkage.fit(pairs["reports_both"].to_numpy(), expected.to_numpy())


def _maskers(tables: Star, base: Any, drug: Any, event: Any, together: pl.DataFrame, most: int) -> list[dict[str, Any]]:
    """The drugs whose reports raise the background most, with the PRR before and after they are set aside."""
    found = tables.name_drugs(tables.engine.rows(rc.masker_counts(base, tables.drugs, drug, event), by=["masker"]), "masker")
    found = found.filter(pl.col("reports_drug") < pl.col("reports"))
    if not len(found):
        return []
    whole = dp.fourfold(*(float(together[f"reports_{name}"].sum()) for name in ("both", "drug", "event", "total")))
    bare = dp.without_masker(
        whole,
        *(found[name].to_numpy() for name in ("reports", "reports_event", "reports_drug", "reports_both")),
    )
    before, after = float(dp.prr(whole).value), dp.prr(bare).value
    ratio = after / before if before > 0 else np.full(len(found), np.nan)
    table = found.with_columns(
        pl.Series("prr", np.full(len(found), before)), pl.Series("prr_without", after), pl.Series("masking_ratio", ratio)
    )
    # A drug that is always given together with the one of interest takes its reports away, too: that is no masking.
    table = table.filter(
        pl.col("masking_ratio").is_not_nan() & (pl.col("reports_drug") < 0.5 * float(together["reports_drug"].sum()))
    )
    return table.sort("masking_ratio", "masker", descending=[True, False]).head(most).to_dicts()


def pair_table(
    lake: Path | None,
    out: Path,
    *,
    engine_url: str = "duckdb",
    roles: Sequence[str] = rc.SUSPECT_ROLES,
    least: int = 1,
    memory_gb: float | None = None,
    actor: Actor | None = None,
) -> tuple[int, shrinkage.Fit]:
    """Every drug-event pair with counts, IC and EBGM, written to ``out`` (Parquet, or CSV by its ending).

    Returns:
        Number of pairs, and the fitted prior.
    """
    from aftercar.edges.files import written_beside

    if actor is not None:
        actor.check_everywhere("export")
    with connect(engine_url, memory_gb=memory_gb) as engine:
        tables = star(engine, lake, roles=roles)
        pairs = engine.rows(rc.pair_counts(tables.base, tables.drugs, tables.events), by=["drug", "event"])
        observed = pairs["reports_both"].to_numpy().astype(float)
        expected = (pairs["reports_drug"].cast(pl.Float64) * pairs["reports_event"] / pairs["reports_total"]).to_numpy()
        fitted = shrinkage.fit(observed, expected)
        kept = observed >= least
        pairs, observed, expected = pairs.filter(pl.Series(kept)), observed[kept], expected[kept]
        score = shrinkage.shrink(fitted.prior, observed, expected)
        ic = dp.information_component_of(observed, expected)
        ror = dp.ror(dp.fourfold(*(pairs[f"reports_{name}"].to_numpy() for name in ("both", "drug", "event", "total"))))
        full = tables.name_terms(tables.name_drugs(pairs)).with_columns(
            pl.Series("expected", expected),
            pl.Series("ror", ror.value),
            pl.Series("ror_low", ror.low),
            pl.Series("ic", ic.value),
            pl.Series("ic025", ic.low),
            pl.Series("ebgm", score.ebgm),
            pl.Series("eb05", score.low),
        )
    with written_beside(out) as temporary:
        if out.suffix == ".csv":
            full.write_csv(temporary)
        else:
            full.write_parquet(temporary)
    return len(full), fitted
