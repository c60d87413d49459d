"""The nf-core-style modules: Groovy makes their command, a shell without network, home or a writable disk runs it."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import aftercar

MODULES = Path(aftercar.__file__).parent / "workflow" / "modules" / "aftercar"
MAKE = Path(__file__).with_name("module.groovy")
NAMES = ("readsscreen", "sampletest", "biomarkersch", "assess")
#: Everything is read-only but the folder of the task, there is no network, and the home does not exist.
SEALED = """
set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro /
for place in /tmp /work /root /home /dev/shm; do
  if mountpoint -q "$place"; then mount -o remount,bind,ro "$place"; fi
done
cd "$1"
export HOME=/nonexistent TMPDIR="$1"
exec bash -euo pipefail command.sh
"""


@pytest.fixture(scope="session")
def groovy():
    if shutil.which("groovy") is None or shutil.which("java") is None:
        pytest.skip("Groovy is not installed (Debian: groovy); Nextflow itself cannot be had from a package registry")
    return {**os.environ, "JAVA_HOME": str(Path(shutil.which("java")).resolve().parent.parent)}


@pytest.fixture(scope="session")
def sealed():
    tried = subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"a namespace without network is not permitted here: {tried.stderr.strip()}")
    return ["unshare", "-n", "-m", "bash", "-c", SEALED, "sealed"]


def made(environment, name, values, part, folder):
    (folder / "values.json").write_text(json.dumps(values))
    command = ["groovy", str(MAKE), str(MODULES / name / "main.nf"), str(folder / "values.json"), part]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    prefix = values["task"]["ext"].get("prefix", values["meta"]["id"])
    outputs = {emit: re.sub("^prefix/", f"{prefix}/", path) for emit, path in found["outputs"] if emit}
    return found["command"], outputs


def inputs(study, name):
    staged = {
        "readsscreen": {"reads": ["S02/tumour.bam"], "vector": ["S01/vector.fa"], "fasta": ["S01/reference.fa"]},
        "sampletest": {
            "reads": ["S02/tumour.bam"],
            "vector": ["S01/vector.fa"],
            "fasta": ["S01/reference.fa"],
            "genes": [],
            "normal": ["S03/tumour.bam"],
        },
        "biomarkersch": {"variants": ["blood.vcf"], "depths": ["depths.csv"], "rules": []},
        "assess": {"study": ["."]},
    }[name]
    return {key: [study / path for path in paths] for key, paths in staged.items()}


def stage(given, folder):
    """Inputs as Nextflow stages them: links in folders of their own; values for the script."""
    places = {"fasta": "reference"}
    values = {}
    for key, paths in given.items():
        place = folder / places.get(key, key)
        place.mkdir()
        for path in paths:
            (place / path.resolve().name).symlink_to(path.resolve())
        names = [str((place / path.resolve().name).relative_to(folder)) for path in paths]
        values[key] = names[0] if len(names) == 1 else names
    return values


@pytest.mark.parametrize("name", NAMES)
def test_a_module_runs_alone_without_network_or_home(groovy, sealed, study, tmp_path, name):
    task = tmp_path / "task"
    task.mkdir()
    meta = {"id": "S01", "purity": 0.6} if name == "biomarkersch" else {"id": "S02", "purity": 0.6}
    values = {"meta": meta, "task": {"ext": {}, "cpus": 2, "process": f"AFTERCAR_{name.upper()}"}, "moduleDir": "."}
    values |= stage(inputs(study, name), task)
    command, outputs = made(groovy, name, values, "script", tmp_path)
    (task / "command.sh").write_text(command)
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run([*sealed, str(task)], env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for emit, place in outputs.items():
        assert (task / place).exists(), emit
    lines = (task / "versions.yml").read_text().splitlines()
    assert lines == [f'"AFTERCAR_{name.upper()}":', f"    aftercar: {version('aftercar')}"]
    assert before == {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    if name == "sampletest":
        verdict = json.loads((task / "S02" / "verdict.json").read_text())
        assert verdict["call"] == "present_clonal"
        assert verdict["normal"] is not None


@pytest.mark.parametrize("name", NAMES)
def test_a_stub_makes_every_required_output(groovy, tmp_path, name):
    values = {"meta": {"id": "x"}, "task": {"ext": {"prefix": "p"}, "cpus": 1, "process": "P"}, "moduleDir": "."}
    command, _ = made(groovy, name, values, "stub", tmp_path)
    _, outputs = made(groovy, name, values, "script", tmp_path)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(["bash", "-euc", command], cwd=tmp_path, env={**os.environ, "PATH": path}, check=True)
    optional = set(re.findall(r"emit: (\w+), optional: true", (MODULES / name / "main.nf").read_text()))
    assert {emit for emit, place in outputs.items() if not (tmp_path / place).exists()} <= optional


@pytest.mark.parametrize("name", NAMES)
def test_the_description_names_every_input_and_output(name):
    code, words = ((MODULES / name / file).read_text() for file in ("main.nf", "meta.yml"))
    given = code[code.index("    input:") : code.index("    output:")]
    for channel in re.findall(r"path\((\w+)", given):
        assert re.search(rf"^  - {channel}:$", words, re.M), channel
    for emit in re.findall(r"emit: (\w+)", code):
        assert re.search(rf"^  {emit}:$", words, re.M), emit
    assert f"name: aftercar_{name}" in words
    assert "http" not in code
