"""The tables that ``aftercar assess`` writes beside its report."""

from __future__ import annotations

from aftercar.vocab.columns import Column, Table

_GROUP = Column("group", "text", "What the row counts: a product, a class, a source.")
_LEVEL = Column("level", "number", "Confidence level of the interval.", unit="fraction", low=0, high=1)
_CASE = Column("case_id", "id", "The case.", required=True)
_SAMPLE = Column("sample_id", "id", "The sample.", required=True)

RATES = Table(
    "rates",
    "Figures over a denominator, each named for what it is, with its exact interval.",
    (
        Column("exposure_id", "id", "Row of the exposure table, or of this study's own cohort.", required=True),
        _GROUP,
        Column("measure", "text", "Incidence rate, risk over mixed follow-up, or reporting proportion; never mixed."),
        Column("outcome", "text", "What the cases are."),
        Column("cases", "integer", "Cases.", unit="cases", mask=True),
        Column("denominator", "number", "Denominator.", unit="see the column unit", mask=True),
        Column("unit", "text", "What one unit of the denominator is."),
        Column("value", "number", "Cases over denominator.", unit="per unit of the denominator"),
        Column("low", "number", "Lower limit."),
        Column("high", "number", "Upper limit."),
        Column("method", "text", "Interval."),
        _LEVEL,
        Column("data_lock", "date", "Data lock of the source."),
        Column("source", "text", "Source."),
        Column("evidence_mark", "text", "How well the row was checked."),
    ),
    key=("exposure_id",),
    level="result",
)

TESTED = Table(
    "tested",
    "Tumours tested for the transgene, and what the untested ones allow.",
    (
        Column("exposure_id", "id", "Row of the exposure table, or of this study's own cases.", required=True),
        _GROUP,
        Column("cases", "integer", "Cases.", mask=True),
        Column("tested", "integer", "Cases with a conclusive result.", mask=True),
        Column("positive", "integer", "Of those, CAR found.", mask=True),
        Column("share", "number", "Positive among tested."),
        Column("low", "number", "Lower limit."),
        Column("high", "number", "Upper limit."),
        Column("bound_low", "number", "Share of all cases if every untested one is negative."),
        Column("bound_high", "number", "Share of all cases if every untested one is positive."),
        Column("outer_low", "number", "Lower exact limit of bound_low."),
        Column("outer_high", "number", "Upper exact limit of bound_high."),
        Column("expected_positive", "number", "Expected positives among all cases if untested are like tested."),
        Column("predicted_low", "integer", "Lower predictive limit of that."),
        Column("predicted_high", "integer", "Upper predictive limit."),
        _LEVEL,
    ),
    key=("exposure_id",),
    level="result",
)

ONSET = Table(
    "onset",
    "Months from infusion to diagnosis among cases found.",
    (
        _GROUP,
        Column("n", "integer", "Cases with known onset.", mask=True),
        Column("unknown", "integer", "Cases without."),
        Column("median", "number", "Median.", unit="months"),
        Column("median_low", "number", "Lower limit.", unit="months"),
        Column("median_high", "number", "Upper limit.", unit="months"),
        Column("quartile_low", "number", "25th percentile.", unit="months"),
        Column("quartile_high", "number", "75th percentile.", unit="months"),
        Column("shortest", "number", "Shortest.", unit="months"),
        Column("longest", "number", "Longest.", unit="months"),
        Column("within_12", "number", "Share within 12 months."),
        Column("within_12_low", "number", "Lower limit."),
        Column("within_12_high", "number", "Upper limit."),
        _LEVEL,
    ),
    key=("group",),
    level="result",
)

ONSET_PUBLISHED = Table(
    "onset_published",
    "Onset as the sources give it.",
    (
        Column("exposure_id", "id", "Row of the exposure table.", required=True),
        _GROUP,
        Column("cases", "integer", "Cases.", mask=True),
        Column("within_12", "number", "Share within 12 months."),
        Column("median", "number", "Median.", unit="months"),
        Column("shortest", "number", "Shortest.", unit="months"),
        Column("longest", "number", "Longest.", unit="months"),
    ),
    key=("exposure_id",),
    level="result",
)

ONSET_CURVE = Table(
    "onset_curve",
    "Share of cases with onset up to each month.",
    (
        Column("months", "number", "Months since infusion.", unit="months", required=True),
        Column("share", "number", "Share."),
        Column("low", "number", "Lower limit."),
        Column("high", "number", "Upper limit."),
    ),
    key=("months",),
    level="result",
)

HOMOGENEITY = Table(
    "homogeneity",
    "Exact test that the compared products share one rate.",
    (
        Column("comparison", "text", "Which rows were compared.", required=True),
        Column("groups", "list", "Products."),
        Column("events", "list", "Cases for each."),
        Column("exposure", "list", "Persons for each."),
        Column("ordering", "text", "What counts as extreme.", required=True),
        Column("p", "number", "P-value."),
        Column("method", "text", "Enumeration or simulation."),
        Column("asymptotic_p", "number", "Chi-square approximation, misleading with few events."),
    ),
    key=("comparison", "ordering"),
    level="result",
)

