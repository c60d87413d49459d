"""OMOP CDM 5.4 tables in: a folder or a zip of CSV files, named as the tables, in any case.

Read are PERSON, DEATH, OBSERVATION_PERIOD, PROCEDURE_OCCURRENCE, DRUG_EXPOSURE, CONDITION_OCCURRENCE, VISIT_OCCURRENCE
and CONCEPT. A treatment or condition is known by its source value, its source concept and its standard concept, each
with the code and name that CONCEPT gives; the standard concept comes last, because vocabularies have mapped the codes
of CAR-T products to other drugs.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from aftercar.errors import InputError
from aftercar.registry.mapping import Item, Person, Source
from aftercar.vocab.dates import PartialDate

_SEX = {"8507": "male", "8532": "female", "8521": "other", "8551": "unknown"}

_WANTED = (
    "person", "death", "observation_period", "procedure_occurrence", "drug_exposure", "condition_occurrence",
    "visit_occurrence", "concept",
)  # fmt: skip

#: Columns that a table must have to be read at all.
_NEEDED = {
    "person": ("person_id", "gender_concept_id", "year_of_birth"),
    "death": ("person_id", "death_date"),
    "observation_period": ("person_id", "observation_period_end_date"),
    "procedure_occurrence": ("procedure_occurrence_id", "person_id", "procedure_concept_id", "procedure_date"),
    "drug_exposure": ("drug_exposure_id", "person_id", "drug_concept_id", "drug_exposure_start_date"),
    "condition_occurrence": ("condition_occurrence_id", "person_id", "condition_concept_id", "condition_start_date"),
    "visit_occurrence": ("person_id", "visit_end_date"),
    "concept": ("concept_id", "concept_name", "vocabulary_id", "concept_code"),
}


class BadOmop(InputError):
    """A folder or zip that holds no OMOP CDM tables, or a table that cannot be read."""

    code = "bad-omop"


def omop_files(path: Path) -> list[Path]:
    """The files that :func:`read_omop` reads: the zip, or the CSV files of the folder."""
    if path.is_dir():
        return sorted(item for item in path.iterdir() if item.stem.lower() in _WANTED and item.suffix.lower() == ".csv")
    return [path]


def read_omop(path: Path) -> Source:
    """Everything that the tables say of people, treatments and conditions.

    Raises:
        BadOmop: when there is no PERSON table, or a table lacks a column, or is not CSV in UTF-8.
    """
    tables = _tables(path)
    if "person" not in tables:
        raise BadOmop("there is no PERSON table", where=str(path), fix="name a folder or a zip with PERSON.csv in it")
    concepts = {
        row["concept_id"]: (row["vocabulary_id"], row["concept_code"], row["concept_name"])
        for row in _rows(tables, "concept", path)
    }
    deaths = {row["person_id"]: _date(row["death_date"]) for row in _rows(tables, "death", path)}
    people = [_person(row, deaths) for row in _rows(tables, "person", path)]
    seen: dict[str, str] = {}
    for table, column in (("observation_period", "observation_period_end_date"), ("visit_occurrence", "visit_end_date")):
        for row in _rows(tables, table, path):
            day = _date(row[column])
            if day and table == "visit_occurrence" and day > seen.get(row["person_id"], ""):
                seen[row["person_id"]] = day
            elif day:
                seen.setdefault(row["person_id"], day)
    treatments = [
        _item(row, "procedure_occurrence", "procedure", "procedure_date", concepts)
        for row in _rows(tables, "procedure_occurrence", path)
    ]
    treatments += [
        _item(row, "drug_exposure", "drug", "drug_exposure_start_date", concepts) for row in _rows(tables, "drug_exposure", path)
    ]
    conditions = [
        _item(row, "condition_occurrence", "condition", "condition_start_date", concepts)
        for row in _rows(tables, "condition_occurrence", path)
    ]
    other = {name: count for name, count in _counts(path).items() if name not in _WANTED and count}
    return Source(people, treatments, conditions, (), other, seen)


def _person(row: Mapping[str, str], deaths: Mapping[str, str | None]) -> Person:
    born = row["year_of_birth"]
    return Person(
        row["person_id"],
        _SEX.get(row["gender_concept_id"]),
        int(float(born)) if born else None,
        deaths.get(row["person_id"]),
        row["person_id"] in deaths,
    )


def _item(row: Mapping[str, str], table: str, stem: str, day: str, concepts: Mapping[str, tuple[str, str, str]]) -> Item:
    source_value = row.get(f"{stem}_source_value", "")
    codes: list[tuple[str, str]] = []
    texts: list[str] = []
    source = concepts.get(row.get(f"{stem}_source_concept_id", ""))
    if source_value:
        # Without its concept a source value tells no vocabulary; a bare code is tried in each that it could be of.
        systems = [source[0]] if source else ["HCPCS", "ICD-10-PCS", "ICD10CM"]
        codes += [(system, source_value) for system in systems]
    for column in (f"{stem}_source_concept_id", f"{stem}_concept_id"):
        concept_id = row.get(column, "")
        if concept_id and concept_id != "0":
            codes.append(("OMOP", concept_id))
        if concept_id in concepts:
            vocabulary, code, name = concepts[concept_id]
            if column == f"{stem}_source_concept_id" or source is None:
                codes.append((vocabulary, code))
            texts.append(name)
    texts.append(source_value)
    lot = {"batch": row["lot_number"]} if row.get("lot_number") else {}
    return Item(
        table,
        row[f"{table}_id"],
        row["person_id"],
        tuple(dict.fromkeys(codes)),
        tuple(dict.fromkeys(texts)),
        _date(row[day]),
        "",
        lot,
    )


def _date(text: str) -> str | None:
    try:
        return str(PartialDate.parse(text[:10])) if text else None
    except ValueError:
        return None


def _tables(path: Path) -> dict[str, str]:
    """Table name to the file's name within the folder or zip."""
    return {name: inside for name, inside in _all_tables(path).items() if name in _WANTED}


