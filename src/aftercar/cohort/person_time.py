"""Person-time from the study tables: who was at risk, from when to when, and what ended it.

The clock starts at infusion. A person enrolled later enters late (left truncation): time before enrolment is not
at risk, and a case diagnosed before it is not an event. Observation ends at the first of: the outcome, death, a
competing event, the last day seen, the data lock. Whoever cannot be placed is counted in the attrition table.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from aftercar.cohort.attrition import Attrition, attrition
from aftercar.cohort.rules import CENSORED, COMPETING, DEATH, EVENT, Rules
from aftercar.errors import InputError
from aftercar.vocab.dates import DAYS_PER_MONTH, DAYS_PER_YEAR, PartialDate
from aftercar.vocab.products import product_label

Frames = Mapping[str, pl.DataFrame]
Row = Mapping[str, Any]

EPISODE_SCHEMA: dict[str, type[pl.DataType]] = {
    "person_id": pl.String,
    "infusion_id": pl.String,
    "product": pl.String,
    "indication": pl.String,
    "sex": pl.String,
    "age_at_start": pl.Float64,
    "start": pl.Date,
    "line_of_therapy": pl.Int64,
    "entry_days": pl.Float64,
    "exit_days": pl.Float64,
    "status": pl.Int64,
    "ended_by": pl.String,
    "case_id": pl.String,
    "potential_days": pl.Float64,
}

_NO_CONSENT = "consent withdrawn"
_NO_INFUSION = "no infusion recorded"
_NO_DATE = "date of the first infusion unknown"
_NO_END = "no date after the infusion on which the person was known to be under observation"
_UNDATED_CASE = "outcome without a date or an onset"
_BEFORE_ENTRY = "outcome before the person came under observation (or before infusion)"
_NO_TIME = "observation ended before it began"
_REASONS = (_NO_CONSENT, _NO_INFUSION, _NO_DATE, _UNDATED_CASE, _BEFORE_ENTRY, _NO_END, _NO_TIME)


@dataclass(frozen=True)
class Cohort:
    """People at risk.

    Attributes:
        episodes: one row for each person (and, with ``reinfusion="restart"``, for each infusion); columns of
            ``EPISODE_SCHEMA``: days since infusion at entry and exit, ``status`` 0 censored, 1 outcome, 2 death,
            3 other competing event; ``potential_days`` is the exit had nobody been lost before the data lock.
        attrition: from the tables to the episodes, in persons.
        rules: what was counted.
        data_lock: last day that the data cover.
        notes: assumptions made about single records, with how many.
    """

    episodes: pl.DataFrame
    attrition: Attrition
    rules: Rules
    data_lock: dt.date
    notes: tuple[str, ...] = ()

    @property
    def persons(self) -> int:
        """Persons with time at risk."""
        return self.episodes["person_id"].n_unique()

    @property
    def events(self) -> int:
        """Persons with the outcome during observation."""
        return int((self.episodes["status"] == EVENT).sum())

    @property
    def person_years(self) -> float:
        """Observed years at risk (365.25 days)."""
        return float((self.episodes["exit_days"] - self.episodes["entry_days"]).sum()) / DAYS_PER_YEAR


@dataclass
class _Person:
    """What the tables say of one person, dates resolved to days."""

    row: Row
    infusions: list[tuple[dt.date, Row]] = field(default_factory=list)
    undated: int = 0
    cases: list[Row] = field(default_factory=list)
    allografts: list[dt.date] = field(default_factory=list)
    seen: list[dt.date] = field(default_factory=list)


def build(frames: Frames, data_lock: dt.date, rules: Rules | None = None) -> Cohort:
    """The cohort of a study's tables.

    Args:
        frames: frames by table name as the study folder gives them (``people``, ``infusions``, ``cases`` are needed;
            ``follow_up`` and ``prior_therapy`` are used when there). Dates are partial ISO text; a date known to the
            month or year is taken in its middle, but never before the infusion it follows.
        data_lock: observation ends here at the latest.
        rules: outcome, clock and what ends observation.

    Raises:
        InputError: when a needed table is missing.
    """
    rules = rules or Rules()
    people = _collect(frames, data_lock)
    notes: Counter[str] = Counter()
    left: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for person in people.values():
        found = _episodes(person, data_lock, rules, notes)
        if isinstance(found, str):
            left[found] += 1
        else:
            rows.extend(found)
    frame = pl.DataFrame(rows, schema=EPISODE_SCHEMA, orient="row")
    steps = [(reason, left[reason]) for reason in _REASONS]
    return Cohort(
        episodes=frame,
        attrition=attrition(len(people), steps, frame["person_id"].n_unique()),
        rules=rules,
        data_lock=data_lock,
        notes=tuple(f"{words}: {count}" for words, count in sorted(notes.items())),
    )


def is_outcome(case: Row, rules: Rules) -> bool:
    """Whether a row of ``cases`` is the outcome of these rules; an empty behaviour is unknown."""
    return case.get("lineage") in rules.lineages and (case.get("behaviour") or "unknown") in rules.behaviours


def _collect(frames: Frames, data_lock: dt.date) -> dict[str, _Person]:
    for name in ("people", "infusions", "cases"):
        if name not in frames:
            raise InputError(f"the table {name} is missing", fix="read the whole study folder")
    people = {row["person_id"]: _Person(row) for row in frames["people"].iter_rows(named=True)}
    for row in frames["infusions"].iter_rows(named=True):
        person = people.get(row["person_id"])
        if person is None:
            continue
        on = _date(row.get("infused_on"))
        if on is None:
            person.undated += 1
        elif on <= data_lock:
            person.infusions.append((on, row))
    for row in frames["cases"].iter_rows(named=True):
        if row["person_id"] in people:
            people[row["person_id"]].cases.append(row)
    for row in _rows(frames, "follow_up"):
        on = _date(row.get("contact_on"))
        if on is not None and row["person_id"] in people and on <= data_lock:
            people[row["person_id"]].seen.append(on)
    for row in _rows(frames, "prior_therapy"):
        on = _date(row.get("started_on"))
        if row.get("kind") == "allogeneic_transplant" and on is not None and row["person_id"] in people:
            people[row["person_id"]].allografts.append(on)
    for person in people.values():
        person.infusions.sort(key=lambda item: item[0])
    return people


def _rows(frames: Frames, table: str) -> Iterable[dict[str, Any]]:
    return frames[table].iter_rows(named=True) if table in frames else ()


def _episodes(person: _Person, data_lock: dt.date, rules: Rules, notes: Counter[str]) -> list[dict[str, Any]] | str:
    """The episodes of one person, or the reason why there are none."""
    if person.row.get("consent") == "withdrawn":
        return _NO_CONSENT
    if not person.infusions:
        return _NO_DATE if person.undated else _NO_INFUSION
    first = person.infusions[0][0]
    enrolled = _date(person.row.get("enrolled_on"))
    if enrolled is None:
        notes["enrolment date unknown, entry taken at infusion"] += 1
    entered = max(first, enrolled or first)
    outcome = _outcome(person, rules, notes)
    if outcome is not None and outcome[0] is None:
        return _UNDATED_CASE
    event_on = outcome[0] if outcome else None
    if event_on is not None and (event_on < entered or (event_on == entered and entered > first)):
        return _BEFORE_ENTRY
    ended = _end_of_observation(person, first, event_on, data_lock, rules, notes)
    if ended is None:
        return _NO_END
    end, status, ended_by = ended
    if end < entered or (end == entered and status == CENSORED):
        return _NO_TIME
    case_id = outcome[1] if outcome and status == EVENT else None
    potential = data_lock if status == CENSORED and ended_by in ("last seen", "data lock") else end
    if rules.reinfusion == "restart":
        spans = _split_at_infusions(person, entered, end)
    else:
        spans = [(first, entered, end, person.infusions[0][1])]
    rows = []
    for number, (start, begin, stop, infusion) in enumerate(spans):
        last = number == len(spans) - 1
        rows.append(
            _episode(person, infusion, start, begin, stop, rules)
            | {
                "status": status if last else CENSORED,
                "ended_by": ended_by if last else "further infusion",
                "case_id": case_id if last else None,
                "potential_days": float(max((potential if last else stop) - start, stop - start).days),
            }
        )
    return rows


def _episode(person: _Person, infusion: Row, start: dt.date, begin: dt.date, stop: dt.date, rules: Rules) -> dict[str, Any]:
    entry, leave = float((begin - start).days), float((stop - start).days)
    product = infusion.get("product")
    return {
        "person_id": person.row["person_id"],
        "infusion_id": infusion.get("infusion_id"),
        "product": (product_label(product) or product) if product else None,
        "indication": infusion.get("indication"),
        "sex": person.row.get("sex"),
        "age_at_start": _age(person.row, infusion, start),
        "start": start,
        "line_of_therapy": infusion.get("line_of_therapy"),
        "entry_days": entry,
        "exit_days": leave if leave > entry else entry + rules.minimum_day,
    }


def _outcome(person: _Person, rules: Rules, notes: Counter[str]) -> tuple[dt.date | None, str] | None:
    """Date (None when unknown) and case of the first outcome; None without one."""
    wanted = [case for case in person.cases if is_outcome(case, rules)]
    if any(case.get("lineage") in (None, "unknown") for case in person.cases):
        notes["case of unknown lineage, not counted as the outcome"] += 1
    if not wanted:
        return None
    dated = [(on, case["case_id"]) for case in wanted if (on := _diagnosed_on(case, person)) is not None]
    if len(wanted) > 1:
        notes["further outcome of the same person, only the first one counts"] += len(wanted) - 1
    return min(dated) if dated else (None, wanted[0]["case_id"])


def _diagnosed_on(case: Row, person: _Person) -> dt.date | None:
    """Day of diagnosis; from the onset in months where the date cannot be shared."""
    text = case.get("diagnosed_on")
    if text:
        date = PartialDate.parse(text)
        # A month or year that contains the infusion may lie on either side of it: the case is taken as after it.
        first = person.infusions[0][0]
        return max(date.middle, first) if date.earliest <= first <= date.latest and not date.is_exact else date.middle
    if case.get("onset_months") is None:
        return None
    suspected = [on for on, row in person.infusions if row.get("infusion_id") == case.get("infusion_id")]
    start = suspected[0] if suspected else person.infusions[0][0]
    return start + dt.timedelta(days=round(float(case["onset_months"]) * DAYS_PER_MONTH))


def _end_of_observation(
    person: _Person, first: dt.date, event_on: dt.date | None, data_lock: dt.date, rules: Rules, notes: Counter[str]
) -> tuple[dt.date, int, str] | None:
    """The first thing that ends observation: date, status, in words. None when nothing is known after the infusion."""
    ends: list[tuple[dt.date, int, int, str]] = []  # the second entry settles ties: outcome, death, competing, censored
    last_seen = _date(person.row.get("last_seen_on"))
    dead_on = _date(person.row.get("death_date"))
    if event_on is not None:
        ends.append((event_on, 0, EVENT, "outcome"))
    if dead_on is not None:
        ends.append((max(dead_on, first), 1, DEATH, "death"))
    elif person.row.get("vital_status") == "dead" and last_seen is not None:
        notes["dead without a date, death taken on the last day seen"] += 1
        ends.append((max(last_seen, first), 1, DEATH, "death"))
    seen = [day for day in (last_seen, *person.seen) if day is not None and day >= first]
    if seen:
        ends.append((max(seen), 4, CENSORED, "last seen"))
    if not ends:
        return None
    ends.append((data_lock, 3, CENSORED, "data lock"))
    if rules.reinfusion in ("censor", "compete") and len(person.infusions) > 1:
        status = CENSORED if rules.reinfusion == "censor" else COMPETING
        ends.append((person.infusions[1][0], 2, status, "further infusion"))
    grafts = [day for day in person.allografts if day > first]
    if rules.allograft != "continue" and grafts:
        ends.append((min(grafts), 2, CENSORED if rules.allograft == "censor" else COMPETING, "allogeneic transplant"))
    known = [end for end in ends if end[1] < 2 and end[0] <= data_lock]
    if known and seen and max(seen) < min(known)[0]:
        # The event itself proves that the person was under observation until then.
        notes["outcome or death later than the last day seen, observation extended to it"] += 1
        ends = [end for end in ends if end[3] != "last seen"]
    day, _, status, words = min(ends)
    return day, status, words


def _split_at_infusions(person: _Person, entered: dt.date, end: dt.date) -> list[tuple[dt.date, dt.date, dt.date, Row]]:
    """(clock start, entry, exit, infusion) of each infusion's own stretch of time."""
    stretches: list[tuple[dt.date, dt.date, dt.date, Row]] = []
    days = [on for on, _ in person.infusions]
    for number, (on, row) in enumerate(person.infusions):
        stop = min(end, days[number + 1]) if number + 1 < len(days) else end
        begin = max(on, entered)
        final = stop == end
        if (begin < stop or (final and begin == stop)) and not (stretches and stretches[-1][2] == end):
            stretches.append((on, begin, stop, row))
    return stretches


def _age(person: Row, infusion: Row, start: dt.date) -> float | None:
    """Age at infusion in years; a year of birth is taken at mid-year."""
    if infusion.get("age_at_infusion") is not None:
        return float(infusion["age_at_infusion"])
    year = person.get("birth_year")
    return None if year is None else (start - dt.date(int(year), 7, 1)).days / DAYS_PER_YEAR


def _date(text: str | None) -> dt.date | None:
    return PartialDate.parse(text).middle if text else None


def by_product(cohort: Cohort) -> dict[str, pl.DataFrame]:
    """The episodes of each product ("unknown" where it is not stated), in alphabetical order."""
    named = cohort.episodes.with_columns(pl.col("product").fill_null("unknown"))
    parts = sorted(named.group_by("product"), key=lambda item: str(item[0][0]))
    return {str(name): part for (name,), part in parts}
