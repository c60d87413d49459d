"""Thresholds of the registry, each a setting with its source. None of them suppresses anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aftercar.errors import InputError
from aftercar.vocab.sources import Source


class BadSetting(InputError):
    """A setting that is unknown or out of range."""

    code = "bad-setting"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a site may set; :data:`SOURCES` says where each default comes from.

    Attributes:
        persistence_fraction: vector-positive fraction of cells that asks for integration-site analysis.
        contraction_days: time after infusion within which values above it are expected expansion.
        rise_factor: rise over the lowest earlier value that counts as a rise after contraction.
        clone_share: share of all clones that counts as predominant.
        clone_repeat_months: within this time a predominant clone is looked for again.
        most_vcn: copies per transduced cell assumed at most when the product's is not known.
        pg_per_genome_low, pg_per_genome_high: mass of a diploid genome in picograms.
        lost_after_days: without news for longer, a person with an open task is lost to follow-up.
        last_grace_days: how long the last task of a rule stays overdue before it is missed.
        small_cell: counts from 1 to below this are masked.
        level: confidence level of every interval.
        valid_negative_below: a "not detected" counts only when its detection limit (fraction of tumour cells) is below this.
        near_gene_bases: distance within which a site is near a gene.
    """

    persistence_fraction: float = 0.01
    contraction_days: int = 43
    rise_factor: float = 3.0
    clone_share: float = 0.20
    clone_repeat_months: int = 3
    most_vcn: float = 5.0
    pg_per_genome_low: float = 6.3
    pg_per_genome_high: float = 6.6
    lost_after_days: int = 730
    last_grace_days: int = 365
    small_cell: int = 5
    level: float = 0.95
    valid_negative_below: float = 0.2
    near_gene_bases: int = 50_000


SOURCES: Mapping[str, Source] = {
    "persistence_fraction": Source(
        "Marcucci et al., Mol Ther 2018 (PMID 29203150): 1% vector sequence in blood triggers integration-site analysis", "seen"
    ),
    "contraction_days": Source(
        "Marcucci et al., Mol Ther 2018: median 1.4 months to below 1% in haematological malignancy; 43 days is 1.4 months",
        "seen",
    ),
    "rise_factor": Source("AfterCAR's: half a log, about the spread of repeated qPCR", "derived"),
    "clone_share": Source(
        "A reporting criterion of some trials (patient reports of the Bushman laboratory, 2017); not a regulator's threshold",
        "seen",
    ),
    "clone_repeat_months": Source(
        "FDA, long-term follow-up guidance, January 2020: repeat no more than 3 months later", "recalled"
    ),
    "most_vcn": Source("Release limit that many products keep: fewer than 5 copies per transduced cell", "recalled"),
    "pg_per_genome_low": Source("Convention of CAR-T assays, 6.3 to 6.6 pg a diploid genome", "recalled"),
    "pg_per_genome_high": Source("Convention of CAR-T assays, 6.3 to 6.6 pg a diploid genome", "recalled"),
    "lost_after_days": Source("AfterCAR's: two yearly contacts without news", "derived"),
    "last_grace_days": Source("AfterCAR's", "derived"),
    "small_cell": Source("Common disclosure rule: counts below 5 are not shown", "recalled"),
    "level": Source("Convention", "derived"),
    "valid_negative_below": Source("AfterCAR's working value, without validation", "derived"),
    "near_gene_bases": Source("AfterCAR's working value: 50 kilobases on either side", "derived"),
}

#: What each says, in a sentence for people.
ABOUT: Mapping[str, str] = {
    "persistence_fraction": "Vector-positive fraction of cells that asks for integration-site analysis (0.01 is 1% of cells).",
    "contraction_days": "Days after infusion within which values above it are expected expansion.",
    "rise_factor": "Rise over the lowest earlier value that counts as a rise after contraction.",
    "clone_share": "Share of all clones that counts as predominant: the clonality trigger.",
    "clone_repeat_months": "Months within which a predominant clone is looked for again.",
    "most_vcn": "Copies per transduced cell assumed at most when the product's are not known.",
    "pg_per_genome_low": "Mass of a diploid genome in picograms, at least.",
    "pg_per_genome_high": "Mass of a diploid genome in picograms, at most.",
    "lost_after_days": "Days without news after which a person with an open task is lost to follow-up.",
    "last_grace_days": "Days that the last task of a rule stays overdue before it is missed.",
    "small_cell": "Counts from 1 to below this are masked where small counts may not leave.",
    "level": "Confidence level of every interval.",
    "valid_negative_below": "A 'not detected' counts only when its detection limit (fraction of tumour cells) is below this.",
    "near_gene_bases": "Bases within which a site is called near a gene.",
}

LIMITS: Mapping[str, tuple[float, float]] = {
    "persistence_fraction": (1e-6, 1),
    "contraction_days": (0, 3650),
    "rise_factor": (1, 1000),
    "clone_share": (0.001, 1),
    "clone_repeat_months": (1, 12),
    "most_vcn": (1, 100),
    "pg_per_genome_low": (5, 8),
    "pg_per_genome_high": (5, 8),
    "lost_after_days": (30, 36_500),
    "last_grace_days": (0, 36_500),
    "small_cell": (0, 100),
    "level": (0.5, 0.9999),
    "valid_negative_below": (1e-6, 1),
    "near_gene_bases": (0, 10_000_000),
}


def read_settings(given: object, base: Settings | None = None, *, where: str = "[settings]") -> Settings:
    """Settings with the given values in place of the base's.

    Raises:
        BadSetting: for an unknown name or a value out of range.
    """
    base = base or Settings()
    if not isinstance(given, Mapping):
        raise BadSetting("settings is not a table", where=where, fix="write [settings] and key = value lines")
    changes: dict[str, Any] = {}
    for name, value in given.items():
        if name not in LIMITS:
            raise BadSetting(f"unknown setting {name!r}", where=where, fix=f"the settings are {', '.join(LIMITS)}")
        low, high = LIMITS[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise BadSetting(f"{name} = {value!r} is not a number from {low:g} to {high:g}", where=where)
        changes[name] = type(getattr(base, name))(value)
    found = replace(base, **changes)
    if found.pg_per_genome_low > found.pg_per_genome_high:
        raise BadSetting("pg_per_genome_low is above pg_per_genome_high", where=where)
    return found
