"""Axis B: what part did the insertion have in the tumour?

A site is judged by clonality, gene, distance, orientation, effect on the gene, recurrence in tumours of other
patients and the base rate among ordinary products. Presence alone never makes a driver: insertions in or near a
cancer gene are common by chance. "Passenger" needs evidence against a role, such as unchanged expression or
absence from part of the tumour; without evidence either way the role is not assessable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from aftercar.cases.genes import KNOWN_BASE_RATES, T_CELL_CANCER_GENES, BaseRate, GeneFact
from aftercar.cases.laboratory import is_tumour_site
from aftercar.cases.model import CaseFile, Row
from aftercar.cases.settings import DEFAULTS, CausalitySettings
from aftercar.cases.site_assays import assay_sites
from aftercar.cases.statements import Axis, Evidence, Missing
from aftercar.cases.verdict import Site, verdict_sites
from aftercar.vocab.estimates import proportion
from aftercar.vocab.genomes import bare_contig
from aftercar.vocab.sources import Source

ROLE_VALUES = ("probable_driver", "plausible_contributor", "passenger", "not_assessable")
_WINDOW = 5  # bases by which assays place the same junction apart (target-site duplication)
_RANK = {value: rank for rank, value in enumerate(reversed(ROLE_VALUES))}
_DISTURBED = ("truncation", "overexpression", "silencing", "fusion_transcript", "loss_of_function", "gain_of_function")

_LISTED = {
    "oncogene": "at an oncogene of T-cell cancer",
    "tumour_suppressor": "at a tumour suppressor of T-cell cancer",
    "insertional": "at a gene of insertional leukaemia in earlier gene therapy",
    "reported": "at a gene claimed as a contributor in a published case",
}

ASK_MAPPING = Missing(
    "integration sites of the tumour",
    "integration-site analysis (LM-PCR, capture, genome sequencing) of tumour cells",
    "findings (kind integration)",
)
ASK_EXPRESSION = Missing(
    "expression of the genes around the site",
    "RNA sequencing of tumour cells against CAR T cells without the site",
    "findings.effect",
)
ASK_SHARE = Missing(
    "the fraction of tumour cells with the site", "clone size of the site in sorted tumour cells", "findings.cell_fraction"
)
ASK_BASE_RATE = Missing(
    "how often ordinary products have an insertion at the gene",
    "a table of integration sites of infusion products",
    "base rates",
)


@dataclass(frozen=True, slots=True)
class SiteRole:
    """The judgement on one site."""

    site: Site
    value: str
    because: str
    reasons: tuple[Evidence, ...]
    missing: tuple[Missing, ...]


def tumour_sites(case: CaseFile, settings: CausalitySettings = DEFAULTS) -> tuple[Site, ...]:
    """The tumour's integration sites: from the verdict, ``findings`` and site assays (same gene or place is one site)."""
    effects = {row["gene"]: row["effect"] for row in case.findings if row["kind"] == "expression" and row["gene"]}
    found = [_site_of(row, effects) for row in case.findings if is_tumour_site(row)]
    if case.verdict is not None:
        found += [replace(site, effect=effects.get(site.gene or "")) for site in verdict_sites(case.verdict)]
    found += [replace(site, effect=effects.get(site.gene or "")) for site in assay_sites(case, settings)]
    merged: list[Site] = []
    for site in found:
        twin = next((old for old in merged if _same(old, site)), None)
        if twin is None:
            merged.append(site)
        else:
            merged[merged.index(twin)] = _filled(twin, site)
    return tuple(merged)


def role_of_insertion(
    case: CaseFile,
    origin: Axis,
    settings: CausalitySettings,
    *,
    base_rates: Mapping[str, tuple[int, int]] | None = None,
    other_tumours: Mapping[str, int] | None = None,
    cancer_genes: Mapping[str, GeneFact] | None = None,
) -> Axis:
    """Axis B: ``probable_driver``, ``plausible_contributor``, ``passenger`` or ``not_assessable``, with its evidence."""
    if origin.value == "not_tested":
        return Axis("not_assessable", "the tumour was not tested", "none", (), (*origin.missing, ASK_MAPPING))
    if origin.value == "not_car_derived":
        return Axis(
            "not_assessable", "no vector was found in the tumour, so there is no insertion to judge", "none", origin.reasons
        )
    sites = tumour_sites(case, settings)
    if not sites:
        return Axis("not_assessable", "no integration site of the tumour is known", "none", (), (ASK_MAPPING,))
    genes = T_CELL_CANCER_GENES if cancer_genes is None else cancer_genes
    judged = [judge_site(site, settings, base_rates, other_tumours or {}, genes) for site in sites]
    reasons = tuple(reason for item in judged for reason in item.reasons)
    missing = tuple(dict.fromkeys(gap for item in judged for gap in item.missing))
    if origin.value == "indeterminate":
        because = (
            "it is not settled whether the tumour carries the vector, so the sites found may be those of bystander CAR T cells"
        )
        return Axis("not_assessable", because, "none", reasons, tuple(dict.fromkeys((*origin.missing, *missing))))
    best = max(judged, key=lambda item: _RANK[item.value])
    measured = any(item.site.cell_fraction is not None or item.site.effect not in (None, "unknown") for item in judged)
    because = "; ".join(f"{item.site.name}: {item.because}" for item in judged)
    if best.value == "passenger" and any(item.value == "not_assessable" for item in judged):
        best = next(item for item in judged if item.value == "not_assessable")
    return Axis(best.value, because, "measured" if measured else "reported", reasons, missing)


