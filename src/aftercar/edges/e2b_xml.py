"""Reading and writing E2B(R3) messages: XML on one side, :class:`~aftercar.cases.e2b.message.Batch` on the other.

Every element is found and written by the same path (``e2b_paths``). What a message holds beyond the claimed
elements is named, never dropped in silence.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from aftercar.cases.e2b.elements import ELEMENTS, elements_of, groups_in
from aftercar.cases.e2b.message import Batch, Group, Null, Value
from aftercar.edges.e2b_nodes import NS, XSI, XSI_TYPE, children, ensure, find_all, sort_children, tag
from aftercar.edges.e2b_paths import ASSESSMENT_PATHS, GROUP_PATHS, OIDS, PATHS, Condition, Step, compiled
from aftercar.edges.xml_safe import MAX_BYTES, BadXml, local, parse, read_bytes, validate

SCHEMA = "multicacheschemas/MCCI_IN200100UV01.xsd"
_SPACE = uuid.UUID("6f1d6c0e-6a57-5a3e-9d0a-5d8a4c1b7e21")
_RANGE = re.compile(r"(<=|>=|<|>)?\s*(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")


#: Child of a dose's time -> its attributes and their elements.
_DOSING = {
    "period": (("value", "G.k.4.r.2"), ("unit", "G.k.4.r.3")),
    "low": (("value", "G.k.4.r.4"),),
    "high": (("value", "G.k.4.r.5"),),
    "width": (("value", "G.k.4.r.6a"), ("unit", "G.k.4.r.6b")),
}


class NotE2b(BadXml):
    """The file is XML, but no E2B(R3) message."""

    code = "not-e2b"


@dataclass(frozen=True)
class Received:
    """A message as read: its batch, and what it holds beyond the claimed elements (places, each once)."""

    batch: Batch
    unclaimed: tuple[str, ...]


def read_message(path: Path, *, max_bytes: int = MAX_BYTES) -> Received:
    """Read a file with one E2B(R3) batch.

    Raises:
        BadXml: for anything but well-formed XML within the limits.
        NotE2b: for another kind of message.
    """
    return from_bytes(read_bytes(path, max_bytes), where=str(path), max_bytes=max_bytes)


def from_bytes(data: bytes, *, where: str = "message", max_bytes: int = MAX_BYTES) -> Received:
    """Read the bytes of one E2B(R3) batch; errors as :func:`read_message`."""
    root = parse(data, where=where, max_bytes=max_bytes)
    if root.tag != tag("MCCI_IN200100UV01"):
        shown = local(root)
        fix = (
            "read it as E2B(R2)"
            if shown.lower() == "ichicsr"
            else "an E2B(R3) batch begins with MCCI_IN200100UV01 in urn:hl7-org:v3"
        )
        raise NotE2b(f"the message begins with {shown!r}, which is not E2B(R3)", where=where, fix=fix)
    reader = _Reader()
    head: dict[str, Value] = {}
    for code in (name for name in ELEMENTS if name.startswith("N.1.")):
        reader.read_element(root, code, PATHS[code], head)
    messages = list(children(root, "PORR_IN049016UV"))
    if not messages:
        raise NotE2b("the batch holds no report", where=where)
    reports = tuple(reader.read_report(message) for message in messages)
    return Received(Batch(head, reports), reader.unclaimed(root))


def to_bytes(batch: Batch) -> bytes:
    """A batch as XML (UTF-8). Identifiers of drugs and events are made from the case, so the same batch gives the same bytes."""
    root = etree.Element(tag("MCCI_IN200100UV01"), nsmap={None: NS, "xsi": XSI})  # type: ignore[dict-item]
    root.set("ITSVersion", "XML_1.0")
    root.set(f"{{{XSI}}}schemaLocation", f"{NS} MCCI_IN200100UV01.xsd")
    for code in ("N.1.2", "N.1.5"):
        _write_element(root, code, PATHS[code], batch.values.get(code))
    _attributes(root, "responseModeCode", code="D")
    _attributes(root, "interactionId", root="2.16.840.1.113883.1.6", extension="MCCI_IN200100UV01")
    _write_element(root, "N.1.1", PATHS["N.1.1"], batch.values.get("N.1.1"))
    for report in batch.reports:
        _write_report(etree.SubElement(root, tag("PORR_IN049016UV")), report)
    for code in ("N.1.4", "N.1.3"):
        _write_element(root, code, PATHS[code], batch.values.get(code))
    sort_children(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def schema_problems(data: bytes, schemas: Path) -> list[str]:
    """Violations of the ICH schemas in the folder that a user supplies; an empty list is valid.

    Raises:
        InputError: when the folder does not hold ``multicacheschemas/MCCI_IN200100UV01.xsd``.
    """
    return validate(parse(data), schemas / SCHEMA)


class _Reader:
    """Reads reports and remembers which nodes were understood."""

    def __init__(self) -> None:
        self._seen: set[etree._Element] = set()

    def read_report(self, message: etree._Element) -> Group:
        values = self._values(message, "")
        groups = {name: self._groups(message, name) for name in groups_in("")}
        report = Group(values, {name: found for name, found in groups.items() if found})
        return self._with_assessments(message, report)

    def read_element(self, node: etree._Element, code: str, path: str, into: dict[str, Value]) -> None:
        if path.startswith("#"):
            return
        way = compiled(path)
        nodes = find_all(node, way.steps)
        if not nodes:
            return
        prefix = way.steps[-1].prefix if way.steps else ""
        self._seen.update(nodes if way.end == "#lines" else nodes[:1])
        value = _value_at(nodes, way.end, prefix)
        if value is not None:
            into[code] = value

    def _values(self, node: etree._Element, group: str) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for element in elements_of(group):
            path = PATHS.get(element.code)
            if path == "#range":
                self._read_range(node, values)
            elif path == "#dosing":
                self._read_dosing(node, values)
            elif path is not None:
                self.read_element(node, element.code, path, values)
        return values

    def _groups(self, node: etree._Element, name: str) -> tuple[Group, ...]:
        if name not in GROUP_PATHS:
            return ()
        found = []
        for start in find_all(node, _to_star(name)):
            rest = _after_star(name)
            at = find_all(start, rest)
            if not at:
                continue
            # The element that repeats may hold values of the group beside the path, so reading begins there when it must.
            base = start if _values_beside(name) else at[0]
            values = self._values(base, name)
            groups = {inner: self._groups(base, inner) for inner in groups_in(name)}
            group = Group(values, {inner: items for inner, items in groups.items() if items})
            if group.values or group.groups:
                found.append(group)
        return tuple(found)

    def _read_range(self, node: etree._Element, values: dict[str, Value]) -> None:
        for value in children(node, "value"):
            if (value.get(XSI_TYPE) or "").rpartition(":")[2] != "IVL_PQ":
                continue
            ends = {local(child): child for child in value.iterchildren() if isinstance(child.tag, str)}
            for name, sign in (("center", ""), ("low", ">"), ("high", "<")):
                end = ends.get(name)
                if end is None or end.get("value") is None:
                    continue
                closed = "=" if sign and end.get("inclusive") == "true" else ""
                values["F.r.3.2"] = f"{sign}{closed}{end.get('value')}"
                if end.get("unit"):
                    values["F.r.3.3"] = str(end.get("unit"))
            self._seen.update(ends.values())

    def _read_dosing(self, node: etree._Element, values: dict[str, Value]) -> None:
        """Interval, start, end and duration of a dose: together in an expression, or each alone."""
        for time in children(node, "effectiveTime"):
            for part in (time, *children(time, "comp")):
                for child in part.iterchildren():
                    for attribute, code in _DOSING.get(local(child), ()):
                        flavour = child.get("nullFlavor")
                        value = child.get(attribute)
                        if value is not None:
                            values.setdefault(code, value)
                        elif flavour and code in ("G.k.4.r.4", "G.k.4.r.5"):
                            values.setdefault(code, Null(flavour))
                        self._seen.add(child)

    def _with_assessments(self, message: etree._Element, report: Group) -> Group:
        drugs = find_all(message, compiled(GROUP_PATHS["G.k"]).steps)
        events = find_all(message, compiled(GROUP_PATHS["E.i"]).steps)
        number_of = {_identifier(node): i for i, node in enumerate(events, 1) if _identifier(node)}
        assessments = find_all(message, compiled("controlActProcess/subject/investigationEvent/component/adverseEventAssessment"
                                                 "/component/causalityAssessment").steps)  # fmt: skip
        if len(drugs) != len(report.all("G.k")):
            return report
        completed = [
            self._assessed(drug, group, number_of, [node for node in assessments if _refers(node, "subject2", drug)])
            for drug, group in zip(drugs, report.all("G.k"), strict=True)
        ]
        return Group(report.values, {**report.groups, **({"G.k": tuple(completed)} if completed else {})})

    def _assessed(
        self, drug: etree._Element, group: Group, number_of: Mapping[str, int], assessments: list[etree._Element]
    ) -> Group:
        values: dict[str, Value] = dict(group.values)
        by_event: dict[int, tuple[dict[str, Value], list[Group]]] = {}

        def event_of(identifier: str | None) -> tuple[dict[str, Value], list[Group]] | None:
            number = number_of.get(identifier or "")
            return None if number is None else by_event.setdefault(number, ({"G.k.9.i.1": str(number)}, []))

        for node in assessments:
            self._seen.update(node.iter())
            code = next(children(node, "code"), None)
            if code is not None and code.get("code") == "20":
                role = next(children(node, "value"), None)
                if role is not None and role.get("code"):
                    values.setdefault("G.k.1", str(role.get("code")))
                continue
            reference = find_all(node, compiled("subject1/adverseEffectReference/id").steps)
            place = event_of(reference[0].get("root") if reference else None)
            found: dict[str, Value] = {}
            for element, path in ASSESSMENT_PATHS.items():
                self.read_element(node, element, path, found)
            if place is not None and found:
                place[1].append(Group(found))
        for relation in children(drug, "outboundRelationship1"):
            self._read_interval(relation, event_of)
        for observation in find_all(drug, compiled("outboundRelationship2/observation[code=31@obs]").steps):
            reference = find_all(observation, compiled("outboundRelationship1/actReference/id").steps)
            place = event_of(reference[0].get("root") if reference else None)
            recurred = find_all(observation, compiled("value{CE}[@codeSystem=recur]").steps)
            if place is not None and recurred and recurred[0].get("code"):
                place[0]["G.k.9.i.4"] = str(recurred[0].get("code"))
                self._seen.update(observation.iter())
        pairs = tuple(
            Group(pair_values, {"G.k.9.i.2.r": tuple(given)} if given else {})
            for _, (pair_values, given) in sorted(by_event.items())
        )
        role_first = {"G.k.1": values.pop("G.k.1"), **values} if "G.k.1" in values else values
        return Group(role_first, {**group.groups, **({"G.k.9.i": pairs} if pairs else {})})

    def _read_interval(self, relation: etree._Element, event_of: object) -> None:
        assert callable(event_of)
        digit = {"SAS": "1", "SAE": "2"}.get(relation.get("typeCode", ""))
        reference = find_all(relation, compiled("actReference/id").steps)
        pause = next(children(relation, "pauseQuantity"), None)
        place = event_of(reference[0].get("root") if reference else None)
        if digit is None or pause is None or place is None:
            return
        for attribute, letter in (("value", "a"), ("unit", "b")):
            if pause.get(attribute):
                place[0][f"G.k.9.i.3.{digit}{letter}"] = str(pause.get(attribute))
        self._seen.update(relation.iter())

    def unclaimed(self, root: etree._Element) -> tuple[str, ...]:
        """Places of values that no claimed element took."""
        found: dict[str, None] = {}
        for node in root.iter():
            if not isinstance(node.tag, str) or node in self._seen or local(node) in _SILENT:
                continue
            has_text = bool((node.text or "").strip())
            if (
                has_text
                or any(node.get(name) for name in ("value", "extension"))
                or (node.get("code") and local(node) == "value")
            ):
                parents = [local(parent) for parent in node.iterancestors()][:4]
                found["/".join([*reversed(parents), local(node)])] = None
        return tuple(found)


#: Structure rather than content.
_SILENT = frozenset(
    (
        "id",
        "interactionId",
        "processingCode",
        "processingModeCode",
        "acceptAckCode",
        "responseModeCode",
        "code",
        "statusCode",
        "denominator",
        "sequenceNumber",
    )
)


def _value_at(nodes: list[etree._Element], end: str, prefix: str) -> Value | None:
    node = nodes[0]
    flavour = node.get("nullFlavor")
    if end == "#lines":
        lines = [text for found in nodes if (text := _text(found))]
        return "\n".join(lines) if lines else (Null(flavour) if flavour else None)
    if end == "#text":
        return _text(node) or (Null(flavour) if flavour else None)
    if end == "#document":
        return _document(node)
    value = node.get(end[1:])
    if value is None or (prefix and value.lower() == prefix):
        return Null(flavour) if flavour and end in ("@value", "@code", "@extension") else None
    return value[len(prefix) :] if prefix else value


def _text(node: etree._Element) -> str:
    return "".join(str(part) for part in node.itertext()).strip()


def _document(node: etree._Element) -> str | None:
    content = re.sub(r"\s+", "", _text(node))
    if not content:
        return None
    kind = node.get("mediaType") or "application/octet-stream"
    return f"data:{kind};base64,{content}" if node.get("representation") == "B64" else f"data:{kind},{_text(node)}"


def _identifier(node: etree._Element) -> str:
    found = next(children(node, "id"), None)
    return "" if found is None else str(found.get("root") or "")


def _refers(node: etree._Element, side: str, target: etree._Element) -> bool:
    found = find_all(node, compiled(f"{side}/productUseReference/id").steps)
    return bool(found) and found[0].get("root") == _identifier(target) != ""


def _to_star(name: str) -> tuple[Step, ...]:
    steps = compiled(GROUP_PATHS[name]).steps
    return steps[: _star(name) + 1]


def _after_star(name: str) -> tuple[Step, ...]:
    return compiled(GROUP_PATHS[name]).steps[_star(name) + 1 :]


def _star(name: str) -> int:
    return next(i for i, step in enumerate(compiled(GROUP_PATHS[name]).steps) if step.repeats)


def _values_beside(name: str) -> bool:
    """Whether the group's paths begin at the element that repeats (the path ends there)."""
    return not _after_star(name)