SURFACE = Table(
    "surface",
    "Observed over expected for assumed follow-up and background.",
    (
        Column("exposure_id", "id", "Row of the exposure table.", required=True),
        Column("years", "number", "Assumed mean follow-up.", unit="years", required=True),
        Column("background", "number", "Assumed background.", unit="per 100,000 person-years", required=True),
        Column("background_name", "text", "What that background stands for."),
        Column("expected", "number", "Expected cases."),
        Column("ratio", "number", "Observed over expected."),
        Column("low", "number", "Lower limit."),
        Column("high", "number", "Upper limit."),
    ),
    key=("exposure_id", "years", "background"),
    level="result",
)

CAUSALITY = Table(
    "causality",
    "Suggested axes for each case; the overall grade belongs to a named person.",
    (
        _CASE,
        Column("diagnosis", "text", "Diagnosis."),
        Column("product", "text", "Product of the suspected infusion."),
        Column("onset_months", "text", "Onset, as exactly as the dates allow.", unit="months"),
        Column("origin", "text", "Cell of origin."),
        Column("origin_because", "text", "The deciding reason."),
        Column("role", "text", "Role of the insertion."),
        Column("role_because", "text", "The deciding reason."),
        Column("present", "list", "Other contributors present."),
        Column("absent", "list", "Contributors looked for and absent."),
        Column("not_known", "list", "Contributors not known."),
    ),
    key=("case_id",),
    level="result",
)

EVIDENCE = Table(
    "causality_evidence",
    "Every statement behind the axes, traceable to its field.",
    (
        _CASE,
        Column("axis", "text", "Which axis.", required=True),
        Column("says", "text", "What it says."),
        Column("speaks", "text", "For, against or neutral."),
        Column("field", "text", "Table and column."),
        Column("row", "text", "Row."),
        Column("value", "text", "Value."),
    ),
    level="result",
)

MISSING = Table(
    "causality_missing",
    "What is not known about each case, and what it would settle.",
    (
        _CASE,
        Column("what", "text", "What is missing.", required=True),
        Column("settles", "text", "What it would settle."),
        Column("field", "text", "Where it would be entered."),
    ),
    level="result",
)

SAMPLE_VERDICTS = Table(
    "sample_verdicts",
    "The transgene test of each sample with reads.",
    (
        _SAMPLE,
        Column("case_id", "id", "The case."),
        Column("material", "text", "Material."),
        Column("call", "text", "Call."),
        Column("reasons", "list", "Reasons."),
        Column("copies_per_tumour_cell", "number", "Copies per tumour cell.", unit="copies/cell"),
        Column("copies_low", "number", "Lower limit."),
        Column("copies_high", "number", "Upper limit."),
        Column("detection_limit", "number", "Lowest CAR-positive cell fraction found with 95% probability.", unit="fraction"),
        Column("sites", "integer", "Sites found."),
    ),
    key=("sample_id",),
    level="result",
)

SAMPLE_SITES = Table(
    "sample_sites",
    "Integration sites found in the samples.",
    (
        _SAMPLE,
        Column("chrom", "text", "Chromosome."),
        Column("pos", "integer", "1-based, last host base before the provirus."),
        Column("orientation", "text", "Orientation of the provirus."),
        Column("tsd", "integer", "Target-site duplication.", unit="bases"),
        Column("left_support", "integer", "Fragments across the left junction."),
        Column("right_support", "integer", "Fragments across the right junction."),
        Column("cell_fraction", "number", "Fraction of cells with the site."),
        Column("cell_fraction_low", "number", "Lower limit."),
        Column("cell_fraction_high", "number", "Upper limit."),
        Column("gene", "text", "Gene at or nearest to the site."),
    ),
    level="result",
)

ATTRITION = Table(
    "attrition",
    "From everybody in the study to those in the cohort.",
    (
        Column("step", "text", "Step.", required=True),
        Column("left_out", "integer", "People left out here.", mask=True),
        Column("remain", "integer", "People who remain.", mask=True),
    ),
    level="result",
)

INCIDENCE = Table(
    "incidence",
    "Cumulative incidence with death competing (Aalen-Johansen).",
    (
        Column("years", "number", "Years since infusion.", unit="years", required=True),
        Column("at_risk", "integer", "People at risk.", mask=True),
        Column("events", "integer", "Cases up to then.", unit="cases", low=0, mask=True),
        Column("value", "number", "Cumulative incidence."),
        Column("low", "number", "Lower limit."),
        Column("high", "number", "Upper limit."),
        _LEVEL,
    ),
    level="result",
)

TABLES = (
    RATES,
    TESTED,
    ONSET,
    ONSET_PUBLISHED,
    ONSET_CURVE,
    HOMOGENEITY,
    SURFACE,
    CAUSALITY,
    EVIDENCE,
    MISSING,
    SAMPLE_VERDICTS,
    SAMPLE_SITES,
    ATTRITION,
    INCIDENCE,
)
