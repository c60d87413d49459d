"""Call clonal haematopoiesis in files or in a study's samples; follow and compare variants of one person."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aftercar.biomarkers.clonal import SampleCalls, call_sample, judge
from aftercar.biomarkers.detection import any_status, gene_statuses
from aftercar.biomarkers.figures import fraction_track, lollipop
from aftercar.biomarkers.rule_sets import RuleSet
from aftercar.biomarkers.serial import Measurement, Track, follow
from aftercar.biomarkers.sharing import Reads, share
from aftercar.biomarkers.variants import Variant, residue
from aftercar.edges.files import existing_file, folder_beside, write_text
from aftercar.edges.multiqc import write_clonal_section
from aftercar.edges.tables import read_table
from aftercar.edges.variants import BadVariantFile, open_vcf, read_maf, read_rules
from aftercar.edges.variants.vcf import Reference
from aftercar.errors import InvalidTables, Problem, UsageError
from aftercar.vocab.tables.biomarkers import CLONAL_SAMPLES, GENE_DEPTHS, GENE_STATUS, JUDGED_VARIANTS

if TYPE_CHECKING:
    from aftercar.edges.study import Study

_TRACKS = (
    "person_id", "gene", "protein", "samples", "first_seen", "pre_existing", "before_limit",
    "growth_per_year", "low", "high", "p", "notes",
)  # fmt: skip
_SHARING = ("person_id", "gene", "protein", "material", "call", "alt_reads", "depth", "upper_limit", "conclusion", "below")


@dataclass(frozen=True)
class Source:
    """One file to read, and what is known of its sample.

    ``sample_id`` replaces the name in the file where given (a study's own identifier).
    """

    path: Path
    sample_id: str = ""
    column: str | None = None
    normal: str | None = None
    person_id: str = ""
    material: str = ""
    taken_on: str = ""


Depths = Mapping[str, Mapping[str, int]]
Entries = Sequence[tuple[Source, SampleCalls]]


@dataclass(frozen=True)
class Outcome:
    """What a run found: counts by verdict and status, for the summary."""

    files: int
    samples: int
    variants: int
    drivers: int
    statuses: Mapping[str, int]
    rules: str
    folder: Path


def is_maf(path: Path) -> bool:
    """Whether a file is to be read as MAF, by its name."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith((".maf", ".maf.txt", ".tsv", ".txt"))


def call_study(
    folder: Path,
    out: Path,
    *,
    rules_file: Path | None = None,
    depths_file: Path | None = None,
    reference_file: Path | None = None,
    panel: Sequence[str] = (),
) -> Outcome:
    """As :func:`call` for the variant files of a study's samples, whose rule set and depths stand in where none is given.

    Raises:
        UsageError: when no sample names a variant file.
    """
    from aftercar.edges.study import read_study

    study = read_study(folder)
    sources = sources_of(study)
    if not sources:
        raise UsageError(f"no sample of {folder} names a variant file", fix="fill the column variants of samples.csv")
    sources.sort(key=lambda source: source.person_id)
    infused: dict[str, str] = {}
    for row in sorted(study.rows("infusions"), key=lambda row: row["infused_on"] or "9999"):
        if row["infused_on"]:
            infused.setdefault(row["person_id"], row["infused_on"])
    return call(
        sources,
        out,
        rules_file=rules_file or study.ch_rules,
        depths_file=depths_file or study.ch_depths,
        reference_file=reference_file,
        infused=infused,
        panel=panel,
    )


def sources_of(study: Study) -> list[Source]:
    """The variant files of a study's samples, in the order of the table."""
    return [
        Source(
            study.file(row["variants"]),
            row["sample_id"],
            None,
            None,
            row["person_id"],
            row["material"],
            row["collected_on"] or "",
        )
        for row in study.rows("samples")
        if row["variants"]
    ]


def call(
    sources: Sequence[Source],
    out: Path,
    *,
    rules_file: Path | None = None,
    depths_file: Path | None = None,
    reference_file: Path | None = None,
    infused: Mapping[str, str] | None = None,
    panel: Sequence[str] = (),
) -> Outcome:
    """Judge every variant of every file and write the tables into a new folder.

    Files are read one after the other and written as they are read, so memory does not grow with their number; the judged
    variants of a person with several samples are kept until the last of them, for tracks and sharing.

    Raises:
        BadVariantFile, BadRuleSet: naming file, line and field.
        UsageError: when the folder exists, or a sample comes twice.
    """
    rules = read_rules(rules_file)
    if panel:
        rules = rules.for_panel(panel)
    depths = read_depths(depths_file) if depths_file else {}
    reference = _reference(reference_file) if reference_file else None
    per_person = Counter(source.person_id for source in sources if source.person_id)
    read_of: Counter[str] = Counter()
    kept: dict[str, list[tuple[Source, SampleCalls]]] = {}
    with folder_beside(out) as folder, ExitStack() as stack:
        tables = _Tables(folder, stack, rules, depths, infused or {}, serial=any(n > 1 for n in per_person.values()))
        for source in sources:
            for calls in _read(source, rules, reference):
                tables.add(source, calls)
                if per_person[source.person_id] > 1:
                    kept.setdefault(source.person_id, []).append((source, calls))
            read_of[source.person_id] += 1
            if read_of[source.person_id] == per_person[source.person_id] and source.person_id in kept:
                tables.add_person(source.person_id, kept.pop(source.person_id))
        tables.lollipops()
        write_clonal_section(folder, tables.summaries)
    return Outcome(len(sources), len(tables.seen), tables.variants, tables.drivers, dict(tables.statuses), rules.label, out)


class _Tables:
    """The tables of a run, written row by row."""

    def __init__(
        self, folder: Path, stack: ExitStack, rules: RuleSet, depths: Depths, infused: Mapping[str, str], *, serial: bool
    ) -> None:
        def table(name: str, header: Sequence[str]) -> Any:
            writer = csv.writer(stack.enter_context((folder / name).open("w", newline="", encoding="utf-8")))
            writer.writerow(header)
            return writer

        self.folder, self.rules, self.depths, self.infused = folder, rules, depths, infused
        self.lineage = {gene: ";".join(rule.lineage) for gene, rule in rules.genes.items()}
        self.judged = table("variants.csv", JUDGED_VARIANTS.names)
        self.genes = table("genes.csv", GENE_STATUS.names)
        self.samples = table("samples.csv", CLONAL_SAMPLES.names)
        self.tracks: Any = table("tracks.csv", _TRACKS) if serial else None
        self.sharing: Any = table("sharing.csv", _SHARING) if serial else None
        self.seen: set[str] = set()
        self.summaries: list[dict[str, Any]] = []
        self.statuses: Counter[str] = Counter()
        self.changes: Counter[tuple[str, int, str, str]] = Counter()
        self.variants = self.drivers = 0

    def add(self, source: Source, calls: SampleCalls) -> None:
        if calls.sample in self.seen:
            raise UsageError(
                f"sample {calls.sample} comes twice", fix="give each file once, or name the samples apart: NAME=FILE"
            )
        self.seen.add(calls.sample)
        self.judged.writerows(_judged_rows(calls))
        found = gene_statuses(calls, self.depths.get(calls.sample, {}), self.rules)
        self.genes.writerows(
            (s.sample, s.gene, s.status, s.depth, _six(s.limit), _six(s.largest), self.lineage[s.gene], calls.rules)
            for s in found
        )
        status = any_status(found)
        row = _sample_row(calls, source, status)
        self.samples.writerow(row)
        self.summaries.append(dict(zip(CLONAL_SAMPLES.names, row, strict=True)))
        self.statuses[status] += 1
        self.changes.update((j.gene, residue(j.protein) or 0, j.protein, j.kind) for j in calls.drivers)
        self.variants += len(calls.judged) + calls.others
        self.drivers += len(calls.drivers)

    def add_person(self, person: str, entries: Entries) -> None:
        infused_on = self.infused.get(person, "")
        tracks = {
            change: follow(_points(key, change[0], entries, self.depths), infused_on=infused_on)
            for key, change in _of_interest(entries).items()
        }
        self.tracks.writerows(_track_rows(person, tracks))
        self.sharing.writerows(_sharing_rows(person, entries, self.depths))
        if tracks:
            spec = fraction_track({" ".join(change): track for change, track in tracks.items()}, infused_on=infused_on)
            write_text(self.folder / "figures" / f"track_{person}.vl.json", json.dumps(spec, indent=1) + "\n")

    def lollipops(self) -> None:
        """One figure for each gene with a driver whose residue is known."""
        by_gene: dict[str, list[tuple[int, str, str]]] = {}
        for (gene, number, protein, kind), n in self.changes.items():
            if number:
                by_gene.setdefault(gene, []).extend([(number, protein, kind)] * n)
        for gene, found in by_gene.items():
            write_text(self.folder / "figures" / f"{gene}.vl.json", json.dumps(lollipop(found, gene=gene), indent=1) + "\n")


def read_depths(path: Path) -> dict[str, dict[str, int]]:
    """Reads by sample and gene.

    Raises:
        InvalidTables: with every problem of the file.
    """
    problems: list[Problem] = []
    frame = read_table(path, GENE_DEPTHS, problems).frame
    if problems:
        raise InvalidTables(problems)
    found: dict[str, dict[str, int]] = {}
    for sample, gene, depth in frame.iter_rows():
        found.setdefault(sample, {})[gene] = depth
    return found


def _read(source: Source, rules: RuleSet, reference: Reference | None) -> Iterator[SampleCalls]:
    existing_file(source.path)
    if is_maf(source.path):
        yield from _read_maf(source, rules)
        return
    reader = open_vcf(source.path, sample=source.column, normal=source.normal, reference=reference)
    name = source.sample_id or reader.sample
    calls = call_sample(name, reader, rules)
    if reader.records and not reader.header.schema.is_annotated:
        raise BadVariantFile(
            "the header describes no annotation, so no gene is known of any variant",
            where=str(source.path),
            fix="annotate the file with VEP, SnpEff, ANNOVAR or Funcotator",
        )
    yield SampleCalls(name, calls.judged, calls.others, tuple(sorted(reader.skipped.items())), calls.rules)


def _read_maf(source: Source, rules: RuleSet) -> Iterator[SampleCalls]:
    """A MAF may hold many samples in any order: judged variants are kept, the others only counted."""
    wanted = (v for v in read_maf(source.path) if source.column is None or v.sample == source.column)
    judged: dict[str, list[Any]] = {}
    others: Counter[str] = Counter()
    for name, group in groupby(wanted, key=lambda v: v.sample):
        rows = judged.setdefault(name, [])
        for variant in group:
            found = judge(variant, rules)
            if found is None:
                others[name] += 1
            else:
                rows.append(found)
    if source.sample_id and len(judged) > 1:
        raise UsageError(
            f"{source.path} holds {len(judged)} samples, the study means one", fix="split the file, or name the sample"
        )
    for name, rows in judged.items():
        yield SampleCalls(source.sample_id or name, tuple(rows), others[name], (), rules.label)


def _reference(path: Path) -> Reference:
    import pysam

    fasta = pysam.FastaFile(str(existing_file(path)))
    names = {name.removeprefix("chr"): name for name in fasta.references}

    def bases(chrom: str, start: int, end: int) -> str:
        name = names.get(chrom.removeprefix("chr"))
        return fasta.fetch(name, start, end).upper() if name else ""

    return bases


def _judged_rows(calls: SampleCalls) -> Iterator[tuple[Any, ...]]:
    for j in calls.judged:
        v = j.variant
        checks = "; ".join(f"{c.name}={c.outcome} ({c.reason})" for c in j.checks)
        yield (
            calls.sample, j.gene, j.protein, j.kind, ";".join(j.lineage), v.chrom, v.pos, v.ref, v.alt, v.depth, v.alt_reads,
            _six(v.fraction), j.verdict, "; ".join(j.reasons), checks, v.line, calls.rules,
        )  # fmt: skip


def _sample_row(calls: SampleCalls, source: Source, status: str) -> tuple[Any, ...]:
    verdicts = Counter(j.verdict for j in calls.judged)
    skipped = "; ".join(f"{n} {kind}" for kind, n in calls.skipped)
    return (
        calls.sample, source.path.name, status, verdicts["driver"], verdicts["unconfirmed"], verdicts["rejected"],
        calls.others, skipped, calls.rules,
    )  # fmt: skip


def _six(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _of_interest(entries: Entries) -> dict[tuple[str, int, str, str], tuple[str, str]]:
    """Variants that were a driver in some sample of the person, with gene and change."""
    return {j.variant.key: (j.gene, j.protein) for _, calls in entries for j in calls.drivers}


def _reads(key: tuple[str, int, str, str], gene: str, calls: SampleCalls, depths: Depths) -> tuple[int, int]:
    """Reads with the variant and in all; not in the file means 0 of the gene's depth, and 0 of 0 when that is not known."""
    for j in calls.judged:
        if j.variant.key == key:
            v: Variant = j.variant
            return (v.alt_reads, v.depth) if v.alt_reads is not None and v.depth else (0, 0)
    return 0, depths.get(calls.sample, {}).get(gene, 0)


def _points(
    key: tuple[str, int, str, str],
    gene: str,
    entries: Entries,
    depths: Depths,
) -> list[Measurement]:
    return [
        Measurement(calls.sample, source.taken_on, *_reads(key, gene, calls, depths), source.material)
        for source, calls in entries
    ]


def _track_rows(person: str, tracks: Mapping[tuple[str, str], Track]) -> Iterator[tuple[Any, ...]]:
    for (gene, protein), track in tracks.items():
        yield (
            person, gene, protein, len(track.points), track.first_seen, track.pre_existing, _six(track.before_limit),
            _number(track.growth), _number(track.growth_low), _number(track.growth_high), _number(track.growth_p),
            "; ".join(track.notes),
        )  # fmt: skip


def _sharing_rows(person: str, entries: Entries, depths: Depths) -> Iterator[tuple[Any, ...]]:
    labels = _of_interest(entries)
    materials: dict[str, dict[tuple[str, int, str, str], Reads]] = {}
    for source, calls in entries:
        name = source.material or calls.sample
        if name in materials:
            name = f"{name} {calls.sample}"
        materials[name] = {key: Reads(*_reads(key, gene, calls, depths)) for key, (gene, _) in labels.items()}
    for v in share(materials):
        for material, found in v.calls.items():
            reads = materials[material][v.key]
            yield (
                person, *labels[v.key], material, found, reads.alt_reads, reads.depth, _six(v.limits[material]), v.conclusion,
                _six(v.below),
            )  # fmt: skip


def _number(value: float) -> str:
    return "" if value != value else f"{value:.6g}"
