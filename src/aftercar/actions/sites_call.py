"""LM-PCR reads and a sample sheet in; integration sites with abundance, attrition and run verdicts out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from aftercar.edges.fasta import FastaFile
from aftercar.edges.files import folder_beside, write_text
from aftercar.edges.lmpcr_fastq import batches
from aftercar.edges.lmpcr_samplesheet import read_sheet
from aftercar.edges.tables import write_table
from aftercar.errors import InputError, UsageError
from aftercar.evidence.site_abundance import site_table
from aftercar.reads import lmpcr
from aftercar.reads.lmpcr_crossover import HOP_LIMIT, Crossed, counted, find_crossed
from aftercar.reads.lmpcr_place import Piece, place, reach
from aftercar.reads.lmpcr_sites import Fragment, grouped, join, queries, standardised
from aftercar.reads.placement import genome_place

_STEP = 1 << 24


class NoReadsKept(InputError):
    """A run of which no read could be used; the counts say where they were lost."""

    code = "lmpcr-nothing-kept"


@dataclass(frozen=True, slots=True)
class Called:
    """What a run gave.

    Attributes:
        sites: table ``integration_sites``, one row a site and specimen.
        fragments: one row a fragment, with flags.
        attrition: reads of each amplification at each stage.
        crossed: hopping, swaps, controls.
        problems: what a person must look at before using the sites; empty when nothing.
        vetoed: whether a negative control vetoes the run.
        specimens: names of all specimens of the sheet, also of those without a site.
    """

    sites: pl.DataFrame
    fragments: pl.DataFrame
    attrition: pl.DataFrame
    crossed: Crossed
    problems: tuple[str, ...]
    vetoed: bool
    specimens: tuple[str, ...]


def call_sites(
    sheet: Path,
    ltr: Path,
    linker: Path,
    reference: Path,
    *,
    index: Path | None = None,
    settings: lmpcr.Settings | None = None,
    longest: int = 2500,
    duplication: int = 5,
    window: int = 5,
    hop_limit: float = HOP_LIMIT,
    genome: str = "",
    sheared: bool = True,
) -> Called:
    """Call the sites of one run.

    Args:
        sheet: sample sheet.
        ltr, linker: FASTQ of the reads that begin with the LTR primer and with the linker.
        reference: FASTA of the host; read once from front to back.
        index: FASTQ of the index reads; None when the run holds one sample.
        settings: limits for reads.
        longest: longest fragment; duplication: target-site duplication (5 HIV-based, 4 gamma-retroviral); window: bases
            within which sites are one.
        hop_limit: largest share of a source's reads that index hopping may explain.
        genome: build name for the table.
        sheared: False for restriction-cut libraries, whose fragment lengths count nothing: cells come from UMIs only.

    Raises:
        UsageError: several samples without index reads.
        BadSampleSheet, BadFastq: for faults of the input.
        NoReadsKept: when nothing is left, with the counts by stage.
    """
    rows = read_sheet(sheet)
    if index is None and len(rows) > 1:
        raise UsageError(
            f"the sheet names {len(rows)} samples and there are no index reads", fix="give the index FASTQ with --index"
        )
    trimmed = trim_run(rows, ltr, linker, index, settings or lmpcr.Settings())
    foreign = lmpcr.crossed_linkers(trimmed, rows)
    totals = {row.sample: trimmed.counts[row.sample]["reads"] for row in rows}
    own = {row.sample: trimmed.counts[row.sample]["linkered"] for row in rows}
    if not trimmed.molecules:
        swapped = find_crossed([], rows, totals, own, foreign).notes
        raise NoReadsKept(
            _lost(trimmed, rows), where=f"{ltr.name}, {linker.name}", fix="; ".join(swapped) or "check primer, LTR end and linker"
        )
    ends = queries(trimmed)
    with FastaFile(reference) as fasta:
        places = place(ends, _pieces(fasta, reach(ends)))
    joined = join(trimmed, rows, ends, places, longest=longest, duplication=duplication)
    persons = {number: row.person or row.specimen for number, row in enumerate(rows)}
    fragments = grouped(standardised(joined.fragments, persons, window), persons, window)
    fragments = _one_each(fragments)
    crossed = find_crossed(fragments, rows, totals, own, foreign, hop_limit=hop_limit)
    good = [counted(i, crossed) for i in range(len(fragments))]
    sites = site_table(fragments, crossed.flags, good, rows, genome=genome, sheared=sheared)
    vetoed = any(control.verdict == "vetoed" for control in crossed.controls)
    problems = [control.words for control in crossed.controls if control.verdict != "clean"] + crossed.notes
    problems += [f"no read carries the index of {row.sample}: was it sequenced?" for row in rows if not totals[row.sample]]
    if not sheared and any(row.umi is None for row in rows):
        problems.append("restriction-cut fragments without UMIs: sites have reads but no cell counts (reads are PCR copies)")
    if not crossed.controls:
        problems.append("the run has no negative control (none is declared on the sheet)")
    return Called(
        sites,
        _fragment_table(fragments, crossed, rows),
        _attrition(trimmed, joined.counts, rows),
        crossed,
        tuple(problems),
        vetoed,
        tuple(dict.fromkeys(row.specimen for row in rows)),
    )


class RunVetoed(InputError):
    """A run that must not be used as it is: a negative control holds sites of its own, or indexes are swapped."""

    code = "lmpcr-run-vetoed"


def write_called(folder: Path, called: Called) -> list[Path]:
    """Write ``sites.csv``, ``fragments.parquet``, ``attrition.csv`` and ``run.json`` into a new folder."""
    with folder_beside(folder) as made:
        write_table(made / "sites.csv", called.sites)
        write_table(made / "fragments.parquet", called.fragments)
        write_table(made / "attrition.csv", called.attrition)
        said = {
            "vetoed": called.vetoed,
            "problems": list(called.problems),
            "hop_rate": None if called.crossed.hop_rate != called.crossed.hop_rate else called.crossed.hop_rate,
            "swaps": [list(pair) for pair in called.crossed.swaps],
            "controls": [asdict(control) for control in called.crossed.controls],
        }
        write_text(made / "run.json", json.dumps(said, indent=1))
    return [folder / name for name in ("sites.csv", "fragments.parquet", "attrition.csv", "run.json")]


def refuse_vetoed(called: Called) -> None:
    """Raise what makes a run unusable, after its results were written for people to look at.

    Raises:
        RunVetoed: for a vetoing control or swapped indexes.
    """
    if called.vetoed or called.crossed.swaps:
        words = [control.words for control in called.crossed.controls if control.verdict == "vetoed"]
        words += [f"the indexes of {a} and {b} are swapped" for a, b in called.crossed.swaps]
        raise RunVetoed(
            "; ".join(words), fix="correct the sheet or repeat the run; flagged sites are in sites.csv without abundance"
        )


def trim_run(rows: Sequence[lmpcr.Row], ltr: Path, linker: Path, index: Path | None, settings: lmpcr.Settings) -> lmpcr.Trimmed:
    """Demultiplex and trim a run's reads."""
    out = lmpcr.Trimmed(counts={row.sample: Counter() for row in rows})
    paths = (ltr, linker) if index is None else (index, ltr, linker)
    for batch in batches(paths):
        names = batch[0][0] if index is not None else []
        lmpcr.take(out, rows, names, batch[-2], batch[-1], settings)
    return out


