"""The commands on an invented study: what they print, what they export, what they say when they cannot."""

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest

from aftercar.actions import signals_input as si
from aftercar.actions.permissions import Actor
from aftercar.actions.signals_rate import rate
from aftercar.cli.main import main
from aftercar.edges.study import write_study
from aftercar.edges.tables import empty_frame
from aftercar.errors import NotPermitted
from aftercar.vocab.tables.signals import DERIVED, TABLES
from aftercar.vocab.tables.study import TABLES as STUDY

LOCK = dt.date(2024, 6, 30)
PRODUCTS = ("Yescarta", "Kymriah", "Abecma")


def frame(name, rows):
    blank = empty_frame(next(table for table in STUDY if table.name == name))
    return pl.DataFrame([{c: row.get(c) for c in blank.columns} for row in rows], schema=blank.schema)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """600 people, death at 0.25 and outcome at 0.02 per year, some enrolled late; aggregate rows beside them."""
    rng = np.random.default_rng(3)
    people, infusions, cases = [], [], []
    for i in range(600):
        start = LOCK - dt.timedelta(int(rng.integers(200, 2400)))
        event, death, lost = rng.exponential(365 / 0.02), rng.exponential(365 / 0.25), rng.exponential(6000)
        end = min(event, death, lost, (LOCK - start).days)
        row = {"person_id": f"P{i}", "sex": ("female", "male")[i % 2], "birth_year": 1950 + i % 40, "consent": "given"}
        row["enrolled_on"] = str(start + dt.timedelta(30 if i % 5 == 0 and end > 31 else 0))
        if end == event:
            cases.append(
                {
                    "case_id": f"C{i}",
                    "person_id": f"P{i}",
                    "diagnosis": "T-cell lymphoma",
                    "lineage": "T_cell",
                    "behaviour": "malignant",
                    "diagnosed_on": str(start + dt.timedelta(int(event))),
                    "tested": ("yes", "no")[i % 2],
                    "car_result": ("detected", None)[i % 2],
                    "untested_reason": (None, "no tissue")[i % 2],
                }
            )
            row["last_seen_on"] = str(start + dt.timedelta(int(event)))
        elif end == death:
            row |= {"vital_status": "dead", "death_date": str(start + dt.timedelta(int(death)))}
        else:
            row |= {"vital_status": "alive", "last_seen_on": str(start + dt.timedelta(int(end)))}
        people.append(row)
        infusions.append(
            {
                "infusion_id": f"I{i}",
                "person_id": f"P{i}",
                "infused_on": str(start),
                "product": PRODUCTS[i % 3],
                "product_vcn": 1 + (i % 7) / 3,
            }
        )
    exposure = [
        {"exposure_id": "E", "group": "all", "persons": 42_500, "outcome": "t_cell_malignancy", "cases": 38, "tested": 19,
         "car_positive": 7, "kind": "spontaneous_reports", "source": "invented"}
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("signals") / "study"
    frames = {"people": people, "infusions": infusions, "cases": cases, "exposure": exposure}
    write_study(folder, title="Invented", data_lock=LOCK, frames={name: frame(name, rows) for name, rows in frames.items()})
    return folder


def run(capsys, *words):
    """Status, data and words of one command."""
    status = 0
    try:
        main(["signals", *map(str, words)])
    except SystemExit as end:
        status = int(end.code or 0)
    shown = capsys.readouterr()
    return status, shown.out, shown.err


@pytest.mark.parametrize(
    ("command", "table"),
    [
        (["rate"], "signal_rates"),
        (["incidence", "--years", "1,3", "--covariates", "age,male"], "signal_regression"),
        (["onset"], "signal_onset_weibull"),
        (["untested"], "signal_untested_tilt"),
        (["expected"], "signal_surface"),
        (["homogeneity"], "signal_contrasts"),
        (["signature"], "signal_signature"),
        (["benefit-risk"], "signal_benefit_risk"),
    ],
)
def test_every_command_gives_its_tables_as_json(capsys, study, command, table):
    status, out, _ = run(capsys, command[0], study, *command[1:], "--json")
    assert status == 0
    found = json.loads(out)
    assert found["data_lock"] == "2024-06-30"
    assert found["tables"][table]
    defined = {item.name: item for item in TABLES}
    for name, rows in found["tables"].items():
        assert set().union(*rows) <= set(defined[name].names)


def test_the_planted_rate_comes_back(study):
    found = rate(si.from_folder(study))
    whole = found.tables["signal_rates"][0]
    assert whole["group"] == si.EVERYBODY
    assert whole["low"] < 0.02 < whole["high"]
    parts = [row for row in found.tables["signal_rates"][1:] if row["measure"] == "incidence rate"]
    assert sum(row["cases"] for row in parts) == whole["cases"]
    assert sum(row["denominator"] for row in parts) == pytest.approx(whole["denominator"])
    steps = found.tables["signal_attrition"]
    assert steps[0]["remaining"] - sum(step["left_out"] for step in steps) == steps[-1]["remaining"]


def test_a_background_gives_observed_over_expected(capsys, study, tmp_path):
    table = tmp_path / "rates.csv"
    table.write_text(
        "name,age_low,age_high,sex,year_low,year_high,rate_per_100000,source,evidence_mark\n"
        "survivors,,,,,,1000,invented,derived\ngeneral,0,60,,,,1,invented,derived\ngeneral,60,,,,,3,invented,derived\n"
    )
    controls = tmp_path / "controls.csv"
    controls.write_text("name,ratio,low,high\n" + "".join(f"c{i},1.{i},0.8,2.0\n" for i in range(1, 8)))
    status, out, _ = run(capsys, "expected", study, "--background", table, "--negative-controls", controls, "--json")
    assert status == 0
    found = json.loads(out)
    whole = found["tables"]["signal_expected"][0]
    assert whole["low"] < 2 < whole["high"]
    bands = [row for row in found["tables"]["signal_expected"] if row["background"].startswith("survivors,")]
    assert sum(row["observed"] for row in bands) == whole["observed"]
    assert any("calibrated ratio" in words for words in found["words"])
    assert any("E-value" in words for words in found["words"])


def test_a_bad_background_is_told_with_its_line(capsys, study, tmp_path):
    table = tmp_path / "rates.csv"
    table.write_text("name,rate_per_100000,source,evidence_mark\nx,minus,invented,derived\n")
    status, _, err = run(capsys, "expected", study, "--background", table)
    assert status == 3
    assert "rates.csv line 2, column rate_per_100000" in err


def test_exports_are_masked(capsys, study, tmp_path):
    for command in ("rate", "onset", "homogeneity", "signature"):
        status, _, err = run(capsys, command, study, "--export", tmp_path / command)
        assert status == 0
        assert "masked" in err
    rates = pl.read_csv(tmp_path / "rate" / "signal_rates_by_time.csv")
    assert not ((rates["cases"] > 0) & (rates["cases"] < 5)).any()
    onset = pl.read_csv(tmp_path / "onset" / "signal_onset.csv")
    assert not ((onset["cases"] > 0) & (onset["cases"] < 5)).any()
    assert pl.read_csv(tmp_path / "signature" / "signal_signature.csv")["found"].null_count() == 7


def test_a_masked_part_cannot_be_subtracted_from_its_total():
    table = next(table for table in TABLES if table.name == "signal_rates")
    rows = [
        {"group": si.EVERYBODY, "cases": 30, "value": 0.3},
        {"group": "a", "cases": 3, "value": 0.03},
        {"group": "b", "cases": 20, "value": 0.2},
        {"group": "c", "cases": 7, "value": 0.07},
    ]
    found = si.masked(si.frame_of(rows, table), table, 5)
    by_group = dict(found.select("group", "cases").iter_rows())
    assert by_group == {"a": None, "b": 20, "c": None, si.EVERYBODY: 30}
    assert found.filter(pl.col("group") == "a")["value"].item() is None


def test_masked_columns_are_defined():
    for table in TABLES:
        for count, derived in DERIVED.get(table.name, {}).items():
            assert table[count].mask
            assert all(name in table for name in derived)


def test_a_study_without_dates_says_what_is_needed(capsys, project):
    status, _, err = run(capsys, "incidence", project / "examples" / "published")
    assert status == 3
    assert "infused_on" in err
    status, out, _ = run(capsys, "benefit-risk", project / "examples" / "published", "--rate", "0.001,0.0005,0.002",
                         "--death-rate", "0.2", "--json")  # fmt: skip
    assert status == 0
    assert json.loads(out)["tables"]["signal_benefit_risk"][0]["side"] == "risk, assumed"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rate", "--lineage", "foo"], "unknown lineage foo"),
        (["rate", "--reinfusion", "foo"], "unknown rule for a further infusion"),
        (["homogeneity", "--ordering", "wald"], "unknown ordering"),
        (["incidence", "--covariates", "bmi"], "unknown covariate"),
        (["incidence", "--years", "one"], "not numbers"),
        (["benefit-risk", "--rate", "1,2"], "--rate needs value,low,high"),
        (["signature", "--near", "1,2"], "four counts"),
    ],
)
def test_wrong_words_are_told_with_the_right_ones(capsys, study, words, said):
    status, _, err = run(capsys, words[0], study, *words[1:])
    assert status in (2, 3)
    assert said in err
    assert "Next:" in err or "not numbers" in err or "--rate" in err


