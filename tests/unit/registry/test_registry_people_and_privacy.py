"""Specimens, completeness, pseudonyms, masking, calendar."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercar.edges.icalendar import calendar
from aftercar.edges.tables import empty_frame
from aftercar.errors import InputError
from aftercar.registry.completeness import completeness, person_time
from aftercar.registry.pseudonyms import BadKey, Key, Pseudonyms, mask_columns, protect, shifted
from aftercar.registry.specimens import baseline, case_checklist, missing_specimens
from aftercar.registry.subject import subjects
from aftercar.registry.summary import counts_by_product
from aftercar.vocab.dates import PartialDate
from aftercar.vocab.tables.study import CASES, INFUSIONS, PEOPLE, SAMPLES, TABLES

KEY = Key(bytes(range(32)))
INFUSION = {**dict.fromkeys(INFUSIONS.names), "infusion_id": "I1", "person_id": "P1", "infused_on": "2020-01-01", "product": "x"}
CASE = {
    **dict.fromkeys(CASES.names),
    "case_id": "K1",
    "person_id": "P1",
    "diagnosis": "d",
    "tested": "no",
    "diagnosed_on": "2021-01-01",
}


def sample(material, day=None, **more):
    return {
        **dict.fromkeys(SAMPLES.names),
        "sample_id": f"S-{material}-{day}",
        "person_id": "P1",
        "material": material,
        "collected_on": day,
        **more,
    }


def test_a_baseline_is_apheresis_or_blood_from_before():
    assert baseline([INFUSION], [sample("apheresis")]).status == "there"
    assert baseline([INFUSION], [sample("blood", "2019-12-01")]).status == "there"
    assert baseline([INFUSION], [sample("blood", "2020-02-01")]).status == "missing"
    assert baseline([INFUSION], [sample("blood")]).status == "missing"
    assert baseline([INFUSION], [sample("apheresis", amount_left="used up")]).status == "used_up"


def test_a_case_needs_tumour_blood_germline_baseline_and_product():
    have = [sample("tumour", "2021-01-02", stored_at="freezer 3"), sample("blood", "2021-02-01"), sample("blood", "2021-09-01")]
    status = {need.item.split(" ")[0]: need for need in case_checklist(CASE, [INFUSION], have)}
    assert [need.status for need in status.values()] == ["there", "there", "missing", "missing", "missing"]
    assert status["tumour"].stored_at == ("freezer 3",)
    assert status["blood"].samples == ("S-blood-2021-02-01",)


def test_missing_specimens_of_all():
    people = [{**dict.fromkeys(PEOPLE.names), "person_id": name, "centre": "A"} for name in ("P1", "P2")]
    rows = missing_specimens(people, [INFUSION, {**INFUSION, "infusion_id": "I2", "person_id": "P2"}], [CASE], [])
    assert [(row["person_id"], row["case_id"]) for row in rows] == [("P1", "K1")] * 5 + [("P2", None)]


def people_of(**changes):
    person = {
        "person_id": "P1",
        "centre": "A",
        "enrolled_on": None,
        "last_seen_on": None,
        "vital_status": "alive",
        "death_date": None,
        "consent": None,
    }
    contacts = [{"person_id": "P1", "contact_id": "C", "contact_on": "2021-01-01", "kind": "examination"}]
    return subjects([{**person, **changes}], [INFUSION], contacts, [], [])


def test_completeness_is_observed_over_potential_time():
    closing = dt.date(2024, 1, 1)
    assert person_time(people_of()[0], closing) == (366, 1461)
    assert person_time(people_of(death_date="2022-01-01")[0], closing) == (731, 731)
    assert person_time(people_of(last_seen_on="2023-01-01")[0], closing) == (1096, 1461)
    assert person_time(people_of(enrolled_on="2020-07-01")[0], closing) == (184, 1279)
    assert person_time(people_of()[0], dt.date(2019, 1, 1)) is None
    total = completeness(people_of(), closing)
    assert [item.group for item in total] == ["A", "all"]
    assert total[-1].index == pytest.approx(366 / 1461)


@given(st.dates(dt.date(2020, 1, 2), dt.date(2060, 1, 1)))
def test_completeness_lies_between_nothing_and_one(closing):
    for item in completeness(people_of(), closing):
        assert 0 <= item.index <= 1


def test_pseudonyms_are_keyed_stable_and_apart():
    other = Key(bytes(32))
    assert KEY.pseudonym("people", "P1") == KEY.pseudonym("people", "P1") != other.pseudonym("people", "P1")
    assert KEY.pseudonym("people", "P1") != KEY.pseudonym("cases", "P1")
    assert "0001" not in repr(KEY)
    with pytest.raises(BadKey):
        Key(b"short")


def test_linkage_tokens_meet_across_spellings():
    assert KEY.token("Müller-Lüdenscheid", "Anna Maria", "1960-02-03") == KEY.token(
        "MUELLER LUEDENSCHEID", "annamaria", "1960-02-03"
    )
    assert KEY.token("Gómez", "José", "1960") == KEY.token("Gomez", "Jose", "1960")
    assert KEY.token("Gomez", "Jose", "1960") != KEY.token("Gomez", "Jose", "1961")


@given(
    st.dates(dt.date(1950, 1, 1), dt.date(2050, 1, 1)),
    st.dates(dt.date(1950, 1, 1), dt.date(2050, 1, 1)),
    st.text(min_size=1, max_size=9),
)
def test_moved_dates_keep_their_distances(first, second, person):
    days = KEY.shift_days(person)
    assert 1 <= days <= 364
    moved = [dt.date.fromisoformat(shifted(day.isoformat(), days)) for day in (first, second)]
    assert moved[1] - moved[0] == second - first
    assert first - moved[0] == dt.timedelta(days=days)
    assert len(shifted(str(first)[:7], days)) == 7


def frames():
    full = {table.name: empty_frame(table) for table in TABLES}
    full["people"] = pl.DataFrame(
        [{**dict.fromkeys(PEOPLE.names), "person_id": "P1", "centre": "A", "birth_year": 1950, "note": "tall"}],
        schema=full["people"].schema,
    )
    full["infusions"] = pl.DataFrame([{**INFUSION, "batch": "LOT7"}], schema=full["infusions"].schema)
    full["cases"] = pl.DataFrame([{**CASE, "infusion_id": "I1"}], schema=full["cases"].schema)
    full["findings"] = pl.DataFrame(
        [{"finding_id": "F1", "case_id": "K1", "kind": "variant"}], schema_overrides=full["findings"].schema
    )
    full["findings"] = (
        full["findings"]
        .with_columns(
            pl.lit(None, kind).alias(n) for n, kind in empty_frame(TABLES[5]).schema.items() if n not in full["findings"].columns
        )
        .select(TABLES[5].names)
    )
    return full


def test_a_protected_export_keeps_references_and_loses_names():
    safe = protect(frames(), Pseudonyms(KEY), "shift")
    person = safe["people"]["person_id"][0]
    assert person != "P1"
    assert safe["infusions"]["person_id"][0] == safe["cases"]["person_id"][0] == person
    assert safe["cases"]["infusion_id"][0] == safe["infusions"]["infusion_id"][0] != "I1"
    assert safe["findings"]["case_id"][0] == safe["cases"]["case_id"][0] != "K1"
    assert safe["people"]["note"][0] is None
    assert safe["infusions"]["batch"][0] is None
    days = [PartialDate.parse(text).earliest for text in (safe["infusions"]["infused_on"][0], safe["cases"]["diagnosed_on"][0])]
    assert (days[1] - days[0]).days == 366
    assert protect(frames(), None, "month")["infusions"]["infused_on"][0] == "2020-01"
    with pytest.raises(InputError, match="key"):
        protect(frames(), None, "shift")


def test_small_counts_are_masked_and_said_to_be():
    table = pl.DataFrame({"group": ["a", "b", "c"], "cases": [0, 4, 5], "tested": [0, 1, 4]})
    masked = mask_columns(table, ["cases", "tested"], 5)
    assert masked["cases"].to_list() == [0, None, 5]
    assert masked["tested"].to_list() == [0, None, None]
    assert masked["masked"].to_list() == ["", "cases, tested", "tested"]


def test_a_calendar_is_folded_escaped_and_stable():
    task = {
        "person_id": "P1",
        "infusion_id": "I1",
        "plan": "eu@1",
        "rule": "r",
        "task": "Contact; ask, and écoutez " * 5,
        "opens_on": dt.date(2024, 1, 1),
        "due_on": dt.date(2024, 2, 1),
        "closes_on": dt.date(2024, 2, 29),
        "state": "due",
        "source": "S\nT",
        "mark": "seen",
    }
    made = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    text = calendar([task, {**task, "person_id": "P2"}], made=made)
    lines = text.split("\r\n")
    assert text.endswith("END:VCALENDAR\r\n")
    assert all(len(line.encode()) <= 75 for line in lines)
    assert "DTEND;VALUE=DATE:20240301" in lines
    unfolded = text.replace("\r\n ", "")
    assert "Contact\\; ask\\, and écoutez" in unfolded
    assert "S\\nT" in unfolded
    uids = [line for line in lines if line.startswith("UID")]
    assert len(set(uids)) == 2
    assert [line for line in calendar([task], made=made).split("\r\n") if line.startswith("UID")] == uids[:1]


def test_counts_that_leave_the_site_are_masked():
    people, infusions, cases = [], [], []
    for i in range(12):
        people.append({**dict.fromkeys(PEOPLE.names), "person_id": f"P{i}"})
        product = "Kymriah" if i < 9 else "Yescarta"
        infusions.append({**INFUSION, "infusion_id": f"I{i}", "person_id": f"P{i}", "product": product})
    for i in range(6):
        tested = {"tested": "yes", "car_result": "detected"} if i < 2 else {}
        cases.append({**CASE, "case_id": f"K{i}", "person_id": f"P{i}", "lineage": "T_cell", **tested})
    cases.append({**CASE, "case_id": "K9", "person_id": "P9", "lineage": "myeloid"})
    everybody = subjects(people, infusions, [], [], [])
    rows = {row["product"]: row for row in counts_by_product(everybody, cases, dt.date(2022, 1, 1), below=5).to_dicts()}
    assert {name: rows["tisa-cel"][name] for name in ("persons", "cases", "tested", "car_positive", "masked")} == {
        "persons": 9,
        "cases": 6,
        "tested": None,
        "car_positive": None,
        "masked": "tested, car_positive",
    }
    few = rows["axi-cel"]
    assert (few["persons"], few["person_years"], few["cases"]) == (None, None, 0)
    assert few["masked"] == "persons, person_years"
    assert counts_by_product(everybody, cases, dt.date(2019, 1, 1), below=5).is_empty()
