"""Golden reports: the machine-readable twins of the published example, frozen.

Comparison policy: text, counts, keys and the order of rows are exact; floating-point numbers agree to 1e-9 relative (last bits
may differ between numerical libraries); of the provenance only the data lock, settings and filters are compared, because versions
and hashes change by design. Regenerate with ``AFTERCAR_GOLDEN=write pytest tests/references/test_golden_reports.py`` and explain
every difference in the commit.
"""

import json
import math
import os
from pathlib import Path

import pytest

from aftercar.actions.report import Wanted, build

GOLDEN = Path(__file__).parent / "golden"
WANTED = {
    "assessment": Wanted("assessment"),
    "signal": Wanted("signal"),
    "periodic": Wanted("periodic"),
    "dossier": Wanted("dossier", case="COLOGNE-2025-01"),
    "masked": Wanted("assessment", is_masked=True),
}


@pytest.mark.parametrize("name", WANTED)
def test_report_is_as_frozen(tmp_path, project, name):
    build(project / "examples" / "published", tmp_path / "out", WANTED[name], ["json"])
    found = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    found["provenance"] = {key: found["provenance"][key] for key in ("data_lock", "settings", "filters", "report")}
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
