"""Plans as data: what they ask for, what is wrong with a bad one, what a site may change."""

import datetime as dt

import pytest

from aftercar.registry.plan import BadPlan, parse_plan, plan_set, shipped_plans
from aftercar.registry.schedule import person_state, schedule
from aftercar.registry.subject import subjects

PERSON = {
    "person_id": "P1",
    "centre": "A",
    "enrolled_on": None,
    "last_seen_on": None,
    "vital_status": "alive",
    "death_date": None,
    "consent": "given",
}
RULE = '[[rules]]\nid="a"\ntask="t"\nsatisfied_by=["examination"]\nmonths=[3, 6]\nsource="s"\nmark="seen"\n'
PLAN = 'name="own"\nversion="1"\ntitle="t"\n'


def person(jurisdiction="EU", setting="commercial", day="2020-01-31", product="Yescarta", contacts=(), **changes):
    infusions = [
        {
            "infusion_id": "I1",
            "person_id": "P1",
            "infused_on": day,
            "product": product,
            "jurisdiction": jurisdiction,
            "setting": setting,
            "trial": None,
        }
    ]
    follow_up = [{"person_id": "P1", "contact_id": f"C{c}", "contact_on": c, "kind": "examination"} for c in contacts]
    return subjects([{**PERSON, **changes}], infusions, follow_up, [], [])[0]


def dues(subject, plan, rule, until="2060-01-01", plans=None):
    tasks = schedule(subject, plans or plan_set(), dt.date(2020, 2, 1), until=dt.date.fromisoformat(until))
    return [task.due.isoformat() for task in tasks if task.plan.startswith(plan) and task.rule.id == rule]


def test_the_european_plan_never_ends():
    found = dues(person(), "eu_lifelong", "yearly_contact", until="2100-01-01")
    assert found[0] == "2021-01-31"
    assert len(found) == 80


def test_the_american_plan_examines_for_five_years_and_asks_until_the_fifteenth():
    us = person("US")
    assert dues(us, "us_15_years", "yearly_examination") == [f"{2020 + year}-01-31" for year in range(1, 6)]
    assert dues(us, "us_15_years", "yearly_contact") == [f"{2020 + year}-01-31" for year in range(6, 16)]
    assert dues(us, "us_label_lifelong", "yearly_contact")[0] == "2036-01-31"


def test_registry_tracks_count_days_and_months():
    assert dues(person("US"), "cibmtr_15_years", "day_100") == ["2020-05-10"]
    assert dues(person("US"), "cibmtr_15_years", "month_6") == ["2020-07-31"]
    standard = plan_set(
        ['name="x"\nversion="1"\nuse=["cibmtr_standard"]\nomit=[{plan="cibmtr_15_years", reason="standard track"}]\n']
    )
    later = dues(person("US"), "cibmtr_standard", "later", plans=standard)
    assert [day[:4] for day in later] == ["2020", "2021", "2022", "2023", "2024", "2025", "2026", "2028", "2030", "2032", "2034"]
    assert dues(person("US"), "cibmtr_15_years", "yearly", plans=standard) == []
    assert standard.omitted == (("cibmtr_15_years", "standard track"),)


def test_trials_have_persistence_and_replication_tests():
    trial = person("US", "trial")
    assert len(dues(trial, "us_persistence", "half_yearly")) == 10
    assert dues(trial, "us_rcr_rcl", "first_year") == ["2020-01-31", "2020-04-30", "2020-07-31", "2021-01-31"]
    assert dues(person("US"), "us_persistence", "half_yearly") == []


def test_a_month_end_stays_a_month_end():
    assert dues(person("US", "trial", "2020-08-31"), "us_persistence", "half_yearly")[0] == "2021-02-28"


@pytest.mark.parametrize("jurisdiction", ["EU", "US", "UK", "CA", "JP", "AU", "CH", "other", "unknown", None])
def test_nobody_is_without_a_plan_for_life(jurisdiction):
    subject = person(jurisdiction)
    tasks = schedule(subject, plan_set(), dt.date(2070, 6, 1))
    assert tasks[-1].due.year >= 2070


