"""The tables of the study folder: who was treated, what happened, what was measured.

The registry stores the same tables, so a study folder goes in and comes out equal.
Empty means unknown everywhere; unknown is never read as "no" or "negative".
"""

from __future__ import annotations

from aftercar.vocab.columns import YES_NO_UNKNOWN, Column, Table
from aftercar.vocab.sources import MARKS
from aftercar.vocab.units import ASSAY_UNITS

_PERSON = Column(
    "person_id", "id", "Pseudonym of the person, given by the centre.", required=True, refers_to="people.person_id", personal=True
)
_NOTE = Column("note", "text", "Free text for people; never analysed. No names, no dates of birth.", personal=True)
_SOURCE = Column("source", "text", "Where the row comes from: DOI, address, registry or laboratory.")
_MARK = Column("evidence_mark", "choice", "How well the row was checked against its source.", choices=MARKS)

PEOPLE = Table(
    "people",
    "One row for each person treated.",
    (
        Column("person_id", "id", "Pseudonym of the person, given by the centre.", required=True, personal=True),
        Column("centre", "id", "Treating or reporting centre.", personal=True),
        Column("country", "text", "Country of the centre, ISO 3166-1 alpha-2.", personal=True),
        Column("sex", "choice", "Sex as recorded.", choices=("female", "male", "other", "unknown"), personal=True),
        Column("birth_year", "integer", "Year of birth.", unit="year", low=1900, high=2100, personal=True),
        Column(
            "enrolled_on",
            "date",
            "Day the person came under observation; later than the infusion means delayed entry.",
            personal=True,
        ),
        Column(
            "vital_status",
            "choice",
            "Known to be alive or dead at last_seen_on.",
            choices=("alive", "dead", "unknown"),
            personal=True,
        ),
        Column("last_seen_on", "date", "Last day the person was known to be under observation.", personal=True),
        Column("death_date", "date", "Day of death.", personal=True),
        Column("death_cause", "text", "Cause of death in words.", personal=True),
        Column(
            "consent",
            "choice",
            "Consent to the use of the data.",
            choices=("given", "withdrawn", "not_required", "unknown"),
            personal=True,
        ),
        Column(
            "possible_same_as",
            "id",
            "Another person_id that may be the same human being (published series overlap).",
            refers_to="people.person_id",
            personal=True,
        ),
        _SOURCE,
        _NOTE,
    ),
    key=("person_id",),
    required=True,
)

INFUSIONS = Table(
    "infusions",
    "One row for each CAR-T infusion; a person may have several.",
    (
        Column("infusion_id", "id", "Identifier of the infusion.", required=True, personal=True),
        _PERSON,
        Column("infused_on", "date", "Day of infusion.", personal=True),
        Column("product", "text", "Product: INN, brand or a known synonym.", required=True),
        Column("batch", "text", "Batch (lot) number.", personal=True),
        Column("chain_of_identity", "text", "Chain-of-identity number of the product.", personal=True),
        Column("dose_million_cells", "number", "CAR-positive viable T cells given.", unit="million cells", low=0),
        Column("product_vcn", "number", "Vector copies per transduced cell of the product.", unit="copies/cell", low=0, high=100),
        Column("indication", "text", "Disease treated."),
        Column("line_of_therapy", "integer", "Line of therapy that the infusion was.", unit="line", low=1, high=30),
        Column(
            "age_at_infusion",
            "number",
            "Age at infusion where the year of birth cannot be shared.",
            unit="years",
            low=0,
            high=120,
            personal=True,
        ),
        Column(
            "jurisdiction",
            "choice",
            "Whose follow-up rules apply.",
            choices=("EU", "US", "UK", "CA", "JP", "AU", "CH", "other", "unknown"),
        ),
        Column(
            "setting",
            "choice",
            "How the product was given.",
            choices=("commercial", "trial", "expanded_access", "hospital_exemption", "unknown"),
        ),
        Column("trial", "text", "Trial registration number."),
        Column(
            "response",
            "choice",
            "Best response of the treated disease.",
            choices=("CR", "PR", "SD", "PD", "not_evaluable", "unknown"),
        ),
        _NOTE,
    ),
    key=("infusion_id",),
    required=True,
)

