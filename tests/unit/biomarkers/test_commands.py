"""The commands as a user runs them: tables on stdout, words on stderr, exit statuses, nothing half-written."""

import csv
import json

import pytest

from aftercar.biomarkers import simulate
from aftercar.cli.main import main

CSQ = '##INFO=<ID=CSQ,Number=.,Type=String,Description="x. Format: Allele|Consequence|SYMBOL|Feature|EXON|HGVSp|gnomADe_AF|PICK">'
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT"


def run(capsys, *words):
    try:
        main(["biomarkers", *map(str, words)])
        status = 0
    except SystemExit as leave:
        status = leave.code or 0
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    c = simulate.cohort(3000, 90, seed=8, ratio=4.0)
    with (folder / "cohort.csv").open("w") as a, (folder / "known.csv").open("w") as b:
        print("person_id,start,stop,cause,centre,stratum", file=a)
        print("person_id,name,value,known_day", file=b)
        for i in range(len(c.stop)):
            print(f"p{i},{c.entry[i]},{c.stop[i]},{c.cause[i]},c{i % 3},s{c.product[i]}", file=a)
            print(f"p{i},ch,{c.marker[i]},-9\np{i},lines,{c.lines[i]},0", file=b)
    return folder


def vcf(path, sample, protein="p.Arg882His", reads="470,30", depth=500, gene="DNMT3A"):
    csq = f"CSQ=T|missense_variant|{gene}|ENST00000321117|23/23|{protein}||1"
    row = f"chr2\t25234373\t.\tC\tT\t.\tPASS\t{csq}\tGT:AD:DP\t0/1:{reads}:{depth}"
    path.write_text(f"##fileformat=VCFv4.2\n{CSQ}\n{COLUMNS}\t{sample}\n{row}\n")
    return path


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_ch_writes_every_variant_gene_and_sample(tmp_path, capsys):
    a, b = vcf(tmp_path / "a.vcf", "a"), vcf(tmp_path / "b.vcf", "b", protein="p.Arg200His")
    (tmp_path / "depths.csv").write_text("sample_id,gene,depth\nb,DNMT3A,900\nb,TET2,40\n")
    status, out, err = run(capsys, "ch", a, b, "--out", tmp_path / "ch", "--depths", tmp_path / "depths.csv", "--json")
    assert status == 0, err
    assert json.loads(out) == [{"status": "depth_unknown", "samples": 1}, {"status": "positive", "samples": 1}]
    verdicts = {r["sample_id"]: r for r in rows(tmp_path / "ch" / "variants.csv")}
    assert verdicts["a"]["verdict"] == "driver"
    assert "definition" in verdicts["b"]["reasons"]
    genes = {(r["sample_id"], r["gene"]): r["status"] for r in rows(tmp_path / "ch" / "genes.csv")}
    assert (genes["a", "DNMT3A"], genes["b", "DNMT3A"], genes["b", "TET2"], genes["b", "JAK2"]) == (
        "positive", "negative", "below_depth", "depth_unknown",
    )  # fmt: skip
    assert run(capsys, "ch", a, "--out", tmp_path / "ch")[0] == 2  # the folder is there already
    words = ["ch", b, "--depths", tmp_path / "depths.csv", "--json"]
    assert json.loads(run(capsys, *words, "--panel", "DNMT3A", "--out", tmp_path / "p")[1]) == [
        {"status": "negative", "samples": 1}
    ]
    status, _, err = run(capsys, *words, "--panel", "DNMT3A,XYZ", "--out", tmp_path / "q")
    assert status == 3
    assert "XYZ has no rule" in err