def _write_report(message: etree._Element, report: Group) -> None:
    _attributes(message, "interactionId", root="2.16.840.1.113883.1.6", extension="PORR_IN049016UV")
    for name, code in (("processingCode", "P"), ("processingModeCode", "T"), ("acceptAckCode", "AL")):
        _attributes(message, name, code=code)
    act = ensure(message, (Step("controlActProcess"),))
    _attributes(act, "code", code="PORR_TE049016UV", codeSystem="2.16.840.1.113883.1.18")
    event = ensure(act, (Step("subject"), Step("investigationEvent")))
    _attributes(event, "code", code="PAT_ADV_EVNT", codeSystem="2.16.840.1.113883.5.4")
    _attributes(event, "statusCode", code="active")
    case = report.text("C.1.1") or "case"
    starts = _write_group(message, "", report, case)
    events = [_with_identifier(node, f"{case}/event/{i}") for i, node in enumerate(starts.get("E.i", ()), 1)]
    for i, (drug, group) in enumerate(zip(starts.get("G.k", ()), report.all("G.k"), strict=True), 1):
        _write_assessments(message, drug, _with_identifier(drug, f"{case}/drug/{i}"), group, events)
    _complete(message)


def _write_group(node: etree._Element, name: str, group: Group, case: str) -> dict[str, list[etree._Element]]:
    for element in elements_of(name):
        path = PATHS.get(element.code)
        if path == "#range":
            if element.code == "F.r.3.2":
                _write_range(node, group)
        elif path == "#dosing":
            if element.code == "G.k.4.r.2":
                _write_dosing(node, group)
        elif path is not None and path != "#role":
            _write_element(node, element.code, path, group.get(element.code))
    starts: dict[str, list[etree._Element]] = {}
    for inner in groups_in(name):
        if inner not in GROUP_PATHS:
            continue
        for repetition in group.all(inner):
            start = ensure(node, compiled(GROUP_PATHS[inner]).steps)
            starts.setdefault(inner, []).append(start)
            _write_group(start, inner, repetition, case)
    return starts


