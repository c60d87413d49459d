"""Any case of the study tables becomes a message that the rules accept and that is read again equal."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from aftercar.cases.causality import suggest
from aftercar.cases.e2b.build import Content, Sender, build_batch
from aftercar.cases.e2b.rules import check_batch
from aftercar.cases.model import build_case_file
from aftercar.cases.narrative import narrate
from aftercar.edges.e2b_xml import from_bytes, to_bytes
from aftercar.edges.fhir_adverse_event import adverse_event_bundle
from aftercar.vocab.columns import Table
from aftercar.vocab.tables.study import ASSAY_RESULTS, CASES, FINDINGS, INFUSIONS, PEOPLE, PRIOR_THERAPY

_WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), max_size=300).map(
    lambda text: " ".join(text.split())
)
_DATE = st.one_of(st.dates(dt.date(1990, 1, 1), dt.date(2025, 1, 1)).map(str), st.just("2019"), st.just("2020-05"))


def _cell(column: Any) -> st.SearchStrategy[Any]:
    if column.kind == "choice":
        some: st.SearchStrategy[Any] = st.sampled_from(column.choices)
    elif column.kind == "integer":
        some = st.integers(int(column.low or 0), int(min(column.high or 10**6, 10**6)))
    elif column.kind == "number":
        some = st.floats(column.low or 0.0, min(column.high or 1e7, 1e7), allow_nan=False)
    elif column.kind == "date":
        some = _DATE
    elif column.kind in ("id", "file"):
        some = st.none()
    else:
        some = _WORDS
    return some if column.required and column.kind == "choice" else st.one_of(st.none(), some)


def _row(table: Table, **fixed: Any) -> st.SearchStrategy[dict[str, Any]]:
    cells = {column.name: _cell(column) for column in table.columns}
    return st.fixed_dictionaries({**cells, **{name: st.just(value) for name, value in fixed.items()}})


_FILE = st.fixed_dictionaries(
    {
        "case": _row(CASES, case_id="C1", person_id="P1", infusion_id=None).map(
            lambda row: {**row, "diagnosis": row["diagnosis"] or "T-cell lymphoma"}
        ),
        "person": _row(PEOPLE, person_id="P1", country="DE", birth_year=1950),
        "infusions": st.lists(_row(INFUSIONS, person_id="P1"), max_size=2).map(
            lambda rows: [{**row, "infusion_id": f"I{i}", "product": row["product"] or "axi-cel"} for i, row in enumerate(rows)]
        ),
        "prior_therapy": st.lists(_row(PRIOR_THERAPY, person_id="P1"), max_size=2).map(
            lambda rows: [{**row, "therapy_id": f"T{i}"} for i, row in enumerate(rows)]
        ),
        "findings": st.lists(_row(FINDINGS, case_id="C1"), max_size=2).map(
            lambda rows: [{**row, "finding_id": f"F{i}"} for i, row in enumerate(rows)]
        ),
        "assay_results": st.lists(_row(ASSAY_RESULTS, person_id="P1"), max_size=2).map(
            lambda rows: [
                {**row, "result_id": f"R{i}", "measured_on": row["measured_on"] or "2020-01-01"} for i, row in enumerate(rows)
            ]
        ),
    }
)
_CODE = {"system": "meddra", "level": "llt", "version": "27.1", "code": "10012345"}
_REPORT = {
    "kind": "initial",
    "received_on": "2025-01-05",
    "report_type": "spontaneous",
    "reporter_qualification": "physician",
    "reporter_country": "DE",
    "reporter_name": None,
    "reporter_organisation": None,
    "seriousness": None,
    "safety_report_id": None,
    "worldwide_id": None,
    "reason": None,
}


@settings(max_examples=40, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink))
@given(_FILE, st.sampled_from(("ich", "fda", "eu")))
def test_any_case_can_be_sent_and_is_read_again_equal(given_rows: dict[str, Any], profile: Any) -> None:
    file = build_case_file(given_rows["case"], **{name: rows for name, rows in given_rows.items() if name != "case"})
    causality = suggest(file)
    content = Content(
        reports=[_REPORT], event_codes=[_CODE], narrative=narrate(file, causality).text(), comments="\n".join(causality.lines())
    )
    sender = Sender("Example", "EX", "DE", "ZZFDA", "CDER")
    batch, _ = build_batch(file, sender, content, now=dt.datetime(2025, 2, 1, tzinfo=dt.UTC), profile=profile)
    refused = [str(problem) for problem in check_batch(batch, profile=profile) if problem.reject]
    no_drug = ["G.k.1 (role of the drug): no suspect, interacting or not administered drug is given: a valid case needs one"]
    assert refused == ([] if file.infusions else no_drug)
    assert from_bytes(to_bytes(batch)).batch == batch
    assert adverse_event_bundle(file, recorded_on="2025-02-01")["entry"]
