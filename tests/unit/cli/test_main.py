"""The command line's promises: quick help, bare version, exit statuses, words on stderr."""

import subprocess
import sys
import time

import pytest

from aftercar import __version__
from aftercar.cli.main import COMMANDS, NOUNS


def run(*words, **more):
    return subprocess.run(
        [sys.executable, "-m", "aftercar", *map(str, words)], capture_output=True, text=True, check=False, **more
    )


def test_version_is_bare():
    assert run("--version").stdout == f"{__version__}\n"


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['aftercar', '--help']\nfrom aftercar.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted(m for m in ('numpy', 'scipy', 'polars', 'numba', 'pysam', 'duckdb', 'sqlalchemy') if m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.endswith("[]\n")


@pytest.mark.parametrize("name", [*NOUNS, *COMMANDS])
def test_every_command_has_help(name):
    begun = time.monotonic()
    found = run(name, "--help")
    assert found.returncode == 0, found.stderr
    assert "Usage" in found.stdout
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["nonsense"], 2, "No such command"),
        (["assess", "nowhere", "--out", "x"], 3, "there is no study.toml"),
        (["study", "check", "nowhere"], 3, "aftercar study new"),
    ],
)
def test_exit_statuses(tmp_path, words, status, said):
    found = run(*words, cwd=tmp_path)
    assert found.returncode == status
    assert said in found.stderr
    assert found.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_study_new_and_check(tmp_path):
    assert run("study", "new", tmp_path / "s").returncode == 0
    found = run("study", "check", tmp_path / "s", "--json")
    assert found.returncode == 3
    assert "may not be empty" in found.stdout
    again = run("study", "new", tmp_path / "s")
    assert again.returncode == 2
    assert "not empty" in again.stderr
