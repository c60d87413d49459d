"""The sample sheet of an LM-PCR run: read, and every fault named before a single read is touched.

Our own column names and those of INSPIIRED sheets (``alias``, ``linkerSequence``, ``bcSeq``, ``primer``, ``ltrBit``,
``largeLTRFrag``, ``vectorSeq``) are both understood. TSV or CSV.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from aftercar.edges.files import existing_file
from aftercar.edges.site_tables import read_text
from aftercar.errors import InvalidTables, Problem
from aftercar.reads.lmpcr import Row
from aftercar.vocab.ids import is_id

_NAMES: dict[str, tuple[str, ...]] = {
    "sample_id": ("sample_id", "alias", "sampleName"),
    "specimen": ("specimen", "GTSP"),
    "person_id": ("person_id", "patient"),
    "timepoint": ("timepoint",),
    "cell_type": ("cell_type",),
    "barcode": ("barcode", "bcSeq"),
    "linker": ("linker", "linkerSequence"),
    "primer": ("primer",),
    "ltr_end": ("ltr_end", "ltrBit"),
    "ltr_in_host": ("ltr_in_host", "largeLTRFrag"),
    "ltr_side": ("ltr_side",),
    "vector": ("vector", "vectorSeq"),
    "control": ("control",),
}
_NEEDED = ("sample_id", "barcode", "linker", "primer", "ltr_end")
_BASES = re.compile(r"[ACGT]+")
_LINKER = re.compile(r"[ACGT]*N*[ACGT]+")
_CONTROLS = ("sample", "negative_control", "positive_control")


class BadSampleSheet(InvalidTables):
    """An LM-PCR sample sheet with faults; all of them are listed."""

    code = "bad-sample-sheet"


def read_sheet(path: Path) -> tuple[Row, ...]:
    """The amplifications of a run.

    A row whose ``control`` is empty and whose name says so (``uninfected``, ``no_template``, ``NTC``, ``UNC``, ``water``) is NOT
    taken for a control: controls must be declared, because they veto.

    Raises:
        BadSampleSheet: with every fault found: missing columns, duplicate or unfit names, letters that are not bases, barcodes
            that are equal, of different length or one base apart, LTR ends that do not end in CA, missing vector files.
    """
    text = read_text(existing_file(path))
    problems: list[Problem] = []
    separator = "\t" if "\t" in text.split("\n", 1)[0] else ","
    lines = list(csv.reader(io.StringIO(text), delimiter=separator))
    header = [cell.strip() for cell in lines[0]] if lines else []
    columns = {ours: next((t for t in theirs if t in header), "") for ours, theirs in _NAMES.items()}
    for name in _NEEDED:
        if not columns[name]:
            problems.append(
                Problem(path.name, 1, name, "", "column is missing", f"add it (also known as {', '.join(_NAMES[name])})")
            )
    if problems:
        raise BadSampleSheet(problems)
    rows: list[Row] = []
    numbers: list[int] = []
    vectors: dict[str, bytes] = {}
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells) or cells[0].startswith("#"):
            continue
        if len(cells) != len(header):
            problems.append(
                Problem(
                    path.name, number, "", "", f"{len(cells)} cells under {len(header)} column names", "check tabs and commas"
                )
            )
            continue
        record = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        row = _row(record, columns, path, number, vectors, problems)
        if row is not None:
            rows.append(row)
            numbers.append(number)
    if not rows and not problems:
        problems.append(Problem(path.name, 0, "", "", "no samples", "add one row for each amplification"))
    problems += _across(rows, numbers, path.name)
    if problems:
        raise BadSampleSheet(problems)
    return tuple(rows)


def _row(
    record: Mapping[str, str],
    columns: Mapping[str, str],
    path: Path,
    number: int,
    vectors: dict[str, bytes],
    problems: list[Problem],
) -> Row | None:
    found = len(problems)

    def get(name: str) -> str:
        return record.get(columns[name], "") if columns[name] else ""

    def wrong(name: str, rule: str, fix: str = "") -> None:
        problems.append(Problem(path.name, number, columns[name] or name, get(name), rule, fix))

    if not is_id(get("sample_id")):
        wrong("sample_id", "is not a sample name", "use letters, digits, - _ and . only")
    for name in ("barcode", "primer", "ltr_end"):
        if not _BASES.fullmatch(get(name).upper()):
            wrong(name, "is not a run of A, C, G, T")
    if not _LINKER.fullmatch(get("linker").upper()):
        wrong("linker", "is not bases around one run of N", "write the linker as read, N for each base of the UMI")
    if get("ltr_in_host") and not _BASES.fullmatch(get("ltr_in_host").upper()):
        wrong("ltr_in_host", "is not a run of A, C, G, T")
    if _BASES.fullmatch(get("ltr_end").upper()) and not get("ltr_end").upper().endswith("CA"):
        wrong("ltr_end", "does not end in CA", "give the LTR to its last base before the host; retroviral ends are CA")
    side = get("ltr_side") or "U5"
    if side not in ("U5", "U3"):
        wrong("ltr_side", "is neither U5 nor U3")
    control = get("control") or "sample"
    if control not in _CONTROLS:
        wrong("control", f"is none of {', '.join(_CONTROLS)}")
    vector = get("vector")
    if vector and vector not in vectors:
        vectors[vector] = _vector(path.parent / vector, path.name, number, columns["vector"], problems)
    if len(problems) > found:
        return None
    sample = get("sample_id")
    return Row(
        sample=sample,
        barcode=get("barcode").upper().encode(),
        linker=get("linker").upper().encode(),
        primer=get("primer").upper().encode(),
        ltr_end=get("ltr_end").upper().encode(),
        ltr_in_host=get("ltr_in_host").upper().encode(),
        ltr_side="U3" if side == "U3" else "U5",
        vector=vectors.get(vector, b""),
        specimen=get("specimen") or re.sub(r"-\d+$", "", sample),
        person=get("person_id"),
        timepoint=get("timepoint"),
        cell_type=get("cell_type"),
        control=control,  # type: ignore[arg-type]
    )


def _vector(path: Path, sheet: str, number: int, column: str, problems: list[Problem]) -> bytes:
    if not path.is_file():
        problems.append(
            Problem(sheet, number, column, path.name, "vector file is not beside the sheet", f"put it into {path.parent.name}/")
        )
        return b""
    lines = read_text(path).splitlines()
    sequence = "".join(line.strip() for line in lines if not line.startswith(">")).upper()
    if not sequence or re.search(r"[^ACGTRYSWKMBDHVN]", sequence):
        problems.append(Problem(sheet, number, column, path.name, "is not a FASTA sequence of bases"))
    return sequence.encode()


def _across(rows: Sequence[Row], numbers: Sequence[int], name: str) -> list[Problem]:
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    codes: dict[bytes, int] = {}
    for row, number in zip(rows, numbers, strict=True):
        if row.sample in seen:
            problems.append(
                Problem(
                    name, number, "sample_id", row.sample, f"is also on line {seen[row.sample]}", "name each amplification once"
                )
            )
        seen.setdefault(row.sample, number)
        shown = row.barcode.decode()
        if row.barcode in codes:
            problems.append(
                Problem(
                    name, number, "barcode", shown, f"is also on line {codes[row.barcode]}", "two samples cannot share an index"
                )
            )
        codes.setdefault(row.barcode, number)
    lengths = {len(row.barcode) for row in rows}
    if len(lengths) > 1:
        problems.append(
            Problem(name, 0, "barcode", "", f"barcodes have different lengths ({', '.join(map(str, sorted(lengths)))})")
        )
    else:
        close = [
            (a, b)
            for i, a in enumerate(rows)
            for b in rows[:i]
            if a.barcode != b.barcode and sum(x != y for x, y in zip(a.barcode, b.barcode, strict=True)) < 2
        ]
        problems += [
            Problem(
                name,
                0,
                "barcode",
                a.barcode.decode(),
                f"of {a.sample} is one base from that of {b.sample}",
                "one error would swap them",
            )
            for a, b in close
        ]
    people: dict[str, str] = {}
    for row in rows:
        if row.person and people.setdefault(row.specimen, row.person) != row.person:
            problems.append(Problem(name, 0, "specimen", row.specimen, f"belongs to {people[row.specimen]} and to {row.person}"))
    return problems
