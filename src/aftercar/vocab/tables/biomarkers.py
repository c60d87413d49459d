"""Tables of biomarker work: model cohort, covariates with the day they became known, pick lists, judged variants."""

from __future__ import annotations

from aftercar.vocab.columns import Column, Table

_PERSON = Column("person_id", "id", "Pseudonym of the person.", required=True, personal=True)
_SAMPLE = Column("sample_id", "text", "Sample as the variant file or the study names it.", required=True, personal=True)
_STATUSES = ("positive", "unconfirmed", "negative", "below_depth", "depth_unknown")
_GENE = Column("gene", "text", "Gene symbol.", required=True)


def _fraction(name: str, about: str) -> Column:
    return Column(name, "number", about, unit="fraction", low=0, high=1)


MODEL_COHORT = Table(
    "model_cohort",
    "One row for each treated person: time under observation since infusion, and how it ended.",
    (
        _PERSON,
        Column(
            "start",
            "number",
            "Day of entry into observation since infusion; 0 when from infusion.",
            required=True,
            unit="days",
            low=0,
        ),
        Column("stop", "number", "Last day of observation since infusion.", required=True, unit="days", low=0),
        Column("cause", "integer", "0 censored, 1 the outcome, 2 death or another competing end.", required=True, low=0, high=9),
        Column("centre", "id", "Treating centre.", personal=True),
        Column("stratum", "text", "Sampling stratum or matching label, for example the product."),
        Column(
            "sample_available", "choice", "Whether a sample from before infusion is stored.", choices=("yes", "no", "unknown")
        ),
    ),
    key=("person_id",),
)

MODEL_COVARIATES = Table(
    "model_covariates",
    "Covariate values, each with the day since infusion on which it became known.",
    (
        _PERSON,
        Column("name", "text", "Name of the covariate.", required=True),
        Column("value", "number", "Its value; empty is missing (for a marker: below depth, or unconfirmed)."),
        Column(
            "known_day",
            "number",
            "Day since infusion on which it became known; 0 or less is baseline, empty is not recorded.",
            unit="days",
        ),
    ),
)

EXPOSED_SINCE = Table(
    "exposed_since",
    "Exposures that begin after infusion (second CAR T, maintenance): the day since infusion on which each began.",
    (
        _PERSON,
        Column("day", "number", "Day since infusion on which the exposure began.", required=True, unit="days"),
    ),
    key=("person_id",),
)

PICK_LIST = Table(
    "pick_list",
    "Whose stored sample is taken for a sampled design, and why.",
    (
        _PERSON,
        Column("reason", "choice", "Why.", required=True, choices=("case", "subcohort", "case and subcohort", "control")),
        Column("stratum", "text", "Stratum the person was drawn in."),
        Column("matched_set", "text", "Matched set of a case and its controls; empty for a subcohort."),
        Column("at_day", "number", "Day since infusion at which a control was drawn.", unit="days"),
        _fraction("probability", "Chance of being drawn (in that set)."),
        Column("available", "choice", "Whether the sample exists.", choices=("yes", "no")),
    ),
)

HYPOTHESES = Table(
    "hypotheses",
    "Hypotheses written down before the cases were seen.",
    (
        Column("hypothesis_id", "id", "Its name.", required=True),
        Column("marker", "text", "Covariate it is about.", required=True),
        Column("outcome", "text", "Outcome it is about.", required=True),
        Column(
            "direction",
            "choice",
            "Expected direction of the risk in carriers.",
            required=True,
            choices=("higher", "lower", "either"),
        ),
        Column("family", "text", "Hypotheses with the same value are adjusted together.", required=True),
        Column("registered_on", "date", "Day it was written down.", required=True),
    ),
    key=("hypothesis_id",),
    level="aggregate",
)

GENE_DEPTHS = Table(
    "gene_depths",
    "Reads over each gene in each sample, so that 'not called' can be told from 'not looked at'.",
    (
        _SAMPLE,
        _GENE,
        Column(
            "depth",
            "integer",
            "Reads over the gene's listed positions (the lowest or a low quantile, not the mean).",
            required=True,
            low=0,
        ),
    ),
    key=("sample_id", "gene"),
)

