"""What a laboratory value or a contact asks for: graded, with its source, never suppressed.

Grades are ``note`` (expected, kept in sight), ``review`` (look at it) and ``act`` (do something now). A value that cannot
be judged is an alert too, because silence would read as normal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aftercar.registry.persistence import Marked, marked_fraction
from aftercar.registry.settings import SOURCES, Settings
from aftercar.registry.subject import Infusion
from aftercar.registry.subject import infusion as infusion_of
from aftercar.vocab.dates import PartialDate, add_months
from aftercar.vocab.sources import Source

Row = Mapping[str, Any]
Grade = Literal["note", "review", "act"]
Kind = Literal["persistence", "rising", "predominant_clone", "clone_repeat", "rcr_rcl", "new_malignancy", "not_assessable"]

GRADES: tuple[Grade, ...] = ("act", "review", "note")


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to look at.

    Attributes:
        person_id: whose.
        kind: what it is.
        grade: see the module.
        on: the day of the value or contact.
        statement: one or two sentences with the numbers.
        rows: identifiers of the rows behind it.
        source: where the threshold comes from.
        due_by: last day for what it asks; None for at once or nothing.
        done_on: when that was done; None while open.
    """

    person_id: str
    kind: Kind
    grade: Grade
    on: dt.date
    statement: str
    rows: tuple[str, ...]
    source: Source
    due_by: dt.date | None = None
    done_on: dt.date | None = None


def alerts(
    person_id: str,
    infusions: Iterable[Row],
    assay_results: Iterable[Row],
    follow_up: Iterable[Row],
    cases: Iterable[Row],
    *,
    on: dt.date,
    settings: Settings | None = None,
) -> list[Alert]:
    """Every alert of one person by a day, the gravest first, then the newest.

    Args:
        person_id: whose rows they are.
        infusions, assay_results, follow_up, cases: rows of the study tables of that person.
        on: nothing after this day is read.
        settings: thresholds; the defaults when None.
    """
    limits = settings or Settings()
    dated = [row for row in infusions if row["infused_on"]]
    results = [row for row in assay_results if PartialDate.parse(row["measured_on"]).earliest <= on]
    found = [
        *_persistence(person_id, dated, results, limits),
        *_clones(person_id, results, limits),
        *_replication(person_id, results),
        *_malignancies(person_id, [row for row in follow_up if PartialDate.parse(row["contact_on"]).earliest <= on], list(cases)),
    ]
    return sorted(found, key=lambda alert: (GRADES.index(alert.grade), -alert.on.toordinal(), alert.kind, alert.rows))


def _persistence(person_id: str, infusions: Sequence[Row], results: Sequence[Row], limits: Settings) -> list[Alert]:
    """Vector-positive cells at or above the threshold, graded by time since the last infusion and by trend."""
    found: list[Alert] = []
    earlier: list[tuple[Marked, int]] = []
    source = SOURCES["persistence_fraction"]
    for row in sorted(results, key=lambda row: (PartialDate.parse(row["measured_on"]).earliest, row["result_id"])):
        if row["method"] not in ("qpcr", "ddpcr", "flow") or row["matrix"] in ("tumour", "product"):
            continue
        day = PartialDate.parse(row["measured_on"]).earliest
        last = _last_infusion(infusions, day)
        marked = marked_fraction(row, last[1]["product_vcn"] if last else None, limits)
        if isinstance(marked, str):
            statement = f"{row['method']} of {row['measured_on']} cannot be held against the threshold: {marked}."
            found.append(Alert(person_id, "not_assessable", "note", day, statement, (row["result_id"],), source))
            continue
        days = (day - last[0].infused_on.earliest).days if last else None
        if marked.high >= limits.persistence_fraction:
            found.append(_persistence_alert(person_id, row, day, days, marked, earlier, limits))
        if days is not None:
            earlier.append((marked, days))
    return found


def _persistence_alert(
    person_id: str,
    row: Row,
    day: dt.date,
    days: int | None,
    marked: Marked,
    earlier: Sequence[tuple[Marked, int]],
    limits: Settings,
) -> Alert:
    certain = marked.low >= limits.persistence_fraction
    threshold = f"threshold {100 * limits.persistence_fraction:g}%"
    words = f"{row['method']} of {row['measured_on']}: {marked} vector-positive cells, {threshold}"
    lowest = min((old.high for old, _ in earlier), default=None)
    rising = lowest is not None and marked.low >= limits.rise_factor * lowest
    kind: Kind = "persistence"
    if rising:
        grade: Grade = "act" if certain else "review"
        kind = "rising"
        least = f"{100 * (lowest or 0):.2g}%"
        reason = f"at least {limits.rise_factor:g} times the lowest earlier value ({least}): a rise after contraction"
    elif days is None:
        grade, reason = "review", "the day of the infusion is not known"
    elif days <= limits.contraction_days:
        grade, reason = (
            "note",
            f"day {days}: within the usual expansion (to day {limits.contraction_days}); integration sites may be asked for",
        )
    else:
        grade, reason = "review", f"day {days}: after the usual contraction; integration-site analysis is asked for"
    if not certain:
        reason += "; whether it is above depends on what is not known"
    return Alert(
        person_id,
        kind,
        grade,
        day,
        f"{words}. {reason[0].upper()}{reason[1:]}.",
        (row["result_id"],),
        SOURCES["persistence_fraction"],
    )


