"""What is handed out: complete archives, equal to the byte; extras that exist; image, recipe and bill of materials that fit."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

#: Names that conda channels use for libraries that pip names otherwise.
CONDA = {"duckdb": "python-duckdb", "isal": "python-isal", "ibis-framework[duckdb]": "ibis-duckdb"}


def run(*command, cwd=ROOT, **more):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, cwd=cwd, **more)


@pytest.fixture(scope="module")
def tracked():
    """The files that git knows; the tests of an unpacked sdist take what is there."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    return [name for name in run("git", "ls-files").stdout.splitlines() if (ROOT / name).is_file()]


def build(tracked, folder, when, mode):
    """Wheel and sdist of the tracked files, copied into ``folder`` with another time and other permissions."""
    import os

    for name in tracked:
        target = folder / "tree" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        target.chmod(mode)
        os.utime(target, (when, when))
    run(sys.executable, "-m", "hatchling", "build", "-d", folder / "dist", cwd=folder / "tree")
    return sorted((folder / "dist").iterdir())


@pytest.fixture(scope="module")
def built(tracked, tmp_path_factory):
    return build(tracked, tmp_path_factory.mktemp("first"), 1_500_000_000, 0o644)


def test_two_builds_are_equal_to_the_byte(tracked, built, tmp_path):
    again = build(tracked, tmp_path, 1_700_000_000, 0o600)
    assert [path.name for path in built] == [path.name for path in again]
    assert [path.read_bytes() for path in built] == [path.read_bytes() for path in again]


def test_the_wheel_holds_every_file_of_the_package_and_no_other(tracked, built):
    names = {name for name in zipfile.ZipFile(built[0]).namelist() if ".dist-info/" not in name}
    assert names == {name.removeprefix("src/") for name in tracked if name.startswith("src/")}


def test_the_wheel_of_the_sdist_is_the_same_wheel(built, tmp_path):
    with tarfile.open(built[1]) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist", cwd=tree)
    assert next((tmp_path / "dist").iterdir()).read_bytes() == built[0].read_bytes()
    for name in ("Makefile", "README.md", "CHANGELOG.md", "LICENSE", "requirements.lock", "mkdocs.yml", "conftest.py"):
        assert (tree / name).is_file(), name


def test_the_metadata_say_what_the_project_says(built):
    with zipfile.ZipFile(built[0]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
        metadata = Parser().parsestr(wheel.read(name).decode())
    assert metadata["Requires-Python"] == "<3.14,>=3.11"
    assert set(metadata.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])
    for version in ("3.11", "3.12", "3.13"):
        assert f"Programming Language :: Python :: {version}" in metadata.get_all("Classifier")


def test_every_extra_that_a_message_or_page_names_exists():
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    text = "\n".join(path.read_text() for path in [*(ROOT / "src").rglob("*.py"), *pages])
    named = {extra.strip() for group in re.findall(r"aftercar\[([a-z, ]+)\]", text) for extra in group.split(",")}
    assert named
    assert named == set(PROJECT["optional-dependencies"])


def test_the_dockerfile_is_clean_pinned_and_without_root():
    lint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if lint is None:
        pytest.skip("hadolint is not installed")
    run(lint, ROOT / "Dockerfile")
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ARG PYTHON=python:\d+\.\d+\.\d+-slim-\w+$", text, re.MULTILINE)
    assert "--require-hashes" in text
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE)[-1] == "10001"
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for line in re.findall(r"^COPY (?!--)(.+)$", text, re.MULTILINE) for name in line.split()[:-1]}
    assert copied == kept
    assert all((ROOT / name).exists() for name in kept)


def test_the_conda_recipe_says_what_the_project_says():
    text = (ROOT / "recipe" / "meta.yaml").read_text()
    version = re.search(r'set version = "(.+)"', text).group(1)
    filled = re.sub(r"\{%.*?%\}", "", text).replace("{{ version }}", version).replace("{{ PYTHON }}", "python")
    recipe = yaml.safe_load(filled)
    from aftercar import __version__

    assert recipe["package"] == {"name": PROJECT["name"], "version": __version__}
    wanted = {f"python {PROJECT['requires-python']}"}
    for line in PROJECT["dependencies"]:
        name, limits = re.fullmatch(r"([\w\-\[\]]+)(.*)", line).groups()
        wanted.add(f"{CONDA.get(name, name)} {limits}")
    assert set(recipe["requirements"]["run"]) == wanted
    scripts = [f"{name} = {target}" for name, target in PROJECT["scripts"].items()]
    assert recipe["build"]["entry_points"] == scripts
    assert recipe["about"]["license"] == PROJECT["license"]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-server.lock", "requirements-dev.lock"])
def test_locks_are_hashed_and_agree(name):
    text, pinned = (ROOT / name).read_text(), r"^([a-z0-9.\-\[\]]+)==(\S+)"
    pins = re.findall(pinned, text, re.MULTILINE)
    assert len(pins) > 20
    assert len(re.findall(r"^[a-z0-9].*?(?:\\\n\s+--hash=sha256:[0-9a-f]{64} ?)+", text, re.MULTILINE)) == len(pins)
    assert set(pins) >= set(re.findall(pinned, (ROOT / "requirements.lock").read_text(), re.MULTILINE))


def test_the_bill_of_materials_names_every_pinned_library(tmp_path):
    program = Path(sys.executable).with_name("cyclonedx-py")
    if not program.exists():
        pytest.skip("cyclonedx-bom is not installed")
    made = tmp_path / "sbom.json"
    options = ("--pyproject", "pyproject.toml", "--output-reproducible", "--output-format", "JSON", "--output-file", made)
    run(program, "requirements", "requirements-server.lock", *options)
    bill = json.loads(made.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "aftercar"
    text = (ROOT / "requirements-server.lock").read_text()
    pins = {
        f"pkg:pypi/{name}@{version}" for name, version in re.findall(r"^([a-z0-9.\-]+)(?:\[.*?\])?==(\S+)", text, re.MULTILINE)
    }
    assert pins <= {part["purl"].split("?")[0] for part in bill["components"]}
