"""One contract for every engine: the same expressions give the same numbers; each known pitfall is a test."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import ibis
import numpy as np
import polars as pl
import pytest

from aftercar.edges.engines import EngineMissing, TableMissing, connect, number
from aftercar.errors import UsageError
from aftercar.signals import report_counts as rc

POSTGRES = Path("/usr/lib/postgresql/15/bin")
TABLES = ("faers_reports", "faers_drugs", "faers_reactions", "faers_deleted")


def small_set(folder):
    """4,000 report versions of 3,000 cases with nulls, ties, CAR-T products and deletions; seeded."""
    rng = np.random.default_rng(20240611)
    cases = np.concatenate([np.arange(3000), rng.integers(0, 3000, 1000)]) + 10_000
    version = pl.Series(cases).to_frame("c").select(pl.col("c").cum_count().over("c"))["c"].to_numpy()
    months = rng.integers(1, 13, 4000)
    received = [
        None if x < 0.02 else f"20{20 + int(y)}-{m:02d}"
        for x, y, m in zip(rng.random(4000), rng.integers(0, 4, 4000), months, strict=True)
    ]
    ids = cases * 10 + version
    reports = pl.DataFrame(
        {
            "report_id": ids,
            "case_id": cases,
            "case_version": [None if x < 0.1 else int(v) for x, v in zip(rng.random(4000), version, strict=True)],
            "quarter": ["2022Q3"] * 4000,
            "received_on": received,
            "age_years": [None if x < 0.3 else float(a) for x, a in zip(rng.random(4000), rng.uniform(0, 95, 4000), strict=True)],
            "sex": rng.choice(["female", "male", "unknown"], 4000).tolist(),
        }
    )
    drug_rows, term_rows = [], []
    names = [f"DRUG {i}" for i in range(40)]
    products = ["axi-cel", "tisa-cel", "cilta-cel"]
    for report in ids:
        for seq in range(int(rng.integers(1, 4))):
            if rng.random() < 0.04:
                product = products[int(rng.integers(0, 3))]
                drug_rows.append((report, seq, "PS", product.upper(), None, product))
            else:
                name = names[int(min(39, rng.geometric(0.08)))]
                role = ["PS", "SS", "C"][int(rng.integers(0, 3))]
                drug_rows.append((report, seq, role, name, name if rng.random() < 0.7 else None, None))
        for _ in range(int(rng.integers(1, 4))):
            term_rows.append((report, f"Term {int(min(59, rng.geometric(0.06)))}"))
    drugs = pl.DataFrame(drug_rows, schema=["report_id", "drug_seq", "role", "name", "substance", "product"], orient="row")
    tables = {
        "faers_reports": reports,
        "faers_drugs": drugs,
        "faers_reactions": pl.DataFrame(term_rows, schema=["report_id", "term"], orient="row"),
        "faers_deleted": pl.DataFrame({"case_id": list(range(10_000, 10_050))}),
    }
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")
    return tables


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    return folder, small_set(folder)


@pytest.fixture(scope="module")
def postgres_url():
    """A throw-away PostgreSQL server, or the one named by AFTERCAR_TEST_POSTGRES."""
    named = os.environ.get("AFTERCAR_TEST_POSTGRES")
    if named:
        yield named
        return
    pytest.importorskip("psycopg")
    if not (POSTGRES / "pg_ctl").exists():
        pytest.skip("PostgreSQL's programs are not installed here")
    # Not under pytest's own folder: another run of the tests would tidy it away while the server lives.
    folder = Path(tempfile.mkdtemp(prefix="aftercar-postgres-"))
    as_user = []
    if os.geteuid() == 0:
        if shutil.which("runuser") is None:
            pytest.skip("PostgreSQL does not run as root and runuser is missing")
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")

    def run(*words):
        subprocess.run([*as_user, *words], check=True, capture_output=True, cwd="/")

    cluster = folder / "data"
    port = 54000 + os.getpid() % 1000
    run(str(POSTGRES / "initdb"), "-D", str(cluster), "-A", "trust", "-U", "tester", "--locale", "C.UTF-8", "-E", "UTF8")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run(str(POSTGRES / "pg_ctl"), "-D", str(cluster), "-w", "-o", options, "-l", str(folder / "log"), "start")
    yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    run(str(POSTGRES / "pg_ctl"), "-D", str(cluster), "-m", "immediate", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def spark_engine():
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed")
    with connect("spark://local[2]", memory_gb=2, threads=2) as engine:
        yield engine


@pytest.fixture(scope="module", params=["duckdb", "postgres", pytest.param("spark", marks=pytest.mark.slow)])
def engine(request):
    if request.param == "spark":
        yield request.getfixturevalue("spark_engine")
        return
    url = "duckdb" if request.param == "duckdb" else request.getfixturevalue("postgres_url")
    with connect(url) as opened:
        yield opened


def tables_on(engine, folder):
    return {name: engine.copy_in(name, folder / f"{name}.parquet") for name in TABLES}


def star(engine, folder):
    t = tables_on(engine, folder)
    drugs, events = rc.suspected(t["faers_drugs"]), rc.terms(t["faers_reactions"])
    base = rc.base_of(rc.age_bands(rc.latest_reports(t["faers_reports"], t["faers_deleted"])), drugs, events)
    return base, drugs, events


def by_hand(tables):
    """The same by plain Python: sets of report numbers."""
    best = {}
    for row in tables["faers_reports"].iter_rows(named=True):
        key = (row["received_on"] or "", row["case_version"] or 0, row["report_id"])
        if row["case_id"] not in best or key > best[row["case_id"]]:
            best[row["case_id"]] = key
    gone = set(tables["faers_deleted"]["case_id"])
    latest = {key[2] for case, key in best.items() if case not in gone}
    drugs, events = {}, {}
    for row in tables["faers_drugs"].iter_rows(named=True):
        if row["role"] in rc.SUSPECT_ROLES and row["report_id"] in latest:
            drugs.setdefault(row["product"] or row["substance"] or row["name"], set()).add(row["report_id"])
    for row in tables["faers_reactions"].iter_rows(named=True):
        if row["report_id"] in latest:
            events.setdefault(row["term"].upper(), set()).add(row["report_id"])
    base = set.union(*drugs.values()) & set.union(*events.values())
    return base, {k: v & base for k, v in drugs.items()}, {k: v & base for k, v in events.items()}


def test_fourfold_table_equals_counting_by_hand(engine, data):
    folder, tables = data
    base, drugs, events = star(engine, folder)
    found = engine.rows(rc.fourfold_counts(base, rc.with_drugs(drugs, [rc.CLASS]), rc.with_terms(events, ["term 3", "Term 5"])))
    all_reports, by_drug, by_event = by_hand(tables)
    cart = by_drug["axi-cel"] | by_drug["tisa-cel"] | by_drug["cilta-cel"]
    event = by_event["TERM 3"] | by_event["TERM 5"]
    assert found.row(0) == (len(cart & event), len(cart), len(event), len(all_reports))


def test_strata_add_up_and_unknown_age_is_a_stratum(engine, data):
    folder, _ = data
    base, drugs, events = star(engine, folder)
    drug, event = rc.with_drugs(drugs, ["axi-cel"]), rc.with_terms(events, ["TERM 2"])
    whole = engine.rows(rc.fourfold_counts(base, drug, event)).row(0)
    parts = engine.rows(rc.fourfold_counts(base, drug, event, ["sex", "age_band"]), by=["sex", "age_band"])
    assert set(parts["age_band"]) == {"0-17", "18-44", "45-64", "65-74", "75+", "unknown"}
    assert tuple(parts.select(pl.exclude("sex", "age_band")).sum().row(0)) == whole


def test_full_pair_table_equals_counting_by_hand(engine, data):
    folder, tables = data
    found = engine.rows(rc.pair_counts(*star(engine, folder)), by=["drug", "event"])
    all_reports, by_drug, by_event = by_hand(tables)
    expected = sorted(
        (d, e, len(rd & re), len(rd), len(re), len(all_reports))
        for d, rd in by_drug.items()
        for e, re in by_event.items()
        if rd & re
    )
    assert [tuple(row) for row in found.iter_rows()] == expected


def test_measures_on_the_engine_equal_numpy_to_1e_9(engine, data):
    from aftercar.signals import disproportionality as dp

    folder, _ = data
    found = engine.rows(rc.with_measures(rc.pair_counts(*star(engine, folder), least=2)), by=["drug", "event"])
    table = dp.fourfold(*(found[f"reports_{name}"].to_numpy() for name in ("both", "drug", "event", "total")))
    assert len(found) > 500
    for name, ours in (
        ("expected", table.expected),
        ("prr", dp.prr(table).value),
        ("ror", dp.ror(table).value),
        ("ic", dp.information_component(table).value),
    ):
        theirs = found[name].to_numpy()
        known = np.isfinite(ours)
        assert np.allclose(theirs[known], ours[known], rtol=1e-9, atol=0)
        assert not np.isfinite(theirs[~known].astype(float)).any()


def test_masker_counts_equal_counting_by_hand(engine, data):
    folder, tables = data
    base, drugs, events = star(engine, folder)
    found = engine.rows(
        rc.masker_counts(base, drugs, rc.with_drugs(drugs, [rc.CLASS]), rc.with_terms(events, ["TERM 3"]), least=1), by=["masker"]
    )
    _, by_drug, by_event = by_hand(tables)
    cart, event = by_drug["axi-cel"] | by_drug["tisa-cel"] | by_drug["cilta-cel"], by_event["TERM 3"]
    expected = sorted((m, len(r), len(r & event), len(r & cart), len(r & event & cart)) for m, r in by_drug.items() if r & event)
    assert [tuple(row) for row in found.iter_rows()] == expected


def test_restriction_and_exclusion_change_the_base(engine, data):
    folder, tables = data
    base, drugs, _ = star(engine, folder)
    everything, by_drug, _ = by_hand(tables)
    assert engine.value(rc.restricted(base, drugs, ["DRUG 1", "axi-cel"]).count()) == len(by_drug["DRUG 1"] | by_drug["axi-cel"])
    assert engine.value(rc.excluding(base, drugs, ["DRUG 1"]).count()) == len(everything - by_drug["DRUG 1"])


def test_whole_requests_give_equal_answers(engine, data, tmp_path, monkeypatch):
    """The command's own path: the lake on DuckDB (names as codes) against the plain tables of each engine."""
    from contextlib import nullcontext

    from aftercar.actions import signals_disproportionality as action
    from aftercar.actions.signals_faers import summarise
    from aftercar.edges.faers import Loaded, _complete, _write

    _, tables = data
    lake = tmp_path / "lake"
    _write(lake, {name: _complete(name, table, "2022Q3") for name, table in tables.items()}, Loaded("2022Q3", "made", ""))
    request = action.Request(
        ("Term 3", "term 5"), drugs=("CAR-T",), exclude=("DRUG 7",), strata=("sex", "age_band"), shrink=True, maskers=5
    )
    if engine.name == "pyspark":  # slow to start each of its queries: the counts are the same code
        request = action.Request(("Term 3", "term 5"), drugs=("CAR-T",), exclude=("DRUG 7",))
    reference = action.run(lake, request)
    shares = summarise(lake, ["Term 3"])
    if engine.name == "duckdb":
        return
    if engine.name == "postgres":
        for name in TABLES:
            engine.copy_in(name, lake / name)
    where = None if engine.name == "postgres" else lake
    for module in ("signals_disproportionality", "signals_faers"):
        monkeypatch.setattr(f"aftercar.actions.{module}.connect", lambda *a, **k: nullcontext(engine))
    found = action.run(where, request)
    assert [row["drug"] for row in found.rows] == [row["drug"] for row in reference.rows]
    for ours, theirs in zip(found.rows, reference.rows, strict=True):
        assert ours.keys() == theirs.keys()
        for key, value in theirs.items():
            assert ours[key] == pytest.approx(value, rel=1e-9, nan_ok=True) if isinstance(value, float) else ours[key] == value
    assert [row["masker"] for row in found.maskers] == [row["masker"] for row in reference.maskers]
    assert summarise(where, ["Term 3"]).rows == shares.rows


