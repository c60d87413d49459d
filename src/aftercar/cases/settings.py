"""What a study may set about causality. Every number is a working value without validation, and says so."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class CausalitySettings:
    """Working values of the suggestions; none is a published cut-off.

    Attributes:
        clonal_ratio: copies per tumour cell and insertion at or above which the tumour clone is said to carry the vector.
        bystander_ratio: the same at or below which the pattern is that of CAR T cells among the tumour.
        positive_cell_fraction: fraction of tumour cells carrying or expressing the CAR that supports a CAR-derived tumour.
        few_cell_fraction: fraction at or below which the pattern is that of bystanders.
        valid_negative_below: a negative counts when what it could have missed is below this fraction of tumour cells.
        lod_safety: factor on a laboratory's limit of detection before that comparison.
        methods_for_reported_negative: independent methods that make a negative without a stated limit acceptable.
        dominant_sites: most integration sites a report may name for them to be read as those of the clone.
        clonal_site_fraction: fraction of tumour cells with a site at or above which it is clonal.
        near_gene_bases: distance within which a site is near a gene.
        common_base_rate: share of ordinary products with an insertion at a gene from which it is called common.
        absent_below: "absent before infusion" needs an upper 95% limit of the allele fraction below this.
    """

    clonal_ratio: float = 0.7
    bystander_ratio: float = 0.1
    positive_cell_fraction: float = 0.7
    few_cell_fraction: float = 0.1
    valid_negative_below: float = 0.1
    lod_safety: float = 3.0
    methods_for_reported_negative: int = 2
    dominant_sites: int = 4
    clonal_site_fraction: float = 0.5
    near_gene_bases: int = 50_000
    common_base_rate: float = 0.1
    absent_below: float = 0.02

    def __post_init__(self) -> None:
        for item in fields(self):
            if getattr(self, item.name) < 0:
                raise ValueError(f"{item.name} is negative")
        if self.bystander_ratio >= self.clonal_ratio or self.few_cell_fraction >= self.positive_cell_fraction:
            raise ValueError("the limit of a bystander pattern must lie below that of a clone")


DEFAULTS = CausalitySettings()
