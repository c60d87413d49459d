"""What an integration-site assay of the tumour says about its origin, and which of its sites may be the tumour's.

The assay amplifies vector-host junctions, so it sees vector-positive cells alone. One clone among them beside a transgene test
that finds the vector makes the tumour its carrier; by itself it does not, because the same clone may be a trace of CAR T cells
in a CAR-negative tumour. Many small clones are the pattern of bystanders. No site at all is no negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aftercar.cases.laboratory import TUMOUR_MATERIALS
from aftercar.cases.model import CaseFile, Row
from aftercar.cases.settings import CausalitySettings
from aftercar.cases.statements import Evidence, Missing
from aftercar.cases.verdict import Site
from aftercar.cases.votes import ASK_CELLS, ASK_LOD, ASK_SITES, Votes
from aftercar.vocab.estimates import proportion

#: Clones whose share is at least this part of the largest one's are read as insertions of the same cells.
_ALIKE = 0.5

ASK_REPEAT = Missing(
    "an integration-site run that its controls allow",
    "a repeat from the DNA with clean negative controls and the right indexes",
    "samples.site_sheet",
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """The shape of one assay: ``dominant``, ``polyclonal`` or ``unclear``; the sites at its head; what it says in words."""

    kind: str
    sites: tuple[Row, ...]
    says: str


def of_cases(samples: Iterable[Row], assays: Mapping[str, Row]) -> dict[str, list[Row]]:
    """The site assays of the tumour material of each case, each with its ``sample_id``."""
    found: dict[str, list[Row]] = {}
    for row in samples:
        if row["case_id"] is not None and row["material"] in TUMOUR_MATERIALS and row["sample_id"] in assays:
            found.setdefault(row["case_id"], []).append({"sample_id": row["sample_id"], **assays[row["sample_id"]]})
    return found


def pattern(assay: Row, settings: CausalitySettings) -> Pattern:
    """The shape of an assay whose state is ``sites``.

    The head is the largest clone and those at least half as large, at most ``settings.dominant_sites``. It is dominant when the
    lower limit of its joint share is above ``settings.clonal_site_fraction``, and the sample is polyclonal when the upper limit
    of the largest ``settings.dominant_sites`` together is below it.
    """
    largest = [row for row in assay["largest"] if row["share"] is not None]
    cells = round(assay["cells"] or 0)
    if not largest or not cells:
        return Pattern("unclear", (), f"{assay['clones']} integration site(s), whose clone sizes are not known")
    head = [row for row in largest if row["share"] >= _ALIKE * largest[0]["share"]]
    few = head[: settings.dominant_sites]
    share = proportion(min(cells, round(sum(row["share"] for row in few) * cells)), cells, unit="cells")
    told = f"{len(few)} of {assay['clones']} integration site(s) hold {share.percent(0)} of the vector-positive cells"
    if len(head) <= settings.dominant_sites and share.low > settings.clonal_site_fraction:
        return Pattern("dominant", tuple(few), told)
    top = largest[: settings.dominant_sites]
    most = proportion(min(cells, round(sum(row["share"] for row in top) * cells)), cells, unit="cells")
    if most.high < settings.clonal_site_fraction:
        told = (
            f"the largest {len(top)} of {assay['clones']} integration sites hold {most.percent(0)} of the vector-positive cells"
        )
        return Pattern("polyclonal", (), told)
    return Pattern("unclear", (), f"{told}: neither one clone nor many")


def ask_site_assays(case: CaseFile, settings: CausalitySettings, votes: Votes) -> None:
    """Add what the assays of the tumour say, and the clones among the vector-positive cells that they show."""
    for assay in case.site_assays:
        name = str(assay["sample_id"])

        def add(column: str, value: str, says: str, speaks: Any = "neutral", name: str = name) -> None:
            votes.reasons.append(Evidence(f"site_assay.{column}", name, value, f"{name}: {says}", speaks))

        if assay["state"] == "vetoed":
            add("state", "vetoed", "its integration-site run may not be used (" + "; ".join(assay["problems"]) + ")")
            votes.missing.append(ASK_REPEAT)
        elif assay["state"] == "no_sites":
            add("state", "no_sites", "no integration site was found; what the assay would have found is not known")
            votes.missing.append(ASK_LOD)
        else:
            found = pattern(assay, settings)
            speaks = {"dominant": "for", "polyclonal": "against"}.get(found.kind, "neutral")
            add("largest", found.kind, found.says, speaks)
            votes.missing += [] if found.kind == "dominant" else [ASK_SITES] if found.kind == "unclear" else [ASK_CELLS]
            if found.kind == "dominant":
                votes.clones.append(found.says)
                votes.insertions = max(votes.insertions, len(found.sites))


def weigh_site_assays(case: CaseFile, settings: CausalitySettings, votes: Votes) -> None:
    """The vote of the assays, once reads and laboratory were asked.

    They decide alone only when nobody else says whether the tumour carries the vector, and then never more than "unclear". One
    clone stands against a negative that was reported without what it could have missed.
    """
    if not case.site_assays:
        return
    kinds = {pattern(assay, settings).kind if assay["state"] == "sites" else assay["state"] for assay in case.site_assays}
    negatives = votes.of("not")
    if not votes.votes:
        votes.cast("unclear", "measured", _alone(kinds))
        votes.missing.append(ASK_CELLS)
    elif "dominant" in kinds and negatives and all(basis == "reported" for _, basis, _ in negatives):
        votes.cast("low", "measured", f"an integration-site assay finds the vector in the tumour sample: {votes.clones[0]}")
        votes.missing.append(ASK_CELLS)


def _alone(kinds: set[str]) -> str:
    if "dominant" in kinds:
        return "integration sites show one clone of vector-positive cells, but not how many of the tumour's cells they are"
    if kinds & {"polyclonal", "unclear"}:
        return "integration sites show vector-positive cells in the tumour sample, but not that the tumour's cells are among them"
    if "no_sites" in kinds:
        return "no integration site was found in the tumour sample, and what would have been found is not known"
    return "the integration-site run of the tumour may not be used"


def assay_sites(case: CaseFile, settings: CausalitySettings) -> list[Site]:
    """The sites at the head of each assay with a dominant clone; shares of vector-positive cells are no tumour fractions."""
    found = []
    for assay in case.site_assays:
        if assay["state"] != "sites":
            continue
        for row in pattern(assay, settings).sites:
            found.append(
                Site(
                    "site_assay.largest",
                    str(assay["sample_id"]),
                    row["gene"],
                    row["chrom"],
                    row["position"],
                    row["orientation"] if row["orientation"] in ("+", "-") else None,
                    None,
                    row["distance"],
                    None,
                    row["feature"],
                )
            )
    return found
