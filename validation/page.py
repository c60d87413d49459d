"""Write docs/validation.md from the tables of agreement and the kept outputs of the benchmarks: ``python -m validation.page``.

``python -m validation.page benchmarks`` takes over new outputs alone, without computing the tables again.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import platform
import sys
from pathlib import Path
from typing import Any

from aftercar import __version__
from validation.__main__ import modules

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "validation.md"
RESULTS = ROOT / "benchmarks" / "results"

#: What each part is held against.
AGAINST = {
    "biomarkers": "R (survival, cmprsk, base), stored references",
    "biomarkers_recovery": "simulated cohorts with known truth, a short run",
    "signals": "R (survival, cmprsk, base), stored references; published figures",
    "signals_coverage": "simulated studies with known truth: coverage of intervals, planted medians",
    "spontaneous": "R (base), numerical integration, published MaxSPRT tables; simulations with known truth",
}

_ABOUT = """# Validation

Made by `python -m validation.page`; a test holds it to the code. This is agreement of the software with references, and accuracy
and speed on simulated and public data. It is not a clinical validation of any use; see [Honest limits](limits.md).
"""


def page() -> str:
    """The whole page."""
    with_table = [module for module in modules() if hasattr(module, "table")]
    parts = {module.__name__.removeprefix("validation."): list(module.table()) for module in with_table}
    rows = [row for table in parts.values() for row in table]
    used = ("numpy", "scipy", "polars", "statsmodels")
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in used)
    today = dt.date.today().isoformat()
    lines = [_ABOUT, "## Agreement with R and published figures", ""]
    lines += [f"{today}, AfterCAR {__version__}, Python {platform.python_version()}, {libraries}.", ""]
    lines += [f"{len(rows)} figures compared, {sum(not row[4] for row in rows)} disagree.", ""]
    lines += ["| part | held against | figures | disagree | largest difference over its tolerance |", "|---|---|---|---|---|"]
    for name, table in parts.items():
        worst = max((_share(row) for row in table), default=0.0)
        lines.append(
            f"| [{name}](#{_anchor(name)}) | {AGAINST[name]} | {len(table)} | {sum(not row[4] for row in table)} | {worst:.2g} |"
        )
    lines += [
        "",
        "## Accuracy and speed",
        "",
        "Outputs as the benchmarks printed them, each with its date, version and machine.",
        "",
    ]
    for path in sorted(RESULTS.glob("*.txt")):
        lines += [f"### {path.stem}", "", "```text", path.read_text(encoding="utf-8").rstrip(), "```", ""]
    lines += ["## Every figure", ""]
    for name, table in parts.items():
        lines += [f"### {name}", "", "| figure | ours | reference | tolerance | agrees |", "|---|---|---|---|---|"]
        lines += [f"| {_row(row)} |" for row in table]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def remeasured(text: str) -> str:
    """The page with the kept outputs of the benchmarks as they are now."""
    before, rest = text.split("## Accuracy and speed", 1)
    return before + "\n".join([*_measured(), "## Every figure"]) + rest.split("## Every figure", 1)[1]


def _measured() -> list[str]:
    lines = ["## Accuracy and speed", "", "Outputs as the benchmarks printed them, each with its date, version and machine.", ""]
    for path in sorted(RESULTS.glob("*.txt")):
        lines += [f"### {path.stem}", "", "```text", path.read_text(encoding="utf-8").rstrip(), "```", ""]
    return lines


def _row(row: Any) -> str:
    name, ours, reference, tolerance, agrees = row
    return f"{str(name).replace('|', '/')} | {ours:.10g} | {reference:.10g} | {tolerance:.3g} | {'yes' if agrees else 'NO'}"


def _share(row: Any) -> float:
    """How much of the tolerance a difference uses: absolute, relative for large figures, one-sided for "at most"."""
    name, ours, reference, tolerance, _ = row
    if ours == reference or not tolerance or ("(at most)" in str(name) and ours < reference):
        return 0.0
    return float(abs(ours - reference) / (tolerance * max(1.0, abs(reference))))


def _anchor(name: str) -> str:
    return name.replace(".", "")


if __name__ == "__main__":
    made = remeasured(PAGE.read_text(encoding="utf-8")) if sys.argv[1:] == ["benchmarks"] else page()
    PAGE.write_text(made, encoding="utf-8")
