"""The verdict of one sample: a call, the reasons in words, and every number behind them.

A label never travels alone. ``present_clonal`` and ``present_subclonal`` need vector DNA that no named alternative explains;
``not_detected`` needs a detection limit low enough to mean something; what cannot be decided is ``inconclusive`` and
says why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aftercar.evidence.contamination import HEPATITIS_B, Alternative
from aftercar.evidence.copies import Copies
from aftercar.evidence.detection_limit import Limit
from aftercar.evidence.presence import Presence
from aftercar.evidence.quantity import Quantity
from aftercar.evidence.rearrangements import Change, change_json
from aftercar.evidence.settings import Settings
from aftercar.evidence.sites import SiteCall

Call = Literal["present_clonal", "present_subclonal", "not_detected", "inconclusive", "contamination_suspected"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one sample says.

    Attributes:
        call: one of five.
        reasons: sentences, the deciding one first.
        vector_dna: ``detected``, ``not detected`` or ``below threshold``.
        presence, copies, limit: the measurements.
        sites: every site, located ones first.
        alternatives: named explanations, weighed.
        purity, ploidy: as used.
        settings: thresholds used.
        facts: further figures of the sample (depth, reads, construct ...).
        normal: what the normal sample of the same person says, when one was given.
        notes: anything else a reader must know.
        rearrangements: deletions, copies, inversions and truncations of the vector itself.
    """

    call: Call
    reasons: tuple[str, ...]
    vector_dna: str
    presence: Presence
    copies: Copies | None
    limit: Limit | None
    sites: tuple[SiteCall, ...]
    alternatives: tuple[Alternative, ...]
    purity: float | None
    ploidy: float
    settings: Settings
    facts: dict[str, Any] = field(default_factory=dict)
    normal: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    rearrangements: tuple[Change, ...] = ()

    @property
    def located(self) -> tuple[SiteCall, ...]:
        """Sites that pass."""
        return tuple(site for site in self.sites if site.located)


def decide(
    seen: Presence,
    copies: Copies | None,
    limit: Limit | None,
    sites: Sequence[SiteCall],
    alternatives: Sequence[Alternative],
    *,
    purity: float | None,
    complete: bool,
    has_ends: bool,
    settings: Settings,
) -> tuple[Call, tuple[str, ...], str]:
    """The call, its reasons, and whether vector DNA was seen.

    Args:
        seen: vector DNA.
        copies: copies per cell, None when the host depth is not known.
        limit: detection limit, None when the host depth is not known.
        sites: called sites.
        alternatives: weighed alternatives.
        purity: share of tumour cells, None when not known.
        complete: whether all reads were looked at.
        has_ends: whether the ends of the vector are known.
        settings: thresholds.
    """
    located = [site for site in sites if site.located]
    # A virus alike integrates too, but breaks anywhere: only a provirus end speaks for the vector then.
    virus = any(one.name == HEPATITIS_B and one.finding == "supported" for one in alternatives)
    firm = [site for site in located if not ("break_inside_vector" in site.flags and (has_ends or virus))]
    if seen.fragments < settings.fragments and not located:
        return _negative(seen, limit, purity, complete, settings)
    words = [_seen_words(seen, copies)]
    explaining = [one for one in alternatives if one.explains_all and one.finding == "supported"]
    if explaining and not firm:
        reasons = [f"the vector DNA is explained by: {one.name} ({one.reason})" for one in explaining]
        return "contamination_suspected", (*reasons, *words), "detected"
    if located:
        call, reasons = _clonal(located, purity, settings)
        partial = [f"{one.name}: {one.reason}" for one in alternatives if one.finding == "supported"]
        return call, (*reasons, *words, *partial), "detected"
    if not complete:
        reason = "vector DNA is there, but only part of the sample's reads was looked at: where it sits needs them all"
        return "inconclusive", (reason, *words), "detected"
    return _without_site(seen, copies, sites, purity, has_ends, settings, words)


def _seen_words(seen: Presence, copies: Copies | None) -> str:
    words = f"{seen.fragments} fragments over {seen.covered:,} of {seen.bases:,} vector bases that are not human"
    words += f" (depth {seen.depth:.2f})"
    if copies is not None:
        words += f", {copies.per_cell.words()}"
        if copies.per_tumour_cell is not None:
            words += f", {copies.per_tumour_cell.words()}"
    return words