# --- the pitfalls, one test each -----------------------------------------------------------------


def test_pitfall_fractions_are_not_cut_to_six_digits(engine, data):
    folder, _ = data
    table = tables_on(engine, folder)["faers_reports"].aggregate(n=ibis._.count())
    exact = engine.value((number(table.n) + number(ibis.literal(0.5))) / number(ibis.literal(70.5)))
    assert exact == pytest.approx(4000.5 / 70.5, rel=1e-15)


def test_pitfall_nulls_stay_null_and_do_not_become_nan(engine, data):
    folder, tables = data
    table = tables_on(engine, folder)["faers_reports"]
    known = tables["faers_reports"]["age_years"].drop_nulls()
    assert engine.value(table.age_years.isnull().sum()) == 4000 - len(known)
    assert engine.value(table.age_years.sum()) == pytest.approx(known.sum(), rel=1e-12)
    assert engine.value(table.age_years.max()) == known.max()


def test_pitfall_nulls_sort_alike(engine, data):
    """A case whose only dated version is older keeps the dated one on every engine."""
    folder, tables = data
    t = tables_on(engine, folder)
    got = set(engine.rows(rc.latest_reports(t["faers_reports"]).select("report_id"))["report_id"])
    best = {}
    for row in tables["faers_reports"].iter_rows(named=True):
        key = (row["received_on"] or "", row["case_version"] or 0, row["report_id"])
        best[row["case_id"]] = max(best.get(row["case_id"], ("", -1, -1)), key)
    assert got == {key[2] for key in best.values()}


