"""The tests of a case as F.r repetitions: transgene, copies, integration sites, clones, variants, viruses.

>>> from aftercar.cases.model import build_case_file
>>> file = build_case_file(
...     {"case_id": "C1", "person_id": "P1", "diagnosis": "x", "tested": "yes", "car_result": "detected_low"}
... )
>>> [(test["F.r.2.1"], test["F.r.3.1"]) for test in tests_of(file)]
[('CAR transgene in tumour', '3')]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aftercar.cases.e2b.message import Null, Value
from aftercar.cases.model import CaseFile, Row
from aftercar.cases.verdict import number, verdict_sites

Test = Mapping[str, Value]

_RESULT = {"detected": "1", "not_detected": "2", "detected_low": "3", "below_loq": "3", "inconclusive": "4"}
_CALL = {
    "present_clonal": "1",
    "present_subclonal": "1",
    "not_detected": "2",
    "inconclusive": "4",
    "contamination_suspected": "4",
}
#: Our units as UCUM.
_UCUM = {
    "copies/ug": "{copies}/ug",
    "copies/cell": "{copies}/{cell}",
    "percent_cells": "%{cells}",
    "fraction_cells": "1{fraction_of_cells}",
    "copies/ul": "{copies}/uL",
    "fraction": "1",
    "count": "{count}",
}


def tests_of(case: CaseFile) -> list[Test]:
    """Every test result of the case, the transgene first."""
    found = [test for part in (_transgene, _verdict, _laboratory, _findings, _viruses) for test in part(case)]
    return [{code: value for code, value in test.items() if value != ""} for test in found]


def _test(
    name: str, *, date: object = None, result: str = "", value: str = "", unit: str = "", text: str = "", comment: str = ""
) -> Test:
    if not (result or value or text):
        text = "no result stated"
    return {
        "F.r.1": str(date).replace("-", "") if date else Null("UNK"),
        "F.r.2.1": name,
        "F.r.3.1": result,
        "F.r.3.2": value,
        "F.r.3.3": unit,
        "F.r.3.4": text,
        "F.r.6": comment,
    }


def _transgene(case: CaseFile) -> Iterator[Test]:
    row = case.case
    if row["car_result"] not in (None, "unknown"):
        methods = f"Methods: {row['car_assays'].replace(';', ', ')}." if row["car_assays"] else ""
        purity = f" Tumour purity {row['tumour_purity']:.0%}." if row["tumour_purity"] is not None else ""
        low = "found at a low level" if row["car_result"] == "detected_low" else ""
        yield _test("CAR transgene in tumour", result=_RESULT[row["car_result"]], text=low, comment=(methods + purity).strip())
    elif row["tested"] in ("no", "not_possible", "refused", "pending"):
        reason = f": {row['untested_reason']}" if row["untested_reason"] else ""
        yield _test("CAR transgene in tumour", text=f"not tested ({str(row['tested']).replace('_', ' ')}{reason})")
    if row["copies_per_cell"] is not None:
        yield _test("Vector copies per cell in tumour", value=f"{row['copies_per_cell']:.10g}", unit=_UCUM["copies/cell"])
    if row["car_positive_fraction"] is not None:
        share = f"{100 * row['car_positive_fraction']:.10g}"
        yield _test("CAR-positive share of tumour cells", value=share, unit=_UCUM["percent_cells"])


def _verdict(case: CaseFile) -> Iterator[Test]:
    if case.verdict is None:
        return
    call = str(case.verdict.get("call"))
    reasons = "; ".join(str(reason) for reason in case.verdict.get("reasons") or ())
    yield _test("Vector by sequencing of tumour", result=_CALL.get(call, ""), text=call.replace("_", " "), comment=reasons[:2000])
    copies = number(case.verdict.get("copies_per_tumour_cell"))
    if copies is not None:
        yield _test("Vector copies per tumour cell by sequencing", value=f"{copies:.6g}", unit=_UCUM["copies/cell"])
    for site in verdict_sites(case.verdict):
        share = "" if site.cell_fraction is None else f", {site.cell_fraction:.0%} of tumour cells"
        yield _test(
            "Vector integration site", result="1", text=f"{site.name}, orientation {site.orientation or 'unknown'}{share}"
        )


def _laboratory(case: CaseFile) -> Iterator[Test]:
    for row in case.assay_results:
        target = row["target"] or "vector"
        name = f"{target} by {row['method']}" + (f" in {str(row['matrix']).replace('_', ' ')}" if row["matrix"] else "")
        limit = f"Limit of detection {row['lod']:g} {row['unit']}." if row["lod"] is not None else ""
        has_value = row["value"] is not None and row["unit"] in _UCUM
        yield _test(
            name,
            date=row["measured_on"],
            result=_RESULT.get(row["result"] or "", ""),
            value=f"{row['value']:.10g}" if has_value else "",
            unit=_UCUM[row["unit"]] if has_value else "",
            comment=limit,
        )


def _findings(case: CaseFile) -> Iterator[Test]:
    for row in case.findings:
        yield _test(_finding_name(row), result="2" if row["alt_reads"] == 0 else "1", text=_finding_words(row))


def _finding_name(row: Row) -> str:
    names = {
        "integration": "Vector integration site",
        "variant": "Gene variant",
        "copy_number": "Copy-number change",
        "virus": "Virus",
        "expression": "Gene expression",
        "tcr_clone": "T-cell receptor clone",
    }
    place = f" in {str(row['found_in']).replace('_', ' ')}" if row["found_in"] not in (None, "unknown") else ""
    return names[row["kind"]] + place


def _finding_words(row: Row) -> str:
    parts = [str(row[name]) for name in ("gene", "description") if row[name]]
    if row["chrom"]:
        parts.append(f"{row['chrom']}:{row['position']}" if row["position"] else str(row["chrom"]))
    if row["origin"] not in (None, "unknown"):
        parts.append(str(row["origin"]))
    if row["alt_reads"] is not None:
        parts.append(f"{row['alt_reads']} of {row['depth']} reads" if row["depth"] else f"{row['alt_reads']} reads")
    if row["vaf"] is not None:
        parts.append(f"allele fraction {row['vaf']:.3g}")
    if row["cell_fraction"] is not None:
        parts.append(f"{row['cell_fraction']:.0%} of tumour cells")
    if row["timing"] not in (None, "unknown"):
        parts.append(f"sample from {row['timing']} the infusion")
    return ", ".join(parts)


def _viruses(case: CaseFile) -> Iterator[Test]:
    for column, name in (("ebv", "EBV in tumour"), ("htlv", "HTLV-1")):
        if case.case[column] in ("positive", "negative"):
            yield _test(name, result="1" if case.case[column] == "positive" else "2")
    if case.case["clone_before_infusion"] in ("found", "not_found"):
        found = case.case["clone_before_infusion"] == "found"
        yield _test("Tumour's clone in a sample from before the infusion", result="1" if found else "2")
