"""One job a sample and one that gathers: the result is that of a single run, to the byte, whatever was killed on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aftercar.actions.assess import assess, assess_sample
from aftercar.actions.assess_cluster import needs, plan
from aftercar.edges.snakemake import profile_text
from aftercar.edges.study import read_study
from aftercar.errors import UsageError
from tests.cluster.conftest import PROFILE, make_study, tree


def aftercar(*words, **environment):
    command = [sys.executable, "-m", "aftercar", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def killed_once(work, sample, process):
    """Kill the job of one sample as soon as it runs; the processes searched are only those that name our own folder."""
    while process.poll() is None:
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[1:3] == [b"-m", b"aftercar"] and str(work).encode() in words and sample.encode() in words:
                os.kill(int(entry.name), signal.SIGKILL)
                return True
        time.sleep(0.05)
    return False


def test_samples_made_one_by_one_and_gathered_are_the_single_run(study, single, tmp_path):
    for sample in ("S03", "S01", "S02"):
        assess_sample(study, sample, tmp_path / "work")
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "work" / "samples").rglob("*")}
    assess(study, tmp_path / "out", work=tmp_path / "work")
    assert tree(tmp_path / "out") == tree(single)
    assert made == {path: path.stat().st_mtime_ns for path in (tmp_path / "work" / "samples").rglob("*")}


def test_a_sample_half_copied_when_the_power_went_is_made_again(study, single, tmp_path):
    assess_sample(study, "S01", tmp_path / "work")
    key = (tmp_path / "work" / "samples" / "S01" / "inputs.json").read_text()
    (tmp_path / "work" / "samples" / "S01" / "inputs.json").write_text(key[:-20])
    (tmp_path / "work" / "samples" / "S01" / "verdict.json").unlink()
    assess(study, tmp_path / "out", work=tmp_path / "work")
    assert tree(tmp_path / "out") == tree(single)


def test_hashes_are_remembered_until_a_file_changes(study, tmp_path, monkeypatch):
    from aftercar.edges import digests

    read = []
    whole = digests.sha256
    monkeypatch.setattr(digests, "sha256", lambda path: read.append(path.name) or whole(path))
    copied = shutil.copytree(study, tmp_path / "study")
    assess_sample(copied, "S02", tmp_path / "work")
    assert sorted(read) == ["reference.fa", "tumour.bam", "vector.fa"]
    assess_sample(copied, "S02", tmp_path / "work")
    assert len(read) == 3
    os.utime(copied / "S02" / "tumour.bam", ns=(1, 1))
    assess_sample(copied, "S02", tmp_path / "work")
    assert read[3:] == ["tumour.bam"]


def test_the_study_calls_clonal_haematopoiesis_and_knows_what_it_does_not(single):
    import polars as pl

    genes = pl.read_csv(single / "tables" / "gene_status.csv")
    assert dict(genes.filter(pl.col("gene").is_in(["JAK2", "TET2"])).select("gene", "status").iter_rows()) == {
        "JAK2": "unconfirmed",
        "TET2": "depth_unknown",
    }
    variants = pl.read_csv(single / "tables" / "judged_variants.csv")
    assert variants.select("sample_id", "protein", "depth", "alt_reads").rows() == [("S01", "V617F", 790, 90)]
    assert (single / "clonal" / "S01" / "variants.csv").is_file()
    inputs = json.loads((single / "provenance.json").read_text())["inputs"]
    assert {"blood.vcf", "depths.csv"} <= set(inputs)


def test_without_snakemake_there_is_one_error_and_no_trace(study, tmp_path):
    found = aftercar("assess", study, "--out", tmp_path / "out", "--cluster", "slurm", AFTERCAR_SNAKEMAKE="/nowhere/snakemake")
    assert found.returncode == 4
    assert "snakemake-missing" in found.stderr
    assert "pip install snakemake" in found.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--only", "S01"), "--only goes with --work"),
        (("--only", "S99", "--work", "w"), "no sample S99"),
        ((), "give --out"),
        (("--out", "o", "--work", "w", "--cluster", "laptop"), "but not both"),
    ],
)
def test_options_that_do_not_go_together(study, tmp_path, words, told):
    found = aftercar("assess", study, *(str(tmp_path / word) if len(word) == 1 else word for word in words))
    assert found.returncode == 2
    assert told in found.stderr


def test_a_profile_is_shipped_or_a_folder(tmp_path):
    assert "executor: slurm" in profile_text("slurm")
    (tmp_path / "config.yaml").write_text("cores: 1\n")
    assert profile_text(str(tmp_path)) == "cores: 1\n"
    with pytest.raises(UsageError, match="no profile"):
        profile_text(str(tmp_path / "none"))


def test_the_plan_names_every_file_a_sample_depends_on(study, tmp_path):
    read = read_study(study)
    made = plan(read, tmp_path / "out", tmp_path / "work")
    first = made["samples"]["S01"]
    named = {str(Path(name).relative_to(study)) for name in first["files"]}
    assert named == {"S01/tumour.bam", "S01/reference.fa", "S01/vector.fa", "blood.vcf", "depths.csv"}
    assert first["command"].endswith("--only S01")
    assert made["samples"]["S02"]["settings"] != first["settings"]


def test_more_bytes_ask_for_more_memory_and_time(tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x")
    with large.open("wb") as stream:
        stream.truncate(50_000_000_000)
    assert needs([large])["runtime"] > needs([small])["runtime"]
    assert needs([large, large]) == needs([large])


def test_on_this_machine_a_killed_job_is_tried_again(snakemake, study, single, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "aftercar", "assess", str(study), "--out", str(out), "--cluster", "laptop"]
    environment = {**os.environ, "AFTERCAR_SNAKEMAKE": snakemake, "HOME": "/nonexistent"}
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        assert killed_once(tmp_path / "out.workflow" / "work", "S02", process)
        assert process.wait(300) == 0, (tmp_path / "said").read_text()
    assert "Trying to restart job" in (tmp_path / "said").read_text()
    assert tree(out) == tree(single)


def test_a_sample_that_cannot_be_read_is_named_and_the_others_are_kept(snakemake, study, tmp_path):
    copied = shutil.copytree(study, tmp_path / "study")
    data = (study / "S03" / "tumour.bam").read_bytes()
    (copied / "S03" / "tumour.bam").write_bytes(data[: len(data) // 2])
    (tmp_path / "profile.yaml").write_text("cores: 2\nkeep-going: true\nrerun-incomplete: true\n")
    words = ("assess", copied, "--out", tmp_path / "out", "--cluster", tmp_path / "profile.yaml")
    found = aftercar(*words, AFTERCAR_SNAKEMAKE=snakemake)
    assert found.returncode == 3, found.stderr
    last = found.stderr.strip().splitlines()[-1]
    assert "1 job(s) failed: S03" in last
    assert "tumour.bam" in last
    assert not (tmp_path / "out").exists()
    done = tmp_path / "out.workflow" / "done" / "samples"
    assert sorted(path.name for path in done.iterdir()) == ["S01", "S02"]
    before = {path.name: path.stat().st_mtime_ns for path in done.iterdir()}
    (copied / "S03" / "tumour.bam").write_bytes(data)
    assert aftercar(*words, AFTERCAR_SNAKEMAKE=snakemake).returncode == 0
    assert before == {path.name: path.stat().st_mtime_ns for path in done.iterdir() if path.name != "S03"}
    assess(copied, tmp_path / "single")
    assert tree(tmp_path / "out") == tree(tmp_path / "single")


@pytest.mark.slow
def test_twenty_samples_on_slurm_one_killed_and_resumed(snakemake, slurm, tmp_path):
    study, out = make_study(tmp_path / "study", 20), tmp_path / "out"
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile" / "config.yaml").write_text(PROFILE)
    command = [sys.executable, "-m", "aftercar", "assess", str(study), "--out", str(out), "--cluster", str(tmp_path / "profile")]
    environment = {**slurm, "AFTERCAR_SNAKEMAKE": snakemake, "HOME": "/nonexistent"}
    log = tmp_path / "said"
    with log.open("w") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        killed = ""
        while process.poll() is None and not killed:
            shown = subprocess.run(["squeue", "-h", "-t", "R", "-o", "%i %k"], env=slurm, capture_output=True, text=True)
            killed = next((line.split()[0] for line in shown.stdout.splitlines() if line.endswith("S07")), "")
            time.sleep(0.1)
        assert killed, log.read_text()
        subprocess.run(["scancel", "--signal=KILL", "--full", killed], env=slurm, check=True)
        assert process.wait(400) == 4, log.read_text()
    assert "workflow-failed" in log.read_text()
    assert not out.exists()
    done = tmp_path / "out.workflow" / "done" / "samples"
    first = {path.name: path.stat().st_mtime_ns for path in done.iterdir()}
    assert sorted(first) == sorted(f"S{number:02d}" for number in range(1, 21) if number != 7)
    again = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert first == {path.name: path.stat().st_mtime_ns for path in done.iterdir() if path.name != "S07"}
    assess(study, tmp_path / "single")
    assert tree(out) == tree(tmp_path / "single")
    assert "sample S07:" in again.stdout
