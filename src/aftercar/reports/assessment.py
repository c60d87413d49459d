"""The report of ``aftercar assess``: findings in the order in which a reader asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aftercar.cases.causality import WORDS
from aftercar.reports import figures, figures_people, figures_samples, summary, texts
from aftercar.reports.blocks import Block, Caveat, Document, Fact, Facts, Field, Heading, Prose, TableBlock
from aftercar.reports.findings import Findings, Row
from aftercar.reports.site_assays import site_assays
from aftercar.reports.wording import counted, listed, p_value, percent, small_percent
from aftercar.vocab.genomes import find_genome


def assessment(findings: Findings, provenance: Mapping[str, Any]) -> Document:
    """The whole report as neutral blocks; sections without data are left out."""
    blocks = [block for section in _SECTIONS for block in section(findings)]
    blocks += methods(findings)
    return Document(
        findings.title, "Second T-cell malignancy after CAR-T: assessment of a study", findings.data_lock, blocks, provenance
    )


def key_figures(findings: Findings) -> Iterator[Block]:
    """The key figures and the summary."""
    yield Heading("Summary", key="summary")
    facts = []
    leading = next((row for row in findings.tables["rates"] if row["outcome"] == "t_cell_malignancy"), None)
    if leading:
        facts.append(
            Fact("Reported" if "reporting" in leading["measure"] else "Observed", summary.rate_words(leading), leading["group"])
        )
    best = max(findings.tables["tested"], key=lambda row: row["tested"], default=None)
    if best:
        share = percent(best, value="share") if best["tested"] else "no conclusive test"
        facts.append(
            Fact(
                "CAR found among tested tumours",
                f"{best['positive']}/{best['tested']} = {share}",
                f"over all {best['cases']}: {100 * best['bound_low']:.1f}% to {100 * best['bound_high']:.1f}%",
            )
        )
    row = findings.row("onset", "group", "all T-cell cases")
    if row and row["n"]:
        facts.append(
            Fact(
                "Median onset",
                f"{row['median']:.1f} months",
                f"{counted(row['n'], 'case')}, {row['shortest']:.1f} to {row['longest']:.1f}",
            )
        )
    yield Facts("key-figures", facts)
    yield Prose(summary.lines(findings)[1:], key="summary-lines")


def rates(findings: Findings) -> Iterator[Block]:
    """Every figure over its denominator, named for what it is."""
    rows = findings.tables["rates"]
    if not rows:
        return
    yield Heading("How many, among how many", key="rates")
    yield Caveat(texts.PROPORTION, general=True)
    shown = [{**row, "percent": _per_hundred(row), "outcome_words": row["outcome"].replace("_", " ")} for row in rows]
    yield TableBlock(
        "rates-table",
        "Figures by source",
        (
            Field("group", "Source or product"),
            Field("outcome_words", "Outcome", about="What the cases are."),
            Field("cases", "Cases", "count"),
            Field("denominator", "Denominator", "count"),
            Field("unit", "Unit"),
            Field("percent", "Per 100, with limits", "interval", about="Cases over denominator in percent, with exact limits."),
            Field("measure", "What the figure is"),
            Field("data_lock", "Data lock"),
            Field("evidence_mark", "Checked"),
            Field("source", "Source"),
        ),
        shown,
        f"Exact intervals at {100 * findings.level:g}%. {texts.CHECKED}",
        of=("rates",),
    )
    t_cell = [row for row in rows if row["outcome"] == "t_cell_malignancy" and row["unit"] != "person-years"]
    if len(t_cell) > 1:
        yield figures.forest(
            "rates-chart",
            "T-cell malignancies per 1,000 people treated",
            t_cell,
            "cases per 1,000 people treated",
            texts.SOURCES_DIFFER,
            table="rates-table",
        )


def _per_hundred(row: Row) -> str:
    return small_percent(row) if row["unit"] != "person-years" else percent(row, 2).replace("%", "")


def tested(findings: Findings) -> Iterator[Block]:
    """What was tested, and what the untested allow."""
    rows = findings.tables["tested"]
    if not rows:
        return
    yield Heading("Is the CAR in the tumours?", key="tested")
    yield Prose([texts.TESTED], general=True)
    yield figures.waterfall([row for row in rows if row["cases"]])
    shown = [
        {
            **row,
            "shown": percent(row, value="share") if row["tested"] else "no test",
            "bounds": f"{100 * row['bound_low']:.1f}%-{100 * row['bound_high']:.1f}%",
            "outer": f"{100 * row['outer_low']:.1f}%-{100 * row['outer_high']:.1f}%",
            "predicted": f"{row['expected_positive']:.1f} ({row['predicted_low']}-{row['predicted_high']})",
        }
        for row in rows
    ]
    yield TableBlock(
        "tested-table",
        "Tested, found, and what the untested allow",
        (
            Field("group", "Cases of"),
            Field("cases", "Cases", "count"),
            Field("tested", "Tested", "count"),
            Field("positive", "CAR found", "count"),
            Field("shown", "Share of tested", "interval", about="Positive among tested, with exact limits."),
            Field(
                "bounds",
                "Bounds over all",
                "interval",
                about="Share of all cases if every untested one is negative, or positive.",
            ),
            Field("outer", "Bounds with sampling limits", "interval", about="The outer exact limits of both bounds."),
            Field(
                "predicted", "Expected if untested are like tested", "interval", about="Positive cases among all, with limits."
            ),
        ),
        shown,
        of=("tested",),
    )


def onset(findings: Findings) -> Iterator[Block]:
    """Onset among cases found, and as published."""
    rows = findings.tables["onset"]
    if not rows:
        return
    yield Heading("When did they appear?", key="onset")
    yield Caveat(texts.ONSET, general=True)
    yield figures.onset(findings.tables["onset_curve"], rows[0]["n"])
    shown = [
        {
            **row,
            "range": f"{row['shortest']:.1f}-{row['longest']:.1f}" if row["n"] else None,
            "year": percent(row, 1, "within_12", "within_12_low", "within_12_high"),
        }
        for row in rows
    ]
    yield TableBlock(
        "onset-table",
        "Months from infusion to diagnosis",
        (
            Field("group", "Cases"),
            Field("n", "Known onset", "count"),
            Field("unknown", "Not known", "count"),
            Field("median", "Median", "number"),
            Field("range", "Range", "interval", about="Shortest to longest, in months."),
            Field("year", "Within 12 months", "interval", about="Share within 12 months, with exact limits."),
        ),
        shown,
        of=("onset",),
    )
    if findings.tables["onset_published"]:
        yield TableBlock(
            "onset-published",
            "Onset as the sources give it",
            (
                Field("group", "Source or product"),
                Field("cases", "Cases", "count"),
                Field("within_12", "Within 12 months", "percent", 0),
                Field("median", "Median", "number"),
                Field("shortest", "Shortest", "number"),
                Field("longest", "Longest", "number"),
            ),
            findings.tables["onset_published"],
            of=("onset_published",),
        )


def homogeneity(findings: Findings) -> Iterator[Block]:
    """Products compared exactly."""
    rows = findings.tables["homogeneity"]
    if not rows:
        return
    yield Heading("Do the products differ?", key="homogeneity")
    yield Prose([texts.HOMOGENEITY], general=True)
    shown = [
        {
            **row,
            "exact": p_value(row["p"]),
            "approximate": p_value(row["asymptotic_p"]),
        }
        for row in rows
    ]
    yield TableBlock(
        "homogeneity-table",
        "Exact test of one rate for all",
        (
            Field("groups", "Compared"),
            Field("events", "Cases", "counts"),
            Field("exposure", "People treated", "counts"),
            Field("ordering", "Ordering"),
            Field("exact", "Exact p", "interval", about="p-value of the exact test."),
            Field("approximate", "Chi-square p (misleading here)", "interval", about="p-value of the chi-square test."),
            Field("method", "Method"),
        ),
        shown,
        of=("homogeneity",),
    )


def surface(findings: Findings) -> Iterator[Block]:
    """Observed over expected by what is assumed."""
    for identifier in dict.fromkeys(row["exposure_id"] for row in findings.tables["surface"]):
        rows = [row for row in findings.tables["surface"] if row["exposure_id"] == identifier]
        source = findings.row("rates", "exposure_id", identifier)
        yield Heading("Is it more than expected?", key="surface")
        yield Prose([f"For {source['group']}: {texts.SURFACE}" if source else texts.SURFACE])
        yield figures.surface(rows)
        return


def cohort(findings: Findings) -> Iterator[Block]:
    """The study's own people: attrition, person-time, incidence."""
    if findings.cohort is None:
        return
    own = findings.cohort
    people = counted(own.persons, "person", "people")
    events = counted(own.events, "T-cell malignancy", "T-cell malignancies")
    yield Heading("The people of this study", key="cohort")
    yield Prose([f"{people} with {own.person_years:,.0f} person-years at risk; {events} during observation."], key="cohort-words")
    yield Prose([texts.CLOCK], general=True)
    yield figures_people.funnel(findings.tables["attrition"])
    yield TableBlock(
        "attrition-table",
        "From everybody to the cohort",
        (
            Field("step", "Step"),
            Field("left_out", "Left out", "count"),
            Field("remain", "Remain", "count"),
        ),
        findings.tables["attrition"],
        running="remain",
        of=("attrition",),
    )
    yield figures_people.incidence(own, findings.level)
    curve = findings.tables["incidence"]
    before = [0, *(row["events"] for row in curve)]
    shown = [{**row, "new": row["events"] - past, "shown": percent(row, 2)} for row, past in zip(curve, before, strict=False)]
    yield TableBlock(
        "incidence-table",
        "Cumulative incidence of T-cell malignancy, death competing",
        (
            Field("years", "Years since infusion", "number"),
            Field("at_risk", "At risk", "count"),
            Field("new", "Cases since the row above", "count", about="Cases between the time of the row above and this one."),
            Field("events", "Cases so far", "count"),
            Field("shown", "Cumulative incidence", "interval", about="Cumulative incidence with its interval."),
        ),
        shown,
        texts.INCIDENCE,
        running="events",
        of=("incidence",),
    )


