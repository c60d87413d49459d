"""The people, their time and their covariates for a biomarker model: from two CSV files, or from a study folder."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aftercar.biomarkers.designs import Member
from aftercar.biomarkers.detection import Status
from aftercar.biomarkers.features import Known, PersonTime
from aftercar.biomarkers.hypotheses import Hypothesis
from aftercar.biomarkers.rule_sets import LINEAGES
from aftercar.cohort.person_time import build
from aftercar.edges.files import existing_file
from aftercar.edges.study import Study, read_study
from aftercar.edges.tables import read_table
from aftercar.errors import InputError, InvalidTables, Problem
from aftercar.vocab.columns import Table
from aftercar.vocab.dates import PartialDate
from aftercar.vocab.tables.biomarkers import EXPOSED_SINCE, HYPOTHESES, MODEL_COHORT, MODEL_COVARIATES

_MUTAGENS = ("alkylator", "platinum", "topoisomerase_ii", "nucleoside_analogue", "radiation", "imid")


@dataclass(frozen=True)
class ModelInput:
    """Everything a model needs.

    Attributes:
        people: time under observation.
        known: covariate values with the day they became known.
        members: the same people as a draw sees them.
        data_lock: of the study; None for plain files.
        notes: assumptions in words.
    """

    people: tuple[PersonTime, ...]
    known: tuple[Known, ...]
    members: tuple[Member, ...]
    data_lock: dt.date | None
    notes: tuple[str, ...]


def read_input(
    cohort: Path,
    covariates: Sequence[Path] = (),
    *,
    genes: Path | None = None,
    stratum: str = "product",
) -> ModelInput:
    """Read a study folder or a cohort file, and any number of covariate files.

    Args:
        cohort: a study folder, or a CSV of the table ``model_cohort``.
        covariates: CSV files of the table ``model_covariates``.
        genes: ``genes.csv`` of ``aftercar biomarkers ch`` (a study folder says whose sample it is and when it was taken).
        stratum: for a study folder, the column of its cohort that becomes the sampling stratum.

    Raises:
        InvalidTables: with every problem.
        InputError: for ``genes`` without a study folder.
    """
    more = [known for path in covariates for known in read_covariates(path)]
    if cohort.is_dir():
        study = read_study(cohort)
        people, known, members, notes = _from_study(study, stratum)
        if genes is not None:
            known += _clonal(study, people, genes)
        return ModelInput(tuple(people), tuple(known + more), tuple(members), study.data_lock, notes)
    if genes is not None:
        raise InputError(
            "a genes file needs a study folder, which says whose sample it is and when it was taken", where=str(genes)
        )
    rows = _checked(cohort, MODEL_COHORT)
    people = [PersonTime(r["person_id"], r["start"], r["stop"], r["cause"], r["centre"] or "") for r in rows]
    members = [
        Member(r["person_id"], r["start"], r["stop"], r["cause"] == 1, r["stratum"] or "all", r["sample_available"] != "no")
        for r in rows
    ]
    return ModelInput(tuple(people), tuple(more), tuple(members), None, ())


def read_covariates(path: Path) -> list[Known]:
    """Covariate values of a CSV.

    Raises:
        InvalidTables: with every problem of the file.
    """
    return [Known(r["person_id"], r["name"], r["value"], r["known_day"]) for r in _checked(path, MODEL_COVARIATES)]


def read_exposed_since(path: Path) -> dict[str, float]:
    """The day since infusion on which an exposure began, by person.

    Raises:
        InvalidTables: with every problem of the file.
    """
    return {r["person_id"]: float(r["day"]) for r in _checked(path, EXPOSED_SINCE)}


def read_hypotheses(path: Path) -> list[Hypothesis]:
    """Pre-registered hypotheses of a CSV.

    Raises:
        InvalidTables: with every problem of the file.
        InputError: when a registration date is not exact.
    """
    found = []
    for r in _checked(path, HYPOTHESES):
        date = PartialDate.parse(r["registered_on"])
        if not date.is_exact:
            raise InputError(
                "the day of registration is not exact", where=f"{path}, {r['hypothesis_id']}", fix="write YYYY-MM-DD"
            )
        found.append(Hypothesis(r["hypothesis_id"], r["marker"], r["outcome"], r["direction"], r["family"], date.earliest))
    return found


def _checked(path: Path, table: Table) -> list[dict[str, Any]]:
    problems: list[Problem] = []
    read = read_table(existing_file(path), table, problems)
    if any(problem.row <= 1 for problem in problems):
        # With a wrong header every row is wrong too; one cause is told once.
        raise InvalidTables(problem for problem in problems if problem.row <= 1)
    if table is MODEL_COHORT and not problems:
        for row, (start, stop) in enumerate(read.frame.select("start", "stop").iter_rows()):
            if not start < stop:
                problems.append(read.problem(row, "stop", f"is not after start ({start:g})"))
    if problems:
        raise InvalidTables(problems)
    return read.frame.to_dicts()


def _from_study(study: Study, stratum: str) -> tuple[list[PersonTime], list[Known], list[Member], tuple[str, ...]]:
    cohort = build(study.frames, study.data_lock)
    if stratum not in cohort.episodes.columns and stratum != "centre":
        raise InputError(
            f"{stratum} is not a column of the cohort", fix=f"use one of centre, {', '.join(cohort.episodes.columns)}"
        )
    centres = {r["person_id"]: r["centre"] or "" for r in study.rows("people")}
    stored = {r["person_id"] for r in study.rows("samples") if r["material"] in ("apheresis", "blood", "bone_marrow")}
    people, known, members = [], [], []
    starts: dict[str, dt.date] = {}
    for r in cohort.episodes.iter_rows(named=True):
        person, entry, leave = r["person_id"], float(r["entry_days"]), float(r["exit_days"])
        starts[person] = r["start"]
        people.append(PersonTime(person, entry, leave, int(r["status"]), centres.get(person, "")))
        label = centres.get(person, "") if stratum == "centre" else str(r[stratum] if r[stratum] is not None else "unknown")
        members.append(Member(person, entry, leave, r["status"] == 1, label or "unknown", person in stored))
        female = {"female": 1.0, "male": 0.0}.get(r["sex"] or "")
        for name, value in (("age", r["age_at_start"]), ("lines", r["line_of_therapy"]), ("female", female)):
            known.append(Known(person, name, None if value is None else float(value), 0.0))
    known += _prior_therapy(study, starts)
    notes = (cohort.rules.in_words(), *cohort.notes, f"{len(people)} people at risk, {cohort.events} with the outcome")
    return people, known, members, notes


def _prior_therapy(study: Study, starts: Mapping[str, dt.date]) -> list[Known]:
    """Earlier treatment as yes or no.

    People without any recorded row are missing, not untreated; a row whose class or time is not known leaves every class
    that is not shown otherwise missing.
    """
    given: dict[str, set[str]] = {}
    for r in study.rows("prior_therapy"):
        person = r["person_id"]
        if person not in starts:
            continue
        tags = given.setdefault(person, set())
        before = _before(r, starts[person])
        if before is None:
            tags |= {"class unknown", "transplant unknown"}
        elif before:
            tags.add(r["mutagenic_class"] if r["mutagenic_class"] not in (None, "unknown") else "class unknown")
            if r["kind"] == "autologous_transplant":
                tags.add("autologous")
            elif r["kind"] == "radiation":
                tags.add("radiation")
    found = []
    for person, tags in given.items():
        for name in (*_MUTAGENS, "autologous"):
            unknown = "transplant unknown" if name == "autologous" else "class unknown"
            value = 1.0 if name in tags else None if unknown in tags else 0.0
            found.append(Known(person, f"prior_{name}", value, 0.0))
    return found


def _before(row: Mapping[str, Any], infused: dt.date) -> bool | None:
    """Whether a treatment came before the infusion (lymphodepletion and bridging do not count); None when not known."""
    if row["timing"] in ("bridging", "lymphodepletion", "after"):
        return False
    if row["started_on"]:
        started, infusion = PartialDate.parse(row["started_on"]), PartialDate.of(infused)
        if started.certainly_before(infusion):
            return True
        return None if started.possibly_before(infusion) else False
    return True if row["timing"] == "before" else None


def _clonal(study: Study, people: Iterable[PersonTime], genes: Path) -> list[Known]:
    """Clonal haematopoiesis by gene, lineage and in all, known on the day the sample was taken."""
    starts = {r["person_id"]: r["start"] for r in build(study.frames, study.data_lock).episodes.iter_rows(named=True)}
    samples = {r["sample_id"]: r for r in study.rows("samples")}
    statuses: dict[str, dict[str, Status]] = {}
    tags: dict[str, list[str]] = {}
    with existing_file(genes).open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if reader.fieldnames is None or not {"sample_id", "gene", "status", "lineage"} <= set(reader.fieldnames):
            raise InputError(
                "not a genes.csv of aftercar biomarkers ch", where=f"{genes} line 1", fix="run aftercar biomarkers ch --study"
            )
        for row in reader:
            statuses.setdefault(row["sample_id"], {})[row["gene"]] = row["status"]  # type: ignore[assignment]
            tags[row["gene"]] = row["lineage"].split(";")
    found = []
    at_risk = {p.person_id for p in people}
    for sample, by_gene in statuses.items():
        row_ = samples.get(sample)
        if row_ is None:
            raise InputError(
                f"sample {sample} is not in the study", where=str(genes), fix="call the study's own files with --study"
            )
        person = row_["person_id"]
        if person not in at_risk or row_["material"] in ("tumour", "car_positive_cells", "product"):
            continue
        day = None
        if row_["collected_on"]:
            # A date known to the month only is taken at its latest day: never earlier than it may have been.
            day = float((PartialDate.parse(row_["collected_on"]).latest - starts[person]).days)
        groups = {"ch": list(by_gene), **{f"ch_{g}": [g] for g in by_gene}}
        for tag in LINEAGES:
            members = [g for g in by_gene if tag in tags[g]]
            if members:
                groups[f"ch_{tag}"] = members
        for name, members in groups.items():
            found.append(Known(person, name, _value([by_gene[g] for g in members]), day))
    return found


def _value(statuses: Sequence[Status]) -> float | None:
    if "positive" in statuses:
        return 1.0
    return 0.0 if all(status == "negative" for status in statuses) else None
