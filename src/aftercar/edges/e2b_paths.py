"""Where each E2B(R3) element stands in the XML, once, for reading and for writing.

A path is a chain of steps ``name[condition]{type}!CODE*`` ending in ``@attribute`` or ``#text``:

- ``[code=3@obs]``: has a child ``code`` with this code and code system; ``[author/assignedEntity/code=1@who]``: the
  same further below; ``[@root=case]``: has this attribute (a code system may be missing on an element without a
  code, with ``==`` it may not); ``[code^NA]``: has a child with this null flavour; ``[2]``: the second of its name;
- ``{PQ}``: the XML schema type;
- ``!REFR``: the type code of the relationship, written but not asked for when reading;
- ``*``: a new one for each repetition of a group; ``~tel:``: the attribute begins with this word.

Code systems are named in :data:`OIDS`. The structure follows the ICH core data element list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_ICH = "2.16.840.1.113883.3.989.2.1."
_NCI = "2.16.840.1.113883.3.26.1.1"

OIDS = {
    "types": _ICH + "1.1",
    "report": _ICH + "1.2",
    "first": _ICH + "1.3",
    "record": _ICH + "1.4",
    "amend": _ICH + "1.5",
    "qualification": _ICH + "1.6",
    "sender": _ICH + "1.7",
    "study": _ICH + "1.8",
    "agegroup": _ICH + "1.9",
    "highlight": _ICH + "1.10",
    "outcome": _ICH + "1.11",
    "testresult": _ICH + "1.12",
    "role": _ICH + "1.13",
    "action": _ICH + "1.15",
    "recur": _ICH + "1.16",
    "druginfo": _ICH + "1.17",
    "event": _ICH + "1.18",
    "obs": _ICH + "1.19",
    "org": _ICH + "1.20",
    "who": _ICH + "1.21",
    "relation": _ICH + "1.22",
    "char": _ICH + "1.23",
    "doc": _ICH + "1.27",
    "case": _ICH + "3.1",
    "world": _ICH + "3.2",
    "other": _ICH + "3.3",
    "approval": _ICH + "3.4",
    "sponsor": _ICH + "3.5",
    "registration": _ICH + "3.6",
    "gp": _ICH + "3.7",
    "specialist": _ICH + "3.8",
    "hospital": _ICH + "3.9",
    "investigation": _ICH + "3.10",
    "msgsender": _ICH + "3.11",
    "msgreceiver": _ICH + "3.12",
    "batchsender": _ICH + "3.13",
    "batchreceiver": _ICH + "3.14",
    "batch": _ICH + "3.22",
    "meddra": "2.16.840.1.113883.6.163",
    "country": "1.0.3166.1.2.2",
    "sex": "1.0.5218",
    "form": "0.4.0.127.0.16.1.1.2.1",
    "route": "0.4.0.127.0.16.1.1.2.6",
    "range": "2.16.840.1.113883.5.83",
    "nci": _NCI,
    "fdareport": "2.16.840.1.113883.3.989.5.1.2.2.1.1.1",
    "fdaevent": "2.16.840.1.113883.3.989.5.1.2.2.1.3",
    "fdadrug": "2.16.840.1.113883.3.989.5.1.2.1.1.7",
    "ind": "2.16.840.1.113883.3.989.5.1.2.2.1.2.1",
    "preanda": "2.16.840.1.113883.3.989.5.1.2.2.1.2.2",
    "crossind": "2.16.840.1.113883.3.989.5.1.2.2.1.2.3",
    "eumethod": "2.16.840.1.113883.3.989.5.1.1.5.2",
    "euresult": "2.16.840.1.113883.3.989.5.1.1.5.3",
    "eusource": "2.16.840.1.113883.3.989.5.1.1.5.4",
}

_IE = "controlActProcess/subject/investigationEvent"
_AEA = f"{_IE}/component/adverseEventAssessment"
_P = f"{_AEA}/subject1/primaryRole"
_SENDER = f"{_IE}/subjectOf1/controlActEvent/author/assignedEntity[code@codeSystem=sender]"
_STUDY = f"{_P}/subjectOf1/researchStudy"
_HISTORY = f"{_P}/subjectOf2/organizer[code=1@org]"
_REPORTER = "relatedInvestigation[code=2@relation]/subjectOf2/controlActEvent/author/assignedEntity"
_PRODUCT = "consumable/instanceOfKind/kindOfProduct"


def _flag(code: int, kind: str = "PERT") -> str:
    return f"outboundRelationship2!{kind}/observation[code={code}@obs]/value"


#: Where each repetition of a group begins, from its parent group (from the message for the outermost).
GROUP_PATHS = {
    "C.1.6.1.r": f"{_IE}/reference*/document[code=1@doc]",
    "C.1.9.1.r": f"{_IE}/subjectOf1*/controlActEvent[id@root=other]",
    "C.1.10.r": f"{_IE}/outboundRelationship*/relatedInvestigation[code^NA]",
    "C.2.r": f"{_IE}/outboundRelationship*[relatedInvestigation/code=2@relation]",
    "C.4.r": f"{_IE}/reference*/document[code=2@doc]",
    "C.5.1.r": f"{_STUDY}/authorization*/studyRegistration[id@root=registration]",
    "FDA.C.5.6.r": f"{_STUDY}/authorization*/studyRegistration[id@root=crossind]",
    "D.7.1.r": f"{_HISTORY}/component*/observation[code@codeSystem=meddra]",
    "D.8.r": f"{_P}/subjectOf2/organizer[code=2@org]/component*/substanceAdministration",
    "D.9.2.r": f"{_P}/subjectOf2*/observation[code=32@obs]",
    "D.9.4.r": f"{_P}/subjectOf2/observation[code=5@obs]/outboundRelationship2!DRIV*/observation[code=8@obs]",
    "FDA.D.11.r": f"{_P}/subjectOf2*/observation[code=C17049@nci]",
    "E.i": f"{_P}/subjectOf2*/observation[code=29@obs]",
    "F.r": f"{_P}/subjectOf2/organizer[code=3@org]/component*/observation",
    "G.k": f"{_P}/subjectOf2/organizer[code=4@org]/component*/substanceAdministration",
    "G.k.2.3.r": f"{_PRODUCT}/ingredient*",
    "G.k.4.r": "outboundRelationship2!COMP*/substanceAdministration",
    "G.k.7.r": "inboundRelationship!RSON*/observation[code=19@obs]",
    "G.k.10.r": "outboundRelationship2!REFR*/observation[code=9@obs]/value{CE}[@codeSystem==druginfo]",
    "FDA.G.k.10a.r": "outboundRelationship2!REFR*/observation[code=9@obs]/value{CE}[@codeSystem=fdadrug]",
    "H.3.r": f"{_AEA}/component1*/observationEvent[code=15@obs]",
    "H.5.r": f"{_IE}/component*/observationEvent[code=36@obs]",
}

_NAME = "assignedPerson/name"
#: Each element from where its group begins (from the message for those without one; N.1 from the batch).
PATHS = {
    "N.1.1": "name[@codeSystem=types]@code",
    "N.1.2": "id[@root=batch]@extension",
    "N.1.3": "sender/device/id[@root=batchsender]@extension",
    "N.1.4": "receiver/device/id[@root=batchreceiver]@extension",
    "N.1.5": "creationTime@value",
    "N.2.r.1": "id[@root=case]@extension",
    "N.2.r.2": "sender/device/id[@root=msgsender]@extension",
    "N.2.r.3": "receiver/device/id[@root=msgreceiver]@extension",
    "N.2.r.4": "creationTime@value",
    "C.1.1": f"{_IE}/id[@root=case]@extension",
    "C.1.2": "controlActProcess/effectiveTime@value",
    "C.1.3": f"{_IE}/subjectOf2/investigationCharacteristic[code=1@char]/value{{CE}}[@codeSystem=report]@code",
    "C.1.4": f"{_IE}/effectiveTime/low@value",
    "C.1.5": f"{_IE}/availabilityTime@value",
    "C.1.6.1": f"{_IE}/component/observationEvent[code=1@obs]/value{{BL}}@value",
    "C.1.6.1.r.1": "title#text",
    "C.1.6.1.r.2": "text#document",
    "C.1.7": f"{_IE}/component/observationEvent[code=23@obs]/value{{BL}}@value",
    "C.1.8.1": f"{_IE}/id[@root=world]@extension",
    "C.1.8.2": f"{_IE}/outboundRelationship/relatedInvestigation[code=1@relation]/subjectOf2/controlActEvent/author"
    "/assignedEntity/code[@codeSystem=first]@code",
    "C.1.9.1": f"{_IE}/subjectOf2/investigationCharacteristic[code=2@char]/value{{BL}}@value",
    "C.1.9.1.r.1": "id[@root=other]@assigningAuthorityName",
    "C.1.9.1.r.2": "id[@root=other]@extension",
    "C.1.10.r": "subjectOf2/controlActEvent/id[@root=world]@extension",
    "C.1.11.1": f"{_IE}/subjectOf2/investigationCharacteristic[code=3@char]/value{{CE}}[@codeSystem=amend]@code",
    "C.1.11.2": f"{_IE}/subjectOf2/investigationCharacteristic[code=4@char]/value{{CE}}/originalText#text",
    "C.2.r.1.1": f"{_REPORTER}/{_NAME}/prefix#text",
    "C.2.r.1.2": f"{_REPORTER}/{_NAME}/given#text",
    "C.2.r.1.3": f"{_REPORTER}/{_NAME}/given[2]#text",
    "C.2.r.1.4": f"{_REPORTER}/{_NAME}/family#text",
    "C.2.r.2.1": f"{_REPORTER}/representedOrganization/assignedEntity/representedOrganization/name#text",
    "C.2.r.2.2": f"{_REPORTER}/representedOrganization/name#text",
    "C.2.r.2.3": f"{_REPORTER}/addr/streetAddressLine#lines",
    "C.2.r.2.4": f"{_REPORTER}/addr/city#text",
    "C.2.r.2.5": f"{_REPORTER}/addr/state#text",
    "C.2.r.2.6": f"{_REPORTER}/addr/postalCode#text",
    "C.2.r.2.7": f"{_REPORTER}/telecom~tel:@value",
    "FDA.C.2.r.2.8": f"{_REPORTER}/telecom~mailto:@value",
    "C.2.r.3": f"{_REPORTER}/assignedPerson/asLocatedEntity/location/code[@codeSystem=country]@code",
    "C.2.r.4": f"{_REPORTER}/assignedPerson/asQualifiedEntity/code[@codeSystem=qualification]@code",
    "C.2.r.5": "priorityNumber@value",
    "C.3.1": f"{_SENDER}/code[@codeSystem=sender]@code",
    "C.3.2": f"{_SENDER}/representedOrganization/assignedEntity/representedOrganization/name#text",
    "C.3.3.1": f"{_SENDER}/representedOrganization/name#text",
    "C.3.3.2": f"{_SENDER}/{_NAME}/prefix#text",
    "C.3.3.3": f"{_SENDER}/{_NAME}/given#text",
    "C.3.3.4": f"{_SENDER}/{_NAME}/given[2]#text",
    "C.3.3.5": f"{_SENDER}/{_NAME}/family#text",
    "C.3.4.1": f"{_SENDER}/addr/streetAddressLine#lines",
    "C.3.4.2": f"{_SENDER}/addr/city#text",
    "C.3.4.3": f"{_SENDER}/addr/state#text",
    "C.3.4.4": f"{_SENDER}/addr/postalCode#text",
    "C.3.4.5": f"{_SENDER}/assignedPerson/asLocatedEntity/location/code[@codeSystem=country]@code",
    "C.3.4.6": f"{_SENDER}/telecom~tel:@value",
    "C.3.4.7": f"{_SENDER}/telecom~fax:@value",
    "C.3.4.8": f"{_SENDER}/telecom~mailto:@value",
    "C.4.r.1": "bibliographicDesignationText#text",
    "C.4.r.2": "text#document",
    "C.5.1.r.1": "id[@root=registration]@extension",
    "C.5.1.r.2": "author/territorialAuthority/governingPlace/code[@codeSystem=country]@code",
    "C.5.2": f"{_STUDY}/title#text",
    "C.5.3": f"{_STUDY}/id[@root=sponsor]@extension",
    "C.5.4": f"{_STUDY}/code[@codeSystem=study]@code",
    "FDA.C.1.7.1": f"{_IE}/component/observationEvent[code=C54588@nci]/value{{CE}}[@codeSystem=fdareport]@code",
    "FDA.C.1.12": f"{_IE}/component/observationEvent[code=C156384@nci]/value{{BL}}@value",
    "FDA.C.5.5a": f"{_STUDY}/authorization/studyRegistration[id@root=ind]/id[@root=ind]@extension",
    "FDA.C.5.5b": f"{_STUDY}/authorization/studyRegistration[id@root=preanda]/id[@root=preanda]@extension",
    "FDA.C.5.6.r": "id[@root=crossind]@extension",
    "D.1": f"{_P}/player1/name#text",
    "D.1.1.1": f"{_P}/player1/asIdentifiedEntity[code=1@record]/id[@root=gp]@extension",
    "D.1.1.2": f"{_P}/player1/asIdentifiedEntity[code=2@record]/id[@root=specialist]@extension",
    "D.1.1.3": f"{_P}/player1/asIdentifiedEntity[code=3@record]/id[@root=hospital]@extension",
    "D.1.1.4": f"{_P}/player1/asIdentifiedEntity[code=4@record]/id[@root=investigation]@extension",
    "D.2.1": f"{_P}/player1/birthTime@value",
    "D.2.2a": f"{_P}/subjectOf2/observation[code=3@obs]/value{{PQ}}@value",
    "D.2.2b": f"{_P}/subjectOf2/observation[code=3@obs]/value{{PQ}}@unit",
    "D.2.2.1a": f"{_P}/subjectOf2/observation[code=16@obs]/value{{PQ}}@value",
    "D.2.2.1b": f"{_P}/subjectOf2/observation[code=16@obs]/value{{PQ}}@unit",
    "D.2.3": f"{_P}/subjectOf2/observation[code=4@obs]/value{{CE}}[@codeSystem=agegroup]@code",
    "D.3": f"{_P}/subjectOf2/observation[code=7@obs]/value{{PQ}}[@unit='kg']@value",
    "D.4": f"{_P}/subjectOf2/observation[code=17@obs]/value{{PQ}}[@unit='cm']@value",
    "D.5": f"{_P}/player1/administrativeGenderCode[@codeSystem=sex]@code",
    "D.6": f"{_P}/subjectOf2/observation[code=22@obs]/value{{TS}}@value",
    "D.7.1.r.1a": "code[@codeSystem=meddra]@codeSystemVersion",
    "D.7.1.r.1b": "code[@codeSystem=meddra]@code",
    "D.7.1.r.2": "effectiveTime{IVL_TS}/low@value",
    "D.7.1.r.3": "inboundRelationship!REFR/observation[code=13@obs]/value{BL}@value",
    "D.7.1.r.4": "effectiveTime{IVL_TS}/high@value",
    "D.7.1.r.5": _flag(10, "COMP") + "{ED}#text",
    "D.7.1.r.6": _flag(38, "EXPL") + "{BL}@value",
    "D.7.2": f"{_HISTORY}/component/observation[code=18@obs]/value{{ED}}#text",
    "D.7.3": f"{_HISTORY}/component/observation[code=11@obs]/value{{BL}}@value",
    "D.8.r.1": f"{_PRODUCT}/name#text",
    "D.8.r.4": "effectiveTime{IVL_TS}/low@value",
    "D.8.r.5": "effectiveTime{IVL_TS}/high@value",
    "D.8.r.6a": _flag(19, "RSON") + "{CE}[@codeSystem=meddra]@codeSystemVersion",
    "D.8.r.6b": _flag(19, "RSON") + "{CE}[@codeSystem=meddra]@code",
    "D.8.r.7a": _flag(29, "CAUS") + "{CE}[@codeSystem=meddra]@codeSystemVersion",
    "D.8.r.7b": _flag(29, "CAUS") + "{CE}[@codeSystem=meddra]@code",
    "D.9.1": f"{_P}/player1/deceasedTime@value",
    "D.9.2.r.1a": "value{CE}[@codeSystem=meddra]@codeSystemVersion",
    "D.9.2.r.1b": "value{CE}[@codeSystem=meddra]@code",
    "D.9.2.r.2": "value{CE}[@codeSystem=meddra]/originalText#text",
    "D.9.3": f"{_P}/subjectOf2/observation[code=5@obs]/value{{BL}}@value",
    "D.9.4.r.1a": "value{CE}[@codeSystem=meddra]@codeSystemVersion",
    "D.9.4.r.1b": "value{CE}[@codeSystem=meddra]@code",
    "D.9.4.r.2": "value{CE}[@codeSystem=meddra]/originalText#text",
    "FDA.D.11.r.1": "value{CE}[@codeSystem=nci]@code",
    "FDA.D.12": f"{_P}/subjectOf2/observation[code=C16564@nci]/value{{CE}}[@codeSystem=nci]@code",
    "E.i.1.1a": "value{CE}[@codeSystem=meddra]/originalText#text",
    "E.i.1.1b": "value{CE}[@codeSystem=meddra]/originalText@language",
    "E.i.1.2": _flag(30) + "{ED}#text",
    "E.i.2.1a": "value{CE}[@codeSystem=meddra]@codeSystemVersion",
    "E.i.2.1b": "value{CE}[@codeSystem=meddra]@code",
    "E.i.3.1": _flag(37) + "{CE}[@codeSystem=highlight]@code",
    "E.i.3.2a": _flag(34) + "{BL}@value",
    "E.i.3.2b": _flag(21) + "{BL}@value",
    "E.i.3.2c": _flag(33) + "{BL}@value",
    "E.i.3.2d": _flag(35) + "{BL}@value",
    "E.i.3.2e": _flag(12) + "{BL}@value",
    "E.i.3.2f": _flag(26) + "{BL}@value",
    "FDA.E.i.3.2h": "outboundRelationship2!PERT/observation[code=7@fdaevent]/value{BL}@value",
    "E.i.4": "effectiveTime{IVL_TS}/low@value",
    "E.i.5": "effectiveTime{IVL_TS}/high@value",
    "E.i.6a": "effectiveTime{IVL_TS}/width@value",
    "E.i.6b": "effectiveTime{IVL_TS}/width@unit",
    "E.i.7": _flag(27) + "{CE}[@codeSystem=outcome]@code",
    "E.i.8": _flag(24) + "{BL}@value",
    "E.i.9": "location/locatedEntity/locatedPlace/code[@codeSystem=country]@code",
    "F.r.1": "effectiveTime@value",
    "F.r.2.1": "code[@codeSystem=meddra]/originalText#text",
    "F.r.2.2a": "code[@codeSystem=meddra]@codeSystemVersion",
    "F.r.2.2b": "code[@codeSystem=meddra]@code",
    "F.r.3.1": "interpretationCode[@codeSystem=testresult]@code",
    "F.r.3.2": "#range",
    "F.r.3.3": "#range",
    "F.r.3.4": "value{ED}#text",
    "F.r.4": "referenceRange!REFV/observationRange[interpretationCode=L@range]/value{PQ}@value",
    "F.r.5": "referenceRange!REFV/observationRange[interpretationCode=H@range]/value{PQ}@value",
    "F.r.6": _flag(10) + "{ED}#text",
    "F.r.7": _flag(25, "REFR") + "{BL}@value",
    "G.k.1": "#role",
    "G.k.2.2": f"{_PRODUCT}/name#text",
    "G.k.2.3.r.1": "ingredientSubstance/name#text",
    "G.k.2.3.r.3a": "quantity/numerator@value",
    "G.k.2.3.r.3b": "quantity/numerator@unit",
    "G.k.2.4": "consumable/instanceOfKind/subjectOf/productEvent[code=1@event]/performer/assignedEntity"
    "/representedOrganization/addr/country#text",
    "G.k.2.5": "outboundRelationship2!PERT/observation[code=6@obs]/value{BL}@value",
    "G.k.3.1": f"{_PRODUCT}/asManufacturedProduct/subjectOf/approval/id[@root=approval]@extension",
    "G.k.3.2": f"{_PRODUCT}/asManufacturedProduct/subjectOf/approval/author/territorialAuthority/territory"
    "/code[@codeSystem=country]@code",
    "G.k.3.3": f"{_PRODUCT}/asManufacturedProduct/subjectOf/approval/holder/role/playingOrganization/name#text",
    "G.k.4.r.1a": "doseQuantity@value",
    "G.k.4.r.1b": "doseQuantity@unit",
    "G.k.4.r.2": "#dosing",
    "G.k.4.r.3": "#dosing",
    "G.k.4.r.4": "#dosing",
    "G.k.4.r.5": "#dosing",
    "G.k.4.r.6a": "#dosing",
    "G.k.4.r.6b": "#dosing",
    "G.k.4.r.7": "consumable/instanceOfKind/productInstanceInstance/lotNumberText#text",
    "G.k.4.r.8": "text#text",
    "G.k.4.r.9.1": f"{_PRODUCT}/formCode[@codeSystem=form]/originalText#text",
    "G.k.4.r.9.2a": f"{_PRODUCT}/formCode[@codeSystem=form]@codeSystemVersion",
    "G.k.4.r.9.2b": f"{_PRODUCT}/formCode[@codeSystem=form]@code",
    "G.k.4.r.10.1": "routeCode[@codeSystem=route]/originalText#text",
    "G.k.4.r.10.2a": "routeCode[@codeSystem=route]@codeSystemVersion",
    "G.k.4.r.10.2b": "routeCode[@codeSystem=route]@code",
    "G.k.4.r.11.1": "inboundRelationship!REFR/observation[code=28@obs]/value{CE}[@codeSystem=route]/originalText#text",
    "G.k.4.r.11.2a": "inboundRelationship!REFR/observation[code=28@obs]/value{CE}[@codeSystem=route]@codeSystemVersion",
    "G.k.4.r.11.2b": "inboundRelationship!REFR/observation[code=28@obs]/value{CE}[@codeSystem=route]@code",
    "G.k.5a": _flag(14, "SUMM") + "{PQ}@value",
    "G.k.5b": _flag(14, "SUMM") + "{PQ}@unit",
    "G.k.6a": _flag(16) + "{PQ}@value",
    "G.k.6b": _flag(16) + "{PQ}@unit",
    "G.k.7.r.1": "value{CE}[@codeSystem=meddra]/originalText#text",
    "G.k.7.r.2a": "value{CE}[@codeSystem=meddra]@codeSystemVersion",
    "G.k.7.r.2b": "value{CE}[@codeSystem=meddra]@code",
    "G.k.8": "inboundRelationship!CAUS/act/code[@codeSystem=action]@code",
    "G.k.10.r": "@code",
    "FDA.G.k.10a.r": "@code",
    "G.k.11": _flag(2, "REFR") + "{ST}#text",
    "H.1": f"{_IE}/text#text",
    "H.2": f"{_AEA}/component1/observationEvent[code=10@obs][author/assignedEntity/code=3@who]/value{{ED}}#text",
    "H.3.r.1a": "value{CE}[@codeSystem=meddra]@codeSystemVersion",
    "H.3.r.1b": "value{CE}[@codeSystem=meddra]@code",
    "H.4": f"{_AEA}/component1/observationEvent[code=10@obs][author/assignedEntity/code=1@who]/value{{ED}}#text",
    "H.5.r.1a": "value{ED}#text",
    "H.5.r.1b": "value{ED}@language",
}

#: Elements of assessments by drug and event, which stand apart from both and name them by identifier.
ASSESSMENT_PATHS = {
    "G.k.9.i.2.r.1": "author/assignedEntity/code/originalText#text",
    "G.k.9.i.2.r.2": "methodCode/originalText#text",
    "G.k.9.i.2.r.3": "value{ST}#text",
    "EU.G.k.9.i.2.r.1": "author/assignedEntity/code[@codeSystem=eusource]@code",
    "EU.G.k.9.i.2.r.2": "methodCode[@codeSystem=eumethod]@code",
    "EU.G.k.9.i.2.r.3": "value{CE}[@codeSystem=euresult]@code",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a step: below ``path`` an element with ``attribute`` equal to ``value`` (and its code system).

    A code system may be missing where the element has no code, unless ``strict``.
    """

    path: tuple[str, ...]
    attribute: str
    value: str
    system: str = ""
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One element of a path; see the module's opening."""

    name: str
    conditions: tuple[Condition, ...] = ()
    kind: str = ""
    type_code: str = ""
    repeats: bool = False
    position: int = 1
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """Steps and the end: ``@value``, ``#text``, ``#lines`` or ``#document``."""

    steps: tuple[Step, ...]
    end: str


