"""Imports in the browser: what would change, every problem by line, what is kept, and the archives that are refused."""

import datetime as dt
import io
import os
import re
import stat
import zipfile

import polars as pl
import pytest

from aftercar.actions.sample_analyses import run_next
from aftercar.edges.study import write_study
from aftercar.edges.unzipped import BadArchive, unpack
from aftercar.store import web_jobs
from aftercar.testing.centre import centre_frames

PEOPLE = "person_id,centre,sex,birth_year\nC01-9101,C01,female,1960\nC01-9102,C01,male,1971\n"


def send(browser, *files, **fields):
    data = {"csrf": browser.csrf(), **fields}
    return browser.post("/imports", data=data, files=[("files", item) for item in files], follow_redirects=False)


def work(world):
    while run_next(world.store, world.app.state.desk.bench, lambda: world.now):
        pass


def checked(world, browser, *files):
    """The address of the check's page and its data."""
    answer = send(browser, *files)
    assert answer.status_code == 303, answer.text
    work(world)
    address = answer.headers["location"]
    return address, browser.get(f"{address}.json").json()


def study_zip(folder, name="study", **frames):
    write_study(folder / name, title="A study", data_lock=dt.date(2024, 6, 30), frames=frames)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / name).iterdir()):
            archive.write(path, f"{name}/{path.name}")
    return buffer.getvalue()


