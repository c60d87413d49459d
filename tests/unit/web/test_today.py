"""Today's work equals what the whole registry gives, after any change, on both engines; and is seldom computed."""

import datetime as dt
import random

import pytest

from aftercar.actions import accounts, today_lists
from aftercar.actions.permissions import Actor, local_actor
from aftercar.actions.registry_due import plans_in_force, work_lists
from aftercar.actions.since_change import SinceChange
from aftercar.errors import NotPermitted
from aftercar.store import create_store
from aftercar.store import web as kept_rows
from aftercar.vocab.tables.study import ASSAY_RESULTS
from tests.unit.web.conftest import BOTH_ENGINES, NOW, Browser

ON = NOW.date()
UNIT = ASSAY_RESULTS["unit"].choices[0]
EVERYBODY = (None, frozenset({"C01"}), frozenset({"C02"}), frozenset({"C01", "C03"}), frozenset({"C99"}))


def actor(centres):
    return Actor("somebody", frozenset({"reader"}), centres)


def slow(store, centres, on):
    """The same from the lists of everybody, in plain Python."""
    found = work_lists(store, actor(centres), on, plans_in_force(store))
    states = {}
    for state in found.people["state"]:
        states[state] = states.get(state, 0) + 1
    tasks = sorted(
        found.tasks.to_dicts(),
        key=lambda t: (t["state"] != "overdue", t["due_on"], t["person_id"], t["plan"], t["rule"], t["infusion_id"]),
    )
    assert {t["state"] for t in tasks} <= {"overdue", "due"}
    return today_lists.WorkOfDay(states, tasks[: today_lists.SHOWN], len(tasks))


def same(lists, store, on=ON):
    for centres in EVERYBODY:
        assert lists.of(store, actor(centres), on) == slow(store, centres, on), centres


@pytest.fixture
def computed(monkeypatch):
    """How often everybody was computed, and how often a few people were."""
    counted, real = {"all": 0, "few": 0}, today_lists.load_cohort

    def counting(*arguments, people=None):
        counted["all" if people is None else "few"] += 1
        return real(*arguments, people=people)

    monkeypatch.setattr(today_lists, "load_cohort", counting)
    return counted


def change_something(store, draw, number):
    """One random change of what the lists depend on, or of what they do not."""
    people = list(store.list("people", withdrawn=True))
    person = draw.choice(people)
    kind = draw.choice(("contact", "person", "infusion", "consent", "result", "move", "new", "withdraw", "case", "both"))
    day = (ON - dt.timedelta(days=draw.randrange(-20, 900))).isoformat()
    who = {"who": "me", "why": "a random change"}
    contact = {
        "contact_id": f"X{number}",
        "person_id": person.key,
        "contact_on": day,
        "kind": draw.choice(["telephone", "examination"]),
    }
    if kind == "contact":
        store.save("follow_up", contact, **who)
    elif kind == "person" and not person.withdrawn:
        changed = draw.choice([{"last_seen_on": day}, {"vital_status": "dead", "death_date": day}, {"consent": "withdrawn"}])
        store.save("people", {**person.row, **changed}, expected_version=person.version, **who)
    elif kind == "infusion":
        row = {
            "infusion_id": f"X{number}",
            "person_id": person.key,
            "infused_on": day,
            "product": "Kymriah",
            "jurisdiction": "US",
        }
        store.save("infusions", row, **who)
    elif kind == "consent":
        row = {"consent_id": f"X{number}", "person_id": person.key, "scope": "follow_up", "version": "1", "withdrawn_on": day}
        store.save("consents", row, **who)
    elif kind == "result":
        row = {
            "result_id": f"X{number}",
            "person_id": person.key,
            "measured_on": day,
            "method": "rcl_rcr",
            "unit": UNIT,
            "result": "not_detected",
        }
        store.save("assay_results", row, **who)
    elif kind == "move" and not person.withdrawn:
        centre = draw.choice(["C01", "C02", "C03", None])
        store.save("people", {**person.row, "centre": centre}, expected_version=person.version, **who)
    elif kind == "new":
        with store.transaction("me", "enrolment") as change:
            change.save("people", {"person_id": f"N{number}", "centre": draw.choice(["C02", "C03"])})
            change.save(
                "infusions", {"infusion_id": f"N{number}", "person_id": f"N{number}", "infused_on": day, "product": "Yescarta"}
            )
    elif kind == "withdraw":
        contacts = list(store.list("follow_up", withdrawn=True))
        record = draw.choice(contacts)
        do = store.restore if record.withdrawn else store.withdraw
        do("follow_up", record.key, expected_version=record.version, **who)
    elif kind == "case":
        store.save("cases", {"case_id": f"X{number}", "person_id": person.key, "diagnosis": "lymphoma", "tested": "no"}, **who)
    elif kind == "both":  # a contact that turns out to be another person's
        other = draw.choice(people)
        saved = store.save("follow_up", contact, **who)
        store.save("follow_up", {**contact, "person_id": other.key}, expected_version=saved.version, **who)


