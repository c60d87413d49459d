"""From one tumour's reads to a report, as a newcomer would."""

import json

import pytest

from aftercar.cli.main import main


def run(capsys, *words):
    status = 0
    try:
        main(list(map(str, words)))
    except SystemExit as end:
        status = end.code or 0
    out, err = capsys.readouterr()
    return status, out, err


@pytest.fixture(scope="module")
def tumour(tmp_path_factory):
    """Simulated reads, their construct and their host."""
    folder = tmp_path_factory.mktemp("tumour")
    with pytest.raises(SystemExit) as end:
        main(["simulate", "--out", str(folder / "simulated"), "--depth", "20", "--host-length", "200000"])
    assert not end.value.code
    return folder / "simulated"


def test_a_tumour_becomes_a_study_and_a_report(capsys, tumour, tmp_path):
    words = [
        "study",
        "new",
        tmp_path / "one",
        "--reads",
        tumour / "tumour.bam",
        "--vector",
        tumour / "vector.fa",
        "--reference",
        tumour / "reference.fa",
    ]
    status, _, err = run(
        capsys, *words, "--product", "Kymriah", "--infused", "2023-05", "--diagnosed", "2024-03", "--purity", "0.6"
    )
    assert status == 0, err
    assert run(capsys, "study", "check", tmp_path / "one")[0] == 0
    status, _, err = run(capsys, "assess", tmp_path / "one", "--out", tmp_path / "result")
    assert status == 0, err
    assert json.loads((tmp_path / "result" / "samples" / "S1" / "verdict.json").read_text())["call"].startswith("present")
    assert "present" in (tmp_path / "result" / "report.html").read_text()


def test_what_is_missing_is_said(capsys, tmp_path):
    assert "--reads" in run(capsys, "study", "new", tmp_path / "a", "--vector", "v.fa")[2]
    assert "--vector" in run(capsys, "study", "new", tmp_path / "a", "--reads", "r.bam")[2]
    status, _, err = run(capsys, "study", "new", tmp_path / "a", "--reads", "r.bam", "--vector", "v.fa")
    assert (status, "no such file" in err) == (3, True)
    assert not (tmp_path / "a").exists()
