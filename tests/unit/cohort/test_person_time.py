import pytest

from aftercar.cohort.follow_up import completeness
from aftercar.cohort.person_time import build, by_product
from aftercar.cohort.rules import CENSORED, COMPETING, DEATH, EVENT, Rules
from aftercar.errors import InputError


def person(name, **more):
    return {"person_id": name, "vital_status": "alive", **more}


def infusion(name, on, product="Yescarta", number=1, **more):
    return {"infusion_id": f"{name}-{number}", "person_id": name, "infused_on": on, "product": product, **more}


def case(name, on=None, **more):
    return {"case_id": f"C-{name}", "person_id": name, "diagnosed_on": on, "lineage": "T_cell", "tested": "no", **more}


def only(cohort):
    rows = cohort.episodes.to_dicts()
    assert len(rows) == 1
    return rows[0]


def test_the_clock_runs_from_infusion_to_the_last_day_seen(frames, lock):
    study = frames(people=[person("A", last_seen_on="2023-01-01")], infusions=[infusion("A", "2022-01-01")])
    row = only(build(study, lock))
    assert (row["entry_days"], row["exit_days"], row["status"], row["ended_by"]) == (0, 365, CENSORED, "last seen")
    assert row["product"] == "axi-cel"


def test_observation_ends_at_the_data_lock(frames, lock):
    study = frames(people=[person("A", last_seen_on="2024-06-30")], infusions=[infusion("A", "2024-06-01")])
    assert only(build(study, lock))["ended_by"] == "data lock"


def test_a_person_enrolled_later_enters_late(frames, lock):
    study = frames(
        people=[person("A", enrolled_on="2022-03-01", last_seen_on="2023-01-01")], infusions=[infusion("A", "2022-01-01")]
    )
    row = only(build(study, lock))
    assert (row["entry_days"], row["exit_days"]) == (59, 365)


def test_an_outcome_before_late_entry_is_not_an_event(frames, lock):
    study = frames(
        people=[person("A", enrolled_on="2022-03-01", last_seen_on="2023-01-01")],
        infusions=[infusion("A", "2022-01-01")],
        cases=[case("A", "2022-02-01")],
    )
    cohort = build(study, lock)
    assert cohort.persons == cohort.events == 0
    left = {step.reason: step.left_out for step in cohort.attrition.steps}
    assert left["outcome before the person came under observation (or before infusion)"] == 1


@pytest.mark.parametrize(
    ("more", "status", "days"),
    [
        ({"death_date": "2022-04-11", "vital_status": "dead"}, DEATH, 100),
        ({"last_seen_on": "2022-04-11", "vital_status": "dead"}, DEATH, 100),
        ({"last_seen_on": "2022-04-11"}, CENSORED, 100),
    ],
)
def test_death_competes(frames, lock, more, status, days):
    study = frames(people=[person("A", **more)], infusions=[infusion("A", "2022-01-01")])
    row = only(build(study, lock))
    assert (row["status"], row["exit_days"]) == (status, days)


def test_an_outcome_on_the_day_of_death_is_the_outcome(frames, lock):
    study = frames(
        people=[person("A", death_date="2022-04-11", vital_status="dead")],
        infusions=[infusion("A", "2022-01-01")],
        cases=[case("A", "2022-04-11")],
    )
    row = only(build(study, lock))
    assert (row["status"], row["case_id"]) == (EVENT, "C-A")


def test_onset_in_months_stands_for_the_date(frames, lock):
    study = frames(
        people=[person("A", last_seen_on="2024-01-01")],
        infusions=[infusion("A", "2022-01-01")],
        cases=[case("A", onset_months=12)],
    )
    assert only(build(study, lock))["exit_days"] == 365


def test_an_undated_outcome_leaves_the_cohort_and_is_counted(frames, lock):
    study = frames(people=[person("A", last_seen_on="2024-01-01")], infusions=[infusion("A", "2022-01-01")], cases=[case("A")])
    cohort = build(study, lock)
    assert cohort.persons == 0
    assert {s.reason: s.left_out for s in cohort.attrition.steps}["outcome without a date or an onset"] == 1


def test_other_lineages_and_behaviours_do_not_count(frames, lock):
    study = frames(
        people=[person("A", last_seen_on="2024-01-01")],
        infusions=[infusion("A", "2022-01-01")],
        cases=[
            case("A", "2022-06-01", lineage="solid"),
            case("A", "2022-07-01", behaviour="lymphoproliferative") | {"case_id": "C2"},
        ],
    )
    assert build(study, lock).events == 0
    assert build(study, lock, Rules(lineages=("solid",))).events == 1
    assert build(study, lock, Rules(behaviours=("malignant", "lymphoproliferative"))).events == 1


