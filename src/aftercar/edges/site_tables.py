"""Site tables of the tools laboratories already use, read into one table of sites.

Known by their header: GenomicRanges and INSPIIRED exports (``seqnames``, ``start``, ``strand``), ISAnalytics and VISPA2
matrices (``chr``, ``integration_locus``; one row a value, or one column a sample), AAVengeR (``posid`` such as ``chr7+1234``),
BED with six columns, and any table with our own column names. Positions are kept as given: tools differ by the few bases of
the target-site duplication, which tracking allows for.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from aftercar.edges.files import existing_file
from aftercar.errors import InputError
from aftercar.vocab.columns import Column, Table
from aftercar.vocab.tables.sites import INTEGRATION_SITES

_TYPES: Mapping[str, type[pl.DataType]] = {"integer": pl.Int64, "number": pl.Float64}

#: Our column: names it goes by elsewhere, the first found is taken.
_NAMES: dict[str, tuple[str, ...]] = {
    "sample_id": ("sample_id", "GTSP", "specimen", "sampleName", "sample", "CompleteAmplificationID", "alias"),
    "person_id": ("person_id", "patient", "subject", "SubjectID"),
    "timepoint": ("timepoint", "timePoint", "TimePoint"),
    "day": ("day", "timePointDays", "timepointDays", "TimepointDays"),
    "cell_type": ("cell_type", "cellType", "celltype", "CellMarker"),
    "replicate": ("replicate", "ReplicateNumber"),
    "chrom": ("chrom", "seqnames", "chr", "chromosome"),
    "position": ("position", "integration_locus", "pos"),
    "orientation": ("orientation", "strand"),
    "genome": ("genome", "refGenome", "refgenome", "Genome"),
    "reads": ("reads", "seqCount", "readCount"),
    "fragments": ("fragments", "sonicLengths", "fragLengths"),
    "umis": ("umis", "UMIs", "rUMIs"),
    "cells": ("cells", "estAbund", "fragmentEstimate", "abundance"),
    "gene": ("gene", "GeneName", "nearestFeature", "nearest_gene", "nearestGene"),
    "places": ("places",),
    "group": ("group",),
    "flags": ("flags",),
}
_MATRIX_KEYS = ("chr", "integration_locus", "strand", "GeneName", "GeneStrand")
_POSID = re.compile(r"(?P<chrom>[\w.]+?)(?P<strand>[+\-])(?P<position>\d+)(?:\.\d+)?")


class BadSiteTable(InputError):
    """A site table that cannot be read as one."""

    code = "bad-site-table"


def read_sites(
    path: Path,
    *,
    sample: str = "",
    genome: str = "",
    matrix_holds: str = "reads",
    association: Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Read a site table of any known format.

    Args:
        path: TSV, CSV or BED, plain or gzipped.
        sample: sample for tables that name none (BED, single-sample exports).
        genome: build, where the table does not say.
        matrix_holds: what the numbers of a one-column-a-sample matrix are: ``reads``, ``fragments``, ``umis`` or ``cells``.
        association: ISAnalytics association file: person, time point and cell type of each ``CompleteAmplificationID``.
        columns: our column name to the file's, where the file uses other names.

    Returns:
        The columns of ``integration_sites``; null where the file says nothing.

    Raises:
        BadSiteTable: when the format is not known or a cell is not what its column holds, with the line number.
    """
    frame, kind = _read(path, columns or {})
    rename = dict(columns or {})
    if kind == "bed":
        frame = _from_bed(frame, path)
    elif kind == "posid":
        frame = _from_posid(frame, path)
    elif kind == "matrix":
        frame = _from_matrix(frame, matrix_holds, path)
    elif kind == "ranges":
        frame = _from_ranges(frame, path)
    if association is not None:
        frame = _associated(frame, association)
    taken = _take(frame, rename, path, sample, genome)
    if taken["sample_id"].null_count():
        raise BadSiteTable(
            "rows without a sample", where=str(path), fix="name the sample with --sample or --column sample_id=NAME"
        )
    return taken.with_columns(came_from=pl.lit(f"{kind}:{path.name}"))


def _read(path: Path, columns: Mapping[str, str]) -> tuple[pl.DataFrame, str]:
    text = read_text(path)
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "track", "browser"))]
    if not lines:
        raise BadSiteTable("the table is empty", where=str(path))
    first = lines[0]
    separator = "\t" if "\t" in first else "," if "," in first else ";" if ";" in first else "\t"
    names = [cell.strip().strip('"') for cell in first.split(separator)]
    if len(names) >= 3 and names[1].isdigit() and names[2].isdigit():
        return _frame("\n".join(lines), separator, header=False, path=path), "bed"
    frame = _known_case(_frame("\n".join(lines), separator, header=True, path=path), columns)
    kind = _kind(frame.columns, columns)
    if not kind:
        raise BadSiteTable(
            f"no chromosome and position among the columns {', '.join(frame.columns[:8])}",
            where=str(path),
            fix="name them, for example --column chrom=CHR --column position=POS",
        )
    return frame, kind


