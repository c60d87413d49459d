"""Make a simulated tumour sample with known truth: reads as BAM and FASTQ, reference, vector, truth table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aftercar.actions.progress import Progress, silent
from aftercar.edges.constructs import read_constructs
from aftercar.edges.fasta import FastaFile
from aftercar.edges.files import folder_beside, write_text
from aftercar.errors import UsageError
from aftercar.testing.simulate import (
    TSD,
    Bases,
    Insertion,
    Population,
    Sample,
    as_text,
    plant,
    provirus_from,
    random_bases,
    random_host,
)
from aftercar.testing.simulate_files import write_bam, write_fastq

_LARGEST = 300_000_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to simulate.

    Attributes:
        sites: insertions in the tumour clone.
        purity: share of tumour cells.
        ploidy: chromosome copies of a tumour cell.
        bystanders: bystander clones with one insertion each, sharing ``bystander_fraction`` of all cells.
        depth: mean host depth.
        read_length, insert_mean, insert_sd, error_rate, duplicates: of the library.
        plasmid_depth: depth of plasmid DNA spiked in.
        truncate: chance that a provirus lost part of one end.
        host_length: bases of the invented host, when no reference is given.
        seed: of everything.
    """

    sites: int = 1
    purity: float = 0.6
    ploidy: int = 2
    bystanders: int = 0
    bystander_fraction: float = 0.05
    depth: float = 30.0
    read_length: int = 150
    insert_mean: float = 400.0
    insert_sd: float = 80.0
    error_rate: float = 0.002
    duplicates: float = 0.0
    plasmid_depth: float = 0.0
    truncate: float = 0.0
    host_length: int = 1_000_000
    seed: int = 1


def simulate_sample(
    out: Path,
    recipe: Recipe,
    *,
    reference: Path | None = None,
    vector: Path | None = None,
    fastq: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Write ``tumour.bam`` (and FASTQ), ``reference.fa``, ``vector.fa``, ``truth.tsv`` and ``truth.json`` into a new folder.

    Args:
        out: folder to be made.
        recipe: what to simulate.
        reference: host FASTA up to 300 Mb; invented without one.
        vector: construct whose provirus is planted; an invented lentiviral one without it.
        fastq: write FASTQ beside the BAM.
        progress: told how far it is.

    Returns:
        The content of ``truth.json``.

    Raises:
        UsageError: fractions out of range, a reference too long, or no room for the insertions.
    """
    if not 0 <= recipe.purity <= 1 or recipe.purity + (recipe.bystander_fraction if recipe.bystanders else 0) > 1:
        raise UsageError("purity and bystanders add up to more than all cells", fix="lower --purity or --bystander-fraction")
    host = _host(reference, recipe)
    given, provirus, tsd = _vector(vector, recipe.seed)
    total = recipe.sites + recipe.bystanders
    planted = plant(host, provirus, sites=total, seed=recipe.seed, tsd=tsd, truncate=recipe.truncate)
    order = np.random.default_rng(recipe.seed).permutation(total)
    tumour = tuple(planted[i] for i in sorted(order[: recipe.sites]))
    rest = [planted[i] for i in sorted(order[recipe.sites :])]
    populations = [Population("tumour", recipe.purity, tumour, recipe.ploidy)]
    populations += [
        Population(f"bystander {i + 1}", recipe.bystander_fraction / len(rest), (site,)) for i, site in enumerate(rest)
    ]
    sample = Sample(
        host,
        tuple(populations),
        depth=recipe.depth,
        read_length=recipe.read_length,
        insert_mean=recipe.insert_mean,
        insert_sd=recipe.insert_sd,
        error_rate=recipe.error_rate,
        duplicates=recipe.duplicates,
        plasmid=given if recipe.plasmid_depth else "",
        plasmid_depth=recipe.plasmid_depth,
        seed=recipe.seed,
    )
    truth = _truth(sample, recipe)
    with folder_beside(out) as folder:
        progress(0, 3, "reads")
        write_bam(sample, folder / "tumour.bam")
        if fastq:
            progress(1, 3, "FASTQ")
            write_fastq(sample, folder / "tumour_1.fastq.gz", folder / "tumour_2.fastq.gz")
        progress(2, 3, "reference and truth")
        write_text(folder / "reference.fa", "".join(_fasta(name, as_text(bases)) for name, bases in host.items()))
        write_text(folder / "vector.fa", _fasta("vector", given))
        write_text(folder / "truth.json", json.dumps(truth, indent=2) + "\n")
        rows = ["\t".join(truth["sites"][0])] if truth["sites"] else []
        rows += ["\t".join(str(value) for value in site.values()) for site in truth["sites"]]
        write_text(folder / "truth.tsv", "".join(f"{row}\n" for row in rows))
    return truth


def _host(reference: Path | None, recipe: Recipe) -> Mapping[str, Bases]:
    if reference is None:
        half = recipe.host_length // 2
        return random_host({"chr1": recipe.host_length - half, "chr2": half}, seed=recipe.seed)
    with FastaFile(reference) as fasta:
        total = sum(fasta.lengths.values())
        if total > _LARGEST:
            raise UsageError(f"the reference has {total:,} bases", fix=f"give a piece of up to {_LARGEST:,} bases")
        return {name: fasta.fetch_array(name, 0, length) for name, length in fasta.lengths.items()}


def _vector(vector: Path | None, seed: int) -> tuple[str, str, int]:
    """The construct as given, its provirus and the target-site duplication."""
    if vector is None:
        ltr = "TGGAAGGGCTAATTCACTCCC" + random_bases(190, seed=seed + 1) + "GTGTGGAAAATCTCTAGCA"
        provirus = provirus_from(
            ltr=ltr, internal="GTGGCGCCCGAACAGGGAC" + random_bases(4_000, seed=seed + 2) + "AAAAGAAAAGGGGGGAC"
        )
        return provirus, provirus, TSD["lentiviral"]
    construct = read_constructs(vector)[0]
    form = construct.provirus()
    return construct.sequence, form.sequence, form.duplication or TSD["lentiviral"]


def _truth(sample: Sample, recipe: Recipe) -> dict[str, Any]:
    return {
        "seed": recipe.seed,
        "depth": recipe.depth,
        "purity": recipe.purity,
        "vector_copies_per_cell": sample.vector_copies(),
        "sites": [_row(sample, population.name, site) for population in sample.populations for site in population.insertions],
    }


def _row(sample: Sample, clone: str, site: Insertion) -> dict[str, Any]:
    return {
        "chrom": site.contig,
        "pos": site.position + 1,
        "right_pos": site.right + 1,
        "orientation": site.orientation,
        "tsd": site.tsd,
        "clone": clone,
        "cell_fraction": round(sample.cell_fraction(site), 6),
        "provirus_length": len(site.provirus),
    }


def _fasta(name: str, sequence: str) -> str:
    return f">{name}\n" + "".join(f"{sequence[i : i + 60]}\n" for i in range(0, len(sequence), 60))
