"""What product information says of second malignancies, by stated rules; what is not said is "not_stated", never guessed.

Sections are cut at their numbered headings (5.8, 5.9, ...). A numbered part that opens with a second malignancy is kept whole;
of every other part only the sentences that name one are kept, and a sentence on monitoring that follows such a sentence.

- **Boxed warning**: ``yes`` when it names a second malignancy; ``no`` when there is one and it names no malignancy at all;
  ``unclear`` when it names a malignancy of another kind; ``not_stated`` when the document has no boxed warning.
- **Monitoring**: only sentences that ask to monitor count. ``lifelong`` or a number of years when they agree; ``unclear`` when
  they differ, deny, or give another span; ``not_stated`` when none names a duration.

>>> facts = facts_of(passages_of({"warnings_and_cautions": "5.8 Second Malignancies May occur. Monitor life-long."}))
>>> facts.monitoring, facts.boxed_warning
('lifelong', 'not_stated')
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

#: Sections of a document that may speak of second malignancies, by openFDA's field names, in the order of a document.
SECTIONS = (
    "boxed_warning",
    "warnings_and_cautions",
    "warnings",
    "precautions",
    "general_precautions",
    "adverse_reactions",
    "information_for_patients",
)

#: A second malignancy must be named in the first sentence, within so many letters, for a numbered part to be about it.
_OPENING = 120

_KIND = r"(?:malignan\w*|cancers?|neoplas\w*|tumou?rs?|leuk[ae]?emi\w*|lymphom\w*)"
_SECOND = re.compile(
    rf"\b(?:second(?:ary)?|subsequent|new)\s+(?:primary\s+)?(?:[\w-]+\s+){{0,2}}?{_KIND}"
    rf"|\bT[\s-]?(?:cell|lymphocyte)\s+{_KIND}|\binsertional\s+(?:muta|onco)genesis",
    re.IGNORECASE,
)
_ANY = re.compile(rf"\b{_KIND}", re.IGNORECASE)
_PART = re.compile(r"(?<![\d.(])(?=\b\d{1,2}\.\d{1,2}\s+[A-Z])")
_NUMBER = re.compile(r"(\d{1,2}\.\d{1,2})\s")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\[(•])|\s*[•●▪]\s*")
_MONITOR = re.compile(r"\b(?:monitor\w*|surveillance|follow(?:ed|ing)?[\s-]up|observe[ds]?)\b", re.IGNORECASE)
_LIFELONG = re.compile(
    r"\b(?:life[\s-]?long|for\s+(?:the\s+rest\s+of\s+)?(?:\w+\s+)?life|throughout\s+(?:\w+\s+)?life)\b", re.IGNORECASE
)
_SPELLED = {"five": 5, "ten": 10, "fifteen": 15, "twenty": 20}
_YEARS = re.compile(
    rf"\bfor\s+(?:(?:at\s+least|a\s+minimum\s+of|a\s+period\s+of)\s+)?(\d{{1,3}}|{'|'.join(_SPELLED)})[\s-]years?\b",
    re.IGNORECASE,
)
_OTHER_SPAN = re.compile(rf"\b(?:\d{{1,3}}|{'|'.join(_SPELLED)})[\s-](?:days?|weeks?|months?|years?)\b", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:no\s+longer|not|without|unless)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Passage:
    """What one part of a section says: ``section`` and number of its heading ("" without), ``text`` with single spaces."""

    section: str
    heading: str
    text: str

    @property
    def place(self) -> str:
        """Section and heading."""
        return f"{self.section}_{self.heading}" if self.heading else self.section

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def sentences(self) -> list[str]:
        """Its sentences."""
        return sentences(self.text)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules read: see the module. ``years`` is None unless ``monitoring`` is ``years``."""

    boxed_warning: str
    monitoring: str
    years: float | None
    digest: str


def sentences(text: str) -> list[str]:
    """Sentences and bullet points of a text."""
    return [part for part in (piece.strip() for piece in _SENTENCE.split(text)) if part]


def passages_of(sections: Mapping[str, str]) -> tuple[Passage, ...]:
    """The parts that speak of second malignancies, in the order of :data:`SECTIONS`.

    A boxed warning is kept even when it names none: that is a statement too.
    """
    return tuple(_passages(sections))


def facts_of(passages: Sequence[Passage]) -> Facts:
    """Boxed warning, duration of monitoring and digest of the passages."""
    monitoring, years = _duration([sentence for passage in passages for sentence in passage.sentences])
    told = "\x1e".join(f"{passage.place}\x1f{passage.text}" for passage in passages)
    return Facts(_boxed(passages), monitoring, years, hashlib.sha256(told.encode()).hexdigest())


def _passages(sections: Mapping[str, str]) -> Iterator[Passage]:
    for section in SECTIONS:
        text = " ".join(sections.get(section, "").split())
        if not text:
            continue
        found = [passage for part in _PART.split(text) if (passage := _passage(section, part.strip())) is not None]
        if section == "boxed_warning" and not found:
            found = [Passage(section, "", text)]
        yield from _merged(found)


def _passage(section: str, part: str) -> Passage | None:
    number = _NUMBER.match(part)
    heading = number.group(1) if number else ""
    if heading and _SECOND.search(sentences(part)[0][:_OPENING]):
        return Passage(section, heading, part)
    kept: list[str] = []
    named = False
    for sentence in sentences(part):
        follows, named = named, bool(_SECOND.search(sentence))
        if named or (follows and _MONITOR.search(sentence)):
            kept.append(sentence)
    return Passage(section, heading, " ".join(kept)) if kept else None


def _merged(found: Sequence[Passage]) -> Iterator[Passage]:
    """Parts with the same heading (a summary and the full text) as one."""
    places = dict.fromkeys(passage.place for passage in found)
    for place in places:
        same = [passage for passage in found if passage.place == place]
        yield Passage(same[0].section, same[0].heading, " ".join(passage.text for passage in same))


def _boxed(passages: Sequence[Passage]) -> str:
    text = " ".join(passage.text for passage in passages if passage.section == "boxed_warning")
    if not text:
        return "not_stated"
    if _SECOND.search(text):
        return "yes"
    return "unclear" if _ANY.search(text) else "no"


def _duration(told: Sequence[str]) -> tuple[str, float | None]:
    found = {said for sentence in told if _MONITOR.search(sentence) for said in _spans(sentence)}
    if not found:
        return "not_stated", None
    if found == {"lifelong"}:
        return "lifelong", None
    only = next(iter(found))
    return ("years", only) if len(found) == 1 and isinstance(only, float) else ("unclear", None)


def _spans(sentence: str) -> set[str | float]:
    """Durations in one sentence on monitoring; ``unclear`` when it denies one, or names one that is no plain number of years."""
    found: set[str | float] = {float(_SPELLED.get(value.lower(), value)) for value in _YEARS.findall(sentence)}
    if _LIFELONG.search(sentence):
        found.add("lifelong")
    if found:
        return {"unclear"} if _DENIED.search(sentence) else found
    return {"unclear"} if _OTHER_SPAN.search(sentence) else set()
