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

COVERAGE = Table(
    "coverage",
    "Depth along the construct, one row for each window.",
    (
        Column("vector", "text", "Construct.", required=True),
        Column(
            "part",
            "choice",
            "The integrated form, or the construct as given where parts of it do not integrate.",
            required=True,
            choices=("provirus", "given"),
        ),
        Column("start", "integer", "First base of the window, 1-based.", unit="bases", required=True, low=1),
        Column("end", "integer", "Last base of the window.", unit="bases", required=True, low=1),
        Column("depth", "number", "Mean depth by fragments that are evidence of the vector; LTR copies share theirs.", low=0),
        Column("human", "number", "Share of its bases that the human genome has too; they are no evidence.", low=0, high=1),
    ),
    key=("vector", "part", "start"),
    level="result",
)

JUNCTION_FRAGMENTS = Table(
    "junction_fragments",
    "The longest fragments at each end of each site, at most forty an end.",
    (
        Column("chrom", "text", "Host sequence of the site.", required=True),
        Column("pos", "integer", "Position of the site, as in the table sites.", required=True, low=0),
        Column("orientation", "choice", "Orientation of the provirus.", choices=("+", "-")),
        Column("side", "choice", "End of the provirus in reference orientation.", choices=("left", "right")),
        Column("fragment", "integer", "Number of the fragment, longest first.", low=1),
        Column("kind", "choice", "A read crosses the junction, or it lies between the reads.", choices=("split", "spanning")),
        Column("host_bases", "integer", "Bases of the fragment on the host's side, as far as read.", unit="bases", low=0),
        Column("vector_bases", "integer", "Bases of the fragment on the vector's side, as far as read.", unit="bases", low=0),
        Column("fragments", "integer", "All fragments at this end.", low=1),
    ),
    key=("chrom", "pos", "orientation", "side", "fragment"),
    level="result",
)

TABLES = (SITES, COVERAGE, JUNCTION_FRAGMENTS)
