"""The tutorials run as they stand: every command in a ``console`` block, in order, with the output that the page shows.

A command may go on after a backslash. A line ``...`` stands for any lines, ``...`` within a line for any text. Spaces do not
matter. A command whose shown output begins with ``error [`` must fail, every other must succeed. What goes to stdout comes
before what goes to stderr.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aftercar.cli.main import main
from aftercar.testing.centre_reads import write_reads

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))


def steps(page):
    """Commands with the lines shown under them."""
    for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for part in re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
            command, *shown = part.rstrip("\n").split("\n")
            yield command, shown


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """What ``make demo`` leaves, without its reports."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copytree(ROOT / "examples" / "centre", folder / "demo" / "centre")
    write_reads(folder / "demo" / "centre")
    return folder


def run(command, capfd):
    """Exit status and output of one command; AfterCAR runs in this process, everything else in a shell."""
    words = shlex.split(command)
    if words[0] != "aftercar":
        done = subprocess.run(command.replace("python ", f"{sys.executable} ", 1), shell=True, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr
    status = 0
    try:
        main(words[1:])
    except SystemExit as end:
        status = end.code or 0
    out, err = capfd.readouterr()
    return status, out + err


def fits(shown, output):
    """Whether the output is what the page shows."""
    lines = [re.escape(" ".join(line.split())).replace(r"\.\.\.", ".*") for line in shown]
    pattern = "\n".join(lines).replace("\n.*\n", r"\n(?:.*\n)*")
    pattern = re.sub(r"\n\.\*$", r"(?:\n.*)*", pattern) if pattern != ".*" else r"(?:.*\n?)*"
    pattern = re.sub(r"^\.\*\n", r"(?:.*\n)*", pattern)
    plain = "\n".join(" ".join(line.split()) for line in output.strip().splitlines())
    return re.fullmatch(pattern, plain) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial_runs_as_it_stands(page, demo, tmp_path, monkeypatch, capfd):
    shutil.copytree(demo, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project" / "demo")
    monkeypatch.delenv("AFTERCAR_DATABASE", raising=False)
    done = 0
    for command, shown in steps(page):
        status, output = run(command, capfd)
        expected = any(line.startswith("error [") for line in shown)
        assert (status != 0) == expected, f"$ {command}\n{output}"
        if shown:
            assert fits(shown, output), f"$ {command}\nshown:\n" + "\n".join(shown) + f"\noutput:\n{output}"
        done += 1
    assert done > 4


def test_a_page_that_shows_something_else_is_found():
    assert fits(["a ... c", "...", "z"], "a b  c\nd\ne\nz\n")
    assert fits(["a", "..."], "a")
    assert fits(["...", "z"], "z")
    assert fits(["..."], "")
    assert not fits(["a", "z"], "a\nb\nz")
    assert not fits(["a ... c"], "a b d")
    assert not fits(["a.c"], "abc")
