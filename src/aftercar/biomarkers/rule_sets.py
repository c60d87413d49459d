"""Rule sets: what counts as a clonal-haematopoiesis driver, versioned, each fact with its source.

A rule set is a small TOML file: filters that apply to every variant, and for each gene which changes count. Small
changes of filters move associations (Vlasschaert et al., Blood 2023;141:2214), so every result names the rule set,
its version and its fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, get_args

from aftercar.biomarkers.variants import TRUNCATING, Annotation, Class, residue
from aftercar.errors import InputError
from aftercar.vocab.sources import MARKS

LINEAGES = ("myeloid", "lymphoid", "t_lineage", "therapy_related")
CHECKS = (
    "caller_filter",
    "depth",
    "alt_reads",
    "allele_fraction",
    "both_strands",
    "population",
    "homopolymer",
    "germline",
    "matched_normal",
    "definition",
)


class BadRuleSet(InputError):
    """A rule set that cannot be used."""

    code = "rule-set"


@dataclass(frozen=True)
class Filters:
    """Limits that apply to every variant.

    Attributes:
        min_fraction: smallest allele fraction, in (0, 1).
        min_depth: fewest reads at the place.
        min_alt_reads: fewest reads with the allele.
        min_each_strand: fewest of them on each strand; 0 leaves the check out.
        max_population: a population frequency at or above this fails.
        germline_p: a two-sided binomial test against one half with p at or above this fails as germline.
        homopolymer: an indel in a run of this many bases fails.
        max_normal_fraction: an allele fraction above this in a matched normal fails.
        accepted_filters: filters of the caller that are no objection.
        may_be_unknown: checks that do not hold a variant back when the file does not say.
    """

    min_fraction: float = 0.02
    min_depth: int = 20
    min_alt_reads: int = 3
    min_each_strand: int = 1
    max_population: float = 0.005
    germline_p: float = 0.001
    homopolymer: int = 5
    max_normal_fraction: float = 0.02
    accepted_filters: tuple[str, ...] = ("PASS",)
    may_be_unknown: tuple[str, ...] = ("both_strands", "homopolymer", "matched_normal")


@dataclass(frozen=True)
class GeneRule:
    """Which changes of one gene count.

    Attributes:
        gene: symbol.
        lineage: any of :data:`LINEAGES`.
        truncating: frameshift, stop and essential splice changes count; a list of residues limits where.
        missense: ``any``, or exact changes (``R882H``), residues (``R882``, ``882``) and ranges (``634-912``).
        inframe: the same for in-frame insertions and deletions.
        transcripts: identifiers without version whose numbering is meant; empty takes any.
        germline_exempt: changes listed exactly skip the germline test (a large clone of a known hot spot).
        homopolymer_exempt: changes that count in spite of a homopolymer, each with its own smallest allele fraction.
        source, mark: where the definition comes from and how well that was checked.
    """

    gene: str
    lineage: tuple[str, ...]
    truncating: bool | tuple[str, ...] = False
    missense: tuple[str, ...] = ()
    inframe: tuple[str, ...] = ()
    transcripts: tuple[str, ...] = ()
    germline_exempt: bool = True
    homopolymer_exempt: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    mark: str = "recalled"

    def matches(self, annotation: Annotation) -> str:
        """Which part of the rule the change meets, in words; "" when none."""
        if annotation.kind in TRUNCATING:
            if self.truncating is True:
                return f"{annotation.kind} in {self.gene}"
            if isinstance(self.truncating, tuple) and _listed(annotation.protein, self.truncating):
                return f"{annotation.kind} in residues {', '.join(self.truncating)} of {self.gene}"
            return ""
        wanted: dict[Class, tuple[str, ...]] = {"missense": self.missense, "inframe": self.inframe}
        found = _listed(annotation.protein, wanted.get(annotation.kind, ()))
        return f"{annotation.kind} {annotation.protein or '(change not given)'} listed as {found}" if found else ""

    def is_exact(self, protein: str) -> bool:
        """Whether this very change, or its residue with the amino acid named, is listed."""
        number = residue(protein)
        return protein in self.missense or (number is not None and f"{protein[0]}{number}" in self.missense)


@dataclass(frozen=True)
class RuleSet:
    """Filters and gene rules under one name and version."""

    name: str
    version: str
    about: str
    filters: Filters
    genes: Mapping[str, GeneRule]

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits that change when anything of the rules changes."""
        content = [
            self.name,
            self.version,
            vars(self.filters),
            {g: {k: dict(v) if isinstance(v, Mapping) else v for k, v in vars(r).items()} for g, r in sorted(self.genes.items())},
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=list).encode()).hexdigest()[:12]

    def for_panel(self, genes: Sequence[str]) -> RuleSet:
        """The same rules for the genes of a panel only, so that "negative" asks for no gene that was not sequenced.

        Raises:
            BadRuleSet: for a gene without a rule.
        """
        unknown = [gene for gene in genes if gene not in self.genes]
        if unknown:
            raise BadRuleSet(f"{unknown[0]} has no rule", where=self.label, fix="leave it out, or give a rule set that has it")
        return replace(self, name=f"{self.name}, panel of {len(genes)} genes", genes={gene: self.genes[gene] for gene in genes})

    @property
    def label(self) -> str:
        """Name, version and fingerprint as one text."""
        return f"{self.name} {self.version} ({self.fingerprint})"