def samples(findings: Findings) -> Iterator[Block]:
    """Transgene tests and their sites."""
    rows = findings.tables["sample_verdicts"]
    if not rows:
        return
    yield Heading("What the tumour samples say", key="samples")
    shown = [{**row, "call": row["call"].replace("_", " "), "why": " ".join(row["reasons"])} for row in rows]
    yield TableBlock(
        "samples-table",
        "Transgene tests",
        (
            Field("sample_id", "Sample"),
            Field("case_id", "Case"),
            Field("call", "Call"),
            Field("copies_per_tumour_cell", "Copies per tumour cell", "number", 2),
            Field("detection_limit", "Would have found (fraction of cells)", "percent", 2),
            Field("sites", "Sites", "count"),
            Field("why", "Reasons", about="Why the call is what it is."),
        ),
        shown,
        texts.DETECTION_LIMIT,
        of=("sample_verdicts",),
    )
    genome = find_genome(findings.genome)
    picture = figures_samples.karyogram(findings.tables["sample_sites"], genome) if genome else None
    if picture is not None:
        yield picture
    if findings.tables["sample_sites"]:
        yield TableBlock(
            "sites-table",
            "Integration sites",
            (
                Field("sample_id", "Sample"),
                Field("chrom", "Chromosome"),
                Field("pos", "Position", "count"),
                Field("orientation", "Orientation"),
                Field("tsd", "Target duplication", "count"),
                Field("left_support", "Left reads", "count"),
                Field("right_support", "Right reads", "count"),
                Field("cell_fraction", "Cell fraction", "percent"),
                Field("gene", "Gene"),
            ),
            findings.tables["sample_sites"],
            texts.SITES,
            of=("sample_sites",),
        )


