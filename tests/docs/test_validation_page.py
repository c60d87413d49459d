"""The validation page is of this version, holds every table and every kept benchmark, and still says what the code computes."""

import importlib
import re

import pytest

from aftercar import __version__
from validation.__main__ import modules
from validation.page import AGAINST, PAGE, RESULTS

TEXT = PAGE.read_text(encoding="utf-8")
PARTS = [module.__name__.removeprefix("validation.") for module in modules() if hasattr(module, "table")]


def section(name):
    return TEXT.split("## Every figure", 1)[1].split(f"### {name}\n", 1)[1].split("\n### ")[0]


def test_the_page_is_of_this_version_and_nothing_disagrees():
    assert f"AfterCAR {__version__}, Python" in TEXT
    assert set(PARTS) == set(AGAINST)
    counted, wrong = map(int, re.search(r"(\d+) figures compared, (\d+) disagree", TEXT).groups())
    assert wrong == 0
    assert counted == sum(section(name).count("| yes |") for name in PARTS)
    assert counted > 300


def test_every_kept_benchmark_is_on_the_page():
    kept = sorted(RESULTS.glob("*.txt"))
    assert kept
    for path in kept:
        text = path.read_text(encoding="utf-8").rstrip()
        assert re.match(r"\$ python -m benchmarks\.\w+.*\n# \d{4}-\d\d-\d\d, AfterCAR \S+, Python", text), path.name
        assert text in TEXT, f"{path.name}: run python -m validation.page benchmarks"


@pytest.mark.parametrize("name", ["biomarkers", "signals"])
def test_the_figures_are_those_of_the_code(name):
    """The page was made with the real data; without them the rows that there are must be on it."""
    table = list(importlib.import_module(f"validation.{name}").table())
    lines = [line.strip("| ").split(" | ") for line in section(name).splitlines() if line.startswith("| ")]
    shown = {cells[0].strip(): cells[1:] for cells in lines}
    assert len(table) > 20
    for figure, ours, reference, _, _ in table:
        cells = shown[str(figure).replace("|", "/")]
        assert float(cells[0]) == pytest.approx(ours, rel=1e-6, abs=1e-9), f"{figure}: run python -m validation.page"
        assert float(cells[1]) == pytest.approx(reference, rel=1e-6, abs=1e-9), figure
