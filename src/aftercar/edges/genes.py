"""Genes from a GTF or a refGene-like table (plain or gzip), kept in a cache so that the second reading is fast.

The cache lies in ``$XDG_CACHE_HOME/aftercar`` (``~/.cache/aftercar``), is named after the file's path, size and time, and is left
out silently when the folder cannot be written.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import polars as pl

from aftercar.edges.files import existing_file, written_beside
from aftercar.errors import InputError
from aftercar.evidence.annotation import Transcript

_VERSION = 1
_ATTRIBUTE = re.compile(r'(\w+)[ =]"?([^";]+)"?')


class GeneFileError(InputError):
    """A gene file is neither GTF nor a refGene-like table, or a line of it is broken."""

    code = "genes"


def read_genes(path: Path, *, cache: bool = True) -> list[Transcript]:
    """Every transcript of a GTF or refGene-like file.

    Raises:
        GeneFileError: naming the line that cannot be read.
    """
    existing_file(path)
    place = _cache_place(path) if cache else None
    if place is not None and place.is_file():
        with contextlib.suppress(Exception):  # a damaged cache is made again
            return _from_frame(pl.read_parquet(place))
    transcripts = list(_parsed(path))
    if not transcripts:
        raise GeneFileError("no transcript in the gene file", where=str(path), fix="give a GTF or a UCSC refGene table")
    if place is not None:
        with contextlib.suppress(OSError), written_beside(place) as temporary:
            _to_frame(transcripts).write_parquet(temporary)
    return transcripts


def _cache_place(path: Path) -> Path:
    state = path.stat()
    key = f"{_VERSION}|{path.resolve()}|{state.st_size}|{state.st_mtime_ns}"
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "aftercar" / f"genes-{hashlib.sha256(key.encode()).hexdigest()[:20]}.parquet"


def _opened(path: Path) -> IO[str]:
    with path.open("rb") as stream:
        zipped = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rt", encoding="utf-8", errors="replace") if zipped else path.open(encoding="utf-8", errors="replace")


def _parsed(path: Path) -> Iterator[Transcript]:
    try:
        with _opened(path) as stream:
            first = next((line for line in stream if line.strip() and not line.startswith("#")), "")
        if not first:
            return
        with _opened(path) as stream:
            yield from _gtf(stream, path) if _is_gtf(first) else _ref_gene(stream, path)
    except (EOFError, gzip.BadGzipFile) as error:
        raise GeneFileError(f"the gzip file is damaged: {error}", where=str(path)) from error


def _is_gtf(line: str) -> bool:
    cells = line.rstrip("\n").split("\t")
    return len(cells) == 9 and cells[3].isdigit() and cells[6] in "+-."


def _ref_gene(stream: IO[str], path: Path) -> Iterator[Transcript]:
    for number, line in enumerate(stream, 1):
        if line.startswith("#") or not line.strip():
            continue
        cells = line.rstrip("\n").split("\t")
        at = 1 if len(cells) >= 16 or (len(cells) > 3 and cells[3] in "+-" and cells[0].isdigit()) else 0
        try:
            name, contig, strand, start, end, coding_start, coding_end, _ = cells[at : at + 8]
            firsts, lasts = cells[at + 8].rstrip(",").split(","), cells[at + 9].rstrip(",").split(",")
            gene = cells[at + 11] if len(cells) > at + 11 else name
            exons = tuple((int(a), int(b)) for a, b in zip(firsts, lasts, strict=True))
            yield Transcript(gene, name, contig, strand, int(start), int(end), int(coding_start), int(coding_end), exons)
        except (ValueError, IndexError) as error:
            raise GeneFileError(
                "the line is neither GTF nor a refGene row",
                where=f"{path} line {number}",
                fix="give a GTF or a UCSC refGene table",
            ) from error


def _gtf(stream: IO[str], path: Path) -> Iterator[Transcript]:
    exons: dict[tuple[str, str], list[tuple[int, int]]] = {}
    coding: dict[tuple[str, str], list[int]] = {}
    about: dict[tuple[str, str], tuple[str, str]] = {}
    for number, line in enumerate(stream, 1):
        if line.startswith("#") or not line.strip():
            continue
        cells = line.rstrip("\n").split("\t")
        if len(cells) < 9:
            raise GeneFileError("a GTF line has fewer than nine cells", where=f"{path} line {number}")
        if cells[2] not in ("exon", "CDS"):
            continue
        keys = dict(_ATTRIBUTE.findall(cells[8]))
        name = keys.get("transcript_id") or keys.get("Parent") or keys.get("gene_id") or ""
        key = (name, cells[0])
        about.setdefault(key, (keys.get("gene_name") or keys.get("gene") or keys.get("gene_id") or name, cells[6]))
        span = (int(cells[3]) - 1, int(cells[4]))
        if cells[2] == "exon":
            exons.setdefault(key, []).append(span)
        else:
            coding.setdefault(key, []).extend(span)
    for key, spans in exons.items():
        spans.sort()
        gene, strand = about[key]
        inside = coding.get(key)
        low, high = (min(inside), max(inside)) if inside else (spans[-1][1], spans[-1][1])
        yield Transcript(gene, key[0], key[1], strand, spans[0][0], spans[-1][1], low, high, tuple(spans))


_FIELDS = ("gene", "name", "contig", "strand", "start", "end", "coding_start", "coding_end")


def _to_frame(transcripts: list[Transcript]) -> pl.DataFrame:
    columns: dict[str, list[object]] = {name: [getattr(t, name) for t in transcripts] for name in _FIELDS}
    columns["exon_starts"] = [[start for start, _ in t.exons] for t in transcripts]
    columns["exon_ends"] = [[end for _, end in t.exons] for t in transcripts]
    return pl.DataFrame(columns)


def _from_frame(frame: pl.DataFrame) -> list[Transcript]:
    columns = [frame[name].to_list() for name in (*_FIELDS, "exon_starts", "exon_ends")]
    return [
        Transcript(gene, name, contig, strand, start, end, low, high, tuple(zip(firsts, lasts, strict=True)))
        for gene, name, contig, strand, start, end, low, high, firsts, lasts in zip(*columns, strict=True)
    ]


def read_gene_list(path: Path) -> frozenset[str]:
    """Gene symbols of a list: one a line, or the first column of a CSV or TSV (a header called gene or symbol is skipped)."""
    existing_file(path)
    with _opened(path) as stream:
        cells = [re.split(r"[,\t;]", line.strip())[0].strip('" ') for line in stream if line.strip() and not line.startswith("#")]
    return frozenset(cell for cell in cells if cell and cell.lower() not in ("gene", "symbol", "gene_symbol", "name", "genename"))


def read_regions(path: Path) -> list[tuple[str, int, int, str]]:
    """Contig, start, end and name of each line of a BED file (plain or gzip)."""
    existing_file(path)
    rows = []
    with _opened(path) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            cells = line.rstrip("\n").split("\t")
            try:
                rows.append((cells[0], int(cells[1]), int(cells[2]), cells[3] if len(cells) > 3 else "region"))
            except (ValueError, IndexError) as error:
                raise GeneFileError("the line is not BED", where=f"{path} line {number}") from error
    return rows
