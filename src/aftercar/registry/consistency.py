"""Rules that join the study's tables: who belongs to whom, and what can follow what in time.

Each rule is a function of the frames that yields ``(table, row, column, rule, fix)``; ``check_all`` runs them.
A rule fires only when it is certainly broken: partial dates get the benefit of the doubt.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from itertools import pairwise

import polars as pl

from aftercar.vocab.dates import PartialDate
from aftercar.vocab.tables.study import TABLES

Frames = Mapping[str, pl.DataFrame]
Found = tuple[str, int, str, str, str]


def check_all(frames: Frames, data_lock: dt.date, unread: frozenset[str] = frozenset()) -> Iterator[Found]:
    """Every broken rule as (table, 0-based row, column, rule, next step); nothing is held against an ``unread`` table."""
    yield from references(frames, unread)
    yield from not_after_lock(frames, data_lock)
    for rule in (_people, _infusions, _prior_therapy, _follow_up, _cases, _findings, _samples, _assays, _exposure):
        yield from rule(frames)


def references(frames: Frames, unread: frozenset[str] = frozenset()) -> Iterator[Found]:
    """Values that name a row of another table which is not there."""
    for table in TABLES:
        frame = frames[table.name]
        for column in table.columns:
            if not column.refers_to or frame.is_empty():
                continue
            other, key = column.refers_to.split(".")
            if other in unread:
                continue
            known = set(frames[other][key].drop_nulls())
            for row, value in enumerate(frame[column.name]):
                if value is not None and value not in known:
                    yield table.name, row, column.name, f"names no row of {other}", f"add it to {other}, or correct it"


def not_after_lock(frames: Frames, data_lock: dt.date) -> Iterator[Found]:
    """Dates that certainly lie after the data lock."""
    for table in TABLES:
        frame = frames[table.name]
        for column in table.columns:
            if column.kind != "date":
                continue
            late = {text for text in frame[column.name].drop_nulls().unique() if PartialDate.parse(text).earliest > data_lock}
            if late:
                for row, text in enumerate(frame[column.name]):
                    if text in late:
                        yield (
                            table.name,
                            row,
                            column.name,
                            f"lies after the data lock {data_lock}",
                            "correct the date, or move the data lock",
                        )


def _before(earlier: str | None, later: str | None) -> bool:
    """Whether ``earlier`` is certainly before ``later``; unknown dates prove nothing."""
    return bool(earlier and later and PartialDate.parse(earlier).certainly_before(PartialDate.parse(later)))


def _by(frame: pl.DataFrame, key: str) -> dict[str, dict[str, object]]:
    return {row[key]: row for row in frame.iter_rows(named=True)}


def _text(row: Mapping[str, object] | None, column: str) -> str | None:
    value = row.get(column) if row else None
    return None if value is None else str(value)


def _people(frames: Frames) -> Iterator[Found]:
    for i, person in enumerate(frames["people"].iter_rows(named=True)):
        if person["death_date"] and person["vital_status"] == "alive":
            yield "people", i, "death_date", "is given for a person recorded as alive", "correct vital_status or death_date"
        if _before(person["death_date"], person["last_seen_on"]):
            yield "people", i, "last_seen_on", "lies after the death", "correct one of the dates"
        if person["person_id"] is not None and person["possible_same_as"] == person["person_id"]:
            yield "people", i, "possible_same_as", "names the same row", ""


def _infusions(frames: Frames) -> Iterator[Found]:
    people = _by(frames["people"], "person_id")
    for i, infusion in enumerate(frames["infusions"].iter_rows(named=True)):
        person = people.get(infusion["person_id"])
        if _before(_text(person, "death_date"), infusion["infused_on"]):
            yield (
                "infusions",
                i,
                "infused_on",
                f"lies after the death on {_text(person, 'death_date')}",
                "correct the death or the infusion",
            )
        if _before(_text(person, "last_seen_on"), infusion["infused_on"]):
            yield (
                "infusions",
                i,
                "infused_on",
                f"lies after the person was last seen on {_text(person, 'last_seen_on')}",
                "update last_seen_on",
            )
        if _before(infusion["infused_on"], _text(person, "birth_year")):
            yield "infusions", i, "infused_on", "lies before the birth", "correct birth_year or infused_on"


def _prior_therapy(frames: Frames) -> Iterator[Found]:
    for i, row in enumerate(frames["prior_therapy"].iter_rows(named=True)):
        if _before(row["ended_on"], row["started_on"]):
            yield "prior_therapy", i, "ended_on", "lies before started_on", ""


def _follow_up(frames: Frames) -> Iterator[Found]:
    people = _by(frames["people"], "person_id")
    for i, contact in enumerate(frames["follow_up"].iter_rows(named=True)):
        death = _text(people.get(contact["person_id"]), "death_date")
        if contact["kind"] in ("examination", "telephone", "questionnaire") and _before(death, contact["contact_on"]):
            yield "follow_up", i, "contact_on", f"lies after the death on {death}", "correct the contact or the death"


def _cases(frames: Frames) -> Iterator[Found]:
    infusions = _by(frames["infusions"], "infusion_id")
    first: dict[str, str] = {}
    for row in frames["infusions"].iter_rows(named=True):
        date = row["infused_on"]
        if date and (row["person_id"] not in first or _before(date, first[row["person_id"]])):
            first[row["person_id"]] = date
    for i, case in enumerate(frames["cases"].iter_rows(named=True)):
        infusion = infusions.get(case["infusion_id"] or "")
        if infusion is not None and infusion["person_id"] != case["person_id"]:
            yield "cases", i, "infusion_id", "belongs to another person", "correct infusion_id or person_id"
        start = _text(infusion, "infused_on") if infusion is not None else first.get(case["person_id"])
        if _before(case["diagnosed_on"], start):
            yield (
                "cases",
                i,
                "diagnosed_on",
                f"lies before the infusion on {start}",
                "a tumour found before the infusion is no case of it",
            )
        if _before(case["reported_on"], case["diagnosed_on"]):
            yield "cases", i, "reported_on", "lies before the diagnosis", ""
        if case["tested"] in ("no", "not_possible", "refused") and case["car_result"] in (
            "detected",
            "detected_low",
            "not_detected",
        ):
            yield "cases", i, "car_result", f"is given although tested is {case['tested']}", "correct tested or car_result"


def _findings(frames: Frames) -> Iterator[Found]:
    for i, row in enumerate(frames["findings"].iter_rows(named=True)):
        if row["alt_reads"] is not None and row["depth"] is not None and row["alt_reads"] > row["depth"]:
            yield "findings", i, "alt_reads", f"is above the depth {row['depth']}", ""


def _samples(frames: Frames) -> Iterator[Found]:
    cases = _by(frames["cases"], "case_id")
    for i, row in enumerate(frames["samples"].iter_rows(named=True)):
        case = cases.get(row["case_id"] or "")
        if case is not None and case["person_id"] != row["person_id"]:
            yield "samples", i, "case_id", "belongs to another person", "correct case_id or person_id"
        files = len(row["reads"].split(";")) if row["reads"] else 0
        if row["assay"] != "lm_pcr" and files > 2:
            yield "samples", i, "reads", "names more than two files", "give one BAM or CRAM, or one or two FASTQ files"
        if row["site_table"] and row["site_sheet"]:
            yield "samples", i, "site_sheet", "stands beside a site_table", "keep the one that holds"
        elif row["site_sheet"] and row["assay"] != "lm_pcr":
            yield "samples", i, "site_sheet", f"is the sheet of an LM-PCR run, the assay is {row['assay']}", "write assay lm_pcr"
        elif row["site_sheet"] and files not in (2, 3):
            yield (
                "samples",
                i,
                "reads",
                f"names {files} file(s) of the run",
                "write LTR;linker;index, the index for several samples",
            )
        elif row["assay"] == "lm_pcr" and files and not (row["site_sheet"] or row["site_table"]):
            yield "samples", i, "site_sheet", "is empty, so the LM-PCR reads cannot be told apart", "name the run's sample sheet"


def _assays(frames: Frames) -> Iterator[Found]:
    samples = _by(frames["samples"], "sample_id")
    for i, row in enumerate(frames["assay_results"].iter_rows(named=True)):
        sample = samples.get(row["sample_id"] or "")
        if sample is not None and sample["person_id"] != row["person_id"]:
            yield "assay_results", i, "sample_id", "belongs to another person", "correct sample_id or person_id"
        if (
            row["positive_droplets"] is not None
            and row["total_droplets"] is not None
            and row["positive_droplets"] > row["total_droplets"]
        ):
            yield "assay_results", i, "positive_droplets", f"is above total_droplets {row['total_droplets']}", ""
        top = {"percent_cells": 100.0, "fraction_cells": 1.0, "fraction": 1.0}.get(row["unit"])
        if top is not None and row["value"] is not None and row["value"] > top:
            yield "assay_results", i, "value", f"is above {top:g} {row['unit']}", "check the unit"


def _exposure(frames: Frames) -> Iterator[Found]:
    order = ("car_positive", "tested", "cases", "persons")
    for i, row in enumerate(frames["exposure"].iter_rows(named=True)):
        for small, large in pairwise(order):
            if row[small] is not None and row[large] is not None and row[small] > row[large]:
                yield "exposure", i, small, f"is above {large} {row[large]}", ""
