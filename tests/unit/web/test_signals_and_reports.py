"""Reviews of the signals, reports that leave, and the role that sees aggregates only."""

import hashlib


def test_what_changed_since_the_last_review_is_told_today(world):
    browser = world.browser("assessor@example.org")
    assert "Changed since the last review" in browser.get("/").text
    assert browser.submit("/signals/reviews", conclusion=" ").status_code == 422
    assert browser.submit("/signals/reviews", conclusion="No signal <b>yet</b>").status_code == 303
    text = browser.get("/signals").text
    assert "No signal &lt;b&gt;yet&lt;/b&gt;" in text
    assert "Nothing has changed" in browser.get("/").text
    case = world.store.get("cases", "CASE-1")
    before = browser.get("/signals.json").json()["last"]["row"]["car_positive"]
    row = {**case.row, "case_id": "CASE-9", "tested": "yes", "car_result": "detected", "lineage": "T_cell"}
    world.store.save("cases", row, who="me", why="new")
    changed = {item["name"]: (item["before"], item["now"]) for item in browser.get("/today.json").json()["news"]["changes"]}
    assert changed["car_positive"] == (before, before + 1)
    assert "cases" in changed
    assert world.store.trail(table="signal_reviews")[-1].who.startswith("assessor")


def test_a_review_covers_the_reviewers_centres(world):
    own, all_of_them = world.browser("assessorc02@example.org"), world.browser("assessor@example.org")
    own.submit("/signals/reviews", conclusion="nothing here")
    assert own.get("/signals.json").json()["last"]["row"]["people"] == 0
    assert all_of_them.get("/signals.json").json()["last"] is None
    assert world.browser("reader@example.org").submit("/signals/reviews", conclusion="x").status_code == 403


def test_new_evidence_and_waiting_cases_stand_on_today_within_reach(world):
    row = {
        "document_id": "D1",
        "person_id": "C01-0003",
        "kind": "transgene_verdict",
        "produced_on": "2024-06-25",
        "statement": "present_clonal",
        "document": "{}",
    }
    world.store.save("result_documents", row, who="lab", why="x")
    world.store.save("result_documents", {**row, "document_id": "D2", "produced_on": "2024-01-01"}, who="lab", why="x")
    news = world.browser("laboratoryc01@example.org").get("/today.json").json()["news"]
    assert [item["document_id"] for item in news["evidence"]] == ["D1"]
    assert "CASE-1" in {item["case_id"] for item in news["unsigned"]}
    other = world.browser("laboratoryc02@example.org").get("/today.json").json()["news"]
    assert other["evidence"] == other["unsigned"] == []


def test_a_report_that_leaves_is_recorded_with_its_digest(world):
    browser = world.browser("registrarc01@example.org")
    content = browser.get("/reports/periodic.xlsx").content
    (item,) = world.store.list("reports_built")
    assert item["digest"] == hashlib.sha256(content).hexdigest()
    assert (item["kind"], item["format"], item["masked"], item["centres"]) == ("periodic", "xlsx", "yes", "C01")
    assert world.store.trail(table="reports_built")[-1].why == "report periodic taken as xlsx"
    assert item["digest"][:16] in browser.get("/reports").text
    assert item["digest"][:16] in world.browser("auditor@example.org").get("/reports").text
    assert item["digest"][:16] not in world.browser("reader@example.org").get("/reports").text


def test_a_report_is_looked_at_before_it_is_taken(world):
    browser = world.browser("registrar@example.org")
    masked, whole = (
        browser.get("/reports/assessment/preview").text,
        browser.get("/reports/assessment/preview?with_small_counts=true").text,
    )
    assert "Masked: counts from 1 to 4" in masked
    assert "CASE-1" in whole
    assert "CASE-1" not in masked
    assert world.store.list("reports_built") == []
    assert browser.get("/reports/none/preview").status_code == 422


def test_an_epidemiologist_sees_masked_aggregates_and_no_record(world):
    browser = world.browser("epidemiologist@example.org")
    for path in ("/", "/signals", "/reports", "/reports/assessment/preview", "/reports/periodic.html", "/signals.json"):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert "C01-0" not in answer.text
        assert "CASE-" not in answer.text
    for path in ("/people", "/people/C01-0003", "/cases", "/cases/CASE-1", "/samples/S-CASE-1", "/people.json"):
        assert browser.get(path).status_code == 403, path
    assert browser.get("/reports/periodic.html?with_small_counts=true").status_code == 403
    assert browser.get("/reports/centre.html").status_code == 403
    assert browser.get("/reports/centre/preview").status_code == 403
    assert "Masked" in browser.get("/signals").text
    assert "Masked" not in world.browser("assessor@example.org").get("/signals").text
    assert browser.submit("/signals/reviews", conclusion="seen").status_code == 303
