"""The wheel with nothing but its own dependencies works; a missing extra is one sentence with the command that mends it."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def closure(lines):
    """The distributions that requirements ask for, with those that these ask for, on this machine."""
    found, waiting = {}, [(Requirement(line), "") for line in lines]
    while waiting:
        wanted, extra = waiting.pop()
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        key = (wanted.name.lower().replace("_", "-"), frozenset(wanted.extras))
        if key in found:
            continue
        try:
            found[key] = distribution(wanted.name)
        except PackageNotFoundError:
            continue
        needs = [Requirement(line) for line in found[key].requires or ()]
        waiting += [(need, extra) for need in needs for extra in ("", *wanted.extras)]
    return {name: dist for (name, _), dist in found.items()}


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A fresh environment: the wheel installed by pip, its dependencies linked from here, and nothing else."""
    folder = tmp_path_factory.mktemp("minimal")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True, capture_output=True
    )
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    program = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", program, "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, *folder.glob("*.whl")], check=True, capture_output=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    for dist in closure(PROJECT["dependencies"]).values():
        for name in {file.parts[0] for file in dist.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / name).exists():
                (site / name).symlink_to(dist.locate_file(name))
    return program


def run(python, *arguments, cwd=ROOT):
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run([python, "-m", "aftercar", *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env=clean)


def test_only_the_core_is_there(python):
    found = json.loads(run(python, "doctor", "--json").stdout)
    missing = {row["what"]: row["get"] for row in found if row["version"] == "missing" and row["get"]}
    assert {"fastapi", "typst", "python-docx", "xlsxwriter", "psycopg", "pyspark"} <= missing.keys()
    assert {row["what"] for row in found if row["version"] != "missing"} >= {"numpy", "pysam", "duckdb", "numba"}
    extras = set(PROJECT["optional-dependencies"])
    assert all(re.fullmatch(r"pip install 'aftercar\[(\w+)\]'", get).group(1) in extras for get in missing.values())


def test_help_of_every_noun(python):
    from aftercar.cli.main import COMMANDS, NOUNS

    for words in ([], *([name] for name in (*NOUNS, *COMMANDS))):
        done = run(python, *words, "--help")
        assert done.returncode == 0, done.stderr
        assert "Usage: aftercar" in done.stdout


def test_a_small_assessment(python, tmp_path):
    done = run(python, "assess", ROOT / "examples" / "published", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "36.8" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("web", ["web", "--database", "OUT/registry.db"]),
        ("documents", ["report", "build", "examples/published", "--out", "OUT/report", "--format", "pdf"]),
        ("documents", ["report", "build", "examples/published", "--out", "OUT/report", "--format", "docx"]),
        ("documents", ["report", "build", "examples/published", "--out", "OUT/report", "--format", "xlsx"]),
        ("postgres", ["registry", "init", "--database", "postgresql://127.0.0.1/x"]),
    ],
)
def test_a_missing_extra_is_one_clear_error(python, tmp_path, extra, arguments):
    done = run(python, *(word.replace("OUT", str(tmp_path)) for word in arguments))
    assert done.returncode == 4, done.stderr
    assert f"pip install 'aftercar[{extra}]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not [path for path in tmp_path.iterdir() if path.name != "registry.db"]
