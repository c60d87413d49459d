"""Who must be seen when: the tasks of one person, and the state of each on any day.

Nothing of this is stored. A task is one due date of one rule, counted from one infusion; its state follows from dates:

========  =====================================================================================
upcoming  its window has not opened
due       its window is open and nothing fulfils it yet
done      a contact or test on or after its opening, before the next window of the same rule opens
overdue   its window has closed, the next has not opened
missed    the next window has opened (or a year has gone by after the last), and nothing fulfilled it
stopped   death or withdrawal came before its window closed
before_entry  its window closed before the person came under observation
========  =====================================================================================

No task is due before its infusion, or after the person's death or withdrawal. For a whole registry at once use
:mod:`aftercar.registry.worklists`, which gives the same answers and is held to this module by the tests.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from aftercar.registry.plan import Plan, PlanSet, Rule
from aftercar.registry.subject import Event, Infusion, Subject

TaskState = Literal["upcoming", "due", "done", "overdue", "missed", "stopped", "before_entry"]

PersonState = Literal["stopped", "unscheduled", "not_started", "lost", "overdue", "due", "missed", "done"]

#: Every state a person can be in, in the order in which the first that fits is taken.
PERSON_STATES: tuple[PersonState, ...] = ("stopped", "unscheduled", "not_started", "lost", "overdue", "due", "missed", "done")


@dataclass(frozen=True, slots=True)
class Task:
    """One due date of one rule for one infusion.

    Attributes:
        person_id, centre, infusion_id: whose.
        plan: name and version.
        rule: the rule, with its source.
        opens, due, closes: window and due date; with a partial infusion date the window spans all it can be.
        late_until: last day on which it can still be fulfilled.
        is_last: whether the rule asks for nothing after it.
        state: on the day asked for.
        done_on, done_by: the event that fulfilled it.
    """

    person_id: str
    centre: str | None
    infusion_id: str
    plan: str
    rule: Rule
    opens: dt.date
    due: dt.date
    closes: dt.date
    late_until: dt.date
    is_last: bool
    state: TaskState
    done_on: dt.date | None = None
    done_by: str | None = None


def schedule(subject: Subject, plans: PlanSet, on: dt.date, *, until: dt.date | None = None) -> list[Task]:
    """Every task of a person whose window has opened by ``until`` (``on`` when None), with its state on ``on``.

    Sorted by due date, plan and rule.
    """
    horizon = until or on
    tasks = [
        task
        for infusion in subject.infusions
        for plan in _plans_of(infusion, subject, plans)
        for rule in plan.rules
        for task in _tasks(subject, infusion, plan, rule, plans, on, horizon)
    ]
    return sorted(tasks, key=lambda task: (task.due, task.plan, task.rule.id, task.infusion_id))


def person_state(subject: Subject, plans: PlanSet, on: dt.date) -> PersonState:
    """The one state of a person on a day: the first of :data:`PERSON_STATES` that fits.

    ``lost`` needs an open task and no news for longer than the setting; ``missed`` counts only while the person has
    not been heard of since.
    """
    if subject.stopped_on is not None and subject.stopped_on <= on:
        return "stopped"
    if not subject.infusions:
        return "unscheduled"
    if min(item.infused_on.earliest for item in subject.infusions) > on:
        return "not_started"
    news = last_news(subject, on)
    states: set[str] = set()
    for task in schedule(subject, plans, on):
        if on > task.late_until and not task.is_last:
            continue  # a newer task of the same rule has taken its place
        if task.state == "missed" and news > task.late_until:
            continue  # the person was heard of since
        states.add(task.state)
    open_states = states & {"due", "overdue", "missed"}
    if open_states and (on - news).days > plans.settings.lost_after_days:
        return "lost"
    return next((state for state in PERSON_STATES if state in open_states), "done")


def last_news(subject: Subject, on: dt.date) -> dt.date:
    """The last day by ``on`` that anything was heard of a person: a contact, a test, last seen, enrolled, infused."""
    days = [event.on.earliest for event in subject.events]
    days += [item.infused_on.earliest for item in subject.infusions]
    days += [day for day in (subject.enrolled_on, subject.last_seen_on) if day is not None]
    return max((day for day in days if day <= on), default=dt.date.min)


def _plans_of(infusion: Infusion, subject: Subject, plans: PlanSet) -> Iterator[Plan]:
    last = subject.infusions[-1].infusion_id
    for plan in plans.for_infusion(
        jurisdiction=infusion.jurisdiction,
        setting=infusion.setting,
        product=infusion.product,
        trial=infusion.trial,
        vector=infusion.vector,
    ):
        if plan.clock == "each" or infusion.infusion_id == last:
            yield plan


def _tasks(
    subject: Subject, infusion: Infusion, plan: Plan, rule: Rule, plans: PlanSet, on: dt.date, horizon: dt.date
) -> Iterator[Task]:
    events = [event for event in subject.events if event.kind in rule.satisfied_by and event.on.earliest <= on]
    ends = negative_run_end(events, rule.ends_after_negatives)
    early, late = infusion.infused_on.earliest, infusion.infused_on.latest
    before, after = dt.timedelta(days=rule.before_days), dt.timedelta(days=rule.after_days)
    for number, offset in enumerate(rule.offsets):
        opens, due = rule.target(early, offset) - before, rule.target(late, offset)
        closes = due + after
        if opens > horizon:
            return
        if subject.stopped_on is not None and due > subject.stopped_on:
            return
        if ends is not None and due > ends:
            return
        is_last = number + 1 == len(rule.offsets)
        if not is_last:
            late_until = rule.target(early, rule.offsets[number + 1]) - before - dt.timedelta(days=1)
        else:
            late_until = closes + dt.timedelta(days=plans.settings.last_grace_days)
        event = next((event for event in events if opens <= event.on.earliest <= late_until), None)
        state = _state(subject, on, opens, closes, late_until, event)
        yield Task(
            subject.person_id,
            subject.centre,
            infusion.infusion_id,
            plan.label,
            rule,
            opens,
            due,
            closes,
            late_until,
            is_last,
            state,
            event.on.earliest if event else None,
            event.id if event else None,
        )


def _state(subject: Subject, on: dt.date, opens: dt.date, closes: dt.date, late_until: dt.date, event: Event | None) -> TaskState:
    if event is not None:
        return "done"
    if subject.enrolled_on is not None and closes < subject.enrolled_on:
        return "before_entry"
    if on < opens:
        return "upcoming"
    if subject.stopped_on is not None and subject.stopped_on <= on:
        return "stopped" if subject.stopped_on <= closes else "missed"
    if on > late_until:
        return "missed"
    return "overdue" if on > closes else "due"


def negative_run_end(events: Sequence[Event], needed: int) -> dt.date | None:
    """The day on which ``needed`` negative results in a row were reached for the first time; None when never (or 0 needed).

    A result without a statement neither counts nor breaks the run; a positive one breaks it.
    """
    run = 0
    for event in events if needed else ():
        if event.negative is None:
            continue
        run = run + 1 if event.negative else 0
        if run == needed:
            return event.on.earliest
    return None
