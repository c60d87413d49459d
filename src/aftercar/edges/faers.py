"""The FAERS/AEMS quarterly ASCII files: read every layout since 2004Q1, keep them as Parquet, forget nothing.

A quarter is a ZIP file or a folder with ``$``-delimited files DEMO, DRUG, REAC, OUTC, THER, INDI and, from 2019, a list
of deleted cases. Column names changed over the years (ISR became primaryid, GNDR_COD became sex), so columns are found
by name, never by place. :func:`load_quarter` writes one Parquet file for each table and quarter into a *lake*:

    lake/faers_reports/2017Q2.parquet, lake/faers_drugs/2017Q2.parquet, ..., lake/manifest.json

Loading a quarter again replaces it. Lines that break (a line feed inside a field) are mended; a line that cannot be mended
is an error with its file and number, unless the caller allows a stated number of them, which the manifest then records.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from aftercar.edges.files import existing_file, sha256, write_text, written_beside
from aftercar.errors import InputError, Problem
from aftercar.vocab.dates import add_months
from aftercar.vocab.products import product_label
from aftercar.vocab.tables.faers import TABLES

LAYOUT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "demo": {
        "report_id": ("primaryid", "isr"),
        "case_id": ("caseid", "case"),
        "case_version": ("caseversion",),
        "received_on": ("fda_dt",),
        "first_received_on": ("init_fda_dt",),
        "event_on": ("event_dt",),
        "report_kind": ("rept_cod",),
        "sender": ("mfr_sndr",),
        "sender_number": ("mfr_num",),
        "age": ("age",),
        "age_unit": ("age_cod",),
        "sex": ("sex", "gndr_cod"),
        "weight": ("wt",),
        "weight_unit": ("wt_cod",),
        "country": ("occr_country",),
        "reporter_country": ("reporter_country",),
        "reporter": ("occp_cod",),
        "literature": ("lit_ref",),
    },
    "drug": {
        "report_id": ("primaryid", "isr"),
        "drug_seq": ("drug_seq",),
        "role": ("role_cod",),
        "name": ("drugname",),
        "substance": ("prod_ai",),
        "lot": ("lot_num", "lot_nbr"),
    },
    "reac": {"report_id": ("primaryid", "isr"), "term": ("pt",)},
    "outc": {"report_id": ("primaryid", "isr"), "outcome": ("outc_cod", "outc_code")},
    "ther": {
        "report_id": ("primaryid", "isr"),
        "drug_seq": ("dsg_drug_seq", "drug_seq"),
        "started_on": ("start_dt",),
        "ended_on": ("end_dt",),
    },
    "indi": {"report_id": ("primaryid", "isr"), "drug_seq": ("indi_drug_seq", "drug_seq"), "term": ("indi_pt",)},
}
NEEDED = ("demo", "drug", "reac")
_TABLE_OF = {
    "demo": "faers_reports",
    "drug": "faers_drugs",
    "reac": "faers_reactions",
    "outc": "faers_outcomes",
    "ther": "faers_therapy",
    "indi": "faers_indications",
}
_NAME = re.compile(r"(demo|drug|reac|outc|ther|indi|rpsr)(\d{2})q([1-4])\D*\.txt", re.IGNORECASE)
_YEARS = {"DEC": 10.0, "YR": 1.0, "MON": 1 / 12, "WK": 7 / 365.25, "DY": 1 / 365.25, "HR": 1 / 8766.0, "MIN": 1 / 525_960.0}
_KILOGRAMS = {"KG": 1.0, "KGS": 1.0, "LBS": 0.45359237, "LB": 0.45359237, "GMS": 0.001}
_DTYPES = {"integer": pl.Int64, "number": pl.Float64}


class ReportFileError(InputError):
    """A spontaneous-report file that cannot be read without losing reports."""

    code = "report-file"


@dataclass(frozen=True, slots=True)
class Text:
    """One delimited file as read.

    Attributes:
        frame: text columns named as in the header, lower case.
        mended: records put together again from several lines.
        broken: lines left out.
        redecoded: lines that are not UTF-8 and were read as Windows-1252.
        cut: the last line has no line end, so that the file may be cut.
    """

    frame: pl.DataFrame
    mended: int = 0
    broken: tuple[Problem, ...] = ()
    redecoded: int = 0
    cut: bool = False


@dataclass
class Loaded:
    """What one quarter held, kept in the lake's manifest.

    Attributes:
        quarter: as ``2017Q2``.
        source: name of the file or folder.
        sha256: checksum of the ZIP file, empty for a folder.
        rows: rows by table.
        notes: everything a reader of figures must know, in words.
    """

    quarter: str
    source: str
    sha256: str
    rows: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def load_quarter(source: Path, lake: Path, *, allow_broken: int = 0) -> Loaded:
    """Read one quarter (ZIP file or folder) into the lake.

    Args:
        source: ZIP file or folder.
        lake: folder of Parquet files, made when missing.
        allow_broken: lines that may be left out in all; each is named in the manifest.

    Raises:
        ReportFileError: for a missing file, a missing column, too many broken lines, a number that is none, a damaged ZIP.
    """
    with _members(source) as members:
        quarter, files, deleted = _sort_members(members, source)
        loaded = Loaded(quarter, source.name, sha256(source) if source.is_file() else "")
        tables: dict[str, pl.DataFrame] = {}
        broken: list[Problem] = []
        for kind in _TABLE_OF:
            if kind not in files:
                loaded.notes.append(f"no {kind.upper()} file")
                continue
            name, read = files[kind]
            text = parse(read(), name)
            broken += text.broken
            _note_text(loaded, name, text)
            tables[_TABLE_OF[kind]] = shape(kind, text.frame, quarter, name, loaded.notes)
        if len(broken) > allow_broken:
            raise ReportFileError(
                f"{len(broken)} line(s) cannot be read:\n" + "\n".join(f"  {problem}" for problem in broken[:10]),
                where=str(source),
                fix=f"mend the file, or allow the loss with allow_broken={len(broken)} (--allow-broken {len(broken)})",
            )
        loaded.notes += [f"left out: {problem}" for problem in broken]
        cases = [case for name, read in deleted for case in read_deleted(read(), name)]
        tables["faers_deleted"] = pl.DataFrame(
            {"case_id": sorted(set(cases)), "quarter": [quarter] * len(set(cases))},
            schema={"case_id": pl.Int64, "quarter": pl.String},
        )
    _check_orphans(tables, loaded)
    _write(lake, tables, loaded)
    return loaded


def load_table(
    path: Path,
    lake: Path,
    quarter: str,
    *,
    case: str = "CASEID",
    drug: str = "DRUG",
    event: str = "AE",
    role: str = "unstated",
) -> Loaded:
    """Read a plain table of case, drug and event (CSV, may be gzipped) into the lake.

    Args:
        path: CSV with a header; one row for each drug-event pair of a case.
        lake: folder of Parquet files.
        quarter: name of the part in the lake, as ``2022Q3``.
        case, drug, event: names of its columns.
        role: role given to every drug; ``unstated`` counts as suspected.

    Raises:
        ReportFileError: when a column is missing or a case number is no number.
    """
    if not re.fullmatch(r"\d{4}Q[1-4]", quarter):
        raise ReportFileError(f"{quarter!r} is not a quarter such as 2022Q3")
    frame = pl.read_csv(existing_file(path), infer_schema=False)
    missing = {case, drug, event} - set(frame.columns)
    if missing:
        raise ReportFileError(
            f"no column {', '.join(sorted(missing))}", where=path.name, fix=f"the file has: {', '.join(frame.columns)}"
        )
    ids = _integer(frame[case], path.name, case, required=True).alias("report_id")
    rows = frame.select(ids, pl.col(drug).str.strip_chars().alias("name"), pl.col(event).str.strip_chars().alias("term"))
    loaded = Loaded(quarter, path.name, sha256(path))
    loaded.notes.append("a table of pairs: no versions, dates, sex or age; roles not stated")
    tables = {
        "faers_reports": rows.select("report_id").unique().with_columns(pl.col("report_id").alias("case_id")),
        "faers_drugs": _with_products(rows.select("report_id", "name").unique()).with_columns(pl.lit(role).alias("role")),
        "faers_reactions": rows.select("report_id", "term").unique().drop_nulls(),
        "faers_deleted": pl.DataFrame(schema={"case_id": pl.Int64}),
    }
    _write(lake, {name: _complete(name, table, quarter) for name, table in tables.items()}, loaded)
    return loaded


def manifest(lake: Path) -> list[dict[str, Any]]:
    """What the lake holds, oldest quarter first.

    Raises:
        ReportFileError: when ``lake`` is no lake.
    """
    path = lake / "manifest.json"
    if not path.exists():
        raise ReportFileError("no reports have been loaded here", where=str(lake), fix="run `aftercar signals faers load` first")
    entries: list[dict[str, Any]] = json.loads(path.read_text())["quarters"]
    return entries


def data_lock(lake: Path) -> dt.date:
    """Last day of the newest quarter in the lake.

    Raises:
        ReportFileError: when ``lake`` is no lake.
    """
    year, quarter = manifest(lake)[-1]["quarter"].split("Q")
    return add_months(dt.date(int(year), 1, 1), 3 * int(quarter)) - dt.timedelta(days=1)


def parse(data: bytes, name: str) -> Text:
    """Split one delimited file into records of equal length.

    Raises:
        ReportFileError: for an empty file or a header without ``$``.
    """
    text, redecoded = _decode(data)
    lines = text.split("\n")
    cut = bool(lines[-1])
    if not cut:
        lines.pop()
    header = [column.strip().lower() for column in lines[0].strip().split("$")] if lines else []
    while header and not header[-1]:
        header.pop()
    if len(header) < 2:
        raise ReportFileError("not a $-delimited file with a header", where=name, fix="unpack the quarterly ASCII file again")
    width = len(header)
    good, mended, broken = _records(lines, width, name)
    frame = pl.DataFrame(schema=dict.fromkeys(header, pl.String))
    if good:
        frame = pl.read_csv(
            io.BytesIO("\n".join(good).encode() + b"\n"),
            separator="$",
            quote_char=None,
            has_header=False,
            infer_schema=False,
            new_columns=header,
            truncate_ragged_lines=True,
        )
    return Text(frame, mended, tuple(broken), redecoded, cut)


def _records(lines: Sequence[str], width: int, name: str) -> tuple[list[str], int, list[Problem]]:
    """Records of ``width`` fields (one empty field more is allowed at the end), mended where a line broke."""
    good: list[str] = []
    broken: list[Problem] = []
    mended = 0
    at, end = 1, len(lines)
    while at < end:
        line = lines[at].rstrip("\r")
        first = at
        at += 1
        fields = line.count("$") + 1
        # A field held a line feed: take lines as long as they fit and do not look like records of their own.
        while fields < width and at < end and fields + lines[at].count("$") <= width + 1 and lines[at].count("$") + 1 < width:
            line += " " + lines[at].rstrip("\r")
            fields = line.count("$") + 1
            at += 1
        if fields == width or (fields == width + 1 and line.endswith("$")):
            mended += at - first > 1
            good.append(line if fields == width else line[:-1])
        elif line.strip():
            rule = f"has {fields} fields where the header has {width}"
            broken.append(Problem(name, first + 1, "", line[:60], rule))
    return good, mended, broken


def _decode(data: bytes) -> tuple[str, int]:
    """UTF-8, or line by line Windows-1252 and Latin-1 where it is not; the number of such lines."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode(), 0
    except UnicodeDecodeError:
        pass
    lines: list[str] = []
    odd = 0
    for line in data.split(b"\n"):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError:
            odd += 1
            try:
                lines.append(line.decode("cp1252"))
            except UnicodeDecodeError:
                lines.append(line.decode("latin-1"))
    return "\n".join(lines), odd


