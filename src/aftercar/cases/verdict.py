"""Reading ``verdict.json``: numbers may stand alone or with their interval, genes by name or with their distance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CALLS = ("present_clonal", "present_subclonal", "not_detected", "inconclusive", "contamination_suspected")


@dataclass(frozen=True, slots=True)
class Site:
    """One integration site of the tumour, from the verdict or from a row of ``findings``.

    ``pos`` is 1-based, the last host base before the provirus in reference orientation. ``cell_fraction`` is the
    fraction of tumour cells; ``distance`` is in bases (0 inside the gene). None is unknown throughout.
    """

    field: str
    row: str
    gene: str | None
    chrom: str | None = None
    pos: int | None = None
    orientation: str | None = None
    cell_fraction: float | None = None
    distance: int | None = None
    effect: str | None = None
    feature: str | None = None

    @property
    def name(self) -> str:
        """The site in words: gene and place, as far as known."""
        place = f"{self.chrom}:{self.pos:,}" if self.chrom and self.pos else self.chrom or ""
        return (
            " ".join(part for part in (self.gene or "", f"({place})" if self.gene and place else place) if part) or "unnamed site"
        )


def number(value: Any, *more: str) -> float | None:
    """The number in ``value``: itself, or the first of the keys ``value``, ``estimate``, ``fraction`` and ``more``."""
    if isinstance(value, Mapping):
        return next(
            (found for key in ("value", "estimate", "fraction", *more) if (found := number(value.get(key))) is not None), None
        )
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        return None
    return float(value)


def detection_limit(verdict: Mapping[str, Any]) -> float | None:
    """The fraction of tumour cells below which a clone could have been missed; None when the verdict names none.

    A limit that is a fraction of all cells, because the purity is not known, is no limit for the tumour.
    """
    limit = verdict.get("detection_limit")
    if isinstance(limit, Mapping) and "all cells" in str(limit.get("unit", "")):
        return None
    return number(limit)


def verdict_sites(verdict: Mapping[str, Any]) -> tuple[Site, ...]:
    """The sites of a verdict that passed its filters."""
    found = []
    for i, site in enumerate(verdict.get("sites") or ()):
        if site.get("filter", "PASS") != "PASS":
            continue
        gene = site.get("gene")
        name = (gene.get("name") or gene.get("symbol") or gene.get("gene")) if isinstance(gene, Mapping) else gene
        distance = site.get("distance", gene.get("distance") if isinstance(gene, Mapping) else None)
        found.append(
            Site(
                f"verdict.sites[{i}]",
                "",
                name or None,
                site.get("chrom"),
                site.get("pos"),
                site.get("orientation"),
                _tumour_fraction(site),
                None if distance is None else int(distance),
                None,
                site.get("gene_feature", gene.get("feature") if isinstance(gene, Mapping) else None),
            )
        )
    return tuple(found)


def _tumour_fraction(site: Mapping[str, Any]) -> float | None:
    """The fraction of tumour cells with the site; where the purity is not known, the fraction of all cells, which is lower."""
    of_tumour = number(site.get("tumour_cell_fraction"))
    return of_tumour if of_tumour is not None else number(site.get("cell_fraction"))
