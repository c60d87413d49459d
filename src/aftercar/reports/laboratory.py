"""The laboratory report of transgene testing for one sample: result, limit of detection, sites, method, limits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from aftercar.reports.blocks import Block, Caveat, Document, Fact, Facts, Field, Heading, Picture, Prose, TableBlock
from aftercar.reports.figures_samples import elements
from aftercar.reports.findings import interval
from aftercar.reports.texts import DETECTION_LIMIT, SITES

CALLS = {
    "present_clonal": "CAR transgene present, in the tumour's clone",
    "present_subclonal": "CAR transgene present in a part of the cells",
    "not_detected": "CAR transgene not detected, down to the stated limit",
    "inconclusive": "Inconclusive: neither positive nor negative",
    "contamination_suspected": "Contamination suspected: vector DNA that is not an integrated provirus",
}
_LIMITS = (
    "Research use; not a validated diagnostic device.",
    "The result speaks of the sample tested and of the construct given; a different construct is not excluded.",
    "CAR-positive does not mean that the insertion caused the tumour; negative does not mean that treatment had no part.",
)


def laboratory_report(
    sample_id: str,
    verdict: Mapping[str, Any],
    data_lock: dt.date,
    provenance: Mapping[str, Any],
    *,
    base_rates: Mapping[str, str] | None = None,
    pile_up: str = "",
) -> Document:
    """The report of one sample, fit for a patient's file under its pseudonym.

    Args:
        sample_id: the sample.
        verdict: content of its ``verdict.json``.
        data_lock: date of the report's data.
        provenance: inputs, settings, versions.
        base_rates: gene -> how often ordinary products hit it, in words.
        pile_up: SVG of the reads at the junctions; left out when empty.
    """
    blocks: list[Block] = [
        Heading("Result", key="result"),
        *result_blocks(verdict, base_rates),
        *_pile_up(pile_up, verdict),
        Heading("Method and limits", key="method"),
        Prose([DETECTION_LIMIT, SITES, *_LIMITS], key="limits"),
        *_quality(verdict),
    ]
    return Document(f"Transgene test of sample {sample_id}", CALLS[verdict["call"]], data_lock, blocks, provenance)


def _pile_up(svg: str, verdict: Mapping[str, Any]) -> Iterator[Block]:
    if svg:
        places = "; ".join(f"{site['chrom']}:{site['pos']:,}" for site in verdict["sites"])
        yield Picture("pile-up", "Reads at the junctions", svg, f"Reads that cross from the host into the vector at {places}.")


def result_blocks(verdict: Mapping[str, Any], base_rates: Mapping[str, str] | None = None) -> Iterator[Block]:
    """The result of a sample: call, reasons, copies, limit, sites."""
    copies, limit = interval(verdict.get("copies_per_tumour_cell")), interval(verdict.get("detection_limit"))
    yield Facts(
        "result-facts",
        (
            Fact("Call", CALLS[verdict["call"]]),
            Fact("Copies per tumour cell", "not known" if copies[0] is None else f"{copies[0]:.2g}", _limits(copies)),
            Fact(
                "Detection limit",
                "not known" if limit[0] is None else f"{100 * limit[0]:.2g}% of cells",
                "found with 95% probability",
            ),
        ),
    )
    yield Prose(list(verdict["reasons"]), key="reasons")
    if verdict["call"] == "contamination_suspected":
        yield Caveat("Repeat from a new extraction before anybody acts on this result.")
    picture = elements(verdict)
    if picture is not None:
        yield picture
    if verdict["sites"]:
        yield TableBlock(
            "result-sites",
            "Integration sites",
            (
                Field("chrom", "Chromosome"),
                Field("pos", "Position", "count"),
                Field("orientation", "Orientation"),
                Field("tsd", "Target duplication", "count"),
                Field("left_support", "Left reads", "count"),
                Field("right_support", "Right reads", "count"),
                Field("fraction", "Cell fraction", "interval"),
                Field("gene", "Gene"),
                Field("base_rate", "Ordinary products with a site there"),
            ),
            [_site(site, base_rates or {}) for site in verdict["sites"]],
        )


def _site(site: Mapping[str, Any], base_rates: Mapping[str, str]) -> dict[str, Any]:
    fraction = interval(site.get("cell_fraction"))
    gene = site.get("gene")
    name = gene.get("name") if isinstance(gene, Mapping) else gene
    shown = None if fraction[0] is None else f"{100 * fraction[0]:.0f}%{_limits(fraction, 100)}"
    return {**site, "fraction": shown, "gene": name, "base_rate": base_rates.get(str(name))}


def _limits(found: tuple[float | None, float | None, float | None], scale: float = 1) -> str:
    return "" if found[1] is None or found[2] is None else f" ({scale * found[1]:.3g}-{scale * found[2]:.3g})"


def _quality(verdict: Mapping[str, Any]) -> Iterator[Block]:
    quality = verdict.get("quality")
    if isinstance(quality, Mapping):
        rows = [
            {"what": name.replace("_", " "), "value": value}
            for name, value in quality.items()
            if not isinstance(value, (dict, list))
        ]
        yield TableBlock("quality", "Quality of the sample", (Field("what", "Item"), Field("value", "Value")), rows)
