"""Calling clonal haematopoiesis: every variant, every check, every reason.

A variant is a ``driver`` when every check passes, ``rejected`` when one fails, and ``unconfirmed`` when nothing fails but the
file does not say enough. We say clonal haematopoiesis, not CHIP: the people treated have a blood cancer already.

    >>> from aftercar.biomarkers.rule_sets import Filters, GeneRule, RuleSet
    >>> from aftercar.biomarkers.variants import Annotation, Variant
    >>> rules = RuleSet("demo", "1", "", Filters(), {"JAK2": GeneRule("JAK2", ("myeloid",), missense=("V617F",))})
    >>> notes = (Annotation("JAK2", "missense", "V617F"),)
    >>> judge(Variant("s1", "9", 5073770, "G", "T", ("PASS",), 812, 41, population=0.0, annotations=notes), rules).verdict
    'driver'
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from scipy.special import bdtr

from aftercar.biomarkers.rule_sets import GeneRule, RuleSet
from aftercar.biomarkers.variants import Annotation, Variant

Outcome = Literal["pass", "fail", "unknown"]
Verdict = Literal["driver", "unconfirmed", "rejected"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one variant: its name, how it ended, and the figures in words."""

    name: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A variant of a listed gene with every check.

    Attributes:
        variant: what the file said.
        gene, protein, kind: from the transcript that was judged.
        lineage: tags of the gene.
        verdict: ``driver``, ``unconfirmed`` or ``rejected``.
        checks: every check in a fixed order; none is left out after a failure.
    """

    variant: Variant
    gene: str
    protein: str
    kind: str
    lineage: tuple[str, ...]
    verdict: Verdict
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not a driver; empty for a driver."""
        return tuple(f"{check.name}: {check.reason}" for check in self.checks if check.outcome != "pass")


def judge(variant: Variant, rules: RuleSet) -> Judged | None:
    """Every check of a variant, or None when no transcript lies in a listed gene."""
    chosen = choose_annotation(variant.annotations, rules)
    if chosen is None:
        return None
    annotation, rule = chosen
    checks = (
        _caller_filter(variant, rules),
        _at_least("depth", variant.depth, rules.filters.min_depth, "reads"),
        _at_least("alt_reads", variant.alt_reads, rules.filters.min_alt_reads, "reads with the allele"),
        _fraction(variant, rules),
        _strands(variant, rules),
        _population(variant, rules),
        _homopolymer(variant, annotation, rule, rules),
        _germline(variant, annotation, rule, rules),
        _normal(variant, rules),
        _definition(annotation, rule),
    )
    failed = any(check.outcome == "fail" for check in checks)
    open_ = any(check.outcome == "unknown" and check.name not in rules.filters.may_be_unknown for check in checks)
    verdict: Verdict = "rejected" if failed else "unconfirmed" if open_ else "driver"
    return Judged(variant, annotation.gene, annotation.protein, annotation.kind, rule.lineage, verdict, checks)


def choose_annotation(annotations: Sequence[Annotation], rules: RuleSet) -> tuple[Annotation, GeneRule] | None:
    """The transcript to judge by: the rule's own, else the annotator's preferred, else the first that meets the rule."""
    listed = [a for a in annotations if a.gene in rules.genes]
    if not listed:
        return None

    def rank(a: Annotation) -> tuple[bool, bool, bool]:
        rule = rules.genes[a.gene]
        return (a.transcript.partition(".")[0] in rule.transcripts, a.preferred, bool(rule.matches(a)))

    best = max(listed, key=rank)
    return best, rules.genes[best.gene]


def _caller_filter(variant: Variant, rules: RuleSet) -> Check:
    if not variant.filters:
        return Check("caller_filter", "unknown", "the caller's filter is not given")
    objections = [name for name in variant.filters if name not in rules.filters.accepted_filters]
    if objections:
        return Check("caller_filter", "fail", f"the caller filtered it: {', '.join(objections)}")
    return Check("caller_filter", "pass", ", ".join(variant.filters))


def _at_least(name: str, value: int | None, limit: int, unit: str) -> Check:
    if value is None:
        return Check(name, "unknown", f"{unit} not given")
    return Check(name, "pass" if value >= limit else "fail", f"{value} {unit}, at least {limit} wanted")


def _fraction(variant: Variant, rules: RuleSet) -> Check:
    value, limit = variant.fraction, rules.filters.min_fraction
    if value is None:
        return Check("allele_fraction", "unknown", "allele fraction not given")
    return Check("allele_fraction", "pass" if value >= limit else "fail", f"{value:.4f}, at least {limit:g} wanted")


