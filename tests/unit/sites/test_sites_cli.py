"""The command line of sites, as a user meets it."""

import json

import numpy as np
import pytest

from aftercar.cli.main import main
from aftercar.testing.simulate_lmpcr import Amplification, TrueSite, simulate_run


def _call(capsys, *words):
    """Standard output, standard error and exit status of one command."""
    try:
        main(["sites", *map(str, words)])
        status = 0
    except SystemExit as stop:
        status = stop.code or 0
    out = capsys.readouterr()
    return out.out, out.err, status


@pytest.fixture
def table(tmp_path):
    rows = ["sample_id\tperson_id\ttimepoint\tday\tchrom\tposition\torientation\tcells\tgenome"]
    rows += [f"S0\tP1\tD0\t0\tchr1\t{1000 * i}\t+\t1\thg38" for i in range(1, 61)]
    rows += ["S1\tP1\tM6\t180\tchr1\t1000\t+\t60\thg38", "S1\tP1\tM6\t180\tchr1\t2000\t+\t20\thg38"]
    path = tmp_path / "sites.tsv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def genes(tmp_path):
    path = tmp_path / "genes.txt"
    path.write_text("0\tN1\tchr1\t+\t499\t1500\t499\t1500\t1\t499,\t1500,\t0\tRARRES3\tn\tn\t0,\n")
    return path


def test_import_writes_and_lists(tmp_path, table, capsys):
    out, err, status = _call(capsys, "import", table, "--out", tmp_path / "o.csv", "--json")
    assert status == 0
    assert [row["sites"] for row in json.loads(out)] == [60, 2]
    assert "62 rows of 2 samples" in err
    assert (tmp_path / "o.csv").exists()


def test_abundance_names_its_column(table, capsys):
    out, _, status = _call(capsys, "abundance", table, "--json")
    rows = json.loads(out)
    assert status == 0
    assert [(r["timepoint"], r["sites"], r["column"]) for r in rows] == [("D0", 60, "cells"), ("M6", 2, "cells")]
    assert rows[0]["uc50_ascending"] == 31
    assert rows[0]["uc50_fewest"] == 30


def test_track_names_the_convention(tmp_path, table, capsys):
    out, err, status = _call(capsys, "track", table, "--json", "--out", tmp_path / "t")
    assert status == 0
    assert [s["above_setting"] for s in json.loads(out)["samples"]] == ["not_above", "above"]
    assert "not a regulator's threshold" in err
    assert (tmp_path / "t/stream.svg").exists()


def test_background_and_context(tmp_path, table, genes, capsys):
    out, _, status = _call(capsys, "background", "build", table, "--genes", genes, "--out", tmp_path / "b.csv", "--json")
    assert status == 0
    assert json.loads(out)[0]["gene"] == "RARRES3"
    out, _, _ = _call(capsys, "background", "show", tmp_path / "b.csv", "--gene", "PLAAT4", "--gene", "TP53", "--json")
    first, second = json.loads(out)
    assert (first["gene"], first["products_in"]) == ("RARRES3", 1)
    assert "unknown, not zero" in second["words"]
    out, err, status = _call(capsys, "context", table, "--genes", genes, "--background", tmp_path / "b.csv", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["sites"][0]["in_gene"] == "RARRES3"
    assert found["sites"][0]["products_in_gene"] == 1
    assert "not in the gene model" in err


def test_a_vetoed_run_is_written_and_ends_with_status_3(tmp_path, capsys):
    rng = np.random.default_rng(3)
    sequence = "".join(rng.choice(list("ACGT"), 30_000))
    host = tmp_path / "host.fa"
    host.write_text(f">chr1\n{sequence}\n")
    sites = [TrueSite("chr1", int(p), "+", 3) for p in range(2000, 28_000, 2000)]
    made = [Amplification("A-1", sites, "A", "P1"), Amplification("N-1", [], "N", "", "negative_control")]
    sheet, index, ltr, linker = simulate_run({"chr1": sequence}, made, seed=2, contaminated=(0, 1, 0.5)).write(tmp_path / "run")
    words = ["call", "--sheet", sheet, "--index", index, "--ltr", ltr, "--linker", linker, "--reference", host]
    out, err, status = _call(capsys, *words, "--out", tmp_path / "out", "--json")
    assert status == 3
    assert "lmpcr-run-vetoed" in err
    assert [row["sample_id"] for row in json.loads(out)] == ["A-1", "N-1"]
    assert json.loads((tmp_path / "out/run.json").read_text())["vetoed"] is True
    _, err, status = _call(capsys, *words, "--out", tmp_path / "o2", "--fragmentation", "scissors")
    assert (status, "use shear or restriction" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["import", "nowhere.tsv"], 3, "no such file"),
        (["abundance", "TABLE", "--column", "clones"], 2, "is no abundance"),
        (["abundance", "TABLE", "--by", "colour"], 2, "no column colour"),
        (["import", "TABLE", "--column", "position"], 2, "write --column position=POS"),
        (["track", "TABLE", "--person", "P7"], 2, "no person P7"),
        (["context", "TABLE", "--genes", "GENES", "--genome", "mm10"], 2, "the build of the sites is not clear"),
    ],
)
def test_errors_say_the_next_step(table, genes, capsys, words, status, said):
    words = [{"TABLE": str(table), "GENES": str(genes)}.get(word, word) for word in words]
    _, err, code = _call(capsys, *words)
    assert code == status
    assert said in err
    assert "Next:" in err