def shape(kind: str, frame: pl.DataFrame, quarter: str, name: str, notes: list[str]) -> pl.DataFrame:
    """A raw frame under the names and types of ``vocab/tables/faers.py``.

    Args:
        kind: ``demo``, ``drug``, ``reac``, ``outc``, ``ther`` or ``indi``.
        frame: text columns.
        quarter: as ``2017Q2``.
        name: file name for messages.
        notes: notes on unreadable values are added here.

    Raises:
        ReportFileError: when a needed column is missing or an identifier is no number.
    """
    columns: dict[str, pl.Series] = {}
    for ours, theirs in LAYOUT[kind].items():
        found = next((column for column in theirs if column in frame.columns), None)
        if found is not None:
            columns[ours] = frame[found].str.strip_chars().replace("", None).alias(ours)
        elif ours in ("report_id", "case_id", "name", "term"):
            raise ReportFileError(f"no column {' or '.join(theirs)}", where=name, fix=f"the file has: {', '.join(frame.columns)}")
    columns["report_id"] = _integer(columns["report_id"], name, "report_id", required=True)
    for number in ("case_id", "case_version", "drug_seq"):
        if number in columns:
            columns[number] = _integer(columns[number], name, number, required=number == "case_id")
    table = pl.DataFrame(list(columns.values()))
    dates = [column for column in table.columns if column.endswith("_on")]
    for column in dates:
        table, odd = _partial_dates(table, column)
        if odd:
            notes.append(f"{name}: {odd} value(s) of {column} are not dates and were left empty")
    if kind == "demo":
        table = _demographics(table)
    if kind == "drug":
        table = _with_products(table.with_columns(pl.col("role").str.to_uppercase()))
    if kind in ("reac", "indi", "outc"):
        table = table.drop_nulls([column for column in ("term", "outcome") if column in table.columns])
    return _complete(_TABLE_OF[kind], table, quarter)


