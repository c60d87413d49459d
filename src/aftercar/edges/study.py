"""The study folder: ``study.toml`` and one CSV (or Excel) file for each table.

``read_study`` reports every problem of the folder at once and accepts nothing unless all is well.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import polars as pl

from aftercar.edges.files import existing_file, folder_beside, write_text
from aftercar.edges.tables import TableRead, empty_frame, read_table, template, write_table
from aftercar.errors import InputError, InvalidTables, Problem
from aftercar.registry.consistency import check_all
from aftercar.vocab.genomes import NAMES, find_genome
from aftercar.vocab.tables.study import SAMPLE_FILES, TABLES

FORMAT = 1


class NotAStudy(InputError):
    """The folder holds no ``study.toml``."""

    code = "not-a-study"


@dataclass(frozen=True)
class Settings:
    """What a study may set; each value travels into the provenance of the report.

    Attributes:
        level: confidence level of every interval, in (0, 1).
        valid_negative_below: a "not detected" counts only when its detection limit (fraction of cells) is below this.
        clone_share: share of all clones that triggers a look (a convention of some trials, not a regulator's threshold).
        marked_cells_percent: percent of vector-positive cells that asks for integration-site analysis.
        near_gene_bases: distance within which a site is called near a gene.
        mask_below: counts from 1 to below this are masked on export.
    """

    level: float = 0.95
    valid_negative_below: float = 0.2
    clone_share: float = 0.2
    marked_cells_percent: float = 1.0
    near_gene_bases: int = 50_000
    mask_below: int = 5


#: Keys of ``study.toml`` that name a file.
_FILES = ("reference", "genes", "vector", "background", "ch_rules", "ch_depths")

_LIMITS: dict[str, tuple[float, float]] = {
    "level": (0.5, 0.9999),
    "valid_negative_below": (1e-6, 1.0),
    "clone_share": (0.001, 1.0),
    "marked_cells_percent": (0.0001, 100.0),
    "near_gene_bases": (0, 10_000_000),
    "mask_below": (0, 100),
}


@dataclass(frozen=True)
class Study:
    """A study that passed every check.

    Attributes:
        folder: where it lies.
        title: its title.
        data_lock: last day that the data cover.
        genome: name of the reference build ("" when no reads are analysed).
        jurisdictions: whose rules apply.
        reference, genes, vector: files for samples that name none of their own.
        background: base rates of ordinary products by gene (``aftercar sites background build``).
        ch_rules, ch_depths: rule set of clonal haematopoiesis, and reads by sample and gene.
        settings: see :class:`Settings`.
        frames: one frame for each study table, all columns present, null where unknown.
    """

    folder: Path
    title: str
    data_lock: dt.date
    genome: str
    jurisdictions: tuple[str, ...]
    reference: Path | None
    genes: Path | None
    vector: Path | None
    background: Path | None
    settings: Settings
    frames: Mapping[str, pl.DataFrame]
    files: Mapping[str, Path] = field(default_factory=dict)
    ch_rules: Path | None = None
    ch_depths: Path | None = None

    @property
    def shared_files(self) -> tuple[Path, ...]:
        """The files that ``study.toml`` names."""
        named = (self.reference, self.genes, self.vector, self.background, self.ch_rules, self.ch_depths)
        return tuple(path for path in named if path is not None)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table as mappings."""
        return self.frames[table].to_dicts()

    def file(self, name: str) -> Path:
        """A path of a table made absolute."""
        return (self.folder / name).resolve()


def read_study(folder: Path, *, today: dt.date | None = None) -> Study:
    """Read and check a study folder.

    Args:
        folder: the study folder.
        today: the date no data lock may lie after; the system's date when None.

    Raises:
        NotAStudy: when there is no ``study.toml``.
        InvalidTables: with every problem found in all files.
    """
    problems: list[Problem] = []
    head = _read_head(folder, today or dt.date.today(), problems)
    reads = {table.name: _read_one(folder, table.name, problems) for table in TABLES}
    unread = frozenset(name for name, read in reads.items() if not read.lines and any(p.file == read.file for p in problems))
    frames = {name: read.frame for name, read in reads.items()}
    lock = head.get("data_lock")
    if isinstance(lock, dt.date):
        problems.extend(
            reads[table].problem(row, column, rule, fix) for table, row, column, rule, fix in check_all(frames, lock, unread)
        )
    _check_files(folder, reads, problems)
    if problems:
        raise InvalidTables(problems)
    used = {name: path for name in reads if (path := _table_file(folder, name)) is not None}
    return Study(
        folder=folder.resolve(),
        title=str(head["title"]),
        data_lock=head["data_lock"],
        genome=head["genome"],
        jurisdictions=tuple(head["jurisdictions"]),
        reference=head["reference"],
        genes=head["genes"],
        vector=head["vector"],
        background=head["background"],
        ch_rules=head["ch_rules"],
        ch_depths=head["ch_depths"],
        settings=head["settings"],
        frames=frames,
        files={"study": folder / "study.toml", **used},
    )


def new_study(folder: Path) -> None:
    """Write an empty, commented study folder.

    Raises:
        UsageError: when the folder exists and is not empty.
    """
    with folder_beside(folder) as inside:
        write_text(inside / "study.toml", _HEAD.format(title="", lock="2000-01-01"))
        for table in TABLES:
            write_text(inside / f"{table.name}.csv", template(table))


def write_study(folder: Path, *, title: str, data_lock: dt.date, frames: Mapping[str, pl.DataFrame], head: str = "") -> None:
    """Write frames as a study folder (all tables; ``head`` is the text of ``study.toml`` to keep, else a new one)."""
    with folder_beside(folder) as inside:
        write_text(inside / "study.toml", head or _HEAD.format(title=title.replace('"', "'"), lock=data_lock.isoformat()))
        for table in TABLES:
            frame = frames.get(table.name, empty_frame(table))
            write_table(inside / f"{table.name}.csv", frame.select(table.names))


def _table_file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}.csv", folder / f"{name}.xlsx") if path.exists()), None)