def packed(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_table_is_previewed_and_then_imported(world):
    browser = world.browser("registrarc01@example.org")
    address, seen = checked(world, browser, ("people.csv", PEOPLE))
    assert seen["job"]["state"] == "done"
    (row,) = seen["found"]["tables"]
    assert (row["table"], row["added"], row["changed"]) == ("people", 2, 0)
    assert world.store.get("people", "C01-9101") is None
    assert browser.submit(f"{address}/keep", on_change="stop", why="").status_code == 422
    answer = browser.submit(f"{address}/keep", on_change="stop", why="January's list")
    assert answer.status_code == 303
    work(world)
    assert "imported: 2 record(s)" in browser.get(answer.headers["location"]).text
    assert world.store.get("people", "C01-9102")["birth_year"] == 1971
    last = world.store.history("people", "C01-9101")[-1]
    assert (last.why, last.who.startswith("registrarc01")) == ("January's list", True)
    folder = world.app.state.desk.bench.folder
    assert not list(folder.glob("*/people.csv"))
    assert browser.submit(f"{address}/keep", on_change="stop", why="again").status_code == 422


def test_records_that_differ_are_shown_with_old_and_new_value(world):
    browser = world.browser("registrar@example.org")
    old = world.store.get("people", "C01-0003")
    text = f"person_id,centre,birth_year\nC01-0003,C01,{old['birth_year'] + 1}\n"
    address, seen = checked(world, browser, ("people.csv", text))
    changed = {value["column"]: value for row in seen["found"]["differences"] for value in row["values"]}
    assert (changed["birth_year"]["old"], changed["birth_year"]["new"]) == (old["birth_year"], old["birth_year"] + 1)
    stopped = browser.submit(f"{address}/keep", on_change="stop", why="test").headers["location"]
    work(world)
    assert browser.get(f"{stopped}.json").json()["job"]["state"] == "failed"
    assert world.store.get("people", "C01-0003").version == old.version
    taken = browser.submit(f"{address}/keep", on_change="update", why="test").headers["location"]
    work(world)
    assert browser.get(f"{taken}.json").json()["job"]["state"] == "done"
    assert world.store.get("people", "C01-0003")["birth_year"] == old["birth_year"] + 1


def test_every_problem_is_listed_with_its_line(world):
    browser = world.browser("registrar@example.org")
    text = "person_id,centre,sex,birth_year\nC01-9101,C01,neither,1960\n,C01,male,soon\n"
    address, seen = checked(world, browser, ("people.csv", text))
    problems = " ".join(seen["found"]["problems"])
    assert "people.csv line 2" in problems
    assert "people.csv line 3" in problems
    page = browser.get(address).text
    assert "problems</h2>" in page
    assert "<h2>Import</h2>" not in page
    assert browser.submit(f"{address}/keep", on_change="stop", why="test").status_code == 422


def test_a_study_folder_comes_as_a_zip(world, tmp_path):
    browser = world.browser("registrar@example.org")
    frames = centre_frames(people=30, seed=7)
    frames["samples"] = frames["samples"].with_columns(reads=pl.lit(None, pl.String))  # reads are uploaded to their specimen
    address, seen = checked(world, browser, ("study.zip", study_zip(tmp_path, **frames)))
    assert seen["job"]["state"] == "done", seen["job"]["words"]
    assert seen["found"]["problem_count"] == 0, seen["found"]["problems"][:3]
    assert {row["table"] for row in seen["found"]["tables"]} >= {"people", "infusions"}
    assert not (world.app.state.desk.bench.folder / seen["job"]["job_id"] / "study").exists()
    browser.submit(f"{address}/discard")
    assert not (world.app.state.desk.bench.folder / seen["job"]["job_id"]).exists()


def test_text_of_an_upload_is_shown_as_text(world):
    browser = world.browser("registrar@example.org")
    text = 'person_id,centre,note\n"<script>alert(1)</script>",C01,"<img src=x onerror=alert(1)>"\n'
    address, _ = checked(world, browser, ("people.csv", text))
    page = browser.get(address).text
    assert "<script>" not in page
    assert "<img" not in page


def test_another_centres_people_are_not_imported(world):
    browser = world.browser("registrarc02@example.org")
    _, seen = checked(world, browser, ("people.csv", PEOPLE))
    assert seen["job"]["state"] == "failed"
    assert "may not import" in seen["job"]["words"]
    _, seen = checked(world, browser, ("people.csv", PEOPLE.replace(",C01,", ",C02,").replace("C01-9101", "C01-0003")))
    assert seen["job"]["state"] == "failed"


def test_an_import_belongs_to_who_uploaded_it(world):
    address, _ = checked(world, world.browser("registrar@example.org"), ("people.csv", PEOPLE))
    for other in ("administrator", "registrarc01"):
        browser = world.browser(f"{other}@example.org")
        assert browser.get(address).status_code == 422
        assert browser.submit(f"{address}/keep", on_change="update", why="mine").status_code == 422
        assert browser.submit(f"{address}/discard").status_code == 422
        assert "people.csv" not in browser.get("/imports").text.split("Your imports")[1]
    assert world.store.get("people", "C01-9101") is None


def test_rights_that_ended_end_the_import(world):
    from aftercar.actions import accounts
    from aftercar.actions.permissions import local_actor

    browser = world.browser("registrar@example.org")
    address, _ = checked(world, browser, ("people.csv", PEOPLE))
    answer = browser.submit(f"{address}/keep", on_change="stop", why="test")
    account = accounts.find(world.store, "registrar@example.org")
    accounts.close(world.store, local_actor("root"), account.key)
    work(world)
    assert web_jobs.job(world.store, answer.headers["location"].rsplit("/", 1)[1]).state == "failed"
    assert world.store.get("people", "C01-9101") is None


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("people.exe", b"x")], "neither a table nor a study"),
        ([("secret.csv", b"x")], "neither a table nor a study"),
        ([("people.csv", b"x"), ("PEOPLE.csv", b"x")], "each table once"),
        ([("a.zip", b"x"), ("b.zip", b"x")], "neither a table nor a study"),
        ([("people.csv", b"")], "the file is empty"),
    ],
)
def test_what_is_no_table_is_refused_before_it_is_kept(world, files, words):
    browser = world.browser("registrar@example.org")
    answer = send(browser, *files)
    assert answer.status_code == 422
    assert words in answer.text
    folder = world.app.state.desk.bench.folder
    assert not folder.exists() or list(folder.iterdir()) == []


def test_an_upload_needs_token_and_right(world):
    assert send(world.browser("registrar@example.org"), ("people.csv", PEOPLE), csrf="guess").status_code == 403
    for role in ("reader", "laboratory", "assessor", "auditor"):
        assert send(world.browser(f"{role}@example.org"), ("people.csv", PEOPLE)).status_code == 403
    assert web_jobs.jobs_of(world.store, "import_check") == []


def link(name="study/link"):
    item = zipfile.ZipInfo(name)
    item.external_attr = (stat.S_IFLNK | 0o777) << 16
    return item


