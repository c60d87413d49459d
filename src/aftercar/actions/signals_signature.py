"""Insertional mutagenesis or survivor bias: every line of evidence that the study can answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from aftercar.actions.permissions import Actor
from aftercar.actions.signals_input import Answer, Input, may_read
from aftercar.cohort.background import RateTable
from aftercar.cohort.exposure import aggregates
from aftercar.cohort.onsets import case_onsets
from aftercar.cohort.person_time import Cohort, build
from aftercar.cohort.rules import EVENT, Rules
from aftercar.edges.tables import read_table
from aftercar.errors import InputError, InvalidTables, Problem
from aftercar.signals import signature as lines
from aftercar.signals.dose import DoseResponse, dose_response
from aftercar.signals.enrichment import Recurrence, against_products, recurrence
from aftercar.signals.expected import ObservedExpected, standardised
from aftercar.signals.incidence import rates_by_time
from aftercar.signals.untested import Bounds, bounds
from aftercar.vocab.columns import Column, Table
from aftercar.vocab.dates import DAYS_PER_YEAR
from aftercar.vocab.tables.sites import SITE_BACKGROUND

#: Lineages that the vector of a T-cell product cannot cause: the negative-control outcomes.
CONTROL_LINEAGES = ("solid", "skin_non_melanoma")

PRODUCT_SITES = Table(
    "product_sites",
    "Insertion sites of infusion products by gene.",
    (
        Column("gene", "text", "Gene symbol; empty is outside genes."),
        Column("sites", "integer", "Distinct sites.", required=True, low=0),
    ),
    level="aggregate",
)


def signature(
    given: Input,
    *,
    background: RateTable | None = None,
    control_background: RateTable | None = None,
    product_site_counts: Mapping[str, int] | None = None,
    product_sites: int = 0,
    near: tuple[int, int, int, int] | None = None,
    rules: Rules | None = None,
    actor: Actor | None = None,
) -> Answer:
    """The signature table of a study.

    Args:
        given: the study.
        background: rates of the outcome in a comparable population.
        control_background: rates of the control cancers (solid and skin) in the same population.
        product_site_counts, product_sites: insertion sites of infusion products by gene, and all of them.
        near: tumour sites near a cancer gene, tumour sites, control (or product) sites near one, control sites, as
            ``aftercar sites context`` counts them.
        rules: outcome, clock and what ends observation.
        actor: who asks.
    """
    may_read(actor)
    rules = rules or Rules()
    cohort = build(given.frames, given.data_lock, rules)
    people = cohort if cohort.persons else None
    found_before, looked = _clones(given)
    found = (
        lines.time_pattern(rates_by_time(people.episodes, (1, 2, 5), level=given.level), level=given.level)
        if people
        else lines.time_pattern(),
        lines.car_negative_share(_bounds(given, rules)),
        lines.other_cancers(*_other_cancers(given, rules, background, control_background)),
        lines.dose(_dose(given, people)),
        lines.gene_recurrence(_recurrence(given, product_site_counts or {}, product_sites)),
        _near(near, given.level),
        lines.clone_before_infusion(found_before, looked, level=given.level),
    )
    return Answer(
        {"signal_signature": [line.row() for line in found]}, (lines.summary(found),), given.data_lock, given.mask_below
    )


def _near(counts: tuple[int, int, int, int] | None, level: float) -> lines.Line:
    if counts is None:
        return lines.near_cancer_genes()
    return lines.near_cancer_genes_counts(against_products(*counts, level=level), counts[0], counts[1])


def read_product_sites(path: Path) -> tuple[dict[str, int], int]:
    """Insertion sites of infusion products by gene, and all of them.

    Takes the table that ``aftercar sites background`` writes, or two columns ``gene`` and ``sites`` in which sites
    outside genes stand under an empty gene.

    Raises:
        InvalidTables: with every problem of the file.
    """
    problems: list[Problem] = []
    background = read_table(path, SITE_BACKGROUND, problems).frame
    if not problems and background.height:
        return dict(background.select("gene", "sites_in").iter_rows()), int(background["sites"][0])
    problems.clear()
    frame = read_table(path, PRODUCT_SITES, problems).frame
    if problems:
        raise InvalidTables(problems)
    counts: dict[str, int] = {}
    for gene, sites in frame.select("gene", "sites").iter_rows():
        counts[gene or ""] = counts.get(gene or "", 0) + sites
    total = sum(counts.values())
    counts.pop("", None)
    return counts, total


def _bounds(given: Input, rules: Rules) -> Bounds | None:
    """Of the study's own cases; of the largest aggregate row when there are more cases in it."""
    cases = case_onsets(given.frames, given.data_lock, rules)
    positive = sum(case.car in ("positive", "low") for case in cases)
    tested = positive + sum(case.car == "negative" for case in cases)
    own = bounds(tested, positive, len(cases), level=given.level) if cases else None
    rows = [row for row in aggregates(given.frames["exposure"]) if row.tested is not None and row.car_positive is not None]
    largest = max(rows, key=lambda row: row.cases, default=None)
    if largest is not None and largest.cases > len(cases):
        return bounds(largest.tested or 0, largest.car_positive or 0, largest.cases, level=given.level)
    return own


def _other_cancers(
    given: Input, rules: Rules, background: RateTable | None, control_background: RateTable | None
) -> tuple[ObservedExpected | None, Sequence[ObservedExpected]]:
    if background is None or control_background is None:
        return None, ()
    target = build(given.frames, given.data_lock, rules)
    controls = build(given.frames, given.data_lock, Rules(lineages=CONTROL_LINEAGES, behaviours=rules.behaviours))
    if not target.persons or not controls.persons:
        return None, ()
    return (
        standardised(target.episodes, [background], level=given.level)[0],
        standardised(controls.episodes, [control_background], level=given.level),
    )


def _dose(given: Input, cohort: Cohort | None) -> DoseResponse | None:
    if cohort is None:
        return None
    copies = {row["infusion_id"]: row["product_vcn"] for row in given.frames["infusions"].iter_rows(named=True)}
    frame = cohort.episodes
    dose = [float("nan") if copies.get(name) is None else float(copies[name]) for name in frame["infusion_id"]]
    years = (frame["exit_days"] - frame["entry_days"]).to_numpy() / DAYS_PER_YEAR
    try:
        return dose_response(dose, years, (frame["status"] == EVENT).to_numpy(), level=given.level)
    except InputError:
        # No case with a known dose, or one dose only: the line says that it cannot say.
        return None


def _recurrence(given: Input, counts: Mapping[str, int], sites: int) -> Sequence[Recurrence] | None:
    if sites <= 0 or "findings" not in given.frames:
        return None
    rows = given.frames["findings"].filter(pl.col("kind") == "integration", pl.col("gene").is_not_null())
    genes: dict[str, list[str]] = {}
    for case, gene in rows.select("case_id", "gene").iter_rows():
        genes.setdefault(case, []).append(gene)
    return recurrence(list(genes.values()), counts, sites) if genes else None


def _clones(given: Input) -> tuple[int, int]:
    """Cases whose clone was found before infusion, and cases where it was looked for."""
    values = given.frames["cases"]["clone_before_infusion"].to_list()
    found = values.count("found")
    return found, found + values.count("not_found")
