"""The tables that ``aftercar signals`` prints and exports."""

from __future__ import annotations

from aftercar.vocab.columns import Column, Kind, Table


def _text(name: str, about: str) -> Column:
    return Column(name, "text", about)


def _number(name: str, about: str, unit: str = "") -> Column:
    return Column(name, "number", about, unit=unit)


def _count(name: str, about: str, kind: Kind = "integer") -> Column:
    return Column(name, kind, about, low=0, mask=True)


_GROUP = _text("group", "What the row counts: a product, a class, everybody.")
_LEVEL = Column("level", "number", "Confidence level of the interval.", unit="fraction", low=0, high=1)
_METHOD = _text("method", "Name of the interval or test.")
_LIMITS = (_number("value", "The figure."), _number("low", "Lower limit."), _number("high", "Upper limit."), _METHOD, _LEVEL)
_P = Column("p", "number", "P-value.", low=0, high=1)

RATES = Table(
    "signal_rates",
    "Cases over a denominator; the column measure says what the figure may be called.",
    (
        _GROUP,
        _text("measure", "Incidence rate, risk over mixed follow-up, or reporting proportion; never mixed."),
        _count("cases", "Cases."),
        _number("denominator", "Persons or person-years."),
        _text("unit", "What one unit of the denominator is."),
        *_LIMITS,
        _number("completeness", "Observed over potential person-time; empty where not known.", "fraction"),
        _text("data_lock", "Data lock of the row."),
        _text("source", "Where the row comes from."),
        _text("caveat", "The sentence that travels with the figure."),
    ),
    level="result",
)
RATES_BY_TIME = Table(
    "signal_rates_by_time",
    "Rates in bands of time since infusion.",
    (
        _GROUP,
        _number("low_years", "Band from.", "years"),
        _number("high_years", "Band to; empty is open.", "years"),
        _count("cases", "Cases."),
        _number("person_years", "Person-years.", "person-years"),
        *_LIMITS,
    ),
    level="result",
)
ATTRITION = Table(
    "signal_attrition",
    "From the people of the study to those analysed.",
    (
        _text("step", "Why people left."),
        _count("left_out", "Persons left out at this step."),
        _count("remaining", "Persons that remain."),
    ),
    level="result",
)
INCIDENCE = Table(
    "signal_incidence",
    "Cumulative incidence of the outcome, death competing (Aalen-Johansen).",
    (
        _GROUP,
        _number("years", "Time since infusion, or since the landmark.", "years"),
        _count("cases", "Cases up to then."),
        _count("at_risk", "Persons at risk just before."),
        *_LIMITS,
    ),
    level="result",
)
REGRESSION = Table(
    "signal_regression",
    "Hazard ratios: cause-specific, of the competing causes, and subdistribution (Fine-Gray).",
    (
        _text("model", "Which hazard."),
        _text("term", "Covariate."),
        _count("cases", "Events in the model."),
        *_LIMITS,
        _P,
    ),
    level="result",
)
ONSET = Table(
    "signal_onset",
    "Onset of the cases that were found.",
    (
        _GROUP,
        _count("cases", "Cases with known onset."),
        _count("unknown", "Cases without; in no figure."),
        _number("median", "Median onset.", "months"),
        _number("median_low", "Lower limit of the median.", "months"),
        _number("median_high", "Upper limit of the median.", "months"),
        _number("shortest", "Shortest.", "months"),
        _number("longest", "Longest.", "months"),
        _number("within_12", "Share within 12 months.", "fraction"),
        _number("within_12_low", "Lower limit of the share.", "fraction"),
        _number("within_12_high", "Upper limit of the share.", "fraction"),
        _LEVEL,
    ),
    level="result",
)
ONSET_WEIBULL = Table(
    "signal_onset_weibull",
    "Weibull onset: naive, and corrected for what could not have been seen yet.",
    (
        _GROUP,
        _METHOD,
        _count("cases", "Cases in the fit."),
        _number("shape", "Shape; below 1 early onsets prevail."),
        _number("shape_low", "Lower limit."),
        _number("shape_high", "Upper limit."),
        _number("median", "Median; empty is without limit.", "months"),
        _number("median_low", "Lower limit.", "months"),
        _number("median_high", "Upper limit; empty is without limit.", "months"),
        _number("within_12", "Share within 12 months.", "fraction"),
        _LEVEL,
    ),
    level="result",
)
EXPECTED = Table(
    "signal_expected",
    "Observed against expected with each background, and the excess per 10,000 person-years.",
    (
        _text("background", "Background population (and band of time)."),
        _count("observed", "Cases observed."),
        _number("expected", "Cases expected."),
        _number("value", "Observed over expected."),
        _number("low", "Lower limit."),
        _number("high", "Upper limit."),
        _P,
        _number("excess", "Excess cases.", "per 10,000 person-years"),
        _number("excess_low", "Lower limit.", "per 10,000 person-years"),
        _number("excess_high", "Upper limit.", "per 10,000 person-years"),
        _number("person_years", "Person-years covered.", "person-years"),
        _number("uncovered", "Person-years without a background rate.", "person-years"),
        _LEVEL,
        _text("source", "Source of the background."),
        _text("evidence_mark", "How well the background was checked."),
    ),
    level="result",
)
SURFACE = Table(
    "signal_surface",
    "Observed over expected over assumed mean follow-up and background.",
    (
        _GROUP,
        _text("background", "Background population."),
        _number("background_per_100000", "Its rate.", "per 100,000 person-years"),
        _number("mean_follow_up_years", "Assumed mean follow-up.", "years"),
        _count("observed", "Cases observed."),
        _number("expected", "Cases expected under both assumptions."),
        _number("value", "Observed over expected."),
        _number("low", "Lower limit."),
        _number("high", "Upper limit."),
    ),
    level="result",
)
UNTESTED = Table(
    "signal_untested",
    "Share of tumours with the transgene: tested ones, bounds, and prediction.",
    (
        _GROUP,
        _count("cases", "Cases."),
        _count("tested", "With a conclusive result."),
        _count("positive", "Transgene found."),
        _number("share", "Positive among tested.", "fraction"),
        _number("low", "Lower limit.", "fraction"),
        _number("high", "Upper limit.", "fraction"),
        _number("bound_low", "Share of all cases if no untested one is positive.", "fraction"),
        _number("bound_high", "Share of all cases if every untested one is positive.", "fraction"),
        _number("outer_low", "Lower exact limit of bound_low.", "fraction"),
        _number("outer_high", "Upper exact limit of bound_high.", "fraction"),
        _number("expected_positive", "Expected positives if untested are like tested.", "cases"),
        _number("predicted_low", "Lower predictive limit.", "cases"),
        _number("predicted_high", "Upper predictive limit.", "cases"),
        _LEVEL,
    ),
    level="result",
)
UNTESTED_TILT = Table(
    "signal_untested_tilt",
    "Share of all cases that is positive if the odds in untested tumours are a multiple of those in tested ones.",
    (
        _GROUP,
        _number("odds_ratio", "Odds in untested over odds in tested."),
        _number("untested_share", "Positive share of the untested.", "fraction"),
        _number("share", "Positive share of all.", "fraction"),
        _number("low", "Lower limit.", "fraction"),
        _number("high", "Upper limit.", "fraction"),
    ),
    level="result",
)
UNTESTED_REASONS = Table(
    "signal_untested_reasons",
    "Why tumours were not tested.",
    (_text("reason", "Reason as recorded."), _count("cases", "Cases."), _number("share", "Share of the untested.", "fraction")),
    level="result",
)
HOMOGENEITY = Table(
    "signal_homogeneity",
    "Exact test that products share one rate.",
    (
        _text("comparison", "Which products, from which sources."),
        _text("ordering", "What counts as more extreme; fix it before looking."),
        _P,
        _number("asymptotic_p", "Likelihood-ratio chi-square p-value, misleading with few events."),
        _METHOD,
    ),
    level="result",
)
PRODUCTS = Table(
    "signal_products",
    "Products side by side: crude and partially pooled rates.",
    (
        _text("comparison", "Which products, from which sources."),
        _text("product", "Product."),
        _count("cases", "Cases."),
        _number("denominator", "Persons or person-years."),
        _number("expected_if_equal", "Cases if all products had one rate."),
        _number("crude", "Crude figure."),
        _number("crude_low", "Lower exact limit."),
        _number("crude_high", "Upper exact limit."),
        _number("pooled", "Posterior mean, partially pooled."),
        _number("pooled_low", "Lower limit."),
        _number("pooled_high", "Upper limit."),
        _number("chance_highest", "Posterior probability of the highest rate.", "fraction"),
        _number("own_weight", "Share of the posterior mean from the product's own data.", "fraction"),
    ),
    level="result",
)
POOLING_PRIORS = Table(
    "signal_pooling_priors",
    "What the prior on the spread between products does to the pooled rates.",
    (
        _text("comparison", "Which products, from which sources."),
        _text("prior", "Prior of the coefficient of variation between products."),
        _text("product", "Product."),
        _number("pooled", "Posterior mean."),
        _number("pooled_low", "Lower limit."),
        _number("pooled_high", "Upper limit."),
        _number("cv", "Posterior median of the coefficient of variation."),
    ),
    level="result",
)
CONTRASTS = Table(
    "signal_contrasts",
    "Rates by property of the product.",
    (
        _text("comparison", "Which products, from which sources."),
        _text("property", "Vector, target, co-stimulation."),
        _text("value_of_property", "Its value."),
        _text("products", "Products that have it."),
        _count("cases", "Cases."),
        _number("denominator", "Persons or person-years."),
        _number("value", "Crude figure."),
        _number("low", "Lower limit."),
        _number("high", "Upper limit."),
        _number("ratio", "Ratio to the value with most exposure; empty for that one."),
        _number("ratio_low", "Lower limit."),
        _number("ratio_high", "Upper limit."),
        _P,
        _text("tangled_with", "Properties it cannot be told apart from in these data."),
    ),
    level="result",
)
SIGNATURE = Table(
    "signal_signature",
    "Lines of evidence for insertional mutagenesis against survivor bias and prior treatment.",
    (
        _text("evidence", "What is looked at."),
        _text("if insertion", "What insertional mutagenesis predicts."),
        _text("if survivor bias", "What survivor bias predicts."),
        _text("found", "What the data say."),
        _text("points to", "Where that points."),
        _text("why", "By which rule."),
    ),
    level="result",
)
BENEFIT_RISK = Table(
    "signal_benefit_risk",
    "Benefits and expected T-cell malignancies per 1,000 treated.",
    (
        _text("label", "What is counted."),
        _text("side", "Benefit, risk, or risk under an assumption."),
        _number("per_1000", "Per 1,000 treated."),
        _number("low", "Lower limit."),
        _number("high", "Upper limit."),
        _text("words", "A sentence to read out."),
    ),
    level="result",
)