def _integer(series: pl.Series, name: str, column: str, *, required: bool) -> pl.Series:
    value = series.str.strip_chars().cast(pl.Int64, strict=False)
    bad = value.is_null() & (series.is_not_null() if not required else pl.Series([True] * len(series), dtype=pl.Boolean))
    if len(series) and bad.any():
        row = int(bad.arg_max() or 0)
        raise ReportFileError(f"{series[row]!r} is not a number", where=f"{name} record {row + 1}, column {column}")
    return value.alias(column)


def _partial_dates(table: pl.DataFrame, column: str) -> tuple[pl.DataFrame, int]:
    """YYYY, YYYYMM or YYYYMMDD as ISO text of the same precision; anything else as null, counted."""
    raw = pl.col(column)
    year, month, day = raw.str.slice(0, 4), raw.str.slice(4, 2), raw.str.slice(6, 2)
    full = pl.concat_str([year, month, day], separator="-")
    iso = (
        pl.when(raw.str.contains(r"^\d{8}$") & full.str.to_date("%Y-%m-%d", strict=False).is_not_null())
        .then(full)
        .when(raw.str.contains(r"^\d{4}(0[1-9]|1[0-2])$"))
        .then(pl.concat_str([year, month], separator="-"))
        .when(raw.str.contains(r"^(18|19|20|21)\d\d$"))
        .then(year)
    )
    shaped = table.with_columns(iso.alias(column))
    return shaped, shaped[column].null_count() - table[column].null_count()


