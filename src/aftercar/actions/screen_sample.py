"""Screen one sample and write what was found into a folder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aftercar import __version__
from aftercar.actions.progress import Progress, silent
from aftercar.actions.screen_reads import screen_reads
from aftercar.edges.constructs import read_constructs
from aftercar.edges.files import folder_beside
from aftercar.edges.screen_files import write_screen
from aftercar.reads.batch import Screened
from aftercar.reads.elements import ElementCount, count_elements, evidence_pairs
from aftercar.reads.vector_index import VectorIndex


def screen_sample(
    reads: Sequence[Path],
    vectors: Sequence[Path],
    out: Path,
    *,
    reference: Path | None = None,
    annotation: Path | None = None,
    quick: bool = False,
    sample: str = "",
    threads: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Screen ``reads`` for the constructs of the vector files; returns the figures that ``screen.json`` holds.

    Args:
        reads: the files of one sample.
        vectors: FASTA or GenBank files; several vectors at once are asked for together.
        out: a folder that does not exist or is empty; it appears only when everything is written.
        reference: the host's FASTA.
        annotation: GTF, GFF or BED of the elements, for a FASTA without one beside it.
        quick: see :func:`~aftercar.actions.screen_reads.screen_reads`.
        sample: name of the sample; the name of the first file without one.
        threads: inflating threads.
        progress: told how far it is.

    Raises:
        UsageError, InputError: see :func:`~aftercar.actions.screen_reads.screen_reads`.
    """
    index = VectorIndex.build(c for path in vectors for c in read_constructs(path, annotation=annotation))
    name = sample or (reads[0].name.split(".")[0] if reads else "")
    with folder_beside(out) as folder:
        screened = screen_reads(reads, index, reference=reference, quick=quick, progress=progress, threads=threads)
        progress(0, None, "counting by element")
        counts = count_elements(index, screened.pairs, screened.human_shared)
        figures = summary(name, index, screened, counts)
        write_screen(folder, name, screened, [element_row(count) for count in counts], figures)
    return figures


def element_row(count: ElementCount) -> dict[str, Any]:
    """A row of the table of counts by element."""
    element = count.element
    return {
        "target": count.target,
        "element": element.name,
        "kind": element.kind,
        "start": element.start + 1,
        "end": element.end,
        "strand": "+" if element.strand == 1 else "-",
        "length": element.length,
        "shared_bases": count.shared_bases,
        "reads": count.reads,
        "pairs": count.pairs,
        "evidence_pairs": count.evidence_pairs,
        "mean_depth": count.mean_depth,
        "covered": count.covered,
    }


def summary(name: str, index: VectorIndex, screened: Screened, counts: Sequence[ElementCount]) -> dict[str, Any]:
    """The figures of a screen, each with what it was counted over."""
    evidence = evidence_pairs(index, screened.pairs, screened.human_shared)
    wholes = {count.target: count for count in counts if count.element.name == "whole"}
    return {
        "aftercar": __version__,
        "sample": name,
        "source": screened.source,
        "answer": answer(screened, evidence),
        "evidence_pairs": evidence,
        "candidate_pairs": len(screened.pairs),
        "complete": screened.complete,
        "host_depth": screened.host.mean,
        "host_bases": screened.host.bases,
        "host_depth_how": screened.host.how,
        "read_length": screened.read_length,
        "insert_mean": screened.insert_mean,
        "insert_sd": screened.insert_sd,
        "shared_parts_known": screened.shared_known,
        **{key: value for key, value in screened.metrics.items() if key != "candidate_pairs"},
        "targets": [
            {
                "target": target.name,
                "form": target.form,
                "length": len(target.sequence),
                "evidence_pairs": wholes[target.name].evidence_pairs,
                "mean_depth": wholes[target.name].mean_depth,
                "covered": wholes[target.name].covered,
                "human_shared": [[start + 1, end] for start, end in screened.human_shared.get(target.name, ())],
            }
            for target in index.targets
        ],
        "vector_contigs": list(screened.vector_contigs),
        "gc_depth": list(screened.host.gc_depth),
        "notes": [*screened.notes, *_relatives(counts)],
    }


def _relatives(counts: Sequence[ElementCount]) -> list[str]:
    """A warning when only the WPRE is hit: it comes from woodchuck hepatitis virus, a relative of human hepatitis B virus."""
    whole = sum(c.evidence_pairs for c in counts if c.element.name == "whole")
    woodchuck = sum(c.evidence_pairs for c in counts if c.element.kind == "wpre")
    if whole and woodchuck == whole:
        return ["All vector reads lie on the WPRE, whose relatives include human hepatitis B virus: this may be an infection."]
    return []


def answer(screened: Screened, evidence: int) -> str:
    """What the screen alone may say; presence in the tumour is a verdict's business, not the screen's."""
    if not screened.reads and screened.complete:
        return "inconclusive: no reads"
    if evidence:
        return "vector reads found"
    return "no vector reads found" if screened.complete else "inconclusive: only part of the sample's reads was looked at"
