"""Spontaneous reports from file to figures, as the commands run them."""

import json

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from aftercar.actions.permissions import Actor
from aftercar.actions.signals_disproportionality import EmptyBase, Request, pair_table, run
from aftercar.actions.signals_faers import summarise
from aftercar.actions.signals_sequential import LooksFileError, judge, plan, read_looks
from aftercar.cli import signals_faers
from aftercar.edges.engines import connect
from aftercar.edges.faers import Loaded, _complete, _with_products, _write, load_table
from aftercar.edges.faers_lake import UnknownName, star
from aftercar.errors import NotPermitted, UsageError
from aftercar.signals import report_counts as rc
from aftercar.signals import shrinkage
from aftercar.signals.sequential import SequentialDesignError
from aftercar.vocab.estimates import proportion


def lake_of(folder, rows, quarter="2023Q3"):
    """A lake from (report, case, version, received, sex, age, [(role, drug)], [terms])."""
    reports = pl.DataFrame(
        [row[:6] for row in rows],
        schema=["report_id", "case_id", "case_version", "received_on", "sex", "age_years"],
        orient="row",
    ).with_columns(pl.lit("2023-05-04").alias("event_on"), pl.lit("US").alias("country"))
    drugs = pl.DataFrame([(row[0], *drug) for row in rows for drug in row[6]], schema=["report_id", "role", "name"], orient="row")
    terms = pl.DataFrame([(row[0], term) for row in rows for term in row[7]], schema=["report_id", "term"], orient="row")
    tables = {
        "faers_reports": reports,
        "faers_drugs": _with_products(drugs),
        "faers_reactions": terms,
        "faers_deleted": pl.DataFrame({"case_id": [999]}),
    }
    _write(folder, {name: _complete(name, table, quarter) for name, table in tables.items()}, Loaded(quarter, "made", ""))
    return folder


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """120 reports: CAR-T with T-cell lymphoma, a loud masker, versions, a deleted case, concomitant drugs, duplicates."""
    rows = []
    for i in range(20):  # axi-cel, 4 with the event; two of those alike
        event = ["Peripheral T-cell lymphoma unspecified"] if i < 4 else ["Pyrexia"]
        age = 61.0 if i < 2 else 40.0 + i
        rows.append((i + 1, i + 1, 1, "2023-06-01", "male", age, [("PS", "YESCARTA"), ("C", "ASPIRIN")], [*event, "Fatigue"]))
    for i in range(20, 30):  # tisa-cel, 1 with the event
        rows.append(
            (i + 1, i + 1, 1, "2022-06-01", "female", 12.0, [("PS", "Kymriah")], ["Mycosis fungoides" if i == 20 else "Rash"])
        )
    for i in range(30, 50):  # a masker that makes T-cell lymphomas
        rows.append(
            (i + 1, i + 1, 1, "2021-06-01", "female", 70.0, [("SS", "LOUDUMAB")], ["T-cell lymphoma" if i < 45 else "Rash"])
        )
    for i in range(50, 120):
        rows.append((i + 1, i + 1, 1, "2021-06-01", "unknown", None, [("PS", f"DRUG {i % 5}")], ["Rash" if i % 2 else "Pyrexia"]))
    rows.append(
        (1001, 1, 2, "2023-09-01", "male", 61.0, [("PS", "YESCARTA")], ["Peripheral T-cell lymphoma unspecified", "Fatigue"])
    )
    rows.append((1002, 999, 1, "2023-09-01", "male", 61.0, [("PS", "YESCARTA")], ["T-cell lymphoma"]))
    return lake_of(tmp_path_factory.mktemp("lake") / "lake", rows)


def row_of(result, drug):
    return next(row for row in result.rows if row["drug"] == drug)


def test_class_and_products_with_report_margins(lake):
    found = run(lake, Request(("@t_cell",)))
    assert found.terms == ["MYCOSIS FUNGOIDES", "PERIPHERAL T-CELL LYMPHOMA UNSPECIFIED", "T-CELL LYMPHOMA"]
    counts = ("reports_both", "reports_drug", "reports_event", "reports_total")
    assert tuple(row_of(found, "CAR-T (all)")[name] for name in counts) == (5, 30, 20, 120)
    assert tuple(row_of(found, "axi-cel")[name] for name in counts) == (4, 20, 20, 120)
    assert tuple(row_of(found, "tisa-cel")[name] for name in counts) == (1, 10, 20, 120)
    assert row_of(found, "axi-cel")["ror"] == pytest.approx(4 * 84 / (16 * 16))
    assert any("no risk" in note for note in found.notes)