def _write_element(node: etree._Element, code: str, path: str, value: Value | None) -> None:
    if value is None:
        return
    way = compiled(path)
    steps = way.steps
    if steps and steps[-1].prefix:
        target = etree.SubElement(ensure(node, steps[:-1]), tag(steps[-1].name))
    else:
        target = ensure(node, steps)
    if isinstance(value, Null):
        target.set("nullFlavor", value.flavour)
        if steps and steps[-1].prefix:
            target.set("value", steps[-1].prefix)  # tells a telephone that is null from an e-mail that is
        if way.end in ("@value", "@code") and code != "FDA.G.k.10a.r":
            target.attrib.pop("codeSystem", "")
    elif way.end in ("#text", "#lines"):
        target.text = value
    elif way.end == "#document":
        _write_document(target, value)
    else:
        prefix = steps[-1].prefix if steps else ""
        target.set(way.end[1:], prefix + value)


def _write_document(target: etree._Element, value: str) -> None:
    head, _, content = value.removeprefix("data:").partition(",")
    kind, _, coding = head.partition(";")
    target.set("mediaType", kind)
    if coding == "base64":
        target.set("representation", "B64")
    target.text = content


def _write_range(node: etree._Element, group: Group) -> None:
    text, unit = group.text("F.r.3.2"), group.text("F.r.3.3")
    if text is None:
        return
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise BadXml(f"F.r.3.2 (result value) is {text!r}, not a number with < <= > or >= before it")
    sign, number = found.groups()
    value = etree.SubElement(node, tag("value"))
    value.set(XSI_TYPE, "IVL_PQ")
    end = etree.SubElement(value, tag({None: "center", "<": "high", "<=": "high", ">": "low", ">=": "low"}[sign]))
    end.set("value", number)
    if unit:
        end.set("unit", unit)
    if sign:
        end.set("inclusive", "true" if "=" in sign else "false")
        other = etree.SubElement(value, tag("low" if "<" in sign else "high"))
        other.set("nullFlavor", "NINF" if "<" in sign else "PINF")


