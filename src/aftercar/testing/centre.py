"""A small simulated centre: some hundred treated people, lifelike follow-up, three suspected cases.

The people, dates and tumours are invented by a seeded generator; no row stands for anybody. The three cases are the
three situations an assessor meets: a CAR-positive clonal tumour, a CAR-negative tumour whose clone was there before
the infusion, and a sample that cannot answer. :func:`centre_frames` gives the tables, the sample simulator the reads.

    >>> frames = centre_frames(people=50, seed=3)
    >>> frames["people"].height, frames["cases"].height
    (50, 3)
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl

from aftercar.vocab.columns import Table
from aftercar.vocab.dates import add_months
from aftercar.vocab.tables.study import TABLES

LOCK = dt.date(2024, 6, 30)
_FIRST, _LAST = dt.date(2018, 11, 1), dt.date(2024, 3, 31)
_PRODUCTS = (  # product, indication, share of infusions, mean age
    ("axicabtagene ciloleucel", "diffuse large B-cell lymphoma", 0.34, 62),
    ("tisagenlecleucel", "diffuse large B-cell lymphoma", 0.16, 61),
    ("tisagenlecleucel", "B-cell acute lymphoblastic leukaemia", 0.08, 14),
    ("lisocabtagene maraleucel", "diffuse large B-cell lymphoma", 0.14, 65),
    ("brexucabtagene autoleucel", "mantle cell lymphoma", 0.08, 66),
    ("idecabtagene vicleucel", "multiple myeloma", 0.10, 64),
    ("ciltacabtagene autoleucel", "multiple myeloma", 0.10, 63),
)
_CONTACT_MONTHS = (3, 6, 12, 18, 24, 36, 48, 60)
_KINDS = {"integer": pl.Int64, "number": pl.Float64}

Rows = dict[str, list[dict[str, Any]]]


def centre_frames(people: int = 360, seed: int = 20240630) -> dict[str, pl.DataFrame]:
    """The tables of the simulated centre, without the files that its samples name.

    Args:
        people: how many treated people, at least 10.
        seed: seed of the generator; equal seeds give equal tables.
    """
    rng = np.random.default_rng(seed)
    rows: Rows = {table.name: [] for table in TABLES}
    for number in range(1, people + 1):
        _person(rows, rng, f"C01-{number:04d}")
    for number, case in zip((3, 5, 8), (_car_positive, _clone_before, _cannot_tell), strict=True):
        case(rows, f"C01-{number:04d}")
    return {table.name: _frame(table, rows[table.name]) for table in TABLES}


def _frame(table: Table, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = {column.name: _KINDS.get(column.kind, pl.String) for column in table.columns}
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def _person(rows: Rows, rng: np.random.Generator, person: str) -> None:
    product, indication, _, age = _PRODUCTS[rng.choice(len(_PRODUCTS), p=[share for *_, share, _ in _PRODUCTS])]
    infused = _FIRST + dt.timedelta(days=int(rng.integers((_LAST - _FIRST).days)))
    death_day = infused + dt.timedelta(days=int(rng.weibull(0.8) * 1500))
    lost_day = infused + dt.timedelta(days=int(rng.exponential(9000)))
    dies = death_day <= min(LOCK, lost_day)
    seen = death_day if dies else min(lost_day, LOCK - dt.timedelta(days=int(rng.integers(0, 60))))
    rows["people"].append(
        {
            "person_id": person,
            "centre": "C01",
            "country": "DE",
            "sex": str(rng.choice(["female", "male"], p=[0.4, 0.6])),
            "birth_year": infused.year - int(np.clip(rng.normal(age, 9), 3, 85)),
            "enrolled_on": infused.isoformat(),
            "vital_status": "dead" if dies else "alive",
            "last_seen_on": max(seen, infused).isoformat(),
            "death_date": max(death_day, infused).isoformat() if dies else None,
            "death_cause": str(rng.choice(["treated disease", "infection", "other"], p=[0.7, 0.15, 0.15])) if dies else None,
            "consent": "given",
            "source": "simulated",
        }
    )
    rows["infusions"].append(
        {
            "infusion_id": f"{person}-I1",
            "person_id": person,
            "infused_on": infused.isoformat(),
            "product": product,
            "batch": f"L{rng.integers(10**6):06d}",
            "dose_million_cells": round(float(rng.lognormal(4.9, 0.4)), 1),
            "product_vcn": round(float(rng.uniform(1.1, 3.5)), 2),
            "indication": indication,
            "line_of_therapy": int(rng.integers(2, 6)),
            "jurisdiction": "EU",
            "setting": "commercial",
            "response": str(rng.choice(["CR", "PR", "SD", "PD"], p=[0.5, 0.2, 0.1, 0.2])),
        }
    )
    _therapies(rows, rng, person, infused)
    _contacts(rows, rng, person, infused, seen)


def _therapies(rows: Rows, rng: np.random.Generator, person: str, infused: dt.date) -> None:
    wanted = [
        ("chemotherapy", "bendamustine", "alkylator", 0.4),
        ("chemotherapy", "doxorubicin", "topoisomerase_ii", 0.7),
        ("autologous_transplant", "melphalan conditioning", "alkylator", 0.25),
        ("radiation", None, "radiation", 0.2),
    ]
    for number, (kind, agent, mutagen, chance) in enumerate(wanted, 1):
        if rng.random() < chance:
            rows["prior_therapy"].append(
                {
                    "therapy_id": f"{person}-T{number}",
                    "person_id": person,
                    "kind": kind,
                    "agent": agent,
                    "mutagenic_class": mutagen,
                    "started_on": add_months(infused, -int(rng.integers(6, 60))).isoformat()[:7],
                    "timing": "before",
                }
            )


def _contacts(rows: Rows, rng: np.random.Generator, person: str, infused: dt.date, seen: dt.date) -> None:
    level = 10 ** rng.normal(1.2, 0.4)
    for months in _CONTACT_MONTHS:
        day = add_months(infused, months) + dt.timedelta(days=int(rng.integers(-10, 25)))
        if day >= seen or rng.random() < 0.08:
            continue
        rows["follow_up"].append(
            {
                "contact_id": f"{person}-F{months:02d}",
                "person_id": person,
                "contact_on": day.isoformat(),
                "kind": "examination" if rng.random() < 0.8 else "telephone",
                "new_malignancy": "no",
                "treated_disease": "remission",
            }
        )
        value = level * 10 ** (-0.12 * months) * 10 ** rng.normal(0, 0.15)
        rows["assay_results"].append(
            {
                "result_id": f"{person}-Q{months:02d}",
                "person_id": person,
                "measured_on": day.isoformat(),
                "method": "qpcr",
                "target": "CAR",
                "value": round(float(value), 4) if value > 0.01 else None,
                "unit": "percent_cells",
                "result": "detected" if value > 0.01 else "not_detected",
                "lod": 0.01,
                "loq": 0.05,
                "denominator": "pbmc",
                "matrix": "pbmc",
                "replicates": 3,
            }
        )


def _suspect(rows: Rows, person: str, months: int, infused: dt.date) -> dt.date:
    """Set the person's infusion, drop what would contradict the case, and give the day of diagnosis."""
    found = add_months(infused, months)
    infusion = next(row for row in rows["infusions"] if row["person_id"] == person)
    infusion.update(infused_on=infused.isoformat(), product="axicabtagene ciloleucel", indication="diffuse large B-cell lymphoma")
    someone = next(row for row in rows["people"] if row["person_id"] == person)
    someone.update(
        birth_year=1961,
        enrolled_on=infused.isoformat(),
        vital_status="alive",
        death_date=None,
        death_cause=None,
        last_seen_on="2024-06-12",
    )
    for table in ("follow_up", "assay_results", "prior_therapy"):
        rows[table] = [row for row in rows[table] if row["person_id"] != person]
    rows["prior_therapy"].append(
        {
            "therapy_id": f"{person}-T1",
            "person_id": person,
            "kind": "chemotherapy",
            "agent": "R-CHOP",
            "mutagenic_class": "alkylator",
            "started_on": add_months(infused, -20).isoformat()[:7],
            "timing": "before",
        }
    )
    for step in (3, 6, 12, 18, 24):
        if step <= months:
            day = add_months(infused, step)
            rows["follow_up"].append(
                {
                    "contact_id": f"{person}-F{step:02d}",
                    "person_id": person,
                    "contact_on": day.isoformat(),
                    "kind": "examination",
                    "new_malignancy": "yes" if step == months else "no",
                }
            )
    return found