PRIOR_THERAPY = Table(
    "prior_therapy",
    "Earlier treatment, one row for each agent, transplant or radiation course.",
    (
        Column("therapy_id", "id", "Identifier of the row.", required=True),
        _PERSON,
        Column(
            "kind",
            "choice",
            "Kind of treatment.",
            required=True,
            choices=(
                "chemotherapy",
                "radiation",
                "autologous_transplant",
                "allogeneic_transplant",
                "immunotherapy",
                "targeted",
                "bispecific",
                "maintenance",
                "other",
            ),
        ),
        Column("agent", "text", "Agent or regimen."),
        Column(
            "mutagenic_class",
            "choice",
            "Class of mutagen.",
            choices=("alkylator", "platinum", "topoisomerase_ii", "nucleoside_analogue", "radiation", "imid", "none", "unknown"),
        ),
        Column("started_on", "date", "First day.", personal=True),
        Column("ended_on", "date", "Last day.", personal=True),
        Column("line_of_therapy", "integer", "Line.", unit="line", low=1, high=30),
        Column(
            "timing",
            "choice",
            "Before or after the (first) infusion, where dates cannot be shared.",
            choices=("before", "bridging", "lymphodepletion", "after", "unknown"),
        ),
        _NOTE,
    ),
    key=("therapy_id",),
)

FOLLOW_UP = Table(
    "follow_up",
    "One row for each contact with a treated person.",
    (
        Column("contact_id", "id", "Identifier of the contact.", required=True),
        _PERSON,
        Column("contact_on", "date", "Day of the contact.", required=True, personal=True),
        Column(
            "kind",
            "choice",
            "How the person was seen.",
            choices=("examination", "telephone", "questionnaire", "record_review", "registry_form", "other"),
        ),
        Column("new_malignancy", "choice", "Whether a new malignancy was found or reported.", choices=YES_NO_UNKNOWN),
        Column(
            "treated_disease",
            "choice",
            "State of the treated disease.",
            choices=("remission", "relapse", "progression", "stable", "unknown"),
        ),
        _NOTE,
    ),
    key=("contact_id",),
)

CASES = Table(
    "cases",
    "One row for each suspected second malignancy.",
    (
        Column("case_id", "id", "Identifier of the case.", required=True),
        _PERSON,
        Column(
            "infusion_id", "id", "Infusion suspected; empty means the last one before onset.", refers_to="infusions.infusion_id"
        ),
        Column("diagnosis", "text", "Diagnosis in words, as reported.", required=True),
        Column(
            "lineage",
            "choice",
            "Cell lineage of the neoplasm.",
            choices=("T_cell", "B_cell", "myeloid", "NK_cell", "solid", "skin_non_melanoma", "unknown"),
        ),
        Column(
            "behaviour",
            "choice",
            "Malignant, or a lymphoproliferation that is not (yet) lymphoma.",
            choices=("malignant", "lymphoproliferative", "premalignant", "unknown"),
        ),
        Column(
            "histology_confirmed",
            "choice",
            "Whether histology (or flow cytometry of a leukaemia) confirmed it.",
            choices=YES_NO_UNKNOWN,
        ),
        Column("icd_o_morphology", "text", "ICD-O-3 morphology, for example 9702/3."),
        Column("icd_10", "text", "ICD-10 code."),
        Column("diagnosed_on", "date", "Day of diagnosis.", personal=True),
        Column(
            "onset_months",
            "number",
            "Months from the suspected infusion to diagnosis, where dates cannot be shared.",
            unit="months",
            low=0,
            high=1200,
        ),
        Column("reported_on", "date", "Day the report was first received.", personal=True),
        Column("serious", "choice", "Whether a seriousness criterion is met.", choices=YES_NO_UNKNOWN),
        Column(
            "outcome",
            "choice",
            "Outcome at last information.",
            choices=("recovered", "recovering", "not_recovered", "recovered_with_sequelae", "fatal", "unknown"),
        ),
        Column(
            "tested",
            "choice",
            "Whether tumour tissue was tested for the transgene.",
            required=True,
            choices=("yes", "no", "not_possible", "refused", "pending", "unknown"),
        ),
        Column("untested_reason", "text", "Why it was not tested."),
        Column(
            "car_result",
            "choice",
            "The laboratory's own statement on the transgene in the tumour, as reported.",
            choices=("detected", "detected_low", "not_detected", "inconclusive", "unknown"),
        ),
        Column("car_assays", "list", "Methods behind that statement."),
        Column("copies_per_cell", "number", "Reported vector copies per cell in the tumour sample.", unit="copies/cell", low=0),
        Column(
            "car_positive_fraction",
            "number",
            "Reported fraction of tumour cells that carry or express the CAR.",
            unit="fraction",
            low=0,
            high=1,
        ),
        Column("tumour_purity", "number", "Fraction of tumour cells in the tested sample.", unit="fraction", low=0, high=1),
        Column(
            "clone_before_infusion",
            "choice",
            "Whether the tumour's clone was looked for and found in a sample from before the infusion.",
            choices=("found", "not_found", "not_tested", "unknown"),
        ),
        Column("ebv", "choice", "EBV in the tumour.", choices=("positive", "negative", "not_tested", "unknown")),
        Column("htlv", "choice", "HTLV-1.", choices=("positive", "negative", "not_tested", "unknown")),
        _SOURCE,
        _MARK,
        _NOTE,
    ),
    key=("case_id",),
    required=True,
)

