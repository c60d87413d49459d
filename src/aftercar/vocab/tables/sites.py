"""Tables of the integration-site assays: sites, the sample sheet of a run, what ordinary products carry, laboratory series."""

from __future__ import annotations

from aftercar.vocab.columns import Column, Table

_PLACE = (
    Column("chrom", "text", "Chromosome.", required=True),
    Column(
        "position",
        "integer",
        "Position, 1-based. Called by AfterCAR: the last host base before the provirus in reference orientation. "
        "Imported: as the other tool gave it (a few bases apart).",
        required=True,
        low=1,
    ),
    Column("orientation", "choice", "Strand of the provirus.", required=True, choices=("+", "-", "unknown")),
)

INTEGRATION_SITES = Table(
    "integration_sites",
    "One row for each site in each sample (or replicate), whatever tool found it.",
    (
        Column("sample_id", "id", "Sample, specimen or amplification.", required=True),
        Column("person_id", "id", "Pseudonym of the person; empty when not known.", personal=True),
        Column("timepoint", "text", "Time point as the laboratory names it.", personal=True),
        Column("day", "number", "Days since infusion.", unit="days", low=-3650, personal=True),
        Column("cell_type", "text", "Cell type or tissue."),
        Column("replicate", "integer", "Technical replicate; empty when replicates are pooled.", low=1),
        *_PLACE,
        Column("genome", "text", "Build of the position, for example GRCh38."),
        Column("reads", "integer", "Reads of the site. PCR copies: never an abundance.", unit="reads", low=0),
        Column("fragments", "integer", "Distinct fragment lengths: the plain count.", unit="fragments", low=0),
        Column("umis", "integer", "Distinct UMIs after merging errors.", unit="UMIs", low=0),
        Column("cells", "number", "Estimated cells (saturation-corrected, or as imported).", unit="cells", low=0),
        Column("cells_low", "number", "Lower limit of the estimate.", unit="cells", low=0),
        Column("cells_high", "number", "Upper limit of the estimate.", unit="cells", low=0),
        Column("share", "number", "Share of all cells of the sample.", unit="fraction", low=0, high=1),
        Column("share_low", "number", "Lower limit of the share.", unit="fraction", low=0, high=1),
        Column("share_high", "number", "Upper limit of the share.", unit="fraction", low=0, high=1),
        Column("gene", "text", "Gene that the other tool named, or that the site lies in."),
        Column("places", "integer", "Places on the genome that fit equally well; 1 is unique.", low=1),
        Column("group", "text", "Multi-hit group, for sites with several places."),
        Column("other_places", "list", "Other places of the group, as chrom:position(strand); the first twenty."),
        Column("flags", "list", "What speaks against the site: contamination, negative control, repeat."),
        Column("came_from", "text", "Format and file that the row was read from."),
    ),
    key=("sample_id", "replicate", "chrom", "position", "orientation", "group"),
    level="person",
)

LMPCR_SHEET = Table(
    "lmpcr_sheet",
    "Sample sheet of one LM-PCR run: one row for each barcoded amplification.",
    (
        Column("sample_id", "id", "Amplification, usually sample and replicate (S1-1, S1-2).", required=True),
        Column("specimen", "id", "Specimen whose replicates belong together; empty takes sample_id without its last -number."),
        Column("person_id", "id", "Pseudonym of the person; empty for controls.", personal=True),
        Column("timepoint", "text", "Time point.", personal=True),
        Column("cell_type", "text", "Cell type or tissue."),
        Column("barcode", "text", "Index read (I1) in the sequencer's orientation.", required=True),
        Column("linker", "text", "Linker as read, N for each base of the UMI.", required=True),
        Column("primer", "text", "LTR primer as read from the virus into the host.", required=True),
        Column(
            "ltr_end",
            "text",
            "LTR bases after the primer up to the last base before the host (ends in CA): a read must show them.",
            required=True,
        ),
        Column("ltr_in_host", "text", "Reverse-complemented LTR start that a short fragment's linker read runs into."),
        Column("ltr_side", "choice", "Which end of the provirus the primer reads out of.", choices=("U5", "U3")),
        Column("vector", "file", "Vector sequence (FASTA); its internal fragments are dropped."),
        Column(
            "control",
            "choice",
            "What the row is.",
            choices=("sample", "negative_control", "positive_control"),
        ),
    ),
    key=("sample_id",),
    level="person",
)

