"""Today's lists are computed again after a change, and only then; each person sees their reach."""

from aftercar.actions import today_lists
from aftercar.actions.permissions import Actor, local_actor
from aftercar.actions.registry_due import plans_in_force, work_lists


def test_lists_are_those_of_the_action_and_follow_changes(world, monkeypatch):
    counted, lists, on = [], today_lists.TodayLists(), world.now.date()
    real = today_lists.work_lists
    monkeypatch.setattr(today_lists, "work_lists", lambda *args, **more: counted.append(1) or real(*args, **more))
    for centres in (None, frozenset({"C01"}), frozenset({"C02"})):
        actor = Actor("somebody", frozenset({"reader"}), centres)
        found, slow = lists.of(world.store, actor, on), work_lists(world.store, actor, on, plans_in_force(world.store))
        assert found.people.equals(slow.people)
        assert found.tasks.equals(slow.tasks)
    assert len(counted) == 1
    before = lists.of(world.store, local_actor("me"), on).people.height
    world.store.save("people", {"person_id": "C02-0002", "centre": "C02"}, who="me", why="enrolment")
    assert lists.of(world.store, local_actor("me"), on).people.height == before + 1
    assert len(counted) == 2
