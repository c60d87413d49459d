"""From a case to a safety report: which field of ours becomes which element.

The vector, its copies, sites and clonality have no element of their own in E2B(R3); they travel as tests (F.r), one
for each finding, and in the narrative. Every shortening or masking is said in the notes.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aftercar.cases.e2b.elements import ELEMENTS
from aftercar.cases.e2b.message import Batch, Group, Null, Value, made
from aftercar.cases.e2b.rules import Profile
from aftercar.cases.e2b.tests_of_case import tests_of
from aftercar.cases.intake import seriousness
from aftercar.cases.model import CaseFile, Row, as_date
from aftercar.vocab.dates import PartialDate, years_between

_REPORT_TYPE = {"spontaneous": "1", "study": "2", "other": "3", "unknown": "4"}
_QUALIFICATION = {"physician": "1", "pharmacist": "2", "other_health_professional": "3", "lawyer": "4", "consumer": "5"}
_OUTCOME = {"recovered": "1", "recovering": "2", "not_recovered": "3", "recovered_with_sequelae": "4", "fatal": "5"}
_SERIOUS = {
    "death": "E.i.3.2a",
    "life_threatening": "E.i.3.2b",
    "hospitalisation": "E.i.3.2c",
    "disability": "E.i.3.2d",
    "congenital_anomaly": "E.i.3.2e",
    "other_important": "E.i.3.2f",
}
_AXES = {
    "car_derived": "CAR-derived",
    "not_car_derived": "not CAR-derived",
    "indeterminate": "indeterminate",
    "not_tested": "not tested",
}
#: EU result of assessment: 1 a reasonable possibility, 2 none. Grades without an opinion have no EU result.
_EU_RESULT = {"certain": "1", "probable": "1", "possible": "1", "unlikely": "2"}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a message and to whom.

    Attributes:
        organisation: name of the sending organisation.
        identifier: sender identifier agreed with the receiver (N.1.3, N.2.r.2).
        kind: E2B sender type (C.3.1): 1 company, 2 regulator, 3 health professional, 4 pharmacovigilance centre, 6 other.
        country: ISO 3166-1 alpha-2, also the beginning of case identifiers.
        given_name, family_name, email: of the person responsible.
        receiver, message_receiver: batch and message receiver (N.1.4, N.2.r.3).
    """

    organisation: str
    identifier: str
    country: str
    receiver: str
    message_receiver: str = ""
    kind: str = "6"
    given_name: str = ""
    family_name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into a report beside the case file.

    Attributes:
        reports: rows of ``case_reports``, oldest first.
        assessments: rows of ``assessments`` that are signed and not withdrawn.
        event_codes: rows of ``event_codes``.
        narrative: text of H.1.
        comments: text of H.4.
        linked: identifiers of reports linked to this one (C.1.10.r).
        attach: a value to attach as a JSON document, or None.
    """

    reports: Sequence[Row] = ()
    assessments: Sequence[Row] = ()
    event_codes: Sequence[Row] = ()
    narrative: str = ""
    comments: str = ""
    linked: Sequence[str] = ()
    attach: Mapping[str, Any] | None = None


@dataclass
class _Notes:
    lines: list[str] = field(default_factory=list)

    def fit(self, code: str, text: str | None) -> str | None:
        """``text`` cut to the element's length, with a note when it was."""
        element = ELEMENTS[code]
        if text is None or not element.max_length or len(text) <= element.max_length:
            return text or None
        self.lines.append(f"{code} ({element.name}) was cut from {len(text)} to {element.max_length} characters")
        return text[: element.max_length].strip() or None


def build_batch(
    case: CaseFile, sender: Sender, content: Content, *, now: dt.datetime, profile: Profile = "ich", mask_patient: bool = True
) -> tuple[Batch, tuple[str, ...]]:
    """One case as a batch with one report, and notes on what was cut, masked or left out.

    Args:
        case: the case.
        sender: who sends it, and to whom.
        content: reports, assessments, codes and narrative.
        now: moment of creation, with its offset from UTC.
        profile: whose regional elements are added.
        mask_patient: send the patient's name as masked; the pseudonym travels as investigation number.
    """
    report, notes = build_report(case, sender, content, now=now, profile=profile, mask_patient=mask_patient)
    values: dict[str, Value] = {
        "N.1.1": "1",
        "N.1.2": f"{report.text('C.1.1')}-{_moment(now)[:14]}",
        "N.1.3": sender.identifier,
        "N.1.4": sender.receiver,
        "N.1.5": _moment(now),
    }
    return Batch(values, (report,)), notes


