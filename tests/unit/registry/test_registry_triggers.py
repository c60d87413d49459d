"""Alerts are graded, carry their numbers, and none is suppressed."""

import datetime as dt

import pytest

from aftercar.registry.persistence import marked_fraction
from aftercar.registry.settings import SOURCES, BadSetting, Settings, read_settings
from aftercar.registry.triggers import alerts
from aftercar.vocab.tables.study import ASSAY_RESULTS, CASES, FOLLOW_UP, INFUSIONS

ON = dt.date(2026, 1, 1)
LIMITS = Settings()


def row(table, **values):
    return {**dict.fromkeys(table.names), **values}


def infusion(day="2020-01-01", vcn=None):
    return row(INFUSIONS, infusion_id="I1", person_id="P1", infused_on=day, product="Kymriah", product_vcn=vcn)


def result(day, value=None, unit="percent_cells", method="ddpcr", **more):
    return row(ASSAY_RESULTS, result_id=f"R{day}", person_id="P1", measured_on=day, method=method, value=value, unit=unit, **more)


def found(results=(), follow_up=(), cases=(), infusions=None):
    given = [infusion()] if infusions is None else infusions
    return alerts("P1", given, results, follow_up, cases, on=ON)


def kinds(found_alerts):
    return [(alert.kind, alert.grade) for alert in found_alerts]


def test_a_percentage_is_itself():
    marked = marked_fraction(result("2020-02-01", 1.5), None, LIMITS)
    assert (marked.low, marked.high) == (0.015, 0.015)
    assert str(marked) == "1.5%"


def test_copies_per_cell_become_a_range_over_the_copies_of_a_positive_cell():
    marked = marked_fraction(result("2020-02-01", 0.04, "copies/cell"), 2.0, LIMITS)
    assert (marked.low, marked.high) == pytest.approx((0.02, 0.04))
    unknown = marked_fraction(result("2020-02-01", 0.04, "copies/cell"), None, LIMITS)
    assert (unknown.low, unknown.high) == pytest.approx((0.04 / 5, 0.04))


def test_copies_per_microgram_use_the_mass_of_a_genome_as_a_range():
    marked = marked_fraction(result("2020-02-01", 10_000, "copies/ug"), 1.0, LIMITS)
    assert (marked.low, marked.high) == pytest.approx((0.063, 0.066))
    assert "pg" in marked.assumptions[0]


def test_a_fraction_of_t_cells_may_be_next_to_nothing_of_all_cells():
    marked = marked_fraction(result("2020-02-01", 30, denominator="t_cells"), None, LIMITS)
    assert (marked.low, marked.high) == (0.0, 0.3)


def test_not_detected_reaches_up_to_the_limit():
    marked = marked_fraction(result("2020-02-01", result="not_detected", lod=0.05), None, LIMITS)
    assert (marked.low, marked.high, str(marked)) == (0.0, 0.0005, "below 0.05%")
    assert "no limit" in marked_fraction(result("2020-02-01", result="not_detected"), None, LIMITS)


def test_what_cannot_be_converted_says_why():
    assert "cell count" in marked_fraction(result("2020-02-01", 500, "copies/ul"), None, LIMITS)
    assert marked_fraction(result("2020-02-01"), None, LIMITS) == "there is no value"
    assert "inconclusive" in marked_fraction(result("2020-02-01", 3, result="inconclusive"), None, LIMITS)
    assert kinds(found([result("2020-06-01", 500, "copies/ul")])) == [("not_assessable", "note")]


def test_expansion_is_a_note_later_a_review_and_a_rise_an_act():
    assert kinds(found([result("2020-01-15", 40.0)])) == [("persistence", "note")]
    assert kinds(found([result("2020-06-01", 2.0)])) == [("persistence", "review")]
    rising = found([result("2020-01-15", 40.0), result("2020-06-01", 0.5), result("2021-06-01", 4.0)])
    assert kinds(rising) == [("rising", "act"), ("persistence", "note")]
    assert "3 times the lowest earlier value" in rising[0].statement
    assert kinds(found([result("2020-06-01", 0.99)])) == []


def test_exactly_the_threshold_counts():
    assert kinds(found([result("2020-06-01", 1.0)])) == [("persistence", "review")]


def test_what_may_be_above_is_said_to_depend():
    uncertain = found([result("2020-06-01", 0.03, "copies/cell")])
    assert kinds(uncertain) == [("persistence", "review")]
    assert "depends on what is not known" in uncertain[0].statement


def test_an_unknown_infusion_day_is_reviewed():
    assert kinds(found([result("2020-06-01", 2.0)], infusions=[infusion(None)])) == [("persistence", "review")]


def test_the_clock_starts_again_at_the_next_infusion():
    later = {**infusion("2021-01-01"), "infusion_id": "I2"}
    assert ("persistence", "note") in kinds(found([result("2021-01-20", 2.0)], infusions=[infusion(), later]))


def test_a_predominant_clone_asks_for_a_repeat_within_three_months():
    first = result("2020-06-30", 0.25, "fraction", "integration_sites")
    open_repeat = found([first])
    assert kinds(open_repeat) == [("clone_repeat", "act"), ("predominant_clone", "review")]
    assert open_repeat[0].due_by == dt.date(2020, 9, 30)
    done = {alert.kind: alert for alert in found([first, result("2020-09-01", 5.0, "percent_cells", "integration_sites")])}
    assert done["clone_repeat"].done_on == dt.date(2020, 9, 1)
    assert done["clone_repeat"].grade == "note"
    again = found([first, result("2020-12-01", 30.0, "percent_cells", "integration_sites")])
    assert ("predominant_clone", "act") in kinds(again)
    assert any("late" in alert.statement for alert in again)
    assert found([result("2020-06-30", 0.19, "fraction", "integration_sites")]) == []


def test_replication_competent_virus_is_reported_at_once():
    assert kinds(found([result("2020-06-01", None, "qualitative", "rcl_rcr", result="detected")])) == [("rcr_rcl", "act")]
    assert kinds(found([result("2020-06-01", None, "qualitative", "rcl_rcr", result="inconclusive")])) == [("rcr_rcl", "review")]
    assert found([result("2020-06-01", None, "qualitative", "rcl_rcr", result="not_detected")]) == []


def test_a_new_malignancy_asks_for_a_case_until_there_is_one():
    contact = row(FOLLOW_UP, contact_id="C1", person_id="P1", contact_on="2022-03-01", new_malignancy="yes")
    assert kinds(found(follow_up=[contact])) == [("new_malignancy", "act")]
    case = row(CASES, case_id="K1", person_id="P1", diagnosis="lymphoma", tested="no", diagnosed_on="2022-02")
    assert kinds(found(follow_up=[contact], cases=[case])) == [("new_malignancy", "note")]
    old = {**case, "diagnosed_on": "2019-02-01"}
    assert kinds(found(follow_up=[contact], cases=[old])) == [("new_malignancy", "act")]
    assert found(follow_up=[{**contact, "new_malignancy": "unknown"}]) == []


def test_nothing_after_the_day_is_read():
    assert alerts("P1", [infusion()], [result("2020-06-01", 2.0)], [], [], on=dt.date(2020, 5, 31)) == []


def test_every_setting_has_a_source_and_limits():
    assert set(SOURCES) == set(Settings.__dataclass_fields__)
    assert read_settings({"clone_share": 0.1}).clone_share == 0.1
    for bad in ({"clone_share": 2}, {"clone_share": "a"}, {"unknown": 1}, {"lost_after_days": True}):
        with pytest.raises(BadSetting):
            read_settings(bad)
    assert "not a regulator" in SOURCES["clone_share"].cite
