import datetime as dt

import polars as pl
import pytest

from aftercar.cohort.attrition import attrition
from aftercar.cohort.disclosure import is_small, mask_counts, mask_frame, mask_table, shown
from aftercar.cohort.exposure import aggregates, comparable
from aftercar.cohort.neoplasms import neoplasm_counts, persons_by_number
from aftercar.cohort.onsets import car_status, case_onsets
from aftercar.cohort.rules import Rules, rules_from
from aftercar.cohort.splitting import split
from aftercar.errors import InputError, InternalError, UsageError
from aftercar.vocab.tables.study import PEOPLE


def test_attrition_that_does_not_add_up_is_our_fault():
    with pytest.raises(InternalError, match="does not add up"):
        attrition(10, [("a", 2)], 7)


def test_lone_small_counts_take_a_second_with_them():
    assert mask_counts([38, 3, 0, 12], below=5, total_shown=True) == (38, None, 0, None)
    assert mask_counts([38, 3, 0, 12], below=5) == (38, None, 0, 12)


def test_two_small_counts_whose_sum_is_small_take_a_third():
    assert mask_counts([1, 1, 20, 30], below=5, total_shown=True) == (None, None, None, 30)


def test_zero_and_unknown_are_not_masked():
    assert not is_small(0)
    assert not is_small(None)
    assert mask_counts([0, None, 7], below=5, total_shown=True) == (0, None, 7)
    assert shown(None) == "<5"


def test_what_is_computed_from_a_masked_count_goes_with_it():
    frame = pl.DataFrame({"cases": [3, 30], "persons": [100, 100], "rate": [0.03, 0.3]})
    masked = mask_frame(frame, ["cases"], derived={"cases": ["rate"]})
    assert masked.rows() == [(None, 100, None, "cases"), (30, 100, 0.3, "")]


def test_tables_of_persons_never_leave():
    with pytest.raises(UsageError, match="single persons"):
        mask_table(pl.DataFrame({"person_id": ["A"]}), PEOPLE)


def test_columns_to_mask_must_be_there():
    with pytest.raises(UsageError, match="missing: cases"):
        mask_frame(pl.DataFrame({"a": [1]}), ["cases"])


def test_exposure_rows_keep_unknown_unknown(frames):
    row = {"exposure_id": "E", "group": "g", "persons": 10, "outcome": "t_cell_malignancy", "cases": 1, "kind": "trial"}
    found = aggregates(frames(exposure=[row, row | {"outcome": "other"}])["exposure"])
    assert len(found) == 1
    assert found[0].person_years is found[0].tested is None
    assert found[0].assumed_person_years(2) == 20
    with pytest.raises(InputError):
        found[0].assumed_person_years(0)


def test_one_product_twice_in_a_comparison_is_an_error(frames):
    row = {"exposure_id": "E", "group": "g", "persons": 10, "outcome": "t_cell_malignancy", "cases": 1, "kind": "trial"}
    rows = [row | {"product": name, "comparison": "x"} for name in ("Yescarta", "axicabtagene ciloleucel")]
    with pytest.raises(InputError, match="stands twice"):
        comparable(aggregates(frames(exposure=rows)["exposure"]))
    rows[1]["product"] = "Kymriah"
    assert [item.product for item in comparable(aggregates(frames(exposure=rows)["exposure"]))["x"]] == ["axi-cel", "tisa-cel"]


def test_persons_and_neoplasms_are_counted_apart(frames):
    rows = [
        {"case_id": "1", "person_id": "A", "lineage": "solid"},
        {"case_id": "2", "person_id": "A", "lineage": "T_cell"},
        {"case_id": "3", "person_id": "A", "lineage": "solid"},
        {"case_id": "4", "person_id": "B"},
    ]
    cases = frames(cases=rows)["cases"]
    assert neoplasm_counts(cases).rows() == [("T_cell", 1, 1), ("solid", 2, 1), ("unknown", 1, 1), ("any", 4, 2)]
    assert persons_by_number(cases) == {1: 1, 3: 1}


@pytest.mark.parametrize(
    ("tested", "result", "status"),
    [
        ("yes", "detected", "positive"),
        ("yes", "detected_low", "low"),
        ("yes", "not_detected", "negative"),
        ("yes", "inconclusive", "inconclusive"),
        ("yes", None, "unknown"),
        ("no", None, "untested"),
        ("pending", "unknown", "untested"),
        ("unknown", None, "unknown"),
    ],
)
def test_unknown_is_never_negative(tested, result, status):
    assert car_status({"tested": tested, "car_result": result}) == status


def test_onset_belongs_to_the_suspected_infusion(frames, lock):
    study = frames(
        people=[{"person_id": "A"}],
        infusions=[
            {"infusion_id": "1", "person_id": "A", "infused_on": "2020-01-01", "product": "Yescarta"},
            {"infusion_id": "2", "person_id": "A", "infused_on": "2022-01-01", "product": "Kymriah"},
        ],
        cases=[
            {"case_id": "last", "person_id": "A", "lineage": "T_cell", "diagnosed_on": "2022-07-01", "tested": "no"},
            {"case_id": "between", "person_id": "A", "lineage": "T_cell", "diagnosed_on": "2021-01-01", "tested": "no"},
            {
                "case_id": "named",
                "person_id": "A",
                "lineage": "T_cell",
                "diagnosed_on": "2022-07-01",
                "infusion_id": "1",
                "tested": "no",
            },
            {"case_id": "undated", "person_id": "A", "lineage": "T_cell", "tested": "no"},
        ],
    )
    found = {case.case_id: case for case in case_onsets(study, lock)}
    assert found["last"].product == "tisa-cel"
    assert found["last"].months == pytest.approx(181 / 30.4375)
    assert found["between"].product == "axi-cel"
    assert found["named"].months == pytest.approx(912 / 30.4375)
    assert found["undated"].months is None
    assert found["undated"].product is None
    assert found["named"].window_months == pytest.approx((lock - dt.date(2020, 1, 1)).days / 30.4375)


def test_cuts_must_ascend():
    with pytest.raises(InputError):
        split([0], [10], [5, 5])


def test_rules_from_words():
    assert rules_from(["T_cell", "NK_cell"], "restart") == Rules(lineages=("T_cell", "NK_cell"), reinfusion="restart")
    for words in (["foo"], []):
        with pytest.raises(UsageError, match="lineage"):
            rules_from(words)
    with pytest.raises(UsageError, match="further infusion"):
        rules_from(["T_cell"], "stop")
    with pytest.raises(UsageError, match="transplant"):
        rules_from(["T_cell"], "censor", "stop")


def test_an_empty_table_is_masked_without_complaint():
    frame = pl.DataFrame({"cases": []}, schema={"cases": pl.Int64})
    assert mask_frame(frame, ["cases"]).columns == ["cases", "masked"]
