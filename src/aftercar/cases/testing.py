"""What to test on a suspected case, on which material, what was asked for and how long it took.

The checklist is rules as data: each test says which question it answers, which material it needs, and what stays
unanswerable without it. A sample from before the infusion that does not exist makes "pre-existing" unassessable, not
absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aftercar.cases.causality import Causality
from aftercar.cases.model import CaseFile, Row, as_date, items
from aftercar.vocab.sources import Source

_DHPC = Source("EMA and national letters of 2024: genetic testing of tumour tissue, through the manufacturer", "secondary")
_OWN = Source("our reading of the published cases", "derived")
_PEI = Source("Berg 2025, EMBO Mol Med, doi 10.1038/s44321-024-00183-2, abstract", "seen")

STATES = ("planned", "requested", "received", "resulted", "not_possible", "refused", "cancelled")


@dataclass(frozen=True, slots=True)
class TestRule:
    """One test of the checklist.

    Attributes:
        test: value of ``testing_requests.test``.
        question: what it answers.
        materials: materials it can be done on, the best first (``samples.material``).
        without: what stays open without it.
        source: who asks for it.
        always: asked for on every suspected T-cell malignancy; otherwise only when the case makes it useful.
    """

    test: str
    question: str
    materials: tuple[str, ...]
    without: str
    source: Source
    always: bool = True

    __test__ = False  # not a test class


RULES: tuple[TestRule, ...] = (
    TestRule(
        "transgene", "Does the tumour carry the vector, in how many copies per cell?", ("tumour",), "the cell of origin", _DHPC
    ),
    TestRule(
        "integration_sites",
        "Where did it integrate, and is one site in all tumour cells?",
        ("tumour", "car_positive_cells"),
        "the role of the insertion",
        _PEI,
        always=False,
    ),
    TestRule(
        "car_in_situ",
        "Which cells carry or express the CAR: the malignant ones or bystanders?",
        ("tumour",),
        "whether a low or medium level is a clone",
        _OWN,
        always=False,
    ),
    TestRule(
        "expression",
        "Did the insertion change the genes around it?",
        ("tumour", "car_positive_cells"),
        "whether an insertion drives the tumour",
        _PEI,
        always=False,
    ),
    TestRule(
        "tcr_clonality",
        "Is it one clone, and was it there before the infusion?",
        ("apheresis", "blood", "product"),
        "whether the clone was there before the infusion",
        _OWN,
    ),
    TestRule("tumour_mutations", "Which other mutations does the tumour carry?", ("tumour",), "other drivers", _OWN),
    TestRule("germline", "Is there a germline predisposition?", ("germline",), "germline contribution", _OWN),
    TestRule(
        "clonal_haematopoiesis",
        "Were mutated blood clones there before the infusion?",
        ("apheresis", "blood", "bone_marrow"),
        "clonal haematopoiesis before the infusion",
        _OWN,
    ),
    TestRule("ebv", "Is EBV in the tumour?", ("tumour",), "a viral cause", _OWN),
    TestRule("htlv", "Is HTLV-1 in the tumour or blood?", ("blood", "tumour"), "a viral cause", _OWN),
    TestRule("rcl_rcr", "Is there replication-competent virus?", ("blood", "product"), "replication of the vector", _OWN),
)

#: Materials to secure at once, with why each cannot be replaced later.
SECURE: tuple[tuple[str, str], ...] = (
    ("tumour", "fresh or frozen tumour tissue is best, a paraffin block serves most tests"),
    ("blood", "matched blood at diagnosis shows the level of CAR T cells beside the tumour"),
    ("apheresis", "the leukapheresis shows what was there before the infusion"),
    ("product", "the retained product shows which clones and sites were infused"),
    ("germline", "a germline sample tells inherited from acquired variants"),
)


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One line of a case's checklist.

    Attributes:
        test, question, without, source: as in the rule.
        state: of the latest request, ``answered`` when a result is on the case, else ``open``.
        reason: why it was not possible or refused.
        samples: samples that can serve, best material first.
        missing: materials of the rule of which no sample is known.
        turnaround_days: from request to result, where both days are known.
    """

    test: str
    question: str
    without: str
    source: Source
    state: str
    reason: str
    samples: tuple[str, ...]
    missing: tuple[str, ...]
    turnaround_days: int | None


@dataclass(frozen=True, slots=True)
class Checklist:
    """A case's checklist: tests, materials to secure with what is known of them, and whom to ask."""

    tests: tuple[ChecklistItem, ...]
    secure: tuple[tuple[str, str, tuple[str, ...]], ...]
    contact: str