def test_masker_is_named_and_its_exclusion_uncovers_the_signal(lake):
    masked = run(lake, Request(("@t_cell",), maskers=2))
    assert masked.maskers[0]["masker"] == "LOUDUMAB"
    assert masked.maskers[0]["masking_ratio"] > 10 or masked.maskers[0]["prr_without"] == float("inf")
    bare = run(lake, Request(("@t_cell",), exclude=("loudumab",)))
    assert row_of(bare, "CAR-T (all)")["reports_total"] == 100
    assert row_of(bare, "CAR-T (all)")["ic"] > row_of(masked, "CAR-T (all)")["ic"] + 1


def test_comparator_restricts_the_base(lake):
    found = run(lake, Request(("@t_cell",), comparators=("LOUDUMAB", "DRUG 1")))
    assert row_of(found, "CAR-T (all)")["reports_total"] == 30 + 20 + 14
    assert any("only those naming" in note for note in found.notes)
    assert str(found.data_lock) == "2023-09-30"


def test_strata_give_the_pooled_ratio(lake):
    found = run(lake, Request(("@t_cell",), strata=("sex",)))
    row = row_of(found, "CAR-T (all)")
    # men: 4/20 reports of CAR-T, no other; women: 1/10 against 15/20; unknown: no CAR-T.
    assert row["strata"] == 3
    assert row["ror_stratified"] == pytest.approx((1 * 5 / 30) / (9 * 15 / 30))
    assert row["reports_both"] == 5


def test_concomitant_drugs_are_not_suspected_unless_asked(lake):
    with pytest.raises(UnknownName, match="ASPIRIN"):
        run(lake, Request(("Pyrexia",), drugs=("ASPIRIN",)))
    found = run(lake, Request(("Pyrexia",), drugs=("aspirin",), roles=("PS", "SS", "C")))
    assert row_of(found, "ASPIRIN")["reports_drug"] == 19


def test_unknown_names_and_strata_are_said_with_help(lake):
    with pytest.raises(UnknownName, match="LOUDUMAB"):
        run(lake, Request(("Rash",), drugs=("LOUDUMAP",)))
    with pytest.raises(UnknownName, match="PYREXIA"):
        run(lake, Request(("Pyrexja",)))
    with pytest.raises(UsageError, match="sex, age_band"):
        run(lake, Request(("Rash",), strata=("weight",)))
    with pytest.raises(UsageError, match="@t_cell"):
        run(lake, Request(("@nothing",)))
    with pytest.raises(EmptyBase):
        run(lake, Request(("Rash",), drugs=("DRUG 1",), comparators=("DRUG 1",), exclude=("DRUG 1",)))


def test_shares_have_exact_intervals_and_duplicates_are_named(lake):
    found = summarise(lake, ["@t_cell"])
    total = found.rows[-1]
    exact = proportion(5, 30)
    assert (total["product"], total["reports_of_event"], total["reports"]) == ("CAR-T (all)", 5, 30)
    assert (total["low"], total["high"]) == (exact.low, exact.high)
    assert [(row["year"], row["reports"]) for row in found.by_year] == [("2022", 10), ("2023", 20)]
    assert found.duplicates == [{"report_id": 2, "same_as": [1001]}]


def test_prepared_tables_follow_the_lake(tmp_path):
    rows = [(i, i, 1, "2023-01-01", "male", 50.0, [("PS", "YESCARTA")], ["Rash"]) for i in range(1, 6)]
    folder = lake_of(tmp_path / "lake", rows)
    assert row_of(run(folder, Request(("Rash",))), "axi-cel")["reports_total"] == 5
    lake_of(folder, [(i + 10, i + 10, 1, "2023-01-01", "male", 50.0, [("PS", "X")], ["Rash"]) for i in range(3)], "2023Q4")
    assert row_of(run(folder, Request(("Rash",))), "axi-cel")["reports_total"] == 8


def test_prepared_and_plain_tables_count_alike(lake):
    with connect() as engine:
        coded = star(engine, lake)
        read = {name: engine.read(lake / name) for name in ("faers_reports", "faers_drugs", "faers_reactions", "faers_deleted")}
        drugs, events = rc.suspected(read["faers_drugs"]), rc.terms(read["faers_reactions"])
        base = rc.base_of(rc.latest_reports(read["faers_reports"], read["faers_deleted"]), drugs, events)
        plain = engine.rows(rc.pair_counts(base, drugs, events), by=["drug", "event"])
        named = coded.name_terms(coded.name_drugs(engine.rows(rc.pair_counts(coded.base, coded.drugs, coded.events))))
    assert named.sort("drug", "event").select(plain.columns).equals(plain)