def build_report(
    case: CaseFile, sender: Sender, content: Content, *, now: dt.datetime, profile: Profile, mask_patient: bool = True
) -> tuple[Group, tuple[str, ...]]:
    """One case as a report; see :func:`build_batch`."""
    notes = _Notes()
    last = content.reports[-1] if content.reports else None
    first = content.reports[0] if content.reports else None
    identifier = (last or {}).get("safety_report_id") or f"{sender.country}-{_plain(sender.organisation)}-{case.case_id}"
    serious = seriousness(case, last)
    received = _date((first or {}).get("received_on")) or _date(case.case["reported_on"])
    latest = _date((last or {}).get("received_on")) or received
    values: dict[str, Value | None] = {
        "N.2.r.1": identifier,
        "N.2.r.2": sender.identifier,
        "N.2.r.3": sender.message_receiver or sender.receiver,
        "N.2.r.4": _moment(now),
        "C.1.1": identifier,
        "C.1.2": _moment(now),
        "C.1.3": _REPORT_TYPE.get((last or {}).get("report_type") or _type_of(case), "4"),
        "C.1.4": received,
        "C.1.5": latest,
        "C.1.6.1": "true" if content.attach is not None else "false",
        "C.1.7": "true" if serious else "false",
        "C.1.8.1": (first or {}).get("worldwide_id") or identifier,
        "C.1.8.2": "2",
        "C.1.9.1": Null("NI"),
        "C.3.1": sender.kind,
        "C.3.2": notes.fit("C.3.2", sender.organisation),
        "C.3.3.3": sender.given_name,
        "C.3.3.5": sender.family_name,
        "C.3.4.5": sender.country,
        "C.3.4.8": sender.email,
        "H.1": notes.fit("H.1", content.narrative),
        "H.4": notes.fit("H.4", content.comments),
    }
    if last is not None and last["kind"] in ("amendment", "nullification"):
        values |= {"C.1.11.1": "2" if last["kind"] == "amendment" else "1", "C.1.11.2": notes.fit("C.1.11.2", last["reason"])}
    if values["C.1.3"] == "2":
        infusion = case.suspected_infusion
        values |= {"C.5.3": notes.fit("C.5.3", infusion["trial"] if infusion else None), "C.5.4": "1" if _in_trial(case) else "3"}
    values |= _patient(case, notes, mask_patient)
    groups: dict[str, list[Group]] = {
        "C.1.10.r": [made({"C.1.10.r": notes.fit("C.1.10.r", name)}) for name in content.linked],
        "C.2.r": _sources(case, content.reports, sender, profile),
        "D.8.r": [_past_therapy(row, notes) for row in case.prior_therapy if row["timing"] != "after"],
        "D.9.2.r": [made({"D.9.2.r.2": notes.fit("D.9.2.r.2", case.person["death_cause"])})]
        if case.person["death_cause"]
        else [],
        "E.i": [_event(case, content.event_codes, serious, last, notes, profile)],
        "F.r": [
            made({code: notes.fit(code, text) if isinstance(text, str) else text for code, text in test.items()})
            for test in tests_of(case)
        ],
        "G.k": _drugs(case, content.assessments, notes, profile),
    }
    if content.attach is not None:
        groups["C.1.6.1.r"] = [_attachment(content.attach)]
    if profile in ("fda", "fda_premarket"):
        values |= {"FDA.C.1.7.1": "1" if serious else "2", "FDA.C.1.12": "false", "FDA.D.12": Null("UNK")}
        groups["FDA.D.11.r"] = [made({"FDA.D.11.r.1": Null("UNK")})]
    return made(values, groups), tuple(notes.lines)


def _patient(case: CaseFile, notes: _Notes, mask: bool) -> dict[str, Value | None]:
    person, age = case.person, _age(case)
    history = _history_words(case)
    pseudonym = str(person["person_id"])
    values: dict[str, Value | None] = {
        "D.1": Null("MSK") if mask else notes.fit("D.1", pseudonym),
        "D.1.1.4": notes.fit("D.1.1.4", pseudonym),
        "D.2.2a": None if age is None else str(age),
        "D.2.2b": None if age is None else "a",
        "D.5": {"male": "1", "female": "2"}.get(person["sex"] or "", Null("UNK")),
        "D.7.2": notes.fit("D.7.2", history) or Null("UNK"),
    }
    if person["death_date"] is not None:
        values |= {"D.9.1": _date(person["death_date"]), "D.9.3": Null("UNK")}
    return values


def _history_words(case: CaseFile) -> str:
    infusion = case.suspected_infusion
    parts = []
    if infusion is not None and infusion["indication"]:
        parts.append(f"Disease treated: {infusion['indication']}.")
    if infusion is not None and infusion["line_of_therapy"]:
        parts.append(f"The infusion was line {infusion['line_of_therapy']} of treatment.")
    if case.case["clone_before_infusion"] == "found":
        parts.append("The tumour's clone was found in a sample from before the infusion.")
    early = [row for row in case.findings if row["kind"] == "variant" and row["timing"] == "before" and row["alt_reads"] != 0]
    if early:
        parts.append("Variants known from before the infusion: " + ", ".join(str(row["gene"]) for row in early) + ".")
    return " ".join(parts)


