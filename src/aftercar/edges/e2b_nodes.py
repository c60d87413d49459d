"""Finding and making the XML nodes that a path of ``e2b_paths`` describes."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from aftercar.edges.e2b_paths import Condition, Step
from aftercar.edges.xml_safe import local

NS = "urn:hl7-org:v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XSI_TYPE = f"{{{XSI}}}type"

#: Elements that only relate two others: one is made for each thing related, so none is taken up again when bare.
_RELATIONS = frozenset(
    (
        "component",
        "component1",
        "reference",
        "outboundRelationship",
        "outboundRelationship1",
        "outboundRelationship2",
        "inboundRelationship",
        "subjectOf1",
        "subjectOf2",
        "asIdentifiedEntity",
        "referenceRange",
        "telecom",
        "authorization",
        "comp",
    )
)

_ACT = {"classCode": "OBS", "moodCode": "EVN"}
_PERSON = {"classCode": "PSN", "determinerCode": "INSTANCE"}
_COUNTRY = {"classCode": "COUNTRY", "determinerCode": "INSTANCE"}

#: Structural attributes that the schema asks for, by element; the few that depend on the parent follow.
_FIXED: dict[str, dict[str, str]] = {
    "sender": {"typeCode": "SND"},
    "receiver": {"typeCode": "RCV"},
    "device": {"classCode": "DEV", "determinerCode": "INSTANCE"},
    "controlActProcess": {"classCode": "CACT", "moodCode": "EVN"},
    "subject": {"typeCode": "SUBJ"},
    "investigationEvent": {"classCode": "INVSTG", "moodCode": "EVN"},
    "adverseEventAssessment": {"classCode": "INVSTG", "moodCode": "EVN"},
    "relatedInvestigation": {"classCode": "INVSTG", "moodCode": "EVN"},
    "component": {"typeCode": "COMP"},
    "component1": {"typeCode": "COMP"},
    "reference": {"typeCode": "REFR"},
    "document": {"classCode": "DOC", "moodCode": "EVN"},
    "outboundRelationship": {"typeCode": "SPRT"},
    "outboundRelationship1": {"typeCode": "REFR"},
    "controlActEvent": {"classCode": "CACT", "moodCode": "EVN"},
    "author": {"typeCode": "AUT"},
    "performer": {"typeCode": "PRF"},
    "holder": {"typeCode": "HLD"},
    "role": {"classCode": "HLD"},
    "assignedEntity": {"classCode": "ASSIGNED"},
    "assignedPerson": _PERSON,
    "player1": _PERSON,
    "primaryRole": {"classCode": "INVSBJ"},
    "asLocatedEntity": {"classCode": "LOCE"},
    "locatedEntity": {"classCode": "LOCE"},
    "locatedPlace": _COUNTRY,
    "governingPlace": _COUNTRY,
    "territory": {"classCode": "NAT", "determinerCode": "INSTANCE"},
    "territorialAuthority": {"classCode": "TERR"},
    "asQualifiedEntity": {"classCode": "QUAL"},
    "asIdentifiedEntity": {"classCode": "IDENT"},
    "representedOrganization": {"classCode": "ORG", "determinerCode": "INSTANCE"},
    "playingOrganization": {"classCode": "ORG", "determinerCode": "INSTANCE"},
    "investigationCharacteristic": _ACT,
    "observation": _ACT,
    "observationEvent": _ACT,
    "causalityAssessment": _ACT,
    "adverseEffectReference": _ACT,
    "actReference": _ACT,
    "observationRange": {"classCode": "OBS", "moodCode": "EVN.CRT"},
    "organizer": {"classCode": "CATEGORY", "moodCode": "EVN"},
    "substanceAdministration": {"classCode": "SBADM", "moodCode": "EVN"},
    "productUseReference": {"classCode": "SBADM", "moodCode": "EVN"},
    "researchStudy": {"classCode": "CLNTRL", "moodCode": "EVN"},
    "authorization": {"typeCode": "AUTH"},
    "studyRegistration": {"classCode": "ACT", "moodCode": "EVN"},
    "consumable": {"typeCode": "CSM"},
    "instanceOfKind": {"classCode": "INST"},
    "kindOfProduct": {"classCode": "MMAT", "determinerCode": "KIND"},
    "productInstanceInstance": {"classCode": "MMAT", "determinerCode": "INSTANCE"},
    "ingredient": {"classCode": "ACTI"},
    "ingredientSubstance": {"classCode": "MMAT", "determinerCode": "KIND"},
    "asManufacturedProduct": {"classCode": "MANU"},
    "subjectOf": {"typeCode": "SBJ"},
    "approval": {"classCode": "CNTRCT", "moodCode": "EVN"},
    "productEvent": {"classCode": "ACT", "moodCode": "EVN"},
    "act": {"classCode": "ACT", "moodCode": "EVN"},
    "subject1": {"typeCode": "SUBJ"},
    "subject2": {"typeCode": "SUBJ"},
}
_FIXED_WITHIN: dict[tuple[str, str], dict[str, str]] = {
    ("primaryRole", "subjectOf1"): {"typeCode": "SBJ"},
    ("primaryRole", "subjectOf2"): {"typeCode": "SBJ"},
    ("adverseEventAssessment", "subject1"): {"typeCode": "SBJ"},
    ("investigationEvent", "subjectOf1"): {"typeCode": "SUBJ"},
    ("investigationEvent", "subjectOf2"): {"typeCode": "SUBJ"},
    ("relatedInvestigation", "subjectOf2"): {"typeCode": "SUBJ"},
    ("asLocatedEntity", "location"): _COUNTRY,
    ("observation", "location"): {"typeCode": "LOC"},
}

_ENTITY_NAME = ("prefix", "given", "family")
#: The order of children, by parent; what is not named keeps its place at the end.
_ORDER: dict[str, tuple[str, ...]] = {
    "MCCI_IN200100UV01": (
        "id",
        "creationTime",
        "responseModeCode",
        "interactionId",
        "name",
        "PORR_IN049016UV",
        "receiver",
        "sender",
    ),
    "PORR_IN049016UV": (
        "id",
        "creationTime",
        "interactionId",
        "processingCode",
        "processingModeCode",
        "acceptAckCode",
        "receiver",
        "sender",
        "controlActProcess",
    ),
    "controlActProcess": ("code", "effectiveTime", "subject"),
    "investigationEvent": (
        "id",
        "code",
        "text",
        "statusCode",
        "effectiveTime",
        "availabilityTime",
        "reference",
        "component",
        "outboundRelationship",
        "subjectOf1",
        "subjectOf2",
    ),
    "document": ("code", "title", "text", "bibliographicDesignationText"),
    "outboundRelationship": ("priorityNumber", "relatedInvestigation"),
    "relatedInvestigation": ("code", "subjectOf2"),
    "controlActEvent": ("id", "author"),
    "assignedEntity": ("code", "addr", "telecom", "assignedPerson", "representedOrganization"),
    "assignedPerson": ("name", "asQualifiedEntity", "asLocatedEntity"),
    "representedOrganization": ("name", "addr", "assignedEntity"),
    "addr": ("streetAddressLine", "city", "state", "country", "postalCode"),
    "name": _ENTITY_NAME,
    "adverseEventAssessment": ("subject1", "component", "component1"),
    "primaryRole": ("player1", "subjectOf1", "subjectOf2"),
    "player1": ("name", "administrativeGenderCode", "birthTime", "deceasedTime", "asIdentifiedEntity"),
    "asIdentifiedEntity": ("id", "code"),
    "researchStudy": ("id", "code", "title", "authorization"),
    "studyRegistration": ("id", "author"),
    "organizer": ("code", "component"),
    "observation": (
        "id",
        "code",
        "effectiveTime",
        "value",
        "interpretationCode",
        "referenceRange",
        "performer",
        "location",
        "outboundRelationship1",
        "outboundRelationship2",
        "inboundRelationship",
    ),
    "observationEvent": ("code", "value", "author"),
    "observationRange": ("value", "interpretationCode"),
    "investigationCharacteristic": ("code", "value"),
    "causalityAssessment": ("code", "value", "methodCode", "author", "subject1", "subject2"),
    "substanceAdministration": (
        "id",
        "text",
        "effectiveTime",
        "routeCode",
        "doseQuantity",
        "consumable",
        "outboundRelationship1",
        "outboundRelationship2",
        "inboundRelationship",
    ),
    "outboundRelationship1": ("pauseQuantity", "actReference"),
    "instanceOfKind": ("productInstanceInstance", "kindOfProduct", "subjectOf"),
    "productInstanceInstance": ("id", "lotNumberText"),
    "kindOfProduct": ("code", "name", "formCode", "asManufacturedProduct", "ingredient"),
    "approval": ("id", "holder", "author"),
    "ingredient": ("quantity", "ingredientSubstance"),
    "quantity": ("numerator", "denominator"),
    "productEvent": ("code", "performer"),
    "effectiveTime": ("comp", "low", "center", "width", "high"),
    "comp": ("period", "low", "width", "high"),
    "value": ("originalText", "low", "center", "high"),
}


def tag(name: str) -> str:
    """A name in the HL7 namespace."""
    return f"{{{NS}}}{name}"


def children(node: etree._Element, name: str) -> Iterator[etree._Element]:
    """The child elements of a name."""
    return node.iterchildren(tag(name))


def find_all(node: etree._Element, steps: tuple[Step, ...]) -> list[etree._Element]:
    """Every node at the end of the steps below ``node``."""
    nodes = [node]
    for step in steps:
        nodes = [child for parent in nodes for child in _matching(parent, step)]
        if not nodes:
            return []
    return nodes


def ensure(node: etree._Element, steps: tuple[Step, ...]) -> etree._Element:
    """The node at the end of the steps, made where it is missing; a step that repeats is always made anew."""
    first_new = next((i for i, step in enumerate(steps) if step.repeats), len(steps))
    reached, place = node, 0
    for length in range(first_new, 0, -1):
        found = find_all(node, steps[:length])
        if found and (length == len(steps) or steps[length - 1].name not in _RELATIONS):
            reached, place = found[0], length
            break
    fresh = False
    for step in steps[place:]:
        # A node made just now may hold what its conditions asked for; any other bare relation is not taken up again.
        there = _matching(reached, step) if fresh and not step.repeats else []
        reached = there[0] if there else _make(reached, step)
        fresh = True
    return reached


def sort_children(node: etree._Element) -> None:
    """Put the children of every element below ``node`` into the schema's order (stable within a name)."""
    for parent in list(node.iter()):
        order = _ORDER.get(local(parent))
        if order is not None and len(parent) > 1:
            rank = {name: i for i, name in enumerate(order)}
            parent[:] = sorted(parent, key=lambda child: rank.get(local(child), len(rank)))


