# ruff: noqa: PT028 (named for the command `sample test`; it is no test of ours)
"""Test one sample for the transgene: reads and construct in, verdict, sites and evidence out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aftercar.actions.progress import Progress, silent
from aftercar.actions.screen_reads import screen_reads, vectors_in_reference
from aftercar.edges import site_files
from aftercar.edges.constructs import read_constructs
from aftercar.edges.evidence_bam import count_reference
from aftercar.edges.files import existing_file, folder_beside, write_text
from aftercar.edges.genes import read_gene_list, read_genes, read_regions
from aftercar.edges.host import FastaHost
from aftercar.edges.multiqc import write_verdict_section
from aftercar.edges.sort_order import check_sort_order
from aftercar.edges.spliced import check_not_spliced
from aftercar.errors import InputError, UsageError
from aftercar.evidence.annotation import Annotation, GeneIndex, annotate
from aftercar.evidence.sample import GIVEN, UNTOLD, Findings, find, is_paired, judge, shared_with_host
from aftercar.evidence.settings import Settings
from aftercar.evidence.sites import LocalCounts
from aftercar.evidence.tumour_normal import compare
from aftercar.evidence.verdict import Verdict, verdict_json
from aftercar.reads.batch import HostDepth, Screened
from aftercar.reads.junctions import Site
from aftercar.reads.junctions_types import Library
from aftercar.vocab.genomes import bare_contig, build_of
from aftercar.vocab.vectors import Construct


class NoReads(InputError):
    """The input holds no reads: nothing was tested, so nothing is negative."""

    code = "no-reads"


class WrongReference(InputError):
    """The reads were aligned to another genome build than the reference given."""

    code = "wrong-reference"


def test_sample(
    reads: Sequence[Path],
    *,
    vector: Path,
    reference: Path | None = None,
    out: Path,
    genes: Path | None = None,
    purity: float | None = None,
    ploidy: float = 2.0,
    normal: Sequence[Path] = (),
    gene_lists: Sequence[Path] = (),
    regions: Path | None = None,
    settings: Settings | None = None,
    quick: bool = False,
    host_depth: float | None = None,
    sample: str = "",
    threads: int | None = None,
    progress: Progress = silent,
) -> Verdict:
    """Whether the transgene is in the sample, where it sits, and in how many cells.

    Args:
        reads: BAM, CRAM or FASTQ of one sample.
        vector: construct as FASTA or GenBank.
        reference: the host's FASTA; may hold windows only, may be missing for BAM.
        out: folder to be made, with ``verdict.json`` and the rest.
        genes: GTF or refGene table.
        purity: share of tumour cells, above 0 up to 1.
        ploidy: chromosome copies of a tumour cell.
        normal: reads of a normal sample of the same person.
        gene_lists: files of gene symbols; the name of a file is the name of its list.
        regions: BED of regions to be flagged (blacklist).
        settings: thresholds.
        quick: look only at the unmapped reads of an indexed BAM; a negative is then inconclusive.
        host_depth: mean host depth in bases, where the file cannot tell it (capture panels that enrich the vector); NaN
            when nobody can.
        sample: name of the sample; the name of the first file without one.
        threads: inflating threads; by default one a core, at most eight.
        progress: told how far it is.

    Raises:
        UsageError: purity or ploidy out of range, no host for FASTQ.
        InputError: a damaged file, or reads of another genome build.
    """
    settings = settings or Settings()
    if purity is not None and not 0 < purity <= 1:
        raise UsageError(f"purity {purity} is not above 0 and at most 1", fix="give the share of tumour cells, such as 0.6")
    if not 0 < ploidy <= 20:
        raise UsageError(f"ploidy {ploidy} is not between 0 and 20")
    for path in (*reads, *normal, *gene_lists, *(p for p in (reference, genes, regions, vector) if p is not None)):
        if str(path) != "-":
            existing_file(Path(path))
    constructs = read_constructs(vector)
    with ExitStack() as stack:
        host = stack.enter_context(_host(reference, constructs)) if reference is not None else None
        shared = shared_with_host(constructs, host) if host is not None else None
        annotator = _annotator(genes, gene_lists, regions)
        inside = stack.enter_context(folder_beside(out))
        screened, found, verdict = examine(
            reads,
            constructs,
            host=host,
            shared=shared,
            reference=reference,
            purity=purity,
            ploidy=ploidy,
            settings=settings,
            quick=quick,
            annotator=annotator,
            host_depth=host_depth,
            threads=threads,
            progress=progress,
        )
        if normal:
            _, _, other = examine(
                normal, constructs, host=host, shared=shared, reference=reference, settings=settings, progress=progress
            )
            verdict = _with_normal(verdict, other)
        progress(1, 1, "writing")
        content = verdict_json(verdict)
        write_text(inside / "verdict.json", json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        write_verdict_section(inside, sample or Path(reads[0]).name.split(".")[0], content)
        site_files.write_all(inside, verdict, screened, found, host)
    return verdict


test_sample.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it by its name


def examine(
    reads: Sequence[Path],
    constructs: Sequence[Construct],
    *,
    host: FastaHost | None = None,
    shared: Sequence[npt.NDArray[np.bool_]] | None = None,
    reference: Path | None = None,
    purity: float | None = None,
    ploidy: float = 2.0,
    settings: Settings | None = None,
    quick: bool = False,
    annotator: _Annotator | None = None,
    host_depth: float | None = None,
    threads: int | None = None,
    progress: Progress = silent,
) -> tuple[Screened, Findings, Verdict]:
    """As :func:`test_sample` without files out: what the screen gave, the junctions, the verdict."""
    settings = settings or Settings()
    check_sort_order(reads)
    check_not_spliced(reads, reference)
    screened = screen_reads(reads, constructs, reference=reference, quick=quick, progress=progress, threads=threads)
    if screened.reads == 0 and screened.complete:
        raise NoReads(
            "the input holds no reads", where=", ".join(str(path) for path in reads), fix="check the file; nothing was tested"
        )
    notes = _check_reference(screened, host, reads)
    if host_depth is not None:
        how = UNTOLD if math.isnan(host_depth) else GIVEN
        screened = replace(screened, host=HostDepth(host_depth, screened.host.bases, how=how))
    progress(0, None, "junctions")
    found = find(screened, constructs, host, shared)

    def count(sites: Sequence[Site], library: Library) -> LocalCounts:
        return count_reference(
            [Path(p) for p in reads], sites, library, anchor=settings.anchor, paired=is_paired(screened), reference=reference
        )

    verdict = judge(
        screened,
        found,
        constructs,
        purity=purity,
        ploidy=ploidy,
        settings=settings,
        count_sites=count if screened.source != "fastq" else None,
        annotate_sites=annotator,
        notes=notes,
    )
    return screened, found, verdict


def _host(reference: Path, constructs: Sequence[Construct]) -> FastaHost:
    """The host's bases; a vector or virus that stands in the reference is none of it."""
    return FastaHost(reference, without=vectors_in_reference(constructs, reference))


