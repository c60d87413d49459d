"""Plans never ask before the infusion or after death, everybody is in one state, and the fast lists equal the slow ones."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercar.registry.plan import plan_set, shipped_plans
from aftercar.registry.schedule import PERSON_STATES, person_state, schedule
from aftercar.registry.subject import subjects
from aftercar.registry.worklists import NEEDS, Cohort, ending_methods, work
from aftercar.vocab.tables.study import ASSAY_RESULTS, FOLLOW_UP, INFUSIONS

START, END = dt.date(2008, 1, 1), dt.date(2045, 12, 31)
days = st.dates(START, dt.date(2040, 12, 31))
USE_ALL = 'use = ["cibmtr_standard"]\n'
OWN = """
name = "own"
version = "1"
title = "Own"
clock = "last"
[applies]
products = ["axi-cel"]
[[rules]]
id = "visits"
task = "Visits"
satisfied_by = ["examination"]
days = [0, 28, 90]
before_days = 5
after_days = 10
source = "SOP 1"
mark = "seen"
"""


def partial(day: dt.date, precision: int) -> str:
    return day.isoformat()[:precision]


texts = st.builds(partial, days, st.sampled_from([10, 10, 10, 7, 4]))


@st.composite
def registries(draw, trial=False):
    """A few people with any history, in the form of table rows; with ``trial`` all in a US trial with many tests."""
    people, infusions, contacts, tests, consents = [], [], [], [], []
    for i in range(draw(st.integers(1, 4))):
        person = f"P{i}"
        people.append(
            {
                "person_id": person,
                "centre": draw(st.sampled_from(["A", "B", None])),
                "enrolled_on": draw(st.none() | texts),
                "last_seen_on": draw(st.none() | texts),
                "vital_status": draw(st.sampled_from(["alive", "dead", "unknown", None])),
                "death_date": draw(st.none() | st.none() | texts),
                "consent": draw(st.sampled_from(["given", "given", "withdrawn", None])),
            }
        )
        for j in range(draw(st.integers(0, 2))):
            infusions.append(
                {
                    "infusion_id": f"{person}-{j}",
                    "person_id": person,
                    "infused_on": draw(st.none() | texts | texts),
                    "product": draw(st.sampled_from(["Yescarta", "Kymriah", "something else"])),
                    "jurisdiction": "US" if trial else draw(st.sampled_from(["EU", "US", "US", "UK", None, "other"])),
                    "setting": "trial" if trial else draw(st.sampled_from(["commercial", "trial", None])),
                    "trial": draw(st.sampled_from([None, "NCT01"])),
                }
            )
        for j in range(draw(st.integers(0, 6))):
            kind = draw(st.sampled_from([None, *FOLLOW_UP["kind"].choices]))
            contacts.append({"contact_id": f"{person}-c{j}", "person_id": person, "contact_on": draw(texts), "kind": kind})
        for j in range(draw(st.integers(4, 14) if trial else st.integers(0, 5))):
            tests.append(
                {
                    "result_id": f"{person}-t{j}",
                    "person_id": person,
                    "measured_on": draw(texts),
                    "method": draw(st.sampled_from(["rcl_rcr", "qpcr", "ddpcr"])),
                    "result": draw(st.sampled_from(["not_detected", "not_detected", "detected", "below_loq", None])),
                }
            )
        for _ in range(draw(st.integers(0, 2))):
            withdrawn = draw(st.none() | texts)
            scope = draw(st.sampled_from(["follow_up", "data_use"]))
            consents.append({"person_id": person, "scope": scope, "given_on": None, "withdrawn_on": withdrawn})
    return {"people": people, "infusions": infusions, "follow_up": contacts, "assay_results": tests, "consents": consents}


def fast_cohort(rows, on, plans):
    def frame(name):
        return pl.DataFrame(rows[name], schema=dict.fromkeys(NEEDS[name], pl.String))

    events = [(r["person_id"], r["kind"] or "unspecified", r["contact_on"]) for r in rows["follow_up"]]
    events += [(r["person_id"], f"assay:{r['method']}", r["measured_on"]) for r in rows["assay_results"]]
    last = pl.DataFrame(
        [event for event in events if event[2] <= on.isoformat()],
        schema={"person_id": pl.String, "kind": pl.String, "last_on": pl.String},
        orient="row",
    )
    last = last.group_by("person_id", "kind").agg(pl.col("last_on").max())
    tests = frame("assay_results").filter(pl.col("method").is_in(ending_methods(plans)))
    return Cohort(frame("people"), frame("infusions"), frame("consents"), tests, last)


@settings(max_examples=250)
@given(registries() | registries(trial=True), st.dates(START, END), st.sampled_from([0, 40, 800]))
def test_lists_of_a_whole_registry_equal_the_schedules_of_its_people(rows, on, ahead):
    plans = plan_set([USE_ALL, OWN])
    until = on + dt.timedelta(days=ahead)
    fast = work(fast_cohort(rows, on, plans), plans, on, until=until)
    slow = subjects(rows["people"], rows["infusions"], rows["follow_up"], rows["assay_results"], rows["consents"])
    expected = set()
    for subject in slow:
        for task in schedule(subject, plans, on, until=until):
            if task.state in ("due", "overdue", "upcoming"):
                stopped = subject.stopped_on is not None and subject.stopped_on <= on
                assert not stopped or task.state == "upcoming"
                if not stopped:
                    expected.add(
                        (task.person_id, task.infusion_id, task.plan, task.rule.id, task.opens, task.due, task.closes, task.state)
                    )
    columns = ("person_id", "infusion_id", "plan", "rule", "opens_on", "due_on", "closes_on", "state")
    assert set(fast.tasks.select(columns).iter_rows()) == expected
    assert fast.tasks.height == len(expected)
    assert dict(fast.people.select("person_id", "state").iter_rows()) == {
        subject.person_id: person_state(subject, plans, on) for subject in slow
    }


@settings(max_examples=150)
@given(registries(), st.dates(START, END))
def test_no_due_date_before_the_infusion_or_after_the_end(rows, on):
    plans = plan_set([USE_ALL, OWN])
    for subject in subjects(rows["people"], rows["infusions"], rows["follow_up"], rows["assay_results"], rows["consents"]):
        infused = {item.infusion_id: item.infused_on for item in subject.infusions}
        for task in schedule(subject, plans, on, until=END):
            assert task.due >= infused[task.infusion_id].latest
            assert subject.stopped_on is None or task.due <= subject.stopped_on
            assert task.opens <= task.due <= task.closes
            assert task.done_on is None or task.opens <= task.done_on <= task.late_until


@settings(max_examples=100)
@given(registries(), st.dates(START, END))
def test_everybody_is_in_exactly_one_state_and_stays_stopped(rows, on):
    plans = plan_set()
    for subject in subjects(rows["people"], rows["infusions"], rows["follow_up"], rows["assay_results"], rows["consents"]):
        state = person_state(subject, plans, on)
        assert state in PERSON_STATES
        if state == "stopped":
            assert person_state(subject, plans, on + dt.timedelta(days=400)) == "stopped"


@settings(max_examples=100)
@given(registries(), st.dates(START, END))
def test_an_infusion_always_has_a_plan(rows, on):
    plans = plan_set()
    for subject in subjects(rows["people"], rows["infusions"], rows["follow_up"], rows["assay_results"], rows["consents"]):
        for item in subject.infusions:
            assert plans.for_infusion(
                jurisdiction=item.jurisdiction, setting=item.setting, product=item.product, trial=item.trial, vector=item.vector
            )


@pytest.mark.parametrize("plan", shipped_plans(), ids=lambda plan: plan.name)
def test_every_shipped_rule_names_its_source(plan):
    for rule in plan.rules:
        assert rule.source
        assert rule.timing_source
        assert all(kind in (*FOLLOW_UP["kind"].choices, "unspecified") or kind.startswith("assay:") for kind in rule.satisfied_by)
        assert all(kind.removeprefix("assay:") in ASSAY_RESULTS["method"].choices for kind in rule.satisfied_by if ":" in kind)
    assert set(plan.applies.jurisdictions) <= set(INFUSIONS["jurisdiction"].choices)