def _read_one(folder: Path, name: str, problems: list[Problem]) -> TableRead:
    table = next(table for table in TABLES if table.name == name)
    path = _table_file(folder, name)
    if path is not None:
        if (folder / f"{name}.csv").exists() and (folder / f"{name}.xlsx").exists():
            problems.append(Problem(f"{name}.xlsx", 0, "", "", f"stands beside {name}.csv", "keep one of the two"))
        return read_table(path, table, problems)
    if table.required:
        problems.append(
            Problem(f"{name}.csv", 0, "", "", "the file is missing", "keep it with its header even when it has no rows")
        )
    return TableRead(table, f"{name}.csv", empty_frame(table), [])


def _read_head(folder: Path, today: dt.date, problems: list[Problem]) -> dict[str, Any]:
    path = folder / "study.toml"
    if not path.exists():
        raise NotAStudy("there is no study.toml", where=str(folder), fix=f"make a study with: aftercar study new {folder}")
    existing_file(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"not valid TOML: {error}", where=str(path), fix="compare with a fresh one: aftercar study new"
        ) from None

    def wrong(key: str, rule: str, fix: str = "") -> None:
        problems.append(Problem("study.toml", 0, key, str(content.get(key, "")), rule, fix))

    known = ("format", "title", "data_lock", "genome", "jurisdictions", *_FILES, "settings")
    for key in content:
        if key not in known:
            wrong(key, "unknown key", f"the keys are {', '.join(known)}")
    if content.get("format") != FORMAT:
        wrong("format", f"is not the format {FORMAT} of this version")
    if not isinstance(content.get("title"), str) or not content["title"].strip():
        wrong("title", "may not be empty")
    lock = content.get("data_lock")
    if isinstance(lock, dt.datetime) or not isinstance(lock, dt.date):
        wrong("data_lock", "is not a date", "write data_lock = 2024-06-30, without quotes")
        lock = None
    elif lock > today:
        wrong("data_lock", f"lies in the future (today is {today})")
    genome = content.get("genome", "")
    if genome and (not isinstance(genome, str) or find_genome(genome) is None):
        wrong("genome", "is not a known build", f"one of {NAMES}")
    jurisdictions = content.get("jurisdictions", [])
    if not isinstance(jurisdictions, list) or not all(isinstance(item, str) for item in jurisdictions):
        wrong("jurisdictions", 'is not a list of texts such as ["EU", "US"]')
        jurisdictions = []
    paths: dict[str, Path | None] = {}
    for key in _FILES:
        value = content.get(key, "")
        paths[key] = (folder / value).resolve() if isinstance(value, str) and value else None
        if paths[key] is not None and not paths[key].is_file():  # type: ignore[union-attr]
            wrong(key, "no such file")
    return {
        "title": content.get("title", ""),
        "data_lock": lock,
        "jurisdictions": jurisdictions,
        "genome": found.name if isinstance(genome, str) and (found := find_genome(genome)) else "",
        "settings": _read_settings(content.get("settings", {}), problems),
        **paths,
    }