def _sources(case: CaseFile, reports: Sequence[Row], sender: Sender, profile: Profile) -> list[Group]:
    sources = []
    for row in reports or [{}]:
        sources.append(
            {
                "C.2.r.1.4": row.get("reporter_name") or None,
                "C.2.r.2.1": row.get("reporter_organisation") or None,
                "C.2.r.3": row.get("reporter_country") or case.person["country"] or sender.country,
                "C.2.r.4": _QUALIFICATION.get(row.get("reporter_qualification") or "", Null("UNK")),
                **({"FDA.C.2.r.2.8": Null("NASK")} if profile.startswith("fda") else {}),
            }
        )
    distinct = [source for i, source in enumerate(sources) if source not in sources[:i]]
    return [made({**source, **({"C.2.r.5": "1"} if i == 0 else {})}) for i, source in enumerate(distinct)]


def _past_therapy(row: Row, notes: _Notes) -> Group:
    name = row["agent"] or str(row["kind"]).replace("_", " ")
    if row["agent"] and row["kind"] in ("radiation", "autologous_transplant", "allogeneic_transplant"):
        name = f"{str(row['kind']).replace('_', ' ')}: {row['agent']}"
    return made({"D.8.r.1": notes.fit("D.8.r.1", name), "D.8.r.4": _date(row["started_on"]), "D.8.r.5": _date(row["ended_on"])})


def _event(
    case: CaseFile, codes: Sequence[Row], serious: Sequence[str], report: Row | None, notes: _Notes, profile: Profile
) -> Group:
    row = case.case
    meddra = next((code for code in codes if code["system"] == "meddra" and code["level"] in (None, "llt")), None)
    if meddra is None:
        notes.lines.append("E.i.2.1b (event, MedDRA) is missing: give the case a code from your licensed MedDRA")
    values: dict[str, Value | None] = {
        "E.i.1.1a": notes.fit("E.i.1.1a", row["diagnosis"]),
        "E.i.1.1b": "eng",
        "E.i.1.2": notes.fit("E.i.1.2", row["diagnosis"]),
        "E.i.2.1a": meddra["version"] if meddra else None,
        "E.i.2.1b": meddra["code"] if meddra else None,
        **{element: "true" if name in serious else Null("NI") for name, element in _SERIOUS.items()},
        "E.i.4": _date(row["diagnosed_on"]),
        "E.i.7": _OUTCOME.get(row["outcome"] or "", "0"),
        "E.i.8": "true" if report is not None and report["reporter_qualification"] in ("physician", "pharmacist") else None,
        "E.i.9": case.person["country"],
    }
    if profile.startswith("fda"):
        values["FDA.E.i.3.2h"] = Null("NI")
    return made(values)


def _drugs(case: CaseFile, assessments: Sequence[Row], notes: _Notes, profile: Profile) -> list[Group]:
    suspected = case.suspected_infusion
    ordered = sorted(case.infusions, key=lambda row: row is not suspected)
    drugs = [_infusion(case, row, row is suspected, assessments if row is suspected else (), notes, profile) for row in ordered]
    for row in case.prior_therapy:
        if row["timing"] == "after":
            dose = made({"G.k.4.r.4": _date(row["started_on"]), "G.k.4.r.5": _date(row["ended_on"])})
            name = row["agent"] or str(row["kind"]).replace("_", " ")
            drugs.append(made({"G.k.1": "2", "G.k.2.2": notes.fit("G.k.2.2", name)}, {"G.k.4.r": [dose] if dose.values else []}))
    return drugs


