"""Units of laboratory values and the conversions between them, each with its assumption in the name.

A diploid human genome weighs about 6.3 pg here (two sets of 3.1 Gb at 650 g/mol per base pair give
6.5 to 6.6; the field's convention in CAR-T assays is 6.3 to 6.6 and the value used is always printed).
"""

from __future__ import annotations

PG_PER_DIPLOID_GENOME = 6.3
DIPLOID_GENOMES_PER_UG = 1e6 / PG_PER_DIPLOID_GENOME

#: Accepted units of an assay result and what they count.
ASSAY_UNITS: dict[str, str] = {
    "copies/ug": "vector copies per microgram of genomic DNA",
    "copies/cell": "vector copies per diploid genome (VCN)",
    "percent_cells": "percent of cells that carry or express the CAR",
    "fraction_cells": "fraction of cells that carry or express the CAR (0 to 1)",
    "copies/ul": "vector copies per microlitre of blood",
    "fraction": "a fraction of 1 (VAF, clone share)",
    "count": "a count (sites, reads, cells)",
    "qualitative": "no number: detected, not detected, inconclusive",
}


def copies_per_cell(copies_per_ug: float, pg_per_genome: float = PG_PER_DIPLOID_GENOME) -> float:
    """Vector copies per diploid genome from copies per microgram of DNA.

    Assumes that the DNA is human and diploid; dead cells and bacterial DNA lower the true value.
    """
    return copies_per_ug * pg_per_genome / 1e6
