"""The documentation is tested: examples run, generated pages are fresh, links lead somewhere, nothing comes from outside."""

import doctest
import importlib
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from aftercar.cli.main import COMMANDS, NOUNS
from tests.docs.generate import DOCS, PAGES, group_of

MARKDOWN = sorted([*DOCS.rglob("*.md"), *(DOCS.parent / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"))])


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda path: path.name)
def test_examples_run(page, monkeypatch):
    monkeypatch.chdir(DOCS.parent)
    blocks = re.findall(r"```(?:python|pycon)\n(>>>.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    names: dict[str, object] = {}
    for number, block in enumerate(blocks):
        test = doctest.DocTestParser().get_doctest(block, names, f"{page.name} block {number}", str(page), 0)
        test.globs = names
        runner.run(test, clear_globs=False)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_fresh(name):
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run: python -m tests.docs.generate"


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        assert re.match(r"https?://|mailto:", target) or (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda path: path.name)
def test_commands_shown_exist(page):
    """Every command that a page shows is there, with every option that it is given."""
    for line in re.findall(r"^\$ (aftercar .*)$", page.read_text(encoding="utf-8").replace("\\\n", " "), re.MULTILINE):
        words = shlex.split(line, comments=True)[1:]
        if not words or words[0].startswith("-"):
            continue
        command = command_tree(words.pop(0))
        while hasattr(command, "commands"):
            command = command.commands.get(words.pop(0) if words else "")
            assert command is not None, line
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
        for word in words:
            assert not re.match(r"--[a-z]", word) or word.split("=")[0] in known, f"{line}: {word}"


@cache
def command_tree(name):
    assert name in {**NOUNS, **COMMANDS}, name
    module = importlib.import_module(f"aftercar.cli.{name}")
    if name in NOUNS:
        return group_of(module.app)
    alone = typer.Typer()
    alone.command(name)(module.command)
    return get_command(alone)


def test_architecture_is_short():
    assert len((DOCS.parent / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()) < 200


def test_every_folder_of_the_package_is_in_the_codemap():
    text = (DOCS.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    package = Path(DOCS.parent / "src" / "aftercar")
    for folder in package.iterdir():
        if folder.is_dir() and (folder / "__init__.py").exists():
            assert f"`{folder.name}/`" in text, folder.name


@pytest.mark.parametrize("page", sorted(DOCS.glob("methods_*.md")), ids=lambda path: path.stem)
def test_methods_pages_derive_assume_and_cite(page):
    headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert "Sources" in headings
    assert "Assumptions, and when they fail" in headings
    assert "Derivation" in headings or {"Vector copies", "Cell fraction of a site", "Detection limit"} <= set(headings)


def test_anchors_of_links_exist():
    """``page.md#heading`` leads to a heading of that page."""

    def anchors(path):
        headings = re.findall(r"^#{1,4} (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}

    for page in MARKDOWN:
        for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert anchor in anchors(page.parent / target if target else page), f"{page.name}: {target}#{anchor}"


def test_every_page_is_in_the_navigation():
    text = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    missing = [page for path in DOCS.rglob("*.md") if f": {(page := path.relative_to(DOCS).as_posix())}\n" not in text]
    assert missing == []
