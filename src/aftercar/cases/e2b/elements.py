"""The E2B(R3) data elements that AfterCAR reads and writes: kind, length, null flavours, code lists.

Facts from the ICH core data element list and the FDA regional list (checked in the tests against the tables of a
user who has them); the EU regional elements were seen in public messages. Parent-child reports (D.10), identifiers
of ISO IDMP and the device part of combination products are not claimed: reading a message names what it holds
beyond the claimed elements.

    >>> ELEMENTS["G.k.4.r.7"].max_length, ELEMENTS["G.k.4.r.7"].group
    (35, 'G.k.4.r')
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "date", "boolean", "code", "true", "reference", "document"]
Authority = Literal["ICH", "FDA", "EU"]

NULL_FLAVOURS = ("NI", "MSK", "UNK", "NA", "ASKU", "NASK", "OTH", "NINF", "PINF")

#: Repeating groups, each within the longest of the others that its name begins with; ``G.k.9.i`` and below refer to events.
GROUPS = (
    "C.1.6.1.r",
    "C.1.9.1.r",
    "C.1.10.r",
    "C.2.r",
    "C.4.r",
    "C.5.1.r",
    "FDA.C.5.6.r",
    "D.7.1.r",
    "D.8.r",
    "D.9.2.r",
    "D.9.4.r",
    "FDA.D.11.r",
    "E.i",
    "F.r",
    "G.k",
    "G.k.2.3.r",
    "G.k.4.r",
    "G.k.7.r",
    "G.k.9.i",
    "G.k.9.i.2.r",
    "G.k.10.r",
    "FDA.G.k.10a.r",
    "H.3.r",
    "H.5.r",
)
_INSIDE = {
    "G.k.2.3.r": "G.k",
    "G.k.4.r": "G.k",
    "G.k.7.r": "G.k",
    "G.k.9.i": "G.k",
    "G.k.9.i.2.r": "G.k.9.i",
    "G.k.10.r": "G.k",
    "FDA.G.k.10a.r": "G.k",
}


@dataclass(frozen=True, slots=True)
class Element:
    """One data element.

    Attributes:
        code: number of the element, for example ``G.k.4.r.7``.
        name: in our words.
        kind: ``text``; ``number``; ``date`` (CCYYMMDD... with any precision from the year on); ``boolean``
            (``true``/``false``); ``true`` (only ``true`` or a null flavour); ``code``; ``reference`` (the number of an
            event in this message, from 1); ``document`` (a data address: ``data:application/pdf;base64,...``).
        max_length: characters; 0 is unlimited.
        nulls: null flavours allowed.
        values: the code list, empty when open.
        required: mandatory in every message (of its group).
        group: repeating group it stands in, "" for the message itself.
        authority: whose element it is.
        pattern: for a code without a list, the form it must have.
    """

    code: str
    name: str
    kind: Kind
    max_length: int
    nulls: tuple[str, ...]
    values: tuple[str, ...]
    required: bool
    group: str
    authority: Authority
    pattern: str = ""


# code | kind | length | null flavours | values (a-b is a range) | ! when mandatory | name
_TABLE = """
N.1.1 | code | 2 | | 1 2 4 | ! | types of message in the batch
N.1.2 | text | 100 | | | ! | batch number
N.1.3 | text | 60 | | | ! | batch sender
N.1.4 | text | 60 | | | ! | batch receiver
N.1.5 | date | 0 | | | ! | moment of batch transmission
N.2.r.1 | text | 100 | | | ! | message identifier
N.2.r.2 | text | 60 | | | ! | message sender
N.2.r.3 | text | 60 | | | ! | message receiver
N.2.r.4 | date | 0 | | | ! | moment of message creation
C.1.1 | text | 100 | | | ! | sender's case identifier
C.1.2 | date | 0 | | | ! | moment of creation
C.1.3 | code | 1 | | 1-4 | ! | type of report
C.1.4 | date | 0 | | | ! | first received from the source
C.1.5 | date | 0 | | | ! | most recent information
C.1.6.1 | boolean | 0 | | | ! | additional documents available
C.1.6.1.r.1 | text | 2000 | | | | document held by the sender
C.1.6.1.r.2 | document | 0 | | | | included document
C.1.7 | boolean | 0 | NI | | ! | fulfils the local criteria for expedited reporting
C.1.8.1 | text | 100 | | | ! | worldwide unique case identifier
C.1.8.2 | code | 1 | | 1-2 | ! | first sender of this case
C.1.9.1 | true | 0 | NI | | ! | other case identifiers in earlier transmissions
C.1.9.1.r.1 | text | 100 | | | | source of the case identifier
C.1.9.1.r.2 | text | 100 | | | | case identifier
C.1.10.r | text | 100 | | | | identifier of a linked report
C.1.11.1 | code | 1 | | 1-2 | | nullification or amendment
C.1.11.2 | text | 2000 | | | | reason for nullification or amendment
C.2.r.1.1 | text | 50 | MSK UNK ASKU NASK | | | reporter's title
C.2.r.1.2 | text | 60 | MSK ASKU NASK | | | reporter's given name
C.2.r.1.3 | text | 60 | MSK ASKU NASK | | | reporter's middle name
C.2.r.1.4 | text | 60 | MSK ASKU NASK | | | reporter's family name
C.2.r.2.1 | text | 60 | MSK ASKU NASK | | | reporter's organisation
C.2.r.2.2 | text | 60 | MSK ASKU NASK | | | reporter's department
C.2.r.2.3 | text | 100 | MSK ASKU NASK | | | reporter's street
C.2.r.2.4 | text | 35 | MSK ASKU NASK | | | reporter's city
C.2.r.2.5 | text | 40 | MSK ASKU NASK | | | reporter's state or province
C.2.r.2.6 | text | 15 | MSK ASKU NASK | | | reporter's postcode
C.2.r.2.7 | text | 33 | MSK ASKU NASK | | | reporter's telephone
FDA.C.2.r.2.8 | text | 100 | MSK ASKU NASK | | | reporter's e-mail
C.2.r.3 | code | 2 | | | | reporter's country
C.2.r.4 | code | 1 | UNK | 1-5 | ! | reporter's qualification
C.2.r.5 | code | 1 | | 1 | | primary source for regulatory purposes
C.3.1 | code | 1 | | 1-7 | ! | sender type
C.3.2 | text | 100 | | | | sender's organisation
C.3.3.1 | text | 60 | | | | sender's department
C.3.3.2 | text | 50 | | | | sender's title
C.3.3.3 | text | 60 | | | | sender's given name
C.3.3.4 | text | 60 | | | | sender's middle name
C.3.3.5 | text | 60 | | | | sender's family name
C.3.4.1 | text | 100 | | | | sender's street
C.3.4.2 | text | 35 | | | | sender's city
C.3.4.3 | text | 40 | | | | sender's state or province
C.3.4.4 | text | 15 | | | | sender's postcode
C.3.4.5 | code | 2 | | | | sender's country
C.3.4.6 | text | 33 | | | | sender's telephone
C.3.4.7 | text | 33 | | | | sender's fax
C.3.4.8 | text | 100 | | | | sender's e-mail
C.4.r.1 | text | 500 | ASKU NASK | | | literature reference
C.4.r.2 | document | 0 | | | | included literature document
C.5.1.r.1 | text | 50 | ASKU NASK | | | study registration number
C.5.1.r.2 | code | 2 | ASKU NASK | | | study registration country
C.5.2 | text | 2000 | ASKU NASK | | | study name
C.5.3 | text | 50 | ASKU NASK | | | sponsor study number
C.5.4 | code | 1 | | 1-3 | | study type
FDA.C.1.7.1 | code | 1 | | 1 2 4 5 6 | | local criteria report type
FDA.C.1.12 | boolean | 0 | NI | | | combination product report
FDA.C.5.5a | text | 10 | | | | IND number where the event occurred
FDA.C.5.5b | text | 10 | | | | pre-ANDA number where the event occurred
FDA.C.5.6.r | text | 10 | NA | | | IND number of a cross-reported IND
D.1 | text | 60 | MSK UNK ASKU NASK NA | | ! | patient (name or initials)
D.1.1.1 | text | 20 | MSK | | | record number: general practitioner
D.1.1.2 | text | 20 | MSK | | | record number: specialist
D.1.1.3 | text | 20 | MSK | | | record number: hospital
D.1.1.4 | text | 20 | MSK | | | record number: investigation
D.2.1 | date | 0 | MSK | | | date of birth
D.2.2a | number | 5 | | | | age at onset
D.2.2b | text | 50 | | | | unit of age at onset
D.2.2.1a | number | 3 | | | | gestation period
D.2.2.1b | text | 50 | | | | unit of gestation period
D.2.3 | code | 1 | | 0-6 | | age group
D.3 | number | 6 | | | | weight in kg
D.4 | number | 3 | | | | height in cm
D.5 | code | 1 | MSK UNK ASKU NASK | 1-2 | | sex
D.6 | date | 0 | MSK | | | last menstrual period
D.7.1.r.1a | text | 4 | | | | MedDRA version of a history item
D.7.1.r.1b | code | 8 | | | | history item (MedDRA)
D.7.1.r.2 | date | 0 | MSK ASKU NASK | | | start
D.7.1.r.3 | boolean | 0 | MSK UNK ASKU NASK | | | continuing
D.7.1.r.4 | date | 0 | MSK ASKU NASK | | | end
D.7.1.r.5 | text | 2000 | | | | comment
D.7.1.r.6 | true | 0 | | | | family history
D.7.2 | text | 10000 | MSK UNK ASKU NASK | | | relevant history in words
D.7.3 | true | 0 | | | | concomitant therapies
D.8.r.1 | text | 250 | UNK NA | | | earlier drug or therapy as reported
D.8.r.4 | date | 0 | MSK ASKU NASK | | | start
D.8.r.5 | date | 0 | MSK ASKU NASK | | | end
D.8.r.6a | text | 4 | | | | MedDRA version of the indication
D.8.r.6b | code | 8 | | | | indication (MedDRA)
D.8.r.7a | text | 4 | | | | MedDRA version of the reaction
D.8.r.7b | code | 8 | | | | reaction (MedDRA)
D.9.1 | date | 0 | MSK ASKU NASK | | | date of death
D.9.2.r.1a | text | 4 | | | | MedDRA version of the cause of death
D.9.2.r.1b | code | 8 | | | | cause of death (MedDRA)
D.9.2.r.2 | text | 250 | | | | cause of death in words
D.9.3 | boolean | 0 | UNK ASKU NASK | | | autopsy done
D.9.4.r.1a | text | 4 | | | | MedDRA version of the autopsy finding
D.9.4.r.1b | code | 8 | | | | cause by autopsy (MedDRA)
D.9.4.r.2 | text | 250 | | | | cause by autopsy in words
FDA.D.11.r.1 | code | 10 | NI MSK UNK NA OTH | | | race
FDA.D.12 | code | 10 | NI MSK UNK NA | | | ethnicity
E.i.1.1a | text | 250 | | | | event as reported, native language
E.i.1.1b | code | 3 | | | | language of it
E.i.1.2 | text | 250 | | | | event as reported, for translation
E.i.2.1a | text | 4 | | | ! | MedDRA version of the event
E.i.2.1b | code | 8 | | | ! | event (MedDRA)
E.i.3.1 | code | 1 | | 1-4 | | term highlighted by the reporter
E.i.3.2a | true | 0 | NI | | ! | results in death
E.i.3.2b | true | 0 | NI | | ! | life-threatening
E.i.3.2c | true | 0 | NI | | ! | caused or prolonged hospitalisation
E.i.3.2d | true | 0 | NI | | ! | disabling or incapacitating
E.i.3.2e | true | 0 | NI | | ! | congenital anomaly
E.i.3.2f | true | 0 | NI | | ! | other medically important condition
FDA.E.i.3.2h | true | 0 | NI | | | required intervention
E.i.4 | date | 0 | MSK ASKU NASK | | | start
E.i.5 | date | 0 | MSK ASKU NASK | | | end
E.i.6a | number | 5 | | | | duration
E.i.6b | text | 50 | | | | unit of duration
E.i.7 | code | 1 | | 0-5 | ! | outcome
E.i.8 | boolean | 0 | | | | confirmed by a health professional
E.i.9 | code | 2 | | | | country of the event
F.r.1 | date | 0 | UNK | | | test date
F.r.2.1 | text | 250 | | | | test name
F.r.2.2a | text | 4 | | | | MedDRA version of the test name
F.r.2.2b | code | 8 | | | | test name (MedDRA)
F.r.3.1 | code | 1 | | 1-4 | | result: positive, negative, borderline, inconclusive
F.r.3.2 | text | 50 | | | | result value, with < <= > >= where it is a limit
F.r.3.3 | text | 50 | | | | unit (UCUM)
F.r.3.4 | text | 2000 | | | | result in words
F.r.4 | number | 50 | | | | normal low
F.r.5 | number | 50 | | | | normal high
F.r.6 | text | 2000 | | | | comment
F.r.7 | boolean | 0 | | | | more information available
G.k.1 | code | 1 | | 1-4 | ! | role of the drug
G.k.2.2 | text | 250 | | | ! | product name as reported
G.k.2.3.r.1 | text | 250 | | | | substance
G.k.2.3.r.3a | number | 10 | | | | strength
G.k.2.3.r.3b | text | 50 | | | | unit of strength
G.k.2.4 | code | 2 | | | | country where it was obtained
G.k.2.5 | true | 0 | | | | investigational product blinded
G.k.3.1 | text | 35 | | | | authorisation number
G.k.3.2 | code | 2 | | | | country of authorisation
G.k.3.3 | text | 60 | | | | holder or applicant
G.k.4.r.1a | number | 8 | | | | dose
G.k.4.r.1b | text | 50 | | | | unit of dose
G.k.4.r.2 | number | 4 | | | | number of units in the interval
G.k.4.r.3 | text | 50 | | | | unit of the interval
G.k.4.r.4 | date | 0 | MSK ASKU NASK | | | start of administration
G.k.4.r.5 | date | 0 | MSK ASKU NASK | | | last administration
G.k.4.r.6a | number | 5 | | | | duration
G.k.4.r.6b | text | 50 | | | | unit of duration
G.k.4.r.7 | text | 35 | UNK ASKU NASK | | | batch or lot number
G.k.4.r.8 | text | 2000 | | | | dosage in words
G.k.4.r.9.1 | text | 60 | UNK ASKU NASK | | | pharmaceutical form in words
G.k.4.r.9.2a | text | 10 | | | | version of the form's term
G.k.4.r.9.2b | text | 100 | | | | form (EDQM term)
G.k.4.r.10.1 | text | 60 | UNK ASKU NASK | | | route in words
G.k.4.r.10.2a | text | 10 | | | | version of the route's term
G.k.4.r.10.2b | text | 100 | | | | route (EDQM term)
G.k.4.r.11.1 | text | 60 | UNK ASKU NASK | | | parent's route in words
G.k.4.r.11.2a | text | 10 | | | | version of the parent route's term
G.k.4.r.11.2b | text | 100 | | | | parent's route (EDQM term)
G.k.5a | number | 10 | | | | cumulative dose to the first event
G.k.5b | text | 50 | | | | unit of cumulative dose
G.k.6a | number | 3 | | | | gestation period at exposure
G.k.6b | text | 50 | | | | unit of it
G.k.7.r.1 | text | 250 | UNK ASKU NASK | | | indication as reported
G.k.7.r.2a | text | 4 | | | | MedDRA version of the indication
G.k.7.r.2b | code | 8 | | | | indication (MedDRA)
G.k.8 | code | 1 | | 0-4 9 | | action taken with the drug
G.k.9.i.1 | reference | 0 | | | ! | event assessed
G.k.9.i.2.r.1 | text | 60 | | | | source of assessment
G.k.9.i.2.r.2 | text | 60 | | | | method of assessment
G.k.9.i.2.r.3 | text | 60 | | | | result of assessment
EU.G.k.9.i.2.r.1 | code | 1 | | 1-6 | | EU source of assessment
EU.G.k.9.i.2.r.2 | code | 1 | | 1 | | EU method of assessment
EU.G.k.9.i.2.r.3 | code | 1 | | 1-2 | | EU result of assessment
G.k.9.i.3.1a | number | 5 | | | | interval from first administration to the event
G.k.9.i.3.1b | text | 50 | | | | unit of it
G.k.9.i.3.2a | number | 5 | | | | interval from last administration to the event
G.k.9.i.3.2b | text | 50 | | | | unit of it
G.k.9.i.4 | code | 1 | | 1-4 | | recurred on re-administration
G.k.10.r | code | 2 | | 1-11 | | additional information on the drug
FDA.G.k.10a.r | code | 2 | NA | 1-5 | | FDA additional information on the drug
G.k.11 | text | 2000 | | | | additional information on the drug in words
H.1 | text | 100000 | | | ! | case narrative
H.2 | text | 20000 | | | | reporter's comments
H.3.r.1a | text | 4 | | | | MedDRA version of the sender's diagnosis
H.3.r.1b | code | 8 | | | | sender's diagnosis (MedDRA)
H.4 | text | 20000 | | | | sender's comments
H.5.r.1a | text | 100000 | | | | summary in native language
H.5.r.1b | code | 3 | | | | language of the summary
"""


def _values(text: str) -> tuple[str, ...]:
    found: list[str] = []
    for part in text.split():
        first, _, last = part.partition("-")
        found += [str(number) for number in range(int(first), int(last or first) + 1)]
    return tuple(found)


def _group_of(code: str) -> str:
    """The longest group whose name the code begins with (``EU.G.k.9.i.2.r.1`` stands in ``G.k.9.i.2.r``)."""
    candidates = [code] if code.startswith("FDA.") else [code.removeprefix("EU.")]
    if code == "FDA.C.2.r.2.8":
        return "C.2.r"
    if code == "FDA.E.i.3.2h":
        return "E.i"
    within = [group for group in GROUPS for name in candidates if name == group or name.startswith(group + ".")]
    return max(within, key=len, default="")


def _pattern(code: str) -> str:
    if code in ("C.2.r.3", "C.3.4.5", "C.5.1.r.2", "E.i.9", "G.k.2.4", "G.k.3.2"):
        return r"[A-Z]{2}"
    if code.endswith("b") and code in ("E.i.1.1b", "H.5.r.1b"):
        return r"[a-z]{3}"
    return r"\d{8}" if code[-1] == "b" else ""


def _read(line: str) -> Element:
    code, kind, length, nulls, values, required, name = (part.strip() for part in line.split("|"))
    authority: Authority = "FDA" if code.startswith("FDA.") else "EU" if code.startswith("EU.") else "ICH"
    return Element(
        code,
        name,
        kind,  # type: ignore[arg-type]
        int(length),
        tuple(nulls.split()),
        _values(values),
        required == "!",
        _group_of(code),
        authority,
        _pattern(code) if kind == "code" and not values else "",
    )


ELEMENTS: dict[str, Element] = {element.code: element for element in map(_read, _TABLE.strip().splitlines())}


def inside(group: str) -> str:
    """The group that a group stands in, "" for the message."""
    return _INSIDE.get(group, "")


def elements_of(group: str) -> tuple[Element, ...]:
    """The elements that stand directly in a group, in order."""
    return tuple(element for element in ELEMENTS.values() if element.group == group and not element.code.startswith("N.1"))


def groups_in(group: str) -> tuple[str, ...]:
    """The groups that stand directly in a group."""
    return tuple(name for name in GROUPS if inside(name) == group)


def claimed_table() -> list[str]:
    """The claimed elements as lines of a Markdown table, in the order of the guide."""
    lines = ["| element | what it is | kind | length | null flavours | values | mandatory |", "|---|---|---|---|---|---|---|"]
    for item in ELEMENTS.values():
        length = str(item.max_length) if item.max_length else ""
        values = f"{item.values[0]}-{item.values[-1]}" if len(item.values) > 3 else ", ".join(item.values)
        required = "yes" if item.required else ""
        nulls = ", ".join(item.nulls)
        lines.append(f"| `{item.code}` | {item.name} | {item.kind} | {length} | {nulls} | {values} | {required} |")
    return lines
