"""Assess and sign a case in the browser: who may, with what, and what happens when the evidence changes."""

import pyotp

FORM = {"grade": "possible", "reasons": "Other causes may explain it.", "do": "sign"}
ADDRESS, PAGE = "/cases/CASE-1/assessments", "/cases/CASE-1"


def rows(world):
    return [record.row for record in world.store.list("assessments")]


def test_signing_asks_for_the_password_again_and_keeps_what_was_typed(world, password):
    browser = world.browser("assessorc01@example.org")
    refused = browser.submit(ADDRESS, **FORM, password="not mine at all")
    assert refused.status_code == 403
    assert "not signed" in refused.text
    assert "Other causes may explain it." in refused.text
    assert rows(world) == []
    assert browser.submit(ADDRESS, **FORM, password=password).status_code == 303
    (row,) = rows(world)
    assert row["signature"]
    assert row["assessor"].startswith("assessorc01")
    text = browser.get(PAGE).text
    assert "possible</strong>, signed" in text
    assert "The signature fits the content" in text


def test_signing_asks_for_the_code_where_there_is_one(world, password):
    browser, secret = world.browser("assessor@example.org"), pyotp.random_base32()
    browser.submit("/account/code", secret=secret, code=pyotp.TOTP(secret).at(world.now))
    assert browser.submit(ADDRESS, **FORM, password=password).status_code == 403
    code = pyotp.TOTP(secret).at(world.now)
    assert browser.submit(ADDRESS, **FORM, password=password, code=code).status_code == 303


def test_what_is_missing_is_said_at_the_field(world, password):
    browser = world.browser("assessor@example.org")
    answer = browser.submit(ADDRESS, grade="surely", reasons=" ", origin="moon", do="sign", password=password)
    assert answer.status_code == 422
    assert answer.text.count('aria-invalid="true"') == 3
    assert rows(world) == []


def test_a_draft_is_signed_later_by_its_own_assessor_only(world, password):
    one, other = world.browser("assessor@example.org"), world.browser("assessorc01@example.org")
    assert one.submit(ADDRESS, **{**FORM, "do": "draft"}).status_code == 303
    (row,) = rows(world)
    address = f"{ADDRESS}/{row['assessment_id']}/sign"
    assert other.submit(address, password=password).status_code == 400
    assert one.submit(address, password="wrong wrong wrong").status_code == 403
    assert rows(world)[0]["signed_on"] is None
    assert one.submit(address, password=password).status_code == 303
    assert rows(world)[0]["signature"]
    assert one.submit(address, password=password).status_code == 400


def test_several_assessors_are_kept_and_changed_evidence_reopens(world, password):
    one, other = world.browser("assessor@example.org"), world.browser("assessorc01@example.org")
    one.submit(ADDRESS, **FORM, password=password)
    other.submit(ADDRESS, **{**FORM, "grade": "unlikely"}, password=password)
    assert "assessors differ" in one.get(PAGE).text
    case = world.store.get("cases", "CASE-1")
    changed = {**case.row, "car_result": "not_detected"}
    world.store.save("cases", changed, who="laboratory", why="result", expected_version=case.version)
    text = one.get(PAGE).text
    assert text.count("Evidence changed since") == 2
    assert "possible</strong>, reopened" in text


def test_withdrawn_assessments_stay_readable(world, password):
    browser = world.browser("assessor@example.org")
    browser.submit(ADDRESS, **FORM, password=password)
    name = rows(world)[0]["assessment_id"]
    assert browser.submit(f"{ADDRESS}/{name}/withdraw", reason="").status_code == 400
    assert browser.submit(f"{ADDRESS}/{name}/withdraw", reason="wrong person").status_code == 303
    assert "wrong person" in browser.get(PAGE).text


def test_an_administrator_may_draft_but_not_sign(world, password):
    browser = world.browser("root@example.org")
    assert browser.submit(ADDRESS, **FORM, password=password).status_code == 403
    assert browser.submit(ADDRESS, **{**FORM, "do": "draft"}).status_code == 303
    assert "Assess and sign" not in browser.get(PAGE).text


def test_text_of_an_assessment_is_shown_as_text(world):
    browser = world.browser("assessor@example.org")
    browser.submit(ADDRESS, **{**FORM, "do": "draft", "reasons": "<script>alert(1)</script>"})
    assert "<script>" not in browser.get(PAGE).text
