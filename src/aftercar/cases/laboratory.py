"""What the laboratory's own statement and numbers say about the tumour's cell of origin."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from aftercar.cases.model import CaseFile, Row, items
from aftercar.cases.settings import CausalitySettings
from aftercar.cases.statements import Basis, Evidence, Missing, cite
from aftercar.cases.votes import ASK_CELLS, ASK_LOD, ASK_SITES, Votes

TUMOUR_MATERIALS = ("tumour", "car_positive_cells")

_SAYS_CAR = re.compile(
    r"\bCAR[ -]?(?:T[ -]?cell)?[ -]*(?:\+|positive|expressing|bearing)|\bCAR T[ -]?cell (?:lymphoma|tumou?r|leuk)", re.I
)
_SEVERAL = re.compile(r"\b(?:multiple|several|various)\b", re.I)
_VECTOR_TARGET = re.compile(r"car|vector|transgene|wpre|psi|ltr|scfv|fmc63|rre|gag", re.I)


def tumour_results(case: CaseFile) -> list[Row]:
    """Laboratory results on the vector in tumour material of this case."""
    materials = {row["sample_id"]: row for row in case.samples}
    found = []
    for row in case.assay_results:
        sample = materials.get(row["sample_id"])
        if sample is not None and sample["case_id"] not in (None, case.case_id):
            continue
        of_tumour = row["matrix"] == "tumour" or (sample is not None and sample["material"] == "tumour")
        of_vector = row["method"] != "rcl_rcr" and (row["target"] is None or _VECTOR_TARGET.search(row["target"]))
        if of_tumour and of_vector:
            found.append(row)
    return found


def says_car_positive(text: str) -> bool:
    """Whether a diagnosis in words says that the neoplastic cells carry or express the CAR.

    >>> says_car_positive("aggressive CAR+ peripheral T-cell lymphoma"), says_car_positive("T-cell lymphoma after CAR-T")
    (True, False)
    """
    return _SAYS_CAR.search(text) is not None


def method_count(assays: object) -> int:
    """How many methods a list names; an item that says "multiple" or "several" counts as two.

    >>> method_count("qPCR; immunohistochemistry"), method_count("multiple molecular and cellular techniques"), method_count(None)
    (2, 2, 0)
    """
    return sum(2 if _SEVERAL.search(item) else 1 for item in items(assays))


def ask_laboratory(case: CaseFile, settings: CausalitySettings, votes: Votes) -> None:
    """Add the votes of the reported result, the assay results, the share of CAR-positive cells and the named sites."""
    row, results = case.case, tumour_results(case)
    statement = row["car_result"]
    if statement in (None, "unknown") and results:
        said = {item["result"] for item in results} - {None, "unknown"}
        statement = said.pop() if len(said) == 1 else "inconclusive" if said else None
        statement = {"below_loq": "detected_low"}.get(statement or "", statement)
        for item in results:
            votes.reasons.append(cite("assay_results", item, "result", f"{item['method']} of the tumour"))
    if statement == "detected_low":
        votes.reasons.append(cite("cases", row, "car_result", "The laboratory found the transgene at a low level"))
        votes.cast("low", "reported", "the transgene was found at a low level, which is neither a clone nor a negative")
        votes.missing += [ASK_CELLS, ASK_LOD, ASK_SITES]
        _weigh_level(case, settings, votes, results)
    elif statement == "not_detected":
        _weigh_negative(case, settings, votes, results)
    elif statement == "detected" or row["copies_per_cell"] is not None or row["car_positive_fraction"] is not None:
        _weigh_positive(case, settings, votes, results)
    elif statement == "inconclusive":
        votes.reasons.append(cite("cases", row, "car_result", "The laboratory calls its test inconclusive"))
        votes.cast("unclear", "reported", "the laboratory calls its test inconclusive")
        votes.missing.append(ASK_CELLS)
    elif case.verdict is None and not case.site_assays:
        votes.reasons.append(cite("cases", row, "car_result", "Tumour tissue was tested; the result is not known"))
        votes.cast("unclear", "none", "the tumour was tested but its result is not known")
        votes.missing.append(
            Missing("the result of the tumour test", "ask the laboratory or the manufacturer", "cases.car_result")
        )


@dataclass
class _Level:
    """What the numbers say: texts for a clone, texts for bystanders, and whether one of them names the carriers."""

    supports: list[str] = field(default_factory=list)
    opposes: list[str] = field(default_factory=list)
    names_carriers: bool = False
    measured: bool = False

    @property
    def basis(self) -> Basis:
        return "measured" if self.measured else "reported"


def _weigh_positive(case: CaseFile, settings: CausalitySettings, votes: Votes, results: list[Row]) -> None:
    votes.reasons.append(cite("cases", case.case, "car_result", "The laboratory detects the transgene in the tumour"))
    level = _weigh_level(case, settings, votes, results)
    clone = [*_weigh_clone(case, settings, votes), *votes.clones]
    if level.opposes:
        contradiction = f", while {' and '.join(clone)}" if clone else ""
        votes.cast("low", level.basis, " and ".join(level.opposes) + contradiction)
        votes.missing += [ASK_CELLS, ASK_SITES]
    elif clone or level.names_carriers:
        votes.cast("car", level.basis, "the transgene was found and " + " and ".join(level.supports + clone))
    else:
        shown = f" ({' and '.join(level.supports)})" if level.supports else ""
        votes.cast("unclear", level.basis, f"the transgene was found{shown}, but nothing shows that the tumour cells carry it")
        votes.missing += [ASK_CELLS, ASK_SITES]


def _weigh_level(case: CaseFile, settings: CausalitySettings, votes: Votes, results: list[Row]) -> _Level:
    level = _Level()
    _weigh_fraction(case, settings, votes, results, level)
    _weigh_copies(case, settings, votes, results, level)
    return level


def _weigh_fraction(case: CaseFile, settings: CausalitySettings, votes: Votes, results: list[Row], level: _Level) -> None:
    fraction, evidence = _positive_fraction(case, results)
    if fraction is None or evidence is None:
        return
    level.measured = True
    if fraction >= settings.positive_cell_fraction:
        votes.reasons.append(replace(evidence, says=f"{fraction:.0%} of tumour cells carry or express the CAR", speaks="for"))
        level.supports.append(f"{fraction:.0%} of tumour cells carry or express the CAR")
        level.names_carriers = True
    elif fraction <= settings.few_cell_fraction:
        few = f"only {fraction:.1%} of cells carry or express the CAR, the pattern of bystander CAR T cells"
        votes.reasons.append(replace(evidence, says=few.capitalize(), speaks="against"))
        level.opposes.append(few)
    else:
        votes.reasons.append(
            replace(evidence, says=f"{fraction:.0%} of cells carry or express the CAR: between clone and bystander")
        )
        votes.missing.append(ASK_CELLS)


def _weigh_copies(case: CaseFile, settings: CausalitySettings, votes: Votes, results: list[Row], level: _Level) -> None:
    """Copies per cell against purity times the number of insertions; an unknown purity is taken as 1, which only understates."""
    copies, evidence = _copies(case, results)
    if copies is None or evidence is None:
        return
    level.measured = True
    purity = case.case["tumour_purity"]
    insertions = max(1, votes.insertions, sum(1 for item in case.findings if is_tumour_site(item)))
    ratio = copies / ((purity or 1.0) * insertions)
    about = (
        f"{copies:.3g} copies per cell at purity {'unknown' if purity is None else f'{purity:.0%}'}, {insertions} insertion(s)"
    )
    if ratio >= settings.clonal_ratio:
        votes.reasons.append(replace(evidence, says=f"{about}: the level of a clone", speaks="for"))
        level.supports.append(f"its level ({copies:.3g} copies per cell) is that of a clone")
    elif purity is not None and ratio <= settings.bystander_ratio:
        votes.reasons.append(
            replace(evidence, says=f"{about}: {ratio:.1%} of a clone's level, bystander pattern", speaks="against")
        )
        level.opposes.append(f"its level is {ratio:.1%} of what a tumour clone would carry, the pattern of bystander CAR T cells")
    else:
        votes.reasons.append(replace(evidence, says=f"{about}: cannot be told from bystanders"))
        votes.missing.append(ASK_LOD if purity is None else ASK_CELLS)


def _weigh_clone(case: CaseFile, settings: CausalitySettings, votes: Votes) -> list[str]:
    """What clonality and the diagnosis say: texts that name the tumour cells as carriers."""
    supports: list[str] = []
    if says_car_positive(case.case["diagnosis"]):
        votes.reasons.append(cite("cases", case.case, "diagnosis", "The diagnosis names the tumour cells as CAR-positive", "for"))
        supports.append("the diagnosis names the tumour cells as CAR-positive")
    for row in case.findings:
        if row["kind"] == "tcr_clone" and row["found_in"] == "car_positive_cells" and row["alt_reads"] != 0:
            votes.reasons.append(
                cite("findings", row, "found_in", "The tumour's T-cell receptor is found in CAR-positive cells", "for")
            )
            supports.append("the tumour's T-cell receptor is found in CAR-positive cells")
    sites = [row for row in case.findings if is_tumour_site(row)]
    small = [row for row in sites if row["cell_fraction"] is not None and row["cell_fraction"] < settings.clonal_site_fraction]
    if sites and len(sites) <= settings.dominant_sites and len(small) < len(sites):
        for row in sites:
            votes.reasons.append(
                cite("findings", row, "gene", "An integration site of the tumour is named", "neutral" if row in small else "for")
            )
        supports.append(f"{len(sites)} integration site(s) of the tumour are named")
    elif sites:
        what = "many sites" if len(sites) > settings.dominant_sites else "sites in a minority of tumour cells"
        votes.reasons.append(
            cite("findings", sites[0], "gene", f"{what.capitalize()} ({len(sites)}): no dominant clone shown", "against")
        )
    return supports


def _weigh_negative(case: CaseFile, settings: CausalitySettings, votes: Votes, results: list[Row]) -> None:
    row = case.case
    votes.reasons.append(
        cite("cases", row, "car_result", "The laboratory does not detect the transgene in the tumour", "against")
    )
    purity = row["tumour_purity"]
    limits = [
        item for item in results if item["lod"] is not None and item["unit"] == "copies/cell" and item["result"] == "not_detected"
    ]
    if limits and purity:
        best = min(limits, key=lambda item: item["lod"])
        missable = best["lod"] * settings.lod_safety / purity
        votes.reasons.append(
            cite(
                "assay_results",
                best,
                "lod",
                f"With a safety factor of {settings.lod_safety:g} it misses below {missable:.1%} of a clone's level",
            )
        )
        if missable < settings.valid_negative_below:
            votes.cast(
                "not",
                "measured",
                f"a tumour clone with one copy would have been found at {missable:.1%} of its level, and was not",
            )
        else:
            votes.cast(
                "unclear", "measured", f"the test could have missed up to {missable:.1%} of a clone's level: no valid negative"
            )
            votes.missing.append(ASK_LOD)
        return
    votes.missing.append(ASK_LOD)
    count = max(method_count(row["car_assays"]), len({item["method"] for item in results if item["result"] == "not_detected"}))
    if count >= settings.methods_for_reported_negative:
        votes.reasons.append(cite("cases", row, "car_assays", f"{count} methods agree", "against"))
        votes.cast("not", "reported", f"{count} methods did not find the transgene; their detection limit is not stated")
    else:
        votes.cast("unclear", "reported", "one negative test without a stated detection limit is no valid negative")


def is_tumour_site(row: Row) -> bool:
    """Whether a finding is an integration site of the tumour with a gene or a place (not of product or blood, not a negative)."""
    return (
        row["kind"] == "integration"
        and row["found_in"] in (*TUMOUR_MATERIALS, None, "unknown")
        and row["alt_reads"] != 0
        and bool(row["gene"] or row["chrom"])
    )


def _positive_fraction(case: CaseFile, results: list[Row]) -> tuple[float | None, Evidence | None]:
    if case.case["car_positive_fraction"] is not None:
        return float(case.case["car_positive_fraction"]), cite("cases", case.case, "car_positive_fraction", "")
    for row in results:
        if (
            row["value"] is not None
            and row["unit"] in ("percent_cells", "fraction_cells")
            and row["denominator"] == "tumour_cells"
        ):
            return float(row["value"]) / (100 if row["unit"] == "percent_cells" else 1), cite("assay_results", row, "value", "")
    return None, None


def _copies(case: CaseFile, results: list[Row]) -> tuple[float | None, Evidence | None]:
    if case.case["copies_per_cell"] is not None:
        return float(case.case["copies_per_cell"]), cite("cases", case.case, "copies_per_cell", "")
    for row in results:
        if row["value"] is not None and row["unit"] == "copies/cell":
            return float(row["value"]), cite("assay_results", row, "value", "")
    return None, None