FINDINGS = Table(
    "findings",
    "Molecular findings of a case: variants, integrations, clones; with sample and depth.",
    (
        Column("finding_id", "id", "Identifier of the row.", required=True),
        Column("case_id", "id", "The case.", required=True, refers_to="cases.case_id"),
        Column(
            "kind",
            "choice",
            "What was found.",
            required=True,
            choices=("integration", "variant", "copy_number", "virus", "expression", "tcr_clone"),
        ),
        Column("gene", "text", "Gene symbol."),
        Column("description", "text", "Change or feature, for example p.Arg544Ter or 3' UTR."),
        Column("origin", "choice", "Germline, somatic or not known.", choices=("germline", "somatic", "unknown")),
        Column(
            "found_in",
            "choice",
            "Which material.",
            choices=(
                "tumour",
                "car_positive_cells",
                "car_negative_cells",
                "blood",
                "apheresis",
                "product",
                "germline",
                "unknown",
            ),
        ),
        Column("timing", "choice", "Taken before or after the infusion.", choices=("before", "after", "unknown")),
        Column(
            "alt_reads",
            "integer",
            "Reads (or droplets) with the finding; 0 with a depth is a negative down to that depth.",
            low=0,
        ),
        Column("depth", "integer", "Reads (or droplets) in all at that place.", low=0),
        Column("vaf", "number", "Variant allele fraction where counts are not known.", unit="fraction", low=0, high=1),
        Column("chrom", "text", "Chromosome of an integration."),
        Column("position", "integer", "Position of an integration, 1-based, last host base before the provirus.", low=1),
        Column("orientation", "choice", "Orientation of the provirus to the reference.", choices=("+", "-", "unknown")),
        Column("cell_fraction", "number", "Fraction of tumour cells with the finding.", unit="fraction", low=0, high=1),
        Column(
            "effect",
            "choice",
            "Effect on the gene, where shown.",
            choices=(
                "truncation",
                "overexpression",
                "silencing",
                "fusion_transcript",
                "loss_of_function",
                "gain_of_function",
                "none_seen",
                "unknown",
            ),
        ),
        _SOURCE,
        _MARK,
        _NOTE,
    ),
    key=("finding_id",),
)

SAMPLES = Table(
    "samples",
    "Specimens, and the files measured from them.",
    (
        Column("sample_id", "id", "Identifier of the sample.", required=True),
        _PERSON,
        Column("case_id", "id", "The case it belongs to.", refers_to="cases.case_id"),
        Column(
            "material",
            "choice",
            "What it is.",
            required=True,
            choices=(
                "tumour",
                "blood",
                "bone_marrow",
                "apheresis",
                "product",
                "germline",
                "car_positive_cells",
                "car_negative_cells",
                "other",
            ),
        ),
        Column("collected_on", "date", "Day it was taken.", personal=True),
        Column(
            "assay", "choice", "What was sequenced.", choices=("wgs", "capture", "rna", "lm_pcr", "amplicon", "long_read", "none")
        ),
        Column("reads", "list", "Read files: one BAM or CRAM, or one or two FASTQ files."),
        Column("vector", "file", "Vector sequence: FASTA or GenBank."),
        Column("reference", "file", "Reference genome FASTA; empty takes the study's."),
        Column("normal_reads", "list", "Read files of a CAR-negative sample of the same person."),
        Column("variants", "file", "VCF or MAF of somatic variants."),
        Column("site_table", "file", "Integration sites of the sample: from aftercar sites call or import, or another tool."),
        Column(
            "site_sheet",
            "file",
            "Sample sheet of an LM-PCR run (assay lm_pcr); its column specimen names this sample, "
            "and reads are its LTR, linker and index FASTQ in this order.",
        ),
        Column(
            "fragmentation",
            "choice",
            "How the DNA of an LM-PCR run was broken; empty takes sheared.",
            choices=("sheared", "restriction"),
        ),
        Column("purity", "number", "Fraction of tumour cells.", unit="fraction", low=0, high=1),
        Column("ploidy", "number", "Mean copies of the genome in tumour cells.", unit="copies", low=0.5, high=10),
        Column("amount_left", "text", "How much is left."),
        Column("stored_at", "text", "Where it is kept."),
        _NOTE,
    ),
    key=("sample_id",),
)