def _read_settings(given: object, problems: list[Problem]) -> Settings:
    names = [item.name for item in fields(Settings)]
    if not isinstance(given, dict):
        problems.append(
            Problem("study.toml", 0, "settings", str(given), "is not a table", "write [settings] and key = value lines")
        )
        return Settings()
    good: dict[str, Any] = {}
    for key, value in given.items():
        if key not in names:
            problems.append(
                Problem("study.toml", 0, f"settings.{key}", str(value), "unknown setting", f"the settings are {', '.join(names)}")
            )
            continue
        low, high = _LIMITS[key]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            problems.append(Problem("study.toml", 0, f"settings.{key}", str(value), f"is not a number from {low:g} to {high:g}"))
            continue
        good[key] = value
    return Settings(**good)


def _check_files(folder: Path, reads: Mapping[str, TableRead], problems: list[Problem]) -> None:
    for read in reads.values():
        for column in read.table.columns:
            if column.kind != "file" and column.name not in SAMPLE_FILES:
                continue
            for row, cell in enumerate(read.frame[column.name]):
                for name in (cell or "").split(";"):
                    if name and not (folder / name).is_file():
                        problems.append(
                            read.problem(row, column.name, f"no such file: {name}", "paths are relative to the study folder")
                        )


_HEAD = """\
# An AfterCAR study. Paths are relative to this folder. Empty cells in the tables mean unknown.
format = 1
title = "{title}"

# The last day that the data cover; no date in the tables may lie after it.
data_lock = {lock}

# Whose follow-up rules apply: "EU", "US", "UK", "CA", "JP", "AU", "CH".
jurisdictions = ["EU"]

# Only needed when samples have read files: the build, its FASTA, gene models (refGene or GTF), the vector.
genome = "GRCh38"
reference = ""
genes = ""
vector = ""

# How often ordinary products carry a site in each gene (aftercar sites background build); empty takes published values.
background = ""

# Clonal haematopoiesis in the samples' variant files: a rule set (aftercar biomarkers ch --show-rules; empty takes the built-in
# one), and a CSV with sample_id,gene,depth, without which a gene without a variant is unknown, never negative.
ch_rules = ""
ch_depths = ""

[settings]
level = 0.95                  # confidence level of every interval
valid_negative_below = 0.2    # "not detected" counts only when its detection limit (fraction of cells) is below this
clone_share = 0.2             # share of all clones that triggers a look: a convention, not a regulator's threshold
marked_cells_percent = 1.0    # vector-positive cells (percent) that ask for integration-site analysis
near_gene_bases = 50000       # distance within which a site is called near a gene
mask_below = 5                # counts from 1 to below this are masked on export
"""