def _clones(person_id: str, results: Sequence[Row], limits: Settings) -> list[Alert]:
    """A predominant clone, and its repeat within three months; done when a later analysis is there."""
    analyses = [
        row
        for row in results
        if row["method"] == "integration_sites" and row["unit"] in ("fraction", "percent_cells", "fraction_cells")
    ]
    analyses.sort(key=lambda row: (PartialDate.parse(row["measured_on"]).earliest, row["result_id"]))
    found = []
    for number, row in enumerate(analyses):
        share = _share(row)
        if share < limits.clone_share:
            continue
        day = PartialDate.parse(row["measured_on"]).earliest
        due = add_months(day, limits.clone_repeat_months)
        later = next((PartialDate.parse(other["measured_on"]).earliest for other in analyses[number + 1 :]), None)
        words = f"A clone of {100 * share:.3g}% of {row['measured_on']} (setting {100 * limits.clone_share:g}%, a convention)."
        again = any(_share(other) >= limits.clone_share for other in analyses[:number])
        grade: Grade = "act" if again else "review"
        if again:
            words += " It was above the setting before: persistent."
        found.append(Alert(person_id, "predominant_clone", grade, day, words, (row["result_id"],), SOURCES["clone_share"]))
        repeat = f"Repeat the analysis by {due} to see whether the clone persists."
        if later is not None:
            repeat += f" Repeated on {later}" + (", late." if later > due else ".")
        found.append(
            Alert(
                person_id,
                "clone_repeat",
                "note" if later is not None else "act",
                day,
                repeat,
                (row["result_id"],),
                SOURCES["clone_repeat_months"],
                due,
                later,
            )
        )
    return found


def _share(row: Row) -> float:
    """Share of the largest clone as a fraction; 0 when the analysis gave no number."""
    value = float(row["value"] or 0.0)
    return value / 100 if row["unit"] == "percent_cells" else value


def _replication(person_id: str, results: Sequence[Row]) -> list[Alert]:
    """Replication-competent virus found: to be reported at once."""
    source = Source(
        "Positive result: report immediately as an IND safety report (propharmagroup.com on FDA 2020 guidance)", "seen"
    )
    found = []
    for row in results:
        if row["method"] != "rcl_rcr" or row["result"] not in ("detected", "below_loq", "inconclusive"):
            continue
        day = PartialDate.parse(row["measured_on"]).earliest
        if row["result"] == "inconclusive":
            words = f"Test for replication-competent virus of {row['measured_on']} is inconclusive: repeat it."
            found.append(Alert(person_id, "rcr_rcl", "review", day, words, (row["result_id"],), source))
        else:
            words = f"Replication-competent virus detected on {row['measured_on']}: report immediately and confirm."
            found.append(Alert(person_id, "rcr_rcl", "act", day, words, (row["result_id"],), source, day))
    return found


def _malignancies(person_id: str, contacts: Sequence[Row], cases: Sequence[Row]) -> list[Alert]:
    """A contact that reports a new malignancy opens a case; done when the person has one reported about then or later."""
    source = Source("CIBMTR form 3500: due when a follow-up form reports a new malignancy, one for each neoplasm", "seen")
    found = []
    for row in contacts:
        if row["new_malignancy"] != "yes":
            continue
        day = PartialDate.parse(row["contact_on"]).earliest
        days = [
            PartialDate.parse(case["diagnosed_on"] or case["reported_on"])
            for case in cases
            if case["diagnosed_on"] or case["reported_on"]
        ]
        near = [date.earliest for date in days if abs((date.middle - day).days) <= 365]
        undated = any(not (case["diagnosed_on"] or case["reported_on"]) for case in cases)
        if near or undated:
            words = f"New malignancy reported on {row['contact_on']}; a case is open. See its sampling checklist."
            done = min(near, default=day)
            found.append(Alert(person_id, "new_malignancy", "note", day, words, (row["contact_id"],), source, day, done))
        else:
            words = (
                f"New malignancy reported on {row['contact_on']}, no case: open one and secure tumour tissue before treatment."
            )
            found.append(Alert(person_id, "new_malignancy", "act", day, words, (row["contact_id"],), source, day))
    return found


def _last_infusion(infusions: Sequence[Row], day: dt.date) -> tuple[Infusion, Row] | None:
    before = [(infusion_of(row), row) for row in infusions]
    before = [pair for pair in before if pair[0].infused_on.earliest <= day]
    return max(before, key=lambda pair: (pair[0].infused_on.earliest, pair[0].infusion_id), default=None)
