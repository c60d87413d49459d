"""The laboratory report of transgene testing for one sample: result, limit of detection, sites, clones, method, limits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aftercar.cases.role import base_rate_of
from aftercar.evidence.tracking import CLONALITY_SOURCE
from aftercar.reports.blocks import Block, Caveat, Document, Fact, Facts, Field, Heading, Prose, TableBlock
from aftercar.reports.figures_samples import clone_stream, coverage, elements, pile_up
from aftercar.reports.findings import Row, interval
from aftercar.reports.texts import DETECTION_LIMIT, SITES

BaseRates = Mapping[str, tuple[int, int]]

CALLS = {
    "present_clonal": "CAR transgene present, in the tumour's clone",
    "present_subclonal": "CAR transgene present in a part of the cells",
    "not_detected": "CAR transgene not detected, down to the stated limit",
    "inconclusive": "Inconclusive: neither positive nor negative",
    "contamination_suspected": "Contamination suspected: vector DNA that is not an integrated provirus",
}
_METHOD = (
    "Every read was searched for the bases of the construct that the human genome does not have. Reads that cross from the "
    "vector into the host give the insertion sites, to the base where a read crosses the junction. Copies per cell are the depth "
    "of the vector over that of the host; a clone's size is the share of fragments at its site that carry the insertion.",
    DETECTION_LIMIT,
    SITES,
)
_LIMITS = (
    "Research use; not a validated diagnostic device.",
    "The result speaks of the sample tested and of the construct given; a different construct is not excluded.",
    "CAR-positive does not mean that the insertion caused the tumour; negative does not mean that treatment had no part.",
)
_SAMPLE = ("sample_id", "person_id", "case_id", "material", "collected_on", "assay", "reads", "vector", "purity", "ploidy")
_JUDGED = {"above": "above", "not_above": "not above", "cannot_say": "cannot be told"}
_ITEM = Field("what", "Item", about="What is stated.")
_VALUE = Field("value", "Value", about="Its value; empty is unknown.")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Rows behind the pictures of one sample (tables ``coverage`` and ``junction_fragments``)."""

    coverage: Sequence[Row] = ()
    fragments: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class Clones:
    """A person's clones over time.

    Attributes:
        stream: rows of the chart (:func:`aftercar.evidence.stream.stream_rows`).
        samples: one row a sample: ``sample``, ``day``, ``cells``, ``clones``, ``largest``, ``share`` with limits,
            ``above_setting``.
        unit: what an abundance counts, in words.
        setting: share of one clone that asks for a look.
    """

    stream: Sequence[Row]
    samples: Sequence[Row]
    unit: str
    setting: float


def laboratory_report(
    sample: Row,
    verdict: Mapping[str, Any],
    data_lock: dt.date,
    provenance: Mapping[str, Any],
    *,
    base_rates: BaseRates | None = None,
    drawn: Drawn | None = None,
    clones: Clones | None = None,
) -> Document:
    """The report of one sample, fit for a patient's file under its pseudonym.

    Args:
        sample: its row of ``samples``.
        verdict: content of its ``verdict.json``.
        data_lock: date of the report's data.
        provenance: inputs, settings, versions.
        base_rates: gene -> (ordinary products with a site in it, products looked at); None takes published values.
        drawn: rows behind the pictures.
        clones: the person's clones over time.
    """
    known = [{"what": name.replace("_", " "), "value": sample[name]} for name in _SAMPLE]
    blocks: list[Block] = [
        Heading("Sample", key="sample"),
        TableBlock("sample-table", "What was tested", (_ITEM, _VALUE), known),
        Heading("Result", key="result"),
        *result_blocks(verdict, base_rates, drawn),
        *clone_blocks(clones),
        Heading("Method", key="method"),
        Prose(_METHOD, key="method-words", general=True),
        *_details(verdict),
        Heading("Limits", key="limits"),
        Prose([*_LIMITS, *verdict.get("notes", ())], key="limits-words"),
    ]
    return Document(f"Transgene test of sample {sample['sample_id']}", CALLS[verdict["call"]], data_lock, blocks, provenance)


def result_blocks(verdict: Mapping[str, Any], base_rates: BaseRates | None = None, drawn: Drawn | None = None) -> Iterator[Block]:
    """The result of a sample: call, reasons, copies, limit, sites with clone sizes, reads at the junctions, coverage."""
    copies, limit = interval(verdict.get("copies_per_tumour_cell")), interval(verdict.get("detection_limit"))
    per, unit = (copies, "per tumour cell") if copies[0] is not None else (interval(verdict.get("copies_per_cell")), "per cell")
    yield Facts(
        "result-facts",
        (
            Fact("Call", CALLS[verdict["call"]]),
            Fact(f"Copies {unit}", "not known" if per[0] is None else f"{per[0]:.2g}{_limits(per)}", _of_cells(verdict)),
            Fact(
                "Limit of detection",
                "not known" if limit[0] is None else f"{100 * limit[0]:.2g}% of cells",
                "a clone of this size would have been found with 95% probability",
            ),
        ),
    )
    yield Prose(list(verdict["reasons"]), key="reasons")
    if verdict["call"] == "contamination_suspected":
        yield Caveat("Repeat from a new extraction before anybody acts on this result.", general=True)
    if verdict["sites"]:
        yield TableBlock(
            "result-sites", "Integration sites", _SITES, [_site(site, base_rates) for site in verdict["sites"]], SITES
        )
    genes = {(str(site["chrom"]), int(site["pos"])): str(_gene(site) or "") for site in verdict["sites"]}
    own = drawn or Drawn()
    for picture in (pile_up(own.fragments, genes), coverage(own.coverage), elements(verdict)):
        if picture is not None:
            yield picture