def _pieces(fasta: FastaFile, overlap: int) -> Iterator[Piece]:
    starts = {name: genome_place(name, length) for name, length in fasta.lengths.items()}
    for name, start, codes in fasta.stream(_STEP, overlap):
        contig, first = starts[name]
        yield contig, first + start, codes


def _one_each(fragments: Iterable[Fragment]) -> list[Fragment]:
    """Fragments that standardising made equal, as one, their reads added."""
    found: dict[tuple[Any, ...], Fragment] = {}
    for f in fragments:
        key = (f.sample, f.contig, f.site, f.orientation, f.cut, f.umi, f.group)
        before = found.get(key)
        found[key] = f if before is None else replace(before, reads=before.reads + f.reads)
    return list(found.values())


def _fragment_table(fragments: Sequence[Fragment], crossed: Crossed, rows: Sequence[lmpcr.Row]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "sample_id": [rows[f.sample].sample for f in fragments],
            "specimen": [rows[f.sample].specimen for f in fragments],
            "chrom": [f.contig for f in fragments],
            "position": [f.site for f in fragments],
            "orientation": [f.orientation for f in fragments],
            "break": [f.cut for f in fragments],
            "length": [f.length for f in fragments],
            "umi": [f.umi.decode() for f in fragments],
            "reads": [f.reads for f in fragments],
            "places": [f.places for f in fragments],
            "group": [f.group for f in fragments],
            "flags": [";".join(crossed.flags.get(i, ())) for i in range(len(fragments))],
        },
        schema_overrides={"position": pl.Int64, "break": pl.Int64, "length": pl.Int64, "reads": pl.Int64, "places": pl.Int64},
    )


_PLACED = ("placed", "several_places", "host_end_not_placed", "linker_end_not_placed", "ends_apart", "too_many_places")


def _attrition(trimmed: lmpcr.Trimmed, joined: dict[str, Counter[str]], rows: Sequence[lmpcr.Row]) -> pl.DataFrame:
    table = []
    for row in rows:
        first, then = trimmed.counts[row.sample], joined.get(row.sample, Counter())
        table.append(
            {"sample_id": row.sample, "specimen": row.specimen, "control": row.control}
            | {stage: first[stage] for stage in lmpcr.STAGES}
            | {stage: then[stage] for stage in _PLACED}
        )
    return pl.DataFrame(table)


def _lost(trimmed: lmpcr.Trimmed, rows: Sequence[lmpcr.Row]) -> str:
    total = {stage: sum(trimmed.counts[row.sample][stage] for row in rows) for stage in lmpcr.STAGES}
    shown = ", ".join(f"{count} {stage.replace('_', ' ')}" for stage, count in total.items())
    return f"no read of {trimmed.total} could be used ({shown})"
