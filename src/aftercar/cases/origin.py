"""Axis A: does the tumour come from a CAR T cell?

Votes are collected from the sequencing verdict and from the laboratory's own statement; a contradiction gives
"indeterminate", never the stronger voice. A negative counts only when it could have found a clone. A very low
level is neither: CAR T cells among a tumour and a small subclone look alike until single cells are looked at.
"""

from __future__ import annotations

from aftercar.cases.laboratory import ask_laboratory, tumour_results
from aftercar.cases.model import CaseFile
from aftercar.cases.settings import CausalitySettings
from aftercar.cases.site_assays import ask_site_assays, weigh_site_assays
from aftercar.cases.statements import Axis, Evidence, Missing, Speaks, cite
from aftercar.cases.verdict import detection_limit, number, verdict_sites
from aftercar.cases.votes import ASK_CELLS, ASK_TEST, Votes

ORIGIN_VALUES = ("car_derived", "not_car_derived", "indeterminate", "not_tested")


def cell_of_origin(case: CaseFile, settings: CausalitySettings) -> Axis:
    """Axis A: ``car_derived``, ``not_car_derived``, ``indeterminate`` or ``not_tested``, with its evidence."""
    votes = Votes()
    if case.verdict is not None:
        _ask_verdict(case, settings, votes)
    early = _not_tested(case, votes)
    if early is not None:
        return early
    ask_site_assays(case, settings, votes)
    ask_laboratory(case, settings, votes)
    weigh_site_assays(case, settings, votes)
    return votes.decide()


def _not_tested(case: CaseFile, votes: Votes) -> Axis | None:
    row = case.case
    has_result = case.verdict is not None or row["car_result"] not in (None, "unknown") or bool(tumour_results(case))
    has_result = has_result or row["car_positive_fraction"] is not None or row["copies_per_cell"] is not None
    has_result = has_result or bool(case.site_assays)
    if has_result:
        if row["tested"] in ("no", "not_possible", "refused"):
            votes.reasons.append(
                cite("cases", row, "tested", "The case says that the tumour was not tested, yet a result is given")
            )
            votes.missing.append(
                Missing("whether the tumour was tested", "correct the case: it contradicts its result", "cases.tested")
            )
        return None
    if row["tested"] in ("no", "not_possible", "refused", "pending"):
        why = row["untested_reason"]
        words = {
            "no": "tumour tissue was not tested for the transgene",
            "not_possible": "testing tumour tissue was not possible",
            "refused": "testing was refused",
            "pending": "a test of tumour tissue is pending",
        }[row["tested"]]
        reasons = [cite("cases", row, "tested", words.capitalize())]
        if why:
            reasons.append(cite("cases", row, "untested_reason", "Reason given"))
        return Axis("not_tested", words + (f" ({why})" if why else ""), "none", tuple(reasons), (ASK_TEST,))
    if row["tested"] == "unknown":
        reason = cite("cases", row, "tested", "It is not known whether tumour tissue was tested")
        return Axis("indeterminate", "it is not known whether tumour tissue was tested", "none", (reason,), (ASK_TEST,))
    return None


def _ask_verdict(case: CaseFile, settings: CausalitySettings, votes: Votes) -> None:
    verdict = case.verdict
    assert verdict is not None
    call = str(verdict.get("call", ""))
    copies = number(verdict.get("copies_per_tumour_cell"))
    told = f", {copies:.3g} copies per tumour cell" if copies is not None else ""

    def add(says: str, speaks: Speaks) -> None:
        votes.reasons.append(Evidence("verdict.call", case.case_id, call, says, speaks))

    if call == "present_clonal":
        sites = len(verdict_sites(verdict))
        add(f"Sequencing finds the vector at the level of the tumour clone{told}, {sites} integration site(s)", "for")
        votes.cast("car", "measured", f"sequencing finds the vector in the tumour clone{told}")
    elif call == "present_subclonal":
        add(
            f"Sequencing finds the vector below the level of the tumour clone{told}: a subclone or bystander CAR T cells",
            "neutral",
        )
        votes.cast("low", "measured", "sequencing finds the vector below the level of the tumour clone")
        votes.missing.append(ASK_CELLS)
    elif call == "not_detected":
        limit = detection_limit(verdict)
        if limit is not None and limit < settings.valid_negative_below:
            add(f"Sequencing does not find the vector; a clone of {limit:.1%} of tumour cells would have been found", "against")
            votes.cast("not", "measured", f"sequencing would have found a clone of {limit:.1%} of tumour cells and found none")
        else:
            shown = "not stated" if limit is None else f"{limit:.1%} of tumour cells"
            add(f"Sequencing does not find the vector, but its detection limit is {shown}: no valid negative", "neutral")
            votes.cast("unclear", "measured", f"the negative's detection limit is {shown}")
            votes.missing.append(
                Missing(
                    "a detection limit below the tumour clone",
                    "deeper sequencing or ddPCR of the tumour",
                    "verdict.detection_limit",
                )
            )
    elif call == "contamination_suspected":
        add("Sequencing finds vector sequence that looks like contamination", "neutral")
        votes.cast("unclear", "measured", "the vector sequence found may be contamination")
        votes.missing.append(
            Missing("an uncontaminated library", "a repeat from a new extraction with a negative control", "verdict.call")
        )
    else:
        because = "; ".join(str(item) for item in verdict.get("reasons") or ()) or "no reason given"
        add(f"Sequencing is inconclusive: {because}", "neutral")
        votes.cast("unclear", "measured", "sequencing is inconclusive")
        votes.missing.append(ASK_CELLS)
