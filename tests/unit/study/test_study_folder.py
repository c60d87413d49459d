"""The study folder: what is read, and what every kind of bad input is told."""

import datetime as dt
import shutil

import pytest

from aftercar.edges.study import NotAStudy, read_study, write_study
from aftercar.errors import InvalidTables


@pytest.fixture
def study(tmp_path, project):
    folder = tmp_path / "study"
    shutil.copytree(project / "examples" / "published", folder)
    return folder


def problems(folder, today=None):
    with pytest.raises(InvalidTables) as caught:
        read_study(folder, today=today)
    return list(caught.value)


def append(path, line):
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")


def swap(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_published_example_is_valid(study):
    read = read_study(study)
    assert read.frames["cases"].height == 12
    assert read.data_lock == dt.date(2025, 12, 22)


def test_a_study_goes_out_and_comes_in_equal(study, tmp_path):
    read = read_study(study)
    write_study(tmp_path / "again", title=read.title, data_lock=read.data_lock, frames=read.frames)
    again = read_study(tmp_path / "again")
    assert all(again.frames[name].equals(frame) for name, frame in read.frames.items())


def test_an_excel_workbook_stands_for_a_csv(study):
    import csv

    import openpyxl

    book = openpyxl.Workbook()
    for row in csv.reader((study / "people.csv").open(encoding="utf-8")):
        book.active.append(row)
    before = read_study(study).frames["people"]
    (study / "people.csv").unlink()
    book.save(study / "people.xlsx")
    assert read_study(study).frames["people"].equals(before)


def test_a_byte_order_mark_as_excel_writes_it_is_read(study):
    path = study / "people.csv"
    before = read_study(study).frames["people"]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_study(study).frames["people"].equals(before)


def test_comment_rows_are_passed_over(study):
    lines = (study / "people.csv").read_text(encoding="utf-8").splitlines()
    width = lines[0].count(",")
    (study / "people.csv").write_text("\n".join([lines[0], "# a comment" + "," * width, *lines[1:]]) + "\n", encoding="utf-8")
    assert read_study(study).frames["people"].height == 12


def test_semicolons(study):
    path = study / "people.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")
    (problem,) = [p for p in problems(study) if p.file == "people.csv"]
    assert "semicolons" in problem.rule
    assert "CSV UTF-8" in problem.fix


def test_latin_1(study):
    path = study / "cases.csv"
    path.write_bytes(path.read_bytes().replace(b"thoracic", b"thor\xe4cic"))
    found = [p for p in problems(study) if p.file == "cases.csv"]
    assert "not UTF-8" in found[0].rule
    assert found[0].row == 2


def test_utf_16(study):
    path = study / "people.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("utf-16"))
    assert "UTF-16" in problems(study)[0].rule


def test_case_of_an_unknown_person(study):
    swap(study / "cases.csv", "PENN-2024-01,P-PENN-2024-01", "PENN-2024-01,P-NOBODY")
    (problem,) = [p for p in problems(study) if p.column == "person_id"]
    assert (problem.file, problem.row, problem.value) == ("cases.csv", 2, "P-NOBODY")


def test_dates_after_the_lock(study):
    swap(study / "exposure.csv", "2024-02-16", "2031-02-16")
    assert {p.column for p in problems(study)} == {"data_lock"}


def test_a_lock_in_the_future(study):
    (problem,) = problems(study, today=dt.date(2025, 1, 1))
    assert "future" in problem.rule


@pytest.fixture
def dated(tmp_path):
    folder = tmp_path / "dated"
    folder.mkdir()
    (folder / "study.toml").write_text('format = 1\ntitle = "t"\ndata_lock = 2024-06-30\n')
    (folder / "people.csv").write_text("person_id,vital_status,death_date\nA,dead,2020-05-01\nB,alive,\n")
    (folder / "infusions.csv").write_text(
        "infusion_id,person_id,product,infused_on\nI1,A,axi-cel,2020-01-01\nI2,B,axi-cel,2021-01\n"
    )
    (folder / "cases.csv").write_text("case_id,person_id,diagnosis,tested,diagnosed_on\nC1,B,PTCL,no,2022-01-01\n")
    return folder


def test_a_minimal_study_is_valid(dated):
    assert read_study(dated).frames["infusions"].height == 2


def test_death_before_infusion(dated):
    swap(dated / "people.csv", "2020-05-01", "2019-12-31")
    (problem,) = problems(dated)
    assert (problem.file, problem.row, problem.column) == ("infusions.csv", 2, "infused_on")
    assert "after the death on 2019-12-31" in problem.rule


