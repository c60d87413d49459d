"""What is refused, and what the person sees."""

import datetime as dt

import pyotp
import pytest
import sqlalchemy as sa

from tests.unit.web.conftest import BOTH_ENGINES, PASSWORD

pytestmark = BOTH_ENGINES


def test_a_planted_session_is_not_kept(world):
    browser = world.browser()
    browser.cookies.set("aftercar_session", "planted")
    answer = browser.sign_in("root@example.org")
    assert answer.status_code == 303
    assert "aftercar_session=planted" not in answer.headers["set-cookie"]
    other = world.browser()
    other.cookies.set("aftercar_session", "planted")
    assert other.get("/", follow_redirects=False).status_code == 303


def test_a_form_without_the_sessions_token_is_refused(world):
    browser = world.browser("registrar@example.org")
    before = world.store.count("follow_up")
    for token in ("", "guess"):
        answer = browser.post("/people/C01-0003/follow_up/new", data={"contact_on": "2024-06-20", "csrf": token})
        assert answer.status_code == 403
        assert "not from a page of yours" in answer.text
    assert world.store.count("follow_up") == before


def test_a_form_of_another_site_is_refused(world):
    browser = world.browser("root@example.org")
    answer = browser.post("/sign-out", data={"csrf": browser.csrf()}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "'; DROP TABLE people;--"]
)
def test_stored_text_is_shown_as_text(world, text):
    browser = world.browser("registrar@example.org")
    fields = {
        "person_id": "C01-9002",
        "centre": "C01",
        "infused_on": "2024-05-01",
        "product": text,
        "indication": text,
        "note": text,
    }
    assert browser.submit("/people/new", **fields).status_code == 303
    page = browser.get("/people/C01-9002").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "49" not in page.split("Infusions")[1][:400] or "{{7*7}}" in page
    assert world.store.count("people") == 42


def test_search_is_not_sql(world):
    browser = world.browser("reader@example.org")
    for text in ("' OR 1=1 --", "%", "_", "C01%"):
        assert "0 people" in browser.get("/people", params={"search": text}).text


@pytest.mark.parametrize("role", ["registrar", "reader", "assessor", "laboratory", "administrator"])
def test_another_centres_person_looks_like_nobody(world, role):
    browser = world.browser(f"{role}c02@example.org")
    there, nowhere = browser.get("/people/C01-0003"), browser.get("/people/C01-8888")
    assert there.status_code == nowhere.status_code == 422
    assert there.text.replace("C01-0003", "X") == nowhere.text.replace("C01-8888", "X")
    assert browser.get("/cases/CASE-1").status_code == 422
    assert "C01-0" not in browser.get("/people").text
    assert "CASE-1" not in browser.get("/cases").text
    assert "C01-0" not in browser.get("/").text


def test_another_centre_cannot_be_written_to(world):
    browser = world.browser("registrarc02@example.org")
    answer = browser.submit("/people/C01-0003/follow_up/new", contact_on="2024-06-20", kind="telephone")
    assert answer.status_code in (403, 422)
    assert all(entry.who != "registrarc02" for entry in world.store.trail(table="follow_up"))


def test_brute_force_is_slowed_down_and_said(world):
    browser = world.browser()
    for _ in range(5):
        assert browser.sign_in("root@example.org", "wrong password").status_code == 403
    answer = browser.sign_in("root@example.org")
    assert answer.status_code == 403
    assert "too many failed tries" in answer.text
    world.now += dt.timedelta(minutes=1)
    assert browser.sign_in("root@example.org").status_code == 303


def test_unknown_address_and_wrong_password_get_the_same_answer(world):
    browser = world.browser()
    one, two = browser.sign_in("nobody@example.org", "x"), browser.sign_in("root@example.org", "x")
    assert one.text.replace("nobody@example.org", "") == two.text.replace("root@example.org", "")


def test_the_second_factor_is_asked_for(world):
    browser = world.browser("root@example.org")
    secret = pyotp.random_base32()
    assert browser.submit("/account/code", secret=secret, code="000000").status_code == 200
    good = pyotp.TOTP(secret).at(world.now)
    assert browser.submit("/account/code", secret=secret, code=good).status_code == 303
    other = world.browser()
    assert other.sign_in("root@example.org").status_code == 403
    assert other.sign_in("root@example.org", code=good).status_code == 303


