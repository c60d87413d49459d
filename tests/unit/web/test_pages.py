"""Every page opens for those who may, as HTML without scripts and as data, and is refused to the others."""

import pytest

PAGES = (
    "/",
    "/people",
    "/people/C01-0003",
    "/people/new",
    "/people/C01-0003/follow_up/new",
    "/cases",
    "/cases/CASE-1",
    "/signals",
    "/reports",
    "/reports/assessment.html",
    "/reports/periodic.xlsx",
    "/audit",
    "/users",
    "/account",
)
TWINS = (
    "/today.json",
    "/people.json",
    "/people/C01-0003.json",
    "/cases.json",
    "/cases/CASE-1.json",
    "/signals.json",
    "/audit.json",
)


@pytest.mark.parametrize("path", PAGES)
def test_pages_open_for_the_administrator(world, path):
    answer = world.browser("root@example.org").get(path)
    assert answer.status_code == 200, answer.text[:500]
    assert "<script" not in answer.text or path.startswith("/reports/")


@pytest.mark.parametrize("path", TWINS)
def test_every_page_has_a_data_twin(world, path):
    answer = world.browser("root@example.org").get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", [*PAGES, *TWINS])
def test_nobody_gets_in_without_signing_in(world, path):
    answer = world.browser().get(path, follow_redirects=False)
    assert answer.status_code in (303, 401)
    assert "C01-0003" not in answer.text


def test_headers_are_strict_on_every_answer(world):
    for path in ("/", "/sign-in", "/nowhere", "/static/app.css"):
        headers = world.browser("root@example.org").get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_filters_stay_in_the_address(world):
    page = world.browser("root@example.org").get("/people?search=C01-000&centre=C01").text
    assert 'value="C01-000"' in page
    assert "9 people" in page
    assert "C02-0001" not in page


def test_a_contact_is_recorded_and_shown_and_in_the_trail(world):
    browser = world.browser("registrarc01@example.org")
    answer = browser.submit("/people/C01-0003/follow_up/new", contact_on="2024-06-20", kind="telephone", new_malignancy="no")
    assert answer.status_code == 303
    assert "2024-06-20" in browser.get("/people/C01-0003").text
    trail = world.store.trail(table="follow_up")
    assert trail[-1].who.startswith("registrarc01")


def test_a_wrong_field_is_said_at_the_field_and_nothing_is_saved(world):
    browser = world.browser("registrar@example.org")
    before = world.store.count("follow_up")
    answer = browser.submit("/people/C01-0003/follow_up/new", contact_on="20.06.2024", kind="carrier pigeon")
    assert answer.status_code == 422
    assert "Nothing was saved" in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'value="20.06.2024"' in answer.text
    assert world.store.count("follow_up") == before


def test_a_person_is_enrolled(world):
    browser = world.browser("registrarc01@example.org")
    fields = {"person_id": "C01-9001", "centre": "C01", "infused_on": "2024-05-01", "product": "axi-cel", "jurisdiction": "EU"}
    answer = browser.submit("/people/new", **fields)
    assert answer.headers["location"] == "/people/C01-9001"
    assert "axi-cel" in browser.get("/people/C01-9001").text
    assert browser.submit("/people/new", **{**fields, "person_id": "C02-9001", "centre": "C02"}).status_code == 403


def test_the_api_takes_a_token(world):
    browser = world.browser("reader@example.org")
    import re

    page = browser.submit("/account/token", label="import").text
    token = re.search(r"shown once: <code>([^<]+)</code>", page)[1]
    other = world.browser()
    assert other.get("/people.json", headers={"authorization": f"Bearer {token}"}).json()["in_all"] == 41
    assert other.get("/people.json", headers={"authorization": "Bearer x"}).status_code == 401


def test_openapi_document_is_served(world):
    paths = world.browser().get("/openapi.json").json()["paths"]
    assert "/people/{person_id}" in paths