def test_diagnosis_before_infusion_only_when_certain(dated):
    swap(dated / "cases.csv", "2022-01-01", "2021-01-15")
    read_study(dated)
    swap(dated / "cases.csv", "2021-01-15", "2020-12-31")
    (problem,) = problems(dated)
    assert problem.column == "diagnosed_on"


def test_every_problem_is_told_at_once(dated):
    swap(dated / "people.csv", "B,alive,", "B,living,2021-13-01")
    append(dated / "people.csv", "B,alive,")
    swap(dated / "cases.csv", "diagnosis,tested", "diagnose,tested")
    found = problems(dated)
    rules = " | ".join(str(p) for p in found)
    assert "is not one of" in rules
    assert "month" in rules
    assert "stands already in line 3" in rules
    assert "did you mean diagnosis?" in rules


def test_very_many_problems_are_counted_but_not_all_printed(dated):
    (dated / "people.csv").write_text("person_id,vital_status,death_date\n" + "A,living,\n" * 2_000)
    with pytest.raises(InvalidTables) as caught:
        read_study(dated)
    text = str(caught.value)
    assert "more" in text.splitlines()[-1]
    assert len(text.splitlines()) < 600
    assert len(caught.value.problems) > 3_000


def test_ragged_rows(dated):
    append(dated / "people.csv", "C,alive")
    (problem,) = problems(dated)
    assert "2 cells, the header 3" in problem.rule


def test_no_study_toml(tmp_path):
    with pytest.raises(NotAStudy, match="aftercar study new"):
        read_study(tmp_path)


def test_settings_are_checked(dated):
    append(dated / "study.toml", "[settings]\nlevel = 2\nclones = 1")
    assert {p.column for p in problems(dated)} == {"settings.level", "settings.clones"}


def test_a_missing_table(dated):
    (dated / "infusions.csv").unlink()
    (problem,) = problems(dated)
    assert problem.file == "infusions.csv"
    assert "missing" in problem.rule


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("Person_ID,Vital_Status,DEATH_DATE", "A,dead,2020-05-01\nB,alive,"),  # a header's case
        ("person_id,vital_status,death_date,,", "A,dead,2020-05-01,,\nB,alive,,,"),  # columns that a spreadsheet leaves
        ("person_id,vital_status,death_date", "A,dead,2020-05-01T00:00:00\nB,alive,"),  # dates with the time of day
        ("person_id,vital_status,death_date", "A,dead,2020-05-01 13:30\nB,alive,"),
    ],
)
def test_harmless_spellings_are_read_as_they_are_meant(dated, header, rows):
    want = read_study(dated).frames["people"]
    (dated / "people.csv").write_text(f"{header}\n{rows}\n")
    assert read_study(dated).frames["people"].equals(want)


def test_whole_numbers_may_have_a_point_but_no_rest(dated):
    (dated / "people.csv").write_text("person_id,birth_year\nA,1960.0\nB,1970\n")
    assert read_study(dated).frames["people"]["birth_year"].to_list() == [1960, 1970]
    for wrong, rule in (
        ("1960.5", "whole number"),
        ("1_960", "whole number"),
        ("9" * 30, "too large"),
        ("3000", "is above"),
        ("nan", "finite"),
    ):
        (dated / "people.csv").write_text(f"person_id,birth_year\nA,{wrong}\nB,1970\n")
        (problem,) = problems(dated)
        assert rule in problem.rule


def test_a_number_too_large_for_any_table_is_a_problem_not_a_crash(dated):
    (dated / "exposure.csv").write_text(f"exposure_id,group,persons,outcome,cases,kind\nE1,x,{10**30},other,1,registry\n")
    (problem,) = problems(dated)
    assert problem.rule == "is too large"


def test_a_spreadsheets_error_in_the_first_cell_is_no_comment(dated):
    append(dated / "people.csv", "#N/A,alive,")
    (problem,) = problems(dated)
    assert (problem.row, problem.column) == (4, "person_id")


def test_a_date_in_another_form_is_told_once(dated):
    swap(dated / "infusions.csv", "2020-01-01", "01.02.2020")
    (problem,) = problems(dated)
    assert problem.rule == "is not a date of the form YYYY-MM-DD, YYYY-MM or YYYY"


def test_people_without_an_identifier_are_not_called_their_own_doubles(dated):
    (dated / "people.csv").write_text("person,possible_same_as\nA,\nB,\n")
    assert not [p for p in problems(dated) if p.column == "possible_same_as"]