JUDGED_VARIANTS = Table(
    "judged_variants",
    "Every variant in a listed gene with every check.",
    (
        _SAMPLE,
        _GENE,
        Column("protein", "text", "Protein change in one-letter form."),
        Column("kind", "text", "Class of the consequence."),
        Column("lineage", "list", "Lineage tags of the gene."),
        Column("chrom", "text", "Contig without chr."),
        Column("pos", "integer", "Position in the file, 1-based.", low=1),
        Column("ref", "text", "Reference allele."),
        Column("alt", "text", "Alternative allele."),
        Column("depth", "integer", "Reads at the place.", low=0),
        Column("alt_reads", "integer", "Reads with the allele.", low=0),
        _fraction("vaf", "Allele fraction."),
        Column("verdict", "choice", "Outcome of all checks.", choices=("driver", "unconfirmed", "rejected")),
        Column("reasons", "text", "Why it is not a driver."),
        Column("checks", "text", "Every check with its outcome."),
        Column("line", "integer", "Line or record of the file.", low=1),
        Column("rules", "text", "Rule set, version and fingerprint."),
    ),
    level="result",
)

GENE_STATUS = Table(
    "gene_status",
    "What each sample says about each gene; only positive and negative are known, the rest is missing.",
    (
        _SAMPLE,
        _GENE,
        Column(
            "status",
            "choice",
            "What may be said.",
            choices=_STATUSES,
        ),
        Column("depth", "integer", "Reads over the gene.", low=0),
        _fraction("detection_limit", "Smallest allele fraction that would have been seen with 95% chance."),
        _fraction("largest_vaf", "Largest allele fraction of a driver."),
        Column("lineage", "list", "Lineage tags of the gene in the rule set."),
        Column("rules", "text", "Rule set, version and fingerprint."),
    ),
    level="result",
)

CLONAL_SAMPLES = Table(
    "clonal_samples",
    "Clonal haematopoiesis of each sample with variants: one status over every gene of the rule set, and what was read.",
    (
        _SAMPLE,
        Column("file", "text", "Variant file."),
        Column("status", "choice", "What may be said.", choices=_STATUSES),
        Column("drivers", "integer", "Variants that passed every check.", low=0),
        Column("unconfirmed", "integer", "Variants with an open check.", low=0),
        Column("rejected", "integer", "Variants with a failed check.", low=0),
        Column("other_variants", "integer", "Variants outside the listed genes.", low=0),
        Column("skipped", "text", "Alleles that are no small variant, by kind."),
        Column("rules", "text", "Rule set, version and fingerprint."),
    ),
    level="result",
)

MODEL_RUNS = Table(
    "model_runs",
    "Every model run, in the order run; none is left out.",
    (
        Column("model", "text", "Model in words."),
        Column("marker", "text", "Covariate the row is about."),
        Column("outcome", "text", "Outcome."),
        Column("people", "integer", "People in the model.", low=0, mask=True),
        Column("events", "integer", "Events in the model.", low=0, mask=True),
        Column("carriers_with_event", "integer", "Carriers among them.", low=0, mask=True),
        Column("ratio", "number", "Hazard, rate or odds ratio."),
        Column("low", "number", "Lower limit."),
        Column("high", "number", "Upper limit."),
        Column("p_value", "number", "Two-sided p value.", low=0, high=1),
        Column("interval", "text", "How the limits were made."),
        Column("hypothesis_id", "text", "Pre-registered hypothesis; empty when exploratory."),
        Column("adjusted_p", "number", "Adjusted within its family."),
        Column("note", "text", "What a reader must know."),
    ),
    level="result",
)

TABLES = (
    MODEL_COHORT,
    MODEL_COVARIATES,
    EXPOSED_SINCE,
    PICK_LIST,
    HYPOTHESES,
    GENE_DEPTHS,
    JUDGED_VARIANTS,
    GENE_STATUS,
    CLONAL_SAMPLES,
    MODEL_RUNS,
)