def _case(rows: Rows, person: str, case: str, diagnosis: str, found: dt.date, **more: Any) -> None:
    rows["cases"].append(
        {
            "case_id": case,
            "person_id": person,
            "infusion_id": f"{person}-I1",
            "diagnosis": diagnosis,
            "lineage": "T_cell",
            "behaviour": "malignant",
            "histology_confirmed": "yes",
            "diagnosed_on": found.isoformat(),
            "reported_on": (found + dt.timedelta(days=9)).isoformat(),
            "serious": "yes",
            "outcome": "not_recovered",
            "source": "simulated",
            **more,
        }
    )


def _sample(rows: Rows, person: str, case: str, sample: str, found: dt.date, purity: float | None) -> None:
    rows["samples"].append(
        {
            "sample_id": sample,
            "person_id": person,
            "case_id": case,
            "material": "tumour",
            "collected_on": found.isoformat(),
            "assay": "wgs",
            "reads": f"reads/{sample}.bam",
            "purity": purity,
            "ploidy": 2.0,
            "stored_at": "biobank C01",
        }
    )


def _car_positive(rows: Rows, person: str) -> None:
    found = _suspect(rows, person, 24, dt.date(2021, 9, 14))
    _case(
        rows,
        person,
        "CASE-1",
        "peripheral T-cell lymphoma, not otherwise specified",
        found,
        icd_o_morphology="9702/3",
        icd_10="C84.4",
        tested="yes",
        ebv="negative",
        htlv="negative",
        clone_before_infusion="not_tested",
        tumour_purity=0.7,
    )
    _sample(rows, person, "CASE-1", "S-CASE-1", found, 0.7)
    for step, value in ((3, 6.0), (6, 0.8), (12, 0.5), (18, 3.9), (24, 21.0)):
        rows["assay_results"].append(
            {
                "result_id": f"{person}-Q{step:02d}",
                "person_id": person,
                "measured_on": add_months(dt.date(2021, 9, 14), step).isoformat(),
                "method": "qpcr",
                "target": "CAR",
                "value": value,
                "unit": "percent_cells",
                "result": "detected",
                "lod": 0.01,
                "loq": 0.05,
                "denominator": "pbmc",
                "matrix": "pbmc",
                "replicates": 3,
            }
        )