def _strands(variant: Variant, rules: RuleSet) -> Check:
    limit = rules.filters.min_each_strand
    if limit == 0:
        return Check("both_strands", "pass", "not asked for")
    if variant.forward is None or variant.reverse is None:
        return Check("both_strands", "unknown", "reads by strand not given")
    good = min(variant.forward, variant.reverse) >= limit
    return Check("both_strands", "pass" if good else "fail", f"{variant.forward} forward and {variant.reverse} reverse")


def _population(variant: Variant, rules: RuleSet) -> Check:
    value, limit = variant.population, rules.filters.max_population
    if value is None:
        return Check("population", "unknown", "the file has no population frequency")
    return Check("population", "pass" if value < limit else "fail", f"frequency {value:.3g}, below {limit:g} wanted")


def _homopolymer(variant: Variant, annotation: Annotation, rule: GeneRule, rules: RuleSet) -> Check:
    if not variant.is_indel:
        return Check("homopolymer", "pass", "no indel")
    if variant.homopolymer is None:
        return Check("homopolymer", "unknown", "the sequence around the indel is not given")
    if variant.homopolymer < rules.filters.homopolymer:
        return Check("homopolymer", "pass", f"run of {variant.homopolymer}")
    for change, least in rule.homopolymer_exempt.items():
        if annotation.protein.startswith(change) and (variant.fraction or 0.0) >= least:
            return Check("homopolymer", "pass", f"run of {variant.homopolymer}, but {change} counts from fraction {least:g}")
    return Check(
        "homopolymer", "fail", f"indel in a run of {variant.homopolymer}, {rules.filters.homopolymer} or more are artefacts"
    )


def _germline(variant: Variant, annotation: Annotation, rule: GeneRule, rules: RuleSet) -> Check:
    if rule.germline_exempt and rule.is_exact(annotation.protein):
        return Check("germline", "pass", f"{annotation.protein} is listed by name")
    if variant.alt_reads is None or not variant.depth:
        return Check("germline", "unknown", "read counts not given")
    p = against_half(min(variant.alt_reads, variant.depth), variant.depth)
    words = f"{variant.alt_reads} of {variant.depth} reads against one half, p = {p:.2g}"
    if p >= rules.filters.germline_p:
        return Check("germline", "fail", f"{words}: fits a heterozygous germline variant")
    if variant.alt_reads / variant.depth > 0.5:
        return Check("germline", "fail", f"{words}: above one half, fits a homozygous germline variant")
    return Check("germline", "pass", words)


@lru_cache(maxsize=8192)
def against_half(successes: int, trials: int) -> float:
    """Exact two-sided binomial p against one half; the law is symmetric, so it is twice the smaller tail."""
    return min(1.0, 2 * float(bdtr(min(successes, trials - successes), trials, 0.5)))


def _normal(variant: Variant, rules: RuleSet) -> Check:
    if variant.normal_alt_reads is None or not variant.normal_depth:
        return Check("matched_normal", "unknown", "no matched normal sample")
    fraction = variant.normal_alt_reads / variant.normal_depth
    good = fraction <= rules.filters.max_normal_fraction
    words = f"{variant.normal_alt_reads} of {variant.normal_depth} reads in the normal"
    return Check("matched_normal", "pass" if good else "fail", words)


def _definition(annotation: Annotation, rule: GeneRule) -> Check:
    found = rule.matches(annotation)
    if found:
        return Check("definition", "pass", found)
    if annotation.kind == "unknown" or (annotation.kind in ("missense", "inframe") and not annotation.protein):
        return Check("definition", "unknown", "the consequence is not given")
    return Check(
        "definition",
        "fail",
        f"{annotation.kind} {annotation.protein} of {rule.gene} is not in the definitions".replace("  ", " "),
    )


@dataclass(frozen=True)
class SampleCalls:
    """All variants of one sample, judged.

    Attributes:
        sample: its name.
        judged: variants in listed genes, in file order.
        others: variants outside the listed genes (counted, not kept).
        skipped: alleles that are no small variant, by kind (star, symbolic, reference block).
        rules: label of the rule set.
    """

    sample: str
    judged: tuple[Judged, ...]
    others: int
    skipped: tuple[tuple[str, int], ...]
    rules: str

    @property
    def drivers(self) -> tuple[Judged, ...]:
        """Variants that passed every check."""
        return tuple(j for j in self.judged if j.verdict == "driver")


def call_sample(sample: str, variants: Iterable[Variant], rules: RuleSet, skipped: Sequence[tuple[str, int]] = ()) -> SampleCalls:
    """Judge every variant of one sample; memory grows with its listed genes only."""
    judged, others = [], 0
    for variant in variants:
        found = judge(variant, rules)
        if found is None:
            others += 1
        else:
            judged.append(found)
    return SampleCalls(sample, tuple(judged), others, tuple(skipped), rules.label)