def bad_archives():
    def made(write):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            write(archive)
        return buffer.getvalue()

    yield "up", made(lambda a: a.writestr("../../escape.csv", "x")), "leads out"
    yield "absolute", made(lambda a: a.writestr("/etc/escape.csv", "x")), "leads out"
    yield "windows", made(lambda a: a.writestr("..\\escape.csv", "x")), "leads out"
    yield "drive", made(lambda a: a.writestr("C:/escape.csv", "x")), "leads out"
    yield "link", made(lambda a: a.writestr(link(), "/etc/passwd")), "link or a device"
    yield "bomb", made(lambda a: a.writestr("people.csv", b"0" * 300_000_000)), "more than is taken"
    yield "many", made(lambda a: [a.writestr(f"{i}.csv", "") for i in range(2_001)]), "files, more than"
    yield "twice", made(lambda a: (a.writestr("a.csv", "1"), a.writestr("A.csv", "2"))), "comes twice"
    yield "none", b"this is no zip", "not a zip archive"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("name", "content", "words"), list(bad_archives()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_archives_of_strangers_are_refused(world, tmp_path, name, content, words):
    browser = world.browser("registrar@example.org")
    _, seen = checked(world, browser, ("study.zip", content))
    assert seen["job"]["state"] == "failed"
    assert words in seen["job"]["words"]
    assert not list(tmp_path.glob("**/escape*"))
    assert "our fault" not in seen["job"]["words"]


def test_a_header_that_lies_about_the_size_is_caught(tmp_path):
    content = bytearray(packed(**{"people.csv": b"0" * 5_000_000}))
    place = content.rindex(b"PK\x01\x02") + 24  # the size in the central directory
    content[place : place + 4] = (1_000).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(BadArchive, match=r"damaged|more than"):
        unpack(tmp_path / "a.zip", tmp_path / "out", 2_000)
    assert sum(path.stat().st_size for path in (tmp_path / "out").glob("**/*") if path.is_file()) <= 2_000


def test_an_excel_workbook_is_held_to_the_same_limits(world):
    browser = world.browser("registrar@example.org")
    bomb = packed(**{"xl/worksheets/sheet1.xml": b" " * 300_000_000})
    _, seen = checked(world, browser, ("study.xlsx", bomb))
    assert "more than is taken" in seen["job"]["words"]


def test_an_import_can_be_cancelled_while_it_waits(world):
    browser = world.browser("registrar@example.org")
    address = send(browser, ("people.csv", PEOPLE)).headers["location"]
    browser.submit(f"{address}/discard")
    work(world)
    assert web_jobs.job(world.store, address.rsplit("/", 1)[1]).state == "cancelled"


def test_what_ran_when_the_program_died_runs_again_and_changes_nothing_twice(world):
    browser = world.browser("registrar@example.org")
    address, _ = checked(world, browser, ("people.csv", PEOPLE))
    job_id = browser.submit(f"{address}/keep", on_change="stop", why="test").headers["location"].rsplit("/", 1)[1]
    world.store.save("people", {"person_id": "C01-9101", "centre": "C01", "sex": "female", "birth_year": 1960}, who="x", why="y")
    web_jobs.begin(world.store, job_id, world.now)  # a worker that is killed here
    web_jobs.queue_again(world.store)
    work(world)
    assert web_jobs.job(world.store, job_id).state == "done"
    assert world.store.get("people", "C01-9101").version == 1
    assert world.store.get("people", "C01-9102") is not None


def test_empty_tables_can_be_had(world):
    text = world.browser("registrar@example.org").get("/imports/templates/people.csv").text
    assert text.startswith("person_id,")
    assert world.browser("registrar@example.org").get("/imports/templates/..%2fpeople.csv").status_code in (404, 422)
    assert re.search(r"^\"?# ", text, re.MULTILINE)


def test_names_never_become_paths(world):
    browser = world.browser("registrar@example.org")
    answer = send(browser, ("../../../people.csv", PEOPLE))
    job_id = answer.headers["location"].rsplit("/", 1)[1]
    assert os.listdir(world.app.state.desk.bench.folder / job_id) == ["people.csv"]