#: Columns of ``samples`` that name files of the study folder.
SAMPLE_FILES = tuple(c.name for c in SAMPLES.columns if c.kind == "file" or c.name.endswith("reads"))

ASSAY_RESULTS = Table(
    "assay_results",
    "Laboratory values: qPCR, ddPCR, flow, replication-competence tests.",
    (
        Column("result_id", "id", "Identifier of the row.", required=True),
        _PERSON,
        Column("sample_id", "id", "The sample.", refers_to="samples.sample_id"),
        Column("measured_on", "date", "Day the sample was taken.", required=True, personal=True),
        Column(
            "method",
            "choice",
            "Method.",
            required=True,
            choices=("qpcr", "ddpcr", "flow", "ihc", "integration_sites", "rcl_rcr", "other"),
        ),
        Column("target", "text", "What was measured, for example CAR, WPRE, VSV-G."),
        Column("value", "number", "The value; empty with a result of not_detected is below the limit.", low=0),
        Column("unit", "choice", "Unit of the value.", required=True, choices=tuple(ASSAY_UNITS)),
        Column(
            "result",
            "choice",
            "The laboratory's statement.",
            choices=("detected", "not_detected", "below_loq", "inconclusive", "unknown"),
        ),
        Column("lod", "number", "Limit of detection in the same unit.", low=0),
        Column("loq", "number", "Limit of quantification in the same unit.", low=0),
        Column(
            "denominator",
            "choice",
            "Cells that a fraction or copies per cell counts.",
            choices=("nucleated_cells", "pbmc", "t_cells", "tumour_cells", "unknown"),
        ),
        Column("matrix", "choice", "Material.", choices=("whole_blood", "pbmc", "bone_marrow", "tumour", "product", "other")),
        Column("replicates", "integer", "Technical replicates.", low=1),
        Column("positive_droplets", "integer", "ddPCR: droplets positive for the target.", low=0),
        Column("total_droplets", "integer", "ddPCR: droplets accepted.", low=1),
        _NOTE,
    ),
    key=("result_id",),
)

EXPOSURE = Table(
    "exposure",
    "Aggregate exposure and case counts by source, where there are no person-level data.",
    (
        Column("exposure_id", "id", "Identifier of the row.", required=True),
        Column("group", "text", "What the row counts: a product, or a class of products.", required=True),
        Column("product", "text", "Product, where the row is about one; empty for a class."),
        Column("comparison", "id", "Rows with the same value may be compared with each other (same source and case definition)."),
        Column("persons", "integer", "Persons treated.", required=True, unit="persons", low=0, mask=True),
        Column("person_years", "number", "Person-years observed; empty means not published.", unit="person-years", low=0),
        Column("median_follow_up_months", "number", "Median follow-up.", unit="months", low=0),
        Column(
            "outcome",
            "choice",
            "What the cases are.",
            required=True,
            choices=("t_cell_malignancy", "second_primary_malignancy", "myeloid_neoplasm", "other"),
        ),
        Column("cases", "integer", "Suspected cases.", required=True, unit="cases", low=0, mask=True),
        Column("tested", "integer", "Cases with tumour tissue tested for the transgene.", unit="cases", low=0, mask=True),
        Column("car_positive", "integer", "Cases with the transgene found.", unit="cases", low=0, mask=True),
        Column(
            "onset_within_12_months", "number", "Share of cases within 12 months of infusion.", unit="fraction", low=0, high=1
        ),
        Column("onset_median_months", "number", "Median onset.", unit="months", low=0),
        Column("onset_low_months", "number", "Shortest onset.", unit="months", low=0),
        Column("onset_high_months", "number", "Longest onset.", unit="months", low=0),
        Column(
            "kind",
            "choice",
            "How the cases came in: decides whether the figure may be called an incidence.",
            required=True,
            choices=("spontaneous_reports", "safety_database", "registry", "trial", "cohort", "claims"),
        ),
        Column("data_lock", "date", "Data-lock date of the source."),
        Column("region", "text", "Region that the row covers; empty means worldwide or not stated."),
        Column("period_start", "date", "First day of the period that the row covers."),
        Column("period_end", "date", "Last day of the period that the row covers."),
        _SOURCE,
        _MARK,
        Column("note", "text", "Free text."),
    ),
    key=("exposure_id",),
    level="aggregate",
)

TABLES = (PEOPLE, INFUSIONS, PRIOR_THERAPY, FOLLOW_UP, CASES, FINDINGS, SAMPLES, ASSAY_RESULTS, EXPOSURE)