TABLES = (
    RATES,
    RATES_BY_TIME,
    ATTRITION,
    INCIDENCE,
    REGRESSION,
    ONSET,
    ONSET_WEIBULL,
    EXPECTED,
    SURFACE,
    UNTESTED,
    UNTESTED_TILT,
    UNTESTED_REASONS,
    HOMOGENEITY,
    PRODUCTS,
    POOLING_PRIORS,
    CONTRASTS,
    SIGNATURE,
    BENEFIT_RISK,
)

_ALL_FIGURES = ("value", "low", "high")

#: For each table and masked count, the columns that would give the count away.
DERIVED: dict[str, dict[str, tuple[str, ...]]] = {
    "signal_rates": {"cases": _ALL_FIGURES},
    "signal_rates_by_time": {"cases": _ALL_FIGURES},
    "signal_incidence": {"cases": _ALL_FIGURES},
    "signal_regression": {"cases": (*_ALL_FIGURES, "p")},
    "signal_onset": {
        "cases": (
            "median", "median_low", "median_high", "shortest", "longest", "within_12", "within_12_low", "within_12_high",
        ),
    },
    "signal_onset_weibull": {
        "cases": ("shape", "shape_low", "shape_high", "median", "median_low", "median_high", "within_12"),
    },
    "signal_expected": {"observed": (*_ALL_FIGURES, "p", "excess", "excess_low", "excess_high")},
    "signal_surface": {"observed": _ALL_FIGURES},
    "signal_untested": dict.fromkeys(
        ("cases", "tested", "positive"),
        (
            "share", "low", "high", "bound_low", "bound_high", "outer_low", "outer_high",
            "expected_positive", "predicted_low", "predicted_high",
        ),
    ),
    "signal_untested_reasons": {"cases": ("share",)},
    "signal_products": {
        "cases": ("crude", "crude_low", "crude_high", "pooled", "pooled_low", "pooled_high", "chance_highest", "own_weight"),
    },
    "signal_contrasts": {"cases": (*_ALL_FIGURES, "ratio", "ratio_low", "ratio_high", "p")},
}  # fmt: skip
