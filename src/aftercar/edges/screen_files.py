"""Writes what a screen found: evidence BAM, counts by element, figures as JSON and Parquet, a section for MultiQC."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pysam

from aftercar import __version__
from aftercar.edges.alignments import segment_of
from aftercar.edges.files import write_text, written_beside
from aftercar.edges.multiqc import write_screen_section
from aftercar.edges.tables import polars_type
from aftercar.reads.batch import Screened
from aftercar.vocab.columns import Table
from aftercar.vocab.tables.screen import ELEMENT_COUNTS


def write_screen(
    folder: Path, sample: str, screened: Screened, rows: Sequence[Mapping[str, Any]], figures: Mapping[str, Any]
) -> None:
    """Write all files of one screen into ``folder``.

    Args:
        folder: an existing folder.
        sample: name of the sample, for MultiQC and the JSON.
        screened: what was found.
        rows: rows of :data:`~aftercar.vocab.tables.screen.ELEMENT_COUNTS`.
        figures: the summary, written as ``screen.json``.
    """
    write_evidence(folder / "evidence.bam", screened)
    frame = frame_of(ELEMENT_COUNTS, rows)
    with written_beside(folder / "elements.parquet") as temporary:
        frame.write_parquet(temporary)
    with written_beside(folder / "elements.tsv") as temporary:
        frame.write_csv(temporary, separator="\t")
    write_text(folder / "screen.json", json_text(figures))
    single = {name: value for name, value in figures.items() if not isinstance(value, (list, tuple, dict))}
    with written_beside(folder / "screen.parquet") as temporary:
        pl.DataFrame([{name: _finite(value) for name, value in single.items()}], infer_schema_length=None).write_parquet(
            temporary
        )
    write_screen_section(folder, sample, figures)


def frame_of(table: Table, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a frame with the table's columns and types."""
    return pl.DataFrame(
        [[row.get(column.name) for column in table.columns] for row in rows],
        schema={column.name: polars_type(column) for column in table.columns},
        orient="row",
    )


def write_evidence(path: Path, screened: Screened) -> int:
    """All candidate records with their host alignments, sorted and indexed; returns how many."""
    groups = sorted(
        {read.tags["RG"] for pair in screened.pairs for read in (pair.first, pair.second) if read and "RG" in read.tags}
    )
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": name, "LN": length} for name, length in screened.contigs.items()],
            **({"RG": [{"ID": group, "SM": "sample"} for group in groups]} if groups else {}),
            "PG": [{"ID": "aftercar", "PN": "aftercar", "VN": __version__}],
        }
    )
    records = []
    for pair in screened.pairs:
        for read in (pair.first, pair.second, *pair.supplementary):
            if read is not None:
                mate = pair.second if read is pair.first else pair.first if read is pair.second else None
                records.append(segment_of(read, mate, header))
    records.sort(
        key=lambda r: (r.reference_id if r.reference_id >= 0 else 1 << 30, r.reference_start, r.query_name or "", r.flag)
    )
    with written_beside(path) as temporary:
        with pysam.AlignmentFile(str(temporary), "wb", header=header) as out:
            for record in records:
                out.write(record)
        pysam.index(str(temporary), str(path) + ".bai")
    return len(records)


def json_text(value: Any) -> str:
    """JSON with a line end; NaN and infinity become null."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False) + "\n"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return _finite(value)
