"""A lake made ready for counting: newest versions only, names as numbers, each built once and kept.

The lake holds every version of every case with names as text. :func:`star` gives the tables that the expressions of
``signals/report_counts.py`` count on; for a lake they are built by DuckDB on first use and kept in ``lake/prepared`` until
the lake or the roles change. A PostgreSQL database or a Spark session with tables of the same names needs no building.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ibis
import polars as pl

from aftercar.edges.engines import Engine
from aftercar.edges.faers import manifest
from aftercar.edges.files import folder_beside, write_text
from aftercar.errors import InputError
from aftercar.signals import report_counts as rc

PREPARED = ("reports", "report_drugs", "report_terms", "drug_names", "term_names")


class UnknownName(InputError):
    """A drug or term that no report names."""

    code = "unknown-report-name"


@dataclass(frozen=True, slots=True)
class Star:
    """What is counted on.

    Attributes:
        engine: where it lives.
        base: reports with at least one suspected drug and one term, with ``sex``, ``age_band``, ``year``, ``country``.
        drugs: ``report_id``, ``drug``, ``is_cart``.
        events: ``report_id``, ``term``.
        drug_names, term_names: name of each code; empty when the tables hold the names themselves.
    """

    engine: Engine
    base: Any
    drugs: Any
    events: Any
    drug_names: pl.DataFrame | None = None
    term_names: pl.DataFrame | None = None
    notes: tuple[str, ...] = field(default=())

    def drug_values(self, names: Iterable[str]) -> list[str | int]:
        """What the tables hold for these drug names; :data:`~aftercar.signals.report_counts.CLASS` passes through.

        Raises:
            UnknownName: when a name stands in no report, with the nearest names that do.
        """
        return _values(names, self.drug_names, "drug", self._all_drugs)

    def term_values(self, names: Iterable[str]) -> list[str | int]:
        """What the tables hold for these reaction terms.

        Raises:
            UnknownName: when none of them stands in any report.
        """
        wanted = [name.upper() for name in names]
        if self.term_names is None:
            return list(wanted)
        found = self.term_names.filter(pl.col("name").is_in(wanted))["code"].to_list()
        if not found:
            raise UnknownName(
                f"no report names {', '.join(repr(name) for name in wanted[:3])}", fix=_near(wanted[0], self.all_terms())
            )
        return list(found)

    def all_terms(self) -> list[str]:
        """Every reaction term that is reported."""
        if self.term_names is not None:
            return self.term_names["name"].to_list()
        return self.engine.rows(self.events.select("term").distinct())["term"].to_list()

    def _all_drugs(self) -> list[str]:
        if self.drug_names is not None:
            return self.drug_names["name"].to_list()
        return self.engine.rows(self.drugs.select("drug").distinct())["drug"].to_list()

    def name_drugs(self, frame: pl.DataFrame, column: str = "drug") -> pl.DataFrame:
        """``frame`` with names in place of codes in ``column``."""
        return _named(frame, column, self.drug_names)

    def name_terms(self, frame: pl.DataFrame, column: str = "event") -> pl.DataFrame:
        """``frame`` with names in place of codes in ``column``."""
        return _named(frame, column, self.term_names)


def _named(frame: pl.DataFrame, column: str, names: pl.DataFrame | None) -> pl.DataFrame:
    if names is None:
        return frame
    renamed = names.select(pl.col("code").cast(frame[column].dtype).alias(column), pl.col("name").alias("_name"))
    return frame.join(renamed, on=column, how="left").with_columns(pl.col("_name").alias(column)).drop("_name")


def _values(names: Iterable[str], table: pl.DataFrame | None, what: str, every: Callable[[], list[str]]) -> list[str | int]:
    values: list[str | int] = []
    codes = None if table is None else dict(zip(table["name"].to_list(), table["code"].to_list(), strict=True))
    for name in names:
        if name == rc.CLASS:
            values.append(name)
            continue
        found = next((item for item in (name, name.upper(), name.lower()) if codes is None or item in codes), None)
        if found is None:
            raise UnknownName(f"no report names the {what} {name!r}", fix=_near(name, every()))
        values.append(found if codes is None else codes[found])
    return values


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name.upper(), [item.upper() for item in known], n=3)
    return f"perhaps you mean {', '.join(near)}" if near else "check the spelling"


def star(engine: Engine, lake: Path | None, *, roles: Sequence[str] = rc.SUSPECT_ROLES, prefix: str = "") -> Star:
    """The tables to count on.

    Args:
        engine: DuckDB for a lake on disk; PostgreSQL or Spark for tables of the same names.
        lake: the lake's folder; None for tables inside the engine.
        roles: roles that make a drug suspected.
        prefix: put before table names inside the engine (``schema.``).
    """
    if engine.name == "duckdb" and lake is not None:
        return _prepared(engine, lake, roles)

    def read(name: str) -> Any:
        return engine.read(lake / name if lake is not None else f"{prefix}{name}")

    drugs, events = read("faers_drugs"), read("faers_reactions")
    reports = rc.age_bands(rc.latest_reports(read("faers_reports"), read("faers_deleted")))
    base = rc.base_of(reports, rc.suspected_rows(drugs, roles), events)
    return Star(engine, base, rc.suspected(drugs, roles), rc.terms(events))


def _prepared(engine: Engine, lake: Path, roles: Sequence[str]) -> Star:
    entries = manifest(lake)
    stamp = hashlib.sha256(json.dumps([entries, list(roles), 1]).encode()).hexdigest()
    folder = lake / "prepared"
    if not (folder / "stamp").exists() or (folder / "stamp").read_text() != stamp:
        prepare(engine, lake, roles, stamp)
    tables = {name: engine.read(folder / f"{name}.parquet") for name in PREPARED[:3]}
    names = {name: pl.read_parquet(folder / f"{name}.parquet") for name in PREPARED[3:]}
    notes = tuple(f"{entry['quarter']}: {note}" for entry in entries for note in entry["notes"])
    return Star(
        engine, tables["reports"], tables["report_drugs"], tables["report_terms"], names["drug_names"], names["term_names"], notes
    )


def prepare(engine: Engine, lake: Path, roles: Sequence[str], stamp: str) -> None:
    """Build ``lake/prepared``: newest versions that were not taken back, names as 32-bit codes."""
    read = {name: engine.read(lake / name) for name in ("faers_reports", "faers_drugs", "faers_reactions", "faers_deleted")}
    with folder_beside(lake / "prepared", replace=True) as new:
        latest = rc.latest_reports(read["faers_reports"], read["faers_deleted"])
        columns = ("report_id", "case_id", "sex", "age_band", "year", "country")
        engine.save(rc.age_bands(latest).select(*columns), new / "latest.parquet")
        ids = engine.read(new / "latest.parquet").select("report_id")
        for kind, table, column in (
            ("drug", rc.suspected_rows(read["faers_drugs"], roles), "drug"),
            ("term", rc.term_rows(read["faers_reactions"]), "term"),
        ):
            distinct = table.select(name=table[column]).distinct()
            codes = distinct.mutate(code=ibis.row_number().over(order_by="name").cast("int32"))
            engine.save(codes, new / f"{kind}_names.parquet")
            names = engine.read(new / f"{kind}_names.parquet")
            coded = table.join(names, table[column] == names.name)
            keep = {"is_cart": coded.is_cart} if kind == "drug" else {}
            rows = coded.select("report_id", **{column: coded.code}, **keep)
            engine.save(rows.semi_join(ids, "report_id").distinct(), new / f"report_{kind}s.parquet")
        latest = engine.read(new / "latest.parquet")
        base = rc.base_of(latest, engine.read(new / "report_drugs.parquet"), engine.read(new / "report_terms.parquet"))
        engine.save(base, new / "reports.parquet")
        (new / "latest.parquet").unlink()
        write_text(new / "stamp", stamp)