def _write_dosing(node: etree._Element, group: Group) -> None:
    """The interval, the start and end, and the duration each need a part of their own; a single part stands alone."""
    parts = [
        (kind, [name for name in names if any(code in group.values for _, code in _DOSING[name])])
        for kind, names in (("PIVL_TS", ("period",)), ("IVL_TS", ("low", "high")), ("IVL_TS", ("width",)))
    ]
    parts = [(kind, names) for kind, names in parts if names]
    if not parts:
        return
    time = etree.SubElement(node, tag("effectiveTime"))
    time.set(XSI_TYPE, parts[0][0] if len(parts) == 1 else "SXPR_TS")
    for i, (kind, names) in enumerate(parts):
        holder = time if len(parts) == 1 else etree.SubElement(time, tag("comp"))
        holder.set(XSI_TYPE, kind)
        if i:
            holder.set("operator", "A")
        for name in names:
            child = etree.SubElement(holder, tag(name))
            for attribute, code in _DOSING[name]:
                value = group.get(code)
                if isinstance(value, Null):
                    child.set("nullFlavor", value.flavour)
                elif value is not None:
                    child.set(attribute, value)


def _with_identifier(node: etree._Element, name: str) -> str:
    identifier = str(uuid.uuid5(_SPACE, name))
    _attributes(node, "id", root=identifier)
    return identifier