def test_pitfall_rows_come_sorted(engine, data):
    folder, _ = data
    frame = engine.rows(tables_on(engine, folder)["faers_drugs"].select("report_id", "drug_seq", "name"))
    assert frame.equals(frame.sort("report_id", "drug_seq", "name", nulls_last=True))


def test_pitfall_whole_numbers_stay_whole(engine, data):
    folder, _ = data
    base, drugs, events = star(engine, folder)
    frame = engine.rows(rc.fourfold_counts(base, rc.with_drugs(drugs, ["no such drug"]), rc.with_terms(events, ["TERM 1"])))
    assert frame.row(0)[:2] == (0, 0)
    assert all(kind == pl.Int64 for kind in frame.dtypes)


def test_a_saved_table_reads_back(engine, data, tmp_path):
    folder, _ = data
    expression = rc.terms(tables_on(engine, folder)["faers_reactions"])
    engine.save(expression, tmp_path / "terms.parquet")
    assert (
        pl.read_parquet(tmp_path / "terms.parquet")
        .sort("report_id", "term")
        .equals(engine.rows(expression, by=["report_id", "term"]))
    )


def test_a_missing_table_is_named(engine, tmp_path):
    with pytest.raises(TableMissing, match="nothing_here"):
        engine.read("nothing_here" if engine.name == "postgres" else tmp_path / "nothing_here.parquet")


def test_unknown_and_silent_engines_are_named():
    with pytest.raises(UsageError, match="oracle"), connect("oracle://x"):
        pass
    pytest.importorskip("psycopg")
    with pytest.raises(EngineMissing, match="does not answer"), connect("postgresql://nobody@127.0.0.1:1/x"):
        pass