def judge_site(
    site: Site,
    settings: CausalitySettings,
    base_rates: Mapping[str, tuple[int, int]] | None,
    other_tumours: Mapping[str, int],
    cancer_genes: Mapping[str, GeneFact],
) -> SiteRole:
    """The role of one site, with every reason considered."""
    reasons: list[Evidence] = []
    missing: list[Missing] = []

    def note(column: str, value: str, says: str, speaks: str = "neutral") -> None:
        reasons.append(Evidence(f"{site.field}.{column}", site.row, value, f"{site.name}: {says}", speaks))  # type: ignore[arg-type]

    clonal = _clonality(site, settings, note, missing)
    disturbed = site.effect in _DISTURBED
    if disturbed:
        note("effect", str(site.effect), f"the gene is disturbed ({str(site.effect).replace('_', ' ')})", "for")
    elif site.effect == "none_seen":
        note("effect", "none_seen", "expression and structure of the gene are unchanged", "against")
    else:
        missing.append(ASK_EXPRESSION)
    fact = cancer_genes.get(site.gene or "")
    near = site.distance is None or abs(site.distance) <= settings.near_gene_bases
    if fact is not None and near:
        note("gene", site.gene or "", f"{fact.kind.replace('_', ' ')}: {fact.why} ({fact.source})", "for")
    elif fact is not None:
        note("gene", site.gene or "", f"a listed gene, but {abs(site.distance or 0):,} bases away", "neutral")
    common = _base_rate(site, settings, base_rates, note, missing)
    others = other_tumours.get(site.gene or "", 0)
    if others:
        note("gene", site.gene or "", f"an insertion at the same gene in tumours of {others} other patient(s)", "for")
    value, because = _weigh(clonal, disturbed, site.effect == "none_seen", fact if near else None, common, others)
    return SiteRole(site, value, because, tuple(reasons), tuple(missing))


def base_rate_of(gene: str, base_rates: Mapping[str, tuple[int, int]] | None) -> BaseRate | None:
    """The base rate of a gene: from the table given, else from what is known; a gene absent from a given table has 0 hits."""
    if base_rates is not None:
        given = Source("base-rate table given by the study", "measured")
        if gene in base_rates:
            return BaseRate(gene, *base_rates[gene], given)
        products = max((of for _, of in base_rates.values()), default=0)
        return BaseRate(gene, 0, products, given) if products else None
    return KNOWN_BASE_RATES.get(gene)


def _weigh(
    clonal: bool | None, disturbed: bool, unchanged: bool, fact: GeneFact | None, common: bool | None, others: int
) -> tuple[str, str]:
    if clonal is False and not disturbed:
        return "passenger", "absent from most tumour cells and no effect on a gene shown"
    if disturbed and fact is not None and clonal:
        return "probable_driver", "clonal, at a listed gene, with a shown effect on it"
    if disturbed:
        return "plausible_contributor", "an effect on the gene is shown"
    if unchanged:
        return "passenger", "no effect on the gene was seen"
    if fact is not None and not common:
        return "plausible_contributor", f"{_LISTED.get(fact.kind, 'at a listed gene')}; no effect on it was looked for"
    if others and not common:
        return "plausible_contributor", f"recurrent: the same gene in tumours of {others} other patient(s)"
    if common:
        return "not_assessable", "insertions at this gene are common in ordinary products, and no effect on it was looked for"
    return "not_assessable", "not a known gene of T-cell cancer, and no effect on it was looked for"


def _clonality(site: Site, settings: CausalitySettings, note: object, missing: list[Missing]) -> bool | None:
    assert callable(note)
    if site.cell_fraction is None:
        missing.append(ASK_SHARE)
        return None
    clonal = site.cell_fraction >= settings.clonal_site_fraction
    words = "clonal" if clonal else "in a minority"
    note(
        "cell_fraction",
        f"{site.cell_fraction:.3g}",
        f"{words}: {site.cell_fraction:.0%} of tumour cells",
        "for" if clonal else "against",
    )
    return clonal


def _base_rate(
    site: Site,
    settings: CausalitySettings,
    base_rates: Mapping[str, tuple[int, int]] | None,
    note: object,
    missing: list[Missing],
) -> bool | None:
    assert callable(note)
    rate = base_rate_of(site.gene, base_rates) if site.gene else None
    if rate is None or rate.products == 0:
        missing.append(ASK_BASE_RATE)
        return None
    share = proportion(rate.hits, rate.products, unit="products")
    common = share.value >= settings.common_base_rate
    says = (
        f"ordinary products have an insertion at the gene in {rate.hits} of {rate.products}, {share.percent(0)} ({rate.source})"
    )
    note("gene", rate.gene, says, "against" if common else "neutral")
    return common


def _site_of(row: Row, effects: Mapping[str, str]) -> Site:
    effect = row["effect"] if row["effect"] not in (None, "unknown") else effects.get(row["gene"])
    return Site(
        "findings",
        row["finding_id"],
        row["gene"],
        row["chrom"],
        row["position"],
        row["orientation"],
        row["cell_fraction"],
        None,
        effect,
        row["description"],
    )


def _same(one: Site, other: Site) -> bool:
    if one.chrom and other.chrom and one.pos and other.pos:
        return bare_contig(one.chrom) == bare_contig(other.chrom) and abs(one.pos - other.pos) <= _WINDOW
    return one.gene is not None and one.gene == other.gene


def _filled(site: Site, other: Site) -> Site:
    """``site`` with what it does not know taken from ``other``; of two cell fractions the larger one."""
    gaps = {item.name: getattr(other, item.name) for item in fields(Site) if getattr(site, item.name) is None}
    if site.cell_fraction is not None and other.cell_fraction is not None:
        gaps["cell_fraction"] = max(site.cell_fraction, other.cell_fraction)
    return replace(site, **gaps)


__all__ = ["ROLE_VALUES", "SiteRole", "base_rate_of", "judge_site", "role_of_insertion", "tumour_sites"]
