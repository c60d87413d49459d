"""The case narrative: sentences generated from fields, each naming its fields; what people wrote stays apart.

Generated sentences are made anew from the data each time. A person's text is kept in rows of ``narratives`` and is
never overwritten; when the sentences it was written beside have changed since, it is shown with that remark.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aftercar.cases.causality import Causality
from aftercar.cases.model import CaseFile, Row, items
from aftercar.cases.role import tumour_sites

SECTIONS = ("patient", "treatment", "event", "tests", "cause", "outcome", "received")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence with the fields it was made from, and whose it is (``generated`` or the person's name)."""

    section: str
    text: str
    fields: tuple[str, ...]
    by: str = "generated"
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Narrative:
    """The whole narrative."""

    sentences: tuple[Sentence, ...]

    def text(self) -> str:
        """As running text, one paragraph for each section."""
        paragraphs = []
        for section in SECTIONS:
            own = [item for item in self.sentences if item.section == section]
            if own:
                paragraphs.append(" ".join(_shown(item) for item in own))
        return "\n\n".join(paragraphs)

    def fingerprint(self, section: str) -> str:
        """A short hash of the generated sentences of a section: what a person who writes beside them saw."""
        joined = "\n".join(item.text for item in self.sentences if item.section == section and item.by == "generated")
        return hashlib.sha256(joined.encode()).hexdigest()[:16]


def narrate(case: CaseFile, causality: Causality, written: Sequence[Row] = ()) -> Narrative:
    """The narrative of a case.

    Args:
        case: the case.
        causality: its suggestion.
        written: rows of ``narratives`` of this case; those of an unknown section come last.
    """
    generated = Narrative(tuple(_generated(case, causality)))
    own = [row for row in written if row["case_id"] == case.case_id]
    sentences: list[Sentence] = []
    for section in SECTIONS:
        here = [row for row in own if (row["section"] if row["section"] in SECTIONS else "received") == section]
        if not any(row["place"] == "instead" for row in here):
            sentences += [item for item in generated.sentences if item.section == section]
        for row in sorted(here, key=lambda row: (str(row["written_on"]), str(row["narrative_id"]))):
            changed = row["generated"] and row["generated"] != generated.fingerprint(section)
            remark = "the data behind this section changed after it was written" if changed else ""
            sentences.append(Sentence(section, str(row["text"]), ("narratives.text",), str(row["written_by"]), remark))
    return Narrative(tuple(sentences))


def _shown(item: Sentence) -> str:
    if item.by == "generated":
        return item.text
    remark = f"; {item.remark}" if item.remark else ""
    return f"[{item.by}{remark}] {item.text}"


def _generated(case: CaseFile, causality: Causality) -> Iterator[Sentence]:
    yield from _patient(case)
    yield from _treatment(case)
    yield from _event(case)
    yield from _tests(case)
    yield from _cause(causality)
    yield from _outcome(case)


def _patient(case: CaseFile) -> Iterator[Sentence]:
    person, infusion = case.person, case.suspected_infusion
    sex = {"female": "woman", "male": "man"}.get(person["sex"] or "", "person")
    age = infusion["age_at_infusion"] if infusion is not None else None
    fields = ["people.sex"]
    words = f"A {sex}"
    if age is not None:
        words += f", {age:.0f} years old at infusion,"
        fields.append("infusions.age_at_infusion")
    elif person["birth_year"] is not None:
        words += f" born in {person['birth_year']}"
        fields.append("people.birth_year")
    indication = infusion["indication"] if infusion is not None else None
    if indication:
        yield Sentence("patient", f"{words} was treated for {indication}.", (*fields, "infusions.indication"))
    else:
        yield Sentence("patient", f"{words} was treated; the disease is not stated.", (*fields, "infusions.indication"))
    before = [row for row in case.prior_therapy if row["timing"] != "after"]
    if before:
        names = ", ".join(str(row["agent"] or row["kind"]).replace("_", " ") for row in before)
        yield Sentence("patient", f"Earlier treatment: {names}.", ("prior_therapy.agent", "prior_therapy.kind"))
    else:
        yield Sentence("patient", "Earlier treatment is not recorded.", ("prior_therapy.kind",))


def _treatment(case: CaseFile) -> Iterator[Sentence]:
    infusion = case.suspected_infusion
    if infusion is None:
        yield Sentence("treatment", "The suspected infusion is not known.", ("cases.infusion_id",))
        return
    when = f" on {infusion['infused_on']}" if infusion["infused_on"] else " on a date not stated"
    line = f" as line {infusion['line_of_therapy']} of treatment" if infusion["line_of_therapy"] else ""
    batch = f"batch {infusion['batch']}" if infusion["batch"] else "batch not known"
    dose = (
        f", {infusion['dose_million_cells']:g} million CAR-positive cells" if infusion["dose_million_cells"] is not None else ""
    )
    fields = (
        "infusions.product",
        "infusions.infused_on",
        "infusions.line_of_therapy",
        "infusions.batch",
        "infusions.dose_million_cells",
    )
    yield Sentence("treatment", f"{infusion['product']} ({batch}) was infused{when}{line}{dose}.", fields)
    if len(case.infusions) > 1:
        yield Sentence("treatment", f"{len(case.infusions)} CAR-T infusions are recorded in all.", ("infusions.infusion_id",))
    after = [row for row in case.prior_therapy if row["timing"] == "after"]
    if after:
        names = ", ".join(str(row["agent"] or row["kind"]).replace("_", " ") for row in after)
        yield Sentence(
            "treatment", f"After the infusion the person received {names}.", ("prior_therapy.agent", "prior_therapy.timing")
        )