def _infusion(case: CaseFile, row: Row, is_suspect: bool, assessments: Sequence[Row], notes: _Notes, profile: Profile) -> Group:
    day = _date(row["infused_on"])
    words = []
    if row["chain_of_identity"]:
        words.append(f"chain of identity {row['chain_of_identity']}")
    if row["product_vcn"] is not None:
        words.append(f"product vector copies per transduced cell {row['product_vcn']:g}")
    if row["batch"] and len(row["batch"]) > 35:
        words.append(f"full batch number {row['batch']}")
    given = _decimal(row["dose_million_cells"], ELEMENTS["G.k.4.r.1a"].max_length)
    if given is None and row["dose_million_cells"] is not None:
        notes.lines.append(f"G.k.4.r.1a (dose) was left out: {row['dose_million_cells']:g} does not fit")
    dose = made(
        {
            "G.k.4.r.1a": given,
            "G.k.4.r.1b": None if given is None else "10*6{cells}",
            "G.k.4.r.4": day,
            "G.k.4.r.5": day,
            "G.k.4.r.7": notes.fit("G.k.4.r.7", row["batch"]) or Null("UNK"),
            "G.k.4.r.8": notes.fit("G.k.4.r.8", "; ".join(words)),
            "G.k.4.r.10.1": "Intravenous",
        }
    )
    pair: dict[str, Value | None] = {"G.k.9.i.1": "1", "G.k.9.i.4": "4"}
    onset = _onset_days(case, row)
    if onset is not None:
        pair |= {"G.k.9.i.3.1a": str(onset), "G.k.9.i.3.1b": "d", "G.k.9.i.3.2a": str(onset), "G.k.9.i.3.2b": "d"}
    judged = [group for assessment in assessments for group in _judgement(assessment, notes, profile)]
    return made(
        {"G.k.1": "1", "G.k.2.2": notes.fit("G.k.2.2", row["product"]), "G.k.8": "9"},
        {
            "G.k.4.r": [dose],
            "G.k.7.r": [made({"G.k.7.r.1": notes.fit("G.k.7.r.1", row["indication"]) or Null("UNK")})],
            "G.k.9.i": [made(pair, {"G.k.9.i.2.r": judged})],
        },
    )


def _judgement(row: Row, notes: _Notes, profile: Profile) -> list[Group]:
    """The grade of one assessor, then the axes that the assessor entered, then the EU result."""
    who = row["assessor"] if not row["organisation"] else f"{row['assessor']}, {row['organisation']}"
    source = notes.fit("G.k.9.i.2.r.1", who)

    def given(method: str, result: str) -> Group:
        return made({"G.k.9.i.2.r.1": source, "G.k.9.i.2.r.2": method, "G.k.9.i.2.r.3": result})

    found = [given(str(row["method"]).replace("_", " "), str(row["grade"]))]
    if row["origin"]:
        found.append(given("cell of origin", _AXES[row["origin"]]))
    if row["insertion_role"]:
        found.append(given("role of the insertion", str(row["insertion_role"]).replace("_", " ")))
    if profile == "eu" and row["grade"] in _EU_RESULT:
        found.append(made({"EU.G.k.9.i.2.r.1": "3", "EU.G.k.9.i.2.r.2": "1", "EU.G.k.9.i.2.r.3": _EU_RESULT[row["grade"]]}))
    return found


def _attachment(value: Mapping[str, Any]) -> Group:
    content = base64.b64encode(json.dumps(value, sort_keys=True, default=str, ensure_ascii=False).encode()).decode()
    return made({"C.1.6.1.r.1": "AfterCAR structured case data (JSON)", "C.1.6.1.r.2": f"data:application/json;base64,{content}"})


def _type_of(case: CaseFile) -> str:
    return "study" if _in_trial(case) else "spontaneous"


def _in_trial(case: CaseFile) -> bool:
    return (case.suspected_infusion or {}).get("setting") == "trial"


def _age(case: CaseFile) -> int | None:
    """Whole years at diagnosis; from the year of birth it may be one too high, from the age at infusion one too low."""
    infusion, onset = case.suspected_infusion, case.onset_months
    diagnosed = as_date(case.case["diagnosed_on"])
    if infusion is not None and infusion["age_at_infusion"] is not None:
        return int(infusion["age_at_infusion"] + (max(0.0, onset.low) / 12 if onset is not None else 0.0))
    if case.person["birth_year"] is not None and diagnosed is not None:
        return int(max(0.0, years_between(dt.date(case.person["birth_year"], 7, 1), diagnosed.middle)))
    return None


def _onset_days(case: CaseFile, infusion: Row) -> int | None:
    start, end = as_date(infusion["infused_on"]), as_date(case.case["diagnosed_on"])
    if start is None or end is None or not (start.is_exact and end.is_exact):
        return None
    days = (end.earliest - start.earliest).days
    return days if 0 <= days <= 99_999 else None


def _decimal(value: float | None, longest: int) -> str | None:
    """A number without exponent in at most ``longest`` characters, as many decimals as fit; None when it does not fit at all."""
    if value is None:
        return None
    for decimals in range(longest, -1, -1):
        text = f"{value:.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        if len(text) <= longest:
            return text if float(text) or not value else None
    return None


def _date(value: object) -> str | None:
    """A partial date in E2B's form."""
    if value is None or value == "":
        return None
    return str(PartialDate.parse(str(value))).replace("-", "")


def _moment(now: dt.datetime) -> str:
    return now.strftime("%Y%m%d%H%M%S%z")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.upper() if letter.isalnum())[:20] or "SENDER"
