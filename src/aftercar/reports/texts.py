"""The sentences of the assessment report that do not depend on the data, together so that they can be read together."""

PROPORTION = (
    "A reporting proportion divides reported cases by people treated. It is not an incidence: person-time is unknown, "
    "reports are delayed and incomplete, and death competes."
)
CHECKED = (
    "Checked: seen in the source, secondary (in a report about it), recalled (not checked against it), derived or measured by us."
)
SOURCES_DIFFER = "Sources differ in case definition and follow-up; only rows of one source may be compared."
TESTED = (
    "The share among tested tumours answers the question only if tested tumours are like the others. The bounds assume nothing: "
    "they hold if every untested tumour were negative, or every one positive."
)
ONSET = "Only cases already diagnosed can be seen, so short onsets are over-represented; latency alone does not tell the cause."
HOMOGENEITY = (
    "Rows of one source and case definition are compared with an exact test. With few events the p-value depends on what counts "
    "as extreme, so each ordering is shown. A large p-value is no proof that the products are equal; and product, indication, "
    "vector and calendar time go together, so that the test cannot tell them apart."
)
SURFACE = (
    "Neither person-time nor the fitting background is published, so the ratio is shown over both. Background: about 1 in the "
    "general population, about 22 among people treated for B-cell cancer before CAR-T."
)
ONE_NUMBER = "One number would hide that neither follow-up nor the right background is known."
CLOCK = "The clock starts at infusion; people enrolled later enter later; death competes."
INCIDENCE = "Aalen-Johansen estimate with log(-log) limits. With few events the interval is the message."
DETECTION_LIMIT = (
    "“Would have found”: the lowest CAR-positive cell fraction that this sample would have shown with 95% probability."
)
SITES = "An insertion in or near a cancer gene is common by chance: read the gene beside its base rate."
AXES = (
    "Suggestions on three axes from the evidence at hand. CAR-negative does not mean unrelated; CAR-positive does not mean "
    "caused by the insertion. The overall grade is given and signed by a named person."
)
METHODS = (
    "Intervals are exact: Clopper-Pearson for proportions, Garwood for rates. Untested tumours are bounded (Manski). "
    "Products are compared by an exact conditional test. Unknown is a value of its own everywhere."
)
TRUNCATED_CURVE = (
    "Shaded: exact pointwise limits. Dashed: 12 months. Cases not yet diagnosed are not in it, so long onsets are "
    "under-represented."
)
UNTESTED = "A tumour without a conclusive test is unknown; it is not counted as negative."