def _check_reference(screened: Screened, host: FastaHost | None, reads: Sequence[Path]) -> list[str]:
    """Stops when the reads' own contigs contradict the reference; says what a missing reference means."""
    if host is None:
        if screened.source == "fastq":
            return ["No reference was given: reads from FASTQ cannot be placed, so no site can be named."]
        return [
            "No reference was given: sites rest on the file's own alignments, and vector parts that are also human were "
            "recognised only where the file aligns them to the host."
        ]
    if screened.source == "fastq" or not screened.contigs:
        return []
    theirs, ours = build_of(screened.contigs), build_of(host.lengths)
    if theirs is not None and ours is not None and theirs.name != ours.name:
        raise WrongReference(
            f"the reads are aligned to {theirs.name}, the reference is {ours.name}",
            where=str(reads[0]),
            fix="give the reference the reads were aligned to",
        )
    common = {bare_contig(name): length for name, length in host.lengths.items()}
    differing = [n for n, length in screened.contigs.items() if bare_contig(n) in common and common[bare_contig(n)] != length]
    if differing and ours is None and not host.has_windows:
        name = differing[0]
        short = f"contig {name} has {screened.contigs[name]:,} bases in the reads, {common[bare_contig(name)]:,} in the reference"
        raise WrongReference(short, where=str(reads[0]), fix="give the reference the reads were aligned to")
    return []


class _Annotator:
    """Genes, user lists and flagged regions at a set of sites."""

    def __init__(
        self, index: GeneIndex, lists: Mapping[str, frozenset[str]], regions: Sequence[tuple[str, int, int, str]]
    ) -> None:
        self._index, self._lists = index, lists
        self._regions: dict[str, list[tuple[int, int, str]]] = {}
        for contig, start, end, name in regions:
            self._regions.setdefault(bare_contig(contig), []).append((start, end, name))

    def __call__(self, sites: Sequence[Site]) -> dict[tuple[str, int], Annotation]:
        found = {}
        for site in sites:
            near = self._index.near(site.contig, site.position)
            flags = [name for start, end, name in self._regions.get(bare_contig(site.contig), ()) if start <= site.position < end]
            found[(site.contig, site.position)] = annotate(
                site.contig, site.position, site.orientation, near, lists=self._lists, flags=flags
            )
        return found


def _annotator(genes: Path | None, lists: Sequence[Path], regions: Path | None) -> _Annotator | None:
    if genes is None and regions is None:
        return None
    index = GeneIndex(read_genes(genes) if genes is not None else [])
    return _Annotator(
        index,
        {Path(path).name.split(".")[0]: read_gene_list(Path(path)) for path in lists},
        read_regions(regions) if regions is not None else [],
    )


def _with_normal(verdict: Verdict, other: Verdict) -> Verdict:
    compared = compare(verdict, other)
    return replace(verdict, normal=compared, reasons=(*verdict.reasons, f"normal sample: {compared['words']}"))
