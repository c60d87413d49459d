"""Drafts: an unfinished entry is kept for who typed it, counts nowhere, and is gone when saved or discarded."""

import re

import pytest

FORM = "/people/C01-0003/follow_up/new"


def begun(browser, path=FORM, **fields):
    answer = browser.submit(path, do="draft", **fields)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{path}?draft=")
    return answer.headers["location"]


def test_what_was_typed_is_kept_unchecked_and_comes_back(world):
    browser = world.browser("registrarc01@example.org")
    head, before = world.store.head().hash, world.store.count("follow_up")
    address = begun(browser, contact_on="not yet known", note="call again")
    page = browser.get(address).text
    assert 'value="not yet known"' in page
    assert "draft of yours" in page
    assert address in browser.get("/").text.replace("&amp;", "&")
    assert world.store.count("follow_up") == before
    assert world.store.head().hash == head
    assert "call again" not in browser.get("/people/C01-0003").text


def test_a_draft_is_replaced_then_gone_when_saved(world):
    browser = world.browser("registrarc01@example.org")
    draft = begun(browser, note="one").rsplit("=", 1)[1]
    assert begun(browser, note="two", draft=draft).endswith(draft)
    assert 'value="two"' in browser.get(f"{FORM}?draft={draft}").text
    wrong = browser.submit(FORM, contact_on="soon", kind="telephone", draft=draft)
    assert wrong.status_code == 422
    assert f'name="draft" value="{draft}"' in wrong.text
    assert browser.submit(FORM, contact_on="2024-06-20", kind="telephone", draft=draft).status_code == 303
    assert browser.get(f"{FORM}?draft={draft}").status_code == 422
    assert "draft=" not in browser.get("/").text


def test_a_draft_is_discarded_by_its_owner_only(world):
    browser, other = world.browser("registrarc01@example.org"), world.browser("registrar@example.org")
    address = begun(browser, note="mine")
    draft = address.rsplit("=", 1)[1]
    assert other.get(address).status_code == 422
    other.submit(f"/drafts/{draft}/discard")
    begun(other, note="stolen", draft=draft)
    assert 'value="mine"' in browser.get(address).text
    assert browser.post(f"/drafts/{draft}/discard", data={"csrf": "guess"}).status_code == 403
    browser.submit(f"/drafts/{draft}/discard")
    assert browser.get(address).status_code == 422


def test_drafts_obey_rights_and_centres_of_now(world):
    from aftercar.actions import accounts

    assert world.browser("registrarc02@example.org").submit(FORM, do="draft", note="x").status_code == 422
    assert world.browser("reader@example.org").submit(FORM, do="draft", note="x").status_code == 403
    browser = world.browser("registrarc01@example.org")
    one = begun(browser, note="secret of C01")
    two = begun(browser, "/people/new", person_id="C01-9009", centre="C01", note="secret too")
    refused = browser.submit("/people/new", do="draft", centre="C02")
    assert refused.status_code == 403
    account = accounts.find(world.store, "registrarc01@example.org")
    world.store.save("accounts", {**account.row, "centres": "C02"}, who="root", why="moved", expected_version=account.version)
    for address in (one, two):
        assert browser.get(address).status_code == 422
    assert "draft=" not in browser.get("/").text


def test_erasure_reaches_drafts(world):
    from aftercar.actions.permissions import local_actor
    from aftercar.actions.registry_people import erase

    browser = world.browser("registrar@example.org")
    begun(browser, note="x")
    begun(browser, "/people/new", person_id="C01-0003", centre="C01")
    erase(world.store, local_actor("root"), "C01-0003", why="asked for")
    assert "draft=" not in browser.get("/").text
    assert not list(world.store.engine.connect().exec_driver_sql("select * from web_drafts"))


def test_an_enrolment_goes_on_from_its_draft(world):
    browser = world.browser("registrarc01@example.org")
    address = begun(browser, "/people/new", person_id="C01-9008", centre="C01")
    draft = address.rsplit("=", 1)[1]
    assert 'value="C01-9008"' in browser.get(address).text
    assert browser.get(f"{FORM}?draft={draft}").status_code == 422
    fields = {"person_id": "C01-9008", "centre": "C01", "infused_on": "2024-05-01", "product": "axi-cel", "jurisdiction": "EU"}
    assert browser.submit("/people/new", draft=draft, **fields).headers["location"] == "/people/C01-9008"
    assert browser.get(address).status_code == 422


def test_an_account_keeps_a_hundred(world):
    browser = world.browser("registrarc01@example.org")
    csrf = browser.csrf()
    for number in range(103):
        browser.post(FORM, data={"csrf": csrf, "do": "draft", "note": f"n{number}"}, follow_redirects=False)
    assert len(set(re.findall(r"draft=(\w+)", browser.get("/").text))) == 100


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}"])
def test_text_of_a_draft_is_shown_as_text(world, text):
    browser = world.browser("registrarc01@example.org")
    address = begun(browser, note=text, contact_on=text)
    for page in (browser.get(address).text, browser.get("/").text):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