def _all_tables(path: Path) -> dict[str, str]:
    if path.is_dir():
        return {item.stem.lower(): item.name for item in sorted(path.iterdir()) if item.suffix.lower() == ".csv"}
    if not path.exists():
        raise BadOmop("no such file or folder", where=str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".csv") and not name.startswith("__MACOSX")]
    except zipfile.BadZipFile:
        raise BadOmop("neither a folder nor a zip file", where=str(path), fix="name a folder or a zip of CSV files") from None
    return {Path(name).stem.lower(): name for name in names}


def _rows(tables: Mapping[str, str], table: str, path: Path) -> Iterator[dict[str, str]]:
    """The rows of a table, columns in lower case; nothing when the table is not there."""
    if table not in tables:
        return
    where = f"{path.name}: {tables[table]}"
    try:
        reader = csv.DictReader(io.StringIO(_text(path, tables[table]), newline=""), strict=True)
        names = {name: name.lower() for name in reader.fieldnames or ()}
        missing = set(_NEEDED[table]) - set(names.values())
        if missing:
            raise BadOmop(
                f"the table {table} has no column {', '.join(sorted(missing))}", where=where, fix="export it as OMOP CDM 5.4"
            )
        for row in reader:
            if None in row or None in row.values():
                raise BadOmop(
                    "a row has more or fewer cells than the header",
                    where=f"{where} line {reader.line_num}",
                    fix="is the file complete?",
                )
            yield {names[name]: value for name, value in row.items()}
    except csv.Error as error:
        raise BadOmop(f"not valid CSV: {error}", where=where) from None


def _text(path: Path, inside: str) -> str:
    try:
        if path.is_dir():
            return (path / inside).read_text(encoding="utf-8-sig")
        with zipfile.ZipFile(path) as archive:
            return archive.read(inside).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadOmop(f"not UTF-8 text: {error.reason} at byte {error.start}", where=f"{path.name}: {inside}") from None
    except (zipfile.BadZipFile, EOFError) as error:
        raise BadOmop(f"the zip is damaged: {error}", where=f"{path.name}: {inside}") from None


def _counts(path: Path) -> dict[str, int]:
    """Rows of every table that is not read, for the report (lines after the header)."""
    found = {}
    for name, inside in _all_tables(path).items():
        if name not in _WANTED:
            data = (path / inside).read_bytes() if path.is_dir() else zipfile.ZipFile(path).read(inside)
            found[name] = max(0, data.count(b"\n") - 1)
    return found
