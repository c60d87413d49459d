"""A study folder around one tumour: what is known is filled in, the rest stays unknown until somebody fills it in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from aftercar.edges.files import existing_file
from aftercar.edges.study import write_study
from aftercar.edges.tables import empty_frame
from aftercar.vocab.tables.study import CASES, INFUSIONS, PEOPLE, SAMPLES


@dataclass(frozen=True, slots=True)
class OneSample:
    """A tumour's files and the little that an assessment must know of it.

    Attributes:
        reads: one BAM or CRAM, or one or two FASTQ files.
        vector: the construct.
        reference: host FASTA; None when there is none.
        product: as it was named; ``""`` when not known.
        diagnosis: in words.
        infused_on, diagnosed_on: partial dates; ``""`` when not known.
        purity: share of tumour cells; None when not known.
    """

    reads: Sequence[Path]
    vector: Path
    reference: Path | None = None
    product: str = ""
    diagnosis: str = ""
    infused_on: str = ""
    diagnosed_on: str = ""
    purity: float | None = None


def make_one_sample_study(folder: Path, given: OneSample, *, today: dt.date) -> list[Path]:
    """Write a study of one person, one case and one sample, and return its files.

    Raises:
        InputError: when a file is not there.
        UsageError: when the folder exists and is not empty.
    """
    reads = [str(existing_file(path).resolve()) for path in given.reads]
    files = {"vector": str(existing_file(given.vector).resolve())}
    if given.reference is not None:
        files["reference"] = str(existing_file(given.reference).resolve())
    person, case = {"person_id": "P1"}, {"case_id": "C1"}
    rows: dict[str, dict[str, Any]] = {
        "people": {**person, "vital_status": "unknown", "consent": "unknown"},
        "infusions": {
            **person,
            "infusion_id": "I1",
            "infused_on": given.infused_on or None,
            "product": given.product or "CAR-T, product not stated",
        },
        "cases": {
            **person,
            **case,
            "diagnosis": given.diagnosis or "tumour after CAR-T, not described yet",
            "diagnosed_on": given.diagnosed_on or None,
            "tested": "pending",
        },
        "samples": {**person, **case, **files, "sample_id": "S1", "material": "tumour", "assay": "wgs", "reads": ";".join(reads)},
    }
    rows["samples"]["purity"] = given.purity
    frames = {}
    for table in (PEOPLE, INFUSIONS, CASES, SAMPLES):
        schema = empty_frame(table).schema
        frames[table.name] = pl.DataFrame([{name: rows[table.name].get(name) for name in schema}], schema=schema)
    write_study(folder, title="One tumour", data_lock=today, frames=frames)
    return sorted(folder.iterdir())
