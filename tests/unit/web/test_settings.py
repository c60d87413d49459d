"""Settings: an administrator changes plans and thresholds, everybody reads them, and they really take effect."""

import json

PLAN = """
name = "house"
version = "{version}"
title = "Our clinic calls {title}"

[[rules]]
id = "call"
task = "Call {title}"
satisfied_by = ["telephone"]
months = [1]
before_days = 5
after_days = 5
source = "House rule 7"
mark = "seen"
"""


def values(browser):
    return {line["name"]: line["value"] for line in browser.get("/settings.json").json()["lines"]}


def names(browser):
    found = browser.get("/settings/plans.json").json()["plans"]
    return {(plan["name"], plan["version"]) for plan in found if plan["in_force"]}


def test_a_threshold_is_changed_with_its_reason_and_the_old_value_is_kept(world):
    root = world.browser("root@example.org")
    answer = root.submit("/settings", small_cell="10", level="0.9", why="our data board asks for it")
    assert answer.status_code == 303, answer.text
    assert (values(root)["small_cell"], values(root)["level"]) == (10, 0.9)
    page = root.get("/settings").text
    assert "small_cell: 5 -&gt; 10; level: 0.95 -&gt; 0.9: our data board asks for it" in page
    root.submit("/settings", small_cell="7", why="less")
    first, second = world.store.history("site_plans", "site-choices")
    assert "small_cell = 10" in json.loads(second.before)["plan"]
    assert "small_cell = 7" in json.loads(second.after)["plan"]
    assert first.who.startswith("root")


def test_thresholds_take_effect_in_what_is_counted_masked_and_said(world):
    root = world.browser("root@example.org")
    assert "95%" in root.get("/signals").text
    before = root.get("/reports/assessment.json").json()["parts"]
    assert dict(root.get("/today.json").json()["states"])["lost"] == 0
    root.submit("/settings", small_cell="0", level="0.9", lost_after_days="30", why="test")
    assert "90%" in root.get("/signals").text
    assert root.get("/reports/assessment.json").json()["parts"] != before
    assert dict(root.get("/today.json").json()["states"])["lost"] > 0


def test_a_wrong_value_is_said_at_its_field_and_nothing_changes(world):
    root = world.browser("root@example.org")
    before = values(root)
    for name, text, words in (
        ("small_cell", "4.5", "is not a whole number from 0 to 100"),
        ("level", "nan", "is not a number from 0.5 to 0.9999"),
        ("clone_share", "-1", "is not a number"),
        ("clone_share", "<b>", "is not a number"),
        ("pg_per_genome_low", "7.5", "is above pg_per_genome_high"),
    ):
        answer = root.submit("/settings", why="test", **{name: text})
        assert answer.status_code == 422
        assert words in answer.text
        assert f'aria-describedby="e-{name}"' in answer.text
        assert "<b>" not in answer.text
    assert root.submit("/settings", level="0.9", why=" ").status_code == 422
    assert values(root) == before


def test_shipped_plans_are_turned_off_and_on_for_a_reason(world):
    root = world.browser("root@example.org")
    assert any(name == "eu_lifelong" for name, _ in names(root))
    before = root.get("/today.json").json()["tasks_in_all"]
    assert root.submit("/settings/plans/shipped/eu_lifelong", do="off", why="").status_code == 422
    assert root.submit("/settings/plans/shipped/eu_lifelong", do="off", why='we "follow" our own \\ plan').status_code == 303
    assert not any(name == "eu_lifelong" for name, _ in names(root))
    assert root.get("/today.json").json()["tasks_in_all"] != before
    assert "we &#34;follow&#34; our own \\ plan" in root.get("/settings/plans").text
    assert root.submit("/settings/plans/shipped/eu_lifelong", do="on", why="again").status_code == 303
    assert root.get("/today.json").json()["tasks_in_all"] == before
    assert root.submit("/settings/plans/shipped/none", do="on", why="x").status_code == 422


def test_a_sites_plan_is_added_replaced_and_chosen_by_version(world):
    root = world.browser("root@example.org")
    for version, title in (("1", "early"), ("2", "late")):
        answer = root.submit("/settings/plans", plan=PLAN.format(version=version, title=title), why="our way")
        assert answer.status_code == 303
    assert {item for item in names(root) if item[0] == "house"} == {("house", "2")}
    assert "house@2" in {task["plan"] for task in root.get("/people/C01-0003.json").json()["tasks"]}
    assert root.submit("/settings/plans/own/house-1", do="on", why="back").status_code == 303
    assert {item for item in names(root) if item[0] == "house"} == {("house", "1")}
    assert root.submit("/settings/plans/own/house-1", do="off", why="none").status_code == 303
    assert not {item for item in names(root) if item[0] == "house"}
    assert root.submit("/settings/plans/own/site-choices", do="off", why="x").status_code == 422


def test_a_plan_that_does_not_hold_is_refused_in_words(world):
    root = world.browser("root@example.org")
    for text, words in (
        ("name = ", "not valid TOML"),
        (PLAN.format(version="1", title="x").replace('mark = "seen"', 'mark = "sure"'), "mark is"),
        ('name = "site-choices"\nversion = "1"', "is taken"),
        ('version = "1"', "needs name and version"),
    ):
        answer = root.submit("/settings/plans", plan=text, why="test")
        assert answer.status_code == 422
        assert words in answer.text
    assert world.store.list("site_plans") == []


def test_others_read_but_do_not_change(world):
    for role in ("reader", "registrar", "auditor", "administratorc01"):
        browser = world.browser(f"{role}@example.org")
        page = browser.get("/settings").text
        assert "Convention of CAR-T assays" in page
        assert "<button>Change</button>" not in page
        assert browser.submit("/settings", level="0.9", why="mine").status_code == 403
        assert browser.submit("/settings/plans/shipped/eu_lifelong", do="off", why="mine").status_code == 403


def test_product_facts_show_source_and_mark(world):
    browser = world.browser("reader@example.org")
    text = browser.get("/settings/products").text
    assert "tisagenlecleucel" in text
    assert "PMC9617572" in text
    assert "recalled" in text
    found = browser.get("/settings/products.json").json()["products"]
    assert all(fact["mark"] for product in found for fact in product["facts"])
