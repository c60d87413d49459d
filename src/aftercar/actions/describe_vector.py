"""Describe the constructs of a file: elements, integrated form, k-mers, parts that the host's genome shares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aftercar.actions.progress import Progress, silent
from aftercar.actions.screen_reads import shared_with_reference
from aftercar.edges.constructs import read_constructs
from aftercar.edges.files import existing_file
from aftercar.reads.elements import element_table
from aftercar.reads.shared import from_names
from aftercar.reads.vector_index import VectorIndex


def describe_vector(
    path: Path, *, reference: Path | None = None, annotation: Path | None = None, progress: Progress = silent
) -> list[dict[str, Any]]:
    """One description for each form (as given, provirus) of each construct.

    Args:
        path: FASTA or GenBank.
        reference: the host's FASTA; without it the shared parts are guessed from the names of the elements.
        annotation: GTF, GFF or BED of the elements, for a FASTA without one beside it.
        progress: told how far it is.
    """
    index = VectorIndex.build(read_constructs(path, annotation=annotation))
    if reference is not None:
        existing_file(reference)
        progress(0, None, "comparing with the reference")
        shared = shared_with_reference(index, reference)
    else:
        shared = from_names(index)
    elements = element_table(index)
    described = []
    for number, target in enumerate(index.targets):
        provirus = index.proviruses[target.construct]
        parts = shared[target.name]
        described.append(
            {
                "target": target.name,
                "form": target.form,
                "length": len(target.sequence),
                "circular": target.circular,
                "kind": provirus.kind,
                "ends": provirus.how,
                "ltr_length": provirus.ltr_length,
                "target_site_duplication": provirus.duplication,
                "starts_with": target.sequence[:12],
                "ends_with": target.sequence[-12:],
                "kmers": _kmers(index, number),
                "shared_found_by": "reference" if reference is not None else "names of the elements",
                "shared_bases": sum(end - start for start, end in parts),
                "human_shared": [[start + 1, end] for start, end in parts],
                "elements": [
                    {
                        "target": target.name,
                        "element": element.name,
                        "kind": element.kind,
                        "start": element.start + 1,
                        "end": element.end,
                        "strand": "+" if element.strand == 1 else "-",
                        "length": element.length,
                        "shared_bases": sum(max(0, min(element.end, end) - max(element.start, start)) for start, end in parts),
                    }
                    for element in elements[target.name]
                ],
            }
        )
    return described


def _kmers(index: VectorIndex, target: int) -> int:
    """Distinct 16-mers of a target, both strands."""
    starts = index.parts[:, 0] - index.parts[:, 3]
    owner = index.parts[np.searchsorted(starts, index.places, "right") - 1, 1]
    return len(np.unique(index.keys[owner == target]))