def _event(case: CaseFile) -> Iterator[Sentence]:
    row, onset = case.case, case.onset_months
    after = f", {onset.text()} after the infusion" if onset is not None else ", at a time not stated"
    when = f" on {row['diagnosed_on']}" if row["diagnosed_on"] else ""
    yield Sentence(
        "event",
        f"{_sentence_case(row['diagnosis'])} was diagnosed{when}{after}.",
        ("cases.diagnosis", "cases.diagnosed_on", "cases.onset_months", "infusions.infused_on"),
    )
    confirmed = {"yes": "Histology confirmed it.", "no": "It was not confirmed by histology."}
    yield Sentence("event", confirmed.get(row["histology_confirmed"] or "", "Whether histology confirmed it is not stated."),
                   ("cases.histology_confirmed",))  # fmt: skip
    if row["behaviour"] == "lymphoproliferative":
        yield Sentence("event", "It is a lymphoproliferation, not a lymphoma.", ("cases.behaviour",))


def _tests(case: CaseFile) -> Iterator[Sentence]:
    row = case.case
    tested = {
        "yes": "Tumour tissue was tested for the transgene.",
        "no": "Tumour tissue was not tested for the transgene.",
        "not_possible": "Testing tumour tissue for the transgene was not possible.",
        "refused": "Testing tumour tissue for the transgene was refused.",
        "pending": "A test of tumour tissue for the transgene is pending.",
        "unknown": "Whether tumour tissue was tested for the transgene is not known.",
    }[row["tested"]]
    if row["untested_reason"]:
        tested += f" Reason: {row['untested_reason']}."
    yield Sentence("tests", tested, ("cases.tested", "cases.untested_reason"))
    result = {
        "detected": "The transgene was detected",
        "detected_low": "The transgene was detected at a low level",
        "not_detected": "The transgene was not detected",
        "inconclusive": "The result was inconclusive",
    }.get(row["car_result"] or "")
    if result:
        methods = f" by {', '.join(items(row['car_assays']))}" if row["car_assays"] else ""
        share = (
            f"; {row['car_positive_fraction']:.0%} of tumour cells were CAR-positive"
            if row["car_positive_fraction"] is not None
            else ""
        )
        copies = f"; {row['copies_per_cell']:g} copies per cell" if row["copies_per_cell"] is not None else ""
        fields = ("cases.car_result", "cases.car_assays", "cases.car_positive_fraction", "cases.copies_per_cell")
        yield Sentence("tests", f"{result}{methods}{share}{copies}.", fields)
    if case.verdict is not None:
        reasons = "; ".join(str(reason) for reason in case.verdict.get("reasons") or ())
        call = str(case.verdict.get("call")).replace("_", " ")
        yield Sentence(
            "tests", f"Sequencing of the tumour: {call}{f' ({reasons})' if reasons else ''}.", ("verdict.call", "verdict.reasons")
        )
    sites = tumour_sites(case)
    if sites:
        yield Sentence(
            "tests",
            f"Integration sites of the tumour: {', '.join(site.name for site in sites)}.",
            ("findings.gene", "verdict.sites"),
        )
    variants = [item for item in case.findings if item["kind"] == "variant" and item["alt_reads"] != 0]
    if variants:
        told = "; ".join(
            dict.fromkeys(" ".join(str(part) for part in (item["gene"], item["description"]) if part) for item in variants)
        )
        yield Sentence("tests", f"Variants: {told}.", ("findings.gene", "findings.description"))
    for column, name in (("ebv", "EBV"), ("htlv", "HTLV-1")):
        if row[column] in ("positive", "negative"):
            yield Sentence("tests", f"{name} was {row[column]}.", (f"cases.{column}",))


def _cause(causality: Causality) -> Iterator[Sentence]:
    *axes, _ = causality.lines()
    references = (
        tuple(dict.fromkeys(reason.field for reason in causality.origin.reasons)),
        tuple(dict.fromkeys(reason.field for reason in causality.role.reasons)),
        tuple(dict.fromkeys(reason.field for item in causality.contributors for reason in item.reasons)),
    )
    for line, fields in zip(axes, references, strict=True):
        yield Sentence("cause", f"Suggested by rules, not by a person: {line}", fields or ("cases.tested",))


def _outcome(case: CaseFile) -> Iterator[Sentence]:
    words = {
        "recovered": "The person recovered.",
        "recovering": "The person was recovering at last information.",
        "not_recovered": "The person had not recovered at last information.",
        "recovered_with_sequelae": "The person recovered with sequelae.",
        "fatal": "The outcome was fatal.",
    }
    yield Sentence("outcome", words.get(case.case["outcome"] or "", "The outcome is not known."), ("cases.outcome",))
    if case.person["death_date"]:
        cause = f" of {case.person['death_cause']}" if case.person["death_cause"] else "; the cause is not recorded"
        yield Sentence(
            "outcome", f"The person died on {case.person['death_date']}{cause}.", ("people.death_date", "people.death_cause")
        )


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]