SITE_BACKGROUND = Table(
    "site_background",
    "Where the sites of ordinary infusion products fall: one row for each gene.",
    (
        Column("gene", "text", "Gene symbol of the gene model.", required=True),
        Column("chrom", "text", "Chromosome of the gene.", required=True),
        Column("length", "integer", "Bases of the gene (union of transcripts).", unit="bases", low=1),
        Column("products_in", "integer", "Products with at least one site in the gene.", unit="products", low=0),
        Column("products_near", "integer", "Products with at least one site in or near it.", unit="products", low=0),
        Column("products", "integer", "Products in all.", unit="products", low=0),
        Column("sites_in", "integer", "Distinct sites in the gene.", unit="sites", low=0),
        Column("sites_near", "integer", "Distinct sites in or near it.", unit="sites", low=0),
        Column("sites", "integer", "Distinct sites in all.", unit="sites", low=0),
        Column("share_in", "number", "Chance that one site of a product lies in the gene.", unit="fraction", low=0, high=1),
        Column("share_in_low", "number", "Lower limit of share_in.", unit="fraction", low=0, high=1),
        Column("share_in_high", "number", "Upper limit of share_in.", unit="fraction", low=0, high=1),
        Column("fold_over_random", "number", "Sites in the gene over what its length alone predicts.", unit="fold", low=0),
        Column("near_bases", "integer", "What near means.", unit="bases", low=0),
    ),
    key=("gene", "chrom"),
    level="result",
)

SITE_ASSAYS = Table(
    "site_assays",
    "The integration-site assay of each sample that has one: clones, diversity, and the largest clone against the setting.",
    (
        Column("sample_id", "id", "The sample.", required=True),
        Column("case_id", "id", "The case."),
        Column("material", "text", "Material."),
        Column(
            "state",
            "choice",
            "Sites were found, none was found (no negative: what would have been found is not known), or the run is vetoed.",
            choices=("sites", "no_sites", "vetoed"),
        ),
        Column("source", "text", "Run or table that it was read from."),
        Column("unit", "text", "What the abundance counts."),
        Column("clones", "integer", "Distinct sites used.", unit="sites", low=0),
        Column("set_aside", "integer", "Rows left out for their flags.", unit="rows", low=0),
        Column("cells", "number", "Sum of the abundance.", low=0),
        Column("shannon", "number", "Shannon entropy in nats."),
        Column("simpson", "number", "Gini-Simpson index."),
        Column("gini", "number", "Gini coefficient.", low=0, high=1),
        Column("chao1", "number", "Bias-corrected lower bound of the number of clones.", unit="clones", low=0),
        Column("uc50_ascending", "integer", "UC50 by the ascending cumulative sum.", unit="clones", low=0),
        Column("uc50_fewest", "integer", "Fewest clones that hold half of the cells.", unit="clones", low=0),
        Column("share", "number", "Share of the largest clone among vector-positive cells.", unit="fraction", low=0, high=1),
        Column("low", "number", "Lower limit.", unit="fraction", low=0, high=1),
        Column("high", "number", "Upper limit.", unit="fraction", low=0, high=1),
        Column(
            "above_setting",
            "choice",
            "Whether the largest clone is above the clonality setting; empty when clone sizes are not known.",
            choices=("above", "not_above", "cannot_say"),
        ),
        Column("words", "text", "The largest clone against the setting, in words."),
        Column("problems", "list", "What a person must look at."),
    ),
    key=("sample_id",),
    level="result",
)

SITE_CLONES = Table(
    "site_clones",
    "The largest clones of each integration-site assay, with how common their genes are among ordinary products.",
    (
        Column("sample_id", "id", "The sample.", required=True),
        Column("rank", "integer", "1 is the largest clone.", required=True, low=1),
        *_PLACE,
        Column("cells", "number", "Abundance in the assay's unit.", low=0),
        Column("share", "number", "Share of the vector-positive cells.", unit="fraction", low=0, high=1),
        Column("low", "number", "Lower limit.", unit="fraction", low=0, high=1),
        Column("high", "number", "Upper limit.", unit="fraction", low=0, high=1),
        Column("gene", "text", "Gene hit, or the nearest one."),
        Column("distance", "integer", "0 inside the gene, else bases to it; empty when not known.", unit="bases", low=0),
        Column("feature", "text", "Exon, intron, utr5, utr3, upstream or downstream."),
        Column("places", "integer", "Places on the genome that fit equally well.", low=1),
        Column("products_with_site", "integer", "Ordinary products with a site at the gene.", unit="products", low=0),
        Column("products", "integer", "Ordinary products looked at.", unit="products", low=0),
    ),
    key=("sample_id", "rank"),
    level="result",
)

#: Computed for a study.
RESULTS = (SITE_ASSAYS, SITE_CLONES)
TABLES = (INTEGRATION_SITES, LMPCR_SHEET, SITE_BACKGROUND, *RESULTS)
