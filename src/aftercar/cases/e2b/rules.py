"""Is a report fit to be sent? Every element's own rules (ICH), then those of the regulator asked for.

A problem names the element, what is wrong and, for FDA, the identifier of the agency's rule. ``reject`` says that
the receiver would refuse the message; a warning would be sent back with it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from aftercar.cases.e2b.elements import ELEMENTS, Element, elements_of
from aftercar.cases.e2b.message import Batch, Group, Null, Value, misplaced
from aftercar.errors import InputError

Profile = Literal["ich", "fda", "fda_premarket", "eu"]
PROFILES: tuple[Profile, ...] = ("ich", "fda", "fda_premarket", "eu")

_DATE = re.compile(r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.\d{1,4})?)?)?([+-]\d{4})?)?)?)?")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_RANGE = re.compile(r"(?:<=?|>=?)?\s*-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")

#: Texts that are written as codes: units and identifiers of terms.
_ONE_WORD = frozenset(
    code
    for code, element in ELEMENTS.items()
    if element.kind == "text"
    and (element.name.startswith(("unit", "MedDRA version", "version of")) or "(EDQM term)" in element.name)
)
#: Elements whose moment must be known to the second, or to the day.
_TO_THE_SECOND = frozenset({"N.1.5", "N.2.r.4", "C.1.2"})
_TO_THE_DAY = frozenset({"C.1.4", "C.1.5"})
_LATER = frozenset({"N.1.5", "N.2.r.4", "C.1.2", "C.1.4", "C.1.5", "D.2.1", "D.9.1", "E.i.4", "G.k.4.r.4", "F.r.1"})


@dataclass(frozen=True, slots=True)
class E2bProblem:
    """One broken rule.

    Attributes:
        element: number of the element.
        place: where in the report, such as ``G.k[1]/G.k.4.r[2]``; "" for the report itself.
        rule: what is wrong.
        reject: whether the message would be refused.
        rule_id: identifier of the regulator's rule, "" for a rule of ICH or ours.
    """

    element: str
    place: str
    rule: str
    reject: bool = True
    rule_id: str = ""

    def __str__(self) -> str:
        name = ELEMENTS[self.element].name if self.element in ELEMENTS else ""
        where = f" in {self.place}" if self.place else ""
        mark = f" [{self.rule_id}]" if self.rule_id else ""
        return f"{self.element} ({name}){where}: {self.rule}{mark}"


class NotSendable(InputError):
    """A message breaks rules for which the receiver would refuse it."""

    code = "not-sendable"

    def __init__(self, problems: list[E2bProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"the message breaks {len(problems)} rule(s)", fix="correct the case, or ask the sender")

    def __str__(self) -> str:
        return "\n".join([f"{self.what}:", *(f"  {problem}" for problem in self.problems)])


def check_batch(
    batch: Batch, *, profile: Profile = "ich", today: dt.date | None = None, initial: bool | None = None
) -> list[E2bProblem]:
    """Every broken rule of a batch and its reports.

    Args:
        batch: the batch.
        profile: whose rules apply.
        today: no date may lie after it; None leaves that rule out.
        initial: whether the reports are sent for the first time; None leaves rules out that need to know.
    """
    problems: list[E2bProblem] = []
    for element in ELEMENTS.values():
        if element.code.startswith("N.1."):
            problems += _check_value(element, "", batch.values.get(element.code), today)
    if profile == "eu" and batch.values.get("N.1.1") not in ("1", "2", "4"):
        problems.append(E2bProblem("N.1.1", "", "is none of the EU message types"))
    for report in batch.reports:
        problems += check_report(report, today=today)
        if profile in ("fda", "fda_premarket"):
            problems += list(_fda(batch, report, profile, initial))
        if profile == "eu":
            problems += list(_eu(report))
    return problems


def check_report(report: Group, *, today: dt.date | None = None) -> list[E2bProblem]:
    """Every broken ICH rule of one report."""
    problems = [E2bProblem(name, "", "stands where it does not belong") for name in misplaced(report)]
    problems += _check_group(report, "", "", today)
    problems += list(_minimum(report))
    for place, name, group in _groups(report):
        problems += [E2bProblem(*found) for found in _pairs(group, name, place)]
    return problems


def refuse_unfit(problems: list[E2bProblem]) -> None:
    """Raise :class:`NotSendable` when any problem would have the message refused."""
    if blocking := [problem for problem in problems if problem.reject]:
        raise NotSendable(blocking)


def _check_group(group: Group, name: str, place: str, today: dt.date | None) -> list[E2bProblem]:
    problems: list[E2bProblem] = []
    for element in elements_of(name):
        if element.required and element.code not in group.values:
            problems.append(E2bProblem(element.code, place, "is missing"))
    for code, value in group.values.items():
        problems += _check_value(ELEMENTS[code], place, value, today)
    for inner, repetitions in group.groups.items():
        for i, repetition in enumerate(repetitions, 1):
            problems += _check_group(repetition, inner, f"{place}/{inner}[{i}]".lstrip("/"), today)
    return problems


def _check_value(element: Element, place: str, value: Value | None, today: dt.date | None) -> list[E2bProblem]:
    def wrong(rule: str) -> list[E2bProblem]:
        return [E2bProblem(element.code, place, rule)]

    if value is None:
        return wrong("is missing") if element.required else []
    if isinstance(value, Null):
        if value.flavour in element.nulls:
            return []
        allowed = f"it may be {', '.join(element.nulls)}" if element.nulls else "it may not be null"
        return wrong(f"is null {value.flavour}, but {allowed}")
    if not value.strip():
        return wrong("is empty")
    if element.max_length and len(value) > element.max_length:
        return wrong(f"has {len(value)} characters, {element.max_length} are allowed: {value[:40]!r}...")
    return [problem for rule in _KINDS[element.kind](element, value, today) for problem in wrong(rule)]


def _text(element: Element, value: str, today: dt.date | None) -> list[str]:
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udfff]", value):
        return ["holds a control character that XML cannot carry"]
    if element.code in _ONE_WORD and re.search(r"\s", value):
        return [f"is {value!r}; a unit or identifier of a term has no blank"]
    if element.code == "F.r.3.2" and not _RANGE.fullmatch(value):
        return [f"is {value!r}, not a number with < <= > or >= before it"]
    return []


def _number(element: Element, value: str, today: dt.date | None) -> list[str]:
    return [] if _NUMBER.fullmatch(value) else [f"is {value!r}, not a number"]


def _boolean(element: Element, value: str, today: dt.date | None) -> list[str]:
    return [] if value in ("true", "false") else [f"is {value!r}, neither true nor false"]


def _only_true(element: Element, value: str, today: dt.date | None) -> list[str]:
    return [] if value == "true" else [f"is {value!r}; it may be true{' or null' if element.nulls else ''}"]


def _code(element: Element, value: str, today: dt.date | None) -> list[str]:
    if element.values and value not in element.values:
        return [f"is {value!r}, not one of {', '.join(element.values)}"]
    if element.pattern and not re.fullmatch(element.pattern, value):
        return [f"is {value!r}, not of the form {element.pattern}"]
    return []


def _date(element: Element, value: str, today: dt.date | None) -> list[str]:
    found = _DATE.fullmatch(value)
    if found is None:
        return [f"is {value!r}, not a date of the form CCYYMMDDhhmmss+ZZzz (shorter where less is known)"]
    year, month, day, *_ = found.groups()
    try:
        earliest = dt.date(int(year), int(month or 1), int(day or 1))
        hour, minute, second = (int(found.group(i) or 0) for i in (4, 5, 6))
        dt.time(hour, minute, second)
    except ValueError:
        return [f"is {value!r}, a date that does not exist"]
    if element.code in _TO_THE_SECOND and found.group(6) is None:
        return [f"is {value!r}; it must be known to the second"]
    if element.code in _TO_THE_DAY and day is None:
        return [f"is {value!r}; it must be known to the day"]
    if today is not None and element.code in _LATER and earliest > today:
        return [f"is {value!r}, which lies in the future"]
    return []


def _reference(element: Element, value: str, today: dt.date | None) -> list[str]:
    return [] if value.isdigit() and int(value) >= 1 else [f"is {value!r}, not the number of an event in this report"]


def _document(element: Element, value: str, today: dt.date | None) -> list[str]:
    return [] if value.startswith("data:") and "," in value else ["is not a document as data:TYPE;base64,CONTENT"]


_KINDS: dict[str, Callable[[Element, str, dt.date | None], list[str]]] = {
    "text": _text,
    "number": _number,
    "date": _date,
    "boolean": _boolean,
    "true": _only_true,
    "code": _code,
    "reference": _reference,
    "document": _document,
}

#: Both or neither.
_BOTH = (
    "D.2.2a D.2.2b,D.2.2.1a D.2.2.1b,D.7.1.r.1a D.7.1.r.1b,D.8.r.6a D.8.r.6b,D.8.r.7a D.8.r.7b,D.9.2.r.1a D.9.2.r.1b,"
    "D.9.4.r.1a D.9.4.r.1b,E.i.1.1a E.i.1.1b,E.i.6a E.i.6b,F.r.2.2a F.r.2.2b,G.k.2.3.r.3a G.k.2.3.r.3b,G.k.4.r.1a G.k.4.r.1b,"
    "G.k.4.r.2 G.k.4.r.3,G.k.4.r.6a G.k.4.r.6b,G.k.5a G.k.5b,G.k.6a G.k.6b,G.k.7.r.2a G.k.7.r.2b,G.k.9.i.3.1a G.k.9.i.3.1b,"
    "G.k.9.i.3.2a G.k.9.i.3.2b,H.3.r.1a H.3.r.1b,H.5.r.1a H.5.r.1b,C.1.9.1.r.1 C.1.9.1.r.2,C.1.11.1 C.1.11.2"
)
_PAIRS = tuple(tuple(pair.split()) for pair in _BOTH.split(","))


def _pairs(group: Group, name: str, place: str) -> Iterator[tuple[str, str, str]]:
    for one, other in _PAIRS:
        if ELEMENTS[one].group != name:
            continue
        if (one in group.values) != (other in group.values):
            missing, there = (other, one) if one in group.values else (one, other)
            yield missing, place, f"must be given when {there} ({ELEMENTS[there].name}) is"
    if name == "F.r":
        if not {"F.r.2.1", "F.r.2.2b"} & set(group.values):
            yield "F.r.2.1", place, "must be given when no code of the test is"
        if {"F.r.2.1", "F.r.2.2b"} & set(group.values) and "F.r.1" not in group.values:
            yield "F.r.1", place, "must be given (null UNK when not known) when a test is named"
        if "F.r.3.2" in group.values and "F.r.3.3" not in group.values:
            yield "F.r.3.3", place, "must be given when F.r.3.2 is"
        if not {"F.r.3.1", "F.r.3.2", "F.r.3.4"} & set(group.values):
            yield "F.r.3.4", place, "one of F.r.3.1, F.r.3.2 and F.r.3.4 must be given"
    if name == "D.8.r" and "D.8.r.1" not in group.values:
        yield "D.8.r.1", place, "must be given when anything else of the therapy is"
    if name == "G.k" and "G.k.3.1" in group.values and "G.k.3.2" not in group.values:
        yield "G.k.3.2", place, "must be given when G.k.3.1 is"
    if name == "G.k.2.3.r" and "G.k.2.3.r.1" not in group.values:
        yield "G.k.2.3.r.1", place, "must be given when a strength is"
    if name == "E.i" and {"E.i.4", "E.i.5", "E.i.6a"} <= set(group.values):
        yield "E.i.6a", place, "may not be given when start and end both are"
    if name == "G.k.9.i" and set(group.values) == {"G.k.9.i.1"} and not group.all("G.k.9.i.2.r"):
        yield "G.k.9.i.1", place, "stands alone: nothing is said of the drug and this event"
    if name == "G.k.9.i.2.r":
        here = [code for code in group.values if code.startswith("EU.")]
        if here and len(here) < len(group.values):
            yield here[0], place, "EU assessments stand in a repetition of their own"


def _groups(group: Group, name: str = "", place: str = "") -> Iterator[tuple[str, str, Group]]:
    yield place, name, group
    for inner, repetitions in group.groups.items():
        for i, repetition in enumerate(repetitions, 1):
            yield from _groups(repetition, inner, f"{place}/{inner}[{i}]".lstrip("/"))


def _minimum(report: Group) -> Iterator[E2bProblem]:
    if not report.all("C.2.r"):
        yield E2bProblem("C.2.r.4", "", "no reporter is given: a valid case needs one")
    elif sum(source.text("C.2.r.5") == "1" for source in report.all("C.2.r")) != 1:
        yield E2bProblem("C.2.r.5", "", "exactly one reporter must be the primary source")
    if not report.all("E.i"):
        yield E2bProblem("E.i.2.1b", "", "no event is given: a valid case needs one")
    if not any(drug.text("G.k.1") in ("1", "3", "4") for drug in report.all("G.k")):
        yield E2bProblem("G.k.1", "", "no suspect, interacting or not administered drug is given: a valid case needs one")
    if not report.all("D.7.1.r") and "D.7.2" not in report.values:
        yield E2bProblem("D.7.2", "", "must be given (or null) when there is no coded history")
    if report.text("C.1.9.1") == "true" and not report.all("C.1.9.1.r"):
        yield E2bProblem("C.1.9.1.r.1", "", "must be given when C.1.9.1 is true")
    if report.text("C.1.6.1") == "true" and not report.all("C.1.6.1.r"):
        yield E2bProblem("C.1.6.1.r.1", "", "must be given when C.1.6.1 is true")
    if report.get("D.9.1") is not None and "D.9.3" not in report.values:
        yield E2bProblem("D.9.3", "", "must be given when the date of death is")
    if report.text("C.1.3") == "2" and "C.5.4" not in report.values:
        yield E2bProblem("C.5.4", "", "must be given for a report from a study")
    for i, source in enumerate(report.all("C.2.r"), 1):
        if source.text("C.2.r.5") == "1" and "C.2.r.3" not in source.values:
            yield E2bProblem("C.2.r.3", f"C.2.r[{i}]", "must be given for the primary source")
    for k, drug in enumerate(report.all("G.k"), 1):
        for i, pair in enumerate(drug.all("G.k.9.i"), 1):
            number = pair.text("G.k.9.i.1") or ""
            if number.isdigit() and int(number) > len(report.all("E.i")):
                yield E2bProblem(
                    "G.k.9.i.1", f"G.k[{k}]/G.k.9.i[{i}]", f"names event {number}, there are {len(report.all('E.i'))}"
                )


def _fda(batch: Batch, report: Group, profile: Profile, initial: bool | None) -> Iterator[E2bProblem]:
    """The rejection and warning rules of FDA that concern elements we hold; devices are not among them."""
    receiver, to = batch.values.get("N.1.4"), report.text("N.2.r.3")
    kind, study = report.text("C.1.3"), report.text("C.5.4")

    def wrong(element: str, rule: str, rule_id: str, place: str = "") -> E2bProblem:
        return E2bProblem(element, place, rule, rule_id.startswith("R"), rule_id)

    market = profile == "fda"
    if market and receiver != "ZZFDA":
        yield wrong("N.1.4", "must be ZZFDA for a post-market report", "R0004")
    if not market and receiver != "ZZFDA_PREMKT":
        yield wrong("N.1.4", "must be ZZFDA_PREMKT for a pre-market report", "R0005")
    if report.get("N.2.r.2") != batch.values.get("N.1.3"):
        yield wrong("N.2.r.2", "must equal the batch sender N.1.3", "R0100")
    if market and to != "CDER":
        yield wrong("N.2.r.3", "must be CDER when N.1.4 is ZZFDA", "R0006")
    if not market and to not in ("CDER_IND", "CBER_IND", "CDER_IND_EXEMPT_BA_BE"):
        yield wrong("N.2.r.3", "must be CDER_IND, CBER_IND or CDER_IND_EXEMPT_BA_BE when N.1.4 is ZZFDA_PREMKT", "R0007")
    if not market and kind in ("3", "4") and to in ("CDER_IND", "CBER_IND"):
        yield wrong("C.1.3", "may not be 3 or 4 for an IND", "R0112")
    if not market and to == "CDER_IND_EXEMPT_BA_BE" and kind != "2":
        yield wrong("C.1.3", "must be 2 for an IND-exempt study", "R0111")
    if not market and to in ("CDER_IND", "CBER_IND") and "FDA.C.5.5a" not in report.values and kind in ("1", "2"):
        yield wrong("FDA.C.5.5a", "must be given for an IND", "R0024")
    if not market and to == "CDER_IND_EXEMPT_BA_BE" and kind == "2" and "FDA.C.5.5b" not in report.values:
        yield wrong("FDA.C.5.5b", "must be given for an IND-exempt study", "R0025")
    if not market and "FDA.C.5.5a" in report.values and not report.all("FDA.C.5.6.r"):
        yield wrong("FDA.C.5.6.r", "must be given or null NA when FDA.C.5.5a is", "R0026")
    if market:
        for code, rule_id in (("FDA.C.5.5a", "R0107"), ("FDA.C.5.5b", "R0108")):
            if code in report.values:
                yield wrong(code, "may not be given for a post-market report", rule_id)
        if report.all("FDA.C.5.6.r"):
            yield wrong("FDA.C.5.6.r", "may not be given for a post-market report", "R0109")
        if kind == "1" and study is not None:
            yield wrong("C.5.4", "may not be given for a spontaneous report", "R0103")
    if initial and isinstance(report.get("C.1.7"), Null):
        yield wrong("C.1.7", "may not be null in a first report", "R0011")
    if initial and report.get("C.1.11.1") is not None:
        yield wrong("C.1.11.1", "may not be given in a first report", "R0101")
    yield from _fda_criteria(report, market, wrong)
    for code, rule_id in (("FDA.C.1.12", ""), ("FDA.C.1.7.1", ""), ("FDA.D.12", "")):
        if code not in report.values:
            yield E2bProblem(code, "", "is missing (mandatory for FDA)", True, rule_id)
    if not report.all("FDA.D.11.r"):
        yield E2bProblem("FDA.D.11.r.1", "", "is missing (mandatory for FDA)")
    for i, source in enumerate(report.all("C.2.r"), 1):
        if source.text("C.2.r.5") == "1" and "FDA.C.2.r.2.8" not in source.values:
            yield E2bProblem("FDA.C.2.r.2.8", f"C.2.r[{i}]", "is missing (mandatory for FDA; null NASK when not asked)", False)
    for i, event in enumerate(report.all("E.i"), 1):
        if "FDA.E.i.3.2h" not in event.values:
            yield E2bProblem("FDA.E.i.3.2h", f"E.i[{i}]", "is missing (mandatory for FDA)")
    if report.text("C.3.1") in ("1", "2", "3", "4", "5", "6") and "C.3.2" not in report.values:
        yield wrong("C.3.2", "must be given for this sender type", "R0022")
    drugs = report.all("G.k")
    if drugs and drugs[0].text("G.k.1") not in ("1", "3", "4"):
        yield wrong("G.k.1", "the first drug should be a suspect", "W0005", "G.k[1]")
    if kind == "2" and "FDA.C.5.5a" in report.values:
        judged = [given for drug in drugs for pair in drug.all("G.k.9.i") for given in pair.all("G.k.9.i.2.r")]
        for code, rule_id in (("G.k.9.i.2.r.1", "R0085"), ("G.k.9.i.2.r.2", "R0086"), ("G.k.9.i.2.r.3", "R0087")):
            if not any(code in given.values for given in judged):
                yield wrong(code, "must be given for a study under an IND", rule_id)
    for i, cause in enumerate(report.all("D.9.2.r"), 1):
        if "D.9.2.r.1b" in cause.values and "D.9.2.r.2" not in cause.values:
            yield wrong("D.9.2.r.2", "must be given beside the code", "R0044", f"D.9.2.r[{i}]")
    for i, cause in enumerate(report.all("D.9.4.r"), 1):
        if "D.9.4.r.1b" in cause.values and "D.9.4.r.2" not in cause.values:
            yield wrong("D.9.4.r.2", "must be given beside the code", "R0048", f"D.9.4.r[{i}]")
    for i, document in enumerate(report.all("C.1.6.1.r"), 1):
        content = document.text("C.1.6.1.r.2")
        if content is not None and ";base64," not in content:
            yield wrong("C.1.6.1.r.2", "must be base64 without compression", "R0010", f"C.1.6.1.r[{i}]")


def _fda_criteria(report: Group, market: bool, wrong: Callable[[str, str, str], E2bProblem]) -> Iterator[E2bProblem]:
    criteria = report.text("FDA.C.1.7.1")
    if criteria is None:
        return
    combination, expedited = report.text("FDA.C.1.12") == "true", report.text("C.1.7") == "true"
    if not market:
        if expedited and report.text("C.1.3") in ("1", "2") and criteria not in ("1", "6"):
            yield wrong("FDA.C.1.7.1", "must be 1 or 6 for an expedited pre-market report", "R0016")
        return
    allowed, rule_id = {
        (True, True): (("1", "4"), "R0012"),
        (True, False): (("2", "5"), "R0013"),
        (False, True): (("1",), "R0014"),
        (False, False): (("2",), "R0015"),
    }[combination, expedited]
    if criteria not in allowed:
        yield wrong("FDA.C.1.7.1", f"must be {' or '.join(allowed)} with these values of C.1.7 and FDA.C.1.12", rule_id)


def _eu(report: Group) -> Iterator[E2bProblem]:
    """EU rules that were seen or are recalled: batch of a biological followed up, results of assessment in EU codes."""
    for k, drug in enumerate(report.all("G.k"), 1):
        if drug.text("G.k.1") not in ("1", "3"):
            continue
        if not any("G.k.4.r.7" in dose.values for dose in drug.all("G.k.4.r")):
            yield E2bProblem(
                "G.k.4.r.7", f"G.k[{k}]", "the batch of a biological must be given, or null with the reason (follow it up)", False
            )
    if report.text("C.1.3") == "2":
        judged = [given for drug in report.all("G.k") for pair in drug.all("G.k.9.i") for given in pair.all("G.k.9.i.2.r")]
        if not any("EU.G.k.9.i.2.r.3" in given.values for given in judged):
            yield E2bProblem("EU.G.k.9.i.2.r.3", "", "is expected for a report from a study (recalled)", False)