def cases(findings: Findings) -> Iterator[Block]:
    """The three axes of each case with their evidence."""
    if not findings.cases:
        return
    yield Heading("What caused each case?", key="cases")
    yield Prose([texts.AXES], general=True)
    lanes = figures_people.swimmer(findings.cases, findings.contacts, findings.data_lock)
    if lanes is not None:
        yield lanes
    shown = [{**row, "origin": WORDS[row["origin"]], "role": WORDS[row["role"]]} for row in findings.tables["causality"]]
    yield TableBlock(
        "causality-table",
        "Suggested axes",
        (
            Field("case_id", "Case"),
            Field("diagnosis", "Diagnosis"),
            Field("product", "Product"),
            Field("onset_months", "Onset"),
            Field("origin", "A. Cell of origin"),
            Field("role", "B. Role of the insertion"),
            Field("present", "C. Other contributors present"),
        ),
        shown,
        of=("causality",),
    )
    for row in findings.tables["causality"]:
        yield Heading(row["case_id"], 2, key=f"case-{row['case_id']}")
        yield Prose(
            [
                f"A. {WORDS[row['origin']].capitalize()}: {row['origin_because']}.",
                f"B. {WORDS[row['role']].capitalize()}: {row['role_because']}.",
                f"C. Present: {listed(row['present'])}. Looked for and absent: {listed(row['absent'])}.",
                f"Not known: {listed(row['not_known'])}.",
            ]
        )
        evidence = [item for item in findings.tables["causality_evidence"] if item["case_id"] == row["case_id"]]
        yield TableBlock(
            f"evidence-{row['case_id']}",
            f"Evidence in {row['case_id']}",
            (
                Field("axis", "Axis"),
                Field("says", "What it says"),
                Field("speaks", "Speaks"),
                Field("field", "Field"),
                Field("value", "Value"),
            ),
            evidence,
            of=("causality_evidence",),
        )


def missing(findings: Findings) -> Iterator[Block]:
    """What is not known, and what it would settle."""
    if not findings.tables["causality_missing"]:
        return
    yield Heading("What is missing", key="missing")
    yield TableBlock(
        "missing-table",
        "What is not known, and what it would settle",
        (
            Field("case_id", "Case"),
            Field("what", "Missing"),
            Field("settles", "Would settle"),
            Field("field", "Enter in"),
        ),
        findings.tables["causality_missing"],
        of=("causality_missing",),
    )


def methods(findings: Findings) -> list[Block]:
    """Methods in words, and notes."""
    notes = list(findings.notes) or ["No further notes."]
    return [
        Heading("Methods and notes", key="methods"),
        Prose([texts.METHODS, f"Level of all intervals: {100 * findings.level:g}%."], general=True),
        Prose(notes, key="notes"),
    ]


_SECTIONS: tuple[Callable[[Findings], Iterator[Block]], ...] = (
    key_figures,
    rates,
    tested,
    onset,
    homogeneity,
    surface,
    cohort,
    samples,
    site_assays,
    cases,
    missing,
)