def _listed(protein: str, entries: tuple[str, ...]) -> str:
    """The entry that covers a change, or ""."""
    if "any" in entries:
        return "any"
    number = residue(protein)
    if number is None:
        return ""
    for entry in entries:
        low, dash, high = entry.partition("-")
        if dash and low.isdigit() and high.isdigit():
            if int(low) <= number <= int(high):
                return entry
        elif entry in (protein, f"{protein[0]}{number}", str(number)):
            return entry
    return ""


def rule_set(content: Mapping[str, Any], *, where: str) -> RuleSet:
    """A rule set from parsed TOML.

    Raises:
        BadRuleSet: naming the gene and key that is wrong.
    """

    def wrong(what: str, place: str, fix: str = "") -> BadRuleSet:
        return BadRuleSet(what, where=f"{where}, {place}", fix=fix)

    head = content.get("rule_set")
    if not isinstance(head, Mapping) or not all(isinstance(head.get(key), str) and head[key] for key in ("name", "version")):
        raise wrong("the rule set has no name or version", "[rule_set]", 'write [rule_set] with name = "..." and version = "..."')
    given = content.get("filters", {})
    unknown = [key for key in given if key not in Filters.__dataclass_fields__]
    if unknown:
        raise wrong(f"unknown filter {unknown[0]}", "[filters]", f"the filters are {', '.join(Filters.__dataclass_fields__)}")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    filters = Filters(**values)
    _check_filters(filters, wrong)
    genes: dict[str, GeneRule] = {}
    for number, entry in enumerate(content.get("gene", []), 1):
        symbol = entry.get("gene")
        if not isinstance(symbol, str) or not symbol:
            raise wrong("a gene has no symbol", f"[[gene]] number {number}", 'write gene = "TET2"')
        if symbol in genes:
            raise wrong("the gene stands twice", symbol, "join the two entries")
        unknown = [key for key in entry if key not in GeneRule.__dataclass_fields__]
        if unknown:
            raise wrong(f"unknown key {unknown[0]}", symbol, f"the keys are {', '.join(GeneRule.__dataclass_fields__)}")
        keys: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
        rule = GeneRule(**keys)
        if not rule.lineage or any(tag not in LINEAGES for tag in rule.lineage):
            raise wrong(f"lineage {list(rule.lineage)} is not known", symbol, f"use {', '.join(LINEAGES)}")
        if rule.mark not in MARKS:
            raise wrong(f"mark {rule.mark!r} is not known", symbol, f"use one of {', '.join(MARKS)}")
        if not (rule.truncating or rule.missense or rule.inframe):
            raise wrong("no change of the gene counts", symbol, "give truncating, missense or inframe")
        genes[symbol] = rule
    if not genes:
        raise wrong("the rule set names no gene", "[[gene]]")
    return RuleSet(head["name"], head["version"], str(head.get("about", "")), filters, genes)


def _check_filters(filters: Filters, wrong: Any) -> None:
    for key in ("min_fraction", "max_population", "germline_p", "max_normal_fraction"):
        if not 0 <= getattr(filters, key) <= 1:
            raise wrong(f"{key} = {getattr(filters, key)} is not between 0 and 1", "[filters]")
    for key in ("min_depth", "min_alt_reads", "min_each_strand", "homopolymer"):
        if not isinstance(getattr(filters, key), int) or getattr(filters, key) < 0:
            raise wrong(f"{key} = {getattr(filters, key)} is not a whole number from 0", "[filters]")
    bad = [name for name in filters.may_be_unknown if name not in CHECKS]
    if bad:
        raise wrong(f"may_be_unknown names no check: {bad[0]}", "[filters]", f"the checks are {', '.join(CHECKS)}")


#: Classes that a rule can name (for the documentation).
CLASSES: tuple[Class, ...] = get_args(Class)
