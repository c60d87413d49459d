"""Golden reports: the machine-readable twins of both examples, frozen, for every kind of report.

The simulated centre stands without its read files; the laboratory report is made of an invented verdict in the folder `golden`.

Comparison policy: text, counts, keys and the order of rows are exact; floating-point numbers agree to 1e-9 relative (last bits
may differ between numerical libraries); of the provenance only the data lock, settings and filters are compared, because versions
and hashes change by design. Regenerate with ``AFTERCAR_GOLDEN=write pytest tests/references/test_golden_reports.py`` and explain
every difference in the commit.
"""

import datetime as dt
import json
import math
import os
import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from aftercar.actions.report import KINDS, Wanted, build
from aftercar.reports.blocks import twin
from aftercar.reports.laboratory import Drawn, laboratory_report
from aftercar.vocab.tables.study import SAMPLES

GOLDEN = Path(__file__).parent / "golden"
WANTED = {
    "assessment": ("published", Wanted("assessment")),
    "signal": ("published", Wanted("signal")),
    "periodic": ("published", Wanted("periodic")),
    "dossier": ("published", Wanted("dossier", case="COLOGNE-2025-01")),
    "masked": ("published", Wanted("assessment", is_masked=True)),
    "interval": ("centre", Wanted("periodic", since=dt.date(2023, 7, 1))),
    "study": ("centre", Wanted("study")),
    "masked-study": ("centre", Wanted("study", is_masked=True)),
    "centre": ("centre", Wanted("centre")),
    "person": ("centre", Wanted("dossier", case="CASE-1", author="A. Assessor")),
}


def test_every_kind_is_frozen():
    assert {wanted.kind for _, wanted in WANTED.values()} | {"laboratory"} == set(KINDS)


@pytest.mark.parametrize("name", WANTED)
def test_report_is_as_frozen(tmp_path, project, name):
    study, wanted = WANTED[name]
    shutil.copytree(project / "examples" / study, tmp_path / "study")
    without_reads(tmp_path / "study")
    build(tmp_path / "study", tmp_path / "out", wanted, ["json"])
    held(json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8")), name)


def test_laboratory_report_is_as_frozen():
    verdict = json.loads((GOLDEN / "invented_verdict.json").read_text(encoding="utf-8"))
    sample = dict.fromkeys(SAMPLES.names) | {"sample_id": "S1", "person_id": "P1", "material": "tumour", "purity": 0.7}
    windows = [
        {"vector": "v", "part": "provirus", "start": 1 + 50 * i, "end": 50 + 50 * i, "depth": i, "human": 0} for i in range(4)
    ]
    held(twin(laboratory_report(sample, verdict, dt.date(2026, 1, 5), {}, drawn=Drawn(coverage=windows))), "laboratory")


def without_reads(folder):
    """The study as it stands where nobody simulated the reads."""
    head = folder / "study.toml"
    head.write_text(re.sub(r"(?m)^(reference|vector) = .*$", "", head.read_text(encoding="utf-8")), encoding="utf-8")
    samples = folder / "samples.csv"
    if samples.is_file():
        pl.read_csv(samples, infer_schema=False).with_columns(pl.lit(None).alias("reads")).write_csv(samples)


def held(found, name):
    """Compare with the frozen twin, or freeze it when asked to."""
    kept = ("data_lock", "settings", "filters", "author", "report")
    found["provenance"] = {key: found["provenance"][key] for key in kept if key in found["provenance"]}
    for part in ("settings-table", "inputs-table"):
        found["parts"].pop(part, None)
    path = GOLDEN / f"{name}.json"
    if os.environ.get("AFTERCAR_GOLDEN") == "write":
        path.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    compare(found, json.loads(path.read_text(encoding="utf-8")), name)


def compare(found, wanted, where):
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), where
        for key in wanted:
            compare(found[key], wanted[key], f"{where}.{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), where
        for i, item in enumerate(wanted):
            compare(found[i], item, f"{where}[{i}]")
    elif isinstance(wanted, float) or isinstance(found, float):
        assert math.isclose(found, wanted, rel_tol=1e-9) or (found != found and wanted != wanted), where
    else:
        assert found == wanted, where