def _known_case(frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """The frame with the header's names in the spelling that we look for, where only the case differs.

    A matrix names its samples in the header, and those are left as they are.
    """
    ours = [name for names in _NAMES.values() for name in reversed(names)]
    if any(name.strip().lower() == "integration_locus" for name in frame.columns):
        ours = ["CompleteAmplificationID"]
    known = {name.lower(): name for name in (*ours, "seqnames", "start", "end", "strand", "posid", *_MATRIX_KEYS)}
    taken = set(frame.columns) | set(columns.values())
    renamed: dict[str, str] = {}
    for name in frame.columns:
        spelt = known.get(name.strip().lower(), name)
        if name not in columns.values() and spelt not in taken:
            renamed[name] = spelt
            taken.add(spelt)
    return frame.rename(renamed)


def read_text(path: Path) -> str:
    """A text file, plain or gzipped (all members, checked to the end).

    Raises:
        BadSiteTable: when the compressed stream ends early or is damaged, or the text is not UTF-8.
    """
    data = existing_file(path).read_bytes()
    try:
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadSiteTable("the compressed file is cut short or damaged", where=str(path), fix="copy it again") from error
    except UnicodeDecodeError as error:
        raise BadSiteTable("the file is not UTF-8 text", where=f"{path} byte {error.start}", fix="save it as UTF-8") from error


def _frame(text: str, separator: str, *, header: bool, path: Path) -> pl.DataFrame:
    try:
        return pl.read_csv(
            io.StringIO(text), separator=separator, has_header=header, infer_schema=False, null_values=["", "NA", "NaN"]
        )
    except pl.exceptions.PolarsError as error:
        raise BadSiteTable(f"the rows do not fit the header: {str(error).splitlines()[0]}", where=str(path)) from error


def _kind(names: Sequence[str], columns: Mapping[str, str]) -> str:
    if "chrom" in columns and "position" in columns:
        return "table"
    if {"seqnames", "start", "strand"} <= set(names):
        return "ranges"
    if {"chr", "integration_locus", "strand"} <= set(names):
        return "table" if "CompleteAmplificationID" in names else "matrix"
    if "posid" in names and not any(n in names for n in _NAMES["position"]):
        return "posid"
    has = {ours for ours, theirs in _NAMES.items() if any(t in names for t in theirs)}
    return "table" if {"chrom", "position"} <= has else ""


def _from_ranges(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Ranges of width 1 are sites; wider ones are fragments that start at the site (on their strand) and end at a break."""
    frame = frame.with_columns(_whole(frame, name, path) for name in ("start", "end") if name in frame.columns)
    if "end" not in frame.columns or bool((frame["start"] == frame["end"]).all()):
        return frame.with_columns(position=pl.col("start"))
    minus = pl.col("strand") == "-"
    frame = frame.with_columns(
        position=pl.when(minus).then("end").otherwise("start"), length=(pl.col("end") - pl.col("start")).abs() + 1
    )
    sample = next((n for n in _NAMES["sample_id"] if n in frame.columns), None)
    keys = [n for n in (sample, "replicate", "seqnames", "strand", "position") if n and n in frame.columns]
    rest = [n for n in frame.columns if n not in {*keys, "start", "end", "width", "length", "reads"}]
    grouped = frame.group_by(keys, maintain_order=True).agg(
        pl.col("length").n_unique().alias("fragments"), *[pl.col(n).first() for n in rest]
    )
    return grouped.with_columns(pl.col("fragments").cast(pl.String))


def _from_posid(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    parts = frame["posid"].str.extract_groups(f"^{_POSID.pattern}$").struct.unnest()
    bad = parts["position"].is_null()
    if bad.any():
        row = int(bad.arg_true()[0])
        raise BadSiteTable(
            f"posid {frame['posid'][row]!r} is not chromosome, strand, position",
            where=f"{path} line {row + 2}",
            fix="write chr7+1234",
        )
    return frame.with_columns(chrom=parts["chrom"], orientation=parts["strand"], position=parts["position"])


def _from_matrix(frame: pl.DataFrame, holds: str, path: Path) -> pl.DataFrame:
    if holds not in ("reads", "fragments", "umis", "cells"):
        raise BadSiteTable(f"a matrix cannot hold {holds!r}", fix="use reads, fragments, umis or cells")
    keys = [name for name in _MATRIX_KEYS if name in frame.columns]
    samples = [name for name in frame.columns if name not in keys]
    if not samples:
        raise BadSiteTable("the matrix has no sample column", where=str(path))
    long = frame.unpivot(index=keys, on=samples, variable_name="sample_id", value_name=holds)
    return long.filter(pl.col(holds).is_not_null() & ~pl.col(holds).is_in(["0", "0.0"]))


def _from_bed(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    if frame.width < 6:
        raise BadSiteTable(
            f"BED with {frame.width} columns has no strand",
            where=str(path),
            fix="give six columns: chrom start end name score strand",
        )
    names = ["chrom", "start", "end", "name", "reads", "orientation"]  # a score of 0 is how BED says that there is none
    frame = frame.rename(dict(zip(frame.columns, names, strict=False)))
    starts = _whole(frame, "start", path)
    reads = pl.when(pl.col("reads").is_in([".", "0"])).then(None).otherwise("reads").alias("reads")
    return frame.with_columns((starts + 1).alias("position"), reads).drop("name")


def _associated(frame: pl.DataFrame, association: Path) -> pl.DataFrame:
    key = "CompleteAmplificationID"
    table = _frame(read_text(association), "\t", header=True, path=association)
    if key not in table.columns:
        raise BadSiteTable(f"the association file has no column {key}", where=str(association))
    wanted = [
        n
        for n in ("SubjectID", "TimePoint", "TimepointDays", "CellMarker", "Tissue", "ReplicateNumber", "Genome")
        if n in table.columns
    ]
    mine = key if key in frame.columns else "sample_id"
    joined = frame.join(table.select(key, *wanted).unique(key), left_on=mine, right_on=key, how="left")
    return joined


def _take(frame: pl.DataFrame, rename: Mapping[str, str], path: Path, sample: str, genome: str) -> pl.DataFrame:
    out: list[pl.Expr] = []
    for column in INTEGRATION_SITES.columns:
        name = rename.get(column.name) or next((n for n in _NAMES.get(column.name, (column.name,)) if n in frame.columns), None)
        kind = _TYPES.get(column.kind, pl.String)
        if name is None:
            given = {"sample_id": sample, "genome": genome, "orientation": "unknown"}.get(column.name) or None
            out.append(pl.lit(given, dtype=kind).alias(column.name))
            continue
        if name not in frame.columns:
            raise BadSiteTable(f"no column {name!r}", where=str(path), fix=f"the file has {', '.join(frame.columns[:12])}")
        value = pl.col(name) if column.kind not in _TYPES else _within(frame, name, path, column)
        if column.name == "orientation":
            value = (
                pl.when(pl.col(name).is_in(["+", "1", "plus"]))
                .then(pl.lit("+"))
                .when(pl.col(name).is_in(["-", "-1", "minus"]))
                .then(pl.lit("-"))
                .otherwise(pl.lit("unknown"))
            )
        out.append(value.cast(kind).alias(column.name))
    taken = frame.select(out)
    for needed in ("chrom", "position"):
        gap = taken[needed].is_null()
        if gap.any():
            raise BadSiteTable(f"row without a {needed}", where=f"{path} line {int(gap.arg_true()[0]) + 2}")
    return taken


def _within(frame: pl.DataFrame, name: str, path: Path, column: Column) -> pl.Expr:
    """A number of a column, held to the column's limits: an abundance below zero would vanish from every count."""
    value = _whole(frame, name, path) if column.kind == "integer" else _number(frame, name, path)
    made = frame.select(value.alias("value"))["value"]
    for limit, word in ((column.low, "below"), (column.high, "above")):
        if limit is None:
            continue
        beyond = made < limit if word == "below" else made > limit
        if beyond.any():
            row = int(beyond.arg_true()[0])
            fix = "positions are 1-based" if column.name == "position" else f"correct the {column.name}"
            raise BadSiteTable(
                f"{frame[name][row]!r} in column {name} is {word} {limit:g}", where=f"{path} line {row + 2}", fix=fix
            )
    return value


def _whole(frame: pl.DataFrame, name: str, path: Path) -> pl.Expr:
    return _cast(
        frame, name, path, lambda s: s.cast(pl.Float64, strict=False).round().cast(pl.Int64, strict=False), "whole number"
    )


def _number(frame: pl.DataFrame, name: str, path: Path) -> pl.Expr:
    return _cast(frame, name, path, lambda s: s.cast(pl.Float64, strict=False), "number")


def _cast(frame: pl.DataFrame, name: str, path: Path, how: Callable[[pl.Series], pl.Series], what: str) -> pl.Expr:
    series = frame[name]
    made = how(series)
    if made.dtype == pl.Float64:
        made = pl.select(pl.when(made.is_finite()).then(made)).to_series()
    bad = made.is_null() & series.is_not_null()
    if bad.any():
        row = int(bad.arg_true()[0])
        raise BadSiteTable(f"{series[row]!r} in column {name} is not a {what}", where=f"{path} line {row + 2}")
    return pl.lit(made).alias(name)


def columns_of(table: Table = INTEGRATION_SITES) -> list[str]:
    """The names of the site table's columns, in order."""
    return list(table.names)