def _demographics(table: pl.DataFrame) -> pl.DataFrame:
    have = set(table.columns)

    def text(column: str) -> pl.Expr:
        return pl.col(column) if column in have else pl.lit(None, dtype=pl.String)

    age = text("age").cast(pl.Float64, strict=False) * text("age_unit").str.to_uppercase().replace_strict(
        _YEARS, default=None, return_dtype=pl.Float64
    )
    weight = text("weight").cast(pl.Float64, strict=False) * text("weight_unit").str.to_uppercase().replace_strict(
        _KILOGRAMS, default=None, return_dtype=pl.Float64
    )
    sex = text("sex").str.to_uppercase().replace_strict({"F": "female", "M": "male"}, default="unknown", return_dtype=pl.String)
    return table.with_columns(
        pl.when((age >= 0) & (age <= 130)).then(age).alias("age_years"),
        pl.when(weight > 0).then(weight).alias("weight_kg"),
        sex.fill_null("unknown").alias("sex"),
        pl.coalesce(text("country"), text("reporter_country")).alias("country"),
    )


def _with_products(table: pl.DataFrame) -> pl.DataFrame:
    """Drug names in capitals, and the CAR-T product that name or substance stands for."""
    if "substance" not in table.columns:
        table = table.with_columns(pl.lit(None, dtype=pl.String).alias("substance"))
    table = table.with_columns(pl.col("name").str.to_uppercase(), pl.col("substance").str.to_uppercase())
    names = pl.concat([table["name"], table["substance"]]).drop_nulls().unique().to_list()
    known = {name: label for name in names if (label := product_label(name)) is not None}

    def labelled(column: str) -> pl.Expr:
        return pl.col(column).replace_strict(known, default=None, return_dtype=pl.String)

    if not known:
        return table.with_columns(pl.lit(None, dtype=pl.String).alias("product"))
    return table.with_columns(pl.coalesce(labelled("name"), labelled("substance")).alias("product"))


def _complete(name: str, table: pl.DataFrame, quarter: str) -> pl.DataFrame:
    """All columns of the defined table, in its order and types."""
    defined = next(item for item in TABLES if item.name == name)
    table = table.with_columns(pl.lit(quarter).alias("quarter"))
    return table.select(
        (pl.col(column.name) if column.name in table.columns else pl.lit(None))
        .cast(_DTYPES.get(column.kind, pl.String))
        .alias(column.name)
        for column in defined.columns
    )