@BOTH_ENGINES
@pytest.mark.parametrize("seed", [1, 2])
def test_the_lists_are_those_of_the_whole_registry_after_any_change(world, computed, seed):
    draw, lists = random.Random(seed), today_lists.TodayLists()
    same(lists, world.store)
    for number in range(40):
        for _ in range(draw.choice([1, 1, 3])):
            change_something(world.store, draw, f"{number}-{draw.random()}"[:20])
        same(lists, world.store)
    assert computed["all"] == 1
    assert computed["few"] >= 25


@BOTH_ENGINES
def test_what_names_no_person_computes_everybody(world, computed):
    lists, store, me = today_lists.TodayLists(), world.store, local_actor("me")
    same(lists, store)
    store.erase_person("C01-0003", who="me", why="asked for")
    same(lists, store)
    assert computed["all"] == 2
    same(lists, store, ON + dt.timedelta(days=40))
    assert computed["all"] == 3
    same(lists, store)
    assert computed["all"] == 4
    rows = [{"person_id": f"M{number:04d}", "centre": "C03"} for number in range(1_500)]
    with store.transaction("me", "a large import") as change:
        change.save_many("people", rows)
    same(lists, store)
    assert computed["all"] == 5
    from aftercar.actions.registry_plans import change_settings

    before = lists.of(store, me, ON)
    change_settings(store, me, {"lost_after_days": "30"}, why="shorter")
    same(lists, store)
    assert computed["all"] == 6
    assert lists.of(store, me, ON) != before


def test_many_visitors_of_one_state_compute_once(world, computed):
    lists = today_lists.TodayLists()
    for centres in EVERYBODY * 3:
        lists.of(world.store, actor(centres), ON)
    assert computed == {"all": 1, "few": 0}
    case = world.store.list("cases")[0]
    world.store.save("cases", {**case.row, "tested": "no"}, who="me", why="test", expected_version=case.version)
    same(lists, world.store)
    assert computed == {"all": 1, "few": 0}


def test_another_registry_in_the_same_place_is_noticed(world, computed, tmp_path):
    """A backup is restored under a running server: the trail's end may have the same number, not the same hash."""
    lists, other = today_lists.TodayLists(), create_store(f"sqlite:///{tmp_path / 'other.db'}")
    with other.transaction("me", "another registry") as change:
        change.save_many("people", [{"person_id": f"O{i}", "centre": "C01"} for i in range(world.store.head().seq + 3)])
    same(lists, world.store)
    same(lists, other)
    assert computed["all"] == 2
    other.close()


def test_only_those_who_may_read(world):
    with pytest.raises(NotPermitted):
        today_lists.TodayLists().of(world.store, Actor("nobody", frozenset()), ON)


@BOTH_ENGINES
def test_a_value_is_kept_until_one_of_its_tables_changes(world, tmp_path):
    store, kept, asked = world.store, SinceChange("cases", "people"), []

    def value():
        return kept.of(store, "key", lambda: asked.append(1) or len(asked))

    assert [value(), value()] == [1, 1]
    contact = {"contact_id": "X1", "person_id": "C01-0003", "contact_on": "2024-06-20"}
    store.save("follow_up", contact, who="me", why="test")
    assert value() == 1
    store.save("people", {"person_id": "C01-7777"}, who="me", why="test")
    assert [value(), value()] == [2, 2]
    assert kept.of(store, "another", lambda: "other") == "other"
    with store.transaction("me", "many") as change:
        change.save_many("follow_up", [{**contact, "contact_id": f"M{number}"} for number in range(1_100)])
    assert value() == 3  # too many to look at one by one
    other = create_store(f"sqlite:///{tmp_path / 'other.db'}")
    assert kept.of(other, "key", lambda: "of the other") == "of the other"
    assert value() == 4
    other.close()


@BOTH_ENGINES
def test_a_page_that_was_long_open_says_what_a_new_one_says(world):
    draw = random.Random(7)
    for number in range(12):
        change_something(world.store, draw, f"{number}-{draw.random()}"[:20])
        if number % 4 == 3:
            case = draw.choice(world.store.list("cases"))
            row = {"document_id": f"D{number}", "person_id": case["person_id"], "case_id": case.key, "kind": "other"}
            row |= {"produced_on": ON.isoformat(), "produced_by": "a laboratory", "statement": "seen"}
            world.store.save("result_documents", row, who="me", why="a letter")
        for email in ("root@example.org", "registrarc01@example.org"):
            token = kept_rows.open_session(world.store, accounts.find(world.store, email).key, NOW)
            pages = []
            for app in (world.app, world.start()):
                browser = Browser(app, base_url="http://testserver", cookies={"aftercar_session": token})
                pages.append(browser.get("/today.json").json())
            assert pages[0] == pages[1]
            assert pages[0]["tasks_in_all"] > 0
