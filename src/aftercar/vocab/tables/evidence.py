"""The table of integration sites of one sample (``sites.tsv``, ``sites.parquet``)."""

from __future__ import annotations

from aftercar.vocab.columns import Column, Table

SITES = Table(
    "sites",
    "One row for each integration site found in a sample.",
    (
        Column("chrom", "text", "Host sequence.", required=True),
        Column("pos", "integer", "Last host base before the provirus in reference orientation, 1-based.", required=True, low=0),
        Column("pos_low", "integer", "Lowest position that the reads allow."),
        Column("pos_high", "integer", "Highest position that the reads allow."),
        Column("exact", "boolean", "Whether a read across the junction fixes the base."),
        Column("orientation", "choice", "Whether the provirus reads with (+) or against (-) the reference.", choices=("+", "-")),
        Column("tsd", "integer", "Target-site duplication; negative when bases are lost.", unit="bases"),
        Column("left_support", "integer", "Fragments at the left junction.", low=0),
        Column("right_support", "integer", "Fragments at the right junction.", low=0),
        Column("left_split", "integer", "Of those, with a read across the left junction.", low=0),
        Column("right_split", "integer", "Of those, with a read across the right junction.", low=0),
        Column("right_pos", "integer", "First host base after the provirus, 1-based."),
        Column("left_microhomology", "integer", "Bases by which the left boundary could move.", unit="bases"),
        Column("right_microhomology", "integer", "Bases by which the right boundary could move.", unit="bases"),
        Column(
            "filter",
            "choice",
            "How firmly the site is located.",
            choices=("PASS", "single_fragment", "approximate", "repeat", "weak"),
        ),
        Column("flags", "list", "Remarks: one_end, position_inferred, break_inside_vector, several_places."),
        Column("cell_fraction", "number", "Fraction of all cells with the insertion, one copy a cell.", low=0, high=1),
        Column("cell_fraction_low", "number", "Lower limit of the 95% interval.", low=0, high=1),
        Column("cell_fraction_high", "number", "Upper limit of the 95% interval.", low=0, high=1),
        Column(
            "tumour_cell_fraction", "number", "Fraction of tumour cells, if only they carry it; empty without a purity.", low=0
        ),
        Column("tumour_cell_fraction_low", "number", "Lower limit of the 95% interval.", low=0),
        Column("tumour_cell_fraction_high", "number", "Upper limit of the 95% interval.", low=0),
        Column(
            "clonality",
            "choice",
            "What the fraction says of the clone.",
            choices=("clonal", "subclonal", "bystander", "indeterminate"),
        ),
        Column("left_junction_fragments", "integer", "Left fragments counted for the cell fraction.", low=0),
        Column("right_junction_fragments", "integer", "Right fragments counted for the cell fraction.", low=0),
        Column("reference_fragments", "number", "Fragments across the empty site, or expected ones.", low=0),
        Column("denominator", "text", "Where the reference fragments come from."),
        Column("gene", "text", "Gene hit, or the nearest one."),
        Column("distance", "integer", "0 inside the gene, else bases to it.", unit="bases", low=0),
        Column("gene_feature", "text", "exon, intron, utr5, utr3, upstream or downstream."),
        Column("gene_sense", "text", "same or opposite direction of provirus and gene."),
        Column("consequence", "text", "Predicted effect on the gene; a prediction, not a finding."),
        Column("genes_also", "list", "Further genes hit."),
        Column("gene_lists", "list", "The user's gene lists that hold a gene hit."),
        Column("region_flags", "list", "Flagged regions that hold the site."),
        Column("places", "list", "All places of a site in repeated sequence."),
    ),
    key=("chrom", "pos", "orientation"),
    level="result",
)

TABLES = (SITES,)
