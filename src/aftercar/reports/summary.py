"""The findings of a study in about ten lines, for the terminal and the head of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from aftercar.cases.causality import WORDS
from aftercar.reports.findings import Findings, Row
from aftercar.reports.wording import counted, listed, p_value, per_thousand, percent, small_percent

_RATES_SHOWN = 5


def lines(findings: Findings) -> list[str]:
    """The summary, one finding a line; every figure with its denominator and interval."""
    return [
        f"{findings.title} (data lock {findings.data_lock}; exact two-sided {100 * findings.level:g}% intervals)",
        *_rates(findings),
        *_tested(findings),
        *_published_onset(findings),
        *_onset(findings),
        *_homogeneity(findings),
        *_samples(findings),
        *_cases(findings),
    ]


def _rates(findings: Findings) -> Iterator[str]:
    shown = [row for row in findings.tables["rates"] if row["outcome"] == "t_cell_malignancy"]
    for row in shown[:_RATES_SHOWN]:
        yield f"{row['group']}: {rate_words(row)}"
    if len(shown) > _RATES_SHOWN:
        yield f"{counted(len(shown) - _RATES_SHOWN, 'further figure')} of T-cell malignancy in the report"


def rate_words(row: Row) -> str:
    """One figure in words: the count, the denominator, the value and its interval, and what it is."""
    if row["unit"] == "person-years":
        return f"{row['cases']} in {row['denominator']:,.0f} person-years = {per_thousand(row)} per 1,000 ({row['measure']})"
    return f"{row['cases']:,}/{row['denominator']:,.0f} = {small_percent(row)} ({row['measure']})"


def _tested(findings: Findings) -> Iterator[str]:
    for row in findings.tables["tested"]:
        if row["tested"] >= 2 or row["exposure_id"] == "this-study":
            share = percent(row, value="share") if row["tested"] else "no conclusive test"
            yield (
                f"{row['group']}: CAR found in {row['positive']}/{row['tested']} tested = {share}; "
                f"bounds over all {row['cases']}: {100 * row['bound_low']:.1f}%-{100 * row['bound_high']:.1f}%"
            )


def _onset(findings: Findings) -> Iterator[str]:
    row = findings.row("onset", "group", "all T-cell cases")
    if row is not None and row["n"]:
        span = f"median {row['median']:.1f} months ({row['shortest']:.1f}-{row['longest']:.1f})"
        year = percent(row, 1, "within_12", "within_12_low", "within_12_high")
        yield f"onset in {counted(row['n'], 'listed case')} with known onset: {span}; {year} within 12"


def _published_onset(findings: Findings) -> Iterator[str]:
    for row in findings.tables["onset_published"]:
        year = f"{100 * row['within_12']:.0f}% within 12 months" if row["within_12"] is not None else ""
        middle = f"median {row['median']:g} months" if row["median"] is not None else ""
        yield f"onset as published, {row['group']}: {', '.join(part for part in (year, middle) if part)}"


def _homogeneity(findings: Findings) -> Iterator[str]:
    for comparison in dict.fromkeys(row["comparison"] for row in findings.tables["homogeneity"]):
        rows = [row for row in findings.tables["homogeneity"] if row["comparison"] == comparison]
        low, high = min(row["p"] for row in rows), max(row["p"] for row in rows)
        yield f"{listed(rows[0]['groups'])} share one rate: exact p {p_value(low)} to {p_value(high)}, depending on the ordering"


def _samples(findings: Findings) -> Iterator[str]:
    for row in findings.tables["sample_verdicts"]:
        limit = row["detection_limit"]
        told = (
            ""
            if limit is None
            else f", would have found {100 * limit:.2g}% of cells"
            if limit < 1
            else ", too shallow for any clone"
        )
        yield f"sample {row['sample_id']}: {row['call'].replace('_', ' ')}, {counted(row['sites'], 'site')}{told}"


def _cases(findings: Findings) -> Iterator[str]:
    if not findings.cases:
        return
    origins = Counter(row["origin"] for row in findings.tables["causality"])
    parts = [f"{count} {WORDS[value]}" for value, count in origins.most_common()]
    yield f"{counted(len(findings.cases), 'case')} assessed on three axes; cell of origin: {listed(parts)}"
    missing = findings.tables["causality_missing"]
    yield f"{counted(len(missing), 'missing piece')} of evidence listed; the overall grade is a person's to give and sign"