def read_deleted(data: bytes, name: str) -> list[int]:
    """Case numbers of a list of deleted cases, one on a line (a header is allowed).

    Raises:
        ReportFileError: for a line that is no number.
    """
    text, _ = _decode(data)
    cases = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.replace("$", " ").split()
        if not word or (number == 1 and not word[0].isdigit()):
            continue
        if not word[0].isdigit():
            raise ReportFileError(f"{line[:60]!r} is not a case number", where=f"{name} line {number}")
        cases.append(int(word[0]))
    return cases


def _check_orphans(tables: Mapping[str, pl.DataFrame], loaded: Loaded) -> None:
    """Rows without their report, and reports without drug or event, are said, never dropped in silence."""
    reports = tables["faers_reports"]
    if reports["report_id"].n_unique() != len(reports):
        raise ReportFileError(
            f"{len(reports) - reports['report_id'].n_unique()} report(s) stand twice in DEMO", where=loaded.source
        )
    for name in ("faers_drugs", "faers_reactions"):
        orphans = tables[name].join(reports, on="report_id", how="anti")["report_id"].n_unique()
        if orphans:
            loaded.notes.append(f"{name}: {orphans} report(s) have rows here and none in DEMO; DEMO may be cut")
        bare = reports.join(tables[name], on="report_id", how="anti").height
        if bare:
            loaded.notes.append(f"{bare} report(s) have no row in {name}")


def _note_text(loaded: Loaded, name: str, text: Text) -> None:
    if text.mended:
        loaded.notes.append(f"{name}: {text.mended} record(s) mended that had broken into several lines")
    if text.redecoded:
        loaded.notes.append(f"{name}: {text.redecoded} line(s) are not UTF-8 and were read as Windows-1252")
    if text.cut:
        loaded.notes.append(f"{name}: the last line has no line end; the file may be cut")


def _write(lake: Path, tables: Mapping[str, pl.DataFrame], loaded: Loaded) -> None:
    loaded.rows = {name: len(table) for name, table in tables.items()}
    for name in (table.name for table in TABLES if table.level == "person"):
        path = lake / name / f"{loaded.quarter}.parquet"
        table = tables.get(name)
        with written_beside(path) as temporary:
            (table if table is not None else _complete(name, pl.DataFrame(), loaded.quarter).clear()).write_parquet(temporary)
    entries = [] if not (lake / "manifest.json").exists() else manifest(lake)
    entries = [entry for entry in entries if entry["quarter"] != loaded.quarter]
    entries.append(
        {"quarter": loaded.quarter, "source": loaded.source, "sha256": loaded.sha256, "rows": loaded.rows, "notes": loaded.notes}
    )
    entries.sort(key=lambda entry: str(entry["quarter"]))
    write_text(lake / "manifest.json", json.dumps({"quarters": entries}, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def _members(source: Path) -> Iterator[list[tuple[str, Any]]]:
    """Name and reader of every text file in a ZIP file or folder."""
    if source.is_dir():
        yield [(str(path.relative_to(source)), path.read_bytes) for path in sorted(source.rglob("*")) if path.is_file()]
        return
    try:
        with zipfile.ZipFile(existing_file(source)) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            yield [(name, lambda name=name: archive.read(name)) for name in names]
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ReportFileError(f"the ZIP file is damaged: {error}", where=str(source), fix="fetch it again") from error


def _sort_members(
    members: Sequence[tuple[str, Any]], source: Path
) -> tuple[str, dict[str, tuple[str, Any]], list[tuple[str, Any]]]:
    """Quarter, file by kind, and lists of deleted cases."""
    files: dict[str, tuple[str, Any]] = {}
    deleted: list[tuple[str, Any]] = []
    quarters: set[str] = set()
    for name, read in members:
        base = name.rsplit("/", 1)[-1]
        found = _NAME.fullmatch(base)
        if found:
            files[found[1].lower()] = (name, read)
            quarters.add(f"20{found[2]}Q{found[3]}")
        elif "delete" in base.lower() and base.lower().endswith(".txt"):
            deleted.append((name, read))
    missing = [kind.upper() for kind in NEEDED if kind not in files]
    if missing:
        raise ReportFileError(
            f"no {', '.join(missing)} file",
            where=str(source),
            fix="give the quarterly ASCII ZIP file, or the folder it unpacks to",
        )
    if len(quarters) != 1:
        raise ReportFileError(f"files of several quarters: {', '.join(sorted(quarters))}", where=str(source))
    return quarters.pop(), files, deleted