def test_ch_leaves_nothing_behind_on_a_malformed_file(tmp_path, capsys):
    good, bad = vcf(tmp_path / "a.vcf", "a"), vcf(tmp_path / "b.vcf", "b", reads="x,30")
    status, _, err = run(capsys, "ch", good, bad, "--out", tmp_path / "ch")
    assert status == 3
    assert "b.vcf line 4, field AD of b" in err
    assert not (tmp_path / "ch").exists()
    assert run(capsys, "ch", good, good, "--out", tmp_path / "ch")[0] == 2
    assert run(capsys, "ch", f"one={good}", f"two={good}", "--out", tmp_path / "named")[0] == 0
    assert {r["sample_id"] for r in rows(tmp_path / "named" / "samples.csv")} == {"one", "two"}
    assert run(capsys, "ch")[0] == 2


def test_a_study_follows_a_variant_and_feeds_the_models(tmp_path, capsys):
    study = tmp_path / "study"
    with pytest.raises(SystemExit) as left:
        main(["study", "new", str(study)])
    assert not left.value.code
    text = (study / "study.toml").read_text().replace('title = ""', 'title = "t"').replace("2000-01-01", "2024-01-01")
    (study / "study.toml").write_text(text)
    (study / "people.csv").write_text(
        "person_id,centre,sex,vital_status,last_seen_on\n" + "".join(f"p{i},c{i % 2},female,alive,2023-12-01\n" for i in range(8))
    )
    (study / "infusions.csv").write_text(
        "infusion_id,person_id,infused_on,product,line_of_therapy\n"
        + "".join(f"i{i},p{i},2022-01-15,tisagenlecleucel,{2 + i % 3}\n" for i in range(8))
    )
    (study / "cases.csv").write_text(
        "case_id,person_id,diagnosis,lineage,behaviour,diagnosed_on,tested\n"
        + "".join(f"k{i},p{i},PTCL,T_cell,malignant,2022-0{i + 5}-01,no\n" for i in range(3))
    )
    for name in ("prior_therapy", "follow_up", "findings", "assay_results", "exposure", "samples"):
        path = study / f"{name}.csv"
        if path.exists():
            path.write_text(path.read_text().splitlines()[0] + "\n")
    lines = ["sample_id,person_id,material,collected_on,variants"]
    depths = ["sample_id,gene,depth"]
    for i in range(8):
        carrier = i in (0, 1, 5)
        vcf(study / f"pre{i}.vcf", "x", reads="470,30" if carrier else "500,0")
        lines.append(f"pre{i},p{i},apheresis,2021-12-01,pre{i}.vcf")
        if not carrier:
            vcf(study / f"pre{i}.vcf", "x", gene="NONE")
        depths += [f"pre{i},{gene},900" for gene in ("DNMT3A", "TET2", "TP53")]
    vcf(study / "late0.vcf", "x", reads="300,200")
    lines.append("late0,p0,tumour,2022-06-01,late0.vcf")
    (study / "samples.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "depths.csv").write_text("\n".join(depths) + "\n")
    status, _, err = run(capsys, "ch", "--study", study, "--out", tmp_path / "ch", "--depths", tmp_path / "depths.csv")
    assert status == 0, err
    (track,) = rows(tmp_path / "ch" / "tracks.csv")
    assert (track["person_id"], track["pre_existing"], track["first_seen"]) == ("p0", "found_before", "2021-12-01")
    shared = rows(tmp_path / "ch" / "sharing.csv")
    assert {(r["material"], r["conclusion"]) for r in shared} == {("apheresis", "shared"), ("tumour", "shared")}
    status, out, err = run(capsys, "fit", study, "--genes", tmp_path / "ch" / "genes.csv", "--marker", "ch_DNMT3A", "--json")
    assert status == 0, err
    found = json.loads(out)
    assert found["power"][0]["events"] == 3
    assert (found["runs"][0]["carriers_with_event"], found["runs"][0]["people"]) == (2, 8)
    known_tags = {r["gene"]: r["lineage"] for r in rows(tmp_path / "ch" / "genes.csv")}
    assert known_tags["DNMT3A"] == "myeloid;t_lineage"
    tagged = ["--genes", tmp_path / "ch" / "genes.csv", "--marker", "ch_DNMT3A", "--marker", "ch_t_lineage", "--json"]
    lineage = json.loads(run(capsys, "fit", study, *tagged)[1])["runs"]
    # Carriers are positive by DNMT3A; nobody is negative over a whole lineage with three genes covered.
    assert lineage[-1]["marker"] == "ch_t_lineage"
    assert lineage[-1]["model"] == "not run"
    status, _, err = run(capsys, "fit", study, "--genes", tmp_path / "ch" / "genes.csv", "--marker", "ch_JAK2")
    assert status == 2
    assert "missing in the sample from before infusion" in err


def test_power_stands_before_any_p_value(cohort, capsys):
    status, out, err = run(
        capsys, "fit", cohort / "cohort.csv", "--covariates", cohort / "known.csv", "--marker", "ch", "--adjust", "lines"
    )
    assert status == 0, err
    assert out.index("detectable_ratio") < out.index("p_value")
    status, out, _ = run(capsys, "power", "--cohort", 42500, "--events", 38, "--prevalence", 0.35, "--json")
    assert json.loads(out)[0]["events_needed"] == 72


def test_fit_writes_runs_and_forest(cohort, tmp_path, capsys):
    (tmp_path / "h.csv").write_text(
        "hypothesis_id,marker,outcome,direction,family,registered_on\nH1,ch,t_cell_malignancy,higher,F,2020-01-01\n"
    )
    words = [
        "fit",
        cohort / "cohort.csv",
        "--covariates",
        cohort / "known.csv",
        "--marker",
        "ch",
        "--hypotheses",
        tmp_path / "h.csv",
    ]
    assert run(capsys, *words)[0] == 2  # a plain file needs a data lock
    status, _, err = run(capsys, *words, "--data-lock", "2024-01-01", "--out", tmp_path / "fit")
    assert status == 0, err
    assert rows(tmp_path / "fit" / "runs.csv")[0]["hypothesis_id"] == "H1"
    assert json.loads((tmp_path / "fit" / "forest.vl.json").read_text())["$schema"].endswith("v5.json")


@pytest.mark.parametrize(("design", "extra", "words"), [
    (["--subcohort", "150"], ["--method", "prentice"], "case-cohort, prentice"),
    (["--subcohort", "s0=80,s1=80"], ["--method", "borgan-2"], "case-cohort, borgan-2"),
    (["--controls", "4"], [], "nested case-control, Firth conditional"),
])  # fmt: skip
def test_draw_then_analyse(cohort, tmp_path, capsys, design, extra, words):
    picks = tmp_path / "picks.csv"
    status, _, err = run(capsys, "design", cohort / "cohort.csv", *design, "--seed", 3, "--out", picks)
    assert status == 0, err
    chosen = {r["person_id"] for r in rows(picks)}
    known = tmp_path / "known.csv"  # only the people picked are assayed
    with known.open("w") as stream:
        print("person_id,name,value,known_day", file=stream)
        for r in rows(cohort / "known.csv"):
            if r["person_id"] in chosen:
                print(",".join(r.values()), file=stream)
    status, out, err = run(
        capsys,
        "fit",
        cohort / "cohort.csv",
        "--covariates",
        known,
        "--marker",
        "ch",
        "--adjust",
        "lines",
        "--picks",
        picks,
        *extra,
        "--json",
    )
    assert status == 0, err
    first = json.loads(out)["runs"][0]
    assert first["model"] == words
    # The sample's interval holds what the whole cohort shows.
    words_of_all = ["--covariates", cohort / "known.csv", "--marker", "ch", "--adjust", "lines", "--json"]
    whole = json.loads(run(capsys, "fit", cohort / "cohort.csv", *words_of_all)[1])["runs"][0]["ratio"]
    assert first["low"] < whole < first["high"]


def test_design_refusals(cohort, capsys):
    assert run(capsys, "design", cohort / "cohort.csv", "--seed", 1)[0] == 2
    status, _, err = run(capsys, "design", cohort / "cohort.csv", "--subcohort", "s0=10", "--seed", 1)
    assert status == 3
    assert "strata s1" in err


def test_predict_or_refuse(cohort, capsys):
    words = ["predict", cohort / "cohort.csv", "--covariates", cohort / "known.csv", "--use", "ch,lines", "--horizon-years", 3]
    status, out, err = run(capsys, *words)
    assert status == 0, err
    assert "nested resampling: auc" in out
    status, _, err = run(capsys, *words[:-1], 0.05)
    assert status == 3
    assert "are needed" in err


def test_rounds_of_three_centres(cohort, tmp_path, capsys):
    keys = tmp_path / "keys"
    keys.mkdir()
    people, known = rows(cohort / "cohort.csv"), rows(cohort / "known.csv")
    for c in ("c0", "c1", "c2"):
        (keys / f"{c}.key").write_text(f"secret of {c} secret of {c}\n")
        own = {r["person_id"] for r in people if r["centre"] == c}
        for name, table in (("cohort", people), ("known", known)):
            with (tmp_path / f"{c}_{name}.csv").open("w") as stream:
                print(",".join(table[0]), file=stream)
                for r in table:
                    if r["person_id"] in own:
                        print(",".join(r.values()), file=stream)
    step = tmp_path / "round.json"
    assert run(capsys, "combine", step, "--new", "demo", "--use", "ch,lines")[0] == 0
    for number in range(30):
        answers = []
        for c in ("c0", "c1", "c2"):
            answer = tmp_path / f"{c}_{number}.json"
            status, _, err = run(
                capsys, "share", step, tmp_path / f"{c}_cohort.csv", "--covariates", tmp_path / f"{c}_known.csv", "--centre", c,
                "--key", keys / f"{c}.key", "--out", answer, "--commit",
            )  # fmt: skip
            assert status == 0, err
            answers.append(answer)
        after = tmp_path / f"round{number}.json"
        status, out, err = run(capsys, "combine", step, *answers, "--keys", keys, "--out", after, "--json")
        assert status == 0, err
        if not after.exists():
            break
        step = after
    joint = json.loads(out)[0]
    status, out, _ = run(
        capsys,
        "fit",
        cohort / "cohort.csv",
        "--covariates",
        cohort / "known.csv",
        "--marker",
        "ch",
        "--adjust",
        "lines",
        "--by-centre",
        "--json",
    )
    assert joint["ratio"] == pytest.approx(json.loads(out)["runs"][0]["ratio"], rel=1e-8)
    assert run(capsys, "combine", step, *answers[:1], "--keys", tmp_path)[0] == 2


def test_an_exposure_after_infusion_is_never_ever(cohort, tmp_path, capsys):
    """Exposure at random days does nothing; 'ever exposed' would look protective, split time and landmark do not."""
    table = rows(cohort / "cohort.csv")
    with (tmp_path / "since.csv").open("w") as stream:
        print("person_id,day", file=stream)
        for i, r in enumerate(table):
            day = 30 + (i * 37) % 1500
            if day < float(r["stop"]):
                print(f"{r['person_id']},{day}", file=stream)
    words = ["fit", cohort / "cohort.csv", "--marker", "second", "--exposed-since", tmp_path / "since.csv", "--json"]
    split = json.loads(run(capsys, *words)[1])
    assert split["runs"][0]["low"] < 1 < split["runs"][0]["high"]
    assert not any("Fine-Gray" in r["model"] for r in split["runs"])  # not defined for split time
    at = json.loads(run(capsys, *words, "--landmark", 365)[1])
    assert at["power"][0]["people"] < split["power"][0]["people"] == len(table)
    assert at["runs"][0]["low"] < 1 < at["runs"][0]["high"]
    assert run(capsys, "fit", cohort / "cohort.csv", "--marker", "second", "--landmark", 365)[0] == 2


def test_figures_are_written(cohort, tmp_path, capsys):
    status, _, err = run(
        capsys, "fit", cohort / "cohort.csv", "--covariates", cohort / "known.csv", "--marker", "ch", "--out", tmp_path / "fit"
    )
    assert status == 0, err
    assert {p.name for p in (tmp_path / "fit").iterdir()} == {"runs.csv", "forest.vl.json", "incidence_ch.vl.json"}
    assert run(capsys, "power", "--cohort", 1000, "--events", 30, "--figure", tmp_path / "p.vl.json")[0] == 0
    assert json.loads((tmp_path / "p.vl.json").read_text())["mark"] == "line"
    assert run(capsys, "ch", vcf(tmp_path / "a.vcf", "a"), "--out", tmp_path / "ch")[0] == 0
    assert json.loads((tmp_path / "ch" / "figures" / "DNMT3A.vl.json").read_text())["title"] == "DNMT3A"


def test_a_wrong_header_is_told_once(cohort, capsys):
    status, _, err = run(capsys, "fit", cohort / "known.csv", "--marker", "ch")
    assert status == 3
    assert "column stop: a required column is missing" in err
    assert len(err.splitlines()) < 10


def test_several_markers_are_one_family_and_none_is_dropped(cohort, tmp_path, capsys):
    (tmp_path / "h.csv").write_text(
        "hypothesis_id,marker,outcome,direction,family,registered_on\n"
        + "".join(
            f"H{i},{name},t_cell_malignancy,higher,F,2020-01-01\n"
            for i, name in enumerate(("ch", "lines", "never_run", "nowhere"))
        )
    )
    words = ["fit", cohort / "cohort.csv", "--covariates", cohort / "known.csv", "--hypotheses", tmp_path / "h.csv"]
    status, out, err = run(
        capsys, *words, "--data-lock", "2024-01-01", "--marker", "ch", "--marker", "nowhere", "--marker", "lines", "--json"
    )
    assert status == 0, err
    found = json.loads(out)
    tests = {r["marker"]: r for r in found["runs"] if r["adjusted_p"] is not None}
    assert tests["ch"]["adjusted_p"] == pytest.approx(4 * tests["ch"]["p_value"])  # the hypothesis that was not run counts
    assert tests["nowhere"]["model"] == "not run"
    assert "never measured" in tests["nowhere"]["note"]
    assert [line["marker"] for line in found["power"]] == ["ch", "lines"]


def test_unknown_earlier_treatment_is_missing_not_no():
    import datetime as dt
    from types import SimpleNamespace

    from aftercar.actions.biomarkers_cohort import _prior_therapy

    def row(person, kind="chemotherapy", mutagen="alkylator", started=None, timing="before"):
        return {"person_id": person, "kind": kind, "mutagenic_class": mutagen, "started_on": started, "timing": timing}

    table = [
        row("a"),
        row("b", mutagen="unknown"),
        row("c", timing="unknown"),
        row("d", timing="lymphodepletion"),
        row("e", kind="autologous_transplant", started="2020", timing=None),
        row("f", started="2022", timing=None),
    ]
    study = SimpleNamespace(rows=lambda name: table)
    found = _prior_therapy(study, dict.fromkeys("abcdef", dt.date(2022, 5, 1)))
    values = {(k.person_id, k.name): k.value for k in found}
    assert [values[p, "prior_alkylator"] for p in "abcdef"] == [1.0, None, None, 0.0, 1.0, None]
    assert [values[p, "prior_platinum"] for p in "abcdef"] == [0.0, None, None, 0.0, 0.0, None]
    assert [values[p, "prior_autologous"] for p in "abcdef"] == [0.0, 0.0, None, 0.0, 1.0, None]


def test_variants_without_annotation_are_refused_and_never_make_a_negative(tmp_path, capsys):
    path = vcf(tmp_path / "a.vcf", "a")
    path.write_text(path.read_text().replace(CSQ + "\n", ""))
    (tmp_path / "depths.csv").write_text("sample_id,gene,depth\na,DNMT3A,900\n")
    status, _, err = run(capsys, "ch", path, "--out", tmp_path / "ch", "--depths", tmp_path / "depths.csv")
    assert status == 3
    assert "no annotation" in err
    assert not (tmp_path / "ch").exists()