def _matching(parent: etree._Element, step: Step) -> list[etree._Element]:
    found = [child for child in children(parent, step.name) if _fits(child, step)]
    if step.position > 1:
        return found[step.position - 1 : step.position]
    return found


def _fits(node: etree._Element, step: Step) -> bool:
    if step.kind and (node.get(XSI_TYPE) or step.kind).rpartition(":")[2] != step.kind:
        return False
    if step.prefix and not (node.get("value") or "").lower().startswith(step.prefix):
        return False
    return all(_holds(node, condition) for condition in step.conditions)


def _holds(node: etree._Element, condition: Condition) -> bool:
    nodes = [node]
    for name in condition.path:
        nodes = [child for parent in nodes for child in children(parent, name)]
    for found in nodes:
        value = found.get(condition.attribute)
        if value == condition.value and (not condition.system or found.get("codeSystem") == condition.system):
            return True
        bare = found.get("nullFlavor") is not None or found.get("code") is None
        if value is None and condition.attribute == "codeSystem" and bare and not condition.strict:
            return True
    return False


def _make(parent: etree._Element, step: Step) -> etree._Element:
    while step.position > 1 and sum(1 for _ in children(parent, step.name)) < step.position - 1:
        etree.SubElement(parent, tag(step.name))
    node = _bare(parent, step.name)
    if step.kind:
        node.set(XSI_TYPE, step.kind)
    if step.type_code:
        node.set("typeCode", step.type_code)
    for condition in step.conditions:
        target = node
        for name in condition.path:
            there = next(children(target, name), None)
            target = _bare(target, name) if there is None else there
        target.set(condition.attribute, condition.value)
        if condition.system:
            target.set("codeSystem", condition.system)
    return node


def _bare(parent: etree._Element, name: str) -> etree._Element:
    node = etree.SubElement(parent, tag(name))
    for attribute, value in (_FIXED_WITHIN.get((local(parent), name)) or _FIXED.get(name) or {}).items():
        node.set(attribute, value)
    return node