@pytest.mark.parametrize("secret", ["", "\U00013159#I", "AAAA", "a" * 32])
def test_a_secret_that_is_none_is_refused(world, secret):
    browser = world.browser("root@example.org")
    answer = browser.submit("/account/code", secret=secret, code="000000")
    assert answer.status_code == 200
    assert "the code does not fit" in answer.text


def test_a_body_that_hides_its_length_is_still_counted(world):
    browser = world.browser()
    pieces = (b"email=" + b"x" * 100_000 + b"&" for _ in range(30))
    answer = browser.post("/sign-in", content=pieces, headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 413


def test_sessions_end(world):
    browser, other = world.browser("root@example.org"), world.browser("root@example.org")
    browser.submit("/sign-out", everywhere="yes")
    assert other.get("/", follow_redirects=False).status_code == 303
    late = world.browser("root@example.org")
    world.now += dt.timedelta(hours=3)
    assert late.get("/", follow_redirects=False).status_code == 303


def test_reset_links_work_once_and_tell_nothing(world):
    browser = world.browser()
    one, two = (
        browser.post("/reset", data={"email": "root@example.org"}),
        browser.post("/reset", data={"email": "no@example.org"}),
    )
    assert one.text == two.text
    (message,) = world.sent
    path = message[2].split("\n")[0].removeprefix("http://testserver")
    assert browser.post(path, data={"password": "short"}).status_code == 422
    assert browser.post(path, data={"password": "another calm phrase"}, follow_redirects=False).status_code == 303
    assert browser.post(path, data={"password": "another calm phrase"}, follow_redirects=False).status_code == 422
    assert browser.sign_in("root@example.org").status_code == 403
    assert browser.sign_in("root@example.org", "another calm phrase").status_code == 303


def test_invitation_closing_and_who_may(world):
    root = world.browser("root@example.org")
    fields = {"name": "New", "email": "new@example.org", "organisation": "O", "organisation_type": "laboratory", "country": "FR"}
    assert root.submit("/users", roles="laboratory", centres="C01", **fields).status_code == 200
    path = world.sent[-1][2].split("\n")[0].removeprefix("http://testserver")
    browser = world.browser()
    assert browser.post(path, data={"password": PASSWORD}, follow_redirects=False).status_code == 303
    assert browser.sign_in("new@example.org").status_code == 303
    account = next(record.key for record in world.store.list("accounts") if record["email"] == "new@example.org")
    assert root.submit(f"/users/{account}/close").status_code == 200
    assert browser.get("/", follow_redirects=False).status_code == 303
    assert world.browser("registrar@example.org").get("/users").status_code == 403


def test_passwords_and_secrets_are_nowhere_in_clear(world):
    with world.store.snapshot() as connection:
        tables = sa.inspect(connection).get_table_names()
        data = " ".join(str(row) for name in tables for row in connection.execute(sa.text(f'SELECT * FROM "{name}"')))
    assert PASSWORD not in data
    assert "$argon2id$" in data
    trail = " ".join(str(entry.after) for entry in world.store.trail(table="accounts"))
    assert "$argon2id$" not in trail


def test_a_huge_form_is_refused_before_it_is_read(world):
    browser = world.browser("registrar@example.org")
    answer = browser.post("/people/C01-0003/follow_up/new", data={"note": "x" * 2_000_000})
    assert answer.status_code == 413


@pytest.mark.parametrize("text", ["a|b", "|", "a%00b", "%C2%97%0A", "😀"])
def test_strange_identifiers_are_no_fault_of_ours(world, text):
    browser = world.browser("root@example.org")
    for path in (f"/people/{text}", f"/people/{text}.json", f"/cases/{text}", f"/samples/{text}", f"/people?search={text}"):
        assert browser.get(path).status_code in (200, 400, 422), path


def test_a_zero_byte_in_a_form_is_refused(world):
    answer = world.browser("registrar@example.org").submit("/people/new", person_id="C01-9003", centre="C01", note="a\x00b")
    assert answer.status_code == 422
    assert "zero byte" in answer.text