def test_pair_table_is_written_with_shrunk_scores(lake, tmp_path):
    count, fitted = pair_table(lake, tmp_path / "pairs.csv")
    table = pl.read_csv(tmp_path / "pairs.csv")
    assert len(table) == count
    one = table.filter((pl.col("drug") == "axi-cel") & (pl.col("event") == "FATIGUE")).row(0, named=True)
    assert (one["reports_both"], one["reports_drug"], one["reports_event"]) == (20, 20, 20)
    score = shrinkage.shrink(fitted.prior, 20, 20 * 20 / 120)
    assert one["ebgm"] == pytest.approx(float(score.ebgm))


def test_readers_of_one_centre_do_not_see_all_reports(lake):
    with pytest.raises(NotPermitted):
        run(lake, Request(("Rash",)), actor=Actor("x", frozenset({"reader"}), frozenset({"A"})))


@pytest.mark.data
def test_whole_quarter_of_real_reports_for_the_class(test_data, tmp_path):
    """FAERS 2022Q3 as pairs (496,312 rows): counts held to a plain recount of the file."""
    import csv
    import gzip

    source = test_data / "pharmacovigilance/pvLRT/faers22q3raw.csv.gz"
    loaded = load_table(source, tmp_path / "lake", "2022Q3")
    found = run(tmp_path / "lake", Request(("Neurotoxicity",), shrink=True, maskers=3))
    with gzip.open(source, "rt") as stream:
        pairs = list(csv.DictReader(stream))
    assert len(pairs) == 496_312
    brands = (
        "yescarta",
        "axicabtagene",
        "kymriah",
        "tisagen",
        "tecartus",
        "brexu",
        "breyanzi",
        "liso",
        "abecma",
        "ideca",
        "carvykti",
        "cilta",
    )
    cart = {
        row["CASEID"]
        for row in pairs
        if row["DRUG"].lower().startswith(tuple(b for b in brands if b != "liso")) or "lisocab" in row["DRUG"].lower()
    }
    event = {row["CASEID"] for row in pairs if row["AE"].strip().lower() == "neurotoxicity"}
    everyone = {row["CASEID"] for row in pairs}
    total = row_of(found, "CAR-T (all)")
    assert loaded.rows["faers_reports"] == len(everyone)
    assert (total["reports_both"], total["reports_drug"], total["reports_event"]) == (len(cart & event), len(cart), len(event))
    assert (total["reports_both"], total["reports_drug"], total["reports_event"], total["reports_total"]) == (
        68,
        375,
        394,
        215_867,
    )
    assert total["ic025"] > 5
    assert total["eb05"] > 50
    assert {row["drug"] for row in found.rows} == {
        "CAR-T (all)",
        "axi-cel",
        "brexu-cel",
        "cilta-cel",
        "ide-cel",
        "liso-cel",
        "tisa-cel",
    }


def test_plans_and_looks(tmp_path):
    chosen = plan(10, minimum=1)
    assert chosen.critical == pytest.approx(3.467952, abs=1e-6)
    assert chosen.power[1]["power"] == pytest.approx(0.6850634, abs=1e-6)
    rows = judge(chosen, [("2023Q1", 1, 1.0), ("2023Q2", 9, 2.0), ("2023Q3", 9, 6.0), ("2023Q4", 40, 20.0)])
    assert [row["decision"] for row in rows] == ["no signal", "signal", "signal", "signal"]
    assert judge(chosen, [("late", 12, 11.0)])[0]["decision"] == "beyond the planned end"
    grouped = plan(looks=[2, 5, 10])
    assert grouped.attained <= 0.05
    with pytest.raises(SequentialDesignError, match="neither an end nor looks"):
        plan()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("look,events\na,1\n", "no column expected"),
        ("look,events,expected\na,x,1\n", "line 2"),
        ("look,events,expected\na,3,1\nb,2,2\n", "line 3"),
        ("look,events,expected\na,3,2\nb,4,2\n", "line 3"),
        ("look,events,expected\n", "no look"),
    ],
)
def test_wrong_looks_are_named(tmp_path, text, words):
    (tmp_path / "looks.csv").write_text(text)
    with pytest.raises(LooksFileError, match=words):
        read_looks(tmp_path / "looks.csv")


@pytest.fixture
def command():
    app = typer.Typer()
    signals_faers.register(app)
    runner = CliRunner()

    def call(*words):
        return runner.invoke(app, [str(word) for word in words], catch_exceptions=False)

    return call