def test_an_unknown_lineage_is_noted_not_counted(frames, lock):
    study = frames(
        people=[person("A", last_seen_on="2024-01-01")],
        infusions=[infusion("A", "2022-01-01")],
        cases=[case("A", "2022-06-01", lineage=None)],
    )
    cohort = build(study, lock)
    assert cohort.events == 0
    assert any("unknown lineage" in note for note in cohort.notes)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("continue", [(0, 730, EVENT, "axi-cel")]),
        ("censor", [(0, 365, CENSORED, "axi-cel")]),
        ("compete", [(0, 365, COMPETING, "axi-cel")]),
        ("restart", [(0, 365, CENSORED, "axi-cel"), (0, 365, EVENT, "tisa-cel")]),
    ],
)
def test_a_second_infusion(frames, lock, rule, expected):
    study = frames(
        people=[person("A", last_seen_on="2024-06-01")],
        infusions=[infusion("A", "2022-01-01"), infusion("A", "2023-01-01", "Kymriah", 2)],
        cases=[case("A", "2024-01-01")],
    )
    rows = build(study, lock, Rules(reinfusion=rule)).episodes
    found = [tuple(row[k] for k in ("entry_days", "exit_days", "status", "product")) for row in rows.iter_rows(named=True)]
    assert found == expected


def test_an_allograft_competes_when_asked(frames, lock):
    study = frames(
        people=[person("A", last_seen_on="2024-01-01")],
        infusions=[infusion("A", "2022-01-01")],
        prior_therapy=[
            {"therapy_id": "T", "person_id": "A", "kind": "allogeneic_transplant", "started_on": "2022-04-11"},
            {"therapy_id": "U", "person_id": "A", "kind": "allogeneic_transplant", "started_on": "2020-04-11"},
        ],
    )
    row = only(build(study, lock, Rules(allograft="compete")))
    assert (row["status"], row["exit_days"]) == (COMPETING, 100)


def test_every_person_is_analysed_or_left_out_for_one_reason(frames, lock):
    study = frames(
        people=[
            person("OK", last_seen_on="2024-01-01"),
            person("NOINF", last_seen_on="2024-01-01"),
            person("NODATE", last_seen_on="2024-01-01"),
            person("NOEND"),
            person("NO", last_seen_on="2024-01-01", consent="withdrawn"),
        ],
        infusions=[
            infusion("OK", "2022-01-01"),
            infusion("NODATE", None),
            infusion("NOEND", "2022-01-01"),
            infusion("NO", "2022-01-01"),
        ],
    )
    cohort = build(study, lock)
    assert (cohort.attrition.start, cohort.attrition.analysed, cohort.persons) == (5, 1, 1)
    assert sum(step.left_out for step in cohort.attrition.steps) == 4


def test_an_event_on_the_day_of_infusion_keeps_half_a_day(frames, lock):
    study = frames(people=[person("A")], infusions=[infusion("A", "2022-01-01")], cases=[case("A", "2022-01-01")])
    assert only(build(study, lock))["exit_days"] == 0.5


def test_a_case_known_to_the_month_of_infusion_is_after_it(frames, lock):
    study = frames(people=[person("A")], infusions=[infusion("A", "2022-01-28")], cases=[case("A", "2022-01")])
    assert build(study, lock).events == 1


def test_an_outcome_after_the_lock_is_not_seen(frames, lock):
    study = frames(
        people=[person("A", last_seen_on="2024-01-01")], infusions=[infusion("A", "2022-01-01")], cases=[case("A", "2024-09-01")]
    )
    row = only(build(study, lock))
    assert (row["status"], row["ended_by"], row["case_id"]) == (CENSORED, "last seen", None)


def test_completeness_counts_the_lost(frames, lock):
    study = frames(
        people=[
            person("A", last_seen_on="2024-06-30"),
            person("B", last_seen_on="2023-07-01"),
            person("C", death_date="2023-07-01"),
        ],
        infusions=[infusion(name, "2022-07-01") for name in "ABC"],
    )
    found = completeness(build(study, lock).episodes)
    assert (found.lost, found.persons) == (1, 3)
    assert found.share == pytest.approx((730 + 365 + 365) / (730 + 730 + 365))


def test_products_are_kept_apart(frames, lock):
    study = frames(
        people=[person("A", last_seen_on="2024-01-01"), person("B", last_seen_on="2024-01-01")],
        infusions=[infusion("A", "2022-01-01"), infusion("B", "2022-01-01", "Abecma")],
    )
    assert {name: part.height for name, part in by_product(build(study, lock)).items()} == {"axi-cel": 1, "ide-cel": 1}


def test_a_missing_table_is_an_error(frames, lock):
    study = frames()
    del study["cases"]
    with pytest.raises(InputError, match="table cases is missing"):
        build(study, lock)