def _write_assessments(message: etree._Element, drug: etree._Element, drug_id: str, group: Group, events: list[str]) -> None:
    assessment = ensure(message, compiled("controlActProcess/subject/investigationEvent/component/adverseEventAssessment").steps)
    role = group.text("G.k.1")
    if role is not None:
        node = _causality(assessment, "20", drug_id)
        value = etree.SubElement(node, tag("value"))
        value.set(XSI_TYPE, "CE")
        value.set("code", role)
        value.set("codeSystem", OIDS["role"])
    for pair in group.all("G.k.9.i"):
        event_id = events[int(pair.text("G.k.9.i.1") or "0") - 1]
        for digit, kind in (("1", "SAS"), ("2", "SAE")):
            _write_interval(drug, kind, pair.text(f"G.k.9.i.3.{digit}a"), pair.text(f"G.k.9.i.3.{digit}b"), event_id)
        if recurred := pair.text("G.k.9.i.4"):
            relation = ensure(drug, (Step("outboundRelationship2", type_code="PERT", repeats=True),))
            observation = ensure(relation, (Step("observation", (Condition(("code",), "code", "31", OIDS["obs"]),)),))
            value = etree.SubElement(observation, tag("value"))
            value.set(XSI_TYPE, "CE")
            value.set("code", recurred)
            value.set("codeSystem", OIDS["recur"])
            _refer(observation, "outboundRelationship1", "actReference", event_id)
        for given in pair.all("G.k.9.i.2.r"):
            node = _causality(assessment, "39", drug_id)
            for element, path in ASSESSMENT_PATHS.items():
                _write_element(node, element, path, given.get(element))
            _refer(node, "subject1", "adverseEffectReference", event_id)