def checklist(
    case: CaseFile, causality: Causality, requests: Sequence[Row] = (), checks: Sequence[Row] = (), *, manufacturer: str = ""
) -> Checklist:
    """What to test, from where, and what stands.

    Args:
        case: the case.
        causality: its suggestion; what it lacks decides which further tests are useful.
        requests: rows of ``testing_requests``.
        checks: rows of ``sample_checks``; a sample found unsuitable for a test is left out.
        manufacturer: name of the manufacturer of the suspected product, when known.
    """
    useful = [rule for rule in RULES if rule.always or _is_useful(rule, causality)]
    lines = tuple(_line(rule, case, causality, requests, checks) for rule in useful)
    secured = tuple((material, why, _samples_of(case, material)) for material, why in SECURE)
    infusion = case.suspected_infusion
    product = infusion["product"] if infusion is not None else "the product"
    batch = f", batch {infusion['batch']}" if infusion is not None and infusion["batch"] else ", batch not known"
    contact = (
        f"Ask {manufacturer or 'the manufacturer'} of {product}{batch} for sample instructions and test kit before tissue "
        "is used up; report product name and batch to the authority."
    )
    return Checklist(lines, secured, contact)


def turnaround_days(request: Row) -> int | None:
    """Days from request to result; None unless both days are known exactly."""
    start, end = as_date(request["requested_on"]), as_date(request["resulted_on"])
    if start is None or end is None or not (start.is_exact and end.is_exact):
        return None
    return (end.earliest - start.earliest).days


def _is_useful(rule: TestRule, causality: Causality) -> bool:
    if rule.test == "car_in_situ":
        return causality.origin.value == "indeterminate"
    return causality.origin.value in ("car_derived", "indeterminate")


def _line(rule: TestRule, case: CaseFile, causality: Causality, requests: Sequence[Row], checks: Sequence[Row]) -> ChecklistItem:
    own = [row for row in requests if row["case_id"] == case.case_id and row["test"] == rule.test]
    latest = max(own, key=lambda row: str(row["resulted_on"] or row["received_on"] or row["requested_on"] or ""), default=None)
    state = "answered" if _is_answered(rule.test, case, causality) else str(latest["state"]) if latest is not None else "open"
    if state == "open" and rule.test == "transgene" and case.case["tested"] in ("not_possible", "refused"):
        state = str(case.case["tested"])
    reason = str((latest or {}).get("reason") or (case.case["untested_reason"] if rule.test == "transgene" else "") or "")
    checks = _latest(checks)
    unfit = {
        row["sample_id"]
        for row in checks
        if row["suitable"] == "no" or (row["suitable_for"] and rule.test not in items(row["suitable_for"]))
    }
    found = [(material, tuple(name for name in _samples_of(case, material) if name not in unfit)) for material in rule.materials]
    samples = tuple(name for _, names in found for name in names)
    missing = () if samples else tuple(material for material, _ in found)
    days = turnaround_days(latest) if latest is not None else None
    return ChecklistItem(rule.test, rule.question, rule.without, rule.source, state, reason, samples, missing, days)


def _latest(checks: Sequence[Row]) -> list[Row]:
    """The last check of each sample."""
    found: dict[str, Row] = {}
    for row in sorted(checks, key=lambda row: str(row.get("checked_on") or "")):
        found[str(row["sample_id"])] = row
    return list(found.values())


def _is_answered(test: str, case: CaseFile, causality: Causality) -> bool:
    kinds = {(row["kind"], row["found_in"]) for row in case.findings}
    row = case.case
    return {
        "transgene": causality.origin.value in ("car_derived", "not_car_derived"),
        "integration_sites": any(kind == "integration" for kind, _ in kinds) or bool((case.verdict or {}).get("sites")),
        "car_in_situ": row["car_positive_fraction"] is not None,
        "expression": any(
            item["effect"] not in (None, "unknown") for item in case.findings if item["kind"] in ("integration", "expression")
        ),
        "tcr_clonality": row["clone_before_infusion"] in ("found", "not_found"),
        "tumour_mutations": any(kind == "variant" and place == "tumour" for kind, place in kinds),
        "germline": any(item["origin"] == "germline" for item in case.findings),
        "clonal_haematopoiesis": causality.contributor("clonal_haematopoiesis").state in ("present", "absent"),
        "ebv": row["ebv"] in ("positive", "negative"),
        "htlv": row["htlv"] in ("positive", "negative"),
        "rcl_rcr": any(item["method"] == "rcl_rcr" for item in case.assay_results),
    }[test]


def _samples_of(case: CaseFile, material: str) -> tuple[str, ...]:
    return tuple(
        str(row["sample_id"]) for row in case.samples if row["material"] == material and row["case_id"] in (None, case.case_id)
    )