def clone_blocks(clones: Clones | None) -> Iterator[Block]:
    """A person's clones over time: the stream, and its samples as a table."""
    if clones is None:
        return
    yield Heading("Clones over time", key="clones")
    yield clone_stream(clones.stream, clones.unit)
    shares = (f"{100 * row['share']:.1f}%{_limits((row['share'], row['low'], row['high']), 100)}" for row in clones.samples)
    judged = (_JUDGED[row["above_setting"]] for row in clones.samples)
    each = zip(clones.samples, shares, judged, strict=True)
    rows = [{**row, "shown": share, "judged": words} for row, share, words in each]
    note = f"Setting: {100 * clones.setting:g}% of the clones, {CLONALITY_SOURCE}."
    yield TableBlock("clone-samples", "Samples of the clones", _CLONES, rows, note)


_SITES = (
    Field("place", "Site", about="Chromosome, last host base before the provirus (1-based), and orientation of the provirus."),
    Field("tsd", "Target duplication", "count", about="Target-site duplication in bases."),
    Field("support", "Reads, left + right", "interval", about="Fragments at the left and the right junction."),
    Field("fraction", "Clone size (share of cells)", "interval", about="Cells with the insertion, with 95% limits."),
    Field("clonality", "Clone", about="What the size says of the clone."),
    Field("gene", "Gene", about="Gene hit, or the nearest one."),
    Field("base_rate", "Ordinary products with a site there", about="How often infusion products carry a site in that gene."),
)
_CHANGES = (
    Field("kind", "Change", about="What kind of change."),
    Field("construct", "Construct", about="In which construct."),
    Field("start", "From", "count", about="First base, 1-based."),
    Field("end", "To", "count", about="Last base."),
    Field("fragments", "Fragments", "count", about="Fragments that show it."),
    Field("confirmed", "Confirmed", about="Whether more than one fragment shows it."),
    Field("elements", "Parts", about="Parts of the construct that it touches."),
)
_CLONES = (
    Field("sample", "Sample", about="Sample, or time point and cell type."),
    Field("day", "Day", "number", 0, about="Days since infusion."),
    Field("cells", "Abundance", "number", 0, about="Sum over all clones, in the unit of the chart's caption."),
    Field("clones", "Clones", "count", about="Distinct sites."),
    Field("largest", "Largest clone", about="Gene and place of the largest clone."),
    Field("shown", "Its share", "interval", about="Share of the largest clone with 95% limits."),
    Field("judged", "Against the setting", about="The largest clone's interval against the clonality setting, a convention."),
)


def _site(site: Mapping[str, Any], base_rates: BaseRates | None) -> dict[str, Any]:
    fraction = interval(site.get("tumour_cell_fraction") or site.get("cell_fraction"))
    gene = _gene(site)
    rate = base_rate_of(str(gene), base_rates) if gene else None
    shown = None if fraction[0] is None else f"{100 * fraction[0]:.0f}%{_limits(fraction, 100)}"
    words = f"{rate.hits} of {rate.products} [{rate.source.mark}]" if rate is not None else None
    clonality = str(site.get("clonality") or "").replace("_", " ") or None
    place = f"{site['chrom']}:{site['pos']:,} ({site['orientation']})"
    support = f"{site['left_support']} + {site['right_support']}"
    return {
        **site,
        "place": place,
        "support": support,
        "fraction": shown,
        "clonality": clonality,
        "gene": gene,
        "base_rate": words,
    }


def _gene(site: Mapping[str, Any]) -> Any:
    gene = site.get("gene")
    return gene.get("name") if isinstance(gene, Mapping) else gene


def _of_cells(verdict: Mapping[str, Any]) -> str:
    purity = verdict.get("purity")
    return "purity not known, so all cells are compared" if purity is None else f"tumour cells: {100 * purity:.0f}% of the sample"


def _limits(found: tuple[float | None, float | None, float | None], scale: float = 1) -> str:
    return "" if found[1] is None or found[2] is None else f" ({scale * found[1]:.3g}-{scale * found[2]:.3g})"


def _details(verdict: Mapping[str, Any]) -> Iterator[Block]:
    """What else was weighed, changes of the vector itself, figures of the sample, thresholds."""
    others = [{**row, "finding": str(row["finding"]).replace("_", " ")} for row in verdict.get("alternatives", ())]
    if others:
        fields = (
            Field("name", "Explanation", about="Another explanation of the vector DNA."),
            Field("finding", "Finding", about="Whether the sample supports it."),
            Field("reason", "Because", about="Why."),
        )
        yield TableBlock("alternatives", "Other explanations that were weighed", fields, others)
    if verdict.get("normal"):
        yield Prose([f"Normal sample of the same person: {verdict['normal']['words']}."], key="normal-words")
    if verdict.get("rearrangements"):
        yield TableBlock("rearrangements", "Changes of the vector itself", _CHANGES, verdict["rearrangements"])
    for key, title, part in (("facts", "Figures of the sample", "facts"), ("thresholds", "Thresholds", "settings")):
        rows = [{"what": name.replace("_", " "), "value": value} for name, value in _flat(verdict.get(part, {}))]
        if rows:
            yield TableBlock(key, title, (_ITEM, _VALUE), rows)


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}: ")
        else:
            yield before + name, value