def test_commands_print_tables_and_json(command, lake, tmp_path):
    found = command("disproportionality", "--lake", lake, "--event", "@t_cell", "--strata", "sex", "--maskers", 1, "--json")
    data = json.loads(found.stdout)
    assert [row["drug"] for row in data["rows"]] == ["CAR-T (all)", "axi-cel", "tisa-cel"]
    assert "chi_square" in data["rows"][0]
    plain = command("disproportionality", "--lake", lake, "--event", "@t_cell", "--drug", "Kymriah")
    assert plain.stdout.splitlines()[1].startswith("tisa-cel\t1\t10\t20\t120")
    summary = command("faers", "summary", "--lake", lake, "--event", "Rash")
    assert "CAR-T (all)\t9\t30" in summary.stdout
    sequential = json.loads(command("sequential", "--end", 10, "--minimum", 1, "--events", 9, "--expected", 2, "--json").stdout)
    assert sequential["rows"][0]["decision"] == "signal"
    with pytest.raises(UsageError):
        command("sequential", "--end", 10, "--events", 9)
    with pytest.raises(UsageError):
        command("sequential", "--planned", "1,x")
    with pytest.raises(UsageError):
        command("disproportionality", "--event", "Rash")


def test_products_are_listed_with_the_mark_of_each_fact(command):
    rows = {row["product"]: row for row in json.loads(command("faers", "products", "--json").stdout)}
    assert rows["axi-cel"]["vector"] == "gamma-retroviral [seen]"
    assert "EU 2018-08-23 [recalled]" in rows["axi-cel"]["authorised"]


def test_open_signals_are_asked_again_at_the_next_data_lock(command, tmp_path):
    def rows(count, first):
        return [
            (
                first + i,
                first + i,
                1,
                "2023-01-01",
                "male",
                50.0,
                [("PS", "YESCARTA" if i < 4 else "X")],
                ["Rash" if i % 2 else "Pain"],
            )
            for i in range(count)
        ]

    book, said = tmp_path / "book.jsonl", ("--who", "m.curie", "--why", "seen", "--on", "2024-01-05")
    lake = lake_of(tmp_path / "lake", rows(20, 1), "2023Q3")
    for name in ("A-1", "B-1", "C-1"):
        command("ledger", "open", book, name, "--topic", "rash", *said)
    for name in ("A-1", "B-1"):
        done = command(
            "disproportionality", "--lake", lake, "--event", "Rash", "--ledger", book, "--signal", name, "--who", "m.curie"
        )
        assert done.exit_code == 0
    command("ledger", "move", book, "B-1", "close", "--outcome", "refuted", "--who", "x", "--why", "y")
    again = json.loads(command("ledger", "rerun", book, "--lake", lake, "--who", "m.curie", "--json").stdout)
    assert [row["changed"] for row in again] == ["has evidence of this data lock", "closed, not asked again", "no stored request"]
    lake_of(lake, rows(8, 101), "2023Q4")
    again = json.loads(command("ledger", "rerun", book, "--lake", lake, "--who", "m.curie", "--json").stdout)
    assert (again[0]["before"], again[0]["now"]) == ("2023-09-30", "2023-12-31")
    assert "reports_both: up from 2 to 4" in again[0]["changed"]
    assert len(json.loads(command("ledger", "show", book, "A-1", "--json").stdout)) == 3


def test_ledger_commands(command, lake, tmp_path):
    book, result = tmp_path / "book.jsonl", tmp_path / "result.json"
    said = ("--who", "m.curie", "--why", "seen", "--on", "2024-01-05")
    assert command("ledger", "open", book, "TCL-1", "--topic", "T-cell lymphoma", *said).exit_code == 0
    command("ledger", "move", book, "TCL-1", "validate", *said)
    result.write_text(command("disproportionality", "--lake", lake, "--event", "@t_cell", "--json").stdout)
    for lock in ("2023-09-30", "2023-12-31"):
        command(
            "ledger", "evidence", book, "TCL-1", "--figures", result, "--row", "axi-cel",
            "--data-lock", lock, "--who", "m.curie", "--on", "2024-01-06",
        )  # fmt: skip
    rows = json.loads(command("ledger", "list", book, "--json").stdout)
    assert (rows[0]["state"], rows[0]["data_lock"]) == ("validated", "2023-12-31")
    assert "unchanged" in command("ledger", "changes", book, "TCL-1").stdout
    assert len(json.loads(command("ledger", "show", book, "TCL-1", "--json").stdout)) == 4
