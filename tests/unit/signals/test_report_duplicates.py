"""Suspected duplicates among reports."""

import polars as pl

from aftercar.signals.report_duplicates import find_duplicates, without_duplicates


def frame(**changes):
    base = {
        "report_id": [1, 2, 3, 4],
        "event_on": ["2023-05-04"] * 4,
        "age_years": [61.0] * 4,
        "sex": ["male"] * 4,
        "country": ["US"] * 4,
        "drugs": ["axi-cel"] * 4,
        "terms": ["T-CELL LYMPHOMA"] * 4,
    }
    return pl.DataFrame(base | changes)


def test_equal_reports_are_grouped_under_the_first():
    found = find_duplicates(frame(report_id=[9, 2, 7, 4]))
    assert found.rows() == [(2, [4, 7, 9])]
    assert without_duplicates(frame(report_id=[9, 2, 7, 4]))["report_id"].to_list() == [2]


def test_any_difference_keeps_reports_apart():
    for column, values in (
        ("event_on", ["2023-05-04", "2023-05-05", "2023-05-06", "2023-05-07"]),
        ("age_years", [1.0, 2.0, 3.0, 4.0]),
        ("country", ["US", "DE", "FR", None]),
        ("drugs", ["a", "b", "c", "d"]),
        ("terms", ["a", "b", "c", "d"]),
    ):
        assert len(find_duplicates(frame(**{column: values}))) == 0, column


def test_what_is_unknown_makes_no_duplicate():
    assert len(find_duplicates(frame(event_on=["2023-05"] * 4))) == 0
    assert len(find_duplicates(frame(event_on=[None] * 4))) == 0
    assert len(find_duplicates(frame(age_years=[None] * 4).with_columns(pl.col("age_years").cast(float)))) == 0
    assert len(find_duplicates(frame(sex=["unknown"] * 4))) == 0
    assert len(without_duplicates(frame(sex=["unknown"] * 4))) == 4