def _clone_before(rows: Rows, person: str) -> None:
    found = _suspect(rows, person, 6, dt.date(2022, 2, 8))
    _case(
        rows,
        person,
        "CASE-2",
        "angioimmunoblastic T-cell lymphoma",
        found,
        icd_o_morphology="9705/3",
        icd_10="C86.5",
        tested="yes",
        ebv="positive",
        htlv="negative",
        clone_before_infusion="found",
        tumour_purity=0.6,
    )
    _sample(rows, person, "CASE-2", "S-CASE-2", found, 0.6)
    for number, (where, timing, alt, depth) in enumerate((("apheresis", "before", 21, 412), ("tumour", "after", 118, 402)), 1):
        rows["findings"].append(
            {
                "finding_id": f"CASE-2-V{number}",
                "case_id": "CASE-2",
                "kind": "variant",
                "gene": "TET2",
                "description": "p.Gln1523Ter",
                "origin": "somatic",
                "found_in": where,
                "timing": timing,
                "alt_reads": alt,
                "depth": depth,
                "source": "simulated",
            }
        )


def _cannot_tell(rows: Rows, person: str) -> None:
    found = _suspect(rows, person, 12, dt.date(2023, 1, 17))
    _case(
        rows,
        person,
        "CASE-3",
        "T-cell lymphoma of the skin",
        found,
        icd_o_morphology="9709/3",
        tested="yes",
        ebv="not_tested",
        htlv="not_tested",
        clone_before_infusion="not_tested",
    )
    _sample(rows, person, "CASE-3", "S-CASE-3", found, None)
