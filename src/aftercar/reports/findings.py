"""From the tables of a study and the verdicts of its samples to every figure that a report shows.

``find`` is pure: the same tables, settings and verdicts give the same findings. Each part of the result is a list
of rows of a table defined in ``vocab/tables/reports.py``; the report and the files beside it are made from these rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercar.cases.causality import Causality, recurrent_genes, suggest
from aftercar.cases.model import CaseFile, case_files
from aftercar.cases.settings import CausalitySettings
from aftercar.cohort.person_time import Cohort, build
from aftercar.signals import homogeneity, onset, rates, untested
from aftercar.signals.expected import surface
from aftercar.signals.incidence import of_cohort
from aftercar.vocab.estimates import Estimate
from aftercar.vocab.products import product_label

Row = dict[str, Any]
Frames = Mapping[str, pl.DataFrame]

#: Assumed mean follow-up in years, and backgrounds per 100,000 person-years by name. 22 is the rate of T-cell neoplasms in
#: 235,665 treated B-cell patients before CAR-T (NEJM letter; digits after 22 not seen), 1 that of the general population.
SURFACE_YEARS = (0.5, 1.0, 1.5, 2.0, 2.5)
SURFACE_BACKGROUND = (
    ("general population", 1.0),
    ("half of the treated population", 11.0),
    ("treated B-cell cancer before CAR-T", 22.0),
    ("twice that", 44.0),
)
_YEARS_SHOWN = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 15.0)
_OWN = "this-study"


@dataclass(frozen=True)
class Findings:
    """Everything a report of a study shows, as rows of named tables.

    Attributes:
        title: title of the study.
        data_lock: its data lock.
        level: confidence level of all intervals.
        tables: rows by table name (``vocab/tables/reports.py``).
        cases: the case files.
        causality: suggestion by case.
        cohort: person-time of the study's own people, or None when nobody has a dated infusion.
        verdicts: content of ``verdict.json`` by sample.
        contacts: rows of ``follow_up``.
        genome: name of the reference build, "" when not stated.
        notes: what a reader must know.
        base_rates: gene -> (ordinary products with a site in it, products looked at); None when published values hold.
    """

    title: str
    data_lock: dt.date
    level: float
    tables: Mapping[str, Sequence[Row]]
    cases: Sequence[CaseFile]
    causality: Mapping[str, Causality]
    cohort: Cohort | None
    verdicts: Mapping[str, Mapping[str, Any]]
    contacts: Sequence[Row] = ()
    genome: str = ""
    notes: Sequence[str] = ()
    base_rates: Mapping[str, tuple[int, int]] | None = None

    def row(self, table: str, key: str, value: str) -> Row | None:
        """The first row of a table with this value."""
        return next((row for row in self.tables[table] if row[key] == value), None)


def find(
    title: str,
    data_lock: dt.date,
    frames: Frames,
    *,
    level: float = 0.95,
    valid_negative_below: float = 0.2,
    near_gene_bases: int = 50_000,
    verdicts: Mapping[str, Mapping[str, Any]] | None = None,
    verdict_of_case: Mapping[str, Mapping[str, Any]] | None = None,
    site_assays: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    genome: str = "",
    base_rates: Mapping[str, tuple[int, int]] | None = None,
) -> Findings:
    """Compute every figure of a study.

    Args:
        title, data_lock: of the study.
        frames: its tables (``vocab/tables/study.py``).
        level: confidence level of every interval.
        valid_negative_below: detection limit (fraction of tumour cells) that a negative must reach.
        near_gene_bases: distance within which a site is near a gene.
        verdicts: content of ``verdict.json`` by sample.
        verdict_of_case: the verdict that speaks for each case.
        site_assays: integration-site assays of the tumour material of each case.
        genome: name of the reference build, for the karyogram.
        base_rates: gene -> (ordinary products with a site in it, products looked at); None takes published values.
    """
    verdicts = verdicts or {}
    files = case_files({name: frame.to_dicts() for name, frame in frames.items()}, verdict_of_case, site_assays)
    settings = CausalitySettings(valid_negative_below=valid_negative_below, near_gene_bases=near_gene_bases)
    others = recurrent_genes(files)
    causality = {file.case_id: suggest(file, settings, base_rates, other_tumours=others.get(file.case_id)) for file in files}
    exposure = frames["exposure"].to_dicts()
    cohort = _cohort(frames, data_lock)
    t_cell = [file for file in files if file.case["lineage"] == "T_cell"]
    tables: dict[str, list[Row]] = {
        "rates": [_rate_row(row, level) for row in exposure] + _own_rate(cohort, level),
        "tested": [row for item in exposure if (row := _tested_row(item, level))] + _own_tested(t_cell, causality, level),
        **_onset_tables(t_cell, causality, level),
        "onset_published": [row for item in exposure if (row := _published_onset(item))],
        "homogeneity": _homogeneity(exposure),
        "surface": [row for item in exposure for row in _surface(item, level)],
        "causality": [_causality_row(file, causality[file.case_id]) for file in files],
        "causality_evidence": [row for item in causality.values() for row in _evidence(item)],
        "causality_missing": [
            {"case_id": item.case_id, "what": gap.what, "settles": gap.settles, "field": gap.field}
            for item in causality.values()
            for gap in item.missing
        ],
        **_samples(frames, verdicts),
        "attrition": _attrition(cohort),
        "incidence": _incidence(cohort, level),
    }
    contacts = frames["follow_up"].to_dicts()
    notes = _notes(frames, cohort)
    return Findings(title, data_lock, level, tables, files, causality, cohort, verdicts, contacts, genome, notes, base_rates)


def _cohort(frames: Frames, data_lock: dt.date) -> Cohort | None:
    """People with person-time; None for a line list without dates, whose people are cases and nobody else."""
    if frames["infusions"]["infused_on"].null_count() == frames["infusions"].height:
        return None
    cohort = build(frames, data_lock)
    return cohort if cohort.persons else None


def _limits(estimate: Estimate) -> Row:
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "method": estimate.method,
        "level": estimate.level,
    }


def _measure_row(identifier: str, found: rates.Measure, outcome: str, **more: Any) -> Row:
    estimate = found.estimate
    return {
        "exposure_id": identifier,
        "group": found.group,
        "measure": found.name,
        "outcome": outcome,
        "cases": int(estimate.numerator),
        "denominator": estimate.denominator,
        "unit": estimate.unit,
        **_limits(estimate),
        "data_lock": None,
        "source": None,
        "evidence_mark": None,
        **more,
    }


def _rate_row(row: Row, level: float) -> Row:
    years = row["person_years"] if row["kind"] not in ("spontaneous_reports", "safety_database") else None
    found = rates.measure(
        row["cases"], persons=row["persons"], person_years=years, kind=row["kind"], group=row["group"], level=level
    )
    more = {name: row[name] for name in ("data_lock", "source", "evidence_mark")}
    return _measure_row(row["exposure_id"], found, row["outcome"], **more)


def _own_rate(cohort: Cohort | None, level: float) -> list[Row]:
    if cohort is None:
        return []
    found = rates.measure(
        cohort.events, person_years=cohort.person_years, kind="registry", group="all people of this study", level=level
    )
    return [_measure_row(_OWN, found, "t_cell_malignancy", data_lock=cohort.data_lock.isoformat(), source="this study")]


def _tested_row(row: Row, level: float) -> Row | None:
    if row["tested"] is None or row["car_positive"] is None or not row["cases"]:
        return None
    return _tested(row["exposure_id"], row["group"], row["cases"], row["tested"], row["car_positive"], level)


def _own_tested(files: Sequence[CaseFile], causality: Mapping[str, Causality], level: float) -> list[Row]:
    if not files:
        return []
    values = [causality[file.case_id].origin.value for file in files]
    tested = sum(value in ("car_derived", "not_car_derived") for value in values)
    return [_tested(_OWN, "cases listed in this study", len(files), tested, values.count("car_derived"), level)]


def _tested(identifier: str, group: str, cases: int, tested: int, positive: int, level: float) -> Row:
    row = untested.bounds_row(cases, tested, positive, level=level)
    return {"exposure_id": identifier, "group": group, **row, "share": row["share"] if tested else None}


def _onset_tables(files: Sequence[CaseFile], causality: Mapping[str, Causality], level: float) -> dict[str, list[Row]]:
    months = [_onset_of(file) for file in files]
    origins = [causality[file.case_id].origin.value.replace("_", " ") for file in files]
    if not any(value is not None for value in months):
        return {"onset": [], "onset_curve": []}
    groups = {"all T-cell cases": onset.summary(months, level=level), **onset.by_group(months, origins, level=level)}
    rows = []
    for group, found in groups.items():
        within = found.within_12
        rows.append(
            {
                "group": group,
                "n": found.n,
                "unknown": found.unknown,
                "median": found.median,
                "median_low": found.median_low,
                "median_high": found.median_high,
                "quartile_low": found.quartile_low,
                "quartile_high": found.quartile_high,
                "shortest": found.shortest,
                "longest": found.longest,
                "within_12": within.value,
                "within_12_low": within.low,
                "within_12_high": within.high,
                "level": level,
            }
        )
    return {"onset": rows, "onset_curve": [dict(point) for point in onset.curve(months, level=level).rows()]}


def _onset_of(file: CaseFile) -> float | None:
    found = file.onset_months
    return None if found is None else max(0.0, (found.low + found.high) / 2)


def _published_onset(row: Row) -> Row | None:
    found = {
        "within_12": row["onset_within_12_months"],
        "median": row["onset_median_months"],
        "shortest": row["onset_low_months"],
        "longest": row["onset_high_months"],
    }
    if all(value is None for value in found.values()):
        return None
    return {"exposure_id": row["exposure_id"], "group": row["group"], "cases": row["cases"], **found}


def _homogeneity(exposure: Sequence[Row]) -> list[Row]:
    rows = []
    for comparison in sorted({row["comparison"] for row in exposure if row["comparison"]}):
        parts = [row for row in exposure if row["comparison"] == comparison]
        if len(parts) < 2:
            continue
        events, persons = [row["cases"] for row in parts], [row["persons"] for row in parts]
        names = [product_label(row["product"] or "") or row["group"] for row in parts]
        for ordering in homogeneity.ORDERINGS:
            found = homogeneity.exact_test(events, persons, ordering=ordering, names=names)
            rows.append(
                {
                    "comparison": comparison,
                    "groups": names,
                    "events": events,
                    "exposure": persons,
                    "ordering": ordering,
                    "p": found.p,
                    "method": found.method,
                    "asymptotic_p": homogeneity.asymptotic_p(events, persons),
                }
            )
    return rows


def _surface(row: Row, level: float) -> list[Row]:
    """Observed over expected where no person-time is known; only for reports of T-cell malignancy from many people."""
    if (
        row["outcome"] != "t_cell_malignancy"
        or row["person_years"] is not None
        or not row["cases"]
        or row["kind"] != "spontaneous_reports"
    ):
        return []
    points = surface(row["cases"], row["persons"], SURFACE_YEARS, SURFACE_BACKGROUND, level=level)
    return [
        {
            "exposure_id": row["exposure_id"],
            "years": point.mean_follow_up_years,
            "background": point.background_per_100000,
            "background_name": point.background,
            **{name: getattr(point, name) for name in ("expected", "ratio", "low", "high")},
        }
        for point in points
    ]


def _causality_row(file: CaseFile, found: Causality) -> Row:
    infusion = file.suspected_infusion
    product = str(infusion["product"]) if infusion is not None else None
    by_state = {
        state: [c.name.replace("_", " ") for c in found.contributors if c.state == state]
        for state in ("present", "absent", "unknown")
    }
    return {
        "case_id": file.case_id,
        "diagnosis": file.case["diagnosis"],
        "product": product and (product_label(product) or product),
        "onset_months": file.onset_months.text() if file.onset_months else None,
        "origin": found.origin.value,
        "origin_because": found.origin.because,
        "role": found.role.value,
        "role_because": found.role.because,
        "present": by_state["present"],
        "absent": by_state["absent"],
        "not_known": by_state["unknown"],
    }


def _evidence(found: Causality) -> list[Row]:
    parts = [("A origin", found.origin.reasons), ("B role", found.role.reasons)]
    parts += [(f"C {item.name.replace('_', ' ')}", item.reasons) for item in found.contributors]
    return [
        {
            "case_id": found.case_id,
            "axis": axis,
            "says": item.says,
            "speaks": item.speaks,
            "field": item.field,
            "row": item.row,
            "value": item.value,
        }
        for axis, reasons in parts
        for item in reasons
    ]


def _samples(frames: Frames, verdicts: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Row]]:
    samples, sites = [], []
    for row in frames["samples"].to_dicts():
        verdict = verdicts.get(row["sample_id"])
        if verdict is None:
            continue
        copies = interval(verdict.get("copies_per_tumour_cell"))
        samples.append(
            {
                "sample_id": row["sample_id"],
                "case_id": row["case_id"],
                "material": row["material"],
                "call": verdict["call"],
                "reasons": list(verdict["reasons"]),
                "copies_per_tumour_cell": copies[0],
                "copies_low": copies[1],
                "copies_high": copies[2],
                "detection_limit": interval(verdict.get("detection_limit"))[0],
                "sites": len(verdict["sites"]),
            }
        )
        for site in verdict["sites"]:
            fraction = interval(site.get("cell_fraction"))
            sites.append(
                {
                    "sample_id": row["sample_id"],
                    **{name: site.get(name) for name in ("chrom", "pos", "orientation", "left_support", "right_support")},
                    "tsd": site.get("tsd"),
                    "cell_fraction": fraction[0],
                    "cell_fraction_low": fraction[1],
                    "cell_fraction_high": fraction[2],
                    "gene": _gene(site.get("gene")),
                }
            )
    return {"sample_verdicts": samples, "sample_sites": sites}


def interval(value: Any) -> tuple[float | None, float | None, float | None]:
    """A number with limits, as verdicts write it: a mapping, or a bare number."""
    if isinstance(value, Mapping):
        number = value.get("value", value.get("presence"))
        return number, value.get("low"), value.get("high")
    return value, None, None


def _gene(value: Any) -> str | None:
    return value.get("name") or value.get("gene") if isinstance(value, Mapping) else value


def _attrition(cohort: Cohort | None) -> list[Row]:
    if cohort is None:
        return []
    return [{"step": row["step"], "left_out": row["left_out"], "remain": row["remaining"]} for row in cohort.attrition.rows()]


def _incidence(cohort: Cohort | None, level: float) -> list[Row]:
    if cohort is None:
        return []
    found = of_cohort(cohort, level=level)
    rows = []
    for years in _YEARS_SHOWN:
        if years <= found.longest:
            estimate = found.at(years)
            limits = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
            rows.append(
                {"years": years, "at_risk": found.at_risk(years), "events": int(estimate.numerator), **limits, "level": level}
            )
    return rows


def _notes(frames: Frames, cohort: Cohort | None) -> tuple[str, ...]:
    notes = list(cohort.notes) if cohort is not None else []
    overlaps = frames["people"].filter(pl.col("possible_same_as").is_not_null())
    for person, other in overlaps.select("person_id", "possible_same_as").iter_rows():
        notes.append(
            f"{person} may be the same person as {other}; both are listed, so counts of the line list may be one too high"
        )
    return tuple(notes)
