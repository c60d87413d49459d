"""The ten FDA sample messages: read, checked, written, validated, read again, and held to XPaths of the element registry."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree

from aftercar.cases.e2b.elements import ELEMENTS
from aftercar.cases.e2b.message import Null
from aftercar.cases.e2b.rules import check_batch
from aftercar.edges.e2b_xml import from_bytes, read_message, schema_problems, to_bytes

pytestmark = pytest.mark.data
#: Limits and documents need more than an XPath; of several street lines the published XPath takes only the first.
_NOT_BY_XPATH = {"F.r.3.2", "F.r.3.3", "C.1.6.1.r.2", "C.4.r.2", "C.2.r.2.3"}
NAMES = ["1", "2", "3", "4", "5-1", "5-2", "5-3", "6", "7", "8"]


@pytest.fixture(params=NAMES)
def sample(request: pytest.FixtureRequest, test_data: Path) -> Path:
    return test_data / "e2b_r3" / "fda_faers2022_instances" / f"FAERS2022Scenario{request.param}.xml"


def test_nothing_claimed_is_lost_and_what_we_write_is_valid(sample: Path, test_data: Path) -> None:
    received = read_message(sample)
    written = to_bytes(received.batch)
    assert schema_problems(written, test_data / "e2b_r3" / "schemas") == []
    assert from_bytes(written).batch == received.batch
    assert sum(1 for report in received.batch.reports for _ in report.walk()) > 80


def test_the_rules_pass_or_name_what_is_wrong_in_the_sample(sample: Path) -> None:
    batch = read_message(sample).batch
    profile = "fda" if batch.values["N.1.4"] == "ZZFDA" else "fda_premarket"
    wrong = [problem.element for problem in check_batch(batch, profile=profile)]
    # The sample with every element has a null age group, which ICH does not allow, and a country in lower case.
    assert wrong == (["D.2.3", "E.i.9"] if sample.stem.endswith("6") else [])


def test_reading_agrees_with_the_xpaths_of_the_registry(sample: Path, test_data: Path) -> None:
    """A slow and independent twin: each element's published XPath, evaluated by libxml2, gives the values that we read."""
    registry = json.loads((test_data / "e2b_r3" / "qvis_registry" / "dictionary_ich-e2br3.json").read_text(encoding="utf-8"))
    root = etree.parse(str(sample)).getroot()
    received = read_message(sample).batch
    read: Counter[tuple[str, str]] = Counter()
    for code, value in [*received.values.items(), *((c, v) for report in received.reports for _, c, v in report.walk())]:
        if not isinstance(value, Null):
            read[code, _squeezed(value)] += 1
    compared = 0
    for entry in registry["entries"]:
        code = entry["code"]
        if code not in ELEMENTS or not entry.get("xpath") or "UUID" in entry["xpath"] or code in _NOT_BY_XPATH:
            continue
        expected = Counter((code, _squeezed(value)) for value in _evaluate(root, entry["xpath"]) if _squeezed(value))
        mine = Counter({key: count for key, count in read.items() if key[0] == code})
        assert mine == expected, code
        compared += sum(expected.values())
    assert compared > 60


def _evaluate(root: etree._Element, xpath: str) -> list[str]:
    path = re.sub(r"\[[rik]\]", "", xpath).replace("[@xsi:schemaLocation='urn:hl7-org:v3 MCCI_IN200100UV01.xsd']", "")
    prefix = ""
    if path.startswith("substring("):
        path = re.fullmatch(r"substring\((.*),\s*\d+\)", path).group(1)  # type: ignore[union-attr]
        prefix = re.search(r"starts-with\(@value,\s*'(\w+:)'\)", path).group(1)  # type: ignore[union-attr]
    # Positions would pick the first of several organisers, where a message may hold one organiser for each item.
    path = re.sub(r"(organizer/code\[[^]]*\]\[[^]]*\]\])\[1\]", r"\1", path)
    named = re.sub(
        r"(?<![@\w:'.-])(?!text\(\)|starts-with|and\b|or\b|not\b)([A-Za-z_][\w]*)(?![\w(:'-])(?=[/\[\]\s]|$)", r"h:\1", path
    )
    found = root.xpath(named, namespaces={"h": "urn:hl7-org:v3", "xsi": "http://www.w3.org/2001/XMLSchema-instance"})
    return [str(value).removeprefix(prefix) for value in found]  # type: ignore[union-attr]


def _squeezed(value: str) -> str:
    return " ".join(value.split())