def test_states_of_one_task_over_time():
    plans = plan_set([PLAN.replace("own", "only") + RULE + "before_days=10\nafter_days=10\n"], shipped=())
    subject = person(day="2020-01-01", contacts=("2020-07-20",))

    def states(day):
        return [task.state for task in schedule(subject, plans, dt.date.fromisoformat(day), until=dt.date(2020, 12, 31))]

    assert states("2020-03-01") == ["upcoming", "upcoming"]
    assert states("2020-03-22") == ["due", "upcoming"]
    assert states("2020-04-11") == ["due", "upcoming"]
    assert states("2020-04-12") == ["overdue", "upcoming"]
    assert states("2020-06-21") == ["missed", "due"]
    assert states("2020-07-12") == ["missed", "overdue"]
    assert states("2020-07-20") == ["missed", "done"]


def test_states_of_a_person_over_a_life():
    plans = plan_set()
    subject = person(day="2020-01-01", contacts=("2020-04-10", "2020-07-01", "2021-01-05"), death_date="2026-05-01")
    states = {
        "2019-12-31": "not_started",
        "2020-01-02": "done",
        "2020-04-01": "due",
        "2020-04-10": "done",
        "2021-06-01": "done",
        "2022-01-10": "due",
        "2022-06-01": "overdue",
        "2023-06-01": "lost",
        "2026-05-01": "stopped",
        "2040-01-01": "stopped",
    }
    assert {day: person_state(subject, plans, dt.date.fromisoformat(day)) for day in states} == states


def test_no_infusion_date_is_said_to_be_unscheduled():
    assert person_state(person(day=None), plan_set(), dt.date(2024, 1, 1)) == "unscheduled"


def test_an_unknown_kind_of_contact_is_no_examination():
    plans = plan_set()
    subject = subjects(
        [PERSON],
        [
            {
                "infusion_id": "I",
                "person_id": "P1",
                "infused_on": "2020-01-01",
                "product": "x",
                "jurisdiction": "US",
                "setting": "trial",
                "trial": None,
            }
        ],
        [{"person_id": "P1", "contact_id": "C", "contact_on": "2021-01-01", "kind": None}],
        [],
        [],
    )[0]
    tasks = {task.rule.id: task.state for task in schedule(subject, plans, dt.date(2021, 1, 2)) if task.plan.startswith("us_15")}
    assert tasks == {"yearly_examination": "due"}


def test_a_death_without_a_date_stops_from_the_last_news():
    subject = person(vital_status="dead", last_seen_on="2020-06-15")
    assert subject.stopped_on == dt.date(2020, 6, 15)
    assert person_state(subject, plan_set(), dt.date(2020, 6, 15)) == "stopped"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense [", "not valid TOML"),
        (PLAN, "needs rules"),
        (PLAN + RULE.replace('mark="seen"', 'mark="sure"'), "mark"),
        (PLAN + RULE.replace('source="s"\n', ""), "source may not be empty"),
        (PLAN + RULE.replace("months=[3, 6]", "months=[6, 3]"), "must increase"),
        (PLAN + RULE.replace("months=[3, 6]", "months=[3]\ndays=[9]"), "exactly one"),
        (PLAN + RULE.replace("examination", "exam"), "satisfied_by"),
        (PLAN + RULE + "before_days=60\nafter_days=60\n", "overlap"),
        (PLAN + RULE + "colour=1\n", "unknown key"),
        (PLAN + '[applies]\njurisdictions=["Mars"]\n' + RULE, "jurisdictions"),
        (PLAN + RULE + RULE, "same id"),
        (PLAN + 'clock="first"\n' + RULE, "clock"),
        (PLAN + RULE + "before_days=-1\n", "before_days"),
        (PLAN + RULE.replace("months=[3, 6]", "first_month=12\nevery_months=0"), "every_months"),
    ],
)
def test_a_bad_plan_is_refused_with_the_reason(text, words):
    with pytest.raises(BadPlan, match=words):
        parse_plan(text)


def test_turning_a_plan_off_needs_a_reason():
    with pytest.raises(BadPlan, match="reason"):
        plan_set(['name="x"\nomit=[{plan="eu_lifelong"}]\n'])
    with pytest.raises(BadPlan, match="there is no plan"):
        plan_set(['name="x"\nuse=["nothing"]\n'])


def test_plan_names_are_their_files():
    assert {plan.name for plan in shipped_plans()} >= {
        "eu_lifelong",
        "us_15_years",
        "cibmtr_15_years",
        "us_persistence",
        "us_rcr_rcl",
    }
