"""Any valid report survives writing and reading; anything malformed gives one clear error."""

from __future__ import annotations

import contextlib
import random
import re
import resource
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercar.cases.e2b.elements import ELEMENTS, Element, elements_of, groups_in
from aftercar.cases.e2b.message import Batch, Group, Null
from aftercar.cases.e2b.rules import _ONE_WORD, _pairs, check_report
from aftercar.edges.e2b_r2 import r2_from_bytes
from aftercar.edges.e2b_xml import from_bytes, schema_problems, to_bytes
from aftercar.edges.xml_safe import BadXml, read_bytes

# --- any valid report ---
# A seed from Hypothesis drives an ordinary generator: a report has some 200 values, too many to draw one by one.

_LETTERS = "abcXYZ 0189-.,;:<>&'\"/äßéłжЖ中日 ²µ"


def _text(rng: random.Random, longest: int) -> str:
    text = "".join(rng.choice(_LETTERS) for _ in range(rng.randint(1, min(longest or 60, 40))))
    return " ".join(text.split())[: longest or None].strip() or "x"


def _day(rng: random.Random) -> str:
    return f"{rng.randint(1900, 2024)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"


def _value(element: Element, rng: random.Random, *, real: bool = False) -> Any:
    if element.nulls and not real and rng.random() < 0.3:
        return Null(rng.choice(element.nulls))
    if element.code in ("N.2.r.4", "C.1.2"):
        return _day(rng) + "101112+0000"
    if element.code in ("C.1.4", "C.1.5"):
        return _day(rng)
    if element.code == "F.r.3.2":
        return rng.choice(("5", "<0.01", ">=3.5", "12", "<=7", ">1"))
    if element.kind == "code":
        fixed = {r"[A-Z]{2}": "DE", r"[a-z]{3}": "eng", r"\d{8}": "10012345"}
        return rng.choice(element.values) if element.values else fixed.get(element.pattern, "C1")
    one_word = element.code in _ONE_WORD
    return {
        "text": lambda: _text(rng, element.max_length).replace(" ", "_") if one_word else _text(rng, element.max_length),
        "number": lambda: str(rng.randint(0, 999)),
        "date": lambda: _day(rng)[: rng.choice((4, 6, 8))],
        "boolean": lambda: rng.choice(("true", "false")),
        "true": lambda: "true",
        "document": lambda: "data:application/pdf;base64,SGVsbG8=",
        "reference": lambda: "1",
    }[element.kind]()


def _group(name: str, rng: random.Random, events: int) -> Group:
    share = rng.choice((0.1, 0.4, 0.9))
    values = {item.code: _value(item, rng) for item in elements_of(name) if item.required or rng.random() < share}
    if name == "G.k.9.i.2.r":
        wanted = rng.random() < 0.3
        values = {code: value for code, value in values.items() if code.startswith("EU.") == wanted}
    if "F.r.3.3" in values:
        values.setdefault("F.r.3.2", "5")
    if {"E.i.4", "E.i.5"} <= set(values):
        values.pop("E.i.6a", None), values.pop("E.i.6b", None)
    for _ in range(3):
        for code, _place, _rule in _pairs(Group(values), name, ""):
            values[code] = _value(ELEMENTS[code], rng, real=True)
    ordered = {item.code: values[item.code] for item in elements_of(name) if item.code in values}
    groups = {}
    for inner in groups_in(name):
        if inner == "E.i":
            items = [_group(inner, rng, events) for _ in range(events)]
        elif inner == "G.k":
            items = [_group(inner, rng, events) for _ in range(rng.randint(1, 3))]
        elif inner == "G.k.9.i":
            chosen = sorted(rng.sample(range(1, events + 1), rng.randint(0, events)))
            items = [_with(_group(inner, rng, events), {"G.k.9.i.1": str(number), "G.k.9.i.4": "1"}) for number in chosen]
        else:
            items = [_group(inner, rng, events) for _ in range(rng.choice((0, 0, 1, 2)))]
        groups[inner] = tuple(item for item in items if item.values or item.groups)
    return Group(ordered, {inner: items for inner, items in groups.items() if items})


def _with(group: Group, values: dict[str, Any]) -> Group:
    return Group({**group.values, **values}, group.groups)


def _report(seed: int) -> Group:
    rng = random.Random(seed)
    report = _group("", rng, rng.randint(1, 3))
    source = _with(_group("C.2.r", rng, 1), {"C.2.r.3": "DE", "C.2.r.4": "1", "C.2.r.5": "1"})
    drugs = (_with(report.all("G.k")[0], {"G.k.1": "1"}), *report.all("G.k")[1:])
    values = {"D.7.2": "none", **report.values, "C.1.9.1": Null("NI"), "C.1.6.1": "false"}
    if values.get("C.1.3") == "2":
        values["C.5.4"] = "1"
    if "D.9.1" in values:
        values["D.9.3"] = "false"
    return Group(values, {**report.groups, "C.2.r": (source,), "G.k": drugs})


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_any_valid_report_survives_writing_and_reading(seed: int) -> None:
    report = _report(seed)
    assert [str(problem) for problem in check_report(report)] == []
    head = {"N.1.1": "1", "N.1.2": "B1", "N.1.3": "S", "N.1.4": "R", "N.1.5": "20250102030405+0000"}
    batch = Batch(head, (report, report))
    written = to_bytes(batch)
    assert from_bytes(written).batch == batch
    assert to_bytes(from_bytes(written).batch) == written


