"""Who is due, for a whole registry at once: the same answers as :mod:`aftercar.registry.schedule`, by columns.

Only the newest opened task of each rule can be due or overdue, and whether it is fulfilled follows from the person's
last contact of the right kind. So the lists need one row for each person and kind of contact, however long people
have been followed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aftercar.registry.plan import EVENT_KINDS, Plan, PlanSet, Rule
from aftercar.registry.schedule import PERSON_STATES
from aftercar.vocab.products import find_product

Days = NDArray[np.datetime64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NEVER, ALWAYS = dt.date(1, 1, 1), dt.date(9999, 12, 31)

#: Columns of each table that the lists need.
NEEDS: dict[str, tuple[str, ...]] = {
    "people": ("person_id", "centre", "enrolled_on", "last_seen_on", "vital_status", "death_date", "consent"),
    "infusions": ("infusion_id", "person_id", "infused_on", "product", "jurisdiction", "setting", "trial"),
    "consents": ("person_id", "scope", "given_on", "withdrawn_on"),
    "assay_results": ("result_id", "person_id", "measured_on", "method", "result"),
}


@dataclass(frozen=True)
class Cohort:
    """What the lists are made from.

    Attributes:
        people, infusions, consents: frames with the columns of :data:`NEEDS`.
        tests: assay results of the methods that can end a rule; see :func:`ending_methods`.
        last_events: ``person_id``, ``kind`` (of :data:`EVENT_KINDS`) and ``last_on``, the newest by the day asked for.
    """

    people: pl.DataFrame
    infusions: pl.DataFrame
    consents: pl.DataFrame
    tests: pl.DataFrame
    last_events: pl.DataFrame


def ending_methods(plans: PlanSet) -> tuple[str, ...]:
    """The laboratory methods whose negative results can end a rule of these plans."""
    kinds = {kind for plan in plans.plans for rule in plan.rules if rule.ends_after_negatives for kind in rule.satisfied_by}
    return tuple(sorted(kind.removeprefix("assay:") for kind in kinds if kind.startswith("assay:")))


@dataclass(frozen=True)
class Work:
    """The lists of one day.

    Attributes:
        on: the day.
        tasks: tasks that are due, overdue or (with a later horizon) upcoming, one row each: ``person_id``, ``centre``,
            ``infusion_id``, ``plan``, ``rule``, ``task``, ``opens_on``, ``due_on``, ``closes_on``, ``state``, ``source``,
            ``mark``.
        people: one row a person: ``person_id``, ``centre``, ``state``, ``last_news_on``.
    """

    on: dt.date
    tasks: pl.DataFrame
    people: pl.DataFrame


def work(cohort: Cohort, plans: PlanSet, on: dt.date, *, until: dt.date | None = None) -> Work:
    """The open tasks and the state of everybody on a day.

    Args:
        cohort: see :class:`Cohort`; ``last_events`` must hold nothing after ``on``.
        plans: the plans in force.
        on: the day.
        until: tasks whose window opens by this day are listed too, as ``upcoming``; ``on`` when None.
    """
    day, horizon = np.datetime64(on, "D"), np.datetime64(until or on, "D")
    people = _People(cohort, day)
    infusions = _Infusions(cohort.infusions, people)
    found: list[_Open] = []
    for plan, rows in _assigned(infusions, plans):
        for rule in plan.rules:
            ends = _ends(cohort.tests, rule, people, day)
            found += _open_tasks(plan, rule, rows, infusions, people, ends, plans, day, horizon)
    return Work(on, _task_frame(found, infusions, people), _people_frame(found, infusions, people, plans, day))


class _People:
    """People by row number: where they stand in time on the day."""

    def __init__(self, cohort: Cohort, day: np.datetime64) -> None:
        frame = cohort.people
        self.ids = frame["person_id"]
        self.centre = frame["centre"]
        self.count = frame.height
        self.row = pl.DataFrame({"person_id": self.ids, "row": np.arange(self.count, dtype=np.int64)})
        self.enrolled = earliest(frame["enrolled_on"])
        seen = earliest(frame["last_seen_on"])
        self.stopped = _stops(frame, self.rows_of(cohort.consents["person_id"]), cohort.consents)
        self.events = np.full((self.count, len(EVENT_KINDS)), np.datetime64(NEVER, "D"))
        number = {kind: i for i, kind in enumerate(EVENT_KINDS)}
        kinds = cohort.last_events["kind"].replace_strict(number, return_dtype=pl.Int64).to_numpy()
        self.events[self.rows_of(cohort.last_events["person_id"]), kinds] = earliest(cohort.last_events["last_on"])
        self.news = self.events.max(axis=1)
        for days in (self.enrolled, seen):
            self.news = np.where((days <= day) & (days > self.news), days, self.news)

    def rows_of(self, ids: pl.Series) -> Ints:
        """Row numbers of person ids; every id must be known."""
        joined = pl.DataFrame({"person_id": ids}).join(self.row, on="person_id", how="left", maintain_order="left")
        return joined["row"].to_numpy().astype(np.int64)


class _Infusions:
    """Infusions with a known date, by row number."""

    def __init__(self, frame: pl.DataFrame, people: _People) -> None:
        frame = frame.filter(pl.col("infused_on").is_not_null())
        self.frame = frame
        self.ids = frame["infusion_id"]
        self.person = people.rows_of(frame["person_id"])
        self.early = Starts(earliest(frame["infused_on"]))
        self.late = Starts(latest(frame["infused_on"]))
        order = np.lexsort((self.ids.rank("ordinal").to_numpy(), self.early.days, self.person))
        self.is_last = np.zeros(len(order), dtype=bool)
        if len(order):
            sorted_people = self.person[order]
            self.is_last[order[np.append(sorted_people[1:] != sorted_people[:-1], True)]] = True


@dataclass(frozen=True)
class _Open:
    """Open tasks of one rule: parallel arrays."""

    plan: Plan
    rule: Rule
    infusion: Ints
    opens: Days
    due: Days
    closes: Days
    late_until: Days
    state: NDArray[np.str_]


def earliest(texts: pl.Series, otherwise: dt.date = NEVER) -> Days:
    """First possible day of partial dates as ``datetime64[D]``; ``otherwise`` where there is none."""
    length = texts.str.len_bytes()
    frame = pl.DataFrame({"text": texts, "length": length})
    ending = (
        pl.when(pl.col("length") == 4)
        .then(pl.lit("-01-01"))
        .when(pl.col("length") == 7)
        .then(pl.lit("-01"))
        .otherwise(pl.lit(""))
    )
    days = frame.select((pl.col("text") + ending).str.to_date("%Y-%m-%d")).to_series()
    return days.fill_null(otherwise).to_numpy().astype("datetime64[D]")


def latest(texts: pl.Series, otherwise: dt.date = NEVER) -> Days:
    """Last possible day of partial dates as ``datetime64[D]``; ``otherwise`` where there is none."""
    days = earliest(texts, otherwise)
    length = texts.str.len_bytes().fill_null(10).to_numpy()
    month_end = (days.astype("datetime64[M]") + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
    year_end = (days.astype("datetime64[Y]") + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
    return np.where(length == 4, year_end, np.where(length == 7, month_end, days))


#: First day of each month from January of year 1, as days since 1970; months are counted since 1970 too.
_MONTHS = np.arange(np.datetime64("0001-01", "M"), np.datetime64("2601-01", "M"))
_FIRST_MONTH = int(_MONTHS[0].astype(np.int64))
_STARTS = _MONTHS.astype("datetime64[D]").astype(np.int64)
_LENGTHS = np.diff(_STARTS)


class Starts:
    """Days that months are added to, taken apart once.

    Adding is as in ``vocab.dates.add_months``: the same day, or the last day of a month that has no such day.
    """

    def __init__(self, days: Days) -> None:
        self.days = days.astype("datetime64[D]")
        self.month = days.astype("datetime64[M]").astype(np.int64) - _FIRST_MONTH
        self.of_month = self.days.astype(np.int64) - _STARTS[self.month]

    def __getitem__(self, rows: Any) -> Starts:
        part = object.__new__(Starts)
        part.days, part.month, part.of_month = self.days[rows], self.month[rows], self.of_month[rows]
        return part

    def plus_months(self, months: Ints | int) -> Days:
        """Each day ``months`` later."""
        there = self.month + months
        return (_STARTS[there] + np.minimum(self.of_month, _LENGTHS[there] - 1)).view("datetime64[D]")

    def months_until(self, end: np.datetime64) -> Ints:
        """The largest number of months that, added to each day, does not pass ``end``."""
        months = int(end.astype("datetime64[M]").astype(np.int64)) - _FIRST_MONTH - self.month
        return np.where(self.plus_months(months) > end, months - 1, months)


def _target(rule: Rule, start: Starts, offset: Ints) -> Days:
    if rule.unit == "months":
        return start.plus_months(offset)
    return start.days + offset.astype("timedelta64[D]")


def _stops(people: pl.DataFrame, signed_by: Ints, consents: pl.DataFrame) -> Days:
    """First day on which follow-up of each person has ended; :data:`ALWAYS` while it goes on. As ``subject.stop_of``."""
    always = np.datetime64(ALWAYS, "D")
    seen = latest(people["last_seen_on"])
    death = earliest(people["death_date"], ALWAYS)
    dead = (people["vital_status"] == "dead").fill_null(False).to_numpy()
    death = np.where((death == always) & dead, seen, death)
    mine = (consents["scope"] == "follow_up").fill_null(False).to_numpy()
    ended = earliest(consents["withdrawn_on"])
    has_end = consents["withdrawn_on"].is_not_null().to_numpy()
    stands = np.zeros(people.height, dtype=bool)
    stands[signed_by[mine & ~has_end]] = True
    last_end = np.full(people.height, np.datetime64(NEVER, "D"))
    np.maximum.at(last_end, signed_by[mine & has_end], ended[mine & has_end])
    any_end = np.zeros(people.height, dtype=bool)
    any_end[signed_by[mine & has_end]] = True
    said = (people["consent"] == "withdrawn").fill_null(False).to_numpy()
    withdrawal = np.where(any_end & ~stands, last_end, np.where(said & ~stands, seen, always))
    return np.minimum(death, withdrawal)


def _assigned(infusions: _Infusions, plans: PlanSet) -> list[tuple[Plan, Ints]]:
    """Each plan with the row numbers of the infusions that it applies to."""
    columns = ("jurisdiction", "setting", "product", "trial")
    frame = infusions.frame.select(pl.col(name).fill_null("unknown") for name in columns).with_row_index("row")
    found: dict[str, list[Ints]] = {}
    for key, group in frame.group_by(columns):
        jurisdiction, setting, name, trial = (str(part) for part in key)
        product = find_product(name)
        applied = plans.for_infusion(
            jurisdiction=jurisdiction,
            setting=setting,
            product=product.key if product else "unknown",
            trial=trial,
            vector=product.vector if product else "unknown",
        )
        rows = group["row"].to_numpy().astype(np.int64)
        for plan in applied:
            found.setdefault(plan.name, []).append(rows[infusions.is_last[rows]] if plan.clock == "last" else rows)
    return [(plan, np.sort(np.concatenate(found[plan.name]))) for plan in plans.plans if plan.name in found]


def _ends(tests: pl.DataFrame, rule: Rule, people: _People, day: np.datetime64) -> Days | None:
    """Day on which negative results ended the rule, by person; None when the rule cannot end so."""
    if not rule.ends_after_negatives:
        return None
    ends = np.full(people.count, np.datetime64(ALWAYS, "D"))
    methods = [kind.removeprefix("assay:") for kind in rule.satisfied_by if kind.startswith("assay:")]
    mine = tests.filter(
        pl.col("method").is_in(methods), ~pl.col("result").fill_null("unknown").is_in(["unknown", "inconclusive"])
    )
    mine = mine.with_columns(day=pl.Series(earliest(mine["measured_on"])), person=pl.Series(people.rows_of(mine["person_id"])))
    mine = mine.filter(pl.col("day") <= day.astype(object)).sort("person", "day", "result_id")
    if mine.is_empty():
        return ends
    person, negative = mine["person"].to_numpy(), (mine["result"] == "not_detected").to_numpy()
    number = np.arange(mine.height)
    first = np.append(True, person[1:] != person[:-1])
    # The row before each run of negatives: a positive one, or the last one of the person before.
    before = np.maximum.accumulate(np.where(~negative, number, np.where(first, number - 1, -1)))
    reached = number - before == rule.ends_after_negatives
    np.minimum.at(ends, person[reached], mine["day"].to_numpy().astype("datetime64[D]")[reached])
    return ends


def _opened(rule: Rule, early: Starts, by: np.datetime64) -> Ints:
    """Number of the newest offset whose window has opened by a day; -1 for none."""
    reach = by + np.timedelta64(rule.before_days, "D")
    reached = early.months_until(reach) if rule.unit == "months" else (reach - early.days).astype(np.int64)
    return np.searchsorted(np.array(rule.offsets, dtype=np.int64), reached, side="right") - 1


def _open_tasks(
    plan: Plan,
    rule: Rule,
    rows: Ints,
    infusions: _Infusions,
    people: _People,
    ends: Days | None,
    plans: PlanSet,
    day: np.datetime64,
    horizon: np.datetime64,
) -> list[_Open]:
    """Tasks of a rule: those newest on ``day`` and not fulfilled, and those that open after it by ``horizon``."""
    early = infusions.early[rows]
    now, then = _opened(rule, early, day), _opened(rule, early, horizon)
    found = []
    for step in range(int((then - now).max(initial=0)) + 1):
        number = now + step
        keep = (number >= 0) & (number <= then)
        found.append(_tasks_at(plan, rule, rows[keep], number[keep], infusions, people, ends, plans, day, upcoming=step > 0))
    return found


def _tasks_at(
    plan: Plan,
    rule: Rule,
    rows: Ints,
    number: Ints,
    infusions: _Infusions,
    people: _People,
    ends: Days | None,
    plans: PlanSet,
    day: np.datetime64,
    *,
    upcoming: bool,
) -> _Open:
    """Open tasks at the given offset numbers, one for each infusion."""
    before, after = np.timedelta64(rule.before_days, "D"), np.timedelta64(rule.after_days, "D")
    offsets = np.array(rule.offsets, dtype=np.int64)
    early, person = infusions.early[rows], infusions.person[rows]
    opens, due = _target(rule, early, offsets[number]) - before, _target(rule, infusions.late[rows], offsets[number])
    closes = due + after
    following = _target(rule, early, offsets[np.minimum(number + 1, len(offsets) - 1)]) - before - np.timedelta64(1, "D")
    grace = np.timedelta64(plans.settings.last_grace_days, "D")
    late_until = np.where(number + 1 == len(offsets), closes + grace, following)
    stopped = people.stopped[person]
    wanted = (due <= stopped) & (stopped > day) & (closes >= people.enrolled[person])
    if ends is not None:
        wanted &= due <= ends[person]
    if upcoming:
        state = np.full(len(rows), "upcoming")
    else:
        seen = people.events[person][:, [EVENT_KINDS.index(kind) for kind in rule.satisfied_by]].max(axis=1)
        wanted &= seen < opens
        state = np.where(day > late_until, "missed", np.where(day > closes, "overdue", "due"))
    return _Open(plan, rule, rows[wanted], opens[wanted], due[wanted], closes[wanted], late_until[wanted], state[wanted])


def _task_frame(found: list[_Open], infusions: _Infusions, people: _People) -> pl.DataFrame:
    frames = []
    for item in found:
        if not len(item.infusion):
            continue
        person = infusions.person[item.infusion]
        frames.append(
            pl.DataFrame(
                {
                    "person_id": people.ids.gather(person),
                    "centre": people.centre.gather(person),
                    "infusion_id": infusions.ids.gather(item.infusion),
                    "opens_on": pl.Series(item.opens, dtype=pl.Date),
                    "due_on": pl.Series(item.due, dtype=pl.Date),
                    "closes_on": pl.Series(item.closes, dtype=pl.Date),
                    "state": pl.Series(item.state, dtype=pl.String),
                }
            ).with_columns(
                plan=pl.lit(item.plan.label),
                rule=pl.lit(item.rule.id),
                task=pl.lit(item.rule.task),
                source=pl.lit(item.rule.source),
                mark=pl.lit(item.rule.mark),
            )
        )
    order = (
        "person_id",
        "centre",
        "infusion_id",
        "plan",
        "rule",
        "task",
        "opens_on",
        "due_on",
        "closes_on",
        "state",
        "source",
        "mark",
    )
    if not frames:
        dates = {"opens_on", "due_on", "closes_on"}
        return pl.DataFrame(schema={name: pl.Date if name in dates else pl.String for name in order})
    return (
        pl.concat(frames)
        .select(order)
        .filter(pl.col("state") != "missed")
        .sort("due_on", "person_id", "plan", "rule", "infusion_id")
    )


def _people_frame(found: list[_Open], infusions: _Infusions, people: _People, plans: PlanSet, day: np.datetime64) -> pl.DataFrame:
    """One state for each person: the first of ``PERSON_STATES`` that fits."""
    first = np.full(people.count, np.datetime64(ALWAYS, "D"))
    np.minimum.at(first, infusions.person, infusions.early.days)
    news = people.news.copy()
    past = infusions.early.days <= day
    np.maximum.at(news, infusions.person[past], infusions.early.days[past])
    has: dict[str, Flags] = {state: np.zeros(people.count, dtype=bool) for state in ("due", "overdue", "missed")}
    for item in found:
        person = infusions.person[item.infusion]
        for kind, flags in has.items():
            mine = item.state == kind
            if kind == "missed":
                mine &= news[person] <= item.late_until
            flags[person[mine]] = True
    is_open = has["due"] | has["overdue"] | has["missed"]
    silent = (day - news).astype(np.int64) > plans.settings.lost_after_days
    conditions = {
        "stopped": people.stopped <= day,
        "unscheduled": first == np.datetime64(ALWAYS, "D"),
        "not_started": first > day,
        "lost": is_open & silent,
        **has,
    }
    states = [state for state in PERSON_STATES if state in conditions]
    state = np.select([conditions[name] for name in states], states, "done")
    known = np.where(news > np.datetime64(NEVER, "D"), news, np.datetime64("NaT"))
    data: dict[str, Any] = {"person_id": people.ids, "centre": people.centre, "state": state}
    return pl.DataFrame({**data, "last_news_on": pl.Series(known, dtype=pl.Date)})
