"""Reading E2B(R2) messages (``ichicsr``) into the elements of R3.

The document type is accepted and never loaded. Texts where R3 wants a MedDRA code stay texts; what R2 holds that
has no place among the claimed elements is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from lxml import etree

from aftercar.cases.e2b.message import Batch, Group, Value, made
from aftercar.edges.e2b_xml import NotE2b, Received
from aftercar.edges.xml_safe import MAX_BYTES, local, parse, read_bytes

#: R2 unit codes as UCUM.
_UNITS = {
    "800": "10.a",
    "801": "a",
    "802": "mo",
    "803": "wk",
    "804": "d",
    "805": "h",
    "806": "min",
    "807": "s",
    "810": "{trimester}",
    "001": "kg",
    "002": "g",
    "003": "mg",
    "004": "ug",
    "011": "L",
    "012": "mL",
    "025": "[iU]",
    "032": "{DF}",
}
_ACTION = {"1": "1", "2": "2", "3": "3", "4": "4", "5": "0", "6": "9"}
_OUTCOME = {"1": "1", "2": "2", "3": "3", "4": "4", "5": "5", "6": "0"}
_BOOLEAN = {"1": "true", "2": "false"}
_TRUE = {"1": "true"}
_RECUR = {"1": "1", "2": "2", "3": "3"}

Convert = Callable[[str], str | None]


def _table(codes: Mapping[str, str]) -> Convert:
    return codes.get


def _meddra(text: str) -> str | None:
    return text if re.fullmatch(r"\d{8}", text) else None


def _unit(text: str) -> str:
    return _UNITS.get(text, f"{{R2 unit {text}}}" if text.isdigit() else text)


#: R2 element -> (R3 element, conversion), by the R2 element it stands in.
_MAP: dict[str, dict[str, tuple[str, Convert | None]]] = {
    "safetyreport": {
        "safetyreportid": ("C.1.1", None),
        "reporttype": ("C.1.3", None),
        "receivedate": ("C.1.4", None),
        "receiptdate": ("C.1.5", None),
        "additionaldocument": ("C.1.6.1", _table(_BOOLEAN)),
        "fulfillexpeditecriteria": ("C.1.7", _table(_BOOLEAN)),
        "casenullification": ("C.1.11.1", _table({"1": "1"})),
        "nullificationreason": ("C.1.11.2", None),
    },
    "reportduplicate": {"duplicatesource": ("C.1.9.1.r.1", None), "duplicatenumb": ("C.1.9.1.r.2", None)},
    "linkedreport": {"linkreportnumb": ("C.1.10.r", None)},
    "primarysource": {
        "reportertitle": ("C.2.r.1.1", None),
        "reportergivename": ("C.2.r.1.2", None),
        "reportermiddlename": ("C.2.r.1.3", None),
        "reporterfamilyname": ("C.2.r.1.4", None),
        "reporterorganization": ("C.2.r.2.1", None),
        "reporterdepartment": ("C.2.r.2.2", None),
        "reporterstreet": ("C.2.r.2.3", None),
        "reportercity": ("C.2.r.2.4", None),
        "reporterstate": ("C.2.r.2.5", None),
        "reporterpostcode": ("C.2.r.2.6", None),
        "reportercountry": ("C.2.r.3", None),
        "qualification": ("C.2.r.4", None),
    },
    "sender": {
        "sendertype": ("C.3.1", None),
        "senderorganization": ("C.3.2", None),
        "senderdepartment": ("C.3.3.1", None),
        "sendertitle": ("C.3.3.2", None),
        "sendergivename": ("C.3.3.3", None),
        "sendermiddlename": ("C.3.3.4", None),
        "senderfamilyname": ("C.3.3.5", None),
        "senderstreetaddress": ("C.3.4.1", None),
        "sendercity": ("C.3.4.2", None),
        "senderstate": ("C.3.4.3", None),
        "senderpostcode": ("C.3.4.4", None),
        "sendercountrycode": ("C.3.4.5", None),
        "sendertel": ("C.3.4.6", None),
        "senderfax": ("C.3.4.7", None),
        "senderemailaddress": ("C.3.4.8", None),
    },
    "patient": {
        "patientinitial": ("D.1", None),
        "patientgpmedicalrecordnumb": ("D.1.1.1", None),
        "patientspecialistrecordnumb": ("D.1.1.2", None),
        "patienthospitalrecordnumb": ("D.1.1.3", None),
        "patientinvestigationnumb": ("D.1.1.4", None),
        "patientbirthdate": ("D.2.1", None),
        "patientonsetage": ("D.2.2a", None),
        "patientonsetageunit": ("D.2.2b", _unit),
        "gestationperiod": ("D.2.2.1a", None),
        "gestationperiodunit": ("D.2.2.1b", _unit),
        "patientagegroup": ("D.2.3", None),
        "patientweight": ("D.3", None),
        "patientheight": ("D.4", None),
        "patientsex": ("D.5", None),
        "patientlastmenstrualdate": ("D.6", None),
        "patientmedicalhistorytext": ("D.7.2", None),
    },
    "medicalhistoryepisode": {
        "patientepisodenamemeddraversion": ("D.7.1.r.1a", None),
        "patientepisodename": ("D.7.1.r.1b", _meddra),
        "patientmedicalstartdate": ("D.7.1.r.2", None),
        "patientmedicalcontinue": ("D.7.1.r.3", _table(_BOOLEAN)),
        "patientmedicalenddate": ("D.7.1.r.4", None),
        "patientmedicalcomment": ("D.7.1.r.5", None),
    },
    "patientpastdrugtherapy": {
        "patientdrugname": ("D.8.r.1", None),
        "patientdrugstartdate": ("D.8.r.4", None),
        "patientdrugenddate": ("D.8.r.5", None),
        "patientindicationmeddraversion": ("D.8.r.6a", None),
        "patientdrugindication": ("D.8.r.6b", _meddra),
        "patientdrgreactionmeddraversion": ("D.8.r.7a", None),
        "patientdrugreaction": ("D.8.r.7b", _meddra),
    },
    "patientdeath": {"patientdeathdate": ("D.9.1", None), "patientautopsyyesno": ("D.9.3", _table(_BOOLEAN))},
    "patientdeathcause": {"patientdeathreportmeddraversion": ("D.9.2.r.1a", None), "patientdeathreport": ("D.9.2.r.1b", _meddra)},
    "patientautopsy": {
        "patientdetermautopsmeddraversion": ("D.9.4.r.1a", None),
        "patientdetermineautopsy": ("D.9.4.r.1b", _meddra),
    },
    "reaction": {
        "primarysourcereaction": ("E.i.1.2", None),
        "reactionmeddraversionllt": ("E.i.2.1a", None),
        "reactionmeddrallt": ("E.i.2.1b", _meddra),
        "termhighlighted": ("E.i.3.1", None),
        "reactionstartdate": ("E.i.4", None),
        "reactionenddate": ("E.i.5", None),
        "reactionduration": ("E.i.6a", None),
        "reactiondurationunit": ("E.i.6b", _unit),
        "reactionoutcome": ("E.i.7", _table(_OUTCOME)),
    },
    "test": {
        "testdate": ("F.r.1", None),
        "testname": ("F.r.2.1", None),
        "lowtestrange": ("F.r.4", None),
        "hightestrange": ("F.r.5", None),
        "moreinformation": ("F.r.7", _table(_BOOLEAN)),
    },
    "drug": {
        "drugcharacterization": ("G.k.1", None),
        "medicinalproduct": ("G.k.2.2", None),
        "obtaindrugcountry": ("G.k.2.4", None),
        "drugauthorizationnumb": ("G.k.3.1", None),
        "drugauthorizationcountry": ("G.k.3.2", None),
        "drugauthorizationholder": ("G.k.3.3", None),
        "drugcumulativedosagenumb": ("G.k.5a", None),
        "drugcumulativedosageunit": ("G.k.5b", _unit),
        "reactiongestationperiod": ("G.k.6a", None),
        "reactiongestationperiodunit": ("G.k.6b", _unit),
        "actiondrug": ("G.k.8", _table(_ACTION)),
        "drugadditional": ("G.k.11", None),
    },
    "summary": {
        "narrativeincludeclinical": ("H.1", None),
        "reportercomment": ("H.2", None),
        "sendercomment": ("H.4", None),
    },
}
_DOSE: dict[str, tuple[str, Convert | None]] = {
    "drugstructuredosagenumb": ("G.k.4.r.1a", None),
    "drugstructuredosageunit": ("G.k.4.r.1b", _unit),
    "drugintervaldosageunitnumb": ("G.k.4.r.2", None),
    "drugintervaldosagedefinition": ("G.k.4.r.3", _unit),
    "drugstartdate": ("G.k.4.r.4", None),
    "drugenddate": ("G.k.4.r.5", None),
    "drugtreatmentduration": ("G.k.4.r.6a", None),
    "drugtreatmentdurationunit": ("G.k.4.r.6b", _unit),
    "drugbatchnumb": ("G.k.4.r.7", None),
    "drugdosagetext": ("G.k.4.r.8", None),
    "drugdosageform": ("G.k.4.r.9.1", None),
}
_SERIOUS = {
    "seriousnessdeath": "E.i.3.2a",
    "seriousnesslifethreatening": "E.i.3.2b",
    "seriousnesshospitalization": "E.i.3.2c",
    "seriousnessdisabling": "E.i.3.2d",
    "seriousnesscongenitalanomali": "E.i.3.2e",
    "seriousnessother": "E.i.3.2f",
}


def read_r2(path: Path, *, max_bytes: int = MAX_BYTES) -> Received:
    """Read a file with an E2B(R2) message.

    Raises:
        BadXml: for anything but well-formed XML within the limits.
        NotE2b: for another kind of message.
    """
    return r2_from_bytes(read_bytes(path, max_bytes), where=str(path), max_bytes=max_bytes)


def r2_from_bytes(data: bytes, *, where: str = "message", max_bytes: int = MAX_BYTES) -> Received:
    """Read the bytes of an E2B(R2) message; errors as :func:`read_r2`."""
    root = parse(data, where=where, max_bytes=max_bytes, allow_doctype=True)
    if local(root) != "ichicsr":
        raise NotE2b(f"the message begins with {local(root)!r}, which is not E2B(R2)", where=where)
    reader = _Reader()
    head = next(root.iterchildren("ichicsrmessageheader"), None)
    values: dict[str, Value] = {"N.1.1": "1"}
    for name, code in (
        ("messagenumb", "N.1.2"),
        ("messagesenderidentifier", "N.1.3"),
        ("messagereceiveridentifier", "N.1.4"),
        ("messagedate", "N.1.5"),
    ):
        if head is not None and (text := reader.text(head, name)):
            values[code] = text
    reports = tuple(reader.report(node, values) for node in root.iterchildren("safetyreport"))
    if not reports:
        raise NotE2b("the message holds no safetyreport", where=where)
    return Received(Batch(values, reports), reader.unread(root))


def _names_event(node: etree._Element) -> bool:
    return any(next(node.iterchildren(name), None) is not None for name in ("primarysourcereaction", "reactionmeddrallt"))


class _Reader:
    def __init__(self) -> None:
        self._seen: set[etree._Element] = set()

    def text(self, node: etree._Element, name: str) -> str | None:
        found = next(node.iterchildren(name), None)
        if found is None:
            return None
        self._seen.add(found)
        self._seen.update(node.iterchildren(f"{name}format"))
        return "".join(str(part) for part in found.itertext()).strip() or None

    def values(self, node: etree._Element, table: Mapping[str, tuple[str, Convert | None]]) -> dict[str, Value | None]:
        found: dict[str, Value | None] = {}
        for name, (code, convert) in table.items():
            text = self.text(node, name)
            if text is None:
                continue
            value = convert(text) if convert is not None else text
            if value is None:
                self._seen.discard(next(node.iterchildren(name)))
            else:
                found[code] = value
        return found

    def mapped(self, node: etree._Element, name: str) -> dict[str, Value | None]:
        return self.values(node, _MAP[name])

    def report(self, node: etree._Element, head: Mapping[str, Value]) -> Group:
        values = self.mapped(node, "safetyreport")
        number = self.text(node, "companynumb") or self.text(node, "authoritynumb")
        values |= {
            "C.1.8.1": number or values.get("C.1.1"),
            "C.1.8.2": "1" if next(node.iterchildren("authoritynumb"), None) is not None else "2",
            "N.2.r.1": values.get("C.1.1"),
            "N.2.r.2": head.get("N.1.3"),
            "N.2.r.3": head.get("N.1.4"),
            "N.2.r.4": head.get("N.1.5"),
            "C.1.2": head.get("N.1.5"),
        }
        sources = [self.mapped(source, "primarysource") for source in node.iterchildren("primarysource")]
        for i, found in enumerate(sources):
            found["C.2.r.5"] = "1" if i == 0 else None
        literature = [{"C.4.r.1": self.text(source, "literaturereference")} for source in node.iterchildren("primarysource")]
        for source in node.iterchildren("primarysource"):
            values |= self.values(
                source, {"studyname": ("C.5.2", None), "sponsorstudynumb": ("C.5.3", None), "observestudytype": ("C.5.4", None)}
            )
        for sender in node.iterchildren("sender"):
            values |= self.mapped(sender, "sender")
        for summary in node.iterchildren("summary"):
            values |= self.mapped(summary, "summary")
        groups: dict[str, list[Group]] = {
            "C.1.9.1.r": [made(self.mapped(item, "reportduplicate")) for item in node.iterchildren("reportduplicate")],
            "C.1.10.r": [made(self.mapped(item, "linkedreport")) for item in node.iterchildren("linkedreport")],
            "C.2.r": [made(found) for found in sources],
            "C.4.r": [made(item) for item in literature],
        }
        if groups["C.1.9.1.r"]:
            values["C.1.9.1"] = "true"
        serious = {element: "true" for name, element in _SERIOUS.items() if self.text(node, name) == "1"}
        country = self.text(node, "occurcountry") or self.text(node, "primarysourcecountry")
        confirmed = _BOOLEAN.get(self.text(node, "medicallyconfirm") or "")
        for patient in node.iterchildren("patient"):
            values |= self.mapped(patient, "patient")
            groups |= self.patient(patient, values, {**serious, "E.i.9": country, "E.i.8": confirmed})
        return made(values, {name: [item for item in items if item.values or item.groups] for name, items in groups.items()})

    def patient(
        self, node: etree._Element, values: dict[str, Value | None], of_event: Mapping[str, str | None]
    ) -> dict[str, list[Group]]:
        for death in node.iterchildren("patientdeath"):
            values |= self.mapped(death, "patientdeath")
        events = [item for item in node.iterchildren("reaction") if _names_event(item)]
        event_groups = [made({**self.mapped(item, "reaction"), **of_event}) for item in events]
        numbers = {text.lower(): i for i, group in enumerate(event_groups, 1) if (text := group.text("E.i.1.2"))}
        numbers |= {text: i for i, group in enumerate(event_groups, 1) if (text := group.text("E.i.2.1b"))}
        return {
            "D.7.1.r": [self.history(item) for item in node.iterchildren("medicalhistoryepisode")],
            "D.8.r": self._repeated(node, "patientpastdrugtherapy"),
            "D.9.2.r": [
                self.cause(item, "patientdeathcause", "patientdeathreport", "D.9.2.r.2")
                for item in node.iter("patientdeathcause")
            ],
            "D.9.4.r": [
                self.cause(item, "patientautopsy", "patientdetermineautopsy", "D.9.4.r.2") for item in node.iter("patientautopsy")
            ],
            "E.i": event_groups,
            "F.r": [made(self.test(item)) for item in node.iterchildren("test")],
            "G.k": [self.drug(item, numbers, len(event_groups)) for item in node.iterchildren("drug")],
        }

    def _repeated(self, node: etree._Element, name: str) -> list[Group]:
        return [made(self.mapped(item, name)) for item in node.iterchildren(name)]

    def history(self, node: etree._Element) -> Group:
        """A history item; a name that is no code goes before the comment, so it is not lost."""
        values = self.mapped(node, "medicalhistoryepisode")
        name = self.text(node, "patientepisodename")
        if name is not None and _meddra(name) is None:
            comment = values.get("D.7.1.r.5")
            values["D.7.1.r.5"] = f"{name}; {comment}" if comment else name
        return made(values)

    def cause(self, node: etree._Element, table: str, name: str, code: str) -> Group:
        """A cause of death; a text that is no code stays a text."""
        values = self.mapped(node, table)
        text = self.text(node, name)
        if text is not None and _meddra(text) is None:
            values[code] = text
        return made(values)

    def test(self, node: etree._Element) -> dict[str, Value | None]:
        values = self.mapped(node, "test")
        result, unit = self.text(node, "testresult"), self.text(node, "testunit")
        if result is not None and re.fullmatch(r"(?:<=?|>=?)?\s*-?\d+(?:\.\d+)?", result):
            values |= {"F.r.3.2": result, "F.r.3.3": _unit(unit) if unit else None}
        elif result is not None:
            values["F.r.3.4"] = f"{result} {unit}" if unit else result
        return values

    def drug(self, node: etree._Element, numbers: Mapping[str, int], events: int) -> Group:
        values = self.mapped(node, "drug")
        dose = made(self.values(node, {**_DOSE, "drugadministrationroute": ("G.k.4.r.10.1", None)}))
        indication = {
            "G.k.7.r.1": None if (text := self.text(node, "drugindication")) is None or _meddra(text) else text,
            "G.k.7.r.2a": self.text(node, "drugindicationmeddraversion") if _meddra(text or "") else None,
            "G.k.7.r.2b": _meddra(text or ""),
        }
        substances = [
            made({"G.k.2.3.r.1": self.text(item, "activesubstancename")}) for item in node.iterchildren("activesubstance")
        ]
        judged: dict[int, list[Group]] = {}
        for item in node.iterchildren("drugreactionrelatedness"):
            named = (self.text(item, "drugreactionasses") or "").lower()
            number = numbers.get(named, 1 if events == 1 else 0)
            given = made(
                self.values(
                    item,
                    {
                        "drugassessmentsource": ("G.k.9.i.2.r.1", None),
                        "drugassessmentmethod": ("G.k.9.i.2.r.2", None),
                        "drugresult": ("G.k.9.i.2.r.3", None),
                    },
                )
            )
            if number and given.values:
                judged.setdefault(number, []).append(given)
        pairs = [made({"G.k.9.i.1": str(i)}, {"G.k.9.i.2.r": given}) for i, given in sorted(judged.items())]
        recurred = _RECUR.get(self.text(node, "drugrecurreadministration") or "")
        if recurred and pairs:
            pairs[0] = Group({**pairs[0].values, "G.k.9.i.4": recurred}, pairs[0].groups)
        told = made(indication)
        return made(
            values,
            {
                "G.k.2.3.r": [item for item in substances if item.values],
                "G.k.4.r": [dose] if dose.values else [],
                "G.k.7.r": [told] if told.values else [],
                "G.k.9.i": pairs,
            },
        )

    def unread(self, root: etree._Element) -> tuple[str, ...]:
        """R2 elements with content that no claimed element took, by name."""
        return tuple(dict.fromkeys(self._unread(root)))

    def _unread(self, root: etree._Element) -> Iterator[str]:
        for node in root.iter():
            if not isinstance(node.tag, str) or len(node) or node in self._seen:
                continue
            if (node.text or "").strip() and not local(node).startswith("message") and not local(node).endswith("format"):
                parent = node.getparent()
                yield f"{local(parent) if parent is not None else ''}/{local(node)}"