def _write_interval(drug: etree._Element, kind: str, value: str | None, unit: str | None, event_id: str) -> None:
    if value is None:
        return
    relation = ensure(drug, (Step("outboundRelationship1", type_code=kind, repeats=True),))
    _attributes(relation, "pauseQuantity", value=value, unit=unit or "")
    _attributes(ensure(relation, (Step("actReference"),)), "id", root=event_id)


def _causality(assessment: etree._Element, code: str, drug_id: str) -> etree._Element:
    node = ensure(assessment, (Step("component", repeats=True), Step("causalityAssessment")))
    _attributes(node, "code", code=code, codeSystem=OIDS["obs"])
    _refer(node, "subject2", "productUseReference", drug_id)
    return node


def _refer(node: etree._Element, relation: str, reference: str, identifier: str) -> None:
    _attributes(ensure(node, (Step(relation, repeats=True), Step(reference))), "id", root=identifier)


def _complete(message: etree._Element) -> None:
    """What the schema or the guide asks for beside the elements."""
    for numerator in message.iter(tag("numerator")):
        quantity = numerator.getparent()
        if quantity is not None and next(children(quantity, "denominator"), None) is None:
            _attributes(quantity, "denominator", value="1")
    for instance in message.iter(tag("productInstanceInstance")):
        if next(children(instance, "id"), None) is None:
            _attributes(instance, "id", nullFlavor="NI")
    for indication in message.iter(tag("inboundRelationship")):
        for observation in children(indication, "observation"):
            code = next(children(observation, "code"), None)
            if code is not None and code.get("code") == "19" and next(children(observation, "performer"), None) is None:
                entity = ensure(observation, (Step("performer"), Step("assignedEntity")))
                _attributes(entity, "code", code="3", codeSystem=OIDS["who"])
    for node in find_all(message, compiled("controlActProcess/subject/investigationEvent/component/adverseEventAssessment"
                                           "/component1/observationEvent[code=15@obs]").steps):  # fmt: skip
        if next(children(node, "author"), None) is None:
            _attributes(ensure(node, (Step("author"), Step("assignedEntity"))), "code", code="1", codeSystem=OIDS["who"])
    for node in find_all(
        message, compiled("controlActProcess/subject/investigationEvent/component/observationEvent[code=36@obs]").steps
    ):
        if next(children(node, "author"), None) is None:
            _attributes(ensure(node, (Step("author"), Step("assignedEntity"))), "code", code="2", codeSystem=OIDS["who"])


def _attributes(parent: etree._Element, name: str, **attributes: str) -> None:
    node = etree.SubElement(parent, tag(name))
    for key, value in attributes.items():
        if value:
            node.set(key, value)
