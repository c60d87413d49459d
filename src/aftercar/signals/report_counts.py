"""From report tables to report counts, as Ibis expressions that every engine runs alike.

Each function takes and gives Ibis tables (columns as in ``vocab/tables/faers.py``); nothing is run here. The steps:

1. :func:`latest_reports` keeps the newest version of each case and drops the cases that were taken back;
2. :func:`suspected` gives one row for each report and suspected drug, :func:`terms` one for each report and term;
3. :func:`fourfold_counts` counts one set of drugs against one set of events, over strata if wished;
   :func:`pair_counts` counts every pair; :func:`masker_counts` counts what each other drug takes part in.

Margins are **reports**: a report that names a drug twice, or three events, counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis

#: Roles that make a drug suspected; ``unstated`` comes from sources without roles.
SUSPECT_ROLES = ("PS", "SS", "I", "unstated")
#: The drug name that stands for every CAR-T product together.
CLASS = "CAR-T"


def latest_reports(reports: Any, deleted: Any | None = None) -> Any:
    """The newest version of each case: latest receipt, then highest version, then highest report number.

    Args:
        reports: ``faers_reports``.
        deleted: ``faers_deleted``; its cases are dropped.
    """
    order = [
        ibis.desc(ibis.coalesce(reports.received_on, ibis.literal(""))),
        ibis.desc(ibis.coalesce(reports.case_version, ibis.literal(0, "int64"))),
        ibis.desc(reports.report_id),
    ]
    ranked = reports.mutate(rank_in_case=ibis.row_number().over(group_by="case_id", order_by=order))
    kept = ranked.filter(ranked.rank_in_case == 0).drop("rank_in_case")
    return kept if deleted is None else kept.anti_join(deleted.select("case_id").distinct(), "case_id")


def suspected(drugs: Any, roles: Sequence[str] = SUSPECT_ROLES) -> Any:
    """One row for each report and suspected drug: ``report_id``, ``drug``, ``is_cart``.

    ``drug`` is the product key for CAR-T, else the authority's substance, else the name as reported.
    """
    return suspected_rows(drugs, roles).distinct()


def suspected_rows(drugs: Any, roles: Sequence[str] = SUSPECT_ROLES) -> Any:
    """As :func:`suspected`, a drug named twice in a report standing twice."""
    chosen = drugs.filter(drugs.role.isin(list(roles)))
    named = chosen.select(
        "report_id",
        drug=ibis.coalesce(chosen["product"], chosen.substance, chosen.name),
        is_cart=chosen["product"].notnull(),
    )
    return named.filter(named.drug.notnull())


def terms(reactions: Any) -> Any:
    """One row for each report and reaction term: ``report_id``, ``term`` in capitals."""
    return term_rows(reactions).distinct()


def term_rows(reactions: Any) -> Any:
    """As :func:`terms`, a term named twice in a report standing twice."""
    return reactions.select("report_id", term=reactions.term.upper())


def with_drugs(report_drugs: Any, names: Sequence[str | int]) -> Any:
    """Reports that name any of ``names`` (or of their codes); :data:`CLASS` stands for every CAR-T product."""
    wanted = report_drugs.drug.isin([name for name in names if name != CLASS])
    if CLASS in names:
        wanted = wanted | report_drugs.is_cart
    return report_drugs.filter(wanted).select("report_id").distinct()


def with_terms(report_terms: Any, names: Sequence[str | int]) -> Any:
    """Reports that name any of the reaction terms ``names`` (or of their codes); capitals do not matter."""
    wanted = [name.upper() if isinstance(name, str) else name for name in names]
    return report_terms.filter(report_terms.term.isin(wanted)).select("report_id").distinct()


def base_of(reports: Any, report_drugs: Any, report_terms: Any) -> Any:
    """Reports that count: with at least one suspected drug and one term.

    ``report_drugs`` and ``report_terms`` may hold a report several times: :func:`suspected_rows` and :func:`term_rows` are
    enough and spare the engine the work of telling names apart.
    """
    return reports.semi_join(report_drugs.select("report_id"), "report_id").semi_join(
        report_terms.select("report_id"), "report_id"
    )


def restricted(base: Any, report_drugs: Any, names: Sequence[str | int]) -> Any:
    """The base restricted to reports that name any of ``names``: product of interest and comparators."""
    return base.semi_join(with_drugs(report_drugs, names), "report_id")


def excluding(base: Any, report_drugs: Any, names: Sequence[str | int]) -> Any:
    """The base without reports that name any of ``names``: maskers, or competing causes."""
    return base.anti_join(with_drugs(report_drugs, names), "report_id")


def age_bands(reports: Any) -> Any:
    """Reports with ``age_band`` (0-17, 18-44, 45-64, 65-74, 75+, unknown) and ``year`` of receipt."""
    age = reports.age_years
    band = ibis.cases(
        (age.isnull(), "unknown"), (age < 18, "0-17"), (age < 45, "18-44"), (age < 65, "45-64"), (age < 75, "65-74"), else_="75+"
    )
    year = ibis.coalesce(reports.received_on.substr(0, 4), reports.quarter.substr(0, 4))
    return reports.mutate(age_band=band, year=year, sex=ibis.coalesce(reports.sex, ibis.literal("unknown")))


def fourfold_counts(base: Any, drug_reports: Any, event_reports: Any, strata: Sequence[str] = ()) -> Any:
    """Counts of one fourfold table (one row), or one for each stratum.

    Args:
        base: reports that count, with the columns of ``strata``.
        drug_reports: reports with the drug (``report_id``, distinct).
        event_reports: reports with the event.
        strata: columns of ``base``.

    Returns:
        Columns of strata, ``reports_both``, ``reports_drug``, ``reports_event``, ``reports_total``.
    """
    one = ibis.literal(1, "int64")
    none = ibis.literal(0, "int64")
    marked = (
        base.select("report_id", *strata)
        .left_join(drug_reports.mutate(d=one), "report_id")
        .drop("report_id_right")
        .left_join(event_reports.mutate(e=one), "report_id")
        .drop("report_id_right")
    )
    marked = marked.mutate(d=ibis.coalesce(marked.d, none), e=ibis.coalesce(marked.e, none))
    columns = {
        "reports_both": ibis.coalesce((marked.d * marked.e).sum(), none).cast("int64"),
        "reports_drug": ibis.coalesce(marked.d.sum(), none).cast("int64"),
        "reports_event": ibis.coalesce(marked.e.sum(), none).cast("int64"),
        "reports_total": marked.count().cast("int64"),
    }
    return marked.group_by(list(strata)).aggregate(**columns) if strata else marked.aggregate(**columns)


def drug_counts(base: Any, report_drugs: Any, names: Sequence[str | int], event_reports: Any, strata: Sequence[str] = ()) -> Any:
    """Reports of each single drug among ``names``, and how many of them have the event, by stratum.

    Returns:
        Columns ``drug``, those of ``strata``, ``reports_drug``, ``reports_both``.
    """
    wanted = report_drugs.drug.isin([name for name in names if name != CLASS])
    if CLASS in names:
        wanted = wanted | report_drugs.is_cart
    rows = report_drugs.filter(wanted).select("report_id", "drug").distinct().join(base.select("report_id", *strata), "report_id")
    marked = rows.left_join(event_reports.mutate(e=ibis.literal(1, "int64")), "report_id").drop("report_id_right")
    event = ibis.coalesce(marked.e, ibis.literal(0, "int64"))
    return marked.group_by(["drug", *strata]).aggregate(
        reports_drug=marked.count().cast("int64"), reports_both=event.sum().cast("int64")
    )


def pair_counts(base: Any, report_drugs: Any, report_terms: Any, *, least: int = 1) -> Any:
    """Every drug-event pair with ``least`` or more reports, with report margins.

    Args:
        base: reports that count.
        report_drugs: ``report_id``, ``drug`` (text or number), one row each.
        report_terms: ``report_id``, ``term`` (text or number), one row each.
        least: fewest joint reports.

    Returns:
        Columns ``drug``, ``event``, ``reports_both``, ``reports_drug``, ``reports_event``, ``reports_total``.
    """
    ids = base.select("report_id")
    drugs = report_drugs.select("report_id", "drug").distinct().semi_join(ids, "report_id")
    events = report_terms.select("report_id", event=report_terms.term).distinct().semi_join(ids, "report_id")
    both = drugs.join(events, "report_id")
    joint = both.group_by("drug", "event").aggregate(reports_both=both.count())
    joint = joint.filter(joint.reports_both >= least)
    by_drug = drugs.group_by("drug").aggregate(reports_drug=drugs.count())
    by_event = events.group_by("event").aggregate(reports_event=events.count())
    total = ids.aggregate(reports_total=ids.count())
    table = joint.join(by_drug, "drug").join(by_event, "event").cross_join(total)
    return table.select("drug", "event", "reports_both", "reports_drug", "reports_event", "reports_total")


def with_measures(counts: Any) -> Any:
    """Counts with ``expected``, ``prr``, ``ror`` and ``ic`` worked out on the engine, in double precision.

    ``prr`` and ``ror`` are null where a cell of their denominator is 0.
    """
    a, drug, event, total = (
        counts[name].cast("float64") for name in ("reports_both", "reports_drug", "reports_event", "reports_total")
    )
    half = ibis.literal(0.5).cast("float64")
    b, c = drug - a, event - a
    d = total - drug - event + a
    expected = drug * event / total
    return counts.mutate(
        expected=expected,
        prr=(a / drug) / (c / (c + d)).nullif(0.0),
        ror=(a * d) / (b * c).nullif(0.0),
        ic=((a + half) / (expected + half)).ln() / ibis.literal(2.0).cast("float64").ln(),
    )


def masker_counts(base: Any, report_drugs: Any, drug_reports: Any, event_reports: Any, *, least: int = 3) -> Any:
    """For every other drug: its reports, and how many of them name the event, the drug of interest, or both.

    Args:
        base: reports that count.
        report_drugs: ``report_id``, ``drug``, ``is_cart``.
        drug_reports: reports with the drug of interest.
        event_reports: reports with the event.
        least: fewest reports of masker and event.

    Returns:
        Columns ``masker``, ``masker``'s ``reports``, ``reports_event``, ``reports_drug``, ``reports_both``.
    """
    one = ibis.literal(1, "int64")
    none = ibis.literal(0, "int64")
    rows = report_drugs.select("report_id", "drug").distinct().semi_join(base.select("report_id"), "report_id")
    whole = rows.group_by(masker=rows.drug).aggregate(reports=rows.count().cast("int64"))
    # Only reports with the event or the drug of interest need a closer look: a small part of all.
    marks = (
        drug_reports.mutate(d=one, e=none)
        .union(event_reports.mutate(d=none, e=one))
        .group_by("report_id")
        .aggregate(d=ibis._.d.max(), e=ibis._.e.max())
    )
    marked = rows.join(marks, "report_id")
    part = marked.group_by(masker=marked.drug).aggregate(
        reports_event=marked.e.sum().cast("int64"),
        reports_drug=marked.d.sum().cast("int64"),
        reports_both=(marked.d * marked.e).sum().cast("int64"),
    )
    table = whole.join(part.filter(part.reports_event >= least), "masker")
    return table.select("masker", "reports", "reports_event", "reports_drug", "reports_both")