@pytest.mark.data
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32))
def test_what_is_written_is_valid_by_the_schemas(test_data: Path, seed: int) -> None:
    head = {"N.1.1": "1", "N.1.2": "B1", "N.1.3": "S", "N.1.4": "R", "N.1.5": "20250102030405+0000"}
    assert schema_problems(to_bytes(Batch(head, (_report(seed),))), test_data / "e2b_r3" / "schemas") == []


# --- malformed messages ---

_BOMB = (
    b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">%s]><ichicsr><safetyreport>&lol9;</safetyreport></ichicsr>"""
    % b"".join(b'<!ENTITY lol%d "%s">' % (i, (b"&lol%d;" % (i - 1) if i > 1 else b"&lol;") * 10) for i in range(1, 10))
)
_EXTERNAL = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "%s">]><ichicsr><safetyreport>&x;</safetyreport></ichicsr>"""


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)


@pytest.mark.parametrize("read", [from_bytes, r2_from_bytes])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   \n",
        b"not xml at all",
        b"<a><b></a>",
        _BOMB,
        _EXTERNAL % b"http://127.0.0.1:9/secret",
        _EXTERNAL % b"file:///etc/passwd",
        b'<?xml version="1.0" encoding="utf-8"?><ichicsr>\xff\xfe</ichicsr>',
        b'<?xml version="1.0" encoding="no-such-encoding"?><a/>',
        b"<MCCI_IN200100UV01/>",
        b'<MCCI_IN200100UV01 xmlns="urn:hl7-org:v3"/>',
        b"<ichicsr/>",
        b"\x1f\x8b\x08\x00gzip",
        b"<a>" * 100_000,
    ],
)
def test_a_malformed_message_gives_one_clear_error(no_network: None, read: Any, data: bytes) -> None:
    with pytest.raises(BadXml) as caught:
        read(data, where="message.xml")
    assert "message.xml" in str(caught.value)
    assert "root:" not in str(caught.value)


@given(st.integers(0, 5_000), st.integers(0, 255))
@settings(max_examples=150)
def test_a_damaged_message_is_read_or_refused_but_never_crashes(place: int, byte: int) -> None:
    data = bytearray(_SMALL)
    data[place % len(data)] = byte
    with contextlib.suppress(BadXml):
        from_bytes(bytes(data))


@given(st.integers(0, 5_000))
@settings(max_examples=80)
def test_a_truncated_message_is_refused(length: int) -> None:
    cut = _SMALL[: length % (len(_SMALL) - 2)]
    with pytest.raises(BadXml):
        from_bytes(cut)


def test_a_huge_text_is_refused_within_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.xml"
    with path.open("wb") as stream:
        stream.write(b'<MCCI_IN200100UV01 xmlns="urn:hl7-org:v3"><name>')
        for _ in range(100):
            stream.write(b"x" * 1_000_000)
        stream.write(b"</name></MCCI_IN200100UV01>")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadXml, match="100 MB"):
        read_bytes(path)
    node = b'<MCCI_IN200100UV01 xmlns="urn:hl7-org:v3"><name>' + b"x" * 20_000_000 + b"</name></MCCI_IN200100UV01>"
    with pytest.raises(BadXml):
        from_bytes(node)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


_HEAD = {"N.1.1": "1", "N.1.2": "B", "N.1.3": "S", "N.1.4": "R", "N.1.5": "20250102030405+0000"}
_SMALL = to_bytes(
    Batch(
        _HEAD,
        (
            Group(
                {"C.1.1": "DE-X-1", "H.1": "A narrative of some length with a < sign and an & sign."},
                {
                    "E.i": (Group({"E.i.1.2": "T-cell lymphoma", "E.i.2.1b": "10012345", "E.i.2.1a": "27.0"}),),
                    "G.k": (Group({"G.k.1": "1", "G.k.2.2": "axi-cel"}, {"G.k.4.r": (Group({"G.k.4.r.7": "LOT1"}),)}),),
                },
            ),
        ),
    )
)


def test_the_small_message_is_what_it_should_be() -> None:
    assert from_bytes(_SMALL).batch.reports[0].first("G.k").first("G.k.4.r").text("G.k.4.r.7") == "LOT1"
    assert not re.search(rb"<!DOCTYPE", _SMALL)