def _negative(
    seen: Presence, limit: Limit | None, purity: float | None, complete: bool, settings: Settings
) -> tuple[Call, tuple[str, ...], str]:
    vector = "not detected" if seen.fragments == 0 else "below threshold"
    counted = (
        "no fragment with vector bases that are not human"
        if seen.fragments == 0
        else f"{seen.fragments} fragment(s) with vector bases that are not human, {settings.fragments} are needed"
    )
    human = (
        f"; {seen.host_like} fragment(s) match parts that vector and human genome share and prove nothing"
        if seen.host_like
        else ""
    )
    if not complete:
        return (
            "inconclusive",
            ("only part of the sample's reads was looked at: a negative needs them all", counted + human),
            vector,
        )
    if limit is None:
        return "inconclusive", ("the host depth is not known, so no detection limit can be given", counted + human), vector
    of = "all cells" if purity is None else "the tumour cells"
    share = limit.presence / (purity or 1.0)
    if share > settings.valid_limit:
        return (
            "inconclusive",
            (
                f"too shallow: a clone would have to be in {_percent(share)} of {of} to be found with {100 * limit.power:.0f}% "
                f"probability; a negative is valid from {_percent(settings.valid_limit)} down",
                counted + human,
            ),
            vector,
        )
    return (
        "not_detected",
        (
            counted + human,
            f"a clone with one copy in {_percent(share)} of {of} would have been found with {100 * limit.power:.0f}% probability",
        ),
        vector,
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%" if share <= 1 else "more than 100%"


def _clonal(located: Sequence[SiteCall], purity: float | None, settings: Settings) -> tuple[Call, list[str]]:
    kinds = [site.clone.clonality for site in located]
    rank = {"clonal": 2, "indeterminate": 1}
    largest = max(located, key=lambda s: (rank.get(s.clone.clonality, 0), _judged_low(s), s.site.fragments))
    fraction = largest.clone.tumour_fraction or largest.clone.cell_fraction
    place = f"{largest.site.contig}:{largest.site.position + 1:,}"
    gene = (
        f" ({largest.annotation.gene})"
        if largest.annotation and largest.annotation.gene and largest.annotation.distance == 0
        else ""
    )
    number = f"{len(located)} site(s) located by several fragments"
    of = "tumour cells" if purity is not None else "all cells"
    known = "" if purity is not None else "; no purity was given, so all cells are compared"
    share = f"the insertion at {place}{gene} is in {_bare_percent(fraction)} of {of}"
    if largest.clone.by_copies is not None:
        share += f" by its own fragments, in {_bare_percent(largest.clone.by_copies)} by its share of all vector copies"
    if "clonal" in kinds:
        return "present_clonal", [f"{share}: clonal from {_percent(settings.clonal_from)} on{known}", number]
    if all(kind == "bystander" for kind in kinds):
        return "present_subclonal", [f"{share}: a bystander, not the tumour clone{known}", number]
    if largest.clone.clonality == "indeterminate":
        return "present_subclonal", [f"{share}: the interval does not tell a clonal from a subclonal insertion{known}", number]
    whole = _percent(min(1.0, (largest.clone.by_copies or fraction).value))
    hint = "" if purity is not None else f"; it would be the whole tumour at a purity of about {whole}"
    return "present_subclonal", [f"{share}: less than all of them{known}{hint}", number]


def _judged_low(site: SiteCall) -> float:
    return (site.clone.by_copies or site.clone.tumour_fraction or site.clone.cell_fraction).low


def _bare_percent(quantity: Quantity) -> str:
    return quantity.percent()


def _without_site(
    seen: Presence,
    copies: Copies | None,
    sites: Sequence[SiteCall],
    purity: float | None,
    has_ends: bool,
    settings: Settings,
    words: list[str],
) -> tuple[Call, tuple[str, ...], str]:
    weak = [site for site in sites if site.filter in ("single_fragment", "approximate")]
    repeats = [site for site in sites if site.filter == "repeat"]
    if repeats:
        best = max(repeats, key=lambda s: s.site.fragments)
        share = best.clone.tumour_fraction or best.clone.cell_fraction
        call: Call = "present_clonal" if best.clone.clonality == "clonal" else "present_subclonal"
        places = f"{len(best.site.places)} places fit alike" if best.site.places else "its other places are not known"
        reason = f"an insertion in repeated sequence ({places}) in {share.percent()} of the cells compared"
        return call, (reason, *words), "detected"
    per_cell = copies.per_cell if copies is not None else None
    if not has_ends:
        reason = (
            "vector DNA is there, but the sequence given has no known ends: integration and clonality cannot be shown with it"
        )
        step = "give the whole vector or provirus to locate the insertion"
        return "inconclusive", (reason, *words, step), "detected"
    if per_cell is not None and per_cell.low >= settings.unsupported_copies:
        reason = f"vector DNA with {len(weak)} junction(s) seen once each and none twice: many small clones or few reads"
        return "present_subclonal", (reason, *words), "detected"
    amount = "little vector DNA" if per_cell is not None else "vector DNA of unknown amount"
    reason = (
        f"{amount} and no site seen twice ({len(weak)} seen once): bystander CAR T cells of many clones, or leakage "
        "from another sample, cannot be told apart"
    )
    return "inconclusive", (reason, *words), "detected"


def quantity_json(quantity: Quantity | None) -> dict[str, Any] | None:
    """Value, interval, unit and method."""
    if quantity is None:
        return None
    return {
        "value": _number(quantity.value),
        "low": _number(quantity.low),
        "high": _number(quantity.high),
        "unit": quantity.unit,
        "method": quantity.method,
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) or math.isinf(value) else round(float(value), 6)


def site_json(call: SiteCall) -> dict[str, Any]:
    """One site as it stands in ``verdict.json``."""
    site, clone, note = call.site, call.clone, call.annotation
    gene = None if note is None or not note.gene else note.gene
    return {
        "chrom": site.contig,
        "pos": site.position + 1,
        "pos_low": site.low + 1,
        "pos_high": site.high + 1,
        "exact": site.exact,
        "orientation": site.orientation,
        "tsd": site.tsd,
        "left_support": site.left.fragments if site.left else 0,
        "right_support": site.right.fragments if site.right else 0,
        "left_split": site.left.split if site.left else 0,
        "right_split": site.right.split if site.right else 0,
        "right_pos": site.right.adjacent + 1 if site.right else None,
        "microhomology": [None if j is None or j.microhomology < 0 else j.microhomology for j in (site.left, site.right)],
        "vector_break": [j.vector if j is not None and j.vector >= 0 else None for j in (site.left, site.right)],
        "provirus_end": [j.end or None if j is not None else None for j in (site.left, site.right)],
        "filter": call.filter,
        "flags": list(call.flags),
        "cell_fraction": quantity_json(clone.cell_fraction),
        "tumour_cell_fraction": quantity_json(clone.tumour_fraction),
        "cell_fraction_by_copies": quantity_json(clone.by_copies),
        "clonality": clone.clonality,
        "junction_fragments": [clone.left, clone.right],
        "reference_fragments": _number(clone.reference),
        "denominator": clone.how,
        "gene": gene,
        "distance": note.distance if note is not None else None,
        "gene_feature": note.feature if note is not None and gene else None,
        "gene_sense": note.sense if note is not None and gene else None,
        "consequence": note.consequence if note is not None and gene else None,
        "annotation": note.words() if note is not None else None,
        "genes_also": list(note.others) if note is not None else [],
        "gene_lists": list(note.lists) if note is not None else [],
        "region_flags": list(note.flags) if note is not None else [],
        "places": [{"chrom": contig, "pos": position + 1} for contig, position in site.places],
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """The content of ``verdict.json``: plain values only."""
    limit, seen, copies = verdict.limit, verdict.presence, verdict.copies
    purity = verdict.purity
    detection = None
    if limit is not None:
        detection = {
            "value": _number(limit.presence / (purity or 1.0)),
            "unit": "fraction of tumour cells" if purity else "fraction of all cells",
            "cell_fraction": _number(limit.presence),
            "site_cell_fraction": None if limit.site is None else _number(limit.site),
            "power": limit.power,
            "valid_from": verdict.settings.valid_limit,
            "words": limit.words,
        }
    return {
        "call": verdict.call,
        "reasons": list(verdict.reasons),
        "vector_dna": verdict.vector_dna,
        "copies_per_tumour_cell": quantity_json(copies.per_tumour_cell if copies else None),
        "copies_per_cell": quantity_json(copies.per_cell if copies else None),
        "copies_per_diploid_genome": quantity_json(copies.per_diploid_genome if copies else None),
        "detection_limit": detection,
        "purity": purity,
        "ploidy": verdict.ploidy,
        "vector": {
            "fragments": seen.fragments,
            "host_like_fragments": seen.host_like,
            "depth": _number(seen.depth),
            "unshared_bases": seen.bases,
            "covered_bases": seen.covered,
            "evenness": _number(seen.evenness),
            "backbone_depth": _number(seen.backbone_depth),
            "backbone_bases": seen.backbone_bases,
            "elements": [
                {"name": e.name, "kind": e.kind, "bases": e.bases, "covered": e.covered, "depth": _number(e.depth)}
                for e in seen.elements
            ],
        },
        "sites": [site_json(site) for site in verdict.sites if site.filter != "weak"],
        "unconfirmed": [site_json(site) for site in verdict.sites if site.filter == "weak"],
        "rearrangements": [change_json(change) for change in verdict.rearrangements],
        "alternatives": [{"name": a.name, "finding": a.finding, "reason": a.reason} for a in verdict.alternatives],
        "facts": verdict.facts,
        "normal": verdict.normal,
        "notes": list(verdict.notes),
        "settings": {name: getattr(verdict.settings, name) for name in verdict.settings.__dataclass_fields__},
    }