_STEP = re.compile(r"([A-Za-z0-9]+)((?:\[[^\]]*\]|\{\w+\}|!\w+|\*|~[a-z]+:)*)")
_PART = re.compile(r"\[([^\]]*)\]|\{(\w+)\}|!(\w+)|(\*)|~([a-z]+:)")


@cache
def compiled(path: str) -> Path:
    """A path as steps."""
    found = re.search(r"(@\w+|#\w+)$", path)
    end = found.group(1) if found else ""
    body = path[: len(path) - len(end)]
    return Path(tuple(_step(text) for text in _split(body)) if body else (), end)


def _split(body: str) -> list[str]:
    """Split at ``/`` outside brackets."""
    return re.findall(r"(?:[^/\[]|\[[^\]]*\])+", body)


def _step(text: str) -> Step:
    match = _STEP.fullmatch(text)
    if match is None:
        raise ValueError(f"not a step: {text!r}")
    conditions: list[Condition] = []
    kind = type_code = prefix = ""
    repeats, position = False, 1
    for condition, schema_type, code, star, begins in _PART.findall(match.group(2)):
        if condition.isdigit():
            position = int(condition)
        elif condition:
            conditions.append(_condition(condition))
        kind, type_code, prefix = schema_type or kind, code or type_code, begins or prefix
        repeats = repeats or bool(star)
    return Step(match.group(1), tuple(conditions), kind, type_code, repeats, position, prefix)


def _condition(text: str) -> Condition:
    if "^" in text:
        path, flavour = text.split("^")
        return Condition(tuple(path.split("/")), "nullFlavor", flavour)
    left, right = text.replace("==", "=").split("=")
    if "@" in left:
        path, attribute = left.split("@")
        value = right.strip("'") if right.startswith("'") else OIDS[right]
        return Condition(tuple(part for part in path.split("/") if part), attribute, value, strict="==" in text)
    code, system = right.split("@")
    return Condition(tuple(left.split("/")), "code", code, OIDS[system])