def test_product_sites_answer_the_recurrence_line(capsys, project, tmp_path):
    sites = tmp_path / "sites.csv"
    sites.write_text("gene,sites\nZGPAT,60\nSSU72,30\n,90000\n")
    status, out, _ = run(
        capsys, "signature", project / "examples" / "published", "--product-sites", sites, "--near", "3,8,120,1000", "--json"
    )
    assert status == 0
    rows = {row["evidence"]: row for row in json.loads(out)["tables"]["signal_signature"]}
    assert "cases" in rows["Genes hit"]["found"]
    assert "3 of 8 near" in rows["Sites near cancer genes"]["found"]


def test_figures_over_all_centres_need_the_right_everywhere(study):
    given = si.from_folder(study)
    with pytest.raises(NotPermitted):
        rate(given, actor=Actor("nurse", frozenset({"reader"}), frozenset({"A"})))
    assert rate(given, actor=Actor("reader", frozenset({"reader"}))).tables


def test_onset_is_masked_within_each_partition_and_without_extremes():
    table = next(table for table in TABLES if table.name == "signal_onset")
    groups = {
        "all cases": 30,
        "transgene positive": 20,
        "transgene negative": 10,
        "product a": 3,
        "product b": 19,
        "product c": 8,
    }
    rows = [{"group": name, "cases": count, "shortest": 1.0, "longest": 9.0} for name, count in groups.items()]
    found = si.masked(si.frame_of(rows, table), table, 5)
    shown = dict(found.select("group", "cases").iter_rows())
    assert [name for name, count in shown.items() if count is None] == ["product a", "product c"]
    assert found["longest"].null_count() == len(rows)
