"""Spontaneous reports: load quarters into a lake, say what it holds, list the CAR-T reports of an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from aftercar.actions.permissions import Actor
from aftercar.edges import faers
from aftercar.edges.engines import connect
from aftercar.edges.faers_lake import Star, UnknownName, star
from aftercar.errors import UsageError
from aftercar.signals import report_counts as rc
from aftercar.signals.report_duplicates import find_duplicates
from aftercar.vocab.estimates import proportion
from aftercar.vocab.products import products
from aftercar.vocab.terms import find_diagnosis

#: Event sets that are recognised from our own synonyms of diseases, by lineage.
LINEAGES = {"@t_cell": "T_cell", "@b_cell": "B_cell", "@myeloid": "myeloid", "@solid": "solid"}

CAVEATS = (
    "Reports, not people treated: a share of reports is no risk, and a report is no proof of cause.",
    "Reporting changes with publicity, time on the market and duty to report; one person may be reported more than once.",
)


@dataclass(frozen=True, slots=True)
class Summary:
    """What the lake holds for the class.

    Attributes:
        rows: product, reports, reports of the event, share with exact interval.
        by_year: the same for the class by year of receipt.
        terms: reaction terms taken as the event.
        duplicates: suspected duplicates among the class's reports of the event: report number and those like it.
        notes: notes of loading and caveats.
    """

    rows: list[dict[str, Any]]
    by_year: list[dict[str, Any]]
    terms: list[str]
    duplicates: list[dict[str, Any]]
    notes: list[str]


def load(
    sources: Sequence[Path],
    lake: Path,
    *,
    allow_broken: int = 0,
    progress: Callable[[float, float | None, str], None] | None = None,
    actor: Actor | None = None,
) -> list[faers.Loaded]:
    """Load quarterly files (ZIP files or folders) into the lake, one after the other.

    Raises:
        ReportFileError: as :func:`aftercar.edges.faers.load_quarter`; quarters loaded before it stay loaded.
    """
    if actor is not None:
        actor.check_everywhere("import")
    loaded = []
    for number, source in enumerate(sources):
        if progress is not None:
            progress(number, len(sources), source.name)
        loaded.append(faers.load_quarter(source, lake, allow_broken=allow_broken))
    return loaded


def event_terms(tables: Star, events: Sequence[str]) -> list[str]:
    """Reaction terms for the asked events: terms as reported, or ``@t_cell``, ``@b_cell``, ``@myeloid``, ``@solid``.

    Raises:
        UsageError: for an unknown event set.
        UnknownName: when no report names any of them.
    """
    wanted: list[str] = []
    for event in events:
        if not event.startswith("@"):
            wanted.append(event.upper())
            continue
        if event.lower() not in LINEAGES:
            raise UsageError(f"no event set {event!r}", fix=f"use a reaction term, or one of {', '.join(LINEAGES)}")
        wanted += [term for term in tables.all_terms() if _is_malignancy(term, LINEAGES[event.lower()])]
    if not wanted:
        raise UnknownName(f"no report names a term of {', '.join(events)}", fix="give the reaction terms as reported")
    return sorted(set(wanted))


def _is_malignancy(term: str, lineage: str) -> bool:
    found = find_diagnosis(term)
    return found is not None and found.lineage == lineage and found.behaviour == "malignant"


def summarise(
    lake: Path | None,
    events: Sequence[str],
    *,
    engine_url: str = "duckdb",
    level: float = 0.95,
    roles: Sequence[str] = rc.SUSPECT_ROLES,
    memory_gb: float | None = None,
    actor: Actor | None = None,
) -> Summary:
    """Reports of every CAR-T product, and the share of them that names the event, with exact intervals.

    Args:
        lake: the lake's folder; None for tables inside the engine.
        events: reaction terms or event sets.
        engine_url: see :func:`aftercar.edges.engines.connect`.
        level: confidence level.
        roles: roles that make a drug suspected.
        memory_gb: memory limit of the engine.
        actor: who asks.
    """
    if actor is not None:
        actor.check_everywhere("read")
    with connect(engine_url, memory_gb=memory_gb) as engine:
        tables = star(engine, lake, roles=roles)
        terms = event_terms(tables, events)
        event = rc.with_terms(tables.events, tables.term_values(terms))
        single = tables.name_drugs(engine.rows(rc.drug_counts(tables.base, tables.drugs, [rc.CLASS], event)))
        cart = rc.with_drugs(tables.drugs, [rc.CLASS])
        years = engine.rows(rc.fourfold_counts(tables.base, cart, event, ["year"]), by=["year"])
        duplicates = _suspected_duplicates(tables, lake, cart, event) if lake is not None else None
    rows = [
        _share(row["drug"], row["reports_both"], row["reports_drug"], level) for row in single.sort("drug").iter_rows(named=True)
    ]
    total = years.select("reports_both", "reports_drug").sum().row(0) if len(years) else (0, 0)
    rows.append(_share("CAR-T (all)", total[0], total[1], level))
    by_year = [
        _share(str(row["year"]), row["reports_both"], row["reports_drug"], level, "year")
        for row in years.iter_rows(named=True)
        if row["reports_drug"]
    ]
    lock = [f"Data lock {faers.data_lock(lake)}, the end of the newest quarter loaded."] if lake is not None else []
    return Summary(rows, by_year, terms, [] if duplicates is None else duplicates.to_dicts(), [*lock, *tables.notes, *CAVEATS])


def _share(name: str, both: int, drug: int, level: float, column: str = "product") -> dict[str, Any]:
    share = proportion(both, drug, level=level, unit="reports")
    return {
        column: name,
        "reports_of_event": both,
        "reports": drug,
        "share": share.value,
        "low": share.low,
        "high": share.high,
        "level": level,
        "interval": share.method,
    }


def _suspected_duplicates(tables: Star, lake: Path, cart: Any, event: Any) -> pl.DataFrame:
    """Duplicates among the class's reports of the event: few rows, so they are compared here."""
    engine = tables.engine
    both = tables.base.semi_join(cart, "report_id").semi_join(event, "report_id").select("report_id")
    ids = engine.rows(both)["report_id"]
    if not len(ids):
        return pl.DataFrame(schema={"report_id": pl.Int64, "same_as": pl.List(pl.Int64)})
    reports = engine.read(lake / "faers_reports").semi_join(both, "report_id")
    frame = engine.rows(reports.select("report_id", "event_on", "age_years", "sex", "country"))
    drugs = tables.name_drugs(
        engine.rows(tables.drugs.filter(tables.drugs.is_cart).semi_join(both, "report_id").select("report_id", "drug"))
    )
    terms = tables.name_terms(engine.rows(tables.events.semi_join(both, "report_id")), "term")

    def joined(rows: pl.DataFrame, column: str) -> pl.DataFrame:
        return rows.group_by("report_id").agg(pl.col(column).unique().sort().str.join("; "))

    full = frame.join(joined(drugs, "drug"), on="report_id").join(joined(terms, "term"), on="report_id")
    return find_duplicates(full.rename({"drug": "drugs", "term": "terms"}))


def product_table() -> list[dict[str, Any]]:
    """Every known product with the mark of each fact: names, target, vector, co-stimulation, authorisations."""
    return [
        {
            "product": item.key,
            "inn": item.inn,
            "brands": ", ".join(item.brands),
            "target": f"{item.target} [{item.sources['target'].mark}]",
            "vector": f"{item.vector} [{item.sources['vector'].mark}]",
            "costimulation": f"{item.costimulation} [{item.sources['costimulation'].mark}]",
            "authorised": "; ".join(f"{a.region} {a.on} [{a.source.mark}]" for a in item.authorisations),
        }
        for item in products()
    ]
